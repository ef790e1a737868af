"""The table of a study with its missing values filled in by its maps."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from kohorte import store
from kohorte.errors import DataError
from kohorte.maps.imputation import impute_ensemble

_LOG = logging.getLogger(__name__)

#: Values in one block of rows, which bounds memory.
BLOCK_ENTRIES = 1 << 22

# The N x F datasets that are written block by block: type and unit.
_DATASETS = {
    "features": (np.float64, "physical unit of the feature"),
    "spread": (np.float64, "physical unit of the feature"),
    "missing": (np.bool_, "true where the value was missing"),
}


def write_imputed(path: str | Path, *, data: str | Path, indexes: Sequence[str | Path]) -> None:
    """Write mean and spread of the filled in values over the maps, in the units of the source.

    `path`: where `imputed.h5` will lie; `data`: the study's `data.h5`; `indexes`: indexes that list
    its maps. Raises DataError: no value is missing, or a map is of another table.
    """
    table = store.read_data(data, mapped=True)
    if table.n_missing == 0:
        raise DataError(
            f"{data}: no value is missing, so there is nothing to fill in (data.missing: skip "
            "keeps missing values)"
        )
    files = store.listed_realizations(indexes)
    n_points, n_features = table.features.shape
    with store.create(
        path, "imputed", n_realizations=len(files), n_missing=table.n_missing
    ) as file:
        said = {n: v for n in ("units", "titles") if any(v := getattr(table, n))}
        store.put(file, {"names": table.names, "rows": table.rows, **said})
        for name, (dtype, unit) in _DATASETS.items():
            file.create_dataset(name, table.features.shape, dtype).attrs["unit"] = unit
        step = max(1, BLOCK_ENTRIES // n_features)
        for start in range(0, n_points, step):
            rows = slice(start, start + step)
            points = table.features[rows]
            filled, spread = impute_ensemble(points, _read_maps(files, rows))
            file["features"][rows] = table.in_units(filled)
            if table.transformation is None:
                file["spread"][rows] = spread * table.scale
            else:  # half of what lies between one deviation below and one above
                ends = (table.in_units(filled + sign * spread) for sign in (1, -1))
                file["spread"][rows] = np.abs(np.subtract(*ends)) / 2
            file["missing"][rows] = np.isnan(points)
    _LOG.info("%d values filled in", table.n_missing)


def _read_maps(files: Sequence[Path], rows: slice) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield weights, and winners of some rows, of one map after the other."""
    for path in files:
        with store.open_result(path, "realization") as file:
            yield file["weights"][:], file["winners"][rows]
