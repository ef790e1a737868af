"""Maps that cannot exist are refused when a study is planned, and no others."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from kohorte.errors import ConfigError
from kohorte.maps.history import Observer
from kohorte.maps.realization import MapParameters
from kohorte.maps.resolve import resolve_parameters
from kohorte.study.map_checks import check_map
from kohorte.study.plan import parameter_defaults

LATTICES = {
    "xdim": [1, 5],
    "ydim": [1, 2, 3],
    "topology": ["rectangular", "hexagonal"],
    "periodic": [False, True],
}
TRAINERS = {
    "trainer": ["online", "batch", "minibatch"],
    "kernel": ["auto", "truncated_gaussian", "gaussian", "mexican_hat", "bubble"],
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
def test_the_plan_refuses_what_the_map_refuses(schema, grid):
    whole = parameter_defaults(schema) | {"xdim": 4, "ydim": 4, "clusters": None}
    answers = set()
    for values in itertools.product(*grid.values()):
        chosen = whole | dict(zip(grid, values, strict=True))
        arguments = {name: value for name, value in chosen.items() if name != "ratio"}
        refused = is_refused(MapParameters, **arguments)
        assert is_refused(check_map, chosen, 20) == refused, values
        answers.add(refused)
    assert answers == {True, False}


def test_automatic_sides_are_left_to_the_data(schema):
    whole = parameter_defaults(schema) | {"topology": "hexagonal", "periodic": True}
    points = np.random.default_rng(1).normal(size=(50, 3))
    for values in ({}, {"trainer": "batch", "final_radius": 2.0}):
        check_map(whole | values, 20)
        resolve_parameters(whole | values, points)


@pytest.mark.parametrize("patience", [None, 3])
@pytest.mark.parametrize("history", [0, 1])
def test_patience_needs_history(schema, patience, history):
    whole = parameter_defaults(schema) | {"xdim": 4, "ydim": 4, "patience": patience}
    lattice = SimpleNamespace(n_nodes=16)
    refused = is_refused(Observer, np.zeros((2, 1)), lattice, moments=history, patience=patience)
    assert is_refused(check_map, whole, history) == refused


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
        ({"training": {"patience": 3, "history": 0}}, r"training\.history is 0"),
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
