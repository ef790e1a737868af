"""Figure of schedules: learning rate, radius and kernel as training goes on."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kohorte import store
from kohorte.errors import ConfigError
from kohorte.figures.levels import check_lengths, colour_by, colour_realizations, telling_parameters
from kohorte.figures.reading import Inputs, Parameters, find_representative
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    Style,
    fitting_columns,
    legend_below,
    line_map,
    new_figure,
    panel_grid,
    panel_title,
    paper_style,
    plain_axes,
    value_label,
)
from kohorte.figures.words import parameter_word
from kohorte.maps.neighbourhood import KERNELS
from kohorte.maps.realization import MapParameters
from kohorte.maps.schedules import learning_rates

MOST_STEPS = 1000
"""Steps of a curve that are drawn; of longer runs, that many, evenly spaced."""

MOMENTS = (0.0, 0.25, 0.5, 0.75, 0.95)
"""Shares of a run at which the kernel is drawn."""


@paper_style()
def schedule_figure(
    parameters: Sequence[MapParameters],
    *,
    n_points: int,
    colour_by: Sequence[object] | None = None,
    colour_name: str = "",
    highlight: int = 0,
) -> Figure:
    """Draw learning rate and radius of all realizations against steps, and the kernel of one.

    What one pass of mini-batches is divided into follows from `n_points`. `colour_by` has (R,)
    values of a parameter, numbers or texts. Of the realization `highlight` the kernel is drawn: its
    strength times the learning rate, against the lattice distance from the winner. ConfigError
    where the arguments differ in length, or there is no realization.
    """
    if not parameters:
        raise ConfigError("a figure of schedules needs at least one realization")
    check_lengths(len(parameters), colour_by=colour_by)
    columns = fitting_columns(3, 1.8)
    figure = new_figure(DOUBLE_COLUMN, 0.5 + 2.2 * -(-3 // columns))
    left, middle, right = panel_grid(figure, 3, columns)
    word = parameter_word(colour_name)
    colouring = colour_realizations(len(parameters), colour_by, word, lines=True)
    drawn = set()
    for own, colour in zip(parameters, colouring.colours, strict=True):
        step, alpha, radius = schedule_of(own, n_points)
        key = (step.tobytes(), alpha.tobytes(), radius.tobytes(), tuple(colour))
        if key in drawn:  # repeats have the same curves
            continue
        drawn.add(key)
        left.plot(step, alpha, color=colour)
        middle.plot(step, radius, color=colour)
    units = {_unit(own) for own in parameters}
    unit = units.pop() if len(units) == 1 else "Steps or epochs"
    for axes, label in ((left, "Learning rate"), (middle, "Radius (lattice steps)")):
        axes.set(xlabel=f"{unit} done", ylabel=label)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        plain_axes(axes, 4, 5)
    if all(own.trainer == "batch" for own in parameters):
        left.set_axis_off()
        centred: Style = {"ha": "center", "va": "center", "transform": left.transAxes}
        left.text(0.5, 0.5, "none in\nbatch training", **centred)
    moments = _draw_kernel(right, parameters[highlight], n_points)
    panel_title(left, "a", "Learning rate")
    panel_title(middle, "b", "Radius")
    panel_title(right, "c", "Pull on a node")
    colouring.draw_bar(figure, (left, middle), word, bins=None, pad=0.02)
    legend_below(figure, colouring.lines() + moments, most=5)
    return figure


def draw_schedule(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `schedule` from the files of a study."""
    realizations = pd.read_csv(inputs["realizations"])
    stored = [store.read_realization(file) for file in store.listed_realizations(inputs["maps"])]
    names = [field.name for field in fields(MapParameters)]
    return schedule_figure(
        [MapParameters(**{name: r.parameters[name] for name in names}) for r in stored],
        n_points=len(store.read_data(inputs["data"], mapped=True).features),
        highlight=find_representative(realizations, inputs),
        **colour_by(realizations, telling_parameters(realizations, parameters)),
    )


def schedule_of(
    parameters: MapParameters, n_points: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return steps (or epochs), learning rate (NaN in batch training) and radius, (T,) each.

    T is at most MOST_STEPS, and two more for the fine epochs of batch training.
    """
    own = parameters
    moves = own.steps if own.epochs is None else own.epochs
    parts = -(-n_points // own.batch_size) if own.trainer == "minibatch" else 1
    total = moves * parts
    shown = np.unique(np.linspace(0, total - 1, min(total, MOST_STEPS)).round().astype(np.int64))
    # One by one, since a run of 10^12 steps does not fit into memory.
    radii, rates = own.radii(own.lattice, total), np.full(shown.size, np.nan)
    radius = np.array([radii.at(t, t + 1)[0] for t in shown])
    if own.trainer != "batch":
        arguments = own.learning_rate, total, own.alpha, own.final_alpha
        rates = np.array([_rate(t, *arguments) for t in shown.tolist()])
    steps = shown / parts
    if own.trainer == "batch" and own.fine_epochs:
        steps = np.append(steps, [moves, moves + own.fine_epochs - 1])
        radius = np.append(radius, [radii.final] * 2)
        rates = np.append(rates, [np.nan] * 2)
    return steps, rates, radius


def _rate(step: int, name: str, total: int, alpha: float, final: float | None) -> float:
    return float(learning_rates(name, step, step + 1, total, alpha, final)[0])


def _unit(parameters: MapParameters) -> str:
    return "Steps" if parameters.epochs is None else "Epochs"


def _draw_kernel(axes: Axes, parameters: MapParameters, n_points: int) -> list[Artist]:
    """Rate times kernel against lattice distance at MOMENTS of the run; legend entries."""
    steps, rates, radii = schedule_of(parameters, n_points)
    reach = max(parameters.xdim, parameters.ydim) - 1
    distance = np.linspace(0, max(reach, 1), 400)
    if parameters.kernel_distance == "links":
        distance = np.arange(max(reach, 1) + 1.0)
    handles: list[Artist] = []
    kernel = KERNELS[parameters.kernel]
    colours = line_map()(np.linspace(0, 1, len(MOMENTS)))
    for share, colour in zip(MOMENTS, colours, strict=True):
        k = min(round(share * len(steps)), len(steps) - 1)
        strength = kernel(distance, radii[k]) * (1.0 if np.isnan(rates[k]) else rates[k])
        axes.plot(distance, strength, color=colour)
        text = f"c: {_unit(parameters)[:-1].lower()} {value_label(round(float(steps[k])))}"
        handles.append(Line2D([], [], color=colour, lw=1.4, label=text))
    axes.axhline(0, color=INK, lw=0.4)
    axes.set_xlim(left=0)
    axes.set_xlabel("Lattice distance from the winner")
    batch = parameters.trainer == "batch"
    axes.set_ylabel("Kernel" if batch else "Learning rate × kernel")
    plain_axes(axes, 4, 5)
    return handles
