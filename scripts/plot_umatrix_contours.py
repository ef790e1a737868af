"""Draw the U-matrix of one map with contour lines and centroids."""

from kohorte import store
from kohorte.figures.style import save_figure
from kohorte.figures.umatrix_stages import umatrix_contours_figure
from kohorte.study.logs import job_log


def plot_umatrix_contours(indexes, ensemble, chosen):
    """The figure for realization `chosen`, or for the most representative one."""
    stored = store.read_chosen_map(
        indexes, ensemble, chosen, "u_matrix", "node_clusters", "centroids", "cluster_centroids"
    )
    return umatrix_contours_figure(
        lattice=stored.lattice, metric=stored.parameters["metric"], **stored.arrays
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_umatrix_contours(
            snakemake.input.labels, snakemake.input.ensemble, snakemake.params.realization
        )
        for path in snakemake.output:
            save_figure(figure, path)
