"""Figure of the distribution of each feature, among the points and among the nodes of a map."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from kohorte import store
from kohorte.errors import ConfigError
from kohorte.figures.panels import choose_step
from kohorte.figures.reading import Inputs, Parameters, read_map
from kohorte.figures.style import (
    COLOURS,
    DOUBLE_COLUMN,
    INK,
    NAME_ROOM,
    PAGE_HEIGHT,
    fitting_columns,
    legend_below,
    name_map,
    new_figure,
    panel_grid,
    panel_letter,
    panel_title,
    paper_style,
    plain_numbers,
    shorten,
)
from kohorte.maps.preservation import marginal_gaps

MOST_FEATURES = 24
"""Features that are drawn; of more, those whose distributions differ most."""

_BINS = 30
_FILL = "#D5DCE4"
_SHOWN = (0.005, 0.995)  # quantiles: few points far away would leave one bin for all others


@paper_style()
def marginals_figure(
    points: np.ndarray,
    nodes: np.ndarray,
    names: Sequence[str],
    *,
    gaps: np.ndarray,
    realization: str | None = None,
    step: int = 1,
) -> Figure:
    """Draw how the values of each feature are distributed: of the points, and of the nodes.

    Of more than `MOST_FEATURES` features those are shown, in the order of the table, whose two
    distributions differ most. ConfigError where the arrays do not fit.

    Parameters
    ----------
    points, nodes
        (N, F) values and (M, F) weights in the units of the data, NaN for none.
    names
        F names, with units.
    gaps
        (F,) Kolmogorov-Smirnov distances of the two (`kohorte.maps.preservation.marginal_gaps`).
    realization
        Id of the map, which the figure names.
    step
        `points` are every so many-th of the table, which the figure says.
    """
    points, nodes = (np.asarray(table, dtype=np.float64) for table in (points, nodes))
    count = len(names)
    if {points.shape[1:], nodes.shape[1:], np.shape(gaps)} != {(count,)}:
        raise ConfigError(
            f"points {points.shape}, nodes {nodes.shape} and {np.shape(gaps)} distances for "
            f"{count} features"
        )
    shown = np.arange(count)
    if count > MOST_FEATURES:
        order = np.argsort(-np.nan_to_num(gaps, nan=-1.0).round(9), kind="stable")
        shown = np.sort(order[:MOST_FEATURES])
    columns = fitting_columns(min(len(shown), 4), 1.7)
    rows = -(-len(shown) // columns)
    width = DOUBLE_COLUMN if columns > 2 else 1.8 * columns
    height = 0.5 + NAME_ROOM * bool(realization) + min(1.6, (PAGE_HEIGHT - 0.8) / rows) * rows
    figure = new_figure(width, height)
    grid = panel_grid(figure, len(shown), columns)
    for k, (axes, feature) in enumerate(zip(grid, shown, strict=True)):
        _draw(axes, points[:, feature], nodes[:, feature])
        text = "no values" if np.isnan(gaps[feature]) else f"KS {gaps[feature]:.2f}"
        axes.set_title(text, loc="right", fontsize=6.5)
        panel_title(axes, panel_letter(k), "")
        axes.set_xlabel(shorten(names[int(feature)], 30), fontsize=7)
    entries = [
        Patch(facecolor=_FILL, edgecolor=INK, lw=0.6, label="points"),
        Patch(facecolor="none", edgecolor=COLOURS[7], lw=1.4, label="nodes"),
    ]
    notes = []
    if len(shown) < count:
        notes.append(f"{len(shown)} of {count} features: those that differ most")
    if step > 1:
        notes.append(f"every {step:,}th point")
    notes = ["\n".join(textwrap.wrap("; ".join(notes), 40))] if notes else []
    entries += [Patch(facecolor="none", edgecolor="none", label=note) for note in notes]
    legend_below(figure, entries, most=4)
    name_map(figure, realization)
    return figure


def draw_marginals(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `marginals` from the files of a study."""
    stored = read_map(inputs, parameters, "weights")
    table = store.read_data(inputs["data"], mapped=True)
    step = choose_step(len(table.features))
    points, weights = table.features[::step], stored.arrays["weights"]
    return marginals_figure(
        table.in_units(points),
        table.in_units(weights),
        [table.describe(k) for k in range(len(table.names))],
        gaps=marginal_gaps(points, weights),
        realization=stored.id,
        step=step,
    )


def _draw(axes: Axes, values: np.ndarray, weights: np.ndarray) -> None:
    """Draw shares of the values, and of the weights, that fall into bins of what is usual."""
    values, weights = (part[np.isfinite(part)] for part in (values, weights))
    ends = np.array([np.quantile(part, _SHOWN) for part in (values, weights) if part.size])
    low, high = (float(ends[:, 0].min()), float(ends[:, 1].max())) if ends.size else (0.0, 1.0)
    if not high - low > 1e-12 * max(abs(low), abs(high)):
        low, high = low - max(abs(low), 1.0) / 2, high + max(abs(high), 1.0) / 2
    edges = np.linspace(low, high, _BINS + 1)
    of_points, of_nodes = (np.histogram(p, edges)[0] / max(p.size, 1) for p in (values, weights))
    axes.stairs(of_points, edges, fill=True, facecolor=_FILL, edgecolor=INK, lw=0.6)
    axes.stairs(of_nodes, edges, color=COLOURS[7], lw=1.4, baseline=None)
    axes.set_xlim(low, high)
    axes.set_ylim(bottom=0)
    plain_numbers(axes.xaxis, 3)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
