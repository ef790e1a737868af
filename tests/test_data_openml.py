"""Data sets of OpenML: what is asked of scikit-learn, and what is made of what it gives."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets

from kohorte.data.names import is_file, reading_parts
from kohorte.data.sources import read_table
from kohorte.errors import ConfigError, DataError
from kohorte.study.figures import has_classes

FRAME = pd.DataFrame(
    {
        "age": np.array([31, 42, 53, 64], dtype=np.uint8),
        "job": pd.Categorical(["cook", "clerk", None, "cook"]),
        "balance": [1.5, np.nan, -3.25, 1e6],
        "day": pd.Categorical([1, 2, 2, 1]),
    }
)


@pytest.fixture
def asked(monkeypatch):
    """What was asked for; the answer is FRAME with a target that has a gap."""
    calls = []

    def fetch(**arguments):
        calls.append(arguments)
        target = pd.Series(pd.Categorical(["no", "yes", None, "no"]), name="y")
        return SimpleNamespace(data=FRAME, target=target)

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    return calls


@pytest.mark.parametrize(
    ("source", "chosen"),
    [
        ("openml:bank-marketing", {"name": "bank-marketing", "version": 1}),
        ("openml:mnist_784/2", {"name": "mnist_784", "version": 2}),
        ("openml:1461", {"data_id": 1461}),
    ],
)
def test_names_versions_and_numbers(asked, source, chosen):
    table = read_table(source, missing="skip")
    assert chosen.items() <= asked[0].items()
    assert table.names == ("age", "balance", "day")  # the text is left out
    np.testing.assert_array_equal(table.values[:, 0], [31, 42, 53, 64])
    np.testing.assert_array_equal(table.values[:, 1], [1.5, np.nan, -3.25, 1e6])
    np.testing.assert_array_equal(table.values[:, 2], [1, 2, 2, 1])
    assert table.label_names == ("no", "yes")
    assert table.labels.tolist() == [0, 1, -1, 0]
    assert not is_file(source)
    assert has_classes({"source": source, "label": None})
    assert "data/openml" in reading_parts(source)


def test_chosen_features_and_rows(asked):
    table = read_table("openml:x", features=["day", "age"], stride=3)
    assert table.values.tolist() == [[1, 31], [1, 64]]
    with pytest.raises(DataError, match="'job'"):
        read_table("openml:x", features=["job"])


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("openml:a/b", DataError, "give its name, openml:mnist_784"),
        ("openml:", DataError, "give its name"),
        ("openml:61/2", DataError, "leave /2 out"),
    ],
)
def test_names_that_are_none(asked, source, error, message):
    with pytest.raises(error, match=message):
        read_table(source)
    assert asked == []


def test_labels_are_its_own(asked):
    with pytest.raises(ConfigError, match="brings its own labels"):
        read_table("openml:x", label="job")


def test_without_internet_or_target(monkeypatch):
    def fail(**arguments):
        raise OSError("Name or service not known")

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fail)
    with pytest.raises(
        DataError, match=r"cannot be fetched \(Name or service not known\).*internet"
    ):
        read_table("openml:x")
    empty = SimpleNamespace(data=FRAME, target=None)
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", lambda **arguments: empty)
    with pytest.raises(DataError, match="no single target"):
        read_table("openml:x")
