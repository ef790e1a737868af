"""The command: what it makes of a table, what it finds wrong, and how it calls Snakemake."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kohorte._text import yaml_name
from kohorte.command import workflow
from kohorte.command.checking import check_study
from kohorte.command.columns import describe_values, find_role, look_at
from kohorte.command.main import _make_parser, _split, main
from kohorte.command.proposal import name_study
from kohorte.command.studies import find_default, find_study
from kohorte.command.tables import propose_study, study_of_table
from kohorte.data.names import find_reader
from kohorte.data.reading import ReadOptions
from kohorte.data.sources import open_source
from kohorte.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def rocks(folder):
    """Sixty analyses with what such tables hold beside numbers."""
    rng = np.random.default_rng(3)
    table = pd.DataFrame(
        {
            "no": np.arange(1, 61),
            "specimen": [f"R-{k}" for k in range(60)],
            "lithology": np.repeat(["basalt", "dacite", "tuff"], 20),
            "site": np.tile(["north", "south"], 30),
            "SiO2 [wt%]": rng.normal(50, 3, 60),
            "MgO": rng.normal(8, 1, 60),
            "NO": np.exp(2 * rng.normal(size=60)),
            "year": rng.integers(1990, 2000, 60),
            "latitude": rng.normal(47, 0.1, 60),
            "analyst": "Ada",
            "remark": "",
            "taken": "2020-05-17",
            "Cr": ["<0.5", *map(str, rng.normal(30, 5, 59).round(1))],
            "F": [np.nan] * 50 + list(rng.normal(size=10)),
        }
    )
    table.loc[[7, 9], "MgO"] = np.nan
    table.loc[1, "taken"] = "2020-05-18"
    table.to_csv("rocks.csv", index=False)
    return table


def config_of(table, name=None):
    return yaml.safe_load(propose_study(str(table), name)[2])


def write(**config):
    with open("mine.yaml", "w") as stream:
        yaml.safe_dump(config, stream)


def faults(**data):
    return check_study({"study": "a", "data": data}).faults


@pytest.mark.parametrize(
    ("name", "role"),
    [
        *(
            (name, "feature")
            for name in ("long_axis", "reaction_time", "day_length", "sample_mass")
        ),
        *((name, "feature") for name in ("living_area", "short_axis", "hours", "type 2 diabetes")),
        *((name, "date") for name in ("year", "birth_year", "time", "Time (s)", "hour_of_day")),
        *((name, "coordinate") for name in ("long", "lat", "lon_deg", "Longitude of site")),
        *((name, "group") for name in ("group", "sample_id", "siteCode", "batch no")),
        *((name, "class") for name in ("target", "class_id", "cell type")),
    ],
)
def test_what_names_of_numbers_say(name, role):
    values = np.repeat([3.0, 5, 8, 9], 10)
    table = pd.DataFrame({name: values, "x": np.arange(40) ** 2 / 7})
    table.to_csv("t.csv", index=False)
    with open_source("t.csv", ReadOptions()) as source:
        assert find_role(look_at(source).columns[0])[0] == role


def test_results_in_another_folder_are_opened_and_not_run(monkeypatch, capsys):
    folder = Path("results/mine")
    folder.mkdir(parents=True)
    write(study="mine", data={"source": "t.csv"})
    Path("mine.yaml").rename(folder / "config.yaml")
    (folder / "report.html").write_text("<html></html>")
    (folder / "MANIFEST").write_text("")
    home = Path().resolve()
    Path("sub").mkdir()
    monkeypatch.chdir("sub")
    opened = []
    monkeypatch.setattr("kohorte.command.display.open_path", opened.append)
    assert main(["open", "../results/mine"]) == 0
    assert opened == [Path("../results/mine/report.html")]
    for command in ("verify", "run", "check", "report"):
        assert main([command, "../results/mine"]) == 1
        assert f"go to {home}, and give results/mine there" in capsys.readouterr().err


def test_negative_labels_are_told_of_by_check():
    np.save("a.npy", np.array([0, 1, 1, 0]))
    np.save("b.npy", np.array([0, -1, 1, 0]))
    config = {"study": "a", "realizations": {"labels": ["a.npy", "b.npy"]}}
    (fault,) = check_study(config).faults
    assert "b.npy: holds the negative id -1" in fault
    assert "set realizations.noise: -1" in fault
    config["realizations"]["noise"] = -1
    assert not check_study(config).faults


def test_skip_is_not_offered_where_a_row_has_nothing():
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["x", "y"])
    table.loc[::20, "x"] = np.nan
    table.to_csv("t.csv", index=False)
    assert "or skip: measure distances" in propose_study("t.csv")[2]
    table.loc[20, "y"] = np.nan
    table.to_csv("t.csv", index=False)
    text = propose_study("t.csv")[2]
    assert "miss a value of a feature, 1 all of them" in text
    assert "skip" not in text


def test_ranges_in_names_are_no_units():
    values = np.random.default_rng(0).random((30, 3)) * [100, 1, 1e-3] + [0, 0, 1e6]
    names = ["score (1-100)", "width [cm]", "counter"]
    pd.DataFrame(values, columns=names).to_csv("t.csv", index=False)
    with open_source("t.csv", ReadOptions()) as source:
        score, width, counter = look_at(source).columns
    assert (score.unit, width.unit) == (None, "cm")
    low, high = describe_values(counter).split(" to ")
    assert 1e6 <= float(low) < float(high) < 1e6 + 1e-3


def test_no_configuration_is_written_of_columns_with_one_name():
    Path("t.csv").write_text("x,note,note\n1.5,a,b\n2.5,c,d\n3.25,e,f\n")
    with pytest.raises(DataError, match="columns 1 and 2 are both called 'note'"):
        propose_study("t.csv")


def table_of(n_columns=3, **rows):
    """Lines of a table of numbers, in which some rows have other text; `r1` is the first."""
    values = np.random.default_rng(0).normal(size=(30, n_columns)).round(3).astype(str)
    lines = [",".join(row) for row in values]
    for row, text in rows.items():
        lines.insert(int(row[1:]) - 1, text)
    return "".join(f"{line}\n" for line in [",".join("abcdef"[:n_columns]), *lines])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (table_of(r1="m,kg,s"), "the units of the columns (m, kg, s); remove the line, and say"),
        (table_of(r9="a,b,c"), "data row 8 (line 10): holds the names of the columns again"),
        (table_of(r1="mean of run,of day,of week"), "correct it, leave the row out"),
        (table_of(2, r1="12%,13%", r2="12 %,4%"), "write the number without '%'"),
        ("a,b\n" + "<0.01,<0.02\n" * 9, "set data.below_detection to half, limit or missing"),
        ("a\n" + "0.25 kg\n" * 9, "write the number without 'kg', and say the unit in data.units"),
    ],
    ids=["units", "names", "two rows", "percent", "below", "kg"],
)
def test_what_keeps_columns_from_being_numbers_is_said_by_init_and_check(text, said):
    Path("t.csv").write_text(text)
    with pytest.raises(DataError, match=re.escape(said)):
        propose_study("t.csv")
    assert said in " ".join(faults(source="t.csv", features=text.split("\n")[0].split(",")))


def test_a_row_of_units_is_one_fault_and_is_said_beside_numbers():
    Path("t.csv").write_text(table_of(4, r1="m,kg,s,-"))
    text = propose_study("t.csv")[2]
    assert yaml.safe_load(text)["data"]["features"] == ["d"]
    assert re.search(r"#   a +# text; .*seems to hold the units of the columns \(m\)", text)
    found = faults(source="t.csv", features=list("abcd"), missing="skip")
    assert (
        "t.csv: data row 0 (line 2): seems to hold the units of the columns (m, kg, s)" in found[0]
    )
    assert len(found) == 1


def test_numbers_that_are_no_measurements_do_not_stand_in_for_features_to_be_read():
    values = np.random.default_rng(0).normal(1, 0.1, (30, 5))
    table = pd.DataFrame(values.round(3), columns=["lat", "lon", "As", "Cd", "Pb"])
    table.insert(0, "sample_no", np.arange(1, 31))
    table["class"] = np.arange(30) % 3
    plain = table.drop(columns=["As", "Cd", "Pb"])
    table = table.astype(dict.fromkeys(("As", "Cd", "Pb"), str))
    table.loc[::4, ["As", "Cd", "Pb"]] = "<0.01"
    table.to_csv("t.csv", index=False)
    said = "set data.below_detection .* no measurements: 'sample_no' \\(identifier\\), 'lat'"
    with pytest.raises(DataError, match=f"{said}.*; here by --data below_detection=..."):
        propose_study("t.csv")
    _, _, text = propose_study("t.csv", given={"below_detection": "half"})
    assert yaml.safe_load(text)["data"]["features"] == ["As", "Cd", "Pb"]
    # Where there is nothing else to be had, places are taken before classes; numbers of rows never.
    scores = plain[["sample_no", "class"]].assign(group=np.arange(30) % 4)
    address = plain.assign(address=[f"{k} Elm Street, flat {k % 3}" for k in range(30)])
    for other, features in (
        (plain, ["lat", "lon"]),
        (address, ["lat", "lon"]),
        (scores, ["class", "group"]),
        (plain[["lat", "lon"]], ["lat", "lon"]),
    ):
        other.to_csv("t.csv", index=False)
        data = config_of("t.csv")["data"]
        assert data["features"] == features
        assert faults(**data) == []
    plain[["sample_no"]].to_csv("t.csv", index=False)
    with pytest.raises(DataError, match=r"no column .*'sample_no' \(identifier\)"):
        propose_study("t.csv")


def test_annotations_do_not_stand_in_for_features():
    h5py = pytest.importorskip("h5py")
    with h5py.File("t.h5ad", "w") as file:
        file["X"] = np.ones((20, 2), np.float32)
        for axis, names in (("obs", [f"c{k}" for k in range(20)]), ("var", ["g1", "g2"])):
            group = file.create_group(axis)
            group.attrs["_index"], group["_index"] = "_index", names
        file["obs/n_genes"] = np.arange(20.0) ** 2
    with pytest.raises(DataError, match="no column of numbers that differ"):
        propose_study("t.h5ad")


@pytest.mark.parametrize("header", ["a,,c", "a,b,"])
def test_a_feature_without_a_name_is_said(header, capsys):
    Path("t.csv").write_text(table_of().replace("a,b,c", header))
    assert main(["init", "t.csv"]) == 0
    assert re.search(
        r"# column [12] +# a feature without a name; write one", Path("t.yaml").read_text()
    )
    Path("t.yaml").unlink()
    study_of_table("t.csv")
    assert "left out  (no name): a feature without a name" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ids", "role"),
    [
        (10**17 + 3 * (np.arange(60) % 40), "other"),
        (1234567890123456000 + 7 * np.arange(60), "identifier"),
        (10**17 + 3 * np.arange(60, dtype=np.int64) ** 9, "identifier"),
    ],
)
@pytest.mark.parametrize("save", ["csv", "parquet"])
def test_ids_beyond_float64_are_no_features(ids, role, save):
    table = pd.DataFrame(ROWS, columns=["a", "b"])
    table.insert(0, "id", ids)
    getattr(table, f"to_{save}")(f"t.{save}", index=False)
    with open_source(f"t.{save}", ReadOptions()) as source:
        column = look_at(source)["id"]
    assert (find_role(column)[0], column.n_distinct) == (role, len(set(ids.tolist())))
    data = config_of(f"t.{save}")["data"]
    assert data["features"] == ["a", "b"]
    assert faults(**data) == []


def test_dates_written_as_numbers_are_no_features():
    table = pd.DataFrame(ROWS, columns=["a", "b"])
    table["ymd"] = [20200101 + 100 * (k % 12) + k % 28 for k in range(60)]
    table["counts"] = [20200100 + 7 * k for k in range(60)]  # day 0 of a month is none
    table.to_csv("t.csv", index=False)
    text = propose_study("t.csv")[2]
    assert yaml.safe_load(text)["data"]["features"] == ["a", "b", "counts"]
    assert re.search("# - ymd +# date; ", text)
    assert "# carry: [ymd]" in text


def test_an_encoding_that_was_guessed_is_marked():
    Path("t.csv").write_bytes(table_of().replace("a,b", "имя,b").encode("cp1251"))
    assert 'encoding: "cp1252"    # a guess; where names look wrong' in propose_study("t.csv")[2]
    text = propose_study("t.csv", given={"encoding": "cp1251"})[2]
    assert 'encoding: "cp1251"    # as given' in text
    assert yaml.safe_load(text)["data"]["features"] == ["имя", "b", "c"]


def test_a_table_is_looked_at(rocks, capsys):
    with open_source("rocks.csv", ReadOptions()) as source:
        look = look_at(source)
    roles = {column.name: find_role(column)[0] for column in look.columns}
    assert roles == {
        "no": "identifier",
        "specimen": "identifier",
        "lithology": "class",
        "site": "group",
        "SiO2 [wt%]": "feature",
        "MgO": "feature",
        "NO": "feature",
        "year": "date",
        "latitude": "coordinate",
        "analyst": "constant",
        "remark": "constant",
        "taken": "date",
        "Cr": "text",
        "F": "feature",
    }
    assert look["SiO2 [wt%]"].unit == "wt%"
    assert look["MgO"].n_missing == 2
    assert look["MgO"].first_missing == 7
    assert look["MgO"].low == pytest.approx(rocks["MgO"].min())
    assert look["Cr"].words == (("<0.5", 1),)
    assert [c.name for c in look.columns if c.transform] == ["NO"]
    assert look["NO"].transform == "log"
    assert look.count_incomplete(["MgO", "F"]) == (
        rocks[["MgO", "F"]].isna().any(axis=1).sum(),
        rocks[["MgO", "F"]].isna().all(axis=1).sum(),
    )


def test_what_is_written_for_a_table_runs_as_it_is(rocks, capsys):
    assert main(["init", "rocks.csv"]) == 0
    shown = capsys.readouterr().out
    assert "14 columns" in shown
    assert "numbers, but for '<0.5' (1)" in shown
    config = yaml.safe_load(Path("rocks.yaml").read_text())
    beside = {"id": "specimen", "group": ["site"]}
    assert config == {
        "study": "rocks",
        "data": {
            "source": "rocks.csv",
            "features": ["SiO2 [wt%]", "MgO", "NO"],
            "missing": "drop",
            **beside,
        },
    }
    assert main(["check", "rocks.yaml"]) == 0
    assert "58, 3 features" in capsys.readouterr().out
    text = Path("rocks.yaml").read_text()
    assert "2 of 60 rows (3.3%) miss a value" in text
    # What is commented out has its reason, and can be put in.
    assert "# - F           # 83% missing" in text
    assert "# label: lithology    # 3 classes" in text
    assert "# carry: [year, taken, latitude]" in text
    advice = "numbers, but for '<0.5' (1); it is below a limit of detection: set data.below"
    assert re.search(rf"#   Cr +# text; {re.escape(advice)}", text)
    for key in ("label", "carry", "transform"):
        text = text.replace(f"  # {key}:", f"  {key}:")
    config = yaml.safe_load(text.replace("    # - latitude", "    - latitude"))
    assert config["data"]["transform"] == {"NO": "log"}
    found = check_study(config)
    assert found.faults == []
    assert "feature 'latitude' looks like a coordinate" in found.notes


@pytest.mark.parametrize("name", ["a b", "../x", "data", "results", "x" * 81])
def test_a_name_that_no_study_can_have_is_refused(rocks, capsys, name):
    for command in ("init", "run"):
        assert main([command, "rocks.csv", "--study", name]) == 1
        assert "study: " in capsys.readouterr().err
    assert sorted(path.name for path in Path("..").glob("*.yaml")) == []
    assert os.listdir() == ["rocks.csv"]


def test_a_file_is_written_once_and_replaced_on_request(rocks, capsys):
    Path("mine.yaml").write_text("study: mine\n")
    assert main(["init", "rocks.csv", "-o", "mine.yaml"]) == 1
    assert capsys.readouterr().err.startswith("kohorte: mine.yaml: is there already")
    assert Path("mine.yaml").read_text() == "study: mine\n"
    assert main(["init", "rocks.csv", "-o", "mine.yaml", "--study", "new", "--force"]) == 0
    assert yaml.safe_load(Path("mine.yaml").read_text())["study"] == "new"
    capsys.readouterr()
    assert main(["init", "rocks.csv", "-o", "-"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["study"] == "rocks"


@pytest.mark.parametrize(
    ("gaps", "missing", "n_features"),
    [({}, None, 3), ({"a": 2}, "drop", 3), ({"a": 30}, "skip", 3), ({"a": 70}, None, 2)],
)
def test_gaps_are_dealt_with_by_their_number(gaps, missing, n_features):
    table = pd.DataFrame(np.random.default_rng(1).normal(size=(100, 3)), columns=list("abc"))
    for name, count in gaps.items():
        table.loc[: count - 1, name] = np.nan
    table.to_csv("t.csv", index=False)
    data = config_of("t.csv")["data"]
    assert (data.get("missing"), len(data["features"])) == (missing, n_features)
    assert faults(**data) == []


def test_rows_without_any_value_cannot_be_skipped():
    values = np.random.default_rng(1).normal(size=(50, 2))
    values[:20] = np.nan
    pd.DataFrame(values, columns=["a", "b"]).to_csv("t.csv", index=False)
    data = config_of("t.csv")["data"]
    assert data["missing"] == "drop"
    assert faults(**data) == []


@pytest.mark.parametrize("save", ["csv", "tsv", "parquet", "npz", "h5"])
def test_any_format_is_proposed(save):
    import h5py

    values = np.random.default_rng(1).normal(size=(30, 2))
    table = pd.DataFrame(values, columns=["width", "on"])
    path = f"Täble 1.{save}"
    if save in ("csv", "tsv"):
        table.to_csv(path, index=False, sep="\t" if save == "tsv" else ",")
    elif save == "parquet":
        table.assign(kind=["x", "y"] * 15, when=pd.Timestamp("2020-01-01")).to_parquet(path)
    elif save == "npz":
        np.savez(path, features=values, names=list(table))
    else:
        with h5py.File(path, "w") as file:
            file["features"], file["names"] = values, list(table)
    config = config_of(path)
    assert config["study"] == "Table_1"
    assert config["data"]["features"] == ["width", "on"]
    assert check_study(config).faults == []


@pytest.mark.parametrize(
    ("name", "text", "reading", "features"),
    [
        ("t.csv", "a;b\n1,5;2\n{}", {"delimiter": ";", "decimal": ","}, ["a", "b"]),
        ("t.csv", "a\tb\n1.5\t2\n{}", {"delimiter": "\t"}, ["a", "b"]),
        ("t.txt", "a b\n1.5 2\n{}", {"delimiter": "whitespace"}, ["a", "b"]),
        ("t.csv", "# made by hand\na,b\n1.5,2\n{}", {"comment": "#"}, ["a", "b"]),
        ("t.csv", "1.5,2\n{}", {"header": False}, ["feature_0", "feature_1"]),
        ("t.tsv", "a\tb\n1,5\t2\n{}", {"decimal": ","}, ["a", "b"]),
        ("t.csv", 'a,b\n"1 234.5",2\n{}', {"thousands": " "}, ["a", "b"]),
        ("t.csv", "ä,b\n1.5,2\n{}", {"encoding": "cp1252"}, ["ä", "b"]),
        ("t.csv", "a,b\n-9999,-9999\n-9999,3\n{}", {"missing_values": [-9999]}, ["a", "b"]),
    ],
)
def test_how_text_is_written_is_found_out(name, text, reading, features):
    """One line is given in the form in question, and thirty more are made like it."""
    mark = reading.get("delimiter", "\t" if name.endswith("tsv") else ",")
    rows = np.random.default_rng(1).normal(1, 0.1, (30, 2)).round(3).astype(str)
    if reading.get("decimal") == ",":
        rows = [[number.replace(".", ",") for number in row] for row in rows]
    lines = [(" " if mark == "whitespace" else mark).join(row) for row in rows]
    encoding = reading.get("encoding", "utf-8")
    Path(name).write_text(text.format("\n".join(lines)) + "\n", encoding=encoding)
    config = config_of(name)
    data = config["data"]
    assert {key: data[key] for key in data if key in _FORMS} == reading
    assert data["features"] == features
    assert check_study(config).faults == []


_FORMS = {"delimiter", "decimal", "thousands", "comment", "header", "encoding", "missing_values"}


ROWS = np.random.default_rng(0).normal(size=(60, 2)).round(2).tolist()


@pytest.mark.parametrize(
    ("before", "names", "after"),
    [
        ([], ["*0", "1", "2"], "* flagged by operator"),
        (["Control"], ["Control 1", "Control 2", "Case 1"], ""),
        ([], ["#00ff00", "#0000ff"], "# end"),
    ],
)
def test_what_begins_rows_begins_no_comments(before, names, after):
    rows = [f"{names[k % len(names)]},{a},{b}" for k, (a, b) in enumerate(ROWS)]
    Path("t.csv").write_text("\n".join(["sample,a,b", *before, *rows, after]) + "\n")
    with pytest.raises(DataError, match=r"set data.comment .*; but line \d begins so as well, and"):
        propose_study("t.csv")
    if before:
        assert propose_study("t.csv", given={"comment": "Control"})[0].n_rows == 20


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "# 3 samples, 2018, a\n# a,b,c\n{}\n# end of 60 rows\n"),
        ("t.csv", "# made by hand\na,b,c\n{}\n# flagged, by the operator, later\n# 2018, 2019\n"),
        ("t.dat", "a b c\n# units are mm\n{}\n"),
    ],
)
def test_comments_are_found_where_they_are_no_rows(name, text):
    mark = "," if name.endswith("csv") else " "
    rows = "\n".join(mark.join(map(str, [k, *row])) for k, row in enumerate(ROWS))
    Path(name).write_text(text.format(rows))
    look, _, config = propose_study(name)
    assert (look.n_rows, yaml.safe_load(config)["data"]["comment"]) == (60, "#")
    assert [column.name for column in look.columns] == ["a", "b", "c"]


def test_a_code_of_one_column_takes_no_values_of_others():
    rng = np.random.default_rng(0)
    coded = rng.uniform(8, 30, 200).round(1)
    coded[::10] = 999
    # Numbers of rows are no features, and flags are far from the code that stands among them.
    table = pd.DataFrame({"no": np.arange(900, 1100), "pm10": coded, "b": [-9999.0, 0, 1, 1] * 50})
    table["pm2"] = table["pm10"].replace(999, -9999)
    table.to_csv("t.csv", index=False)
    assert config_of("t.csv")["data"]["missing_values"] == [-9999, 999]
    for low in (903, 800):
        table["pressure"] = rng.permutation(np.arange(low, low + 200))
        table.to_csv("t.csv", index=False)
        text = propose_study("t.csv")[2]
        assert yaml.safe_load(text)["data"]["missing_values"] == [-9999]
        assert "# missing_values: [999]    # 20 times in pm10, but pressure, " in text
    table.assign(pm1=coded).to_csv("t.csv", index=False)
    text = propose_study("t.csv")[2]
    assert text.count("# missing_values: [999]    # 20 times in pm10 and in 1 more, but pres") == 1
    assert text.count("# missing_values:") == 1


@pytest.mark.parametrize(
    ("name", "column", "features"),
    [
        ("t.csv", ["1,2", "3", "4,5"], ["a", "b"]),
        ("t.tsv", ["1.5", "3.25", "4,5"], ["a", "b"]),
        ("s.csv", ["1,2", "3,4", "4,5"], ["a", "b"]),
        ("t.csv", ["030 123 045", "030 123 046", "0176 123 456"], ["a", "b"]),
    ],
)
def test_marks_of_one_column_take_no_numbers_of_others(name, column, features):
    mark = {"t.csv": ",", "t.tsv": "\t", "s.csv": ";"}[name]
    rows = [[str(a), str(b), f'"{column[k % 3]}"'] for k, (a, b) in enumerate(ROWS)]
    Path(name).write_text("\n".join(map(mark.join, [["a", "b", "c"], *rows])) + "\n")
    data = config_of(name)["data"]
    assert data["features"] == features
    assert {"decimal", "thousands"}.isdisjoint(data)
    assert faults(**data) == []


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_a_decimal_comma_is_found_beside_a_column_with_points(name):
    mark = ";" if name.endswith("csv") else "\t"
    rows = [
        [*(str(v).replace(".", ",") for v in row), f"{k % 28 + 1}.05"] for k, row in enumerate(ROWS)
    ]
    Path(name).write_text("\n".join(map(mark.join, [["a", "b", "on"], *rows])) + "\n")
    data = config_of(name)["data"]
    assert (data["decimal"], data["features"]) == (",", ["a", "b"])


def test_how_a_table_is_read_can_be_given(capsys):
    np.savez("t.npz", first=np.ones((9, 2)), second=np.random.default_rng(1).normal(size=(9, 3)))
    assert main(["init", "t.npz", "--data", "feature_dataset=second"]) == 0
    data = yaml.safe_load(Path("t.yaml").read_text())["data"]
    assert data["feature_dataset"] == "second"
    assert data["features"] == ["feature_0", "feature_1", "feature_2"]
    capsys.readouterr()
    assert main(["init", "t.npz", "--data", "dataset=second", "-o", "-"]) == 1
    assert capsys.readouterr().err.startswith(
        "kohorte: --data dataset: tables are not read by it; "
    )
    assert main(["init", "t.npz", "--data", "second", "-o", "-"]) == 1
    assert "is no KEY=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "key", "value"),
    [
        ("missing_values=-9999", "missing_values", [-9999]),
        ("missing_values=n.d.", "missing_values", ["n.d."]),
        ('missing_values=[-1, "x"]', "missing_values", [-1, "x"]),
        ("not_missing=[1]", "not_missing", ["1"]),
        ("comment=5", "comment", "5"),
        ("header=true", "header", True),
        ("label=lithology", "label", "lithology"),
        ("label=MgO", "label", "MgO"),
    ],
)
def test_what_is_said_of_reading_is_taken_as_the_study_takes_it(rocks, capsys, given, key, value):
    assert main(["init", "rocks.csv", "-o", "-", "--data", given]) == 0
    shown = capsys.readouterr().out
    assert re.search(rf"^  {key}: .*    # as given$", shown, re.M)
    data = yaml.safe_load(shown)["data"]
    assert data[key] == value
    assert "# label: lithology" in shown or key == "label"
    assert value not in data["features"]
    faults = check_study(yaml.safe_load(shown)).faults
    assert all("label 'MgO', data row 0 (line 2)" in fault for fault in faults)


def test_codes_that_are_found_are_added_to_given_ones(capsys):
    rows = [f"{k / 7},{k % 5}" for k in range(30)]
    Path("t.csv").write_text("\n".join(["a,b", "-9999,-9999", "-9999,3", *rows]))
    assert main(["init", "t.csv", "-o", "-", "--data", "missing_values=4"]) == 0
    said = "missing_values: [4, -9999]    # as given, and far from all others\n"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("missing_values=null", "data.missing_values: null is not allowed"),
        ("missing_values=[[1]]", "data.missing_values[0]: [1] is not allowed"),
        ("encoding=1", "data.encoding: no encoding is called '1'"),
        ("header=0", "data.header: 0 is not allowed; allowed: 'auto' or true or false"),
        ("label=nope", "--data label: rocks.csv has no 'nope'; "),
        ('label=["site"]', "data.label: ['site'] is not allowed; allowed: text or null"),
        ("generate=3", "data.generate: 3 is not allowed; allowed: a mapping of keys"),
        ('generate={"seed": 1, "seed": 2}', "key 'seed' is given twice"),
        ("mapped=true", "--data mapped: tables are not read by it"),
    ],
)
def test_what_is_said_of_reading_and_no_study_takes_is_refused(rocks, capsys, given, says):
    assert main(["init", "rocks.csv", "--data", given]) == 1
    assert says in capsys.readouterr().err
    assert not os.path.exists("rocks.yaml")


@pytest.mark.skipif(find_reader("a.nc") is None, reason="no reader of NetCDF")
def test_what_a_format_says_of_its_columns_is_used(capsys):
    import xarray as xr

    values = np.random.default_rng(1).normal(size=(2, 6, 8))
    values[:, :2, :3] = np.nan  # no land
    axes = {"lat": np.arange(6.0), "lon": np.arange(8.0)}
    fields = {
        "t2m": (("lat", "lon"), values[0], {"units": "K", "long_name": "temperature"}),
        "rain": (("lat", "lon"), values[1]),
    }
    xr.Dataset(fields, coords=axes).to_netcdf("land.nc", engine="h5netcdf")
    assert main(["init", "land.nc"]) == 0
    text = Path("land.yaml").read_text()
    assert "K, temperature, 6 missing" in text
    config = yaml.safe_load(text)
    assert config["data"]["features"] == ["t2m", "rain"]
    assert config["data"]["missing"] == "drop"
    assert check_study(config).faults == []
    assert [
        line.split()[-1] for line in capsys.readouterr().out.splitlines() if "lat " in line
    ] == ["coordinate"]


@pytest.mark.skipif(find_reader("a.xlsx") is None, reason="no reader of workbooks")
def test_the_table_of_a_workbook_is_named_where_it_has_several(capsys):
    with pd.ExcelWriter("book.xlsx") as book:
        for name in ("first", "second"):
            pd.DataFrame({"u": [1, 2, 4], "v": [3, 1, 2]}).to_excel(book, sheet_name=name)
    assert main(["init", "book.xlsx"]) == 1
    assert capsys.readouterr().err.endswith("data.table to one of them; here by --data table=...\n")
    assert main(["init", "book.xlsx", "--data", "table=second"]) == 0
    assert main(["check", "book.yaml"]) == 0


def test_a_wide_table_is_shown_in_short(capsys):
    values = np.random.default_rng(1).normal(size=(12, 70))
    table = pd.DataFrame(values, columns=[f"g{k}" for k in range(70)])
    table.insert(60, "病人", [f"甲{k}" for k in range(12)])
    table.to_csv("t.csv", index=False)
    assert main(["init", "t.csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 1 + 50 + 1 + 1 + 2
    assert "  and 20 more features" in lines
    assert len(yaml.safe_load(Path("t.yaml").read_text())["data"]["features"]) == 70
    # Letters that are twice as wide keep the columns in line.
    ids = next(line for line in lines if "病人" in line)
    assert ids.index("text") == lines[2].index("type") - 2


def test_an_index_names_the_rows_without_being_asked():
    values = np.random.default_rng(1).normal(size=(20, 2))
    index = pd.Index([f"s{k}" for k in range(20)], name="star")
    pd.DataFrame(values, columns=["u", "v"], index=index).to_parquet("t.parquet")
    pd.DataFrame(values, columns=["u", "v"]).to_csv("t.csv")
    for name in ("t.parquet", "t.csv"):
        data = config_of(name, "a")["data"]
        assert data["features"] == ["u", "v"]
        assert faults(**data) == []


def test_a_table_without_numbers_is_refused():
    pd.DataFrame({"a": ["x", "y"] * 5, "b": [1] * 10}).to_csv("t.csv", index=False)
    with pytest.raises(DataError, match="no column of numbers that differ; it has 'a'"):
        propose_study("t.csv")


def test_the_column_that_turns_out_to_be_text_late_is_no_feature():
    values = np.random.default_rng(1).normal(size=(1500, 3))
    table = pd.DataFrame(values, columns=list("abc")).astype(str)
    table.loc[1400, "b"] = "broken"
    table.to_csv("t.csv", index=False)
    data = config_of("t.csv")["data"]
    assert data["features"] == ["a", "c"]
    assert faults(**data) == []


NUMBERS = st.lists(
    st.sampled_from(["", "1", "2.5", "-3e5", "0", "NA", "inf", "x", "<1", "7", "8.25", "1e300"]),
    min_size=12,
    max_size=12,
)


@given(st.lists(NUMBERS, min_size=1, max_size=5))
def test_whatever_is_proposed_passes_the_check(columns):
    """Of any text table: a study that can run, or an error that says why there is none."""
    lines = [",".join(f"c{k}" for k in range(len(columns)))]
    lines += [",".join(row) if any(row) else '""' for row in zip(*columns, strict=True)]
    Path("t.csv").write_text("\n".join(lines) + "\n")
    try:
        config = config_of("t.csv")
    except DataError:
        return
    assert check_study(config).faults == []


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_names_are_text_for_yaml(name):
    assert yaml.safe_load(f"- {yaml_name(name)}  # as it is") == [name]


@pytest.mark.parametrize("name", ["NO", "y", "null", "1e3", "~", "a: b", "#a", "2020-01-01", ""])
def test_names_that_yaml_takes_for_others_are_in_quotes(name):
    assert yaml.safe_load(f"[{yaml_name(name)}]") == [name]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a/penguins.csv", "penguins"),
        ("My table (2).parquet", "My_table_2"),
        ("sklearn:iris", "iris"),
        ("température.tsv", "temperature"),
        (".hidden.csv", "hidden"),
        ("表.csv", "study"),
        ("a" * 200 + ".csv", "a" * 80),
    ],
)
def test_a_study_is_named_after_its_table(source, name):
    assert name_study(source) == name
    assert check_study({"study": name, "data": {"source": "sklearn:iris"}}).faults == []


def test_all_faults_are_said_at_once(rocks, capsys):
    rocks.assign(MgO=rocks["MgO"].replace(rocks["MgO"].iloc[0], np.inf)).to_csv(
        "rocks.csv", index=False
    )
    config = {
        "study": "a b",
        "data": {
            "source": "rocks.csv",
            "features": ["SiO2", "MgO", "Cr", "site", "analyst", "F"],
            "label": "lithologie",
            "weights": {"Mgo": 2},
            "scaling": "zscore",
        },
        "lattice": {"xdim": 0, "ydim": 5},
        "training": {"trainer": "online", "metric": "euclidian", "alpha": 0.1},
        "classification": {"test": "no.csv"},
        "color": 1,
    }
    write(**config)
    assert main(["check", "mine.yaml"]) == 1
    shown = capsys.readouterr()
    last = shown.err.splitlines()[-1]
    expected = [
        "study: 'a b' is not allowed",
        "color: unknown key",
        "data.scaling: 'zscore' is not allowed",
        "lattice.xdim: 0 is not allowed",
        "training.metric: 'euclidian' is not allowed",
        "no.csv: no such file",
        "no feature 'SiO2'; did you mean 'SiO2 [wt%]'?",
        "data.weights: no feature 'Mgo'; did you mean 'MgO'?",
        "no label 'lithologie'; did you mean 'lithology'?",
        "feature 'Cr': numbers, but for '<0.5' (1)",
        "feature 'site': text such as 'north'",
        "feature 'MgO': 2 of 60 values missing, the first in data row 7",
        "feature 'F': 50 of 60 values missing, the first in data row 0",
        "feature 'MgO': 1 of 60 values infinite, the first in data row 0",
    ]
    assert [part for part in expected if part not in shown.out] == [], shown.out
    assert "auto" not in shown.out.replace("or 'auto'", "")  # nothing follows from what is left out
    assert last.startswith("kohorte: mine.yaml: ")
    assert "faults, listed above" in last


def test_faults_of_the_plan_are_said_at_once():
    found = check_study(
        {
            "study": "a",
            "data": {"source": "sklearn:iris"},
            "figures": {"color_by": "speed", "realization": "x"},
            "ensemble": {"per": ["size"], "groups": "gap"},
        }
    )
    assert len(found.faults) == 4 - 1  # figures are checked one after the other
    assert found.plan == []


def test_values_in_rows_that_are_not_taken_do_no_harm():
    table = pd.DataFrame({"a": np.arange(40) ** 1.5, "b": np.sqrt(np.arange(40))}).astype(str)
    table.loc[1, "a"] = "text"
    table.to_csv("t.csv", index=False)
    assert faults(source="t.csv", stride=2) == []
    assert "numbers, but for 'text' (1)" in faults(source="t.csv")[0]


def test_label_files_are_checked():
    np.save("one.npy", np.zeros(10, int))
    np.save("two.npy", np.zeros(9, int))
    np.save("three.npy", np.full(10, 0.5))
    config = {
        "study": "a",
        "realizations": {"labels": ["one.npy", "two.npy", "three.npy", "x.npy"]},
    }
    found = check_study(config).faults
    assert [f.partition(":")[0] for f in found] == ["two.npy", "three.npy", "x.npy"]
    assert found[0] == "two.npy: 9 labels, but one.npy has 10 points"


def test_a_plan_says_what_a_study_takes(capsys):
    write(study="a", data={"source": "sklearn:iris"}, realizations={"repeats": 2})
    assert main(["check"]) == 0
    out = capsys.readouterr().out
    assert "points    150, 4 features" in out
    assert "maps      30, in 2 jobs of training; varied: ratio, fineness" in out
    assert out.splitlines()[-1] == "mine.yaml: nothing is wrong"


def test_studies_that_come_with_kohorte_pass_the_check(root):
    for path in sorted((root / "config").glob("*.yaml")):
        found = check_study(yaml.safe_load(path.read_text()), read=False)
        assert [f for f in found.faults if "no such file" not in f] == [], path


def test_a_study_is_found_by_file_name_results_and_table(rocks):
    write(study="stones", data={"source": "rocks.csv"})
    record = "results/old/config.yaml"
    os.makedirs("results/old")
    Path(record).write_text("study: old\n")
    for name in ("mine.yaml", "stones", "results/stones", "results/stones/", "./rocks.csv"):
        assert str(find_study(name).path) == "mine.yaml", name
    assert str(find_study("old").path) == record
    assert str(find_study("results/old").path) == record
    assert find_study("wine").source == "sklearn:wine"
    assert find_default().name == "stones"
    with pytest.raises(ConfigError, match="no study 'stone' in this folder; did you mean 'stones'"):
        find_study("stone")
    with pytest.raises(ConfigError, match=r"mine.yml: no such file; did you mean 'mine.yaml'"):
        find_study("mine.yml")
    Path("other.yaml").write_text("study: 'stones'  # again\n")
    with pytest.raises(ConfigError, match=r"mine.yaml, other.yaml are all called 'stones'"):
        find_study("stones")
    with pytest.raises(ConfigError, match=r"name a table .* there are mine.yaml, other.yaml"):
        find_default()


def test_a_study_without_a_name_has_that_of_its_file():
    Path("my stones.yaml").write_text("data: {source: sklearn:wine}\n")
    Path("docker.yaml").write_text("services: {}\n")
    assert find_default().name == "my_stones"
    assert str(find_study("my_stones").path) == "my stones.yaml"
    assert check_study(find_default().config).faults == []


@pytest.mark.parametrize(
    ("file", "text", "name"),
    [
        ("mine.json", '{\n  "study": "js",\n  "data": {"source": "a.csv"}\n}', "js"),
        ("mine.json", '{"data": {"source": "a.csv"}}', "mine"),
        ("fl.yaml", "# mine\n{study: 7, data: {source: a.csv}}", "7"),
        ("fl.yaml", "---\n{realizations: {labels: [a.npy]}}", "fl"),
        ("q.yaml", '"study": quoted\n"data": {"source": "a.csv"}', "quoted"),
        ("q.yaml", "'data':\n  source: a.csv", "q"),
    ],
)
def test_a_study_is_found_however_it_is_written(file, text, name):
    Path("package.json").write_text('{"name": "x", "data": {"a": 1}, "study": "js"}')
    Path("names.json").write_text('{"study": "js", "groups": [{"group": 0}]}')
    Path("broken.json").write_text('{"study": "js", "data": {"source": 1')
    with pytest.raises(ConfigError, match="there is none in this folder"):
        find_default()
    Path(file).write_text(text)
    assert find_default().path == find_study(name).path == Path(file)
    assert find_study(name).name == name or name == "7"


def test_the_study_of_a_table_is_kept(rocks, capsys):
    assert study_of_table("rocks.csv").name == "rocks"
    edited = Path("rocks.yaml").read_text().replace("# seed: 42", "seed: 7")
    Path("rocks.yaml").write_text(edited)
    assert study_of_table("./rocks.csv").config["seed"] == 7
    assert "used as it is" in capsys.readouterr().out
    os.mkdir("b")
    os.link("rocks.csv", "b/other.csv")
    rocks.to_csv("b/rocks.csv")
    with pytest.raises(ConfigError, match=r"is a study of rocks.csv, not of b/rocks.csv; name an"):
        study_of_table("b/rocks.csv")
    assert study_of_table("b/rocks.csv", "again").path.name == "again.yaml"
    os.makedirs("results/other")
    Path("results/other/config.yaml").write_text("study: other\ndata: {source: else.csv}\n")
    with pytest.raises(ConfigError, match=r"results/other: holds results of else.csv"):
        study_of_table("b/other.csv")
    assert not os.path.exists("other.yaml")


def test_how_a_table_is_read_is_not_said_of_a_study_that_is_written(rocks, calls, capsys):
    for name in ("mine.yaml", "mine"):
        assert main(["run", name, "--data", "missing_values=[-9999]", "--data", "header=true"]) == 1
        assert capsys.readouterr().err.endswith(
            "and mine.yaml is written already; write missing_values, header into its section data, "
            "and run it without --data\n"
        )
    study_of_table("rocks.csv")
    with pytest.raises(ConfigError, match=r"rocks\.yaml is written already; write decimal into"):
        study_of_table("rocks.csv", given={"decimal": "."})
    assert not os.path.exists("called.json")


@pytest.mark.parametrize(
    ("arguments", "status", "last"),
    [
        (["check", "no.yaml"], 1, "kohorte: no.yaml: no such file; there are none"),
        (["run", "no.csv"], 1, "kohorte: no.csv: no such file; relative paths start at"),
        (["run", "a.xyz"], 1, "kohorte: a.xyz: unknown extension '.xyz'; readable are"),
        (["verify"], 1, "kohorte: name a table or the file of a study; there is none in this"),
        (["verify", "wine"], 1, "kohorte: results/wine: the study is not finished; `kohorte run"),
        (["open", "wine"], 1, "kohorte: results/wine: there are no results yet; `kohorte run"),
        (["compare", "wine", "iris"], 1, "kohorte: results/iris: there are no results yet; `koh"),
        (["compare", "wine", "wine"], 1, "kohorte: "),
        (["predict", "wine", "no.csv"], 1, "kohorte: no.csv: no such file"),
    ],
)
def test_an_error_is_the_last_line(arguments, status, last, capsys):
    Path("a.xyz").write_text("1\n")
    assert main(arguments) == status
    assert capsys.readouterr().err.splitlines()[-1].startswith(last)


@pytest.mark.parametrize(
    "arguments",
    [[], ["walk"], ["run", "--cores", "none"], ["verify", "--", "-n"], ["predict", "a"]],
)
def test_a_wrong_call_is_explained(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "kohorte: " in capsys.readouterr().err.splitlines()[-1]


def test_documented_commands_exist(root):
    files = [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
    shown = re.compile(r"(?:`|^[$ ]* {4}\$? ?)kohorte ([a-z]+[^`\n#]*)", re.M)
    found = [command for f in files for command in shown.findall(f.read_text())]
    assert len(found) > 20
    for command in found:
        words = re.sub(r"\[?(TABLE|STUDY)( or STUDY)?\]?", "x", command).split("   ")[0].split()
        if words[1:]:
            _make_parser().parse_args(_split(words)[0])


def test_the_version_is_shown(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == "kohorte 0.1.0\n"


SNAKEMAKE = """
import json, os, signal, sys, time
with open("called.json", "w") as stream:
    json.dump([sys.argv[1:], os.environ["PYTHONSAFEPATH"]], stream)
if os.path.exists("fail"):
    os.makedirs("results/mine/logs", exist_ok=True)
    text = "2026-01-01 10:00:00,1 INFO kohorte: go\\n2026-01-01 10:00:00,2 ERROR kohorte: {}\\n"
    with open("results/mine/logs/a.log", "w") as stream:
        stream.write(text.format("t.csv: is broken\\n  - mend it"))
    sys.exit(1)
if os.path.exists("wait"):
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        open("interrupted", "w")
        sys.exit(1)
"""


@pytest.fixture
def calls(folder, monkeypatch, root):
    """Snakemake that only writes down how it was called."""
    (folder / "fake" / "snakemake").mkdir(parents=True)
    (folder / "fake" / "snakemake" / "__init__.py").touch()
    (folder / "fake" / "snakemake" / "__main__.py").write_text(SNAKEMAKE)
    path = os.pathsep.join([str(folder / "fake"), str(root / "src")])
    monkeypatch.setenv("PYTHONPATH", path)
    write(study="mine", data={"source": "sklearn:iris"})
    return lambda: json.loads(Path("called.json").read_text())


def test_snakemake_is_called_as_by_hand(calls, root, capsys):
    plain = ["--snakefile", str(root / "Snakefile"), "--configfile", "mine.yaml"]
    assert main(["run", "mine.yaml"]) == 0
    assert calls() == [[*plain, "--cores", "all"], "1"]
    assert f"$ snakemake {' '.join(plain)} --cores all" in capsys.readouterr().err
    assert main(["run", "mine", "-n", "--profile", "slurm", "--", "--until", "all"]) == 0
    profile = str(root / "workflow" / "profiles" / "slurm")
    assert calls()[0] == [*plain, "--profile", profile, "--dry-run", "--until", "all"]
    assert main(["profile", "slurm"]) == 0
    assert main(["run", "mine", "--profile", "slurm", "--cores", "3"]) == 0
    assert calls()[0] == [*plain, "--profile", "slurm", "--cores", "3"]
    assert main(["predict", "mine", "sklearn:iris", "--cores", "1"]) == 0
    source = 'prediction={"source": "sklearn:iris"}'
    assert calls()[0] == [*plain, "--config", source, "--cores", "1", "--", "predict"]
    assert capsys.readouterr().out.splitlines()[-1] == "results/mine/prediction/iris.csv"


def test_what_snakemake_is_handed_counts(calls, capsys):
    """The study whose results are named, and claimed, is the one that Snakemake makes."""
    for name in ("mine", "q"):
        os.makedirs(f"results/{name}")
        Path(f"results/{name}/summary.txt").touch()
    for passed in (["--config", "study=q", "seed=3"], ["-C", "study=q"], ["--config=study=q"]):
        assert main(["run", "mine", "--", *passed]) == 0
        assert calls()[0][-len(passed) :] == passed
        assert capsys.readouterr().out.startswith("Results: results/q/; `kohorte open q` shows")
    Path("other.yaml").write_text("study: q\ndata: {source: 'sklearn:wine'}\n")
    assert main(["run", "mine", "--", "--until", "all", "--configfile", "other.yaml"]) == 0
    assert capsys.readouterr().out.startswith("Results: results/q/")
    assert main(["run", "mine", "--", "--config", "lattice={xdim: 0}"]) == 1
    assert "lattice.xdim: 0 is not allowed" in capsys.readouterr().err
    Path("other.yaml").write_text("__use_yte__: true\n")
    assert main(["run", "mine", "--", "--configfiles", "other.yaml"]) == 1
    assert "is a template" in capsys.readouterr().err
    for dry in (["-n"], ["-np"], ["--dryrun"]):
        assert main(["run", "mine", "--", *dry]) == 0
        assert capsys.readouterr().out == ""


def test_targets_of_a_finished_study(calls, folder, capsys):
    (folder / "results" / "mine").mkdir(parents=True)
    (folder / "results" / "mine" / "MANIFEST").touch()
    (folder / "results" / "other").mkdir()
    (folder / "results" / "other" / "ensemble.h5").touch()
    (folder / "other.yaml").write_text("study: other\n")
    ends = {
        "report mine": ["--", "results/mine/report.html"],
        "verify mine": ["--", "verify"],
        "bundle mine": ["--", "bundle_study"],
        "compare mine results/other": ["--", "compare_studies"],
    }
    for command, end in ends.items():
        assert main(command.split()) == 0
        assert calls()[0][-2:] == end
    assert 'comparison={"with": "results/other"}' in calls()[0]
    capsys.readouterr()
    crate = folder / "results" / "mine" / "mine.crate.zip"
    assert main(["bundle", "mine"]) == 0
    assert capsys.readouterr().out == "", "the run names what it packs"
    crate.touch()
    assert main(["bundle", "mine"]) == 0
    assert capsys.readouterr().out == "results/mine/mine.crate.zip\n", "packed already"
    (folder / "results" / "mine" / "report.html").touch()
    assert main(["open", "mine"]) == 0
    assert capsys.readouterr().out == "results/mine/report.html\n"
    (folder / "results" / "mine" / "explorer.html").touch()
    assert main(["open", "mine", "--explorer"]) == 0
    assert capsys.readouterr().out == "results/mine/explorer.html\n"


def test_the_reason_of_a_failure_is_the_last_line(calls, folder, capsys, monkeypatch):
    (folder / "fail").touch()
    monkeypatch.setenv("KOHORTE_TERMINAL", "snakemake")
    assert main(["run", "mine"]) == 1
    assert capsys.readouterr().err.endswith("kohorte: t.csv: is broken\n  - mend it\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_reaches_snakemake(calls, folder, number):
    (folder / "wait").touch()
    process = subprocess.Popen(
        [sys.executable, "-m", "kohorte", "run", "mine.yaml"],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (folder / "called.json").exists():
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert said.endswith("kohorte: interrupted; what is finished is kept, run again to go on\n")
        assert (folder / "interrupted").exists()
    else:
        assert process.returncode == 1


def test_faults_are_found_before_snakemake_starts(calls, rocks, capsys):
    write(study="mine", data={"source": "rocks.csv"}, lattice={"xdim": 0})
    assert main(["run", "mine"]) == 1
    shown = capsys.readouterr().err
    assert "lattice.xdim: 0 is not allowed" in shown
    assert "feature 'specimen': text such as 'R-0'" in shown
    assert not os.path.exists("called.json")


def test_without_snakemake_the_extra_is_named(calls, monkeypatch, capsys):
    monkeypatch.setattr(workflow, "find_spec", lambda name: None)
    assert main(["run", "mine"]) == 1
    last = "kohorte: Snakemake is not installed: pip install 'kohorte[workflow]'\n"
    assert capsys.readouterr().err.endswith(last)
