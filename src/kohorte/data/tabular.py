"""Sources that are delimited text."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from kohorte.data.headers import LOOKED_AT, Header
from kohorte.data.lines import (
    Lines,
    comment_prefix,
    first_lines,
    named_delimiter,
    open_text,
    seems_cut_by_commas,
    seems_divided_by,
    split_line,
)
from kohorte.data.missing import is_marker
from kohorte.data.names import WHITESPACE
from kohorte.data.numbers import NumberReader, Survey, not_numbers
from kohorte.data.reading import ReadOptions, Source
from kohorte.errors import DataError

_LOG = logging.getLogger(__name__)

if TYPE_CHECKING:
    import _csv

#: Records held as text at a time; small blocks stay in the processor's cache.
_BLOCK_ROWS = 1 << 10


class TextSource(Source):
    """A text file with one record per row, quoted as CSV is, whose first line names the columns.

    Blank lines are skipped, but above the last entry of a table of one column, where they are
    missing values. The file is read once to count and check its records, and again for the chosen
    ones, so that memory holds numbers only.
    """

    def __init__(self, title: str, path: str | Path, delimiter: str, options: ReadOptions) -> None:
        self.title = title
        self._path, self._options = path, options
        self._header = Header(options)
        self._delimiter = " " if delimiter == WHITESPACE else delimiter
        self._skipped = 0  # Lines before the first that is read
        self._has_blanks = False  # after delimiters, before quotes
        self._quote = '"'
        self._has_header = options.header is not False
        self._width = 0
        self._look_at_first_lines()
        with self._reader() as (reader, lines):
            first = next(filter(_is_entry, reader), None)
            if first is None:
                raise DataError(f"{title}: is empty; a header line and rows are needed")
            names = self._name_columns(first, lines)
            # That a table has one column is known from here on, and what blank lines are in it.
            self._width = len(names)
        with self._reader() as (reader, _):
            records = self._below_header(reader)
            head = list(islice(records, LOOKED_AT))
            names = self._check_width(names, head)
            self._width = len(names)
            self.names = tuple(name.strip() for name in names)
            if options.header == "auto" and self._has_header:
                self._header.check(title, f"line {self._skipped + 1}", self.names, head)
            if self._has_header:
                self._check_quotes(-1, names)
            self.n_rows = self._count(chain(head, records), reader)
        if self.n_rows == 0:
            raise DataError(f"{title}: has a header line but no data rows")

    def read(self, columns: Sequence[int], rows: np.ndarray) -> np.ndarray:
        """Read numbers; raise DataError for text that is none."""
        numbers = NumberReader(len(columns), self._options)
        out = np.empty((len(rows), len(columns)))
        for low, high, block in self._chosen(rows):
            tokens = [record[column] for record in block for column in columns]
            try:
                found = numbers.convert(tokens)
            except ValueError:
                raise self._fault(columns, rows) from None
            out[low:high] = found.reshape(high - low, len(columns))
        if numbers.find_mixed(out):
            raise self._fault(columns, rows)
        for note in numbers.notes([self.names[column] for column in columns]):
            _LOG.info("%s: %s", self.title, note)
        return out

    def read_column(self, column: int, rows: np.ndarray) -> np.ndarray:
        """Read one column as text."""
        out = np.empty(len(rows), dtype=object)
        for low, high, block in self._chosen(rows):
            out[low:high] = [record[column] for record in block]
        return out

    @property
    def delimiter(self) -> str:
        """The character between fields; a blank for any number of blanks and tabs."""
        return self._delimiter

    def records(self) -> AbstractContextManager[Iterator[list[str]]]:
        """Give all records below the header, as they are."""
        return self._records()

    def place(self, row: int) -> str:
        """Name the row and its line."""
        return f"data row {row} (line {self._line(row)})"

    def _look_at_first_lines(self) -> None:
        """Find a delimiter that the file names, and refuse lines that only another divides."""
        options = self._options
        with self._open() as stream:
            lines = first_lines(self.title, stream, 50)
        if lines and "\x00" in lines[0]:
            wide = "utf-16-be" if lines[0].startswith("\x00") else "utf-16-le"
            raise DataError(
                f"{self.title}: has a zero byte in line 1, so it is no text in "
                f"{options.encoding or 'UTF-8'}; set {options.section}encoding, such as {wide!r}"
            )
        if lines and re.match(r"\s*(<!doctype|<html|<\?xml|<table)", lines[0], re.IGNORECASE):
            raise DataError(
                f"{self.title}: is a web page and no table; download the file itself, such as by "
                "the link called 'raw'"
            )
        named = named_delimiter(lines[0]) if lines else None
        if named is not None:
            self._skipped = 1
        if named is not None and options.delimiter is None:
            self._delimiter = named
        mark = re.escape(self._delimiter)
        self._has_blanks = any(re.search(rf'{mark}[ \t]+"', line) for line in lines)
        if named is not None or options.delimiter is not None:
            return
        if options.comment is not None:
            lines = [line for line in lines if not line.lstrip().startswith(options.comment)]
        if not lines:
            return
        prefix = comment_prefix(lines[0]) if options.comment is None else None
        after = [line for line in lines if prefix is not None and not line.startswith(prefix)]
        other = seems_divided_by(lines, self._delimiter)
        divided = seems_divided_by(after, self._delimiter)
        key = f"set {options.section}"
        if after and (other or divided or self._differ(lines[0], after)):
            also = f", and {options.section}delimiter to {divided!r}" if divided else ""
            raise DataError(
                f"{self.title}: line {self._skipped + 1} begins with {prefix!r} and seems to be a "
                f"comment; {key}comment to {prefix!r}{also}"
            )
        if other is not None:
            raise DataError(
                f"{self.title}: line {self._skipped + 1} has no {self._delimiter!r} in it; "
                f"{key}delimiter, which seems to be {other!r}{self._other_decimal(lines, other)}"
            )
        if self._delimiter == "," and (other := seems_cut_by_commas(lines)):
            raise DataError(
                f"{self.title}: line {self._skipped + 1} is divided by {other!r} as well as by "
                f"','; {key}delimiter, which seems to be {other!r}"
                f"{self._other_decimal(lines, other)}"
            )

    def _differ(self, line: str, others: list[str]) -> bool:
        """Tell whether a line has another number of fields than all of some others."""
        fields = len(split_line(line, self._delimiter))
        return fields not in {len(split_line(other, self._delimiter)) for other in others}

    def _other_decimal(self, lines: list[str], delimiter: str) -> str:
        mark = " " if delimiter == WHITESPACE else delimiter
        fields = [field for line in lines[1:] for field in split_line(line, mark)]
        commas = [field for field in fields if re.fullmatch(r"[+-]?\d+,\d+", field)]
        if self._options.decimal == "." and commas:
            return f", and {self._options.section}decimal to ','"
        return ""

    def _name_columns(self, first: list[str], lines: Lines | None) -> list[str]:
        """Return the names of the columns, given the first record."""
        options = self._options
        if options.header is False:
            return [f"feature_{column}" for column in range(len(first))]
        if options.header == "auto" and lines is not None and self._header.are_data(first):
            # Where comments are declared, the last of them may be the header, as NumPy writes it.
            named = split_line(lines.comment, self._delimiter)
            if len(named) == len(first) and not self._header.are_data(named):
                self._has_header = False
                return named
        return first

    def _check_width(self, names: list[str], head: list[list[str]]) -> list[str]:
        """Name a first column of row names that the header leaves out, as R's write.table does."""
        widths = {len(record) for record in head}
        if not self._has_header or widths != {len(names) + 1}:
            return names
        if all(not record[-1].strip() for record in head):
            return names
        # Below a title, which is one field, stand names, and then numbers.
        below = [record[-1] for record in head[1:]]
        if any(map(self._header.is_number, below)) and not any(
            self._header.is_number(f) or is_marker(f) for f in head[0]
        ):
            return names
        return ["", *names] if self._are_row_names(head) else names

    def _are_row_names(self, head: list[list[str]]) -> bool:
        """Tell whether the first fields of records are as R names rows: distinct, and no fractions.

        Numbers that do not count the rows, as those of a part of a table, may be halves of numbers
        with a decimal comma.
        """
        firsts = [record[0].strip() for record in head]
        if len(set(firsts)) < len(firsts):
            return False
        if not all(map(self._header.is_number, firsts)):
            return True
        if any(firsts == [str(k + first) for k in range(len(firsts))] for first in (0, 1)):
            return True
        return all(map(str.isdigit, firsts)) and not self._may_be_halves(head)

    def _may_be_halves(self, records: list[list[str]]) -> bool:
        """Tell whether commas divide what may be numbers with a decimal comma, in all records."""
        return self._delimiter == "," and any(
            all(
                re.fullmatch(r"[+-]?\d+", left) and re.fullmatch(r"\d+", right)
                for left, right in zip(lefts, rights, strict=True)
            )
            for lefts, rights in pairwise(zip(*records, strict=True))
        )

    def _count(self, records: Iterator[list[str]], reader: _csv.Reader) -> int:
        width, n_rows, n_lines = self._width, 0, 0
        # A delimiter at the end of every line makes a column that is none.
        is_tail_empty = width > 1 and not self.names[-1]
        while block := list(islice(records, _BLOCK_ROWS)):
            if set(map(len, block)) != {width}:
                offset = next(i for i, record in enumerate(block) if len(record) != width)
                raise self._uneven(n_rows + offset, block[offset])
            is_tail_empty = is_tail_empty and not any(record[-1] for record in block)
            if reader.line_num - n_lines > len(block):  # Blank lines, or records of several lines
                for row, record in enumerate(block, n_rows):
                    self._check_quotes(row, record)
            n_rows, n_lines = n_rows + len(block), reader.line_num
        if is_tail_empty:
            self.names = self.names[:-1]
        return n_rows

    def _check_quotes(self, row: int, record: list[str]) -> None:
        """Refuse a field that holds rows of the table, between two stray quotes."""
        for field in record:
            lines = re.split(r"\r\n|\r|\n", field) if "\n" in field or "\r" in field else []
            inner = [split_line(line, self._delimiter) for line in lines[1:-1] if line.strip()]
            are_rows = [
                len(fields) == len(record) and any(map(self._header.is_number, fields))
                for fields in inner
            ]
            # One line of an address may look like a row.
            if len(record) > 1 and len(inner) > 1 and all(are_rows):
                first = self._line(row)
                raise DataError(
                    f"{self.title}: a quote that opens in line {first} closes in line "
                    f"{first + len(lines) - 1}, so that the {len(inner)} rows between seem to be "
                    "text of one field; remove both quotes where they are stray, else the line "
                    "breaks between them"
                )

    def _uneven(self, row: int, record: list[str]) -> DataError:
        fields, key = len(record), self._options.section
        whose = "header names" if self._has_header else "first line has"
        if fields == self._width + 1 and not record[-1].strip():
            hint = "; the last one is empty: leave out the delimiter at the end of the line"
        elif self._width == 1 < fields and self._may_be_halves([record]):
            hint = (
                f"; where the comma is a decimal mark, set {key}decimal, and where a title stands "
                "above the table, remove it"
            )
        elif self._width == 1 < fields and self._has_header and row == 0:
            hint = (
                "; where a title stands above the line of names, remove it, or set "
                f"{key}comment to {self.names[0][:20]!r}"
            )
        elif self._options.comment is None and (
            prefix := comment_prefix(record[0]) or comment_prefix(self.names[0])
        ):
            hint = f"; where {prefix!r} begins a comment, set {key}comment to {prefix!r}"
        elif fields == 1 < self._width and record[0] and not self._header.is_number(record[0]):
            hint = f"; where it is a note, remove it, or set {key}comment to {record[0][:20]!r}"
        elif self._width < fields <= 2 * self._width and self._may_be_halves([record]):
            hint = (
                "; where commas are decimal marks as well, put another delimiter between fields, "
                f"and set {key}delimiter and {key}decimal"
            )
        else:
            hint = ""
        if self._has_header and row == 0 and fields == self._width + 1 and record[-1].strip():
            hint += "; where the first field names the row, give it a name in the header"
        return DataError(
            f"{self.title}: {self.place(row)} has {fields} field{'s' if fields != 1 else ''}, but "
            f"the {whose} {self._width} columns{hint}"
        )

    def _chosen(self, rows: np.ndarray) -> Iterator[tuple[int, int, list[list[str]]]]:
        """Yield (low, high, records) such that the records are those of rows[low:high]."""
        with self._records() as records:
            start, high = 0, 0
            while high < len(rows):
                block = list(islice(records, _BLOCK_ROWS))
                low, high = high, int(np.searchsorted(rows, start + len(block)))
                if low < high:
                    yield low, high, [block[row] for row in (rows[low:high] - start).tolist()]
                start += len(block)

    def _fault(self, columns: Sequence[int], rows: np.ndarray) -> DataError:
        """Make the DataError for columns of text, after a look at all of them."""
        reader = NumberReader(len(columns), self._options)
        surveys = [Survey(self.names[column], reader, self._options) for column in columns]
        for low, high, block in self._chosen(rows):
            for survey, column in zip(surveys, columns, strict=True):
                survey.add([record[column] for record in block], rows[low:high].tolist())
        return not_numbers(self.title, surveys, self._options, self.place)

    def _line(self, row: int) -> int:
        """Find the 1-based line where data row `row` begins, by reading up to it."""
        with self._reader() as (reader, lines):
            number, before = -1 if self._has_header else 0, 0
            for record in reader:
                if _is_entry(record) or (self._width == 1 and number >= 0):
                    if number == row:
                        break
                    number += 1
                before = reader.line_num
            # A record in quotes may have several lines.
            return self._line_number(reader, lines) - (reader.line_num - before) + 1

    def _line_number(self, reader: _csv.Reader, lines: Lines | None) -> int:
        return self._skipped + reader.line_num if lines is None else lines.number

    @contextmanager
    def _records(self) -> Iterator[Iterator[list[str]]]:
        """Give the records below the header."""
        with self._reader() as (reader, _):
            yield self._below_header(reader)

    def _below_header(self, reader: _csv.Reader) -> Iterator[list[str]]:
        if self._has_header:
            next(filter(_is_entry, reader), None)
        return _with_gaps(reader) if self._width == 1 else filter(_is_entry, reader)

    @contextmanager
    def _reader(self) -> Iterator[tuple[_csv.Reader, Lines | None]]:
        """Give a reader of all records, and the lines that it is fed where they are not as read."""
        options, is_spaced = self._options, self._delimiter == " "
        with self._open() as stream:
            for _ in range(self._skipped):
                stream.readline()
            lines = None
            if options.comment is not None or is_spaced:
                lines = Lines(stream, self._skipped + 1, options.comment, is_spaced)
            reader = csv.reader(
                stream if lines is None else lines,
                delimiter=self._delimiter,
                quotechar=self._quote,
                skipinitialspace=is_spaced or self._has_blanks,
                strict=True,
            )
            try:
                yield reader, lines
            except csv.Error as error:
                raise DataError(
                    f"{self.title}: line {self._line_number(reader, lines)} is not delimited text "
                    f"({error})"
                ) from error

    def _open(self) -> AbstractContextManager[TextIO]:
        return open_text(self.title, self._path, self._options)


def _is_entry(record: list[str]) -> bool:
    """Tell a record from a blank line; `""`, as pandas writes one missing value, is a record."""
    return len(record) > 1 or (len(record) == 1 and not record[0].isspace())


def _with_gaps(records: Iterable[list[str]]) -> Iterator[list[str]]:
    """Give records of one column, and for each blank line before the last one without a value."""
    blank: list[list[str]] = []
    for record in records:
        if not _is_entry(record):
            blank.append(record or [""])
            continue
        yield from blank
        blank.clear()
        yield record


@contextmanager
def open_csv(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open comma-separated text, or text with any other delimiter that the options name."""
    # Where commas are decimal marks, spreadsheets put semicolons between fields.
    delimiter = options.delimiter or (";" if options.decimal == "," else ",")
    yield TextSource(title, path, delimiter, options)


@contextmanager
def open_tsv(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open tab-separated text, or text with any other delimiter that the options name."""
    yield TextSource(title, path, options.delimiter or "\t", options)


@contextmanager
def open_columns(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open text with blanks between columns, or with the delimiter that the options name."""
    yield TextSource(title, path, options.delimiter or WHITESPACE, options)
