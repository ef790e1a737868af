"""Figures of a map whose points are images: mean images of classes, and where they win on the map.

Features named `pixel_<row>_<column>`, counted from 0, are the pixels of an image.
"""

import re
from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.optimize import linear_sum_assignment

from kohorte import store
from kohorte.analysis.classification import winners_of_means
from kohorte.errors import ConfigError
from kohorte.figures.cells import cell_polygons, draw_values, fit_map, map_axes
from kohorte.figures.maps import height_label
from kohorte.figures.reading import Inputs, Parameters, known_classes, read_map
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    NAME_ROOM,
    SMALL,
    Style,
    fitting_columns,
    height_map,
    name_map,
    new_figure,
    page_width,
    paper_style,
    place_axes,
    plain_numbers,
    shorten,
)
from kohorte.maps.lattice import Lattice

MAX_IMAGES = 20
"""Classes that one figure has room for."""

_MARK = "#D55E00"
_PIXEL = re.compile(r"pixel_(\d+)_(\d+)")


def as_images(values: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Rows of features as images; a pixel that is no feature, such as one left out, is 0.

    (K, F) values, F names `pixel_<row>_<column>`: ConfigError for any other. Returns (K, rows,
    columns) float64; the highest row and column of the names are the last ones.
    """
    found = [_PIXEL.fullmatch(name) for name in names]
    if None in found:
        raise ConfigError(
            f"feature {names[found.index(None)]!r} is no pixel: figures of images need features "
            "that are all named pixel_<row>_<column>, counted from 0; leave these figures out of "
            "figures.extra"
        )
    rows, columns = np.array([[int(p) for p in match.groups()] for match in found if match]).T
    images = np.zeros((len(values), rows.max() + 1, columns.max() + 1))
    images[:, rows, columns] = values
    return images


def images_of_means(
    data: "store.PreparedData",
    weights: np.ndarray,
    metric: str,
    factors: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean image of each class, the weights of its winner as images, and the winners.

    Two of (C, rows, columns) float64, in the units of the data, and (C,) int32, from a table of
    images with C known classes and (M, F) weights, scaled as it, of a map that sees `factors`.
    ConfigError where the features are no pixels.
    """
    classes, _ = known_classes(data)
    means, winners = winners_of_means(data.features, classes, weights, metric, factors)
    one, other = (
        as_images(data.in_units(values), data.names) for values in (means, weights[winners])
    )
    return one, other, winners


@paper_style()
def class_winners_figure(
    means: np.ndarray,
    weights: np.ndarray,
    winners: np.ndarray,
    class_names: Sequence[str],
    u_matrix: np.ndarray,
    lattice: Lattice,
    *,
    realization: str | None = None,
) -> Figure:
    """Draw a column for each class: its mean image, the weights of its winner, where that is.

    `means` and `weights` are (C, rows, columns) images; (C,) `winners` are drawn over the (M,)
    heights `u_matrix`; `realization` is the id of the map. ConfigError where there are more classes
    than a figure has room for.
    """
    n_classes = _check_classes(means, weights, winners, class_names)
    columns = fitting_columns(min(n_classes, 10), 0.6)
    columns = -(-n_classes // -(-n_classes // columns))
    blocks = -(-n_classes // columns)
    left, top, gap, block_gap = 0.82, 0.24, 0.06, 0.3
    room = page_width(DOUBLE_COLUMN)
    side = min((room - left - 0.06) / columns - gap, 1.2)
    size = fit_map(lattice, side, side, largest_cell=1.0)
    image = (side, side * means.shape[1] / means.shape[2])
    rows = (image[1], image[1], size.height)
    block = sum(rows) + 2 * gap + block_gap
    heading = NAME_ROOM if realization else 0.0
    width = page_width(left + columns * (side + gap) + 0.06)
    height = heading + top + blocks * block - block_gap + 0.05
    start = left + (width - left - columns * (side + gap) - 0.06) / 2
    figure = new_figure(width, height, layout=None)
    place = partial(place_axes, figure, (width, height))
    valleys, cells = height_map(0.02, 0.55), cell_polygons(lattice)
    limits = (min(means.min(), weights.min()), max(means.max(), weights.max()))
    for k in range(n_classes):
        x = start + (k % columns) * (side + gap)
        y = height - heading - top - (k // columns) * block
        for row, panel in enumerate(rows):
            y -= panel
            across = size.width if row == 2 else side
            axes = place(x + (side - across) / 2, y, across, panel)
            if row < 2:
                _draw_image(axes, (means, weights)[row][k], limits)
            else:
                map_axes(axes, lattice, labels=False)
                draw_values(axes, cells, u_matrix, valleys)
                at = lattice.coordinates()[winners[k]]
                style: Style = {"markersize": 5, "markeredgecolor": "white", "clip_on": False}
                axes.plot(*at, "o", color=_MARK, zorder=5, **style)
            if row == 0:
                axes.set_title(shorten(class_names[k], int(side * 14)), fontsize=8, pad=3)
            if k % columns == 0:
                text = ("mean of\nthe class", "weights of\nits winner", "winner on\nthe map")[row]
                figure.text(
                    (start - 0.08) / width, (y + panel / 2) / height, text, ha="right", va="center"
                )
            y -= gap
    name_map(figure, realization)
    return figure


def draw_class_winners(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `class_winners` from the files of a study."""
    stored = read_map(inputs, parameters, "weights", "u_matrix")
    table = store.read_data(inputs["data"], mapped=True)
    return class_winners_figure(
        *images_of_means(
            table, stored.arrays["weights"], stored.parameters["metric"], stored.factors
        ),
        known_classes(table)[1],
        stored.arrays["u_matrix"],
        stored.lattice,
        realization=stored.id,
    )


@paper_style()
def image_map_figure(
    weights: np.ndarray,
    winners: np.ndarray,
    class_names: Sequence[str],
    u_matrix: np.ndarray,
    lattice: Lattice,
    *,
    metric: str = "euclidean",
    realization: str | None = None,
) -> Figure:
    """Draw the U-matrix, surrounded by the weights of the winners of the mean of each class.

    `weights` are (C, rows, columns) images, `winners` (C,) nodes, `u_matrix` (M,) heights. A line
    joins each image to its node. Images are placed so that the lines are shortest in all, which
    leaves none of them crossing another. `realization` is the id of the map. ConfigError where
    there are more classes than a figure has room for.
    """
    n_classes = _check_classes(weights, weights, winners, class_names)
    room = page_width(DOUBLE_COLUMN)
    side, gap, below = min(0.86, 0.12 * room), 0.1, 0.5
    size = fit_map(lattice, min(3.9, room - 2 * side - 1.0), 3.9)
    frame = (size.width + 2 * (side + 0.45), size.height + 2 * (side + 0.45))
    width, height = page_width(frame[0] + 0.1), frame[1] + below + 0.1
    height += NAME_ROOM if realization else 0.0
    figure = new_figure(width, height, layout=None)
    left_edge = (width - frame[0]) / 2
    corner = np.array([left_edge + side + 0.45, below + 0.05 + side + 0.45])
    place = partial(place_axes, figure, (width, height))
    axes = place(corner[0], corner[1], size.width, size.height)
    map_axes(axes, lattice, labels=False)
    cells = draw_values(axes, cell_polygons(lattice), u_matrix, height_map())
    bar = place(width / 2 - 1.3, below - 0.05, 2.6, 0.09)
    periodic = "; the lattice is periodic" if lattice.periodic else ""
    label = f"{height_label(metric)}{periodic}"
    figure.colorbar(cells, cax=bar, orientation="horizontal").set_label(label)
    plain_numbers(bar.xaxis, 5)

    low, high = axes.get_xlim(), axes.get_ylim()
    share = (lattice.coordinates()[winners] - [low[0], high[0]]) / np.ptp([low, high], axis=1)
    nodes = corner + share * [size.width, size.height]
    slots = _places_around(n_classes, frame, side + gap) + [left_edge, below + 0.05]
    lengths = np.linalg.norm(slots[:, None] - nodes, axis=2)
    places = dict(zip(*reversed(linear_sum_assignment(lengths)), strict=True))
    limits = (weights.min(), weights.max())
    for k in range(n_classes):
        middle = slots[places[k]]
        # A line ends at the edge of its image, which is drawn over the rest of it.
        ends = np.array([middle, nodes[k]]) / [width, height]
        line = Line2D(*ends.T, color=_MARK, lw=1.0, transform=figure.transFigure)
        figure.add_artist(line).set_zorder(4)
        left, bottom = middle - side / 2
        panel = place(left, bottom, side, side, zorder=5)
        _draw_image(panel, weights[k], limits)
        style: Style = {"va": "top", "fontsize": SMALL, "fontweight": "bold"}
        style |= {"color": _MARK, "transform": panel.transAxes}
        panel.text(0.04, 0.96, shorten(class_names[k], 12), **style)
    ends = nodes / [width, height]
    dots: Style = {"linestyle": "", "marker": "o", "markersize": 4.5, "markeredgecolor": "white"}
    dots |= {"color": _MARK, "transform": figure.transFigure, "zorder": 6}
    figure.add_artist(Line2D(ends[:, 0], ends[:, 1], **dots))
    name_map(figure, realization)
    return figure


def draw_image_map(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `image_map` from the files of a study."""
    stored = read_map(inputs, parameters, "weights", "u_matrix")
    table = store.read_data(inputs["data"], mapped=True)
    metric = stored.parameters["metric"]
    known = stored.arrays["weights"], metric, stored.factors
    _, weights, winners = images_of_means(table, *known)
    return image_map_figure(
        weights,
        winners,
        known_classes(table)[1],
        stored.arrays["u_matrix"],
        stored.lattice,
        metric=metric,
        realization=stored.id,
    )


def _check_classes(
    means: np.ndarray, weights: np.ndarray, winners: np.ndarray, class_names: Sequence[str]
) -> int:
    if not len(means) == len(weights) == len(winners) == len(class_names):
        raise ConfigError(
            f"{len(means)} means, {len(weights)} images of weights and {len(winners)} winners for "
            f"{len(class_names)} classes"
        )
    if len(class_names) > MAX_IMAGES:
        raise ConfigError(
            f"a figure has room for the images of {MAX_IMAGES} classes, not of {len(class_names)}; "
            "leave it out of figures.extra"
        )
    return len(class_names)


def _draw_image(axes: Axes, image: np.ndarray, limits: tuple[float, float]) -> None:
    axes.imshow(image, cmap="gray_r", vmin=limits[0], vmax=limits[1], interpolation="nearest")
    axes.set_aspect("auto")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, linewidth=0.5, color=INK)


def _places_around(count: int, frame: tuple[float, float], room: float) -> np.ndarray:
    """Middles (count, 2) of squares that are evenly spaced along the inside of a frame's border."""
    across, up = frame[0] - room, frame[1] - room
    total = 2 * (across + up)
    at = (np.arange(count) + 0.5) * total / count
    x, y = np.empty(count), np.empty(count)
    for k, s in enumerate(at):
        if s < across:
            x[k], y[k] = s, up
        elif s < across + up:
            x[k], y[k] = across, across + up - s
        elif s < 2 * across + up:
            x[k], y[k] = 2 * across + up - s, 0
        else:
            x[k], y[k] = 0, s - (2 * across + up)
    return np.column_stack([x, y]) + room / 2
