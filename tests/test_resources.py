"""What jobs ask for: from the library's functions to the profiles that take it to a cluster."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import yaml
from workflow_project import TINY, Project, write_points

from kohorte._limits import MAX_PAIRS, PAIR_BYTES
from kohorte.jobs.usage import COLUMNS, job_table
from kohorte.maps.parameters import parameter_defaults
from kohorte.study import resources
from kohorte.study.resources import (
    COSTS,
    map_seconds,
    memory_mb,
    run_minutes,
    training_mb,
    training_seconds,
)

MAP = parameter_defaults() | {"xdim": 30, "ydim": 20}
BATCH = {**MAP, "trainer": "batch", "epochs": 5}


def test_nodes_of_a_lattice_of_automatic_size():
    # The definition's own example: N = 1e6, F = 6, ratio 0.5 gives 63 x 32.
    found = resources.count_nodes(MAP | {"xdim": "auto", "ydim": "auto"}, 1_000_000, 6)
    assert 63 * 32 <= found < 1.05 * 63 * 32
    assert resources.count_nodes(MAP, 10, 3) == 600


def test_a_job_that_is_tried_again_asks_for_twice_as_much():
    assert [memory_mb(333, attempt) for attempt in (1, 2, 3)] == [800, 1600, 3200]
    assert [run_minutes(60, attempt) for attempt in (1, 2, 3)] == [8, 16, 32]
    assert memory_mb(0) >= resources.SNAKEMAKE_MB


@pytest.mark.parametrize(
    ("larger", "n_points", "n_features"),
    [
        (MAP, 200_000, 10),
        (MAP, 100_000, 20),
        ({**MAP, "xdim": 60}, 100_000, 10),
        ({**MAP, "xdim": "auto", "ydim": "auto"}, 10_000_000, 10),
    ],
)
def test_training_asks_for_more_where_the_problem_is_larger(larger, n_points, n_features):
    assert map_seconds(larger, n_points, n_features) > map_seconds(MAP, 100_000, 10)
    assert training_mb([larger], n_points, n_features) > training_mb([MAP], 100_000, 10)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 1_000_000},
        {"epochs": 40},
        {"method": "kmeans"},
        {"trainer": "batch", "epochs": 20},
        {"trainer": "minibatch", "epochs": 20, "batch_size": 100},
    ],
)
def test_time_of_a_map_grows_with_its_work(change):
    assert map_seconds({**MAP, **change}, 100_000, 10) > map_seconds(MAP, 100_000, 10)


def test_maps_of_a_job_add_up_in_time_and_threads_in_memory():
    one = map_seconds(MAP, 1000, 4)
    assert training_seconds([MAP] * 6, 1000, 4) == pytest.approx(6 * one)
    assert training_seconds([MAP] * 6, 1000, 4, threads=3) == pytest.approx(2 * one)
    assert training_seconds([MAP] * 2, 1000, 4, threads=8) == pytest.approx(one)
    alone = training_mb([MAP] * 6, 1_000_000, 10)
    assert training_mb([MAP], 1_000_000, 10) == alone
    assert training_mb([MAP] * 6, 1_000_000, 10, threads=2) > alone
    assert training_mb([MAP], 1000, 400, snapshots=100) > training_mb([MAP], 1000, 400)
    drawn = {**MAP, "row_share": 0.5}
    assert training_mb([drawn], 1_000_000, 10) == alone + 20  # MB, half of the table
    jax = {**BATCH, "backend": "jax"}
    assert training_mb([jax] * 6, 1000, 4) > training_mb([BATCH] * 6, 1000, 4)
    with_gpu = training_mb([jax], 1000, 4, gpu=True) - training_mb([jax], 1000, 4)
    assert with_gpu == pytest.approx(resources.GPU_MB)


#: Seconds of CPU and MB (of the largest resident size) that jobs took.
TRAINED = [
    # maps, parameters, N, F, seconds, MB
    (6, MAP, 1_000_000, 10, 14.9, 333),
    (2, {**MAP, "steps": 1000}, 300_000, 10, 6.4, 279),
    (6, {**BATCH, "backend": "jax"}, 20_000, 400, 21.2, 568),
    (6, {**BATCH, "backend": "jax"}, 100_000, 4, 15.0, 491),
    (2, {**BATCH, "backend": "jax"}, 1_000_000, 10, 29.4, 598),
    (50, {**MAP, "xdim": 20, "ydim": 10, "steps": 5000}, 2000, 4, 28.0, 250),
    (1, {**MAP, "xdim": 100, "ydim": 100, "steps": 200, "method": "kmeans"}, 2000, 10, 20.0, 1148),
]
COUNTED = [
    # N, R, MB of counts, seconds and MB of counting, of combining
    (1_000_000, 12, 0.05, 3.2, 214, 3.9, 280),
    (5_000_000, 20, 0.33, 2.1, 335, 3.3, 435),
    (200_000, 100, 8, 1.6, 223, 2.6, 278),
    (5000, 400, 128, 2.7, 352, 6.2, 857),
]
#: N, F, R, seconds, MB of all tables in one job
TABULATED = [(10_000_000, 6, 5, 13.0, 700)]
READ = [
    # rule, MB of input, seconds, MB
    ("prepare_data", 99.4, 10.5, 193),
    ("prepare_data", 60.7, 1.7, 293),
    ("tabulate_results", 131, 4.3, 755),
    ("tabulate_results", 123, 33.9, 870),
    ("tabulate_results", 78.8, 9.4, 998),
    ("measure_sufficiency", 29.5, 26.7, 336),
    ("measure_sufficiency", 127, 192, 650),
    ("write_group_signals", 158, 1.7, 384),
    ("tabulate", 127, 1.9, 370),
    ("plot", 58.2, 4.4, 456),
]


def asked_and_used():
    for maps, parameters, n, f, seconds, mb in TRAINED:
        yield (training_seconds([parameters] * maps, n, f), training_mb([parameters] * maps, n, f))
        yield seconds, mb
    for n, r, counts, *used in COUNTED:
        yield resources.counting_seconds(n, r), resources.counting_mb(r, 64, jax=False)
        yield used[:2]
        yield resources.combining_seconds(n, r, counts), resources.combining_mb(n, counts, 64)
        yield used[2:]
    for n, f, r, *used in TABULATED:
        yield resources.tallying_seconds(n, f, r), resources.tabulating_mb(f, 0.01)
        yield used
    for rule, size, seconds, mb in READ:
        yield COSTS[rule].seconds(size), COSTS[rule].mb(size)
        yield seconds, mb


def test_jobs_ask_for_what_was_measured_and_not_for_much_more():
    pairs = np.array(list(asked_and_used())).reshape(-1, 2, 2)
    estimated, used = pairs[:, 0].T, pairs[:, 1].T
    asked_mb = np.array([memory_mb(mb) for mb in estimated[1]])
    asked_seconds = 60 * np.array([run_minutes(seconds) for seconds in estimated[0]])
    assert (asked_mb > used[1] + resources.SNAKEMAKE_MB).all()
    assert (asked_mb < 5 * (used[1] + resources.SNAKEMAKE_MB)).all()
    assert (asked_seconds > 2 * used[0]).all()
    assert (asked_seconds < resources.START_SECONDS + 60 + 20 * used[0] + 60).all()


def test_clusters_are_bounded_as_the_ensemble_bounds_them():
    assert resources.counts_mb(10**6) == pytest.approx(1e-6 * MAX_PAIRS * PAIR_BYTES)
    asked = [resources.counts_mb(n) for n in range(1, 2000)]
    assert asked == sorted(asked)
    assert resources.counts_mb(2) == pytest.approx(8e-6 * (2 * resources.MAP_CLUSTERS) ** 2)


@pytest.fixture(scope="module")
def project(root, tmp_path_factory):
    """The tiny study, not run."""
    project = Project(root, tmp_path_factory.mktemp("resources") / "a study", TINY)
    write_points(project.directory / "points of mine.csv")
    return project


def asked(project, target, rule, *arguments):
    """The `resources` line of the only job of a rule in a dry run, as pairs."""
    text = project.run(target, *arguments, "--dry-run")
    job = text.split(f"rule {rule}:")[1].split("\n\n")[0]
    line = next(line for line in job.splitlines() if line.strip().startswith("resources: "))
    return dict(item.split("=") for item in line.strip().removeprefix("resources: ").split(", "))


def test_training_asks_from_the_table_that_is_there(project):
    target = "results/tiny/realizations/batches/000.json"
    project.configure(TINY, execution={"realizations_per_job": 10})
    assert asked(project, target, "train_realizations")["mem_mb"] == "<TBD>"
    data = project.results / "data.h5"
    project.run("results/tiny/data.h5")
    found = asked(project, target, "train_realizations")
    members = [{**MAP, "xdim": x, "ydim": 5, "steps": 400} for x in (6, 6, 7, 7)]
    assert int(found["mem_mb"]) == memory_mb(training_mb(members, 90, 3))
    assert int(found["runtime"]) == run_minutes(training_seconds(members, 90, 3))
    # A broken table stops nobody from planning: the job that reads it says what is wrong.
    data.write_bytes(data.read_bytes()[:1000])
    assert int(asked(project, target, "train_realizations")["mem_mb"]) > 0
    data.unlink()


@pytest.mark.parametrize(
    ("device", "training", "ensemble", "gpus"),
    [
        ("gpu", {"trainer": "batch", "backend": "jax"}, "auto", ("1", "1")),
        ("gpu", {"trainer": "batch", "backend": "numba"}, "numba", ("0", "0")),
        ("auto", {"trainer": "batch", "backend": "jax"}, "jax", ("0", "0")),
        ("cpu", {"trainer": "batch", "backend": "jax"}, "jax", ("0", "0")),
    ],
)
def test_gpus_are_asked_for_where_jax_computes_and_the_device_is_a_gpu(
    project, device, training, ensemble, gpus
):
    project.configure(
        {**TINY, "lattice": {"xdim": 6, "ydim": 5}},
        training={"steps": 400, "epochs": 3, "alpha": 0.1, **training},
        ensemble={"backend": ensemble},
        execution={"device": device},
    )
    target = "results/tiny/overlaps/0000.json"
    rules = ("train_realizations", "count_overlaps")
    assert tuple(asked(project, target, rule)["gpu"] for rule in rules) == gpus


@pytest.mark.parametrize(("device", "works"), [("cpu", True), ("auto", False)])
def test_the_device_cpu_keeps_jax_off_everything_else(project, device, works):
    runs = {f"runs/{name}.npy": np.repeat([0, 1, 2], 30) for name in ("one", "two")}
    (project.directory / "runs").mkdir(exist_ok=True)
    for name, labels in runs.items():
        np.save(project.directory / name, labels)
    project.configure(
        {"study": device, "data": {"source": None}, "realizations": {"labels": list(runs)}},
        ensemble={"backend": "jax"},
        execution={"device": device},
    )
    target = f"results/{device}/overlaps/0000.json"
    project.run(target, check=works, JAX_PLATFORMS="no-such-device")
    assert (project.directory / target).exists() == works


@pytest.mark.parametrize("profile", ["slurm", "local"])
def test_profiles_work_as_typed_at_the_top_of_the_repository(root, profile):
    command = [sys.executable, "-m", "snakemake", "--profile", profile]
    how = {"env": {**os.environ, "PYTHONPATH": "src"}, "capture_output": True, "text": True}
    command += ["--dry-run", "--quiet", "all"]
    done = subprocess.run(command, cwd=root, timeout=120, **how)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Using profile {profile}" in done.stderr


@pytest.mark.parametrize("profile", ["slurm", "local"])
def test_every_entry_of_a_profile_has_a_comment(root, profile):
    lines = (root / profile / "config.yaml").read_text().splitlines()
    keys = [k for k, line in enumerate(lines) if line[:1].isalpha()]
    assert len(keys) == len(yaml.safe_load("\n".join(lines)))
    assert [lines[k] for k in keys if not lines[k - 1].startswith("#")] == []
    nested = [line for line in lines if line.startswith("  ") and not line.strip().startswith("#")]
    assert [line for line in nested if " # " not in line and not line.startswith("  gpu")] == []


def test_table_of_jobs(tmp_path):
    folder = tmp_path / "benchmarks" / "study" / "benchmarks"
    (folder / "train").mkdir(parents=True)
    plain = "s\th:m:s\tmax_rss\tcpu_time\n3.5\t0:00:03\tNA\t2.25\n"
    asked = "{'mem_mb': 800, 'runtime': 6, '_cores': 2}"
    extended = f"s\tmax_rss\tcpu_time\tresources\n1\t2\t3\t{{}}\n10\t200.5\t19\t{asked}\n"
    (folder / "draw.tsv").write_text(plain)
    (folder / "train" / "007.tsv").write_text(extended)
    table = job_table(sorted(map(str, folder.rglob("*.tsv")))).set_index("rule")
    assert table.columns.tolist() == list(COLUMNS[1:])
    assert table.loc["draw", ["job", "seconds", "cpu_seconds"]].tolist() == ["", 3.5, 2.25]
    assert table.loc["draw"].isna().sum() == 5
    # Of a job that was tried again the last try counts.
    assert table.loc["train"].tolist() == ["007", 10, 19, 200.5, 800, 6, 2, 0]


def test_table_of_jobs_of_a_study_starts_no_other_job(project):
    project.configure(TINY)
    project.run("results/tiny/data.h5", "--benchmark-extended")
    assert project.pending("tabulate_jobs") == {"tabulate_jobs": 1}
    project.run("tabulate_jobs")
    header, row = (project.results / "tables" / "jobs.csv").read_text().splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=True))["asked_memory_mb"] == "800"
    assert project.pending("tabulate_jobs") == {}


# Linux hands the largest memory of a process on to what it starts. The tests' own is large, so a
# small process stands between.
MEASURED = """import resource, subprocess, sys
ended = subprocess.run(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print("used", used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(ended.returncode)"""


@pytest.mark.workflow
def test_a_hundred_thousand_maps_are_planned_within_a_minute_and_2_gb(project):
    """Time of the CPU, of which a busy machine takes no more."""
    config = TINY | {"lattice": {"xdim": 6, "ydim": 5}, "realizations": {"repeats": 50_000}}
    project.configure(config, execution={"realizations_per_job": 100})
    plan = ["snakemake", "--cores", "2", "--configfile", "study.yaml", "--dry-run", "--quiet"]
    command = [sys.executable, "-c", MEASURED, sys.executable, "-m", *plan, "rules"]
    with project.call(command) as process:
        output = process.communicate(timeout=600)[0]
    assert process.returncode == 0, output
    assert re.search(r"^train_realizations +1000$", output, re.MULTILINE)
    seconds, kibibytes = map(float, re.search(r"^used (\S+) (\S+)$", output, re.MULTILINE).groups())
    assert seconds < 60
    assert kibibytes < 2_000_000
