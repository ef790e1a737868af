"""Limits of the shell or machine that a run is started in, which it must have room in.

Only the standard library is imported: a workflow looks at them before it plans.
"""

from __future__ import annotations

import threading

from kohorte.errors import ConfigError

#: What can be done about limits of this machine.
RAISE_LIMITS = "raise the limits of this shell (ulimit -v, -u), or use fewer cores"

#: Address space that a run takes at least, and threads that it starts beside those of its jobs.
_LEAST_BYTES = 600 << 20
_OWN_THREADS = 4
_MOST_CORES = 64  # that are asked for


def check_limits(cores: int) -> None:
    """Refuse limits of memory and threads that no run comes to an end with: ConfigError.

    A run that fails for that reason fails anywhere, in the middle of other programs.
    """
    try:
        import resource
    except ImportError:  # there are no such limits
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < _LEAST_BYTES:
        raise ConfigError(
            f"a run needs {_LEAST_BYTES >> 20} MiB of address space at least, and its limit is "
            f"{limit >> 20} MiB; {RAISE_LIMITS}"
        )
    ended, started = threading.Event(), []
    try:
        for _ in range(min(cores, _MOST_CORES) + _OWN_THREADS):
            thread = threading.Thread(target=ended.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError:
        raise ConfigError(
            f"a run on {cores} cores needs {cores + _OWN_THREADS} threads, and {len(started)} can "
            f"be started; {RAISE_LIMITS}"
        ) from None
    finally:
        ended.set()
        for thread in started:
            thread.join()
