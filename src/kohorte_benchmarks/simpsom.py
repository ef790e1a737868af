"""Processor time of an epoch of the map of SimpSOM's tutorial, by SimpSOM and by kohorte.

The map has a hexagonal, periodic lattice and the cosine distance, and is trained in batches. See
docs/studies/mnist.md.
"""

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kohorte.maps.initial import initial_weights
from kohorte.maps.lattice import Lattice
from kohorte_benchmarks.worker import TIMES, Measurement, Task, measure

_LOG = logging.getLogger(__name__)

COLUMNS = ("implementation", "how", "n_points", "n_features", "nodes", *TIMES)

OURS = str(Path(__file__).with_name("map_tasks.py"))
PEER = str(Path(__file__).with_name("simpsom_peer.py"))

METRIC = "cosine"


@dataclass(frozen=True)
class Sizes:
    """How large the comparison is."""

    side: int = 50  # nodes along each side of the map
    # Images with which both are measured; SimpSOM's time with all lies on the line through the two.
    points: tuple[int, int] = (1_000, 2_000)
    # Images that SimpSOM takes at a time. It makes arrays of so many images x nodes x pixels; of 1,
    # 2, 3, 5, 10, 20 and 50 this was the fastest with 1,000 images.
    batch_size: int = 10
    epochs: int = 10  # over which kohorte's time is averaged
    repeats: int = 3  # rounds, whose median counts


def compare_simpsom(
    images: np.ndarray, scratch: Path, peer: str | None = None, sizes: Sizes | None = None
) -> pd.DataFrame:
    """Measure both in turn, on one thread, and return their table, with the columns COLUMNS.

    `seconds` is the processor time of an epoch and `ratio` how many times as long as kohorte's with
    as many images, (N, F); `how` says whether it was measured or scaled. `scratch` is an existing
    folder for the points, which are removed again; `peer` the Python of the environment that holds
    SimpSOM, None leaves it out. Raises ResultError if a task fails.
    """
    sizes = sizes or Sizes()
    images = np.asarray(images, dtype=np.float32)
    few, more = sizes.points
    if peer is None:
        _LOG.warning("SimpSOM is left out: envs/simpsom.txt is not installed")
    with tempfile.TemporaryDirectory(prefix=".simpsom-", dir=scratch) as folder:
        tasks = _tasks(images, Path(folder), peer, sizes)
        found = measure(tasks, repeats=sizes.repeats, threads=1)
    rows = [(name, "measured", n, m) for (name, n), m in found.items()]
    if peer is not None:
        first, second = (found["SimpSOM", n] for n in sizes.points)
        slope = (second.seconds - first.seconds) / (more - few)
        seconds = first.seconds + slope * (len(images) - few)
        scaled = Measurement(seconds, np.nan, first.answer)
        rows.append(("SimpSOM", "scaled", len(images), scaled))
    table = pd.DataFrame(
        [
            (f"{name} {m.answer}".strip(), how, n, images.shape[1], sizes.side**2)
            + (m.seconds, m.peak_mb, m.seconds / found["kohorte", n].seconds)
            for name, how, n, m in rows
        ],
        columns=list(COLUMNS),
    )
    _LOG.info("\n%s", table.to_string(index=False))
    return table


def _tasks(
    images: np.ndarray, folder: Path, peer: str | None, sizes: Sizes
) -> dict[tuple[str, int], Task]:
    """Make the tasks, by implementation and number of images."""
    lattice = Lattice(sizes.side, sizes.side, "hexagonal", True)
    start = initial_weights(images, lattice, "pca", np.random.default_rng(0))
    files = {name: str(folder / f"{name}.npy") for name in ("points", "weights")}
    np.save(files["points"], images)
    np.save(files["weights"], start)
    common = {**files, "xdim": sizes.side, "ydim": sizes.side, "metric": METRIC}
    ours = {**common, "topology": lattice.topology, "periodic": lattice.periodic}
    ours |= {"epochs": sizes.epochs, "threads": 1, "clock": "process_time"}
    counts = (*sizes.points, len(images))
    tasks = {("kohorte", n): Task("batch", {**ours, "rows": n}, OURS) for n in counts}
    if peer is not None:
        theirs = {**common, "batch_size": sizes.batch_size}
        for n in sizes.points:
            tasks["SimpSOM", n] = Task("epoch", {**theirs, "rows": n}, PEER, peer)
    return tasks
