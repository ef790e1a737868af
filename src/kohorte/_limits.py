"""Limits that results and the plan of a workflow share, or maps and ensembles."""

import math

#: Clusters of all realizations together up to which the counts of all pairs are kept, 800 MB; of
#: more, those of pairs that share points.
DENSE_CLUSTERS = 10_000

#: Most clusters of all realizations together, and of one.
MAX_CLUSTERS, MAX_WIDTH = 200_000, 2**16

#: Most pairs of clusters that share points, where only these are kept, and bytes of each: 2.4 GB.
MAX_PAIRS, PAIR_BYTES = 200_000_000, 12

#: Seconds of counting by numba per point and pair of realizations, on one thread; and of starting
#: JAX on an accelerator and compiling there.
_PAIR_SECONDS, _DEVICE_SECONDS = 6e-11, 5.0


def is_worth_a_device(n_points: int, n_realizations: int, threads: int) -> bool:
    """Return whether counting takes longer on a CPU than to start an accelerator."""
    return _PAIR_SECONDS * n_points * n_realizations**2 / threads > _DEVICE_SECONDS


#: Rows beyond which a table has its header only: the same numbers lie in `ensemble.h5`.
MAX_ROWS = 1_000_000

#: Points of a block, whose sums are made at once: of more points than that, another number would
#: change the last bits of sums.
BLOCK_ROWS = 1 << 20


def count_rounds(has_table: bool) -> int:
    """Return how often the points of a study are passed through for its tables."""
    return 4 if has_table else 1


def fewest_clusters(n_points: int) -> float:
    """Return how many clusters make a realization fine: 0.35 sqrt(N), and no more than 25."""
    return min(0.35 * math.sqrt(n_points), 25.0)
