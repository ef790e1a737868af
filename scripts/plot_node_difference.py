"""Draw how far the weights of the nodes of one map are from those of their neighbours."""

from kohorte import store
from kohorte.figures.classes import node_difference_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_node_difference(indexes, ensemble, chosen):
    """The figure for realization `chosen`, or for the most representative one."""
    stored = store.read_chosen_map(indexes, ensemble, chosen, "u_matrix")
    return node_difference_figure(
        stored.arrays["u_matrix"], stored.lattice, metric=stored.parameters["metric"]
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_node_difference(
            snakemake.input.labels,
            snakemake.input.ensemble,
            snakemake.params.realization,
        )
        for path in snakemake.output:
            save_figure(figure, path)
