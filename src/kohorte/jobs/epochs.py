"""The jobs that train batch maps on tables that no node holds: an epoch as sums of slabs.

begin -> training/<batch>/0.h5; in each epoch <epoch - 1>.h5 -> <epoch>/<slab>.h5 -> <epoch>.h5; and
of the trained maps, looks/<slab>.h5 -> realizations/<id>.h5. These are the maps of
`kohorte.jobs.training.train_batch`, to the last bit. Points are looked at in blocks, of which sums
are kept until those of all slabs are there, and added in their order. The table is mapped from its
file and read where it is needed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kohorte import store
from kohorte._limits import BLOCK_ROWS
from kohorte._tallies import Tally, add_blocks, merge_tallies
from kohorte.errors import ResultError
from kohorte.jobs.training import fingerprint_map, map_paths
from kohorte.maps.batch import SLAB_ROWS, NodeSums, sum_block
from kohorte.maps.history import Observer
from kohorte.maps.neighbourhood import Neighbourhood
from kohorte.maps.parameters import PARAMETERS
from kohorte.maps.preservation import evenly_spaced
from kohorte.maps.quality import (
    QUALITY_ROWS,
    cluster_separation,
    finish_quality,
    means_of,
    tally_means,
    tally_quality,
)
from kohorte.maps.realization import (
    MapParameters,
    Realization,
    Recording,
    begin_realization,
    label_points,
)
from kohorte.maps.resolve import resolve_parameters
from kohorte.maps.winners import WinnerSearch
from kohorte.provenance import plan_digest

_LOG = logging.getLogger(__name__)


@dataclass
class _Map:
    """A map in training: its plan and fingerprint, and how far it is."""

    member: dict[str, Any]
    fingerprint: str
    parameters: MapParameters
    weights: np.ndarray
    observed: dict[str, np.ndarray]
    ended: bool = False
    seconds: float = 0.0


def begin_maps(
    data: str | Path,
    weights: str | Path | Sequence[str],
    state: str | Path,
    *,
    index: str | Path,
    members: Sequence[Mapping[str, Any]],
    recording: Mapping[str, int],
    digest: str,
) -> None:
    """Begin the maps of a batch that are missing.

    `state`: where they will lie; `digest`: of the code that trains. `index` and other arguments are
    as for `kohorte.jobs.training.train_batch`.
    """
    table = store.read_data(data, mapped=True)
    given = store.read_weights(str(weights)) if weights else None
    paths = map_paths(index, members)
    maps = []
    for member in members:
        fingerprint = fingerprint_map(table, member, recording, digest, given)
        if store.has_fingerprint(paths[member["id"]], fingerprint):
            _LOG.info("%s: kept", member["id"])
            continue
        own = {name: member["parameters"][name] for name in PARAMETERS}
        parameters = resolve_parameters(own, table.features)
        clock = time.perf_counter()
        start, observer = begin_realization(
            table.features, parameters, member["seed"], given, Recording(**recording)
        )
        radii = parameters.epoch_radii
        observer.begin(radii.size, start, radii[0], np.nan)
        seconds = time.perf_counter() - clock
        begun = (dict(member), fingerprint, parameters, start, observer.state())
        maps.append(_Map(*begun, seconds=seconds))
    _LOG.info("%d of %d maps to train", len(maps), len(members))
    blocks = range(0, len(table.features), BLOCK_ROWS)
    means = merge_tallies(tally_means(table.features[k : k + BLOCK_ROWS]) for k in blocks)
    _write_state(state, maps, means)


def sum_epoch(
    data: str | Path, state: str | Path, sums: str | Path, *, slab: int, slabs: int, threads: int
) -> None:
    """Sum the points of one slab at the winners of each map, for its next epoch.

    `state`: the maps before it; `sums`: what is written; `slab`, `slabs`: the slab, from 0, of so
    many; each has whole blocks of points. `threads` have no effect on the result.
    """
    features = store.read_data(data, mapped=True).features
    start, stop = _blocks_of(len(features), slab, slabs)
    found: Tally = {}
    for number, one in enumerate(_read_state(state)[0]):
        if one.ended:
            continue
        clock = time.perf_counter()
        lattice = one.parameters.lattice
        search = WinnerSearch(one.weights, one.parameters.metric, lattice)
        rows = [
            sum_block(_slabs(features, block), search, lattice, threads=threads).rows
            for block in range(start, stop)
        ]
        if rows:
            found[f"sums/{number}"] = np.stack(rows)
        found[f"counts/seconds/{number}"] = np.array(time.perf_counter() - clock)
    store.write_tally(sums, found, start, stop)


def end_epoch(
    data: str | Path,
    former: str | Path,
    sums: Sequence[str | Path],
    state: str | Path,
    *,
    epoch: int,
    recording: Mapping[str, int],
    threads: int,
) -> None:
    """Move the nodes of each map to the means of an epoch, from the sums of all slabs.

    `former`: the maps before the epoch, from 1; `sums`: what `sum_epoch` wrote, in the order of the
    slabs; `state`: the maps after it. Other arguments as before.
    """
    features = store.read_data(data, mapped=True).features
    maps, means = _read_state(former)
    _check_blocks(sums, len(features))
    tally = merge_tallies(store.read_tallies(sums))
    for number, one in enumerate(maps):
        if one.ended:
            continue
        clock, p = time.perf_counter(), one.parameters
        lattice, radii = p.lattice, p.epoch_radii
        total = NodeSums(
            lattice, features.shape[1], masked=True, rows=add_blocks(tally[f"sums/{number}"])
        )
        neighbourhood = Neighbourhood(lattice, p.kernel, p.kernel_distance)
        one.weights = total.means(neighbourhood, radii[epoch - 1], one.weights, threads)
        observer = Observer(features, lattice, **p.observed, **_moments(recording))
        observer.resume(radii.size, one.observed)
        stops = observer.look(epoch, one.weights, radii[epoch - 1], np.nan)
        one.observed = observer.state()
        one.ended = stops or epoch == radii.size
        one.seconds += float(tally[f"counts/seconds/{number}"]) + time.perf_counter() - clock
    _write_state(state, maps, means)


def look_at_maps(
    data: str | Path, state: str | Path, looks: str | Path, *, slab: int, slabs: int, threads: int
) -> None:
    """Find the winners of the points of one slab on each trained map, and tally its quality.

    `state`: the maps after the last epoch; `looks`: what is written. Other arguments as before.
    """
    features = store.read_data(data, mapped=True).features
    start, stop = _blocks_of(len(features), slab, slabs)
    maps, of_means = _read_state(state)
    found: Tally = {}
    for number, one in enumerate(maps):
        clock, p = time.perf_counter(), one.parameters
        search, means = WinnerSearch(one.weights, p.metric, p.lattice), means_of(of_means)
        tallies, winners, seconds = [], [], 0.0
        for block in range(start, stop):
            points = np.ascontiguousarray(features[block * BLOCK_ROWS : (block + 1) * BLOCK_ROWS])
            pair = search.two_winners(points, threads=threads)
            winners.append(pair[0][:, 0])
            seconds += time.perf_counter() - clock
            tallies.append(
                tally_quality(points, one.weights, p.lattice, pair, means, metric=p.metric)
            )
            clock = time.perf_counter()
        for name, value in merge_tallies(tallies).items():
            kind, _, rest = name.partition("/")
            found[f"{kind}/{number}/{rest}"] = value
        if winners:
            found[f"sums/{number}/winners"] = np.concatenate(winners)
        found[f"counts/{number}/seconds"] = np.array(seconds)
    store.write_tally(looks, found, start, stop)


def finish_maps(
    data: str | Path,
    state: str | Path,
    looks: Sequence[str | Path],
    index: str | Path,
    *,
    members: Sequence[Mapping[str, Any]],
    recording: Mapping[str, int],
    losses: Mapping[str, int],
) -> None:
    """Cluster the nodes of each map, label the points, and write it; then the index of the batch.

    `looks`: what `look_at_maps` wrote, in the order of the slabs. Other arguments are as before. Of
    one map at a time the winners and labels of all points are in memory, some 5 bytes per point.
    """
    features = store.read_data(data, mapped=True).features
    maps, of_means = _read_state(state)
    paths = map_paths(index, members)
    if maps:
        _check_blocks(looks, len(features))
    for number, one in enumerate(maps):
        p, tally = one.parameters, merge_tallies(_looks_at(looks, number))
        clock = time.perf_counter()
        winners, hits = tally.pop("sums/winners"), tally["counts/hits"]
        found = label_points(one.weights, p, one.member["seed"], winners, hits)
        segmented = time.perf_counter()
        rows = evenly_spaced(len(features), QUALITY_ROWS)
        sample = np.ascontiguousarray(features[rows])
        quality = finish_quality(
            of_means | tally,
            one.weights,
            p.lattice,
            (sample, winners[rows]),
            radius=p.last_radius,
            kernel=p.kernel,
            kernel_distance=p.kernel_distance,
            metric=p.metric,
        )
        quality["cluster_separation"] = cluster_separation(
            sample, found["labels"][rows], one.weights[found["cluster_centroids"]], p.metric
        )
        observer = Observer(features, p.lattice, **p.observed, **_moments(recording))
        observer.resume(p.epoch_radii.size, one.observed)
        seconds = {
            "train": one.seconds,
            "winners": float(tally["counts/seconds"]),
            "segment": segmented - clock,
            "quality": time.perf_counter() - segmented,
        }
        realization = Realization(
            weights=one.weights,
            **found,
            winners=winners,
            hits=hits.astype(np.int64),
            quality=quality,
            seconds=seconds,
            history=observer.history(),
        )
        member = one.member
        resolved = {**member, "parameters": member["parameters"] | asdict(p)}
        path = paths[member["id"]]
        store.write_realization(path, realization, fingerprint=one.fingerprint, **resolved)
        _LOG.info("%s: trained in %.2f s", member["id"], sum(seconds.values()))
    entries = [
        store.list_realization(paths[member["id"]], plan_digest(member)) for member in members
    ]
    store.write_index(index, list(paths.values()), entries, **losses)


def _looks_at(looks: Sequence[str | Path], number: int) -> Iterator[Tally]:
    """Yield what slabs have of one map, by the names of `tally_quality`."""
    for path in looks:
        found = store.read_tally(path, f"/{number}/")
        yield {name.replace(f"/{number}/", "/"): value for name, value in found.items()}


def _moments(recording: Mapping[str, int]) -> dict[str, Any]:
    return {"moments": recording["history"], "snapshots": recording["snapshots"]}


def _blocks_of(n_points: int, slab: int, slabs: int) -> tuple[int, int]:
    """Return the first block of a slab and its end."""
    count = -(-n_points // BLOCK_ROWS)
    return count * slab // slabs, count * (slab + 1) // slabs


def _check_blocks(paths: Sequence[str | Path], n_points: int) -> None:
    found, count = store.tallied_blocks(paths), -(-n_points // BLOCK_ROWS)
    if found != (0, count):
        raise ResultError(
            f"{paths[0]}: sums of the blocks from {found[0]} to {found[1]}, and not of all "
            f"{count}; delete it and run again"
        )


def _slabs(features: np.ndarray, block: int) -> Iterator[np.ndarray]:
    """Yield the slabs of a block of points, (n, F)."""
    stop = min((block + 1) * BLOCK_ROWS, len(features))
    for start in range(block * BLOCK_ROWS, stop, SLAB_ROWS):
        yield np.ascontiguousarray(features[start : min(start + SLAB_ROWS, stop)])


def _write_state(path: str | Path, maps: Sequence[_Map], means: Tally) -> None:
    with store.create(path, "training") as file:
        arrays = {f"means/{name}": value for name, value in means.items()}
        for number, one in enumerate(maps):
            store.put_attributes(
                file.create_group(f"maps/{number}"),
                member=one.member,
                parameters=asdict(one.parameters),
                fingerprint=one.fingerprint,
                ended=int(one.ended),
                seconds=one.seconds,
            )
            own = {"weights": one.weights, **one.observed}
            arrays |= {f"maps/{number}/{name}": value for name, value in own.items()}
        store.put(file, arrays, dict.fromkeys(arrays, "as trained"))


def _read_state(path: str | Path) -> tuple[list[_Map], Tally]:
    with store.read_result(path, "training") as file:
        maps = []
        groups = file.get("maps", {})
        for number in sorted(groups, key=int):
            group = groups[number]
            arrays = {name: dataset[:] for name, dataset in group.items()}
            maps.append(
                _Map(
                    store.read_json(group, "member"),
                    group.attrs["fingerprint"],
                    MapParameters(**store.read_json(group, "parameters")),
                    arrays.pop("weights"),
                    arrays,
                    bool(group.attrs["ended"]),
                    float(group.attrs["seconds"]),
                )
            )
        names = ("counts/values", "sums/values")
        return maps, {name: file[f"means/{name}"][:] for name in names}
