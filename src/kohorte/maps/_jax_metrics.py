"""The kinds of metrics in JAX: searched for winners, measured, and smooth enough for gradients.

A metric (see kohorte.maps.parameters.METRICS) is a kind, or the square root of one. Importing this
module imports JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from kohorte._checks import choose, extra
from kohorte.maps.parameters import METRICS

with extra("jax"):
    import jax
    import jax.numpy as jnp
    from jax import Array, lax

#: Features that an accelerator takes in one pass over a block of differences.
UNROLLED = 8

_HIGHEST = lax.Precision.HIGHEST


@dataclass(frozen=True)
class Kind:
    """What a metric sums up or compares, on the device.

    `scores(points (n, F), weights (M, F), missing)`, (n, M) float32, are in the order of the
    distances of each point, and built up feature by feature `by_difference`, or a matrix product.
    `distances` of points (..., F) from weights (..., F) are (...); `soft_distances` of a point (F,)
    from weights (M, F) are (M,), with finite gradients, in the type of the arguments.
    """

    scores: Callable[[Array, Array, bool], Array]
    distances: Callable[[Array, Array], Array]
    soft_distances: Callable[[Array, Array], Array]
    by_difference: bool = False


def kind_of(metric: str) -> Kind:
    """Return the kind of a metric; raise ConfigError for an unknown one."""
    return KINDS[choose(METRICS, metric, "metric").kind]


def distances(points: Array, weights: Array, metric: str) -> Array:
    """Return the distances of points (..., F) from weights (..., F), (...)."""
    found = kind_of(metric).distances(points, weights)
    return jnp.sqrt(found) if METRICS[metric].root else found


def soft_distances(point: Array, weights: Array, metric: str) -> Array:
    """Return the distances of a point (F,) from weights (M, F), (M,), with finite gradients."""
    found = kind_of(metric).soft_distances(point, weights)
    if not METRICS[metric].root:
        return found
    # The root of zero has an infinite slope, and zero times infinity is NaN: both sides avoid it.
    apart = found > 0
    return jnp.where(apart, jnp.sqrt(jnp.where(apart, found, 1)), 0)


# ---- searches


def _square_scores(points: Array, weights: Array, missing: bool) -> Array:
    """Half the squared distances, less what all nodes of a point have in common; (n, M)."""
    centre = _centre(weights)
    points, weights = points - centre, weights - centre
    squares = jnp.square(weights) / 2
    if missing:
        present, points = _split(points)
        return _product(present, squares) - _product(points, weights)
    return squares.sum(axis=1) - _product(points, weights)


def _cosine_scores(points: Array, weights: Array, missing: bool) -> Array:
    """Minus the cosines, times the length of the point."""
    directions = _directions(weights)
    if not missing:
        return -_product(points, directions)
    present, points = _split(points)
    lengths = jnp.sqrt(_product(present, jnp.square(directions)))
    return jnp.where(lengths > 0, -_product(points, directions) / lengths, 0.0)


def _difference_scores(
    points: Array, weights: Array, missing: bool, *, combine: Callable[[Array, Array], Array]
) -> Array:
    """Distances by features, one after the other."""

    def add(total: Array, feature: tuple[Array, Array]) -> tuple[Array, None]:
        values, of_nodes = feature
        difference = jnp.abs(values[:, None] - of_nodes)
        if missing:
            difference = jnp.where(jnp.isnan(difference), 0.0, difference)
        return combine(total, difference), None

    # A CPU has the block in its cache; its loops over several features would not vectorise.
    unroll = 1 if jax.default_backend() == "cpu" else UNROLLED
    zeros = jnp.zeros((points.shape[0], weights.shape[0]), jnp.float32)
    return lax.scan(add, zeros, (points.T, weights.T), unroll=unroll)[0]


def _product(points: Array, weights: Array) -> Array:
    """Scalar products of all rows, (n, M), in float32 proper."""
    return lax.dot_general(points, weights, (((1,), (1,)), ((), ())), precision=_HIGHEST)


def _split(points: Array) -> tuple[Array, Array]:
    """1 where a value is present and 0 where not; and the points with 0 for what is missing."""
    missing = jnp.isnan(points)
    return (~missing).astype(points.dtype), jnp.where(missing, 0.0, points)


def _centre(weights: Array) -> Array:
    """About the mean of the weights, (F,): products of what lies far from zero would cancel.

    A multiple of the power of two below the mean absolute deviation, so that differences from it
    need few further digits; none where values have few, as integers do.
    """
    mean = weights.mean(axis=0)
    spread = jnp.abs(weights - mean).mean(axis=0)
    exponent = lax.bitcast_convert_type(spread, jnp.int32) & 0x7F800000
    unit = lax.bitcast_convert_type(exponent, jnp.float32)
    return jnp.where(unit > 0, jnp.round(mean / unit) * unit, weights[0])


# ---- distances


def _of_differences(distance: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    """distance(|o|, F/|P|) of differences o that are 0 where a value is missing."""

    def measure(points: Array, weights: Array) -> Array:
        differences = jnp.abs(points - weights)
        missing = jnp.isnan(differences)
        present = (~missing).sum(axis=-1)
        return distance(jnp.where(missing, 0.0, differences), points.shape[-1] / present)

    return measure


def _cosine_distances(points: Array, weights: Array) -> Array:
    weights = jnp.where(jnp.isnan(points), 0.0, weights)
    points = jnp.where(jnp.isnan(points), 0.0, points)
    # Half the square between the directions: 1 - cosine would lose its digits where it is small.
    halves = jnp.square(_directions(points) - _directions(weights)).sum(axis=-1) / 2
    return jnp.where(points.any(axis=-1) & weights.any(axis=-1), halves, 1.0)


def _directions(vectors: Array) -> Array:
    """Vectors of length one; zero where the vector is."""
    largest = jnp.abs(vectors).max(axis=-1, keepdims=True)
    # Scaled first, for the squares of very small or large values.
    vectors = vectors / jnp.where(largest > 0, largest, 1.0)
    lengths = jnp.sqrt(jnp.square(vectors).sum(axis=-1, keepdims=True))
    return vectors / jnp.where(largest > 0, lengths, 1.0)


# ---- distances with gradients: features come first, since sums over few of them then run along
# many nodes


def _of_offsets(distance: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    """distance(p - w, F/|P|) over the present features; offsets are 0 where a value is missing."""

    def measure(point: Array, weights: Array) -> Array:
        missing = jnp.isnan(point)[:, None]
        offsets = jnp.where(missing, 0, jnp.where(missing, 0, point[:, None]) - weights.T)
        return distance(offsets, point.size / jnp.maximum((~missing).sum(), 1))

    return measure


def _soft_cosine(point: Array, weights: Array) -> Array:
    missing = jnp.isnan(point)[:, None]
    direction = _soft_directions(jnp.where(missing, 0, point[:, None]))
    directions = _soft_directions(jnp.where(missing, 0, weights.T))
    halves = jnp.square(direction - directions).sum(axis=0) / 2
    return jnp.where(direction.any(axis=0) & directions.any(axis=0), halves, 1)


def _soft_directions(vectors: Array) -> Array:
    """Vectors along axis 0, of length one; zero, with the gradient zero, where the vector is."""
    squares = jnp.square(vectors).sum(axis=0)
    usable = squares > 0
    return jnp.where(usable, vectors / jnp.sqrt(jnp.where(usable, squares, 1)), 0)


#: Kind of a metric by its name in kohorte.maps.parameters.METRICS.
KINDS: dict[str, Kind] = {
    "square": Kind(
        _square_scores,
        _of_differences(lambda o, scale: scale * jnp.square(o).sum(axis=-1)),
        _of_offsets(lambda o, scale: scale * jnp.square(o).sum(axis=0)),
    ),
    "absolute": Kind(
        partial(_difference_scores, combine=jnp.add),
        _of_differences(lambda o, scale: scale * o.sum(axis=-1)),
        _of_offsets(lambda o, scale: scale * jnp.abs(o).sum(axis=0)),
        by_difference=True,
    ),
    "largest": Kind(
        partial(_difference_scores, combine=jnp.maximum),
        _of_differences(lambda o, scale: o.max(axis=-1)),
        _of_offsets(lambda o, scale: jnp.abs(o).max(axis=0)),
        by_difference=True,
    ),
    "cosine": Kind(_cosine_scores, _cosine_distances, _soft_cosine),
}
