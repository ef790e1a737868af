"""Contingency counts on the CPU: bit masks with population counts; histograms for many clusters.

A realization of C clusters becomes C - 1 bit rows; the last cluster follows from the others and
the sizes. The table of two realizations is then (C - 1)^2 population counts of ANDed rows, 512
points per instruction where the processor can. Above ``WIDE`` clusters the histograms of the module
of that name do less work. All sums are of integers, so that threads cannot change the result.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from kohorte.ensemble.histograms import add_rows, lay_out

_intrinsic: Any = intrinsic  # callers leave out the first argument, which its types do not say

WIDE = 28
"""Realizations with more clusters are counted by histogram instead of by bit masks."""

_WORDS = 256  # words of a bit row in one block: some 100 rows stay in a 1 MB second-level cache
_BLOCKS = 4  # blocks packed by one call: keeps the share of Python's overhead low
_CHUNK = 64 * _WORDS * _BLOCKS
_ROWS_IN_CACHE = 96  # rows that are compared with all others before the next ones are loaded
_ACCUMULATOR_BYTES = 2**28  # private accumulators of all threads together; above, they share one


@dataclass(frozen=True, eq=False)
class _Plan:
    """Which cluster is which bit row."""

    offsets: np.ndarray  # (R + 1,) first cluster of each realization
    first: int  # only pairs whose second realization is >= first are counted
    row_starts: np.ndarray  # (R + 1,) first bit row of each of them
    clusters: np.ndarray  # cluster of each bit row

    @property
    def n_rows(self) -> int:
        """Bit rows, filled up with empty ones to a multiple of four."""
        return -(-self.clusters.size // 4) * 4


def count_slab(
    arrays: list[np.ndarray],
    ids: list[np.ndarray],
    first: int,
    threads: int,
    counts: np.ndarray | None = None,
) -> np.ndarray:
    """Count all pairs of clusters in one slab of points; (K, K) int64, symmetric.

    `arrays` are R contiguous arrays of n < 2^31 labels; `ids` R ascending int64 arrays of ids,
    which contain all labels, K in all. The pairs of realizations (i, j) with i <= j and j >=
    `first` are counted; the others are 0. They are added to `counts` where these are given.
    `threads` does not change the result.
    """
    widths = np.array([len(x) for x in ids])
    is_wide, offsets = widths > WIDE, np.concatenate([[0], np.cumsum(widths)])
    narrow = np.flatnonzero(~is_wide)
    if counts is None and narrow.size < widths.size:
        counts = np.zeros((offsets[-1], offsets[-1]), np.int64)
    if narrow.size and narrow[-1] >= first:
        labels, values = ([x[r] for r in narrow.tolist()] for x in (arrays, ids))
        table = count_masks(labels, values, int(np.searchsorted(narrow, first)), threads)
        if counts is None:
            return table
        where = np.concatenate([np.arange(offsets[r], offsets[r + 1]) for r in narrow])
        counts[np.ix_(where, where)] += table
    assert counts is not None
    layout = lay_out(widths, first, is_wide)
    if layout.sides:
        add_rows(arrays, ids, layout, threads, counts)
    return counts


def count_masks(
    arrays: list[np.ndarray], ids: list[np.ndarray], first: int, threads: int
) -> np.ndarray:
    """Count a slab by bit masks, however many clusters there are; as count_slab."""
    plan = _make_plan(ids, first)
    n = arrays[0].size
    # Threads take lanes of points and have sums of their own, or, where these are too large,
    # bands of rows within the sums that they share.
    lanes = max(1, min(threads, -(-n // _CHUNK), _ACCUMULATOR_BYTES // max(4 * plan.n_rows**2, 1)))
    bands = max(1, threads // lanes) if n > _CHUNK else 1
    sums = [np.zeros((plan.n_rows, plan.n_rows), np.int32) for _ in range(lanes)]
    tasks = [
        (sums[lane], _share(n, lane, lanes), band, bands)
        for lane in range(lanes)
        for band in range(bands)
    ]
    if len(tasks) == 1:
        _count_task(arrays, ids, plan, *tasks[0])
    else:
        with ThreadPoolExecutor(len(tasks)) as pool:
            list(pool.map(lambda task: _count_task(arrays, ids, plan, *task), tasks))
    for other in sums[1:]:
        sums[0] += other
    return _complete(sums[0], plan, n)


def _make_plan(ids: list[np.ndarray], first: int) -> _Plan:
    widths = np.array([len(x) for x in ids])
    offsets = np.concatenate([[0], np.cumsum(widths)])
    return _Plan(
        offsets=offsets,
        first=first,
        row_starts=np.concatenate([[0], np.cumsum(widths - 1)]).astype(np.int64),
        clusters=np.concatenate([np.arange(a, b - 1) for a, b in pairwise(offsets)]),
    )


def _share(n: int, lane: int, lanes: int) -> tuple[int, int]:
    """Return the range of points of a lane: whole chunks, but for the last."""
    chunks = -(-n // _CHUNK)
    return chunks * lane // lanes * _CHUNK, min(n, chunks * (lane + 1) // lanes * _CHUNK)


def _count_task(
    arrays: list[np.ndarray],
    ids: list[np.ndarray],
    plan: _Plan,
    sums: np.ndarray,
    points: tuple[int, int],
    band: int,
    bands: int,
) -> None:
    """Count one lane of points; of its rows only every ``bands``-th four."""
    values = [x.astype(array.dtype) for x, array in zip(ids, arrays, strict=True)]
    packed = np.zeros((_BLOCKS, plan.n_rows, _WORDS), dtype=np.uint64)
    first_row = plan.row_starts[plan.first] // 4 * 4
    for start in range(*points, _CHUNK):
        stop = min(start + _CHUNK, points[1])
        for r, array in enumerate(arrays):
            _pack(array[start:stop], values[r], packed, plan.row_starts[r])
        _count_rows(packed, stop - start, first_row, band, bands, sums)


def _complete(rows: np.ndarray, plan: _Plan, n: int) -> np.ndarray:
    """Return all counts; derive the last cluster of each realization."""
    n_clusters, known = int(plan.offsets[-1]), plan.clusters
    clusters = list(pairwise(plan.offsets.tolist()))
    counts = np.zeros((n_clusters, n_clusters), dtype=np.int64)
    for a in range(1, known.size):  # rows were counted in tiles that reach over the diagonal
        rows[a, :a] = rows[:a, a]
    counts[np.ix_(known, known)] = rows[: known.size, : known.size]
    sizes, last = np.diagonal(counts).copy(), plan.offsets[1:] - 1
    for start, stop in clusters:
        sizes[stop - 1] = n - sizes[start : stop - 1].sum()
    for some in (known, last):
        for start, stop in clusters:
            rest = sizes[some] - counts[some, start : stop - 1].sum(axis=1)
            counts[some, stop - 1] = counts[stop - 1, some] = rest
    old = plan.offsets[plan.first]
    counts[:old, :old] = 0
    return counts


@_intrinsic
def _match64(typing: Any, array: Any, start: Any, value: Any) -> tuple[object, Callable]:
    """Bit k of the result tells whether array[start + k] == value, for 64 values at once."""
    lane = ir.IntType(array.dtype.bitwidth)
    vector = ir.VectorType(lane, 64)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        pointer = builder.bitcast(builder.gep(data, [args[1]]), vector.as_pointer())
        values = builder.load(pointer, align=1)
        undefined = ir.Constant(vector, ir.Undefined)
        index = ir.IntType(32)
        one = builder.insert_element(undefined, args[2], ir.Constant(index, 0))
        zeros = ir.Constant(ir.VectorType(index, 64), [0] * 64)
        same = builder.icmp_unsigned("==", values, builder.shuffle_vector(one, undefined, zeros))
        return builder.bitcast(same, ir.IntType(64))

    return types.uint64(array, types.intp, array.dtype), generate


@_intrinsic
def _popcount(typing: object, word: types.Type) -> tuple[object, Callable]:
    """Return the number of set bits."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        return builder.ctpop(args[0])

    return word(word), generate


@njit(nogil=True, cache=True)
def _pack(labels: np.ndarray, values: np.ndarray, packed: np.ndarray, first_row: int) -> None:
    """Write the masks labels == values[c], all but the last value's, as bit rows."""
    n = labels.size
    for c in range(values.size - 1):
        for block in range(-(-n // (64 * _WORDS))):
            row = packed[block, first_row + c]
            start = block * 64 * _WORDS
            full = min(_WORDS, (n - start) // 64)
            for w in range(full):
                row[w] = _match64(labels, start + 64 * w, values[c])
            if full < _WORDS:
                bits = np.uint64(0)
                for k in range(start + 64 * full, n):
                    if labels[k] == values[c]:
                        bits |= np.uint64(1) << np.uint64(k - start - 64 * full)
                row[full] = bits


@njit(nogil=True, cache=True)
def _count_rows(
    packed: np.ndarray, n: int, first_row: int, band: int, bands: int, sums: np.ndarray
) -> None:
    """Add the population counts of the pairs of rows (a, b), a <= b, b >= first_row.

    Of the rows before first_row, which is a multiple of four, only the sizes are counted.
    """
    n_rows = packed.shape[1]
    for block in range(-(-n // (64 * _WORDS))):
        words = min(_WORDS, -(-(n - block * 64 * _WORDS) // 64))
        rows = packed[block]
        for a in range(4 * band, first_row, 4 * bands):
            _count_tile(rows, words, a, a, sums)
            _count_tile(rows, words, a, a + 2, sums)
        for tile in range(first_row, n_rows, _ROWS_IN_CACHE):
            tile_end = min(tile + _ROWS_IN_CACHE, n_rows)
            for a in range(4 * band, tile_end, 4 * bands):
                for b in range(max(a, tile), tile_end, 2):
                    _count_tile(rows, words, a, b, sums)


@njit(nogil=True, cache=True)
def _count_tile(rows: np.ndarray, words: int, a: int, b: int, sums: np.ndarray) -> None:
    """Add the counts of four rows against two: six loads feed eight counts."""
    # One-dimensional views: LLVM does not vectorise the loop over two-dimensional indices.
    a0, a1, a2, a3 = rows[a], rows[a + 1], rows[a + 2], rows[a + 3]
    b0, b1 = rows[b], rows[b + 1]
    s00 = s10 = s20 = s30 = s01 = s11 = s21 = s31 = np.uint64(0)
    for w in range(words):
        x, y = b0[w], b1[w]
        p, q, r, s = a0[w], a1[w], a2[w], a3[w]
        s00 += _popcount(p & x)
        s10 += _popcount(q & x)
        s20 += _popcount(r & x)
        s30 += _popcount(s & x)
        s01 += _popcount(p & y)
        s11 += _popcount(q & y)
        s21 += _popcount(r & y)
        s31 += _popcount(s & y)
    sums[a, b] += s00
    sums[a + 1, b] += s10
    sums[a + 2, b] += s20
    sums[a + 3, b] += s30
    sums[a, b + 1] += s01
    sums[a + 1, b + 1] += s11
    sums[a + 2, b + 1] += s21
    sums[a + 3, b + 1] += s31
