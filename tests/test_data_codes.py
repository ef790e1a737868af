"""Numbers and words that mean "missing": declared in any format, pointed out where they are not."""

import logging

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kohorte.data.missing import MARKERS, describe_codes, find_codes, is_marker, show_number
from kohorte.data.sources import read_table
from kohorte.errors import DataError

GAP = np.nan
CODES = [-9999, 1e20]
VALUES = np.array([[1, -9999], [2.5, 4], [1e20, 5], [7, -9999], [8, 9]])
EXPECTED = np.array([[1, GAP], [2.5, 4], [GAP, 5], [7, GAP], [8, 9]])


def write_text(path, values=VALUES):
    rows = [",".join(map(repr, row)) for row in values.tolist()]
    path.write_text("\n".join(["a,b", *rows]))


def write_h5(path, values=VALUES):
    with h5py.File(path, "w") as file:
        file["features"] = values
        file["names"] = np.array(["a", "b"], dtype="S")


def write_parquet(path, values=VALUES):
    pq.write_table(pa.table({"a": values[:, 0], "b": values[:, 1]}), path)


WRITERS = {
    "t.csv": write_text,
    "t.h5": write_h5,
    "t.npz": lambda path, values=VALUES: np.savez(path, features=values, names=["a", "b"]),
    "t.npy": lambda path, values=VALUES: np.save(path, values),
    "t.parquet": write_parquet,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
class TestDeclared:
    def test_are_missing_in_every_format(self, tmp_path, name, dtype):
        WRITERS[name](tmp_path / name, VALUES.astype(dtype))
        table = read_table(tmp_path / name, missing="skip", missing_values=CODES)
        np.testing.assert_array_equal(table.values, EXPECTED)
        assert table.values.dtype == (dtype if name != "t.csv" else np.float64)
        assert read_table(tmp_path / name, missing="drop", missing_values=CODES).rows.tolist() == [
            1,
            4,
        ]
        with pytest.raises(DataError, match=r"data row 0.*: missing value \('?-9999"):
            read_table(tmp_path / name, missing_values=CODES)

    def test_text_that_is_a_number_is_one(self, tmp_path, name, dtype):
        WRITERS[name](tmp_path / name, VALUES.astype(dtype))
        table = read_table(tmp_path / name, missing="skip", missing_values=["-9999.0", "1E+20"])
        np.testing.assert_array_equal(table.values, EXPECTED)

    def test_the_file_stays_as_it_is(self, tmp_path, name, dtype):
        WRITERS[name](tmp_path / name, VALUES.astype(dtype))
        before = (tmp_path / name).read_bytes()
        read_table(tmp_path / name, missing="skip", missing_values=CODES)
        assert (tmp_path / name).read_bytes() == before


class TestTypes:
    @pytest.mark.parametrize(
        ("column", "code"),
        [
            (np.array([1, 2, -32768], np.int16), -32768),
            (np.array([1, 2, 255], np.uint8), 255),
            (np.array([1, 2, -(2**63)], np.int64), -(2**63)),
            (np.array([1, 2, -999.9], np.float32), -999.9),
            (np.float64(np.array([1, 2, -999.9], np.float32)), -999.9),  # went through float32
            (np.array([1, 2, 9.969209968386869e36]), 9.96921e36),  # written with fewer digits
            (np.array([1, 2, 9.969209968386869e36], np.float32), 9.96921e36),
            (np.array([1, 2, -3.4028234663852886e38], np.float32), -3.4028235e38),
        ],
    )
    def test_numbers_are_compared_in_the_type_of_the_column(self, tmp_path, column, code):
        np.save(tmp_path / "t.npy", column[:, None])
        pq.write_table(pa.table({"a": column}), tmp_path / "t.parquet")
        for name in ("t.npy", "t.parquet"):
            found = read_table(tmp_path / name, missing="skip", missing_values=[code]).values
            np.testing.assert_array_equal(np.isnan(found[:, 0]), [False, False, True])

    def test_neighbours_are_no_codes(self, tmp_path):
        np.save(tmp_path / "t.npy", np.array([[-9999.0], [-9998.999], [-9999.001], [3.4e38]]))
        found = read_table(tmp_path / "t.npy", missing="skip", missing_values=[-9999, 1e300])
        assert np.isnan(found.values[:, 0]).tolist() == [True, False, False, False]

    def test_infinity_can_be_one(self, tmp_path):
        np.save(tmp_path / "t.npy", np.array([[1.0], [np.inf], [-np.inf], [2.0]]))
        found = read_table(tmp_path / "t.npy", missing="skip", missing_values=["inf", "-inf"])
        assert np.isnan(found.values[:, 0]).tolist() == [False, True, True, False]


class TestMarkers:
    @pytest.mark.parametrize(
        "token",
        [".", ".a", ".Z", "._", "#DIV/0!", "#VALUE!", "#N/A", "#NV", "#Ref!", "--", "---"]
        + ["(null)", "\\N", "NaT", "<null>"],
    )
    def test_of_other_programs(self, tmp_path, token):
        (tmp_path / "t.csv").write_text(f"a,b\n1,{token}\n2,3\n")
        found = read_table(tmp_path / "t.csv", missing="skip").values
        np.testing.assert_array_equal(found, [[1, GAP], [2, 3]])

    @pytest.mark.parametrize("token", ["..", ".aa", "a.", "nap", "#1", "----", "0", "missing"])
    def test_what_is_none(self, token):
        assert not is_marker(token)
        assert token not in MARKERS


def write_labels(path, labels, kind):
    n = len(labels)
    if kind == "csv":
        rows = [f"{i},{'' if label is None else label}" for i, label in enumerate(labels)]
        path.write_text("\n".join(["x,kind", *rows]))
    elif kind == "parquet":
        pq.write_table(pa.table({"x": np.arange(n), "kind": labels}), path)
    elif kind == "npz":
        np.savez(path, features=np.arange(n)[:, None], kind=np.array(labels))
    else:
        with h5py.File(path, "w") as file:
            file["features"] = np.arange(n)[:, None]
            file["kind"] = np.array(labels, dtype="S")


class TestLabels:
    @pytest.mark.parametrize("kind", ["csv", "parquet", "npz", "h5"])
    @pytest.mark.parametrize("token", ["NA", "nan", "?", "n/a", ".", "-9999", "-9999.0", "TBD"])
    def test_a_marker_is_no_class(self, tmp_path, caplog, kind, token):
        labels = ["x", "y", token, "x"]
        write_labels(tmp_path / f"t.{kind}", labels, kind)
        options = {"label": "kind", "missing_values": [-9999, "tbd"]}
        table = read_table(tmp_path / f"t.{kind}", **options)
        assert (table.label_names, table.labels.tolist()) == (("x", "y"), [0, 1, -1, 0])
        assert f"'{token}' (1)" in caplog.text
        assert "set data.not_missing: [" in caplog.text

    @pytest.mark.parametrize("kind", ["csv", "parquet", "npz", "h5"])
    def test_unless_it_is_said_to_be_one(self, tmp_path, kind):
        write_labels(tmp_path / f"t.{kind}", ["EU", "NA", "na", "EU"], kind)
        table = read_table(tmp_path / f"t.{kind}", label="kind", not_missing=["NA"])
        assert table.label_names == ("EU", "NA", "na")

    def test_plus_and_minus_are_two_classes(self, tmp_path, caplog):
        write_labels(tmp_path / "t.csv", ["+", "-", "-", "+"], "csv")
        assert read_table(tmp_path / "t.csv", label="kind").label_names == ("+", "-")
        assert not caplog.messages


def column(*parts):
    return np.concatenate([np.asarray(part, float) for part in parts])[:, None]


RNG = np.random.default_rng(5)
NORMAL = RNG.normal(size=200)


class TestPointedOut:
    @pytest.mark.parametrize(
        "code",
        [-9999, -999, -99.9, -999.9, 99999, 9999.99, 1e20, -1e30, 1e36, 9.96921e36, -1e5]
        + [-32768, 65535, -2147483648, 2147483647, -3.4028235e38, 255],
    )
    def test_codes_far_from_all_others(self, code):
        for rest in (NORMAL, NORMAL * 10 + 20):
            (found,) = find_codes(column(rest, [code] * 3))
            assert (found.value, found.column, found.times) == (code, 0, 3)
            assert (found.low, found.high) == (rest.min(), rest.max())

    def test_in_float32_they_are_named_as_people_write_them(self):
        values = column(NORMAL, [1e20, 1e20]).astype(np.float32)
        assert [found.value for found in find_codes(values)] == [1e20]
        assert show_number(1e20) == "1.0e+20"
        assert show_number(-9999.0) == "-9999"
        assert show_number(-999.9) == "-999.9"

    def test_below_numbers_that_are_not_negative(self):
        assert find_codes(column(RNG.gamma(1, 800, 500), [-999] * 5))[0].value == -999
        # Where they are, a code must stand apart: -99 does not from -80.
        assert not find_codes(column(RNG.uniform(-80, 80, 500), [-99] * 5))

    def test_several_in_one_column(self):
        found = find_codes(column(NORMAL, [-9999] * 2, [-8888] * 2, [-999] * 4, [GAP] * 3))
        assert [(code.value, code.times) for code in found] == [(-9999, 2), (-8888, 2), (-999, 4)]
        found = find_codes(column(NORMAL, [998] * 2, [997] * 2, [999] * 4))
        assert [code.value for code in found] == [997, 998, 999]
        found = find_codes(column(NORMAL, [99999] * 2, [-9999] * 4))
        assert [(code.value, code.times) for code in found] == [(-9999, 4), (99999, 2)]

    def test_once_where_another_column_repeats_it(self):
        values = np.column_stack([NORMAL, NORMAL[::-1], NORMAL])
        values[3, 0] = -9999
        assert not find_codes(values)
        values[5:9, 1] = -9999
        found = find_codes(values)
        assert [(code.column, code.times) for code in found] == [(0, 1), (1, 4)]
        (text,) = describe_codes(found, ["u", "v", "w"], "data.")
        assert all(part in text for part in ("-9999", "'u' once", "'v' 4 times"))
        assert text.endswith("set data.missing_values: [-9999]")

    @pytest.mark.parametrize(
        "values",
        [
            column(NORMAL),
            column(np.zeros(100), RNG.normal(1000, 1, 100)),  # many zeros
            column(RNG.poisson(3, 500)),
            column(np.minimum(RNG.poisson(60, 500) * 2, 99)),  # counts and scores with a cap
            column(np.minimum(RNG.lognormal(9, 1, 2000), 99999)),
            column(np.minimum(RNG.lognormal(3, 1, 2000).round(), 999)),
            column(np.zeros(900), RNG.integers(100, 41310, 150), [99999] * 30),  # top-coded gains
            column(RNG.integers(0, 256, 500)),  # pixels
            column(np.full(300, 255), RNG.gamma(2, 40, 300).clip(0, 255)),
            column([0] * 50, [99] * 50),  # two values
            column(RNG.standard_cauchy(3000) * 100),
            column(RNG.normal(1e30, 1e29, 100)),  # masses of stars
            column(RNG.normal(0, 20000, 500).clip(-32768, 32767).round()),  # sound
            column(1 / RNG.random(300), [1e5] * 3),
            column([99, 99, 99]),
            column([GAP] * 10),
            np.empty((0, 2)),
        ],
    )
    def test_ordinary_columns_have_none(self, values):
        assert find_codes(values) == []

    @pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits"])
    def test_known_tables_have_none(self, name, caplog):
        read_table(f"sklearn:{name}")
        assert not caplog.messages

    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=40),
        st.lists(st.integers(-200, 200), min_size=4, max_size=40),
    )
    def test_whatever_is_named_is_far_away(self, floats, integers):
        values = column(floats * 2)[: 2 * len(integers)]
        values = np.column_stack([values, np.resize(np.array(integers * 2, float), len(values))])
        for code in find_codes(values):
            own = values[:, code.column]
            assert np.count_nonzero(own == code.value) == code.times
            assert code.value < code.low or code.value > code.high

    @pytest.mark.parametrize("name", WRITERS)
    def test_reading_warns_until_they_are_declared(self, tmp_path, caplog, name):
        values = np.column_stack([np.tile(NORMAL, 1), NORMAL[::-1]])
        values[:6, 1] = -9999
        WRITERS[name](tmp_path / name, values)
        with caplog.at_level(logging.WARNING):
            read_table(tmp_path / name)
            assert len(caplog.messages) == 1
            assert "'b' 6 times" in caplog.text or "'feature_1' 6 times" in caplog.text
            assert "data.missing_values: [-9999]" in caplog.text
            read_table(tmp_path / name, missing_values=[-9999], missing="skip")
        assert len(caplog.messages) == 1
