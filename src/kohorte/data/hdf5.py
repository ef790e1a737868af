"""Source: an HDF5 file with one dataset of N x F features, as published plasma files are."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py

from kohorte._checks import suggest
from kohorte.data.reading import (
    MAX_COLUMNS,
    ArraySource,
    FieldSource,
    ReadOptions,
    Source,
    check_expansion,
    damages,
    decode_names,
)
from kohorte.errors import DataError

_MAX_LINKS = 32

#: Seconds that the HDF5 library is given to read text: at least, and for each entry.
TEXT_SECONDS = 60
_SECONDS_PER_TEXT = 1e-5
_READ_TEXT = "import h5py, sys; h5py.File(sys.argv[1], 'r', locking=False)[sys.argv[2]][()]"


@contextmanager
def open_hdf5(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open the datasets `feature_dataset`, `names_dataset` and, if no column, `label` of a file.

    All that is read lies in the file itself: links, raw storage and virtual datasets that lead to
    other files are refused, for their content could change unseen. The columns of a `fields.h5` of
    kohorte are its fields: those that it names as features, or all if `features` names others.
    """
    with open_file(title, path) as file:
        with damages(title):
            kind = file.attrs.get("kind")
        if kind == "fields":
            yield _open_fields(title, file, options)
            return
        with damages(title):
            features = find_dataset(title, file, options.feature_dataset)
            names = _read_names(title, file, options.names_dataset)
            source = ArraySource(title, features, names, f"dataset {options.feature_dataset!r}")
            if options.label is not None and options.label not in source.names:
                source.add_labels(find_dataset(title, file, options.label, source.names))
        yield source


@contextmanager
def open_file(title: str, path: str | Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading; raise DataError if it is something else."""
    if not h5py.is_hdf5(path):
        raise DataError(f"{title}: is not an HDF5 file")
    with damages(title):
        # Not every file system has locks, and none keeps out a program that does not ask for them.
        file = h5py.File(path, "r", locking=False)
    with file:
        yield file


def find_dataset(
    title: str, file: h5py.File, key: str, columns: Sequence[str] = ()
) -> h5py.Dataset:
    """Find the dataset `key` of an open HDF5 file, which may not leave the file.

    `columns` are other names that `key` could have meant, for the message. Raises DataError: it
    does not exist, is a group, its data lie in another file or were never written, or it cannot be
    what it claims to be.
    """
    with damages(title):
        found = _follow(title, file, key, columns)
        if not isinstance(found, h5py.Dataset):
            raise DataError(f"{title}: {key!r} is a group, not a dataset; {suggest('', found)}")
        outside = found.external is not None or (
            found.is_virtual and any(part.file_name != "." for part in found.virtual_sources())
        )
        if outside:
            raise DataError(f"{title}: the data of {key!r} lie in another file, which is refused")
        if found.size and found.id.get_space_status() == h5py.h5d.SPACE_STATUS_NOT_ALLOCATED:
            raise DataError(f"{title}: {key!r} was made but never written")
        check_expansion(f"{title}: {key!r}", found.nbytes, os.stat(file.filename).st_size)
        if h5py.check_string_dtype(found.dtype) and found.dtype.kind == "O":
            _try_text(title, file, found)
    return found


def _open_fields(title: str, file: h5py.File, options: ReadOptions) -> FieldSource:
    with damages(title):
        names = list(file["fields"])
        if options.features is None and options.label is None:
            names = json.loads(file.attrs["features"])
    return FieldSource(title, {n: find_dataset(title, file, f"fields/{n}") for n in names})


def _read_names(title: str, file: h5py.File, key: str | None) -> tuple[str, ...] | None:
    """Read the column names in dataset `key`; None if it has the usual name and is not there."""
    if key is None or (key == "names" and not file.id.links.exists(b"names")):
        return None
    dataset = find_dataset(title, file, key)
    if dataset.size is None or dataset.size > MAX_COLUMNS:
        raise DataError(f"{title}: dataset {key!r} has shape {dataset.shape}, so it holds no names")
    return decode_names(title, dataset[()], f"dataset {key!r}")


def _try_text(title: str, file: h5py.File, dataset: h5py.Dataset) -> None:
    """Read text of variable length in another process first.

    In a damaged file the library may look for such text for ever, and nothing inside the process
    can stop it.
    """
    command = [sys.executable, "-P", "-c", _READ_TEXT, file.filename, dataset.name]
    limit = TEXT_SECONDS + _SECONDS_PER_TEXT * dataset.size
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=limit)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise DataError(f"{title}: the text in {dataset.name!r} is damaged ({error})") from error


def _follow(title: str, file: h5py.File, key: str, columns: Sequence[str]) -> h5py.HLObject:
    """Go to the object at path `key`, one link at a time: h5py itself would follow any link."""
    pending = _steps(key)
    found, followed = file, 0
    while pending:
        step = pending.pop(0)
        name = step.encode("utf-8")
        if not isinstance(found, h5py.Group) or not found.id.links.exists(name):
            members = found if isinstance(found, h5py.Group) else ()
            there = suggest(step, [*members, *columns])
            what = "dataset or column" if columns else "dataset"
            raise DataError(f"{title}: no {what} {key!r}; {there}")
        kind = found.id.links.get_info(name).type
        if kind == h5py.h5l.TYPE_HARD:
            found = found[step]
        elif kind == h5py.h5l.TYPE_SOFT:
            followed += 1
            if followed > _MAX_LINKS:
                raise DataError(f"{title}: {key!r} is a link that leads in a circle")
            target = found.id.links.get_val(name).decode("utf-8")
            if target.startswith("/"):
                found = file
            pending = _steps(target) + pending
        else:
            raise DataError(f"{title}: {key!r} is a link to another file, which is refused")
    return found


def _steps(path: str) -> list[str]:
    return [step for step in path.split("/") if step not in ("", ".")]
