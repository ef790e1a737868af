"""Time and memory of a study against its number of points, and the results of fewer points.

Each number of points has a process of its own, on one core, that trains all maps of the study and
combines them, as its jobs would.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kohorte.ensemble.agreement import label_ari
from kohorte.errors import ConfigError
from kohorte_benchmarks.scaling_tasks import ANSWERS, STAGES
from kohorte_benchmarks.worker import Task, measure, table_row
from kohorte_benchmarks.workloads import nested_tables

TASKS = str(Path(__file__).with_name("scaling_tasks.py"))

COLUMNS = ("n_points", *STAGES, "total", "peak_mb", "table_mb", *ANSWERS, "agreement")


def measure_scaling(
    features: np.ndarray,
    points: Sequence[int],
    members: Sequence[Mapping[str, Any]],
    ensemble: Mapping[str, Any],
    scratch: Path,
    *,
    seed: int,
    rounds: int,
    weights: str | None = None,
) -> pd.DataFrame:
    """Measure one row for each number of points, ascending, with the columns COLUMNS.

    Seconds of all R maps: `train`, `winners` (two of each point), `segment`, `quality`; of the
    ensemble: `count` (overlaps), `combine`, `label` (consensus of all points); their sum `total`.
    `peak_mb` is the peak memory of the process with interpreter and libraries, `table_mb` the size
    of its table, 10^6 bytes. Errors are means over the maps. `groups` is the number of consensus
    groups that hold points, `agreement` the adjusted Rand index of the consensus with the one of
    the most points, over the points that both have.

    `features` are (N, F) prepared points, NaN where a value is missing; the table of each of the
    `points` is a part of the next, drawn in the order of `seed`. `members` are `seed` and
    `parameters` of each map, as the study has them, `ensemble` that section of the configuration.
    `scratch` is an existing folder for tables, which are removed again. Medians of the `rounds`
    count. `weights` is the file of given first weights, if maps start with them.

    Raises ConfigError if the table has fewer rows than the largest number, or the study trains no
    maps; ResultError if a process fails.
    """
    if not members:
        raise ConfigError("scaling: the realizations are label files, and there is no map to train")
    tables = nested_tables(features, sorted(points), seed, "scaling.points")
    maps = [{"seed": m["seed"], "parameters": dict(m["parameters"])} for m in members]
    with tempfile.TemporaryDirectory(prefix=".scaling-", dir=scratch) as folder:
        tasks, found = {}, {}
        for n, table in tables.items():
            path, found[n] = Path(folder, f"points_{n}.npy"), Path(folder, f"groups_{n}.npy")
            np.save(path, table)
            files = {"points": str(path), "found": str(found[n]), "weights": weights}
            tasks[n] = Task("run_study", {**files, "maps": maps, "ensemble": dict(ensemble)}, TASKS)
        measured = measure(tasks, repeats=rounds, threads=1)
        groups = {n: np.load(path) for n, path in found.items()}
    rows = []
    whole = groups[max(groups)]
    for n, m in measured.items():
        times = *m.stages.values(), m.seconds, m.peak_mb, tables[n].nbytes / 1e6
        found_there = json.loads(m.answer).values()
        agreement = label_ari(groups[n], whole[:n])
        rows.append(table_row(COLUMNS, n, *times, *found_there, agreement))
    return pd.DataFrame(rows, columns=list(COLUMNS))
