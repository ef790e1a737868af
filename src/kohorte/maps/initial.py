"""Starting weights of a map."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from kohorte._arrays import as_points
from kohorte._checks import choose
from kohorte._principal import feature_means, principal_axes
from kohorte.maps.lattice import Lattice

#: Half-width of the principal plane's grid, in standard deviations.
PCA_EXTENT = 2.0


def _sample(points: np.ndarray, lattice: Lattice, rng: np.random.Generator) -> np.ndarray:
    weights = points[rng.integers(points.shape[0], size=lattice.n_nodes)]
    missing = np.isnan(weights)
    if missing.any():
        weights[missing] = np.broadcast_to(feature_means(points), weights.shape)[missing]
    return weights


def _pca(points: np.ndarray, lattice: Lattice, rng: np.random.Generator) -> np.ndarray:
    mean, variances, directions = principal_axes(points)
    coordinates = lattice.coordinates()
    # The longer side of the lattice takes the direction of larger variance.
    sides = (1, 0) if np.ptp(coordinates[:, 1]) > np.ptp(coordinates[:, 0]) else (0, 1)
    weights = np.tile(mean, (lattice.n_nodes, 1))
    for side, variance, direction in zip(sides, variances, directions, strict=True):
        position = coordinates[:, side]
        length = np.ptp(position)
        if length > 0:
            grid = PCA_EXTENT * (2 * (position - position.min()) / length - 1)
            weights += np.outer(grid * np.sqrt(variance), direction)
    return weights.astype(np.float32)


INITIALS: dict[str, Callable[[np.ndarray, Lattice, np.random.Generator], np.ndarray]] = {
    "uniform": lambda x, grid, rng: rng.random((grid.n_nodes, x.shape[1]), np.float32),
    "normal": lambda x, grid, rng: rng.standard_normal((grid.n_nodes, x.shape[1]), np.float32),
    "sample": _sample,
    "pca": _pca,
}


def initial_weights(
    features: npt.ArrayLike, lattice: Lattice, initial: str, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return starting weights (M, F) for a map of `features` (N, F), NaN where missing.

    `initial` is 'uniform': U(0, 1) per entry; 'normal': N(0, 1) per entry; 'sample': M rows of the
    data, drawn with replacement; a missing value is its feature's mean, here and in the next; or
    'pca': mean + a sqrt(l1) v1 + b sqrt(l2) v2, with a and b on a regular grid in [-2, 2] over the
    lattice, l and v the largest eigenvalues of the covariance and their unit eigenvectors, the
    first along the longer side (x on a tie); a side of one node stays at the mean, and `rng` is not
    used. ConfigError for another name, DataError for features that cannot be used. Source: Kohonen,
    Self-Organizing Maps (2001).
    """
    start = choose(INITIALS, initial, "initial weights")
    return start(as_points(features, missing=True), lattice, rng)
