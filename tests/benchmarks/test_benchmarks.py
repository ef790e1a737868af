"""The benchmark of the ensemble step at tiny sizes: what it measures must be the same thing."""

import h5py
import numpy as np
import pytest
from measured_here import measure_by
from oracles_ensemble import count_by_masks, gsum_by_masks, vote_by_loops
from oracles_figures import text_faults

from kohorte.ensemble.overlaps import count_overlaps
from kohorte.ensemble.significance import gsum
from kohorte.errors import ResultError
from kohorte_benchmarks import ensemble, limits, worker
from kohorte_benchmarks.ensemble import COLUMNS, Sizes, benchmark_ensemble
from kohorte_benchmarks.figures.benchmarks import benchmark_figure
from kohorte_benchmarks.published import gsum_by_boolean_masks, gsum_by_number_masks
from kohorte_benchmarks.tasks import OUTPUT, STAGES, TASKS
from kohorte_benchmarks.worker import Measurement, Task, measure
from kohorte_benchmarks.workloads import make_labels, make_segments, write_labels

SIZE = {"n_points": 400, "n_realizations": 4, "n_clusters": 3}
TINY = Sizes(
    n_realizations=4,
    n_clusters=3,
    counting=900,
    published=(200, 400),
    published_realizations=2,
    end_to_end=1000,
    growth=(150, 300),
    throughput=800,
    fine=((300, 3, 35, 0.0), (300, 3, 12, 0.2)),
    fine_masks=100,
    points=(300, 900),
    realizations=(2, 5),
    jax_points=(150, 300),
    accelerator=500,
    accelerator_realizations=(3,),
    repeats=1,
    slow_repeats=1,
)


@pytest.fixture
def table(monkeypatch, tmp_path):
    monkeypatch.setattr(ensemble, "measure", measure_by(TASKS))
    return benchmark_ensemble(TINY, tmp_path)


def test_labels_are_the_same_in_memory_and_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("kohorte_benchmarks.workloads._BLOCK", 150)
    labels = make_labels(**SIZE)
    assert labels.shape == (4, 400)
    assert labels.dtype == np.uint8
    assert all(np.array_equal(np.unique(row), [0, 1, 2]) for row in labels)
    assert 0.6 < np.mean(labels[0] == labels[1]) < 1
    for row, path in zip(labels, write_labels(tmp_path, **SIZE), strict=True):
        with h5py.File(path) as file:
            np.testing.assert_array_equal(file["labels"][:], row)


@pytest.mark.parametrize("method", [gsum_by_boolean_masks, gsum_by_number_masks])
def test_published_loops_give_the_counts_and_gsum_of_the_library(method):
    labels = make_labels(**SIZE)
    labels[2] = labels[0]  # identical clusters: G is 0 as published
    overlaps = count_overlaps(labels)
    counts, found = method(labels)
    np.testing.assert_array_equal(counts, overlaps.counts)
    np.testing.assert_array_equal(counts, count_by_masks(labels))
    np.testing.assert_allclose(found, gsum(overlaps, identical="reference"), rtol=1e-12)
    np.testing.assert_allclose(found, gsum_by_masks(labels, "reference")[0], rtol=1e-12)


def test_limits_do_the_work_that_they_stand_for(tmp_path):
    labels = make_labels(**SIZE)
    words = [int(x) for x in labels.reshape(-1).view(np.uint64)]
    assert limits.read_memory(labels, 2) % 2**64 == sum(words) % 2**64
    # A pass over words p looks at words ^ p; the first pass sees the words as they are.
    drawn = np.random.default_rng(0).integers(2**64, size=limits.CACHED_WORDS, dtype=np.uint64)
    bits = sum(int(word).bit_count() for word in drawn)
    assert limits.count_bits(limits.CACHED_WORDS, 1) == bits
    assert limits.count_bits(2 * limits.CACHED_WORDS, 2) == 2 * bits
    # Two tables of one row each way are 1 word a pair; three realizations have three tables.
    assert limits.counted_words(64, 3, 2) == 3 + 3
    assert limits.counted_words(65, 2, 4) == 2 * (9 + 6)

    path = tmp_path / "file"
    limits.write_file(path, 10_000_001)
    assert path.stat().st_size == 10_000_001
    limits.forget([path])
    assert limits.read_files([path, path]) == 20_000_002


def test_end_to_end_writes_what_plain_loops_give(tmp_path):
    write_labels(tmp_path, **SIZE)
    outcome = TASKS["end_to_end"](folder=str(tmp_path), threads=2)()
    labels = list(make_labels(**SIZE))
    overlaps = count_overlaps(labels)
    values, signal = gsum_by_masks(labels, "resolved")
    with h5py.File(tmp_path / OUTPUT) as file:
        np.testing.assert_array_equal(file["overlaps/counts"][:], overlaps.counts)
        np.testing.assert_allclose(file["ranking/ranked"][:], np.sort(values)[::-1], rtol=1e-12)
        np.testing.assert_allclose(file["points/signal"][:], signal, rtol=1e-12)
        groups = file["clusters/consensus_group"][:]
        winners, votes = vote_by_loops(labels, groups, groups.max() + 1)
        np.testing.assert_array_equal(file["points/label"][:], winners)
        np.testing.assert_allclose(file["points/confidence"][:], votes / 4, rtol=1e-6)
    assert tuple(outcome.stages) == STAGES
    assert sum(outcome.stages.values()) <= outcome.seconds


def test_segments_are_cells_that_meet_few_others():
    labels = make_segments(20_000, 3, 450)
    assert [np.unique(x).size for x in labels] == [450] * 3
    assert all(np.bincount(x).min() > 15 for x in labels)  # equal areas: 44 points on average
    overlaps = count_overlaps(labels, backend="numba")
    met = (overlaps.counts[:450, 450:900] > 0).sum(axis=1)
    assert met.max() <= 6  # a cell of 18 x 25 reaches over as many of 25 x 18
    noisy = count_overlaps(make_segments(20_000, 2, 450, noise=0.2), backend="numba")
    share = (
        noisy.counts[:450, 450:].max(axis=1).sum()
        / overlaps.counts[:450, 450:900].max(axis=1).sum()
    )
    assert 0.55 < share < 0.75  # 0.8 of a realization and of the other are where they were


def test_fine_segments_are_counted_beside_bit_masks_and_limits():
    size = {"n_points": 500, "n_realizations": 3, "n_clusters": 40, "threads": 2}
    answers = {TASKS[name](**size)().answer for name in ("count_segments", "count_masks")}
    assert len(answers) == 1
    assert limits.increment(10**6, 20, 450, 2) >= 10**6
    assert limits.fill_memory(8 * 1000, 3) == 8000


def test_table_has_every_case(table, tmp_path):
    assert tuple(table.columns) == COLUMNS
    cases = {"counting", "counting_published", "throughput", "points", "realizations", "end_to_end"}
    cases |= {"end_to_end_growth", "jax_growth", "fine", "fine_noise_0.2"}
    assert set(table["case"]) - {"accelerator"} == cases
    assert not list(tmp_path.iterdir())
    plain = table[~table["implementation"].str.contains("fitted|scaled")]
    assert (plain["seconds"] > 0).all()
    assert table[table["case"] == "realizations"]["n_realizations"].dropna().tolist() == [2, 5]
    growth = table[table["case"] == "end_to_end_growth"]
    assert growth["n_points"].tolist() == [150, 300]
    np.testing.assert_allclose(growth["ratio"], growth["seconds"] / growth["seconds"].iloc[0])


def test_counting_is_scaled_by_the_number_of_pairs(table):
    rows = table[table["case"] == "counting"].set_index("implementation")
    at_size = rows[rows["n_points"] == TINY.counting]
    few = at_size[at_size["n_realizations"] == 2]["seconds"].item()
    scaled = at_size.loc["NumPy, boolean masks, scaled by pairs", "seconds"]
    assert scaled == pytest.approx(few * (4 * 3) / (2 * 1))
    ours = at_size.loc["kohorte, numba"]
    assert ours["ratio"] == pytest.approx(scaled / ours["seconds"])


def test_growth_is_fitted_by_a_power_and_by_a_line():
    x = np.array([5, 10, 20, 40])
    (_, _, exponent), _ = ensemble._fit(x, 3e-4 * x**1.5)
    assert exponent == pytest.approx(1.5)
    _, (_, fixed, share) = ensemble._fit(x, 0.02 + 0.002 * x)
    assert fixed == pytest.approx(0.02)
    assert share == pytest.approx(0.8)


def test_implementations_that_disagree_stop_the_benchmark(monkeypatch, tmp_path):
    def disagree(tasks, **options):
        return {key: Measurement(1.0, 1.0, answer=str(key)) for key in tasks}

    monkeypatch.setattr(ensemble, "measure", disagree)
    with pytest.raises(ResultError, match="disagree"):
        benchmark_ensemble(TINY, tmp_path)


def test_tasks_run_in_processes_of_their_own():
    tasks = {
        "numba": Task("count", {"backend": "numba", "threads": 1, **SIZE}),
        "masks": Task("count_as_published", {"masks": "boolean", **SIZE}),
    }
    found = measure(tasks, repeats=2, threads=1)
    assert found["numba"].answer == found["masks"].answer != ""
    assert all(m.seconds > 0 for m in found.values())
    assert all(10 < m.peak_mb < 10_000 for m in found.values())


def test_a_process_that_fails_is_named(capfd):
    with pytest.raises(ResultError, match="'count' ended with status 1"):
        task = Task("count", {"backend": "none", "threads": 1, **SIZE})
        measure({"x": task}, repeats=1, threads=1)
    assert "unknown backend 'none'" in capfd.readouterr().err


def test_medians_of_runs():
    runs = [
        {"seconds": s, "peak_mb": p, "answer": "x", "stages": {"a": s / 2}}
        for s, p in [(4.0, 1.0), (2.0, 2.0), (9.0, 3.0)]
    ]
    assert worker._summarize(runs) == Measurement(4.0, 3.0, "x", {"a": 2.0})


def test_figure_shows_the_table_beside_the_published_times(table, published):
    published = published[published["task"] == "sce"]
    assert set(published["device"]) == {"cpu", "gpu"}
    figure = benchmark_figure(table, published)
    assert text_faults(figure) == []
    left, middle, _ = figure.axes
    np.testing.assert_allclose(middle.lines[0].get_xdata(), [1, 10])
    ours = next(line for line in left.lines if line.get_color() == "#0072B2")
    np.testing.assert_allclose(ours.get_xdata(), [300, 900])
    gpu = published[(published["device"] == "gpu") & (published["implementation"] == "aweSOM")]
    np.testing.assert_allclose(left.lines[1].get_ydata(), gpu["seconds"])
