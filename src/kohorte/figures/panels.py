"""Panels of points side by side, each with its colour bar or legend underneath, set in inches."""

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from kohorte.figures.groups import consensus_colour
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    MAX_GROUPS,
    MUTED,
    Powers,
    Style,
    fitting_legend,
    group_marker,
    marker_handle,
    new_figure,
    panel_title,
    plain_axes,
    plain_numbers,
    sequential_map,
    shorten,
    widen,
)

MAX_POINTS = 20_000
"""Points drawn in one panel; of more, an evenly random subset, the same on every run."""


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


class PanelRow:
    """A figure with panels side by side."""

    _LEFT, _RIGHT, _TOP, _LABELS, _BAR = 0.6, 0.1, 0.26, 0.48, 0.42

    def __init__(self, titles: Sequence[str], gap: float) -> None:
        """One panel per title, `gap` inches apart."""
        self.figure = new_figure(DOUBLE_COLUMN, 3.0, layout=None)
        self.panels = [self.figure.add_subplot(1, len(titles), k + 1) for k in range(len(titles))]
        for k, (axes, title) in enumerate(zip(self.panels, titles, strict=True)):
            panel_title(axes, "abcd"[k], title)
        self._gap = gap
        self._bars: dict[int, Axes] = {}
        self._legends: dict[int, Sequence[Artist]] = {}
        self._shapes: dict[int, tuple[float, float]] = {}
        self._note = ""

    def feature_axes(self, panel: int, names: Sequence[str]) -> None:
        """Label the axes of a panel with one or two features; labels of y at the left end only."""
        axes = self.panels[panel]
        axes.set_xlabel(shorten(names[0], 26))
        plain_axes(axes, 5, 5)
        if len(names) == 1:
            axes.set_yticks([])
        if panel == 0:
            axes.set_ylabel(shorten(names[1], 26) if len(names) == 2 else "(spread at random)")
        else:
            axes.tick_params(labelleft=False)

    def say_subset(self, n_shown: int, n_points: int, n_missing: int, step: int = 1) -> None:
        """State that only some points are drawn, or counted, where that is so."""
        notes = [] if step == 1 else [f"all numbers are of every {step}th point"]
        if n_shown < n_points:
            notes.append(f"{n_shown} of {n_points} points are drawn, chosen at random")
        if n_missing:
            notes.append(f"{n_missing} points miss a value of these features and are not drawn")
        self._note = "; ".join(notes)

    def colour_bar(self, panel: int, artist: PathCollection, label: str) -> None:
        """Put a colour bar under a panel."""
        self._bars[panel] = axes = self.figure.add_axes((0.1, 0.1, 0.2, 0.03))
        self.figure.colorbar(artist, cax=axes, orientation="horizontal").set_label(label)
        if isinstance(artist.norm, LogNorm):
            axes.xaxis.set_major_formatter(Powers())
        else:
            plain_numbers(axes.xaxis, 4)
        axes.xaxis.set_minor_formatter(NullFormatter())

    def legend(self, panel: int, entries: Sequence[Artist]) -> None:
        """Put a legend under a panel; nothing where there are no entries."""
        if entries:
            self._legends[panel] = entries

    def shape(self, panel: int, width: float, height: float) -> None:
        """Give a panel a share of the usual width and height; it hangs from the same top."""
        self._shapes[panel] = (width, height)

    def finish(self) -> None:
        """Place everything, once the legends are measured."""
        n, width = len(self.panels), DOUBLE_COLUMN
        room = width - self._LEFT - self._RIGHT - self._gap * (n - 1)
        side = min(room / n, 2.6)
        start = self._LEFT + (room - n * side) / 2
        drawn = {
            k: fitting_legend(self.figure, entries, side + 0.5 * self._gap, most=3)
            for k, entries in self._legends.items()
        }
        deepest = max([height for _, _, height in drawn.values()] + [self._BAR * bool(self._bars)])
        note = 0.18 if self._note else 0.0
        bottom = self._LABELS + deepest + 0.06 + note
        height = bottom + side + self._TOP
        self.figure.set_size_inches(width, height)
        for k, axes in enumerate(self.panels):
            x = start + k * (side + self._gap)
            across, up = self._shapes.get(k, (1.0, 1.0))
            y = bottom + side * (1 - up)
            axes.set_position((x / width, y / height, side * across / width, side * up / height))
            top = (y - self._LABELS) / height
            if k in self._bars:
                box = (x / width, top - 0.08 / height, side / width, 0.08 / height)
                self._bars[k].set_position(box)
            if k in drawn:
                anchor = ((x + side * across / 2) / width, top)
                drawn[k][0].set_bbox_to_anchor(anchor, self.figure.transFigure)
        if self._note:
            self.figure.text(0.08 / width, 0.06 / height, self._note, fontsize=7, va="bottom")


def draw_scale(
    axes: Axes,
    x: np.ndarray,
    y: np.ndarray,
    values: np.ndarray,
    limits: tuple[float, float],
    logarithmic: bool = False,
) -> PathCollection:
    """Points coloured by a number between limits; the artist is for a colour bar."""
    norm = (LogNorm if logarithmic else Normalize)(*widen(*limits))
    return axes.scatter(x, y, c=values, cmap=sequential_map(), norm=norm, **point_style(len(x)))


def draw_groups(
    axes: Axes,
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    shown: np.ndarray,
    names: Sequence[str],
    colours: Sequence[int] | None = None,
    none: str = "none",
) -> list[Line2D]:
    """Draw points with the colour and marker of their group, the largest group first.

    Of the (N,) places and `groups`, negative for none, those with the indices `shown` are drawn.
    `colours` gives the number of the colour of each group, its own by default. Returns legend
    entries with the number of points of each group (all, not only those drawn), and of points
    without one, which are called `none`.
    """
    colours = range(len(names)) if colours is None else colours
    sizes = np.bincount(groups[groups >= 0], minlength=len(names))
    order = np.argsort(-sizes, kind="stable")
    named = order if len(names) <= MAX_GROUPS else order[: MAX_GROUPS - 1]
    style = point_style(len(shown))
    drawn = groups[shown]
    others = shown[~np.isin(drawn, named)]
    axes.scatter(x[others], y[others], c=MUTED, marker=".", **style)
    for k in named:
        chosen = shown[drawn == k]
        colour, marker = consensus_colour(colours[k]), group_marker(colours[k])
        axes.scatter(x[chosen], y[chosen], c=colour, marker=marker, **style)
    entries = []
    for k in np.sort(named[sizes[named] > 0]):
        text, colour = f"{shorten(names[k], 18)} ({sizes[k]})", colours[k]
        entries.append(marker_handle(text, consensus_colour(colour), group_marker(colour)))
    rest = int(sizes.sum() - sizes[named].sum())
    if rest:
        text = f"{len(names) - len(named)} smaller groups ({rest})"
        entries.append(marker_handle(text, MUTED, ".", markeredgewidth=0))
    n_without = int((groups < 0).sum())
    if n_without:
        entries.append(marker_handle(f"{none} ({n_without})", MUTED, ".", markeredgewidth=0))
    return entries


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
