"""Figure of what the consensus groups are like in their features."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.cluster import hierarchy

from kohorte import store
from kohorte.figures.groups import consensus_colour, consensus_title
from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    EMPTY,
    INK,
    MAX_GROUPS,
    MUTED,
    PAGE_HEIGHT,
    Style,
    colour_bar,
    group_marker,
    legend_below,
    line_colour,
    marker_handle,
    new_figure,
    page_width,
    paper_style,
    place_axes,
    plain_numbers,
    plural,
    sequential_map,
    shorten,
)

MOST_FEATURES = 100
"""Rows of the heat map; of more features those that tell a group best from the others."""

MOST_GROUPS = 60
"""Columns of the heat map; of more groups the largest."""

_LIMIT = 2.5  # standard deviations, beyond which colours do not change
_TELLING = 3  # features marked in each group
_BESIDE = 1.1  # inches for the colour bar and its text


@paper_style()
def profiles_figure(profiles: pd.DataFrame, form: str = "clustered") -> Figure:
    """Draw the profiles of the groups: a heat map of features and groups, or lines.

    `profiles` has the columns of `group_features.csv`. `form` orders the features of the heat map
    as they are alike (`clustered`) or as the table has them (`given`); `lines` draws medians and
    quartiles of ordered features, such as a spectrum.
    """
    sizes = profiles.assign(points=profiles["n"] + profiles["missing"]).groupby("group")["points"]
    points = sizes.max()
    groups = points.index[points > 0].to_numpy()
    if form == "lines":
        return _draw_lines(profiles, groups, points)
    left_out = max(0, len(groups) - MOST_GROUPS)
    if left_out:
        largest = points[groups].sort_values(ascending=False, kind="stable").index[:MOST_GROUPS]
        groups = np.sort(largest.to_numpy())
    return _draw_cells(profiles, groups, points, form, left_out)


def draw_profiles(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `profiles` from the files of a study."""
    table = store.read_csv(inputs["group_features"], dtype={"feature": str}, keep_default_na=False)
    numbers = [name for name in table.columns if name not in ("feature", "unit")]
    table[numbers] = table[numbers].apply(pd.to_numeric, errors="coerce")
    data = store.read_data(inputs["data"], mapped=True)
    titles = [data.title(k) for k in range(len(data.names))]
    if len(set(titles)) == len(titles):
        table["feature"] = table["feature"].map(dict(zip(data.names, titles, strict=True)))
    return profiles_figure(table, parameters["profiles"])


def standardize(profiles: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each feature (rows) in each group, less that of all points, in their sd.

    Both follow from those of the groups. A feature that is the same everywhere is 0.
    """
    count, mean, sd = (
        profiles.pivot(index="feature", columns="group", values=name)
        for name in ("n", "mean", "sd")
    )
    total = count.sum(axis=1)
    middle = (count * mean).sum(axis=1) / total
    away = mean.sub(middle, axis=0)
    squares = ((count - 1).clip(lower=0) * sd.fillna(0.0) ** 2 + count * away**2).sum(axis=1)
    variance = squares / (total - 1).clip(lower=1)
    scaled = away.div(variance.where(variance > 0, 1.0) ** 0.5, axis=0)
    return scaled.reindex(pd.unique(profiles["feature"]))


def order_features(values: np.ndarray) -> np.ndarray:
    """Return an order of the (F, G) rows: the leaves of their average-linkage tree."""
    if len(values) < 3:
        return np.arange(len(values))
    tree = hierarchy.linkage(np.nan_to_num(values).round(9), "average")
    return hierarchy.leaves_list(hierarchy.optimal_leaf_ordering(tree, np.nan_to_num(values)))


def _draw_cells(
    profiles: pd.DataFrame, groups: np.ndarray, points: pd.Series, form: str, left_out: int
) -> Figure:
    values = standardize(profiles)[groups]
    rank, median = (
        profiles.pivot(index="feature", columns="group", values=name).reindex(values.index)[groups]
        for name in ("rank", "median")
    )
    n_features = len(values)
    if n_features > MOST_FEATURES:
        best = rank.min(axis=1).to_numpy()
        chosen = np.sort(np.argsort(best, kind="stable")[:MOST_FEATURES])
        values, rank, median = (frame.iloc[chosen] for frame in (values, rank, median))
    if form == "clustered":
        order = order_features(values.to_numpy())
        values, rank, median = (frame.iloc[order] for frame in (values, rank, median))

    units = profiles.drop_duplicates("feature").set_index("feature")["unit"]
    names = [_title(name, units[name]) for name in values.index]
    longest = max(map(len, names), default=1)
    row = float(np.clip((PAGE_HEIGHT - 1.4) / max(len(values), 1), 0.07, 0.2))
    room = 0.2 + min(0.009 * _font(row) * longest, 2.2)
    width = page_width(room + _BESIDE + 0.42 * len(groups))
    cell = float(np.clip((width - room - _BESIDE) / max(len(groups), 1), 0.02, 0.7))
    notes = [f"{len(values):,} of {n_features:,} features: the most telling ones"] * (
        len(values) < n_features
    )
    notes += [f"{plural(left_out, 'smaller group')} not shown"] * (left_out > 0)
    above = 0.62 + 0.16 * len(notes)
    page = (width, above + row * len(values) + 0.12)
    page = (page[0], max(page[1], above + 1.25))
    room += max(0.0, (width - room - _BESIDE - cell * len(groups)) / 2)
    figure = new_figure(*page, layout=None)
    width, height = cell * len(groups), row * len(values)
    axes = place_axes(figure, page, room, page[1] - above - height, width, height)
    extreme = float(np.nanmax(np.abs(values.to_numpy()), initial=0.0))
    limit = min(max(extreme, 0.5), _LIMIT)
    colours = sequential_map("RdBu_r", 0.06, 0.94).with_extremes(bad=EMPTY)
    drawn = axes.imshow(
        np.ma.masked_invalid(values.to_numpy()),
        cmap=colours,
        vmin=-limit,
        vmax=limit,
        aspect="auto",
        interpolation="nearest",
    )
    axes.set_yticks(range(len(names)), names, fontsize=_font(row))
    axes.set_xticks([])
    axes.tick_params(length=0, pad=3)
    axes.spines[:].set_visible(False)
    if row > 0.1 and cell > 0.12:
        axes.set_xticks(np.arange(len(groups) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", lw=0.8)
        axes.tick_params(which="minor", length=0)
    _head(axes, groups, points, cell)
    _mark(axes, rank.to_numpy(dtype=float), median.to_numpy(), values.to_numpy() / limit, cell, row)
    if len(groups) > 1:  # one group is as all points are
        bar = min(1.6, height) if height > 0.5 else 1.2
        place = place_axes(figure, page, room + width + 0.16, page[1] - above - bar, 0.09, bar)
        colour_bar(figure, drawn, "Mean − mean of all\n(standard deviations)", None, cax=place)
        plain_numbers(place.yaxis, 5)
        if extreme > limit:
            texts = [t.get_text() for t in place.get_yticklabels()]
            place.set_title("≥" if texts else "", fontsize=6, pad=1)
    for k, note in enumerate(notes):
        figure.text(0.06 / page[0], 1 - (0.06 + 0.16 * k) / page[1], note, va="top", fontsize=7)
    return figure


def _title(name: str, unit: str) -> str:
    unit = str(unit or "")
    given = not unit or f"({unit})" in name or f"[{unit}]" in name
    return shorten(name, 34) if given else f"{shorten(name, 26)} ({shorten(unit, 10)})"


def _font(row: float) -> float:
    return float(np.clip(row * 72 * 0.78, 4.5, 7.0))


def _head(axes: Axes, groups: np.ndarray, points: pd.Series, cell: float) -> None:
    """Write marker, number and size of each group above its column."""
    many = cell < 0.5
    inch = 1 / (axes.get_position().height * float(axes.figure.bbox.height) / axes.figure.dpi)
    for k, group in enumerate(groups):
        style: Style = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        height = 1.0 + 0.09 * inch
        mark: Style = {"marker": group_marker(group), "color": consensus_colour(group)}
        size = min(5.0, 50 * cell)
        axes.plot(k, height, ls="", ms=size, mec=INK, mew=0.3, **mark, **style)
        text = f"{group}" if many else f"{shorten(consensus_title(group), 10)}\n({points[group]:,})"
        font: Style = {"fontsize": 5.5 if many else 6.5, "ha": "center", "va": "bottom"}
        axes.text(k, 1.0 + 0.17 * inch, text, rotation=90 if cell < 0.14 else 0, **font, **style)


def _mark(
    axes: Axes,
    rank: np.ndarray,
    median: np.ndarray,
    strength: np.ndarray,
    cell: float,
    row: float,
) -> None:
    """Write the medians where there is room, and mark the most telling features."""
    telling = rank <= min(_TELLING, max(1, len(rank) // 3))
    y, x = np.nonzero(telling)
    if cell < 0.42 or row < 0.12:
        size = float(np.clip(18 * min(cell, row), 1.0, 2.6))
        axes.plot(x, y, ls="", marker="o", ms=size, color=INK, mec="white", mew=0.3)
        return
    written = [_write_row(values) for values in median]
    for i, j in np.ndindex(median.shape):
        if np.isfinite(median[i, j]):
            dark = abs(strength[i, j]) > 0.72
            text = written[i][j]
            bold = bool(telling[i, j])
            style: Style = {"color": "white" if dark else INK, "fontsize": 6.5}
            axes.text(j, i, text, ha="center", va="center", **style)
            if bold:
                mark: Style = {"marker": "o", "ms": 2.6, "mew": 0.3, "mec": "white"}
                axes.plot(j + 0.5 - 0.07 / cell, i, ls="", color=INK, **mark)


def _write_row(values: np.ndarray) -> list[str]:
    """Write the numbers of a row, with as many decimals each where all then have their digits."""
    plain = []
    for value in values:
        whole = 1000 <= abs(value) < 1_000_000  # no power of ten is shorter
        text = f"{value:,.0f}" if whole else f"{value:.3g}"
        plain.append(text.replace("e+0", "e").replace("e-0", "e-").replace("-", "−"))
    decimals = [len(text.partition(".")[2]) for text in plain]
    short = 0 < max(decimals) <= 2 and not any("e" in text for text in plain)
    if not short:
        return plain
    return [f"{value:,.{max(decimals)}f}".replace("-", "−") for value in values]


def _draw_lines(profiles: pd.DataFrame, groups: np.ndarray, points: pd.Series) -> Figure:
    names = [str(name) for name in pd.unique(profiles["feature"])]
    units = profiles["unit"].unique()
    one_unit = len(units) == 1
    place, numbered = _positions(names)
    figure = new_figure(DOUBLE_COLUMN, 3.4)
    axes = figure.subplots()
    shown = points[groups].sort_values(ascending=False, kind="stable").index[:MAX_GROUPS]
    scaled = None if one_unit else standardize(profiles)
    handles = []
    for group in np.sort(shown.to_numpy()):
        own = profiles[profiles["group"] == group].set_index("feature").reindex(names)
        colour, marker = line_colour(consensus_colour(group)), group_marker(group)
        if scaled is None:
            line = own["median"].to_numpy()
            band = own["q25"].to_numpy(), own["q75"].to_numpy()
            axes.fill_between(place, *band, color=colour, alpha=0.2, lw=0)
        else:
            line = scaled[group].to_numpy()
        few: Style = {"marker": marker, "ms": 3} if len(names) <= 40 else {}
        axes.plot(place, line, color=colour, lw=1.2, **few)
        text = f"{consensus_title(group)} ({points[group]:,})"
        handles.append(marker_handle(text, colour, marker) if few else Line2D([], [], color=colour))
        handles[-1].set_label(text)
    rest = len(groups) - len(shown)
    if rest:
        text = f"{plural(rest, 'smaller group')} not shown"
        handles.append(Line2D([], [], ls="", color=MUTED, label=text))
    unit = str(units[0]) if one_unit else ""
    value = "Median and quartiles" + (f" ({unit})" if unit else "")
    axes.set_ylabel(value if one_unit else "Mean − mean of all (standard deviations)")
    axes.margins(x=0.02)
    plain_numbers(axes.yaxis, 6)
    if numbered:
        axes.set_xlabel("Feature")
        plain_numbers(axes.xaxis, 8)
    else:
        step = -(-len(names) // 40)
        ticks = place[::step]
        texts = [shorten(str(name), 20) for name in names[::step]]
        axes.set_xticks(ticks, texts, rotation=90 if len(names) > 6 else 0)
    legend_below(figure, handles, most=5)
    return figure


def _positions(names: Sequence[str]) -> tuple[np.ndarray, bool]:
    """Return where the features stand: at the numbers that they are called by, if these ascend."""
    try:
        numbers = np.array([float(name) for name in names])
    except ValueError:
        return np.arange(len(names)), False
    ascending = len(numbers) > 1 and bool(
        np.isfinite(numbers).all() and (np.diff(numbers) > 0).all()
    )
    return (numbers, True) if ascending else (np.arange(len(names)), False)
