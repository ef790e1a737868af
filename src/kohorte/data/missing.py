"""What says that a value is missing: words in text, and numbers that a table uses for it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

#: Text that says "no value here", lower case: of pandas, R, databases, spreadsheets (with the
#: names that errors have in German) and statistical packages. Blanks around it do not count.
MARKERS = frozenset(
    {"", "-", "--", "---", "?", "na", "<na>", "n/a", "nan", "-nan", "nat", "null", "none"}
    | {"(null)", "<null>", "\\n", "#na", "#n/a", "#n/a n/a", "#nv"}
    | {"1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"}
    | {"#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!", "#spill!", "#calc!", "#error!"}
    | {"#wert!", "#bezug!", "#zahl!", "#err"}
)

#: A point is missing in SAS and Stata, also with the letter that says why.
_POINT = re.compile(r"\.[a-z_]?")

_PLUS = re.compile(r"[+/-]*\+[+/-]*")

#: Numbers beyond this are compared as float32, which most formats with fill values hold.
_ONLY_SINGLE = 1e15


def is_marker(text: str) -> bool:
    """Tell whether text says that a value is missing."""
    word = text.strip().lower()
    return word in MARKERS or _POINT.fullmatch(word) is not None


@dataclass(frozen=True)
class MissingValues:
    """Which values of a table are missing, beside NaN, nulls and the usual markers.

    `values`: numbers, which are compared as numbers, and text, in which case does not count.
    `not_missing`: text that is the name of a class, though it looks like a marker.
    """

    values: Sequence[float | str] = ()
    not_missing: Sequence[str] = ()
    numbers: tuple[float, ...] = field(init=False)
    words: frozenset[str] = field(init=False)
    classes: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        numbers = [number for value in self.values if (number := _as_number(value)) is not None]
        words = [value for value in self.values if isinstance(value, str)]
        object.__setattr__(self, "numbers", tuple(numbers))
        object.__setattr__(self, "words", _fold(words))
        object.__setattr__(self, "classes", _fold(self.not_missing))

    def is_missing(self, text: str) -> bool:
        """Tell whether the text of a column of numbers says that a value is missing."""
        return is_marker(text) or text.strip().lower() in self.words

    def in_numbers(self, values: np.ndarray) -> np.ndarray | None:
        """Tell which of the numbers are missing, NaN apart; None where none is.

        Numbers are compared in the type of `values`. Those that went through float32 on the way
        into float64 are recognized, too, as are fill values that were written with fewer digits.
        """
        found = None
        for number in self.numbers:
            same = _equal(values, number)
            if same.any():
                found = same if found is None else found | same
        return found

    def in_text(self, text: str) -> bool:
        """Tell whether the text of a column of classes or names says that it has none."""
        word = text.strip().lower()
        if word in self.classes:
            return False
        if self.is_missing(text):
            return True
        number = _as_number(word) if self.numbers else None
        return number is not None and number in self.numbers

    def mask(self, values: np.ndarray, report: Callable[[Counter[str]], None]) -> np.ndarray:
        """Return a column with NaN, or None in text, where a value is missing.

        `report` is told which words were taken for markers, and how often.
        """
        if values.dtype.kind in "iuf":
            absent = self.in_numbers(values)
            if absent is None:
                return values
            whole = values.dtype.kind != "f" and np.abs(values.astype(float)).max() > 2.0**53
            out = values.astype(object if whole else np.promote_types(values.dtype, np.float32))
            out[absent] = None if whole else np.nan
            return out
        if values.dtype.kind not in "SUO":
            return values
        out = values.astype(object)
        texts = [_text(value) for value in out.tolist()]
        # A plus beside it, as + or +/-, makes a minus one of the classes.
        has_plus = any(text is not None and _PLUS.fullmatch(text.strip()) for text in texts)
        signs = {"-", "--", "---"} if has_plus else set()
        seen: dict[str, bool] = {}
        words: Counter[str] = Counter()
        for index, text in enumerate(texts):
            if text is None:
                continue
            if text not in seen:
                seen[text] = text.strip() not in signs and self.in_text(text)
            if seen[text]:
                out[index] = None
                if word := text.strip():
                    words[word] += 1
        if words:
            report(words)
        return out


def _text(value: Any) -> str | None:
    """Return the text of an entry of an object column; None for what is no text, or broken."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return None
    if isinstance(value, str):
        return value
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return repr(float(value)) if is_number else None


def _fold(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(text.strip().lower() for text in texts)


def _as_number(value: float | str) -> float | None:
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(number) or (isinstance(value, str) and "_" in value) else number


def _equal(values: np.ndarray, number: float) -> np.ndarray:
    with np.errstate(over="ignore"):
        single = np.float32(number)
    if np.isinf(single) and not math.isinf(number):
        single = np.float32(np.nan)
    if values.dtype.kind == "f" and values.dtype.itemsize < 8:
        return np.asarray(values == single)
    same = np.asarray(values == number)
    if float(single) != number:
        same |= values == float(single)
    if abs(number) >= _ONLY_SINGLE and values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            same |= values.astype(np.float32) == single
    return same


#: So few rows say nothing about what a column is.
_FEW_ROWS = 10


class Code(NamedTuple):
    """A number that looks as if it meant "missing" in a column."""

    value: float
    column: int
    times: int
    low: float  # of all other values of the column
    high: float
    is_plain: bool = True  # so far from the others that it can hardly mean anything else


#: Rows that are looked at for how many other values there are.
_LOOKED_AT = 10_000
_MOST_CODES = 6


def find_codes(values: np.ndarray) -> list[Code]:
    """Find numbers that repeat far outside of all others of their column, as -9999 does.

    `values` (N, F): NaN where missing. Such a number has the form of a code: nines, a large power
    of ten, the limit of a type, the fill value of a format. Below the others, it is as far from
    them as they span, or they are not negative; above, twice as far, since counts and scores end
    with a cap; among whole numbers a limit of their type, as 255, a tenth as far. So is -1 where it
    alone is negative, and the others are many and mostly large. One that is found in one column
    need not repeat in others.
    """
    found: list[Code] = []
    if len(values) < 4:
        return found
    lows, highs = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    suspects = [
        column
        for column in range(values.shape[1])
        if lows[column] == -1 or _is_code(float(lows[column])) or _is_code(float(highs[column]))
    ]
    single: list[Code] = []
    for column in suspects:
        for code in _codes_of(values[:, column], column):
            (found if code.times > 1 else single).append(code)
    known = {code.value for code in found}
    found += [code for code in single if code.value in known]
    return sorted(found, key=lambda code: (code.value, code.column))


def describe_codes(codes: Sequence[Code], names: Sequence[str], section: str) -> list[str]:
    """Say of each such number where it is, how often, and which key declares it."""
    messages = []
    for value in dict.fromkeys(code.value for code in codes):
        own = [code for code in codes if code.value == value]
        shown = [
            f"{names[code.column]!r} {'once' if code.times == 1 else f'{code.times} times'}, the "
            f"others {code.low:g} to {code.high:g}"
            for code in own[:_MOST_CODES]
        ]
        more = [f"and {len(own) - _MOST_CODES} more features"] if len(own) > _MOST_CODES else []
        messages.append(
            f"the value {show_number(value)} is "
            f"{'the only negative one' if value == -1 else 'far from all others'}: feature "
            f"{'; '.join([*shown, *more])}; where it means missing, set "
            f"{section}missing_values: [{show_number(value)}]"
        )
    return messages


def show_number(value: float) -> str:
    """Write a number as YAML reads it: whole without a point, with a point before an exponent."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    text = repr(float(value))
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{mark}{exponent}"


def find_no_measure(column: np.ndarray, rows: np.ndarray) -> str | None:
    """Say what whole numbers of a column are that measure nothing; None where nothing shows it.

    They number the rows, or are dates such as 20240131.

    `column`, `rows` (N,): NaN where missing, and rows of the source.
    """
    if len(column) < _FEW_ROWS:
        return None
    first = column[0] - rows[0]
    if all((column[part] - rows[part] == first).all() for part in _parts_of(column)):
        return (
            "numbers the rows, so neighbours in the table come into one group; name it in data.id, "
            "or leave it out of data.features"
        )
    if are_dates(column):
        return (
            f"seems to be dates written as numbers, such as {column[0]:.0f}, which are not evenly "
            "spaced; name it in data.id or data.carry, or give days since the first"
        )
    return None


def find_summary(values: np.ndarray) -> str | None:
    """Tell whether the last row of a table (N, F) is the "sum" or the "mean" of all others.

    It is that to rounding, in all features that are not 0 throughout and that it has a value of,
    two at least. A sum is above what it is of in two of them. Means are known in features of many
    values alone, as designed experiments have rows in their middle. Large tables have no such row.
    """
    n_rows = len(values) - 1
    if not 3 <= n_rows <= _MOST_SUMMED:
        return None
    used = ~np.isnan(values[-1]) & (np.fmax.reduce(np.abs(values[:-1]), axis=0) > 0)
    if np.count_nonzero(used) < 2:
        return None
    others, last = values[:-1, used].astype(np.float64), values[-1, used].astype(np.float64)
    most = np.nanmax(np.abs(others), axis=0)
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers near the largest
        sums, means = np.nansum(others, axis=0), np.nanmean(others, axis=0)
        by_sums = np.abs(last - sums) <= _SUMMED * np.abs(sums) + _EXACT * n_rows * most
        near = _AVERAGED * np.nanstd(others, axis=0) + _EXACT * most
        by_means = np.abs(last - means) <= near
    if by_sums.all() and np.count_nonzero(np.abs(last) > most) > 1:
        return "sum"
    n_varied = sum(len(np.unique(column[~np.isnan(column)])) >= _FEW_ROWS for column in others.T)
    return "mean" if by_means.all() and n_varied > 1 else None


#: Rows above which no one adds a row of sums, and how far it is from these: as a part of them where
#: they are of rounded numbers, or of the standard deviation, or as float64 rounds.
_MOST_SUMMED = 100_000
_SUMMED, _AVERAGED, _EXACT = 1e-3, 0.01, 1e-12


def are_dates(column: np.ndarray) -> bool:
    """Tell whether the numbers of a column (N,), all of them, are dates such as 20240131."""
    return (
        len(column) >= _FEW_ROWS
        and all(_are_dates(column[part]) for part in _parts_of(column))
        and bool((column != column[0]).any())
    )


def _parts_of(column: np.ndarray) -> list[slice]:
    # The first rows tell for nearly all columns.
    starts = range(0, len(column), _LOOKED_AT)
    return [slice(0, _FEW_ROWS), *(slice(start, start + _LOOKED_AT) for start in starts)]


def _are_dates(values: np.ndarray) -> bool:
    months, days = values // 100 % 100, values % 100
    fits = (values >= 19000101) & (values < 21000000) & (months >= 1) & (months <= 12)
    return bool((fits & (days >= 1) & (days <= 31) & (days == np.floor(days))).all())


def _codes_of(column: np.ndarray, index: int) -> list[Code]:
    present = column[~np.isnan(column)]
    codes: list[tuple[float, int]] = []
    rest = present
    # Codes stand outside of each other, so they are taken off from the ends.
    while rest.size and len(codes) < _MOST_CODES:
        low, high = rest.min(), rest.max()
        end = max((low, high), key=lambda value: (_is_code(float(value)), abs(value)))
        if not _is_code(float(end)):
            if low != -1:
                break
            end = low
        codes.append((float(end), int(np.count_nonzero(rest == end))))
        rest = rest[rest != end]
    if len(np.unique(rest[:_LOOKED_AT])) < 3:
        return []
    low, high = float(rest.min()), float(rest.max())
    are_whole = bool((rest[:_LOOKED_AT] == np.floor(rest[:_LOOKED_AT])).all())
    return [
        Code(
            *(_written(value, column.dtype), index, count, low, high),
            value != -1 and _is_far(value, low, high, False),
        )
        for value, count in codes
        if _is_far(value, low, high, are_whole and count > 1)
        and (value != -1 or _is_alone(rest[:_LOOKED_AT], count))
    ]


def _is_far(value: float, low: float, high: float, is_whole: bool) -> bool:
    if value < low:
        return low >= 0 or low - value >= high - low
    spans = 0.1 if is_whole and value in _LIMITS else 2
    return value > high and value - high >= spans * (high - low)


def _is_alone(others: np.ndarray, count: int) -> bool:
    """Tell whether -1 is no number like the others: it repeats, and few of these are near."""
    return count > 1 and len(np.unique(others)) >= _FEW_ROWS and float(np.median(others)) >= 5


def _written(value: float, dtype: np.dtype) -> float:
    """Return the number as a person writes it: 1e20, where float32 holds 100000002004087734272."""
    return float(str(np.float32(value))) if dtype == np.float32 else value


#: Limits of types, without their signs.
_LIMITS = {255, *(2**bits - 1 for bits in (15, 16, 31, 32, 63)), *(2**b for b in (15, 31, 63))}


def _is_code(value: float) -> bool:
    """Tell whether a number has the form of a code for missing values."""
    size = abs(value)
    if not 9 < size < math.inf:
        return False
    # Fill values of NetCDF and of rasters, such as the largest float32, are larger still.
    if size >= 1e30 or size in _LIMITS:
        return True
    digits, _, exponent = f"{size:.6e}".partition("e")
    digits = digits.replace(".", "").rstrip("0")
    # Nines; where a table has several codes, also numbers beside them, as 998, eights and sevens.
    if re.fullmatch(r"99+|99+[678]|888+|777+", digits):
        return True
    return digits == "1" and int(exponent) >= (5 if value < 0 else 10)
