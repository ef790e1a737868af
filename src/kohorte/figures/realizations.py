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
    DOUBLE_COLUMN,
    INK,
    SINGLE_COLUMN,
    Style,
    group_colour,
    is_wide,
    legend_below,
    log_axis,
    marker_handle,
    new_figure,
    panel_grid,
    panel_title,
    paper_style,
    plain_axes,
    plain_numbers,
)

MOST_PANELS = 11
"""Swept parameters with a panel of their own."""


@paper_style()
def clusters_figure(
    n_clusters: np.ndarray, parameters: Mapping[str, Sequence[object]] | None = None
) -> Figure:
    """Draw numbers of clusters of all R realizations, and by the value of each parameter.

    `parameters` gives the (R,) values of each swept parameter by name, of which those with a single
    value are left out. ConfigError where the arrays differ in length.
    """
    counts = np.asarray(n_clusters, dtype=np.int64)
    parameters = dict(parameters or {})
    check_lengths(len(counts), **parameters)
    swept = {name: find_levels(values) for name, values in parameters.items()}
    swept = {name: levels for name, levels in swept.items() if len(levels.labels) > 1}
    n_swept = len(swept)
    swept = dict(list(swept.items())[:MOST_PANELS])
    columns = min(3, 1 + len(swept))
    rows = -(-(1 + len(swept)) // columns)
    width = SINGLE_COLUMN if columns == 1 else DOUBLE_COLUMN
    slanted = max([_label_room(levels) for levels in swept.values()], default=0.0)
    figure = new_figure(width, 0.3 + (2.3 + slanted) * rows)
    grid = panel_grid(figure, 1 + len(swept), columns)
    _draw_histogram(grid[0], counts)
    panel_title(grid[0], "a", f"{len(counts)} realization{'s' if len(counts) != 1 else ''}")
    wide = is_wide(counts, 30.0)
    for k, (axes, (name, levels)) in enumerate(zip(grid[1:], swept.items(), strict=True)):
        _draw_breakdown(axes, counts, levels, np.asarray(parameters[name]))
        panel_title(axes, chr(ord("b") + k), f"by {name}")
        axes.set_xlabel(name)
        if wide:
            log_axis(axes, "y")
        else:
            plain_numbers(axes.yaxis, 6, integer=True)
            axes.set_ylim(counts.min() - 0.7, counts.max() + 0.7)
    if swept:
        entries = [
            marker_handle("realizations (area: how many)", group_colour(0), "o", 5),
            Line2D([], [], color=INK, lw=1.6, label="median"),
        ]
        if n_swept > len(swept):
            note = f"first {len(swept)} of {n_swept} swept parameters"
            entries.append(Line2D([], [], linestyle="", label=note))
        legend_below(figure, entries)
    return figure


def draw_clusters(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `clusters` from the files of a study."""
    realizations = pd.read_csv(inputs["realizations"])
    counts = realizations["n_clusters"].to_numpy()
    return clusters_figure(counts, read_swept(realizations, parameters))


def _draw_histogram(axes: Axes, counts: np.ndarray) -> None:
    """Bars over the numbers of clusters, one per number unless they spread too far."""
    low, high = int(counts.min()), int(counts.max())
    width = max(1, -(-(high - low + 1) // 30))
    edges = np.arange(low, high + width + 1, width) - 0.5
    axes.hist(counts, bins=edges.tolist(), color=group_colour(0), edgecolor="white", linewidth=0.4)
    axes.set_xlabel("Number of clusters" + (f" (in steps of {width})" if width > 1 else ""))
    axes.set(ylabel="Realizations", xlim=(edges[0] - 0.5 * width, edges[-1] + 0.5 * width))
    plain_axes(axes, 6, 5, integer=True)


def _draw_breakdown(axes: Axes, counts: np.ndarray, levels: Levels, values: np.ndarray) -> None:
    """Numbers of clusters over the values of one parameter, equal ones as one larger point."""
    n_levels = len(levels.labels)
    spread = levels.numeric and n_levels > FEW_VALUES
    x = values.astype(np.float64) if spread else levels.index.astype(np.float64)
    places, times = np.unique(np.stack([x, counts], axis=1), axis=0, return_counts=True)
    area = 90.0 * times / times.max() if times.max() > 1 else np.full(len(times), 20.0)
    style: Style = {"color": group_colour(0), "alpha": 0.75, "linewidths": 0, "zorder": 2}
    axes.scatter(places[:, 0], places[:, 1], s=np.maximum(area, 4.0), **style)
    axes.set_ylabel("Number of clusters")
    if spread:
        if is_wide(x) and x.min() > 0:
            log_axis(axes, "x")
        else:
            plain_numbers(axes.xaxis, 5)
        bins = np.array_split(np.argsort(x, kind="stable"), min(8, n_levels))
        middles = [(np.median(x[part]), np.median(counts[part])) for part in bins]
        axes.plot(*np.transpose(middles), color=INK, lw=1.6, zorder=3)
        return
    for k in range(n_levels):
        median = np.median(counts[levels.index == k])
        axes.plot([k - 0.32, k + 0.32], [median, median], color=INK, lw=1.6, zorder=1.5)
    axes.set_xticks(range(n_levels), levels.labels)
    if _label_room(levels):
        axes.tick_params(axis="x", labelrotation=90)
    axes.set_xlim(-0.6, n_levels - 0.4)


def _label_room(levels: Levels) -> float:
    """Height in inches that the texts of the levels need because they are turned; 0 if not."""
    longest = max(map(len, levels.labels))
    if levels.numeric and len(levels.labels) > FEW_VALUES:
        return 0.0
    return 0.07 * longest if len(levels.labels) * max(longest, 2) > 26 else 0.0
