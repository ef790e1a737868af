"""Tallies of parts of the points, put together to those of all: the same for any parts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

#: Different values of a feature beyond which no more of them are kept.
MOST_DISTINCT = 4096

Tally = dict[str, Any]
"""Arrays by name; `merge_tallies` says what the names mean."""


def merge_tallies(tallies: Iterable[Tally]) -> Tally:
    """Return the tally of all of some parts of the points, which follow each other.

    What precedes the first slash of a name says how arrays of that name are put together: `counts`
    are added, `sums` have a row for each block, `rows` any number of them, `sparse` are places and
    how often each is there, `distinct` are different values, and `cross` has a row for each of the
    values in `names`.
    """
    found: Tally = {}
    for tally in tallies:
        crossed = {}
        for name, value in tally.items():
            kind, _, rest = name.partition("/")
            if name not in found:
                found[name] = value
            elif kind == "counts":
                found[name] = found[name] + value
            elif kind in ("sums", "rows"):
                found[name] = np.concatenate([found[name], value])
            elif kind == "sparse":
                places, counts = np.concatenate([found[name], value], axis=1)
                places, counts = _add_rows(places, counts)
                found[name] = np.stack([places, counts])
            elif kind == "distinct":
                found[name] = np.union1d(found[name], value)[: MOST_DISTINCT + 1]
            elif kind == "cross":
                names = [of[f"names/{rest}"] for of in (found, tally)]
                rows = np.concatenate([found[name], value])
                crossed[f"names/{rest}"], crossed[name] = _add_rows(np.concatenate(names), rows)
        found |= crossed
    return found


def _add_rows(names: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return different names, ascending, and the sums of their counts."""
    found, at = np.unique(names, return_inverse=True)
    total = np.zeros((len(found), *counts.shape[1:]), dtype=np.int64)
    np.add.at(total, at, counts)
    return found, total


def add_blocks(rows: np.ndarray) -> np.ndarray:
    """Return the sum of what blocks have, one after the other."""
    total = rows[0].copy()
    for row in rows[1:]:  # one after the other
        total += row
    return total
