"""Consensus methods side by side, on the same label sets and against the same truth.

Kohorte's methods and three others are written out here: signal-cutting as published with the
statistically combined ensemble, its best possible cuts, and evidence accumulation. Methods of other
packages run in an environment of their own (peer_consensus.py).
"""

from __future__ import annotations

import logging
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kohorte.analysis.evaluation import evaluate
from kohorte.ensemble.consensus import group_clusters
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.ensemble.points import gather_signal, vote
from kohorte.ensemble.significance import gsum, rank_clusters, separate
from kohorte.ensemble.tree import RULES, cut_tree
from kohorte.errors import ConfigError, ResultError
from kohorte_benchmarks.label_sets import BACKGROUND, make_data, make_labels
from kohorte_benchmarks.signal_cuts import cut_at_gaps, cut_best

if TYPE_CHECKING:
    import pandas as pd

_LOG = logging.getLogger(__name__)

#: Program that runs in the environment of other packages.
PEER_PROGRAM = Path(__file__).with_name("peer_consensus.py")

#: Backend that counts overlaps: the label sets are small, and every machine times the same code.
BACKEND = "numba"


def compare(
    data_set: str, clusterer: str, seed: int, peers: str | None = None
) -> tuple[list[dict], list[dict]]:
    """Run all methods on one label set, of keys of label_sets.DATA_SETS and CLUSTERERS.

    The seed is that of data, labels and methods. `peers` is the Python of the environment that
    holds the other packages; None leaves their methods out. Raises ConfigError for an unknown data
    set or clusterer, ResultError if the other packages failed.

    Returns
    -------
    methods : list of dict
        data_set, clusterer, seed, method, ari, ami, accuracy, n_groups and seconds from labels to
        consensus, NaN for single maps. Points of the background are not judged.
    rules : list of dict
        data_set, clusterer, seed, rule, n_groups, n_won, n_true, ari for each rule for the number
        of groups; n_won of them win a point.
    """
    features, truth = make_data(data_set, seed)
    labels = make_labels(clusterer, features, seed)
    judged = truth != BACKGROUND
    n_true = len(np.unique(truth[judged]))
    key = {"data_set": data_set, "clusterer": clusterer, "seed": seed}

    def judge(method: str, found: np.ndarray, seconds: float) -> dict:
        scores = evaluate(found[judged], truth[judged])
        row = {"method": method, "ari": scores.ari, "ami": scores.ami, "accuracy": scores.accuracy}
        return key | row | {"n_groups": len(np.unique(found)), "seconds": seconds}

    single = sorted((judge("", x, np.nan) for x in labels), key=lambda row: row["ari"])
    chosen = {"min": 0, "median": (len(single) - 1) // 2, "max": -1}
    methods = [single[k] | {"method": f"single_{name}"} for name, k in chosen.items()]
    _consensus(labels)  # once untimed: compiling, or loading what was compiled, is not the method
    weighted_votes(labels)
    for name, method in AUTOMATIC.items():
        methods.append(judge(name, *_timed(method, labels)))
    for name, knowing in KNOWING_THE_NUMBER.items():
        methods.append(judge(name, *_timed(knowing, labels, n_true)))
    methods.append(judge("signal_oracle", *_timed(cut_by_oracle, labels, truth)))
    if peers is not None:
        for name, answer in run_peers(labels, n_true, seed, peers).items():
            methods.append(judge(name, *answer))

    overlaps = count_overlaps(labels, backend=BACKEND)
    rules = []
    for rule in RULES:
        grouping = group_clusters(overlaps, rule, "jaccard")
        found, _ = vote(labels, overlaps, grouping.groups)
        row = {"rule": rule, "n_groups": grouping.n_groups, "n_won": len(np.unique(found))}
        ari = evaluate(found[judged], truth[judged]).ari
        rules.append(key | row | {"n_true": n_true, "ari": ari})
    return methods, rules


def _timed(method: Callable[..., np.ndarray], *arguments: Any) -> tuple[np.ndarray, float]:
    start = time.perf_counter()
    found = method(*arguments)
    return found, time.perf_counter() - start


def _consensus(labels: np.ndarray, n_groups: int | str = "auto") -> np.ndarray:
    overlaps = count_overlaps(labels, backend=BACKEND)
    return vote(labels, overlaps, group_clusters(overlaps, n_groups, "jaccard").groups)[0]


def weighted_votes(labels: np.ndarray, n_groups: int | str = "auto") -> np.ndarray:
    """Return the group of each point, with votes weighted by the significance of the clusters.

    A point belongs to the group of kohorte's consensus with the largest stacked signal, which is
    the sum of Gsum over those of the point's clusters that are in the group; the lower group wins a
    tie. `labels` are (R, N); `n_groups` is as for group_clusters; the result is (N,).
    """
    overlaps = count_overlaps(labels, backend=BACKEND)
    groups = group_clusters(overlaps, n_groups, "jaccard").groups
    return vote(labels, overlaps, groups, weights=gsum(overlaps))[0]


def _signal_gaps(labels: np.ndarray) -> np.ndarray:
    """Cut the stacked signal into as many ranges as the separation finds groups of clusters."""
    overlaps = count_overlaps(labels, backend=BACKEND)
    weights = gsum(overlaps)
    n_ranges = separate(weights[rank_clusters(weights)]).n_groups
    return cut_at_gaps(gather_signal(labels, overlaps, weights), n_ranges)


def _signal_gaps_known(labels: np.ndarray, n_groups: int) -> np.ndarray:
    overlaps = count_overlaps(labels, backend=BACKEND)
    return cut_at_gaps(gather_signal(labels, overlaps, gsum(overlaps)), n_groups)


def cut_by_oracle(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Cut the stacked signal into as many ranges as there are classes, as well as possible."""
    overlaps = count_overlaps(labels, backend=BACKEND)
    n_ranges = len(np.unique(truth[truth != BACKGROUND]))
    return cut_best(gather_signal(labels, overlaps, gsum(overlaps)), truth, n_ranges)


def accumulate_evidence(labels: np.ndarray, n_groups: int | None = None) -> np.ndarray:
    """Accumulate evidence: average linkage of points by how often they share a cluster.

    Own writing of Fred & Jain, IEEE Transactions on Pattern Analysis and Machine Intelligence 27
    (2005) 835. Time and memory grow with the square of N. `labels` are (R, N), the result (N,)
    int32. By default the number of groups is that of `longest_lived`.
    """
    tree = evidence_tree(labels)
    return cut_tree(tree, longest_lived(tree) if n_groups is None else n_groups)


def evidence_tree(labels: np.ndarray, linkage: str = "average") -> np.ndarray:
    """Return SciPy's tree of N points by the share of R labels, (R, N), that tell them apart."""
    from scipy.cluster.hierarchy import linkage as link

    labels = labels.astype(np.min_scalar_type(labels.max()))
    rows = (labels[:, k, None] == labels[:, k + 1 :] for k in range(labels.shape[1]))
    together = np.concatenate([np.count_nonzero(row, axis=0).astype(np.int32) for row in rows])
    return link(1.0 - together / len(labels), method=linkage)


def longest_lived(tree: np.ndarray) -> int:
    """Return the number of groups, two at least, that a tree has over the widest range of heights.

    Heights are from 0 to 1.
    """
    # tree[::-1, 2][g - 1] is where g groups become g + 1
    heights = np.append(tree[::-1, 2], 0.0)
    return int(np.argmax(heights[:-1] - heights[1:])) + 2


#: Method that finds the number of groups itself -> function(labels).
AUTOMATIC: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "signal_gaps": _signal_gaps,
    "consensus": _consensus,
    "weighted_votes": weighted_votes,
    "evidence_accumulation": accumulate_evidence,
}

#: Method that is given the true number of groups -> function(labels, n_groups).
KNOWING_THE_NUMBER: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "signal_gaps_known": _signal_gaps_known,
    "consensus_known": _consensus,
    "weighted_votes_known": weighted_votes,
    "evidence_accumulation_known": accumulate_evidence,
}


def run_peers(
    labels: np.ndarray, n_groups: int, seed: int, python: str, script: str | Path = PEER_PROGRAM
) -> dict[str, tuple[np.ndarray, float]]:
    """Run the methods of other packages, which are given the number of groups, in their `python`.

    Returns the labels, (N,) int64, and seconds of each method; one that failed on these labels,
    (R, N), is left out, and logged. `seed` is for those that draw random numbers. Raises
    ConfigError if there is no such interpreter, and ResultError if the subprocess fails.
    """
    if not Path(python).exists():
        raise ConfigError(
            f"{python} does not exist: build the environment of the other packages first, "
            "or compare without them"
        )
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "labels.npz"), Path(folder, "consensus.npz")
        np.savez(source, labels=labels, n_groups=n_groups, seed=seed)
        done = subprocess.run(
            [python, str(script), str(source), str(target)], capture_output=True, text=True
        )
        if done.returncode:
            raise ResultError(f"{script} failed in {python}:\n{done.stderr[-2000:]}")
        for line in done.stdout.splitlines():
            _LOG.warning("%s", line)
        with np.load(target) as found:
            seconds = dict(zip(found["methods"].tolist(), found["seconds"].tolist(), strict=True))
            return {name: (found[f"labels_{name}"], seconds[name]) for name in seconds}


def markdown_table(rows: pd.DataFrame, of: str) -> str:
    """Tabulate mean adjusted Rand indices, with their standard deviations over the seeds.

    `rows` are compare's, methods or rules; `of` is the column that names them, ``method`` or
    ``rule``. There is one table for each clusterer, a row for each method and a column for each
    data set. The last column is the mean over the data sets.
    """
    data_sets = list(dict.fromkeys(rows["data_set"]))
    lines = []
    for clusterer, part in rows.groupby("clusterer", sort=False):
        lines += [f"| {clusterer}: {of} | {' | '.join(data_sets)} | mean |"]
        lines += ["|---|" + "---|" * (len(data_sets) + 1)]
        for name, own in part.groupby(of, sort=False):
            scores = own.groupby("data_set")["ari"]
            mean, deviation = scores.mean(), scores.std(ddof=1)
            cells = [f"{mean[d]:.3f} ± {deviation[d]:.3f}" for d in data_sets]
            lines.append(f"| `{name}` | {' | '.join(cells)} | {mean.mean():.3f} |")
        lines.append("")
    return "\n".join(lines)
