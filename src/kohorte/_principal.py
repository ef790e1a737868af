"""The plane of largest variance of a table."""

import numpy as np
import numpy.typing as npt

from kohorte.maps._threads import single_threaded

_BLOCK_ENTRIES = 1 << 19


def principal_axes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean (F,), the two largest variances (2,) and their directions (2, F), float64.

    A missing value, NaN, of `points`, (N, F) float32, counts as its feature's mean. Variances are
    eigenvalues of the covariance (divided by N). The largest component of a direction is positive,
    so that its sign is fixed; for F = 1 the second variance and direction are zero.
    """
    n_points, n_features = points.shape
    mean = feature_means(points)
    covariance = np.zeros((n_features, n_features))
    n_rows = max(1, _BLOCK_ENTRIES // n_features)
    with single_threaded():
        for start in range(0, n_points, n_rows):
            centred = points[start : start + n_rows] - mean
            centred[np.isnan(centred)] = 0.0
            covariance += centred.T @ centred
        eigenvalues, eigenvectors = np.linalg.eigh(covariance / n_points)
    variances = np.zeros(2)
    directions = np.zeros((2, n_features))
    for axis in range(min(2, n_features)):
        direction = eigenvectors[:, -1 - axis]
        largest = direction[np.argmax(np.abs(direction))]
        variances[axis] = max(eigenvalues[-1 - axis], 0.0)
        directions[axis] = direction * np.sign(largest)
    return mean, variances, directions


def feature_means(points: np.ndarray) -> npt.NDArray[np.float64]:
    """Return the mean (F,) of the values that each feature of `points`, (N, F), has."""
    n_points, n_features = points.shape
    sums, counts = np.zeros(n_features), np.zeros(n_features)
    n_rows = max(1, _BLOCK_ENTRIES // n_features)
    for start in range(0, n_points, n_rows):
        block = points[start : start + n_rows]
        missing = np.isnan(block)
        sums += np.where(missing, 0.0, block).sum(axis=0, dtype=np.float64)
        counts += (~missing).sum(axis=0)
    return sums / np.maximum(counts, 1)
