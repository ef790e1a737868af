"""Figures of the experiment with spirals: an unwound curve, and networks with and without maps."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from kohorte.errors import ConfigError
from kohorte.figures.reading import Inputs
from kohorte.figures.style import (
    COLOURS,
    DOUBLE_COLUMN,
    INK,
    MIDDLE_COLUMN,
    MUTED,
    SMALL,
    Style,
    legend_below,
    line_colour,
    line_style,
    log_axis,
    marker_handle,
    new_figure,
    palette_colour,
    panel_title,
    paper_style,
    plain_axes,
    plain_numbers,
    plural,
    sequential_map,
)
from kohorte.studies.spirals.plan import EXTENT, VARIANTS
from kohorte.studies.spirals.store import read_networks, read_unwinding

_CLASSES = (COLOURS[0], COLOURS[1])
_DECISION = LinearSegmentedColormap.from_list("decision", [_CLASSES[0], "#FFFFFF", _CLASSES[1]])
_NET = "#D55E00"
_METHODS = {
    "component": ("first principal component", COLOURS[0], "-", "D"),
    "winner": ("winner on the chain", line_colour(COLOURS[1]), "-", "s"),
    "soft": ("soft position on the chain", COLOURS[4], "--", "o"),
}
_NUMBERS = (8, 9, 7, 1, 5, 4, 0)
_VARIANT_COLOURS = {
    name: line_colour(palette_colour(k)) for name, k in zip(VARIANTS, _NUMBERS, strict=True)
}


@paper_style()
def unwinding_figure(curve: Mapping[str, Any], table: pd.DataFrame) -> Figure:
    """Draw a curve with the chain in it, positions along it, and orders for all turns.

    `curve` is what `kohorte.studies.spirals.store.read_unwinding` gives; `table` has columns turns,
    number, method, order. ConfigError where the table is empty.
    """
    if table.empty:
        raise ConfigError("the table of unwound curves has no rows to draw")
    figure = new_figure(DOUBLE_COLUMN, 2.75)
    plane, along, orders = figure.subplots(1, 3)
    points, way, nodes = curve["points"], curve["way"], curve["nodes"]
    plane.scatter(*points.T, c=way, cmap=sequential_map(), s=5, lw=0, zorder=1)
    plane.plot(*nodes.T, color=_NET, lw=1.0, marker="o", ms=2.2, mec=INK, mew=0.2, zorder=3)
    ends = points.mean(axis=0) + np.outer([-1.15, 1.15], curve["direction"])
    plane.plot(*ends.T, color=_METHODS["component"][1], lw=1.2, ls=(0, (4, 1.5)), zorder=2)
    plane.set_aspect("equal")
    plane.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2))
    plane.set_xlabel("$x$ (outer radius)", parse_math=True)
    plane.set_ylabel("$y$ (outer radius)", parse_math=True)
    plain_axes(plane, 5, 5)
    panel_title(plane, "a", f"Spiral of {curve['turns']:g} turns")

    order = np.argsort(way)
    for name, (_, colour, style, _) in _METHODS.items():
        position = curve[name][order]
        if np.corrcoef(position, way[order])[0, 1] < 0:
            position = -position
        scaled = (position - position.min()) / np.ptp(position)
        along.plot(way[order], scaled, color=colour, ls=style, lw=1.0)
    along.set(xlabel="Way along the curve (share)", ylabel="Position (share of its range)")
    plain_axes(along, 5, 5)
    panel_title(along, "b", "Unwound")

    for name, (_, colour, style, marker) in _METHODS.items():
        of_turns = table[table["method"] == name].groupby("turns")["order"]
        mean = of_turns.mean()
        low, high = of_turns.min(), of_turns.max()
        orders.fill_between(mean.index, low, high, color=colour, alpha=0.18, lw=0)
        orders.plot(mean.index, mean, color=colour, ls=style, marker=marker, ms=3.5)
    orders.set(
        ylim=(0, 1.05), xlabel="Turns of the spiral", ylabel="Rank correlation with the place"
    )
    plain_axes(orders, 5, 5)
    panel_title(orders, "c", f"All turns, {plural(table['number'].nunique(), 'draw')}")
    entries = [
        Line2D([], [], color=colour, ls=style, marker=marker, ms=3.5, label=label)
        for label, colour, style, marker in _METHODS.values()
    ]
    entries.append(Line2D([], [], color=_NET, marker="o", ms=2.2, label="nodes of the chain"))
    legend_below(figure, entries)
    return figure


@paper_style()
def decisions_figure(jobs: Sequence[Mapping], extent: float) -> Figure:
    """Draw what the first network of each variant decides, with the points it was trained on.

    `jobs` are what `kohorte.studies.spirals.store.read_networks` gives, of those with a picture;
    `extent` is the largest magnitude of both coordinates in these. ConfigError where no
    job has a picture.
    """
    jobs = _in_order(jobs)
    n_columns = 4
    n_rows = -(-(len(jobs) + 1) // n_columns)
    figure = new_figure(DOUBLE_COLUMN, 0.35 + 1.95 * n_rows)
    grid = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes, job, letter in zip(grid, jobs, "abcdefghij", strict=False):
        picture = job["picture"]
        style: Style = {"cmap": _DECISION, "vmin": 0, "vmax": 1, "alpha": 0.75, "origin": "lower"}
        style |= {"extent": (-extent, extent, -extent, extent), "interpolation": "nearest"}
        image = axes.imshow(picture["decision"], rasterized=True, **style)
        _draw_classes(axes, picture["points"], picture["classes"], size=2.5)
        axes.set(xticks=[], yticks=[])
        accuracy = job["test_accuracy"][picture["row"], -1]
        axes.set_xlabel(f"{100 * accuracy:.1f} % of test points right", fontsize=SMALL, labelpad=2)
        panel_title(axes, letter, "")
        axes.set_title(VARIANTS[job["variant"]].label, loc="center", fontsize=SMALL + 0.5)
    for axes in grid[len(jobs) :]:
        axes.set_axis_off()
    key = grid[len(jobs)]
    bar = figure.colorbar(image, ax=key, orientation="horizontal", fraction=0.12, pad=-0.55)
    bar.set_label("Probability of class 1")
    bar.set_ticks([0, 0.5, 1], labels=["0", "0.5", "1"])
    entries = [marker_handle(f"class {k}", _CLASSES[k], "o", 3.5) for k in (0, 1)]
    key.legend(handles=entries, loc="upper center", bbox_to_anchor=(0.5, 0.8))
    return figure


@paper_style()
def layers_figure(jobs: Sequence[Mapping]) -> Figure:
    """Draw maps between layers: among the activations, and where the points lie on them.

    Jobs without a map between layers are left out; ConfigError where none has one.
    """
    jobs = [job for job in _in_order(jobs) if job["picture"]["nodes"] is not None]
    if not jobs:
        raise ConfigError("no network has a map between its layers")
    figure = new_figure(MIDDLE_COLUMN, 0.45 + 2.55 * len(jobs))
    grid = figure.subplots(len(jobs), 2, squeeze=False)
    letters = iter("abcdefgh")
    for (before, behind), job in zip(grid, jobs, strict=True):
        picture, side = job["picture"], job["side"]
        net = picture["nodes"].reshape(side, side, 2)
        threads = [*net, *net.transpose(1, 0, 2)]
        before.add_collection(LineCollection(threads, colors=MUTED, linewidths=0.35, zorder=1))
        before.plot(*picture["nodes"].T, ls="", marker="o", ms=1.6, color=INK, zorder=2)
        _draw_classes(before, picture["activations"], picture["classes"], size=5)
        steps = np.linspace(-1, 1, side)
        behind.vlines(steps, -1, 1, color=MUTED, lw=0.3, zorder=0)
        behind.hlines(steps, -1, 1, color=MUTED, lw=0.3, zorder=0)
        _draw_classes(behind, picture["positions"], picture["classes"], size=5)
        for axes, name in ((before, "activation"), (behind, "position")):
            axes.set_aspect("equal", adjustable="datalim" if axes is before else "box")
            axes.set(xlabel=f"First {name}", ylabel=f"Second {name}")
            plain_axes(axes, 5, 5)
        label = VARIANTS[job["variant"]].label
        panel_title(before, next(letters), f"{label}: before")
        panel_title(behind, next(letters), "On the map")
    entries = [marker_handle(f"class {k}", _CLASSES[k], "o", 3.5) for k in (0, 1)]
    entries.append(Line2D([], [], color=MUTED, marker="o", mfc=INK, mec=INK, ms=2, label="nodes"))
    legend_below(figure, entries)
    return figure


@paper_style()
def courses_figure(courses: pd.DataFrame) -> Figure:
    """Draw loss of the training points and accuracy on test points, against the steps done.

    Columns: variant, number, step, train_loss, test_accuracy. Lines are means over the networks of
    a variant, bands one standard deviation to either side (of the logarithm of the loss).
    ConfigError where the table is empty.
    """
    if courses.empty:
        raise ConfigError("the table of courses has no rows to draw")
    figure = new_figure(DOUBLE_COLUMN, 3.3)
    loss, accuracy = figure.subplots(1, 2)
    for name in _VARIANT_COLOURS:
        rows = courses[courses["variant"] == name]
        if rows.empty:
            continue
        losses = rows.pivot(index="step", columns="number", values="train_loss")
        logarithms = pd.DataFrame(np.log10(losses.clip(lower=1e-6)))
        _draw_band(loss, logarithms, name, scale=lambda v: 10**v)
        shares = rows.pivot(index="step", columns="number", values="test_accuracy")
        _draw_band(accuracy, shares, name, scale=lambda v: v.clip(upper=1.0))
    log_axis(loss, "y")
    accuracy.set_ylim(0.45, 1.01)
    loss.set_ylabel("Cross entropy of training points (nats)")
    accuracy.set_ylabel("Share of test points right")
    for axes in (loss, accuracy):
        axes.set(xlabel="Steps", xlim=(0, courses["step"].max()))
        plain_numbers(axes.xaxis, 5)
    plain_numbers(accuracy.yaxis, 6)
    panel_title(loss, "a", "Training")
    panel_title(accuracy, "b", "Test")
    _legend(figure, set(courses["variant"]))
    return figure


@paper_style()
def sweep_figure(networks: pd.DataFrame) -> Figure:
    """Draw test accuracy against beta by size of the map, a panel for each variant with a map.

    Columns: variant, side, beta, number, test_accuracy. Markers are means over networks, bars
    standard errors of them; the dashed line is the mean of the plain network of as many parameters
    in its dense layers. ConfigError where the table has no network with a soft map.
    """
    soft = [n for n, v in VARIANTS.items() if v.has_soft_map and n in set(networks["variant"])]
    if not soft:
        raise ConfigError("no network in the table has a soft map")
    sides = sorted(networks["side"].unique())
    figure = new_figure(DOUBLE_COLUMN, 2.9)
    grid = figure.subplots(1, len(soft), sharey=True, squeeze=False)[0]
    plain = networks[networks["variant"] == "plain"]["test_accuracy"].mean()
    winners = networks[networks["variant"] == "winner_inputs"].groupby("side")["test_accuracy"]
    for axes, name, letter in zip(grid, soft, "abcdef", strict=False):
        rows = networks[networks["variant"] == name]
        betas = np.sort(rows["beta"].unique())
        for k, side in enumerate(sides):
            of_beta = rows[rows["side"] == side].groupby("beta")["test_accuracy"]
            mean, error = of_beta.mean(), of_beta.sem().fillna(0.0)
            shift = 1.03 ** (k - (len(sides) - 1) / 2)
            style = line_style(k)
            axes.errorbar(mean.index * shift, mean, yerr=error, elinewidth=0.8, **style)
            if VARIANTS[name].inputs == "soft" and side in winners.groups:
                limit = winners.mean()[side]
                axes.plot(betas[-1] * 1.35 * shift, limit, mfc="white", **style)
        axes.axhline(plain, color=INK, ls=(0, (4, 1.5)), lw=0.9, zorder=1)
        axes.set_xscale("log")
        axes.set_xticks(betas, [f"{beta:g}" for beta in betas])
        axes.set_xticks([], minor=True)
        axes.set_xlabel(r"$\beta$ (1 / distance)", parse_math=True)
        panel_title(axes, letter, VARIANTS[name].label)
    grid[0].set_ylabel("Share of test points right")
    plain_numbers(grid[0].yaxis, 6)
    entries = [
        Line2D([], [], label=f"{s} × {s} nodes", **line_style(k)) for k, s in enumerate(sides)
    ]
    entries.append(Line2D([], [], color=INK, ls=(0, (4, 1.5)), lw=0.9, label="plain"))
    if len(winners):
        hollow: Style = {"ls": "", "marker": "o", "mfc": "white", "ms": 3.5}
        entries.append(
            Line2D([], [], color=INK, label="hollow: winner's position as input", **hollow)
        )
    legend_below(figure, entries, most=5)
    return figure


def draw_unwinding(inputs: Inputs) -> dict[str, Figure]:
    """Draw the figure of unwound curves from their files."""
    curve = read_unwinding(inputs["curve"])
    return {"unwinding": unwinding_figure(curve, pd.read_csv(inputs["table"]))}


def draw_networks(inputs: Inputs) -> dict[str, Figure]:
    """Draw the figures of networks by name, from what their jobs left and two tables."""
    drawn = [job for job in map(read_networks, inputs["jobs"]) if job["picture"] is not None]
    return {
        "decisions": decisions_figure(drawn, EXTENT),
        "layers": layers_figure(drawn),
        "courses": courses_figure(pd.read_csv(inputs["courses"])),
        "sweep": sweep_figure(pd.read_csv(inputs["networks"])),
    }


def _in_order(jobs: Sequence[Mapping]) -> list[Mapping]:
    """Jobs with a picture, in the order of the variants."""
    drawn = {job["variant"]: job for job in jobs if job["picture"] is not None}
    if not drawn:
        raise ConfigError("no network has a picture to draw")
    return [drawn[name] for name in VARIANTS if name in drawn]


def _draw_classes(axes: Axes, points: np.ndarray, classes: np.ndarray, size: float) -> None:
    for k, colour in enumerate(_CLASSES):
        x, y = points[classes == k].T
        axes.scatter(x, y, c=colour, s=size, lw=0.2, edgecolors=INK, zorder=3)


def _variant_dashes(name: str) -> Any:
    return (0, (4, 1.2)) if VARIANTS[name].pinched else "-"


def _draw_band(
    axes: Axes, values: pd.DataFrame, name: str, scale: Callable[..., Any] = lambda v: v
) -> None:
    """Mean and standard deviation of the columns, against the index."""
    colour, style = _VARIANT_COLOURS[name], _variant_dashes(name)
    mean, deviation = values.mean(axis=1), values.std(axis=1, ddof=1).fillna(0.0)
    low, high = scale(mean - deviation), scale(mean + deviation)
    axes.fill_between(values.index, low, high, color=colour, alpha=0.13, lw=0)
    axes.plot(values.index, scale(mean), color=colour, ls=style, lw=1.1)


def _legend(figure: Figure, present: set[str]) -> None:
    entries: list = [
        Line2D([], [], color=colour, ls=_variant_dashes(name), label=VARIANTS[name].label)
        for name, colour in _VARIANT_COLOURS.items()
        if name in present
    ]
    entries.append(Patch(color=MUTED, alpha=0.3, lw=0, label="standard deviation"))
    legend_below(figure, entries, most=4)
