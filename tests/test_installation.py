"""kohorte as it is installed: with the base alone, as a wheel, and as an archive of its source."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

LEFT_OUT = shutil.ignore_patterns(".*", "results", "__pycache__", "*.egg-info", "build")

BASE_ALONE = """
import sys

import numpy as np

from kohorte import store
from kohorte.ensemble.combination import combine
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.errors import MissingExtraError
from kohorte.maps.realization import MapParameters, run_realization

rng = np.random.default_rng(1)
truth = np.repeat(np.arange(3, dtype=np.int32), 40)
labels = [np.where(rng.random(120) < 0.05, 0, truth).astype(np.int32) for _ in range(5)]
ensemble = combine(count_overlaps(labels))
store.write_ensemble("ensemble.h5", ensemble, labels, ids=list("abcde"), options={"votes": "equal"})
assert store.read_ensemble("ensemble.h5").n_points == 120
with store.read_result("ensemble.h5", "ensemble") as file:
    assert np.array_equal(np.bincount(file["points/label"][:]), [40, 40, 40])

points = truth[:, None] + rng.normal(scale=0.1, size=(120, 2)).astype(np.float32)
assert run_realization(points, MapParameters(6, 5, steps=500), 1).labels.max() >= 1


def missing(what):
    try:
        what()
    except MissingExtraError as error:
        return str(error)


def estimator():
    from kohorte import SOM


def figure():
    import kohorte.figures.maps


def plan():
    from kohorte.study.config import load_schema

    load_schema()


hint = "{} is not installed: pip install 'kohorte[{}]'".format
assert missing(lambda: count_overlaps(labels, backend="jax")) == hint("jax", "jax")
batch = MapParameters(6, 5, trainer="batch", backend="jax")
assert missing(lambda: run_realization(points, batch, 1)) == hint("jax", "jax")
kmeans = MapParameters(6, 5, steps=5, method="kmeans")
assert missing(lambda: run_realization(points, kmeans, 1)) == hint("sklearn", "estimators")
assert missing(estimator) in (hint("joblib", "estimators"), hint("sklearn", "estimators"))
assert missing(figure) == hint("matplotlib", "figures")
assert missing(plan) == hint("yaml", "workflow")

found = {name.partition(".")[0] for name in sys.modules}
assert not found & {"jax", "sklearn", "matplotlib", "pandas", "pyarrow", "yaml"}, found
assert "site-packages" in store.__file__
"""


@pytest.fixture(scope="module")
def copy(root, tmp_path_factory):
    """The project without what git ignores."""
    return shutil.copytree(root, tmp_path_factory.mktemp("copy") / "kohorte", ignore=LEFT_OUT)


def run(*command, cwd, **environment):
    """Output of a command that must succeed."""
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**clean, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_base_alone_goes_from_labels_to_an_ensemble_and_trains_a_map(copy, tmp_path):
    run(sys.executable, "-m", "venv", "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--retries", "1"]
    try:
        run(*pip, "download", "--no-deps", "threadpoolctl", cwd=tmp_path)
    except AssertionError as error:
        pytest.skip(f"no registry of packages answers: {str(error).splitlines()[0]}")
    run(*pip, "install", copy, cwd=tmp_path)
    run(python, "-c", BASE_ALONE, cwd=tmp_path)


def built(copy, hook, folder):
    """Path of what setuptools builds of the project."""
    code = f"from setuptools import build_meta; print(build_meta.{hook}({str(folder)!r}))"
    return folder / run(sys.executable, "-c", code, cwd=copy).split()[-1]


def test_the_wheel_holds_what_the_library_needs_and_no_benchmarks(copy, tmp_path):
    with zipfile.ZipFile(built(copy, "build_wheel", tmp_path)) as wheel:
        names = wheel.namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"kohorte"}
    for name in ("py.typed", "study/config.schema.yaml", "studies/plasma/schema.yaml"):
        assert f"kohorte/{name}" in names


@pytest.mark.workflow
def test_the_workflow_runs_from_an_archive_of_the_source(copy, tmp_path):
    with tarfile.open(built(copy, "build_sdist", tmp_path)) as archive:
        # Python 3.11 has filters from 3.11.4 on.
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(tmp_path, **safe)
    (source,) = tmp_path.glob("kohorte-*/")
    output = run(sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", cwd=source)
    assert "write_manifest" in output
