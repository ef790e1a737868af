"""Figure of the benchmark of the maps: ratios of times, the whole job, memory, and growth."""

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kohorte.figures.style import (
    COLOURS,
    DOUBLE_COLUMN,
    INK,
    MUTED,
    SMALL,
    Style,
    legend_below,
    line_style,
    log_axis,
    new_figure,
    panel_title,
    paper_style,
)
from kohorte_benchmarks.figures.benchmarks import log_axes

_HEADINGS = {
    "online": "A step of online training",
    "winners": "Winners",
    "batch": "An epoch of batch training",
    "accelerator": "An epoch on an accelerator",
}

# implementation in the cases of growth -> name, number of its colour and marker
_KINDS = {
    "online": ("online, one core", 0),
    "winners": ("winners, two cores", 2),
    "batch": ("batch epoch, two cores", 7),
}

_WHOLE = 1  # colour and marker of the case whole_job

_GROWTH = {
    "scaling_points": ("n_points", "Points"),
    "scaling_features": ("n_features", "Features"),
    "scaling_nodes": ("nodes", "Nodes"),
}

_TITLES = {
    "a": "Times of others against kohorte",
    "b": "A whole map",
    "c": "Memory",
    "d": "Time against points",
    "e": "Against features",
    "f": "Against nodes",
}

_PUBLISHED = {"POPSOM": (MUTED, "--", "D"), "aweSOM": (INK, ":", "v")}


@paper_style()
def map_benchmark_figure(table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw times of others over kohorte's, those of a whole job, and growth against limits.

    `table` is that of `kohorte_benchmarks.maps`, `published` published_timings.csv beside it.
    """
    published = published[(published["task"] == "som") & (published["n_features"] == 6)]
    figure = new_figure(DOUBLE_COLUMN, 6.6)
    panels = figure.subplot_mosaic("aab\naac\ndef", height_ratios=[1.0, 1.0, 1.05])
    _draw_ratios(panels["a"], table)
    handles = _draw_job(panels["b"], table, published)
    handles += _draw_memory(panels["c"], table, published)
    for letter, case in zip("def", _GROWTH, strict=True):
        kinds = _draw_growth(panels[letter], table, case)
    panels["d"].set_ylabel("Time per point (µs)")
    lowest, highest = zip(*(panels[letter].get_ylim() for letter in "def"), strict=True)
    for letter in "def":
        panels[letter].set_ylim(min(lowest), max(highest))
    for letter, title in _TITLES.items():
        panel_title(panels[letter], letter, title)
    legend_below(figure, handles + kinds, most=4)
    return figure


def _draw_ratios(axes: Axes, table: pd.DataFrame) -> None:
    """Draw a dot for each other implementation, with a line from the time of kohorte."""
    text: Style = {"va": "center", "fontsize": SMALL, "transform": axes.get_yaxis_transform()}
    position, ratios = 0.0, [1.0]
    for case, heading in _HEADINGS.items():
        chosen = table["implementation"].str.contains("equal winners")
        rows = table[(table["case"] == case) & ~chosen & (table["ratio"] != 1)]
        if rows.empty:
            continue
        bold: Style = {"weight": "bold", "bbox": {"color": "white", "pad": 1.0}, "zorder": 3}
        axes.text(0.02, position, heading, **text, **bold)
        for _, row in rows.sort_values("ratio", ascending=False).iterrows():
            position += 1
            name, ratio = row["implementation"], row["ratio"]
            other = not name.startswith("kohorte") and not name.endswith("limit")
            colour = COLOURS[0] if other else MUTED
            axes.plot([1, ratio], [position, position], color=colour, lw=1.0)
            axes.plot(ratio, position, color=colour, ls="", marker="o", ms=4.5)
            number: Style = {"ha": "left", "textcoords": "offset points", "va": "center"}
            shown = f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.3g}"
            axes.annotate(shown, (max(ratio, 1), position), (5, 0), **number, fontsize=SMALL)
            axes.text(-0.01, position, _label(case, row), ha="right", **text)
            ratios.append(ratio)
        position += 1.3
    axes.axvline(1, color=INK, lw=0.6, zorder=0)
    log_axis(axes, "x")
    axes.set_xlim(min(ratios) / 1.5, max(ratios) * 4)
    axes.set_ylim(position - 0.5, -0.7)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("Time / time of kohorte (*: scaled by points)")


def _label(case: str, row: pd.Series) -> str:
    name = row["implementation"].removeprefix("kohorte, ").replace(", scaled by points", "*")
    if case == "winners":
        return f"{name}, {row['nodes']:.0f} nodes, F = {row['n_features']:.0f}"
    return name


def _draw_job(axes: Axes, table: pd.DataFrame, published: pd.DataFrame) -> list[Artist]:
    handles: list[Artist] = []
    for name, (colour, dashes, marker) in _PUBLISHED.items():
        curve = published[(published["implementation"] == name) & published["peak_mb"].isna()]
        axes.plot(curve["n_points"], curve["seconds"], color=colour, ls=dashes)
        style: Style = {"color": colour, "ls": dashes, "marker": marker, "ms": 4}
        handles.append(Line2D([], [], label=f"{name}, published", **style))
    rows = table[(table["case"] == "whole_job") & (table["implementation"] == "kohorte")]
    style = line_style(_WHOLE)
    axes.plot(rows["n_points"], rows["seconds"], **style)
    handles.append(Line2D([], [], label="kohorte, whole map, one core", **style))
    log_axes(axes)
    axes.set_xlabel("Points")
    axes.set_ylabel("Time (s)")
    return handles


def _draw_memory(axes: Axes, table: pd.DataFrame, published: pd.DataFrame) -> list[Artist]:
    """Peak memory of the processes, beside the size of the points."""
    shown = {("whole_job", "kohorte"): _WHOLE}
    shown |= {("scaling_points", kind): colour for kind, (_, colour) in _KINDS.items()}
    for (case, name), colour in shown.items():
        rows = table[(table["case"] == case) & (table["implementation"] == name)]
        style = line_style(colour)
        axes.plot(rows["n_points"], rows["peak_mb"], **style)
    rows = table[table["case"] == "scaling_points"]
    n = np.unique(rows["n_points"])
    line: Style = {"color": COLOURS[4], "lw": 0.8, "ls": "-."}
    axes.plot(n, 4e-6 * n * rows["n_features"].iloc[0], **line)
    for name, (shade, _, marker) in _PUBLISHED.items():
        at = published[(published["implementation"] == name) & published["peak_mb"].notna()]
        axes.plot(at["n_points"], at["peak_mb"], color=shade, marker=marker, ls="", ms=4)
    log_axes(axes)
    axes.set_ylim(bottom=1)
    axes.set_xlabel("Points")
    axes.set_ylabel("Peak memory (MB)")
    return [Line2D([], [], label="points alone", **line)]


def _draw_growth(axes: Axes, table: pd.DataFrame, case: str) -> list[Artist]:
    column, label = _GROWTH[case]
    handles = []
    for kind, (name, colour) in _KINDS.items():
        rows = table[(table["case"] == case) & (table["implementation"] == kind)]
        rows = rows.sort_values(column)
        per_point = 1e6 * rows["seconds"] / (1 if kind == "online" else rows["n_points"])
        style = line_style(colour)
        axes.plot(rows[column], per_point, **style)
        axes.plot(rows[column], per_point * rows["ratio"], color=style["color"], ls="--", lw=0.8)
        handles.append(Line2D([], [], label=name, **style))
    log_axes(axes)
    if case != "scaling_points":
        axes.set_xticks(rows[column], [f"{value:.0f}" for value in rows[column]])
    axes.set_xlabel(label)
    return [*handles, Line2D([], [], color=INK, ls="--", lw=0.8, label="limit of arithmetic")]
