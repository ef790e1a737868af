"""Overlaps of all pairs of clusters of an ensemble: exact counts, additive over points."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kohorte._checks import choose_name, extra
from kohorte._limits import (
    DENSE_CLUSTERS,
    MAX_CLUSTERS,
    MAX_PAIRS,
    MAX_WIDTH,
    PAIR_BYTES,
    is_worth_a_device,
)
from kohorte.ensemble.labels import MAX_BYTES, Labels, LabelSet, check_labels, find_ids
from kohorte.errors import ConfigError, DataError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Counts = Any
"""Counts of pairs of clusters: np.ndarray, or SciPy's csr_array, which has no types."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Numbers of points that pairs of clusters share.

    The K clusters of all realizations are ordered by realization, then by id; else, and where
    shapes do not fit, DataError is raised. `counts` (K, K) int64 has |A and B|: sizes on the
    diagonal, 0 between clusters of one realization; of more than DENSE_CLUSTERS, where most do not
    meet, it is a SciPy csr_array with ascending columns. `realization` (K,) int32 and `cluster`
    (K,) int64 are the realization of each cluster and its id in the label array. `noise` is the
    label of the points that a realization leaves out: they are in none of its clusters.
    """

    counts: Counts
    realization: np.ndarray
    cluster: np.ndarray
    n_points: int
    n_realizations: int
    noise: int | None = None

    def __post_init__(self) -> None:
        k = len(self.cluster)
        if self.counts.shape != (k, k) or self.realization.shape != (k,):
            raise DataError(
                f"overlaps of {k} clusters have counts of shape {self.counts.shape} and "
                f"realizations of shape {self.realization.shape}"
            )
        found, expected = np.unique(self.realization), np.arange(self.n_realizations)
        fits = np.array_equal(found, expected)
        if self.noise is not None:  # a realization may leave out all points of a part
            fits = bool(np.isin(found, expected).all())
        if not fits or (np.diff(self.realization) < 0).any():
            raise DataError(
                f"clusters of overlaps must be ordered by realization, each of "
                f"0..{self.n_realizations - 1} with at least one cluster"
            )

    @property
    def sizes(self) -> np.ndarray:
        """(K,) int64 numbers of points of the clusters."""
        return self.counts.diagonal()

    @property
    def sparse(self) -> csr_array | None:
        """The counts where only those of pairs that share points are kept, else None."""
        return None if isinstance(self.counts, np.ndarray) else self.counts

    def rows(self, clusters: slice | npt.ArrayLike) -> np.ndarray:
        """Return the counts of some clusters with all, (n, K) int64."""
        found = self.counts[clusters]
        return found if isinstance(found, np.ndarray) else found.toarray()

    def sum_rows(
        self, groups: np.ndarray, n_groups: int, clusters: np.ndarray | None = None
    ) -> np.ndarray:
        """Return what groups of clusters share with some `clusters` (n,), (n_groups, n) int64.

        `groups` (K,) has the group of each cluster; -1 is none. By default with all clusters.
        """
        if self.sparse is not None:
            sums = np.zeros((n_groups, self.n_clusters), np.int64)
            for group in range(n_groups):
                part = self.sparse[groups == group]
                np.add.at(sums[group], part.indices, part.data)
            return sums if clusters is None else sums[:, clusters]
        from kohorte.ensemble import chain

        grouped = np.flatnonzero(groups >= 0)
        columns = np.arange(self.n_clusters) if clusters is None else clusters
        return chain.shared_points(self.counts, grouped, groups[grouped], columns, n_groups)

    def sum_columns(self) -> np.ndarray:
        """Return what every cluster shares with each realization, (K, R) int64.

        DataError where a realization has no cluster.
        """
        starts = self.starts
        if self.sparse is None:
            return np.add.reduceat(self.counts, starts, axis=1)
        shape = self.n_clusters, self.n_realizations
        row, column = self.pairs
        cells = row * shape[1] + self.realization[column]
        return np.bincount(cells, self.sparse.data, np.prod(shape)).astype(np.int64).reshape(shape)

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Row and column, int64, of every number of sparse counts."""
        assert self.sparse is not None
        row = np.repeat(np.arange(self.n_clusters), np.diff(self.sparse.indptr))
        return row, self.sparse.indices.astype(np.int64)

    def require_all_pairs(self, what: str) -> None:
        """Raise DataError where only counts of pairs that share points are kept."""
        if self.sparse is not None:
            k = self.n_clusters
            raise DataError(
                f"{what} needs numbers for all pairs of {k} clusters, {8e-9 * k * k:.0f} GB; "
                f"at most {DENSE_CLUSTERS} clusters in all realizations can have them: leave out "
                "realizations, or make coarser ones"
            )

    @property
    def n_clusters(self) -> int:
        """Number K of clusters of all realizations."""
        return len(self.cluster)

    @property
    def offsets(self) -> np.ndarray:
        """(R + 1,) index of the first cluster of each realization, and K."""
        return np.searchsorted(self.realization, np.arange(self.n_realizations + 1))

    @property
    def starts(self) -> np.ndarray:
        """(R,) index of the first cluster of each realization, to sum over its clusters.

        DataError where a realization has none, since it leaves out every point.
        """
        offsets = self.offsets
        empty = np.flatnonzero(np.diff(offsets) == 0)
        if empty.size:
            raise DataError(
                f"realization {empty[0]} leaves out every point (noise = {self.noise}): it has no "
                "cluster to compare; leave that realization out"
            )
        return offsets[:-1]

    def label_dtype(self, n_groups: int) -> np.dtype:
        """Return the smallest type of groups of points: signed where one may have none, -1."""
        return np.min_scalar_type(n_groups - 1 if self.noise is None else -n_groups)

    @property
    def is_complete(self) -> bool:
        """Whether every realization holds every point."""
        held = np.bincount(self.realization, self.sizes, minlength=self.n_realizations)
        return self.noise is None or bool((held == self.n_points).all())


def count_overlaps(
    labels: Labels,
    *,
    noise: int | None = None,
    backend: str = "auto",
    slab: int | None = None,
    max_bytes: int = MAX_BYTES,
    threads: int | None = None,
) -> Overlaps:
    """Count the points shared by every pair of clusters, reading each label once.

    `labels` are R integer arrays, memory maps or HDF5 datasets of N labels, or one (R, N) array or
    dataset. Ids need not be contiguous; they must not be negative, but for `noise`, the label of
    points that a realization leaves out, such as the -1 of HDBSCAN: they are in no cluster of it,
    and it has no vote on them. By default every label is a cluster. Clusters are those that hold at
    least one point. The counts are exact and do not depend on how they are made: by a `backend` of
    BACKENDS, or ``auto``, JAX where it sees an accelerator and the points are worth its start, else
    numba; by so many `threads` of the CPU, by default all that numba may use; by slabs of so many
    points, by default as many as `max_bytes` allows, the most bytes of labels read into memory at
    once. Working memory beside it does not depend on N. Arrays that are in memory already are not
    copied. Every slab costs O(K^2) beside the counting itself: with thousands of clusters a larger
    budget is faster.

    Of more than DENSE_CLUSTERS clusters numba counts, whatever the backend, and keeps the pairs
    that share points. DataError for labels of different lengths, not integers, negative, empty, and
    for more clusters than MAX_CLUSTERS, or pairs that share points than MAX_PAIRS; ConfigError for
    arguments out of range.
    """
    if noise is not None and (isinstance(noise, bool) or not isinstance(noise, int | np.integer)):
        raise ConfigError(f"noise must be the label of points left out, an integer, not {noise!r}")
    return _leave_out(_count(check_labels(labels), 0, noise, backend, slab, max_bytes, threads))


def add_overlaps(a: Overlaps, b: Overlaps) -> Overlaps:
    """Add the overlaps of the same realizations over two disjoint sets of points.

    A cluster may be missing in one of them. Raises DataError where the number of realizations, or
    the label of points left out, differs.
    """
    if a.n_realizations != b.n_realizations:
        raise DataError(
            f"overlaps of {a.n_realizations} and of {b.n_realizations} realizations cannot be "
            "added; both must come from the same label arrays"
        )
    if a.noise != b.noise:
        raise DataError(
            f"overlaps counted with noise = {a.noise} and with noise = {b.noise} cannot be added"
        )
    ids_a, ids_b = _split(a), _split(b)
    ids = [np.union1d(x, y) for x, y in zip(ids_a, ids_b, strict=True)]
    _check_total(ids)
    counts = _embed(a.counts, ids_a, ids)
    if isinstance(counts, np.ndarray):
        where = _positions(ids_b, ids)
        counts[np.ix_(where, where)] += b.counts
    else:
        counts = counts + _embed(b.counts, ids_b, ids)
        _check_pairs(counts.nnz)
    return _assemble(counts, ids, a.n_points + b.n_points, a.noise)


def extend_overlaps(
    old: Overlaps,
    labels_old: Labels,
    labels_new: Labels,
    *,
    backend: str = "auto",
    slab: int | None = None,
    max_bytes: int = MAX_BYTES,
    threads: int | None = None,
) -> Overlaps:
    """Add realizations to an ensemble, counting only the tables that involve the new ones.

    `old` are the overlaps of `labels_old`, and `labels_new` those to add, over the same points;
    ``old.noise`` marks points left out. Returns what count_overlaps, whose other arguments and
    errors these are, gives for the old realizations, then the new ones. DataError also where
    `labels_old` are not the labels that `old` was made from.
    """
    known, added = check_labels(labels_old), check_labels(labels_new)
    if known.n_realizations != old.n_realizations or known.n_points != old.n_points:
        raise DataError(
            f"old labels have {known.n_realizations} realizations of {known.n_points} points, "
            f"their overlaps {old.n_realizations} of {old.n_points}"
        )
    if added.n_points != known.n_points:
        raise DataError(
            f"new labels have {added.n_points} points, the old ones {known.n_points}; all must "
            "label the same points"
        )
    both = LabelSet(known.sources + added.sources, known.n_points)
    counted = _count(both, known.n_realizations, old.noise, backend, slab, max_bytes, threads)
    new, k = _leave_out(counted), old.n_clusters
    same = np.array_equal(new.realization[:k], old.realization) and np.array_equal(
        new.cluster[:k], old.cluster
    )
    one_added = counted.realization == known.n_realizations  # its table holds the old sizes
    sizes = counted.counts[:, np.flatnonzero(one_added)].sum(axis=1)[~_is_left_out(counted)][:k]
    if not same or not np.array_equal(sizes, old.sizes):
        raise DataError(
            "the old labels are not those that the old overlaps were counted from: clusters or "
            "sizes differ"
        )
    if isinstance(new.counts, np.ndarray):
        new.counts[:k, :k] = old.counts
        return new
    counts = new.counts + _place(old.counts, np.arange(k), new.n_clusters)
    _check_pairs(counts.nnz)
    return replace(new, counts=counts)


def select_realizations(overlaps: Overlaps, realizations: npt.ArrayLike) -> Overlaps:
    """Return the overlaps of some realizations, in the given order, without counting again.

    Raises ConfigError for none, an unknown or a repeated realization.
    """
    chosen = np.asarray(realizations)
    valid = chosen.ndim == 1 and chosen.size > 0 and chosen.dtype.kind in "iu"
    if not valid or np.unique(chosen).size != chosen.size or chosen.min() < 0:
        raise ConfigError(f"realizations must be distinct indices >= 0, not {realizations!r}")
    if chosen.max() >= overlaps.n_realizations:
        raise ConfigError(
            f"realization {chosen.max()} does not exist; there are {overlaps.n_realizations}"
        )
    offsets = overlaps.offsets
    where = np.concatenate([np.arange(offsets[r], offsets[r + 1]) for r in chosen])
    ids = [overlaps.cluster[offsets[r] : offsets[r + 1]] for r in chosen]
    return _assemble(_pick(overlaps.counts, where), ids, overlaps.n_points, overlaps.noise)


def _count(
    labels: LabelSet,
    first: int,
    noise: int | None,
    backend: str,
    slab: int | None,
    max_bytes: int,
    threads: int | None,
) -> Overlaps:
    """Count the tables of realizations (i, j), j >= first; the others are 0.

    Points that a realization leaves out are one more cluster of it.
    """
    threads = check_threads(threads)
    size = labels.n_points, labels.n_realizations
    count_slab = BACKENDS[choose_backend(backend, *size, threads)]
    ids: list[np.ndarray] = []
    total: Counts | None = None
    for _, _, arrays in labels.slabs(slab, max_bytes):
        found = [find_ids(array, r, noise) for r, array in enumerate(arrays)]
        merged = [
            x if np.array_equal(x, y) else np.union1d(x, y)
            for x, y in zip(ids or found, found, strict=True)
        ]
        if total is None:
            _check_total(merged)
        elif any(x.size != y.size for x, y in zip(ids, merged, strict=True)):
            _check_total(merged)
            total = _embed(total, ids, merged)
        ids = merged
        if sum(map(len, ids)) > DENSE_CLUSTERS:
            total = _add_sparse(total, arrays, ids, first, threads)
        else:
            assert total is None or isinstance(total, np.ndarray)
            total = count_slab(arrays, ids, first, threads, total)
    assert total is not None
    return _assemble(total, ids, labels.n_points, noise)


def _add_sparse(
    total: Counts | None, arrays: list[np.ndarray], ids: list[np.ndarray], first: int, threads: int
) -> csr_array:
    from kohorte.ensemble.histograms import count_sparse

    if total is None:
        _LOG.info("more than %d clusters: only pairs that share points are kept", DENSE_CLUSTERS)
    counts = count_sparse(arrays, ids, first, threads, _check_pairs)
    if total is not None:
        counts = total + counts
        _check_pairs(counts.nnz)
    return counts


def _is_left_out(counted: Overlaps) -> np.ndarray:
    """Which of the clusters, (K,), are points left out."""
    if counted.noise is None:
        return np.zeros(counted.n_clusters, bool)
    return counted.cluster == counted.noise


def _leave_out(counted: Overlaps) -> Overlaps:
    """Return the overlaps without the clusters of points left out."""
    kept = ~_is_left_out(counted)
    if kept.all():
        return counted
    return replace(
        counted,
        counts=_fitting(_pick(counted.counts, np.flatnonzero(kept))),
        realization=counted.realization[kept],
        cluster=counted.cluster[kept],
    )


def choose_backend(backend: str, n_points: int, n_realizations: int, threads: int) -> str:
    """Return, and log, what a name of BACKENDS or ``auto`` stands for; ConfigError for another."""
    chosen = choose_name(["auto", *BACKENDS], backend, "backend")
    if backend == "auto":
        worth = is_worth_a_device(n_points, n_realizations, threads)
        chosen = "jax" if worth and _sees_accelerator() else "numba"
    device = _name_device() if chosen == "jax" else f"the CPU, {threads} threads"
    _LOG.info(
        "counting overlaps with the %s backend on %s (asked for: %s)", chosen, device, backend
    )
    return chosen


def _name_device() -> str:
    with extra("jax"):
        import jax

    device = jax.devices()[0]
    return "the CPU" if device.platform == "cpu" else device.device_kind


def _sees_accelerator() -> bool:
    # Loading JAX takes a second: not worth it where none of its device plugins is installed.
    if find_spec("jax_plugins") is None and find_spec("libtpu") is None:
        return False
    import jax

    return jax.default_backend() != "cpu"


def _count_with_numba(
    arrays: list[np.ndarray],
    ids: list[np.ndarray],
    first: int,
    threads: int,
    counts: np.ndarray | None = None,
) -> np.ndarray:
    from kohorte.ensemble.popcount import count_slab

    return count_slab(arrays, ids, first, threads, counts)


def _count_with_jax(
    arrays: list[np.ndarray],
    ids: list[np.ndarray],
    first: int,
    threads: int,
    counts: np.ndarray | None = None,
) -> np.ndarray:
    from kohorte.ensemble.accelerated import count_slab

    found = count_slab(arrays, ids, first, threads)
    if counts is None:
        return found
    counts += found
    return counts


BACKENDS: dict[str, Callable[..., np.ndarray]] = {
    "numba": _count_with_numba,
    "jax": _count_with_jax,
}
"""Name -> function(arrays, ids, first, threads, counts=None) that counts one slab, and adds it to
`counts`; see popcount.count_slab."""


def check_threads(threads: int | None) -> int:
    """Return a number of threads: as given, else NUMBA_NUM_THREADS, else all cores."""
    if threads is None:
        from numba import config

        return int(vars(config)["NUMBA_NUM_THREADS"])  # set when it is imported
    if isinstance(threads, bool) or int(threads) != threads or threads < 1:
        raise ConfigError(f"threads must be a positive whole number, not {threads!r}")
    return int(threads)


def check_each(values: npt.ArrayLike, count: int, name: str, of: str) -> np.ndarray:
    """Return `values` as an array, one for each of `count` things; DataError for another shape."""
    values = np.asarray(values)
    if values.shape != (count,):
        raise DataError(
            f"{name} have shape {values.shape}; expected one for each of the {count} {of}"
        )
    return values


def _check_total(ids: list[np.ndarray]) -> None:
    n_clusters = sum(len(x) for x in ids)
    widest = max(range(len(ids)), key=lambda r: len(ids[r]))
    if n_clusters > MAX_CLUSTERS:
        raise DataError(
            f"{n_clusters} clusters in all realizations are too many: at most {MAX_CLUSTERS} can "
            f"be compared; realization {widest} has the most, {len(ids[widest])}. Leave out "
            "realizations, or make coarser ones"
        )
    if len(ids[widest]) > MAX_WIDTH:
        raise DataError(
            f"realization {widest} has {len(ids[widest])} clusters, more than {MAX_WIDTH}, the "
            "most of one; leave it out, or make it coarser"
        )


def _check_pairs(number: int) -> None:
    """Raise DataError for more than MAX_PAIRS pairs of clusters that share points."""
    if number > MAX_PAIRS:
        raise DataError(
            f"more than {MAX_PAIRS} pairs of clusters share points: their counts would take over "
            f"{MAX_PAIRS * PAIR_BYTES / 1e9:.1f} GB. Leave out realizations, or make coarser ones"
        )


def _split(overlaps: Overlaps) -> list[np.ndarray]:
    """Return the cluster ids of each realization."""
    return np.split(overlaps.cluster, overlaps.offsets[1:-1])


def _positions(ids: list[np.ndarray], larger: list[np.ndarray]) -> np.ndarray:
    """Return where the clusters ``ids`` are among the clusters ``larger``."""
    starts = np.cumsum([0] + [len(x) for x in larger[:-1]])
    return np.concatenate(
        [start + np.searchsorted(y, x) for start, x, y in zip(starts, ids, larger, strict=True)]
    )


def _embed(counts: Counts, ids: list[np.ndarray], larger: list[np.ndarray]) -> Counts:
    """Return a copy of the counts with empty rows and columns for the clusters not in ``ids``."""
    n_clusters = sum(len(x) for x in larger)
    where = _positions(ids, larger)
    if n_clusters > DENSE_CLUSTERS:
        return _place(counts, where, n_clusters)
    result = np.zeros((n_clusters, n_clusters), dtype=np.int64)
    result[np.ix_(where, where)] = counts
    return result


def _place(counts: Counts, where: np.ndarray, n_clusters: int) -> csr_array:
    """Return counts as sparse ones of more clusters, among which they are at ascending places."""
    from scipy.sparse import csr_array

    found = csr_array(counts)
    per_row = np.zeros(n_clusters, np.int64)
    per_row[where] = np.diff(found.indptr)
    starts = np.concatenate([[0], np.cumsum(per_row)])
    return csr_array((found.data, where[found.indices], starts), shape=(n_clusters, n_clusters))


def _pick(counts: Counts, where: np.ndarray) -> Counts:
    """Return the counts of some clusters with each other."""
    if isinstance(counts, np.ndarray):
        from kohorte.ensemble import chain

        found = np.empty((where.size, where.size), counts.dtype)
        chain.pick(counts, where, where, found)
        return found
    picked = counts[where][:, where]
    picked.sort_indices()
    return picked


def _fitting(counts: Counts) -> Counts:
    """Return the counts as all pairs where there are few enough clusters."""
    if isinstance(counts, np.ndarray) or counts.shape[0] > DENSE_CLUSTERS:
        return counts
    return counts.toarray()


def _assemble(counts: Counts, ids: list[np.ndarray], n_points: int, noise: int | None) -> Overlaps:
    widths = [len(x) for x in ids]
    return Overlaps(
        counts=_fitting(counts),
        realization=np.repeat(np.arange(len(ids), dtype=np.int32), widths),
        cluster=np.concatenate(ids).astype(np.int64),
        n_points=n_points,
        n_realizations=len(ids),
        noise=None if noise is None else int(noise),
    )
