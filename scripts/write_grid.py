"""Put what the ensemble says of each point onto the grid of the study, also for ParaView."""

from kohorte import store
from kohorte.studies.plasma import store as plasma_store
from kohorte.study.logs import job_log


def find_grid(data, fields):
    """The grid of a study, from its fields where it has them."""
    return (
        plasma_store.read_grid(fields, "fields") if fields else plasma_store.read_grid(data, "data")
    )


if __name__ == "__main__":
    with (
        job_log(snakemake.log[0]) as log,
        store.open_label_arrays(
            snakemake.input.labels, snakemake.params.files, snakemake.params.label_name
        ) as opened,
    ):
        data, fields = snakemake.input.data, snakemake.input.get("fields") or None
        grid = find_grid(data, fields)
        log.info("%d cells, shape %s, axes %s", grid.n_cells, grid.shape, ", ".join(grid.axes))
        plasma_store.write_grid(
            snakemake.output.grid,
            grid,
            snakemake.input.ensemble,
            opened,
            memory_mb=snakemake.params.memory_mb,
            threads=snakemake.threads,
        )
        with plasma_store.open_cells(data, fields, snakemake.output.grid) as cells:
            plasma_store.write_picture(snakemake.output.picture, cells)
