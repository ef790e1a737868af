"""Draw one map, surrounded by the weights of the winners of the mean of each class."""

from kohorte import store
from kohorte.figures.style import save_figure
from kohorte.studies.images.figures import image_map_figure, images_of_means
from kohorte.study.logs import job_log


def plot_image_map(indexes, ensemble, data, chosen):
    """The figure for realization `chosen`, or for the most representative one."""
    stored = store.read_chosen_map(indexes, ensemble, chosen, "weights", "u_matrix")
    metric = stored.parameters["metric"]
    _, weights, winners = images_of_means(data, stored.arrays["weights"], metric)
    return image_map_figure(
        weights,
        winners,
        data.class_names,
        stored.arrays["u_matrix"],
        stored.lattice,
        metric=metric,
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_image_map(
            snakemake.input.labels,
            snakemake.input.ensemble,
            store.read_data(snakemake.input.data, mapped=True),
            snakemake.params.realization,
        )
        for path in snakemake.output:
            save_figure(figure, path)
