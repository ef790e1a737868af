"""Figure of clusterings: adjusted Rand index of every set and method, and means by battery."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from kohorte.errors import ConfigError
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    EMPTY,
    PAGE_HEIGHT,
    SMALL,
    colour_bar,
    new_figure,
    panel_title,
    paper_style,
    sequential_map,
)
from kohorte_benchmarks.clustering_tables import PUBLISHED, battery_means

_TITLES = {"known": "Number of groups given", "auto": "Number of groups found"}


@paper_style()
def clusterings_figure(table: pd.DataFrame) -> Figure:
    """Draw indices as colours, sets from top to bottom, under them means by battery and of all.

    A panel for each number of groups, given and found; `table` as clusterings.COLUMNS says. Methods
    do not have all sets: grey, and left out of the means. ConfigError where the table is empty.
    """
    if table.empty:
        raise ConfigError("the comparison of clusterings has no rows to draw")
    means = battery_means(table)
    numbers = list(dict.fromkeys(means.index.get_level_values("number")))
    panels = [_matrix(table, means, number) for number in numbers]
    rows, widths = len(panels[0]), [panel.shape[1] for panel in panels]
    figure = new_figure(DOUBLE_COLUMN, min(2.4 + 0.15 * rows, PAGE_HEIGHT))
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False, width_ratios=widths)[0]
    for axes, letter, number, panel in zip(grid, "ab", numbers, panels, strict=False):
        image = _draw(axes, panel, table["set"].nunique())
        panel_title(axes, letter, _TITLES[number] if panel.shape[1] > 4 else number)
    grid[0].set_yticks(range(rows), list(panels[0].index))
    colour_bar(figure, image, "Adjusted Rand index", ax=list(grid), fraction=0.03, pad=0.01)
    return figure


def _matrix(table: pd.DataFrame, means: pd.DataFrame, number: str) -> pd.DataFrame:
    """Tabulate indices of sets and, below them, means, by method."""
    own = table[table["number"] == number]
    of_sets = own.pivot(index="set", columns="method", values="ari")
    of_all = means.loc[number].drop(columns="sets").T
    of_all.index = [f"mean, {name}" for name in of_all.index]
    sets = list(dict.fromkeys(table["set"]))
    return pd.concat([of_sets.reindex(index=sets, columns=of_all.columns), of_all])


def _draw(axes: Axes, panel: pd.DataFrame, n_sets: int) -> AxesImage:
    colours = sequential_map("viridis", 0.0, 1.0).with_extremes(bad=EMPTY)
    values = np.ma.masked_invalid(panel.to_numpy(dtype=float))
    image = axes.imshow(values, cmap=colours, vmin=0.0, vmax=1.0, aspect="auto")
    axes.axhline(n_sets - 0.5, color="white", lw=2.5)
    names = [str(name).replace(PUBLISHED, "publ.: ") for name in panel]
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=SMALL)
    axes.tick_params(length=0)
    axes.tick_params(axis="y", labelsize=SMALL)
    axes.spines[:].set_visible(False)
    return image
