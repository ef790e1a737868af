"""Combine the labels of all realizations into one ensemble."""

from contextlib import ExitStack

from kohorte import store
from kohorte.ensemble.combine import combine
from kohorte.logs import job_log


def combine_realizations(path, *, indexes, options):
    """Read the labels that the indexes list; write the ensemble to `path`."""
    files = store.listed_realizations(indexes, verify=True)
    with ExitStack() as stack:
        opened = [stack.enter_context(store.open_result(f, "realization")) for f in files]
        result = combine([file["labels"] for file in opened], **options)
        ids = [file.attrs["id"] for file in opened]
    store.write_ensemble(path, result, ids=ids, options=options)
    return result


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        ensemble = combine_realizations(
            snakemake.output.ensemble,
            indexes=snakemake.input.indexes,
            options=snakemake.params.options,
        )
        log.info("%d consensus groups", ensemble.consensus.n_groups)
