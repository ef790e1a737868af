"""Figure of how often points of a confidence are right."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from kohorte.analysis.reliability import calibration_error
from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    COLOURS,
    INK,
    MUTED,
    SINGLE_COLUMN,
    Style,
    legend_below,
    new_figure,
    panel_letter,
    panel_title,
    paper_style,
    plain_numbers,
)

_FEW = 10  # points of a bin below which its share says little


@paper_style()
def reliability_figure(table: pd.DataFrame) -> Figure:
    """Draw accuracy against confidence, and how many points have it, from `reliability`'s table."""
    held = table[table["points"] > 0]
    figure = new_figure(SINGLE_COLUMN, 3.9)
    axes, below = figure.subplots(2, sharex=True, height_ratios=[3, 1])
    axes.plot([0, 1], [0, 1], color=MUTED, lw=1.0, ls="--")
    colour = COLOURS[0]
    axes.vlines(held["confidence"], held["accuracy"], held["confidence"], color=MUTED, lw=1.4)
    style: Style = {"color": colour, "marker": "o", "markersize": 4, "lw": 1.3}
    axes.plot(held["confidence"], held["accuracy"], clip_on=held.empty, zorder=3, **style)
    few = held[held["points"] < _FEW]
    hollow = style | {"ls": "", "mfc": "white"}
    axes.plot(few["confidence"], few["accuracy"], clip_on=few.empty, zorder=3, **hollow)
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("Share of points that are right")
    widths = (table["high"] - table["low"]).to_numpy()
    below.bar(table["low"], table["points"], width=widths, align="edge", color="#BFD5E8", ec=INK)
    below.set_xlim(0, 1)
    below.set_xlabel("Confidence (share of votes)")
    below.set_ylabel("Points")
    plain_numbers(below.yaxis, 3, integer=True)
    for k, part in enumerate((axes, below)):
        panel_title(part, panel_letter(k), "")
    error = calibration_error(table)
    text = "no points" if np.isnan(error) else f"expected calibration error {error:.3f}"
    handles = [
        Line2D([], [], color=colour, marker="o", markersize=4, lw=1.3, label="points of a bin"),
        Line2D([], [], color=MUTED, lw=1.0, ls="--", label="as sure as right"),
        *([Line2D([], [], label=f"of fewer than {_FEW}", **hollow)] if len(few) else []),
        Line2D([], [], color=MUTED, lw=1.4, label="difference"),
        Patch(facecolor="none", edgecolor="none", label=text),
    ]
    legend_below(figure, handles, most=2)
    return figure


def draw_reliability(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `reliability` from the files of a study."""
    return reliability_figure(pd.read_csv(inputs["reliability"]))
