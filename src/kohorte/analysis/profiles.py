"""What is in a group: each feature of each consensus group, and how far it tells the group apart.

Numbers are in the units of the source; a missing value (NaN) is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kohorte._checks import extra
from kohorte.errors import DataError

if TYPE_CHECKING:
    from kohorte.data.prepared import PreparedData

with extra("figures"):
    import pandas as pd

#: Columns of the table of profiles.
COLUMNS = [
    *("group", "feature", "unit", "n", "missing", "mean", "sd", "q25", "median", "q75"),
    *("effect", "telling", "rank"),
]

#: Different values, beyond which they are compared by so many bins with as many values in each.
_BINS = 4096

_BLOCK = 16  # features read at once


def profile_table(
    values: np.ndarray,
    names: Sequence[object],
    labels: np.ndarray,
    *,
    units: Sequence[str] = (),
    n_groups: int | None = None,
) -> pd.DataFrame:
    """Return one row per group and feature: what its points are like, and how they differ.

    DataError where the arrays do not fit.

    Parameters
    ----------
    values
        (N, F) numbers in the units of the source, NaN where one is missing.
    names, units
        F of each; no units where they are not known.
    labels
        (N,) integers, group of each point; negative for none: these points are in no group, and
        among the others of all.
    n_groups
        The table has rows of the groups 0 to n_groups - 1; by default of those with points.

    Returns
    -------
    DataFrame
        `n` values and `missing` ones, their `mean`, standard deviation `sd` (of a sample) and
        quartiles. `effect`: mean of the group less that of all other points, in pooled standard
        deviations (Cohen's d), infinite where nothing else varies. `telling`, 0 to 1: how far the
        feature tells the points of the group from those of each other one, |2 P(x > y) - 1| for a
        point x of the one and y of the other (Cliff's delta), averaged over the other points; so it
        finds a group in the middle between others, too. `rank`: place of the feature, from 1, by
        `telling`, then by the size of `effect`. The last three are missing where there are no other
        points.
    """
    values, labels = np.asarray(values), np.asarray(labels)
    if values.ndim != 2 or values.shape != (len(labels), len(names)):
        raise DataError(
            f"values have the shape {values.shape}; {len(labels)} labels and {len(names)} names "
            f"need ({len(labels)}, {len(names)})"
        )
    groups = np.unique(labels[labels >= 0]) if n_groups is None else np.arange(n_groups)
    return profile_columns(values.T, labels, names, groups, units)


def profile_study(table: PreparedData | None, labels: np.ndarray, n_groups: int) -> pd.DataFrame:
    """Return the profiles of the groups of a prepared table; a header only where there is none."""
    if table is None:
        return pd.DataFrame(columns=COLUMNS)
    width = len(table.names)
    blocks = (table.physical(range(k, min(k + _BLOCK, width))) for k in range(0, width, _BLOCK))
    columns = (column for block in blocks for column in block.T)
    units = list(table.units or [""] * width)
    for k, column in enumerate(table.transformation.columns if table.transformation else ()):
        units[k] = units[k] if column is None or column.is_invertible else "transformed"
    return profile_columns(columns, labels, table.names, np.arange(n_groups), units)


def profile_columns(
    columns: Iterable[np.ndarray],
    labels: np.ndarray,
    names: Sequence[object],
    groups: np.ndarray,
    units: Sequence[str],
) -> pd.DataFrame:
    """Return the table of `profile_table` of columns that come one after the other.

    `columns` gives F arrays (N,); `groups` are the numbers of the groups, ascending.
    """
    count = len(groups)
    # Points without a group are the last of the others; few bits are sorted faster.
    place = np.searchsorted(groups, labels) if count else np.zeros(len(labels), dtype=np.int64)
    codes = np.where(labels < 0, count, place).astype(np.min_scalar_type(count))
    found = [_profile(np.asarray(column, np.float64), codes, count) for column in columns]
    if not found:
        return pd.DataFrame(columns=COLUMNS)
    parts = {name: np.stack([one[name] for one in found], axis=1) for name in found[0]}
    parts["rank"] = _rank(parts["telling"], parts["effect"])
    values = {name: part.ravel() for name, part in parts.items()}
    of_features = {
        "group": np.repeat(groups, len(names)),
        "feature": np.tile(np.array(names, dtype=object), count),
        "unit": np.tile(np.array(units or [""] * len(names), dtype=object), count),
    }
    frame = pd.DataFrame({**of_features, **values})
    return frame.astype({"rank": "Int64"})[COLUMNS]


def _profile(column: np.ndarray, codes: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """Return the numbers of one feature, (count,) each; `codes` of `count` are of no group."""
    present = ~np.isnan(column)
    everyone = np.bincount(codes, minlength=count + 1)
    values, codes = column[present], codes[present]
    n = np.bincount(codes, minlength=count + 1)
    order = np.argsort(codes, kind="stable")
    by_group = np.split(values[order], np.cumsum(n)[:-1])
    mean = np.array([part.mean() if part.size else np.nan for part in by_group])
    squares = np.array([np.square(part - m).sum() for part, m in zip(by_group, mean, strict=True)])
    with np.errstate(invalid="ignore", divide="ignore"):
        sd = np.sqrt(squares / np.where(n > 1, n - 1, np.nan))
    quartiles = np.array(
        [np.quantile(p, [0.25, 0.5, 0.75]) if p.size else [np.nan] * 3 for p in by_group]
    )
    found: dict[str, Any] = {"n": n, "missing": everyone - n, "mean": mean, "sd": sd}
    found |= dict(zip(("q25", "median", "q75"), quartiles.T, strict=True))
    found["effect"] = _effects(n, mean, squares)
    found["telling"] = _tell_apart(values, codes, n)
    return {name: part[:count] for name, part in found.items()}


def _effects(n: np.ndarray, mean: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Return Cohen's d of each part against all others; NaN where one of both is empty."""
    sums = np.where(n > 0, n * mean, 0.0)
    rest = n.sum() - n
    with np.errstate(invalid="ignore", divide="ignore"):
        other = (sums.sum() - sums) / np.where(rest > 0, rest, np.nan)
        # Of the other parts together: what they vary in themselves, and by their means.
        total = [
            np.nansum(np.where(np.arange(len(n)) == k, 0.0, squares + n * np.square(mean - m)))
            for k, m in enumerate(other)
        ]
        pooled = np.sqrt((squares + total) / np.where(n.sum() > 2, n.sum() - 2, np.nan))
        shift = mean - other
        return np.where(shift == 0, 0.0, shift / pooled)  # infinite where nothing else varies


def _tell_apart(values: np.ndarray, codes: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return how far each part is told from the others, averaged over their points; NaN if none."""
    distinct, place = np.unique(values, return_inverse=True)
    if len(distinct) > _BINS:
        ends = np.cumsum(np.bincount(place))
        place = ((ends - 1) * _BINS // len(values))[place]  # equal values stay together
    width = int(place.max(initial=0)) + 1
    counts = np.bincount(codes.astype(np.int64) * width + place, minlength=len(n) * width)
    counts = counts.reshape(len(n), width).astype(np.float64)
    below = np.cumsum(counts, axis=1) - counts / 2
    pairs = np.outer(n, n).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        above = counts @ below.T  # pairs in which the one is above the other
        apart = np.where(pairs > 0, np.abs(2 * above / pairs - 1), 0.0)
        weights = np.where(np.eye(len(n), dtype=bool), 0.0, n[None, :])
        told = (apart * weights).sum(axis=1) / weights.sum(axis=1)
    return np.where((n > 0) & (n.sum() > n), told, np.nan)


def _rank(telling: np.ndarray, effect: np.ndarray) -> np.ndarray:
    """Return the place of each feature in each group, (groups, features); NaN where it has none."""
    rank = np.full(telling.shape, np.nan)
    for k, (told, shift) in enumerate(zip(telling, effect, strict=True)):
        # ASSUME: rounding makes the order independent of the last bits
        size = np.nan_to_num(np.abs(shift), nan=-1.0, posinf=1e30)
        order = np.lexsort([-size.round(9), -np.nan_to_num(told, nan=-1.0).round(9)])
        known = order[~np.isnan(told[order])]
        rank[k, known] = np.arange(1, len(known) + 1)
    return rank


def telling_features(profiles: pd.DataFrame, group: int, most: int = 3) -> Iterator[Any]:
    """Yield the rows of a group's most telling features, the most telling one first."""
    of_group = profiles[(profiles["group"] == group) & profiles["rank"].notna()]
    yield from of_group.sort_values("rank").head(most).itertuples(index=False)
