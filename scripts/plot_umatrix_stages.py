"""Draw the U-matrix of one map at several moments of its training."""

import numpy as np

from kohorte import store
from kohorte.figures.style import save_figure
from kohorte.figures.umatrix_stages import STAGES, umatrix_stages_figure
from kohorte.maps.segments import segment
from kohorte.maps.umatrix import smooth, u_matrix
from kohorte.study.logs import job_log


def plot_umatrix_stages(indexes, ensemble, chosen):
    """The figure for realization `chosen`, or for the most representative one."""
    stored = store.read_chosen_map(indexes, ensemble, chosen, "snapshots/step", "snapshots/weights")
    known, lattice = stored.parameters, stored.lattice
    steps, weights = stored.arrays.values()
    shown = np.unique(np.linspace(0, len(steps) - 1, STAGES).round().astype(int))
    values, clusters = [], []
    for moment in weights[shown]:
        u = smooth(u_matrix(moment, lattice, known["metric"]), lattice, known["smoothing"])
        values.append(u)
        segments = segment(moment, u, lattice, method="basins", merge=known["merge"])
        clusters.append(segments.node_clusters)
    in_steps = known["trainer"] == "online" and known["epochs"] is None
    return umatrix_stages_figure(
        steps[shown],
        np.stack(values),
        lattice,
        node_clusters=clusters if known["method"] == "basins" else None,
        unit="steps" if in_steps else "epochs",
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_umatrix_stages(
            snakemake.input.labels, snakemake.input.ensemble, snakemake.params.realization
        )
        for path in snakemake.output:
            save_figure(figure, path)
