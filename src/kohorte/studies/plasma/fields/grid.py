"""A regular grid of cells, and named fields on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kohorte.errors import DataError

#: Names of the axes of a grid, by the number of its dimensions. The guide field points along z.
DIRECTIONS = {2: ("x", "y"), 3: ("x", "y", "z")}


@dataclass(frozen=True)
class Grid:
    """Cells of equal size. Raises DataError: the parts do not fit together."""

    shape: tuple[int, ...]  # Cells along each axis of an array, C order: the last axis runs fastest
    #: Direction of each axis, x and y, or x, y and z, in the order of the array
    axes: tuple[str, ...]
    spacing: tuple[float, ...]  # Side of a cell along each axis
    periodic: tuple[bool, ...]  # Whether the last cell along an axis is followed by the first
    length_unit: str = "cells"  # Unit of `spacing`; a derivative is per this unit

    def __post_init__(self) -> None:
        n_axes = len(self.shape)
        if n_axes not in DIRECTIONS or any(n < 1 for n in self.shape):
            raise DataError(
                f"a grid has two or three axes with at least one cell each, got shape {self.shape}"
            )
        if sorted(self.axes) != sorted(DIRECTIONS[n_axes]):
            raise DataError(
                f"a grid of shape {self.shape} needs the axes {', '.join(DIRECTIONS[n_axes])}, in "
                f"the order of the array; got {', '.join(self.axes) or 'none'}"
            )
        for what, values in (("spacing", self.spacing), ("periodic", self.periodic)):
            if len(values) != n_axes:
                raise DataError(
                    f"a grid of shape {self.shape} needs {n_axes} values of {what}, "
                    f"got {len(values)}"
                )
        if not all(math.isfinite(step) and step > 0 for step in self.spacing):
            raise DataError(f"the sides of a cell must be finite and above 0, got {self.spacing}")

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)

    @property
    def plane(self) -> tuple[int, int]:
        """Array axes of the directions x and y, across the guide field."""
        return self.axes.index("x"), self.axes.index("y")

    def axis(self, direction: str) -> int | None:
        """Array axis of a direction; None along z of a grid of two dimensions."""
        return self.axes.index(direction) if direction in self.axes else None


@dataclass(frozen=True, eq=False)
class Fields:
    """Named fields on one grid; DataError if one has another shape than it, or no unit."""

    grid: Grid  # The cells
    values: Mapping[str, np.ndarray]  # Arrays of the grid's shape by name
    units: Mapping[str, str]  # Unit of each field by its name, as text
    time: float = 0.0  # Of the snapshot
    time_unit: str = "1"  # Unit of `time`
    source: str = ""  # What the fields were made from

    def __post_init__(self) -> None:
        for name, array in self.values.items():
            if array.shape != self.grid.shape:
                raise DataError(
                    f"field {name!r} has shape {array.shape}, the grid {self.grid.shape}"
                    + shape_hint(array.shape, self.grid.shape)
                )
            if name not in self.units:
                raise DataError(f"field {name!r} has no unit")


def shape_hint(found: Sequence[int], wanted: Sequence[int]) -> str:
    """Say what may be wrong with an array of another shape than its grid; empty if unknown."""
    if sorted(found) == sorted(wanted):
        return "; the axes are in another order"
    if math.prod(found) == math.prod(wanted):
        return "; it has as many cells, so give it the grid's shape"
    return ""
