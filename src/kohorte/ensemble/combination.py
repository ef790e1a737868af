"""An ensemble combined from its contingency counts: significance, groups, agreement, and votes."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from kohorte.ensemble.agreement import pairwise_ari, pairwise_nmi
from kohorte.ensemble.consensus import Grouping, group_clusters
from kohorte.ensemble.overlaps import Overlaps
from kohorte.ensemble.significance import (
    THRESHOLD,
    Separation,
    gsum,
    rank_clusters,
    sce_groups,
    separate,
)
from kohorte.ensemble.votes import Voters

COMBINED_WITH = ("identical", "threshold", "consensus", "groups")
"""What `combine` takes beside the counts."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Ensemble(Voters):
    """R labellings of the same N points, combined. K clusters in all.

    `label` and `stream` give the points their groups, with confidence and stacked signal.
    Everything follows from the counts `overlaps`: the significance `gsum` (K,) float64 of each
    cluster; `order` (K,) int64, clusters by descending significance; `separation`, the ranked curve
    cut into SCE groups; `sce_groups` (K,) int32, that of each cluster, 0 the most significant;
    `grouping`, consensus groups of the clusters; `ari` and `nmi` (R, R) float64, adjusted Rand
    index and normalized mutual information between realizations.
    """

    overlaps: Overlaps
    gsum: np.ndarray
    order: np.ndarray
    separation: Separation
    sce_groups: np.ndarray
    grouping: Grouping
    ari: np.ndarray
    nmi: np.ndarray

    def _voters(self) -> tuple[Overlaps, np.ndarray, np.ndarray]:
        return self.overlaps, self.gsum, self.grouping.groups


def combine(
    overlaps: Overlaps,
    *,
    identical: str = "resolved",
    threshold: float = THRESHOLD,
    consensus: str = "coassociation",
    groups: int | str = "auto",
    single: bool = False,
) -> Ensemble:
    """Combine R realizations by the statistically combined ensemble method and a consensus.

    `identical` is the significance of identical clusters, see significance.goodness; `threshold`
    the relative slope that separates SCE groups, negative; `consensus` how clusters are grouped, a
    name of consensus.CONSENSUS, and `groups` the number of groups, ``auto``, or the name of one of
    its rules; where these find a number for ``coassociation``, it is one if `single`, since no
    structure is significant (kohorte.structure). ConfigError for an argument out of range,
    DataError where a realization leaves out every point.
    """
    numbers = overlaps.n_realizations, overlaps.n_points, overlaps.n_clusters
    logger.info("%d realizations of %d points with %d clusters", *numbers)
    significance = gsum(overlaps, identical=identical)
    order = rank_clusters(significance)
    separation = separate(significance[order], threshold=threshold)
    return Ensemble(
        overlaps=overlaps,
        gsum=significance,
        order=order,
        separation=separation,
        sce_groups=sce_groups(order, separation),
        grouping=group_clusters(overlaps, groups, consensus, single=single),
        ari=pairwise_ari(overlaps),
        nmi=pairwise_nmi(overlaps),
    )
