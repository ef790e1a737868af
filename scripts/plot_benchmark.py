"""Draw the figure of a benchmark from its tables, in the order of the inputs."""

from importlib import import_module

import pandas as pd

from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        module, function = snakemake.params.draw
        tables = [pd.read_csv(path, comment="#") for path in snakemake.input]
        figure = getattr(import_module(f"kohorte_benchmarks.figures.{module}"), function)(*tables)
        for path in snakemake.output:
            save_figure(figure, path)
