"""The workflow on a real Slurm of two nodes, with a GPU that is none: tests/slurm/loopback.sh.

Most of the time is spent waiting for Slurm, so everything runs at once and the tests look at what
came of it.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import workflow_project
from workflow_project import TINY, Project, assert_same, write_points

from kohorte.provenance import file_digest

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("slurm")]

LOOPBACK = Path(__file__).parent / "slurm" / "loopback.sh"

#: Two jobs train maps; the second, whose maps JAX trains, asks for a GPU, as the counting does.
STUDY = {
    **TINY,
    "lattice": {"xdim": 6, "ydim": 5},
    "training": {"steps": 400, "alpha": 0.1},
    "realizations": {
        "explicit": [
            {"alpha": 0.1},
            {"alpha": 0.3},
            {"trainer": "batch", "epochs": 4, "backend": "jax"},
            {"trainer": "batch", "epochs": 4, "backend": "jax", "radius": 2},
        ]
    },
    "execution": {"realizations_per_job": 2, "device": "gpu"},
}

#: What a site edits in the profile.
PARTITIONS = """
partitions:
  main: {max_runtime: 240, max_mem_mb: 8000, max_threads: 8}
  gpu: {max_runtime: 240, max_mem_mb: 8000, max_threads: 8, max_gpu: 1}
"""

#: Snakemake, but that it looks at its jobs every two seconds instead of ever more seldom.
SNAKEMAKE = """
from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

Executor.next_seconds_between_status_checks = property(lambda self: 2, lambda self, value: None)
main()
"""

SUMMARY, ENSEMBLE, DATA = (f"results/tiny/{n}" for n in ("summary.txt", "ensemble.h5", "data.h5"))


def loopback(action):
    return subprocess.run([LOOPBACK, action], capture_output=True, text=True, timeout=400)


@pytest.fixture(scope="module")
def slurm():
    """The cluster; it is taken down whatever happens."""
    # Packages are installed only where that was asked for.
    ready = loopback("install" if os.environ.get("KOHORTE_INSTALL_SLURM") else "check")
    if ready.returncode != 0:
        pytest.skip(f"NO TEST ON A REAL SLURM: {ready.stderr.strip()}")
    try:
        started = loopback("up")
        assert started.returncode == 0, started.stderr
        yield
    finally:
        loopback("down")


class Site(Project):
    """A project on the cluster."""

    def __init__(self, root, directory, copy_of=None):
        super().__init__(root, directory, STUDY, copy_of)
        if copy_of is None:
            write_points(directory / "points of mine.csv")
            for name in ("slurm", "local"):
                shutil.copy(root / name, directory / name, follow_symlinks=False)

    def submit(self, *arguments, by_kohorte=False):
        """Start `snakemake --profile slurm`, or `kohorte run --profile slurm`."""
        command = [sys.executable, "-c", SNAKEMAKE, *arguments]
        command += ["--profile", "slurm", "--configfile", "study.yaml"]
        if by_kohorte:
            command = [sys.executable, "-m", "kohorte", "run", "study.yaml"]
            command += ["--profile", "slurm", "--", *arguments]
        return subprocess.Popen(
            command,
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @property
    def environment(self):
        # Without bytecode each of the two starts of Snakemake in a job takes three times as long.
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        # The GPU of this Slurm is one by name only.
        return {**kept, "PYTHONPATH": "src", "JAX_PLATFORMS": "cpu"}

    def finish(self, *arguments):
        """Output of a run that must succeed."""
        return end_of(self.submit(*arguments))

    def spoil(self, script, code):
        """Make a script do something else first."""
        path = self.directory / "scripts" / f"{script}.py"
        start = 'if __name__ == "__main__":\n'
        text = path.read_text()
        assert start in text
        path.write_text(text.replace(start, f"{start}    {code}\n"))


def end_of(run, status=0):
    """Output of a run that ends with a status; whatever happens it is over then."""
    try:
        output = run.communicate(timeout=900)[0]
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            run.communicate()
    assert run.returncode == status, output
    return output


def content(results):
    """Every bit of a study's results, so that a number that is missing is equal to another."""
    found = workflow_project.content(results)
    return {
        k: v.tobytes() if hasattr(v, "dtype") and v.dtype.kind == "f" else v
        for k, v in found.items()
    }


def wait_until(condition, seconds=300, told=""):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, told
        time.sleep(0.5)


def queue(run_id):
    """Rule, partition, GPUs and state of each job of a run, in the order of submission."""
    text = subprocess.check_output(["scontrol", "--oneliner", "show", "jobs"], text=True)
    jobs = [line for line in text.splitlines() if f"JobName={run_id} " in line]
    return [
        {
            "rule": re.search(r"Comment=rule_(\w+?)(_wildcards|\s)", line).group(1),
            "partition": re.search(r" Partition=(\S+)", line).group(1),
            "gpus": len(re.findall(r" TresPerJob=gres:gpu:1", line)),
            "memory": int(re.search(r" MinMemoryNode=(\d+)M", line).group(1)),
            "node": re.search(r" NodeList=(\S+)", line).group(1),
            "state": re.search(r" JobState=(\S+)", line).group(1),
        }
        for line in jobs
    ]


def run_id(output):
    return re.search(r"SLURM run ID: (kohorte_\S+)", output).group(1)


@pytest.fixture(scope="module")
def make_site(slurm, root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm")  # here, since threads would race for it

    def make(name, copy_of=None):
        return Site(root, folder / name, copy_of)

    return make


@pytest.fixture(scope="module")
def runs(make_site):
    """Runs by name, all under way at once."""
    scenarios = {
        "whole": run_whole_study,
        "memory": run_beyond_memory,
        "time": run_beyond_time,
        "here": run_here,
    }
    with ThreadPoolExecutor(6) as pool:
        found = {name: pool.submit(run, make_site) for name, run in scenarios.items()}
        for name, run in {"interrupted": run_interrupted, "killed": run_killed}.items():
            found[name] = pool.submit(lambda run=run: run(make_site, found["here"].result()))
        yield found


def run_here(make_site):
    """The study without Slurm, to compare with."""
    site = make_site("here")
    site.run(SUMMARY, JAX_PLATFORMS="cpu")
    return site


def run_whole_study(make_site):
    site = make_site("a study")
    profile = site.directory / "workflow" / "profiles" / "slurm" / "config.yaml"
    text = profile.read_text()
    assert "\npartitions: {}\n" in text
    profile.write_text(text.replace("\npartitions: {}\n", PARTITIONS))
    return site, queue(run_id(site.finish(SUMMARY)))


def run_beyond_memory(make_site):
    site = make_site("memory")
    # More than the rule's first 800 MB with what Snakemake takes, less than the 1600 MB after.
    site.spoil("prepare_data", "hog = bytes(1) * 800_000_000; import time; time.sleep(5)")
    return site, queue(run_id(site.finish(DATA)))


def run_beyond_time(make_site):
    site = make_site("time")
    site.spoil("prepare_data", wait_once("open(snakemake.output.data, 'w').write('half')"))
    return site, queue(run_id(site.finish(DATA, "--set-resources", "prepare_data:runtime=attempt")))


def wait_once(code="pass"):
    """Code that lets a job wait for five minutes, or for a file called `go`, the first time."""
    return (
        f"import time, pathlib; begun, go = map(pathlib.Path, ('begun', 'go'))\n"
        f"    if not begun.exists():\n"
        f"        begun.touch(); {code}\n"
        f"        for _ in range(600): time.sleep(0 if go.exists() else 0.5)"
    )


def begin_again(make_site, here, name):
    """A run of a copy of the study, from the overlaps on, whose counting waits; ages of files."""
    site = make_site(name, copy_of=here)
    shutil.rmtree(site.results / "overlaps")
    (site.results / "ensemble.h5").unlink()
    ages = {p: p.stat().st_mtime_ns for p in site.results.rglob("*.h5")}
    assert len(ages) == 5
    site.spoil("count_overlaps", wait_once())
    run = site.submit(ENSEMBLE)
    wait_until((site.directory / "begun").exists)
    return site, run, ages


def run_in_slabs(make_site, here):
    """The same maps, whose points are counted and labelled in four parts."""
    site = make_site("slabs", copy_of=here)
    site.configure(STUDY, execution={"realizations_per_job": 2, "slabs": 4})
    return site, queue(run_id(site.finish(ENSEMBLE)))


def run_interrupted(make_site, here):
    site, run, ages = begin_again(make_site, here, "interrupted")
    run.send_signal(signal.SIGINT)
    output = end_of(run, status=1)
    wait_until(lambda: {j["state"] for j in queue(run_id(output))} == {"CANCELLED"}, told=output)
    assert not (site.results / "overlaps" / "0000.json").exists()
    return site, ages, site.finish(ENSEMBLE)


def run_killed(make_site, here):
    site, run, ages = begin_again(make_site, here, "killed")
    run.kill()
    output = end_of(run, status=-signal.SIGKILL)
    (job,) = queue(run_id(output))
    assert job["state"] == "RUNNING"
    (site.directory / "go").touch()
    wait_until(lambda: queue(run_id(output))[0]["state"] == "COMPLETED")
    # As a login node has it: kohorte calls Snakemake.
    return site, ages, end_of(site.submit(ENSEMBLE, by_kohorte=True))


def test_a_study_has_the_same_bits_as_without_slurm(runs):
    site, _ = runs["whole"].result()
    assert_same(content(site.results), content(runs["here"].result().results))


def test_jobs_that_jax_computes_have_the_gpu_and_its_partition(runs):
    _, jobs = runs["whole"].result()
    assert {job["state"] for job in jobs} == {"COMPLETED"}
    assert sorted(job["rule"] for job in jobs) == [
        *("combine_realizations", "count_overlaps", "measure_sufficiency", "prepare_data"),
        *("summarize_study", "tabulate_results", "train_realizations", "train_realizations"),
    ]
    on_gpu = [job for job in jobs if job["gpus"]]
    assert sorted(job["rule"] for job in on_gpu) == ["count_overlaps", "train_realizations"]
    assert {job["partition"] for job in on_gpu} == {"gpu"}
    assert {job["partition"] for job in jobs if not job["gpus"]} == {"main"}


def test_slabs_of_points_go_to_both_nodes_and_make_the_same_file(runs, make_site):
    for run in runs.values():
        run.result()  # Their jobs would fill one of the nodes.
    site, jobs = run_in_slabs(make_site, runs["here"].result())
    rules = [job["rule"] for job in jobs]
    assert sorted(rules) == sorted(
        [*(["count_overlaps", "label_points"] * 4), "combine_counts", "combine_realizations"]
    )
    for rule in ("count_overlaps", "label_points"):
        assert {job["node"] for job in jobs if job["rule"] == rule} == {"first", "second"}
    ensembles = [file_digest(s.directory / ENSEMBLE) for s in (site, runs["here"].result())]
    assert ensembles[0] == ensembles[1]


def test_a_job_beyond_its_memory_is_tried_again_with_twice_as_much(runs):
    site, jobs = runs["memory"].result()
    assert [job["memory"] for job in jobs] == [800, 1600]
    assert [job["state"] == "COMPLETED" for job in jobs] == [False, True]
    assert (site.directory / DATA).exists()


def test_a_job_beyond_its_time_is_tried_again_without_what_it_left(runs):
    site, jobs = runs["time"].result()
    assert [job["state"] for job in jobs] == ["TIMEOUT", "COMPLETED"]
    here = content(runs["here"].result().results)
    assert_same(content(site.results), {k: v for k, v in here.items() if k[0] == "data.h5"})


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_a_run_that_was_ended_goes_on_where_it_stopped(runs, how):
    site, ages, _ = runs[how].result()
    assert {path: path.stat().st_mtime_ns for path in ages} == ages
    assert_same(content(site.results), content(runs["here"].result().results))


def test_only_what_was_cut_off_is_submitted_again(runs):
    submitted = {how: queue(run_id(runs[how].result()[2])) for how in ("interrupted", "killed")}
    rules = {how: [job["rule"] for job in jobs] for how, jobs in submitted.items()}
    assert rules == {
        "interrupted": ["count_overlaps", "combine_realizations"],
        # The job that went on without Snakemake was finished.
        "killed": ["combine_realizations"],
    }


def test_a_run_outlasts_its_controller(runs, make_site):
    """A job ends while nobody can be asked for it; the profile's `squeue` is all there is."""
    here = runs["here"].result()
    for name in ("whole", "memory", "time", "interrupted", "killed"):
        runs[name].result()  # They would meet a controller that is away.
    site, run, ages = begin_again(make_site, here, "away")
    try:
        assert loopback("away").returncode == 0
        gone = time.monotonic()
        (site.directory / "go").touch()
        counts = site.results / "overlaps" / "0000.json"
        wait_until(lambda: counts.exists() and time.monotonic() - gone > 20)
    finally:
        back = loopback("back")
    assert back.returncode == 0
    output = end_of(run)
    assert "Slurm does not answer; its jobs go on" in output
    assert "Slurm answers again" in output
    assert {path: path.stat().st_mtime_ns for path in ages} == ages
    assert_same(content(site.results), content(here.results))
