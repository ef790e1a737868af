"""Figures of one map: U-matrix with its basins, component planes, hits."""

import textwrap
from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import MaxNLocator

from kohorte import store
from kohorte.analysis.classification import commonest, count_classes
from kohorte.errors import ConfigError
from kohorte.figures.cells import (
    MANY_CELLS,
    SYMBOLS,
    MapPage,
    MapSize,
    boundary_segments,
    cell_polygons,
    clip_to_map,
    draw_boundaries,
    draw_values,
    fit_map,
    map_axes,
    straight_lines,
)
from kohorte.figures.reading import Inputs, Parameters, class_looks, read_map
from kohorte.figures.style import (
    COLOURS,
    DOUBLE_COLUMN,
    EMPTY,
    INK,
    MUTED,
    NAME_ROOM,
    PAGE_HEIGHT,
    SMALL,
    TICK_STEPS,
    ShortNumbers,
    Style,
    add_cells,
    add_lines,
    find_renderer,
    further,
    height_map,
    name_map,
    new_figure,
    page_width,
    palette_colour,
    panel_letter,
    panel_title,
    paper_style,
    place_axes,
    place_labels,
    plural,
    sequential_map,
    shorten,
    thin_bar,
)
from kohorte.maps.lattice import Lattice

MAX_CLASSES = 16
"""Classes of a hit map with a colour of their own; the rarest beyond them are shown together."""

_JOINT = "#D55E00"
_UNKNOWN = "#C8C8C8"  # points whose class is not known
_LEAST_SHARE = 0.15  # of a cell: the diameter of the smallest symbol
_NAMED = 0.7  # inches, the side of a square as large as the mean cluster, for names to fit
_ABOVE = 0.3  # inches above a component plane, for its title


@paper_style()
def umatrix_figure(
    u_matrix: np.ndarray,
    lattice: Lattice,
    *,
    basins: np.ndarray,
    centroids: np.ndarray,
    node_clusters: np.ndarray,
    cluster_centroids: np.ndarray,
    metric: str = "euclidean",
    realization: str | None = None,
    class_names: Sequence[str] = (),
) -> Figure:
    """Draw the U-matrix, the basins on it, and the clusters that they were merged into.

    A thin line parts basins of one cluster, a thick one clusters; a line joins the centroid of a
    basin to that of the cluster it belongs to, where they differ. On a periodic lattice lines go
    the short way, if need be over the border. Clusters carry their number as far as numbers fit
    without overlapping, largest clusters first. ConfigError where an array does not have one entry
    per node.

    Parameters
    ----------
    u_matrix
        (M,) heights.
    basins, node_clusters
        (M,) integers: index of each node's basin in `centroids`, and its cluster, 0..K-1.
    centroids, cluster_centroids
        (C0,) and (K,) integers, node of the centroid of each basin and each cluster.
    metric
        Name of the distance between weights; the colour bar names any other than euclidean.
    class_names
        Of each cluster the known class of most of its points, beside its number where clusters are
        large enough; empty for none.
    realization
        Id of the map, which the figure names.
    """
    _check_nodes(lattice, u_matrix=u_matrix, basins=basins, node_clusters=node_clusters)
    basins, centroids = np.asarray(basins), np.asarray(centroids)
    node_clusters, cluster_centroids = np.asarray(node_clusters), np.asarray(cluster_centroids)
    positions, polygons = np.asarray(lattice.coordinates()), cell_polygons(lattice)
    page = MapPage(lattice, realization, height_label(metric))
    axes = page.axes
    limits, extend = height_limits(u_matrix)
    page.colour_bar(draw_values(axes, polygons, u_matrix, height_map(), limits), extend)
    handles = _draw_merges(axes, lattice, centroids, cluster_centroids[node_clusters[centroids]])
    if draw_boundaries(axes, lattice, node_clusters):
        handles.append(Line2D([], [], color=INK, lw=1.8, label="boundary of clusters"))
    handles += _draw_basins(axes, lattice, basins, node_clusters)
    handles.append(Line2D([], [], label="centroid of a cluster", **_disc("white", 7)))
    page.finish(handles)
    at, texts = positions[cluster_centroids], [str(k) for k in range(len(cluster_centroids))]
    order = np.argsort(-np.bincount(node_clusters), kind="stable")
    axes.plot(*at.T, **_disc("white", 4), zorder=4.8)
    style: Style = {"fontsize": 6, "zorder": 6}
    room = np.sqrt(page.size.width * page.size.height / len(texts))
    if any(class_names) and room > _NAMED:
        texts = [f"{k} {shorten(class_names[k], 14)}".rstrip() for k in range(len(texts))]
        style["bbox"] = {"boxstyle": "round,pad=0.25", "fc": "white", "ec": INK, "lw": 0.5}
        place_labels(axes, _move_inside(axes, at, texts, 3.0), texts, order, 2.5, **style)
        return page.figure
    numbered = place_labels(axes, at, texts, order, padding=2.0, **style)
    axes.plot(*at[numbered].T, **_disc("white", 10), zorder=5)
    return page.figure


def _move_inside(
    axes: Axes, positions: np.ndarray, texts: Sequence[str], padding: float
) -> np.ndarray:
    """Return positions (L, 2) of texts, moved so that they lie within the axes where they fit."""
    renderer, box = find_renderer(axes.figure), axes.get_window_extent()
    margin, moved = padding * axes.figure.dpi / 72, []
    for (x, y), content in zip(positions, texts, strict=True):
        text = axes.text(x, y, content, ha="center", va="center", fontsize=6)
        own = text.get_window_extent(renderer).padded(margin)
        text.remove()
        at = axes.transData.transform((x, y))
        right, up = (
            max(low - a, 0) - max(b - high, 0)
            for low, high, a, b in (
                (box.x0, box.x1, own.x0, own.x1),
                (box.y0, box.y1, own.y0, own.y1),
            )
        )
        moved.append(axes.transData.inverted().transform(at + (right, up)))
    return np.array(moved)


def name_clusters(stored: store.StoredRealization, table: store.PreparedData) -> list[str]:
    """Return the known class of most points of each cluster of a map; nothing without classes.

    `stored` has `node_clusters` and `winners`. A cluster without a point of known class has "".
    """
    if table.truth is None or table.class_names is None:
        return []
    clusters = stored.arrays["node_clusters"][stored.arrays["winners"]]
    counts = count_classes(clusters, table.truth, stored.n_clusters, len(table.class_names))
    return [(*table.class_names, "")[k] for k in commonest(counts)]


def draw_umatrix(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `umatrix` from the files of a study."""
    names = ["u_matrix", "basins", "centroids", "node_clusters", "cluster_centroids"]
    stored = read_map(inputs, parameters, *names, "winners")
    return umatrix_figure(
        lattice=stored.lattice,
        metric=stored.parameters["metric"],
        class_names=name_clusters(stored, store.read_data(inputs["data"], mapped=True)),
        realization=stored.id,
        **{name: stored.arrays[name] for name in names},
    )


def height_limits(u_matrix: np.ndarray) -> tuple[tuple[float, float], str]:
    """Return limits of the colours of (M,) heights, and at which end of them some lie beyond.

    A few far nodes would make all others look alike: colours end at the 98th percentile where the
    largest height is more than twice that.
    """
    finite = u_matrix[np.isfinite(u_matrix)]
    if not finite.size:
        return (0.0, 1.0), "neither"
    low, usual, high = float(finite.min()), float(np.quantile(finite, 0.98)), float(finite.max())
    return ((low, usual), "max") if high > 2 * usual else ((low, high), "neither")


def height_label(metric: str) -> str:
    """Return what the heights of a U-matrix are."""
    name = "" if metric == "euclidean" else f"{metric} "
    return f"Mean {name}distance to neighbours (scaled)"


@paper_style()
def component_planes_figure(
    weights: np.ndarray,
    names: Sequence[str],
    lattice: Lattice,
    *,
    offset: np.ndarray | None = None,
    scale: np.ndarray | None = None,
    values: np.ndarray | None = None,
    node_clusters: np.ndarray | None = None,
    max_planes: int = 30,
    realization: str | None = None,
) -> Figure:
    """Draw one small map per feature, coloured by the weights in the units of the data.

    Where there are more features than `max_planes`, those are shown whose weights vary most over
    the map (standard deviation of the scaled weights), in the order of the table, and the figure
    says so. ConfigError where the weights do not have one row per node, or one column per name.

    Parameters
    ----------
    weights
        (M, F) weights, scaled as the map was trained.
    offset, scale
        (F,) of the scaling: data = weights * scale + offset. None leaves the weights as they are.
    values
        (M, F) weights in the units of the data, where another scaling or a transform made them.
    node_clusters
        (M,) integers; draws the boundaries of clusters, unless they would cover the planes.
    realization
        Id of the map, which the figure names.
    """
    weights = np.asarray(weights, dtype=np.float64)
    _check_nodes(lattice, weights=weights)
    n_features = weights.shape[1]
    if n_features != len(names):
        raise ConfigError(f"{n_features} columns of weights, but {len(names)} names of features")
    shown = np.arange(n_features)
    if n_features > max_planes:
        # ASSUME: rounding makes the choice independent of the last bits of the weights
        spread = np.round(weights.std(axis=0), 6)
        shown = np.sort(np.argsort(-spread, kind="stable")[:max_planes])
    scale = np.ones(n_features) if scale is None else np.asarray(scale)
    offset = np.zeros(n_features) if offset is None else np.asarray(offset)

    heading = NAME_ROOM if realization else 0.0
    values = (weights * scale + offset if values is None else np.asarray(values))[:, shown]
    beside = _bar_room(values)
    columns, plane = _plane_grid(lattice, len(shown), beside)
    rows = -(-len(shown) // columns)
    bounded = (
        node_clusters is not None
        and np.sqrt(plane.width * plane.height / len(np.unique(node_clusters))) > 0.25
    )
    width = page_width(columns * (plane.width + beside) + 0.1)
    panel = ((width - 0.1) / columns, plane.height + _ABOVE)
    notes = [] if len(shown) == 1 else ["each colour bar spans the range of its own plane"]
    if len(shown) < n_features:
        notes.insert(0, f"{len(shown)} of {n_features} features: those that vary most over the map")
    if lattice.periodic:
        notes.append("periodic lattice")
    lines = textwrap.wrap("; ".join(notes), int(width * 72 / 3.9))
    page = (width, rows * panel[1] + heading + 0.1 + 0.15 * len(lines) + 0.2 * bounded)
    figure = new_figure(*page, layout=None)
    polygons, colours = cell_polygons(lattice), sequential_map("viridis", 0.0, 1.0)
    rasterize = len(polygons) * len(shown) > MANY_CELLS
    width_in_characters = int(panel[0] * 72 / 4.2) - 3
    place = partial(place_axes, figure, page)
    for k, feature in enumerate(shown):
        left = 0.1 + (k % columns) * panel[0]
        bottom = page[1] - heading - (k // columns + 1) * panel[1] + 0.06
        axes = place(left, bottom, plane.width, plane.height)
        map_axes(axes, lattice, labels=False)
        cells = draw_values(axes, polygons, values[:, k], colours, rasterize=rasterize)
        if bounded and node_clusters is not None:
            draw_boundaries(axes, lattice, node_clusters, 0.7)
        title = shorten(names[int(feature)], width_in_characters)
        letter = panel_letter(k) if len(shown) > 1 else ""
        panel_title(axes, letter, title, fontsize=7, pad=2.5)
        beside_it = place(left + plane.width + 0.05, bottom, 0.07, plane.height)
        thin_bar(figure, cells, beside_it, 4 if plane.height > 0.8 else 3)
    y = 0.05 + 0.15 * len(lines)
    if lines:
        figure.text(0.1 / page[0], y / page[1], "\n".join(lines), va="top", fontsize=SMALL)
    if bounded and node_clusters is not None and len(np.unique(node_clusters)) > 1:
        anchor: Style = {"loc": "lower left", "bbox_to_anchor": (0.1 / page[0], y / page[1])}
        entry = Line2D([], [], color=INK, lw=1.0, label="boundary of clusters")
        figure.legend(handles=[entry], borderpad=0, **anchor)
    name_map(figure, realization)
    return figure


def draw_component_planes(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `component_planes` from the files of a study."""
    stored = read_map(inputs, parameters, "weights", "node_clusters")
    table = store.read_data(inputs["data"], mapped=True)
    return component_planes_figure(
        stored.arrays["weights"],
        [table.describe(k) for k in range(len(table.names))],
        stored.lattice,
        values=table.in_units(stored.arrays["weights"]),
        node_clusters=stored.arrays["node_clusters"],
        realization=stored.id,
    )


@paper_style()
def hit_map_figure(
    hits: np.ndarray,
    lattice: Lattice,
    *,
    class_counts: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    class_looks: Sequence[str] | None = None,
    unknown: np.ndarray | None = None,
    node_clusters: np.ndarray | None = None,
    realization: str | None = None,
) -> Figure:
    """Draw points per node; with known classes as pies, else as filled parts of the cells.

    `hits` are (M,) points whose winner the node is, `class_counts` (M, C) the same by true class,
    whose colours are `class_looks`, `unknown` (M,) those whose class is not known;
    `node_clusters` (M,) draws the boundaries of clusters; `realization` is the id of the map. The
    area of a symbol is proportional to the number of points of its node; the fullest node fills
    its cell, and the smallest dots are larger than that. ConfigError where an array does not have
    one row per node, or the classes do not fit their names.
    """
    hits = np.asarray(hits, dtype=np.int64)
    _check_nodes(lattice, hits=hits)
    positions, polygons = np.asarray(lattice.coordinates()), cell_polygons(lattice)
    occupied = hits > 0
    full = max(int(hits.max(initial=1)), 1)
    share = np.clip(np.sqrt(hits / full), _LEAST_SHARE, 1.0)
    handles: list[Artist] = []
    if class_counts is not None:
        _check_nodes(lattice, class_counts=class_counts)
        counts, labels, class_colours = _fold_classes(
            np.asarray(class_counts), class_names, class_looks
        )
        if unknown is not None and np.any(unknown):
            _check_nodes(lattice, unknown=unknown)
            counts = np.hstack([counts, np.asarray(unknown)[:, None]])
            labels, class_colours = [*labels, "class not known"], [*class_colours, _UNKNOWN]
        handles += [
            Patch(facecolor=colour, edgecolor=INK, lw=0.3, label=shorten(name, 22))
            for name, colour in zip(labels, class_colours, strict=True)
        ]
    if node_clusters is not None and len(np.unique(node_clusters)) > 1:
        handles.append(Line2D([], [], color=INK, lw=1.4, label="boundary of clusters"))
    if not occupied.all():
        text = f"{100 * (~occupied).mean():.0f} % of the nodes hold no points"
        handles.append(Patch(facecolor="none", edgecolor="none", label=text))
    page = MapPage(lattice, realization)
    axes = page.axes
    dense = len(polygons) > MANY_CELLS
    filled: Style = {"facecolors": "white", "edgecolors": EMPTY}
    add_cells(axes, polygons, linewidths=0.0 if dense else 0.4, rasterized=dense, **filled)
    largest = 0.96 * page.size.symbol
    if class_counts is None:
        centred = (polygons[occupied] - positions[occupied, None]) * [1.0, page.size.roundness]
        symbols = positions[occupied, None] + centred * share[occupied, None, None] * largest
        colours = [COLOURS[0]]
        marker, widening = SYMBOLS[lattice.topology]
    else:
        symbols, classes = _pies(positions, counts, share * largest / 2, page.size.roundness)
        colours = [class_colours[c] for c in classes]
        marker, widening = "o", 1.0
    filled = {"facecolors": colours, "edgecolors": "white", "linewidths": 0.0 if dense else 0.25}
    add_cells(axes, symbols, rasterized=dense, zorder=2, **filled)
    if node_clusters is not None:
        draw_boundaries(axes, lattice, node_clusters, 1.1)
    key = []
    for n in sorted({full, max(full // 4, 1), 1}, reverse=True):
        width = largest * 72 * page.size.cell * widening * max(np.sqrt(n / full), _LEAST_SHARE)
        key.append((plural(n, "point"), width))
    colour = COLOURS[0] if class_counts is None else MUTED
    page.finish(handles, key, marker=marker, color=colour, markeredgewidth=0)
    return page.figure


def draw_hits(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `hits` from the files of a study."""
    stored = read_map(inputs, parameters, "hits", "winners", "node_clusters")
    table = store.read_data(inputs["data"], mapped=True)
    counts = unknown = looks = None
    if table.truth is not None and table.class_names is not None:
        sides = stored.lattice.n_nodes, len(table.class_names)
        counts = count_classes(stored.arrays["winners"], table.truth, *sides)
        unknown = stored.arrays["hits"] - counts.sum(axis=1)
        looks = [colour for colour, _ in class_looks(inputs, table)]
    return hit_map_figure(
        stored.arrays["hits"],
        stored.lattice,
        class_counts=counts,
        class_names=table.class_names,
        class_looks=looks,
        unknown=unknown,
        node_clusters=stored.arrays["node_clusters"],
        realization=stored.id,
    )


def _check_nodes(lattice: Lattice, **arrays: np.ndarray) -> None:
    """Raise where an array does not have one entry per node."""
    for name, values in arrays.items():
        if len(values) != lattice.n_nodes:
            raise ConfigError(
                f"{name} has {len(values)} entries, but the {lattice.xdim} x {lattice.ydim} "
                f"lattice has {lattice.n_nodes} nodes"
            )


def _disc(colour: str, size: float) -> Style:
    style: Style = {"linestyle": "", "marker": "o", "color": colour, "markersize": size}
    return style | {"markeredgecolor": INK, "markeredgewidth": 0.7, "clip_on": False}


def _draw_basins(
    axes: Axes, lattice: Lattice, basins: np.ndarray, node_clusters: np.ndarray
) -> list[Artist]:
    """Draw lines between basins of one cluster; return their legend entry."""
    known = {_ends(segment) for segment in boundary_segments(lattice, node_clusters)}
    shown = [s for s in boundary_segments(lattice, basins) if _ends(s) not in known]
    if not shown:
        return []
    rim = [Stroke(linewidth=1.6, foreground="white"), Normal()]
    style: Style = {"colors": _JOINT, "linewidths": 0.8, "zorder": 2.8, "path_effects": rim}
    add_lines(axes, shown, rasterized=len(shown) > 5 * MANY_CELLS, **style)
    return [Line2D([], [], color=_JOINT, lw=0.8, label="boundary of merged basins")]


def _ends(segment: np.ndarray) -> tuple[float, ...]:
    return tuple(np.sort(segment.round(6), axis=0).ravel())


def _draw_merges(
    axes: Axes, lattice: Lattice, centroids: np.ndarray, targets: np.ndarray
) -> list[Artist]:
    """Lines from merged basins to their clusters, dots on the former, and the legend entries."""
    merged = targets != centroids
    if not merged.any():
        return []
    joints = straight_lines(lattice, centroids[merged], targets[merged])
    rim = [Stroke(linewidth=3.0, foreground="white"), Normal()]
    lines = add_lines(axes, joints, colors=_JOINT, linewidths=1.7, zorder=4, path_effects=rim)
    clip_to_map(lines, axes, lattice)
    dots = lattice.coordinates()[centroids[merged]]
    axes.plot(*dots.T, **_disc(_JOINT, 3.0), zorder=4.5)
    handle = Line2D([], [], **(_disc(_JOINT, 3.0) | {"linestyle": "-"}), lw=1.7)
    handle.set_label("basin merged into a cluster")
    return [handle]


def _bar_room(values: np.ndarray) -> float:
    """Inches beside each plane for a colour bar with the longest of all tick labels."""
    locator, formatter = MaxNLocator(nbins=4, min_n_ticks=2, steps=TICK_STEPS), ShortNumbers()
    ranges = zip(values.min(axis=0), values.max(axis=0), strict=True)
    labels = [formatter.format_ticks(locator.tick_values(low, high)) for low, high in ranges]
    return 0.27 + 0.056 * max(len(text) for texts in labels for text in texts)


def _plane_grid(lattice: Lattice, planes: int, beside: float) -> tuple[int, MapSize]:
    """Most columns that draw the planes not much smaller than any other; size of a plane."""
    grids = []
    for columns in range(1, planes + 1):
        rows = -(-planes // columns)
        across = (page_width(DOUBLE_COLUMN) - 0.1) / columns - beside
        room = (across, (PAGE_HEIGHT - 0.8) / rows - _ABOVE)
        if min(room) > 0.2:
            room = (min(room[0], 3.0), min(room[1], 3.0))
            size = fit_map(lattice, *room, largest_cell=0.3, longest=3.0)
            grids.append((columns, rows, size))
    if not grids:
        raise ConfigError(f"{planes} component planes do not fit on a page; lower max_planes")
    largest = max(size.width for _, _, size in grids)
    good = [grid for grid in grids if grid[2].width >= 0.6 * largest]
    # A lonely plane in the last row looks like a mistake.
    columns, _, size = min(good, key=lambda g: (g[1] > 1 and planes % g[0] == 1, -g[0]))
    return columns, size


def _fold_classes(
    counts: np.ndarray, names: Sequence[str] | None, looks: Sequence[str] | None
) -> tuple[np.ndarray, list[str], list[str]]:
    """Return counts, names and colours; the rarest beyond MAX_CLASSES are added up as the last."""
    n_classes = counts.shape[1]
    labels = [f"class {c}" for c in range(n_classes)] if names is None else list(map(str, names))
    if len(labels) != n_classes:
        raise ConfigError(f"{n_classes} columns of class counts, but {len(labels)} names")
    colours = [palette_colour(c) for c in range(n_classes)] if looks is None else list(looks)
    if n_classes <= MAX_CLASSES:
        return counts, labels, colours
    frequent = np.sort(np.argsort(-counts.sum(axis=0), kind="stable")[: MAX_CLASSES - 1])
    rest = np.delete(counts, frequent, axis=1).sum(axis=1, keepdims=True)
    folded = np.hstack([counts[:, frequent], rest])
    names = [labels[c] for c in frequent] + [further(n_classes - len(frequent), "class")]
    return folded, names, [colours[c] for c in frequent] + [MUTED]


def _pies(
    positions: np.ndarray, counts: np.ndarray, radii: np.ndarray, roundness: float
) -> tuple[list[np.ndarray], list[int]]:
    """Polygons of all sectors, clockwise from the top, and their classes."""
    sectors, classes = [], []
    ends = np.cumsum(counts, axis=1)
    for node in np.flatnonzero(ends[:, -1]):
        turns = ends[node] / ends[node, -1]
        for c in np.flatnonzero(counts[node]):
            start = turns[c - 1] if c else 0.0
            steps = max(int(40 * (turns[c] - start)), 2) + 1
            angles = 2 * np.pi * np.linspace(start, turns[c], steps)
            arc = radii[node] * np.stack([np.sin(angles), roundness * np.cos(angles)], axis=1)
            if counts[node, c] < ends[node, -1]:
                arc = np.vstack([arc, [0.0, 0.0]])
            sectors.append(positions[node] + arc)
            classes.append(int(c))
    return sectors, classes
