"""Rows that count more than once, in maps and in ensembles."""

import sys
import types

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from kohorte import SOM, SOMEnsemble, store
from kohorte.errors import DataError
from kohorte.estimators._common import as_repeats

X = StandardScaler().fit_transform(load_iris().data)
TIMES = np.random.default_rng(0).integers(1, 4, len(X))
ROWS = np.repeat(np.arange(len(X)), TIMES)
FIRST = np.cumsum(TIMES) - TIMES
BATCH = {"recipe": "published", "trainer": "batch", "epochs": 6, "initial": "pca"}


@pytest.mark.parametrize(
    "chosen",
    [
        BATCH,
        {"recipe": "published", "steps": 600},
        {"recipe": "published", "trainer": "minibatch", "steps": 600, "initial": "sample"},
    ],
)
def test_a_row_of_weight_two_is_a_row_twice(chosen):
    som = SOM(5, 4, random_state=0, **chosen).fit(X, sample_weight=TIMES * 0.5)
    twice = SOM(5, 4, random_state=0, **chosen).fit(X[ROWS])
    assert_array_equal(som.weights_, twice.weights_)
    assert_array_equal(som.hits_, twice.hits_)
    assert som.quality_ == twice.quality_
    assert_array_equal(som.labels_, twice.labels_[FIRST])
    assert_array_equal(som.sample_weight_, TIMES)
    assert_array_equal(som.predict(X), som.labels_)


def test_equal_weights_are_none():
    plain = SOM(5, 4, random_state=0, **BATCH).fit(X)
    som = SOM(5, 4, random_state=0, **BATCH).fit(X, sample_weight=np.full(150, 0.3))
    assert_array_equal(som.weights_, plain.weights_)
    assert not hasattr(som, "sample_weight_")


def test_an_ensemble_counts_rows_as_often(tmp_path):
    def made():
        som = SOM(5, 4, **BATCH | {"initial": "sample"})
        return SOMEnsemble(som, n_realizations=5, references=5, random_state=1)

    ensemble, twice = made().fit(X, sample_weight=TIMES), made().fit(X[ROWS])
    assert_array_equal(ensemble.ensemble_.overlaps.counts, twice.ensemble_.overlaps.counts)
    assert_array_equal(ensemble.labels_, twice.labels_[FIRST])
    assert_array_equal(ensemble.confidence_, twice.confidence_[FIRST])
    assert_allclose(ensemble.signal_, twice.signal_[FIRST])
    ensemble.save(tmp_path)
    loaded = SOMEnsemble.load(tmp_path)
    assert_array_equal(loaded.labels_, ensemble.labels_)
    assert_array_equal(loaded.ensemble_.overlaps.counts, ensemble.ensemble_.overlaps.counts)
    assert_array_equal(ensemble.outliers_, twice.outliers_[FIRST])
    assert_array_equal(loaded.outliers_, ensemble.outliers_)
    assert_array_equal(loaded.novelty_, ensemble.novelty_)
    for found in (ensemble, loaded):
        assert_frame_equal(found.profile(X), twice.profile(X[ROWS]))
        with pytest.raises(DataError, match="150 labels"):
            found.profile(X[:9])
    # What is said of the points counts them as often, too.
    said, of_twice = (found.summary().splitlines() for found in (ensemble, twice))
    assert said[1] == f"  points       150, 4 features, counted as {len(ROWS)} by sample_weight"
    assert said[2:] == of_twice[2:]
    assert [line for line in loaded.summary().splitlines() if "points" not in line] == [
        line for line in said if "points" not in line
    ]
    for name in ("stability", "sufficiency", "splits"):
        assert isinstance(loaded.plot(name), Figure)
    assert "Explorer" in ensemble.explore(X)._repr_html_()


@pytest.mark.parametrize("weight", [0, 3])
def test_the_file_of_an_ensemble_has_each_row_once(tmp_path, weight):
    weights = np.where(np.arange(150) < 50, weight, 1)
    ensemble = SOMEnsemble(SOM(5, 4, **BATCH), n_realizations=3, references=0, random_state=0)
    ensemble.fit(X, sample_weight=weights).save(tmp_path)
    stored = store.read_ensemble(tmp_path / "ensemble.h5", points=True)
    assert stored.n_points == 150
    assert stored.overlaps.n_points == weights.sum()
    assert_array_equal(stored.points.label, ensemble.labels_)
    assert_array_equal(stored.points.arrays["is_outlier"], ensemble.outliers_)
    assert stored.points.mean_confidence == pytest.approx(ensemble.confidence_.mean())
    assert_array_equal(SOMEnsemble.load(tmp_path).labels_, ensemble.labels_)


def test_rows_that_do_not_count_are_labelled():
    weights = np.where(np.arange(150) % 3 == 0, 0, 2)
    counted = weights > 0
    som = SOM(5, 4, random_state=0, **BATCH).fit(X, sample_weight=weights)
    alone = SOM(5, 4, random_state=0, **BATCH).fit(X[counted])
    assert_array_equal(som.weights_, alone.weights_)
    assert_array_equal(som.labels_, alone.predict(X))
    # Far rows of weight 0 have clusters of their own in no map that counts them.
    far = np.vstack([X, X[:3] + 50])
    ensemble = SOMEnsemble(SOM(5, 4, **BATCH), n_realizations=2, references=0, random_state=0)
    ensemble.fit(far, sample_weight=[*np.ones(150), 0, 0, 0])
    assert ensemble.ensemble_.overlaps.n_points == 150
    assert_array_equal(ensemble.predict(far), ensemble.labels_)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], r"sample_weight must be 3 finite numbers >= 0.*\(2,\)"),
        ([1, -1, 1], "sample_weight is -1 in row 1; weights must be finite numbers >= 0"),
        ([1, 1, np.nan], "sample_weight is nan in row 2"),
        (-2, "sample_weight is -2 in row 0"),
        ([0, 0, 0], "zero for every row"),
        ([1, np.pi, np.e], "multiples of a common part; round them"),
        ([1, 1, 1e9], "would count as 1e\\+09 rows"),
    ],
)
def test_weights_that_cannot_be_used(weights, message):
    with pytest.raises(DataError, match=message):
        as_repeats(weights, 3)


def test_weights_in_their_smallest_numbers():
    assert_array_equal(as_repeats([2, 3, 5], 3), [2, 3, 5])
    assert_array_equal(as_repeats([0.2, 0.3, 0.5], 3), [2, 3, 5])
    assert_array_equal(as_repeats([10, 20, 0], 3), [1, 2, 0])
    assert as_repeats(None, 3) is None
    assert as_repeats(7, 3) is None


def test_progress_is_shown_in_notebooks(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    SOM(3, 2, steps=20, recipe="published", verbose=1).fit(X)
    assert capsys.readouterr().err == ""
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    SOM(3, 2, steps=20, recipe="published", verbose=1).fit(X)
    assert "map" in capsys.readouterr().err
