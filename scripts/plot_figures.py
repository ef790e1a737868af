"""Draw figures of a study: those that are not up to date."""

from pathlib import Path

from kohorte.figures.drawing import draw_figures
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        draw_figures(
            snakemake.params.figures,
            snakemake.input,
            Path(snakemake.output[0]).parent,
            processes=snakemake.threads,
        )
