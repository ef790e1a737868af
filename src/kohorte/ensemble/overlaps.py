"""Overlaps of all pairs of clusters of an ensemble: exact counts, additive over points."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from kohorte._checks import choose_name, extra
from kohorte._limits import MAX_CLUSTERS, is_worth_a_device
from kohorte.ensemble.labels import MAX_BYTES, Labels, LabelSet, check_labels, find_ids
from kohorte.errors import ConfigError, DataError

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Numbers of points that pairs of clusters share.

    The K clusters of all realizations are ordered by realization, then by id; else, and where
    shapes do not fit, DataError is raised. `counts` (K, K) int64 has |A and B|: sizes on the
    diagonal, 0 between clusters of one realization. `realization` (K,) int32 and `cluster` (K,)
    int64 are the realization of each cluster and its id in the label array. `noise` is the label of
    the points that a realization leaves out: they are in none of its clusters.
    """

    counts: np.ndarray
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
        return np.diagonal(self.counts)

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

    DataError for labels of different lengths, not integers, negative, empty, and for more clusters
    than MAX_CLUSTERS; ConfigError for arguments out of range.
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
    where = _positions(ids_b, ids)
    counts[np.ix_(where, where)] += b.counts
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
    sizes = counted.counts[:, one_added].sum(axis=1)[~_is_left_out(counted)][:k]
    if not same or not np.array_equal(sizes, old.sizes):
        raise DataError(
            "the old labels are not those that the old overlaps were counted from: clusters or "
            "sizes differ"
        )
    new.counts[:k, :k] = old.counts
    return new


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
    counts = overlaps.counts[np.ix_(where, where)]
    return _assemble(counts, ids, overlaps.n_points, overlaps.noise)


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
    for _, _, arrays in labels.slabs(slab, max_bytes):
        found = [find_ids(array, r, noise) for r, array in enumerate(arrays)]
        if not ids:
            _check_total(found)
            ids, total = found, count_slab(arrays, found, first, threads)
            continue
        merged = [
            x if np.array_equal(x, y) else np.union1d(x, y) for x, y in zip(ids, found, strict=True)
        ]
        if any(x.size != y.size for x, y in zip(ids, merged, strict=True)):
            _check_total(merged)
            total, ids = _embed(total, ids, merged), merged
        total += count_slab(arrays, ids, first, threads)
    return _assemble(total, ids, labels.n_points, noise)


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
        counts=counted.counts[np.ix_(kept, kept)],
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
    arrays: list[np.ndarray], ids: list[np.ndarray], first: int, threads: int
) -> np.ndarray:
    from kohorte.ensemble.popcount import count_slab

    return count_slab(arrays, ids, first, threads)


def _count_with_jax(
    arrays: list[np.ndarray], ids: list[np.ndarray], first: int, threads: int
) -> np.ndarray:
    from kohorte.ensemble.accelerated import count_slab

    return count_slab(arrays, ids, first, threads)


BACKENDS: dict[str, Callable[..., np.ndarray]] = {
    "numba": _count_with_numba,
    "jax": _count_with_jax,
}
"""Name -> function(arrays, ids, first, threads) that counts one slab; see popcount.count_slab."""


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
    if n_clusters > MAX_CLUSTERS:
        widest = max(range(len(ids)), key=lambda r: len(ids[r]))
        raise DataError(
            f"{n_clusters} clusters in all realizations are too many: counts of all pairs are kept "
            f"for at most {MAX_CLUSTERS}; realization {widest} has the most, {len(ids[widest])}"
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


def _embed(counts: np.ndarray, ids: list[np.ndarray], larger: list[np.ndarray]) -> np.ndarray:
    """Return a copy of the counts with empty rows and columns for the clusters not in ``ids``."""
    n_clusters = sum(len(x) for x in larger)
    result = np.zeros((n_clusters, n_clusters), dtype=np.int64)
    where = _positions(ids, larger)
    result[np.ix_(where, where)] = counts
    return result


def _assemble(
    counts: np.ndarray, ids: list[np.ndarray], n_points: int, noise: int | None
) -> Overlaps:
    widths = [len(x) for x in ids]
    return Overlaps(
        counts=counts,
        realization=np.repeat(np.arange(len(ids), dtype=np.int32), widths),
        cluster=np.concatenate(ids).astype(np.int64),
        n_points=n_points,
        n_realizations=len(ids),
        noise=None if noise is None else int(noise),
    )
