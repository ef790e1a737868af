"""Draw the commonest class of each node of one map."""

from kohorte import store
from kohorte.analysis.classification import count_classes
from kohorte.figures.classes import node_classes_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_node_classes(indexes, ensemble, data, chosen):
    """The figure for realization `chosen`, or for the most representative one."""
    stored = store.read_chosen_map(indexes, ensemble, chosen, "winners")
    sides = stored.lattice.n_nodes, len(data.class_names)
    counts = count_classes(stored.arrays["winners"], data.truth, *sides)
    return node_classes_figure(counts, data.class_names, stored.lattice)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_node_classes(
            snakemake.input.labels,
            snakemake.input.ensemble,
            store.read_data(snakemake.input.data, mapped=True),
            snakemake.params.realization,
        )
        for path in snakemake.output:
            save_figure(figure, path)
