"""Sources that are .mat files of MATLAB and Octave: matrices, or one vector for each column."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io
import scipy.sparse

from kohorte._checks import suggest
from kohorte.data.columns import Column, ColumnSource, choose_columns, column_of
from kohorte.data.hdf5 import check_inside, check_parts, find_dataset, open_file
from kohorte.data.reading import (
    ALWAYS_HELD,
    MAX_EXPANSION,
    ArraySource,
    ReadOptions,
    Source,
    check_expansion,
    check_memory,
    damages,
    decode_names,
    decode_text,
)
from kohorte.errors import DataError

#: Reads a file whose variables may be as large as they claim to be; else who called it says so.
_READ = """
import math, scipy.io, sys
sizes = [math.prod(shape) for _, shape, _ in scipy.io.whosmat(sys.argv[1])]
if max(sizes, default=0) <= int(sys.argv[2]):
    scipy.io.loadmat(sys.argv[1])
"""

#: Seconds that this is given: at least, and for each number.
_SECONDS, _SECONDS_PER_NUMBER = 60, 1e-6

#: Bytes of the numbers of MATLAB; whosmat gives sizes and classes.
_LARGEST_NUMBER = 8


@contextmanager
def open_mat(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open the variables of a .mat file, of version 7.3 or before.

    `feature_dataset` names a matrix of N x F or a struct of vectors; without a variable `features`
    each vector is a column. Names and labels may be texts in a cell array or rows of characters.
    """
    if h5py.is_hdf5(path):
        with open_file(title, path) as file:
            check_inside(title, file)
            with damages(title):
                source = _open(title, _read_hdf5(title, file), options)
            yield source
        return
    _try_reading(title, path)
    with damages(title):
        for name, shape, _ in scipy.io.whosmat(path):
            claimed = int(np.prod(shape, dtype=float)) * _LARGEST_NUMBER
            check_expansion(f"{title}: {name}", claimed, os.stat(path).st_size)
            check_memory(title, claimed)
        found = scipy.io.loadmat(path, struct_as_record=True)
        members = {name: value for name, value in found.items() if not name.startswith("__")}
        source = _open(title, _flatten(members), options)
    yield source


def _try_reading(title: str, path: str | Path) -> None:
    """Read a file in another process first: a damaged one may end the process that reads it."""
    most = max(ALWAYS_HELD, MAX_EXPANSION * os.stat(path).st_size) // _LARGEST_NUMBER
    command = [sys.executable, "-P", "-c", _READ, os.fspath(path), str(most)]
    limit = _SECONDS + _SECONDS_PER_NUMBER * most
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{title}: is damaged: it is read without end ({error})") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it ends the process that reads it"])[-1]
        raise DataError(f"{title}: is truncated or damaged ({said})")


def _open(title: str, members: Mapping[str, Any], options: ReadOptions) -> Source:
    key = options.feature_dataset
    wanted = key != ReadOptions.feature_dataset
    if wanted and key not in members:
        raise DataError(f"{title}: no variable {key!r}; {suggest(key, members)}")
    structs = [name for name, value in members.items() if isinstance(value, dict)]
    if isinstance(members.get(key), dict) or (len(members) == len(structs) == 1):
        inner = members[key if key in members else structs[0]]
        columns = {name: column for name, value in inner.items() if (column := _column(value))}
        place = f"a struct, and has no field {ReadOptions.feature_dataset!r}"
        chosen = choose_columns(title, columns, options, f"{key!r} is {place}")
        return ColumnSource(title, chosen, options)
    columns = {name: column for name, value in members.items() if (column := _column(value))}
    if key not in members:
        chosen = choose_columns(title, columns, options, f"no variable {key!r}")
        return ColumnSource(title, chosen, options)
    features = np.asarray(members[key])
    names, naming = None, options.names_dataset
    if naming is not None and (naming in members or naming != "names"):
        if naming not in members:
            raise DataError(f"{title}: no variable {naming!r}; {suggest(naming, members)}")
        names = decode_names(title, np.ravel(members[naming]), f"variable {naming!r}")
    source = ArraySource(title, features, names, f"variable {key!r}")
    label = options.label
    if label is not None and label not in source.names and label in columns:
        source.add_labels(columns[label].read())
    for name in options.beside:
        if name not in source.names and name in columns:
            source.add_beside(name, columns[name].read())
    return source


def _column(value: Any) -> Column | None:
    """Return a variable as a column, a vector of one dimension where it is one; None for others."""
    if not isinstance(value, np.ndarray) or value.dtype.names:
        return None
    if value.ndim == 2 and 1 in value.shape and value.size > 1:
        value = value.ravel()
    return column_of(value)


def _flatten(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return variables of scipy.io: structs as dicts, cell arrays of text as arrays of text."""
    found: dict[str, Any] = {}
    for name, value in members.items():
        if scipy.sparse.issparse(value):
            check_memory(name, int(np.prod(value.shape, dtype=float)) * _LARGEST_NUMBER)
            found[name] = value.toarray()
        elif isinstance(value, np.ndarray) and value.dtype.names and value.size == 1:
            fields = {field: value[field].item() for field in value.dtype.names}
            found[name] = _flatten(fields)
        elif isinstance(value, np.ndarray) and value.dtype.kind == "O":
            texts = [np.ravel(entry) for entry in value.ravel()]
            if all(text.dtype.kind == "U" for text in texts):
                found[name] = np.array([str(t[0]) if t.size else "" for t in texts], dtype=object)
        elif isinstance(value, np.ndarray):
            found[name] = value
    return found


def _read_hdf5(title: str, file: h5py.File) -> dict[str, Any]:
    return {
        name: value
        for name in file
        if not name.startswith("#") and (value := _read(title, file, name)) is not None
    }


def _read(title: str, file: h5py.File, key: str) -> Any:
    """Read a variable of version 7.3, whose axes are the other way round."""
    thing = file[key]
    kind = decode_text(thing.attrs.get("MATLAB_class", b""))
    if isinstance(thing, h5py.Group):
        if "MATLAB_sparse" in thing.attrs:
            data, rows, starts = (thing[name][()] for name in ("data", "ir", "jc"))
            shape = (int(thing.attrs["MATLAB_sparse"]), len(starts) - 1)
            check_memory(title, shape[0] * shape[1] * _LARGEST_NUMBER)
            return scipy.sparse.csc_array((data, rows, starts), shape).toarray()
        if kind != "struct":
            return None
        inner = {name: _read(title, file, f"{key}/{name}") for name in thing}
        return {name: value for name, value in inner.items() if value is not None}
    if "MATLAB_empty" in thing.attrs:
        return None
    dataset = find_dataset(title, file, key)
    check_memory(title, dataset.nbytes)
    if kind == "cell":
        things = [file[reference] for reference in dataset[()].ravel()]
        for thing in things:  # which need no name, and then were not looked at
            if isinstance(thing, h5py.Dataset):
                check_parts(title, file, thing)
        texts = [_characters(thing) for thing in things]
        return None if None in texts else np.array(texts, dtype=object)
    values = dataset[()].T
    if kind == "char":
        return np.array(["".join(map(chr, row)).rstrip() for row in values], dtype=object)
    return values if values.dtype.kind in "biuf" else None


def _characters(thing: h5py.HLObject) -> str | None:
    if decode_text(thing.attrs.get("MATLAB_class", b"")) != "char":
        return None
    if "MATLAB_empty" in thing.attrs:
        return ""
    return "".join(map(chr, thing[()].ravel()))
