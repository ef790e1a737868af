"""Epochs of batch training that are cut into slabs: the maps of one job, to the last bit."""

import json
import shutil

import h5py
import numpy as np
import pytest
from planning import plain_data
from workflow_project import TINY, Project, write_points

from kohorte import store
from kohorte.errors import ResultError
from kohorte.jobs import epochs
from kohorte.jobs.training import train_batch
from kohorte.maps import batch, quality
from kohorte.maps.parameters import PARAMETERS, count_epochs, trains_by_sums
from kohorte.maps.realization import MapParameters

N, BLOCK = 1203, 190  # more than quality is measured on, in seven blocks
RECORDING = {"history": 5, "snapshots": 3}
BATCH = {"trainer": "batch", "xdim": 6, "ydim": 5}


def plan(identifier, seed, **changes):
    """One map as the workflow plans it."""
    known = {name: value.default for name, value in PARAMETERS.items()} | BATCH | changes
    return {"id": identifier, "seed": seed, "repeat": 1, "parameters": known}


def make_table(folder, missing):
    rng = np.random.default_rng(2)
    features = (rng.normal(size=(N, 4)) + 3 * rng.integers(0, 3, (N, 1))).astype(np.float32)
    if missing:
        features[rng.random((N, 4)) < 0.1] = np.nan
        features[:, 0] = np.nan_to_num(features[:, 0])
    store.write_data(folder / "data.h5", plain_data(features))
    return folder / "data.h5"


def train_in_slabs(folder, data, members, slabs, weights=""):
    """Train maps as the jobs of the workflow do; gives their index."""
    index, state = folder / "batches" / "000.json", folder / "0.h5"
    known = {"members": members, "recording": RECORDING}
    epochs.begin_maps(data, weights, state, index=index, digest="code", **known)
    every = range(slabs)
    for epoch in range(1, max(count_epochs(member["parameters"]) for member in members) + 1):
        sums = [folder / f"{epoch}-{slab}.h5" for slab in every]
        for slab in every:
            epochs.sum_epoch(data, state, sums[slab], slab=slab, slabs=slabs, threads=1 + slab % 2)
        former, state = state, folder / f"{epoch}.h5"
        epochs.end_epoch(data, former, sums, state, epoch=epoch, recording=RECORDING, threads=1)
    looks = [folder / f"look-{slab}.h5" for slab in every]
    for slab in every:
        epochs.look_at_maps(data, state, looks[slab], slab=slab, slabs=slabs, threads=1)
    epochs.finish_maps(data, state, looks, index, losses={}, **known)
    return index


def content(path):
    """All that a file of a map says but for times, versions and the code that wrote it."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]} if hasattr(item, "dtype") else {})
        )
        found |= {f"quality/{name}": value for name, value in file["quality"].attrs.items()}
        names = ("id", "seed", "repeat", "parameters", "fingerprint", "content")
        return found | {name: file.attrs[name] for name in names}


@pytest.mark.parametrize(("missing", "slabs"), [(False, (1, 2, 3, 7)), (True, (2,))])
def test_maps_are_the_same_bits_for_any_number_of_slabs(tmp_path, monkeypatch, missing, slabs):
    for module in (batch, quality, epochs):
        monkeypatch.setattr(module, "BLOCK_ROWS", BLOCK)
    monkeypatch.setattr(epochs, "SLAB_ROWS", 70)
    data = make_table(tmp_path, missing)
    members = [
        plan("a", 1, epochs=4, fine_epochs=1, initial="pca", topology="hexagonal", ydim=6),
        plan("b", 2, epochs=3, metric="manhattan", initial="sample", periodic=True),
        # It falls no more after the first moments.
        plan("c", 3, epochs=6, patience=1, tolerance=0.5, xdim="auto", ydim="auto"),
        plan("d", 4, epochs=2, xdim=1, ydim=1),
    ]
    one = tmp_path / "one" / "batches" / "000.json"
    how = {"data": data, "weights": None, "recording": RECORDING, "library": "code"}
    train_batch(one, members=members, losses={}, **how)
    steps = store.read_realization(one.parent.parent / "c.h5", "history/step").arrays
    assert steps["history/step"][-1] < 6  # it ended early
    for count in slabs:
        index = train_in_slabs(tmp_path / str(count) / "x", data, members, count)
        assert json.loads(index.read_text()) == json.loads(one.read_text())
        for member in members:
            expected, found = (
                content(path.parent.parent / f"{member['id']}.h5") for path in (one, index)
            )
            assert expected.keys() == found.keys()
            for name, value in expected.items():
                np.testing.assert_array_equal(found[name], value, err_msg=name)
    # What one of both has trained, the other one keeps.
    times = (index.parent.parent / "a.h5").stat().st_mtime_ns
    train_batch(index, members=members, losses={}, **how)
    train_in_slabs(tmp_path / str(count) / "x", data, members, 2)
    assert (index.parent.parent / "a.h5").stat().st_mtime_ns == times


def test_sums_of_other_slabs_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(epochs, "BLOCK_ROWS", BLOCK)
    data, state = make_table(tmp_path, False), tmp_path / "0.h5"
    known = {"members": [plan("a", 1, epochs=2)], "recording": RECORDING}
    epochs.begin_maps(data, "", state, index=tmp_path / "x" / "0.json", digest="code", **known)
    sums = [tmp_path / f"s{slab}.h5" for slab in range(3)]
    for slab, path in enumerate(sums):
        epochs.sum_epoch(data, state, path, slab=slab, slabs=3, threads=1)
    end = {"epoch": 1, "recording": RECORDING, "threads": 1}
    with pytest.raises(ResultError, match=r"s2\.h5: begins at block 4, not at 2; delete it"):
        epochs.end_epoch(data, state, [sums[0], sums[2]], tmp_path / "1.h5", **end)
    with pytest.raises(ResultError, match=r"s0\.h5: sums of the blocks from 0 to 4, and not of"):
        epochs.end_epoch(data, state, sums[:2], tmp_path / "1.h5", **end)


def test_which_maps_are_trained_by_sums():
    assert trains_by_sums(plan("a", 1)["parameters"])
    for other in (
        {"trainer": "online"},
        {"trainer": "minibatch"},
        {"backend": "jax"},
        {"row_limit": 100},
        {"row_share": 0.5},
        {"feature_share": 0.5},
        {"row_draw": "bootstrap"},
        {"scaling": "minmax"},
    ):
        assert not trains_by_sums(plan("a", 1, **other)["parameters"])
    assert MapParameters(**plan("a", 1)["parameters"]).epoch_radii.size == count_epochs(
        plan("a", 1)["parameters"]
    )


def test_epochs_in_slabs_are_jobs_of_the_workflow(root, tmp_path):
    config = {
        **TINY,
        "study": "slabs",
        "lattice": {"xdim": [5, 6], "ydim": 5},
        "training": {"trainer": "batch", "epochs": 2},
    }
    project = Project(root, tmp_path / "a study", config)
    write_points(project.directory / "points of mine.csv")
    target = "results/slabs/realizations/batches/000.json"
    project.run(target)
    names = sorted(path.name for path in (project.results / "realizations").glob("*.h5"))
    expected = {name: content(project.results / "realizations" / name) for name in names}
    assert len(expected) == 2
    shutil.rmtree(project.results / "realizations")
    project.configure(config, execution={"epoch_slabs": 2})
    jobs = {"begin_maps": 1, "sum_epoch": 4, "end_epoch": 2, "look_at_maps": 2, "finish_maps": 1}
    assert project.pending(target) == jobs
    project.run(target)
    for name, known in expected.items():
        found = content(project.results / "realizations" / name)
        for key, value in known.items():
            np.testing.assert_array_equal(found[key], value, err_msg=key)
    assert not list((project.results / "training").rglob("*.h5"))
    # The same maps, however they were trained.
    project.configure(config)
    assert "begin_maps" not in project.pending(target)
