"""Two finished studies of the same source: which points are in other groups."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kohorte import store
from kohorte._checks import extra
from kohorte.data.prepared import PreparedData
from kohorte.data.table import free_name
from kohorte.errors import DataError

with extra("figures"):
    import pandas as pd

_LOG = logging.getLogger(__name__)

#: Points that move beyond which their table has its header only, as that of all points of a study.
MAX_ROWS = 1_000_000

_NO_MATCH = -2  # the number of no group
_BLOCK_VALUES = 2**20
_ROUNDING = 1e-6  # of float32, which scaled features are rounded to, with room


@dataclass(frozen=True, eq=False)
class Comparison:
    """The consensus groups of two studies on the points that both have.

    `cross_table` has a row for each group of the first study: `group`, `match`, the group of the
    second that it is matched with one to one, and the points in each group of the second, in
    columns of these numbers; -1 is no group. `scores` is one row: names of the studies, numbers of
    points and groups, `ari`, `ami`, `nmi`, and `moved`, the share of points outside the matched
    groups. `moved` has a row for each of these points.
    """

    cross_table: pd.DataFrame
    scores: pd.DataFrame
    moved: pd.DataFrame


@dataclass(frozen=True, eq=False)
class _Study:
    """A study by its folder: N rows of the source in ascending order, groups and confidence."""

    folder: Path
    data: PreparedData | None
    rows: np.ndarray
    groups: np.ndarray
    confidence: np.ndarray

    @property
    def name(self) -> str:
        return self.folder.resolve().name


def compare_studies(a: str | Path, b: str | Path) -> Comparison:
    """Compare the consensus groups of two finished studies, `results/<study>` each.

    Points are the same where they come from the same row of the source, whatever the scaling,
    features, recipe, seed and choice of rows. Raises DataError: the studies have no row in common,
    or the source of one is not that of the other; ResultError: a study is not finished.
    """
    here, there = _read_study(a), _read_study(b)
    rows, i, j = np.intersect1d(here.rows, there.rows, assume_unique=True, return_indices=True)
    _check_source(here, there, i, j)
    _LOG.info(
        "%d points are in both: of %d in %s, of %d in %s",
        *(len(rows), len(here.rows), here.name, len(there.rows), there.name),
    )
    found = compare_groups(
        rows, here.groups[i], there.groups[j], here.confidence[i], there.confidence[j]
    )
    names = pd.DataFrame({"study": [here.name], "other": [there.name]})
    sizes = names.assign(study_points=len(here.rows), other_points=len(there.rows))
    moved = _with_names(found.moved, here if here.data is not None else there)
    return Comparison(found.cross_table, pd.concat([sizes, found.scores], axis=1), moved)


def compare_groups(
    rows: np.ndarray,
    groups: np.ndarray,
    other_groups: np.ndarray,
    confidence: np.ndarray,
    other_confidence: np.ndarray,
) -> Comparison:
    """Compare two groupings of the same points.

    `rows` (N,) name the points; `groups` and `other_groups` (N,) are integers, of which -1 is no
    group: it is matched with none but itself, and counts as one more group in `ari`, `ami` and
    `nmi`. The confidences (N,) are floats.
    """
    from scipy.optimize import linear_sum_assignment

    with extra("estimators"):
        from sklearn.metrics import (
            adjusted_mutual_info_score,
            adjusted_rand_score,
            normalized_mutual_info_score,
        )
    names, a = np.unique(groups.astype(np.int64), return_inverse=True)
    other_names, b = np.unique(other_groups.astype(np.int64), return_inverse=True)
    shape = len(names), len(other_names)
    table = np.bincount(a * shape[1] + b, minlength=shape[0] * shape[1]).reshape(shape)
    real, other_real = np.flatnonzero(names >= 0), np.flatnonzero(other_names >= 0)
    pairs = linear_sum_assignment(table[np.ix_(real, other_real)], maximize=True)
    k, m = real[pairs[0]], other_real[pairs[1]]
    share = table[k, m] > 0  # groups that are left over may be paired without a point in common
    match = np.full(shape[0], _NO_MATCH)
    match[k[share]] = other_names[m[share]]
    if names[0] < 0 and other_names[0] < 0:
        match[0] = -1
    has_moved = match[a] != other_names[b]
    numbers = pd.Series(match, dtype="Int64").mask(match == _NO_MATCH)
    cross = pd.DataFrame({"group": names, "match": numbers})
    cross[[str(name) for name in other_names]] = table
    scores = {
        "points": len(rows),
        "groups": len(real),
        "other_groups": len(other_real),
        "ari": adjusted_rand_score(a, b),
        "ami": adjusted_mutual_info_score(a, b),
        "nmi": normalized_mutual_info_score(a, b),
        "moved": float(has_moved.mean()),
    }
    moved = {
        "row": rows,
        "group": groups,
        "other_group": other_groups,
        "confidence": confidence,
        "other_confidence": other_confidence,
    }
    listed = has_moved if has_moved.sum() <= MAX_ROWS else np.zeros(len(rows), bool)
    table_of_moved = pd.DataFrame({name: column[listed] for name, column in moved.items()})
    return Comparison(cross, pd.DataFrame([scores]), table_of_moved)


def write_comparison(
    study: str | Path,
    other: str | Path,
    *,
    cross_table: str | Path,
    scores: str | Path,
    moved: str | Path,
) -> None:
    """Write the comparison of two studies, by their folders, to three CSV files."""
    found = compare_studies(study, other)
    store.write_csv(found.cross_table, cross_table)
    store.write_csv(found.scores, scores)
    store.write_csv(found.moved, moved)


def _with_names(moved: pd.DataFrame, study: _Study) -> pd.DataFrame:
    """Return the points that moved with what names them, where a study knows that."""
    if study.data is None:
        return moved
    at = np.searchsorted(study.data.rows, moved["row"].to_numpy(dtype=np.int64))
    for place, (name, values) in enumerate(study.data.beside.ids.items(), 1):
        moved.insert(place, free_name(name, moved.columns), values[at])
    return moved


def _read_study(folder: str | Path) -> _Study:
    folder = Path(folder)
    with store.read_result(folder / "ensemble.h5", "ensemble") as file:
        groups, confidence = file["points/label"][:], file["points/confidence"][:]
    path = folder / "data.h5"
    data = store.read_data(path, mapped=True, beside=True) if path.exists() else None
    rows = np.arange(len(groups)) if data is None else data.rows
    return _Study(folder, data, rows, groups, confidence)


def _check_source(here: _Study, there: _Study, i: np.ndarray, j: np.ndarray) -> None:
    """Refuse studies of different sources; `i` and `j` are the points of the rows in common."""
    both = f"{here.folder} and {there.folder}"
    advice = "compare studies of the same source"
    for one, other in ((here, there), (there, here)):
        # Without a table, the rows are all rows of the source.
        if one.data is None and other.rows.max() >= len(one.rows):
            raise DataError(
                f"{both} are of different sources: the labels of {one.folder} are of "
                f"{len(one.rows)} points, but {other.folder} has row {other.rows.max()}; {advice}"
            )
    if here.data is None and there.data is None and len(here.rows) != len(there.rows):
        raise DataError(
            f"{both} are of different sources: {len(here.rows)} and {len(there.rows)} points; "
            + advice
        )
    if not len(i):
        raise DataError(
            f"{both} have no row of the source in common; "
            "choose rows that overlap by data.stride or data.sample"
        )
    if here.data is None or there.data is None or here.data.digest == there.data.digest:
        return
    difference = _find_difference(here.data, there.data, i, j)
    if difference:
        raise DataError(f"{both} are of different sources: {difference}; {advice}")


def _find_difference(a: PreparedData, b: PreparedData, i: np.ndarray, j: np.ndarray) -> str:
    """Say where a feature that two tables share differs beyond rounding; nothing where none does.

    Tables of one source differ in their digests where scaling, features or rows do, so that their
    values are compared, in the units of the source.
    """
    # What is transformed has other roundings, in the units of the source: the others tell.
    shared = [name for name in a.names if name in b.names and _is_plain(a, name)]
    shared = [name for name in shared if _is_plain(b, name)]
    p, q = [a.names.index(name) for name in shared], [b.names.index(name) for name in shared]
    size = max(1, _BLOCK_VALUES // max(1, len(a.names) + len(b.names)))
    for start in range(0, len(i), size):
        block = slice(start, start + size)
        x, sizes = _in_units(a, i[block], p)
        y, other_sizes = _in_units(b, j[block], q)
        near = np.abs(x - y) <= _ROUNDING * (sizes + other_sizes)
        differs = ~(near | (np.isnan(x) & np.isnan(y)))
        if differs.any():
            k, f = np.unravel_index(np.argmax(differs), differs.shape)
            row = a.rows[i[start + k]]
            return f"{shared[f]!r} of row {row} is {x[k, f]:.7g} in one, {y[k, f]:.7g} in the other"
    return ""


def _is_plain(data: PreparedData, name: str) -> bool:
    """Whether a feature is that of the source."""
    found = data.transformation
    return found is None or found.columns[data.names.index(name)].method == "none"


def _in_units(data: PreparedData, points: np.ndarray, columns: list[int]) -> tuple[Any, Any]:
    """Return features of points in the units of the source, and the size of what they sum."""
    scaled = data.features[points][:, columns] * data.scale[columns]
    offset = data.offset[columns]
    return scaled + offset, np.abs(scaled) + np.abs(offset)
