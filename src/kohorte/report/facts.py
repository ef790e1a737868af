"""What a page tells of: the files of a finished study, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kohorte import _references, store
from kohorte._references import LEVEL
from kohorte.ensemble.votes import in_doubt

#: Points that are read; of more, every second, third, ... is taken.
MOST_READ = 1_000_000

#: Members of each kind that a card names.
MEMBERS = 5

_BLOCK_ROWS = 1 << 16


@dataclass(frozen=True, eq=False)
class Facts:
    """A finished study: its ensemble, its table where it has one, and what was tabulated.

    Tables are by the name of their file. `step`: every how many points those of `ensemble` and
    `table` are; `level`: p-value of structure above which there is one group.
    """

    study: str
    ensemble: store.StoredEnsemble
    table: store.PreparedData | None
    tables: Mapping[str, pd.DataFrame]
    has_maps: bool
    step: int = 1
    level: float = LEVEL

    @cached_property
    def groups(self) -> pd.DataFrame:
        """The table of groups, by group."""
        return self.tables["groups"].set_index("group", drop=False)

    @cached_property
    def profiles(self) -> pd.DataFrame:
        """The table of their features; empty where there is no table of points."""
        return self.tables.get("group_features", pd.DataFrame())

    def rows(self, name: str) -> pd.DataFrame:
        """Return a table of the study; an empty one where there is none of that name."""
        return self.tables.get(name, pd.DataFrame())

    @cached_property
    def points_by_group(self) -> np.ndarray:
        """Points of each group, (G,), of all points."""
        return self.groups["points"].to_numpy()

    def title(self, feature: object) -> str:
        """Return what a feature is called in words, or its name."""
        if self.table is None or str(feature) not in self.table.names:
            return str(feature)
        return self.table.title(self.table.names.index(str(feature)))

    def group(self, group: int) -> Mapping[Any, Any]:
        """Return the row of a group in the table of groups."""
        return self.groups[self.groups["group"] == group].to_dict("records")[0]

    def name_point(self, row: int) -> str:
        """Return what the point in a row of the arrays is called."""
        if self.table is None:
            return f"row {row * self.step}"
        ids = self.table.beside.ids
        named = [str(values[row]) for values in ids.values()]
        return ", ".join(text for text in named if text) or f"row {self.table.rows[row]}"

    @property
    def id_title(self) -> str:
        """Return what the names of the points are, as the head of a column."""
        ids = self.table.beside.ids if self.table is not None else {}
        return ", ".join(ids) or "row of the source"


def read_facts(
    study: str,
    *,
    ensemble: str | Path,
    data: str | Path | None,
    tables: Sequence[str | Path],
    has_maps: bool,
    level: float = LEVEL,
) -> Facts:
    """Read the files of a study: `ensemble.h5`, `data.h5` where there is one, and its tables.

    `level`: its `structure.level`.
    """
    n_points = store.read_ensemble(ensemble).n_points
    step = max(1, -(-n_points // MOST_READ))
    table = None
    if data:
        table = store.read_data(data, mapped=True, beside=True)
        table = table if step == 1 else table.every(step)
    return Facts(
        study,
        store.read_ensemble(ensemble, points=True, step=step),
        table,
        {Path(path).stem: read_csv(path) for path in tables},
        has_maps,
        step,
        level,
    )


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a table of a study; the text `NA` of a name stays text."""
    table = store.read_csv(path, keep_default_na=False, na_values=[""], low_memory=False)
    # Times differ from run to run, and would make pages differ.
    return table.drop(columns="seconds", errors="ignore")


@dataclass(frozen=True)
class Members:
    """Points of one group that say most about it, each by its place in the arrays."""

    typical: Sequence[int]  # Most votes, and nearest to the mean of the group
    doubtful: Sequence[int]  # In doubt, the least certain first
    foreign: Sequence[int]  # Far from all maps, the farthest first


def find_members(facts: Facts) -> list[Members]:
    """Return the typical, doubtful and foreign points of each group."""
    points, count = facts.ensemble.points, facts.ensemble.consensus.n_groups
    labels = np.asarray(points.label, dtype=np.int64)
    confidence = np.asarray(points.confidence, dtype=np.float64)
    doubtful = in_doubt(points.confidence, points.second_share)
    foreign = points.arrays.get("is_outlier", np.zeros(len(labels), dtype=bool))
    distance = None if facts.table is None else _distances(facts.table.features, labels, count)
    found = []
    for group in range(count):
        own = np.flatnonzero(labels == group)
        typical: Sequence[int] = ()
        if distance is not None:
            order = np.lexsort([distance[own].round(6), -confidence[own].round(6)])
            typical = [int(row) for row in own[order][:MEMBERS] if not doubtful[row]]
        in_question = own[doubtful[own]]
        order = np.argsort(confidence[in_question].round(6), kind="stable")
        unsure = [int(row) for row in in_question[order][:MEMBERS]]
        far = own[foreign[own]]
        if len(far):
            far = far[np.argsort(-points.novelty[far].round(6), kind="stable")]
        found.append(Members(typical, unsure, [int(row) for row in far[:MEMBERS]]))
    return found


def _distances(features: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Return the distance of each point to the mean of its group, (N,), block by block.

    Over the features that a point has, in scaled units; infinite for a point in no group.
    """
    width = features.shape[1]
    total, present = np.zeros((count, width)), np.zeros((count, width))
    for start in range(0, len(labels), _BLOCK_ROWS):
        block = np.asarray(features[start : start + _BLOCK_ROWS], dtype=np.float64)
        of, known = labels[start : start + _BLOCK_ROWS], ~np.isnan(block)
        for group in np.unique(of[of >= 0]):
            total[group] += np.where(known, block, 0.0)[of == group].sum(axis=0)
            present[group] += known[of == group].sum(axis=0)
    centres = total / np.maximum(present, 1)
    found = np.full(len(labels), np.inf)
    for start in range(0, len(labels), _BLOCK_ROWS):
        where = slice(start, min(start + _BLOCK_ROWS, len(labels)))
        block, held = np.asarray(features[where], dtype=np.float64), labels[where] >= 0
        away = np.square(block[held] - centres[labels[where][held]])
        known = np.maximum((~np.isnan(away)).sum(axis=1), 1)
        found[start + np.flatnonzero(held)] = np.sqrt(np.nansum(away, axis=1) / known)
    return found


def plain(value: Any) -> str:
    """Write a value as a reader wants it: four digits of a number, thousands apart."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{int(value):,}" if abs(int(value)) >= 10_000 else str(int(value))
    if isinstance(value, float | np.floating):
        number = float(value)
        if np.isinf(number):
            return "∞" if number > 0 else "−∞"
        if number.is_integer() and abs(number) < 1e15:
            return plain(int(number)).replace("-", "−")
        text = f"{number:.4g}"
        if "e" in text and 1e-4 <= abs(number) < 1e7:
            text = f"{number:,.0f}"
        return text.replace("-", "−")
    return str(value)


def percent(share: float) -> str:
    """Write a share in percent, with a digit after the point where that says something."""
    value = 100 * float(share)
    if 0 < value < 0.1:
        return "<0.1\N{NO-BREAK SPACE}%"
    if 99.95 <= value < 100:
        return ">99.9\N{NO-BREAK SPACE}%"
    text = f"{value:.1f}"
    return f"{text.removesuffix('.0')}\N{NO-BREAK SPACE}%"


def p_value(p: float) -> str:
    """Write a p-value on a single line."""
    return _references.p_value(p).replace(" ", "\N{NO-BREAK SPACE}")


def number_of(count: int, noun: str, plural: str = "") -> str:
    """Write a number of things: 1 point, 1,200 points."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
