"""Classify test points by the maps, by the groups and by the nearest points, and say how well."""

from kohorte import store
from kohorte.analysis.classification import classify_points
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.input):
        table = classify_points(
            snakemake.params.test,
            data=snakemake.input.data,
            indexes=snakemake.input.labels,
            ensemble=snakemake.input.ensemble,
            neighbours=snakemake.params.neighbours,
            threads=snakemake.threads,
        )
        store.write_csv(table, snakemake.output.table)
