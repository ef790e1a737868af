"""Draw consensus and SCE groups, confidence and stability on a slice of the grid."""

import pandas as pd

from kohorte.figures.style import save_figure
from kohorte.studies.plasma import store as plasma_store
from kohorte.studies.plasma.figures.slices import GroupMap, consensus_slice_figure
from kohorte.studies.plasma.physics.cuts import cut_grid
from kohorte.study.logs import job_log


def plot_consensus_slice(cells, physics, axis, index):
    """The figure on the slice through cell `index` of `axis`."""
    cut = cut_grid(cells.grid, axis, index)
    maps = []
    for kind, name, title in (
        ("consensus", "label", "consensus groups"),
        ("sce", "sce_group", "SCE groups"),
    ):
        shares = physics[physics["kind"] == kind]["volume_fraction"].to_numpy()
        maps.append(GroupMap(title, cut.read(cells[name]), len(shares), shares))
    return consensus_slice_figure(
        cut,
        maps,
        confidence=cut.read(cells["confidence"]),
        stability=cut.read(cells["stability"]),
    )


if __name__ == "__main__":
    with (
        job_log(snakemake.log[0]),
        plasma_store.open_cells(
            snakemake.input.data, snakemake.input.get("fields") or None, snakemake.input.grid
        ) as opened,
    ):
        figure = plot_consensus_slice(
            opened, pd.read_csv(snakemake.input.physics), *snakemake.params.slice
        )
        for path in snakemake.output:
            save_figure(figure, path)
