"""Figures of training: errors of all realizations as it went on, and one map at several moments."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke

from kohorte import store
from kohorte._principal import principal_axes
from kohorte.analysis.classification import commonest, count_classes
from kohorte.errors import ConfigError
from kohorte.figures.groups import consensus_colour, consensus_title
from kohorte.figures.levels import check_lengths, colour_by, colour_realizations, telling_parameters
from kohorte.figures.panels import choose_points, choose_step, fill_missing
from kohorte.figures.reading import (
    Inputs,
    Parameters,
    find_representative,
    read_map,
    unit_of_training,
)
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    MAX_GROUPS,
    MIDDLE_COLUMN,
    MUTED,
    PAGE_HEIGHT,
    Style,
    add_lines,
    fitting_columns,
    further,
    is_wide,
    legend_below,
    log_axis,
    name_map,
    new_figure,
    page_width,
    panel_grid,
    panel_letter,
    panel_title,
    paper_style,
    plain_axes,
    plain_numbers,
    value_label,
)
from kohorte.figures.words import parameter_title, parameter_word
from kohorte.maps.lattice import Lattice

MOST_MOMENTS = 6
"""Moments of a map that are drawn; of more, that many, evenly spaced."""

MOST_LINES = 20
"""Rows, and columns, of the lattice that are drawn as lines; of more every second, third, ..."""

CURVES = ("step", "quantization_error", "topographic_error", "radius")
"""What a history is drawn from."""

_NET = "#9A9A9A"
_CLOUD = "#D2DCE6"  # paler than any group
_UNFOLDED = 5.0  # percent of training from which on the topographic error sets its scale


@paper_style()
def history_figure(
    histories: Sequence[Mapping[str, np.ndarray]],
    *,
    colour_by: Sequence[object] | np.ndarray | None = None,
    colour_name: str = "",
    metric: Sequence[str] | None = None,
    highlight: int | None = None,
    highlight_label: str = "representative realization",
) -> Figure:
    """Draw errors and radius of all realizations against the share of training that is done.

    ConfigError where the arguments differ in length.

    Parameters
    ----------
    histories
        For each of R >= 1 realizations the arrays (H,) `step`, ascending, `quantization_error`,
        `topographic_error` and `radius`; H may differ. The last step counts as 100 %.
    colour_by, colour_name
        (R,) values of a parameter, numbers or texts, and its name.
    metric
        (R,) name of the metric of each realization; all euclidean by default.
    highlight, highlight_label
        Index of a realization to point out, and what to call it.
    """
    n = len(histories)
    check_lengths(n, colour_by=colour_by, metric=metric)
    metrics = {"euclidean"} if metric is None else set(metric)
    note = "" if metrics == {"euclidean"} else f"\n({next(iter(metrics))} distance)"
    if len(metrics) > 1:
        note = "\n(each in its own metric)"
    labels = {
        "quantization_error": f"Quantization error\n(scaled){note}",
        "topographic_error": "Topographic error\n(share of points)",
        "radius": "Radius\n(lattice steps)",
    }
    figure = new_figure(MIDDLE_COLUMN, 5.4)
    grid = figure.subplots(3, 1, sharex=True, height_ratios=[3, 3, 1.1])
    colouring = colour_realizations(n, colour_by, parameter_word(colour_name), lines=True)
    style: Style = {"linewidths": 0.9 if n <= 50 else 0.5, "alpha": 0.8 if n <= 50 else 0.5}
    halo = [Stroke(linewidth=3.6, foreground="white"), Normal()]
    own: Style = {"color": INK, "lw": 1.6, "path_effects": halo}
    for k, (axes, (name, label)) in enumerate(zip(grid, labels.items(), strict=True)):
        curves = [np.column_stack([_progress(h["step"]), h[name]]) for h in histories]
        add_lines(axes, curves, colors=colouring.colours, rasterized=n > 300, **style, zorder=2)
        if highlight is not None:
            axes.plot(*curves[highlight].T, zorder=3, **own)
        points = np.concatenate(curves)
        if name == "topographic_error":  # a map that is not yet unfolded would set the scale
            points = points[(points[:, 0] >= _UNFOLDED) | (points[:, 0] == 100)]
        values = points[:, 1]
        _limit(axes, values[np.isfinite(values)], name)
        axes.set_ylabel(label)
        panel_title(axes, panel_letter(k), "")
    grid[-1].set(xlim=(0, 100), xlabel="Training done (%)")
    colouring.draw_bar(figure, grid, parameter_title(colour_name), pad=0.02, aspect=40)
    handles = colouring.lines()
    if highlight is not None:
        handles.append(Line2D([], [], color=INK, lw=1.6, label=highlight_label))
    legend_below(figure, handles, most=3)
    return figure


def draw_history(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `history` from the files of a study."""
    realizations = pd.read_csv(inputs["realizations"])
    files = store.listed_realizations(inputs["maps"])
    stored = [store.read_realization(f, *(f"history/{name}" for name in CURVES)) for f in files]
    return history_figure(
        [{name: r.arrays[f"history/{name}"] for name in CURVES} for r in stored],
        metric=realizations["metric"].tolist(),
        highlight=find_representative(realizations, inputs),
        **colour_by(realizations, telling_parameters(realizations, parameters)),
    )


@paper_style()
def snapshots_figure(
    steps: np.ndarray,
    weights: np.ndarray,
    features: np.ndarray,
    lattice: Lattice,
    *,
    node_groups: np.ndarray | None = None,
    unit: str = "steps",
    realization: str | None = None,
) -> Figure:
    """Draw the lattice as a net among the points at several moments of training, one panel each.

    (M,) `node_groups`, the consensus group that most points of a node are in at the end, or -1,
    colour the nodes in all panels.

    The (S, M, F) weights were reached after (S,) `steps`, ascending, steps or epochs as `unit`
    says. They and the (N, F) `features`, scaled as the map was trained, a missing value (NaN) at
    the mean of its feature, are projected on the first two principal components of the points that
    are drawn (see `choose_points`); lines join the nodes that lie one lattice step apart (not the
    diagonals of a rectangular lattice), along at most MOST_LINES rows and columns. `realization` is
    the id of the map. ConfigError where the weights do not fit steps, lattice or features.
    """
    steps, weights = np.asarray(steps), np.asarray(weights, dtype=np.float64)
    expected = (len(steps), lattice.n_nodes, np.shape(features)[1])
    if weights.shape != expected or not len(steps):
        raise ConfigError(f"weights have shape {weights.shape}, but {expected} was expected")
    shown = np.unique(np.linspace(0, len(steps) - 1, MOST_MOMENTS).round().astype(int))
    points = np.asarray(features[choose_points(len(features))], dtype=np.float32)
    points = fill_missing(points)
    mean, variances, directions = principal_axes(points)
    total = max(float(points.var(axis=0, dtype=np.float64).sum()), 1e-300)
    cloud = _project(points, mean, directions)
    nets = _project(weights[shown], mean, directions)
    links = _drawn_links(lattice)
    groups = np.full(lattice.n_nodes, -1) if node_groups is None else np.asarray(node_groups)

    columns = fitting_columns(min(len(shown), 3 if len(shown) < 7 else 4), 1.4)
    columns = -(-len(shown) // -(-len(shown) // columns))
    rows = -(-len(shown) // columns)
    corners = np.vstack([cloud, nets.reshape(-1, 2)])
    low, high = corners.min(axis=0), corners.max(axis=0)
    margin = 0.04 * np.maximum(high - low, 1e-3 * max((high - low).max(), 1e-9))
    width = page_width(DOUBLE_COLUMN if columns > 2 else 0.6 + 2.6 * columns)
    side = width / columns
    figure = new_figure(width, min(rows * (0.85 * side + 0.2) + 0.6, PAGE_HEIGHT))
    grid = panel_grid(figure, len(shown), columns, sharex=True, sharey=True)
    many = len(shown) * (len(cloud) + len(links)) > 20_000
    for k, (axes, moment) in enumerate(zip(grid, shown, strict=True)):
        one = unit[:-1] if steps[moment] == 1 else unit
        letter = panel_letter(k) if len(shown) > 1 else ""
        panel_title(axes, letter, f"After {value_label(steps[moment])} {one}")
        plain_axes(axes, 4, 4)
        handles = _draw_net(axes, cloud, nets[k], links, groups, many)
    low, high = low - margin, high + margin
    grid[0].set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    names = [
        f"PC {axis + 1} ({100 * variance / total:.0f} % of variance)"
        for axis, variance in enumerate(variances)
    ]
    for k in range(len(shown)):
        if k % columns == 0:
            grid[k].set_ylabel(names[1])
        if k + columns >= len(shown):  # the lowest panel of its column
            grid[k].set_xlabel(names[0])
            grid[k].tick_params(labelbottom=True)
    if len(shown) < len(steps):
        text = f"{len(shown)} of {len(steps)} stored moments"
        handles.append(Line2D([], [], ls="", label=text))
    name_map(figure, realization)
    legend_below(figure, handles)
    return figure


def draw_snapshots(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `snapshots` from the files of a study."""
    stored = read_map(inputs, parameters, "snapshots/step", "snapshots/weights", "winners")
    winners = stored.arrays["winners"]
    step = choose_step(len(winners))
    ensemble = store.read_ensemble(inputs["ensemble"], points=True, step=step)
    labels = np.asarray(ensemble.points.label, dtype=np.int64)
    n_groups = ensemble.consensus.n_groups
    groups = commonest(count_classes(winners[::step], labels, stored.lattice.n_nodes, n_groups))
    return snapshots_figure(
        stored.arrays["snapshots/step"],
        stored.arrays["snapshots/weights"],
        store.read_data(inputs["data"], mapped=True).features,
        stored.lattice,
        node_groups=groups,
        unit=unit_of_training(stored.parameters),
        realization=stored.id,
    )


def _draw_net(
    axes: Axes,
    cloud: np.ndarray,
    net: np.ndarray,
    links: np.ndarray,
    groups: np.ndarray,
    many: bool,
) -> list[Artist]:
    """Points, and the lattice among them, all in the plane; legend entries."""
    style: Style = {"s": 3.0, "color": _CLOUD, "linewidths": 0}
    axes.scatter(cloud[:, 0], cloud[:, 1], rasterized=many, **style)
    add_lines(axes, net[links], colors=_NET, linewidths=0.35, rasterized=many, zorder=2)
    size = float(np.clip(40 / np.sqrt(len(net)), 1.2, 4.0))
    present = [int(k) for k in np.unique(groups[groups >= 0])]
    sizes = np.bincount(groups[groups >= 0], minlength=1)
    named = sorted(sorted(present, key=lambda k: (-sizes[k], k))[:MAX_GROUPS])
    colours = [consensus_colour(k) if k in named else MUTED for k in groups.tolist()]
    held = groups >= 0
    dots: Style = {"linewidths": 0, "rasterized": many, "zorder": 2.5}
    axes.scatter(net[~held, 0], net[~held, 1], s=(0.6 * size) ** 2, c=_NET, **dots)
    order = np.random.default_rng(0).permutation(np.flatnonzero(held))  # no group hides another
    own = [colours[k] for k in order.tolist()]
    axes.scatter(net[order, 0], net[order, 1], s=size**2, c=own, **dots)
    dot: Style = {"ls": "", "marker": "o", "markeredgewidth": 0}
    handles: list[Artist] = [
        Line2D([], [], **dot, markersize=3, color=_CLOUD, label="points"),
        Line2D([], [], color=_NET, lw=0.6, label="links of the lattice"),
    ]
    if not held.all():
        label = "nodes without points" if present else "nodes"
        handles.append(Line2D([], [], **dot, markersize=2, color=_NET, label=label))
    handles += [
        Line2D([], [], **dot, markersize=4, color=consensus_colour(k), label=consensus_title(k))
        for k in named
    ]
    if len(present) > len(named):
        text = further(len(present) - len(named), "group")
        handles.append(Line2D([], [], **dot, markersize=4, color=MUTED, label=text))
    return handles


def _progress(step: np.ndarray) -> np.ndarray:
    """Return steps in percent of the last one."""
    step = np.asarray(step, dtype=np.float64)
    return 100.0 * step / max(step[-1], 1.0)


def _limit(axes: Axes, values: np.ndarray, name: str) -> None:
    """Limits and ticks of y around values that may be none, all alike, or spread widely."""
    if not values.size:
        axes.set_yticks([])
        return
    low, high = values.min(), values.max()
    if name == "quantization_error" and low > 0 and is_wide(values, 30.0):
        axes.set_ylim(low / 1.2, high * 1.2)
        log_axis(axes, "y")
        return
    if name == "topographic_error":
        top = max(high, 1e-3)
        axes.set_ylim(-0.04 * top, 1.1 * top)
    else:
        span = max(high - low, 1e-3 * abs(high), 1e-6)
        axes.set_ylim(low - 0.05 * span, high + 0.05 * span)
    plain_numbers(axes.yaxis, 3 if name == "radius" else 5)


def _project(points: np.ndarray, mean: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(..., F) as (..., 2), without BLAS, whose rounding depends on the number of cores."""
    return np.einsum("...f,df->...d", points - mean, directions)


def _drawn_links(lattice: Lattice) -> np.ndarray:
    """(L, 2) pairs of neighbours one lattice step apart, each once, along the rows drawn as lines.

    Of a large lattice every so many rows and columns are taken, whose lines are whole.
    """
    node, column = np.nonzero(lattice.neighbours() >= 0)
    other = lattice.neighbours()[node, column]
    once = node < other
    node, other = node[once], other[once]
    steps = lattice.steps_between(node, other)
    near = np.hypot(*steps.T) < 1.01
    node, other = node[near], other[near]
    every = -(-max(lattice.xdim, lattice.ydim) // MOST_LINES)
    (y, x), (y_other, x_other) = (np.divmod(k, lattice.xdim) for k in (node, other))
    column_line = (every == 1) | ((x == x_other) & (x % every == 0))
    kept = np.where(y == y_other, y % every == 0, column_line)
    return np.column_stack([node, other])[kept]
