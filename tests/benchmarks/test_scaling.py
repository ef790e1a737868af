"""Scaling of a study with its points: what is timed is the study, and its table and figure."""

import numpy as np
import pandas as pd
import pytest
from measured_here import measure_by
from oracles_figures import text_faults
from sklearn.metrics import adjusted_rand_score

from kohorte.ensemble.combination import combine
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.ensemble.points import vote
from kohorte.errors import ConfigError
from kohorte.maps.realization import run_realization
from kohorte.maps.resolve import resolve_parameters
from kohorte_benchmarks import scaling
from kohorte_benchmarks.figures.scaling import scaling_figure
from kohorte_benchmarks.scaling_tasks import STAGES, TASKS

POINTS = (90, 40, 150)


@pytest.fixture
def members(plan):
    """Maps of a study: seed and parameters."""
    study = plan(
        lattice={"xdim": [6, 7], "ydim": 5},
        training={"trainer": "batch", "epochs": 4, "steps": 10, "alpha": 0.1},
        segmentation={"merge": 0.1},
        realizations={"repeats": 2},
    )
    return [{"seed": p.seed, "parameters": p.parameters} for p in study.realizations]


ENSEMBLE = {"backend": "numba", "identical": "resolved", "threshold": -0.015}
ENSEMBLE |= {"groups": "auto", "votes": "equal"}


def make_points(n=200, missing=0):
    rng = np.random.default_rng(4)
    centres = np.array([[0, 0, 0], [4, 0, 2], [0, 4, 4]])
    points = centres[rng.integers(3, size=n)] + rng.normal(0, 0.3, (n, 3))
    points.flat[rng.choice(points.size, missing, replace=False)] = np.nan
    return points


def measure(asked, *, repeats, threads):
    assert (repeats, threads) == (2, 1)
    return measure_by(TASKS)(asked, repeats=repeats, threads=threads)


@pytest.fixture
def scale(monkeypatch, tmp_path, members):
    """The table of the study for some points, by name of its arguments."""
    monkeypatch.setattr(scaling, "measure", measure)

    def run(features, points=POINTS, members=members, **ensemble):
        study = points, members, ENSEMBLE | ensemble
        table = scaling.measure_scaling(features, *study, tmp_path, seed=3, rounds=2)
        assert not list(tmp_path.iterdir())
        return table

    return run


@pytest.mark.parametrize("votes", ["equal", "significance"])
def test_each_number_of_points_is_the_study_of_so_many(scale, members, votes):
    features = make_points()
    table = scale(features, votes=votes)
    assert tuple(table.columns) == scaling.COLUMNS
    assert table["n_points"].tolist() == sorted(POINTS)
    drawn = features[np.random.default_rng(3).permutation(200)].astype(np.float32)
    expected = {}
    for n in sorted(POINTS):
        runs = [
            run_realization(drawn[:n], resolve_parameters(m["parameters"], drawn[:n]), m["seed"])
            for m in members
        ]
        labels = [run.labels for run in runs]
        ensemble = combine(count_overlaps(labels))
        weights = None if votes == "equal" else np.maximum(ensemble.gsum, 1e-300)
        groups, _ = vote(labels, ensemble.overlaps, ensemble.grouping.groups, weights=weights)
        row = table.set_index("n_points").loc[n]
        assert row["groups"] == len(set(groups.tolist())) > 1
        for name in ("quantization_error", "topographic_error"):
            assert row[name] == pytest.approx(np.mean([run.quality[name] for run in runs]))
        expected[n] = groups
    agreement = [adjusted_rand_score(expected[n], expected[150][:n]) for n in sorted(POINTS)]
    assert table["agreement"].tolist() == pytest.approx(agreement)
    assert table["agreement"].iloc[-1] == 1
    assert table["table_mb"].tolist() == [n * 3 * 4 / 1e6 for n in sorted(POINTS)]


def test_groups_are_at_most_the_clusters_of_few_points(scale, members):
    table = scale(make_points(), points=(20, 150), members=members[:1], groups=500)
    assert (table["groups"] < 500).all()


def test_steps_add_up_to_less_than_all(scale):
    table = scale(make_points())
    assert (table[list(STAGES)] > 0).all(axis=None)
    assert (table[list(STAGES)].sum(axis=1) <= table["total"]).all()


def test_values_may_be_missing(scale):
    table = scale(make_points(missing=60))
    assert table[["quantization_error", "groups", "agreement"]].notna().all(axis=None)


def test_a_single_map_has_a_consensus(scale, members):
    assert scale(make_points(), members=members[:1])["groups"].min() >= 1


def test_what_cannot_be_measured_is_refused(scale):
    with pytest.raises(ConfigError, match=r"scaling.points: 201 points, but the table has 200"):
        scale(make_points(), points=[50, 201])
    with pytest.raises(ConfigError, match="no map to train"):
        scale(make_points(), members=[])


@pytest.mark.parametrize("points", [POINTS, (60,)])
def test_the_figure_shows_all_steps_memory_and_measures(scale, points):
    table = scale(make_points(), points=points)
    figure = scaling_figure(table)
    assert text_faults(figure) == []
    times, memory, found = figure.axes
    shown = [tuple(line.get_ydata()) for line in times.lines]
    for name in (*STAGES, "total"):
        assert tuple(table[name]) in shown
    sizes = [table[name].tolist() for name in ("peak_mb", "table_mb")]
    assert [list(line.get_ydata()) for line in memory.lines] == sizes
    shown = [tuple(line.get_ydata()) for line in found.lines]
    relative = table["quantization_error"] / table["quantization_error"].iloc[-1]
    expected = [tuple(v) for v in (table["agreement"], table["topographic_error"], relative)]
    assert set(expected) <= set(shown)


def test_a_map_without_error_is_drawn(scale):
    table = pd.concat([scale(make_points())] * 2).assign(quantization_error=0.0)
    assert text_faults(scaling_figure(table)) == []
