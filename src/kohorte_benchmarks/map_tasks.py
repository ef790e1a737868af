"""Tasks that the benchmark of the maps times, in processes of their own: kohorte, and NumPy.

Every task reads points (N, F) and weights (M, F), float32, from .npy files, compiles by running
once, small, and returns a function that runs it and measures itself. The tasks of other packages
are in map_peers.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from kohorte.maps.batch import train_batch
from kohorte.maps.lattice import Lattice
from kohorte.maps.online import train_online
from kohorte.maps.realization import MapParameters, run_realization
from kohorte.maps.schedules import learning_rates, reference_radius
from kohorte.maps.winners import find_two_winners, find_winners
from kohorte_benchmarks import limits, online_steps
from kohorte_benchmarks.serving import Outcome, by_name, peak_mb, timed

#: First learning rate of all online training here.
ALPHA = 0.5

#: Side of the matrices whose product is the limit of arithmetic.
PRODUCT_SIDE = 2048

#: Bytes that are read for the limit of memory; no cache holds them.
READ_BYTES = 2**28

#: Kind of step -> function that trains with it.
STEPS: dict[str, Callable[..., np.ndarray]] = {
    "published": online_steps.train_as_published,
    "numpy": online_steps.train_in_numpy,
    "leaner": online_steps.train_leaner,
}


def train(points: str, weights: str, xdim: int, ydim: int, steps: int) -> Callable[[], Outcome]:
    """Time one step of online training with the reference schedule.

    Training itself draws the order of whole passes; the order of fewer steps is drawn beforehand,
    so that they do not bear the cost of a pass.
    """
    data, start, lattice = np.load(points), np.load(weights), Lattice(xdim, ydim)
    drawn = np.random.default_rng(0).integers(len(data), size=min(steps, len(data)))

    def run(steps: int = steps) -> Outcome:
        order: str | np.ndarray = "shuffled" if steps >= len(data) else drawn
        rng = np.random.default_rng(0)
        begin = perf_counter()
        train_online(data, lattice, start, steps=steps, alpha=ALPHA, order=order, rng=rng)
        return Outcome((perf_counter() - begin) / steps)

    run(100)
    return run


def train_stepwise(
    points: str, weights: str, xdim: int, ydim: int, steps: int, kind: str
) -> Callable[[], Outcome]:
    """Time what the task ``train`` does, by NumPy in the loop of STEPS of that kind."""
    data, start = np.load(points), np.load(weights)

    def run(steps: int = steps) -> Outcome:
        order = np.random.default_rng(0).integers(len(data), size=steps)
        radii = reference_radius(xdim, ydim, steps).at(0, steps)
        rates = learning_rates("decay", 0, steps, steps, ALPHA)
        begin = perf_counter()
        STEPS[kind](data, start, order, radii, rates, xdim)
        return Outcome((perf_counter() - begin) / steps)

    run(10)
    return run


def train_memory(
    points: str, weights: str, xdim: int, ydim: int, steps: int
) -> Callable[[], Outcome]:
    """Time reading and training; the answer is how far memory grew, over data and weights."""
    lattice, small = Lattice(xdim, ydim), np.load(points, mmap_mode="r")[:100]
    options: dict[str, Any] = {"steps": steps, "alpha": ALPHA, "rng": np.random.default_rng(0)}
    train_online(small, lattice, np.load(weights), **options)

    def run() -> Outcome:
        before = _reset_peak()
        begin = perf_counter()
        data, start = np.load(points), np.load(weights)
        train_online(data, lattice, start, **options)
        seconds = perf_counter() - begin
        growth = (peak_mb() - before) * 1e6 / (data.nbytes + start.nbytes)
        return Outcome(seconds, answer=repr(growth))

    return run


def whole_job(points: str, xdim: int, ydim: int, steps: int) -> Callable[[], Outcome]:
    """Time the way from points in memory to clusters, labels and quality, on one thread."""

    def run(rows: int | None = None, steps: int = steps) -> Outcome:
        data = np.load(points)[:rows]
        parameters = MapParameters(xdim=xdim, ydim=ydim, steps=steps, alpha=ALPHA)
        begin = perf_counter()
        realization = run_realization(data, parameters, 0)
        return Outcome(perf_counter() - begin, stages=dict(realization.seconds))

    run(rows=100, steps=100)
    return run


def find(
    points: str,
    weights: str,
    threads: int,
    output: str | None = None,
    searches: int = 1,
    xdim: int | None = None,
    ydim: int = 1,
    two: bool = False,
    clock: str = "perf_counter",
) -> Callable[[], Outcome]:
    """Time one search for the winners of all points, as the mean of several in a row.

    With the sides of the lattice the search need not look at all nodes; ``two`` finds the second
    nodes and distances, too. The winners are left in the file ``output`` if one is given. Threads
    of other processes go on for some milliseconds after their turn, waiting for work: a single
    short search would share its cores with them. ``clock`` as in ``batch``.
    """
    search: Callable = find_two_winners if two else find_winners
    lattice = None if xdim is None else Lattice(xdim, ydim)
    search = partial(search, lattice=lattice, threads=threads)
    return _search(search, points, weights, output, searches, getattr(time, clock))


def find_on_device(points: str, weights: str, output: str | None = None) -> Callable[[], Outcome]:
    """Time what the task ``find`` does, by JAX."""
    from kohorte.maps import _jax

    return _search(_jax.search_winners, points, weights, output, 1)


def _search(
    search: Callable,
    points: str,
    weights: str,
    output: str | None,
    searches: int,
    clock: Callable[[], float] = perf_counter,
) -> Callable[[], Outcome]:
    data, nodes = np.load(points), np.load(weights)
    found = search(data, nodes)
    if output is not None:
        np.save(output, found)

    def work() -> None:
        for _ in range(searches):
            search(data, nodes)

    return timed(work, searches, clock)


def batch(
    points: str,
    weights: str,
    xdim: int,
    ydim: int,
    epochs: int,
    threads: int,
    backend: str = "numba",
    rows: int | None = None,
    topology: str = "rectangular",
    periodic: bool = False,
    metric: str = "euclidean",
    clock: str = "perf_counter",
) -> Callable[[], Outcome]:
    """Time one epoch of batch training: the time that more epochs take longer than one.

    The schedule is the one of map_peers. ``rows`` is the number of points taken, the first ones;
    None takes all. ``clock`` is the function of the module time that tells the seconds.
    """
    data, start = np.array(np.load(points, mmap_mode="r")[:rows]), np.load(weights)
    lattice, now = Lattice(xdim, ydim, topology, periodic), getattr(time, clock)
    options: dict[str, Any] = {"radius_schedule": "exponential", "metric": metric}
    options |= {"threads": threads, "backend": backend}

    def seconds(epochs: int) -> float:
        begin = now()
        train_batch(data, lattice, start, epochs=epochs, **options)
        return now() - begin

    def run() -> Outcome:
        once = seconds(1)
        return Outcome((seconds(1 + epochs) - once) / epochs)

    seconds(2)
    return run


def multiply(threads: int) -> Callable[[], Outcome]:
    """Time 10^9 fused multiply-adds: a product of float32 matrices by NumPy's BLAS."""
    a, b = np.random.default_rng(0).random((2, PRODUCT_SIDE, PRODUCT_SIDE), dtype=np.float32)
    out = np.empty_like(a)

    once = timed(lambda: np.matmul(a, b, out=out), PRODUCT_SIDE**3 / 1e9)

    def run() -> Outcome:
        with threadpool_limits(threads):
            return once()

    run()
    return run


def read(threads: int) -> Callable[[], Outcome]:
    """Time reading 10^9 bytes from memory."""
    values = np.ones(READ_BYTES, dtype=np.uint8)
    limits.read_memory(values, threads)

    return timed(lambda: limits.read_memory(values, threads), READ_BYTES / 1e9)


def multiply_on_device() -> Callable[[], Outcome]:
    """Time what the task ``multiply`` does, by JAX on its device, without shortened floats."""
    import jax

    pair = np.random.default_rng(0).random((2, PRODUCT_SIDE, PRODUCT_SIDE), dtype=np.float32)
    a, b = map(jax.device_put, pair)
    product = jax.jit(lambda a, b: jax.numpy.matmul(a, b, precision="highest"))
    product(a, b).block_until_ready()

    repeats = 20

    def work() -> None:
        for _ in range(repeats):
            out = product(a, b)
        out.block_until_ready()

    return timed(work, repeats * PRODUCT_SIDE**3 / 1e9)


#: Name -> task.
TASKS = by_name(
    *(train, train_stepwise, train_memory, whole_job, find, find_on_device, batch),
    *(multiply, read, multiply_on_device),
)


def _reset_peak() -> float:
    """Forget the process's largest memory so far if the system can; return what is in use."""
    peak = Path("/proc/self/clear_refs")
    if peak.exists():
        peak.write_text("5")
    return peak_mb()
