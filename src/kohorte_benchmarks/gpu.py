"""Times of all that JAX computes on a GPU, and its peaks: the table of `make gpu-check`.

See docs/benchmarks/gpu.md for what a row means.
"""

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kohorte.maps._jax import search_work
from kohorte_benchmarks.gpu_tasks import PRODUCTS
from kohorte_benchmarks.worker import Measurement, Task, measure, table_row

_LOG = logging.getLogger(__name__)

COLUMNS = (
    *("device", "case", "implementation", "n_points", "n_realizations", "n_clusters"),
    *("n_features", "nodes", "seconds", "peak_mb", "ratio", "share_of_peak"),
)

OWN, MAPS = (str(Path(__file__).with_name(f"{name}.py")) for name in ("gpu_tasks", "map_tasks"))


@dataclass(frozen=True)
class Sizes:
    """How large the cases are."""

    counting: int = 100_000_000  # points, ...
    realizations: tuple[int, ...] = (20, 36)
    n_clusters: int = 7
    points: int = 1_000_000  # of the maps, ...
    n_features: int = 6
    xdim: int = 63
    ydim: int = 32
    epochs: int = 10
    maps: tuple[int, ...] = (1, 4, 16)  # trained side by side
    map_points: int = 20_000  # of each of these
    soft: int = 100_000
    side: int = 8192  # of the matrices whose product is the peak of arithmetic
    copied: int = 2**30  # bytes
    threads: int = 2  # of numba
    repeats: int = 3


#: Name -> sizes; ``tiny`` is for trying whether all runs.
SIZES = {
    "full": Sizes(),
    "small": Sizes(counting=1_000_000, points=20_000, map_points=5_000, soft=10_000, side=1024),
    "tiny": Sizes(
        counting=70_000,
        realizations=(3, 5),
        points=2_000,
        xdim=8,
        ydim=6,
        epochs=2,
        maps=(1, 2),
        map_points=500,
        soft=10_000,
        side=64,
        copied=2**16,
        repeats=1,
    ),
}


def benchmark_gpu(sizes: Sizes, scratch: Path) -> pd.DataFrame:
    """Run all cases on the device of JAX; the columns are COLUMNS, one row a measurement.

    `scratch` is an existing folder for the points, which are removed again. Raises ResultError if
    two implementations disagree, or one fails.
    """
    device = measure({"": Task("find_device", {}, OWN)}, repeats=1, threads=1)[""].answer
    rows = []
    peaks = {}
    for kind in PRODUCTS:
        task = Task("multiply", {"kind": kind, "side": sizes.side, "repeats": 20}, OWN)
        peaks[kind] = _alone(sizes, task)
        rows.append(_row(device, "peak", f"10^9 multiply-adds, {kind}", peaks[kind]))
    copied = _alone(sizes, Task("copy_to_device", {"n_bytes": sizes.copied}, OWN))
    rows.append(_row(device, "peak", "10^9 bytes copied to the device", copied))
    rows += _counting(sizes, device, peaks["8-bit integers"])
    with tempfile.TemporaryDirectory(prefix=".benchmark-", dir=scratch) as folder:
        rows += _maps(sizes, device, peaks["float32"], Path(folder))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _counting(sizes: Sizes, device: str, peak: Measurement) -> Iterator[dict]:
    """Time counting as a whole and by each method; ratio: times faster than numba."""
    size = {"n_points": sizes.counting, "n_clusters": sizes.n_clusters}
    how = {"realizations": list(sizes.realizations), "threads": sizes.threads}
    found = _alone(sizes, Task("count_in_all_ways", {**how, **size}, OWN))
    base: dict[int, float] = {}
    for stage, seconds in found.stages.items():
        r, _, name = stage.partition(": ")
        work = sizes.counting * (int(r) * sizes.n_clusters) ** 2 / 1e9 * peak.seconds
        base.setdefault(int(r), seconds)
        values: dict[str, float] = {
            **size,
            "n_realizations": int(r),
            "ratio": base[int(r)] / seconds,
        }
        if name.endswith("products"):
            values["share_of_peak"] = work / seconds
        yield _row(device, "counting", name, Measurement(seconds, found.peak_mb), **values)


def _maps(sizes: Sizes, device: str, peak: Measurement, folder: Path) -> Iterator[dict]:
    """Time winners, epochs and soft maps; ratio: times faster than the first row of a case."""
    sides = {"xdim": sizes.xdim, "ydim": sizes.ydim}
    nodes, f = sizes.xdim * sizes.ydim, sizes.n_features
    rng = np.random.default_rng(0)
    weights = folder / "weights.npy"
    np.save(weights, rng.normal(size=(nodes, f)).astype(np.float32))
    files = {}
    for n in {sizes.points, sizes.map_points, sizes.soft}:
        path = folder / f"points_{n}.npy"
        np.save(path, rng.normal(size=(n, f)).astype(np.float32))
        files[n] = {"points": str(path), "weights": str(weights)}
    cpu = {"threads": sizes.threads}
    numba = f"numba, {sizes.threads} threads"
    large = {**files[sizes.points], **sides, "epochs": sizes.epochs}
    small = {**files[sizes.map_points], **sides, "epochs": sizes.epochs}
    cases: dict[str, tuple[int, dict[str, Task]]] = {
        "winners": (
            sizes.points,
            {
                numba: Task("find", {**files[sizes.points], **cpu}, MAPS),
                "jax": Task("find_on_device", files[sizes.points], MAPS),
            },
        ),
        "batch epoch": (
            sizes.points,
            {
                numba: Task("batch", {**large, **cpu}, MAPS),
                "jax": Task("batch", {**large, **cpu, "backend": "jax"}, MAPS),
            },
        ),
        "epoch of one of several maps": (
            sizes.map_points,
            {
                f"jax, {n} side by side": Task("train_side_by_side", {**small, "n_maps": n}, OWN)
                for n in sizes.maps
            },
        ),
        "soft positions": (
            sizes.soft,
            {
                f"jax, {what}": Task(
                    "place_softly", {**files[sizes.soft], **sides, "slopes": slopes}, OWN
                )
                for what, slopes in (("positions", False), ("slopes by the weights", True))
            },
        ),
    }
    for case, (n, tasks) in cases.items():
        found = {name: _alone(sizes, task) for name, task in tasks.items()}
        base = next(iter(found.values())).seconds
        work = search_work(n, nodes, f, "euclidean")[0] / 2 / 1e9 * peak.seconds
        for name, m in found.items():
            on_device = name.startswith("jax") and case != "soft positions"
            share = work / m.seconds if on_device else np.nan
            ratio, shape = base / m.seconds, {"n_points": n, "n_features": f, "nodes": nodes}
            yield _row(device, case, name, m, ratio=ratio, share_of_peak=share, **shape)


def _alone(sizes: Sizes, task: Task) -> Measurement:
    """Run a task with nothing beside it: the first process on a GPU takes its memory."""
    return measure({"": task}, repeats=sizes.repeats, threads=sizes.threads)[""]


def _row(device: str, case: str, name: str, measured: Measurement, **values: float) -> dict:
    known: dict[str, object] = {"device": device, "case": case, "implementation": name}
    known |= {"seconds": measured.seconds, "peak_mb": measured.peak_mb, **values}
    return table_row(COLUMNS, *(known.get(column, np.nan) for column in COLUMNS))
