"""Average-linkage trees of the clusters of an ensemble, and rules for where to cut them.

All rules work on the contingency counts and never touch a point. They consider 2 groups up to as
many as the richest realization has clusters, and prefer fewer groups among equals.
"""

from collections.abc import Callable, Iterator

import numpy as np

from kohorte.ensemble.overlaps import Overlaps
from kohorte.ensemble.significance import overlap

MAX_GROUPS = 256
"""Most groups that a rule considers."""

SEARCH = 8
"""How many times as many branches as must hold points are considered to find them."""


def build_tree(overlaps: Overlaps) -> tuple[np.ndarray, np.ndarray]:
    """Return Jaccard distances 1 - n / u, (K, K), and their average-linkage tree, (K - 1, 4).

    Clusters of one realization share no point: their distance is 1. The tree has SciPy's form.
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    overlaps.require_all_pairs("the tree of consensus jaccard, unlike that of coassociation,")
    distance = overlap(overlaps)
    np.subtract(1.0, distance, out=distance)
    np.fill_diagonal(distance, 0.0)
    if overlaps.n_clusters == 1:
        return distance, np.empty((0, 4))
    return distance, linkage(squareform(distance, checks=False), method="average")


def cut_tree(tree: np.ndarray, n_groups: int) -> np.ndarray:
    """Cut a tree of K leaves into exactly n_groups groups, 1 <= n_groups <= K.

    Returns (K,) int32 groups, ordered by their lowest leaf. Of merges at equal height those that
    the tree lists last are undone first.
    """
    n_leaves = len(tree) + 1
    group = np.arange(2 * n_leaves - n_groups)
    for k in range(n_leaves - n_groups - 1, -1, -1):
        group[tree[k, :2].astype(np.int64)] = group[n_leaves + k]
    _, first, inverse = np.unique(group[:n_leaves], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first)).astype(np.int32)[inverse]


def leaf_spans(tree: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leaves to the left of each of the 2 K - 1 nodes of a tree that is drawn, and below it.

    Leaves are nodes, too: what lies left of them is their place in SciPy's ``leaves_list``.
    """
    n_leaves, children = len(tree) + 1, tree[:, :2].astype(np.int64)
    size = np.concatenate([np.ones(n_leaves, np.int64), tree[:, 3].astype(np.int64)])
    start, below = [0] * (2 * n_leaves - 1), size.tolist()
    for k, (left, right) in reversed(list(enumerate(children.tolist()))):
        start[left] = start[n_leaves + k]
        start[right] = start[n_leaves + k] + below[left]
    return np.array(start), size


def cut_for_points(overlaps: Overlaps, tree: np.ndarray, n_groups: int) -> np.ndarray:
    """Find ``n_groups`` groups of clusters that hold points; returns as cut_tree.

    A branch of the tree that few realizations have clusters in wins no point, since most votes go
    elsewhere. The counts tell without a look at the points: those of cluster A give, on average,
    the share sum_B n_AB / (R n_A) of their votes to the branch of the clusters B. A branch holds
    points where it has the largest share of some cluster. The tree is cut into the least number of
    branches, at most SEARCH times ``n_groups``, of which as many as that hold points. The largest
    of these become the groups, and each cluster of another branch goes to the group that has the
    largest share of it. Where no cut does, the tree is cut into ``n_groups`` branches.
    """
    for branches, shares in _list_branches(overlaps, tree, n_groups):
        held = np.unique(shares[:, overlaps.sizes > 0].argmax(axis=0))
        if held.size < n_groups:
            continue
        kept = held[:n_groups]
        groups = shares[kept].argmax(axis=0).astype(np.int32)
        for group, branch in enumerate(kept):
            groups[branches[branch]] = group
        _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
        return np.argsort(np.argsort(first)).astype(np.int32)[inverse]
    return cut_tree(tree, n_groups)


def _list_branches(
    overlaps: Overlaps, tree: np.ndarray, n_branches: int
) -> Iterator[tuple[list[np.ndarray], np.ndarray]]:
    """Yield clusters and votes of the branches of cuts into ``n_branches`` and more.

    Cuts go up to SEARCH times as many branches. The votes (branches, K) are sum_B n_AB of each
    cluster A. Branches with more points come first, as in a vote, and then that of the lowest
    cluster.
    """
    n_leaves, children = len(tree) + 1, tree[:, :2].astype(np.int64)
    start, size = leaf_spans(tree)
    order = np.argsort(start[:n_leaves])

    def describe(node: int) -> tuple:
        leaves = order[start[node] : start[node] + size[node]]
        votes = overlaps.counts[leaves].sum(axis=0)
        return -int(overlaps.sizes[leaves].sum()), int(leaves.min()), leaves, votes

    below = 2 * n_leaves - n_branches
    tops = np.setdiff1d(np.arange(below), children[: below - n_leaves])
    found = {node: describe(node) for node in tops.tolist()}
    for n in range(n_branches, min(SEARCH * n_branches, n_leaves) + 1):
        if n > n_branches:
            split = 2 * n_leaves - n
            del found[split]
            found |= {child: describe(child) for child in children[split - n_leaves].tolist()}
        ranked = sorted(found.values(), key=lambda branch: branch[:2])
        yield [leaves for _, _, leaves, _ in ranked], np.stack([votes for *_, votes in ranked])


def count_groups(
    overlaps: Overlaps, distance: np.ndarray, tree: np.ndarray, rules: list[str]
) -> dict[str, int]:
    """Return the number of groups by each rule; a single realization's is that of its clusters."""
    if overlaps.n_realizations == 1:
        return dict.fromkeys(rules, overlaps.n_clusters)
    return {name: RULES[name](overlaps, distance, tree) for name in rules}


def _agreement(overlaps: Overlaps, distance: np.ndarray, tree: np.ndarray) -> int:
    """Find the number of groups that agrees best with the realizations, each left out in turn.

    Realization j is compared with the groups made of the clusters of the R - 1 others: entry (g, B)
    of their table is the number of points of B that lie in clusters of group g, divided by R - 1.
    The mean over j of the adjusted Rand index of these tables is largest; 1 where it is never
    positive. Points that one of the two leaves out are in no entry. A merge of two groups changes
    the sums of squares by the product of their rows, which makes a step up the tree cost O(K).
    """
    most, starts = _most_groups(overlaps), overlaps.starts
    groups = cut_tree(tree, most)
    tables = np.zeros((most, overlaps.n_clusters))
    for a, g in enumerate(groups):
        tables[g] += overlaps.counts[a]
    tables[groups, np.arange(groups.size)] -= overlaps.sizes  # a cluster does not judge itself
    others = overlaps.n_realizations - 1
    rows, columns = np.add.reduceat(tables, starts, axis=1), tables.sum(axis=0)
    n = np.add.reduceat(columns, starts) / others
    for part in (tables, rows, columns):
        part /= others  # after the sums, which are exact

    column_pairs = _pairs(np.add.reduceat(columns**2, starts), n)
    cells = np.add.reduceat((tables**2).sum(axis=0), starts)
    row_squares = (rows**2).sum(axis=0)
    best, best_groups = 0.0, 1
    for n_groups, left, right in _merges(tree, most):
        score = _adjusted_rand(_pairs(cells, n), _pairs(row_squares, n), column_pairs, n)
        if score > 0 and score >= best:
            best, best_groups = score, n_groups
        cells += 2 * np.add.reduceat(tables[left] * tables[right], starts)
        row_squares += 2 * rows[left] * rows[right]
        tables[left] += tables[right]
        rows[left] += rows[right]
    return best_groups


def _gap(overlaps: Overlaps, distance: np.ndarray, tree: np.ndarray) -> int:
    """Find the number of groups that lasts over the largest range of heights of the tree."""
    most = _most_groups(overlaps)
    if most < 2:
        return 1
    heights = np.append(tree[::-1, 2], 0.0)  # heights[g - 1]: where the tree falls to g + 1 groups
    return int(np.argmax(heights[: most - 1] - heights[1:most])) + 2


def _median(overlaps: Overlaps, distance: np.ndarray, tree: np.ndarray) -> int:
    """Median number of clusters of a realization; the lower one of two middle values."""
    return int(np.sort(_count_clusters(overlaps))[(overlaps.n_realizations - 1) // 2])


def _silhouette(overlaps: Overlaps, distance: np.ndarray, tree: np.ndarray) -> int:
    """Find the number of groups with the largest mean silhouette, weighted by cluster sizes.

    The silhouette of a cluster that is alone in its group is 0. Source: Rousseeuw, Journal of
    Computational and Applied Mathematics 20 (1987) 53.
    """
    most = _most_groups(overlaps)
    groups = cut_tree(tree, most)
    each, weights = np.arange(groups.size), overlaps.sizes.astype(np.float64)
    total = np.zeros((most, groups.size))  # sums of distances to the members of each group
    for a, g in enumerate(groups):
        total[g] += distance[a]
    members = np.bincount(groups)
    best, best_groups = 0.0, 1
    for n_groups, left, right in _merges(tree, most):
        mean = total / np.maximum(members, 1)[:, None]
        mean[members == 0] = np.inf
        mean[groups, each] = np.inf
        nearest = mean.min(axis=0)
        inside = total[groups, each] / np.maximum(members[groups] - 1, 1)
        silhouette = (nearest - inside) / np.maximum(nearest, inside)
        silhouette[members[groups] == 1] = 0.0
        score = float((silhouette * weights).sum())
        if score > 0 and score >= best:
            best, best_groups = score, n_groups
        total[left] += total[right]
        members[left] += members[right]
        members[right] = 0
        groups[groups == right] = left
    return best_groups


RULES: dict[str, Callable[[Overlaps, np.ndarray, np.ndarray], int]] = {
    "agreement": _agreement,
    "gap": _gap,
    "median": _median,
    "silhouette": _silhouette,
}
"""Rule -> function(overlaps, distance, tree) that returns a number of groups, for R >= 2."""


def _count_clusters(overlaps: Overlaps) -> np.ndarray:
    return np.bincount(overlaps.realization, minlength=overlaps.n_realizations)


def _most_groups(overlaps: Overlaps) -> int:
    return min(int(_count_clusters(overlaps).max()), MAX_GROUPS)


def _merges(tree: np.ndarray, most: int) -> Iterator[tuple[int, int, int]]:
    """Yield (n_groups, left, right) from n_groups = most down to 2.

    Groups left and right, numbered as by cut_tree(tree, most), merge into left at the step from
    n_groups to n_groups - 1.
    """
    n_leaves = len(tree) + 1
    node = np.arange(2 * n_leaves - most)
    for k in range(n_leaves - most - 1, -1, -1):
        node[tree[k, :2].astype(np.int64)] = node[n_leaves + k]
    groups = cut_tree(tree, most)
    group_of = dict(zip(node[:n_leaves].tolist(), groups.tolist(), strict=True))
    for n_groups in range(most, 1, -1):
        new = 2 * n_leaves - n_groups
        left, right = (group_of.pop(int(child)) for child in tree[new - n_leaves, :2])
        group_of[new] = left
        yield n_groups, left, right


def _pairs(squares: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Count the pairs of points within cells whose squares sum to ``squares``."""
    return (squares - n) / 2


def _adjusted_rand(
    cells: np.ndarray, rows: np.ndarray, columns: np.ndarray, n: np.ndarray
) -> float:
    """Return the mean of the adjusted Rand indices; 0 where one has no value."""
    expected = rows * columns / np.where(n > 1, _pairs(n * n, n), 1.0)
    range_ = (rows + columns) / 2 - expected
    has_value = (n > 1) & (range_ != 0)
    index = np.divide(cells - expected, range_, out=np.zeros_like(range_), where=has_value)
    return float(index.mean())
