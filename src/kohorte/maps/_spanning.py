"""The tree of single linkage by mutual reachability, in an order that no processor changes."""

import numpy as np
from numba import njit


@njit(cache=True)
def _distances_from(points: np.ndarray, node: int, distances: np.ndarray) -> None:
    for other in range(points.shape[0]):
        total = 0.0
        for feature in range(points.shape[1]):
            difference = points[node, feature] - points[other, feature]
            total += difference * difference
        distances[other] = np.sqrt(total)


@njit(cache=True)
def _core_distances(points: np.ndarray, neighbours: int) -> np.ndarray:
    """Return the distance of each point to its nearest ones, itself the first, the last of them."""
    n = points.shape[0]
    core, distances = np.empty(n), np.empty(n)
    for node in range(n):
        _distances_from(points, node, distances)
        core[node] = np.partition(distances, neighbours - 1)[neighbours - 1]
    return core


@njit(cache=True)
def spanning_tree(points: np.ndarray, neighbours: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ends (N - 1,) and lengths of a tree that spans points (N, F), by Prim's method.

    Lengths are distances by mutual reachability: the largest of the Euclidean distance and of the
    distances of both ends to the last of their nearest `neighbours`, themselves the first. Of equal
    lengths the one to the lower index is taken.
    """
    n = points.shape[0]
    core, distances = _core_distances(points, neighbours), np.empty(n)
    nearest, reached_from = np.full(n, np.inf), np.zeros(n, np.int64)
    inside = np.zeros(n, np.bool_)
    first, second, lengths = np.empty(n - 1, np.int64), np.empty(n - 1, np.int64), np.empty(n - 1)
    node = 0
    for edge in range(n - 1):
        inside[node] = True
        _distances_from(points, node, distances)
        best = -1
        for other in range(n):
            if inside[other]:
                continue
            length = max(distances[other], core[node], core[other])
            if length < nearest[other]:
                nearest[other], reached_from[other] = length, node
            if best < 0 or nearest[other] < nearest[best]:
                best = other
        first[edge], second[edge], lengths[edge] = reached_from[best], best, nearest[best]
        node = best
    return first, second, lengths
