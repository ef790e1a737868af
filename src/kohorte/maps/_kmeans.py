"""K-means of weighted points, compiled: one start, the same bits on every processor."""

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

#: Most passes from a start.
PASSES = 50


def cluster_nodes(
    nodes: ArrayLike, hits: ArrayLike, starts: ArrayLike, passes: int = PASSES
) -> np.ndarray:
    """Return clusters of `nodes` (M, F) that count as often as `hits` (M,) says; (M,) int64.

    The first centres are those of k-means++ (Arthur & Vassilvitskii 2007), one for each of `starts`
    in [0, 1): a node is taken where the running sum of hits times squared distances to the centres
    taken before passes this share of all. Lloyd's passes, at most `passes`, follow; the lowest
    centre wins a tie, and one without nodes stays in its place. Nodes without hits go to the
    nearest centre that has nodes. Fewer centres where fewer nodes differ.
    """
    nodes, hits = np.asarray(nodes), np.asarray(hits, dtype=np.float64)
    held = hits > 0
    points = np.ascontiguousarray(nodes[held], dtype=np.float64)
    centres = _spread_centres(points, hits[held], np.asarray(starts, dtype=np.float64))
    clusters = np.empty(len(nodes), np.int64)
    clusters[held] = _lloyd(points, hits[held], centres, passes)
    others = np.ascontiguousarray(nodes[~held], dtype=np.float64)
    inhabited = np.unique(clusters[held])
    nearest = np.zeros(len(others), np.int64)
    _join_nearest(others, np.ascontiguousarray(centres[:, inhabited]), nearest)
    clusters[~held] = inhabited[nearest]
    return clusters


@njit(nogil=True, cache=True)
def _spread_centres(points: np.ndarray, hits: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return centres (F, at most K) of k-means++ among the points (n, F)."""
    n_points, n_features = points.shape
    centres = np.empty((n_features, starts.size))
    shares = hits.copy()
    squares = np.full(n_points, math.inf)
    for k in range(starts.size):
        total = 0.0
        for p in range(n_points):
            total += shares[p]
        if total == 0.0:
            return centres[:, :k].copy()
        passed, chosen = 0.0, 0
        for p in range(n_points):
            if shares[p] > 0.0:
                chosen = p
                passed += shares[p]
                if passed > starts[k] * total:
                    break
        for f in range(n_features):  # an assignment of arrays takes seconds to compile
            centres[f, k] = points[chosen, f]
        for p in range(n_points):
            square = 0.0
            for f in range(n_features):
                offset = points[p, f] - points[chosen, f]
                square += offset * offset
            squares[p] = min(squares[p], square)
            shares[p] = hits[p] * squares[p]
    return centres


@njit(nogil=True, cache=True)
def _join_nearest(points: np.ndarray, centres: np.ndarray, clusters: np.ndarray) -> bool:
    """Set `clusters` (n,) to the nearest of the centres (F, K); return whether any changed."""
    n_points, n_features = points.shape
    squares = np.empty(centres.shape[1])
    changed = False
    for p in range(n_points):
        squares[:] = 0.0
        for f in range(n_features):
            value, line = points[p, f], centres[f]
            for k in range(squares.size):
                offset = value - line[k]
                squares[k] += offset * offset
        nearest = 0
        for k in range(1, squares.size):
            if squares[k] < squares[nearest]:
                nearest = k
        changed |= clusters[p] != nearest
        clusters[p] = nearest
    return changed


@njit(nogil=True, cache=True)
def _lloyd(points: np.ndarray, hits: np.ndarray, centres: np.ndarray, passes: int) -> np.ndarray:
    """Move the centres (F, K), in place, and return the clusters of the points (n,)."""
    n_points, n_features = points.shape
    clusters = np.full(n_points, -1)
    for _ in range(passes):
        if not _join_nearest(points, centres, clusters):
            break
        sums, counts = np.zeros(centres.shape), np.zeros(centres.shape[1])
        for p in range(n_points):
            counts[clusters[p]] += hits[p]
            for f in range(n_features):
                sums[f, clusters[p]] += hits[p] * points[p, f]
        for k in range(counts.size):
            if counts[k] > 0.0:
                for f in range(n_features):
                    centres[f, k] = sums[f, k] / counts[k]
    return clusters
