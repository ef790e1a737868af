"""Consensus groups of one ensemble for every number of groups: which splits into which.

The clusters are grouped for each number from their counts; the points vote for all numbers while
their labels are read once. What is kept are tables of groups by groups, never a label of a point.
"""

from dataclasses import dataclass

import numpy as np

from kohorte._checks import as_count
from kohorte.ensemble.consensus import cut_groups
from kohorte.ensemble.labels import MAX_BYTES, Labels, check_labels
from kohorte.ensemble.overlaps import Overlaps
from kohorte.ensemble.points import vote
from kohorte.ensemble.significance import gsum
from kohorte.ensemble.votes import vote_weights

MOST_GROUPS = 12
"""Groups that are asked for at most, unless another number is given."""


@dataclass(frozen=True, eq=False)
class Splits:
    """Points that groups share, for 1, 2, ... groups; points in no group are left out.

    `points[k - 1]` (k,) int64 are those of each of k groups, all of which hold some.
    `shared[k - 1]` (k, k + 1) int64 are those that groups of k and of k + 1 have in common; there
    is one less of them. `final[k - 1]` (k, n) int64: in common with n groups that were given.
    """

    points: list[np.ndarray]
    shared: list[np.ndarray]
    final: list[np.ndarray]


def count_splits(
    labels: Labels,
    overlaps: Overlaps,
    groups: np.ndarray,
    *,
    most: int = MOST_GROUPS,
    identical: str = "resolved",
    consensus: str = "coassociation",
    votes: str = "equal",
    slab: int | None = None,
    max_bytes: int = MAX_BYTES,
    threads: int | None = None,
) -> Splits:
    """Combine an ensemble for 1, 2, ... groups and count the points that these groups share.

    `labels` and `overlaps` are R label arrays or datasets and their counts; `groups` (K,) a
    grouping of the clusters that all others are compared with, and, for ``coassociation``, that of
    its own number. Numbers go up to `most`, and end before the first for which a group has no
    point; a single realization, whose clusters share nothing that could join them, has none.
    `identical` and `consensus` are as for combine, `votes`
    as for Voters.label, `slab`, `max_bytes` and `threads` as for count_overlaps; the last three do
    not change the result. Errors are those of combine and of Voters.label.
    """
    most = as_count(most, "most", 1)
    if overlaps.n_realizations == 1:
        return Splits([], [], [])
    numbers = range(1, min(most, overlaps.n_clusters) + 1)
    cuts = cut_groups(overlaps, numbers, consensus)
    if consensus == "coassociation" and (own := int(groups.max()) + 1) in numbers:
        cuts[own - 1] = groups.astype(np.int32)  # the study's own
    weights = vote_weights(gsum(overlaps, identical=identical), votes)
    shared = [np.zeros((k, k + 1), np.int64) for k in numbers[:-1]]
    final = [np.zeros((k, int(groups.max()) + 1), np.int64) for k in numbers]
    for _, _, arrays in check_labels(labels).slabs(slab, max_bytes):

        def elect(cut: np.ndarray, arrays: list = arrays) -> np.ndarray:
            return vote(arrays, overlaps, cut, weights=weights, threads=threads)[0]

        last, before = elect(groups), None
        for k, cut in enumerate(cuts):
            found = elect(cut)
            _count(final[k], found, last)
            if before is not None:
                _count(shared[k - 1], before, found)
            before = found
    points = [table.sum(axis=1) for table in final]
    full = next((k for k, held in enumerate(points) if not held.all()), len(points))
    return Splits(points[:full], shared[: max(full - 1, 0)], final[:full])


def _count(table: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> None:
    """Add points to a table of their groups in two groupings, in place."""
    if rows.dtype.kind == "i":  # -1: in no group, and then in none of the other grouping, either
        held = rows >= 0
        rows, columns = rows[held], columns[held]
    cells = rows.astype(np.int64) * table.shape[1] + columns
    table += np.bincount(cells, minlength=table.size).reshape(table.shape)
