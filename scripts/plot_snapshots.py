"""Draw one map among the points at several moments of its training."""

from kohorte import store
from kohorte.figures.style import save_figure
from kohorte.figures.training import snapshots_figure
from kohorte.study.logs import job_log


def plot_snapshots(indexes, ensemble, data, chosen):
    """The figure for realization `chosen`, or for the most representative one."""
    stored = store.read_chosen_map(indexes, ensemble, chosen, "snapshots/step", "snapshots/weights")
    in_steps = stored.parameters["trainer"] == "online" and stored.parameters["epochs"] is None
    return snapshots_figure(
        stored.arrays["snapshots/step"],
        stored.arrays["snapshots/weights"],
        store.read_data(data, mapped=True).features,
        stored.lattice,
        unit="steps" if in_steps else "epochs",
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_snapshots(
            snakemake.input.labels,
            snakemake.input.ensemble,
            snakemake.input.data,
            snakemake.params.realization,
        )
        for path in snakemake.output:
            save_figure(figure, path)
