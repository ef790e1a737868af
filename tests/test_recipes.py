"""Recipes: what is given counts more, in a study as in an estimator, and both plan the same."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from planning import plan_config, prepare
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from kohorte.errors import ConfigError
from kohorte.estimators import SOM, SOMEnsemble
from kohorte.estimators.som import complete_parameters
from kohorte.maps.parameters import PARAMETERS, parameter_defaults, without_effect
from kohorte.maps.realization import run_realization
from kohorte.maps.resolve import resolve_parameters
from kohorte.recipes import DEFAULT_RECIPE, LEFT_OPEN, RECIPES, fill_sections
from kohorte.study.config import check_config

IRIS = {"study": "a", "seed": 7, "data": {"source": "sklearn:iris"}}
RESOLVED = IRIS | {"recipe": "resolved"}


@pytest.fixture(scope="module")
def X():
    """The standardized Iris table, (150, 4) float64."""
    return StandardScaler().fit_transform(load_iris().data)


def said(config):
    """Values of a checked configuration that the recipes name, in the order of the tables."""
    training = ("trainer", "epochs", "initial", "final_radius")
    names = [("lattice", "ratio"), *(("training", name) for name in training)]
    return [config[section][name] for section, name in names]


def test_published_is_the_table_and_the_schema(schema):
    config = check_config(IRIS | {"recipe": "published"}, schema)
    for name, row in PARAMETERS.items():
        assert config[row.section][name] == row.default
    for section in ("realizations", "ensemble"):
        for key, entry in schema["properties"][section]["properties"].items():
            if "properties" not in entry:
                assert config[section][key] == entry["default"]


def test_what_is_given_counts_more_than_the_recipe(schema):
    assert said(check_config(RESOLVED, schema)) == [[1, 0.6, 0.4], "batch", 30, "sample", 0.5]
    config = check_config(
        RESOLVED
        | {"lattice": {"ratio": 0.5}, "training": {"epochs": None, "final_radius": "auto"}}
        | {"realizations": {"repeats": 2}},
        schema,
    )
    assert said(config) == [0.5, "batch", None, "sample", "auto"]
    assert (config["realizations"]["repeats"], config["recipe"]) == (2, "resolved")


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_complete_configuration_stays_as_it_is_in_any_recipe(schema, recipe):
    for config in ({}, {"realizations": {"explicit": [{"alpha": 0.3}, {}]}}):
        whole = check_config(IRIS | config | {"recipe": recipe}, schema)
        for other in RECIPES:
            assert check_config(whole | {"recipe": other}, schema) == whole | {"recipe": other}


@pytest.mark.parametrize(
    "change",
    [
        {"training": {"trainer": "online"}},
        {"training": {"trainer": ["online", "batch"]}},
        {"realizations": {"explicit": [{"trainer": "minibatch"}, {}]}},
    ],
)
def test_the_training_of_a_recipe_belongs_to_its_trainer(schema, change):
    """With the trainer online, epochs would hide the steps, and the radii have no place."""
    config = prepare(RESOLVED | change, schema)
    assert said(config)[2:] == [None, "uniform", "auto"]
    assert plan_config(RESOLVED | change, schema)


def test_lists_of_a_recipe_do_not_stand_in_the_way(schema):
    one = {"realizations": {"explicit": [{"ratio": 0.7}, {"merge": 0.1}], "repeats": 1}}
    study = plan_config(RESOLVED | one, schema)
    assert [p.parameters["ratio"] for p in study.realizations] == [0.7, 1]
    labels = {"realizations": {"labels": ["a.npy", "b.npy"]}}
    assert said(check_config(RESOLVED | labels, schema))[0] == 1
    # Those of the study itself do, as ever.
    with pytest.raises(ConfigError, match="does not say which ratio"):
        plan_config(RESOLVED | one | {"lattice": {"ratio": [1, 0.5]}}, schema)


def test_given_sides_leave_nothing_to_sweep(schema):
    given = {"lattice": {"xdim": 6, "ydim": 5}, "segmentation": {"fineness": 0.5}}
    study = plan_config(RESOLVED | given, schema)
    assert [p.id.removeprefix("x6_y5_batch_epochs30_until0.5_") for p in study.realizations] == [
        f"start-sample_rows0.8_limit20000_segments_r{k}" for k in range(1, 6)
    ]
    assert study.swept == ()


def test_unknown_recipes_are_refused(schema, X):
    with pytest.raises(ConfigError, match=r"recipe: 'resolvd' .* 'resolved' or 'published'"):
        check_config(IRIS | {"recipe": "resolvd"}, schema)
    for estimator in (SOM(recipe="resolvd"), SOMEnsemble(recipe="resolvd")):
        with pytest.raises(ConfigError, match="unknown recipe 'resolvd'"):
            estimator.fit(X)


def test_every_key_of_a_recipe_is_one_of_the_estimators_too():
    """A key that no estimator follows would make a study and its SOMEnsemble two things."""
    ensemble = {n: p.default for n, p in inspect.signature(SOMEnsemble).parameters.items()}
    maps = SOM().get_params()
    for recipe in RECIPES.values():
        for section, values in recipe.items():
            for key in values:
                if key in PARAMETERS and PARAMETERS[key].section == section:
                    assert maps[key] == LEFT_OPEN
                elif section in ("ensemble", "structure") and key != "subsets":
                    assert ensemble[key] == LEFT_OPEN, key
                else:
                    assert (section, key) in [("realizations", "repeats"), ("ensemble", "subsets")]


def test_a_map_follows_its_recipe(X):
    som = SOM(random_state=1, recipe="resolved").fit(X)
    p = som.parameters_
    assert (p.trainer, p.epochs, p.initial, p.final_radius) == ("batch", 30, "sample", 0.5)
    assert p.ratio == 1
    assert som.get_params()["trainer"] == LEFT_OPEN
    som.set_params(recipe="published", steps=50)
    p = clone(som).fit(X).parameters_
    assert (p.trainer, p.epochs, p.initial, p.final_radius) == ("online", None, "uniform", None)
    assert complete_parameters("published", som._given()) == parameter_defaults() | {"steps": 50}
    p = SOM(recipe="resolved", epochs=3, ratio=0.5).fit(X).parameters_
    assert (p.trainer, p.epochs, p.initial, p.ratio) == ("batch", 3, "sample", 0.5)
    # A stream has a trainer of its own.
    stream = SOM(4, 3, recipe="resolved").partial_fit(X)
    assert (stream.parameters_.final_radius, stream.parameters_.initial) == (1, "uniform")


def test_no_recipe_named_is_the_default_one(X, schema):
    assert SOM().recipe == DEFAULT_RECIPE == check_config(IRIS, schema)["recipe"]
    assert SOMEnsemble()._recipe == DEFAULT_RECIPE
    assert SOMEnsemble(SOM(recipe="resolved"))._recipe == "resolved"
    assert SOMEnsemble(SOM(recipe="resolved"), recipe="published")._recipe == "published"


@parametrize_with_checks(
    [SOM(4, 3, recipe="resolved"), SOMEnsemble(recipe="resolved", n_realizations=24, references=5)],
    expected_failed_checks=lambda estimator: (
        {"check_sample_weight_equivalence_on_dense_data": "rows in another order"}
        if isinstance(estimator, SOM)
        else {}
    ),
)
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    ("chosen", "sweep"),
    [
        ({}, {}),
        ({"merge": 0.1}, {"metric": ["euclidean", "manhattan"]}),
        ({"ratio": 0.5}, {"trainer": ["online", "batch"]}),
        ({}, {"ratio": [1]}),
        ({"xdim": 5, "ydim": 4, "epochs": 4}, {"merge": [0.1, 0.2]}),
    ],
)
def test_an_ensemble_is_the_study_of_its_recipe(schema, X, recipe, chosen, sweep):
    config = IRIS | {"recipe": recipe}
    for name, value in ({"steps": 60} | chosen | sweep).items():
        section = PARAMETERS[name].section
        config[section] = config.get(section, {}) | {name: value}
    n_realizations = None
    if not sweep and recipe == "published":
        n_realizations = 2
        config["realizations"] = {"repeats": 2}
    plans = plan_config(config, schema).realizations
    ensemble = SOMEnsemble(
        SOM(steps=60, **chosen),
        recipe=recipe,
        sweep=sweep,
        n_realizations=n_realizations,
        random_state=7,
    ).fit(X)
    assert ensemble.ids_ == tuple(plan.id for plan in plans)
    assert [member.seed_ for member in ensemble.estimators_] == [plan.seed for plan in plans]
    points = X.astype(np.float32)
    for plan, member in zip(plans, ensemble.estimators_, strict=True):
        parameters = resolve_parameters(plan.parameters, points)
        for name in PARAMETERS.keys() - without_effect(plan.parameters) - {"ratio"}:
            assert getattr(member.parameters_, name) == getattr(parameters, name), name
        trained = run_realization(points, parameters, plan.seed)
        assert_array_equal(member.weights_, trained.weights)
        assert_array_equal(member.labels_, trained.labels)
    again = clone(ensemble).fit(X)
    assert_array_equal(again.labels_, ensemble.labels_)


def test_any_number_of_maps_is_shared_by_what_a_recipe_sweeps(X):
    som = SOM(epochs=1, fineness=0.5)
    ensemble = SOMEnsemble(som, recipe="resolved", n_realizations=5, references=0).fit(X)
    repeats = [int(name.rpartition("_r")[2]) for name in ensemble.ids_]
    assert repeats == [1, 2, 1, 2, 1]
    assert [m.parameters_.ratio for m in ensemble.estimators_] == [1, 1, 0.6, 0.6, 0.4]


def test_how_maps_are_combined_can_be_left_to_the_recipe(X, schema, monkeypatch):
    monkeypatch.setitem(RECIPES["resolved"], "ensemble", {"votes": "significance", "groups": 2})
    assert check_config(RESOLVED, schema)["ensemble"]["votes"] == "significance"
    options = {"n_realizations": 3, "random_state": 1}
    base = SOM(4, 3, epochs=2)
    left = dict.fromkeys(("groups", "votes", "identical", "threshold"), LEFT_OPEN)
    ours = SOMEnsemble(base, recipe="resolved", **left, **options).fit(X)
    given = {"votes": "significance", "groups": 2}
    theirs = SOMEnsemble(base, recipe="resolved", **given, **options).fit(X)
    assert ours.n_groups_ == 2
    assert_array_equal(ours.confidence_, theirs.confidence_)
    assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))
    assert fill_sections("resolved", {"ensemble": given})["ensemble"] == {}


def test_an_ensemble_comes_back_with_its_recipe(X, tmp_path):
    ensemble = SOMEnsemble(SOM(4, 3, recipe="resolved", epochs=2), random_state=1).fit(X)
    ensemble.save(tmp_path)
    back = SOMEnsemble.load(tmp_path)
    assert (back.recipe, back.som.recipe, back.som.trainer) == ("resolved", "resolved", LEFT_OPEN)
    assert_array_equal(clone(back).fit(X).labels_, ensemble.labels_)
