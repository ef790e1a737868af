"""Draw the ranked significance of all clusters, its slope and the SCE groups."""

from kohorte import store
from kohorte.figures.ensemble import ranked_gsum_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_ranking(ensemble):
    """The figure for an ensemble as `store.read_ensemble` gives it."""
    return ranked_gsum_figure(**vars(ensemble.ranking), threshold=ensemble.options["threshold"])


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_ranking(store.read_ensemble(snakemake.input.ensemble))
        for path in snakemake.output:
            save_figure(figure, path)
