"""Time SimpSOM and kohorte on the images of MNIST."""

from pathlib import Path

import h5py

from kohorte import store
from kohorte.study.logs import job_log
from kohorte_benchmarks import simpsom


def compare_simpsom(images, table, peer):
    """Write the table; its points lie in a folder beside it meanwhile."""
    with h5py.File(images) as file:
        pixels = file["features"][:]
    store.write_csv(simpsom.compare_simpsom(pixels, Path(table).parent, peer), table)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        compare_simpsom(snakemake.input.images, snakemake.output.table, snakemake.params.peer)
