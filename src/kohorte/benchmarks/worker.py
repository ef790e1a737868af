"""Tasks in processes of their own: run as a module this is the process, imported it starts one.

The process reads its task as a line of JSON, prepares it, and runs it once for every further line.
It answers each with a line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kohorte.errors import ResultError


@dataclass(frozen=True)
class Measurement:
    """Several runs of one task in one process.

    Attributes
    ----------
    seconds
        Median of the runs.
    peak_mb
        Largest resident memory of the process in its life, 10^6 bytes: with interpreter,
        libraries, compiling and the task's data.
    answer
        That of the task.
    stages
        Median seconds of each stage, by name.
    """

    seconds: float
    peak_mb: float
    answer: str = ""
    stages: Mapping[str, float] = field(default_factory=dict)


def measure(
    tasks: Mapping[str, tuple[str, Mapping[str, Any]]],
    *,
    repeats: int,
    threads: int,
) -> dict[str, Measurement]:
    """Run tasks in turn, each in a process of its own, ``repeats`` rounds.

    Parameters
    ----------
    tasks
        Any key -> name of a task of tasks.TASKS and its arguments.
    repeats
        Number of rounds. In a round every task runs once, so that what else the machine does
        meets all of them.
    threads
        Threads that the libraries of a process may use.

    Raises
    ------
    ResultError
        A process ended before it answered; its error is on the standard error.
    """
    with contextlib.ExitStack() as stack:
        workers = {
            key: stack.enter_context(_Worker(name, threads)) for key, (name, _) in tasks.items()
        }
        for key, (name, arguments) in tasks.items():
            workers[key].ask(json.dumps([name, arguments]))
        replies: dict[str, list[dict]] = {key: [] for key in workers}
        for _ in range(repeats):
            for key, worker in workers.items():
                replies[key].append(worker.ask("run"))
    return {key: _summarize(runs) for key, runs in replies.items()}


def _summarize(runs: list[dict]) -> Measurement:
    stages = {
        name: statistics.median(run["stages"][name] for run in runs) for name in runs[0]["stages"]
    }
    return Measurement(
        seconds=statistics.median(run["seconds"] for run in runs),
        peak_mb=runs[-1]["peak_mb"],
        answer=runs[0]["answer"],
        stages=stages,
    )


class _Worker(contextlib.AbstractContextManager):
    """A process for the task of that name; it ends when the context does."""

    def __init__(self, name: str, threads: int):
        variables = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kohorte.benchmarks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **dict.fromkeys(variables, str(threads))},
            text=True,
        )

    def ask(self, line: str) -> dict:
        """Send a line, the task's first or any further one, and wait for the answer."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        reply = self.process.stdout.readline()
        if not reply:
            raise ResultError(
                f"benchmark task {self.name!r} ended with status {self.process.wait()} before it "
                "was done; its error is above"
            )
        return json.loads(reply)

    def __exit__(self, *error) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def _peak_mb() -> float:
    """Largest resident memory of this process so far, in 10^6 bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux hands ru_maxrss on to what a process starts; the high-water mark begins anew.
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _serve() -> None:
    from kohorte.benchmarks.tasks import TASKS

    name, arguments = json.loads(sys.stdin.readline())
    run = TASKS[name](**arguments)
    _reply({"ready": name})
    for _ in sys.stdin:
        _reply({**asdict(run()), "peak_mb": _peak_mb()})


def _reply(message: dict) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _serve()
