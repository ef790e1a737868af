"""Figures of the stacked signal of cells: on a slice, its distribution, and its classes."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullFormatter

from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    INK,
    MAX_GROUPS,
    MIDDLE_COLUMN,
    Powers,
    is_wide,
    legend_below,
    line_colour,
    log_axis,
    new_figure,
    palette_colour,
    paper_style,
    plain_numbers,
    value_label,
)
from kohorte.studies.plasma.figures.slices import (
    ALONE,
    GroupMap,
    SlicePage,
    cluster_slice_figure,
    cut_inputs,
    open_inputs,
    unit_text,
)
from kohorte.studies.plasma.physics.cuts import Cut
from kohorte.studies.plasma.store import CellValues, parts_of

BINS = 100
"""Bins of the distribution."""


@paper_style()
def signal_slice_figure(cut: Cut, signal: np.ndarray) -> Figure:
    """Draw the stacked signal on a cut: the sum over realizations of Gsum of a cell's cluster."""
    page = SlicePage(cut, [unit_text(cut.title)], 1, side=ALONE)
    page.field(0, signal, "Stacked signal (sum of Gsum)", log=True)
    return page.finish()


def draw_signal_slice(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `signal_slice` from the files of a study."""
    with open_inputs(inputs) as cells:
        cut = cut_inputs(cells, parameters)
        return signal_slice_figure(cut, cut.read(cells["signal"]))


@paper_style()
def signal_histogram_figure(
    counts: np.ndarray,
    edges: np.ndarray,
    *,
    cuts: Sequence[float] = (),
    groups: np.ndarray | None = None,
) -> Figure:
    """Draw the distribution of the stacked signal over all cells, on a logarithmic axis.

    `counts` are (B,) cells in each bin, `groups` (G, B) the same by SCE group (None draws the total
    alone), `edges` (B + 1,) ends of the bins; a logarithmic axis is used where they are no even
    steps. `cuts` are values that separate classes.
    """
    figure = new_figure(MIDDLE_COLUMN, 3.2)
    axes = figure.subplots()
    counts, edges = np.asarray(counts), np.asarray(edges, dtype=np.float64)
    axes.stairs(counts, edges, fill=True, color="#D5DCE4", label="all cells")
    axes.stairs(counts, edges, color=INK, lw=0.6)
    handles: list[Artist] = [Patch(facecolor="#D5DCE4", edgecolor=INK, lw=0.5, label="all cells")]
    if groups is not None and len(groups) > 1:
        for k, row in enumerate(groups[:MAX_GROUPS]):
            if row.any():
                colour = line_colour(palette_colour(k))
                axes.stairs(row, edges, color=colour, lw=1.1)
                entry = Line2D([], [], color=colour, lw=1.2, label=f"SCE group {k}")
                handles.append(entry)
    for cut in cuts:
        axes.axvline(cut, color="#D55E00", lw=0.9, ls="--")
    if len(cuts):
        handles.append(Line2D([], [], color="#D55E00", lw=0.9, ls="--", label="cut-off"))
    axes.set_yscale("log", nonpositive="clip")  # lines of the steps go down to empty bins
    axes.yaxis.set_major_formatter(Powers(labelOnlyBase=True))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(0.7, 2.0 * max(counts.max(), 1))
    steps = np.diff(edges)
    if not np.allclose(steps, steps[0]):
        log_axis(axes, "x")
    else:
        plain_numbers(axes.xaxis, 7)
    axes.set(xlim=(edges[0], edges[-1]), xlabel="Stacked signal (sum of Gsum)", ylabel="Cells")
    legend_below(figure, handles, most=4)
    return figure


def draw_signal_histogram(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `signal_histogram` from the files of a study, with lines between its classes."""
    cuts = parameters["signal_cuts"] or ()
    with open_inputs(inputs) as cells:
        counts, edges = count_signal(cells, parts_of(cells.grid.shape))
    return signal_histogram_figure(counts.sum(axis=0), edges, cuts=cuts, groups=counts)


def count_signal(cells: CellValues, parts: Sequence[slice]) -> tuple[np.ndarray, np.ndarray]:
    """Count cells in each bin by SCE group, part by part: (G, BINS) int64, and BINS + 1 ends."""
    signal, group = cells["signal"], cells["sce_group"]
    ends = [(signal[part].min(), signal[part].max()) for part in parts]
    low, high = float(min(e[0] for e in ends)), float(max(e[1] for e in ends))
    n_groups = int(max(group[part].max() for part in parts)) + 1
    high = high if high > low else low + 1.0
    wide = low > 0 and is_wide(np.array([low, high]), 1000.0)
    edges = np.geomspace(low, high, BINS + 1) if wide else np.linspace(low, high, BINS + 1)
    edges[0], edges[-1] = low, high
    counts = np.zeros((n_groups, BINS), dtype=np.int64)
    for part in parts:
        values, groups = signal[part].ravel(), group[part].ravel()
        for k in range(n_groups):
            counts[k] += np.histogram(values[groups == k], edges)[0]
    return counts, edges


def draw_signal_classes(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `signal_classes` from the files of a study: without cuts its SCE groups."""
    with open_inputs(inputs) as cells:
        cut, parts = cut_inputs(cells, parameters), parts_of(cells.grid.shape)
        if parameters["signal_cuts"] is None:
            groups = cells["sce_group"]
            n_classes = int(max(groups[part].max() for part in parts)) + 1
            names = [f"SCE group {k}" for k in range(n_classes)]
            shown, shares = cut.read(groups), _share_classes(groups.__getitem__, n_classes, parts)
            title = "SCE group of most of the clusters"
        else:
            cuts, signal = sorted(parameters["signal_cuts"]), cells["signal"]
            texts = [value_label(value) for value in cuts]
            between = [f"{a} to {b}" for a, b in pairwise(texts)]
            names = [f"below {texts[0]}", *between, f"from {texts[-1]}"]
            shown = np.digitize(cut.read(signal), cuts)
            shares = _share_classes(lambda part: np.digitize(signal[part], cuts), len(names), parts)
            title = "Classes of the stacked signal"
    title = f"{title}, {unit_text(cut.title)}" if cut.title else title
    return cluster_slice_figure(
        cut, [GroupMap(title, shown, len(names), shares, names=names, colour_of=palette_colour)]
    )


def _share_classes(
    classes: Callable[[slice], np.ndarray], n_classes: int, parts: Sequence[slice]
) -> np.ndarray:
    """Share of all cells in each class; `classes` gives those of a part of the grid."""
    counts = np.zeros(n_classes, dtype=np.int64)
    for part in parts:
        counts += np.bincount(classes(part).ravel(), minlength=n_classes)
    return counts / counts.sum()
