"""Winners and batch training on the device that JAX finds, for several realizations at once.

Importing this module imports JAX; nothing else in kohorte.maps does.

What is the same
    The same call gives the same bits on the same device. Sums over points are exact, in integers:
    neither the order in which a device adds nor the size of blocks has any influence on them, where
    atomic additions of floating-point numbers on a GPU, or longer blocks, would change their
    digits. A realization has the same bits alone and beside any others: all are trained in lanes
    whose number follows from the sizes of table and map, the last filled up. What is left to
    rounding is the choice between two nodes that are equally near within
    the rounding of float32, which may fall differently for another size of blocks, another device
    or another backend. Points and weights on a common grid of few digits (integers, say) are
    compared without rounding: of equal distances the lowest index wins.

What limits it
    A search takes 2 N M F operations, and writes and reads each of the N M values that it compares
    once, block by block: 8 bytes each (`search_work`). The products are in float32 proper, not in
    the short formats of tensor cores, whose rounding would move points to other nodes. So an
    accelerator with 20 operations per byte of memory traffic (67e12 a second and 3.3e12 bytes on
    an H100) is limited by its memory below some 80 features and by arithmetic above. Manhattan and
    Chebyshev distances are no products: they keep a block in memory and pass over it once for
    every UNROLLED features. The sums of an epoch are N F integer additions, and its smoothing is
    2 M^2 F operations in float64: both are small beside the search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kohorte._arrays import as_points, as_weights
from kohorte._checks import as_count, extra
from kohorte.errors import ConfigError
from kohorte.maps._jax_metrics import UNROLLED, Kind, distances, kind_of
from kohorte.maps.lattice import Lattice
from kohorte.maps.neighbourhood import SMALLEST_SUPPORT, Neighbourhood
from kohorte.maps.parameters import check_averaging
from kohorte.maps.winners import has_missing

with extra("jax"):
    import jax
    import jax.numpy as jnp
    from jax import Array, lax

#: Default size of a block on a CPU, which is fastest where a block stays in its cache.
CACHE_BYTES = 1 << 22

#: Default size of a block on accelerators, large against what starting a computation costs.
BLOCK_BYTES = 1 << 28

#: Realizations that an accelerator trains side by side, where one does not keep it busy.
LANES = 8

#: Pairs of points and nodes that keep an accelerator busy.
_BUSY = 1 << 26

_GROUP = 64
_SUM_BITS = 62
_HIGHEST = lax.Precision.HIGHEST

# Trying out which matrix product is fastest would make rounding depend on timing.
_compiled = partial(
    jax.jit,
    compiler_options={"xla_gpu_deterministic_ops": True, "xla_gpu_enable_triton_gemm": False},
)


def search_winners(
    features: ArrayLike,
    weights: ArrayLike,
    *,
    metric: str = "euclidean",
    rows_per_block: int | None = None,
) -> np.ndarray:
    """Return the index of the node nearest to each row, (N,) int32; the lowest on a tie.

    Distances are those of `kohorte.maps.metrics`, in float32; of two nodes that are equally near
    within rounding either may win, see above. `features` are (N, F), NaN where a value is missing,
    `weights` (M, F). `rows_per_block` points are compared with all nodes at a time; by default as
    many as BLOCK_BYTES hold, on a CPU CACHE_BYTES. ConfigError for an unknown metric or
    rows_per_block < 1, DataError for tables that cannot be used.
    """
    points = as_points(features, missing=True)
    nodes = np.empty(len(points), np.int32)
    for rows, found in _in_blocks(_winners, points, weights, metric, rows_per_block):
        nodes[rows] = found
    return nodes


def search_two_winners(
    features: ArrayLike,
    weights: ArrayLike,
    *,
    metric: str = "euclidean",
    rows_per_block: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the two nodes nearest to each row, (N, 2) int32, and their distances.

    As search_winners, the nearest first. The distances, (N, 2) float32, are computed anew, from
    differences. A map of one node has no second winner: -1, at infinite distance.
    """
    points = as_points(features, missing=True)
    nodes = np.empty((len(points), 2), np.int32)
    distances = np.empty(nodes.shape, np.float32)
    for rows, found in _in_blocks(_two_winners, points, weights, metric, rows_per_block):
        nodes[rows], distances[rows] = found
    return nodes, distances


def train_stack(
    features: ArrayLike,
    lattice: Lattice,
    weights: ArrayLike,
    *,
    radii: ArrayLike,
    kernel: str = "gaussian",
    kernel_distance: str = "euclidean",
    metric: str = "euclidean",
    observer: Callable[[int, np.ndarray], bool] | None = None,
    block_bytes: int | None = None,
) -> np.ndarray:
    """Return weights after a batch epoch with each radius; float32, in the shape of `weights`.

    What an epoch does: see `kohorte.maps.batch.train_batch`. Several realizations, which share
    points, lattice and kernel, train at once, each to the bits that it has alone. Features are
    summed as integers, in a unit that is the largest magnitude of the feature over 2^42 for 1e6
    points and over 2^35 for 1e8, where float32 has 2^24. Smoothing is in float64.

    The device holds all `features` (N, F), NaN where a value is missing. `weights` are (M, F), or
    (R, M, F) for R realizations; `radii` those of each epoch, (E,), or (R, E) for each realization
    its own. `observer(e, weights)` is called when e = 1..E epochs are done, with weights of the
    shape given; True ends the training. The search uses about `block_bytes` of device memory beside
    points and weights; by default BLOCK_BYTES, on a CPU CACHE_BYTES. ConfigError for arguments out
    of range, DataError for tables that cannot be used.
    """
    kind = kind_of(metric)
    check_averaging(kernel)
    points = as_points(features, missing=True)
    trained, radii = _realizations(weights, radii, lattice, points.shape[1])
    n_realizations, n_epochs = radii.shape
    shape = np.shape(weights)
    missing = has_missing(points)
    offsets, strengths = _kernel_values(Neighbourhood(lattice, kernel, kernel_distance), radii)
    point_bytes = _point_bytes(trained.shape[1:], kind, missing) + 16 * points.shape[1]
    lanes = _count_lanes(len(points) * lattice.n_nodes)
    # Filled up with the last realization: what is compiled, and so the rounding, stays the same.
    lane = np.minimum(np.arange(-(-n_realizations // lanes) * lanes), n_realizations - 1)
    run = partial(
        _run_epochs,
        scores=kind.scores,
        missing=missing,
        sides=(lattice.xdim, lattice.ydim),
        rows=_rows_in(block_bytes, lanes * point_bytes, len(points)),
        nodes=_rows_in(block_bytes, 8 * lanes * lattice.n_nodes, lattice.n_nodes),
    )
    groups = lane.reshape(-1, lanes)
    with jax.enable_x64(True):
        table = jax.device_put((points, _units(points), offsets))
        stacks = [jax.device_put((strengths[:, group], trained[group])) for group in groups]

    def collect() -> np.ndarray:
        weights = np.concatenate([np.asarray(weights) for _, weights in stacks])
        return weights[:n_realizations].reshape(shape)

    parts = [(0, n_epochs)] if observer is None else [(e, e + 1) for e in range(n_epochs)]
    for first, stop in parts:
        with jax.enable_x64(True):
            stacks = [(of_lane, run(*table, of_lane, w, first, stop)) for of_lane, w in stacks]
        if observer and observer(stop, collect()):
            break
    return collect()


def _count_lanes(pairs: int) -> int:
    """Realizations that are trained side by side, from the pairs of points and nodes of one."""
    return 1 if jax.default_backend() == "cpu" else max(1, min(LANES, _BUSY // max(pairs, 1)))


def search_work(n_points: int, n_nodes: int, n_features: int, metric: str) -> tuple[int, int]:
    """Return the arithmetic operations, and the bytes read and written, of a search for winners.

    A multiplication or a difference, and the addition of its result, are two operations. Divided
    by the seconds that a search takes they compare with the peaks of a device.
    """
    passes = -(-n_features // UNROLLED) if kind_of(metric).by_difference else 1
    pairs = n_points * n_nodes
    return 2 * pairs * n_features, 8 * pairs * passes + 4 * n_points * n_features


# ---- winners


def _nearest(scores: Array) -> Array:
    """Column of the smallest score of each row, the first of equals; (n,) int32.

    In two steps, by groups of columns: the smallest of a group vectorises, its place does not.
    """
    padding = ((0, 0), (0, -scores.shape[1] % _GROUP))
    groups = jnp.pad(scores, padding, constant_values=jnp.inf).reshape(len(scores), -1, _GROUP)
    group = jnp.argmin(groups.min(axis=2), axis=1)
    inside = jnp.take_along_axis(groups, group[:, None, None], axis=1, mode="clip")[:, 0]
    return (group * _GROUP + jnp.argmin(inside, axis=1)).astype(jnp.int32)


@partial(_compiled, static_argnames=("metric", "missing"))
def _winners(points: Array, weights: Array, *, metric: str, missing: bool) -> Array:
    return _nearest(kind_of(metric).scores(points, weights, missing))


@partial(_compiled, static_argnames=("metric", "missing"))
def _two_winners(
    points: Array, weights: Array, *, metric: str, missing: bool
) -> tuple[Array, Array]:
    scores = kind_of(metric).scores(points, weights, missing)
    first = _nearest(scores)
    taken = lax.broadcasted_iota(jnp.int32, scores.shape, 1) == first[:, None]
    nodes = jnp.stack([first, _nearest(jnp.where(taken, jnp.inf, scores))], axis=1)
    lengths = distances(points[:, None], weights[nodes], metric)
    if len(weights) == 1:
        nodes, lengths = nodes.at[:, 1].set(-1), lengths.at[:, 1].set(jnp.inf)
    return nodes, lengths


def _in_blocks(
    block_search: Callable[..., Any],
    points: np.ndarray,
    weights: ArrayLike,
    metric: str,
    rows_per_block: int | None,
) -> Iterator[tuple[slice, Any]]:
    """Pairs of rows (a slice) and what `block_search` finds for these points."""
    kind = kind_of(metric)
    weights = as_weights(weights, n_features=points.shape[1])
    missing = has_missing(points)
    if rows_per_block is None:
        size = _rows_in(None, _point_bytes(weights.shape, kind, missing), len(points))
    else:
        size = min(as_count(rows_per_block, "rows_per_block", 1), len(points))
    nodes = jax.device_put(weights)
    previous: tuple[slice, Any] | None = None
    for start in range(0, len(points), size):
        # The last block reaches back, so that all have one shape and one compilation.
        start = min(start, len(points) - size)
        rows = slice(start, start + size)
        found = rows, block_search(points[rows], nodes, metric=metric, missing=missing)
        # One behind: the device does not wait for the host, nor does a queue of blocks grow.
        if previous:
            yield previous
        previous = found
    if previous:
        yield previous


def _point_bytes(shape: tuple[int, ...], kind: Kind, missing: bool) -> int:
    """Device memory of one point in a block of a search for the winners among (M, F) weights."""
    n_nodes, n_features = shape
    tables = 2 if missing and not kind.by_difference else 1
    return 4 * (tables * n_nodes + 2 * n_features)


def _rows_in(block_bytes: int | None, row_bytes: int, n_rows: int) -> int:
    """Rows of a block, at most n_rows."""
    if block_bytes is None:
        block_bytes = CACHE_BYTES if jax.default_backend() == "cpu" else BLOCK_BYTES
    return min(max(1, as_count(block_bytes, "block_bytes", 1) // row_bytes), n_rows)


# ---- training


@partial(_compiled, static_argnames=("scores", "missing", "sides", "rows", "nodes"))
def _run_epochs(
    points: Array,
    units: Array,
    offsets: Array,
    strengths: Array,
    weights: Array,
    first: int,
    stop: int,
    *,
    scores: Callable[[Array, Array, bool], Array],
    missing: bool,
    sides: tuple[int, int],
    rows: int,
    nodes: int,
) -> Array:
    """Weights (R, M, F) after the epochs first..stop-1; to be called with 64-bit types enabled.

    units: see _units. offsets, strengths: see _kernel_values. sides: xdim and ydim. scores: see
    Kind. rows: points of a block of the search; nodes: those of the smoothing.
    """

    def epoch(e: Array, weights: Array) -> Array:
        sums = _node_sums(points, units, weights, scores, missing, rows)

        def means(sums: Array, strengths: Array, weights: Array) -> Array:
            smoothed = _smooth(sums.astype(jnp.float64), strengths[offsets], sides, nodes)
            totals, counts = jnp.split(smoothed, [weights.shape[1]], axis=1)
            supported = counts >= SMALLEST_SUPPORT
            means = totals * units / jnp.where(supported, counts, 1.0)
            return jnp.where(supported, means, weights).astype(jnp.float32)

        return jax.vmap(means)(sums, strengths[e], weights)

    return lax.fori_loop(first, stop, epoch, weights)


def _node_sums(
    points: Array,
    units: Array,
    weights: Array,
    scores: Callable[[Array, Array, bool], Array],
    missing: bool,
    rows: int,
) -> Array:
    """Sum up the points of each node, in units, and count them; (R, M, F + 1 or 2 F) int64.

    Where values are missing, every feature's present ones are counted.
    """
    n_points, n_features = points.shape
    n_realizations, n_nodes, _ = weights.shape

    def add_block(k: Array, sums: Array) -> Array:
        # The last block reaches back, over points that have been counted.
        start = jnp.minimum(k * rows, n_points - rows)
        block = lax.dynamic_slice_in_dim(points, start, rows)
        present = ~jnp.isnan(block) if missing else jnp.ones((rows, 1), bool)
        values = jnp.rint(jnp.where(present, block, 0.0) / units)
        terms = jnp.concatenate([values.astype(jnp.int64), present], axis=1)
        terms *= (start + jnp.arange(rows) >= k * rows)[:, None]

        def add(sums: Array, weights: Array) -> Array:
            winners = _nearest(scores(block, weights, missing))
            return sums.at[winners].add(terms, mode="promise_in_bounds")

        return jax.vmap(add)(sums, weights)

    columns = 2 * n_features if missing else n_features + 1
    sums = jnp.zeros((n_realizations, n_nodes, columns), jnp.int64)
    return lax.fori_loop(0, -(-n_points // rows), add_block, sums)


def _smooth(sums: Array, table: Array, sides: tuple[int, int], nodes: int) -> Array:
    """Sum h(j, i) sums[j] over the nodes j, for every node i, where h is a table by offset."""
    xdim, ydim = sides

    def smooth(node: Array) -> Array:
        x, y = node % xdim, node // xdim
        start = (y % 2, ydim - 1 - y, xdim - 1 - x)
        kernel = lax.dynamic_slice(table, start, (1, ydim, xdim))
        return jnp.dot(kernel.reshape(-1), sums, precision=_HIGHEST)

    return lax.map(smooth, jnp.arange(xdim * ydim), batch_size=nodes)


def _units(points: np.ndarray) -> np.ndarray:
    """Per feature the power of two such that N values in this unit sum to at most 2^62; float64."""
    largest = np.fmax(np.fmax.reduce(points, axis=0), -np.fmin.reduce(points, axis=0))
    # NaN for a feature that no point has.
    exponents = np.frexp(np.nan_to_num(largest, nan=0.0))[1]
    return np.ldexp(1.0, exponents - (_SUM_BITS - len(points).bit_length()))


def _kernel_values(
    neighbourhood: Neighbourhood, radii: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel by offset, for every radius: strengths[e, r][offsets] is the table.

    offsets: int32 in the shape of Neighbourhood.table; strengths: (E, R, U) float64, of the U
    different lattice distances.
    """
    distances = neighbourhood.lattice.offset_distances(neighbourhood.kernel_distance)
    _, first, offsets = np.unique(distances, return_index=True, return_inverse=True)
    strengths = [[neighbourhood.table(n).ravel()[first] for n in column] for column in radii.T]
    return offsets.reshape(distances.shape).astype(np.int32), np.array(strengths)


def _realizations(
    weights: ArrayLike, radii: ArrayLike, lattice: Lattice, n_features: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weights as (R, M, F) float32 and radii as (R, E) float64, checked against each other."""
    stack, radii = np.asarray(weights), np.asarray(radii, dtype=np.float64)
    single = stack.ndim != 3
    if single:
        stack = stack[None]
    if len(stack) == 0:
        raise ConfigError("weights holds no realization; give at least one")
    stack = np.stack([as_weights(one, lattice.n_nodes, n_features) for one in stack])
    shared = radii.ndim == 1
    own = radii.ndim == 2 and not single and len(radii) == len(stack)
    if not (shared or own) or radii.shape[-1] == 0:
        shapes = "(E,)" if single else f"(E,) or ({len(stack)}, E)"
        raise ConfigError(f"radii must have shape {shapes} with E >= 1, got {radii.shape}")
    return stack, np.broadcast_to(radii, (len(stack), radii.shape[-1]))
