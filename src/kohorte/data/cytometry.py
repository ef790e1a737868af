"""Sources that are FCS files of flow cytometry: events are rows, channels are columns."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from kohorte._checks import extra
from kohorte.data.columns import Column, ColumnSource
from kohorte.data.reading import ReadOptions, Source, damages
from kohorte.errors import DataError

if TYPE_CHECKING:
    from flowio import FlowData

_LOG = logging.getLogger(__name__)

#: Events whose bits are held one by one.
_BLOCK_EVENTS = 1 << 14


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
    asides = {
        name: "the time of acquisition, or another one of the instrument"
        for name, detector in zip(names, data.pnn_labels, strict=True)
        if detector.lower() == "time" or detector.startswith("HDR-")
    }
    yield ColumnSource(title, columns, options, asides=asides)


def open_data_set(title: str, path: str | Path, options: ReadOptions) -> FlowData:
    """Open the data set `options.table` of an FCS file; None where it has only one."""
    table = options.table
    with extra("formats"):
        import flowio
    how = {"only_text": True, "ignore_offset_discrepancy": True}
    with warnings.catch_warnings(), damages(title):
        warnings.simplefilter("ignore")
        try:
            sets = [flowio.FlowData(path, **how)]
        except flowio.exceptions.MultipleDataSetsError:
            sets = flowio.read_multiple_data_sets(path, **how)
    if table is None and len(sets) > 1:
        raise DataError(
            f"{title}: has {len(sets)} data sets; set {options.section}table to one, from 0 on"
        )
    if table is not None and (not isinstance(table, int) or not 0 <= table < len(sets)):
        raise DataError(f"{title}: no data set {table!r}; it has {len(sets)}, counted from 0")
    chosen = sets[table or 0]
    before = sum(int(other.text["nextdata"]) for other in sets[: table or 0])
    with damages(title), open(path, "rb") as stream:
        chosen.events = _read_events(title, stream, chosen, before).ravel()
    return chosen


def _read_events(title: str, stream: BinaryIO, data: FlowData, before: int) -> np.ndarray:
    """Read the DATA segment of a data set that begins `before` bytes into a file, (N, F) float64.

    Of the standards 2.0 to 3.2 (section 3.3 of FCS 3.1): lists of events of unsigned whole numbers
    of any width, packed without gaps, of which the range says how many bits count; and floats.
    Numbers of many bytes, and bits that are packed, lie as the order of the bytes says: the
    least significant first where that is 1,2,3,4.
    """
    text = data.text
    way = "; save it by the program of the instrument as FCS 3.1 with floating-point numbers"
    if text["mode"].lower() != "l":
        raise DataError(f"{title}: holds histograms ($MODE/{text['mode']}/) and no events{way}")
    fields = [_Field.of(title, data, n, way) for n in range(1, data.channel_count + 1)]
    start = data.header["data_start"]
    if data.version != "2.0" or not start:
        start = int(text.get("begindata", 0)) or start
    bits = sum(field.width for field in fields)
    size = -(-data.event_count * bits // 8)
    stream.seek(before + start)
    content = stream.read(size)
    if len(content) < size:
        raise DataError(
            f"{title}: is truncated: {data.event_count} events of {bits} bits need {size} bytes, "
            f"and there are {len(content)}"
        )
    order = [int(place) for place in text["byteord"].split(",")]
    is_little = order == sorted(order)
    if not is_little and order != sorted(order, reverse=True):
        if any(field.width != 8 * len(order) for field in fields):
            raise DataError(f"{title}: has the order of bytes {text['byteord']}{way}")
        places = np.frombuffer(content, np.uint8).reshape(-1, len(order))
        content, is_little = places[:, np.argsort(order)].tobytes(), True
    if any(field.width % 8 for field in fields):
        return _unpack_bits(content, fields, data.event_count, is_little)
    rows = np.frombuffer(content, np.uint8).reshape(data.event_count, bits // 8)
    out, place = np.empty((len(rows), len(fields))), 0
    for k, field in enumerate(fields):
        part = rows[:, place : place + field.width // 8]
        part = part if is_little else part[:, ::-1]
        place += field.width // 8
        if field.kind == "i":
            wide = np.zeros((len(rows), 8), np.uint8)
            wide[:, : part.shape[1]] = part
            out[:, k] = wide.view("<u8")[:, 0] & field.mask
        else:
            out[:, k] = np.ascontiguousarray(part).view(f"<f{field.width // 8}")[:, 0]
    return out


def _unpack_bits(
    content: bytes, fields: Sequence[_Field], n_events: int, is_little: bool
) -> np.ndarray:
    """Read whole numbers whose bits follow each other across bytes and events."""
    packed, bits = np.frombuffer(content, np.uint8), sum(field.width for field in fields)
    out = np.empty((n_events, len(fields)))
    for start in range(0, n_events, _BLOCK_EVENTS):  # a multiple of 8, so it begins with a byte
        count = min(_BLOCK_EVENTS, n_events - start)
        first, last = start * bits // 8, -(-(start + count) * bits // 8)
        order: Any = "little" if is_little else "big"
        block = np.unpackbits(packed[first:last], bitorder=order)[: count * bits]
        block, place = block.reshape(count, bits), 0
        for k, field in enumerate(fields):
            part = block[:, place : place + field.width].astype(np.uint64)
            place += field.width
            weights = np.uint64(1) << np.arange(field.width, dtype=np.uint64)
            found = (part * (weights if is_little else weights[::-1])).sum(axis=1)
            out[start : start + count, k] = found & field.mask
    return out


@dataclass(frozen=True)
class _Field:
    """How the numbers of one channel are stored."""

    kind: str  # i, f or d
    width: int  # bits
    mask: np.uint64  # of the bits that count

    @classmethod
    def of(cls, title: str, data: FlowData, number: int, way: str) -> _Field:
        text = data.text
        kind = text.get(f"p{number}datatype", text["datatype"]).lower()  # of one channel: FCS 3.2
        said = text.get(f"p{number}b", "").strip()
        if kind not in ("i", "f", "d"):
            raise DataError(f"{title}: channel {number} is of the type {kind.upper()!r}{way}")
        fixed = {"f": 32, "d": 64}.get(kind)
        width = fixed if fixed is not None and not said.isdigit() else int(said or 0)
        if not 0 < width <= 64 or (fixed is not None and width != fixed):
            raise DataError(
                f"{title}: channel {number} has numbers of {said!r} bits of the type "
                f"{kind.upper()!r}{way}"
            )
        # Other bits may hold anything; the range is one above the largest number.
        largest = max(int(float(text[f"p{number}r"])), 1) - 1
        used = min(largest.bit_length() or width, width)
        return cls(kind, width, np.uint64(2**used - 1))


def _channel(values: np.ndarray, detector: str, name: str) -> Column:
    words = f"{name} ({detector})" if name != detector else ""
    return Column(values.shape, values.dtype, lambda: values, title=words)


def channel_names(detectors: list[str], markers: list[str]) -> list[str]:
    """Return the names of channels, no two alike.

    That of the marker where it names one channel, or the detector; with the detector, or else the
    number of the channel, in parentheses where that is the name of another channel as well.
    """
    own = [detector.strip() for detector in detectors]
    first = [
        m.strip() or d or f"channel_{k + 1}"
        for k, (d, m) in enumerate(zip(own, markers, strict=True))
    ]
    numbered = [f"{name} (channel {k + 1})" for k, name in enumerate(first)]
    detailed = [
        f"{name} ({d})" if d not in ("", name) else other
        for d, name, other in zip(own, first, numbered, strict=True)
    ]
    names = first
    for others in (own, detailed, numbered):
        counts = Counter(names)
        pairs = zip(names, others, strict=True)
        names = [other if counts[name] > 1 and other else name for name, other in pairs]
    return names
