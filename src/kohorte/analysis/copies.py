"""A copy of the user's own table, in its own form, with the group of each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from kohorte import store
from kohorte.analysis.naming import read_names
from kohorte.data.reading import ReadOptions
from kohorte.data.writing import write_like
from kohorte.ensemble.points import signal_classes
from kohorte.ensemble.votes import in_doubt

#: Columns that are added, beside whether the point is in doubt; the last two where there are maps.
COLUMNS = ("group", "confidence", "second", "second_share", "novelty", "is_outlier")


def write_copy(
    table: str | Path,
    *,
    source: str | Path,
    data: str | Path,
    ensemble: str | Path,
    names: str | Path | None = None,
    signal_cuts: Sequence[float] | None = None,
) -> None:
    """Write a copy of the table of a study with the columns `COLUMNS` and `in_doubt` added.

    Rows that the study did not use have no entry. `table`: what to write, of the name that
    `kohorte.data.names.copy_name` gives; `source`: the table; `data`, `ensemble`: the study's
    `data.h5` and `ensemble.h5`; `names`: its `groups.json`, where groups are named: their names are
    added, too; `signal_cuts`: where given, so is `signal_class`. Raises DataError: the source
    cannot be read, or has other rows.
    """
    with store.read_result(data, "data") as file:
        rows, options = file["rows"][:], store.read_json(file, "options")
    points = store.read_ensemble(ensemble, points=True).points
    known = {"group": points.label, **points.arrays}
    columns = {name: np.asarray(known[name]) for name in COLUMNS if name in known}
    if called := read_names(names):
        groups = {k: called.get(k, "") for k in np.unique(points.label).tolist()}
        columns["group_name"] = np.array([groups[k] for k in points.label.tolist()])
    columns["in_doubt"] = in_doubt(points.confidence, points.second_share)
    if signal_cuts:
        columns["signal_class"] = signal_classes(points.signal, signal_cuts)
    write_like(source, columns, table, rows=rows, options=_reading(options))


def _reading(options: dict[str, Any]) -> ReadOptions:
    """Return how the section `data` of a study says that its source is read."""
    found: dict[str, Any] = {}
    for field in fields(ReadOptions):
        if field.name in options and field.name not in ("features", "label"):
            value = options[field.name]
            found[field.name] = tuple(value) if isinstance(value, list) else value
    return ReadOptions(**found)
