"""Draw the component planes of one map in the units of the data."""

from kohorte import store
from kohorte.figures.maps import component_planes_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_component_planes(indexes, ensemble, data, chosen):
    """The figure for realization `chosen`, or for the most representative one."""
    stored = store.read_chosen_map(indexes, ensemble, chosen, "weights", "node_clusters")
    table = store.read_data(data)
    return component_planes_figure(
        names=table.names,
        lattice=stored.lattice,
        offset=table.offset,
        scale=table.scale,
        **stored.arrays,
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_component_planes(
            snakemake.input.labels,
            snakemake.input.ensemble,
            snakemake.input.data,
            snakemake.params.realization,
        )
        for path in snakemake.output:
            save_figure(figure, path)
