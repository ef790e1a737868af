"""The published figure of times against points, drawn again with our own times.

After figure 1 of Ha, Nättilä & Davelaar, Journal of Open Source Software 10 (2025) 7613.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from kohorte.figures.style import (
    DOUBLE_COLUMN,
    INK,
    MUTED,
    Style,
    line_style,
    new_figure,
    panel_title,
    paper_style,
)
from kohorte_benchmarks.figures.benchmarks import log_axes


@dataclass(frozen=True)
class Curve:
    """How an implementation is drawn; `number` is that of its colour and marker, None in grey."""

    label: str
    number: int | None
    measured: bool = False
    base: str = ""  # What its ratio is to, where that is not the legacy program of its half

    def style(self) -> Style:
        """Properties of a line; what was measured has markers."""
        if self.number is None:
            return {"color": MUTED}
        style = line_style(self.number)
        return style if self.measured else {"color": style["color"]}


_MAPS = {
    "POPSOM": Curve("POPSOM, published", None),
    "aweSOM": Curve("aweSOM, published", 8),
    "popsom7": Curve("popsom7", 1, measured=True),
    "MiniSom": Curve("MiniSom", 4, measured=True),
    "kohorte": Curve("kohorte", 0, measured=True),
}

_ENSEMBLES = {
    "legacy, cpu": Curve("legacy SCE, published", None),
    "legacy, gpu": Curve("legacy SCE on the GPU's node", 7),
    "aweSOM, cpu": Curve("aweSOM, CPU, published", 8),
    # Its node is another one, on which the legacy program took other times.
    "aweSOM, gpu": Curve("aweSOM, GPU, published", 5, base="legacy, gpu"),
    "NumPy": Curve("published operations", 1, measured=True),
    "kohorte": Curve("kohorte, disk to disk", 0, measured=True),
    "jax": Curve("kohorte, counting by JAX, CPU", 6, measured=True),
    "gpu": Curve("kohorte, counting by JAX, GPU", 2, measured=True),
}

_DASHES = ("-", "--", ":")


@paper_style()
def joss_figure(
    maps: pd.DataFrame, ensemble: pd.DataFrame, published: pd.DataFrame, records: pd.DataFrame
) -> Figure:
    """Draw times of whole maps and ensembles against points, and ratios to the legacy programs'.

    Ratios divide the published time of the legacy program, interpolated between its own numbers of
    points, by the time of each other one: of different machines where that one was measured here.
    The published times on a GPU have those of the legacy program on the same node above them.
    Records are stars: other work than that of the curves, and no ratio.

    `maps` and `ensemble` are the tables of those modules of kohorte_benchmarks, `published` and
    `records` are published_timings.csv and records.csv beside them.
    """
    figure = new_figure(DOUBLE_COLUMN, 5.4)
    halves = figure.subfigures(1, 2, squeeze=False).ravel()
    measured = maps[maps["case"] == "analysis"]
    features = sorted(measured["n_features"].unique())
    dashes = dict(zip(features, _DASHES, strict=False))
    curves = {
        (name, f): _curve(table, name, f)
        for f in dashes
        for name, table in [
            *((name, published[published["task"] == "som"]) for name in ("POPSOM", "aweSOM")),
            *((name, measured) for name in ("popsom7", "MiniSom", "kohorte")),
        ]
    }
    stars = {task: records[records["task"] == task] for task in ("som", "sce")}
    handles = _draw_half(
        halves[0], curves, _MAPS, dashes, "POPSOM", "ab", "Whole map", stars["som"]
    )
    if len(dashes) > 1:
        for f, line in dashes.items():
            handles.append(Line2D([], [], color=INK, ls=line, lw=1, label=f"F = {f:.0f}"))
    left = handles
    curves = {(name, 0): found for name, found in _ensemble_curves(ensemble, published).items()}
    handles = _draw_half(
        *(halves[1], curves, _ENSEMBLES, {0: "-"}, "legacy, cpu", "cd"),
        *("Ensemble, R = 20, C = 7", stars["sce"]),
    )
    lines = max(-(-len(entries) // 2) for entries in (left, handles))
    for half, entries in zip(halves, (left, handles), strict=True):
        # Of equal height, so that the panels beside each other are.
        blank = [Line2D([], [], ls="", label=" ")] * (2 * lines - len(entries))
        half.legend(
            handles=[*entries, *blank], loc="outside lower center", ncols=2, columnspacing=1.2
        )
    return figure


def _seconds(table: pd.DataFrame, chosen: pd.Series) -> pd.Series:
    """Seconds by number of points, ascending."""
    return table[chosen].set_index("n_points")["seconds"].sort_index()


def _curve(table: pd.DataFrame, implementation: str, n_features: int) -> pd.Series:
    own = (table["implementation"] == implementation) & (table["n_features"] == n_features)
    own &= table["peak_mb"].isna() | ("task" not in table)  # published sizes of memory are no times
    return _seconds(table, own)


def _ensemble_curves(ensemble: pd.DataFrame, published: pd.DataFrame) -> dict[str, pd.Series]:
    sce = published[published["task"] == "sce"]
    cpu, by = sce["device"] == "cpu", sce["implementation"]
    name, usual = ensemble["implementation"], ensemble["n_realizations"] == 20
    whole = ensemble["case"].isin(["end_to_end", "end_to_end_growth"])
    on_gpu = (ensemble["case"] == "accelerator") & name.str.startswith("kohorte, jax on")
    on_cpu = ensemble["case"].isin(["counting", "jax_growth"])
    return {
        "legacy, cpu": _seconds(sce, cpu & (by == "legacy SCE")),
        "legacy, gpu": _seconds(sce, ~cpu & (by == "legacy SCE")),
        "aweSOM, cpu": _seconds(sce, cpu & (by == "aweSOM")),
        "aweSOM, gpu": _seconds(sce, ~cpu & (by == "aweSOM")),
        "NumPy": _seconds(ensemble, (name == "NumPy, number masks and map") & usual),
        "kohorte": _seconds(ensemble, (name == "kohorte") & whole),
        "jax": _seconds(ensemble, (name == "kohorte, jax") & usual & on_cpu),
        "gpu": _seconds(ensemble, on_gpu & usual),
    }


def _draw_half(
    half: SubFigure,
    curves: Mapping[tuple[str, Any], pd.Series],
    kinds: Mapping[str, Curve],
    dashes: Mapping[Any, str],
    legacy: str,
    letters: str,
    title: str,
    records: pd.DataFrame,
) -> list[Artist]:
    """Draw times above, ratios below; return legend entries of what there is."""
    times, ratios = half.subplots(2, 1, sharex=True, height_ratios=[1.5, 1.0])
    handles: list[Artist] = []
    for name, kind in kinds.items():
        if all(curves[name, key].empty for key in dashes):
            continue
        style = kind.style()
        for key, line in dashes.items():
            curve, base = curves[name, key], curves[kind.base or legacy, key]
            times.plot(curve.index, curve, **style, ls=line)
            if "legacy" in name or name == legacy or base.empty:
                continue
            inside = curve[(curve.index >= base.index.min()) & (curve.index <= base.index.max())]
            ratio = _interpolate(base, inside.index.to_numpy(float)) / inside
            ratios.plot(inside.index, ratio, **style, ls=line)
        handles.append(Line2D([], [], label=kind.label, **style))
    star: Style = {**kinds["kohorte"].style(), "marker": "*", "ms": 8, "ls": ""}
    for _, record in records.iterrows():
        times.plot(record["n_points"], record["seconds"], **star)
        handles.append(Line2D([], [], label=record["label"], **star))
    ratios.axhline(1, color=INK, lw=0.6, zorder=1)
    for axes in (times, ratios):
        log_axes(axes)
    times.set_ylabel("Time (s)")
    ratios.set_ylabel(f"Speed-up over {kinds[legacy].label.split(',')[0]}")
    ratios.set_xlabel("Points")
    panel_title(times, letters[0], title)
    panel_title(ratios, letters[1], "Speed-up")
    return handles


def _interpolate(curve: pd.Series, points: np.ndarray) -> np.ndarray:
    """Straight between the points of a curve, in logarithms of both."""
    x, y = np.log(curve.index.to_numpy(float)), np.log(curve.to_numpy(float))
    return np.exp(np.interp(np.log(points), x, y))
