"""Count the points that clusters of different realizations share, over one slab of points."""

from kohorte import store
from kohorte.jobs.counting import count_slab
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with (
        job_log(snakemake.log[0], snakemake.input),
        store.open_label_arrays(
            snakemake.input.labels,
            snakemake.params.files,
            **snakemake.params.reading,
            verify=True,
        ) as labels,
    ):
        if snakemake.input.data:
            store.check_label_rows(snakemake.params.files, labels, snakemake.input.data)
        count_slab(
            snakemake.output.index,
            labels,
            int(snakemake.wildcards.slab),
            snakemake.params.slabs,
            noise=labels.noise,
            losses=snakemake.params.losses,
            backend=snakemake.params.backend,
            memory_mb=snakemake.params.memory_mb,
            threads=snakemake.threads,
            gpu=snakemake.resources.gpu > 0,
        )
