"""The benchmark of the maps: cases, and the table that they make.

All ratios are of times of one run. See docs/benchmarks/maps.md for what a row means.
"""

import json
import logging
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kohorte.maps.lattice import suggest_size
from kohorte_benchmarks.map_limits import least_work
from kohorte_benchmarks.worker import TIMES, Measurement, Task, measure, table_row

_LOG = logging.getLogger(__name__)

COLUMNS = ("case", "implementation", "n_points", "n_features", "nodes", *TIMES)

OURS = str(Path(__file__).with_name("map_tasks.py"))
PEERS = str(Path(__file__).with_name("map_peers.py"))

#: Kind of map_tasks.STEPS -> name of that implementation.
STEP_NAMES = {
    "published": "published step",
    "numpy": "published step, NumPy alone",
    "leaner": "leaner NumPy step",
}

#: Height over width of lattices of the case ``analysis``: 63 x 32 nodes for 10^6 points.
PUBLISHED_RATIO = 0.5

#: Distribution -> name as its authors write it.
PEER_NAMES = {
    "faiss-cpu": "FAISS",
    "fastersom": "fastersom",
    "minisom": "MiniSom",
    "popsom7": "popsom7",
    "somoclu": "somoclu",
    "xpysom": "XPySom",
}


@dataclass(frozen=True)
class Sizes:
    """How large the cases are."""

    xdim: int = 63  # with ydim and n_features, the map of all cases but those that vary it
    ydim: int = 32
    n_features: int = 6
    points: int = 100_000  # of the cases online and batch
    steps: int = 200_000  # over which a time per step is averaged: kohorte's, ...
    numpy_steps: int = 2_000  # NumPy's, ...
    peer_steps: int = 10_000  # other packages'
    epochs: int = 10  # over which a time per epoch is averaged: kohorte's, ...
    few_epochs: int = 2  # other packages'
    slow_rows: int = 5_000  # points of packages whose epoch would take too long; scaled
    memory: tuple[int, ...] = (1_000_000, 10_000_000)  # points at which its growth is measured, ...
    memory_steps: int = 50_000  # in so many steps
    job: tuple[int, ...] = (10_000, 100_000, 1_000_000)  # points, and steps, of the whole job
    # Points and features of the case analysis, whose lattices grow with both.
    growth_points: tuple[int, ...] = (400, 1_600, 6_250, 25_000, 100_000, 400_000, 1_600_000)
    growth_features: tuple[int, ...] = (6, 10)
    growth_peers: int = 25_000  # most points there that other packages get
    # Nodes, features and points of the searches, and how many one run makes.
    winners: tuple[tuple[int, int, int, int], ...] = (
        (2016, 6, 100_000, 30),
        (2016, 10, 100_000, 20),
        (2500, 784, 20_000, 2),
    )
    # Sizes at which the growth of time is measured; features and sides with scaling_rows points.
    scaling_points: tuple[int, ...] = (10_000, 100_000, 1_000_000, 10_000_000)
    scaling_features: tuple[int, ...] = (2, 6, 16, 64, 256, 784)
    scaling_sides: tuple[tuple[int, int], ...] = ((16, 8), (32, 16), (63, 32), (126, 64))
    scaling_rows: int = 20_000
    scaling_steps: int = 20_000  # steps of online training there
    scaling_work: float = 1e11  # multiply-adds of batch training there, about
    accelerator: int = 1_000_000  # points where JAX sees an accelerator
    threads: int = 2  # of winners and batch training; online training and the whole job have one
    repeats: int = 7  # rounds, whose median counts
    slow_repeats: int = 3  # where one takes seconds


#: Name -> sizes; ``small`` is for trying whether all runs.
SIZES = {
    "full": Sizes(),
    "small": Sizes(
        points=5_000,
        steps=5_000,
        numpy_steps=100,
        peer_steps=200,
        epochs=2,
        few_epochs=1,
        slow_rows=100,
        memory=(100_000,),
        memory_steps=1_000,
        job=(1_000, 5_000),
        growth_points=(400, 1_600),
        growth_peers=400,
        winners=((2016, 6, 5_000, 2), (500, 784, 500, 1)),
        scaling_points=(1_000, 10_000),
        scaling_features=(2, 6, 64),
        scaling_sides=((16, 8), (63, 32)),
        scaling_rows=1_000,
        scaling_steps=500,
        scaling_work=1e8,
        accelerator=10_000,
        repeats=1,
        slow_repeats=1,
    ),
}


def benchmark_maps(sizes: Sizes, scratch: Path, peers: str | None = None) -> pd.DataFrame:
    """Run all cases and return their table: the columns COLUMNS, one row per measurement.

    `scratch` is an existing folder for the points, which are removed again; `peers` the Python of
    the environment that holds the other packages, None leaves them out. Raises ResultError if a
    task fails.
    """
    packages = find_peers(peers)
    with tempfile.TemporaryDirectory(prefix=".benchmark-", dir=scratch) as folder:
        bench = _Bench(sizes, Path(folder), packages, peers or "")
        cases = (_online, _memory, _whole_job, _analysis, _winners, _batch, _scaling, _accelerator)
        rows = [row for case in cases for row in case(bench)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def markdown_table(table: pd.DataFrame) -> str:
    """Write the table with three digits, for the documentation."""

    def cell(value: str | float) -> str:
        if isinstance(value, str):
            return value
        if np.isnan(value):
            return ""
        return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"

    lines = [f"| {' | '.join(table.columns)} |", "|---" * len(table.columns) + "|"]
    lines += [f"| {' | '.join(map(cell, row))} |" for row in table.itertuples(index=False)]
    return "\n".join(lines) + "\n"


def find_peers(peers: str | None) -> frozenset[str]:
    """Find distributions of map_peers.PACKAGES that the Python `peers` can use; log the others."""
    if peers is None:
        _LOG.warning("other packages are left out: envs/map_peers.txt is not installed")
        return frozenset()
    task = Task("find_packages", {}, PEERS, peers)
    found = json.loads(measure({"": task}, repeats=1, threads=1)[""].answer)
    for name, state in found.items():
        if "fault" in state:
            _LOG.warning("%s is left out: %s", name, state["fault"])
        else:
            _LOG.info("%s %s", name, state["release"])
    return frozenset(name for name, state in found.items() if "release" in state)


def normal_clouds(n_points: int, n_features: int, seed: int) -> np.ndarray:
    """Draw points (N, F) float32 from seven normal clouds, which no seed moves, in random order."""
    centres = np.random.default_rng(0).standard_normal((7, n_features), dtype=np.float32)
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((n_points, n_features), dtype=np.float32)
    points += 2 * centres[rng.integers(len(centres), size=n_points)]
    return points


@dataclass(frozen=True)
class _Bench:
    """Sizes, packages, and a folder with the points and weights that tasks have asked for."""

    sizes: Sizes
    folder: Path
    packages: frozenset[str]
    python: str

    def points(self, n_points: int, n_features: int | None = None, seed: int = 1) -> str:
        """Return a file of points (N, F): normal clouds, in random order."""
        n_features = n_features or self.sizes.n_features
        path = self.folder / f"points_{n_points}_{n_features}_{seed}.npy"
        if not path.exists():
            np.save(path, normal_clouds(n_points, n_features, seed))
        return str(path)

    def files(self, n_points: int, nodes: int, n_features: int | None = None) -> dict[str, Any]:
        """Return a task's arguments `points` and `weights`, which are drawn as the points are."""
        weights = self.points(nodes, n_features, seed=2)
        return {"points": self.points(n_points, n_features), "weights": weights}

    def start(
        self, n: int, sides: tuple[int, int] | None = None, n_features: int | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a task's arguments with n points and a map to begin with; the files alone."""
        xdim, ydim = sides or (self.sizes.xdim, self.sizes.ydim)
        files = self.files(n, xdim * ydim, n_features)
        return {**files, "xdim": xdim, "ydim": ydim}, files

    def of_peers(self, names: Iterable[str], task: str, **arguments: Any) -> dict[str, Task]:
        """Make the task for each of the packages that can be used, by its name."""
        return {
            PEER_NAMES[name]: Task(task, {**arguments, "package": name}, PEERS, self.python)
            for name in names
            if name in self.packages
        }

    def row(
        self,
        case: str,
        implementation: str,
        n_points: int,
        measured: Measurement,
        *,
        ratio: float,
        n_features: int | None = None,
        nodes: int | None = None,
    ) -> dict:
        """Make a row of the table, and log it."""
        shape = n_features or self.sizes.n_features, nodes or self.sizes.xdim * self.sizes.ydim
        times = measured.seconds, measured.peak_mb, ratio
        return table_row(COLUMNS, case, implementation, n_points, *shape, *times)

    def compare(
        self, case: str, n: int, tasks: dict[str, Task], repeats: int, threads: int, **shape: int
    ) -> Generator[dict, None, dict[str, Measurement]]:
        """Run tasks in turn; yield a row of each; ratio: how many times as long as kohorte's."""
        found = measure(tasks, repeats=repeats, threads=threads)
        for name, m in found.items():
            ratio = m.seconds / found["kohorte"].seconds
            yield self.row(case, name, n, m, ratio=ratio, **shape)
        return found


def _ours(task: str, arguments: Mapping[str, Any], **further: Any) -> Task:
    return Task(task, {**arguments, **further}, OURS)


def _online(bench: _Bench) -> Iterator[dict]:
    """Time a step of online training; ratio: how many times as long as kohorte's."""
    sizes = bench.sizes
    start, _ = bench.start(sizes.points)
    tasks = {"kohorte": _ours("train", start, steps=sizes.steps)}
    for kind, name in STEP_NAMES.items():
        tasks[name] = _ours("train_stepwise", start, steps=sizes.numpy_steps, kind=kind)
    tasks |= bench.of_peers(("minisom", "popsom7"), "train", **start, steps=sizes.peer_steps)
    yield from bench.compare("online", sizes.points, tasks, sizes.slow_repeats, threads=1)


def _memory(bench: _Bench) -> Iterator[dict]:
    """Measure growth of memory in training from a file; ratio: growth over data and weights."""
    for n in bench.sizes.memory:
        task = _ours("train_memory", bench.start(n)[0], steps=bench.sizes.memory_steps)
        m = measure({"kohorte": task}, repeats=1, threads=1)["kohorte"]
        yield bench.row("memory", "kohorte", n, m, ratio=float(m.answer))


def _whole_job(bench: _Bench) -> Iterator[dict]:
    """Time N steps, winners, clusters, labels and quality; ratio: share of the whole."""
    sizes = bench.sizes
    for n in sizes.job:
        size = {"xdim": sizes.xdim, "ydim": sizes.ydim, "steps": n}
        task = _ours("whole_job", size, points=bench.points(n))
        m = measure({"kohorte": task}, repeats=sizes.slow_repeats, threads=1)["kohorte"]
        yield bench.row("whole_job", "kohorte", n, m, ratio=1.0)
        for stage, seconds in m.stages.items():
            part = Measurement(seconds, np.nan)
            yield bench.row("whole_job", f"kohorte, {stage}", n, part, ratio=seconds / m.seconds)


def _analysis(bench: _Bench) -> Iterator[dict]:
    """Time the whole job on lattices that grow with the table; ratio: times as long as kohorte's.

    The lattice of the published times for 10^6 points has that size.
    """
    sizes = bench.sizes
    for n_features in sizes.growth_features:
        for n in sizes.growth_points:
            xdim, ydim = suggest_size(n, n_features, PUBLISHED_RATIO)
            size = {"xdim": xdim, "ydim": ydim, "steps": n, "points": bench.points(n, n_features)}
            tasks = {"kohorte": _ours("whole_job", size)}
            if n <= sizes.growth_peers:
                tasks |= bench.of_peers(("minisom", "popsom7"), "analyse", **size)
            shape = {"n_features": n_features, "nodes": xdim * ydim}
            yield from bench.compare("analysis", n, tasks, sizes.slow_repeats, 1, **shape)


def _winners(bench: _Bench) -> Iterator[dict]:
    """Time winners; ratio: how many times as long as kohorte, or the share of equal answers."""
    sizes = bench.sizes
    for nodes, n_features, n, searches in sizes.winners:
        shape = {"n_features": n_features, "nodes": nodes}
        files = {**bench.files(n, nodes, n_features), "searches": searches}
        outputs = {name: str(bench.folder / f"{name}.npy") for name in ("kohorte", "FAISS")}
        tasks = {"kohorte": _ours("find", files, output=outputs["kohorte"], threads=sizes.threads)}
        if "faiss-cpu" in bench.packages:
            theirs = {**files, "output": outputs["FAISS"]}
            tasks["FAISS"] = Task("find", theirs, PEERS, bench.python)
        found = yield from bench.compare("winners", n, tasks, sizes.repeats, sizes.threads, **shape)
        if "FAISS" in found:
            answers = [np.load(outputs[name]) for name in found]
            equal = float(np.mean(answers[0] == answers[1]))
            none = Measurement(np.nan, np.nan)
            yield bench.row("winners", "FAISS, equal winners", n, none, ratio=equal, **shape)


def _batch(bench: _Bench) -> Iterator[dict]:
    """Time an epoch of batch training; ratio: how many times as long as kohorte's."""
    sizes, n = bench.sizes, bench.sizes.points
    start, files = bench.start(n)
    tasks = {
        "kohorte": _ours("batch", start, epochs=sizes.epochs, threads=sizes.threads),
        "kohorte, winners alone": _ours(
            "find", files, threads=sizes.threads, searches=sizes.epochs
        ),
    }
    start["epochs"] = sizes.few_epochs
    tasks |= bench.of_peers(("fastersom", "xpysom"), "batch", **start)
    found = yield from bench.compare("batch", n, tasks, sizes.slow_repeats, sizes.threads)

    # An epoch of these takes a time that is proportional to the number of points.
    tasks = bench.of_peers(("minisom", "somoclu"), "batch", **start, rows=sizes.slow_rows)
    for name, m in measure(tasks, repeats=sizes.slow_repeats, threads=sizes.threads).items():
        scaled = Measurement(m.seconds * n / sizes.slow_rows, np.nan)
        ratio = scaled.seconds / found["kohorte"].seconds
        yield bench.row("batch", f"{name}, scaled by points", n, scaled, ratio=ratio)


def _scaling(bench: _Bench) -> Iterator[dict]:
    """Measure growth with points, features and nodes; ratio: the time at the limit over this.

    The limits of the machine come first: seconds of 10^9 multiply-adds, and of 10^9 bytes read from
    memory. The former are measured again in turn with everything that they are compared with.
    """
    sizes, threads = bench.sizes, bench.sizes.threads
    multiply = {str(k): _ours("multiply", {"threads": k}) for k in (1, threads)}
    read = {"bytes": _ours("read", {"threads": threads})}
    limits = measure(multiply | read, repeats=sizes.repeats, threads=threads)
    for key, m in limits.items():
        name = key if key == "bytes" else f"multiply-adds on {key} core{'s' * (key != '1')}"
        row = bench.row("limit", f"10^9 {name}", 0, m, ratio=np.nan)
        yield {**row, "n_points": np.nan, "n_features": np.nan, "nodes": np.nan}

    sides, n_features, n = (sizes.xdim, sizes.ydim), sizes.n_features, sizes.scaling_rows
    cases = (
        ("scaling_points", [(n, n_features, sides) for n in sizes.scaling_points]),
        ("scaling_features", [(n, f, sides) for f in sizes.scaling_features]),
        ("scaling_nodes", [(n, n_features, s) for s in sizes.scaling_sides]),
    )
    for case, shapes in cases:
        for n, n_features, sides in shapes:
            start, files = bench.start(n, sides, n_features)
            # Enough steps to outweigh the checks of all points; enough epochs to take a second or
            # so, since a time is the difference of two.
            steps = max(sizes.scaling_steps, n // 10)
            work = n * n_features * sides[0] * sides[1]
            epochs = int(np.clip(sizes.scaling_work / work, sizes.few_epochs, 50))
            tasks = {
                "online": _ours("train", start, steps=steps),
                "winners": _ours("find", files, threads=threads),
                "batch": _ours("batch", start, epochs=epochs, threads=threads),
            }
            found = measure(tasks | multiply, repeats=sizes.slow_repeats, threads=threads)
            for name in tasks:
                counts, n_bytes = least_work(name, n, n_features, sides, steps)
                rate = found["1" if name == "online" else str(threads)].seconds
                limit = max(counts * rate, n_bytes * limits["bytes"].seconds) / 1e9
                ratio = limit / found[name].seconds
                shape = {"n_features": n_features, "nodes": sides[0] * sides[1]}
                yield bench.row(case, name, n, found[name], ratio=ratio, **shape)


def _accelerator(bench: _Bench) -> Iterator[dict]:
    """Time JAX on an accelerator, if there is one; ratio: how many times as long as JAX there."""
    sizes, n = bench.sizes, bench.sizes.accelerator
    device = measure({"": Task("find_accelerator", {})}, repeats=1, threads=1)[""].answer
    if not device:
        _LOG.warning("no accelerator is measured: JAX sees none")
        return
    start, files = bench.start(n)
    start["epochs"] = sizes.epochs
    epochs = {
        "": _ours("batch", start, threads=sizes.threads, backend="jax"),
        "kohorte, numba, epoch": _ours("batch", start, threads=sizes.threads),
    }
    cuda = {"": Task("find_cuda", {}, PEERS, bench.python)}
    if "fastersom" in bench.packages and measure(cuda, repeats=1, threads=1)[""].answer:
        epochs |= bench.of_peers(("fastersom",), "batch", **start, device="cuda")
    searches = {
        "": _ours("find_on_device", files),
        "kohorte, numba, winners": _ours("find", files, threads=sizes.threads),
    }
    peak = measure({"": _ours("multiply_on_device", {})}, repeats=sizes.repeats, threads=1)[""]
    sides = sizes.xdim, sizes.ydim
    for tasks, kind, name in ((epochs, "batch", "epoch"), (searches, "winners", "winners")):
        found = measure(tasks, repeats=sizes.slow_repeats, threads=sizes.threads)
        base = found.pop("")
        yield bench.row("accelerator", f"kohorte, jax on {device}, {name}", n, base, ratio=1.0)
        counts, _ = least_work(kind, n, sizes.n_features, sides, 0)
        found[f"{name} at the limit"] = Measurement(counts * peak.seconds / 1e9, np.nan)
        for key, m in found.items():
            yield bench.row("accelerator", key, n, m, ratio=m.seconds / base.seconds)
