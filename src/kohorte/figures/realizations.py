"""Figures of all realizations of a study: quality of the maps, numbers of clusters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kohorte.errors import ConfigError
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    MARKERS,
    SINGLE_COLUMN,
    group_colour,
    is_wide,
    legend_below,
    log_axis,
    marker_handle,
    new_figure,
    panel_title,
    paper_style,
    plain_numbers,
    sequential_map,
    value_label,
)

FEW_VALUES = 8
"""Up to this many distinct numbers are told apart by a legend, more by a colour bar."""

MOST_PANELS = 11
"""Swept parameters with a panel of their own."""

MOST_CATEGORIES = 16
"""Categories beyond this many are shown as one."""


@dataclass(frozen=True)
class Levels:
    """Distinct values of a swept parameter, in order.

    Attributes
    ----------
    index
        (R,) integers, position of each realization's value in `labels`.
    labels
        Texts of the values, numbers ascending, other values in alphabetical order.
    numeric
        Whether the values are numbers, which have an order that colours can show.
    """

    index: np.ndarray
    labels: tuple[str, ...]
    numeric: bool


def find_levels(values: Sequence[object] | np.ndarray) -> Levels:
    """The distinct values of a swept parameter: numbers, truth values, texts or None."""
    array = np.asarray(values)
    numeric = array.dtype.kind in "iuf"
    if not numeric:
        array = np.array([str(value) for value in values])
    distinct, index = np.unique(array, return_inverse=True)
    labels = [value_label(value) for value in distinct.tolist()]
    if len(set(labels)) < len(labels) <= FEW_VALUES:  # differ only far behind the point
        labels = [str(value) for value in distinct.tolist()]
    if not numeric and len(labels) > MOST_CATEGORIES:
        rest = len(labels) - MOST_CATEGORIES + 1
        labels = [*labels[: MOST_CATEGORIES - 1], f"{rest} other values"]
        index = np.minimum(index, MOST_CATEGORIES - 1)
    return Levels(index.reshape(-1), tuple(labels), numeric)


def level_colours(levels: Levels) -> list:
    """Colours of the levels: steps of a perceptually uniform map for numbers, else the palette."""
    n_levels = len(levels.labels)
    if levels.numeric:
        return list(sequential_map()(np.linspace(0.0, 1.0, n_levels) if n_levels > 1 else [0.3]))
    return [group_colour(k) for k in range(n_levels)]


@paper_style()
def quality_figure(
    quantization_error: np.ndarray,
    topographic_error: np.ndarray,
    *,
    colour_by: Sequence[object] | np.ndarray | None = None,
    colour_name: str = "",
    marker_by: Sequence[object] | np.ndarray | None = None,
    marker_name: str = "",
    highlight: int | None = None,
    highlight_label: str = "representative realization",
) -> Figure:
    """Topographic against quantization error, one point per realization.

    Parameters
    ----------
    quantization_error
        (R,) mean distance of a point to its winner, in the units of the scaled features.
    topographic_error
        (R,) share of points whose two best nodes are not neighbours.
    colour_by, colour_name
        (R,) values of a parameter, numbers or texts, and its name.
    marker_by, marker_name
        (R,) values of a second parameter, shown by markers where it has at most 11 values.
    highlight, highlight_label
        Index of a realization to point out, and what to call it.

    Raises
    ------
    ConfigError
        The arrays differ in length.
    """
    qe, te = np.asarray(quantization_error), np.asarray(topographic_error)
    _check_lengths(len(qe), topographic_error=te, colour_by=colour_by, marker_by=marker_by)
    figure = new_figure(4.6, 3.6)
    axes = figure.add_subplot()
    size = 26 if len(qe) <= 100 else 12 if len(qe) <= 500 else 6
    opacity = 0.9 if len(qe) <= 100 else 0.7
    handles: list[Line2D] = []
    shapes = find_levels(marker_by) if marker_by is not None else None
    if shapes is not None and not 1 < len(shapes.labels) <= len(MARKERS):
        shapes = None
    shape = shapes.index if shapes is not None else np.zeros(len(qe), dtype=int)

    levels = find_levels(colour_by) if colour_by is not None else None
    if levels is not None and len(levels.labels) < 2:
        levels = None
    bar = levels is not None and levels.numeric and len(levels.labels) > FEW_VALUES
    style = {"s": size, "linewidths": 0.4, "edgecolors": INK, "alpha": opacity, "zorder": 2}
    if bar:
        numbers = np.asarray(colour_by, dtype=np.float64)
        limits = {"vmin": numbers.min(), "vmax": numbers.max(), "cmap": sequential_map()}
        for k in np.unique(shape):
            chosen = shape == k
            points = axes.scatter(
                qe[chosen], te[chosen], c=numbers[chosen], marker=MARKERS[k], **limits, **style
            )
        colours = figure.colorbar(points, ax=axes, pad=0.02, aspect=28)
        colours.solids.set(alpha=1)
        colours.set_label(colour_name)
        plain_numbers(colours.ax.yaxis, 6)
    else:
        palette = level_colours(levels) if levels is not None else [group_colour(0)]
        colour = levels.index if levels is not None else np.zeros(len(qe), dtype=int)
        for k in np.unique(shape):
            chosen = shape == k
            axes.scatter(
                qe[chosen],
                te[chosen],
                c=[palette[c] for c in colour[chosen]],
                marker=MARKERS[k],
                **style,
            )
        if levels is not None:
            handles += [
                marker_handle(f"{colour_name} {text}", palette[c], "o" if shapes else MARKERS[0], 5)
                for c, text in enumerate(levels.labels)
            ]
    if shapes is not None:
        handles += [
            marker_handle(f"{marker_name} {text}", "white", MARKERS[k], 5, markeredgewidth=0.7)
            for k, text in enumerate(shapes.labels)
        ]
    if highlight is not None:
        ring = {
            "marker": "o",
            "markersize": 11,
            "markeredgewidth": 1.4,
            "markeredgecolor": "#D55E00",
        }
        axes.plot(qe[highlight], te[highlight], color="none", linestyle="", zorder=3, **ring)
        handles.append(Line2D([], [], color="none", linestyle="", label=highlight_label, **ring))
    axes.set_xlabel("Quantization error (mean distance to the winner, scaled features)")
    axes.set_ylabel("Topographic error (share of points)")
    plain_numbers(axes.xaxis, 6)
    plain_numbers(axes.yaxis, 6)
    span = max(qe.max() - qe.min(), 0.02 * qe.max(), 1e-6)
    axes.set_xlim(qe.min() - 0.07 * span, qe.max() + 0.07 * span)
    span = max(te.max() - te.min(), 0.01)
    axes.set_ylim(max(te.min() - 0.07 * span, -0.04 * span), te.max() + 0.07 * span)
    axes.grid(True)
    legend_below(figure, handles, most=3)
    return figure


@paper_style()
def clusters_figure(
    n_clusters: np.ndarray, parameters: Mapping[str, Sequence[object]] | None = None
) -> Figure:
    """Number of clusters per realization: all together, and by the value of each parameter.

    Parameters
    ----------
    n_clusters
        (R,) integers.
    parameters
        (R,) values of each swept parameter, by name; those with a single value are left out.

    Raises
    ------
    ConfigError
        The arrays differ in length.
    """
    counts = np.asarray(n_clusters, dtype=np.int64)
    parameters = dict(parameters or {})
    _check_lengths(len(counts), **parameters)
    swept = {name: find_levels(values) for name, values in parameters.items()}
    swept = {name: levels for name, levels in swept.items() if len(levels.labels) > 1}
    n_swept = len(swept)
    swept = dict(list(swept.items())[:MOST_PANELS])
    columns = min(3, 1 + len(swept))
    rows = -(-(1 + len(swept)) // columns)
    width = SINGLE_COLUMN if columns == 1 else DOUBLE_COLUMN
    slanted = max([_label_room(levels) for levels in swept.values()], default=0.0)
    figure = new_figure(width, 0.3 + (2.3 + slanted) * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[1 + len(swept) :]:
        axes.remove()
    _draw_histogram(grid[0], counts)
    panel_title(grid[0], "a", f"{len(counts)} realization{'s' if len(counts) != 1 else ''}")
    wide = is_wide(counts, 30.0)
    for k, (axes, (name, levels)) in enumerate(zip(grid[1:], swept.items(), strict=False)):
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


def _check_lengths(n: int, **arrays: Sequence[object] | None) -> None:
    for name, values in arrays.items():
        if values is not None and len(values) != n:
            raise ConfigError(f"{name} has {len(values)} entries for {n} realizations")


def _draw_histogram(axes: Axes, counts: np.ndarray) -> None:
    """Bars over the numbers of clusters, one per number unless they spread too far."""
    low, high = int(counts.min()), int(counts.max())
    width = max(1, -(-(high - low + 1) // 30))
    edges = np.arange(low, high + width + 1, width) - 0.5
    axes.hist(counts, bins=edges, color=group_colour(0), edgecolor="white", linewidth=0.4)
    axes.set_xlabel("Number of clusters" + (f" (in steps of {width})" if width > 1 else ""))
    axes.set_ylabel("Realizations")
    axes.set_xlim(edges[0] - 0.5 * width, edges[-1] + 0.5 * width)
    plain_numbers(axes.xaxis, 6, integer=True)
    plain_numbers(axes.yaxis, 5, integer=True)


def _draw_breakdown(axes: Axes, counts: np.ndarray, levels: Levels, values: np.ndarray) -> None:
    """Numbers of clusters over the values of one parameter, equal ones as one larger point."""
    n_levels = len(levels.labels)
    spread = levels.numeric and n_levels > FEW_VALUES
    x = values.astype(np.float64) if spread else levels.index.astype(np.float64)
    places, times = np.unique(np.stack([x, counts], axis=1), axis=0, return_counts=True)
    area = 90.0 * times / times.max() if times.max() > 1 else np.full(len(times), 20.0)
    axes.scatter(
        *places.T,
        s=np.maximum(area, 4.0),
        color=group_colour(0),
        alpha=0.75,
        linewidths=0,
        zorder=2,
    )
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
