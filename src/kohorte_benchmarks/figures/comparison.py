"""Figures of the comparison of consensus methods: adjusted Rand index by method and by rule."""

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from kohorte.errors import ConfigError
from kohorte.figures.style import (
    COLOURS,
    DOUBLE_COLUMN,
    INK,
    MARKERS,
    MUTED,
    legend_below,
    marker_handle,
    new_figure,
    panel_title,
    paper_style,
    plain_numbers,
)

if TYPE_CHECKING:
    import pandas as pd

DATA_SET_NAMES = {"breast_cancer": "Breast cancer"}
CLUSTERER_NAMES = {"som": "self-organizing maps", "kmeans": "k-means, random k"}

# From top to bottom; what a method is told about the truth separates the blocks.
BLOCKS = {
    "Number of groups found": {
        "signal_gaps": "Signal, cut at gaps",
        "evidence_accumulation": "Evidence accumulation",
        "weighted_votes": "kohorte, weighted votes",
        "consensus": "kohorte",
    },
    "Number of groups given": {
        "signal_gaps_known": "Signal, cut at gaps",
        "cspa": "CSPA",
        "hgpa": "HGPA",
        "mcla": "MCLA",
        "hbgf": "HBGF",
        "evidence_accumulation_known": "Evidence accumulation",
        "weighted_votes_known": "kohorte, weighted votes",
        "consensus_known": "kohorte",
    },
    "Classes given": {"signal_oracle": "Signal, best cuts"},
}
_BAND = "#E4E4E4"
_RULE_COLOURS = tuple(COLOURS[k] for k in (0, 1, 2, 7, 4, 5))  # dark enough for thin lines
_OWN = {"consensus": 0, "weighted_votes": 1}  # kohorte's methods -> colour and marker


@paper_style()
def methods_figure(methods: "pd.DataFrame") -> Figure:
    """Draw the adjusted Rand index of consensus methods on each data set, by what they are told.

    A row of panels for each clusterer. Markers are means over the seeds, ticks single seeds;
    the band spans the worst to the best single realization, its line is the median one.

    `methods` are those of `kohorte_benchmarks.consensus.compare`; ones that are absent have no row.
    Raises ConfigError if the table is empty.
    """
    if methods.empty:
        raise ConfigError("the comparison of consensus methods has no rows to draw")
    data_sets = list(dict.fromkeys(methods["data_set"]))
    clusterers = list(dict.fromkeys(methods["clusterer"]))
    heights, headings, labels = _place_rows(set(methods["method"]))
    lowest = max(heights.values()) + 0.7
    figure = new_figure(DOUBLE_COLUMN, 0.75 + 0.158 * lowest * len(clusterers))
    grid = figure.subplots(len(clusterers), len(data_sets), sharex=True, sharey=True, squeeze=False)
    low = min(0.0, float(methods["ari"].min()))
    for row, clusterer in enumerate(clusterers):
        for column, data_set in enumerate(data_sets):
            axes = grid[row, column]
            of_both = (methods["clusterer"] == clusterer) & (methods["data_set"] == data_set)
            scores = methods[of_both].groupby("method")["ari"]
            mean = scores.mean()
            axes.axvspan(mean["single_min"], mean["single_max"], color=_BAND, lw=0, zorder=0)
            axes.axvline(mean["single_median"], color=MUTED, lw=0.8, zorder=0.5)
            for method, y in heights.items():
                if method not in mean:
                    continue
                colour, marker, size, face = _look(method)
                style = {"color": colour, "marker": marker, "ms": size, "mfc": face, "mew": 0.8}
                own = scores.get_group(method)
                dots = {"color": colour, "marker": "|", "ms": 5, "mew": 0.7, "ls": "", "alpha": 0.6}
                axes.plot(own, [y] * len(own), **dots, zorder=2)
                axes.plot(mean[method], y, ls="", **style, zorder=3)
            if row == 0:
                axes.set_title(_data_set_name(data_set), loc="center")
            axes.tick_params(axis="y", length=0)
            axes.set_xlim(min(low, -0.05), 1.05)
            axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
            axes.grid(axis="x")
            axes.spines["left"].set_visible(False)
        first = grid[row, 0]
        first.set_ylim(lowest, -0.7)
        first.set_yticks([*heights.values(), *headings.values()], [*labels, *headings])
        for tick in first.get_yticklabels()[len(heights) :]:
            tick.set_fontweight("bold")
        name = CLUSTERER_NAMES.get(clusterer, clusterer)
        first.set_ylabel(f"Ensembles of {name}")
    for axes in grid[-1]:
        axes.set_xlabel("ARI")
    entries = [
        Patch(color=_BAND, lw=0, label="single realizations, worst to best"),
        Line2D([], [], color=MUTED, lw=0.8, label="median one"),
        Line2D([], [], color=INK, ls="", marker="|", ms=5, mew=0.7, label="single seeds"),
    ]
    legend_below(figure, entries)
    return figure


@paper_style()
def rules_figure(rules: "pd.DataFrame") -> Figure:
    """Draw what rules for the number of groups find, and how good the consensus then is.

    `rules` are those of `kohorte_benchmarks.consensus.compare`. ConfigError if there are none.
    """
    if rules.empty:
        raise ConfigError("the comparison of rules has no rows to draw")
    data_sets = list(dict.fromkeys(rules["data_set"]))
    clusterers = list(dict.fromkeys(rules["clusterer"]))
    names = list(dict.fromkeys(rules["rule"]))
    figure = new_figure(DOUBLE_COLUMN, 0.7 + 1.75 * len(clusterers))
    grid = figure.subplots(len(clusterers), 2, sharex=True, sharey="col", squeeze=False)
    columns = (("n_won", "Groups with points"), ("ari", "Adjusted Rand index"))
    letters = iter("abcdefgh")
    for row, clusterer in enumerate(clusterers):
        part = rules[rules["clusterer"] == clusterer]
        for axes, (column, label) in zip(grid[row], columns, strict=True):
            for k, rule in enumerate(names):
                own = part[part["rule"] == rule]
                scores = own.groupby("data_set")[column]
                offset = (k - (len(names) - 1) / 2) * 0.8 / len(names)
                style = {"color": _RULE_COLOURS[k], "marker": MARKERS[k], "ms": 4, "ls": ""}
                style |= {"mec": INK, "mew": 0.3, "zorder": 3}
                at = {name: x + offset for x, name in enumerate(data_sets)}
                dots = {"color": style["color"], "marker": "_", "ms": 5, "mew": 0.7, "ls": ""}
                axes.plot([at[n] for n in own["data_set"]], own[column], **dots, alpha=0.6)
                axes.plot(list(at.values()), scores.mean()[data_sets], **style)
            for x in range(len(data_sets) - 1):
                axes.axvline(x + 0.5, color="#D0D0D0", lw=0.4, zorder=0)
            shown = [_data_set_name(name).replace(" ", "\n") for name in data_sets]
            axes.set_xticks(range(len(shown)), shown)
            axes.tick_params(axis="x", length=0)
            axes.set_xlim(-0.5, len(shown) - 0.5)
            plain_numbers(axes.yaxis, 6, integer=column == "n_won")
            axes.set_ylabel(label)
            name = CLUSTERER_NAMES.get(clusterer, clusterer)
            panel_title(axes, next(letters), f"Ensembles of {name}")
        true = part.groupby("data_set")["n_true"].first()[data_sets]
        grid[row, 0].hlines(
            true, [x - 0.42 for x in range(len(true))], [x + 0.42 for x in range(len(true))],
            color=INK, lw=1.0, zorder=2,
        )  # fmt: skip
    grid[0, 0].set_ylim(0.0, 1.05 * max(rules["n_won"].max(), rules["n_true"].max()))
    grid[0, 1].set_ylim(min(0.0, rules["ari"].min()), 1.05)
    entries = [marker_handle(rule, _RULE_COLOURS[k], MARKERS[k]) for k, rule in enumerate(names)]
    entries.append(Line2D([], [], color=INK, lw=1.0, label="number of classes"))
    entries.append(Line2D([], [], color=INK, ls="", marker="_", ms=5, label="single seeds"))
    legend_below(figure, entries, most=4)
    return figure


def _data_set_name(data_set: str) -> str:
    return DATA_SET_NAMES.get(data_set, data_set.capitalize())


def _place_rows(present: set[str]) -> tuple[dict[str, float], dict[str, float], list[str]]:
    """Heights of the methods and of the headings above each block, and the methods' labels."""
    heights, headings, labels, y = {}, {}, [], 0.0
    for block, methods in BLOCKS.items():
        shown = [method for method in methods if method in present]
        if not shown:
            continue
        headings[block] = y
        for method in shown:
            y += 1.0
            heights[method] = y
            labels.append(methods[method])
        y += 1.2
    return heights, headings, labels


def _look(method: str) -> tuple[str, str, float, str]:
    """Colour, marker, size and face of a method."""
    base = method.removesuffix("_known")
    if base in _OWN:
        colour = COLOURS[0]
        return colour, MARKERS[_OWN[base]], 4.5, colour if base == "consensus" else "white"
    if base.startswith("signal"):
        return COLOURS[7], "D", 3.5, "white" if base == "signal_oracle" else COLOURS[7]
    return INK, "o", 3.5, INK
