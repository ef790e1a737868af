"""Figures of a map's U-matrix: as a landscape with contours, and as it forms during training."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kohorte.errors import ConfigError
from kohorte.figures.cells import (
    MapPage,
    cell_polygons,
    draw_boundaries,
    draw_values,
    fit_map,
    map_axes,
)
from kohorte.figures.maps import height_label
from kohorte.figures.reading import Inputs, Parameters, read_map, unit_of_training
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    NAME_ROOM,
    PAGE_HEIGHT,
    Style,
    fitting_columns,
    height_map,
    name_map,
    new_figure,
    page_width,
    panel_letter,
    panel_title,
    paper_style,
    place_axes,
    plural,
    thin_bar,
    value_label,
)
from kohorte.maps.draws import see
from kohorte.maps.lattice import Lattice
from kohorte.maps.segments import segment
from kohorte.maps.umatrix import smooth, u_matrix

STAGES = 6
"""Moments of training that are drawn; of more, so many, evenly spaced."""

_LEVELS = 9
_CONTOUR = "#0072B2"


@paper_style()
def umatrix_contours_figure(
    u_matrix: np.ndarray,
    lattice: Lattice,
    *,
    node_clusters: np.ndarray,
    centroids: np.ndarray,
    cluster_centroids: np.ndarray,
    metric: str = "euclidean",
    realization: str | None = None,
) -> Figure:
    """Draw the (M,) U-matrix with contours, all centroids, and the clusters of merged basins.

    `node_clusters` (M,) has the cluster of each node, `centroids` (C,) and `cluster_centroids` (K,)
    the nodes at the bottom of basins and clusters, `realization` is the id of the map. ConfigError
    where the U-matrix does not have one
    value for each node.
    """
    u_matrix = np.asarray(u_matrix, dtype=np.float64)
    if len(u_matrix) != lattice.n_nodes:
        raise ConfigError(f"{len(u_matrix)} values for {lattice.n_nodes} nodes")
    page = MapPage(lattice, realization, height_label(metric))
    axes, positions = page.axes, np.asarray(lattice.coordinates())
    page.colour_bar(draw_values(axes, cell_polygons(lattice), u_matrix, height_map()))
    handles = []
    if min(lattice.xdim, lattice.ydim) > 1 and np.ptp(u_matrix) > 0:
        levels = np.quantile(u_matrix, np.linspace(0.1, 0.95, _LEVELS))
        style: Style = {"levels": np.unique(levels), "colors": _CONTOUR, "linewidths": 0.6}
        axes.tricontour(positions[:, 0], positions[:, 1], u_matrix, **style)
        handles.append(Line2D([], [], color=_CONTOUR, lw=0.8, label="contours, by deciles"))
    if draw_boundaries(axes, lattice, node_clusters, 1.2):
        handles.append(Line2D([], [], color=INK, lw=1.6, label="boundary of clusters"))
    merged = np.setdiff1d(centroids, cluster_centroids)
    dot: Style = {"ls": "", "marker": "o", "markeredgecolor": INK, "markeredgewidth": 0.6}
    if len(merged):
        axes.plot(*positions[merged].T, **dot, color="#E69F00", markersize=4, zorder=5)
        text = f"centroid of a merged basin ({len(merged)})"
        handles.append(Line2D([], [], **dot, color="#E69F00", markersize=4, label=text))
    text = f"centroid of a cluster ({len(cluster_centroids)})"
    handles.append(Line2D([], [], **dot, color="white", markersize=7, label=text))
    page.finish(handles)
    at = positions[cluster_centroids]
    axes.plot(*at.T, **dot, color="white", markersize=9.5, zorder=6, clip_on=False)
    for k, (x, y) in enumerate(at):
        axes.text(x, y, str(k), fontsize=6, ha="center", va="center", zorder=7)
    return page.figure


def draw_umatrix_contours(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `umatrix_contours` from the files of a study."""
    stored = read_map(
        inputs, parameters, "u_matrix", "node_clusters", "centroids", "cluster_centroids"
    )
    return umatrix_contours_figure(
        lattice=stored.lattice,
        metric=stored.parameters["metric"],
        realization=stored.id,
        **stored.arrays,
    )


@paper_style()
def umatrix_stages_figure(
    steps: np.ndarray,
    u_matrices: np.ndarray,
    lattice: Lattice,
    *,
    node_clusters: Sequence[np.ndarray] | None = None,
    unit: str = "steps",
    realization: str | None = None,
) -> Figure:
    """Draw the U-matrix at moments of training, each in its own range of grey, with its clusters.

    `u_matrices` (S, M) were reached after (S,) `steps`, steps or epochs as `unit` says.
    `node_clusters`, S times (M,), draws the boundaries of clusters and says how many there are.
    `realization` is the id of the map. ConfigError where the arrays do not fit.
    """
    steps, u_matrices = np.asarray(steps), np.asarray(u_matrices, dtype=np.float64)
    if u_matrices.shape != (len(steps), lattice.n_nodes) or not len(steps):
        raise ConfigError(
            f"U-matrices have shape {u_matrices.shape}; expected {(len(steps), lattice.n_nodes)}"
        )
    columns = fitting_columns(len(steps), 2.2)
    columns = -(-len(steps) // -(-len(steps) // columns))
    rows = -(-len(steps) // columns)
    heading = NAME_ROOM if realization else 0.0
    side = (page_width(DOUBLE_COLUMN) - 0.5) / columns - 0.75
    size = fit_map(lattice, side, min(2.4, (PAGE_HEIGHT - 0.4) / rows - 0.62))
    tall = size.height + 0.62
    width = page_width(0.5 + columns * max(size.width + 0.75, 2.2))
    wide = (width - 0.5) / columns
    page = (width, rows * tall + 0.1 + heading)
    figure = new_figure(*page, layout=None)
    polygons, place = cell_polygons(lattice), partial(place_axes, figure, page)
    for k, step in enumerate(steps):
        row, column = divmod(k, columns)
        x, y = 0.5 + column * wide, page[1] - heading - row * tall - 0.27 - size.height
        axes = place(x, y, size.width, size.height)
        map_axes(axes, lattice)
        if column:
            axes.set_ylabel("")
            axes.tick_params(labelleft=False)
        if k + columns < len(steps):
            axes.set_xlabel("")
            axes.tick_params(labelbottom=False)
        cells = draw_values(axes, polygons, u_matrices[k], height_map())
        title = f"After {value_label(step)} {unit if step != 1 else unit[:-1]}"
        if node_clusters is not None:
            draw_boundaries(axes, lattice, node_clusters[k], 0.9)
            title += f": {plural(len(np.unique(node_clusters[k])), 'cluster')}"
        panel_title(axes, panel_letter(k) if len(steps) > 1 else "", title)
        thin_bar(figure, cells, place(x + size.width + 0.05, y, 0.07, size.height))
    name_map(figure, realization)
    return figure


def draw_umatrix_stages(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `umatrix_stages` from the files of a study."""
    stored = read_map(inputs, parameters, "snapshots/step", "snapshots/weights")
    known, lattice = stored.parameters, stored.lattice
    steps, weights = stored.arrays.values()
    shown = np.unique(np.linspace(0, len(steps) - 1, STAGES).round().astype(int))
    values, clusters = [], []
    for moment in (see(stage, stored.factors) for stage in weights[shown]):
        u = smooth(u_matrix(moment, lattice, known["metric"]), lattice, known["smoothing"])
        values.append(u)
        segments = segment(moment, u, lattice, method="basins", merge=known["merge"])
        clusters.append(segments.node_clusters)
    return umatrix_stages_figure(
        steps[shown],
        np.stack(values),
        lattice,
        node_clusters=clusters if known["method"] == "basins" else None,
        unit=unit_of_training(known),
        realization=stored.id,
    )
