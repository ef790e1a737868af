"""The table of a study as its user keeps it, with what the ensemble says of each point."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from kohorte import store
from kohorte.data.reading import ReadOptions
from kohorte.data.writing import write_like

_LOG = logging.getLogger(__name__)

#: Columns of points that go into a copy.
COLUMNS = ("label", "confidence", "second", "second_share", "signal", "novelty", "is_outlier")


def write_copy(
    source: str | Path,
    data: str | Path,
    ensemble: str | Path,
    copy: str | Path,
    *,
    options: Mapping[str, Any],
) -> None:
    """Write a copy of a study's source with the labels of its points, in the form of the source.

    `data`, `ensemble`: `data.h5` and `ensemble.h5`; `copy`: where it goes, see `write_like`;
    `options`: the section `data` of the configuration. Raises DataError: the source cannot be read,
    or has other rows than those that the study was made of.
    """
    points = store.read_ensemble(ensemble, points=True).points.arrays
    rows = store.read_data(data, mapped=True).rows
    columns = {name: points[name] for name in COLUMNS if name in points}
    write_like(source, columns, copy, rows=rows, options=reading_options(options))
    _LOG.info("%s: %d rows with %s", copy, len(rows), ", ".join(columns))


def reading_options(options: Mapping[str, Any]) -> ReadOptions:
    """Return how a source was read, of the section `data` of the configuration."""
    known = {part.name for part in fields(ReadOptions)} - {"features", "label", "generate"}
    found = {name: value for name, value in options.items() if name in known}
    arguments: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in found.items()
    }
    return ReadOptions(**arguments)
