"""Read any source, check it and write it as one scaled table."""

from kohorte.data.scaling import fit_scaling
from kohorte.data.sources import read_table
from kohorte.logs import job_log
from kohorte.provenance import digest_of
from kohorte.store import PreparedData, write_data


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
    )
    scaling = fit_scaling(
        table.values, table.names, options["scaling"], options["constant_features"]
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
    )
    write_data(path, data, source=options["source"], options=options, seed=seed)
    return data


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        prepared = prepare_data(
            snakemake.output.data,
            options=snakemake.params.options,
            seed=snakemake.params.seed,
        )
        log.info("%d points, %d features", *prepared.features.shape)
