"""Contingency counts in JAX: three methods that give the same integers, for the device at hand.

With X[k, p] = 1 where point p is in cluster k, all tables at once are X X^T. ``products`` multiply
8-bit integers into 32-bit sums, as accelerators do best; ``population counts`` pack 32 points into
a word, and count the common bits of each two rows; ``histograms`` have a cell for each pair of
clusters of two realizations, which is less work where these are many.
"""

import logging
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from kohorte._checks import extra
from kohorte.ensemble.labels import recode

if TYPE_CHECKING:
    import jax

_LOG = logging.getLogger(__name__)

_TILE = 32  # rows that are compared with as many: their counts stay in the first-level cache
_UNROLLED = 16  # words between which these are not stored
_WORDS = 512  # words of a row in one piece: some hundred rows stay in the second-level cache
_PIECE = 32 * _WORDS
_PIECES = 16  # of one call on a CPU, if there are as many
_SUMS_BYTES = 2**28  # of the counts of all threads together; above, one thread makes the calls
_DEVICE_BYTES = 2**28  # of a one-hot matrix on an accelerator
_DEVICE_POINTS = 2**23
_MEASURED_POINTS = 2**16  # with fewer points of a slab the methods are not measured

#: Seconds of a CPU for a word of two rows, and for a point of two realizations in a histogram.
_WORD_SECONDS, _CELL_SECONDS = 5e-11, 9e-10


@dataclass(frozen=True, eq=False)
class Rows:
    """Which realization and code each row stands for, with rows of no cluster up to whole tiles."""

    widths: np.ndarray  # (R,) clusters of each realization
    first: int  # only pairs of realizations whose second is >= first are counted
    realization: np.ndarray  # (K',) int32
    code: np.ndarray  # (K',) of the type that labels are recoded to
    no_label: int  # code of points beyond the last

    @property
    def tile_pairs(self) -> np.ndarray:
        """(P, 2) int32 pairs of tiles on and above the diagonal that hold counts to be made."""
        n = len(self.code) // _TILE
        start = int(self.widths[: self.first].sum()) // _TILE
        return np.array([(i, j) for j in range(start, n) for i in range(j + 1)], dtype=np.int32)


def count_slab(
    arrays: list[np.ndarray], ids: list[np.ndarray], first: int, threads: int
) -> np.ndarray:
    """Count all pairs of clusters in one slab of points, (K, K) int64; as popcount.count_slab."""
    with extra("jax"):
        import jax

    rows = lay_out(ids, first)
    on_cpu = jax.default_backend() == "cpu"
    method = _choose_for_cpu(rows) if on_cpu else _choose_for_device(rows, arrays, ids)
    counts = METHODS[method](rows, arrays, ids, threads if on_cpu else 1)
    old = int(rows.widths[:first].sum())
    counts[:old, :old] = 0
    return counts


def lay_out(ids: list[np.ndarray], first: int) -> Rows:
    """Give rows to the clusters of all realizations; `first` is that of count_slab."""
    widths = np.array([len(x) for x in ids])
    dtype = np.uint8 if widths.max() < np.iinfo(np.uint8).max else np.uint16
    n_rows = -(-int(widths.sum()) // _TILE) * _TILE
    realization = np.zeros(n_rows, dtype=np.int32)
    code = np.full(n_rows, np.iinfo(dtype).max, dtype=dtype)
    realization[: widths.sum()] = np.repeat(np.arange(len(ids)), widths)
    code[: widths.sum()] = np.concatenate([np.arange(width) for width in widths])
    return Rows(widths, first, realization, code, int(np.iinfo(dtype).max) - 1)


def _choose_for_cpu(rows: Rows) -> str:
    """Choose by the work of each method for a word of points."""
    words = len(rows.tile_pairs) * _TILE**2 * _WORD_SECONDS
    cells = 32 * len(_list_pairs(rows)) * _CELL_SECONDS
    return "histograms" if cells < words else "population counts"


#: Number of rows -> method that was faster on this process's accelerator.
_MEASURED: dict[int, str] = {}


def _choose_for_device(rows: Rows, arrays: list[np.ndarray], ids: list[np.ndarray]) -> str:
    """Choose by a measurement on some points of the first slab, once for each number of rows."""
    if arrays[0].size < _MEASURED_POINTS:
        return "products"
    n_rows = len(rows.code)
    if n_rows not in _MEASURED:
        some = [array[: _device_points(rows, arrays[0].size)] for array in arrays]
        seconds = {name: _time(METHODS[name], rows, some, ids) for name in _FOR_DEVICES}
        _MEASURED[n_rows] = min(seconds, key=lambda name: seconds[name])
        shown = ", ".join(f"{name} {1e3 * s:.3g} ms" for name, s in seconds.items())
        _LOG.info("%d points on the device: %s", some[0].size, shown)
    return _MEASURED[n_rows]


def _time(method: Callable, *arguments: Any) -> float:
    """Return the seconds of a call after one that compiles."""
    for _ in range(2):
        start = perf_counter()
        method(*arguments, 1)
    return perf_counter() - start


def _cut(
    rows: Rows, arrays: list[np.ndarray], ids: list[np.ndarray], start: int, size: int
) -> np.ndarray:
    """Return the codes of some points, (R, size); those beyond the last point are no_label."""
    stop = min(start + size, arrays[0].size)
    block = np.empty((len(arrays), size), dtype=rows.code.dtype)
    block[:, stop - start :] = rows.no_label
    for r, array in enumerate(arrays):
        block[r, : stop - start] = recode(array[start:stop], ids[r], block.dtype.type)
    return block


def _count_with_words(
    rows: Rows, arrays: list[np.ndarray], ids: list[np.ndarray], threads: int
) -> np.ndarray:
    """Count by bits of packed words."""
    import jax

    if jax.default_backend() != "cpu":
        return _count_on_device(_row_counts, rows, arrays, ids)
    n, pairs = arrays[0].size, rows.tile_pairs
    pieces = _PIECES if 2 * n > _PIECES * _PIECE else 1
    count = _tile_counts(pieces)

    def add(total: Any, start: int) -> Any:
        block = _cut(rows, arrays, ids, start, pieces * _PIECE)
        return count(total, block, rows.realization, rows.code, pairs)

    shape = (len(pairs), _TILE, _TILE)
    tiles = _sum_over(add, shape, range(0, n, pieces * _PIECE), threads)
    n_tiles = len(rows.code) // _TILE
    counts = np.zeros((n_tiles, _TILE, n_tiles, _TILE), dtype=np.int64)
    i, j = pairs.T
    counts[i, :, j] = tiles
    counts[j, :, i] = tiles.transpose(0, 2, 1)
    return counts.reshape(len(rows.code), -1)[: rows.widths.sum(), : rows.widths.sum()]


def _count_with_products(
    rows: Rows, arrays: list[np.ndarray], ids: list[np.ndarray], threads: int
) -> np.ndarray:
    """Count by products of one-hot matrices."""
    return _count_on_device(_row_products, rows, arrays, ids)


def _count_with_cells(
    rows: Rows, arrays: list[np.ndarray], ids: list[np.ndarray], threads: int
) -> np.ndarray:
    """Count by histograms of each pair of realizations."""
    n, pairs, k = arrays[0].size, _list_pairs(rows), int(rows.widths.sum())
    size = min(_PIECES * _PIECE, 1 << max(10, (n - 1).bit_length()))
    offsets = (np.cumsum(rows.widths) - rows.widths).astype(np.int32)

    def add(total: Any, start: int) -> Any:
        block = _cut(rows, arrays, ids, start, size)
        return _cell_counts()(total, block, pairs, offsets, np.int32(rows.no_label))

    counts = _sum_over(add, (k * k,), range(0, n, size), threads).reshape(k, k)
    # Only tables above the diagonal were counted, and there those of a realization with itself.
    upper = np.triu(counts, 1)
    return np.diag(np.diagonal(counts)) + upper + upper.T


def _list_pairs(rows: Rows) -> np.ndarray:
    n = len(rows.widths)
    return np.array([(i, j) for j in range(rows.first, n) for i in range(j + 1)], dtype=np.int32)


def _sum_over(
    add: Callable[[Any, int], Any], shape: tuple[int, ...], starts: range, threads: int
) -> np.ndarray:
    """Add the counts of all blocks to zeros of a shape; each thread those of some of the blocks.

    A slab has fewer than 2^31 points, so that 32 bits hold its counts.
    """
    import jax.numpy as jnp

    def add_some(lane: int) -> np.ndarray:
        total = jnp.zeros(shape, jnp.uint32)
        for start in starts[lane::lanes]:
            total = add(total, start)
        return np.asarray(total)

    lanes = max(1, min(threads, len(starts), _SUMS_BYTES // (4 * math.prod(shape))))
    if lanes == 1:
        return add_some(0).astype(np.int64)
    with ThreadPoolExecutor(lanes) as pool:
        return np.asarray(list(pool.map(add_some, range(lanes)))).sum(axis=0, dtype=np.int64)


def _device_points(rows: Rows, n: int) -> int:
    """Return the points of one call on an accelerator: a power of two, so that few are compiled."""
    most = max(1024, min(_DEVICE_POINTS, _DEVICE_BYTES // len(rows.code)))
    return min(1 << (most.bit_length() - 1), 1 << max(10, (n - 1).bit_length()))


def _count_on_device(
    counting: Callable[[], Callable], rows: Rows, arrays: list[np.ndarray], ids: list[np.ndarray]
) -> np.ndarray:
    """Add the counts of blocks where they are made: a slab has fewer than 2^31 points."""
    n, k = arrays[0].size, int(rows.widths.sum())
    size = _device_points(rows, n)
    first_row = int(rows.widths[: rows.first].sum()) // _TILE * _TILE
    total, count = None, counting()
    for start in range(0, n, size):
        block = _cut(rows, arrays, ids, start, size)
        part = count(block, rows.realization, rows.code, first_row)
        total = part if total is None else total + part
    counts = np.zeros((len(rows.code), len(rows.code)), dtype=np.int64)
    counts[first_row:] = np.asarray(total)
    counts[:first_row, first_row:] = counts[first_row:, :first_row].T
    return counts[:k, :k]


@cache
def _row_products() -> Callable:
    """Compile function(block, realization, code, first_row) -> counts of rows from the first on."""
    import jax
    import jax.numpy as jnp

    def count(
        block: jax.Array, realization: jax.Array, code: jax.Array, first_row: int
    ) -> jax.Array:
        matrix = (block[realization] == code[:, None]).astype(jnp.int8)
        return jax.lax.dot_general(
            matrix[first_row:],
            matrix,
            (((1,), (1,)), ((), ())),
            preferred_element_type=jnp.int32,
        )

    return jax.jit(count, static_argnums=3)


@cache
def _row_counts() -> Callable:
    """Compile what _row_products does, with population counts."""
    import jax
    import jax.numpy as jnp

    def count(
        block: jax.Array, realization: jax.Array, code: jax.Array, first_row: int
    ) -> jax.Array:
        words = _pack(block, realization, code)
        common = jax.lax.population_count(words[first_row:, None] & words[None])
        return common.astype(jnp.int32).sum(axis=2)

    return jax.jit(count, static_argnums=3)


def _pack(block: "jax.Array", realization: "jax.Array", code: "jax.Array") -> "jax.Array":
    """Return the words (K', W) uint32 of blocks of 32 W points.

    Bit b of word w is point b W + w: so that neighbouring words are made of neighbouring points.
    """
    import jax
    import jax.numpy as jnp

    planes = block.reshape(block.shape[0], 32, -1)
    bits = (
        (planes[realization, b] == code[:, None]).astype(jnp.uint32) << np.uint32(b)
        for b in range(32)
    )
    words = next(bits)
    for bit in bits:
        words |= bit
    # Else words would be made anew for each row that they are compared with.
    return jax.lax.optimization_barrier(words)


@cache
def _tile_counts(pieces: int) -> Callable:
    """Compile function(total, block, realization, code, pairs) that adds counts of tiles to total.

    What is inside is without sums over points, which XLA does not turn into vector instructions on
    a CPU: counts of a tile are its elements, and words are taken one after another.
    """
    import jax
    from jax import lax

    def count_pair(words: jax.Array, pair: jax.Array) -> jax.Array:
        a, b = (words[pair[side]].reshape(-1, _UNROLLED, _TILE) for side in range(2))

        def add(total: jax.Array, both: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
            for u in range(_UNROLLED):
                total += lax.population_count(both[0][u, :, None] & both[1][u, None])
            return total, None

        start = jax.numpy.zeros((_TILE, _TILE), jax.numpy.uint32)
        return lax.scan(add, start, (a, b))[0]

    def count(
        total: jax.Array,
        block: jax.Array,
        realization: jax.Array,
        code: jax.Array,
        pairs: jax.Array,
    ) -> jax.Array:
        def add(total: jax.Array, piece: jax.Array) -> tuple[jax.Array, None]:
            words = _pack(piece, realization, code).reshape(-1, _TILE, _WORDS).transpose(0, 2, 1)
            words = lax.optimization_barrier(words)
            return total + lax.map(partial(count_pair, words), pairs), None

        blocks = block.reshape(block.shape[0], pieces, _PIECE).transpose(1, 0, 2)
        return lax.scan(add, total, blocks)[0]

    options = {"xla_cpu_prefer_vector_width": 512}
    return jax.jit(count, donate_argnums=0, compiler_options=options)


@cache
def _cell_counts() -> Callable:
    """Compile function(total, block, pairs, offsets, no_label) that adds to cells (K^2,)."""
    import jax
    import jax.numpy as jnp

    def count(
        total: jax.Array, block: jax.Array, pairs: jax.Array, offsets: jax.Array, no_label: int
    ) -> jax.Array:
        k = math.isqrt(total.size)

        def add(total: jax.Array, pair: jax.Array) -> tuple[jax.Array, None]:
            row, column = (offsets[r] + block[r].astype(jnp.int32) for r in pair)
            cell = jnp.where(block[pair[0]] == no_label, total.size, row * k + column)
            return total.at[cell].add(np.uint32(1), mode="drop"), None

        return jax.lax.scan(add, total, pairs)[0]

    return jax.jit(count, donate_argnums=0)


METHODS: dict[str, Callable[..., np.ndarray]] = {
    "products": _count_with_products,
    "population counts": _count_with_words,
    "histograms": _count_with_cells,
}
"""Name -> function(rows, arrays, ids, threads) -> counts (K, K) int64, all the same."""

_FOR_DEVICES = ("products", "population counts")
