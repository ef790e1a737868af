"""Tasks that the experiment of the stages times, in processes of their own.

A clock inside a step would take as long as a stage. So whole trainings are timed that stop each
step after its first, second or third stage, and a stage takes what adding it takes longer. No
stage can be left out by a compiler: a training adds up one of the distances of each step, and the
winners.
"""

from collections.abc import Callable
from time import perf_counter

import numpy as np

from kohorte.maps.batch import train_batch
from kohorte.maps.lattice import Lattice
from kohorte.maps.online import train_online
from kohorte_benchmarks.serving import Outcome, by_name, timed
from kohorte_benchmarks.stage_kernels import SETTINGS, TRAIN
from kohorte_benchmarks.tasks import find_accelerator

STAGES = ("distance", "winner", "update")


def time_stages(
    points: str, weights: str, side: int, iterations: int, backend: str = "numba"
) -> Callable[[], Outcome]:
    """Time online training in three kernels, all of it and each stage."""
    data, start, lattice = np.load(points), np.load(weights), Lattice(side, side)
    train = TRAIN[backend]

    def seconds(n_stages: int, iterations: int = iterations) -> float:
        begin = perf_counter()
        train(data, lattice, start, iterations, n_stages)
        return perf_counter() - begin

    def run() -> Outcome:
        until = [seconds(k + 1) for k in range(len(STAGES))]
        parts = np.diff([0.0, *until]).tolist()
        return Outcome(until[-1], stages=dict(zip(STAGES, parts, strict=True)))

    for k in range(len(STAGES)):
        seconds(k + 1, 1)
    return run


def train(points: str, weights: str, side: int, iterations: int) -> Callable[[], Outcome]:
    """Time the same training by kohorte's online trainer, which stores no distances."""
    data, start, lattice = np.load(points), np.load(weights), Lattice(side, side)

    def run(iterations: int = iterations) -> Outcome:
        begin = perf_counter()
        train_online(data, lattice, start, epochs=iterations, order="sequential", **SETTINGS)
        return Outcome(perf_counter() - begin)

    run(1)
    return run


def batch(
    points: str, weights: str, side: int, iterations: int, threads: int, backend: str = "numba"
) -> Callable[[], Outcome]:
    """Time as many epochs of batch training, with the same kernel and radii."""
    data, start, lattice = np.load(points), np.load(weights), Lattice(side, side)
    rates = ("alpha", "final_alpha", "learning_rate")
    options = {name: value for name, value in SETTINGS.items() if name not in rates}
    options |= {"epochs": iterations, "threads": threads, "backend": backend}

    run = timed(lambda: train_batch(data, lattice, start, **options))
    run()
    return run


#: Name -> task.
TASKS = by_name(time_stages, train, batch, find_accelerator)
