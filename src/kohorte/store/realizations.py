"""`realizations/<id>.h5`, one trained map each, and the indexes that list those of one job."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from kohorte import provenance
from kohorte.data.arrays import open_npy_array
from kohorte.data.hdf5 import find_dataset
from kohorte.data.names import find_file
from kohorte.errors import DataError, ResultError
from kohorte.maps.lattice import Lattice
from kohorte.store.ensembles import read_representative
from kohorte.store.files import create, open_result, put, put_attributes, read_json, read_result

if TYPE_CHECKING:
    from kohorte.maps.history import History
    from kohorte.maps.realization import Realization

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class MapArrays:
    """A map as its file has it: a Realization, but for what there is not after a stream."""

    weights: np.ndarray
    u_matrix: np.ndarray
    basins: np.ndarray
    centroids: np.ndarray
    node_clusters: np.ndarray
    cluster_centroids: np.ndarray
    winners: np.ndarray | None
    labels: np.ndarray | None
    hits: np.ndarray | None
    history: History | None
    quality: dict[str, float]
    seconds: dict[str, float]
    factors: np.ndarray | None = None


@dataclass(frozen=True)
class StoredRealization:
    """What `realizations/<id>.h5` says about one map, with the arrays that were asked for."""

    id: str  # Readable name of the realization
    seed: int  # Its own seed
    repeat: int  # 1 .. repeats
    parameters: Mapping[str, Any]  # Its parameters, automatic lattice dimensions resolved
    n_clusters: int  # Clusters of the map
    quality: Mapping[str, float]  # Measures of the map by name
    seconds: Mapping[str, float]  # Time of each stage by name
    arrays: Mapping[str, np.ndarray]  # The datasets asked for, by name
    #: (F,) float64 or None. What the features are multiplied by, 0 for those that the map does not
    #: see, as `kohorte.maps.draws.see` does; None for all as they are
    factors: np.ndarray | None = None

    @property
    def lattice(self) -> Lattice:
        """The lattice of the map."""
        sides = (self.parameters[name] for name in ("xdim", "ydim", "topology", "periodic"))
        return Lattice(*sides)


#: Datasets of a realization file: the fields of `kohorte.maps.realization.Realization`.
REALIZATION_ARRAYS = tuple(
    field.name for field in fields(MapArrays) if str(field.type).startswith("np.ndarray")
)


def write_realization(
    path: str | Path,
    realization: Realization | MapArrays,
    *,
    further: Mapping[str, Any] | None = None,
    **attributes: Any,
) -> None:
    """Write `realizations/<id>.h5`.

    `path`: where the file will lie; `realization`: the trained map and what was derived from it;
    `further`: arrays besides those of every realization, by their name in the file; `attributes`:
    `id`, `seed`, `repeat`, `parameters` and `fingerprint` of the realization.
    """
    with create(path, "realization", **attributes) as file:
        put(file, {name: getattr(realization, name) for name in REALIZATION_ARRAYS})
        if realization.history is not None:
            history = vars(realization.history).copy()
            kept = {"step": history.pop("snapshot_step"), "weights": history.pop("snapshots")}
            put(file, {f"history/{name}": values for name, values in history.items()})
            if kept["step"].size:
                put(file, {f"snapshots/{name}": values for name, values in kept.items()})
        put_attributes(file.create_group("quality"), **realization.quality)
        seconds = file.create_group("seconds")
        put_attributes(seconds, unit="s", **realization.seconds)
        put(file, further or {})
        file.attrs["content"] = content_digest(file)


def read_realization(path: str | Path, *names: str) -> StoredRealization:
    """Read a realization's attributes and the named datasets."""
    with read_result(path, "realization") as file:
        return StoredRealization(
            id=file.attrs["id"],
            seed=int(file.attrs["seed"]),
            repeat=int(file.attrs["repeat"]),
            parameters=read_json(file, "parameters"),
            n_clusters=len(file["cluster_centroids"]),
            quality={name: float(value) for name, value in file["quality"].attrs.items()},
            seconds={n: float(v) for n, v in file["seconds"].attrs.items() if n != "unit"},
            arrays={name: file[name][:] for name in names},
            factors=file["factors"][:] if "factors" in file else None,
        )


def read_weights(path: str | Path) -> np.ndarray:
    """Read weights (M, F) from a realization or NumPy file; ResultError if it is neither."""
    path = Path(path)
    if path.suffix not in (".npy", ".h5", ".hdf5"):
        raise ResultError(
            f"{path}: first weights are an array (.npy), or a realization of a finished study (.h5)"
        )
    try:
        find_file(str(path))
        if path.suffix == ".npy":
            return np.array(open_npy_array(str(path), path))
        with read_result(path, "realization") as file:
            return find_dataset(str(path), file, "weights")[()]
    except (DataError, OSError) as error:
        raise ResultError(f"{path}: not an array of first weights ({error})") from None


def has_fingerprint(path: str | Path, fingerprint: str) -> bool:
    """Tell whether there is an unharmed realization file that was made from just these inputs."""
    if not Path(path).exists():
        return False
    try:
        with open_result(path, "realization") as file:
            return file.attrs.get("fingerprint") == fingerprint
    except ResultError as error:
        _LOG.warning("%s", error)
        return False


def content_digest(file: h5py.File) -> str:
    """Return a digest of all datasets of a realization file and its measures: all but the times."""
    arrays: dict[str, np.ndarray] = {}

    def take(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    file.visititems(take)
    quality = sorted((name, float(value)) for name, value in file["quality"].attrs.items())
    return provenance.digest_of(
        *(part for item in sorted(arrays.items()) for part in item), quality
    )


def list_realization(path: str | Path, plan: str = "") -> dict[str, str]:
    """Make the entry of a realization in the index of its batch; `plan`: digest of its plan."""
    with read_result(path, "realization") as file:
        attributes = file.attrs
        return {
            "id": attributes["id"],
            "file": Path(path).name,
            "content": attributes["content"],
            "plan": plan,
        }


def check_planned(indexes: Sequence[str | Path], planned: Mapping[str, str]) -> None:
    """Refuse maps that are not those of a study, such as maps of a configuration that was edited.

    `indexes`: paths of `realizations/batches/<batch>.json`; `planned`: digest of the plan of each
    map, by id. ResultError names the first that is another one, is missing or is not planned.
    An index of an older version does not say how its maps were planned.
    """
    found = {e["id"]: (index, e.get("plan")) for index in indexes for e in _read_index(Path(index))}
    for identifier, (index, plan) in found.items():
        if identifier not in planned or (plan and planned[identifier] != plan):
            other = "made with other parameters" if identifier in planned else "not one of them"
            raise ResultError(
                f"{index}: the maps are not those that the study plans: {identifier} is {other}; "
                "delete this file and run again"
            )
    for identifier in planned:
        if identifier not in found:
            raise ResultError(
                f"the maps are not those that the study plans: {identifier} is missing; run again"
            )


def _read_index(index: Path) -> list[dict[str, str]]:
    try:
        entries = json.loads(index.read_text(encoding="utf-8"))
        if not all(
            isinstance(entry[key], str) for entry in entries for key in ("id", "file", "content")
        ):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        raise ResultError(f"{index}: not a whole index; delete it and run again") from None
    return list(entries)


def listed_realizations(indexes: Sequence[str | Path], *, verify: bool = False) -> list[Path]:
    """Return the paths of the realizations that batch indexes list, in their order.

    `indexes`: paths of `realizations/batches/<batch>.json`; `verify`: compare the content of each
    file with the digest in its index. Raises ResultError: a listed file is missing or is not the
    one that was listed, or an index is not whole.
    """
    paths = []
    for index in map(Path, indexes):
        # The name alone, so that nothing in an index leads to another place.
        folder, entries = index.parent.parent, _read_index(index)
        files = [(folder / Path(entry["file"]).name, entry["content"]) for entry in entries]
        for path, content in files:
            if not path.exists():
                raise ResultError(f"{path}: finished before but gone now; run the workflow again")
            if verify:
                with read_result(path, "realization") as file:
                    listed = file.attrs["content"] == content
                if not listed:
                    raise ResultError(
                        f"{path}: its content is not what {index} lists; delete it and run again"
                    )
            paths.append(path)
    return paths


def find_realization(indexes: Sequence[str | Path], identifier: str) -> Path:
    """Find the realization with that id among those that batch indexes list."""
    for path in listed_realizations(indexes):
        if path.stem == identifier:
            return path
    raise ResultError(f"no batch index lists a realization {identifier!r}")


def read_chosen_map(
    indexes: Sequence[str | Path], ensemble: str | Path, chosen: str | None, *names: str
) -> StoredRealization:
    """Read the datasets `names` of the realization with the id `chosen`, which `indexes` list.

    None chooses the most representative one, which the file `ensemble` tells.
    """
    identifier = chosen or read_representative(ensemble)
    return read_realization(find_realization(indexes, identifier), *names)
