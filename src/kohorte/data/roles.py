"""What a table says of its rows beside their features: names, samples, classes, other columns."""

from __future__ import annotations

import datetime
import logging
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kohorte._arrays import is_missing
from kohorte._checks import suggest
from kohorte._text import visible, yaml_name
from kohorte.data.reading import LARGEST_WHOLE, Source, decode_text, whole_digits
from kohorte.data.table import UNKNOWN, Beside
from kohorte.errors import ConfigError, DataError

_LOG = logging.getLogger(__name__)

#: So few rows with a class say nothing about whether classes repeat.
_FEW_ROWS = 10

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


#: What the column that names the rows is called where it has no name of its own.
_INDEX = "index"


@dataclass(frozen=True)
class Roles:
    """Which columns of a source are no features, by what they are for."""

    label: str | None = None
    ids: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()
    label_missing: Sequence[float | str] = ()  # Labels that say that the class is not known

    @property
    def beside(self) -> Iterator[str]:
        """Names of all columns but the label, which may come twice."""
        return iter((*self.ids, *self.groups, *self.carried))


def find_beside(source: Source, roles: Roles, lenient: bool = False) -> dict[str, int]:
    """Return the columns beside features and label by name.

    They are those that the roles name, and the one that the source says names its rows. Raises
    DataError for a column that the source does not have; if `lenient`, it is left out with a line
    in the log.
    """
    found = {}
    for key, names in (("id", roles.ids), ("group", roles.groups), ("carry", roles.carried)):
        for name in names:
            if name in source.names:
                found[name] = source.names.index(name)
            elif lenient:
                _LOG.info("%s: no column %r of data.%s", source.title, name, key)
            else:
                raise DataError(
                    f"{source.title}: no column {name!r} (data.{key}); "
                    f"{suggest(name, source.names)}"
                )
    index = _find_index(source)
    if index is not None:
        name, column = index
        found[name] = column
        if name not in {*roles.beside} and source.names[column]:
            _LOG.info("%s: %r names the rows and is no feature", source.title, source.names[column])
        if not source.names[column]:
            _LOG.warning(
                "%s: column %d has no name, so it names rows and is no feature",
                *(source.title, column),
            )
    return found


def _find_index(source: Source) -> tuple[str, int] | None:
    """Return name and position of the column that names the rows, where the source says so."""
    if source.ids is not None:
        column = source.names.index(source.ids)
    elif len(source.names) > 1 and not source.names[0]:
        column = 0  # of an index of pandas, or the names of rows that R writes
    else:
        return None
    name = source.names[column]
    if name and not name.startswith(("__index_level_", "Unnamed: ")):
        return name, column
    return _INDEX + "_" * (_INDEX in source.names), column


def read_beside(
    source: Source, roles: Roles, columns: Mapping[str, int], rows: np.ndarray
) -> Beside:
    """Read what `find_beside` found: names and what is carried as they are in the file."""

    def read(names: Iterable[str], *, marked: bool = False) -> dict[str, np.ndarray]:
        reading = source.read_column if marked else source.read_entries
        return {n: plain_column(reading(columns[n], rows)) for n in names if n in columns}

    named = {*roles.beside}
    ids = roles.ids or [name for name in columns if name not in named]
    beside = Beside(read(ids), read(roles.groups, marked=True), read(roles.carried))
    check_ids(source.title, beside.ids, rows)
    return beside


def as_names(key: str, chosen: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns that a key names, one or several; ConfigError where one is named twice."""
    names = () if chosen is None else (chosen,) if isinstance(chosen, str) else tuple(chosen)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{key} names {twice!r} twice")
    return names


def encode_labels(
    source: Source,
    what: str,
    values: np.ndarray,
    rows: np.ndarray,
    unknown: Sequence[float | str] = (),
    decimal: str = ".",
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return the codes 0..C-1 (N,), -1 for unknown classes, and the C class names.

    Raises DataError: no class is known, or labels are numbers with a fraction.

    Parameters
    ----------
    source, what, rows
        Where the values come from, for messages.
    values
        (N,) text or whole numbers. NaN, None and blank text are missing.
    unknown
        Other values that say that the class is not known.
    decimal
        Decimal mark of numbers in text.
    """

    def fault(index: int, text: str) -> DataError:
        where = source.place(int(rows[index]))
        return DataError(f"{source.title}: {what}, {where}: {text}")

    if values.dtype.kind == "f":
        known = ~np.isnan(values)
        _check_whole(values, fault)
        codes, classes = _encode_numbers(np.where(known, values, 0).astype(np.int64), known)
    elif values.dtype.kind in "iu":
        codes, classes = _encode_numbers(values, np.ones(len(values), dtype=bool))
    elif values.dtype.kind in "bSUO":
        codes, classes = _encode_texts(values, fault, decimal)
    else:
        raise fault(
            0,
            f"labels of type {values.dtype} cannot be used; save classes as text, or name the "
            "column in data.carry",
        )
    codes, classes = _leave_out(codes, classes, unknown)
    if not classes:
        raise DataError(
            f"{source.title}: {what}, all {len(values)} rows: no class is known; leave data.label "
            "out"
        )
    doubtful = [name for name in classes if _says_unknown(name, classes)]
    if doubtful:
        shown = ", ".join(name if _is_whole(name) else yaml_name(name) for name in doubtful)
        _LOG.warning(
            "%s: %s: %s counts as a class; where that says that the class is not known, set "
            "data.label_missing: [%s]",
            *(source.title, what, ", ".join(doubtful), shown),
        )
    n_unknown = np.count_nonzero(codes == UNKNOWN)
    if n_unknown:
        _LOG.info("%s: %s: no class in %d of %d rows", source.title, what, n_unknown, len(codes))
    return codes, classes


def names_rows(codes: np.ndarray, n_classes: int) -> bool:
    """Tell whether labels name rows rather than classes: most classes have one row only.

    `codes` (N,): as `encode_labels` gives them.
    """
    n_known = np.count_nonzero(codes != UNKNOWN)
    enough = n_known >= _FEW_ROWS or n_known == len(codes) > 2
    return bool(enough and n_classes > n_known / 2)


def plain_column(values: np.ndarray) -> np.ndarray:
    """Return a column as it is kept beside points: numbers, truth values, or text as str objects.

    Dates become text, YYYY-MM-DD where they are whole days; what is missing becomes empty text, in
    a column of floating-point numbers NaN.
    """
    if values.dtype.kind in "biuf":
        return values
    if values.dtype.kind == "M":
        return _date_texts(values)
    texts = [_entry_text(value) for value in values.tolist()]
    return np.array(texts, dtype=object)


def check_ids(title: str, ids: Mapping[str, np.ndarray], rows: np.ndarray) -> None:
    """Log the first two rows that have the same names, where ids repeat."""
    if not ids:
        return
    first_with: dict[Any, int] = {}
    repeated, first = 0, ""
    for index, key in enumerate(zip(*(column.tolist() for column in ids.values()), strict=True)):
        other = first_with.setdefault(key, index)
        if other != index:
            repeated += 1
            first = first or (
                f"rows {rows[other]} and {rows[index]} are both {', '.join(map(repr, key))}"
            )
    if repeated:
        names = ", ".join(ids)
        _LOG.warning(
            "%s: %s: names of rows repeat: %s; %d rows have the name of an earlier one",
            *(title, names, first, repeated),
        )


def _check_whole(values: np.ndarray, fault: Any) -> None:
    with np.errstate(invalid="ignore"):
        most = 2.0 ** whole_digits(values.dtype)
        broken = np.flatnonzero((values != np.floor(values)) | (np.abs(values) >= most))
    broken = broken[~np.isnan(values[broken])]
    if broken.size:
        raise fault(
            broken[0],
            f"label {values[broken[0]]!s} is no whole number; labels are text or whole numbers: "
            "carry measurements along (data.carry), and write classes as no number, as 'v1.5'",
        )


def _encode_numbers(
    values: np.ndarray, known: np.ndarray
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    numbers, found = np.unique(values[known], return_inverse=True)
    codes = np.full(len(values), UNKNOWN, dtype=np.int64)
    codes[known] = found.reshape(-1)
    return codes, tuple(str(value) for value in numbers)


def _encode_texts(
    values: np.ndarray, fault: Any, decimal: str
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    texts = []
    for index, value in enumerate(values.tolist()):
        try:
            texts.append(_entry_text(value))
        except UnicodeDecodeError as error:
            raise fault(index, "the label is not UTF-8 text") from error
    distinct = set(texts) - {""}
    plain = [text.replace(decimal, ".") for text in distinct]
    # Whole numbers beside gaps are written as 1.0, 2.0; anything else with a fraction is measured.
    if all(map(_NUMBER.fullmatch, plain)) and any("." in text for text in plain):
        numbers = [float(text.replace(decimal, ".")) if text else math.nan for text in texts]
        _check_whole(np.array(numbers), fault)
        whole = {text: str(int(float(text.replace(decimal, ".")))) for text in distinct}
        texts, distinct = [whole.get(text, "") for text in texts], set(whole.values())
    classes = sorted(distinct, key=int if all(map(_is_whole, distinct)) else None)
    code_of = {text: code for code, text in enumerate(classes)} | {"": UNKNOWN}
    return np.fromiter(map(code_of.__getitem__, texts), np.int64, len(texts)), tuple(classes)


#: What classes are called that are none, lower case.
_UNKNOWN = {
    *("unknown", "unk", "unlabeled", "unlabelled", "unclassified", "unassigned", "undetermined"),
    *("undefined", "unidentified", "unspecified", "not available", "not assigned", "no label"),
    *("not known", "missing", "n.a.", "n.d.", "nd", "no data", "nodata", "noise"),
}


def _says_unknown(name: str, classes: Sequence[str]) -> bool:
    """Tell whether the name of a class says that the class is not known."""
    if not all(map(_is_whole, classes)):
        return name.lower() in _UNKNOWN
    others = [abs(int(other)) for other in classes if other != name]
    is_code = re.fullmatch(r"-?99+|-88+|-77+", name) is not None
    return name == "-1" or (is_code and all(abs(int(name)) >= 10 * other for other in others))


def _leave_out(
    codes: npt.NDArray[np.int64], classes: tuple[str, ...], unknown: Sequence[float | str]
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Make the classes of these names unknown."""
    names = {_entry_text(value).lower() for value in unknown}
    kept = [code for code, name in enumerate(classes) if name.lower() not in names]
    if len(kept) == len(classes):
        return codes, classes
    code_of = np.full(len(classes) + 1, UNKNOWN, dtype=np.int64)  # the last entry is that of -1
    code_of[kept] = np.arange(len(kept))
    return code_of[codes], tuple(classes[code] for code in kept)


def _entry_text(value: Any) -> str:
    """Return one entry of a column as text without blanks around it, empty where it is missing.

    What would act on a terminal or page is written out.
    """
    if is_missing(value):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_WHOLE:
        return str(int(value))
    if hasattr(value, "isoformat"):
        has_time = hasattr(value, "hour") and (
            value.tzinfo is not None or not hasattr(value, "day")
        )
        if hasattr(value, "hour") and not has_time and value.time() == datetime.time():
            return str(value.date().isoformat())
        return str(value.isoformat())
    return visible(decode_text(value).strip())


def _date_texts(values: np.ndarray) -> np.ndarray:
    known = values[~np.isnat(values)]
    units = ("D", "s", "ms", "us", "ns")
    unit = next((u for u in units if (known.astype(f"M8[{u}]") == known).all()), "ns")
    texts = np.datetime_as_string(values.astype(f"M8[{unit}]"))
    return np.where(np.isnat(values), "", texts).astype(object)


def _is_whole(text: str) -> bool:
    """Tell whether text is a whole number as str() writes it: 7 and -7, but not 07 or +7."""
    try:
        return str(int(text)) == text
    except ValueError:
        return False
