"""Draw every feature of a study on a slice of its grid."""

from kohorte.figures.style import save_figure
from kohorte.studies.plasma import store as plasma_store
from kohorte.studies.plasma.figures.slices import feature_slices_figure, field_label
from kohorte.studies.plasma.physics.cuts import cut_grid
from kohorte.study.logs import job_log

#: Features that are drawn; of more, the first.
MOST = 12


def plot_feature_slices(cells, axis, index):
    """The figure on the slice through cell `index` of `axis`."""
    cut, names = cut_grid(cells.grid, axis, index), cells.features[:MOST]
    return feature_slices_figure(
        cut,
        [cut.read(cells[name]) for name in names],
        [field_label(name, cells.unit(name)) for name in names],
    )


if __name__ == "__main__":
    with (
        job_log(snakemake.log[0]),
        plasma_store.open_cells(
            snakemake.input.data, snakemake.input.get("fields") or None
        ) as opened,
    ):
        figure = plot_feature_slices(opened, *snakemake.params.slice)
        for path in snakemake.output:
            save_figure(figure, path)
