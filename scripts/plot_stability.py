"""Draw the significance of all clusters with its bootstrap intervals."""

import pandas as pd

from kohorte.figures.stability import stability_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_stability(stability):
    """The figure for the table of stability."""
    values = [stability[name].to_numpy() for name in ("gsum", "gsum_low", "gsum_high")]
    return stability_figure(*values, groups=stability["consensus_group"].to_numpy())


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_stability(pd.read_csv(snakemake.input.stability))
        for path in snakemake.output:
            save_figure(figure, path)
