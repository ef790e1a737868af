"""Unwind spirals of several lengths with a chain of nodes, and beside it with PCA."""

import pandas as pd

from kohorte import store
from kohorte.studies.spirals import store as spiral_store
from kohorte.studies.spirals.networks import compute_on_one_thread
from kohorte.studies.spirals.unwinding import judge, unwind
from kohorte.study.logs import job_log


def unwind_curves(options, seed):
    """Table with a row for each number of turns, draw and method, and the curve to be drawn."""
    rows, drawn = [], None
    for turns in options["sweep_turns"]:
        for number in range(options["seeds"]):
            found = unwind(turns, number, options, seed)
            if (turns, number) == (options["unwound_turns"], 0):
                drawn = found
            key = {"turns": turns, "number": number}
            rows += [key | {"method": name} | scores for name, scores in judge(found).items()]
    return pd.DataFrame(rows), drawn or unwind(options["unwound_turns"], 0, options, seed)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        compute_on_one_thread()
        table, drawn = unwind_curves(snakemake.params.options, snakemake.params.seed)
        store.write_csv(table, snakemake.output.table)
        spiral_store.write_unwinding(snakemake.output.curve, drawn)
