"""Opening HDF5 files on any file system."""

from pathlib import Path

import h5py


def open_for_reading(path: str | Path) -> h5py.File:
    """Open a file for reading, without a lock where the file system has none (NFS, say).

    OSError, with a number where it is the system that refuses.
    """
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if error.errno is None:
            raise
        return h5py.File(path, "r", locking=False)
