"""Write the tables of realizations, clusters and points."""

import pandas as pd

from kohorte import store
from kohorte.logs import job_log

#: Points beyond which `points.csv` has its header only: the same columns lie in `ensemble.h5`.
MAX_POINT_ROWS = 1_000_000


def tabulate_realizations(indexes):
    """One row a realization: id, every parameter, seed, quality, clusters and time."""
    stored = [store.read_realization(f) for f in store.listed_realizations(indexes)]
    return pd.DataFrame(
        {
            "id": r.id,
            **r.parameters,
            "repeat": r.repeat,
            "seed": r.seed,
            "qe": r.quality["quantization_error"],
            "te": r.quality["topographic_error"],
            "n_clusters": r.n_clusters,
            "seconds": sum(r.seconds.values()),
            **{k: v for k, v in r.quality.items() if not k.endswith("_error")},
        }
        for r in stored
    )


def tabulate_clusters(ensemble):
    """One row a cluster of a realization, by descending significance."""
    clusters = pd.DataFrame(vars(ensemble.clusters))
    clusters["realization"] = [ensemble.realizations.ids[k] for k in clusters["realization"]]
    columns = ["realization", "cluster", "size", "gsum", "rank", "sce_group", "consensus_group"]
    return clusters.sort_values("rank")[columns]


def tabulate_points(ensemble, data):
    """One row a point, with the row of the source that it came from."""
    points = pd.DataFrame({"row": data.rows, **vars(ensemble.points)})
    columns = ["row", "label", "confidence", "signal"]
    return points[columns] if len(points) <= MAX_POINT_ROWS else points[columns].head(0)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        combined = store.read_ensemble(snakemake.input.ensemble)
        prepared = store.read_data(snakemake.input.data)
        store.write_csv(
            tabulate_realizations(snakemake.input.indexes), snakemake.output.realizations
        )
        store.write_csv(tabulate_clusters(combined), snakemake.output.clusters)
        store.write_csv(tabulate_points(combined, prepared), snakemake.output.points)
