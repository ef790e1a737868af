"""Sources that are ARFF files of Weka and OpenML: names and types, then rows of text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO, cast

from kohorte.data.lines import Lines
from kohorte.data.reading import ReadOptions, Source
from kohorte.data.tabular import TextSource
from kohorte.errors import DataError

_ATTRIBUTE = re.compile(
    r"""\s*@attribute\s+(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^\s{]+))\s*(.*)""",
    re.IGNORECASE,
)

#: A field in quotes, in which a backslash stands before quotes and other characters.
_QUOTED = re.compile(
    r"""[ \t]*(?:'((?:[^'\\]|\\.|'')*)'|"((?:[^"\\]|\\.|"")*)")[ \t]*(?=,|[\r\n]|$)"""
)
_ESCAPED = {1: re.compile(r"\\(.)|''"), 2: re.compile(r'\\(.)|""')}
_MEANINGS = {"n": "\n", "r": "\r", "t": "\t"}

#: Characters of the lines before the rows, at most.
_LONGEST = 1 << 24


class ArffSource(TextSource):
    """The rows below @data, whose columns the attributes name; ? is missing.

    Attributes of words are columns of text, as in any other text file.
    """

    def __init__(self, title: str, path: str | Path, options: ReadOptions) -> None:
        self._attributes: list[str] = []
        super().__init__(title, path, ",", replace(options, header=False, comment="%"))

    def _look_at_first_lines(self) -> None:
        length = 0
        with super()._open() as stream:
            for number, line in enumerate(stream, 1):
                length += len(line)
                if found := _ATTRIBUTE.match(line):
                    name = next(filter(None, found.group(1, 2, 3)), "")
                    self._attributes.append(re.sub(r"\\(.)", r"\1", name))
                    if found[4].lower().startswith("relational"):
                        raise DataError(
                            f"{self.title}: line {number}: a table within the table is not read; "
                            "save the file as .csv"
                        )
                if re.match(r"\s*@data\s*$", line, re.IGNORECASE) or length > _LONGEST:
                    break
            else:
                number = 0
            first = next(filter(str.strip, Lines(stream, 1, "%", False)), "")
        if not number or not self._attributes or length > _LONGEST:
            raise DataError(f"{self.title}: is no ARFF file: it has no attributes above @data")
        if first.lstrip().startswith("{"):
            raise DataError(
                f"{self.title}: has sparse rows, which are not read; save the file as .csv, such "
                "as by Weka's SparseToNonSparse"
            )
        self._skipped = number

    @contextmanager
    def _open(self) -> Iterator[TextIO]:
        with super()._open() as stream:
            yield cast(TextIO, _PlainQuotes(self.title, stream))

    def _name_columns(self, first: list[str], lines: Lines | None) -> list[str]:
        if len(first) != len(self._attributes):
            raise DataError(
                f"{self.title}: {len(self._attributes)} attributes are named, but the first row "
                f"has {len(first)} fields"
            )
        return self._attributes


class _PlainQuotes:
    """Lines of a stream whose fields in quotes are written as CSV has them."""

    def __init__(self, title: str, stream: TextIO) -> None:
        self._title, self._stream, self._number = title, stream, 0

    def __iter__(self) -> Iterator[str]:
        return iter(self._plain, "")

    def readline(self) -> str:
        """Read a line as it is."""
        self._number += 1
        return self._stream.readline()

    def _plain(self) -> str:
        line = self.readline()
        if ("'" not in line and '"' not in line) or line.lstrip().startswith("%"):
            return line
        try:
            return _as_csv(line)
        except ValueError as error:
            raise DataError(f"{self._title}: line {self._number}: {error}") from None


def _as_csv(line: str) -> str:
    """Write the fields in quotes of either kind as CSV has them; ValueError: one is not closed."""
    fields, place = [], 0
    while True:
        if found := _QUOTED.match(line, place):
            kind = 2 if found[1] is None else 1
            doubled = _ESCAPED[kind].sub(_unescape, found[kind]).replace('"', '""')
            fields.append(f'"{doubled}"')
            place = found.end()
        else:
            start, place = place, (line.find(",", place) + 1 or len(line) + 1) - 1
            fields.append(line[start:place])
            if fields[-1].lstrip().startswith("'"):
                raise ValueError(f"a quote is not closed: {fields[-1].strip()}")
        if line[place : place + 1] != ",":
            return ",".join(fields) + line[place:]
        place += 1


def _unescape(found: re.Match[str]) -> str:
    return found[0][0] if found[1] is None else _MEANINGS.get(found[1], found[1])


@contextmanager
def open_arff(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open the rows of an ARFF file."""
    yield ArffSource(title, path, options)
