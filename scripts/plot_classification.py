"""Draw how well the classes of test points are found, against the number of neighbours."""

import pandas as pd

from kohorte.figures.classes import classification_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_classification(table):
    """The figure for a table of `classify_points`."""
    return classification_figure(table)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_classification(
            pd.read_csv(snakemake.input.table),
        )
        for path in snakemake.output:
            save_figure(figure, path)
