"""Threads that are kept, and BLAS limited to one thread where their number changes rounding."""

import functools
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@functools.cache
def kept_pool(threads: int) -> ThreadPoolExecutor:
    """Return a pool of so many threads, which stay.

    A new thread would share the core of the one that makes it for the first milliseconds, until
    the system moves it to another. Tasks must not wait for each other: callers share the pool.
    """
    return ThreadPoolExecutor(threads, thread_name_prefix="kohorte")


# The threads of a pool are not copied with a process, but its record of them is.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=kept_pool.cache_clear)

#: The limit is a global of each library: without the lock, two overlapping sections of one process
#: would restore each other's limits.
_LIMIT = threading.RLock()


@contextmanager
def single_threaded() -> Iterator[None]:
    """Run the block with BLAS and OpenMP limited to one thread, for bit-identical results."""
    from threadpoolctl import threadpool_limits

    with _LIMIT, threadpool_limits(limits=1):
        yield
