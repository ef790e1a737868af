"""What a page says of each consensus group: its size, its features, its stability, its members."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kohorte.analysis.profiles import telling_features
from kohorte.figures.groups import (
    consensus_colour,
    consensus_marker,
    consensus_name,
    consensus_title,
)
from kohorte.report.facts import Facts, Members, find_members, number_of, p_value, percent, plain
from kohorte.report.words import PAGE_LEVEL, describe_group

#: Groups with a card, the largest; all are in the table of groups.
MOST_CARDS = 40

#: Features that a card shows.
FEATURES = 6

_VALUES = 5  # of a sample column in a card


@dataclass(frozen=True)
class Strip:
    """One feature of a group, drawn on a line from `low` to `high`; places are percent of it."""

    feature: str
    unit: str
    median: str
    quartiles: str
    difference: str
    begin: float
    end: float
    middle: float
    ticks: Sequence[tuple[float, str]]  # Place and colour of the medians of other groups


@dataclass(frozen=True)
class Card:
    """A consensus group, ready to be written."""

    group: int
    colour: str
    symbol: str  # Name of its marker
    name: str  # Given by the user; empty for none
    points: int
    share: str
    headline: str
    strips: Sequence[Strip]
    stability: Sequence[tuple[str, str, str]]  # Measure, value, what it is
    neighbours: Sequence[str]
    exchanges: Sequence[str]  # Second choices of its points, the commonest first
    composition: Sequence[tuple[str, str]]
    members: Sequence[tuple[str, str, Sequence[tuple[str, str]]]]  # Kind, note, (point, numbers)


def make_cards(facts: Facts) -> list[Card]:
    """Return a card for each of the MOST_CARDS largest groups with points, in their order."""
    sizes = facts.points_by_group
    largest = np.argsort(-sizes, kind="stable")[:MOST_CARDS]
    shown = [int(group) for group in np.sort(largest) if sizes[group] > 0]
    members = find_members(facts)
    return [_make_card(facts, group, members[group]) for group in shown]


def _make_card(facts: Facts, group: int, members: Members) -> Card:
    row = facts.group(group)
    strips = list(_strips(facts, group))
    return Card(
        group=group,
        colour=consensus_colour(group),
        symbol=consensus_marker(group),
        name=consensus_name(group),
        points=int(row["points"]),
        share=percent(row["points"] / facts.ensemble.n_points),
        headline=describe_group(facts, group),
        strips=strips,
        stability=list(_stability(row, facts.ensemble.consensus.consensus)),
        neighbours=list(_neighbours(facts.rows("boundaries"), group)),
        exchanges=list(_exchanges(facts.rows("exchange"), group)),
        composition=list(_composition(facts.rows("composition"), group)),
        members=list(_members(facts, members)),
    )


def _strips(facts: Facts, group: int) -> Iterator[Strip]:
    profiles = facts.profiles
    if profiles.empty:
        return
    ranked = bool(profiles["rank"].notna().any())
    rows = telling_features(profiles, group, FEATURES) if ranked else _first(profiles)
    for row in rows:
        of_feature = profiles[(profiles["feature"] == row.feature) & (profiles["n"] > 0)]
        low, high = float(of_feature["q25"].min()), float(of_feature["q75"].max())
        span = high - low if high > low else 1.0

        def place(value: float, low: float = low, span: float = span) -> float:
            return round(4 + 92 * (float(value) - low) / span, 2)

        others = of_feature[of_feature["group"] != group]
        yield Strip(
            feature=facts.title(row.feature),
            unit=row.unit if isinstance(row.unit, str) else "",
            median=plain(float(row.median)),
            quartiles=f"{plain(float(row.q25))} to {plain(float(row.q75))}",
            difference=_describe_effect(float(row.effect)),
            begin=place(row.q25),
            end=place(row.q75),
            middle=place(row.median),
            ticks=[
                (place(other["median"]), consensus_colour(int(other["group"])))
                for other in others.sort_values("n", kind="stable").tail(12).to_dict("records")
            ],
        )


def _first(profiles: pd.DataFrame) -> Iterator[Any]:
    yield from profiles[profiles["n"] > 0].head(FEATURES).itertuples(index=False)


def _describe_effect(effect: float) -> str:
    if np.isnan(effect):
        return ""
    return f"{'+' if effect > 0 else ''}{plain(round(effect, 2))} sd"


def _stability(row: Mapping[Any, Any], consensus: str) -> Iterator[tuple[str, str, str]]:
    shares = {
        "found": ("found", "share of the realizations that have it"),
        "jaccard": ("Jaccard", "likeness of its clusters in two realizations"),
        "cohesion": ("cohesion", "share of its points that another realization leaves in it"),
        "mean_confidence": ("confidence", "mean share of the votes of its points"),
    }
    if consensus != "jaccard":  # clusters of several finenesses are not meant to be alike
        del shares["jaccard"]
    for name, (title, meaning) in shares.items():
        if name in row and pd.notna(row[name]):
            yield title, f"{float(row[name]):.2f}", meaning
    if pd.notna(row.get("doubtful")):
        yield "in doubt", plain(int(row["doubtful"])), "points without a clear majority"
    tests = {
        "p_isolation": ("p (isolation)", "of a group as isolated in a table that has none"),
        "p_contact": ("p (contact)", "of one that shares as little with its neighbour"),
    }
    for name, (title, meaning) in tests.items():
        if name in row and pd.notna(row[name]):
            yield (
                title,
                p_value(float(row[name])).removeprefix("p").lstrip("= \N{NO-BREAK SPACE}"),
                meaning,
            )


def _neighbours(boundaries: pd.DataFrame, group: int) -> Iterator[str]:
    for row in boundaries.to_dict("records"):
        pair, p = [int(row["group"]), int(row["neighbour"])], row["p_gap"]
        if group not in pair:
            continue
        other = pair[1] if pair[0] == group else pair[0]
        if pd.isna(p):
            yield consensus_title(other)
        else:
            gap = "a gap between them" if p <= PAGE_LEVEL else "no gap shown between them"
            yield f"{consensus_title(other)}: {gap} ({p_value(p)})"


def _exchanges(table: pd.DataFrame, group: int) -> Iterator[str]:
    """Say which groups the points of a group would be in otherwise."""
    if table.empty:
        return
    own = table[table["group"] == group]
    rows = own[own["second"] >= 0].head(_VALUES).to_dict("records")
    for row in rows:
        doubtful = int(row["doubtful"])
        other = consensus_title(int(row["second"]))
        yield (
            f"{other}: {number_of(int(row['points']), 'point')}, with "
            f"{percent(row['mean_second_share'])} of their votes"
            + (f"; {doubtful:,} in doubt" if doubtful else "")
        )
    sure = own.loc[own["second"] < 0, "points"].sum()
    if sure:
        yield f"no other: {number_of(int(sure), 'point')} with all votes"


def _composition(found: pd.DataFrame, group: int) -> Iterator[tuple[str, str]]:
    """Yield column and words: which samples the points of a group come from."""
    if found.empty:
        return
    of_group = found[(found["group"] == group) & (found["points"] > 0)]
    for column, rows in of_group.groupby("column", sort=False):
        top = rows.sort_values("points", ascending=False, kind="stable").head(_VALUES)
        words = [
            f"{value or '(none)'} {percent(share)}"
            for value, share in zip(
                top["value"].fillna("").astype(str), top["share_of_group"], strict=True
            )
        ]
        if len(rows) > len(top):
            words.append(f"{len(rows) - len(top)} more")
        yield str(column), ", ".join(words)


def _members(
    facts: Facts, members: Members
) -> Iterator[tuple[str, str, Sequence[tuple[str, str]]]]:
    points = facts.ensemble.points

    def votes(row: int) -> str:
        return percent(points.confidence[row])

    def doubt(row: int) -> str:
        second = int(points.second[row])
        other = (
            f", {consensus_title(second)} {percent(points.second_share[row])}"
            if second >= 0
            else ""
        )
        return votes(row) + other

    kinds = [
        ("Most typical", "share of votes", members.typical, votes),
        ("Most doubtful", "votes for it, and for the second choice", members.doubtful, doubt),
        (
            "Foreign",
            "novelty",
            members.foreign,
            lambda row: plain(float(points.novelty[row])),
        ),
    ]
    for title, note, rows, describe in kinds:
        if rows:
            yield title, note, [(facts.name_point(row), describe(row)) for row in rows]


def describe_more(facts: Facts, cards: Sequence[Card]) -> str:
    """Say which groups have no card, and where they are."""
    rest = int((facts.points_by_group > 0).sum()) - len(cards)
    empty = int((facts.points_by_group == 0).sum())
    parts = []
    if rest:
        parts.append(f"{number_of(rest, 'smaller group')} without a card")
    if empty:
        parts.append(f"{number_of(empty, 'group')} without points")
    return f"{' and '.join(parts)}: see the table of groups." if parts else ""
