"""Parameters of a study made those of one map."""

from operator import attrgetter

import numpy as np
import pytest

from kohorte.errors import ConfigError
from kohorte.maps.draws import draw_rows
from kohorte.maps.parameters import PARAMETERS, parameter_defaults
from kohorte.maps.realization import MapParameters
from kohorte.maps.resolve import resolve_parameters
from kohorte.maps.segments import SEGMENTATIONS

CHOSEN = parameter_defaults() | {"ratio": 0.7, "steps": 100, "batch_size": 100, "initial": "pca"}
CHOSEN |= {"smoothing": 0.5, "merge": 0.3, "clusters": 4}


def features(n_points=150, n_features=4):
    return np.random.default_rng(0).normal(size=(n_points, n_features)).astype(np.float32)


def test_every_parameter_of_a_study_is_taken():
    assert set(CHOSEN) == set(PARAMETERS)


def test_automatic_size_by_a_given_ratio():
    found = resolve_parameters(CHOSEN, features())
    assert (found.xdim, found.ydim) == (5, 4)
    assert (found.initial, found.smoothing, found.merge) == ("pca", 0.5, 0.3)


def test_automatic_size_by_the_principal_components():
    stretched = features() * np.array([8, 2, 1, 1], dtype=np.float32)
    found = resolve_parameters({**CHOSEN, "ratio": "pca"}, stretched)
    assert found.ydim / found.xdim == pytest.approx(0.25, abs=0.1)


@pytest.mark.parametrize(
    ("n_points", "nodes", "sides"),
    [
        (150, "fine", (13, 9)),
        (10_000, "fine", (37, 27)),
        (1, "fine", (1, 2)),
        (150, 300, (20, 15)),
        (150, 1, (1, 1)),
    ],
)
def test_automatic_size_of_so_many_nodes(n_points, nodes, sides):
    found = resolve_parameters(CHOSEN | {"nodes": nodes}, features(n_points))
    assert (found.xdim, found.ydim) == sides
    assert found.nodes == nodes


@pytest.mark.parametrize(
    ("rows", "steps"),
    [
        ({}, 150),
        ({"row_share": 0.5}, 75),
        ({"row_share": 0.5, "row_limit": 40}, 40),
        ({"row_limit": 1000}, 150),
        ({"row_share": 0.001}, 2),
        ({"row_share": 0.5, "row_draw": "bootstrap"}, 75),
    ],
)
def test_automatic_steps_are_one_for_each_point_that_is_seen(rows, steps):
    found = resolve_parameters(CHOSEN | {"steps": "auto"} | rows, features())
    assert found.steps == steps
    drawn = draw_rows(
        150,
        np.random.default_rng(1),
        share=found.row_share,
        limit=found.row_limit,
        draw=found.row_draw,
    )
    assert steps == (150 if drawn is None else len(drawn))


def test_automatic_steps_are_resolved_by_the_data_alone():
    with pytest.raises(ConfigError, match="steps must be"):
        MapParameters(3, 3, steps="auto")


def test_given_size_is_kept():
    found = resolve_parameters({**CHOSEN, "xdim": 7, "ydim": 3}, features())
    assert (found.xdim, found.ydim) == (7, 3)


def test_rows_of_a_periodic_hexagonal_lattice_are_even():
    chosen = {**CHOSEN, "topology": "hexagonal", "periodic": True, "ratio": 1.0}
    found = resolve_parameters(chosen, features(n_points=300, n_features=5))
    assert (found.xdim, found.ydim) == (5, 6)


def test_automatic_names_follow_the_trainer():
    online, batch = (
        resolve_parameters({**CHOSEN, "xdim": 9, "ydim": 4, "trainer": trainer}, features())
        for trainer in ("online", "batch")
    )
    names = attrgetter("radius_schedule", "kernel", "kernel_distance")
    assert names(online) == ("reference", "truncated_gaussian", "links")
    assert (online.epochs, online.radius, online.last_radius) == (None, None, 8)
    assert names(batch) == ("exponential", "gaussian", "euclidean")
    assert (batch.epochs, batch.radius, batch.final_radius, batch.last_radius) == (20, 4.5, 1, 1)


def test_half_automatic_size():
    with pytest.raises(ConfigError, match="ydim is 'auto' but the other side"):
        resolve_parameters({**CHOSEN, "xdim": 7}, features())


@pytest.mark.parametrize("method", SEGMENTATIONS)
def test_number_of_clusters_goes_where_it_has_a_meaning(method):
    found = resolve_parameters({**CHOSEN, "method": method}, features())
    assert found.method == method
    assert found.clusters == (4 if method not in ("basins", "hdbscan") else None)
