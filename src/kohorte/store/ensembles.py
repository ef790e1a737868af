"""`ensemble.h5` and the counts that it is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np

from kohorte.ensemble.combine import Ensemble, vote_weights
from kohorte.ensemble.overlaps import Overlaps
from kohorte.store.files import (
    UNITS,
    create,
    put,
    put_attributes,
    read_json,
    read_result,
    read_text,
)


def write_ensemble(
    path: str | Path,
    ensemble: Ensemble,
    labels: Sequence[Any],
    *,
    ids: Sequence[str],
    options: Mapping[str, Any],
    memory_mb: int = 64,
    threads: int | None = None,
    **attributes: Any,
) -> None:
    """Write `ensemble.h5`; the points are labelled and written slab by slab.

    Args:
        path: where the file will lie.
        ensemble: a `kohorte.ensemble.combine.Ensemble`.
        labels: the label arrays or datasets that it was counted from.
        ids: the id of each realization, in the order of the ensemble.
        options: the choices that the ensemble was combined with, among them `votes`.
        memory_mb: labels held in memory at once, in MiB.
        threads: threads of the labelling, without effect on the result.
        attributes: further attributes of the file.
    """
    overlaps, grouping = ensemble.overlaps, ensemble.grouping
    attributes = {"options": options, "n_points": overlaps.n_points, **attributes}
    with create(path, "ensemble", **attributes) as file:
        _write_points(file, ensemble, labels, options["votes"], memory_mb, threads)
        ranks = np.empty(len(ensemble.order), dtype=np.int64)
        ranks[ensemble.order] = np.arange(1, len(ranks) + 1)
        put(
            file,
            {
                "realizations/ids": list(ids),
                "realizations/ari": ensemble.ari,
                "realizations/nmi": ensemble.nmi,
                "clusters/realization": overlaps.realization,
                "clusters/cluster": overlaps.cluster,
                "clusters/size": overlaps.sizes,
                "clusters/gsum": ensemble.gsum,
                "clusters/rank": ranks,
                "clusters/sce_group": ensemble.sce_groups,
                "clusters/consensus_group": grouping.groups,
                "overlaps/counts": overlaps.counts,
                "ranking/ranked": ensemble.gsum[ensemble.order],
                "ranking/smoothed": ensemble.separation.smoothed,
                "ranking/derivative": ensemble.separation.derivative,
                "ranking/boundaries": ensemble.separation.boundaries,
                "consensus/linkage": grouping.linkage,
                "consensus/leaf_order": grouping.leaf_order,
            },
        )
        put_attributes(file["realizations"], representative=ids[ensemble.representative])
        put_attributes(
            file["consensus"],
            n_groups=grouping.n_groups,
            rule=grouping.rule,
            candidates=dict(grouping.candidates),
        )


def _write_points(
    file: h5py.File,
    ensemble: Ensemble,
    labels: Sequence[Any],
    votes: str,
    memory_mb: int,
    threads: int | None,
) -> None:
    from kohorte.ensemble.points import stream_points

    overlaps, grouping = ensemble.overlaps, ensemble.grouping
    weights = vote_weights(ensemble.gsum, votes)
    types = {
        "signal": np.dtype(np.float64),
        "label": np.min_scalar_type(grouping.n_groups - 1),
        "confidence": np.dtype(np.float32),
    }
    points = file.create_group("points")
    for name, dtype in types.items():
        points.create_dataset(name, (overlaps.n_points,), dtype).attrs["unit"] = UNITS[name]
    total, occupied = 0.0, np.zeros(grouping.n_groups, bool)
    for slab in stream_points(
        labels,
        overlaps,
        ensemble.gsum if weights is None else weights,
        grouping.groups,
        weighted=weights is not None,
        max_bytes=memory_mb << 20,
        threads=threads,
    ):
        cast = overlaps.n_realizations if weights is None else slab.signal
        confidence = slab.votes / cast
        total += float(confidence.sum())
        occupied[np.unique(slab.winner)] = True
        points["signal"][slab.start : slab.stop] = slab.signal
        points["label"][slab.start : slab.stop] = slab.winner
        points["confidence"][slab.start : slab.stop] = confidence
    put_attributes(
        points, mean_confidence=total / overlaps.n_points, groups_with_points=int(occupied.sum())
    )


def read_representative(path: str | Path) -> str:
    """Id of the realization that agrees best with all others, from `ensemble.h5`."""
    with read_result(path, "ensemble") as file:
        return file["realizations"].attrs["representative"]


def read_ensemble(path: str | Path, *, points: bool = False, step: int = 1) -> SimpleNamespace:
    """Read `ensemble.h5`: one namespace for each of its groups.

    Args:
        path: the file.
        points: whether to read the datasets of the points, which are as long as the table.
        step: of the points, every which one is read.

    Returns:
        Namespaces `realizations`, `clusters`, `overlaps`, `ranking`, `consensus`, `points` with the
        datasets and attributes of each group, and `n_points`, `options`.
    """
    with read_result(path, "ensemble") as file:
        groups = {}
        for name, group in file.items():
            wanted = group.items() if points or name != "points" else ()
            stride = step if name == "points" else 1
            datasets = {
                k: read_text(d) if d.dtype.kind == "O" else d[::stride] if d.ndim == 1 else d[:]
                for k, d in wanted
            }
            groups[name] = SimpleNamespace(**datasets, **dict(group.attrs))
        return SimpleNamespace(
            **groups, n_points=int(file.attrs["n_points"]), options=read_json(file, "options")
        )


def read_overlaps_of(ensemble: SimpleNamespace) -> Overlaps:
    """The counts of an ensemble that `read_ensemble` read, as `kohorte.ensemble` takes them."""
    return Overlaps(
        counts=ensemble.overlaps.counts,
        realization=ensemble.clusters.realization,
        cluster=ensemble.clusters.cluster,
        n_points=ensemble.n_points,
        n_realizations=len(ensemble.realizations.ids),
    )


def write_overlaps(path: str | Path, overlaps: Overlaps, contents: Mapping[str, str]) -> None:
    """Write the counts of one slab of points.

    Args:
        path: where the file will lie.
        overlaps: a `kohorte.ensemble.overlaps.Overlaps`.
        contents: digest of the labels of each realization by its id, in the order of the counts.
    """
    with create(path, "overlaps", n_points=overlaps.n_points, contents=dict(contents)) as file:
        put(
            file,
            {
                "counts": overlaps.counts,
                "realization": overlaps.realization,
                "cluster": overlaps.cluster,
            },
        )


def read_overlaps(path: str | Path) -> tuple[Overlaps, dict[str, str]]:
    """Read the counts of one slab, and the digest of each realization by its id."""
    with read_result(path, "overlaps") as file:
        contents = read_json(file, "contents")
        counted = Overlaps(
            counts=file["counts"][:],
            realization=file["realization"][:],
            cluster=file["cluster"][:],
            n_points=int(file.attrs["n_points"]),
            n_realizations=len(contents),
        )
        return counted, contents
