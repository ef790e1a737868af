import numpy as np
import oracles_maps as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohorte.errors import ConfigError, DataError
from kohorte.maps import winners
from kohorte.maps.winners import find_two_winners, find_winners


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
