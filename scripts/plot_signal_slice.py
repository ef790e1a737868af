"""Draw the stacked signal on a slice of the grid."""

from kohorte import store
from kohorte.figures.slices import signal_slice_figure
from kohorte.figures.style import save_figure
from kohorte.logs import job_log
from kohorte.physics.cuts import cut_grid


def plot_signal_slice(cells, axis, index):
    """The figure on the slice through cell `index` of `axis`."""
    cut = cut_grid(cells.grid, axis, index)
    return signal_slice_figure(cut, cut.read(cells["signal"]))


if __name__ == "__main__":
    with (
        job_log(snakemake.log[0]),
        store.open_cells(
            snakemake.input.data, snakemake.input.get("fields") or None, snakemake.input.grid
        ) as opened,
    ):
        figure = plot_signal_slice(opened, *snakemake.params.slice)
        for path in snakemake.output:
            save_figure(figure, path)
