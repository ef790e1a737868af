"""What all sources of data share: the interface, and reading chosen rows and columns of arrays."""

from __future__ import annotations

import json
import logging
import os
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kohorte._checks import suggest
from kohorte._text import column_name, visible
from kohorte.data.missing import MissingValues
from kohorte.errors import ConfigError, DataError, KohorteError

if TYPE_CHECKING:
    import h5py

_LOG = logging.getLogger(__name__)

#: Rows are read in blocks of about this size, so that choosing few of many rows or columns never
#: holds the whole file in memory.
BLOCK_BYTES = 8 << 20

#: Names that a line of the log lists.
_SHOWN = 20

#: Kinds of NumPy types that count as numbers: bool, signed, unsigned, floating.
NUMERIC_KINDS = "biuf"

#: Up to here float64 holds every whole number.
LARGEST_WHOLE = 2.0**53

#: A table of more columns than that is transposed, damaged, or made to fill the memory.
MAX_COLUMNS = 1_000_000

#: Bytes that a file may claim to hold: so many for each of its own, as the best compression of
#: equal values is near 1000, and so many in any case.
MAX_EXPANSION = 4000
ALWAYS_HELD = 1 << 30


@contextmanager
def damages(title: str) -> Iterator[None]:
    """Turn whatever a library raises while it reads a file into a DataError.

    Libraries do not say which errors a damaged file can raise; any of them means that it cannot be
    used. Only calls of such libraries belong in the block.
    """
    try:
        yield
    except KohorteError:
        raise
    except OSError as error:
        raise DataError(f"{title}: cannot be read ({error})") from error
    except MemoryError as error:
        raise DataError(f"{title}: does not fit into memory; {_FEWER}") from error
    except Exception as error:
        raise DataError(
            f"{title}: is truncated or damaged ({type(error).__name__}: {error})"
        ) from error


def check_set(
    title: str, kind: str, name: str, known: Mapping[str, object], options: ReadOptions
) -> None:
    """Raise DataError for a data set that is not among the known; it brings its own labels."""
    if name not in known:
        raise DataError(f"{title}: unknown {kind} data set {name!r}; {suggest(name, known)}")
    if options.label is not None:
        raise ConfigError(f"{title} brings its own labels; leave label out")


def check_expansion(title: str, claimed: int, stored: int) -> None:
    """Raise DataError if a file, or part of one, of `stored` bytes cannot hold `claimed` bytes."""
    if claimed > max(ALWAYS_HELD, MAX_EXPANSION * stored):
        raise DataError(
            f"{title}: claims to hold {_gib(claimed)}, which cannot be: it is damaged, or made to "
            "fill the memory"
        )


def check_memory(title: str, needed: int) -> None:
    """Raise DataError if this machine has less than `needed` bytes of memory."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise DataError(
            f"{title}: needs {_gib(needed)} of memory, but this machine has {_gib(there)}; {_FEWER}"
        )


_FEWER = "choose fewer rows (stride, sample) or fewer features"


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.3g} GiB"


#: What the keys begin with that say how label files are read.
LABEL_SECTION = "realizations.label_options."


@dataclass(frozen=True)
class ReadOptions:
    """How to find the table inside a file; each format uses what applies to it."""

    features: tuple[str, ...] | None = None
    label: str | None = None
    beside: tuple[str, ...] = ()  # other columns that are no features
    mapped: bool = False  # whether a table may stay in a file that it lies in
    feature_dataset: str = "features"
    names_dataset: str | None = "names"
    delimiter: str | None = None
    table: str | int | None = None
    generate: Mapping[str, Any] = field(default_factory=dict)
    missing_values: tuple[float | str, ...] = ()
    not_missing: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str | None = None
    below_detection: str = "error"
    comment: str | None = None
    header: bool | str = "auto"
    encoding: str | None = None
    #: What the keys of these options begin with, for messages
    section: str = "data."

    @property
    def is_of_labels(self) -> bool:
        """Whether these are labels of another clusterer, of which one column is read."""
        return self.section == LABEL_SECTION

    @property
    def others(self) -> tuple[str, ...]:
        """Columns that are no features: the label, where there is one, and those beside."""
        return (() if self.label is None else (self.label,)) + self.beside

    @property
    def missing_rules(self) -> MissingValues:
        """What means a missing value."""
        return MissingValues(self.missing_values, self.not_missing)


#: Names of columns in which programs write the numbers or names of rows: pandas, where it writes an
#: index or reads one that it wrote, and R.
_INDEX = re.compile(r"__index_level_\d+__|Unnamed: 0(\.\d+)*|row\.?names")

INDEX = "an index of rows that a program wrote"

#: What a source says about columns where it says nothing.
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Source(ABC):
    """An opened source of `n_rows` rows whose columns have `names`.

    `columns` are positions in `names`; `rows` are ascending 0-based row numbers, int64.
    """

    title: str
    names: tuple[str, ...]
    n_rows: int
    has_labels: bool = False  # the source itself says what the ground truth is
    shape: tuple[int, ...] | None = None  # of the grid whose cells the rows are, C order
    #: By name of a column or coordinate, where the source says so: its unit, and what it is
    units: Mapping[str, str] = NOTHING
    titles: Mapping[str, str] = NOTHING
    #: Of a grid: names of its axes in the order of `shape`, where they have some, and by axis what
    #: the source says of its coordinates, (cells along it,) numbers
    axes: tuple[str, ...] = ()
    coordinates: Mapping[str, np.ndarray] = NOTHING
    #: Columns that are features only where they are named, and what they are, for the log
    asides: Mapping[str, str] = NOTHING
    #: Column that names the rows, such as the index of a data frame; None where the source has none
    ids: str | None = None

    @abstractmethod
    def read(self, columns: Sequence[int], rows: np.ndarray) -> np.ndarray:
        """Read (len(rows), len(columns)) float32 where exact, else float64; NaN where missing."""

    @abstractmethod
    def read_column(self, column: int, rows: np.ndarray) -> np.ndarray:
        """Read one column, (len(rows),), as it is: numbers, or text as str, bytes or object."""

    def read_entries(self, column: int, rows: np.ndarray) -> np.ndarray:
        """Read one column as the file has it: a name may look like a marker of missing values."""
        return self.read_column(column, rows)

    def read_labels(self, rows: np.ndarray) -> np.ndarray:
        """Read the ground truth that comes with the source, (len(rows),), where `has_labels`."""
        raise NotImplementedError(f"{self.title} has no labels of its own")

    def entry(self, column: int, row: int) -> Any:
        """Read one entry as the file has it."""
        return self.read_column(column, np.array([row], dtype=np.int64))[0]

    def may_be_rounded(self, column: int) -> bool:
        """Tell whether float32 may have held the numbers of a column: not where they are text."""
        return False

    def place(self, row: int) -> str:
        """Say how a person finds `row` in the source."""
        return f"data row {row}"


class MarkedSource(Source):
    """A source whose missing values are found: NaN in numbers, NaN or None in single columns."""

    def __init__(self, source: Source, options: ReadOptions) -> None:
        for name in Source.__annotations__:
            setattr(self, name, getattr(source, name))
        self._write_out()
        self._find_index()
        self.origin, self._rules = source, options.missing_rules
        self._section = options.section

    def _write_out(self) -> None:
        """Write out what would act on a terminal or page, in names, units and titles."""
        acting = [repr(name) for name in self.names if visible(name) != name]
        if acting:
            _LOG.warning(
                "%s: names with characters that are not seen are written as here: %s",
                *(self.title, ", ".join(acting[:_SHOWN])),
            )
        self.names = tuple(map(column_name, self.names))
        self.ids = None if self.ids is None else column_name(self.ids)
        self.axes = tuple(map(column_name, self.axes))
        self.asides = {column_name(name): what for name, what in self.asides.items()}
        self.coordinates = {column_name(name): values for name, values in self.coordinates.items()}
        self.units = {column_name(name): visible(unit) for name, unit in self.units.items()}
        self.titles = {column_name(name): visible(title) for name, title in self.titles.items()}

    def _find_index(self) -> None:
        """Take columns with the names of an index for what they are."""
        found = [name for name in self.names if _INDEX.fullmatch(name) and name not in self.asides]
        if len(found) == len(self.names):
            return
        self.asides = {**self.asides, **dict.fromkeys(found, INDEX)}
        # Of an index of several levels none names the rows alone; an index of pandas that was
        # written again and again is one.
        if self.ids is None and found and (len(found) == 1 or found[0].startswith("Unnamed")):
            self.ids = found[0] if self.names[0] else None

    def read(self, columns: Sequence[int], rows: np.ndarray) -> np.ndarray:
        """Read numbers, with NaN for those that mean a missing value."""
        values = _quiet(self.origin.read(columns, rows))
        absent = self._rules.in_numbers(values)
        return values if absent is None else np.where(absent, values.dtype.type(np.nan), values)

    def read_column(self, column: int, rows: np.ndarray) -> np.ndarray:
        """Read one column, with NaN among numbers and None in text for what is missing."""
        found = _quiet(self.origin.read_column(column, rows))
        return self._rules.mask(found, partial(self._report, f"column {self.names[column]!r}"))

    def read_entries(self, column: int, rows: np.ndarray) -> np.ndarray:
        """Read one column as the file has it."""
        return self.origin.read_entries(column, rows)

    def read_labels(self, rows: np.ndarray) -> np.ndarray:
        """Read the labels that come with the source, marked as those of a column."""
        return self._rules.mask(self.origin.read_labels(rows), partial(self._report, "labels"))

    def entry(self, column: int, row: int) -> Any:
        """Read one entry as the file has it."""
        return self.origin.entry(column, row)

    def may_be_rounded(self, column: int) -> bool:
        """Tell whether float32 may have held the numbers of a column."""
        return self.origin.may_be_rounded(column)

    def place(self, row: int) -> str:
        """Say how a person finds `row` in the source."""
        return self.origin.place(row)

    def _report(self, what: str, words: Counter[str]) -> None:
        found = ", ".join(f"{word!r} ({count})" for word, count in words.most_common(5))
        names = ", ".join(json.dumps(word) for word in words)
        # Of many label files, one line says what is missing: kohorte.jobs.counting.
        level = logging.WARNING if self._section == ReadOptions.section else logging.INFO
        _LOG.log(
            level,
            "%s: %s: %s taken for a missing value; if it is a name, set %snot_missing: [%s]",
            *(self.title, what, found, self._section, names),
        )


def read_whole(source: Source, column: int, rows: np.ndarray) -> list[int] | None:
    """Read entries that float64 would round, as they are; None where some are no whole numbers."""
    found: list[int] = []
    for entry in source.read_entries(column, rows).tolist():
        text = entry.decode("utf-8", "replace") if isinstance(entry, bytes) else str(entry)
        if not _WHOLE.fullmatch(text):
            return None
        found.append(int(text))
    return found


#: No number that float64 holds has more digits.
_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,309}\s*")


def _quiet(values: np.ndarray) -> np.ndarray:
    """Return floats with NaN that does not signal for NaN that would, which damaged files hold."""
    if values.dtype.kind != "f" or not values.size:
        return values
    with np.errstate(invalid="ignore"):
        # What is mapped from a file stays there where no number is NaN.
        if not values.flags.writeable and not np.isnan(values.min()):
            return values
        return np.multiply(values, 1, out=values if values.flags.writeable else None)


class ArraySource(Source):
    """A source that is one (N, F) array: in memory, mapped from a file, or an HDF5 dataset.

    `title` and `part`, such as "dataset 'features'", say in error messages where the array lies.
    Without `names` the F columns are called feature_0, feature_1, ... If `mapped`, all of an array
    that lies in a file as a table would is not read into memory.
    """

    def __init__(
        self,
        title: str,
        array: np.ndarray | h5py.Dataset,
        names: Sequence[str] | None = None,
        part: str = "array",
        mapped: bool = False,
    ) -> None:
        self.title, self._mapped = title, mapped
        shape = array.shape
        if shape is None or len(shape) != 2:
            raise DataError(
                f"{title}: {part} has shape {shape}, but a table needs two dimensions, "
                "rows x features" + _reshape_hint(shape)
            )
        if array.dtype.kind not in NUMERIC_KINDS:
            raise DataError(
                f"{title}: {part} holds {array.dtype} from data row 0 on, "
                "but features must be integer or floating-point numbers"
            )
        if shape[1] > MAX_COLUMNS:
            raise DataError(
                f"{title}: {part} has shape {shape}, but a table has at most {MAX_COLUMNS} columns "
                "(is it transposed? Rows are points)"
            )
        if names is None:
            names = [f"feature_{column}" for column in range(shape[1])]
        if len(names) != shape[1]:
            transposed = len(names) == shape[0]
            raise DataError(
                f"{title}: {part} has shape {shape}, so {shape[1]} columns, but there are "
                f"{len(names)} names"
                + (" (is it transposed? Rows are points)" if transposed else "")
            )
        self.names = tuple(names)
        self.n_rows = shape[0]
        self._array, self._n_columns = array, shape[1]
        self._beside: list[np.ndarray | h5py.Dataset] = []

    def add_labels(self, labels: np.ndarray | h5py.Dataset) -> None:
        """Take `labels`, (N,), for the ground truth."""
        if labels.shape not in ((self.n_rows,), (self.n_rows, 1), (1, self.n_rows)):
            raise DataError(
                f"{self.title}: labels have shape {labels.shape}, but there are {self.n_rows} "
                "rows: one label per row is needed"
            )
        self.has_labels = True
        self._labels = labels

    def add_beside(self, name: str, values: np.ndarray | h5py.Dataset) -> None:
        """Take `values`, (N,), for one more column, which is no feature."""
        if values.shape not in ((self.n_rows,), (self.n_rows, 1), (1, self.n_rows)):
            raise DataError(
                f"{self.title}: {name!r} has shape {values.shape}, but there are {self.n_rows} "
                "rows: one entry per row is needed"
            )
        self.names += (name,)
        self.asides = {**self.asides, name: "an array beside the features"}
        self._beside.append(values)

    def read(self, columns: Sequence[int], rows: np.ndarray) -> np.ndarray:
        """Read blocks of rows, so that memory holds only what is chosen."""
        for column in columns:
            if column >= self._n_columns:
                raise DataError(
                    f"{self.title}: {self.names[column]!r} is an array beside the features, and "
                    "cannot be one of them"
                )
        dtype = float_type(self._array.dtype)
        everything = len(rows) == self.n_rows and list(columns) == list(range(self._n_columns))
        # Numbers beyond the range of float64 become infinite, which is refused with their place.
        with damages(self.title), np.errstate(all="ignore"):
            if everything and (type(self._array) is np.ndarray or self._stays_mapped(dtype)):
                return np.ascontiguousarray(self._array, dtype=dtype)
            out = np.empty((len(rows), len(columns)), dtype=dtype)
            gather_rows(self._array, rows, columns, out)
        return out

    def _stays_mapped(self, dtype: np.dtype) -> bool:
        array = self._array
        return (
            self._mapped
            and isinstance(array, np.memmap)
            and array.dtype == dtype
            and array.flags.c_contiguous
            and array.flags.aligned
        )

    def read_column(self, column: int, rows: np.ndarray) -> np.ndarray:
        """Read one column in the type of the array."""
        if column >= self._n_columns:
            with damages(self.title):
                return np.asarray(self._beside[column - self._n_columns][()]).reshape(-1)[rows]
        out = np.empty((len(rows), 1), dtype=self._array.dtype)
        with damages(self.title):
            gather_rows(self._array, rows, [column], out)
        return out[:, 0]

    def may_be_rounded(self, column: int) -> bool:
        """Tell whether these are floats; of float64 some columns may have been made of float32."""
        return column < self._n_columns and self._array.dtype.kind == "f"

    def read_labels(self, rows: np.ndarray) -> np.ndarray:
        """Read what `add_labels` took."""
        with damages(self.title):
            return np.asarray(self._labels[()]).reshape(-1)[rows]


def whole_digits(dtype: np.dtype) -> int:
    """Return for how many digits of base 2 floats hold every whole number: of float64 53.

    Beyond that two ids are one.
    """
    return min(int(np.finfo(dtype).nmant) + 1, 53)


def float_type(dtype: npt.DTypeLike) -> np.dtype:
    """Return float32 if that holds all numbers of `dtype`, else float64, rounded if need be."""
    promoted = np.promote_types(dtype, np.float32)
    return np.dtype(np.float32 if promoted == np.float32 else np.float64)


def gather_rows(
    array: np.ndarray | h5py.Dataset, rows: np.ndarray, columns: Sequence[int], out: np.ndarray
) -> None:
    """Copy `array[rows][:, columns]` into `out`, block by block.

    HDF5 is slow at picking scattered rows but fast at slices, so a block is one slice that covers
    its rows. Blocks end where storage chunks do, so that none is decompressed twice.
    """
    row_bytes = max(1, array.shape[1] * array.dtype.itemsize)
    block = max(1, BLOCK_BYTES // row_bytes)
    chunks = getattr(array, "chunks", None)
    if chunks:
        block = max(1, block // chunks[0]) * chunks[0]
    all_columns = list(columns) == list(range(array.shape[1]))
    for start in range(0, array.shape[0], block):
        low, high = np.searchsorted(rows, (start, start + block))
        if low == high:
            continue
        first, last = int(rows[low]), int(rows[high - 1])
        part = array[first : last + 1]
        if high - low < len(part):
            part = part[rows[low:high] - first]
        out[low:high] = part if all_columns else part[:, list(columns)]


def decode_text(value: object) -> str:
    """Turn the str or bytes that files give into a str; raises UnicodeDecodeError."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def decode_names(title: str, values: npt.ArrayLike, part: str) -> tuple[str, ...]:
    """Return the column names in an array of str or bytes; raise DataError if they are no text."""
    flat = np.asarray(values).ravel()
    if flat.dtype.kind not in "SUO":
        raise DataError(f"{title}: {part} holds {flat.dtype}, but column names must be text")
    try:
        return tuple(decode_text(value).strip() for value in flat)
    except UnicodeDecodeError as error:
        raise DataError(f"{title}: {part} holds a name that is not UTF-8 text") from error


def _reshape_hint(shape: tuple[int, ...] | None) -> str:
    if shape is None or len(shape) == 0:
        return ""
    if len(shape) == 1:
        return f"; a single feature has shape ({shape[0]}, 1)"
    return "; flatten a grid to one row per cell, or an image to one row per image"
