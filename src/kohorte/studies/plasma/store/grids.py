"""`grid.h5`: what the ensemble says of the cells of a grid; and all values of cells by name."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from kohorte.ensemble.points import stream_points
from kohorte.ensemble.stability import cluster_recovery
from kohorte.errors import ResultError
from kohorte.store.data import PreparedData, read_data
from kohorte.store.ensembles import read_ensemble
from kohorte.store.files import UNITS, create, create_packed, open_result, read_json, read_result
from kohorte.store.labels import LabelArrays, Window
from kohorte.store.realizations import read_realization
from kohorte.studies.plasma.fields.grid import DIRECTIONS, Grid
from kohorte.studies.plasma.store.fields import grid_attributes
from kohorte.studies.plasma.store.fields import read_grid as grid_of_file
from kohorte.studies.plasma.store.vti import write_vti

#: Unit of the datasets that other results do not have.
_UNITS = UNITS | {"sce_share": "share of realizations", "stability": "Jaccard similarity"}

#: Parts of the library that the numbers of each kind of file come from.
_MADE_BY = {"grid": ("ensemble",), "grid_labels": ("maps",)}
_CHUNK = 32  # cells of a chunk along each axis
_BLOCK = 2**22  # cells held in memory at once


def parts_of(shape: Sequence[int]) -> list[slice]:
    """Ranges of the first axis that fit in memory, whole chunks where that is possible."""
    rows = max(1, _BLOCK // math.prod(shape[1:]))
    if rows > _CHUNK:
        rows -= rows % _CHUNK
    return [slice(k, min(k + rows, shape[0])) for k in range(0, shape[0], rows)]


def read_grid(path: str | Path, kind: str) -> Grid:
    """Read the grid of `fields.h5`, `grid.h5` or, where it has one, `data.h5`.

    A table that only says its shape has cubic cells of side 1, in the order z, y, x. Raises
    ResultError: the file has no grid.
    """
    with read_result(path, kind) as file:
        if "shape" not in file.attrs:
            raise ResultError(f"{path}: its points are not the cells of a grid; set data.shape")
        if "axes" in file.attrs:
            return grid_of_file(file)
        shape = tuple(read_json(file, "shape"))
        n = len(shape)
        return Grid(shape, DIRECTIONS[n][::-1], (1.0,) * n, (True,) * n, "cells")


def find_grid(data: str | Path, fields: str | Path | None) -> Grid:
    """Read the grid of a study from `fields.h5`, or from `data.h5` where there is none."""
    return read_grid(fields, "fields") if fields else read_grid(data, "data")


def write_grid(
    path: str | Path,
    grid: Grid,
    ensemble: str | Path,
    labels: LabelArrays,
    *,
    memory_mb: int = 64,
    threads: int | None = None,
) -> None:
    """Write `grid.h5`, part by part: label, confidence and signal of `ensemble.h5` on the grid.

    For each cell there are also

    * `sce_group`, the SCE group of most of the clusters that hold it (the more significant one on a
      tie), and `sce_share`, the share of the realizations whose cluster is in that group;
    * `stability`, the mean over the realizations of `cluster_recovery` of the cluster with it;

    both of the realizations that hold the cell. `grid`: its cells are the points of the ensemble,
    in C order; `ensemble`: `ensemble.h5`; `labels`: the labels that it was combined from;
    `memory_mb`: labels held in memory at once, in MiB. Raises ResultError: the ensemble has another
    number of points than the grid, or no group for some cells.
    """
    combined = read_ensemble(ensemble)
    _check_size(ensemble, combined.n_points, grid)
    overlaps = combined.overlaps
    groups = combined.clusters.sce_group
    recovery = cluster_recovery(overlaps)
    with read_result(ensemble, "ensemble") as source:
        points = source["points"]
        types = {
            "label": points["label"].dtype,
            "confidence": np.dtype(np.float32),
            "signal": np.dtype(np.float32),
            "sce_group": overlaps.label_dtype(int(groups.max()) + 1),
            "sce_share": np.dtype(np.float32),
            "stability": np.dtype(np.float32),
        }
        with create_on_grid(path, "grid", grid) as file:
            for name, dtype in types.items():
                create_array(file, f"points/{name}", grid, dtype)
            for part in parts_of(grid.shape):
                start, stop = _cells(part, grid)
                block = {name: np.empty(stop - start, dtype) for name, dtype in types.items()}
                for name in ("label", "confidence", "signal"):
                    block[name][:] = points[name][start:stop]
                if (block["label"] < 0).any():
                    raise ResultError(
                        f"{ensemble}: some cells have no group, since every realization leaves "
                        "them out (realizations.noise); a grid needs one for each cell"
                    )
                windows = [Window(array, start, stop) for array in labels.arrays]
                for piece in stream_points(
                    windows, overlaps, recovery, groups, max_bytes=memory_mb << 20, threads=threads
                ):
                    where = slice(piece.start, piece.stop)
                    block["sce_group"][where] = piece.groups
                    block["sce_share"][where] = piece.confidence
                    block["stability"][where] = piece.signal / np.maximum(piece.cast, 1)
                for name, values in block.items():
                    file["points"][name][part] = values.reshape(-1, *grid.shape[1:])


def write_labels_on_grid(path: str | Path, grid: Grid, labels: LabelArrays) -> None:
    """Write the labels of every realization on the grid; ResultError if not one for each cell."""
    with create_on_grid(path, "grid_labels", grid) as file:
        for identifier, array in zip(labels.ids, labels.arrays, strict=True):
            _check_size(identifier, len(array), grid)
            name = f"labels/{identifier}"
            dataset = create_array(file, name, grid, array.dtype, unit=UNITS["labels"])
            for part in parts_of(grid.shape):
                start, stop = _cells(part, grid)
                dataset[part] = np.asarray(array[start:stop]).reshape(-1, *grid.shape[1:])


@contextlib.contextmanager
def create_on_grid(path: str | Path, kind: str, grid: Grid) -> Iterator[h5py.File]:
    """Create a result file with the attributes of its grid."""
    with create(path, kind, made_by=_MADE_BY[kind], **grid_attributes(grid)) as file:
        yield file


def create_array(
    file: h5py.File, name: str, grid: Grid, dtype: Any, *, unit: str | None = None
) -> h5py.Dataset:
    """Create a compressed dataset on the grid, chunks <= 32 cells per side, none in two parts."""
    rows = parts_of(grid.shape)[0].stop
    chunks = tuple(min(n, _CHUNK) for n in (rows, *grid.shape[1:]))
    unit = unit or _UNITS[name.rpartition("/")[2]]
    return create_packed(file, name, grid.shape, dtype, chunks, unit)


class CellValues:
    """Everything that is known of the cells of a study, by name, read only as it is sliced.

    Names of `grid.h5` go before those of `fields.h5`, and these before the features of `data.h5`,
    which come in physical units. An array that does not exist raises ResultError.

    Attributes
    ----------
    features
        Names of the features of the study.
    fields
        Names of the fields, of the features where there is no `fields.h5`.
    kernel_radius
        Of the disc of `j_asym` in cells; None where it is not known.
    """

    def __init__(
        self, grid: h5py.File | None, fields: h5py.File | None, data: PreparedData, where: Grid
    ) -> None:
        self.grid, self.features = where, data.names
        self._arrays: dict[str, Any] = {}
        self._units: dict[str, str] = {}
        for k, name in enumerate(data.names):
            self._arrays[name] = _Feature(data, k, where.shape)
            self._units[name] = ""
        for file, group in ((fields, "fields"), (grid, "points")):
            for name, dataset in file[group].items() if file is not None else ():
                self._arrays[name] = dataset
                self._units[name] = dataset.attrs["unit"]
        self.fields = tuple(fields["fields"]) if fields is not None else data.names
        radius = fields.attrs.get("kernel_radius") if fields is not None else None
        self.kernel_radius = None if radius is None else float(radius)

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def __getitem__(self, name: str) -> Any:
        if name not in self._arrays:
            raise ResultError(
                f"there is no {name!r} on the grid, only {', '.join(self._arrays)}; "
                "add it to the fields of the study"
            )
        return self._arrays[name]

    def unit(self, name: str) -> str:
        """Return the unit of an array; empty where it is not known."""
        return self._units[name]


class _Feature:
    """One feature of a prepared table on the grid, in physical units."""

    def __init__(self, data: PreparedData, column: int, shape: tuple[int, ...]) -> None:
        self.shape, self.dtype = shape, np.dtype(np.float32)
        self._values = data.features.reshape(*shape, -1)[..., column]
        self._data, self._column = data, column

    def __getitem__(self, key: Any) -> np.ndarray:
        found = self._data.in_units(self._values[key][..., None], [self._column])
        return found[..., 0].astype(np.float32)


@contextlib.contextmanager
def open_cells(
    data: str | Path, fields: str | Path | None = None, grid: str | Path | None = None
) -> Iterator[CellValues]:
    """Open what a study knows of its cells, from the files given; ResultError if sizes differ."""
    with contextlib.ExitStack() as stack:
        prepared = read_data(data, mapped=True)
        where = find_grid(data, fields)
        _check_size(data, len(prepared.features), where)
        opened = {
            kind: stack.enter_context(open_result(path, kind)) if path else None
            for path, kind in ((grid, "grid"), (fields, "fields"))
        }
        yield CellValues(opened["grid"], opened["fields"], prepared, where)


def write_picture(path: str | Path, cells: CellValues) -> None:
    """Write the values of all cells, those of the ensemble and the fields, as VTK image data."""
    names = [*POINTS, *(name for name in cells.fields if name not in POINTS)]
    write_vti(path, cells.grid, {name: cells[name] for name in names})


#: What `grid.h5` holds.
POINTS = ("label", "confidence", "signal", "sce_group", "sce_share", "stability")


class MapLabels(NamedTuple):
    """Clusters of the cells by one map; `labels` has the shape of the grid."""

    labels: np.ndarray
    n_clusters: int


def read_map_labels(path: str | Path, grid: Grid) -> MapLabels:
    """Read the clusters of the cells by one map."""
    stored = read_realization(path, "labels")
    _check_size(path, len(stored.arrays["labels"]), grid)
    labels = stored.arrays["labels"].reshape(grid.shape)
    return MapLabels(labels, stored.n_clusters)


def _cells(part: slice, grid: Grid) -> tuple[int, int]:
    """First and last (exclusive) cell of a range of the first axis."""
    plane = math.prod(grid.shape[1:])
    return part.start * plane, part.stop * plane


def _check_size(what: str | Path, n_points: int, grid: Grid) -> None:
    if n_points != grid.n_cells:
        raise ResultError(
            f"{what}: has {n_points} points, the grid of shape {grid.shape} {grid.n_cells} cells; "
            "a study on a grid takes every cell: neither stride nor sample, and no row dropped"
        )
