"""Sources that are delimited text."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np
import numpy.typing as npt

from kohorte.data.reading import ReadOptions, Source
from kohorte.errors import DataError

if TYPE_CHECKING:
    import _csv

#: Records held as text at a time; small blocks stay in the processor's cache.
_BLOCK_ROWS = 1 << 10

#: Entries of a text file that say "no value here", lower case: those of pandas, a hyphen and a
#: question mark. Blanks around them do not count.
_MISSING = frozenset(
    {"", "-", "?", "na", "<na>", "n/a", "nan", "-nan", "null", "none"}
    | {"#na", "#n/a", "#n/a n/a", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"}
)


class TextSource(Source):
    """A text file with a header line and one record per row, quoted as CSV is.

    Blank lines are skipped. The file is read once to count and check its records, and again for
    the chosen ones, so that memory holds numbers only.
    """

    def __init__(self, title: str, path: str | Path, delimiter: str, options: ReadOptions) -> None:
        self.title = title
        self._path = path
        self._delimiter = delimiter
        if options.delimiter is None:
            self._check_delimiter()
        with self._records() as records:
            header = next(records, None)
            if header is None:
                raise DataError(f"{title}: is empty; a header line and rows are needed")
            self.names = tuple(name.strip() for name in header)
            self._check_header(options)
            self.n_rows = self._count(records)
        if self.n_rows == 0:
            raise DataError(f"{title}: has a header line but no data rows")

    def read(self, columns: Sequence[int], rows: np.ndarray) -> np.ndarray:
        """Read numbers; raise DataError for the first text that is none."""
        out = np.empty((len(rows), len(columns)))
        for low, high, block in self._chosen(rows):
            tokens = [record[column] for record in block for column in columns]
            try:
                numbers = _to_numbers(tokens)
            except ValueError:
                raise self._fault(tokens, columns, rows[low:high]) from None
            out[low:high] = numbers.reshape(high - low, len(columns))
        return out

    def read_column(self, column: int, rows: np.ndarray) -> np.ndarray:
        """Read one column as text."""
        out = np.empty(len(rows), dtype=object)
        for low, high, block in self._chosen(rows):
            out[low:high] = [record[column] for record in block]
        return out

    def place(self, row: int) -> str:
        """Name the row and its line."""
        return f"data row {row} (line {self._line(row)})"

    def _check_delimiter(self) -> None:
        """Refuse a first line that only another delimiter divides."""
        with self._open() as stream:
            line = stream.readline()
        if self._delimiter in line:
            return
        other = next((mark for mark in ";\t|," if mark in line), None)
        if other is not None:
            raise DataError(
                f"{self.title}: line 1 has no {self._delimiter!r} in it; "
                f"set the delimiter, which seems to be {other!r}"
            )

    def _check_header(self, options: ReadOptions) -> None:
        if options.features is None and all(is_number(name) for name in self.names):
            raise DataError(
                f"{self.title}: line 1 holds only numbers, but must name the columns; "
                "add a header line, or choose features by these names"
            )

    def _count(self, records: Iterator[list[str]]) -> int:
        width, n_rows = len(self.names), 0
        while block := list(islice(records, _BLOCK_ROWS)):
            if set(map(len, block)) != {width}:
                offset = next(i for i, record in enumerate(block) if len(record) != width)
                fields = len(block[offset])
                raise DataError(
                    f"{self.title}: {self.place(n_rows + offset)} has {fields} "
                    f"field{'s' if fields != 1 else ''}, but the header names {width} columns"
                )
            n_rows += len(block)
        return n_rows

    def _chosen(self, rows: np.ndarray) -> Iterator[tuple[int, int, list[list[str]]]]:
        """Yield (low, high, records) such that the records are those of rows[low:high]."""
        with self._records() as records:
            next(records)
            start, high = 0, 0
            while high < len(rows):
                block = list(islice(records, _BLOCK_ROWS))
                low, high = high, int(np.searchsorted(rows, start + len(block)))
                if low < high:
                    yield low, high, [block[row] for row in (rows[low:high] - start).tolist()]
                start += len(block)

    def _fault(self, tokens: list[str], columns: Sequence[int], rows: np.ndarray) -> DataError:
        """Make the DataError for the first token, row by row, that is text."""
        position = next(
            i for i, token in enumerate(tokens) if not (is_number(token) or is_missing(token))
        )
        row, column = divmod(position, len(columns))
        name, where = self.names[columns[column]], self.place(int(rows[row]))
        return DataError(
            f"{self.title}: feature {name!r}, {where}: text {tokens[position]!r} in a numeric "
            "column; choose numeric features"
        )

    def _line(self, row: int) -> int:
        """Find the 1-based line where data row `row` begins, by reading up to it."""
        with self._reader() as reader:
            ended, record_number = 0, -1
            for record in reader:
                if record:
                    if record_number == row:
                        break
                    record_number += 1
                ended = reader.line_num
            return ended + 1

    @contextmanager
    def _records(self) -> Iterator[Iterator[list[str]]]:
        with self._reader() as reader:
            yield filter(None, reader)

    @contextmanager
    def _reader(self) -> Iterator[_csv.Reader]:
        with self._open() as stream:
            reader = csv.reader(stream, delimiter=self._delimiter, strict=True)
            try:
                yield reader
            except csv.Error as error:
                raise DataError(
                    f"{self.title}: line {reader.line_num} is not delimited text ({error})"
                ) from error

    @contextmanager
    def _open(self) -> Iterator[TextIO]:
        with open(self._path, encoding="utf-8-sig", newline="") as stream:
            try:
                yield stream
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{self.title}: is not UTF-8 text ({error.reason} in byte "
                    f"{error.object[error.start]:#04x}); convert the file to UTF-8"
                ) from error


@contextmanager
def open_csv(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open comma-separated text, or text with any other delimiter that the options name."""
    yield TextSource(title, path, options.delimiter or ",", options)


@contextmanager
def open_tsv(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open tab-separated text, or text with any other delimiter that the options name."""
    yield TextSource(title, path, options.delimiter or "\t", options)


def _to_numbers(tokens: list[str]) -> npt.NDArray[np.float64]:
    """Convert tokens, to NaN where they say that a value is missing; raises ValueError."""
    # float() takes 1_000 for a number, which is text in a data file.
    if "_" not in "".join(tokens):
        with suppress(ValueError):
            return np.fromiter(map(float, tokens), np.float64, len(tokens))
    # Slower, so only for blocks that need it.
    return np.fromiter(map(to_number, tokens), np.float64, len(tokens))


def to_number(token: str) -> float:
    """Convert text, to NaN where it says that a value is missing; raises ValueError."""
    if is_missing(token):
        return math.nan
    if "_" in token:
        raise ValueError("an underscore is no part of a number")
    return float(token)


def is_number(token: str) -> bool:
    """Tell whether text is a number."""
    try:
        float(token)
    except ValueError:
        return False
    return "_" not in token


def is_missing(token: str) -> bool:
    """Tell whether text says that a value is missing."""
    return token.strip().lower() in _MISSING
