"""Put the labels of every realization onto the grid of the study."""

from kohorte import store
from kohorte.studies.plasma import store as plasma_store
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with (
        job_log(snakemake.log[0]),
        store.open_label_arrays(
            snakemake.input.labels, snakemake.params.files, snakemake.params.label_name
        ) as opened,
    ):
        grid = plasma_store.read_grid(snakemake.input.grid, "grid")
        plasma_store.write_labels_on_grid(snakemake.output.labels, grid, opened)
