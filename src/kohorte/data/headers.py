"""Whether the first line of a table names its columns, or is one of data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from kohorte.data.missing import is_marker
from kohorte.data.numbers import NumberReader
from kohorte.data.reading import ReadOptions
from kohorte.errors import DataError

#: Records that tell whether the first line names the columns.
LOOKED_AT = 100

#: Fewest columns whose names 0, 1, 2 are taken for their places.
_LEAST_NUMBERED = 3


class Header:
    """What tells the names of columns from data, where numbers are written as the options say."""

    def __init__(self, options: ReadOptions) -> None:
        self._options, self._numbers = options, NumberReader(0, options)

    def check(self, title: str, where: str, names: Sequence[str], head: list[list[str]]) -> None:
        """Raise DataError where names seem to be data, unless features are chosen of them.

        `where`: the line that they stand in; `head`: the first records below it.
        """
        options = self._options
        if options.features is not None and set(options.features) <= set(names):
            return
        key = f"set {options.section}header to"
        named = sum(map(bool, names))
        if named < len(names) / 2:
            raise DataError(
                f"{title}: {where} names {named} of {len(names)} columns: column "
                f"{names.index('')} has no name; remove what stands above the line of names, or, "
                "if this is it, name all columns"
            )
        if self._are_numbered(names, head):
            return
        if self.are_data(names):
            raise DataError(
                f"{title}: {where} holds only numbers, but must name the columns; {key} "
                "false if it is data, or to true if these are names, or add a header line"
            )
        if any(map(self.is_number, names)):
            is_data = self._seem_data(names, head)
        else:
            is_data = set(options.others).isdisjoint(names) and self._come_again(names, head)
        if is_data:
            shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
            raise DataError(
                f"{title}: {where} seems to be data and no header ({shown}); {key} false "
                "if it is data, or to true if these are names"
            )

    def is_number(self, token: str) -> bool:
        """Tell whether text is a number."""
        return self._numbers.value(token) is not None

    def are_data(self, fields: Sequence[str]) -> bool:
        """Tell whether fields are numbers, or say that one is missing, and no names."""
        return any(map(self.is_number, fields)) and all(
            self.is_number(field) or is_marker(field) for field in fields
        )

    def _are_numbered(self, names: Sequence[str], head: list[list[str]]) -> bool:
        """Tell whether names are the places of columns from 0, as pandas writes what has no names.

        There are at least three, or two above fractions. Names of rows may stand before them, and
        some columns have names.
        """
        first = 0 if names[0] else 1
        places = [k for k, name in enumerate(names[first:]) if name == str(k)]
        others = [name for k, name in enumerate(names[first:]) if name != str(k)]
        if any(not name or self.is_number(name) or is_marker(name) for name in others):
            return False
        below = [
            [record[first + k] for record in head if len(record) == len(names)] for k in places
        ]
        has_fractions = all(any(map(self._is_fraction, column)) for column in below)
        return len(places) >= _LEAST_NUMBERED or (len(places) == 2 and has_fractions)

    def _is_fraction(self, text: str) -> bool:
        value = self._numbers.value(text)
        return value is not None and not value.is_integer()

    def _seem_data(self, names: Sequence[str], head: list[list[str]]) -> bool:
        """Tell whether a first line, some of whose fields are numbers, seems to be one of data.

        It is where a text of it comes again in its column, as a class does; where its numbers lie
        within their columns; or where these do not rise or fall from left to right, as wavelengths
        and years do that are names. It is not where as many texts of it stand above columns of
        numbers.
        """
        numbers, n_names = [], 0
        for column, name in enumerate(names):
            below = [record[column] for record in head if len(record) == len(names)]
            value = self._numbers.value(name)
            if value is None:
                if name and not is_marker(name) and name in {field.strip() for field in below}:
                    return True
                n_names += bool(name) and self.are_data(below)
                continue
            values = [known for known in map(self._numbers.value, below) if known is not None]
            if not values:
                return False
            numbers.append((value, min(values), max(values)))
        if n_names >= len(numbers):
            return False
        if all(low <= value <= high for value, low, high in numbers):
            return True
        found = [value for value, _, _ in numbers]
        steps = np.diff(found)
        is_order = (steps > 0).all() or (steps < 0).all()
        # Two numbers always rise or fall.
        return not is_order or (len(found) < 3 and any(value % 1 for value in found))

    def _come_again(self, names: Sequence[str], head: list[list[str]]) -> bool:
        """Tell whether a first line of text seems to be one of data, as that of a list of classes.

        It is where a text of it is about as frequent in its column as others, which are few; not
        where one stands above numbers, or above both of two words for true and false.
        """
        comes_again = False
        for column, name in enumerate(names):
            below = [record[column].strip() for record in head if len(record) == len(names)]
            counts = Counter(word for word in below if self._numbers.classify(word) != "missing")
            if not name or is_marker(name) or not counts:
                continue
            mean = counts.total() / len(counts)
            comes_again |= counts[name] > 1 and mean >= 2 and counts[name] >= mean / 2
            del counts[name]
            kinds = set(map(self._numbers.classify, counts))
            n_numbers = sum(n for word, n in counts.items() if self.is_number(word))
            are_words = len(counts) > 1 and len(kinds) == 1 and "text" not in kinds
            if are_words or 2 * n_numbers > counts.total():
                return False
        return comes_again
