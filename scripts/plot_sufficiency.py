"""Draw how the consensus of some realizations approaches that of all."""

import pandas as pd

from kohorte.figures.stability import sufficiency_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_sufficiency(sufficiency, enough):
    """The figure for the table of sufficiency."""
    reached = sufficiency.loc[sufficiency["enough"].astype(bool), "realizations"]
    values = [sufficiency[name].to_numpy() for name in ("realizations", "mean", "low", "high")]
    return sufficiency_figure(
        *values,
        target=enough,
        answer=None if reached.empty else int(reached.iloc[0]),
        band="5th to 95th percentile",
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_sufficiency(pd.read_csv(snakemake.input.sufficiency), snakemake.params.enough)
        for path in snakemake.output:
            save_figure(figure, path)
