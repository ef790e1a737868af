"""Combine the overlaps of all slabs into significance and consensus, and label the points."""

from kohorte import store
from kohorte.jobs.counting import combine_slabs
from kohorte.jobs.novelty import study_novelty
from kohorte.structure import read_structure
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
        if snakemake.params.planned:
            store.check_planned(snakemake.input.labels, snakemake.params.planned)
        structure = read_structure(snakemake.input.structure)
        p = None if structure is None else structure.p
        data = snakemake.input.get("data")
        combine_slabs(
            snakemake.output.ensemble,
            snakemake.input.overlaps,
            labels,
            noise=labels.noise,
            options=snakemake.params.options,
            memory_mb=snakemake.params.memory_mb,
            threads=snakemake.threads,
            p_structure=p,
            single=p is not None and p > snakemake.params.level,
            novelty=study_novelty(data, snakemake.input.labels, labels.ids) if data else None,
        )
