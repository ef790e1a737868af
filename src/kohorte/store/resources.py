"""`results/resources/<name>.h5`: tables made from data in package registries, for any study."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kohorte.store.files import create, put

_LOG = logging.getLogger(__name__)


def write_resource(
    path: str | Path,
    columns: Mapping[str, np.ndarray],
    units: Mapping[str, str],
    *,
    made_by: str,
    labels: Mapping[str, np.ndarray] | None = None,
    label_units: Mapping[str, str] | None = None,
    attributes: Mapping[str, Any],
) -> None:
    """Write a table as an HDF5 source: datasets `features`, `names`, `units` and those of classes.

    `columns`, `units`: (N,) numbers of each feature, all of one type, NaN where a value is missing;
    its unit. `made_by`: the part of the library that read them. `labels`: (N,) known class of each
    point by name of its dataset; `label_units` has the unit of each. `attributes`: attributes of
    the file.
    """
    features = np.column_stack(list(columns.values()))
    arrays = {"names": tuple(columns), "units": tuple(units[name] for name in columns)}
    with create(path, "resource", made_by=("data/packages", made_by), **attributes) as file:
        file.create_dataset("features", data=features).attrs["unit"] = "that of each column, units"
        put(file, {**arrays, **(labels or {})}, label_units)
    _LOG.info("%s: %d points, %d features", path, *features.shape)
