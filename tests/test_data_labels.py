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
        return np.asarray(labels[:])


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
        assert isinstance(labels, np.memmap)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([0.0, 1.0]), r"a\.npy: labels must be one row of integers.*float64"),
        (np.zeros((2, 2), dtype=int), r"a\.npy: .*shape \(2, 2\)"),
    ],
)
def test_what_is_no_row_of_integers_is_refused(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.npy")


def test_pickles_missing_columns_and_fractions_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"a\.npy"):
        read(tmp_path / "a.npy")
    pd.DataFrame({"x": [0, 1], "y": [0, 1]}).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(DataError, match=r"no column 'labels'; it has x, y.*label_name"):
        read(tmp_path / "b.csv")
    pd.DataFrame({"x": [0, 1.5]}).to_csv(tmp_path / "c.csv", index=False)
    with pytest.raises(DataError, match=r"c\.csv: column 'x', data row 1: 1\.5 is not a whole"):
        read(tmp_path / "c.csv")
    (tmp_path / "d.h5").write_text("no")
    with pytest.raises(DataError, match=r"d\.h5: is not an HDF5 file"):
        read(tmp_path / "d.h5")
