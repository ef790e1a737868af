"""Compare the consensus of random subsets of the realizations with that of all of them."""

from kohorte import store
from kohorte.analysis.sufficiency import sufficiency_table
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with (
        job_log(snakemake.log[0], snakemake.input),
        store.open_label_arrays(
            snakemake.input.labels, snakemake.params.files, **snakemake.params.reading
        ) as labels,
    ):
        stored = store.read_ensemble(snakemake.input.ensemble)
        table = sufficiency_table(
            labels.arrays,
            stored.overlaps,
            seed=snakemake.params.seed,
            subsets=snakemake.params.subsets,
            groups=stored.groups_of_parts,
            consensus=stored.options["consensus"],
            enough=snakemake.params.enough,
        )
        store.write_csv(table, snakemake.output.sufficiency)
