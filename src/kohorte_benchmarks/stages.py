"""Time of each stage of online training, and errors of its maps, against points and map size.

The experiment of the parallel map in OpenCL: square maps, the Manhattan distance, a Gaussian
neighbourhood and a fixed number of passes over tables of several sizes. See docs/studies/bank.md.
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kohorte.errors import ConfigError
from kohorte_benchmarks.worker import Measurement, Task, measure, table_row
from kohorte_benchmarks.workloads import nested_tables

_LOG = logging.getLogger(__name__)

TIME_COLUMNS = ("implementation", "device", "stage", "n_points", "side", "seconds", "peak_mb")
QUALITY_COLUMNS = ("n_points", "side", "seed", "quantization_error", "topographic_error")

TASKS = str(Path(__file__).with_name("stage_tasks.py"))

#: Stage of the rows that have the time of all stages.
TOTAL = "total"

#: Implementations; the first has rows for each stage.
KERNELS, ONLINE, BATCH = "three kernels", "kohorte, online", "kohorte, batch"


@dataclass(frozen=True)
class Sizes:
    """How large the experiment is."""

    points: tuple[int, ...] = (5_000, 10_000, 15_000)
    sides: tuple[int, ...] = (10, 20, 30, 40, 50)  # of the square maps
    iterations: int = 30  # passes over the points
    seeds: int = 5  # maps whose errors are measured, at each size
    rounds: int = 5  # timed runs, whose median counts
    threads: int = 2  # of batch training; online training has one
    device_iterations: int = 1  # of an accelerator, whose times are multiplied up to `iterations`


def take_points(features: np.ndarray, sizes: Sequence[int], seed: int) -> dict[int, np.ndarray]:
    """Return tables of the first n of all rows in one random order, by n.

    Raises ConfigError if the table has fewer rows, or misses values.
    """
    tables = nested_tables(features, sizes, seed, "stages.points")
    if np.isnan(features).any():
        raise ConfigError(
            "stages: the table misses values, which the kernels that are timed do not take; set "
            "data.missing to 'drop'"
        )
    return tables


def time_all(tables: dict[int, np.ndarray], sizes: Sizes, scratch: Path, seed: int) -> pd.DataFrame:
    """Time all sizes of the result of take_points; the columns are TIME_COLUMNS.

    `scratch` is an existing folder for the points, which are removed again; `seed` is that of the
    rows that maps start with. Raises ResultError if a task fails.
    """
    find = {"": Task("find_accelerator", {}, TASKS)}
    device = measure(find, repeats=1, threads=1)[""].answer
    if not device:
        _LOG.warning("no accelerator is measured: JAX sees none")
    rows: list[dict] = []
    with tempfile.TemporaryDirectory(prefix=".stages-", dir=scratch) as folder:
        for n, table in tables.items():
            points = Path(folder, f"points_{n}.npy")
            np.save(points, table)
            for side in sizes.sides:
                weights = Path(folder, "weights.npy")
                np.save(weights, first_weights(table, side, seed))
                files = {"points": str(points), "weights": str(weights), "side": side}
                rows += _on_cpu(files, sizes, n)
                if device:
                    rows += _on_device(files, sizes, n, device)
    return pd.DataFrame(rows, columns=list(TIME_COLUMNS))


def measure_errors(tables: dict[int, np.ndarray], sizes: Sizes, seed: int) -> pd.DataFrame:
    """Measure the errors of maps of all sizes; the columns are QUALITY_COLUMNS."""
    from kohorte.maps.lattice import Lattice
    from kohorte.maps.online import train_online
    from kohorte.maps.quality import quantization_error, topographic_error
    from kohorte.maps.winners import find_two_winners
    from kohorte_benchmarks.stage_kernels import SETTINGS

    rows = []
    for n, table in tables.items():
        for side in sizes.sides:
            lattice = Lattice(side, side)
            for k in range(sizes.seeds):
                trained = train_online(
                    table,
                    lattice,
                    first_weights(table, side, seed + k),
                    epochs=sizes.iterations,
                    rng=np.random.default_rng([seed, k]),
                    **SETTINGS,
                )
                winners, distances = find_two_winners(table, trained, metric=SETTINGS["metric"])
                errors = quantization_error(distances[:, 0]), topographic_error(winners, lattice)
                rows.append((n, side, k, *errors))
            _LOG.info("%d points, side %d: errors of %d maps", n, side, sizes.seeds)
    return pd.DataFrame(rows, columns=list(QUALITY_COLUMNS))


def first_weights(table: np.ndarray, side: int, seed: int) -> np.ndarray:
    """Draw weights (side^2, F): rows of the table."""
    rows = np.random.default_rng([seed, side]).integers(len(table), size=side * side)
    return table[rows]


def _on_cpu(files: dict, sizes: Sizes, n: int) -> Iterator[dict]:
    start = {**files, "iterations": sizes.iterations}
    tasks = {
        KERNELS: Task("time_stages", start, TASKS),
        ONLINE: Task("train", start, TASKS),
        BATCH: Task("batch", {**start, "threads": sizes.threads}, TASKS),
    }
    for name, m in measure(tasks, repeats=sizes.rounds, threads=sizes.threads).items():
        yield from _rows(name, "cpu", n, files["side"], m)


def _on_device(files: dict, sizes: Sizes, n: int, device: str) -> Iterator[dict]:
    kernels = {**files, "iterations": sizes.device_iterations, "backend": "jax"}
    batch = {**files, "iterations": sizes.iterations, "threads": 1, "backend": "jax"}
    tasks = {KERNELS: Task("time_stages", kernels, TASKS), BATCH: Task("batch", batch, TASKS)}
    found = measure(tasks, repeats=sizes.rounds, threads=1)
    times, m = sizes.iterations / sizes.device_iterations, found[KERNELS]
    stages = {stage: times * seconds for stage, seconds in m.stages.items()}
    found[KERNELS] = Measurement(times * m.seconds, m.peak_mb, stages=stages)
    for name, m in found.items():
        yield from _rows(name, device, n, files["side"], m)


def _rows(name: str, device: str, n: int, side: int, measured: Measurement) -> Iterator[dict]:
    seconds = {**measured.stages, TOTAL: measured.seconds}
    for stage, value in seconds.items():
        peak = measured.peak_mb if stage == TOTAL else np.nan
        yield table_row(TIME_COLUMNS, name, device, stage, n, side, value, peak)
