"""Tasks of benchmarks run in the test's own process, for tests of what is made of their times."""

import json
from collections.abc import Callable

from kohorte_benchmarks.worker import Measurement


def measure_here(asked: dict, run: Callable) -> dict:
    """What worker.measure does, without starting processes: run(task, arguments) is an Outcome."""
    found = {}
    for key, task in asked.items():
        outcome = run(task, json.loads(json.dumps(task.arguments)))
        found[key] = Measurement(max(outcome.seconds, 1e-9), 1.0, outcome.answer, outcome.stages)
    return found
