"""The figure of a grid: where on it the consensus groups are, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch

from kohorte import store
from kohorte.data.table import Cells
from kohorte.errors import ConfigError
from kohorte.figures.groups import consensus_colour, consensus_title
from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    EMPTY,
    INK,
    SINGLE_COLUMN,
    new_figure,
    paper_style,
    plain_numbers,
    sequential_map,
)

#: Cells that are drawn along a side: of more, every second, third, ...
_MOST_CELLS = 1000

#: Height of a panel to its width; cells of a longer grid are not drawn square.
_LEAST_HEIGHT = 0.15

#: Entries of the legend.
_MOST_GROUPS = 12


@paper_style()
def group_map_figure(
    labels: np.ndarray, rows: np.ndarray, cells: Cells | None, confidence: np.ndarray
) -> Figure:
    """Draw groups on the grid that the points are cells of and, where it varies, their confidence.

    Of three axes the middle of the first is drawn. North is up: an axis y whose coordinates rise is
    drawn upwards. Where the points are no cells the figure says so in words.

    Parameters
    ----------
    labels, confidence
        (N,) consensus group of each point, -1 for none, and share of votes.
    rows
        (N,) which cell, in C order, each point is.
    cells
        The grid.
    """
    if cells is None:
        figure = new_figure(SINGLE_COLUMN, 1.0)
        figure.text(0.5, 0.5, "The points are no cells of a grid.", ha="center", va="center")
        return figure
    if len(rows) and int(rows[-1]) >= math.prod(cells.shape):
        raise ConfigError(f"a grid of shape {list(cells.shape)} has no cell {int(rows[-1])}")
    labels = np.asarray(labels, dtype=np.int64)
    groups = _on_grid(labels, rows, cells.shape, -1)
    sure = _on_grid(np.asarray(confidence, dtype=np.float64), rows, cells.shape, np.nan)
    shows_sure = bool(np.nanmin(sure, initial=1.0) < 1.0)
    tall, wide = groups.shape
    panels = 1 + shows_sure
    # One row for upright grids, one below the other for long ones.
    columns = panels if wide < 2 * tall else 1
    width = DOUBLE_COLUMN if panels > 1 or wide > 1.3 * tall else SINGLE_COLUMN
    side = (width - 0.65 * shows_sure) / columns - 0.6  # beside the panels is a colour bar
    side *= min(1.6, max(_LEAST_HEIGHT, tall / wide))
    figure = new_figure(width, (panels // columns) * (side + 0.6) + 0.5)
    axes = np.ravel(figure.subplots(panels // columns, columns, squeeze=False))
    step = max(1, -(-max(groups.shape) // _MOST_CELLS))
    _draw_groups(axes[0], groups[::step, ::step], cells)
    if shows_sure:
        low = min(np.floor(float(np.nanmin(sure)) * 10) / 10, 0.9)
        colours = sequential_map().with_extremes(bad=EMPTY)
        image = _image(axes[1], sure[::step, ::step], cells, cmap=colours, vmin=low, vmax=1.0)
        bar = figure.colorbar(image, ax=list(axes), location="right", aspect=30, shrink=0.8)
        bar.set_label("Share of votes for the group")
        axes[0].set_title("a", loc="left", fontweight="bold")
        axes[1].set_title("b", loc="left", fontweight="bold")
    figure.legend(handles=_entries(labels, groups), loc="outside lower center", ncols=4)
    return figure


def draw_group_map(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `group_map` from the files of a study."""
    table = store.read_data(inputs["data"], mapped=True)
    points = store.read_ensemble(inputs["ensemble"], points=True).points
    return group_map_figure(points.label, table.rows, table.cells, points.confidence)


def _on_grid(
    values: np.ndarray, rows: np.ndarray, shape: Sequence[int], empty: float
) -> np.ndarray:
    """Return (rows, columns) values of the cells; of three axes the middle of the first."""
    whole = np.full(math.prod(shape), empty, dtype=values.dtype)
    whole[rows] = values
    found = whole.reshape(shape)
    return found[shape[0] // 2] if len(shape) == 3 else found


def _draw_groups(axes: Axes, groups: np.ndarray, cells: Cells) -> None:
    colours = np.array(
        [to_rgba(consensus_colour(k)) for k in range(int(groups.max(initial=0)) + 1)]
    )
    colours = np.vstack([colours, to_rgba(EMPTY)])  # the last is that of -1
    _image(axes, colours[groups], cells)


def _image(axes: Axes, values: np.ndarray, cells: Cells, **options: Any) -> AxesImage:
    """Draw cells, with coordinates where they are evenly spaced, and return the image."""
    names = (cells.axes or ("y", "x"))[-2:]
    spans = [cells.span(axis) for axis in (-2, -1)]
    known = all(span is not None for span in spans)
    (top, bottom), (left, right) = [
        span if known and span is not None else (-0.5, n - 0.5)
        for span, n in zip(spans, cells.shape[-2:], strict=True)
    ]
    image = axes.imshow(
        values,
        extent=(left, right, bottom, top),
        interpolation="nearest",
        rasterized=True,
        aspect="equal" if abs(bottom - top) >= _LEAST_HEIGHT * abs(right - left) else "auto",
        **options,
    )
    if known and top < bottom:
        axes.invert_yaxis()
    if known and left > right:
        axes.invert_xaxis()
    for which, name, axis in (("y", names[0], axes.yaxis), ("x", names[1], axes.xaxis)):
        unit = cells.units.get(name, "")
        cell = "row" if which == "y" else "column"
        shown = f"{name} ({unit})" if known and unit else name if known else f"{name} ({cell})"
        getattr(axes, f"set_{which}label")(shown)
        plain_numbers(axis, 4)
    return image


def _entries(labels: np.ndarray, groups: np.ndarray) -> list[Artist]:
    """Return an entry for each of the largest groups, and for cells that are no points."""
    sizes = np.bincount(labels[labels >= 0])
    order = [int(k) for k in np.argsort(-sizes, kind="stable") if sizes[k]]
    entries: list[Artist] = [
        Patch(fc=consensus_colour(k), ec=INK, lw=0.3, label=f"{consensus_title(k)} ({sizes[k]:,})")
        for k in order[:_MOST_GROUPS]
    ]
    if len(order) > _MOST_GROUPS:
        left = len(order) - _MOST_GROUPS
        entries.append(Patch(fc="none", ec="none", label=f"{left} further groups"))
    if (groups < 0).any():
        entries.append(Patch(fc=EMPTY, ec=INK, lw=0.3, label="no data"))
    return entries
