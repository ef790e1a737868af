"""Checks of names and numbers that every part of kohorte makes, and help for who mistyped a name.

Only the standard library is imported, so that a workflow can use them while it plans.
"""

import contextlib
import difflib
import math
import operator
import os
from collections.abc import Iterable, Iterator, Mapping
from numbers import Real
from typing import Any, TypeVar

from kohorte.errors import ConfigError, MissingExtraError

T = TypeVar("T")

#: Options beyond which a hint does not list them all.
_SHOWN = 40


@contextlib.contextmanager
def extra(name: str) -> Iterator[None]:
    """Say which extra of kohorte has a library of the block that is missing: MissingExtraError."""
    try:
        yield
    except ModuleNotFoundError as error:
        library = str(error.name).partition(".")[0]
        if library.startswith("kohorte"):
            raise
        raise MissingExtraError(
            f"{library} is not installed: pip install 'kohorte[{name}]'"
        ) from error


def suggest(name: object, options: Iterable[str]) -> str:
    """Help someone who asked for `name`: with close names, or with what there is."""
    options = list(options)
    by_lower = {option.lower(): option for option in options}
    asked = str(name).lower()
    close = difflib.get_close_matches(asked, by_lower, n=3, cutoff=0.65)
    if not close and asked:  # such as a column without its unit
        close = [option for option in by_lower if option.startswith(asked)][:3]
    if close:
        return "did you mean " + " or ".join(repr(by_lower[match]) for match in close) + "?"
    if not options:
        return "there are none"
    more = f" and {len(options) - _SHOWN} more" if len(options) > _SHOWN else ""
    return f"there are {', '.join(repr(option) for option in options[:_SHOWN])}{more}"


def check_name(path: str | os.PathLike[str]) -> None:
    """Raise ConfigError for the name of a file that is no text, which no result could record."""
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        raise ConfigError(
            f"{os.fspath(path)!a}: the name is no UTF-8 text; give the file, or its folder, another"
        ) from None


def choose(table: Mapping[str, T], name: object, what: str) -> T:
    """Return `table[name]`; ConfigError, with the choices, if there is no such name."""
    if not isinstance(name, str) or name not in table:
        raise ConfigError(f"unknown {what} {name!r}; choose one of {', '.join(sorted(table))}")
    return table[name]


def choose_name(names: Iterable[str], name: object, what: str) -> str:
    """Return `name`, which must be one of `names`; errors as for `choose`."""
    return choose({known: known for known in names}, name, what)


def as_count(value: Any, name: str, minimum: int) -> int:
    """Return `value` as an int. Raises ConfigError: it is no whole number of at least `minimum`."""
    try:
        if _is_truth(value):
            raise TypeError
        count = operator.index(value)
    except TypeError:
        raise ConfigError(f"{name} must be an integer, got {value!r}") from None
    if count < minimum:
        raise ConfigError(f"{name} must be at least {minimum}, got {count}")
    return count


def check_slabs(slabs: int | str, n_points: int) -> None:
    """Raise ConfigError for more jobs of counting than there are points."""
    if isinstance(slabs, int) and slabs > n_points:
        raise ConfigError(
            f"execution.slabs is {slabs}, but there are {n_points} points to be cut into so many "
            "parts; leave it out"
        )


def as_number(value: Any, name: str, *, positive: bool = False) -> float:
    """Return `value` as a float; ConfigError unless it is finite and >= 0, or > 0 if `positive`."""
    try:
        if _is_truth(value) or isinstance(value, str | bytes):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{name} must be a number, got {value!r}") from None
    if not math.isfinite(number) or number < 0 or (positive and number == 0):
        raise ConfigError(
            f"{name} must be finite and {'> 0' if positive else '>= 0'}, got {number}"
        )
    return number


def as_share(value: Any, name: str, *, positive: bool = False) -> float:
    """Return `value` as a float; ConfigError unless it is in [0, 1], or (0, 1] if `positive`."""
    share = as_number(value, name, positive=positive)
    if share > 1:
        raise ConfigError(f"{name} must be at most 1, got {share:g}")
    return share


def as_alpha(alpha: Any) -> float:
    """Return a first learning rate as a float. Raises ConfigError: it is not in (0, 1]."""
    number = as_number(alpha, "alpha", positive=True)
    if number > 1:
        raise ConfigError(
            f"alpha must be at most 1, got {number}: a larger step passes the sample and diverges"
        )
    return number


def is_real(value: Any) -> bool:
    """Tell whether `value` is a real number of Python or NumPy, and no truth."""
    return isinstance(value, Real) and not _is_truth(value)


def _is_truth(value: Any) -> bool:
    """Tell whether `value` is True or False, also of NumPy, which this module does not import."""
    return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")
