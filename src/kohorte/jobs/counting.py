"""The jobs from label arrays to the ensemble: counts of each slab of points, and their sum."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from kohorte import store
from kohorte._checks import check_slabs
from kohorte.ensemble.combination import COMBINED_WITH, Ensemble, combine
from kohorte.ensemble.overlaps import (
    Overlaps,
    add_overlaps,
    count_overlaps,
    extend_overlaps,
    select_realizations,
)
from kohorte.ensemble.points import gather_signal
from kohorte.errors import ResultError
from kohorte.jobs.devices import require_gpu

_LOG = logging.getLogger(__name__)

#: Of counts that do not belong to the labels that they meet.
OTHER_LABELS = (
    "made from other labels, which were changed meanwhile; run again, and delete it if it is named "
    "again"
)


def count_slab(
    index: str | Path,
    labels: store.LabelArrays,
    slab: int,
    slabs: int,
    *,
    noise: int | None,
    losses: Mapping[str, int],
    backend: str = "auto",
    memory_mb: int = 64,
    threads: int | None = None,
    gpu: bool = False,
) -> None:
    """Count the overlaps of one slab of points, all but those that are counted already.

    `index`: `overlaps/<slab>.json`, which says what was counted; the counts lie beside it.
    `labels`: labels of all points. `slab`, `slabs`: the slab, from 0, of so many nearly equal ones.
    `noise`: the label that leaves a point out, as for `count_overlaps`. `losses`: how often the
    counts were lost, as `store.write_index` takes it. `backend`, `threads`: as for
    `count_overlaps`. `memory_mb`: labels held in memory at once, in MiB. `gpu`: the job was given a
    GPU, and counts on it; ConfigError where it sees none.
    """
    if gpu:
        require_gpu()
        backend = "jax"
    how: Any = {"backend": backend, "max_bytes": memory_mb << 20, "threads": threads}
    path = Path(index).with_suffix(".h5")
    check_slabs(slabs, len(labels.arrays[0]))
    windows = dict(zip(labels.ids, store.cut_windows(labels.arrays, slab, slabs), strict=True))
    contents = dict(zip(labels.ids, labels.contents, strict=True))
    n_points = next(iter(windows.values())).shape[0]
    if slab == 0 and labels.gaps:
        _LOG.warning(
            "%d of %d realizations have no label for some points, at most %d of %d, and no vote on "
            "them; what was taken for a missing label is in this log, and what is the name of a "
            "cluster can be listed in realizations.label_options.not_missing",
            *(len(labels.gaps), len(labels.ids), max(labels.gaps.values()), len(labels.arrays[0])),
        )
    overlaps, known = _kept_counts(path, contents, noise, n_points)
    added = [identifier for identifier in labels.ids if identifier not in known]
    _LOG.info("%d realizations counted before, %d to count", len(known), len(added))
    if overlaps is None:
        overlaps = count_overlaps(list(windows.values()), noise=noise, **how)
    else:
        if added:
            kept = [windows[i] for i in known]
            overlaps = extend_overlaps(overlaps, kept, [windows[i] for i in added], **how)
        place = {identifier: k for k, identifier in enumerate([*known, *added])}
        overlaps = select_realizations(overlaps, [place[i] for i in labels.ids])
    store.write_overlaps(path, overlaps, contents)
    store.write_index(index, [path], {"file": path.name, "contents": contents}, **losses)


def _kept_counts(
    path: Path, contents: Mapping[str, str], noise: int | None, n_points: int
) -> tuple[Overlaps | None, list[str]]:
    """Return the counts in a file of the realizations whose labels are unchanged, and their ids."""
    if not path.exists():
        return None, []
    try:
        old, had = store.read_overlaps(path)
    except ResultError as error:
        _LOG.warning("%s", error)
        return None, []
    same = [k for k, (i, content) in enumerate(had.items()) if contents.get(i) == content]
    if not same or (old.n_points, old.noise) != (n_points, noise):
        return None, []
    return select_realizations(old, same), [list(had)[k] for k in same]


def combine_slabs(
    path: str | Path,
    indexes: Sequence[str | Path],
    labels: store.LabelArrays,
    *,
    noise: int | None,
    options: Mapping[str, Any],
    memory_mb: int,
    threads: int,
    novelty: Any = None,
    p_structure: float | None = None,
    single: bool = False,
) -> Ensemble:
    """Combine the counts of all slabs, and write `ensemble.h5` with the labels of all points.

    `path`: where `ensemble.h5` will lie; `memory_mb`: labels held in memory at once, in MiB;
    `threads`: threads of the labelling, without effect on the result; `novelty`: of the points, as
    `store.write_ensemble` takes it, and `p_structure`. Other arguments and errors as for
    `combine_counts`; `options` has `votes`, too.
    """
    ensemble = combine_counts(indexes, labels, noise=noise, options=options, single=single)
    store.write_ensemble(
        path,
        ensemble,
        labels.arrays,
        ids=labels.ids,
        options=options,
        novelty=novelty,
        p_structure=p_structure,
        memory_mb=memory_mb,
        threads=threads,
    )
    return ensemble


def combine_counts(
    indexes: Sequence[str | Path],
    labels: store.LabelArrays,
    *,
    noise: int | None,
    options: Mapping[str, Any],
    single: bool = False,
) -> Ensemble:
    """Combine the counts of all slabs.

    `indexes`: `overlaps/<slab>.json` of every slab; `labels`: labels of all points, those that were
    counted; `noise`: the label that leaves a point out, as they were counted with; `options`: what
    `combine` takes beside the counts; `single`: as `combine` takes it. Raises ResultError: counts
    of other labels.
    """
    choices = {name: options[name] for name in COMBINED_WITH}
    overlaps = reduce(add_overlaps, _read_slabs(indexes, labels, noise))
    ensemble = combine(overlaps, **choices, single=single)
    _LOG.info("%d groups by rule %s", ensemble.grouping.n_groups, ensemble.grouping.rule)
    return ensemble


def _read_slabs(
    indexes: Sequence[str | Path], labels: store.LabelArrays, noise: int | None
) -> Iterator[Overlaps]:
    expected = list(zip(labels.ids, labels.contents, strict=True))
    for path in (Path(index).with_suffix(".h5") for index in indexes):
        overlaps, contents = store.read_overlaps(path)
        if list(contents.items()) != expected or overlaps.noise != noise:
            raise ResultError(f"{path}: {OTHER_LABELS}")
        yield overlaps


def write_group_signals(
    path: str | Path, ensemble: str | Path, labels: store.LabelArrays, *, threads: int
) -> None:
    """Write the signal maps of every SCE group: how many of its clusters hold each point.

    `path`: where `group_signals.h5` will lie: `signals` has one row of N numbers for each group,
    computed one after the other, `weighted` the same with the Gsum of each cluster in place of 1,
    so that its rows add up to the stacked signal; `ensemble`: the study's `ensemble.h5`; `labels`:
    labels of all points.
    """
    combined = store.read_ensemble(ensemble)
    overlaps, groups = combined.overlaps, combined.clusters.sce_group
    shape = int(groups.max()) + 1, overlaps.n_points
    of_each = {
        "signals": (np.ones(len(groups)), "u2", "realizations"),
        "weighted": (combined.clusters.gsum, "f8", "dimensionless"),
    }
    with store.create(path, "group_signals", n_points=overlaps.n_points) as file:
        for name, (weights, dtype, unit) in of_each.items():
            signals = file.create_dataset(name, shape, dtype, chunks=(1, min(shape[1], 1 << 20)))
            signals.attrs["unit"] = unit
            for group in range(shape[0]):
                of_group = np.where(groups == group, weights, 0.0)
                signals[group] = gather_signal(labels.arrays, overlaps, of_group, threads=threads)
