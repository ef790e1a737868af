"""The benchmark of the maps: cases, and the table that they make.

All ratios are of times of one run. See docs/benchmarks.md for what a row means.
"""

import json
import logging
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kohorte.maps.lattice import suggest_size
from kohorte_benchmarks.map_limits import least_work
from kohorte_benchmarks.worker import Measurement, Task, measure

_LOG = logging.getLogger(__name__)

COLUMNS = (
    "case",
    "implementation",
    "n_points",
    "n_features",
    "nodes",
    "seconds",
    "peak_mb",
    "ratio",
)

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
    """How large the cases are.

    Attributes
    ----------
    xdim, ydim, n_features
        The map of all cases but those that vary it.
    points
        Points of the cases ``online`` and ``batch``.
    steps, numpy_steps, peer_steps
        Steps over which a time per step is averaged: kohorte's, NumPy's, other packages'.
    epochs, few_epochs
        Epochs over which a time per epoch is averaged: kohorte's, other packages'.
    slow_rows
        Points of packages whose epoch would take too long; their times are scaled.
    memory
        Numbers of points at which the growth of memory is measured, in ``memory_steps`` steps.
    job
        Numbers of points, and of steps, of the whole job.
    growth_points, growth_features
        Points and features of the case ``analysis``, whose lattices grow with both.
    growth_peers
        Most points there that other packages get.
    winners
        Nodes, features and points of the searches, and how many one run makes.
    scaling_points, scaling_features, scaling_sides
        Sizes at which the growth of time is measured; features and sides with ``scaling_rows``
        points.
    scaling_steps, scaling_work
        Steps of online training there, and multiply-adds of batch training, about.
    accelerator
        Points where JAX sees an accelerator.
    threads
        Threads of winners and batch training. Online training and the whole job have one.
    repeats
        Rounds, whose median counts; ``slow_repeats`` where one takes seconds.
    """

    xdim: int = 63
    ydim: int = 32
    n_features: int = 6
    points: int = 100_000
    steps: int = 200_000
    numpy_steps: int = 2_000
    peer_steps: int = 10_000
    epochs: int = 10
    few_epochs: int = 2
    slow_rows: int = 5_000
    memory: tuple[int, ...] = (1_000_000, 10_000_000)
    memory_steps: int = 50_000
    job: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    growth_points: tuple[int, ...] = (400, 1_600, 6_250, 25_000, 100_000, 400_000, 1_600_000)
    growth_features: tuple[int, ...] = (6, 10)
    growth_peers: int = 25_000
    winners: tuple[tuple[int, int, int, int], ...] = (
        (2016, 6, 100_000, 30),
        (2016, 10, 100_000, 20),
        (2500, 784, 20_000, 2),
    )
    scaling_points: tuple[int, ...] = (10_000, 100_000, 1_000_000, 10_000_000)
    scaling_features: tuple[int, ...] = (2, 6, 16, 64, 256, 784)
    scaling_sides: tuple[tuple[int, int], ...] = ((16, 8), (32, 16), (63, 32), (126, 64))
    scaling_rows: int = 20_000
    scaling_steps: int = 20_000
    scaling_work: float = 1e11
    accelerator: int = 1_000_000
    threads: int = 2
    repeats: int = 7
    slow_repeats: int = 3


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
    """Run all cases and return their table: the columns COLUMNS, one row a measurement.

    Parameters
    ----------
    scratch
        Existing folder for the points, which are removed again.
    peers
        Python of the environment that holds the other packages; None leaves them out.

    Raises
    ------
    ResultError
        A task fails.
    """
    packages = find_peers(peers)
    with tempfile.TemporaryDirectory(prefix=".benchmark-", dir=scratch) as folder:
        bench = _Bench(sizes, Path(folder), packages, peers or "")
        cases = (
            _online,
            _memory,
            _whole_job,
            _analysis,
            _winners,
            _batch,
            _scaling,
            _accelerator,
        )
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
            centres = np.random.default_rng(0).standard_normal((7, n_features), dtype=np.float32)
            rng = np.random.default_rng(seed)
            points = rng.standard_normal((n_points, n_features), dtype=np.float32)
            points += 2 * centres[rng.integers(len(centres), size=n_points)]
            np.save(path, points)
        return str(path)

    def weights(self, nodes: int, n_features: int | None = None) -> str:
        """Return a file of weights (M, F), drawn as the points are."""
        return self.points(nodes, n_features, seed=2)

    def map(
        self, sides: tuple[int, int] | None = None, n_features: int | None = None
    ) -> dict[str, Any]:
        """Return the arguments of a task that say with which map it begins."""
        xdim, ydim = sides or (self.sizes.xdim, self.sizes.ydim)
        weights = self.weights(xdim * ydim, n_features)
        return {"weights": weights, "xdim": xdim, "ydim": ydim}

    def of_peers(
        self, names: Mapping[str, Mapping[str, Any]], task: str, **arguments: Any
    ) -> dict[str, Task]:
        """Make the task for each of the packages that can be used, by its name."""
        return {
            PEER_NAMES[name]: Task(task, {**arguments, **own}, PEERS, self.python)
            for name, own in names.items()
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
        row = {
            "case": case,
            "implementation": implementation,
            "n_points": n_points,
            "n_features": n_features or self.sizes.n_features,
            "nodes": nodes or self.sizes.xdim * self.sizes.ydim,
            "seconds": measured.seconds,
            "peak_mb": measured.peak_mb,
            "ratio": ratio,
        }
        _LOG.info("%s", row)
        return row


def _online(bench: _Bench) -> Iterator[dict]:
    """Time a step of online training; ratio: how many times as long as kohorte's."""
    sizes = bench.sizes
    start = {"points": bench.points(sizes.points), **bench.map()}
    tasks = {"kohorte": Task("train", {**start, "steps": sizes.steps}, OURS)}
    for kind, name in STEP_NAMES.items():
        arguments = {**start, "steps": sizes.numpy_steps, "kind": kind}
        tasks[name] = Task("train_stepwise", arguments, OURS)
    own = {name: {"package": name} for name in ("minisom", "popsom7")}
    tasks |= bench.of_peers(own, "train", **start, steps=sizes.peer_steps)
    found = measure(tasks, repeats=sizes.slow_repeats, threads=1)
    for name, m in found.items():
        ratio = m.seconds / found["kohorte"].seconds
        yield bench.row("online", name, sizes.points, m, ratio=ratio)


def _memory(bench: _Bench) -> Iterator[dict]:
    """Measure growth of memory in training from a file; ratio: growth over data and weights."""
    for n in bench.sizes.memory:
        arguments = {"points": bench.points(n), **bench.map(), "steps": bench.sizes.memory_steps}
        tasks = {"kohorte": Task("train_memory", arguments, OURS)}
        m = measure(tasks, repeats=1, threads=1)["kohorte"]
        yield bench.row("memory", "kohorte", n, m, ratio=float(m.answer))


def _whole_job(bench: _Bench) -> Iterator[dict]:
    """Time N steps, winners, clusters, labels and quality; ratio: share of the whole."""
    sizes = bench.sizes
    for n in sizes.job:
        arguments = {"points": bench.points(n), "xdim": sizes.xdim, "ydim": sizes.ydim, "steps": n}
        task = Task("whole_job", arguments, OURS)
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
            size = {"xdim": xdim, "ydim": ydim, "steps": n}
            arguments = {"points": bench.points(n, n_features), **size}
            tasks = {"kohorte": Task("whole_job", arguments, OURS)}
            if n <= sizes.growth_peers:
                own = {name: {"package": name} for name in ("minisom", "popsom7")}
                tasks |= bench.of_peers(own, "analyse", **arguments)
            found = measure(tasks, repeats=sizes.slow_repeats, threads=1)
            shape = {"n_features": n_features, "nodes": xdim * ydim}
            for name, m in found.items():
                ratio = m.seconds / found["kohorte"].seconds
                yield bench.row("analysis", name, n, m, ratio=ratio, **shape)


def _winners(bench: _Bench) -> Iterator[dict]:
    """Time winners; ratio: how many times as long as kohorte, or the share of equal answers."""
    sizes = bench.sizes
    for nodes, n_features, n, searches in sizes.winners:
        shape = {"n_features": n_features, "nodes": nodes}
        arrays = {"points": bench.points(n, n_features)}
        arrays["weights"] = bench.weights(nodes, n_features)
        files = {**arrays, "searches": searches}
        outputs = {name: str(bench.folder / f"{name}.npy") for name in ("kohorte", "FAISS")}
        ours = {**files, "output": outputs["kohorte"], "threads": sizes.threads}
        tasks = {"kohorte": Task("find", ours, OURS)}
        tasks |= bench.of_peers({"faiss-cpu": {}}, "find", **files, output=outputs["FAISS"])
        found = measure(tasks, repeats=sizes.repeats, threads=sizes.threads)
        for name, m in found.items():
            ratio = m.seconds / found["kohorte"].seconds
            yield bench.row("winners", name, n, m, ratio=ratio, **shape)
        if "FAISS" in found:
            answers = [np.load(outputs[name]) for name in found]
            equal = float(np.mean(answers[0] == answers[1]))
            none = Measurement(np.nan, np.nan)
            yield bench.row("winners", "FAISS, equal winners", n, none, ratio=equal, **shape)


def _batch(bench: _Bench) -> Iterator[dict]:
    """Time an epoch of batch training; ratio: how many times as long as kohorte's."""
    sizes, n = bench.sizes, bench.sizes.points
    start = {"points": bench.points(n), **bench.map()}
    find = {key: start[key] for key in ("points", "weights")}
    find |= {"threads": sizes.threads, "searches": sizes.epochs}
    tasks = {
        "kohorte": Task("batch", {**start, "epochs": sizes.epochs, "threads": sizes.threads}, OURS),
        "kohorte, winners alone": Task("find", find, OURS),
    }
    own: dict[str, dict[str, Any]] = {name: {"package": name} for name in ("fastersom", "xpysom")}
    tasks |= bench.of_peers(own, "batch", **start, epochs=sizes.few_epochs)
    found = measure(tasks, repeats=sizes.slow_repeats, threads=sizes.threads)
    base = found["kohorte"].seconds
    for name, m in found.items():
        yield bench.row("batch", name, n, m, ratio=m.seconds / base)

    # An epoch of these takes a time that is proportional to the number of points.
    own = {name: {"package": name, "rows": sizes.slow_rows} for name in ("minisom", "somoclu")}
    tasks = bench.of_peers(own, "batch", **start, epochs=sizes.few_epochs)
    for name, m in measure(tasks, repeats=sizes.slow_repeats, threads=sizes.threads).items():
        scaled = Measurement(m.seconds * n / sizes.slow_rows, np.nan)
        ratio = scaled.seconds / base
        yield bench.row("batch", f"{name}, scaled by points", n, scaled, ratio=ratio)


def _scaling(bench: _Bench) -> Iterator[dict]:
    """Measure growth with points, features and nodes; ratio: the time at the limit over this.

    The limits of the machine come first: seconds of 10^9 multiply-adds, and of 10^9 bytes read from
    memory. The former are measured again in turn with everything that they are compared with.
    """
    sizes, threads = bench.sizes, bench.sizes.threads
    multiply = {str(k): Task("multiply", {"threads": k}, OURS) for k in (1, threads)}
    read = {"bytes": Task("read", {"threads": threads}, OURS)}
    limits = measure({**multiply, **read}, repeats=sizes.repeats, threads=threads)
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
            start = {"points": bench.points(n, n_features), **bench.map(sides, n_features)}
            find = {key: start[key] for key in ("points", "weights")}
            # Enough steps to outweigh the checks of all points; enough epochs to take a second or
            # so, since a time is the difference of two.
            steps = max(sizes.scaling_steps, n // 10)
            work = n * n_features * sides[0] * sides[1]
            epochs = int(np.clip(sizes.scaling_work / work, sizes.few_epochs, 50))
            tasks = {
                "online": Task("train", {**start, "steps": steps}, OURS),
                "winners": Task("find", {**find, "threads": threads}, OURS),
                "batch": Task("batch", {**start, "epochs": epochs, "threads": threads}, OURS),
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
    start = {"points": bench.points(n), **bench.map()}
    find = {key: start[key] for key in ("points", "weights")}
    train, threads = {**start, "epochs": sizes.epochs}, {"threads": sizes.threads}
    epochs = {
        "": Task("batch", {**train, **threads, "backend": "jax"}, OURS),
        "kohorte, numba, epoch": Task("batch", {**train, **threads}, OURS),
    }
    cuda = bench.of_peers({"fastersom": {}}, "find_cuda")
    if cuda and measure(cuda, repeats=1, threads=1)["fastersom"].answer:
        own = {"fastersom": {"package": "fastersom", "device": "cuda"}}
        epochs |= bench.of_peers(own, "batch", **train)
    searches = {
        "": Task("find_on_device", find, OURS),
        "kohorte, numba, winners": Task("find", {**find, **threads}, OURS),
    }
    peak = measure({"": Task("multiply_on_device", {}, OURS)}, repeats=sizes.repeats, threads=1)[""]
    sides = sizes.xdim, sizes.ydim
    for tasks, kind, name in ((epochs, "batch", "epoch"), (searches, "winners", "winners")):
        found = measure(tasks, repeats=sizes.slow_repeats, threads=sizes.threads)
        base = found.pop("")
        yield bench.row("accelerator", f"kohorte, jax on {device}, {name}", n, base, ratio=1.0)
        counts, _ = least_work(kind, n, sizes.n_features, sides, 0)
        found[f"{name} at the limit"] = Measurement(counts * peak.seconds / 1e9, np.nan)
        for key, m in found.items():
            yield bench.row("accelerator", key, n, m, ratio=m.seconds / base.seconds)
