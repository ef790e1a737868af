import itertools

import numpy as np
import oracles_maps as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from oracles_lattice import KINDS, lattices

from kohorte.errors import ConfigError, DataError
from kohorte.maps import segments
from kohorte.maps._kmeans import cluster_nodes
from kohorte.maps.lattice import Lattice
from kohorte.maps.metrics import METRICS
from kohorte.maps.segments import (
    SEGMENTATIONS,
    choose_segments,
    find_basins,
    merge_basins,
    path_costs,
    segment,
)
from kohorte.maps.umatrix import smooth, u_matrix

SIZES = [(1, 1), (1, 6), (6, 1), (2, 2), (5, 4), (7, 8)]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_u_matrix_by_brute_force(size, kind, metric):
    weights = np.random.default_rng(0).normal(size=(size[0] * size[1], 3)).astype(np.float32)
    lattice = Lattice(*size, *kind)
    found = u_matrix(weights, lattice, metric)
    assert found.dtype == np.float64
    assert_allclose(found, oracle.u_matrix(weights, lattice, metric), rtol=1e-12)


def test_u_matrix_by_hand():
    # A 2 x 2 map: every node has the three others as neighbours.
    weights = [[0, 0], [3, 4], [0, 0], [0, 12]]
    far = np.hypot(3, 8)
    assert_allclose(
        u_matrix(weights, Lattice(2, 2)),
        [(5 + 0 + 12) / 3, (5 + 5 + far) / 3, (5 + 0 + 12) / 3, (12 + far + 12) / 3],
    )
    # Hexagons: nodes 0 and 3 are not linked, as the second row is moved to the right.
    assert_allclose(
        u_matrix(weights, Lattice(2, 2, "hexagonal"), "manhattan"),
        [(7 + 0) / 2, (7 + 7 + 11) / 3, (0 + 7 + 12) / 3, (11 + 12) / 2],
    )


@pytest.mark.parametrize("length", [0.5, 2.0, 50.0])
@given(lattice=lattices(side=7))
def test_smoothing_by_brute_force(lattice, length):
    u = np.random.default_rng(1).random(lattice.n_nodes)
    assert_allclose(smooth(u, lattice, length), oracle.smooth(u, lattice, length), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_smoothing_keeps_constants_and_length_zero_keeps_all(kind):
    assert_allclose(smooth(np.ones(20), Lattice(5, 4, *kind), 1.5), 1)
    u = np.arange(6.0)
    for length in (0, 1e-200):
        kept = smooth(u, Lattice(3, 2, *kind), length)
        assert_array_equal(kept, u)
        assert kept is not u


def few_levels():
    return lattices(side=7).flatmap(
        lambda lattice: st.tuples(
            st.just(lattice),
            st.lists(st.integers(0, 4), min_size=lattice.n_nodes, max_size=lattice.n_nodes),
        )
    )


@given(few_levels())
def test_basins_with_ties_against_walking_down(case):
    lattice, u = case
    basins, centroids = find_basins(u, lattice)
    assert (basins.dtype, centroids.dtype) == (np.int32, np.int32)
    assert (np.diff(centroids) > 0).all()
    assert_array_equal(centroids[basins], oracle.descend(u, lattice))
    assert_array_equal(basins[centroids], np.arange(centroids.size))


def test_tie_order_of_the_descent():
    # From the middle of 3 x 3, all neighbours are as low: (-1, -1), node 0, is the first.
    basins, centroids = find_basins([0, 0, 0, 0, 1, 0, 0, 0, 0], Lattice(3, 3))
    assert centroids[basins[4]] == 0
    # (1, 0) comes before (1, 1), (0, 1), (-1, 1) and (-1, 0).
    basins, centroids = find_basins([1, 1, 1, 0, 1, 0, 0, 0, 0], Lattice(3, 3))
    assert centroids[basins[4]] == 5
    # On hexagons the middle node has no link to node 0; across the border, node 8 comes first.
    basins, centroids = find_basins([0, 0, 0, 0, 1, 0, 0, 0, 0], Lattice(3, 3, "hexagonal"))
    assert centroids[basins[4]] == 1
    basins, centroids = find_basins([1, 0, 0, 0, 0, 0, 0, 0, 0], Lattice(3, 3, periodic=True))
    assert centroids[basins[0]] == 8


@given(few_levels())
def test_path_costs_against_an_extended_plane(case):
    lattice, u = case
    nodes = np.unique(np.linspace(0, lattice.n_nodes - 1, 12, dtype=int))
    expected = [oracle.path_cost(u, lattice, a, b) for a, b in itertools.combinations(nodes, 2)]
    assert_allclose(path_costs(u, lattice, nodes), expected, rtol=1e-9, atol=1e-9)


def test_path_cost_by_hand():
    # u = 2 everywhere: u^2 = 4 at 5 int(sqrt 13) = 15 points.
    assert_allclose(path_costs(np.full(12, 2.0), Lattice(4, 3), [0, 11]), [60])


@pytest.mark.parametrize(
    ("lattice", "nodes", "steps"),
    [
        (Lattice(10, 1, periodic=True), [0, 9], 1),
        (Lattice(2, 1, periodic=True), [0, 1], 1),
        (Lattice(5, 5, periodic=True), [0, 24], 1),
        (Lattice(6, 6, periodic=True), [0, 21], 4),
        # Two rows of hexagons up: sqrt(3). Three rows up and one and a half to the right: 3, though
        # rounding may take it for less.
        (Lattice(4, 3, "hexagonal"), [0, 8], 1),
        (Lattice(4, 4, "hexagonal"), [0, 13], 3),
        (Lattice(8, 4, "hexagonal", True), [0, 31], 1),
        (Lattice(8, 4, "hexagonal", True), [0, 16], 1),
    ],
)
def test_points_on_a_path_by_hand(lattice, nodes, steps):
    # u = 2 everywhere: each of the 5 int(distance) points counts 4.
    costs = path_costs(np.full(lattice.n_nodes, 2.0), lattice, nodes)
    assert_allclose(costs, [20 * steps])


def test_the_path_crosses_the_border_of_a_periodic_lattice():
    wall = np.zeros(12)
    wall[6] = 1
    straight, around = (
        path_costs(wall, Lattice(12, 1, periodic=periodic), [1, 11]) for periodic in (False, True)
    )
    assert straight > 1
    assert around < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_path_costs_do_not_depend_on_their_blocks(monkeypatch, kind):
    u = np.random.default_rng(2).random(15 * 12)
    lattice = Lattice(15, 12, *kind)
    centroids = find_basins(u, lattice)[1]
    whole = path_costs(u, lattice, centroids)
    monkeypatch.setattr(segments, "_BLOCK_SAMPLES", 7)
    assert_array_equal(path_costs(u, lattice, centroids), whole)


@given(
    st.integers(1, 9).flatmap(
        lambda n: st.tuples(
            st.lists(
                st.sampled_from([0.0, 0.1, 0.25, 1.0, 2.0, 7.0]),
                min_size=n * (n - 1) // 2,
                max_size=n * (n - 1) // 2,
            ),
            st.lists(st.integers(1, 4), min_size=n, max_size=n),
        )
    ),
    st.sampled_from([0, 0.01, 0.05, 0.1, 0.2, 0.25, 0.5, 1, 1.5]),
)
def test_merging_against_round_by_round(case, threshold):
    costs, sizes = case
    pairs = dict(zip(itertools.combinations(range(len(sizes)), 2), costs, strict=True))
    assert_array_equal(merge_basins(costs, sizes, threshold), oracle.merge(pairs, sizes, threshold))


def test_merging_by_hand():
    # Pairs (0,1), (0,2), (1,2). 0.1 < 0.2 merges 0 and 1; 1, the larger, stays; then the only cost
    # left is 1 after normalisation.
    assert_array_equal(merge_basins([1, 10, 5], [3, 4, 1], 0.2), [1, 1, 2])
    # As many nodes: the first stays.
    assert_array_equal(merge_basins([1, 10, 5], [4, 4, 1], 0.2), [0, 0, 2])
    # Renormalisation: without basin 1 the largest cost is 4, and 1 / 4 is not below 0.2, though
    # 1 / 10 was. Pairs (0,1) .5, (0,2) 4, (0,3) 4, (1,2) 10, (1,3) 10, (2,3) 1.
    assert_array_equal(merge_basins([0.5, 4, 4, 10, 10, 1], [5, 1, 1, 1], 0.2), [0, 0, 2, 3])


@pytest.mark.parametrize(
    ("costs", "sizes", "threshold", "parents"),
    [
        ([], [9], 0.5, [0]),
        ([3.0], [1, 1], 1, [0, 1]),
        ([3.0], [1, 1], 1.01, [0, 0]),
        ([0.0, 0.0, 0.0], [1, 1, 1], 0, [0, 1, 2]),
        ([0.0, 0.0, 0.0], [1, 1, 1], 0.001, [0, 0, 0]),
        ([0.0], [1, 2], 0.1, [1, 1]),
    ],
)
def test_merging_edge_cases(costs, sizes, threshold, parents):
    assert_array_equal(merge_basins(costs, sizes, threshold), parents)


def blobs(seed=0, side=9):
    """A map whose left, middle and right third hold three separate groups of weights."""
    rng = np.random.default_rng(seed)
    third = np.arange(side * side) % side * 3 // side
    centres = np.array([[0, 0], [10, 0], [0, 10]])
    return third, (centres[third] + rng.normal(scale=0.3, size=(side * side, 2)))


@pytest.mark.parametrize("method", sorted(SEGMENTATIONS))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (2, 2), (7, 8)])
def test_every_segmentation_numbers_its_clusters_by_centroid(method, size, kind):
    weights = np.random.default_rng(3).normal(size=(size[0] * size[1], 2))
    lattice = Lattice(*size, *kind)
    u = u_matrix(weights, lattice)
    found = segment(weights, u, lattice, method=method, seed=1)
    for array in (found.basins, found.centroids, found.node_clusters, found.cluster_centroids):
        assert array.dtype == np.int32
    assert (np.diff(found.cluster_centroids) > 0).all()
    n_clusters = found.cluster_centroids.size
    assert_array_equal(found.node_clusters[found.cluster_centroids], range(n_clusters))
    assert found.node_clusters.max() == n_clusters - 1
    basins, centroids = find_basins(u, lattice)
    assert_array_equal(found.basins, basins)
    assert_array_equal(found.centroids, centroids)
    if method == "basins":
        assert set(found.cluster_centroids) <= set(centroids)


@pytest.mark.parametrize("method", ["kmeans", "agglomerative", "gaussian_mixture", "hdbscan"])
def test_separate_groups_of_weights_are_found(method):
    third, weights = blobs()
    lattice = Lattice(9, 9)
    u = u_matrix(weights, lattice)
    for n_clusters in (None,) if method == "hdbscan" else (None, 3, "silhouette", "davies_bouldin"):
        found = segment(weights, u, lattice, method=method, n_clusters=n_clusters, seed=2)
        assert found.cluster_centroids.size == 3
        # One cluster for each third, and each centroid the node nearest to its third's mean.
        pairs = set(zip(third, found.node_clusters, strict=True))
        assert len(pairs) == 3
        for group, cluster in pairs:
            mean = weights[third == group].mean(axis=0)
            nearest = np.argmin(((weights - mean) ** 2).sum(axis=1))
            assert found.cluster_centroids[cluster] == nearest


def test_agglomerative_clusters_are_connected_on_the_lattice():
    # Two like ends, far apart on a chain: three clusters of a chain, not two groups of weights.
    weights = np.array([0, 0.1, 0.2, 9, 9.1, 9.2, 0, 0.1, 0.2])[:, None]
    found = segment(weights, np.zeros(9), Lattice(9, 1), method="agglomerative", n_clusters=3)
    assert_array_equal(found.node_clusters, [0, 0, 0, 1, 1, 1, 2, 2, 2])
    # On a ring the ends touch.
    ring = Lattice(9, 1, periodic=True)
    found = segment(weights, np.zeros(9), ring, method="agglomerative", n_clusters=2)
    assert_array_equal(found.node_clusters, [0, 0, 0, 1, 1, 1, 0, 0, 0])


def test_mixtures_of_many_features_have_diagonal_covariances():
    third, weights = blobs()
    weights = np.hstack([weights, np.random.default_rng(1).normal(scale=0.3, size=(81, 20))])
    found = segment(weights, np.zeros(81), Lattice(9, 9), method="gaussian_mixture")
    assert len(set(zip(third, found.node_clusters, strict=True))) == 3
    assert found.cluster_centroids.size == 3


@pytest.mark.parametrize("method", sorted(SEGMENTATIONS))
def test_equal_weights(method):
    found = segment(np.ones((12, 2)), np.zeros(12), Lattice(4, 3), method=method, merge=0.2)
    assert found.cluster_centroids.size == 1
    assert found.centroids.size == 12


def test_numbers_of_clusters_beyond_the_different_weights():
    weights = np.repeat([[0.0], [5.0]], 3, axis=0)
    for method in ("kmeans", "agglomerative", "gaussian_mixture"):
        found = segment(weights, np.zeros(6), Lattice(6, 1), method=method, n_clusters=4)
        assert_array_equal(found.node_clusters, [0, 0, 0, 1, 1, 1])
        found = segment(weights, np.zeros(6), Lattice(6, 1), method=method, n_clusters=1)
        assert found.cluster_centroids.size == 1


def test_noise_of_hdbscan_joins_the_nearest_cluster():
    third, weights = blobs()
    weights[4] = [11, 3]
    found = segment(weights, np.zeros(81), Lattice(9, 9), method="hdbscan")
    assert found.cluster_centroids.size == 3
    assert found.node_clusters[4] == found.node_clusters[13]
    assert third[4] == third[13]


def test_the_seed_decides():
    weights = np.random.default_rng(5).random((60, 2))
    u = np.zeros(60)
    for method in ("kmeans", "gaussian_mixture"):
        runs = [
            segment(weights, u, Lattice(10, 6), method=method, n_clusters=4, seed=7).node_clusters
            for _ in range(2)
        ]
        assert_array_equal(*runs)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "watershed"}, ConfigError, "unknown segmentation 'watershed'"),
        ({"merge": -0.1}, ConfigError, "merge threshold must be finite and >= 0"),
        ({"n_clusters": 3}, ConfigError, "no meaning for segmentation 'basins'"),
        ({"method": "hdbscan", "n_clusters": 3}, ConfigError, "no meaning for segmentation 'hdb"),
        ({"method": "kmeans", "n_clusters": 0}, ConfigError, "n_clusters must be at least 1"),
        ({"method": "kmeans", "n_clusters": "gap"}, ConfigError, "unknown choice of n_clusters"),
        ({"method": "kmeans", "n_clusters": 2.5}, ConfigError, "n_clusters must be an integer"),
        ({"u": np.zeros(3)}, DataError, r"u must have shape \(4,\)"),
        ({"u": [0, 1, np.nan, 2]}, DataError, "u is nan at node 2"),
        ({"weights": np.zeros((3, 1))}, DataError, "lattice has 4 nodes"),
    ],
)
def test_bad_arguments(options, error, message):
    arguments = {"weights": np.zeros((4, 1)), "u": np.zeros(4)} | options
    with pytest.raises(error, match=message):
        segment(lattice=Lattice(2, 2), **arguments)


def test_bad_smoothing_and_centroids():
    with pytest.raises(ConfigError, match="smoothing length"):
        smooth(np.zeros(4), Lattice(2, 2), -1)
    with pytest.raises(ConfigError, match="unknown metric"):
        u_matrix(np.zeros((4, 1)), Lattice(2, 2), "taxi")
    with pytest.raises(DataError, match=r"centroids must lie in 0\.\.3"):
        path_costs(np.zeros(4), Lattice(2, 2), [0, 4])
    with pytest.raises(DataError, match="integer node indices"):
        path_costs(np.zeros(4), Lattice(2, 2), [0.5, 1])


@given(
    st.integers(1, 40),
    st.integers(1, 3),
    st.integers(1, 12),
    st.sampled_from([0, 1, 2, 50]),
    st.integers(0, 2**32 - 1),
)
def test_k_means_of_weighted_nodes_against_the_definition(n_nodes, n_features, k, passes, seed):
    rng = np.random.default_rng(seed)
    # Few different values: ties, equal nodes, centres that lose their last node.
    nodes = rng.integers(0, 4, size=(n_nodes, n_features))
    hits = rng.integers(0, 3, size=n_nodes)
    hits[rng.integers(n_nodes)] = 1
    starts = rng.random(k)
    found = cluster_nodes(nodes, hits, starts, max(passes, 1))
    assert_array_equal(found, oracle.cluster_nodes(nodes, hits, starts, max(passes, 1)))


def test_k_means_weighs_nodes_by_hand():
    # The start takes node 0, then, of the shares 0, 1, 100 x 9, the last node.
    nodes, hits = [[0.0], [1.0], [3.0], [1.9]], [1, 1, 100, 0]
    assert_array_equal(cluster_nodes(nodes, hits, [0.0, 0.5]), [0, 0, 1, 1])
    # The heavy node holds its centre, and the node without points is 1.4 from the other.
    assert_array_equal(cluster_nodes([[0.0], [1.0], [3.0], [1.7]], hits, [0.0, 0.5]), [0, 0, 1, 0])


@pytest.mark.parametrize(
    ("n_points", "fineness", "low", "high"),
    [(10_000, 0, 25, 49), (10_000, 1, 100, 199), (400, 0, 7, 13), (400, 1, 100, 199), (5, 1, 2, 2)],
)
def test_number_of_segments(n_points, fineness, low, high):
    rng = np.random.default_rng(0)
    drawn = {choose_segments(n_points, fineness, rng) for _ in range(5000)}
    assert (min(drawn), max(drawn)) == (low, high)
    assert len(drawn) == high - low + 1


@given(lattice=lattices(side=6), fineness=st.floats(0, 1), seed=st.integers(0, 9))
def test_segments_hold_the_nodes_with_points(lattice, fineness, seed):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(lattice.n_nodes, 2)).astype(np.float32)
    hits = rng.integers(0, 9, lattice.n_nodes)
    hits[0] += 1
    how = {"method": "segments", "hits": hits, "seed": seed}
    found = segment(weights, np.zeros(lattice.n_nodes), lattice, fineness=fineness, **how)
    assert_array_equal(np.unique(found.node_clusters), np.unique(found.node_clusters[hits > 0]))
    occupied = np.count_nonzero(hits)
    assert min(2, occupied) <= found.cluster_centroids.size <= occupied
    given = segment(weights, np.zeros(lattice.n_nodes), lattice, n_clusters=4, **how)
    assert given.cluster_centroids.size == min(4, occupied)


def test_hits_that_cannot_be_used():
    for hits in ([0, 0], [-1, 2]):
        with pytest.raises(DataError, match="hits must be numbers of points"):
            segment(np.eye(2), [0, 0], Lattice(2, 1), method="segments", hits=hits)
