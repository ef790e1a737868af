"""Values of swept parameters as levels in order, and colours of realizations by them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgba, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kohorte.analysis.choice import most_telling
from kohorte.errors import ConfigError
from kohorte.figures.reading import Parameters
from kohorte.figures.style import (
    colour_bar,
    line_colour,
    line_map,
    palette_colour,
    sequential_map,
    value_label,
)

FEW_VALUES = 8
"""Up to this many distinct numbers are told apart by a legend, more by a colour bar."""

MOST_CATEGORIES = 16
"""Categories beyond this many are shown as one."""

_TRUTH_VALUES = {"True": True, "False": False}


@dataclass(frozen=True)
class Levels:
    """Distinct values of a swept parameter, in order.

    `index` (R,) has the position of each realization's value in `labels`, the texts of the values:
    numbers ascending, then others in alphabetical order. `numeric` tells whether all are numbers,
    which have an order that colours can show.
    """

    index: np.ndarray
    labels: tuple[str, ...]
    numeric: bool


def check_lengths(n: int, **arrays: Sequence[object] | np.ndarray | None) -> None:
    """Raise ConfigError where a given array has not one entry for each of n realizations."""
    for name, values in arrays.items():
        if values is not None and len(values) != n:
            raise ConfigError(f"{name} has {len(values)} entries for {n} realizations")


def find_levels(values: Iterable[object]) -> Levels:
    """Find the distinct values of a swept parameter: numbers, truth values, texts, None or NaN.

    The text of a number or truth value counts as one: in a column with other texts a table keeps
    nothing else.
    """
    plain = [_plain(value) for value in values]
    distinct = sorted(set(plain), key=_level_order)
    numeric = all(isinstance(value, float) for value in distinct)
    place = {value: k for k, value in enumerate(distinct)}
    index = np.array([place[value] for value in plain], dtype=np.int64)
    labels = [value_label(value) for value in distinct]
    if len(set(labels)) < len(labels) <= FEW_VALUES:  # differ only far behind the point
        labels = [str(value) for value in distinct]
    if not numeric and len(labels) > MOST_CATEGORIES:
        rest = len(labels) - MOST_CATEGORIES + 1
        labels = [*labels[: MOST_CATEGORIES - 1], f"{rest} other values"]
        index = np.minimum(index, MOST_CATEGORIES - 1)
    return Levels(index, tuple(labels), numeric)


def level_colours(levels: Levels, lines: bool = False) -> list[Any]:
    """Colours of the levels: steps of a perceptually uniform map for numbers, else the palette.

    Those for `lines` are dark enough to show.
    """
    n_levels = len(levels.labels)
    if levels.numeric:
        steps = np.linspace(0.0, 1.0, n_levels) if n_levels > 1 else [0.3]
        return list((line_map() if lines else sequential_map())(steps))
    colours = [palette_colour(k) for k in range(n_levels)]
    return [line_colour(colour) for colour in colours] if lines else colours


@dataclass(frozen=True)
class Colouring:
    """(R, 4) colours of realizations by the value of one parameter, explained by a legend or a bar.

    `entries` are text and colour of each value, none where the colours tell nothing or are
    explained by a bar, which is drawn from `bar`.
    """

    colours: np.ndarray
    entries: list[tuple[str, Any]]
    bar: ScalarMappable | None

    def lines(self) -> list[Artist]:
        """Return legend entries of lines in these colours."""
        return [Line2D([], [], color=colour, lw=1.4, label=text) for text, colour in self.entries]

    def draw_bar(self, figure: Figure, axes: Iterable[Axes], label: str, **options: Any) -> None:
        """Put the colour bar, where there is one, beside some axes."""
        if self.bar is not None:
            colour_bar(figure, self.bar, label, ax=list(axes), **options)


def colour_realizations(
    n: int, values: Sequence[object] | np.ndarray | None, name: str, *, lines: bool = False
) -> Colouring:
    """Colours of n realizations by the (n,) values of a parameter, which a legend calls `name`.

    Those for `lines` are dark enough to show.
    """
    levels = find_levels(values) if values is not None else None
    if levels is None or len(levels.labels) < 2:
        return Colouring(np.tile(to_rgba(palette_colour(0)), (n, 1)), [], None)
    if levels.numeric and len(levels.labels) > FEW_VALUES:
        numbers = np.asarray(values, dtype=np.float64)
        colours = line_map() if lines else sequential_map()
        bar = ScalarMappable(Normalize(numbers.min(), numbers.max()), colours)
        return Colouring(bar.to_rgba(numbers), [], bar)
    palette = to_rgba_array(level_colours(levels, lines))
    texts = [f"{name} {label}" for label in levels.labels]
    return Colouring(palette[levels.index], list(zip(texts, palette, strict=True)), None)


def telling_parameters(realizations: pd.DataFrame, parameters: Parameters) -> list[str]:
    """Return names of parameters: first `color_by`, then swept ones that tell most of the error."""
    first = parameters["color_by"]
    telling = [name for name in most_telling(realizations, parameters["swept"]) if name != first]
    return telling if first is None else [first, *telling]


def colour_by(realizations: pd.DataFrame, names: Sequence[str]) -> dict[str, Any]:
    """Return values and name of the first parameter, as figures of realizations take them."""
    if not names:
        return {}
    return {"colour_by": realizations[names[0]].tolist(), "colour_name": names[0]}


def _plain(value: Any) -> float | bool | str | None:
    """Return a value that can be compared: None for NaN, for the text of a number that number."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str) and value in _TRUTH_VALUES:
        return _TRUTH_VALUES[value]
    if value is None or isinstance(value, bool):
        return value
    try:
        number = float(value)
    except ValueError:
        return str(value)
    return None if np.isnan(number) else number


def _level_order(value: float | bool | str | None) -> tuple:
    is_number = isinstance(value, float)
    return (not is_number, value if is_number else 0.0, value_label(value))
