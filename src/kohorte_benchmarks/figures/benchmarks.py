"""Figure of the ensemble benchmark: times against size, and shares of time."""

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from kohorte.figures.style import (
    COLOURS,
    DOUBLE_COLUMN,
    INK,
    MUTED,
    SMALL,
    Style,
    legend_below,
    line_style,
    log_axis,
    new_figure,
    panel_title,
    paper_style,
)

# implementation -> number of its colour and marker
_OURS = {"kohorte, numba": 0, "kohorte, jax": 4, "kohorte, end to end": 2}
_NUMPY = {"NumPy, boolean masks": 1, "NumPy, number masks and map": 7}
# Where the name in the table says less than a reader needs.
_CALLED = {
    "NumPy, number masks and map": "NumPy, the published operations",
    "kohorte, end to end": "kohorte, from label files to results",
}
_PUBLISHED = {"cpu": "published, NumPy on a CPU node", "gpu": "published, JAX on an A100"}


@paper_style()
def benchmark_figure(table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Time of the ensemble step against points and tables, and what its time is spent on.

    `table` is that of `kohorte_benchmarks.ensemble`, `published` published_timings.csv beside it.
    """
    own = (published["task"] == "sce") & (published["implementation"] == "aweSOM")
    published = published[own]
    figure = new_figure(DOUBLE_COLUMN, 3.9)
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.5, 1.0, 1.15])
    handles = _draw_points(left, table, published)
    _draw_tables(middle, table)
    _draw_shares(right, table)
    texts = ("Time against points", "Against tables", "Shares of the time")
    for axes, letter, text in zip((left, middle, right), "abc", texts, strict=True):
        panel_title(axes, letter, text)
    legend_below(figure, handles, most=3)
    return figure


def _draw_points(axes: Axes, table: pd.DataFrame, published: pd.DataFrame) -> list[Artist]:
    handles: list[Artist] = []
    for device, name in _PUBLISHED.items():
        curve = published[published["device"] == device]
        shade, dashes = (MUTED, "--") if device == "cpu" else (INK, ":")
        style: Style = {"color": shade, "ls": dashes}
        axes.plot(curve["n_points"], curve["seconds"], **style)
        handles.append(Line2D([], [], label=name, **style))
    usual = table["n_realizations"] == table.loc[table["case"] == "points", "n_realizations"].max()
    for name, colour in _NUMPY.items():
        here = table["implementation"].isin([name, f"{name}, scaled by pairs"])
        handles += _plot(axes, table[here & usual], name, colour)
    for name, colour in _OURS.items():
        if name.endswith("end to end"):
            chosen = table[(table["case"] == "end_to_end") & (table["implementation"] == "kohorte")]
        else:
            case = "points" if name.endswith("numba") else "counting"
            chosen = table[(table["case"] == case) & (table["implementation"] == name)]
        handles += _plot(axes, chosen, name, colour)
    fast = table[(table["case"] == "accelerator") & usual]
    fast = fast[fast["implementation"] != "kohorte, numba"]
    for name in fast["implementation"].unique():
        handles += _plot(axes, fast[fast["implementation"] == name], name, 5)
    log_axes(axes)
    axes.set_xlabel("Points")
    axes.set_ylabel("Time (s)")
    return handles


def log_axes(axes: Axes) -> None:
    """Make both axes logarithmic, with a tick for each power of ten."""
    for which in "xy":
        log_axis(axes, which)
        axis = getattr(axes, f"{which}axis")
        axis.set_minor_locator(NullLocator())
        axis.set_major_locator(LogLocator(numticks=20))


def _plot(axes: Axes, rows: pd.DataFrame, name: str, colour: int) -> list[Artist]:
    if rows.empty:
        return []
    rows = rows.sort_values("n_points")
    style = line_style(colour)
    axes.plot(rows["n_points"], rows["seconds"], **style)
    scaled = rows[rows["implementation"].str.contains("scaled")]  # hollow: not measured as such
    axes.plot(scaled["n_points"], scaled["seconds"], **style | {"ls": "", "mfc": "white"})
    return [Line2D([], [], label=_CALLED.get(name, name), **style)]


def _draw_tables(axes: Axes, table: pd.DataFrame) -> None:
    rows = table[(table["case"] == "realizations") & table["n_realizations"].notna()]
    r = rows["n_realizations"].to_numpy()
    tables, milliseconds = r * (r - 1) / 2, 1e3 * rows["seconds"].to_numpy()
    axes.plot(tables, milliseconds, ls="", **line_style(0))
    slope, start = np.polyfit(tables, milliseconds, 1)
    ends = np.array([0, tables.max()])
    axes.plot(ends, start + slope * ends, color=MUTED, lw=0.8, zorder=1)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("Tables R (R \N{MINUS SIGN} 1) / 2")
    axes.set_ylabel("Time of counting (ms)")


def _draw_shares(axes: Axes, table: pd.DataFrame) -> None:
    bars, position = [], 0.0
    for case, heading in (("throughput", "Counting"), ("end_to_end", "End to end")):
        rows = table[table["case"] == case]
        whole, parts = rows.iloc[0], rows.iloc[1:]
        text = f"{heading}: {whole['seconds']:.3g} s for {_power(whole['n_points'])} points"
        axes.text(0, position, text, va="center", fontsize=SMALL, weight="bold")
        for _, row in parts.iterrows():
            position += 1
            name = row["implementation"].removeprefix("kohorte, ")
            own = row["implementation"].startswith("kohorte")
            bars.append((position, row["ratio"], name, own))
        position += 1.4
    for y, share, name, own in bars:
        axes.barh(y, share, 0.42, color=COLOURS[0] if own else MUTED, align="edge")
        percent = f"{100 * share:.0f} %" if share >= 0.005 else "< 1 %"
        axes.text(0, y - 0.04, f"{name}: {percent}", fontsize=SMALL, va="bottom")
    axes.set_ylim(position - 0.6, -0.5)
    axes.set_xlim(0, max(1.0, 1.05 * max(share for _, share, _, _ in bars)))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("Share of each time")


def _power(number: float) -> str:
    """Write 2e8 as 2 × 10⁸."""
    digits, exponent = f"{number:.0e}".split("e")
    power = "10" + str(int(exponent)).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return power if digits == "1" else f"{digits} × {power}"
