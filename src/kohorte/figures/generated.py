"""The tables of `generated:`, side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from kohorte.data.generated import GENERATED_SETS, GeneratedTable, generate
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    SMALL,
    group_colour,
    line_colour,
    new_figure,
    panel_grid,
    paper_style,
)

_COLUMNS = 6
_PANEL_HEIGHT = 1.25

#: Where the eye is: turned about the third axis, then lifted above the plane of the others.
_AZIMUTH, _ELEVATION = np.radians([35, 25])


@paper_style()
def tables_figure(tables: Mapping[str, GeneratedTable]) -> Figure:
    """Draw each table in a panel, coloured by its groups.

    Of more than two features the first three are seen from the side, from far away.
    """
    height = _PANEL_HEIGHT * -(-len(tables) // _COLUMNS)
    figure = new_figure(DOUBLE_COLUMN, height)
    panels = panel_grid(figure, len(tables), _COLUMNS)
    for axes, (name, table) in zip(panels, tables.items(), strict=True):
        seen, order = _seen(table.points)
        # Dots as small as these show no pale colour.
        groups = range(table.classes.max() + 1)
        colours = np.array([line_colour(group_colour(k)) for k in groups])
        shown = colours[table.classes[order]]
        axes.scatter(*seen[:, order], s=1.2, c=shown, lw=0, clip_on=False, rasterized=True)
        axes.set_title(name, fontsize=SMALL, pad=2)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_axis_off()
    return figure


def draw_tables() -> Figure:
    """Draw all tables of points; the colours have figures of their own."""
    names = [name for name, table in GENERATED_SETS.items() if table.shares]
    return tables_figure({name: generate(name) for name in names})


def _seen(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates on the page, (2, N), and the order to draw the points in, the nearest last."""
    if points.shape[1] < 3:
        return points.T, np.arange(len(points))
    x, y, z = points[:, :3].T
    across = np.cos(_AZIMUTH) * x - np.sin(_AZIMUTH) * y
    away = np.sin(_AZIMUTH) * x + np.cos(_AZIMUTH) * y
    up = np.cos(_ELEVATION) * z + np.sin(_ELEVATION) * away
    nearness = np.sin(_ELEVATION) * z - np.cos(_ELEVATION) * away
    return np.vstack([across, up]), np.argsort(nearness)
