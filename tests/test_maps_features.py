"""What each map sees: features of its own, in training and after it, each on a scale."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from kohorte import SOM, SOMEnsemble, store
from kohorte.errors import ConfigError, DataError
from kohorte.maps.draws import draw_features, node_means, see, unsee
from kohorte.maps.realization import MapParameters, Recording, run_realization, run_realizations

POINTS = np.random.default_rng(3).normal(size=(60, 5)).astype(np.float32)
HOLES = POINTS.copy()
HOLES[::7, 1] = HOLES[3::9, 4] = np.nan
TRAINED = {
    "online": {"trainer": "online", "steps": 300, "order": "sequential"},
    "minibatch": {"trainer": "minibatch", "epochs": 3, "batch_size": 16, "method": "kmeans"},
    "batch": {"trainer": "batch", "epochs": 3, "row_share": 0.7, "method": "segments"},
    "jax": {"trainer": "batch", "epochs": 3, "backend": "jax", "initial": "pca"},
}
trainers = pytest.mark.parametrize("trained", TRAINED.values(), ids=TRAINED)
FACTORS = np.array([0.3, 0, 1, 1 / 7, 2.5])


def columns_of(seed, share, n_features=5):
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(5)[4])
    return np.sort(rng.choice(n_features, round(share * n_features), replace=False, shuffle=False))


def skip_without_jax(trained):
    if trained.get("backend") == "jax":
        pytest.importorskip("jax")


def check_equal(found, expected):
    for name in ("u_matrix", "node_clusters", "winners", "labels", "hits"):
        assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.quality == expected.quality
    assert_array_equal(found.history.quantization_error, expected.history.quantization_error)


@trainers
def test_a_map_is_that_of_its_features(trained):
    skip_without_jax(trained)
    recording = Recording(snapshots=2)
    found = run_realization(
        HOLES, MapParameters(4, 3, **trained, feature_share=0.6), 5, recording=recording
    )
    columns = columns_of(5, 0.6)
    expected = run_realization(
        HOLES[:, columns], MapParameters(4, 3, **trained), 5, recording=recording
    )
    check_equal(found, expected)
    assert found.weights.shape == (12, 5)
    assert found.weights.dtype == np.float32
    assert_array_equal(np.flatnonzero(found.factors), columns)
    assert_array_equal(found.weights[:, columns], expected.weights)
    assert_array_equal(found.history.snapshots[..., columns], expected.history.snapshots)
    for column in set(range(5)) - set(columns):
        for node in range(12):
            values = HOLES[found.winners == node, column]
            whole = np.isnan(values).all()
            mean = np.nanmean(HOLES[:, column] if whole else values)
            assert found.weights[node, column] == pytest.approx(mean, rel=1e-6, abs=1e-7)
        mean = np.nanmean(HOLES[:, column])
        assert_allclose(found.history.snapshots[..., column], mean, rtol=1e-6)


@trainers
def test_a_map_is_that_of_its_scale(trained):
    skip_without_jax(trained)
    found = run_realization(POINTS, MapParameters(4, 3, **trained), 5, factors=FACTORS)
    scaled = (POINTS * FACTORS).astype(np.float32)[:, FACTORS > 0]
    expected = run_realization(scaled, MapParameters(4, 3, **trained), 5)
    check_equal(found, expected)
    assert_array_equal(see(found.weights, found.factors), expected.weights)
    assert_array_equal(found.factors, FACTORS)


def test_features_are_drawn_of_those_with_a_factor():
    found = run_realization(POINTS, MapParameters(4, 3, feature_share=0.5), 1, factors=FACTORS)
    kept = found.factors > 0
    assert kept.sum() == 2
    assert_array_equal(found.factors[kept], FACTORS[kept])
    # A map that sees all as it is, by whatever way, is the one of today.
    plain = run_realization(POINTS, MapParameters(4, 3), 1)
    for how in ({"factors": np.ones(5)}, {}):
        same = run_realization(POINTS, MapParameters(4, 3, feature_share=0.95), 1, **how)
        assert same.factors is None
        assert_array_equal(same.weights, plain.weights)


def test_first_weights_are_given_for_all_features():
    start = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    how = MapParameters(4, 3, trainer="batch", epochs=2, initial="given")
    found = run_realization(POINTS, how, 5, given=start, factors=FACTORS)
    scaled = (see(table, FACTORS) for table in (POINTS, start))
    points, given_ = scaled
    expected = run_realization(points, how, 5, given=given_)
    assert_array_equal(found.winners, expected.winners)


@trainers
def test_maps_of_a_job_have_features_of_their_own(trained):
    skip_without_jax(trained)
    runs = [
        (MapParameters(4, 3, **trained, feature_share=share), seed)
        for seed, share in ((1, 0.4), (2, 0.4), (2, 0.8), (3, 1), (4, 1))
    ]
    factors = [None, None, FACTORS, FACTORS, None]
    together = {}
    run_realizations(POINTS, runs, together.__setitem__, factors=factors)
    for k, (parameters, seed) in enumerate(runs[:4]):
        alone = run_realization(POINTS, parameters, seed, factors=factors[k])
        assert_array_equal(together[k].weights, alone.weights)
    assert together[4].factors is None


@given(st.integers(1, 30), st.floats(0.01, 1), st.integers(0, 9), st.booleans())
def test_features_that_are_drawn(n_features, share, seed, some):
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, 3, n_features) / 2 if some else None
    if factors is not None:
        factors[rng.integers(n_features)] = 0.5
    seen = np.ones(n_features) if factors is None else factors
    found = draw_features(n_features, rng, share=share, factors=factors)
    if found is None:
        assert (seen == 1).all()
        assert max(1, round(share * n_features)) == n_features
        return
    kept = found > 0
    assert kept.sum() == max(1, round(share * (seen > 0).sum()))
    assert_array_equal(found[kept], seen[kept])


def test_every_feature_is_as_likely():
    rng = np.random.default_rng(1)
    counts = sum(draw_features(10, rng, share=0.3) for _ in range(2000))
    assert_allclose(counts, 600, atol=5 * np.sqrt(600))


@given(st.integers(0, 2**32 - 1))
def test_weights_are_found_again_to_the_bit(seed):
    rng = np.random.default_rng(seed)
    weights = (rng.normal(size=(7, 3)) * 10.0 ** rng.integers(-9, 9, 3)).astype(np.float32)
    factors = np.array([0, *10.0 ** rng.uniform(-6, 6, 3), 0])
    spread = unsee(weights, factors, np.zeros(5))
    assert_array_equal(see(spread, factors), weights)
    stack = unsee(np.stack([weights, weights]), factors, np.arange(5.0))
    assert_array_equal(stack[1, :, 1:4], spread[:, 1:4])
    assert_array_equal(stack[..., 4], np.full((2, 7), 4))


def test_means_of_nodes_by_hand():
    table = np.array([[1, 2, np.nan], [1, 4, np.nan], [1, 9, np.nan], [1, np.nan, np.nan]])
    of_nodes, of_all = node_means(table, np.array([0, 0, 2, 1]), 4, np.array([1.0, 0, 0]))
    absent = np.nan
    assert_array_equal(of_nodes, [[0, 3, absent], [0, 5, absent], [0, 9, absent], [0, 5, absent]])
    assert_array_equal(of_all, [0, 5, absent])


def test_what_cannot_be_seen():
    for share in (0, 1.5):
        with pytest.raises(ConfigError, match="feature_share must be"):
            MapParameters(4, 3, feature_share=share)
    for bad in ([1, 1], [0, 0, 0], [1, -1, 1], [1, np.inf, 1]):
        with pytest.raises(DataError, match="factors must be 3 finite numbers at least 0"):
            run_realization(POINTS[:, :3], MapParameters(4, 3), 0, factors=bad)
    table = np.array([[1, 2], [np.nan, 3]], dtype=np.float32)
    with pytest.raises(DataError, match="row 1 has no value in the 1 of 2 features"):
        see(table, np.array([1.0, 0]))
    with pytest.raises(DataError, match="3 columns, but the map knows 2 features"):
        see(np.zeros((2, 3)), np.array([1.0, 0]))


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "chebyshev"])
@pytest.mark.parametrize("weights", [None, [1, 2, 0.3, 1, 7]])
def test_estimator(metric, weights, tmp_path):
    som = SOM(4, 3, steps=300, feature_share=0.6, metric=metric, feature_weights=weights)
    som.set_params(random_state=8).fit(HOLES)
    columns = columns_of(8, 0.6)
    parts = None if weights is None else np.array(weights)[columns]
    expected = SOM(4, 3, steps=300, metric=metric, feature_weights=parts, random_state=8)
    expected.fit(HOLES[:, columns])
    assert_array_equal(som.labels_, expected.labels_)
    assert_array_equal(som.weights_[:, columns], expected.weights_)
    assert_array_equal(som.predict(HOLES), som.labels_)
    new = np.random.default_rng(1).normal(size=(40, 5))
    for name in ("predict", "transform", "distances", "score_samples"):
        assert_array_equal(getattr(som, name)(new), getattr(expected, name)(new[:, columns]))
    filled = som.impute(HOLES)
    assert_array_equal(filled[~np.isnan(HOLES)], HOLES[~np.isnan(HOLES)])
    rows, absent = np.nonzero(np.isnan(HOLES))
    assert_array_equal(filled[rows, absent], som.weights_[som.winners_[rows], absent].astype("f4"))

    som.save(tmp_path / "map.h5")
    loaded = SOM.load(tmp_path / "map.h5")
    assert_array_equal(loaded.factors_, som.factors_)
    assert_array_equal(loaded.distances(new), som.distances(new))
    assert_array_equal(loaded._codebook, som._codebook)
    stored = store.read_realization(tmp_path / "map.h5", "weights")
    assert_array_equal(stored.factors, som.factors_)

    # A stream sees all features again.
    assert som.partial_fit(HOLES).factors_ is None
    assert som.distances(new).shape == (40, 12)


def test_soft_places_are_of_what_the_map_sees():
    pytest.importorskip("equinox")
    from kohorte.maps.soft import soft_coordinates

    seen = {"feature_weights": [1, 2, 0.3, 1, 7]}
    som = SOM(4, 3, steps=300, feature_share=0.6, random_state=8, **seen).fit(HOLES)
    columns = columns_of(8, 0.6)
    expected = SOM(
        4, 3, steps=300, random_state=8, feature_weights=np.array([1, 2, 0.3, 1, 7])[columns]
    )
    expected.fit(HOLES[:, columns])
    assert_allclose(
        soft_coordinates(som, HOLES, 2.0),
        soft_coordinates(expected, HOLES[:, columns], 2.0),
        rtol=1e-5,
    )


def test_ensemble(tmp_path):
    som = SOM(4, 3, recipe="published", steps=300)
    ensemble = SOMEnsemble(
        som,
        recipe="published",
        sweep={"feature_share": [0.4, 0.8]},
        n_realizations=4,
        random_state=2,
    ).fit(POINTS)
    assert ensemble.ids_[0] == "x4_y3_steps300_alpha0.1_features0.4_r1"
    assert [int((m.factors_ > 0).sum()) for m in ensemble.estimators_] == [2, 2, 4, 4]
    assert len({m.factors_.tobytes() for m in ensemble.estimators_}) > 2
    assert_array_equal(ensemble.predict(POINTS), ensemble.labels_)
    assert ensemble.novelty(POINTS).mean() == pytest.approx(1, rel=1e-5)
    ensemble.save(tmp_path)
    loaded = SOMEnsemble.load(tmp_path)
    new = np.random.default_rng(1).normal(size=(40, 5))
    assert_array_equal(loaded.predict_proba(new), ensemble.predict_proba(new))
    assert_array_equal(loaded.novelty(new), ensemble.novelty(new))
