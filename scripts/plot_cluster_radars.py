"""Draw the clusters of one map on its lattice, and a radar chart of the features of each."""

import numpy as np

from kohorte import store
from kohorte.figures.style import save_figure
from kohorte.figures.umatrix_stages import cluster_radars_figure
from kohorte.study.logs import job_log

#: Rows of the table that are read at once.
ROWS = 1_000_000


def measure_features(features):
    """Mean and standard deviation of each column, read part by part; missing values left out."""
    parts = [features[k : k + ROWS] for k in range(0, len(features), ROWS)]
    count = sum(np.isfinite(part).sum(axis=0) for part in parts)
    mean = sum(np.nansum(part, axis=0, dtype=np.float64) for part in parts) / count
    squares = sum(np.nansum((part - mean) ** 2, axis=0, dtype=np.float64) for part in parts)
    return mean, np.sqrt(squares / count)


def plot_cluster_radars(indexes, ensemble, data, chosen):
    """The figure for realization `chosen`, or for the most representative one."""
    stored = store.read_chosen_map(indexes, ensemble, chosen, "weights", "node_clusters", "hits")
    table = store.read_data(data, mapped=True)
    mean, spread = measure_features(table.features)
    clusters = stored.arrays["node_clusters"]
    return cluster_radars_figure(
        (stored.arrays["weights"] - mean) / spread,
        table.names,
        stored.lattice,
        node_clusters=clusters,
        points=np.bincount(clusters, stored.arrays["hits"], minlength=stored.n_clusters),
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_cluster_radars(
            snakemake.input.labels,
            snakemake.input.ensemble,
            snakemake.input.data,
            snakemake.params.realization,
        )
        for path in snakemake.output:
            save_figure(figure, path)
