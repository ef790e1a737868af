"""Source: an HDF5 file with one dataset of N x F features, with one for each column, or of records.

Tables by column are those of vaex, of pandas, of PyTables, of astropy and of many catalogues.
"""

import io
import json
import logging
import math
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kohorte._checks import suggest
from kohorte._hdf5 import open_for_reading
from kohorte.data.columns import Column, ColumnSource, choose_columns, split_fields
from kohorte.data.packing import Packing, packing_of, unpacked
from kohorte.data.reading import (
    MAX_COLUMNS,
    ArraySource,
    ReadOptions,
    Source,
    check_expansion,
    damages,
    decode_names,
    decode_text,
)
from kohorte.errors import DataError

_LOG = logging.getLogger(__name__)
_MAX_LINKS = 32

#: Virtual datasets that may be made of each other, one above the other.
_MAX_VIRTUAL = 8

#: Attributes of datasets that say the unit, and what a column is.
_UNITS = ("units", "unit")
_TITLES = ("long_name", "description", "title")

#: Seconds that the HDF5 library is given to read text: at least, and for each entry.
TEXT_SECONDS = 60
_SECONDS_PER_TEXT = 1e-5
_READ_TEXT = "import h5py, sys; h5py.File(sys.argv[1], 'r', locking=False)[sys.argv[2]][()]"


@contextmanager
def open_hdf5(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open the datasets `feature_dataset`, `names_dataset` and, if no column, `label` of a file.

    `feature_dataset` may also be a group with one dataset for each column, or a dataset of records;
    a file without a dataset `features` is such a group itself, or has a single one.

    All that is read lies in the file itself: links, raw storage and virtual datasets that lead to
    other files are refused, for their content could change unseen. The columns of a `fields.h5` of
    kohorte are its fields: those that it names as features, or all if `features` names others.
    """
    with open_file(title, path) as file:
        with damages(title):
            kind = file.attrs.get("kind")
        if isinstance(kind, str) and kind == "fields":
            yield _open_fields(title, file, options)
            return
        with damages(title):
            source: Source | None = _open_columns(title, file, options)
            if source is None:
                source = _open_matrix(title, file, options)
        yield source


@contextmanager
def open_file(title: str, path: str | Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading; raise DataError if it is something else."""
    if not h5py.is_hdf5(path):
        raise DataError(f"{title}: is not an HDF5 file")
    with damages(title):
        file = open_for_reading(path)
    with file:
        yield file


def find_dataset(
    title: str, file: h5py.File, key: str, columns: Sequence[str] = (), *, try_text: bool = True
) -> h5py.Dataset:
    """Find the dataset `key` of an open HDF5 file, which may not leave the file.

    `columns` are other names that `key` could have meant, for the message; `try_text`: text is read
    on trial first, see below. Raises DataError: it does not exist, is a group, its data lie in
    another file or were never written, or it cannot be what it claims to be.
    """
    with damages(title):
        found = _follow(title, file, key, columns)
        if not isinstance(found, h5py.Dataset):
            raise DataError(f"{title}: {key!r} is a group, not a dataset; {suggest('', found)}")
        check_parts(title, file, found)
        if found.size and found.id.get_space_status() == h5py.h5d.SPACE_STATUS_NOT_ALLOCATED:
            raise DataError(f"{title}: {key!r} was made but never written")
        check_expansion(f"{title}: {key!r}", found.nbytes, os.stat(file.filename).st_size)
        _check_written(title, key, found)
        if try_text and h5py.check_string_dtype(found.dtype) and found.dtype.kind == "O":
            _try_text(title, file, found)
    return found


def _check_written(title: str, key: str, dataset: h5py.Dataset) -> None:
    """Raise DataError for a dataset in parts of which some were never written: they read as 0.

    One that says itself what such entries are may be meant so.
    """
    if dataset.is_virtual or not dataset.chunks or not dataset.size:
        return
    stated = dataset.id.get_create_plist().fill_value_defined()
    parts = math.prod(-(-n // size) for n, size in zip(dataset.shape, dataset.chunks, strict=True))
    if stated == h5py.h5d.FILL_VALUE_DEFAULT and dataset.id.get_num_chunks() < parts:
        raise DataError(
            f"{title}: {key!r} was written in part: {dataset.id.get_num_chunks()} of its {parts} "
            "chunks are there, and the rest would be read as 0; write all of it, or give it a "
            "fillvalue where that is meant"
        )


def check_parts(
    title: str, file: h5py.File, dataset: h5py.Dataset, above: tuple[int, ...] = ()
) -> None:
    """Raise DataError unless all data of a dataset lie in its file, and were written.

    Nothing is read, not even the shape: in a virtual dataset that is made of itself the library
    would call itself until the process ends. `above`: addresses of the virtual datasets that this
    one is part of.
    """
    name = str(dataset.name).strip("/")
    if dataset.external is not None:
        raise DataError(f"{title}: the data of {name!r} lie in another file, which is refused")
    if not dataset.is_virtual:
        return
    above = (*above, h5py.h5o.get_info(dataset.id).addr)
    if len(set(above)) < len(above):
        raise DataError(f"{title}: {name!r} is a virtual dataset that is made of itself")
    if len(above) > _MAX_VIRTUAL:
        raise DataError(
            f"{title}: {name!r} is part of more than {_MAX_VIRTUAL} virtual datasets, one above "
            "the other"
        )
    parts = dataset.virtual_sources()
    if any(part.file_name != "." for part in parts):
        raise DataError(f"{title}: the data of {name!r} lie in another file, which is refused")
    for part in sorted({part.dset_name for part in parts}):
        source = None if "%" in part else _follow(title, file, part, ())
        if not isinstance(source, h5py.Dataset):
            raise DataError(f"{title}: {name!r} is made of {part!r}, which is no dataset")
        check_parts(title, file, source, above)
        _check_written(title, part, source)
    if sum(part.vspace.get_select_npoints() for part in parts) < (dataset.size or 0):
        raise DataError(f"{title}: {name!r} is a virtual dataset that has no data for some entries")


def _open_matrix(title: str, file: h5py.File, options: ReadOptions) -> ArraySource:
    features = unpacked(find_dataset(title, file, options.feature_dataset))
    names = _read_names(title, file, options.names_dataset)
    source = ArraySource(title, features, names, f"dataset {options.feature_dataset!r}")
    if names is not None:
        folder = str(options.names_dataset).rpartition("/")[0]
        for said in ("units", "titles"):
            setattr(source, said, _words_beside(title, file, f"{folder}/{said}", names))
    if options.label is not None and options.label not in source.names:
        source.add_labels(unpacked(find_dataset(title, file, options.label, source.names)))
    for name in options.beside:
        if name not in source.names and has_member(title, file, name):
            source.add_beside(name, unpacked(find_dataset(title, file, name)))
    return source


def check_inside(title: str, file: h5py.File) -> None:
    """Raise DataError if anything in a file leads to another file, for readers of whole files."""

    def look(name: str, thing: h5py.HLObject) -> None:
        if isinstance(thing, h5py.Dataset):
            check_parts(title, file, thing)
            check_expansion(f"{title}: {name!r}", thing.nbytes, os.stat(file.filename).st_size)
            return
        links = thing.id.links
        for member in thing:
            if links.get_info(member.encode()).type not in (h5py.h5l.TYPE_HARD, h5py.h5l.TYPE_SOFT):
                raise DataError(f"{title}: {member!r} is a link to another file, which is refused")

    with damages(title):
        look("/", file)
        file.visititems(look)


def _open_fields(title: str, file: h5py.File, options: ReadOptions) -> ColumnSource:
    with damages(title):
        group = _follow(title, file, "fields", ())
        names = list(group) if isinstance(group, h5py.Group) else []
        if names and options.features is None and options.label is None:
            found = json.loads(file.attrs["features"])
            if not isinstance(found, list):
                raise DataError(f"{title}: its attribute 'features' is no list of names")
            wanted = [*map(str, found), *options.beside]
            names = [name for name in dict.fromkeys(wanted) if name in names]
    if not names:
        raise DataError(f"{title}: its attribute 'kind' is 'fields', but it holds none of these")
    fields = {name: dataset_column(title, file, f"fields/{name}") for name in names}
    shape = next(iter(fields.values())).shape
    for name, column in fields.items():
        if column.shape != shape or not column.is_numeric:
            raise DataError(
                f"{title}: field {name!r} is {column.dtype} of shape {column.shape}; fields are "
                f"numbers of one shape, and the first has {shape}"
            )
    return ColumnSource(title, fields, options, shape=shape)


def dataset_column(title: str, file: h5py.File, key: str, columns: Iterable[str] = ()) -> Column:
    """Return the dataset at `key` as a column, as its attributes say: packing, unit and words."""
    dataset = find_dataset(title, file, key, list(columns), try_text=False)
    with damages(title):
        packing = packing_of(dataset)

    def read() -> np.ndarray:
        if h5py.check_string_dtype(dataset.dtype) and dataset.dtype.kind == "O":
            _try_text(title, file, dataset)
        return packing.unpack(np.asarray(dataset[()])) if packing != Packing() else dataset[()]

    unit, words = (_words(dataset, names) for names in (_UNITS, _TITLES))
    dtype = np.dtype(np.float64) if packing.is_scaled else dataset.dtype
    return Column(dataset.shape or (), dtype, read, unit, words)


def _words(thing: h5py.HLObject, names: Sequence[str]) -> str:
    """Return the first of some attributes that is text; empty where there is none."""
    for name in names:
        if name in thing.attrs:
            with suppress(OSError, UnicodeDecodeError):
                value = thing.attrs[name]
                if isinstance(value, str | bytes | np.bytes_):
                    return decode_text(bytes(value) if isinstance(value, bytes) else value).strip()
    return ""


def find_columns(title: str, file: h5py.File, options: ReadOptions) -> tuple[str, str]:
    """Return the group with the columns of a table by column, and how each is named in it.

    Beside an N x F dataset or records it is the group of that, and inside of a data frame its own.
    """
    key = options.feature_dataset
    group = file
    if key != ReadOptions.feature_dataset or file.id.links.exists(key.encode()):
        group = _follow(title, file, key, ())
    passed: set[int] = set()
    while isinstance(group, h5py.Group) and "pandas_type" not in group.attrs:
        inner = _groups(group)
        if "columns" in inner and not _datasets(group):
            return group["columns"].name, "{}/data"
        if _datasets(group) or len(inner) != 1:
            break
        group = _enter(title, group, inner[0], passed)
    return (group if isinstance(group, h5py.Group) else group.parent).name, "{}"


def _open_columns(title: str, file: h5py.File, options: ReadOptions) -> ColumnSource | None:
    """Open a table that is no N x F dataset; None where `feature_dataset` is one, or nothing."""
    key = options.feature_dataset
    group: h5py.HLObject
    if key == ReadOptions.feature_dataset and not file.id.links.exists(key.encode()):
        group = file
    else:
        group = _follow(title, file, key, ())
    passed: set[int] = set()
    while isinstance(group, h5py.Group):
        kind = group.attrs.get("pandas_type")
        if kind is not None:
            return _open_frame(title, file, group, decode_text(kind), options)
        inner = _groups(group)
        if "columns" in inner and not _datasets(group):
            group = group["columns"]
            return _open_group(title, file, group, _vaex_columns(title, file, group), options)
        records = [name for name in _datasets(group) if _is_table(group[name])]
        if len(records) > 1:
            raise DataError(
                f"{title}: has several tables, {', '.join(records)}; set "
                f"{options.section}feature_dataset to one"
            )
        if records:
            group = group[records[0]]
        elif _datasets(group) or len(inner) != 1:
            if not _datasets(group) and inner:
                raise DataError(
                    f"{title}: no dataset {key!r}; set {options.section}feature_dataset to one of "
                    f"the groups {', '.join(inner)}"
                )
            return _open_group(title, file, group, _plain_columns(title, file, group), options)
        else:
            group = _enter(title, group, inner[0], passed)
    if group.dtype.names is None:
        return None
    columns = _records(title, file, group)
    _add_others(title, file, options, columns)
    return ColumnSource(title, columns, options)


def _enter(title: str, group: h5py.Group, inner: str, passed: set[int]) -> h5py.HLObject:
    """Go into a group of a group; DataError where that leads round to one of those `passed`."""
    passed.add(h5py.h5o.get_info(group.id).addr)
    found = group[inner]
    if h5py.h5o.get_info(found.id).addr in passed:
        raise DataError(f"{title}: group {found.name!r} leads back to itself, and has no table")
    return found


def _groups(group: h5py.Group) -> list[str]:
    return [name for name in _hard(group) if isinstance(group[name], h5py.Group)]


def _datasets(group: h5py.Group) -> list[str]:
    return [name for name in _hard(group) if isinstance(group[name], h5py.Dataset)]


def _hard(group: h5py.Group) -> list[str]:
    """List the members of a group that are in it, and no links to other places."""
    links = group.id.links
    hard = h5py.h5l.TYPE_HARD
    return [name for name in group if links.get_info(name.encode()).type == hard]


def _is_table(dataset: h5py.Dataset) -> bool:
    """Tell whether a dataset holds records; astropy keeps what it says of columns beside it."""
    return dataset.dtype.names is not None and not dataset.name.endswith("__table_column_meta__")


def _open_group(
    title: str,
    file: h5py.File,
    group: h5py.Group,
    members: dict[str, Column],
    options: ReadOptions,
) -> ColumnSource:
    _add_others(title, file, options, members)
    place = group.name.strip("/")
    missing = f"{place!r} is a group, not a dataset" if place else None
    missing = missing or f"no dataset {options.feature_dataset!r}"
    place = f"{place}/" if place else ""
    return ColumnSource(title, choose_columns(title, members, options, missing, place), options)


def _add_others(
    title: str, file: h5py.File, options: ReadOptions, columns: dict[str, Column]
) -> None:
    """Add the datasets that `label` and others name, which may lie beside the table."""
    for name in options.others:
        is_needed = name == options.label and not options.is_of_labels
        if name not in columns and (is_needed or has_member(title, file, name)):
            columns[name] = dataset_column(title, file, name, columns)


def _plain_columns(title: str, file: h5py.File, group: h5py.Group) -> dict[str, Column]:
    return {name: dataset_column(title, file, f"{group.name}/{name}") for name in _datasets(group)}


def _vaex_columns(title: str, file: h5py.File, group: h5py.Group) -> dict[str, Column]:
    """Return the columns of a table of vaex: columns/<name>/data, and a mask where there is one."""
    columns = {}
    order = decode_text(group.attrs.get("column_order", "")).split(",")
    place_of = {name: k for k, name in enumerate(order)}
    for name in sorted(_groups(group), key=lambda name: place_of.get(name, len(order))):
        inner, place = _datasets(group[name]), f"{group.name}/{name}"
        if "data" not in inner:
            continue
        column = dataset_column(title, file, f"{place}/data")
        unit, words = (_words(group[name], names) for names in (_UNITS, _TITLES))
        if "indices" in inner:
            # Text, one piece after the other, and where each begins.
            starts = dataset_column(title, file, f"{place}/indices")
            shape = (max(0, starts.shape[0] - 1),)
            column = Column(shape, np.dtype(object), partial(_cut_text, column, starts))
        elif "mask" in inner:
            mask = dataset_column(title, file, f"{place}/mask")
            column = replace(column, read=partial(_mask, column, mask))
        columns[name] = replace(column, unit=unit or column.unit, title=words or column.title)
    return columns


def _cut_text(text: Column, starts: Column) -> np.ndarray:
    joined, cuts = text.read().tobytes(), starts.read().astype(np.int64)
    out = np.empty(len(cuts) - 1, dtype=object)
    for row in range(len(out)):
        out[row] = joined[cuts[row] : cuts[row + 1]]
    return out


def _mask(column: Column, mask: Column) -> np.ndarray:
    return np.ma.masked_array(column.read(), mask.read().astype(bool))


def _records(title: str, file: h5py.File, table: h5py.Dataset) -> dict[str, Column]:
    """Return the fields of a dataset of records; astropy's units stand in a dataset beside it."""
    find_dataset(title, file, table.name, try_text=False)
    if any(h5py.check_vlen_dtype(table.dtype[n]) for n in table.dtype.names):
        raise DataError(f"{title}: {table.name!r} holds lists of any length, which are no features")
    if any(table.dtype[n].kind == "O" for n in table.dtype.names):
        _try_text(title, file, table)
    columns = split_fields(title, table.dtype, table.shape, lambda name: table.fields(name)[()])
    beside = f"{table.name}.__table_column_meta__"
    if beside in file:
        units, words = _astropy_words(find_dataset(title, file, beside)[()])
        columns = {
            name: replace(column, unit=units.get(name, ""), title=words.get(name, ""))
            for name, column in columns.items()
        }
    return columns


def _astropy_words(lines: np.ndarray) -> tuple[dict[str, str], dict[str, str]]:
    """Find units and descriptions of columns in what astropy writes: YAML with tags of its own."""
    text = "\n".join(decode_text(line) for line in lines.ravel())
    units: dict[str, str] = {}
    words: dict[str, str] = {}
    for entry in re.split(r"^- *", text, flags=re.MULTILINE)[1:]:
        name = re.search(r"\bname: *([^,}\n]+)", entry)
        unit = re.search(r"\bunit: *(?:!\S+ *\{unit: *)?([^,}\n]+)", entry)
        described = re.search(r"\bdescription: *([^,}\n]+)", entry)
        for found, into in ((unit, units), (described, words)):
            if name and found:
                into[name[1].strip("'\" ")] = found[1].strip("'\" ")
    return units, words


def _open_frame(
    title: str, file: h5py.File, group: h5py.Group, kind: str, options: ReadOptions
) -> ColumnSource:
    """Open a data frame that pandas wrote; its index names the rows."""
    if kind == "frame_table":
        table = group["table"]
        columns = _records(title, file, table)
        found: dict[str, Column] = {}
        for name, column in columns.items():
            block = re.fullmatch(r"(values_block_\d+)_(\d+)", name)
            single = name if re.fullmatch(r"values_block_\d+", name) else None
            if block or single:
                names = _pickled_names(title, table, f"{block[1] if block else single}_kind")
                found[names[int(block[2]) if block else 0]] = column
            else:
                found[name] = column
    elif kind == "frame":
        found = {}
        if "axis1" in group and group["axis1"].ndim == 1:
            found["index"] = dataset_column(title, file, f"{group.name}/axis1")
        for number in range(int(group.attrs["nblocks"])):
            items = decode_names(title, group[f"block{number}_items"][()], "block items")
            values = dataset_column(title, file, f"{group.name}/block{number}_values")
            for position, name in enumerate(items):
                if values.shape[1:] == (len(items),):
                    reading = partial(_column_of_block, values, position)
                    found[name] = Column(values.shape[:1], values.dtype, reading)
                else:
                    _LOG.warning("%s: left out: %s, pickled objects of pandas", title, name)
        order = decode_names(title, group["axis0"][()], "axis0")
        found = {name: found[name] for name in ("index", *order) if name in found}
    else:
        raise DataError(f"{title}: {group.name!r} is a {kind} of pandas; save a DataFrame")
    return ColumnSource(
        title, found, options, asides={"index": "the index that pandas stored"}, ids="index"
    )


def _column_of_block(values: Column, position: int) -> np.ndarray:
    return values.read()[:, position]


def _pickled_names(title: str, table: h5py.Dataset, name: str) -> list[str]:
    """Read names of columns that pandas pickled: plain text in a list, and nothing else."""
    names = _PlainPickle(title, bytes(table.attrs[name])).load()
    if not isinstance(names, list) or not all(isinstance(text, str) for text in names):
        raise DataError(f"{title}: the columns of {table.name!r} have names that are no text")
    return names


class _PlainPickle(pickle.Unpickler):
    """A reader of pickles of text, numbers and lists: it makes no objects and calls nothing."""

    def __init__(self, title: str, content: bytes) -> None:
        super().__init__(io.BytesIO(content))
        self._title = title

    def find_class(self, module: str, name: str) -> Any:
        """Refuse whatever has to be imported."""
        raise DataError(f"{self._title}: holds pickled {module}.{name}, which is never loaded")


def _read_names(title: str, file: h5py.File, key: str | None) -> tuple[str, ...] | None:
    """Read the column names in dataset `key`; None if it has the usual name and is not there."""
    if key is None or (key == "names" and not file.id.links.exists(b"names")):
        return None
    dataset = find_dataset(title, file, key)
    if dataset.size is None or dataset.size > MAX_COLUMNS:
        raise DataError(f"{title}: dataset {key!r} has shape {dataset.shape}, so it holds no names")
    return decode_names(title, dataset[()], f"dataset {key!r}")


def _words_beside(title: str, file: h5py.File, key: str, names: Sequence[str]) -> dict[str, str]:
    """Read what dataset `key` says of each of the names, such as its unit; nothing without one."""
    if not has_member(title, file, key):
        return {}
    dataset = _follow(title, file, key, ())
    if not isinstance(dataset, h5py.Dataset) or not h5py.check_string_dtype(dataset.dtype):
        return {}
    check_parts(title, file, dataset)
    if dataset.shape != (len(names),):
        return {}
    words = decode_names(title, find_dataset(title, file, key)[()], f"dataset {key!r}")
    return {name: text for name, text in zip(names, words, strict=True) if text}


def _try_text(title: str, file: h5py.File, dataset: h5py.Dataset) -> None:
    """Read text of variable length in another process first.

    In a damaged file the library may look for such text forever, and nothing inside the process
    can stop it.
    """
    command = [sys.executable, "-P", "-c", _READ_TEXT, file.filename, dataset.name]
    limit = TEXT_SECONDS + _SECONDS_PER_TEXT * dataset.size
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=limit)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise DataError(f"{title}: the text in {dataset.name!r} is damaged ({error})") from error


class _AbsentError(DataError):
    """There is nothing of that name in a file."""


def has_member(title: str, file: h5py.File, key: str) -> bool:
    """Tell whether there is something at path `key`; h5py would follow links to other files."""
    try:
        _follow(title, file, key, ())
    except _AbsentError:
        return False
    return True


def _follow(title: str, file: h5py.File, key: str, columns: Sequence[str]) -> h5py.HLObject:
    """Go to the object at path `key`, one link at a time: h5py itself would follow any link."""
    pending = _steps(key)
    found, followed = file, 0
    while pending:
        step = pending.pop(0)
        name = step.encode("utf-8")
        if not isinstance(found, h5py.Group) or not found.id.links.exists(name):
            members = found if isinstance(found, h5py.Group) else ()
            there = suggest(step, dict.fromkeys([*members, *columns]))
            what = "dataset or column" if columns else "dataset"
            raise _AbsentError(f"{title}: no {what} {key!r}; {there}")
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
