"""Figure of the stages of online training: times and errors against points and map size."""

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    MUTED,
    legend_below,
    line_map,
    line_style,
    log_axis,
    new_figure,
    palette_marker,
    panel_letter,
    panel_title,
    paper_style,
    plain_numbers,
    shorten,
)

KERNELS = "three kernels"

# stage of the three kernels -> number of its colour and marker, and what to call it
_STAGES = {
    "distance": (0, "distances"),
    "winner": (1, "winner"),
    "update": (4, "update"),
    "total": (8, "total of the three kernels"),
}

# implementation whose total alone is known -> colour, dashes
_WHOLE = {"kohorte, online": (INK, "--"), "kohorte, batch": (MUTED, ":")}


@paper_style()
def stages_figure(times: pd.DataFrame, quality: pd.DataFrame) -> Figure:
    """Draw times of stages against map size, a panel a number of points; totals; errors.

    The tables are those of `kohorte_benchmarks.stages`. Each device has a row of panels.
    """
    points = sorted(times["n_points"].unique())
    devices = times["device"].unique().tolist()
    columns = max(len(points), 3)
    figure = new_figure(DOUBLE_COLUMN, 0.6 + 2.1 * (len(devices) + 1))
    parts = figure.subfigures(len(devices) + 1, 1, squeeze=False).ravel()
    letter = 0
    for part, device in zip(parts, devices, strict=False):
        grid = part.subplots(1, columns, sharey=True)
        for axes in grid[len(points) :]:
            axes.remove()
        for axes, n in zip(grid, points, strict=False):
            rows = times[(times["device"] == device) & (times["n_points"] == n)]
            _draw_stages(axes, rows)
            where = "" if device == "cpu" else f", {shorten(device, 18)}"
            panel_title(axes, panel_letter(letter), f"{n:,.0f} points{where}")
            letter += 1
        grid[0].set_ylabel("Time (s)")
    errors = parts[-1].subplots(1, 3)
    labels = ("Error (scaled)", "Share of points", "Time / time of three kernels")
    handles = _draw_errors(errors[0], quality, "quantization_error")
    _draw_errors(errors[1], quality, "topographic_error")
    _draw_totals(errors[2], times)
    for axes, label in zip(errors, labels, strict=True):
        axes.set_xlabel("Side of the map (nodes)")
        axes.set_ylabel(label)
        _side_ticks(axes, times["side"])
    for axes, title in zip(
        errors,
        ("Quantization error", "Topographic error", "Fused kernels and batches"),
        strict=True,
    ):
        panel_title(axes, panel_letter(letter), title)
        letter += 1
    legend_below(figure, _stage_handles(times) + handles, most=4)
    return figure


def _draw_stages(axes: Axes, rows: pd.DataFrame) -> None:
    for stage, (number, _) in _STAGES.items():
        own = rows[(rows["implementation"] == KERNELS) & (rows["stage"] == stage)]
        own = own.sort_values("side")
        style = line_style(number)
        # On a logarithmic axis what noise has made negative has no place.
        axes.plot(own["side"], own["seconds"].where(own["seconds"] > 0), **style)
    for name, (colour, dashes) in _WHOLE.items():
        own = rows[rows["implementation"] == name].sort_values("side")
        axes.plot(own["side"], own["seconds"], color=colour, ls=dashes)
    log_axis(axes, "y")
    axes.set_xlabel("Side of the map (nodes)")
    _side_ticks(axes, rows["side"])


def _draw_errors(axes: Axes, quality: pd.DataFrame, name: str) -> list[Artist]:
    """Means over maps, with all maps as dots; legend entries of the numbers of points."""
    points = sorted(quality["n_points"].unique())
    colours = line_map()(np.linspace(0.0, 1.0, len(points)))
    handles: list[Artist] = []
    for k, (n, colour) in enumerate(zip(points, colours, strict=True)):
        rows = quality[quality["n_points"] == n]
        means = rows.groupby("side")[name].mean()
        marker = palette_marker(k)
        axes.plot(rows["side"], rows[name], ls="", marker="o", ms=1.8, color=colour, alpha=0.5)
        axes.plot(means.index, means, color=colour, marker=marker, ms=3.5)
        label = f"{n:,.0f} points"
        handles.append(Line2D([], [], color=colour, marker=marker, ms=3.5, label=label))
    axes.set_ylim(bottom=0)
    plain_numbers(axes.yaxis, 5)
    return handles


def _draw_totals(axes: Axes, times: pd.DataFrame) -> None:
    """Totals of the other implementations over that of the three kernels on the CPU."""
    whole = times[(times["stage"] == "total") & (times["device"] == "cpu")]
    table = whole.pivot(index=["n_points", "side"], columns="implementation", values="seconds")
    points = sorted(whole["n_points"].unique())
    colours = line_map()(np.linspace(0.0, 1.0, len(points)))
    largest = 0.0
    for name, (_, dashes) in _WHOLE.items():
        ratio = (table[name] / table[KERNELS]).unstack("n_points")
        largest = max(largest, ratio.to_numpy().max())
        for k, (n, colour) in enumerate(zip(points, colours, strict=True)):
            marker = palette_marker(k)
            axes.plot(ratio.index, ratio[n], color=colour, ls=dashes, marker=marker, ms=3)
    axes.axhline(1, color=INK, lw=0.6, zorder=1)
    if largest > 5:
        log_axis(axes, "y")
    else:
        axes.set_ylim(0, max(1.05, 1.05 * largest))
        plain_numbers(axes.yaxis, 5)


def _stage_handles(times: pd.DataFrame) -> list[Artist]:
    handles: list[Artist] = [
        Line2D([], [], label=label, **line_style(number)) for number, label in _STAGES.values()
    ]
    return handles + [
        Line2D([], [], color=colour, ls=dashes, label=f"{name} (total)")
        for name, (colour, dashes) in _WHOLE.items()
        if (times["implementation"] == name).any()
    ]


def _side_ticks(axes: Axes, sides: pd.Series) -> None:
    shown = sorted(sides.unique())
    axes.set_xticks(shown, [f"{side:.0f}" for side in shown])
