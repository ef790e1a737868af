"""Write the few lines that a study ends with."""

from pathlib import Path

import pandas as pd

from kohorte import store
from kohorte._files import replacing
from kohorte.analysis.choice import describe_choice
from kohorte.study.logs import job_log


def summary_lines(ensemble, realizations, choice, evaluation, sufficiency, *, study, results):
    """The summary as lines of text; `choice` is None where there are no maps."""
    clusters, consensus = ensemble.clusters, ensemble.consensus
    per_map = realizations["n_clusters"]
    lines = [
        f"Study {study}: {ensemble.n_points} points, {len(realizations)} realizations",
        f"  realizations {per_map.min()} to {per_map.max()} clusters each (median "
        f"{per_map.median():g})",
    ]
    if "qe" in realizations:
        qe = realizations["qe"]
        lines[-1] += (
            f", quantization error {qe.min():.4f} to {qe.max():.4f}, "
            f"{realizations['seconds'].sum():.1f} s of training"
        )
    if choice is not None:
        for setting, reason in describe_choice(choice):
            lines += [f"  recommended  {setting}", f"{'':15s}{reason}"]
    held = ensemble.points.groups_with_points
    empty = f", {held} of them with points" if held < consensus.n_groups else ""
    lines += [
        f"  ensemble     {len(clusters.gsum)} clusters, Gsum {clusters.gsum.min():.4g} to "
        f"{clusters.gsum.max():.4g}, {len(set(clusters.sce_group))} SCE groups",
        f"  consensus    {consensus.n_groups} groups{empty} (rule: {consensus.rule}), mean "
        f"confidence {ensemble.points.mean_confidence:.3f}",
    ]
    if len(sufficiency):
        lines.append(f"  enough       {_enough(sufficiency, len(realizations))}")
    if len(evaluation):
        scores = evaluation.set_index("method")
        rows = {
            "single realizations (worst, median, best)": "single_min single_median single_max",
            "consensus (votes equal, by significance)": "consensus_equal consensus_significance",
        }
        lines.append("  truth        accuracy and adjusted Rand index")
        for title, methods in rows.items():
            chosen = scores.loc[methods.split()]
            accuracy = " ".join(f"{value:8.2%}" for value in chosen["accuracy"])
            ari = " ".join(f"{value:6.3f}" for value in chosen["ari"])
            lines.append(f"    {title:42s} {accuracy:27s} {ari}")
    return [*lines, f"  figures      {results}/figures/", f"  tables       {results}/tables/"]


def _enough(sufficiency, count):
    reached = sufficiency.loc[sufficiency["enough"].astype(bool), "realizations"]
    if reached.empty:
        return f"fewer than all {count} realizations do not give the same consensus reliably"
    return f"{reached.iloc[0]} of the {count} realizations give nearly the same consensus"


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        text = summary_lines(
            store.read_ensemble(snakemake.input.ensemble),
            pd.read_csv(snakemake.input.realizations),
            pd.read_csv(snakemake.input.choice) if snakemake.input.get("choice") else None,
            pd.read_csv(snakemake.input.evaluation),
            pd.read_csv(snakemake.input.sufficiency),
            study=snakemake.params.study,
            results=Path(snakemake.output.summary).parent,
        )
        with replacing(snakemake.output.summary) as temporary:
            temporary.write_text("\n".join(text) + "\n", encoding="utf-8")
