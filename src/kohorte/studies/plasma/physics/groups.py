"""Sums over groups of grid cells, read part by part: shares, means, and the threshold detector."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Field that the threshold detector looks at, and those whose shares are measured.
CURRENT, DISSIPATION, CURRENT_DENSITY = "j_par", "e_dot_j", "j_mag"


@dataclass(frozen=True)
class Grouping:
    """A way to sort all cells into groups."""

    kind: str  # What the groups are: `consensus`, `sce`, `map` or `threshold`
    n_groups: int
    #: Groups, integers of the grid's shape without the rest of it, of a range of the first axis
    read: Callable[[slice], np.ndarray]


def root_mean_square(values: Any, parts: Iterable[slice]) -> float:
    """Root of the mean square of an array or dataset, read in ``parts`` of its first axis."""
    total, count = 0.0, 0
    for part in parts:
        block = np.asarray(values[part], dtype=np.float64)
        total += float(np.square(block).sum())
        count += block.size
    return float(np.sqrt(total / max(count, 1)))


def describe_groups(
    groupings: Sequence[Grouping],
    sums: Sequence[GroupSums],
    names: Sequence[str],
    *,
    limit: float | None = None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what all groups are, from their sums over the cells.

    `groupings`: ways to sort the cells, and `sums` those of each; `names`: of the fields that were
    summed; `limit`: of the absolute value of `j_par`; the threshold detector finds what lies above.
    None where there is no `j_par`.
    Returns tuple: a row for each group: `kind`, `group`, `cells`, `volume_fraction`,
    `e_dot_j_share` and `j2_share` (shares of the sum over all cells, NaN without that field),
    `<name>_mean` and `<name>_std` of each field. And one for each group compared with the detector:
    `kind`, `group`, `cells`, `above` (cells of the group above the limit), `precision`, `recall`,
    `jaccard`; none without a limit. A group without cells has NaN.
    """
    rows = [
        {"kind": grouping.kind, "group": k, **row}
        for grouping, total in zip(groupings, sums, strict=True)
        for k, row in enumerate(total.rows(names))
    ]
    compared = [
        {"kind": grouping.kind, "group": k, **row}
        for grouping, total in zip(groupings, sums, strict=True)
        if limit is not None and grouping.kind != "threshold"
        for k, row in enumerate(total.compared())
    ]
    return rows, compared


class GroupSums:
    """Counts and sums over the groups of one grouping."""

    def __init__(self, n_groups: int, n_fields: int) -> None:
        self.cells = np.zeros(n_groups)
        self.above = np.zeros(n_groups)
        self.first = np.zeros((n_fields, n_groups))
        self.second = np.zeros((n_fields, n_groups))

    def add(
        self, groups: np.ndarray, fields: Iterable[np.ndarray], above: np.ndarray | None
    ) -> None:
        """Add cells of some groups (n,), their fields (n,) and whether they are above the limit."""
        n = len(self.cells)
        self.cells += np.bincount(groups, minlength=n)
        if above is not None:
            self.above += np.bincount(groups[above], minlength=n)
        for k, field in enumerate(fields):
            self.first[k] += np.bincount(groups, field, minlength=n)
            self.second[k] += np.bincount(groups, field * field, minlength=n)

    def rows(self, names: Sequence[str]) -> Iterable[dict[str, Any]]:
        """Shares, means and standard deviations of each group."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self.first / self.cells
            spread = np.sqrt(np.maximum(self.second / self.cells - mean**2, 0.0))
            dissipated = self._shares(names, DISSIPATION, self.first)
            current = self._shares(names, CURRENT_DENSITY, self.second)
        for k, cells in enumerate(self.cells):
            yield {
                "cells": int(cells),
                "volume_fraction": cells / self.cells.sum(),
                "e_dot_j_share": dissipated[k],
                "j2_share": current[k],
                **{f"{name}_mean": mean[f, k] for f, name in enumerate(names)},
                **{f"{name}_std": spread[f, k] for f, name in enumerate(names)},
            }

    def compared(self) -> Iterable[dict[str, Any]]:
        """Each group beside what lies above the limit."""
        found = self.above.sum()
        for cells, above in zip(self.cells, self.above, strict=True):
            yield {
                "cells": int(cells),
                "above": int(above),
                "precision": above / cells if cells else np.nan,
                "recall": above / found if found else np.nan,
                "jaccard": above / (cells + found - above) if cells + found else np.nan,
            }

    def _shares(self, names: Sequence[str], name: str, sums: np.ndarray) -> np.ndarray:
        if name not in names:
            return np.full(len(self.cells), np.nan)
        row = sums[list(names).index(name)]
        return row / row.sum()
