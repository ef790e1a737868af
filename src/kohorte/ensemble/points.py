"""From clusters back to points: stacked signals and votes, one gather per realization."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit

from kohorte.ensemble.labels import MAX_BYTES, check_labels, recode
from kohorte.ensemble.overlaps import Overlaps, check_threads
from kohorte.errors import DataError

_CHUNK = 2**16  # points of one task: their signal and tally nearly fit the second-level cache


@dataclass(frozen=True, eq=False)
class PointSlab:
    """What an ensemble says about the points start..stop-1.

    Attributes
    ----------
    start, stop : int
    signal : (n,) float64
        Sum over realizations of the weight of the cluster that holds the point.
    winner : (n,) smallest unsigned integer type
        Group with most votes; the lower one wins a tie.
    votes : (n,) uint16, or float64 where votes are weighted
        Number of realizations that voted for the winner, or the weight of their votes.
    """

    start: int
    stop: int
    signal: np.ndarray
    winner: np.ndarray
    votes: np.ndarray


def stream_points(
    labels: Sequence,
    overlaps: Overlaps,
    weights: np.ndarray,
    groups: np.ndarray,
    *,
    weighted: bool = False,
    slab: int | None = None,
    max_bytes: int = MAX_BYTES,
    threads: int | None = None,
) -> Iterator[PointSlab]:
    """Compute signal and votes of all points, slab by slab, reading each label once.

    Parameters
    ----------
    labels
        R label arrays or datasets, as for count_overlaps; any set of points whose clusters are
        known to ``overlaps``.
    overlaps
        Gives the clusters, and their order, that weights and groups belong to.
    weights : (K,) float64
        Weight of each cluster, its Gsum for the stacked signal.
    groups : (K,) integers
        Group of each cluster, 0..n_groups-1.
    weighted
        Whether a vote weighs as much as the cluster that casts it; else every vote counts one.
    slab, max_bytes, threads
        As for count_overlaps.

    Raises
    ------
    DataError
        Another number of realizations than in overlaps, or a label whose cluster it lacks.
    """
    points = check_labels(labels)
    if points.n_realizations != overlaps.n_realizations:
        raise DataError(
            f"{points.n_realizations} label arrays, but the overlaps are of "
            f"{overlaps.n_realizations} realizations"
        )
    weights = _check_per_cluster(weights, overlaps, "weights").astype(np.float64)
    groups = _check_per_cluster(groups, overlaps, "groups").astype(np.int64)
    n_groups = int(groups.max()) + 1
    bits = 8 if overlaps.n_realizations < 2**8 else 16
    splits = overlaps.offsets[1:-1]
    ids, weights = np.split(overlaps.cluster, splits), np.split(weights, splits)
    ballots = [
        np.ascontiguousarray(x) for x in np.split(_make_ballots(groups, bits), splits, axis=1)
    ]
    cast = np.split(groups, splits)

    threads = check_threads(threads)
    with ThreadPoolExecutor(threads) as pool:
        # To hand a small task to a single thread takes longer than the task.
        run = map if threads == 1 else pool.map
        for start, stop, arrays in points.slabs(slab, max_bytes):
            codes = list(run(_find_codes, arrays, ids, range(len(ids))))
            n = stop - start
            signal = np.zeros(n)
            winner = np.empty(n, dtype=np.min_scalar_type(n_groups - 1))
            votes = np.empty(n, dtype=np.float64 if weighted else np.uint16)

            def combine(a, codes=codes, signal=signal, winner=winner, votes=votes):
                part = slice(a, a + _CHUNK)
                if weighted:
                    scores = np.zeros((n_groups, signal[part].size))
                    for r, code in enumerate(codes):
                        _add_weighted(code[part], weights[r], cast[r], signal[part], scores)
                    _elect_weighted(scores, winner[part], votes[part])
                    return
                tally = np.zeros((len(ballots[0]), signal[part].size), dtype=np.uint64)
                for r, code in enumerate(codes):
                    _add(code[part], weights[r], ballots[r], signal[part], tally)
                _elect(tally, bits, n_groups, winner[part], votes[part])

            list(run(combine, range(0, n, _CHUNK)))
            yield PointSlab(start, stop, signal, winner, votes)


def gather_signal(
    labels: Sequence, overlaps: Overlaps, weights: np.ndarray, *, threads: int | None = None
) -> np.ndarray:
    """Return the (N,) float64 sums over realizations of the weight of each point's cluster.

    With Gsum as weights this is the stacked signal; with 1 for the clusters of one SCE group and
    0 for the others, that group's signal map. Parameters and errors as for stream_points.
    """
    groups = np.zeros(overlaps.n_clusters, dtype=np.int64)
    slabs = stream_points(labels, overlaps, weights, groups, threads=threads)
    return np.concatenate([points.signal for points in slabs])


def vote(
    labels: Sequence,
    overlaps: Overlaps,
    groups: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    threads: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the group with most votes of each point, (N,), and its votes, (N,) as in PointSlab.

    ``weights`` (K,) weigh the votes of the clusters; by default every vote counts one. Other
    parameters and errors as for stream_points.
    """
    weighted = weights is not None
    weights = weights if weighted else np.zeros(overlaps.n_clusters)
    slabs = stream_points(labels, overlaps, weights, groups, weighted=weighted, threads=threads)
    winners, votes = zip(*[(points.winner, points.votes) for points in slabs], strict=True)
    return np.concatenate(winners), np.concatenate(votes)


def _check_per_cluster(values: np.ndarray, overlaps: Overlaps, name: str) -> np.ndarray:
    values = np.asarray(values)
    if values.shape != (overlaps.n_clusters,):
        raise DataError(
            f"{name} have shape {values.shape}; expected one for each of the "
            f"{overlaps.n_clusters} clusters"
        )
    return values


def _find_codes(array: np.ndarray, ids: np.ndarray, realization: int) -> np.ndarray:
    """Return the position of each label in the ascending ``ids``, all of which must be known."""
    low, high = int(array.min()), int(array.max())
    if ids[0] <= low and high <= ids[-1]:
        if ids[0] == 0 and ids[-1] == ids.size - 1:
            return array
        codes = recode(array, ids)
        if ids[-1] - ids[0] == ids.size - 1 or np.array_equal(ids[codes], array):
            return codes
    unknown = np.setdiff1d(array, ids)
    raise DataError(
        f"labels of realization {realization} hold cluster {unknown[0]}, which the overlaps lack; "
        "they were counted from other labels"
    )


def _make_ballots(groups: np.ndarray, bits: int) -> np.ndarray:
    """Return what each cluster adds to the votes of its points, (words, K) uint64.

    The votes of a point are counted in fields of ``bits`` bits, one per group, packed in words.
    """
    per_word = 64 // bits
    ballots = np.zeros((int(groups.max()) // per_word + 1, groups.size), dtype=np.uint64)
    shifts = (groups % per_word * bits).astype(np.uint64)
    ballots[groups // per_word, np.arange(groups.size)] = np.uint64(1) << shifts
    return ballots


@njit(nogil=True, cache=True)
def _add(codes, weights, ballots, signal, tally):
    """Add one realization's weights and votes to those of its points."""
    first, ballot = tally[0], ballots[0]
    for p in range(codes.size):
        signal[p] += weights[codes[p]]
        first[p] += ballot[codes[p]]
    for w in range(1, len(tally)):
        word, ballot = tally[w], ballots[w]
        for p in range(codes.size):
            word[p] += ballot[codes[p]]


@njit(nogil=True, cache=True)
def _elect(tally, bits, n_groups, winner, votes):
    """Find the group with most votes of each point; the lower one wins a tie."""
    mask = np.uint64(2**bits - 1)
    winner[:] = 0
    votes[:] = 0
    for g in range(n_groups):
        word, shift = tally[g * bits // 64], np.uint64(g * bits % 64)
        for p in range(word.size):
            n = (word[p] >> shift) & mask
            if n > votes[p]:
                votes[p] = n
                winner[p] = g


@njit(nogil=True, cache=True)
def _add_weighted(codes, weights, groups, signal, scores):
    """Add one realization's weights to its points and to the groups that its clusters vote for."""
    for p in range(codes.size):
        weight = weights[codes[p]]
        signal[p] += weight
        scores[groups[codes[p]], p] += weight


@njit(nogil=True, cache=True)
def _elect_weighted(scores, winner, votes):
    """Find the group of highest weight of each point; the lower one wins a tie."""
    for p in range(scores.shape[1]):
        best = 0
        for g in range(1, scores.shape[0]):
            if scores[g, p] > scores[best, p]:
                best = g
        winner[p] = best
        votes[p] = scores[best, p]
