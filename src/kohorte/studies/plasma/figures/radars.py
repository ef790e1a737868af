"""Figure of the clusters of a map: where they lie, and in which features they differ."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kohorte import store
from kohorte.errors import ConfigError
from kohorte.figures.cells import cell_polygons, draw_boundaries, draw_values, fit_map, map_axes
from kohorte.figures.reading import Inputs, Parameters, read_map
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    Style,
    freeze_layout,
    group_colour,
    new_figure,
    paper_style,
    place_axes,
    place_labels,
    sequential_map,
)
from kohorte.maps.lattice import Lattice
from kohorte.studies.plasma.figures.slices import field_label

MOST_RADARS = 12
"""Clusters with a chart; of more, the largest."""

ROWS = 1_000_000
"""Rows of the table that are read at once."""


@paper_style()
def cluster_radars_figure(
    weights: np.ndarray,
    names: Sequence[str],
    lattice: Lattice,
    *,
    node_clusters: np.ndarray,
    points: np.ndarray,
) -> Figure:
    """Draw the clusters of a map on its lattice, and one radar chart for each.

    `weights` are (M, F), in standard deviations of each feature from its mean, `node_clusters` (M,)
    integers and `points` (K,) those of each cluster. A chart has a spoke for each feature, as long
    as the distance |w - mean| of the cluster's mean weight from the mean of the table, in standard
    deviations of the feature; a filled dot stands for a mean above that of the table, an open one
    for one below. ConfigError where the weights do not fit lattice or names.
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (lattice.n_nodes, len(names)):
        raise ConfigError(f"weights of shape {weights.shape}; expected one row for each node")
    clusters, points = np.unique(node_clusters), np.asarray(points)
    largest = np.argsort(-points[clusters], kind="stable")
    shown = np.sort(clusters[largest[:MOST_RADARS]])
    columns = min(len(shown), 4)
    rows = -(-len(shown) // columns)
    size = fit_map(lattice, 5.2, 2.6)
    chart, above = 1.15, 0.8
    page = (DOUBLE_COLUMN, 0.3 + size.height + 0.5 + rows * (chart + above) + 0.25)
    figure = new_figure(*page, layout=None)
    place = partial(place_axes, figure, page)
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
    badge: Style = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": INK, "lw": 0.4}
    texts, style = [str(k) for k in clusters], Style(fontsize=7, bbox=badge)
    place_labels(axes, positions[inner], texts, largest, padding=2.0, **style)
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
        text = f"cluster {cluster}: {_percent(points[cluster] / points.sum())} of points"
        polar.set_title(text, fontsize=7, pad=14)
    text = (
        "|mean weight \N{MINUS SIGN} mean of the table| in standard deviations "
        f"(rings at {reach / 2:.2g} and {reach:.2g}); filled: above the mean, open: below"
    )
    figure.text(0.5, 0.04 / page[1], text, ha="center", va="bottom", fontsize=6.5)
    return figure


def draw_cluster_radars(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `cluster_radars` from the files of a study."""
    stored = read_map(inputs, parameters, "weights", "node_clusters", "hits")
    table = store.read_data(inputs["data"], mapped=True)
    mean, spread = measure_features(table.features)
    clusters = stored.arrays["node_clusters"]
    return cluster_radars_figure(
        (stored.arrays["weights"] - mean) / spread,
        table.names,
        stored.lattice,
        node_clusters=clusters,
        points=np.bincount(clusters, stored.arrays["hits"], minlength=stored.n_clusters),
    )


def measure_features(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each column (N, F), read part by part, without NaN."""
    parts = [features[k : k + ROWS] for k in range(0, len(features), ROWS)]
    count = sum(np.isfinite(part).sum(axis=0) for part in parts)
    mean = sum(np.nansum(part, axis=0, dtype=np.float64) for part in parts) / count
    squares = sum(np.nansum((part - mean) ** 2, axis=0, dtype=np.float64) for part in parts)
    return mean, np.sqrt(squares / count)


def _inner_node(positions: np.ndarray, member: np.ndarray) -> int:
    """Find the node of a cluster that lies farthest from all nodes outside of it."""
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
    around = np.append(angles, angles[0]), np.append(length, length[0])
    axes.fill(*around, color=colour, alpha=0.35, lw=0)
    axes.plot(*around, color=colour, lw=1.0)
    for angle, r, value in zip(angles, length, mean, strict=True):
        axes.plot([angle, angle], [0, r], color=colour, lw=0.8)
        face = colour if value >= 0 else "white"
        axes.plot(angle, r, "o", ms=3.4, mfc=face, mec=INK, mew=0.5, clip_on=False, zorder=4)
    axes.set_ylim(0, 1.02 * reach)
    axes.set_yticks([reach / 2, reach], ["", ""])
    axes.set_xticks(angles, [field_label(name) for name in names], fontsize=7, parse_math=True)
    axes.tick_params(pad=-1.5)
    axes.grid(True, lw=0.4)
    axes.spines["polar"].set_linewidth(0.4)
    for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
        sideways = np.cos(angle)
        label.set(ha="left" if sideways > 0.2 else "right" if sideways < -0.2 else "center")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.1f} %"
