"""Values at ranks, found exactly by counting: a pass over the points for each part of their bits.

The bits of float32 numbers, read as integers with the sign turned, are in the order of the numbers.
Passes count how many values have which first 16 bits, then which next 8 of those looked for, and
then the last 8. Counts of parts of the points add up, so that the points need never be together.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kohorte._tallies import MOST_DISTINCT

#: Different values, beyond which they are compared by so many bins with as many values in each.
BINS = MOST_DISTINCT

_QUARTILES = np.array([0.25, 0.5, 0.75])
_SIGN = np.uint32(1 << 31)


def quartile_places(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ranks of the values below the quartiles of n > 0, and how far these are beyond.

    Both (3,), ranks from 0, as numpy.quantile has them by its linear method.
    """
    place = (n - 1) * _QUARTILES
    rank = np.floor(place)
    return rank.astype(np.int64), place - rank


def quartile_ranks(n: int) -> np.ndarray:
    """Return the ranks of the values that lie around the quartiles of n > 0, (6,)."""
    rank, _ = quartile_places(n)
    return np.concatenate([rank, np.minimum(rank + 1, n - 1)])


def interpolate_quartiles(n: int, around: np.ndarray) -> np.ndarray:
    """Return the quartiles (3,) of n values, given those at `quartile_ranks` (6,)."""
    _, t = quartile_places(n)
    low, high = around[:3], around[3:]
    with np.errstate(invalid="ignore"):
        step = high - low
        return np.where(t >= 0.5, high - step * (1 - t), low + step * t)


def bin_ranks(n: int) -> np.ndarray:
    """Return the ranks at which the bins of n values, equal in number, begin, but for the first."""
    return -(-np.arange(1, BINS, dtype=np.int64) * n // BINS)


def sortable(values: np.ndarray) -> np.ndarray:
    """Return integers, uint32, in the order of some float32 numbers; equal ones for equal ones."""
    bits = (values + np.float32(0)).view(np.uint32)  # -0 and 0 are equal
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def unsortable(keys: np.ndarray) -> np.ndarray:
    """Return the float32 numbers of some integers of `sortable`."""
    keys = keys.astype(np.uint32)
    return np.where(keys & _SIGN, keys ^ _SIGN, ~keys).view(np.float32)


class FeatureOrders:
    """Quartiles of the groups of one feature, and how its values lie among each other.

    Four rounds of `count`, each over all points, and of `take` of the sum of what was counted.
    Groups are the codes from 0 to `n_groups`, which is that of the points without one.
    """

    def __init__(self, n_groups: int) -> None:
        self.n_groups = n_groups
        self.around = np.full((n_groups, 6), np.nan, np.float32)  # the values at `quartile_ranks`
        self.distinct: np.ndarray | None = None
        self.bins = np.zeros((n_groups + 1, 0), np.int64)
        self._edges = np.empty(0, np.float32)  # of the bins
        # Of each value that is looked for: its bits as far as known, their slot, its rank there.
        self._bits = self._slot = self._rest = np.empty(0, np.int64)
        # The slots that are counted, and those before them.
        self._slots = self._former = np.empty(0, np.int64)
        self._sizes = np.zeros(n_groups, np.int64)

    def count(self, turn: int, values: np.ndarray, codes: np.ndarray) -> dict[str, np.ndarray]:
        """Count float32 values (n,), none of them missing, of the groups `codes` (n,)."""
        if turn == 3:
            side = "left" if self.distinct is not None else "right"
            place = np.searchsorted(self._edges, values, side=side)  # type: ignore[call-overload]
            width = len(self._edges) + (self.distinct is None)
            size = (self.n_groups + 1) * width
            bins = np.bincount(codes.astype(np.int64) * width + place, minlength=size)
            return {"counts": bins.reshape(self.n_groups + 1, width)}
        keys = sortable(values)
        first = (keys >> 16).astype(np.int64)
        of_group = (codes.astype(np.int64) << 16) | first
        if turn == 0:
            first = count_places(of_group, (self.n_groups + 1) << 16)
            return {"sparse": first, "distinct": distinct(values)}
        if not len(self._slots):  # no group has a value
            return {"counts": np.zeros(0, dtype=np.int64)}
        # Those of all groups together are looked for, too, as a group after the last.
        together = ((self.n_groups + 1) << 16) | first
        found = np.zeros(len(self._slots) << 8, dtype=np.int64)
        firsts = self._former if turn == 2 else self._slots
        slots = np.full((self.n_groups + 2) << 16, -1, dtype=np.int32)
        slots[firsts] = np.arange(len(firsts))
        for places in (of_group, together):
            slot = slots[places].astype(np.int64)
            if turn == 2:
                middle = (keys >> 8 & 0xFF).astype(np.int64)
                table = np.full(len(self._former) << 8, -1, dtype=np.int64)
                table[self._slots] = np.arange(len(self._slots))
                slot = np.where(slot >= 0, table[(slot << 8 | middle)], -1)
            held = slot >= 0
            shift = 8 if turn == 1 else 0
            part = (keys[held] >> shift & 0xFF).astype(np.int64)
            found += np.bincount(slot[held] << 8 | part, minlength=len(found))
        return {"counts": found}

    def take(self, turn: int, counted: Mapping[str, np.ndarray]) -> None:
        """Take in what was counted in one round of all points; nothing where there were none."""
        if not counted:
            return
        if turn == 3:
            self.bins = counted["counts"]
        elif turn == 0:
            self._begin(counted["sparse"], counted["distinct"])
        else:
            # Within the bits looked at before, those that the values at the ranks have next.
            parts = counted["counts"].reshape(-1, 256)
            ends = np.cumsum(parts, axis=1)[self._slot]
            part = (ends <= self._rest[:, None]).sum(axis=1)
            self._rest = self._rest - np.where(part, ends[np.arange(len(part)), part - 1], 0)
            self._bits = self._bits << 8 | part
            places = self._slot << 8 | part
            self._former = self._slots if turn == 1 else self._former
            self._slots, self._slot = np.unique(places, return_inverse=True)
            if turn == 2:
                self._end()

    def _begin(self, first: np.ndarray, values: np.ndarray) -> None:
        places, counts = first
        total = int(counts.sum())
        self.distinct = values if len(values) <= BINS else None
        together, ends = np.unique(places & 0xFFFF, return_inverse=True)
        everyone = np.bincount(ends, counts, minlength=len(together)).astype(np.int64)
        slots: list[np.ndarray] = []
        rest: list[np.ndarray] = []
        for group in range(self.n_groups):
            own = places >> 16 == group
            self._sizes[group] = n = counts[own].sum()
            if n:
                slots.append(_find(places[own], counts[own], quartile_ranks(int(n)), rest))
        if self.distinct is None:
            all_groups = (self.n_groups + 1) << 16 | together
            slots.append(_find(all_groups, everyone, bin_ranks(total), rest))
        found = np.concatenate(slots) if slots else np.empty(0, np.int64)
        self._rest = np.concatenate(rest) if rest else np.empty(0, np.int64)
        self._bits = found & 0xFFFF
        self._slots, self._slot = np.unique(found, return_inverse=True)

    def _end(self) -> None:
        values = unsortable(self._bits)
        for group in np.flatnonzero(self._sizes):
            self.around[group], values = values[:6], values[6:]
        self._edges = values if self.distinct is None else self.distinct


def distinct(values: np.ndarray) -> np.ndarray:
    """Return the different values, ascending; if they are more than BINS, BINS + 1 of them."""
    found = np.unique(values[: 4 * BINS])
    if len(found) <= BINS and len(values) > 4 * BINS:
        found = np.unique(values)
    return found[: BINS + 1]


def _find(
    places: np.ndarray, counts: np.ndarray, ranks: np.ndarray, rest: list[np.ndarray]
) -> np.ndarray:
    """Return the places that hold the values at some ranks; add their ranks there to `rest`."""
    ends = np.cumsum(counts)
    at = np.searchsorted(ends, ranks, side="right")
    rest.append(ranks - (ends - counts)[at])
    return places[at]


def count_places(places: np.ndarray, size: int) -> np.ndarray:
    """Return the different numbers below `size`, ascending, and how often each is there, (2, n)."""
    if len(places) * 4 < size:
        return np.stack(np.unique(places, return_counts=True)).astype(np.int64)
    counts = np.bincount(places)
    found = np.flatnonzero(counts)
    return np.stack([found, counts[found]])
