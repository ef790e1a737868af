"""Data sets of OpenML, fetched by scikit-learn where there is internet; it keeps them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from kohorte._checks import extra
from kohorte.data.columns import ColumnSource, column_of
from kohorte.data.reading import NUMERIC_KINDS, ReadOptions, Source
from kohorte.errors import ConfigError, DataError

_NAME = re.compile(r"(?P<name>[^/]+)(/(?P<version>[1-9][0-9]*))?")


class OpenMLSource(ColumnSource):
    """A data set with its target as the ground truth."""

    def __init__(self, title: str, frame: Any, target: Any, options: ReadOptions) -> None:
        columns = {str(name): column_of(_as_array(frame[name])) for name in frame.columns}
        asides = {name: "text" for name, column in columns.items() if not column.is_numeric}
        super().__init__(title, columns, options, asides=asides)
        self.has_labels = True
        self._target = _as_array(target)

    def read_labels(self, rows: np.ndarray) -> np.ndarray:
        """Read the target."""
        return self._target[rows]


@contextmanager
def open_openml(title: str, name: str, options: ReadOptions) -> Iterator[Source]:
    """Open a data set by name, `name/version` or number, with its target as the ground truth.

    A name without a version is its first one, which stays the same forever. Columns of text are
    features only where they are named. DataError where it cannot be fetched or has no target.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise DataError(
            f"{title}: is no data set of OpenML; give its name, openml:mnist_784, with a version, "
            "openml:iris/1, or its number, openml:61"
        )
    if options.label is not None:
        raise ConfigError(f"{title} brings its own labels; leave label out")
    chosen: dict[str, Any]
    if found["name"].isdigit():
        if found["version"]:
            raise DataError(f"{title}: a number names one version; leave /{found['version']} out")
        chosen = {"data_id": int(found["name"])}
    else:
        chosen = {"name": found["name"], "version": int(found["version"] or 1)}
    with extra("estimators"):
        from sklearn.datasets import fetch_openml
    try:
        bunch = fetch_openml(**chosen, as_frame=True, parser="auto", n_retries=2, delay=1.0)
    except Exception as error:  # of the network, of the server, of files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{title}: cannot be fetched ({reason}); OpenML needs internet the first time: where "
            "there is none, fetch the set elsewhere, save it as a file, and name it in data.source"
        ) from error
    if bunch.target is None or getattr(bunch.target, "ndim", 1) != 1:
        raise DataError(
            f"{title}: OpenML names no single target of this set; save its table as a file, and "
            "name that in data.source"
        )
    yield OpenMLSource(title, bunch.data, bunch.target, options)


def _as_array(column: Any) -> np.ndarray:
    """Return a column of a data frame as numbers or, with None where it is missing, as text."""
    values = np.asarray(column)
    if values.dtype.kind in NUMERIC_KINDS:
        return values
    missing = np.asarray(column.isna())
    try:
        numbers = np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        texts = np.array([str(value) for value in values], dtype=object)
        texts[missing] = None
        return texts
    return numbers
