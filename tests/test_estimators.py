"""The estimators against the functions that they stand for, and against scikit-learn's checks."""

import io
import itertools
import logging
import pickle
import sys
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from planning import plan_config
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import kohorte
from kohorte import store
from kohorte.analysis.prediction import predict
from kohorte.ensemble.combination import combine
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.errors import ConfigError, DataError, ResultError
from kohorte.estimators import SOM, SOMEnsemble, load_study
from kohorte.estimators.som import complete_parameters
from kohorte.jobs.novelty import MeanNovelty
from kohorte.maps.batch import MiniBatches, train_minibatch
from kohorte.maps.initial import initial_weights
from kohorte.maps.lattice import Lattice
from kohorte.maps.metrics import METRICS, pairwise
from kohorte.maps.parameters import parameter_defaults
from kohorte.maps.realization import MapParameters, Recording, run_realization
from kohorte.maps.schedules import Radii, learning_rates

MAP = {"xdim": 4, "ydim": 3, "steps": 200}
SMALL = MAP | {"recipe": "published"}
ONE_BATCH = {"epochs": 1, "batch_size": 150, "alpha": 0.1, "order": "sequential"}
FACTORS = np.array([0.3, 1.7, 2.0, 0.9])


@parametrize_with_checks(
    [SOM(**SMALL), SOMEnsemble(SOM(**SMALL), n_realizations=3)],
    # It shuffles the rows, whose order the seeded order of samples follows; what a weight is, is
    # in test_sample_weight.py.
    expected_failed_checks=lambda estimator: (
        {"check_sample_weight_equivalence_on_dense_data": "rows in another order"}
        if isinstance(estimator, SOM)
        else {}
    ),
)
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def X():
    """The standardized Iris table, (150, 4) float64."""
    return StandardScaler().fit_transform(load_iris().data)


@pytest.fixture(scope="module")
def gappy(X):
    """The same with a tenth of the values missing."""
    X = X.copy()
    X.flat[:: len(X) // 15] = np.nan
    assert 0.05 < np.isnan(X).mean() < 0.15
    return X


def assert_same_map(som, other):
    """What a map and another, or a Realization, have in common is the same."""

    def of(fitted, name):
        return getattr(fitted, f"{name}_" if isinstance(fitted, SOM) else name)

    for name in store.REALIZATION_ARRAYS:
        assert_array_equal(of(som, name), of(other, name))
    assert_equal(of(som, "quality"), of(other, "quality"))
    assert_equal(vars(of(som, "history")), vars(of(other, "history")))


def test_defaults_are_those_of_a_study(schema):
    ours = SOM().get_params()
    assert complete_parameters("published", SOM()._given()) == parameter_defaults()
    training = schema["properties"]["training"]["properties"]
    assert all(ours[name] == training[name]["default"] for name in ("history", "snapshots"))
    options = schema["properties"]["ensemble"]["properties"]
    for name in ("groups", "votes", "identical", "threshold"):
        assert SOMEnsemble().get_params()[name] == options[name]["default"]


@pytest.mark.parametrize(
    "chosen",
    [
        {"steps": 700, "snapshots": 2},
        {"trainer": "batch", "epochs": 6, "topology": "hexagonal", "method": "kmeans"},
        {"trainer": "minibatch", "batch_size": 20, "metric": "manhattan", "initial": "pca"},
    ],
)
def test_a_map_is_what_run_realization_gives(gappy, chosen):
    som = SOM(5, 4, recipe="published", random_state=3, **chosen).fit(gappy)
    snapshots = {"snapshots": chosen.pop("snapshots", 0)}
    clusters = "silhouette" if "method" in chosen else None
    parameters = MapParameters(5, 4, clusters=clusters, **chosen)
    expected = run_realization(gappy, parameters, 3, recording=Recording(**snapshots))
    assert_same_map(som, expected)
    assert som.parameters_ == parameters
    assert som.quantization_error_ == som.quality_["quantization_error"]
    moves = {"online": 700, "batch": 6, "minibatch": 20 * 8}
    assert som.n_iter_ == moves[parameters.trainer]


@pytest.mark.parametrize("metric", METRICS)
def test_what_a_map_says_of_points(gappy, metric):
    som = SOM(5, 4, recipe="published", steps=500, metric=metric, random_state=0).fit(gappy)
    points = gappy[::-1][:40].astype(np.float32)
    distances = pairwise(points, som.weights_, metric)
    assert_allclose(som.distances(points), distances, rtol=1e-6, atol=1e-6)
    assert_array_equal(som.winners(points), distances.argmin(axis=1))
    assert_array_equal(som.predict(gappy), som.labels_)
    assert_allclose(som.score_samples(points), -distances.min(axis=1), rtol=1e-5, atol=1e-6)
    assert som.score(gappy) == -som.quantization_error_
    where = som.winners(points)
    assert_array_equal(som.transform(points), np.c_[where % 5, where // 5])
    filled = som.impute(points)
    absent = np.isnan(points)
    assert_array_equal(filled[~absent], points[~absent])
    assert_allclose(filled[absent], som.weights_[where][absent], rtol=1e-6)


def test_features_are_weighed_as_if_the_table_were_multiplied(X):
    weighed = SOM(**SMALL, feature_weights=FACTORS, random_state=0).fit(X)
    multiplied = SOM(**SMALL, random_state=0).fit(X * FACTORS)
    assert_array_equal(weighed.labels_, multiplied.labels_)
    assert_allclose(weighed.weights_, multiplied.weights_ / FACTORS, rtol=1e-15)
    assert_array_equal(weighed.score_samples(X), multiplied.score_samples(X * FACTORS))
    assert_array_equal(weighed.predict(X), weighed.labels_)


def test_first_weights_and_warm_start_are_in_the_units_of_the_table(X):
    start = X[:12]
    given = {"feature_weights": FACTORS, "initial": start, "random_state": 5}
    som = SOM(**SMALL, **given, warm_start=True).fit(X)
    p = MapParameters(**MAP, initial="given")
    first = np.float32(start) * FACTORS
    expected = run_realization(X * FACTORS, p, 5, given=first)
    assert_array_equal(som.weights_, expected.weights / FACTORS)
    again = run_realization(X * FACTORS, p, 5, given=expected.weights)
    assert_array_equal(som.fit(X).weights_, again.weights / FACTORS)
    with pytest.raises(ValueError, match="X has 3 features"):
        som.fit(X[:, :3])


def test_warm_start_keeps_an_automatic_lattice(X):
    som = SOM(recipe="published", steps=50, warm_start=True, random_state=0).fit(X)
    lattice = som.lattice_
    assert som.fit(X[:20]).lattice_ == lattice
    som.set_params(warm_start=False)
    assert som.fit(X[:20]).lattice_ != lattice


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_parts_of_a_stream_are_those_of_mini_batches(gappy, n_jobs):
    # As many points as the schedule has levels: it moves with every part.
    table = np.tile(gappy, (2, 1))[:250]
    options = {"xdim": 5, "ydim": 4, "learning_rate": "exponential", "random_state": 2}
    options["recipe"] = "published"
    clusters = {"method": "gaussian_mixture", "clusters": 5}  # which depend on a seed
    som = SOM(**options, **clusters, steps=250, n_jobs=n_jobs)
    for start in range(0, 250, 25):
        som.partial_fit(table[start : start + 25])
    parts = {"trainer": "minibatch", "epochs": 1, "batch_size": 25, "order": "sequential"}
    whole = SOM(**options, **parts, **clusters).fit(table)
    assert_array_equal(som.weights_, whole.weights_)
    assert_array_equal(som.predict(table), whole.labels_)
    assert_array_equal(som.u_matrix_, whole.u_matrix_)
    assert som.n_samples_seen_ == 250
    assert som.n_iter_ == whole.n_iter_ == 10
    assert not hasattr(som, "labels_")
    before = som.node_clusters_
    copied = pickle.loads(pickle.dumps(som))
    for stream in (som, copied):
        stream.partial_fit(table[:25])
    assert som.node_clusters_ is not before
    assert_array_equal(som.weights_, copied.weights_)


def test_the_schedule_of_a_stream_counts_points_and_then_stays(X):
    som = SOM(5, 4, recipe="published", steps=100, kernel="bubble", alpha=0.8, initial=X[:20])
    stream = MiniBatches(Lattice(5, 4), X[:20], 4, "bubble")
    radii = Radii(5, 4, 100, "exponential")
    for start, stop in itertools.pairwise([0, 30, 37, 90, 120, 150]):
        t = min(start, 99)
        rate = learning_rates("decay", t, t + 1, 100, 0.8)[0]
        stream.learn(X[start:stop], radius=radii.at(t, t + 1)[0], rate=rate)
        som.partial_fit(X[start:stop])
    assert_array_equal(som.weights_, stream.weights)


def test_a_stream_has_no_automatic_number_of_steps(X):
    automatic = SOM(3, 3, recipe="published", steps="auto", random_state=0)
    with pytest.raises(ConfigError, match="how many a stream will have is not known"):
        automatic.partial_fit(X)
    som = automatic.fit(X)
    assert som.parameters_.steps == len(X)
    same = SOM(3, 3, recipe="published", steps=len(X), random_state=0).fit(X)
    np.testing.assert_array_equal(som.weights_, same.weights_)


def test_a_stream_after_a_fit_begins_from_its_weights(X):
    som = SOM(**SMALL, feature_weights=FACTORS, random_state=0).fit(X)
    start = run_realization(X * FACTORS, MapParameters(**MAP), 0).weights
    som.partial_fit(X)
    expected = train_minibatch(X * FACTORS, som.lattice_, start, **ONE_BATCH)
    assert_array_equal(som.weights_, expected / FACTORS)
    assert not hasattr(som, "labels_")
    som.fit(X)
    assert not hasattr(som, "n_samples_seen_")
    assert_array_equal(som.labels_, clone(som).fit(X).labels_)


def test_a_stream_starts_as_a_fit_does(X):
    som = SOM(**SMALL, initial="sample", random_state=1)
    som.partial_fit(X)
    seed = np.random.SeedSequence(1).spawn(3)[0]
    start = initial_weights(X, som.lattice_, "sample", np.random.default_rng(seed))
    expected = train_minibatch(X, som.lattice_, start, **ONE_BATCH)
    assert_array_equal(som.weights_, expected)


def test_random_state(X):
    def weights(random_state):
        return SOM(**SMALL, random_state=random_state).fit(X).weights_

    assert_array_equal(weights(1), weights(np.int64(1)))
    assert_array_equal(weights(np.random.RandomState(1)), weights(np.random.RandomState(1)))
    assert (weights(1) != weights(2)).any()
    assert (weights(None) != weights(None)).any()
    som = SOM(**SMALL).fit(X)
    assert_array_equal(som.weights_, weights(som.seed_))


def test_number_of_jobs_is_without_effect(X):
    table = np.repeat(X, 60, axis=0)
    maps = [SOM(9, 8, trainer="batch", epochs=4, random_state=0, n_jobs=n) for n in (1, 3)]
    assert_same_map(*(som.fit(table) for som in maps))
    ensembles = [
        SOMEnsemble(SOM(**SMALL), n_realizations=5, random_state=0, n_jobs=n).fit(X) for n in (1, 4)
    ]
    for one, other in zip(*(ensemble.estimators_ for ensemble in ensembles), strict=True):
        assert_same_map(one, other)
    for name in ("labels_", "confidence_", "signal_"):
        assert_array_equal(*(getattr(ensemble, name) for ensemble in ensembles))


def test_in_pipelines_searches_and_tables_of_pandas(X):
    iris = load_iris(as_frame=True)
    pipeline = make_pipeline(StandardScaler(), SOM(**SMALL, random_state=0))
    found = pipeline.fit(iris.data).predict(iris.data)
    assert_array_equal(found, SOM(**SMALL, random_state=0).fit(X).labels_)
    table = pd.DataFrame(X, columns=iris.data.columns)
    som = SOM(**SMALL, random_state=0).set_output(transform="pandas")
    placed = som.fit_transform(table)
    assert list(placed.columns) == ["som0", "som1"]
    assert_array_equal(som.feature_names_in_, iris.data.columns)
    search = GridSearchCV(som, {"xdim": [2, 6]}, cv=2).fit(X)
    assert search.best_params_ == {"xdim": 6}
    nested = SOMEnsemble(SOM(**SMALL), n_realizations=2).set_params(som__xdim=5)
    assert nested.fit(X).estimators_[1].lattice_.xdim == 5


def test_any_kind_of_table(X):
    expected = SOM(**SMALL, random_state=0).fit(X.astype(np.float32)).weights_
    frozen = X.copy()
    frozen.setflags(write=False)
    for table in (X, np.asfortranarray(X), frozen, X.tolist(), X.astype(object)):
        assert_array_equal(SOM(**SMALL, random_state=0).fit(table).weights_, expected)
    whole = (10 * X).astype(np.int16)
    ours, theirs = (SOM(**SMALL, random_state=0).fit(t) for t in (whole, whole.astype(float)))
    assert_array_equal(ours.labels_, theirs.labels_)


@pytest.mark.parametrize("names", [None, list("abcd")])
def test_a_map_comes_back_from_its_file(gappy, tmp_path, names):
    table = gappy if names is None else pd.DataFrame(gappy, columns=names)
    path = tmp_path / "new" / "map.h5"
    options = {"initial": "sample", "random_state": np.random.RandomState(4)}
    options["recipe"] = "published"
    options |= {"steps": 300, "snapshots": 3, "feature_weights": [1, 2, 0.3, 1]}
    som = SOM(np.int64(4), 3, **options).fit(table)
    som.save(path)
    back = SOM.load(path)
    assert_same_map(back, som)
    assert back.parameters_ == som.parameters_
    assert (back.n_iter_, back.seconds_) == (som.n_iter_, som.seconds_)
    assert_array_equal(back.predict(table), som.labels_)
    assert_array_equal(back.transform(table), som.transform(table))
    assert getattr(back, "feature_names_in_", [None])[0] == (names or [None])[0]
    assert_same_map(clone(back).fit(table), som)
    stored = store.read_realization(path, "weights", "labels")
    assert (stored.id, stored.seed, stored.lattice) == ("map", som.seed_, som.lattice_)
    assert stored.quality == pytest.approx(som.quality_)
    assert_array_equal(stored.arrays["labels"], som.labels_)
    assert store.has_fingerprint(path, "")


def test_first_weights_come_back_from_the_file(X, tmp_path):
    som = SOM(**SMALL, initial=X[:12].tolist(), history=0, random_state=0).fit(X)
    som.save(tmp_path / "map.h5")
    back = SOM.load(tmp_path / "map.h5")
    assert_array_equal(back.initial, X[:12])
    assert_same_map(back.fit(X), som)
    assert not hasattr(back, "n_iter_")


def test_a_stream_comes_back_from_its_file(X, tmp_path):
    som = SOM(**SMALL, random_state=0).partial_fit(X[:70]).partial_fit(X[70:])
    som.save(tmp_path / "map.h5")
    back = SOM.load(tmp_path / "map.h5")
    assert_array_equal(back.weights_, som.weights_)
    assert_array_equal(back.predict(X), som.predict(X))
    assert not hasattr(back, "labels_")


def test_files_that_hold_no_map(tmp_path):
    with pytest.raises(NotFittedError):
        SOM().save(tmp_path / "map.h5")
    assert not (tmp_path / "map.h5").exists()
    with pytest.raises(ResultError, match="does not exist"):
        SOM.load(tmp_path / "map.h5")
    with store.create(tmp_path / "data.h5", "data"):
        pass
    with pytest.raises(ResultError, match="expected a realization"):
        SOM.load(tmp_path / "data.h5")


SWEEP = {"xdim": [6, 7, 8], "ydim": [5], "alpha": [0.1, 0.3]}


@pytest.fixture(scope="module", params=["equal", "significance"])
def finished(request, X, schema, tmp_path_factory):
    """A study made by the functions that the workflow calls: its folder, its points, its votes.

    Points are as their source has them. Basins are not merged: some clusters hold no point.
    """
    folder = tmp_path_factory.mktemp("study")
    offset, scale = np.array([5.0, -2.0, 300.0, 0.1]), np.array([0.5, 1.0, 40.0, 1e-3])
    features = X.astype(np.float32)
    data = store.PreparedData(
        features, tuple("abcd"), offset, scale, None, None, np.arange(len(X)), "digest"
    )
    store.write_data(folder / "data.h5", data)
    config = {
        "study": "a",
        "recipe": "published",
        "seed": 7,
        "data": {"source": "sklearn:iris"},
        "lattice": {"xdim": SWEEP["xdim"], "ydim": 5},
        "training": {"alpha": SWEEP["alpha"], "steps": 300},
        "segmentation": {"merge": 0.0},
        "realizations": {"repeats": 2},
    }
    plans = plan_config(config, schema).realizations
    labels = []
    for plan in plans:
        chosen = dict(plan.parameters) | {"clusters": None}
        ratio = chosen.pop("ratio")
        parameters = MapParameters(**chosen)
        realization = run_realization(features, parameters, plan.seed)
        labels.append(realization.labels)
        store.write_realization(
            folder / "realizations" / f"{plan.id}.h5",
            realization,
            id=plan.id,
            seed=plan.seed,
            repeat=plan.repeat,
            parameters=asdict(parameters) | {"ratio": ratio},
            fingerprint="f",
        )
    options = {"identical": "resolved", "threshold": -0.015, "groups": 3, "votes": request.param}
    options["consensus"] = "jaccard"
    ensemble = combine(count_overlaps(labels), groups=3, consensus="jaccard")
    ids = [plan.id for plan in plans]
    novelty = MeanNovelty(features, [folder / "realizations" / f"{i}.h5" for i in ids])
    how = {"ids": ids, "options": options, "novelty": novelty}
    store.write_ensemble(folder / "ensemble.h5", ensemble, labels, **how)
    return folder, data.physical(range(4)), request.param


def assert_same_answers(ensemble, points, folder, features):
    """What an ensemble says of points, and what a study in a folder says of the same, scaled."""
    known = store.read_ensemble(folder / "ensemble.h5")
    expected = predict(known, folder / "realizations", features)
    assert_array_equal(ensemble.predict(points), expected.label)
    assert_allclose(ensemble.predict_confidence(points), expected.confidence, rtol=1e-6)
    shares = ensemble.predict_proba(points)
    assert shares.shape == (len(points), ensemble.n_groups_)
    assert_allclose(shares.sum(axis=1), 1)
    assert_array_equal(shares.argmax(axis=1), expected.label)
    assert_allclose(ensemble.novelty(points), expected.novelty, rtol=1e-6)


def test_an_ensemble_is_the_study_with_its_sweep_and_seed(finished, gappy):
    folder, _, votes = finished
    features = store.read_data(folder / "data.h5").features
    options = {"n_realizations": 12, "groups": 3, "votes": votes, "random_state": 7}
    base = {"recipe": "published", "steps": 300, "merge": 0.0}
    ensemble = SOMEnsemble(SOM(**base), sweep=SWEEP, **options).fit(features)
    known = store.read_ensemble(folder / "ensemble.h5", points=True)
    assert ensemble.ids_ == known.realizations.ids
    for identifier, member in zip(ensemble.ids_, ensemble.estimators_, strict=True):
        assert_same_map(SOM.load(folder / "realizations" / f"{identifier}.h5"), member)
    assert any(len(set(m.labels_)) < m.cluster_centroids_.size for m in ensemble.estimators_)
    assert_array_equal(ensemble.labels_, known.points.label)
    assert_array_equal(ensemble.signal_, known.points.signal)
    assert_array_equal(ensemble.confidence_.astype(np.float32), known.points.confidence)
    assert_array_equal(ensemble.second_, known.points.second)
    assert_array_equal(ensemble.second_share_.astype(np.float32), known.points.second_share)
    assert_array_equal(ensemble.novelty_, known.points.novelty)
    assert_array_equal(ensemble.outliers_, known.points.arrays["is_outlier"])
    assert_array_equal(ensemble.novelty(features), ensemble.novelty_)
    assert_array_equal(ensemble.gsum_, known.clusters.gsum)
    assert ensemble.n_groups_ == 3
    assert_array_equal(ensemble.predict(features), ensemble.labels_)
    assert_array_equal(ensemble.predict_confidence(features), ensemble.confidence_)
    # Among the weights are those of nodes in clusters that hold no point.
    nodes = np.concatenate([member.weights_ for member in ensemble.estimators_])
    for points in (features, gappy.astype(np.float32), nodes.astype(np.float32)):
        assert_same_answers(ensemble, points, folder, points)


def test_a_finished_study_is_a_pipeline(finished):
    folder, physical, votes = finished
    known = store.read_ensemble(folder / "ensemble.h5", points=True)
    pipeline = load_study(folder)
    found = pipeline.predict(pd.DataFrame(physical, columns=list("abcd")))
    assert_array_equal(found, known.points.label)
    assert pipeline["som"].votes == votes
    assert_array_equal(pipeline["som"].signal_, known.points.signal)
    assert_array_equal(pipeline["som"].novelty_, known.points.novelty)
    assert_array_equal(pipeline["som"].outliers_, known.points.arrays["is_outlier"])
    identifier = known.realizations.ids[3]
    one = load_study(folder, identifier)
    stored = store.read_realization(folder / "realizations" / f"{identifier}.h5", "labels")
    physical = pd.DataFrame(physical, columns=list("abcd"))
    assert_array_equal(one.predict(physical), stored.arrays["labels"])
    features = store.read_data(folder / "data.h5").features
    assert_same_map(clone(one["som"]).fit(features), one["som"])
    with pytest.raises(ResultError, match="does not exist"):
        load_study(folder, "another")


def test_an_ensemble_comes_back_from_its_folder(gappy, tmp_path, monkeypatch):
    table = pd.DataFrame(gappy, columns=list("abcd"))
    base = SOM(**SMALL, feature_weights=np.array([1, 2, 0.5, 1]), initial=np.eye(12, 4))
    sweep = {"alpha": np.array([0.1, 0.4]), "metric": ("euclidean", "manhattan")}
    ensemble = SOMEnsemble(base, sweep=sweep, groups=np.int64(3), random_state=1).fit(table)
    ensemble.save(tmp_path)
    back = SOMEnsemble.load(tmp_path)
    assert back.ids_ == ensemble.ids_
    assert back.som.get_params().keys() == base.get_params().keys()
    for name in ("labels_", "confidence_", "signal_", "gsum_", "feature_names_in_"):
        assert_array_equal(getattr(back, name), getattr(ensemble, name))
    other = table[::-1] * 1.5
    assert_array_equal(back.predict_proba(other), ensemble.predict_proba(other))
    assert_array_equal(clone(back).fit(table).labels_, ensemble.labels_)
    assert_array_equal(
        clone(back).fit(table).estimators_[3].weights_, ensemble.estimators_[3].weights_
    )
    SOMEnsemble(SOM(**SMALL), n_realizations=2).fit(gappy).save(tmp_path)
    assert len(SOMEnsemble.load(tmp_path).estimators_) == 2
    with pytest.raises(NotFittedError):
        SOMEnsemble().save(tmp_path)
    monkeypatch.setattr(SOM, "_write", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        back.save(tmp_path)
    assert not (tmp_path / "ensemble.h5").exists()  # of maps that may be others now
    with pytest.raises(ResultError, match="does not exist"):
        SOMEnsemble.load(tmp_path / "elsewhere")


def test_an_ensemble_finds_the_species(X):
    ensemble = SOMEnsemble(
        SOM(10, 6, recipe="published", steps=5000), n_realizations=10, random_state=0
    ).fit(X)
    assert adjusted_rand_score(load_iris().target, ensemble.labels_) > 0.5
    far = ensemble.novelty(X[:5] + 20)
    assert far.min() > ensemble.novelty(X).max()
    assert ensemble.novelty(X).mean() == pytest.approx(1, rel=1e-5)


def test_novelty_where_every_point_lies_on_a_node():
    X = np.array([[0.0, 0.0], [4.0, 4.0]])
    ensemble = SOMEnsemble(
        SOM(2, 1, recipe="published", steps=1, initial=X, alpha=1), n_realizations=2, groups=2
    )
    ensemble.set_params(som__radius_schedule="constant", som__radius=0, som__kernel="bubble")
    ensemble.set_params(som__final_radius=0).fit(X)
    assert_array_equal(ensemble.novelty([[4.0, 4.0], [1.0, 0.0]]), [0, np.inf])


def test_number_of_maps(X):
    small = SOM(**SMALL | {"steps": 20})
    assert len(SOMEnsemble(small).fit(X).estimators_) == 20
    # The merge threshold has no effect on k-means, which is the same twice.
    sweep = {"method": ["basins", "kmeans"], "merge": [0.1, 0.3]}
    assert len(SOMEnsemble(small, sweep=sweep).fit(X).estimators_) == 3
    ids = SOMEnsemble(small, sweep={"alpha": [0.2]}, n_realizations=3).fit(X).ids_
    assert ids == tuple(f"x4_y3_steps20_alpha0.2_r{k}" for k in (1, 2, 3))


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (SOM(4, 3, recipe="published", clusters=3), "clusters is 3, but the method 'basins'"),
        (SOM(4, 3, feature_weights=[1, 2]), "feature_weights must be 4"),
        (SOM(4, 3, feature_weights=[1, 2, 0, 1]), "feature_weights must be 4"),
        (SOM(4, 3, recipe="published", alpha=2), "alpha must be at most 1"),
        (SOM(4), "ydim is 'auto'"),
        (SOM(4, 3, random_state=-1), "random_state must be at least 0"),
        (SOM(4, 3, random_state="one"), "cannot be used to seed"),
        (SOM(4, 3, initial=np.ones((12, 3))), "3 columns"),
        (SOM(4, 3, initial=np.ones((11, 4))), "11 rows"),
        (SOMEnsemble(sweep={"seed": [1]}), "'seed' cannot be swept"),
        (SOMEnsemble(sweep={"alpha": 0.1}), "a list of values"),
        (SOMEnsemble(sweep={"alpha": []}), "a list of values"),
        (
            SOMEnsemble(recipe="published", sweep={"alpha": [0.1, 0.2]}, n_realizations=3),
            "alpha have 2 combinations",
        ),
        (SOMEnsemble(votes="all"), "votes"),
        (SOMEnsemble(identical="no"), "identical"),
        (SOMEnsemble(groups="most"), "groups"),
    ],
)
def test_errors_name_what_is_wrong(X, estimator, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(X)


def test_kinds_of_errors(X):
    for estimator in (SOM(4, 3, kernel="round"), SOMEnsemble(SOM(4, 3, kernel="round"))):
        with pytest.raises(ConfigError, match="unknown kernel 'round'"):
            estimator.fit(X)
    X = X.copy()
    X[7] = np.nan
    with pytest.raises(DataError, match="no value in row 7"):
        SOM(**SMALL).fit(X)
    with pytest.raises(NotFittedError):
        SOM().predict(X)
    assert not hasattr(SOM(), "node_clusters_")


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize("estimator", [SOM(**SMALL), SOMEnsemble(SOM(**SMALL), n_realizations=3)])
def test_progress_bars_are_for_terminals(X, monkeypatch, capsys, estimator, is_terminal):
    stream = io.StringIO()
    stream.isatty = lambda: is_terminal
    monkeypatch.setattr(sys, "stderr", stream)
    clone(estimator).set_params(verbose=0).fit(X)
    assert stream.getvalue() == ""
    clone(estimator).set_params(verbose=1).fit(X)
    shown = stream.getvalue()
    total = estimator.get_params().get("n_realizations", 200)
    assert (f"{total}/{total}" in shown) if is_terminal else not shown
    assert capsys.readouterr().out == ""


def test_log_lines(X, capsys):
    SOMEnsemble(SOM(**SMALL), n_realizations=2, verbose=2).fit(X)
    lines = capsys.readouterr().err
    assert "training takes about" in lines
    assert lines.count("trained in") == 2
    SOM(**SMALL).fit(X)
    assert capsys.readouterr().err == ""


def test_estimators_are_imported_when_they_are_used():
    assert kohorte.SOM is SOM
    assert kohorte.SOMEnsemble is SOMEnsemble
    assert {"SOM", "SOMEnsemble"} <= set(dir(kohorte))
    with pytest.raises(AttributeError, match="no attribute 'SON'"):
        kohorte.SON  # noqa: B018


def test_copies_have_no_vote(X, caplog):
    som = SOM(5, 4, recipe="published", trainer="batch", initial="pca", epochs=3)
    alone = SOMEnsemble(som, n_realizations=1, random_state=1).fit(X)
    with caplog.at_level("INFO", logger="kohorte"):
        ensemble = SOMEnsemble(som, n_realizations=3, random_state=1).fit(X)
    assert ensemble.ids_ == alone.ids_
    assert ensemble.ensemble_.overlaps.n_realizations == 1
    assert "_r3 is a copy of x5_y4" in caplog.text
    assert max(record.levelno for record in caplog.records) == logging.INFO  # silent by default
    drawn = som.set_params(row_share=0.8)
    assert len(SOMEnsemble(drawn, n_realizations=3, random_state=1).fit(X).ids_) == 3


def test_segments_of_a_fit_and_of_a_stream(X):
    som = SOM(6, 5, steps=300, method="segments", fineness=1, random_state=3).fit(X)
    occupied = som.hits_ > 0
    # At least N / 4 are asked for, and fewer nodes have points: one each.
    assert som.cluster_centroids_.size == occupied.sum() < len(X) / 4
    assert set(som.node_clusters_[~occupied]) <= set(som.labels_)
    assert_array_equal(som.predict(X), som.labels_)
    streamed = SOM(6, 5, steps=300, method="segments", clusters=7, random_state=3).partial_fit(X)
    assert streamed.cluster_centroids_.size == 7
