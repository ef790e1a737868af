"""Draw points of all classes near their winners on one map."""

from kohorte import store
from kohorte.figures.classes import projections_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_projections(indexes, ensemble, data, chosen):
    """The figure for realization `chosen`, or for the most representative one."""
    stored = store.read_chosen_map(indexes, ensemble, chosen, "winners", "u_matrix")
    return projections_figure(
        classes=data.truth, class_names=data.class_names, lattice=stored.lattice, **stored.arrays
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_projections(
            snakemake.input.labels,
            snakemake.input.ensemble,
            store.read_data(snakemake.input.data, mapped=True),
            snakemake.params.realization,
        )
        for path in snakemake.output:
            save_figure(figure, path)
