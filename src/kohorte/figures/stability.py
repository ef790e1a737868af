"""Figures of how far results can be trusted: intervals of Gsum, number of realizations."""

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kohorte.errors import ConfigError
from kohorte.figures.groups import consensus_colour, consensus_title
from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    COLOURS,
    INK,
    MAX_GROUPS,
    MIDDLE_COLUMN,
    MUTED,
    SINGLE_COLUMN,
    SMALL,
    Style,
    further,
    group_marker,
    is_wide,
    legend_below,
    log_axis,
    marker_handle,
    new_figure,
    paper_style,
    plain_numbers,
    plural,
)

_CROWD = 150  # clusters above which markers cover each other


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
    colours and markers. ConfigError where the arrays differ in length, or are empty, as those of a
    single realization.
    """
    gsum, low, high = (np.asarray(a, dtype=np.float64) for a in (gsum, low, high))
    n = len(gsum)
    if not len(low) == len(high) == n or (groups is not None and len(groups) != n):
        raise ConfigError(f"limits or groups do not have one entry for each of {n} clusters")
    if n == 0:
        raise ConfigError("stability needs at least two realizations, which can be resampled")
    order = np.argsort(-gsum, kind="stable")
    gsum, low, high = gsum[order], low[order], high[order]
    groups = np.zeros(n, np.int64) if groups is None else np.asarray(groups, np.int64)[order]
    rank = np.arange(1, n + 1)
    figure = new_figure(MIDDLE_COLUMN, 3.2)
    axes = figure.add_subplot()
    wide = is_wide(gsum)
    if wide:  # what is not positive is cut off at the lower end of the logarithmic axis
        floor = gsum[gsum > 0].min() / 3
        low, high, gsum = (np.maximum(values, floor) for values in (low, high, gsum))
        log_axis(axes, "y")
    interval = f"{100 * level:g} % bootstrap interval"
    thickness = float(np.clip(120.0 / n, 0.35, 1.6))
    axes.vlines(rank, low, high, color="#B4B4B4", lw=thickness, zorder=1, rasterized=n > 1000)
    handles: list[Artist] = [Line2D([], [], color="#B4B4B4", lw=1.6, label=interval)]
    counts = np.bincount(groups)
    named = np.sort(np.argsort(-counts, kind="stable")[:MAX_GROUPS])
    size = 14.0 if n <= 60 else 7.0 if n <= _CROWD else 3.0
    style: Style = {"s": size, "linewidths": 0.3 if n <= 60 else 0, "edgecolors": INK, "zorder": 2}
    others = ~np.isin(groups, named)
    axes.scatter(rank[others], gsum[others], c=MUTED, marker=".", **style)
    if n <= _CROWD:
        for k in named:
            chosen = groups == k
            axes.scatter(
                rank[chosen], gsum[chosen], c=consensus_colour(k), marker=group_marker(k), **style
            )
    else:  # in a mixed order, or the group drawn last would hide the others
        mixed = np.random.default_rng(0).permutation(np.flatnonzero(~others))
        colours = [consensus_colour(k) for k in groups[mixed].tolist()]
        axes.scatter(rank[mixed], gsum[mixed], c=colours, rasterized=n > 1000, **style)
    if len(counts) > 1:
        present = named[counts[named] > 0]
        handles += [
            marker_handle(
                consensus_title(k), consensus_colour(k), group_marker(k) if n <= _CROWD else "o"
            )
            for k in present
        ]
        if others.any():
            text = further(int((counts > 0).sum()) - len(named), "group")
            handles.append(marker_handle(text, MUTED, ".", markeredgewidth=0))
    sure = int((high - low <= 1e-9 * np.abs(gsum)).sum())
    if sure:
        text = f"{plural(sure, 'cluster')} without uncertainty: the same in each realization"
        axes.set_title(text, loc="left", fontsize=SMALL)
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
    figure = new_figure(SINGLE_COLUMN, 2.9)
    axes = figure.add_subplot()
    colour = COLOURS[0]
    wide_line: Style = {"color": "#A9C8E2", "lw": float(np.clip(50 / len(sizes), 1.0, 4.0))}
    axes.vlines(sizes, low, high, **wide_line)
    line: Style = {"color": colour, "lw": 1.1, "marker": "o", "markersize": 3}
    if len(sizes) > 40:
        line |= {"marker": None}
    axes.plot(sizes, mean, clip_on=False, **line)  # perfect agreement is at the upper end
    handles: list[Artist] = [
        Line2D([], [], label="mean of pairs of subsets", **line),
        Line2D([], [], label=band, **wide_line | {"lw": 3}),
    ]
    if extrapolated is not None:
        dotted = line | {"ls": ":", "mfc": "white"}
        axes.plot(
            [sizes[-1], extrapolated[0]], [mean[-1], extrapolated[1]], clip_on=False, **dotted
        )
        handles.append(Line2D([], [], label="extrapolated", **dotted))
    if target is not None:
        axes.axhline(target, color=INK, lw=0.8, ls="--")
        text = f"target {target:g}, for whole bars"
        handles.append(Line2D([], [], color=INK, lw=0.8, ls="--", label=text))
    if answer is not None:
        axes.axvline(answer, color="#D55E00", lw=1.0, ls=":")
        verb = "is" if answer == 1 else "are"
        text = f"{plural(answer, 'realization')} {verb} enough"
        handles.append(Line2D([], [], color="#D55E00", lw=1.0, ls=":", label=text))
    elif target is not None:
        handles.append(Line2D([], [], linestyle="", label="not settled: train more maps"))
    shown = [*sizes.tolist(), *([] if extrapolated is None else extrapolated[:1])]
    bottom = min(float(low.min()), 1.0 if target is None else target)
    axes.set_ylim(bottom - 0.05 * (1.0 - bottom) - 0.01, 1.0)
    axes.set_xlabel("Number of realizations")
    axes.set_ylabel("Agreement with the consensus of\nas many others (ARI)")
    if is_wide(np.asarray(shown), 50.0):
        log_axis(axes, "x", whole=True)
    else:
        plain_numbers(axes.xaxis, 6, integer=True)
    plain_numbers(axes.yaxis, 6)
    legend_below(figure, handles, most=2)
    return figure


def draw_sufficiency(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `sufficiency` from the files of a study."""
    whole = pd.read_csv(inputs["sufficiency"])
    if whole.empty:
        figure = new_figure(SINGLE_COLUMN, 0.6)
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
