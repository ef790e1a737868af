"""The same table in every format that is read, and what is peculiar to each."""

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

from kohorte.data.names import READERS, extension
from kohorte.data.sources import read_table
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
