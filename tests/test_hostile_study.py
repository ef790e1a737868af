"""Odd input all the way: files of any structure, texts of any letters, and studies made of them.

`make fuzz` draws more examples than the suite. Of what takes seconds (the workflow itself) there
are fewer: one for each `_OF_WORKFLOW` examples.
"""

import contextlib
import faulthandler
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import h5py
import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from planning import plan_config, prepare
from test_hostile import configurations, outcome_of
from workflow_project import TINY, Project, write_points

from kohorte import store
from kohorte._text import guard_cell, visible
from kohorte.analysis.prediction import read_points
from kohorte.command.checking import check_study
from kohorte.command.studies import write_file
from kohorte.data import prepared
from kohorte.data.sources import read_table
from kohorte.data.writing import write_like
from kohorte.errors import DataError, KohorteError
from kohorte.maps.parameters import PARAMETERS, parameter_defaults
from kohorte.maps.realization import run_realization
from kohorte.maps.resolve import resolve_parameters
from kohorte.studies import load_modules
from kohorte.study.config import load_schema
from kohorte.study.outside import content_digest
from kohorte.study.runs import VARIABLE, write_record

SCHEMA = load_schema(load_modules())
FORMAT_1 = Path(__file__).parent / "format_1"
EXAMPLES = int(os.environ.get("KOHORTE_EXAMPLES", "40"))
_OF_WORKFLOW = 100


def examples(share):
    """Settings for so many times fewer examples than usual, one at least; none is made simpler."""
    phases = (Phase.explicit, Phase.generate)
    return settings(
        max_examples=max(1, EXAMPLES // share), phases=phases, suppress_health_check=HealthCheck
    )


@contextlib.contextmanager
def in_time(seconds):
    """Fail where a block waits for something without end."""

    def give_up(number, frame):
        raise TimeoutError(f"nothing happened in {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


# Files of HDF5 of any structure, read in a process of their own


READ = """
import json, sys, warnings
from kohorte.data.labels import open_labels
from kohorte.data.sources import read_table
from kohorte.errors import DataError, KohorteError
from kohorte.store import read_weights
warnings.simplefilter("ignore")

def labels(path):
    with open_labels(path) as opened:
        return opened.array[:]

for path in sys.stdin.read().split():
    for read in (read_table, lambda path: read_table(path, label="labels"), labels, read_weights):
        try:
            read(path)
        except KohorteError as error:
            assert path in str(error), error
    print(path, flush=True)
"""

NAMES = st.sampled_from(["features", "labels", "names", "fields", "columns", "table", "x", "y"])
PLACES = st.sampled_from(["features", "/labels", "g/x", "nowhere", "/", ".", "../x", "x%b", "link"])
ATTRIBUTES = st.sampled_from(
    ["kind", "features", "pandas_type", "units", "MATLAB_class", "nblocks"]
)
ANY = st.sampled_from(
    ["fields", '["x"]', "frame", "frame_table", 3, -1.5, [1, 2], b"\xff", "[[", h5py.Empty("f4")]
)
ARRAYS = st.sampled_from(
    [
        np.arange(12.0).reshape(4, 3),
        np.arange(4),
        np.array(3.0),
        np.zeros((0, 3)),
        np.array([b"a", b"b\xff", b"", b"d"]),
        np.array([(1, 2.0)] * 4, dtype=[("a", "i4"), ("b", "f8")]),
        np.full((4, 3), np.nan),
        np.ones((2, 2, 2)),
        h5py.Empty("f8"),
    ]
)
THINGS = st.one_of(
    ARRAYS.map(lambda array: ("data", array)),
    st.tuples(st.just("virtual"), st.lists(PLACES, min_size=1, max_size=3), st.booleans()),
    PLACES.map(lambda place: ("soft", place)),
    st.tuples(st.just("external"), st.sampled_from(["pipe", "self", "/dev/zero"]), PLACES),
    st.tuples(st.just("hard"), PLACES),
    st.tuples(st.just("raw")),
)
MEMBERS = st.lists(st.tuples(st.sampled_from(["", "g/", "fields/"]), NAMES, THINGS), max_size=6)
MARKS = st.lists(st.tuples(st.sampled_from(["/", "g", "features"]), ATTRIBUTES, ANY), max_size=3)
STRUCTURES = st.tuples(MEMBERS, MARKS)


def build(path, members, marks):
    """Write a file of some structure; False where HDF5 itself ends the process that does it."""
    with warnings.catch_warnings(action="ignore"):  # of JAX, which the child does not touch
        child = os.fork()
    if child == 0:
        faulthandler.disable()  # what it would say of HDF5 is expected
        with contextlib.suppress(Exception):
            write_structure(path, members, marks)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def write_structure(path, members, marks):
    with h5py.File(path, "w", libver="latest") as file:
        for group, name, thing in members:
            with contextlib.suppress(Exception):
                put_thing(file, f"{group}{name}", thing, path.parent)
        for place, name, value in marks:
            with contextlib.suppress(Exception):
                file[place].attrs[name] = value


def put_thing(file, place, thing, folder):
    match thing:
        case ("data", array):
            file[place] = array
        case ("virtual", sources, unlimited):
            layout = h5py.VirtualLayout((4, 3), "f8", maxshape=(None, 3) if unlimited else None)
            for row, source in enumerate(sources):
                layout[row] = h5py.VirtualSource(".", source, (4, 3))[row]
            file.create_virtual_dataset(place, layout)
        case ("soft", target):
            file[place] = h5py.SoftLink(target)
        case ("external", other, target):
            file[place] = h5py.ExternalLink(str(folder / other), target)
        case ("hard", target):
            file[place] = file[target]
        case ("raw",):
            file.create_dataset(place, (4, 3), "f8", external=[(str(folder / "pipe"), 0, 96)])


@examples(20)
@given(structures=st.lists(STRUCTURES, min_size=20, max_size=20))
def test_files_of_any_structure_end_no_process(tmp_path, structures):
    if not (tmp_path / "pipe").exists():
        os.mkfifo(tmp_path / "pipe")
    paths = []
    for number, structure in enumerate(structures):
        path = tmp_path / f"t{number}{('.h5', '.nc', '.mat', '.h5ad')[number % 4]}"
        if build(path, *structure):
            paths.append(path)
    with subprocess.Popen(
        [sys.executable, "-c", READ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            seen, faults = process.communicate("\n".join(map(str, paths)), timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0, (seen[-99:], faults[-1500:])
    assert len(seen.split()) == len(paths)


# Texts of any letters, in names, classes, rows and samples

LETTERS = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("=+-@'\"<>&;$%{}\\/|,\t\n\r\0\x1b\x07\u202e\u2066\u200f\u2028\ud800\udcff"),
    ),
    min_size=1,
    max_size=12,
)
TEXTS = st.lists(LETTERS, min_size=6, max_size=6)
ACTING = set(
    map(chr, [*range(9), *range(11, 32), *range(127, 160), 0x200E, 0x200F, 0x202E, 0x2066])
)


def write_table(path, names, columns):
    """Write a table in the format of a path; False where the format cannot hold it."""
    try:
        frame = pd.DataFrame({k: pd.Series(list(v), dtype=object) for k, v in columns.items()})
        frame = frame.astype({k: float for k, v in columns.items() if v.dtype.kind == "f"})
        frame.columns = pd.Index(names, dtype=object)
        match path.suffix:
            case ".csv":
                frame.to_csv(path, index=False)
            case ".npz":
                np.savez(path, **{f"column{k}": v for k, v in enumerate(columns.values())})
                rename_members(path, names)
            case ".parquet":
                frame.to_parquet(path)
            case ".h5":
                with h5py.File(path, "w") as file:
                    for name, (_, values) in zip(names, columns.items(), strict=True):
                        file[name] = values if values.dtype.kind == "f" else list(map(str, values))
    except Exception:
        return False
    return True


def rename_members(path, names):
    with np.load(path) as archive:
        arrays = [archive[name] for name in archive.files]
    np.savez(path, **dict(zip(names, arrays, strict=True)))


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".parquet", ".h5"])
@examples(4)
@given(names=st.lists(LETTERS, min_size=5, max_size=5, unique_by=str.strip), texts=TEXTS)
@example(
    names=["a\0", "\ud800", "=1", "<b>", "\u202e"], texts=["=1", "\0", "\udcff", "x", "-1", ""]
)
def test_texts_of_any_letters(tmp_path, suffix, names, texts):
    path = tmp_path / f"t{suffix}"
    values = np.arange(18.0).reshape(6, 3) ** 1.5
    columns = {k: values[:, k] for k in range(3)} | {3: np.array(texts), 4: np.array(texts[::-1])}
    if not write_table(path, names, columns):
        return
    shown = [visible(name) for name in names]
    options = {"source": str(path), "features": [n.strip() for n in shown[:3]]}
    options |= {"id": shown[3].strip(), "carry": [shown[4].strip()]}
    configuration = {"study": "a", "data": options}
    checked, message = outcome_of(prepare, configuration, SCHEMA)
    if checked is None:
        assert message
        return
    data, message = outcome_of(prepared.prepare_data, checked["data"], seed=1)
    if data is None:
        assert visible(message).encode()
        return
    assert len(data.features) == 6  # no row is lost
    file = tmp_path / "data.h5"
    store.write_data(file, data, options=checked["data"], seed=1)
    again = store.read_data(file, beside=True)
    assert again.names == data.names
    kept = pd.DataFrame(again.beside.columns())
    store.write_csv(kept, tmp_path / "t_out.csv")
    written = (tmp_path / "t_out.csv").read_text(encoding="utf-8")
    assert not ACTING & set(written) - {"\t", "\n"}
    read = store.read_csv(tmp_path / "t_out.csv", dtype=str, keep_default_na=False)
    for name, column in kept.items():
        texts_of = [str(value) for value in column]
        if "\r" not in "".join(texts_of):
            assert read.loc[:, name].tolist() == texts_of
            assert all(not c.startswith(("=", "@")) for c in map(guard_cell, texts_of))
    with contextlib.suppress(KohorteError):
        copy = tmp_path / f"copy{suffix}"
        write_like(path, {"group": np.arange(6)}, copy)
        assert read_table(copy, features=["group"]).n_rows == 6


# Parameters of maps at their bounds

SMALL = {"xdim": 5, "ydim": 4, "steps": 30, "epochs": 3, "fine_epochs": 2, "nodes": 25}


@st.composite
def parameters(draw):
    found = parameter_defaults() | {"xdim": 3, "ydim": 2, "steps": 20}
    for name in draw(st.lists(st.sampled_from(sorted(PARAMETERS)), max_size=6)):
        row = PARAMETERS[name]
        low = row.bounds.get("minimum", row.bounds.get("exclusiveMinimum", 0))
        high = min(row.bounds.get("maximum", 1e308), SMALL.get(name, 1e308))
        numbers = {
            int: st.integers(int(low), int(min(high, 2**40))),
            float: st.floats(low, high) | st.sampled_from([low, high, 5e-324, 1e-300, 1e300]),
            bool: st.booleans(),
        }
        choices = [numbers[row.kind]] if row.kind in numbers else []
        choices += [st.sampled_from(sorted(row.names))] if row.names else []
        choices += [st.none()] if row.default is None else []
        found[name] = draw(st.one_of(choices))
    return found | {"backend": "numba"}


POINTS = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
TABLES = {
    "plain": POINTS,
    "equal": np.ones_like(POINTS),
    "huge": POINTS * np.float32(1e18),
    "tiny": POINTS * np.float32(1e-30),
    "gaps": np.where(np.arange(90).reshape(30, 3) % 7 == 0, np.nan, POINTS).astype(np.float32),
    "two": POINTS[:2],
}


@given(chosen=parameters(), table=st.sampled_from(sorted(TABLES)))
@example(chosen=parameter_defaults() | {"xdim": 3, "ydim": 2, "final_alpha": 5e-324}, table="plain")
def test_maps_of_any_parameters(chosen, table):
    points = TABLES[table]
    with warnings.catch_warnings(), in_time(60):
        warnings.simplefilter("ignore")
        try:
            resolved = resolve_parameters(chosen, points)
            found = run_realization(points, resolved, 1, given=given_for(chosen, resolved, points))
        except KohorteError:
            return
    assert found.labels.shape == (len(points),)
    assert np.isfinite(found.weights).all()


def given_for(chosen, resolved, points):
    if chosen["initial"] != "given":
        return None
    return np.zeros((resolved.xdim * resolved.ydim, points.shape[1]), np.float32)


# Studies: what a check finds is in words and in time, and what passes it is served


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files that a configuration may name."""
    folder = tmp_path_factory.mktemp("files")
    write_points(folder / "points.csv")
    rng = np.random.default_rng(2)
    np.save(folder / "labels.npy", rng.integers(0, 3, 90))
    np.save(folder / "short.npy", rng.integers(0, 3, 9))
    np.savez(folder / "fields.npz", **{n: np.ones((9, 10), "f4") for n in ("bx", "by", "bz")})
    np.savez(folder / "odd.npz", features=POINTS, names=np.array(["=a", "b\0", "\ud800"]))
    (folder / "utf16.csv").write_bytes("a;b\n1;2\n3;4\n".encode("utf-16"))
    (folder / "gap.csv").write_text("a\n1\n\n3\n4\n")
    (folder / "empty.csv").touch()
    (folder / "folder.csv").mkdir()
    (folder / "bad.yaml").write_text("__use_yte__: true\n")
    for name in ("pipe.csv", "pipe.npy", "pipe.h5"):
        os.mkfifo(folder / name)
    build(folder / "circle.h5", [("", "features", ("virtual", ["features"], False))], [])
    return folder


FILES = ["points.csv", "labels.npy", "short.npy", "fields.npz", "odd.npz", "utf16.csv", "gap.csv"]
FILES += ["empty.csv", "folder.csv", "pipe.csv", "pipe.npy", "pipe.h5", "circle.h5", "bad.yaml"]
FILES += ["none.csv", ".", "/dev/zero", "/dev/stdin", "/proc/self/mem", "results/a/points.csv"]
FILES += ["sklearn:iris", "generated:rings", "a:b", "~nobody/x.csv"]
PLACES_OF_FILES = ["data.source", "training.weights", "classification.test", "prediction.source"]
PLACES_OF_FILES += ["fields.source", "figures.font", "comparison.with", "groups.file"]


@st.composite
def studies(draw):
    """A study that names files, some of them none, beside other keys of any value."""
    config = draw(configurations(wrong=draw(st.integers(0, 1))))
    if not isinstance(config.get("data"), dict):
        config["data"] = {}
    config["data"]["source"] = draw(st.sampled_from(FILES))
    for place in draw(st.lists(st.sampled_from(PLACES_OF_FILES), max_size=2)):
        section, key = place.split(".")
        if isinstance(config.setdefault(section, {}), dict):
            config[section][key] = draw(st.sampled_from(FILES))
    if draw(st.integers(0, 3)) == 0 and isinstance(config.setdefault("realizations", {}), dict):
        config["realizations"]["labels"] = draw(st.lists(st.sampled_from(FILES), max_size=3))
    if isinstance(config["data"].get("generate"), dict):
        config["data"]["generate"] = {"points": 50}
    config["study"] = draw(st.sampled_from(["a", "results", "data", "b.c", "A-1"]))
    return config


@given(config=studies())
def test_a_check_finds_words_and_comes_back(folder, config):
    before = Path.cwd()
    os.chdir(folder)
    try:
        with in_time(60), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = check_study(config)
    finally:
        os.chdir(before)
    for fault in found.faults:
        assert fault.strip()
        assert visible(fault).encode()
    if not found.faults:
        plan_config(config, SCHEMA)


KEYS_AT_FAULT = {
    "figures.feature": "girht",
    "figures.features": ["girth", "kind"],
    "figures.font": "No Such Font",
    "classification.test": "labels.npy",
    "classification.neighbours": [91],
}


@pytest.mark.parametrize("key", KEYS_AT_FAULT)
def test_what_no_figure_or_table_could_be_made_with_is_found_before(folder, key, monkeypatch):
    monkeypatch.chdir(folder)
    config = {"study": "a", "recipe": "published", "data": {"source": "points.csv"}}
    config["data"]["label"] = "kind"
    config["classification"] = {"test": "points.csv", "neighbours": [90]}
    config["figures"] = {"feature": "girth", "features": ["girth", "age"], "font": "DejaVu Sans"}
    assert check_study(config).faults == []
    section, name = key.split(".")
    config[section][name] = KEYS_AT_FAULT[key]
    assert [fault.partition(":")[0] for fault in check_study(config).faults] == [key]
    for font in ("none.ttf", "points.csv.ttf"):
        config = {"study": "a", "data": {"source": "points.csv"}, "figures": {"font": font}}
        (folder / "points.csv.ttf").write_bytes(b"\0\1\0\0 no font")
        assert "cannot be read as a font" in str(check_study(config).faults)


# Files that change while they are used, and places that nothing can be written to


def test_labels_are_known_by_their_content_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def contents():
        with store.open_label_arrays([], {"a": "a.npy"}) as labels:
            return labels.contents

    np.save("a.npy", np.arange(90) % 3)
    before, date = contents(), os.stat("a.npy").st_mtime_ns
    assert not Path(".snakemake").exists()
    os.utime("a.npy")
    assert contents() == before
    np.save("a.npy", np.arange(90) % 2)
    os.utime("a.npy", ns=(date, date))
    assert contents() != before


JOB = """
import sys
from kohorte.study.logs import job_log
with job_log("job.log", ["data.csv", "other.csv"]):
    print(open("data.csv").read())
    if len(sys.argv) > 1:
        open(sys.argv[1], "a").write("more")
"""


@pytest.mark.parametrize(("edited", "status"), [(None, 0), ("other.csv", 0), ("data.csv", 1)])
def test_what_a_job_made_of_a_changed_file_is_not_kept(tmp_path, edited, status):
    (tmp_path / "data.csv").write_text("a\n1\n")
    (tmp_path / "other.csv").write_text("a\n1\n")  # of which the record does not tell
    digest = content_digest(tmp_path / "data.csv")
    record = tmp_path / "run.json"
    write_record(record, {}, {}, {"data.csv": ("data.source", digest)})
    done = subprocess.run(
        [sys.executable, "-c", JOB, *([edited] if edited else [])],
        cwd=tmp_path,
        env={**os.environ, VARIABLE: str(record), "KOHORTE_TERMINAL": "snakemake"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stderr
    said = "data.source: the file was changed while this run goes on" in done.stderr
    assert said == bool(status)
    assert "Traceback" not in done.stderr


SURROUNDINGS = {
    "check study.yaml > /dev/full": (1, "kohorte: the output: cannot be written (No space left"),
    "check study.yaml >&- 2>&- <&-": (0, ""),
    "init points.csv -o study.yaml --force": (1, "cannot be written (File too large); raise the"),
    "open a": (1, "results/a: there are no results yet"),
    "check pipe.yaml": (1, "pipe.yaml: is a device or pipe"),
    "run study.yaml /dev/zero": (1, "/dev/zero: is a device or pipe"),
    "check $'\\xff.csv'": (1, "the name is no UTF-8 text"),
}


@pytest.mark.parametrize("call", SURROUNDINGS)
def test_surroundings_that_a_command_ends_in_words_in(tmp_path, call):
    write_points(tmp_path / "points.csv")
    text = "study: a\nrecipe: published\ndata: {source: points.csv, label: kind}\n"
    (tmp_path / "study.yaml").write_text(text)
    os.mkfifo(tmp_path / "pipe.yaml")
    limit = "ulimit -f 0; " if "init" in call else ""
    status, words = SURROUNDINGS[call]
    command = f"{limit}exec {sys.executable} -m kohorte {call}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr
    assert (done.returncode, words in done.stderr) == (status, True), done.stderr
    assert (tmp_path / "study.yaml").read_text() == text


def test_no_home_no_cache_and_no_letters_but_those_of_english(tmp_path):
    here = tmp_path / "w {x} <b> %s 'q\" \u00e9"
    here.mkdir()
    write_points(here / "points.csv")
    text = "study: a\nrecipe: published\ndata: {source: points.csv, label: kind}\n"
    (here / "study.yaml").write_text(text)
    odd = {"TMPDIR": "/nowhere", "LC_ALL": "C", "XDG_CACHE_HOME": "/proc/x", "PYTHONHASHSEED": "3"}
    environment = {k: v for k, v in os.environ.items() if k != "HOME"} | odd
    command = f"umask 077; ulimit -n 40; {sys.executable} -m kohorte run study.yaml -n --cores 1"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "prepare_data" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: shutil.copy(FORMAT_1 / "data.h5", path), "scaled already; name the table"),
        (lambda path: write_far(path), "it is far from all that the study was made from"),
    ],
)
def test_new_points_that_no_study_can_place(tmp_path, make, says):
    make(tmp_path / "new.h5")
    with pytest.raises(DataError, match=f"new.h5: .*{says}"):
        read_points(tmp_path / "new.h5", FORMAT_1 / "data.h5")


def write_far(path):
    with h5py.File(path, "w") as file:
        file["features"] = np.full((3, 3), 1e300)
        file["names"] = ["height", "girth", "age"]


def test_a_folder_that_is_gone(tmp_path):
    (tmp_path / "gone").mkdir()
    command = f"rmdir ../gone; exec {sys.executable} -m kohorte check"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path / "gone", capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.startswith("kohorte: the folder that kohorte is called in cannot be read")


def test_what_is_written_replaces_a_file_whole_and_no_device(tmp_path, monkeypatch):
    (tmp_path / "real.yaml").write_text("old")
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    write_file(tmp_path / "link.yaml", "new")
    assert (tmp_path / "link.yaml").is_symlink()
    assert (tmp_path / "real.yaml").read_text() == "new"
    write_file(Path("/dev/null"), "new")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_names_of_groups_run_in_no_spreadsheet(tmp_path, suffix):
    frame, path = pd.DataFrame({"a": [1.5, 2.5], "b": ["=x", "y"]}), tmp_path / f"t{suffix}"
    if suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_excel(path, index=False)
    names = {"group_name": np.array(["=1+1", "@x"])}
    write_like(path, names, tmp_path / f"copy{suffix}")
    if suffix == ".csv":
        assert "'=1+1" in (tmp_path / "copy.csv").read_text()
    else:
        sheet = openpyxl.load_workbook(tmp_path / "copy.xlsx").active
        assert [sheet.cell(row, 3).data_type for row in (1, 2, 3)] == ["s"] * 3


# The workflow itself: the suite has runs of its own

ONLY_FUZZ = pytest.mark.skipif("KOHORTE_EXAMPLES" not in os.environ, reason="takes long; make fuzz")


@pytest.fixture(scope="module")
def project(root, folder, tmp_path_factory):
    project = Project(root, tmp_path_factory.mktemp("hostile") / "study", TINY)
    for path in folder.iterdir():
        (project.directory / path.name).symlink_to(path)
    return project


def ends_in_words(output, status):
    """Whether a run ended well, or with a reason that a person understands, and no trace."""
    assert "Traceback" not in output, output
    if status:
        tail = "\n".join(output.splitlines()[-30:])
        assert re.search(r"^kohorte: |^  - ", tail, re.MULTILINE), output


def run_workflow(project, config, *arguments):
    (project.directory / "study.yaml").write_text(json.dumps(config))
    with project.start(*arguments) as process:
        try:
            output = process.communicate(timeout=300)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    ends_in_words(output, process.returncode)
    return output, process.returncode


@ONLY_FUZZ
@examples(_OF_WORKFLOW)
@given(config=studies())
def test_the_workflow_plans_or_refuses_in_words(project, config):
    try:
        text = json.dumps(config)
    except (TypeError, ValueError):
        return
    run_workflow(project, json.loads(text), "--dry-run")


ODD_TABLES = st.tuples(
    st.integers(2, 40),
    st.lists(LETTERS, min_size=2, max_size=4, unique_by=str.strip),
    st.sampled_from(["plain", "equal", "huge", "gaps", "constant"]),
    st.sampled_from(["published", "resolved"]),
    st.sampled_from([".csv", ".npz", ".parquet"]),
)


@ONLY_FUZZ
@examples(4 * _OF_WORKFLOW)
@given(drawn=ODD_TABLES)
def test_tiny_studies_of_odd_tables(project, drawn):
    n_rows, names, kind, recipe, suffix = drawn
    values = np.random.default_rng(n_rows).normal(size=(n_rows, len(names)))
    if kind == "equal":
        values[:] = 1
    elif kind == "huge":
        values *= 1e30
    elif kind == "gaps":
        values[::5, 0] = np.nan
    elif kind == "constant":
        values[:, 0] = 3
    path = project.directory / f"odd{suffix}"
    path.unlink(missing_ok=True)
    if not write_table(path, names, dict(enumerate(values.T))):
        return
    config = {"study": f"tiny{recipe}", "recipe": recipe, "data": {"source": path.name}}
    config["data"] |= {"missing": "skip", "constant_features": "drop"}
    if recipe == "published":
        config |= {"lattice": {"xdim": 4, "ydim": 3}, "training": {"steps": 50}}
    else:
        config |= {"realizations": {"repeats": 1}, "structure": {"references": 0}}
    results = project.directory / "results" / config["study"]
    (results / ".study.json").unlink(missing_ok=True)
    (results / "MANIFEST").unlink(missing_ok=True)
    output, status = run_workflow(project, config)
    if status == 0:
        assert store.read_ensemble(results / "ensemble.h5").n_points == n_rows
        assert not ACTING & set(output) - {"\r"}
