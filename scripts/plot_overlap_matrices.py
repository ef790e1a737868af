"""Draw overlap, disagreement and significance of all pairs of clusters."""

import numpy as np

from kohorte import store
from kohorte.ensemble.significance import goodness
from kohorte.figures.style import save_figure
from kohorte.studies.plasma.figures.cell_groups import overlap_matrices_figure
from kohorte.study.logs import job_log


def plot_overlap_matrices(ensemble):
    """The figure for an ensemble as `store.read_ensemble` gives it."""
    counts, sizes = ensemble.overlaps.counts, ensemble.clusters.size
    total = sizes[:, None] + sizes
    union = np.maximum(total - counts, 1)
    significance = goodness(ensemble.overlaps, ensemble.options["identical"])
    same = ensemble.clusters.realization[:, None] == ensemble.clusters.realization
    order = ensemble.consensus.leaf_order
    matrices = [
        np.where(same, np.nan, matrix)[np.ix_(order, order)]
        for matrix in (counts / union, (union - counts) / np.maximum(total, 1), significance)
    ]
    return overlap_matrices_figure(*matrices, order="in the order of the tree")


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_overlap_matrices(store.read_ensemble(snakemake.input.ensemble))
        for path in snakemake.output:
            save_figure(figure, path)
