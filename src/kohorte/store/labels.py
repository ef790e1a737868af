"""The label arrays of a study, whether its maps or other clusterers made them."""

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kohorte._files import MEMORY, digest_content
from kohorte.data.labels import UNSEEN, OpenedLabels, negative_id, open_labels
from kohorte.data.names import label_parts, locate
from kohorte.ensemble.labels import find_copies
from kohorte.errors import DataError
from kohorte.provenance import library_digest
from kohorte.store.files import open_result, read_result
from kohorte.store.realizations import listed_realizations

_LOG = logging.getLogger(__name__)

#: Copies that a warning names.
_SHOWN = 3

_BLOCK = 1 << 20


@dataclass(frozen=True)
class LabelArrays:
    """R opened label arrays of the same N points, all different.

    `copies`: id of a realization that is left out, and of the one that it is a copy of.
    """

    ids: tuple[str, ...]  # The id of each realization
    arrays: tuple[Any, ...]  # Its labels: array, memory map or HDF5 dataset
    #: A text that changes when the labels, or how they are read, do
    contents: tuple[str, ...]
    copies: Mapping[str, str] = field(default_factory=dict)
    #: Id of the points that a realization leaves out, or did not see; None where there is none
    noise: int | None = None
    #: Id of a realization whose labels are partly missing, and of how many points
    gaps: Mapping[str, int] = field(default_factory=dict)

    def distinct(self, first: Sequence[int] | np.ndarray) -> "LabelArrays":
        """Leave out copies, given the first realization that each is equal to, (R,)."""
        kept = [r for r, of in enumerate(first) if r == of]
        copies = {self.ids[r]: self.ids[of] for r, of in enumerate(first) if r != of}
        if copies:
            shown = [f"{copy} of {of}" for copy, of in list(copies.items())[:_SHOWN]]
            more = len(copies) - len(shown)
            _LOG.warning(
                "%d of %d realizations are copies of others and are counted once: %s%s",
                *(len(copies), len(self.ids), ", ".join(shown)),
                f", and {more} more; see same_as in realizations.csv" if more else "",
            )
        return LabelArrays(
            tuple(self.ids[r] for r in kept),
            tuple(self.arrays[r] for r in kept),
            tuple(self.contents[r] for r in kept),
            copies,
            self.noise,
            self.gaps,
        )


@contextlib.contextmanager
def open_label_arrays(
    inputs: Sequence[str | Path],
    files: Mapping[str, str] | None = None,
    name: str = "labels",
    *,
    noise: int | None = None,
    options: Mapping[str, Any] | None = None,
    verify: bool = False,
) -> Iterator[LabelArrays]:
    """Open the labels of all realizations but copies: equal files, or maps equal to the last bit.

    `inputs`: indexes of batches of trained maps; ignored if `files` are given. `files`: paths of
    label files of other clusterers by realization id. `name`, `noise`, `options`: as for
    `kohorte.data.labels.open_labels`; points without a label get the id `noise`, or -1.
    `verify`: compare trained maps with the digests in their index.
    """
    with contextlib.ExitStack() as stack:
        if files:
            paths = [Path(path) for path in files.values()]
            how: Any = {"noise": noise, "options": options}
            opened = [stack.enter_context(open_labels(path, name, **how)) for path in paths]
            arrays = [labels.array for labels in opened]
            gaps = {
                identifier: labels.n_missing
                for identifier, labels in zip(files, opened, strict=True)
                if labels.n_missing
            }
            if gaps and noise is None:
                noise = UNSEEN
                _refuse_negative(paths, opened)
            # Size and date would not do: archives give all files one date, and copies have a new
            # one. A workflow that runs here has read each file, and remembers its digest.
            memory = MEMORY if MEMORY.parent.is_dir() else None
            digests = [digest_content(locate(str(path)), memory) for path in paths]
            code = library_digest(*label_parts(files.values()))
            read = json.dumps([name, noise, options, code], sort_keys=True)
            contents = [f"{digest}, {read}" for digest in digests]
            found = LabelArrays(
                tuple(files), tuple(arrays), tuple(contents), noise=noise, gaps=gaps
            )
            yield found.distinct(find_copies(arrays))
            return
        paths = listed_realizations(inputs, verify=verify)
        results = [stack.enter_context(open_result(path, "realization")) for path in paths]
        found = LabelArrays(
            tuple(file.attrs["id"] for file in results),
            tuple(file["labels"] for file in results),
            tuple(file.attrs["content"] for file in results),
        )
        # Different maps may well agree on all points, so labels alone do not tell.
        yield found.distinct([found.contents.index(content) for content in found.contents])


def _refuse_negative(paths: Sequence[Path], opened: Sequence[OpenedLabels]) -> None:
    """Refuse negative ids in the files without gaps, which would be taken for points not seen."""
    for path, labels in zip(paths, opened, strict=True):
        for start in range(0, 0 if labels.n_missing else len(labels.array), _BLOCK):
            low = int(np.min(labels.array[start : start + _BLOCK]))
            if low < 0:
                raise negative_id(str(path), low)


def check_label_rows(files: Mapping[str, str], labels: LabelArrays, data: str | Path) -> None:
    """Raise DataError if a label file of a study does not label the points of its table.

    `files` are the paths by realization id, `labels` their content, `data` the study's `data.h5`.
    """
    with read_result(data, "data") as file:
        rows = len(file["features"])
    for identifier, array in zip(labels.ids, labels.arrays, strict=True):
        if len(array) != rows:
            raise DataError(
                f"{files[identifier]}: labels of {len(array)} points, but the table of data.source "
                f"has {rows} rows; set data.source to null for labels without a table, or, where "
                "it is their table, leave out data.sample, data.stride and missing: drop"
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
