"""How numbers are packed: what attributes of arrays say, by the conventions CF of climate data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kohorte.data.reading import float_type

#: Attributes that say which numbers mean none.
_FILLS = ("_FillValue", "missing_value")


@dataclass(frozen=True)
class Packing:
    """What the attributes of an array of numbers say of them: sections 2.5 and 8.1 of CF.

    Values are number * scale + offset; the numbers that mean none, and the least and the largest
    one, are as they are stored.
    """

    fills: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    scale: Any = 1.0
    offset: Any = 0.0

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> Packing:
        """Read attributes, of which those that are no numbers say nothing."""
        both = _numbers(attributes, "valid_range")
        low, high = _numbers(attributes, "valid_min"), _numbers(attributes, "valid_max")
        if len(both) == 2:
            low, high = both[:1], both[1:]
        return cls(
            tuple(number for key in _FILLS for number in _numbers(attributes, key)),
            float(low[0]) if len(low) else None,
            float(high[0]) if len(high) else None,
            *(
                found[0] if len(found := _numbers(attributes, key)) == 1 else default
                for key, default in (("scale_factor", 1.0), ("add_offset", 0.0))
            ),
        )

    @property
    def is_scaled(self) -> bool:
        """Whether values are other numbers than those that are stored."""
        return bool(self.scale != 1 or self.offset != 0)

    def limits(self) -> tuple[float | None, float | None]:
        """Return the least and the largest value; None where there is no limit."""
        low, high = (
            None if limit is None else limit * self.scale + self.offset
            for limit in (self.low, self.high)
        )
        return (high, low) if self.scale < 0 else (low, high)

    def unpack(self, stored: np.ndarray) -> np.ndarray:
        """Return the values of stored numbers, masked where there is none."""
        absent = np.zeros(stored.shape, bool)
        with np.errstate(over="ignore", invalid="ignore"):
            for fill in self.fills:
                absent |= stored == (stored.dtype.type(fill) if stored.dtype.kind == "f" else fill)
            if self.low is not None:
                absent |= stored < self.low
            if self.high is not None:
                absent |= stored > self.high
            if self.is_scaled:
                stored = stored.astype(np.float64) * self.scale + self.offset
        return np.ma.masked_array(stored, absent) if absent.any() else stored


class Unpacked:
    """An array in a file whose attributes say how it is packed; NaN where a value is missing."""

    def __init__(self, array: Any, packing: Packing) -> None:
        self._array, self._packing = array, packing
        self.shape, self.chunks = array.shape, getattr(array, "chunks", None)
        self.dtype = np.dtype(np.float64) if packing.is_scaled else float_type(array.dtype)

    def __getitem__(self, key: Any) -> np.ndarray:
        values = self._packing.unpack(np.asarray(self._array[key]))
        return np.ma.filled(values.astype(self.dtype, copy=False), np.nan)


def unpacked(array: Any) -> Any:
    """Return an array of a file (HDF5, Zarr) as its attributes say; as it is where they do not."""
    packing = packing_of(array)
    return array if packing == Packing() else Unpacked(array, packing)


def packing_of(array: Any) -> Packing:
    """Return what the attributes of an array of a file say of its numbers."""
    return Packing.of(array.attrs) if array.dtype.kind in "iuf" else Packing()


def _numbers(attributes: Mapping[str, Any], key: str) -> np.ndarray:
    """Return the numbers that an attribute holds, also as text; none where it holds no numbers."""
    found = np.ravel(attributes.get(key, ()))
    if found.dtype.kind in "iuf":
        return found
    try:
        return found.astype(np.float64)
    except (TypeError, ValueError):
        return np.empty(0)
