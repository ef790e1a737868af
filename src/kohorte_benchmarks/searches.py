"""The benchmark of searches for winners: how much of a map they look at, and how long they take.

All ratios are of times of one run. See docs/benchmarks/searches.md for what a row means.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from kohorte.maps.batch import train_batch
from kohorte.maps.history import Observer
from kohorte.maps.lattice import Lattice
from kohorte.maps.winners import count_looks
from kohorte_benchmarks import maps
from kohorte_benchmarks.maps import OURS, PEERS, find_peers, normal_clouds
from kohorte_benchmarks.worker import Task, measure, table_row

COLUMNS = (*maps.COLUMNS, "looked_at", "balls")


@dataclass(frozen=True)
class Sizes:
    """How large the cases are."""

    points: int = 100_000
    features: tuple[int, ...] = (6, 10)
    sides: tuple[tuple[int, int], ...] = ((28, 18), (40, 25), (63, 32), (90, 56), (126, 80))
    epochs: int = 20  # of the maps that are searched
    looks: tuple[int, ...] = (0, 1, 2, 4, 10)  # epochs after which an epoch is timed
    followed: tuple[int, int] = (63, 32)  # the lattice of these
    work: float = 4e8  # points times nodes of a run, about
    repeats: int = 7  # rounds, whose median counts


#: Name -> sizes; ``small`` is for trying whether all runs.
SIZES = {
    "full": Sizes(),
    "small": Sizes(
        points=5_000,
        features=(3,),
        sides=((20, 15), (40, 25)),
        epochs=3,
        looks=(0, 3),
        followed=(20, 15),
        work=1e6,
        repeats=1,
    ),
}


def benchmark_searches(sizes: Sizes, scratch: Path, peers: str | None = None) -> pd.DataFrame:
    """Run all cases and return their table: the columns COLUMNS, one row a measurement.

    Arguments are as for `maps.benchmark_maps`.
    """
    has_faiss = "faiss-cpu" in find_peers(peers)
    with TemporaryDirectory(prefix=".benchmark-", dir=scratch) as folder:
        bench = _Bench(sizes, Path(folder), peers if has_faiss else None)
        rows = [row for case in (_maps, _unordered, _epochs) for row in case(bench)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


@dataclass(frozen=True)
class _Bench:
    """Sizes, a folder for arrays, and the Python that has FAISS, if any."""

    sizes: Sizes
    folder: Path
    peer: str | None

    def save(self, name: str, array: np.ndarray) -> str:
        path = self.folder / f"{name}.npy"
        np.save(path, array)
        return str(path)

    def time(
        self, case: str, points: np.ndarray, weights: np.ndarray, lattice: Lattice, **further: bool
    ) -> Iterator[dict]:
        """Time searches in turn, on one core; ratio: how many times as long as kohorte's.

        Seconds are those of the processor, which count other work of the machine least.
        """
        shape = (*points.shape, lattice.n_nodes)
        looks, balls = count_looks(points, weights, lattice)
        searches = max(1, round(self.sizes.work / shape[0] / shape[2]))
        common: dict[str, Any] = {"searches": searches, "clock": "process_time"}
        common |= {"points": self.save("points", points), "weights": self.save("weights", weights)}
        ours = {**common, "threads": 1}
        sides = {"xdim": lattice.xdim, "ydim": lattice.ydim}
        outputs = {name: str(self.folder / f"{name}.npy") for name in ("kohorte", "FAISS")}
        tasks = {"kohorte": Task("find", {**ours, **sides, "output": outputs["kohorte"]}, OURS)}
        tasks["kohorte, all nodes"] = Task("find", ours, OURS)
        if further.get("two"):
            tasks["kohorte, two winners"] = Task("find", {**ours, **sides, "two": True}, OURS)
        if self.peer:
            theirs = {**common, "output": outputs["FAISS"]}
            tasks["FAISS"] = Task("find", theirs, PEERS, self.peer)
        turns = {"": list(tasks)}
        if further.get("reversed"):
            turns[", reversed"] = list(tasks)[::-1]
        for suffix, order in turns.items():
            asked = {name: tasks[name] for name in order}
            found = measure(asked, repeats=self.sizes.repeats, threads=1)
            for name in tasks:
                seen = (looks, balls) if name == "kohorte" else (np.nan, np.nan)
                ratio = found[name].seconds / found["kohorte"].seconds
                times = found[name].seconds, found[name].peak_mb, ratio
                yield table_row(COLUMNS, case + suffix, name, *shape, *times, *seen)
        if self.peer:
            answers = [np.load(path) for path in outputs.values()]
            equal = float(np.mean(answers[0] == answers[1]))
            none = (np.nan,) * 2
            yield table_row(COLUMNS, case, "FAISS, equal winners", *shape, *none, equal, *none)


def _maps(bench: _Bench) -> Iterator[dict]:
    """Time trained maps of more and more nodes, in both orders of turns; and fit their growth."""
    sizes = bench.sizes
    for n_features in sizes.features:
        points = normal_clouds(sizes.points, n_features, seed=1)
        ours = []
        for sides in sizes.sides:
            lattice = Lattice(*sides)
            weights = _train(points, lattice, sizes.epochs)[sizes.epochs]
            for row in bench.time("map", points, weights, lattice, two=True, reversed=True):
                yield row
                if (row["case"], row["implementation"]) == ("map", "kohorte"):
                    ours.append(row)
        nodes = np.log([row["nodes"] for row in ours])
        looked_at = [row["looked_at"] + row["balls"] for row in ours]
        for name, values in (
            ("nodes and balls looked at", looked_at),
            ("seconds", [row["seconds"] for row in ours]),
        ):
            slope = float(np.polyfit(nodes, np.log(values), 1)[0])
            none = (np.nan,) * 2
            shape = sizes.points, n_features, np.nan
            yield table_row(COLUMNS, "exponent", f"kohorte, {name}", *shape, *none, slope, *none)


def _unordered(bench: _Bench) -> Iterator[dict]:
    """Time weights that no lattice orders: rows of the data."""
    sizes, lattice = bench.sizes, Lattice(*bench.sizes.followed)
    for n_features in sizes.features:
        points = normal_clouds(sizes.points, n_features, seed=1)
        weights = normal_clouds(lattice.n_nodes, n_features, seed=2)
        yield from bench.time("no map", points, weights, lattice)


def _epochs(bench: _Bench) -> Iterator[dict]:
    """Time the search of some epochs of a training that begins with rows of the data."""
    sizes, lattice = bench.sizes, Lattice(*bench.sizes.followed)
    points = normal_clouds(sizes.points, sizes.features[0], seed=1)
    for epoch, weights in _train(points, lattice, sizes.epochs).items():
        if epoch in sizes.looks:
            yield from bench.time(f"epoch {epoch + 1}", points, weights, lattice)


def _train(points: np.ndarray, lattice: Lattice, epochs: int) -> dict[int, np.ndarray]:
    """Return the weights (M, F) of a map by the number of its epochs, from rows of the data on."""
    start = points[np.random.default_rng(0).integers(len(points), size=lattice.n_nodes)]
    observer = Observer(points, lattice, moments=0, snapshots=epochs + 1)
    train_batch(points, lattice, start, epochs=epochs, threads=2, observer=observer)
    history = observer.history()
    return dict(zip(history.snapshot_step.tolist(), history.snapshots, strict=True))
