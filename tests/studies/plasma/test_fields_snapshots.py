"""Snapshots of one's own: HDF5, .npz and .npy files, and what is wrong with bad ones."""

import fields_samples
import h5py
import numpy as np
import pytest
from planning import section_of

from kohorte.errors import ConfigError, DataError
from kohorte.studies.plasma.fields import names
from kohorte.studies.plasma.fields.names import check_fields, check_simulation
from kohorte.studies.plasma.fields.snapshots import read_snapshot

SHAPE = (12, 16)


@pytest.fixture
def options(schema, tmp_path):
    """The section `fields` with its defaults and some changes."""

    return lambda source, **changes: section_of(
        schema, "fields", source=str(tmp_path / source), **changes
    )


@pytest.fixture
def raw():
    return fields_samples.flux_ropes(SHAPE)[0]


def write_hdf5(path, fields, prefix=""):
    with h5py.File(path, "w") as file:
        for name, array in fields.items():
            file[f"{prefix}{name}"] = array


def write_npz(path, fields):
    np.savez(path, **fields)


def write_npy(path, fields):
    for name, array in fields.items():
        np.save(str(path).replace("{field}", name), array)


@pytest.mark.parametrize(
    ("name", "write"),
    [("run.h5", write_hdf5), ("run.npz", write_npz), ("run_{field}_07.npy", write_npy)],
)
def test_every_format_gives_the_same_fields(options, raw, tmp_path, name, write):
    write(tmp_path / name, raw)
    found = read_snapshot(options(name))
    assert found.values.keys() == raw.keys()
    for field, array in raw.items():
        np.testing.assert_array_equal(found.values[field], array)
    assert found.grid.axes == ("y", "x")
    assert found.grid.spacing == (1.0, 1.0)
    assert found.grid.periodic == (True, True)
    assert found.grid.length_unit == "cells"
    assert set(found.units.values()) == {"1"}


def test_keys_of_the_configuration_tell_names_axes_and_units(options, raw, tmp_path):
    turned = {name: array.T for name, array in raw.items()}
    turned["time/ez_a"], turned["time/ez_b"] = raw["ez"].T - 1, raw["ez"].T + 3
    turned["Bx"] = turned.pop("bx")
    write_hdf5(tmp_path / "run.h5", turned, prefix="step7/")
    datasets = {name: f"step7/{name}" for name in raw}
    datasets |= {"bx": "step7/Bx", "ez": ["step7/time/ez_a", "step7/time/ez_b"]}
    keys = {"axes": ["x", "y"], "spacing": [0.5, 0.25], "periodic": [True, False], "time": 3}
    keys |= {"units": {"b": "nT", "length": "km"}, "time_unit": "h"}
    found = read_snapshot(options("run.h5", datasets=datasets, **keys))
    np.testing.assert_array_equal(found.values["bx"], raw["bx"].T)
    np.testing.assert_allclose(found.values["ez"], raw["ez"].T + 1, rtol=1e-6)
    assert (found.grid.axes, found.grid.spacing) == (("x", "y"), (0.5, 0.25))
    assert (found.grid.periodic, found.grid.length_unit) == ((True, False), "km")
    assert (found.units["bz"], found.units["jx"]) == ("nT", "1")
    assert (found.time, found.time_unit) == (3.0, "h")


def test_a_current_that_is_absent_is_not_asked_for(options, raw, tmp_path):
    write_npz(tmp_path / "b.npz", {k: v for k, v in raw.items() if k[0] == "b"})
    found = read_snapshot(options("b.npz", features=["j_par", "b_perp"]))
    assert set(found.values) == {"bx", "by", "bz"}


def test_files_of_a_pattern_are_those_that_are_there(options, raw, tmp_path):
    write_npy(tmp_path / "{field}.npy", {"bx": raw["bx"], "Rho": raw["rho"]})
    pattern = str(tmp_path / "{field}.npy")
    found = [pattern.replace("{field}", name) for name in ("bx", "Rho")]
    assert names.source_files(pattern, {"rho": "Rho"}) == found
    assert names.source_files("run.h5", {}) == ["run.h5"]
    assert names.source_files("no/{field}.npy", {}) == ["no/bx.npy", "no/by.npy", "no/bz.npy"]
    assert names.field_datasets({"bx": ["a", "b"]})["bx"] == ("a", "b")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"by": lambda a: a[:, :8]}, r"'by' has shape \(12, 8\), but field 'bx' has \(12, 16\)"),
        ({"by": lambda a: a.T}, r"'by' has shape \(16, 12\).*another order"),
        ({"by": lambda a: a.ravel()}, r"'by' has shape \(192,\).*as many cells"),
        ({"ez": None}, r"'e_par' needs the field ez, which it does not hold.*fields.datasets"),
        ({"jx": lambda a: a.astype("S")}, r"'jx' holds .S.*, but a field is numbers"),
    ],
)
def test_fields_that_do_not_fit_are_named(options, raw, tmp_path, change, words):
    for name, turn in change.items():
        array = raw.pop(name)
        if turn is not None:
            raw[name] = turn(array)
    write_hdf5(tmp_path / "run.h5", raw)
    with pytest.raises(DataError, match=words):
        read_snapshot(options("run.h5"))


def test_datasets_that_the_configuration_names_must_be_there(options, raw, tmp_path):
    write_hdf5(tmp_path / "run.h5", raw)
    for datasets, words in (
        ({"bx": "Bx"}, "no dataset 'Bx', which fields.datasets names for bx.*'bx'"),
        ({"ez": ["ez", "late"]}, "no dataset 'late'"),
    ):
        with pytest.raises(DataError, match=words):
            read_snapshot(options("run.h5", datasets=datasets))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent.h5", "no such file"),
        ("text.h5", "is not an HDF5 file"),
        ("text.npz", "is not a .npz file"),
        ("text.csv", r"fields are read from .h5.*\{field\}"),
    ],
)
def test_sources_that_are_no_snapshots_are_named(options, tmp_path, name, words):
    if name.startswith("text"):
        (tmp_path / name).write_text("x,y\n1,2\n")
    with pytest.raises(DataError, match=words):
        read_snapshot(options(name))


def test_fields_that_are_no_grid_are_refused(options, raw, tmp_path):
    write_npz(tmp_path / "flat.npz", {name: array.ravel() for name, array in raw.items()})
    with pytest.raises(DataError, match="a grid has two or three axes"):
        read_snapshot(options("flat.npz"))
    write_npz(tmp_path / "run.npz", raw)
    for changes, words in (
        ({"axes": ["z", "y", "x"]}, "needs the axes x, y.*keys axes"),
        ({"spacing": [1, 2, 3]}, "2 values of spacing"),
        ({"periodic": [True, True, True]}, "2 values of periodic"),
    ):
        with pytest.raises(ConfigError, match=words):
            read_snapshot(options("run.npz", **changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"datasets": {"Bx": "bx"}}, "fields.datasets: no field 'Bx'"),
        ({"smoothing": {"e_pa": 1}}, "fields.smoothing: .*did you mean 'e_par'"),
        ({"units": {"lenght": "m"}}, "fields.units: .*did you mean 'length'"),
    ],
)
def test_names_that_there_are_none_of_are_refused(options, changes, words):
    with pytest.raises(ConfigError, match=words):
        check_fields(options("run.h5", **changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 20, "snapshots": 4, "average": 6}, "20 steps and 4 snapshots leave 5"),
        ({"cells": [16, 8], "modes": 3}, "3 waves along a side need 12 cells"),
    ],
)
def test_simulations_that_cannot_be_made_are_refused(schema, changes, words):
    check_simulation(section_of(schema, "simulation"))
    with pytest.raises(ConfigError, match=words):
        check_simulation(section_of(schema, "simulation", **changes))


@pytest.mark.parametrize("shape", [(12, 16), (4, 12, 16)])
def test_files_of_runko_are_flat_with_x_fastest(options, tmp_path, shape):
    raw, _ = fields_samples.flux_ropes(shape)
    with h5py.File(tmp_path / "flds_5000.h5", "w") as file:
        for name, size in zip(("Nz", "Ny", "Nx"), (1, *shape)[-3:], strict=True):
            file[name] = size
        for name, array in raw.items():
            file[name] = np.array([array[place] for place in np.ndindex(shape)])
    found = read_snapshot(options("flds_5000.h5"))
    assert found.grid.shape == shape
    for name, array in raw.items():
        np.testing.assert_array_equal(found.values[name], array)
    with h5py.File(tmp_path / "flds_5000.h5", "r+") as file:
        file["Nx"][()] = 15
    with pytest.raises(DataError, match=r"dataset 'bx' has .* values, but Nx x Ny x Nz is 15 x 12"):
        read_snapshot(options("flds_5000.h5"))


def test_a_part_of_a_snapshot(options, raw, tmp_path):
    write_hdf5(tmp_path / "run.h5", raw)
    found = read_snapshot(options("run.h5", crop={"x": [3, 9], "y": [0, 12]}))
    assert found.grid.shape == (12, 6)
    assert found.grid.periodic == (True, False)
    for name, array in raw.items():
        np.testing.assert_array_equal(found.values[name], array[:, 3:9])
    turned = {name: array.T for name, array in raw.items()}
    write_hdf5(tmp_path / "turned.h5", turned)
    found = read_snapshot(options("turned.h5", axes=["x", "y"], crop={"y": [2, 5]}))
    assert found.grid.shape == (16, 3)
    np.testing.assert_array_equal(found.values["bx"], raw["bx"].T[:, 2:5])
    with pytest.raises(ConfigError, match=r"fields.crop.x: \[0, 17\] ends beyond the 16 cells"):
        read_snapshot(options("run.h5", crop={"x": [0, 17]}))
    with pytest.raises(ConfigError, match=r"fields.crop.z: the grid of .* has the axes y, x"):
        read_snapshot(options("run.h5", crop={"z": [0, 1]}))
    with pytest.raises(ConfigError, match=r"fields.crop.y: \[4, 4\] holds no cell"):
        check_fields(options("run.h5", crop={"y": [4, 4]}))
    with pytest.raises(ConfigError, match=r"fields.crop: no direction 'a'"):
        check_fields(options("run.h5", crop={"a": [4, 5]}))
