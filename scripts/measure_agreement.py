"""Agreement of all pairs of realizations, and how it depends on the swept parameters."""

import numpy as np
import pandas as pd

from kohorte import store
from kohorte.ensemble.effects import parameter_effects
from kohorte.study.logs import job_log

#: Pairs beyond which `agreement.csv` has its header only: the same numbers lie in `ensemble.h5`.
MAX_PAIR_ROWS = 1_000_000

EFFECTS = ["parameter", "first", "second", "agreement", "within", "between", "p_value"]


def agreement_table(ensemble):
    """One row a pair of realizations."""
    ids = ensemble.realizations.ids
    first, second = np.triu_indices(len(ids), k=1)
    if len(first) > MAX_PAIR_ROWS:
        first, second = first[:0], second[:0]
    return pd.DataFrame(
        {
            "first": [ids[k] for k in first],
            "second": [ids[k] for k in second],
            "ari": ensemble.realizations.ari[first, second],
            "nmi": ensemble.realizations.nmi[first, second],
        }
    )


def effects_table(ensemble, realizations, swept, seed):
    """One row a parameter and pair of its values."""
    # A null of the configuration is read as NaN, which is not even equal to itself.
    columns = realizations[list(swept)].astype(object)
    values = columns.where(columns.notna(), None).to_dict("list")
    effects = parameter_effects(ensemble.overlaps, values, np.random.default_rng(seed))
    rows = [
        (name, e.values[i], e.values[j], e.agreement[i, j], e.within, e.between, e.p_value)
        for name, e in effects.items()
        for i in range(len(e.values))
        for j in range(i, len(e.values))
    ]
    # Values of different parameters stand in one column, each written in its own type.
    return pd.DataFrame(rows, columns=EFFECTS, dtype=object)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        combined = store.read_ensemble(snakemake.input.ensemble)
        store.write_csv(agreement_table(combined), snakemake.output.agreement)
        effects = effects_table(
            combined,
            pd.read_csv(snakemake.input.realizations),
            snakemake.params.swept,
            snakemake.params.seed,
        )
        store.write_csv(effects, snakemake.output.effects)
