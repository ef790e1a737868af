"""Sources that are NumPy arrays: .npy and .npz files, and the data sets of scikit-learn."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from kohorte._checks import extra, suggest
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
    yield ArraySource(title, open_npy_array(title, path))


def open_npy_array(title: str, path: str | Path) -> np.ndarray:
    """Map the array of a .npy file into memory; raise DataError if the file is something else."""
    with open(path, "rb") as stream:
        if stream.read(6) != b"\x93NUMPY":
            raise DataError(f"{title}: is not a .npy file, or is a pickle, which is never loaded")
    with _pickles(title):
        return np.load(path, mmap_mode="r", allow_pickle=False)


@contextmanager
def open_npz(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open the arrays `feature_dataset`, `names_dataset` and, if no column, `label` of a .npz."""
    if not zipfile.is_zipfile(path):
        raise DataError(f"{title}: is not a .npz file, or it is truncated")
    with _pickles(title), np.load(path, allow_pickle=False) as archive:

        def member(key: str, columns: Sequence[str] = ()) -> np.ndarray:
            if key not in archive.files:
                there = suggest(key, [*archive.files, *columns])
                raise DataError(
                    f"{title}: no array {'or column ' if columns else ''}{key!r}; {there}"
                )
            with _pickles(f"{title}: array {key!r}"):
                packed = archive.zip.getinfo(f"{key}.npy")
                check_expansion(title, packed.file_size, packed.compress_size)
                check_memory(title, packed.file_size)
                return archive[key]

        features = member(options.feature_dataset)
        names, key = None, options.names_dataset
        if key is not None and (key in archive.files or key != "names"):
            names = decode_names(title, member(key), f"array {key!r}")
        source = ArraySource(title, features, names, f"array {options.feature_dataset!r}")
        if options.label is not None and options.label not in source.names:
            source.add_labels(member(options.label, source.names))
    yield source


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
