"""Lay what the jobs of a study used beside what they asked for."""

from kohorte import store
from kohorte.jobs.usage import job_table
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        table = job_table(snakemake.params.records)
        store.write_csv(table, snakemake.output.jobs)
        log.info("%d jobs, %.0f s of CPU", len(table), table["cpu_seconds"].sum())
