"""What is in a group: each feature of each consensus group, and how far it tells the group apart.

Numbers are in the units of the source; a missing value (NaN) is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kohorte._arrays import unmask
from kohorte._checks import extra
from kohorte.analysis.orders import BINS, interpolate_quartiles, quartile_ranks
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


#: Part of a mean below which a deviation is that of rounding.
_ROUNDING = 1e-13


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
        (N, F) numbers in the units of the source, NaN, masked or pd.NA where one is missing.
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
    if np.ma.is_masked(labels):
        raise DataError("labels have masked entries; mark points of no group by -1")
    values, labels = np.asarray(unmask(values)), np.asarray(labels)
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
    codes = _code(labels, np.arange(n_groups))
    found = []
    for k in range(len(table.names)):
        found.append(_profile(table.features[:, k], codes, n_groups, in_units_of(table, k)))
    return profile_frame(found, table.names, np.arange(n_groups), units_of(table))


def in_units_of(table: PreparedData, column: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return what takes scaled values of a feature to those in the units of the source."""
    return lambda values: table.in_units(values[:, None], [column])[:, 0]


def units_of(table: PreparedData) -> list[str]:
    """Return the unit of each feature as profiles have it."""
    units = list(table.units or [""] * len(table.names))
    for k, column in enumerate(table.transformation.columns if table.transformation else ()):
        units[k] = units[k] if column is None or column.is_invertible else "transformed"
    return units


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
    codes = _code(labels, groups)
    found = [_profile(np.asarray(c, np.float64), codes, len(groups)) for c in columns]
    return profile_frame(found, names, groups, units)


def _code(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the place of each point's group among the groups, (N,); their number for none."""
    count = len(groups)
    # Points without a group are the last of the others; few bits are sorted faster.
    place = np.searchsorted(groups, labels) if count else np.zeros(len(labels), dtype=np.int64)
    return np.where(labels < 0, count, place).astype(np.min_scalar_type(count))


def profile_frame(
    found: Sequence[dict[str, np.ndarray]],
    names: Sequence[object],
    groups: np.ndarray,
    units: Sequence[str],
) -> pd.DataFrame:
    """Return the table of `profile_table` of what `describe_feature` says of each feature."""
    count = len(groups)
    if not found:
        return pd.DataFrame(columns=COLUMNS)
    parts = {name: np.stack([one[name] for one in found], axis=1) for name in found[0]}
    parts["rank"] = _rank(parts["telling"], parts["effect"])
    values = {name: part.ravel() for name, part in parts.items()}
    of_features = {
        "group": np.repeat(groups, len(names)),
        # Of tuples, the names of several levels, an array would have two dimensions.
        "feature": np.tile(np.fromiter(names, dtype=object, count=len(names)), count),
        "unit": np.tile(np.array(units or [""] * len(names), dtype=object), count),
    }
    frame = pd.DataFrame({**of_features, **values})
    return frame.astype({"rank": "Int64"})[COLUMNS]


def _profile(
    column: np.ndarray,
    codes: np.ndarray,
    count: int,
    to_units: Callable[[np.ndarray], np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Return the numbers of one feature, (count,) each; `codes` of `count` are of no group.

    Where `to_units` is given, values are in order before it and are measured after it.
    """
    present = ~np.isnan(column)
    everyone = np.bincount(codes, minlength=count + 1)
    values, codes = column[present], codes[present]
    n = np.bincount(codes, minlength=count + 1)
    by_group = split_by_group(values, np.argsort(codes, kind="stable"), n)
    measured = by_group if to_units is None else [to_units(part) for part in by_group]
    mean = np.array([part.mean() if part.size else np.nan for part in measured])
    squares = np.array([np.square(part - m).sum() for part, m in zip(measured, mean, strict=True)])
    around = np.full((count, 6), np.nan)
    for group, part in enumerate(by_group[:count]):
        if part.size:
            ranks = quartile_ranks(part.size)
            own = np.partition(part, ranks)[ranks]
            around[group] = own if to_units is None else to_units(own)
    bins = _count_bins(values, codes, count)
    return describe_feature(everyone, n, mean, squares, around, bins)


def split_by_group(values: np.ndarray, order: np.ndarray, n: np.ndarray) -> list[np.ndarray]:
    """Return the values of each group, given their order by groups and the size of each."""
    return np.split(values[order], np.cumsum(n)[:-1])


def describe_feature(
    everyone: np.ndarray,
    n: np.ndarray,
    mean: np.ndarray,
    squares: np.ndarray,
    around: np.ndarray,
    bins: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return the numbers of one feature in each of G groups, (G,) each.

    Of the groups, and last of the points in none: `everyone`, `n` (G + 1,) points, and those with a
    value; `mean`, `squares` (G + 1,) of these, about it; `bins` (G + 1, width) of them in each bin.
    `around` (G, 6): the values at `quartile_ranks`.
    """
    count = len(around)
    with np.errstate(invalid="ignore", divide="ignore"):
        sd = np.sqrt(squares / np.where(n > 1, n - 1, np.nan))
    quartiles = np.full((count, 3), np.nan)
    for group in np.flatnonzero(n[:count]):
        quartiles[group] = interpolate_quartiles(int(n[group]), around[group])
    found: dict[str, Any] = {"n": n, "missing": everyone - n, "mean": mean, "sd": sd}
    found |= dict(zip(("q25", "median", "q75"), quartiles.T, strict=True))
    effect = _effects(n, mean, squares)
    # Means of equal values differ by rounding alone.
    varies = np.count_nonzero(bins.any(axis=0)) > 1
    found["effect"] = effect if varies else np.where(np.isnan(effect), np.nan, 0.0)
    found["telling"] = _tell_apart(bins, n)
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
        # Of equal values, such as 0.1, means differ by rounding alone.
        pooled = np.where(pooled <= _ROUNDING * (np.abs(mean) + np.abs(other)), 0.0, pooled)
        return np.where(shift == 0, 0.0, shift / pooled)  # infinite where nothing else varies


def _count_bins(values: np.ndarray, codes: np.ndarray, count: int) -> np.ndarray:
    """Return the values of each part in each bin, (count + 1, width): equal ones stay together."""
    distinct, place = np.unique(values, return_inverse=True)
    if len(distinct) > BINS:
        ends = np.cumsum(np.bincount(place))
        place = ((ends - 1) * BINS // len(values))[place]
    width = int(place.max(initial=0)) + 1
    counts = np.bincount(codes.astype(np.int64) * width + place, minlength=(count + 1) * width)
    return counts.reshape(count + 1, width)


def _tell_apart(bins: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return how far each part is told from the others, averaged over their points; NaN if none."""
    counts = bins.astype(np.float64)
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
