"""Studies that run through Snakemake in directories of their own, for the tests that need one."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import yaml

from kohorte.provenance import file_digest
from kohorte.store import files

TINY = {
    "study": "tiny",
    "recipe": "published",
    "seed": 7,
    "data": {"source": "points of mine.csv", "label": "kind"},
    "lattice": {"xdim": [6, 7], "ydim": 5},
    "training": {"steps": [400], "alpha": [0.1, 0.3]},
    "execution": {"realizations_per_job": 3},
}


class Group(subprocess.Popen):
    """A process that leads a group, all of which ends where a test fails: else it would hang."""

    def __exit__(self, kind, value, traceback):
        if kind is not None and self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
        super().__exit__(kind, value, traceback)


class Project:
    """A copy of the workflow in a directory of its own, and a study in it."""

    def __init__(self, root, directory, config, copy_of=None):
        self.directory = directory
        self.results = directory / "results" / config["study"]
        if copy_of is not None:
            shutil.copytree(copy_of.directory, directory, symlinks=True)
            self.config = config
            return
        directory.mkdir(parents=True)
        for name in ("workflow", "config", "envs", "scripts"):
            shutil.copytree(root / name, directory / name)
        shutil.copy(root / "Snakefile", directory)
        # The library is not copied, so that its compiled kernels are found in their cache.
        (directory / "src").symlink_to(root / "src")
        self.configure(config)

    def configure(self, config, **changes):
        self.config = {**config, **changes}
        (self.directory / "study.yaml").write_text(yaml.safe_dump(self.config))

    def start(self, *arguments, cores=2, **environment):
        """A run as a process, which leads a process group; its output is text in one stream."""
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores)]
        return self.call([*command, *arguments, "--configfile", "study.yaml"], **environment)

    def call(self, command, **environment):
        """A command as a process, as `start` has one."""
        return Group(
            command,
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": "src", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments, check=True, **how):
        """Output of a run that has ended; `how` as for `start`."""
        with self.start(*arguments, **how) as process:
            output = process.communicate(timeout=600)[0]
        assert not check or process.returncode == 0, output
        return output

    def stop(self, *arguments, says=(), **how):
        """Output of a run that fails with these words and no traceback; `how` as for `start`."""
        output = self.run(*arguments, check=False, **how)
        assert "Traceback" not in output
        assert [part for part in says if part not in output] == [], output
        return output

    def pending(self, *arguments):
        """Number of jobs of each rule that a run would start."""
        text = self.run(*arguments, "--dry-run", "--quiet", "rules")
        table = re.findall(r"^([a-z_]+) +(\d+)$", text, flags=re.MULTILINE)
        return {rule: int(count) for rule, count in table if rule != "total"}

    def realization(self, identifier):
        return self.results / "realizations" / f"{identifier}.h5"


def packaged_project(root, folder, config, archive):
    """A project with a library of its own, which expects this archive where it would be fetched."""
    project = Project(root, folder / "a study", config)
    source = project.directory / "src"
    source.unlink()
    shutil.copytree(root / "src", source)
    digest = f'"sha256": "{file_digest(archive)}"'
    for module in source.glob("kohorte/studies/*/__init__.py"):
        before, found, after = module.read_text().partition(f'"archive": "{archive.name}"')
        after = re.sub('"sha256": "[0-9a-f]+"', digest, after, count=1)
        module.write_text(before + found + after)
    resources = project.directory / "results" / "resources"
    resources.mkdir(parents=True)
    archive.rename(resources / archive.name)
    return project


def write_points(path, seed=0):
    """Ninety points in three clouds, as text."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat(["ash", "birch", "cedar"], 30)
    centres = {"ash": (0, 0, 0), "birch": (6, 0, 3), "cedar": (0, 6, 6)}
    values = np.array([centres[k] for k in kinds]) + rng.normal(scale=0.7, size=(90, 3))
    table = pd.DataFrame(values, columns=["height", "girth", "age"])
    table["kind"] = kinds
    table.to_csv(path, index=False)


def content(results):
    """Every number of a study's results, without the times that computing took."""
    found = {}

    def visit(prefix):
        def add(name, item):
            if isinstance(item, h5py.Dataset):
                found[prefix, name] = item.asstr()[:] if item.dtype.kind == "O" else item[()]
            if name != "seconds":
                found.update({(prefix, name, k): v for k, v in item.attrs.items()})

        return add

    for path in sorted(results.rglob("*.h5")):
        with h5py.File(path) as file:
            file.visititems(visit(path.relative_to(results).as_posix()))
    for path in sorted(results.glob("tables/*.csv")):
        table = pd.read_csv(path, dtype=str).drop(columns="seconds", errors="ignore")
        found[path.name] = table.to_csv()
    for path in [*sorted(results.glob("figures/[!.]*")), *results.glob("*.html")]:
        found[path.name] = file_digest(path)
    return found


def assert_same(one, two):
    assert one.keys() == two.keys()
    assert [key for key in one if not _equal(one[key], two[key])] == []


def _equal(one, two):
    is_number = all(np.asarray(value).dtype.kind == "f" for value in (one, two))
    return np.array_equal(one, two, equal_nan=is_number)


@contextlib.contextmanager
def rewriting(path):
    """A result file open to be changed, which is whole again afterwards."""
    with h5py.File(path, "a") as file:
        yield file
    with open(path, "r+b") as stream:
        files._seal(stream)
