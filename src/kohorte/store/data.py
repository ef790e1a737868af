"""`data.h5`: the checked and scaled table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kohorte.provenance import portable_path
from kohorte.store.files import create, put, read_json, read_result, read_text


@dataclass(frozen=True)
class PreparedData:
    """The scaled table that every realization is trained on.

    Attributes
    ----------
    features
        (N, F) float32, C order, scaled; NaN where a value is missing.
    names
        F feature names.
    offset
        (F,) float64; physical value = features * scale + offset.
    scale
        (F,) float64, weights of the features included.
    truth
        (N,) int64 class of each point, or None where it is not known.
    class_names
        Names of the classes, or None.
    rows
        (N,) int64 row of each point in the source.
    digest
        SHA-256 of the features and names.
    n_missing
        Entries of `features` that are NaN.
    shape
        Shape of the grid whose cells the points are, in C order; None where they are none.
    """

    features: np.ndarray
    names: tuple[str, ...]
    offset: np.ndarray
    scale: np.ndarray
    truth: np.ndarray | None
    class_names: tuple[str, ...] | None
    rows: np.ndarray
    digest: str
    n_missing: int = 0
    shape: tuple[int, ...] | None = None

    def physical(self, columns: Sequence[int]) -> np.ndarray:
        """Return features of all points in units of the source, (N, len(columns)) float64."""
        columns = list(columns)
        return self.features[:, columns] * self.scale[columns] + self.offset[columns]

    def every(self, step: int) -> PreparedData:
        """Return every step-th point, in memory; the digest remains the digest of all points."""
        return replace(
            self,
            features=np.ascontiguousarray(self.features[::step]),
            truth=None if self.truth is None else self.truth[::step],
            rows=self.rows[::step],
        )


def write_data(
    path: str | Path,
    data: PreparedData,
    *,
    weights: np.ndarray | None = None,
    source: str | None = None,
    options: Mapping[str, Any] | None = None,
    **attributes: Any,
) -> None:
    """Write `data.h5`.

    Parameters
    ----------
    weights
        (F,) weight of each feature, kept for the record: `data.scale` includes it.
    source
        Where the table was read from; of an absolute path only the name is kept.
    options
        The section `data` of the configuration, with its `source`.
    attributes
        Further attributes of the file.
    """
    if source is not None:
        source = portable_path(source)
        options = options and {**options, "source": source}
    attributes = {"digest": data.digest, "n_missing": data.n_missing, **attributes}
    if data.shape is not None:
        attributes["shape"] = list(data.shape)
    with create(path, "data", source=source, options=options, **attributes) as file:
        put(
            file,
            {
                "features": data.features,
                "names": data.names,
                "scaling/offset": data.offset,
                "scaling/scale": data.scale,
                "scaling/weights": weights,
                "truth": data.truth,
                "class_names": data.class_names,
                "rows": data.rows,
            },
        )


def read_data(path: str | Path, *, mapped: bool = False) -> PreparedData:
    """Read `data.h5`.

    If `mapped`, the features are a memory map of the file, which reads only what is used and shares
    it with other processes of the machine; what is written to it stays with this process. Features
    that do not lie in one piece are read whole all the same.
    """
    with read_result(path, "data") as file:
        return PreparedData(
            features=_map(path, file["features"]) if mapped else file["features"][:],
            names=read_text(file["names"]),
            offset=file["scaling/offset"][:],
            scale=file["scaling/scale"][:],
            truth=file["truth"][:] if "truth" in file else None,
            class_names=read_text(file["class_names"]) if "class_names" in file else None,
            rows=file["rows"][:],
            digest=file.attrs["digest"],
            n_missing=int(file.attrs["n_missing"]),
            shape=tuple(read_json(file, "shape")) if "shape" in file.attrs else None,
        )


def _map(path: str | Path, dataset: h5py.Dataset) -> np.ndarray:
    offset = dataset.id.get_offset()
    # None for chunks, compressed or not. Kernels are compiled for aligned native float32.
    if offset is None or offset % 4 or dataset.dtype != np.float32:
        return dataset[:]
    # Copy on write: the compiled kernels tell read-only arrays from others, and would be compiled
    # once more for them.
    return np.memmap(path, np.float32, "c", offset, dataset.shape)
