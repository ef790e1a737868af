"""Draw how the stacked signal is distributed over the cells, in all and by SCE group."""

import numpy as np

from kohorte.figures.style import is_wide, save_figure
from kohorte.studies.plasma import store as plasma_store
from kohorte.studies.plasma.figures.slices import signal_histogram_figure
from kohorte.study.logs import job_log

BINS = 100


def count_signal(cells, parts):
    """Cells in each bin by SCE group, (G, BINS), and the ends of the bins, read part by part."""
    signal, group = cells["signal"], cells["sce_group"]
    ends = [(signal[part].min(), signal[part].max()) for part in parts]
    low, high = float(min(e[0] for e in ends)), float(max(e[1] for e in ends))
    n_groups = int(max(group[part].max() for part in parts)) + 1
    high = high if high > low else low + 1.0
    wide = low > 0 and is_wide(np.array([low, high]), 1000.0)
    edges = np.geomspace(low, high, BINS + 1) if wide else np.linspace(low, high, BINS + 1)
    edges[0], edges[-1] = low, high
    counts = np.zeros((n_groups, BINS), dtype=np.int64)
    for part in parts:
        values, groups = signal[part].ravel(), group[part].ravel()
        for k in range(n_groups):
            counts[k] += np.histogram(values[groups == k], edges)[0]
    return counts, edges


def plot_signal_histogram(cells, cuts):
    """The figure, with lines at the `cuts` between classes."""
    counts, edges = count_signal(cells, plasma_store.parts_of(cells.grid.shape))
    return signal_histogram_figure(counts.sum(axis=0), edges, cuts=cuts or (), groups=counts)


if __name__ == "__main__":
    with (
        job_log(snakemake.log[0]),
        plasma_store.open_cells(
            snakemake.input.data, snakemake.input.get("fields") or None, snakemake.input.grid
        ) as opened,
    ):
        figure = plot_signal_histogram(opened, snakemake.params.cuts)
        for path in snakemake.output:
            save_figure(figure, path)
