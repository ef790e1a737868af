"""Source: an HDF5 file with one dataset of N x F features, as published plasma files are."""

from contextlib import contextmanager

import h5py

from kohorte.data.reading import ArraySource, decode_names, suggest
from kohorte.errors import DataError

_MAX_LINKS = 32


@contextmanager
def open_hdf5(title, path, options):
    """The datasets `feature_dataset`, `names_dataset` and, if no column, `label` of an HDF5 file.

    All that is read lies in the file itself: links, raw storage and virtual datasets that lead to
    other files are refused, for their content could change unseen.
    """
    if not h5py.is_hdf5(path):
        raise DataError(f"{title}: is not an HDF5 file")
    with h5py.File(path, "r") as file:
        features = find_dataset(title, file, options.feature_dataset)
        names = None
        key = options.names_dataset
        if key is not None and (key != "names" or file.id.links.exists(b"names")):
            names = decode_names(title, find_dataset(title, file, key)[()], f"dataset {key!r}")
        source = ArraySource(title, features, names, f"dataset {options.feature_dataset!r}")
        if options.label is not None and options.label not in source.names:
            source.add_labels(find_dataset(title, file, options.label, source.names))
        yield source


def find_dataset(title, file, key, columns=()) -> h5py.Dataset:
    """The dataset `key` of an open HDF5 file, which may not leave the file.

    `columns` are other names that `key` could have meant, for the message.

    Raises:
        DataError: it does not exist, is a group, or its data lie in another file.
    """
    found = _follow(title, file, key, columns)
    if not isinstance(found, h5py.Dataset):
        raise DataError(f"{title}: {key!r} is a group, not a dataset; {suggest('', found)}")
    outside = found.external is not None or (
        found.is_virtual and any(part.file_name != "." for part in found.virtual_sources())
    )
    if outside:
        raise DataError(f"{title}: the data of {key!r} lie in another file, which is refused")
    return found


def _follow(title, file, key, columns):
    """The object at path `key`, one link at a time: h5py itself would follow any link."""
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


def _steps(path):
    return [step for step in path.split("/") if step not in ("", ".")]
