"""Sources that are a table of a FITS file, binary or ASCII."""

from __future__ import annotations

import gzip
import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kohorte._checks import extra, suggest
from kohorte.data.columns import Column, ColumnSource, split_vectors
from kohorte.data.reading import (
    ALWAYS_HELD,
    MAX_EXPANSION,
    ReadOptions,
    Source,
    check_expansion,
    damages,
)
from kohorte.errors import DataError

if TYPE_CHECKING:
    from astropy.io.fits import BinTableHDU, HDUList


@contextmanager
def open_fits(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open the table HDU `table` of a FITS file, by name or number; None takes the only one.

    Columns of vectors are those of their entries, name_0, name_1, ...; entries of TNULL, and
    logical ones that are neither true nor false, are NaN.
    """
    with extra("formats"):
        import astropy.io.fits  # noqa: F401
    # What is wrong with a file shows when it is read, or does no harm.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with damages(title):
            file = open_hdus(title, path)
        with file:
            with damages(title):
                hdu = choose_table(title, file, options)
                size = os.stat(path).st_size
                check_expansion(title, hdu.size, size)
                columns = table_columns(title, hdu)
            yield ColumnSource(title, split_vectors(title, columns), options)


def open_hdus(title: str, path: str | Path) -> HDUList:
    """Open a FITS file, mapped; a packed one is unpacked first, so that its checksum is seen."""
    from astropy.io import fits

    with open(path, "rb") as stream:
        if stream.read(2) != b"\x1f\x8b":
            return fits.open(path, memmap=True)
    limit = max(ALWAYS_HELD, MAX_EXPANSION * os.stat(path).st_size)
    with gzip.open(path) as packed:
        content = packed.read(limit + 1)
    check_expansion(title, len(content), os.stat(path).st_size)
    return fits.open(io.BytesIO(content), memmap=False)


def choose_table(title: str, file: HDUList, options: ReadOptions) -> BinTableHDU:
    """Return the table of an open file that `options.table` names, None where there is only one."""
    from astropy.io import fits

    table = options.table
    kinds = (fits.BinTableHDU, fits.TableHDU)
    tables = {number: hdu for number, hdu in enumerate(file) if isinstance(hdu, kinds)}
    there = ", ".join(f"{number} {hdu.name!r}" for number, hdu in tables.items())
    if not tables:
        raise DataError(
            f"{title}: has no table, only {len(file)} image HDUs; images are read as .npy, .npz or "
            "HDF5 with one row for each pixel"
        )
    if table is None:
        if len(tables) > 1:
            raise DataError(f"{title}: has the tables {there}; set {options.section}table to one")
        return next(iter(tables.values()))
    if isinstance(table, int):
        if table not in tables:
            raise DataError(f"{title}: HDU {table} is no table; there are {there}")
        return tables[table]
    named = [hdu for hdu in tables.values() if hdu.name.lower() == table.lower()]
    if len(named) != 1:
        names = [hdu.name for hdu in tables.values() if hdu.name]
        hint = f"{len(named)} have that name: give the number" if named else suggest(table, names)
        raise DataError(f"{title}: no table {table!r}; {hint}; there are {there}")
    return named[0]


def table_columns(title: str, hdu: BinTableHDU) -> dict[str, Column]:
    """Return the columns of a table, those of vectors whole."""
    data = hdu.data
    if data is None or len(data) == 0:
        raise DataError(f"{title}: the table {hdu.name!r} has no rows")
    found: dict[str, Column] = {}
    for position, column in enumerate(hdu.columns):
        if column.name in found:
            raise DataError(f"{title}: two columns are called {column.name!r}; name them apart")
        first = data[:1].field(position)
        comment = hdu.header.comments[f"TTYPE{position + 1}"]
        words = hdu.header.get(f"TCOMM{position + 1}", comment)
        found[column.name] = Column(
            (len(data), *np.shape(first)[1:]),
            np.asarray(first).dtype,
            partial(_read, data, position, column.null),
            column.unit or "",
            "" if words.startswith("label for field") else words,
        )
    return found


def _read(data: Any, position: int, null: Any) -> np.ndarray:
    """Read a column as its scaling says; TNULL, and logical ones of neither T nor F, are masked."""
    values = np.asarray(data.field(position))
    if values.dtype.byteorder == ">":
        values = values.astype(values.dtype.newbyteorder("="))
    stored = data.view(np.ndarray)[data.dtype.names[position]]
    if values.dtype.kind == "b" and stored.dtype == np.int8:  # bytes of logicals: T, F or 0
        return np.ma.masked_array(values, stored == 0) if (stored == 0).any() else values
    if null is None or null == "":
        return values
    if stored.dtype.kind == "S":
        return np.ma.masked_array(values, np.char.strip(stored) == str(null).strip().encode())
    return np.ma.masked_array(values, stored == null) if stored.dtype.kind in "iu" else values
