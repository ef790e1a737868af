"""Contingency counts on the CPU: bit masks with population counts, histograms for many clusters.

A realization of C clusters becomes C - 1 bit rows; the last cluster follows from the others and
the sizes. The table of two realizations is then (C - 1)^2 population counts of ANDed rows, 512
points per instruction where the processor can. Above ``WIDE`` clusters a plain two-dimensional
histogram does less work. All sums are of integers, so that threads cannot change the result.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from kohorte.ensemble.labels import recode

WIDE = 20
"""Realizations with more clusters are counted by histogram instead of by bit masks."""

_WORDS = 256  # words of a bit row in one block: some 100 rows stay in a 1 MB second-level cache
_BLOCKS = 4  # blocks packed by one call: keeps the share of Python's overhead low
_CHUNK = 64 * _WORDS * _BLOCKS
_ROWS_IN_CACHE = 96  # rows that are compared with all others before the next ones are loaded
_ACCUMULATOR_BYTES = 2**28  # private accumulators of all threads together; above, they share one


@dataclass(frozen=True, eq=False)
class _Plan:
    """Which cluster is which bit row, and which realizations are counted how."""

    offsets: np.ndarray  # (R + 1,) first cluster of each realization
    first: int  # only pairs whose second realization is >= first are counted
    narrow: list[int]  # realizations counted by bit masks
    row_starts: np.ndarray  # (len(narrow) + 1,) first bit row of each of them
    cells: np.ndarray  # (rows,) cluster of each bit row; K for the empty rows at the end
    pairs: np.ndarray  # (n, 2) pairs of realizations counted by histogram


def count_slab(
    arrays: list[np.ndarray], ids: list[np.ndarray], first: int, threads: int
) -> np.ndarray:
    """Count all pairs of clusters in one slab of points.

    Parameters
    ----------
    arrays
        R contiguous arrays of n < 2^31 labels.
    ids
        R ascending int64 arrays of ids, which contain all labels; K ids in all.
    first
        Count the pairs of realizations (i, j) with i <= j and j >= first; the others are 0.
    threads
        Number of threads. It does not change the result.

    Returns
    -------
    (K, K) int64, symmetric.
    """
    plan = _make_plan(ids, first)
    n, n_clusters = arrays[0].size, int(plan.offsets[-1])
    lanes = min(threads, -(-n // _CHUNK), _ACCUMULATOR_BYTES // (4 * n_clusters**2))
    lanes = max(1, lanes)
    bands = max(1, threads // lanes) if n > _CHUNK else 1
    # One row and column more than clusters: where the empty bit rows go.
    sums = [np.zeros((n_clusters + 1, n_clusters + 1), dtype=np.int32) for _ in range(lanes)]
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
    counts = sums[0][:-1, :-1].astype(np.int64)
    for other in sums[1:]:
        counts += other[:-1, :-1]
    return _complete(counts, plan, n)


def _make_plan(ids: list[np.ndarray], first: int) -> _Plan:
    widths = [len(x) for x in ids]
    offsets = np.concatenate([[0], np.cumsum(widths)]).astype(np.int64)
    narrow = [r for r, width in enumerate(widths) if width <= WIDE]
    row_starts = np.concatenate([[0], np.cumsum([widths[r] - 1 for r in narrow])]).astype(np.int64)
    cells = np.full(-(-int(row_starts[-1]) // 4) * 4, offsets[-1])
    for k, r in enumerate(narrow):
        start, stop = row_starts[k : k + 2]
        cells[start:stop] = offsets[r] + np.arange(stop - start)
    is_narrow = set(narrow)
    pairs = [
        (i, j)
        for j in range(first, len(ids))
        for i in range(j + 1)
        if not (i in is_narrow and j in is_narrow)
    ]
    pairs = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return _Plan(offsets, first, narrow, row_starts, cells, pairs)


def _share(n: int, lane: int, lanes: int) -> tuple[int, int]:
    """Return the range of points of a lane: whole chunks, but for the last."""
    chunks = -(-n // _CHUNK)
    return chunks * lane // lanes * _CHUNK, min(n, chunks * (lane + 1) // lanes * _CHUNK)


def _count_task(arrays, ids, plan, sums, points, band, bands) -> None:
    """Count one lane of points; of its rows and pairs only every ``bands``-th."""
    values = [x.astype(array.dtype) for x, array in zip(ids, arrays, strict=True)]
    packed = np.zeros((_BLOCKS, plan.cells.size, _WORDS), dtype=np.uint64)
    codes = np.empty((len(arrays), _CHUNK if len(plan.pairs) else 0), dtype=np.uint16)
    first_row = plan.row_starts[np.searchsorted(plan.narrow, plan.first)] // 4 * 4
    for start in range(*points, _CHUNK):
        stop = min(start + _CHUNK, points[1])
        for k, r in enumerate(plan.narrow):
            _pack(arrays[r][start:stop], values[r], packed, plan.row_starts[k])
        _count_bits(packed, stop - start, plan.cells, first_row, band, bands, sums)
        if len(plan.pairs):
            for r, array in enumerate(arrays):
                codes[r, : stop - start] = recode(array[start:stop], ids[r])
            pairs = plan.pairs[band::bands]
            _count_cells(codes, stop - start, pairs, plan.offsets.astype(np.uint64), sums)


def _complete(counts: np.ndarray, plan: _Plan, n: int) -> np.ndarray:
    """Derive the last clusters of the realizations counted by bit masks; make it symmetric."""
    clusters = [slice(a, b) for a, b in pairwise(plan.offsets)]
    sizes = np.diagonal(counts).copy()
    for r in plan.narrow:
        last = clusters[r].stop - 1
        sizes[last] = n - sizes[clusters[r]].sum()
    for k, j in enumerate(plan.narrow):
        for i in plan.narrow[: k if j >= plan.first else 0]:
            table = counts[clusters[i], clusters[j]]
            table[:-1, -1] = sizes[clusters[i]][:-1] - table[:-1, :-1].sum(axis=1)
            table[-1] = sizes[clusters[j]] - table[:-1].sum(axis=0)
    old = plan.offsets[plan.first]
    counts[:old, :old] = 0
    counts[np.diag_indices_from(counts)] = 0
    counts = np.triu(counts)
    counts += counts.T
    counts[np.arange(old, sizes.size), np.arange(old, sizes.size)] = sizes[old:]
    return counts


@intrinsic
def _match64(typing, array, start, value):
    """Bit k of the result tells whether array[start + k] == value, for 64 values at once."""
    lane = ir.IntType(array.dtype.bitwidth)
    vector = ir.VectorType(lane, 64)

    def generate(context, builder, signature, args):
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


@intrinsic
def _popcount(typing, word):
    """Return the number of set bits."""

    def generate(context, builder, signature, args):
        return builder.ctpop(args[0])

    return word(word), generate


@njit(nogil=True, cache=True)
def _pack(labels, values, packed, first_row):
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
def _count_bits(packed, n, cells, first_row, band, bands, sums):
    """Add the population counts of the pairs of rows (a, b), a <= b, b >= first_row.

    Of the rows before first_row, which is a multiple of four, only the sizes are counted.
    """
    n_rows = cells.size
    for block in range(-(-n // (64 * _WORDS))):
        words = min(_WORDS, -(-(n - block * 64 * _WORDS) // 64))
        rows = packed[block]
        for a in range(4 * band, first_row, 4 * bands):
            _count_tile(rows, words, a, a, cells, sums)
            _count_tile(rows, words, a, a + 2, cells, sums)
        for tile in range(first_row, n_rows, _ROWS_IN_CACHE):
            tile_end = min(tile + _ROWS_IN_CACHE, n_rows)
            for a in range(4 * band, tile_end, 4 * bands):
                for b in range(max(a, tile), tile_end, 2):
                    _count_tile(rows, words, a, b, cells, sums)


@njit(nogil=True, cache=True)
def _count_tile(rows, words, a, b, cells, sums):
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
    left, right = cells[b], cells[b + 1]
    sums[cells[a], left] += s00
    sums[cells[a + 1], left] += s10
    sums[cells[a + 2], left] += s20
    sums[cells[a + 3], left] += s30
    sums[cells[a], right] += s01
    sums[cells[a + 1], right] += s11
    sums[cells[a + 2], right] += s21
    sums[cells[a + 3], right] += s31


@njit(nogil=True, cache=True)
def _count_cells(codes, n, pairs, offsets, sums):
    """Add the two-dimensional histograms of pairs of realizations.

    Four pairs at a time: neighbouring points are often in the same clusters, and adding to the
    same cell again and again would wait for each addition to reach memory.
    """
    flat = sums.reshape(sums.size)
    width = np.uint64(sums.shape[1])
    k = 0
    while k + 4 <= len(pairs):
        x0, x1, x2, x3 = (
            codes[pairs[k, 0]],
            codes[pairs[k + 1, 0]],
            codes[pairs[k + 2, 0]],
            codes[pairs[k + 3, 0]],
        )
        y0, y1, y2, y3 = (
            codes[pairs[k, 1]],
            codes[pairs[k + 1, 1]],
            codes[pairs[k + 2, 1]],
            codes[pairs[k + 3, 1]],
        )
        c0 = offsets[pairs[k, 0]] * width + offsets[pairs[k, 1]]
        c1 = offsets[pairs[k + 1, 0]] * width + offsets[pairs[k + 1, 1]]
        c2 = offsets[pairs[k + 2, 0]] * width + offsets[pairs[k + 2, 1]]
        c3 = offsets[pairs[k + 3, 0]] * width + offsets[pairs[k + 3, 1]]
        for p in range(n):
            flat[c0 + x0[p] * width + y0[p]] += 1
            flat[c1 + x1[p] * width + y1[p]] += 1
            flat[c2 + x2[p] * width + y2[p]] += 1
            flat[c3 + x3[p] * width + y3[p]] += 1
        k += 4
    for rest in range(k, len(pairs)):
        i, j = pairs[rest]
        x, y = codes[i], codes[j]
        corner = offsets[i] * width + offsets[j]
        for p in range(n):
            flat[corner + x[p] * width + y[p]] += 1
