"""Files that are no files, or no whole ones: each is named, in time, and ends no process."""

import json
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

from kohorte.data import reading
from kohorte.data.labels import open_labels
from kohorte.errors import DataError

N, F = 20, 3
VALUES = np.random.default_rng(0).normal(size=(N, F))

#: Reads files in a process of its own, which a file could end by a signal, or keep for ever.
READ = """
import json, sys
from kohorte.data.labels import open_labels
from kohorte.data.sources import read_table
from kohorte.errors import KohorteError
from kohorte.store import read_weights
from kohorte.studies.plasma.fields.snapshots import read_snapshot

def labels(path):
    with open_labels(path) as opened:
        return opened.array[:]

def fields(path):
    names = {name: "features" for name in ("bx", "by", "bz", "jx", "jy", "jz")}
    options = {"source": path, "datasets": names, "features": ["bx"], "units": {}}
    return read_snapshot(options | {"axes": None, "spacing": 1, "periodic": True,
                                    "time": 0, "time_unit": "1"})

KINDS = {"table": read_table, "labels": labels, "fields": fields, "weights": read_weights}
for line in sys.stdin:
    kind, path = json.loads(line)
    try:
        KINDS[kind](path)
        print(json.dumps("read"), flush=True)
    except KohorteError as error:
        print(json.dumps(str(error)), flush=True)
"""


def outcomes(*asked):
    """The message for each kind and path, or "read"."""
    lines = "".join(json.dumps([kind, str(path)]) + "\n" for kind, path in asked)
    done = subprocess.run(
        [sys.executable, "-c", READ], input=lines, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def virtual(file, name, *sources, shape=(N, F), unlimited=False):
    """A dataset of one source, or of its rows from several."""
    layout = h5py.VirtualLayout(shape, "f8", maxshape=(None, F) if unlimited else None)
    step = -(-shape[0] // len(sources))
    for number, (place, source) in enumerate(sources):
        rows = slice(number * step, min(shape[0], (number + 1) * step))
        part = h5py.VirtualSource(place, source, shape)
        if unlimited:
            part = h5py.VirtualSource(place, source, shape, maxshape=(None, F))
            layout[: h5py.UNLIMITED] = part[: h5py.UNLIMITED]
        else:
            layout[rows] = part[rows]
    file.create_virtual_dataset(name, layout)


def made_of_itself(file):
    virtual(file, "features", (".", "features"))
    virtual(file, "labels", (".", "/labels"))


def in_a_circle(file):
    virtual(file, "features", (".", "real"), (".", "labels"))
    virtual(file, "labels", (".", "features"))
    file["real"] = VALUES


def through_a_link(file):
    file["link"] = h5py.SoftLink("/features")
    virtual(file, "features", (".", "link"))
    virtual(file, "labels", (".", "link"))


def without_end(file):
    virtual(file, "features", (".", "features"), unlimited=True)
    virtual(file, "labels", (".", "labels"), unlimited=True)


def on_top_of_each_other(file):
    file["part0"] = VALUES
    for number in range(12):
        virtual(file, f"part{number + 1}", (".", f"part{number}"))
    file["features"] = file["labels"] = file["part12"]


def of_a_pipe(file):
    pipe = os.path.join(os.path.dirname(file.filename), "pipe")
    file["link"] = h5py.ExternalLink(pipe, "x")
    virtual(file, "features", (".", "link"))
    file["labels"] = h5py.ExternalLink(pipe, "x")


def of_nothing(file):
    virtual(file, "features", (".", "nowhere"))
    virtual(file, "labels", (".", "nowhere"))


def with_a_gap(file):
    file["real"] = VALUES
    layout = h5py.VirtualLayout((N, F), "f8")
    layout[:5] = h5py.VirtualSource(".", "real", (N, F))[:5]
    file.create_virtual_dataset("features", layout)
    file["labels"] = file["features"]


HARMFUL = {
    made_of_itself: "is a virtual dataset that is made of itself",
    in_a_circle: "is a virtual dataset that is made of itself",
    through_a_link: "is a virtual dataset that is made of itself",
    without_end: "is a virtual dataset that is made of itself",
    on_top_of_each_other: "is part of more than 8 virtual datasets, one above the other",
    of_a_pipe: "is a link to another file, which is refused",
    of_nothing: "no dataset 'nowhere'",
    with_a_gap: "is a virtual dataset that has no data for some entries",
}


def test_virtual_datasets_without_data_of_their_own(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    asked, expected = [], []
    for make, says in HARMFUL.items():
        path = tmp_path / f"{make.__name__}.h5"
        with h5py.File(path, "w", libver="latest") as file:
            make(file)
        shutil.copy(path, path.with_suffix(".nc"))
        asked += [("table", path), ("labels", path), ("fields", path)]
        asked += [("table", path.with_suffix(".nc"))]
        expected += [says] * 4
    for (kind, path), message, says in zip(asked, outcomes(*asked), expected, strict=True):
        assert message.startswith(str(path)), (kind, message)
        assert says in message


def test_virtual_datasets_that_are_whole(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["real"] = VALUES
        virtual(file, "half", (".", "real"))
        virtual(file, "features", (".", "half"), (".", "real"))
    assert outcomes(("table", tmp_path / "t.h5")) == ["read"]


OF_FIELDS = [
    ({}, {}, "is 'fields', but it holds none of these"),
    ({}, None, "no dataset 'fields'"),
    ({}, 3.0, "is 'fields', but it holds none of these"),
    ({}, h5py.ExternalLink("pipe", "x"), "is a link to another file, which is refused"),
    ({}, h5py.SoftLink("/fields"), "is a link that leads in a circle"),
    ({}, {"a": h5py.ExternalLink("pipe", "x")}, "is a link to another file"),
    ({}, {"a": 3.0}, "too few rows: of its 1 rows"),
    ({}, {"a": [b"x", b"y"]}, "field 'a' is"),
    ({"features": "[]"}, {"a": VALUES}, "is 'fields', but it holds none of these"),
    ({"features": "3"}, {"a": VALUES}, "its attribute 'features' is no list of names"),
    ({"features": 3}, {"a": VALUES}, "is truncated or damaged"),
    ({"features": h5py.Empty("f4")}, {"a": VALUES}, "is truncated or damaged"),
    ({"features": "[["}, {"a": VALUES}, "is truncated or damaged"),
    ({"kind": [1, 2]}, {"a": VALUES}, "'fields' is a group, not a dataset"),
    ({"kind": np.array(["fields", "x"], object)}, {"a": VALUES}, "'fields' is a group"),
]


def test_files_that_say_they_are_fields(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    paths = [tmp_path / f"t{number}.h5" for number in range(len(OF_FIELDS))]
    for path, (attributes, fields, _) in zip(paths, OF_FIELDS, strict=True):
        with h5py.File(path, "w") as file:
            for name, value in {"kind": "fields", "features": '["a"]', **attributes}.items():
                file.attrs[name] = value
            if isinstance(fields, dict):
                file.create_group("fields")
                for name, value in fields.items():
                    file["fields"][name] = value
            elif fields is not None:
                file["fields"] = fields
    found = outcomes(*(("table", path) for path in paths))
    for path, message, (*_, says) in zip(paths, found, OF_FIELDS, strict=True):
        assert message == says if says == "read" else message.startswith(str(path)), message
        assert says in message


def test_sizes_that_no_archive_has(tmp_path, monkeypatch):
    from kohorte.studies.plasma.fields.snapshots import read_snapshot

    path = tmp_path / "bomb.npz"
    names = ("bx", "by", "bz", "jx", "jy", "jz")
    np.savez_compressed(path, **{name: np.zeros((1000, 1000)) for name in names})
    np.savez_compressed(tmp_path / "labels.npz", labels=np.zeros(10**6, int))
    options = {"source": str(path), "datasets": {}, "features": ["bx"], "units": {}, "axes": None}
    options |= {"spacing": 1, "periodic": True, "time": 0, "time_unit": "1", "crop": {}}
    assert read_snapshot(options).grid.n_cells == 10**6
    monkeypatch.setattr(reading, "ALWAYS_HELD", 1 << 20)
    monkeypatch.setattr(reading, "MAX_EXPANSION", 100)
    with pytest.raises(DataError, match=r"bomb\.npz: claims to hold 0\.00745 GiB"):
        read_snapshot(options)
    match = r"labels\.npz: claims to hold"
    with pytest.raises(DataError, match=match), open_labels(tmp_path / "labels.npz"):
        pass
