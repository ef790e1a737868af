"""`ensemble.h5` and the counts that it is made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from kohorte.ensemble.combination import Ensemble
from kohorte.ensemble.consensus import Candidates, Grouping
from kohorte.ensemble.overlaps import Overlaps
from kohorte.ensemble.significance import Separation
from kohorte.ensemble.votes import Voters, agreement_shares, in_doubt
from kohorte.errors import ResultError
from kohorte.maps.novelty import outlier_threshold, sample_novelty
from kohorte.store.files import (
    UNITS,
    create,
    put,
    put_attributes,
    read_json,
    read_result,
    read_text,
)

if TYPE_CHECKING:
    from kohorte.store.labels import Window


@dataclass(frozen=True, eq=False)
class StoredRealizations:
    """The realizations of an ensemble and how they agree.

    `ids`; (R, R) `ari` and `nmi` of each pair; (R,) `with_consensus`, share of the points for which
    each votes as the consensus does; `representative`, id of the first that does so most often.
    """

    ids: tuple[str, ...]
    ari: np.ndarray
    nmi: np.ndarray
    with_consensus: np.ndarray
    representative: str

    @property
    def mean_ari(self) -> float:
        """Mean adjusted Rand index of two realizations; 1 for a single one."""
        pairs = self.ari[np.triu_indices(len(self.ids), 1)]
        return float(pairs.mean()) if pairs.size else 1.0


@dataclass(frozen=True, eq=False)
class StoredClusters:
    """The K clusters of all realizations, (K,) each; `realization` is a place in the ids."""

    realization: np.ndarray
    cluster: np.ndarray
    size: np.ndarray
    gsum: np.ndarray
    rank: np.ndarray
    sce_group: np.ndarray
    consensus_group: np.ndarray


@dataclass(frozen=True, eq=False)
class StoredRanking:
    """The ranked Gsum curve, as `kohorte.ensemble.significance.Separation` has it."""

    ranked: np.ndarray
    smoothed: np.ndarray
    derivative: np.ndarray
    boundaries: np.ndarray


@dataclass(frozen=True, eq=False)
class StoredConsensus:
    """The tree of the clusters and its cut, as `kohorte.ensemble.consensus.Grouping` has them."""

    linkage: np.ndarray
    leaf_order: np.ndarray
    leaves: np.ndarray
    levels: np.ndarray
    consensus: str
    n_groups: int
    rule: str
    candidates: Mapping[str, int]
    evidence: Candidates | None


@dataclass(frozen=True, eq=False)
class StoredPoints:
    """The labelled points; `arrays` has them where they were read, (N,) each.

    `doubtful` counts the points in doubt, `outliers` those whose novelty is above
    `outlier_threshold`; None where there are no maps.
    """

    mean_confidence: float
    groups_with_points: int
    doubtful: int
    outliers: int | None
    outlier_threshold: float | None
    arrays: Mapping[str, np.ndarray]

    @property
    def label(self) -> np.ndarray:
        """Consensus group of each point; -1 where no realization holds it."""
        return self._array("label")

    @property
    def confidence(self) -> np.ndarray:
        """Share of the votes that it won, float32."""
        return self._array("confidence")

    @property
    def signal(self) -> np.ndarray:
        """Stacked signal, float64."""
        return self._array("signal")

    @property
    def second(self) -> np.ndarray:
        """Group with the second most votes; -1 where none got any."""
        return self._array("second")

    @property
    def second_share(self) -> np.ndarray:
        """Share of the votes that it got, float32."""
        return self._array("second_share")

    @property
    def novelty(self) -> np.ndarray:
        """Mean distance to the winners in quantization errors; there is none without maps."""
        return self._array("novelty")

    def _array(self, name: str) -> np.ndarray:
        if name not in self.arrays:
            raise ResultError(f"no {name} of the points; read_ensemble(..., points=True) reads all")
        return self.arrays[name]


@dataclass(frozen=True, eq=False)
class StoredEnsemble(Voters):
    """What `ensemble.h5` holds; `label` and `stream` label points, as those of an Ensemble."""

    realizations: StoredRealizations
    clusters: StoredClusters
    overlaps: Overlaps
    ranking: StoredRanking
    consensus: StoredConsensus
    points: StoredPoints
    n_points: int
    options: Mapping[str, Any]  # The choices that the ensemble was combined with
    p_structure: float | None = None  # Of a table without groups; None where it was not tested

    @property
    def groups_of_parts(self) -> int | str:
        """The choice of groups for a part of the ensemble: one, where the test has left one."""
        one = self.p_structure is not None and self.consensus.n_groups == 1
        return 1 if one else self.options["groups"]

    def _voters(self) -> tuple[Overlaps, np.ndarray, np.ndarray]:
        return self.overlaps, self.clusters.gsum, self.clusters.consensus_group


_BLOCK_ROWS = 1 << 20

_SEPARATION = ("smoothed", "derivative", "boundaries")

#: Arrays of the points, in their order in the file, and their types where they are fixed.
_OF_POINTS = {
    "signal": np.dtype(np.float64),
    "label": None,
    "confidence": np.dtype(np.float32),
    "second": None,
    "second_share": np.dtype(np.float32),
    "novelty": np.dtype(np.float64),
    "is_outlier": np.dtype(bool),
}

Blocks = Iterable[tuple[int, dict[str, np.ndarray]]]
"""First point of each of some consecutive blocks of points, and its arrays by name."""


def write_ensemble(
    path: str | Path,
    ensemble: Ensemble,
    labels: Sequence[Any],
    *,
    ids: Sequence[str],
    options: Mapping[str, Any],
    novelty: Any = None,
    threshold: float | None = None,
    p_structure: float | None = None,
    memory_mb: int = 64,
    threads: int | None = None,
    **attributes: Any,
) -> None:
    """Write `ensemble.h5`; the points are labelled and written slab by slab.

    `ensemble`: the combined realizations; `labels`: the label arrays or datasets that they were
    counted from; `ids`: the id of each realization, in the order of the ensemble; `options`: the
    choices that the ensemble was combined with, among them `votes`; `novelty`: that of the points,
    (N,) float64, or what gives it by slices; None where there are no maps; `threshold`: novelty
    above which a point is an outlier, by default that of `outlier_threshold`; `memory_mb`: labels
    held in memory at once, in MiB; `p_structure`: p-value of the structure, where it was tested.
    """
    if p_structure is not None:
        attributes["p_structure"] = p_structure
    counts = np.zeros((2, len(labels)), np.int64)
    blocks = _label(ensemble, labels, options["votes"], novelty, counts, memory_mb, threads)
    with _created(path, ensemble, options, len(labels[0]), **attributes) as file:
        _write_points(file, ensemble, blocks, has_novelty=novelty is not None, threshold=threshold)
        _write_combined(file, ensemble, ids, agreement_shares(*counts))


def write_gathered(
    path: str | Path,
    combined: str | Path,
    slabs: Sequence[str | Path],
    *,
    options: Mapping[str, Any],
    p_structure: float | None = None,
) -> Ensemble:
    """Write the `ensemble.h5` of `write_ensemble` from points that were labelled in slabs.

    `combined`: what `write_combined` wrote; `slabs`: files of `write_slab`, all of them in order.
    Raises ResultError: they are not the slabs of all points.
    """
    ensemble, contents = read_combined(combined)
    known = {} if p_structure is None else {"p_structure": p_structure}
    counts = np.zeros((2, len(contents)), np.int64)
    end, kinds = 0, set()
    for slab in slabs:
        with read_result(slab, "points") as file:
            if file.attrs["start"] != end:
                raise ResultError(f"{slab}: begins at point {file.attrs['start']}, not at {end}")
            end = int(file.attrs["stop"])
            counts += file["held"][:], file["same"][:]
            kinds.add("novelty" in file)
    if end != ensemble.overlaps.n_points or len(kinds) != 1:
        raise ResultError(
            f"{slabs[-1]}: the slabs end at point {end} of {ensemble.overlaps.n_points}, or are "
            "not alike; delete them and run again"
        )
    with _created(path, ensemble, options, end, **known) as file:
        _write_points(file, ensemble, _read_slabs(slabs), has_novelty=kinds.pop())
        _write_combined(file, ensemble, list(contents), agreement_shares(*counts))
    return ensemble


def _created(
    path: str | Path, ensemble: Ensemble, options: Mapping[str, Any], n_points: int, **more: Any
) -> AbstractContextManager[h5py.File]:
    overlaps = ensemble.overlaps
    attributes = {"options": options, "n_points": n_points, **more}
    if overlaps.n_points != n_points:  # where points count more than once, or not at all
        attributes["counted_points"] = overlaps.n_points
    return create(path, "ensemble", noise=overlaps.noise, **attributes)


def _write_combined(
    file: h5py.File, ensemble: Ensemble, ids: Sequence[str], agreement: np.ndarray | None = None
) -> None:
    """Write all but the points; without `agreement`, what of the realizations follows from them."""
    overlaps, grouping, evidence = ensemble.overlaps, ensemble.grouping, ensemble.grouping.evidence
    ranks = np.empty(len(ensemble.order), dtype=np.int64)
    ranks[ensemble.order] = np.arange(1, len(ranks) + 1)
    put(
        file,
        {
            "realizations/ids": list(ids),
            "realizations/ari": ensemble.ari,
            "realizations/nmi": ensemble.nmi,
            "realizations/with_consensus": agreement,
            "clusters/realization": overlaps.realization,
            "clusters/cluster": overlaps.cluster,
            "clusters/size": overlaps.sizes,
            "clusters/gsum": ensemble.gsum,
            "clusters/rank": ranks,
            "clusters/sce_group": ensemble.sce_groups,
            "clusters/consensus_group": grouping.groups,
            **{f"overlaps/{name}": x for name, x in _arrays_of(overlaps).items()},
            "ranking/ranked": ensemble.gsum[ensemble.order],
            **{f"ranking/{name}": getattr(ensemble.separation, name) for name in _SEPARATION},
            "consensus/linkage": grouping.linkage,
            "consensus/leaf_order": grouping.leaf_order,
            "consensus/leaves": grouping.leaves,
            "consensus/levels": grouping.levels,
            **{
                f"evidence/{name}": values
                for name, values in (vars(evidence).items() if evidence else ())
            },
        },
    )
    if agreement is not None:
        put_attributes(file["realizations"], representative=ids[int(agreement.argmax())])
    cut = {
        "n_groups": grouping.n_groups,
        "rule": grouping.rule,
        "consensus": grouping.consensus,
    }
    put_attributes(file["consensus"], **cut, candidates=dict(grouping.candidates))


def write_combined(path: str | Path, ensemble: Ensemble, contents: Mapping[str, str]) -> None:
    """Write an ensemble whose points are yet to be labelled.

    `contents`: digest of each realization's labels, by its id, in the order of the ensemble.
    """
    overlaps = ensemble.overlaps
    known: dict[str, Any] = {"n_points": overlaps.n_points, "contents": dict(contents)}
    with create(path, "combined", noise=overlaps.noise, **known) as file:
        _write_combined(file, ensemble, list(contents))
        put(file, {"ranking/minima": ensemble.separation.minima})


def read_combined(path: str | Path, *, counts: bool = True) -> tuple[Ensemble, dict[str, str]]:
    """Read what `write_combined` wrote, as it was.

    Without `counts` these are all 0, and take no memory: enough to label points.
    """
    with read_result(path, "combined") as file:
        contents = read_json(file, "contents")
        ranking, consensus = file["ranking"], file["consensus"]
        clusters = {name: data[:] for name, data in file["clusters"].items()}
        size = len(clusters["gsum"])
        none = {"counts": np.broadcast_to(np.int64(0), (size, size))}
        found = dict(file["overlaps"]) if counts else none
        evidence = {name: data[:] for name, data in file.get("evidence", {}).items()}
        grouping = Grouping(
            **{name: data[:] for name, data in consensus.items()},
            groups=clusters["consensus_group"],
            n_groups=int(consensus.attrs["n_groups"]),
            rule=consensus.attrs["rule"],
            consensus=consensus.attrs["consensus"],
            candidates=read_json(consensus, "candidates"),
            evidence=Candidates(**evidence) if evidence else None,
        )
        return Ensemble(
            overlaps=_overlaps(file, clusters | found, len(contents)),
            gsum=clusters["gsum"],
            order=np.argsort(clusters["rank"]),
            separation=Separation(**{n: ranking[n][:] for n in ("minima", *_SEPARATION)}),
            sce_groups=clusters["sce_group"],
            grouping=grouping,
            ari=file["realizations/ari"][:],
            nmi=file["realizations/nmi"][:],
        ), contents


def write_slab(
    path: str | Path,
    ensemble: Ensemble,
    labels: Sequence[Window],
    *,
    votes: str,
    novelty: Any = None,
    memory_mb: int = 64,
    threads: int | None = None,
) -> None:
    """Label the points of one slab, and write what `write_gathered` makes `ensemble.h5` from.

    `labels`: the slab of each label array; `novelty`: that of its points. Other arguments as for
    `write_ensemble`.
    """
    start, stop = labels[0].start, labels[0].stop
    with create(path, "points", start=start, stop=stop) as file:
        # Shares are summed before they are rounded, so all bits of them are kept here.
        types = dict.fromkeys(_OF_POINTS, np.dtype(np.float64)) | _group_types(ensemble)
        for name, dtype in types.items():
            if name != "is_outlier" and (name != "novelty" or novelty is not None):
                file.create_dataset(name, (stop - start,), dtype).attrs["unit"] = UNITS[name]
        counts = np.zeros((2, len(labels)), np.int64)
        for first, arrays in _label(ensemble, labels, votes, novelty, counts, memory_mb, threads):
            for name, array in arrays.items():
                file[name][first : first + len(array)] = array
        named = dict(zip(("held", "same"), counts, strict=True))
        put(file, named, dict.fromkeys(named, "points"))


def _read_slabs(slabs: Sequence[str | Path]) -> Blocks:
    for slab in slabs:
        with read_result(slab, "points") as file:
            start, stop = int(file.attrs["start"]), int(file.attrs["stop"])
            names = [name for name in _OF_POINTS if name in file]
            for first in range(0, stop - start, _BLOCK_ROWS):
                yield (
                    start + first,
                    {name: file[name][first : first + _BLOCK_ROWS] for name in names},
                )


def _label(
    ensemble: Ensemble,
    labels: Sequence[Any],
    votes: str,
    novelty: Any,
    counts: np.ndarray,
    memory_mb: int,
    threads: int | None,
) -> Blocks:
    """Label points; `counts` (2, R) grow by the points that each holds and votes on as all do."""
    for slab in ensemble.stream(labels, votes, max_bytes=memory_mb << 20, threads=threads):
        counts += slab.held, slab.alike
        arrays = {
            "signal": slab.signal,
            "label": slab.groups,
            "confidence": slab.confidence,
            "second": slab.second,
            "second_share": slab.second_share,
        }
        if novelty is not None:
            arrays["novelty"] = novelty[slab.start : slab.stop]
        yield slab.start, arrays


def _group_types(ensemble: Ensemble) -> dict[str, np.dtype]:
    n_groups = ensemble.grouping.n_groups
    return {
        "label": ensemble.overlaps.label_dtype(n_groups),
        "second": np.min_scalar_type(-n_groups),
    }


def _write_points(
    file: h5py.File,
    ensemble: Ensemble,
    blocks: Blocks,
    *,
    has_novelty: bool,
    threshold: float | None = None,
) -> None:
    n_points, n_groups = int(file.attrs["n_points"]), ensemble.grouping.n_groups
    points = file.create_group("points")
    of_groups = _group_types(ensemble)
    for name, dtype in _OF_POINTS.items():
        if has_novelty or name not in ("novelty", "is_outlier"):
            dataset = points.create_dataset(name, (n_points,), of_groups.get(name, dtype))
            dataset.attrs["unit"] = UNITS[name]
    total, doubtful, occupied = _Sum(), 0, np.zeros(n_groups, bool)
    sample = []
    for start, arrays in blocks:
        where = slice(start, start + len(arrays["label"]))
        total.add(arrays["confidence"])
        occupied[np.unique(arrays["label"][arrays["label"] >= 0])] = True
        shares = {name: arrays[name].astype(np.float32) for name in ("confidence", "second_share")}
        doubtful += int(in_doubt(**shares).sum())
        for name, array in (arrays | shares).items():
            points[name][where] = array
        if has_novelty:
            sample.append(sample_novelty(arrays["novelty"], start, n_points))
    put_attributes(
        points,
        mean_confidence=total.value() / n_points,
        groups_with_points=int(occupied.sum()),
        doubtful=doubtful,
    )
    if has_novelty:
        if threshold is None:
            threshold = outlier_threshold(np.concatenate(sample))
        _mark_outliers(points, threshold)


class _Sum:
    """Sum of numbers that come in arrays: the same bits however they are cut."""

    def __init__(self) -> None:
        self._rest, self._total = np.empty(0), 0.0

    def add(self, values: np.ndarray) -> None:
        values = np.concatenate([self._rest, values]) if self._rest.size else values
        whole = len(values) // _BLOCK_ROWS * _BLOCK_ROWS
        for start in range(0, whole, _BLOCK_ROWS):
            self._total += float(values[start : start + _BLOCK_ROWS].sum())
        self._rest = values[whole:].copy()

    def value(self) -> float:
        return self._total + float(self._rest.sum())


def _mark_outliers(points: h5py.Group, threshold: float) -> None:
    outliers, n_points = 0, len(points["novelty"])
    for start in range(0, n_points, _BLOCK_ROWS):
        where = slice(start, min(start + _BLOCK_ROWS, n_points))
        found = points["novelty"][where] > threshold
        points["is_outlier"][where] = found
        outliers += int(found.sum())
    put_attributes(points, outliers=outliers, outlier_threshold=threshold)


def read_representative(path: str | Path) -> str:
    """Id of the realization that agrees best with the consensus, from `ensemble.h5`."""
    with read_result(path, "ensemble") as file:
        return file["realizations"].attrs["representative"]


def read_ensemble(path: str | Path, *, points: bool = False, step: int = 1) -> StoredEnsemble:
    """Read `ensemble.h5`; with `points`, each step-th entry of what is as long as the table."""
    with read_result(path, "ensemble") as file:
        parts = {
            name: {k: d[:] for k, d in file[name].items()}
            for name in file
            if name not in ("points", "overlaps")
        }
        realizations, of_points = file["realizations"], file["points"]
        ids, representative = read_text(realizations["ids"]), realizations.attrs["representative"]
        parts["realizations"] |= {"ids": ids, "representative": representative}
        consensus, has_novelty = file["consensus"].attrs, "novelty" in of_points
        return StoredEnsemble(
            realizations=StoredRealizations(**parts["realizations"]),
            clusters=StoredClusters(**parts["clusters"]),
            overlaps=_overlaps(file, {**parts["clusters"], **file["overlaps"]}, len(ids)),
            ranking=StoredRanking(**parts["ranking"]),
            consensus=StoredConsensus(
                **parts["consensus"],
                n_groups=int(consensus["n_groups"]),
                rule=consensus["rule"],
                consensus=consensus["consensus"],
                candidates=read_json(file["consensus"], "candidates"),
                evidence=Candidates(**parts["evidence"]) if "evidence" in parts else None,
            ),
            points=StoredPoints(
                mean_confidence=float(of_points.attrs["mean_confidence"]),
                groups_with_points=int(of_points.attrs["groups_with_points"]),
                doubtful=int(of_points.attrs["doubtful"]),
                outliers=int(of_points.attrs["outliers"]) if has_novelty else None,
                outlier_threshold=(
                    float(of_points.attrs["outlier_threshold"]) if has_novelty else None
                ),
                arrays={k: d[::step] for k, d in of_points.items()} if points else {},
            ),
            n_points=int(file.attrs["n_points"]),
            options=read_json(file, "options"),
            p_structure=float(file.attrs["p_structure"]) if "p_structure" in file.attrs else None,
        )


def count_groups(path: str | Path) -> np.ndarray:
    """Return the number of points of each group, (G,) int64, from `ensemble.h5`."""
    with read_result(path, "ensemble") as file:
        labels, count = file["points/label"], int(file["consensus"].attrs["n_groups"])
        sizes = np.zeros(count, dtype=np.int64)
        for start in range(0, len(labels), _BLOCK_ROWS):
            block = labels[start : start + _BLOCK_ROWS]
            sizes += np.bincount(block[block >= 0], minlength=count)
    return sizes


def write_overlaps(path: str | Path, overlaps: Overlaps, contents: Mapping[str, str]) -> None:
    """Write the counts of one slab; `contents`: digest of each realization's labels, in order."""
    n_points, noise = overlaps.n_points, overlaps.noise
    with create(path, "overlaps", n_points=n_points, contents=dict(contents), noise=noise) as file:
        of_clusters = {"realization": overlaps.realization, "cluster": overlaps.cluster}
        put(file, _arrays_of(overlaps) | of_clusters)


def _arrays_of(overlaps: Overlaps) -> dict[str, np.ndarray]:
    """Return the counts, or where these are of few pairs the rows of a csr_array, by name."""
    if overlaps.sparse is None:
        return {"counts": overlaps.counts}
    sparse = overlaps.sparse
    return {
        "shared/counts": sparse.data,
        "shared/columns": sparse.indices,
        "shared/row_starts": sparse.indptr,
    }


def read_overlaps(path: str | Path) -> tuple[Overlaps, dict[str, str]]:
    """Read the counts of one slab, and the digest of each realization by its id."""
    with read_result(path, "overlaps") as file:
        contents = read_json(file, "contents")
        return _overlaps(file, file, len(contents)), contents


def _overlaps(file: h5py.File, arrays: Mapping[str, Any], n_realizations: int) -> Overlaps:
    counted = {name: arrays[name][:] for name in ("realization", "cluster")}
    if "shared" in arrays:
        from scipy.sparse import csr_array

        rows = (arrays["shared"][name][:] for name in ("counts", "columns", "row_starts"))
        k = len(counted["cluster"])
        counted["counts"] = csr_array(tuple(rows), shape=(k, k))
    else:
        counted["counts"] = arrays["counts"][:]
    n_points = int(file.attrs.get("counted_points", file.attrs["n_points"]))
    noise = file.attrs.get("noise")
    noise = None if noise is None else int(noise)
    return Overlaps(**counted, n_points=n_points, n_realizations=n_realizations, noise=noise)
