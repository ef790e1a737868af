"""How unlike the points that maps were trained on a point is, and which of these are foreign."""

from __future__ import annotations

import math

import numpy as np

from kohorte.maps.metrics import rowwise

_UPPER, _NORMAL = 0.95, 1.6448536269514722  # a quantile of novelty, and that of the normal law
_FAR = 3.0  # standard deviations
_SAMPLE = 1 << 20  # points


def in_quantization_errors(distances: np.ndarray, quantization_error: float) -> np.ndarray:
    """Return distances in quantization errors of a map, (N,); 0 for a point on its winner."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = distances / quantization_error
    return np.where(distances == 0, 0.0, ratios)


def winner_novelty(
    points: np.ndarray,
    weights: np.ndarray,
    winners: np.ndarray,
    *,
    metric: str,
    quantization_error: float,
) -> np.ndarray:
    """Return the distances (N,) float64 of points (N, F) to their winners, in quantization errors.

    `weights` are (M, F), `winners` (N,) nodes; points and weights are on the scale of the map.
    """
    distances = rowwise(points, weights[winners], metric)
    return in_quantization_errors(distances, quantization_error)


def sample_novelty(novelty: np.ndarray, start: int = 0, n_points: int | None = None) -> np.ndarray:
    """Return the values that `outlier_threshold` looks at, evenly spaced, a million at most.

    `novelty` is that of all points, or that from the point `start` on of so many.
    """
    step = -(-(len(novelty) if n_points is None else n_points) // _SAMPLE)
    return novelty[-start % step :: step]


def outlier_threshold(novelty: np.ndarray) -> float:
    """Return the novelty above which a point of the training is an outlier.

    The cube root of novelty, nearly normal for many distributions of distances (Wilson & Hilferty,
    PNAS 17 (1931) 684), lies more than three standard deviations above its median. Their size
    follows from median and 95 % quantile alone: points near a node, and up to 5 % outliers, have no
    say. `novelty` (N,) is that of all points or of a fair sample, see `sample_novelty`; values that
    are not finite are left out.
    """
    known = novelty[np.isfinite(novelty)]
    if known.size == 0:
        return float("inf")
    ranked = np.sort(known)
    middle, upper = _root_quantile(ranked, 0.5), _root_quantile(ranked, _UPPER)
    far = middle + _FAR * (upper - middle) / _NORMAL
    # Where most points have the same novelty, rounding must not put it above itself.
    return max(far * far * far, float(np.quantile(known, _UPPER)))


def _root_quantile(ranked: np.ndarray, share: float) -> float:
    """Return a quantile of the cube roots of ascending values, by the C library alone.

    NumPy's own cube roots have other last bits on other processors.
    """
    below, part = divmod(share * (ranked.size - 1), 1)
    low, high = (math.cbrt(ranked[min(int(below) + k, ranked.size - 1)]) for k in (0, 1))
    return low + (high - low) * part
