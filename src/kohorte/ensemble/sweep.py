"""One ensemble for each setting of a sweep, from the counts of all realizations.

A *setting* is a combination of values of some parameters. The realizations that share it, whatever
their other parameters and repeats, make its ensemble. Each realization has one setting: the counts
of a setting are a part of those of the whole, and each label is read once for all settings.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kohorte.ensemble.agreement import label_ari
from kohorte.ensemble.combination import Ensemble, combine
from kohorte.ensemble.consensus import limit_groups
from kohorte.ensemble.labels import Labels
from kohorte.ensemble.overlaps import Overlaps, check_each, select_realizations
from kohorte.ensemble.significance import THRESHOLD
from kohorte.ensemble.stability import group_stability
from kohorte.errors import DataError


@dataclass(frozen=True, eq=False)
class SettingEnsemble:
    """The ensemble of one setting: its realizations, by their places in the whole, combined."""

    members: np.ndarray
    ensemble: Ensemble

    def select(self, labels: Labels) -> list:
        """Labels of its realizations among those of all, to label points with its ensemble."""
        return [labels[r] for r in self.members]


@dataclass(frozen=True)
class SettingMeasures:
    """How sure and how stable the ensemble of one setting is; NaN where it has no value.

    `agreement` is the mean adjusted Rand index of all pairs of its realizations;
    `agreement_with_all` that of its consensus with that of all realizations of the study. Means
    over the groups by their points: `found`, the share of its realizations that find a group, and
    `jaccard`, the mean Jaccard similarity of the clusters of a group, where one that one of several
    realizations found counts 0. `agreement` and `jaccard` are NaN for a single realization.
    """

    agreement: float
    agreement_with_all: float
    found: float
    jaccard: float


def combine_settings(
    overlaps: Overlaps,
    setting: np.ndarray,
    *,
    identical: str = "resolved",
    threshold: float = THRESHOLD,
    consensus: str = "coassociation",
    groups: int | str = "auto",
) -> list[SettingEnsemble]:
    """Combine the realizations of each setting.

    `setting` (R,) has that of each realization, from 0, and every one up to the highest occurs,
    else DataError is raised. Others are as for combine, with its errors; a number of groups is
    lowered for a setting that has fewer clusters. A single realization keeps its clusters as
    groups, whatever `groups` says.
    """
    setting = check_each(setting, overlaps.n_realizations, "settings", "realizations")
    parts = []
    for s in range(int(setting.max()) + 1):
        members = np.flatnonzero(setting == s)
        if not members.size:
            raise DataError(f"no realization has setting {s}, but one has {setting.max()}")
        part = select_realizations(overlaps, members)
        wanted = "auto" if members.size == 1 else limit_groups(groups, part)
        how: Any = {"identical": identical, "threshold": threshold, "consensus": consensus}
        ensemble = combine(part, groups=wanted, **how)
        parts.append(SettingEnsemble(members, ensemble))
    return parts


def measure_setting(ensemble: Ensemble, labels: np.ndarray, whole: np.ndarray) -> SettingMeasures:
    """Measure the ensemble of a setting from its consensus and that of all realizations, (N,).

    The points that all of its realizations leave out, -1, are compared as one more group.
    """
    n, n_groups = ensemble.overlaps.n_realizations, ensemble.grouping.n_groups
    pairs = ensemble.ari[np.triu_indices(n, 1)]
    stable = group_stability(ensemble.overlaps, ensemble.grouping.groups)
    points = np.bincount(labels[labels >= 0], minlength=n_groups)
    jaccard = np.nan_to_num(stable.jaccard) if n > 1 else stable.jaccard
    return SettingMeasures(
        agreement=float(pairs.mean()) if pairs.size else np.nan,
        agreement_with_all=label_ari(_number(labels), _number(whole)),
        found=float(np.average(stable.found, weights=points)),
        jaccard=float(np.average(jaccard, weights=points)),
    )


def _number(labels: np.ndarray) -> np.ndarray:
    """Return labels from 0, of which the last stands for -1."""
    return np.where(labels < 0, labels.max() + 1, labels)
