"""Which runs go on in a folder: each says so in a file, as long as it lives.

Snakemake locks a folder, and does not say for whom: the lock of a run that was killed is like that
of one that goes on. So a run leaves a claim with its processes, and touches it every ten seconds.
Whether a process lives is seen on its own machine; elsewhere (another node of a cluster, another
container) a claim that nobody has touched for two minutes is one of the dead.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kohorte._files import replacing
from kohorte._processes import machine, start_of
from kohorte.errors import ResultError
from kohorte.study.outside import MEMORY

#: Where runs leave their claims, in the folder that they are called in.
FOLDER = MEMORY / "running"

#: Environment variable that names the claim of a run for the Snakemake that it calls.
VARIABLE = "KOHORTE_CLAIM"

#: Seconds between two touches of a claim, and after which one that nobody touches is dead.
BEAT, SILENCE = 10.0, 120.0


@dataclass(frozen=True)
class Process:
    """A process, with what tells it from another one of its number."""

    host: str
    machine: str
    number: int
    start: str


@dataclass
class Claim:
    """What a run says of itself."""

    study: str
    whole: bool  # It makes all of the study, and not something beside it such as a prediction
    since: float
    processes: list[Process] = field(default_factory=list)
    path: Path = Path()

    def __str__(self) -> str:
        """Return who runs, in words."""
        living = [one for one in self.processes if _is_here(one) and _runs(one)]
        process = (living or self.processes)[0]
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"process {process.number} on {process.host}, since {since}"


def find_claims(study: str, folder: Path = FOLDER) -> list[Claim]:
    """Return the claims of a study, in the order of their age."""
    found = []
    for path in folder.glob("*.json"):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            found.append(_read(path))
    return sorted((one for one in found if one.study == study), key=lambda one: one.since)


def _read(path: Path) -> Claim:
    read = json.loads(path.read_text(encoding="utf-8"))
    processes = [Process(**process) for process in read["processes"]]
    return Claim(**(read | {"processes": processes, "path": path}))


def is_living(claim: Claim) -> bool | None:
    """Tell whether a run goes on; None where only the next touches of its claim will tell."""
    elsewhere = [process for process in claim.processes if not _is_here(process)]
    if any(_runs(process) for process in claim.processes if process not in elsewhere):
        return True
    return None if elsewhere and _silence(claim.path) < SILENCE else False


def _is_here(process: Process) -> bool:
    return process.machine == machine()


def _runs(process: Process) -> bool:
    return start_of(process.number) == process.start


def enter(study: str, *, whole: bool, unlock: bool = False, folder: Path = FOLDER) -> Claim:
    """Claim a study for this process, as long as it lives; returns the claim.

    `unlock`: remove the locks of Snakemake that runs of this study have left which were killed.
    ResultError: another run of the study goes on, and one of the two makes all of it.
    """
    seen: dict[Path, int] = {}
    while True:
        with _alone(folder):
            claims = find_claims(study, folder)
            dead = [claim for claim in claims if is_living(claim) is False]
            waiting = []
            for rival in claims:
                if rival in dead or not (whole or rival.whole):
                    continue
                touched = _touched(rival.path)
                if is_living(rival) or seen.setdefault(rival.path, touched) != touched:
                    raise ResultError(
                        f"a run of the study {study} goes on: {rival}; wait for its end, or end it"
                    )
                waiting.append(rival)
            if not waiting:
                if unlock and dead == claims:
                    for lock in find_locks(study, folder) if dead else ():
                        lock.unlink(missing_ok=True)
                for claim in dead:
                    _say(f"the former run of this study was ended ({claim}); this one goes on")
                    claim.path.unlink(missing_ok=True)
                claim = Claim(study, whole, time.time(), path=folder / f"{uuid.uuid4().hex}.json")
                return _join(claim)
        if len(seen) == len(waiting):
            _say(f"waiting up to {SILENCE:.0f} s for a sign of life of {waiting[0]}")
            seen[Path()] = 0
        time.sleep(BEAT / 10)


def join(study: str, *, whole: bool) -> Claim:
    """Add this process to the claim of the `kohorte` that called it, or enter where none did."""
    path = Path(os.environ.get(VARIABLE, ""))
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        claim = _read(path)
        if claim.study == study:
            with _alone(path.parent):
                return _join(_read(path))
    return enter(study, whole=whole)


def leave(claim: Claim) -> None:
    """Give up a claim, but where a lock is left: then it says that this run is dead."""
    if not find_locks(claim.study, claim.path.parent):
        with contextlib.suppress(OSError):
            claim.path.unlink()


def find_locks(study: str, folder: Path = FOLDER) -> list[Path]:
    """Return the locks of Snakemake that hold files of a study."""
    found = []
    for lock in folder.parents[1].glob("locks/*.lock"):
        with contextlib.suppress(OSError):
            lines = lock.read_text(encoding="utf-8", errors="replace").splitlines()
            if any(line.startswith(f"results/{study}/") for line in lines):
                found.append(lock)
    return found


def has_incomplete(folder: Path = FOLDER) -> bool:
    """Tell whether Snakemake has marks of jobs that have begun and not ended."""
    return any(path.is_file() for path in folder.parents[1].glob("incomplete/**/*"))


def describe_claims(study: str, folder: Path = FOLDER) -> str:
    """Return what who calls Snakemake by hand should know of other runs; "" for nothing."""
    if VARIABLE in os.environ:
        return ""
    claims = find_claims(study, folder)
    living = [claim for claim in claims if is_living(claim) is not False]
    if living:
        return f"a run of the study {study} goes on: {living[0]}; wait for its end"
    if claims and (find_locks(study, folder) or has_incomplete(folder)):
        return (
            f"the former run of the study {study} was ended ({claims[-1]}). `kohorte run` goes on "
            "with it as it is; with Snakemake call `snakemake --unlock` where it says that the "
            "directory cannot be locked, and then the same again with --rerun-incomplete"
        )
    return ""


def _join(claim: Claim) -> Claim:
    number = os.getpid()
    own = Process(platform.node(), machine(), number, start_of(number) or "")
    claim.processes.append(own)
    text = json.dumps({**asdict(claim), "path": None})
    with replacing(claim.path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    threading.Thread(target=_touch, args=[claim.path], daemon=True).start()
    return claim


def _touch(path: Path) -> None:
    while True:
        time.sleep(BEAT)
        try:
            os.utime(path)
        except FileNotFoundError:
            return
        except OSError:
            continue  # a shared disk may be away for a while


def _touched(path: Path) -> int:
    with contextlib.suppress(OSError), open(path, "rb") as stream:
        # On a shared disk opening a file asks the server anew.
        return os.fstat(stream.fileno()).st_mtime_ns
    return 0


def _silence(path: Path) -> float:
    """Return for how many seconds nobody has touched a file, by the clock of its disk."""
    with contextlib.suppress(OSError), tempfile.NamedTemporaryFile(dir=path.parent) as now:
        return (os.stat(now.name).st_mtime_ns - _touched(path)) / 1e9
    return SILENCE


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time look at claims and change them, where the disk has locks."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise ResultError(
            f"{folder}: cannot be written ({error.strerror}); a study runs in a folder that is "
            "writable"
        ) from error
    try:
        for _ in range(100):
            try:
                import fcntl

                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.1)
            except (ImportError, OSError):
                break
            else:
                break
        yield
    finally:
        os.close(number)


def _say(text: str) -> None:
    print(f"kohorte: {text}", file=sys.stderr, flush=True)
