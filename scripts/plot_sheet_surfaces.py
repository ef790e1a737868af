"""Draw the surfaces of strong current, and of the groups that dissipate most, in the box."""

import numpy as np
import pandas as pd
from scipy import ndimage

from kohorte.errors import ResultError
from kohorte.figures.style import group_colour, save_figure
from kohorte.studies.plasma import store as plasma_store
from kohorte.studies.plasma.figures.slices import field_label
from kohorte.studies.plasma.figures.surfaces import MOST_CELLS, Surface, surfaces_figure
from kohorte.studies.plasma.physics.groups import root_mean_square
from kohorte.study.logs import job_log

#: Smoothing of a group's cells before its surface is drawn, in cells.
SMOOTH = 0.7


def read_volume(cells, name, step):
    """Every step-th value of a field along x, y and z."""
    values = np.asarray(cells[name][(slice(None, None, step),) * 3])
    return values.transpose([cells.grid.axes.index(axis) for axis in "xyz"])


def group_surfaces(cells, physics, step):
    """Surfaces of groups with more than twice their share of dissipation; of all but the largest
    where none has so much, or it is not known."""
    rows = physics[(physics["kind"] == "consensus") & (physics["cells"] > 0)]
    chosen = rows[rows["e_dot_j_share"] > 2 * rows["volume_fraction"]]
    if chosen.empty:
        chosen = rows.drop(rows["cells"].idxmax())
    labels = read_volume(cells, "label", step)
    for row in chosen.itertuples():
        inside = ndimage.gaussian_filter((labels == row.group).astype(np.float32), SMOOTH)
        text = f"group {row.group} ({100 * row.volume_fraction:.1f} % of volume)"
        yield Surface(inside, 0.5, group_colour(row.group), text)


def plot_sheet_surfaces(cells, physics, threshold):
    """The figure: current above `threshold` times its root mean square, and groups."""
    if len(cells.grid.shape) != 3:
        raise ResultError("figures.extra: sheet_surfaces needs a grid of three dimensions")
    step = -(-max(cells.grid.shape) // MOST_CELLS)
    limit = threshold * root_mean_square(cells["j_par"], plasma_store.parts_of(cells.grid.shape))
    current = read_volume(cells, "j_par", step)
    symbol = field_label("j_par")
    signs = [
        Surface(current, limit, "#C8443C", f"{symbol} > {threshold:g} rms"),
        Surface(-current, limit, "#3B6FB6", f"{symbol} < \N{MINUS SIGN}{threshold:g} rms"),
    ]
    groups = list(group_surfaces(cells, physics, step))
    panels = [("strong current along the field", signs)]
    if groups:
        panels.append(("consensus groups that dissipate most", groups))
    spacing = [step * cells.grid.spacing[cells.grid.axes.index(axis)] for axis in "xyz"]
    return surfaces_figure(panels, spacing, unit=cells.grid.length_unit)


if __name__ == "__main__":
    with (
        job_log(snakemake.log[0]),
        plasma_store.open_cells(
            snakemake.input.data, snakemake.input.get("fields") or None, snakemake.input.grid
        ) as opened,
    ):
        figure = plot_sheet_surfaces(
            opened, pd.read_csv(snakemake.input.physics), snakemake.params.threshold
        )
        for path in snakemake.output:
            save_figure(figure, path)
