"""Draw the generated tables."""

from kohorte.figures.generated import draw_tables
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        save_figure(draw_tables(), snakemake.output.png)
