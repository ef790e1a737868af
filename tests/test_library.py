"""What a fitted ensemble says of itself: score, summary, profile, figures, HTML."""

import copy

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from oracles_figures import text_faults
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from kohorte import SOM, SOMEnsemble, store
from kohorte._references import FEWEST
from kohorte.analysis.profiles import profile_table
from kohorte.errors import ConfigError, DataError
from kohorte.figures.library import FIGURES

IRIS = load_iris(as_frame=True)
X = StandardScaler().set_output(transform="pandas").fit_transform(IRIS.data)


@pytest.fixture(scope="module")
def ensemble():
    return SOMEnsemble(n_realizations=8, references=5, random_state=0).fit(X)


def test_score_is_that_of_the_maps(ensemble):
    expected = np.mean([som.score(X) for som in ensemble.estimators_])
    assert ensemble.score(X) == pytest.approx(expected)
    assert ensemble.score(X + 1) < ensemble.score(X)
    other = clone(ensemble).set_params(groups=2, references=0).fit(X)
    assert other.score(X) == ensemble.score(X)
    small = SOMEnsemble(SOM(4, 3, steps=200), n_realizations=2, references=0, random_state=0)
    search = GridSearchCV(small, {"som__alpha": [0.1, 0.3]}, cv=2).fit(X)
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])


def test_summary_and_html_have_the_answer(ensemble):
    text = ensemble.summary()
    sizes = np.bincount(ensemble.labels_)
    assert "points       150, 4 features" in text
    assert ensemble.structure_.p < 0.001
    assert "p < 0.001" in text
    for group in np.flatnonzero(sizes):
        mean = ensemble.confidence_[ensemble.labels_ == group].mean()
        assert f"{group:5d}  {sizes[group]:7d}  {sizes[group] / 150:6.1%}  {mean:10.3f}" in text
    html = ensemble._repr_html_()
    assert f"<td>{sizes.max()}</td>" in html
    assert "p &lt; 0.001" in html
    assert "p &lt; 0.001" in ensemble._repr_mimebundle_()["text/html"]
    assert "in doubt" not in SOMEnsemble(n_realizations=3)._repr_html_()
    given = clone(ensemble).set_params(groups=2, references=0).fit(X).summary()
    assert "groups       2, as asked for" in given
    assert "structure    not tested" in given


def test_a_loaded_ensemble_knows_what_was_tested(ensemble, tmp_path):
    ensemble.save(tmp_path)
    loaded = SOMEnsemble.load(tmp_path)
    assert loaded.structure_ is None
    assert loaded.p_structure_ == ensemble.p_structure_ == ensemble.structure_.p
    assert loaded.seed_ == ensemble.seed_ == 0
    assert loaded.summary() == ensemble.summary()
    for name in ("stability", "sufficiency"):
        assert isinstance(loaded.plot(name), Figure)


def test_parameters_count_from_the_next_fit_on(ensemble, tmp_path):
    fitted = copy.deepcopy(ensemble).set_params(groups=2, level=0.01).fit(X)
    shares, confidence = fitted.predict_proba(X), fitted.predict_confidence(X)
    assert_array_equal(confidence, fitted.confidence_)
    said = fitted.summary()
    later = {"groups": 5, "votes": "significance", "identical": "reference", "level": 1e-9}
    fitted.set_params(**later, consensus="jaccard", threshold=-0.1)
    fitted.save(tmp_path / "new")
    loaded = SOMEnsemble.load(tmp_path / "new")
    for found in (fitted, loaded):
        assert_array_equal(found.predict_proba(X), shares)
        assert_array_equal(found.predict_confidence(X), confidence)
        assert found.summary() == said
        assert found.get_params()["votes"] == "significance"
    assert_array_equal(loaded.labels_, fitted.labels_)
    options = store.read_ensemble(tmp_path / "new" / "ensemble.h5").options
    assert (options["groups"], options["votes"], options["level"]) == (2, "equal", 0.01)
    del fitted._chosen["level"]  # which earlier versions did not write
    fitted.save(tmp_path / "old")
    assert_array_equal(SOMEnsemble.load(tmp_path / "old").predict_confidence(X), confidence)
    assert_array_equal(fitted.fit(X).predict_confidence(X), fitted.confidence_)
    assert fitted.n_groups_ == 5


def test_a_number_that_cannot_be_reached_is_told():
    most = SOMEnsemble(SOM(4, 3, epochs=5), n_realizations=3, references=0, random_state=0)
    most.fit(X)
    asked = len(most.gsum_) - 1
    most.set_params(groups=asked).fit(X)
    assert f"of the {asked} asked for" in most.summary()


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"references": 1}, "references must be at least 5, or 0 for no test, not 1"),
        ({"references": "many"}, "references must be an integer"),
        ({"level": np.nan}, "level must be finite"),
        ({"level": 0}, "level must be finite and > 0"),
        ({"level": 2}, "level must be at most 1"),
        ({"level": None}, "level must be a number"),
        ({"groups": None}, "groups must be 'auto' or a positive whole number"),
        ({"groups": np.nan}, "groups must be 'auto' or a positive whole number"),
        ({"groups": [2]}, "groups must be 'auto' or a positive whole number"),
        ({"threshold": "a"}, "threshold must be a number below 0, not 'a'"),
        ({"threshold": 0.1}, "threshold must be a number below 0"),
        ({"sweep": [1]}, r"sweep must be a dict .*, not \[1\]"),
        ({"sweep": {"xdim": 4}}, "sweep: give xdim a list of values, not 4"),
        ({"sweep": {"xdim": [object()]}}, "is no number, text, or list or array of such"),
        ({"random_state": 2**70}, "random_state must be at most 9223372036854775807"),
        ({"som": SOM(feature_weights="a")}, "feature_weights must be 4 finite numbers"),
        ({"verbose": "x"}, "verbose must be 0, 1 or 2, not 'x'"),
    ],
)
def test_what_is_wrong_is_told_before_maps_are_trained(chosen, message, monkeypatch):
    monkeypatch.setattr(SOM, "_train", lambda *a, **k: pytest.fail("a map was trained"))
    with pytest.raises(ConfigError, match=message):
        SOMEnsemble(**chosen).fit(X)


def test_studies_have_as_many_references_at_least(schema):
    found = schema["properties"]["structure"]["properties"]["references"]["anyOf"]
    assert found[1]["minimum"] == FEWEST


def test_values_to_sweep_are_any_sequence():
    swept = {"xdim": range(3, 5), "alpha": (0.1, 0.2), "ydim": np.array([3])}
    som = SOM(recipe="published", steps=50)
    fitted = SOMEnsemble(som, sweep=swept, references=0, random_state=0).fit(X)
    assert {(s.parameters_.xdim, s.parameters_.alpha) for s in fitted.estimators_} == {
        *((3, 0.1), (3, 0.2), (4, 0.1), (4, 0.2))
    }


def test_tiny_numbers_are_refused():
    with pytest.raises(DataError, match="no feature deviates by more than 1e-25 from its mean"):
        SOM(4, 3).fit(X * 1e-25)
    plain, tiny = (SOM(4, 3, random_state=0, steps=90).fit(X * f) for f in (1.0, 2.0**-40))
    np.testing.assert_array_equal(plain.labels_, tiny.labels_)


def test_a_constant_feature_that_some_rows_have_is_seen():
    values = np.random.default_rng(0).normal(size=(60, 3))
    values[:, 2] = 1
    values[::3, 2] = np.nan
    values[0] = np.nan, np.nan, 1  # which has no other
    for sides in ((5, 4), (1, 1)):
        som = SOM(*sides, random_state=0, steps=60).fit(values)
        assert som.factors_ is None
        assert not np.isnan(som.weights_).any()
    values[:, 2] = np.nan
    values[0] = 0, 0, np.nan
    with pytest.warns(UserWarning, match="no value of feature 2"):
        assert SOM(5, 4, random_state=0, steps=60).fit(values).factors_.tolist() == [1, 1, 0]


def test_a_profile_by_hand():
    values = np.array([[1, 5], [2, 5], [3, np.nan], [7, 5], [9, 5], [100, 5]])
    table = profile_table(values, ["a", "b"], np.array([0, 0, 0, 1, 1, -1]))
    first = table.iloc[0]
    assert [*first[["group", "feature", "n", "mean", "sd"]]] == [0, "a", 3, 2, 1]
    assert [*first[["median", "q25", "q75"]]] == [2, 1.5, 2.5]
    others = np.array([7, 9, 100])
    pooled = np.sqrt((2 * 1 + np.square(others - others.mean()).sum()) / 4)
    assert first["effect"] == pytest.approx((2 - others.mean()) / pooled)
    assert table["rank"].tolist() == [1, 2, 1, 2]
    assert table.loc[1, "n"] == 2
    assert table.loc[1, "effect"] == 0
    alone = profile_table(np.array([[1.0], [1], [2]]), ["a"], np.array([0, 0, 1]))
    assert alone["effect"].tolist() == [-np.inf, np.inf]
    assert np.isnan(alone["sd"][1])
    with pytest.raises(DataError, match=r"2 labels and 1 names need \(2, 1\)"):
        profile_table(np.zeros((3, 1)), ["a"], np.array([0, 1]))


def test_a_profile_of_the_unscaled_table(ensemble):
    table = ensemble.profile(IRIS.data)
    assert set(table["feature"]) == set(IRIS.data.columns)
    expected = IRIS.data.groupby(ensemble.labels_).agg(["mean", "std", "median"])
    found = table.pivot(index="group", columns="feature", values="mean")[IRIS.data.columns]
    assert_allclose(found, expected.xs("mean", axis=1, level=1))
    assert list(ensemble.profile(IRIS.data.to_numpy())["feature"][:2]) == ["feature 0", "feature 1"]
    with pytest.raises(DataError, match="column 'kind' holds 'x'"):
        ensemble.profile(IRIS.data.assign(kind="x"))
    with pytest.raises(DataError, match="150 labels"):
        ensemble.profile(IRIS.data[:10])


def test_a_profile_of_any_table_that_fits(ensemble):
    values = IRIS.data.round().to_numpy()
    absent = np.zeros(values.shape, bool)
    absent[3, 1] = absent[7, 2] = True
    plain = pd.DataFrame(np.where(absent, np.nan, values), columns=list("abcd"))
    expected = ensemble.profile(plain)
    tables = {
        "nullable": plain.astype("Float64").mask(absent),
        "mixed": plain.assign(a=plain["a"].astype("Int64"), c=plain["c"].astype("Int64")),
        "objects": plain.astype(object).mask(absent, pd.NA),
        "arrow": pa.Table.from_pandas(plain),
    }
    for table in tables.values():
        pd.testing.assert_frame_equal(ensemble.profile(table), expected)
    flags = (plain > 2).astype("boolean").mask(absent)
    assert ensemble.profile(flags)["missing"].sum() == 2
    levels = plain.set_axis(pd.MultiIndex.from_product([["x", "y"], [1, 2]]), axis=1)
    found = ensemble.profile(levels)
    assert found["feature"][1] == ("x", 2)
    assert_allclose(found["mean"], expected["mean"])
    assert "Explorer" in ensemble.explore(X, table=tables["nullable"])._repr_html_()


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_figure_is_drawn(ensemble, name):
    figure = ensemble.plot(name, X=X)
    assert isinstance(figure, Figure)
    assert not text_faults(figure)


def test_figures_in_axes_and_what_they_need(ensemble):
    whole = Figure()
    axes = whole.subplots(1, 2)
    assert ensemble.plot("hits", axes[1]) is whole
    assert len(axes[1].images) == 1
    with pytest.raises(ConfigError, match="unknown figure 'hit'; choose one of agreement"):
        ensemble.plot("hit")
    with pytest.raises(ConfigError, match="width must be finite and > 0"):
        ensemble.plot("ranking", width=-3)
    alone = SOMEnsemble(SOM(4, 3, steps=90), n_realizations=1).fit(X)
    with pytest.raises(ConfigError, match="stability needs at least two realizations"):
        alone.plot("stability")
    with pytest.raises(ConfigError, match="give X, that of the fit"):
        ensemble.plot("signal")
    with pytest.raises(ConfigError, match="the fit had 150 points"):
        ensemble.plot("signal", X=X[:9])
    loaded = pd.DataFrame(X.to_numpy())
    assert SOMEnsemble(SOM(4, 3, steps=90), n_realizations=2).fit(loaded.to_numpy()).plot("umatrix")
