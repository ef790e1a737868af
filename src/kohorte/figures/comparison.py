"""Figure of two studies of the same source: which groups of one are which of the other."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    SMALL,
    colour_bar,
    new_figure,
    paper_style,
    plain_numbers,
    sequential_map,
    shorten,
)

_MOST_NUMBERS = 14  # rows and columns of cells that hold their numbers of points
_CELL = 0.34  # inches


@paper_style()
def comparison_figure(
    table: np.ndarray,
    groups: np.ndarray,
    other_groups: np.ndarray,
    match: np.ndarray,
    *,
    study: str,
    other: str,
    note: str = "",
) -> Figure:
    """Draw the points that groups of two studies share, with matched groups on the diagonal.

    `table` (n, m) are the points of each of `groups` (n,), the rows, in each of `other_groups`
    (m,); `match` (n,) has the group of the other study that each is matched with, NaN for none.
    Matched groups come first, by their points. Colours are shares of the points of a row. `study`
    and `other` are the names of the studies, `note` is written above.
    """
    has_match = ~np.isnan(match.astype(float))
    rows = np.lexsort([groups, -table.sum(axis=1), ~has_match])
    first = [int(np.argmax(other_groups == m)) for m in match[rows][has_match[rows]]]
    rest = np.setdiff1d(np.arange(len(other_groups)), first)
    columns = np.array([*first, *rest], dtype=np.int64)
    ordered = table[np.ix_(rows, columns)]
    n, m = ordered.shape
    shares = ordered / np.maximum(ordered.sum(axis=1, keepdims=True), 1)
    written = max(n, m) <= _MOST_NUMBERS
    height = float(np.clip(_CELL * n + 1.0, 2.2, DOUBLE_COLUMN))
    figure = new_figure(min(_CELL * m + 1.7, DOUBLE_COLUMN), height)
    axes = figure.add_subplot()
    cells = sequential_map("Blues", 0.0, 0.9)
    image = axes.imshow(shares, cmap=cells, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.spines[["top", "right"]].set_visible(True)
    if written:
        for k, f in np.argwhere(ordered):
            colour = "white" if shares[k, f] > 0.6 else INK
            text = _short(int(ordered[k, f]))
            axes.text(f, k, text, ha="center", va="center", fontsize=SMALL, color=colour)
        axes.set_xticks(range(m), [_name(g) for g in other_groups[columns]])
        axes.set_yticks(range(n), [_name(g) for g in groups[rows]])
    else:
        plain_numbers(axes.xaxis, 6, integer=True)
        plain_numbers(axes.yaxis, 6, integer=True)
    of = "Group" if written else "Group, in the order of the matching,"
    axes.set_xlabel(f"{of} of {shorten(other)}")
    axes.set_ylabel(f"{of} of {shorten(study)}")
    if note:
        figure.suptitle(note, fontsize=7)
    colour_bar(figure, image, "Share of the points of a row", ax=axes)
    return figure


def draw_comparison(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `comparison` from the tables of a comparison."""
    cross, scores = pd.read_csv(inputs["cross_table"]), pd.read_csv(inputs["scores"]).iloc[0]
    counts = cross.drop(columns=["group", "match"])
    return comparison_figure(
        counts.to_numpy(),
        cross["group"].to_numpy(),
        counts.columns.to_numpy().astype(np.int64),
        cross["match"].to_numpy(dtype=np.float64),
        study=str(scores["study"]),
        other=str(scores["other"]),
        note=f"{scores['points']:,} points in both\nARI {scores['ari']:.3f}, "
        f"AMI {scores['ami']:.3f}, {100 * scores['moved']:.1f} % moved",
    )


def _name(group: int) -> str:
    return "none" if group < 0 else str(group)


def _short(points: int) -> str:
    """Write a number in at most four characters, so that it fits its cell."""
    for power, letter in ((9, "G"), (6, "M"), (3, "k")):
        if points >= 10**power and points >= 10_000:
            value = points / 10**power
            return f"{value:.0f}{letter}" if value >= 10 else f"{value:.1f}{letter}"
    return str(points)
