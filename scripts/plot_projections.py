"""Draw points of all classes near their winners on one map."""

from kohorte import store
from kohorte.figures.classes import projections_figure
from kohorte.figures.style import save_figure
from kohorte.logs import job_log


def plot_projections(indexes, ensemble, data, chosen):
    """The figure for realization `chosen`, or for the most representative one."""
    identifier = chosen or store.read_representative(ensemble)
    stored = store.read_realization(
        store.find_realization(indexes, identifier), "winners", "u_matrix"
    )
    return projections_figure(
        stored.arrays["winners"],
        data.truth,
        data.class_names,
        stored.arrays["u_matrix"],
        stored.lattice,
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
