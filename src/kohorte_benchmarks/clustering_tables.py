"""Tables and page of the comparison of clusterings, and of tables without structure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from kohorte_benchmarks.clusterings import COLUMNS

PUBLISHED = "published:"
"""What the names of methods begin with whose indices are taken from `published_ari.csv`."""


def published_rows(path: str | Path, sets: Sequence[str]) -> pd.DataFrame:
    """Return the published indices of some sets, at the known number, as rows with COLUMNS."""
    table = pd.read_csv(path).set_index("set")
    rows = table.loc[[name for name in sets if name in table.index]].reset_index()
    long = rows.melt("set", var_name="method", value_name="ari").dropna(subset="ari")
    long["method"] = PUBLISHED + long["method"]
    return long.assign(number="known").reindex(columns=list(COLUMNS))


def battery_means(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean indices by (number, method), a column for each battery and one for all sets.

    The last column, `sets`, is how many sets a method has: some are too large for some methods, and
    means over other sets do not compare.
    """
    keys, batteries = ["number", "method"], table["set"].str.partition("/")[0].rename("battery")
    means = table.groupby([*keys, batteries], sort=False)["ari"].mean().unstack()
    of_all = table.groupby(keys, sort=False)["ari"].agg(all="mean", sets="size")
    return means.sort_index(axis=1).join(of_all).reindex(_ordered(table))


def _ordered(table: pd.DataFrame) -> pd.MultiIndex:
    """List (number, method): known before auto, published methods last, else as they come."""
    pairs = dict.fromkeys(zip(table["number"], table["method"], strict=True))
    last = sorted(pairs, key=lambda pair: (pair[0] == "auto", pair[1].startswith(PUBLISHED)))
    return pd.MultiIndex.from_tuples(last, names=["number", "method"])


def markdown_table(table: pd.DataFrame) -> str:
    """Tabulate mean indices by battery and over all sets, a table for each `number`."""
    lines = []
    means = battery_means(table)
    for number, part in means.groupby(level="number", sort=False):
        lines += [f"| number of groups {number} | {' | '.join(map(str, part))} |"]
        lines += ["|---|" + "---|" * part.shape[1]]
        for method, *scores, sets in part.droplevel("number").itertuples():
            cells = [f"{x:.3f}" if x == x else "" for x in scores]
            lines.append(f"| {method} | {' | '.join(cells)} | {sets:.0f} |")
        lines.append("")
    return "\n".join(lines)


def set_table(table: pd.DataFrame) -> str:
    """Tabulate the index of each set, by number and method; with `auto` the groups found, too."""
    lines = []
    sets = list(dict.fromkeys(table["set"]))
    for number, part in table.groupby("number", sort=False):
        methods = [method for n, method in _ordered(table) if n == number]
        lines += [f"| {number} | {' | '.join(methods)} |", "|---|" + "---|" * len(methods)]
        cells = part["ari"].map("{:.2f}".format)
        if number == "auto":
            cells += part["groups"].map(" ({:.0f})".format)
        by_set = cells.groupby([part["set"], part["method"]]).first().unstack()
        by_set = by_set.reindex(index=sets, columns=methods).fillna("")
        lines += [f"| {name} | {' | '.join(row)} |" for name, row in by_set.iterrows()]
        lines.append("")
    return "\n".join(lines)


def write_page(table: pd.DataFrame, missing: Sequence[str] = ()) -> str:
    """Return the page of a comparison: protocol, what is `missing`, means, and all sets."""
    n_sets = table["set"].nunique()
    text = f"""# Clusterings of {n_sets} labelled sets

Adjusted Rand index (ARI) against reference labelings, by the protocol of Gagolewski, SoftwareX 20
(2022) 101270. Features are z-scores; those named `{PUBLISHED}` were published for the raw ones.
Label 0 of a reference is noise: clustered, not judged. `known`: the number of groups of a labeling
is given; `auto`: nothing is. Of several labelings the one with the highest ARI counts. Nothing is
set for a set. Points that a method calls noise count as one group.
"""
    notes = "".join(f"\nLeft out: {line}.\n" for line in missing)
    return f"{text}{notes}\n## Means\n\n{markdown_table(table)}\n## Sets\n\n{set_table(table)}"


def claims_table(table: pd.DataFrame) -> str:
    """Tabulate as Markdown how many tables of each kind have groups claimed, and of all."""
    parts = list(table.groupby("kind", sort=False))
    named = {False: "all without structure", True: "all with structure"}
    parts += [(named[bool(known)], part) for known, part in table.groupby("structured")]
    lines = [
        "| tables | number | groups claimed | share | median groups |",
        "|---|---|---|---|---|",
    ]
    for name, part in parts:
        claimed, median = part["claimed"], part["groups"].median()
        cells = f"{len(part)} | {claimed.sum()} | {claimed.mean():.3f} | {median:g}"
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines) + "\n"
