"""`results/resources/<name>.h5`: tables made from what package registries hold, for any study."""

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
    labels: dict[str, np.ndarray] | None = None,
    **attributes: Any,
) -> None:
    """Write a table as an HDF5 source: datasets `features`, `names`, `units` and those of classes.

    Args:
        path: where the file will lie.
        features: (N, F) numbers, NaN where a value is missing.
        names: F names.
        units: F units.
        labels: (N,) known class of each point by name of its dataset.
        attributes: attributes of the file.
    """
    with create(path, "resource", **attributes) as file:
        file.create_dataset("features", data=features).attrs["unit"] = "that of each column, units"
        put(file, {"names": tuple(names), "units": tuple(units), **(labels or {})})
