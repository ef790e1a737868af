"""Draw how many points each node of one map holds, by class where classes are known."""

import numpy as np

from kohorte import store
from kohorte.figures.maps import hit_map_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_hits(indexes, ensemble, data, chosen):
    """The figure for realization `chosen`, or for the most representative one."""
    stored = store.read_chosen_map(indexes, ensemble, chosen, "hits", "winners", "node_clusters")
    table = store.read_data(data, mapped=True)
    counts = None
    if table.truth is not None:
        counts = np.zeros((stored.arrays["hits"].size, len(table.class_names)), dtype=np.int64)
        np.add.at(counts, (stored.arrays["winners"], table.truth), 1)
    return hit_map_figure(
        stored.arrays["hits"],
        stored.lattice,
        class_counts=counts,
        class_names=table.class_names,
        node_clusters=stored.arrays["node_clusters"],
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_hits(
            snakemake.input.labels,
            snakemake.input.ensemble,
            snakemake.input.data,
            snakemake.params.realization,
        )
        for path in snakemake.output:
            save_figure(figure, path)
