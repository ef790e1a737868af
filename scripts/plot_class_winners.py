"""Draw the mean of each class, the weights of its winner, and where that is on the map."""

from kohorte import store
from kohorte.classification import winners_of_means
from kohorte.figures.images import as_images, class_winners_figure
from kohorte.figures.style import save_figure
from kohorte.logs import job_log


def plot_class_winners(indexes, ensemble, data, chosen):
    """The figure for realization `chosen`, or for the most representative one."""
    identifier = chosen or store.read_representative(ensemble)
    stored = store.read_realization(
        store.find_realization(indexes, identifier), "weights", "u_matrix"
    )
    nodes, metric = stored.arrays["weights"], stored.parameters["metric"]
    means, winners = winners_of_means(data.features, data.truth, nodes, metric)
    physical = [values * data.scale + data.offset for values in (means, nodes[winners])]
    images = [as_images(values, data.names) for values in physical]
    return class_winners_figure(
        *images,
        winners,
        data.class_names,
        stored.arrays["u_matrix"],
        stored.lattice,
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_class_winners(
            snakemake.input.labels,
            snakemake.input.ensemble,
            store.read_data(snakemake.input.data, mapped=True),
            snakemake.params.realization,
        )
        for path in snakemake.output:
            save_figure(figure, path)
