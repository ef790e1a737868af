"""Files that are whole or not there: written under a temporary name, and renamed when complete.

And what tells the content of a file, without reading it each time.

Only the standard library is imported.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import re
import stat
import sys
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


#: Where a workflow keeps what it knows of files, in the directory that Snakemake runs in.
MEMORY = Path(".snakemake", "kohorte")

#: A file that was written within so many seconds may be written again with the same dates.
_FRESH = 2.0
_LARGE = 4 << 30  # bytes whose reading is announced


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


def digest_content(path: str | Path, memory: Path | None = MEMORY) -> str:
    """Return the SHA-256 of a file, or of all files in a folder with their names.

    A digest is kept in `memory`, with size and dates of the file, so that a large file is read
    once. Its date of change (ctime) is among them, which no program sets back. Returns "missing"
    where there is nothing, and "no file" for a device or pipe, which is not read.
    """
    path = Path(path)
    if path.is_dir():
        members = sorted(p for p in path.rglob("*") if p.is_file())
        parts = [(p.relative_to(path).as_posix(), digest_content(p, memory)) for p in members]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    state = _state(path)
    if isinstance(state, str):
        return state
    note = memory and memory / "content" / f"{short_digest(os.path.abspath(path))}.json"
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        known = json.loads(note.read_text(encoding="utf-8")) if note else {}
        if known["state"] == state:
            return str(known["digest"])
    if state[0] > _LARGE:
        size = f"{state[0] / 1e9:.0f} GB"
        print(f"kohorte: {path} ({size}) is read once, to tell later changes", file=sys.stderr)
    try:
        with open(path, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return "missing"
    settled = time.time() - max(state[1:]) / 1e9 > _FRESH
    if note and settled and _state(path) == state:
        with contextlib.suppress(OSError, ResultError), replacing(note) as temporary:
            temporary.write_text(json.dumps({"state": state, "digest": digest}), encoding="utf-8")
    return digest


def _state(path: Path) -> list[int] | str:
    """Return size and dates of a file, or why there are none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return "missing"
    if not stat.S_ISREG(found.st_mode):
        return "no file"
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def short_digest(text: str) -> str:
    """Return a name that tells texts, such as paths, apart."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:20]
