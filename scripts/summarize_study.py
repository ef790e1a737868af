"""Write the few lines that a study ends with."""

import pandas as pd

from kohorte import store
from kohorte.logs import job_log


def summary_lines(ensemble, realizations, evaluation, *, study, results):
    """The summary as lines of text."""
    clusters, consensus = ensemble.clusters, ensemble.consensus
    per_map = realizations["n_clusters"]
    lines = [
        f"Study {study}: {ensemble.n_points} points, {len(realizations)} realizations",
        f"  maps        {per_map.min()} to {per_map.max()} clusters each (median "
        f"{per_map.median():g}), quantization error {realizations['qe'].min():.4f} to "
        f"{realizations['qe'].max():.4f}, {realizations['seconds'].sum():.1f} s of training",
        f"  ensemble    {len(clusters.gsum)} clusters, Gsum {clusters.gsum.min():.4g} to "
        f"{clusters.gsum.max():.4g}, {len(set(clusters.sce_group))} SCE groups",
        f"  consensus   {consensus.n_groups} groups ({consensus.rule}), mean confidence "
        f"{ensemble.points.confidence.mean():.3f}",
    ]
    if len(evaluation):
        scores = evaluation.set_index("method")
        single = scores.loc[["single_min", "single_median", "single_max"]]
        found = scores.loc["consensus"]
        lines += [
            "  truth       accuracy of the consensus "
            f"{found.accuracy:.2%}; of single maps (worst, median, best by ARI) "
            + ", ".join(f"{value:.2%}" for value in single["accuracy"]),
            f"              adjusted Rand index of the consensus {found.ari:.3f}; of single maps "
            + ", ".join(f"{value:.3f}" for value in single["ari"]),
        ]
    return [*lines, f"  figures     {results}/figures/", f"  tables      {results}/tables/"]


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        text = summary_lines(
            store.read_ensemble(snakemake.input.ensemble),
            pd.read_csv(snakemake.input.realizations),
            pd.read_csv(snakemake.input.evaluation),
            study=snakemake.params.study,
            results=snakemake.params.results,
        )
        with store.replacing(snakemake.output.summary) as temporary:
            temporary.write_text("\n".join(text) + "\n", encoding="utf-8")
