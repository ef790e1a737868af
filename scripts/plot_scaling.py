"""Draw time and memory of a study against its number of points, and what fewer points find."""

import pandas as pd

from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log
from kohorte_benchmarks.figures.scaling import scaling_figure

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = scaling_figure(pd.read_csv(snakemake.input.table))
        for path in snakemake.output:
            save_figure(figure, path)
