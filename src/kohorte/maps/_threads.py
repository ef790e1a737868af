"""One thread at a time in BLAS and OpenMP, where the number of threads would change rounding."""

import threading
from contextlib import contextmanager

# The limit is a global of each library: without the lock, two overlapping sections of one process
# would restore each other's limits.
_LIMIT = threading.RLock()


@contextmanager
def single_threaded():
    """Runs its block with BLAS and OpenMP limited to one thread, for bit-identical results."""
    from threadpoolctl import threadpool_limits

    with _LIMIT, threadpool_limits(limits=1):
        yield
