"""Compiled search for the shortest paths along the links of a lattice."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def path_lengths(
    neighbours: np.ndarray, steps: np.ndarray, origins: np.ndarray, targets: np.ndarray
) -> np.ndarray:
    """Return the lengths of the shortest paths from `origins` to `targets`, (P,) float64.

    `neighbours` (M, k) are nodes, -1 for none, and `steps` (M, k) float64 the lengths of the links
    to them, >= 0. Pairs of one origin stand side by side: its search (Dijkstra, Numerische
    Mathematik 1 (1959) 269) ends when it has reached all of its targets.
    """
    n_nodes, n_links = neighbours.shape
    lengths = np.full(origins.size, np.inf)
    shortest = np.full(n_nodes, np.inf)
    wanted = np.zeros(n_nodes, dtype=np.bool_)
    # A heap of the nodes that were seen, by the length of a path to them; one may be in it again.
    heap_lengths = np.empty(n_nodes * n_links + 1)
    heap_nodes = np.empty(n_nodes * n_links + 1, dtype=np.int64)
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
        while missing and size:
            length, node = heap_lengths[0], heap_nodes[0]
            size -= 1
            _sift_down(heap_lengths, heap_nodes, size)
            if length > shortest[node]:
                continue
            if wanted[node]:
                wanted[node] = False
                missing -= 1
            for k in range(n_links):
                other = neighbours[node, k]
                if other >= 0 and length + steps[node, k] < shortest[other]:
                    shortest[other] = length + steps[node, k]
                    _sift_up(heap_lengths, heap_nodes, size, shortest[other], other)
                    size += 1
        for pair in range(first, last):
            lengths[pair] = shortest[targets[pair]]
            wanted[targets[pair]] = False
        first = last
    return lengths


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
