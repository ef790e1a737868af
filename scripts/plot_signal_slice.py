"""Draw the stacked signal on a slice of the grid."""

from kohorte.figures.style import save_figure
from kohorte.studies.plasma import store as plasma_store
from kohorte.studies.plasma.figures.slices import signal_slice_figure
from kohorte.studies.plasma.physics.cuts import cut_grid
from kohorte.study.logs import job_log


def plot_signal_slice(cells, axis, index):
    """The figure on the slice through cell `index` of `axis`."""
    cut = cut_grid(cells.grid, axis, index)
    return signal_slice_figure(cut, cut.read(cells["signal"]))


if __name__ == "__main__":
    with (
        job_log(snakemake.log[0]),
        plasma_store.open_cells(
            snakemake.input.data, snakemake.input.get("fields") or None, snakemake.input.grid
        ) as opened,
    ):
        figure = plot_signal_slice(opened, *snakemake.params.slice)
        for path in snakemake.output:
            save_figure(figure, path)
