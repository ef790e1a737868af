"""Consensus by the methods of another package: labels.npz -> consensus.npz.

    python peer_consensus.py labels.npz consensus.npz

Runs in the environment of envs/peers.txt and must not import kohorte. The source holds labels
(R, N), n_groups and seed; the target gets the names of the methods, their seconds, and the labels
(N,) of each under labels_<method>. A method that fails is left out, with a line that says why.
"""

import sys
import time
from typing import Any

import numpy as np
from ensembleclustering.ClusterEnsembles import cluster_ensembles

METHODS = ("cspa", "hgpa", "mcla", "hbgf")


def run_methods(
    labels: np.ndarray, n_groups: int, seed: int
) -> dict[str, tuple[np.ndarray, float]]:
    """Run each method; those that succeed give labels (N,) and seconds."""
    found = {}
    for method in METHODS:
        start = time.perf_counter()
        try:
            groups = cluster_ensembles(labels, nclass=n_groups, solver=method, random_state=seed)
        except Exception as error:  # one method's failure must not take the others with it
            print(f"{method} failed: {type(error).__name__}: {error}")
            continue
        found[method] = np.asarray(groups, dtype=np.int64), time.perf_counter() - start
    return found


if __name__ == "__main__":
    with np.load(sys.argv[1]) as source:
        found = run_methods(
            source["labels"].astype(float), int(source["n_groups"]), int(source["seed"])
        )
    labelled: dict[str, Any] = {f"labels_{method}": groups for method, (groups, _) in found.items()}
    np.savez(
        sys.argv[2],
        methods=np.array(list(found), dtype=str),
        seconds=np.array([seconds for _, seconds in found.values()]),
        **labelled,
    )
