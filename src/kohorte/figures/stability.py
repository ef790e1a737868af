"""Figures of how far results can be trusted: intervals of Gsum, number of realizations."""

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from kohorte.errors import ConfigError
from kohorte.figures.groups import consensus_colour, consensus_title
from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    INK,
    MAX_GROUPS,
    MUTED,
    Style,
    group_colour,
    group_marker,
    is_wide,
    legend_below,
    log_axis,
    marker_handle,
    new_figure,
    paper_style,
    plain_numbers,
)


@paper_style()
def stability_figure(
    gsum: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    level: float = 0.95,
) -> Figure:
    """Draw (K,) Gsum of the clusters by rank, with limits of an interval of probability `level`.

    The limits are over resampled realizations. The consensus groups, (K,) integers from 0, give
    colours and markers. ConfigError where the arrays differ in length.
    """
    gsum, low, high = (np.asarray(a, dtype=np.float64) for a in (gsum, low, high))
    n = len(gsum)
    if not len(low) == len(high) == n or (groups is not None and len(groups) != n):
        raise ConfigError(f"limits or groups do not have one entry for each of {n} clusters")
    order = np.argsort(-gsum, kind="stable")
    gsum, low, high = gsum[order], low[order], high[order]
    groups = np.zeros(n, np.int64) if groups is None else np.asarray(groups, np.int64)[order]
    rank = np.arange(1, n + 1)
    figure = new_figure(5.2, 3.3)
    axes = figure.add_subplot()
    wide = is_wide(gsum)
    if wide:  # what is not positive is cut off at the lower end of the logarithmic axis
        floor = gsum[gsum > 0].min() / 3
        low, high, gsum = (np.maximum(values, floor) for values in (low, high, gsum))
        log_axis(axes, "y")
    interval = f"{100 * level:g} % confidence interval"
    handles: list[Artist] = []
    if n <= 80:
        axes.vlines(rank, low, high, color=MUTED, lw=1.4, zorder=1)
        handles.append(Line2D([], [], color=MUTED, lw=1.4, label=interval))
    else:
        axes.fill_between(rank, low, high, color="#D0D0D0", lw=0, step="mid", zorder=1)
        handles.append(Patch(facecolor="#D0D0D0", label=interval))
    counts = np.bincount(groups)
    named = np.sort(np.argsort(-counts, kind="stable")[:MAX_GROUPS])
    size = 14.0 if n <= 100 else 6.0
    style: Style = {"s": size, "linewidths": 0.3 if n <= 100 else 0, "edgecolors": INK, "zorder": 2}
    others = ~np.isin(groups, named)
    axes.scatter(rank[others], gsum[others], c=MUTED, marker=".", **style)
    for k in named:
        chosen = groups == k
        axes.scatter(
            rank[chosen], gsum[chosen], c=consensus_colour(k), marker=group_marker(k), **style
        )
    if len(counts) > 1:
        present = named[counts[named] > 0]
        handles += [
            marker_handle(consensus_title(k), consensus_colour(k), group_marker(k)) for k in present
        ]
        if others.any():
            text = f"{int((counts > 0).sum()) - len(named)} smaller groups"
            handles.append(marker_handle(text, MUTED, ".", markeredgewidth=0))
    axes.set_xlim(0.5 - 0.01 * n, n + 0.5 + 0.01 * n)
    if wide:
        axes.set_ylim(floor, max(high.max(), gsum.max()) * 1.3)
    else:
        plain_numbers(axes.yaxis, 6)
    plain_numbers(axes.xaxis, 8, integer=True)
    axes.set(xlabel="Rank of the cluster", ylabel="Gsum")
    legend_below(figure, handles, most=4)
    return figure


def draw_stability(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `stability` from the files of a study."""
    table = pd.read_csv(inputs["stability"])
    values = [table[name].to_numpy() for name in ("gsum", "gsum_low", "gsum_high")]
    return stability_figure(*values, groups=table["consensus_group"].to_numpy())


@paper_style()
def sufficiency_figure(
    sizes: np.ndarray,
    mean: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    target: float | None = None,
    answer: int | None = None,
    extrapolated: tuple[int, float] | None = None,
    band: str = "10th to 90th percentile",
) -> Figure:
    """Draw agreement of the consensus of some realizations with that of others, against how many.

    `mean`, `low` and `high` are (S,) adjusted Rand indices: mean and limits, named `band`, over
    pairs of disjoint subsets of (S,) `sizes` realizations. `answer` is the smallest number that
    reaches `target`, the agreement that counts as enough, or None; `extrapolated` the number of all
    and the mean that is expected of it. ConfigError where the arrays differ in length.
    """
    sizes = np.asarray(sizes)
    mean, low, high = (np.asarray(a, dtype=np.float64) for a in (mean, low, high))
    if not len(sizes) == len(mean) == len(low) == len(high):
        raise ConfigError("sizes, mean, low and high differ in length")
    figure = new_figure(4.2, 3.1)
    axes = figure.add_subplot()
    if len(sizes) > 1:
        axes.fill_between(sizes, low, high, color="#BFD5E8", lw=0)
        handles: list[Artist] = [Patch(facecolor="#BFD5E8", label=band)]
    else:
        axes.vlines(sizes, low, high, color="#BFD5E8", lw=4)
        handles = [Line2D([], [], color="#BFD5E8", lw=4, label=band)]
    marker = "o" if len(sizes) <= 40 else None
    line: Style = {"color": group_colour(0), "lw": 1.3, "marker": marker, "markersize": 3}
    axes.plot(sizes, mean, **line)
    handles.insert(0, Line2D([], [], label="mean over pairs of subsets", **line))
    if extrapolated is not None:
        axes.plot([sizes[-1], extrapolated[0]], [mean[-1], extrapolated[1]], **line | {"ls": ":"})
        handles.append(Line2D([], [], label="extrapolated", **line | {"ls": ":"}))
    if target is not None:
        axes.axhline(target, color=INK, lw=0.8, ls="--")
        handles.append(Line2D([], [], color=INK, lw=0.8, ls="--", label=f"target {target:g}"))
    if answer is not None:
        axes.axvline(answer, color="#D55E00", lw=1.0, ls=":")
        text = f"{answer} realizations are enough"
        handles.append(Line2D([], [], color="#D55E00", lw=1.0, ls=":", label=text))
    elif target is not None:
        handles.append(Line2D([], [], linestyle="", label="target not reached"))
    shown = [*sizes.tolist(), *([] if extrapolated is None else extrapolated[:1])]
    bottom = min(float(low.min()), 1.0 if target is None else target)
    axes.set_ylim(bottom - 0.05 * (1.0 - bottom) - 0.01, 1.01 + 0.02 * (1.0 - bottom))
    axes.set_xlabel("Number of realizations")
    axes.set_ylabel("Agreement with the consensus of\nas many others (adjusted Rand index)")
    if is_wide(np.asarray(shown), 50.0):
        log_axis(axes, "x")
    else:
        plain_numbers(axes.xaxis, 6, integer=True)
    plain_numbers(axes.yaxis, 6)
    axes.grid(True)
    legend_below(figure, handles, most=2)
    return figure


def draw_sufficiency(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `sufficiency` from the files of a study."""
    whole = pd.read_csv(inputs["sufficiency"])
    if whole.empty:
        figure = new_figure(4.2, 1.0)
        figure.text(0.5, 0.5, "fewer than four different realizations", ha="center", va="center")
        return figure
    beyond = whole["extrapolated"].astype(bool)
    table, last = whole[~beyond], whole[beyond].iloc[0]
    reached = table.loc[table["enough"].astype(bool), "realizations"]
    values = [table[name].to_numpy() for name in ("realizations", "mean", "low", "high")]
    return sufficiency_figure(
        *values,
        target=parameters["enough"],
        answer=None if reached.empty else int(reached.iloc[0]),
        extrapolated=(int(last["realizations"]), float(last["mean"])),
        band="5th to 95th percentile",
    )
