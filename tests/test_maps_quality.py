import math

import numpy as np
import oracles_maps as oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from kohorte.errors import ConfigError, DataError
from kohorte.maps import preservation
from kohorte.maps.lattice import Lattice
from kohorte.maps.preservation import (
    embedding_ks,
    embedding_variance,
    evenly_spaced,
    rank_preservation,
    topographic_product,
)
from kohorte.maps.quality import (
    combined_error,
    dead_node_share,
    distortion,
    measure_quality,
    quantization_error,
    topographic_error,
)
from kohorte.maps.winners import find_two_winners

MEASURES = {
    "quantization_error",
    "topographic_error",
    "combined_error",
    "distortion",
    "topographic_product",
    "trustworthiness",
    "neighbourhood_preservation",
    "embedding_ks",
    "embedding_variance",
    "dead_node_share",
}


def random_map(seed, size=(4, 3), n_points=25, n_features=2):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n_points, n_features)).astype(np.float32)
    return points, rng.normal(size=(size[0] * size[1], n_features)).astype(np.float32)


def test_errors_by_hand():
    assert quantization_error([1, 2, 6]) == 3
    # On 3 x 3: 0-1 and 0-4 are neighbours, 0-2 and 3-5 are not.
    assert topographic_error([[0, 1], [0, 2], [4, 0], [3, 5]], Lattice(3, 3)) == 0.5
    assert dead_node_share([0, 3, 0, 1]) == 0.5


def test_combined_error_by_hand():
    # A chain with links of 1, 2, 4: from node 0 to node 2 the path is 3, to node 1 it is 1.
    weights = [[0], [1], [3], [7]]
    assert combined_error([0.5, 0.25], [[0, 2], [1, 0]], weights, Lattice(4, 1)) == 2.375


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.tuples(st.integers(1, 4), st.integers(2, 4)))
def test_combined_error_by_brute_force(seed, size):
    points, weights = random_map(seed, size)
    nodes, distances = find_two_winners(points, weights)
    paths = [oracle.shortest_path(weights, *size, a, b) for a, b in nodes]
    assert combined_error(distances[:, 0], nodes, weights, Lattice(*size)) == pytest.approx(
        np.mean(distances[:, 0] + np.array(paths))
    )


def test_combined_error_where_weights_coincide():
    # All paths have length zero, along links of length zero.
    assert combined_error([1.0], [[0, 4]], np.ones((5, 2)), Lattice(5, 1)) == 1


@pytest.mark.parametrize("radius", [1, 2, 3.5, 20])
@pytest.mark.parametrize("size", [(1, 1), (1, 8), (4, 3)])
def test_distortion_by_brute_force(radius, size):
    points, weights = random_map(1, size)
    winners = find_two_winners(points, weights)[0][:, 0]
    expected = oracle.distortion(points, weights, winners, size[0], radius)
    assert distortion(points, weights, winners, Lattice(*size), radius) == pytest.approx(
        expected, rel=1e-6
    )


@pytest.mark.parametrize("size", [(1, 2), (2, 2), (1, 5), (4, 3)])
def test_topographic_product_by_brute_force(size):
    _, weights = random_map(2, size)
    assert topographic_product(weights, Lattice(*size)) == pytest.approx(
        oracle.topographic_product(weights, *size)
    )


def test_topographic_product_of_a_perfect_map_is_zero():
    lattice = Lattice(5, 4)
    assert topographic_product(3 * lattice.coordinates(), lattice) == pytest.approx(0, abs=1e-12)
    # A chain folded into a plane has too few dimensions.
    rng = np.random.default_rng(0)
    assert topographic_product(rng.random((40, 2)), Lattice(40, 1)) < -0.01


def test_topographic_product_of_some_nodes():
    _, weights = random_map(3, (6, 5))
    exact = topographic_product(weights, Lattice(6, 5), rows=30)
    some = topographic_product(weights, Lattice(6, 5), rows=3)
    assert some != exact
    assert some == pytest.approx(exact, abs=0.2)


def test_topographic_product_where_weights_coincide():
    assert math.isfinite(topographic_product(np.repeat([[0.0], [1.0]], 4, axis=0), Lattice(4, 2)))


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 5)), min_size=3, max_size=6
    )
)
def test_rank_preservation_by_all_orders_of_ties(rows):
    data = [row[:2] for row in rows]
    winners = [row[2] for row in rows]
    k = (len(rows) - 1) // 2
    places = [(w % 3, w // 3) for w in winners]
    found = rank_preservation(data, winners, Lattice(3, 2))
    assert found == pytest.approx(oracle.rank_preservation(data, places, k))


def test_rank_preservation_of_a_perfect_and_a_shuffled_map():
    lattice = Lattice(10, 9)
    data = lattice.coordinates()
    # Ties are in all orders on either side, so that even here a few neighbours differ.
    assert min(rank_preservation(data, np.arange(90), lattice)) > 0.998
    shuffled = np.random.default_rng(0).permutation(90)
    trust, preserved = rank_preservation(data, shuffled, lattice)
    assert trust < 0.7
    assert preserved < 0.7


def test_rank_preservation_takes_evenly_spaced_rows():
    points, _ = random_map(4, n_points=50)
    winners = np.random.default_rng(1).integers(12, size=50)
    every_fifth = rank_preservation(points[::5], winners[::5], Lattice(4, 3))
    assert rank_preservation(points, winners, Lattice(4, 3), rows=10) == every_fifth
    np.testing.assert_array_equal(evenly_spaced(50, 10), np.arange(0, 50, 5))
    np.testing.assert_array_equal(evenly_spaced(3, 10), [0, 1, 2])
    assert evenly_spaced(2**40, 2)[1] == 2**39


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=40),
    st.lists(st.integers(0, 5), min_size=1, max_size=12),
)
def test_kolmogorov_distance_with_ties(values, nodes):
    found = preservation._largest_gap(np.array(values, float), np.array(nodes, float))
    assert found == pytest.approx(oracle.kolmogorov_distance(values, nodes))


def test_embedding_weighs_features_by_their_variance():
    rng = np.random.default_rng(0)
    points = rng.normal(scale=[1, 2], size=(1000, 2))
    weights = np.column_stack([points[:200, 0], points[:200, 1] + 5])
    share = points[:, 0].var() / points.var(axis=0).sum()
    assert embedding_ks(points, weights) == pytest.approx(share, rel=1e-5)
    assert embedding_variance(points, weights) == pytest.approx(share, rel=1e-5)
    # The same means, but the second feature is too narrow.
    weights[:, 1] = 0.2 * points[:200, 1]
    assert embedding_variance(points, weights) == pytest.approx(share, rel=1e-5)
    assert embedding_ks(points, points[:200]) == 1
    assert embedding_variance(points, points[:200]) == 1


def test_variance_convergence_is_that_of_the_two_tests():
    rng = np.random.default_rng(1)
    for shift, width in [(0, 1), (0.25, 1), (0.4, 1), (0, 1.2), (0, 1.5), (0.2, 0.8)]:
        values, nodes = rng.normal(size=(150, 1)), rng.normal(shift, width, size=(40, 1))
        values, nodes = values.astype(np.float32), nodes.astype(np.float32)
        ratio = values.astype(float).var(ddof=1) / nodes.astype(float).var(ddof=1)
        tail = stats.f(149, 39).cdf(ratio)
        means = stats.ttest_ind(values.astype(float), nodes.astype(float), equal_var=False)
        expected = 2 * min(tail, 1 - tail) > 0.05 and means.pvalue[0] > 0.05
        assert embedding_variance(values, nodes) == expected


def test_embedding_of_constant_features():
    weights = [[1, 0], [1, 4]]
    assert embedding_variance([[1, 2], [1, 2]], weights) == 0.5
    assert embedding_variance([[2, 2], [2, 2]], weights) == 0
    assert embedding_ks(np.full((50, 1), 3.0), np.full((50, 1), 3.0)) == 1


def test_all_measures_of_a_map():
    points, weights = random_map(5, (5, 4), n_points=60)
    lattice = Lattice(5, 4)
    quality = measure_quality(points, weights, lattice, radius=3)
    assert set(quality) == MEASURES
    assert all(type(value) is float and math.isfinite(value) for value in quality.values())
    winners = find_two_winners(points, weights)
    again = measure_quality(points, weights, lattice, radius=3, winners=winners, threads=2)
    assert again == quality
    assert quality["combined_error"] > quality["quantization_error"]


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (3, 1)])
@pytest.mark.parametrize("n_points", [1, 2, 3])
def test_tiny_maps_and_tables(size, n_points):
    points, weights = random_map(6, size, n_points=n_points)
    quality = measure_quality(points, weights, Lattice(*size), radius=1)
    undefined = {name for name, value in quality.items() if math.isnan(value)}
    expected = set()
    if size == (1, 1):
        expected |= {"topographic_error", "combined_error", "topographic_product"}
    if n_points < 3:
        expected |= {"trustworthiness", "neighbourhood_preservation"}
    if n_points < 2 or size == (1, 1):
        expected |= {"embedding_variance"}
    assert undefined == expected


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: quantization_error([]), DataError),
        (lambda: topographic_error([[0, 9]], Lattice(2, 2)), DataError),
        (lambda: topographic_error([0, 1], Lattice(2, 2)), DataError),
        (lambda: combined_error([1.0], [[0, 1], [1, 0]], np.eye(2), Lattice(2, 1)), DataError),
        (lambda: distortion([[1.0]], [[1.0], [2.0]], [0, 1], Lattice(2, 1), 1), DataError),
        (lambda: distortion([[1.0]], [[1.0], [2.0]], [0], Lattice(2, 1), 0), ConfigError),
        (lambda: dead_node_share([]), DataError),
        (lambda: rank_preservation([[1.0]], [0, 1], Lattice(2, 1)), DataError),
        (lambda: rank_preservation([[1.0]], [0], Lattice(2, 1), rows=0), ConfigError),
        (lambda: embedding_ks([[1.0]], [[1.0]], confidence=1), ConfigError),
        (lambda: embedding_ks([[1.0]], [[1.0, 2.0]]), DataError),
    ],
)
def test_bad_arguments(call, error):
    with pytest.raises(error):
        call()
