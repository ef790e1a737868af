"""`tallies/*.h5`: what the tables say of the points of a part of the study, until they are made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kohorte._tallies import Tally
from kohorte.errors import ResultError
from kohorte.store.files import create, read_result


def write_tally(path: str | Path, tally: Tally, start: int, stop: int) -> None:
    """Write the tally of the blocks start..stop-1."""
    with create(path, "tally", start=start, stop=stop) as file:
        for name, array in tally.items():
            array = np.asarray(array)
            texts = array.dtype.kind == "O"
            dtype = h5py.string_dtype() if texts else None
            file.create_dataset(name, data=array.tolist() if texts else array, dtype=dtype)
            file[name].attrs["unit"] = "as counted"


def read_tally(path: str | Path, part: str = "") -> Tally:
    """Read what `write_tally` wrote, or what has `part` in its name."""
    with read_result(path, "tally") as file:
        found: Tally = {}

        def read(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and part in name:
                texts = h5py.check_string_dtype(item.dtype)
                found[name] = np.array(item.asstr()[:], dtype=object) if texts else item[()]

        file.visititems(read)
        return found


def read_tallies(paths: Sequence[str | Path]) -> Iterator[Tally]:
    """Read tallies of parts that follow each other; ResultError where they do not."""
    tallied_blocks(paths)
    yield from map(read_tally, paths)


def tallied_blocks(paths: Sequence[str | Path]) -> tuple[int, int]:
    """Return the first block and the end of tallies that follow each other; ResultError if not."""
    first, end = None, 0
    for path in paths:
        with read_result(path, "tally") as file:
            start, stop = int(file.attrs["start"]), int(file.attrs["stop"])
        if first is not None and start != end:
            raise ResultError(
                f"{path}: begins at block {start}, not at {end}; delete it and run again"
            )
        first, end = start if first is None else first, stop
    return first or 0, end
