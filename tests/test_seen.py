"""Sweeps of what maps see of the table: scalings and features, from the plan to a prediction."""

import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from planning import plan_config
from workflow_project import TINY, Project, write_points

from kohorte import SOM, SOMEnsemble, store
from kohorte.data.names import feature_sets, named_features, scalings
from kohorte.data.prepared import prepare_data
from kohorte.errors import ConfigError, DataError
from kohorte.estimators.ensemble import load_study
from kohorte.maps.draws import see
from kohorte.maps.realization import MapParameters, run_realization
from kohorte.study.config import check_config

LATTICE = {"lattice": {"xdim": 4, "ydim": 3}, "training": {"steps": 100}}


def plan(schema, data, **sections):
    data = {"source": "sklearn:iris"} | data
    config = {"study": "seen", "recipe": "published", "data": data, **LATTICE, **sections}
    return plan_config(config, schema)


def seen_of(study):
    ids = [p.id.removeprefix("x4_y3_steps100_alpha0.1_") for p in study.realizations]
    return dict(zip(ids, [p.parameters for p in study.realizations], strict=True))


def test_ids_name_what_differs_from_the_table(schema):
    study = plan(
        schema,
        {
            "scaling": ["standard", "two_sigma", "robust"],
            "features": [["b", "a"], ["a", "b", "c"], ["b", "a"]][:2],
        },
    )
    assert study.swept == ("scaling", "features")
    found = {name: (p["scaling"], p["features"]) for name, p in seen_of(study).items()}
    assert found == {
        "of-b+a_r1": ("standard", "b+a"),
        "r1": ("standard", "b+a+c"),
        "two-sigma_of-b+a_r1": ("two_sigma", "b+a"),
        "two-sigma_r1": ("two_sigma", "b+a+c"),
        "robust_of-b+a_r1": ("robust", "b+a"),
        "robust_r1": ("robust", "b+a+c"),
    }
    plain = plan(schema, {"scaling": "standard", "features": ["b", "a", "c"]})
    (only,) = plain.realizations
    same = study[only.id]
    assert same.seed == only.seed
    assert {**same.parameters} == {**only.parameters, "scaling": "standard", "features": "b+a+c"}
    for one in ({"scaling": ["standard"], "features": [["b", "a", "c"]]},):
        assert plan(schema, one).realizations == plain.realizations


def test_all_features_and_names_that_are_no_file_names(schema):
    strange = [["a/b"], ["x" * 99], ["all"], ["a+b"], ["a", "b"]]
    study = plan(schema, {"features": [None, *strange]})
    names = list(feature_sets({"features": [None, *strange]}))
    assert names[0] == "all"
    assert names[-1] == "a+b"
    assert len(set(names)) == 6
    assert all(name.startswith("1-") and len(name) == 12 for name in names[1:5])
    assert list(seen_of(study)) == ["r1", *(f"of-{name}_r1" for name in names[1:])]


def test_choices_of_features():
    assert feature_sets({"features": None}) == {"all": None}
    assert feature_sets({"features": ["b", "a"]}) == {"b+a": ["b", "a"]}
    several = {"features": [["b"], ["a", "b"]]}
    assert feature_sets(several) == {"b": ["b"], "b+a": ["b", "a"]}
    assert named_features(several) == ["b", "a"]
    assert named_features({"features": [["b"], None]}) is None
    assert scalings({"scaling": "none"}) == ["none"]


def test_entries_name_what_they_see(schema):
    data = {"scaling": ["robust", "standard"], "features": [["a"], ["a", "b"]]}
    entries = [
        {"scaling": "standard", "features": ["b", "a"]},
        {"scaling": "robust", "features": ["a"]},
    ]
    study = plan(schema, data, realizations={"explicit": entries})
    assert list(seen_of(study)) == ["standard_r1", "of-a_r1"]
    with pytest.raises(ConfigError, match=r"explicit\[0\] does not say which features .*data\.fea"):
        plan(schema, data, realizations={"explicit": [{"scaling": "robust"}]})
    with pytest.raises(ConfigError, match=r"explicit\[0\]: features \['b'\] is none of the values"):
        entry = {"scaling": "robust", "features": ["b"]}
        plan(schema, data, realizations={"explicit": [entry]})
    with pytest.raises(ConfigError, match=r"explicit\[0\]: scaling 'robust' is none of the values"):
        plan(schema, {}, realizations={"explicit": [{"scaling": "robust"}]})


def test_what_cannot_be_swept(schema):
    two = {"scaling": ["robust", "standard"]}
    with pytest.raises(ConfigError, match="'cosine' their offsets count too"):
        plan(schema, two, training={"metric": ["euclidean", "cosine"]})
    plan(schema, {"features": [["a"], ["b"]]}, training={"metric": "cosine"})
    with pytest.raises(ConfigError, match=r"ensemble\.per: data\.scaling has one value"):
        plan(schema, {}, ensemble={"per": ["scaling"]})
    for data, says in (
        ({"scaling": ["robust", "robust"]}, "names a value twice"),
        ({"scaling": ["robust", "big"]}, "'big' is not allowed"),
        ({"features": []}, "data.features"),
        ({"features": ["a", "a"]}, "names a value twice"),
        ({"features": [["a", 1]]}, "data.features"),
    ):
        with pytest.raises(ConfigError, match=says):
            plan(schema, data)


def prepare(schema, **data):
    config = check_config({"study": "seen", "data": data}, schema)
    return prepare_data(config["data"], seed=0)


def test_factors_of_a_table(schema, tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.gamma(2, size=(50, 3)) * [1, 20, 0.3], columns=["a", "b", "c"])
    table.to_csv(tmp_path / "t.csv", index=False)
    source, weights = str(tmp_path / "t.csv"), {"b": 3}
    swept = {"scaling": ["two_sigma", "robust"], "features": [["a"], ["b", "a"]]}
    data = prepare(schema, source=source, weights=weights, **swept)
    base = prepare(schema, source=source, weights=weights, features=["a", "b"])
    assert data.digest == base.digest
    store.write_data(tmp_path / "data.h5", data)
    data = store.read_data(tmp_path / "data.h5")
    assert data.factors({}) is None
    assert data.factors({"scaling": "two_sigma", "features": "a+b"}) is None
    assert_array_equal(data.factors({"features": "a"}), [1, 0])

    robust = prepare(schema, source=source, weights=weights, features=["a", "b"], scaling="robust")
    factors = data.factors({"scaling": "robust"})
    shifted = see(data.features, factors) - robust.features
    np.testing.assert_allclose(shifted, np.broadcast_to(shifted[0], (50, 2)), atol=1e-5)

    # A map that sees another scaling is the one of that table, but for rounding and its place.
    how = MapParameters(3, 2, trainer="batch", epochs=4, initial="sample")
    found = run_realization(data.features, how, 1, factors=factors)
    assert_array_equal(found.labels, run_realization(robust.features, how, 1).labels)


def test_features_that_a_scaling_leaves_out(schema, tmp_path):
    table = pd.DataFrame({"a": np.arange(40.0), "b": [0.0] * 38 + [1, 2]})
    table.to_csv(tmp_path / "t.csv", index=False)
    how = {"source": str(tmp_path / "t.csv"), "scaling": ["standard", "robust"]}
    with pytest.raises(DataError, match="'b' has no 'robust' scale"):
        prepare(schema, **how)
    data = prepare(schema, **how, constant_features="drop", features=[["a", "b"], ["b"]])
    assert data.factors({"scaling": "robust", "features": "a+b"})[1] == 0
    with pytest.raises(DataError, match="all features of b are constant"):
        data.factors({"scaling": "robust", "features": "b"})


def test_a_study_of_scalings_and_features(root, tmp_path):
    """Maps, tables, votes of new points, and the study loaded again."""
    config = {
        **TINY,
        "study": "seen",
        "data": TINY["data"]
        | {
            "scaling": ["two_sigma", "robust"],
            "features": [["height", "girth"], ["height", "girth", "age"]],
        },
        "lattice": {"xdim": 5, "ydim": 4},
        "training": {"steps": 400, "feature_share": [0.6, 1], "snapshots": 2},
        "ensemble": {"per": ["scaling", "features"]},
        "prediction": {"source": TINY["data"]["source"]},
    }
    project = Project(root, tmp_path / "seen", config)
    write_points(project.directory / TINY["data"]["source"])
    points = pd.read_csv(project.directory / TINY["data"]["source"])[["height", "girth", "age"]]
    drawn = ("quality", "component_planes", "umatrix_stages", "snapshots")
    figures = [f"results/seen/figures/{name}.png" for name in drawn]
    project.run("predict", "sweep", "results/seen/tables/choice.csv", *figures)
    maps = pd.read_csv(project.results / "tables/realizations.csv")
    assert len(maps) == 8
    assert set(maps["scaling"]) == {"two_sigma", "robust"}
    assert set(maps["features"]) == {"height+girth", "height+girth+age"}
    table = store.read_data(project.results / "data.h5")
    assert table.names == ("height", "girth", "age")
    for row in maps.itertuples():
        stored = store.read_realization(project.realization(row.id), "weights", "winners", "labels")
        seen = table.factors({"scaling": row.scaling, "features": row.features})
        parameters = MapParameters(
            **{k: v for k, v in stored.parameters.items() if k not in ("scaling", "features")}
        )
        expected = run_realization(table.features, parameters, row.seed, factors=seen)
        assert_array_equal(stored.arrays["weights"], expected.weights)
        assert_array_equal(stored.arrays["labels"], expected.labels)
        assert stored.factors is None or (stored.factors >= 0).all()
        if row.features == "height+girth":
            assert stored.factors[2] == 0
        if stored.factors is None:
            assert (row.scaling, row.features, row.feature_share) == (
                "two_sigma",
                "height+girth+age",
                1,
            )

    choice = pd.read_csv(project.results / "tables/choice.csv")
    assert {"scaling", "features", "feature_share"} <= set(choice)
    assert choice["pareto"].all()  # errors of no two can be compared
    effects = pd.read_csv(project.results / "tables/effects.csv")
    assert set(effects["parameter"]) == {"scaling", "features", "feature_share"}
    sweep = pd.read_csv(project.results / "tables/sweep.csv")
    assert sweep[["scaling", "features"]].drop_duplicates().shape == (4, 2)

    stored = store.read_ensemble(project.results / "ensemble.h5", points=True)
    (predicted,) = (project.results / "prediction").glob("*.h5")
    with h5py.File(predicted) as file:
        assert_array_equal(file["label"][:], stored.points.label)
        np.testing.assert_allclose(file["novelty"][:].mean(), 1, rtol=1e-4)
    study = load_study(project.results)
    assert isinstance(study["som"], SOMEnsemble)
    assert_array_equal(study.predict(points), stored.points.label)
    own = maps["id"][0]
    som = load_study(project.results, own)
    assert isinstance(som["som"], SOM)
    with h5py.File(project.realization(own)) as file:
        assert_array_equal(som.predict(points), file["labels"][:])

    # Another scaling trains its own maps only.
    config["data"]["scaling"] = ["two_sigma", "robust", "standard"]
    kept = {p: p.stat().st_mtime_ns for p in (project.results / "realizations").glob("*.h5")}
    project.configure(config)
    project.run("results/seen/tables/realizations.csv")
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert len(list((project.results / "realizations").glob("*.h5"))) == 12
