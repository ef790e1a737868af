"""Label arrays that other clusterers made: one file, one cluster id for each point."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from kohorte.data.arrays import open_npy_array
from kohorte.data.hdf5 import find_dataset, open_file
from kohorte.data.reading import LARGEST_WHOLE, damages
from kohorte.data.sources import find_file, read_table
from kohorte.errors import DataError


@contextmanager
def open_labels(path: str | Path, name: str = "labels") -> Iterator[np.ndarray | _Dataset]:
    """Open a label file; yields an (N,) array, memory map or HDF5 dataset of integers.

    `path`: `.npy` (mapped), `.h5` / `.hdf5` (read as it is sliced), or a table (`.csv`, `.tsv`,
    `.txt`, `.parquet`) with one label column; `name`: dataset of an HDF5 file, or column of a table
    that has several. Raises DataError: the file cannot be read, or does not hold whole numbers;
    negative ids are found when the labels are counted.
    """
    title, suffix = str(path), Path(path).suffix.lower()
    if suffix == ".npy":
        with damages(title):
            labels = open_npy_array(title, find_file(title))
        _check(title, labels)
        yield labels
    elif suffix in (".h5", ".hdf5"):
        with open_file(title, find_file(title)) as file:
            dataset = _Dataset(title, find_dataset(title, file, name))
            _check(title, dataset)
            yield dataset
    else:
        yield _read_column(title, name)


class _Dataset:
    """An HDF5 dataset that says what is wrong with its file when reading it fails."""

    def __init__(self, title: str, dataset: h5py.Dataset) -> None:
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


def _check(title: str, array: np.ndarray | _Dataset) -> None:
    shape = array.shape or ()
    if len(shape) != 1 or array.dtype.kind not in "iu":
        raise DataError(
            f"{title}: labels must be one row of integers, one for each point; found shape "
            f"{array.shape} of {array.dtype}"
        )


def _read_column(title: str, name: str) -> np.ndarray:
    # A gap in another column does no harm; one in the labels is no whole number.
    table = read_table(title, missing="skip")
    column = 0 if table.n_features == 1 else None
    if column is None:
        if name not in table.names:
            raise DataError(
                f"{title}: no column {name!r}; it has {', '.join(table.names)}, so name the labels "
                "by realizations.label_name"
            )
        column = table.names.index(name)
    values = table.values[:, column]
    broken = np.flatnonzero((values != np.floor(values)) | (np.abs(values) > LARGEST_WHOLE))
    if broken.size:
        raise DataError(
            f"{title}: column {table.names[column]!r}, data row {broken[0]}: "
            f"{values[broken[0]]} is not a whole number up to 2^53, but labels are cluster ids"
        )
    return values.astype(np.int64)
