"""Numbers in text: decimal marks, exponents, words for true and false, limits of detection."""

from __future__ import annotations

import json
import logging
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from numbers import Real

import numpy as np
import numpy.typing as npt

from kohorte._text import yaml_name
from kohorte.data.reading import ReadOptions
from kohorte.errors import DataError

_LOG = logging.getLogger(__name__)

#: What a column of words says, lower case; those of one pair alone are one column of 1 and 0.
_TRUTH = {
    **dict.fromkeys(("true", "t", "yes", "y"), 1.0),
    **dict.fromkeys(("false", "f", "no", "n"), 0.0),
}
_PAIRS = (("true", "false"), ("t", "f"), ("yes", "no"), ("y", "n"))
_PAIR = {word: number for number, pair in enumerate(_PAIRS) for word in pair}

#: Fortran writes 1.5D+02, and leaves out the letter where the exponent has three digits.
_FORTRAN = re.compile(r"([+-]?(?:\d+\.\d*|\.\d+))(?:[dDqQ]([+-]?\d+)|([+-]\d{3}))")
_BELOW = re.compile(r"(?:<|<=|≤)\s*(.+)")
_ABOVE = re.compile(r"(?:>|>=|≥)\s*\d")
#: Digits before the first mark of groups; 0,125 is no number of groups, but has a decimal comma.
_LEADING = r"[+-]?[1-9]\d{0,2}"
_GROUPS = {mark: re.compile(rf"{_LEADING}(?:[{mark}]\d{{3}})+") for mark in ".,"}
#: Blanks that typesetters and spreadsheets put between groups of digits, or a minus.
_TYPESET = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'", "−": "-"})

BELOW_DETECTION = ("error", "half", "limit", "missing")
THOUSANDS = (".", ",", " ", "'")

_MOST_KNOWN = 100_000
_MOST_SHOWN = 12
_MOST_NAMED = 200

_Found = tuple[str, float]  # "number", "missing", "below", "text" or the number of a pair; value


class NumberReader:
    """Turns columns of text into numbers, block by block, as the options of a table say."""

    def __init__(self, n_columns: int, options: ReadOptions) -> None:
        self._options, self._missing = options, options.missing_rules
        self._grouped = re.compile(
            rf"{_LEADING}(?:[{options.thousands}]\d{{3}})+(?:[{options.decimal}]\d*)?"
        )
        self._known: dict[str, _Found] = {}
        self._pairs: list[Counter[str]] = [Counter() for _ in range(n_columns)]
        self._below = np.zeros(n_columns, dtype=np.int64)

    def convert(self, tokens: list[str]) -> npt.NDArray[np.float64]:
        """Return the numbers of whole rows of text, NaN where missing; ValueError for other text.

        `tokens`: of the first row, then of the second, and so on.
        """
        plain = tokens
        joined = "".join(tokens)
        # float() takes 1_000 for a number, which is text in a data file.
        is_plain = "_" not in joined
        if self._options.decimal == ",":
            is_plain &= "." not in joined
            plain = [token.replace(",", ".") for token in tokens]
        if is_plain:
            with suppress(ValueError):
                return np.fromiter(map(float, plain), np.float64, len(plain))
        # Slower, so only for blocks that need it. Most of their entries are numbers as well.
        width = len(self._pairs)
        if is_plain:
            return np.array(
                [
                    number
                    if (number := _as_float(text)) == number
                    else self._convert(token, i % width)
                    for i, (text, token) in enumerate(zip(plain, tokens, strict=True))
                ]
            )
        return np.array([self._convert(token, i % width) for i, token in enumerate(tokens)])

    def find_mixed(self, out: np.ndarray) -> list[int]:
        """Return the columns of the whole table that mix words for true and false with others."""
        return [
            column
            for column, pairs in enumerate(self._pairs)
            if pairs
            and (
                len(pairs) > 1
                or pairs.total() + np.count_nonzero(np.isnan(out[:, column])) < len(out)
            )
        ]

    def notes(self, names: Sequence[str]) -> list[str]:
        """Say what text was taken for which numbers, by column."""
        notes = []
        for name, pairs in zip(names, self._pairs, strict=True):
            for pair in pairs:
                true, false = _PAIRS[int(pair)]
                notes.append(f"feature {name!r}: {true!r} is 1, {false!r} is 0")
        what = {"half": "half of their limit", "limit": "their limit", "missing": "missing"}
        for name, count in zip(names, self._below.tolist(), strict=True):
            if count:
                done = what[self._options.below_detection]
                notes.append(
                    f"feature {name!r}: {count} values below detection, such as '<0.5', are {done}"
                )
        return notes

    def classify(self, token: str) -> str:
        """Tell what text is: "number", "missing", "text", or the pair of words that it is from."""
        kind = self._look_up(token)[0]
        return "number" if kind == "below" else kind

    def value(self, token: str) -> float | None:
        """Return the number that text says, NaN where it is called so; None for other text."""
        if self._options.decimal == "." and "_" not in token:
            with suppress(ValueError):
                return float(token)
        number = self._number(token.strip())
        if number is None:
            kind, value = self._look_up(token)
            return value if kind == "below" else None
        return number

    def _convert(self, token: str, column: int) -> float:
        kind, value = self._look_up(token)
        if kind == "text":
            raise ValueError(token)
        if kind == "below":
            self._below[column] += 1
        elif kind not in ("number", "missing"):
            self._pairs[column][kind] += 1
        return value

    def _look_up(self, token: str) -> _Found:
        found = self._known.get(token)
        if found is None:
            found = self._find(token)
            if len(self._known) < _MOST_KNOWN:
                self._known[token] = found
        return found

    def _find(self, token: str) -> _Found:
        text = token.strip()
        # A number may be named as text: then it is missing, which is found by its value.
        value = self._number(text)
        if value is not None:
            return "missing" if math.isnan(value) else "number", value
        if self._missing.is_missing(text):
            return "missing", math.nan
        word = text.lower()
        if word in _PAIR:
            return str(_PAIR[word]), _TRUTH[word]
        below, how = _BELOW.fullmatch(text), self._options.below_detection
        limit = None if below is None or how == "error" else self._number(below[1])
        # Half of a limit below zero lies above it.
        if limit is None or (how == "half" and limit < 0):
            return "text", math.nan
        return "below", {"half": limit / 2, "limit": limit, "missing": math.nan}[how]

    def _number(self, text: str) -> float | None:
        text = text.translate(_TYPESET)
        mark = self._options.thousands
        if mark is not None and self._grouped.fullmatch(text):
            text = text.replace(mark, "")
        if self._options.decimal == ",":
            text = text.replace(",", ".") if "." not in text else ""
        if fortran := _FORTRAN.fullmatch(text):
            text = f"{fortran[1]}e{fortran[2] or fortran[3]}"
        if "_" in text:
            return None
        with suppress(ValueError):
            return float(text)
        return None


def _as_float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


@dataclass
class Survey:
    """What one column of text holds, for the message about a table that is not all numbers."""

    name: str
    reader: NumberReader
    options: ReadOptions
    n_numbers: int = 0
    n_texts: int = 0
    text: str = ""  # The first that is no number
    row: int = -1
    advice: str | None = None
    advised: set[str] = field(default_factory=set)
    pairs: dict[str, tuple[str, int]] = field(default_factory=dict)

    def add(self, tokens: Sequence[str], rows: Sequence[int]) -> None:
        """Look at some more entries, given their rows in the source."""
        for token, row in zip(tokens, rows, strict=True):
            kind = self.reader.classify(token)
            if kind == "number":
                self.n_numbers += 1
            elif kind == "text":
                self._take(token, row)
                self.n_texts += 1
            elif kind != "missing":
                self.pairs.setdefault(kind, (token, row))
        # Words for true and false are text where other values stand beside them.
        if self.pairs and (self.n_numbers or self.n_texts or len(self.pairs) > 1):
            self._take(*min(self.pairs.values(), key=lambda found: found[1]))

    def _take(self, token: str, row: int) -> None:
        if self.row < 0 or row < self.row:
            self.text, self.row = token, row
        # A later entry may tell what the column is: 1,5 among words for missing values, or 1,25
        # after 1,234, which may be a number with a decimal comma or with groups of digits.
        is_open = self.advice is None or _EITHER in self.advice
        if is_open and token not in self.advised:
            self.advised |= {token} if len(self.advised) < _MOST_KNOWN else set()
            advice = advise(token, self.options)
            is_better = self.advice is None or (advice is not None and _EITHER not in advice)
            self.advice = advice if is_better else self.advice

    def advise(self) -> str | None:
        """Say what makes the column one of numbers; None where it is one of text."""
        if self.advice is not None or self.n_numbers <= 4 * self.n_texts:
            return self.advice
        return (
            f"correct it, leave the row out, or, where it means a missing value, set "
            f"{self.options.section}missing_values: [{_quote(self.text.strip())}]"
        )


def convert_texts(
    title: str,
    names: Sequence[str],
    texts: Mapping[int, Sequence[object]],
    rows: np.ndarray,
    out: np.ndarray,
    options: ReadOptions,
    place: Callable[[int], str],
) -> None:
    """Fill columns of a table of numbers from text, as in a text file; DataError if it is none.

    `names`: of all columns of `out`, (rows, columns); `texts`: of some of them, by position, their
    entries: text or bytes, None for a gap, or numbers, which stay as they are.
    """
    shared = NumberReader(0, options)
    surveys = [Survey(name, shared, options) for name in names]
    for k, entries in texts.items():
        numbers = NumberReader(1, options)
        is_number = [isinstance(entry, Real) for entry in entries]
        out[is_number, k] = [entry for entry in entries if isinstance(entry, Real)]
        other = [index for index, known in enumerate(is_number) if not known]
        tokens = [_as_token(entries[index]) for index in other]
        try:
            out[other, k] = numbers.convert(tokens)
            is_text = bool(numbers.find_mixed(out[:, [k]]))
        except ValueError:
            is_text = True
        if is_text:
            surveys[k].n_numbers += len(entries) - len(tokens)
            surveys[k].add(tokens, rows[other].tolist())
        for note in [] if is_text else numbers.notes([names[k]]):
            _LOG.info("%s: %s", title, note)
    if any(survey.row >= 0 for survey in surveys):
        raise not_numbers(title, surveys, options, place)


def _as_token(entry: object) -> str:
    if isinstance(entry, bytes):
        return entry.decode("utf-8", "replace")
    return "" if entry is None else str(entry)


def not_numbers(
    title: str, surveys: Sequence[Survey], options: ReadOptions, place: Callable[[int], str]
) -> DataError:
    """Make the error for a table whose columns, as surveyed, are not all numbers."""
    faults = [survey for survey in surveys if survey.row >= 0]
    first = min(faults, key=lambda survey: survey.row)
    if strange := _strange_row(faults, len(surveys)):
        return DataError(f"{title}: {place(first.row)}: {strange}")
    head = (
        f"{title}: feature {first.name!r}, {place(first.row)}: text {first.text!r} in a numeric "
        "column"
    )
    advice = first.advise()
    if len(faults) == 1 and advice is not None:
        return DataError(f"{head}; {advice}")
    parts = [head if advice is None else f"{head}; {advice}"]
    if len(faults) > 1:
        shown = [_describe(survey, advice) for survey in faults[:_MOST_SHOWN]]
        more = f" and {len(faults) - _MOST_SHOWN} more" if len(faults) > _MOST_SHOWN else ""
        parts.append(
            f"{len(faults)} of {len(surveys)} columns are not numbers: {', '.join(shown)}{more}"
        )
    if any(survey.advise() is None for survey in faults):
        parts.append(choose_numbers([s.name for s in surveys if s.row < 0 and s.name], options))
    return DataError("; ".join(parts))


#: Text that may be a unit, in brackets or not.
_UNIT_LIKE = re.compile(
    r"[(\[]?\s*[^\W\d_%°‰$€£¥]?[^\W\d_][^\s\d#]{0,9}[-\d]{0,2}\s*[)\]]?|[(\[]?[%°‰$€£¥].{0,8}"
)


def _strange_row(faults: Sequence[Survey], n_columns: int) -> str | None:
    """Say what a single row of text in a table of numbers is; None where that is not known."""
    alone = all(fault.n_texts == 1 and fault.n_numbers for fault in faults)
    if not alone or len({fault.row for fault in faults}) > 1 or 2 * len(faults) < n_columns:
        return None
    if all(fault.text.strip() == fault.name for fault in faults):
        return "holds the names of the columns again; remove the line"
    if faults[0].row == 0 and all(
        fault.advice is None and _UNIT_LIKE.fullmatch(fault.text.strip()) for fault in faults
    ):
        shown = faults[:_MOST_SHOWN]
        units = ", ".join(f"{yaml_name(f.name)}: {_quote(f.text.strip(' ()[]'))}" for f in shown)
        return (
            f"seems to hold the units of the columns ({', '.join(f.text for f in shown)}); remove "
            f"the line, and say them by data.units: {{{units}}}"
        )
    return None


def choose_numbers(numeric: Sequence[str], options: ReadOptions) -> str:
    """Say how to choose the numeric columns of a table, and what becomes of its text."""
    if options.features is not None:
        keep = "leave columns of text out of data.features"
    elif not numeric:
        keep = "no other column holds numbers"
    elif len(numeric) > _MOST_NAMED:
        keep = f"name the {len(numeric)} numeric columns in data.features"
    else:
        keep = f"choose the numeric columns by data.features: {yaml_list(numeric)}"
    return (
        f"{keep}; a column of names can be data.id, one of classes data.label, and categories "
        "become features as columns of 0 and 1, one for each"
    )


def yaml_list(names: Sequence[str]) -> str:
    """Write names as a list that can be put into a YAML file as it is."""
    return f"[{', '.join(map(yaml_name, names))}]"


def advise(token: str, options: ReadOptions) -> str | None:
    """Say which option makes a number of text; None where none does."""
    text, key = token.strip().translate(_TYPESET), options.section
    inner = below[1] if (below := _BELOW.fullmatch(text)) else None
    if inner is not None and _looks_numeric(inner):
        below_zero = ", as half of a limit below zero lies above it" if inner[0] == "-" else ""
        choice = "limit or missing" if below_zero else "half, limit or missing"
        how = f"set {key}below_detection to {choice}{below_zero}"
        mark = _advise_marks(inner, options)
        return f"it is below a limit of detection: {how}{f', and {mark}' if mark else ''}"
    if _ABOVE.match(text):
        return f"it is above a limit: write a number, or set {key}missing_values: [{_quote(text)}]"
    group = options.thousands
    if group is not None and group in ".," and re.fullmatch(rf"[+-]?\d+[{group}]\d+", text):
        return (
            f"{group!r} groups no thousands here; where it is the decimal mark, name it in "
            f"{key}decimal and not in {key}thousands"
        )
    if mark := _advise_marks(text, options):
        return f"set {mark}"
    if words := next((words for form, words in _FORMS if form.fullmatch(text)), None):
        unit = re.search(_UNIT_SIGN, text) if "{unit}" in words else None
        return words.format(unit=unit[0] if unit else "", key=key, text=_quote(text))
    if not any(char.isalnum() for char in text) or text.lower() in _SOFT:
        return f"where it means a missing value, set {key}missing_values: [{_quote(text)}]"
    return None


_PLAIN = r"[+-]?\d[\d.,' ]*(?:[eE][+-]?\d+)?"
_UNIT_SIGN = r"[%‰$€£¥₹]|[°µ]?[^\W\d_]\S*$|°"

#: Forms of numbers, and dates, that are not read, and what to write in their place.
_FORMS = tuple(
    (re.compile(form), words)
    for form, words in (
        (rf"'{_PLAIN}'", "quote fields by double quotes, or by none"),
        (r"[+-]?0[xX][\da-fA-F]+", "it is hexadecimal: write it as a decimal number"),
        (
            rf"{_PLAIN}\s*[%‰$€£¥₹]|[+-]?[$€£¥₹]\s*{_PLAIN}"
            rf"|{_PLAIN}\s*(?:USD|EUR|GBP|CHF)|(?:USD|EUR|GBP|CHF)\s*{_PLAIN}"
            rf"|{_PLAIN}\s+[^\W\d_]{{1,4}}(?:[/²³·^]\S+)?|{_PLAIN}\s*(?:°C|°F|°|µ\w+)",
            "write the number without '{unit}', and say the unit in data.units",
        ),
        (rf"\({_PLAIN}\)", "a number in brackets is negative, or has a note: write it as -1 or 1"),
        (r"\d[\d.,]*\s*-", "write the minus in front of the number"),
        (r"\++", "write + and - as 1 and 0, or make the column data.label"),
        (
            r"[+-]?(?:1\.#(?:inf|INF)|∞)",
            "it is infinite: fill it, or, where it means a missing value, set {key}missing_values: "
            "[{text}]",
        ),
        (
            rf"{_PLAIN}\s*(?:±|\+/-)\s*{_PLAIN}|{_PLAIN}\(\d+\)",
            "it is a value with its error: give each a column of its own",
        ),
        (r"[+-]?[\d.]+\s*[x×*·]\s*10\^?[+-]?\d+|10\^[+-]?\d+", "write powers of ten as 1.5e3"),
        (r"[+-]?\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d*)?", "write the number without its commas"),
        (rf"{_PLAIN}\s*[*†‡]+|[*†‡]+\s*{_PLAIN}", "write the number without the mark of a note"),
        (
            r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?|\d{1,2}:\d{2}(?::\d{2}(?:\.\d*)?)?",
            "it is a date or a time: name the column in data.id or data.carry, or give a number, "
            "such as days since the first",
        ),
        (r"[+-]?\d+/\d+", "write the fraction as a decimal number"),
        (r"[+-]?\d+\s*°.*", "write angles in decimal degrees"),
    )
)

#: Between two keys of which only other entries, or a person, can tell the one that is meant.
_EITHER = ", or "

#: Words that mean "missing" to many, and something else to others.
_SOFT = frozenset(
    {"nd", "n.d.", "n.d", "n/d", "bdl", "b.d.l.", "bd", "b.d.", "dl", "lod", "<lod", "<dl", "<ld"}
    | {"n.a.", "n.a", "missing", "unknown", "not available", "not detected", "no data", "nodata"}
    | {"undefined", "nil", "tr", "tr.", "trace", "below detection"}
)


def _advise_marks(text: str, options: ReadOptions) -> str | None:
    """Say which marks in numbers an option declares: decimal comma, groups of digits."""
    key, decimal = options.section, options.decimal
    other = "." if decimal == "," else ","
    if re.fullmatch(rf"{_LEADING}(?:[ ']\d{{3}})+(?:[.,]\d*)?", text):
        mark = "'" if "'" in text else " "
        also = f" and {key}decimal to {other!r}" if other in text else ""
        return f"{key}thousands to {mark!r}{also}"
    if not re.fullmatch(r"[+-]?[\d.,]*\d[\d.,]*(?:[eE][+-]?\d+)?", text):
        return None
    if "." in text and "," in text:
        last = max(".,", key=text.rfind)
        group = "," if last == "." else "."
        return f"{key}decimal to {last!r} and {key}thousands to {group!r}"
    if text.count(other) > 1 and _GROUPS[other].fullmatch(text):
        return f"{key}thousands to {other!r}"
    if text.count(other) == 1:
        is_group = _GROUPS[other].fullmatch(text)
        also = f"{_EITHER}{key}thousands to {other!r} where it groups digits" if is_group else ""
        return f"{key}decimal to {other!r}{also}"
    return None


def _looks_numeric(text: str) -> bool:
    return re.fullmatch(r"[+-]?[\d.,' ]*\d[\d.,' ]*(?:[eE][+-]?\d+)?", text) is not None


def _describe(survey: Survey, said: str | None) -> str:
    advice = survey.advise()
    own = f": {advice}" if advice is not None and advice != said else ""
    return f"{survey.name!r} ({survey.text!r}{own})"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
