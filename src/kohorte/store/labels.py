"""The label arrays of a study, whether its maps or other clusterers made them."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kohorte.data.labels import open_labels
from kohorte.errors import DataError
from kohorte.store.files import open_result, read_result
from kohorte.store.realizations import listed_realizations


@dataclass(frozen=True)
class LabelArrays:
    """R opened label arrays of the same N points."""

    ids: tuple[str, ...]  # The id of each realization
    arrays: tuple[Any, ...]  # Its labels: array, memory map or HDF5 dataset
    #: A text that changes when the labels do: digest, or size and time of a file
    contents: tuple[str, ...]


@contextlib.contextmanager
def open_label_arrays(
    inputs: Sequence[str | Path],
    files: Mapping[str, str] | None = None,
    name: str = "labels",
    *,
    verify: bool = False,
) -> Iterator[LabelArrays]:
    """Open the labels of all realizations.

    `inputs`: indexes of batches of trained maps; ignored if `files` are given. `files`: paths of
    label files of other clusterers by realization id. `name`: dataset or column of the label files.
    `verify`: compare trained maps with the digests in their index.
    """
    with contextlib.ExitStack() as stack:
        if files:
            paths = [Path(path) for path in files.values()]
            arrays = [stack.enter_context(open_labels(path, name)) for path in paths]
            # Reading all of a large file for its digest would cost more than counting it.
            stats = [path.stat() for path in paths]
            contents = [f"{s.st_size} bytes of {s.st_mtime_ns}" for s in stats]
            yield LabelArrays(tuple(files), tuple(arrays), tuple(contents))
            return
        paths = listed_realizations(inputs, verify=verify)
        opened = [stack.enter_context(open_result(path, "realization")) for path in paths]
        yield LabelArrays(
            tuple(file.attrs["id"] for file in opened),
            tuple(file["labels"] for file in opened),
            tuple(file.attrs["content"] for file in opened),
        )


def check_label_rows(files: Mapping[str, str], labels: LabelArrays, data: str | Path) -> None:
    """Raise DataError if a label file of a study does not label the points of its table.

    `files` are the paths by realization id, `labels` their content, `data` the study's `data.h5`.
    """
    with read_result(data, "data") as file:
        rows = len(file["features"])
    for path, array in zip(files.values(), labels.arrays, strict=True):
        if len(array) != rows:
            raise DataError(
                f"{path}: labels of {len(array)} points, but the table of data.source has {rows} "
                "rows; set data.source to null for labels without a table, or, where it is their "
                "table, leave out data.sample, data.stride and missing: drop"
            )


@dataclass(frozen=True)
class Window:
    """The points start..stop-1 of a label array, read only as they are sliced."""

    array: Any
    start: int
    stop: int

    @property
    def shape(self) -> tuple[int]:
        """One dimension, the number of points."""
        return (self.stop - self.start,)

    @property
    def dtype(self) -> np.dtype:
        """Type of the labels."""
        return self.array.dtype

    def __getitem__(self, key: slice) -> np.ndarray:
        first, last, step = key.indices(self.shape[0])
        return self.array[self.start + first : self.start + last : step]


def cut_windows(arrays: Sequence[Any], part: int, parts: int) -> list[Window]:
    """Cut part `part` (from 0) of `parts` nearly equal ranges of points out of every array.

    Arrays of different lengths stay so, and are refused where they are counted.
    """
    return [
        Window(array, len(array) * part // parts, len(array) * (part + 1) // parts)
        for array in arrays
    ]
