"""Draw the current along the field on a slice of the grid, with lines of the magnetic field."""

from kohorte.figures.style import save_figure
from kohorte.studies.plasma import store as plasma_store
from kohorte.studies.plasma.figures.slices import field_label, field_slice_figure
from kohorte.studies.plasma.physics.cuts import cut_grid
from kohorte.study.logs import job_log


def plot_field_slice(cells, axis, index):
    """The figure on the slice through cell `index` of `axis`; lines where the field is known."""
    cut = cut_grid(cells.grid, axis, index)
    names = [f"b{cut.across}", f"b{cut.up}"]
    field = None
    if all(name in cells for name in names):
        field = tuple(cut.read(cells[name]) for name in names)
    return field_slice_figure(
        cut, cut.read(cells["j_par"]), field_label("j_par", cells.unit("j_par")), field=field
    )


if __name__ == "__main__":
    with (
        job_log(snakemake.log[0]),
        plasma_store.open_cells(
            snakemake.input.data, snakemake.input.get("fields") or None
        ) as opened,
    ):
        figure = plot_field_slice(opened, *snakemake.params.slice)
        for path in snakemake.output:
            save_figure(figure, path)
