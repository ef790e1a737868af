"""Compare the consensus of random subsets of the realizations with that of all of them."""

import numpy as np
import pandas as pd

from kohorte import store
from kohorte.ensemble.consensus import split_choice
from kohorte.ensemble.sufficiency import measure_sufficiency
from kohorte.study.logs import job_log

COLUMNS = ["realizations", "mean", "low", "high", "enough"]


def sufficiency_table(ensemble, labels, *, seed, subsets, groups, enough):
    """One row a size of the subsets; `enough` marks the smallest one that suffices."""
    if len(labels.ids) < 2:
        return pd.DataFrame(columns=COLUMNS)
    n_groups, rule = split_choice(groups)
    found = measure_sufficiency(
        labels.arrays,
        ensemble.overlaps,
        np.random.default_rng(seed),
        draws=subsets,
        n_groups=n_groups,
        rule=rule,
        target=enough,
    )
    reached = [found.enough is not None and size == found.enough for size in found.sizes]
    columns = [found.sizes, found.mean, found.low, found.high, reached]
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


if __name__ == "__main__":
    with (
        job_log(snakemake.log[0]),
        store.open_label_arrays(
            snakemake.input.labels, snakemake.params.files, snakemake.params.label_name
        ) as opened,
    ):
        table = sufficiency_table(
            store.read_ensemble(snakemake.input.ensemble),
            opened,
            seed=snakemake.params.seed,
            subsets=snakemake.params.subsets,
            groups=snakemake.params.groups,
            enough=snakemake.params.enough,
        )
        store.write_csv(table, snakemake.output.sufficiency)
