"""Combine the overlaps of all slabs into significance and consensus, and label the points."""

from functools import reduce
from pathlib import Path

from kohorte import store
from kohorte.ensemble.combination import combine
from kohorte.ensemble.overlaps import add_overlaps
from kohorte.errors import ResultError
from kohorte.study.logs import job_log


def read_slabs(indexes, labels, noise):
    """The counts of each slab, which must be those of `labels`."""
    expected = dict(zip(labels.ids, labels.contents, strict=True))
    for path in (Path(index).with_suffix(".h5") for index in indexes):
        overlaps, contents = store.read_overlaps(path)
        if list(contents.items()) != list(expected.items()) or overlaps.noise != noise:
            raise ResultError(f"{path}: counted from other labels; delete it and run again")
        yield overlaps


def combine_realizations(path, indexes, labels, *, noise, options, memory_mb, threads):
    """Write the ensemble of `labels`, whose overlaps lie beside the files `indexes`, to `path`."""
    overlaps = reduce(add_overlaps, read_slabs(indexes, labels, noise))
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
            noise=snakemake.params.noise,
            options=snakemake.params.options,
            memory_mb=snakemake.params.memory_mb,
            threads=snakemake.threads,
        )
        log.info("%d groups by rule %s", result.grouping.n_groups, result.grouping.rule)
