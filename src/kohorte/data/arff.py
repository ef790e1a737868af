"""Sources that are ARFF files of Weka and OpenML: names and types, then rows of text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from kohorte.data.lines import Lines
from kohorte.data.reading import ReadOptions, Source
from kohorte.data.tabular import TextSource
from kohorte.errors import DataError

_ATTRIBUTE = re.compile(
    r"""\s*@attribute\s+(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^\s{]+))\s*(.*)""",
    re.IGNORECASE,
)

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
        with self._open() as stream:
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
        self._quote = "'" if re.search(r"(^|,)\s*'", first) else '"'

    def _name_columns(self, first: list[str], lines: Lines | None) -> list[str]:
        if len(first) != len(self._attributes):
            raise DataError(
                f"{self.title}: {len(self._attributes)} attributes are named, but the first row "
                f"has {len(first)} fields"
            )
        return self._attributes


@contextmanager
def open_arff(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open the rows of an ARFF file."""
    yield ArffSource(title, path, options)
