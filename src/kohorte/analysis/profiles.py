"""What the groups of a table are like: the values of each feature in each group."""

from collections.abc import Sequence

import numpy as np

from kohorte._checks import extra
from kohorte.errors import DataError

with extra("figures"):
    import pandas as pd

COLUMNS = (
    *("group", "feature", "n", "mean", "sd", "median", "q25", "q75"),
    *("effect", "rank"),
)


def profile_table(values: np.ndarray, names: Sequence[object], labels: np.ndarray) -> pd.DataFrame:
    """Return one row a group and feature: where its values lie, and how far from those of others.

    `values` (N, F) are in the units of the source, NaN where missing; `names` of the F features;
    `labels` (N,) integers, the group of each point, negative for none: these points are in no group
    and among the others of all. `n` counts the values that are there; `sd` is the sample's (ddof =
    1), and `q25`, `median`, `q75` are linear quantiles. `effect` is the difference of the mean to
    that of all other points over the pooled standard deviation of the two (Cohen's d; Statistical
    Power Analysis for the Behavioral Sciences, 1988): infinite where neither varies and the means
    differ, NaN where one has no value. `rank` orders the features of a group by its size, from 1
    the one that tells the group apart best; ties go to the earlier feature. DataError where the
    arrays do not fit.
    """
    values, labels = np.asarray(values), np.asarray(labels)
    if values.ndim != 2 or values.shape != (len(labels), len(names)):
        raise DataError(
            f"values have the shape {values.shape}; {len(labels)} labels and {len(names)} names "
            f"need ({len(labels)}, {len(names)})"
        )
    rows = []
    for group in np.unique(labels[labels >= 0]).tolist():
        inside = labels == group
        of_group = [_describe(values[:, k], inside) for k in range(len(names))]
        sizes = np.array([-1.0 if np.isnan(r[-1]) else abs(r[-1]) for r in of_group])
        rank = np.empty(len(names), dtype=np.int64)
        rank[np.argsort(-sizes, kind="stable")] = np.arange(1, len(names) + 1)
        rows += [
            (group, name, *found, int(place))
            for name, found, place in zip(names, of_group, rank, strict=True)
        ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _describe(column: np.ndarray, inside: np.ndarray) -> tuple[float, ...]:
    """Return count, mean, deviation, median, quartiles and effect of a feature in a group."""
    column = np.asarray(column, dtype=np.float64)
    present = ~np.isnan(column)
    own, others = column[inside & present], column[~inside & present]
    if not own.size:
        return (0, *[np.nan] * 6)
    low, middle, high = np.quantile(own, (0.25, 0.5, 0.75))
    deviation = own.std(ddof=1) if own.size > 1 else np.nan
    return own.size, own.mean(), deviation, middle, low, high, _effect(own, others)


def _effect(own: np.ndarray, others: np.ndarray) -> float:
    freedom = own.size + others.size - 2
    if not others.size or freedom < 1:
        return np.nan
    difference = own.mean() - others.mean()
    squares = np.square(own - own.mean()).sum() + np.square(others - others.mean()).sum()
    if squares == 0:
        return 0.0 if difference == 0 else float(np.copysign(np.inf, difference))
    return float(difference / np.sqrt(squares / freedom))
