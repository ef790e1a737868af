"""Train the maps of one batch that are not there yet, and write the index of the batch."""

from kohorte.jobs.training import train_batch
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.input):
        train_batch(
            snakemake.output.index,
            data=snakemake.input.data,
            weights=snakemake.input.weights or None,
            members=snakemake.params.members,
            recording=snakemake.params.recording,
            library=snakemake.params.library,
            losses=snakemake.params.losses,
            threads=snakemake.threads,
            gpu=snakemake.resources.gpu > 0,
        )
