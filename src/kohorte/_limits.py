"""Limits that results and the plan of a workflow share."""

#: Most clusters of all realizations together: the counts of all pairs then take 800 MB.
MAX_CLUSTERS = 10_000

#: Seconds of counting by numba per point and pair of realizations, on one thread; and of starting
#: JAX on an accelerator and compiling there.
_PAIR_SECONDS, _DEVICE_SECONDS = 6e-11, 5.0


def is_worth_a_device(n_points: int, n_realizations: int, threads: int) -> bool:
    """Return whether counting takes longer on a CPU than to start an accelerator."""
    return _PAIR_SECONDS * n_points * n_realizations**2 / threads > _DEVICE_SECONDS
