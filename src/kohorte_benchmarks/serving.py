"""The process of one benchmark task: `python serving.py FILE`, where FILE defines TASKS.

The process reads its task as a line of JSON, [name, arguments], prepares it by calling TASKS[name],
and calls the function that this returns once for every further line. It answers each with a line of
JSON. It needs the standard library alone, so that it also runs where kohorte is not installed.
"""

import json
import os
import resource
import runpy
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TextIO


@dataclass(frozen=True)
class Outcome:
    """One run of a task: wall-clock time, and seconds of each stage by name.

    `answer` is a text that equal tasks must agree on; a digest of the counts, for instance.
    """

    seconds: float
    answer: str = ""
    stages: dict[str, float] = field(default_factory=dict)


def timed(
    work: Callable[[], object], per: float = 1, clock: Callable[[], float] = perf_counter
) -> Callable[[], Outcome]:
    """Return a function that does the work once and tells its seconds, divided by `per`."""

    def run() -> Outcome:
        begin = clock()
        work()
        return Outcome((clock() - begin) / per)

    return run


def by_name(*tasks: Callable[..., Callable]) -> dict[str, Callable[..., Callable[[], Outcome]]]:
    """Return the tasks by their names."""
    return {task.__name__: task for task in tasks}


def serve(tasks: Mapping[str, Callable]) -> None:
    """Answer the lines of the standard input; a run gives a dataclass or a dictionary."""
    # What tasks and libraries print must not come between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    name, arguments = json.loads(sys.stdin.readline())
    run = tasks[name](**arguments)
    _answer(answers, {"ready": name})
    for _ in sys.stdin:
        outcome = run()
        fields = outcome if isinstance(outcome, dict) else vars(outcome)
        _answer(answers, {"answer": "", "stages": {}, **fields, "peak_mb": peak_mb()})


def peak_mb() -> float:
    """Return the largest resident memory of this process so far, in 10^6 bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux hands ru_maxrss on to what a process starts; the high-water mark begins anew.
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _answer(stream: TextIO, message: dict) -> None:
    stream.write(json.dumps(message) + "\n")
    stream.flush()


if __name__ == "__main__":
    serve(runpy.run_path(sys.argv[1])["TASKS"])
