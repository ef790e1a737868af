"""kohorte as it is installed: with the base alone, as a wheel, and as an archive of its source."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile

import pandas as pd
import pytest
from workflow_project import write_points

from kohorte.study.crate import _code_files

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


def built(copy, hook, folder, **environment):
    """Path of what setuptools builds of the project."""
    code = f"from setuptools import build_meta; print(build_meta.{hook}({str(folder)!r}))"
    return folder / run(sys.executable, "-c", code, cwd=copy, **environment).split()[-1]


@pytest.mark.parametrize("hook", ["build_wheel", "build_sdist"])
def test_the_same_source_gives_the_same_bytes(copy, tmp_path, hook):
    """On another day, in another folder, of files with other dates and permissions."""
    other = shutil.copytree(copy, tmp_path / "elsewhere", copy_function=shutil.copyfile)
    for path in other.rglob("*.py"):
        path.chmod(0o600)
    archives = []
    for number, source in enumerate((copy, other)):
        (tmp_path / f"{number}").mkdir()
        archive = built(source, hook, tmp_path / f"{number}", SOURCE_DATE_EPOCH="1700000000")
        archives.append(archive.read_bytes())
    assert archives[0] == archives[1]


def test_the_wheel_holds_what_the_library_needs_and_no_benchmarks(copy, tmp_path):
    with zipfile.ZipFile(built(copy, "build_wheel", tmp_path)) as wheel:
        names = wheel.namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"kohorte"}
    for name in ("py.typed", "study/config.schema.yaml", "studies/plasma/schema.yaml"):
        assert f"kohorte/{name}" in names


@pytest.fixture(scope="module")
def installed(copy, tmp_path_factory):
    """The command of the wheel, in an environment that has all else from this one."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", "venv", cwd=folder)
    (library,) = folder.glob("venv/lib/python3*/site-packages")
    # Packages are found there, and links to a library under development are not followed.
    (library / "others.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    wheel = built(copy, "build_wheel", folder)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(library)
    for path in sorted(library.glob("kohorte/**/*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder / "venv" / "bin" / "python"
    for path in sorted(library.glob("kohorte/**/*")):
        path.chmod(0o755)


def test_the_wheel_holds_the_workflow_as_it_is_in_the_repository(root, installed):
    (home,) = installed.parents[1].glob("lib/python3*/site-packages/kohorte/_workflow")
    held = {path.relative_to(home) for path in home.rglob("*") if path.is_file()}
    folders = ["config", "envs", "scripts", "workflow"]
    wanted = [p for name in folders for p in (root / name).rglob("*") if p.is_file()]
    wanted += [p for kind in ("*.smk", "*.rst") for p in (root / "src" / "kohorte").rglob(kind)]
    wanted += [root / "Snakefile", root / "Makefile", root / "pyproject.toml"]
    wanted = {p.relative_to(root) for p in wanted if "__pycache__" not in p.parts}
    assert len(wanted) > 100
    assert wanted - held == set()
    for path in wanted:
        assert (home / path).read_bytes() == (root / path).read_bytes()


@pytest.mark.workflow
def test_an_installed_kohorte_goes_from_a_table_to_results(installed, tmp_path):
    """In an empty folder, with nothing but a table."""
    write_points(tmp_path / "My points.csv")
    kohorte = [installed, "-m", "kohorte"]
    assert "0.1.0" in run(*kohorte, "--version", cwd=tmp_path)
    run(*kohorte, "init", "My points.csv", cwd=tmp_path)
    # Few maps in place of the recipe.
    small = "recipe: published\nlattice: {xdim: [6, 7], ydim: 5}\ntraining: {steps: 400}\n"
    with open(tmp_path / "My_points.yaml", "a") as stream:
        stream.write(small)
    output = run(*kohorte, "run", "My points.csv", "--cores", "2", "--", "tables", cwd=tmp_path)
    assert "My_points.yaml: is the study of My points.csv, and is used as it is" in output
    assert "$ snakemake --snakefile" in output
    table = pd.read_csv(tmp_path / "results" / "My_points" / "tables" / "points.csv")
    assert len(table) == 90


def test_a_bundle_of_an_installed_kohorte_holds_a_repository(root, installed):
    (home,) = installed.parents[1].glob("lib/python3*/site-packages/kohorte/_workflow")
    assert dict(_code_files(home)).keys() == {
        name for name in dict(_code_files(root)) if not name.startswith("src/kohorte_benchmarks")
    }


@pytest.mark.workflow
def test_the_workflow_runs_from_an_archive_of_the_source(copy, tmp_path):
    with tarfile.open(built(copy, "build_sdist", tmp_path)) as archive:
        # Python 3.11 has filters from 3.11.4 on.
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(tmp_path, **safe)
    (source,) = tmp_path.glob("kohorte-*/")
    output = run(sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", cwd=source)
    assert "write_manifest" in output
