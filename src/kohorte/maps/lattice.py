"""Lattices of nodes: coordinates, neighbours, distances, and heuristics for their size."""

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kohorte._arrays import as_points
from kohorte._checks import as_count, as_number, choose, choose_name
from kohorte._principal import principal_axes
from kohorte.errors import ConfigError
from kohorte.maps.parameters import LATTICE_DISTANCES, check_rows, suggest_nodes

#: Distance between two rows of a hexagonal lattice, in lattice steps.
ROW_HEIGHT = math.sqrt(3) / 2

EIGHT = ((-1, -1), (0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0))
SIX_OF_EVEN_ROW = ((-1, -1), (0, -1), (1, 0), (0, 1), (-1, 1), (-1, 0))
SIX_OF_ODD_ROW = ((0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 0))


@dataclass(frozen=True)
class Topology:
    """How the nodes of a lattice are placed and linked.

    Odd rows, `row_height` apart, are moved by `row_shift` along x. `links` are (dx, dy) in columns
    and rows of the neighbours of a node in an even row, and of one in an odd row, in the order that
    breaks ties of the steepest descent; `count_links(dx, dy)` are those of the shortest path to a
    node dx and dy away in the plane.
    """

    row_height: float
    row_shift: float
    links: tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]
    count_links: Callable[[np.ndarray, np.ndarray], np.ndarray]


def _links_of_hexagonal_cells(dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    # A link to the next row moves half a step along x, free of charge in either direction.
    rows = np.abs(dy) / ROW_HEIGHT
    return np.rint(rows + np.maximum(np.abs(dx) - rows / 2, 0.0))


TOPOLOGIES = {
    "rectangular": Topology(
        1.0, 0.0, (EIGHT, EIGHT), lambda dx, dy: np.maximum(np.abs(dx), np.abs(dy))
    ),
    "hexagonal": Topology(
        ROW_HEIGHT, 0.5, (SIX_OF_EVEN_ROW, SIX_OF_ODD_ROW), _links_of_hexagonal_cells
    ),
}


@functools.lru_cache(maxsize=16)
def _blocks(xdim: int, ydim: int, size: int) -> npt.NDArray[np.int64]:
    width = -(-xdim // -(-xdim // math.isqrt(size)))
    height = size // width
    count = -(-ydim // height)
    # Strips of rows, as high as each other or the last one half as high: what needs fewer blocks.
    choices = [[ydim * k // count for k in range(count + 1)]]
    if 2 * (ydim % height) == height:
        choices.append([*range(0, ydim, height), ydim])

    def blocks_of(edges: list[int]) -> int:
        heights = (last - first for first, last in itertools.pairwise(edges))
        return sum(-(-xdim // (size // height)) for height in heights)

    edges = min(choices, key=blocks_of)
    nodes = np.arange(xdim * ydim).reshape(ydim, xdim)
    strips = []
    for first, last in itertools.pairwise(edges):
        width = size // (last - first)
        n_blocks = -(-xdim // width)
        wide = np.full((last - first, n_blocks * width), -1)
        wide[:, :xdim] = nodes[first:last]
        parts = wide.reshape(last - first, n_blocks, width).swapaxes(0, 1)
        blocks = np.full((n_blocks, size), -1)
        blocks[:, : (last - first) * width] = parts.reshape(n_blocks, -1)
        strips.append(blocks)
    table = np.concatenate(strips)[::-1].copy()
    table.flags.writeable = False
    return table


@dataclass(frozen=True)
class Lattice:
    """A lattice of xdim * ydim nodes; node r sits in column r % xdim of row r // xdim.

    One-dimensional lattices (1 x M, M x 1) are legal. An inner node has eight neighbours on a
    'rectangular' one, and six on a 'hexagonal' one: rows lie sqrt(3)/2 apart and every second one,
    from the second on, is moved by half a step along x. On a `periodic` one the last column is
    followed by the first one, the last row by the first one; a side of one node is not joined to
    itself. ConfigError for a side below one, an unknown topology, and for a periodic hexagonal
    lattice with an odd number of rows above one, so that the last row would not fit the first.
    """

    xdim: int
    ydim: int
    topology: str = "rectangular"
    periodic: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "xdim", as_count(self.xdim, "xdim", 1))
        object.__setattr__(self, "ydim", as_count(self.ydim, "ydim", 1))
        choose(TOPOLOGIES, self.topology, "topology")
        if not isinstance(self.periodic, bool | np.bool_):
            raise ConfigError(f"periodic must be true or false, got {self.periodic!r}")
        object.__setattr__(self, "periodic", bool(self.periodic))
        check_rows(self.topology, self.periodic, self.ydim)

    @property
    def n_nodes(self) -> int:
        """Number of nodes M = xdim * ydim."""
        return self.xdim * self.ydim

    @property
    def periods(self) -> tuple[float, float]:
        """Lengths along x and y after which a periodic lattice repeats; inf where it does not."""
        if not self.periodic:
            return math.inf, math.inf
        height = TOPOLOGIES[self.topology].row_height
        return (
            float(self.xdim) if self.xdim > 1 else math.inf,
            self.ydim * height if self.ydim > 1 else math.inf,
        )

    @functools.cached_property
    def _coordinates(self) -> np.ndarray:
        cells = TOPOLOGIES[self.topology]
        nodes = np.arange(self.n_nodes)
        x, y = nodes % self.xdim, nodes // self.xdim
        return _frozen(np.column_stack([x + cells.row_shift * (y % 2), y * cells.row_height]))

    @functools.cached_property
    def _neighbours(self) -> np.ndarray:
        nodes = np.arange(self.n_nodes)
        x, y = nodes % self.xdim, nodes // self.xdim
        links = TOPOLOGIES[self.topology].links
        table = np.full((nodes.size, len(links[0])), -1, dtype=np.int32)
        for parity in (0, 1):
            row = y % 2 == parity
            for column, (dx, dy) in enumerate(links[parity]):
                to_x, to_y = x[row] + dx, y[row] + dy
                if self.periodic and self.xdim > 1:
                    to_x %= self.xdim
                if self.periodic and self.ydim > 1:
                    to_y %= self.ydim
                exists = (to_x >= 0) & (to_x < self.xdim) & (to_y >= 0) & (to_y < self.ydim)
                found = np.where(exists, to_y * self.xdim + to_x, -1)
                # On a side of two nodes the wrap leads to a neighbour that is there already.
                found[(table[row, :column] == found[:, None]).any(axis=1)] = -1
                table[row, column] = found
        return _frozen(table)

    def coordinates(self) -> np.ndarray:
        """Return the plane position (x, y) of every node in lattice steps; (M, 2) float64."""
        return self._coordinates

    def neighbours(self) -> np.ndarray:
        """Return every node's neighbours, (M, D) int32, in the descent's tie order; -1 for none."""
        return self._neighbours

    def blocks(self, size: int) -> npt.NDArray[np.int64]:
        """Return nodes that lie close together, (blocks, size), -1 where a block has fewer.

        Blocks are nearly square and share no node. In each column of the table nodes fall from
        block to block.
        """
        return _blocks(self.xdim, self.ydim, size)

    def are_neighbours(self, a: npt.ArrayLike, b: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Tell whether nodes a and b are lattice neighbours, elementwise; a node is not its own."""
        a, b = np.broadcast_arrays(a, b)
        linked = np.zeros(a.shape, dtype=bool)
        for column in self._neighbours.T:
            linked |= column[a] == b
        return linked & (a >= 0) & (b >= 0)

    def steps_between(self, origins: npt.ArrayLike, targets: npt.ArrayLike) -> np.ndarray:
        """Return the straight way (dx, dy) in the plane from nodes to nodes, (..., 2) float64.

        On a periodic lattice it leads to the nearest image of the target; of two equally near ones
        to the one in the direction of positive dx (dy).
        """
        steps = self._coordinates[np.asarray(targets)] - self._coordinates[np.asarray(origins)]
        return self._nearest_image(steps)

    def distances_from(self, node: npt.ArrayLike, kind: str = "euclidean") -> np.ndarray:
        """Return the distances from one node, (M,), or several, (..., M), to all nodes; float64.

        `kind` is 'euclidean', in units of the lattice step, or 'links', the number of links of the
        shortest path, which on a rectangular lattice is the Chebyshev distance of columns and rows.
        """
        table = self._distances.get(kind)
        if table is None:
            table = self._distances.setdefault(kind, self.offset_distances(kind))
        return self.take_offsets(table, node)

    @functools.cached_property
    def _distances(self) -> dict[str, np.ndarray]:
        return {}

    def take_offsets(self, table: np.ndarray, node: npt.ArrayLike) -> np.ndarray:
        """Return what a table by offset has from a node, (M,), or several, (..., M), to all nodes.

        `table` is (2, 2 ydim - 1, 2 xdim - 1), as that of offset_distances.
        """
        y, x = np.divmod(np.asarray(node), self.xdim)
        windows = np.lib.stride_tricks.sliding_window_view(
            table, (self.ydim, self.xdim), axis=(1, 2)
        )
        taken = windows[y % 2, self.ydim - 1 - y, self.xdim - 1 - x]
        return taken.reshape(*y.shape, self.n_nodes)

    def offset_distances(self, kind: str) -> np.ndarray:
        """Return the distances by offset, (2, 2 ydim - 1, 2 xdim - 1) float64.

        Entry [p, ydim - 1 + dy, xdim - 1 + dx] is the distance from a node in row y, y % 2 = p, to
        the node dx columns and dy rows further, of a kind as in distances_from.
        """
        cells = TOPOLOGIES[self.topology]
        dy = np.arange(1 - self.ydim, self.ydim)[:, None]
        dx = np.arange(1 - self.xdim, self.xdim)
        tables = []
        for parity in (0, 1):
            shift = cells.row_shift * ((parity + dy) % 2 - parity)
            steps = np.empty((dy.size, dx.size, 2))
            steps[..., 0] = dx + shift
            steps[..., 1] = dy * cells.row_height
            tables.append(self._measure(steps, kind))
        return np.stack(tables)

    def _nearest_image(self, steps: np.ndarray) -> np.ndarray:
        for axis, period in enumerate(self.periods):
            if period < math.inf:
                # Half down: -period/2 becomes +period/2. Rows of hexagons are no exact numbers.
                turns = np.round(steps[..., axis] / period, 9)
                steps[..., axis] -= period * np.ceil(turns - 0.5)
        return steps

    def _measure(self, steps: np.ndarray, kind: str) -> np.ndarray:
        choose_name(LATTICE_DISTANCES, kind, "lattice distance")
        # The nearest image is also the one with the fewest links: both count |dx| and |dy| alone,
        # and neither falls with them.
        steps = self._nearest_image(steps)
        if kind == "links":
            return TOPOLOGIES[self.topology].count_links(steps[..., 0], steps[..., 1])
        # Four times the square is an integer on both lattices: equal distances are equal numbers.
        return np.sqrt(np.rint(4 * (steps**2).sum(axis=-1)) / 4)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


def suggest_size(
    n_points: int, n_features: int, ratio: float, nodes: int | str = "reference"
) -> tuple[int, int]:
    """Suggest the sides of a lattice for N points of F features.

    It has M `nodes`, see suggest_nodes, or a few less: xdim = int(sqrt(M / ratio)), ydim = int(M /
    xdim), each at least one, so that `ratio` is about ydim / xdim. With ratio 0 the lattice is a
    chain of M nodes. ConfigError for counts below one or a negative ratio.
    """
    n_points = as_count(n_points, "n_points", 1)
    n_features = as_count(n_features, "n_features", 1)
    ratio = as_number(ratio, "ratio")
    n_nodes = suggest_nodes(n_points, n_features, nodes)
    if ratio * n_nodes < 1:
        return n_nodes, 1
    xdim = min(max(1, int(math.sqrt(n_nodes / ratio))), n_nodes)
    return xdim, n_nodes // xdim


def pca_ratio(features: npt.ArrayLike) -> float:
    """Return the side ratio ydim / xdim = sqrt(l2 / l1) of the largest covariance eigenvalues.

    `features` are (N, F), NaN where missing. The ratio lies in [0, 1]; it is 0 if the data lie on a
    line, 1 if they do not vary at all. This is the usual heuristic (Kohonen, Self-Organizing Maps,
    2001): sides in proportion to the spread of the data along the two principal axes. DataError for
    features that cannot be used.
    """
    _, variances, _ = principal_axes(as_points(features, missing=True))
    return float(np.sqrt(variances[1] / variances[0])) if variances[0] > 0 else 1.0
