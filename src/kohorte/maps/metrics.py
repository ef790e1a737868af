"""Metrics: how far points and weights are from each other, over the features that are present.

NaN is a missing value. Formulas and names are those of `kohorte.maps.parameters.METRICS`. Here in
float64, for tables that fit in memory; the search of winners, in `kohorte.maps.winners`, has
kernels of its own.
"""

import numpy as np
from numpy.typing import ArrayLike

from kohorte._checks import choose
from kohorte.maps.parameters import METRICS

__all__ = ["METRICS", "pairwise", "rowwise"]


def rowwise(a: ArrayLike, b: ArrayLike, metric: str) -> np.ndarray:
    """Return the distance of each row of `a`, (n, F), from the same row of `b`, (n,) float64.

    Features that are NaN in either row are missing for that pair; a pair with no feature in common
    is infinitely far apart. ConfigError for a metric that is no key of METRICS.
    """
    from kohorte.maps import _kernels

    chosen = choose(METRICS, metric, "metric")
    a, b = _as_table(a), _as_table(b)
    distances = np.empty(a.shape[0])
    _kernels.rowwise(a, b, _kernels.KINDS[chosen.kind], chosen.root, distances)
    return distances


def pairwise(a: ArrayLike, b: ArrayLike, metric: str) -> np.ndarray:
    """Return the distances of the rows of `a`, (n, F), from those of `b`, (m, F); (n, m) float64.

    Missing values and errors are as for rowwise.
    """
    from kohorte.maps import _kernels

    chosen = choose(METRICS, metric, "metric")
    a, b = _as_table(a), _as_table(b)
    if chosen.scipy_name is None or np.isnan(a).any() or np.isnan(b).any():
        distances = np.empty((a.shape[0], b.shape[0]))
        _kernels.pairwise(a, b, _kernels.KINDS[chosen.kind], chosen.root, distances)
        return distances
    from scipy.spatial.distance import cdist

    distances = cdist(a, b, chosen.scipy_name)
    if chosen.kind == "cosine":
        distances[np.isnan(distances)] = 1.0
        distances[distances < _kernels.COSINE_ROUNDING] = 0.0
    return distances


def _as_table(rows: ArrayLike) -> np.ndarray:
    return np.ascontiguousarray(rows, dtype=np.float64)
