import subprocess
import sys
from itertools import product

import jax
import numpy as np
import pytest
from oracles_lattice import KINDS
from oracles_maps import KERNELS

from kohorte.errors import ConfigError, DataError
from kohorte.maps import _jax
from kohorte.maps._jax import search_two_winners, search_winners, search_work, train_stack
from kohorte.maps.batch import SMALLEST_SUPPORT
from kohorte.maps.lattice import LATTICE_DISTANCES, Lattice
from kohorte.maps.metrics import METRICS, pairwise

RADII = (2.6, 1.3, 0.9)


def train_by_definition(points, lattice, weights, radii, kernel, kernel_distance, metric):
    present = ~np.isnan(points)
    for radius in radii:
        h = np.vectorize(lambda d, n=radius: KERNELS[kernel](d, n))
        winners = pairwise(points, weights, metric).argmin(axis=1)
        strengths = h(lattice.distances_from(winners, kernel_distance))  # (N, M)
        counts = strengths.T @ present
        sums = strengths.T @ np.where(present, points, 0).astype(float)
        supported = counts >= SMALLEST_SUPPORT
        means = np.divide(sums, counts, out=np.zeros_like(sums), where=supported)
        weights = np.where(supported, means, weights).astype(np.float32)
    return weights


def sample(n_points=60, n_features=3, n_nodes=24, missing=False, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n_points, n_features)).astype(np.float32)
    weights = rng.normal(size=(n_nodes, n_features)).astype(np.float32)
    if missing:
        rows = np.arange(0, n_points, 2)
        points[rows, rng.integers(0, n_features, rows.size)] = np.nan
    return points, weights


@pytest.fixture
def one_compilation(monkeypatch):
    """Let lattices with the same sides share a compilation, however many distances they have."""
    kernel_values = _jax._kernel_values

    def padded(neighbourhood, radii):
        offsets, strengths = kernel_values(neighbourhood, radii)
        space = 100 - strengths.shape[2]
        return offsets, np.pad(strengths, ((0, 0), (0, 0), (0, space)), constant_values=np.nan)

    monkeypatch.setattr(_jax, "_kernel_values", padded)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("metric", METRICS)
def test_epochs_by_definition_on_every_lattice_with_every_kernel(metric, missing, one_compilation):
    points, weights = sample(missing=missing)
    kernels = [name for name in KERNELS if name != "mexican_hat"]
    for kind, kernel, distance in product(KINDS, kernels, LATTICE_DISTANCES):
        lattice = Lattice(6, 4, *kind)
        names = {"kernel": kernel, "kernel_distance": distance, "metric": metric}
        expected = train_by_definition(points, lattice, weights, RADII, **names)
        found = train_stack(points, lattice, weights, radii=RADII, **names)
        assert found.dtype == np.float32
        message = f"{lattice} {names}"
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6, err_msg=message)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("metric", METRICS)
def test_two_winners_and_their_distances(metric, missing):
    # More nodes than a group of the search.
    points, weights = sample(n_nodes=150, missing=missing)
    nodes, distances = search_two_winners(points, weights, metric=metric)
    assert (nodes.dtype, distances.dtype) == (np.int32, np.float32)
    np.testing.assert_array_equal(search_winners(points, weights, metric=metric), nodes[:, 0])
    expected = pairwise(points, weights, metric)
    np.testing.assert_array_equal(nodes, np.argsort(expected, axis=1)[:, :2])
    expected = np.take_along_axis(expected, nodes, axis=1)
    np.testing.assert_allclose(distances, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
@pytest.mark.parametrize("missing", [False, True])
def test_lowest_index_wins_among_integers(metric, missing):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        points = rng.integers(0, 4, (60, 3)).astype(np.float32) + 1000 * seed
        weights = rng.integers(0, 4, (150, 3)).astype(np.float32) + 1000 * seed
        if missing:
            points[::2, seed % 3] = np.nan
        nodes, _ = search_two_winners(points, weights, metric=metric)
        order = np.argsort(pairwise(points, weights, metric), axis=1, kind="stable")
        np.testing.assert_array_equal(nodes, order[:, :2])


def test_equal_nodes_give_way_to_the_first():
    points, weights = sample(n_nodes=150)
    for metric in METRICS:
        winners = search_winners(points, np.tile(weights[:50], (3, 1)), metric=metric)
        assert winners.max() < 50


def test_a_common_offset_does_not_hide_the_nearest_node():
    points, weights = sample(n_nodes=150)
    offset = np.float32([3e4, -1e5, 0])
    points, weights = points + offset, weights + offset
    squares = pairwise(points, weights, "sqeuclidean")
    assert (squares[range(60), search_winners(points, weights)] <= squares.min(axis=1) + 1e-5).all()


def test_extreme_lengths_have_directions():
    points, weights = sample(n_nodes=150)
    expected = search_winners(points, weights, metric="cosine")
    for scale in (2.0**-90, 2.0**40):
        found = search_winners(points, weights * np.float32(scale), metric="cosine")
        np.testing.assert_array_equal(found, expected)
    nodes, distances = search_two_winners(np.zeros((60, 3)), weights, metric="cosine")
    np.testing.assert_array_equal(nodes, np.tile([0, 1], (60, 1)))
    np.testing.assert_array_equal(distances, 1)


def test_blocks_do_not_change_the_result():
    points, weights = sample(missing=True)
    whole = search_two_winners(points, weights)
    for rows in (7, 1000):
        parts = search_two_winners(points, weights, rows_per_block=rows)
        np.testing.assert_array_equal(parts[0], whole[0])
        np.testing.assert_array_equal(parts[1], whole[1])
    arguments = {"lattice": Lattice(6, 4), "weights": weights, "radii": RADII}
    whole = train_stack(points, **arguments)
    np.testing.assert_array_equal(train_stack(points, **arguments), whole)
    # 7 points and 10 nodes at a time.
    in_blocks = train_stack(points, **arguments, block_bytes=1920)
    np.testing.assert_array_equal(in_blocks, whole)


@pytest.mark.parametrize("missing", [False, True])
def test_realizations_train_together_as_alone(missing):
    points, _ = sample(missing=missing)
    starts = np.stack([sample(seed=seed)[1] for seed in range(3)])
    radii = np.array([RADII, RADII[::-1], (0.5, 3, 1)])
    lattice = Lattice(6, 4)
    together = train_stack(points, lattice, starts, radii=radii)
    alone = [train_stack(points, lattice, w, radii=n) for w, n in zip(starts, radii, strict=True)]
    np.testing.assert_array_equal(together, np.stack(alone))
    shared = train_stack(points, lattice, starts, radii=RADII)
    np.testing.assert_array_equal(shared[0], together[0])
    assert (shared[1] != together[1]).any()


@pytest.mark.parametrize("lanes", [1, 2])
def test_company_leaves_every_bit(lanes, monkeypatch):
    """Points as near to one node as to another within rounding go the same way in any company."""
    monkeypatch.setattr("kohorte.maps._jax._count_lanes", lambda pairs: lanes)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(4000, 6)).astype(np.float32)
    lattice = Lattice(30, 20)
    starts = rng.random((3, 600, 6)).astype(np.float32)
    together = train_stack(points, lattice, starts, radii=np.geomspace(10, 1, 8))
    pair = train_stack(points, lattice, starts[1:], radii=np.geomspace(10, 1, 8))
    np.testing.assert_array_equal(pair, together[1:])
    for k in range(3):
        alone = train_stack(points, lattice, starts[k], radii=np.geomspace(10, 1, 8))
        np.testing.assert_array_equal(alone, together[k])


def test_observer_sees_every_epoch_and_ends_the_training():
    points, weights = sample()
    arguments = {"features": points, "lattice": Lattice(6, 4), "weights": weights}
    seen = []

    def observe(epoch, weights):
        # What the observer does with JAX is not in the types of the training.
        assert jax.numpy.arange(2).dtype == np.int32
        seen.append((epoch, weights))
        return False

    found = train_stack(**arguments, radii=RADII, observer=observe)
    np.testing.assert_array_equal(found, train_stack(**arguments, radii=RADII))
    assert [(epoch, w.shape, w.dtype) for epoch, w in seen] == [
        (epoch, (24, 3), np.float32) for epoch in (1, 2, 3)
    ]
    np.testing.assert_array_equal(seen[2][1], found)
    stopped = train_stack(**arguments, radii=RADII, observer=lambda epoch, _: epoch == 2)
    np.testing.assert_array_equal(stopped, seen[1][1])
    shapes = []
    stack = {**arguments, "weights": weights[None]}
    train_stack(**stack, radii=RADII, observer=lambda _, weights: shapes.append(weights.shape))
    assert shapes == [(1, 24, 3)] * 3


def test_sums_lose_no_digits():
    # Float32 sums of so many points, or of points so far from zero, are off in the third digit.
    rng = np.random.default_rng(0)
    points = (rng.random((300_000, 2)) * [1, 1e-3] + [0, 1000]).astype(np.float32)
    points[0, 0] = -1e5  # an outlier takes nothing from the others
    for block_bytes in (10_000, 1 << 20):
        found = train_stack(points, Lattice(1, 1), [[0, 0]], radii=[1], block_bytes=block_bytes)
        np.testing.assert_allclose(found[0], points.mean(axis=0, dtype=float), rtol=1e-7)


def test_nodes_and_features_without_support_keep_their_weights():
    points, weights = sample()
    points[:, 1] = np.nan
    points[:, 2] += 50
    trained = train_stack(points, Lattice(6, 4), weights, radii=[0], kernel="bubble")
    winners = np.unique(search_winners(points, weights))
    others = np.setdiff1d(np.arange(24), winners)
    np.testing.assert_array_equal(trained[:, 1], weights[:, 1])
    np.testing.assert_array_equal(trained[others], weights[others])
    assert (trained[winners, 2] > 40).all()
    # One step away this Gaussian is 5e-296.
    points[:] = points[0]
    winner = search_winners(points, weights)[0]
    trained = train_stack(points, Lattice(6, 4), weights, radii=[0.0271])
    np.testing.assert_allclose(trained[winner, [0, 2]], points[0, [0, 2]], rtol=1e-6)
    np.testing.assert_array_equal(np.delete(trained, winner, 0), np.delete(weights, winner, 0))


@pytest.mark.parametrize("metric", ["sqeuclidean", "chebyshev", "cosine"])
def test_smallest_cases(metric):
    trained = train_stack([[2]], Lattice(1, 1), [[-3]], radii=[0], metric=metric)
    np.testing.assert_array_equal(trained, [[2]])
    nodes, distances = search_two_winners([[2]], [[-3]], metric=metric)
    np.testing.assert_array_equal(nodes, [[0, -1]])
    lengths = {"sqeuclidean": 25, "cosine": 2}
    np.testing.assert_allclose(distances, [[lengths.get(metric, 5), np.inf]])


def test_constant_data_and_other_layouts():
    weights = sample()[1].astype(float)
    weights.setflags(write=False)
    points = np.asfortranarray(np.full((60, 3), 7), dtype=np.int16)
    trained = train_stack(points, Lattice(6, 4), weights, radii=RADII)
    np.testing.assert_allclose(trained, 7, rtol=1e-6)
    assert (weights < 7).all()
    trained[:] = 0


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"metric": "taxi"}, ConfigError, "unknown metric 'taxi'"),
        ({"kernel": "mexican_hat"}, ConfigError, "negative values"),
        ({"kernel": "box"}, ConfigError, "unknown neighbourhood kernel"),
        ({"kernel_distance": "taxi"}, ConfigError, "kernel_distance"),
        ({"radii": []}, ConfigError, r"radii must have shape \(E,\) with E >= 1"),
        ({"radii": 1.0}, ConfigError, "radii must have shape"),
        ({"radii": [[1.0]]}, ConfigError, r"radii must have shape \(E,\)"),
        ({"radii": [-1.0]}, ConfigError, "radius"),
        ({"radii": [[1], [1]], "weights": np.zeros((3, 4, 2))}, ConfigError, r"or \(3, E\)"),
        ({"weights": np.zeros((0, 4, 2))}, ConfigError, "no realization"),
        ({"weights": np.zeros((3, 2))}, DataError, "lattice has 4 nodes"),
        ({"weights": np.zeros((2, 4, 3))}, DataError, "3 columns"),
        ({"weights": np.full((4, 2), np.nan)}, DataError, "weights has the value nan"),
        ({"features": [[1, np.inf]]}, DataError, "inf in row 0"),
        ({"features": [[1, 2], [np.nan, np.nan]]}, DataError, "no value in row 1"),
        ({"block_bytes": 0}, ConfigError, "block_bytes must be at least 1"),
    ],
)
def test_bad_arguments(changes, error, message):
    arguments = {"features": np.zeros((3, 2)), "weights": np.zeros((4, 2)), "radii": [1.0]}
    with pytest.raises(error, match=message):
        train_stack(**{"lattice": Lattice(2, 2), **arguments, **changes})


@pytest.mark.parametrize("search", [search_winners, search_two_winners])
def test_bad_arguments_of_searches(search):
    for arguments, error in [
        ({"metric": "taxi"}, ConfigError),
        ({"rows_per_block": 0}, ConfigError),
        ({"weights": [[1.0]]}, DataError),
        ({"features": [[np.inf, 1.0]]}, DataError),
    ]:
        with pytest.raises(error):
            search(**{"features": [[1.0, 2.0]], "weights": [[1.0, 2.0]], **arguments})


def test_work_of_a_search():
    assert search_work(10, 5, 3, "euclidean") == (300, 8 * 50 + 120)
    assert search_work(10, 5, 9, "manhattan") == (900, 8 * 50 * 2 + 360)


def test_the_rest_of_the_package_does_not_import_jax():
    code = "import sys, kohorte.maps.batch, kohorte.maps.winners; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
