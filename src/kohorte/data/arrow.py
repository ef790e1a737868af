"""Sources of Apache Arrow: Parquet and Feather files, with one type per column."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kohorte._checks import extra
from kohorte.data.numbers import choose_numbers, convert_texts
from kohorte.data.reading import ReadOptions, Source, check_expansion, damages, float_type
from kohorte.errors import DataError

if TYPE_CHECKING:
    import pyarrow

#: Keys of the metadata of a column that say its unit, and what it is.
_UNITS = (b"unit", b"units")
_TITLES = (b"description", b"long_name", b"title")

#: What a file of version 1 of Feather begins with.
_FEATHER_1 = b"FEA1"

#: What a message of a stream begins with since Arrow 0.15, and its last one: of no length.
_MESSAGE, _NO_LENGTH = b"\xff" * 4, bytes(4)


class ArrowSource(Source):
    """A Parquet or Feather file, read one column at a time.

    The index that pandas stored beside the columns is no feature unless it is named. Periods of
    pandas, which are stored as numbers, are text.
    """

    def __init__(
        self,
        title: str,
        schema: pyarrow.Schema,
        n_rows: int,
        read: Callable[[str], pyarrow.ChunkedArray],
        options: ReadOptions,
    ) -> None:
        import pyarrow

        self.title = title
        self.names = tuple(schema.names)
        self.n_rows = n_rows
        self._read, self._options = read, options
        self._periods = {f.name: freq for f in schema if (freq := _period_of(f)) is not None}
        self._types = [pyarrow.string() if f.name in self._periods else f.type for f in schema]
        index = [name for name in _pandas_index(schema) if name in self.names]
        self.asides = dict.fromkeys(index, "the index that pandas stored")
        self.ids = index[0] if len(index) == 1 else None
        self.units, self.titles = (_words(schema, keys) for keys in (_UNITS, _TITLES))

    def read(self, columns: Sequence[int], rows: np.ndarray) -> np.ndarray:
        """Read the chosen columns, one after the other."""
        types = [self._number_type(column) for column in columns]
        texts = [k for k, dtype in enumerate(types) if dtype is None]
        floats = [np.dtype(np.float64) if dtype is None else dtype for dtype in types]
        out = np.empty((len(rows), len(columns)), dtype=np.result_type(*floats))
        # Numbers beyond the range of float64 become infinite, which is refused with their place.
        with np.errstate(all="ignore"):
            for k, (column, dtype) in enumerate(zip(columns, types, strict=True)):
                if dtype is not None:
                    out[:, k] = self._numbers(column, dtype)[rows]
        if texts:
            names = [self.names[column] for column in columns]
            found = {k: self.read_column(columns[k], rows).tolist() for k in texts}
            convert_texts(self.title, names, found, rows, out, self._options, self.place)
        return out

    def read_column(self, column: int, rows: np.ndarray) -> np.ndarray:
        """Read one column: as numbers if its type is numeric, else as objects."""
        import pyarrow

        kind = self._types[column]
        data = self._load(column)
        with damages(self.title):
            # Whole numbers beside gaps would become floats, which have not all of their digits.
            exact = not (pyarrow.types.is_integer(kind) and data.null_count)
            if exact and (pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind)):
                return data.to_numpy()[rows]
            out = np.empty(self.n_rows, dtype=object)
            out[:] = data.to_pylist()
            return out[rows]

    def may_be_rounded(self, column: int) -> bool:
        """Tell whether a column is of float32, or shorter."""
        import pyarrow

        types, kind = pyarrow.types, self._types[column]
        return types.is_float32(kind) or types.is_float16(kind)

    def _load(self, column: int) -> pyarrow.ChunkedArray:
        name = self.names[column]
        with damages(self.title):
            found = self._read(name)
            if name in self._periods:
                found = _write_periods(found, self._periods[name])
        if len(found) != self.n_rows:
            raise DataError(
                f"{self.title}: is damaged: column {name!r} has {len(found)} of {self.n_rows} rows"
            )
        return found

    def _number_type(self, column: int) -> np.dtype | None:
        """Return the type of the numbers of a column; None for text, which may be numbers, too."""
        import pyarrow

        kind = self._types[column]
        types = pyarrow.types
        if types.is_integer(kind) or types.is_floating(kind):
            return float_type(kind.to_pandas_dtype())
        if types.is_boolean(kind) or types.is_decimal(kind) or types.is_null(kind):
            return np.dtype(np.float64)
        if types.is_dictionary(kind):
            kind = kind.value_type
        if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
            return None
        numeric = [
            name
            for name, kind in zip(self.names, self._types, strict=True)
            if (types.is_integer(kind) or types.is_floating(kind)) and name not in self.asides
        ]
        raise DataError(
            f"{self.title}: feature {self.names[column]!r} holds {kind} from data row 0 on, but "
            f"features must be numbers; {choose_numbers(numeric, self._options)}"
        )

    def _numbers(self, column: int, dtype: np.dtype) -> np.ndarray:
        """Read the whole column as floats, with NaN where it is null."""
        import pyarrow

        data = self._load(column)
        kind = data.type
        with damages(self.title):
            if pyarrow.types.is_boolean(kind):
                data = data.cast(pyarrow.uint8())
            elif pyarrow.types.is_decimal(kind) or pyarrow.types.is_null(kind):
                data = data.cast(pyarrow.float64())
            return data.to_numpy().astype(dtype, copy=False)


@contextmanager
def open_parquet(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open a Parquet file with one column per feature."""
    with extra("workflow"):
        import pyarrow
        import pyarrow.parquet
    try:
        file = pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{title}: is not a readable Parquet file ({reason})") from error

    def read(name: str) -> pyarrow.ChunkedArray:
        # A name with a dot also matches fields inside a column, hence the choice after reading.
        return file.read(columns=[name]).column(name)

    with file:
        with damages(title):
            source = ArrowSource(title, file.schema_arrow, file.metadata.num_rows, read, options)
        check_expansion(title, source.n_rows, os.stat(path).st_size)
        yield source


@contextmanager
def open_feather(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open an Arrow file, which Feather (version 2) is, too, with one column per feature."""
    with extra("workflow"):
        import pyarrow
    with open(path, "rb") as stream:
        if stream.read(len(_FEATHER_1)) == _FEATHER_1:
            raise DataError(
                f"{title}: is of version 1 of Feather, which is not read; save it anew, such as by "
                "pandas.read_feather(...).to_feather('table.feather')"
            )
    with damages(title), pyarrow.memory_map(str(path)) as mapped:
        is_stream = False
        try:
            reader = pyarrow.ipc.open_file(mapped)
        except pyarrow.ArrowInvalid:
            reader, is_stream = pyarrow.ipc.open_stream(mapped), True
        # Columns lie in the file as they are in memory: nothing is read until it is used.
        table = reader.read_all()
        if is_stream:
            _check_end(title, mapped)
        table.validate(full=True)
        source = ArrowSource(title, table.schema, table.num_rows, table.column, options)
    yield source


def _check_end(title: str, stream: pyarrow.NativeFile) -> None:
    """Raise DataError for a stream that was read before its end, or that has none."""
    end = stream.tell()
    stream.seek(0)
    mark = _MESSAGE + _NO_LENGTH if stream.read(len(_MESSAGE)) == _MESSAGE else _NO_LENGTH
    stream.seek(max(0, end - len(mark)))
    if stream.read(len(mark)) != mark:
        raise DataError(f"{title}: is truncated, or was never closed: it has no mark of its end")
    if more := stream.size() - end:
        raise DataError(
            f"{title}: holds {more} bytes behind its end, which would be left out: make one stream "
            "of several"
        )


def _pandas_index(schema: pyarrow.Schema) -> list[str]:
    """Return the columns that hold the index of a data frame; a range is in no column."""
    try:
        found = json.loads((schema.metadata or {})[b"pandas"])["index_columns"]
        return [name for name in found if isinstance(name, str)]
    except (KeyError, TypeError, ValueError):
        # Also what another program wrote of a data frame that it did not keep up.
        return [name for name in schema.names if re.fullmatch(r"__index_level_\d+__", name)]


def _period_of(field: pyarrow.Field) -> str | None:
    """Return the length of the periods of pandas that a column holds, as M; None for others.

    What pandas said of the column is in its type where pandas was imported before, else beside it.
    """
    said = field.metadata or {}
    name = getattr(field.type, "extension_name", said.get(b"ARROW:extension:name", b"").decode())
    if name != "pandas.period":
        return None
    if hasattr(field.type, "freq"):
        return str(field.type.freq)
    return str(json.loads(said[b"ARROW:extension:metadata"])["freq"])


def _write_periods(stored: pyarrow.ChunkedArray, freq: str) -> pyarrow.ChunkedArray:
    """Write periods, which are counted from 1970, as pandas shows them: 2020-01."""
    import pandas as pd
    import pyarrow

    if isinstance(stored.type, pyarrow.BaseExtensionType):
        stored = pyarrow.chunked_array([part.storage for part in stored.chunks], pyarrow.int64())
    counts = [
        None if count is None else str(pd.Period(ordinal=count, freq=freq))
        for count in stored.to_pylist()
    ]
    return pyarrow.chunked_array([pyarrow.array(counts, pyarrow.string())])


def _words(schema: pyarrow.Schema, keys: Sequence[bytes]) -> dict[str, str]:
    """Return what the metadata of columns say under the first of some keys, by column."""
    found = {}
    for field in schema:
        said = next((field.metadata[key] for key in keys if key in (field.metadata or {})), b"")
        if said:
            found[field.name] = said.decode("utf-8", "replace")
    return found
