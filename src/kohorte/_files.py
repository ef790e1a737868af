"""Files that are whole or not there: written under a temporary name, and renamed when complete.

Only the standard library is imported.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from kohorte._processes import machine, start_of
from kohorte.errors import ResultError

#: What can be done where a file cannot be written.
_REMEDIES = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room in your quota",
    errno.EFBIG: "raise the limit of the size of files (ulimit -f)",
    errno.EROFS: "make that file system writable",
    errno.EACCES: "get the permission to write there",
    errno.EPERM: "get the permission to write there",
}

#: Temporary files of other machines, and of this one from before its last start, are abandoned when
#: nobody has touched them for so long, in seconds.
_ABANDONED_AFTER = 7 * 24 * 3600


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` if the block ends without error.

    Missing folders are made. Raises ResultError: disk or permissions do not allow to write there.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{machine()}-{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path.parent)
        temporary.touch()  # what forbids to write here is found before the block does its work
        yield temporary
        with open(temporary, "r+b") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        raise ResultError(
            f"{path}: cannot be written ({error.strerror}); {_REMEDIES[error.errno]} and run "
            "again: what is finished is kept"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@functools.cache
def _remove_abandoned(folder: Path) -> None:
    """Remove the temporary files of processes that were killed; once in each process."""
    for part in folder.glob(".*.part"):
        owner = re.search(r"\.([0-9a-f]{8})-(\d{1,9})\.part$", part.name)
        if owner is None:
            continue
        with contextlib.suppress(OSError):
            if owner[1] == machine() and os.name == "posix":
                abandoned = start_of(int(owner[2])) is None
            else:
                abandoned = time.time() - part.stat().st_mtime > _ABANDONED_AFTER
            if abandoned:
                part.unlink()
