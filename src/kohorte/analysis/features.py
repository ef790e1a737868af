"""How much each feature counts: in the table, on the maps, and between the consensus groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kohorte import store
from kohorte._checks import extra

if TYPE_CHECKING:
    from kohorte.data.prepared import PreparedData

with extra("figures"):
    import pandas as pd

COLUMNS = ["feature", "significance", "on_maps", "between_groups"]


def significance(table: np.ndarray) -> np.ndarray:
    """Return the share of each feature in the variance of all, (F,) float64.

    The significance of POPSOM: the variance of a feature as the likelihood that it matters, with
    equal priors. `table` (N, F): points or weights, NaN where a value is missing. Where nothing
    varies all are equal.
    """
    table = np.asarray(table, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        present = ~np.isnan(table)
        count = present.sum(axis=0)
        mean = np.where(present, table, 0.0).sum(axis=0) / count
        squares = np.where(present, np.square(table - mean), 0.0).sum(axis=0)
        variance = np.where(count > 0, squares / count, 0.0)
    return variance_shares(variance)


def variance_shares(variance: np.ndarray) -> np.ndarray:
    """Return the share of each feature in the sum of variances (F,); equal ones where that is 0."""
    total = variance.sum()
    return variance / total if total > 0 else np.full(len(variance), 1 / len(variance))


def explained_shares(table: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the share of each feature's variance that is between groups (eta squared), (F,).

    `table` (N, F): NaN where a value is missing; `labels` (N,) integers, negative for none, whose
    points do not count. NaN for a feature that does not vary.
    """
    held = np.asarray(labels) >= 0
    codes = np.asarray(labels)[held].astype(np.int64)
    shares = np.full(table.shape[1], np.nan)
    for f in range(table.shape[1]):
        column = np.asarray(table[held, f], dtype=np.float64)
        there = ~np.isnan(column)
        values, groups = column[there], codes[there]
        if not values.size:
            continue
        values = values - values.mean()
        count = np.bincount(groups)
        means = np.bincount(groups, values) / np.maximum(count, 1)
        whole = float(np.square(values).sum())
        if whole > 0:
            shares[f] = min(1.0, float((count * np.square(means)).sum()) / whole)
    return shares


def feature_table(
    table: PreparedData | None, labels: np.ndarray, maps: Iterable[str | Path] = ()
) -> pd.DataFrame:
    """Return one row per feature of a prepared table; a header only where there is none.

    `significance`: its share of the variance of the scaled table, with the weights of features,
    as POPSOM has it: 1/F for all where the scaling makes variances equal. `on_maps`: the same of
    the weights of a map, on average over the maps, the files `maps`; missing where there are none:
    what the maps resolve. `between_groups`: the share of its variance that is between the groups
    `labels` (N,).
    """
    if table is None:
        return pd.DataFrame(columns=COLUMNS)
    between = explained_shares(table.features, labels)
    return feature_frame(table.names, significance(table.features), between, maps)


def feature_frame(
    names: Sequence[object],
    shares_of_table: np.ndarray,
    between_groups: np.ndarray,
    maps: Iterable[str | Path] = (),
) -> pd.DataFrame:
    """Return the table of `feature_table` from its columns, but for that of the maps."""
    shares = []
    for path in maps:
        stored = store.read_realization(path, "weights")
        factors = np.ones(len(names)) if stored.factors is None else stored.factors
        # A feature that a map does not see has no part in it.
        shares.append(significance(stored.arrays["weights"] * factors))
    return pd.DataFrame(
        {
            "feature": [str(name) for name in names],
            "significance": shares_of_table,
            "on_maps": np.mean(shares, axis=0) if shares else np.nan,
            "between_groups": between_groups,
        }
    )
