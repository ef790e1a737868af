"""The HDF5 files of a study: their layout, and how they are written: whole or not at all.

Every file has the attributes `kind` (fields, data, realization, ensemble), `format` (of this
layout), `versions` (JSON), `library` (digest of the code that made it) and those that its writer
adds; every dataset has a `unit`. A file is written under a temporary name in its own directory and
renamed when it is complete. HDF5 leaves the first bytes of a file, its user block, to applications:
here lies the seal, size and SHA-256 of all that follows, which is compared when the file is opened.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import h5py
import numpy as np

from kohorte import provenance
from kohorte._files import replacing
from kohorte._hdf5 import open_for_reading
from kohorte._text import guard_cell, unguard_cell
from kohorte.errors import KohorteError, ResultError

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import Buffer

#: Number of the layout described here; readers refuse files of another layout. It rises when a
#: reader would take a file of the other version for something else, or miss something in it, and at
#: no other time: what is added changes nothing for who does not know it (tests/test_versions.py).
FORMAT = 1

#: Parts of the library that the numbers of each kind of file come from. For other kinds `create`
#: takes them as `made_by`; without that, all of the library counts.
_MADE_BY: dict[str, Sequence[str]] = {
    "data": ("data",),
    "realization": ("maps",),
    "overlaps": ("ensemble",),
    "combined": ("ensemble",),
    "points": ("ensemble", "maps/draws", "maps/metrics", "maps/novelty"),
    "ensemble": ("ensemble", "maps/draws", "maps/metrics", "maps/novelty"),
    "tally": ("analysis", "ensemble", "maps"),
    "training": ("maps",),
    "group_signals": ("ensemble",),
    "sweep": ("ensemble",),
    "imputed": ("maps",),
    "prediction": ("analysis", "data", "ensemble", "maps"),
}

#: Kinds that are made again when the code of these parts changes, unless dates alone decide.
_AS_THEIR_RULE = {"realization", "overlaps", "ensemble"}

# Names of the datasets that have a unit; the features of resources/<name>.h5 have their own.
_BY_UNIT = {
    "text": ("units", "titles", "names", "class_names", "study_classes", "group_names", "ids"),
    "scaled": ("features", "weights"),
    "physical unit of the feature": ("offset",),
    "physical unit of the feature per scaled unit": ("scale",),
    "dimensionless": (
        *("scaling/weights", "factors", "alpha"),
        *("gsum", "ranked", "smoothed", "signal"),
    ),
    "class index, -1 where it is not known": ("truth", "group_class", "winner_class"),
    "row of the source, from 0": ("rows",),
    "scaled distance": ("u_matrix", "quantization_error"),
    "basin index": ("basins",),
    "node index": ("centroids", "cluster_centroids", "winners"),
    "cluster index": ("node_clusters", "labels", "cluster", "columns"),
    "points": ("hits", "counts", "size"),
    "place in counts": ("row_starts",),
    "times that a row counts": ("sample_weight",),
    "steps or epochs": ("step",),
    "share of points": ("topographic_error", "with_consensus"),
    "lattice spacings": ("radius",),
    "realization index": ("realization",),
    "rank from 1": ("rank",),
    "group index": ("sce_group", "consensus_group", "label", "second"),
    "per rank": ("derivative",),
    "rank from 0": ("boundaries", "minima"),
    "rows of scipy.cluster.hierarchy.linkage": ("linkage",),
    "cluster row": ("leaf_order", "leaves"),
    "level, 0 the coarsest": ("levels", "level"),
    "number": ("n_groups",),
    "times chance": ("lift", "next_lift"),
    "logarithm of a ratio": ("separation", "support", "score"),
    "adjusted Rand index": ("ari",),
    "normalized mutual information": ("nmi",),
    "share of realizations": ("confidence", "second_share", "winner_share"),
    "quantization errors": ("novelty",),
    "yes or no": ("is_outlier",),
    "class of the signal, 0 the lowest": ("signal_class",),
}

#: Unit of the datasets of every study, by the last part of the name; the files of a single study
#: have theirs where they are written.
UNITS = {name: unit for unit, names in _BY_UNIT.items() for name in names}


#: Bytes of the user block; HDF5 wants a power of two, at least 512.
_BLOCK = 512
_SEAL = b"kohorte sha256 "


class _Target(io.FileIO):
    """A file for HDF5 to write to, which keeps its first error for `create` to raise.

    HDF5 cannot give up a file that it cannot write to: h5py drops the errors of datasets that are
    closed, so that a file without them would look whole, and the process crashes when it ends.
    """

    error: OSError | None = None

    def write(self, data: Buffer) -> int:
        """Write all of `data`, or nothing once there was an error."""
        rest = memoryview(data).cast("B")
        size = rest.nbytes
        while rest and self.error is None:
            try:
                rest = rest[super().write(rest) :]
            except OSError as error:
                self.error = error
        return size


@contextlib.contextmanager
def create(
    path: str | Path, kind: str, *, made_by: Sequence[str] | None = None, **attributes: Any
) -> Iterator[h5py.File]:
    """Open a new result file for writing; it appears under `path` only when it is complete.

    `path`: where the file will lie; missing directories are made. `kind`: what the file is, kept as
    its attribute of that name. `made_by`: parts of the library that its numbers come from, if the
    kind does not tell. `attributes`: attributes of the file; mappings and sequences are stored as
    JSON. Raises ResultError: when disk or permissions do not allow to write there.
    """
    with replacing(path) as temporary, _Target(temporary, "w+") as target:
        with h5py.File(target, "w", userblock_size=_BLOCK) as file:
            file.attrs["kind"] = kind
            file.attrs["format"] = FORMAT
            file.attrs["versions"] = json.dumps(provenance.versions())
            parts = _MADE_BY.get(kind, ("",)) if made_by is None else made_by
            file.attrs["library"] = provenance.library_digest(*parts)
            put_attributes(file, **attributes)
            yield file
        _seal(target)
        if target.error is not None:
            raise target.error


def _seal(stream: BinaryIO | io.FileIO) -> None:
    """Write the seal of an open file into its user block."""
    seal = _seal_of(stream)
    stream.seek(0)
    stream.write(seal)


def _seal_of(stream: BinaryIO | io.FileIO) -> bytes:
    """Return the user block that belongs to the content that follows it."""
    digest = hashlib.sha256()
    stream.seek(_BLOCK)
    while piece := stream.read(1 << 20):
        digest.update(piece)
    return _SEAL + f"{digest.hexdigest()} of {stream.tell() - _BLOCK} bytes\n".encode()


def read_seal(path: str | Path) -> str:
    """Return what tells the content of a file: its seal if it has one, else its SHA-256."""
    with open(path, "rb") as stream:
        found = stream.read(_BLOCK).rstrip(b"\0")
    return found.decode() if found.startswith(_SEAL) else provenance.file_digest(path)


def put(file: h5py.File, arrays: Mapping[str, Any], units: Mapping[str, str] | None = None) -> None:
    """Add arrays by (slash-separated) name with the unit of `units` or UNITS; None is left out."""
    known = UNITS | dict(units or {})
    for name, array in arrays.items():
        if array is None:
            continue
        is_text = isinstance(array, (list, tuple))
        dataset = file.create_dataset(
            name, data=array, dtype=h5py.string_dtype() if is_text else None
        )
        dataset.attrs["unit"] = known.get(name) or known[name.rpartition("/")[2]]


def create_packed(
    file: h5py.File, name: str, shape: tuple[int, ...], dtype: Any, chunks: tuple, unit: str
) -> h5py.Dataset:
    """Create a compressed dataset, with its unit, to be written chunk by chunk."""
    how: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    dataset = file.create_dataset(name, shape, dtype, chunks=chunks, **how)
    dataset.attrs["unit"] = unit
    return dataset


def put_attributes(group: h5py.Group, **attributes: Any) -> None:
    """Add attributes; mappings and sequences become JSON, None is left out."""
    for name, value in attributes.items():
        if value is None:
            continue
        plain = isinstance(value, (str, bytes, int, float, np.number))
        group.attrs[name] = value if plain else json.dumps(value, default=list)


@contextlib.contextmanager
def open_result(path: str | Path, kind: str) -> Iterator[h5py.File]:
    """Open a result file for reading; all of it is read once in each process, for its checksum.

    Raises ResultError: it is missing, not whole, changed, of another kind or of another layout.
    """
    path = Path(path)
    if not path.exists():
        raise ResultError(f"{path}: this result does not exist; run the rule that makes it")
    if not path.is_file():  # A pipe would be waited for.
        raise ResultError(f"{path}: is no file, and so no result of kohorte")
    sealed = False
    try:
        state = path.stat()
        sealed = _is_sealed(path, state.st_ino, state.st_size, state.st_mtime_ns)
        file = open_for_reading(path)
    except OSError as error:
        if error.errno is not None:  # of the system, where what HDF5 finds wrong has no number
            raise ResultError(f"{path}: cannot be read ({error})") from None
        raise _not_whole(path, error, sealed=sealed) from None
    with file:
        try:
            found = {name: str(file.attrs.get(name, "none")) for name in ("kind", "format")}
        except Exception as error:  # whatever h5py makes of a damaged head
            raise _not_whole(path, error, sealed=sealed) from None
        if found != {"kind": kind, "format": str(FORMAT)}:
            raise ResultError(
                f"{path}: expected a {kind} file of layout {FORMAT}, found {found['kind']} of "
                f"layout {found['format']}; {_other_file(found, kind)}"
            )
        if not sealed:
            raise ResultError(f"{path}: has no checksum that tells whether it is whole; {_UNKNOWN}")
        link = file.id.links.visit(_link_elsewhere, info=True)
        if link is not None:
            raise ResultError(f"{path}: {link!r} leads to another place, which is refused")
        yield file


def _other_file(found: Mapping[str, str], kind: str) -> str:
    """Say what to do with a file that may be whole, and is not the one that was meant."""
    if found["kind"] != kind:
        return f"name one of kind {kind}; if this one lies in its place, move it away and run again"
    return (
        "another version of kohorte made it: read it with that one, or move it away and run again"
    )


#: What to do with a file that kohorte may not have made.
_UNKNOWN = "where kohorte should have made it, move it away and run again"


def _not_whole(path: Path, error: Exception, *, sealed: bool) -> ResultError:
    remedy = "delete it and run again" if sealed else _UNKNOWN
    return ResultError(f"{path}: not a whole HDF5 file ({error}); {remedy}")


def _link_elsewhere(name: bytes, info: Any) -> str | None:
    return None if info.type == h5py.h5l.TYPE_HARD else name.decode("utf-8", "replace")


@contextlib.contextmanager
def read_result(path: str | Path, kind: str) -> Iterator[h5py.File]:
    """Open a result file as `open_result` does, only to read it; ResultError if it lacks a part."""
    with open_result(path, kind) as file:
        try:
            yield file
        except KohorteError:
            raise
        except Exception as error:
            raise ResultError(
                f"{path}: not what a {kind} file holds ({type(error).__name__}: {error}); delete "
                "it and run again"
            ) from error


def other_versions(paths: Iterable[str | Path]) -> str:
    """Say which of some result files another version of kohorte made; "" where none is.

    A version is one of a release, or of code that makes such files otherwise than this one does.
    """
    found: dict[str, dict[str, int]] = {}
    now = provenance.versions()["kohorte"]
    for path in map(Path, paths):
        with open_for_reading(path) as file:
            kind = str(file.attrs["kind"])
            version = str(json.loads(file.attrs["versions"])["kohorte"])
            code, parts = file.attrs["library"], _MADE_BY.get(kind)
        if version != now:
            maker = f"kohorte {version}"
        elif kind in _AS_THEIR_RULE and parts and code != provenance.library_digest(*parts):
            maker = f"other code of kohorte {version}"
        else:
            continue
        name = "maps" if kind == "realization" else path.name
        counts = found.setdefault(maker, {})
        counts[name] = counts.get(name, 0) + 1
    said = []
    for maker, counts in found.items():
        names = [f"{n} maps" if name == "maps" else name for name, n in counts.items()]
        said.append(f"{', '.join(names)} by {maker}")
    return f"made {'; '.join(said)}, and this is kohorte {now}" if said else ""


@functools.cache
def _is_sealed(path: Path, *_version: int) -> bool:
    """Tell whether a file has a seal; raise ResultError if that is not the seal of its content.

    `_version` tells one version of the file from another in the key of the cache.
    """
    with open(path, "rb") as stream:
        found = stream.read(_BLOCK).rstrip(b"\0")
        if not found.startswith(_SEAL):
            return False
        expected = _seal_of(stream)
    if found != expected:
        whole = found.rpartition(b" of ")[2] == expected.rpartition(b" of ")[2]
        wrong = "its content is not what was written" if whole else "not a whole HDF5 file"
        raise ResultError(f"{path}: {wrong}; delete it and run again")
    return True


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a pandas table as CSV, whole or not at all; floats keep every bit.

    A text that a spreadsheet would take for a formula has an apostrophe before it, also in the
    head; `read_csv` takes it away.
    """
    with replacing(path) as temporary:
        guarded = _with_texts(table, guard_cell)
        guarded.to_csv(temporary, index=False, lineterminator="\n")


def read_csv(path: str | Path, **options: Any) -> pd.DataFrame:
    """Read what `write_csv` wrote, with the options of `pandas.read_csv`."""
    import pandas as pd

    return _with_texts(pd.read_csv(path, **options), unguard_cell)


def _with_texts(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """Return a table whose texts, also the names of columns, are changed."""

    def changed(value: Any) -> Any:
        return change(value) if isinstance(value, str) else value

    found = table.rename(columns=changed)
    for place, dtype in enumerate(table.dtypes):
        if dtype.kind not in "biufc":
            found.isetitem(place, table.iloc[:, place].map(changed).array)
    return found


def write_index(
    path: str | Path, files: Sequence[str | Path], entries: Any, *, losses: int = 0
) -> None:
    """Write the index of the files that a job has finished: what Snakemake follows in their place.

    Snakemake deletes the index, JSON with `entries`, when the job starts or fails; so the names of
    the `files`, by which a loss is seen, and the number of `losses` lie beside it as `.losses`.
    """
    path = Path(path)
    known = {"losses": losses, "files": [os.path.relpath(file, path.parent) for file in files]}
    for target, content in ((path.with_suffix(".losses"), known), (path, entries)):
        with replacing(target) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_text(dataset: h5py.Dataset) -> tuple[str, ...]:
    """Read a dataset of text as a tuple of str."""
    return tuple(dataset.asstr()[:])


def read_json(group: h5py.Group, name: str) -> Any:
    """Read an attribute that `put_attributes` stored as JSON."""
    return json.loads(group.attrs[name])
