"""Lines of text files, packed or not, in any encoding, and what they look like."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO

from kohorte._checks import extra
from kohorte.data.names import PACKED, WHITESPACE, extension
from kohorte.data.reading import ReadOptions
from kohorte.errors import ConfigError, DataError

#: Beginnings of packed files.
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zst",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",  # one without members
}
#: Beginnings of files of other formats that may have the name of one of text.
_OTHERS = {b"PAR1": ".parquet", b"\x89HDF": ".h5", b"\x93NUM": ".npy", b"ARRO": ".arrow"}
_UNPACKING_ERRORS = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile)

#: Packed bytes that are read at a time.
_BLOCK = 1 << 16

#: Longest first line, in characters: a packed file could hold one that fills the memory. And how
#: much is looked at after it.
_LONGEST = 1 << 26
_LOOKED_AT = 1 << 20

#: A number with a comma in it: its decimal mark, or between groups of digits.
_WITH_COMMA = re.compile(r"[+-]?(?:\d*,\d+|\d{1,3}(?:,\d{3})+(?:\.\d*)?)(?:[eE][+-]?\d+)?")

#: Prefixes that lines of comments commonly have.
_COMMENTS = ("#", "%", "//", "!", "*", '"#')


@contextmanager
def open_text(title: str, path: str | Path, options: ReadOptions) -> Iterator[TextIO]:
    """Open a text file, unpacked where it is packed, for reading by lines as they are."""
    try:
        with open(path, "rb") as file, _unpack(title, file) as raw:
            stream = raw if hasattr(raw, "peek") else io.BufferedReader(raw)
            if suffix := _OTHERS.get(stream.peek(4)[:4]):
                raise DataError(f"{title}: is no text, but seems to be a {suffix} file; call it so")
            encoding = options.encoding or _encoding_of(stream.peek(4)[:4])
            try:
                if not codecs.lookup(encoding)._is_text_encoding:
                    raise LookupError(encoding)
            except LookupError as error:
                raise ConfigError(
                    f"{options.section}encoding: no encoding is called {encoding!r}; it is such as "
                    "utf-8, cp1252, latin-1 or shift_jis"
                ) from error
            if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
                encoding = "utf-8-sig"
            with io.TextIOWrapper(stream, encoding=encoding, newline="") as text:
                yield text
    except UnicodeDecodeError as error:
        raise DataError(
            f"{title}: is not {_name(options)} text ({error.reason} in byte "
            f"{error.object[error.start]:#04x}); convert the file to UTF-8, or set "
            f"{options.section}encoding, {_guess(error.object)}"
        ) from error
    except UnicodeError as error:
        raise DataError(f"{title}: is not {_name(options)} text ({error})") from error
    except _UNPACKING_ERRORS as error:
        raise DataError(f"{title}: is packed, and truncated or damaged ({error})") from error


def _name(options: ReadOptions) -> str:
    return options.encoding or "UTF-8"


def _guess(content: bytes) -> str:
    if b"\x00" in content[:100]:
        return "such as utf-16"
    return "such as cp1252 (Western Europe), cp1251 (Cyrillic) or shift_jis"


def _encoding_of(start: bytes) -> str:
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    is_wide = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return "utf-16" if is_wide else "utf-8-sig"


@contextmanager
def _unpack(title: str, file: IO[bytes]) -> Iterator[Any]:
    start = file.read(8)
    file.seek(0)
    kind = next((kind for mark, kind in _PACKED.items() if start.startswith(mark)), None)
    if kind is None:
        if (called := extension(title)) in PACKED:
            raise DataError(
                f"{title}: is called {called}, but does not begin like one: it is damaged, or is "
                "not packed and has to be called as what it is"
            )
        yield file
    elif kind == "gzip":
        with gzip.GzipFile(fileobj=file) as stream:
            yield stream
    elif kind == "bz2":
        yield _Unpacked(file, bz2.BZ2Decompressor)
    elif kind == "xz":
        yield _Unpacked(file, lzma.LZMADecompressor)
    elif kind == "zst":
        with extra("workflow"):
            import pyarrow
        try:
            with pyarrow.CompressedInputStream(pyarrow.PythonFile(file, "r"), "zstd") as stream:
                yield stream
        except OSError as error:
            raise DataError(f"{title}: is packed, and truncated or damaged ({error})") from error
    else:
        with _unpacking(title):
            archive = zipfile.ZipFile(file)
        with archive:
            members = [name for name in archive.namelist() if not name.endswith("/")]
            if "[Content_Types].xml" in members or "mimetype" in members:
                raise DataError(
                    f"{title}: is a spreadsheet and no text; give it the extension .xlsx or .ods"
                )
            if len(members) != 1:
                raise DataError(
                    f"{title}: is a zip archive of {len(members)} files; unpack it and name one"
                )
            with _unpacking(title):
                member = archive.open(members[0])
            with member:
                yield member


@contextmanager
def _unpacking(title: str) -> Iterator[None]:
    """Turn what asks for a password, another method or a later version of zip into a DataError."""
    try:
        yield
    except RuntimeError as error:
        raise DataError(
            f"{title}: is a zip archive that cannot be unpacked here ({error}); unpack it"
        ) from error


class _Unpacked(io.RawIOBase):
    """What is packed by bzip2 or xz, in one stream or several.

    Python's own readers take a damaged beginning of a later stream for the end of the file, and
    the rows from there on would be left out.
    """

    def __init__(self, file: IO[bytes], make: Callable[[], Any]) -> None:
        self._file, self._make = file, make
        self._decoder = make()

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    def readinto(self, into: Any) -> int:
        """Fill a buffer; OSError, LZMAError or EOFError where the file is damaged or cut."""
        while True:
            packed = b""
            if self._decoder.eof:
                packed = self._decoder.unused_data.lstrip(b"\0")  # streams may have zeros behind
                while not packed and (more := self._file.read(_BLOCK)):
                    packed = more.lstrip(b"\0")
                if not packed:
                    return 0
                self._decoder = self._make()
            elif self._decoder.needs_input and not (packed := self._file.read(_BLOCK)):
                raise EOFError("the end of the packed data is missing")
            found = self._decoder.decompress(packed, max_length=len(into))
            if found:
                into[: len(found)] = found
                return len(found)


class Lines:
    """Lines for a CSV reader: without comments, and with one kind of blank where these divide.

    `number` is the 1-based number of the line that was given last; `comment` the last line of
    comments so far, without its prefix.
    """

    def __init__(
        self, stream: Iterable[str], first: int, comment: str | None, is_spaced: bool
    ) -> None:
        self._lines, self._comment, self._is_spaced = iter(stream), comment, is_spaced
        self.number, self.comment = first - 1, ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        for line in self._lines:
            self.number += 1
            if self._comment is not None and line.lstrip().startswith(self._comment):
                self.comment = line.strip()[len(self._comment) :].strip()
                continue
            return line.strip().replace("\t", " ") + "\n" if self._is_spaced else line
        raise StopIteration


def split_line(line: str, delimiter: str) -> list[str]:
    """Return the fields of one line."""
    is_spaced = delimiter == " "
    text = line.strip().replace("\t", " ") if is_spaced else line.rstrip("\r\n")
    try:
        fields = next(csv.reader([text], delimiter=delimiter, skipinitialspace=is_spaced), [])
    except csv.Error:
        return []
    return [field.strip() for field in fields]


def named_delimiter(line: str) -> str | None:
    """Return the delimiter that a first line names, as Excel does: sep=; and no more."""
    found = re.fullmatch(r'"?sep=(.)"?', line.strip("\r\n"), re.IGNORECASE)
    return found[1] if found else None


def comment_prefix(line: str) -> str | None:
    """Return what a line of comments begins with, if it seems to be one."""
    return next((mark.lstrip('"') for mark in _COMMENTS if line.startswith(mark)), None)


def first_lines(title: str, stream: TextIO, count: int) -> list[str]:
    """Read the first lines that are not blank, at least two and not much more than a megabyte."""
    lines: list[str] = []
    while len(lines) < 2 or (len(lines) < count and sum(map(len, lines)) < _LOOKED_AT):
        line = stream.readline(_LONGEST)
        if len(line) == _LONGEST:
            raise DataError(
                f"{title}: is no table of text: it has lines above {_LONGEST} characters"
            )
        if not line:
            break
        if line.strip():
            lines.append(line)
    return lines


def seems_divided_by(lines: list[str], delimiter: str) -> str | None:
    """Return what divides the fields of the first lines where the delimiter does not.

    `lines` are a header and some rows. None where the delimiter is in the first of them, or nothing
    else is; blanks must divide all lines alike.
    """
    if not lines or (delimiter in lines[0] if delimiter != " " else len(lines[0].split()) > 1):
        return None
    if found := next((mark for mark in ";\t|," if mark in lines[0]), None):
        return found
    if delimiter == " ":
        return None
    header, *rows = [split_line(line, " ") for line in lines]
    widths = {len(fields) for fields in rows}
    if len(widths) != 1:
        return None
    width = widths.pop()
    # Tables of R lack the name of the column that names the rows: with quotes, or numbered.
    firsts = [fields[0] for fields in rows]
    named = all(line.lstrip().startswith('"') for line in lines[1:]) or firsts == [
        str(row) for row in range(1, len(rows) + 1)
    ]
    is_divided = width > 1 and (len(header) == width or (named and len(header) == width - 1))
    return WHITESPACE if is_divided else None


def seems_cut_by_commas(lines: list[str]) -> str | None:
    """Return what divides the first lines, where commas are in numbers and names.

    It divides a header and all rows alike, so that no comma is left outside of the numbers of rows.
    """
    for mark in ";\t|":
        header, *rows = [split_line(line, mark) for line in lines] or [[]]
        is_divided = len(header) > 1 and rows and {len(row) for row in rows} == {len(header)}
        cut = [field for row in rows for field in row if "," in field]
        if is_divided and all(map(_WITH_COMMA.fullmatch, cut)):
            return mark
    return None
