"""Which groups exchange points: the first choice of the votes against the second."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kohorte._checks import extra
from kohorte.ensemble.votes import in_doubt

with extra("figures"):
    import pandas as pd

COLUMNS = ["group", "second", "points", "share", "doubtful", "mean_confidence", "mean_second_share"]


def exchange_table(
    labels: np.ndarray,
    second: np.ndarray,
    confidence: np.ndarray,
    second_share: np.ndarray,
) -> pd.DataFrame:
    """Return one row per group and second choice of its points, the commonest first in each group.

    Parameters
    ----------
    labels, second
        (N,) integers: group of each point, and the one with the next most votes; -1 for none.
        Points without a group are left out; those whose second choice is -1 have all votes.
    confidence, second_share
        (N,) float: share of the votes that both got.

    Returns
    -------
    DataFrame
        `points` with this group and second choice, and their `share` of the points of the group;
        how many of them are `doubtful` (`kohorte.ensemble.votes.in_doubt`); mean share of the
        votes that the two groups get of them.
    """
    held = np.asarray(labels) >= 0
    found = pd.DataFrame(
        {
            "group": np.asarray(labels, dtype=np.int64)[held],
            "second": np.asarray(second, dtype=np.int64)[held],
            "doubtful": in_doubt(confidence, second_share)[held],
            "mean_confidence": np.asarray(confidence, dtype=np.float64)[held],
            "mean_second_share": np.asarray(second_share, dtype=np.float64)[held],
        }
    )
    pairs = found.groupby(["group", "second"], sort=True)
    table = pairs.mean().assign(points=pairs.size(), doubtful=pairs["doubtful"].sum())
    return _order(table.reset_index())


def exchange_frame(
    n_groups: int, points: np.ndarray, doubtful: np.ndarray, sums: np.ndarray
) -> pd.DataFrame:
    """Return the table of `exchange_table` of counts.

    Of each pair of group and second choice, n_groups (n_groups + 1) of them, the last of each group
    that of none: its `points`, how many are `doubtful`, and `sums` of both shares (2, pairs).
    """
    pairs = np.flatnonzero(points)
    group, second = np.divmod(pairs, n_groups + 1)
    found = pd.DataFrame(
        {
            "group": group,
            "second": np.where(second < n_groups, second, -1),
            "points": points[pairs],
            "doubtful": doubtful[pairs],
            "mean_confidence": sums[0, pairs] / points[pairs],
            "mean_second_share": sums[1, pairs] / points[pairs],
        }
    )
    return _order(found.sort_values(["group", "second"], kind="stable"))


def _order(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of `exchange_table` of its rows, by group and second choice."""
    table["share"] = table["points"] / table.groupby("group")["points"].transform("sum")
    table = table.astype({"points": np.int64, "doubtful": np.int64})
    table = table.sort_values(["group", "points"], ascending=[True, False], kind="stable")
    return table[COLUMNS].reset_index(drop=True)


def exchange_matrix(table: pd.DataFrame, value: str = "points") -> tuple[np.ndarray, np.ndarray]:
    """Return the groups (G,) of a table, and a value of it by group and second choice, (G, G + 1).

    The last column is of the points that have no second choice. 0 where there is no row.
    """
    groups = np.union1d(table["group"], table["second"][table["second"] >= 0]).astype(np.int64)
    wide = table.pivot(index="group", columns="second", values=value)
    wide = wide.reindex(index=groups, columns=[*groups, -1])
    return groups, wide.fillna(0).to_numpy(dtype=np.float64)


def exchanging_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per pair of groups, those that exchange most first.

    `first` < `other`; `points` of either whose second choice is the other one, how many of them are
    `doubtful`, and the `votes` that they give it, in points: the sum of their shares.
    """
    own = table[table["second"] >= 0]
    found = pd.DataFrame(
        {
            "first": own[["group", "second"]].min(axis=1),
            "other": own[["group", "second"]].max(axis=1),
            "points": own["points"],
            "doubtful": own["doubtful"],
            "votes": own["points"] * own["mean_second_share"],
        }
    )
    pairs = found.groupby(["first", "other"], as_index=False).sum()
    order = np.lexsort([-pairs["votes"].round(9), -pairs["doubtful"]])
    return pairs.iloc[order].reset_index(drop=True)


def read_exchange(path: str | Path) -> pd.DataFrame:
    """Read a table of `exchange_table` from its file."""
    return pd.read_csv(path)
