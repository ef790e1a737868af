"""The whole ensemble step: label arrays in, significance and consensus out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kohorte.ensemble.agreement import pairwise_ari
from kohorte.ensemble.consensus import Consensus, find_consensus
from kohorte.ensemble.overlaps import Overlaps, count_overlaps
from kohorte.ensemble.significance import (
    Separation,
    gsum,
    rank_clusters,
    sce_groups,
    separate,
    stacked_signal,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ensemble:
    """R labellings of the same N points, combined. K clusters in all.

    Attributes:
        overlaps: the contingency counts that everything else follows from.
        gsum: (K,) float64 significance of each cluster.
        order: (K,) int, clusters by descending significance.
        separation: the ranked curve cut into SCE groups.
        sce_groups: (K,) int32 SCE group of each cluster, 0 the most significant.
        signal: (N,) float64 stacked signal.
        consensus: groups of clusters, labels and confidence of points.
        agreement: (R, R) float64 adjusted Rand index between realizations.
    """

    overlaps: Overlaps
    gsum: np.ndarray
    order: np.ndarray
    separation: Separation
    sce_groups: np.ndarray
    signal: np.ndarray
    consensus: Consensus
    agreement: np.ndarray

    @property
    def representative(self) -> int:
        """The realization that agrees best with all others, the first one on a tie."""
        return int(np.argmax(self.agreement.sum(axis=1)))


def combine(
    labels: Sequence[ArrayLike],
    *,
    identical: str = "resolved",
    threshold: float = -0.015,
    groups: int | str = "auto",
    backend: str = "auto",
) -> Ensemble:
    """Combine label arrays with the statistically combined ensemble method and a consensus.

    Args:
        labels: R arrays (or HDF5 datasets) of N cluster ids, made by any clusterer.
        identical: significance of identical clusters, see `significance.goodness`.
        threshold: relative slope that separates SCE groups, negative.
        groups: number of consensus groups, or `"auto"`.
        backend: what counts the overlaps, see `overlaps.BACKENDS`.
    """
    overlaps = count_overlaps(labels, backend=backend)
    logger.info("%d realizations with %d clusters", overlaps.n_realizations, len(overlaps.sizes))
    significance = gsum(overlaps, identical=identical)
    order = rank_clusters(significance)
    separation = separate(significance[order], threshold=threshold)
    return Ensemble(
        overlaps=overlaps,
        gsum=significance,
        order=order,
        separation=separation,
        sce_groups=sce_groups(order, separation),
        signal=stacked_signal(labels, overlaps, significance),
        consensus=find_consensus(labels, overlaps, n_groups=groups),
        agreement=pairwise_ari(overlaps),
    )
