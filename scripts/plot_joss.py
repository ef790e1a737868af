"""Draw the published figure of times again, with the times of both benchmarks beside it."""

import pandas as pd

from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log
from kohorte_benchmarks.figures.joss import joss_figure


def plot_joss(maps, ensemble, published):
    """The figure for the tables of both benchmarks and the published times, all paths."""
    return joss_figure(
        pd.read_csv(maps), pd.read_csv(ensemble), pd.read_csv(published, comment="#")
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_joss(
            snakemake.input.maps, snakemake.input.ensemble, snakemake.input.published
        )
        for path in snakemake.output:
            save_figure(figure, path)
