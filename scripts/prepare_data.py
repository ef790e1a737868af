"""Read any source, check it and write it as one scaled table."""

import numpy as np

from kohorte.data.scaling import fit_scaling
from kohorte.data.sources import read_table
from kohorte.data.table import grid_shape
from kohorte.errors import DataError
from kohorte.provenance import digest_of
from kohorte.store import PreparedData, write_data
from kohorte.study.logs import job_log


def prepare_data(path, *, options, seed):
    """Read `options["source"]` as the `data` section of the configuration says; write `path`."""
    table = read_table(
        options["source"],
        features=options["features"],
        label=options["label"],
        stride=options["stride"],
        sample=options["sample"],
        seed=seed,
        feature_dataset=options["feature_dataset"],
        names_dataset=options["names_dataset"],
        delimiter=options["delimiter"],
        missing=options["missing"],
    )
    scaling = fit_scaling(
        table.values,
        table.names,
        options["scaling"],
        options["constant_features"],
        options["weights"],
    )
    features = scaling.apply(table.values)
    data = PreparedData(
        features=features,
        names=scaling.names,
        offset=scaling.offset,
        scale=scaling.scale,
        truth=table.labels,
        class_names=table.label_names,
        rows=table.rows,
        digest=digest_of(features, scaling.names),
        n_missing=count_missing(features, table.rows, options["source"]),
        shape=grid_shape(table, options["shape"], options["source"]),
    )
    write_data(
        path,
        data,
        weights=np.array([options["weights"].get(name, 1.0) for name in scaling.names]),
        source=options["source"],
        options=options,
        seed=seed,
    )
    return data


def count_missing(features, rows, source):
    """Number of missing values; a row without any other is refused, constant features left out."""
    absent = np.isnan(features)
    empty = absent.all(axis=1)
    if empty.any():
        raise DataError(
            f"{source}: data row {rows[np.argmax(empty)]}: every feature is missing; leave the row "
            "out, or set missing to 'drop'"
        )
    return int(np.count_nonzero(absent))


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        prepared = prepare_data(
            snakemake.output.data,
            options=snakemake.params.options,
            seed=snakemake.params.seed,
        )
        log.info("%d points, %d features", *prepared.features.shape)
        log.info("%d values are missing", prepared.n_missing)
