"""Tables of the networks: one row each, their course, and paired tests over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import permutation_test, ttest_rel

from kohorte.studies.spirals.plan import MEASURES, PAIRS


def tabulate(jobs: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row for each network at its last step, from what jobs left (spiral_store.read_networks).

    Columns: variant, side, beta, number, width, parameters, node_parameters, and MEASURES.
    """
    parts = [
        pd.DataFrame(
            {"variant": job["variant"], "side": job["side"]}
            | {name: job[name] for name in ("beta", "number", "width")}
            | {name: job[name] for name in ("parameters", "node_parameters")}
            | {name: job[name][:, -1] for name in MEASURES}
        )
        for job in jobs
    ]
    return pd.concat(parts, ignore_index=True)


def tabulate_courses(jobs: Sequence[Mapping[str, Any]], side: int, beta: float) -> pd.DataFrame:
    """Columns variant, number, step and MEASURES of the networks that are compared."""
    parts = [
        pd.DataFrame(
            {"variant": job["variant"], "number": job["number"][row], "step": job["step"]}
            | {name: job[name][row] for name in MEASURES}
        )
        for job in jobs
        if job["side"] == side
        for row in np.flatnonzero(job["beta"] == beta)
    ]
    return pd.concat(parts, ignore_index=True)


def compare(networks: pd.DataFrame) -> pd.DataFrame:
    """Differences of the test accuracy of the pairs of PAIRS, seed by seed.

    Columns: variant, against, n (seeds), difference (mean), low and high (95 % interval of the mean
    by Student's t), p of the exact two-sided test that flips the signs of the n differences, and
    p_holm, corrected for the number of pairs by Holm's method. `networks`: rows of `tabulate` of
    one side and beta, the same numbers for each variant.
    """
    accuracy = networks.pivot(index="number", columns="variant", values="test_accuracy")
    rows = [_compare(accuracy, *pair) for pair in PAIRS]
    table = pd.DataFrame(rows)
    table["p_holm"] = holm(table["p"].to_numpy())
    return table


def _compare(accuracy: pd.DataFrame, variant: str, against: str) -> dict[str, Any]:
    one, other = (accuracy[name].to_numpy(np.float64) for name in (variant, against))
    n = len(one)
    row = {"variant": variant, "against": against, "n": n, "difference": (one - other).mean()}
    if n < 2 or np.ptp(one - other) == 0:
        return row | {"low": np.nan, "high": np.nan, "p": np.nan if n < 2 else _p(one, other)}
    interval = ttest_rel(one, other).confidence_interval(0.95)
    return row | {"low": interval.low, "high": interval.high, "p": _p(one, other)}


def _p(one: np.ndarray, other: np.ndarray) -> float:
    """All 2^n flips where they are few, else 9999 random ones, the same every time."""
    found = permutation_test(
        (one, other),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=2**14 if len(one) <= 14 else 9999,
        rng=np.random.default_rng(len(one)),
    )
    return float(found.pvalue)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's correction of (K,) p-values, NaN not counted: Scand. J. Statistics 6 (1979) 65."""
    corrected = np.full(len(p), np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return corrected
