"""Figure of the consensus groups against the number asked for: a tree of circles."""

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kohorte import store
from kohorte.errors import ConfigError
from kohorte.figures.groups import consensus_colour, consensus_title
from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    EMPTY,
    INK,
    MAX_GROUPS,
    MUTED,
    SMALL,
    Style,
    add_lines,
    further,
    legend_below,
    line_colour,
    marker_handle,
    new_figure,
    paper_style,
    plural,
)

_COLUMNS = ["groups", "group", "points", "final"]
_ROW = 0.44  # inches from one number of groups to the next
_LARGEST, _SMALLEST = 26.0, 2.5  # diameters of circles, points
_INSIDE = 11.0  # diameter that holds the number of its group
_WIDEST = 12.0  # line of all points
_LEAST = 0.01  # share of all points below which a line is left out, but for the widest of a group


@paper_style()
def splits_figure(table: pd.DataFrame, chosen: int | None = None) -> Figure:
    """Draw which group splits into which: a row of circles for each number of groups.

    `table` is that of `kohorte.analysis.splits.split_table`; `chosen`, the number of groups of the
    study, has its row shaded. Groups are placed by the mean place of their parents, so that few
    lines cross; beside the widest line to each group only those of 1 % of the points or more are
    drawn. ConfigError for a table without rows.
    """
    if not len(table):
        raise ConfigError("there are no groups to draw: a single realization splits into none")
    numbers, groups, points, final = table[_COLUMNS].to_numpy(np.int64).T
    parents = table["parent"].fillna(-1).to_numpy(np.int64)
    # A group has a row for each of its parents.
    nodes, first, place = np.unique(
        np.stack([numbers, groups]), axis=1, return_index=True, return_inverse=True
    )
    y, of = nodes
    held = np.bincount(place.ravel(), weights=points)
    total, most = held[0], int(numbers.max())
    x = _place(numbers, groups, parents, points)
    figure = new_figure(DOUBLE_COLUMN, 0.9 + _ROW * most)
    axes = figure.add_subplot()
    if chosen is not None and chosen <= most:
        axes.axhspan(chosen - 0.5, chosen + 0.5, color=EMPTY, lw=0, zorder=0)

    ranked = np.unique(final).tolist()
    named = ranked[:MAX_GROUPS]
    colours = [consensus_colour(g) if g in named else MUTED for g in final.tolist()]
    edges = np.flatnonzero(parents >= 0)
    edges = edges[np.argsort(-points[edges], kind="stable")]
    widest = np.zeros(len(points), dtype=bool)
    widest[edges[np.unique(place.ravel()[edges], return_index=True)[1]]] = True
    every, edges = len(edges), edges[widest[edges] | (points[edges] >= _LEAST * total)]
    ends = [((numbers[e] - 1, parents[e]), (numbers[e], groups[e])) for e in edges]
    add_lines(
        axes,
        [[(x[above], above[0]), (x[below], below[0])] for above, below in ends],
        colors=[line_colour(colours[e]) for e in edges],
        linewidths=np.maximum(_WIDEST * points[edges] / total, 0.4),
        alpha=0.45,
        zorder=1,
    )
    at = np.array([x[node] for node in zip(*nodes, strict=True)])
    size = np.maximum(np.sqrt(held / total) * _LARGEST, _SMALLEST)
    circles: Style = {"c": [colours[k] for k in first], "edgecolors": INK, "linewidths": 0.4}
    axes.scatter(at, y, s=size**2, zorder=2, **circles)
    for group, px, py, diameter in zip(of, at, y, size, strict=True):
        inside = diameter >= _INSIDE
        box = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.8}
        axes.annotate(
            str(group),
            (px, py),
            (0.0 if inside else diameter / 2 + 1.5, 0.0),
            textcoords="offset points",
            ha="center" if inside else "left",
            va="center_baseline",
            fontsize=SMALL,
            zorder=3,
            bbox=box if inside else None,
        )
    axes.set(xlim=(0, 1), ylim=(most + 0.6, 0.4), xticks=[], yticks=range(1, most + 1))
    axes.spines["bottom"].set_visible(False)
    axes.set_ylabel("Number of groups asked for" if most > 3 else "Groups")
    handles: list[Artist] = [
        marker_handle(f"{consensus_title(g)} of the study", consensus_colour(g), "o") for g in named
    ]
    if len(ranked) > len(named):
        text = further(len(ranked) - len(named), "group")
        handles.append(marker_handle(text, MUTED, "o"))
    if chosen is not None and chosen <= most:
        text = f"{plural(chosen, 'group')}, as the study has"
        handles.append(Line2D([], [], color=EMPTY, lw=6, label=text))
    if len(edges) < every:
        lines = plural(every - len(edges), "line")
        text = f"{lines} of under {100 * _LEAST:g} % of the points left out"
        handles.append(Line2D([], [], ls="", label=text))
    legend_below(figure, handles, most=4)
    return figure


def draw_splits(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `splits` from the files of a study."""
    with store.read_result(inputs["ensemble"], "ensemble") as file:
        chosen = int(file["points"].attrs["groups_with_points"])
    return splits_figure(pd.read_csv(inputs["splits"]), chosen)


def _place(
    numbers: np.ndarray, groups: np.ndarray, parents: np.ndarray, points: np.ndarray
) -> dict[tuple[int, int], float]:
    """Return the place of each group of each number, from 0 to 1."""
    places = {(1, 0): 0.5}
    for k in range(2, int(numbers.max()) + 1):
        rows = numbers == k
        above = [places[k - 1, p] for p in parents[rows].tolist()]
        mean = np.bincount(groups[rows], points[rows] * above) / np.bincount(
            groups[rows], points[rows]
        )
        order = np.argsort(mean.round(9), kind="stable")
        places |= {(k, g): (rank + 0.5) / k for rank, g in enumerate(order.tolist())}
    return places
