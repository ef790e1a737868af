"""How many realizations are enough for the consensus of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kohorte.ensemble.agreement import label_ari
from kohorte.ensemble.consensus import DEFAULT_RULE, choose_groups, limit_groups
from kohorte.ensemble.labels import Labels, check_labels
from kohorte.ensemble.overlaps import Overlaps, select_realizations
from kohorte.ensemble.stability import check_draws
from kohorte.errors import ConfigError, DataError

_MANY = 100  # realizations


@dataclass(frozen=True, eq=False)
class Sufficiency:
    """Agreement of the consensus of subsets of the realizations with that of all of them.

    `sizes` (S,) int64 are numbers of realizations in a subset, ascending; `ari` (S, D) float64 is
    the adjusted Rand index of each drawn subset; `mean`, `low`, `high` (S,) float64 are its mean
    and the band that holds the share `level` of the draws. `enough` is the smallest size from which
    on `low` stays above `target`; None where there is none.
    """

    sizes: np.ndarray
    ari: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    level: float
    target: float
    enough: int | None


def measure_sufficiency(
    labels: Labels,
    overlaps: Overlaps,
    rng: np.random.Generator,
    *,
    sizes: Sequence[int] | None = None,
    draws: int = 50,
    n_groups: int | str = "auto",
    rule: str = DEFAULT_RULE,
    level: float = 0.9,
    target: float = 0.95,
    max_points: int = 2**16,
) -> Sufficiency:
    """Measure how many realizations are enough for the consensus of all of them.

    Subsets are drawn by `rng` without replacement. Their counts are parts of the counts of all, and
    points with equal clusters in all realizations vote alike, so that each distinct profile is
    looked at once. A subset is part of the whole: the curve says how fast the consensus settles,
    not how near it is to a truth. Points that all of a subset leave out count as one more group.

    `sizes` of the subsets, each from 1 to R - 1, are by default all, or 16: evenly spaced, but in
    equal ratios for R > 100, where the work for a subset grows with the square of its size. There
    are `draws` of each, the share `level` of which is within the band, and `target` is the
    agreement that its lower end must exceed. Groups are as for group_clusters, for the whole and
    for each subset; a given number is lowered for a subset that has fewer clusters. Above
    `max_points`, as many randomly chosen ones stand for all. DataError for fewer than two
    realizations and for labels that are not those of the overlaps, ConfigError for a value out of
    range.
    """
    check_draws(draws, level)
    n = overlaps.n_realizations
    if n < 2:
        raise DataError("one realization has no subsets; at least two are needed")
    counts = _check_sizes(sizes, n)
    profiles, multiplicity = _find_profiles(labels, overlaps, max_points, rng)
    whole = _label_profiles(profiles, overlaps, n_groups, rule)
    ari = np.empty((counts.size, draws))
    for s, size in enumerate(counts):
        for d in range(draws):
            chosen = np.sort(rng.choice(n, size, replace=False))
            part = select_realizations(overlaps, chosen)
            found = _label_profiles([profiles[r] for r in chosen], part, n_groups, rule)
            ari[s, d] = label_ari(whole, found, multiplicity)
    low, high = np.quantile(ari, [(1 - level) / 2, (1 + level) / 2], axis=1)
    failing = np.flatnonzero(~(low > target))
    first = failing[-1] + 1 if failing.size else 0
    enough = int(counts[first]) if first < counts.size else None
    return Sufficiency(counts, ari, ari.mean(axis=1), low, high, level, target, enough)


def _check_sizes(sizes: Sequence[int] | None, n_realizations: int) -> np.ndarray:
    if sizes is None:
        spaced = np.linspace if n_realizations <= _MANY else np.geomspace
        ends = 1, n_realizations - 1
        return np.unique(spaced(*ends, min(16, n_realizations - 1)).round().astype(np.int64))
    counts = np.unique(np.asarray(sizes))
    if counts.size == 0 or counts.dtype.kind not in "iu" or counts[0] < 1:
        raise ConfigError("sizes of subsets must be whole numbers of at least 1")
    if counts[-1] >= n_realizations:
        raise ConfigError(
            f"subsets of {counts[-1]} realizations are not smaller than the whole, {n_realizations}"
        )
    return counts.astype(np.int64)


def _find_profiles(
    labels: Labels, overlaps: Overlaps, max_points: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct sets of clusters that points are in, (R, P), and how often they occur."""
    points = check_labels(labels)
    if points.n_realizations != overlaps.n_realizations or points.n_points != overlaps.n_points:
        raise DataError(
            f"{points.n_realizations} label arrays of {points.n_points} points, but the overlaps "
            f"are of {overlaps.n_realizations} realizations of {overlaps.n_points} points"
        )
    if int(max_points) < 1:
        raise ConfigError(f"max_points must be at least 1, not {max_points}")
    chosen = np.arange(points.n_points)
    if points.n_points > max_points:
        chosen = np.sort(rng.choice(points.n_points, int(max_points), replace=False, shuffle=False))
    taken = []
    for start, stop, arrays in points.slabs():
        here = chosen[np.searchsorted(chosen, start) : np.searchsorted(chosen, stop)] - start
        taken.append(np.array([array[here] for array in arrays]))
    rows = np.ascontiguousarray(np.concatenate(taken, axis=1).T)
    profiles, multiplicity = np.unique(rows, axis=0, return_counts=True)
    return np.ascontiguousarray(profiles.T), multiplicity


def _label_profiles(
    profiles: Labels, overlaps: Overlaps, n_groups: int | str, rule: str
) -> np.ndarray:
    """Return the consensus group of each profile, (P,); one more for points left out."""
    from kohorte.ensemble.points import vote

    groups = choose_groups(overlaps, limit_groups(n_groups, overlaps), rule)
    winners, _ = vote(profiles, overlaps, groups, threads=1)
    return np.where(winners < 0, groups.max() + 1, winners)
