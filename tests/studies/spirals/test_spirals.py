"""The experiment with spirals: data, equal networks, their training, and the tables."""

import itertools
import math
import os
import subprocess
import sys

import jax
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles_figures import text_faults
from planning import section_of
from scipy import integrate, stats
from workflow_project import Project

from kohorte.errors import ConfigError
from kohorte.maps.soft import SoftMap
from kohorte.studies.spirals import comparison, figures, networks, plan, steps
from kohorte.studies.spirals import store as spiral_store
from kohorte.studies.spirals.data import INNER, spiral_arm, two_spirals
from kohorte.studies.spirals.plan import EXTENT, PAIRS, VARIANTS, choose_width, plan_cases
from kohorte.studies.spirals.training import train_network
from kohorte.studies.spirals.unwinding import METHODS, Unwinding, judge, unwind

SIZES = {"seeds": 2, "points": 40, "test_points": 30, "turns": 1, "noise": 0.02, "parameters": 40}
STEPS = {"steps": 6, "refreshes": 2, "side": 3, "beta": 5, "chain": 8}
SWEEPS = {"sweep_side": [], "sweep_beta": [2], "sweep_turns": [0.5], "unwound_turns": 0.5}
TINY = SIZES | STEPS | SWEEPS


@pytest.fixture(scope="module")
def options(schema):
    """The section of the configuration, tiny."""
    return section_of(schema, "spirals", **TINY)


# ---- data


def test_way_is_the_length_of_the_curve():
    turns = 1.3
    points, way = spiral_arm(200, turns, 0.0, np.random.default_rng(0))
    radius = np.linalg.norm(points.astype(float), axis=1)

    def speed(r):
        return math.hypot(1, 2 * math.pi * turns * r)

    length = integrate.quad(speed, INNER, 1)[0]
    expected = [integrate.quad(speed, INNER, r)[0] / length for r in radius[:20]]
    np.testing.assert_allclose(way[:20], expected, atol=1e-6)
    angle = np.arctan2(points[:, 1], points[:, 0])
    turned = (angle - 2 * np.pi * turns * radius) / (2 * np.pi)
    np.testing.assert_allclose(turned, np.round(turned), atol=1e-5)


def test_arms_are_half_a_turn_apart_and_dense_alike():
    points, classes = two_spirals(4000, 2, 0.0, np.random.default_rng(1))
    assert classes.tolist() == [0, 1] * 2000
    one, other = points[classes == 0], points[classes == 1]
    apart = np.linalg.norm(one[:, None] + other[None, :200], axis=2).min(axis=0)
    assert apart.max() < 0.02
    way = spiral_arm(4000, 2, 0.1, np.random.default_rng(2))[1]
    shares = np.histogram(way, 10, (0, 1))[0] / 400
    assert shares.min() > 0.7
    assert shares.max() < 1.3


# ---- plan


@given(budget=st.integers(20, 3000), name=st.sampled_from(list(VARIANTS)))
def test_width_is_the_largest_that_the_parameters_allow(budget, name):
    variant = VARIANTS[name]
    width = choose_width(variant, budget)
    assert (
        plan.count_parameters(variant, width) <= budget < plan.count_parameters(variant, width + 1)
    )


@pytest.mark.parametrize("name", VARIANTS)
def test_counted_parameters_are_those_of_the_network(name):
    network = networks.make_network(VARIANTS[name], 5, jax.random.key(0))
    found = sum(leaf.size for leaf in jax.tree.leaves(network))
    assert found == plan.count_parameters(VARIANTS[name], 5)


def test_default_networks_have_equal_numbers_of_parameters(schema):
    defaults = section_of(schema, "spirals")
    budget, nodes = defaults["parameters"], 2 * defaults["side"] ** 2
    counts = {
        name: plan.count_parameters(v, choose_width(v, budget + nodes * v.counts_nodes))
        for name, v in VARIANTS.items()
    }
    assert counts.pop("plain_large") == budget + nodes
    assert set(counts.values()) <= {budget, budget - 1}


def test_cases_are_the_sweep(options):
    cases = plan_cases(options | {"sweep_side": [3, 4], "sweep_beta": [2, 9]})
    assert [name for name in cases if name.startswith("plain")] == ["plain_3", "plain_large_3"]
    assert cases["winner_inputs_4"].beta == (5.0,)
    assert cases["map_between_4"].beta == (2.0, 5.0, 9.0)
    assert len(cases) == 3 + 4 * 2
    with pytest.raises(ConfigError, match="7 is no multiple of"):
        plan_cases(options | {"steps": 7})
    with pytest.raises(ConfigError, match="5 are too few"):
        choose_width(VARIANTS["plain"], 5)


def test_every_network_is_in_one_batch(options):
    batches = plan.cut_numbers(options | {"seeds": 7, "seeds_per_job": 3})
    assert list(itertools.chain(*batches.values())) == list(range(7))
    assert [len(numbers) for numbers in batches.values()] == [3, 3, 1]


# ---- networks


def plain_network(network, point):
    """A network by its definition, in NumPy."""
    hidden = np.asarray(point, np.float64)

    def dense(layer):
        return np.asarray(layer.weight, np.float64) @ hidden + np.asarray(layer.bias)

    for layer in network.before:
        hidden = np.tanh(dense(layer))
    if network.map is not None:
        far = np.linalg.norm(np.asarray(network.map.weights, np.float64) - hidden, axis=1)
        shares = np.exp(-float(network.map.beta) * far)
        hidden = shares @ np.asarray(network.map.places, np.float64) / shares.sum()
    for layer in network.behind[:-1]:
        hidden = np.tanh(dense(layer))
    return float(dense(network.behind[-1])[0])


@pytest.fixture(scope="module")
def mapped():
    """A network with a learnt map between its layers."""
    rng = np.random.default_rng(3)
    layer = SoftMap(rng.normal(size=(5, 2)), rng.normal(size=(5, 2)), 2.0, learns_weights=True)
    network = networks.make_network(VARIANTS["learnt_between"], 4, jax.random.key(1))
    return networks.with_map(network, layer)


def test_network_is_its_definition(mapped):
    points = np.random.default_rng(4).normal(size=(9, 2)).astype(np.float32)
    bare = networks.make_network(VARIANTS["plain"], 4, jax.random.key(2))
    for network in (mapped, bare):
        odds = [plain_network(network, point) for point in points]
        expected = 1 / (1 + np.exp(-np.array(odds)))
        np.testing.assert_allclose(networks.predict(network, points), expected, atol=1e-5)
    classes = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1])
    loss, right = networks.measure(bare, points, classes)
    chosen = np.where(classes == 1, expected, 1 - expected)
    assert float(loss) == pytest.approx(-np.log(chosen).mean(), abs=1e-5)
    assert int(right) == (chosen > 0.5).sum()


def test_first_step_of_adam_has_the_size_of_the_rate(mapped):
    points, classes = two_spirals(30, 1, 0.0, np.random.default_rng(5))
    state = networks.start_state(mapped, 0.01)
    moved, _ = networks.take_steps(mapped, state, points, classes, 0.01, 1)
    slopes = jax.jit(jax.grad(networks.mean_loss))(mapped, points, classes)
    for before, behind, slope in zip(*map(jax.tree.leaves, (mapped, moved, slopes)), strict=True):
        # Adam divides by |slope| + 1e-8: its first step is the rate against the slope's sign.
        expected = -0.01 * np.asarray(slope) / (np.abs(slope) + 1e-8)
        np.testing.assert_allclose(np.asarray(behind) - before, expected, atol=1e-5)
    assert np.array_equal(moved.map.places, mapped.map.places)
    assert not np.array_equal(moved.map.weights, mapped.map.weights)


def test_steps_are_the_same_in_parts():
    network = networks.make_network(VARIANTS["plain"], 4, jax.random.key(2))
    points, classes = two_spirals(30, 1, 0.0, np.random.default_rng(5))
    state = networks.start_state(network, 0.01)
    whole, _ = networks.take_steps(network, state, points, classes, 0.01, 4)
    for _ in range(2):
        network, state = networks.take_steps(network, state, points, classes, 0.01, 2)
    for one, other in zip(*map(jax.tree.leaves, (whole, network)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def trained(options):
    """The first network of each variant."""
    return {name: train_network(name, 3, 5.0, 0, options, seed=1, draw=True) for name in VARIANTS}


def test_variants_see_the_same_points_and_begin_alike(trained):
    first = trained["plain"].picture
    for found in trained.values():
        np.testing.assert_array_equal(found.picture.points, first.points)
        assert found.step.tolist() == [0, 3, 6]
        assert np.isfinite(found.train_loss).all()
        assert found.picture.decision.min() >= 0
    # Equal layers have equal first weights: a map between them is all that differs.
    bare, constant, learnt = (trained[n] for n in ("pinched", "map_between", "learnt_between"))
    assert bare.parameters == constant.parameters == learnt.parameters
    assert constant.train_loss[0] == learnt.train_loss[0] != bare.train_loss[0]
    assert constant.train_loss[-1] != learnt.train_loss[-1]
    assert (learnt.node_parameters, constant.node_parameters) == (18, 0)


def test_training_learns_easy_spirals(options):
    easy = options | {"turns": 0.5, "steps": 300, "points": 100}
    for name in ("plain", "learnt_between"):
        assert train_network(name, 3, 5.0, 0, easy, seed=2).test_accuracy[-1] > 0.9


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_bits_do_not_depend_on_the_number_of_cores():
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("this machine has one core")
    code = (
        "import os, sys, hashlib\n"
        "os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])\n"
        "import jax, numpy as np\n"
        "from kohorte.studies.spirals.networks import compute_on_one_thread\n"
        "compute_on_one_thread()\n"
        "x = np.random.default_rng(0).standard_normal((4000, 64)).astype(np.float32)\n"
        "print(hashlib.sha256(np.asarray(jax.jit(lambda a: a.T @ a)(x))).hexdigest())\n"
    )
    found = {
        subprocess.check_output([sys.executable, "-c", code, cores], text=True)
        for cores in ("1", "2")
    }
    assert len(found) == 1


# ---- unwinding


def test_a_short_curve_is_unwound(options):
    found = unwind(1.0, 0, options | {"points": 300, "chain": 20}, seed=1)
    scores = judge(found)
    assert scores["winner"]["order"] > 0.98
    assert scores["component"]["order"] < 0.97
    assert scores["soft"]["error"] < scores["winner"]["error"] < scores["component"]["error"]
    assert found.soft.min() >= 0
    assert found.soft.max() <= 19


def test_judging_by_hand():
    way = np.array([0.0, 0.25, 0.5, 1.0])
    positions = {"winner": way * -3 + 1, "soft": np.array([0.0, 2, 1, 3]), "component": way**3}
    found = judge(Unwinding(1.0, None, way, None, **positions, direction=None))
    assert found["winner"] == {"order": 1.0, "error": pytest.approx(0, abs=1e-12)}
    assert found["component"]["order"] == 1
    assert found["soft"]["order"] == pytest.approx(0.8)
    rest = np.polynomial.Polynomial.fit(positions["soft"], way, 1)(positions["soft"]) - way
    assert found["soft"]["error"] == pytest.approx(np.sqrt(np.mean(rest**2)))


# ---- tables


def test_holm_by_hand():
    # Sorted .01 .02 .03 .2 times 4 3 2 1: .04 .06 .06 .2, rising.
    found = comparison.holm(np.array([0.03, 0.01, np.nan, 0.2, 0.02]))
    np.testing.assert_allclose(found, [0.06, 0.04, np.nan, 0.2, 0.06])
    assert comparison.holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


def make_networks(n=6, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        {"variant": name, "side": 3, "beta": 5.0, "number": k, "test_accuracy": rng.random()}
        for name in VARIANTS
        for k in range(n)
    ]
    return pd.DataFrame(rows)


def test_differences_are_tested_seed_by_seed():
    table = make_networks()
    found = comparison.compare(table)
    assert list(zip(found["variant"], found["against"], strict=True)) == list(PAIRS)
    row = found.iloc[3]
    accuracy = {name: rows["test_accuracy"].to_numpy() for name, rows in table.groupby("variant")}
    d = accuracy[row["variant"]] - accuracy[row["against"]]
    flips = [abs(np.dot(d, s)) for s in itertools.product([1, -1], repeat=len(d))]
    extreme = np.mean([f >= abs(d.sum()) - 1e-12 for f in flips])
    assert row["p"] == pytest.approx(extreme)
    half = stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / math.sqrt(len(d))
    expected = [d.mean(), d.mean() - half, d.mean() + half]
    np.testing.assert_allclose(row[["difference", "low", "high"]].to_numpy(float), expected)


def test_equal_networks_differ_in_nothing():
    found = comparison.compare(make_networks().assign(test_accuracy=0.5))
    assert (found["difference"] == 0).all()
    assert (found["p"] == 1).all()


def test_tables_and_figures_of_finished_jobs(options, tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "compute_on_one_thread", lambda: None)  # of this whole process
    paths = []
    for case in plan_cases(options).values():
        paths.append(tmp_path / f"{case.name}.h5")
        known = {"numbers": range(2), "drawn": (3, 5.0), "options": options, "seed": 1}
        known |= {"variant": case.variant, "side": case.side, "betas": case.beta}
        steps.train_networks(networks=str(paths[-1]), **known)
    jobs = [spiral_store.read_networks(path) for path in paths]
    table = comparison.tabulate(jobs)
    assert len(table) == 2 * (4 + 3 * 2)
    courses = comparison.tabulate_courses(jobs, 3, 5.0)
    assert len(courses) == 2 * 3 * len(VARIANTS)
    last = courses[courses["step"] == 6].groupby("variant")["test_accuracy"].mean()
    compared = table[table["beta"] == 5].groupby("variant")["test_accuracy"].mean()
    pd.testing.assert_series_equal(last, compared)
    assert len(comparison.compare(table[table["beta"] == 5])) == len(PAIRS)
    drawn = [
        figures.decisions_figure(jobs, EXTENT),
        figures.layers_figure(jobs),
        figures.courses_figure(courses),
        figures.sweep_figure(table),
    ]
    assert [fault for figure in drawn for fault in text_faults(figure)] == []
    with pytest.raises(ConfigError, match="no network has a picture"):
        figures.decisions_figure([dict(job, picture=None) for job in jobs], EXTENT)


def test_unwinding_is_drawn(options, tmp_path):
    table, drawn = steps.judge_curves(options, 1)
    assert sorted(set(table["method"])) == sorted(METHODS)
    spiral_store.write_unwinding(tmp_path / "curve.h5", drawn)
    curve = spiral_store.read_unwinding(tmp_path / "curve.h5")
    np.testing.assert_array_equal(curve["soft"], drawn.soft)
    assert text_faults(figures.unwinding_figure(curve, table)) == []


@pytest.mark.workflow
@pytest.mark.xdist_group("workflow")
def test_target_runs_and_belongs_to_no_study(root, tmp_path):
    config = {"study": "spirals", "data": {"source": "sklearn:iris"}}
    project = Project(root, tmp_path / "spirals", config | {"spirals": TINY})
    planned = project.pending("spirals")
    once = ["compare_networks", "plot_spirals", "plot_unwinding", "spirals", "unwind_curves"]
    assert planned == dict.fromkeys(once, 1) | {"train_networks": len(VARIANTS)}
    project.run("results/spirals/unwinding.png", "results/spirals/networks/plain_3_000.h5")
    assert len(pd.read_csv(project.results / "unwinding.csv")) == 2 * len(METHODS)
    assert project.pending("spirals")["train_networks"] == len(VARIANTS) - 1
    project.configure(config, spirals=TINY | {"steps": 7})
    output = project.run("spirals", "--dry-run", check=False)
    assert "spirals.steps: 7 is no multiple of spirals.refreshes (2)" in output
