"""Tasks of other packages that the benchmark of the maps times, in an environment of their own.

They run in the environment of envs/map_peers.txt and must not import kohorte. Points (N, F),
weights (M, F) and the results of training are float32 .npy files; node r of a lattice lies in row
r div xdim, column r mod xdim. A package is imported by the task that needs it.

All packages are asked to do the same: a Gaussian neighbourhood of width sigma, on Euclidean
distances of nodes of a rectangular lattice, with the same first and last sigma.
"""

from __future__ import annotations

import importlib
import json
import os
import time
import warnings
from collections.abc import Callable, Sequence
from importlib import metadata
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from minisom import MiniSom

#: Distribution -> module that must be importable for the package to be of use.
PACKAGES = {
    "faiss-cpu": "faiss",
    "fastersom": "fastersom",
    "minisom": "minisom",
    "popsom7": "popsom7.maputils",
    "somoclu": "somoclu.somoclu_wrap",
    "xpysom": "xpysom",
}


class Map(NamedTuple):
    """What a package is asked to train: points (N, F), start (M, F), lattice, and first sigma."""

    data: np.ndarray
    start: np.ndarray
    xdim: int
    ydim: int
    sigma: float


def _read_map(points: str, weights: str, xdim: int, ydim: int, rows: int | None = None) -> Map:
    return Map(np.load(points)[:rows], np.load(weights), xdim, ydim, max(xdim, ydim) / 2)


def find_packages() -> Callable[[], dict]:
    """Answer with a JSON object: distribution -> its release, or why it cannot be used."""
    found: dict[str, dict[str, str]] = {}
    for name, module in PACKAGES.items():
        try:
            importlib.import_module(module)
            found[name] = {"release": metadata.version(name)}
        except Exception as error:  # whatever it is, that package is left out
            found[name] = {"fault": f"{type(error).__name__}: {error}"}
    return lambda: {"seconds": 0.0, "answer": json.dumps(found)}


def find_cuda() -> Callable[[], dict]:
    """Answer "cuda" if PyTorch can use it."""
    import torch

    return lambda: {"seconds": 0.0, "answer": "cuda" if torch.cuda.is_available() else ""}


def _timed(
    work: Callable[[], object], per: float = 1, clock: Callable[[], float] = perf_counter
) -> Callable[[], dict]:
    """Do as serving.timed, which cannot be imported here."""

    def run() -> dict:
        begin = clock()
        work()
        return {"seconds": (clock() - begin) / per}

    return run


def find(
    points: str, weights: str, output: str, searches: int, clock: str = "perf_counter"
) -> Callable[[], dict]:
    """Time what the task ``find`` of map_tasks does, by the exact flat index of FAISS."""
    import faiss

    faiss.omp_set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    data, nodes = np.load(points), np.load(weights)
    index = faiss.IndexFlatL2(nodes.shape[1])
    index.add(nodes)
    np.save(output, index.search(data, 1)[1][:, 0])

    def work() -> None:
        for _ in range(searches):
            index.search(data, 1)

    return _timed(work, searches, getattr(time, clock))


def train(
    points: str, weights: str, xdim: int, ydim: int, steps: int, package: str
) -> Callable[[], dict]:
    """Time one step of online training."""
    asked = _read_map(points, weights, xdim, ydim)
    return _timed(lambda: ONLINE[package](asked, steps), steps)


def analyse(points: str, xdim: int, ydim: int, steps: int, package: str) -> Callable[[], dict]:
    """Time a whole map, with all that the package derives from one."""
    data = np.load(points)
    ANALYSES[package](data[:200], 5, 5, 20)
    return _timed(lambda: ANALYSES[package](data, xdim, ydim, steps))


def batch(
    points: str,
    weights: str,
    xdim: int,
    ydim: int,
    epochs: int,
    package: str,
    rows: int | None = None,
    device: str = "cpu",
) -> Callable[[], dict]:
    """Time one epoch of batch training: the time that more epochs take longer than one.

    Packages that are too slow train on the first ``rows`` points; their time is for so many.
    """
    asked = _read_map(points, weights, xdim, ydim, rows)
    options = {"device": device} if package == "fastersom" else {}

    def seconds(epochs: int) -> float:
        begin = perf_counter()
        BATCH[package](asked, epochs, **options)
        return perf_counter() - begin

    def run() -> dict:
        once = seconds(1)
        return {"seconds": (seconds(1 + epochs) - once) / epochs}

    seconds(1)
    return run


def train_all(
    package: str, trainer: str, jobs: Sequence[dict], options: dict
) -> Callable[[], dict]:
    """Train a map for each job: points, weights, output, xdim, ydim, length and sigma."""
    method = {"batch": BATCH, "online": ONLINE}[trainer][package]

    def work() -> None:
        for job in jobs:
            arrays = np.load(job["points"]), np.load(job["weights"])
            asked = Map(*arrays, job["xdim"], job["ydim"], job["sigma"])
            trained = method(asked, job["length"], **options)
            np.save(job["output"], np.asarray(trained, dtype=np.float32))

    return _timed(work)


def _fastersom_batch(asked: Map, epochs: int, device: str = "cpu") -> np.ndarray:
    from fastersom import SOM

    _, start, xdim, ydim, sigma = asked
    som = SOM(ydim, xdim, epochs, sigma, 1.0, init=start, device=device)
    return som.fit(asked.data).weights_


def _minisom(asked: Map, **options: Any) -> MiniSom:
    from minisom import MiniSom

    data, start, xdim, ydim, sigma = asked
    som = MiniSom(ydim, xdim, data.shape[1], sigma=sigma, **options)
    som._weights = start.reshape(ydim, xdim, -1).astype(np.float64)
    return som


def _minisom_batch(asked: Map, epochs: int) -> np.ndarray:
    """Let sigma fall linearly, which MiniSom can; the learning rate 1 makes it a batch map."""
    options = {"decay_function": lambda rate, epoch, epochs: 1.0}
    som = _minisom(asked, sigma_decay_function="linear_decay_to_one", **options)
    som.train_batch_offline(asked.data, epochs)
    return som.get_weights().reshape(asked.start.shape)


def _minisom_online(asked: Map, steps: int, curve: str = "inverse_time") -> np.ndarray:
    """Take the points in their order.

    Learning rate and sigma fall to a third, which is MiniSom's default; with ``curve`` "linear" to
    0 and to 1.
    """
    rates = {"inverse_time": "asymptotic_decay", "linear": "linear_decay_to_zero"}
    sigmas = {"inverse_time": "asymptotic_decay", "linear": "linear_decay_to_one"}
    options = {"decay_function": rates[curve], "sigma_decay_function": sigmas[curve]}
    som = _minisom(asked, learning_rate=0.5, **options)
    som.train(asked.data, steps)
    return som.get_weights().reshape(asked.start.shape)


def _popsom7_online(asked: Map, steps: int) -> np.ndarray:
    """Train with popsom7's own start, order and course of the neighbourhood: none can be set."""
    from popsom7.maputils import vsom

    return vsom(asked.data, asked.xdim, asked.ydim, 0.5, steps)


def _somoclu_batch(asked: Map, epochs: int) -> np.ndarray:
    import somoclu

    data, start, xdim, ydim, sigma = asked
    options = {"compactsupport": False, "std_coeff": 1.0}
    som = somoclu.Somoclu(xdim, ydim, initialcodebook=start.copy(), **options)
    som.train(data, epochs, radius0=sigma, radiusN=1.0, radiuscooling="exponential")
    return som.codebook.reshape(start.shape)


def _xpysom_batch(asked: Map, epochs: int) -> np.ndarray:
    from xpysom import XPySom

    data, start, xdim, ydim, sigma = asked
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sigma of half the longer side is "too high"
        som = XPySom(ydim, xdim, data.shape[1], sigma, 1.0, std_coeff=1.0, xp=np)
    som._weights = start.reshape(ydim, xdim, -1)
    som.train(data, epochs)
    return som.get_weights().reshape(start.shape)


def _minisom_analysis(data: np.ndarray, xdim: int, ydim: int, steps: int) -> None:
    """Train, find the node of each point and the two errors; MiniSom has no clusters."""
    from minisom import MiniSom

    sigma = max(xdim, ydim) / 2
    som = MiniSom(ydim, xdim, data.shape[1], sigma=sigma, learning_rate=0.5, random_seed=0)
    som.random_weights_init(data)
    som.train(data, steps)
    som.win_map(data, return_indices=True)
    som.quantization_error(data)
    som.topographic_error(data)


def _popsom7_analysis(data: np.ndarray, xdim: int, ydim: int, steps: int) -> None:
    """Train, find clusters, nodes and labels of points, and convergence."""
    import pandas as pd
    from popsom7.maputils import map_build

    frame = pd.DataFrame(data, columns=[f"x{k}" for k in range(data.shape[1])])
    map_build(frame, xdim=xdim, ydim=ydim, alpha=0.5, train=steps, seed=1)


#: Distribution -> function(data, xdim, ydim, steps): a whole map, with all that it tells.
ANALYSES: dict[str, Callable] = {"minisom": _minisom_analysis, "popsom7": _popsom7_analysis}

#: Distribution -> function(Map, epochs) that returns weights (M, F). Sigma falls exponentially, to
#: 1 after all epochs; MiniSom's linearly.
BATCH: dict[str, Callable[..., np.ndarray]] = {
    "fastersom": _fastersom_batch,
    "minisom": _minisom_batch,
    "somoclu": _somoclu_batch,
    "xpysom": _xpysom_batch,
}

#: Distribution -> function(Map, steps) that returns weights (M, F).
ONLINE: dict[str, Callable] = {"minisom": _minisom_online, "popsom7": _popsom7_online}

#: Name -> task.
TASKS: dict[str, Callable[..., Callable[[], dict]]] = {
    task.__name__: task
    for task in (find_packages, find_cuda, find, train, analyse, batch, train_all)
}
