"""Winners: the nodes nearest to the points."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from concurrent.futures import wait
from typing import NamedTuple

import numpy as np
from numpy import typing as npt
from numpy.typing import ArrayLike

from kohorte._arrays import as_points, as_weights
from kohorte._checks import as_count, choose
from kohorte.maps._threads import kept_pool
from kohorte.maps.lattice import Lattice
from kohorte.maps.parameters import METRICS

#: Points that one task of a thread pool takes.
BLOCK_ROWS = 1 << 14

#: Nodes are looked at in blocks where there are at most so many features, from so many nodes to so
#: many, and at least so many points, of a search and for the nodes.
BLOCK_FEATURES = 16
BLOCK_NODES = 256
MOST_NODES = 1 << 15
BLOCK_POINTS = 1 << 10

#: Share of blocks looked at, by the first points of a task, above which they are not worth while:
#: looking at all nodes in turn is three times as fast, for each.
WORTH_SHARE = 0.25

_CACHE_BYTES = 1 << 18
_BLOCK_BYTES = 3 << 18
_LARGEST_BLOCK = 240


def find_winners(
    features: ArrayLike,
    weights: ArrayLike,
    *,
    metric: str = "euclidean",
    lattice: Lattice | None = None,
    threads: int = 1,
) -> np.ndarray:
    """Return the index of the node nearest to each row, (N,) int32; the lowest on a tie.

    `features` are (N, F), NaN where a value is missing, and `weights` (M, F), both of any real
    type. Distances are those of `kohorte.maps.metrics` in float32, and never stored. For euclidean,
    sqeuclidean and cosine they come from scalar products, |w|^2/2 - w.p, so that of two nodes whose
    distances differ by less than the rounding of |w|^2 either may win; a common offset that is
    large against the spread of the weights is subtracted first. With `lattice`, whose nodes the
    weights are of, only those blocks of neighbours are looked at that may hold a winner, where this
    is faster. Neither it nor `threads` have an effect on the result. ConfigError for an unknown
    metric, or threads < 1, DataError for tables that cannot be used.
    """
    return WinnerSearch(weights, metric, lattice).winners(features, threads=threads)


def find_two_winners(
    features: ArrayLike,
    weights: ArrayLike,
    *,
    metric: str = "euclidean",
    lattice: Lattice | None = None,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the two nodes nearest to each row, (N, 2) int32, and their distances.

    As find_winners, the nearest first; the lowest index wins a tie. The distances, (N, 2) float32,
    are computed anew, from differences in float64. A map of one node has no second winner: -1, at
    infinite distance.
    """
    return WinnerSearch(weights, metric, lattice).two_winners(features, threads=threads)


class WinnerSearch:
    """Weights (M, F) prepared for any number of searches; see find_winners."""

    def __init__(
        self, weights: ArrayLike, metric: str = "euclidean", lattice: Lattice | None = None
    ) -> None:
        from kohorte.maps import _kernels

        self._metric = choose(METRICS, metric, "metric")
        self._kind = _kernels.KINDS[self._metric.kind]
        self.weights = as_weights(weights, lattice.n_nodes if lattice else None)
        self._lattice = lattice
        self._packs: dict[bool, _Pack] = {}
        self._blocks: _Blocks | None = None

    def winners(self, features: ArrayLike, *, threads: int = 1) -> np.ndarray:
        """Return what find_winners does, (N,) int32."""
        return self.winners_of(as_points(features, missing=True), threads)

    def winners_of(self, points: np.ndarray, threads: int = 1) -> np.ndarray:
        """Return the winners (N,) int32 of points (N, F) float32 that were checked before."""
        self._check_columns(points)
        nodes = np.empty((points.shape[0], 1), np.int32)
        self._search(points, nodes, None, threads)
        return nodes[:, 0]

    def two_winners(
        self, features: ArrayLike, *, threads: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what find_two_winners does, (N, 2) int32 and (N, 2) float32."""
        points = self._points(features)
        nodes = np.empty((points.shape[0], 2), np.int32)
        lengths = np.empty(nodes.shape, np.float32)
        self._search(points, nodes, lengths, threads)
        return nodes, lengths

    def distances(self, features: ArrayLike, nodes: ArrayLike, *, threads: int = 1) -> np.ndarray:
        """Return the distances of the points to given nodes (N,), (N,) float32.

        They are computed in float64 and rounded once.
        """
        points = self._points(features)
        lengths = np.empty((points.shape[0], 1), np.float32)
        chosen = np.asarray(nodes, np.int32).reshape(-1, 1)

        def task(rows: slice) -> None:
            self._measure(points[rows], chosen[rows], lengths[rows])

        _in_blocks(task, points.shape[0], threads)
        return lengths[:, 0]

    def _points(self, features: ArrayLike) -> np.ndarray:
        points = as_points(features, missing=True)
        self._check_columns(points)
        return points

    def _check_columns(self, points: np.ndarray) -> None:
        if points.shape[1] != self.weights.shape[1]:
            as_weights(self.weights, n_features=points.shape[1])

    def _search(
        self, points: np.ndarray, nodes: np.ndarray, lengths: np.ndarray | None, threads: int
    ) -> None:
        """Fill `nodes` (N, 1 or 2) and, where it is given, `lengths` with their distances."""
        n_best = nodes.shape[1]
        self._group_nodes(points.shape[0])

        def task(rows: slice) -> None:
            block = points[rows]
            # A point's winners must not depend on which other points are incomplete. The maximum
            # is NaN if any value is, and is found faster.
            some = np.isnan(block.max())
            incomplete = np.isnan(block).any(axis=1) if some else np.zeros(len(block), bool)
            for masked in (False, True) if some else (False,):
                chosen = np.flatnonzero(incomplete == masked)
                if chosen.size == block.shape[0]:
                    nodes[rows] = self._search_block(block, masked, n_best)
                elif chosen.size:
                    nodes[rows][chosen] = self._search_block(block[chosen], masked, n_best)
            if lengths is not None:
                self._measure(block, nodes[rows], lengths[rows])

        _in_blocks(task, points.shape[0], threads)

    def _search_block(self, points: np.ndarray, masked: bool, n_best: int) -> np.ndarray:
        from kohorte.maps import _kernels

        by_product = self._metric.by_product and not masked
        # Only products have a kernel that keeps nothing but the best.
        found = np.empty((points.shape[0], n_best if by_product else 2), np.int32)
        done = 0
        if self._blocks and by_product and points.shape[0] >= BLOCK_POINTS:
            done, _ = look_at_blocks(points, self._blocks, found, WORTH_SHARE * self._blocks.filled)
            if done == points.shape[0]:
                return found
        pack = self._pack(by_product)
        tables, kind, sizes = pack[:3], pack.kind, pack[4:]
        if by_product:
            _kernels.search_products(points[done:], *tables, *sizes, found[done:])
        else:
            _kernels.search(points[done:], *tables, kind, masked, *sizes, found[done:])
        return found[:, :n_best]

    def _group_nodes(self, n_points: int) -> None:
        """Make the blocks of nodes, where so many points are worth them."""
        n_nodes, n_features = self.weights.shape
        large = BLOCK_NODES <= n_nodes <= MOST_NODES and n_points >= max(n_nodes, BLOCK_POINTS)
        usable = self._metric.by_product and n_features <= BLOCK_FEATURES
        if self._blocks is None and self._lattice and usable and large:
            self._blocks = make_blocks(self.weights, self._kind, self._lattice)

    def _pack(self, by_product: bool) -> _Pack:
        if by_product not in self._packs:
            self._packs[by_product] = _pack(self.weights, self._kind, by_product)
        return self._packs[by_product]

    def _measure(self, points: np.ndarray, nodes: np.ndarray, lengths: np.ndarray) -> None:
        from kohorte.maps import _kernels

        _kernels.measure(points, self.weights, nodes, self._kind, self._metric.root, lengths)


def has_missing(points: np.ndarray) -> bool:
    """Return whether any value of the table is NaN."""
    return bool(np.isnan(points.max()))


class _Pack(NamedTuple):
    """Weights as the kernels `search` and `search_products` take them; see there."""

    panels: np.ndarray
    bias: np.ndarray
    centre: np.ndarray
    kind: int
    width: int
    rows: int
    group: int


def _pack(weights: np.ndarray, kind: int, by_product: bool) -> _Pack:
    from kohorte.maps import _kernels

    n_nodes, n_features = weights.shape
    width = 2
    centre = np.zeros(n_features, np.float32)
    nodes, values = weights, np.zeros(n_nodes, np.float32)
    if by_product:
        width = 3
        nodes, values, centre = _for_products(weights, kind)
        kind = _kernels.DOT
    elif kind == _kernels.COSINE:
        width = 1
    line = width * _kernels.LANES
    n_panels = -(-n_nodes // line)
    panels, bias = _kernels.pack_panels(nodes, values, line)
    panel_bytes = 4 * line * n_features
    fits = panel_bytes * n_panels <= _CACHE_BYTES
    rows = min(_LARGEST_BLOCK, _BLOCK_BYTES // (4 * n_features))
    tiles = max(1, rows // _kernels.TILE_POINTS)
    return _Pack(
        panels=panels,
        bias=bias,
        centre=centre,
        kind=kind,
        width=width,
        rows=tiles * _kernels.TILE_POINTS,
        group=n_panels if fits else max(1, _CACHE_BYTES // 2 // panel_bytes),
    )


def aligned(size: int, value: float, dtype: npt.DTypeLike = np.float32) -> np.ndarray:
    """Return (size,) of one value, in lines of the cache, which vectors then do not cross."""
    room = np.empty(size + 15, dtype)
    first = -(room.ctypes.data // 4) % 16
    room[:] = value
    return room[first : first + size]


def _for_products(weights: np.ndarray, kind: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return nodes (M, F), biases (M,) and centre (F,), float32, for searches by products."""
    from kohorte.maps import _kernels

    if kind == _kernels.SQUARE:
        centre = _common_offset(weights)
        nodes = weights - centre
        norms = np.square(nodes, dtype=np.float64).sum(axis=1) / 2
        return nodes, norms.astype(np.float32), centre
    lengths = np.sqrt(np.square(weights, dtype=np.float64).sum(axis=1, keepdims=True))
    nodes = np.divide(weights, lengths, out=np.zeros(weights.shape), where=lengths > 0)
    n_nodes, n_features = weights.shape
    return nodes.astype(np.float32), np.zeros(n_nodes, np.float32), np.zeros(n_features, np.float32)


class _Blocks(NamedTuple):
    """Weights as the kernel `search_blocks` takes them; see there."""

    weights: np.ndarray
    bias: np.ndarray
    ids: np.ndarray
    centre: np.ndarray
    centres: np.ndarray
    offsets: np.ndarray
    radii: np.ndarray
    longest: float
    shift: float

    @property
    def filled(self) -> int:
        """Blocks that have nodes."""
        return int(np.isfinite(self.bias[:: self.weights.shape[2]]).sum())


def make_blocks(weights: np.ndarray, kind: int, lattice: Lattice) -> _Blocks:
    """Make blocks of nodes that are neighbours on the lattice, from weights (M, F)."""
    from kohorte.maps import _kernels

    nodes, values, centre = _for_products(weights, kind)
    size, line = _kernels.BLOCK_NODES, _kernels.BOUND_VECTORS * _kernels.LANES
    order = lattice.blocks(size)
    filled, n_features = order.shape[0], weights.shape[1]
    n_panels = -(-filled // line)
    n_blocks = -(-filled // _kernels.WORD) * _kernels.WORD
    n_rooms = n_blocks + 1
    blocks = _Blocks(
        weights=aligned(n_rooms * n_features * size, 0).reshape(n_rooms, n_features, size),
        bias=aligned(n_rooms * size, np.inf),
        ids=aligned(n_rooms * size, _kernels.NO_NODE, np.int32),
        centre=centre,
        centres=aligned(n_panels * n_features * line, 0).reshape(n_panels, n_features, line),
        offsets=aligned(n_blocks, _kernels.NOWHERE),
        radii=aligned(n_blocks, 0),
        longest=0.0,
        shift=0.0,
    )
    tables = blocks.weights, blocks.bias, blocks.ids, blocks.centres, blocks.offsets, blocks.radii
    longest, shift = _kernels.fill_blocks(nodes, values, order, *tables)
    return blocks._replace(longest=longest, shift=shift)


def count_looks(
    features: ArrayLike, weights: ArrayLike, lattice: Lattice, *, metric: str = "euclidean"
) -> tuple[float, int]:
    """Return how many nodes find_winners looks at on average, and how many balls around blocks.

    For rows without missing values, and metrics that blocks serve; nodes (M, F) are those of
    `lattice`.
    """
    from kohorte.maps import _kernels

    points = as_points(features)
    kind = _kernels.KINDS[choose(METRICS, metric, "metric").kind]
    blocks = make_blocks(as_weights(weights, lattice.n_nodes, points.shape[1]), kind, lattice)
    _, looks = look_at_blocks(points, blocks, np.empty((points.shape[0], 1), np.int32))
    return looks * _kernels.BLOCK_NODES / points.shape[0], blocks.filled


def look_at_blocks(
    points: np.ndarray, blocks: _Blocks, nodes: np.ndarray, most: float = np.inf
) -> tuple[int, int]:
    """Fill `nodes` (N, n_best); return how many are, and what was looked at: see search_blocks."""
    from kohorte.maps import _kernels

    features, ranks = (0,) * points.shape[1], (0,) * nodes.shape[1]
    return _kernels.search_blocks(points, *blocks, most, nodes, features, ranks)


def _common_offset(weights: np.ndarray) -> np.ndarray:
    """Per feature, the mean of the weights in units of their largest spread's next power of two.

    Zero unless the weights lie far from zero, where scalar products would cancel; a multiple of a
    power of two, so that subtracting it costs few or no digits.
    """
    from kohorte.maps import _kernels

    low, high = _kernels.extent(weights)
    spread = float((high - low).max())
    if spread == 0:
        return weights[0].copy()
    unit = 2.0 ** np.ceil(np.log2(spread))
    return (unit * np.rint((low + high) / 2 / unit)).astype(np.float32)


def _in_blocks(task: Callable[[slice], None], n_rows: int, threads: int) -> None:
    """Call task(rows) for blocks of rows, all of them; each writes to its own part of the outputs.

    Blocks are of the same size, as many for each thread. A thread, the calling one among them,
    takes the next as long as some are left, so that none waits for another that runs late.
    """
    threads = as_count(threads, "threads", 1)
    count = threads * -(-n_rows // (threads * BLOCK_ROWS))
    edges = [n_rows * k // count for k in range(count + 1)]
    left = deque(slice(a, b) for a, b in itertools.pairwise(edges) if a < b)

    def work() -> None:
        while True:
            try:
                rows = left.popleft()
            except IndexError:
                return
            task(rows)

    others = [kept_pool(threads - 1).submit(work) for _ in range(threads - 1)]
    try:
        work()
    finally:
        left.clear()
        if others:
            wait(others)
    for other in others:
        other.result()
