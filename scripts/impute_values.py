"""Write the table with its missing values filled in by the maps of the study."""

import numpy as np

from kohorte import store
from kohorte.errors import ConfigError, DataError
from kohorte.maps.imputation import impute_ensemble
from kohorte.study.logs import job_log

#: Values in one block of rows, which bounds memory.
BLOCK_ENTRIES = 1 << 22

#: The N x F datasets that are written block by block: type and unit.
DATASETS = {
    "features": (np.float64, "physical unit of the feature"),
    "spread": (np.float64, "physical unit of the feature"),
    "missing": (np.bool_, "true where the value was missing"),
}


def read_maps(files, rows):
    """Weights, and winners of some rows, of one realization after the other."""
    for path in files:
        with store.open_result(path, "realization") as file:
            yield file["weights"][:], file["winners"][rows]


def impute_values(path, *, data, indexes):
    """Write mean and spread over the realizations, in the units of the source; returns the number
    of values that were filled in."""
    table = store.read_data(data, mapped=True)
    if table.n_missing == 0:
        raise DataError(
            f"{data}: no value is missing, so there is nothing to fill in (data.missing: skip "
            "keeps missing values)"
        )
    files = store.listed_realizations(indexes)
    n_points, n_features = table.features.shape
    counts = {"n_realizations": len(files), "n_missing": table.n_missing}
    with store.create(path, "imputed", **counts) as file:
        store.put(file, {"names": table.names, "rows": table.rows})
        for name, (dtype, unit) in DATASETS.items():
            file.create_dataset(name, table.features.shape, dtype).attrs["unit"] = unit
        step = max(1, BLOCK_ENTRIES // n_features)
        for start in range(0, n_points, step):
            rows = slice(start, start + step)
            points = table.features[rows]
            filled, spread = impute_ensemble(points, read_maps(files, rows))
            file["features"][rows] = filled * table.scale + table.offset
            file["spread"][rows] = spread * table.scale
            file["missing"][rows] = np.isnan(points)
    return table.n_missing


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        if snakemake.params.files:
            raise ConfigError(
                "missing values are filled in from trained maps, but this study has label files "
                "only (realizations.labels)"
            )
        filled_in = impute_values(
            snakemake.output.imputed,
            data=snakemake.input.data,
            indexes=snakemake.input.labels,
        )
        log.info("%d values filled in", filled_in)
