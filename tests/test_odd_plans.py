"""Studies that cannot serve, and names of files that are none: refused before any work."""

import gzip
import os
import socket
from pathlib import Path

import numpy as np
import pytest
import yaml
from planning import plan_config
from workflow_project import TINY, Project, write_points

from kohorte.command.checking import check_study
from kohorte.command.proposal import name_study
from kohorte.errors import ConfigError
from kohorte.maps.parameters import ResolvedParameters
from kohorte.study.outside import explain_missing
from kohorte.study.reading import TAKEN, read_study, study_name

LABELS = {"realizations": {"labels": ["{}", "b.csv"]}}

#: What names a file: a configuration with {} in its place, and the key.
KEYS = {
    "data.source": {"data": {"source": "{}"}},
    "training.weights": {"training": {"initial": "given", "weights": "{}"}},
    "classification.test": {"data": {"label": "kind"}, "classification": {"test": "{}"}},
    "prediction.source": {"prediction": {"source": "{}"}},
    "fields.source": {"data": {"source": "fields"}, "fields": {"source": "{}"}},
    "realizations.labels": LABELS,
}

CONFIG = {"study": "mine", "recipe": "published", "data": {"source": "points.csv"}}


def with_file(key, path):
    config = yaml.safe_load(yaml.safe_dump(KEYS[key]).replace("{}", path))
    return CONFIG | config | {"data": CONFIG["data"] | config.get("data", {})}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a table, and with things that are no files."""
    monkeypatch.chdir(tmp_path)
    write_points(tmp_path / "points.csv")
    (tmp_path / "b.csv").write_text("labels\n0\n1\n")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo("pipe.csv")
    os.symlink("pipe.csv", "link.csv")
    os.symlink("gone.csv", "lost.csv")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket.csv")
    return tmp_path


NO_FILES = {
    "pipe.csv": "is a device or pipe",
    "link.csv": "is a device or pipe",
    "socket.csv": "is a device or pipe",
    "/dev/zero": "is a device or pipe",
    "/dev/stdin": "is a",  # a pipe, a device or a file, as it comes
    "folder.csv": "is a directory",
    ".": "is a directory",
    "empty.csv": "is an empty file",
    "/proc/cpuinfo": "is an empty file",
    "lost.csv": "is a link to gone.csv, which is not there",
    "pints.csv": "did you mean 'points.csv'",
    "no/points.csv": "there is no folder no",
    "results/mine/points.csv": "is a result of this study itself",
    "./results/../results/mine/points.csv": "is a result of this study itself",
}


@pytest.mark.parametrize("key", KEYS)
def test_names_of_files_that_are_none(folder, key):
    for path, says in NO_FILES.items():
        faults = check_study(with_file(key, path)).faults
        found = [fault for fault in faults if path in fault]
        assert [fault for fault in found if says in fault], (path, faults)


def test_the_workflow_refuses_them_by_key(root, tmp_path):
    project = Project(root, tmp_path / "odd", TINY | {"study": "mine"})
    write_points(project.directory / "points of mine.csv")
    os.mkfifo(project.directory / "pipe.npy")
    given = {"training": {"initial": "given", "weights": "pipe.npy"}}
    project.configure(project.config, **given)
    project.stop(says=["kohorte: training.weights: pipe.npy: is a device or pipe"])
    project.configure(TINY | {"study": "mine"}, execution={"slabs": 91})
    project.stop("-n", says=["kohorte: execution.slabs is 91, but there are 90 points"])
    test = project.directory / "test.csv"
    test.write_text("q,w\n1,2\n")
    project.configure(
        TINY | {"study": "mine"},
        figures={"font": "Klingon Sans", "features": ["q", "z"]},
        classification={"test": "test.csv", "neighbours": [91]},
    )
    said = project.run("-n")
    assert "kohorte: figures.font: " in said
    assert "kohorte: figures.features: no feature 'q'" in said
    assert "classification.neighbours: 91 is more than the 90 points of known class" in said
    assert "classification.test: test.csv: no label 'kind'" in said
    project.configure(TINY | {"study": "mine"}, data={"source": "points of mime.csv"})
    says = ["kohorte: data.source: points of mime.csv: no such file; relative paths start at "]
    says += [f"{project.directory}; did you mean 'points of mine.csv'?"]
    assert "MissingInputException" not in project.stop(says=says)


def test_names_that_begin_with_a_tilde_are_planned(root, tmp_path):
    """As files of that name, or of a user that there is none of: not by a traceback."""
    project = Project(root, tmp_path / "tilde", TINY | {"study": "mine"})
    write_points(project.directory / "~backup.csv")
    (project.directory / "~names.json").write_text('{"groups": [{"group": 0, "name": "red"}]}')
    data = TINY["data"] | {"source": "~backup.csv"}
    named = {"data": data, "groups": {"file": "~names.json"}}
    project.configure(TINY | {"study": "mine"}, **named)
    assert "train_realizations" in project.run("-n")
    named["groups"] = {"file": "~no_such_user/a.json"}
    project.configure(TINY | {"study": "mine"}, **named)
    project.stop("-n", says=["kohorte: groups.file: ~no_such_user/a.json: no such file"])


def test_what_is_said_of_missing_inputs(folder):
    message = "MissingInputException in rule a in file b.smk, line 4:\nMissing input files:\n"
    message += "    affected files:\n        link/{}.csv\n        other.csv"
    named = {"link/{}.csv": ("data.source", "pints.csv")}
    said = explain_missing(message, named)
    assert said.startswith("kohorte: data.source: pints.csv: no such file; relative paths start")
    assert explain_missing(message, {}) is None
    assert explain_missing("link/{}.csv", named) is None


def refused(schema, **config):
    with pytest.raises(ConfigError) as caught:
        plan_config(CONFIG | config, schema)
    return str(caught.value)


def test_names_that_are_taken(schema):
    sections = {k for k, v in schema["properties"].items() if "properties" in v}
    # Of the sections of studies that come along a study may have the name.
    own = {"simulation", "fields", "physics", "spirals", "stages", "scaling"}
    assert sections - own == set(TAKEN) - {"results", "resources", "logs", "benchmarks"}
    for name in TAKEN:
        assert "take another name" in refused(schema, study=name) or name == "data"
        assert study_name(f"a/{name}.yaml") == name_study(f"b/{name}.csv") == f"{name}_study"
    assert "such as data_study" in refused(schema, study="data")
    assert study_name("mine.yaml") == name_study("mine.csv") == "mine"


def test_numbers_that_no_map_can_have(schema):
    for value in (1e200, 1.1e6, -1, 1e400):
        assert "training.radius: " in refused(
            schema, training={"trainer": "batch", "radius": value}
        )
    with pytest.raises(ConfigError, match=r"radius must be at most 1000000, got 1e\+200"):
        ResolvedParameters(3, 3, trainer="batch", radius=1e200)
    by_number = {"method": "kmeans", "clusters": 31}
    said = refused(schema, segmentation=by_number, lattice={"xdim": 6, "ydim": 5})
    assert "segmentation.clusters is 31, but a lattice of 6 x 5 has 30 nodes" in said
    plan_config(CONFIG | {"segmentation": by_number, "lattice": {"xdim": 6, "ydim": 6}}, schema)
    assert "clusters: 10000" in refused(schema, segmentation=by_number | {"clusters": 10**18})
    fields = {"data": {"source": "fields"}, "fields": {"source": "f.npz", "spacing": [1e-9, 1]}}
    assert "fields.spacing: the sides of a cell, [1e-09, 1], differ" in refused(schema, **fields)
    for spacing in ([1e-200, 1e200], 0, 1e31):
        fields["fields"]["spacing"] = spacing
        assert "fields.spacing" in refused(schema, **fields)


@pytest.mark.parametrize("text", ["010", "1:30", "-1:30.5", "00", "0_7"])
@pytest.mark.parametrize(
    "key", ["seed: {}", "training: {{steps: [{}, 5]}}", "data: {{stride: {}}}"]
)
def test_numbers_that_yaml_turns_into_others(tmp_path, schema, text, key):
    path = tmp_path / "a.yaml"
    path.write_text("data: {source: a.csv}\n" * ("data" not in key) + key.format(text))
    with pytest.raises(ConfigError, match=f"YAML reads {text} as"):
        plan_config(read_study([path]), schema)


def test_more_jobs_than_points(folder):
    np.save("a.npy", np.arange(5) % 2)
    np.save("b.npy", np.arange(5) % 3)
    labels = {"study": "l", "realizations": {"labels": ["a.npy", "b.npy"]}}
    assert check_study(labels | {"execution": {"slabs": 5}}).faults == []
    (fault,) = check_study(labels | {"execution": {"slabs": 6}}).faults
    assert fault.startswith("execution.slabs is 6, but there are 5 points")


def test_first_weights_are_opened(folder):
    def check(path, **lattice):
        training = {"initial": "given", "weights": path}
        data = CONFIG["data"] | {"features": ["height", "girth", "age"]}
        lattice = lattice or {"xdim": 3, "ydim": 2}
        return check_study(CONFIG | {"training": training, "lattice": lattice, "data": data}).faults

    np.save("right.npy", np.zeros((6, 3)))
    np.save("wide.npy", np.zeros((6, 4)))
    np.save("long.npy", np.zeros((7, 3)))
    np.save("holes.npy", np.full((6, 3), np.nan))
    Path("bad.h5").write_text("a,b")
    assert check("right.npy") == check("long.npy", xdim=7, ydim=1) == []
    assert check("long.npy", ydim="auto", xdim="auto") == []
    for path, says in {
        "wide.npy": "wide.npy: weights has 4 columns, but the data have 3 features",
        "long.npy": "long.npy: weights has 7 rows, but the lattice has 6 nodes",
        "holes.npy": "holes.npy: weights",
        "points.csv": "points.csv: first weights are an array (.npy), or a realization of a",
        "bad.h5": "bad.h5: not a whole HDF5 file",
    }.items():
        (fault,) = check(path)
        assert fault.startswith(f"training.weights: {says}")


@pytest.mark.parametrize("packed", [False, True])
def test_long_tables_of_test_points_are_looked_at(tmp_path, monkeypatch, packed):
    """Of a packed file the start cannot be read alone; a larger one is left to the job."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kohorte.data.sources._HEAD_BYTES", 2_000)
    rows = ["a,b,kind", *(f"{k % 7},{k % 5},{'xy'[k % 2]}" for k in range(3_000))]
    Path("t.csv").write_text("\n".join(rows))
    name = "test.csv.gz" if packed else "test.csv"

    def check(text):
        content = text.encode()
        Path(name).write_bytes(gzip.compress(content) if packed else content)
        section = {"test": name, "neighbours": [3]}
        data = {"source": "t.csv", "label": "kind"}
        return check_study({"study": "s", "data": data, "classification": section}).faults

    assert check("\n".join(rows)) == []
    faulty = "\n".join(["a,c,kind", *rows[1:]])
    assert any("no feature 'b'" in fault for fault in check(faulty))
    monkeypatch.setattr("kohorte.command.checking.LOOKED_AT", 10)
    assert (check(faulty) == []) == packed
