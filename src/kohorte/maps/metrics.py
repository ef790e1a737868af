"""Metrics: how far points and weights are from each other, over the features that are present.

NaN is a missing value. Over the present features P of F, with o = a - b:

    euclidean    sqrt(F/|P| sum o^2)        sqeuclidean  F/|P| sum o^2
    manhattan    F/|P| sum |o|              chebyshev    max |o|
    cosine       1 - a.b / (|a| |b|), and 1 where either vector is zero

In float64, for tables that fit in memory; the search of winners, in kohorte.maps.winners, has
kernels of its own.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.spatial.distance import cdist

from kohorte._checks import choose


@dataclass(frozen=True)
class Metric:
    """A distance of two vectors.

    code: what the kernels of this module know it by. scipy_name: its name for scipy's cdist.
    has_triangle_inequality: whether no detour is shorter than the straight way.
    """

    code: int
    scipy_name: str
    has_triangle_inequality: bool


METRICS = {
    "euclidean": Metric(0, "euclidean", True),
    "sqeuclidean": Metric(1, "sqeuclidean", False),
    "manhattan": Metric(2, "cityblock", True),
    "chebyshev": Metric(3, "chebyshev", True),
    "cosine": Metric(4, "cosine", False),
}
"""Name -> Metric."""

_COSINE_ROUNDING = 1e-14
"""Cosine distance of float32 vectors that differ in their last digit alone: counts as none."""


def rowwise(a, b, metric: str) -> np.ndarray:
    """Distance of each row of a from the same row of b, both (n, F); (n,) float64.

    Features that are NaN in either row are missing for that pair; a pair with no feature in common
    is infinitely far apart. Raises ConfigError for an unknown metric.
    """
    code = choose(METRICS, metric, "metric").code
    a, b = _as_table(a), _as_table(b)
    distances = np.empty(a.shape[0])
    _rowwise(a, b, code, distances)
    return distances


def pairwise(a, b, metric: str) -> np.ndarray:
    """Distance of every row of a, (n, F), from every row of b, (m, F); (n, m) float64.

    Missing values and errors as for rowwise.
    """
    chosen = choose(METRICS, metric, "metric")
    a, b = _as_table(a), _as_table(b)
    if np.isnan(a).any() or np.isnan(b).any():
        distances = np.empty((a.shape[0], b.shape[0]))
        _pairwise(a, b, chosen.code, distances)
        return distances
    distances = cdist(a, b, chosen.scipy_name)
    if metric == "cosine":
        distances[np.isnan(distances)] = 1.0
        distances[distances < _COSINE_ROUNDING] = 0.0
    return distances


def _as_table(rows) -> np.ndarray:
    return np.ascontiguousarray(rows, dtype=np.float64)


@njit(nogil=True, cache=True)
def _distance(a, b, code):
    total, squares_a, squares_b = 0.0, 0.0, 0.0
    present = 0
    for f in range(a.size):
        offset = abs(a[f] - b[f])
        if math.isnan(offset):
            continue
        present += 1
        if code <= 1:
            total += offset * offset
        elif code == 2:
            total += offset
        elif code == 3:
            total = max(total, offset)
        else:
            total += a[f] * b[f]
            squares_a += a[f] * a[f]
            squares_b += b[f] * b[f]
    if present == 0:
        return math.inf
    if code == 3:
        return total
    if code == 4:
        if squares_a == 0 or squares_b == 0:
            return 1.0
        distance = 1 - total / (math.sqrt(squares_a) * math.sqrt(squares_b))
        return distance if distance >= _COSINE_ROUNDING else 0.0
    total *= a.size / present
    return math.sqrt(total) if code == 0 else total


@njit(nogil=True, cache=True)
def _rowwise(a, b, code, distances):
    for i in range(a.shape[0]):
        distances[i] = _distance(a[i], b[i], code)


@njit(nogil=True, cache=True)
def _pairwise(a, b, code, distances):
    for i in range(a.shape[0]):
        for j in range(b.shape[0]):
            distances[i, j] = _distance(a[i], b[j], code)
