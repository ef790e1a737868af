"""What a table says of its rows beside features: names, samples, classes of some, other columns."""

import datetime
import logging

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planning import write_data

from kohorte import store
from kohorte.data.names import copy_name
from kohorte.data.roles import names_rows
from kohorte.data.sources import read_table
from kohorte.errors import ConfigError, DataError

BIG = 2**53 + 1
TREES = pd.DataFrame(
    {
        "tree": ["007", "NA", "Ä b", "8"],
        "height": [1.5, 2.0, -3.0, 4.0],
        "girth": [1.0, 0.5, 0.25, 8.0],
        "plot": ["P2", "P10", "P2", None],
        "day": pd.to_datetime(["2024-02-29", None, "2024-03-01", "2024-03-02"]),
        "number": [BIG, BIG + 2, 3, 4],
        "kind": ["ash", None, "birch", "ash"],
    }
)
ROLES = {"ids": "tree", "groups": "plot", "carried": ["day", "number"], "label": "kind"}


def write_npz(path):
    parts = {n: TREES[n].fillna("").to_numpy(dtype=str) for n in ("tree", "plot", "kind")}
    parts["day"] = TREES["day"].to_numpy().astype("M8[D]")
    features = TREES[["height", "girth"]].to_numpy()
    names = ["height", "girth"]
    np.savez(path, features=features, names=names, number=TREES["number"], **parts)


def write_h5(path):
    with h5py.File(path, "w") as file:
        file["features"], file["names"] = TREES[["height", "girth"]], ["height", "girth"]
        for name in ("tree", "plot", "kind"):
            file[name] = TREES[name].fillna("").tolist()
        file["day"] = TREES["day"].dt.strftime("%Y-%m-%d").fillna("").tolist()
        file["number"] = TREES["number"]


WRITERS = {
    "csv": lambda path: TREES.to_csv(path, index=False),
    "parquet": lambda path: TREES.to_parquet(path, index=False),
    "feather": TREES.to_feather,
    "npz": write_npz,
    "h5": write_h5,
    "xlsx": lambda path: TREES.assign(number=TREES["number"].astype(str)).to_excel(
        path, index=False
    ),
}


def texts(values):
    return [str(value) for value in values]


@pytest.mark.parametrize("kind", WRITERS)
def test_the_same_in_every_format(tmp_path, kind):
    WRITERS[kind](tmp_path / f"t.{kind}")
    table = read_table(tmp_path / f"t.{kind}", **ROLES)
    assert table.names == ("height", "girth")
    assert (table.label_names, table.labels.tolist()) == (("ash", "birch"), [0, -1, 1, 0])
    assert list(table.beside.columns()) == ["tree", "plot", "day", "number"]
    assert table.beside.ids["tree"].tolist() == ["007", "NA", "Ä b", "8"]
    assert table.beside.groups["plot"].tolist() == ["P2", "P10", "P2", ""]
    days = ["2024-02-29", "", "2024-03-01", "2024-03-02"]
    assert [day[:10] for day in table.beside.carried["day"].tolist()] == days
    assert texts(table.beside.carried["number"]) == texts(TREES["number"])


def test_rows_that_are_not_used_have_no_entry(tmp_path):
    TREES.assign(height=[1.0, np.nan, 2.0, 3.0]).to_csv(tmp_path / "t.csv", index=False)
    table = read_table(tmp_path / "t.csv", **ROLES, missing="drop")
    assert table.rows.tolist() == [0, 2, 3]
    assert table.beside.ids["tree"].tolist() == ["007", "Ä b", "8"]
    assert table.left_out == ()
    table = read_table(tmp_path / "t.csv", features=["girth"], ids=["plot", "tree"])
    assert table.left_out == ("height", "day", "number", "kind")
    assert table.beside.name_of(1) == "P10, NA"


class TestIndex:
    def test_the_index_of_a_data_frame_names_rows(self, tmp_path):
        for index, name in ((TREES["tree"], "tree"), (pd.Index(list("wxyz")), "index")):
            TREES[["height"]].set_index(index).to_parquet(tmp_path / "t.parquet")
            table = read_table(tmp_path / "t.parquet")
            assert table.names == ("height",)
            assert table.beside.ids[name].tolist() == index.tolist()

    def test_a_first_column_without_a_name(self, tmp_path):
        TREES[["height"]].set_index(pd.Index(list("wxyz"))).to_csv(tmp_path / "t.csv")
        table = read_table(tmp_path / "t.csv")
        assert {n: v.tolist() for n, v in table.beside.ids.items()} == {
            "index": ["w", "x", "y", "z"]
        }

    def test_other_names_are_taken_instead(self, tmp_path):
        TREES.set_index("tree")[["height", "number"]].to_parquet(tmp_path / "t.parquet")
        table = read_table(tmp_path / "t.parquet", ids="number")
        assert (table.names, list(table.beside.ids)) == (("height",), ["number"])

    def test_whole_numbers_beside_gaps_keep_their_digits(self, tmp_path):
        numbers = pa.array([BIG, None, 3, 4])
        pq.write_table(pa.table({"a": [1.0, 2, 3, 4], "id": numbers}), tmp_path / "t.parquet")
        table = read_table(tmp_path / "t.parquet", ids="id")
        assert table.beside.ids["id"].tolist() == [str(BIG), "", "3", "4"]


def test_names_that_repeat_are_told(tmp_path, caplog):
    table = TREES.assign(tree=["a", "b", "a", "a"])
    table.to_csv(tmp_path / "t.csv", index=False)
    read_table(tmp_path / "t.csv", **ROLES)
    (warning,) = [text for text in caplog.messages if "repeat" in text]
    assert "tree: names of rows repeat: rows 0 and 2 are both 'a'; 2 rows have" in warning
    caplog.clear()
    read_table(tmp_path / "t.csv", **ROLES | {"ids": ["tree", "number"]})
    assert "repeat" not in caplog.text


@pytest.mark.parametrize(
    ("choice", "error", "says"),
    [
        ({"ids": "treee"}, DataError, r"no column 'treee' \(data.id\); did you mean 'tree'\?"),
        ({"groups": ["plot", "plot"]}, ConfigError, "groups names 'plot' twice"),
        ({"ids": "girth", "features": ["girth"]}, ConfigError, "'girth' is the id; it cannot be"),
        ({"groups": "a", "features": ["a"]}, ConfigError, "'a' is the group; it cannot be a fea"),
    ],
)
def test_columns_that_cannot_be(tmp_path, choice, error, says):
    TREES.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(error, match=says):
        read_table(tmp_path / "t.csv", **choice)


def test_a_feature_may_be_carried_along(tmp_path, caplog):
    TREES.to_csv(tmp_path / "t.csv", index=False)
    table = read_table(tmp_path / "t.csv", features=["girth"], carried="girth")
    assert table.beside.carried["girth"].tolist() == ["1.0", "0.5", "0.25", "8.0"]
    with caplog.at_level(logging.INFO):
        table = read_table(tmp_path / "t.csv", features=["girth"], carried="x", lenient=True)
    assert "no column 'x' of data.carry" in caplog.text
    assert table.beside.columns() == {}


class TestLabels:
    @pytest.mark.parametrize("kind", ["csv", "parquet", "npz"])
    @pytest.mark.parametrize(
        ("labels", "classes", "codes"),
        [
            ([2.0, np.nan, 10.0, 2.0], ("2", "10"), [0, -1, 1, 0]),
            ([-1, 2, 10, 2], ("2", "10"), [-1, 0, 1, 0]),
            (["b", "?", "unknown", "a"], ("a", "b"), [1, -1, -1, 0]),
            ([True, False, False, True], ("False", "True"), [1, 0, 0, 1]),
        ],
    )
    def test_whatever_says_that_a_class_is_not_known(self, tmp_path, kind, labels, classes, codes):
        path = tmp_path / f"t.{kind}"
        if kind == "npz":
            np.savez(path, features=np.arange(4.0)[:, None], kind=np.array(labels))
        else:
            table = pd.DataFrame({"a": np.arange(4.0), "kind": labels})
            getattr(table, f"to_{kind}")(path, index=False)
        table = read_table(path, label="kind", label_missing=[-1, "unknown"])
        assert (table.label_names, table.labels.tolist()) == (classes, codes)

    def test_minus_one_is_pointed_out(self, tmp_path, caplog):
        pd.DataFrame({"a": [1, 2, 3], "kind": [-1, 0, 1]}).to_csv(tmp_path / "t.csv", index=False)
        assert read_table(tmp_path / "t.csv", label="kind").label_names == ("-1", "0", "1")
        assert "set data.label_missing: [-1]" in caplog.text

    def test_numbers_with_a_decimal_comma_are_measurements_too(self, tmp_path):
        (tmp_path / "t.csv").write_text("a;y\n1,5;2,5\n2;3\n", encoding="utf-8")
        with pytest.raises(DataError, match=r"label 2.5 is no whole number.*\(data.carry\)"):
            read_table(tmp_path / "t.csv", label="y", decimal=",", delimiter=";")

    @given(st.lists(st.integers(-1, 40), min_size=1, max_size=80))
    def test_labels_that_name_rows(self, codes):
        codes = np.array(codes)
        known = codes[codes >= 0]
        n_classes = len(set(known.tolist()))
        found = names_rows(codes, n_classes)
        if len(known) and len(set(known.tolist())) == len(known) == len(codes) > 2:
            assert found  # each row has a class of its own
        if 2 * n_classes <= len(known) or (len(known) < len(codes) and len(known) < 10):
            assert not found


class TestPrepared:
    @pytest.fixture
    def trees(self, tmp_path):
        """Thirty trees in three plots, of which one misses a value."""
        rng = np.random.default_rng(3)
        table = pd.DataFrame(rng.normal(size=(30, 2)), columns=["height", "girth"])
        table["tree"] = [f"T{k}" for k in range(30)]
        table["plot"] = np.repeat([1, 2, 3], 10)
        table["kind"] = np.where(np.arange(30) % 3 > 0, "ash", "")
        table["day"] = datetime.date(2024, 2, 29)
        table.loc[4, "girth"] = np.nan
        table.to_csv(tmp_path / "trees.csv", index=False)
        return tmp_path / "trees.csv"

    def test_data_file_keeps_them(self, tmp_path, schema, trees):
        options = {"source": str(trees), "label": "kind", "id": "tree", "group": "plot"}
        options |= {"carry": "day", "missing": "drop", "features": ["height", "girth"]}
        options |= {"units": {"height": "m"}, "titles": {"girth": "Girth (1.3 m up)"}}
        path = write_data(tmp_path / "data.h5", schema, **options)
        data = store.read_data(path, beside=True)
        assert np.count_nonzero(data.truth == -1) == 10
        assert data.class_names == ("ash",)
        assert data.beside.ids["tree"][[0, 4]].tolist() == ["T0", "T5"]
        assert data.beside.groups["plot"].tolist() == ["1"] * 9 + ["2"] * 10 + ["3"] * 10
        assert set(data.beside.carried["day"]) == {"2024-02-29"}
        assert [data.describe(k) for k in (0, 1)] == ["height (m)", "Girth (1.3 m up)"]
        assert data.notes == ("1 of 30 rows miss a value; dropped",)
        assert not store.read_data(path).beside.columns()
        plain = write_data(tmp_path / "plain.h5", schema, **options | {"id": None, "units": {}})
        assert store.read_data(plain).digest == data.digest

    def test_a_unit_in_the_name_stands_once(self, tmp_path, schema):
        table = pd.DataFrame({"width (cm)": [1.0, 2.0], "b": [2.0, 1.0]})
        table.to_csv(tmp_path / "t.csv", index=False)
        options = {"source": str(tmp_path / "t.csv"), "units": {"width (cm)": "cm"}}
        path = write_data(tmp_path / "data.h5", schema, **options)
        assert [store.read_data(path).describe(k) for k in (0, 1)] == ["width (cm)", "b"]
        options["units"] = {"c": "cm"}
        with pytest.raises(ConfigError, match=r"data.units: no feature 'c'"):
            write_data(tmp_path / "data.h5", schema, **options)

    def test_units_of_the_source(self, tmp_path, schema):
        with h5py.File(tmp_path / "t.h5", "w") as file:
            for name, unit in (("a", "m s-1"), ("b", "K")):
                file[name] = np.arange(5.0)
                file[name].attrs["units"] = unit
        options = {"source": str(tmp_path / "t.h5"), "units": {"b": "degC"}}
        data = store.read_data(write_data(tmp_path / "data.h5", schema, **options))
        assert data.units == ("m s-1", "degC")

    @pytest.mark.parametrize(("more", "part"), [({}, "ids"), ({"id": "plot"}, "carried")])
    def test_labels_that_name_rows_are_not_judged(self, tmp_path, schema, trees, more, part):
        options = {"source": str(trees), "label": "tree", "features": ["height"], **more}
        data = store.read_data(write_data(tmp_path / "data.h5", schema, **options), beside=True)
        assert data.truth is None
        assert getattr(data.beside, part)["tree"][:2].tolist() == ["T0", "T1"]
        (note,) = [text for text in data.notes if "repeat" not in text]
        assert note.startswith("label 'tree' has 30 classes in 30 rows, so it names rows")
        assert "make it data.id" in note

    def test_notes_name_no_folders(self, tmp_path, schema, trees):
        table = pd.read_csv(trees).assign(c=0.0)
        table.to_csv(trees, index=False)
        options = {"source": str(trees), "features": ["height", "c"], "constant_features": "drop"}
        data = store.read_data(write_data(tmp_path / "data.h5", schema, **options))
        assert data.notes == ("feature 'c' is constant: all values are 0; dropped",)
        assert data.left_out == ("girth", "tree", "plot", "kind", "day")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a/b.csv", "b.csv"),
        ("b.CSV.gz", "b.csv"),
        ("b.fits.gz", "b.fits"),
        ("b.h5ad", "b.csv"),
        ("b.zarr", "b.zarr"),
        ("b.LMD", "b.fcs"),
        ("data.h5", "data.h5"),
        ("sklearn:iris", None),
        ("b.xyz", None),
    ],
)
def test_name_of_a_labelled_copy(source, name):
    assert copy_name(source) == name
