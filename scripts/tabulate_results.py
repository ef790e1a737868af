"""Write the tables of realizations, clusters, groups and points, and what they are worth."""

from kohorte import store
from kohorte.analysis.naming import name_groups, read_names
from kohorte.analysis.tables import tabulate_study
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with (
        job_log(snakemake.log[0], snakemake.input),
        store.open_label_arrays(
            snakemake.input.labels, snakemake.params.files, **snakemake.params.reading
        ) as labels,
    ):
        tables = tabulate_study(
            labels,
            ensemble=snakemake.input.ensemble,
            data=snakemake.input.get("data") or None,
            indexes=snakemake.input.labels,
            files=snakemake.params.files,
            swept=snakemake.params.swept,
            seed=snakemake.params.seed,
            resamples=snakemake.params.resamples,
            structure=snakemake.input.structure,
            signal_cuts=snakemake.params.signal_cuts,
            gathered=snakemake.input.tallies,
        )
        names = read_names(snakemake.input.get("names"))
        for name, table in tables.items():
            store.write_csv(name_groups(table, names), snakemake.output[name])
