"""Draw the times of the benchmark of the maps beside published ones."""

import pandas as pd

from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log
from kohorte_benchmarks.figures.map_benchmarks import map_benchmark_figure


def plot_map_benchmark(table, published):
    """The figure for the benchmark's table and the table of published times, both paths."""
    return map_benchmark_figure(pd.read_csv(table), pd.read_csv(published, comment="#"))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_map_benchmark(snakemake.input.table, snakemake.input.published)
        for path in snakemake.output:
            save_figure(figure, path)
