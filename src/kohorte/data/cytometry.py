"""Sources that are FCS files of flow cytometry: events are rows, channels are columns."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kohorte._checks import extra
from kohorte.data.columns import Column, ColumnSource
from kohorte.data.reading import ReadOptions, Source, damages
from kohorte.errors import DataError

if TYPE_CHECKING:
    from flowio import FlowData

_LOG = logging.getLogger(__name__)


@contextmanager
def open_fcs(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open the events of an FCS file; `table` numbers the data sets of a file with several.

    A channel has the name of its marker (PnS) or, without one, of its detector (PnN). Values are
    linear: gain, logarithmic amplifiers and the time step of the file are applied, a compensation
    is not. The time of acquisition is no feature unless it is named.
    """
    data = open_data_set(title, path, options)
    with damages(title):
        events = data.as_array(preprocess=True)
        names = channel_names(data.pnn_labels, data.pns_labels)
    if len(events) == 0:
        raise DataError(f"{title}: has no events")
    spill = next((key for key in ("spillover", "spill", "comp") if data.text.get(key)), None)
    if spill is not None:
        _LOG.info("%s: its compensation (%s) is not applied", title, spill.upper())
    columns = {
        name: _channel(events[:, k], data.pnn_labels[k], name) for k, name in enumerate(names)
    }
    time = data.time_index
    asides = {} if time is None else {names[time]: "the time of acquisition"}
    yield ColumnSource(title, columns, options, asides=asides)


def open_data_set(title: str, path: str | Path, options: ReadOptions) -> FlowData:
    """Open the data set `options.table` of an FCS file; None where it has only one."""
    table = options.table
    with extra("formats"):
        import flowio
    with damages(title):
        try:
            sets = [flowio.FlowData(path, ignore_offset_discrepancy=True)]
        except flowio.exceptions.MultipleDataSetsError:
            sets = flowio.read_multiple_data_sets(path, ignore_offset_discrepancy=True)
        except flowio.exceptions.FCSParsingError:
            # Many instruments count the last byte of the data wrongly, by one.
            sets = [flowio.FlowData(path, ignore_offset_error=True, ignore_offset_discrepancy=True)]
    if table is None and len(sets) > 1:
        raise DataError(
            f"{title}: has {len(sets)} data sets; set {options.section}table to one, from 0 on"
        )
    if table is not None and (not isinstance(table, int) or not 0 <= table < len(sets)):
        raise DataError(f"{title}: no data set {table!r}; it has {len(sets)}, counted from 0")
    return sets[table or 0]


def _channel(values: np.ndarray, detector: str, name: str) -> Column:
    words = f"{name} ({detector})" if name != detector else ""
    return Column(values.shape, values.dtype, lambda: values, title=words)


def channel_names(detectors: list[str], markers: list[str]) -> list[str]:
    """Return the names of channels: of the marker where it names one channel, or the detector."""
    names = [
        m.strip() or d.strip() or f"channel_{k + 1}"
        for k, (d, m) in enumerate(zip(detectors, markers, strict=True))
    ]
    counts = Counter(names)
    return [
        detector if counts[name] > 1 else name
        for name, detector in zip(names, detectors, strict=True)
    ]
