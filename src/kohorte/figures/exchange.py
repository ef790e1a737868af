"""Figure of which consensus groups exchange points: second choice of the votes against first."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kohorte.analysis.exchange import exchange_matrix, read_exchange
from kohorte.figures.groups import consensus_colour, consensus_title
from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    EMPTY,
    INK,
    Style,
    colour_bar,
    further,
    group_marker,
    new_figure,
    page_width,
    paper_style,
    place_axes,
    plain_numbers,
    sequential_map,
    shorten,
)

MOST_GROUPS = 40
"""Groups that are drawn; of more those that give and get most votes."""

_ROOM = 0.85  # inches left of the cells and above them
_BESIDE, _BESIDE_NOTE = 1.0, 1.3  # inches for the colour bar and its text, or the note in its place


@paper_style()
def exchange_figure(table: pd.DataFrame) -> Figure:
    """Draw the first choice of the votes (rows) against the second one (columns), in cells.

    The colour of a cell is the share of all votes of the points of a group that the second choice
    gets; its numbers are the points, and in parentheses those of them in doubt. The last column is
    of points that have all votes. `table` is that of `kohorte.analysis.exchange.exchange_table`.
    """
    groups, points = exchange_matrix(table)
    doubtful = exchange_matrix(table, "doubtful")[1].astype(int)
    sizes = points.sum(axis=1)
    given = points * exchange_matrix(table, "mean_second_share")[1]
    left_out = max(0, len(groups) - MOST_GROUPS)
    if left_out:
        moved = given[:, :-1].sum(axis=1) + given[:, :-1].sum(axis=0)
        kept = np.sort(np.argsort(-moved.round(9), kind="stable")[:MOST_GROUPS])
        columns = [*kept, -1]
        groups, sizes = groups[kept], sizes[kept]
        shown = np.ix_(kept, columns)
        points, doubtful, given = points[shown], doubtful[shown], given[shown]
    n = len(groups)
    share = 100 * given / np.maximum(sizes, 1)[:, None]
    share[np.arange(n), np.arange(n)] = share[:, -1] = np.nan  # no choice beside the first
    rows = np.flatnonzero(sizes > 0)  # a group may win votes and no point
    share, points, doubtful, sizes = (x[rows] for x in (share, points, doubtful, sizes))

    has_scale = np.nanmax(share, initial=0.0) > 0
    around = _ROOM + (_BESIDE if has_scale else _BESIDE_NOTE)
    across = page_width(around + 0.42 * (n + 1))
    cell = float(np.clip((across - around) / (n + 1), 0.02, 0.62))
    width, height = cell * (n + 1), cell * len(rows)
    start = _ROOM + max(0.0, (across - around - width) / 2)
    below = 0.12 + 0.18 * (left_out > 0)
    page = (across, max(_ROOM + height + below, 2.0))
    figure = new_figure(*page, layout=None)
    axes = place_axes(figure, page, start, page[1] - _ROOM - height, width, height)
    drawn = axes.imshow(
        np.ma.masked_invalid(share),
        cmap=sequential_map("YlOrBr", 0.0, 0.85).with_extremes(bad=EMPTY),
        vmin=0,
        vmax=max(float(np.nanmax(share, initial=0.0)), 1.0),
        aspect="auto",
        interpolation="nearest",
    )
    axes.spines[:].set_visible(False)
    axes.set(xticks=[], yticks=[])
    if cell > 0.2:
        axes.set_xticks(np.arange(n + 2) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", lw=0.8)
        axes.tick_params(which="minor", length=0)
        _write_points(axes, points, doubtful, share, cell)
    _name_groups(axes, groups, rows, sizes, cell)
    if has_scale:
        bar = min(1.5, max(height, 1.0))
        top = page[1] - _ROOM
        place = place_axes(figure, page, start + width + 0.14, top - bar, 0.09, bar)
        colour_bar(figure, drawn, "Votes that the second\nchoice gets (%)", None, cax=place)
        plain_numbers(place.yaxis, 4)
    else:
        text = "all votes of all points\nare for their group"
        at = (start + width + 0.14) / page[0], 1 - _ROOM / page[1]
        figure.text(*at, text, va="top", fontsize=6.5)
    if left_out:
        text = f"{further(left_out, 'group')}, with fewer such votes, not shown"
        figure.text(0.06 / page[0], 0.06 / page[1], text, fontsize=6.5)
    return figure


def draw_exchange(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `exchange` from the files of a study."""
    return exchange_figure(read_exchange(inputs["exchange"]))


def _write_points(
    axes: Axes, points: np.ndarray, doubtful: np.ndarray, share: np.ndarray, cell: float
) -> None:
    size = 6.5 if cell > 0.4 else 5.0
    dark = np.nanmax(share, initial=0.0) * 0.72
    for i, j in np.argwhere(points > 0):
        of_these = f"\n({doubtful[i, j]:,})" if doubtful[i, j] else ""
        colour = "white" if share[i, j] > dark else INK
        style: Style = {"fontsize": size, "color": colour, "linespacing": 0.95}
        axes.text(j, i, f"{int(points[i, j]):,}{of_these}", ha="center", va="center", **style)


def _name_groups(
    axes: Axes, groups: np.ndarray, rows: np.ndarray, sizes: np.ndarray, cell: float
) -> None:
    """Write marker and number of each group beside its row, with its size, and above its column.

    `rows` are the places of those groups that have a row, of the `sizes`.
    """
    few, inch = cell >= 0.3, 1 / cell  # places are in cells
    font: Style = {"fontsize": 6.5 if few else 5.0, "clip_on": False}
    mark: Style = {"ls": "", "ms": min(5.0, 40 * cell), "mec": INK, "mew": 0.3, "clip_on": False}
    for row, group in enumerate(groups[rows]):
        mark |= {"marker": group_marker(group), "color": consensus_colour(group)}
        axes.plot(-0.5 - 0.08 * inch, row, **mark)
        name = (
            f"{shorten(consensus_title(group), 12)}\n({int(sizes[row]):,})" if few else f"{group}"
        )
        axes.text(-0.5 - 0.17 * inch, row, name, ha="right", va="center", **font)
    for k, group in enumerate(groups):
        mark |= {"marker": group_marker(group), "color": consensus_colour(group)}
        axes.plot(k, -0.5 - 0.08 * inch, **mark)
        above = shorten(consensus_title(group), 12) if cell > 0.5 else f"{group}"
        axes.text(k, -0.5 - 0.17 * inch, above, ha="center", va="bottom", **font)
    last = "none:\nall votes" if few else "all votes"
    turned = 0 if few else 90
    axes.text(
        len(groups), -0.5 - 0.08 * inch, last, rotation=turned, ha="center", va="bottom", **font
    )
    axes.set_ylabel("First choice", labelpad=0)
    axes.yaxis.set_label_coords(-0.68 * inch / (len(groups) + 1), 0.5)
    axes.text((len(groups) - 1) / 2, -0.5 - 0.5 * inch, "Second choice", ha="center", fontsize=8)
    axes.set(xlim=(-0.5, len(groups) + 0.5), ylim=(len(rows) - 0.5, -0.5))
