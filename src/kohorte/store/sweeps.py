"""`sweep.h5`: the ensembles of all settings of a sweep."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kohorte.ensemble.sweep import SettingEnsemble
from kohorte.store.files import create, create_packed, read_result

_CHUNK = 2**16  # points of a setting that are stored together

_UNITS = {
    "ids": "text",
    "setting": "row of settings",
    "parameters": "JSON",
    "n_groups": "groups",
    "mean_confidence": "share of votes",
    "realization": "row of realizations",
    "cluster": "cluster index",
    "gsum": "dimensionless",
    "sce_group": "group index of its setting",
    "consensus_group": "group index of its setting",
    "label": "group index of its setting",
    "confidence": "share of votes",
}


def write_sweep(
    path: str | Path,
    parts: Sequence[SettingEnsemble],
    labels: Sequence[Any],
    *,
    ids: Sequence[str],
    parameters: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
    memory_mb: int = 64,
    threads: int | None = None,
) -> None:
    """Write `sweep.h5`; the points are labelled and written slab by slab.

    `parts`: the ensembles of the settings, as `kohorte.ensemble.sweep.combine_settings` has them;
    `labels`: label arrays or datasets of all realizations of the study; `ids`: their ids;
    `parameters`: values of the parameters of each setting; `options`: the choices that the
    ensembles were combined with, among them `votes`; `memory_mb`: labels held in memory at once, in
    MiB.
    """
    ensembles = [part.ensemble for part in parts]
    n_points = ensembles[0].overlaps.n_points
    setting = np.empty(len(ids), dtype=np.min_scalar_type(len(parts)))
    for s, part in enumerate(parts):
        setting[part.members] = s
    with create(path, "sweep", options=options, n_points=n_points) as file:
        confidence = _write_points(file, parts, labels, options["votes"], memory_mb, threads)
        _put(file, "realizations/ids", list(ids))
        _put(file, "realizations/setting", setting)
        _put(file, "settings/parameters", [json.dumps(dict(values)) for values in parameters])
        _put(file, "settings/n_groups", [e.grouping.n_groups for e in ensembles])
        _put(file, "settings/mean_confidence", confidence)
        clusters = {
            "realization": [part.members[part.ensemble.overlaps.realization] for part in parts],
            "cluster": [e.overlaps.cluster for e in ensembles],
            "gsum": [e.gsum for e in ensembles],
            "sce_group": [e.sce_groups for e in ensembles],
            "consensus_group": [e.grouping.groups for e in ensembles],
        }
        for name, values in clusters.items():
            _put(file, f"clusters/{name}", np.concatenate(values))


def read_sweep_labels(path: str | Path) -> Iterator[tuple[np.ndarray, float]]:
    """Yield the (N,) consensus labels of each setting and the mean of their confidence."""
    with read_result(path, "sweep") as file:
        means = file["settings/mean_confidence"][:]
        for s, mean in enumerate(means):
            yield file["points/label"][s], float(mean)


def _write_points(
    file: h5py.File,
    parts: Sequence[SettingEnsemble],
    labels: Sequence[Any],
    votes: str,
    memory_mb: int,
    threads: int | None,
) -> list[float]:
    """Label all points by each setting; returns the mean confidence of each."""
    overlaps = parts[0].ensemble.overlaps
    n_points, most_groups = overlaps.n_points, max(p.ensemble.grouping.n_groups for p in parts)
    types = {"label": overlaps.label_dtype(most_groups), "confidence": np.dtype(np.float32)}
    for name, dtype in types.items():
        chunks = (1, min(n_points, _CHUNK))
        create_packed(file, f"points/{name}", (len(parts), n_points), dtype, chunks, _UNITS[name])
    means = []
    for s, part in enumerate(parts):
        total = 0.0
        own, budget = part.select(labels), memory_mb << 20
        for slab in part.ensemble.stream(own, votes, max_bytes=budget, threads=threads):
            file["points/label"][s, slab.start : slab.stop] = slab.groups
            file["points/confidence"][s, slab.start : slab.stop] = slab.confidence
            total += float(slab.confidence.sum())
        means.append(total / n_points)
    return means


def _put(file: h5py.File, name: str, values: Any) -> None:
    is_text = len(values) and isinstance(values[0], str)
    dataset = file.create_dataset(name, data=values, dtype=h5py.string_dtype() if is_text else None)
    dataset.attrs["unit"] = _UNITS[name.rpartition("/")[2]]
