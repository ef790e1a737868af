"""Clusters of the nodes of a map: basins of the U-matrix, merged, or clusters of the weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

from kohorte._arrays import as_node_values, as_nodes, as_weights
from kohorte._checks import as_count, as_number, as_share, choose, extra
from kohorte._limits import fewest_clusters
from kohorte.errors import ConfigError, DataError
from kohorte.maps import _weight_clusters
from kohorte.maps.lattice import TOPOLOGIES, Lattice

SAMPLES_PER_STEP = 5
_BLOCK_SAMPLES = 1 << 18


@dataclass(frozen=True)
class Segments:
    """Clusters of the nodes of a map, and the basins of its U-matrix; all int32.

    `basins` (M,) is the basin 0..C-1 of every node, before merging, and `centroids` (C,) the node
    at the bottom of each, ascending. `node_clusters` (M,) is the cluster 0..K-1 of every node, and
    `cluster_centroids` (K,) one node for each, ascending: the basin centroid that merging left, or
    the node of the cluster that is nearest to the cluster's mean weights.
    """

    basins: np.ndarray
    centroids: np.ndarray
    node_clusters: np.ndarray
    cluster_centroids: np.ndarray


@dataclass(frozen=True)
class _Case:
    """What a method of SEGMENTATIONS may use, as in `segment` and `find_basins`."""

    weights: np.ndarray
    lattice: Lattice
    u: np.ndarray
    basins: np.ndarray
    centroids: np.ndarray
    merge: float
    n_clusters: int | str | None
    fineness: float
    hits: np.ndarray
    seed: int


#: Returns the clusters of the nodes and their centroids, as in Segments.
Method = Callable[[_Case], tuple[np.ndarray, np.ndarray]]


def find_basins(u: ArrayLike, lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Return the basins of `u` (M,) under steepest descent, (M,) int32, and centroids (C,) int32.

    From each node the descent goes to the neighbour with the smallest u, if that is strictly
    smaller than its own, the first in the order of Lattice.neighbours on a tie, until it stands in
    a local minimum, the basin's centroid. Basins are numbered by their centroid's node index.
    Source: Hamel & Brown, Proc. DMIN (2011); the tie order is that of the published code.
    """
    u = as_node_values(u, lattice.n_nodes, "u")
    target = np.arange(lattice.n_nodes)
    lowest = u.copy()
    for column in lattice.neighbours().T:
        lower = (column >= 0) & (u[column] < lowest)
        target[lower] = column[lower]
        lowest[lower] = u[column[lower]]
    # Each pass doubles the length of the descent that a pointer stands for.
    while not np.array_equal(target[target], target):
        target = target[target]
    centroids, basins = np.unique(target, return_inverse=True)
    return basins.astype(np.int32), centroids.astype(np.int32)


def path_costs(u: ArrayLike, lattice: Lattice, centroids: ArrayLike) -> np.ndarray:
    """Return the cost of the straight path between every two centroids, (C (C - 1) / 2,) float64.

    Pairs in the order (0, 1), (0, 2), ..., (1, 2), .... The cost is the sum of u^2, by cubic
    spline, at 5 int(distance) evenly spaced points from one centroid to the other, both included. A
    sum below zero, an overshoot of the spline, counts as zero.

    The spline is mirrored at planar borders. On a periodic lattice it wraps, and the path goes the
    straight way to the nearest image of the second centroid (see Lattice.steps_between). Rows of a
    hexagonal lattice are not aligned: each is first resampled, by a one-dimensional spline of its
    own, at steps of 1/2 along x that are the same for all rows and include its nodes.
    """
    from scipy import ndimage

    u = as_node_values(u, lattice.n_nodes, "u")
    centroids = as_nodes(centroids, lattice.n_nodes, "centroids")
    mode = "grid-wrap" if lattice.periodic else "mirror"
    plane, spacing = _aligned_rows((u**2).reshape(lattice.ydim, lattice.xdim), lattice, mode)
    coefficients = ndimage.spline_filter(plane, order=3, mode=mode)
    first, second = np.triu_indices(centroids.size, k=1)
    steps = lattice.steps_between(centroids[first], centroids[second])
    # Distances between rows of hexagons are not exact: 2.999... are three steps.
    lengths = np.sqrt((steps**2).sum(axis=1)) + 1e-9
    samples = SAMPLES_PER_STEP * lengths.astype(np.int64)
    origins, steps = lattice.coordinates()[centroids[first]] / spacing, steps / spacing
    costs = np.empty(first.size)
    ends = np.cumsum(samples)
    start = 0
    while start < first.size:
        taken = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, taken + _BLOCK_SAMPLES, side="right")))
        counts = samples[start:stop]
        offsets = np.cumsum(counts) - counts
        pair = np.repeat(np.arange(start, stop), counts)
        fraction = (np.arange(counts.sum()) - np.repeat(offsets, counts)) / (samples[pair] - 1)
        x, y = (origins[pair] + fraction[:, None] * steps[pair]).T
        heights = ndimage.map_coordinates(coefficients, [y, x], order=3, mode=mode, prefilter=False)
        costs[start:stop] = np.add.reduceat(heights, offsets)
        start = stop
    return np.maximum(costs, 0.0)


def _aligned_rows(plane: np.ndarray, lattice: Lattice, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Values (Y, X) on a rectangular grid, and its spacing (x, y) in lattice steps."""
    from scipy import ndimage

    cells = TOPOLOGIES[lattice.topology]
    if not cells.row_shift or lattice.ydim == 1:
        return plane, np.array([1.0, cells.row_height])
    coefficients = ndimage.spline_filter1d(plane, order=3, axis=1, mode=mode)
    row = np.arange(lattice.ydim)[:, None]
    halves = np.arange(2 * lattice.xdim) / 2 - cells.row_shift * (row % 2)
    aligned = [
        ndimage.map_coordinates(line, [at], order=3, mode=mode, prefilter=False)
        for line, at in zip(coefficients, halves, strict=True)
    ]
    return np.stack(aligned), np.array([0.5, cells.row_height])


def merge_basins(costs: ArrayLike, sizes: ArrayLike, threshold: float) -> np.ndarray:
    """Return which basin each of C basins ends up in, (C,) int64 basin numbers.

    `costs` (C (C - 1) / 2,) >= 0, in the order of path_costs, are divided by the largest of those
    between centroids that are left. While the smallest is below `threshold`, that pair is merged
    (the first such pair on a tie): the centroid of the basin with fewer nodes, by `sizes` (C,),
    goes, the second one if both have as many, and its nodes count for the other. ConfigError for a
    negative threshold.

    Defined here where the source is silent: one basin has nothing to merge; costs that are all zero
    stay zero, as nothing separates the centroids, so that any threshold above zero merges them;
    threshold 0 merges nothing; the last two centroids are at the normalised cost 1 (or 0) and so
    merge only for a threshold above 1 (or 0). Source: Ha, Nättilä & Davelaar, JOSS 10 (2025) 7613.
    """
    threshold = as_number(threshold, "merge threshold")
    costs = np.asarray(costs, dtype=np.float64)
    sizes = np.array(sizes, dtype=np.int64)
    parents = np.arange(sizes.size)
    if threshold == 0 or sizes.size < 2:
        return parents
    first, second = np.triu_indices(sizes.size, k=1)
    # Costs belong to pairs and never change: one sort serves all rounds.
    ranked = np.argsort(costs, kind="stable")
    first, second, costs = first[ranked], second[ranked], costs[ranked]
    left = np.ones(sizes.size, dtype=bool)
    last = costs.size - 1
    for i, j, cost in zip(first, second, costs, strict=True):
        if not (left[i] and left[j]):
            continue
        while not (left[first[last]] and left[second[last]]):
            last -= 1
        largest = costs[last]
        if (cost / largest if largest > 0 else 0.0) >= threshold:
            break
        stays, goes = (j, i) if sizes[i] < sizes[j] else (i, j)
        left[goes] = False
        sizes[stays] += sizes[goes]
        parents[goes] = stays
    while not np.array_equal(parents[parents], parents):
        parents = parents[parents]
    return parents


def _merged_basins(case: _Case) -> tuple[np.ndarray, np.ndarray]:
    if case.n_clusters is not None:
        raise ConfigError(
            "n_clusters has no meaning for segmentation 'basins', whose number of clusters follows "
            "from the merge threshold; leave it out"
        )
    costs = path_costs(case.u, case.lattice, case.centroids)
    parents = merge_basins(costs, np.bincount(case.basins), case.merge)
    survivors, clusters = np.unique(parents, return_inverse=True)
    return clusters[case.basins].astype(np.int32), case.centroids[survivors]


def _by_weights(cluster_weights: Callable[..., np.ndarray]) -> Method:
    def clusters_of_weights(case: _Case) -> tuple[np.ndarray, np.ndarray]:
        table = case.weights.astype(np.float64)
        with extra("estimators"):
            raw = cluster_weights(table, case.lattice, case.n_clusters, case.seed)
        return _numbered_by_centroid(case.weights, raw)

    return clusters_of_weights


def choose_segments(n_points: int, fineness: float, rng: np.random.Generator) -> int:
    """Draw the number of segments of one map of N points, at least two.

    It is uniform in [k, 2 k), where k goes from `fewest_clusters` at the `fineness` 0 to the least
    of 5.6 sqrt(N), N / 4 and 100 at 1, in equal ratios.
    """
    low = fewest_clusters(n_points)
    high = min(5.6 * sqrt(n_points), n_points / 4, 100.0)
    return max(2, int(low * (high / low) ** fineness * (1 + rng.random())))


def _fine_segments(case: _Case) -> tuple[np.ndarray, np.ndarray]:
    """Clusters of the occupied nodes by k-means; the others join the nearest centre."""
    from kohorte.maps._kmeans import cluster_nodes

    rng = np.random.default_rng(case.seed)
    if isinstance(case.n_clusters, int | np.integer):
        count = int(case.n_clusters)
    else:
        count = choose_segments(int(case.hits.sum()), case.fineness, rng)
    starts = rng.random(min(count, int(np.count_nonzero(case.hits))))
    return _numbered_by_centroid(case.weights, cluster_nodes(case.weights, case.hits, starts))


SEGMENTATIONS: dict[str, Method] = {
    "basins": _merged_basins,
    "segments": _fine_segments,
    "kmeans": _by_weights(_weight_clusters.kmeans),
    "agglomerative": _by_weights(_weight_clusters.agglomerative),
    "hdbscan": _by_weights(_weight_clusters.hdbscan),
    "gaussian_mixture": _by_weights(_weight_clusters.gaussian_mixture),
}


def segment(
    weights: ArrayLike,
    u: ArrayLike,
    lattice: Lattice,
    *,
    method: str = "basins",
    merge: float = 0.2,
    n_clusters: int | str | None = None,
    fineness: float = 0.5,
    hits: ArrayLike | None = None,
    seed: int = 0,
) -> Segments:
    """Return the clusters of the nodes of a map with weights (M, F) and U-matrix `u` (M,).

    Cluster ids follow the node index of the cluster's centroid, whatever the method, and so are a
    function of the arguments alone; `u` may be smoothed. ConfigError for arguments out of range,
    DataError for arrays that do not fit.

    The method ``basins`` merges the basins of `u` with the threshold `merge`, see merge_basins.
    ``segments`` are many small clusters, for an ensemble to join: k-means of the nodes that have
    points, weighted by how many, `hits` (M,), from one k-means++ start; other nodes join the
    nearest centre. There are `n_clusters`, or choose_segments for the `fineness` where that is no
    number; at most as many as nodes with points. Without `hits` each node counts as one point.
    ``kmeans``, ``agglomerative`` (Ward's linkage, only along the links of the lattice),
    ``gaussian_mixture`` (full covariances; diagonal ones where a full one has more parameters than
    there are nodes) and ``hdbscan`` cluster the weights through scikit-learn, by Euclidean distance
    whatever the metric of the map; nodes that HDBSCAN takes for noise go to the cluster of the
    nearest node that is not. `seed` is that of random starts. `n_clusters` is, for a method of
    COUNTED, a number, or ``silhouette`` (also for None) or ``davies_bouldin``, the number from 2 to
    10 with the best score, the smallest on a tie; at most the number of different weights. The
    other methods find the number themselves.
    """
    cluster_nodes = choose(SEGMENTATIONS, method, "segmentation")
    _check_n_clusters(n_clusters)
    weights = as_weights(weights, lattice.n_nodes)
    u = as_node_values(u, lattice.n_nodes, "u")
    merge, seed = as_number(merge, "merge threshold"), as_count(seed, "seed", 0)
    fineness = as_share(fineness, "fineness")
    counts = np.ones(lattice.n_nodes) if hits is None else as_node_values(hits, len(u), "hits")
    if counts.min() < 0 or not counts.any():
        raise DataError("hits must be numbers of points, and some of them above 0")
    basins, centroids = find_basins(u, lattice)
    case = _Case(weights, lattice, u, basins, centroids, merge, n_clusters, fineness, counts, seed)
    return Segments(basins, centroids, *cluster_nodes(case))


def _check_n_clusters(n_clusters: int | str | None) -> None:
    """Raise ConfigError unless n_clusters is None, a number of at least one or a score's name."""
    if isinstance(n_clusters, str):
        choose(_weight_clusters.SCORES, n_clusters, "choice of n_clusters")
    elif n_clusters is not None:
        as_count(n_clusters, "n_clusters", 1)


def _numbered_by_centroid(weights: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clusters (M,) int32 and their centroids (K,) int32, ascending, from arbitrary ids (M,)."""
    _, clusters = np.unique(raw, return_inverse=True)
    sizes = np.bincount(clusters)
    sums = np.stack([np.bincount(clusters, column) for column in weights.T], axis=1)
    offsets = weights - (sums / sizes[:, None])[clusters]
    # By cluster, the nearest to its mean first, and of equally near ones the first node.
    ranked = np.lexsort([(offsets**2).sum(axis=1), clusters])
    centroids = ranked[np.cumsum(sizes) - sizes].astype(np.int32)
    order = np.argsort(centroids)
    return np.argsort(order).astype(np.int32)[clusters], centroids[order]
