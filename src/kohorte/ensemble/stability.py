"""How far Gsum, ranks and consensus groups depend on which realizations were run.

Everything here follows from the contingency counts: no point is touched.
"""

from dataclasses import dataclass

import numpy as np

from kohorte._checks import as_count, is_real
from kohorte._portable import product
from kohorte.ensemble.overlaps import Overlaps, check_each
from kohorte.ensemble.significance import gsum, gsum_by_realization, rank_clusters
from kohorte.errors import ConfigError, DataError


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Gsum and rank of each cluster, all (K,) float64, and their intervals.

    Rank 0, in int64, is the most significant. Between low and high is the share `level` of the
    resamples.
    """

    gsum: np.ndarray
    gsum_low: np.ndarray
    gsum_high: np.ndarray
    rank: np.ndarray
    rank_low: np.ndarray
    rank_high: np.ndarray
    level: float


@dataclass(frozen=True, eq=False)
class GroupStability:
    """How often and how alike the realizations find each consensus group, (G,) float64.

    `found` is the share of the realizations that have at least one cluster in the group; `jaccard`
    the mean Jaccard similarity of the group's clusters of different realizations, NaN for a group
    that a single realization found. `cohesion` is the probability that, of a point that one
    realization puts in the group, another one says the same; NaN where there is no other.
    """

    found: np.ndarray
    jaccard: np.ndarray
    cohesion: np.ndarray


def bootstrap_gsum(
    overlaps: Overlaps,
    rng: np.random.Generator,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    identical: str = "resolved",
) -> Bootstrap:
    """Estimate how Gsum and rank of each cluster depend on which realizations were run.

    The Bayesian bootstrap: every resample weights the R realizations by a flat Dirichlet draw w. A
    cluster of realization i gets Gsum* = (R - 1) sum_j w_j G_j / sum_j w_j over j != i, with G_j
    its G summed over the clusters of realization j. Unlike drawing realizations with replacement
    this never compares a realization with a copy of itself. Source: Rubin, Annals of Statistics 9
    (1981) 130.

    `level` is the share of the `resamples` in the interval, 0 < level < 1; `identical` is as for
    significance.gsum. DataError for fewer than two realizations, ConfigError for the rest out of
    range.
    """
    check_draws(resamples, level)
    n_realizations, realization = overlaps.n_realizations, overlaps.realization
    if n_realizations < 2:
        raise DataError("one realization has no Gsum to resample; at least two are needed")
    weights = rng.standard_exponential((resamples, n_realizations)).T
    others = weights.sum(axis=0) - weights
    values = product(gsum_by_realization(overlaps, identical), weights)
    values *= n_realizations - 1
    values /= others[realization]
    ranks = np.stack([_places(rank_clusters(column)) for column in values.T], axis=1)
    tails = [(1 - level) / 2, (1 + level) / 2]
    gsum_low, gsum_high = np.quantile(values, tails, axis=1)
    rank_low, rank_high = np.quantile(ranks, tails, axis=1)
    observed = gsum(overlaps, identical)
    rank = _places(rank_clusters(observed))
    return Bootstrap(observed, gsum_low, gsum_high, rank, rank_low, rank_high, level)


def _places(order: np.ndarray) -> np.ndarray:
    """Return the place of each item in an order of all, (K,) int64."""
    places = np.empty_like(order)
    places[order] = np.arange(order.size)
    return places


def group_stability(overlaps: Overlaps, groups: np.ndarray) -> GroupStability:
    """Measure how often realizations find each group, and how alike its clusters are.

    `groups` (K,) has the group of each cluster, as in Grouping; DataError for another length.
    """
    groups = check_each(groups, overlaps.n_clusters, "groups", "clusters")
    n_groups = int(groups.max()) + 1
    if overlaps.sparse is not None:
        return _stability_of_met(overlaps, groups, n_groups)
    found, jaccard, cohesion = np.zeros(n_groups), *np.full((2, n_groups), np.nan)
    for g in range(n_groups):
        members = np.flatnonzero(groups == g)
        realization, sizes = overlaps.realization[members], overlaps.sizes[members]
        found[g] = np.unique(realization).size / overlaps.n_realizations
        similarity, pairs, within, everywhere = 0.0, 0, 0, 0
        for member, of, size in zip(members, realization, sizes, strict=True):  # memory for a row
            n = overlaps.counts[member, members]
            different = realization != of
            similarity += (n / np.maximum(size + sizes - n, 1))[different].sum()
            pairs += int(different.sum())
            # A cluster shares all its points with itself, none with others of its realization.
            within += int(n.sum() - size)
            everywhere += int(overlaps.counts[member].sum() - size)
        if pairs:
            jaccard[g] = similarity / pairs
        if everywhere:
            cohesion[g] = within / everywhere
    return GroupStability(found, jaccard, cohesion)


def _stability_of_met(overlaps: Overlaps, groups: np.ndarray, n_groups: int) -> GroupStability:
    """Return the group_stability of sparse counts, by sums over all of their numbers."""
    assert overlaps.sparse is not None
    (row, column), n, sizes = overlaps.pairs, overlaps.sparse.data, overlaps.sizes
    of_group = np.zeros((n_groups, overlaps.n_realizations), np.int64)
    np.add.at(of_group, (groups, overlaps.realization), 1)
    pairs = of_group.sum(axis=1) ** 2 - (of_group**2).sum(axis=1)

    apart = overlaps.realization[row] != overlaps.realization[column]
    everywhere = np.bincount(groups[row[apart]], n[apart], n_groups)
    inside = apart & (groups[row] == groups[column])
    row, column, n = row[inside], column[inside], n[inside]
    similarity = np.bincount(groups[row], n / (sizes[row] + sizes[column] - n), n_groups)
    within = np.bincount(groups[row], n, n_groups)
    return GroupStability(
        found=(of_group > 0).mean(axis=1),
        jaccard=np.divide(similarity, pairs, out=np.full(n_groups, np.nan), where=pairs > 0),
        cohesion=np.divide(within, everywhere, out=np.full(n_groups, np.nan), where=everywhere > 0),
    )


def _recovery_of_met(overlaps: Overlaps) -> np.ndarray:
    """Return the cluster_recovery of sparse counts: they are ordered by row and realization."""
    assert overlaps.sparse is not None
    (row, column), n, sizes = overlaps.pairs, overlaps.sparse.data, overlaps.sizes
    apart = overlaps.realization[row] != overlaps.realization[column]
    row, column, n = row[apart], column[apart], n[apart]
    table = row * overlaps.n_realizations + overlaps.realization[column]
    starts = np.flatnonzero(np.diff(table, prepend=-1))
    best = np.zeros(0)
    if starts.size:
        best = np.maximum.reduceat(n / (sizes[row] + sizes[column] - n), starts)
    return np.bincount(row[starts], best, overlaps.n_clusters) / (overlaps.n_realizations - 1)


def cluster_recovery(overlaps: Overlaps) -> np.ndarray:
    """How well each cluster is found again: (K,) float64 from 0 to 1.

    The largest Jaccard similarity with a cluster of another realization, averaged over all other
    realizations; 1 where there are none.
    """
    if overlaps.sparse is not None and overlaps.n_realizations > 1:
        return _recovery_of_met(overlaps)
    found = np.zeros(overlaps.n_clusters)
    sizes, offsets = overlaps.sizes, [*overlaps.starts, overlaps.n_clusters]
    for r in range(overlaps.n_realizations):
        others = slice(offsets[r], offsets[r + 1])
        shared = overlaps.counts[:, others]
        best = (shared / (sizes[:, None] + sizes[others] - shared)).max(axis=1)
        found += np.where(overlaps.realization == r, 0.0, best)
    if overlaps.n_realizations == 1:
        return np.ones(overlaps.n_clusters)
    return found / (overlaps.n_realizations - 1)


def check_draws(draws: int, level: float) -> None:
    """Raise ConfigError unless draws is a positive whole number and 0 < level < 1."""
    as_count(draws, "the number of draws", 1)
    if not (is_real(level) and 0 < level < 1):
        raise ConfigError(f"level must lie between 0 and 1, not {level!r}")
