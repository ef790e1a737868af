"""Figure of a map of colours: its nodes in the colours of their weights, and where names land."""

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kohorte import store
from kohorte.errors import ConfigError
from kohorte.figures.cells import MANY_CELLS, cell_polygons, fill_cells, map_axes
from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    MUTED,
    Style,
    find_renderer,
    freeze_layout,
    legend_below,
    marker_handle,
    new_figure,
    page_width,
    panel_grid,
    panel_letter,
    panel_title,
    paper_style,
    plain_numbers,
    shorten,
)
from kohorte.maps.lattice import Lattice

MOST_NAMES = 40
"""Points that are named and measured one by one; of more, only their places are drawn."""

MOST_SLICES = 9
"""Slices of three features that are drawn; of more features, the first ones."""


@paper_style()
def colours_figure(
    weights: np.ndarray,
    lattice: Lattice,
    features: Sequence[str],
    *,
    winners: np.ndarray,
    names: Sequence[str],
    distances: np.ndarray,
    highlight: int,
) -> Figure:
    """Draw a map of three features as an image, in slices where there are more, and its names.

    Each slice of three features that follow each other gives red, green and blue of its panel. The
    last panel has the distances of the points to their nodes in all realizations. ConfigError where
    there are fewer than three features.

    Parameters
    ----------
    weights
        (M, F) weights in the units of the data, F >= 3. Points have values from 0 to 1; weights
        outside, of nodes that no point has moved, are drawn at the nearest of these.
    winners, names
        Node and name of each of N points.
    distances, highlight
        (R, N) distances of the points to their nodes in R realizations; row of the drawn map.
    """
    weights = np.asarray(weights, dtype=np.float64)
    n_features = weights.shape[1]
    if n_features < 3:
        raise ConfigError(
            f"figures.extra: 'colours' needs three features or more, for red, green and blue, but "
            f"the table has {n_features} ({', '.join(features)})"
        )
    slices = [slice(k, k + 3) for k in range(min(n_features - 2, MOST_SLICES))]
    columns = 1 if len(slices) == 1 else 2
    rows = -(-len(slices) // columns)
    measured = len(names) <= MOST_NAMES
    width = page_width(DOUBLE_COLUMN)
    beside = measured and width > 5.5
    side = (width - (2.6 if beside else 0.6)) / columns
    tall = rows * (side * lattice.ydim / lattice.xdim + 0.3)
    strip_room = 0.6 + 0.13 * len(names)
    height = max(tall + 0.8, strip_room if beside else 0) + strip_room * (measured and not beside)
    figure = new_figure(DOUBLE_COLUMN, height)
    maps, right = figure, None
    if beside:
        ratios = [width - 2.5, 2.5]
        maps, right = figure.subfigures(1, 2, squeeze=False, width_ratios=ratios).ravel()
    elif measured:
        ratios = [tall, strip_room]
        maps, right = figure.subfigures(2, 1, squeeze=False, height_ratios=ratios).ravel()
    grid = panel_grid(maps, len(slices), columns, sharex=True, sharey=True)
    polygons = cell_polygons(lattice)
    for k, (axes, part) in enumerate(zip(grid, slices, strict=True)):
        map_axes(axes, lattice)
        axes.set_aspect(1)
        shades = np.clip(weights[:, part], 0, 1)
        fill_cells(axes, polygons, len(polygons) > MANY_CELLS, facecolors=shades)
        axes.label_outer()
        text = ", ".join(shorten(name, 11) for name in features[part])
        panel_title(axes, panel_letter(k), text)
    handles: list[Artist] = []
    if right is not None:
        strip = right.subplots()
        texts = list(names) if columns == 1 else [f"{k} {n}" for k, n in enumerate(names, 1)]
        handles = _draw_distances(strip, texts, np.asarray(distances), highlight)
        panel_title(strip, panel_letter(len(slices)), "Names to their nodes")
    legend_below(figure, handles)
    freeze_layout(figure)
    places = np.asarray(lattice.coordinates())[winners]
    for axes in grid:
        if columns == 1 and measured:
            _write_names(axes, places, names)
        elif measured:
            _write_names(axes, places, [str(k) for k in range(1, len(names) + 1)])
        else:
            axes.plot(*places.T, ls="", marker="o", ms=2, color=INK, mec="white", mew=0.3)
    return figure


def draw_colours(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `colours` from the files of a study."""
    identifier = parameters["realization"] or store.read_representative(inputs["ensemble"])
    table = store.read_data(inputs["data"], beside=True)
    values = table.in_units(table.features)
    check_colours(values, table.names)
    files = store.listed_realizations(inputs["maps"])
    stored = [store.read_realization(file, "weights", "winners") for file in files]
    colours = [table.in_units(r.arrays["weights"]) for r in stored]
    distances = [
        np.linalg.norm(values - weights[r.arrays["winners"]], axis=1)
        for r, weights in zip(stored, colours, strict=True)
    ]
    own = [file.stem for file in files].index(identifier)
    names = [str(row) for row in table.rows]
    if table.beside.ids:
        names = [table.beside.name_of(k) for k in range(len(names))]
    elif table.truth is not None and table.class_names is not None:
        names = [*map([*table.class_names, ""].__getitem__, table.truth)]  # the last is that of -1
    return colours_figure(
        colours[own],
        stored[own].lattice,
        table.names,
        winners=stored[own].arrays["winners"],
        names=names,
        distances=np.array(distances),
        highlight=own,
    )


def check_colours(values: np.ndarray, features: Sequence[str]) -> None:
    """Raise ConfigError where a value is no share of a colour, from 0 to 1."""
    outside = ~((values >= -1e-6) & (values <= 1 + 1e-6))  # scaling back rounds
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise ConfigError(
            f"figures.extra: 'colours' needs values from 0 to 1, but feature "
            f"{features[column]!r} has {values[row, column]:g} in point {row}; divide the columns "
            "by their largest possible value"
        )


def _write_names(axes: Axes, places: np.ndarray, names: Sequence[str]) -> None:
    """Names in pale boxes at their nodes, inside the map, those on one node above each other."""
    box = {"facecolor": "white", "alpha": 0.6, "linewidth": 0, "boxstyle": "round,pad=0.2"}
    taken: dict[tuple, list[str]] = {}
    for place, name in zip(places.tolist(), names, strict=True):
        taken.setdefault(tuple(place), []).append(name)
    renderer = find_renderer(axes.figure)
    inside = axes.get_window_extent(renderer)
    for place, found in taken.items():
        style: Style = {"ha": "center", "va": "center", "fontsize": 6, "bbox": box, "zorder": 4}
        text = axes.text(place[0], place[1], "\n".join(found), **style)
        extent = text.get_window_extent(renderer).padded(2)
        over = max(extent.x1 - inside.x1, 0) - max(inside.x0 - extent.x0, 0)
        up = max(extent.y1 - inside.y1, 0) - max(inside.y0 - extent.y0, 0)
        x, y = axes.transData.transform(place)
        left, bottom = axes.transData.inverted().transform((x - over, y - up))
        text.set_position((left, bottom))


def _draw_distances(
    axes: Axes, names: Sequence[str], distances: np.ndarray, highlight: int
) -> list[Artist]:
    """Draw a row of dots for each name, one dot a realization; return legend entries."""
    at = np.arange(len(names))
    for row in distances:
        axes.plot(row, at, ls="", marker="o", ms=2.6, color=MUTED, mew=0, alpha=0.6)
    axes.plot(distances[highlight], at, ls="", marker="D", ms=3, color=INK, mew=0, zorder=3)
    axes.set_yticks(at, [shorten(name, 24) for name in names], fontsize=6)
    axes.set(ylim=(len(names) - 0.5, -0.5), xlim=(0, max(1.08 * distances.max(), 1e-6)))
    plain_numbers(axes.xaxis, 4)
    axes.set_xlabel("Distance in colour space")
    handles: list[Artist] = [marker_handle("this map", INK, "D", 3.5)]
    if len(distances) > 1:
        handles.append(marker_handle(f"all {len(distances):,} maps", MUTED, "o", 3.5))
    return handles
