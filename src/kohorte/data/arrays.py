"""Sources that are NumPy arrays: .npy and .npz files, and the data sets of scikit-learn."""

import os
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from kohorte._checks import extra, suggest
from kohorte.data.columns import Column, ColumnSource, choose_columns, column_of, fields_of
from kohorte.data.reading import (
    ArraySource,
    ReadOptions,
    Source,
    check_expansion,
    check_memory,
    check_set,
    damages,
    decode_names,
)
from kohorte.errors import DataError

#: The data sets that ship inside scikit-learn, by the name after "sklearn:".
SKLEARN_SETS = {
    "iris": "load_iris",
    "wine": "load_wine",
    "breast_cancer": "load_breast_cancer",
    "digits": "load_digits",
}


@contextmanager
def open_sklearn(title: str, name: str, options: ReadOptions) -> Iterator[Source]:
    """Open a data set of scikit-learn, with its target as the ground truth."""
    check_set(title, "scikit-learn", name, SKLEARN_SETS, options)
    with extra("estimators"):
        import sklearn.datasets
    bunch = getattr(sklearn.datasets, SKLEARN_SETS[name])()
    names = decode_names(title, bunch.feature_names, "feature_names")
    classes = np.array([str(target) for target in bunch.target_names])
    source = ArraySource(title, bunch.data, names, f"data set {name!r}")
    source.add_labels(classes[bunch.target])
    yield source


@contextmanager
def open_npy(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open the array of a .npy file, mapped so that only what is chosen gets read."""
    array = open_npy_array(title, path)
    if array.dtype.names:
        yield ColumnSource(title, fields_of(title, array), options)
    else:
        yield ArraySource(title, array, mapped=options.mapped)


def open_npy_array(title: str, path: str | Path) -> np.ndarray:
    """Map the array of a .npy file into memory; raise DataError if the file is something else."""
    with open(path, "rb") as stream:
        if stream.read(6) != b"\x93NUMPY":
            raise DataError(f"{title}: is not a .npy file, or is a pickle, which is never loaded")
    with _pickles(title):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        more = os.stat(path).st_size - array.offset - array.nbytes
        if more > 0:
            raise DataError(
                f"{title}: holds {more} bytes behind its array of shape {array.shape}, which would "
                "be left out: of several arrays in one file make one, or a .npz"
            )
        return array


def read_member(title: str, archive: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    """Read an array of a .npz file whose size can be; DataError for any other."""
    with _pickles(f"{title}: array {key!r}"):
        packed = archive.zip.getinfo(f"{key}.npy")  # type: ignore[union-attr]
        check_expansion(title, packed.file_size, packed.compress_size)
        check_memory(title, packed.file_size)
        return archive[key]


def check_members(title: str, archive: np.lib.npyio.NpzFile) -> None:
    """Raise DataError for an archive with two arrays of one name, of which one would be lost."""
    twice = [name for name, count in Counter(archive.files).items() if count > 1]
    if twice:
        raise DataError(f"{title}: holds two arrays called {twice[0]!r}; give each its own name")


@contextmanager
def open_npz(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open the arrays `feature_dataset`, `names_dataset` and, if no column, `label` of a .npz.

    An array of records is a table by its fields. Without an array `features` each array of one
    dimension is a column.
    """
    if not zipfile.is_zipfile(path):
        raise DataError(f"{title}: is not a .npz file, or it is truncated")
    with _pickles(title), np.load(path, allow_pickle=False) as archive:
        check_members(title, archive)

        def member(key: str, columns: Sequence[str] = ()) -> np.ndarray:
            if key not in archive.files:
                there = suggest(key, [*archive.files, *columns])
                raise DataError(
                    f"{title}: no array {'or column ' if columns else ''}{key!r}; {there}"
                )
            return read_member(title, archive, key)

        key = options.feature_dataset
        if key not in archive.files and key == ReadOptions.feature_dataset:
            members = {
                name: Column(shape, dtype, partial(member, name))
                for name, (shape, dtype) in _headers(archive.zip).items()
            }
            yield ColumnSource(title, choose_columns(title, members, options), options)
            return
        features = member(key)
        if features.dtype.names:
            columns = fields_of(f"{title}: array {key!r}", features)
            for name in options.others:
                if name not in columns and (name == options.label or name in archive.files):
                    columns[name] = column_of(member(name, list(columns)))
            yield ColumnSource(title, columns, options)
            return
        names, naming = None, options.names_dataset
        if naming is not None and (naming in archive.files or naming != "names"):
            names = decode_names(title, member(naming), f"array {naming!r}")
        source = ArraySource(title, features, names, f"array {options.feature_dataset!r}")
        heads = {} if names is None else _headers(archive.zip)
        for said in ("units", "titles"):
            shape, dtype = heads.get(said, ((), np.dtype(float)))
            if names is not None and dtype.kind in "SU" and shape == (len(names),):
                texts = decode_names(title, member(said), f"array {said!r}")
                pairs = zip(names, texts, strict=True)
                setattr(source, said, {name: text for name, text in pairs if text})
        if options.label is not None and options.label not in source.names:
            source.add_labels(member(options.label, source.names))
        for name in options.beside:
            if name not in source.names and name in archive.files:
                source.add_beside(name, member(name))
    yield source


def _headers(archive: zipfile.ZipFile) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Read shape and type of each array in a .npz, and none of its numbers."""
    found = {}
    for member in archive.namelist():
        if not member.endswith(".npy"):
            continue
        with archive.open(member) as stream:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                read = np.lib.format.read_array_header_2_0
            shape, _, dtype = read(stream)
        found[member.removesuffix(".npy")] = (shape, dtype)
    return found


@contextmanager
def _pickles(title: str) -> Iterator[None]:
    """Turn what NumPy says about a pickled or broken file into a DataError."""
    with damages(title):
        try:
            yield
        except DataError:
            raise
        except ValueError as error:
            said = str(error).lower()
            if "pickle" not in said and "python objects" not in said:
                raise
            raise DataError(
                f"{title}: holds pickled Python objects, which are never loaded; save plain numbers"
            ) from error
