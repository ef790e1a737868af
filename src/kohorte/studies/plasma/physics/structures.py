"""Connected structures of grid cells: how many there are, how large and of what shape.

A structure is a set of cells joined over their faces (or corners), over the borders of periodic
axes too. A structure that goes around a periodic axis and meets itself has no length along it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from kohorte._checks import choose
from kohorte.errors import DataError
from kohorte.studies.plasma.fields.grid import Grid

#: Name -> whether cells that share no more than a corner are joined.
CONNECTIVITIES = {"faces": False, "corners": True}

#: Cells; what lies farther from the border of its group counts as lying so far.
REACH = 24
_BLOCK = 2**22  # cells worked on at once


@dataclass(frozen=True, eq=False)
class Structures:
    """S structures of a group of cells, the largest first (then by their first cell)."""

    #: grid's shape, int32. Number of the structure of each cell, from 1; 0 for cells outside of the
    #: group.
    labels: np.ndarray
    cells: np.ndarray  # (S,) int64
    #: (S, D) float64. Centre of mass along each axis of the array, within the grid, in its unit of
    #: length.
    centre: np.ndarray
    #: (S, D) float64. Sides of the box with the same moments of inertia, descending; NaN where the
    #: structure goes around a periodic axis.
    sides: np.ndarray
    wraps: np.ndarray  # (S, D) bool. Whether the structure goes around each axis.


def find_structures(mask: np.ndarray, grid: Grid, *, connectivity: str = "faces") -> Structures:
    """Find the connected structures of the cells where ``mask``, of the grid's shape, is true.

    The box of sides l has the variances l^2 / 12 of the points in the structure's cells along its
    principal axes, as a uniform box has. Structures are unwrapped for that: parts on both sides of
    a periodic border are moved together by whole periods. Raises DataError: the mask has another
    shape than the grid; ConfigError: unknown connectivity.
    """
    if mask.shape != grid.shape:
        raise DataError(f"a mask of shape {mask.shape} is not on a grid of shape {grid.shape}")
    corners = choose(CONNECTIVITIES, connectivity, "connectivity")
    joined = ndimage.generate_binary_structure(mask.ndim, mask.ndim if corners else 1)
    labels, n_pieces = ndimage.label(mask, joined, output=np.int32)
    found = join_pieces(
        piece_moments(labels, n_pieces), _contacts(labels, grid.periodic, corners), grid
    )
    for part in _parts(labels.shape):
        labels[part] = found.renumber[labels[part]]
    return Structures(labels, found.cells, found.centre, found.sides, found.wraps)


@dataclass(frozen=True, eq=False)
class Joined:
    """S structures as those of `Structures`, and which one each piece belongs to."""

    renumber: np.ndarray  # (1 + P,) int32, number of the structure of each piece, both from 1
    cells: np.ndarray
    centre: np.ndarray
    sides: np.ndarray
    wraps: np.ndarray


Moments = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Cells (P,), sums (P, D) of their indices, and sums (P, D, D) of the products of two."""


def join_pieces(moments: Moments, contacts: np.ndarray, grid: Grid) -> Joined:
    """Join P pieces over the periodic borders of a grid.

    `moments`: those of `piece_moments`; `contacts` (E, 2 + D): pieces that touch, from 1, and how
    many periods farther the second one lies along each axis.
    """
    count, first, second = moments
    n_pieces, dims = len(count), len(grid.shape)
    roots, shifts, wraps = _join(n_pieces, contacts, dims)
    # Each piece moves by its whole periods; then pieces of one structure are added up.
    moved = shifts * np.array(grid.shape, dtype=np.float64)
    second = (
        second
        + first[:, :, None] * moved[:, None, :]
        + moved[:, :, None] * first[:, None, :]
        + count[:, None, None] * moved[:, :, None] * moved[:, None, :]
    )
    first = first + count[:, None] * moved
    firsts, structure = np.unique(roots, return_inverse=True)
    n = len(firsts)
    cells = np.zeros(n, dtype=np.int64)
    np.add.at(cells, structure, count.astype(np.int64))
    total, products = np.zeros((n, dims)), np.zeros((n, dims, dims))
    np.add.at(total, structure, first)
    np.add.at(products, structure, second)
    around = np.zeros((n, dims), dtype=bool)
    np.logical_or.at(around, structure, wraps)
    order = np.argsort(-cells, kind="stable")
    rank = np.empty(n, dtype=np.int32)
    rank[order] = np.arange(1, n + 1)
    renumber = np.zeros(n_pieces + 1, dtype=np.int32)
    renumber[1:] = rank[structure]
    spacing = np.array(grid.spacing)
    mean = total / cells[:, None]
    spread = products / cells[:, None, None] - mean[:, :, None] * mean[:, None, :]
    spread = spread * np.outer(spacing, spacing) + np.diag(spacing**2 / 12)
    values = np.linalg.eigvalsh(spread)[:, ::-1] if n else np.zeros((0, dims))
    sides = np.sqrt(12 * np.maximum(values, 0.0))
    sides[around.any(axis=1)] = np.nan
    centre = np.mod(mean + 0.5, grid.shape) * spacing
    return Joined(renumber, cells[order], centre[order], sides[order], around[order])


def border_distance(mask: np.ndarray, grid: Grid, *, reach: int = REACH) -> np.ndarray:
    """Distance of each cell's centre from the cells where ``mask`` is false.

    That is the distance to the nearest of their centres, less half of a cell in that direction.
    Periodic axes are continued; beyond the border of any other axis nothing is known, so it is no
    border of the group. `mask`: booleans of the grid's shape. `grid`: the grid. `reach`: in cells;
    larger distances, times the least spacing, are cut to it. Returns (cells of the mask,) float32:
    in the grid's unit of length, in the order of ``mask.ravel()``.
    """
    return distances_of_rows(lambda rows: mask[rows], grid, (0, mask.shape[0]), reach=reach)


def distances_of_rows(
    read: Callable[[np.ndarray], np.ndarray],
    grid: Grid,
    rows_of: tuple[int, int],
    *,
    reach: int = REACH,
) -> np.ndarray:
    """Return what `border_distance` does for some rows of the first axis.

    `read` gives the mask of some rows, by their numbers; `rows_of`: the first row, and the end.
    """
    spacing, limit, shape = grid.spacing, reach * min(grid.spacing), grid.shape
    width = [(reach, reach) if wraps else (0, 0) for wraps in grid.periodic]
    plane = np.prod([n + sum(w) for n, w in zip(shape, width, strict=True)][1:])
    rows = int(max(reach, _BLOCK // int(plane)))
    found = []
    for start in range(rows_of[0], rows_of[1], rows):
        stop = min(start + rows, rows_of[1])
        block = np.arange(start - reach, stop + reach)
        if grid.periodic[0]:
            block %= shape[0]
        else:
            block = block[(block >= 0) & (block < shape[0])]
        before = reach if grid.periodic[0] else min(reach, start)
        padded = np.pad(read(block), [(0, 0), *width[1:]], mode="wrap")
        core = (
            slice(before, before + stop - start),
            *(slice(w[0], w[0] + n) for n, w in zip(shape[1:], width[1:], strict=True)),
        )
        inside = padded[core]
        if padded.all():
            found.append(np.full(np.count_nonzero(inside), limit, dtype=np.float32))
            continue
        nearest = ndimage.distance_transform_edt(
            padded, sampling=spacing, return_distances=False, return_indices=True
        )
        squares, halves = np.zeros((2, np.count_nonzero(inside)))
        for axis, place in enumerate(np.nonzero(inside)):
            away = spacing[axis] * (nearest[(axis, *core)][inside] - (place + core[axis].start))
            squares += away**2
            halves += (spacing[axis] * away) ** 2
        distance = np.sqrt(squares)
        distance -= 0.5 * np.sqrt(halves) / distance
        found.append(np.minimum(distance, limit).astype(np.float32))
    return np.concatenate(found) if found else np.zeros(0, dtype=np.float32)


def thickness(structures: Structures, grid: Grid, *, reach: int = REACH) -> np.ndarray:
    """Thickness of each structure: four times the mean `border_distance` of its cells.

    It is the thickness of a sheet, whose cells lie a quarter of it from its faces on average, for
    any bend and direction; a sheet of w cells gets w where w is even, w + 1/w where it is odd. (S,)
    float64 in the grid's unit of length. Structures thicker than about 2 ``reach`` cells appear
    thinner.
    """
    distance = border_distance(structures.labels > 0, grid, reach=reach)
    sums, done = np.zeros(len(structures.cells) + 1), 0
    for part in _parts(grid.shape):
        labels = structures.labels[part]
        labels = labels[labels > 0]
        sums += np.bincount(labels, distance[done : done + labels.size], minlength=sums.size)
        done += labels.size
    return 4 * sums[1:] / structures.cells


def sum_over(structures: Structures, values: Any, how: str = "sum") -> np.ndarray:
    """Sum ``values`` over each structure; (S,) float64.

    `structures`: S structures; `values`: array or dataset of the grid's shape; `how`: `sum`,
    `squares` (their sum) or `largest` (absolute value).
    """
    found = np.zeros(len(structures.cells) + 1)
    for part in _parts(structures.labels.shape):
        labels = structures.labels[part].ravel()
        numbers = np.asarray(values[part], dtype=np.float64).ravel()
        if how == "largest":
            np.maximum.at(found, labels, np.abs(numbers))
        else:
            weights = numbers**2 if how == "squares" else numbers
            found += np.bincount(labels, weights, minlength=len(found))
    return found[1:]


def _parts(shape: Sequence[int]) -> Iterator[slice]:
    """Ranges of the first axis with so many cells that they fit in memory several times."""
    rows = max(1, _BLOCK // int(np.prod(shape[1:])))
    return (slice(k, min(k + rows, shape[0])) for k in range(0, shape[0], rows))


def piece_moments(labels: np.ndarray, n_pieces: int, row: int = 0) -> Moments:
    """Return the moments of P pieces, numbered from 1; `row` is the first row of the labels."""
    dims = labels.ndim
    count = np.zeros(n_pieces)
    first, second = np.zeros((n_pieces, dims)), np.zeros((n_pieces, dims, dims))
    for part in _parts(labels.shape):
        places = np.nonzero(labels[part])
        piece = labels[part][places] - 1
        at = [place.astype(np.float64) for place in places]
        at[0] += part.start + row
        count += np.bincount(piece, minlength=n_pieces)
        for i in range(dims):
            first[:, i] += np.bincount(piece, at[i], minlength=n_pieces)
            for j in range(i, dims):
                second[:, i, j] += np.bincount(piece, at[i] * at[j], minlength=n_pieces)
    for i, j in itertools.combinations(range(dims), 2):
        second[:, j, i] = second[:, i, j]
    return count, first, second


def _contacts(labels: np.ndarray, periodic: Sequence[bool], corners: bool) -> np.ndarray:
    """Pieces that touch over periodic borders, (E, 2 + D) int64: one, other, periods between.

    The cell of the other lies so many periods farther along each axis than in the array.
    """
    dims = labels.ndim
    found = [
        np.unique(touching_pieces(last, first, axis, offsets, periodic), axis=0)
        for axis, offsets in border_steps(dims, periodic, corners)
        for last, first in [(labels.take(-1, axis), labels.take(0, axis))]
    ]
    return np.vstack(found) if found else np.zeros((0, 2 + dims), dtype=np.int64)


def border_steps(
    dims: int, periodic: Sequence[bool], corners: bool
) -> list[tuple[int, tuple[int, ...]]]:
    """List the steps over periodic borders: an axis, and how far along each of the others."""
    steps = (-1, 0, 1) if corners else (0,)
    axes = [axis for axis in range(dims) if periodic[axis]]
    return [(axis, step) for axis in axes for step in itertools.product(steps, repeat=dims - 1)]


def touching_pieces(
    last: np.ndarray,
    first: np.ndarray,
    axis: int,
    offsets: Sequence[int],
    periodic: Sequence[bool],
    around: int = 1,
) -> np.ndarray:
    """Return which pieces of two planes touch, (E, 2 + D) int64: one, other, periods between.

    `last`, `first`: pieces on a plane and on that which follows along an axis; `offsets`: how far
    the other cell lies along each of the other axes; `around`: whether there is a border between
    the planes, 1 or 0.
    """
    dims = last.ndim + 1
    others = [a for a in range(dims) if a != axis]
    beyond = np.roll(first, [-step for step in offsets], range(dims - 1))
    periods = np.zeros((*last.shape, dims), dtype=np.int64)
    periods[..., axis] = around
    touching = (last > 0) & (beyond > 0)
    for k, (other, step) in enumerate(zip(others, offsets, strict=True)):
        if step == 0:
            continue
        edge: list[slice | int] = [slice(None)] * (dims - 1)
        edge[k] = -1 if step == 1 else 0
        periods[(*edge, other)] = step
        if not periodic[other]:
            touching[tuple(edge)] = False
    return np.column_stack([last[touching], beyond[touching], periods[touching]])


def _join(
    n_pieces: int, contacts: np.ndarray, dims: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pieces joined by their contacts: a union-find that keeps where pieces lie to one another.

    Returns for each piece its root (P,), the lowest piece of its structure, the periods (P, D) that
    it is to be moved by to lie beside it, and whether a way from the piece to itself goes around
    each axis (P, D), which the root alone tells.
    """
    parent = list(range(n_pieces + 1))
    shift = [(0,) * dims] * (n_pieces + 1)
    wraps = np.zeros((n_pieces + 1, dims), dtype=bool)

    def find(piece: int) -> tuple[int, tuple[int, ...]]:
        way = []
        while parent[piece] != piece:
            way.append(piece)
            piece = parent[piece]
        total = (0,) * dims
        for step in reversed(way):
            total = tuple(a + b for a, b in zip(total, shift[step], strict=True))
            parent[step], shift[step] = piece, total
        return piece, total

    for one, other, *periods in contacts.tolist():
        (root_a, at_a), (root_b, at_b) = find(one), find(other)
        # Where the root of b lies, seen from the root of a.
        apart = tuple(a + p - b for a, p, b in zip(at_a, periods, at_b, strict=True))
        if root_a == root_b:
            wraps[root_a] |= np.array(apart) != 0
        elif root_a < root_b:
            parent[root_b], shift[root_b] = root_a, apart
            wraps[root_a] |= wraps[root_b]
        else:
            parent[root_a], shift[root_a] = root_b, tuple(-s for s in apart)
            wraps[root_b] |= wraps[root_a]
    ends = [find(piece) for piece in range(1, n_pieces + 1)]
    roots = np.array([root for root, _ in ends], dtype=np.int64)
    shifts = np.array([total for _, total in ends], dtype=np.float64).reshape(-1, dims)
    return roots, shifts, wraps[roots]
