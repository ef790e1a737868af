"""Draw the agreement of all pairs of realizations, ordered by the swept parameters."""

import pandas as pd

from kohorte import store
from kohorte.figures.agreement import agreement_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_agreement(ensemble, realizations, swept):
    """The figure for an ensemble and the table of its realizations."""
    parameters = {name: realizations[name].tolist() for name in swept}
    return agreement_figure(ensemble.realizations.ari, parameters)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_agreement(
            store.read_ensemble(snakemake.input.ensemble),
            pd.read_csv(snakemake.input.realizations),
            snakemake.params.swept,
        )
        for path in snakemake.output:
            save_figure(figure, path)
