"""Draw how errors, clusters and ensembles depend on the setting of a sweep."""

import pandas as pd

from kohorte.figures.style import save_figure
from kohorte.figures.sweep import sweep_figure
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = sweep_figure(pd.read_csv(snakemake.input.table), snakemake.params.per)
        for path in snakemake.output:
            save_figure(figure, path)
