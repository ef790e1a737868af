"""Count the points that clusters of different realizations share, over one slab of points."""

from pathlib import Path

from kohorte import store
from kohorte.ensemble.overlaps import count_overlaps, extend_overlaps, select_realizations
from kohorte.errors import ResultError
from kohorte.study.logs import job_log


def count_slab(index, labels, noise, slab, slabs, losses, log, **options):
    """Write the counts of a slab beside `index`, then `index`, which says what was counted.

    What is counted there already of the same labels is not counted again.
    """
    path = Path(index).with_suffix(".h5")
    windows = dict(zip(labels.ids, store.cut_windows(labels.arrays, slab, slabs), strict=True))
    contents = dict(zip(labels.ids, labels.contents, strict=True))
    old, known = kept_counts(path, contents, noise, len(labels.arrays[0]), slab, slabs, log)
    added = [identifier for identifier in labels.ids if identifier not in known]
    log.info("%d realizations counted before, %d to count", len(known), len(added))
    if not known:
        overlaps = count_overlaps(list(windows.values()), noise=noise, **options)
    else:
        overlaps = old
        if added:
            kept = [windows[i] for i in known]
            overlaps = extend_overlaps(old, kept, [windows[i] for i in added], **options)
        place = {identifier: k for k, identifier in enumerate([*known, *added])}
        overlaps = select_realizations(overlaps, [place[i] for i in labels.ids])
    store.write_overlaps(path, overlaps, contents)
    entry = {"file": path.name, "contents": contents}
    store.write_index(index, [path], entry, **losses)


def kept_counts(path, contents, noise, n_points, slab, slabs, log):
    """The counts in `path` of realizations whose labels are unchanged, and their ids."""
    if not path.exists():
        return None, []
    try:
        old, had = store.read_overlaps(path)
    except ResultError as error:
        log.warning("%s", error)
        return None, []
    same = [k for k, (i, content) in enumerate(had.items()) if contents.get(i) == content]
    expected = n_points * (slab + 1) // slabs - n_points * slab // slabs
    if not same or (old.n_points, old.noise) != (expected, noise):
        return None, []
    return select_realizations(old, same), [list(had)[k] for k in same]


if __name__ == "__main__":
    with (
        job_log(snakemake.log[0]) as logger,
        store.open_label_arrays(
            snakemake.input.labels,
            snakemake.params.files,
            snakemake.params.label_name,
            verify=True,
        ) as opened,
    ):
        if snakemake.input.data:
            store.check_label_rows(snakemake.params.files, opened, snakemake.input.data)
        count_slab(
            snakemake.output.index,
            opened,
            snakemake.params.noise,
            int(snakemake.wildcards.slab),
            snakemake.params.slabs,
            snakemake.params.losses,
            logger,
            backend=snakemake.params.backend,
            max_bytes=snakemake.params.memory_mb << 20,
            threads=snakemake.threads,
        )
