"""Figure of the classes that cut-offs of the stacked signal make of the points."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kohorte.ensemble.points import signal_classes
from kohorte.figures.groups import consensus_title
from kohorte.figures.panels import PanelRows, draw_groups
from kohorte.figures.points import choose_features, read_points, spread_points
from kohorte.figures.reading import Inputs, Parameters, match_groups, matched_looks
from kohorte.figures.style import (
    INK,
    is_wide,
    log_axis,
    palette_marker,
    paper_style,
    plain_numbers,
    sequential_map,
    widen,
)

_CLASSES = sequential_map("viridis", 0.0, 0.9)


@paper_style()
def signal_cuts_figure(
    features: np.ndarray,
    names: Sequence[str],
    *,
    signal: np.ndarray,
    cuts: Sequence[float],
    labels: np.ndarray,
    label_names: Sequence[str],
    title: str = "Consensus",
    looks: Sequence[tuple[str, str]] | None = None,
    step: int = 1,
) -> Figure:
    """Draw the classes of a stacked signal, what they are compared with, and the distribution.

    Parameters
    ----------
    features, names, step
        As for `kohorte.figures.points.signal_figure`.
    signal
        (N,) stacked signal.
    cuts
        Values, ascending, at which classes begin; without any the points are one class.
    labels, label_names, title, looks
        (N,) integers, groups or known classes beside, negative for none; what each and all are
        called, and colour and marker of each, by default those of the consensus groups.
    """
    signal = np.asarray(signal, dtype=np.float64)
    classes = signal_classes(signal, cuts)
    x, y = spread_points(np.asarray(features, dtype=np.float64))
    row = PanelRows(["Classes of the signal", title, "Distribution"], gap=0.5)
    row.say_subset(int(np.isnan(features).any(axis=1).sum()), step)
    for k in (0, 1):
        row.feature_axes(k, names)
    shades = _CLASSES(np.linspace(0, 1, len(cuts) + 1))
    own = [(to_hex(shade), palette_marker(k)) for k, shade in enumerate(shades)]
    row.legend(
        0,
        draw_groups(
            row.panels[0], x, y, classes, name_classes(cuts), own, what="class", empty=True
        ),
    )
    what = "group" if looks is None else "class"
    row.legend(1, draw_groups(row.panels[1], x, y, labels, label_names, looks, what=what))
    _draw_distribution(row.panels[2], signal, cuts, shades)
    if len(cuts):
        row.legend(2, [Line2D([], [], color=INK, lw=0.9, ls="--", label="cut-off")])
    row.finish()
    return row.figure


def draw_signal_cuts(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `signal_cuts` from the files of a study, beside the known classes where it has them."""
    table, ensemble, step = read_points(inputs)
    groups, count = ensemble.points.label, ensemble.consensus.n_groups
    columns = choose_features(table.features, table.names, groups, parameters["features"])
    beside: dict[str, Any] = {"labels": np.asarray(groups, dtype=np.int64)}
    beside |= {"label_names": [consensus_title(k) for k in range(count)]}
    if table.truth is not None and table.class_names is not None:
        matching = match_groups(groups, table.truth, count)
        beside = {"labels": np.asarray(table.truth, dtype=np.int64)}
        beside |= {"label_names": list(table.class_names), "title": "Known classes"}
        beside["looks"] = matched_looks(matching, len(table.class_names))
    return signal_cuts_figure(
        table.physical(columns),
        [table.describe(k) for k in columns],
        signal=ensemble.points.signal,
        cuts=parameters["signal_cuts"] or (),
        step=step,
        **beside,
    )


def name_classes(cuts: Sequence[float]) -> list[str]:
    """Return what the classes between cuts are called."""
    texts = [f"{cut:,.6g}" for cut in cuts]
    if not texts:
        return ["all points"]
    between = [f"{a} to {b}" for a, b in pairwise(texts)]
    return [f"below {texts[0]}", *between, f"from {texts[-1]}"]


def _draw_distribution(
    axes: Axes, signal: np.ndarray, cuts: Sequence[float], shades: np.ndarray
) -> None:
    """Draw the share of the points up to each signal; where the line is flat, there is a gap."""
    values, counts = np.unique(signal, return_counts=True)
    share = 100 * np.cumsum(counts) / len(signal)
    low, high = widen(float(values[0]), float(max(values[-1], *cuts, 0.0)))
    wide = low > 0 and is_wide(np.array([low, high]), 1000.0)
    room = (high - low) * 0.04
    ends = (low / 1.1, high * 1.1) if wide else (low - room, high + room)
    # Each class as a line of its own, from the share at its first value to that at its end.
    at = np.concatenate([[ends[0]], values, [ends[1]]])
    level = np.concatenate([[0.0], share, [100.0]])
    limits = [ends[0], *cuts, ends[1]]
    for (begin, end), shade in zip(pairwise(limits), shades, strict=True):
        inside = (at >= begin) & (at < end)
        first = level[max(int(np.searchsorted(at, begin)) - 1, 0)]
        x = np.concatenate([[begin], at[inside], [end]])
        y = np.concatenate([[first], level[inside], [0.0]])
        y[-1] = y[-2]
        axes.plot(x, y, drawstyle="steps-post", color=shade, lw=2.0, solid_capstyle="butt")
    for cut in cuts:
        axes.axvline(cut, color=INK, lw=0.8, ls="--")
    if wide:
        log_axis(axes, "x")
    else:
        plain_numbers(axes.xaxis, 4)
    plain_numbers(axes.yaxis, 5)
    axes.set(xlim=ends, ylim=(0, 101), xlabel="Stacked signal (sum of Gsum)")
    axes.set_ylabel("Points up to this signal (%)")
