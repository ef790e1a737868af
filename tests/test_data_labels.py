"""Label files of other clusterers."""

import h5py
import numpy as np
import pandas as pd
import pytest

from kohorte.data.labels import open_labels
from kohorte.errors import DataError

LABELS = np.array([3, 0, 0, 7])


def read(path, **options):
    with open_labels(path, **options) as labels:
        return np.asarray(labels.array[:])


def test_every_format(tmp_path):
    np.save(tmp_path / "a.npy", LABELS.astype(np.uint8))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["labels"] = LABELS
        file["deep/ids"] = LABELS
    pd.DataFrame({"x": LABELS}).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame({"x": LABELS * 0, "labels": LABELS}).to_parquet(tmp_path / "a.parquet")
    for name in ("a.npy", "a.h5", "a.csv", "a.parquet"):
        np.testing.assert_array_equal(read(tmp_path / name), LABELS)
    np.testing.assert_array_equal(read(tmp_path / "a.h5", name="deep/ids"), LABELS)


def test_large_arrays_are_not_loaded(tmp_path):
    np.save(tmp_path / "a.npy", LABELS)
    with open_labels(tmp_path / "a.npy") as labels:
        assert isinstance(labels.array, np.memmap)


def test_what_is_no_row_of_integers_is_refused(tmp_path):
    np.save(tmp_path / "fraction.npy", np.array([0.0, 0.5]))
    np.save(tmp_path / "matrix.npy", np.zeros((2, 2), dtype=int))
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object), allow_pickle=True)
    pd.DataFrame({"x": [0, 1], "y": [0, 1]}).to_csv(tmp_path / "two.csv", index=False)
    pd.DataFrame({"x": [0, 1.5]}).to_csv(tmp_path / "half.csv", index=False)
    (tmp_path / "text.h5").write_text("no")
    for name, message in {
        "fraction.npy": r"array, data row 1: 0\.5 is not a whole number",
        "matrix.npy": r".*shape \(2, 2\)",
        "pickle.npy": "",
        "two.csv": "no column 'labels'; it has x, y.*label_name",
        "half.csv": r"column 'x', data row 1: 1\.5 is not a whole",
        "text.h5": "is not an HDF5 file",
    }.items():
        with pytest.raises(DataError, match=f"{name}: {message}"):
            read(tmp_path / name)
