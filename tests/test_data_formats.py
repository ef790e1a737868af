"""The same table in every format that is read, and what is peculiar to each."""

import datetime
import sys
import warnings

import astropy.io.fits as fits
import flowio
import h5py
import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
import scipy.io
import scipy.sparse
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.core.arrays.arrow.extension_types import ArrowPeriodType
from rasterio.transform import Affine
from tables_of_formats import (
    BY_NAME,
    CLASSES,
    COLUMNS,
    FRAME,
    GAPPED,
    GRIDS,
    NAMES,
    NO_CLASSES,
    SHAPE,
    VALUES,
    WRITERS,
    grid,
    write_h5ad,
    write_pandas_table,
)
from test_hostile import CUTS, damaged, outcome_of

from kohorte.data import fits as fits_reader
from kohorte.data import matlab, reading
from kohorte.data.labels import open_labels
from kohorte.data.names import COPIES, READERS, extension
from kohorte.data.names import GRIDS as GRIDS_OF
from kohorte.data.reading import ReadOptions
from kohorte.data.sources import open_source, read_table
from kohorte.data.writing import write_like
from kohorte.errors import ConfigError, DataError, MissingExtraError
from kohorte.study.outside import content_digest


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Writes each file once; gives its path."""
    folder, made = tmp_path_factory.mktemp("formats"), {}

    def write(name):
        if name not in made:
            WRITERS[name](folder / name)
            made[name] = folder / name
        return made[name]

    return write


def test_every_format_is_tried():
    tried = {extension(name) for name in WRITERS} | {"sklearn:", "openml:", "generated:"}
    # Other names of formats that are tried.
    others = {".xlsm", ".fit", ".fts", ".nc4", ".tiff", ".txt", ".tab", ".data", ".dat", ".lmd"}
    assert set(READERS) - tried == others


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_table(files, name):
    path = files(name)
    features = [n.replace("-", "_") if name.endswith(".mat") else n for n in NAMES]
    if name in BY_NAME:
        features.sort()
    label = None if name in NO_CLASSES else "kind"
    table = read_table(path, label=label, missing="skip")
    assert list(table.names) == features
    expected = VALUES if name == "t.fcs" else GAPPED
    expected = expected[:, [1, 0, 2]] if name in BY_NAME else expected
    np.testing.assert_array_equal(table.values, expected)
    assert table.shape == (SHAPE if name in GRIDS else None)
    if label is not None:
        assert table.label_names == ("high", "low")
        np.testing.assert_array_equal(table.labels, CLASSES == "low")
    part = read_table(path, features=[features[1]], stride=5, sample=9, seed=1, missing="skip")
    np.testing.assert_array_equal(part.values, expected[part.rows][:, 1:2])
    if name != "t.fcs":
        with pytest.raises(DataError, match=r"'CD19'.*missing value"):
            read_table(path, features=features)
        assert len(read_table(path, features=features, missing="drop").rows) == 119


ROWS = np.flatnonzero(np.arange(120) % 10 != 7)
LABELS = np.arange(120) % 4
ADDED = {
    "label": LABELS[ROWS].astype(np.uint8),
    "confidence": np.linspace(0, 1, 120)[ROWS].astype(np.float32),
    "CD3": ROWS,  # has the name of a column
    "group": np.array([f"group {k}" for k in LABELS[ROWS]]),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_copy_of_a_table_whose_rows_are_all_used(files, tmp_path, name):
    path = files(name)
    columns = {"label": LABELS.astype(np.uint8), "sure": LABELS > 2, "count": LABELS}
    write_like(path, columns, copy_of(path, tmp_path))
    if name in ("fixed.h5", "pandas.h5", "pytables.h5", "astropy.h5", "records.npz"):
        return
    table = read_table(copy_of(path, tmp_path), features=["sure", "label"])
    np.testing.assert_array_equal(table.values, np.c_[LABELS > 2, LABELS])


def copy_of(path, folder):
    kind = extension(str(path))
    return folder / f"copy{COPIES.get(kind) or GRIDS_OF[kind]}"


@pytest.mark.parametrize("name", WRITERS)
def test_a_copy_is_the_table_with_columns_added(files, tmp_path, name):
    path = files(name)
    before = None if path.is_dir() else path.read_bytes()
    copy = copy_of(path, tmp_path)
    write_like(path, ADDED, copy, rows=ROWS)
    write_like(path, ADDED, tmp_path / f"again{copy.suffix}", rows=ROWS)
    assert path.is_dir() or path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    if copy.suffix not in (".xlsx", ".ods"):
        assert content_digest(copy, None) == content_digest(tmp_path / f"again{copy.suffix}", None)
    if name in ("fixed.h5", "pandas.h5", "pytables.h5", "astropy.h5", "records.npz"):
        # New columns lie beside a table of records, not in it.
        place = {"pytables.h5": "run/", "pandas.h5": "events/", "fixed.h5": "events/"}.get(name, "")
        open_one = h5py.File if copy.suffix == ".h5" else np.load
        with open_one(copy) as file:
            found = np.column_stack([file[f"{place}{n}"][:] for n in ("label", "confidence")])
        values, names = read_table(copy, missing="skip", label=None, features=list(NAMES)), NAMES
    else:
        names = [n.replace("-", "_") if name.endswith(".mat") else n for n in NAMES]
        with_values = name not in GRIDS - {"t.zarr"} and not name.endswith(".h5ad")
        values = read_table(copy, features=names, missing="skip") if with_values else None
        found = read_table(copy, features=["label", "confidence"], missing="skip").values
    none = np.isnan(found[:, 0]) | (found[:, 0] == -1)
    np.testing.assert_array_equal(np.flatnonzero(~none), ROWS)
    np.testing.assert_array_equal(found[ROWS, 0], LABELS[ROWS])
    np.testing.assert_allclose(found[ROWS, 1], ADDED["confidence"], rtol=1e-6)
    assert np.isnan(found[7::10, 1]).all()
    if values is not None:
        expected = VALUES if name == "t.fcs" else GAPPED
        np.testing.assert_array_equal(values.values, expected)


@pytest.mark.parametrize("name", [name for name in WRITERS if name not in NO_CLASSES])
def test_labels_of_other_clusterers_in_every_format(files, name):
    with open_labels(files(name), "kind") as labels:
        array = np.asarray(labels.array[:])
    np.testing.assert_array_equal(array, CLASSES == "low")


def refused(path, says, **choice):
    with pytest.raises((DataError, ConfigError), match=says) as caught:
        read_table(path, **choice)
    assert str(path) in str(caught.value)


def about(path, **options):
    """What a source says of itself."""
    with open_source(str(path), ReadOptions(**options)) as source:
        return source


class TestWhatSourcesSay:
    @pytest.mark.parametrize("name", ["columns.h5", "vaex.hdf5", "astropy.h5", "t.arrow", "t.nc"])
    def test_units(self, files, name):
        assert about(files(name)).units["CD19"] == "K"

    def test_titles(self, files):
        assert about(files("t.nc")).titles["CD3"] == "the CD3"
        assert about(files("t.fcs")).titles == {"CD3": "CD3 (FL1-A)", "CD19": "CD19 (FL2-A)"}
        assert about(files("t.fits")).units == {"CD3": "counts"}

    @pytest.mark.parametrize("name", ["t.nc", "classic.nc", "t.zarr"])
    def test_coordinates_of_a_grid(self, files, name):
        source = about(files(name))
        assert source.axes == ("lat", "lon")
        np.testing.assert_array_equal(source.coordinates["lat"], np.linspace(50, 39, 12))
        assert source.units["lon"] == "degrees_east"
        table = read_table(files(name), features=["lat", "lon"])
        np.testing.assert_array_equal(table.values[:11, 0], [50] * 10 + [49])
        np.testing.assert_array_equal(table.values[:11, 1], [*range(10), 0])
        assert source.place(17) == "cell (1, 7)"

    def test_coordinates_of_a_raster_are_those_of_the_centres(self, files):
        source = about(files("t.tif"))
        np.testing.assert_array_equal(source.coordinates["x"], np.arange(10) + 0.5)
        np.testing.assert_array_equal(source.coordinates["y"], 49.5 - np.arange(12))
        assert source.units["x"] == "degrees"

    @pytest.mark.parametrize(
        ("name", "ids"), [("t.parquet", "__index_level_0__"), ("t.h5ad", "cell"), ("t.csv", None)]
    )
    def test_names_of_rows(self, files, name, ids):
        assert about(files(name)).ids == ids

    def test_a_named_index_and_one_of_several_levels(self, tmp_path, caplog):
        caplog.set_level("INFO")
        frame = FRAME.set_index(
            pd.MultiIndex.from_product([range(12), range(10)], names=["a", "b"])
        )
        frame.to_parquet(tmp_path / "t.parquet")
        table = read_table(tmp_path / "t.parquet", label="kind", missing="skip")
        assert table.names == NAMES
        assert "no feature, as it is the index that pandas stored: a, b" in caplog.text
        assert read_table(tmp_path / "t.parquet", features=["a"]).values[-1] == 11
        # Another program keeps the column, and not what pandas said of it.
        plain = pq.read_table(tmp_path / "t.parquet").replace_schema_metadata(None)
        pq.write_table(
            plain.rename_columns([*FRAME, "__index_level_0__", "b"]), tmp_path / "u.parquet"
        )
        assert read_table(tmp_path / "u.parquet", label="kind", missing="skip").names == (
            *NAMES,
            "b",
        )


class TestArrow:
    def test_the_first_version_of_feather(self, tmp_path):
        (tmp_path / "t.feather").write_bytes(b"FEA1" + bytes(99) + b"FEA1")
        refused(tmp_path / "t.feather", "version 1 of Feather, which is not read; save it anew")

    @pytest.mark.parametrize("ending", ["parquet", "feather"])
    def test_periods_are_text(self, tmp_path, ending):
        path, months = tmp_path / f"t.{ending}", pd.period_range("2020-01", periods=4, freq="M")
        frame = pd.DataFrame({"x": np.arange(4.0), "month": months, "week": months.asfreq("W")})
        frame.loc[2, "month"] = pd.NaT
        getattr(frame, f"to_{ending}")(path)

        # Until pandas has made its types known, columns are of whole numbers.
        for change in (lambda: pa.unregister_extension_type("pandas.period"), known_periods):
            change()
            table = read_table(path, features=["x"], label="month", carried="week")
            assert table.label_names == ("2020-01", "2020-02", "2020-04")
            assert table.beside.carried["week"][0] == "2020-01-27/2020-02-02"
            refused(path, "feature 'month', data row 0: text '2020-01' in a numeric column")


def known_periods():
    pa.register_extension_type(ArrowPeriodType("D"))


class TestSheets:
    def write(self, path, cells, name="data", **others):
        book = openpyxl.Workbook()
        book.active.title = name
        for row in cells:
            book.active.append(row)
        for other, rows in others.items():
            sheet = book.create_sheet(other)
            for row in rows:
                sheet.append(row)
        book.save(path)
        return path

    def test_several_sheets(self, tmp_path):
        cells = [["a", "b"], [1, 2], [3, 4]]
        path = self.write(tmp_path / "t.xlsx", cells, notes=[["by me"]])
        refused(path, r"2 sheets with entries, 'data', 'notes'; set data.table to one of them")
        for table in ("data", 0):
            assert read_table(path, table=table).values.tolist() == [[1, 2], [3, 4]]
        refused(path, r"no sheet 'dat'; did you mean 'data'\?", table="dat")
        refused(path, "no sheet 7; it has 2, counted from 0", table=7)

    def test_cells_of_any_kind(self, tmp_path):
        header = ["n", "text", "yes", "day", "word"]
        rows = [[1, "2.5", True, datetime.date(2024, 5, 1), "x"], [None] * 5]
        rows += [[2.5, "NA", False, datetime.date(2024, 5, 2), "y"], [3, "-9999", True, None, "x"]]
        path = self.write(tmp_path / "t.xlsx", [[None], header, *rows])
        table = read_table(
            path,
            features=["n", "text", "yes"],
            label="word",
            missing="skip",
            missing_values=[-9999],
        )
        expected = [[1, 2.5, 1], [2.5, np.nan, 0], [3, np.nan, 1]]
        np.testing.assert_array_equal(table.values, expected)
        assert table.label_names == ("x", "y")
        refused(
            path, r"'day', data row 0 \(row 3 of the sheet\): text '2024-05-01'", missing="skip"
        )
        refused(path, r"data row 1 \(row 5 of the sheet\): missing value", features=["text"])

    def test_decimal_commas_are_those_of_text_alone(self, tmp_path):
        path = self.write(tmp_path / "t.xlsx", [["a", "b"], [1.5, "2,5"], [2, "3,25"]])
        refused(path, "set data.decimal to ','")
        assert read_table(path, decimal=",").values.tolist() == [[1.5, 2.5], [2, 3.25]]

    def test_an_index_of_pandas_names_rows(self, tmp_path):
        FRAME.to_excel(tmp_path / "t.xlsx")
        assert read_table(tmp_path / "t.xlsx", label="kind", missing="skip").names == NAMES

    def test_a_title_above_the_names(self, tmp_path):
        path = self.write(
            tmp_path / "t.xlsx", [["Results of May", None, None], ["a", "b", "c"], [1] * 3]
        )
        refused(path, "row 1 names 1 of 3 columns; remove what stands above")

    @pytest.mark.parametrize("ending", ["xlsx", "ods"])
    def test_no_row_of_names(self, tmp_path, ending):
        path, values = tmp_path / f"t.{ending}", np.arange(12.0).reshape(4, 3)[::-1] / 8 - 0.5
        pd.DataFrame(values).to_excel(path, header=False, index=False)
        refused(path, "row 1 holds only numbers, but must name the columns; set data.header to")
        table = read_table(path, header=False)
        assert table.names == ("feature_0", "feature_1", "feature_2")
        np.testing.assert_array_equal(table.values, values)
        assert read_table(path, header=True).n_rows == 3
        refused(path, "data.comment is for text files", comment="#")
        options = ReadOptions(header=False)
        write_like(path, {"label": np.arange(4)}, copy_of(path, tmp_path), options=options)
        kept = read_table(copy_of(path, tmp_path), header=ending == "ods" and "auto")
        np.testing.assert_array_equal(kept.values, np.c_[values, range(4)])

    def test_a_row_of_values_with_words(self, tmp_path):
        rows = [["x", 0.5, 7], ["y", 0.25, 6], ["x", 0.75, 8], ["y", 0.5, 7]]
        path = self.write(tmp_path / "t.xlsx", rows)
        refused(path, r"row 1 seems to be data and no header \(x, 0.5, 7\)")
        assert read_table(path, header=False, label="feature_0").labels.tolist() == [0, 1, 0, 1]

    @pytest.mark.parametrize(
        "names",
        [["site", 2001, 2002, 2003], ["site", "5", "6", "7"], ["site", "a", "b", 2], [0, 1, 2]],
    )
    def test_numbers_that_are_names(self, tmp_path, names):
        rows = [[f"s{k}", k + 5.0, k + 6.5, k + 7.25][-len(names) :] for k in range(4)]
        path = self.write(tmp_path / "t.xlsx", [names, *rows])
        assert about(path).names == tuple(map(str, names))

    def test_merged_cells_without_a_row_of_names(self, tmp_path):
        path = self.write(tmp_path / "t.xlsx", [["a", 1.5], [None, 2.5], ["b", 3.5]])
        book = openpyxl.load_workbook(path)
        book.active.merge_cells("A1:A2")
        book.save(path)
        table = read_table(path, header=False, label="feature_0")
        assert table.labels.tolist() == [0, 0, 1]

    def test_a_copy_keeps_formulas(self, tmp_path):
        path = self.write(tmp_path / "t.xlsx", [["a", "b"], [1, "=A2+1"], [2, "=A3+1"]])
        write_like(path, {"label": np.array([5, 6])}, tmp_path / "u.xlsx")
        sheet = openpyxl.load_workbook(tmp_path / "u.xlsx").active
        assert [[c.value for c in row] for row in sheet] == [
            ["a", "b", "label"],
            [1, "=A2+1", 5],
            [2, "=A3+1", 6],
        ]

    def test_what_is_no_workbook(self, tmp_path):
        (tmp_path / "t.xlsx").write_bytes(b"a,b\n1,2\n")
        refused(tmp_path / "t.xlsx", "is no workbook of that kind")


class TestFits:
    def test_nulls_scales_and_vectors(self, tmp_path):
        columns = [
            fits.Column("n", "J", null=-99, array=np.array([1, -99, 3])),
            fits.Column("scaled", "I", array=np.array([2, 4, 7])),
            fits.Column("unsigned", "J", bzero=2**31, array=np.array([0, 2**32 - 1, 5], np.uint32)),
            fits.Column("flux", "2E", "Jy", array=np.arange(6.0).reshape(3, 2)),
            fits.Column("flag", "L", array=np.array([True, False, True])),
        ]
        fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "t.fits")
        for key, value in {"TSCAL2": 0.5, "TZERO2": 10.0}.items():
            fits.setval(tmp_path / "t.fits", key, value=value, ext=1)
        table = read_table(tmp_path / "t.fits", missing="skip")
        assert table.names == ("n", "scaled", "unsigned", "flux_0", "flux_1", "flag")
        expected = [[1, np.nan, 3], [11, 12, 13.5], [0, 2**32 - 1, 5]]
        expected += [[0, 2, 4], [1, 3, 5], [1, 0, 1]]
        np.testing.assert_array_equal(table.values.T, expected)
        assert about(tmp_path / "t.fits").units == {"flux_0": "Jy", "flux_1": "Jy"}

    def test_logical_values_that_are_neither_true_nor_false(self, tmp_path):
        columns = [
            fits.Column("flag", "L", array=np.array([True, False, True])),
            fits.Column("two", "2L", array=np.array([[True, False]] * 3)),
            fits.Column(
                "bits", "2X", array=np.array([[False, False], [False, True], [True, True]])
            ),
        ]
        fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "t.fits")
        expected = [[1, 1, 0, 0, 0], [0, 1, 0, 0, 1], [1, 1, 0, 1, 1]]
        np.testing.assert_array_equal(read_table(tmp_path / "t.fits").values, expected)
        content = (tmp_path / "t.fits").read_bytes()
        (tmp_path / "t.fits").write_bytes(content.replace(b"FTF", b"\0T\0"))  # the second row
        expected[1] = [np.nan, 1, np.nan, 0, 1]
        table = read_table(tmp_path / "t.fits", missing="skip")
        np.testing.assert_array_equal(table.values, expected)

    def test_text_tables(self, tmp_path):
        columns = [
            fits.Column("n", "I4", null="-99", array=np.array([1, -99, 3])),
            fits.Column("x", "F8.3", "m", array=np.array([0.5, 1.25, -3])),
        ]
        fits.TableHDU.from_columns(columns, name="old").writeto(tmp_path / "t.fits")
        table = read_table(tmp_path / "t.fits", table="OLD", missing="skip")
        np.testing.assert_array_equal(table.values.T, [[1, np.nan, 3], [0.5, 1.25, -3]])
        write_like(tmp_path / "t.fits", {"label": np.arange(3)}, tmp_path / "u.fits")
        table = read_table(tmp_path / "u.fits", missing="skip")
        np.testing.assert_array_equal(table.values.T[1:], [[0.5, 1.25, -3], [0, 1, 2]])

    def test_several_tables(self, tmp_path):
        one = [fits.Column("a", "E", array=np.arange(3.0))]
        hdus = [fits.PrimaryHDU(np.zeros((2, 2)))]
        hdus += [fits.BinTableHDU.from_columns(one, name=name) for name in ("STARS", "SKY")]
        fits.HDUList(hdus).writeto(tmp_path / "t.fits")
        refused(tmp_path / "t.fits", "has the tables 1 'STARS', 2 'SKY'; set data.table to one")
        for table in ("sky", 2):
            assert read_table(tmp_path / "t.fits", table=table).n_rows == 3
        refused(tmp_path / "t.fits", "HDU 0 is no table; there are 1 'STARS'", table=0)
        refused(tmp_path / "t.fits", r"no table 'star'; did you mean 'STARS'\?", table="star")
        hdus[0].writeto(tmp_path / "image.fits")
        refused(tmp_path / "image.fits", "has no table, only 1 image HDUs")
        write_like(
            tmp_path / "t.fits",
            {"label": np.arange(3)},
            tmp_path / "u.fits",
            options=ReadOptions(table="sky"),
        )
        with fits.open(tmp_path / "u.fits") as copy:
            assert [hdu.name for hdu in copy] == ["PRIMARY", "STARS", "SKY"]
            assert [copy[k].columns.names for k in (1, 2)] == [["a"], ["a", "label"]]


class TestFcs:
    def test_time_is_no_feature_and_markers_that_are_no_names(self, tmp_path):
        events = np.arange(40.0).reshape(10, 4)
        detectors, markers = ["FL1-A", "FL2-A", "FL3-A", "Time"], ["CD3", "dead", "dead", ""]
        with open(tmp_path / "t.fcs", "wb") as stream:
            flowio.create_fcs(stream, events.ravel().tolist(), detectors, markers)
        table = read_table(tmp_path / "t.fcs")
        assert table.names == ("CD3", "FL2-A", "FL3-A")
        np.testing.assert_array_equal(table.values, events[:, :3])
        assert read_table(tmp_path / "t.fcs", features=["Time"]).values[1] == 7
        refused(tmp_path / "t.fcs", "no data set 3; it has 1, counted from 0", table=3)


class TestNetcdf:
    def test_packed_values_fills_and_ranges(self, tmp_path):
        packed = xr.DataArray([[1.0, 2.5], [np.nan, 30]], dims=("y", "x"))
        plain = xr.DataArray(np.array([[1, 2], [9.96921e36, 4]], np.float32), dims=("y", "x"))
        plain.attrs["valid_max"] = np.float32(3.5)
        data = xr.Dataset({"packed": packed, "plain": plain})
        how = {"dtype": "i2", "scale_factor": 0.5, "add_offset": 1.0, "_FillValue": -999}
        encoding = {"packed": how, "plain": {"_FillValue": None}}
        data.to_netcdf(tmp_path / "t.nc", engine="h5netcdf", encoding=encoding)
        table = read_table(tmp_path / "t.nc", missing="skip")
        expected = [[1, 1], [2.5, 2], [np.nan, np.nan], [30, np.nan]]
        np.testing.assert_array_equal(table.values, expected)

    @pytest.mark.parametrize(
        ("detectors", "markers", "names"),
        [
            (["A", "B", "C"], ["CD3", "CD3", "CD4"], ("A", "B", "CD4")),
            (["A", "B", "C"], ["B", "CD3", "CD3"], ("B (A)", "CD3 (B)", "C")),
            (["A", "A", "C"], ["", "", ""], ("A (channel 1)", "A (channel 2)", "C")),
            (
                ["A", "A", "A"],
                ["", "CD3", "CD3"],
                ("A (channel 1)", "CD3 (channel 2)", "CD3 (channel 3)"),
            ),
        ],
    )
    def test_channels_of_one_name_are_told_apart(self, tmp_path, detectors, markers, names):
        with open(tmp_path / "t.fcs", "wb") as stream:
            flowio.create_fcs(stream, [1, 2, 3, 4, 5, 6], detectors, markers)
        table = read_table(tmp_path / "t.fcs")
        assert table.names == names
        assert table.values.tolist() == [[1, 2, 3], [4, 5, 6]]

    def test_grids_that_differ(self, tmp_path):
        data = grid()
        data["height"] = (("lat",), np.arange(12.0))
        data["mean"] = 3.5
        data.to_netcdf(tmp_path / "t.nc", engine="h5netcdf")
        refused(
            tmp_path / "t.nc",
            r"different grids: \(lat, lon\): CD3, CD19, FSC-A; \(lat\): height; choose those of "
            r"one grid, as data.features: \[CD3, CD19, FSC-A\]",
        )
        table = read_table(tmp_path / "t.nc", features=["CD3"])
        assert table.shape == SHAPE
        assert read_table(tmp_path / "t.nc", features=["height"]).shape is None
        refused(
            tmp_path / "t.nc", "the features lie on different grids", features=["CD3", "height"]
        )
        refused(tmp_path / "t.nc", r"no feature 'CD4'; did you mean", features=["CD4", "CD3"])

    def test_axes_are_put_in_one_order_and_single_steps_left_out(self, tmp_path):
        data = grid().expand_dims(time=[5])
        data["CD3"] = data["CD3"].transpose("lon", "time", "lat")
        data.to_netcdf(tmp_path / "t.nc", engine="h5netcdf")
        table = read_table(tmp_path / "t.nc", features=["CD19", "CD3"], missing="skip")
        np.testing.assert_array_equal(table.values, GAPPED[:, [1, 0]])
        assert table.shape == SHAPE

    def test_too_many_axes(self, tmp_path):
        data = grid().expand_dims(time=[5, 6], level=[1, 2])
        data.to_netcdf(tmp_path / "t.nc", engine="h5netcdf")
        refused(
            tmp_path / "t.nc", r"CD3, CD19, FSC-A have 4 axes, time, level, .*at most 3; save one"
        )
        data.isel(level=0).to_netcdf(tmp_path / "u.nc", engine="h5netcdf")
        assert read_table(tmp_path / "u.nc", missing="skip").shape == (2, 12, 10)

    def test_groups_and_tables_by_row(self, tmp_path):
        rows = xr.Dataset({"a": ("obs", np.arange(5.0))}, {"obs": np.arange(100, 105)})
        xr.Dataset().to_netcdf(tmp_path / "t.nc", engine="h5netcdf")
        rows.to_netcdf(tmp_path / "t.nc", group="deep/inside", mode="a", engine="h5netcdf")
        refused(tmp_path / "t.nc", "has no variables of numbers on a grid")
        table = read_table(tmp_path / "t.nc", table="deep/inside")
        assert (table.names, table.shape) == (("a",), None)
        assert about(tmp_path / "t.nc", table="deep/inside").ids == "obs"
        refused(tmp_path / "t.nc", "no group 'deeper'", table="deeper")

    def test_a_grid_comes_back_with_its_coordinates(self, tmp_path):
        data = grid()
        data["lat"].attrs["standard_name"] = "latitude"
        two = ("lat", "lon")
        data = data.assign_coords(area=(two, np.ones(SHAPE)), crs=0)
        data["crs"].attrs["grid_mapping_name"] = "latitude_longitude"
        data.to_netcdf(tmp_path / "t.nc", engine="h5netcdf")
        columns = {"label": np.arange(119, dtype=np.int32), "is_outlier": np.arange(119) == 3}
        write_like(tmp_path / "t.nc", columns, tmp_path / "labels.nc", rows=np.arange(1, 120))
        with xr.open_dataset(tmp_path / "labels.nc", engine="h5netcdf") as copy:
            assert copy["label"].dims == two
            np.testing.assert_array_equal(copy["label"].values.ravel(), [np.nan, *range(119)])
            assert copy["lat"].attrs == {"units": "degrees_north", "standard_name": "latitude"}
            assert {"area", "crs"} <= set(copy.variables)

    def test_arrays_of_a_store_without_names_of_axes(self, tmp_path):
        group = zarr.open_group(str(tmp_path / "t.zarr"), mode="w", zarr_format=2)
        for name, values in COLUMNS.items():
            group.create_array(name, data=values)
        table = read_table(tmp_path / "t.zarr", missing="skip")
        np.testing.assert_array_equal(table.values, GAPPED[:, [1, 0, 2]])
        group.create_array("features", data=VALUES)
        np.testing.assert_array_equal(read_table(tmp_path / "t.zarr").values, VALUES)


class TestRasters:
    def write(self, path, values, **how):
        how = {"dtype": values.dtype.name, "count": len(values)} | how
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with rasterio.open(
                path, "w", driver="GTiff", height=values.shape[1], width=values.shape[2], **how
            ) as raster:
                raster.write(values)

    def test_scales_and_no_data_of_whole_numbers(self, tmp_path):
        values = np.array([[[1, 2], [255, 4]]], np.uint8)
        self.write(tmp_path / "t.tif", values, nodata=255, transform=Affine(2, 1, 0, 0, -2, 9))
        with rasterio.open(tmp_path / "t.tif", "r+") as raster:
            raster.scales, raster.offsets = (0.5,), (10,)
            raster.set_band_unit(1, "K")
        table = read_table(tmp_path / "t.tif", missing="skip")
        np.testing.assert_array_equal(table.values, [[10.5], [11], [np.nan], [12]])
        assert table.names == ("band_1",)
        assert about(tmp_path / "t.tif").units == {"band_1": "K"}
        assert about(tmp_path / "t.tif").coordinates == {}

    def test_transparent_cells_are_missing(self, tmp_path):
        values = np.full((4, 2, 2), 7, np.uint8)
        values[3] = [[255, 255], [0, 255]]
        self.write(tmp_path / "t.tif", values, photometric="RGB", alpha="YES")
        table = read_table(tmp_path / "t.tif", missing="skip")
        assert table.names == ("band_1", "band_2", "band_3")
        assert np.isnan(table.values).tolist() == [[False] * 3] * 2 + [[True] * 3, [False] * 3]

    def test_a_copy_has_the_reference_system(self, files, tmp_path):
        write_like(files("t.tif"), ADDED, tmp_path / "labels.tif", rows=ROWS)
        with rasterio.open(files("t.tif")) as old, rasterio.open(tmp_path / "labels.tif") as new:
            assert (new.crs, new.transform) == (old.crs, old.transform)
            assert new.descriptions == ("label", "confidence", "CD3_")
            assert np.isnan(new.read(1).ravel()[7])
        write_like(files("t.tif"), {"label": ADDED["label"]}, tmp_path / "one.tif", rows=ROWS)
        with rasterio.open(tmp_path / "one.tif") as new:
            assert (new.dtypes, new.nodata) == (("int32",), -1)


class TestAnnotated:
    @pytest.mark.parametrize("kind", ["csr", "csc"])
    def test_sparse_matrices(self, tmp_path, kind):
        dense = np.where(VALUES > 12, VALUES, 0)
        write_h5ad(tmp_path / "t.h5ad", getattr(scipy.sparse, f"{kind}_array")(dense))
        np.testing.assert_array_equal(read_table(tmp_path / "t.h5ad").values, dense)
        part = read_table(tmp_path / "t.h5ad", features=["FSC-A", "CD3"], stride=7)
        np.testing.assert_array_equal(part.values, dense[::7, [2, 0]])

    def test_other_matrices_and_annotations(self, files):
        table = read_table(files("t.h5ad"), feature_dataset="obsm/X_pca", label="kind")
        assert table.names == ("X_pca_0", "X_pca_1")
        table = read_table(files("t.h5ad"), features=["n_genes", "FSC-A"])
        np.testing.assert_array_equal(table.values, np.c_[np.arange(120), VALUES[:, 2]])
        refused(
            files("t.h5ad"),
            r"no 'obsm/X_pcb'; did you mean 'obsm/X_pca'",
            feature_dataset="obsm/X_pcb",
        )

    def test_an_annotation_with_the_name_of_a_gene(self, tmp_path, caplog):
        write_h5ad(tmp_path / "t.h5ad", VALUES)
        with h5py.File(tmp_path / "t.h5ad", "r+") as file:
            file["obs"].move("kind", "CD3")
        table = read_table(tmp_path / "t.h5ad", label="CD3_")
        assert (table.names, table.label_names) == (NAMES, ("high", "low"))
        np.testing.assert_array_equal(table.values, VALUES)
        assert "annotation 'CD3' has the name of a column of the matrix" in caplog.text


SAID = {
    "temp": {"_FillValue": np.int16(-9), "scale_factor": 0.5, "add_offset": 10.0},
    "wind": {"missing_value": np.array([5, 6], "f8"), "valid_min": 1.0},
    "rain": {"_FillValue": "-9", "valid_range": [1, 8], "scale_factor": -2.0},
    "plain": {"scale_factor": "none", "_FillValue": h5py.Empty("f4"), "valid_range": "0 to 2"},
}
STORED = np.array([-9, 1, 2, 5, 6, 8, 9])
UNPACKED = {
    "temp": [np.nan, 10.5, 11, 12.5, 13, 14, 14.5],
    "wind": [np.nan, 1, 2, np.nan, np.nan, 8, 9],
    "rain": [np.nan, -2, -4, -10, -12, -16, np.nan],
    "plain": [-9, 1, 2, 5, 6, 8, 9],
}


class TestPackedNumbers:
    """Attributes of CF mean the same in HDF5 files and Zarr stores as in NetCDF files."""

    def write(self, path, dtypes):
        with h5py.File(path, "w") as file:
            for name, dtype in dtypes.items():
                dataset = file.create_dataset(f"S1/{name}", data=STORED.astype(dtype))
                dataset.attrs.update(SAID[name])
        return path

    def test_columns(self, tmp_path):
        path = self.write(
            tmp_path / "t.h5", {"temp": "i2", "wind": "f4", "rain": "i8", "plain": "u1"}
        )
        table = read_table(path, missing="skip", features=list(UNPACKED))
        expected = {**UNPACKED, "plain": [247, 1, 2, 5, 6, 8, 9]}
        np.testing.assert_array_equal(table.values.T, [*expected.values()])
        self.write(tmp_path / "t.nc", {"temp": "i2", "wind": "f4"})
        same = read_table(tmp_path / "t.nc", table="S1", missing="skip")
        np.testing.assert_array_equal(same.values.T, [*expected.values()][:2])

    def test_a_matrix_with_its_label(self, tmp_path):
        with h5py.File(tmp_path / "t.h5", "w") as file:
            file["features"] = np.c_[STORED, STORED].astype("f4")
            file["kind"] = file["of"] = STORED
            for name in ("features", "kind", "of"):
                file[name].attrs["_FillValue"] = -9
        table = read_table(tmp_path / "t.h5", label="kind", carried="of", missing="skip")
        assert (table.values.dtype, table.labels[0]) == (np.float32, -1)
        assert np.isnan(table.values).sum(axis=0).tolist() == [1, 1]
        assert np.isnan(table.beside.carried["of"][0])
        with open_labels(tmp_path / "t.h5", "kind") as labels:
            assert labels.n_missing == 1

    def test_a_store_without_names_of_axes(self, tmp_path):
        group = zarr.open_group(str(tmp_path / "t.zarr"), mode="w", zarr_format=2)
        group.create_array("temp", data=STORED, attributes={"_FillValue": -9})
        table = read_table(tmp_path / "t.zarr", missing="skip")
        np.testing.assert_array_equal(table.values[:, 0], [np.nan, *STORED[1:]])
        group.create_array("features", data=np.c_[STORED], attributes={"scale_factor": 0.5})
        table = read_table(tmp_path / "t.zarr")
        np.testing.assert_array_equal(table.values[:, 0], STORED / 2)

    def test_limits_where_the_scale_is_negative(self, tmp_path):
        data = xr.Dataset({"rain": ("x", STORED, SAID["rain"] | {"_FillValue": -9})})
        data.to_netcdf(tmp_path / "t.nc", engine="h5netcdf")
        table = read_table(tmp_path / "t.nc", missing="skip")
        np.testing.assert_array_equal(table.values[:, 0], UNPACKED["rain"])


class TestGroups:
    def test_variables_in_groups_alone(self, tmp_path):
        data = xr.Dataset({"a": ("x", np.arange(5.0)), "b": ("x", np.arange(5.0))})
        for group, mode in (("one", "w"), ("two/deep", "a")):
            data.to_netcdf(tmp_path / "t.nc", group=group, engine="h5netcdf", mode=mode)
            data.to_zarr(tmp_path / "t.zarr", group=group, mode=mode, zarr_format=2)
        for name in ("t.nc", "t.zarr"):
            says = "; set data.table to one of its groups: 'one', 'two/deep'"
            refused(tmp_path / name, f"has no .*{says}")
            refused(tmp_path / name, f"has no .*{says}", features=["a"], table="two")
            assert read_table(tmp_path / name, table="two/deep").names == ("a", "b")
        refused(tmp_path / "t.zarr", "no group 'on'; did you mean 'one'?", table="on")

    def test_arrays_without_names_of_axes(self, tmp_path):
        group = zarr.open_group(str(tmp_path / "t.zarr"), mode="w", zarr_format=2)
        refused(tmp_path / "t.zarr", "no array 'features'")
        group.create_array("one/features", data=np.ones((4, 2)))
        refused(tmp_path / "t.zarr", "has no arrays; set data.table to one of its groups: 'one'$")
        assert read_table(tmp_path / "t.zarr", table="one").n_rows == 4


class TestColumns:
    def test_arrays_of_several_lengths(self, tmp_path):
        np.savez(tmp_path / "t.npz", a=np.arange(5.0), b=np.arange(5.0), c=np.arange(7.0), n=3)
        refused(tmp_path / "t.npz", "columns have different lengths: 5: a, b; 7: c; name features")
        assert read_table(tmp_path / "t.npz", features=["c"]).n_rows == 7
        assert read_table(tmp_path / "t.npz", features=["b", "a"]).names == ("b", "a")
        refused(tmp_path / "t.npz", "different lengths: 5: a; 7: c", features=["a", "c"])

    def test_a_matrix_of_another_name(self, tmp_path):
        np.savez(tmp_path / "t.npz", X=VALUES, y=LABELS)
        refused(
            tmp_path / "t.npz", "no array 'features'.*set data.feature_dataset to X, which is N x F"
        )
        with h5py.File(tmp_path / "t.h5", "w") as file:
            file["run/X"], file["run/y"] = VALUES, LABELS
        refused(tmp_path / "t.h5", "'run' is a group.*set data.feature_dataset to run/X")
        table = read_table(tmp_path / "t.h5", feature_dataset="run/X", label="run/y")
        assert table.label_names == ("0", "1", "2", "3")

    def test_several_groups_and_tables(self, tmp_path):
        with h5py.File(tmp_path / "t.h5", "w") as file:
            file["one/a"] = file["two/a"] = np.arange(4.0)
        refused(tmp_path / "t.h5", "set data.feature_dataset to one of the groups one, two")
        assert read_table(tmp_path / "t.h5", feature_dataset="two").names == ("a",)
        with h5py.File(tmp_path / "u.h5", "w") as file:
            file["first"] = file["second"] = np.zeros(4, [("x", "f4"), ("y", "f4", (2,))])
            file["truth"] = np.arange(4)
        refused(tmp_path / "u.h5", "several tables, first, second; set data.feature_dataset to one")
        table = read_table(tmp_path / "u.h5", feature_dataset="second", label="truth")
        assert table.names == ("x", "y_0", "y_1")
        assert table.label_names == ("0", "1", "2", "3")

    def test_records_that_are_no_table(self, tmp_path):
        inner = np.zeros(3, [("x", "f4"), ("inner", [("y", "f4")])])
        np.save(tmp_path / "t.npy", inner)
        refused(tmp_path / "t.npy", "field 'inner' is itself a record of y; flatten it")
        np.save(tmp_path / "u.npy", np.zeros(3, [("x", "f4"), ("image", "f4", (64, 64))]))
        refused(tmp_path / "u.npy", r"'image' holds \(64, 64\) numbers in each row")
        np.save(tmp_path / "v.npy", np.zeros(3, [("x", "f4"), ("day", "M8[s]")]))
        refused(tmp_path / "v.npy", r"'day' holds dates .*data.features: \[x\]")

    def test_pickled_names_are_read_and_pickled_objects_are_not(self, tmp_path):
        write_pandas_table(tmp_path / "t.h5")
        with h5py.File(tmp_path / "t.h5", "r+") as file:
            evil = b"cposix\nsystem\n(S'touch " + str(tmp_path / "made").encode() + b"'\ntR."
            file["events/table"].attrs["values_block_0_kind"] = np.bytes_(evil)
        refused(tmp_path / "t.h5", "pickled posix.system, which is never loaded")
        assert not (tmp_path / "made").exists()

    def test_matlab_matrices_structs_and_cells(self, tmp_path):
        path = tmp_path / "t.mat"
        names = np.array(NAMES, dtype=object)
        scipy.io.savemat(path, {"features": VALUES, "names": names, "y": LABELS})
        table = read_table(path, label="y")
        assert table.names == NAMES
        np.testing.assert_array_equal(table.labels, LABELS)
        scipy.io.savemat(path, {"s": {"a": VALUES[:, 0], "b": VALUES[:, 1]}, "n": 3})
        assert read_table(path, feature_dataset="s").names == ("a", "b")
        refused(path, "no variable 't'; there are 's', 'n'", feature_dataset="t")

    def test_table_is_for_files_of_several(self, files):
        says = r"data.table is for files of several tables \(.xlsx.*; .* is none"
        refused(files("t.csv"), says, table="data")


def test_what_reads_a_format_is_named_where_it_is_missing(files, monkeypatch):
    for library, name in {
        "openpyxl": "t.xlsx",
        "odf": "t.ods",
        "astropy": "t.fits",
        "flowio": "t.fcs",
        "xarray": "t.nc",
        "zarr": "t.zarr",
        "rasterio": "t.tif",
    }.items():
        path = files(name)
        says = rf"{library} is not installed: pip install 'kohorte\[formats\]'"
        with monkeypatch.context() as missing:
            for module in [m for m in sys.modules if m.partition(".")[0] == library]:
                missing.setitem(sys.modules, module, None)
            missing.setitem(sys.modules, library, None)
            with pytest.raises(MissingExtraError, match=says):
                read_table(path)


DAMAGED = ["t.xlsx", "t.fits", "t.fits.gz", "t.fcs", "t.nc", "classic.nc", "t.tif", "t.feather"]
DAMAGED += ["columns.npz", "vaex.hdf5", "pandas.h5"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", DAMAGED)
@settings(max_examples=8)
@given(cuts=st.lists(CUTS, min_size=1, max_size=6))
def test_damaged_files_are_read_or_named(files, tmp_path, name, cuts):
    path = tmp_path / name
    path.write_bytes(damaged(files(name).read_bytes(), cuts))
    for label in (None, "kind"):
        table, message = outcome_of(read_table, path, label=label, missing="skip")
        assert message.startswith(str(path)) if table is None else not np.isinf(table.values).any()


def test_a_file_that_ends_the_process_that_reads_it(files, tmp_path, monkeypatch):
    monkeypatch.setattr(matlab, "_READ", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    refused(files("t.mat"), "is truncated or damaged .it ends the process that reads it")


@pytest.mark.parametrize("name", ["t.nc", "t.h5ad"])
def test_links_to_other_files_are_refused(files, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(files(name).read_bytes())
    with h5py.File(path, "r+") as file:
        file["deep/away"] = h5py.ExternalLink("other.h5", "/x")
    refused(path, "'away' is a link to another file, which is refused")
    path.write_bytes(files(name).read_bytes())
    (tmp_path / "raw").write_bytes(bytes(960))
    with h5py.File(path, "r+") as file:
        file.create_dataset("far", (120,), "f8", external=[(str(tmp_path / "raw"), 0, 960)])
    refused(path, "the data of 'far' lie in another file")


def test_pickles_in_a_store_are_refused(tmp_path):
    group = zarr.open_group(str(tmp_path / "t.zarr"), mode="w", zarr_format=2)
    group.create_array("a", data=np.arange(3.0))
    meta = tmp_path / "t.zarr" / "a" / ".zarray"
    meta.write_text(meta.read_text().replace('"filters": null', '"filters": [{"id": "pickle"}]'))
    refused(tmp_path / "t.zarr", "pickle")


def test_what_claims_to_be_larger_than_it_can_be(files, monkeypatch):
    for name in ("t.xlsx", "t.nc", "t.tif", "t.zarr", "t.fits.gz", "t.h5ad"):
        with monkeypatch.context() as context:
            for module in (reading, fits_reader):
                context.setattr(module, "ALWAYS_HELD", 100)
                context.setattr(module, "MAX_EXPANSION", 1e-3)
            refused(files(name), "which cannot be: it is damaged")
