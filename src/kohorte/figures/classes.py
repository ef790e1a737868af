"""Figures of known classes on one map: heights, a feature, projections, classes of the nodes."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from kohorte import store
from kohorte.analysis.classification import count_classes
from kohorte.errors import ConfigError
from kohorte.figures.cells import (
    MANY_CELLS,
    MapPage,
    cell_polygons,
    draw_boundaries,
    draw_values,
    fill_cells,
    fit_map,
    map_axes,
)
from kohorte.figures.groups import consensus_colour, consensus_title
from kohorte.figures.maps import height_label
from kohorte.figures.panels import choose_step
from kohorte.figures.reading import (
    Inputs,
    Parameters,
    class_looks,
    known_classes,
    matched_looks,
    read_map,
)
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    EMPTY,
    INK,
    MAX_GROUPS,
    MUTED,
    NAME_ROOM,
    PAGE_HEIGHT,
    SINGLE_COLUMN,
    Style,
    fitting_columns,
    further,
    height_map,
    legend_below,
    line_style,
    log_axis,
    marker_handle,
    name_map,
    new_figure,
    page_width,
    panel_letter,
    panel_title,
    paper_style,
    place_axes,
    plain_numbers,
    sequential_map,
    shorten,
)
from kohorte.maps.lattice import Lattice

MAX_CLASSES = 16
"""Classes that a figure has panels and colours for."""

_METHODS = {
    "map_neighbours": "nearest on the map",
    "point_neighbours": "nearest points themselves",
    "node_class": "class of the winner",
    "map_vote": "vote of the maps' winners",
    "group_class": "class of the consensus group",
}
_DASHES = ("-", "--", ":", "-.")

_SPREAD = 0.42  # of a lattice step: how far points lie from the node that they belong to


@paper_style()
def node_difference_figure(
    u_matrix: np.ndarray,
    lattice: Lattice,
    *,
    metric: str = "euclidean",
    realization: str | None = None,
) -> Figure:
    """Draw how far the weights of each node are from its neighbours': the bare (M,) U-matrix.

    `realization` is the id of the map, which the figure names.
    """
    return _draw_map(lattice, u_matrix, height_map(), height_label(metric), realization)


def draw_node_difference(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `node_difference` from the files of a study."""
    stored = read_map(inputs, parameters, "u_matrix")
    return node_difference_figure(
        stored.arrays["u_matrix"],
        stored.lattice,
        metric=stored.parameters["metric"],
        realization=stored.id,
    )


@paper_style()
def feature_map_figure(
    weights: np.ndarray, name: str, lattice: Lattice, *, realization: str | None = None
) -> Figure:
    """Draw the map, coloured by the (M,) weights of one feature, in the units of the data.

    `realization` is the id of the map, which the figure names.
    """
    colours = sequential_map("viridis", 0.0, 1.0)
    return _draw_map(lattice, weights, colours, f"Weight of {shorten(name)}", realization)


def draw_feature_map(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `feature_map` from the files of a study."""
    stored = read_map(inputs, parameters, "weights")
    table, weights = store.read_data(inputs["data"], mapped=True), stored.arrays["weights"]
    column = choose_feature(table.names, weights, parameters["feature"])
    values = table.in_units(weights[:, [column]], [column])[:, 0]
    name = table.describe(column)
    return feature_map_figure(values, name, stored.lattice, realization=stored.id)


def choose_feature(names: Sequence[str], weights: np.ndarray, feature: str | None) -> int:
    """Return the column of a feature, or of the one whose scaled weights vary most for None.

    ConfigError where there is no such feature.
    """
    if feature is None:
        return int(weights.std(axis=0).round(6).argmax())
    if feature not in names:
        raise ConfigError(
            f"figures.feature: the table has no feature {feature!r}, or it was left out because it "
            f"is constant; it has {len(names)}, the first is {names[0]!r}"
        )
    return list(names).index(feature)


@paper_style()
def projections_figure(
    winners: np.ndarray,
    classes: np.ndarray,
    class_names: Sequence[str],
    u_matrix: np.ndarray,
    lattice: Lattice,
    *,
    looks: Sequence[tuple[str, str]] | None = None,
    realization: str | None = None,
    per_class: int = 1000,
) -> Figure:
    """Draw points of all classes on one map, each near its winner.

    `winners` and `classes`, indices into the C `class_names`, are (N,) integers; the first
    `per_class` points of each class are shown over the (M,) heights `u_matrix`. `looks` are colour
    and marker of the classes, `realization` is the id of the map. ConfigError where there are more
    classes than colours.
    """
    _check_count(class_names)
    looks = matched_looks(None, len(class_names)) if looks is None else looks
    page = MapPage(lattice, realization)
    _draw_heights(page.axes, u_matrix, lattice)
    entries = []
    for c, name in enumerate(class_names):
        shown = np.flatnonzero(classes == c)[:per_class]
        at = _near_nodes(winners[shown], lattice, c)
        size = min(40 * page.size.cell, 4.0)
        colour, marker = looks[c]
        style: Style = {"linestyle": "", "marker": marker, "markersize": size, "color": colour}
        style |= {"markeredgewidth": 0.25 if size > 2 else 0, "markeredgecolor": INK}
        page.axes.plot(*at.T, alpha=0.85, rasterized=True, **style)
        text = f"{shorten(name, 18)} ({len(shown):,})"
        entries.append(marker_handle(text, colour, marker))
    page.finish(entries)
    return page.figure


@paper_style()
def class_projections_figure(
    winners: np.ndarray,
    classes: np.ndarray,
    class_names: Sequence[str],
    u_matrix: np.ndarray,
    lattice: Lattice,
    *,
    looks: Sequence[tuple[str, str]] | None = None,
    realization: str | None = None,
    per_class: int = 1000,
) -> Figure:
    """Draw a small map for each class with its points, otherwise as `projections_figure`."""
    _check_count(class_names)
    n_classes = len(class_names)
    looks = matched_looks(None, n_classes) if looks is None else looks
    columns = fitting_columns(n_classes, 1.4)
    rows = -(-n_classes // columns)
    columns = -(-n_classes // rows)
    above, gap, heading = 0.22, 0.12, NAME_ROOM if realization else 0.0
    room = (page_width(DOUBLE_COLUMN) - 0.1) / columns - gap
    size = fit_map(lattice, min(room, 3.0), (PAGE_HEIGHT - 0.4) / rows - above - gap)
    width = page_width(0.1 + columns * (size.width + gap))
    step = (width - 0.1) / columns
    height = rows * (size.height + above + 0.06) + 0.04 + heading
    figure = new_figure(width, height, layout=None)
    for c, name in enumerate(class_names):
        left = 0.1 + (c % columns) * step
        bottom = height - heading - (c // columns + 1) * (size.height + above + 0.06) + 0.03
        axes = place_axes(figure, (width, height), left, bottom, size.width, size.height)
        map_axes(axes, lattice, labels=False)
        _draw_heights(axes, u_matrix, lattice)
        members = np.flatnonzero(classes == c)
        shown = members[:per_class]
        at = _near_nodes(winners[shown], lattice, c)
        colour, marker = looks[c]
        style: Style = {"linestyle": "", "marker": marker, "markersize": 1.8, "color": colour}
        axes.plot(*at.T, markeredgewidth=0, alpha=0.8, rasterized=True, **style)
        of = f" of {len(members):,}" if len(members) > len(shown) else ""
        number = f" ({len(shown):,}{of})"
        text = shorten(name, max(int(13.5 * step) - len(number), 4)) + number
        letter = panel_letter(c) if n_classes > 1 else ""
        panel_title(axes, letter, text, fontsize=7, pad=2.5)
    name_map(figure, realization)
    return figure


def draw_projections(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `projections` from the files of a study."""
    return _draw_points(projections_figure, inputs, parameters)


def draw_class_projections(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `class_projections` from the files of a study."""
    return _draw_points(class_projections_figure, inputs, parameters)


def _draw_points(figure: Callable[..., Figure], inputs: Inputs, parameters: Parameters) -> Figure:
    stored = read_map(inputs, parameters, "winners", "u_matrix")
    table = store.read_data(inputs["data"], mapped=True)
    classes, names = known_classes(table)
    return figure(
        classes=classes,
        class_names=names,
        lattice=stored.lattice,
        looks=class_looks(inputs, table),
        realization=stored.id,
        **stored.arrays,
    )


@paper_style()
def node_classes_figure(
    counts: np.ndarray,
    class_names: Sequence[str],
    lattice: Lattice,
    *,
    looks: Sequence[tuple[str, str]] | None = None,
    realization: str | None = None,
) -> Figure:
    """Draw the commonest class of each node, paler the fewer of its points belong to it.

    `counts` are (M, C) integers, points of each node by class; `looks` are colour and marker of
    each class, `realization` is the id of the map. ConfigError where there are more classes than
    colours, or the counts do not fit.
    """
    _check_count(class_names)
    looks = matched_looks(None, len(class_names)) if looks is None else looks
    colours = [colour for colour, _ in looks]
    named = range(len(class_names))
    return _draw_majorities(counts, class_names, colours, lattice, named, "class", realization)


@paper_style()
def node_groups_figure(
    counts: np.ndarray, lattice: Lattice, *, realization: str | None = None
) -> Figure:
    """Draw the group of most points of each node, paler the fewer of its points are in it.

    `counts` are (M, G) integers, points of each node by group; `realization` is the id of the map.
    The largest groups are named.
    """
    sizes = np.asarray(counts).sum(axis=0)
    largest = np.argsort(-sizes, kind="stable")[:MAX_GROUPS]
    named = [int(group) for group in np.sort(largest) if sizes[group]]
    groups = range(len(sizes))
    names, colours = [consensus_title(k) for k in groups], [consensus_colour(k) for k in groups]
    return _draw_majorities(counts, names, colours, lattice, named, "group", realization)


def draw_node_groups(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `node_groups` from the files of a study."""
    stored = read_map(inputs, parameters, "winners")
    winners = stored.arrays["winners"]
    step = choose_step(len(winners))
    ensemble = store.read_ensemble(inputs["ensemble"], points=True, step=step)
    labels = np.asarray(ensemble.points.label, dtype=np.int64)
    sides = stored.lattice.n_nodes, ensemble.consensus.n_groups
    counts = count_classes(winners[::step], labels, *sides)
    return node_groups_figure(counts, stored.lattice, realization=stored.id)


def _draw_majorities(
    counts: np.ndarray,
    names: Sequence[str],
    looks: Sequence[str],
    lattice: Lattice,
    named: Sequence[int],
    what: str,
    realization: str | None,
) -> Figure:
    """Draw the commonest of the columns in each node; the legend has those that are named."""
    counts = np.asarray(counts, dtype=np.int64)
    if counts.shape != (lattice.n_nodes, len(names)):
        raise ConfigError(
            f"counts of shape {counts.shape} for {lattice.n_nodes} nodes and {len(names)} classes"
        )
    hits, best = counts.sum(axis=1), counts.max(axis=1, initial=0)
    commonest, occupied = counts.argmax(axis=1), hits > 0
    share = np.where(occupied, best / np.maximum(hits, 1), 0.0)
    colours = np.array([to_rgb(colour) for colour in looks])
    filled = 1 - share[:, None] * (1 - colours[commonest])
    filled[~occupied] = to_rgb(EMPTY)
    page = MapPage(lattice, realization)
    fill_cells(page.axes, cell_polygons(lattice), lattice.n_nodes > MANY_CELLS, facecolors=filled)
    draw_boundaries(page.axes, lattice, np.where(occupied, commonest, -1), 0.5)
    entries = [
        Patch(facecolor=looks[c], edgecolor=INK, lw=0.3, label=shorten(names[c], 20)) for c in named
    ]
    unnamed = np.setdiff1d(np.unique(commonest[occupied]), named)
    if len(unnamed):
        text = further(len(unnamed), what)
        entries.append(Patch(facecolor="none", edgecolor="none", label=text))
    if not occupied.all():
        entries.append(Patch(facecolor=EMPTY, edgecolor=INK, lw=0.3, label="node without points"))
    page.finish(entries)
    return page.figure


def draw_node_classes(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `node_classes` from the files of a study."""
    stored = read_map(inputs, parameters, "winners")
    table = store.read_data(inputs["data"], mapped=True)
    classes, names = known_classes(table)
    sides = stored.lattice.n_nodes, len(names)
    counts = count_classes(stored.arrays["winners"], classes, *sides)
    looks = class_looks(inputs, table)
    return node_classes_figure(counts, names, stored.lattice, looks=looks, realization=stored.id)


@paper_style()
def classification_figure(table: pd.DataFrame) -> Figure:
    """Draw the share of test points whose class is found, against the number of neighbours.

    Means over the maps, with the range of these; methods that ask no neighbours are level lines.
    `table` has the columns `method`, `metric`, `neighbours`, `points` and `accuracy` of
    `classification.csv`.
    """
    table = table[table["points"] == "test"]
    figure = new_figure(SINGLE_COLUMN, 3.4)
    axes = figure.add_subplot()
    curves = table[table["neighbours"].notna()].fillna({"metric": ""})
    entries: list[Artist] = []
    number, banded = 0, False
    for (method, metric), rows in curves.groupby(["method", "metric"], sort=False):
        of_k = rows.groupby("neighbours")["accuracy"]
        k, style = of_k.mean().index.to_numpy(int), line_style(number)
        axes.plot(k, 100 * of_k.mean(), **style)
        if of_k.size().max() > 1:
            band: Style = {"color": style["color"], "alpha": 0.2, "lw": 0}
            axes.fill_between(k, 100 * of_k.min(), 100 * of_k.max(), **band)
            banded = True
        best = f"best {100 * of_k.mean().max():.1f} %"
        entries.append(Line2D([], [], label=f"{_METHODS[str(method)]}, {metric}: {best}", **style))
        number += 1
    for method, rows in table[table["neighbours"].isna()].groupby("method", sort=False):
        mean, colour = 100 * rows["accuracy"].mean(), line_style(number)["color"]
        style = {"color": colour, "linestyle": _DASHES[number % len(_DASHES)]}
        axes.axhline(mean, **style)
        entries.append(Line2D([], [], label=f"{_METHODS[str(method)]}: {mean:.1f} %", **style))
        number += 1
    numbers = np.unique(curves["neighbours"].to_numpy(int))
    if len(numbers) > 1:
        log_axis(axes, "x")
    axes.set_xticks(numbers, [str(k) for k in numbers])
    axes.set_xticks([], minor=True)
    axes.set(xlabel="Number of nearest points", ylabel="Test points with the right class (%)")
    plain_numbers(axes.yaxis, 6)
    if banded:
        entries.append(Patch(facecolor=MUTED, alpha=0.3, label="bands: range of the maps"))
    legend_below(figure, entries, most=1)
    return figure


def draw_classification(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `classification` from the files of a study."""
    return classification_figure(pd.read_csv(inputs["classification"]))


def _check_count(class_names: Sequence[str]) -> None:
    if len(class_names) > MAX_CLASSES:
        raise ConfigError(
            f"a figure has room for {MAX_CLASSES} classes, not for {len(class_names)}; leave it "
            "out of figures.extra"
        )


def _draw_map(
    lattice: Lattice, values: np.ndarray, colours: Colormap, label: str, realization: str | None
) -> Figure:
    page = MapPage(lattice, realization, label)
    page.colour_bar(draw_values(page.axes, cell_polygons(lattice), values, colours))
    page.finish([])
    return page.figure


def _draw_heights(axes: Axes, u_matrix: np.ndarray, lattice: Lattice) -> None:
    draw_values(axes, cell_polygons(lattice), u_matrix, height_map(0.0, 0.35))


def _near_nodes(winners: np.ndarray, lattice: Lattice, seed: int) -> np.ndarray:
    """Places (n, 2) spread evenly over discs around the winners, the same on every run."""
    rng = np.random.default_rng(seed)
    angle, radius = 2 * np.pi * rng.random(len(winners)), np.sqrt(rng.random(len(winners)))
    away = _SPREAD * radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.asarray(lattice.coordinates())[winners] + away
