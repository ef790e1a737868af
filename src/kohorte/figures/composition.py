"""Figure of the consensus groups in each sample."""

from collections.abc import Hashable

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from kohorte.analysis.composition import count_samples, read_composition
from kohorte.figures.groups import consensus_colour, consensus_title
from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    EMPTY,
    INK,
    MAX_GROUPS,
    MUTED,
    PAGE_HEIGHT,
    Style,
    group_hatch,
    legend_below,
    new_figure,
    panel_letter,
    panel_title,
    paper_style,
    plain_numbers,
    shorten,
)

MAX_SAMPLES = 64
"""Samples that a page has room for; those with fewest points beyond them are not drawn."""

_ROW = 0.19  # inches a sample, where the page is not full
_AROUND = 0.75  # inches above and below the bars of a panel
_NAME = 24  # letters of a sample
_FURTHER = "further groups"


@paper_style()
def composition_figure(table: pd.DataFrame) -> Figure:
    """Draw the shares of the consensus groups in each sample as a bar, with its number of points.

    There is a panel for each column that says which sample points belong to. `table` is that of
    `kohorte.analysis.composition.composition_table`.
    """
    columns = table["column"].unique().tolist()
    most = max(MAX_SAMPLES // len(columns), 4)
    panels = {column: count_samples(table[table["column"] == column]) for column in columns}
    shown = {column: _largest(counts, most) for column, counts in panels.items()}
    heights = [len(counts) * _ROW + _AROUND for counts in shown.values()]
    figure = new_figure(DOUBLE_COLUMN, min(sum(heights) + 0.5, PAGE_HEIGHT))
    grid = figure.subplots(len(columns), 1, squeeze=False, height_ratios=heights)[:, 0]
    groups = table.groupby("group")["points"].sum()
    named = groups.drop(index=-1, errors="ignore").nlargest(MAX_GROUPS).index.sort_values()
    entries: list[Artist] = []
    for k, (axes, column) in enumerate(zip(grid, columns, strict=True)):
        found = _draw_bars(axes, shown[column], named)
        entries = found if len(found) > len(entries) else entries
        left = len(panels[column]) - len(shown[column])
        note = f", {left} with fewer points are not drawn" if left else ""
        letter = panel_letter(k) if len(columns) > 1 else ""
        panel_title(axes, letter, f"{shorten(column, 40)}{note}")
    grid[-1].set_xlabel("Share of the points of the sample (%)")
    legend_below(figure, entries, most=6)
    return figure


def draw_composition(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `composition` from the files of a study."""
    return composition_figure(read_composition(inputs["composition"]))


def _largest(counts: pd.DataFrame, most: int) -> pd.DataFrame:
    if len(counts) <= most:
        return counts
    order = np.argsort(-counts.sum(axis=1).to_numpy(), kind="stable")[:most]
    return counts.iloc[np.sort(order)]


def _draw_bars(axes: Axes, counts: pd.DataFrame, named: pd.Index) -> list[Artist]:
    """Draw stacked bars from the top downwards; return legend entries."""
    total = counts.sum(axis=1).to_numpy()
    at, start = np.arange(len(counts)), np.zeros(len(counts))
    others: dict[Hashable, np.ndarray] = {_FURTHER: start.copy(), "no group": start.copy()}
    parts: list[tuple[str, np.ndarray, str, str]] = []
    for group, column in counts.items():
        values, number = column.to_numpy(dtype=float), int(str(group))
        if number in named:
            shown = consensus_colour(number), group_hatch(number)
            parts.append((consensus_title(number), values, *shown))
        else:
            others["no group" if number < 0 else _FURTHER] += values
    for name, colour in ((_FURTHER, MUTED), ("no group", EMPTY)):
        if others[name].any():
            parts.append((name, others[name], colour, ""))
    entries: list[Artist] = []
    for name, values, colour, hatch in parts:
        width = 100 * values / total
        style: Style = {"color": colour, "edgecolor": "white", "lw": 0.3, "hatch": hatch}
        axes.barh(at, width, left=start, height=0.82, **style)
        start = start + width
        entries.append(Patch(facecolor=colour, edgecolor=INK, lw=0.3, hatch=hatch, label=name))
    size = 7 if len(counts) <= 45 else 5.5
    names = [shorten(str(value), _NAME) if str(value) else "(none)" for value in counts.index]
    axes.set_yticks(at, names, fontsize=size)
    for place, count in enumerate(total):
        axes.text(101, place, f"{count:,.0f}", fontsize=size, va="center")
    axes.set(xlim=(0, 100), ylim=(len(counts) - 0.4, -0.6))
    axes.tick_params(axis="y", length=0)
    plain_numbers(axes.xaxis, 5)
    return entries
