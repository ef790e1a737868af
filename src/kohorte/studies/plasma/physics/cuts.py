"""Plane cuts through a grid, turned so that they lie on paper as a reader expects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kohorte.errors import ConfigError
from kohorte.studies.plasma.fields.grid import Grid

#: Cells along a side of a cut; of a larger grid every second, third, ... is taken.
MAX_SIDE = 1200


@dataclass(frozen=True)
class Cut:
    """The cells of a plane, or of a grid that is one."""

    #: `across`, `up`: Axes that run to the right and upwards
    across: str
    up: str
    normal: str | None  # Axis that the plane is normal to; None for a grid of two dimensions
    index: int | None
    position: float  # Of the centres of its cells along that axis, in the grid's unit of length
    #: (left, right, bottom, top). In that unit, for `Axes.imshow`.
    extent: tuple[float, float, float, float]
    unit: str
    periodic: tuple[bool, bool]  # (2,) bool. Whether the grid goes on to the right and upwards.
    _key: tuple
    _turn: bool

    def read(self, values: Any) -> np.ndarray:
        """Read values from an array or dataset of the grid's shape: rows upwards, columns right."""
        plane = np.asarray(values[self._key])
        return plane.T if self._turn else plane

    @property
    def title(self) -> str:
        """Where the cut lies, in words; empty for a grid of two dimensions."""
        return "" if self.normal is None else f"{self.normal} = {self.position:.3g} {self.unit}"


def cut_grid(grid: Grid, axis: str | None = None, index: int | None = None) -> Cut:
    """Lay a plane through the cells.

    `grid`: the grid; one of two dimensions is a plane already. `axis`: what the plane is normal to;
    None takes z. `index`: of the plane along that axis; None takes the middle. Raises ConfigError:
    the grid has no such axis or index.
    """
    number = None
    if len(grid.shape) == 3:
        axis = "z" if axis is None else axis
        if axis not in grid.axes:
            raise ConfigError(
                f"figures.slice_axis: {axis!r} is no axis of the grid; it has "
                f"{', '.join(grid.axes)}"
            )
        number = grid.axes.index(axis)
        cells = grid.shape[number]
        index = cells // 2 if index is None else index
        if not 0 <= index < cells:
            raise ConfigError(
                f"figures.slice_index: {index} is not below the {cells} cells along {axis}"
            )
    else:
        axis = index = None
    shown = [k for k in range(len(grid.shape)) if k != number]
    first, second = (grid.axes[k] for k in shown)
    turn = first < second  # arrays lie with their first axis upwards
    right, upward = shown if turn else shown[::-1]
    key: list[Any] = [slice(None, None, -(-n // MAX_SIDE)) for n in grid.shape]
    if number is not None:
        key[number] = index
    return Cut(
        across=grid.axes[right],
        up=grid.axes[upward],
        normal=axis,
        index=index,
        position=0.0 if number is None or index is None else (index + 0.5) * grid.spacing[number],
        extent=(
            0.0,
            grid.shape[right] * grid.spacing[right],
            0.0,
            grid.shape[upward] * grid.spacing[upward],
        ),
        unit=grid.length_unit,
        periodic=(grid.periodic[right], grid.periodic[upward]),
        _key=tuple(key),
        _turn=turn,
    )
