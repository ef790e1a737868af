"""The plan of a study: sweeps, ids and seeds."""

import hashlib
import importlib
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from planning import plan_config, prepare

from kohorte.errors import ConfigError
from kohorte.maps.parameters import realization_seed
from kohorte.studies import load_modules
from kohorte.study.figures import FIGURES, all_figures, choose_figures
from kohorte.study.plan import RESERVED, batches, plan_study

ALL = all_figures(load_modules())

SWEEP = {
    "lattice": {"xdim": [38, 40, 42], "ydim": [14, 16]},
    "training": {"alpha": [0.1, 0.5], "steps": [10000, 50000, 100000]},
}


def ids(study):
    return [plan.id for plan in study.realizations]


def test_default_study_is_the_published_iris_ensemble(root, schema):
    config = yaml.safe_load((root / "config" / "config.yaml").read_text())
    study = plan_config(config, schema)
    assert len(study.realizations) == 36
    assert study.swept == ("xdim", "ydim", "steps", "alpha")
    assert study.realizations[0].id == "x38_y14_steps10000_alpha0.1_r1"
    assert {p.parameters["merge"] for p in study.realizations} == {0.2}


def test_ids_and_seeds_are_distinct(plan):
    study = plan(**SWEEP, realizations={"repeats": 5})
    assert len(study.realizations) == 180
    assert len(set(ids(study))) == 180
    assert len({p.seed for p in study.realizations}) == 180


def test_seeds_pass_through_a_float(plan):
    for p in plan(**SWEEP).realizations:
        assert int(float(p.seed)) == p.seed


def test_adding_values_leaves_existing_realizations_alone(plan):
    before = plan(**SWEEP)
    longer = {
        "lattice": {"xdim": [36, 38, 40, 41, 42], "ydim": [14, 15, 16]},
        "training": SWEEP["training"] | {"alpha": [0.1, 0.2, 0.5], "initial": "uniform"},
        "segmentation": {"merge": [0.2, 0.3]},
        "realizations": {"repeats": 2},
    }
    after = {p.id: p for p in plan(**longer).realizations}
    for p in before.realizations:
        assert after[p.id] == p


def test_turning_one_value_into_a_list_keeps_its_realization(plan):
    one = plan(lattice={"xdim": 5, "ydim": 4}, segmentation={"smoothing": 1.5})
    two = plan(lattice={"xdim": 5, "ydim": 4}, segmentation={"smoothing": [0, 1.5]})
    assert ids(one) == ["x5_y4_steps100000_alpha0.1_smooth1.5_r1"]
    assert one.realizations[0] in two.realizations


def test_another_study_seed_gives_other_seeds(plan):
    one, two = plan(seed=1), plan(seed=2)
    assert ids(one) == ids(two)
    assert one.realizations[0].seed != two.realizations[0].seed


def test_seed_is_the_documented_hash():
    # First 52 bits of SHA-256 of "42/x1": printf 42/x1 | sha256sum
    assert realization_seed(42, "x1") == int(hashlib.sha256(b"42/x1").hexdigest()[:13], 16)


def test_number_written_in_two_ways_is_one_realization(plan):
    assert ids(plan(training={"steps": 10000.0})) == ids(plan(training={"steps": 10000}))


def test_values_without_an_effect_count_for_no_map(plan, monkeypatch):
    monkeypatch.setattr("kohorte.study.plan.MAX_REALIZATIONS", 50)
    lattice = {"xdim": 6, "ydim": 5}  # for which the ratios of the recipe say nothing
    study = plan(recipe="resolved", lattice=lattice, realizations={"repeats": 10})
    assert len(study.realizations) == 50
    says = r"55 realizations are asked for: fineness \(5 values\), realizations\.repeats 11; "
    with pytest.raises(ConfigError, match=says):
        plan(recipe="resolved", lattice=lattice, realizations={"repeats": 11})
    with pytest.raises(ConfigError, match=r"60 realizations are asked for: xdim \(60 values\)"):
        plan(lattice={"xdim": list(range(2, 62)), "ydim": 5})
    explicit = [{"xdim": k, "ydim": 4} for k in range(4, 10)]
    assert len(plan(realizations={"explicit": explicit, "repeats": 8}).realizations) == 48
    with pytest.raises(ConfigError, match=r"54 realizations are asked for"):
        plan(realizations={"explicit": explicit, "repeats": 9})


def test_explicit_list(plan):
    entries = [{"xdim": 5, "ydim": 4}, {"xdim": 6, "ydim": 4, "method": "kmeans", "clusters": 3}]
    study = plan(realizations={"explicit": entries, "repeats": 2})
    assert ids(study) == [
        "x5_y4_steps100000_alpha0.1_r1",
        "x5_y4_steps100000_alpha0.1_r2",
        "x6_y4_steps100000_alpha0.1_kmeans_k-3_r1",
        "x6_y4_steps100000_alpha0.1_kmeans_k-3_r2",
    ]
    assert study.swept == ("xdim", "method", "clusters")


def test_explicit_entry_settles_every_list(plan):
    study = plan(training={"alpha": [0.1, 0.5]}, realizations={"explicit": [{"alpha": 0.3}]})
    assert len(study.realizations) == 1


LABELS = {"labels": ["a.npy"]}
GRID = {"source": "a.h5", "shape": [4, 5]}
OF_TABLE = {"group": "plot", "label": "kind", "features": ["a", "b"], "sample": 9, "stride": 2}
OF_TABLE |= {"units": {"a": "m"}, "titles": {"a": "A"}, "weights": {"a": 2}, "transform": "log"}
TEST = {"classification": {"test": "b.csv"}}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"training": {"alpha": [0.1, 0.5]}, "realizations": {"explicit": [{"steps": 100}]}},
         r"explicit\[0\] does not say which alpha to use"),
        ({"realizations": {"explicit": [{"steps": 100}, {"steps": 100, "alpha": 0.1}]}},
         r"explicit\[1\] is the same as entry 0 .*repeats"),
        ({"lattice": {"xdim": 5}}, r"lattice\.ydim is 'auto' but the other side"),
        *(({"study": name}, f"results/{name} holds results that belong") for name in RESERVED),
        ({"realizations": {"noise": -1}}, r"realizations\.noise marks .* maps leave no point out"),
        ({"figures": {"color_by": "alfa"}}, r"color_by: 'alfa' is not a parameter"),
        ({"figures": {"realization": "x"}}, r"figures\.realization: .*no map 'x'"),
        ({"ensemble": {"signal_cuts": [9, 3]}}, r"ensemble.signal_cuts: \[9, 3\] are not asc"),
        ({"data": {}, "realizations": LABELS} | TEST,
         r"classification\.test: .*label files has none"),
        ({"data": {"source": "a.csv"}} | TEST,
         r"classification\.test: .*but data.label names none"),
        ({"realizations": {"labels": ["runs/a.npy", "x/a.h5"]}},
         r"'runs/a.npy' and 'x/a.h5' have the same name"),
        ({"realizations": LABELS | {"explicit": [{"steps": 5}]}}, "either labels or explicit"),
        ({"data": {}}, r"data\.source: this key is required, unless"),
        *(({"data": {key: value}, "realizations": LABELS},
           rf"data\.{key}: rows and columns are a table's, and data\.source names none")
          for key, value in OF_TABLE.items()),
        (SWEEP | {"ensemble": {"per": ["xdim", "aplha"]}},
         r"per: 'aplha' is not a parameter.*mean 'alpha'\?"),
        (SWEEP | {"ensemble": {"per": ["repeats"]}},
         r"per: 'repeats' is not a parameter.*there are 'xdim'"),
        ({"data": {}, "realizations": LABELS, "ensemble": {"per": ["xdim"]}},
         r"per: .*no 'xdim' to compare them by"),
        ({"data": GRID | {"source": None}, "realizations": LABELS},
         r"data\.shape: the grid is kept with the table of data\.source"),
        ({"data": GRID | {"sample": 10}, "realizations": LABELS},
         r"data\.sample: rows that are the cells of a grid"),
        ({"data": GRID | {"missing": "drop"}, "realizations": LABELS},
         r"data\.missing: rows that are the cells"),
    ],
)  # fmt: skip
def test_what_no_study_can_be_is_refused(plan, config, message):
    with pytest.raises(ConfigError, match=message):
        plan(**config)


def test_what_is_near_to_that_is_a_study(plan):
    assert plan(data={}, realizations=LABELS | {"noise": -1}).labels
    nothing = {"label": None, "stride": 1, "units": {}, "features": None}
    assert plan(data=nothing, realizations=LABELS).labels
    plan(**TEST)
    plan(data=GRID, realizations=LABELS)
    plan(**SWEEP, ensemble={"per": ["xdim", "alpha", "metric"]})  # the metric has one value


@pytest.mark.parametrize(
    ("change", "name", "message"),
    [
        ({"data": {}, "realizations": LABELS}, "node_difference",
         "'node_difference' cannot be drawn: the realizations are label files"),
        ({"data": {"source": "a.csv"}}, "node_classes",
         "'node_classes' cannot be drawn: data.label names no known classes"),
        ({}, "classification", "'classification' cannot be drawn: classification.test names no"),
        ({"data": {"source": "a.csv", "features": ["b_v"]}}, "colour_magnitude",
         "has no absolute_magnitude"),
        ({}, "field_slice", "'field_slice' cannot be drawn: the points are no cells of a grid"),
        ({}, "sheet_surfaces", "the points are no cells"),
        ({"data": GRID}, "sheet_surfaces",
         "'sheet_surfaces' cannot be drawn: the grid has two dimensions, [4, 5]"),
        ({}, "umatrix_stages", "set training.snapshots to 6"),
        ({}, "overlap_matrices", "there is one realization only"),
        ({"realizations": {"labels": ["a.npy", "b.npy"]}}, "feature_map",
         "'feature_map' cannot be drawn: the realizations"),
        ({"data": {"source": None}, "realizations": {"labels": ["a.npy", "b.npy"]}},
         "feature_pairs", "there is no data.source"),
    ],
)  # fmt: skip
def test_extra_figures_must_be_possible(plan, change, name, message):
    with pytest.raises(ConfigError, match=r"figures\.extra: ") as error:
        plan(figures={"extra": [name]}, **change)
    assert message in str(error.value)


@given(count=st.integers(1, 60), size=st.integers(1, 70))
def test_batches_hold_every_realization_once_in_order(plan, count, size):
    study = plan(realizations={"repeats": count})
    jobs = batches(study.realizations, size)
    assert [i for members in jobs.values() for i in members] == ids(study)
    assert all(1 <= len(members) <= size for members in jobs.values())
    assert list(jobs) == sorted(jobs)


def test_label_files_are_realizations_named_after_them(plan):
    study = plan(data={}, realizations={"labels": ["runs/a.npy", "other/b.h5"]})
    assert study.realizations == ()
    assert study.labels == {"a": "runs/a.npy", "b": "other/b.h5"}
    plan(realizations={"labels": ["a.npy", "b.npy"]}, figures={"extra": ["overlap_matrices"]})


def test_every_figure_has_a_function_and_a_caption(plan, root):
    captions = dict.fromkeys(FIGURES, root / "workflow" / "report")
    for module in load_modules():
        captions |= dict.fromkeys(module.figures, module.folder / "captions")
    assert len({figure.name for figure in captions}) == len(captions) > 40
    for figure, folder in captions.items():
        assert (folder / f"{figure.name}.rst").exists(), figure.name
        assert hasattr(importlib.import_module(figure.module), f"draw_{figure.name}")
        assert figure.question.endswith("?")
    for folder in set(captions.values()):
        texts = {path.stem for path in folder.glob("*.rst")}
        rules = "".join(path.read_text() for path in [*root.rglob("*.smk"), root / "Snakefile"])
        used = {figure.name for figure in captions} | set(re.findall(r"(\w+)\.rst", rules))
        assert not texts - used


def test_a_study_has_the_figures_that_it_can_have(schema):
    def drawn(**config):
        config = {"study": "a", "data": {"source": "sklearn:iris"}, **config}
        config = prepare({"recipe": "published", **config}, schema)
        study = plan_study(config, load_modules())
        return {figure.name for figure in choose_figures(ALL, config, study)}

    one = drawn()
    assert {"umatrix", "hits", "quality", "history", "clusters", "ranking", "signal"} <= one
    assert not {"agreement", "effects", "snapshots", "sweep", "projections"} & one
    swept = drawn(training={"snapshots": 1, "history": 0, "alpha": [0.1, 0.2, 0.3, 0.4]})
    several = {"agreement", "stability", "splits", "exchange"}
    assert swept - one == {"snapshots", "effects", "sufficiency"} | several
    assert one - swept == {"history"}
    assert drawn(ensemble={"per": ["alpha"]}) - one == {"sweep"}
    assert drawn(ensemble={"signal_cuts": [3, 4]}) - one == {"signal_cuts"}
    assert drawn(figures={"extra": ["signal_cuts"]}) - one == {"signal_cuts"}
    without_points = {"data": {"source": None}, "realizations": {"labels": ["a.npy", "b.npy"]}}
    assert "signal_cuts" not in drawn(ensemble={"signal_cuts": [3]}, **without_points)
    labels = drawn(data={"source": None}, realizations={"labels": ["a.npy", "b.npy"]})
    assert labels == {"clusters", "ranking", "similarity"} | several
    on_request = [figure.name for figure in ALL if figure.on_request]
    everything = drawn(
        data={"source": "a.h5", "shape": [4, 5, 6], "label": "kind"},
        classification={"test": "b.h5"},
        training={"snapshots": 6, "alpha": [0.1, 0.2]},
        figures={"extra": on_request},
    )
    assert everything >= set(on_request)
