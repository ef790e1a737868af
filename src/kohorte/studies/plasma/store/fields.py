"""`fields.h5`: features of a plasma on the cells of a grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kohorte.provenance import portable_path
from kohorte.store.files import create, put_attributes, read_json, read_result
from kohorte.studies.plasma.fields.grid import Fields, Grid


def write_fields(
    path: str | Path, fields: Fields, *, features: Sequence[str], **attributes: Any
) -> None:
    """Write `fields.h5`: a float32 dataset `fields/<name>` with its unit for each field.

    `features`: names of those that maps are trained on, in order; the others are for physics.
    `**attributes`: further attributes of the file.
    """
    attributes = {
        **grid_attributes(fields.grid),
        "time": float(fields.time),
        "time_unit": fields.time_unit,
        "source": portable_path(fields.source),
        "features": list(features),
        **attributes,
    }
    with create(path, "fields", made_by=("studies/plasma/fields",), **attributes) as file:
        for name, array in fields.values.items():
            dataset = file.create_dataset(f"fields/{name}", data=array, dtype=np.float32)
            put_attributes(dataset, unit=fields.units[name])


def read_fields(path: str | Path, names: Sequence[str] | None = None) -> Fields:
    """Read `fields.h5`, or some of its fields. Raises ResultError where one is not there."""
    with read_result(path, "fields") as file:
        wanted = list(file["fields"]) if names is None else list(names)
        return Fields(
            grid=read_grid(file),
            values={name: file["fields"][name][:] for name in wanted},
            units={name: file["fields"][name].attrs["unit"] for name in wanted},
            time=float(file.attrs["time"]),
            time_unit=file.attrs["time_unit"],
            source=file.attrs["source"],
        )


def grid_attributes(grid: Grid) -> dict[str, Any]:
    """Attributes of a file that tell its grid."""
    return {
        "shape": list(grid.shape),
        "axes": list(grid.axes),
        "spacing": [float(step) for step in grid.spacing],
        "periodic": [bool(wraps) for wraps in grid.periodic],
        "length_unit": grid.length_unit,
    }


def read_grid(file: h5py.File) -> Grid:
    """Read the grid from the attributes of an open file."""
    shape, axes, spacing, periodic = (
        tuple(read_json(file, name)) for name in ("shape", "axes", "spacing", "periodic")
    )
    return Grid(shape, axes, spacing, periodic, file.attrs["length_unit"])
