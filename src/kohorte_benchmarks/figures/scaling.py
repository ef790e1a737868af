"""Figure of time and memory of a study against its number of points."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    MUTED,
    legend_below,
    line_style,
    log_axis,
    new_figure,
    panel_title,
    paper_style,
    plain_numbers,
)

# step of a study -> number of its colour and marker, and what to call it
_STEPS = {
    "train": (0, "training"),
    "winners": (1, "winners"),
    "segment": (2, "clusters of nodes"),
    "quality": (3, "measures of quality"),
    "count": (4, "overlaps"),
    "combine": (5, "significance and groups"),
    "label": (6, "consensus of the points"),
    "total": (8, "all of it"),
}

_MEASURES = {
    "agreement": (7, "ARI with the consensus of most points"),
    "topographic_error": (9, "topographic error"),
    "quantization_error": (10, "quantization error, over that of most points"),
}


@paper_style()
def scaling_figure(table: pd.DataFrame) -> Figure:
    """Time, memory, and quality and consensus, a panel each, of `kohorte_benchmarks.scaling`."""
    figure = new_figure(DOUBLE_COLUMN, 3.3)
    times, memory, found = figure.subplots(1, 3)
    _draw_times(times, table)
    _draw_memory(memory, table)
    _draw_found(found, table)
    texts = ("Time on one core", "Memory", "Result of fewer points")
    for axes, letter, text in zip((times, memory, found), "abc", texts, strict=True):
        panel_title(axes, letter, text)
        log_axis(axes, "x")
        axes.set_xlabel("Points")
    entries = _handles(_STEPS) + [
        Line2D([], [], color=MUTED, ls="--", label="in proportion to points"),
        Line2D([], [], color=INK, marker="o", ms=3.5, label="peak memory"),
        Line2D([], [], color=INK, ls=":", marker="s", ms=3, label="table"),
        *_handles(_MEASURES),
    ]
    legend_below(figure, entries, most=4)
    return figure


def _handles(kinds: dict[str, tuple[int, str]]) -> list[Line2D]:
    return [Line2D([], [], label=label, **line_style(k)) for k, label in kinds.values()]


def _draw_times(axes: Axes, table: pd.DataFrame) -> None:
    for name, (number, _) in _STEPS.items():
        axes.plot(table["n_points"], table[name], **line_style(number))
    ends = table["n_points"].iloc[[0, -1]].to_numpy(float)
    last = table["total"].iloc[-1]
    # Beside the total, which it would hide.
    axes.plot(ends, 2 * last * ends / ends[-1], color=MUTED, ls="--", zorder=1)
    axes.set_ylabel("Time (s)")
    log_axis(axes, "y")


def _draw_memory(axes: Axes, table: pd.DataFrame) -> None:
    axes.plot(table["n_points"], table["peak_mb"], color=INK, marker="o", ms=3.5)
    axes.plot(table["n_points"], table["table_mb"], color=INK, ls=":", marker="s", ms=3)
    axes.set_ylabel("Memory (MB)")
    log_axis(axes, "y")


def _draw_found(axes: Axes, table: pd.DataFrame) -> None:
    for name, (number, _) in _MEASURES.items():
        values = table[name].to_numpy(float)
        if name == "quantization_error":
            values = values / values[-1] if values[-1] else np.full(values.size, np.nan)
        style = line_style(number)
        axes.plot(table["n_points"], values, **style)
        if name != "topographic_error":  # the last is compared with itself
            end = style | {"ls": "", "mfc": "white"}
            axes.plot(table["n_points"].iloc[-1:], values[-1:], **end)
    axes.set_ylim(bottom=min(0, table["agreement"].min()))
    plain_numbers(axes.yaxis, 5)
