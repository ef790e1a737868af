"""Transforms of features: their values, inverses and refusals, and their way through a study."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from planning import plan_config
from scipy.stats import norm, rankdata
from workflow_project import TINY, Project

from kohorte import store
from kohorte.analysis.prediction import read_points
from kohorte.data.prepared import prepare_data
from kohorte.data.scaling import fit_scaling
from kohorte.data.transforms import fit_transforms
from kohorte.errors import ConfigError, DataError
from kohorte.estimators import load_study
from kohorte.study.config import check_config

RNG = np.random.default_rng(3)
POSITIVE = RNG.lognormal(size=(90, 3))
NAMES = ("a", "b", "c")


def transformed(values, transform, names=NAMES):
    found, _ = fit_transforms(values, names, transform)
    return found.apply(values)


@pytest.mark.parametrize("transform", ["log", "rank", "clr", {"a": {"asinh": 2}}])
def test_what_a_container_marks_as_missing_is_missing(transform):
    absent = np.zeros(POSITIVE.shape, bool)
    absent[7] = True
    expected = transformed(np.where(absent, np.nan, POSITIVE), transform)
    assert np.isnan(expected[7]).all()
    masked = np.ma.array(np.where(absent, 1e6, POSITIVE), mask=absent)
    frame = pd.DataFrame(POSITIVE, columns=NAMES).convert_dtypes().mask(absent)
    for values in (masked, frame, frame.astype(object)):
        assert_array_equal(transformed(values, transform), expected)
    found, _ = fit_transforms(frame, NAMES, transform)
    assert_array_equal(found.apply_to(frame), expected)


@pytest.mark.parametrize(
    ("transform", "definition"),
    [
        ("none", lambda x: x),
        ("log", np.log),
        ("log10", np.log10),
        ("log1p", lambda x: np.log(1 + x)),
        ("asinh", np.arcsinh),
        ({"asinh": 150}, lambda x: np.arcsinh(x / 150)),
        ("sqrt", np.sqrt),
        ("clr", lambda x: np.log(x) - np.log(x).mean(axis=1, keepdims=True)),
        ("rank", lambda x: (rankdata(x, axis=0) - 0.5) / len(x)),
        ("rank_normal", lambda x: norm.ppf((rankdata(x, axis=0) - 0.5) / len(x))),
    ],
)
def test_definitions_and_inverses(transform, definition):
    found, _ = fit_transforms(POSITIVE, NAMES, transform)
    values = found.apply(POSITIVE)
    assert_allclose(values, definition(POSITIVE), rtol=1e-9, atol=1e-12)
    if transform != "clr":
        assert_allclose(found.invert(values), POSITIVE, rtol=1e-7)
        assert_allclose(found.invert(values[:, [2]], [2]), POSITIVE[:, [2]], rtol=1e-7)
    else:
        assert_array_equal(found.invert(values), values)
        assert_allclose(values.sum(axis=1), 0, atol=1e-11)
        assert_allclose(found.apply(7 * POSITIVE), values, atol=1e-11)
    assert found.names == NAMES


def test_features_by_name_and_ties():
    table = np.array([[1.0, 10, 5], [1, 100, 6], [3, 1000, 7], [np.nan, 10, 8]])
    found, seen = fit_transforms(table, NAMES, {"a": "rank", "b": "log10"})
    expected = [[1 / 3, 1, 5], [1 / 3, 2, 6], [5 / 6, 3, 7], [np.nan, 1, 8]]
    assert_allclose(found.apply(table), expected)
    assert list(seen) == ["0"]
    # New values take the ranks of the table, at most those of its ends.
    assert_allclose(
        found.apply([[2.0, 10, 0], [-9, 10, 0], [99, 10, 0]])[:, 0], [7 / 12, 1 / 3, 5 / 6]
    )


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50))
def test_ranks_rise_with_the_values(values):
    column = np.array(values)[:, None]
    for transform in ("rank", "rank_normal", {"asinh": 5}):
        got = transformed(column, transform, ["a"])[:, 0]
        order = np.argsort(column[:, 0], kind="stable")
        assert np.isfinite(got).all()
        assert (np.diff(got[order]) >= 0).all()


def test_many_values_keep_few_knots():
    column = RNG.normal(size=(20_000, 1))
    found, _ = fit_transforms(column, ["a"], "rank")
    assert found.columns[0].knots.shape[1] <= 1000
    assert_allclose(found.apply(column), rankdata(column, axis=0) / 20_000, atol=2e-3)


@pytest.mark.parametrize(
    ("transform", "value", "message"),
    [
        ("log", 0, r"feature 'b', data row 4: 0 has no log; take log1p or asinh"),
        ("log10", -2, r"-2 has no log10"),
        ("log1p", -1, r"-1 has no log1p; take asinh"),
        ("sqrt", -0.1, r"-0.1 has no sqrt"),
        ("clr", 0, r"feature 'b', data row 4: 0 has no clr; replace zeros.*0\.65"),
        ("clr", -3, r"-3 has no clr"),
    ],
)
def test_values_without_a_transform(transform, value, message):
    table = POSITIVE.copy()
    table[4, 1] = value
    with pytest.raises(DataError, match=message):
        transformed(table, transform)
    transformed(np.abs(table), "sqrt")


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ("logs", r"data.transform: 'logs' is no transform|unknown 'logs'"),
        ({"d": "log"}, "no feature 'd'"),
        ({"a": "clr"}, "only 'a' has it"),
        ({"asinh": 0}, "cofactor of asinh must be finite and > 0"),
    ],
)
def test_what_cannot_be_asked_for(transform, message):
    with pytest.raises(ConfigError, match=message):
        transformed(POSITIVE, transform)


# ---- in a study


@pytest.fixture
def table(tmp_path):
    group = np.repeat([0, 1], 45)
    values = np.exp(RNG.normal(size=(90, 3)) * 0.3 + 2 * group[:, None] * [1, 0, -1])
    path = tmp_path / "table.csv"
    pd.DataFrame(values, columns=list(NAMES)).assign(kind=group).to_csv(path, index=False)
    return path, values


def options(schema, path, **data):
    config = {"study": "t", "data": {"source": str(path), "label": "kind", **data}}
    return check_config(config, schema)["data"]


def test_a_table_is_transformed_and_kept(schema, table, tmp_path):
    path, values = table
    transform = {"a": "log", "b": {"asinh": 5}, "c": "rank_normal"}
    data = prepare_data(options(schema, path, transform=transform, weights={"a": 2}), seed=0)
    expected = transformed(values, transform)
    scaling = fit_scaling(expected, NAMES, weights={"a": 2})
    assert_allclose(data.features, scaling.apply(expected), atol=1e-6)
    assert_allclose(data.physical([0, 1, 2]), values, rtol=1e-4)
    assert data.describe(0) == "a"
    store.write_data(tmp_path / "data.h5", data, options=options(schema, path, transform=transform))
    again = store.read_data(tmp_path / "data.h5")
    assert again.transformation.columns[1].parameter == 5
    assert_array_equal(again.physical([0, 1, 2]), data.physical([0, 1, 2]))
    new = tmp_path / "new.csv"
    pd.DataFrame(values[:7, ::-1], columns=list(NAMES)[::-1]).to_csv(new, index=False)
    assert_array_equal(read_points(new, tmp_path / "data.h5").features, data.features[:7])
    pd.DataFrame([[1.0, 1, -1]], columns=list("cba")).to_csv(new, index=False)
    with pytest.raises(DataError, match=r"new.csv: feature 'a', data row 0: -1 has no log"):
        read_points(new, tmp_path / "data.h5")


def test_log_ratios_need_the_features_that_are_dropped(schema, table, tmp_path):
    path, values = table
    how = options(schema, path, transform="clr")
    data = prepare_data(how, seed=0)
    assert [data.describe(k) for k in range(3)] == ["clr(a)", "clr(b)", "clr(c)"]
    assert_allclose(data.physical([1])[:, 0], transformed(values, "clr")[:, 1], atol=1e-5)
    # b is 2 a, c = a: their log-ratios are constant.
    flat = np.c_[values[:, 0], values[:, 0], values[:, 1]]
    pd.DataFrame(flat, columns=list(NAMES)).assign(kind=0).to_csv(path, index=False)
    mixed = options(schema, path, transform={"a": "clr", "b": "clr"}, constant_features="drop")
    data = prepare_data(mixed, seed=0)
    assert data.names == ("c",)
    assert data.transformation.inputs == ("c",)
    # A log-ratio needs all of its parts, also one whose own is constant.
    three = np.c_[values[:, 0] * values[:, 1], values[:, 0], values[:, 1] * 0 + values[:, 0]]
    three[:, 2] = three[:, 0] ** 0.5 * three[:, 1] ** 0.5
    pd.DataFrame(three, columns=list(NAMES)).assign(kind=0).to_csv(path, index=False)
    data = prepare_data(options(schema, path, transform="clr", constant_features="drop"), seed=0)
    assert data.names == ("a", "b")
    assert data.transformation.inputs == NAMES
    store.write_data(tmp_path / "data.h5", data, options=how | {"missing": "error"})
    assert_allclose(read_points(path, tmp_path / "data.h5").features, data.features, atol=1e-6)


def test_a_sweep_of_transforms_is_a_choice_of_columns(schema, table):
    path, values = table
    swept = ["none", "log", {"a": "log", "b": "sqrt"}]
    data = prepare_data(options(schema, path, transform=swept, features=[["a", "b"], None]), seed=0)
    assert data.names == ("a", "log(a)", "b", "log(b)", "sqrt(b)", "c", "log(c)")
    mixed = list(data.transforms)[2]
    masks = {
        name: [n for n, s in zip(data.names, seen, strict=True) if s]
        for name, seen in data.transforms.items()
    }
    assert masks == {
        "none": ["a", "b", "c"],
        "log": ["log(a)", "log(b)", "log(c)"],
        mixed: ["log(a)", "sqrt(b)", "c"],
    }
    assert_array_equal(data.factors({"transform": "log", "features": "all"}), [0, 1, 0, 1, 0, 0, 1])
    assert_array_equal(data.factors({"transform": "log", "features": "a+b"}), [0, 1, 0, 1, 0, 0, 0])
    alone = prepare_data(options(schema, path, transform="log"), seed=0)
    assert_array_equal(data.features[:, [1, 3, 6]], alone.features)
    assert_allclose(data.physical(range(7))[:, 3], values[:, 1], rtol=1e-5)
    config = {"study": "t", "data": {"source": str(path), "transform": swept}}
    study = plan_config(config | {"recipe": "published"} | TINY_MAP, schema)
    assert study.swept == ("transform",)
    assert [p.id.split("alpha0.1_")[1] for p in study.realizations] == [
        "r1",
        "log_r1",
        f"{mixed}_r1",
    ]


TINY_MAP = {"lattice": {"xdim": 4, "ydim": 3}, "training": {"steps": 100}}


def test_a_transform_that_does_not_exist_is_refused_while_planning(schema):
    for bad, message in (
        ("lgo", "data.transform: 'lgo' is not allowed"),
        ({"a": 7}, "data.transform: {'a': 7} is no transform"),
        ({"a": "ln"}, "data.transform"),
    ):
        config = {"study": "t", "data": {"source": "x.csv", "transform": bad}}
        with pytest.raises(ConfigError, match=message):
            plan_config(config, schema)


@pytest.mark.workflow
def test_a_study_of_transformed_features(root, tmp_path, table):
    path, values = table
    data = {"source": str(path), "label": "kind", "transform": ["log", "none", "clr"]}
    how = {"study": "t", "data": data, "training": {"steps": 200}}
    project = Project(root, tmp_path / "project", TINY | how)
    targets = [f"results/t/figures/{name}.png" for name in ("component_planes", "signal")]
    project.run(*targets, "results/t/tables/choice.csv")
    choice = pd.read_csv(project.results / "tables" / "choice.csv")
    assert set(choice["transform"]) == {"log", "none", "clr"}
    frame = pd.DataFrame(values[:, ::-1], columns=list(NAMES)[::-1])
    pipeline = load_study(project.results)
    with store.read_result(project.results / "ensemble.h5", "ensemble") as file:
        assert_array_equal(pipeline.predict(frame), file["points/label"][:])
