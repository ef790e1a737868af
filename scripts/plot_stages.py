"""Draw the times of the stages of online training and the errors of its maps."""

import pandas as pd

from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log
from kohorte_benchmarks.figures.stages import stages_figure

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        times, quality = map(pd.read_csv, (snakemake.input.times, snakemake.input.quality))
        figure = stages_figure(times, quality)
        for path in snakemake.output:
            save_figure(figure, path)
