"""Lattice nodes as cells on paper: polygons, boundaries between clusters, lines, map axes.

A topology is drawn by corners and symbol of its cell; nothing else in the figures depends on it.
A periodic lattice is drawn as one period: what crosses a border goes on at the opposite one.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Colormap
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon
from matplotlib.path import Path
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import MaxNLocator

from kohorte.errors import ConfigError
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    EMPTY,
    INK,
    NAME_ROOM,
    TICK_STEPS,
    Style,
    add_cells,
    add_lines,
    find_renderer,
    fitting_legend,
    name_map,
    new_figure,
    page_width,
    plain_numbers,
    widen,
)
from kohorte.maps.lattice import ROW_HEIGHT, TOPOLOGIES, Lattice

_TIP = ROW_HEIGHT * 2 / 3
CORNERS = {
    "rectangular": np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]),
    "hexagonal": np.array([[-0.5, -0.5], [0, -1], [0.5, -0.5], [0.5, 0.5], [0, 1], [-0.5, 0.5]])
    * [1, _TIP],
}
"""Corners (V, 2) of a cell around its node, in lattice units, for each topology.

They go round from the lower left one; the first V/2 are those of the lower side, the others those
of the upper side."""

SYMBOLS = {"rectangular": ("s", 1.0), "hexagonal": ("h", 1 / ROW_HEIGHT)}
"""Marker in the shape of a cell, and its size over the width of the cell, for each topology."""

MANY_CELLS = 1000
"""Above this many, cells are rasterized in a PDF."""


def cell_polygons(lattice: Lattice) -> np.ndarray:
    """Return the (M, V, 2) float64 corners of the cells of M nodes, in lattice units.

    ConfigError where no cell is known for the topology.
    """
    if lattice.topology not in CORNERS:
        raise ConfigError(
            f"cannot draw a lattice of topology {lattice.topology!r}: "
            f"cells are known for {', '.join(CORNERS)}"
        )
    return np.asarray(lattice.coordinates())[:, None, :] + CORNERS[lattice.topology]


def boundary_segments(lattice: Lattice, ids: np.ndarray) -> np.ndarray:
    """Return (S, 2, 2) float64 end points of the edges shared by two cells of different ids.

    `ids` are (M,) cells, clusters or basins. On a periodic lattice also the edges along the
    borders, once at each of the two.
    """
    polygons, ids = cell_polygons(lattice), np.asarray(ids)
    edges = np.stack([polygons, np.roll(polygons, -1, axis=1)], axis=2).reshape(-1, 2, 2)
    owner = np.repeat(np.arange(lattice.n_nodes), polygons.shape[1])
    # Cells share an edge where its middle is the same place. Middles lie half way to the next
    # node, on a grid of a quarter column and half a row, so that whole numbers tell them apart.
    grid = np.array([0.25, TOPOLOGIES[lattice.topology].row_height / 2])
    places = np.rint(edges.mean(axis=1) / grid).astype(np.int64)
    home = places.copy()
    for axis, period in enumerate(lattice.periods):
        if np.isfinite(period):
            home[:, axis] %= round(period / grid[axis])
    order = np.lexsort(home.T)
    first, second = order[:-1], order[1:]
    shared = (home[first] == home[second]).all(axis=1)
    between = shared & (ids[owner[first]] != ids[owner[second]])
    first, second = first[between], second[between]
    across = (places[first] != places[second]).any(axis=1)
    return edges[np.sort(np.append(first, second[across]))]


def map_outline(lattice: Lattice) -> np.ndarray:
    """Polygon around all cells, (V, 2) float64, counterclockwise."""
    cells = cell_polygons(lattice).reshape(lattice.ydim, lattice.xdim, -1, 2)
    half = cells.shape[2] // 2
    lower, right = cells[0, :, :half], cells[:, -1, half - 1 : half + 1]
    sides = (lower, right, cells[-1, ::-1, half:], cells[::-1, 0, [-1, 0]])
    return np.vstack([side.reshape(-1, 2) for side in sides])


def straight_lines(lattice: Lattice, origins: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return straight lines between nodes, the short way over the borders of a periodic lattice.

    They are (S, 2, 2) float64 end points, S >= L, for (L,) `origins` and `targets`. A line that
    crosses a border is given once for each part of it that lies on the map, whole and moved by the
    period: what shows of these is left to `clip_to_map`.
    """
    at = np.asarray(lattice.coordinates())
    steps = lattice.steps_between(origins, targets)
    lines = np.stack([at[origins], at[origins] + steps], axis=1)
    detour = lines[:, 1] - at[targets]  # whole periods between the end of a line and its node
    crosses = np.abs(detour) > 0.5
    parts = [lines]
    for axes in ([0], [1], [0, 1]):
        crossing = crosses[:, axes].all(axis=1)
        moved = lines[crossing]
        moved[..., axes] -= detour[crossing][:, None, axes]
        parts.append(moved)
    return np.vstack(parts)


def clip_to_map(lines: LineCollection, axes: Axes, lattice: Lattice) -> None:
    """Hide what lies outside the cells; needed only where lines cross the borders of a map."""
    if lattice.periodic:
        lines.set_clip_path(Path(map_outline(lattice), closed=False), axes.transData)


@dataclass(frozen=True)
class MapSize:
    """Size of a map on paper, in inches; `cell` is the width of one lattice unit.

    The cells of a very long lattice are stretched, or it would be too thin to read: what is round
    on paper has `roundness` times the height of its width in lattice units.
    """

    width: float
    height: float
    cell: float
    roundness: float

    @property
    def symbol(self) -> float:
        """Width in lattice units of the largest round symbol that its cell holds."""
        return min(1.0, 1.0 / self.roundness)


def fit_map(
    lattice: Lattice, width: float, height: float, *, largest_cell: float = 0.45, longest: float = 5
) -> MapSize:
    """Largest size of a map within width x height inches.

    A small lattice does not fill the room: its cells are at most `largest_cell` inches wide. Cells
    are stretched where the ratio of the sides is beyond `longest`.
    """
    low, high = _extent(cell_polygons(lattice))
    span = high - low
    ratio = span[1] / span[0]
    shown = float(np.clip(ratio, 1 / longest, longest))
    across = min(width, height / shown)
    if np.isclose(shown, ratio):
        across = min(across, largest_cell * span[0])
    return MapSize(across, across * shown, across / span[0], ratio / shown)


def map_axes(axes: Axes, lattice: Lattice, *, labels: bool = True) -> None:
    """Limits, frame, and axis labels of a map; its size is that given to the axes."""
    low, high = _extent(cell_polygons(lattice))
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes.spines[:].set_visible(False)
    frame = Polygon(map_outline(lattice), fill=False, ec=INK, lw=0.6, clip_on=False, zorder=2.5)
    axes.add_patch(frame)
    across = (axes.xaxis, "Column x", 8, lattice.xdim, 1.0)
    up = (axes.yaxis, "Row y", 6, lattice.ydim, TOPOLOGIES[lattice.topology].row_height)
    for axis, name, bins, count, spacing in (across, up):
        axis.set_ticks([])
        if labels and count > 1:
            axis.set_label_text(f"{name} (periodic)" if lattice.periodic else name)
            ticks = MaxNLocator(bins, integer=True, min_n_ticks=1, steps=TICK_STEPS).tick_values(
                0, count - 1
            )
            ticks = [round(tick) for tick in ticks if 0 <= tick < count]
            axis.set_ticks([tick * spacing for tick in ticks], [str(tick) for tick in ticks])


class MapPage:
    """A figure with one map, its colour bar and the legends under it, laid out in inches."""

    _LEFT, _TOP, _AXIS, _BAR = 0.55, 0.12, 0.44, 0.12

    def __init__(
        self, lattice: Lattice, realization: str | None = None, label: str | None = None
    ) -> None:
        """Place a map of a `lattice`, that of the `realization` with this id.

        `label` is that of the colour bar to the right, if there will be one.
        """
        lines: list[str] = []
        for _ in range(2):  # the height of the map breaks the label, whose lines take its width
            bar = 0.1 + self._BAR + 0.46 + 0.14 * len(lines)
            self._beside = 0.15 if label is None else bar
            room = page_width(DOUBLE_COLUMN) - self._LEFT - self._beside
            self.size = fit_map(lattice, room, 5.6)
            lines = textwrap.wrap(label or "", max(int(self.size.height / 0.066), 12))
        self._label = "\n".join(lines)
        self._realization = realization
        self._top = self._TOP + (NAME_ROOM if realization else 0.0)
        self.figure = new_figure(DOUBLE_COLUMN, self.size.height + 1.0, layout=None)
        self.axes = self.figure.add_axes((0.1, 0.1, 0.5, 0.5))
        map_axes(self.axes, lattice)
        self._bar: Axes | None = None

    def colour_bar(self, cells: PolyCollection, extend: str = "neither") -> None:
        """Add the colour bar to the right of the map; `extend` says where values lie beyond it."""
        self._bar = self.figure.add_axes((0.7, 0.1, 0.1, 0.5))
        bar = self.figure.colorbar(cells, cax=self._bar, extend=extend, extendfrac=0.03)
        bar.set_label(self._label)
        plain_numbers(self._bar.yaxis, 6)

    def finish(
        self, entries: Sequence[Artist], sizes: Sequence[tuple[str, float]] = (), **marker: Any
    ) -> None:
        """Place everything, with a legend below the map and a key of symbol sizes below that.

        The key has the texts and widths, in points, of `sizes`; `marker` are properties of its
        symbols.
        """
        size = self.size
        needed = self._LEFT + size.width + self._beside
        width = page_width(needed)
        left = self._LEFT + (width - needed) / 2
        self.figure.set_size_inches(width, size.height + 1.0)
        legend, legend_height = None, 0.0
        if entries:
            legend, _, legend_height = fitting_legend(self.figure, entries)
        key_height = max((points for _, points in sizes), default=0.0) / 72
        key_height = max(key_height, 0.12) + 0.06 if sizes else 0.0
        below = self._AXIS + legend_height + key_height + 0.04
        height = below + size.height + self._top
        self.figure.set_size_inches(width, height)
        across, up = size.width / width, size.height / height
        self.axes.set_position((left / width, below / height, across, up))
        if self._bar is not None:
            x = (left + size.width + 0.1) / width
            self._bar.set_position((x, below / height, self._BAR / width, up))
        if legend is not None:
            anchor = (0.5, (below - self._AXIS) / height)
            legend.set_bbox_to_anchor(anchor, self.figure.transFigure)
        if sizes:
            self._size_key(sizes, 0.04 + key_height / 2, marker)
        name_map(self.figure, self._realization)

    def _size_key(
        self, sizes: Sequence[tuple[str, float]], y: float, marker: dict[str, Any]
    ) -> None:
        """Draw a row of symbols with their texts, centred, y inches above the lower edge."""
        figure = self.figure
        renderer = find_renderer(figure)
        width, height = figure.get_size_inches()
        texts = [figure.text(0, y / height, label, va="center", fontsize=7) for label, _ in sizes]
        lengths = [text.get_window_extent(renderer).width / figure.dpi for text in texts]
        x = (width - sum(lengths) - sum(points / 72 + 0.25 for _, points in sizes) + 0.18) / 2
        for text, length, (_, points) in zip(texts, lengths, sizes, strict=True):
            place: Style = {"linestyle": "", "transform": figure.transFigure}
            place |= {"markersize": points, **marker}
            figure.add_artist(Line2D([(x + points / 144) / width], [y / height], **place))
            x += points / 72 + 0.07
            text.set_x(x / width)
            x += length + 0.18


def draw_values(
    axes: Axes,
    polygons: np.ndarray,
    values: np.ndarray,
    cmap: Colormap,
    limits: tuple[float, float] | None = None,
    rasterize: bool | None = None,
) -> PolyCollection:
    """Fill cells by value; nodes whose value is not finite get the colour of no data."""
    if rasterize is None:
        rasterize = len(polygons) > MANY_CELLS
    values = np.asarray(values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if limits is None:
        limits = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    shown, colours = np.ma.masked_invalid(values), cmap.with_extremes(bad=EMPTY)
    cells = fill_cells(axes, polygons, rasterize, array=shown, cmap=colours)
    cells.set_clim(*widen(*limits))
    return cells


def fill_cells(axes: Axes, polygons: np.ndarray, rasterize: bool, **colours: Any) -> PolyCollection:
    """Fill cells without gaps between them: in an image, or with a hairline around each."""
    if rasterize:  # neighbouring pixels leave no gaps
        colours |= {"rasterized": True, "antialiased": False}
    edges, width = ("none", 0.0) if rasterize else ("face", 0.2)
    return add_cells(axes, polygons, edgecolors=edges, linewidths=width, **colours)


def draw_boundaries(
    axes: Axes, lattice: Lattice, ids: np.ndarray, width: float = 1.6
) -> LineCollection | None:
    """Lines between cells of different ids, dark with a light rim; None where there are none."""
    segments = boundary_segments(lattice, ids)
    if not len(segments):
        return None
    rim = [Stroke(linewidth=width * 1.75, foreground="white"), Normal()]
    style: Style = {"colors": INK, "linewidths": width, "capstyle": "round", "zorder": 3}
    # Half of a line along the border lies outside.
    return add_lines(axes, segments, path_effects=rim, clip_on=not lattice.periodic, **style)


def _extent(polygons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower left and upper right corner of all cells."""
    corners = polygons.reshape(-1, 2)
    return corners.min(axis=0), corners.max(axis=0)
