"""Draw which consensus groups hold the stars of each region of the diagram."""

import pandas as pd

from kohorte.figures.style import save_figure
from kohorte.studies.stars.figures import star_regions_figure
from kohorte.studies.stars.regions import REGIONS
from kohorte.study.logs import job_log


def plot_star_regions(groups):
    """The figure for a table of `measure_star_groups`."""
    counts = groups[[name.replace(" ", "_") for name in REGIONS]].to_numpy().T
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    return star_regions_figure(shares, groups["group"].tolist(), REGIONS, counts.sum(axis=1))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_star_regions(
            pd.read_csv(snakemake.input.table),
        )
        for path in snakemake.output:
            save_figure(figure, path)
