"""Runs that are killed at random moments, all their processes at once: the same command goes on.

Here two kills on the way to an ensemble. `make check-kills` makes as many as one asks for, of whole
studies by `kohorte run` and `make results` in turn: KILLS=50, and CONFIG=config/config.yaml for the
default study instead of a small one.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from workflow_project import TINY, Project, assert_same, content, write_points

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("faults")]

KILLS = int(os.environ.get("KOHORTE_KILLS", "0"))
STUDY = os.environ.get("KOHORTE_KILLS_CONFIG")
RUN = [sys.executable, "-m", "kohorte", "run", "study.yaml", "--cores", "2"]
PARTS = ["--", "results/tiny/ensemble.h5"]

#: A job of each kind that a study of a table has, several of those that are cut into parts.
SMALL = {
    **TINY,
    "structure": {"references": 5},
    "ensemble": {"per": ["alpha"], "consensus": "coassociation"},
    "execution": {"realizations_per_job": 2, "slabs": 2},
}

#: Most kills of one study, so that its late jobs are killed as well.
MOST = 3

#: Longest that a run may take when nothing disturbs it, in seconds.
LIMIT = 1800


def command(number):
    """How run `number` of a study is called."""
    if not KILLS:
        return [*RUN, *PARTS]
    if number % 2:
        return RUN
    kept = f"{sys.prefix}/.installed"  # make takes the environment of the tests as it is
    return ["make", "results", f"VENV={sys.prefix}", "-o", kept, "CORES=2", "CONFIG=study.yaml"]


def finish(project, number):
    """Let a run go to its end; seconds that it took."""
    begun = time.monotonic()
    with project.call(command(number)) as run:
        output = run.communicate(timeout=LIMIT)[0]
    assert run.returncode == 0, output
    assert "IncompleteFilesException" not in output
    assert "LockException" not in output
    return time.monotonic() - begun


def kill(project, number, seconds):
    """Kill a run with all its processes after so many seconds; whether it still went on."""
    with project.call(command(number)) as run:
        try:
            output = run.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            run.communicate()
            return True
    assert run.returncode == 0, output
    return False


def make_project(root, folder):
    if STUDY:
        config = {"study": "iris", **yaml.safe_load((root / STUDY).read_text())}
    else:
        config = SMALL if KILLS else TINY
    project = Project(root, folder, config)
    shutil.copy(root / "Makefile", folder)
    write_points(folder / "points of mine.csv")
    return project


def all_of(project):
    found = content(project.results)
    manifest = project.results / "MANIFEST"
    return found | ({"MANIFEST": manifest.read_text()} if KILLS else {})


def test_the_same_command_goes_on_after_sigkill(root, tmp_path):
    undisturbed = make_project(root, tmp_path / "undisturbed" / "a study")
    seconds = finish(undisturbed, 1)
    expected = all_of(undisturbed)
    moments = random.Random(os.environ.get("KOHORTE_KILLS_SEED", "0"))
    killed = studies = 0
    while killed < (KILLS or 2):
        studies += 1
        project = make_project(root, tmp_path / f"{studies}" / "a study")
        for number in range(moments.randint(1, MOST) if KILLS else 2):
            latest = 1.02 if KILLS else 0.5
            killed += kill(project, studies + number, moments.uniform(0.05, latest) * seconds)
        finish(project, studies)
        assert_same(all_of(project), expected)
        assert list(project.results.rglob(".*.part")) == []
        assert list(Path(project.directory, ".snakemake").glob("locks/*")) == []
        shutil.rmtree(project.directory)
        print(f"{killed} kills in {studies} studies of {seconds:.0f} s", file=sys.__stderr__)
