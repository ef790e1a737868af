"""Draw the clusters of one map and the consensus groups on a slice, with lines of the current."""

import numpy as np
import pandas as pd

from kohorte import store
from kohorte.figures.style import save_figure
from kohorte.studies.plasma import store as plasma_store
from kohorte.studies.plasma.figures.slices import GroupMap, cluster_slice_figure, field_label
from kohorte.studies.plasma.physics.cuts import cut_grid
from kohorte.studies.plasma.physics.groups import CURRENT, root_mean_square
from kohorte.study.logs import job_log


def plot_cluster_slice(cells, physics, indexes, identifier, threshold, axis, index):
    """The figure; `indexes` list the maps, of which that of id `identifier` is drawn."""
    cut = cut_grid(cells.grid, axis, index)
    shares = physics[physics["kind"] == "consensus"]["volume_fraction"].to_numpy()
    maps = [GroupMap("consensus groups", cut.read(cells["label"]), len(shares), shares)]
    if indexes:
        chosen = plasma_store.read_map_labels(
            store.find_realization(indexes, identifier), cells.grid
        )
        sizes = np.bincount(chosen.labels.ravel(), minlength=chosen.n_clusters)
        groups = cut.read(chosen.labels)
        title = "clusters of one map"
        maps.insert(0, GroupMap(title, groups, len(sizes), sizes / sizes.sum(), "cluster"))
    if CURRENT not in cells:
        return cluster_slice_figure(cut, maps)
    rms = root_mean_square(cells[CURRENT], plasma_store.parts_of(cells.grid.shape))
    return cluster_slice_figure(
        cut,
        maps,
        current=np.abs(cut.read(cells[CURRENT])),
        limit=threshold * rms,
        note=f"{field_label('abs_j_par')} = {threshold:g} rms",
    )


if __name__ == "__main__":
    with (
        job_log(snakemake.log[0]),
        plasma_store.open_cells(
            snakemake.input.data, snakemake.input.get("fields") or None, snakemake.input.grid
        ) as opened,
    ):
        figure = plot_cluster_slice(
            opened,
            pd.read_csv(snakemake.input.physics),
            snakemake.input.get("maps"),
            snakemake.params.realization or store.read_representative(snakemake.input.ensemble),
            snakemake.params.threshold,
            *snakemake.params.slice,
        )
        for path in snakemake.output:
            save_figure(figure, path)
