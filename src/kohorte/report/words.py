"""What a study shows, in sentences: the verdict, and a few numbers for each figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kohorte._references import CONTACT_NUMBERS
from kohorte.analysis.exchange import exchanging_pairs
from kohorte.analysis.profiles import telling_features
from kohorte.analysis.reliability import calibration_error
from kohorte.ensemble.sufficiency import LEAST
from kohorte.ensemble.votes import in_doubt
from kohorte.figures.groups import consensus_title
from kohorte.report.facts import Facts, number_of, p_value, percent, plain

#: Of a p-value, but for that of structure, up to which a page speaks of a difference.
PAGE_LEVEL = 0.05

_LISTED = 10  # columns named in a sentence
_GROUPS_NAMED = 6
_POINTS_NAMED = 5


@dataclass(frozen=True)
class Finding:
    """One line of the verdict."""

    question: str
    answer: str  # A few words
    evidence: str  # Sentences
    tone: str = "neutral"  # good, bad, neutral


def headline(facts: Facts) -> str:
    """Return the answer of the study in one sentence."""
    consensus, points = facts.ensemble.consensus, facts.ensemble.points
    table = number_of(facts.ensemble.n_points, "point")
    several = number_of(len(facts.rows("realizations")), "map" if facts.has_maps else "clustering")
    if consensus.n_groups == 1:
        text = f"The {table} form one group"
        if consensus.rule != "given":
            text += f": in {several} no other stands out"
    else:
        text = f"{several} together divide the {table} into {consensus.n_groups} groups"
        held = points.groups_with_points
        if held < consensus.n_groups:
            text += f", {held} of them with points"
    p = facts.ensemble.p_structure
    if p is not None and consensus.n_groups > 1:
        text += ", which is more structure than chance gives" if p <= facts.level else ""
    return text + "."


def verdict(facts: Facts) -> list[Finding]:
    """Return what a reader asks first, with answers and evidence."""
    findings = [_structure(facts), _groups(facts), _gaps(facts), _features(facts)]
    findings += [_certainty(facts), _agreement(facts), _sufficiency(facts), _classes(facts)]
    findings += [_reading(facts)]
    return [finding for finding in findings if finding is not None]


def _structure(facts: Facts) -> Finding:
    question = "Are there groups at all?"
    p, found = facts.ensemble.p_structure, facts.rows("structure")
    if p is None:
        text = "The study did not look whether a table without any groups would give as many"
        asked = "set structure.references to 10" if facts.has_maps else "only maps can be tested"
        if facts.has_maps and facts.ensemble.consensus.consensus == "jaccard":
            asked = "recipe: published has no such test, recipe: resolved has one"
        return Finding(question, "Not tested", f"{text}: {asked}.", "neutral")
    any_number = found[found["n_groups"].astype(str) == "any"] if len(found) else found
    text = (
        "Maps were trained in the same way on tables that have no groups. "
        f"Such a table gives as much evidence for groups with a probability of {p_value(p)}"
    )
    if len(any_number):
        row = any_number.iloc[0]
        score, usual = f"{row['score']:.2f}", f"{row['expected']:.2f}"
        text += f". A high score speaks for groups: it is {score}, where {usual} is usual"
        if pd.notna(row[["contact", "expected_contact"]]).all():
            text += (
                f". So does little contact: cut into {CONTACT_NUMBERS[0]} to {CONTACT_NUMBERS[-1]} "
                f"groups, neighbours touch {row['contact']:.2f} times as much as by chance, where "
                f"{row['expected_contact']:.2f} is usual"
            )
    good = p <= facts.level
    return Finding(question, "Yes" if good else "Not shown", text + ".", "good" if good else "bad")


def _groups(facts: Facts) -> Finding:
    consensus = facts.ensemble.consensus
    answer = number_of(consensus.n_groups, "group")
    text = f"The number was chosen by the rule “{consensus.rule}”"
    if consensus.rule == "given":
        text = "The number was given in the configuration"
    elif consensus.n_groups == 1 and (facts.ensemble.p_structure or 0.0) > facts.level:
        text = "There is one group where the test finds no more than chance gives"
    evidence = facts.rows("evidence")
    if len(evidence):
        best = evidence.drop_duplicates("n_groups").head(3)
        own = best[best["n_groups"] == consensus.n_groups]
        others = best[best["n_groups"] != consensus.n_groups]
        if len(own):
            text += f"; its evidence is {float(own['score'].iloc[0]):.2f}"
        if len(others):
            row = others.iloc[0]
            text += (
                f"; the next best number is {int(row['n_groups'])}, with {float(row['score']):.2f}"
            )
    elif consensus.candidates:
        also = [f"{name}: {k}" for name, k in consensus.candidates.items()]
        text += f"; each rule on its own gives {', '.join(also)}"
    sizes = np.sort(facts.points_by_group[facts.points_by_group > 0])
    if len(sizes) > 1:
        text += f". They hold {sizes[0]:,} to {number_of(int(sizes[-1]), 'point')}"
    return Finding("How many groups?", answer, text + ".")


def _gaps(facts: Facts) -> Finding | None:
    """Say between which neighbours there is a gap."""
    found = facts.rows("boundaries")
    found = found[found["p_gap"].notna()] if len(found) else found
    if found.empty:
        return None
    apart = found["p_gap"].to_numpy(dtype=float) <= PAGE_LEVEL
    pairs = [
        f"{int(row['group'])} and {int(row['neighbour'])} ({p_value(row['p_gap'])})"
        for row in found.to_dict("records")
    ]
    sides = [
        ("A gap is shown between the groups ", [pairs[k] for k in np.flatnonzero(apart)]),
        ("None is shown between ", [pairs[k] for k in np.flatnonzero(~apart)]),
    ]
    text = " ".join(start + _listing(named) + "." for start, named in sides if named)
    if not apart.all():
        text += " Groups without a gap may be parts of one cloud, cut where maps cut it."
    answer = "Yes, all" if apart.all() else "None is shown to be" if not apart.any() else "Not all"
    tone = "good" if apart.all() else "bad" if not apart.any() else "neutral"
    return Finding("Are neighbouring groups apart?", answer, text, tone)


def _listing(texts: Sequence[str], most: int = 6) -> str:
    """Join texts in a sentence; of many the first, and how many more."""
    shown = list(texts[:most])
    if len(texts) > most:
        return f"{', '.join(shown)} and {len(texts) - most} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _features(facts: Facts) -> Finding | None:
    """Say which features tell the groups apart, and what each group is like."""
    profiles = facts.profiles
    if profiles.empty or not profiles["telling"].notna().any():
        return None
    held = profiles[profiles["telling"].notna()]
    weighted = (held["telling"] * held["n"]).groupby(held["feature"], sort=False).sum()
    mean = weighted / held.groupby("feature", sort=False)["n"].sum().clip(lower=1)
    best = mean.round(9).sort_values(ascending=False, kind="stable").index[:2]
    answer = " and ".join(facts.title(name) for name in best)
    said = [(group, describe_group(facts, group)) for group in facts.groups.index]
    named = [
        f"{consensus_title(group)}: {text[0].lower()}{text[1:]}" for group, text in said if text
    ]
    more = len(named) - _GROUPS_NAMED
    text = "; ".join(named[:_GROUPS_NAMED]) + (f"; and {more} more, below" if more > 0 else "")
    return Finding("Which features tell them apart?", answer, f"{text[:1].upper()}{text[1:]}.")


def describe_group(facts: Facts, group: int) -> str:
    """Say by which features a group stands out: high, low, or in between."""
    words = []
    for row in telling_features(facts.profiles, group, 3):
        effect = float(row.effect)
        if float(row.telling) < 0.3:
            continue
        word = "high" if effect > 0.5 else "low" if effect < -0.5 else "intermediate"
        words.append(f"{word} {facts.title(row.feature)}")
    if not words:
        return ""
    return words[0][0].upper() + ", ".join(words)[1:]


def _name_points(facts: Facts, chosen: np.ndarray, order: np.ndarray) -> str:
    """Name some of the chosen points, those first that come first in `order`."""
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(order[rows].round(6), kind="stable")]
    return _listing([facts.name_point(int(row)) for row in rows], _POINTS_NAMED)


def _certainty(facts: Facts) -> Finding:
    points, n = facts.ensemble.points, facts.ensemble.n_points
    question = "How sure is the group of a point?"
    if facts.ensemble.consensus.n_groups == 1:
        text = "There is no other group that a point could be in." + _foreign(facts)
        return Finding(question, "One group only", text)
    share = points.doubtful / n
    text = (
        f"On average {percent(points.mean_confidence)} of the votes agree on the group of a point. "
        f"{_points(points.doubtful, n)} {'is' if points.doubtful <= 1 else 'are'} in doubt"
    )
    if points.doubtful:
        text += (
            ": no group has half of the votes, or a second one has more than half as many as the "
            "first"
        )
        if pairs := _doubted_pairs(facts):
            text += f"; {pairs}"
        confidence = np.asarray(points.confidence, dtype=np.float64)
        doubted = in_doubt(points.confidence, points.second_share)
        if doubted.any():
            text += f". The least certain first: {_name_points(facts, doubted, confidence)}"
    text += "." + _foreign(facts)
    tone = "good" if share < 0.05 else "bad" if share > 0.2 else "neutral"
    return Finding(question, f"{percent(1 - share)} clear", text, tone)


def _foreign(facts: Facts) -> str:
    """Say how many points look foreign, and which, in a sentence; nothing where that is unknown."""
    points = facts.ensemble.points
    if points.outliers is None:
        return ""
    verb = "looks" if points.outliers <= 1 else "look"
    many = _points(points.outliers, facts.ensemble.n_points)
    text = (
        f" {many} {verb} foreign, farther from the maps than is usual "
        f"(novelty above {points.outlier_threshold:.3g})"
    )
    far = points.arrays.get("is_outlier", np.zeros(0, dtype=bool))
    if far.any():
        text += f": {_name_points(facts, far, -np.asarray(points.novelty, dtype=np.float64))}"
    return text + "."


def _doubted_pairs(facts: Facts, most: int = 3) -> str:
    """Say between which groups the points in doubt are, those with most of them first."""
    table = facts.rows("exchange")
    if table.empty:
        return ""
    pairs = exchanging_pairs(table)
    doubted = pairs[pairs["doubtful"] > 0]
    named = [
        f"{row.first} and {row.other} ({row.doubtful:,})"
        for row in doubted.head(most).itertuples(index=False)
    ]
    more = len(doubted) - len(named)
    named += [f"{number_of(more, 'other pair')}"] if more else []
    return f"they are between the groups {', '.join(named)}" if named else ""


def _exchange(facts: Facts) -> str:
    table = facts.rows("exchange")
    pairs = exchanging_pairs(table) if len(table) else table
    if pairs.empty:
        return "Every point has all votes for its group: no groups exchange points."
    row = pairs.iloc[0]
    both = facts.points_by_group[int(row["first"])] + facts.points_by_group[int(row["other"])]
    points = number_of(int(row["points"]), "point")
    return (
        f"Groups {int(row['first'])} and {int(row['other'])} are the least sure pair: for {points} "
        f"of their {both:,} the other one is the second choice, with "
        f"{percent(row['votes'] / row['points'])} of the votes on average; "
        f"{int(row['doubtful']):,} of these are in doubt."
    )


def _name_realizations(facts: Facts) -> str:
    return "maps" if facts.has_maps else "clusterings"


def _points(count: int, of: int) -> str:
    return f"{number_of(count, 'point')} ({percent(count / of)})" if count else "No point"


def _agreement(facts: Facts) -> Finding | None:
    realizations = facts.ensemble.realizations
    if len(realizations.ids) < 2:
        return Finding(
            f"Do the {_name_realizations(facts)} agree?",
            "There is only one",
            "An ensemble needs several realizations: nothing is known of how stable this is.",
            "bad",
        )
    if facts.ensemble.consensus.n_groups == 1:
        return Finding(
            f"Do the {_name_realizations(facts)} agree?",
            "One group only",
            "All of them vote for the one group that there is.",
        )
    shares = realizations.with_consensus
    low, high = percent(shares.min()), percent(shares.max())
    between = low if low == high else f"{low} to {high}"
    text = f"A realization votes as the consensus does for {between} of the points"
    text += ". " if low == high else f", {percent(np.median(shares))} in the median. "
    found = facts.groups["found"].to_numpy(dtype=float)
    often = int((found >= 0.9).sum())
    which = f"All {len(found)}" if often == len(found) else f"{often} of {len(found)}"
    text += f"{which} groups are found by nine in ten of them or more."
    if facts.ensemble.consensus.consensus == "jaccard":
        text += f" Two realizations have an adjusted Rand index of {realizations.mean_ari:.2f}."
    copies = facts.rows("realizations").get("same_as", pd.Series(dtype=object)).notna().sum()
    if copies:
        text += f" {number_of(int(copies), 'realization')} copied others and did not vote."
    tone = "good" if np.median(shares) >= 0.9 else "bad" if np.median(shares) < 0.6 else "neutral"
    answer = f"For {percent(np.median(shares))} of the points"
    return Finding(f"Do the {_name_realizations(facts)} agree?", answer, text, tone)


def _sufficiency(facts: Facts) -> Finding:
    found = facts.rows("sufficiency")
    question = f"Are there enough {_name_realizations(facts)}?"
    count = len(facts.ensemble.realizations.ids)
    if found.empty:
        text = f"Whether {count} are enough can be told from {LEAST} or more."
        return Finding(question, "Cannot be told", text)
    measured = found[~found["extrapolated"].astype(bool)]
    reached = measured.loc[measured["enough"].astype(bool), "realizations"]
    if len(reached):
        n = int(reached.iloc[0])
        text = f"{n} of the {count} already give nearly the same groups as {n} others."
        return Finding(question, "Yes, settled", text, "good")
    half, whole = measured.iloc[-1], found.iloc[-1]
    text = (
        f"The groups of {int(half['realizations'])} realizations and of as many others have an "
        f"adjusted Rand index of {half['mean']:.2f} on average, but one draw in twenty is below "
        f"{half['low']:.2f}. For all {count} and as many new ones {whole['mean']:.2f} is to be "
        "expected. Raise realizations.repeats."
    )
    if not facts.has_maps:
        text = text.replace("Raise realizations.repeats.", "Add label files.")
    return Finding(
        question, "Not settled: " + ("train more" if facts.has_maps else "add more"), text, "bad"
    )


def _classes(facts: Facts) -> Finding | None:
    found = facts.rows("evaluation")
    if found.empty:
        return None
    scores = {row["method"]: row for row in found.to_dict("records")}
    votes = facts.ensemble.options.get("votes", "equal")
    own = scores.get(f"consensus_{votes}", scores["consensus_equal"])
    middle = scores["single_median"]
    text = (
        "Matched with the known classes, the groups are right for "
        f"{percent(own['accuracy'])} of the points (adjusted Rand index "
        f"{own['ari']:.2f}); a single realization in the median for "
        f"{percent(middle['accuracy'])} ({middle['ari']:.2f}). "
    )
    if "signal_cuts" in scores:
        cut = scores["signal_cuts"]
        text += (
            f"Classes of the stacked signal, cut by hand, are right for {percent(cut['accuracy'])} "
            f"({cut['ari']:.2f}). "
        )
    text = text.strip() + (" No map has seen the classes." if facts.has_maps else "")
    return Finding("Do they match the known classes?", percent(own["accuracy"]), text)


def _reading(facts: Facts) -> Finding | None:
    table = facts.table
    if table is None:
        return None
    n_features = len(table.names)
    parts = [
        f"{number_of(facts.ensemble.n_points, 'row')} with {number_of(n_features, 'feature')} were "
        "used."
    ]
    if table.n_missing:
        share = table.n_missing / (facts.ensemble.n_points * n_features)
        parts.append(
            f"{number_of(table.n_missing, 'value')} ({percent(share)}) "
            f"{'is' if table.n_missing == 1 else 'are'} missing."
        )
    if table.left_out:
        names = ", ".join(table.left_out[:_LISTED])
        more = len(table.left_out) - _LISTED
        names += f" and {more} more" if more > 0 else ""
        parts.append(f"Columns left out: {names}.")
    parts += [f"{note.rstrip('.')}." for note in table.notes]
    answer = number_of(len(table.notes), "remark") if table.notes else "Without remarks"
    return Finding("How was the table read?", answer, " ".join(parts))


def describe_figure(facts: Facts, name: str) -> str:
    """Return what this study shows in a figure, in numbers; empty where nothing is to be said."""
    describe = _FIGURES.get(name)
    return describe(facts) if describe else ""


def _profiles(facts: Facts) -> str:
    parts = []
    for group in facts.groups.index[:4]:
        for row in telling_features(facts.profiles, group, 1):
            parts.append(
                f"{consensus_title(group)} by {facts.title(row.feature)} ({_telling(row)})"
            )
    return f"What tells them apart most: {'; '.join(parts)}." if parts else ""


def _telling(row: Any) -> str:
    unit = f" {row.unit}" if isinstance(row.unit, str) and row.unit else ""
    return f"median {plain(float(row.median))}{unit}"


def _signal(facts: Facts) -> str:
    signal = facts.ensemble.points.signal
    return (
        f"The stacked signal of the points goes from {plain(float(signal.min()))} to "
        f"{plain(float(signal.max()))}."
    )


def _similarity(facts: Facts) -> str:
    clusters, consensus = len(facts.ensemble.clusters.gsum), facts.ensemble.consensus
    return f"{clusters:,} clusters form {number_of(consensus.n_groups, 'consensus group')}."


def _ranking(facts: Facts) -> str:
    gsum = facts.ensemble.clusters.gsum
    n_sce = len(set(facts.ensemble.clusters.sce_group.tolist()))
    return (
        f"{number_of(len(gsum), 'cluster')} with Gsum {plain(float(gsum.min()))} to "
        f"{plain(float(gsum.max()))}, in {number_of(n_sce, 'SCE group')}."
    )


def _confidence(facts: Facts) -> str:
    points = facts.ensemble.points
    sure = float((points.confidence > 0.999).mean())
    return f"{percent(sure)} of the points have all votes; {points.doubtful:,} are in doubt."


def _reliability(facts: Facts) -> str:
    gap = calibration_error(facts.rows("reliability"))
    return f"The confidence is off by {percent(gap)} on average."


def _clusters(facts: Facts) -> str:
    n = facts.rows("realizations")["n_clusters"]
    return (
        f"{int(n.min())} to {int(n.max())} clusters in a realization, {n.median():g} in the median."
    )


def _quality(facts: Facts) -> str:
    found, choice = facts.rows("realizations"), facts.rows("choice")
    text = f"Quantization errors {_range(found['qe'])}, topographic errors {_range(found['te'])}."
    chosen = choice[choice["recommended"].astype(bool)] if "recommended" in choice else choice[:0]
    if len(chosen):
        text += f" Recommended: {chosen['realization'].iloc[0]}."
    return text


def _range(values: Any) -> str:
    return f"{plain(float(np.nanmin(values)))} to {plain(float(np.nanmax(values)))}"


def _effects(facts: Facts) -> str:
    found = facts.rows("effects")
    if found.empty:
        return ""
    p_values = found.drop_duplicates("parameter").set_index("parameter")["p_value"].astype(float)
    matter = [f"{name} ({p_value(p)})" for name, p in p_values.items() if p <= PAGE_LEVEL]
    if not matter:
        return "None of the swept parameters changes the partition beyond chance."
    return f"The partition depends on {', '.join(matter)}."


def _agreement_numbers(facts: Facts) -> str:
    ari = facts.ensemble.realizations.ari
    pairs = ari[np.triu_indices(len(ari), 1)]
    return (
        f"Adjusted Rand index of a pair: {_range(pairs)}, {plain(float(pairs.mean()))} on average."
    )


def _map(facts: Facts) -> str:
    realizations = facts.ensemble.realizations
    share = percent(realizations.with_consensus.max())
    return (
        f"The map that agrees best with the consensus, for {share} of the points, is "
        f"{realizations.representative}."
    )


def _stability(facts: Facts) -> str:
    cohesion = facts.groups["cohesion"].to_numpy(dtype=float)
    if not np.isfinite(cohesion).any():
        return ""
    worst = int(np.nanargmin(cohesion))
    return (
        f"The loosest group is {consensus_title(worst)}: another realization agrees for "
        f"{percent(cohesion[worst])} of its points."
    )


def _from_verdict(find: Callable[[Facts], Finding | None]) -> Callable[[Facts], str]:
    def describe(facts: Facts) -> str:
        finding = find(facts)
        return "" if finding is None else finding.evidence

    return describe


_FIGURES: Mapping[str, Callable[[Facts], str]] = {
    "profiles": _profiles,
    "signal": _signal,
    "similarity": _similarity,
    "ranking": _ranking,
    "confidence": _confidence,
    "exchange": _exchange,
    "reliability": _reliability,
    "clusters": _clusters,
    "quality": _quality,
    "effects": _effects,
    "agreement": _agreement_numbers,
    "stability": _stability,
    "evidence": _from_verdict(_groups),
    "sufficiency": _from_verdict(_sufficiency),
    "umatrix": _map,
    "node_groups": _map,
}
