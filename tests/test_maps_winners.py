import multiprocessing
import warnings

import numpy as np
import oracles_maps as oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kohorte.errors import ConfigError, DataError
from kohorte.maps import _kernels, winners
from kohorte.maps._threads import kept_pool
from kohorte.maps.lattice import Lattice
from kohorte.maps.metrics import METRICS
from kohorte.maps.winners import WinnerSearch, find_two_winners, find_winners


@given(
    n_nodes=st.sampled_from([1, 2, 3, 63, 64, 65, 511, 512, 513, 1100]),
    n_features=st.integers(1, 9),
    levels=st.integers(1, 4),
    seed=st.integers(0, 2**32),
)
def test_two_winners_with_many_ties_against_a_stable_sort(n_nodes, n_features, levels, seed):
    rng = np.random.default_rng(seed)
    points = rng.integers(0, levels, size=(7, n_features)).astype(np.float32)
    weights = rng.integers(0, levels, size=(n_nodes, n_features)).astype(np.float32)
    nodes, distances = find_two_winners(points, weights)
    np.testing.assert_array_equal(find_winners(points, weights), nodes[:, 0])
    for point, pair, lengths in zip(points, nodes, distances, strict=True):
        squares = oracle.squared_distances(point, weights)
        order = np.argsort(squares, kind="stable")[:2]
        np.testing.assert_array_equal(pair[: order.size], order)
        np.testing.assert_array_equal(lengths[: order.size], np.sqrt(squares[order]))
    if n_nodes == 1:
        assert (nodes[:, 1] == -1).all()
        assert np.isinf(distances[:, 1]).all()


@pytest.mark.parametrize("metric", METRICS)
@given(
    n_nodes=st.integers(1, 60),
    n_features=st.sampled_from([2, 3, 7, 64, 70]),
    missing=st.sampled_from([0, 0.4]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=25)
def test_every_metric_with_and_without_missing_values(metric, n_nodes, n_features, missing, seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(9, n_features)).astype(np.float32)
    points[rng.random(points.shape) < missing] = np.nan
    points[:, :2] = np.where(np.isnan(points[:, :2]), 0.3, points[:, :2])
    weights = rng.normal(size=(n_nodes, n_features)).astype(np.float32)
    nodes, lengths = find_two_winners(points, weights, metric=metric)
    np.testing.assert_array_equal(find_winners(points, weights, metric=metric), nodes[:, 0])
    expected = np.array([[oracle.distance(p, w, metric) for w in weights] for p in points])
    for rank in range(min(n_nodes, 2)):
        found = expected[np.arange(9), nodes[:, rank]]
        np.testing.assert_allclose(found, np.sort(expected, axis=1)[:, rank], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(lengths[:, rank], found, rtol=1e-5, atol=1e-6)
    if n_nodes == 1:
        assert (nodes[:, 1] == -1).all()
        assert np.isinf(lengths[:, 1]).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("missing", [False, True])
def test_equal_nodes_go_to_the_lowest_index(metric, missing):
    points = np.random.default_rng(0).normal(size=(20, 3))
    if missing:
        points[:, 1] = np.nan
    nodes, _ = find_two_winners(points, np.tile([[0.3, 0.2, 0.9]], (50, 1)), metric=metric)
    assert (nodes == [0, 1]).all()


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_a_common_offset_does_not_cost_the_digits_of_the_differences(offset):
    rng = np.random.default_rng(0)
    points, weights = (offset + rng.integers(0, 64, size=(n, 3)) / 16.0 for n in (500, 90))
    nodes, lengths = find_two_winners(points, weights)
    expected = ((points[:, None] - weights) ** 2).sum(axis=2)
    best = expected.min(axis=1)
    assert np.mean(expected[np.arange(500), nodes[:, 0]] == best) > 0.99
    np.testing.assert_allclose(lengths[:, 0] ** 2, best, atol=1e-2)


@pytest.mark.parametrize("metric", METRICS)
def test_the_largest_values_do_not_overflow(metric):
    points = np.array([[1e15, -1e15], [-1e15, 1e15]])
    nodes, lengths = find_two_winners(points, points, metric=metric)
    np.testing.assert_array_equal(nodes, [[0, 1], [1, 0]])
    assert np.isfinite(lengths).all()


def test_distances_to_given_nodes():
    search = WinnerSearch([[0.0, 0.0], [3.0, 4.0]])
    found = search.distances([[0.0, 0.0], [3.0, 0.0], [0.0, np.nan]], [1, 1, 1])
    np.testing.assert_allclose(found, [5, 4, 3 * np.sqrt(2)])


def test_threads_do_not_change_the_result(monkeypatch):
    monkeypatch.setattr(winners, "BLOCK_ROWS", 100)
    rng = np.random.default_rng(0)
    points, weights = rng.normal(size=(1050, 5)), rng.normal(size=(80, 5))
    for found in (find_winners, find_two_winners):
        one, two = (found(points, weights, threads=threads) for threads in (1, 2))
        for a, b in zip(np.atleast_2d(one), np.atleast_2d(two), strict=True):
            np.testing.assert_array_equal(a, b)


def test_dtypes_and_layouts():
    points = np.asfortranarray([[0, 0], [9, 9], [4, 5]], dtype=np.int16)
    nodes, distances = find_two_winners(points, [[0, 1], [9, 9]])
    assert (nodes.dtype, distances.dtype) == (np.int32, np.float32)
    np.testing.assert_array_equal(nodes, [[0, 1], [1, 0], [0, 1]])
    np.testing.assert_allclose(distances[0], [1, np.sqrt(162)], rtol=1e-6)
    assert find_winners(points, [[0, 1], [9, 9]]).dtype == np.int32


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        (([[1.0]], [[1.0, 2.0]]), {}, DataError),
        (([[1.0]], [[np.inf]]), {}, DataError),
        (([[1.0]], [[1.0]]), {"metric": "taxi"}, ConfigError),
        (([[1.0]], [[1.0]]), {"threads": 0}, ConfigError),
    ],
)
def test_bad_arguments(arguments, options, error):
    for function in (find_winners, find_two_winners):
        with pytest.raises(error):
            function(*arguments, **options)


def test_threads_are_kept_but_not_by_a_forked_process():
    points = np.random.default_rng(0).normal(size=(3 * winners.BLOCK_ROWS, 2))
    weights = np.random.default_rng(1).normal(size=(30, 2))
    expected = find_winners(points, weights, threads=3)
    assert kept_pool(2) is kept_pool(2)
    process = multiprocessing.get_context("fork").Process(
        target=find_winners, args=(points, weights), kwargs={"threads": 3}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forks beside threads, which are the point here
        process.start()
    process.join(timeout=60)
    assert process.exitcode == 0
    np.testing.assert_array_equal(find_winners(points, weights, threads=3), expected)


def test_an_error_in_one_thread_ends_the_search():
    left = []

    def task(rows):
        left.append(rows)
        raise MemoryError("no more")

    for threads in (1, 3):
        left.clear()
        with pytest.raises(MemoryError, match="no more"):
            winners._in_blocks(task, 100 * winners.BLOCK_ROWS, threads)
        assert len(left) <= threads


def product_winners(points, blocks, n_best):
    """The definition of search_blocks, node by node: float32 sums from the first feature on."""
    filled = blocks.ids < _kernels.NO_NODE
    order = np.argsort(blocks.ids[filled])
    nodes = blocks.weights.swapaxes(1, 2).reshape(-1, points.shape[1])[filled][order]
    bias = blocks.bias[filled][order]
    found = []
    for point in points:
        total = bias
        for f, x in enumerate(blocks.centre - point):
            total = oracle.fused(nodes[:, f], x, total)
        found.append(np.argsort(total, kind="stable")[:n_best])
    return np.array(found)


def awkward_map(rng, lattice, n_features, kind):
    """Weights (M, F) of many ties, or of one sheet, or of none, far away or of odd sizes."""
    size = lattice.n_nodes, n_features
    sheet = lattice.coordinates() @ rng.normal(size=(2, n_features))
    weights = {
        "levels": lambda: rng.integers(0, 3, size),
        "equal": lambda: np.tile(rng.normal(size=n_features), (size[0], 1)),
        "sheet": lambda: sheet,
        "steps": lambda: np.round(sheet / 4),
        "clouds": lambda: rng.normal(size=size),
        "far": lambda: 1e6 + np.round(8 * sheet) / 8,
        "far apart": lambda: 1e4 * rng.integers(-1, 2, size) + rng.normal(size=size),
        "tiny": lambda: 1e-22 * sheet,
        "huge": lambda: 1e13 * rng.normal(size=size),
    }[kind]()
    return np.asarray(weights, np.float32)


def awkward_points(rng, weights):
    """Points on nodes, half way between two, a rounding away from there, anywhere, and far off."""
    one, other = weights[rng.integers(len(weights), size=(2, 60))]
    middle = (one + other) / 2
    spread = np.ptp(weights) or 1
    clouds = weights.mean(axis=0) + spread * rng.normal(size=(20, weights.shape[1]))
    points = [one, middle, np.nextafter(middle, one), np.nextafter(middle, np.inf), clouds]
    return np.concatenate([*points, weights[:5] + 300 * spread, 0 * one]).astype(np.float32)


MAPS = ["levels", "equal", "sheet", "steps", "clouds", "far", "far apart", "tiny", "huge"]


@pytest.mark.parametrize("kind", MAPS)
@given(
    sides=st.sampled_from([(16, 16), (1, 70), (70, 1), (17, 9), (5, 33), (40, 30)]),
    n_features=st.sampled_from([1, 3]),
    metric=st.sampled_from(["euclidean", "cosine"]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=8)
def test_blocks_have_the_winners_of_all_nodes(kind, sides, n_features, metric, seed):
    rng, lattice = np.random.default_rng(seed), Lattice(*sides)
    weights = awkward_map(rng, lattice, n_features, kind)
    points = awkward_points(rng, weights)
    blocks = winners.make_blocks(weights, _kernels.KINDS[METRICS[metric].kind], lattice)
    for n_best in (1, 2):
        found = np.empty((len(points), n_best), np.int32)
        done, looks = winners.look_at_blocks(points, blocks, found)
        assert done == len(points)
        assert len(points) <= looks <= len(points) * blocks.filled
        np.testing.assert_array_equal(found, product_winners(points, blocks, n_best))


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine"])
@pytest.mark.parametrize("missing", [0, 0.05])
def test_a_lattice_changes_no_winner(metric, missing):
    """Where blocks are looked at, where that is given up, and where some values are missing."""
    rng, lattice = np.random.default_rng(0), Lattice(24, 20)
    sheet = (lattice.coordinates() @ rng.normal(size=(2, 3)) / 4).astype(np.float32)
    points = sheet[rng.integers(480, size=5000)] + rng.normal(size=(5000, 3)).astype(np.float32)
    points[rng.random(5000) < missing, 1] = np.nan
    for weights in (sheet, rng.permutation(sheet)):
        expected = find_two_winners(points, weights, metric=metric)
        for threads in (1, 2):
            options = {"metric": metric, "lattice": lattice, "threads": threads}
            pair = find_two_winners(points, weights, **options)
            for a, b in zip(pair, expected, strict=True):
                np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(
                find_winners(points, weights, **options), expected[0][:, 0]
            )


def test_few_blocks_are_looked_at():
    """On a sheet, and few more where it has four times the nodes; where there is none, all."""
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(2, 3))
    looks = {}
    for side in (24, 48):
        lattice = Lattice(side, side)
        sheet = (lattice.coordinates() / side @ axes).astype(np.float32)
        points = (rng.random((2000, 2)) @ axes + 0.1 * rng.normal(size=(2000, 3))).astype(
            np.float32
        )
        for name, weights in (("sheet", sheet), ("none", rng.permutation(sheet))):
            blocks = winners.make_blocks(weights, _kernels.SQUARE, lattice)
            found = np.empty((2000, 1), np.int32)
            _, seen = winners.look_at_blocks(points, blocks, found)
            looks[name, side] = seen / 2000 / blocks.filled
    assert looks["sheet", 24] < 0.2
    assert looks["sheet", 48] < looks["sheet", 24] / 2
    assert looks["none", 48] > 0.9
    done, _ = winners.look_at_blocks(points, blocks, found, 0.5 * blocks.filled)
    assert done == _kernels.BLOCK_POINTS


@given(xdim=st.integers(1, 70), ydim=st.integers(1, 70))
def test_blocks_of_a_lattice(xdim, ydim):
    blocks = Lattice(xdim, ydim).blocks(16)
    nodes = blocks[blocks >= 0]
    assert sorted(nodes) == list(range(xdim * ydim))
    # Few, and nearly square: all but those at the borders are full.
    assert len(blocks) <= 2 * -(-xdim * ydim // 16) + 1
    extents = [np.ptp([n % xdim for n in b if n >= 0]) for b in blocks]
    assert max(extents, default=0) <= max(8, 16 / ydim)
    for lane in blocks.T:
        assert (np.diff(lane[lane >= 0]) < 0).all()
