"""The benchmark of the maps at tiny sizes: what is compared must be the same thing."""

import logging
import sys
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from measured_here import measure_by, save_arrays
from oracles_figures import text_faults

from kohorte.maps.lattice import Lattice
from kohorte.maps.online import train_online
from kohorte.maps.schedules import learning_rates, reference_radius
from kohorte_benchmarks import map_quality, map_tasks, maps, online_steps, tasks, worker
from kohorte_benchmarks.figures.joss import Curve, joss_figure
from kohorte_benchmarks.figures.map_benchmarks import map_benchmark_figure
from kohorte_benchmarks.map_limits import least_work
from kohorte_benchmarks.maps import COLUMNS, PEER_NAMES, PEERS, benchmark_maps, find_peers
from kohorte_benchmarks.serving import Outcome
from kohorte_benchmarks.worker import Task

TINY = maps.Sizes(
    xdim=5,
    ydim=4,
    n_features=3,
    points=60,
    steps=50,
    numpy_steps=50,
    peer_steps=50,
    epochs=2,
    few_epochs=1,
    slow_rows=30,
    memory=(200,),
    memory_steps=30,
    job=(40, 80),
    growth_points=(300, 400),
    growth_features=(3, 5),
    growth_peers=300,
    winners=((20, 3, 50, 2), (7, 9, 40, 1)),
    scaling_points=(50, 90),
    scaling_features=(2, 4),
    scaling_sides=((3, 2), (5, 4)),
    scaling_rows=40,
    scaling_steps=30,
    scaling_work=1e4,
    repeats=1,
    slow_repeats=1,
)


def make_points(n, n_features, seed=0):
    return np.random.default_rng(seed).standard_normal((n, n_features)).astype(np.float32)


def squares(a, b):
    return ((np.asarray(a, float)[:, None] - np.asarray(b, float)) ** 2).sum(axis=2)


def lattice_squares(xdim, ydim):
    places = np.array([(r % xdim, r // xdim) for r in range(xdim * ydim)])
    return squares(places, places)


def plain_batch(points, start, xdim, ydim, sigmas):
    """Batch training by the definition, a sigma for each epoch."""
    weights = start.astype(float)
    for sigma in sigmas:
        winners = squares(points, weights).argmin(axis=1)
        h = np.exp(-lattice_squares(xdim, ydim)[:, winners] / (2 * sigma**2))
        weights = h @ points / h.sum(axis=1, keepdims=True)
    return weights


def plain_online(points, start, xdim, ydim, sigmas, rates):
    """Online training by the definition, point by point in their order."""
    weights = start.astype(float)
    for point, sigma, rate in zip(points, sigmas, rates, strict=True):
        winner = ((weights - point) ** 2).sum(axis=1).argmin()
        h = rate * np.exp(-lattice_squares(xdim, ydim)[winner] / (2 * sigma**2))
        weights += h[:, None] * (point - weights)
    return weights


def train_like(package, trainer, job, options):
    """What the packages of map_peers are told to do, from the formulas of their documentation."""
    points, start = np.load(job["points"]), np.load(job["weights"])
    xdim, ydim = job["xdim"], job["ydim"]
    first, progress = job["sigma"], np.arange(job["length"]) / job["length"]
    if trainer == "batch":
        linear = package == "minisom"
        sigmas = first + (1 - first) * progress if linear else first ** (1 - progress)
        return plain_batch(points, start, xdim, ydim, sigmas)
    if options.get("curve") == "linear":
        sigmas, rates = first + (1 - first) * progress, 0.5 * (1 - progress)
    else:
        sigmas, rates = first / (1 + 2 * progress), 0.5 / (1 + 2 * progress)
    return plain_online(points, start, xdim, ydim, sigmas, rates)


def peer(name, arguments):
    """Stands in for the tasks of map_peers."""
    if name == "find":
        found = squares(np.load(arguments["points"]), np.load(arguments["weights"])).argmin(axis=1)
        np.save(arguments["output"], found)
    if name == "train_all":
        for job in arguments["jobs"]:
            keys = ("package", "trainer")
            trained = train_like(*(arguments[k] for k in keys), job, arguments["options"])
            np.save(job["output"], trained.astype(np.float32))
    return Outcome(1.0)


def run_here(task, arguments):
    """What a process does, with stand-ins for packages."""
    if task.file == PEERS:
        return peer(task.name, arguments)
    return (map_tasks.TASKS | tasks.TASKS)[task.name](**arguments)()


@contextmanager
def stand_ins():
    with pytest.MonkeyPatch.context() as patch:
        for module in (maps, map_quality):
            patch.setattr(module, "measure", measure_by({}, run_here))
            patch.setattr(module, "find_peers", lambda peers: frozenset(PEER_NAMES))
        patch.setattr(map_tasks, "PRODUCT_SIDE", 32)
        patch.setattr(map_tasks, "READ_BYTES", 2**12)
        yield


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scratch")
    with stand_ins():
        found = benchmark_maps(TINY, folder, "python")
    assert not list(folder.iterdir())
    return found


def plain_reference(points, weights, order, radii, rates, xdim):
    """The reference schedule's steps in Python numbers (float64)."""
    weights = [[float(w) for w in row] for row in weights]
    for row, radius, rate in zip(order, radii, rates, strict=True):
        p = [float(v) for v in points[row]]
        far = [sum((w - v) ** 2 for w, v in zip(node, p, strict=True)) for node in weights]
        c = far.index(min(far))
        for i, node in enumerate(weights):
            d = max(abs(i % xdim - c % xdim), abs(i // xdim - c // xdim))
            h = rate * np.exp(-d * d / (2 * (radius / 3) ** 2)) if d <= radius else 0.0
            weights[i] = [w - h * (w - v) for w, v in zip(node, p, strict=True)]
    return np.array(weights)


def test_numpy_steps_are_those_of_the_reference_schedule():
    xdim, ydim, steps = 6, 4, 90
    points, start = make_points(30, 3), make_points(xdim * ydim, 3, seed=1)
    order = np.random.default_rng(2).integers(30, size=steps)
    radii = reference_radius(xdim, ydim, steps).at(0, steps)
    rates = learning_rates("decay", 0, steps, steps, 0.5)
    assert len(set(radii.tolist())) > 2
    run = points, start, order, radii, rates, xdim
    expected = plain_reference(*run)
    np.testing.assert_allclose(online_steps.train_as_published(*run), expected, rtol=1e-12)
    np.testing.assert_allclose(online_steps.train_in_numpy(*run), expected, rtol=1e-12)
    np.testing.assert_allclose(online_steps.train_leaner(*run), expected, atol=1e-5)
    ours = train_online(points, Lattice(xdim, ydim), start, steps=steps, alpha=0.5, order=order)
    np.testing.assert_allclose(ours, expected, atol=1e-5)
    np.testing.assert_array_equal(start, make_points(xdim * ydim, 3, seed=1))


def test_least_work_counts_what_the_definitions_need():
    assert least_work("winners", 10, 3, (5, 4), 0) == (10 * 3 * 20, 120)
    smoothing = 20 * (5 + 4) * (3 + 1)
    assert least_work("batch", 10, 3, (5, 4), 0)[0] == 600 + 30 + smoothing

    x, y = np.arange(20) % 5, np.arange(20) // 5
    away = np.maximum(np.abs(x[:, None] - x), np.abs(y[:, None] - y))
    moved = [(away <= n).sum() / 20 for n in reference_radius(5, 4, 40).at(0, 40)]
    expected = pytest.approx(3 * (20 + 2 * np.mean(moved)))
    assert least_work("online", 10, 3, (5, 4), 40) == (expected, 12)


def test_winners_are_left_for_comparison(tmp_path):
    points, weights = make_points(50, 3), make_points(20, 3, seed=1)
    files = save_arrays(tmp_path, points=points, weights=weights)
    assert map_tasks.TASKS["find"](**files, threads=1, output=str(tmp_path / "o.npy"))().seconds > 0
    expected = squares(points, weights).argmin(axis=1)
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy"), expected)


def test_table_has_every_case(table):
    assert tuple(table.columns) == COLUMNS
    cases = "online memory whole_job analysis winners batch limit"
    growth = ["scaling_points", "scaling_features", "scaling_nodes"]
    assert list(dict.fromkeys(table["case"])) == [*cases.split(), *growth]
    cases = set(zip(table["case"], table["implementation"].str.split(", sc").str[0], strict=True))
    assert {("online", "published step"), ("winners", "FAISS"), ("batch", "XPySom")} <= cases
    timed = table[table["implementation"] != "FAISS, equal winners"]
    assert (timed["seconds"] > 0).all()
    job = table[table["case"] == "whole_job"]
    assert (job["implementation"] == "kohorte").sum() == 2
    growth = table[table["case"] == "analysis"]
    assert growth["n_points"].tolist() == [300, 300, 300, 400] * 2
    assert growth["implementation"].tolist() == ["kohorte", "MiniSom", "popsom7", "kohorte"] * 2
    # M = int(5 sqrt(N F) / 6), X = int(sqrt(2 M)), Y = int(M / X)
    assert growth["nodes"].tolist() == [7 * 3] * 3 + [7 * 4] + [8 * 4] * 4


def test_ratios_are_times_over_those_of_kohorte(table):
    rows = table[table["case"] == "batch"].set_index("implementation")
    ours = rows.loc["kohorte"]
    assert ours["ratio"] == 1
    assert rows.loc["fastersom", "ratio"] == pytest.approx(1 / ours["seconds"])
    scaled = rows.loc["MiniSom, scaled by points"]
    assert scaled["seconds"] == pytest.approx(60 / 30)
    assert scaled["ratio"] == pytest.approx(2 / ours["seconds"])
    equal = table[table["implementation"] == "FAISS, equal winners"]
    assert equal["ratio"].tolist() == [1, 1]
    assert equal["nodes"].tolist() == [20, 7]


def test_other_packages_that_are_missing_are_left_out_and_named(caplog):
    caplog.set_level(logging.INFO, logger="kohorte")
    assert find_peers(None) == frozenset()
    assert "map_peers.txt is not installed" in caplog.text
    assert "minisom" not in find_peers(sys.executable)
    assert "minisom is left out: ModuleNotFoundError" in caplog.text


def test_what_a_task_prints_does_not_disturb_its_answer(tmp_path, capfd):
    file = tmp_path / "noisy.py"
    file.write_text(
        "import os\n"
        "def noisy(word):\n"
        "    print('prepared')\n"
        "    def run():\n"
        "        os.write(1, b'running')\n"
        "        return {'seconds': 2.0, 'answer': word}\n"
        "    return run\n"
        "TASKS = {'noisy': noisy}\n"
    )
    task = Task("noisy", {"word": "yes"}, str(file))
    found = worker.measure({"x": task}, repeats=3, threads=1)["x"]
    assert (found.seconds, found.answer) == (2.0, "yes")
    assert "running" in capfd.readouterr().err


def test_quality_is_compared_by_equal_schedules():
    sizes = map_quality.Sizes(data_sets=("iris",), n_seeds=1, epochs=3)
    with stand_ins():
        found = map_quality.compare_quality(sizes, "python")
    assert tuple(found.columns) == map_quality.COLUMNS
    assert len(found) == sum(1 + len(s.packages) for s in map_quality.SCHEDULES.values())
    assert set(found["implementation"]) == {"kohorte", "MiniSom", "XPySom", "fastersom", "somoclu"}
    # Equal but for rounding, so that the slightest difference of two schedules shows.
    for _, rows in found.groupby("schedule"):
        errors = rows["quantization_error"].to_numpy()
        np.testing.assert_allclose(errors, errors[0], rtol=0.01)
    lines = map_quality.markdown_table(found).splitlines()
    assert lines[0] == "| schedule | implementation | iris QE | iris TE |"
    assert len(lines) == 2 + len(found)


def test_packages_do_what_they_are_compared_for(root, tmp_path):
    python = root / ".map_peers" / "bin" / "python"
    if not python.exists():
        pytest.skip("the other packages are not installed: make benchmark-maps SIZE=small")
    packages = find_peers(str(python))
    xdim, ydim = 6, 4
    start = make_points(xdim * ydim, 3, seed=1)
    files = save_arrays(tmp_path, points=make_points(200, 3), weights=start)
    for schedule in map_quality.SCHEDULES.values():
        for package in packages & set(schedule.packages):
            length = 4 if schedule.trainer == "batch" else 200
            job = files | {"output": str(tmp_path / "output.npy")}
            job |= {"xdim": xdim, "ydim": ydim, "length": length, "sigma": 3.0}
            told = {"package": package, "trainer": schedule.trainer, "options": schedule.options}
            task = Task("train_all", {**told, "jobs": [job]}, PEERS, str(python))
            worker.measure({package: task}, repeats=1, threads=1)
            expected = train_like(package, schedule.trainer, job, schedule.options)
            np.testing.assert_allclose(np.load(job["output"]), expected, atol=1e-4)


def test_markdown_of_the_table():
    table = pd.DataFrame([["online", 1e6, 0.012345, np.nan]], columns=["case", "n", "s", "r"])
    assert maps.markdown_table(table).splitlines()[2] == "| online | 1,000,000 | 0.0123 |  |"


def test_figure_shows_ratios_and_published_times(table, published):
    published = published[published["task"] == "som"]
    assert set(published["implementation"]) == {"POPSOM", "aweSOM"}
    figure = map_benchmark_figure(table, published)
    assert text_faults(figure) == []
    ratios, job = figure.axes[:2]
    shown = table[table["case"].isin(["online", "winners", "batch"]) & (table["ratio"] != 1)]
    dots = [line.get_xdata()[0] for line in ratios.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(sorted(dots), sorted(shown["ratio"]))
    awesom = published[(published["implementation"] == "aweSOM") & (published["n_features"] == 6)]
    awesom = awesom[awesom["peak_mb"].isna()]
    np.testing.assert_allclose(job.lines[1].get_ydata(), awesom["seconds"])


def test_published_figure_has_all_times_and_their_ratios(table, published, records):
    features = sorted(TINY.growth_features)
    known = published[published["task"] == "som"].assign(n_features=features[0])
    published = pd.concat([published[published["task"] == "sce"], known])
    ensemble = pd.DataFrame(
        [
            ("end_to_end_growth", "kohorte", 1e5, 20, 0.02),
            ("end_to_end", "kohorte", 1e7, 20, 0.8),
            ("counting_published", "NumPy, number masks and map", 2e4, 20, 2.4),
            ("counting_published", "NumPy, number masks and map, scaled by pairs", 1e6, 20, 353),
            ("accelerator", "kohorte, jax on a GPU", 1e8, 20, 0.3),
            ("counting", "kohorte, jax", 1e6, 20, 1.27),
            ("jax_growth", "kohorte, jax", 1e5, 20, 0.1),
        ],
        columns=["case", "implementation", "n_points", "n_realizations", "seconds"],
    )
    figure = joss_figure(table, ensemble, published, records)
    assert text_faults(figure) == []
    times, _, sce, sce_ratios = figure.axes
    for axes, task in ((times, "som"), (sce, "sce")):
        own = records[records["task"] == task]
        stars = [line.get_xydata()[0] for line in axes.lines if line.get_marker() == "*"]
        np.testing.assert_array_equal(stars, own[["n_points", "seconds"]])
    ours = table[(table["case"] == "analysis") & (table["implementation"] == "kohorte")]
    for f in features:
        rows = ours[ours["n_features"] == f]
        drawn = [line.get_ydata().tolist() for line in times.lines]
        assert rows["seconds"].tolist() in drawn
    # At 800,000 points the published times are 418.709 s and 165.69 s.
    cpu = next(line for line in sce_ratios.lines if line.get_color() == "#000000")
    at = cpu.get_xdata().tolist().index(800_000)
    assert cpu.get_ydata()[at] == pytest.approx(418.709 / 165.69)
    blue = [line for line in sce_ratios.lines if line.get_color() == "#0072B2"]
    assert blue[0].get_ydata()[0] == pytest.approx(46.9343 / 0.02)  # at 100,000 points
    assert [0.3] in [line.get_ydata().tolist() for line in sce.lines]
    assert [0.1, 1.27] in [line.get_ydata().tolist() for line in sce.lines]
    # Published times on the GPU are over those of the legacy program on the same node.
    own = published[(published["task"] == "sce") & (published["device"] == "gpu")]
    legacy, fast = (
        own[own["implementation"] == name].set_index("n_points")["seconds"]
        for name in ("legacy SCE", "aweSOM")
    )
    both = sorted(set(legacy.index) & set(fast.index))
    assert len(both) > 10
    gpu = Curve("", 5).style()["color"]
    (line,) = [one for one in sce_ratios.lines if one.get_color() == gpu]
    ratios = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
    for n in both:
        assert ratios[n] == pytest.approx(legacy[n] / fast[n])
