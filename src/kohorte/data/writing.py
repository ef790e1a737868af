"""Copies of a user's table with columns added, in the form of the table."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kohorte.data.reading import ReadOptions


def write_like(
    source: str | Path,
    columns: Mapping[str, np.ndarray],
    destination: str | Path,
    *,
    rows: np.ndarray | None = None,
    options: ReadOptions | None = None,
) -> None:
    """Write a copy of the table `source` with `columns` added, all of one length, to `destination`.

    `rows`: (n,) int64, ascending; the rows of the source that the entries of the columns belong
    to, None for all. Other rows are kept, with no entry: empty in text and spreadsheets, null in
    Parquet, NaN or -1 elsewhere. A column whose name the table has already gets an underscore at
    its end. `options` say how the source was read. The extensions of source and destination are a
    pair of `kohorte.data.names.COPIES` or `GRIDS`. The file appears at once when it is whole.
    Raises DataError: the source cannot be read.
    """
    raise NotImplementedError
