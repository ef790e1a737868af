"""U-matrix: how far the weights of a node are from those of its neighbours."""

import numpy as np

from kohorte.maps._validation import as_node_values, as_number, as_weights
from kohorte.maps.lattice import Lattice


def u_matrix(weights, lattice: Lattice) -> np.ndarray:
    """Mean Euclidean distance from each node's weights to its lattice neighbours'; (M,) float64.

    weights: (M, F). Only neighbours that exist count (8, 5 or 3 on a rectangular lattice); a map
    of one node has u = 0. In units of the features; the published code divides by M as well,
    which changes no basin and no merging. Source: Ultsch & Siemon, Proc. INNC (1990) 305.
    Raises DataError for weights that do not fit the lattice.
    """
    weights = as_weights(weights, lattice.n_nodes).astype(np.float64)
    total = np.zeros(lattice.n_nodes)
    for column in lattice.neighbours().T:
        nodes = np.flatnonzero(column >= 0)
        steps = weights[column[nodes]] - weights[nodes]
        total[nodes] += np.sqrt(np.square(steps, out=steps).sum(axis=1))
    return total / np.maximum((lattice.neighbours() >= 0).sum(axis=1), 1)


def smooth(u, lattice: Lattice, length: float) -> np.ndarray:
    """Nadaraya-Watson average of `u` (M,) over the lattice; (M,) float64.

    Node j counts for node i with exp(-r_ij^2 / length^2), r_ij their Euclidean distance in lattice
    steps, divided by the sum of these over all nodes, so that borders are not darkened. length 0
    smooths nothing. Raises ConfigError for a negative length and DataError for a wrong shape.
    """
    u = as_node_values(u, lattice.n_nodes, "u")
    length = as_number(length, "smoothing length")
    if length == 0:
        return u.copy()
    # exp(-(dx^2 + dy^2)) is a product, so the average over the plane is one over x, then over y.
    along_x, along_y = (_averaging(side, length) for side in (lattice.xdim, lattice.ydim))
    plane = u.reshape(lattice.ydim, lattice.xdim)
    over_x = np.einsum("yk,xk->yx", plane, along_x)
    return np.einsum("yk,kx->yx", along_y, over_x).ravel()


def _averaging(side: int, length: float) -> np.ndarray:
    """(side, side) rows of weights that sum to one."""
    position = np.arange(side)
    with np.errstate(over="ignore"):  # a very short length squares to infinity: the kernel is 0
        kernel = np.exp(-(((position[:, None] - position) / length) ** 2))
    return kernel / kernel.sum(axis=1, keepdims=True)
