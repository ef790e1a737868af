"""Snakemake with the workflow of kohorte, called as one would call it by hand."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import kohorte
from kohorte._processes import heed_interrupts
from kohorte.errors import ConfigError, MissingExtraError
from kohorte.study import claims
from kohorte.study.limits import check_limits
from kohorte.study.outside import MEMORY

#: Where the wheel has its copy of the workflow, in the package.
PACKAGED = "_workflow"

#: Exit status after an interrupt, as shells have it.
INTERRUPTED = 130

#: An error in the log of a job, up to the next message.
_ERROR = re.compile(
    r"^\S+ \S+ ERROR kohorte: (.*?)(?=^\d{4}-\d\d-\d\d |\Z)", re.MULTILINE | re.DOTALL
)


def workflow_folder() -> Path:
    """Return the folder of the Snakefile: in the package, or the repository that it is run from."""
    package = Path(kohorte.__file__).resolve().parent
    for folder in (package / PACKAGED, package.parents[1]):
        if (folder / "Snakefile").is_file() and (folder / "workflow").is_dir():
            return folder
    raise ConfigError(
        f"{package}: there is no workflow in this installation; install kohorte from its wheel, or "
        "run Snakemake in its repository"
    )


def profile_folder(name: str) -> Path | str:
    """Return the profile that a name means: of this folder or of the user, else one of kohorte."""
    settings = Path(os.environ.get("XDG_CONFIG_HOME", "~/.config"), "snakemake", name).expanduser()
    packaged = workflow_folder() / "workflow" / "profiles" / name
    if not Path(name).exists() and not settings.exists() and packaged.is_dir():
        return packaged
    return name


def snakemake_arguments(
    *study: Path | str,
    cores: str | None = None,
    profile: str | None = None,
    config: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return the arguments of Snakemake for a study: what all commands have in common.

    `study`: its files. `config`: sections that replace those of the study's file.
    """
    arguments = []
    snakefile = workflow_folder() / "Snakefile"
    if Path("Snakefile").resolve() != snakefile:
        arguments += ["--snakefile", str(snakefile)]
    arguments += ["--configfile", *map(str, study)]
    if config:
        arguments += [
            "--config",
            *(f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in config.items()),
        ]
    if profile is not None:
        arguments += ["--profile", str(profile_folder(profile))]
    if cores is not None or profile is None:
        arguments += ["--cores", cores or "all"]
    return arguments


def is_dry(arguments: Iterable[str]) -> bool:
    """Tell whether Snakemake is only asked what it would do; `-np` is `-n -p`."""
    return any(re.fullmatch(r"--dry-?run|-[npkF]*n[npkF]*", one) for one in arguments)


def run_study(study: str, arguments: Sequence[str], more: Sequence[str], *, whole: bool) -> int:
    """Run Snakemake for a study as `run_snakemake` does, also where a former run was killed.

    `arguments`: what Snakemake is called with; `more`: what follows them, with targets at its end.
    `whole`: what is asked for is the study itself. ResultError where another run of it goes on.
    """
    heed_interrupts()
    claim = None
    if not is_dry(more) and "--unlock" not in more:
        claim = claims.enter(study, whole=whole, unlock=True)
    mended = ["--rerun-incomplete"] if claims.has_incomplete() else []
    try:
        return run_snakemake([*arguments, *mended, *more], claim)
    finally:
        if claim is not None:
            claims.leave(claim)


def run_snakemake(arguments: Sequence[str], claim: claims.Claim | None = None) -> int:
    """Run Snakemake, having shown the call; returns its exit status, 130 where it was interrupted.

    MissingExtraError where it is not installed.
    """
    if find_spec("snakemake") is None:
        raise MissingExtraError("Snakemake is not installed: pip install 'kohorte[workflow]'")
    check_limits(1)
    print(f"$ {shlex.join(['snakemake', *arguments])}\n", file=sys.stderr, flush=True)
    # A file called random.py in the folder of a study is not that of Python.
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    if claim is not None:
        environment[claims.VARIABLE] = str(claim.path.resolve())
    # Names in any alphabet can be logged, wherever this runs.
    environment.setdefault("PYTHONUTF8", "1")
    if not _has_cache(environment):
        environment["XDG_CACHE_HOME"] = str((MEMORY / "cache").resolve())
    # Snakemake's reports leave some of its own coroutines alone, and say so.
    environment.setdefault("PYTHONWARNINGS", "ignore:coroutine:RuntimeWarning")
    with subprocess.Popen(
        [sys.executable, "-m", "snakemake", *arguments], env=environment
    ) as process:

        def end(number: int, frame: FrameType | None) -> None:
            process.send_signal(number)

        former = signal.signal(signal.SIGTERM, end)
        interrupted = False
        try:
            while True:
                try:
                    status = process.wait()
                    break
                except KeyboardInterrupt:
                    # From a terminal it went to Snakemake as well.
                    if not _has_terminal() and not interrupted:
                        process.send_signal(signal.SIGINT)
                    interrupted = True
        finally:
            signal.signal(signal.SIGTERM, former)
    return INTERRUPTED if interrupted or status == -signal.SIGINT else status


def _has_cache(environment: Mapping[str, str]) -> bool:
    """Tell whether Snakemake can keep what it caches, without which it does not start."""
    folder = Path(environment.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "snakemake")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _has_terminal() -> bool:
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


def shows_errors() -> bool:
    """Tell whether the workflow itself ends with the reason of a failure."""
    return os.environ.get("KOHORTE_TERMINAL") != "snakemake"


def logged_errors(results: Path, since: float) -> Iterator[str]:
    """Yield what the jobs of a study gave as the reason why they failed, from a time on."""
    for log in sorted((results / "logs").rglob("*.log")):
        if log.stat().st_mtime >= since:
            found = _ERROR.findall(log.read_text(encoding="utf-8", errors="replace"))
            yield from (error.strip() for error in found)
