"""Tasks in processes of their own, this Python's or another's; see serving for the other end."""

import contextlib
import json
import logging
import os
import statistics
import subprocess
import sys
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from kohorte.errors import ResultError
from kohorte_benchmarks import serving

Key = TypeVar("Key", bound=Hashable)

_LOG = logging.getLogger(__name__)

#: Last columns of tables of times.
TIMES = ("seconds", "peak_mb", "ratio")


class Task(NamedTuple):
    """The work of a process."""

    name: str  # key of TASKS
    arguments: Mapping[str, Any]  # of that task, as far as JSON can hold them
    file: str = str(Path(__file__).with_name("tasks.py"))  # that defines TASKS
    python: str = sys.executable  # that runs it


@dataclass(frozen=True)
class Measurement:
    """Several runs of one task in one process.

    `peak_mb` is the largest resident memory of the process in its life, 10^6 bytes: with
    interpreter, libraries, compiling and the task's data.
    """

    seconds: float  # median of the runs
    peak_mb: float
    answer: str = ""  # of the task
    stages: Mapping[str, float] = field(default_factory=dict)  # median seconds of each, by name


def table_row(columns: Sequence[str], *values: Any) -> dict[str, Any]:
    """Make a row of the table with these columns, and log it."""
    row = dict(zip(columns, values, strict=True))
    _LOG.info("%s", row)
    return row


def measure(tasks: Mapping[Key, Task], *, repeats: int, threads: int) -> dict[Key, Measurement]:
    """Run tasks in turn, each in a process of its own whose libraries use so many threads.

    In each of the `repeats` rounds every task runs once, so that other work of the machine slows
    all of them. Raises ResultError if a process ended before it answered; its error is on the
    standard error.
    """
    with contextlib.ExitStack() as stack:
        workers = {key: stack.enter_context(_Worker(task, threads)) for key, task in tasks.items()}
        for key, task in tasks.items():
            workers[key].ask(json.dumps([task.name, task.arguments]))
        replies: dict[Key, list[dict]] = {key: [] for key in workers}
        for _ in range(repeats):
            for key, worker in workers.items():
                replies[key].append(worker.ask("run"))
    return {key: _summarize(runs) for key, runs in replies.items()}


def _summarize(runs: list[dict]) -> Measurement:
    names = runs[0]["stages"]
    return Measurement(
        statistics.median(run["seconds"] for run in runs),
        runs[-1]["peak_mb"],
        runs[0]["answer"],
        {name: statistics.median(run["stages"][name] for run in runs) for name in names},
    )


class _Worker(contextlib.AbstractContextManager):
    """A process for a task; it ends when the context does."""

    def __init__(self, task: Task, threads: int) -> None:
        variables = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        self.name = task.name
        # -P: the modules beside serving must not hide others of the same name
        self.process = subprocess.Popen(
            [task.python, "-P", serving.__file__, task.file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **dict.fromkeys(variables, str(threads))},
            text=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.questions, self.answers = self.process.stdin, self.process.stdout

    def ask(self, line: str) -> dict:
        """Send a line, the task's first or any further one, and wait for the answer."""
        with contextlib.suppress(BrokenPipeError):
            self.questions.write(line + "\n")
            self.questions.flush()
        reply = self.answers.readline()
        if not reply:
            raise ResultError(
                f"benchmark task {self.name!r} ended with status {self.process.wait()} before it "
                "was done; its error is above"
            )
        return json.loads(reply)

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.questions.close()
        self.process.wait()
        self.answers.close()
