"""Sources that are a sheet of a workbook: Excel and OpenDocument."""

from __future__ import annotations

import datetime
import logging
import math
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from kohorte._checks import extra, suggest
from kohorte.data.headers import LOOKED_AT, Header
from kohorte.data.numbers import convert_texts
from kohorte.data.reading import ReadOptions, Source, check_expansion, check_memory, damages
from kohorte.errors import DataError

_LOG = logging.getLogger(__name__)

#: Bytes that a cell takes in memory, roughly, for each byte of the unpacked sheet.
_BYTES_PER_BYTE = 4


_COMPUTE = "open it in a spreadsheet program and save it there, which computes the values"


class SheetSource(Source):
    """A sheet whose first row that is not empty names the columns; rows without entry are skipped.

    Where the options say that there is no header, that row is one of values.

    In a table of one column they are missing values, up to the last entry. Numbers are those that
    the program stored with a formula. Text is read as in a text file.
    """

    def __init__(
        self,
        title: str,
        cells: Sequence[Sequence[Any]],
        sheet: str,
        options: ReadOptions,
        n_formulas: int = 0,
    ) -> None:
        self.title, self._options = title, options
        formulas = f"rows with nothing but formulas whose values are not in the file: {n_formulas}"
        filled = [row for row, record in enumerate(cells) if not all(map(_is_empty, record))]
        if not filled:
            hint = f"; {formulas}; {_COMPUTE}" if n_formulas else ""
            raise DataError(
                f"{title}: is empty; a row with names and rows of values are needed{hint}"
            )
        first, has_names = filled[0], options.header is not False
        used = [
            column
            for column in range(len(cells[first]))
            if not all(_is_empty(cells[row][column]) for row in filled)
        ]
        start = 1 if has_names else 0
        # In a table of one column an empty cell is a missing value.
        self._rows = filled[start:] if len(used) > 1 else list(range(first + start, filled[-1] + 1))
        header = [cells[first][column] for column in used]
        self.names = tuple(
            ("" if _is_empty(n) else _text(n)) if has_names else f"feature_{k}"
            for k, n in enumerate(header)
        )
        self._records = [[cells[row][column] for column in used] for row in self._rows]
        self.n_rows = len(self._records)
        self.header_row = first if has_names else None
        self.last_column, self.sheet = used[-1], sheet
        if not self._records:
            hint = f"; {formulas}; {_COMPUTE}" if n_formulas else ""
            raise DataError(f"{title}: has a row of names, but no rows of values{hint}")
        if n_formulas:
            _LOG.warning("%s: left out are %s; %s", title, formulas, _COMPUTE)
        if sum(map(bool, self.names)) < len(used) / 2:
            raise DataError(
                f"{title}: row {first + 1} names {sum(map(bool, self.names))} of {len(used)} "
                "columns; remove what stands above the row of names, which must come first"
            )
        if options.header == "auto":
            self._check_header(first, header)

    def _check_header(self, row: int, header: Sequence[Any]) -> None:
        """Refuse a first row that seems to be data, as in text; what is typed as text is a name."""
        head = self._records[:LOOKED_AT]
        names = [
            repr(name) if isinstance(cell, str) and any(_is_number(r[k]) for r in head) else name
            for k, (cell, name) in enumerate(zip(header, self.names, strict=True))
        ]
        texts = [["" if _is_empty(cell) else _text(cell) for cell in record] for record in head]
        Header(self._options).check(self.title, f"row {row + 1}", names, texts)

    @property
    def rows(self) -> list[int]:
        """Rows of the sheet that are those of the table, from 0."""
        return self._rows

    def record(self, row: int) -> list[Any]:
        """Return the cells of a row of the table."""
        return list(self._records[row])

    def read(self, columns: Sequence[int], rows: np.ndarray) -> np.ndarray:
        """Read numbers; raise DataError for text that is none, and for dates."""
        out = np.empty((len(rows), len(columns)))
        texts = {
            k: [
                entry if isinstance(entry, Real) else None if _is_empty(entry) else _text(entry)
                for entry in self._entries(column, rows)
            ]
            for k, column in enumerate(columns)
        }
        names = [self.names[column] for column in columns]
        convert_texts(self.title, names, texts, rows, out, self._options, self.place)
        return out

    def _entries(self, column: int, rows: np.ndarray) -> list[Any]:
        values = [self._records[row][column] for row in rows.tolist()]
        unknown = next((value for value in values if isinstance(value, _Uncomputed)), None)
        if unknown is not None:
            raise DataError(
                f"{self.title}: column {self.names[column]!r}: cell {unknown.cell} holds a formula "
                f"whose value is not in the file; {_COMPUTE}"
            )
        return values

    def read_column(self, column: int, rows: np.ndarray) -> np.ndarray:
        """Read one column: as numbers where all are, with NaN for gaps, else as text."""
        values = self._entries(column, rows)
        if all(_is_number(value) or _is_empty(value) for value in values):
            numbers = [math.nan if _is_empty(value) else float(value) for value in values]
            return np.array(numbers, dtype=np.float64)
        out = np.empty(len(values), dtype=object)
        out[:] = [None if _is_empty(value) else _text(value) for value in values]
        return out

    def read_entries(self, column: int, rows: np.ndarray) -> np.ndarray:
        """Read one column as a person sees it: whole numbers have no point."""
        values = self._entries(column, rows)
        if values and all(isinstance(value, bool) for value in values):
            return np.array(values, dtype=bool)
        if all(isinstance(v, int) or (isinstance(v, float) and v.is_integer()) for v in values):
            whole = [int(value) for value in values]
            if max(map(abs, whole), default=0) < 2**63:
                return np.array(whole, dtype=np.int64)
        out = np.empty(len(values), dtype=object)
        out[:] = [None if _is_empty(value) else _text(value) for value in values]
        return (
            out
            if any(not _is_number(value) for value in values)
            else self.read_column(column, rows)
        )

    def place(self, row: int) -> str:
        """Name the row and that of the sheet."""
        return f"data row {row} (row {self._rows[row] + 1} of the sheet)"


@contextmanager
def open_sheet(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open the sheet `table` of a workbook; it may be left out where one sheet alone is filled."""
    with extra("formats"):
        import pandas as pd

        if Path(path).suffix.lower() == ".ods":
            import odf  # noqa: F401
        else:
            import openpyxl  # noqa: F401
    _check_size(title, path)
    with damages(title):
        book = pd.ExcelFile(path)
    with book:
        names = [str(name) for name in book.sheet_names]
        chosen = _choose(title, names, options.table)
        found = {name: _cells(title, path, book, name, options) for name in chosen}
        filled = [name for name in chosen if found[name][0]]
        if len(filled) > 1:
            raise DataError(
                f"{title}: has {len(filled)} sheets with entries, {', '.join(map(repr, filled))}; "
                f"set {options.section}table to one of them"
            )
        name = filled[0] if filled else chosen[0]
        where = title if len(names) == 1 else f"{title}: sheet {name!r}"
        cells, n_formulas = found[name]
    yield SheetSource(where, cells, name, options, n_formulas)


def _choose(title: str, names: Sequence[str], table: str | int | None) -> list[str]:
    if table is None:
        return list(names)
    if isinstance(table, int) and str(table) not in names:
        if not 0 <= table < len(names):
            raise DataError(f"{title}: no sheet {table}; it has {len(names)}, counted from 0")
        return [names[table]]
    if str(table) not in names:
        raise DataError(f"{title}: no sheet {table!r}; {suggest(table, names)}")
    return [str(table)]


def _cells(
    title: str, path: str | Path, book: Any, name: str, options: ReadOptions
) -> tuple[list[list[Any]], int]:
    """Return the cells of a sheet, and how many rows below them have formulas alone, uncomputed."""
    import pandas as pd

    with damages(title):
        frame = pd.read_excel(book, sheet_name=name, header=None, dtype=object, na_filter=False)
        cells = frame.to_numpy(dtype=object).tolist()
        merged, uncomputed = _look_inside(path, book, name)
    for row, column, cell in uncomputed:
        if row < len(cells) and column < len(cells[row]):
            cells[row][column] = _Uncomputed(cell)
    _fill_merged(title, cells, merged, has_names=options.header is not False)
    return cells, len({row for row, _, _ in uncomputed if row >= len(cells)})


_MERGED = re.compile(rb'<(?:\w+:)?mergeCell [^>]*ref="([A-Z]+)(\d+):[A-Z]+(\d+)"')
_UNCOMPUTED = re.compile(
    rb'<(?:\w+:)?c (?![^>]*t="str")[^>]*?r="([A-Z]+\d+)"[^>]*>'
    rb"<(?:\w+:)?f(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?</(?:\w+:)?c>"
)

#: First and last row of a merged cell, and its first column, from 0.
_Merged = tuple[int, int, int]


@dataclass(frozen=True)
class _Uncomputed:
    """A cell with a formula whose value no program has stored."""

    cell: str  # as B3


def _look_inside(
    path: str | Path, book: Any, name: str
) -> tuple[list[_Merged], list[tuple[int, int, str]]]:
    """Return the merged cells of a sheet, and row, column and name of those never computed."""
    if book.engine == "odf":
        return list(_merged_in_ods(book.book, name)), []
    from openpyxl.utils import column_index_from_string
    from openpyxl.utils.cell import coordinate_to_tuple

    sheet = book.book[name]
    with zipfile.ZipFile(path) as archive:
        text = archive.read(sheet._worksheet_path)
    merged = [
        (int(first) - 1, int(last) - 1, column_index_from_string(column.decode()) - 1)
        for column, first, last in _MERGED.findall(text)
    ]
    uncomputed = []
    for cell in map(bytes.decode, _UNCOMPUTED.findall(text)):
        row, column = coordinate_to_tuple(cell)
        uncomputed.append((row - 1, column - 1, cell))
    return merged, uncomputed


def _merged_in_ods(document: Any, name: str) -> Iterator[_Merged]:
    from odf.namespaces import TABLENS
    from odf.table import CoveredTableCell, Table, TableCell, TableRow

    def number(element: Any, key: str) -> int:
        return int(element.attributes.get((TABLENS, key), 1) or 1)

    tables = document.getElementsByType(Table)
    table = next(t for t in tables if t.attributes.get((TABLENS, "name")) == name)
    row = 0
    for line in table.getElementsByType(TableRow):
        column = 0
        for cell in line.childNodes:
            if cell.qname not in (TableCell().qname, CoveredTableCell().qname):
                continue
            rows = number(cell, "number-rows-spanned")
            if rows > 1:
                yield row, row + rows - 1, column
            column += number(cell, "number-columns-repeated")
        row += number(line, "number-rows-repeated")


def _fill_merged(
    title: str, cells: list[list[Any]], merged: Sequence[_Merged], *, has_names: bool
) -> None:
    """Give every row of a merged cell below the names its value, as a person reads it."""
    header = next((k for k, record in enumerate(cells) if not all(map(_is_empty, record))), 0)
    filled, above = set(), header if has_names else -1
    for first, last, column in merged:
        if not above < first < len(cells) or column >= len(cells[first]):
            continue
        # Some programs write a greater height than the cell has: it ends at the next entry.
        for row in range(first + 1, min(last + 1, len(cells))):
            if _is_empty(cells[first][column]) or not _is_empty(cells[row][column]):
                break
            cells[row][column] = cells[first][column]
            filled.add(column)
    for column in sorted(filled):
        named = repr(_text(cells[header][column])) if has_names else str(column)
        _LOG.info("%s: column %s: merged cells are the value of all of their rows", title, named)


def _check_size(title: str, path: str | Path) -> None:
    if not zipfile.is_zipfile(path):
        raise DataError(
            f"{title}: is no workbook of that kind, or it is truncated or has a password"
        )
    with damages(title), zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    check_expansion(title, unpacked, os.stat(path).st_size)
    check_memory(title, unpacked * _BYTES_PER_BYTE)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _text(value: Any) -> str:
    """Write a cell as a person sees it: whole numbers without a point, dates without midnight."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return str(value.date())
    return str(value).strip()
