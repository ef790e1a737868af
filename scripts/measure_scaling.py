"""Measure time and memory of a study against its number of points."""

from pathlib import Path

from kohorte import store
from kohorte.study.logs import job_log
from kohorte_benchmarks.scaling import measure_scaling

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        path = Path(snakemake.output.table)
        table = measure_scaling(
            store.read_data(snakemake.input.data, mapped=True).features,
            snakemake.params.options["points"],
            snakemake.params.members,
            snakemake.params.ensemble,
            path.parent,
            seed=snakemake.params.seed,
            rounds=snakemake.params.options["rounds"],
            weights=snakemake.input.weights or None,
        )
        store.write_csv(table, path)
