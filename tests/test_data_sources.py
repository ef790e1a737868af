"""Every source gives the same table; rows, columns and labels are chosen alike in all."""

import datetime
import tracemalloc
from decimal import Decimal

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kohorte.data import reading
from kohorte.data.names import is_file
from kohorte.data.reading import gather_rows
from kohorte.data.sources import read_table
from kohorte.data.table import Table
from kohorte.errors import DataError

NAMES = ("j_par", "b_perp", "e_par")
VALUES = np.random.default_rng(3).normal(size=(40, 3))
CLASSES = np.array(["sheet", "background", "double sheet", "background"] * 10)


def write_h5(path, values=VALUES, names=NAMES, **more):
    with h5py.File(path, "w") as file:
        file["features"] = values
        if names is not None:
            file["names"] = np.array(names, dtype="S")
        for key, value in more.items():
            file[key] = value
    return str(path)


def write_npy(path, values=VALUES):
    np.save(path, values)
    return str(path)


def write_npz(path, values=VALUES, names=NAMES, **more):
    np.savez(path, features=values, names=np.array(names), **more)
    return str(path)


def write_text(path, delimiter=",", values=VALUES, names=NAMES):
    lines = [delimiter.join(names)]
    lines += [delimiter.join(repr(float(value)) for value in row) for row in values]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def write_parquet(path, **columns):
    columns = columns or dict(zip(NAMES, VALUES.T, strict=True))
    pq.write_table(pa.table(columns), path)
    return str(path)


WRITERS = {
    "t.h5": write_h5,
    "t.hdf5": write_h5,
    "t.npz": write_npz,
    "t.csv": write_text,
    "T.CSV": write_text,
    "t.tsv": lambda path: write_text(path, "\t"),
    "t.txt": lambda path: write_text(path, "\t"),
    "t.tab": lambda path: write_text(path, "\t"),
    "t.data": write_text,
    "t.dat": lambda path: write_text(path, "  "),
    "t.parquet": write_parquet,
}


@pytest.fixture(params=WRITERS)
def source(request, tmp_path):
    """One table with the columns NAMES, in each format that stores names."""
    return WRITERS[request.param](tmp_path / request.param)


def test_a_colon_alone_makes_no_scheme(tmp_path):
    (tmp_path / "tab:1.csv").write_text("a,b\n1,2\n3,4\n")
    assert read_table(tmp_path / "tab:1.csv").n_rows == 2
    assert is_file("tab:1.csv")
    assert is_file("run:3/points.h5")
    assert is_file("points.csv")
    assert not is_file("sklearn:iris")
    assert not is_file("generated:colours")
    # The reader then names the schemes.
    assert not is_file("sklaern:iris")


def test_round_trip(source):
    table = read_table(source)
    assert table.names == NAMES
    np.testing.assert_array_equal(table.values, VALUES)
    assert table.values.dtype == np.float64
    assert table.values.flags.c_contiguous
    np.testing.assert_array_equal(table.rows, np.arange(40))
    assert table.labels is None
    assert table.label_names is None
    assert (table.n_rows, table.n_features) == (40, 3)


def test_features_keep_the_asked_order(source):
    table = read_table(source, features=["e_par", "j_par"])
    assert table.names == ("e_par", "j_par")
    np.testing.assert_array_equal(table.values, VALUES[:, [2, 0]])
    assert table.values.flags.c_contiguous


def test_stride(source):
    table = read_table(source, stride=7)
    np.testing.assert_array_equal(table.rows, [0, 7, 14, 21, 28, 35])
    np.testing.assert_array_equal(table.values, VALUES[::7])


def test_sample_of_a_stride(source):
    table = read_table(source, stride=2, sample=9, seed=5)
    assert len(np.unique(table.rows)) == 9
    assert np.all(np.diff(table.rows) > 0)
    assert np.all(table.rows % 2 == 0)
    np.testing.assert_array_equal(table.values, VALUES[table.rows])
    again = read_table(source, stride=2, sample=9, seed=5)
    np.testing.assert_array_equal(again.rows, table.rows)
    other = read_table(source, stride=2, sample=9, seed=6)
    assert not np.array_equal(other.rows, table.rows)


def test_sample_of_all_rows_is_all_rows(source):
    np.testing.assert_array_equal(read_table(source, sample=40).rows, np.arange(40))


def test_samples_reach_every_row_equally():
    seen = np.zeros(150, dtype=int)
    for seed in range(300):
        seen[read_table("sklearn:iris", sample=50, seed=seed).rows] += 1
    # Binomial with n = 300, p = 1/3: mean 100, standard deviation 8.2.
    assert seen.sum() == 300 * 50
    assert seen.min() > 100 - 5 * 8.2
    assert seen.max() < 100 + 5 * 8.2


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", "u1", "i2", "?"])
@pytest.mark.parametrize("writer", [write_h5, write_npz, write_npy])
def test_small_numbers_stay_float32(tmp_path, writer, dtype):
    values = np.arange(12).reshape(4, 3).astype(dtype)
    suffix = writer.__name__.removeprefix("write_")
    table = read_table(writer(tmp_path / f"t.{suffix}", values))
    assert table.values.dtype == np.float32
    np.testing.assert_array_equal(table.values, values)


@pytest.mark.parametrize("dtype", ["f8", ">f8", "i4", "u4", "i8"])
def test_large_numbers_become_float64(tmp_path, dtype):
    values = (np.arange(12).reshape(4, 3) + 2**24).astype(dtype)
    table = read_table(write_npy(tmp_path / "t.npy", values))
    assert table.values.dtype == np.float64
    np.testing.assert_array_equal(table.values, values)


def test_parquet_types(tmp_path):
    source = write_parquet(
        tmp_path / "t.parquet",
        single=pa.array([1.5, 2.5], pa.float32()),
        flag=[True, False],
        money=[Decimal("1.25"), Decimal("-3.50")],
        count=pa.array([2**40, 1], pa.int64()),
    )
    table = read_table(source)
    assert table.values.dtype == np.float64
    np.testing.assert_array_equal(table.values, [[1.5, 1, 1.25, 2**40], [2.5, 0, -3.5, 1]])
    assert read_table(source, features=["single"]).values.dtype == np.float32


def test_parquet_column_names_with_dots(tmp_path):
    source = write_parquet(tmp_path / "t.parquet", **{"a": [1, 2], "a.b": [3, 4]})
    table = read_table(source)
    assert table.names == ("a", "a.b")
    np.testing.assert_array_equal(table.values, [[1, 3], [2, 4]])


def test_a_file_in_fortran_order(tmp_path):
    table = read_table(write_npy(tmp_path / "t.npy", np.asfortranarray(VALUES)))
    np.testing.assert_array_equal(table.values, VALUES)
    assert table.values.flags.c_contiguous


def test_an_npy_table_does_not_depend_on_its_file(tmp_path):
    source = write_npy(tmp_path / "t.npy")
    table = read_table(source)
    write_npy(tmp_path / "t.npy", VALUES + 1)
    np.testing.assert_array_equal(table.values, VALUES)
    table.values[0, 0] = 7.0


def test_columns_without_names_are_counted(tmp_path):
    expected = ("feature_0", "feature_1", "feature_2")
    assert read_table(write_npy(tmp_path / "t.npy")).names == expected
    assert read_table(write_h5(tmp_path / "t.h5", names=None)).names == expected
    assert read_table(write_h5(tmp_path / "n.h5"), names_dataset=None).names == expected
    np.savez(tmp_path / "t.npz", features=VALUES)
    assert read_table(tmp_path / "t.npz", features=["feature_1"]).names == ("feature_1",)


@pytest.mark.parametrize("text", ["S", "U", "vlen", "column"])
def test_names_as_bytes_or_text(tmp_path, text):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["features"] = VALUES
        if text == "S":
            file["names"] = np.array(NAMES, dtype="S20")
        elif text == "column":
            file["names"] = np.array(NAMES, dtype="S20")[:, None]
        else:
            kind = h5py.string_dtype("utf-8" if text == "U" else "ascii")
            file.create_dataset("names", data=list(NAMES), dtype=kind)
    assert read_table(tmp_path / "t.h5").names == NAMES


def test_other_dataset_names(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["step 5/fields"] = VALUES
        file["step 5/called"] = np.array(NAMES, dtype="S")
        file["step 5/truth"] = np.arange(40) % 3 + 5
    named = {"feature_dataset": "step 5/fields", "names_dataset": "step 5/called"}
    table = read_table(tmp_path / "t.h5", label="/step 5/truth", stride=3, **named)
    assert table.names == NAMES
    np.testing.assert_array_equal(table.values, VALUES[::3])
    assert table.label_names == ("5",)


def test_soft_links_inside_the_file_are_followed(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["run/data"] = VALUES
        file["latest"] = h5py.SoftLink("run")
        file["features"] = h5py.SoftLink("/latest/./data")
        file["links/absolute"] = h5py.SoftLink("/features")
        file["links/relative"] = h5py.SoftLink("absolute")
    for key in ("features", "links/absolute", "links/relative"):
        table = read_table(tmp_path / "t.h5", feature_dataset=key)
        np.testing.assert_array_equal(table.values, VALUES)


def test_a_virtual_dataset_inside_the_file_is_read(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["stored"] = VALUES
        layout = h5py.VirtualLayout(shape=VALUES.shape, dtype=VALUES.dtype)
        layout[:] = h5py.VirtualSource(file["stored"])
        file.create_virtual_dataset("features", layout)
    np.testing.assert_array_equal(read_table(tmp_path / "t.h5").values, VALUES)


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [("iris", (150, 4), 3), ("wine", (178, 13), 3), ("breast_cancer", (569, 30), 2)],
)
def test_scikit_learn_sets(name, shape, classes):
    table = read_table(f"sklearn:{name}")
    assert table.values.shape == shape
    assert set(np.unique(table.labels)) == set(range(classes))
    assert len(table.label_names) == classes


def test_iris_by_name():
    table = read_table("sklearn:iris", features=["petal width (cm)"], stride=50)
    np.testing.assert_array_equal(table.values, [[0.2], [1.4], [2.5]])
    assert table.label_names == ("setosa", "versicolor", "virginica")
    np.testing.assert_array_equal(table.labels, [0, 1, 2])


def test_digit_labels_are_sorted_as_numbers():
    table = read_table("sklearn:digits", sample=200)
    assert table.label_names == tuple("0123456789")
    assert table.values.shape == (200, 64)


class TestText:
    def write(self, tmp_path, text, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode("utf-8"))
        return path

    def test_semicolons_quotes_and_text_columns(self, tmp_path):
        text = '"age";"job";"balance";"y"\r\n58;"a; b";2143;"no"\r\n44;"x\ny";-29;"yes"\r\n'
        source = self.write(tmp_path, text)
        table = read_table(source, delimiter=";", features=["balance", "age"], label="y")
        np.testing.assert_array_equal(table.values, [[2143, 58], [-29, 44]])
        assert table.names == ("balance", "age")
        assert table.label_names == ("no", "yes")
        np.testing.assert_array_equal(table.labels, [0, 1])

    def test_byte_order_mark_spaces_and_blank_lines(self, tmp_path):
        source = self.write(tmp_path, "\ufeff a , b\n 1, 2\n\n3 ,4e-1\n\n")
        table = read_table(source)
        assert table.names == ("a", "b")
        np.testing.assert_array_equal(table.values, [[1, 2], [3, 0.4]])

    def test_an_index_column_without_a_name_is_left_out_by_choosing(self, tmp_path):
        source = self.write(tmp_path, ",a,b\n0,1,2\n1,3,4\n")
        np.testing.assert_array_equal(read_table(source, features=["b"]).values, [[2], [4]])

    def test_number_names_are_legal_when_chosen(self, tmp_path):
        source = self.write(tmp_path, "400,401\n1,2\n3,4\n")
        np.testing.assert_array_equal(read_table(source, features=["401"]).values, [[2], [4]])

    def test_one_column_and_a_delimiter_in_tsv(self, tmp_path):
        assert read_table(self.write(tmp_path, "a\n1\n2\n")).values.tolist() == [[1], [2]]
        source = self.write(tmp_path, "a|b\n1|2\n3|4\n", "t.tsv")
        assert read_table(source, delimiter="|").values.tolist() == [[1, 2], [3, 4]]

    def test_only_chosen_rows_and_columns_must_be_numbers(self, tmp_path):
        source = self.write(tmp_path, "a,b\n1,x\nNA,y\n3,\n")
        table = read_table(source, features=["a"], stride=2)
        np.testing.assert_array_equal(table.values, [[1], [3]])

    def test_many_blocks(self, tmp_path):
        values = np.arange(15000.0).reshape(5000, 3)
        source = write_text(tmp_path / "t.csv", values=values)
        np.testing.assert_array_equal(read_table(source).values, values)
        table = read_table(source, stride=1999, features=["b_perp"])
        np.testing.assert_array_equal(table.values, values[::1999, [1]])

    def test_numbers_are_rounded_correctly(self, tmp_path):
        values = np.random.default_rng(0).normal(size=(50, 3)) * 10.0 ** np.arange(-25, 25)[:, None]
        table = read_table(write_text(tmp_path / "t.csv", values=values))
        np.testing.assert_array_equal(table.values, values)


class TestLabels:
    @pytest.mark.parametrize("how", ["h5", "npz", "csv", "parquet"])
    def test_text_labels_in_each_format(self, tmp_path, how):
        if how == "h5":
            kind = h5py.string_dtype()
            source = write_h5(tmp_path / "t.h5", truth=CLASSES.astype(kind))
        elif how == "npz":
            source = write_npz(tmp_path / "t.npz", truth=CLASSES)
        elif how == "csv":
            rows = zip(VALUES[:, 0].tolist(), CLASSES, VALUES[:, 1].tolist(), strict=True)
            lines = ["x,truth,y"] + [f"{x!r},{name},{y!r}" for x, name, y in rows]
            (tmp_path / "t.csv").write_text("\n".join(lines))
            source = tmp_path / "t.csv"
        else:
            truth = pa.array(CLASSES.tolist()).dictionary_encode()
            columns = {"x": VALUES[:, 0], "truth": truth, "y": VALUES[:, 1]}
            source = write_parquet(tmp_path / "t.parquet", **columns)
        table = read_table(source, label="truth")
        assert "truth" not in table.names
        assert table.label_names == ("background", "double sheet", "sheet")
        assert table.labels.dtype == np.int64
        np.testing.assert_array_equal(table.labels, [2, 0, 1, 0] * 10)

    def test_only_classes_of_chosen_rows_are_named(self, tmp_path):
        source = write_npz(tmp_path / "t.npz", truth=CLASSES)
        table = read_table(source, label="truth", stride=2)
        assert table.label_names == ("double sheet", "sheet")
        np.testing.assert_array_equal(table.labels, [1, 0] * 10)

    @pytest.mark.parametrize(
        ("values", "names", "codes"),
        [
            (np.array([10, -2, 9]), ("-2", "9", "10"), [2, 0, 1]),
            (np.array([10, 2, 9], dtype=">u2"), ("2", "9", "10"), [2, 0, 1]),
            (np.array([10.0, 2.0, 9.0], dtype="f4"), ("2", "9", "10"), [2, 0, 1]),
            (np.array(["10", "2", "9"]), ("2", "9", "10"), [2, 0, 1]),
            (np.array(["10", "2", "x"]), ("10", "2", "x"), [0, 1, 2]),
            (np.array(["01", "1", "2"]), ("01", "1", "2"), [0, 1, 2]),
            (np.array([b"b", b"a", b"b"]), ("a", "b"), [1, 0, 1]),
            (np.array([" b", "a", "b "]), ("a", "b"), [1, 0, 1]),
            (np.array([True, False, True]), ("False", "True"), [1, 0, 1]),
        ],
    )
    def test_codes_and_names(self, tmp_path, values, names, codes):
        source = write_npz(tmp_path / "t.npz", VALUES[:3], truth=values)
        table = read_table(source, label="truth")
        assert table.label_names == names
        assert table.labels.dtype == np.int64
        np.testing.assert_array_equal(table.labels, codes)

    def test_a_column_of_an_array_can_be_the_label(self, tmp_path):
        values = np.column_stack([VALUES[:4, 0], [3.0, 1.0, 3.0, 2.0], VALUES[:4, 1]])
        table = read_table(write_npy(tmp_path / "t.npy", values), label="feature_1")
        assert table.names == ("feature_0", "feature_2")
        np.testing.assert_array_equal(table.values, values[:, [0, 2]])
        np.testing.assert_array_equal(table.labels, [2, 0, 2, 1])

    @pytest.mark.parametrize("writer", [write_h5, write_npz])
    def test_a_column_goes_before_an_array_of_its_name(self, tmp_path, writer):
        values = np.column_stack([VALUES[:4, 0], [3.0, 1.0, 3.0, 2.0]])
        suffix = writer.__name__.removeprefix("write_")
        more = {"truth": np.zeros(4, int)}
        source = writer(tmp_path / f"t.{suffix}", values, ("x", "truth"), **more)
        table = read_table(source, label="truth")
        assert table.names == ("x",)
        np.testing.assert_array_equal(table.labels, [2, 0, 2, 1])

    @pytest.mark.parametrize(
        ("column", "names"),
        [(pa.array([7, 5], pa.int8()), ("5", "7")), (pa.array([True, False]), ("False", "True"))],
    )
    def test_parquet_labels_that_are_not_text(self, tmp_path, column, names):
        source = write_parquet(tmp_path / "t.parquet", x=[1.0, 2.0], truth=column)
        table = read_table(source, label="truth")
        assert table.label_names == names
        np.testing.assert_array_equal(table.labels, [1, 0])

    def test_dates_are_labels_as_text(self, tmp_path):
        days = [datetime.date(2024, 5, 2), datetime.date(2024, 5, 1)]
        source = write_parquet(tmp_path / "t.parquet", x=[1.0, 2.0], truth=days)
        assert read_table(source, label="truth").label_names == ("2024-05-01", "2024-05-02")


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 50), st.integers(1, 5)),
    chunk=st.integers(1, 60),
    block_bytes=st.integers(1, 600),
    data=st.data(),
)
def test_gathered_rows_are_those_of_fancy_indexing(shape, chunk, block_bytes, data):
    class Chunked(np.ndarray):
        chunks = (chunk, shape[1])

    array = np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape).view(Chunked)
    rows = sorted(data.draw(st.sets(st.integers(0, shape[0] - 1))))
    columns = data.draw(st.lists(st.integers(0, shape[1] - 1), min_size=1, unique=True))
    out = np.full((len(rows), len(columns)), np.nan, dtype=np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "BLOCK_BYTES", block_bytes)
        gather_rows(array, np.array(rows, dtype=np.int64), columns, out)
    np.testing.assert_array_equal(out, np.asarray(array)[np.ix_(rows, columns)])


def test_no_storage_chunk_is_read_twice(monkeypatch):
    """A compressed chunk costs as much to read in part as in whole."""

    class Recorded:
        shape, dtype, chunks = VALUES.shape, VALUES.dtype, (7, 3)

        def __getitem__(self, part):
            slices.append(part)
            return VALUES[part]

    slices = []
    monkeypatch.setattr(reading, "BLOCK_BYTES", 10 * VALUES[0].nbytes)
    rows, out = np.arange(1, 40), np.empty((39, 3))
    gather_rows(Recorded(), rows, [0, 1, 2], out)
    np.testing.assert_array_equal(out, VALUES[1:])
    chunks = [row // 7 for part in slices for row in (part.start, part.stop - 1)]
    assert chunks == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


@pytest.mark.parametrize("writer", [write_h5, write_npy])
def test_memory_is_that_of_the_table(tmp_path, monkeypatch, writer):
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1 << 16)
    values = np.ones((400_000, 3), dtype=np.float32)
    suffix = writer.__name__.removeprefix("write_")
    source = writer(tmp_path / f"t.{suffix}", values)
    read_table(source, stride=1000)

    def peak(**choice):
        tracemalloc.start()
        table = read_table(source, **choice)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # The row numbers and the map of finite values belong to the table; 1 MB is for blocks.
        return most - table.rows.nbytes - table.values.size - (1 << 20), table.values.nbytes

    extra, size = peak()
    assert size == 4_800_000
    assert extra <= size
    extra, size = peak(stride=200)
    assert extra <= size


def test_a_whole_array_in_memory_is_not_copied():
    source = reading.ArraySource("memory", VALUES)
    assert source.read(range(3), np.arange(40)) is VALUES


class TestTable:
    VALUES = np.zeros((2, 2))
    ROWS = np.arange(2)

    def test_labels_and_their_names_come_together(self):
        with pytest.raises(DataError, match="either both labels and their names"):
            Table(self.VALUES, ("a", "b"), np.zeros(2, int), None, self.ROWS)

    @pytest.mark.parametrize("names", [("a",), ("a", "a")])
    def test_each_feature_has_its_own_name(self, names):
        with pytest.raises(DataError, match="2 features needs as many different names"):
            Table(self.VALUES, names, None, None, self.ROWS)

    @pytest.mark.parametrize("values", [np.zeros(2), np.zeros((2, 2), int)])
    def test_values_are_a_matrix_of_floats(self, values):
        with pytest.raises(DataError, match=r"values of shape \(rows, features\)"):
            Table(values, ("a", "b"), None, None, self.ROWS)

    def test_rows_and_labels_fit_the_values(self):
        with pytest.raises(DataError, match="source rows"):
            Table(self.VALUES, ("a", "b"), None, None, np.arange(3))
        with pytest.raises(DataError, match=r"labels of shape \(3,\)"):
            Table(self.VALUES, ("a", "b"), np.zeros(3, int), ("x",), self.ROWS)


@pytest.mark.parametrize("ending", ["h5", "npz"])
@pytest.mark.parametrize("folder", ["", "run 7/"])
def test_units_and_titles_beside_the_names_of_a_matrix(ending, folder, tmp_path):
    path = tmp_path / f"t.{ending}"
    arrays = {"features": np.eye(4, 3), "names": ["a", "b", "c"], "units": ["m", "", "s"]}
    arrays |= {"titles": ["A", "B"]}  # of another table
    if ending == "npz":
        folder = ""
        np.savez(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            for name, values in arrays.items():
                kind = None if name == "features" else h5py.string_dtype()
                file.create_dataset(f"{folder}{name}", data=values, dtype=kind)
    named = {"feature_dataset": f"{folder}features", "names_dataset": f"{folder}names"}
    table = read_table(path, **named)
    assert (dict(table.units), dict(table.titles)) == ({"a": "m", "c": "s"}, {})
    assert not read_table(path, **named | {"names_dataset": None}).units


def test_units_that_are_no_text_are_no_units(tmp_path):
    whatever = np.array([{}, [], None], dtype=object)
    np.savez(tmp_path / "t.npz", features=np.eye(4, 3), names=["a", "b", "c"], units=whatever)
    assert not read_table(tmp_path / "t.npz").units
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["features"], file["units"] = np.eye(4, 3), np.arange(3)
        file.create_dataset("names", data=["a", "b", "c"], dtype=h5py.string_dtype())
    assert not read_table(tmp_path / "t.h5").units
