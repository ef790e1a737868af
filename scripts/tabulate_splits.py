"""Group the clusters into 1, 2, ... groups, and say which group splits into which."""

from kohorte import store
from kohorte.analysis.splits import split_table
from kohorte.ensemble.splits import count_splits
from kohorte.structure import read_structure
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with (
        job_log(snakemake.log[0], snakemake.input),
        store.open_label_arrays(
            snakemake.input.labels, snakemake.params.files, **snakemake.params.reading
        ) as labels,
    ):
        stored = store.read_ensemble(snakemake.input.ensemble)
        splits = count_splits(
            labels.arrays,
            stored.overlaps,
            stored.clusters.consensus_group,
            identical=stored.options["identical"],
            consensus=stored.consensus.consensus,
            votes=stored.options["votes"],
            max_bytes=snakemake.params.memory_mb << 20,
            threads=snakemake.threads,
        )
        structure = read_structure(snakemake.input.structure)
        p_values = None if structure is None else structure.by_number
        store.write_csv(split_table(splits, p_values), snakemake.output.splits)
