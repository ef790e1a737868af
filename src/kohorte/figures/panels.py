"""Panels of points side by side, each with its colour bar or legend underneath, set in inches."""

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize, to_rgb
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from kohorte.figures.cells import MapSize
from kohorte.figures.groups import consensus_colour
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    MAX_GROUPS,
    MUTED,
    NAME_ROOM,
    PAGE_HEIGHT,
    SMALL,
    Powers,
    Style,
    fitting_legend,
    further,
    group_marker,
    is_wide,
    log_axis,
    marker_handle,
    name_map,
    new_figure,
    panel_letter,
    panel_title,
    plain_axes,
    plain_numbers,
    plural,
    sequential_map,
    shorten,
    widen,
)

MAX_POINTS = 20_000
"""Points drawn one by one in a panel; more are counted in the cells of a grid."""


def fill_missing(points: np.ndarray) -> np.ndarray:
    """Return the (N, F) points with the mean of the feature in place of NaN, in their own dtype."""
    missing = np.isnan(points)
    if not missing.any():
        return points
    present = np.maximum((~missing).sum(axis=0), 1)
    means = np.where(missing, 0.0, points).sum(axis=0, dtype=np.float64) / present
    return np.where(missing, means, points).astype(points.dtype)


MOST_READ = 1_000_000
"""Points that figures of points are made from; of more, every second, third, ... is taken."""


def choose_step(n_points: int) -> int:
    """Return n where figures of so many points are made from every n-th: memory has a bound."""
    return max(1, -(-n_points // MOST_READ))


def choose_points(n_points: int) -> np.ndarray:
    """Choose indices of the points to draw, ascending; the same for the same number of points."""
    if n_points <= MAX_POINTS:
        return np.arange(n_points)
    chosen = np.random.default_rng(n_points).choice(n_points, MAX_POINTS, replace=False)
    return np.sort(chosen)


class PanelRows:
    """A figure with square panels side by side, in as many rows as the page makes of them."""

    _LEFT, _RIGHT, _TOP, _LABELS, _BAR = 0.6, 0.1, 0.26, 0.48, 0.42
    _LEAST = 1.5  # inches of a panel; where they would be smaller there are more rows
    _LARGEST = 2.6

    def __init__(
        self, titles: Sequence[str], gap: float, *, below: int = 0, realization: str | None = None
    ) -> None:
        """One panel for each title, `gap` inches apart, the last `below` of them in a row each."""
        self.figure = new_figure(DOUBLE_COLUMN, 3.0, layout=None)
        self._width = self.figure.get_figwidth()
        self._realization = realization
        across = len(titles) - below
        room = self._width - self._LEFT - self._RIGHT + gap
        columns = max(1, min(across, int(room / (self._LEAST + gap))))
        columns = -(-across // -(-across // columns))
        self._rows = [list(range(k, min(k + columns, across))) for k in range(0, across, columns)]
        self._rows += [[across + k] for k in range(below)]
        self.panels = [self.figure.add_subplot(1, len(titles), k + 1) for k in range(len(titles))]
        for k, (axes, title) in enumerate(zip(self.panels, titles, strict=True)):
            panel_title(axes, panel_letter(k) if len(titles) > 1 else "", title)
        self._gap = gap
        self._bars: dict[int, Axes] = {}
        self._legends: dict[int, Sequence[Artist]] = {}
        self._shapes: dict[int, MapSize] = {}
        self._note = ""

    def row_room(self) -> float:
        """Return the width in inches of a panel that has a row of its own."""
        return self._width - self._LEFT - self._RIGHT

    def side(self) -> float:
        """Return the width in inches of the panels of the first row."""
        return self._side_of(self._rows[0])

    def feature_axes(self, panel: int, names: Sequence[str]) -> None:
        """Label the axes of a panel with one or two features; labels of y at the left end only."""
        axes = self.panels[panel]
        axes.set_xlabel(shorten(names[0], 26))
        plain_axes(axes, 5, 5)
        if len(names) == 1:
            axes.set_yticks([])
        if any(panel == row[0] for row in self._rows):
            axes.set_ylabel(shorten(names[1], 26) if len(names) == 2 else "(spread at random)")
        else:
            axes.tick_params(labelleft=False)

    def say_subset(self, n_missing: int, step: int = 1) -> None:
        """State that points are missing, or only some are counted, where that is so."""
        notes = [] if step == 1 else [f"all numbers are of every {step}th point"]
        if n_missing:
            verb = "misses" if n_missing == 1 else "miss"
            verb += " a value of these features and " + ("is" if n_missing == 1 else "are")
            notes.append(f"{plural(n_missing, 'point')} {verb} not drawn")
        self._note = "; ".join(notes)

    def colour_bar(self, panel: int, artist: ScalarMappable, label: str) -> None:
        """Put a colour bar under a panel."""
        self._bars[panel] = axes = self.figure.add_axes((0.1, 0.1, 0.2, 0.03))
        self.figure.colorbar(artist, cax=axes, orientation="horizontal").set_label(label)
        if isinstance(artist.norm, LogNorm):
            short = not is_wide(np.array(artist.get_clim()), 50.0)
            if short:
                log_axis(axes, "x", whole=True)
            else:
                axes.xaxis.set_major_formatter(Powers())
        else:
            plain_numbers(axes.xaxis, 4)
        axes.xaxis.set_minor_formatter(NullFormatter())

    def legend(self, panel: int, entries: Sequence[Artist]) -> None:
        """Put a legend under a panel; nothing where there are no entries."""
        if entries:
            self._legends[panel] = entries

    def shape(self, panel: int, size: MapSize) -> None:
        """Give a panel the size of a map; it hangs from the same top as others of its row."""
        self._shapes[panel] = size

    def finish(self) -> None:
        """Place everything, once the legends are measured."""
        legends = {}
        for row in self._rows:
            side = self._side_of(row)
            room = side + 0.5 * self._gap if len(row) > 1 else self._width - 0.1
            for k in self._legends.keys() & set(row):
                legends[k] = fitting_legend(self.figure, self._legends[k], room, most=3)
        below = [
            max(
                [self._BAR * any(k in self._bars for k in row)]
                + [legends[k][2] for k in row if k in legends]
            )
            for row in self._rows
        ]
        talls = [
            max(self._shapes[k].height if k in self._shapes else self._side_of(row) for k in row)
            for row in self._rows
        ]
        note = 0.18 if self._note else 0.02
        top = NAME_ROOM if self._realization else 0.0
        around = top + note + sum(self._TOP + self._LABELS + room + 0.06 for room in below)
        shrink = min(1.0, (PAGE_HEIGHT - around) / sum(talls))  # so that all is on one page
        width, height = self._width, around + shrink * sum(talls)
        self.figure.set_size_inches(width, height)
        at = top
        for row, tall, room in zip(self._rows, talls, below, strict=True):
            n, side = len(row), self._side_of(row) * shrink
            start = self._LEFT + (self.row_room() - n * side - self._gap * (n - 1)) / 2
            for place, k in enumerate(row):
                size = self._shapes.get(k)
                across, up = (side, side)
                if size is not None:
                    across, up = size.width * shrink, size.height * shrink
                x = start + place * (side + self._gap)
                if n == 1:
                    x = self._LEFT + (self.row_room() - across) / 2
                y = height - at - self._TOP - up
                self.panels[k].set_position((x / width, y / height, across / width, up / height))
                below_it = (y - self._LABELS) / height
                if k in self._bars:
                    box = (x / width, below_it - 0.08 / height, across / width, 0.08 / height)
                    self._bars[k].set_position(box)
                if k in legends:
                    anchor = ((x + across / 2) / width, below_it)
                    legends[k][0].set_bbox_to_anchor(anchor, self.figure.transFigure)
            at += self._TOP + shrink * tall + self._LABELS + room + 0.06
        if self._note:
            self.figure.text(0.08 / width, 0.06 / height, self._note, fontsize=SMALL, va="bottom")
        name_map(self.figure, self._realization)

    def _side_of(self, row: Sequence[int]) -> float:
        """Width in inches of the square panels of a row."""
        n = len(row)
        return min((self.row_room() - self._gap * (n - 1)) / n, self._LARGEST)


def draw_scale(
    axes: Axes,
    x: np.ndarray,
    y: np.ndarray,
    values: np.ndarray,
    limits: tuple[float, float],
    logarithmic: bool = False,
) -> ScalarMappable:
    """Points coloured by a number between limits; the artist is for a colour bar.

    Where they are more than MAX_POINTS, cells of a grid have the mean of their points.
    """
    norm = (LogNorm if logarithmic else Normalize)(*widen(*limits))
    if len(x) <= MAX_POINTS:
        style = point_style(len(x)) | {"cmap": sequential_map(), "norm": norm}
        return axes.scatter(x, y, c=values, **style)
    cells, extent, size = _grid_cells(x, y)
    counts = np.bincount(cells, minlength=size)
    sums = np.bincount(cells, weights=values[np.isfinite(x) & np.isfinite(y)], minlength=size)
    means = np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)
    style = {"extent": extent, "aspect": "auto", "origin": "lower", "zorder": 1}
    style |= {"interpolation": "nearest"}
    image = np.ma.masked_invalid(means).reshape(GRID, GRID)
    return axes.imshow(image, cmap=sequential_map(), norm=norm, **style)


def draw_groups(
    axes: Axes,
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    names: Sequence[str],
    looks: Sequence[tuple[str, str]] | None = None,
    *,
    what: str = "group",
    none: str = "none",
    empty: bool = False,
) -> list[Line2D]:
    """Draw points with the colour and marker of their group, the largest group first.

    `groups` (N,) are negative for none. Of more than MAX_POINTS points the cells of a grid have the
    colour of their commonest group, darker the more points they hold. `looks` are colour and marker
    of each group, those of the consensus groups by default. Returns legend entries with the number
    of points of each group, which `what` calls a kind, and of points without one, which are called
    `none`; groups without points only where `empty` asks for them.
    """
    if looks is None:
        looks = [(consensus_colour(k), group_marker(k)) for k in range(len(names))]
    sizes = np.bincount(groups[groups >= 0], minlength=len(names))
    order = np.argsort(-sizes, kind="stable")
    order = order if empty else order[sizes[order] > 0]
    named = order if len(order) <= MAX_GROUPS else order[: MAX_GROUPS - 1]
    if len(x) > MAX_POINTS:
        _draw_majorities(axes, x, y, groups, named, [looks[k][0] for k in named])
    else:
        style = point_style(len(x))
        others = ~np.isin(groups, named)
        axes.scatter(x[others], y[others], c=MUTED, marker=".", **style)
        for k in named:
            chosen = groups == k
            axes.scatter(x[chosen], y[chosen], c=looks[k][0], marker=looks[k][1], **style)
    entries = []
    for k in np.sort(named):
        entries.append(marker_handle(f"{shorten(names[k], 18)} ({sizes[k]:,})", *looks[k]))
    rest = int(sizes.sum() - sizes[named].sum())
    if rest:
        text = further(len(order) - len(named), what, rest)
        entries.append(marker_handle(text, MUTED, ".", markeredgewidth=0))
    n_without = int((groups < 0).sum())
    if n_without:
        entries.append(marker_handle(f"{none} ({n_without:,})", MUTED, ".", markeredgewidth=0))
    return entries


GRID = 200
"""Cells of a side of the grid that many points are counted in."""


def _grid_cells(
    x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, tuple[float, float, float, float], int]:
    """Cell of each point that has a place, on GRID x GRID; extent of the grid, number of cells."""
    known = np.isfinite(x) & np.isfinite(y)
    places, extent = np.zeros(int(known.sum()), np.int64), []
    for values, stride in ((x[known], 1), (y[known], GRID)):
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        low, high = widen(low, high)
        place = (GRID * ((values - low) / (high - low))).astype(np.int64)
        places += stride * np.minimum(place, GRID - 1)
        extent += [low, high]
    return places, (extent[0], extent[1], extent[2], extent[3]), GRID * GRID


def _draw_majorities(
    axes: Axes,
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    named: np.ndarray,
    colours: Sequence[str],
) -> None:
    cells, extent, size = _grid_cells(x, y)
    known = groups[np.isfinite(x) & np.isfinite(y)]
    counts = np.stack(
        [np.bincount(cells[known == k], minlength=size) for k in named]
        + [np.bincount(cells[~np.isin(known, named)], minlength=size)]
    )
    total, commonest = counts.sum(axis=0), counts.argmax(axis=0)
    strength = np.log1p(total) / np.log1p(max(total.max(), 1))
    rgb = np.array([to_rgb(colour) for colour in [*colours, MUTED]])[commonest]
    opacity = np.where(total > 0, 0.3 + 0.7 * strength, 0.0)
    image = np.concatenate([rgb, opacity[:, None]], axis=1).reshape(GRID, GRID, 4)
    style: Style = {"aspect": "auto", "origin": "lower", "interpolation": "nearest", "zorder": 1}
    axes.imshow(image, extent=extent, **style)


def mark_points(
    axes: Axes, x: np.ndarray, y: np.ndarray, label: str, many: bool = False
) -> list[Line2D]:
    """Ring points, or cross them where they are many; legend entry."""
    if many:
        style: Style = {"marker": "x", "markersize": 2.0, "markeredgewidth": 0.4}
    else:
        style = {"marker": "o", "markersize": 6.5, "markeredgewidth": 0.9}
    style |= {"color": "none", "markeredgecolor": "#B00020", "linestyle": ""}
    axes.plot(x, y, rasterized=many, **style)
    return [Line2D([], [], label=label, **style)]


def point_style(n_points: int) -> Style:
    """Return size and edges of so many points, as arguments of a scatter."""
    return {
        "s": 16.0 if n_points <= 500 else 7.0 if n_points <= 4000 else 2.5,
        "linewidths": 0.2 if n_points <= 500 else 0.0,
        "edgecolors": INK,
        "rasterized": n_points > 1000,
    }
