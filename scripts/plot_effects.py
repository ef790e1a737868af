"""Draw how the agreement of realizations depends on each swept parameter."""

import pandas as pd

from kohorte.figures.agreement import parameter_effects_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_effects(effects):
    """The figure for the table of effects."""
    columns = ["parameter", "first", "second", "agreement"]
    return parameter_effects_figure(*(effects[name].tolist() for name in columns))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_effects(pd.read_csv(snakemake.input.effects))
        for path in snakemake.output:
            save_figure(figure, path)
