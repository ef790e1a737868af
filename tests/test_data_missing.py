"""Missing values: refused, kept or dropped alike in all sources, and left out of the scaling."""

import logging

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kohorte.data.labels import open_labels
from kohorte.data.scaling import SCALINGS, fit_scaling
from kohorte.data.sources import read_table
from kohorte.errors import DataError

NAMES = ("a", "b", "c")
GAP = np.nan
VALUES = np.array([[1, 2, 3], [GAP, 5, 6], [7, 8, 9], [GAP, 11, GAP], [13, 14, GAP], [16, 17, 18]])
COMPLETE = [0, 2, 5]


def write_h5(path, **more):
    with h5py.File(path, "w") as file:
        file["features"] = VALUES
        file["names"] = np.array(NAMES, dtype="S")
        for key, value in more.items():
            file[key] = value


def write_text(path, mark="", names=NAMES, columns=VALUES.T):
    rows = zip(*columns, strict=True)
    lines = [",".join(mark if x != x else str(x) for x in row) for row in rows]
    path.write_text("\n".join([",".join(names), *lines]) + "\n")


def write_parquet(path, columns=VALUES.T):
    pq.write_table(pa.table(dict(zip(NAMES, columns, strict=True))), path)


def write_nulls(path):
    # Columns of whole numbers, some of which are null.
    write_parquet(path, [[None if x != x else int(x) for x in column] for column in VALUES.T])


WRITERS = {
    "t.h5": write_h5,
    "t.npz": lambda path: np.savez(path, features=VALUES, names=np.array(NAMES)),
    "t.csv": write_text,
    "nan.parquet": write_parquet,
    "null.parquet": write_nulls,
}


@pytest.fixture(params=WRITERS)
def source(request, tmp_path):
    """One table with gaps, in each format."""
    WRITERS[request.param](tmp_path / request.param)
    return str(tmp_path / request.param)


class TestReading:
    def test_is_refused_unless_told_otherwise(self, source):
        with pytest.raises(DataError, match=r"feature 'a', data row 1.*: missing value \("):
            read_table(source)
        assert read_table(source, features=["b"]).n_rows == 6

    def test_skip_keeps_the_gaps(self, source):
        table = read_table(source, missing="skip")
        np.testing.assert_array_equal(table.values, VALUES)
        np.testing.assert_array_equal(table.rows, np.arange(6))

    def test_drop_leaves_out_the_rows(self, source, caplog):
        with caplog.at_level(logging.WARNING):
            table = read_table(source, missing="drop")
        np.testing.assert_array_equal(table.values, VALUES[COMPLETE])
        assert table.values.flags.c_contiguous
        np.testing.assert_array_equal(table.rows, COMPLETE)
        assert caplog.messages == [f"{source}: 3 of 6 rows miss a value; dropped"]

    def test_drop_looks_at_the_chosen_rows_and_features(self, source, caplog):
        table = read_table(source, features=["c", "b"], stride=2, missing="drop")
        np.testing.assert_array_equal(table.values, VALUES[[0, 2]][:, [2, 1]])
        np.testing.assert_array_equal(table.rows, [0, 2])
        assert read_table(source, features=["b"], missing="drop").n_rows == 6
        assert len(caplog.messages) == 1

    def test_drop_needs_two_rows(self, source):
        says = "too few rows: 2 of 3 rows miss a value, so 1 would be left, but at least 2"
        with pytest.raises(DataError, match=f"{says}.*set missing to 'skip'"):
            read_table(source, features=["a", "c"], sample=3, seed=2, missing="drop")

    @pytest.mark.parametrize("missing", ["skip", "drop"])
    def test_infinite_values_are_refused(self, tmp_path, missing):
        values = VALUES.copy()
        values[3, 1] = -np.inf
        np.save(tmp_path / "t.npy", values)
        with pytest.raises(DataError, match=r"'feature_1', data row 3: infinite value \(-inf\)"):
            read_table(tmp_path / "t.npy", missing=missing)

    def test_a_feature_without_values_makes_no_row_incomplete(self, tmp_path):
        np.save(tmp_path / "t.npy", np.column_stack([VALUES, np.full(6, GAP)]))
        table = read_table(tmp_path / "t.npy", missing="drop")
        np.testing.assert_array_equal(table.rows, COMPLETE)
        assert np.isnan(table.values[:, 3]).all()


@pytest.mark.parametrize(
    "mark",
    ["", "  ", "NA", " na ", "N/A", "NaN", "-NaN", "null", "NULL", "None", "<NA>", "#N/A", "?"],
)
def test_marks_of_text(tmp_path, mark):
    write_text(tmp_path / "t.csv", mark)
    np.testing.assert_array_equal(read_table(tmp_path / "t.csv", missing="skip").values, VALUES)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([1, None, 200], pa.uint8()), np.float32([1, GAP, 200])),
        (pa.array([2**40, None, 1]), np.array([2.0**40, GAP, 1])),
        (pa.array([True, None, False]), np.array([1, GAP, 0])),
        (pa.array([1, None, 3]).cast(pa.decimal128(30, 2)), np.array([1, GAP, 3])),
        (pa.array([0.5, None, GAP], pa.float32()), np.float32([0.5, GAP, GAP])),
        (pa.nulls(3), np.array([GAP, GAP, GAP])),
    ],
)
def test_nulls_of_every_type(tmp_path, column, expected):
    pq.write_table(pa.table({"a": column}), tmp_path / "t.parquet")
    values = read_table(tmp_path / "t.parquet", missing="skip").values
    assert values.dtype == expected.dtype
    np.testing.assert_array_equal(values[:, 0], expected)


class TestLabels:
    def test_some_rows_may_have_none(self, tmp_path):
        truth = np.array(["x", "", "y", "z", "z", "x"], dtype="S")
        write_h5(tmp_path / "t.h5", truth=truth)
        table = read_table(tmp_path / "t.h5", label="truth", missing="drop")
        assert table.label_names == ("x", "y")
        np.testing.assert_array_equal(table.labels, [0, 1, 0])
        table = read_table(tmp_path / "t.h5", label="truth", missing="skip")
        assert table.label_names == ("x", "y", "z")
        np.testing.assert_array_equal(table.labels, [0, -1, 1, 2, 2, 0])

    def test_a_label_file_may_have_gaps_in_other_columns_only(self, tmp_path):
        columns = [[1.0, GAP], [4.0, 2.0], [GAP, 0.0]]
        write_text(tmp_path / "t.csv", names=("x", "labels", "y"), columns=columns)
        with open_labels(tmp_path / "t.csv") as labels:
            np.testing.assert_array_equal(labels.array, [4, 2])
            assert labels.n_missing == 0
        with open_labels(tmp_path / "t.csv", "y") as labels:
            np.testing.assert_array_equal(labels.array, [-1, 0])
            assert labels.n_missing == 1


class TestScaling:
    # Present: 2 4 4 4 5 5 7 9, of mean 5, deviation 2, quartiles 4, 4.5 and 5.5.
    COLUMN = np.array([GAP, 2, 4, 4, 4, GAP, 5, 5, 7, 9])

    @pytest.mark.parametrize(
        ("method", "offset", "scale"),
        [("two_sigma", 5, 4), ("standard", 5, 2), ("min_max", 2, 7)]
        + [("robust", 4.5, 1.5), ("none", 0, 1)],
    )
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_hand_worked_numbers(self, method, offset, scale, dtype):
        values = self.COLUMN[:, None].astype(dtype)
        fitted = fit_scaling(values, ["a"], method)
        np.testing.assert_array_equal(fitted.offset, [offset])
        np.testing.assert_array_equal(fitted.scale, [scale])
        expected = ((values - np.float64(offset)) / scale).astype(np.float32)
        np.testing.assert_array_equal(fitted.apply(values), expected)

    def test_a_feature_without_values(self, caplog):
        values = np.column_stack([self.COLUMN, np.full(10, GAP)])
        says = "feature 'b' has no value: all 10 are missing"
        with pytest.raises(DataError, match=f"{says}; leave it out, or set constant_features"):
            fit_scaling(values, ["a", "b"])
        with caplog.at_level(logging.WARNING):
            fitted = fit_scaling(values, ["a", "b"], constant_features="drop")
        assert fitted.names == ("a",)
        assert caplog.messages == [f"{says}; dropped"]
        with pytest.raises(DataError, match="all 1 features are constant: b"):
            fit_scaling(values[:, [1]], ["b"], constant_features="drop")

    def test_a_single_value_is_constant(self):
        values = np.array([[1.0, GAP], [2.0, 7.0], [3.0, GAP]])
        with pytest.raises(DataError, match="'b' is constant: all values are 7;"):
            fit_scaling(values, ["a", "b"])

    def test_missing_values_have_the_same_bits_whatever_their_source(self):
        odd = np.array([0x7FF8000000000001, 0xFFF8000000000000], dtype=np.uint64).view(np.float64)
        values = np.array([[0.0], odd[:1], odd[1:], [GAP], [1.0]])
        scaled = fit_scaling(values, ["a"]).apply(values)
        assert len({entry.tobytes() for entry in scaled[1:4]}) == 1


gappy = arrays(
    np.float64,
    st.tuples(st.integers(4, 25), st.integers(1, 3)),
    elements=st.one_of(st.just(GAP), st.integers(-1000, 1000).map(lambda number: number / 8)),
)


@given(values=gappy, method=st.sampled_from(sorted(SCALINGS)), data=st.data())
def test_scaling_is_that_of_the_present_values(values, method, data):
    """Each feature is scaled as if its present values were all; gaps and other features apart."""
    names = [f"f{i}" for i in range(values.shape[1])]
    try:
        fitted = fit_scaling(values, names, method)
    except DataError:
        assume(False)
    scaled = fitted.apply(values)
    np.testing.assert_array_equal(np.isnan(scaled), np.isnan(values))
    for index, name in enumerate(names):
        present = values[~np.isnan(values[:, index]), index][:, None]
        alone = fit_scaling(present, [name], method)
        assert (alone.offset[0], alone.scale[0]) == (fitted.offset[index], fitted.scale[index])
        found = scaled[~np.isnan(scaled[:, index]), index]
        np.testing.assert_array_equal(found, alone.apply(present)[:, 0])
    order = data.draw(st.permutations(range(len(values))))
    moved = fit_scaling(values[order], names, method).apply(values[order])
    np.testing.assert_allclose(moved, scaled[order], rtol=1e-6, atol=1e-6)
