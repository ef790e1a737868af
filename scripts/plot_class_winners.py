"""Draw the mean of each class, the weights of its winner, and where that is on the map."""

from kohorte import store
from kohorte.figures.style import save_figure
from kohorte.studies.images.figures import class_winners_figure, images_of_means
from kohorte.study.logs import job_log


def plot_class_winners(indexes, ensemble, data, chosen):
    """The figure for realization `chosen`, or for the most representative one."""
    stored = store.read_chosen_map(indexes, ensemble, chosen, "weights", "u_matrix")
    return class_winners_figure(
        *images_of_means(data, stored.arrays["weights"], stored.parameters["metric"]),
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
