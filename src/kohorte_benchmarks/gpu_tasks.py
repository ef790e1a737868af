"""Tasks that the check of a GPU times beside those of `tasks` and `map_tasks`."""

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from kohorte.ensemble import accelerated
from kohorte.ensemble.labels import find_ids
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.errors import ResultError
from kohorte.maps.lattice import Lattice
from kohorte_benchmarks.serving import Outcome, by_name, timed
from kohorte_benchmarks.workloads import make_labels


def find_device() -> Callable[[], Outcome]:
    """Answer with the name of what JAX computes on, whatever it is."""

    def run() -> Outcome:
        import jax

        device = jax.devices()[0]
        return Outcome(0.0, f"{device.platform}: {device.device_kind}")

    return run


def multiply(kind: str, side: int, repeats: int) -> Callable[[], Outcome]:
    """Time 10^9 multiply-adds of a product of square matrices by JAX, of a kind of PRODUCTS."""
    import jax
    import jax.numpy as jnp

    numbers, total, precision = PRODUCTS[kind]
    pair = np.random.default_rng(0).integers(-8, 8, (2, side, side))
    a, b = (jax.device_put(x).astype(numbers) for x in pair.astype(np.int8))
    product = jax.jit(
        lambda a, b: jnp.matmul(a, b, precision=precision, preferred_element_type=total)
    )
    product(a, b).block_until_ready()

    def work() -> None:
        for _ in range(repeats):
            out = product(a, b)
        out.block_until_ready()

    return timed(work, repeats * side**3 / 1e9)


def copy_to_device(n_bytes: int) -> Callable[[], Outcome]:
    """Time copying 10^9 bytes of labels from memory to the device."""
    import jax

    values = np.ones(n_bytes, np.uint8)
    run = timed(lambda: jax.block_until_ready(jax.device_put(values)), n_bytes / 1e9)
    run()
    return run


def count_in_all_ways(
    realizations: list[int], threads: int, n_points: int, n_clusters: int
) -> Callable[[], Outcome]:
    """Time all ways to count, from labels in memory, for the first so many realizations each.

    One process makes the labels, which takes longer than to count them. The stages are
    ``<realizations>: <way>``; the ways must agree, else ResultError is raised.
    """
    labels = make_labels(n_points, max(realizations), n_clusters)
    arrays = list(labels)
    ids = [find_ids(label, r) for r, label in enumerate(labels)]

    def by_method(name: str, r: int) -> np.ndarray:
        method, rows = accelerated.METHODS[name], accelerated.lay_out(ids[:r], 0)
        return method(rows, arrays[:r], ids[:r], threads)

    def by_backend(name: str, r: int) -> np.ndarray:
        return count_overlaps(labels[:r], backend=name, threads=threads).counts

    ways: dict[str, Callable[[int], np.ndarray]] = {
        f"numba, {threads} threads": partial(by_backend, "numba"),
        "jax": partial(by_backend, "jax"),
        "jax, products": partial(by_method, "products"),
        "jax, population counts": partial(by_method, "population counts"),
    }

    def run() -> Outcome:
        stages: dict[str, float] = {}
        for r in realizations:
            found = []
            for name, way in ways.items():
                begin = perf_counter()
                found.append(way(r))
                stages[f"{r}: {name}"] = perf_counter() - begin
            for name, counts in zip(ways, found, strict=True):
                if not np.array_equal(counts, found[0]):
                    raise ResultError(f"counts of {r} realizations by {name} differ")
        return Outcome(sum(stages.values()), stages=stages)

    run()
    return run


def train_side_by_side(
    points: str, weights: str, xdim: int, ydim: int, epochs: int, n_maps: int
) -> Callable[[], Outcome]:
    """Time an epoch of one map where so many are trained at once."""
    from kohorte.maps._jax import train_stack

    data, start, lattice = np.load(points), np.load(weights), Lattice(xdim, ydim)
    starts = np.stack([np.roll(start, k, axis=0) for k in range(n_maps)])
    radii = np.geomspace(max(xdim, ydim) / 2, 1, epochs + 1)

    def seconds(epochs: int) -> float:
        begin = perf_counter()
        train_stack(
            data, weights=starts, lattice=lattice, radii=np.tile(radii[:epochs], (n_maps, 1))
        )
        return perf_counter() - begin

    def run() -> Outcome:
        return Outcome((seconds(epochs + 1) - seconds(1)) / (epochs * n_maps))

    run()
    return run


def place_softly(
    points: str, weights: str, xdim: int, ydim: int, slopes: bool
) -> Callable[[], Outcome]:
    """Time the soft positions of all points on the map, with their slopes by the weights or not."""
    import equinox as eqx
    import jax

    from kohorte.maps.soft import SoftMap, places_of

    layer = SoftMap(np.load(weights), places_of(Lattice(xdim, ydim)), 10.0, learns_weights=True)
    table = np.load(points)
    data = jax.device_put(table.reshape(-1, _SOFT_ROWS, table.shape[1]))

    def total(layer: Any, rows: Any) -> Any:
        return jax.vmap(layer)(rows).sum()

    once = eqx.filter_jit(eqx.filter_grad(total) if slopes else total)

    def work() -> None:
        jax.block_until_ready([once(layer, rows) for rows in data])

    work()
    return timed(work)


#: Points whose soft positions are computed at once.
_SOFT_ROWS = 10_000

#: Kind -> types of numbers and of their sums, and precision of the product.
PRODUCTS: dict[str, tuple[Any, Any, str | None]] = {
    "float32": (np.float32, np.float32, "highest"),
    "8-bit integers": (np.int8, np.int32, None),
}

#: Name -> task.
TASKS = by_name(
    *(find_device, multiply, copy_to_device, count_in_all_ways),
    *(train_side_by_side, place_softly),
)
