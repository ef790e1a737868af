"""Draw the similarity of all clusters in the order of the consensus tree."""

import numpy as np

from kohorte import store
from kohorte.figures.ensemble import similarity_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_similarity(ensemble):
    """The figure for an ensemble as `store.read_ensemble` gives it."""
    counts, sizes = ensemble.overlaps.counts, ensemble.clusters.size
    union = sizes[:, None] + sizes - counts
    order = ensemble.consensus.leaf_order
    return similarity_figure(
        (counts / np.maximum(union, 1))[np.ix_(order, order)],
        linkage=ensemble.consensus.linkage,
        groups=ensemble.clusters.consensus_group[order],
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_similarity(store.read_ensemble(snakemake.input.ensemble))
        for path in snakemake.output:
            save_figure(figure, path)
