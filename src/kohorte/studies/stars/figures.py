"""Figures of stars: the colour-magnitude diagram, and how groups and regions of it agree."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke

from kohorte import store
from kohorte.errors import ConfigError
from kohorte.figures.groups import consensus_title
from kohorte.figures.panels import draw_groups, draw_scale
from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    PAGE_HEIGHT,
    SINGLE_COLUMN,
    SMALL,
    Powers,
    Style,
    fitting_columns,
    is_wide,
    legend_below,
    new_figure,
    panel_grid,
    panel_letter,
    panel_title,
    paper_style,
    plain_numbers,
    plural,
    sequential_map,
)
from kohorte.studies.stars import STAR_FEATURES
from kohorte.studies.stars.regions import COLOURS, REGIONS, main_sequence

NAMES = {
    "main sequence": (0.2, 6.4),
    "giants": (1.75, -3.3),
    "red clump": (1.62, 2.4),
    "white dwarfs": (0.12, 14.3),
}
"""Region -> where its name stands in the diagram: B-V, M."""


TITLES = ("Consensus", "Stacked signal", "Confidence")


@paper_style()
def colour_magnitude_figure(
    b_v: np.ndarray,
    magnitude: np.ndarray,
    *,
    labels: np.ndarray,
    signal: np.ndarray,
    confidence: np.ndarray,
) -> Figure:
    """Draw the diagram three times: by consensus group, stacked signal and confidence.

    `b_v` and `magnitude` are (N,) colour B-V and absolute magnitude, NaN where missing, `labels`
    the (N,) consensus groups, `confidence` the (N,) share of the votes for the label. Stars that
    lack colour or magnitude are counted, but not drawn. The line is the mean main sequence.
    ConfigError where no star has both colour and magnitude.
    """
    known = np.flatnonzero(np.isfinite(b_v) & np.isfinite(magnitude))
    if not known.size:
        raise ConfigError("colour_magnitude: no star has both b_v and absolute_magnitude")
    x, y = np.asarray(b_v)[known], np.asarray(magnitude)[known]
    columns = fitting_columns(3, 1.5)
    figure = new_figure(DOUBLE_COLUMN, 4.9 if columns == 3 else PAGE_HEIGHT)
    panels = panel_grid(figure, 3, columns, sharex=True, sharey=True)
    for k, (axes, title) in enumerate(zip(panels, TITLES, strict=True)):
        panel_title(axes, panel_letter(k), title)
    panels[0].set_ylabel("Absolute magnitude $M_{Hp}$ (mag)", parse_math=True)
    groups = [consensus_title(k) for k in range(int(labels.max()) + 1)]
    entries = draw_groups(panels[0], x, y, labels[known], groups)
    entries.append(Line2D([], [], color=INK, lw=0.9, label="mean main sequence"))
    wide = bool(signal.min() > 0) and is_wide(signal)
    limits = (signal.min(), signal.max())
    drawn = draw_scale(panels[1], x, y, signal[known], limits, wide)
    _colour_bar(drawn, panels[1], "Stacked signal (sum of Gsum)", wide)
    # Uncertain stars last, or the sure ones would hide them.
    order = np.argsort(-confidence[known], kind="stable")
    low = min(np.floor(confidence.min() * 10) / 10, 0.9)
    drawn = draw_scale(panels[2], x[order], y[order], confidence[known][order], (low, 1.0))
    _colour_bar(drawn, panels[2], "Share of votes for the label")
    for axes in panels:  # after the points, whose grid would set the limits
        _diagram(axes, x, y)
    # Keeps the panels of one height: the first has no bar.
    spare = figure.colorbar(drawn, ax=panels[0], location="bottom", pad=0.02, aspect=30)
    spare.ax.set_visible(False)
    if lacking := len(labels) - len(known):
        text = f"{plural(lacking, 'star')} without colour or magnitude not shown"
        entries.append(Line2D([], [], ls="", label=text))
    legend_below(figure, entries)
    return figure


def draw_colour_magnitude(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `colour_magnitude` from the files of a study."""
    points = store.read_ensemble(inputs["ensemble"], points=True).points
    table = store.read_data(inputs["data"])
    return colour_magnitude_figure(
        *table.physical([table.names.index(name) for name in STAR_FEATURES]).T,
        labels=points.label,
        signal=points.signal,
        confidence=points.confidence,
    )


@paper_style()
def star_regions_figure(
    shares: np.ndarray, groups: Sequence[str], regions: Sequence[str], sizes: Sequence[int]
) -> Figure:
    """Draw the share of the stars of each region that each group holds.

    `shares` are (regions, groups), whose rows add up to 1; `sizes` the stars of each region.
    """
    shares = np.asarray(shares, dtype=np.float64)
    height = 0.75 + 0.34 * len(regions)
    figure = new_figure(max(SINGLE_COLUMN, 1.5 + 0.45 * len(groups)), height)
    axes = figure.add_subplot()
    colours = sequential_map("Blues", 0.0, 0.85)
    axes.imshow(shares, cmap=colours, vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(shares.shape):
        value = shares[row, column]
        text = "<0.1" if 0 < value < 0.0005 else f"{100 * value:.1f}"
        colour = "white" if value > 0.55 else INK
        style: Style = {"ha": "center", "va": "center", "fontsize": SMALL, "color": colour}
        axes.text(column, row, text, **style)
    axes.set_xticks(range(len(groups)), groups)
    texts = [f"{name} ({size:,})" for name, size in zip(regions, sizes, strict=True)]
    axes.set_yticks(range(len(regions)), texts)
    axes.set_xlabel("Consensus group")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("Share of the region's stars (%)", loc="left")
    return figure


def draw_star_regions(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `star_regions` from the files of a study."""
    groups = pd.read_csv(inputs["stars"])
    counts = groups[[name.replace(" ", "_") for name in REGIONS]].to_numpy().T
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    return star_regions_figure(shares, groups["group"].tolist(), REGIONS, counts.sum(axis=1))


def _colour_bar(drawn: ScalarMappable, axes: Axes, label: str, logarithmic: bool = False) -> None:
    bar = axes.figure.colorbar(drawn, ax=axes, location="bottom", pad=0.02, aspect=30)
    bar.set_label(label)
    if logarithmic:
        bar.ax.xaxis.set_major_formatter(Powers())
    else:
        plain_numbers(bar.ax.xaxis, 4)


def _diagram(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Axes as astronomers draw them, the mean main sequence, and names of the regions."""
    axes.set_xlabel("B−V (mag)")
    low, high = np.quantile(x, [0.0005, 0.9995])
    axes.set_xlim(min(low, -0.35) - 0.1, max(high, 2.0) + 0.1)
    axes.set_ylim(max(y.max(), 15.0) + 0.5, y.min() - 0.5)
    colours = np.linspace(*COLOURS, 100)
    rim = [Stroke(linewidth=2.2, foreground="white"), Normal()]
    axes.plot(colours, main_sequence(colours), color=INK, lw=0.9, path_effects=rim, zorder=4)
    for name, at in NAMES.items():
        axes.text(*at, name, fontsize=SMALL, ha="center", va="center", path_effects=rim, zorder=5)
