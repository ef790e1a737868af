"""Compiled sums over ranks of distances."""

import math

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def _group(ordered: np.ndarray, value: float, own: float) -> tuple[int, int]:
    """Count the distances below `value` and those equal to it, without the point's own."""
    first = np.searchsorted(ordered, value, side="left")
    last = np.searchsorted(ordered, value, side="right")
    return int(first - (own < value)), int(last - first - (own == value))


@njit(nogil=True, cache=True)
def add_excess(
    near: np.ndarray,
    near_ordered: np.ndarray,
    far: np.ndarray,
    far_ordered: np.ndarray,
    start: int,
    k: int,
) -> float:
    """Sum, over rows i and the k nearest j by `near`, the ranks by `far` beyond k.

    Tied distances: the mean over all orders of the tied. All are (b, n), `*_ordered` with each row
    sorted; row i is of point start + i, whose distance to itself is the smallest of the row.
    """
    total = 0.0
    for i in range(near.shape[0]):
        own = start + i
        limit = near_ordered[i, k]
        before, size = _group(near_ordered[i], limit, near[i, own])
        share = (k - before) / size
        for j in range(near.shape[1]):
            if j == own or near[i, j] > limit:
                continue
            low, tied = _group(far_ordered[i], far[i, j], far[i, own])
            # Sum of 1..(last rank - k), less the part below the group's first rank.
            beyond, short = max(low + tied - k, 0), max(low - k, 0)
            excess = (beyond * (beyond + 1) - short * (short + 1)) / (2 * tied)
            total += excess if near[i, j] < limit else share * excess
    return total


@njit(nogil=True, cache=True)
def add_ratios(
    by_weights: np.ndarray,
    weight_order: np.ndarray,
    on_lattice: np.ndarray,
    lattice_order: np.ndarray,
    factors: np.ndarray,
) -> float:
    """Sum the logarithms ln(Q1 Q2) of the topographic product over rows, times `factors` of ranks.

    Distances and orders are (b, M); the last of each order, the node itself, is left out. A ratio
    with a distance of zero counts as 1.
    """
    total = 0.0
    for i in range(by_weights.shape[0]):
        for rank in range(factors.size):
            a, v = lattice_order[i, rank], weight_order[i, rank]
            ratio = 1.0
            if by_weights[i, a] > 0 and by_weights[i, v] > 0:
                ratio = by_weights[i, a] / by_weights[i, v]
            if on_lattice[i, a] > 0 and on_lattice[i, v] > 0:
                ratio *= on_lattice[i, a] / on_lattice[i, v]
            total += factors[rank] * math.log(ratio)
    return total
