"""`data.h5`: the checked and scaled table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kohorte.data.prepared import BESIDE, PreparedData
from kohorte.data.table import Beside, Cells
from kohorte.data.transforms import Column, Transformation
from kohorte.provenance import portable_path
from kohorte.store.files import (
    UNITS,
    create,
    put,
    put_attributes,
    read_json,
    read_result,
    read_text,
)

#: What is told of a table in words, as attributes.
_TOLD = ("notes", "left_out")


def write_data(
    path: str | Path,
    data: PreparedData,
    *,
    options: Mapping[str, Any] | None = None,
    **attributes: Any,
) -> None:
    """Write `data.h5`.

    `options`: the section `data` of the configuration that the table was prepared by. Of a source
    that is an absolute path only the name is kept; the weights are kept for the record:
    `data.scale` includes them. `attributes`: further attributes of the file.
    """
    options, weights = dict(options or {}), None
    if options.get("source") is not None:
        attributes["source"] = options["source"] = portable_path(options["source"])
    if "weights" in options:
        weights = np.array([options["weights"].get(name, 1.0) for name in data.names])
    attributes = {"digest": data.digest, "n_missing": data.n_missing, **attributes}
    if data.shape is not None:
        attributes["shape"] = list(data.shape)
    attributes |= {n: list(told) for n in _TOLD if (told := getattr(data, n))}
    with create(path, "data", options=options or None, **attributes) as file:
        put(
            file,
            {
                "features": data.features,
                "names": data.names,
                "units": data.units if any(data.units) else None,
                "titles": data.titles if any(data.titles) else None,
                "scaling/offset": data.offset,
                "scaling/scale": data.scale,
                "scaling/weights": weights,
                **{f"scaling/others/{name}": scale for name, scale in data.scales.items()},
                **{f"choices/{name}": seen for name, seen in data.choices.items()},
                **{f"transforms/{name}": seen for name, seen in data.transforms.items()},
                **_transformation_arrays(data.transformation),
                "truth": data.truth,
                "class_names": data.class_names,
                "rows": data.rows,
            },
            {f"scaling/others/{name}": UNITS["scale"] for name in data.scales}
            | {f"choices/{name}": "true where the choice has the feature" for name in data.choices}
            | {
                f"transforms/{n}": "true where the transform has the feature"
                for n in data.transforms
            }
            | {f"transformation/{name}": unit for name, unit in _TRANSFORMATION.items()},
        )
        put_beside(file, data.beside)
        _put_cells(file, data.cells)


def _put_cells(file: h5py.File, cells: Cells | None) -> None:
    """Add the grid of the source: cells/0, ... with its coordinates along each axis, if known."""
    if cells is None:
        return
    group = file.create_group("cells")
    put_attributes(group, shape=cells.shape, axes=cells.axes)
    for number, axis in enumerate(cells.axes):
        if axis in cells.coordinates:
            place = f"cells/{number}"
            unit = cells.units.get(axis, "1")
            put(file, {place: np.asarray(cells.coordinates[axis], dtype=float)}, {place: unit})


def _get_cells(file: h5py.File) -> Cells | None:
    group = file.get("cells")
    if group is None:
        return None
    axes = tuple(read_json(group, "axes"))
    known = {axis: group[str(k)] for k, axis in enumerate(axes) if str(k) in group}
    return Cells(
        tuple(read_json(group, "shape")),
        axes,
        {axis: values[:] for axis, values in known.items()},
        {
            axis: values.attrs["unit"]
            for axis, values in known.items()
            if values.attrs["unit"] != "1"
        },
    )


def put_beside(file: h5py.File, beside: Beside) -> None:
    """Add what stands beside the features: beside/id/0, ..., with the attribute `name`, and so on.

    A column may have any name, so the name of its dataset is a number.
    """
    for key, part in BESIDE.items():
        for number, (name, values) in enumerate(getattr(beside, part).items()):
            place = f"beside/{key}/{number}"
            array = values.tolist() if values.dtype.kind == "O" else values
            put(file, {place: array}, {place: "as in the source"})
            file[place].attrs["name"] = name


def read_beside(path: str | Path, kind: str = "data", rows: slice = slice(None)) -> Beside:
    """Read what `put_beside` wrote into a file of some kind, or some rows of it."""
    with read_result(path, kind) as file:
        return get_beside(file, rows)


def get_beside(file: h5py.File, rows: slice = slice(None)) -> Beside:
    """Read what `put_beside` wrote into an open file, or some rows of it."""
    found = {
        part: {column.attrs["name"]: _read_column(column, rows) for column in columns}
        for part, columns in _beside_columns(file)
    }
    return Beside(**found)


def open_samples(file: h5py.File) -> dict[str, Any]:
    """Return the columns of an open `data.h5` that say where points come from, to be sliced."""
    groups = dict(_beside_columns(file))["groups"]
    texts = {column: h5py.check_string_dtype(column.dtype) for column in groups}
    return {c.attrs["name"]: c.asstr() if texts[c] else c for c in groups}


def beside_names(file: h5py.File) -> dict[str, list[str]]:
    """Return the names of what `put_beside` wrote, by the argument of `read_table`."""
    return {
        part: [column.attrs["name"] for column in columns]
        for part, columns in _beside_columns(file)
    }


def _beside_columns(file: h5py.File) -> Iterator[tuple[str, list[h5py.Dataset]]]:
    for key, part in BESIDE.items():
        group = file.get(f"beside/{key}", {})
        yield part, [group[number] for number in sorted(group, key=int)]


def read_data(path: str | Path, *, mapped: bool = False, beside: bool = False) -> PreparedData:
    """Read `data.h5`, and what stands beside the features where `beside` says so.

    If `mapped`, features, classes and rows are memory maps of the file, which read only what is
    used and share it with other processes of the machine; what is written to them stays with this
    process. What does not lie in one piece is read whole all the same.
    """
    with read_result(path, "data") as file:

        def read(name: str) -> np.ndarray:
            return _map(path, file[name]) if mapped else file[name][:]

        return PreparedData(
            features=read("features"),
            names=read_text(file["names"]),
            offset=file["scaling/offset"][:],
            scale=file["scaling/scale"][:],
            truth=read("truth") if "truth" in file else None,
            class_names=read_text(file["class_names"]) if "class_names" in file else None,
            rows=read("rows"),
            digest=file.attrs["digest"],
            n_missing=int(file.attrs["n_missing"]),
            shape=tuple(read_json(file, "shape")) if "shape" in file.attrs else None,
            scales={name: scale[:] for name, scale in file.get("scaling/others", {}).items()},
            choices={name: seen[:] for name, seen in file.get("choices", {}).items()},
            transforms={name: seen[:] for name, seen in file.get("transforms", {}).items()},
            transformation=get_transformation(file),
            units=read_text(file["units"]) if "units" in file else (),
            titles=read_text(file["titles"]) if "titles" in file else (),
            beside=get_beside(file) if beside else Beside(),
            cells=_get_cells(file),
            **{n: tuple(read_json(file, n)) for n in _TOLD if n in file.attrs},
        )


def _read_column(dataset: h5py.Dataset, rows: slice) -> np.ndarray:
    if h5py.check_string_dtype(dataset.dtype):
        return np.array(dataset.asstr()[rows], dtype=object)
    return dataset[rows]


#: Datasets of a transformation, with their units.
_TRANSFORMATION = {
    "inputs": "text",
    "source": "place among the inputs",
    "method": "text",
    "parameter": "physical unit of the feature",
    "parts": "place among the inputs",
    "knots": "physical unit of the feature; rank",
    "knots_of": "column",
}


def _transformation_arrays(found: Transformation | None) -> dict[str, Any]:
    """Return a transformation as datasets; knots of all columns one after the other."""
    if found is None:
        return {}
    ranked = [(k, c.knots) for k, c in enumerate(found.columns) if c.knots is not None]
    arrays = {
        "inputs": found.inputs,
        "source": np.array([column.source for column in found.columns]),
        "method": tuple(column.method for column in found.columns),
        "parameter": np.array([column.parameter for column in found.columns]),
        "parts": np.array(found.parts, dtype=np.int64) if found.parts else None,
        "knots": np.hstack([knots for _, knots in ranked]) if ranked else None,
        "knots_of": np.repeat([k for k, _ in ranked], [len(v.T) for _, v in ranked])
        if ranked
        else None,
    }
    return {f"transformation/{name}": values for name, values in arrays.items()}


def get_transformation(file: h5py.File) -> Transformation | None:
    """Read how the features of an open `data.h5` were made of those of the source."""
    if "transformation" not in file:
        return None
    group = file["transformation"]
    source, parameter = group["source"][:].tolist(), group["parameter"][:].tolist()
    names, methods = read_text(file["names"]), read_text(group["method"])
    knots, of = (group[n][:] if n in group else np.empty((2, 0)) for n in ("knots", "knots_of"))
    columns = []
    for k, fields in enumerate(zip(names, source, methods, parameter, strict=True)):
        own = knots[:, of == k] if of.ndim == 1 and (of == k).any() else None
        columns.append(Column(*fields, own))
    parts = tuple(group["parts"][:].tolist()) if "parts" in group else ()
    return Transformation(read_text(group["inputs"]), tuple(columns), parts)


def _map(path: str | Path, dataset: h5py.Dataset) -> np.ndarray:
    offset, dtype = dataset.id.get_offset(), dataset.dtype
    # None for chunks, compressed or not. Kernels are compiled for aligned numbers of this machine.
    if offset is None or offset % dtype.itemsize or dtype not in (np.float32, np.int64):
        return dataset[:]
    # Copy on write: the compiled kernels tell read-only arrays from others, and would be compiled
    # once more for them.
    return np.memmap(path, dtype, "c", offset, dataset.shape)
