"""Figure of all realizations of a study: numbers of clusters."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kohorte.figures.levels import FEW_VALUES, Levels, check_lengths, find_levels
from kohorte.figures.reading import Inputs, Parameters, read_swept
from kohorte.figures.style import (
    COLOURS,
    INK,
    MIDDLE_COLUMN,
    PAGE_HEIGHT,
    SINGLE_COLUMN,
    SMALL,
    Style,
    colour_bar,
    legend_below,
    new_figure,
    paper_style,
    plain_axes,
    plain_numbers,
    plural,
    sequential_map,
    shorten,
    value_label,
)
from kohorte.figures.words import parameter_word

MOST_ROWS = 44
"""Values of parameters that a page has rows for; a parameter that does not fit is left out."""

_MOST_NUMBERS = 14  # columns whose cells hold their numbers of realizations
_MOST_COLUMNS = 30  # numbers of clusters; of more, steps
_PARTS = 6  # rows of a parameter with many numbers


@paper_style()
def clusters_figure(
    n_clusters: np.ndarray, parameters: Mapping[str, Sequence[object]] | None = None
) -> Figure:
    """Draw how many realizations have which number of clusters, by the value of each parameter.

    `parameters` gives the (R,) values of each swept parameter by name, of which those with a single
    value are left out; without any the figure is a histogram. ConfigError where the arrays differ
    in length.
    """
    counts = np.asarray(n_clusters, dtype=np.int64)
    parameters = dict(parameters or {})
    check_lengths(len(counts), **parameters)
    parts = {name: _divide(values) for name, values in parameters.items()}
    parts = {name: rows for name, rows in parts.items() if len(rows) > 1}
    if not parts:
        figure = new_figure(SINGLE_COLUMN, 2.4)
        axes = figure.add_subplot()
        axes.set_title(plural(len(counts), "realization"), loc="left")
        _draw_histogram(axes, counts)
        return figure
    return _draw_table(counts, parts)


def draw_clusters(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `clusters` from the files of a study."""
    realizations = pd.read_csv(inputs["realizations"])
    counts = realizations["n_clusters"].to_numpy()
    return clusters_figure(counts, read_swept(realizations, parameters))


def _divide(values: Sequence[object]) -> list[tuple[str, np.ndarray]]:
    """Text and members of each value of a parameter; of many numbers, of ranges of them."""
    levels = find_levels(values)
    n = len(levels.labels)
    if not levels.numeric or n <= FEW_VALUES:
        return [(text, levels.index == k) for k, text in enumerate(levels.labels)]
    return [_range(levels, part) for part in np.array_split(np.arange(n), _PARTS)]


def _range(levels: Levels, part: np.ndarray) -> tuple[str, np.ndarray]:
    text = f"{levels.labels[part[0]]} to {levels.labels[part[-1]]}"
    return text, np.isin(levels.index, part)


def _find_columns(counts: np.ndarray) -> tuple[np.ndarray, int]:
    """Column of each number of clusters, and how many numbers a column stands for."""
    low, high = int(counts.min()), int(counts.max())
    step = max(1, -(-(high - low + 1) // _MOST_COLUMNS))
    return (counts - low) // step, step


def _draw_table(
    counts: np.ndarray, parts: Mapping[str, Sequence[tuple[str, np.ndarray]]]
) -> Figure:
    column, step = _find_columns(counts)
    n_columns = int(column.max()) + 1
    rows = [("", "all", np.ones(len(counts), dtype=bool))]
    left_out = 0
    for name, values in parts.items():
        if len(rows) + len(values) > MOST_ROWS:
            left_out += 1
            continue
        words = f"{shorten(parameter_word(name), 24)}   "
        rows += [(words if k == 0 else "", *value) for k, value in enumerate(values)]
    table = np.stack([np.bincount(column[of], minlength=n_columns) for _, _, of in rows])
    starts = [k for k, (name, _, _) in enumerate(rows) if name]
    y = np.arange(len(rows)) + 0.45 * np.searchsorted(starts, np.arange(len(rows)), "right")
    wide = n_columns > 8
    height = float(np.clip(0.19 * (y[-1] + 1) + 0.75, 1.9, PAGE_HEIGHT - 0.3))
    figure = new_figure(MIDDLE_COLUMN if wide else SINGLE_COLUMN, height)
    axes = figure.add_subplot()
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    style: Style = {"cmap": sequential_map("Blues", 0.0, 0.95), "vmin": 0.0, "vmax": 1.0}
    for row, at in zip(shares, y, strict=True):
        extent = (-0.5, n_columns - 0.5, at + 0.5, at - 0.5)
        drawn = axes.imshow(row[None], extent=extent, aspect="auto", **style)
    for edge in np.arange(n_columns + 1) - 0.5:
        axes.axvline(edge, color="white", lw=0.6)
    axes.hlines(y - 0.5, -0.5, n_columns - 0.5, color="white", lw=0.6)
    if n_columns <= _MOST_NUMBERS:
        for k, c in np.argwhere(table).tolist():
            colour = "white" if shares[k, c] > 0.55 else INK
            font: Style = {"ha": "center", "va": "center", "fontsize": SMALL, "color": colour}
            axes.text(c, y[k], f"{table[k, c]:,}", **font)
    axes.set(xlim=(-0.5, n_columns - 0.5), ylim=(y[-1] + 0.5, -0.5))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_yticks(y, [f"{name}{shorten(text, 18)}" for name, text, _ in rows])
    low = int(counts.min())
    shown = np.arange(0, n_columns, max(1, -(-n_columns // 10)))
    axes.set_xticks(shown, [value_label(low + step * int(k)) for k in shown])
    per = f" (columns of {step})" if step > 1 else ""
    axes.set_xlabel(f"Number of clusters{per}")
    colour_bar(figure, drawn, "Share of the row", 5, ax=axes, aspect=18, pad=0.03, shrink=0.9)
    if left_out:
        text = f"{plural(left_out, 'further parameter')} not shown"
        legend_below(figure, [Line2D([], [], ls="", label=text)])
    return figure


def _draw_histogram(axes: Axes, counts: np.ndarray) -> None:
    """Bars over the numbers of clusters, one for each number unless they spread too far."""
    column, step = _find_columns(counts)
    low = int(counts.min())
    heights = np.bincount(column)
    edges = low - 0.5 + step * np.arange(len(heights) + 1)
    axes.stairs(heights, edges, fill=True, color=COLOURS[0])
    for edge in edges[1:-1]:
        axes.axvline(edge, color="white", lw=0.5)
    axes.set_xlabel("Number of clusters" + (f" (in steps of {step})" if step > 1 else ""))
    axes.set(ylabel="Realizations", xlim=(edges[0] - 0.7 * step, edges[-1] + 0.7 * step))
    plain_axes(axes, 6, 5, integer=True)
    plain_numbers(axes.yaxis, 5, integer=True)
