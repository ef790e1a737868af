"""Quality of maps at equal work: kohorte's and other packages', by the same schedules.

Equal are the points and their order, the rectangular lattice, the start weights, the Gaussian
neighbourhood, the course of its width and of the learning rate, and how often every point is seen.
All maps are measured by kohorte.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kohorte.maps.batch import train_batch
from kohorte.maps.lattice import Lattice
from kohorte.maps.online import train_online
from kohorte.maps.quality import quantization_error, topographic_error
from kohorte.maps.winners import find_two_winners
from kohorte_benchmarks.label_sets import make_data
from kohorte_benchmarks.maps import PEER_NAMES, PEERS, find_peers
from kohorte_benchmarks.worker import Task, measure, table_row

ERRORS = ("quantization_error", "topographic_error")
COLUMNS = ("data_set", "seed", "schedule", "implementation", *ERRORS)

ALPHA = 0.5


@dataclass(frozen=True)
class Schedule:
    """How the maps that are compared are trained.

    `curve` is the course of the neighbourhood's width, from half the longer side of the lattice,
    and of the learning rate.
    """

    trainer: str  # "batch" or "online"
    curve: str
    packages: tuple[str, ...]  # distributions that know this schedule
    options: Mapping[str, str] = field(default_factory=dict)  # their arguments for it
    to_thirds: bool = False  # whether width and rate fall to a third, and not to 1 and 0


#: Name -> schedule; the last is MiniSom's default.
SCHEDULES = {
    "batch, exponential": Schedule("batch", "exponential", ("fastersom", "somoclu", "xpysom")),
    "batch, linear": Schedule("batch", "linear", ("minisom",)),
    "online, linear": Schedule("online", "linear", ("minisom",), {"curve": "linear"}),
    "online, inverse time": Schedule("online", "inverse_time", ("minisom",), to_thirds=True),
}


@dataclass(frozen=True)
class Sizes:
    """Data sets (of label_sets.DATA_SETS), number of seeds, and how often every point is seen."""

    data_sets: tuple[str, ...] = ("iris", "digits", "blobs")
    n_seeds: int = 5
    epochs: int = 20


#: Name -> sizes; ``small`` is for trying whether all runs.
SIZES = {"full": Sizes(), "small": Sizes(data_sets=("iris",), n_seeds=1, epochs=2)}


def compare_quality(sizes: Sizes, peers: str | None = None) -> pd.DataFrame:
    """Train and measure all maps; the columns are COLUMNS, one row per map.

    Errors of quantization are means of Euclidean distances, in the units of the scaled features. A
    seed draws the start (rows of the data) and the order. `peers` is the Python of the environment
    that holds the other packages; None leaves them out. Raises ResultError if one of them fails.
    """
    packages = find_peers(peers)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, schedule in SCHEDULES.items():
            jobs = [
                _Job(Path(folder), data_set, seed, schedule.trainer, sizes.epochs)
                for data_set in sizes.data_sets
                for seed in range(sizes.n_seeds)
            ]
            rows += [job.row(name, "kohorte", job.train(schedule)) for job in jobs]
            for package in schedule.packages:
                if peers is not None and package in packages:
                    asked = [job.ask(package) for job in jobs]
                    told: dict[str, Any] = {"package": package, "trainer": schedule.trainer}
                    told |= {"jobs": asked, "options": schedule.options}
                    task = Task("train_all", told, PEERS, peers)
                    measure({package: task}, repeats=1, threads=1)
                    rows += [
                        job.row(name, PEER_NAMES[package], np.load(question["output"]))
                        for job, question in zip(jobs, asked, strict=True)
                    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def markdown_table(quality: pd.DataFrame) -> str:
    """Tabulate means over the seeds: a line for each schedule and implementation, QE and TE."""
    data_sets = list(dict.fromkeys(quality["data_set"]))
    heads = [f"{data_set} {error}" for data_set in data_sets for error in ("QE", "TE")]
    lines = [f"| schedule | implementation | {' | '.join(heads)} |"]
    lines.append("|---" * (len(heads) + 2) + "|")
    for (schedule, name), rows in quality.groupby(["schedule", "implementation"], sort=False):
        means = rows.groupby("data_set")[list(ERRORS)].mean()
        cells = [f"{value:.4f}" for data_set in data_sets for value in means.loc[data_set]]
        lines.append(f"| {schedule} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


class _Job:
    """One map: its points, in the order in which they are seen, and its start."""

    def __init__(self, folder: Path, data_set: str, seed: int, trainer: str, epochs: int) -> None:
        self.data_set, self.seed = data_set, seed
        self.points, _ = make_data(data_set, seed)
        # About 5 sqrt(N) nodes, which MiniSom advises, on sides of 4 to 3.
        nodes = 5 * np.sqrt(len(self.points))
        xdim = round(np.sqrt(nodes * 4 / 3))
        self.lattice = Lattice(xdim, round(nodes / xdim))
        rng = np.random.default_rng([seed, len(self.points)])
        chosen = rng.choice(len(self.points), self.lattice.n_nodes, replace=False)
        self.start = self.points[chosen]
        self.seen, self.length = self.points, epochs
        if trainer == "online":
            rows = np.concatenate([rng.permutation(len(self.points)) for _ in range(epochs)])
            self.seen, self.length = self.points[rows], len(rows)
        self.folder = folder / f"{trainer}_{data_set}_{seed}"

    @property
    def sigma(self) -> float:
        return max(self.lattice.xdim, self.lattice.ydim) / 2

    def ask(self, package: str) -> dict:
        """Make the job for map_peers.train_all; write the arrays to files."""
        self.folder.mkdir(exist_ok=True)
        paths = {key: str(self.folder / f"{key}.npy") for key in ("points", "weights")}
        np.save(paths["points"], self.seen)
        np.save(paths["weights"], self.start)
        sides = {"xdim": self.lattice.xdim, "ydim": self.lattice.ydim}
        told = {"output": str(self.folder / f"{package}.npy"), "length": self.length}
        return {**paths, **sides, **told, "sigma": self.sigma}

    def train(self, schedule: Schedule) -> np.ndarray:
        """Train kohorte's weights (M, F)."""
        course: dict[str, Any] = {
            "radius": self.sigma,
            "final_radius": self.sigma / 3 if schedule.to_thirds else 1.0,
            "radius_schedule": schedule.curve,
            "kernel": "gaussian",
            "kernel_distance": "euclidean",
        }
        if schedule.trainer == "batch":
            return train_batch(self.seen, self.lattice, self.start, epochs=self.length, **course)
        course |= {"alpha": ALPHA, "final_alpha": ALPHA / 3 if schedule.to_thirds else 0.0}
        course |= {"learning_rate": schedule.curve, "order": "sequential", "steps": self.length}
        return train_online(self.seen, self.lattice, self.start, **course)

    def row(self, schedule: str, implementation: str, weights: np.ndarray) -> dict:
        """Make a row of the table."""
        nodes, distances = find_two_winners(self.points, weights)
        errors = quantization_error(distances[:, 0]), topographic_error(nodes, self.lattice)
        return table_row(COLUMNS, self.data_set, self.seed, schedule, implementation, *errors)
