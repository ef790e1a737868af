"""Online training in the three kernels of the published parallel map, by numba and by JAX.

A step has three kernels: distances of one point to all nodes, which are stored; the node at the
least of them; the move of all nodes. Here they are functions that hand over arrays, on one core or
on the device of JAX. See kohorte_benchmarks.stages.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from kohorte.maps.lattice import Lattice
from kohorte.maps.neighbourhood import Neighbourhood
from kohorte.maps.schedules import Radii, learning_rates

if TYPE_CHECKING:
    import jax

#: Arguments of online training; the first radius is half of the side. The source leaves open the
#: ends of rate and radius and the curve of the radius; they are chosen here.
SETTINGS: dict[str, Any] = {
    "alpha": 0.5,
    "final_alpha": 0.005,
    "learning_rate": "inverse_time",
    "final_radius": 1.0,
    "radius_schedule": "exponential",
    "kernel": "gaussian",
    "kernel_distance": "euclidean",
    "metric": "manhattan",
}


def train_in_kernels(
    points: np.ndarray, lattice: Lattice, weights: np.ndarray, iterations: int, n_stages: int = 3
) -> tuple[np.ndarray, float, int]:
    """Train online in three kernels, by numba on one core.

    `points`, (N, F) float32, are taken in their order; `weights`, (M, F), are not changed. Each
    step stops after `n_stages`; only after the third have weights moved.

    Returns the weights (M, F), the sum over the steps t of the distance to node t mod M, and the
    sum of the winners; the latter two tell that all was computed.
    """
    moved = np.ascontiguousarray(weights.T, dtype=np.float32)
    distances = np.empty(lattice.n_nodes, np.float32)
    some, found = 0.0, 0
    for table in _tables(lattice, iterations) if n_stages == 3 else [_NO_TABLE] * iterations:
        sums = _steps(points, moved, distances, table, lattice.xdim, lattice.ydim, n_stages)
        some, found = some + sums[0], found + sums[1]
    return np.ascontiguousarray(moved.T), some, found


def train_on_device(
    points: np.ndarray, lattice: Lattice, weights: np.ndarray, iterations: int, n_stages: int = 3
) -> tuple[np.ndarray, float, int]:
    """Do as train_in_kernels, by JAX on its device, one pass over the points a call."""
    import jax

    data, moved = jax.device_put((points, weights.T.astype(np.float32)))
    sums = []
    for table in _tables(lattice, iterations) if n_stages == 3 else [_NO_TABLE] * iterations:
        *sums_of_pass, moved = _device_pass(lattice.xdim, lattice.ydim, n_stages)(
            data, moved, table
        )
        sums.append(sums_of_pass)
    moved = np.asarray(moved)
    some, found = (sum(x.item() for x in column) for column in zip(*sums, strict=True))
    return np.ascontiguousarray(moved.T), some, found


#: Backend -> function(points, lattice, weights, iterations, n_stages).
TRAIN = {"numba": train_in_kernels, "jax": train_on_device}

_NO_TABLE = np.zeros((1, 1), np.float32)

#: Nodes that are looked through at once for the least distance.
_BLOCK = 64


def _tables(lattice: Lattice, iterations: int) -> Iterator[np.ndarray]:
    """Yield rate times kernel by offset, (2 Y - 1, 2 X - 1) float32, of each pass."""
    neighbourhood = Neighbourhood(lattice, SETTINGS["kernel"], SETTINGS["kernel_distance"])
    names = ("learning_rate", "alpha", "final_alpha")
    name, alpha, final = (SETTINGS[key] for key in names)
    rates = learning_rates(name, 0, iterations, iterations, alpha, final)
    curve, last = SETTINGS["radius_schedule"], SETTINGS["final_radius"]
    radii = Radii(lattice.xdim, lattice.ydim, iterations, curve, last=last).at(0, iterations)
    for radius, rate in zip(radii, rates, strict=True):
        yield neighbourhood.table(radius, rate)[0].astype(np.float32)


@njit(nogil=True, cache=True)
def _find_distances(point: np.ndarray, weights: np.ndarray, distances: np.ndarray) -> None:
    distances[:] = 0
    for f in range(point.size):
        p, w = point[f], weights[f]
        for i in range(distances.size):
            distances[i] += abs(w[i] - p)


@njit(nogil=True, cache=True)
def _find_winner(distances: np.ndarray) -> int:
    # Bits of numbers >= 0 are in the order of these, and as integers vector instructions take them.
    bits = distances.view(np.int32)
    least = bits[0]
    for i in range(bits.size):
        least = min(least, bits[i])
    for start in range(0, bits.size, _BLOCK):
        stop = min(start + _BLOCK, bits.size)
        equal = 0
        for i in range(start, stop):
            equal += bits[i] == least
        if equal > 0:
            for i in range(start, stop):
                if bits[i] == least:
                    return i
    return -1


@njit(nogil=True, cache=True)
def _update(
    point: np.ndarray, weights: np.ndarray, winner: int, table: np.ndarray, xdim: int, ydim: int
) -> None:
    x, y = winner % xdim, winner // xdim
    for f in range(point.size):
        p = point[f]
        for row in range(ydim):
            h = table[ydim - 1 + row - y, xdim - 1 - x : 2 * xdim - 1 - x]
            w = weights[f, row * xdim : (row + 1) * xdim]
            for i in range(xdim):
                w[i] -= h[i] * (w[i] - p)


@njit(nogil=True, cache=True)
def _steps(
    points: np.ndarray,
    weights: np.ndarray,
    distances: np.ndarray,
    table: np.ndarray,
    xdim: int,
    ydim: int,
    n_stages: int,
) -> tuple[float, int]:
    """Make one pass; returns the sums of train_in_kernels."""
    some, found = 0.0, 0
    for step in range(points.shape[0]):
        point = points[step]
        _find_distances(point, weights, distances)
        some += distances[step % distances.size]
        if n_stages == 1:
            continue
        winner = _find_winner(distances)
        found += winner
        if n_stages == 2:
            continue
        _update(point, weights, winner, table, xdim, ydim)
    return some, found


@functools.cache
def _device_pass(xdim: int, ydim: int, n_stages: int) -> Callable[..., Any]:
    """Compile function(points, weights (F, M), table) -> sums and weights after a pass."""
    import jax

    return jax.jit(functools.partial(_pass, xdim=xdim, ydim=ydim, n_stages=n_stages))


def _pass(
    points: jax.Array, weights: jax.Array, table: jax.Array, *, xdim: int, ydim: int, n_stages: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    import jax.numpy as jnp
    from jax import lax

    def step(
        t: jax.Array, carried: tuple[jax.Array, jax.Array, jax.Array]
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        some, found, moved = carried
        point = points[t]
        # The barriers keep the stages kernels of their own, as they are in what is compared.
        distances = lax.optimization_barrier(jnp.abs(moved - point[:, None]).sum(axis=0))
        some += distances[t % (xdim * ydim)]
        if n_stages == 1:
            return some, found, moved
        winner = lax.optimization_barrier(jnp.argmin(distances))
        found += winner.astype(found.dtype)
        if n_stages == 2:
            return some, found, moved
        corner = (ydim - 1 - winner // xdim, xdim - 1 - winner % xdim)
        strength = lax.dynamic_slice(table, corner, (ydim, xdim)).ravel()
        return some, found, moved - strength * (moved - point[:, None])

    # Winners of a pass fit into int32 up to 8e5 points on 50 x 50 nodes; float32 sums are a check.
    start = (jnp.float32(0), jnp.int32(0), weights)
    return lax.fori_loop(0, points.shape[0], step, start)
