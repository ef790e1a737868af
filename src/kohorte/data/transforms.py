"""Bring features to another form before they are scaled: logarithms, ranks, log-ratios."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from kohorte._arrays import unmask
from kohorte._checks import as_number, suggest
from kohorte.data.names import TRANSFORMS, transform_of
from kohorte.errors import ConfigError, DataError

#: Values that the ranks of a feature are kept as, for new points; of more, those at even ranks.
MOST_KNOTS = 1000

Values = np.ndarray
_ZEROS = "take log1p or asinh, which have a value there, or leave the row out"


class Kind(NamedTuple):
    """A transform of one feature: strictly rising, and undone by `backward`."""

    forward: Callable[..., Values]  # of values, float64, and of the parameter
    backward: Callable[..., Values]
    #: What a value must be above, and whether it may be equal
    least: float = -np.inf
    closed: bool = False
    advice: str = ""


KINDS = {
    "log": Kind(lambda x, _: np.log(x), lambda t, _: np.exp(t), 0, advice=_ZEROS),
    "log10": Kind(lambda x, _: np.log10(x), lambda t, _: 10.0**t, 0, advice=_ZEROS),
    "log1p": Kind(
        lambda x, _: np.log1p(x),
        lambda t, _: np.expm1(t),
        -1,
        advice="take asinh, which has a value everywhere, or leave the row out",
    ),
    "asinh": Kind(lambda x, c: np.arcsinh(x / c), lambda t, c: np.sinh(t) * c),
    "sqrt": Kind(
        lambda x, _: np.sqrt(x),
        lambda t, _: np.square(np.maximum(t, 0)),
        0,
        closed=True,
        advice="take asinh, which has a value everywhere, or leave the row out",
    ),
}

#: Ranks, which are learned from a table.
RANKS = ("rank", "rank_normal")


@dataclass(frozen=True, eq=False)
class Column:
    """A feature of the transformed table."""

    name: str  # In the transformed table
    source: int  # Place of the feature that it is made of, among those of the table
    method: str = "none"  # One of TRANSFORMS
    parameter: float = np.nan  # The cofactor of asinh
    knots: np.ndarray | None = None  # (2, n) values, ascending, and their ranks in (0, 1)

    @property
    def is_invertible(self) -> bool:
        """Whether values in the units of the source follow from those of this feature alone."""
        return self.method != "clr"

    @property
    def written(self) -> str:
        """How it is written on an axis, around the name of the feature: ``asinh({}/150)``."""
        if self.method == "none":
            return "{}"
        if self.method == "asinh" and self.parameter != 1:
            return f"asinh({{}}/{self.parameter:g})"
        return f"{self.method}({{}})"


@dataclass(frozen=True, eq=False)
class Transformation:
    """What is done to a table of F0 features: F features of another form.

    `inputs` are the names of the F0 features, `parts` the places of those that a centred log-ratio
    is among.
    """

    inputs: tuple[str, ...]
    columns: tuple[Column, ...]
    parts: tuple[int, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the F features."""
        return tuple(column.name for column in self.columns)

    def apply(self, values: np.ndarray, rows: Sequence[int] | np.ndarray | None = None) -> Values:
        """Transform (N, F0) values in the units of the table; (N, F) float64, NaN where missing.

        `rows` are the numbers of the rows in their source, for messages; by default from 0. Raises
        DataError: the shape is another, or a value has no transform, named by row and feature.
        """
        values = np.asarray(unmask(values))
        if values.dtype == object:
            values = values.astype(np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.inputs):
            raise DataError(
                f"this transformation is of {len(self.inputs)} features, so it needs values of "
                f"shape (rows, {len(self.inputs)}), got {values.shape}"
            )
        rows = range(len(values)) if rows is None else rows
        out = np.empty((len(values), len(self.columns)))
        logarithms = None
        if any(column.method == "clr" for column in self.columns):
            for part in self.parts:
                _check_domain(values[:, part], self.inputs[part], "clr", rows)
            logarithms = np.log(values[:, list(self.parts)].astype(np.float64)).mean(axis=1)
        for k, column in enumerate(self.columns):
            x = np.ascontiguousarray(values[:, column.source], dtype=np.float64)
            if column.method == "clr":
                # Of a part that is constant beside the others roundings alone would be left.
                out[:, k] = np.round(np.log(x) - logarithms, 12)
                continue
            _check_domain(x, self.inputs[column.source], column.method, rows)
            out[:, k] = _forward(x, column)
        return out

    def apply_to(self, table: Any) -> Values:
        """Transform a table; of its columns, where they have names, those of `inputs` are taken."""
        named = hasattr(table, "columns") and hasattr(table, "iloc")
        return self.apply(table[list(self.inputs)] if named else table)

    def invert(self, values: np.ndarray, columns: Sequence[int] | None = None) -> Values:
        """Return (..., F) transformed values, or those of some columns, in the units of the table.

        Those of a centred log-ratio stay as they are: they do not follow from one feature.
        """
        chosen = self.columns if columns is None else [self.columns[k] for k in columns]
        out = np.array(values, dtype=np.float64)
        for k, column in enumerate(chosen):
            out[..., k] = _backward(out[..., k], column)
        return out

    def keep(self, kept: np.ndarray) -> Transformation:
        """Return that to some of the F features, (F,) bool, from the inputs that they need."""
        columns = [c for c, keep in zip(self.columns, kept, strict=True) if keep]
        parts = self.parts if any(c.method == "clr" for c in columns) else ()
        needed = sorted({c.source for c in columns}.union(parts))
        place = {old: new for new, old in enumerate(needed)}
        return Transformation(
            inputs=tuple(self.inputs[k] for k in needed),
            columns=tuple(replace(c, source=place[c.source]) for c in columns),
            parts=tuple(place[part] for part in parts),
        )


def fit_transforms(
    values: np.ndarray,
    names: Sequence[str],
    transforms: Mapping[str, Any] | Sequence[Any] | str | None,
    rows: Sequence[int] | np.ndarray | None = None,
) -> tuple[Transformation, dict[str, np.ndarray]]:
    """Find how to transform a table, and which columns each of several transforms has.

    `values` are (N, F0), NaN, masked or pd.NA where missing; `names` of the F0 features. A
    transform is a name of TRANSFORMS, ``{"asinh": cofactor}``, or a mapping of names of features to
    such; a list has several, a mapping of names of choices to them too where `transforms` comes
    from `kohorte.data.names.transforms_of`. A feature in the same form is one column for all of
    them.

        log, log10, log1p   log(x), log10(x), log(1 + x)
        asinh               asinh(x / cofactor), cofactor 1 where none is given
        sqrt                square root
        rank                rank among the values of the table, from 0 to 1; ties share the middle
        rank_normal         quantile of the normal distribution at that rank
        clr                 log(x) less the mean of log over all features with clr, in each row

    Returns the Transformation and, by name of the transform, which of its columns it has, (F,)
    bool. Raises ConfigError: a transform or feature is unknown; DataError: a value has no
    transform.
    """
    values, names = np.asarray(unmask(values)), tuple(names)
    sets = transforms if isinstance(transforms, Choices) else Choices(_by_name(transforms))
    forms = {name: _forms(chosen, names) for name, chosen in sets.items()}
    single = len(forms) == 1
    parts = tuple(
        k for k in range(len(names)) if any(form[k][0] == "clr" for form in forms.values())
    )
    for name, form in forms.items():
        of_clr = tuple(k for k in range(len(names)) if form[k][0] == "clr")
        if of_clr and of_clr != parts:
            raise ConfigError(
                f"data.transform: the choice {name} has another set of clr features than an "
                "earlier one; give all choices with clr the same features"
            )
    if len(parts) == 1:
        raise ConfigError(
            f"data.transform: clr is a ratio among features, and only {names[parts[0]]!r} has it; "
            "give it to all parts of the composition"
        )
    columns: list[Column] = []
    places: dict[tuple[int, str, float], int] = {}
    rows = range(len(values)) if rows is None else rows
    for form in forms.values():
        for k, (method, parameter) in enumerate(form):
            if (k, method, parameter) in places:
                continue
            places[k, method, parameter] = len(columns)
            column = Column(names[k], k, method, parameter if parameter else np.nan)
            if not single:
                column = replace(column, name=column.written.format(names[k]))
            if method in RANKS:
                column = replace(column, knots=_find_knots(values[:, k]))
            columns.append(column)
    order = sorted(range(len(columns)), key=lambda c: columns[c].source) if not single else None
    order = list(range(len(columns))) if order is None else order
    seen = {
        name: np.isin(
            order, [places[k, method, parameter] for k, (method, parameter) in enumerate(form)]
        )
        for name, form in forms.items()
    }
    found = Transformation(names, tuple(columns[c] for c in order), parts)
    if len(set(found.names)) < len(found.names):
        twice = next(n for n in found.names if found.names.count(n) > 1)
        raise ConfigError(
            f"data.transform: a feature is called {twice!r}, as is a transformed one; rename it"
        )
    return found, seen


class Choices(dict[str, Any]):
    """Transforms by the names that `kohorte.data.names.transforms_of` gives them."""


def _by_name(transforms: Any) -> dict[str, Any]:
    several = transforms if isinstance(transforms, list) else [transforms]
    return {str(number): one for number, one in enumerate(several)}


def _forms(chosen: Any, names: Sequence[str]) -> list[tuple[str, float]]:
    """Return method and parameter of each feature; the parameter is 0 where there is none."""
    one = transform_of(chosen)
    if one is not None:
        return [_check(*one)] * len(names)
    if not isinstance(chosen, Mapping):
        raise ConfigError(f"data.transform: {chosen!r} is none of {', '.join(TRANSFORMS)}")
    for name in chosen:
        if name not in names:
            raise ConfigError(f"data.transform: no feature {name!r}; {suggest(str(name), names)}")
    found = []
    for name in names:
        of_feature = transform_of(chosen.get(name))
        if of_feature is None:
            raise ConfigError(f"data.transform: {name!r}: {chosen[name]!r} is no transform")
        found.append(_check(*of_feature))
    return found


def _check(method: str, parameter: float) -> tuple[str, float]:
    if method not in TRANSFORMS:
        raise ConfigError(f"data.transform: unknown {method!r}; {suggest(method, TRANSFORMS)}")
    if method == "asinh":
        return method, as_number(parameter, "data.transform: the cofactor of asinh", positive=True)
    return method, 0.0


def _check_domain(
    values: np.ndarray, name: str, method: str, rows: Iterable[int] | np.ndarray
) -> None:
    """Raise DataError for the first value that has no transform."""
    if method == "clr":
        bad = values <= 0
        advice = (
            "replace zeros, which stand for what is below the limit of detection, by a part of "
            "that limit (0.65 of it is usual), or leave the feature or the row out"
        )
    elif method in KINDS:
        kind = KINDS[method]
        bad = values < kind.least if kind.closed else values <= kind.least
        advice = kind.advice
    else:
        return
    if bad.any():
        k = int(np.argmax(bad))
        row = np.asarray(rows)[k]
        raise DataError(
            f"feature {name!r}, data row {row}: {values[k]:g} has no {method}; {advice}"
        )


def _forward(x: Values, column: Column) -> Values:
    if column.method == "none":
        return x
    if column.knots is None:
        return KINDS[column.method].forward(x, column.parameter)
    ranks = np.interp(x, *column.knots)
    ranks[np.isnan(x)] = np.nan
    if column.method == "rank":
        return ranks
    from scipy.special import ndtri

    return ndtri(ranks)


def _backward(t: Values, column: Column) -> Values:
    if column.method in ("none", "clr"):
        return t
    if column.knots is None:
        with np.errstate(over="ignore"):
            return KINDS[column.method].backward(t, column.parameter)
    if column.method == "rank_normal":
        from scipy.special import ndtr

        t = ndtr(t)
    return np.where(np.isnan(t), np.nan, np.interp(t, *column.knots[::-1]))


def _find_knots(values: np.ndarray) -> np.ndarray:
    """Return values, ascending, and their ranks: the share below, and half of those equal."""
    present = np.asarray(values, dtype=np.float64)
    present = present[np.isfinite(present)]
    if not present.size:
        return np.array([[0.0], [0.5]])
    distinct, counts = np.unique(present, return_counts=True)
    ranks = (np.cumsum(counts) - counts / 2) / present.size
    if distinct.size > MOST_KNOTS:
        wanted = np.linspace(ranks[0], ranks[-1], MOST_KNOTS)
        kept = np.unique(np.searchsorted(ranks, wanted).clip(max=distinct.size - 1))
        distinct, ranks = distinct[kept], ranks[kept]
    return np.array([distinct, ranks])
