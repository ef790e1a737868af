"""The few lines that a study ends with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kohorte._references import p_value
from kohorte.analysis.choice import describe_choice
from kohorte.analysis.composition import count_samples, cramers_v
from kohorte.analysis.reliability import calibration_error
from kohorte.ensemble.sufficiency import LEAST

if TYPE_CHECKING:
    import pandas as pd

    from kohorte.store import PreparedData, StoredEnsemble
    from kohorte.store.ensembles import StoredConsensus, StoredPoints

#: Columns that are named as left out, and points that are named.
LISTED, NAMED = 20, 5

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
    notable: pd.DataFrame | None = None,
    composition: pd.DataFrame | None = None,
    data: PreparedData | None = None,
    results: str | Path,
) -> str:
    """Return the summary of a study as text.

    `study`: its name. `ensemble`: what `kohorte.store.read_ensemble` read. `realizations`,
    `sufficiency`, `evaluation`, `reliability`, `choice`, `notable`, `composition`: the tables of
    these names; there is no choice where there are no maps, and no composition where nothing says
    which sample a point belongs to. `data`: the table with what stands beside it, where there is
    one. `results`: folder of the study.
    """
    consensus, points, gsum = ensemble.consensus, ensemble.points, ensemble.clusters.gsum
    count, n_sce = len(realizations), len(set(ensemble.clusters.sce_group))
    lines = [
        f"Study {study}: {ensemble.n_points} points, {count} realizations",
        f"  report       {results}/report.html: open this first",
        f"  explorer     {results}/explorer.html: ask the ensemble",
        *(_describe_data(data) if data is not None else ()),
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
        *_describe_agreement(ensemble),
        f"  points       {_describe_points(points)}",
        *(_describe_notable(notable, data) if notable is not None else ()),
        *(_describe_composition(composition) if composition is not None else ()),
        f"  enough       {_describe_sufficiency(sufficiency, count - copies)}",
    ]
    if len(evaluation):
        judged, of = evaluation["points"].iloc[0], ensemble.n_points
        some = f" of the {judged} points whose class is known" if judged < of else ""
        lines.append(f"  truth        accuracy and adjusted Rand index{some}")
        lines += [f"    {line}" for line in _describe_scores(evaluation)]
        gap = calibration_error(reliability)
        lines.append(f"    confidence is off by {gap:.3f} on average (expected calibration error)")
    lines += [f"  figures      {results}/figures/", f"  tables       {results}/tables/"]
    return "\n".join(lines) + "\n"


def _describe_data(data: PreparedData) -> Iterator[str]:
    if data.left_out:
        left = ", ".join(data.left_out[:LISTED])
        more = len(data.left_out) - LISTED
        left += f" and {more} more" if more > 0 else ""
        yield f"  data         {count_of(len(data.names), 'feature')}; columns left out: {left}"
    for note in data.notes:
        yield f"  note         {note}"


def _describe_notable(notable: pd.DataFrame, data: PreparedData | None) -> Iterator[str]:
    """Name the most foreign points and those most in doubt."""
    for what, number in (("foreign", "novelty"), ("in doubt", "confidence")):
        chosen = notable[notable["why"].str.startswith(what)] if len(notable) else notable
        if chosen.empty:
            continue
        shown = chosen.head(NAMED)
        texts = [
            f"{_name_point(row, data)} ({value:.3g})"
            for row, value in zip(shown["row"].tolist(), shown[number].tolist(), strict=True)
        ]
        more = f" and {len(chosen) - NAMED} more" if len(chosen) > NAMED else ""
        yield f"{'':15s}{what}, with {number}: {'; '.join(texts)}{more}"


def _name_point(row: int, data: PreparedData | None) -> str:
    if data is None or not data.beside.ids:
        return f"row {row}"
    return data.beside.name_of(int(np.searchsorted(data.rows, row)))


def _describe_composition(composition: pd.DataFrame) -> Iterator[str]:
    for column, rows in composition.groupby("column", sort=False):
        counts = count_samples(rows)
        of_value = counts.sum(axis=1)
        text = (
            f"  samples      {column}: {count_of(len(of_value), 'value')} of "
            f"{of_value.min():g} to {of_value.max():g} points"
        )
        if not math.isnan(v := cramers_v(counts.to_numpy())):  # of one group or one value
            text += f"; association with the groups {v:.3f} (Cramér's V: 0 none, 1 full)"
        yield text


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
    return f"{text}; a table without any gives as much evidence with {p_value(p)}"


def _describe_runner_up(consensus: StoredConsensus) -> str:
    """Say how much speaks for the number of groups, and for the next best."""
    evidence = consensus.evidence
    if evidence is None or consensus.rule == "given":
        return ""
    best: dict[int, float] = {}
    for k, score in zip(evidence.n_groups.tolist(), evidence.score.tolist(), strict=True):
        best.setdefault(k, score)
    ranked = list(best.items())[:2]
    if not ranked:  # too few points for two groups
        return ""
    return "; evidence for " + ", ".join(f"{k}: {score:.2f}" for k, score in ranked)


def _describe_agreement(ensemble: StoredEnsemble) -> Iterator[str]:
    if ensemble.consensus.consensus == "jaccard":  # cuts of several finenesses need not agree
        mean = ensemble.realizations.mean_ari
        yield f"  agreement    two realizations: adjusted Rand index {mean:.3f} on average"


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
    shown = dict(_SCORES)
    if "signal_cuts" in scores.index:
        shown["classes of the signal, cut by hand"] = "signal_cuts"
    for title, methods in shown.items():
        chosen = scores.loc[methods.split()]
        accuracy = " ".join(f"{value:8.2%}" for value in chosen["accuracy"])
        ari = " ".join(f"{value:6.3f}" for value in chosen["ari"])
        yield f"{title:46s} {accuracy:27s} {ari}"
