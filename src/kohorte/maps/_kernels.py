"""Compiled kernels of winner search, training and paths along the links of a lattice.

All in one module: numba's cache notices an edit of the file that holds a kernel, but not of another
file whose functions the kernel calls.

Searches look at tiles of points and nodes. A tile's distances live in vector registers of LANES
nodes, the features pass over them one after the other, and only the best values and indices of
each lane are kept: no distance is ever stored. LLVM does not find this form from loops, so the
tiles are written in its vector instructions, which every processor has or is given a replacement
for. All results are the same on every machine: each lane adds up its features from the first to
the last with fused multiply-adds in float32, and ties go to the lowest node.
"""

import functools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

#: Nodes in a vector: one register of 512 bits where the processor that is compiled for has them,
#: else of 256. Results do not depend on it, and numba's cache keeps processors apart.
LANES = 16 if "+avx512f" in cpu_target.target_context.codegen().magic_tuple()[2] else 8

#: Nodes are padded to a multiple of this, which all widths of tiles divide.
NODE_PADDING = 48

#: What a search minimises over the nodes w, x being the point as prepared by _prepare. DOT:
#: bias(w) - x.w. SQUARE: sum (w - x)^2. ABSOLUTE: sum |w - x|. LARGEST: max |w - x|. COSINE:
#: -x.w / |w|. The sums of the last four run over the present features.
DOT, SQUARE, ABSOLUTE, LARGEST, COSINE = range(5)

#: Nodes in a block: neighbours, whose distances are computed together or not at all.
BLOCK_NODES = 16

#: Blocks in a word of bits that say which of them are looked at.
WORD = 64

#: Above the number of blocks, a power of two.
MOST_BLOCKS = 1 << 12

#: Offset of empty blocks: finite, and above whatever a value can be.
NOWHERE = 1e38

#: Number of nodes that only fill up a block: above that of any other.
NO_NODE = 2**31 - 1

#: Kind of a metric, see kohorte.maps.parameters.Metric, by its name.
KINDS = {"square": SQUARE, "absolute": ABSOLUTE, "largest": LARGEST, "cosine": COSINE}

#: Cosine distance of float32 vectors that differ in their last digit alone: counts as none.
COSINE_ROUNDING = 1e-14

_FLOAT, _INT, _LONG = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_FLOATS, _INTS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_INT, LANES)


class _Code:
    """The parts of a kernel's code: LLVM instructions on vectors of LANES."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        self.builder = builder
        self.fma, self.absolute = self._operation("fma", 3), self._operation("fabs", 1)
        self.root = self._operation("sqrt", 1)

    def _operation(self, name: str, count: int) -> Callable[..., ir.Value]:
        kind_of = ir.FunctionType(_FLOATS, [_FLOATS] * count)
        function = cgutils.get_or_insert_function(
            self.builder.module, kind_of, f"llvm.{name}.v{LANES}f32"
        )
        return lambda *operands: self.builder.call(function, operands)

    def long(self, value: int) -> ir.Constant:
        return ir.Constant(_LONG, value)

    def at(self, base: ir.Value, *offsets: ir.Value) -> ir.Value:
        """Return the address that lies so many elements behind `base`."""
        offset = offsets[0]
        for further in offsets[1:]:
            offset = self.builder.add(offset, further)
        return self.builder.gep(base, [offset])

    def load(self, address: ir.Value, vectors: ir.VectorType = _FLOATS) -> ir.Value:
        return self.builder.load(self.builder.bitcast(address, vectors.as_pointer()), align=4)

    def store(self, vector: ir.Value, address: ir.Value) -> None:
        address = self.builder.bitcast(address, vector.type.as_pointer())
        self.builder.store(vector, address, align=4)

    def features(self, points: ir.Value, place: ir.Value, n_features: int) -> list[ir.Value]:
        """Return the features of a point, each in all lanes."""
        at = [self.at(points, place, self.long(f)) for f in range(n_features)]
        return [self.spread(self.builder.load(address)) for address in at]

    def numbers(self, first: ir.Value) -> ir.Value:
        """Return so many numbers as there are lanes, from `first` on."""
        lanes = ir.Constant(_INTS, list(range(LANES)))
        return self.builder.add(self.spread(self.builder.trunc(first, _INT), _INTS), lanes)

    def spread(self, scalar: ir.Value, vectors: ir.VectorType = _FLOATS) -> ir.Value:
        """Return a vector that has the scalar in each lane."""
        one = self.builder.insert_element(ir.Constant(vectors, ir.Undefined), scalar, _INT(0))
        return self.builder.shuffle_vector(one, one, ir.Constant(_INTS, [0] * LANES))

    def smaller(self, one: ir.Value, other: ir.Value) -> ir.Value:
        """Return the smaller of two, lane by lane; the second where they cannot be compared."""
        return self.builder.select(self.builder.fcmp_ordered("<", one, other), one, other)

    def least(self, values: ir.Value) -> ir.Value:
        """Return the least value of all lanes, in each lane."""
        step = LANES // 2
        while step:
            other = ir.Constant(_INTS, [lane ^ step for lane in range(LANES)])
            values = self.smaller(self.builder.shuffle_vector(values, values, other), values)
            step //= 2
        return values

    def lowest(self, values: ir.Value, numbers: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Return the least value of all lanes and the lowest number beside it, in each lane."""
        builder = self.builder
        least = self.least(values)
        among = builder.fcmp_ordered("==", values, least)
        numbers = builder.select(among, numbers, ir.Constant(_INTS, [NO_NODE] * LANES))
        step = LANES // 2
        while step:
            lanes = ir.Constant(_INTS, [lane ^ step for lane in range(LANES)])
            other = builder.shuffle_vector(numbers, numbers, lanes)
            lower = builder.icmp_signed("<", other, numbers)
            numbers = builder.select(lower, other, numbers)
            step //= 2
        return least, numbers

    def bits(self, truths: ir.Value) -> ir.Value:
        """Pack a vector of truths into the lowest bits of an integer."""
        return self.builder.zext(self.builder.bitcast(truths, ir.IntType(LANES)), _LONG)

    @contextmanager
    def _while_any(self, words: list[ir.Value]) -> Iterator[None]:
        """Run the code of the block for as long as any bit of the words is set."""
        builder = self.builder
        test, body, end = (builder.append_basic_block(f"bits.{name}") for name in "abc")
        builder.branch(test)
        builder.position_at_end(test)
        left = functools.reduce(builder.or_, map(builder.load, words))
        builder.cbranch(builder.icmp_unsigned("!=", left, self.long(0)), body, end)
        builder.position_at_end(body)
        yield
        builder.branch(test)
        builder.position_at_end(end)

    @contextmanager
    def each_bit(self, left: ir.Value) -> Iterator[ir.Value]:
        """Run the code of the block for each bit set at `left`, with its place, and clear it."""
        builder = self.builder
        with self._while_any([left]):
            bits = builder.load(left)
            yield builder.cttz(bits, ir.Constant(ir.IntType(1), 1))
            builder.store(builder.and_(bits, builder.sub(bits, self.long(1))), left)

    @contextmanager
    def each_two_bits(self, words: list[ir.Value]) -> Iterator[tuple[ir.Value, ir.Value, ir.Value]]:
        """Do as each_bit for two bits of one or two words, and whether there is a second one.

        Both are bits of one word. Which one is no branch, as the processor could not foresee it.
        """
        builder, first, is_first = self.builder, self.long(0), None
        with self._while_any(words):
            loaded = [builder.load(word) for word in words]
            bits = loaded[0]
            if len(words) == 2:
                is_first = builder.icmp_unsigned("!=", bits, self.long(0))
                bits = builder.select(is_first, *loaded)
                first = builder.select(is_first, self.long(0), self.long(WORD))
            rest = builder.and_(bits, builder.sub(bits, self.long(1)))
            one = builder.cttz(bits, ir.Constant(ir.IntType(1), 1))
            other = builder.cttz(rest, ir.Constant(ir.IntType(1), 0))
            is_there = builder.icmp_unsigned("!=", rest, self.long(0))
            yield builder.add(first, one), builder.add(first, other), is_there
            rest = builder.and_(rest, builder.sub(rest, self.long(1)))
            if is_first is not None:
                builder.store(builder.select(is_first, loaded[1], rest), words[1])
                rest = builder.select(is_first, rest, self.long(0))
            builder.store(rest, words[0])

    def sums(
        self,
        kind: int,
        points: list[ir.Value],
        mask: list[ir.Value] | None,
        n_features: ir.Value,
        panel: ir.Value,
        width: int,
        table: tuple[ir.Value, ...],
    ) -> dict[tuple[int, int], ir.Value]:
        """Return what `kind` minimises, for points and the nodes of a panel, as {(p, v): vector}.

        `points` are addresses of the features of the points of a tile, `mask` likewise, or None if
        no value is missing. `width` is the number of vectors of nodes in a panel, `table` has
        `weights, bias, panel_stride, feature_stride` of `_make_scan`.
        """
        builder = self.builder
        weights, bias, panel_stride, feature_stride = table
        nodes = self.at(weights, builder.mul(panel, panel_stride))
        bias = self.at(bias, builder.mul(panel, self.long(width * LANES)))
        starts = [self.load(self.at(bias, self.long(v * LANES))) for v in range(width)]
        tile = [(p, v) for p in range(len(points)) for v in range(width)]
        zeros = ir.Constant(_FLOATS, [0.0] * LANES)
        totals = {(p, v): cgutils.alloca_once(builder, _FLOATS) for p, v in tile}
        norms = {key: cgutils.alloca_once(builder, _FLOATS) for key in tile}
        for p, v in tile:
            builder.store(starts[v], totals[p, v])
            builder.store(zeros, norms[p, v])
        with cgutils.for_range(builder, n_features, intp=_LONG) as loop:
            line = self.at(nodes, builder.mul(loop.index, feature_stride))
            w = [self.load(self.at(line, self.long(v * LANES))) for v in range(width)]
            for p in range(len(points)):
                x = self.spread(builder.load(self.at(points[p], loop.index)))
                present = mask and self.spread(builder.load(self.at(mask[p], loop.index)))
                for v in range(width):
                    total = builder.load(totals[p, v])
                    if kind in (DOT, COSINE):
                        total = self.fma(w[v], x, total)
                    else:
                        step = builder.fsub(w[v], x)
                        if mask:
                            step = builder.fmul(step, present)
                        if kind == SQUARE:
                            total = self.fma(step, step, total)
                        elif kind == ABSOLUTE:
                            total = builder.fadd(total, self.absolute(step))
                        else:
                            step = self.absolute(step)
                            larger = builder.fcmp_ordered(">", step, total)
                            total = builder.select(larger, step, total)
                    builder.store(total, totals[p, v])
                    if kind == COSINE:
                        factor = builder.fmul(w[v], present) if mask else w[v]
                        norm = builder.load(norms[p, v])
                        builder.store(self.fma(factor, w[v], norm), norms[p, v])
        found = {key: builder.load(total) for key, total in totals.items()}
        if kind == COSINE:
            for (p, v), total in found.items():
                norm = builder.load(norms[p, v])
                empty = builder.fcmp_ordered("==", norm, zeros)
                quotient = builder.fdiv(total, self.root(norm))
                found[p, v] = builder.select(empty, starts[v], quotient)
        return found


def _make_intrinsic(
    returned: types.Type, generate: Callable[[_Code, list[ir.Value], list[ir.Value]], Any]
) -> Callable[..., Any]:
    """Make a function of numba whose code `generate(code, pointers, numbers)` writes.

    It takes (points, mask, row, n_features, weights, bias, first, last, panel_stride,
    feature_stride, best, where), all arrays flat; `pointers` are those of the six arrays, `numbers`
    the six numbers, both in this order.
    """

    @intrinsic
    def function(
        typing_context: Any,
        points: types.Type,
        mask: types.Type,
        row: types.Type,
        n_features: types.Type,
        weights: types.Type,
        bias: types.Type,
        first: types.Type,
        last: types.Type,
        panel_stride: types.Type,
        feature_stride: types.Type,
        best: types.Type,
        where: types.Type,
    ) -> tuple[Any, Callable[..., Any]]:
        head = (points, mask, row, n_features, weights, bias, first, last)
        return returned(*head, panel_stride, feature_stride, best, where), write

    def write(
        context: Any, builder: ir.IRBuilder, signature: Any, arguments: list[ir.Value]
    ) -> ir.Value:
        def pointer(i: int) -> ir.Value:
            return context.make_array(signature.args[i])(context, builder, arguments[i]).data

        pointers = [pointer(i) for i in (0, 1, 4, 5, 10, 11)]
        numbers = [arguments[i] for i in (2, 3, 6, 7, 8, 9)]
        value = generate(_Code(builder), pointers, numbers)
        return context.get_dummy_value() if value is None else value

    return function


def _make_scan(
    kind: int, masked: bool, n_points: int, width: int, n_best: int
) -> Callable[..., Any]:
    """Make a tile search: `n_points` points against panels of `width` vectors of nodes.

    For the arguments see _make_intrinsic. It looks at the points row, row + 1, ... (n_points of
    them, n_features each; mask 1.0 where a feature is present) and the panels first..last-1 of
    nodes: the vector v of feature f of panel k starts at weights[k panel_stride + f feature_stride
    + v LANES]; the nodes' sums begin with bias[k width LANES + ...]: 0, or inf for nodes that only
    fill up. It lowers best (row, n_best, LANES), ascending, and keeps in `where` the origin of
    each: the number of the vector or, for n_best = 1, of the panel, in which the function of
    _make_first finds the node afterwards: that takes a third of the comparisons away.
    """

    def generate(code: _Code, pointers: list[ir.Value], numbers: list[ir.Value]) -> None:
        builder, long = code.builder, code.long
        points, mask, weights, bias, best, where = pointers
        row, n_features, first, last, panel_stride, feature_stride = numbers

        def slot(base: ir.Value, p: int, k: int) -> ir.Value:
            place = builder.mul(builder.add(row, long(p)), long(n_best * LANES))
            return code.at(base, place, long(k * LANES))

        def features(base: ir.Value) -> list[ir.Value]:
            places = [builder.mul(builder.add(row, long(p)), n_features) for p in range(n_points)]
            return [code.at(base, place) for place in places]

        def number_of(vector: ir.Value) -> ir.Value:
            return code.spread(builder.trunc(vector, _INT), _INTS)

        ranks = [(p, k) for p in range(n_points) for k in range(n_best)]
        least = {
            key: cgutils.alloca_once_value(builder, code.load(slot(best, *key))) for key in ranks
        }
        origin = {
            key: cgutils.alloca_once_value(builder, code.load(slot(where, *key), _INTS))
            for key in ranks
        }
        rows, mask_rows = features(points), features(mask) if masked else None
        table = weights, bias, panel_stride, feature_stride

        def compare(p: int, total: ir.Value, number: ir.Value) -> None:
            was, was_at = builder.load(least[p, 0]), builder.load(origin[p, 0])
            wins = builder.fcmp_ordered("<", total, was)
            builder.store(builder.select(wins, total, was), least[p, 0])
            builder.store(builder.select(wins, number, was_at), origin[p, 0])
            if n_best == 2:
                # The former best becomes the second, also where it ties with it.
                second, second_at = builder.load(least[p, 1]), builder.load(origin[p, 1])
                closer = builder.fcmp_ordered("<", total, second)
                second = builder.select(closer, total, second)
                second_at = builder.select(closer, number, second_at)
                builder.store(builder.select(wins, was, second), least[p, 1])
                builder.store(builder.select(wins, was_at, second_at), origin[p, 1])

        with cgutils.for_range_slice(builder, first, last, long(1), _LONG) as (panel, _):
            totals = code.sums(kind, rows, mask_rows, n_features, panel, width, table)
            if n_best == 1:
                number = number_of(panel)
                for p in range(n_points):
                    total = totals[p, 0]
                    for v in range(1, width):
                        total = code.smaller(totals[p, v], total)
                    compare(p, total, number)
            else:
                for v in range(width):
                    number = number_of(builder.add(builder.mul(panel, long(width)), long(v)))
                    for p in range(n_points):
                        compare(p, totals[p, v], number)
        for key in ranks:
            code.store(builder.load(least[key]), slot(best, *key))
            code.store(builder.load(origin[key]), slot(where, *key))

    return _make_intrinsic(types.void, generate)


def _make_first(kind: int, masked: bool, width: int) -> Callable[..., Any]:
    """Make a function for the node that a point's lanes found, int64: the lowest of the nearest.

    For the arguments see _make_intrinsic; the point is `row`, and `best` and `where` are the
    results of a search for n_best = 1. The sums of the panels with the least value are made once
    more, by the same operations, so that they are the same to the last bit. 0 where no value is
    finite.
    """

    def generate(code: _Code, pointers: list[ir.Value], numbers: list[ir.Value]) -> ir.Value:
        builder, long = code.builder, code.long
        points, mask, weights, bias, best, where = pointers
        row, n_features, _, _, panel_stride, feature_stride = numbers
        here = [code.at(points, builder.mul(row, n_features))]
        there = [code.at(mask, builder.mul(row, n_features))] if masked else None
        table = weights, bias, panel_stride, feature_stride
        lanes = builder.mul(row, long(LANES))
        values = code.load(code.at(best, lanes))
        least = code.least(values)
        infinite = ir.Constant(_FLOATS, [float("inf")] * LANES)
        finite = builder.fcmp_ordered("<", least, infinite)
        equal = builder.and_(builder.fcmp_ordered("==", values, least), finite)
        none = long((1 << 63) - 1)
        node = cgutils.alloca_once_value(builder, none)
        left = cgutils.alloca_once_value(builder, code.bits(equal))
        # Mostly one lane alone has the least value.
        with code.each_bit(left) as lane:
            panel = builder.sext(builder.load(code.at(where, lanes, lane)), _LONG)
            totals = code.sums(kind, here, there, n_features, panel, width, table)
            for v in range(width):
                place = builder.add(lane, long(v * LANES))
                number = builder.add(builder.mul(panel, long(width * LANES)), place)
                hits = code.bits(builder.fcmp_ordered("==", totals[0, v], least))
                hit = builder.trunc(builder.lshr(hits, lane), ir.IntType(1))
                lower = builder.icmp_signed("<", number, builder.load(node))
                found = builder.select(builder.and_(hit, lower), number, builder.load(node))
                builder.store(found, node)
        lowest = builder.load(node)
        return builder.select(builder.icmp_signed("==", lowest, none), long(0), lowest)

    return _make_intrinsic(types.int64, generate)


# Sizes of tiles: as many as the sixteen vector registers of x86-64 hold without spilling.
_dot_4x3_1 = _make_scan(DOT, False, 4, 3, 1)
_dot_4x3_2 = _make_scan(DOT, False, 4, 3, 2)
_absolute_4x2 = _make_scan(ABSOLUTE, False, 4, 2, 2)
_largest_4x2 = _make_scan(LARGEST, False, 4, 2, 2)
_square_masked_4x2 = _make_scan(SQUARE, True, 4, 2, 2)
_absolute_masked_4x2 = _make_scan(ABSOLUTE, True, 4, 2, 2)
_largest_masked_4x2 = _make_scan(LARGEST, True, 4, 2, 2)
_cosine_masked_4x1 = _make_scan(COSINE, True, 4, 1, 2)
_square_1x3 = _make_scan(SQUARE, False, 1, 3, 1)
_square_masked_1x3 = _make_scan(SQUARE, True, 1, 3, 1)
_absolute_1x3 = _make_scan(ABSOLUTE, True, 1, 3, 1)
_largest_1x3 = _make_scan(LARGEST, True, 1, 3, 1)
_cosine_1x3 = _make_scan(COSINE, True, 1, 3, 1)

_first_dot = _make_first(DOT, False, 3)
_first_square = _make_first(SQUARE, False, 3)
_first_square_masked = _make_first(SQUARE, True, 3)
_first_absolute = _make_first(ABSOLUTE, True, 3)
_first_largest = _make_first(LARGEST, True, 3)
_first_cosine = _make_first(COSINE, True, 3)

#: Points in a tile of a search.
TILE_POINTS = 4


@njit(nogil=True, cache=True)
def _prepare(
    point: np.ndarray, centre: np.ndarray, kind: int, values: np.ndarray, mask: np.ndarray
) -> None:
    """Set values to the point as the search takes it, mask to 1 where it is present, else 0."""
    for f in range(point.size):
        value = point[f]
        present = not math.isnan(value)
        mask[f] = np.float32(1 if present else 0)
        if not present:
            values[f] = np.float32(0)
        elif kind in (DOT, COSINE):
            values[f] = centre[f] - value
        else:
            values[f] = value


@njit(nogil=True, cache=True)
def _best_node(best: np.ndarray, where: np.ndarray, start: int) -> tuple[int, int]:
    """Find the first and second node in the lanes of one point; -1 where there is none."""
    first = second = -1
    least = next_least = np.float32(np.inf)
    for entry in range(start, start + 2 * LANES):
        value = best[entry]
        if value == np.inf:
            continue
        node = where[entry] * LANES + (entry - start) % LANES
        if value < least or (value == least and node < first):
            second, next_least = first, least
            first, least = node, value
        elif second < 0 or value < next_least or (value == next_least and node < second):
            second, next_least = node, value
    return first, second


@njit(nogil=True, cache=True)
def aligned_floats(size: int) -> np.ndarray:
    """Return zeros (size,) float32 that begin a line of the cache: vectors do not cross two."""
    room = np.zeros(size + 15, np.float32)
    first = -(room.ctypes.data // 4) % 16
    return room[first : first + size]


@njit(nogil=True, cache=True)
def extent(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest value of each column of (M, F), both (F,) float64."""
    low, high = table[0].astype(np.float64), table[0].astype(np.float64)
    for i in range(1, table.shape[0]):
        for f in range(table.shape[1]):
            low[f] = min(low[f], table[i, f])
            high[f] = max(high[f], table[i, f])
    return low, high


@njit(nogil=True, cache=True)
def pack_panels(nodes: np.ndarray, values: np.ndarray, line: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `panels` (K, F, line) and `bias` (K line,), as for `search`, of nodes (M, F)."""
    n_nodes, n_features = nodes.shape
    n_panels = -(-n_nodes // line)
    panels = aligned_floats(n_panels * n_features * line).reshape(n_panels, n_features, line)
    bias = aligned_floats(n_panels * line)
    bias[n_nodes:] = np.inf
    for node in range(n_nodes):
        bias[node] = values[node]
        for f in range(n_features):
            panels[node // line, f, node % line] = nodes[node, f]
    return panels, bias


@njit(nogil=True, cache=True)
def search(
    points: np.ndarray,
    panels: np.ndarray,
    bias: np.ndarray,
    centre: np.ndarray,
    kind: int,
    masked: bool,
    width: int,
    rows: int,
    group: int,
    nodes: np.ndarray,
) -> None:
    """Set nodes (N, 2) int32 to those that minimise `kind`, no DOT, for each point; -1 for none.

    Parameters
    ----------
    points
        (N, F) float32, NaN where missing (only if `masked`).
    panels
        (K, F, width LANES) float32, nodes in order.
    bias
        (K width LANES,), inf for nodes that only fill up.
    centre
        (F,), subtracted from the points of COSINE; the nodes have it subtracted already.
    rows
        Points in a block (a multiple of TILE_POINTS).
    group
        Panels that stay in the cache while the block passes over them.
    """
    n_points, n_features = points.shape
    n_panels = panels.shape[0]
    weights = panels.reshape(-1)
    line = width * LANES
    stride = n_features * line
    block = np.zeros((rows, n_features), np.float32)
    present = np.ones((rows, n_features), np.float32)
    x, mask = block.reshape(-1), present.reshape(-1)
    best = np.empty(rows * 2 * LANES, np.float32)
    where = np.empty(rows * 2 * LANES, np.int32)
    for start in range(0, n_points, rows):
        count = min(rows, n_points - start)
        for r in range(count):
            _prepare(points[start + r], centre, kind, block[r], present[r])
        best[:] = np.inf
        where[:] = 0
        for a in range(0, n_panels, group):
            b = min(a + group, n_panels)
            for t in range(0, count, TILE_POINTS):
                if kind == SQUARE:
                    _square_masked_4x2(
                        x, mask, t, n_features, weights, bias, a, b, stride, line, best, where
                    )
                elif kind == COSINE:
                    _cosine_masked_4x1(
                        x, mask, t, n_features, weights, bias, a, b, stride, line, best, where
                    )
                elif kind == ABSOLUTE and masked:
                    _absolute_masked_4x2(
                        x, mask, t, n_features, weights, bias, a, b, stride, line, best, where
                    )
                elif kind == ABSOLUTE:
                    _absolute_4x2(
                        x, mask, t, n_features, weights, bias, a, b, stride, line, best, where
                    )
                elif masked:
                    _largest_masked_4x2(
                        x, mask, t, n_features, weights, bias, a, b, stride, line, best, where
                    )
                else:
                    _largest_4x2(
                        x, mask, t, n_features, weights, bias, a, b, stride, line, best, where
                    )
        for r in range(count):
            pair = _best_node(best, where, 2 * r * LANES)
            nodes[start + r, 0], nodes[start + r, 1] = pair


@njit(nogil=True, cache=True)
def search_products(
    points: np.ndarray,
    panels: np.ndarray,
    bias: np.ndarray,
    centre: np.ndarray,
    width: int,
    rows: int,
    group: int,
    nodes: np.ndarray,
) -> None:
    """Do as `search` for DOT, of points without missing values; n_best is 1 or 2.

    It is of its own, since most maps need no other: the rest then need not be compiled.
    """
    n_points, n_features = points.shape
    n_panels = panels.shape[0]
    n_best = nodes.shape[1]
    weights = panels.reshape(-1)
    line = width * LANES
    stride = n_features * line
    block = np.zeros((rows, n_features), np.float32)
    x, mask = block.reshape(-1), np.empty(0, np.float32)
    best = np.empty(rows * n_best * LANES, np.float32)
    where = np.empty(rows * n_best * LANES, np.int32)
    for start in range(0, n_points, rows):
        count = min(rows, n_points - start)
        for r in range(count):
            for f in range(n_features):
                block[r, f] = centre[f] - points[start + r, f]
        best[:] = np.inf
        where[:] = 0
        for a in range(0, n_panels, group):
            b = min(a + group, n_panels)
            for t in range(0, count, TILE_POINTS):
                if n_best == 1:
                    _dot_4x3_1(
                        x, mask, t, n_features, weights, bias, a, b, stride, line, best, where
                    )
                else:
                    _dot_4x3_2(
                        x, mask, t, n_features, weights, bias, a, b, stride, line, best, where
                    )
        for r in range(count):
            if n_best == 1:
                nodes[start + r, 0] = _first_dot(
                    x, mask, r, n_features, weights, bias, 0, 0, stride, line, best, where
                )
            else:
                pair = _best_node(best, where, 2 * r * LANES)
                nodes[start + r, 0], nodes[start + r, 1] = pair


def make_function(
    returned: types.Type,
    generate: Callable[[_Code, list[ir.Value], list[ir.Value], int, int], Any],
) -> Callable[..., Any]:
    """Make a function of numba whose code `generate(code, pointers, numbers, F, n_best)` writes.

    It takes (arrays, numbers, features, ranks), all tuples: flat arrays, int64, and two whose
    lengths are the numbers of features and of best nodes, which are constants of the code then.
    """

    @intrinsic
    def function(
        typing_context: Any,
        arrays: types.BaseTuple,
        numbers: types.BaseTuple,
        features: types.BaseTuple,
        ranks: types.BaseTuple,
    ) -> tuple[Any, Callable[..., Any]]:
        return returned(arrays, numbers, features, ranks), write

    def write(
        context: Any, builder: ir.IRBuilder, signature: Any, arguments: list[ir.Value]
    ) -> ir.Value:
        arrays = zip(signature.args[0], cgutils.unpack_tuple(builder, arguments[0]), strict=True)
        pointers = [
            context.make_array(kind)(context, builder, array).data for kind, array in arrays
        ]
        numbers = cgutils.unpack_tuple(builder, arguments[1])
        sizes = len(signature.args[2]), len(signature.args[3])
        value = generate(_Code(builder), pointers, numbers, *sizes)
        return context.get_dummy_value() if value is None else value

    return function


class _Found:
    """The best values of a point in each lane, ascending, and their nodes, in registers."""

    def __init__(self, code: _Code, n_best: int) -> None:
        self.code = code
        none = ir.Constant(_FLOATS, [float("inf")] * LANES), ir.Constant(_INTS, [NO_NODE] * LANES)
        self.kept = [
            tuple(cgutils.alloca_once_value(code.builder, value) for value in none)
            for _ in range(n_best)
        ]

    def now(self) -> list[tuple[ir.Value, ir.Value]]:
        """Return the values and nodes."""
        load = self.code.builder.load
        return [(load(value), load(node)) for value, node in self.kept]

    def take(self, new: tuple[ir.Value, ir.Value], *, lower: bool | None = None) -> None:
        """Take in a value and its node in each lane; of equal values the lower node comes first.

        `lower` says that the node is known to be lower, or higher, than all before.
        """
        builder = self.code.builder
        for home, kept in zip(self.kept, self.now(), strict=True):
            if lower is not None:
                first = builder.fcmp_ordered("<=" if lower else "<", new[0], kept[0])
            else:
                equal = builder.fcmp_ordered("==", new[0], kept[0])
                first = builder.and_(equal, builder.icmp_signed("<", new[1], kept[1]))
                first = builder.or_(first, builder.fcmp_ordered("<", new[0], kept[0]))
            for k in range(2):
                builder.store(builder.select(first, new[k], kept[k]), home[k])
            # What is not the better of the two goes on to the next.
            new = builder.select(first, kept[0], new[0]), builder.select(first, kept[1], new[1])

    def over_lanes(self) -> list[tuple[ir.Value, ir.Value]]:
        """Return the best values of all lanes and their nodes, as many, each in every lane."""
        builder, kept = self.code.builder, self.now()
        found = [self.code.lowest(*kept[0])]
        if len(kept) == 2:
            # The lane of the best enters with its second.
            taken = builder.icmp_signed("==", kept[0][1], found[0][1])
            rest = [builder.select(taken, kept[1][k], kept[0][k]) for k in range(2)]
            found.append(self.code.lowest(*rest))
        return found


def _values(
    code: _Code, x: ir.Value, table: tuple[ir.Value, ...], block: ir.Value, n_features: int
) -> list[tuple[ir.Value, ir.Value]]:
    """Return the values of a block's nodes, as the search through all has them, and their numbers.

    `table` has weights, bias and ids of search_blocks.
    """
    weights, bias, ids = table
    long, first = code.long, code.builder.mul(block, code.long(BLOCK_NODES))
    nodes = code.at(weights, code.builder.mul(first, long(n_features)))
    values = []
    for v in range(0, BLOCK_NODES, LANES):
        total = code.load(code.at(bias, first, long(v)))
        for f in range(n_features):
            w = code.load(code.at(nodes, long(f * BLOCK_NODES + v)))
            total = code.fma(w, code.spread(code.builder.load(code.at(x, long(f)))), total)
        values.append((total, code.load(code.at(ids, first, long(v)), _INTS)))
    return values


def _bound_blocks(
    code: _Code, pointers: list[ir.Value], numbers: list[ir.Value], n_features: int, n_best: int
) -> None:
    """Write the code of _bounds: what `search_blocks` compares for TILE_POINTS points, all blocks.

    Arrays are x, centres, offsets, bounds, start; numbers row, panels of centres, blocks. It fills
    the rows of `bounds` (rows, blocks) with |c|^2 / 2 - r^2 / 2 + c.x, and `start` with the block
    that has the least.
    """
    builder, long = code.builder, code.long
    x, centres, offsets, bounds, start = pointers
    row, n_panels, n_blocks = numbers
    line = BOUND_VECTORS * LANES
    points = [
        code.at(x, builder.mul(builder.add(row, long(p)), long(n_features)))
        for p in range(TILE_POINTS)
    ]
    # Which block it is takes the last digits of a value's place: a start need not be the very best.
    infinite = ir.Constant(_FLOATS, [float("inf")] * LANES)
    least = [cgutils.alloca_once_value(builder, infinite) for _ in points]
    table = centres, offsets, long(n_features * line), long(line)
    lanes = ir.Constant(_INTS, list(range(LANES)))
    digits = ir.Constant(_INTS, [-MOST_BLOCKS] * LANES)
    with cgutils.for_range(builder, n_panels, intp=_LONG) as loop:
        totals = code.sums(DOT, points, None, long(n_features), loop.index, BOUND_VECTORS, table)
        for v in range(BOUND_VECTORS):
            first = builder.add(builder.mul(loop.index, long(line)), long(v * LANES))
            number = builder.or_(code.spread(builder.trunc(first, _INT), _INTS), lanes)
            for p in range(TILE_POINTS):
                home = code.at(bounds, builder.mul(builder.add(row, long(p)), n_blocks), first)
                code.store(totals[p, v], home)
                key = builder.and_(builder.bitcast(totals[p, v], _INTS), digits)
                key = builder.bitcast(builder.or_(key, number), _FLOATS)
                builder.store(code.smaller(key, builder.load(least[p])), least[p])
    for p in range(TILE_POINTS):
        key = builder.extract_element(code.least(builder.load(least[p])), _INT(0))
        block = builder.and_(builder.bitcast(key, _INT), _INT(MOST_BLOCKS - 1))
        builder.store(block, code.at(start, builder.add(row, long(p))))


def _look_first(
    code: _Code, pointers: list[ir.Value], numbers: list[ir.Value], n_features: int, n_best: int
) -> None:
    """Write the code of _first_values: set `value` to the n_best-th of the block `start`.

    Arrays are x, weights, bias, ids, start, value; the number is the row.
    """
    builder, row = code.builder, numbers[0]
    x, weights, bias, ids, start, value = pointers
    block = builder.sext(builder.load(code.at(start, row)), _LONG)
    point = code.at(x, builder.mul(row, code.long(n_features)))
    found = _Found(code, n_best)
    for pair in _values(code, point, (weights, bias, ids), block, n_features):
        found.take(pair)
    least = found.over_lanes()[-1][0]
    builder.store(builder.extract_element(least, _INT(0)), code.at(value, row))


def _find_near(
    code: _Code, pointers: list[ir.Value], numbers: list[ir.Value], n_features: int, n_best: int
) -> ir.Value:
    """Write the code of _near: set the bits of all blocks but those whose bound - r reach > limit.

    Arrays are bounds, radii, reach, limit, near; numbers row, blocks, and the words of a row of
    `near`. Returns how many blocks that are.
    """
    builder, long = code.builder, code.long
    bounds, radii, reach, limit, near = pointers
    row, n_blocks, n_words = numbers
    back = code.spread(builder.fneg(builder.load(code.at(reach, row))))
    most = code.spread(builder.load(code.at(limit, row)))
    lows = code.at(bounds, builder.mul(row, n_blocks))
    words = code.at(near, builder.mul(row, n_words))
    count = cgutils.alloca_once_value(builder, long(0))
    with cgutils.for_range_slice(builder, long(0), n_blocks, long(WORD), _LONG) as (first, number):
        word = long(0)
        for v in range(0, WORD, LANES):
            radius = code.load(code.at(radii, first, long(v)))
            low = code.fma(radius, back, code.load(code.at(lows, first, long(v))))
            is_near = builder.not_(builder.fcmp_ordered(">", low, most))
            word = builder.or_(word, builder.shl(code.bits(is_near), long(v)))
        builder.store(word, code.at(words, number))
        builder.store(builder.add(builder.load(count), builder.ctpop(word)), count)
    return builder.load(count)


def _look_further(
    code: _Code, pointers: list[ir.Value], numbers: list[ir.Value], n_features: int, n_best: int
) -> None:
    """Write the code of _look: find the best nodes of the blocks whose bits are set.

    Arrays are x, weights, bias, ids, near, nodes; numbers row, blocks, the words of a row of
    `near`, and the place in `nodes` of the n_best nodes that are found.
    """
    builder, long = code.builder, code.long
    x, weights, bias, ids, near, nodes = pointers
    row, n_blocks, n_words, place = numbers
    # One for each of two blocks that fill a vector, else for each vector of a block: in each lane
    # nodes must fall from one that is taken to the next.
    kept = _Found(code, n_best), _Found(code, n_best)
    point = code.at(x, builder.mul(row, long(n_features)))
    lines = code.at(near, builder.mul(row, n_words))

    def look(number: ir.Value, count: int) -> None:
        """Look at the blocks of some words."""
        words = [cgutils.alloca_once(builder, _LONG) for _ in range(count)]
        for k, word in enumerate(words):
            builder.store(builder.load(code.at(lines, number, long(k))), word)
        first = builder.mul(number, long(WORD))
        # Two at a time, that do not wait for each other; the second may be the empty block behind
        # the last one.
        with code.each_two_bits(words) as (one, other, is_there):
            other = builder.select(is_there, builder.add(first, other), n_blocks)
            blocks = builder.add(first, one), other
            for k, block in enumerate(blocks):
                pairs = _values(code, point, (weights, bias, ids), block, n_features)
                for v, pair in enumerate(pairs):
                    kept[k if len(pairs) == 1 else v].take(pair, lower=True)

    even = builder.and_(n_words, long(-2))
    with cgutils.for_range_slice(builder, long(0), even, long(2), _LONG) as (number, _):
        look(number, 2)
    with builder.if_then(builder.icmp_signed("<", even, n_words)):
        look(even, 1)
    for pair in kept[1].now():
        kept[0].take(pair)
    for k, (_, node) in enumerate(kept[0].over_lanes()):
        builder.store(builder.extract_element(node, _INT(0)), code.at(nodes, place, long(k)))


#: Vectors of blocks in a panel of their centres.
BOUND_VECTORS = 2

#: Steps towards the smallest ball around a block.
BALL_STEPS = 8

#: Points whose bounds are in memory at a time.
BLOCK_POINTS = 32

#: See search_blocks: units in the last place, for each feature and in all.
SLACK = 8, 32

_bounds = make_function(types.void, _bound_blocks)
_first_values = make_function(types.void, _look_first)
_near = make_function(types.int64, _find_near)
_look = make_function(types.void, _look_further)


@njit(nogil=True, cache=True)
def search_blocks(
    points: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray,
    ids: np.ndarray,
    centre: np.ndarray,
    centres: np.ndarray,
    offsets: np.ndarray,
    radii: np.ndarray,
    longest: float,
    shift: float,
    most: float,
    nodes: np.ndarray,
    features: tuple[int, ...],
    ranks: tuple[int, ...],
) -> tuple[int, int]:
    """Do as `search` for DOT, without looking at all nodes.

    Returns how many points it is done with, and how many blocks it looked at. It ends before all
    are done where more than `most` blocks for each of the first BLOCK_POINTS were looked at. The
    result is the same as that of `search`, in ties, too.

    With y = centre - point = -x, a node's value is s(w) = bias + w.x = e + (|y - w|^2 - |y|^2) / 2,
    where e = bias - |w|^2 / 2 is at least `shift`: 0 but for rounding, or -1/2 for unit vectors
    without a bias. Nodes of a block lie within r of its centre c, so that |y - w| >= |y - c| - r.
    Let s0 be the n_best-th value of some block, and

        reach^2 = |y|^2 + 2 (s0 - shift + slack),   limit = (reach^2 - |y|^2) / 2 + slack.

    If |y - c| > reach + r, which is |c|^2/2 - r^2/2 + c.x - r reach > (reach^2 - |y|^2) / 2, then
    s(w) > s0 + slack for all nodes of the block, none of which can be among the best, nor tie.

    The slack is (8 F + 32) u (L + |y|)^2, L the largest |w| and u = 2^-24, and covers rounding, to
    first order in u. A value is F fused multiply-adds that begin with the bias: it is off by
    F u (L^2 / 2 + L |y|). A bound, F of them, is off by F u (2 L^2 + L |y|), since r is at most
    2 L, and what it begins with by 2 u L^2; its last step by u times what comes out, at most
    2 L^2 + L |y| + 2 L reach, where reach is less than 1.5 (L + |y|). |y|^2 is off by F u |y|^2,
    the terms of reach^2 and limit, each at most 3 (L + |y|)^2, by a few u of that. The sum of all
    is below (4 F + 24) u (L + |y|)^2. Where products fall below the normal numbers of float32
    errors are absolute, and covered by 2^-140.

    Parameters
    ----------
    points
        (N, F) float32, no value missing.
    weights
        (K + 1, F, BLOCK_NODES) float32: blocks of nodes, the last one empty, K a multiple of WORD.
        In each lane nodes fall from block to block: of equal values the later is the lower node's.
    bias, ids
        ((K + 1) BLOCK_NODES,) as in `search`, and int32 numbers of the nodes; inf and NO_NODE where
        there is none.
    centre
        (F,), see `search`.
    centres
        (P, F, BOUND_VECTORS LANES) float32, for all blocks but perhaps the last, which are empty.
    offsets
        (K,) float32, |c|^2 / 2 - r^2 / 2, NOWHERE for empty blocks.
    radii
        (K,) float32.
    longest, shift
        L and the least e.
    nodes
        (N, n_best) int32, to be filled.
    features, ranks
        Tuples of length F and n_best, of anything.
    """
    n_points, n_features, n_best = points.shape[0], len(features), len(ranks)
    n_blocks, n_panels = radii.size, centres.shape[0]
    flat, middles, out = weights.reshape(-1), centres.reshape(-1), nodes.reshape(-1)
    x = np.zeros(BLOCK_POINTS * n_features, np.float32)
    bounds = aligned_floats(BLOCK_POINTS * n_blocks)
    bounds[:] = NOWHERE
    n_words = n_blocks // WORD
    near = np.empty(BLOCK_POINTS * n_words, np.int64)
    start = np.empty(BLOCK_POINTS, np.int32)
    value, square, reach, limit = np.empty((4, BLOCK_POINTS), np.float32)
    share = np.float32((SLACK[0] * n_features + SLACK[1]) * 2.0**-24)
    largest, lowest = np.float32(longest), np.float32(shift)
    looks = 0
    for first in range(0, n_points, BLOCK_POINTS):
        count = min(BLOCK_POINTS, n_points - first)
        for r in range(count):
            total = np.float32(0)
            for f in range(len(features)):
                offset = centre[f] - points[first + r, f]
                x[r * len(features) + f] = offset
                total += offset * offset
            square[r] = total
        for r in range(0, count, TILE_POINTS):
            _bounds((x, middles, offsets, bounds, start), (r, n_panels, n_blocks), features, ranks)
        for r in range(count):
            _first_values((x, flat, bias, ids, start, value), (r,), features, ranks)
        for r in range(BLOCK_POINTS):
            size = largest + np.sqrt(square[r])
            slack = share * size * size + np.float32(2.0**-140)
            above = value[r] - lowest + slack
            reach[r] = np.sqrt(max(np.float32(0), square[r] + above + above))
            limit[r] = above + slack
        # All bits before all looks, which are branches: foreseen wrongly, they are noticed at once.
        for r in range(count):
            looks += _near(
                (bounds, radii, reach, limit, near), (r, n_blocks, n_words), features, ranks
            )
        for r in range(count):
            _look(
                (x, flat, bias, ids, near, out),
                (r, n_blocks, n_words, (first + r) * n_best),
                features,
                ranks,
            )
        if first == 0 and looks > most * count:
            return count, looks
    return n_points, looks


@njit(nogil=True, cache=True)
def fill_blocks(
    nodes: np.ndarray,
    values: np.ndarray,
    order: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray,
    ids: np.ndarray,
    centres: np.ndarray,
    offsets: np.ndarray,
    radii: np.ndarray,
) -> tuple[float, float]:
    """Fill the tables of search_blocks, see there; return `longest` and `shift`.

    `nodes` (M, F) and `values` (M,) are what the weights and biases are made from; `order`
    (blocks, BLOCK_NODES) has the nodes of each block, -1 where there is none. The tables are those
    of empty blocks at the start.
    """
    n_features, line = nodes.shape[1], centres.shape[2]
    middle = np.empty(n_features, np.float32)
    longest, shift = 0.0, np.inf
    for b in range(order.shape[0]):
        count = 0
        middle[:] = 0
        for k in range(BLOCK_NODES):
            node = order[b, k]
            if node >= 0:
                count += 1
                ids[b * BLOCK_NODES + k] = node
                bias[b * BLOCK_NODES + k] = values[node]
                for f in range(n_features):
                    weights[b, f, k] = nodes[node, f]
                    middle[f] += nodes[node, f]
        for f in range(n_features):
            middle[f] /= np.float32(count)
        # From the mean towards the farthest, by steps that fall: near the smallest ball, of a
        # radius a tenth smaller. Source: Badoiu & Clarkson, Proc. SODA (2003) 801.
        for step in range(BALL_STEPS):
            far, farthest = order[b, 0], -1.0
            for k in range(BLOCK_NODES):
                if order[b, k] >= 0:
                    apart = 0.0
                    for f in range(n_features):
                        apart += (nodes[order[b, k], f] - middle[f]) ** 2
                    if apart > farthest:
                        far, farthest = order[b, k], apart
            for f in range(n_features):
                middle[f] += (nodes[far, f] - middle[f]) / np.float32(step + 4)
        own = 0.0
        for f in range(n_features):
            centres[b // line, f, b % line] = middle[f]
            own += np.float64(middle[f]) * np.float64(middle[f])
        radius = 0.0
        for k in range(BLOCK_NODES):
            node = order[b, k]
            if node >= 0:
                apart = square = 0.0
                for f in range(n_features):
                    w = np.float64(nodes[node, f])
                    square += w * w
                    apart += (w - middle[f]) * (w - middle[f])
                longest = max(longest, square)
                shift = min(shift, values[node] - square / 2)
                radius = max(radius, apart)
        radii[b] = math.sqrt(radius) * (1 + 2.0**-22)
        offsets[b] = (own - np.float64(radii[b]) ** 2) / 2
    return math.sqrt(longest), shift


@njit(nogil=True, cache=True)
def measure(
    points: np.ndarray,
    weights: np.ndarray,
    nodes: np.ndarray,
    kind: int,
    root: bool,
    lengths: np.ndarray,
) -> None:
    """Set lengths (N, n) float32 to the distances of points to their nodes, inf for node -1.

    `weights` are (M, F) float32. `kind` is SQUARE (its square root where `root`), ABSOLUTE, LARGEST
    or COSINE, over the present features, rescaled; summed in float64.
    """
    n_features = points.shape[1]
    for p in range(points.shape[0]):
        for k in range(nodes.shape[1]):
            node = nodes[p, k]
            if node < 0:
                lengths[p, k] = np.inf
                continue
            total = dot = point_norm = node_norm = 0.0
            present = 0
            for f in range(n_features):
                value = points[p, f]
                if math.isnan(value):
                    continue
                present += 1
                x, w = np.float64(value), np.float64(weights[node, f])
                if kind == SQUARE:
                    total += (w - x) * (w - x)
                elif kind == ABSOLUTE:
                    total += abs(w - x)
                elif kind == LARGEST:
                    total = max(total, abs(w - x))
                else:
                    dot += w * x
                    point_norm += x * x
                    node_norm += w * w
            if kind == COSINE:
                norms = point_norm * node_norm
                total = max(0.0, 1.0 - dot / math.sqrt(norms)) if norms > 0 else 1.0
            elif kind != LARGEST:
                total *= n_features / present
            lengths[p, k] = math.sqrt(total) if root else total


@njit(nogil=True, cache=True)
def _window(
    x: int, y: int, xdim: int, ydim: int, periodic: bool, reach: np.ndarray
) -> tuple[int, int, int, int]:
    """Return first and last column, first and last row of the nodes that a winner moves.

    Of both the last is not in it. On a periodic lattice columns are all, and rows may lie beyond
    its sides, where they go on at the other one.
    """
    if not periodic:
        columns = max(x - reach[0], 0), min(x + reach[0] + 1, xdim)
        return *columns, max(y - reach[1], 0), min(y + reach[1] + 1, ydim)
    if 2 * reach[1] + 1 < ydim:
        return 0, xdim, y - reach[1], y + reach[1] + 1
    return 0, xdim, 0, ydim


@njit(nogil=True, cache=True)
def _pull(
    point: np.ndarray,
    mask: np.ndarray,
    masked: bool,
    weights: np.ndarray,
    x: int,
    y: int,
    xdim: int,
    ydim: int,
    periodic: bool,
    table: np.ndarray,
    reach: np.ndarray,
    strength: np.ndarray,
) -> None:
    """Do w -= h (w - p) for the present features of all nodes around the winner at (x, y).

    `weights` are (F, M...), nodes contiguous; `table` is Neighbourhood.table times the learning
    rate; h > 0 extends to `reach` columns and rows (rx, ry); `strength` (M,) is scratch space.
    """
    n_features = weights.shape[0]
    by_row = table[y % 2]
    x_start, x_stop, y_start, y_stop = _window(x, y, xdim, ydim, periodic, reach)
    around = periodic and y_stop - y_start < ydim
    if not around and 2 * (x_stop - x_start) >= xdim:
        # Wide windows: whole rows at once, in long loops; h = 0 leaves the nodes outside as is.
        size = (y_stop - y_start) * xdim
        for row in range(y_start, y_stop):
            h = by_row[ydim - 1 + row - y, xdim - 1 - x : 2 * xdim - 1 - x]
            line = strength[(row - y_start) * xdim : (row - y_start + 1) * xdim]
            for i in range(xdim):
                line[i] = h[i]
        for f in range(n_features):
            if masked and mask[f] == 0:
                continue
            w = weights[f, y_start * xdim : y_start * xdim + size]
            p = point[f]
            for i in range(size):
                w[i] -= strength[i] * (w[i] - p)
        return
    for unwrapped in range(y_start, y_stop):
        row = unwrapped % ydim
        h = by_row[ydim - 1 + row - y, xdim - 1 + x_start - x : xdim - 1 + x_stop - x]
        for f in range(n_features):
            if masked and mask[f] == 0:
                continue
            w = weights[f, row * xdim + x_start : row * xdim + x_stop]
            p = point[f]
            for i in range(x_stop - x_start):
                w[i] -= h[i] * (w[i] - p)


@njit(nogil=True, cache=True)
def train_steps(
    points: np.ndarray,
    order: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray,
    kind: int,
    masked: bool,
    xdim: int,
    ydim: int,
    periodic: bool,
    table: np.ndarray,
    reach: np.ndarray,
) -> None:
    """Take one step of online training for each row of `order`; changes `weights`.

    Parameters
    ----------
    points
        (N, F) float32, NaN where missing (only if `masked`).
    weights
        (F, M + padding) float32, a multiple of 24 nodes; `bias` is inf for the padding, else 0.
    kind
        SQUARE, ABSOLUTE, LARGEST or COSINE.
    table
        (2, 2 ydim - 1, 2 xdim - 1) float32, Neighbourhood.table times the learning rate.
    reach
        (2,) columns and rows that its values above zero extend to.
    """
    n_features, n_padded = weights.shape
    flat = weights.reshape(-1)
    n_panels = n_padded // (3 * LANES)
    line = 3 * LANES
    x = np.empty(n_features, np.float32)
    target = np.empty(n_features, np.float32)
    mask = np.empty(n_features, np.float32)
    centre = np.zeros(n_features, np.float32)
    strength = np.empty(xdim * ydim, np.float32)
    best = np.empty(LANES, np.float32)
    where = np.empty(LANES, np.int32)
    for step in range(order.size):
        point = points[order[step]]
        _prepare(point, centre, kind, x, mask)
        best[:] = np.inf
        where[:] = 0
        if kind == SQUARE and not masked:
            _square_1x3(
                x, mask, 0, n_features, flat, bias, 0, n_panels, line, n_padded, best, where
            )
            winner = _first_square(
                x, mask, 0, n_features, flat, bias, 0, n_panels, line, n_padded, best, where
            )
        elif kind == SQUARE:
            _square_masked_1x3(
                x, mask, 0, n_features, flat, bias, 0, n_panels, line, n_padded, best, where
            )
            winner = _first_square_masked(
                x, mask, 0, n_features, flat, bias, 0, n_panels, line, n_padded, best, where
            )
        elif kind == ABSOLUTE:
            _absolute_1x3(
                x, mask, 0, n_features, flat, bias, 0, n_panels, line, n_padded, best, where
            )
            winner = _first_absolute(
                x, mask, 0, n_features, flat, bias, 0, n_panels, line, n_padded, best, where
            )
        elif kind == LARGEST:
            _largest_1x3(
                x, mask, 0, n_features, flat, bias, 0, n_panels, line, n_padded, best, where
            )
            winner = _first_largest(
                x, mask, 0, n_features, flat, bias, 0, n_panels, line, n_padded, best, where
            )
        else:
            _cosine_1x3(
                x, mask, 0, n_features, flat, bias, 0, n_panels, line, n_padded, best, where
            )
            winner = _first_cosine(
                x, mask, 0, n_features, flat, bias, 0, n_panels, line, n_padded, best, where
            )
        for f in range(n_features):
            target[f] = point[f]
        _pull(
            target,
            mask,
            masked,
            weights,
            winner % xdim,
            winner // xdim,
            xdim,
            ydim,
            periodic,
            table,
            reach,
            strength,
        )


def _search_squares(
    code: _Code, pointers: list[ir.Value], numbers: list[ir.Value], n_features: int, n_best: int
) -> ir.Value:
    """Write the code of _nearest: return the node nearest to a point, the lowest of several.

    Arrays are weights, table, points and bias, flat, as train_squares has them; numbers the place
    of the point among the third, and how many nodes there are with padding.
    """
    builder, long = code.builder, code.long
    weights, _, points, bias = pointers
    place, n_padded = numbers
    x = code.features(points, place, n_features)
    # Three, which do not wait for each other.
    found = [_Found(code, 1) for _ in range(3)]
    with cgutils.for_range_slice(builder, long(0), n_padded, long(NODE_PADDING), _LONG) as (
        passed,
        _,
    ):
        # From the last node to the first: of equal values the later one counts.
        first = builder.sub(builder.sub(n_padded, long(NODE_PADDING)), passed)
        for v in reversed(range(NODE_PADDING // LANES)):
            here = builder.add(first, long(v * LANES))
            w = [code.load(home) for home in _homes(code, weights, n_padded, n_features, here)]
            found[v % 3].take(_from_point(code, x, bias, here, w), lower=True)
    return _nearest_of(found, n_padded)


def _homes(
    code: _Code, weights: ir.Value, n_padded: ir.Value, n_features: int, here: ir.Value
) -> list[ir.Value]:
    """Return the addresses of the features of the nodes from `here` on."""
    stride = [code.builder.mul(n_padded, code.long(f)) for f in range(n_features)]
    return [code.at(weights, offset, here) for offset in stride]


def _from_point(
    code: _Code, x: list[ir.Value], bias: ir.Value, here: ir.Value, w: list[ir.Value]
) -> tuple[ir.Value, ir.Value]:
    """Return the squared distances of LANES nodes from a point, and the nodes, from `here` on."""
    total = code.load(code.at(bias, here))
    for of_point, of_nodes in zip(x, w, strict=True):
        step = code.builder.fsub(of_nodes, of_point)
        total = code.fma(step, step, total)
    return total, code.numbers(here)


def _nearest_of(found: list[_Found], n_padded: ir.Value) -> ir.Value:
    """Return the node of the least of all values, the lowest of several."""
    code, builder = found[0].code, found[0].code.builder
    for other in found[1:]:
        found[0].take(other.now()[0])
    _, node = found[0].over_lanes()[0]
    node = builder.sext(builder.extract_element(node, _INT(0)), _LONG)
    # Where no weight is a number, as after training that diverged.
    return builder.select(builder.icmp_signed("<", node, n_padded), node, code.long(0))


def _move_vector(
    code: _Code,
    pointers: list[ir.Value],
    p: list[ir.Value],
    first: ir.Value,
    place: tuple[ir.Value, ir.Value],
    sizes: tuple[ir.Value, ir.Value],
    among: tuple[ir.Value, ir.Value] | None = None,
) -> list[ir.Value]:
    """Do w -= h (w - p) for LANES nodes from `first` on, and return the new weights.

    Arrays are weights and table; `place` is that of h for the first node in the table, and how many
    nodes its row goes on; `sizes` nodes with padding and in a row, of which a vector is no longer.
    Nodes that are not `among` a range stay as they are.
    """
    builder, (weights, table) = code.builder, pointers
    (here, going_on), (n_padded, xdim) = place, sizes
    lanes = ir.Constant(_INTS, list(range(LANES)))

    def narrow(number: ir.Value) -> ir.Value:
        return code.spread(builder.trunc(number, _INT), _INTS)

    # The table's next row lies so that the next row of nodes is xdim - 1 further.
    one = code.load(code.at(table, here))
    other = code.load(code.at(table, here, builder.sub(xdim, code.long(1))))
    h = builder.select(builder.icmp_signed("<", lanes, narrow(going_on)), one, other)
    if among:
        nodes, (low, high) = code.numbers(first), map(narrow, among)
        inside = builder.and_(
            builder.icmp_signed(">=", nodes, low), builder.icmp_signed("<", nodes, high)
        )
        h = builder.select(inside, h, ir.Constant(_FLOATS, [0.0] * LANES))
    new = []
    for f, home in enumerate(_homes(code, weights, n_padded, len(p), first)):
        w = code.load(home)
        new.append(builder.fsub(w, builder.fmul(h, builder.fsub(w, p[f]))))
        code.store(new[f], home)
    return new


def _aligned_range(code: _Code, low: ir.Value, high: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Return the range as weights are aligned: nodes beside it are written, too."""
    last = code.builder.add(high, code.long(LANES - 1))
    return tuple(code.builder.and_(end, code.long(-LANES)) for end in (low, last))


def _move_nodes(
    code: _Code, pointers: list[ir.Value], numbers: list[ir.Value], n_features: int, n_best: int
) -> None:
    """Write the code of _move: w -= h (w - p) for the nodes low..high-1, in whole rows or in one.

    Arrays are weights, table, points, flat, as train_squares has them; numbers low, high, the place
    of the point, that of h for the node `low` in the table, how many nodes the row of `low` goes
    on, and nodes with padding and in a row.
    """
    builder, long = code.builder, code.long
    low, high, place, source, going_on, n_padded, xdim = numbers
    p = code.features(pointers[2], place, n_features)
    first, last = _aligned_range(code, low, high)
    before = builder.sub(low, first)
    origin = cgutils.alloca_once_value(builder, builder.sub(source, before))
    left = cgutils.alloca_once_value(builder, builder.add(going_on, before))
    with cgutils.for_range_slice(builder, first, last, long(LANES), _LONG) as (i, _):
        here, row = builder.load(origin), builder.load(left)
        _move_vector(code, pointers[:2], p, i, (here, row), (n_padded, xdim), (low, high))
        ends = builder.icmp_signed("<=", row, long(LANES))
        here = builder.select(ends, builder.add(here, builder.sub(xdim, long(1))), here)
        builder.store(builder.add(here, long(LANES)), origin)
        row = builder.select(ends, builder.add(row, xdim), row)
        builder.store(builder.sub(row, long(LANES)), left)


def _move_and_search(
    code: _Code, pointers: list[ir.Value], numbers: list[ir.Value], n_features: int, n_best: int
) -> ir.Value:
    """Write the code of _move_on: move whole rows of nodes; return the nearest to the next point.

    Nodes that are moved are searched while their weights are in registers. Arrays are those of
    _nearest; numbers the nodes low and high, the place of the point, that of h for the node 0 in
    the table, nodes with padding and in a row, and the place of the next point.
    """
    builder, long = code.builder, code.long
    weights, table, points, bias = pointers
    low, high, place, origin, n_padded, xdim, following = numbers
    p = code.features(points, place, n_features)
    x = code.features(points, following, n_features)
    found = [_Found(code, 1) for _ in range(3)]
    first, last = _aligned_range(code, low, high)
    for k, (start, stop) in enumerate([(long(0), first), (last, n_padded)]):
        with cgutils.for_range_slice(builder, start, stop, long(LANES), _LONG) as (i, _):
            w = [code.load(home) for home in _homes(code, weights, n_padded, n_features, i)]
            found[k].take(_from_point(code, x, bias, i, w), lower=False)
    row_at = cgutils.alloca_once_value(builder, builder.sdiv(first, xdim))
    with cgutils.for_range_slice(builder, first, last, long(LANES), _LONG) as (i, _):
        row = builder.load(row_at)
        here = builder.add(origin, builder.mul(row, builder.sub(xdim, long(1))))
        row_end = builder.mul(builder.add(row, long(1)), xdim)
        at = builder.add(here, i), builder.sub(row_end, i)
        # Beside the range h is 0, and what padding becomes does not count.
        w = _move_vector(code, [weights, table], p, i, at, (n_padded, xdim))
        found[2].take(_from_point(code, x, bias, i, w), lower=False)
        ends = builder.icmp_signed(">=", builder.add(i, long(LANES)), row_end)
        builder.store(builder.add(row, builder.zext(ends, _LONG)), row_at)
    return _nearest_of(found, n_padded)


_nearest = make_function(types.int64, _search_squares)
_move = make_function(types.void, _move_nodes)
_move_on = make_function(types.int64, _move_and_search)

#: For more features points of two steps do not fit in the registers.
_FUSED_FEATURES = 12


@njit(nogil=True, cache=True)
def train_squares(
    points: np.ndarray,
    order: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray,
    xdim: int,
    ydim: int,
    periodic: bool,
    table: np.ndarray,
    reach: np.ndarray,
    features: tuple[int, ...],
) -> None:
    """Do as train_steps for SQUARE, to the last bit, as long as all weights are finite.

    There are at least LANES columns and one step, and no value is missing.

    `table` is flat here, with zeros before and behind it, as many as a row of nodes and LANES;
    `features` has F entries, of anything.
    """
    n_features, n_padded = len(features), weights.shape[1]
    flat, flat_points = weights.reshape(-1), points.reshape(-1)
    stride = 2 * xdim - 1
    arrays = flat, table, flat_points, bias
    place = order[0] * n_features
    winner = _nearest(arrays, (place, n_padded), features, ())
    for step in range(order.size):
        following = order[min(step + 1, order.size - 1)] * n_features
        x, y = winner % xdim, winner // xdim
        x_start, x_stop, y_start, y_stop = _window(x, y, xdim, ydim, periodic, reach)
        # The place of h for the first node of all.
        first = xdim + LANES + (y % 2 * (2 * ydim - 1) + ydim - 1 - y) * stride + xdim - 1 - x
        is_wide = 2 * (x_stop - x_start) >= xdim
        is_one_piece = is_wide and y_start >= 0 and y_stop <= ydim
        if is_one_piece and n_features <= _FUSED_FEATURES:
            numbers = y_start * xdim, y_stop * xdim, place, first, n_padded, xdim, following
            winner = _move_on(arrays, numbers, features, ())
        else:
            while y_start < y_stop:
                # Rows in one piece, of which there are two where they go on at the other side; of
                # wide windows all columns.
                row = y_start % ydim
                rows = min(y_stop - y_start, ydim - row) if is_wide else 1
                low = row * xdim + (0 if is_wide else x_start)
                high = (row + rows - 1) * xdim + (xdim if is_wide else x_stop)
                column = low - row * xdim
                source, going_on = first + row * stride + column, xdim - column
                moved = low, high, place, source, going_on, n_padded, xdim
                _move(arrays, moved, features, ())
                y_start += rows
            winner = _nearest(arrays, (following, n_padded), features, ())
        place = following


@njit(nogil=True, cache=True)
def add_points(
    points: np.ndarray,
    nodes: np.ndarray,
    first: int,
    last: int,
    sums: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Add the features first..last-1 of all points to the sums of their nodes, in their order.

    `sums` are (F, M) float64; `counts` (F, M) float64, of the present values, or (0, 0) if no value
    is missing.
    """
    for p in range(points.shape[0]):
        node = nodes[p]
        for f in range(first, last):
            value = points[p, f]
            if counts.size == 0:
                sums[f, node] += value
            elif not math.isnan(value):
                sums[f, node] += value
                counts[f, node] += 1.0


@njit(nogil=True, cache=True)
def add_offsets(
    points: np.ndarray,
    weights: np.ndarray,
    nodes: np.ndarray,
    sums: np.ndarray,
    present: np.ndarray,
    scatter: np.ndarray,
) -> None:
    """Add up what points (N, F) float32 are from the weights of their nodes, in their order.

    `weights` (M, F) are float64, `nodes` (N,) the winners. By node and feature, offsets go into
    `sums` (M, F) and the number of present values into `present` (M, F), squares into `scatter`
    (M,), all float64, and all times F / |P| of a point with the features P.
    """
    n_features = points.shape[1]
    offsets = np.empty(n_features)
    for p in range(points.shape[0]):
        node, held, square = nodes[p], 0, 0.0
        for f in range(n_features):
            offsets[f] = points[p, f] - weights[node, f]
            if not math.isnan(offsets[f]):
                held += 1
                square += offsets[f] * offsets[f]
        scale = n_features / held
        scatter[node] += scale * square
        for f in range(n_features):
            if not math.isnan(offsets[f]):
                sums[node, f] += scale * offsets[f]
                present[node, f] += scale


@njit(nogil=True, cache=True)
def spread_sums(
    sums: np.ndarray,
    first: int,
    last: int,
    xdim: int,
    ydim: int,
    periodic: bool,
    table: np.ndarray,
    reach: np.ndarray,
    spread: np.ndarray,
) -> None:
    """Set spread[k, i] to the sum over nodes j of h(j, i) sums[k, j], for rows k first..last-1.

    `sums` and `spread`, zero at the start, are (K, M) float64. For `table` see Neighbourhood.table;
    its values above zero extend to `reach` columns and rows.
    """
    for k in range(first, last):
        for node in range(xdim * ydim):
            value = sums[k, node]
            if value == 0:
                continue
            x, y = node % xdim, node // xdim
            if periodic:
                x_start, x_stop, y_start, y_stop = 0, xdim, 0, ydim
            else:
                x_start, x_stop = max(x - reach[0], 0), min(x + reach[0] + 1, xdim)
                y_start, y_stop = max(y - reach[1], 0), min(y + reach[1] + 1, ydim)
            for row in range(y_start, y_stop):
                h = table[y % 2, ydim - 1 + row - y, xdim - 1 + x_start - x : xdim - 1 + x_stop - x]
                line = spread[k, row * xdim + x_start : row * xdim + x_stop]
                for i in range(x_stop - x_start):
                    line[i] += h[i] * value


@njit(nogil=True, cache=True)
def spread_product(
    sums: np.ndarray,
    first: int,
    last: int,
    xdim: int,
    ydim: int,
    along_x: np.ndarray,
    along_y: np.ndarray,
    spread: np.ndarray,
) -> None:
    """Do as spread_sums for h(j, i) = along_x[xdim - 1 + dx] along_y[ydim - 1 + dy]."""
    over_x = np.empty(xdim * ydim)
    for k in range(first, last):
        over_x[:] = 0.0
        for node in range(xdim * ydim):
            value = sums[k, node]
            if value == 0:
                continue
            x, y = node % xdim, node // xdim
            h = along_x[xdim - 1 - x : 2 * xdim - 1 - x]
            line = over_x[y * xdim : (y + 1) * xdim]
            for i in range(xdim):
                line[i] += h[i] * value
        for y in range(ydim):
            line = over_x[y * xdim : (y + 1) * xdim]
            for row in range(ydim):
                factor = along_y[ydim - 1 + row - y]
                if factor == 0:
                    continue
                to = spread[k, row * xdim : (row + 1) * xdim]
                for i in range(xdim):
                    to[i] += factor * line[i]


@njit(nogil=True, cache=True)
def divide_sums(
    sums: np.ndarray, counts: np.ndarray, least: float, weights: np.ndarray
) -> np.ndarray:
    """Return sums (F, M) over counts (F or 1, M), (M, F) float32; `weights` below `least`."""
    n_features, n_nodes = sums.shape
    means = np.empty((n_nodes, n_features), np.float32)
    for node in range(n_nodes):
        for f in range(n_features):
            count = counts[f if counts.shape[0] > 1 else 0, node]
            means[node, f] = sums[f, node] / count if count >= least else weights[node, f]
    return means


@njit(nogil=True, cache=True)
def _distance(a: np.ndarray, b: np.ndarray, kind: int, root: bool) -> float:
    """Return the distance of two rows, in float64, over the features that both have; else inf.

    kind and root are as for `measure`.
    """
    total, squares_a, squares_b = 0.0, 0.0, 0.0
    present = 0
    for f in range(a.size):
        offset = abs(a[f] - b[f])
        if math.isnan(offset):
            continue
        present += 1
        if kind == SQUARE:
            total += offset * offset
        elif kind == ABSOLUTE:
            total += offset
        elif kind == LARGEST:
            total = max(total, offset)
        else:
            total += a[f] * b[f]
            squares_a += a[f] * a[f]
            squares_b += b[f] * b[f]
    if present == 0:
        return math.inf
    if kind == COSINE:
        if squares_a == 0 or squares_b == 0:
            total = 1.0
        else:
            total = 1 - total / (math.sqrt(squares_a) * math.sqrt(squares_b))
            if total < COSINE_ROUNDING:
                total = 0.0
    elif kind != LARGEST:
        total *= a.size / present
    return math.sqrt(total) if root else total


@njit(nogil=True, cache=True)
def rowwise(a: np.ndarray, b: np.ndarray, kind: int, root: bool, distances: np.ndarray) -> None:
    """Fill `distances` (n,) with that of each row of `a` (n, F) from the same row of `b`."""
    for i in range(a.shape[0]):
        distances[i] = _distance(a[i], b[i], kind, root)


@njit(nogil=True, cache=True)
def pairwise(a: np.ndarray, b: np.ndarray, kind: int, root: bool, distances: np.ndarray) -> None:
    """Fill `distances` (n, m) with those of the rows of `a` (n, F) from those of `b` (m, F)."""
    for i in range(a.shape[0]):
        for j in range(b.shape[0]):
            distances[i, j] = _distance(a[i], b[j], kind, root)


#: Origins whose paths are shortened together: lanes of two registers of 512 bits.
_WIDTH, _LANES = 16, 8

#: The part of all nodes that a search from one origin takes up at most: beyond that it takes longer
#: than to shorten the paths to all nodes.
_LOCAL = 1 / 8

_DOUBLES = ir.VectorType(ir.DoubleType(), _LANES)


def _shorten_paths(
    code: Any, pointers: list[ir.Value], numbers: list[ir.Value], n_features: int, n_best: int
) -> ir.Value:
    """Write the code of _shorten: go to a node over the neighbour from where it is nearest.

    Arrays are shortest (M, _WIDTH), neighbours and steps, flat; numbers the node and how many
    neighbours it has. Returns whether that shortened any path.
    """
    builder, long = code.builder, code.long
    shortest, neighbours, steps = pointers
    node, n_links = numbers

    def places(of: ir.Value) -> list[ir.Value]:
        first = builder.mul(of, long(_WIDTH))
        return [code.at(shortest, first, long(v)) for v in range(0, _WIDTH, _LANES)]

    before = [code.load(place, _DOUBLES) for place in places(node)]
    best = [cgutils.alloca_once_value(builder, value) for value in before]
    first = builder.mul(node, n_links)
    with cgutils.for_range(builder, n_links, intp=first.type) as loop:
        other = builder.load(code.at(neighbours, first, loop.index))
        step = builder.load(code.at(steps, first, loop.index))
        step = builder.insert_element(ir.Constant(_DOUBLES, ir.Undefined), step, ir.IntType(32)(0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)
        step = builder.shuffle_vector(step, step, lanes)
        for home, place in zip(best, places(other), strict=True):
            length, now = builder.fadd(code.load(place, _DOUBLES), step), builder.load(home)
            shorter = builder.fcmp_ordered("<", length, now)
            builder.store(builder.select(shorter, length, now), home)
    changed = ir.IntType(_LANES)(0)
    for home, old, place in zip(best, before, places(node), strict=True):
        now = builder.load(home)
        is_less = builder.bitcast(builder.fcmp_ordered("<", now, old), changed.type)
        changed = builder.or_(changed, is_less)
        code.store(now, place)
    return builder.zext(builder.icmp_unsigned("!=", changed, changed.type(0)), first.type)


_shorten = make_function(types.int64, _shorten_paths)


@njit(nogil=True, cache=True)
def path_lengths(
    neighbours: np.ndarray, steps: np.ndarray, origins: np.ndarray, targets: np.ndarray
) -> np.ndarray:
    """Return the lengths of the shortest paths from `origins` to `targets`, (P,) float64.

    `neighbours` (M, k) int64 are nodes, a node itself for none, and `steps` (M, k) float64 the
    lengths of the links to them, >= 0 and alike in both directions. Pairs of one origin stand side
    by side. A search from an origin (Dijkstra, Numerische Mathematik 1 (1959) 269) ends when it has
    reached all of its targets. Where they are far, paths to all nodes are shortened, over each node
    in turn, until none can be (Bellman, Q. Appl. Math. 16 (1958) 87): from several origins at once.
    Both give the least of the sums along all paths, from the origin on, to the last bit.
    """
    n_nodes, n_links = neighbours.shape
    lengths = np.full(origins.size, np.inf)
    shortest = np.full(n_nodes, np.inf)
    wanted = np.zeros(n_nodes, dtype=np.bool_)
    # A heap of the nodes that were seen, by the length of a path to them; one may be in it again.
    heap_lengths = np.empty(n_nodes * n_links + 1)
    heap_nodes = np.empty(n_nodes * n_links + 1, dtype=np.int64)
    far, n_far = np.empty(origins.size, dtype=np.int64), 0
    most = int(n_nodes * _LOCAL) + _WIDTH
    first = 0
    while first < origins.size:
        last, missing = first, 0
        while last < origins.size and origins[last] == origins[first]:
            if not wanted[targets[last]]:
                wanted[targets[last]] = True
                missing += 1
            last += 1
        shortest[:] = np.inf
        shortest[origins[first]] = 0.0
        heap_lengths[0], heap_nodes[0], size = 0.0, origins[first], 1
        left = most
        while missing and size and left:
            length, node = heap_lengths[0], heap_nodes[0]
            size -= 1
            _sift_down(heap_lengths, heap_nodes, size)
            if length > shortest[node]:
                continue
            left -= 1
            if wanted[node]:
                wanted[node] = False
                missing -= 1
            for k in range(n_links):
                other = neighbours[node, k]
                if length + steps[node, k] < shortest[other]:
                    shortest[other] = length + steps[node, k]
                    _sift_up(heap_lengths, heap_nodes, size, shortest[other], other)
                    size += 1
        is_far = missing > 0 and size > 0
        for pair in range(first, last):
            lengths[pair] = shortest[targets[pair]]
            wanted[targets[pair]] = False
            if is_far:
                far[n_far] = pair
                n_far += 1
        first = last
    _shorten_all(neighbours, steps, origins, targets, far[:n_far], lengths)
    return lengths


@njit(nogil=True, cache=True)
def _shorten_all(
    neighbours: np.ndarray,
    steps: np.ndarray,
    origins: np.ndarray,
    targets: np.ndarray,
    pairs: np.ndarray,
    lengths: np.ndarray,
) -> None:
    """Set the lengths of some pairs, those of one origin side by side; see path_lengths."""
    n_nodes, n_links = neighbours.shape
    shortest = np.empty((n_nodes, _WIDTH))
    flat = shortest.reshape(-1), neighbours.reshape(-1), steps.reshape(-1)
    lane = np.empty(pairs.size, dtype=np.int64)
    first = 0
    while first < pairs.size:
        shortest[:] = np.inf
        last, n_lanes = first, 0
        while last < pairs.size:
            if last == first or origins[pairs[last]] != origins[pairs[last - 1]]:
                if n_lanes == _WIDTH:
                    break
                shortest[origins[pairs[last]], n_lanes] = 0.0
                n_lanes += 1
            lane[last] = n_lanes - 1
            last += 1
        changed, is_upwards = 1, True
        while changed:
            changed = 0
            for k in range(n_nodes):
                node = k if is_upwards else n_nodes - 1 - k
                changed |= _shorten(flat, (node, n_links), (), ())
            is_upwards = not is_upwards
        for k in range(first, last):
            lengths[pairs[k]] = shortest[targets[pairs[k]], lane[k]]
        first = last


@njit(nogil=True, cache=True)
def _sift_up(lengths: np.ndarray, nodes: np.ndarray, place: int, length: float, node: int) -> None:
    """Add an entry to a heap of `place` entries."""
    while place and lengths[(place - 1) // 2] > length:
        lengths[place], nodes[place] = lengths[(place - 1) // 2], nodes[(place - 1) // 2]
        place = (place - 1) // 2
    lengths[place], nodes[place] = length, node


@njit(nogil=True, cache=True)
def _sift_down(lengths: np.ndarray, nodes: np.ndarray, size: int) -> None:
    """Put the last of `size` + 1 entries of a heap in the place of its first."""
    length, node, place = lengths[size], nodes[size], 0
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and lengths[child + 1] < lengths[child]:
            child += 1
        if lengths[child] >= length:
            break
        lengths[place], nodes[place] = lengths[child], nodes[child]
        place = child
    lengths[place], nodes[place] = length, node
