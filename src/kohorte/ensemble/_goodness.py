"""Compiled sums of the goodness G of pairs of clusters."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def sum_goodness(
    counts: np.ndarray,
    sizes: np.ndarray,
    realization: np.ndarray,
    floor: float,
    parts: np.ndarray,
    n_parts: int,
) -> np.ndarray:
    """Return G of each cluster summed over the clusters of each part, (K, n_parts) float64.

    `counts` (K, K) int64; of the clusters `sizes` (K,) float64, `realization` (K,) and part `parts`
    (K,), within which sums are in their order. Clusters of one realization do not count. `floor` is
    what a difference of no point counts as.
    """
    sums = np.zeros((sizes.size, n_parts))
    for a in range(sizes.size):
        row, own = counts[a], sums[a]
        for b in range(sizes.size):
            n = float(row[b])
            if n > 0 and realization[a] != realization[b]:
                total = sizes[a] + sizes[b]
                union = total - n
                differing = union - n if union != n else floor
                own[parts[b]] += n * total / (max(union, 1.0) * differing)
    return sums
