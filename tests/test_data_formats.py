"""The same table in every format that is read, and what is peculiar to each."""

import h5py
import numpy as np
import pytest
from tables_of_formats import (
    BY_NAME,
    CLASSES,
    GAPPED,
    GRIDS,
    NAMES,
    NO_CLASSES,
    SHAPE,
    VALUES,
    WRITERS,
)

from kohorte.data.names import COPIES, READERS, extension
from kohorte.data.names import GRIDS as GRIDS_OF
from kohorte.data.sources import read_table
from kohorte.data.writing import write_like
from kohorte.errors import DataError


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Writes each file once; gives its path."""
    folder, made = tmp_path_factory.mktemp("formats"), {}

    def write(name):
        if name not in made:
            WRITERS[name](folder / name)
            made[name] = folder / name
        return made[name]

    return write


def test_every_format_is_tried():
    tried = {extension(name) for name in WRITERS} | {"sklearn:", "generated:"}
    # Other names of formats that are tried.
    others = {".xlsm", ".fit", ".fts", ".nc4", ".tiff", ".txt", ".tab", ".data", ".dat"}
    assert set(READERS) - tried == others


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_table(files, name):
    path = files(name)
    features = [n.replace("-", "_") if name.endswith(".mat") else n for n in NAMES]
    if name in BY_NAME:
        features.sort()
    label = None if name in NO_CLASSES else "kind"
    table = read_table(path, label=label, missing="skip")
    assert list(table.names) == features
    expected = VALUES if name == "t.fcs" else GAPPED
    expected = expected[:, [1, 0, 2]] if name in BY_NAME else expected
    np.testing.assert_array_equal(table.values, expected)
    assert table.shape == (SHAPE if name in GRIDS else None)
    if label is not None:
        assert table.label_names == ("high", "low")
        np.testing.assert_array_equal(table.labels, CLASSES == "low")
    part = read_table(path, features=[features[1]], stride=5, sample=9, seed=1, missing="skip")
    np.testing.assert_array_equal(part.values, expected[part.rows][:, 1:2])
    if name != "t.fcs":
        with pytest.raises(DataError, match=r"'CD19'.*missing value"):
            read_table(path, features=features)
        assert len(read_table(path, features=features, missing="drop").rows) == 119


ROWS = np.flatnonzero(np.arange(120) % 10 != 7)
LABELS = np.arange(120) % 4
ADDED = {
    "label": LABELS[ROWS].astype(np.int32),
    "confidence": np.linspace(0, 1, 120)[ROWS].astype(np.float32),
    "CD3": ROWS,  # has the name of a column
    "group": np.array([f"group {k}" for k in LABELS[ROWS]]),
}


def copy_of(path, folder):
    kind = extension(str(path))
    return folder / f"copy{COPIES.get(kind) or GRIDS_OF[kind]}"


@pytest.mark.parametrize("name", WRITERS)
def test_a_copy_is_the_table_with_columns_added(files, tmp_path, name):
    path = files(name)
    before = None if path.is_dir() else path.read_bytes()
    copy = copy_of(path, tmp_path)
    write_like(path, ADDED, copy, rows=ROWS)
    write_like(path, ADDED, tmp_path / f"again{copy.suffix}", rows=ROWS)
    assert path.is_dir() or path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    if copy.suffix not in (".xlsx", ".ods"):
        assert copy.read_bytes() == (tmp_path / f"again{copy.suffix}").read_bytes()
    if name in ("fixed.h5", "pandas.h5", "pytables.h5", "astropy.h5", "records.npz"):
        # New columns lie beside a table of records, not in it.
        place = {"pytables.h5": "run/", "pandas.h5": "events/", "fixed.h5": "events/"}.get(name, "")
        open_one = h5py.File if copy.suffix == ".h5" else np.load
        with open_one(copy) as file:
            found = np.column_stack([file[f"{place}{n}"][:] for n in ("label", "confidence")])
        values, names = read_table(copy, missing="skip", label=None, features=list(NAMES)), NAMES
    else:
        names = [n.replace("-", "_") if name.endswith(".mat") else n for n in NAMES]
        with_values = name not in GRIDS and not name.endswith(".h5ad")
        values = read_table(copy, features=names, missing="skip") if with_values else None
        found = read_table(copy, features=["label", "confidence"], missing="skip").values
    none = np.isnan(found[:, 0]) | (found[:, 0] == -1)
    np.testing.assert_array_equal(np.flatnonzero(~none), ROWS)
    np.testing.assert_array_equal(found[ROWS, 0], LABELS[ROWS])
    np.testing.assert_allclose(found[ROWS, 1], ADDED["confidence"], rtol=1e-6)
    assert np.isnan(found[7::10, 1]).all()
    if values is not None:
        expected = VALUES if name == "t.fcs" else GAPPED
        np.testing.assert_array_equal(values.values, expected)
