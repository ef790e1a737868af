"""From a source with gaps and weights to data.h5, and features mapped from it."""

from dataclasses import replace

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planning import plain_data, write_data
from workflow_project import rewriting

from kohorte import store
from kohorte._arrays import round_to
from kohorte.data import prepared
from kohorte.data.prepared import prepare_data
from kohorte.data.reading import ReadOptions
from kohorte.data.sources import open_source
from kohorte.errors import ConfigError, DataError
from kohorte.provenance import digest_of
from kohorte.study.config import check_config

TABLE = """\
name,height,girth,age,kind
p,2,10,,ash
q,4,,1,ash
r,,NA,3,birch
s,6,30,5,birch
"""


@pytest.fixture
def prepare(schema, tmp_path):
    """Prepare TABLE, or another text, as the workflow does; gives the path of data.h5."""

    def run(text=TABLE, **options):
        source = tmp_path / "t.csv"
        source.write_text(text)
        data = {"source": str(source), "features": ["height", "girth", "age"], "label": "kind"}
        return write_data(tmp_path / "data.h5", schema, **(data | options))

    return run


@pytest.mark.parametrize("scaling", ["two_sigma", "min_max", "robust"])
def test_numbers_of_a_table_come_back(tmp_path, schema, scaling):
    rng = np.random.default_rng(0)
    values = np.column_stack(
        [
            rng.poisson(1.2, 300),
            rng.normal(40, 5, 300).round(1),
            rng.normal(0, 1e-5, 300).round(7),
            rng.integers(0, 2, 300),
            rng.normal(2e6, 300, 300).round(-1),
        ]
    )
    source = tmp_path / "t.csv"
    np.savetxt(source, values, delimiter=",", header="a,b,c,d,e", comments="", fmt="%.10g")
    path = write_data(tmp_path / "data.h5", schema, source=str(source), scaling=scaling)
    found = store.read_data(path).physical(range(5))
    np.testing.assert_array_equal(found, values)
    assert not np.signbit(found[values == 0]).any()


@given(
    st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=20),
    st.floats(1e-12, 1e6),
)
def test_rounding_is_of_the_size_of_the_steps(values, step):
    values = np.array(values)
    rounded = round_to(values, np.full(values.shape, step))
    assert (np.abs(rounded - values) <= 10 * step + 4 * np.spacing(np.abs(values))).all()
    np.testing.assert_array_equal(rounded, round_to(rounded, np.full(values.shape, step)))


def test_a_far_value_that_hides_the_others_is_told_of(tmp_path, schema, caplog):
    values = np.random.default_rng(0).normal(size=(120, 2))
    source = tmp_path / "t.csv"
    for far, is_told in ((1e3, False), (1e20, True)):
        values[5, 0] = far
        np.savetxt(source, values, delimiter=",", header="a,b", comments="", fmt="%.10g")
        caplog.clear()
        write_data(tmp_path / "data.h5", schema, source=str(source))
        assert ("feature 'a': beside 1e+20 in data row 5 its other" in caplog.text) is is_told


def test_a_feature_that_few_of_many_rows_have(tmp_path, schema):
    values = np.random.default_rng(0).normal(size=(20_002, 2))
    values[:, 0] = np.nan
    values[[1, 3, 5], 0] = 1, 2, 4
    np.save(tmp_path / "t.npy", values)
    path = write_data(tmp_path / "data.h5", schema, source=str(tmp_path / "t.npy"), missing="skip")
    assert store.read_data(path).n_missing == 19_999


def test_a_large_table_stays_in_files(tmp_path, schema, monkeypatch):
    values = np.random.default_rng(0).normal(size=(20_000, 3)).astype(np.float32)
    path = tmp_path / "t.npy"
    np.save(path, values)
    options = check_config({"study": "a", "data": {"source": str(path)}}, schema)["data"]
    plain = prepare_data(options, seed=1)
    monkeypatch.setattr(prepared, "_LARGE", 1000)
    assert type(prepare_data(options, seed=1).features) is np.ndarray
    with open_source(str(path), ReadOptions(mapped=True)) as source:
        assert not source.read(range(3), np.arange(20_000)).flags.owndata
    mapped = prepare_data(options, seed=1, scratch=tmp_path / "features")
    assert isinstance(mapped.features, np.memmap)
    assert mapped.digest == plain.digest
    store.write_data(tmp_path / "data.h5", mapped)
    written = store.read_data(tmp_path / "data.h5")
    np.testing.assert_array_equal(written.features, plain.features)


class TestPrepare:
    def test_gaps_are_an_error_unless_chosen(self, prepare):
        says = r"t\.csv: feature 'age', data row 0 \(line 2\): missing"
        with pytest.raises(DataError, match=says):
            prepare()

    def test_skip(self, prepare):
        data = store.read_data(prepare(missing="skip", scaling="min_max"))
        nan = np.nan
        expected = [[0, 0, nan], [0.5, nan, 0], [nan, nan, 0.5], [1, 1, 1]]
        np.testing.assert_array_equal(data.features, np.float32(expected))
        assert data.n_missing == 4
        np.testing.assert_array_equal(data.truth, [0, 0, 1, 1])
        np.testing.assert_array_equal(data.physical([2, 0]), [[nan, 2], [1, 4], [3, nan], [5, 6]])

    def test_drop(self, prepare):
        data = store.read_data(prepare(TABLE + "t,8,50,3,cedar\n", missing="drop", scaling="none"))
        np.testing.assert_array_equal(data.rows, [3, 4])
        np.testing.assert_array_equal(data.features, [[6, 30, 5], [8, 50, 3]])
        assert data.class_names == ("birch", "cedar")
        assert data.n_missing == 0

    def test_features_without_values_and_constant_ones_are_dropped_first(self, prepare):
        text = "height,girth,age,kind\n1,,1,x\n2,,1,x\n,,1,y\n4,,,y\n"
        choice = {"constant_features": "drop", "scaling": "none"}
        data = store.read_data(prepare(text, missing="drop", **choice))
        assert data.names == ("height",)
        np.testing.assert_array_equal(data.rows, [0, 1])
        with pytest.raises(DataError, match=r"t\.csv: data row 2: every feature is missing; leave"):
            prepare(text, missing="skip", **choice)

    def test_a_row_without_values(self, prepare):
        # Of every second row, too, the row that is named is that of the source.
        for more, stride in (("", 1), ("u,1,2,3,ash\nv,3,4,2,ash\n", 2)):
            with pytest.raises(DataError, match="data row 4: every feature is missing"):
                prepare(f"{TABLE}t,,,,ash\n{more}", missing="skip", stride=stride)

    def test_a_feature_without_values(self, prepare):
        with pytest.raises(DataError, match="'age' has no value: all 2 are missing; leave it out"):
            prepare("height,girth,age,kind\n1,4,,x\n2,3,,y\n", missing="skip")

    def test_weights_are_part_of_the_scale(self, prepare):
        plain = store.read_data(prepare(missing="skip"))
        path = prepare(missing="skip", weights={"age": 2, "height": 0.5})
        weighted = store.read_data(path)
        np.testing.assert_allclose(weighted.features, plain.features * [0.5, 1, 2], rtol=1e-6)
        np.testing.assert_allclose(
            weighted.physical(range(3)), plain.physical(range(3)), rtol=1e-6, atol=1e-6
        )
        assert weighted.digest != plain.digest
        with h5py.File(path) as file:
            np.testing.assert_array_equal(file["scaling/weights"], [0.5, 1, 2])
            assert file["scaling/weights"].attrs["unit"] == "dimensionless"

    def test_weights_of_one_and_none_are_the_same(self, prepare):
        plain = store.read_data(prepare(missing="skip"))
        weighted = store.read_data(prepare(missing="skip", weights={"age": 1}))
        assert weighted.digest == plain.digest

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"missing": "ignore"}, r"data\.missing: 'ignore' is not allowed; allowed: 'error' or"),
            ({"weights": {"age": 0}}, r"data\.weights\.age: 0 is not allowed; .*above 0"),
            ({"weights": {"age": float("inf")}}, r"data\.weights\.age: inf is not a finite number"),
            ({"weights": {"agee": 2}}, r"weights: no feature 'agee'; did you mean 'age'\?"),
        ],
    )
    def test_what_the_configuration_may_not_say(self, prepare, options, says):
        with pytest.raises(ConfigError, match=says):
            prepare(**{"missing": "skip"} | options)


class TestMapped:
    def write(self, path, features):
        data = plain_data(features)
        store.write_data(path, replace(data, digest=digest_of(features, data.names)))
        return path

    def test_mapped_features_are_those_that_are_read(self, tmp_path):
        features = np.random.default_rng(0).normal(size=(1001, 7)).astype(np.float32)
        features[5, 3] = np.nan
        path = self.write(tmp_path / "data.h5", features)
        read, mapped = store.read_data(path), store.read_data(path, mapped=True)
        # The file is closed by now.
        assert type(read.features) is np.ndarray
        assert type(mapped.features) is np.memmap
        assert mapped.features.dtype == np.dtype("f4")
        assert mapped.features.flags.c_contiguous
        assert mapped.features.flags.aligned
        np.testing.assert_array_equal(mapped.features, features)
        assert digest_of(mapped.features, mapped.names) == mapped.digest == read.digest
        np.testing.assert_array_equal(mapped.physical([3]), read.physical([3]))
        # What is written stays with this process.
        mapped.features[0] = 7
        np.testing.assert_array_equal(store.read_data(path).features, features)

    def test_a_table_that_is_replaced_stays_as_it_was(self, tmp_path):
        path = self.write(tmp_path / "data.h5", np.zeros((50, 2), np.float32))
        mapped = store.read_data(path, mapped=True)
        self.write(path, np.ones((70, 2), np.float32))
        assert mapped.features.shape == (50, 2)
        assert not mapped.features.any()

    @pytest.mark.parametrize(
        "storage", [{"chunks": (10, 2)}, {"compression": "gzip"}, {"dtype": ">f4"}]
    )
    def test_other_storage_is_read(self, tmp_path, storage):
        features = np.arange(100, dtype=np.float32).reshape(50, 2)
        path = self.write(tmp_path / "data.h5", features)
        with rewriting(path) as file:
            del file["features"]
            file.create_dataset("features", data=features, **storage)
        mapped = store.read_data(path, mapped=True)
        assert type(mapped.features) is np.ndarray
        np.testing.assert_array_equal(mapped.features, features)


@pytest.mark.parametrize("kind", ["npy", "npz", "h5", "parquet"])
def test_nan_that_signals_is_a_missing_value_like_any_other(schema, tmp_path, kind):
    values = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    values.view(np.uint32)[3, 1] = 0x7FA00000
    path = tmp_path / f"t.{kind}"
    if kind == "h5":
        with h5py.File(path, "w") as file:
            file["features"] = values
    elif kind == "parquet":
        pq.write_table(pa.table({f"feature_{k}": c for k, c in enumerate(values.T)}), path)
    else:
        np.save(path, values) if kind == "npy" else np.savez(path, features=values)
    with pytest.raises(DataError, match="data row 3: missing value"):
        write_data(tmp_path / "data.h5", schema, source=str(path))
    data = store.read_data(
        write_data(tmp_path / "data.h5", schema, source=str(path), missing="skip")
    )
    assert data.n_missing == 1
    assert np.isnan(data.features[3, 1])
