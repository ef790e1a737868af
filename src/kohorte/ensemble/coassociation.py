"""Consensus of many fine segments: groups of any shape, and their number, from counts alone.

Two points are the more alike the more often they lie in one segment. The average over the pairs of
points of two sets of clusters follows from the counts, and joining the most alike sets first makes
a tree, as in evidence accumulation (Fred & Jain, IEEE TPAMI 27 (2005) 835), without a table of
points by points. Segments that are small and pure let it follow groups of any shape; how small they
must be depends on the table. So realizations of like fineness make a level each, with a tree of its
own, and a number of groups is judged in all levels: by how clearly its groups stand apart and by
how far the other levels agree. For one number, given or found, the cuts of all levels, and of their
halves, are an ensemble in their turn: which level is right varies with the seed more than what most
of them say. A cut counts the more the more it agrees with the other cuts of its level and of the
halves of that. The coarsest realizations only vote.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kohorte._limits import fewest_clusters
from kohorte._portable import log
from kohorte.ensemble.agreement import adjust_pairs, adjusted_rand, label_ari
from kohorte.ensemble.consensus import Candidates
from kohorte.ensemble.overlaps import Overlaps
from kohorte.ensemble.tree import leaf_spans

FLOOR = 0.01
"""Lift below which two groups are apart, however little they share: a hundredth of chance."""

SUPPORT = 0.5
"""What the separation of the same groups in another level counts."""

MAX_GROUPS = 100
"""Most groups that are considered where none are asked for."""

SPLITS = 2
"""Ways to halve a level."""

MOST_LEAVES = 4000
"""Most leaves of the tree of cuts, a table of which by each other is made."""

MOST_LEVELS = 4
"""Most levels of fineness."""

MIN_LEVEL = 8
"""About the fewest realizations of a level, if there is more than one."""


@dataclass(frozen=True, eq=False)
class Joined:
    """Groups of all K clusters of an ensemble.

    `groups` (K,) int64, by size; `levels` (R,) int64 as of `find_levels`; `linkage` (L - 1, 4) is
    the tree of the chosen level in SciPy's form, of heights 1 / (1 + lift), and `leaves` (L,) int64
    are its clusters.
    """

    groups: np.ndarray
    levels: np.ndarray
    linkage: np.ndarray
    leaves: np.ndarray
    candidates: Candidates


def find_levels(overlaps: Overlaps) -> np.ndarray:
    """Return the level (R,) int64 of each realization, by its number of clusters, 0 the coarsest.

    Realizations coarser than `fewest_clusters`, but not more than half of all, are of no level, -1:
    their tree would tell more of where few large clusters happen to meet than of the points. The
    others are parted at the quantiles of their numbers of clusters into MOST_LEVELS, or as many as
    have MIN_LEVEL realizations. Equal numbers stay together, and a level that this leaves with less
    than half of its share joins the coarser, or the finer if it is the coarsest.
    """
    n_clusters = np.bincount(overlaps.realization, minlength=overlaps.n_realizations)
    ranked, n = np.sort(n_clusters), n_clusters.size
    coarse = np.searchsorted(ranked, min(fewest_clusters(overlaps.n_points), ranked[n // 2]))
    used = n - int(coarse)
    n_levels = max(1, min(MOST_LEVELS, used // MIN_LEVEL))
    starts, end = [], n
    for rank in (coarse + np.arange(1, n_levels) * used // n_levels)[::-1]:
        start = int(np.searchsorted(ranked, ranked[rank]))
        if 2 * n_levels * min(end - start, start - coarse) >= used:
            starts.append(start)
            end = start
    edges = ranked[[coarse, *starts[::-1]]]
    return np.searchsorted(edges, n_clusters, side="right") - 1


def _join_leaves(
    overlaps: Overlaps, leaves: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Join some clusters, as the kernels of kohorte.ensemble.chain do."""
    from kohorte.ensemble import chain

    if overlaps.sparse is not None:
        shared = overlaps.sparse[leaves][:, leaves].astype(np.float64)
        rows = np.repeat(np.arange(leaves.size), np.diff(shared.indptr))
        shared.data[rows == shared.indices] = 0.0
        shared.eliminate_zeros()
        starts = shared.indptr.astype(np.int64)
        return chain.join_neighbours(starts, shared.indices, shared.data, weights)
    pairs = np.empty((leaves.size, leaves.size))
    chain.pick(overlaps.counts, leaves, leaves, pairs)
    np.fill_diagonal(pairs, 0.0)
    return chain.join_pairs(pairs, weights)


class Tree:
    """A tree of sets of points, the most alike joined first.

    `joined` (L - 1, 2) and `alike` (L - 1,) are those of `join_pairs`; `sizes` (L,) float64 are the
    points of the sets, each counted `n_realizations` times; `by_chance` makes lifts of alikeness.
    """

    def __init__(
        self,
        joined: np.ndarray,
        alike: np.ndarray,
        sizes: np.ndarray,
        n_realizations: int,
        by_chance: float,
    ) -> None:
        from kohorte.ensemble import chain

        self.sizes, self.n_realizations, self.by_chance = sizes, n_realizations, by_chance
        order = np.argsort(-alike, kind="stable")
        self.lifts = alike[order] * by_chance
        self.linkage = chain.as_linkage(joined[order], 1.0 / (1.0 + self.lifts))
        # Leaves in the order of the tree: those below a node stand side by side.
        self.start, self.size = leaf_spans(self.linkage)
        self.order = np.argsort(self.start[: self.sizes.size])

    def cuts(self, least: float, most: int) -> dict[int, tuple[float, float, list[int]]]:
        """Cut the tree into ever more groups of a mean size of at least `least` points.

        Returns, by the number of groups, the lift of the last two that parted, that of the next,
        and the nodes of the groups; smaller branches belong to none. Nothing where all points
        together are fewer.
        """
        k = self.sizes.size
        before = np.concatenate([[0.0], np.cumsum(self.sizes[self.order])])  # whole numbers
        held = before[self.start + self.size] - before[self.start]
        mass = (held / self.n_realizations).tolist()
        if mass[-1] < least:
            return {}
        children, lifts = self.linkage[:, :2].astype(np.int64).tolist(), self.lifts.tolist()
        nodes = {2 * k - 2}
        found: dict[int, tuple[float, float, list[int]]] = {}
        reached, last, groups = 1, 0.0, sorted(nodes)
        following = 0.0  # where a group, not a smaller branch, parts next
        for step in range(k - 2, -1, -1):
            lift = lifts[step]
            if k + step in nodes:
                nodes.remove(k + step)
                following = following or lift
            nodes.update(c for c in children[step] if mass[c] >= least)
            if len(nodes) > reached:
                found[reached] = last, lift, groups
                reached, last, following, groups = len(nodes), lift, 0.0, sorted(nodes)
                if reached > most:
                    return found
        found[reached] = last, max(following, last), groups
        return found

    def members(self, nodes: list[int]) -> np.ndarray:
        """Return the group (L,) of each leaf, by place in `nodes`; -1 outside of all."""
        group = np.full(self.sizes.size, -1)
        for place, node in enumerate(nodes):
            group[self.order[self.start[node] : self.start[node] + self.size[node]]] = place
        return group


class Level(Tree):
    """Realizations of like fineness, and the tree of their clusters, `leaves` (L,)."""

    def __init__(self, overlaps: Overlaps, realizations: np.ndarray) -> None:
        n = realizations.size
        self.leaves = np.flatnonzero(np.isin(overlaps.realization, realizations))
        sizes = overlaps.sizes[self.leaves].astype(np.float64)
        # A pair of maps is one of R (R - 1), not of R^2: of all pairs chance makes lift 1.
        of_pairs = n / max(1, n - 1)
        joined, alike = _join_leaves(overlaps, self.leaves, np.maximum(sizes, 1.0))
        super().__init__(joined, alike, sizes, n, overlaps.n_points * of_pairs)

    def isolation(self, overlaps: Overlaps, nodes: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return how isolated the groups at some nodes are, (k,), and their contact, (k,), float64.

        The contact is the lift of a group with the one that it shares most with, and the isolation
        log((inner + FLOOR) / (contact + FLOOR)), where the group parts at the lift inner. Groups in
        the order of `_spread`: by their points, descending.
        """
        k, inside = self.leaves.size, self.members(nodes)
        size = np.array([self.sizes[inside == g].sum() for g in range(len(nodes))])
        onto = sum_rows(overlaps, self.leaves, inside, len(nodes), self.leaves)
        shared = np.stack([onto[:, inside == h].sum(axis=1) for h in range(len(nodes))], axis=1)
        lift = shared / np.outer(size, size) * self.by_chance
        np.fill_diagonal(lift, -np.inf)
        contact = lift.max(axis=1) if len(nodes) > 1 else np.zeros(1)
        most = float(self.lifts.max(initial=0.0))
        inner = np.array([self.lifts[node - k] if node >= k else most for node in nodes])
        order = np.argsort(-size, kind="stable")
        return log((inner + FLOOR) / (contact + FLOOR))[order], contact[order]


def smallest_group(n_points: int) -> float:
    """Return how many points a group must have: sqrt(N) / 2, and three."""
    return max(3.0, 0.5 * math.sqrt(n_points))


def _grow(overlaps: Overlaps) -> tuple[np.ndarray, list[Level]]:
    """Return the level of each realization, and the tree of each level."""
    levels = find_levels(overlaps)
    parts = [np.flatnonzero(levels == n) for n in range(int(levels.max()) + 1)]
    return levels, [Level(overlaps, part) for part in parts]


def _halve(overlaps: Overlaps, levels: np.ndarray) -> list[list[Level]]:
    """Return trees of the halves of each level, halved SPLITS times, each across the others.

    Halves are equally fine: their realizations alternate, by number of clusters. A level with less
    than MIN_LEVEL realizations has none.
    """
    n_clusters = np.bincount(overlaps.realization, minlength=overlaps.n_realizations)
    ranked = np.argsort(n_clusters, kind="stable")
    halves: list[list[Level]] = []
    for n in range(int(levels.max()) + 1):
        part = ranked[levels[ranked] == n]
        halves.append([])
        for split in range(SPLITS if part.size >= MIN_LEVEL else 0):
            side = np.arange(part.size) >> split & 1
            halves[-1] += [Level(overlaps, part[side == 0]), Level(overlaps, part[side == 1])]
    return halves


def settle_groups(overlaps: Overlaps, numbers: Sequence[int]) -> dict[int, np.ndarray]:
    """Return what `join_clusters` groups, (K,) int64, for some numbers at the cost of few.

    A number is missing where `join_clusters` has to take smaller groups or another way.
    """
    levels, parts = _grow(overlaps)
    least = smallest_group(overlaps.n_points)
    cuts = [part.cuts(least, max(numbers)) for part in parts]
    known = sorted(k for k in set(numbers) if k > 1 and any(k in cut for cut in cuts))
    return _settle(overlaps, parts, _halve(overlaps, levels), least, known)


def _settle(
    overlaps: Overlaps,
    parts: list[Level],
    halves: list[list[Level]],
    least: float,
    numbers: list[int],
) -> dict[int, np.ndarray]:
    """Return the groups (K,) int64 of all clusters that the trees agree on, for some numbers.

    Every tree is cut into groups of at least `least` points and, where that is no more than a third
    of the mean, of twice as many, lest noise make a group. A cut says which clusters of the finest
    level are in one group, and counts as much as it separates and as it agrees with the others of
    its level (a level and its halves) for the same size, fully if it is alone. Those of all halves
    of a level together count as much as those of the level. Two sets of clusters are the more alike
    the more counts for it, and the tree of this is cut in its turn. A number that this tree lacks
    is missing. Of more than MOST_LEAVES sets of which no cut divides any, the largest make that
    tree.
    """
    if not numbers:
        return {}
    from kohorte.ensemble import chain

    finest = parts[-1]
    said: dict[int, list[tuple[float, np.ndarray]]] = {k: [] for k in numbers}
    for part, own in zip(parts, halves, strict=True):
        of_level: dict[tuple[int, float], list[tuple[float, np.ndarray]]] = {}
        for tree, weight in [(part, 1.0), *((half, 0.5 / SPLITS) for half in own)]:
            shares = _sharing(overlaps, tree, finest.leaves, often=len(numbers) > 2)
            made: dict[int, tuple[list[int], np.ndarray]] = {}
            for size in (least, 2 * least):
                cuts = tree.cuts(size, numbers[-1])
                for k in numbers:
                    if k in cuts and (size == least or 3 * k * size <= overlaps.n_points):
                        apart, further, nodes = cuts[k]
                        if k not in made or made[k][0] != nodes:
                            inner, shared = tree.members(nodes), shares(nodes)
                            groups = _attach(overlaps, tree.leaves, inner, shared, finest.leaves)
                            made[k] = nodes, groups
                        counts = weight * max(0.0, _separation(apart, further))
                        of_level.setdefault((k, size), []).append((counts, made[k][1]))
        for (k, _), cuts_of_size in of_level.items():
            steady = _steadiness([groups for _, groups in cuts_of_size], finest.sizes)
            said[k] += [(n * agree, g) for (n, g), agree in zip(cuts_of_size, steady, strict=True)]
    found = {}
    for k, cuts_of_k in said.items():
        weights = np.array([counts for counts, _ in cuts_of_k])
        if not weights.any():
            weights[:] = 1.0
        # Clusters of which all cuts say the same are one leaf.
        same, leaf = np.unique([groups for _, groups in cuts_of_k], axis=1, return_inverse=True)
        leaf = leaf.ravel()
        sizes = np.bincount(leaf, finest.sizes)
        kept = np.sort(np.argsort(-sizes, kind="stable")[:MOST_LEAVES])
        pairs = chain.agreed_pairs(np.ascontiguousarray(same[:, kept].T), weights, sizes[kept])
        joined = chain.join_pairs(pairs, np.maximum(sizes[kept], 1.0))
        tree_of_cuts = Tree(*joined, sizes[kept], finest.n_realizations, 1.0 / weights.sum())
        cut = tree_of_cuts.cuts(least, k)
        if k in cut:
            group = np.full(sizes.size, -1)
            group[kept] = tree_of_cuts.members(cut[k][2])
            of_leaves = sum_rows(overlaps, finest.leaves, group[leaf], k)
            found[k] = _attach(overlaps, finest.leaves, group[leaf], of_leaves)
    return found


def _steadiness(cuts: list[np.ndarray], sizes: np.ndarray) -> np.ndarray:
    """Return the mean adjusted Rand index, not below 0, of each cut with the others, float64.

    Cuts are groups (n,) of the same clusters, of which `sizes` (n,) are the points; 1 for a single
    cut.
    """
    alike = np.ones((len(cuts), len(cuts)))
    for i, first in enumerate(cuts):
        for j, second in enumerate(cuts[:i]):
            alike[i, j] = alike[j, i] = max(0.0, label_ari(first, second, sizes))
    others = ~np.eye(len(cuts), dtype=bool)
    return alike.mean(axis=1, where=others) if len(cuts) > 1 else np.ones(len(cuts))


def _sharing(
    overlaps: Overlaps, tree: Level, clusters: np.ndarray, often: bool
) -> Callable[[list[int]], np.ndarray]:
    """Return a function from nodes of a tree to what they share with some clusters (n,), (k, n).

    Where it is to be called often, sums are made beforehand.
    """
    if overlaps.sparse is not None or not often:
        return lambda nodes: sum_rows(
            overlaps, tree.leaves, tree.members(nodes), len(nodes), clusters
        )
    from kohorte.ensemble import chain

    # Sums over the leaves before, in the order of the tree: a node's are the difference of two.
    before = np.zeros((tree.leaves.size + 1, clusters.size), np.int64)
    chain.pick(overlaps.counts, tree.leaves[tree.order], clusters, before[1:])
    np.cumsum(before, axis=0, out=before)
    return lambda nodes: before[tree.start[nodes] + tree.size[nodes]] - before[tree.start[nodes]]


@dataclass(frozen=True, eq=False)
class Numbered:
    """The groups for one number of them, at the level with the highest score.

    `groups` (K,) int64 of all clusters; (k,) float64 `isolation` of each group, see
    Level.isolation, and `contact`, its lift with the group that it shares most with.
    """

    score: float
    groups: np.ndarray
    isolation: np.ndarray
    contact: np.ndarray


def number_groups(overlaps: Overlaps, most: int) -> dict[int, Numbered]:
    """Return the groups for every number of them from 2 to `most` that some level has."""
    levels, parts = _grow(overlaps)
    least = smallest_group(overlaps.n_points)
    cuts = [part.cuts(least, most) for part in parts]
    candidates = _judge(overlaps, parts, cuts, None)
    found: dict[int, Numbered] = {}
    rows = zip(candidates.level, candidates.n_groups, candidates.score, strict=True)
    for level, k, score in ((int(n), int(k), float(score)) for n, k, score in rows):
        if k not in found:
            nodes = cuts[level][k][2]
            joined = _spread(overlaps, levels, parts[level], nodes, candidates)
            isolation, contact = parts[level].isolation(overlaps, nodes)
            found[k] = Numbered(score, joined.groups, isolation, contact)
    return found


def join_clusters(
    overlaps: Overlaps, n_groups: int | str = "auto", *, single: bool = False
) -> Joined:
    """Group the clusters of all realizations, of which there are at least two.

    `n_groups` is a number, or ``auto`` for that of the candidate with the highest score, or for one
    group if `single`. The trees of all levels and of their halves are cut into so many, and the
    cuts combined. Where no level has so many groups of `smallest_group` points, smaller ones count;
    where none has so many clusters, those of the level with most are the groups.
    """
    levels, parts = _grow(overlaps)
    wanted = None if n_groups == "auto" else int(n_groups)
    most = MAX_GROUPS if wanted is None else max(wanted, MAX_GROUPS)
    least = smallest_group(overlaps.n_points)
    cuts = [part.cuts(least, most) for part in parts]
    while wanted is not None and not any(wanted in cut for cut in cuts):
        if least == 0:
            widest = max(parts, key=lambda part: part.leaves.size)
            return _spread(overlaps, levels, widest, _first(widest, wanted), _no_candidates())
        least = least / 2 if least > 1 else 0.0
        cuts = [part.cuts(least, most) for part in parts]
    candidates = _judge(overlaps, parts, cuts, wanted)
    if candidates.score.size == 0 or (wanted is None and (single or candidates.score[0] <= 0)):
        whole = parts[int(candidates.level[0]) if candidates.level.size else -1]
        return _spread(overlaps, levels, whole, [2 * whole.leaves.size - 2], candidates)
    chosen, k = int(candidates.level[0]), int(candidates.n_groups[0])
    joined = _spread(overlaps, levels, parts[chosen], cuts[chosen][k][2], candidates)
    if k == 1:
        return joined
    settled = _settle(overlaps, parts, _halve(overlaps, levels), least, [k])
    return replace(joined, groups=settled.get(k, joined.groups))


def _first(part: Level, n_groups: int) -> list[int]:
    """Return the nodes of a cut of a level's tree into so many branches, or into all leaves."""
    k = part.leaves.size
    n_groups = min(n_groups, k)
    children = part.linkage[: k - n_groups, :2].astype(np.int64)
    return np.setdiff1d(np.arange(2 * k - n_groups), children).tolist()


def _judge(
    overlaps: Overlaps,
    parts: list[Level],
    cuts: list[dict[int, tuple[float, float, list[int]]]],
    wanted: int | None,
) -> Candidates:
    numbers = [wanted] if wanted is not None else sorted(set().union(*cuts) - {1})
    apart = {
        (n, k): _separation(*cut[k][:2]) for k in numbers for n, cut in enumerate(cuts) if k in cut
    }
    if not apart:
        return _no_candidates()
    support = dict.fromkeys(apart, 0.0)
    for n, first in enumerate(parts):
        for m in range(n + 1, len(parts)):
            shared = [k for k in numbers if (n, k) in apart and (m, k) in apart]
            nodes = [(cuts[n][k][2], cuts[m][k][2]) for k in shared]
            for k, ari in zip(shared, _agreement(overlaps, first, parts[m], nodes), strict=True):
                support[n, k] += ari * apart[m, k]
                support[m, k] += ari * apart[n, k]
    rows = [(n, k, *cuts[n][k][:2], apart[n, k], support[n, k]) for n, k in apart]
    level, number, lift, following, separation, supported = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    score = separation + SUPPORT * supported
    best = np.lexsort([level, number, -score])
    return Candidates(
        *(x[best] for x in (level, number, lift, following, separation, supported, score))
    )


def _separation(lift: float, next_lift: float) -> float:
    return math.log((next_lift + FLOOR) / (lift + FLOOR))


def _no_candidates() -> Candidates:
    none = np.empty(0)
    return Candidates(none.astype(np.int64), none.astype(np.int64), none, none, none, none, none)


def _agreement(
    overlaps: Overlaps, first: Level, second: Level, cuts: list[tuple[list[int], list[int]]]
) -> Iterator[float]:
    """Yield the adjusted Rand index of the groups of two levels for each of some pairs of cuts.

    It is not below 0. Its table is summed up over all pairs of realizations of the two.
    """
    if not cuts:
        return
    pairs = first.n_realizations * second.n_realizations
    if overlaps.sparse is not None:
        shared = overlaps.sparse[first.leaves][:, second.leaves].tocoo()
        for rows, columns in cuts:
            a, b = first.members(rows)[shared.row], second.members(columns)[shared.col]
            held, shape = (a >= 0) & (b >= 0), (len(rows), len(columns))
            cells = a[held] * shape[1] + b[held]
            sums = np.bincount(cells, shared.data[held], shape[0] * shape[1])
            yield max(0.0, adjusted_rand(sums.reshape(shape) / pairs))
        return
    from kohorte.ensemble import chain

    leaves = first.leaves[first.order], second.leaves[second.order]
    # Sums over all rows and columns before: those of any two nodes follow from four of them.
    before = np.zeros((leaves[0].size + 1, leaves[1].size + 1), np.int64)
    chain.pick(overlaps.counts, *leaves, before[1:, 1:])
    np.cumsum(before, axis=0, out=before)
    np.cumsum(before, axis=1, out=before)
    for rows, columns in cuts:
        top, left = first.start[rows], second.start[columns]
        edges = (top, top + first.size[rows]), (left, left + second.size[columns])
        yield max(0.0, float(adjust_pairs(*chain.paired_points(before, *edges, float(pairs)))))


def sum_rows(
    overlaps: Overlaps,
    leaves: np.ndarray,
    groups: np.ndarray,
    n_groups: int,
    clusters: np.ndarray | None = None,
) -> np.ndarray:
    """Return what each group of some leaves shares with some clusters, (n_groups, n); -1 is none.

    By default with all clusters.
    """
    of_all = np.full(overlaps.n_clusters, -1)
    of_all[leaves] = groups
    return overlaps.sum_rows(of_all, n_groups, clusters)


def _spread(
    overlaps: Overlaps, levels: np.ndarray, part: Level, nodes: list[int], candidates: Candidates
) -> Joined:
    """Join all clusters to the groups at some nodes of a level."""
    inner = part.members(nodes)
    shares = sum_rows(overlaps, part.leaves, inner, len(nodes))
    groups = _attach(overlaps, part.leaves, inner, shares)
    return Joined(groups, levels, part.linkage, part.leaves, candidates)


def _attach(
    overlaps: Overlaps,
    leaves: np.ndarray,
    inner: np.ndarray,
    shares: np.ndarray,
    clusters: np.ndarray | slice = slice(None),
) -> np.ndarray:
    """Give some clusters (n,) the group that they share most points with, int64; all by default.

    `inner` (L,) are the groups of the `leaves` (L,), -1 for none, which stay in them; `shares`
    (k, n) has what each group shares with the clusters.
    """
    inside = inner >= 0
    # Larger groups first, so that of equal shares the larger wins.
    sizes = np.bincount(inner[inside], overlaps.sizes[leaves[inside]], minlength=len(shares))
    order = np.argsort(-sizes, kind="stable")
    groups = np.empty(overlaps.n_clusters, np.int64)
    groups[clusters] = shares[order].argmax(axis=0)
    groups[leaves[inside]] = np.argsort(order)[inner[inside]]
    return groups[clusters]
