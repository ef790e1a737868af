"""Label arrays that other clusterers made: one file, one cluster id for each point."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from kohorte.data.arrays import open_npy_array
from kohorte.data.hdf5 import find_dataset
from kohorte.data.sources import read_table
from kohorte.errors import DataError


@contextmanager
def open_labels(path: str | Path, name: str = "labels") -> Iterator:
    """Open a label file; yields an (N,) array, memory map or HDF5 dataset of integers.

    Args:
        path: `.npy` (mapped), `.h5` / `.hdf5` (read as it is sliced), or a table (`.csv`, `.tsv`,
            `.txt`, `.parquet`) with one label column.
        name: dataset of an HDF5 file, or column of a table that has several.

    Raises:
        DataError: the file cannot be read, or does not hold whole numbers; negative ids are found
            when the labels are counted.
    """
    title, suffix = str(path), Path(path).suffix.lower()
    if suffix == ".npy":
        yield _checked(title, open_npy_array(title, path))
    elif suffix in (".h5", ".hdf5"):
        import h5py

        if not h5py.is_hdf5(path):
            raise DataError(f"{title}: is not an HDF5 file, or it is not there")
        with h5py.File(path, "r") as file:
            yield _checked(title, find_dataset(title, file, name))
    else:
        yield _read_column(title, name)


def _checked(title: str, array):
    if len(array.shape) != 1 or array.dtype.kind not in "iu":
        raise DataError(
            f"{title}: labels must be one row of integers, one for each point; found shape "
            f"{tuple(array.shape)} of {array.dtype}"
        )
    return array


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
    broken = np.flatnonzero(values != np.floor(values))
    if broken.size:
        raise DataError(
            f"{title}: column {table.names[column]!r}, data row {broken[0]}: "
            f"{values[broken[0]]} is not a whole number, but labels are cluster ids"
        )
    return values.astype(np.int64)
