"""Soft maps in JAX: positions on the lattice that are differentiable functions of the point.

The position of a point on a map is that of its winner, and constant within the cell that the winner
wins: no gradient passes. On a soft map every node wins a share of the point, which falls with the
distance, and the position is the mean of the nodes' places, weighted by the shares:

    s_v = exp(-beta d(p, w_v)) / sum_u exp(-beta d(p, w_u)),    position(p) = sum_v s_v g_v,

w_v the weights and g_v the place of node v, d a metric (the norm, not its square, by default).
beta, in units of 1 / d, is how hard the map is: for beta -> infinity the position is the winner's
place where only one node is nearest, and for beta = 0 the mean of all places. Source: S. Barnes,
Embedding self-organizing maps into neural networks (slides, Stanford).

Which metrics
    All of kohorte.maps.metrics. Where a distance has a kink its gradient is chosen: zero where
    point and weights are equal (euclidean), for a feature in which they are (manhattan), and where
    either vector is zero (cosine); shared equally by the features that are farthest apart
    (chebyshev). So the gradient is finite everywhere. A missing value (NaN) has the gradient zero.

Which lattices
    All. A mean of coordinates has no meaning where a lattice is joined to itself: on a periodic one
    each joined side is a circle in a plane of its own, so that a place has two numbers for it (see
    `places_of`).

The functions take one point; jax.vmap and jax.jit apply to them. They compute in the type of their
arguments. Importing this module imports JAX and equinox.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kohorte._arrays import as_points
from kohorte._checks import as_count, as_number, choose, extra
from kohorte.errors import ConfigError, DataError
from kohorte.maps._jax_metrics import soft_distances
from kohorte.maps.lattice import Lattice
from kohorte.maps.parameters import METRICS

with extra("jax"):
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    from jax import Array, lax

#: Entries of points x nodes x features that `soft_coordinates` works on at a time.
BLOCK_ENTRIES = 1 << 22

_GROUP = 16

# ---- the layer


def soft_shares(
    point: ArrayLike, weights: ArrayLike, beta: float | Array, *, metric: str = "euclidean"
) -> Array:
    """Return the share of each of M nodes in a point (F,), NaN where a value is missing; (M,).

    They sum to one. Only differences of the distances matter, so the shares are right however far
    away the point is, and however large beta, a number >= 0 in units of 1 / distance. ConfigError
    for a metric that is no key of METRICS.
    """
    attractions = _attractions(point, weights, beta, metric)
    return attractions / attractions.sum()


def soft_position(
    point: ArrayLike,
    weights: ArrayLike,
    places: ArrayLike,
    beta: float | Array,
    *,
    metric: str = "euclidean",
) -> Array:
    """Return the mean of the nodes' places (M, D), weighted by their shares in the point; (D,).

    Arguments and errors are as for soft_shares. It lies in the convex hull of the places.
    """
    attractions = _attractions(point, weights, beta, metric)
    return jnp.dot(attractions, jnp.asarray(places), precision="highest") / attractions.sum()


def _attractions(point: ArrayLike, weights: ArrayLike, beta: float | Array, metric: str) -> Array:
    """Shares times a number that all nodes have in common: 1 for the nearest node."""
    distances = soft_distances(jnp.asarray(point), jnp.asarray(weights), metric)
    # The least is subtracted before the product, which could otherwise overflow.
    node, least = _nearest(lax.stop_gradient(distances))
    return jnp.exp(_settle(-beta * (distances - least), node))


def _nearest(distances: Array) -> tuple[Array, Array]:
    """Node at the least distance, and that distance; both ().

    In two steps, by groups of nodes: the smallest of a group vectorises, its place does not.
    """
    padding = (0, -len(distances) % _GROUP)
    groups = jnp.pad(distances, padding, constant_values=jnp.inf).reshape(-1, _GROUP)
    group = jnp.argmin(groups.min(axis=1))
    inside = jnp.argmin(groups[group])
    return group * _GROUP + inside, groups[group, inside]


@jax.custom_jvp
def _settle(logarithms: Array, node: Array) -> Array:
    """Return the logarithms, exactly 0 for that node and at most 0 for the others.

    So they are but for rounding: XLA computes distances again wherever they are used, with other
    fused operations, and beta would multiply the difference.
    """
    nodes = lax.iota(node.dtype, len(logarithms))
    return jnp.where(nodes == node, 0, jnp.minimum(logarithms, 0))


@_settle.defjvp
def _(primals: tuple[Array, Array], tangents: tuple[Array, Any]) -> tuple[Array, Array]:
    return _settle(*primals), tangents[0]


class SoftMap(eqx.Module):
    """A map as a layer of a network: from a point (F,) to its soft position (D,).

    `weights` (M, F) are in the units of the points; `places` (M, D) are what is averaged: positions
    of the nodes, as `places_of` gives them; `beta`, >= 0, is how hard the map is. Points and
    weights are multiplied by `factors` (F,) before distances are taken, in `metric`, a key of
    METRICS; features with the factor 0 are left out. Gradients reach `weights` if `learns_weights`;
    all else is constant in any case. ConfigError and DataError for arguments that do not fit each
    other.
    """

    weights: Array
    places: Array
    beta: Array
    factors: Array
    seen: tuple[int, ...] | None = eqx.field(static=True)
    metric: str = eqx.field(static=True)
    learns_weights: bool = eqx.field(static=True)

    def __init__(
        self,
        weights: ArrayLike,
        places: ArrayLike,
        beta: Any,
        *,
        factors: ArrayLike | None = None,
        metric: str = "euclidean",
        learns_weights: bool = False,
    ) -> None:
        weights, places = np.asarray(weights), np.asarray(places)
        if weights.ndim != 2 or places.ndim != 2 or len(weights) != len(places):
            raise DataError(
                "weights and places must be tables with a row for each node, got the shapes "
                f"{weights.shape} and {places.shape}"
            )
        factors = np.ones(weights.shape[1]) if factors is None else np.asarray(factors)
        if factors.shape != weights.shape[1:]:
            raise DataError(
                f"factors must be one number for each of {weights.shape[1]} features, got the "
                f"shape {factors.shape}"
            )
        choose(METRICS, metric, "metric")
        real = jnp.result_type(float)
        self.weights = jnp.asarray(weights, real)
        self.places = jnp.asarray(places, real)
        self.beta = jnp.asarray(as_number(beta, "beta"), real)
        self.factors = jnp.asarray(factors, real)
        seen = np.flatnonzero(factors)
        self.seen = None if seen.size == factors.size else tuple(seen.tolist())
        self.metric = metric
        self.learns_weights = learns_weights

    @classmethod
    def from_som(cls, som: Any, beta: Any, *, learns_weights: bool = False) -> SoftMap:
        """Return the layer of a trained `kohorte.SOM`, for points in the units it was fitted to.

        On a periodic lattice the output is on circles, as `places_of` has them. From the points of
        a map that centres features (`center_`), that is subtracted first, in float64. Raises
        ConfigError for a map that is not trained, or a beta out of range.
        """
        if not hasattr(som, "weights_"):
            raise ConfigError("this map is not trained; call fit(X) first")
        return cls(
            som.weights_ - som.center_ if som.center_.any() else som.weights_,
            places_of(som.lattice_),
            beta,
            factors=som.feature_weights_ * (1.0 if som.factors_ is None else som.factors_),
            metric=som.parameters_.metric,
            learns_weights=learns_weights,
        )

    def __call__(self, point: Array, *, key: Any = None) -> Array:
        """Return the soft position (D,) of one point (F,); equinox gives `key`, not used."""
        places, beta, factors = lax.stop_gradient((self.places, self.beta, self.factors))
        weights = self.weights if self.learns_weights else lax.stop_gradient(self.weights)
        if self.seen is not None:
            columns = np.array(self.seen)
            point, weights, factors = point[columns], weights[:, columns], factors[columns]
        return soft_position(point * factors, weights * factors, places, beta, metric=self.metric)


# ---- lattices


def places_of(lattice: Lattice) -> np.ndarray:
    """Return places of the nodes that may be averaged, (M, D) float64, in lattice steps.

    Coordinates (x, y) where the lattice is not joined to itself. A joined side of the period L goes
    round a circle of that circumference: (r cos a, r sin a), r = L / 2 pi, a = coordinate / r.
    D is 2, and one more for each joined side.
    """
    columns = []
    for values, period in zip(lattice.coordinates().T, lattice.periods, strict=True):
        if math.isinf(period):
            columns.append(values)
        else:
            radius = period / (2 * math.pi)
            columns += [radius * np.cos(values / radius), radius * np.sin(values / radius)]
    return np.column_stack(columns)


def coordinates_of(places: ArrayLike, lattice: Lattice) -> np.ndarray:
    """Return the lattice coordinates (..., 2) of places (..., D), means of places among them.

    On a joined side of the period L it is the direction of the mean on the circle, 0 <= x < L.
    """
    places, columns, start = np.asarray(places), [], 0
    for period in lattice.periods:
        if math.isinf(period):
            columns.append(places[..., start])
            start += 1
        else:
            turns = np.arctan2(places[..., start + 1], places[..., start]) / (2 * math.pi)
            # Rounding may put a whole turn in place of none.
            columns.append(np.where(turns % 1 * period < period, turns % 1 * period, 0.0))
            start += 2
    return np.stack(columns, axis=-1)


def soft_coordinates(
    som: Any, X: ArrayLike, beta: Any, *, rows_per_block: int | None = None
) -> np.ndarray:
    """Return the soft position of each row of X on the lattice of a map, (N, 2) float32.

    What `som.transform` gives for beta -> infinity, `som` a trained `kohorte.SOM`; on a periodic
    lattice the coordinates are those of `coordinates_of`. X (N, F) is a table as `som.transform`
    takes it, in the units that the map was fitted to; `beta`, >= 0, is how hard the map is.
    `rows_per_block` points are worked on at a time, without effect on the result but for its last
    digits; by default as many as BLOCK_ENTRIES allow. ConfigError and DataError for arguments that
    cannot be used.
    """
    layer = SoftMap.from_som(som, beta)
    n_nodes, n_features = layer.weights.shape
    try:
        table = som._check(X)
    except (TypeError, ValueError) as error:
        raise DataError(str(error)) from error
    points = as_points(table - som.center_ if som.center_.any() else table, "X", missing=True)
    rows = max(1, BLOCK_ENTRIES // (n_nodes * n_features))
    rows = rows if rows_per_block is None else as_count(rows_per_block, "rows_per_block", 1)
    parts = [
        np.asarray(_positions(layer, jnp.asarray(points[start : start + rows])))
        for start in range(0, len(points), rows)
    ]
    return coordinates_of(np.concatenate(parts), som.lattice_)


@eqx.filter_jit
def _positions(layer: SoftMap, points: Array) -> Array:
    return jax.vmap(layer)(points)
