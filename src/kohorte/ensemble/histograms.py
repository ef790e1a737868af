"""Contingency counts of realizations with many clusters: a row of their tables at a time.

The points of one cluster are taken together, and each adds one to its cluster in every other
realization. All these numbers are one row of as many tables, so small that it stays in a cache, and
its cells are never waited for: the next increment of the same realization is that of another point.
What is read is one line of labels for each point, known long before it is needed. Rows of numbers
are kept, or of many clusters those that are not 0. The tables of realizations (i, j) are counted
once, from i or from j, and all sums are of integers: threads cannot change the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from kohorte.ensemble.labels import recode

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_intrinsic: Any = intrinsic  # callers leave out the first argument, which its types do not say

_CELL_BYTES = 2**27  # codes of one chunk of points, a line for each
_BLOCK = 2**13  # points whose lines are written together: they stay in the second-level cache
_AHEAD = 96  # points between the order for a line and its use
_PER_LINE = 32  # cells of 16 bits in a line of the cache
_LOOKED_AT = 64  # cells of a row that are skipped together where they are empty
_MIRROR = 8  # edge of the squares that are mirrored together


@dataclass(frozen=True, eq=False)
class Layout:
    """Which realization is which column of the lines, and which tables are counted from which.

    A side (column, start, stop) is counted against the columns start..stop-1.
    """

    columns: list[int]  # realization of each
    starts: np.ndarray  # (len(columns) + 1,) first cell of each column in a row
    offsets: np.ndarray  # (R + 1,) first cluster of each realization
    sides: list[tuple[int, int, int]]
    n_wide: int  # sides with many clusters, the first ones

    @property
    def where(self) -> np.ndarray:
        """(len(columns),) first cluster of each column."""
        return self.offsets[self.columns]


def lay_out(widths: np.ndarray, first: int, is_wide: np.ndarray) -> Layout:
    """Lay out the tables (i, j), i < j and j >= `first`, of which i or j is wide.

    `widths` (R,) are the clusters of each realization. Columns are ordered so that what a side is
    counted against stands side by side.
    """
    new = np.arange(widths.size) >= first
    groups = [np.flatnonzero(new & is_wide), np.flatnonzero(new & ~is_wide)]
    groups += [np.flatnonzero(~new & is_wide), np.flatnonzero(~new & ~is_wide)]
    columns = np.concatenate(groups)
    wide, both, last_wide = np.cumsum([len(group) for group in groups[:3]]).tolist()
    sides = [(k, k + 1, columns.size) for k in range(wide)]
    if last_wide > both:
        sides += [(k, both, last_wide) for k in range(wide, both)]
    return Layout(
        columns=columns.tolist(),
        starts=np.concatenate([[0], np.cumsum(widths[columns])]).astype(np.int64),
        offsets=np.concatenate([[0], np.cumsum(widths)]).astype(np.int64),
        sides=sides,
        n_wide=wide,
    )


def add_rows(
    arrays: list[np.ndarray],
    ids: list[np.ndarray],
    layout: Layout,
    threads: int,
    counts: np.ndarray,
) -> None:
    """Add the tables of a layout, and the sizes of its wide sides, to `counts` (K, K) int64.

    The other arguments are those of popcount.count_slab.
    """
    column_starts, where, widths = layout.starts, layout.where, np.diff(layout.starts)

    def count(chunk: _Chunk, task: _Task) -> None:
        (column, start, stop), band, bands = task
        own = where[column]
        # Of a side that has few clusters the bit masks give the sizes.
        diagonal = own if column < layout.n_wide else -1
        with chunk.sort(column) as (order, starts, row):
            _add_side(
                *(chunk.cells, order, starts, band, bands, start, stop, row, column_starts),
                *(where, counts[own : own + widths[column]], diagonal),
            )

    def mirror(side: tuple[int, int, int]) -> None:
        column, start, stop = side
        rows = slice(where[column], where[column] + widths[column])
        for q in range(start, stop):
            columns = slice(where[q], where[q] + widths[q])
            _mirror(counts[rows, columns], counts[columns, rows])

    with ThreadPoolExecutor(threads) as pool:
        for chunk in _cut_chunks(arrays, ids, layout, threads, pool):
            list(pool.map(partial(count, chunk), _list_tasks(layout, threads)))
        list(pool.map(mirror, layout.sides))


def count_sparse(
    arrays: list[np.ndarray],
    ids: list[np.ndarray],
    first: int,
    threads: int,
    check: Callable[[int], None],
) -> csr_array:
    """Count all pairs of clusters that meet in one slab of points; (K, K) int64, symmetric.

    Arguments and pairs are those of popcount.count_slab. `check` is called with the number of pairs
    so far, to raise an error where they are too many.
    """
    from scipy.sparse import csr_array

    widths = np.array([len(x) for x in ids])
    layout = lay_out(widths, first, np.ones(widths.size, bool))
    n_clusters = int(widths.sum())
    total = csr_array((n_clusters, n_clusters), dtype=np.int64)

    def count(chunk: _Chunk, task: _Task) -> tuple[np.ndarray, ...]:
        (column, start, stop), band, bands = task
        own = layout.starts[column]
        with chunk.sort(column) as (order, starts, row):
            sizes = np.diff(starts)
            room = np.minimum(sizes * (stop - start), layout.starts[stop] - layout.starts[start])
            most = int(room.sum()) + sizes.size  # of which only what is written takes memory
            per_row = np.zeros(sizes.size, np.int64)
            columns, numbers = np.empty(most, np.int32), np.empty(most, np.uint32)
            used = _list_side(
                *(chunk.cells, order, starts, band, bands, start, stop, row, layout.starts),
                *(own, per_row, columns, numbers),
            )
        return own, per_row, columns[:used].copy(), numbers[:used].copy()

    with ThreadPoolExecutor(threads) as pool:
        for chunk in _cut_chunks(arrays, ids, layout, threads, pool):
            per_row, parts, pairs = np.zeros(n_clusters, np.int64), [], total.nnz
            for start, rows, *part in pool.map(partial(count, chunk), _list_tasks(layout, threads)):
                per_row[start : start + rows.size] += rows
                parts.append(part)
                pairs += 2 * part[0].size
                check(pairs)
            columns, numbers = (np.concatenate(x) for x in zip(*parts, strict=True))
            starts = np.concatenate([[0], np.cumsum(per_row)])
            total = total + _make_symmetric(starts, columns, numbers)
            check(total.nnz)
    if first > 0:
        order = np.argsort(layout.columns).tolist()
        spans = [np.arange(*layout.starts[q : q + 2]) for q in order]
        place = np.concatenate(spans)
        total = total[place][:, place]
    total.sort_indices()
    return total


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Codes of n points by columns, and lines of all of them, numbered through all columns.

    Lines stand in the order of the clusters of the first column: points of a cluster of another
    column mostly are of few of those, and their lines near each other.
    """

    codes: list[np.ndarray]  # (n,) uint16 of each column
    line: np.ndarray  # (n,) uint32, where the line of each point is
    cells: np.ndarray  # (n, columns), of a type that holds all cells
    widths: np.ndarray  # (columns,) clusters of each
    spare: SimpleQueue[np.ndarray]  # (n,) uint32 for the order of lines, one for each thread

    @contextmanager
    def sort(self, column: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Give lines by cluster, where each starts, (widths[column] + 1,), and an empty row.

        The row has 16 bits for each number where these hold the points of any cluster.
        """
        order, starts = self.spare.get(), np.zeros(self.widths[column] + 1, np.int64)
        try:
            _sort_lines(self.codes[column], self.line, order, starts)
            dtype = np.uint16 if np.diff(starts).max() < 2**16 else np.uint32
            yield order, starts, np.zeros(self.widths.sum(), dtype)
        finally:
            self.spare.put(order)


#: A side, and which of how many parts of its clusters.
_Task = tuple[tuple[int, int, int], int, int]


def _list_tasks(layout: Layout, threads: int) -> list[_Task]:
    """List what threads take one after the other, the longest first.

    A part sorts all points of its side, so there are parts only where sides are few.
    """
    n_sides = len(layout.sides)
    bands = 1 if threads == 1 or n_sides >= 4 * threads else -(-4 * threads // max(1, n_sides))
    return [(side, band, bands) for side in layout.sides for band in range(bands)]


def _cut_chunks(
    arrays: list[np.ndarray],
    ids: list[np.ndarray],
    layout: Layout,
    threads: int,
    pool: ThreadPoolExecutor,
) -> Iterator[_Chunk]:
    n, n_cells = arrays[0].size, int(layout.starts[-1])
    dtype = np.dtype(np.uint16 if n_cells <= 2**16 else np.uint32)
    size = min(n, max(_BLOCK, _CELL_BYTES // (len(layout.columns) * dtype.itemsize)))
    spare: SimpleQueue[np.ndarray] = SimpleQueue()
    for _ in range(threads):
        spare.put(np.empty(size, np.uint32))
    for start in range(0, n, size):
        points = slice(start, min(start + size, n))
        codes = list(pool.map(partial(_recode, arrays, ids, points), layout.columns))
        line = np.empty(codes[0].size, np.uint32)
        _place_lines(codes[0], np.zeros(layout.starts[1] + 1, np.int64), line)
        cells = np.empty((codes[0].size, len(codes)), dtype)
        blocks = range(0, codes[0].size, _BLOCK)
        list(pool.map(partial(_write_block, codes, line, layout.starts, cells), blocks))
        yield _Chunk(codes, line, cells, np.diff(layout.starts), spare)


def _recode(
    arrays: list[np.ndarray], ids: list[np.ndarray], points: slice, realization: int
) -> np.ndarray:
    return recode(arrays[realization][points], ids[realization])


def _write_block(
    codes: list[np.ndarray], line: np.ndarray, starts: np.ndarray, cells: np.ndarray, at: int
) -> None:
    block = slice(at, at + _BLOCK)
    for column, of_column in enumerate(codes):
        _write_cells(of_column[block], line[block], starts[column], cells, column)


def _make_symmetric(starts: np.ndarray, columns: np.ndarray, numbers: np.ndarray) -> csr_array:
    """Return a symmetric matrix from its upper triangle, the diagonal included."""
    from scipy.sparse import csr_array, triu

    k = starts.size - 1
    upper = csr_array((numbers.astype(np.int64), columns, starts), shape=(k, k))
    return csr_array(upper + triu(upper, 1).T.tocsr())


@_intrinsic
def _prefetch(typing: Any, array: Any, index: Any) -> tuple[object, Callable]:
    """Ask for the line of the cache that holds array[index]."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        pointer = builder.bitcast(builder.gep(data, [args[1]]), byte)
        builder.call(ask, [pointer, *(ir.Constant(number, x) for x in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@njit(nogil=True, cache=True)
def _write_cells(
    codes: np.ndarray, line: np.ndarray, start: int, cells: np.ndarray, column: int
) -> None:
    for p in range(codes.size):
        cells[np.uint64(line[p]), column] = codes[p] + start


@njit(nogil=True, cache=True)
def _find_starts(codes: np.ndarray, starts: np.ndarray) -> None:
    """Write where each cluster starts, if points were ordered by cluster, into zeros."""
    for p in range(codes.size):
        starts[np.uint64(codes[p]) + np.uint64(1)] += 1
    for c in range(1, starts.size):
        starts[c] += starts[c - 1]


@njit(nogil=True, cache=True)
def _place_lines(codes: np.ndarray, starts: np.ndarray, line: np.ndarray) -> None:
    """Write the place of each point in the order of clusters; `starts` are zeros, and are used."""
    _find_starts(codes, starts)
    for p in range(codes.size):
        cluster = np.uint64(codes[p])
        line[p] = starts[cluster]
        starts[cluster] += 1


@njit(nogil=True, cache=True)
def _sort_lines(codes: np.ndarray, line: np.ndarray, order: np.ndarray, starts: np.ndarray) -> None:
    """Write the lines of points ordered by cluster, and where each cluster starts into zeros."""
    _find_starts(codes, starts)
    coming = starts.copy()
    for p in range(codes.size):
        cluster = np.uint64(codes[p])
        order[coming[cluster]] = line[p]
        coming[cluster] += 1


@njit(nogil=True, cache=True)
def _fill_row(
    cells: np.ndarray,
    width: int,
    order: np.ndarray,
    first: int,
    last: int,
    start: int,
    stop: int,
    row: np.ndarray,
) -> None:
    """Add the histograms of columns start..stop-1 over order[first:last] to a row."""
    n, one = order.size, row.dtype.type(1)
    for k in range(first, last):
        if k + _AHEAD < n:
            line = np.int64(order[k + _AHEAD]) * width
            for cell in range(line + start, line + stop, _PER_LINE):
                _prefetch(cells, cell)
            _prefetch(cells, line + stop - 1)
        at = np.uint64(order[k]) * np.uint64(width)
        for cell in range(at + np.uint64(start), at + np.uint64(stop)):
            row[cells[cell]] += one


@njit(nogil=True, cache=True)
def _is_of_band(start: int, n: int, band: int, bands: int) -> bool:
    """Tell whether a cluster whose points start there is in a band: each has as many points."""
    return n * band <= start * bands < n * (band + 1)


@njit(nogil=True, cache=True)
def _has_any(numbers: np.ndarray) -> bool:
    """Tell whether some are not 0, looking at many at once."""
    some = numbers.dtype.type(0)
    for k in range(numbers.size):
        some |= numbers[k]
    return some != 0


@njit(nogil=True, cache=True)
def _add_side(
    lines: np.ndarray,
    order: np.ndarray,
    starts: np.ndarray,
    band: int,
    bands: int,
    start: int,
    stop: int,
    row: np.ndarray,
    column_starts: np.ndarray,
    where: np.ndarray,
    counts: np.ndarray,
    diagonal: int,
) -> None:
    """Add the rows of one side's tables to its counts, and its sizes unless diagonal is < 0."""
    n, width = lines.shape
    cells = lines.reshape(-1)
    for c in range(starts.size - 1):
        first, last = starts[c], starts[c + 1]
        if first == last or not _is_of_band(first, n, band, bands):
            continue
        _fill_row(cells, width, order[:n], first, last, start, stop, row)
        if diagonal >= 0:
            counts[c, diagonal + c] += last - first
        for q in range(start, stop):
            end = column_starts[q + 1]
            for block in range(column_starts[q], end, _LOOKED_AT):
                found = row[block : min(block + _LOOKED_AT, end)]
                if not _has_any(found):  # counts that stay 0 need not be fetched
                    continue
                at = where[q] + block - column_starts[q]
                total = counts[c, at : at + found.size]
                for k in range(found.size):
                    total[k] += np.int64(found[k])
                    found[k] = 0


@njit(nogil=True, cache=True)
def _list_side(
    lines: np.ndarray,
    order: np.ndarray,
    starts: np.ndarray,
    band: int,
    bands: int,
    start: int,
    stop: int,
    row: np.ndarray,
    column_starts: np.ndarray,
    own: int,
    per_row: np.ndarray,
    columns: np.ndarray,
    numbers: np.ndarray,
) -> int:
    """List the rows of one side's tables, each after its size; return how many numbers."""
    n, width = lines.shape
    cells, used = lines.reshape(-1), 0
    for c in range(starts.size - 1):
        first, last = starts[c], starts[c + 1]
        if first == last or not _is_of_band(first, n, band, bands):
            continue
        _fill_row(cells, width, order[:n], first, last, start, stop, row)
        before = used
        columns[used], numbers[used] = own + c, last - first
        used += 1
        end = column_starts[stop]
        for block in range(column_starts[start], end, _LOOKED_AT):
            found = row[block : min(block + _LOOKED_AT, end)]
            if not _has_any(found):
                continue
            for k in range(found.size):
                if found[k]:
                    columns[used], numbers[used] = block + k, found[k]
                    found[k] = 0
                    used += 1
        per_row[c] = used - before
    return used


@njit(nogil=True, cache=True)
def _mirror(table: np.ndarray, mirrored: np.ndarray) -> None:
    """Write the transposed table, square by square, so that both stay in the cache.

    What is 0 in the table is 0 there already.
    """
    for a in range(0, table.shape[0], _MIRROR):
        end = min(a + _MIRROR, table.shape[0])
        for b in range(0, table.shape[1], _MIRROR):
            last = min(b + _MIRROR, table.shape[1])
            some = np.int64(0)
            for x in range(a, end):
                for y in range(b, last):
                    some |= table[x, y]
            if some == 0:
                continue
            for y in range(b, last):
                for x in range(a, end):
                    mirrored[y, x] = table[x, y]
