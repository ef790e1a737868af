"""The few lines that a study ends with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kohorte.analysis.choice import describe_choice
from kohorte.analysis.reliability import calibration_error
from kohorte.ensemble.sufficiency import LEAST

if TYPE_CHECKING:
    import pandas as pd

    from kohorte.store import StoredEnsemble
    from kohorte.store.ensembles import StoredConsensus, StoredPoints

_SCORES = {
    "single realizations (worst, median, best ARI)": "single_min single_median single_max",
    "consensus (votes equal, by significance)": "consensus_equal consensus_significance",
}


def summarize_study(
    study: str,
    ensemble: StoredEnsemble,
    *,
    realizations: pd.DataFrame,
    sufficiency: pd.DataFrame,
    evaluation: pd.DataFrame,
    reliability: pd.DataFrame,
    choice: pd.DataFrame | None = None,
    results: str | Path,
) -> str:
    """Return the summary of a study as text.

    `study`: its name. `ensemble`: what `kohorte.store.read_ensemble` read. `realizations`,
    `sufficiency`, `evaluation`, `reliability`, `choice`: the tables of these names; there is no
    choice where there are no maps. `results`: folder of the study.
    """
    consensus, points, gsum = ensemble.consensus, ensemble.points, ensemble.clusters.gsum
    count, n_sce = len(realizations), len(set(ensemble.clusters.sce_group))
    lines = [
        f"Study {study}: {ensemble.n_points} points, {count} realizations",
        f"  realizations {_describe_realizations(realizations)}",
    ]
    copies = realizations["same_as"].notna().sum()
    if copies:
        lines.append(f"  copies       {copies} realizations are copies of others and do not vote")
    if choice is not None:
        for setting, reason in describe_choice(choice, realizations):
            lines += [f"  recommended  {setting}", f"{'':15s}{reason}"]
    held = points.groups_with_points
    empty = f", {held} of them with points" if held < consensus.n_groups else ""
    lines += [
        f"  ensemble     {len(gsum)} clusters, Gsum {gsum.min():.4g} to {gsum.max():.4g}, "
        f"{n_sce} SCE groups",
        f"  structure    {_describe_structure(ensemble)}",
        f"  consensus    {count_of(consensus.n_groups, 'group')}{empty} (rule: {consensus.rule}"
        f"{_describe_runner_up(consensus)}), mean confidence {points.mean_confidence:.3f}",
        f"  points       {_describe_points(points)}",
        f"  enough       {_describe_sufficiency(sufficiency, count - copies)}",
    ]
    if consensus.consensus == "jaccard":  # cuts of several finenesses are not meant to agree
        mean = ensemble.realizations.mean_ari
        text = f"two realizations: adjusted Rand index {mean:.3f} on average"
        lines.insert(-2, f"  agreement    {text}")
    if len(evaluation):
        lines.append("  truth        accuracy and adjusted Rand index")
        lines += [f"    {line}" for line in _describe_scores(evaluation)]
        gap = calibration_error(reliability)
        lines.append(f"    confidence is off by {gap:.3f} on average (expected calibration error)")
    lines += [f"  figures      {results}/figures/", f"  tables       {results}/tables/"]
    return "\n".join(lines) + "\n"


def _describe_realizations(realizations: pd.DataFrame) -> str:
    counts = realizations["n_clusters"]
    text = f"{counts.min()} to {counts.max()} clusters each (median {counts.median():g})"
    if "qe" in realizations:
        qe, seconds = realizations["qe"], realizations["seconds"].sum()
        text += (
            f", quantization error {qe.min():.4f} to {qe.max():.4f}, {seconds:.1f} s of training"
        )
    return text


def count_of(count: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{count} {noun}" + "s" * (count != 1)


def _describe_structure(ensemble: StoredEnsemble) -> str:
    p, consensus = ensemble.p_structure, ensemble.consensus
    if p is None:
        return "not tested: nothing says whether a table without groups gives as many"
    found = consensus.n_groups > 1 and consensus.rule != "given"
    text = "there are groups" if found else "no groups beyond chance"
    if consensus.rule == "given":
        text = f"{count_of(consensus.n_groups, 'group')} asked for"
    return f"{text}; a table without any gives as much evidence with p = {p:.2g}"


def _describe_runner_up(consensus: StoredConsensus) -> str:
    """Say how much speaks for the number of groups, and for the next best."""
    evidence = consensus.evidence
    if evidence is None or consensus.rule == "given":
        return ""
    best: dict[int, float] = {}
    for k, score in zip(evidence.n_groups.tolist(), evidence.score.tolist(), strict=True):
        best.setdefault(k, score)
    ranked = list(best.items())[:2]
    return "; evidence for " + ", ".join(f"{k}: {score:.2f}" for k, score in ranked)


def _describe_sufficiency(sufficiency: pd.DataFrame, count: int) -> str:
    if sufficiency.empty:
        return f"cannot be told from {count}; train at least {LEAST}"
    measured = sufficiency[~sufficiency["extrapolated"].astype(bool)]
    reached = measured.loc[measured["enough"].astype(bool), "realizations"]
    if not reached.empty:
        n = reached.iloc[0]
        return f"{n} of the {count} realizations give nearly the same consensus as {n} others"
    half, whole = measured.iloc[-1], sufficiency.iloc[-1]
    return (
        f"not settled: train more ({half['realizations']} realizations and {half['realizations']} "
        f"others: {half['mean']:.3f}; {count} and {count}, extrapolated: {whole['mean']:.3f})"
    )


def _describe_points(points: StoredPoints) -> str:
    text = (
        f"{points.doubtful} in doubt (no majority, or over half as many votes for a second group)"
    )
    if points.outliers is not None:
        text += f", {points.outliers} foreign (novelty above {points.outlier_threshold:.3g})"
    return text


def _describe_scores(evaluation: pd.DataFrame) -> Iterator[str]:
    scores = evaluation.set_index("method")
    for title, methods in _SCORES.items():
        chosen = scores.loc[methods.split()]
        accuracy = " ".join(f"{value:8.2%}" for value in chosen["accuracy"])
        ari = " ".join(f"{value:6.3f}" for value in chosen["ari"])
        yield f"{title:46s} {accuracy:27s} {ari}"
