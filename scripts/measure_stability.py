"""Bootstrap over realizations: intervals of significance and rank, and stability of the groups."""

import numpy as np
import pandas as pd

from kohorte import store
from kohorte.ensemble.stability import bootstrap_gsum, group_stability
from kohorte.study.logs import job_log

CLUSTERS = ["realization", "cluster", "consensus_group", "gsum", "gsum_low", "gsum_high"]
RANKS = ["rank", "rank_low", "rank_high"]
GROUPS = ["group", "points", "clusters", "found", "jaccard", "mean_confidence"]


def cluster_table(ensemble, seed, resamples, identical):
    """One row a cluster by rank, with 95 % intervals; empty where there is one realization only."""
    if len(ensemble.realizations.ids) < 2:
        return pd.DataFrame(columns=[*CLUSTERS, *RANKS])
    found = bootstrap_gsum(
        ensemble.overlaps,
        np.random.default_rng(seed),
        resamples=resamples,
        identical=identical,
    )
    clusters = ensemble.clusters
    table = pd.DataFrame(
        {
            "realization": [ensemble.realizations.ids[k] for k in clusters.realization],
            "cluster": clusters.cluster,
            "consensus_group": clusters.consensus_group,
            "gsum": found.gsum,
            "gsum_low": found.gsum_low,
            "gsum_high": found.gsum_high,
            "rank": clusters.rank,
            "rank_low": found.rank_low + 1,
            "rank_high": found.rank_high + 1,
        }
    )
    return table.sort_values("rank")


def group_table(ensemble):
    """One row a consensus group."""
    groups = ensemble.clusters.consensus_group
    count = int(ensemble.consensus.n_groups)
    stable = group_stability(ensemble.overlaps, groups)
    labels, confidence = ensemble.points.label, ensemble.points.confidence
    held = labels >= 0  # others have no group
    points = np.bincount(labels[held], minlength=count)
    total = np.bincount(labels[held], confidence[held], minlength=count)
    columns = [
        np.arange(count),
        points,
        np.bincount(groups, minlength=count),
        stable.found,
        stable.jaccard,
        np.divide(total, points, out=np.full(count, np.nan), where=points > 0),
    ]
    return pd.DataFrame(dict(zip(GROUPS, columns, strict=True)))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        combined = store.read_ensemble(snakemake.input.ensemble, points=True)
        bootstrapped = cluster_table(
            combined,
            snakemake.params.seed,
            snakemake.params.resamples,
            snakemake.params.identical,
        )
        store.write_csv(bootstrapped, snakemake.output.stability)
        store.write_csv(group_table(combined), snakemake.output.groups)
