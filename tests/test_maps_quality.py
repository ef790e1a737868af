import itertools
import math

import numpy as np
import oracles_maps as oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_lattice import DISTANCES, KINDS, neighbours
from scipy import stats
from scipy.sparse import csgraph

from kohorte.errors import ConfigError, DataError
from kohorte.maps import preservation, quality
from kohorte.maps._kernels import path_lengths
from kohorte.maps.lattice import LATTICE_DISTANCES, TOPOLOGIES, Lattice
from kohorte.maps.metrics import METRICS, pairwise
from kohorte.maps.neighbourhood import KERNELS
from kohorte.maps.preservation import (
    embedding_ks,
    embedding_variance,
    evenly_spaced,
    marginal_gaps,
    rank_preservation,
    topographic_product,
)
from kohorte.maps.quality import (
    cluster_separation,
    combined_error,
    convergence,
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
    "convergence",
    "dead_node_share",
}


every_lattice = pytest.mark.parametrize("kind", KINDS)
every_metric = pytest.mark.parametrize("metric", METRICS)


def random_map(seed, size=(4, 3), n_points=25, n_features=2, missing=0.0):
    """Points (N, F), whose first two features are always present, and weights (M, F)."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n_points, n_features)).astype(np.float32)
    weights = rng.normal(size=(size[0] * size[1], n_features)).astype(np.float32)
    points[:, 2:][rng.random((n_points, max(0, n_features - 2))) < missing] = np.nan
    return points, weights


def two_winners(points, weights, metric):
    """Nodes (N, 2) and distances (N, 2)."""
    table = pairwise(points, weights, metric)
    nodes = np.argsort(table, axis=1, kind="stable")[:, :2]
    return nodes, np.take_along_axis(table, nodes, axis=1)


def test_errors_by_hand():
    assert quantization_error([1, 2, 6]) == 3
    # On 3 x 3: 0-1 and 0-4 are neighbours, 0-2 and 3-5 are not.
    assert topographic_error([[0, 1], [0, 2], [4, 0], [3, 5]], Lattice(3, 3)) == 0.5
    assert dead_node_share([0, 3, 0, 1]) == 0.5
    assert convergence(0.8, 0.1) == pytest.approx(0.85)


def test_separation_by_hand():
    # Squares to the centroids: 1, 9 in the first cluster, 4 in the second, none in the third.
    points = [[1.0, 0.0], [0.0, 3.0], [10.0, 2.0]]
    centres = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]
    within = (5 + 4) / 2
    between = (2 * 100 + 2 * 100 + 2 * 200) / 6
    assert cluster_separation(points, [0, 0, 1], centres) == pytest.approx(1 - within / between)
    # Manhattan: 1, 3 and 2; centroids are 10, 10 and 20 apart.
    expected = 1 - ((1 + 9) / 2 + 4) / 2 / ((100 + 100 + 400) / 3)
    assert cluster_separation(points, [0, 0, 1], centres, "manhattan") == pytest.approx(expected)
    assert cluster_separation([[1.0], [-1.0]], [0, 1], [[0.0], [0.5]]) < 0
    assert math.isnan(cluster_separation(points, [0, 0, 0], centres[:1]))
    assert math.isnan(cluster_separation(points, [0, 1, 1], [[1.0, 1.0], [1.0, 1.0]]))
    # One of two features is missing: the other stands for both.
    half = cluster_separation([[1.0, np.nan]], [0], [[0.0, 5.0], [2.0, 5.0]])
    assert half == pytest.approx(1 - 2 / 4)


def test_separation_is_that_of_popsom_on_many_points():
    """Slow definition: each centroid first in a table of its points, as popsom writes it."""
    rng = np.random.default_rng(7)
    points, centres = rng.normal(size=(70_000, 2)), 5 * rng.normal(size=(4, 2))
    labels = rng.integers(0, 4, len(points))
    within = [np.mean(((points[labels == k] - centres[k]) ** 2).sum(axis=1)) for k in range(4)]
    between = [((centres - centres[k]) ** 2).sum() / 3 for k in range(4)]
    expected = 1 - np.mean(within) / np.mean(between)
    assert cluster_separation(points, labels, centres) == pytest.approx(expected, rel=1e-6)


@every_lattice
def test_topographic_error_by_brute_force(kind):
    lattice = Lattice(5, 4, *kind)
    pairs = np.random.default_rng(0).integers(20, size=(300, 2))
    apart = [b not in neighbours(lattice)[a] for a, b in pairs]
    assert topographic_error(pairs, lattice) == pytest.approx(np.mean(apart))


def test_combined_error_by_hand():
    # A chain with links of 1, 2, 4: from node 0 to node 2 the path is 3, to node 1 it is 1.
    weights = [[0], [1], [3], [7]]
    assert combined_error([0.5, 0.25], [[0, 2], [1, 0]], weights, Lattice(4, 1)) == 2.375


@every_lattice
@every_metric
@pytest.mark.parametrize("size", [(1, 4), (4, 4)])
def test_combined_error_by_brute_force(size, kind, metric):
    points, weights = random_map(0, size, n_features=3, missing=0.2)
    lattice = Lattice(*size, *kind)
    nodes, distances = two_winners(points, weights, metric)
    paths = oracle.shortest_paths(weights, lattice, metric)[nodes[:, 0], nodes[:, 1]]
    found = combined_error(distances[:, 0], nodes, weights, lattice, metric)
    assert found == pytest.approx(np.mean(distances[:, 0] + paths))


@given(
    size=st.tuples(st.integers(1, 24), st.integers(2, 24)),
    levels=st.integers(1, 6),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_paths_are_those_of_scipy(size, levels, seed):
    # Few lengths, zero among them, so that many paths tie; half of the links are missing.
    rng = np.random.default_rng(seed)
    neighbours = Lattice(*size).neighbours()
    n_nodes = len(neighbours)
    node, column = np.nonzero(neighbours >= 0)
    ends = node, neighbours[node, column]
    table = np.full((n_nodes, n_nodes), np.inf)
    table[ends] = rng.integers(0, levels, node.size) * 0.1
    table[ends] = np.where(rng.random(node.size) < 0.5, table[ends], np.inf)
    table = np.maximum(table, table.T)  # alike in both directions
    links = np.arange(n_nodes)[:, None] + 0 * neighbours
    steps = np.zeros(links.shape)
    there = np.isfinite(table[ends])
    links[node[there], column[there]] = ends[1][there]
    steps[node[there], column[there]] = table[ends][there]
    pairs = np.unique(rng.integers(0, n_nodes, (40, 2)), axis=0)
    paths = csgraph.dijkstra(csgraph.csgraph_from_dense(table, null_value=np.inf))
    found = path_lengths(links, steps, pairs[:, 0].copy(), pairs[:, 1].copy())
    np.testing.assert_array_equal(found, paths[pairs[:, 0], pairs[:, 1]])


def test_a_detour_over_squared_links_may_be_shorter():
    # From 0 to 2, which are neighbours: 1 + 1 by way of 1, where the link itself is 4.
    lattice = Lattice(3, 1, periodic=True)
    weights = [[0.0], [1.0], [2.0]]
    assert combined_error([0.0], [[0, 2]], weights, lattice, "sqeuclidean") == 2
    assert combined_error([0.0], [[0, 2]], weights, lattice) == 2


def test_combined_error_where_weights_coincide():
    # All paths have length zero, along links of length zero.
    assert combined_error([1.0], [[0, 4]], np.ones((5, 2)), Lattice(5, 1)) == 1


@every_lattice
@pytest.mark.parametrize(
    ("metric", "kernel"),
    [("euclidean", kernel) for kernel in KERNELS]
    + [(metric, "truncated_gaussian") for metric in METRICS if metric != "euclidean"],
)
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_distortion_by_brute_force(missing, metric, kernel, kind):
    points, weights = random_map(1, (3, 4), n_points=12, n_features=3, missing=missing)
    lattice = Lattice(3, 4, *kind)
    winners = two_winners(points, weights, metric)[0][:, 0]
    for radius, kernel_distance in itertools.product((0, 1, 2.5, 20), LATTICE_DISTANCES):
        options = {"radius": radius, "kernel": kernel, "kernel_distance": kernel_distance}
        found = distortion(points, weights, winners, lattice, metric=metric, **options)
        strengths = KERNELS[kernel](DISTANCES[kernel_distance](lattice), radius)
        expected = oracle.distortion(points, weights, winners, strengths, metric)
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_distortion_of_some_points():
    points, weights = random_map(1, n_points=50)
    winners = two_winners(points, weights, "manhattan")[0][:, 0]
    options = {"lattice": Lattice(4, 3), "radius": 2, "metric": "manhattan"}
    some = distortion(points, weights, winners, rows=10, **options)
    assert some == distortion(points[::5], weights, winners[::5], **options)


@pytest.mark.parametrize("metric", ["euclidean", "chebyshev"])
def test_blocks_do_not_change_the_distortion(monkeypatch, metric):
    points, weights = random_map(1, n_points=50, missing=0.2)
    winners = two_winners(points, weights, metric)[0][:, 0]
    options = {"radius": 2, "metric": metric}
    whole = distortion(points, weights, winners, Lattice(4, 3), **options)
    monkeypatch.setattr(quality, "_BLOCK_ENTRIES", 30)
    in_blocks = distortion(points, weights, winners, Lattice(4, 3), **options)
    assert in_blocks == pytest.approx(whole, rel=1e-12)


@every_lattice
@every_metric
@pytest.mark.parametrize("size", [(1, 2), (2, 2), (5, 1), (4, 4)])
def test_topographic_product_by_brute_force(size, kind, metric):
    _, weights = random_map(2, size, n_features=3)
    lattice = Lattice(*size, *kind)
    expected = oracle.topographic_product(weights, lattice, metric)
    assert topographic_product(weights, lattice, metric=metric) == pytest.approx(expected)


def test_topographic_product_of_a_perfect_map_is_zero():
    for topology in TOPOLOGIES:
        lattice = Lattice(5, 4, topology)
        assert topographic_product(3 * lattice.coordinates(), lattice) == pytest.approx(0, abs=1e-6)
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
    rows=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 1) | st.just(math.nan), st.integers(0, 5)),
        min_size=3,
        max_size=6,
    ),
    kind=st.sampled_from(KINDS),
    metric=st.sampled_from(list(METRICS)),
)
def test_rank_preservation_by_all_orders_of_ties(rows, kind, metric):
    data = np.array([row[:2] for row in rows], dtype=np.float32)
    winners = [row[2] for row in rows]
    lattice = Lattice(3, 2, *kind)
    expected = oracle.rank_preservation(
        pairwise(data, data, metric),
        DISTANCES["euclidean"](lattice)[np.ix_(winners, winners)],
        (len(rows) - 1) // 2,
    )
    assert rank_preservation(data, winners, lattice, metric=metric) == pytest.approx(expected)


def test_rank_preservation_across_the_border():
    # Points on a ring, in order on a map that is one, and on a chain.
    angle = 2 * np.pi * np.arange(12) / 12
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    chain, torus = (
        rank_preservation(ring, np.arange(12), Lattice(12, 1, periodic=periodic), neighbours=2)
        for periodic in (False, True)
    )
    assert min(torus) == 1
    assert max(chain) < 0.99


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


def test_embedding_of_the_values_that_are_present():
    rng = np.random.default_rng(2)
    points, weights = rng.normal(size=(300, 3)), rng.normal(size=(60, 3))
    points[200:, 0] = np.nan
    points[:, 2] = np.nan
    points[:1, 2] = 1
    for measure in (embedding_ks, embedding_variance):
        for shift in (0, 2):
            whole = measure(points[:200, :1], weights[:, :1] + shift)
            variances = points[:200, 0].var(ddof=1), points[:, 1].var(ddof=1)
            share = variances[0] / sum(variances)
            found = measure(points, weights + [[shift, 2, 0]])
            assert found == pytest.approx(whole * share, rel=1e-5)
    assert math.isnan(embedding_variance([[1.0, np.nan], [np.nan, 1.0]], np.eye(2)))


def test_gaps_of_marginals_are_those_of_scipy():
    rng = np.random.default_rng(5)
    points = rng.normal(size=(60, 3)).astype(np.float32)
    points[::4, 1] = np.nan
    weights = rng.normal(0.5, 2, size=(12, 3)).astype(np.float32)
    weights[3:6, 0] = points[:3, 0]  # steps of both in one place
    expected = [
        stats.ks_2samp(p[~np.isnan(p)], w).statistic
        for p, w in zip(points.T, weights.T, strict=True)
    ]
    assert marginal_gaps(points, weights) == pytest.approx(np.array(expected), abs=1e-12)
    points[:, 2] = weights[0, 1] = np.nan
    assert np.isnan(marginal_gaps(points, weights)).tolist() == [False, True, True]
    with pytest.raises(DataError, match="columns must agree"):
        marginal_gaps(points, weights[:, :2])


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


@every_lattice
@every_metric
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_all_measures_of_a_map(kind, metric, missing):
    points, weights = random_map(5, (5, 4), n_points=60, n_features=3, missing=missing)
    lattice = Lattice(5, 4, *kind)
    options = {"radius": 3, "kernel": "gaussian", "kernel_distance": "euclidean", "metric": metric}
    found = measure_quality(points, weights, lattice, **options)
    assert set(found) == MEASURES
    assert all(type(value) is float and math.isfinite(value) for value in found.values())
    winners = find_two_winners(points, weights, metric=metric)
    again = measure_quality(points, weights, lattice, winners=winners, threads=2, **options)
    assert again == found
    assert found["combined_error"] > found["quantization_error"]
    nodes, distances = two_winners(points, weights, metric)
    assert found["quantization_error"] == pytest.approx(distances[:, 0].mean(), rel=1e-5)
    assert found["topographic_error"] == topographic_error(nodes, lattice)
    assert found["combined_error"] == pytest.approx(
        combined_error(distances[:, 0], nodes, weights, lattice, metric), rel=1e-5
    )
    assert found["distortion"] == distortion(points, weights, nodes[:, 0], lattice, **options)
    assert found["topographic_product"] == topographic_product(weights, lattice, metric=metric)
    assert (found["trustworthiness"], found["neighbourhood_preservation"]) == rank_preservation(
        points, nodes[:, 0], lattice, metric=metric
    )
    accuracies = found["embedding_variance"], 1 - found["topographic_error"]
    assert found["convergence"] == pytest.approx(np.mean(accuracies))
    assert found["dead_node_share"] == pytest.approx(1 - np.unique(nodes[:, 0]).size / 20)


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (3, 1)])
@pytest.mark.parametrize("n_points", [1, 2, 3])
def test_tiny_maps_and_tables(size, n_points):
    points, weights = random_map(6, size, n_points=n_points)
    found = measure_quality(points, weights, Lattice(*size), radius=1)
    undefined = {name for name, value in found.items() if math.isnan(value)}
    expected = set()
    if size == (1, 1):
        expected |= {"topographic_error", "combined_error", "topographic_product"}
    if n_points < 3:
        expected |= {"trustworthiness", "neighbourhood_preservation"}
    if n_points < 2 or size == (1, 1):
        expected |= {"embedding_variance", "convergence"}
    assert undefined == expected


ONE_POINT = {"features": [[1.0]], "weights": [[1.0], [2.0]], "winners": [0]}
ONE_POINT |= {"lattice": Lattice(2, 1), "radius": 1}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: quantization_error([]), DataError),
        (lambda: topographic_error([[0, 9]], Lattice(2, 2)), DataError),
        (lambda: topographic_error([0, 1], Lattice(2, 2)), DataError),
        (lambda: combined_error([1.0], [[0, 1], [1, 0]], np.eye(2), Lattice(2, 1)), DataError),
        (lambda: distortion([[1.0]], [[1.0], [2.0]], [0, 1], Lattice(2, 1), radius=1), DataError),
        (lambda: distortion([[1.0]], [[1.0], [2.0]], [0], Lattice(2, 1), radius=-1), ConfigError),
        (lambda: distortion(**ONE_POINT, kernel="cone"), ConfigError),
        (lambda: distortion(**ONE_POINT, kernel_distance="taxi"), ConfigError),
        (lambda: distortion(**ONE_POINT, metric="taxi"), ConfigError),
        (lambda: distortion(**ONE_POINT, metric="cosine", rows=0), ConfigError),
        (lambda: combined_error([1.0], [[0, 1]], np.eye(2), Lattice(2, 1), "taxi"), ConfigError),
        (lambda: topographic_product(np.eye(2), Lattice(2, 1), metric="taxi"), ConfigError),
        (lambda: rank_preservation([[np.nan]], [0], Lattice(2, 1)), DataError),
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
