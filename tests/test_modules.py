"""The workflow as others deploy it: as a module, from a repository, without one of its studies."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from import_graph import find_circle, find_imports, is_in
from workflow_project import TINY, write_points

pytestmark = pytest.mark.workflow

CONSUMER = """
configfile: "mine.yaml"


module kohorte:
    snakefile: {snakefile}
    config: config["clustering"]
    prefix: "clusters"


use rule * from kohorte as kohorte_*


rule all:
    default_target: True
    input:
        "clusters/results/tiny/ensemble.h5",


assert sorted(config["clustering"]) == {keys}
"""


def snakemake(folder, *arguments, check=True, **environment):
    """Output of a run in a folder; the library is found by the workflow, or installed."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout
    return done.stdout


def pending(output):
    """Number of jobs of each rule in the output of a run that was not for earnest."""
    return dict(re.findall(r"^([a-z_]+) +(\d+)$", output, flags=re.MULTILINE))


@pytest.fixture
def consumer(tmp_path):
    """A workflow of someone else's, which has kohorte as a module."""

    def make(snakefile, **changes):
        config = {**TINY, "lattice": {"xdim": 5, "ydim": 4}, **changes}
        config = {name: value for name, value in config.items() if value is not None}
        text = CONSUMER.format(snakefile=snakefile, keys=sorted(config))
        (tmp_path / "Snakefile").write_text(text)
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"clustering": config, "other": 1}))
        write_points(tmp_path / "points of mine.csv")
        return tmp_path

    return make


def test_another_workflow_uses_it_as_a_module_with_a_prefix(root, consumer):
    folder = consumer(repr(str(root / "Snakefile")))
    snakemake(folder)
    results = folder / "clusters" / "results" / "tiny"
    maps = sorted(results.glob("realizations/*.h5"))
    assert len(maps) == 2
    assert not (folder / "results").exists()
    assert "Nothing to be done" in snakemake(folder)
    assert "Report created" in snakemake(folder, "--report", "report.html")
    # What was finished and is lost is noticed, so it is looked for under the prefix.
    maps[0].unlink()
    again = pending(snakemake(folder, "--dry-run", "--quiet", "rules"))
    assert again["kohorte_train_realizations"] == "1"
    # All other rules are planned, too.
    target = "clusters/results/tiny/tiny.crate.zip"
    assert "kohorte_write_manifest" in snakemake(folder, "-n", "--quiet", "rules", "--", target)


def test_a_module_with_an_incomplete_study_says_what_is_missing(root, consumer):
    folder = consumer(repr(str(root / "Snakefile")), study=None, sed=1)
    output = snakemake(folder, "-n", check=False)
    assert "study: this key is required" in output
    assert "sed: unknown key; did you mean 'seed'?" in output


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_module_is_read_from_a_repository(root, consumer, tmp_path_factory):
    """Snakemake reads such files one by one; the library is the one that is installed."""
    home = tmp_path_factory.mktemp("home")
    repository = home / "lab" / "kohorte"
    names = ["Snakefile", "workflow", "scripts", "src", "envs", "config"]
    for name in names:
        copy = shutil.copytree if (root / name).is_dir() else shutil.copy
        repository.mkdir(parents=True, exist_ok=True)
        copy(root / name, repository / name)
    settings = f'[url "file://{home}/"]\n    insteadOf = https://github.com/\n'
    (home / "gitconfig").write_text(settings + "[safe]\n    directory = *\n")
    git = {"GIT_CONFIG_GLOBAL": str(home / "gitconfig"), "XDG_CACHE_HOME": str(home / "cache")}
    author = ["-c", "user.name=lab", "-c", "user.email=lab@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run(["git", *author, *command], cwd=repository, env=os.environ | git, check=True)
    folder = consumer("github('lab/kohorte', path='workflow/Snakefile', branch='main')")
    library = {"PYTHONPATH": str(root / "src"), **git}
    target = "clusters/results/tiny/data.h5"
    snakemake(folder, "--", target, **library)
    assert (folder / target).is_file()
    everything = "clusters/results/tiny/MANIFEST"
    output = snakemake(folder, "-n", "--quiet", "rules", "--", everything, **library)
    assert "kohorte_train_realizations" in output


def test_nothing_of_the_default_study_is_below_one_that_is_given(root, tmp_path):
    """Neither in the main process nor in those of jobs, whatever the Snakefile and directory."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text("study: first\nsed: 1\n")
    given = {"study": "tiny", "seed": 3, "data": {"source": "points of mine.csv", "label": "kind"}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(given))
    write_points(tmp_path / "points of mine.csv")
    mine = ["--configfile", tmp_path / "mine.yaml"]
    snakemake(tmp_path, "--snakefile", root / "Snakefile", *mine, "--", "results/tiny/data.h5")
    deployed = ["--snakefile", root / "workflow" / "Snakefile", "--config", "seed=4"]
    snakemake(tmp_path, *deployed, *mine, "--", "results/tiny/data.h5", "results/tiny/config.yaml")
    whole = yaml.safe_load((tmp_path / "results" / "tiny" / "config.yaml").read_text())
    assert (whole["seed"], whole["lattice"]["xdim"]) == (4, "auto")
    # A file may add to another, and an empty study inherits no table.
    (tmp_path / "more.yaml").write_text(yaml.safe_dump({"lattice": {"xdim": 5, "ydim": [3, 4]}}))
    planned = ["-n", "--quiet", "rules", "--directory", tmp_path]
    output = snakemake(root, *planned, *mine, tmp_path / "more.yaml")
    # Two lattices, five finenesses and five repeats, fifteen maps a job.
    assert pending(output)["train_realizations"] == "4"
    output = snakemake(root, *planned, "--configfile", tmp_path / "more.yaml", check=False)
    assert "data.source: this key is required" in output
    output = snakemake(root, *planned, "--config", "seed=4", check=False)
    assert "sed: unknown key" in output


def test_the_study_for_trying_runs_from_the_place_of_deployed_workflows(root, tmp_path):
    for name in ("config", "data"):
        shutil.copytree(root / ".test" / name, tmp_path / name)
    snakemake(tmp_path, "--snakefile", root / "workflow" / "Snakefile")
    assert (tmp_path / "results" / "test" / "MANIFEST").is_file()
    assert "Nothing to be done" in snakemake(root, "--directory", tmp_path)


def test_a_study_is_removed_with_its_folder_and_one_line(root, tmp_path):
    names = ["Snakefile", "workflow", "scripts", "envs", "config", "src"]
    for name in names:
        copy = shutil.copytree if (root / name).is_dir() else shutil.copy2
        copy(root / name, tmp_path / name)
    studies = tmp_path / "src" / "kohorte" / "studies"
    shutil.rmtree(studies / "stars")
    lines = (studies / "__init__.py").read_text().splitlines(keepends=True)
    kept = [line for line in lines if "stars" not in line]
    assert len(kept) == len(lines) - 1
    (studies / "__init__.py").write_text("".join(kept))
    imports = find_imports(tmp_path / "src")
    assert find_circle(imports) == []
    assert [i for i in imports if is_in(i.target, "kohorte.studies.stars")] == []
    assert "write_manifest" in snakemake(tmp_path, "-n", "--quiet", "rules")
    write_points(tmp_path / "points of mine.csv")
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump({**TINY, "lattice": {"xdim": 5, "ydim": 4}}))
    snakemake(tmp_path, "--configfile", "tiny.yaml", "--", "results/tiny/ensemble.h5")
    extra = {**TINY, "figures": {"extra": ["star_regions"]}}
    (tmp_path / "stars.yaml").write_text(yaml.safe_dump(extra))
    output = snakemake(tmp_path, "-n", "--configfile", "stars.yaml", check=False)
    assert "figures.extra" in output
    assert "'star_regions' is not allowed" in output
