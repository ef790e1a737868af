"""Slow, plain geometry of lattices, in whole numbers: columns count in halves, for odd rows."""

import itertools
import math
from collections import deque
from functools import cache

import numpy as np
from hypothesis import strategies as st

from kohorte.maps.lattice import Lattice

KINDS = list(itertools.product(["rectangular", "hexagonal"], [False, True]))

EIGHT = [(-2, -1), (0, -1), (2, -1), (2, 0), (2, 1), (0, 1), (-2, 1), (-2, 0)]
SIX = [(-1, -1), (1, -1), (2, 0), (1, 1), (-1, 1), (-2, 0)]
DIRECTIONS = {"rectangular": EIGHT, "hexagonal": SIX}


def lattices(side=6):
    """Lattices of all kinds, with at most `side` columns and rows."""

    def make(xdim, ydim, kind):
        odd = kind == ("hexagonal", True) and ydim > 1 and ydim % 2
        return Lattice(xdim, ydim - odd, *kind)

    return st.builds(make, st.integers(1, side), st.integers(1, side), st.sampled_from(KINDS))


@cache
def places(lattice):
    """(half columns, rows) of every node."""
    moved = lattice.topology == "hexagonal"
    return [
        (2 * x + (moved and y % 2), y) for y in range(lattice.ydim) for x in range(lattice.xdim)
    ]


@cache
def images(lattice):
    """Shifts that take a lattice to itself and to its nearest images."""
    x = [0, 2 * lattice.xdim, -2 * lattice.xdim] if lattice.periodic and lattice.xdim > 1 else [0]
    y = [0, lattice.ydim, -lattice.ydim] if lattice.periodic and lattice.ydim > 1 else [0]
    return list(itertools.product(x, y))


def four_squares(lattice, dx, dy):
    """Four times the squared length of a step."""
    return dx * dx + (3 if lattice.topology == "hexagonal" else 4) * dy * dy


def step(lattice, a, b):
    """Half columns and rows to the nearest image of b; of equal ones, that with positive steps."""
    (ax, ay), (bx, by) = places(lattice)[a], places(lattice)[b]
    steps = [(bx + sx - ax, by + sy - ay) for sx, sy in images(lattice)]
    return min(steps, key=lambda way: (four_squares(lattice, *way), -way[0], -way[1]))


@cache
def distances(lattice):
    """(M, M) Euclidean distances."""
    nodes = range(lattice.n_nodes)
    return np.array(
        [[math.sqrt(four_squares(lattice, *step(lattice, a, b)) / 4) for b in nodes] for a in nodes]
    )


@cache
def neighbours(lattice):
    """Neighbours of every node, in tie order: who has an image one link away."""
    at = {}
    for node, (x, y) in enumerate(places(lattice)):
        for sx, sy in images(lattice):
            at[x + sx, y + sy] = node
    found = []
    for node, (x, y) in enumerate(places(lattice)):
        there = [at.get((x + dx, y + dy)) for dx, dy in DIRECTIONS[lattice.topology]]
        found.append([k for k in dict.fromkeys(there) if k not in (None, node)])
    return found


@cache
def links(lattice):
    """(M, M) links of the shortest paths, breadth first."""
    table = np.full((lattice.n_nodes, lattice.n_nodes), -1)
    for start in range(lattice.n_nodes):
        table[start, start] = 0
        queue = deque([start])
        while queue:
            node = queue.popleft()
            for k in neighbours(lattice)[node]:
                if table[start, k] < 0:
                    table[start, k] = table[start, node] + 1
                    queue.append(k)
    return table


DISTANCES = {"euclidean": distances, "links": links}
