"""What stands in the columns of a table, and what each could be in a study."""

from __future__ import annotations

import contextlib
import datetime
import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kohorte._arrays import describe_rounded
from kohorte.data.missing import Code, MissingValues, are_dates, find_codes
from kohorte.data.numbers import advise
from kohorte.data.reading import INDEX, LARGEST_WHOLE, ReadOptions, Source, read_whole
from kohorte.errors import DataError

#: Rows that text is looked at in; numbers are looked at in all.
LOOKED_ROWS = 100_000

#: Rows that a column is first read in, to tell numbers from text.
_FIRST_ROWS = 1000

#: Memory of the columns that are held at once, bytes.
_HELD = 256 << 20

#: Share of what a column spans up to which a number outside of it is one like the others.
_NEAR = 0.1

#: Share of numbers above which other text in a column is an exception.
_MOSTLY = 0.5

#: Entries of a column of text that tell whether it seems to be of numbers.
_SEEN = 100

#: Features that are shown one by one.
_SHOWN_FEATURES = 50

#: Most values of a class or a group.
_FEW = 50

_IDS = {
    *("id", "ids", "idx", "index", "uid", "uuid", "key", "no", "nr", "number", "unnamed", "row"),
    *("rowid", "rowname", "rownames", "barcode", "accession", "name", "objid", "objectid"),
    *("sourceid", "sampleid", "label", "hip", "oid"),
}
_CLASSES = {
    *("class", "classes", "species", "label", "type", "target", "cluster", "category", "cultivar"),
    *("diagnosis", "kind", "truth", "phase", "genus", "lithology", "facies", "outcome"),
}
_GROUPS = {
    *("sample", "site", "station", "batch", "plate", "well", "patient", "subject", "donor"),
    *("group", "replicate", "run", "island", "location", "region", "country", "area", "sex"),
    *("gender", "instrument", "lab", "treatment", "condition", "block", "file", "author"),
}
_TIMES = {*("year", "yr", "month", "day", "date", "doy", "hour", "time", "timestamp", "datetime")}
_PLACES = {*("lat", "latitude", "lon", "long", "lng", "longitude", "easting", "northing")}
#: Words that also are parts of names of measurements, and words that name sizes, too.
_AMBIGUOUS, _SIZES = {"day", "time", "hour", "long"}, {"area"}

_DATE = re.compile(
    r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(\s.*)?|\d{1,2}:\d{2}(:\d{2})?(\s?[ap]m)?", re.I
)
_CODE = re.compile(r"0\d+(?:[\s']\d+)+")
_UNIT = re.compile(r".*[^\s(\[][\s_]*(?:\[([^\]]{1,12})\]|\(([^)]{1,12})\))\s*")


@dataclass(frozen=True)
class Column:
    """What stands in one column of a table."""

    name: str
    kind: str  # number, mixed (text among numbers), text, date or empty
    n_rows: int  # that were looked at
    n_missing: int
    n_distinct: int  # values other than missing ones
    example: str  # the first value, as text
    low: float | None = None  # Least and greatest finite number
    high: float | None = None
    n_infinite: int = 0
    is_whole: bool = False  # numbers without a fraction
    is_counted: bool = False  # 0, 1, 2, ... or 1, 2, 3, ...
    is_date: bool = False  # numbers such as 20240131
    is_rounded: bool = False  # whole numbers that float64 does not tell apart
    transform: str | None = None  # value of data.transform that would take away a heavy skew
    words: tuple[tuple[str, int], ...] = ()  # commonest text, and how often it stands there
    advice: str | None = None  # what would make numbers of it
    seems_numeric: bool = False  # though it cannot be read as numbers
    is_row: bool = False  # a row that is none of the table keeps it from being read as numbers
    first_missing: int | None = None  # Positions in the rows that were looked at
    first_infinite: int | None = None
    unit: str | None = None
    title: str | None = None
    aside: str | None = None  # what the source says that it is, if no feature

    @property
    def is_constant(self) -> bool:
        """Whether there is one value, or none."""
        return self.n_distinct < 2

    @property
    def missing_share(self) -> float:
        """Share of the rows that have no value."""
        return self.n_missing / max(1, self.n_rows)


@dataclass(frozen=True)
class Look:
    """What stands in a table."""

    title: str
    rows: np.ndarray  # (N,) int64. The rows of the source that were looked at.
    n_rows: int  # of the source
    columns: tuple[Column, ...]
    absent: dict[str, np.ndarray]  # By column of numbers with gaps: (N / 8,) bits, 1 where missing
    has_labels: bool  # The source brings classes of its own.
    shape: tuple[int, ...] | None  # of the grid whose cells the rows are
    codes: tuple[Code, ...] = ()  # Numbers that seem to mean "missing", by position of their column
    #: By such a number: a column that has it among others like it, so that it may be a value there
    shared: Mapping[float, str] = field(default_factory=dict)
    #: What the reader says of text in columns that seem to be of numbers, where a row of it is the
    #: cause, or where no other column is a feature
    fault: str | None = None

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def count_incomplete(self, names: Sequence[str]) -> tuple[int, int]:
        """Return how many rows miss a value of some columns, and how many miss all of them."""
        found = {name: self.absent[name] for name in names if name in self.absent}
        # A column without any value makes no row incomplete.
        gaps = [bits for name, bits in found.items() if self[name].kind != "empty"]
        some = _count(np.bitwise_or, gaps)
        return some, _count(np.bitwise_and, found.values()) if len(found) == len(names) else 0


def _count(join: np.ufunc, gaps: Iterable[np.ndarray]) -> int:
    gaps = list(gaps)
    return int(np.bitwise_count(join.reduce(gaps, axis=0)).sum()) if gaps else 0


def look_at(source: Source, rows: np.ndarray | None = None) -> Look:
    """Look at all columns of an opened source, in some of its rows or in all.

    `rows`: (N,) int64, ascending. Raises DataError: the source cannot be read at all.
    """
    if rows is None:
        rows = np.arange(source.n_rows, dtype=np.int64)
    everything = list(range(len(source.names)))
    first = rows[:_FIRST_ROWS]
    numbers, texts = _split(source, everything, first)
    found: dict[int, Column] = {}
    absent: dict[str, np.ndarray] = {}
    codes: list[Code] = []
    for part in _blocks(numbers, len(rows)):
        block, failed = _split(source, part, rows)
        texts |= failed
        if not block:
            continue
        values = source.read(block, rows)
        codes += [code._replace(column=block[code.column]) for code in find_codes(values)]
        for column, column_values in zip(block, values.T, strict=True):
            found[column] = _look_at_numbers(source, column, column_values, rows)
            gaps = np.isnan(column_values)
            if gaps.any():
                absent[source.names[column]] = np.packbits(gaps)
    for column, fault in texts.items():
        found[column] = _look_at_text(source, column, rows[:LOOKED_ROWS], fault)
    columns = tuple(found[column] for column in everything)
    return Look(
        *(source.title, rows, source.n_rows, columns, absent, source.has_labels, source.shape),
        tuple(codes),
        _find_shared(source, rows, columns, codes),
        _find_fault(source, rows, columns),
    )


def _find_fault(source: Source, rows: np.ndarray, columns: Sequence[Column]) -> str | None:
    asked = [k for k, column in enumerate(columns) if column.is_row]
    if not asked and not any(find_role(c)[0] == "feature" and not c.n_infinite for c in columns):
        asked = [k for k, column in enumerate(columns) if column.seems_numeric]
    if not asked:
        return None
    try:
        source.read(asked, rows)
    except DataError as error:
        return str(error)
    return None


def _find_shared(
    source: Source, rows: np.ndarray, columns: Sequence[Column], codes: Sequence[Code]
) -> dict[float, str]:
    """Find columns in which what means "missing" in others stands among or near other numbers."""
    values = sorted({code.value for code in codes if code.is_plain})
    no_values = MissingValues(tuple(values))
    known = {(code.value, code.column) for code in codes}
    asked = {
        position: within
        for position, column in enumerate(columns)
        # Other columns come into results as they are.
        if column.low is not None and column.high is not None and find_role(column)[0] == "feature"
        if (
            within := [
                value
                for value in values
                if column.low <= value <= column.high and (value, position) not in known
            ]
        )
    }
    shared: dict[float, str] = {}
    for block in _blocks(list(asked), len(rows)):
        for position, found in zip(block, source.read(block, rows).T, strict=True):
            absent = no_values.in_numbers(found)
            others = found[np.isfinite(found) & ~absent] if absent is not None else found[:0]
            if not len(others):
                continue
            low, high = float(others.min()), float(others.max())
            near = _NEAR * (high - low)
            for value in asked[position]:
                has_it = MissingValues((value,)).in_numbers(found) is not None
                if has_it and low - near <= value <= high + near:
                    shared.setdefault(value, columns[position].name)
    return shared


def _blocks(columns: Sequence[int], n_rows: int) -> Iterator[Sequence[int]]:
    """Yield so many of some columns as are held at once."""
    width = max(1, _HELD // (8 * max(1, n_rows)))
    for start in range(0, len(columns), width):
        yield columns[start : start + width]


def _split(
    source: Source, columns: Sequence[int], rows: np.ndarray
) -> tuple[list[int], dict[int, str]]:
    """Split columns into those of numbers and those of text, with what reading these says.

    Halves are tried until a column is alone, so that a few of many columns cost little.
    """
    if not columns:
        return [], {}
    try:
        source.read(columns, rows)
    except DataError as error:
        if len(columns) == 1:
            return [], {columns[0]: str(error)}
        middle = len(columns) // 2
        left = _split(source, columns[:middle], rows)
        right = _split(source, columns[middle:], rows)
        return left[0] + right[0], left[1] | right[1]
    return list(columns), {}


def _about(source: Source, column: int) -> dict[str, Any]:
    name = source.names[column]
    unit = source.units.get(name)
    if unit is None and (named := _UNIT.fullmatch(name)):
        unit = named[1] or named[2]
        unit = unit if re.search(r"[^\W\d_]|[%°‰]", unit) else None  # and no range, such as (1-100)
    is_index = name == source.ids or (column == 0 and not name)
    aside = "names the rows" if is_index else source.asides.get(name)
    title = source.titles.get(name)
    return {"name": name, "unit": unit or None, "aside": aside, "title": title}


def _look_at_numbers(source: Source, column: int, values: np.ndarray, rows: np.ndarray) -> Column:
    gaps, infinite = np.isnan(values), np.isinf(values)
    finite = values[~(gaps | infinite)]
    known = values[~gaps]
    seen = dict(
        _about(source, column),
        n_rows=len(values),
        n_missing=int(gaps.sum()),
        n_infinite=int(infinite.sum()),
        first_missing=int(np.argmax(gaps)) if gaps.any() else None,
        first_infinite=int(np.argmax(infinite)) if infinite.any() else None,
    )
    if not len(known):
        return Column(kind="empty", n_distinct=0, example="", **seen)
    counts = finite[1:] - finite[:-1] == 1
    whole = bool(np.all(finite == np.floor(finite)))
    n_distinct, is_rounded = len(np.unique(known)), False
    is_large = whole and len(finite) and np.abs(finite).max() > LARGEST_WHOLE
    if is_large and (exact := read_whole(source, column, rows[~gaps])):
        n_distinct = len(set(exact))
        is_rounded = describe_rounded(min(exact), max(exact)) is not None
    return Column(
        kind="number",
        n_distinct=n_distinct,
        is_date=are_dates(finite),
        is_rounded=is_rounded,
        example=format_number(known[0]),
        low=float(finite.min()) if len(finite) else None,
        high=float(finite.max()) if len(finite) else None,
        is_whole=whole,
        is_counted=whole and len(finite) > 2 and finite[0] in (0, 1) and bool(counts.all()),
        transform=_find_transform(finite),
        **seen,
    )


def _find_transform(values: np.ndarray) -> str | None:
    """Name what makes a heavily skewed feature even: log, or asinh where not all is positive."""
    values = values[:LOOKED_ROWS].astype(np.float64)
    if len(values) < 20 or len(np.unique(values)) < 10:
        return None
    heavy = abs(_skewness(values))
    if heavy < 2:
        return None
    if values.min() > 0:
        name, changed = "log", np.log(values)
    else:
        width = float(f"{np.median(np.abs(values)) or 1.0:.1g}")
        name, changed = f"{{asinh: {width:g}}}", np.arcsinh(values / width)
    return name if abs(_skewness(changed)) < heavy / 2 else None


def _skewness(values: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        centred = values - values.mean()
        found = np.mean(centred**3) / np.mean(centred**2) ** 1.5
    return float(found) if np.isfinite(found) else 0.0


def _look_at_text(source: Source, column: int, rows: np.ndarray, fault: str) -> Column:
    read = list(source.read_column(column, rows))
    entries = [None if _is_absent(entry) else entry for entry in read]
    known = [entry for entry in entries if entry is not None]
    texts = [_as_text(entry) for entry in known]
    counted = Counter(texts)
    strange = Counter(text for text in texts if not is_number(text))
    seen = dict(
        _about(source, column),
        n_rows=len(rows),
        n_missing=len(entries) - len(known),
        n_distinct=len(counted),
        example=texts[0] if texts else "",
        first_missing=entries.index(None) if len(known) < len(entries) else None,
    )
    if not texts:
        return Column(kind="empty", **seen)
    # Numbers of telephones may begin with a zero, as groups of digits never do.
    is_code = any(_CODE.fullmatch(text) for text in texts)
    advice = None if is_code else _advice_in(fault)
    is_row = not fault.startswith(f"{source.title}: feature ")
    if is_row:
        advice = fault.removeprefix(f"{source.title}: ")
    mixed = 0 < strange.total() < (1 - _MOSTLY) * len(texts)
    is_date = all(map(_is_date, known[:100]))
    is_read = advice is not None and "set " in advice  # once an option is set
    kind = "date" if is_date else "mixed" if mixed or is_read else "text"
    words = (strange if mixed else counted).most_common(5)
    is_complex = isinstance(known[0], complex | np.complexfloating)
    seems_numeric = mixed or is_complex or (advice is not None and _seem_numeric(texts))
    return Column(
        kind=kind,
        words=tuple(words),
        advice=advice,
        seems_numeric=seems_numeric and not is_date and seen["aside"] is None,
        is_row=is_row,
        **seen,
    )


def _seem_numeric(texts: Sequence[str]) -> bool:
    """Tell whether most of some texts are numbers, or would be if they were written otherwise."""

    def seems(text: str) -> bool:
        advice = advise(text, ReadOptions()) if any(map(str.isdigit, text)) else None
        return advice is not None and not advice.startswith("it is a date")

    looked = texts[:_SEEN]
    return sum(is_number(text) or seems(text) for text in looked) > _MOSTLY * len(looked)


def _advice_in(fault: str) -> str | None:
    """Return what an error about text says to do about it; None where it is no number at all."""
    _, found, advice = fault.partition(" in a numeric column; ")
    return advice if found and "data.label" not in advice else None


def _is_absent(entry: Any) -> bool:
    if entry is None or (isinstance(entry, float | np.floating) and np.isnan(entry)):
        return True
    return isinstance(entry, str | bytes) and not _as_text(entry)


def _as_text(entry: Any) -> str:
    if isinstance(entry, bytes):
        return entry.decode("utf-8", errors="replace").strip()
    return str(entry).strip()


def is_number(text: str) -> bool:
    """Tell whether text is a number with a decimal point."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_date(entry: Any) -> bool:
    if isinstance(entry, datetime.date | datetime.time | np.datetime64):
        return True
    text = _as_text(entry)
    if _DATE.fullmatch(text):
        return True
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return False
    return not text.isdigit()


def _words_of(name: str) -> list[str]:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[\W\d_]+", apart.lower()) if word]


def _has_few(column: Column) -> bool:
    """Tell whether a column has few values, each of which could be one of many rows."""
    return 2 <= column.n_distinct <= min(_FEW, (column.n_rows - column.n_missing) // 2)


def _role_of_number(column: Column) -> str:
    """Return what a column of numbers is by its name: date, coordinate, class, group or feature.

    Of `reaction_time`, `day_length` and `long_axis` one word alone says less than the others, and
    what `sample_mass` is its last word says.
    """
    words = _words_of(column.name)
    most = {word for word in words if len(word) > 2} or set(words)
    for role, known in (("date", _TIMES), ("coordinate", _PLACES)):
        if set(words) & (known - _AMBIGUOUS) or (most and most <= known):
            return role
    head = ([word for word in words if word not in _IDS | {"code"}] or words or [""])[-1]
    if column.is_whole and _has_few(column) and head in (_CLASSES | _GROUPS) - _SIZES:
        return "class" if head in _CLASSES else "group"
    return "feature"


def find_role(column: Column) -> tuple[str, str]:
    """Return what a column could be, and why where that needs a word.

    It is a feature, constant, identifier, class, group, class or group, date, coordinate, text
    or other, where the source says so or its numbers are none that can be computed with.
    """
    words, rows = set(_words_of(column.name)), column.n_rows - column.n_missing
    if column.kind == "empty":
        return "constant", "no value at all"
    if column.is_constant:
        return "constant", f"{column.example} alone"
    if column.aside is not None:
        known = {"names the rows": "identifier", "a coordinate": "coordinate", INDEX: "identifier"}
        return known.get(column.aside, "other"), column.aside
    if column.kind == "date":
        return "date", ""
    if column.kind == "mixed":
        return "text", describe_mixture(column)
    if column.kind == "text":
        if column.n_distinct == rows and column.n_missing == 0:
            return "identifier", ""
        if _has_few(column):
            return (
                "class" if words & _CLASSES else "group" if words & _GROUPS else "class or group"
            ), ""
        return ("identifier" if words & _IDS else "text"), ""
    if column.is_rounded:
        role = "identifier" if column.n_distinct == rows else "other"
        return role, "whole numbers that float64 does not tell apart"
    distinct = column.n_distinct == rows and column.is_whole
    if distinct and (column.is_counted or words & _IDS):
        return "identifier", "numbers the rows" if column.is_counted else ""
    if column.is_date:
        return "date", ""
    role = _role_of_number(column)
    if role == "feature" and column.n_infinite:
        return role, f"{column.n_infinite} infinite values"
    return role, ""


def describe_mixture(column: Column) -> str:
    """Say what stands among the numbers of a column."""
    count = sum(count for _, count in column.words)
    if count >= column.n_rows - column.n_missing:
        return f"numbers such as {column.example!r}"
    return f"numbers, but for {_quoted(column.words)}"


def _quoted(words: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{shorten(word)!r} ({count})" for word, count in words[:3])


def shorten(text: str, length: int = 24) -> str:
    """Cut long text."""
    return text if len(text) <= length else text[: length - 1] + "…"


def format_number(value: float) -> str:
    """Write a number in six digits."""
    return f"{value:.6g}"


def describe_values(column: Column) -> str:
    """Say which values a column has."""
    if column.kind == "empty":
        return ""
    if column.low is not None and column.high is not None:
        unit = f" {column.unit}" if column.unit else ""
        low, high = format_number(column.low), format_number(column.high)
        if low == high:
            low, high = f"{column.low:.15g}", f"{column.high:.15g}"
        return f"{low} to {high}{unit}"
    repeats = column.words and column.words[0][1] > 1
    if column.kind in ("text", "mixed") and column.n_distinct <= _FEW and repeats:
        return _quoted(column.words) + (", ..." if column.n_distinct > 3 else "")
    return repr(shorten(column.example))


def tabulate(look: Look) -> Iterator[str]:
    """Yield the lines of a table of the columns; of very many features the first ones."""
    lines = [("column", "type", "values", "distinct", "missing", "example", "could be")]
    features = 0
    for column in look.columns:
        role, reason = find_role(column)
        features += role == "feature"
        if role == "feature" and features > _SHOWN_FEATURES:
            continue
        missing = f"{column.n_missing} ({column.missing_share:.1%})" if column.n_missing else "0"
        lines.append(
            (
                shorten(column.name, 40) or "(no name)",
                column.kind,
                describe_values(column),
                str(column.n_distinct),
                missing,
                shorten(column.example, 16),
                role + (f": {reason}" if reason else ""),
            )
        )
    widths = [max(map(_width, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell + " " * (n - _width(cell)) for cell, n in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()
    if features > _SHOWN_FEATURES:
        yield f"and {features - _SHOWN_FEATURES} more features"
    if len(look.rows) > LOOKED_ROWS:
        yield f"text: of the first {LOOKED_ROWS} rows"


def _width(text: str) -> int:
    """Return the columns that text takes on a terminal, where Chinese letters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@contextlib.contextmanager
def listen() -> Iterator[list[str]]:
    """Give the warnings that the library logs in a block, each once, and nowhere else."""
    said: dict[str, None] = {}
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.setdefault(record.getMessage())  # type: ignore[method-assign]
    logger, texts = logging.getLogger("kohorte"), list[str]()
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield texts
    finally:
        texts += said
        logger.removeHandler(handler)
        logger.propagate = propagate
