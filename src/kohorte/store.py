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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np

from kohorte import provenance
from kohorte.errors import ResultError
from kohorte.maps.lattice import Lattice

#: Number of the layout described here; a reader refuses a file of another.
FORMAT = 1

#: Unit of every dataset, by the last part of its name.
UNITS = {
    # data.h5
    "features": "scaled",
    "names": "text",
    "offset": "physical unit of the feature",
    "scale": "physical unit of the feature per scaled unit",
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
    "agreement": "adjusted Rand index",
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
        dataset.attrs["unit"] = UNITS[name.rpartition("/")[2]]


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


@dataclass(frozen=True)
class PreparedData:
    """The scaled table that every realization is trained on.

    Attributes:
        features: (N, F) float32, C order, scaled.
        names: F feature names.
        offset: (F,) float64; physical value = features * scale + offset.
        scale: (F,) float64.
        truth: (N,) int64 class of each point, or None where it is not known.
        class_names: names of the classes, or None.
        rows: (N,) int64 row of each point in the source.
        digest: SHA-256 of the features and names.
    """

    features: np.ndarray
    names: tuple[str, ...]
    offset: np.ndarray
    scale: np.ndarray
    truth: np.ndarray | None
    class_names: tuple[str, ...] | None
    rows: np.ndarray
    digest: str

    def physical(self, columns: Sequence[int]) -> np.ndarray:
        """Some features of all points in the units of the source, (N, len(columns)) float64."""
        columns = list(columns)
        return self.features[:, columns] * self.scale[columns] + self.offset[columns]


def write_data(path: str | Path, data: PreparedData, **attributes: Any) -> None:
    """Write `data.h5`."""
    with create(path, "data", digest=data.digest, **attributes) as file:
        put(
            file,
            {
                "features": data.features,
                "names": data.names,
                "scaling/offset": data.offset,
                "scaling/scale": data.scale,
                "truth": data.truth,
                "class_names": data.class_names,
                "rows": data.rows,
            },
        )


def read_data(path: str | Path) -> PreparedData:
    """Read `data.h5`."""
    with open_result(path, "data") as file:
        return PreparedData(
            features=file["features"][:],
            names=read_text(file["names"]),
            offset=file["scaling/offset"][:],
            scale=file["scaling/scale"][:],
            truth=file["truth"][:] if "truth" in file else None,
            class_names=read_text(file["class_names"]) if "class_names" in file else None,
            rows=file["rows"][:],
            digest=file.attrs["digest"],
        )


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


@dataclass(frozen=True)
class StoredRealization:
    """What `realizations/<id>.h5` says of one map, with the arrays that were asked for.

    Attributes:
        id: readable name of the realization.
        seed: its own seed.
        repeat: 1 .. repeats.
        parameters: its parameters, automatic lattice dimensions resolved.
        n_clusters: clusters of the map.
        quality: measures of the map by name.
        seconds: time of each stage by name.
        arrays: the datasets asked for, by name.
    """

    id: str
    seed: int
    repeat: int
    parameters: Mapping[str, Any]
    n_clusters: int
    quality: Mapping[str, float]
    seconds: Mapping[str, float]
    arrays: Mapping[str, np.ndarray]

    @property
    def lattice(self) -> Lattice:
        """The lattice of the map."""
        return Lattice(*(self.parameters[name] for name in ("xdim", "ydim", "topology")))


#: Datasets of a realization file: the fields of `kohorte.maps.realization.Realization`.
REALIZATION_ARRAYS = (
    "weights",
    "u_matrix",
    "basins",
    "centroids",
    "node_clusters",
    "cluster_centroids",
    "winners",
    "labels",
    "hits",
)


def write_realization(path: str | Path, realization: Any, **attributes: Any) -> None:
    """Write `realizations/<id>.h5` from a `kohorte.maps.realization.Realization`.

    Args:
        path: where the file will lie.
        realization: the trained map and what was derived from it.
        attributes: `id`, `seed`, `repeat`, `parameters` and `fingerprint` of the realization.
    """
    with create(path, "realization", **attributes) as file:
        put(file, {name: getattr(realization, name) for name in REALIZATION_ARRAYS})
        put_attributes(file.create_group("quality"), **realization.quality)
        seconds = file.create_group("seconds")
        put_attributes(seconds, unit="s", **realization.seconds)
        file.attrs["content"] = content_digest(file)


def read_realization(path: str | Path, *names: str) -> StoredRealization:
    """Read a realization's attributes and the named datasets."""
    with open_result(path, "realization") as file:
        return StoredRealization(
            id=file.attrs["id"],
            seed=int(file.attrs["seed"]),
            repeat=int(file.attrs["repeat"]),
            parameters=read_json(file, "parameters"),
            n_clusters=len(file["cluster_centroids"]),
            quality={name: float(value) for name, value in file["quality"].attrs.items()},
            seconds={n: float(v) for n, v in file["seconds"].attrs.items() if n != "unit"},
            arrays={name: file[name][:] for name in names},
        )


def has_fingerprint(path: str | Path, fingerprint: str) -> bool:
    """Whether a realization file is there, unharmed, that was made from just these inputs."""
    try:
        with open_result(path, "realization") as file:
            made_from = file.attrs.get("fingerprint")
            return made_from == fingerprint and file.attrs.get("content") == content_digest(file)
    except (ResultError, OSError, KeyError):
        return False


def content_digest(file: h5py.File) -> str:
    """Digest of all datasets of a realization file and of its measures: all but the times."""
    arrays = {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}
    quality = sorted((name, float(value)) for name, value in file["quality"].attrs.items())
    return provenance.digest_of(
        *(part for item in sorted(arrays.items()) for part in item), quality
    )


def list_realization(path: str | Path) -> dict[str, str]:
    """The entry of a realization in the index of its batch."""
    with open_result(path, "realization") as file:
        return {"id": file.attrs["id"], "file": path.name, "content": file.attrs["content"]}


def listed_realizations(indexes: Sequence[str | Path], *, verify: bool = False) -> list[Path]:
    """Paths of the realizations that batch indexes list, in their order.

    Args:
        indexes: paths of `realizations/batches/<batch>.json`.
        verify: compare the content of each file with the digest in its index.

    Raises:
        ResultError: when a listed file is missing, or is not the one that was listed.
    """
    paths = []
    for index in map(Path, indexes):
        for entry in json.loads(index.read_text(encoding="utf-8")):
            path = index.parent.parent / entry["file"]
            if not path.exists():
                raise ResultError(f"{path}: finished before but gone now; run the workflow again")
            if verify:
                with open_result(path, "realization") as file:
                    whole = content_digest(file) == entry["content"]
                if not whole:
                    raise ResultError(
                        f"{path}: its content is not what was written (digest in {index}); "
                        "delete it and run the workflow again"
                    )
            paths.append(path)
    return paths


def find_realization(indexes: Sequence[str | Path], identifier: str) -> Path:
    """Path of the realization of that id among those that batch indexes list."""
    for path in listed_realizations(indexes):
        if path.stem == identifier:
            return path
    raise ResultError(f"no batch index lists a realization {identifier!r}")


def write_ensemble(path: str | Path, ensemble: Any, *, ids: Sequence[str], options: Any) -> None:
    """Write `ensemble.h5` from a `kohorte.ensemble.combine.Ensemble`.

    Args:
        path: where the file will lie.
        ensemble: the combined realizations.
        ids: the id of each realization, in the order of the ensemble.
        options: the `ensemble` section of the configuration.
    """
    overlaps, separation, consensus = ensemble.overlaps, ensemble.separation, ensemble.consensus
    ranks = np.empty(len(ensemble.order), dtype=np.int64)
    ranks[ensemble.order] = np.arange(1, len(ranks) + 1)
    with create(path, "ensemble", options=options, n_points=overlaps.n_points) as file:
        put(
            file,
            {
                "realizations/ids": list(ids),
                "realizations/agreement": ensemble.agreement,
                "clusters/realization": overlaps.realization,
                "clusters/cluster": overlaps.cluster,
                "clusters/size": overlaps.sizes,
                "clusters/gsum": ensemble.gsum,
                "clusters/rank": ranks,
                "clusters/sce_group": ensemble.sce_groups,
                "clusters/consensus_group": consensus.groups,
                "overlaps/counts": overlaps.counts,
                "ranking/ranked": ensemble.gsum[ensemble.order],
                "ranking/smoothed": separation.smoothed,
                "ranking/derivative": separation.derivative,
                "ranking/boundaries": separation.boundaries,
                "consensus/linkage": consensus.linkage,
                "consensus/leaf_order": consensus.leaf_order,
                "points/signal": ensemble.signal,
                "points/label": consensus.labels,
                "points/confidence": consensus.confidence,
            },
        )
        put_attributes(file["realizations"], representative=ids[ensemble.representative])
        put_attributes(
            file["consensus"],
            n_groups=consensus.n_groups,
            rule=consensus.rule,
            candidates=dict(consensus.candidates),
        )


def read_representative(path: str | Path) -> str:
    """Id of the realization that agrees best with all others, from `ensemble.h5`."""
    with open_result(path, "ensemble") as file:
        return file["realizations"].attrs["representative"]


def read_ensemble(path: str | Path) -> SimpleNamespace:
    """Read `ensemble.h5`: one namespace for each of its groups.

    Returns:
        Namespaces `realizations`, `clusters`, `overlaps`, `ranking`, `consensus`, `points` with the
        datasets and attributes of each group, and `n_points`, `options`.
    """
    with open_result(path, "ensemble") as file:
        groups = {
            name: SimpleNamespace(
                **{k: read_text(d) if d.dtype.kind == "O" else d[:] for k, d in group.items()},
                **dict(group.attrs),
            )
            for name, group in file.items()
        }
        return SimpleNamespace(
            **groups, n_points=int(file.attrs["n_points"]), options=read_json(file, "options")
        )
