"""What each map sees: rows of its own for training, all of them for labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from kohorte.errors import ConfigError
from kohorte.maps.draws import draw_rows
from kohorte.maps.realization import MapParameters, run_realization, run_realizations
from kohorte.maps.winners import find_winners

POINTS = np.random.default_rng(3).normal(size=(60, 3)).astype(np.float32)
POINTS[::7, 1] = np.nan
TRAINED = {
    "online": {"trainer": "online", "steps": 300, "order": "sequential"},
    "minibatch": {"trainer": "minibatch", "epochs": 3, "batch_size": 16},
    "batch": {"trainer": "batch", "epochs": 3, "patience": 2},
    "jax": {"trainer": "batch", "epochs": 3, "backend": "jax", "initial": "pca"},
}
DRAWS = [{"row_share": 0.5}, {"row_limit": 20}, {"row_draw": "bootstrap", "row_share": 0.9}]


def rows_of(seed, **drawn):
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(4)[3])
    return draw_rows(len(POINTS), rng, **{name[4:]: value for name, value in drawn.items()})


@pytest.mark.parametrize("drawn", DRAWS)
@pytest.mark.parametrize("trained", TRAINED.values(), ids=TRAINED)
def test_a_map_is_that_of_its_rows_and_labels_all(trained, drawn):
    if trained.get("backend") == "jax":
        pytest.importorskip("jax")
    found = run_realization(POINTS, MapParameters(4, 3, **trained, **drawn), 5)
    rows = rows_of(5, **drawn)
    expected = run_realization(POINTS[rows], MapParameters(4, 3, **trained), 5)
    assert_array_equal(found.weights, expected.weights)
    assert_array_equal(found.history.quantization_error, expected.history.quantization_error)
    assert_array_equal(found.winners, find_winners(POINTS, found.weights))
    assert found.hits.sum() == len(POINTS)
    assert_array_equal(found.labels, found.node_clusters[found.winners])
    whole = run_realization(POINTS, MapParameters(4, 3, **trained), 5)
    assert (found.weights != whole.weights).any()


@pytest.mark.parametrize("trained", TRAINED.values(), ids=TRAINED)
def test_maps_of_a_job_have_rows_of_their_own(trained):
    if trained.get("backend") == "jax":
        pytest.importorskip("jax")
    runs = [
        (MapParameters(4, 3, **trained, row_share=share), seed)
        for seed, share in ((1, 0.5), (2, 0.5), (2, 0.8), (3, 1))
    ]
    together = {}
    run_realizations(POINTS, runs, together.__setitem__)
    for k, (parameters, seed) in enumerate(runs[:3]):
        assert_array_equal(together[k].weights, run_realization(POINTS, parameters, seed).weights)


@given(
    st.integers(1, 50),
    st.floats(0.01, 1),
    st.none() | st.integers(2, 60),
    st.sampled_from(["subset", "bootstrap"]),
)
def test_rows_that_are_drawn(n_points, share, limit, draw):
    rows = draw_rows(n_points, np.random.default_rng(0), share=share, limit=limit, draw=draw)
    count = min(max(2, round(share * n_points)), limit or 60)
    if rows is None:
        assert draw == "subset"
        assert count >= n_points
        return
    assert rows.size == count
    assert 0 <= rows.min() <= rows.max() < n_points
    assert (np.diff(rows) >= (draw == "subset")).all()


def test_every_row_is_as_likely():
    rng = np.random.default_rng(1)
    for draw in ("subset", "bootstrap"):
        counts = np.zeros(10)
        for _ in range(2000):
            counts += np.bincount(draw_rows(10, rng, share=0.3, draw=draw), minlength=10)
        np.testing.assert_allclose(counts, 600, atol=5 * np.sqrt(600))


@pytest.mark.parametrize(
    ("drawn", "message"),
    [
        ({"row_share": 0}, "row_share must be finite and > 0"),
        ({"row_share": 1.5}, "row_share must be at most 1"),
        ({"row_limit": 1}, "row_limit must be at least 2"),
        ({"row_draw": "half"}, "unknown row draw 'half'"),
    ],
)
def test_draws_that_cannot_be_made(drawn, message):
    with pytest.raises(ConfigError, match=message):
        MapParameters(4, 3, **drawn)
