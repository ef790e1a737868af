"""Draw figures of the experiment with spirals."""

from pathlib import Path

from kohorte.figures.style import save_figure
from kohorte.studies.spirals import figures as spirals
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figures = getattr(spirals, snakemake.params.draw)(snakemake.input)
        for path in snakemake.output:
            save_figure(figures[Path(path).stem], path)
