"""Figures of groups of cells: pairs of features, and shares of the whole."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from kohorte import store
from kohorte.errors import ConfigError, ResultError
from kohorte.figures.groups import consensus_colour, consensus_title
from kohorte.figures.panels import choose_points, fill_missing
from kohorte.figures.points import explained_shares
from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    COLOURS,
    DOUBLE_COLUMN,
    INK,
    MAX_GROUPS,
    MIDDLE_COLUMN,
    MUTED,
    PAGE_HEIGHT,
    Style,
    fitting_columns,
    legend_below,
    line_colour,
    literal,
    log_axis,
    marker_handle,
    new_figure,
    page_width,
    panel_title,
    paper_style,
    plain_numbers,
    shorten,
)
from kohorte.studies.plasma.figures.slices import field_label

_BINS = 60

MOST_FEATURES = 6
"""Features whose pairs are drawn; of more, those in which the groups lie farthest apart."""

KINDS = {"consensus": "consensus", "sce": "SCE", "map": "one map", "threshold": "threshold"}
"""Kind of a group in the tables -> what it is called."""

MOST_GROUPS = 12
"""Groups of a kind whose shares are drawn; of more, the first."""

SHARES = {
    "volume_fraction": ("volume", "s", "white", INK),
    "j2_share": ("squared current j²", "^", COLOURS[1], INK),
    "e_dot_j_share": ("dissipation e · j", "o", COLOURS[7], INK),
}
"""Column of `physics.csv` -> what it is called, and its marker, face and edge."""


@paper_style()
def feature_pairs_figure(
    features: np.ndarray,
    labels: Sequence[str],
    groups: np.ndarray,
    *,
    shares: np.ndarray,
    n_points: int,
    n_all: int | None = None,
    what: str = "points",
) -> Figure:
    """Draw each pair of features as points coloured by group, each feature as histograms.

    Of `n_points` points, which the figure calls `what`, S are drawn: their (S, F) features, F >= 2,
    are in physical units, with names and units in `labels`, and (S,) `groups`. `shares` (G,) are
    those of the groups in all points, `n_all` is the number of features, where that is more than
    F. ConfigError where the arrays do not fit, or there is one feature only.
    """
    features, groups = np.asarray(features, dtype=np.float64), np.asarray(groups)
    n_drawn, n_features = features.shape
    if n_features < 2 or n_features != len(labels) or len(groups) != n_drawn:
        raise ConfigError(
            f"{features.shape} features with {len(labels)} names and {len(groups)} groups; at "
            "least two features are drawn, each with a name, and each point has a group"
        )
    side = _side(n_features)
    figure = new_figure(DOUBLE_COLUMN, side * n_features * 0.92 + 0.6)
    grid = figure.subplots(n_features, n_features, squeeze=False, sharex="col")
    limits = []
    for column in features.T:
        low, high = np.quantile(column, [0.0005, 0.9995])
        margin = 0.06 * max(high - low, 1e-12)
        limits.append((low - margin, high + margin))
    order = np.argsort(-np.asarray(shares), kind="stable")
    for row, column in np.ndindex(n_features, n_features):
        axes = grid[row, column]
        if column > row:
            axes.remove()
            continue
        axes.set_xlim(limits[column])
        plain_numbers(axes.xaxis, 4)
        if row == column:
            _draw_histograms(axes, features[:, row], groups, order, limits[row])
        else:
            _draw_pairs(axes, features[:, [column, row]], groups, order)
            axes.set_ylim(limits[row])
            plain_numbers(axes.yaxis, 4)
        if row == n_features - 1:
            axes.set_xlabel(labels[column], parse_math=True, fontsize=7)
        if column == 0 and row:
            axes.set_ylabel(labels[row], parse_math=True, fontsize=7)
        elif row != column:
            axes.tick_params(labelleft=False)
    entries = [
        marker_handle(
            f"{consensus_title(k)} ({100 * shares[k]:.1f} %)", consensus_colour(k), "o", size=4
        )
        for k in np.flatnonzero(np.asarray(shares) > 0)[:MAX_GROUPS]
    ]
    figure.align_ylabels(grid[1:, 0])
    notes = []
    if n_all is not None and n_all > n_features:
        notes.append(f"{n_features} of {n_all} features")
    if n_drawn < n_points:
        notes.append(f"{n_drawn:,} of {n_points:,} {what}")
    if notes:
        entries.append(Line2D([], [], ls="", label="; ".join(notes)))
    legend_below(figure, entries, most=5)
    return figure


def draw_feature_pairs(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `feature_pairs` from the files of a study: of some of its points."""
    table = store.read_data(inputs["data"], mapped=True)
    with store.read_result(inputs["ensemble"], "ensemble") as file:
        labels = file["points/label"][:]
        n_groups = int(file["consensus"].attrs["n_groups"])
    if len(table.names) < 2:
        raise ResultError(f"{inputs['data']}: has one feature only, so there are no pairs to draw")
    shown = choose_points(len(labels))
    features = table.features[shown].astype(np.float64)
    best = np.argsort(-explained_shares(features, labels[shown]), kind="stable")
    columns = sorted(best[:MOST_FEATURES].tolist())
    points = features[:, columns]
    units = _read_units(inputs["fields"])
    said = {table.names[k]: table.describe(k) for k in columns}
    room = int(_side(len(columns)) * 72 / 4.5)
    texts = [
        field_label(shorten(name, room), units.get(name, ""))
        if name in (*units, text)
        else literal(shorten(text, room))
        for name, text in said.items()
    ]
    return feature_pairs_figure(
        table.in_units(fill_missing(points), columns),
        texts,
        labels[shown],
        shares=np.bincount(labels[labels >= 0], minlength=n_groups) / len(labels),
        n_points=len(labels),
        n_all=len(table.names),
        what="points" if table.shape is None else "cells",
    )


def _side(n_features: int) -> float:
    """Return the side of a panel of so many features, in inches."""
    return min((page_width(DOUBLE_COLUMN) - 0.2) / n_features, 2.4)


def _read_units(fields: Any) -> dict[str, str]:
    """Read the unit of each field of `fields.h5`, where there is one."""
    if not fields:
        return {}
    with store.read_result(fields, "fields") as file:
        return {name: dataset.attrs["unit"] for name, dataset in file["fields"].items()}


def _draw_histograms(
    axes: Axes, column: np.ndarray, groups: np.ndarray, order: np.ndarray, limits: Sequence[float]
) -> None:
    """Density of a feature in each group, each of area 1."""
    edges = np.linspace(limits[0], limits[1], _BINS + 1)
    width = edges[1] - edges[0]
    top = 0.0
    for k in order:
        chosen = column[groups == k]
        if len(chosen) > 1:
            density = np.histogram(chosen, edges)[0] / (len(chosen) * width)
            axes.stairs(
                density, edges, color=line_colour(consensus_colour(k)), lw=1.0, baseline=None
            )
            top = max(top, density.max())
    axes.set_ylim(0, max(1.08 * top, 1e-300))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _draw_pairs(axes: Axes, pair: np.ndarray, groups: np.ndarray, order: np.ndarray) -> None:
    for k in order:
        chosen = pair[groups == k]
        style: Style = {"s": 1.6, "linewidths": 0, "alpha": 0.7, "rasterized": True}
        axes.scatter(chosen[:, 0], chosen[:, 1], color=consensus_colour(k), **style)


@paper_style()
def group_shares_figure(
    kinds: Mapping[str, Sequence[Mapping[str, float]]],
    detector: Mapping[str, Sequence[Mapping[str, float]]],
) -> Figure:
    """Draw shares of each group in volume, squared current, dissipation; overlap with threshold.

    `kinds` are rows of `physics.csv` by what is drawn above them, in order, `detector` rows of
    `threshold.csv` by the same names; empty where there is no current.
    """
    rows = [(name, row) for name, group in kinds.items() for row in group if row["cells"]]
    gaps = np.cumsum([0] + [a[0] != b[0] for a, b in pairwise(rows)])
    y = -(np.arange(len(rows)) + 0.9 * gaps)
    panels = 2 if any(detector.values()) else 1
    height = 0.17 * (len(rows) + 0.9 * (gaps[-1] if len(gaps) else 0)) + 1.15
    figure = new_figure(DOUBLE_COLUMN if panels == 2 else MIDDLE_COLUMN, max(height, 2.2))
    side_by_side = fitting_columns(panels, 2.4) == panels
    if side_by_side:
        ratios = [1.5, 1][:panels]
        grid = figure.subplots(1, panels, squeeze=False, sharey=True, width_ratios=ratios)[0]
    else:
        figure.set_figheight(min(2 * figure.get_figheight(), PAGE_HEIGHT))
        grid = figure.subplots(panels, 1, squeeze=False, sharey=True)[:, 0]
    axes = grid[0]
    handles: list[Artist] = []
    low: Style = {"ls": "", "marker": "<", "color": MUTED, "ms": 3.5}
    numbers = np.array([[row[name] for name in SHARES] for _, row in rows], dtype=np.float64)
    least = np.nanmin(numbers[numbers > 0]) if (numbers > 0).any() else 1e-3
    floor = 10 ** np.floor(np.log10(max(least, 1e-5)))
    for values, place in zip(numbers, y, strict=True):
        shown = np.clip(values[values > 0], floor, None)
        if len(shown):
            axes.plot([shown.min(), shown.max()], [place, place], color=MUTED, lw=0.8, zorder=1)
    for k, (text, marker, face, edge) in enumerate(SHARES.values()):
        positive = numbers[:, k] > 0
        style: Style = {"ls": "", "marker": marker, "mfc": face, "mec": edge, "mew": 0.6, "ms": 4.5}
        axes.plot(numbers[positive, k], y[positive], **style, zorder=2)
        handles.append(Line2D([], [], label=f"share of {text}", **style))
        negative = numbers[:, k] <= 0
        if negative.any() and np.isfinite(numbers[:, k]).any():
            axes.plot(np.full(negative.sum(), floor), y[negative], **low)
    if (numbers <= 0).any():
        handles.append(Line2D([], [], label="0 or negative", **low))
    log_axis(axes, "x")
    axes.set(xlim=(floor * 0.8, 1.25), xlabel="Share of the whole")
    axes.set_yticks(y, [_group_name(name, row) for name, row in rows])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(y.min(initial=0) - 0.7, 0.9)
    panel_title(axes, "a" if panels == 2 else "", "Volume, current and dissipation")
    if panels == 2:
        handles += _draw_detector(grid[1], rows, y, detector)
    legend_below(figure, handles, most=5)
    return figure


def draw_group_shares(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `group_shares` from the files of a study."""
    shares, detector = (
        {
            name: [
                {str(column): value for column, value in row.items()}
                for row in table[table["kind"] == kind].head(MOST_GROUPS).to_dict("records")
            ]
            for kind, name in KINDS.items()
        }
        for table in (pd.read_csv(inputs["physics"]), pd.read_csv(inputs["threshold"]))
    )
    return group_shares_figure(shares, detector)


def _group_name(kind: str, row: Mapping[str, float]) -> str:
    if kind == "threshold":
        return "above threshold" if row["group"] else "below threshold"
    return f"{kind} {int(row['group'])}"


def _draw_detector(
    axes: Axes,
    rows: Sequence[tuple[str, Mapping[str, float]]],
    y: np.ndarray,
    detector: Mapping[str, Sequence[Mapping[str, float]]],
) -> list[Artist]:
    """Precision, recall and Jaccard index of each group as bars."""
    found = {(name, int(r["group"])): r for name, group in detector.items() for r in group}
    bars = {"precision": COLOURS[6], "recall": COLOURS[0], "jaccard": COLOURS[4]}
    for k, (measure, colour) in enumerate(bars.items()):
        values = [found.get((n, int(r["group"])), {}).get(measure, np.nan) for n, r in rows]
        axes.barh(y + 0.26 - 0.26 * k, np.nan_to_num(values), height=0.24, color=colour)
    axes.set_xlim(0, 1)
    plain_numbers(axes.xaxis, 5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("Share of cells")
    panel_title(axes, "b", "Against the threshold of the current")
    names = ("precision", "recall", "Jaccard index")
    return [Patch(color=c, label=n) for c, n in zip(bars.values(), names, strict=True)]
