"""The table of features that every map is trained on."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kohorte.errors import DataError

#: Code of a class that is not known.
UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class Beside:
    """What stands beside the features of N points, (N,) arrays by the name of their column.

    They are numbers, truth values or str objects, empty text where there is none.
    """

    ids: Mapping[str, np.ndarray] = field(default_factory=dict)  # Names of the points
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)  # Samples that they belong to
    carried: Mapping[str, np.ndarray] = field(default_factory=dict)  # Anything else

    def columns(self) -> dict[str, np.ndarray]:
        """Return all columns by name, each once."""
        return {**self.ids, **self.groups, **self.carried}

    def name_of(self, index: int) -> str:
        """Return what the ids call a point; empty where there are none."""
        return ", ".join(str(values[index]) for values in self.ids.values())

    def every(self, step: int) -> Beside:
        """Return every step-th point."""
        parts = (self.ids, self.groups, self.carried)
        return Beside(*({name: values[::step] for name, values in p.items()} for p in parts))


@dataclass(frozen=True, eq=False)
class Cells:
    """The grid whose cells the rows of a source are, whichever of them a table has."""

    shape: tuple[int, ...]  # C order
    #: Names of the axes in the order of `shape`, and by name (cells,) coordinates of their middles,
    #: and their units, as far as the source says so
    axes: tuple[str, ...] = ()
    coordinates: Mapping[str, np.ndarray] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    def span(self, axis: int) -> tuple[float, float] | None:
        """Return where the first cell along an axis begins and the last one ends.

        None where nothing says so, or the cells differ in size by more than one percent.
        """
        middles = self.coordinates.get(self.axes[axis]) if self.axes else None
        if middles is None or len(middles) < 2:
            return None
        steps = np.diff(np.asarray(middles, dtype=np.float64))
        half = float(steps.mean()) / 2
        if not np.isfinite(steps).all() or (np.abs(steps - 2 * half) > 0.02 * abs(half)).any():
            return None
        return float(middles[0]) - half, float(middles[-1]) + half


@dataclass(frozen=True, eq=False)
class Table:
    """N points with F named features, and their true classes; DataError if the parts do not fit."""

    #: (N, F) float32 or float64, C-contiguous, in the units of the source; all finite, except for
    #: NaN where a value is missing and `read_table` was asked to skip it
    values: np.ndarray
    names: tuple[str, ...]  # F different feature names, in the order of the columns
    #: (N,) int64 codes 0..C-1 into `label_names`, -1 where the class is not known, or None without
    #: ground truth
    labels: np.ndarray | None
    label_names: tuple[str, ...] | None  # C class names, or None without ground truth
    rows: np.ndarray  # (N,) int64, the 0-based row of the source that each point was read from
    #: Shape of the grid whose cells the points are, C order; None where they are none
    shape: tuple[int, ...] | None = None
    beside: Beside = field(default_factory=Beside)
    #: By name of a feature, where the source says so: its unit, and what it is in words
    units: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()  # Columns of the source that are neither features nor anything
    cells: Cells | None = None  # The grid that the rows of the source are the cells of

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.dtype not in (np.float32, np.float64):
            raise DataError(
                "a table needs values of shape (rows, features) in float32 or float64, "
                f"got shape {self.values.shape} in {self.values.dtype}"
            )
        n_rows, n_features = self.values.shape
        if len(self.names) != n_features or len(set(self.names)) != n_features:
            raise DataError(
                f"a table of {n_features} features needs as many different names, "
                f"got {list(self.names)}"
            )
        if self.rows.shape != (n_rows,):
            raise DataError(f"a table of {n_rows} rows has {self.rows.shape} source rows")
        if (self.labels is None) != (self.label_names is None):
            raise DataError("a table has either both labels and their names, or neither")
        if self.labels is not None and self.labels.shape != (n_rows,):
            raise DataError(f"a table of {n_rows} rows has labels of shape {self.labels.shape}")
        for name, column in self.beside.columns().items():
            if column.shape != (n_rows,):
                raise DataError(f"a table of {n_rows} rows has {name!r} of shape {column.shape}")
        if self.shape is not None and math.prod(self.shape) != n_rows:
            raise DataError(
                f"a grid of shape {self.shape} has {math.prod(self.shape)} cells, but the table "
                f"has {n_rows} rows"
            )

    @property
    def n_rows(self) -> int:
        """Number of points, N."""
        return self.values.shape[0]

    @property
    def n_features(self) -> int:
        """Number of features, F."""
        return self.values.shape[1]


def free_name(name: str, taken: Collection[str]) -> str:
    """Return the name with underscores at its end, until it is none of those that are taken."""
    while name in taken:
        name += "_"
    return name


def grid_shape(
    table: Table, configured: Sequence[int] | None, source: str
) -> tuple[int, ...] | None:
    """Return the shape of the grid whose cells the rows of a table are; None where they are none.

    Raises DataError: the table knows its shape and the `configured` one differs, or the numbers of
    rows and cells do.
    """
    if configured is None:
        return table.shape
    shape, cells = tuple(configured), math.prod(configured)
    if cells != table.n_rows:
        raise DataError(
            f"{source}: data.shape {list(shape)} has {cells} cells, but there are {table.n_rows} "
            "rows: each row is the feature vector of one cell"
        )
    if table.shape is not None and table.shape != shape:
        raise DataError(
            f"{source}: its grid has the shape {list(table.shape)}, but data.shape is "
            f"{list(shape)}; leave data.shape out"
        )
    return shape
