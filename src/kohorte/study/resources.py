"""Memory and time that a job asks for, from the size of its problem: N points, F features, M nodes.

The numbers come from Snakemake's benchmark records of studies with N from 2e3 to 5e6, F from 4 to
784, M from 100 to 22500 and up to 4000 clusters, on two cores of a server of 2023. They are upper
bounds of what was seen and are widened by the margins below; a job that fails asks for twice as
much when it is tried again. Only the standard library is imported: a workflow calls this while it
plans.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kohorte._limits import BLOCK_ROWS, DENSE_CLUSTERS, MAX_PAIRS, PAIR_BYTES
from kohorte.maps.parameters import DEFAULT_EPOCHS, count_rows, has_draw, suggest_nodes

#: What a job asks for over what was measured.
MEMORY_MARGIN, TIME_MARGIN = 1.5, 3.0

#: Snakemake itself takes this beside the program that it starts, MB.
SNAKEMAKE_MB = 300

#: Start of a job on a busy file system, and compiling kernels that are not in the cache, seconds.
START_SECONDS = 300

#: The program with its libraries, MB: plain; with JAX; and what JAX takes on the host for a GPU.
PLAIN_MB, JAX_MB, GPU_MB = 300, 500, 2000

#: One product of point, node and feature: up to 1.1e-9 s one point at a time (online, 22500 nodes),
#: 0.03e-9 s (F = 784) to 0.3e-9 s many at a time.
STEP_PRODUCT_SECONDS, PRODUCT_SECONDS = 1e-9, 0.5e-9

#: One step of online training beside its products, seconds.
STEP_SECONDS = 1e-6

#: Clusters that a map is taken to have.
MAP_CLUSTERS = 20

#: Share of the pairs of clusters that share points, where so many clusters are that this counts.
_SHARED = 0.25


@dataclass(frozen=True)
class Cost:
    """What a rule takes beside and for each MB of its input files."""

    base_mb: float = PLAIN_MB
    mb_per_mb: float = 2.0
    base_seconds: float = 10.0
    seconds_per_mb: float = 0.1

    def mb(self, input_mb: float) -> float:
        """Return the memory for so many MB of input."""
        return self.base_mb + self.mb_per_mb * input_mb

    def seconds(self, input_mb: float) -> float:
        """Return the time for so many MB of input."""
        return self.base_seconds + self.seconds_per_mb * input_mb


#: Rules whose needs follow from the size of their input files. Of ensemble.h5 most is the counts of
#: all pairs of clusters, from which the rules that follow make some more tables of that size.
COSTS: Mapping[str, Cost] = {
    # Text is read at 0.1 s/MB; Parquet, which is compressed, takes 3.2 times its size.
    "prepare_data": Cost(mb_per_mb=5, seconds_per_mb=0.2),
    # Spreadsheets take most: some hundred bytes for each of their cells.
    "label_table": Cost(mb_per_mb=30, seconds_per_mb=5),
    "predict_labels": Cost(mb_per_mb=5, seconds_per_mb=1),
    # The nearest of all points: 60000 x 784 for 10000 of them.
    "classify_points": Cost(base_mb=800, mb_per_mb=4, seconds_per_mb=3),
    "impute_values": Cost(base_mb=600, seconds_per_mb=1),
    # Thirteen tables of 1000 rows, the default: 6 to 18 s and 280 MB, whatever size the study has.
    "collect_evidence": Cost(base_mb=700, base_seconds=60, seconds_per_mb=0.05),
    # Each of some 800 subsets is grouped anew.
    "measure_sufficiency": Cost(mb_per_mb=6, seconds_per_mb=6),
    # Of up to a million points, which have rows of their own; of more see `tabulating_mb`.
    "tabulate_results": Cost(mb_per_mb=9, seconds_per_mb=0.3),
    "gather_tallies": Cost(mb_per_mb=4),
    "end_epoch": Cost(mb_per_mb=4),
    "tabulate_splits": Cost(mb_per_mb=9, seconds_per_mb=2),
    "compare_groups": Cost(base_mb=500, mb_per_mb=4, seconds_per_mb=0.5),
    # Distances of all points to the means of their groups.
    "write_report": Cost(base_mb=500, mb_per_mb=6, seconds_per_mb=0.5),
    # Labels, winners and the shown features of the points, as they are and packed.
    "write_explorer": Cost(base_mb=900, mb_per_mb=3, base_seconds=30, seconds_per_mb=0.2),
    "write_group_signals": Cost(),
    "tabulate": Cost(),
    "plot": Cost(base_mb=400, mb_per_mb=4, seconds_per_mb=0.5),
}


def memory_mb(used: float, attempt: int = 1) -> int:
    """Return the memory to ask for where so many MB were measured, rounded up to 100 MB."""
    return 100 * math.ceil((SNAKEMAKE_MB + MEMORY_MARGIN * used) / 100) * 2 ** (attempt - 1)


def run_minutes(seconds: float, attempt: int = 1) -> int:
    """Return the time limit to ask for where so many seconds were measured, in whole minutes."""
    return math.ceil((START_SECONDS + TIME_MARGIN * seconds) / 60) * 2 ** (attempt - 1)


def count_nodes(parameters: Mapping[str, Any], n_points: int, n_features: int) -> int:
    """Return the nodes M of a map, where its lattice is automatic about so many."""
    if parameters["xdim"] == "auto":
        return suggest_nodes(n_points, n_features, parameters["nodes"])
    return parameters["xdim"] * parameters["ydim"]


def map_seconds(parameters: Mapping[str, Any], n_points: int, n_features: int) -> float:
    """Return the time of one map from its start to labels and quality, on one core."""
    nodes = count_nodes(parameters, n_points, n_features)
    online = parameters["trainer"] == "online"
    epochs = (parameters["epochs"] or DEFAULT_EPOCHS) + parameters["fine_epochs"]
    visits = epochs * n_points
    updates = 0  # of all nodes by all others
    if online and parameters["epochs"] is None:
        visits = parameters["steps"]
        visits = count_rows(parameters, n_points) if visits == "auto" else visits
    elif parameters["trainer"] == "batch":
        updates = epochs
    elif parameters["trainer"] == "minibatch":
        updates = epochs * math.ceil(n_points / parameters["batch_size"])
    # Winners of all points twice, and measures on 1000 of them some twenty times.
    visits += 2 * n_points + 20_000
    product = STEP_PRODUCT_SECONDS if online else PRODUCT_SECONDS
    seconds = product * (visits + updates * nodes) * nodes * n_features
    if online:
        seconds += STEP_SECONDS * visits
    if parameters["method"] == "segments":
        seconds += PRODUCT_SECONDS * 50 * 330 * nodes * n_features  # passes and centres, at most
    elif parameters["method"] != "basins":
        seconds += 5e-7 * nodes**2  # agglomerative with silhouettes, 10000 nodes: 43 s
    return seconds + 0.5 + 4e-4 * nodes


def training_seconds(
    maps: Sequence[Mapping[str, Any]], n_points: int, n_features: int, threads: int = 1
) -> float:
    """Return the time of a job that trains maps, so many of them at a time."""
    each = [map_seconds(parameters, n_points, n_features) for parameters in maps]
    return max(max(each), sum(each) / threads)


def training_mb(
    maps: Sequence[Mapping[str, Any]],
    n_points: int,
    n_features: int,
    threads: int = 1,
    *,
    snapshots: int = 0,
    gpu: bool = False,
) -> float:
    """Return the memory of a job that trains maps, so many of them at a time."""
    table = 4e-6 * n_points * n_features
    accelerated = [p for p in maps if p["backend"] == "jax"]
    largest = 0.0
    for parameters in maps:
        nodes = count_nodes(parameters, n_points, n_features)
        weights = 4e-6 * nodes * n_features
        # Labels, winners and hits of the points; weights, their start, a copy or two, and smoothed.
        needed = 24e-6 * n_points + (8 + snapshots) * weights
        if parameters["method"] not in ("basins", "segments"):
            needed += 8e-6 * nodes**2  # distances of all pairs of nodes
        if {"scaling", "transform", "features"} & set(parameters):
            needed += table
        if has_draw(parameters):
            needed += table * (parameters["row_share"] + (parameters["feature_share"] < 1))
        largest = max(largest, needed)
    if not accelerated:
        return PLAIN_MB + table + threads * largest
    # On the device, which may be the CPU: the table, its blocks, and the maps side by side.
    at_once = max(threads, len(accelerated))
    return JAX_MB + 4 * table + at_once * largest + (GPU_MB if gpu else 0)


def epoch_mb(
    maps: Sequence[Mapping[str, Any]], n_points: int, n_features: int, slabs: int
) -> float:
    """Return the memory of a job of an epoch that is cut into slabs: sums of each of its blocks."""
    blocks = -(-max(1, n_points) // BLOCK_ROWS)
    nodes = sum(count_nodes(p, n_points, n_features) for p in maps)
    sums = 16e-6 * n_features * nodes * (2 + 2 * -(-blocks // slabs))
    return PLAIN_MB + 1e-6 * BLOCK_ROWS * (40 + 16 * n_features) + sums


def pass_time(parameters: Mapping[str, Any], n_points: int, n_features: int) -> float:
    """Return the time of finding the winners of points once, and of their sums."""
    nodes = count_nodes(parameters, n_points, n_features)
    return n_points * (PRODUCT_SECONDS * nodes * n_features + 1e-8 * n_features)


def counts_mb(n_realizations: int) -> float:
    """Return the size of the counts of all pairs, before the number of clusters is known."""
    n_clusters = MAP_CLUSTERS * n_realizations
    if n_clusters <= DENSE_CLUSTERS:
        return 8e-6 * n_clusters**2
    # Of pairs that share points alone; not less than what fewer clusters take.
    most, pairs = 8e-6 * DENSE_CLUSTERS**2, min(_SHARED * n_clusters**2, MAX_PAIRS)
    return max(most, 1e-6 * PAIR_BYTES * pairs)


def counting_mb(n_realizations: int, memory_mb: float, *, jax: bool, gpu: bool = False) -> float:
    """Return the memory of counting overlaps with `memory_mb` of labels at a time."""
    base = (JAX_MB if jax else PLAIN_MB) + (GPU_MB if gpu else 0)
    return base + 5 * memory_mb + 2 * counts_mb(n_realizations)


def counting_seconds(n_points: int, n_realizations: int) -> float:
    """Return the time of checking the labels of N points and counting their overlaps."""
    return 10 + 1e-9 * n_points * n_realizations**2 + 2e-7 * n_points * n_realizations


def combining_mb(n_points: int, counts: float, memory_mb: float) -> float:
    """Return the memory of the step from counts, in MB, to significance and labels."""
    return PLAIN_MB + 6 * counts + 5 * memory_mb + 45e-6 * n_points


def combining_seconds(
    n_points: int, n_realizations: int, counts: float, n_features: int = 0
) -> float:
    """Return the time of the step from counts, in MB, to significance, labels and novelty.

    There is no novelty without features.
    """
    return 10 + 0.1 * counts + (4e-7 + 1e-8 * n_features) * n_points * n_realizations


def tallying_mb(n_features: int) -> float:
    """Return the memory of tallying blocks of points for the tables, 16 features at a time."""
    block = 1e-6 * BLOCK_ROWS * (200 + 30 * min(n_features, 16))
    return PLAIN_MB + block + 0.5 * n_features  # first bits of the values that are in each group


def tallying_seconds(n_points: int, n_features: int, n_realizations: int) -> float:
    """Return the time of tallying points in all rounds, on one core."""
    return 10 + 1e-7 * n_points * (8 * n_features + 4 * n_realizations)


def tabulating_mb(n_features: int, counts: float) -> float:
    """Return the memory of the tables of more than a million points, given counts in MB."""
    return tallying_mb(n_features) + 9 * counts


def gathering_seconds(n_points: int, counts: float) -> float:
    """Return the time of writing the points of all slabs, and counts in MB, into one file."""
    return 10 + 0.1 * counts + 2e-7 * n_points
