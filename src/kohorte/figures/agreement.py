"""Figures of who agrees with whom: realizations in pairs, and parameters of the sweep."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from kohorte import store
from kohorte._checks import choose_name
from kohorte.errors import ConfigError
from kohorte.figures.levels import FEW_VALUES, Levels, find_levels
from kohorte.figures.reading import Inputs, Parameters, read_swept
from kohorte.figures.style import (
    COLOURS,
    INK,
    MIDDLE_COLUMN,
    MUTED,
    NOTE,
    SINGLE_COLUMN,
    SMALL,
    Style,
    find_renderer,
    legend_below,
    matrix_image,
    new_figure,
    page_width,
    palette_colour,
    paper_style,
    place_axes,
    plain_numbers,
    plural,
    sequential_map,
    shorten,
)
from kohorte.figures.words import parameter_word

MAX_STRIPS = 8
"""Swept parameters shown beside an agreement matrix."""

MOST_ORDERED = 2000
"""Realizations that are ordered by their similarity; more are ordered by their parameters."""

_MOST_TURNED = 300  # realizations whose tree is turned so that neighbours are alike


@paper_style()
def agreement_figure(
    agreement: np.ndarray,
    parameters: Mapping[str, Sequence[object]] | None = None,
    *,
    label: str = "Adjusted Rand index",
    by: str = "similarity",
) -> Figure:
    """Draw the agreement of all pairs of realizations, alike ones beside each other.

    `agreement` is (R, R), 1 on the diagonal; `parameters` gives the (R,) values of each swept
    parameter by name, of which those with a single value are left out: strips on the left show
    them. Realizations are ordered `by` the ``similarity`` of what they agree with (the leaves of
    their average-linkage tree) or by the ``parameters`` in the order given, the first varying
    slowest. `label` names the measure. ConfigError where the shapes do not fit.
    """
    agreement = np.asarray(agreement, dtype=np.float64)
    n = len(agreement)
    if agreement.shape != (n, n):
        raise ConfigError(f"the agreement matrix has shape {agreement.shape}: not square")
    choose_name(("similarity", "parameters"), by, "order of realizations")
    levels = {}
    for name, values in (parameters or {}).items():
        if len(values) != n:
            raise ConfigError(f"{name} has {len(values)} entries for {n} realizations")
        found = find_levels(values)
        if len(found.labels) > 1:
            levels[name] = found
    apart = agreement[~np.eye(n, dtype=bool)]
    if apart.min(initial=1.0) > 1 - 1e-9:
        figure = new_figure(SINGLE_COLUMN, 0.6)
        text = f"all {plural(n, 'realization')} have the same clusters"
        text = "a single realization: nothing to compare" if n == 1 else text
        figure.text(0.5, 0.5, text, ha="center", va="center")
        return figure
    order = np.arange(n)
    if by == "similarity" and n <= MOST_ORDERED:
        order = _order_alike(agreement)
    elif levels:
        order = np.lexsort([found.index for found in reversed(levels.values())])
    alike = by == "similarity" and n <= MOST_ORDERED
    matrix = agreement[np.ix_(order, order)]
    n_swept = len(levels)
    levels = dict(list(levels.items())[:MAX_STRIPS])

    strip = 0.14
    strips = len(levels) * strip + (0.06 if levels else 0.0)
    left = 0.3 + strips
    width = page_width(MIDDLE_COLUMN)
    side = width - left - 0.15
    figure = new_figure(width, 6.0, layout=None)
    entries, columns = _level_entries(levels, most=max(1, int(width / 1.2)))
    if n_swept > len(levels):
        text = f"{plural(n_swept - len(levels), 'further parameter')} not shown"
        entries.append(Line2D([], [], ls="", label=text))
    # Names of the strips stand upright below them.
    words = [shorten(parameter_word(name), 22) for name in levels]
    names = max((0.052 * len(text) for text in words), default=0.0) + 0.1
    legend, below = None, max(0.35, names)
    if entries:
        options: Style = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.5), "ncols": columns}
        options |= {"borderaxespad": 0.0, "columnspacing": 1.2}
        legend = figure.legend(handles=entries, **options)
        below += legend.get_window_extent(find_renderer(figure)).height / figure.dpi + 0.06
    page = below + side + 0.12
    figure.set_size_inches(width, page)
    place = partial(place_axes, figure, (width, page))
    if legend is not None:
        top = (below - max(0.35, names)) / page
        legend.set_bbox_to_anchor((0.5, top), figure.transFigure)
    axes = place(left, below, side, side)
    low = min(0.0, float(np.floor(10 * apart.min(initial=0.0)) / 10))
    # Each pair once: the other half holds the scale.
    image = matrix_image(axes, np.ma.masked_where(np.triu(np.ones((n, n)), 1) > 0, matrix), n, low)
    image.set_interpolation("nearest" if n <= 400 else "antialiased")
    axes.spines[:].set_visible(False)
    axes.set(xticks=[], yticks=[])
    what = "alike ones beside each other" if alike else "sorted by their parameters"
    axes.set_xlabel(f"{n:,} realizations, {what}" if alike or levels else f"{n:,} realizations")
    scale = place(left + 0.52 * side, below + 0.93 * side, 0.42 * side, 0.09)
    figure.colorbar(image, cax=scale, orientation="horizontal").set_label(label)
    plain_numbers(scale.xaxis, 4)
    for k, ((_, found), text) in enumerate(zip(levels.items(), words, strict=True)):
        limits: Style = {"vmin": -0.5, "vmax": len(found.labels) - 0.5, "aspect": "auto"}
        limits |= {"cmap": ListedColormap(_shades(found)), "interpolation": "nearest"}
        # the first parameter lies farthest from the matrix
        offset = (len(levels) - k) * strip + 0.04
        beside = place(left - offset, below, strip * 0.85, side)
        beside.imshow(found.index[order][:, None], **limits)
        beside.set(xticks=[], yticks=[])
        beside.spines[:].set(visible=True, linewidth=0.3)
        own: Style = {"transform": beside.transAxes, "rotation": 90, "fontsize": SMALL}
        beside.text(0.5, -0.05 / side, text, ha="center", va="top", **own)
    return figure


def _order_alike(agreement: np.ndarray) -> np.ndarray:
    """Order of the leaves of the tree of the realizations, by average linkage."""
    n = len(agreement)
    if n < 3:
        return np.arange(n)
    # ASSUME: rounding makes the order independent of the last bits of the index
    apart = np.clip(1.0 - agreement, 0.0, None).round(9)
    np.fill_diagonal(apart, 0.0)
    condensed = squareform((apart + apart.T) / 2, checks=False)
    tree = hierarchy.linkage(condensed, "average")
    if n <= _MOST_TURNED:
        tree = hierarchy.optimal_leaf_ordering(tree, condensed)
    return hierarchy.leaves_list(tree)


def _shades(levels: Levels) -> list[Any]:
    """Greys of numbers from light to dark, colours of texts: none is a colour of the matrix."""
    n = len(levels.labels)
    if levels.numeric or n <= 4:
        return list(sequential_map("Greys", 0.08, 0.95)(np.linspace(0.0, 1.0, n)))
    return [palette_colour(k) for k in range(n)]


def draw_agreement(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `agreement` from the files of a study."""
    realizations = store.read_csv(inputs["realizations"])
    realizations = realizations[realizations["same_as"].isna()]
    ensemble = store.read_ensemble(inputs["ensemble"])
    return agreement_figure(ensemble.realizations.ari, read_swept(realizations, parameters))


@paper_style()
def parameter_effects_figure(effects: pd.DataFrame) -> Figure:
    """Draw how much more realizations agree that share a parameter's value than those that do not.

    `effects` has the columns of `effects.csv`, of which those that do not vary within a parameter
    are used: `within`, `between`, `p_value` and the limits `chance_low` and `chance_high` of what
    random assignments of the values give. Without rows, as where the only swept parameter came to
    one value (`auto` and what it stands for), a note says so.
    """
    table = effects.drop_duplicates("parameter")
    table = table[pd.to_numeric(table["within"], errors="coerce").notna()]
    if table.empty:
        figure = new_figure(SINGLE_COLUMN, 0.6)
        text = "no parameter differs between maps"
        if len(effects):
            text = "no two maps share the value of a parameter"
        figure.text(0.5, 0.5, text, ha="center", va="center")
        return figure
    columns = ["within", "between", "p_value", "chance_low", "chance_high"]
    within, between, p_value, low, high = table[columns].to_numpy(dtype=np.float64).T
    difference = within - between
    order = np.argsort(-difference, kind="stable")
    y = np.arange(len(table))
    figure = new_figure(MIDDLE_COLUMN, 0.95 + 0.24 * len(table))
    axes = figure.add_subplot()
    axes.axvline(0.0, color=MUTED, lw=0.6, zorder=0)
    axes.hlines(y, low[order], high[order], color="#C4C4C4", lw=5, zorder=1)
    style: Style = {"ls": "", "marker": "o", "markersize": 5, "color": COLOURS[0]}
    axes.plot(difference[order], y, zorder=2, **style)
    beside: Style = {"transform": axes.get_yaxis_transform(), "fontsize": SMALL, "va": "center"}
    for place, k in enumerate(order):
        p = p_value[k]
        said = "" if np.isnan(p) else f"   p = {p:.3f}"
        axes.text(1.02, place, f"{within[k]:.2f}, {between[k]:.2f}{said}", **beside)
    head = beside | {"va": "bottom", "color": NOTE}
    axes.text(1.02, -0.62, "means: same, different", **head)
    words = [shorten(parameter_word(str(table["parameter"].iloc[k])), 26) for k in order]
    axes.set_yticks(y, words)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(table) - 0.4, -0.6)
    # A difference of nothing must not look like a large one.
    every = np.concatenate([difference, low, high])
    axes.set_xlim(min(-0.05, 1.1 * np.nanmin(every)), max(0.05, 1.1 * np.nanmax(every)))
    plain_numbers(axes.xaxis, 5)
    axes.set_xlabel("Agreement (ARI) of maps with the same value − with different values")
    handles: list[Artist] = [
        Line2D([], [], label="observed", **style),
        Line2D([], [], color="#C4C4C4", lw=5, label="95 % of random assignments"),
    ]
    legend_below(figure, handles)
    return figure


def draw_effects(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `effects` from the files of a study."""
    return parameter_effects_figure(store.read_csv(inputs["effects"]))


def _level_entries(levels: Mapping[str, Levels], most: int) -> tuple[list[Artist], int]:
    """Legend entries in one column per parameter, at most so many: its name, then its values."""
    columns = []
    for name, found in levels.items():
        labels, colours = found.labels, _shades(found)
        kept = list(range(len(labels)))
        if len(labels) > FEW_VALUES:  # ends and middle of a long range
            kept = [0, len(labels) // 2, len(labels) - 1]
        column: list[Artist] = [Line2D([], [], ls="", label=shorten(parameter_word(name), 18))]
        column += [
            Patch(facecolor=colours[k], edgecolor=INK, lw=0.3, label=labels[k]) for k in kept
        ]
        columns.append(column)
    # Beyond the most that fit side by side, the columns go on below.
    stacked = [
        [entry for column in columns[k::most] for entry in column]
        for k in range(min(most, len(columns)))
    ]
    longest = max(map(len, stacked), default=0)
    blank = [Line2D([], [], ls="", label=" ")]
    entries = [e for column in stacked for e in column + blank * (longest - len(column))]
    return entries, max(len(stacked), 1)
