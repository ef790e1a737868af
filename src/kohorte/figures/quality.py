"""Figure of the quality of all maps of a study, with the settings that it recommends."""

import re
import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kohorte.analysis.choice import INCOMPARABLE, describe_setting, error_units
from kohorte.figures.levels import (
    check_lengths,
    colour_by,
    colour_realizations,
    find_levels,
    telling_parameters,
)
from kohorte.figures.reading import Inputs, Parameters, find_representative
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    MARKERS,
    MIDDLE_COLUMN,
    MUTED,
    PAGE_HEIGHT,
    Style,
    fitting_columns,
    legend_below,
    marker_handle,
    new_figure,
    panel_grid,
    panel_letter,
    panel_title,
    paper_style,
    plain_axes,
)
from kohorte.figures.words import parameter_title, parameter_word


@paper_style()
def quality_figure(
    quantization_error: np.ndarray,
    topographic_error: np.ndarray,
    *,
    colour_by: Sequence[object] | np.ndarray | None = None,
    colour_name: str = "",
    marker_by: Sequence[object] | np.ndarray | None = None,
    marker_name: str = "",
    metric: Sequence[str] | None = None,
    settings: pd.DataFrame | None = None,
    highlight: int | None = None,
    highlight_label: str = "representative realization",
) -> Figure:
    """Draw topographic against quantization error, with Pareto front and recommended setting.

    Realizations in different metrics, whose quantization errors cannot be compared, have a panel
    for each metric. ConfigError where the arrays differ in length.

    Parameters
    ----------
    quantization_error, topographic_error
        (R,) mean distance of a point to its winner, in the units of the scaled features, and share
        of points whose two best nodes are not neighbours; NaN where it is not defined.
    colour_by, colour_name, marker_by, marker_name
        (R,) values of a parameter, numbers or texts, and its name; the same of a second one, shown
        by markers where it has at most 11 values.
    metric
        (R,) what the error of each realization is measured in, as `error_units` says; all
        euclidean by default.
    settings
        Table of settings as `kohorte.analysis.choice.choose_settings` gives it: their means are
        shown where there are repeats, and the front where it has several.
    highlight, highlight_label
        Index of a realization to point out, and what to call it.
    """
    qe, te = np.asarray(quantization_error), np.asarray(topographic_error)
    n = len(qe)
    metric = ["euclidean"] * n if metric is None else list(metric)
    check_lengths(n, topographic_error=te, colour_by=colour_by, marker_by=marker_by, metric=metric)
    names, panel = np.unique(metric, return_inverse=True)
    figure, grid = _make_panels(names.tolist())
    colouring = colour_realizations(n, colour_by, parameter_word(colour_name))
    handles: list[Artist] = [
        marker_handle(text, colour, MARKERS[0], 5) for text, colour in colouring.entries
    ]
    shape, entries = _find_shapes(n, marker_by, parameter_word(marker_name))
    handles += entries
    for k, axes in enumerate(grid):
        rows = np.flatnonzero(panel == k)
        _draw_realizations(axes, qe, te, rows, colouring.colours, shape)
        if settings is not None:
            chosen = settings if len(names) == 1 else settings[error_units(settings) == names[k]]
            handles += _draw_settings(axes, chosen)
    colouring.draw_bar(figure, grid, parameter_title(colour_name), pad=0.02, aspect=28)
    if highlight is not None:
        ring: Style = {"markersize": 11, "markeredgewidth": 1.4, "markeredgecolor": INK}
        ring |= {"marker": "o", "color": "none", "linestyle": ""}
        grid[panel[highlight]].plot(qe[highlight], te[highlight], zorder=4, **ring)
        handles.append(Line2D([], [], label=highlight_label, **ring))
    undefined = int(np.isnan(te).sum())
    if undefined:
        text = f"not shown: {undefined:,} of {n:,}, of one node (no topographic error)"
        handles.append(Line2D([], [], linestyle="", label=text))
    once = {handle.get_label(): handle for handle in handles}  # panels repeat theirs
    height = figure.get_figheight() + legend_below(figure, list(once.values()), most=3)
    figure.set_figheight(min(height, PAGE_HEIGHT))
    return figure


def draw_quality(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `quality` from the files of a study: coloured by a parameter, marked by the next."""
    realizations = pd.read_csv(inputs["realizations"])
    names = telling_parameters(realizations, parameters)
    names = [n for n in names if n not in INCOMPARABLE or n == parameters["color_by"]]
    marker = names[1] if len(names) > 1 else None
    return quality_figure(
        realizations["qe"].to_numpy(),
        realizations["te"].to_numpy(),
        marker_by=None if marker is None else realizations[marker].tolist(),
        marker_name=marker or "",
        metric=error_units(realizations).tolist(),
        settings=pd.read_csv(inputs["choice"]),
        highlight=find_representative(realizations, inputs),
        **colour_by(realizations, names),
    )


def _make_panels(metrics: Sequence[str]) -> tuple[Figure, np.ndarray]:
    """Make a figure with a panel for each metric, and its labelled axes."""
    columns = fitting_columns(min(len(metrics), 2), 2.4)
    rows = -(-len(metrics) // columns)
    alone = len(metrics) == 1
    figure = new_figure(*((MIDDLE_COLUMN, 3.2) if alone else (DOUBLE_COLUMN, 2.8 * rows)))
    grid = panel_grid(figure, len(metrics), columns)
    for k, (axes, name) in enumerate(zip(grid, metrics, strict=True)):
        if len(metrics) == 1:
            text = "" if name == "euclidean" else f"{name} distance, "
            axes.set_xlabel(f"Quantization error ({text}scaled)")
        else:
            panel_title(axes, panel_letter(k), name)
            axes.set_xlabel("Quantization error (scaled)")
        if k % columns == 0:
            axes.set_ylabel("Topographic error (share of points)")
    return figure, grid


def _find_shapes(
    n: int, values: Sequence[object] | np.ndarray | None, name: str
) -> tuple[np.ndarray, list[Artist]]:
    """Marker of each of n realizations by a parameter of few values, and legend entries."""
    shapes = None if values is None else find_levels(values)
    if shapes is None or not 1 < len(shapes.labels) <= len(MARKERS):
        return np.zeros(n, dtype=int), []
    return shapes.index, [
        marker_handle(f"{name} {text}", "white", MARKERS[k], 5, markeredgewidth=0.7)
        for k, text in enumerate(shapes.labels)
    ]


def _draw_realizations(
    axes: Axes,
    qe: np.ndarray,
    te: np.ndarray,
    rows: np.ndarray,
    colours: np.ndarray,
    shape: np.ndarray,
) -> None:
    """Draw the realizations of some rows as points, and fit the axes to them."""
    few, some = len(qe) <= 100, len(qe) <= 500
    style: Style = {"s": 26 if few else 12 if some else 6, "alpha": 0.7}
    for form in np.unique(shape[rows]):
        chosen = rows[shape[rows] == form]
        style |= {"c": colours[chosen], "marker": MARKERS[form]}
        axes.scatter(qe[chosen], te[chosen], linewidths=0.4, edgecolors=INK, zorder=2, **style)
    qe, te = qe[rows], te[rows]
    te = te[np.isfinite(te)] if np.isfinite(te).any() else np.zeros(1)
    plain_axes(axes, 6, 6)
    span = max(qe.max() - qe.min(), 0.02 * qe.max(), 1e-6)
    axes.set_xlim(qe.min() - 0.07 * span, qe.max() + 0.07 * span)
    top = max(1.1 * te.max(), 0.01)
    axes.set_ylim(-0.04 * top, top)
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= top])


def _draw_settings(axes: Axes, settings: pd.DataFrame) -> list[Artist]:
    """Means of settings with repeats, the Pareto front, the recommended setting; legend entries."""
    handles: list[Artist] = []
    if (settings["repeats"] > 1).any():
        style: Style = {"linestyle": "", "marker": "+", "markersize": 5, "markeredgewidth": 0.8}
        axes.plot(settings["qe_mean"], settings["te_mean"], color=INK, zorder=2.5, **style)
        handles.append(Line2D([], [], color=INK, label="mean of a setting", **style))
    front = settings[settings["pareto"] & settings["te_mean"].notna()].sort_values("qe_mean")
    if len(front) > 1:
        edge: Style = {"color": MUTED, "lw": 1.1, "zorder": 1.5, "drawstyle": "steps-post"}
        axes.plot(front["qe_mean"], front["te_mean"], **edge)
        handles.append(Line2D([], [], label="Pareto front", color=MUTED, lw=1.1))
    star: Style = {"linestyle": "", "marker": "*", "markersize": 12, "color": "#D55E00"}
    star |= {"markeredgecolor": "white", "markeredgewidth": 0.8}
    # Of one setting there is nothing to recommend.
    for _, chosen in settings[settings["recommended"] & (len(settings) > 1)].iterrows():
        axes.plot(chosen["qe_mean"], chosen["te_mean"], zorder=3, **star)
        # no line ends between a name and its value
        setting = describe_setting(chosen, parameter_word).replace(" ", "\N{NO-BREAK SPACE}")
        setting = setting.replace(",\N{NO-BREAK SPACE}", ", ")
        setting = re.sub(r"(?<![\d.])\d{4,}\b", lambda found: f"{int(found[0]):,}", setting)
        text = textwrap.fill(f"recommended: {setting}", 56)
        handles.append(Line2D([], [], label=text, **star))
    return handles
