"""Which samples, wells, sites or batches the points of each consensus group come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kohorte import store
from kohorte._checks import extra

with extra("figures"):
    import pandas as pd

COLUMNS = ["column", "value", "group", "points", "share", "share_of_group"]


def composition_table(
    groups: Mapping[str, np.ndarray], labels: np.ndarray, n_groups: int
) -> pd.DataFrame:
    """Return one row per column, value of it and consensus group: the points that have both.

    `share` are those of the value, `share_of_group` those of the group. Values are in the order of
    text, numbers in it by their size: P2 comes before P10. `groups`: (N,) columns that say which
    sample a point belongs to, by name; `labels` (N,) integers: group of each point, -1 for none.
    """
    codes = np.asarray(labels, dtype=np.int64)
    codes = np.where(codes < 0, n_groups, codes)
    counted = {}
    for column, values in groups.items():
        names, places = np.unique(values, return_inverse=True)
        counts = np.zeros((len(names), n_groups + 1), dtype=np.int64)
        np.add.at(counts, (places, codes), 1)
        counted[column] = names, counts
    return composition_frame(counted, n_groups)


def composition_frame(
    counted: Mapping[str, tuple[np.ndarray, np.ndarray]], n_groups: int
) -> pd.DataFrame:
    """Return the table of `composition_table` of counts.

    `counted`: by column its values (V,), ascending, and their points in each group, and last in
    none, (V, n_groups + 1).
    """
    tables = []
    for column, (names, counts) in counted.items():
        if names.dtype.kind == "O":
            order = sorted(range(len(names)), key=lambda k: _natural(str(names[k])))
            names, counts = names[order], counts[order]
        with_none = int(counts[:, -1].any())
        width = n_groups + with_none
        counts = counts[:, :width]
        of_value, of_group = counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
        found = {
            "column": column,
            "value": np.repeat(names, width),
            "group": np.tile([*range(n_groups), *[-1] * with_none], len(names)),
            "points": counts.ravel(),
            "share": (counts / of_value).ravel(),
            "share_of_group": np.divide(
                counts, of_group, out=np.full(counts.shape, np.nan), where=of_group > 0
            ).ravel(),
        }
        tables.append(pd.DataFrame(found))
    return pd.concat(tables) if tables else pd.DataFrame(columns=COLUMNS)


def read_composition(path: str | Path) -> pd.DataFrame:
    """Read a table of `composition_table` from its file; names of samples stay text."""
    names = {"column": str, "value": str}
    return store.read_csv(
        path, dtype=names, keep_default_na=False, na_values={"share_of_group": [""]}
    )


def count_samples(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the points of each sample in each group: the rows of `composition_table` of a column.

    Samples are in the order of the table, groups in that of their numbers.
    """
    counts = rows.pivot_table("points", "value", "group", sort=False, fill_value=0)
    return counts.loc[rows["value"].drop_duplicates(), sorted(counts.columns)]


def cramers_v(counts: np.ndarray) -> float:
    """Return Cramér's V of a table of counts (A, B), corrected for chance; 0 is no association.

    Source: Bergsma, Journal of the Korean Statistical Society 42 (2013) 323. NaN where all counts
    are in one row or column.
    """
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0].astype(np.float64)
    n, (rows, columns) = counts.sum(), counts.shape
    if min(rows, columns) < 2:
        return float("nan")
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / n
    squares = np.square(counts - expected) / expected
    excess = (rows - 1) * (columns - 1) / (n - 1)
    sides = rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)
    least = min(sides) - 1
    return float(np.sqrt(max(squares.sum() / n - excess, 0.0) / least)) if least > 0 else 0.0


def _natural(text: str) -> list[tuple[bool, float, str]]:
    """Return what sorts text with the numbers in it by their size."""
    parts = re.split(r"(\d+)", text)
    return [(part.isdecimal(), float(part) if part.isdecimal() else 0.0, part) for part in parts]
