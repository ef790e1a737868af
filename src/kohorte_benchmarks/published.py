"""The published way to Gsum in plain NumPy: N-sized masks, one pair of clusters after the other.

The loops follow the definition of the method (Bussov & Nättilä, Signal Processing: Image
Communication 99 (2021) 116450; Ha, Nättilä & Davelaar, JOSS 10 (2025) 7613): every cluster of
every realization against every cluster of all other realizations, its mask made when it is needed.
"""

from collections.abc import Callable

import numpy as np


def gsum_by_boolean_masks(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return counts and Gsum of all clusters of (R, N) labels, from boolean masks and float64 sums.

    Returns
    -------
    counts : (K, K) int64
        Points shared by clusters of different realizations; sizes on the diagonal.
    gsum : (K,) float64
        0 is added for two identical clusters, as published.
    """

    def compare(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
        n = np.sum(a & b, dtype=np.float64)
        union = np.sum(a | b, dtype=np.float64)
        total = np.sum(a, dtype=np.float64) + np.sum(b, dtype=np.float64)
        return n, _goodness(n, union, total)

    return _compare_all(labels, lambda array, cluster: array == cluster, compare)


def gsum_by_number_masks(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what gsum_by_boolean_masks does, by the operations of the published program.

    Masks are numbers, the intersection is their product, the union their rounded mean, and every
    pair adds its goodness to an N-sized map: the stacked signal, which is not returned.
    """
    stacked = np.zeros(labels.shape[1])

    def compare(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
        intersection, union = a * b, np.ceil((a + b) * 0.5)
        n, total = np.sum(intersection), np.sum(a) + np.sum(b)
        goodness = _goodness(n, np.sum(union), total)
        stacked[:] += goodness * a
        return n, goodness

    return _compare_all(labels, lambda array, cluster: np.where(array == cluster, 1, 0), compare)


def _goodness(n: float, union: float, total: float) -> float:
    quality = (union - n) / total
    return n / union / quality if quality else 0.0


def _compare_all(
    labels: np.ndarray,
    make_mask: Callable[[np.ndarray, int], np.ndarray],
    compare: Callable[[np.ndarray, np.ndarray], tuple[float, float]],
) -> tuple[np.ndarray, np.ndarray]:
    clusters = [(r, int(c)) for r, array in enumerate(labels) for c in np.unique(array)]
    counts = np.zeros((len(clusters), len(clusters)), dtype=np.int64)
    gsum = np.zeros(len(clusters))
    for k, (i, cluster) in enumerate(clusters):
        a = make_mask(labels[i], cluster)
        counts[k, k] = a.sum()
        for m, (j, other) in enumerate(clusters):
            if i != j:
                counts[k, m], goodness = compare(a, make_mask(labels[j], other))
                gsum[k] += goodness
    return counts, gsum
