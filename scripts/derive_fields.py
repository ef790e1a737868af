"""Features of a plasma on a grid, from a simulation or a user's own snapshot."""

from kohorte import store
from kohorte.provenance import portable_path
from kohorte.studies.plasma import store as plasma_store
from kohorte.studies.plasma.fields.features import derive_features
from kohorte.studies.plasma.fields.snapshots import read_snapshot
from kohorte.studies.plasma.fields.statistics import describe_fields
from kohorte.study.logs import job_log


def derive_fields(path, *, source, options, simulated):
    """Write the features that `options`, the section `fields` of the configuration, names."""
    if simulated:
        snapshot = plasma_store.read_simulated(source, options["snapshot"])
    else:
        snapshot = read_snapshot(options)
    fields = derive_features(
        snapshot,
        options["features"],
        kernel_radius=options["kernel_radius"],
        smoothing=options["smoothing"],
    )
    plasma_store.write_fields(
        path,
        fields,
        features=options["features"],
        kernel_radius=options["kernel_radius"],
        smoothing=options["smoothing"],
        parameters=options | {"source": portable_path(fields.source)},
    )
    return fields


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        fields = derive_fields(
            snakemake.output.fields,
            source=snakemake.params.options["source"],
            options=snakemake.params.options,
            simulated=snakemake.params.simulated,
        )
        store.write_csv(describe_fields(fields), snakemake.output.table)
        log.info("%s cells, fields %s", fields.grid.shape, ", ".join(fields.values))
