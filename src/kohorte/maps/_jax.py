"""Winners and batch training on the device that JAX finds, for several realizations at once.

Importing this module imports JAX; nothing else in kohorte.maps does.

What is the same
    The same call gives the same bits on the same device. Sums over points are exact, in integers:
    neither the order in which a device adds nor the size of blocks has any influence on them, where
    atomic additions of floating-point numbers on a GPU, or longer blocks, would change their
    digits. What is left to rounding is the choice between two nodes that are equally near within
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
    every _UNROLLED features. The sums of an epoch are N F integer additions, and its smoothing is
    2 M^2 F operations in float64: both are small beside the search.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from kohorte._arrays import as_points, as_weights
from kohorte._checks import as_count, choose, extra
from kohorte.errors import ConfigError
from kohorte.maps.batch import SMALLEST_SUPPORT
from kohorte.maps.lattice import Lattice
from kohorte.maps.neighbourhood import Neighbourhood, check_averaging
from kohorte.maps.winners import has_missing

with extra("jax"):
    import jax
    import jax.numpy as jnp
    from jax import lax

CACHE_BYTES = 1 << 22
"""Default size of a block on a CPU, which is fastest where a block stays in its cache."""

BLOCK_BYTES = 1 << 28
"""Default size of a block on accelerators, large against what starting a computation costs."""

_GROUP = 64
_UNROLLED = 8
_SUM_BITS = 62
_HIGHEST = lax.Precision.HIGHEST

# Trying out which matrix product is fastest would make rounding depend on timing.
_compiled = partial(
    jax.jit,
    compiler_options={"xla_gpu_deterministic_ops": True, "xla_gpu_enable_triton_gemm": False},
)


def find_winners(
    features, weights, *, metric: str = "euclidean", rows_per_block: int | None = None
) -> np.ndarray:
    """Index of the node nearest to each row; (N,) int32, lowest index on a tie.

    features: (N, F), NaN where a value is missing; weights: (M, F). Distances are those of
    kohorte.maps.metrics, in float32; of two nodes that are equally near within rounding either may
    win, see above. rows_per_block: points that are compared with all nodes at a time; by default
    as many as BLOCK_BYTES hold, on a CPU CACHE_BYTES. Raises ConfigError for an unknown metric or
    rows_per_block < 1, and DataError for tables that cannot be used.
    """
    points = as_points(features, missing=True)
    nodes = np.empty(len(points), np.int32)
    for rows, found in _in_blocks(_winners, points, weights, metric, rows_per_block):
        nodes[rows] = found
    return nodes


def find_two_winners(
    features, weights, *, metric: str = "euclidean", rows_per_block: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The two nodes nearest to each row, (N, 2) int32, and their distances, (N, 2) float32.

    As find_winners, nearest first. The distances are computed anew, from differences. A map of one
    node has no second winner: -1, at infinite distance.
    """
    points = as_points(features, missing=True)
    nodes = np.empty((len(points), 2), np.int32)
    distances = np.empty(nodes.shape, np.float32)
    for rows, found in _in_blocks(_two_winners, points, weights, metric, rows_per_block):
        nodes[rows], distances[rows] = found
    return nodes, distances


def train_batch(
    features,
    lattice: Lattice,
    weights,
    *,
    radii,
    kernel: str = "gaussian",
    kernel_distance: str = "euclidean",
    metric: str = "euclidean",
    observer: Callable[[int, np.ndarray], bool] | None = None,
    block_bytes: int | None = None,
) -> np.ndarray:
    """Weights after a batch epoch with each radius; float32, in the shape of `weights`.

    What an epoch does: see kohorte.maps.batch.train_batch. Several realizations, which share
    points, lattice and kernel, train at once, each as it would alone: the same up to the rounding
    that decides between equally near nodes.

    features: (N, F), NaN where a value is missing; the device holds the whole table.
    weights: (M, F), or (R, M, F) for R realizations.
    radii: radius of each epoch, (E,), or (R, E) for each realization its own.
    observer: called as observer(e, weights) when e = 1..E epochs are done, with weights of the
    shape given; True ends the training.
    block_bytes: about how much device memory the search may use beside points and weights; by
    default BLOCK_BYTES, on a CPU CACHE_BYTES.

    Features are summed as integers, in a unit that is the largest magnitude of the feature over
    2^42 for 1e6 points and over 2^35 for 1e8, where float32 has 2^24. Smoothing is in float64.
    Raises ConfigError for arguments out of range and DataError for tables that cannot be used.
    """
    search = choose(SEARCHES, metric, "metric")
    check_averaging(kernel)
    points = as_points(features, missing=True)
    trained, radii = _realizations(weights, radii, lattice, points.shape[1])
    n_realizations, n_epochs = radii.shape
    missing = has_missing(points)
    offsets, strengths = _kernel_values(Neighbourhood(lattice, kernel, kernel_distance), radii)
    point_bytes = _point_bytes(trained.shape[1:], search, missing) + 16 * points.shape[1]
    run = partial(
        _run_epochs,
        scores=search.scores,
        missing=missing,
        sides=(lattice.xdim, lattice.ydim),
        rows=_rows_in(block_bytes, n_realizations * point_bytes, len(points)),
        nodes=_rows_in(block_bytes, 8 * n_realizations * lattice.n_nodes, lattice.n_nodes),
    )
    with jax.enable_x64(True):
        data = jax.device_put((points, _units(points), offsets, strengths))
    parts = [(0, n_epochs)] if observer is None else [(e, e + 1) for e in range(n_epochs)]
    for first, stop in parts:
        with jax.enable_x64(True):
            trained = run(*data, trained, first, stop)
        if observer and observer(stop, np.asarray(trained).reshape(np.shape(weights))):
            break
    return np.array(trained).reshape(np.shape(weights))


def search_work(n_points: int, n_nodes: int, n_features: int, metric: str) -> tuple[int, int]:
    """Arithmetic operations, and bytes read and written, of a search for winners.

    A multiplication or a difference, and the addition of its result, are two operations. Divided
    by the seconds that a search takes they compare with the peaks of a device.
    """
    by_difference = choose(SEARCHES, metric, "metric").by_difference
    passes = -(-n_features // _UNROLLED) if by_difference else 1
    pairs = n_points * n_nodes
    return 2 * pairs * n_features, 8 * pairs * passes + 4 * n_points * n_features


# ---- metrics


def _square_scores(points, weights, missing: bool):
    """Half the squared distances, less what all nodes of a point have in common; (n, M)."""
    centre = _centre(weights)
    points, weights = points - centre, weights - centre
    squares = jnp.square(weights) / 2
    if missing:
        present, points = _split(points)
        return _product(present, squares) - _product(points, weights)
    return squares.sum(axis=1) - _product(points, weights)


def _cosine_scores(points, weights, missing: bool):
    """Minus the cosines, times the length of the point."""
    directions = _directions(weights)
    if not missing:
        return -_product(points, directions)
    present, points = _split(points)
    lengths = jnp.sqrt(_product(present, jnp.square(directions)))
    return jnp.where(lengths > 0, -_product(points, directions) / lengths, 0.0)


def _difference_scores(points, weights, missing: bool, *, combine):
    """Distances by features, one after the other."""

    def add(total, feature):
        values, of_nodes = feature
        difference = jnp.abs(values[:, None] - of_nodes)
        if missing:
            difference = jnp.where(jnp.isnan(difference), 0.0, difference)
        return combine(total, difference), None

    # A CPU has the block in its cache; its loops over several features would not vectorise.
    unroll = 1 if jax.default_backend() == "cpu" else _UNROLLED
    zeros = jnp.zeros((points.shape[0], weights.shape[0]), jnp.float32)
    return lax.scan(add, zeros, (points.T, weights.T), unroll=unroll)[0]


def _of_differences(distance):
    """distance(|o|, F/|P|) of differences o that are 0 where a value is missing."""

    def distances(points, weights):
        differences = jnp.abs(points - weights)
        missing = jnp.isnan(differences)
        present = (~missing).sum(axis=-1)
        return distance(jnp.where(missing, 0.0, differences), points.shape[-1] / present)

    return distances


def _cosine_distances(points, weights):
    weights = jnp.where(jnp.isnan(points), 0.0, weights)
    points = jnp.where(jnp.isnan(points), 0.0, points)
    # Half the square between the directions: 1 - cosine would lose its digits where it is small.
    halves = jnp.square(_directions(points) - _directions(weights)).sum(axis=-1) / 2
    return jnp.where(points.any(axis=-1) & weights.any(axis=-1), halves, 1.0)


@dataclass(frozen=True)
class Search:
    """How winners are searched, and their distances measured, on the device; float32.

    scores(points (n, F), weights (M, F), missing): (n, M), in the order of the distances of each
    point. distances(points (..., F), weights (..., F)): (...). by_difference: whether scores are
    built up feature by feature, and not a matrix product.
    """

    scores: Callable
    distances: Callable
    by_difference: bool = False


SEARCHES = {
    "euclidean": Search(
        _square_scores,
        _of_differences(lambda o, scale: jnp.sqrt(scale * jnp.square(o).sum(axis=-1))),
    ),
    "sqeuclidean": Search(
        _square_scores, _of_differences(lambda o, scale: scale * jnp.square(o).sum(axis=-1))
    ),
    "manhattan": Search(
        partial(_difference_scores, combine=jnp.add),
        _of_differences(lambda o, scale: scale * o.sum(axis=-1)),
        by_difference=True,
    ),
    "chebyshev": Search(
        partial(_difference_scores, combine=jnp.maximum),
        _of_differences(lambda o, scale: o.max(axis=-1)),
        by_difference=True,
    ),
    "cosine": Search(_cosine_scores, _cosine_distances),
}
"""Metric -> search. The metrics are those of kohorte.maps.metrics."""


def _product(points, weights):
    """Scalar products of all rows, (n, M), in float32 proper."""
    return lax.dot_general(points, weights, (((1,), (1,)), ((), ())), precision=_HIGHEST)


def _split(points):
    """1 where a value is present and 0 where not; and the points with 0 for what is missing."""
    missing = jnp.isnan(points)
    return (~missing).astype(points.dtype), jnp.where(missing, 0.0, points)


def _centre(weights):
    """About the mean of the weights, (F,): products of what lies far from zero would cancel.

    A multiple of the power of two below the mean absolute deviation, so that differences from it
    need few further digits; none where values have few, as integers do.
    """
    mean = weights.mean(axis=0)
    spread = jnp.abs(weights - mean).mean(axis=0)
    exponent = lax.bitcast_convert_type(spread, jnp.int32) & 0x7F800000
    unit = lax.bitcast_convert_type(exponent, jnp.float32)
    return jnp.where(unit > 0, jnp.round(mean / unit) * unit, weights[0])


def _directions(vectors):
    """Vectors of length one; zero where the vector is."""
    largest = jnp.abs(vectors).max(axis=-1, keepdims=True)
    # Scaled first, for the squares of very small or large values.
    vectors = vectors / jnp.where(largest > 0, largest, 1.0)
    lengths = jnp.sqrt(jnp.square(vectors).sum(axis=-1, keepdims=True))
    return vectors / jnp.where(largest > 0, lengths, 1.0)


# ---- winners


def _nearest(scores):
    """Column of the smallest score of each row, the first of equals; (n,) int32.

    In two steps, by groups of columns: the smallest of a group vectorises, its place does not.
    """
    padding = ((0, 0), (0, -scores.shape[1] % _GROUP))
    groups = jnp.pad(scores, padding, constant_values=jnp.inf).reshape(len(scores), -1, _GROUP)
    group = jnp.argmin(groups.min(axis=2), axis=1)
    inside = jnp.take_along_axis(groups, group[:, None, None], axis=1, mode="clip")[:, 0]
    return (group * _GROUP + jnp.argmin(inside, axis=1)).astype(jnp.int32)


@partial(_compiled, static_argnames=("metric", "missing"))
def _winners(points, weights, *, metric: str, missing: bool):
    return _nearest(SEARCHES[metric].scores(points, weights, missing))


@partial(_compiled, static_argnames=("metric", "missing"))
def _two_winners(points, weights, *, metric: str, missing: bool):
    scores = SEARCHES[metric].scores(points, weights, missing)
    first = _nearest(scores)
    taken = lax.broadcasted_iota(jnp.int32, scores.shape, 1) == first[:, None]
    nodes = jnp.stack([first, _nearest(jnp.where(taken, jnp.inf, scores))], axis=1)
    distances = SEARCHES[metric].distances(points[:, None], weights[nodes])
    if len(weights) == 1:
        nodes, distances = nodes.at[:, 1].set(-1), distances.at[:, 1].set(jnp.inf)
    return nodes, distances


def _in_blocks(block_search, points, weights, metric, rows_per_block) -> Iterator:
    """Pairs of rows (a slice) and what `block_search` finds for these points."""
    search = choose(SEARCHES, metric, "metric")
    weights = as_weights(weights, n_features=points.shape[1])
    missing = has_missing(points)
    if rows_per_block is None:
        size = _rows_in(None, _point_bytes(weights.shape, search, missing), len(points))
    else:
        size = min(as_count(rows_per_block, "rows_per_block", 1), len(points))
    nodes = jax.device_put(weights)
    previous = None
    for start in range(0, len(points), size):
        # The last block reaches back, so that all have one shape and one compilation.
        start = min(start, len(points) - size)
        rows = slice(start, start + size)
        found = rows, block_search(points[rows], nodes, metric=metric, missing=missing)
        # One behind: the device does not wait for the host, nor does a queue of blocks grow.
        if previous:
            yield previous
        previous = found
    yield previous


def _point_bytes(shape: tuple[int, int], search: Search, missing: bool) -> int:
    """Device memory of one point in a block of a search for the winners among (M, F) weights."""
    n_nodes, n_features = shape
    tables = 2 if missing and not search.by_difference else 1
    return 4 * (tables * n_nodes + 2 * n_features)


def _rows_in(block_bytes: int | None, row_bytes: int, n_rows: int) -> int:
    """Rows of a block, at most n_rows."""
    if block_bytes is None:
        block_bytes = CACHE_BYTES if jax.default_backend() == "cpu" else BLOCK_BYTES
    return min(max(1, as_count(block_bytes, "block_bytes", 1) // row_bytes), n_rows)


# ---- training


@partial(_compiled, static_argnames=("scores", "missing", "sides", "rows", "nodes"))
def _run_epochs(
    points,
    units,
    offsets,
    strengths,
    weights,
    first,
    stop,
    *,
    scores: Callable,
    missing: bool,
    sides: tuple[int, int],
    rows: int,
    nodes: int,
):
    """Weights (R, M, F) after the epochs first..stop-1; to be called with 64-bit types enabled.

    units: see _units. offsets, strengths: see _kernel_values. sides: xdim and ydim.
    scores: see Search. rows: points of a block of the search; nodes: those of the smoothing.
    """

    def epoch(e, weights):
        sums = _node_sums(points, units, weights, scores, missing, rows)

        def means(sums, strengths, weights):
            smoothed = _smooth(sums.astype(jnp.float64), strengths[offsets], sides, nodes)
            totals, counts = jnp.split(smoothed, [weights.shape[1]], axis=1)
            supported = counts >= SMALLEST_SUPPORT
            means = totals * units / jnp.where(supported, counts, 1.0)
            return jnp.where(supported, means, weights).astype(jnp.float32)

        return jax.vmap(means)(sums, strengths[e], weights)

    return lax.fori_loop(first, stop, epoch, weights)


def _node_sums(points, units, weights, scores: Callable, missing: bool, rows: int):
    """Sums of the points of each node, in units, and their counts; (R, M, F + 1 or 2 F) int64.

    Where values are missing, every feature's present ones are counted.
    """
    n_points, n_features = points.shape
    n_realizations, n_nodes, _ = weights.shape

    def add_block(k, sums):
        # The last block reaches back, over points that have been counted.
        start = jnp.minimum(k * rows, n_points - rows)
        block = lax.dynamic_slice_in_dim(points, start, rows)
        present = ~jnp.isnan(block) if missing else jnp.ones((rows, 1), bool)
        values = jnp.rint(jnp.where(present, block, 0.0) / units)
        terms = jnp.concatenate([values.astype(jnp.int64), present], axis=1)
        terms *= (start + jnp.arange(rows) >= k * rows)[:, None]

        def add(sums, weights):
            winners = _nearest(scores(block, weights, missing))
            return sums.at[winners].add(terms, mode="promise_in_bounds")

        return jax.vmap(add)(sums, weights)

    columns = 2 * n_features if missing else n_features + 1
    sums = jnp.zeros((n_realizations, n_nodes, columns), jnp.int64)
    return lax.fori_loop(0, -(-n_points // rows), add_block, sums)


def _smooth(sums, table, sides: tuple[int, int], nodes: int):
    """sum over nodes j of h(j, i) sums[j] for every node i, where h is a table by offset."""
    xdim, ydim = sides

    def smooth(node):
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


def _kernel_values(neighbourhood: Neighbourhood, radii: np.ndarray):
    """The kernel by offset, for every radius: strengths[e, r][offsets] is the table.

    offsets: int32 in the shape of Neighbourhood.table; strengths: (E, R, U) float64, of the U
    different lattice distances.
    """
    distances = neighbourhood.lattice.offset_distances(neighbourhood.kernel_distance)
    _, first, offsets = np.unique(distances, return_index=True, return_inverse=True)
    strengths = [[neighbourhood.table(n).ravel()[first] for n in column] for column in radii.T]
    return offsets.reshape(distances.shape).astype(np.int32), np.array(strengths)


def _realizations(weights, radii, lattice: Lattice, n_features: int):
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
