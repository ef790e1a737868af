"""Figure of a sweep: how errors, clusters and ensembles depend on the setting."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kohorte.analysis.choice import INCOMPARABLE, error_units
from kohorte.errors import ConfigError
from kohorte.figures.levels import Levels, colour_realizations, find_levels
from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    EMPTY,
    PAGE_HEIGHT,
    Style,
    colour_bar,
    fitting_columns,
    is_wide,
    legend_below,
    log_axis,
    new_figure,
    panel_letter,
    panel_title,
    paper_style,
    plain_numbers,
    sequential_map,
    shorten,
    title_of,
    widen,
)
from kohorte.figures.words import parameter_title, parameter_word

MEASURES = {
    "qe_mean": "Quantization error",
    "te_mean": "Topographic error",
    "n_clusters": "Clusters of a map",
    "n_groups": "Consensus groups",
    "agreement": "Agreement of maps",
    "agreement_with_all": "Agreement with all",
    "jaccard": "Stability of groups",
    "ari": "ARI with classes",
}
"""Columns of the table that have a panel, where they hold a number, and their titles."""

MOST_SLICES = 4
"""Combinations of further parameters with heat maps side by side; of more, the mean is shown."""

_LINE: Style = {"linestyle": "-", "lw": 1.0, "marker": "o", "markersize": 3.5}
_STAR: Style = {"linestyle": "", "marker": "*", "markersize": 9, "color": "#D55E00", "zorder": 4}
_STAR |= {"markeredgecolor": "white", "markeredgewidth": 0.7}


@paper_style()
def sweep_figure(table: pd.DataFrame, per: Sequence[str]) -> Figure:
    """Draw measures of all settings of a sweep, a panel each; a star marks what is recommended.

    Where both lattice dimensions vary, heat maps over them: side by side for the combinations of
    the further parameters, or of the mean over these where they are more than MOST_SLICES. Then,
    and where there are no heat maps, lines over the further parameter with most values (numbers
    before texts), coloured by the next one: means over the rest. `table` has a row for each
    setting: its parameters, whose names are `per`, the columns of MEASURES, and `recommended`.
    ConfigError where there is no parameter or no row, or a column is missing.
    """
    missing = [name for name in (*per, *MEASURES, "recommended") if name not in table]
    if missing or not len(table) or not len(per):
        raise ConfigError(
            f"a sweep over {len(per)} parameters with {len(table)} settings cannot be drawn"
            + (f"; the table lacks {', '.join(missing)}" if missing else "")
        )
    plan = _arrange(table, per)
    measures, notes = _find_measures(table, not set(plan.varying).isdisjoint(INCOMPARABLE))
    stars = np.flatnonzero(table["recommended"])
    stars = stars if len(stars) < len(table) else stars[:0]
    row_height = 1.7 + (_upright_room(plan.levels[plan.x]) if plan.has_lines else 0.0)
    bands = plan.has_maps + plan.has_lines
    figure, panels = _make_panels(list(measures), len(plan.slices), bands, row_height)
    entries: list[Artist] = []
    if plan.has_maps:
        for axes, values in zip(panels[0], measures.values(), strict=True):
            _draw_heat_maps(axes, values, plan.levels, plan.slices, stars)
    if plan.has_lines:
        entries += _draw_line_panels(list(panels[-1, :, 0]), measures, table, plan, stars)
    entries += _star_entries(plan, stars)
    notes += plan.say_averaged()
    entries += [Line2D([], [], linestyle="", label=note) for note in notes]
    height = figure.get_figheight() + legend_below(figure, entries)
    figure.set_figheight(min(height, PAGE_HEIGHT))
    return figure


def draw_sweep(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `sweep` from the files of a study."""
    return sweep_figure(pd.read_csv(inputs["sweep"]), parameters["per"])


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is drawn over which parameters, whose values are `levels`.

    Those of several values are `varying`; no heat map has `others` for its sides. `slices` are text
    and rows of each of the heat maps side by side.
    """

    levels: Mapping[str, Levels]
    varying: list[str]
    others: list[str]
    has_maps: bool
    has_lines: bool
    slices: list[tuple[str, np.ndarray]]

    @property
    def x(self) -> str:
        """The parameter that lines are drawn over."""
        return next(iter(self.others or self.levels))

    @property
    def colour(self) -> str | None:
        """The parameter that lines are coloured by."""
        return self.others[1] if len(self.others) > 1 else None

    def say_averaged(self) -> list[str]:
        """Say over which parameters there are means."""
        notes, averaged = [], [n for n in self.varying if n not in (self.x, self.colour)]
        if self.has_maps and self.has_lines:
            notes.append(f"heat maps: means over {_words(self.others)}")
        if self.has_lines and averaged:
            notes.append(f"lines: means over {_words(averaged)}")
        return notes


def _arrange(table: pd.DataFrame, per: Sequence[str]) -> _Plan:
    levels = {name: find_levels(table[name]) for name in per}
    varying = [name for name in per if len(levels[name].labels) > 1]
    lattice = {"xdim", "ydim"} <= set(varying)
    others = [name for name in varying if not (lattice and name in ("xdim", "ydim"))]
    others.sort(key=lambda name: (levels[name].numeric, len(levels[name].labels)), reverse=True)
    slices = _cut_slices(table, levels, others)
    side_by_side = lattice and len(slices) <= MOST_SLICES
    if not side_by_side:
        slices = _cut_slices(table, levels, [])
    return _Plan(levels, varying, others, lattice, not side_by_side, slices)


def _star_entries(plan: _Plan, stars: np.ndarray) -> list[Artist]:
    """Legend entry of recommended settings, if there are any."""
    if not len(stars):
        return []
    text = "; ".join(_describe(plan.levels, plan.varying, row) for row in stars[:3])
    text += f"; and {len(stars) - 3} more" if len(stars) > 3 else ""
    return [Line2D([], [], label=textwrap.fill(f"recommended: {text}", 70), **_STAR)]


def _find_measures(
    table: pd.DataFrame, several_units: bool
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the measures that hold a number, (S,) each, and what to say about them."""
    measures = {name: table[name].to_numpy(dtype=np.float64) for name in MEASURES}
    measures = {name: values for name, values in measures.items() if np.isfinite(values).any()}
    if not several_units or "qe_mean" not in measures:
        return measures, []
    units = error_units(table)
    by_unit, names = table.groupby(units)["qe_mean"], [n for n in INCOMPARABLE if n in table]
    what = "metric" if names == ["metric"] else " and ".join(names)
    if by_unit.size().max() == 1:
        what = "metrics" if what == "metric" else what
        return measures, [f"quantization errors in different {what} cannot be compared"]
    measures["qe_mean"] = (table["qe_mean"] / by_unit.transform("mean")).to_numpy()
    return measures, [f"quantization error: in parts of the mean of its {what}"]


def _cut_slices(
    table: pd.DataFrame, levels: Mapping[str, Levels], names: Sequence[str]
) -> list[tuple[str, np.ndarray]]:
    """Text and rows of each combination of values of some parameters; all rows where none."""
    if not names:
        return [("", np.arange(len(table)))]
    codes = np.stack([levels[name].index for name in names])
    slices = []
    for code in np.unique(codes, axis=1).T:
        values = zip(names, code, strict=True)
        text = ", ".join(
            f"{shorten(parameter_word(n), 16)} {levels[n].labels[k]}" for n, k in values
        )
        slices.append((text, np.flatnonzero((codes == code[:, None]).all(axis=0))))
    return slices


def _make_panels(
    measures: Sequence[str], width: int, bands: int, row_height: float
) -> tuple[Figure, np.ndarray]:
    """Make a figure and its axes (bands, measures, width), with titles, in rows of some height."""
    columns = fitting_columns(4 if width == 1 else 2, 1.5 * width)  # of measures
    rows = -(-len(measures) // columns)
    figure = new_figure(DOUBLE_COLUMN, row_height * rows * bands)
    panels = figure.subplots(rows * bands, columns * width, squeeze=False)
    panels = panels.reshape(bands, -1, width)
    for unused in panels[:, len(measures) :].ravel():
        unused.remove()
    panels = panels[:, : len(measures)]
    for k, band in enumerate(panels):
        for j, (axes, name) in enumerate(zip(band[:, 0], measures, strict=True)):
            panel_title(axes, panel_letter(k * len(measures) + j), MEASURES[name])
    return figure, panels


def _draw_heat_maps(
    panels: Sequence[Axes],
    values: np.ndarray,
    levels: Mapping[str, Levels],
    slices: Sequence[tuple[str, np.ndarray]],
    stars: np.ndarray,
) -> None:
    """One measure over xdim and ydim, a panel for each slice, with one colour bar."""
    x, y = levels["xdim"], levels["ydim"]
    shape = len(y.labels), len(x.labels)
    matrices = [_mean_table(values, rows, y.index, x.index, shape) for _, rows in slices]
    limits = widen(np.nanmin(matrices), np.nanmax(matrices))
    for axes, (text, rows), matrix in zip(panels, slices, matrices, strict=True):
        colours = sequential_map("viridis", 0.0, 1.0).with_extremes(bad=EMPTY)
        style: Style = {"origin": "lower", "aspect": "auto", "interpolation": "nearest"}
        shown, norm = np.ma.masked_invalid(matrix), Normalize(*limits)
        image = axes.imshow(shown, cmap=colours, norm=norm, **style)
        axes.spines[["top", "right"]].set_visible(True)
        _label_levels(axes.xaxis, x, most=5 if len(panels) < 3 else 3)
        _label_levels(axes.yaxis, y)
        axes.tick_params(labelleft=axes is panels[0])
        axes.set_xlabel(parameter_title("xdim"))
        if text:
            # The first of them has the letter and the name of the measure, too.
            letter = axes.get_title(loc="left").strip()
            panel_title(axes, letter, f"{title_of(axes)}\n{text}" if letter else text)
        here = np.intersect1d(stars, rows)
        axes.plot(x.index[here], y.index[here], **_STAR)
    panels[0].set_ylabel(parameter_title("ydim"))
    bar = panels[0].figure.colorbar(image, ax=list(panels), pad=0.02, aspect=18)
    plain_numbers(bar.ax.yaxis, 4, integer=_are_whole(matrices))


@dataclass(frozen=True, eq=False)
class _Lines:
    """Where settings lie along the lines of one parameter, and how the lines look.

    The (X,) levels of the parameter lie at `x`; each of S settings is on the line with the number
    in `series`, and the (C, 4) colours of the lines are explained by legend entries or a bar.
    """

    name: str
    levels: Levels
    x: np.ndarray
    series: np.ndarray
    colours: np.ndarray
    entries: list[Artist]
    bar: ScalarMappable | None


def _find_lines(
    table: pd.DataFrame, levels: Mapping[str, Levels], name: str, colour: str | None
) -> _Lines:
    along = levels[name]
    x = np.arange(len(along.labels), dtype=np.float64)
    if along.numeric:
        x = np.unique(table[name].to_numpy(dtype=np.float64))
    series = levels[colour].index if colour else np.zeros(len(table), dtype=np.int64)
    values = table[colour].tolist() if colour else None
    found = colour_realizations(len(table), values, parameter_word(colour or ""), lines=True)
    first = np.unique(series, return_index=True)[1]
    entries: list[Artist] = [
        Line2D([], [], color=shade, label=text, **_LINE) for text, shade in found.entries
    ]
    return _Lines(name, along, x, series, found.colours[first], entries, found.bar)


def _draw_line_panels(
    panels: Sequence[Axes],
    measures: Mapping[str, np.ndarray],
    table: pd.DataFrame,
    plan: _Plan,
    stars: np.ndarray,
) -> list[Artist]:
    """All measures over one parameter, with one colour bar if need be; legend entries."""
    lines = _find_lines(table, plan.levels, plan.x, plan.colour)
    for axes, values in zip(panels, measures.values(), strict=True):
        _draw_lines(axes, values, lines, stars)
    if lines.bar is not None:
        options: Style = {"ax": list(panels), "pad": 0.01, "aspect": 40}
        colour_bar(panels[0].figure, lines.bar, parameter_title(plan.colour or ""), **options)
    return lines.entries


def _draw_lines(axes: Axes, values: np.ndarray, lines: _Lines, stars: np.ndarray) -> None:
    """One measure over one parameter, a line for each value of another."""
    place, shape = lines.levels.index, (len(lines.colours), len(lines.x))
    means = _mean_table(values, np.arange(len(values)), lines.series, place, shape)
    for row, colour in zip(means, lines.colours, strict=True):
        known = np.isfinite(row)
        style = _LINE if lines.levels.numeric else _LINE | {"linestyle": ""}
        axes.plot(lines.x[known], row[known], color=colour, **style)
    here = place[stars]
    if len(here):  # an empty line that is not clipped would upset the layout
        axes.plot(lines.x[here], means[lines.series[stars], here], clip_on=False, **_STAR)
    axes.margins(0.08)
    if not lines.levels.numeric:
        _label_levels(axes.xaxis, lines.levels)
        axes.set_xlim(-0.5, len(lines.x) - 0.5)
    elif lines.x[0] > 0 and is_wide(lines.x, 20.0):
        log_axis(axes, "x")
    else:
        plain_numbers(axes.xaxis, 4)
    plain_numbers(axes.yaxis, 4, integer=_are_whole(means))
    axes.set_xlabel(shorten(parameter_title(lines.name), 22))


def _mean_table(
    values: np.ndarray,
    rows: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    shape: tuple[int, int],
) -> np.ndarray:
    """Means of the finite values of some settings by two codes of each; NaN where there is none."""
    rows = rows[np.isfinite(values[rows])]
    cells = first[rows] * shape[1] + second[rows]
    size = shape[0] * shape[1]
    times = np.bincount(cells, minlength=size)
    sums = np.bincount(cells, weights=values[rows], minlength=size)
    return np.divide(sums, times, out=np.full(size, np.nan), where=times > 0).reshape(shape)


def _are_whole(values: Sequence[np.ndarray] | np.ndarray) -> bool:
    values = np.asarray(values)
    return bool((np.isnan(values) | (values == np.round(values))).all())


def _upright_room(levels: Levels) -> float:
    """Height in inches of the texts of a parameter where they stand upright; 0 where not."""
    longest = max(map(len, levels.labels))
    return 0.07 * longest if not levels.numeric and len(levels.labels) * longest > 20 else 0.0


def _label_levels(axis: Axis, levels: Levels, most: int = 5) -> None:
    """Ticks with the texts of the values, of `most` of many numbers; long texts stand upright."""
    shown = np.arange(len(levels.labels))
    if levels.numeric and len(shown) > most:
        shown = shown[np.linspace(0, len(shown) - 1, most).astype(int)]
    axis.set_ticks(shown, [levels.labels[k] for k in shown])
    if isinstance(axis, XAxis) and _upright_room(levels):
        axis.set_tick_params(labelrotation=90)


def _words(names: Sequence[str]) -> str:
    return ", ".join(parameter_word(name) for name in names)


def _describe(levels: Mapping[str, Levels], names: Sequence[str], row: int) -> str:
    """Write the values of a setting as text; no line ends between a name and its value."""
    texts = [(name, levels[name].labels[levels[name].index[row]]) for name in names]
    gap = "\N{NO-BREAK SPACE}"
    return ", ".join(f"{parameter_word(name).replace(' ', gap)}{gap}{text}" for name, text in texts)
