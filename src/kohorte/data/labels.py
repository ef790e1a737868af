"""Label arrays that other clusterers made: one file, one cluster for each point."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from kohorte.data.arrays import check_members, open_npy_array, read_member
from kohorte.data.hdf5 import find_dataset, has_member, open_file
from kohorte.data.names import TEXT_KEYS, find_file, find_reader
from kohorte.data.packing import unpacked
from kohorte.data.reading import LABEL_SECTION, ReadOptions, damages, whole_digits
from kohorte.data.sources import open_source
from kohorte.errors import DataError

_LOG = logging.getLogger(__name__)

#: Id of points that a realization did not see, where no other id says so.
UNSEEN = -1

#: Names of a first column that numbers the rows: of pandas, as it writes and as it reads, and of R.
_ROW_NAMES = ("", "Unnamed: 0", "rownames", "row.names", "__index_level_0__")


class OpenedLabels(NamedTuple):
    """The labels of one file, of N points."""

    array: np.ndarray | _Dataset  # (N,) integers: an array, a memory map or an HDF5 dataset
    n_missing: int = 0  # Points without a label, which have the id `noise`, or UNSEEN


@contextmanager
def open_labels(
    path: str | Path,
    name: str = "labels",
    *,
    noise: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Iterator[OpenedLabels]:
    """Open a label file.

    Whole numbers are the ids of clusters, whatever their type; text is numbered in the order of its
    names. A missing label, as NaN, an empty field or NA, is that of a point which this realization
    did not see. Integers of `.npy` and HDF5 files are read as they are sliced; anything else is
    read at once. Raises DataError: the file cannot be read, or holds fractions; negative ids are
    found when the labels are counted.

    Parameters
    ----------
    path
        `.npy`, or a file that can be a table: of it, one column is read, and no other is looked at.
    name
        Column of a table, dataset of an HDF5 file, array of a `.npz`; where it is not there, and
        one column is left beside the names of rows, that one.
    noise
        Id of the points that a realization leaves out, also where it is text.
    options
        How text files are read, and what is missing: `delimiter`, `comment`, `header`, `encoding`,
        `missing_values`, `not_missing`; and which `table` of a file of several.
    """
    title, suffix = str(path), Path(path).suffix.lower()
    given = {key: value for key, value in (options or {}).items() if value is not None}
    given |= {k: tuple(v) for k, v in given.items() if isinstance(v, list | tuple)}
    rules = ReadOptions(section=LABEL_SECTION, **given).missing_rules
    if suffix == ".npy" and not _has_records(title):
        with damages(title):
            labels = open_npy_array(title, find_file(title))
        yield _take(title, "array", labels, noise, rules)
    elif suffix in (".h5", ".hdf5") and _has_dataset(title, name):
        with open_file(title, find_file(title)) as file:
            found = _Dataset(title, unpacked(find_dataset(title, file, name)))
            yield _take(title, f"dataset {name!r}", found, noise, rules)
    elif suffix == ".npz" and (array := _array_of(title, name)) is not None:
        yield _take(title, f"array {name!r}", array, noise, rules)
    else:
        reader = find_reader(title)
        if reader is not None:
            foreign = set(TEXT_KEYS) - set(reader.text_keys)
            given = {key: value for key, value in given.items() if key not in foreign}
        if reader is not None and not reader.has_tables:
            given.pop("table", None)
        with open_source(title, ReadOptions(section=LABEL_SECTION, label=name, **given)) as source:
            column = _choose_column(title, source.names, name, source.asides)
            values = source.read_column(column, np.arange(source.n_rows))
            yield _encode(title, f"column {source.names[column]!r}", values, noise)


def _has_records(title: str) -> bool:
    with damages(title):
        return open_npy_array(title, find_file(title)).dtype.names is not None


def _has_dataset(title: str, name: str) -> bool:
    """Tell whether an HDF5 file has labels of that name, or else no table by column either."""
    with open_file(title, find_file(title)) as file, damages(title):
        if not has_member(title, file, name):
            return not len(file)
        found = file[name]
        return isinstance(found, h5py.Dataset) and found.dtype.names is None


class _Dataset:
    """An HDF5 dataset that says what is wrong with its file when reading it fails."""

    def __init__(self, title: str, dataset: Any) -> None:  # of HDF5, or unpacked
        self.shape, self.dtype = dataset.shape, dataset.dtype
        self._title, self._dataset = title, dataset

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: slice) -> np.ndarray:
        with damages(self._title):
            return self._dataset[key]

    def read_direct(self, out: np.ndarray, source: slice) -> None:
        """Read the rows `source` into `out`."""
        with damages(self._title):
            self._dataset.read_direct(out, source)


def _take(
    title: str, what: str, array: np.ndarray | _Dataset, noise: int | None, rules: Any
) -> OpenedLabels:
    """Take an array as it is where it holds integers, none of which mean a missing label."""
    shape, kind = array.shape or (), array.dtype.kind
    if len(shape) == 2 and 1 in shape:  # as MATLAB has columns
        with damages(title):
            array = np.asarray(array[:]).reshape(-1)
        shape = array.shape
    if len(shape) != 1 or kind not in "iufbSUO":
        raise DataError(
            f"{title}: labels must be one row of whole numbers or names, one for each point; found "
            f"shape {array.shape} of {array.dtype}"
            + ("; of memberships take the largest, by argmax(axis=1)" if len(shape) == 2 else "")
        )
    if kind in "iu" and not rules.numbers:
        return OpenedLabels(array)
    with damages(title):
        values = np.asarray(array[:])
    return _encode(title, what, rules.mask(values, lambda words: None), noise)


def _encode(title: str, what: str, values: np.ndarray, noise: int | None) -> OpenedLabels:
    """Return integers for labels of any type; those that are missing are NaN, None or empty."""
    left_out = UNSEEN if noise is None else noise
    if values.dtype.kind in "iub":
        return OpenedLabels(values.astype(np.int64) if values.dtype.kind == "b" else values)
    if values.dtype.kind == "f":
        absent, numbers = np.isnan(values), values
    elif values.dtype.kind in "SUO":
        texts = [_text(title, what, row, value) for row, value in enumerate(values.tolist())]
        absent = np.array([text is None for text in texts])
        known = {text: _number(text) for text in texts if text is not None}
        if None in known.values():
            return _encode_names(title, what, texts, noise)
        numbers = np.array([np.nan if text is None else known[text] for text in texts], float)
    else:
        raise DataError(f"{title}: {what} holds {values.dtype}, but labels are numbers or text")
    digits = whole_digits(numbers.dtype)
    with np.errstate(invalid="ignore"):
        broken = ~absent & ((numbers != np.floor(numbers)) | (np.abs(numbers) >= 2.0**digits))
    if broken.any():
        row = int(np.argmax(broken))
        raise DataError(
            f"{title}: {what}, data row {row}: {numbers[row]} is not a whole number below "
            f"2^{digits}, but labels are cluster ids"
        )
    _check_some(title, what, absent)
    ids = np.where(absent, left_out, numbers).astype(np.int64)
    n_missing = int(np.count_nonzero(absent))
    negative = ids[~absent & (ids < 0)]
    if n_missing and noise is None and negative.size:
        raise negative_id(title, int(negative[0]))
    return OpenedLabels(ids, n_missing)


def _encode_names(
    title: str, what: str, texts: list[str | None], noise: int | None
) -> OpenedLabels:
    absent = np.array([text is None or text == str(noise) for text in texts])
    _check_some(title, what, absent)
    present = [text for text, gone in zip(texts, absent, strict=True) if not gone]
    names, codes = np.unique(np.array(present), return_inverse=True)
    ids = np.full(len(texts), UNSEEN if noise is None else noise, dtype=np.int64)
    # The numbers of names must not be the one of points that are left out.
    ids[~absent] = codes + max(0, -1 if noise is None else noise + 1)
    _LOG.info("%s: %s: %d names of clusters are numbered in their order", title, what, len(names))
    return OpenedLabels(ids, int(np.count_nonzero(absent)))


def negative_id(title: str, value: int, *, has_gaps: bool = True) -> DataError:
    """Make the error for an id that is negative, by default where others of the study are missing.

    Without gaps such points may be given an id of their own.
    """
    why = ", and labels are missing" if has_gaps else ""
    other = "" if has_gaps else ", else give such points an id of their own"
    return DataError(
        f"{title}: holds the negative id {value}{why}; where it marks points that a realization "
        f"leaves out, set realizations.noise: {value}{other}"
    )


def _check_some(title: str, what: str, absent: np.ndarray) -> None:
    if absent.all():
        raise DataError(f"{title}: {what} has no label: all {len(absent)} are missing")


def _text(title: str, what: str, row: int, value: Any) -> str | None:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    try:
        text = value.decode("utf-8") if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError as error:
        raise DataError(f"{title}: {what}, data row {row}: no UTF-8 text") from error
    return text.strip() or None


def _number(text: str) -> float | None:
    try:
        number = None if "_" in text else float(text)
    except ValueError:
        return {"True": 1.0, "False": 0.0}.get(text)
    return number


def _choose_column(title: str, names: tuple[str, ...], name: str, asides: Mapping[str, str]) -> int:
    if name in names:
        return names.index(name)
    named = [
        k for k, own in enumerate(names) if own not in asides and (k > 0 or own not in _ROW_NAMES)
    ]
    left = named or list(range(len(names)))
    if len(left) == 1:
        return left[0]
    raise DataError(
        f"{title}: no column {name!r}; it has {', '.join(names[k] for k in left)}, so name the "
        "labels by realizations.label_name"
    )


def _array_of(title: str, name: str) -> np.ndarray | None:
    """Return a one-dimensional array of a .npz file; None where the file may be a table."""
    path = find_file(title)
    if not zipfile.is_zipfile(path):
        return None
    with damages(title), np.load(path, allow_pickle=False) as archive:
        check_members(title, archive)
        arrays = [key for key in archive.files if key == name] or archive.files
        if len(arrays) == 1:
            found = read_member(title, archive, arrays[0])
            is_flat = found.ndim == 1 or (found.ndim == 2 and 1 in found.shape)
            return found.reshape(-1) if is_flat and not found.dtype.names else None
    return None
