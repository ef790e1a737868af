"""From clusters back to points: stacked signals and votes, one gather per realization."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from kohorte.ensemble.labels import MAX_BYTES, Labels, check_labels, recode
from kohorte.ensemble.overlaps import Overlaps, check_each, check_threads
from kohorte.errors import ConfigError, DataError

#: What a realization votes for the points that it leaves out: no group, nor that of points without.
_NO_VOTE = -2

_CHUNK = 2**16  # points of one task: their signal and tally nearly fit the second-level cache


@dataclass(frozen=True, eq=False)
class PointLabels:
    """What an ensemble says about the n points start..stop-1.

    `groups` (n,), of the smallest integer type, have the most votes; the lower one wins a tie. -1
    is a point that no realization holds, possible only where ``overlaps.noise`` marks points left
    out; unsigned elsewhere. `votes` (n,) are the number of realizations that voted for that group,
    uint16, or the weight of their votes, float64; `second` (n,), signed, and `second_votes` (n,)
    are the group with the next most votes, of those that got any, and its votes; -1 and 0 where all
    votes are for one group. `cast` (n,) float64 are all votes; `signal` (n,) float64 is the sum
    over realizations of the weight of the cluster that holds the point. `scores` (n_groups, n)
    float64 are the votes for every group, where they were asked for. `held` and `alike` (R,) int64
    are how many points each realization holds, and for how many of them it votes as all together.
    """

    start: int
    stop: int
    groups: np.ndarray
    votes: np.ndarray
    second: np.ndarray
    second_votes: np.ndarray
    cast: np.ndarray
    signal: np.ndarray
    held: np.ndarray
    alike: np.ndarray
    scores: np.ndarray | None = None

    @cached_property
    def confidence(self) -> np.ndarray:
        """(n,) float64 share of the votes that the group won; 0 for a point without a group."""
        return self._share(self.votes)

    @cached_property
    def second_share(self) -> np.ndarray:
        """(n,) float64 share of the votes that the second choice got."""
        return self._share(self.second_votes)

    @property
    def shares(self) -> np.ndarray:
        """(n, n_groups) float64 share of the votes for every group."""
        assert self.scores is not None, "scores were not asked for"
        return np.ascontiguousarray(self._share(self.scores).T)

    def _share(self, votes: np.ndarray) -> np.ndarray:
        return np.divide(votes, self.cast, out=np.zeros(votes.shape), where=self.cast > 0)


def join_labels(slabs: Iterable[PointLabels]) -> PointLabels:
    """Return consecutive slabs as one."""
    parts = list(slabs)
    if len(parts) == 1:
        return parts[0]
    names = ["groups", "votes", "second", "second_votes", "cast", "signal"]
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    scores = [part.scores for part in parts if part.scores is not None]
    return PointLabels(
        start=parts[0].start,
        stop=parts[-1].stop,
        held=np.sum([part.held for part in parts], axis=0),
        alike=np.sum([part.alike for part in parts], axis=0),
        scores=np.concatenate(scores, axis=1) if scores else None,
        **arrays,
    )


def stream_points(
    labels: Labels,
    overlaps: Overlaps,
    weights: np.ndarray,
    groups: np.ndarray,
    *,
    weighted: bool = False,
    scored: bool = False,
    slab: int | None = None,
    max_bytes: int = MAX_BYTES,
    threads: int | None = None,
) -> Iterator[PointLabels]:
    """Compute signal and votes of all points, slab by slab, reading each label once.

    `labels` are R label arrays or datasets, as for count_overlaps, of any set of points whose
    clusters are known to `overlaps`. Each cluster has a weight, its Gsum for the stacked signal, in
    `weights` (K,) float64, and a group in `groups` (K,). `weighted`: a vote weighs as much as the
    cluster that casts it, else every vote counts one. `scored`: the weighted votes for every group
    are kept. Other arguments are as for count_overlaps. DataError for another number of
    realizations than in overlaps, or a label whose cluster it lacks.
    """
    from kohorte.ensemble import _voting

    points = check_labels(labels)
    if points.n_realizations != overlaps.n_realizations:
        raise DataError(
            f"{points.n_realizations} label arrays, but the overlaps are of "
            f"{overlaps.n_realizations} realizations"
        )
    weights = check_each(weights, overlaps.n_clusters, "weights", "clusters").astype(np.float64)
    groups = check_each(groups, overlaps.n_clusters, "groups", "clusters").astype(np.int64)
    n_groups = int(groups.max()) + 1
    bits = 8 if overlaps.n_realizations < 2**8 else 16
    ids = np.split(overlaps.cluster, overlaps.offsets[1:-1])
    tables = _per_realization(overlaps, weights, _make_ballots(groups, bits), groups)
    group_type = overlaps.label_dtype(n_groups)
    own_groups = [group.astype(group_type) for _, _, group in tables]
    for own in own_groups:
        if own.dtype.kind == "i":
            own[-1] = _NO_VOTE
    find_codes = partial(_find_codes, noise=overlaps.noise)

    threads = check_threads(threads)
    with ThreadPoolExecutor(threads) as pool:
        # To hand a small task to a single thread takes longer than the task.
        run = map if threads == 1 else pool.map
        for start, stop, arrays in points.slabs(slab, max_bytes):
            codes = list(run(find_codes, arrays, ids, range(len(ids))))
            n = stop - start
            found = PointLabels(
                start,
                stop,
                groups=np.empty(n, group_type),
                votes=np.empty(n, np.float64 if weighted else np.uint16),
                second=np.empty(n, np.min_scalar_type(-n_groups)),
                second_votes=np.empty(n, np.float64 if weighted else np.uint16),
                cast=np.full(n, float(len(ids))),
                signal=np.zeros(n),
                held=np.full(len(ids), n),
                alike=np.zeros(len(ids), np.int64),
                scores=np.empty((n_groups, n)) if scored else None,
            )

            def combine(
                a: int, codes: list = codes, found: PointLabels = found
            ) -> tuple[list[int], list[int]]:
                part = slice(a, a + _CHUNK)
                signal, winner = found.signal[part], found.groups[part]
                elected = winner, found.votes[part], found.second[part], found.second_votes[part]
                if weighted:
                    scores = np.zeros((n_groups, signal.size))
                    for code, (weight, _, group) in zip(codes, tables, strict=True):
                        _voting.add_weighted_votes(code[part], weight, group, signal, scores)
                    _voting.elect_weighted(scores, *elected)
                    found.cast[part] = signal
                    if found.scores is not None:
                        found.scores[:, part] = scores
                else:
                    tally = np.zeros((len(tables[0][1]), signal.size), dtype=np.uint64)
                    for code, (weight, ballot, _) in zip(codes, tables, strict=True):
                        _voting.add_votes(code[part], weight, ballot, signal, tally)
                    _voting.elect(tally, bits, n_groups, *elected)
                left_out = [0] * len(ids)
                if overlaps.noise is not None:
                    for r, (code, own) in enumerate(zip(codes, ids, strict=True)):
                        is_out = code[part] == own.size
                        left_out[r] = int(np.count_nonzero(is_out))
                        if not weighted:
                            found.cast[part] -= is_out
                    winner[found.cast[part] == 0] = -1
                alike = [
                    _voting.count_alike(code[part], group, winner)
                    for code, group in zip(codes, own_groups, strict=True)
                ]
                return left_out, alike

            for left_out, alike in run(combine, range(0, n, _CHUNK)):
                found.held[:] -= left_out
                found.alike[:] += alike
            yield found


def gather_signal(
    labels: Labels, overlaps: Overlaps, weights: np.ndarray, *, threads: int | None = None
) -> np.ndarray:
    """Return the (N,) float64 sums over realizations of the weight of each point's cluster.

    With Gsum as weights this is the stacked signal; with 1 for the clusters of one SCE group and
    0 for the others, that group's signal map. Parameters and errors as for stream_points.
    """
    groups = np.zeros(overlaps.n_clusters, dtype=np.int64)
    return join_labels(stream_points(labels, overlaps, weights, groups, threads=threads)).signal


def signal_classes(signal: np.ndarray, cuts: Sequence[float]) -> np.ndarray:
    """Return the class of each point by its stacked signal, (N,) uint8.

    Class 0 is below the first of the `cuts`, class k from the k-th on. ConfigError unless these
    are finite numbers that ascend, at most 255.
    """
    found = np.asarray(cuts, dtype=np.float64)
    if found.ndim != 1 or found.size > 255 or not np.isfinite(found).all():
        raise ConfigError(f"cuts of the signal must be at most 255 finite numbers, got {cuts!r}")
    if (np.diff(found) <= 0).any():
        raise ConfigError(f"cuts of the signal must ascend, got {list(cuts)}")
    return np.searchsorted(found, np.asarray(signal), side="right").astype(np.uint8)


def vote(
    labels: Labels,
    overlaps: Overlaps,
    groups: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    threads: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the group with most votes of each point and its votes, (N,) as in PointLabels.

    ``weights`` (K,) weigh the votes of the clusters; by default every vote counts one. Other
    parameters and errors as for stream_points.
    """
    weighted = weights is not None
    weights = np.zeros(overlaps.n_clusters) if weights is None else weights
    slabs = stream_points(labels, overlaps, weights, groups, weighted=weighted, threads=threads)
    found = join_labels(slabs)
    return found.groups, found.votes


def _per_realization(overlaps: Overlaps, *tables: np.ndarray) -> list[tuple[np.ndarray, ...]]:
    """Return each realization's part of tables whose last axis is the clusters.

    It has one more column: what points that the realization leaves out add, nothing.
    """
    splits = overlaps.offsets[1:-1]
    parts = []
    for table in tables:
        width = [(0, 0)] * (table.ndim - 1) + [(0, 1)]
        parts.append([np.pad(part, width) for part in np.split(table, splits, axis=-1)])
    return list(zip(*parts, strict=True))


def _find_codes(
    array: np.ndarray, ids: np.ndarray, realization: int, noise: int | None = None
) -> np.ndarray:
    """Return the position of each label in the ascending ``ids``, all of which must be known.

    Points that the realization leaves out get the position after the last.
    """
    if noise is not None and (left_out := array == noise).any():
        codes = np.full(array.size, ids.size, dtype=np.uint16)
        if not left_out.all():
            codes[~left_out] = _find_codes(array[~left_out], ids, realization)
        return codes
    low, high = int(array.min()), int(array.max())
    if ids.size and ids[0] <= low and high <= ids[-1]:
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
