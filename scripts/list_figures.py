"""Write which rule made each figure of a study, from what, and the checksums of all of it."""

from kohorte.study.logs import job_log
from kohorte.study.manifest import list_figures

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        list_figures(snakemake.output.table, snakemake.params.figures, snakemake.params.config)
