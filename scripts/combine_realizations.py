"""Combine the overlaps of all slabs into significance and consensus, and label the points."""

from functools import reduce

from kohorte import store
from kohorte.ensemble.combine import combine
from kohorte.ensemble.overlaps import add_overlaps
from kohorte.logs import job_log


def combine_realizations(path, slabs, labels, *, options, memory_mb, threads):
    """Write the ensemble of `labels`, whose overlaps are in the files `slabs`, to `path`."""
    overlaps = reduce(add_overlaps, (store.read_overlaps(slab)[0] for slab in slabs))
    ensemble = combine(
        overlaps,
        identical=options["identical"],
        threshold=options["threshold"],
        groups=options["groups"],
    )
    store.write_ensemble(
        path,
        ensemble,
        labels.arrays,
        ids=labels.ids,
        options=options,
        memory_mb=memory_mb,
        threads=threads,
    )
    return ensemble


if __name__ == "__main__":
    with (
        job_log(snakemake.log[0]) as log,
        store.open_label_arrays(
            snakemake.input.labels,
            snakemake.params.files,
            snakemake.params.label_name,
            verify=True,
        ) as opened,
    ):
        result = combine_realizations(
            snakemake.output.ensemble,
            snakemake.input.overlaps,
            opened,
            options=snakemake.params.options,
            memory_mb=snakemake.params.memory_mb,
            threads=snakemake.threads,
        )
        log.info("%d groups by rule %s", result.grouping.n_groups, result.grouping.rule)
