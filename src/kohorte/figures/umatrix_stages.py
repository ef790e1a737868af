"""Figures of a map's U-matrix: as a landscape with contours, and as it forms during training."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
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
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    freeze_layout,
    group_colour,
    new_figure,
    panel_title,
    paper_style,
    place_labels,
    plain_numbers,
    sequential_map,
    value_label,
)
from kohorte.maps.lattice import Lattice
from kohorte.studies.plasma.figures.slices import field_label

STAGES = 6
"""Moments of training that are drawn; of more, so many, evenly spaced."""

_LEVELS = 9


@paper_style()
def umatrix_contours_figure(
    u_matrix: np.ndarray,
    lattice: Lattice,
    *,
    node_clusters: np.ndarray,
    centroids: np.ndarray,
    cluster_centroids: np.ndarray,
    metric: str = "euclidean",
) -> Figure:
    """U-matrix with contour lines, all centroids, and the clusters that basins were merged to.

    Parameters
    ----------
    u_matrix
        (M,) mean distance of each node to its neighbours.
    lattice
        Lattice with M nodes.
    node_clusters
        (M,) integers, cluster of each node.
    centroids
        (C,) nodes at the bottom of the basins.
    cluster_centroids
        (K,) nodes of the clusters.
    metric
        Of the distances.

    Raises
    ------
    ConfigError
        The U-matrix does not have one value for each node.
    """
    u_matrix = np.asarray(u_matrix, dtype=np.float64)
    if len(u_matrix) != lattice.n_nodes:
        raise ConfigError(f"{len(u_matrix)} values for {lattice.n_nodes} nodes")
    page = MapPage(lattice)
    axes, positions = page.axes, np.asarray(lattice.coordinates())
    cells = draw_values(axes, cell_polygons(lattice), u_matrix, sequential_map("viridis", 0, 1))
    page.colour_bar(cells, f"U-matrix (mean {metric} distance to neighbours)")
    handles = []
    if min(lattice.xdim, lattice.ydim) > 1 and np.ptp(u_matrix) > 0:
        levels = np.quantile(u_matrix, np.linspace(0.1, 0.95, _LEVELS))
        axes.tricontour(
            *positions.T, u_matrix, levels=np.unique(levels), colors="white", linewidths=0.45
        )
        handles.append(Line2D([], [], color=MUTED_LINE, lw=0.8, label="contours, by deciles"))
    if draw_boundaries(axes, lattice, node_clusters, 1.2):
        handles.append(Line2D([], [], color=INK, lw=1.6, label="boundary of clusters"))
    merged = np.setdiff1d(centroids, cluster_centroids)
    dot = {"ls": "", "marker": "o", "markeredgecolor": INK, "markeredgewidth": 0.6}
    if len(merged):
        axes.plot(*positions[merged].T, **dot, color="#E69F00", markersize=4, zorder=5)
        text = f"centroid of a merged basin ({len(merged)})"
        handles.append(Line2D([], [], **dot, color="#E69F00", markersize=4, label=text))
    text = f"centroid of a cluster ({len(cluster_centroids)})"
    handles.append(Line2D([], [], **dot, color="white", markersize=7, label=text))
    page.finish(handles)
    at = positions[cluster_centroids]
    axes.plot(*at.T, **dot, color="white", markersize=9.5, zorder=6, clip_on=False)
    for k, place in enumerate(at):
        axes.text(*place, str(k), fontsize=6, ha="center", va="center", zorder=7)
    return page.figure


MUTED_LINE = "#A0B8B0"
"""What a white line on the colours of a U-matrix looks like on white paper."""


@paper_style()
def umatrix_stages_figure(
    steps: np.ndarray,
    u_matrices: np.ndarray,
    lattice: Lattice,
    *,
    node_clusters: Sequence[np.ndarray] | None = None,
    unit: str = "steps",
) -> Figure:
    """The U-matrix at some moments of training, each in its own range of grey, with its clusters.

    Parameters
    ----------
    steps
        (S,) steps or epochs done at each moment.
    u_matrices
        (S, M) U-matrix at each moment.
    lattice
        Lattice with M nodes.
    node_clusters
        S times (M,) integers; draws the boundaries of clusters and says how many there are.
    unit
        What `steps` counts.

    Raises
    ------
    ConfigError
        The arrays do not fit.
    """
    steps, u_matrices = np.asarray(steps), np.asarray(u_matrices, dtype=np.float64)
    if u_matrices.shape != (len(steps), lattice.n_nodes) or not len(steps):
        raise ConfigError(
            f"U-matrices have shape {u_matrices.shape}; expected {(len(steps), lattice.n_nodes)}"
        )
    columns = min(len(steps), 3)
    rows = -(-len(steps) // columns)
    side = (DOUBLE_COLUMN - 0.5) / columns - 0.75
    size = fit_map(lattice, side, 2.4)
    wide, tall = max(size.width + 0.75, 2.2), size.height + 0.62
    page = (0.5 + columns * wide, rows * tall + 0.1)
    figure = new_figure(*page, layout=None)
    polygons = cell_polygons(lattice)
    for k, step in enumerate(steps):
        row, column = divmod(k, columns)
        x, y = 0.5 + column * wide, page[1] - row * tall - 0.27 - size.height

        def place(x, y, w, h):
            return figure.add_axes((x / page[0], y / page[1], w / page[0], h / page[1]))

        axes: Axes = place(x, y, size.width, size.height)
        map_axes(axes, lattice)
        if column:
            axes.set_ylabel("")
            axes.tick_params(labelleft=False)
        if k + columns < len(steps):
            axes.set_xlabel("")
            axes.tick_params(labelbottom=False)
        cells = draw_values(axes, polygons, u_matrices[k], sequential_map("bone_r", 0.02, 0.85))
        title = f"after {value_label(step)} {unit}"
        if node_clusters is not None:
            draw_boundaries(axes, lattice, node_clusters[k], 0.9)
            title += f": {len(np.unique(node_clusters[k]))} clusters"
        panel_title(axes, chr(ord("a") + k), title)
        bar = figure.colorbar(cells, cax=place(x + size.width + 0.05, y, 0.07, size.height))
        bar.outline.set_linewidth(0.4)
        plain_numbers(bar.ax.yaxis, 4)
        bar.ax.tick_params(labelsize=6, pad=1.5, length=2)
    return figure


@paper_style()
def cluster_radars_figure(
    weights: np.ndarray,
    names: Sequence[str],
    lattice: Lattice,
    *,
    node_clusters: np.ndarray,
    points: np.ndarray,
) -> Figure:
    """The clusters of a map on its lattice, and one radar chart for each.

    A chart has a spoke for each feature, as long as the distance |w - mean| of the cluster's mean
    weight from the mean of the table, in standard deviations of the feature; a filled dot stands
    for a mean above that of the table, an open one for one below.

    Parameters
    ----------
    weights
        (M, F) weights in standard deviations of each feature from its mean.
    names
        F names.
    lattice
        Lattice with M nodes.
    node_clusters
        (M,) integers, cluster of each node.
    points
        (K,) points of each cluster.

    Raises
    ------
    ConfigError
        The weights do not fit lattice or names.
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (lattice.n_nodes, len(names)):
        raise ConfigError(f"weights of shape {weights.shape}; expected one row for each node")
    clusters, points = np.unique(node_clusters), np.asarray(points)
    shown = clusters if len(clusters) <= MOST_RADARS else _largest(clusters, points)
    columns = min(len(shown), 4)
    rows = -(-len(shown) // columns)
    size = fit_map(lattice, 5.2, 2.6)
    chart, above = 1.15, 0.8
    page = (DOUBLE_COLUMN, 0.3 + size.height + 0.5 + rows * (chart + above) + 0.25)
    figure = new_figure(*page, layout=None)

    def place(x, y, w, h, **how):
        box = (x / page[0], y / page[1], w / page[0], h / page[1])
        return figure.add_axes(box, **how)

    top = page[1] - 0.27 - size.height
    axes = place((page[0] - size.width) / 2, top, size.width, size.height)
    map_axes(axes, lattice)
    axes.set_title("clusters of the map", loc="left")
    colours = [group_colour(k) for k in node_clusters]
    cells = draw_values(axes, cell_polygons(lattice), np.zeros(lattice.n_nodes), sequential_map())
    cells.set(array=None, facecolor=colours, edgecolor=colours)
    draw_boundaries(axes, lattice, node_clusters, 1.0)
    freeze_layout(figure)
    positions = np.asarray(lattice.coordinates())
    inner = np.array([_inner_node(positions, node_clusters == k) for k in clusters])
    badge = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": INK, "lw": 0.4}
    place_labels(
        axes,
        positions[inner],
        [str(k) for k in clusters],
        np.argsort(-points[clusters], kind="stable"),
        padding=2.0,
        fontsize=7,
        bbox=badge,
    )
    means = np.array([weights[node_clusters == k].mean(axis=0) for k in shown])
    reach = max(np.abs(means).max(), 1e-9)
    angles = 2 * np.pi * np.arange(len(names)) / len(names)
    width = (page[0] - 0.3) / columns
    for k, (cluster, mean) in enumerate(zip(shown, means, strict=True)):
        row, column = divmod(k, columns)
        x = 0.15 + column * width + (width - chart) / 2
        y = top - 0.45 - (row + 1) * (chart + above) + 0.3
        polar = place(x, y, chart, chart, projection="polar", label=f"cluster {cluster}")
        _draw_radar(polar, angles, mean, names, reach, group_colour(cluster))
        share = points[cluster] / points.sum()
        text = f"cluster {cluster}: {_percent(share)} of points"
        polar.set_title(text, fontsize=7, pad=14)
    figure.text(
        0.5,
        0.04 / page[1],
        "|mean weight \N{MINUS SIGN} mean of the table| in standard deviations "
        f"(rings at {reach / 2:.2g} and {reach:.2g}); "
        "filled: above the mean, open: below",
        ha="center",
        va="bottom",
        fontsize=6.5,
    )
    return figure


MOST_RADARS = 12
"""Clusters with a chart; of more, the largest."""


def _largest(clusters: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.sort(clusters[np.argsort(-points[clusters], kind="stable")[:MOST_RADARS]])


def _inner_node(positions: np.ndarray, member: np.ndarray) -> int:
    """The node of a cluster that lies farthest from all nodes outside of it."""
    inside = np.flatnonzero(member)
    if member.all():
        centre = positions.mean(axis=0)
        return int(inside[np.argmin(((positions - centre) ** 2).sum(axis=1))])
    outside = positions[~member]
    distance = [((outside - positions[k]) ** 2).sum(axis=1).min() for k in inside]
    return int(inside[np.argmax(distance)])


def _draw_radar(
    axes: Axes,
    angles: np.ndarray,
    mean: np.ndarray,
    names: Sequence[str],
    reach: float,
    colour: str,
) -> None:
    """Spokes of one cluster, with the ends joined."""
    length = np.abs(mean)
    around = np.append(angles, angles[0])
    axes.fill(around, np.append(length, length[0]), color=colour, alpha=0.35, lw=0)
    axes.plot(around, np.append(length, length[0]), color=colour, lw=1.0)
    for angle, r, value in zip(angles, length, mean, strict=True):
        axes.plot([angle, angle], [0, r], color=colour, lw=0.8)
        face = colour if value >= 0 else "white"
        axes.plot(angle, r, "o", ms=3.4, mfc=face, mec=INK, mew=0.5, clip_on=False, zorder=4)
    axes.set_ylim(0, 1.02 * reach)
    axes.set_yticks([reach / 2, reach], ["", ""])
    axes.set_xticks(angles, [field_label(name) for name in names], fontsize=7)
    axes.tick_params(pad=-1.5)
    axes.grid(True, lw=0.4)
    axes.spines["polar"].set_linewidth(0.4)
    for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
        sideways = np.cos(angle)
        label.set_ha("left" if sideways > 0.2 else "right" if sideways < -0.2 else "center")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.1f} %"
