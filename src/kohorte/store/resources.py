"""`results/resources/<name>.h5`: tables made from data in package registries, for any study."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kohorte.store.files import create, put


def write_resource(
    path: str | Path,
    *,
    features: np.ndarray,
    names: Sequence[str],
    units: Sequence[str],
    made_by: str,
    labels: dict[str, np.ndarray] | None = None,
    label_units: dict[str, str] | None = None,
    **attributes: Any,
) -> None:
    """Write a table as an HDF5 source: datasets `features`, `names`, `units` and those of classes.

    Parameters
    ----------
    features
        (N, F) numbers, NaN where a value is missing; `names` and `units` have F entries.
    made_by
        The part of the library that read them.
    labels
        (N,) known class of each point by name of its dataset; `label_units` has the unit of each.
    attributes
        Attributes of the file.
    """
    with create(path, "resource", made_by=("data/packages", made_by), **attributes) as file:
        file.create_dataset("features", data=features).attrs["unit"] = "that of each column, units"
        put(file, {"names": tuple(names), "units": tuple(units), **(labels or {})}, label_units)
