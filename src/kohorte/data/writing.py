"""Copies of a user's table with columns added, in the form of the table."""

from __future__ import annotations

import csv
import io
import logging
import math
import os
import shutil
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from kohorte._checks import extra
from kohorte._files import replacing
from kohorte._text import guard_cell
from kohorte.data.names import COPIES, GRIDS, STORES, extension, find_file
from kohorte.data.reading import NUMERIC_KINDS, ReadOptions
from kohorte.data.sources import open_source
from kohorte.errors import DataError

_LOG = logging.getLogger(__name__)

#: What stands for no entry among whole numbers, in formats that know no gaps.
NONE = -1

#: Time of the members of archives: equal copies have equal bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_like(
    source: str | Path,
    columns: Mapping[str, np.ndarray],
    destination: str | Path,
    *,
    rows: np.ndarray | None = None,
    options: ReadOptions | None = None,
) -> None:
    """Write a copy of the table `source` with `columns` added, all of one length, to `destination`.

    Of a grid, and of a matrix of an .h5ad file, not the values are copied but coordinates, names
    and what else says which cell or row is which. The file appears when it is whole. Raises
    DataError: the source cannot be read.

    Parameters
    ----------
    source
        A file that can be the source of a table.
    columns
        Numbers or text by name. A name that the table has already gets an underscore at its end.
    destination
        Its extension is that of the source in `kohorte.data.names.COPIES` or `GRIDS`.
    rows
        (n,) int64, ascending: rows of the source that the entries of the columns belong to, None
        for all. Other rows are kept, with no entry: empty in text and spreadsheets, null in
        Parquet, NaN or -1 elsewhere.
    options
        How the source was read.
    """
    title = str(source)
    kind, path = extension(title), find_file(title)
    options = options or ReadOptions()
    inner = kind if kind in COPIES or kind in GRIDS else extension(path.stem)  # of packed text
    wanted = COPIES.get(inner) or GRIDS.get(inner)
    if wanted is None or extension(str(destination)) != wanted:
        raise DataError(f"{title}: a copy of it ends in {wanted}, not as {destination}")
    # All columns are wanted, whatever the study made of them.
    options = replace(options, features=None, label=None)
    added = Added(title, {name: np.asarray(values) for name, values in columns.items()}, rows)
    making = _replacing_store if wanted in STORES else replacing
    with making(Path(destination)) as temporary:
        _WRITERS.get(inner, _write_values)(path, options, added, temporary)


@contextmanager
def _replacing_store(destination: Path) -> Iterator[Path]:
    """Give a temporary folder beside `destination`, which becomes it if the block ends well."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=destination.parent, prefix=f".{destination.name}.") as folder:
        temporary = Path(folder, destination.name)
        yield temporary
        if destination.exists():
            shutil.rmtree(destination)
        os.replace(temporary, destination)


@dataclass(frozen=True)
class Added:
    """Columns to be added to a table, for some of its rows."""

    title: str
    columns: Mapping[str, np.ndarray]
    rows: np.ndarray | None

    def names(self, taken: Sequence[str]) -> dict[str, str]:
        """Return the name of each column beside those that a table has."""
        there, found = {name.lower() for name in taken}, {}
        for name in self.columns:
            new = name
            # Some formats do not tell letters of two sizes apart.
            while new.lower() in there:
                new += "_"
            there.add(new.lower())
            found[name] = new
        return found

    def place(self, n_rows: int) -> np.ndarray:
        """Return the entry of each row of the table, (n_rows,) int64; -1 where it has none."""
        n_entries = {len(values) for values in self.columns.values()}
        rows = np.arange(n_rows) if self.rows is None else self.rows
        if n_entries - {len(rows)} or (len(rows) and rows.max() >= n_rows):
            raise DataError(
                f"{self.title}: has {n_rows} rows, which are not those that the results belong to; "
                "was the file replaced?"
            )
        entry = np.full(n_rows, -1, dtype=np.int64)
        entry[rows] = np.arange(len(rows))
        return entry

    def filled(self, n_rows: int) -> dict[str, np.ndarray]:
        """Return the columns for all rows, with NaN, NONE or empty text where there is no entry."""
        entry = self.place(n_rows)
        return {name: _spread(values, entry) for name, values in self.columns.items()}


def _spread(values: np.ndarray, entry: np.ndarray) -> np.ndarray:
    if not len(values):
        values = np.full(1, math.nan)
    out, absent = values[entry], entry < 0
    if values.dtype.kind == "u":  # few formats know numbers without a sign, and none of them a gap
        small = values.dtype.itemsize < 8
        out = out.astype(np.promote_types(values.dtype, np.int8) if small else np.int64)
    if not absent.any():
        return out
    if values.dtype.kind == "b":
        out = out.astype(np.int8)
    none: Any = {"f": math.nan, "U": "", "O": "", "S": b""}.get(out.dtype.kind, NONE)
    out[absent] = none
    return out


def _write_text(path: Path, options: ReadOptions, added: Added, destination: Path) -> None:
    """Copy the fields of text as they are, and add those of the columns."""
    from kohorte.data.tabular import TextSource

    with open_source(added.title, options) as opened:
        source = opened.origin
        assert isinstance(source, TextSource)
        entry = added.place(source.n_rows)
        # What is added, such as names of groups, runs in no spreadsheet.
        words = [
            [guard_cell(word) for word in _as_words(values, options)]
            if values.dtype.kind in "OSU"
            else _as_words(values, options)
            for values in added.columns.values()
        ]
        names = added.names(source.names)
        # A copy of columns between blanks has commas.
        is_spaced = source.delimiter == " " or extension(str(path)) not in (".tsv", ".tab", ".txt")
        delimiter = "," if is_spaced and source.delimiter == " " else source.delimiter
        with (
            open(destination, "w", encoding="utf-8", newline="") as stream,
            source.records() as records,
        ):
            writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
            writer.writerow([*source.names, *names.values()])
            for row, record in enumerate(records):
                k = entry[row]
                fields = record[: len(source.names)]  # a delimiter may end every line
                writer.writerow([*fields, *(("" if k < 0 else column[k]) for column in words)])


def _as_words(values: np.ndarray, options: ReadOptions) -> list[str]:
    """Write the entries of a column as text: shortest numbers that are equal, empty for NaN."""
    if values.dtype.kind == "f":
        words = ["" if math.isnan(value) else str(value) for value in values]
        return [w.replace(".", ",") for w in words] if options.decimal == "," else words
    if values.dtype.kind == "S":
        return [value.decode("utf-8", "replace") for value in values.tolist()]
    return ["" if value is None else str(value) for value in values.tolist()]


def _write_values(path: Path, options: ReadOptions, added: Added, destination: Path) -> None:
    """Write the columns of any source as comma-separated text; of a matrix only what is beside."""
    with open_source(added.title, options) as source:
        kept = [k for k, name in enumerate(source.names) if name in source.asides]
        if extension(str(path)) != ".h5ad":
            kept = list(range(len(source.names)))
        entry, everything = added.place(source.n_rows), np.arange(source.n_rows)
        names = [source.names[k] for k in kept]
        words = [_as_words(source.read_column(k, everything), ReadOptions()) for k in kept]
        new = [_as_words(values, ReadOptions()) for values in added.columns.values()]
        with open(destination, "w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(map(guard_cell, [*names, *added.names(names).values()]))
            for row in range(source.n_rows):
                k = entry[row]
                cells = [*(c[row] for c in words), *(("" if k < 0 else c[k]) for c in new)]
                writer.writerow(map(guard_cell, cells))


def _write_arrow(path: Path, options: ReadOptions, added: Added, destination: Path) -> None:
    """Copy a Parquet or Arrow file with its types and metadata, one row group after the other."""
    with extra("workflow"):
        import pyarrow as pa
        import pyarrow.feather
        import pyarrow.parquet as pq

    def extend(table: pa.Table, start: int) -> pa.Table:
        k = entry[start : start + len(table)]
        names = added.names(table.column_names)
        for name, values in added.columns.items():
            whole = values[k] if len(values) else np.full(len(k), math.nan)
            absent = (k < 0) | (np.isnan(whole) if whole.dtype.kind == "f" else False)
            column = pa.array(whole.tolist() if whole.dtype.kind in "OSU" else whole, mask=absent)
            table = table.append_column(names[name], column)
        return table

    if extension(str(path)) != ".parquet":
        with pa.memory_map(str(path)) as mapped:
            try:
                table = pa.ipc.open_file(mapped).read_all()
            except pa.ArrowInvalid:
                table = pa.ipc.open_stream(mapped).read_all()
            entry = added.place(len(table))
            pa.feather.write_feather(extend(table, 0), destination, compression="zstd")
        return
    with pq.ParquetFile(path) as file:
        entry, start = added.place(file.metadata.num_rows), 0
        writer = None
        try:
            for group in range(file.num_row_groups):
                table = extend(file.read_row_group(group), start)
                start += len(table)
                writer = writer or pq.ParquetWriter(destination, table.schema)
                writer.write_table(table)
        finally:
            if writer is not None:
                writer.close()


def _write_excel(path: Path, options: ReadOptions, added: Added, destination: Path) -> None:
    """Copy a workbook, and add columns beside those of its sheet; formulas stay, macros do not."""
    with extra("formats"):
        import openpyxl
    from kohorte.data.sheets import SheetSource

    with open_source(added.title, options) as opened:
        source = opened.origin
        assert isinstance(source, SheetSource)
        names = added.names(source.names)
        entry = added.place(source.n_rows)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a copy cannot hold, such as pictures
            book = openpyxl.load_workbook(path)
        sheet = book[source.sheet] if source.sheet in book.sheetnames else book.worksheets[0]
        beside = source.last_column + 2  # counted from 1
        for offset, (name, values) in enumerate(added.columns.items()):
            if source.header_row is not None:
                sheet.cell(source.header_row + 1, beside + offset, names[name])
            entries = _plain(values)
            for row, k in zip(source.rows, entry.tolist(), strict=True):
                if k >= 0 and entries[k] is not None:
                    cell = sheet.cell(row + 1, beside + offset, entries[k])
                    if isinstance(entries[k], str):
                        cell.data_type = "s"  # and no formula
        book.save(destination)


def _write_ods(path: Path, options: ReadOptions, added: Added, destination: Path) -> None:
    """Write the sheet of an OpenDocument workbook with columns added; other sheets stay behind."""
    with extra("formats"):
        import pandas as pd
    from kohorte.data.sheets import SheetSource

    with open_source(added.title, options) as opened:
        source = opened.origin
        assert isinstance(source, SheetSource)
        names, entry = added.names(source.names), added.place(source.n_rows)
        cells = [[None if c == "" else c for c in source.record(row)] for row in range(len(entry))]
        for values in added.columns.values():
            entries = _plain(values)
            for record, k in zip(cells, entry.tolist(), strict=True):
                record.append(entries[k] if k >= 0 else None)
        frame = pd.DataFrame(cells, columns=[*source.names, *names.values()], dtype=object)
        # The name of the temporary file is none of a workbook.
        with open(destination, "wb") as stream, pd.ExcelWriter(stream, engine="odf") as book:
            frame.to_excel(book, sheet_name=source.sheet, index=False)


def _plain(values: np.ndarray) -> list[Any]:
    """Return entries as Python has them, None for NaN."""
    return [
        None if isinstance(value, float) and math.isnan(value) else value
        for value in values.tolist()
    ]


def _write_fits(path: Path, options: ReadOptions, added: Added, destination: Path) -> None:
    """Copy a FITS file as it is, and add columns to the table that was read."""
    with extra("formats"):
        from astropy.io import fits
    from kohorte.data.fits import choose_table, open_hdus, table_columns

    with warnings.catch_warnings(), open_hdus(added.title, path) as file:
        warnings.simplefilter("ignore")
        hdu = choose_table(added.title, file, options)
        n_rows = len(hdu.data)
        names = added.names(hdu.columns.names)
        has_gaps = bool((added.place(n_rows) < 0).any())
        new = [
            _fits_column(names[name], values, has_gaps)
            for name, values in added.filled(n_rows).items()
        ]
        if isinstance(hdu, fits.TableHDU):
            # Text cannot hold numbers of any width: the copy is binary.
            numbers = {n: column.read() for n, column in table_columns(added.title, hdu).items()}
            filled = {
                name: np.ma.filled(values.astype(float), math.nan)
                if np.ma.isMaskedArray(values) and values.dtype.kind in NUMERIC_KINDS
                else np.ma.getdata(values)
                for name, values in numbers.items()
            }
            old = fits.ColDefs([_fits_column(name, v, False) for name, v in filled.items()])
            for column in old:
                column.unit = hdu.columns[column.name].unit
            header = fits.Header({"EXTNAME": hdu.name})
        else:
            old, header = hdu.columns, hdu.header
        copy = fits.BinTableHDU.from_columns(old + fits.ColDefs(new), header=header)
        others = [copy if other is hdu else other for other in file]
        with open(destination, "wb") as stream:
            fits.HDUList(others).writeto(stream, output_verify="silentfix")


def _fits_column(name: str, values: np.ndarray, has_gaps: bool) -> Any:
    from astropy.io import fits

    codes = {"b": "L", "i1": "I", "i2": "I", "i4": "J", "f4": "E", "f8": "D"}
    if values.dtype.kind in "OSU":
        values = np.array([_decode(value) for value in values.tolist()], dtype="U")
        return fits.Column(name, f"{max(1, values.dtype.itemsize // 4)}A", array=values)
    code = codes.get(values.dtype.kind) or codes.get(values.dtype.str[1:], "K")
    null = NONE if has_gaps and code in "IJK" else None
    return fits.Column(name, code, null=null, array=values)


def _decode(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _write_fcs(path: Path, options: ReadOptions, added: Added, destination: Path) -> None:
    """Write the events, linear, with a channel for each column of numbers."""
    with extra("formats"):
        import flowio
    from kohorte.data.cytometry import open_data_set

    data = open_data_set(added.title, path, options)
    events = data.as_array(preprocess=True)
    numbers = _only_numbers(added, len(events))
    names = added.names([*data.pnn_labels, *data.pns_labels])
    table = np.column_stack([events, *(values.astype(float) for values in numbers.values())])
    said = {f"P{k}R": str(value) for k, value in enumerate(data.pnr_values, 1)}
    for k, values in enumerate(numbers.values(), len(data.pnr_values) + 1):
        said[f"P{k}R"] = str(max(1, math.ceil(np.nanmax(np.append(values.astype(float), 0)) + 1)))
    said |= {key: data.text[key] for key in ("cyt", "date") if data.text.get(key)}
    spill = data.text.get("spillover") or data.text.get("spill")
    said |= {"spillover": spill} if spill else {}
    with open(destination, "wb") as stream:
        flowio.create_fcs(
            stream,
            table.ravel().tolist(),
            [*data.pnn_labels, *(names[name] for name in numbers)],
            [*data.pns_labels, *("" for _ in numbers)],
            said,
        )


def _only_numbers(added: Added, n_rows: int) -> dict[str, np.ndarray]:
    """Return the columns of numbers for all rows; others are named in the log."""
    found = added.filled(n_rows)
    left = [name for name, values in found.items() if values.dtype.kind not in NUMERIC_KINDS]
    if left:
        _LOG.info("%s: a copy cannot hold text: %s", added.title, ", ".join(left))
    return {name: values for name, values in found.items() if name not in left}


def _write_npz(path: Path, options: ReadOptions, added: Added, destination: Path) -> None:
    """Copy the members of an archive as they are, and add an array for each column."""
    with open_source(added.title, options) as source:
        n_rows, taken = source.n_rows, source.names
    shutil.copyfile(path, destination)
    with zipfile.ZipFile(destination, "a", zipfile.ZIP_DEFLATED) as archive:
        members = [name.removesuffix(".npy") for name in archive.namelist()]
        names = added.names([*members, *taken])
        for name, values in added.filled(n_rows).items():
            buffer = io.BytesIO()
            np.save(buffer, values.astype("U") if values.dtype.kind == "O" else values)
            member = zipfile.ZipInfo(f"{names[name]}.npy", _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, buffer.getvalue())


def _write_hdf5(path: Path, options: ReadOptions, added: Added, destination: Path) -> None:
    """Copy an HDF5 file, and add a dataset for each column beside those of the table."""
    import h5py

    from kohorte.data.hdf5 import find_columns

    with open_source(added.title, options) as source:
        n_rows, taken = source.n_rows, source.names
    found = added.filled(n_rows)
    with h5py.File(path, "r") as file:
        is_ours = file.attrs.get("kind") == "fields"
        group, pattern = find_columns(added.title, file, options)
        names = added.names([*taken, *file.get(group, ())])
    if is_ours:
        # A sealed file of fields is not written to: the results stand alone.
        group, pattern = "/", "{}"
    else:
        shutil.copyfile(path, destination)
    with h5py.File(destination, "w" if is_ours else "r+") as file:
        for name, values in found.items():
            text = h5py.string_dtype() if values.dtype.kind in "OU" else None
            values = values.astype(object) if text else values
            place = f"{group.rstrip('/')}/{pattern.format(names[name])}"
            file.create_dataset(place, data=values, dtype=text, track_times=False)
        there = file[group].attrs.get("column_order") if group in file else None
        if there is not None:
            order = [_decode(there), *names.values()]
            file[group].attrs["column_order"] = ",".join(order)


def _write_netcdf(path: Path, options: ReadOptions, added: Added, destination: Path) -> None:
    """Write the columns on the grid of the source, with its coordinates."""
    with extra("formats"):
        import h5netcdf  # noqa: F401
        import xarray as xr
    from kohorte.data.netcdf import open_dataset

    with open_source(added.title, options) as source:
        shape, axes = source.shape or (source.n_rows,), source.axes
        n_rows, taken = source.n_rows, source.names
        if source.names and not axes:
            axes = (source.ids,) if source.ids else ("row",)
    found, names = added.filled(n_rows), added.names(taken)
    with open_dataset(added.title, path, options) as data:
        kept = {
            name: variable.load()
            for name, variable in data.squeeze().coords.items()
            if set(variable.dims) <= set(axes)
        }
    made, encoding = {}, {}
    for name, values in found.items():
        if values.dtype.kind == "b":
            values = values.astype(np.int8)
        if values.dtype.kind in "OU":
            values = values.astype(str).astype(object)
        made[names[name]] = (axes, values.reshape(shape), {"long_name": name.replace("_", " ")})
        numeric = values.dtype.kind in NUMERIC_KINDS
        fill = NONE if values.dtype.kind == "i" else math.nan
        encoding[names[name]] = {"_FillValue": fill, "zlib": True} if numeric else {}
    copy = xr.Dataset(made, kept, {"Conventions": "CF-1.8"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        copy.to_netcdf(destination, engine="h5netcdf", encoding=encoding)


def _write_zarr(path: Path, options: ReadOptions, added: Added, destination: Path) -> None:
    """Copy a Zarr store, and add an array for each column beside those of the table."""
    with extra("formats"):
        import zarr
    from kohorte.data.netcdf import dimensions_of

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # types of text that Zarr 3 has not settled
        with open_source(added.title, options) as source:
            shape, axes = source.shape or (source.n_rows,), source.axes
            n_rows, taken = source.n_rows, source.names
        if not path.is_dir():
            raise DataError(f"{added.title}: a copy can be written of a folder alone; unpack it")
        whole = zarr.open(store=str(path), mode="r")
        if isinstance(whole, zarr.Array):  # nothing can stand beside it
            group = zarr.open_group(
                str(destination), mode="w", zarr_format=whole.metadata.zarr_format
            )
        else:
            shutil.copytree(path, destination, symlinks=True)
            group = zarr.open_group(str(destination), mode="r+", path=str(options.table or ""))
        kind = group.metadata.zarr_format
        alike = [array for _, array in sorted(group.arrays()) if array.shape == shape]
        dimensions: list[str] | None = list(axes) or None
        for array in alike:
            dimensions = dimensions or dimensions_of(array)
        names = added.names([*taken, *group.array_keys(), *axes])
        has_gaps = bool((added.place(n_rows) < 0).any())
        for name, values in added.filled(n_rows).items():
            values = values.astype("U") if values.dtype.kind in "OS" else values
            said: dict[str, Any] = {"long_name": name.replace("_", " ")}
            if has_gaps and values.dtype.kind == "i":
                said["_FillValue"] = NONE
            if kind == 2 and dimensions:
                said["_ARRAY_DIMENSIONS"] = dimensions
            group.create_array(
                names[name],
                data=np.ascontiguousarray(values.reshape(shape)),
                attributes=said,
                dimension_names=None if kind == 2 else dimensions,
                fill_value=_nothing(values.dtype) if kind == 3 or has_gaps else None,
            )
        if not isinstance(whole, zarr.Array) and whole.metadata.consolidated_metadata is not None:
            zarr.consolidate_metadata(str(destination), zarr_format=kind)


def _nothing(dtype: np.dtype) -> float | str:
    if dtype.kind == "f":
        return math.nan
    return "" if dtype.kind == "U" else NONE if dtype.kind == "i" else False


def _write_geotiff(path: Path, options: ReadOptions, added: Added, destination: Path) -> None:
    """Write a band for each column of numbers, on the cells of the source."""
    with extra("formats"):
        import rasterio
    from kohorte.data.rasters import open_raster

    with open_source(added.title, options) as source:
        assert source.shape is not None
        shape, taken = source.shape, source.names
    numbers, names = _only_numbers(added, math.prod(shape)), added.names(taken)
    whole = all(values.dtype.kind in "iub" for values in numbers.values())
    absent = added.place(math.prod(shape)) < 0
    with open_raster(added.title, path, options) as raster:
        how = {"crs": raster.crs, "transform": raster.transform}
        points, points_crs = raster.gcps
    how |= {"height": shape[0], "width": shape[1], "count": len(numbers), "compress": "deflate"}
    how |= {"dtype": "int32", "nodata": NONE} if whole else {"dtype": "float32", "nodata": math.nan}
    with warnings.catch_warnings(), rasterio.Env(GDAL_PAM_ENABLED=False):
        warnings.simplefilter("ignore")
        # GDAL writes beside the file that it is given, and needs to know its kind.
        with rasterio.open(destination, "w", driver="GTiff", **how) as raster:
            if points:
                raster.gcps = points, points_crs
            for band, (name, values) in enumerate(numbers.items(), 1):
                written = values.astype(how["dtype"])
                if not whole:
                    written[absent] = math.nan
                raster.write(written.reshape(shape), band)
                raster.set_band_description(band, names[name])


_Writer = Callable[[Path, ReadOptions, Added, Path], None]

#: What writes a copy, by the extension of the source; the values of others are written as text.
_WRITERS: dict[str, _Writer] = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt", ".data", ".dat", ".arff"), _write_text),
    **dict.fromkeys((".parquet", ".feather", ".arrow"), _write_arrow),
    **dict.fromkeys((".xlsx", ".xlsm"), _write_excel),
    ".ods": _write_ods,
    **dict.fromkeys((".fits", ".fit", ".fts", ".fits.gz"), _write_fits),
    **dict.fromkeys((".fcs", ".lmd"), _write_fcs),
    ".npz": _write_npz,
    **dict.fromkeys((".h5", ".hdf5"), _write_hdf5),
    **dict.fromkeys((".nc", ".nc4"), _write_netcdf),
    ".zarr": _write_zarr,
    **dict.fromkeys((".tif", ".tiff"), _write_geotiff),
}
