"""The HDF5 files of a study: what lies where in them, and how they are written so that a file that
exists is whole.

Every file has the attributes `kind` (data, realization, ensemble), `format` (of this layout),
`versions` (JSON) and those that its writer adds; every dataset has a `unit`. A file is written
under a temporary name in its own directory and renamed when it is complete.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kohorte import provenance
from kohorte.errors import ResultError

#: Number of the layout described here; a reader refuses a file of another.
FORMAT = 1

#: Unit of every dataset, by the last part of its name.
UNITS = {
    # data.h5
    "features": "scaled",
    "names": "text",
    "offset": "physical unit of the feature",
    "scale": "physical unit of the feature per scaled unit",
    "scaling/weights": "dimensionless",
    "truth": "class index",
    "class_names": "text",
    "rows": "row of the source, from 0",
    # realizations/<id>.h5
    "weights": "scaled",
    "u_matrix": "scaled distance",
    "basins": "basin index",
    "centroids": "node index",
    "node_clusters": "cluster index",
    "cluster_centroids": "node index",
    "winners": "node index",
    "labels": "cluster index",
    "hits": "points",
    "step": "steps or epochs",
    "quantization_error": "scaled distance",
    "topographic_error": "share of points",
    "radius": "lattice spacings",
    "alpha": "dimensionless",
    # ensemble.h5
    "counts": "points",
    "realization": "realization index",
    "cluster": "cluster index",
    "size": "points",
    "gsum": "dimensionless",
    "rank": "rank from 1",
    "sce_group": "group index",
    "consensus_group": "group index",
    "ranked": "dimensionless",
    "smoothed": "dimensionless",
    "derivative": "per rank",
    "boundaries": "rank from 0",
    "linkage": "rows of scipy.cluster.hierarchy.linkage",
    "leaf_order": "cluster row",
    "ari": "adjusted Rand index",
    "nmi": "normalized mutual information",
    "ids": "text",
    "signal": "dimensionless",
    "label": "group index",
    "confidence": "share of realizations",
}


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` if the block ends without error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as stream:
            os.fsync(stream.fileno())
        # mkstemp makes files that only their owner can read; results are for sharing.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def create(path: str | Path, kind: str, **attributes: Any) -> Iterator[h5py.File]:
    """Open a new result file for writing; it appears under `path` only when it is complete.

    Args:
        path: where the file will lie; missing directories are made.
        kind: what the file is, kept as its attribute of that name.
        attributes: attributes of the file; mappings and sequences are stored as JSON.
    """
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["kind"] = kind
        file.attrs["format"] = FORMAT
        file.attrs["versions"] = json.dumps(provenance.versions())
        put_attributes(file, **attributes)
        yield file


def put(file: h5py.File, arrays: Mapping[str, Any]) -> None:
    """Add arrays under their (slash-separated) names, each with its unit; None is left out."""
    for name, array in arrays.items():
        if array is None:
            continue
        is_text = isinstance(array, (list, tuple))
        dataset = file.create_dataset(
            name, data=array, dtype=h5py.string_dtype() if is_text else None
        )
        dataset.attrs["unit"] = UNITS.get(name) or UNITS[name.rpartition("/")[2]]


def put_attributes(group: h5py.Group, **attributes: Any) -> None:
    """Add attributes; mappings and sequences become JSON, None is left out."""
    for name, value in attributes.items():
        if value is None:
            continue
        plain = isinstance(value, (str, bytes, int, float, np.number))
        group.attrs[name] = value if plain else json.dumps(value, default=list)


@contextlib.contextmanager
def open_result(path: str | Path, kind: str) -> Iterator[h5py.File]:
    """Open a result file for reading.

    Raises:
        ResultError: when it is missing, not whole, of another kind or of another layout.
    """
    path = Path(path)
    if not path.exists():
        raise ResultError(f"{path}: this result does not exist; run the rule that makes it")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ResultError(
            f"{path}: not a whole HDF5 file ({error}); delete it and run again"
        ) from None
    with file:
        if file.attrs.get("kind") != kind or file.attrs.get("format") != FORMAT:
            raise ResultError(
                f"{path}: expected a {kind} file of layout {FORMAT}, found "
                f"{file.attrs.get('kind', 'none')} of layout {file.attrs.get('format', 'none')}; "
                "delete it and run again"
            )
        yield file


def write_csv(table: Any, path: str | Path) -> None:
    """Write a pandas table as CSV, whole or not at all; floats keep every bit."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def read_text(dataset: h5py.Dataset) -> tuple[str, ...]:
    """A dataset of text as a tuple of str."""
    return tuple(dataset.asstr()[:])


def read_json(group: h5py.Group, name: str) -> Any:
    """An attribute that `put_attributes` stored as JSON."""
    return json.loads(group.attrs[name])
