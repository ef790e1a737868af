"""Draw classes of the stacked signal, or SCE groups, on a slice of the grid."""

from itertools import pairwise

import numpy as np

from kohorte.figures.style import save_figure, value_label
from kohorte.studies.plasma import store as plasma_store
from kohorte.studies.plasma.figures.slices import GroupMap, cluster_slice_figure, unit_text
from kohorte.studies.plasma.physics.cuts import cut_grid
from kohorte.study.logs import job_log


def share_classes(classes, n_classes, parts):
    """Share of all cells in each class; `classes` gives those of a part of the grid."""
    counts = sum(np.bincount(classes(part).ravel(), minlength=n_classes) for part in parts)
    return counts / counts.sum()


def plot_signal_classes(cells, cuts, axis, index):
    """The figure: classes between `cuts` of the signal, or where there are none, SCE groups."""
    cut, parts = cut_grid(cells.grid, axis, index), plasma_store.parts_of(cells.grid.shape)
    if cuts is None:
        groups = cells["sce_group"]
        n_classes = int(max(groups[part].max() for part in parts)) + 1
        names = [f"SCE group {k}" for k in range(n_classes)]
        shown, shares = cut.read(groups), share_classes(groups.__getitem__, n_classes, parts)
        title = "SCE group of most of the clusters"
    else:
        cuts, signal = sorted(cuts), cells["signal"]
        texts = [value_label(value) for value in cuts]
        between = [f"{a} to {b}" for a, b in pairwise(texts)]
        names = [f"below {texts[0]}", *between, f"from {texts[-1]}"]
        shown = np.digitize(cut.read(signal), cuts)
        shares = share_classes(lambda part: np.digitize(signal[part], cuts), len(names), parts)
        title = "classes of the stacked signal"
    title = f"{title}, {unit_text(cut.title)}" if cut.title else title
    return cluster_slice_figure(cut, [GroupMap(title, shown, len(names), shares, names=names)])


if __name__ == "__main__":
    with (
        job_log(snakemake.log[0]),
        plasma_store.open_cells(
            snakemake.input.data, snakemake.input.get("fields") or None, snakemake.input.grid
        ) as opened,
    ):
        figure = plot_signal_classes(opened, snakemake.params.cuts, *snakemake.params.slice)
        for path in snakemake.output:
            save_figure(figure, path)
