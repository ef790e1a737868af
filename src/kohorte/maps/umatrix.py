"""U-matrix: how far the weights of a node are from its neighbours' weights."""

import math

import numpy as np
import numpy.typing as npt

from kohorte._arrays import as_node_values, as_weights
from kohorte._checks import as_number
from kohorte._portable import exp
from kohorte.maps.lattice import TOPOLOGIES, Lattice
from kohorte.maps.metrics import rowwise


def u_matrix(
    weights: npt.ArrayLike, lattice: Lattice, metric: str = "euclidean"
) -> npt.NDArray[np.float64]:
    """Return the mean distance from each node's weights, (M, F), to its lattice neighbours'; (M,).

    Only neighbours that exist count (8, 5 or 3 on a planar rectangular lattice, 6 for an inner node
    of a hexagonal one); a map of one node has u = 0. `metric`, a key of METRICS, is the map's. The
    result is in units of the features; the published code divides by M as well, which changes no
    basin and no merging. Source: Ultsch & Siemon, Proc. INNC (1990) 305. ConfigError for an unknown
    metric and DataError for weights that do not fit the lattice.
    """
    weights = as_weights(weights, lattice.n_nodes)
    total = np.zeros(lattice.n_nodes)
    for column in lattice.neighbours().T:
        nodes = np.flatnonzero(column >= 0)
        total[nodes] += rowwise(weights[column[nodes]], weights[nodes], metric)
    return total / np.maximum((lattice.neighbours() >= 0).sum(axis=1), 1)


def smooth(u: npt.ArrayLike, lattice: Lattice, length: float) -> npt.NDArray[np.float64]:
    """Return the Nadaraya-Watson average of `u` (M,) over the lattice, (M,).

    Node j counts for node i with exp(-r_ij^2 / length^2), r_ij their Euclidean distance in lattice
    steps, to the nearest image on a periodic lattice, divided by the sum of these over all nodes,
    so that borders are not darkened. Length 0 smooths nothing. Raises ConfigError for a negative
    length and DataError for a wrong shape.
    """
    u = as_node_values(u, lattice.n_nodes, "u")
    length = as_number(length, "smoothing length")
    if length == 0:
        return u.copy()
    plane = u.reshape(lattice.ydim, lattice.xdim)
    cells = TOPOLOGIES[lattice.topology]
    period_x, period_y = lattice.periods
    columns, rows = np.arange(lattice.xdim), np.arange(lattice.ydim)
    # exp(-(dx^2 + dy^2)) is a product, so the average over the plane is one over x, then over y.
    along_y = _kernel((rows[:, None] - rows) * cells.row_height, period_y, length)
    along_x = _kernel(columns[:, None] - columns, period_x, length)
    if not cells.row_shift:
        along_x /= along_x.sum(axis=1, keepdims=True)
        along_y /= along_y.sum(axis=1, keepdims=True)
        return _product(along_y, plane, along_x).ravel()
    # dx depends on whether the two rows are moved alike: each kind of pairs has a product.
    moved = columns[:, None] - columns + cells.row_shift
    across = _kernel(moved, period_x, length)  # from an even row to an odd one
    total, support = np.zeros(plane.shape), np.zeros(plane.shape)
    for to, of, over_x in ((0, 0, along_x), (1, 1, along_x), (1, 0, across), (0, 1, across.T)):
        over_y = along_y[to::2, of::2]
        total[to::2] += _product(over_y, plane[of::2], over_x)
        support[to::2] += np.outer(over_y.sum(axis=1), over_x.sum(axis=1))
    return (total / support).ravel()


def _kernel(steps: np.ndarray, period: float, length: float) -> np.ndarray:
    """Return exp(-r^2 / length^2) of steps along one axis."""
    apart = np.abs(steps)
    if period < math.inf:
        apart = np.minimum(apart, period - apart)
    with np.errstate(over="ignore"):  # a very short length squares to infinity: the kernel is 0
        return exp(-((apart / length) ** 2))


def _product(over_y: np.ndarray, plane: np.ndarray, over_x: np.ndarray) -> np.ndarray:
    """Return over_y . plane . over_x^T, without BLAS."""
    return np.einsum("yk,kx->yx", over_y, np.einsum("yk,xk->yx", plane, over_x))
