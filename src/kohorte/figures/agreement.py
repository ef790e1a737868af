"""Figures of who agrees with whom: realizations in pairs, and parameters of the sweep."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from kohorte import store
from kohorte.errors import ConfigError
from kohorte.figures.levels import FEW_VALUES, Levels, find_levels, level_colours
from kohorte.figures.reading import Inputs, Parameters, read_swept
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    SINGLE_COLUMN,
    SMALL,
    Style,
    colour_bar,
    find_renderer,
    matrix_image,
    new_figure,
    panel_grid,
    paper_style,
    place_axes,
    plain_numbers,
    sequential_map,
    shorten,
)

MAX_STRIPS = 8
"""Swept parameters shown beside an agreement matrix."""


@paper_style()
def agreement_figure(
    agreement: np.ndarray,
    parameters: Mapping[str, Sequence[object]] | None = None,
    *,
    label: str = "Adjusted Rand index",
) -> Figure:
    """Draw the agreement of all pairs of realizations, ordered by the swept parameters.

    `agreement` is (R, R), 1 on the diagonal; `parameters` gives the (R,) values of each swept
    parameter by name, of which those with a single value are left out. Realizations are sorted by
    them in the order given, the first varying slowest; strips on the left and above show the
    values. `label` names the measure. ConfigError where the shapes do not fit.
    """
    agreement = np.asarray(agreement, dtype=np.float64)
    n = len(agreement)
    if agreement.shape != (n, n):
        raise ConfigError(f"the agreement matrix has shape {agreement.shape}: not square")
    levels = {}
    for name, values in (parameters or {}).items():
        if len(values) != n:
            raise ConfigError(f"{name} has {len(values)} entries for {n} realizations")
        found = find_levels(values)
        if len(found.labels) > 1:
            levels[name] = found
    order = np.arange(n)
    if levels:
        order = np.lexsort([found.index for found in reversed(levels.values())])
    matrix = agreement[np.ix_(order, order)]
    n_swept = len(levels)
    levels = dict(list(levels.items())[:MAX_STRIPS])

    side, strip = 3.9, 0.13
    strips = len(levels) * strip + (0.06 if levels else 0.0)
    left = 0.6 + strips
    width = left + side + 0.85
    figure = new_figure(width, 6.0, layout=None)
    entries, columns = _level_entries(levels)
    if n_swept > len(levels):
        entries.append(Line2D([], [], ls="", label=f"{n_swept - len(levels)} more not shown"))
    legend, below = None, 0.5
    if entries:
        options: Style = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.5), "ncols": columns}
        options |= {"borderaxespad": 0.0, "columnspacing": 1.2}
        legend = figure.legend(handles=entries, **options)
        below += legend.get_window_extent(find_renderer(figure)).height / figure.dpi
    page = below + side + strips + 0.12
    figure.set_size_inches(width, page)
    place = partial(place_axes, figure, (width, page))
    if legend is not None:
        legend.set_bbox_to_anchor((0.5, (below - 0.45) / page), figure.transFigure)
    axes = place(left, below, side, side)
    apart = matrix[~np.eye(n, dtype=bool)]
    low = min(0.0, float(np.floor(10 * apart.min(initial=0.0)) / 10))
    image = matrix_image(axes, matrix, n, low)
    axes.set_xlabel("Realization" + (", sorted by its parameters" if levels else ""))
    plain_numbers(axes.xaxis, 6, integer=True)
    colour_bar(figure, image, label, cax=place(left + side + 0.12, below, 0.12, side))
    if levels:
        axes.tick_params(labelleft=False, left=False)
    else:
        axes.set_ylabel("Realization")
        plain_numbers(axes.yaxis, 6, integer=True)
    for k, (name, found) in enumerate(levels.items()):
        colours = ListedColormap(level_colours(found))
        codes = found.index[order]
        limits: Style = {"vmin": -0.5, "vmax": len(found.labels) - 0.5, "aspect": "auto"}
        limits |= {"cmap": colours, "interpolation": "nearest"}
        # the first parameter, the slowest, lies farthest from the matrix
        offset = (len(levels) - k) * strip + 0.04
        beside = place(left - offset, below, strip * 0.85, side)
        beside.imshow(codes[:, None], **limits)
        above = place(left, below + side + offset - strip * 0.85, side, strip * 0.85)
        above.imshow(codes[None, :], **limits)
        for box in (beside, above):
            box.set(xticks=[], yticks=[])
            box.spines[:].set(visible=True, linewidth=0.3)
        above.text(
            1.01, 0.5, shorten(name, 15), transform=above.transAxes, va="center", fontsize=SMALL
        )
    return figure


def draw_agreement(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `agreement` from the files of a study."""
    realizations = store.read_csv(inputs["realizations"])
    realizations = realizations[realizations["same_as"].isna()]
    ensemble = store.read_ensemble(inputs["ensemble"])
    return agreement_figure(ensemble.realizations.ari, read_swept(realizations, parameters))


@paper_style()
def parameter_effects_figure(
    parameter: Sequence[str],
    first: Sequence[object],
    second: Sequence[object],
    agreement: Sequence[float] | np.ndarray,
    *,
    label: str = "Mean adjusted Rand index",
) -> Figure:
    """Draw the mean agreement of realizations by pairs of values of each swept parameter.

    One matrix per parameter: on its diagonal the realizations that share the value, elsewhere those
    that differ. A parameter matters where the diagonal stands out. Without entries, as where the
    only swept parameter came to one value (`auto` and what it stands for), a note says so. Each
    pair of values has an entry of `parameter`, its name, `first` and `second`, in either order or
    both, and `agreement`, the mean over pairs of realizations, NaN where there are none. `label`
    names the measure. ConfigError where the columns differ in length.
    """
    n = len(parameter)
    if not len(first) == len(second) == len(agreement) == n:
        raise ConfigError(
            f"parameter, first, second and agreement have {n}, {len(first)}, {len(second)} and "
            f"{len(agreement)} entries; they must have as many"
        )
    if not n:
        figure = new_figure(SINGLE_COLUMN, 0.6)
        figure.text(0.5, 0.5, "no parameter differs between maps", ha="center", va="center")
        return figure
    values = np.asarray(agreement, dtype=np.float64)
    names = list(dict.fromkeys(parameter))
    matrices = {}
    for name in names:
        here = [k for k in range(n) if parameter[k] == name]
        found = find_levels([first[k] for k in here] + [second[k] for k in here])
        matrix = np.full((len(found.labels),) * 2, np.nan)
        one, other = found.index[: len(here)], found.index[len(here) :]
        matrix[one, other] = matrix[other, one] = values[here]
        matrices[name] = (found, matrix)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    if high - low < 1e-9:
        low, high = low - 0.05, high + 0.05
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(min(0.9 + 2.1 * columns, DOUBLE_COLUMN), 0.2 + 2.3 * rows)
    grid = panel_grid(figure, len(names), columns)
    colours = sequential_map("viridis", 0.0, 1.0)
    for axes, (name, (found, matrix)) in zip(grid, matrices.items(), strict=True):
        image = axes.imshow(matrix, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
        _label_matrix(axes, found, matrix, (low + high) / 2)
        axes.set_title(shorten(name, 24), loc="left")
    colour_bar(figure, image, label, 5, ax=list(grid), aspect=26, shrink=0.9)
    return figure


def draw_effects(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `effects` from the files of a study."""
    effects = store.read_csv(inputs["effects"])
    columns = ("parameter", "first", "second", "agreement")
    return parameter_effects_figure(*(effects[name].tolist() for name in columns))


def _level_entries(levels: Mapping[str, Levels]) -> tuple[list[Artist], int]:
    """Legend entries in one column per parameter: its name, then its values."""
    columns = []
    for name, found in levels.items():
        labels, colours = found.labels, level_colours(found)
        kept = list(range(len(labels)))
        if len(labels) > FEW_VALUES:  # ends and middle of a long range
            kept = [0, len(labels) // 2, len(labels) - 1]
        column: list[Artist] = [Line2D([], [], ls="", label=shorten(name, 16))]
        column += [
            Patch(facecolor=colours[k], edgecolor=INK, lw=0.3, label=labels[k]) for k in kept
        ]
        columns.append(column)
    longest = max(map(len, columns), default=0)
    blank = [Line2D([], [], ls="", label=" ")]
    entries = [e for column in columns for e in column + blank * (longest - len(column))]
    return entries, max(len(columns), 1)


def _label_matrix(axes: Axes, found: Levels, matrix: np.ndarray, middle: float) -> None:
    """Ticks with the values, and the numbers in the cells where they fit."""
    n = len(found.labels)
    axes.spines[["top", "right"]].set_visible(True)
    shown = np.arange(n) if n <= 10 else np.unique(np.linspace(0, n - 1, 6).astype(int))
    texts = [found.labels[k] for k in shown]
    axes.set_xticks(shown, texts)
    axes.set_yticks(shown, texts)
    if len(shown) * max(map(len, texts)) > 16:
        axes.tick_params(axis="x", labelrotation=90)
    if n > 5:
        return
    for row, column in np.argwhere(np.isfinite(matrix)).tolist():
        value = matrix[row, column]
        style: Style = {"ha": "center", "va": "center", "fontsize": SMALL}
        axes.text(column, row, f"{value:.2f}", color="white" if value < middle else INK, **style)
