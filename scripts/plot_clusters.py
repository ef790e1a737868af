"""Draw the number of clusters of all realizations, also by each swept parameter."""

import pandas as pd

from kohorte.figures.realizations import clusters_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_clusters(realizations, swept):
    """The figure for a table of realizations."""
    parameters = {name: realizations[name].tolist() for name in swept}
    return clusters_figure(realizations["n_clusters"].to_numpy(), parameters)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_clusters(pd.read_csv(snakemake.input.realizations), snakemake.params.swept)
        for path in snakemake.output:
            save_figure(figure, path)
