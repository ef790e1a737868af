"""The table of the parameters of a map, and what can be chosen by name."""

import itertools
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from kohorte.errors import ConfigError
from kohorte.estimators import SOM
from kohorte.maps import _jax, _jax_metrics, _kernels, soft
from kohorte.maps._weight_clusters import SCORES
from kohorte.maps.history import Observer
from kohorte.maps.initial import INITIALS
from kohorte.maps.lattice import TOPOLOGIES
from kohorte.maps.metrics import METRICS, pairwise, rowwise
from kohorte.maps.neighbourhood import KERNELS
from kohorte.maps.parameters import (
    CURVE_NAMES,
    KERNEL_NAMES,
    PARAMETERS,
    Metric,
    check_map,
    check_patience,
    parameter_defaults,
)
from kohorte.maps.realization import TRAINERS as TRAINING
from kohorte.maps.realization import MapParameters
from kohorte.maps.resolve import resolve_parameters
from kohorte.maps.schedules import CURVES
from kohorte.maps.segments import SEGMENTATIONS
from kohorte.maps.winners import find_two_winners
from kohorte.study.config import check_config, load_schema

LATTICES = {
    "xdim": [1, 5],
    "ydim": [1, 2, 3],
    "topology": ["rectangular", "hexagonal"],
    "periodic": [False, True],
}
TRAINERS = {
    "trainer": ["online", "batch", "minibatch"],
    "kernel": ["auto", "truncated_gaussian", "gaussian", "mexican_hat", "exponential"],
    "backend": ["numba", "jax"],
    "epochs": [None, 3],
}
RATES = {
    "trainer": ["online", "minibatch"],
    "learning_rate": ["decay", "constant", "linear", "exponential", "inverse_time", "power"],
    "alpha": [0.1, 0.5],
    "final_alpha": [None, 0.0, 0.1, 0.3],
}
RADII = {
    "trainer": ["online", "batch", "minibatch"],
    "radius_schedule": [
        *("auto", "reference", "constant", "linear", "exponential", "inverse_time", "power")
    ],
    "radius": ["auto", 0.0, 0.5, 2.0],
    "final_radius": ["auto", 0.0, 0.5, 1.0, 3.0],
    "xdim": [1, 4],
}


def is_refused(function, *arguments, **named):
    try:
        function(*arguments, **named)
    except ConfigError:
        return True
    return False


@pytest.mark.parametrize("grid", [LATTICES, TRAINERS, RATES, RADII])
def test_the_plan_refuses_what_the_map_refuses(grid):
    whole = parameter_defaults() | {"xdim": 4, "ydim": 4, "clusters": None}
    answers = set()
    for values in itertools.product(*grid.values()):
        chosen = whole | dict(zip(grid, values, strict=True))
        arguments = {name: value for name, value in chosen.items() if name != "ratio"}
        refused = is_refused(MapParameters, **arguments)
        assert is_refused(check_map, chosen) == refused, values
        answers.add(refused)
    assert answers == {True, False}


def test_automatic_sides_are_left_to_the_data():
    whole = parameter_defaults() | {"topology": "hexagonal", "periodic": True}
    points = np.random.default_rng(1).normal(size=(50, 3))
    for values in ({}, {"trainer": "batch", "final_radius": 2.0}):
        check_map(whole | values)
        resolve_parameters(whole | values, points)


@pytest.mark.parametrize("patience", [None, 3])
@pytest.mark.parametrize("history", [0, 1])
def test_patience_needs_history(patience, history):
    lattice = SimpleNamespace(n_nodes=16)
    refused = is_refused(Observer, np.zeros((2, 1)), lattice, moments=history, patience=patience)
    assert is_refused(check_patience, patience, history) == refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"lattice": {"xdim": 4, "ydim": [4, 5], "topology": "hexagonal", "periodic": True}},
            r"lattice\.ydim: a periodic hexagonal lattice needs an even number of rows, not 5",
        ),
        (
            {"training": {"trainer": ["online", "batch"], "kernel": "mexican_hat"}},
            r"training\.kernel: 'mexican_hat' .* 'batch'",
        ),
        ({"training": {"backend": "jax"}}, r"training\.backend: 'jax' .* 'online'"),
        ({"training": {"radius": 3}}, r"training\.radius is 3, but .* 'reference'"),
        ({"training": {"patience": 3, "history": 0}}, r"training\.patience is 3, but history is 0"),
        (
            {"training": {"learning_rate": "linear", "alpha": [0.5, 0.1], "final_alpha": 0.2}},
            r"training\.final_alpha is 0\.2, but it falls from alpha, which is 0\.1",
        ),
        (
            {"training": {"learning_rate": "power", "final_alpha": 0}},
            r"training\.final_alpha is 0, which 'power' never reaches",
        ),
        (
            {"training": {"trainer": "batch", "radius": 0}},
            r"training\.radius: it must be above 0 .*'exponential'",
        ),
        (
            {"realizations": {"explicit": [{}, {"backend": "jax"}]}},
            r"training\.backend: 'jax' .* 'online'",
        ),
    ],
)
def test_the_message_names_the_keys(plan, changes, message):
    with pytest.raises(ConfigError, match=message):
        plan(**changes)


def test_what_has_no_effect_excludes_nothing(plan):
    plan(training={"trainer": "batch", "learning_rate": "linear", "final_alpha": 0.9})
    plan(training={"learning_rate": ["decay", "constant"], "final_alpha": 0.9})


@pytest.mark.parametrize(
    ("names", "implemented"),
    [
        (PARAMETERS["trainer"].names, TRAINING),
        (PARAMETERS["topology"].names, TOPOLOGIES),
        (PARAMETERS["method"].names, SEGMENTATIONS),
        (PARAMETERS["clusters"].names, SCORES),
        (PARAMETERS["initial"].names, [*INITIALS, "given"]),
        (KERNEL_NAMES, KERNELS),
        (CURVE_NAMES, CURVES),
        ({metric.kind for metric in METRICS.values()}, _kernels.KINDS),
        (_kernels.KINDS, _jax_metrics.KINDS),
    ],
)
def test_every_name_stands_for_something(names, implemented):
    assert set(names) == set(implemented)


def test_a_map_takes_known_names_only():
    with pytest.raises(TypeError, match="'apochs' is not a parameter of a map; did you mean 'epoc"):
        MapParameters(3, 2, apochs=3)


ROW = """
    damping: float = _training(
        "damping", 0, bounds=_SHARE, matters=lambda p: p["trainer"] == "online"
    )
    method: str ="""
WORDS = """
      damping:
        description: Share of alpha that is lost.
      history:
"""
OBSERVER = "    observer: Observer | None = None,\n"
CHECK = """
import numpy as np
from kohorte.errors import ConfigError
from kohorte.estimators import SOM
from kohorte.maps.realization import MapParameters
from kohorte.study.config import check_config, load_schema
from kohorte.study.page import configuration_page
from kohorte.study.plan import plan_study

schema = load_schema()
config = {"study": "a", "data": {"source": "sklearn:iris"}, "training": {"damping": [0, 0.5]}}
config |= {"recipe": "published", "lattice": {"xdim": 2, "ydim": 2}}
study = plan_study(check_config(config, schema))
assert study.swept == ("damping",)
assert [p.id for p in study.realizations] == [
    "x2_y2_steps100000_alpha0.1_r1", "x2_y2_steps100000_alpha0.1_damping0.5_r1"
]
config["training"]["trainer"] = "batch"
assert len(plan_study(check_config(config, schema)).realizations) == 1
assert MapParameters(2, 2).damping == 0
assert SOM(damping=0.5).get_params()["damping"] == 0.5
assert SOM().set_params(damping=1.0).damping == 1
page = configuration_page(schema, "")
words = page[page.index("### `training.damping`"):].split("###")[1]
assert "- Values: a number at least 0 and at most 1, or a list of such" in words
try:
    SOM(2, 2, recipe="published", damping=1.0).fit(np.ones((5, 2)))
except ConfigError as error:
    assert "alpha must be finite and > 0" in str(error)
else:
    raise AssertionError("the trainer does not use it")
"""


def test_a_parameter_is_a_row_its_words_and_its_use(root, tmp_path):
    """Added in a copy of the library in these three places, it is everywhere."""
    package = tmp_path / "kohorte"
    shutil.copytree(root / "src" / "kohorte", package)
    for file, old, new in (
        ("maps/parameters.py", "\n    method: str =", ROW),
        ("study/config.schema.yaml", "\n      history:\n", WORDS),
        ("maps/online.py", OBSERVER, f"    damping: float = 0,\n{OBSERVER}"),
        ("maps/online.py", "as_alpha(alpha)", "as_alpha(alpha * (1 - damping))"),
    ):
        text = (package / file).read_text()
        assert text.count(old) == 1, (file, old)
        (package / file).write_text(text.replace(old, new))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", CHECK], env=environment, check=True)


def test_a_metric_is_a_row(monkeypatch):
    """Registered in one place, it is everywhere."""
    name = "root_manhattan"
    monkeypatch.setitem(METRICS, name, Metric("absolute", root=True))
    config = {"study": "a", "data": {"source": "sklearn:iris"}, "training": {"metric": name}}
    assert check_config(config, load_schema())["training"]["metric"] == name
    rng = np.random.default_rng(0)
    points, weights = rng.normal(size=(40, 3)).astype(np.float32), rng.normal(size=(7, 3))
    points[::5, 1] = np.nan
    expected = np.sqrt(pairwise(points, weights, "manhattan"))
    np.testing.assert_allclose(pairwise(points, weights, name), expected)
    np.testing.assert_allclose(rowwise(points[:7], weights, name), np.diag(expected[:7]))
    for search in (find_two_winners, _jax.search_two_winners):
        nodes, lengths = search(points, weights, metric=name)
        np.testing.assert_array_equal(nodes[:, 0], expected.argmin(axis=1))
        np.testing.assert_allclose(lengths[:, 0], expected.min(axis=1), rtol=1e-5)
    shares = np.exp(-expected[0]) / np.exp(-expected[0]).sum()
    found = soft.soft_shares(points[0], weights, 1.0, metric=name)
    np.testing.assert_allclose(found, shares, rtol=1e-5)
    for trainer in ("online", "batch", "minibatch"):
        som = SOM(3, 2, metric=name, trainer=trainer, epochs=2).fit(points)
        nearest = pairwise(points, som.weights_, name).min(axis=1)
        assert som.quantization_error_ == pytest.approx(nearest.mean(), rel=1e-5)
