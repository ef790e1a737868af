"""Lattices of nodes: coordinates, neighbours, distances, and heuristics for their size."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kohorte.maps._principal import principal_axes
from kohorte.maps._validation import as_count, as_number, as_points, choose

RECTANGULAR_OFFSETS = ((-1, -1), (0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0))
"""(dx, dy) of the eight neighbours, in the order that breaks ties of the steepest descent."""


@dataclass(frozen=True)
class Topology:
    """How the nodes of a lattice are placed and linked.

    coordinates(xdim, ydim) -> (M, 2) float64 plane positions;
    neighbours(xdim, ydim) -> (M, D) int32 node indices in tie order, padded with -1.
    """

    coordinates: Callable[[int, int], np.ndarray]
    neighbours: Callable[[int, int], np.ndarray]


def _rectangular_coordinates(xdim: int, ydim: int) -> np.ndarray:
    nodes = np.arange(xdim * ydim)
    return np.column_stack([nodes % xdim, nodes // xdim]).astype(np.float64)


def _rectangular_neighbours(xdim: int, ydim: int) -> np.ndarray:
    nodes = np.arange(xdim * ydim)
    x, y = nodes % xdim, nodes // xdim
    table = np.full((nodes.size, len(RECTANGULAR_OFFSETS)), -1, dtype=np.int32)
    for column, (dx, dy) in enumerate(RECTANGULAR_OFFSETS):
        exists = (x + dx >= 0) & (x + dx < xdim) & (y + dy >= 0) & (y + dy < ydim)
        table[exists, column] = (nodes + dy * xdim + dx)[exists]
    return table


TOPOLOGIES = {"rectangular": Topology(_rectangular_coordinates, _rectangular_neighbours)}

LATTICE_DISTANCES = {
    "euclidean": lambda steps: np.sqrt((steps**2).sum(axis=-1)),
    "chebyshev": lambda steps: np.abs(steps).max(axis=-1),
}


@dataclass(frozen=True)
class Lattice:
    """A planar lattice of xdim * ydim nodes; node r sits at x = r % xdim, y = r // xdim.

    One-dimensional lattices (1 x M, M x 1) are legal. Raises ConfigError for sides below one or
    an unknown topology.
    """

    xdim: int
    ydim: int
    topology: str = "rectangular"

    def __post_init__(self):
        object.__setattr__(self, "xdim", as_count(self.xdim, "xdim", 1))
        object.__setattr__(self, "ydim", as_count(self.ydim, "ydim", 1))
        choose(TOPOLOGIES, self.topology, "topology")

    @property
    def n_nodes(self) -> int:
        """Number of nodes M = xdim * ydim."""
        return self.xdim * self.ydim

    @cached_property
    def _coordinates(self) -> np.ndarray:
        return _frozen(TOPOLOGIES[self.topology].coordinates(self.xdim, self.ydim))

    @cached_property
    def _neighbours(self) -> np.ndarray:
        return _frozen(TOPOLOGIES[self.topology].neighbours(self.xdim, self.ydim))

    def coordinates(self) -> np.ndarray:
        """Plane position (x, y) of every node, in units of the lattice step; (M, 2) float64."""
        return self._coordinates

    def neighbours(self) -> np.ndarray:
        """Neighbours of every node, (M, D) int32, in the tie order of the descent; -1 for none."""
        return self._neighbours

    def are_neighbours(self, a, b) -> np.ndarray:
        """Whether nodes a and b are lattice neighbours, elementwise; a node is not its own."""
        a, b = np.broadcast_arrays(a, b)
        linked = np.zeros(a.shape, dtype=bool)
        for column in self._neighbours.T:
            linked |= column[a] == b
        return linked & (a >= 0) & (b >= 0)

    def distances_from(self, node, kind: str = "euclidean") -> np.ndarray:
        """Distances from one node, (M,), or from several, (..., M), to all nodes; float64.

        kind: 'euclidean' or 'chebyshev', in units of the lattice step.
        """
        measure = choose(LATTICE_DISTANCES, kind, "lattice distance")
        return measure(self._coordinates[np.asarray(node)][..., None, :] - self._coordinates)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


def suggest_size(n_points: int, n_features: int, ratio: float) -> tuple[int, int]:
    """Sides of a lattice for N points of F features: M = int(5 sqrt(N F) / 6) nodes.

    xdim = int(sqrt(M / ratio)), ydim = int(M / xdim), each at least one, so that `ratio` is about
    ydim / xdim. With ratio 0 the lattice is a chain of M nodes. Source: Ha, Nättilä & Davelaar,
    JOSS 10 (2025) 7613, after Vesanto's 5 sqrt(N). Raises ConfigError for counts below one or a
    negative ratio.
    """
    n_points = as_count(n_points, "n_points", 1)
    n_features = as_count(n_features, "n_features", 1)
    ratio = as_number(ratio, "ratio")
    n_nodes = max(1, int(5 * math.sqrt(n_points * n_features) / 6))
    if ratio * n_nodes < 1:
        return n_nodes, 1
    xdim = min(max(1, int(math.sqrt(n_nodes / ratio))), n_nodes)
    return xdim, n_nodes // xdim


def pca_ratio(features) -> float:
    """Side ratio ydim / xdim = sqrt(l2 / l1) from the two largest covariance eigenvalues.

    features: (N, F). In [0, 1]; 0 where the data lie on a line, 1 where they do not vary at all.
    The usual heuristic (Kohonen, Self-Organizing Maps, 2001): sides in proportion to the spread of
    the data along the two principal axes. Raises DataError for features that cannot be used.
    """
    _, variances, _ = principal_axes(as_points(features))
    return float(np.sqrt(variances[1] / variances[0])) if variances[0] > 0 else 1.0
