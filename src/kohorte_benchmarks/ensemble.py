"""The benchmark of the ensemble step: cases, and the table that they make.

All ratios are of times of one run. See docs/benchmarks/ensemble-step.md for what a row means.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kohorte.ensemble.overlaps import DENSE_CLUSTERS
from kohorte.errors import ResultError
from kohorte_benchmarks.limits import counted_words
from kohorte_benchmarks.worker import TIMES, Measurement, Task, measure, table_row
from kohorte_benchmarks.workloads import write_labels

COLUMNS = ("case", "implementation", "n_points", "n_realizations", "clusters", *TIMES)


#: Case -> kind of masks of the published algorithm, and the name of that implementation.
PUBLISHED = {
    "counting": ("boolean", "NumPy, boolean masks"),
    "counting_published": ("number", "NumPy, number masks and map"),
}


@dataclass(frozen=True)
class Sizes:
    """How large the cases are."""

    n_realizations: int = 20  # of all cases but those that vary it
    n_clusters: int = 7  # of each realization
    counting: int = 1_000_000  # points of the comparison with the published algorithm
    # Two numbers of points at which that runs with all realizations, whose line extrapolates to
    # `counting`; with fewer realizations at `counting`, the number of pairs of clusters does.
    published: tuple[int, int] = (20_000, 80_000)
    published_realizations: int = 4
    end_to_end: int = 10_000_000  # points of the case that begins and ends on disk
    growth: tuple[int, ...] = (10_000, 100_000, 1_000_000, 10_000_000)  # fewer, timed as well
    throughput: int = 10_000_000  # points beside the machine's limits: labels exceed its caches
    # Fine segments: points, realizations, clusters of each, share of points elsewhere; and points
    # of these that are counted by bit masks, which takes long, where counts of all pairs are kept.
    fine: tuple[tuple[int, int, int, float], ...] = (
        (1_000_000, 20, 450, 0.0),
        (1_000_000, 20, 450, 0.2),
        (1_000_000, 20, 1000, 0.0),
        (1_000_000, 20, 5000, 0.0),
        (100_000, 75, 40, 0.0),
        (100_000, 75, 40, 0.2),
    )
    fine_masks: int = 20_000
    # Over which the growth of the cost is fitted; realizations at `counting` points.
    points: tuple[int, ...] = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
    realizations: tuple[int, ...] = (5, 10, 20, 30, 40)
    jax_points: tuple[int, ...] = (10_000, 100_000, 10_000_000)  # counted by JAX on the CPU
    accelerator: int = 100_000_000  # points counted where JAX sees an accelerator
    accelerator_realizations: tuple[int, ...] = (20, 36)
    threads: int = 2  # of all tasks
    repeats: int = 11  # timed runs of a task, whose median counts
    slow_repeats: int = 3  # of those that take seconds each

    def of(self, n_points: int, n_realizations: int | None = None) -> dict[str, int]:
        """Return the arguments of a task that say how large its labels are."""
        return {
            "n_points": n_points,
            "n_realizations": n_realizations or self.n_realizations,
            "n_clusters": self.n_clusters,
        }


def benchmark_ensemble(sizes: Sizes, scratch: Path) -> pd.DataFrame:
    """Run all cases and return their table: the columns COLUMNS, one row per measurement.

    `scratch` is an existing folder on the disk to measure; what is put there is removed again.
    Raises ResultError if two implementations disagree, or one fails.
    """
    rows: list[dict] = []
    for case in (_count, _throughput, _fine, _points, _realizations, _jax_growth, _accelerator):
        rows += case(sizes)
    with tempfile.TemporaryDirectory(prefix=".benchmark-", dir=scratch) as folder:
        rows += _end_to_end(sizes, Path(folder))
        rows += _growth(sizes, Path(folder))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _count(sizes: Sizes) -> Iterator[dict]:
    """Compare counting with the published algorithm, a case for each way to write that.

    Ratio: times faster than NumPy at this size; scaled by pairs where it takes too long.
    """
    n, r = sizes.counting, sizes.n_realizations
    # Not in turn: numba took up to three times as long right after a run of JAX on the same cores.
    ours: dict[str, Measurement] = {}
    for backend, repeats in {"numba": sizes.repeats, "jax": sizes.slow_repeats}.items():
        task = {f"kohorte, {backend}": _task(sizes, n, backend=backend)}
        ours |= measure(task, repeats=repeats, threads=sizes.threads)
    _check_answers(ours)
    for case, (masks, name) in PUBLISHED.items():
        seconds = []
        for size in sizes.published:
            numpy = Task("count_as_published", {"masks": masks, **sizes.of(size)})
            tasks = {name: numpy, "kohorte, numba": _task(sizes, size)}
            found = measure(tasks, repeats=sizes.slow_repeats, threads=sizes.threads)
            _check_answers(found)
            seconds.append(found[name].seconds)
            for key, m in found.items():
                yield _row(sizes, case, key, size, m, ratio=seconds[-1] / m.seconds)

        few = sizes.published_realizations
        tasks = {name: Task("count_as_published", {"masks": masks, **sizes.of(n, few)})}
        with_few = measure(tasks, repeats=sizes.slow_repeats, threads=sizes.threads)[name]
        base = with_few.seconds * r * (r - 1) / (few * (few - 1))
        line = np.polyfit(sizes.published, seconds, 1)
        yield _row(sizes, case, name, n, with_few, ratio=np.nan, n_realizations=few)
        for key, value in {"pairs": base, "points": float(np.polyval(line, n))}.items():
            scaled = Measurement(value, np.nan)
            yield _row(sizes, case, f"{name}, scaled by {key}", n, scaled, ratio=base / value)
        for key, m in ours.items():
            yield _row(sizes, case, key, n, m, ratio=base / m.seconds)


def _throughput(sizes: Sizes) -> Iterator[dict]:
    """Compare counting with the machine's limits; ratio: share of the time of counting."""
    n, size = sizes.throughput, sizes.of(sizes.throughput)
    words = counted_words(n, sizes.n_realizations, sizes.n_clusters)
    tasks = {
        "kohorte, numba": _task(sizes, n),
        "reading labels from memory": Task("read_memory", {"threads": sizes.threads, **size}),
        "population counts": Task("count_bits", {"n_words": words, "threads": sizes.threads}),
    }
    found = measure(tasks, repeats=sizes.repeats, threads=sizes.threads)
    base = found["kohorte, numba"].seconds
    for name, m in found.items():
        yield _row(sizes, "throughput", name, n, m, ratio=m.seconds / base)


def _fine(sizes: Sizes) -> Iterator[dict]:
    """Compare counting of fine segments with bit masks and the machine's limits.

    Ratio: share of the time of counting.
    """
    for n, r, c, noise in sizes.fine:
        size = {"n_points": n, "n_realizations": r, "n_clusters": c, "noise": noise}
        threads = {"threads": sizes.threads}
        increments = {"n": n * r * (r - 1) // 2, **threads}
        tasks = {
            "kohorte, numba": Task("count_segments", size | threads),
            "increments, one row of the tables": Task(
                "increment", {"rows": r, "columns": c, **increments}
            ),
            "increments, one table": Task(
                "increment", {"rows": 1, "columns": min(c, 1000) ** 2, **increments}
            ),
        }
        keeps_all = r * c <= DENSE_CLUSTERS
        if keeps_all:
            n_bytes = 8 * (r * c) ** 2
            tasks["writing counts to memory"] = Task("fill_memory", {"n_bytes": n_bytes, **threads})
            few = size | {"n_points": min(n, sizes.fine_masks)}
            tasks["bit masks"] = Task("count_masks", few | threads)
        found = measure(tasks, repeats=sizes.slow_repeats, threads=sizes.threads)
        if keeps_all:
            masks = found.pop("bit masks")
            scaled = masks.seconds * n / min(n, sizes.fine_masks)
            found["bit masks, scaled by points"] = Measurement(scaled, masks.peak_mb)
        base = found["kohorte, numba"].seconds
        for name, m in found.items():
            ratio = m.seconds / base
            case = f"fine_noise_{noise:g}" if noise else "fine"
            yield _row(sizes, case, name, n, m, ratio=ratio, n_realizations=r, n_clusters=c)


def _points(sizes: Sizes) -> Iterator[dict]:
    """Measure growth with the number of points; ratio: times the smallest, and see _fit."""
    tasks = {n: _task(sizes, n) for n in sizes.points}
    found = measure(tasks, repeats=sizes.repeats, threads=sizes.threads)
    base = found[sizes.points[0]].seconds
    for n, m in found.items():
        yield _row(sizes, "points", "kohorte, numba", n, m, ratio=m.seconds / base)
    for name, seconds, ratio in _fit(sizes.points, [m.seconds for m in found.values()]):
        yield _row(sizes, "points", name, np.nan, Measurement(seconds, np.nan), ratio=ratio)


def _realizations(sizes: Sizes) -> Iterator[dict]:
    """Measure growth with the number of tables R (R - 1) / 2; ratio as in _points."""
    n = sizes.counting
    tasks = {r: _task(sizes, n, n_realizations=r) for r in sizes.realizations}
    found = measure(tasks, repeats=sizes.repeats, threads=sizes.threads)
    base = found[sizes.realizations[0]].seconds
    for r, m in found.items():
        ratio = m.seconds / base
        yield _row(sizes, "realizations", "kohorte, numba", n, m, ratio=ratio, n_realizations=r)
    tables = [r * (r - 1) / 2 for r in sizes.realizations]
    for name, seconds, ratio in _fit(tables, [m.seconds for m in found.values()]):
        m = Measurement(seconds, np.nan)
        yield _row(sizes, "realizations", name, n, m, ratio=ratio, n_realizations=np.nan)


def _jax_growth(sizes: Sizes) -> Iterator[dict]:
    """Measure growth of counting by JAX on the CPU; ratio: times the smallest.

    The number of points of the comparison is in `counting` already.
    """
    tasks = {n: _task(sizes, n, backend="jax") for n in sizes.jax_points}
    found = measure(tasks, repeats=sizes.slow_repeats, threads=sizes.threads)
    for n, m in found.items():
        ratio = m.seconds / found[sizes.jax_points[0]].seconds
        yield _row(sizes, "jax_growth", "kohorte, jax", n, m, ratio=ratio)


def _accelerator(sizes: Sizes) -> Iterator[dict]:
    """Time JAX on an accelerator, if there is one; ratio: times faster than numba on the CPU."""
    find = {"": Task("find_accelerator", {})}
    device = measure(find, repeats=1, threads=sizes.threads)[""].answer
    for r in sizes.accelerator_realizations if device else ():
        n = sizes.accelerator
        tasks = {
            f"kohorte, jax on {device}": _task(sizes, n, backend="jax", n_realizations=r),
            "kohorte, numba": _task(sizes, n, n_realizations=r),
        }
        found = measure(tasks, repeats=sizes.slow_repeats, threads=sizes.threads)
        _check_answers(found)
        base = found["kohorte, numba"].seconds
        for name, m in found.items():
            ratio = base / m.seconds
            yield _row(sizes, "accelerator", name, n, m, ratio=ratio, n_realizations=r)


def _end_to_end(sizes: Sizes, folder: Path) -> Iterator[dict]:
    """Time the way from label files to results on disk; ratio: share of the whole."""
    n = sizes.end_to_end
    write_labels(folder, **sizes.of(n))
    where = {"folder": str(folder)}
    # In this order: how much is written plainly follows from what the first task has left.
    tasks = {
        "kohorte": Task("end_to_end", {**where, "threads": sizes.threads}),
        "plain read of the labels from disk": Task("read_files", {**where, "cached": False}),
        "plain read of the labels from cache": Task("read_files", {**where, "cached": True}),
        "plain write of the results": Task("write_file", where),
    }
    found = measure(tasks, repeats=sizes.slow_repeats, threads=sizes.threads)
    base = found["kohorte"].seconds
    for name, m in found.items():
        yield _row(sizes, "end_to_end", name, n, m, ratio=m.seconds / base)
        for stage, seconds in m.stages.items():
            part = Measurement(seconds, np.nan)
            yield _row(sizes, "end_to_end", f"{name}, {stage}", n, part, ratio=seconds / base)


def _growth(sizes: Sizes, folder: Path) -> Iterator[dict]:
    """Measure growth from label files to results on disk; ratio: times the smallest."""
    tasks, growth = {}, [n for n in sizes.growth if n < sizes.end_to_end]
    for n in growth:
        place = folder / str(n)
        place.mkdir()
        write_labels(place, **sizes.of(n))
        tasks[n] = Task("end_to_end", {"folder": str(place), "threads": sizes.threads})
    found = measure(tasks, repeats=sizes.slow_repeats, threads=sizes.threads)
    base = found[growth[0]].seconds if growth else np.nan
    for n, m in found.items():
        yield _row(sizes, "end_to_end_growth", "kohorte", n, m, ratio=m.seconds / base)


def _task(
    sizes: Sizes, n_points: int, *, backend: str = "numba", n_realizations: int | None = None
) -> Task:
    size = sizes.of(n_points, n_realizations)
    return Task("count", {"backend": backend, "threads": sizes.threads, **size})


def _row(
    sizes: Sizes,
    case: str,
    implementation: str,
    n_points: float,
    measured: Measurement,
    *,
    ratio: float,
    n_realizations: float | None = None,
    n_clusters: int | None = None,
) -> dict:
    c = n_clusters or sizes.n_clusters
    r = sizes.n_realizations if n_realizations is None else n_realizations
    times = measured.seconds, measured.peak_mb, ratio
    return table_row(COLUMNS, case, implementation, n_points, r, c, *times)


def _check_answers(measured: dict[str, Measurement]) -> None:
    answers = {name: m.answer for name, m in measured.items()}
    if len(set(answers.values())) != 1:
        raise ResultError(f"implementations disagree, so their times mean nothing: {answers}")


def _fit(x: Sequence[float], seconds: Sequence[float]) -> list[tuple[str, float, float]]:
    """Fit a power and a line to times; return (name, seconds, ratio) of a row for each.

    The line has least relative deviations: seconds is its value at 0, ratio the share of the
    largest time that grows with x.
    """
    at, times = np.asarray(x, dtype=np.float64), np.asarray(seconds)
    exponent = np.polyfit(np.log(at), np.log(times), 1)[0]
    slope, fixed = np.polyfit(at, times, 1, w=1 / times)
    share = slope * at.max() / times.max()
    return [
        ("fitted exponent", np.nan, float(exponent)),
        ("fitted line", float(fixed), float(share)),
    ]
