"""Agreement of every pair of realizations, from their contingency tables alone.

Realizations that leave points out are compared on the points that both hold; where there are none,
their agreement is 0.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kohorte._portable import log
from kohorte.ensemble.overlaps import Overlaps


def adjusted_rand(table: np.ndarray) -> float:
    """Return the adjusted Rand index of two partitions from their contingency table.

    Two partitions for which it has no value (both one cluster, or both all single points) agree: 1.
    Source: Hubert & Arabie, Journal of Classification 2 (1985) 193.
    """
    table = np.asarray(table, dtype=np.float64)
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    pairs = _choose_two(table).sum(), _choose_two(rows).sum(), _choose_two(columns).sum()
    return float(adjust_pairs(*pairs, _choose_two(rows.sum())))


def label_ari(a: np.ndarray, b: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the adjusted Rand index of two labellings (N,) of the same points, integers from 0.

    ``weights`` (N,): how often each point occurs; once by default.
    """
    shape = int(a.max()) + 1, int(b.max()) + 1
    cells = a.astype(np.int64) * shape[1] + b
    table = np.bincount(cells, weights=weights, minlength=shape[0] * shape[1])
    return adjusted_rand(table.reshape(shape))


def pairwise_ari(overlaps: Overlaps) -> np.ndarray:
    """Return the adjusted_rand of all pairs of realizations, (R, R) float64."""
    pairs = _sum_tables(overlaps, _choose_two)
    if not overlaps.is_complete:
        rows, common = _sum_margins(overlaps, _choose_two)
        index = adjust_pairs(pairs, rows, rows.T, _choose_two(common))
        return _mirror(np.where(common > 0, index, 0.0))
    within = np.diagonal(pairs)
    return _mirror(adjust_pairs(pairs, within[:, None], within, _choose_two(overlaps.n_points)))


def pairwise_nmi(overlaps: Overlaps) -> np.ndarray:
    """Return the normalized mutual information of all pairs of realizations, (R, R) float64.

    The normalization is the arithmetic mean of the entropies. Two realizations of one cluster
    agree: 1. Source: Vinh, Epps & Bailey, JMLR 11 (2010) 2837.
    """
    # sum n log n over each table: minus N times the joint entropy, but for a constant.
    joint = _sum_tables(overlaps, _xlogx)
    if overlaps.is_complete:
        single, common = np.diagonal(joint)[:, None], np.array([[overlaps.n_points]])
        filled = np.bincount(overlaps.realization)[:, None]
    else:
        single, common = _sum_margins(overlaps, _xlogx)
        filled, _ = _sum_margins(overlaps, np.sign)
    entropy = np.maximum(_xlogx(common) - single, 0.0)
    entropy[filled == 1] = 0.0  # not what rounding has left of it
    information = np.maximum(entropy + (joint - single.T), 0.0)
    information = np.minimum(information, np.minimum(entropy, entropy.T))
    mean = (entropy + entropy.T) / 2
    nmi = np.ones_like(joint)
    np.divide(information, mean, out=nmi, where=mean != 0)
    return _mirror(np.where(common > 0, nmi, 0.0))


def adjust_pairs(both: Any, rows: Any, columns: Any, total: Any) -> np.ndarray:
    """Return the adjusted Rand index from numbers of pairs of points within cells, float64."""
    expected = rows * columns / np.maximum(total, 1.0)
    largest = (rows + columns) / 2
    index = np.ones(np.shape(both))
    return np.divide(both - expected, largest - expected, out=index, where=largest != expected)


def _mirror(values: np.ndarray) -> np.ndarray:
    """Return the upper triangle and its mirror image, with 1 on the diagonal."""
    upper = np.triu(values, 1)
    return upper + upper.T + np.eye(len(values))


def _choose_two(n: npt.ArrayLike) -> np.ndarray:
    number = np.asarray(n, dtype=np.float64)
    return number * (number - 1) / 2


def _xlogx(n: npt.ArrayLike) -> np.ndarray:
    number = np.asarray(n, dtype=np.float64)
    return number * log(np.maximum(number, 1.0))


def _sum_tables(overlaps: Overlaps, measure: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Sum a measure of the counts over the block of each pair of realizations: (R, R)."""
    starts = overlaps.starts
    if overlaps.sparse is not None:  # of no point, either measure is 0
        (row, column), r = overlaps.pairs, overlaps.n_realizations
        cells = overlaps.realization[row] * np.int64(r) + overlaps.realization[column]
        return np.bincount(cells, measure(overlaps.sparse.data), r * r).reshape(r, r)
    # One realization after the other: memory for its rows.
    parts = np.split(overlaps.counts, starts[1:])
    sums = np.concatenate([np.add.reduceat(measure(part), [0], axis=0) for part in parts])
    return np.add.reduceat(sums, starts, axis=1)


def _sum_margins(
    overlaps: Overlaps, measure: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Sum a measure of the clusters of i over the points that j holds, too; and these: (R, R)."""
    starts = overlaps.starts
    margins = overlaps.sum_columns()
    sums = np.add.reduceat(measure(margins), starts, axis=0)
    return sums, np.add.reduceat(margins, starts, axis=0)
