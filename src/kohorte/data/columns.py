"""Sources whose columns are arrays of their own, and which arrays of a container are one table."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kohorte._checks import suggest
from kohorte._text import column_name
from kohorte.data.numbers import choose_numbers, convert_texts
from kohorte.data.reading import (
    MAX_COLUMNS,
    NOTHING,
    NUMERIC_KINDS,
    ReadOptions,
    Source,
    damages,
    float_type,
)
from kohorte.errors import DataError

_LOG = logging.getLogger(__name__)

#: Parts of a column of vectors that become columns of their own; more is an image or a spectrum.
MAX_PARTS = 1000

#: Names of columns that a message lists.
_LISTED = 40


@dataclass(frozen=True)
class Column:
    """One column of N values, or one field of the cells of a grid, that is read where it is used.

    `read` gives an array of that shape and type, or a masked array of it: what is masked is
    missing. Text is of a type of bytes, str or object.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], np.ndarray]
    unit: str = ""
    title: str = ""

    @property
    def is_numeric(self) -> bool:
        """Whether a feature can be made of it."""
        return self.dtype.kind in NUMERIC_KINDS


def column_of(array: np.ndarray, unit: str = "", title: str = "") -> Column:
    """Return an array that is there, or mapped, as a column."""
    return Column(array.shape, array.dtype, lambda: np.asanyarray(array), unit, title)


class ColumnSource(Source):
    """A source whose columns are arrays of their own: of one length, or on the cells of one grid.

    Text that says numbers is read as in a text file, as `options` say. `shape`: of the grid, None
    for rows; `title`, `coordinates`, `asides` and `ids`: see Source.
    """

    def __init__(
        self,
        title: str,
        columns: Mapping[str, Column],
        options: ReadOptions,
        *,
        shape: tuple[int, ...] | None = None,
        coordinates: Mapping[str, np.ndarray] = NOTHING,
        asides: Mapping[str, str] = NOTHING,
        ids: str | None = None,
    ) -> None:
        self.title = title
        if not columns:
            raise DataError(f"{title}: has no columns")
        if len(columns) > MAX_COLUMNS:
            raise DataError(f"{title}: has {len(columns)} columns; at most {MAX_COLUMNS} are read")
        self.names = tuple(columns)
        self.shape, self.coordinates, self.asides, self.ids = shape, coordinates, asides, ids
        self._columns, self._options = columns, options
        common = shape or next(iter(columns.values())).shape
        for name, column in columns.items():
            if column.shape != common:
                raise DataError(
                    f"{title}: column {name!r} has shape {column.shape}, but "
                    f"{next(iter(columns))!r} has {common}"
                )
        self.n_rows = math.prod(common)
        self.units = {name: column.unit for name, column in columns.items() if column.unit}
        self.titles = {name: column.title for name, column in columns.items() if column.title}

    def read(self, columns: Sequence[int], rows: np.ndarray) -> np.ndarray:
        """Read the chosen columns, one after the other."""
        chosen = [self._columns[self.names[column]] for column in columns]
        for column, found in zip(columns, chosen, strict=True):
            if not found.is_numeric and found.dtype.kind not in "SUO":
                raise self._not_numbers(self.names[column])
        types = [found.dtype if found.is_numeric else np.float64 for found in chosen]
        dtype = float_type(np.result_type(*types))
        out = np.empty((len(rows), len(columns)), dtype=dtype)
        # Numbers beyond the range of float64 become infinite, which is refused with their place.
        texts = {}
        with np.errstate(all="ignore"):
            for position, column in enumerate(columns):
                if not chosen[position].is_numeric:
                    texts[position] = self.read_column(column, rows).tolist()
                    continue
                values = self._load(column, rows)
                mask = np.ma.getmaskarray(values)
                out[:, position] = np.ma.getdata(values)
                out[mask, position] = np.nan
        if texts:
            names = [self.names[column] for column in columns]
            convert_texts(self.title, names, texts, rows, out, self._options, self.place)
        return out

    def read_column(self, column: int, rows: np.ndarray) -> np.ndarray:
        """Read one column in its own type; with gaps as floats, or text with None."""
        if (kind := self._columns[self.names[column]].dtype).names:
            raise DataError(
                f"{self.title}: column {self.names[column]!r} has records of several fields "
                f"({', '.join(map(repr, kind.names))}), where one value for each row is wanted; "
                "name a column of plain values"
            )
        values = self._load(column, rows)
        mask = np.ma.getmaskarray(values)
        values = np.ma.getdata(values)
        if mask.any():
            numeric = values.dtype.kind in NUMERIC_KINDS
            values = values.astype(np.float64 if numeric else object)
            values[mask] = np.nan if numeric else None
        return values

    def may_be_rounded(self, column: int) -> bool:
        """Tell whether a column is of float32, or shorter."""
        dtype = self._columns[self.names[column]].dtype
        return dtype.kind == "f" and dtype.itemsize <= np.dtype(np.float32).itemsize

    def place(self, row: int) -> str:
        """Name the cell of a grid."""
        if self.shape is None:
            return super().place(row)
        return f"cell {tuple(int(i) for i in np.unravel_index(row, self.shape))}"

    def _not_numbers(self, name: str) -> DataError:
        kind = self._columns[name].dtype
        numeric = [n for n, c in self._columns.items() if c.is_numeric and n not in self.asides]
        return DataError(
            f"{self.title}: feature {name!r} holds {'dates' if kind.kind in 'mM' else kind} from "
            f"data row 0 on, but features must be numbers; {choose_numbers(numeric, self._options)}"
        )

    def _load(self, column: int, rows: np.ndarray) -> np.ndarray:
        name = self.names[column]
        with damages(self.title):
            flat = self._columns[name].read().reshape(-1)
        if len(flat) != self.n_rows:
            raise DataError(
                f"{self.title}: is damaged: column {name!r} has {len(flat)} of {self.n_rows} rows"
            )
        return flat if len(rows) == self.n_rows else flat[rows]


def split_vectors(title: str, columns: Mapping[str, Column]) -> dict[str, Column]:
    """Return columns of N values for those of N vectors: name_0, name_1, ..., name_1_0 if deeper.

    Raises DataError: vectors of more than MAX_PARTS entries.
    """
    found: dict[str, Column] = {}
    for name, column in columns.items():
        if len(column.shape) < 2:
            found[name] = column
            continue
        parts = column.shape[1:]
        if math.prod(parts) > MAX_PARTS:
            raise DataError(
                f"{title}: column {name!r} holds {parts} numbers in each row, which is no feature; "
                "reduce them to a few columns first"
            )
        for index in np.ndindex(*parts):
            part = "_".join([name, *map(str, index)])
            found[part] = replace(
                column, shape=column.shape[:1], read=_Part(column.read, (slice(None), *index))
            )
    return found


@dataclass(frozen=True)
class _Part:
    """Reading of one component of a column of vectors, or of a field of a structured array."""

    read: Callable[[], np.ndarray]
    key: tuple[slice | int, ...] | str

    def __call__(self) -> np.ndarray:
        return self.read()[self.key]


def fields_of(title: str, array: np.ndarray) -> dict[str, Column]:
    """Return the fields of a structured array (N,) as columns, those of vectors in parts.

    A field of truth values called x.mask, as astropy writes it, says where x is missing. Raises
    DataError: the array has another shape, or a field has fields of its own.
    """
    return split_fields(title, array.dtype, array.shape, lambda name: array[name])


def split_fields(
    title: str, dtype: np.dtype, shape: tuple[int, ...], read: Callable[[str], np.ndarray]
) -> dict[str, Column]:
    """Return the fields of a structured type as columns; `read(name)` gives one. See fields_of."""
    if len(shape) != 1:
        raise DataError(
            f"{title}: a structured array has shape {shape}, but a table has one record for each "
            "row, (rows,)"
        )
    found, names = {}, dtype.names or ()
    for name in names:
        if name.endswith(".mask") and name.removesuffix(".mask") in names:
            continue
        kind = dtype[name]
        base, parts = (kind.base, kind.shape) if kind.subdtype else (kind, ())
        if base.names:
            raise DataError(
                f"{title}: field {name!r} is itself a record of {', '.join(base.names)}; flatten "
                "it (numpy.lib.recfunctions.structured_to_unstructured)"
            )
        reading: Callable[[], np.ndarray] = _Field(read, name)
        if f"{name}.mask" in names:
            reading = _Masked(read, name)
        found[name] = Column(shape + parts, base, reading)
    return split_vectors(title, found)


@dataclass(frozen=True)
class _Field:
    read: Callable[[str], np.ndarray]
    name: str

    def __call__(self) -> np.ndarray:
        return self.read(self.name)


@dataclass(frozen=True)
class _Masked(_Field):
    def __call__(self) -> np.ndarray:
        mask = self.read(f"{self.name}.mask").astype(bool)
        return np.ma.masked_array(self.read(self.name), mask)


def choose_columns(
    title: str,
    members: Mapping[str, Column],
    options: ReadOptions,
    missing: str | None = None,
    place: str = "",
) -> dict[str, Column]:
    """Return those members of a container that are the columns of one table: N values each.

    Where features are named, the table is that of their length. Else the numbers of one dimension
    must all have one length: what else there is, single numbers and text of another length, is
    left out with a line in the log. Raises DataError: it cannot be told which the columns are.

    Parameters
    ----------
    title
        Where the members lie, for messages.
    members
        All arrays there by name.
    options
        `features` and `feature_dataset` are used.
    missing
        Beginning of a message; None says that there is no array `feature_dataset`.
    place
        What stands before the name of a member where `feature_dataset` names it.
    """
    members = {column_name(name): column for name, column in members.items()}
    sides = [column.shape for column in members.values() if len(column.shape) == 2]
    if all(1 in shape for shape in sides):  # columns as matrices of one row or one column
        members = {name: _flatten(column) for name, column in members.items()}
    flat = {name: column for name, column in members.items() if len(column.shape) == 1}
    if options.is_of_labels:
        return _choose_labels(title, members, flat, column_name(str(options.label)))
    key = options.feature_dataset
    missing = missing or f"no array {key!r}"
    if options.features is not None:
        asked = map(column_name, options.features)
        wanted = {name: flat[name].shape for name in asked if name in flat}
        if not wanted:
            raise DataError(f"{title}: {missing}; {suggest(key, members)}")
        if len(set(wanted.values())) > 1:
            raise DataError(f"{title}: features have different lengths: {_lengths(wanted)}")
        length = next(iter(wanted.values()))
        return {name: column for name, column in flat.items() if column.shape == length}
    tables = [n for n, c in members.items() if len(c.shape) == 2 and c.is_numeric]
    numbers = {name: column.shape for name, column in flat.items() if column.is_numeric}
    if tables or not numbers:
        whole = " or ".join(place + name for name in tables[:3])
        key = f"{options.section}feature_dataset"
        hint = f"; set {key} to {whole}, which is N x F" if tables else ""
        raise DataError(f"{title}: {missing}; {suggest(options.feature_dataset, members)}{hint}")
    if len(set(numbers.values())) > 1:
        raise DataError(
            f"{title}: {missing}, and the columns have different lengths: {_lengths(numbers)}; "
            "name features of one length"
        )
    length = next(iter(numbers.values()))
    found = {name: column for name, column in flat.items() if column.shape == length}
    left = [name for name in members if name not in found]
    _LOG.info("%s: a table by column, %d rows of %s", title, length[0], ", ".join(found))
    if left:
        _LOG.info("%s: left out, as they are no columns of it: %s", title, ", ".join(left))
    return found


def _choose_labels(
    title: str, members: Mapping[str, Column], flat: dict[str, Column], name: str
) -> dict[str, Column]:
    """Return the array of labels that is asked for; all where it is not there and none is wider."""
    if name in flat:
        return {name: flat[name]}
    if name in members:
        raise DataError(
            f"{title}: {name!r} has shape {members[name].shape}, but labels are one id or name for "
            "each point; of memberships take the largest, by argmax(axis=1)"
        )
    is_table = len({column.shape for column in flat.values()}) == 1
    if is_table and all(len(column.shape) < 2 for column in members.values()):
        return flat
    one = "to one of " if len(flat) > 1 else "to "
    hint = f"; set realizations.label_name {one}{_named(flat)}" if flat else ""
    raise DataError(f"{title}: no array {name!r}; {suggest(name, members)}{hint}")


def _flatten(column: Column) -> Column:
    if len(column.shape) != 2:
        return column
    return replace(column, shape=(math.prod(column.shape),), read=_Flat(column.read))


@dataclass(frozen=True)
class _Flat:
    read: Callable[[], np.ndarray]

    def __call__(self) -> np.ndarray:
        return self.read().reshape(-1)


def _lengths(shapes: Mapping[str, tuple[int, ...]]) -> str:
    by_length: dict[int, list[str]] = {}
    for name, shape in shapes.items():
        by_length.setdefault(shape[0], []).append(name)
    return "; ".join(f"{length}: {_named(names)}" for length, names in by_length.items())


def _named(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
