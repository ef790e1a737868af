"""Result files: whole or not there, and what is wrong with them is said."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from typing import ClassVar

import h5py
import numpy as np
import pandas as pd
import pytest
from planning import plain_data

from kohorte import store
from kohorte._files import replacing
from kohorte.errors import ResultError
from kohorte.maps.history import History


def small_data():
    known = {"offset": np.array([1.0, 2.0]), "scale": np.array([0.5, 0.25])}
    known |= {"truth": np.array([0, 1, 1]), "class_names": ("x", "y"), "rows": np.array([0, 4, 5])}
    features = np.arange(6, dtype=np.float32).reshape(3, 2)
    return plain_data(features, names=("länge", "b"), **known)


def test_data_round_trip(tmp_path):
    path = tmp_path / "deep" / "data.h5"
    store.write_data(path, small_data(), seed=3, options={"stride": 1})
    read = store.read_data(path)
    beside = vars(read.beside), vars(small_data().beside)
    assert beside[0] == beside[1]
    for name, value in vars(small_data()).items():
        if name != "beside":
            np.testing.assert_array_equal(getattr(read, name), value)
    with h5py.File(path) as file:
        assert file.attrs["seed"] == 3
        assert json.loads(file.attrs["options"]) == {"stride": 1}
        assert set(json.loads(file.attrs["versions"])) >= {"kohorte", "numpy", "numba"}
        found = []
        file.visititems(lambda name, item: found.append(item))
        assert all(i.attrs["unit"].strip() for i in found if isinstance(i, h5py.Dataset))


def test_same_content_gives_the_same_bytes(tmp_path):
    for name in "ab":
        store.write_data(tmp_path / name, small_data())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_data_without_truth(tmp_path):
    store.write_data(tmp_path / "d.h5", replace(small_data(), truth=None, class_names=None))
    read = store.read_data(tmp_path / "d.h5")
    assert read.truth is None
    assert read.class_names is None


def test_an_error_while_writing_leaves_nothing(tmp_path):
    path = tmp_path / "data.h5"
    with pytest.raises(ZeroDivisionError), store.create(path, "data") as file:
        store.put(file, {"features": np.zeros((2, 2))})
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_writing_keeps_the_old_file(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text("new")
        1 / 0  # noqa: B018
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.txt"]


def test_results_can_be_read_by_others(tmp_path):
    with replacing(tmp_path / "x") as temporary:
        temporary.write_text("x")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o666 & ~umask


def test_missing_truncated_and_foreign_files_are_named(tmp_path):
    path = tmp_path / "data.h5"
    with pytest.raises(ResultError, match=r"data\.h5: this result does not exist"):
        store.read_data(path)
    store.write_data(path, small_data())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ResultError, match=r"data\.h5: not a whole HDF5 file.*delete it"):
        store.read_data(path)
    with store.create(path, "ensemble"):
        pass
    with pytest.raises(ResultError, match=r"expected a data file of layout 1, found ensemble"):
        store.read_data(path)
    with h5py.File(path, "w") as file:
        file["features"] = np.zeros(3)
    with pytest.raises(ResultError, match=r"found none"):
        store.read_data(path)


NO_LOCKS = """
#include <errno.h>
int flock(int fd, int operation) { errno = ENOLCK; return -1; }
"""


def test_file_systems_without_locks(tmp_path):
    """What lies where locks are refused, as on NFS without lockd, is read all the same."""
    path, foreign = tmp_path / "data.h5", tmp_path / "foreign.h5"
    store.write_data(path, small_data())
    with h5py.File(foreign, "w") as file:
        file["features"] = np.eye(3)
    (tmp_path / "locks.c").write_text(NO_LOCKS)
    library = tmp_path / "locks.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "locks.c"], check=True)
    code = f"""
import h5py
from kohorte import store
from kohorte.data.sources import read_table
try:
    h5py.File({str(path)!r})
except OSError as error:
    assert error.errno == 37, error  # the file system of this test has no locks
else:
    raise AssertionError("locks were not refused")
print(store.read_data({str(path)!r}).names, read_table({str(foreign)!r}).names)
"""
    environment = os.environ | {"LD_PRELOAD": str(library)}
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout == "('länge', 'b') ('feature_0', 'feature_1', 'feature_2')\n"


def test_files_that_the_system_refuses_are_not_called_damaged(tmp_path, monkeypatch):
    path = tmp_path / "data.h5"
    store.write_data(path, small_data())

    def refuse(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("kohorte._hdf5.h5py.File", refuse)
    with pytest.raises(ResultError, match=r"cannot be read .*Input/output error") as refused:
        store.read_data(path)
    assert "delete" not in str(refused.value)


class SmallRealization:
    quality: ClassVar = {"quantization_error": 0.5, "topographic_product": float("nan")}

    def __init__(self, train=1.0, snapshots=0):
        self.seconds = {"train": train}
        weights = np.ones((snapshots, 6, 2), np.float32)
        self.history = History(np.arange(3), *np.ones((4, 3)), np.arange(snapshots), weights)
        for number, name in enumerate(store.REALIZATION_ARRAYS):
            setattr(self, name, np.full(4, number, dtype=np.int32))


def write_small(path, train=1.0, snapshots=0):
    parameters = {"xdim": 2, "ydim": 3, "topology": "rectangular", "periodic": False}
    described = {"id": path.stem, "seed": 5, "repeat": 1, "parameters": parameters}
    store.write_realization(path, SmallRealization(train, snapshots), fingerprint="f", **described)


def test_realization_round_trip(tmp_path):
    path = tmp_path / "r.h5"
    write_small(path)
    stored = store.read_realization(path, "labels", "hits")
    assert (stored.id, stored.seed, stored.repeat, stored.n_clusters) == ("r", 5, 1, 4)
    assert (stored.lattice.xdim, stored.lattice.ydim) == (2, 3)
    assert stored.seconds == {"train": 1.0}
    assert stored.quality["quantization_error"] == 0.5
    assert list(stored.arrays) == ["labels", "hits"]
    np.testing.assert_array_equal(stored.arrays["labels"], np.full(4, 7))


def test_what_was_recorded_in_training(tmp_path):
    path = tmp_path / "r.h5"
    write_small(path, snapshots=2)
    stored = store.read_realization(path, "history/step", "history/alpha", "snapshots/weights")
    np.testing.assert_array_equal(stored.arrays["history/step"], [0, 1, 2])
    np.testing.assert_array_equal(stored.arrays["history/alpha"], [1, 1, 1])
    assert stored.arrays["snapshots/weights"].shape == (2, 6, 2)
    with h5py.File(path) as file:
        assert file["snapshots/weights"].attrs["unit"] == "scaled"
    assert store.has_fingerprint(path, "f")
    with h5py.File(path, "a") as file:
        file["history/quantization_error"][0] += 1
    assert not store.has_fingerprint(path, "f")
    write_small(path)
    with h5py.File(path) as file:
        assert "snapshots" not in file


def test_first_weights_from_a_realization_or_an_array(tmp_path):
    write_small(tmp_path / "r.h5")
    np.testing.assert_array_equal(store.read_weights(tmp_path / "r.h5"), np.zeros(4))
    np.save(tmp_path / "w.npy", np.ones((3, 2)))
    np.testing.assert_array_equal(store.read_weights(tmp_path / "w.npy"), np.ones((3, 2)))
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    for name in ("objects.npy", "none.npy"):
        with pytest.raises(ResultError, match=name):
            store.read_weights(tmp_path / name)


def test_fingerprint(tmp_path):
    path = tmp_path / "r.h5"
    assert not store.has_fingerprint(path, "f")
    write_small(path)
    assert store.has_fingerprint(path, "f")
    assert not store.has_fingerprint(path, "g")
    with h5py.File(path, "a") as file:
        file["labels"][0] += 1
    assert not store.has_fingerprint(path, "f")
    write_small(path)
    path.write_bytes(path.read_bytes()[:100])
    assert not store.has_fingerprint(path, "f")


def test_the_index_does_not_depend_on_times(tmp_path):
    for folder, train in (("a", 1.0), ("b", 2.0)):
        write_small(tmp_path / folder / "r.h5", train)
    one, two = (store.list_realization(tmp_path / folder / "r.h5") for folder in "ab")
    assert one == two


def test_the_map_of_a_figure_is_the_chosen_or_the_representative_one(tmp_path):
    files, index = [tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path / "batches" / "000.json"
    index.parent.mkdir()
    for file in files:
        write_small(file)
    index.write_text(json.dumps([store.list_realization(file) for file in files]))
    ensemble = tmp_path / "ensemble.h5"
    with store.create(ensemble, "ensemble") as file:
        file.create_group("realizations").attrs["representative"] = "b"
    assert store.read_chosen_map([index], ensemble, None).id == "b"
    chosen = store.read_chosen_map([index], ensemble, "a", "hits", "winners")
    assert (chosen.id, list(chosen.arrays)) == ("a", ["hits", "winners"])


def test_index_names_lost_and_changed_files(tmp_path):
    index = tmp_path / "batches" / "000.json"
    file = tmp_path / "r.h5"
    index.parent.mkdir()
    write_small(file)
    index.write_text(json.dumps([store.list_realization(file)]))
    assert store.listed_realizations([index], verify=True) == [file]
    assert store.find_realization([index], "r") == file
    with pytest.raises(ResultError, match="no batch index lists a realization 'q'"):
        store.find_realization([index], "q")
    with h5py.File(file, "a") as opened:
        opened["labels"][0] += 1
    assert store.listed_realizations([index]) == [file]
    with pytest.raises(ResultError, match=r"r\.h5: its content is not what was written"):
        store.listed_realizations([index], verify=True)
    file.unlink()
    with pytest.raises(ResultError, match=r"r\.h5: finished before but gone now"):
        store.listed_realizations([index])


def test_maps_must_be_those_that_are_planned(tmp_path):
    indexes = [tmp_path / "000.json", tmp_path / "001.json"]
    entry = {"file": "x.h5", "content": "0"}
    indexes[0].write_text(json.dumps([{"id": "a", "plan": "1"} | entry]))
    indexes[1].write_text(json.dumps([{"id": "b", "plan": "2"} | entry, {"id": "c"} | entry]))
    planned = {"a": "1", "b": "2", "c": "3"}
    store.check_planned(indexes, planned)
    for other, says in (
        (planned | {"b": "5"}, r"001\.json: the maps .*: b is made with other parameters; delete"),
        ({"a": "1", "b": "2"}, r"001\.json: the maps .*: c is not one of them; delete"),
        (planned | {"d": "4"}, "d is missing; run again"),
    ):
        with pytest.raises(ResultError, match=says):
            store.check_planned(indexes, other)
    indexes[0].write_text("[{}]")
    with pytest.raises(ResultError, match=r"000\.json: not a whole index"):
        store.check_planned(indexes, planned)


def test_csv_keeps_every_bit(tmp_path):
    table = pd.DataFrame({"a": [0.1 + 0.2, 1 / 3], "b": [2**52 - 1, 1]})
    store.write_csv(table, tmp_path / "t.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv"), table, check_exact=True)
