"""Which process is which, and whether one still runs. Only the standard library is imported."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import signal
import zlib
from pathlib import Path


@functools.cache
def machine() -> str:
    """Return a short name that the processes share which can see each other.

    Containers and machines may have one host name, and the numbers of their processes say nothing
    to each other: the start of the machine and the namespace of its processes tell them apart.
    """
    parts = [platform.node()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
        parts.append(os.readlink("/proc/self/ns/pid"))
    return f"{zlib.crc32(' '.join(parts).encode()):08x}"


def start_of(process: int) -> str | None:
    """Return when a process of this machine started, in ticks of its clock; None if it has ended.

    "" where the system does not say. One that has ended, and was not waited for, has ended.
    """
    if os.name == "posix":
        try:
            os.kill(process, 0)
        except (ProcessLookupError, OverflowError):
            return None
        except PermissionError:
            pass  # it is another user's
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *numbers = text.rpartition(")")[2].split()
    return None if state in "ZX" else numbers[18]


def heed_interrupts() -> None:
    """Let SIGINT interrupt this process, and those that it starts, in the background, too.

    A shell without job control starts what is followed by `&` such that it ignores the signal.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
