"""Compare consensus methods on the ensembles of one data set and seed."""

import pandas as pd

from kohorte import store
from kohorte.study.logs import job_log
from kohorte_benchmarks.consensus import compare
from kohorte_benchmarks.label_sets import CLUSTERERS


def compare_consensus(data_set, seed, peers, script):
    """Tables of methods and of rules for the number of groups, over all clusterers."""
    methods, rules = [], []
    for clusterer in CLUSTERERS:
        more_methods, more_rules = compare(data_set, clusterer, seed, peers, script)
        methods += more_methods
        rules += more_rules
    return pd.DataFrame(methods), pd.DataFrame(rules)


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        if snakemake.params.peers is None:
            log.warning("CSPA, HGPA, MCLA and HBGF are left out: envs/peers.txt is not installed")
        methods, rules = compare_consensus(
            snakemake.wildcards.data_set,
            int(snakemake.wildcards.seed),
            snakemake.params.peers,
            snakemake.input.script,
        )
        store.write_csv(methods, snakemake.output.methods)
        store.write_csv(rules, snakemake.output.rules)
