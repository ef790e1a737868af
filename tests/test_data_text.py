"""Text tables of every dialect: read with the option that the message about them names."""

import bz2
import gzip
import io
import logging
import lzma
import re
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kohorte.data.labels import open_labels
from kohorte.data.numbers import yaml_list
from kohorte.data.reading import ReadOptions
from kohorte.data.sources import open_source, read_table
from kohorte.errors import ConfigError, DataError

GAP = np.nan
PLAIN = "m,n\n1.5,-2\n30,4\n"
VALUES = [[1.5, -2], [30, 4]]


@pytest.fixture
def write(tmp_path):
    """Write text or bytes to a file; gives its path."""

    def write(text, name="t.csv", encoding="utf-8"):
        content = text.encode(encoding) if isinstance(text, str) else text
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


def zst(content):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zst}


class TestFiles:
    @pytest.mark.parametrize("suffix", PACKERS)
    def test_packed(self, write, suffix):
        packed = PACKERS[suffix](PLAIN.encode())
        for name in (f"t.csv.{suffix}", f"T.CSV.{suffix.upper()}", "t.csv"):
            assert read_table(write(packed, name)).values.tolist() == VALUES
        tabs = PACKERS[suffix](PLAIN.replace(",", "\t").encode())
        assert read_table(write(tabs, f"t.tsv.{suffix}")).values.tolist() == VALUES
        whole = PACKERS[suffix](PLAIN.encode() * 3000)
        with pytest.raises(DataError, match="truncated or damaged"):
            read_table(write(whole[:-6], f"t.csv.{suffix}"))

    def test_zip(self, tmp_path):
        for members in (["a.csv"], ["a.csv", "b.csv"], ["[Content_Types].xml"]):
            with zipfile.ZipFile(tmp_path / "t.csv.zip", "w") as archive:
                for member in members:
                    archive.writestr(member, PLAIN)
            if members == ["a.csv"]:
                assert read_table(tmp_path / "t.csv.zip").values.tolist() == VALUES
                continue
            says = "of 2 files; unpack" if len(members) == 2 else "is a spreadsheet"
            with pytest.raises(DataError, match=says):
                read_table(tmp_path / "t.csv.zip")

    def test_a_zip_of_a_version_to_come(self, write):
        with io.BytesIO() as stream:
            with zipfile.ZipFile(stream, "w") as archive:
                archive.writestr("a.csv", PLAIN)
            content = bytearray(stream.getvalue())
        content[content.index(b"PK\1\2") + 6] = 255  # the version that is needed
        with pytest.raises(DataError, match=r"cannot be unpacked here \(zip file version 25\.5\)"):
            read_table(write(bytes(content), "t.csv.zip"))

    def test_a_packed_line_that_fills_the_memory(self, write, monkeypatch):
        monkeypatch.setattr("kohorte.data.lines._LONGEST", 5000)
        with pytest.raises(DataError, match="has lines above 5000 characters"):
            read_table(write(gzip.compress(b"a" * 100_000), "t.csv.gz"))

    def test_what_is_packed_must_be_text(self, write):
        with pytest.raises(DataError, match=r"unknown extension '\.(npy\.)?gz'.*as \.csv\.gz"):
            read_table(write(gzip.compress(b"x"), "t.npy.gz"))

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
    def test_marked_encodings(self, write, encoding):
        table = read_table(write(PLAIN.replace("m", "größe"), encoding=encoding))
        assert (table.names, table.values.tolist()) == (("größe", "n"), VALUES)

    @pytest.mark.parametrize("encoding", ["cp1252", "shift_jis", "utf-16-le"])
    def test_named_encodings(self, write, encoding):
        name = "größe" if encoding == "cp1252" else "温度"
        source = write(PLAIN.replace("m", name), encoding=encoding)
        with pytest.raises(DataError, match=r"t\.csv: .*set data\.encoding"):
            read_table(source)
        assert read_table(source, encoding=encoding).names == (name, "n")

    @pytest.mark.parametrize("encoding", ["klingon", "zip", "rot13"])
    def test_unknown_encodings(self, write, encoding):
        with pytest.raises(ConfigError, match=rf"data\.encoding: no encoding .*'{encoding}'"):
            read_table(write(PLAIN), encoding=encoding)

    @pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
    def test_line_ends(self, write, end):
        assert read_table(write(PLAIN.replace("\n", end))).values.tolist() == VALUES


class TestDelimiters:
    @pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "\ufeffsep=;", "SEP=;"])
    def test_the_line_of_excel(self, write, first):
        source = write(f"{first}\n{PLAIN}x;1\n".replace(",", ";"))
        with pytest.raises(DataError, match=r"data row 2 \(line 5\): text 'x'"):
            read_table(source)
        assert read_table(source, features=["n"]).values.tolist() == [[-2], [4], [1]]

    @pytest.mark.parametrize(
        "text",
        ["m n\n1.5 -2\n30 4\n", "  m    n\n\n 1.5\t-2 \n\t30  4\n", '"m" "n"\n"1.5" -2\n30 "4"\n'],
    )
    def test_blanks(self, write, text):
        source = write(text, "t.txt")
        if "\t" not in text:
            with pytest.raises(DataError, match=r"set data\.delimiter, .*'whitespace'"):
                read_table(source)
        for delimiter in ("whitespace", " "):
            table = read_table(source, delimiter=delimiter)
            assert (table.names, table.values.tolist()) == (("m", "n"), VALUES)
        assert read_table(write(text, "t.dat")).values.tolist() == VALUES

    def test_blanks_in_quotes_divide_nothing(self, write):
        table = read_table(write('a kind\n1 "New York"\n2 x\n', "t.dat"), label="kind")
        assert table.label_names == ("New York", "x")

    def test_a_delimiter_at_the_end_of_lines(self, write):
        assert read_table(write("m,n,\n1.5,-2,\n30,4,\n")).values.tolist() == VALUES
        with pytest.raises(DataError, match=r"has 3 fields.*; the last one is empty"):
            read_table(write("m,n\n1.5,-2,\n30,4,\n"))
        with pytest.raises(DataError, match="column 2 has no name"):
            read_table(write("m,n,\n1.5,-2,\n30,4,7\n"))


class TestDecimalCommas:
    """Numbers are not cut at their commas, whatever the first line holds."""

    ROWS = "10,13;9,5;1\n11,4;8;2\n9,75;-7,25;3\n"

    @pytest.mark.parametrize("mark", [";", "\t", "|"])
    @pytest.mark.parametrize("header", ["", "T, C;p, hPa;q\n"])
    def test_what_else_divides_all_lines(self, write, mark, header):
        source = write((header + self.ROWS).replace(";", mark))
        says = f"set data.delimiter, which seems to be {mark!r}, and data.decimal to ','"
        with pytest.raises(DataError, match=re.escape(says)):
            read_table(source)
        table = read_table(source, delimiter=mark, decimal=",", header=bool(header))
        assert table.values.tolist() == [[10.13, 9.5, 1], [11.4, 8, 2], [9.75, -7.25, 3]]
        assert table.names[0] == ("T, C" if header else "feature_0")

    @pytest.mark.parametrize(
        "text",
        [
            "id,tags,x\n1,2;3,4\n5,6;7,8\n",
            "x,y;z\n1,a;b\n2,c;d\n",  # without the semicolons, commas divide as well
            "x,y|z\n1,2\n3,4\n",
        ],
    )
    def test_other_marks_within_fields(self, write, text):
        assert read_table(write(text), features=["x"]).n_rows == 2

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("a\n10,13\n10,10\n9,75\n", "has 2 fields.*comma is a decimal mark, set data.decimal"),
            ("a\n1013,5\n1010,25\n", "comma is a decimal mark, set data.decimal"),
            ("a,b\n10,13,15\n10,10,16\n", "has 3 fields.*where commas are decimal marks as well"),
            ("a,b\n7,10,13\n8,10,17\n", "where the first field names the row, give it a name"),
            ("a,b\nx,1,2\nx,3,4\n", "has 3 fields"),
            ("a,b\n0.5,1,2\n0.75,3,4\n", "has 3 fields"),
        ],
    )
    def test_what_names_no_rows(self, write, text, says):
        with pytest.raises(DataError, match=says):
            read_table(write(text))

    @pytest.mark.parametrize(
        ("names", "delimiter"),
        [("r1 r2", ","), ("1 2", ","), ("0 1", ","), ("31 7", " "), ("2024-05-01 x", " ")],
    )
    def test_what_names_rows(self, write, names, delimiter):
        rows = [f"{name},{k},{k * 7}" for k, name in enumerate(names.split(), 3)]
        text = "\n".join(["m,n", *rows]).replace(",", delimiter)
        table = read_table(write(text, "t.csv" if delimiter == "," else "t.dat"))
        assert (table.names, table.values.tolist()) == (("m", "n"), [[3, 21], [4, 28]])

    def test_names_of_some_rows_of_a_table(self, write):
        table = read_table(write("m,n\n31,1.5,-2\n7,30,4.5\n"))
        assert table.values.tolist() == [[1.5, -2], [30, 4.5]]


class TestHeaders:
    @pytest.mark.parametrize("text", ["1.5,-2\n30,4\n", "1.5,-2\nNA,4\n", "1990,1991\n1,2\n3,4\n"])
    def test_numbers_alone_are_asked_about(self, write, text):
        with pytest.raises(DataError, match=r"line 1 holds only numbers.*data\.header to false"):
            read_table(write(text))
        n_rows = text.count("\n")
        found = read_table(write(text), header=False, missing="skip")
        assert (found.names, found.n_rows) == (("feature_0", "feature_1"), n_rows)

    def test_years_are_names_where_they_are_said_to_be(self, write):
        source = write("1990,1991\n1,2\n3,4\n")
        assert read_table(source, header=True).names == ("1990", "1991")
        assert read_table(source, features=["1991"]).values.tolist() == [[2], [4]]

    def test_no_flower_is_lost(self, write):
        rows = ["5.1,3.5,1.4,setosa", "4.9,3.0,1.4,setosa", "7.0,3.2,4.7,versicolor"]
        source = write("\n".join(rows))
        with pytest.raises(DataError, match=r"line 1 seems to be data.*data\.header to false"):
            read_table(source, label="setosa")
        table = read_table(source, header=False, label="feature_3")
        assert table.values[0].tolist() == [5.1, 3.5, 1.4]
        assert table.label_names == ("setosa", "versicolor")

    @pytest.mark.parametrize(
        ("text", "is_data"),
        [
            ("id,400,410\nx,0.5,0.7\ny,0.3,0.1\n", False),  # wavelengths
            ("id,1990,1991\nx,0.5,0.7\ny,0.3,0.1\n", False),  # years
            ("x0,4.5,0.2\nx,0.5,0.7\ny,0.3,0.1\n", True),  # neither rise nor lie outside
            ("x0,0.4,0.5\nx,0.5,0.7\ny,0.3,0.1\n", True),  # rise, but lie within
        ],
    )
    def test_a_first_line_with_some_numbers(self, write, text, is_data):
        says = "seems to be data" if is_data else "data.features: "
        with pytest.raises(DataError, match=says):
            read_table(write(text))

    @pytest.mark.parametrize(
        ("line", "options"),
        [
            ("1.26D-01\t-1.3D+00", {}),
            ("−0.1\t7", {}),
            ("0,13\t0,4", {"decimal": ","}),
            ("12 600\t13 400", {"thousands": " "}),
            ("1.234,5\t7", {"decimal": ",", "thousands": "."}),
            ("<0.5\t<0.1", {"below_detection": "half"}),
        ],
    )
    def test_numbers_in_any_form_are_no_names(self, write, line, options):
        source = write(f"{line}\n{line}\n", "t.tsv")
        with pytest.raises(DataError, match=r"line 1 holds only numbers.*data\.header to false"):
            read_table(source, **options)
        assert read_table(source, header=False, **options).n_rows == 2
        source = write(f"{line}\tx\n{line}\ty\n{line}\tx\n", "t.tsv")
        with pytest.raises(DataError, match="line 1 seems to be data"):
            read_table(source, label="x", **options)

    @pytest.mark.parametrize(
        "rows",
        [
            ["TRUE,FALSE", "FALSE,FALSE", "TRUE,TRUE", "TRUE,FALSE", "TRUE,FALSE"],
            ["B", "NK", "B", "B", "NK", "B", "B"],
            ["rare", *["often"] * 9, *["rare"] * 3, "NA"],
            ["c0,B", "c1,T", "c2,B", "c3,B", "c4,T"],
        ],
    )
    def test_classes_alone_are_no_names(self, write, rows):
        with pytest.raises(DataError, match=r"line 1 seems to be data.*data\.header to false"):
            read_table(write("\n".join(rows)), label="kind")

    @pytest.mark.parametrize(
        ("names", "rows"),
        [
            ("T,F,y", ["1.5,2,y", "2.5,1,n", "3,3,y", "3.5,4,y"]),
            ("age,smoker", ["41,smoker", "52,none", "63,smoker", "30,smoker"]),
            ("alive,smoker", ["yes,smoker", "no,none", "yes,smoker", "yes,smoker"]),
            ("y,x", ["yes,1", "no,2", "yes,3"]),
        ],
    )
    def test_names_that_come_again_among_classes(self, write, names, rows):
        table = read_table(write("\n".join([names, *rows])), features=names.split(",")[:1])
        assert table.n_rows == len(rows)
        source = write("\n".join([names, *rows, names]))  # a header line between two parts
        with open_source(str(source), ReadOptions()) as opened:
            assert opened.names == tuple(names.split(","))

    def test_classes_in_label_files(self, write):
        classes = ["B", "NK", "T", "B", "T", "B", "NK", "T"]
        with (
            pytest.raises(DataError, match=r"set realizations\.label_options\.header to false"),
            open_labels(write("\n".join(classes), "t.txt")),
        ):
            pass
        with open_labels(write("\n".join(classes), "t.txt"), options={"header": False}) as opened:
            assert opened.array.tolist() == [0, 1, 2, 0, 2, 0, 1, 2]
        named = "\n".join(["kind", *classes, "kind", *classes])  # two files that were joined
        with open_labels(write(named, "t.txt")) as opened:
            assert len(opened.array) == 17
        text = "".join(f"c{k},{name}\n" for k, name in enumerate(["B", *classes]))
        with open_labels(write(text.replace("c0", "cell")), "B") as opened:
            assert len(opened.array) == 8  # the column of this name is asked for

    def test_row_names_whose_place_the_header_leaves_out(self, write, caplog):
        source = write('"m" "n"\n"r 1" 1.5 -2\n"r 2" 30 4\n', "t.dat")
        assert read_table(source).values.tolist() == VALUES
        assert "names rows" in caplog.text
        assert read_table(source, features=["n"]).values.tolist() == [[-2], [4]]

    def test_an_index_without_a_name_is_no_feature(self, write):
        table = read_table(write(",m,n\n0,1.5,-2\n1,30,4\n"))
        assert (table.names, table.values.tolist()) == (("m", "n"), VALUES)


class TestQuotes:
    ROWS = tuple(f"{k / 8}\t{k % 3}\tn{k}" for k in range(12))

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    @pytest.mark.parametrize("opens", [0, 4])
    def test_stray_quotes_hold_no_rows(self, write, opens, end):
        lines = ["a\tb\tname", *self.ROWS]
        lines[opens] = '1\t2\t"the big one' if opens else 'a\tb\t"name'
        lines[9] = '3\t4\tother"'
        says = rf"a quote that opens in line {opens + 2} closes in line 11, so that the "
        for mark, name in (("\t", "t.tsv"), (",", "t.csv"), (" ", "t.dat")):
            text = "\n" + end.join(line.replace("\t", mark) for line in lines)
            text = text.replace("the big one", "big") + end
            with pytest.raises(DataError, match=f"{says}{8 - opens} rows"):
                read_table(write(text, name), features=["a", "b"])

    @pytest.mark.parametrize(
        "field",
        ["Main Street 5\nOslo, Norway\nroom 5", "x\n5,7,9\ny", "1\n\n2", "x\n12, Main Street"],
    )
    def test_text_of_several_lines(self, write, field):
        source = write(f'a,place\n1,"x"\n2,"{field}\nend, of it"\n3,z\n')
        assert read_table(source, features=["a"]).values.tolist() == [[1], [2], [3]]


class TestComments:
    @pytest.mark.parametrize("mark", ["#", "%", "//", "!"])
    def test_lines_of_comments(self, write, mark):
        source = write(f"{mark} station 12\n{mark} m s-1\n{PLAIN}{mark} end\n1,x\n")
        with pytest.raises(DataError, match=rf"set data\.comment to '{mark}'"):
            read_table(source)
        with pytest.raises(DataError, match=r"data row 2 \(line 7\): text 'x'"):
            read_table(source, comment=mark)
        assert read_table(source, comment=mark, features=["m"]).values.tolist() == [
            [1.5],
            [30],
            [1],
        ]

    def test_the_message_has_the_delimiter_as_well(self, write):
        source = write(f"# of an instrument\n{PLAIN}".replace(",", ";"))
        says = r"set data\.comment to '#', and data\.delimiter to ';'"
        with pytest.raises(DataError, match=says):
            read_table(source)
        assert read_table(source, comment="#", delimiter=";").values.tolist() == VALUES

    def test_comments_within_the_table(self, write):
        with pytest.raises(DataError, match=r"has 1 field.*set data\.comment to '#'"):
            read_table(write(PLAIN + "# the end\n"))

    @pytest.mark.parametrize(
        ("names", "is_header"),
        [
            ("0,1,2", True),
            (",0,1,2", True),
            ("0,1,2,kind", True),
            ("0,kind,2,3", True),
            ("0,1", True),
            ("1,2,3", False),
            ("0,1,3", False),
            ("0,1,2,7.5", False),
        ],
    )
    def test_the_places_of_columns_are_names(self, write, names, is_header):
        rows = [[f"{k + n / 7:.3f}" for n in range(names.count(",") + 1)] for k in range(4)]
        source = write("\n".join([names, *map(",".join, rows)]) + "\n")
        if is_header:
            assert len(read_table(source, features=["0"]).values) == 4
        else:
            with pytest.raises(DataError, match=r"set data\.header to false"):
                read_table(source)

    def test_two_columns_of_whole_numbers_are_asked_about(self, write):
        with pytest.raises(DataError, match="line 1 holds only numbers"):
            read_table(write("0,1\n3,4\n5,6\n"))

    @pytest.mark.parametrize(
        ("content", "suffix"), [(b"PAR1xx", ".parquet"), (b"\x89HDF\r\n", ".h5")]
    )
    def test_a_file_of_another_format(self, write, content, suffix):
        with pytest.raises(DataError, match=rf"is no text, but seems to be a {suffix} file"):
            read_table(write(content + bytes(20)))

    def test_the_header_that_numpy_writes(self, tmp_path):
        np.savetxt(tmp_path / "t.txt", VALUES, header="two columns\nm n")
        table = read_table(tmp_path / "t.txt", comment="#", delimiter="whitespace")
        assert (table.names, table.values.tolist()) == (("m", "n"), VALUES)
        np.savetxt(tmp_path / "t.csv", VALUES, header="m,n", delimiter=",", fmt="%.1f")
        table = read_table(tmp_path / "t.csv", comment="#")
        assert (table.names, table.values.tolist()) == (("m", "n"), VALUES)


class TestNumbers:
    @pytest.mark.parametrize(
        ("token", "value", "options"),
        [
            ("1,5", 1.5, {"decimal": ","}),
            ("-1,25e3", -1250, {"decimal": ","}),
            ("1,234", 1234, {"thousands": ","}),
            ("-1,234,567.5", -1234567.5, {"thousands": ","}),
            ("1.234.567,5", 1234567.5, {"decimal": ",", "thousands": "."}),
            ("1 234,5", 1234.5, {"decimal": ",", "thousands": " "}),
            ("1\u202f234", 1234, {"thousands": " "}),
            ("1'234.5", 1234.5, {"thousands": "'"}),
            ("<0.5", 0.25, {"below_detection": "half"}),
            ("< 0.5", 0.5, {"below_detection": "limit"}),
            ("<0,5", 0.25, {"below_detection": "half", "decimal": ","}),
            ("<0.5", GAP, {"below_detection": "missing"}),
            ("n.d.", GAP, {"missing_values": ["N.D."]}),
            (">100", GAP, {"missing_values": [">100"]}),
            ("***", GAP, {"missing_values": ["***"]}),
        ],
    )
    def test_the_message_names_the_option_that_reads_it(self, write, token, value, options):
        source = write(f"m\tn\n2\t{token}\n3\t4\n", "t.tsv")
        with pytest.raises(DataError) as caught:
            read_table(source, missing="skip")
        assert f"feature 'n', data row 0 (line 2): text {token!r}" in str(caught.value)
        for key in options:
            assert f"data.{key}" in str(caught.value)
        found = read_table(source, missing="skip", **options).values
        np.testing.assert_array_equal(found, [[2, value], [3, 4]])

    @pytest.mark.parametrize(
        ("token", "value"),
        [
            ("1.5D+02", 150),
            ("-.5d-1", -0.05),
            ("0.15-102", 0.15e-102),
            ("1.q3", 1000),
            ("−7", -7),
            ("\u00a07 ", 7),
        ],
    )
    def test_read_without_an_option(self, write, token, value):
        found = read_table(write(f"m,n\n2,{token}\nNA,4\n"), missing="skip").values
        np.testing.assert_array_equal(found, [[2, value], [GAP, 4]])

    @pytest.mark.parametrize(
        ("token", "options"),
        [
            ("1,23", {"thousands": ","}),
            ("12,34,567", {"thousands": ","}),
            ("1,234,5", {"thousands": ","}),
            ("0,180", {"thousands": ","}),
            ("-012,180", {"thousands": ","}),
            ("0.031", {"decimal": ",", "thousands": "."}),
            ("0 180", {"thousands": " "}),
            ("1.5", {"decimal": ","}),
            ("1.23,5", {"decimal": ",", "thousands": "."}),
            ("1_000", {"decimal": ","}),
            ("3D1", {}),  # the name of a place rather than 30
            ("<x", {"below_detection": "half"}),
            ("<-2", {"below_detection": "half"}),
        ],
    )
    def test_what_looks_alike_is_refused(self, write, token, options):
        with pytest.raises(DataError, match=re.escape(f"text {token!r} in a numeric column")):
            read_table(write(f"m\tn\n2\t{token}\n3\t4\n", "t.tsv"), **options)

    def test_later_entries_tell_commas_apart(self, write):
        tails = {"1,25": "set data.decimal to ','", "1,234,567": "set data.thousands to ','"}
        for token, advice in tails.items():
            with pytest.raises(DataError) as caught:
                read_table(write(f"m\n1,234\n{token}\n", "t.tsv"))
            assert str(caught.value).endswith(advice)

    @pytest.mark.parametrize("token", ["<-2", "< −2,0"])
    def test_half_of_a_limit_below_zero_lies_above_it(self, write, token):
        source = write(f"m\tn\n2\t{token}\n3\t<4\n", "t.tsv")
        with pytest.raises(
            DataError, match=r"set data\.below_detection to limit or missing, as half"
        ):
            read_table(source, below_detection="half", decimal=",")
        for how, value in {"limit": [-2, 4], "missing": [GAP, GAP]}.items():
            table = read_table(source, below_detection=how, decimal=",", missing="skip")
            np.testing.assert_array_equal(table.values[:, 1], value)

    def test_no_group_of_digits_begins_with_zero(self, write):
        with pytest.raises(DataError, match=r"text '0,126' .*; set data\.decimal to ','$"):
            read_table(write("m\n0,126\n0,234\n", "t.tsv"))
        with pytest.raises(DataError, match=r"',' groups no thousands here; where it is the dec"):
            read_table(write("m\n0,126\n1,234,567\n", "t.tsv"), thousands=",")
        table = read_table(write("m\n0\n1,234\n", "t.tsv"), thousands=",")
        assert table.values.tolist() == [[0], [1234]]

    def test_the_semicolon_goes_with_the_comma(self, write):
        source = write("m;n\n1,5;-2\n30;4\n")
        says = r"set data\.delimiter, which seems to be ';', and data\.decimal to ','"
        with pytest.raises(DataError, match=says):
            read_table(source)
        assert read_table(source, decimal=",").values.tolist() == VALUES

    @settings(max_examples=100, deadline=None)
    @given(
        values=st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=8),
        decimal=st.sampled_from(".,"),
        thousands=st.sampled_from([None, ".", ",", " ", "'"]),
    )
    def test_numbers_come_back(self, tmp_path_factory, values, decimal, thousands):
        thousands = None if thousands == decimal else thousands
        marks = str.maketrans({".": decimal, ",": thousands or ""})
        texts = [f"{value:,.3f}".translate(marks) for value in values]
        path = tmp_path_factory.mktemp("numbers") / "t.tsv"
        path.write_text("\n".join(["m", *texts]))
        found = read_table(path, decimal=decimal, thousands=thousands).values[:, 0]
        np.testing.assert_array_equal(found, [float(f"{value:.3f}") for value in values])

    @pytest.mark.parametrize(
        ("choice", "says"),
        [
            ({"decimal": ";"}, "data.decimal must be one of '.', ','"),
            ({"thousands": "."}, "data.decimal and data.thousands are both '.'"),
            ({"below_detection": "zero"}, "data.below_detection must be one of 'error'"),
            ({"comment": " "}, "data.comment must be text that is not blank"),
            ({"header": "yes"}, "data.header must be one of 'auto', True, False"),
        ],
    )
    def test_options_out_of_bounds(self, write, choice, says):
        with pytest.raises(ConfigError, match=re.escape(says)):
            read_table(write(PLAIN), **choice)

    @pytest.mark.parametrize(
        "choice", [{"comment": "#"}, {"header": False}, {"encoding": "cp1252"}, {"delimiter": ";"}]
    )
    def test_options_of_text_files(self, choice):
        with pytest.raises(ConfigError, match=f"data.{next(iter(choice))} is for text files"):
            read_table("sklearn:iris", **choice)


class TestWords:
    @pytest.mark.parametrize(
        ("true", "false"),
        [("True", "False"), ("TRUE", "FALSE"), ("t", "f"), ("yes", "No"), ("Y", "N")],
    )
    def test_true_and_false_are_one_and_zero(self, write, caplog, true, false):
        with caplog.at_level(logging.INFO):
            table = read_table(write(f"m,n\n1,{true}\n2,{false}\n3,NA\n"), missing="skip")
        np.testing.assert_array_equal(table.values, [[1, 1], [2, 0], [3, GAP]])
        assert f"feature 'n': '{true.lower()}' is 1, '{false.lower()}' is 0" in caplog.text
        assert read_table(write(f"m,n\n1,{true}\n2,{true}\n")).values.tolist() == [[1, 1], [2, 1]]

    @pytest.mark.parametrize("other", ["1", "2.5", "no", "married"])
    def test_beside_others_they_are_text(self, write, other):
        for tokens in (("True", other), (other, "True")):
            with pytest.raises(DataError, match=r"'n', data row . .*in a numeric column"):
                read_table(write("m,n\n1,{}\n2,{}\n".format(*tokens)))

    def test_over_many_blocks(self, write):
        rows = "1,True\n" * 3000
        assert read_table(write(f"m,n\n{rows}")).values[:, 1].tolist() == [1] * 3000
        with pytest.raises(DataError, match=r"data row 0 \(line 2\): text 'True'"):
            read_table(write(f"m,n\n{rows}1,3\n"))

    def test_as_labels_they_are_names(self, write):
        assert read_table(write("m,n\n1,True\n2,False\n"), label="n").label_names == (
            "False",
            "True",
        )


class TestColumnsOfText:
    TEXT = "id,m,place,true,n,sex\nx1,1,Aberdeen,4,1.5,m\nx2,2,Bern,5,NA,f\nx3,3,Oslo,6,2.5,f\n"

    @pytest.fixture(params=["t.csv", "t.parquet"])
    def source(self, request, write, tmp_path):
        if request.param == "t.csv":
            return write(self.TEXT)
        columns = {
            "id": ["x1", "x2", "x3"],
            "m": [1, 2, 3],
            "place": pa.array(["Aberdeen", "Bern", "Oslo"]).dictionary_encode(),
            "true": [4, 5, 6],
            "n": [1.5, None, 2.5],
            "sex": pa.array(["m", "f", "f"], pa.large_string()),
        }
        pq.write_table(pa.table(columns), tmp_path / "t.parquet")
        return tmp_path / "t.parquet"

    def test_all_are_named_with_a_line_to_copy(self, source):
        with pytest.raises(DataError) as caught:
            read_table(source, missing="skip")
        message = str(caught.value)
        assert "feature 'id', data row 0" in message
        assert "3 of 6 columns are not numbers: 'id' ('x1'), 'place' ('Aberdeen'), 'sex' ('m')" in (
            message
        )
        assert 'data.features: [m, "true", "n"];' in message
        assert "data.label" in message
        chosen = read_table(source, features=["m", "true", "n"], missing="skip")
        np.testing.assert_array_equal(chosen.values, [[1, 4, 1.5], [2, 5, GAP], [3, 6, 2.5]])

    def test_chosen_columns_must_be_numbers(self, source):
        with pytest.raises(
            DataError, match=r"'sex', data row 0.*leave columns of text out"
        ) as caught:
            read_table(source, features=["m", "sex"])
        assert "features: [" not in str(caught.value)

    def test_options_for_columns_of_several_kinds(self, write):
        text = "a\tb\tc\n1,5\t<3\tn.d.\n2,5\t4\t1\n3,5\t5\t2\n"
        with pytest.raises(DataError) as caught:
            read_table(write(text, "t.tsv"))
        for advice in ("decimal to ','", "below_detection to half", 'missing_values: ["n.d."]'):
            assert f"data.{advice}" in str(caught.value)
        options = {"decimal": ",", "below_detection": "half", "missing_values": ["n.d."]}
        found = read_table(write(text, "t.tsv"), missing="skip", **options).values
        np.testing.assert_array_equal(found, [[1.5, 1.5, GAP], [2.5, 4, 1], [3.5, 5, 2]])

    def test_numbers_in_text_of_parquet(self, tmp_path):
        columns = {"a": ["1,5", None, "<2"], "b": ["yes", "no", "NA"], "c": [1, 2, 3]}
        pq.write_table(pa.table(columns), tmp_path / "t.parquet")
        options = {"decimal": ",", "below_detection": "limit", "missing": "skip"}
        found = read_table(tmp_path / "t.parquet", **options).values
        np.testing.assert_array_equal(found, [[1.5, 1, 1], [GAP, 0, 2], [2, GAP, 3]])


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["a b", "c(%)"], "[a b, c(%)]"),
        (["no", "Null", "1e3", "x: y", "é", "", "a,b", '"'], None),
    ],
)
def test_names_are_written_as_yaml_reads_them(names, line):
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(yaml_list(names)) == names
    assert line is None or yaml_list(names) == line


class TestOneColumn:
    def test_blank_lines_are_missing_values(self, write, caplog):
        source = write("\nm\n1\n\n3\n  \n5\n")
        with pytest.raises(DataError, match=r"'m', data row 1 \(line 4\): missing value \(''\)"):
            read_table(source)
        table = read_table(source, missing="skip")
        np.testing.assert_array_equal(table.values[:, 0], [1, GAP, 3, GAP, 5])
        assert read_table(source, missing="drop").rows.tolist() == [0, 2, 4]
        with pytest.raises(DataError, match=r"data row 3 \(line 6\)"):
            read_table(write("\nm\n1\n\n3\nx\n5\n"), missing="skip")

    @pytest.mark.parametrize("end", ["\n", "\n\n\n", "\n  \n\n"])
    def test_blank_lines_at_the_end_are_nothing(self, write, end):
        source = write(f"m\n1\n\n3{end}")
        np.testing.assert_array_equal(read_table(source, missing="skip").values[:, 0], [1, GAP, 3])
        with open_labels(source) as opened:
            assert opened.array.tolist() == [1, -1, 3]
        with open_labels(write(f"1\n\n3{end}", "t.txt"), options={"header": False}) as opened:
            assert opened.array.tolist() == [1, -1, 3]

    def test_a_missing_value_in_quotes_is_a_row(self, write):
        source = write('m\n1\n""\n3\n""\n\n')  # as pandas writes it
        found = read_table(source, missing="skip").values[:, 0]
        np.testing.assert_array_equal(found, [1, GAP, 3, GAP])

    def test_in_all_formats_alike(self, write, tmp_path):
        text = write("m\n1\n\n3\n")
        pq.write_table(pa.table({"m": [1, None, 3]}), tmp_path / "t.parquet")
        np.save(tmp_path / "t.npy", np.array([[1], [GAP], [3]]))
        for source in (text, tmp_path / "t.parquet", tmp_path / "t.npy"):
            found = read_table(source, missing="skip").values[:, 0]
            np.testing.assert_array_equal(found, [1, GAP, 3])

    def test_in_wider_tables_they_are_nothing(self, write):
        assert read_table(write("m,n\n1,2\n\n3,4\n\n")).n_rows == 2

    @pytest.mark.parametrize("blank", [" ", "\t \t"])
    def test_a_line_of_blanks_is_a_blank_line(self, write, blank):
        source = write(f"{blank}\nm,n\n1,2\n{blank}\n3,x\n{blank}\n")
        assert read_table(source, features=["m"]).values.tolist() == [[1], [3]]
        with pytest.raises(DataError, match=r"data row 1 \(line 5\): text 'x'"):
            read_table(source)
        with pytest.raises(DataError, match=r"has 1 field, but the header names 2 columns$"):
            read_table(write('m,n\n1,2\n""\n'))
