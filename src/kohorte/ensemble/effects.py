"""Which swept parameters matter: who agrees with whom, from the contingency counts alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kohorte._checks import as_count
from kohorte.ensemble.agreement import pairwise_ari
from kohorte.ensemble.overlaps import Overlaps
from kohorte.errors import DataError


@dataclass(frozen=True, eq=False)
class ParameterEffect:
    """How much a swept parameter matters for the partition.

    `values` are those of the parameter, ascending where they have an order; `agreement` (V, V)
    float64 is the mean pairwise adjusted Rand index of realizations with these two values; `within`
    and `between` are its means over all pairs with equal and with different values. `p_value` is
    the share of random assignments of the values to the realizations that set `within` as far above
    `between` as observed; of these assignments 95 % have a difference `within` - `between` from
    `chance_low` to `chance_high`. NaN where there is no pair.
    """

    values: list[Any]
    agreement: np.ndarray
    within: float
    between: float
    p_value: float
    chance_low: float = np.nan
    chance_high: float = np.nan


def parameter_effects(
    overlaps: Overlaps,
    parameters: Mapping[str, Sequence],
    rng: np.random.Generator,
    *,
    permutations: int = 999,
) -> dict[str, ParameterEffect]:
    """Compare realizations with equal and with different values of each parameter.

    `parameters` has the value of each of R realizations by name, else DataError is raised; a
    parameter with a single value is left out. `rng` draws the `permutations` assignments of values
    for the p-value, which is NaN without any; ConfigError for fewer than none.
    """
    permutations = as_count(permutations, "permutations", 0)
    ari = pairwise_ari(overlaps)
    upper = np.triu_indices(overlaps.n_realizations, 1)
    effects = {}
    for name, given in parameters.items():
        if len(given) != overlaps.n_realizations:
            raise DataError(
                f"parameter {name!r} has {len(given)} values; expected one for each of the "
                f"{overlaps.n_realizations} realizations"
            )
        values, codes = _encode(given)
        if len(values) > 1:
            effects[name] = _measure_effect(ari, upper, values, codes, rng, permutations)
    return effects


def _measure_effect(
    ari: np.ndarray,
    upper: tuple[np.ndarray, np.ndarray],
    values: list[Any],
    codes: np.ndarray,
    rng: np.random.Generator,
    permutations: int,
) -> ParameterEffect:
    matrix = np.full((len(values), len(values)), np.nan)
    distinct = ~np.eye(len(ari), dtype=bool)
    for v in range(len(values)):
        for w in range(v, len(values)):
            pairs = np.outer(codes == v, codes == w) & distinct
            if pairs.any():
                matrix[v, w] = matrix[w, v] = ari[pairs].mean()
    flat = ari[upper]
    same = codes[upper[0]] == codes[upper[1]]
    if not same.any():
        return ParameterEffect(values, matrix, np.nan, float(flat.mean()), np.nan)
    within, between = float(flat[same].mean()), float(flat[~same].mean())
    # Every assignment has as many equal pairs as the observed one: the means need one sum.
    observed = _sum_within(ari, codes)
    totals = np.array([_sum_within(ari, rng.permutation(codes)) for _ in range(permutations)])
    if not permutations:
        return ParameterEffect(values, matrix, within, between, np.nan)
    reached = int((totals >= observed - 1e-12 * abs(observed)).sum())
    p_value = (reached + 1) / (permutations + 1)
    inside = (totals - np.trace(ari)) / (2 * same.sum())
    outside = (ari.sum() - totals) / (2 * (~same).sum())
    low, high = np.quantile(inside - outside, [0.025, 0.975])
    return ParameterEffect(values, matrix, within, between, p_value, float(low), float(high))


def _sum_within(ari: np.ndarray, codes: np.ndarray) -> float:
    """Sum over all ordered pairs with equal codes, a realization and itself among them."""
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    return sum(float(ari[np.ix_(m, m)].sum()) for m in members)


def _encode(given: Sequence) -> tuple[list[Any], np.ndarray]:
    """Return the distinct values, sorted where they can be, and the (R,) index of each."""
    values = list(dict.fromkeys(given))
    try:
        values.sort()
    except TypeError:
        values.sort(key=str)
    return values, np.array([values.index(value) for value in given])
