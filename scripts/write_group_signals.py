"""Write the signal map of every SCE group: how many of its clusters hold each point."""

from kohorte import store
from kohorte.jobs.counting import write_group_signals
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with (
        job_log(snakemake.log[0], snakemake.input),
        store.open_label_arrays(
            snakemake.input.labels, snakemake.params.files, **snakemake.params.reading
        ) as labels,
    ):
        write_group_signals(
            snakemake.output.signals,
            snakemake.input.ensemble,
            labels,
            threads=snakemake.threads,
        )
