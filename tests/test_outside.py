"""Files from outside: what is in them decides, whatever their names and dates."""

import hashlib
import json
import os
import shutil

import numpy as np
import pytest
import yaml
from snakemake.persistence.file import FilePersistence as Persistence
from workflow_project import TINY, Project, write_points

from kohorte import store
from kohorte.data import prepared, sources
from kohorte.data.names import locate
from kohorte.data.sources import read_table
from kohorte.errors import ConfigError, DataError, ResultError
from kohorte.study.config import check_config
from kohorte.study.manifest import verify, write_manifest
from kohorte.study.outside import content_digest, named_files, plain_name, plain_path
from kohorte.study.runs import (
    Origin,
    check_content,
    check_memory,
    check_owner,
    decides_itself,
    describe_version,
    listed_results,
    read_record,
    remove_former,
    run_record,
    write_owner,
    write_record,
)

OLD = 1_500_000_000


def put(path, text, date=OLD):
    path.write_text(text)
    os.utime(path, (date, date))
    return path


def test_content_decides_and_no_date(tmp_path, monkeypatch):
    memory = tmp_path / "memory"
    monkeypatch.setattr("kohorte._files._FRESH", 0)
    table = put(tmp_path / "a.csv", "x\n1\n")
    first = content_digest(table, memory)
    assert first == hashlib.sha256(b"x\n1\n").hexdigest()
    os.utime(table)
    assert content_digest(table, memory) == first
    # Equal in size and date of its content, which `cp -p` and `rsync -a` set.
    other = put(tmp_path / "b.csv", "x\n2\n")
    os.replace(other, table)
    assert content_digest(table, memory) == hashlib.sha256(b"x\n2\n").hexdigest()
    put(table, "x\n3\n")
    assert content_digest(table, memory) == hashlib.sha256(b"x\n3\n").hexdigest()


def test_a_file_is_read_once(tmp_path, monkeypatch):
    memory = tmp_path / "memory"
    monkeypatch.setattr("kohorte._files._FRESH", 0)
    table = put(tmp_path / "a.csv", "x\n1\n")
    first = content_digest(table, memory)
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("read again"))
    assert content_digest(table, memory) == first
    note = next(memory.rglob("*.json"))
    note.write_text("damaged")
    with pytest.raises(pytest.fail.Exception):
        content_digest(table, memory)


def test_a_file_that_was_just_written_is_not_remembered(tmp_path):
    memory = tmp_path / "memory"
    content_digest(put(tmp_path / "a.csv", "x\n1\n"), memory)
    assert not memory.exists()


def test_what_is_no_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert content_digest(tmp_path / "pipe", None) == "no file"
    assert content_digest(tmp_path / "none", None) == "missing"
    folder = tmp_path / "cube.zarr"
    (folder / "a").mkdir(parents=True)
    put(folder / "a" / "0.0", "1")
    first = content_digest(folder, None)
    os.rename(folder / "a" / "0.0", folder / "a" / "0.1")
    assert content_digest(folder, None) != first


def test_paths_hold_no_pattern_of_snakemake(tmp_path):
    odd = tmp_path / "run {3}"
    odd.mkdir()
    table = put(odd / "-a {b,c} #1 %20*'\".csv", "x\n1\n")
    link = plain_path(str(table), "data.source", tmp_path / "memory")
    assert not {"{", "}"} & set(link)
    with open(link) as stream:
        assert stream.read() == "x\n1\n"
    assert plain_path(str(table), "data.source", tmp_path / "memory") == link
    assert plain_path("a b.csv", "data.source", tmp_path / "memory") == "a b.csv"
    assert plain_name(str(table)) == "-a _b,c_ #1 %20*'\".csv"
    put(tmp_path / "file", "")
    with pytest.raises(ConfigError, match=r"prediction\.source: .* rename the file"):
        plain_path(str(table), "prediction.source", tmp_path / "file")


def test_a_tilde_is_a_home_folder_or_a_letter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert locate("~/a.csv") == str(tmp_path / "home" / "a.csv")
    put(tmp_path / "~backup.csv", "x,y\n1,2\n3,4\n")
    assert locate("~backup.csv") == "~backup.csv"
    assert read_table("~backup.csv").names == ("x", "y")
    with pytest.raises(DataError, match="no such file"):
        read_table("~nobody/a.csv")


def test_files_that_a_configuration_names():
    config = {
        "data": {"source": "sklearn:iris"},
        "training": {"weights": "w.npy"},
        "classification": {"test": None},
        "realizations": {"labels": ["a.npy", "b.npy"]},
    }
    keys = [("data", "source"), ("training", "weights"), ("classification", "test")]
    assert named_files(config, keys) == {
        "training.weights": ["w.npy"],
        "realizations.labels": ["a.npy", "b.npy"],
    }


def test_a_manifest_knows_its_sources(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    result = put(folder / "groups.csv", "1\n")
    made = {"data.source": ["1" * 64], "realizations.labels": ["2" * 64, "3" * 64]}
    write_manifest(folder / "MANIFEST", [result], {"study": "a"}, made)
    verify(folder / "MANIFEST", sources=made)
    verify(folder / "MANIFEST", sources={"data.source": ["missing"]})
    verify(folder / "MANIFEST")
    with pytest.raises(ResultError, match=r"data\.source is not the one"):
        verify(folder / "MANIFEST", sources={"data.source": ["4" * 64]})
    swapped = {"realizations.labels": made["realizations.labels"][::-1]}
    with pytest.raises(ResultError, match=r"realizations\.labels\[0\] is not the one"):
        verify(folder / "MANIFEST", sources=swapped)


def test_jobs_take_what_the_run_started_with(tmp_path):
    record = run_record(["a.yaml"], ["seed=1"], tmp_path)
    assert record != run_record(["a.yaml"], [], tmp_path)
    assert read_record(record) == (None, {})
    write_record(record, {"study": "µ"}, {"data.source": ["1"]})
    assert read_record(record) == ({"study": "µ"}, {"data.source": ["1"]})
    check_content("data.source", ["1"], {"data.source": ["1"]})
    check_content("training.weights", ["1"], {"data.source": ["1"]})
    with pytest.raises(ConfigError, match=r"data\.source: the file was changed while"):
        check_content("data.source", ["2"], {"data.source": ["1"]})
    record.write_text(json.dumps([]))
    assert read_record(record) == (None, {})


def test_a_finished_study_is_not_continued_with_another_table(tmp_path):
    first = Origin(["config/a.yaml"], "a.csv", ["1"])
    other = Origin(["config/b.yaml"], "b.csv", ["2"])
    write_owner(tmp_path, first)
    assert check_owner(tmp_path, other) == ""  # nothing is finished
    (tmp_path / "MANIFEST").touch()
    assert check_owner(tmp_path, first) == ""
    # Edited: another content of the same file, another table in the same study file.
    assert check_owner(tmp_path, Origin(first.files, "a.csv", ["3"])) == ""
    assert "made anew" in check_owner(tmp_path, Origin(first.files, "b.csv", ["3"]))
    # The same table under another name, and from another study file.
    assert "goes on with" in check_owner(tmp_path, Origin(other.files, "moved.csv", ["1"]))
    with pytest.raises(ConfigError, match=r"was made from a\.csv, and config/b\.yaml names b\.csv"):
        check_owner(tmp_path, other)
    (tmp_path / ".study.json").write_text("{")
    assert check_owner(tmp_path, other) == ""


@pytest.mark.parametrize("depth", [1, 9])
def test_results_without_a_memory_of_them_are_not_kept_for_other_settings(tmp_path, depth):
    """Snakemake's own module writes the records, of paths that are longer than a name, too."""
    results, memory = tmp_path.joinpath("results", *["n" * 40] * depth), tmp_path / ".snakemake"
    source = tmp_path / "t.csv"
    source.touch()
    content = {"data.source": [content_digest(source, None)]}
    config = {"study": "a", "seed": 3, "data": {"source": "t.csv"}}

    def check(content=content, **changes):
        check_memory(results, config | changes, lambda path: config, content, memory)

    check(seed=4)  # nothing is finished
    (results / "realizations" / "batches").mkdir(parents=True)
    index = results / "realizations" / "batches" / "000.json"
    for path in (index, results / "ensemble.h5"):
        path.touch()
    write_manifest(results / "MANIFEST", [], config, content)
    check()
    check({"data.source": ["missing"]}, comparison={"with": None})
    with pytest.raises(ConfigError, match=r"made with: seed, data\.source, the file of data\.sou"):
        check({"data.source": ["0" * 64]}, seed=4, data={"source": "u.csv"})
    persistence = Persistence(path=memory)
    for path in (results / "MANIFEST", results / "ensemble.h5"):
        persistence._io_write(persistence._metadata_path, {}, str(path))
    with pytest.raises(ConfigError, match=r"kohorte run STUDY -- --forceall"):
        check(seed=4)
    persistence._io_write(persistence._incomplete_path, {}, str(index))
    check({"data.source": ["0" * 64]}, seed=4)


def test_what_a_study_has_no_more_is_removed(tmp_path):
    names = ["tables/a.csv", "tables/b.csv", "figures/b.png", "realizations/b.h5", "simulation.h5"]
    for name in [*names, "tables/own.csv"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert remove_former(tmp_path, names) == []  # not finished
    manifest = tmp_path / "MANIFEST"
    write_manifest(manifest, [tmp_path / name for name in names[:3]], {"study": "a"})
    former = listed_results(tmp_path) | {"realizations/b.h5", "simulation.h5", "tables/../MANIFEST"}
    assert remove_former(tmp_path, former) == []
    write_manifest(manifest, [tmp_path / "tables/a.csv"], {"study": "a"})
    assert remove_former(tmp_path, former) == ["figures/b.png", "tables/b.csv"]
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"MANIFEST", "tables/a.csv", "tables/own.csv", *names[3:]}
    with pytest.raises(
        ResultError, match=r"extra: tables/own\.csv\n  what is extra is .* be deleted"
    ):
        verify(manifest, unlisted=["*.h5"])


def test_calls_that_say_what_is_made_anew():
    for argument in ("--forceall", "-F", "-nF", "-R", "--forcerun=draw_figures", "verify", "-t"):
        assert decides_itself(["--cores", "1", argument])
    assert not decides_itself(["--cores", "1", "-np", "--configfile", "F.yaml", "--", "predict"])


@pytest.mark.workflow
def test_a_run_decides_by_content_and_keeps_what_it_started_with(root, tmp_path, schema):
    source, target = "run {3}/~a {b,c} #1 %2*'.csv", "results/study/data.h5"
    config = {**TINY, "data": {"source": source, "label": "kind"}}
    project = Project(root, tmp_path / "a study", config)
    table = project.directory / source
    table.parent.mkdir()
    write_points(table)
    # Without a name it has that of its file; an edit while the run goes on is for the next one.
    del config["study"]
    project.configure(config)
    with project.start(target) as run:
        for line in run.stdout:
            if line.startswith("Study study; log: "):
                project.configure(config, data={**config["data"], "stride": 2})
        assert run.wait() == 0
    assert len(store.read_data(project.directory / target).rows) == 90
    assert project.pending(target) == {"prepare_data": 1}
    project.configure(config)
    os.utime(table)
    assert project.pending(target) == {}
    lines = table.read_text().splitlines()
    put(table, "\n".join(lines[:61]))
    output = project.run(target)
    assert "data       60 points, 3 features" in output
    # Results that Snakemake has no memory of are kept as they are, or refused.
    (project.directory / "results/study/MANIFEST").write_text("# study\n")
    settings = check_config(project.config | {"study": "study"}, schema)
    (project.directory / "results/study/config.yaml").write_text(yaml.safe_dump(settings))
    (project.directory / ".snakemake").rename(project.directory / "memory")
    assert "data" not in project.stop(target, "--config", "seed=8", says=["made with: seed. Snak"])
    assert "made with" not in project.run(target, "-n")
    assert "made with" not in project.run(target, "-nF", "--config", "seed=8")
    (project.directory / "results/study/MANIFEST").unlink()
    shutil.rmtree(project.directory / ".snakemake")
    (project.directory / "memory").rename(project.directory / ".snakemake")
    # Here the table is looked at before any job, in the words of the job.
    says = ["kohorte: ", "no feature 'widht'"]
    extra = ["--config", "data={features: [widht]}"]
    project.stop(target, "--dry-run", *extra, says=says)
    *_, log, error = project.stop(target, *extra, says=says).splitlines()
    assert log == "prepare_data failed; log: results/study/logs/prepare_data.log"
    assert error.startswith(f"kohorte: {source}: no feature 'widht'")


def test_a_dry_run_reads_small_tables_and_the_start_of_large_ones(tmp_path, monkeypatch, schema):
    monkeypatch.setattr(prepared, "LOOKED_AT", 5_000)
    monkeypatch.setattr(prepared, "HEAD", 20)
    monkeypatch.setattr(sources, "_HEAD_BYTES", 2_000)
    values = np.random.default_rng(0).normal(size=(500, 3)).round(3)

    def look(name, *lines, **data):
        lines = lines or [",".join(map(str, row)) for row in values]
        path = put(tmp_path / name, "\n".join(["a,b,c", *lines]))
        options = check_config({"study": "x", "data": {"source": str(path), **data}}, schema)[
            "data"
        ]
        return prepared.look_at_data(options, seed=0)

    assert len(look("small.csv", "1,2,3", "4,5,6", "7,8,1").features) == 3
    with pytest.raises(DataError, match="'1x'"):
        look("small.csv", "1,2,3", "4,5,1x", "7,8,1")
    assert look("large.csv") is None
    with pytest.raises(DataError, match=r"large.csv: no feature 'd'"):
        look("large.csv", features=["a", "d"])
    with pytest.raises(DataError, match=r"large.csv: no label 'kind'"):
        look("large.csv", label="kind")
    lines = ["1,2,3", "4,5,x", *["7,8,9"] * 2_000]
    with pytest.raises(DataError, match=r"feature 'c'.*'x'"):
        look("text.csv", *lines)
    lines[1] = "4,5,"
    with pytest.raises(DataError, match=r"feature 'c', .*missing value"):
        look("gap.csv", *lines)
    assert look("gap.csv", *lines, missing="drop") is None
    assert look("gap.csv", *lines, stride=2) is None  # which leaves that row out
    # Quoted lines that the start of the file would cut, and what only the end of it holds.
    quoted = ['1,2,"a long name\n of two lines"'] * 300
    assert look("quoted.csv", *quoted, features=["a", "b"], label="c") is None
    assert look("late.csv", *["1,2,3"] * 2_000, "x,y,z") is None

    np.save(tmp_path / "a.npy", np.where(np.arange(1500).reshape(500, 3) == 7, np.nan, 1.5))
    found = {"source": str(tmp_path / "a.npy")}
    for data, says in (
        (found, "feature 'feature_1', data row 2: missing value"),
        (found | {"missing": "skip", "features": ["b"]}, "no feature 'b'"),
        (found | {"missing": "skip", "sample": 501}, "too few rows for a sample of 501"),
    ):
        options = check_config({"study": "x", "data": data}, schema)["data"]
        with pytest.raises(DataError, match=says):
            prepared.look_at_data(options, seed=0)
    options = check_config({"study": "x", "data": found | {"stride": 3}}, schema)["data"]
    assert prepared.look_at_data(options, seed=0) is None


def test_results_of_another_version_are_said(tmp_path):
    def origin(kohorte, code):
        return Origin(["a.yaml"], "a.csv", ["1"], kohorte, code)

    assert describe_version(tmp_path, origin("2.0", "b")) == ""  # nothing is there
    write_owner(tmp_path, origin("2.0", "a"))
    assert describe_version(tmp_path, origin("2.0", "a")) == ""
    says = f"{tmp_path} was made by other code of kohorte 2.0: what has other code now is made anew"
    assert describe_version(tmp_path, origin("2.0", "b")).startswith(says)
    # A prediction uses what is there.
    write_owner(tmp_path, origin("2.1", "b"), whole=False)
    assert "made by kohorte 2.0, and this is 2.1: " in describe_version(
        tmp_path, origin("2.1", "b")
    )
    write_owner(tmp_path, origin("2.1", "b"))
    assert describe_version(tmp_path, origin("2.1", "b")) == ""
    old = {"files": [], "source": "a.csv", "content": []}
    (tmp_path / ".study.json").write_text(json.dumps(old))
    assert "made by kohorte of an older version, and" in describe_version(
        tmp_path, origin("2.1", "b")
    )
