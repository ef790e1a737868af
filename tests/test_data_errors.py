"""What cannot be used is refused with a message that names the file, the column and the row."""

import struct

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kohorte.data.sources import read_table
from kohorte.errors import ConfigError, DataError

GOOD = np.arange(12.0).reshape(4, 3)
NAMES = np.array(["j_par", "b_perp", "e_par"], dtype="S")
THREE, BOTH = "has 3 fields", "names 2 columns"


def refused(source, *parts, error=DataError, **choice):
    """Assert that reading fails with a message that names the source and holds all parts."""
    with pytest.raises(error) as caught:
        read_table(source, **choice)
    message = str(caught.value)
    assert [part for part in parts if part not in message] == []
    assert error is not DataError or message.startswith(f"{source}: ")


@pytest.fixture
def write(tmp_path):
    """Write arrays, columns or text to a file of the named format; gives its path."""

    def write(name, content):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content)
        elif name.endswith(".npy"):
            np.save(path, content)
        elif name.endswith(".npz"):
            np.savez(path, **content)
        elif name.endswith(".parquet"):
            pq.write_table(pa.table(content), path)
        else:
            with h5py.File(path, "w") as file:
                for key, value in content.items():
                    file[key] = value
        return str(path)

    return write


def with_fault(value):
    values = GOOD.copy()
    values[2, 1] = value
    values[3, 0] = np.nan  # the first fault, row by row, is the one to name
    return values


@pytest.mark.parametrize("suffix", ["csv", "npy", "h5", "parquet"])
def test_whole_numbers_that_float64_does_not_tell_apart(write, suffix):
    ids = 10**17 + np.array([[3 * k, 10**14 * k] for k in range(4)])
    content = {
        "csv": "feature_0,feature_1\n" + "".join(f"{a},{b}\n" for a, b in ids),
        "npy": ids,
        "h5": {"features": ids},
        "parquet": {"feature_0": ids[:, 0], "feature_1": ids[:, 1]},
    }
    path = write(f"t.{suffix}", content[suffix])
    said = f"{10**17 + 3} is one of whole numbers from {10**17} to {10**17 + 9}"
    refused(path, "feature 'feature_0', data row 1", said, "multiples of 16", "data.id")
    # Of large numbers that spread as far, little is lost.
    assert read_table(path, features=["feature_1"]).values[3, 0] == 10**17 + 3 * 10**14
    table = read_table(path, features=["feature_1"], ids="feature_0")
    assert int(table.beside.ids["feature_0"][1]) == 10**17 + 3


class TestFiles:
    def test_missing_file(self, tmp_path):
        refused(str(tmp_path / "gone.csv"), "no such file")

    @pytest.mark.parametrize("name", ["t.foo", "t"])
    def test_unknown_extension(self, write, name):
        refused(write(name, "a\n1\n2\n"), "unknown extension", ".csv", ".parquet", ".h5")

    def test_unknown_scheme_and_set(self):
        refused("sklaern:iris", "unknown source 'sklaern'", "did you mean 'sklearn:'?")
        refused("sklearn:irs", "unknown scikit-learn data set 'irs'", "did you mean 'iris'")

    def test_directory(self, tmp_path):
        (tmp_path / "data.h5").mkdir()
        refused(str(tmp_path / "data.h5"), "is a directory")

    @pytest.mark.parametrize("suffix", ["h5", "hdf5", "npy", "npz", "csv", "tsv", "parquet"])
    def test_empty_file(self, write, suffix):
        refused(write(f"t.{suffix}", b""), "is an empty file")

    @pytest.mark.parametrize(
        ("suffix", "says"),
        [
            ("h5", "is not an HDF5 file"),
            ("npy", "is not a .npy file"),
            ("npz", "is not a .npz file"),
            ("parquet", "is not a readable Parquet file"),
        ],
    )
    def test_another_format(self, write, suffix, says):
        refused(write(f"t.{suffix}", "a,b\n1,2\n3,4\n"), says)

    @pytest.mark.parametrize("keep", [0.2, 0.6, 0.99])
    @pytest.mark.parametrize("suffix", ["h5", "npy", "npz", "parquet"])
    def test_truncated_file(self, write, tmp_path, suffix, keep):
        values = np.random.default_rng(0).normal(size=(500, 3))
        if suffix == "npy":
            source = write("t.npy", values)
        elif suffix == "parquet":
            source = write("t.parquet", {"a": values[:, 0], "b": values[:, 1]})
        else:
            source = write(f"t.{suffix}", {"features": values})
        whole = (tmp_path / f"t.{suffix}").read_bytes()
        (tmp_path / f"t.{suffix}").write_bytes(whole[: int(len(whole) * keep)])
        refused(source)

    @pytest.mark.parametrize("offset", [0, 2000])
    def test_damaged_archive(self, tmp_path, offset):
        values = np.random.default_rng(0).normal(size=(500, 3))
        np.savez_compressed(tmp_path / "t.npz", features=values)
        content = bytearray((tmp_path / "t.npz").read_bytes())
        start = 30 + sum(struct.unpack("<HH", content[26:30])) + offset
        content[start : start + 50] = b"\xff" * 50
        (tmp_path / "t.npz").write_bytes(content)
        refused(str(tmp_path / "t.npz"), "'features'", "damaged")

    def test_pickles_are_never_loaded(self, tmp_path):
        objects = np.array([[1, "a"], [2, "b"]], dtype=object)
        np.save(tmp_path / "t.npy", objects, allow_pickle=True)
        np.savez(tmp_path / "t.npz", features=objects, allow_pickle=True)
        objects.dump(tmp_path / "raw.npy")
        refused(str(tmp_path / "t.npy"), "pickled Python objects", "never loaded")
        refused(str(tmp_path / "t.npz"), "'features'", "pickled Python objects", "never loaded")
        refused(str(tmp_path / "raw.npy"), "pickle", "never loaded")


class TestValues:
    @pytest.mark.parametrize(
        ("value", "says"),
        [(np.nan, "missing value"), (np.inf, "infinite value"), (-np.inf, "infinite value (-inf)")],
    )
    def test_missing_and_infinite(self, write, value, says):
        values = with_fault(value)
        place = "'b_perp', data row 2: "
        refused(write("t.h5", {"features": values, "names": NAMES}), place, says)
        refused(write("t.npz", {"features": values, "names": NAMES}), place, says)
        refused(write("t.npy", values.astype("f4")), "'feature_1', data row 2: ", says)
        columns = {"j_par": values[:, 0], "b_perp": values[:, 1]}
        refused(write("t.parquet", columns), place, says)
        text = f"j_par,b_perp\n1,2\n\n1,2\n1,{value}\nnan,1\n"
        refused(write("t.csv", text), "'b_perp', data row 2 (line 5): ", says)

    def test_the_row_is_that_of_the_source(self, write):
        source = write("t.npy", with_fault(np.nan))
        refused(source, "'feature_1', data row 2: ", features=["feature_1"], stride=2)
        assert read_table(source, features=["feature_0"], stride=2).n_rows == 2

    @pytest.mark.parametrize("type_", [pa.float32(), pa.int64(), pa.bool_()])
    def test_null_in_parquet(self, write, type_):
        columns = {"a": [1.0, 2.0, 3.0], "b": pa.array([1, None, 0]).cast(type_)}
        refused(write("t.parquet", columns), "'b', data row 1: missing value")

    @pytest.mark.parametrize("token", ["", "NA", " ? ", "null"])
    def test_missing_in_text(self, write, token):
        source = write("t.csv", f"a,b\n1,2\n3,{token}\n5,\n")
        says = f"missing value ({token!r}); fill it, or set missing to 'skip' or 'drop'"
        refused(source, f"'b', data row 1 (line 3): {says}")

    @pytest.mark.parametrize("missing", ["error", "skip"])
    @pytest.mark.parametrize("token", ["married", "1_000", "0x1F", "12 kg", "----"])
    def test_text_in_a_numeric_column(self, write, token, missing):
        rows = "1,2\n" * 1500 + "NA,1\n" * (missing == "skip")
        source = write("t.csv", f"a,b\n{rows}3,{token}\n")
        row = rows.count("\n")
        says = f"'b', data row {row} (line {row + 2}): text {token!r} in a numeric column"
        refused(source, says, missing=missing)

    def test_the_line_counts_line_breaks_in_quotes(self, write):
        source = write("t.csv", 'a,note\n1,"two\nlines"\nx,"more\n\nlines"\n')
        refused(source, "'a', data row 1 (line 4): text 'x'", features=["a"])

    def test_text_in_typed_columns(self, write):
        columns = {"a": [1.0, 2.0], "job": ["cook", "smith"]}
        refused(write("t.parquet", columns), "'job', data row 0: text 'cook' in a numeric column")
        days = pa.array([1, 2], pa.date32())
        refused(write("d.parquet", {"a": [1, 2], "day": days}), "'day' holds date32", "data row 0")
        refused(write("t.npz", {"features": np.array([["a"], ["b"]])}), "'features'", "holds <U1")
        refused(write("t.npy", np.zeros((3, 2), complex)), "holds complex128", "data row 0")
        refused(write("t.npy", np.zeros((3, 2), "M8[s]")), "holds datetime64")
        refused(write("t.h5", {"features": np.array([[b"a"], [b"b"]])}), "'features' holds |S1")
        mixed = np.zeros((3, 2), [("x", "f4"), ("y", "f4")])
        refused(write("t.h5", {"features": mixed}), "a structured array has shape (3, 2)")

    @pytest.mark.parametrize("shape", [(), (6,), (2, 3, 4)])
    def test_wrong_dimension(self, write, shape):
        says = (f"has shape {shape}", "rows x features")
        refused(write("t.npy", np.zeros(shape)), *says)
        refused(write("t.npz", {"features": np.zeros(shape)}), "array 'features'", *says)
        refused(write("t.h5", {"features": np.zeros(shape)}), "dataset 'features'", *says)

    def test_a_dataset_without_a_shape(self, write):
        refused(write("t.h5", {"features": h5py.Empty("f4")}), "has shape None")

    @pytest.mark.parametrize("n_rows", [0, 1])
    def test_fewer_than_two_rows(self, write, n_rows):
        says = (f"of its {n_rows} rows", "at least 2")
        refused(write("t.npy", np.zeros((n_rows, 2))), *says)
        refused(write("t.npz", {"features": np.zeros((n_rows, 2))}), *says)
        refused(write("t.h5", {"features": np.zeros((n_rows, 2))}), *says)
        refused(write("t.parquet", {"a": np.zeros(n_rows)}), *says)

    def test_no_columns(self, write):
        refused(write("t.npy", np.zeros((3, 0))), "no feature columns")
        refused(write("o.npy", np.zeros((3, 1))), "no feature columns", label="feature_0")

    def test_rows_left_by_the_choice(self, write):
        source = write("t.npy", GOOD)
        refused(source, "of its 4 rows, stride 4 leaves 1", "at least 2", stride=4)
        refused(source, "a sample of 3", "of its 4 rows, stride 2 leaves 2", stride=2, sample=3)


@pytest.mark.parametrize(
    ("text", "says", "features"),
    [
        ("\n\n", ["is empty", "header line"], None),
        ("\ufeff", ["is empty", "header line"], None),
        ("a,b\n", ["has a header line but no data rows"], None),
        ("a,b\n1,2\n", ["of its 1 rows", "at least 2"], None),
        ("1.5,2\n3,4\n5,6\n", ["line 1 holds only numbers", "header"], None),
        *(
            (f"a,b\n1,2\n\n3,4\n{row}\n7,8\n", [f"data row 2 (line 5) {says}, but", BOTH], ["a"])
            for row, says in (("5", "has 1 field"), ("5,6,7", THREE), ("5,6,", THREE))
        ),
        ("a,b, a\n1,2,3\n4,5,6\n", ["columns 0 and 2 are both called 'a'"], ["b"]),
        ("a,,\n1,2,3\n4,5,6\n", ["column 1 has no name"], None),
        *(
            (f"a{m}b\n1{m}2\n3{m}4\n", ["line 1 has no ','", f"seems to be {m!r}"], None)
            for m in ";\t|"
        ),
        ('"a";"b, c"\n1;2\n3;4\n', ["line 1 is divided by ';'", "seems to be ';'"], None),
        ('a,b\n1,2\n3,"4\n', ["line 3 is not delimited text"], None),
        ("größe,b\n1,2\n3,4\n".encode("latin-1"), ["is not UTF-8 text", "0xf6"], None),
    ],
)
def test_text_that_is_no_table(write, text, says, features):
    refused(write("t.csv", text), *says, features=features)


class TestNames:
    @pytest.mark.parametrize("name", ["t.h5", "t.npz"])
    def test_length_mismatch(self, write, name):
        source = write(name, {"features": GOOD, "names": NAMES[:2]})
        refused(source, "'features' has shape (4, 3)", "there are 2 names")
        source = write(name, {"features": GOOD[:3].T[:, :2].T, "names": NAMES[:2]})
        refused(source, "there are 2 names (is it transposed?")

    @pytest.mark.parametrize("name", ["t.h5", "t.npz"])
    def test_names_that_are_no_names(self, write, name):
        source = write(name, {"features": GOOD, "names": np.arange(3)})
        refused(source, "'names' holds int64", "text")
        source = write(name, {"features": GOOD, "names": np.array([b"a", b"\xff", b"c"])})
        refused(source, "'names' holds a name that is not UTF-8")
        source = write(name, {"features": GOOD, "names": np.array([b"a", b"b", b"a"])})
        refused(source, "columns 0 and 2 are both called 'a'")

    @pytest.mark.parametrize("name", ["t.h5", "t.npz"])
    def test_datasets_that_are_not_there(self, write, name):
        source = write(name, {"features": GOOD, "names": NAMES})
        refused(source, "'featurs'", "did you mean 'features'?", feature_dataset="featurs")
        refused(source, "'nmes'", "did you mean 'names'?", names_dataset="nmes")

    def test_unknown_feature_and_label(self, write):
        source = write("t.parquet", {"j_par": [1, 2], "b_perp": [3, 4]})
        refused(source, "no feature 'J_per'", "did you mean 'j_par'", features=["J_per"])
        refused(source, "no label 'class'; there are 'j_par', 'b_perp'", label="class")

    @pytest.mark.parametrize(("name", "what"), [("t.h5", "dataset"), ("t.npz", "array")])
    def test_unknown_label_array(self, write, name, what):
        source = write(name, {"features": GOOD, "names": NAMES, "truth": np.arange(4)})
        refused(source, f"no {what} or column 'turth'", "did you mean 'truth'?", label="turth")
        refused(source, f"no {what} or column 'b_prep'", "mean 'b_perp'?", label="b_prep")


class TestHdf5:
    def test_external_links_are_refused(self, write, tmp_path):
        write("other.h5", {"features": GOOD, "group/names": NAMES})
        link = h5py.ExternalLink("other.h5", "/features")
        refused(write("t.h5", {"features": link}), "'features' is a link to another file")
        content = {"away": h5py.ExternalLink("other.h5", "/group"), "features": GOOD}
        source = write("t.h5", content | {"names": h5py.SoftLink("/away/names")})
        refused(source, "'names' is a link to another file")
        refused(source, "'away/names' is a link to another file", names_dataset="away/names")
        gone = h5py.ExternalLink("gone.h5", "/names")
        refused(write("g.h5", {"features": GOOD, "names": gone}), "'names' is a link to another")

    def test_soft_links_that_lead_nowhere(self, write):
        loop = {"features": h5py.SoftLink("/again"), "again": h5py.SoftLink("features")}
        refused(write("t.h5", loop), "'features' is a link that leads in a circle")
        dangling = {"features": h5py.SoftLink("/gone")}
        refused(write("t.h5", dangling), "no dataset 'features'")
        through = {"features": GOOD}
        refused(write("t.h5", through), "no dataset", feature_dataset="features/x")

    def test_raw_data_in_another_file_are_refused(self, tmp_path):
        (tmp_path / "raw.bin").write_bytes(GOOD.tobytes())
        with h5py.File(tmp_path / "t.h5", "w") as file:
            raw = [(str(tmp_path / "raw.bin"), 0, GOOD.nbytes)]
            file.create_dataset("features", GOOD.shape, "f8", external=raw)
        refused(str(tmp_path / "t.h5"), "'features' lie in another file")

    def test_virtual_data_of_another_file_are_refused(self, write, tmp_path):
        other = write("other.h5", {"features": GOOD})
        layout = h5py.VirtualLayout(GOOD.shape, "f8")
        layout[:] = h5py.VirtualSource(other, "features", GOOD.shape)
        with h5py.File(tmp_path / "t.h5", "w") as file:
            file.create_virtual_dataset("features", layout)
        refused(str(tmp_path / "t.h5"), "'features' lie in another file")

    def test_a_group_is_no_dataset(self, write):
        source = write("t.h5", {"run/features": GOOD})
        refused(source, "'run' is a group", "there are 'features'", feature_dataset="run")

    def test_damaged_chunks(self, tmp_path):
        with h5py.File(tmp_path / "t.h5", "w") as file:
            made = file.create_dataset("features", data=GOOD, chunks=(2, 3), fletcher32=True)
            offset = made.id.get_chunk_info(1).byte_offset
        content = bytearray((tmp_path / "t.h5").read_bytes())
        content[offset] ^= 255
        (tmp_path / "t.h5").write_bytes(content)
        refused(str(tmp_path / "t.h5"), "cannot be read")


class TestLabels:
    @pytest.mark.parametrize(
        ("labels", "says"),
        [
            (np.full(4, np.nan), "all 4 rows: no class is known; leave data.label out"),
            (np.array([0, 1.5, 1, 2]), "data row 1: label 1.5 is no whole number"),
            (np.array([0, 1, 1, np.inf]), "data row 3: label inf is no whole number"),
            (np.array([" ", " ", "", "NA"], dtype="S"), "no class is known"),
            (np.array([b"a", b"b", b"c", b"\xff"]), "data row 3: the label is not UTF-8"),
            (np.array([1, 2, 3, 4j]), "labels of type complex128"),
        ],
    )
    def test_bad_labels(self, write, labels, says):
        source = write("t.h5", {"features": GOOD, "truth": labels})
        refused(source, "label 'truth', ", says, label="truth")

    def test_the_row_is_that_of_the_source(self, write):
        source = write("t.h5", {"features": GOOD, "truth": np.array([0, 1, 0.5, 2])})
        refused(source, "data row 2: label 0.5 is no whole", label="truth", stride=2)

    @pytest.mark.parametrize("shape", [(3,), (4, 2)])
    def test_one_label_per_row(self, write, shape):
        source = write("t.h5", {"features": GOOD, "truth": np.zeros(shape, int)})
        refused(source, f"labels have shape {shape}", "4 rows", label="truth")

    def test_measurements_are_no_labels_in_any_format(self, write):
        says = ("is no whole number", "carry measurements along (data.carry)")
        source = write("t.csv", "a,y\n1,0.5\n2,1.5\n3,\n")
        refused(source, "label 'y', data row 0 (line 2): label 0.5", *says, label="y")
        source = write("t.parquet", {"a": [1, 2], "y": [2.0, 0.25]})
        refused(source, "label 'y', data row 1: label 0.25", *says, label="y")


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"missing": "ignore"}, "missing must be 'error', 'skip' or 'drop', got 'ignore'"),
        ({"stride": 0}, "stride must be a whole number of at least 1, got 0"),
        ({"stride": 1.5}, "stride must be a whole number"),
        ({"stride": True}, "stride must be a whole number"),
        ({"sample": 1}, "sample must be a whole number of at least 2, got 1"),
        ({"features": "a"}, "features must be a list"),
        ({"features": []}, "features is an empty list"),
        ({"features": ["a", "b", "a"]}, "features names 'a' twice"),
        ({"features": ["a"], "label": "a"}, "'a' is the label"),
        ({"label": "target"}, "brings its own labels"),
        ({"delimiter": ";"}, "delimiter is for text files"),
    ],
)
def test_arguments_out_of_bounds(choice, says):
    refused("sklearn:iris", says, error=ConfigError, **choice)


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n"])
def test_a_delimiter_is_one_character(write, delimiter):
    source = write("t.csv", "a,b\n1,2\n3,4\n")
    refused(source, "delimiter must be one character", error=ConfigError, delimiter=delimiter)
