"""Sources that are .h5ad files, as anndata writes them: cells are rows, genes are columns."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.sparse

from kohorte._checks import suggest
from kohorte.data.columns import Column, ColumnSource, column_of
from kohorte.data.hdf5 import check_inside, dataset_column, find_dataset, open_file
from kohorte.data.reading import (
    ArraySource,
    ReadOptions,
    Source,
    check_expansion,
    damages,
    decode_names,
    decode_text,
    float_type,
)
from kohorte.data.table import free_name
from kohorte.errors import DataError

_LOG = logging.getLogger(__name__)

#: Where the matrix lies, unless `feature_dataset` says otherwise.
_MATRIX = "X"


class AnnotatedSource(Source):
    """A matrix of cells x genes, dense or sparse, and the annotations of the cells.

    Annotations and the names of cells are columns, which are features only if named; one with the
    name of a gene has an underscore behind it.
    """

    def __init__(
        self,
        title: str,
        matrix: ArraySource | _Sparse,
        names: Sequence[str],
        annotations: dict[str, Column],
        ids: str | None,
        options: ReadOptions,
    ) -> None:
        self.title = title
        taken = {*names, *annotations}
        called = {name: name for name in annotations}
        for name in sorted(set(names) & set(annotations)):
            called[name] = free_name(name, taken)
            taken.add(called[name])
            _LOG.warning(
                "%s: annotation %r has the name of a column of the matrix, and is called %r here",
                *(title, name, called[name]),
            )
        obs = {called[name]: column for name, column in annotations.items()}
        self._obs = ColumnSource(title, obs, options) if obs else None
        if self._obs is not None and self._obs.n_rows != matrix.n_rows:
            raise DataError(
                f"{title}: the matrix has {matrix.n_rows} rows, but obs has {self._obs.n_rows}"
            )
        self._matrix, self._n_genes = matrix, len(names)
        self.names = (*names, *obs)
        self.n_rows = matrix.n_rows
        self.asides = dict.fromkeys(obs, "an annotation (obs)")
        self.ids = None if ids is None else called.get(ids)

    def read(self, columns: Sequence[int], rows: np.ndarray) -> np.ndarray:
        """Read chosen genes of chosen cells, and annotations that are numbers."""
        genes = [column for column in columns if column < self._n_genes]
        if self._obs is None or len(genes) == len(columns):
            return self._matrix.read(genes, rows)
        others = [column - self._n_genes for column in columns if column >= self._n_genes]
        order = np.argsort(np.array(columns) >= self._n_genes, kind="stable")
        parts = [self._matrix.read(genes, rows)] if genes else []
        return np.hstack([*parts, self._obs.read(others, rows)])[:, np.argsort(order)].copy()

    def read_column(self, column: int, rows: np.ndarray) -> np.ndarray:
        """Read one gene, or an annotation: with gaps as floats, or text with None."""
        if self._obs is None or column < self._n_genes:
            return self._matrix.read([column], rows)[:, 0]
        return self._obs.read_column(column - self._n_genes, rows)

    def may_be_rounded(self, column: int) -> bool:
        """Tell whether float32 may have held the numbers of a gene, or of an annotation."""
        if self._obs is None or column < self._n_genes:
            return self._matrix.may_be_rounded(column)
        return self._obs.may_be_rounded(column - self._n_genes)


class _Sparse:
    """A sparse matrix in a file, which is read whole, and made dense where it is chosen."""

    def __init__(self, title: str, parts: dict[str, h5py.Dataset], shape: Any, kind: str) -> None:
        self.title = title
        self.n_rows, self.n_columns = (int(size) for size in shape)
        self._parts, self._kind = parts, kind

    def read(self, columns: Sequence[int], rows: np.ndarray) -> np.ndarray:
        """Read chosen rows and columns as floats."""
        with damages(self.title):
            data, indices, starts = (self._parts[n][()] for n in ("data", "indices", "indptr"))
            make = scipy.sparse.csr_array if self._kind == "csr" else scipy.sparse.csc_array
            matrix = make((data, indices, starts), (self.n_rows, self.n_columns))
            matrix.check_format(full_check=True)
            if len(columns) < self.n_columns:
                matrix = matrix.tocsc()[:, list(columns)]
            if len(rows) < self.n_rows:
                matrix = matrix.tocsr()[rows]
            return matrix.toarray().astype(float_type(data.dtype), copy=False)

    def may_be_rounded(self, column: int) -> bool:
        """Tell whether these are floats; of float64 some columns may have been made of float32."""
        return bool(self._parts["data"].dtype.kind == "f")


@contextmanager
def open_h5ad(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open the matrix X of an .h5ad file, or what `feature_dataset` names: layers/..., obsm/..."""
    with open_file(title, path) as file:
        check_inside(title, file)
        key = options.feature_dataset
        key = _MATRIX if key == ReadOptions.feature_dataset else key
        with damages(title):
            if key not in file:
                raise DataError(f"{title}: no {key!r}; {suggest(key, _matrices(file))}")
            matrix = _open_matrix(title, file, key)
            annotations, ids = _annotations(title, file)
            names = _column_names(title, file, key, matrix)
        yield AnnotatedSource(title, matrix, names, annotations, ids, options)


def _matrices(file: h5py.File) -> list[str]:
    found = [_MATRIX] if _MATRIX in file else []
    found += [f"{part}/{name}" for part in ("layers", "obsm") for name in file.get(part, {})]
    return found + (["raw/X"] if "raw/X" in file else [])


def _open_matrix(title: str, file: h5py.File, key: str) -> ArraySource | _Sparse:
    found = file[key]
    if isinstance(found, h5py.Dataset):
        return ArraySource(title, find_dataset(title, file, key), part=repr(key))
    kind = decode_text(found.attrs.get("encoding-type", found.attrs.get("h5sparse_format", "")))
    kind = kind.removesuffix("_matrix")
    if kind not in ("csr", "csc"):
        hint = suggest("", [f"{key}/{name}" for name in found])
        raise DataError(f"{title}: {key!r} is no matrix; {hint}")
    shape = found.attrs["shape"] if "shape" in found.attrs else found.attrs["h5sparse_shape"]
    parts = {n: find_dataset(title, file, f"{key}/{n}") for n in ("data", "indices", "indptr")}
    for part in parts.values():
        check_expansion(title, part.nbytes, os.stat(file.filename).st_size)
    return _Sparse(title, parts, shape, kind)


def _column_names(
    title: str, file: h5py.File, key: str, matrix: ArraySource | _Sparse
) -> tuple[str, ...]:
    """Return the names of genes, or numbers after the name of another matrix."""
    n_columns = matrix.n_columns if isinstance(matrix, _Sparse) else len(matrix.names)
    var = "raw/var" if key.startswith("raw/") else "var"
    if key == _MATRIX or key.startswith(("layers/", "raw/")):
        names = _index(title, file, var)
        if names is None or len(names) != n_columns:
            raise DataError(
                f"{title}: {key!r} has {n_columns} columns, but {var} names "
                f"{0 if names is None else len(names)}"
            )
        return decode_names(title, names, var)
    stem = key.rpartition("/")[2]
    return tuple(f"{stem}_{column}" for column in range(n_columns))


def _index(title: str, file: h5py.File, key: str) -> np.ndarray | None:
    frame = file.get(key)
    if isinstance(frame, h5py.Dataset):  # up to anndata 0.6
        return frame[frame.dtype.names[0]] if frame.dtype.names else None
    if frame is None or "_index" not in frame.attrs:
        return None
    return find_dataset(title, file, f"{key}/{decode_text(frame.attrs['_index'])}")[()]


def _annotations(title: str, file: h5py.File) -> tuple[dict[str, Column], str | None]:
    """Return the annotations of the cells as columns, and the name of that which names them."""
    frame = file.get("obs")
    if isinstance(frame, h5py.Dataset) and frame.dtype.names:
        found = {}
        for name in frame.dtype.names:
            values, classes = frame[name], f"uns/{name}_categories"
            if classes in file:
                values = _decode_classes(file[classes][()], values)
            found[name] = column_of(values)
        return found, frame.dtype.names[0]
    if frame is None:
        return {}, None
    ids = decode_text(frame.attrs["_index"]) if "_index" in frame.attrs else None
    found = {}
    for name in frame:
        if name != "__categories":
            column = _annotation(title, file, f"obs/{name}")
            if column is not None:
                found["obs_names" if name == ids and ids == "_index" else name] = column
    return found, "obs_names" if ids == "_index" else ids


def _annotation(title: str, file: h5py.File, key: str) -> Column | None:
    """Return one annotation: plain, of classes, or with a mask; None for other kinds."""
    thing = file[key]
    if isinstance(thing, h5py.Group):
        if "codes" in thing:
            codes = find_dataset(title, file, f"{key}/codes")
            classes = dataset_column(title, file, f"{key}/categories")
            return Column(codes.shape, np.dtype(object), partial(_classes, classes, codes))
        if "mask" in thing:
            values = dataset_column(title, file, f"{key}/values")
            mask = find_dataset(title, file, f"{key}/mask")
            return Column(values.shape, values.dtype, partial(_masked, values, mask))
        return None
    column = dataset_column(title, file, key)
    if "categories" in thing.attrs:  # up to anndata 0.7
        classes = dataset_column(title, file, file[thing.attrs["categories"]].name)
        return Column(column.shape, np.dtype(object), partial(_classes, classes, thing))
    return column


def _classes(classes: Column, codes: h5py.Dataset) -> np.ndarray:
    return _decode_classes(classes.read(), codes[()])


def _decode_classes(classes: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the class of each code; those below 0 have none."""
    values = np.asarray(classes, dtype=object)[np.maximum(codes, 0)]
    return np.ma.masked_array(values, codes < 0) if (codes < 0).any() else values


def _masked(values: Column, mask: h5py.Dataset) -> np.ndarray:
    return np.ma.masked_array(values.read(), mask[()].astype(bool))
