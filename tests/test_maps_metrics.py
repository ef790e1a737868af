import numpy as np
import oracles_maps as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kohorte._arrays import as_points
from kohorte.errors import ConfigError, DataError
from kohorte.maps.metrics import METRICS, pairwise, rowwise

NAN = float("nan")
values = st.floats(-1e6, 1e6, width=32).map(lambda x: 0.0 if abs(x) < 1e-6 else x)


def tables(entries):
    """Two tables of equal width."""
    return st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 6)).flatmap(
        lambda n: st.tuples(
            arrays(np.float32, (n[0], n[2]), elements=entries),
            arrays(np.float32, (n[1], n[2]), elements=entries),
        )
    )


@pytest.mark.parametrize("metric", METRICS)
@given(tables(values) | tables(st.one_of(st.just(NAN), st.just(0.0), values)))
def test_distances_by_definition(metric, case):
    a, b = case
    expected = [[oracle.distance(p, q, metric) for q in b] for p in a]
    found = pairwise(a, b, metric)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    n = min(len(a), len(b))
    in_rows = rowwise(a[:n], b[:n], metric)
    np.testing.assert_allclose(in_rows, np.diag(expected), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@given(tables(values))
def test_a_metric_is_symmetric_not_negative_and_zero_for_equals(metric, case):
    a, b = case
    distances = pairwise(a, b, metric)
    assert (distances >= 0).all()
    np.testing.assert_allclose(distances, pairwise(b, a, metric).T, atol=1e-14)
    to_itself = (a == 0).all(axis=1) if metric == "cosine" else 0
    np.testing.assert_array_equal(np.diag(pairwise(a, a, metric)), to_itself)
    np.testing.assert_array_equal(rowwise(a, a, metric), to_itself)


@pytest.mark.parametrize("metric", [m for m in METRICS if METRICS[m].has_triangle_inequality])
@given(tables(values))
def test_no_detour_is_shorter(metric, case):
    a, b = case
    there = pairwise(a, b, metric)
    by_way_of = (there[:, None, :] + there[None, :, :]).min(axis=2)
    assert (pairwise(a, a, metric) <= by_way_of * (1 + 1e-12)).all()


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("euclidean", np.sqrt(3 / 2 * 25)),
        ("sqeuclidean", 3 / 2 * 25),
        ("manhattan", 3 / 2 * 7),
        ("chebyshev", 4),
        ("cosine", 1 - 1 / np.sqrt(10)),
    ],
)
def test_missing_values_by_hand(metric, expected):
    a, b = [[0, 5, NAN]], [[3, 1, 9]]
    assert pairwise(a, b, metric)[0, 0] == pytest.approx(expected)
    assert rowwise(b, a, metric)[0] == pytest.approx(expected)
    assert rowwise([[NAN, 1]], [[1, NAN]], metric)[0] == np.inf


def test_vectors_without_a_direction():
    for a in ([[0.0, 0.0]], [[0.0, NAN]]):
        np.testing.assert_array_equal(pairwise(a, [[0, 0], [1, 2]], "cosine"), [[1, 1]])
        np.testing.assert_array_equal(rowwise(a, [[1, 2]], "cosine"), [1])


def test_parallel_vectors_are_at_no_distance():
    weights = np.random.default_rng(0).normal(size=(50, 30)).astype(np.float32)
    assert not rowwise(weights, 3 * weights, "cosine").any()
    assert not np.diag(pairwise(weights, 3 * weights, "cosine")).any()


def test_unknown_metric():
    for function in (pairwise, rowwise):
        with pytest.raises(ConfigError, match="unknown metric 'taxi'; choose one of chebyshev"):
            function([[1.0]], [[1.0]], "taxi")


def test_points_with_missing_values():
    points = np.array([[1, NAN], [NAN, 2]], dtype=np.float32)
    assert as_points(points, missing=True) is points
    assert as_points([[1, 2]], missing=True).dtype == np.float32
    with pytest.raises(DataError, match="the value nan in row 0, column 1"):
        as_points(points)
    with pytest.raises(DataError, match="features has no value in row 1"):
        as_points([[1.0, NAN], [NAN, NAN]], missing=True)
    with pytest.raises(DataError, match="the value inf in row 1, column 0"):
        as_points([[1, NAN], [np.inf, NAN]], missing=True)
