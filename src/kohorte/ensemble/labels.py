"""Label arrays of an ensemble: checks, slabs of points that fit in memory, and cluster ids."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kohorte._arrays import as_entries, find_missing, is_missing
from kohorte._checks import is_real
from kohorte.errors import ConfigError, DataError

_LOG = logging.getLogger(__name__)

Labels = Sequence[Any] | np.ndarray
"""R label arrays, memory maps or HDF5 datasets of N points, or one (R, N) array or dataset."""

MAX_BYTES = 2**26
"""Label bytes held in memory at once unless the caller says otherwise (64 MiB)."""

MAX_SLAB = 2**30
"""Most points of one slab: its counts then fit in 32 bits."""

_LEAST_IN_MEMORY = 2**20  # points of a slab that need not be read
_TABLE_RANGE = 2**16
_PIECE = 2**11  # points looked at first for all ids


@dataclass(frozen=True, eq=False)
class LabelSet:
    """R label arrays over the same N points, checked by their shapes and types.

    ``sources`` are one-dimensional and sliceable: arrays, memory maps, HDF5 datasets.
    """

    sources: tuple[Any, ...]
    n_points: int

    @property
    def n_realizations(self) -> int:
        """Number of label arrays."""
        return len(self.sources)

    def slabs(
        self, slab: int | None = None, max_bytes: int = MAX_BYTES
    ) -> Iterator[tuple[int, int, list[np.ndarray]]]:
        """Yield (start, stop, R arrays of the points start..stop-1), in order.

        What is not in memory already is read one slab ahead, and two slabs together never exceed
        ``max_bytes``. The arrays are contiguous, of native byte order and not to be written to;
        they are overwritten once the slab after the next is asked for.
        """
        in_memory = all(_in_memory(source) for source in self.sources)
        size = self.slab_size(slab, max_bytes)
        if in_memory and slab is None:
            size = max(size, _LEAST_IN_MEMORY)
        ranges = [(a, min(a + size, self.n_points)) for a in range(0, self.n_points, size)]
        if in_memory:
            for start, stop in ranges:
                yield start, stop, [_native(x[start:stop]) for x in self.sources]
            return
        # Reading into the same buffers again spares the system the clearing of new pages.
        buffers = [
            [np.empty(size, dtype=x.dtype.newbyteorder("=")) for x in self.sources]
            for _ in ranges[:2]
        ]
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(self._read, *ranges[0], buffers[0])
            for k, (start, stop) in enumerate(ranges):
                arrays = coming.result()
                if k + 1 < len(ranges):
                    coming = reader.submit(self._read, *ranges[k + 1], buffers[(k + 1) % 2])
                yield start, stop, arrays

    def slab_size(self, slab: int | None = None, max_bytes: int = MAX_BYTES) -> int:
        """Points per slab: as asked for, or as many as the memory budget allows."""
        if slab is not None and not (is_real(slab) and slab >= 1 and slab == int(slab)):
            raise ConfigError(f"slab must be a positive number of points, not {slab!r}")
        bytes_per_point = 2 * sum(source.dtype.itemsize for source in self.sources)
        allowed = int(max_bytes) // bytes_per_point
        if allowed < 1:
            raise ConfigError(
                f"max_bytes = {max_bytes} cannot hold two slabs of one point of "
                f"{self.n_realizations} realizations; at least {bytes_per_point} bytes are needed"
            )
        return min(allowed if slab is None else min(int(slab), allowed), MAX_SLAB, self.n_points)

    def _read(self, start: int, stop: int, buffers: list[np.ndarray]) -> list[np.ndarray]:
        arrays = [buffer[: stop - start] for buffer in buffers]
        for source, array in zip(self.sources, arrays, strict=True):
            if hasattr(source, "read_direct"):
                source.read_direct(array, np.s_[start:stop])
            else:
                array[:] = source[start:stop]
        return arrays


class _Row:
    """Row r of a two-dimensional dataset as if it were a one-dimensional one."""

    def __init__(self, matrix: Any, row: int) -> None:
        self.matrix, self.row = matrix, row
        self.shape, self.dtype = matrix.shape[1:], matrix.dtype

    def __getitem__(self, key: slice) -> np.ndarray:
        return self.matrix[self.row, key]


#: What to do about labels of other types than integers, by their kind.
_REMEDIES = dict.fromkeys("OUS", "number them by encode_labels") | {"b": "convert with astype(int)"}


def check_labels(labels: Labels) -> LabelSet:
    """Check R label arrays of N points by shape and type, without reading them.

    Values are checked when they are read. DataError for no realization, no points, different
    lengths, not one-dimensional, not integers.
    """
    if isinstance(labels, str | bytes | dict) or not hasattr(labels, "__len__"):
        raise DataError(
            f"labels must be a sequence of label arrays or an (R, N) array, not {type(labels)}"
        )
    if hasattr(labels, "ndim") and labels.ndim != 2:
        raise DataError(
            f"labels are one array of shape {np.shape(labels)}; expected (R, N), one row per "
            "realization, or a sequence of R arrays"
        )
    if len(labels) == 0:
        raise DataError("no realization: labels are empty")
    if hasattr(labels, "iloc") and hasattr(labels, "columns"):
        raise DataError(
            "labels are a DataFrame, whose columns or rows could be the realizations; give "
            "[frame[name] for name in frame] where each column is one"
        )
    sources: tuple[Any, ...]
    if isinstance(labels, np.ndarray):
        sources = tuple(labels)
    elif hasattr(labels, "ndim"):
        sources = tuple(_Row(labels, r) for r in range(len(labels)))
    else:
        # Series of pandas and its arrays have types of their own.
        sources = tuple(x if _is_sliceable(x) else np.asarray(x) for x in labels)
    seen: dict[int, int] = {}
    for r, source in enumerate(sources):
        if np.ma.is_masked(source):
            raise DataError(
                f"labels of realization {r} have masked entries; fill them with a number that "
                "marks points left out, such as labels.filled(-1) with noise=-1"
            )
        if len(source.shape) != 1:
            raise DataError(f"labels of realization {r} have shape {source.shape}; expected (N,)")
        if source.shape[0] != sources[0].shape[0]:
            raise DataError(
                f"labels of realization {r} have {source.shape[0]} points, those of realization 0 "
                f"{sources[0].shape[0]}; all must label the same points"
            )
        if source.dtype.kind not in "iu" and source.shape[0] > 0:
            remedy = _REMEDIES.get(
                source.dtype.kind,
                "replace missing values by a cluster id of their own and convert with astype",
            )
            raise DataError(f"labels of realization {r} are {source.dtype}, not integers; {remedy}")
        twin = seen.setdefault(id(source), r)
        if twin != r:
            _LOG.warning("realizations %d and %d are the same array; counted as two", twin, r)
    if sources[0].shape[0] == 0:
        raise DataError("labels hold no points")
    return LabelSet(sources, int(sources[0].shape[0]))


def find_copies(labels: Labels) -> np.ndarray:
    """Return, for each of R label arrays, the first one with the same labels, (R,) int64.

    That is its own place unless it is a copy: such arrays are no evidence of their own, and should
    be counted once. Arrays are read block by block as long as some of them are equal so far.
    DataError for labels that are no integers.
    """
    first = np.arange(len(labels))
    by_length: dict[int, list[int]] = {}
    for r, array in enumerate(labels):
        by_length.setdefault(len(array), []).append(r)
    alike, start, size = [rs for rs in by_length.values() if len(rs) > 1], 0, _PIECE
    while alike:
        refined = []
        for rs in alike:
            parts: dict[bytes, list[int]] = {}
            for r in rs:
                block = np.asarray(labels[r][start : start + size])
                if block.dtype.kind not in "iu":
                    raise DataError(f"labels of realization {r} are {block.dtype}, not integers")
                block = block.astype(np.int64)
                parts.setdefault(hashlib.blake2b(block.data).digest(), []).append(r)
            refined += [part for part in parts.values() if len(part) > 1]
        start, size = start + size, min(2 * size, _LEAST_IN_MEMORY)
        alike = []
        for part in refined:
            if start < len(labels[part[0]]):
                alike.append(part)
            else:
                first[part] = part[0]
    return first


def encode_labels(values: npt.ArrayLike, noise: object = None) -> tuple[np.ndarray, np.ndarray]:
    """Give numbers to labels of any type that can be sorted, such as text.

    Returns the cluster of each point from 0, (N,) int64, with -1 where the label is `noise`, which
    count_overlaps(noise=-1) takes; and the label of each cluster, (C,), ascending. DataError where
    `values` is not one label for each point, or cannot be sorted, such as numbers among text, and
    where one is missing (NaN, None, pd.NA) unless that is the `noise`.
    """
    if np.ma.is_masked(values):
        raise DataError("labels have masked entries; fill them with a label, and name it as noise")
    array = as_entries(values)
    if array.ndim != 1:
        raise DataError(f"labels have shape {array.shape}; expected (N,), one for each point")
    missing = find_missing(array)
    if noise is not None and is_missing(noise):
        left_out = missing
    elif missing.any():
        point = int(np.argmax(missing))
        raise DataError(
            f"the label of point {point} is missing ({array[point]}); give such points a label of "
            "their own, or name what marks them as noise"
        )
    else:
        left_out = np.zeros(array.shape, bool) if noise is None else np.asarray(array == noise)
    codes = np.full(array.shape, -1, np.int64)
    try:
        names, codes[~left_out] = np.unique(array[~left_out], return_inverse=True)
    except TypeError as error:
        raise DataError(f"labels cannot be sorted ({error}); give all of them one type") from None
    return codes, names


def find_ids(array: np.ndarray, realization: int, noise: int | None = None) -> np.ndarray:
    """Return the ascending int64 ids that occur in ``array``, ``noise`` among them.

    Raises DataError, which names ``realization``, for other negative ids and ids above 2^63 - 1.
    """
    low, high = int(array.min()), int(array.max())
    if high > np.iinfo(np.int64).max:
        raise DataError(f"labels of realization {realization} hold the id {high}, above 2^63 - 1")
    ids = _find_ids(array, low, high)
    strange = ids[(ids < 0) & (ids != (0 if noise is None else noise))]
    if strange.size:
        raise DataError(
            f"labels of realization {realization} hold the negative id {strange[0]}; where it "
            f"marks points to leave out, choose noise={strange[0]} (realizations.noise of a study),"
            " else give such points a non-negative cluster id of their own"
        )
    return ids


def _find_ids(array: np.ndarray, low: int, high: int) -> np.ndarray:
    if high - low >= _TABLE_RANGE:
        return np.unique(array).astype(np.int64)
    present = np.zeros(high - low + 1, dtype=bool)
    start, size = 0, _PIECE
    while start < array.size and not present.all():  # the first piece mostly holds all ids
        present[_offsets(array[start : start + size], low)] = True
        start, size = start + size, min(2 * size, 2**16)
    return np.flatnonzero(present) + np.int64(low)


def recode(array: np.ndarray, ids: np.ndarray, dtype: type = np.uint16) -> np.ndarray:
    """Replace every id by its position in the ascending ``ids`` (all of which must be known)."""
    low, span = int(ids[0]), int(ids[-1] - ids[0]) + 1
    if span == ids.size:
        return _offsets(array, low).astype(dtype, copy=False)
    if span > _TABLE_RANGE:
        return np.searchsorted(ids, array).astype(dtype)
    table: np.ndarray = np.zeros(span, dtype=dtype)
    table[ids - low] = np.arange(ids.size)
    return table[_offsets(array, low)]


def _offsets(array: np.ndarray, low: int) -> np.ndarray:
    if low < 0:  # the difference may not fit in the type of the labels
        array = array.astype(np.int64)
    return array if low == 0 else array - array.dtype.type(low)


def _native(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def _is_sliceable(labels: object) -> bool:
    """Tell whether labels are an array or dataset of a NumPy type, read part by part."""
    return isinstance(getattr(labels, "dtype", None), np.dtype) and not hasattr(labels, "iloc")


def _in_memory(source: object) -> bool:
    return isinstance(source, np.ndarray) and not isinstance(source, np.memmap)
