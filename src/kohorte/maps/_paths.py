"""Compiled search for the shortest paths along the links of a lattice."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils

from kohorte.maps._kernels import make_function

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
