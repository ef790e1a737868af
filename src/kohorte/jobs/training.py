"""The job that trains some of the maps of a study, and keeps those that are there already."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from kohorte import store
from kohorte.jobs.devices import log_device, require_gpu
from kohorte.maps.draws import see
from kohorte.maps.parameters import PARAMETERS
from kohorte.maps.realization import Realization, Recording, run_realizations
from kohorte.maps.resolve import resolve_parameters
from kohorte.provenance import digest_of, plan_digest

_LOG = logging.getLogger(__name__)


def train_batch(
    index: str | Path,
    *,
    data: str | Path,
    weights: str | Path | None,
    members: Sequence[Mapping[str, Any]],
    recording: Mapping[str, int],
    library: str,
    losses: Mapping[str, int],
    threads: int = 1,
    gpu: bool = False,
) -> None:
    """Train the maps of one batch that are missing, and write the index that lists all of them.

    `index`: `realizations/batches/<batch>.json`; the maps lie one folder above. `data`: the study's
    `data.h5`. `weights`: file of the first weights, where maps have `initial: given`. `members`:
    `id`, `seed`, `repeat` and `parameters` of each map. `recording`: arguments of `Recording`.
    `library`: digest of the code that trains: a map that was made from equal data, parameters, seed
    and code is kept. `losses`: how often files of this batch were lost, as `store.write_index`
    takes it. `threads`: maps that are trained at a time, without effect on the result.
    `gpu`: the job was given a GPU; ConfigError where it sees none.
    """
    if gpu:
        require_gpu()
    table = store.read_data(data, mapped=True)
    given = store.read_weights(weights) if weights else None
    paths = map_paths(index, members)

    def fingerprint_of(member: Mapping[str, Any]) -> str:
        return fingerprint_map(table, member, recording, library, given)

    missing, views = [], []
    for member in members:
        if store.has_fingerprint(paths[member["id"]], fingerprint_of(member)):
            _LOG.info("%s: kept", member["id"])
        else:
            views.append(table.factors(member["parameters"]))
            own = {name: member["parameters"][name] for name in PARAMETERS}
            missing.append((member, resolve_parameters(own, see(table.features, views[-1]))))
    _LOG.info("%d of %d maps to train", len(missing), len(members))
    if any(parameters.backend == "jax" for _, parameters in missing):
        log_device()
    trained = {member["id"] for member, _ in missing}
    if other := store.other_versions(p for i, p in paths.items() if i not in trained):
        _LOG.info("kept: %s, whose code for maps is the same", other)

    def write(k: int, realization: Realization) -> None:
        member, parameters = missing[k]
        resolved = {**member, "parameters": member["parameters"] | asdict(parameters)}
        path, fingerprint = paths[member["id"]], fingerprint_of(member)
        store.write_realization(path, realization, fingerprint=fingerprint, **resolved)
        _LOG.info("%s: trained in %.2f s", member["id"], sum(realization.seconds.values()))

    run_realizations(
        table.features,
        [(parameters, member["seed"]) for member, parameters in missing],
        write,
        factors=views,
        given=given,
        recording=Recording(**recording),
        threads=threads,
    )
    entries = [
        store.list_realization(paths[member["id"]], plan_digest(member)) for member in members
    ]
    store.write_index(index, list(paths.values()), entries, **losses)


def map_paths(index: str | Path, members: Sequence[Mapping[str, Any]]) -> dict[str, Path]:
    """Return where the maps of a batch lie, by id, given the path of its index."""
    folder = Path(index).parent.parent
    return {member["id"]: folder / f"{member['id']}.h5" for member in members}


def fingerprint_map(
    table: store.PreparedData,
    member: Mapping[str, Any],
    recording: Mapping[str, int],
    library: str,
    given: np.ndarray | None,
) -> str:
    """Return what a map of these data, parameters, first weights, seed and code is known by."""
    origin = digest_of(given) if member["parameters"]["initial"] == "given" else None
    factors = table.factors(member["parameters"])
    seen = [] if factors is None else [factors]
    return digest_of(table.digest, library, member, recording, origin, *seen)
