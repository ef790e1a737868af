"""What the explorer shows of an ensemble: points, maps, clusters and how they vote, as arrays.

Of a large table a part of the points is shown, and of a wide one some of the features, so that the
page stays a file that a browser opens at once; the page says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kohorte import store
from kohorte._principal import principal_axes
from kohorte.analysis.profiles import profile_table
from kohorte.ensemble.overlaps import Overlaps, select_realizations
from kohorte.ensemble.significance import overlap

#: Points of a group that are shown at least, where so many are in it.
FEWEST_OF_GROUP = 100

#: Points by which the features that tell most are found.
_JUDGED = 5_000

_BLOCK_ROWS = 1 << 18
_BLOCK_CLUSTERS = 256


@dataclass(frozen=True, eq=False)
class MapShown:
    """A trained map; node r is in column r % xdim of row r // xdim."""

    xdim: int
    ydim: int
    topology: str
    periodic: bool
    u_matrix: np.ndarray  # (M,) mean distance to the neighbours
    clusters: np.ndarray  # (M,) place of the node's cluster among those of the map, -1 for none
    hits: np.ndarray  # (M,) points that a node wins, of all points
    winners: np.ndarray  # (n,) node of each shown point
    planes: np.ndarray  # (M, P) weights of features, in their units; NaN where it sees none


@dataclass(frozen=True, eq=False)
class Content:
    """An ensemble and n of its points, as the page shows them."""

    study: str
    n_points: int  # Of the ensemble; n of them are shown
    places: np.ndarray  # (n,) int64, increasing: places of the shown points among all
    rows: np.ndarray  # (n,) int64: their rows in the source
    sizes: np.ndarray  # (G,) points of each group, of all points
    points: Mapping[str, np.ndarray]  # (n,) group, confidence, signal, second, ... of each point
    ids: Mapping[str, np.ndarray]  # (n,) text by column
    columns: Mapping[str, np.ndarray]  # (n,) values that say which class or sample a point is of
    features: Sequence[str]  # What they are called, with their units
    n_features: int  # Of the table
    values: np.ndarray  # (n, F) float32, in these units
    scores: np.ndarray  # (n, 2) float32: places along the axes of largest variance
    explained: Sequence[float]  # Shares of the variance along them
    shape: tuple[int, ...] | None  # Of a grid, with every `stride`th cell
    stride: int
    cells: np.ndarray | None  # (n,) place in that grid
    ids_of_realizations: Sequence[str]
    with_consensus: np.ndarray  # (R,)
    words: Sequence[Mapping[str, str]]  # Of each realization: parameters that vary, and quality
    labels: np.ndarray  # (R, n) int: place of the cluster among those of the realization, or -1
    offsets: np.ndarray  # (R + 1,) place of the first cluster of each realization
    cluster_ids: np.ndarray  # (K,) id of each cluster in its realization
    cluster_sizes: np.ndarray  # (K,) points of each cluster, of all points
    cluster_groups: np.ndarray  # (K,)
    gsum: np.ndarray  # (K,)
    maps: Sequence[MapShown]
    planes: Sequence[str]  # What the columns of `MapShown.planes` are called
    similarity: np.ndarray  # (L, L) float: of clusters, or of groups
    order: np.ndarray  # (L,) the clusters, in the order of the tree; empty where it is of groups
    outlier_threshold: float | None
    report: bool  # Whether `report.html` lies beside the page


@dataclass(frozen=True, eq=False)
class Limits:
    """What a page may show."""

    points: int = 200_000
    bytes: int = 25_000_000
    features: int = 60
    clusters: int = 1_000  # Of the matrix of similarities; of more, groups are shown
    seed: int = 1


@dataclass(frozen=True, eq=False)
class Files:
    """A finished study, or a fitted ensemble that was saved."""

    study: str
    ensemble: Path
    table: store.PreparedData | None
    labels: store.LabelArrays
    maps: Sequence[Path]
    #: The table to show instead of the features of the maps: values (N, F) and names
    shown: tuple[np.ndarray, Sequence[str]] | None = None
    varying: Sequence[str] = ()  # Parameters that differ among the maps
    has_report: bool = False  # Whether `report.html` lies beside the page

    @property
    def width(self) -> int:
        """Features of the table that is shown."""
        if self.shown is not None:
            return len(self.shown[1])
        return 0 if self.table is None else len(self.table.names)

    @cached_property
    def stored(self) -> store.StoredEnsemble:
        """The ensemble, without its points."""
        return store.read_ensemble(self.ensemble)


def choose_points(
    labels: np.ndarray, shape: tuple[int, ...] | None, rows: np.ndarray | None, limits: Limits
) -> tuple[np.ndarray, int]:
    """Return the places of the points to show, increasing, and every how many cells of a grid.

    All where the limit allows. Of a grid every k-th cell along each side; else points at random,
    the same for the same seed: of each group in proportion to its size, FEWEST_OF_GROUP at least.
    """
    n = len(labels)
    if n <= limits.points:
        return np.arange(n), 1
    if shape is not None:
        stride = 1
        while np.prod([-(-side // stride) for side in shape]) > limits.points:
            stride += 1
        cells = np.arange(n) if rows is None else rows
        keep = np.ones(n, dtype=bool)
        for side in np.unravel_index(cells, shape):
            keep &= side % stride == 0
        return np.flatnonzero(keep), stride
    rng = np.random.default_rng(limits.seed)
    kept = []
    for group in np.unique(labels):
        own = np.flatnonzero(labels == group)
        share = max(round(len(own) * limits.points / n), min(FEWEST_OF_GROUP, len(own)))
        kept.append(rng.choice(own, share, replace=False) if share < len(own) else own)
    return np.sort(np.concatenate(kept)), 1


def gather(files: Files, limits: Limits) -> Content:
    """Read what the page shows."""
    stored, table = files.stored, files.table
    n_groups = stored.consensus.n_groups
    with store.read_result(files.ensemble, "ensemble") as file:
        label = file["points/label"][:].astype(np.int64)
        shape = table.shape if table is not None else None
        chosen, stride = choose_points(label, shape, None if table is None else table.rows, limits)
        points = {name: take(array, chosen) for name, array in file["points"].items()}
    points["group"] = points.pop("label").astype(np.int64)
    points["second"] = points["second"].astype(np.int64)
    sizes = np.bincount(label[label >= 0], minlength=n_groups)
    features, values, scores, explained, kept = _features(files, chosen, points["group"], limits)
    overlaps = stored.overlaps
    names, maps, words = _maps(files, chosen, kept, limits)
    rows = chosen if table is None else table.rows[chosen]
    similarity, leaves = _similarity(stored, limits)
    small, cells = None, None
    if shape is not None:
        small = tuple(-(-side // stride) for side in shape)
        parts = tuple(part // stride for part in np.unravel_index(rows, shape))
        cells = np.ravel_multi_index(parts, small)
    offsets = overlaps.offsets
    return Content(
        study=files.study,
        n_points=stored.n_points,
        places=chosen,
        rows=np.asarray(rows),
        sizes=sizes,
        points=points,
        ids={} if table is None else {n: v[chosen] for n, v in table.beside.ids.items()},
        columns=dict(_columns(table, chosen)),
        features=features,
        n_features=files.width,
        values=values,
        scores=scores,
        explained=explained,
        shape=small,
        stride=stride,
        cells=cells,
        ids_of_realizations=stored.realizations.ids,
        with_consensus=stored.realizations.with_consensus,
        words=words,
        labels=np.stack([_places(files, r, chosen) for r in range(len(stored.realizations.ids))]),
        offsets=offsets,
        cluster_ids=overlaps.cluster,
        cluster_sizes=overlaps.sizes,
        cluster_groups=stored.clusters.consensus_group,
        gsum=stored.clusters.gsum,
        maps=maps,
        planes=names,
        similarity=similarity,
        order=leaves,
        outlier_threshold=stored.points.outlier_threshold,
        report=files.has_report,
    )


def take(array: Any, chosen: np.ndarray) -> np.ndarray:
    """Return some rows, in increasing order, of an array or dataset, read block by block."""
    if len(chosen) == len(array):
        return np.asarray(array[:])
    parts = []
    for start in range(0, len(array), _BLOCK_ROWS):
        first, last = np.searchsorted(chosen, [start, start + _BLOCK_ROWS])
        if last > first:
            block = array[start : start + _BLOCK_ROWS]
            parts.append(np.asarray(block)[chosen[first:last] - start])
    return np.concatenate(parts) if parts else np.asarray(array[:0])


def _places(files: Files, realization: int, chosen: np.ndarray) -> np.ndarray:
    """Return the cluster of each point by its place among those of the realization; -1 for none."""
    overlaps = files.stored.overlaps
    of = files.labels.ids.index(files.stored.realizations.ids[realization])
    ids = overlaps.cluster[slice(*overlaps.offsets[realization : realization + 2])]
    found = take(files.labels.arrays[of], chosen).astype(np.int64)
    place = np.minimum(np.searchsorted(ids, found), len(ids) - 1)
    return np.where(ids[place] == found, place, -1) if len(ids) else np.full(len(chosen), -1)


def _features(
    files: Files, chosen: np.ndarray, groups: np.ndarray, limits: Limits
) -> tuple[list[str], np.ndarray, np.ndarray, list[float], np.ndarray]:
    """Return names and values of features, the plane of largest variance, and which were kept."""
    table, empty = files.table, np.empty((len(chosen), 0), dtype=np.float32)
    if table is None:
        return [], empty, empty, [], np.arange(0)
    scaled = np.ascontiguousarray(take(table.features, chosen))
    mean, variances, directions = principal_axes(scaled)
    centred = scaled - mean
    total = float(np.nansum(np.square(centred)) / len(centred)) or 1.0
    # ASSUME: coarser than rounding errors, which may differ between machines
    scores = np.nan_to_num(centred) @ directions.T
    explained = [float(v) / total for v in variances]
    if files.shown is not None:
        every, names = files.shown
        wide = every[chosen].astype(np.float32)
        keep = _telling(wide, groups, limits)
        return [str(names[k]) for k in keep], wide[:, keep], scores, explained, keep
    keep = _telling(scaled, groups, limits)
    values = table.in_units(scaled[:, keep], keep.tolist()).astype(np.float32)
    return [table.describe(k) for k in keep.tolist()], values, scores, explained, keep


def _telling(values: np.ndarray, groups: np.ndarray, limits: Limits) -> np.ndarray:
    """Return the features to show: all, or those that tell the groups apart most."""
    width = values.shape[1]
    if width <= limits.features:
        return np.arange(width)
    some = np.unique(np.linspace(0, len(values) - 1, _JUDGED).astype(np.int64))
    profiles = profile_table(values[some], range(width), groups[some])
    told = profiles.groupby("feature")["telling"].max().reindex(range(width)).to_numpy(float)
    # ASSUME: rounding makes the choice independent of the last bits
    if np.isnan(told).all():  # one group
        told = np.nanstd(values[some], axis=0)
    order = np.argsort(-np.nan_to_num(told, nan=-1.0).round(6), kind="stable")
    return np.sort(order[: limits.features])


def _columns(
    table: store.PreparedData | None, chosen: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    if table is None:
        return
    if table.truth is not None and table.class_names is not None:
        names = np.array([*table.class_names, ""], dtype=object)  # the last is that of -1
        yield "known class", names[table.truth[chosen]]
    for name, values in table.beside.groups.items():
        yield name, values[chosen]


def _maps(
    files: Files, chosen: np.ndarray, kept: np.ndarray, limits: Limits
) -> tuple[list[str], list[MapShown], list[dict[str, str]]]:
    ids = files.stored.realizations.ids
    if not files.maps:
        return [], [], [{} for _ in ids]
    table = files.table
    assert table is not None  # maps are trained on one
    columns = kept if files.width == len(table.names) else np.arange(len(table.names))
    columns = columns[: limits.features]
    names = [table.describe(int(k)) for k in columns]
    paths, maps, words = {Path(path).stem: path for path in files.maps}, [], []
    first = store.read_realization
    for identifier in ids:
        stored = first(paths[identifier], *("u_matrix", "node_clusters", "winners"), "weights")
        lattice, arrays = stored.lattice, stored.arrays
        winners = arrays["winners"]
        weights = np.asarray(arrays["weights"], dtype=np.float64)
        if stored.factors is not None:
            weights = np.where(stored.factors == 0, np.nan, weights)
        realization = ids.index(identifier)
        held = slice(*files.stored.overlaps.offsets[realization : realization + 2])
        known = files.stored.overlaps.cluster[held]
        place = np.minimum(np.searchsorted(known, arrays["node_clusters"]), len(known) - 1)
        maps.append(
            MapShown(
                lattice.xdim,
                lattice.ydim,
                lattice.topology,
                lattice.periodic,
                arrays["u_matrix"],
                np.where(known[place] == arrays["node_clusters"], place, -1),
                np.bincount(winners, minlength=lattice.n_nodes),
                winners[chosen],
                table.in_units(weights)[:, columns],
            )
        )
        said = {n: _plain(stored.parameters.get(n)) for n in files.varying}
        quality = {n.replace("_", " "): _plain(v) for n, v in stored.quality.items()}
        words.append(said | quality)
    return names, maps, words


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _similarity(stored: store.StoredEnsemble, limits: Limits) -> tuple[np.ndarray, np.ndarray]:
    """Return the shared part of each pair of clusters, or its mean of each pair of groups."""
    overlaps, order = stored.overlaps, stored.consensus.leaf_order
    if len(order) <= limits.clusters:
        if len(order) < overlaps.n_clusters:
            members = np.unique(overlaps.realization[stored.consensus.leaves])
            overlaps = select_realizations(overlaps, members)
        place = np.searchsorted(stored.consensus.leaves, order)
        found = overlap(overlaps)
        np.fill_diagonal(found, overlaps.sizes > 0)
        return found[np.ix_(place, place)], order
    return _between_groups(
        overlaps, stored.clusters.consensus_group, stored.consensus.n_groups
    ), order[:0]


def _between_groups(overlaps: Overlaps, groups: np.ndarray, count: int) -> np.ndarray:
    """Return the mean S of two clusters of different realizations, by their groups, (G, G)."""
    own, sizes = np.eye(count)[groups], overlaps.sizes
    sums = np.zeros((count, count))
    if overlaps.sparse is not None:
        (row, column), shared = overlaps.pairs, overlaps.sparse.data
        share = shared / (sizes[row] + sizes[column] - shared)
        share[overlaps.realization[row] == overlaps.realization[column]] = 0.0
        cells = groups[row].astype(np.int64) * count + groups[column]
        sums += np.bincount(cells, share, count * count).reshape(count, count)
    n_blocked = len(groups) if overlaps.sparse is None else 0
    for start in range(0, n_blocked, _BLOCK_CLUSTERS):  # memory for a block of rows
        rows = slice(start, start + _BLOCK_CLUSTERS)
        shared = overlaps.counts[rows]  # none within a realization, but with itself
        share = shared / np.maximum(sizes[rows, None] + sizes - shared, 1)
        share[overlaps.realization[rows, None] == overlaps.realization] = 0.0
        sums += own[rows].T @ share @ own
    of_realizations = np.zeros((overlaps.n_realizations, count))
    np.add.at(of_realizations, (overlaps.realization, groups), 1)
    total = of_realizations.sum(axis=0)
    pairs = np.outer(total, total) - of_realizations.T @ of_realizations
    return np.divide(sums, pairs, out=np.zeros_like(sums), where=pairs > 0)
