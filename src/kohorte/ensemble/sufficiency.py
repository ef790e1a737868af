"""How many realizations are enough: the consensus of some beside that of as many others."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kohorte._portable import log
from kohorte.ensemble.agreement import label_ari
from kohorte.ensemble.coassociation import find_levels
from kohorte.ensemble.consensus import choose_groups, limit_groups
from kohorte.ensemble.labels import Labels, check_labels
from kohorte.ensemble.overlaps import Overlaps, select_realizations
from kohorte.ensemble.stability import check_draws
from kohorte.errors import ConfigError, DataError

LEAST = 4
"""Realizations that two disjoint subsets of more than one take."""

_MANY = 100  # realizations
_MOST = 16  # sizes


@dataclass(frozen=True, eq=False)
class Sufficiency:
    """Agreement of the consensus of some realizations with that of as many others.

    `sizes` (S,) int64 are numbers of realizations in each of two disjoint subsets, ascending; `ari`
    (S, D) float64 is the adjusted Rand index of each drawn pair; `mean`, `low`, `high` (S,) float64
    are its mean and the band that holds the share `level` of the draws. `enough` is the smallest
    size from which on `low` stays above `target`; None where there is none. `expected` is the mean
    agreement to be expected of all R realizations with R new ones, by `extrapolate_agreement`.
    """

    sizes: np.ndarray
    ari: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    level: float
    target: float
    enough: int | None
    expected: float


def measure_sufficiency(
    labels: Labels,
    overlaps: Overlaps,
    rng: np.random.Generator,
    *,
    sizes: Sequence[int] | None = None,
    draws: int = 50,
    groups: int | str = "auto",
    consensus: str = "coassociation",
    level: float = 0.9,
    target: float = 0.95,
    max_points: int = 2**14,
) -> Sufficiency:
    """Measure how many realizations give the same consensus as as many others.

    Pairs of disjoint subsets are drawn by `rng`: what one half finds, another could not copy. Their
    counts are parts of the counts of all, and points with equal clusters in all realizations vote
    alike, so that each distinct profile is looked at once. The curve says how fast the consensus
    settles, not how near it is to a truth. Points that all of a subset leave out count as one more
    group.

    `sizes` of a subset, each from 1 to R // 2, are by default all, or 16: evenly spaced, but in
    equal ratios for R > 100, where the work for a subset grows with the square of its size. For
    `coassociation`, whose trees are large, they are an eighth, a quarter and a half of R, and each
    subset has its share of every level of fineness. There are `draws` of each, the share `level` of
    which is within the band, and `target` is the agreement that its lower end must exceed. `groups`
    and `consensus` are as for group_clusters, for each subset; a given number is lowered for a
    subset that has fewer clusters. Above `max_points`, as many
    randomly chosen ones stand for all. DataError for fewer than `LEAST` realizations and for labels
    that are not those of the overlaps, ConfigError for a value out of range.
    """
    check_draws(draws, level)
    n = overlaps.n_realizations
    if n < LEAST:
        raise DataError(f"{n} realizations have no halves to compare; at least {LEAST} are needed")
    is_costly = consensus == "coassociation"
    levels = find_levels(overlaps) if is_costly else np.zeros(n, np.int64)
    counts = _check_sizes(sizes, n, few=is_costly)
    profiles, multiplicity = _find_profiles(labels, overlaps, max_points, rng)
    ari = np.empty((counts.size, draws))
    for s, size in enumerate(counts):
        for d in range(draws):
            drawn = _shuffle(levels, rng)[: 2 * size]
            found = []
            for chosen in (np.sort(drawn[::2]), np.sort(drawn[1::2])):
                part = select_realizations(overlaps, chosen)
                found.append(_label_profiles(profiles[chosen], part, groups, consensus))
            ari[s, d] = label_ari(found[0], found[1], multiplicity)
    low, high = np.quantile(ari, [(1 - level) / 2, (1 + level) / 2], axis=1)
    failing = np.flatnonzero(~(low > target))
    first = failing[-1] + 1 if failing.size else 0
    enough = int(counts[first]) if first < counts.size else None
    mean = ari.mean(axis=1)
    expected = extrapolate_agreement(counts, mean, n)
    return Sufficiency(counts, ari, mean, low, high, level, target, enough, expected)


def extrapolate_agreement(sizes: np.ndarray, mean: np.ndarray, n: int) -> float:
    """Return the agreement of two subsets of `n` realizations that those of smaller ones suggest.

    What is missing to 1 is taken to fall as a power of the size, fitted by least squares in
    logarithms to the larger half of the `sizes` (S,), whose agreement is `mean` (S,); it is not
    taken to grow. 1 where the largest subsets agree exactly.
    """
    upper = slice(len(sizes) // 2, None)
    size, missing = log(sizes[upper]), 1 - mean[upper]
    if missing[-1] <= 0:
        return 1.0
    size, missing = size[missing > 0], log(missing[missing > 0])
    spread = size - size.mean()
    across = float((spread**2).sum())
    slope = float((spread * missing).sum()) / across if size.size > 1 else 0.0
    further = math.log(n) - float(size.mean())
    return 1 - math.exp(float(missing.mean()) + min(slope, 0.0) * further)


def _shuffle(levels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return all realizations in random order, any part of which has its share of every level."""
    place = np.empty(levels.size)
    for level in np.unique(levels):
        members = np.flatnonzero(levels == level)
        place[members] = (rng.permutation(members.size) + rng.random()) / members.size
    return np.argsort(place, kind="stable")


def _check_sizes(sizes: Sequence[int] | None, n_realizations: int, *, few: bool) -> np.ndarray:
    if sizes is None:
        half = n_realizations // 2
        if few:
            return np.unique([max(1, half // 4), max(1, half // 2), half])
        spaced = np.linspace if n_realizations <= _MANY else np.geomspace
        return np.unique(spaced(1, half, min(_MOST, half)).round().astype(np.int64))
    counts = np.unique(np.asarray(sizes))
    if counts.size == 0 or counts.dtype.kind not in "iu" or counts[0] < 1:
        raise ConfigError("sizes of subsets must be whole numbers of at least 1")
    if 2 * counts[-1] > n_realizations:
        raise ConfigError(
            f"{n_realizations} realizations have no two disjoint subsets of {counts[-1]}"
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
    profiles: Labels, overlaps: Overlaps, groups: int | str, consensus: str
) -> np.ndarray:
    """Return the consensus group of each profile, (P,); one more for points left out."""
    from kohorte.ensemble.points import vote

    found = choose_groups(overlaps, limit_groups(groups, overlaps), consensus)
    winners, _ = vote(profiles, overlaps, found, threads=1)
    return np.where(winners < 0, found.max() + 1, winners)
