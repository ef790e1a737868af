"""Tables whose rows are the cells of a grid: from fields.h5, or with data.shape."""

import json

import fields_samples
import h5py
import numpy as np
import pytest
from planning import plan_config, write_data
from planning import prepare as prepare_study

from kohorte import store
from kohorte.data.sources import read_table
from kohorte.errors import ConfigError, DataError
from kohorte.studies import load_modules
from kohorte.study.config import portable_config

SHAPE = (3, 12, 16)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """fields.h5 of the flux ropes, and what was written."""
    path = tmp_path_factory.mktemp("fields") / "fields.h5"
    return path, fields_samples.write_sample(path, SHAPE, noise=0.1)


@pytest.fixture
def prepare(schema, tmp_path):
    """Prepare a source as the workflow does; gives the path of data.h5."""

    return lambda source, **options: write_data(
        tmp_path / "data.h5", schema, source=str(source), **options
    )


def test_fields_become_columns_in_c_order(sample):
    path, written = sample
    table = read_table(path)
    assert table.names == fields_samples.FEATURES
    assert table.shape == SHAPE
    assert table.values.dtype == np.float32
    for k, name in enumerate(table.names):
        wanted = written.values[name].astype(np.float32).ravel(order="C")
        np.testing.assert_array_equal(table.values[:, k], wanted)
    np.testing.assert_array_equal(table.rows, np.arange(np.prod(SHAPE)))


def test_any_field_may_be_chosen_and_parts_have_no_shape(sample):
    path, written = sample
    table = read_table(path, features=["rho", "b_perp"], stride=7)
    assert table.names == ("rho", "b_perp")
    assert table.shape is None
    wanted = written.values["b_perp"].astype(np.float32).ravel()[::7]
    np.testing.assert_array_equal(table.values[:, 1], wanted)
    with pytest.raises(DataError, match=r"no feature 'j_pr'.*j_par"):
        read_table(path, features=["j_pr"])


def test_a_cell_that_is_missing_is_named_by_its_place(tmp_path):
    path = tmp_path / "fields.h5"
    fields_samples.write_sample(path, SHAPE)
    with h5py.File(path, "a") as file:
        file["fields/b_perp"][1, 2, 3] = np.nan
    with pytest.raises(DataError, match=r"'b_perp', cell \(1, 2, 3\)"):
        read_table(path)


def test_the_shape_goes_into_data_h5(sample, prepare):
    path, written = sample
    prepared = prepare(path)
    data = store.read_data(prepared)
    assert data.shape == SHAPE
    with h5py.File(prepared) as file:
        assert json.loads(file.attrs["shape"]) == list(SHAPE)
    rho = written.values["j_par"].astype(np.float32).ravel()
    np.testing.assert_allclose(data.physical([0])[:, 0], rho, rtol=1e-5, atol=1e-6)


def test_a_table_may_be_told_its_shape(prepare, tmp_path):
    values = np.random.default_rng(0).normal(size=(24, 2))
    np.save(tmp_path / "t.npy", values)
    assert store.read_data(prepare(tmp_path / "t.npy", shape=[4, 6])).shape == (4, 6)
    assert store.read_data(prepare(tmp_path / "t.npy")).shape is None
    with pytest.raises(DataError, match=r"data.shape \[4, 5\] has 20 cells, but there are 24 rows"):
        prepare(tmp_path / "t.npy", shape=[4, 5])


def test_the_published_table_is_taken_as_it_is(prepare, tmp_path):
    path = tmp_path / "features_2j1b1e0r_5000_jasym.h5"
    values = np.random.default_rng(0).normal(size=(64, 4))
    names = ["j_par", "j_asym", "b_perp", "e_par"]
    with h5py.File(path, "w") as file:
        file["features"], file["names"] = values, np.array(names, dtype="S")
    data = store.read_data(prepare(path, shape=[4, 4, 4]))
    assert (data.names, data.shape) == (tuple(names), (4, 4, 4))


def test_a_shape_that_is_not_that_of_the_fields_is_refused(sample, prepare):
    with pytest.raises(DataError, match=r"shape \[3, 12, 16\], but data.shape is \[12, 3, 16\]"):
        prepare(sample[0], shape=[12, 3, 16])


@pytest.fixture
def located(schema):
    """A configuration that has been checked, with the paths of the study's own files."""

    def make(**config):
        plan_config({"study": "turb", **config}, schema)
        return prepare_study({"study": "turb", **config}, schema)

    return make


def test_own_files_lie_in_the_folder_of_the_study(located):
    config = located(data={"source": "fields"}, fields={"source": "simulation"})
    assert config["data"]["source"] == "results/turb/fields.h5"
    assert config["fields"]["source"] == "results/turb/simulation.h5"
    # A configuration that was written with them gives the same study.
    again = located(**{name: {"source": config[name]["source"]} for name in ("data", "fields")})
    assert again == config
    own = located(data={"source": "fields"}, fields={"source": "run.h5"})
    assert own["fields"]["source"] == "run.h5"
    assert located(data={"source": "t.csv"})["data"]["source"] == "t.csv"


def test_what_is_kept_of_a_configuration_names_no_folder(located):
    config = located(data={"source": "fields"}, fields={"source": "/my/run.h5"})
    kept = portable_config(config, load_modules())
    assert kept["fields"]["source"] == "run.h5"


FIELDS, RUN = {"data": {"source": "fields"}}, {"fields": {"source": "run.h5"}}
SIMULATION = {"fields": {"source": "simulation"}}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (FIELDS, "fields.source must say"),
        (
            {"data": {"source": "sklearn:iris"}} | RUN,
            "data.source is 'sklearn:iris'; make it fields",
        ),
        (
            FIELDS | SIMULATION | {"simulation": {"modes": 40, "cells": [64, 128]}},
            "simulation.modes: 40 waves",
        ),
        (
            {
                "data": {"source": "fields"},
                "fields": {"source": "simulation", "crop": {"x": [0, 9]}},
            },
            "fields.crop is for snapshots of your own",
        ),
        (
            {"data": {"source": "fields", "stride": 2}} | RUN,
            "data.stride: rows that are the cells of a grid are all needed; leave stride out",
        ),
        ({"data": {"source": "t.npy", "shape": [2, 5], "sample": 5}}, "data.sample.*or data.shape"),
        ({"data": {"source": "t.npy", "shape": [2, 5], "missing": "drop"}}, "data.missing"),
    ],
)
def test_sources_that_do_not_go_together_are_refused(located, config, words):
    with pytest.raises(ConfigError, match=words):
        located(**config)
