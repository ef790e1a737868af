"""Tables as people have them: what was silently wrong, or refused without a way out, once."""

import gzip
import logging

import h5py
import numpy as np
import openpyxl
import pandas as pd
import pytest
import rasterio
import xarray as xr
import zarr
from rasterio.transform import Affine

from kohorte import SOM
from kohorte.command.tables import propose_study
from kohorte.data.labels import open_labels
from kohorte.data.missing import find_codes, find_no_measure, find_summary
from kohorte.data.sources import read_table
from kohorte.data.writing import write_like
from kohorte.errors import DataError

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(12, 2)).round(3)
FRAME = pd.DataFrame(VALUES, columns=["flow", "ph"])


def refused(source, *words, **options):
    with pytest.raises(DataError) as caught:
        read_table(source, **options)
    assert [word for word in words if word not in str(caught.value)] == [], caught.value


@pytest.fixture
def write(tmp_path):
    def write_text(text, name="t.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_text


WRITERS = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "parquet": lambda frame, path: frame.to_parquet(path, index=False),
    "feather": lambda frame, path: frame.to_feather(path),
    "xlsx": lambda frame, path: frame.to_excel(path, index=False),
    "ods": lambda frame, path: frame.to_excel(path, index=False),
    "npz": lambda frame, path: np.savez(path, **{n: c.to_numpy() for n, c in frame.items()}),
}


class TestNumbersOfRows:
    @pytest.mark.parametrize("name", ["Unnamed: 0", "__index_level_0__", "rownames"])
    @pytest.mark.parametrize("kind", WRITERS)
    def test_an_index_that_was_written_as_a_column(self, tmp_path, kind, name, caplog):
        caplog.set_level(logging.INFO)
        frame = FRAME.copy()
        frame.insert(0, name, range(12))
        WRITERS[kind](frame, tmp_path / f"t.{kind}")
        table = read_table(tmp_path / f"t.{kind}")
        assert sorted(table.names) == ["flow", "ph"]
        ((_, ids),) = table.beside.ids.items()
        assert [str(one) for one in ids] == [str(k) for k in range(12)]
        assert "names the rows and is no feature" in caplog.text
        named = read_table(tmp_path / f"t.{kind}", features=[name, "ph"])
        assert named.values[:, 0].tolist() == list(range(12))

    def test_several_levels_name_no_row_alone(self, tmp_path):
        frame = FRAME.assign(__index_level_0__=range(12), __index_level_1__=1)
        frame.to_parquet(tmp_path / "t.parquet", index=False)
        table = read_table(tmp_path / "t.parquet")
        assert (table.names, dict(table.beside.ids)) == (("flow", "ph"), {})

    def test_a_column_that_counts_rows_is_pointed_out(self, tmp_path, caplog):
        FRAME.assign(sample=np.arange(12) + 7.0).to_parquet(tmp_path / "t.parquet")
        assert read_table(tmp_path / "t.parquet").names == ("flow", "ph", "sample")
        assert "feature 'sample' numbers the rows" in caplog.text

    def test_what_is_no_number_of_rows(self):
        rows = np.arange(40)
        assert find_no_measure(rows * 2.0, rows) is None
        assert find_no_measure(np.where(rows == 30, 5.0, rows), rows) is None
        assert find_no_measure(rows[:9] * 1.0, rows[:9]) is None
        assert find_no_measure(np.where(rows == 3, np.nan, rows), rows) is None

    def test_dates_written_as_numbers(self):
        days = pd.date_range("2023-12-01", periods=40, freq="3D")
        dates = days.strftime("%Y%m%d").astype(float).to_numpy(copy=True)
        assert "dates written as numbers, such as 20231201" in find_no_measure(dates, np.arange(40))
        dates[5] = 20231301  # there is no month 13
        assert find_no_measure(dates, np.arange(40)) is None


class TestSheets:
    @pytest.mark.parametrize("suffix", ["xlsx", "ods"])
    def test_merged_cells_are_the_value_of_all_their_rows(self, tmp_path, suffix):
        index = pd.MultiIndex.from_product([["x", "y"], [1, 2, 3]], names=["site", "day"])
        frame = pd.DataFrame(VALUES[:6], columns=["flow", "ph"], index=index)
        frame.to_excel(tmp_path / f"t.{suffix}")
        table = read_table(tmp_path / f"t.{suffix}", label="site", ids="day")
        assert table.label_names == ("x", "y")
        assert table.labels.tolist() == [0, 0, 0, 1, 1, 1]
        assert table.beside.ids["day"].tolist() == [1, 2, 3, 1, 2, 3]

    def test_a_formula_without_its_value(self, tmp_path):
        book = openpyxl.Workbook()
        for row in (["a", "b", "c"], [1, 2, 3], [2, "=A3+1", 5], [4, 5, 9]):
            book.active.append(row)
        book.save(tmp_path / "t.xlsx")
        refused(tmp_path / "t.xlsx", "column 'b': cell B3 holds a formula", missing="skip")
        assert read_table(tmp_path / "t.xlsx", features=["a", "c"]).n_rows == 3

    @pytest.mark.parametrize("header", ["auto", False])
    def test_rows_of_nothing_but_formulas(self, tmp_path, caplog, header):
        book, path = openpyxl.Workbook(), tmp_path / "t.xlsx"
        if header:
            book.active.append(["a", "b"])
        for row in ([1, 2.5], [2, 5.5], ["=A1", "=B1"], ["=A2", None]):
            book.active.append(row)
        book.save(path)
        assert read_table(path, header=header).n_rows == 2
        assert "whose values are not in the file: 2; open it in a spreadsheet" in caplog.text
        book.active.delete_rows(2 if header else 1, 2)
        book.save(path)
        refused(path, "are not in the file: 2; open it in a spreadsheet", header=header)

    def test_truth_values_are_classes_as_in_other_formats(self, tmp_path):
        frame = FRAME.assign(ok=[True, False] * 6, id=np.arange(12) * 10)
        frame.to_excel(tmp_path / "t.xlsx", index=False)
        table = read_table(tmp_path / "t.xlsx", label="ok", ids="id")
        assert table.label_names == ("False", "True")
        assert table.beside.ids["id"].dtype.kind == "i"


class TestClasses:
    def test_signs(self, write):
        signs = ["-", "+/-", "-", "+"] * 3
        table = read_table(write(FRAME.assign(kind=signs).to_csv(index=False)), label="kind")
        assert table.label_names == ("+", "+/-", "-")

    @pytest.mark.parametrize(
        ("known", "unknown"), [(["oak", "ash"], "unlabelled"), ([1, 2], -1), ([0, 3], 9999)]
    )
    def test_names_of_what_is_not_known(self, tmp_path, caplog, known, unknown):
        frame = FRAME.assign(kind=[*known, unknown] * 4)
        frame.to_parquet(tmp_path / "t.parquet")
        read_table(tmp_path / "t.parquet", label="kind")
        assert f"{unknown} counts as a class" in caplog.text
        caplog.clear()
        missing = [unknown.upper() if isinstance(unknown, str) else unknown]
        table = read_table(tmp_path / "t.parquet", label="kind", label_missing=missing)
        assert np.count_nonzero(table.labels < 0) == 4
        assert "counts as a class" not in caplog.text

    def test_codes_among_classes_that_are_alike_are_classes(self, tmp_path, caplog):
        FRAME.assign(kind=[88, 99, 120] * 4).to_parquet(tmp_path / "t.parquet")
        read_table(tmp_path / "t.parquet", label="kind")
        assert caplog.text == ""


class TestCodes:
    def test_minus_one_among_counts(self):
        counts = RNG.integers(1, 900, size=(60, 2)).astype(float)
        counts[::7, 1] = -1
        (code,) = find_codes(counts)
        assert (code.value, code.column, code.times, code.is_plain) == (-1, 1, 9, False)
        assert find_codes(np.where(counts < 0, 0, counts)) == []
        assert find_codes(np.where(counts < 0, -1, counts % 5)) == []  # -1 beside 0, 1, 2
        assert find_codes(np.where(counts < 0, -1, counts - 300)) == []

    def test_limits_of_whole_numbers(self, tmp_path, caplog):
        bands = RNG.integers(1, 200, size=(1, 8, 5)).astype(np.uint8)
        bands[0, ::3, 0] = 255
        how = {"height": 8, "width": 5, "count": 1, "dtype": "uint8", "crs": "EPSG:32633"}
        how |= {"transform": Affine(30, 0, 5e5, 0, -30, 5.2e6)}
        with rasterio.open(tmp_path / "t.tif", "w", driver="GTiff", **how) as raster:
            raster.write(bands)
        read_table(tmp_path / "t.tif")
        assert "the value 255 is far from all others" in caplog.text
        caplog.clear()
        table = read_table(tmp_path / "t.tif", missing="skip", missing_values=[255])
        assert (np.isnan(table.values).sum(), caplog.text) == (3, "")

    def test_what_may_be_a_number_is_not_declared_missing(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        frame = pd.DataFrame({"days": [-1, *range(5, 400, 7)], "x": np.arange(58.0) ** 2 % 11})
        pd.concat([frame, frame]).to_csv("t.csv", index=False)
        _, _, text = propose_study("t.csv")
        assert "# missing_values: [-1]    # 2 times in days" in text
        assert "\n  missing_values" not in text


class TestTotals:
    VALUES = np.abs(np.random.default_rng(0).normal(1, 0.3, (40, 3))).round(2)

    def test_a_row_of_totals_or_means_is_told_of(self, write, caplog):
        rows = [*self.VALUES.tolist(), (self.VALUES.sum(axis=0) + 0.02).tolist()]
        text = "a,b,c\n" + "".join(f"{','.join(map(str, row))}\n" for row in rows)
        said = "data row 40 (line 42) is the sum of all rows before it"
        read_table(write(text))
        assert said in caplog.text
        caplog.clear()
        read_table(write(text), stride=2)
        read_table(write(text), sample=20)
        assert "all rows before it" not in caplog.text
        gapped = np.vstack([self.VALUES, self.VALUES.mean(axis=0).round(3)])
        assert find_summary(gapped) == "mean"
        gapped[3, 0] = gapped[-1, 2] = np.nan
        gapped[-1, 0] = np.nanmean(gapped[:-1, 0])
        assert find_summary(gapped) == "mean"

    def test_rows_like_others_are_none(self):
        cube = np.array([[a, b] for a in (-1.0, 1) for b in (-1, 1)])
        center = [[0.0, 0.0]]
        wide = np.array([[20.0, 5], [20, 9], [30, 5], [30, 9], [25, 7]])
        for healthy in (
            self.VALUES,
            np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]),
            np.vstack([cube, center]),
            np.vstack([cube] * 5 + [center]),
            wide,
            np.eye(6),
            np.ones((9, 3)),
            np.cumsum(self.VALUES, axis=0),
            np.vstack([self.VALUES, self.VALUES.sum(axis=0) * [1, 1, 1.01]]),
            np.column_stack([np.zeros(12), np.arange(12.0) ** 2, np.full(12, np.nan)]),
            np.array([[1e308, 1e308]] * 4),
            np.vstack([self.VALUES[:, :1], self.VALUES[:, :1].sum(axis=0)]),
        ):
            assert find_summary(healthy) is None


FORMS = {
    "0x1F": "hexadecimal",
    "12%": "without '%', and say the unit in data.units",
    "$12": "without '$'",
    "12 kg": "without 'kg'",
    "21.5 °C": "without '°C'",
    "(12)": "in brackets is negative",
    "12-": "minus in front",
    "+": "write + and - as 1 and 0",
    "1.5±0.2": "a column of its own",
    "1.5×10^3": "as 1.5e3",
    "1.2*": "without the mark of a note",
    "31/12/2020": "data.id or data.carry",
    "2020-12-31 10:00": "days since the first",
    "12:30": "it is a date or a time",
    "3/4": "as a decimal number",
    "1.#INF": "it is infinite",
    "'1.5'": "double quotes",
}


class TestText:
    @pytest.mark.parametrize("token", FORMS)
    def test_forms_of_numbers_and_what_to_write(self, write, token):
        text = "".join(f"{k}\t{token}\n" for k in range(12))
        refused(write(f"a\tb\n{text}", "t.tsv"), f"text {token!r}", FORMS[token])

    def test_groups_of_digits_in_india(self, write):
        refused(write('a,b\n"1,23,456",2\n3,4\n'), "without its commas", thousands=",")

    def test_a_row_of_units(self, write):
        says = ("data row 0 (line 2)", "units of the columns (m, °C)", 'data.units: {a: "m"')
        refused(write("a,b,n\nm,°C,-\n1,2,3\n4,5,6\n7,8,9\n"), *says)
        refused(write("a,b\n(m),(°C)\n1,2\n4,5\n"), 'data.units: {a: "m", b: "°C"}')

    def test_the_header_again(self, write):
        refused(write("a,b\n1,2\n3,4\na,b\n5,6\n"), "data row 2 (line 4): holds the names")

    def test_a_title_above_the_names(self, write):
        path = write("Survey of 2020\na,b\n1,2\n3,5\n")
        refused(path, "a title stands above", "set data.comment to 'Survey of 2020'")
        assert read_table(path, comment="Survey of 2020").names == ("a", "b")
        path = write("Survey of 2020,,\n,,\na,b,c\n1,2,3\n3,5,6\n")
        refused(path, "line 1 names 1 of 3 columns", "remove what stands above")

    def test_names_of_which_some_are_numbers(self, write):
        rows = "".join(f"{k / 7},{k % 5},{k % 3},{'ab'[k % 2]}\n" for k in range(20))
        table = read_table(write(f"NO,400,.5,kind\n{rows}", "a.csv"), header=True, label="kind")
        assert table.names == ("NO", "400", ".5")
        assert read_table(write(f"NO,400,CO,no\n{rows}"), label="no").names == ("NO", "400", "CO")
        refused(write(f"n.d.,4,.5,c\n{rows}"), "seems to be data", label="c")

    def test_a_note_below_the_table(self, write):
        path = write("a,b\n1,2\n3,5\nSource: my lab\n")
        refused(path, "has 1 field", "set data.comment to 'Source: my lab'")
        assert read_table(path, comment="Source: my lab").n_rows == 2

    def test_blanks_before_quotes(self, write):
        path = write('a, b, "kind"\n1, 2, "x, y"\n2, 3, "z"\n')
        table = read_table(path, label="kind")
        assert (table.names, table.label_names) == (("a", "b"), ("x, y", "z"))

    def test_tables_of_r(self, write):
        lines = "".join(f'"{k}" {k / 2} {k % 3}\n' for k in range(1, 9))
        refused(write(f'"a" "b"\n{lines}', "t.txt"), "delimiter, which seems to be 'whitespace'")
        table = read_table(write(f'"a" "b"\n{lines}', "t.dat"))
        assert (table.names, table.values[1].tolist()) == (("a", "b"), [1, 2])
        names = write("species\nIris setosa\nIris virginica\n", "names.txt")
        with open_labels(names, "species") as labels:
            assert labels.array.tolist() == [0, 1]

    def test_what_is_no_table(self, write):
        refused(write("version https://git-lfs.x/spec/v1\noid sha256:0\n"), "git lfs pull")
        refused(write("<!DOCTYPE html>\n<html>\n"), "is a web page")
        refused(write("abc", "t.dta"), "files of this kind are not read", "read_stata")
        refused(write("abc", "t.rds"), "write.csv")
        refused(write("abc", "t"), "give the file the extension of its format")


class TestArff:
    TEXT = (
        "% made by hand\n@RELATION 'my table'\n\n@ATTRIBUTE 'leaf length' NUMERIC\n"
        "@attribute \"b\" real\n@ATTRIBUTE class {'Iris setosa','b c'}\n@DATA\n% rows\n"
        "5.1,3.5,'Iris setosa'\n4.9, ?,'b c'\n\n4.7,3.2,?\n"
    )

    def test_names_types_and_gaps(self, write, tmp_path):
        table = read_table(write(self.TEXT, "t.arff"), label="class", missing="skip")
        assert table.names == ("leaf length", "b")
        np.testing.assert_array_equal(table.values, [[5.1, 3.5], [4.9, np.nan], [4.7, 3.2]])
        assert (table.label_names, table.labels.tolist()) == (("Iris setosa", "b c"), [0, 1, -1])
        (tmp_path / "u.arff.gz").write_bytes(gzip.compress(self.TEXT.encode()))
        packed = read_table(tmp_path / "u.arff.gz", label="class", missing="skip")
        np.testing.assert_array_equal(packed.values, table.values)

    def test_quotes_as_weka_writes_and_reads_them(self, write):
        head = "@relation x\n@attribute 'n\\'s' numeric\n@attribute word string\n@data\n"
        rows = [
            r"1,plain",
            r"2,'it\'s ok'",
            r"3,'a, \"b\", 9\% \\'",
            '4, "d\'q"',
            "5,'it''s'",
            '9,"b\'\'"""',
        ]
        rows += [r"6,'a\tb'", r"7,c\d", "8,o'k"]
        table = read_table(write(head + "\n".join(rows), "t.arff"), ids="word")
        assert table.names == ("n's",)
        assert len(table.values) == 9
        names = ["plain", "it's ok", 'a, "b", 9% \\', "d'q", "it's", "b''\"", "a\tb", r"c\d", "o'k"]
        assert table.beside.ids["word"].tolist() == names
        refused(
            write(head + "1,a\n% a, 'b\n2,'b, c\n", "t.arff"), "line 7: a quote is not closed: 'b"
        )

    def test_clusters_of_weka(self, write):
        head = "@relation x\n@attribute n numeric\n@attribute Cluster {cluster0,cluster1}\n@data\n"
        path = write(head + "0,cluster1\n1,cluster0\n2,cluster1\n", "t.arff")
        with open_labels(path, "Cluster") as labels:
            assert labels.array.tolist() == [1, 0, 1]

    def test_faults(self, write):
        head = "@relation x\n@attribute a numeric\n@attribute b {x}\n@data\n"
        refused(write(f"{head}1,x\nq,x\n", "t.arff"), "'a', data row 1 (line 6)", label="b")
        refused(write(f"{head}{{0 1}}\n", "t.arff"), "sparse rows")
        refused(write(f"{head}1\n2\n", "t.arff"), "2 attributes are named", "has 1 fields")
        refused(write("a,b\n1,2\n", "t.arff"), "is no ARFF file")


class TestMatricesOfOneColumn:
    @pytest.mark.parametrize("shape", [(-1, 1), (1, -1)])
    def test_columns_and_classes(self, tmp_path, shape):
        with h5py.File(tmp_path / "t.h5", "w") as file:
            for name, column in FRAME.items():
                file[name] = column.to_numpy().reshape(shape)
        np.savez(tmp_path / "t.npz", **{n: c.to_numpy().reshape(shape) for n, c in FRAME.items()})
        for name in ("t.h5", "t.npz"):
            table = read_table(tmp_path / name)
            assert table.names == ("flow", "ph")
            np.testing.assert_array_equal(table.values, VALUES)
        with h5py.File(tmp_path / "u.h5", "w") as file:
            file["features"], file["y"] = VALUES, (np.arange(12) % 2).reshape(shape)
        assert read_table(tmp_path / "u.h5", label="y").labels.tolist() == [0, 1] * 6

    @pytest.mark.parametrize("name", ["t.npy", "t.npz", "t.h5"])
    def test_label_files(self, tmp_path, name):
        column = (np.arange(8) % 3)[:, None]
        if name == "t.npy":
            np.save(tmp_path / name, column)
        elif name == "t.npz":
            np.savez(tmp_path / name, labels=column)
        else:
            with h5py.File(tmp_path / name, "w") as file:
                file["labels"] = column
        with open_labels(tmp_path / name) as labels:
            assert labels.array.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]

    def test_memberships(self, tmp_path):
        np.save(tmp_path / "t.npy", np.eye(3))
        with pytest.raises(DataError, match=r"argmax\(axis=1\)"), open_labels(tmp_path / "t.npy"):
            pass


def test_days_name_rows_alike_in_all_formats(tmp_path):
    frame = FRAME.assign(day=pd.date_range("2020-02-28", periods=12))
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    found = [read_table(tmp_path / n, ids="day").beside.ids["day"] for n in ("t.parquet", "t.xlsx")]
    assert found[0].tolist()[:2] == found[1].tolist()[:2] == ["2020-02-28", "2020-02-29"]


def write_fcs(path, payload, widths, events, order="1,2,3,4", version="FCS3.1", **more):
    said = {"$BYTEORD": order, "$DATATYPE": "I", "$MODE": "L", "$NEXTDATA": 0}
    said |= {"$PAR": len(widths), "$TOT": events}
    for k, width in enumerate(widths, 1):
        said |= {f"$P{k}B": width, f"$P{k}R": 2**width, f"$P{k}N": f"FL{k}", f"$P{k}E": "0,0"}
    said |= {f"${key}": value for key, value in more.items()}
    start = 4096
    said |= {"$BEGINDATA": start, "$ENDDATA": start + len(payload) - 1}
    text = "/" + "".join(f"{key}/{value}/" for key, value in said.items())
    places = (256, 256 + len(text) - 1, start, start + len(payload) - 1, 0, 0)
    head = f"{version}    " + "".join(f"{place:8d}" for place in places)
    path.write_bytes((head.ljust(256) + text).encode().ljust(start) + payload)
    return path


def pack(values, widths, is_little):
    """One long number, bit by bit: as slow and plain as can be."""
    number = place = 0
    for row in values.tolist():
        for value, width in zip(row, widths, strict=True):
            number = number | value << place if is_little else number << width | value
            place += width
    gap = -place % 8
    return (number if is_little else number << gap).to_bytes(
        (place + gap) // 8, "little" if is_little else "big"
    )


class TestCytometry:
    @pytest.mark.parametrize("order", ["1,2,3,4", "4,3,2,1"])
    @pytest.mark.parametrize(
        "widths", [[24, 24], [8, 16, 32], [64, 40], [10, 10, 10], [10, 12, 20, 3], [1, 33]]
    )
    def test_bits_of_any_number(self, tmp_path, widths, order):
        values = np.stack([RNG.integers(0, 2 ** min(width, 50), 21) for width in widths], axis=1)
        content = pack(values, widths, order.startswith("1"))
        path = write_fcs(tmp_path / "t.fcs", content, widths, 21, order)
        np.testing.assert_array_equal(read_table(path).values, values)

    def test_numbers_worked_by_hand(self, tmp_path):
        # Three bytes of 24 bits, as Cytek's xP5 writes them; 0x010203 = 66051
        path = write_fcs(tmp_path / "t.fcs", bytes([3, 2, 1, 255, 0, 0]), [24], 2)
        assert read_table(path).values[:, 0].tolist() == [66051, 255]
        # 10 bits: 1000000001 0000000010 | 11... of a number, the most significant first
        content = bytes([0b10000000, 0b01000000, 0b00101111, 0b11111100, 0b00000000])
        path = write_fcs(tmp_path / "t.fcs", content, [10, 10], 2, "4,3,2,1")
        assert read_table(path).values.tolist() == [[513, 2], [1023, 0]]
        # An order of neither kind: 0x0A0B0C0D lies as 0B 0A 0D 0C
        content = bytes([0x0B, 0x0A, 0x0D, 0x0C, 0, 0, 1, 0])
        path = write_fcs(tmp_path / "t.fcs", content, [32], 2, "3,4,1,2")
        assert read_table(path).values[:, 0].tolist() == [0x0A0B0C0D, 1]

    def test_bits_above_the_range_do_not_count(self, tmp_path):
        content = np.array([0xFC01, 0x0002, 0xF803, 0xFFFF], "<u2").tobytes()
        path = write_fcs(tmp_path / "t.fcs", content, [16, 16], 2, P1R=1024)
        assert read_table(path).values.tolist() == [[1, 2], [3, 65535]]

    def test_types_of_channels(self, tmp_path):
        content = np.array([(1.5, 7), (2.5, 9)], [("a", "<f4"), ("b", "<u2")]).tobytes()
        path = write_fcs(tmp_path / "t.fcs", content, [32, 16], 2, version="FCS3.2", P1DATATYPE="F")
        assert read_table(path).values.tolist() == [[1.5, 7], [2.5, 9]]
        content = np.array([1.5, 2, 3, 4], ">f8").tobytes()
        order = "8,7,6,5,4,3,2,1"
        path = write_fcs(tmp_path / "t.fcs", content, [64, 64], 2, order, DATATYPE="D")
        assert read_table(path).values.tolist() == [[1.5, 2], [3, 4]]

    def test_what_is_refused(self, tmp_path):
        way = "as FCS 3.1 with floating-point numbers"
        write = lambda *how, **more: write_fcs(tmp_path / "t.fcs", *how, **more)  # noqa: E731
        refused(write(bytes(20), [24, 32], 2, "3,4,1,2"), "order of bytes 3,4,1,2", way)
        refused(write(b"1 2 3 4 ", [16, 16], 2, DATATYPE="A"), "of the type 'A'", way)
        refused(write(bytes(8), [16, 16], 2, MODE="U"), "histograms", way)
        refused(write(bytes(8), [16, 16], 2, DATATYPE="F"), "'16' bits of the type 'F'", way)
        refused(write(bytes(5), [24, 32], 2), "2 events of 56 bits need 14 bytes")


@pytest.mark.parametrize("kind", [2, 3])
class TestCopiesOfZarr:
    ROWS = np.array([0, 1, 2, 4, 5])
    ADDED = {  # noqa: RUF012
        "group": np.array([3, 0, 1, 2, 2], np.uint8),
        "confidence": np.linspace(0.5, 1, 5),
        "group_name": np.array(["a", "b", "", "d", "d"], dtype=object),
    }

    def test_of_a_grid(self, tmp_path, kind):
        axes = {"y": [10.0, 20], "x": [1.0, 2, 3]}
        grid = xr.Dataset({"t": (("y", "x"), np.arange(6.0).reshape(2, 3))}, axes)
        grid.to_zarr(tmp_path / "t.zarr", zarr_format=kind, consolidated=kind == 2)
        write_like(tmp_path / "t.zarr", self.ADDED, tmp_path / "u.zarr", rows=self.ROWS)
        with xr.open_zarr(tmp_path / "u.zarr", consolidated=kind == 2) as copy:
            assert copy.group.dims == copy.t.dims == ("y", "x")
            np.testing.assert_array_equal(copy.t, grid.t)
            np.testing.assert_array_equal(copy.group, [[3, 0, 1], [np.nan, 2, 2]])
            np.testing.assert_array_equal(
                copy.confidence.values.ravel()[self.ROWS], [*np.linspace(0.5, 1, 5)]
            )
            assert copy.group_name.fillna("").values.ravel().tolist() == [
                "a",
                "b",
                "",
                "",
                "d",
                "d",
            ]
            assert copy.x.values.tolist() == [1, 2, 3]
        assert [path.name for path in tmp_path.glob(".*")] == []

    def test_of_arrays_without_axes(self, tmp_path, kind):
        group = zarr.open_group(str(tmp_path / "t.zarr"), mode="w", zarr_format=kind)
        group.create_array("features", data=np.arange(12.0).reshape(6, 2))
        write_like(tmp_path / "t.zarr", self.ADDED, tmp_path / "u.zarr", rows=self.ROWS)
        copy = zarr.open_group(str(tmp_path / "u.zarr"), mode="r")
        assert copy["group"][:].tolist() == [3, 0, 1, -1, 2, 2]
        assert copy["features"][:].tolist() == np.arange(12.0).reshape(6, 2).tolist()
        write_like(tmp_path / "u.zarr", self.ADDED, tmp_path / "u.zarr", rows=self.ROWS)
        assert "group_" in zarr.open_group(str(tmp_path / "u.zarr"), mode="r")


class TestLibrary:
    def fit(self, X, **how):
        return SOM(xdim=3, ydim=2, steps=100, random_state=0).fit(X, **how)

    def test_whole_numbers_that_float64_does_not_hold(self):
        small = RNG.integers(0, 100, size=(40, 2))
        large = small + 1_700_000_000_000_000_000
        for X in (large, large.tolist(), pd.DataFrame(large, columns=["t", "u"]).astype("Int64")):
            with pytest.raises(DataError, match="subtract the least of them first"):
                self.fit(X)
        labels = self.fit(large - large.min()).labels_
        np.testing.assert_array_equal(labels, self.fit(small - small.min()).labels_)
        self.fit(10**9 * small + 1_700_000_000_000_000_000)  # rounding is nothing beside the spread

    def test_float32_that_was_too_coarse(self):
        X = RNG.normal(size=(40, 2))
        with pytest.warns(UserWarning, match="feature 0 was held in float32.*0.5 apart"):
            self.fit((X + [5.2e6, 0]).astype(np.float32))
        whole = np.round(20 * X) + 5.2e6  # which float32 holds exactly
        self.fit(whole.astype(np.float32))

    def test_sparse_columns_and_records(self):
        X = RNG.normal(size=(40, 2))
        frame = pd.DataFrame({"a": pd.arrays.SparseArray(X[:, 0]), "b": X[:, 1]})
        records = np.empty(40, [("a", "f8"), ("b", "i4")])
        records["a"], records["b"] = X[:, 0], np.round(9 * X[:, 1])
        plain = np.column_stack([records["a"], records["b"]])
        np.testing.assert_array_equal(self.fit(frame).labels_, self.fit(X).labels_)
        np.testing.assert_array_equal(self.fit(records).labels_, self.fit(plain).labels_)

    def test_weights_that_are_no_numbers(self):
        with pytest.raises(DataError, match="sample_weight must be numbers"):
            self.fit(VALUES, sample_weight=["a"] * 12)


@pytest.mark.parametrize("ending", ["npy", "npz", "parquet", "csv", "xlsx", "h5"])
def test_what_float32_has_held_is_warned_of_where_it_may_have(tmp_path, caplog, ending):
    """Steps of a quarter at 2.5 million are what float32 has there; and what an instrument has."""
    path, days = tmp_path / f"t.{ending}", 2459000.5 + np.arange(40) / 4

    def said(values):
        if ending == "npy":
            np.save(path, np.c_[values])
        elif ending == "npz":
            np.savez(path, jd=values)
        elif ending == "h5":
            with h5py.File(path, "w") as file:
                file["jd"] = values
        else:
            frame = pd.DataFrame({"jd": values})
            how = {} if ending == "parquet" else {"index": False}
            getattr(frame, {"xlsx": "to_excel"}.get(ending, f"to_{ending}"))(path, **how)
        caplog.clear()
        read_table(path)
        return "was held in float32, whose numbers of that size are " in caplog.text

    assert said(days.astype(np.float32)) == (ending not in ("csv", "xlsx"))
    # An array of float64 may have been made of columns of several types.
    assert said(days) == (ending == "npy")
    assert not said(2**40 + 2**17 * np.arange(40))
