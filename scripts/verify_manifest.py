"""Compare the results of a study with its manifest; fails where they differ."""

from kohorte.study.logs import job_log
from kohorte.study.manifest import verify

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        verify(
            snakemake.params.manifest,
            unlisted=snakemake.params.unlisted,
            sources=snakemake.params.sources,
        )
