"""Write the tables of realizations, clusters and points, and the choice of parameters."""

import pandas as pd

from kohorte import store
from kohorte.analysis.choice import choose_settings
from kohorte.study.logs import job_log

#: Points beyond which `points.csv` has its header only: the same columns lie in `ensemble.h5`.
MAX_POINT_ROWS = 1_000_000

#: Columns of `realizations.csv` by the measures of quality with a short name; others keep theirs.
SHORT = {"qe": "quantization_error", "te": "topographic_error"}


def tabulate_maps(indexes):
    """One row a trained map: id, every parameter, seed, quality, clusters and time."""
    stored = [store.read_realization(f) for f in store.listed_realizations(indexes)]
    return pd.DataFrame(
        {
            "id": r.id,
            **r.parameters,
            "repeat": r.repeat,
            "seed": r.seed,
            **{short: r.quality[name] for short, name in SHORT.items()},
            "n_clusters": r.n_clusters,
            "seconds": sum(r.seconds.values()),
            **{k: v for k, v in r.quality.items() if k not in SHORT.values()},
        }
        for r in stored
    )


def tabulate_files(ensemble, files):
    """One row a label file."""
    counts = pd.Series(ensemble.clusters.realization).value_counts().sort_index()
    return pd.DataFrame({"id": list(files), "file": list(files.values()), "n_clusters": counts})


def tabulate_clusters(ensemble):
    """One row a cluster of a realization, by descending significance."""
    clusters = pd.DataFrame(vars(ensemble.clusters))
    clusters["realization"] = [ensemble.realizations.ids[k] for k in clusters["realization"]]
    columns = ["realization", "cluster", "size", "gsum", "rank", "sce_group", "consensus_group"]
    return clusters.sort_values("rank")[columns]


def tabulate_points(ensemble, rows):
    """One row a point, with the row of the source that it came from."""
    columns = ["label", "confidence", "signal"]
    if ensemble.n_points > MAX_POINT_ROWS:
        return pd.DataFrame(columns=["row", *columns])
    points = ensemble.points
    return pd.DataFrame({"row": rows, **{name: getattr(points, name) for name in columns}})


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        combined = store.read_ensemble(snakemake.input.ensemble)
        if combined.n_points <= MAX_POINT_ROWS:
            combined = store.read_ensemble(snakemake.input.ensemble, points=True)
        files, data = snakemake.params.files, snakemake.input.get("data")
        if files:
            realizations = tabulate_files(combined, files)
        else:
            realizations = tabulate_maps(snakemake.input.labels)
            choice = choose_settings(realizations, snakemake.params.swept)
            realizations = choice.mark(realizations)
            store.write_csv(choice.settings, snakemake.output.choice)
        rows = store.read_data(data).rows if data else range(combined.n_points)
        store.write_csv(realizations, snakemake.output.realizations)
        store.write_csv(tabulate_clusters(combined), snakemake.output.clusters)
        store.write_csv(tabulate_points(combined, rows), snakemake.output.points)
