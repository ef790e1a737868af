"""Stages of online training: what is timed is the same training, and its tables and figure."""

import numpy as np
import pandas as pd
import pytest
import yaml
from measured_here import measure_by, save_arrays
from oracles_figures import text_faults
from workflow_project import Project

from kohorte.errors import ConfigError
from kohorte.maps.lattice import Lattice
from kohorte.maps.online import train_online
from kohorte_benchmarks import stages
from kohorte_benchmarks.figures.stages import stages_figure
from kohorte_benchmarks.stage_kernels import SETTINGS, train_in_kernels, train_on_device
from kohorte_benchmarks.stage_tasks import STAGES, TASKS
from kohorte_benchmarks.stages import QUALITY_COLUMNS, TIME_COLUMNS, Sizes
from kohorte_benchmarks.worker import Measurement

TINY = Sizes(points=(40, 90), sides=(4, 5), iterations=3, seeds=2, rounds=1, threads=1)


def make_points(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 3)).astype(np.float32)


@pytest.fixture
def times(monkeypatch, tmp_path):
    monkeypatch.setattr(stages, "measure", measure_by(TASKS))
    tables = stages.take_points(make_points(120), TINY.points, seed=1)
    found = stages.time_all(tables, TINY, tmp_path, seed=1)
    assert not list(tmp_path.iterdir())
    return found


@pytest.fixture(scope="module")
def quality():
    tables = stages.take_points(make_points(120), TINY.points, seed=1)
    return stages.measure_errors(tables, TINY, seed=1)


def test_three_kernels_are_the_online_trainer():
    points, lattice, start = make_points(70), Lattice(7, 5), make_points(35, seed=1)
    ours = train_online(points, lattice, start, epochs=4, order="sequential", **SETTINGS)
    found, some, winners = train_in_kernels(points, lattice, start, 4)
    np.testing.assert_array_equal(found, ours)
    on_device, some_there, winners_there = train_on_device(points, lattice, start, 4)
    np.testing.assert_allclose(on_device, ours, atol=1e-5)
    assert winners_there == winners
    assert some_there == pytest.approx(some, rel=1e-5)
    np.testing.assert_array_equal(start, make_points(35, seed=1))


@pytest.mark.parametrize("train", [train_in_kernels, train_on_device])
def test_each_stage_is_done_where_training_stops_after_it(train):
    points, lattice, start = make_points(50), Lattice(6, 4), make_points(24, seed=1)
    distances = np.abs(points[:, None].astype(float) - start).sum(axis=2)
    some = 2 * distances[np.arange(50), np.arange(50) % 24].sum()
    found = 2 * distances.argmin(axis=1).sum()
    for n_stages, expected in ((1, 0), (2, found)):
        weights, sums, winners = train(points, lattice, start, 2, n_stages)
        np.testing.assert_array_equal(weights, start)
        assert sums == pytest.approx(some, rel=1e-5)
        assert winners == expected


def test_the_winner_is_the_first_of_equals():
    points, start = np.zeros((1, 3), np.float32), np.ones((200, 3), np.float32)
    start[[150, 199]] = 0
    assert train_in_kernels(points, Lattice(20, 10), start, 1, 2)[2] == 150


def test_times_have_every_stage_and_size(times):
    assert tuple(times.columns) == TIME_COLUMNS
    sizes = times.groupby(["n_points", "side"])
    assert sorted(sizes.groups) == [(40, 4), (40, 5), (90, 4), (90, 5)]
    for _, rows in sizes:
        kernels = rows[rows["implementation"] == stages.KERNELS].set_index("stage")["seconds"]
        assert list(kernels.index) == [*STAGES, stages.TOTAL]
        assert kernels[list(STAGES)].sum() == pytest.approx(kernels[stages.TOTAL])
        whole = rows[rows["stage"] == stages.TOTAL]["implementation"]
        assert whole.tolist() == [stages.KERNELS, stages.ONLINE, stages.BATCH]
    assert (times[times["stage"] == stages.TOTAL]["seconds"] > 0).all()


@pytest.mark.parametrize("backend", ["numba", "jax"])
def test_both_backends_are_timed_by_stages(backend, tmp_path):
    paths = save_arrays(tmp_path, points=make_points(30), weights=make_points(16, seed=1))
    found = TASKS["time_stages"](**paths, side=4, iterations=2, backend=backend)()
    assert tuple(found.stages) == STAGES
    assert sum(found.stages.values()) == pytest.approx(found.seconds)


def test_an_accelerator_makes_fewer_passes_and_its_times_are_scaled(monkeypatch, tmp_path):
    def measure(asked, *, repeats, threads):
        asked = dict(asked)
        if "" in asked:
            return {"": Measurement(0.0, 1.0, "Some GPU")}
        made = asked[stages.KERNELS].arguments["iterations"]
        parts = dict.fromkeys(STAGES, 1.0 * made)
        return {name: Measurement(3.0 * made, 1.0, stages=parts) for name in asked}

    monkeypatch.setattr(stages, "measure", measure)
    tables = stages.take_points(make_points(120), (40,), seed=1)
    found = stages.time_all(tables, Sizes(points=(40,), sides=(4,), iterations=6), tmp_path, 1)
    there = found[found["device"] == "Some GPU"]
    kernels = there[there["implementation"] == stages.KERNELS].set_index("stage")["seconds"]
    assert kernels.to_dict() == {"distance": 6, "winner": 6, "update": 6, "total": 18}
    assert set(there["implementation"]) == {stages.KERNELS, stages.BATCH}


def test_errors_are_those_of_the_maps(quality):
    assert tuple(quality.columns) == QUALITY_COLUMNS
    assert len(quality) == 2 * 2 * 2
    table = stages.take_points(make_points(120), (90,), seed=1)[90]
    start, rng = stages.first_weights(table, 5, 2), np.random.default_rng([1, 1])
    trained = train_online(table, Lattice(5, 5), start, epochs=3, rng=rng, **SETTINGS)
    distances = np.abs(table[:, None].astype(float) - trained).sum(axis=2)
    row = quality[(quality["n_points"] == 90) & (quality["side"] == 5) & (quality["seed"] == 1)]
    assert row["quantization_error"].item() == pytest.approx(distances.min(axis=1).mean())
    first, second = distances.argsort(axis=1)[:, :2].T
    apart = np.maximum(np.abs(first % 5 - second % 5), np.abs(first // 5 - second // 5)) > 1
    assert row["topographic_error"].item() == pytest.approx(apart.mean())


def test_smaller_tables_are_parts_of_larger_ones():
    points = make_points(120)
    tables = stages.take_points(points, (30, 80), seed=3)
    np.testing.assert_array_equal(tables[30], tables[80][:30])
    assert len({tuple(row) for row in tables[80].tolist()} & set(map(tuple, points.tolist()))) == 80


def test_tables_that_are_too_small_or_have_gaps_are_refused():
    with pytest.raises(ConfigError, match=r"stages.points: 500 points, but the table has 120"):
        stages.take_points(make_points(120), (40, 500), seed=1)
    points = make_points(50)
    points[3, 1] = np.nan
    with pytest.raises(ConfigError, match=r"set data.missing to 'drop'"):
        stages.take_points(points, (40,), seed=1)


def test_the_figure_shows_all_times_and_errors(times, quality):
    on_gpu = times[times["implementation"] != stages.ONLINE].assign(device="Some GPU")
    for table, n_rows in ((times, 1), (pd.concat([times, on_gpu]), 2)):
        figure = stages_figure(table, quality)
        assert text_faults(figure) == []
        assert len(figure.axes) == 2 * n_rows + 3
    first, error = figure.axes[0], figure.axes[4]
    rows = times[(times["n_points"] == 40) & (times["stage"] == "total")]
    shown = {tuple(line.get_ydata()) for line in first.lines}
    for name in (stages.KERNELS, stages.ONLINE, stages.BATCH):
        assert tuple(rows[rows["implementation"] == name]["seconds"]) in shown
    means = quality[quality["n_points"] == 40].groupby("side")["quantization_error"].mean()
    np.testing.assert_allclose(error.lines[1].get_ydata(), means)


def write_bank(path, n):
    """A table in the form of the bank marketing data: semicolons, quoted text, clients by row."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 95, n),
            "job": rng.choice(["management", "blue-collar", "unknown"], n),
            "balance": np.round(rng.exponential(1400, n) - 300).astype(int),
            "duration": rng.integers(0, 1500, n),
            "y": rng.choice(["no", "yes"], n),
        }
    )
    table.to_csv(path, sep=";", index=False, quoting=2)


@pytest.mark.workflow
@pytest.mark.xdist_group("workflow")
def test_the_target_times_the_stages_of_a_bank_table(root, tmp_path):
    config = yaml.safe_load((root / "config/bank.yaml").read_text())
    assert {name: config["training"][name] for name in config["training"] if name in SETTINGS} == {
        name: value for name, value in SETTINGS.items() if name in config["training"]
    }
    config["data"] |= {"sample": 60}
    config["stages"] = {"points": [30, 50], "sides": [4], "iterations": 2, "seeds": 1, "rounds": 1}
    project = Project(root, tmp_path / "a bank", config)
    write_bank(project.directory / "bank-full.csv", 80)
    project.run("stages")
    times = pd.read_csv(project.results / "stages/times.csv")
    assert set(times["n_points"]) == {30, 50}
    assert (project.results / "stages/stages.png").stat().st_size > 0
    assert len(pd.read_csv(project.results / "stages/quality.csv")) == 2

    project.configure(config, stages={"points": [70]})
    output = project.run("stages", check=False)
    assert "stages.points: 70 points, but the table has 60" in output
