"""Soft maps: against the definition, finite differences and the hard winner, on every lattice."""

import math
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles_lattice import KINDS
from oracles_maps import distance

from kohorte import SOM
from kohorte.errors import ConfigError, DataError
from kohorte.maps.lattice import Lattice
from kohorte.maps.parameters import PARAMETERS
from kohorte.maps.soft import (
    SoftMap,
    coordinates_of,
    places_of,
    soft_coordinates,
    soft_position,
    soft_shares,
)

METRICS = sorted(PARAMETERS["metric"].names)


def by_definition(point, weights, places, beta, metric="euclidean"):
    """The sums as they are written down; for values whose exponentials are not all zero."""
    shares = [math.exp(-beta * distance(point, w, metric)) for w in weights]
    total = sum(shares)
    sums = [sum(s * g[k] for s, g in zip(shares, places, strict=True)) for k in (0, 1)]
    return np.array([value / total for value in sums])


def example(seed=0, n_nodes=7, n_features=3):
    normal = np.random.default_rng(seed).normal
    return normal(size=n_features), normal(size=(n_nodes, n_features)), normal(size=(n_nodes, 2))


def precisely(function, *arguments):
    """What a function gives in float64, as NumPy arrays."""
    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, jax.jit(function)(*arguments))


@pytest.mark.parametrize("metric", METRICS)
def test_position_is_the_definition(metric):
    point, weights, places = example()
    found = precisely(partial(soft_position, metric=metric), point, weights, places, 1.7)
    shares = precisely(partial(soft_shares, metric=metric), point, weights, 1.7)
    np.testing.assert_allclose(found, by_definition(point, weights, places, 1.7, metric), 1e-12)
    np.testing.assert_allclose(shares @ places, found, 1e-12)
    assert float(shares.sum()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_missing_values_are_left_out(metric):
    point, weights, places = example(1, n_features=4)
    point[2] = np.nan
    position = partial(soft_position, metric=metric)
    found = precisely(position, point, weights, places, 0.9)
    slope = precisely(jax.jacobian(position), point, weights, places, 0.9)
    np.testing.assert_allclose(found, by_definition(point, weights, places, 0.9, metric), 1e-12)
    assert np.isfinite(slope).all()
    assert not slope[:, 2].any()


def differences(function, x, h=1e-6):
    """Central differences of function(x) (D,) by every entry of x."""
    slopes = np.empty((2, *x.shape))
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        slopes[:, *index] = (np.asarray(function(x + step)) - function(x - step)) / (2 * h)
    return slopes


@pytest.mark.parametrize("metric", METRICS)
def test_gradients_are_finite_differences(metric):
    point, weights, places = example(2)
    beta = 1.5

    def position(p, w):
        return by_definition(p, w, places, beta, metric)

    slopes = jax.jacobian(partial(soft_position, metric=metric), argnums=(0, 1))
    by_point, by_weights = precisely(slopes, point, weights, places, beta)
    expected = differences(lambda p: position(p, weights), point)
    np.testing.assert_allclose(by_point, expected, rtol=1e-6, atol=1e-8)
    expected = differences(lambda w: position(point, w), weights)
    np.testing.assert_allclose(by_weights, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("metric", METRICS)
def test_gradient_where_the_point_is_a_node(metric):
    _, weights, places = example(3)
    weights[4] = 0  # a kink of the cosine, too
    slopes = jax.jacobian(partial(soft_position, metric=metric), argnums=(0, 1))
    for node in (1, 4):
        found = precisely(slopes, weights[node], weights, places, 2.0)
        assert all(np.isfinite(slope).all() for slope in found)


def test_a_node_does_not_pull_the_point_that_it_lies_on():
    # Of two nodes, the far one's distance alone grows: d out / dp = (g1 - g0) s0 s1 beta.
    weights, places = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])
    beta = 0.5
    slope = precisely(jax.jacobian(soft_position), weights[0], weights, places, beta)
    shares = np.array([1.0, math.exp(-5 * beta)])
    shares /= shares.sum()
    expected = shares[0] * shares[1] * beta * np.array([0.6, 0.8])
    np.testing.assert_allclose(slope, [expected, [0, 0]], 1e-12)


_position = jax.jit(soft_position, static_argnames="metric")
_first_and_slope = jax.jit(jax.value_and_grad(lambda *arguments: soft_position(*arguments)[0]))


@pytest.mark.parametrize("beta", [0.0, 1e-30, 1e3, 1e30])
@pytest.mark.parametrize("distance", [1.0, 1e6, 1e15])
def test_nothing_overflows(beta, distance):
    weights, places = np.float32([[0, 0], [0, 1], [2, 2]]), np.float32([[0, 0], [1, 0], [2, 0]])
    point = np.float32([-distance, 0.25])
    out, slope = _first_and_slope(point, weights, places, beta)
    assert 0 <= out <= 2
    assert np.isfinite(slope).all()


def trained_map(metric="euclidean", **lattice):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(60, 3)).astype(np.float32)
    lattice |= {"recipe": "published", "steps": 300}
    som = SOM(4, 6, metric=metric, random_state=5, history=0, **lattice)
    return som.fit(X), X


@pytest.mark.parametrize(("topology", "periodic"), KINDS)
def test_a_hard_map_gives_the_winner_on_every_lattice(topology, periodic):
    som, X = trained_map(topology=topology, periodic=periodic)
    np.testing.assert_allclose(soft_coordinates(som, X, 1e9), som.transform(X), atol=1e-5)


@pytest.mark.parametrize("metric", METRICS)
def test_a_hard_map_gives_the_winner_in_every_metric(metric):
    som, X = trained_map(metric, feature_weights=[0.5, 1.0, 3.0])
    X[::7, 1] = np.nan
    np.testing.assert_allclose(soft_coordinates(som, X, 1e9), som.transform(X), atol=1e-5)


def test_soft_coordinates_are_means_in_the_units_of_the_map():
    som, X = trained_map(feature_weights=[0.5, 1.0, 3.0])
    factors, places = som.feature_weights_, som.lattice_.coordinates()
    expected = [by_definition(p * factors, som.weights_ * factors, places, 2.0) for p in X[:9]]
    found = soft_coordinates(som, X[:9], 2.0)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(soft_coordinates(som, X[:9], 2.0, rows_per_block=2), found, 1e-6)


def test_soft_coordinates_of_tables_with_names():
    som, X = trained_map()
    table = pd.DataFrame(X, columns=list("abc"))
    expected = soft_coordinates(som, X[:9], 2.0)
    som.fit(table)
    np.testing.assert_array_equal(soft_coordinates(som, table[:9], 2.0), expected)
    nullable = table[:9].convert_dtypes()
    np.testing.assert_array_equal(soft_coordinates(som, nullable, 2.0), expected)
    with pytest.raises(DataError, match="feature names should match"):
        soft_coordinates(som, table[list("cba")], 2.0)


def test_a_mean_across_the_seam_lies_on_the_seam():
    lattice = Lattice(10, 1, periodic=True)
    places = places_of(lattice)
    middle = coordinates_of((places[9] + places[0]) / 2, lattice)
    np.testing.assert_allclose(middle, [9.5, 0], atol=1e-12)


@given(xdim=st.integers(1, 6), half=st.integers(1, 3), kind=st.sampled_from(KINDS))
def test_places_give_the_coordinates_back(xdim, half, kind):
    lattice = Lattice(xdim, 2 * half, *kind)
    places = places_of(lattice)
    assert places.shape == (lattice.n_nodes, 2 + sum(p < math.inf for p in lattice.periods))
    np.testing.assert_allclose(coordinates_of(places, lattice), lattice.coordinates(), atol=1e-9)


@given(seed=st.integers(0, 2**32 - 1), beta=st.floats(0, 50), metric=st.sampled_from(METRICS))
def test_invariants(seed, beta, metric):
    point, weights, places = example(seed)
    rng = np.random.default_rng(seed)
    order, offset = rng.permutation(len(weights)), rng.normal(size=3)

    def position(*arguments):
        with jax.enable_x64(True):
            return np.asarray(_position(*arguments, metric=metric))

    found = position(point, weights, places, beta)
    permuted = position(point, weights[order], places[order], beta)
    moved = position(point + offset, weights + offset, places, beta)
    shifted = position(point, weights, places + 3.0, beta)
    np.testing.assert_allclose(permuted, found, atol=1e-12)
    np.testing.assert_allclose(shifted, found + 3.0, atol=1e-12)
    if metric != "cosine":
        np.testing.assert_allclose(moved, found, atol=1e-9)
    for direction in rng.normal(size=(5, 2)):  # the hull lies within its supporting lines
        along = places @ direction
        assert along.min() - 1e-12 <= found @ direction <= along.max() + 1e-12


def test_layer_compiles_once_and_maps_over_points():
    som, X = trained_map()
    layer, traces = SoftMap.from_som(som, 3.0), []

    @eqx.filter_jit
    def positions(layer, points):
        traces.append(1)
        return jax.vmap(layer)(points)

    for beta in (1.0, 3.0):
        harder = eqx.tree_at(lambda m: m.beta, layer, jnp.asarray(beta))
        found = positions(harder, X)
    assert len(traces) == 1
    np.testing.assert_allclose(found, [layer(p) for p in X], rtol=1e-5, atol=1e-5)
    assert found.dtype == jnp.float32


@pytest.mark.parametrize("learns", [True, False])
def test_only_learnt_weights_have_a_gradient(learns):
    som, X = trained_map()
    layer = SoftMap.from_som(som, 3.0, learns_weights=learns)

    @eqx.filter_jit
    @eqx.filter_grad
    def slope(layer):
        return jnp.square(jax.vmap(layer)(X)).sum()

    found = slope(layer)
    assert bool(np.any(found.weights)) is learns
    assert not any(np.any(leaf) for leaf in (found.places, found.beta, found.factors))


def test_a_layer_learns_with_optax():
    som, X = trained_map()
    layer = SoftMap.from_som(som, 5.0, learns_weights=True)
    target = jnp.asarray(X[:, :2])
    optimiser = optax.adam(0.02)
    state = optimiser.init(eqx.filter(layer, eqx.is_inexact_array))

    @eqx.filter_jit
    def step(layer, state):
        def loss(layer):
            return jnp.square(jax.vmap(layer)(X) - target).mean()

        value, slopes = eqx.filter_value_and_grad(loss)(layer)
        updates, state = optimiser.update(slopes, state)
        return eqx.apply_updates(layer, updates), state, value

    values = []
    for _ in range(60):
        layer, state, value = step(layer, state)
        values.append(float(value))
    assert values[-1] < 0.5 * values[0]
    np.testing.assert_array_equal(layer.places, places_of(som.lattice_).astype(np.float32))
    assert not np.array_equal(layer.weights, som.weights_.astype(np.float32))


SQUARE = np.zeros((3, 2)), np.zeros((3, 2))
NO_ROWS = {"rows_per_block": 0}


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: SoftMap(np.zeros((3, 2)), np.zeros((2, 2)), 1), DataError, "a row for each node"),
        (lambda: SoftMap(*SQUARE, -1), ConfigError, "beta must be"),
        (lambda: SoftMap(*SQUARE, 1, factors=[1]), DataError, "each of 2 features"),
        (lambda: SoftMap(*SQUARE, 1, metric="taxi"), ConfigError, "unknown metric 'taxi'"),
        (lambda: SoftMap.from_som(SOM(), 1), ConfigError, "call fit"),
        (
            lambda: soft_coordinates(trained_map()[0], np.zeros((2, 5)), 1),
            DataError,
            "X has 5 features",
        ),
        (lambda: soft_coordinates(*trained_map(), 1, **NO_ROWS), ConfigError, "rows_per_block"),
    ],
)
def test_errors_say_what_is_wrong(make, error, message):
    with pytest.raises(error, match=message):
        make()
