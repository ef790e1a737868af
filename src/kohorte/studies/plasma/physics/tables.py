"""The tables of a study on a grid: groups, their structures, and the threshold detector."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from kohorte.analysis.profiles import profile_columns
from kohorte.errors import DataError
from kohorte.studies.plasma.fields.grid import Grid
from kohorte.studies.plasma.physics.groups import (
    CURRENT,
    CURRENT_DENSITY,
    DISSIPATION,
    Grouping,
    measure_groups,
    root_mean_square,
)
from kohorte.studies.plasma.physics.structures import (
    Structures,
    find_structures,
    sum_over,
    thickness,
)

_LOG = logging.getLogger(__name__)

#: Field that tells double sheets from single ones.
ASYMMETRY = "j_asym"

#: Largest |j_asym| over the largest |j_par| in the disc that a current of one sign can reach: each
#: half of the kernel, whose absolute values add up to 1, holds a half.
DOUBLE = 0.5


def measure_cells(
    groupings: Sequence[Grouping],
    values: Mapping[str, Any],
    grid: Grid,
    parts: Sequence[slice],
    *,
    threshold: float = 2.0,
    connectivity: str = "faces",
    smallest: int = 8,
    radius: float | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Tables of groups, structures and of the groups beside the threshold detector.

    Returns tuple: tables `physics`, `structures` and `threshold`, as docs/studies/plasma.md
    describes them. Raises DataError: a field holds values that are not finite.

    `groupings`: ways to sort all cells into groups. Where there is a `j_par`, the detector's own
    two groups, 0 below and 1 above, join them as the kind `threshold`. `values`: arrays or datasets
    of the grid's shape by name, in physical units. `grid`: the grid. `parts`: ranges of its first
    axis that cover it. `threshold`: the detector finds cells with |j_par| above so many times its
    root mean square. `connectivity`: as for find_structures. `smallest`: least cells of a structure
    with a row of its own. `radius`: of the disc of `j_asym`, in cells; None where it is not known:
    no sheet is double then.
    """
    limit = None
    groupings = list(groupings)
    if CURRENT in values:
        rms = root_mean_square(values[CURRENT], parts)
        if not np.isfinite(rms):
            raise DataError(f"field {CURRENT!r} holds values that are not finite")
        limit = threshold * rms
        _LOG.info("root mean square of %s: %g, threshold %g", CURRENT, rms, limit)

        def above(part: slice) -> np.ndarray:
            return (np.abs(np.asarray(values[CURRENT][part], np.float64)) > limit).astype(np.uint8)

        groupings.append(Grouping("threshold", 2, above))
    rows, compared = measure_groups(groupings, values, parts, limit=limit)
    totals = {
        name: sum(float(_power(values[name][part], name).sum()) for part in parts)
        for name in (DISSIPATION, CURRENT_DENSITY)
        if name in values
    }
    asymmetry = None
    if radius is not None and CURRENT in values and ASYMMETRY in values:
        asymmetry = measure_asymmetry(values[CURRENT][:], values[ASYMMETRY][:], grid, radius)
    structures = []
    for row in rows:
        grouping = next(g for g in groupings if g.kind == row["kind"])
        mask = np.concatenate([grouping.read(part) == row["group"] for part in parts])
        found = find_structures(mask.reshape(grid.shape), grid, connectivity=connectivity)
        table = _tabulate(found, values, asymmetry, grid, totals)
        listed = table[table["cells"] >= smallest]
        row |= _summarize(listed, row["cells"])
        listed.insert(0, "kind", row["kind"])
        listed.insert(1, "group", row["group"])
        structures.append(listed)
        _LOG.info("%s %d: %d structures", row["kind"], row["group"], len(listed))
    tables = pd.concat(structures, ignore_index=True)
    columns = ["kind", "group", "cells", "above", "precision", "recall", "jaccard"]
    return pd.DataFrame(rows), tables, pd.DataFrame(compared, columns=columns)


def profile_cells(
    groupings: Sequence[Grouping],
    values: Mapping[str, Any],
    units: Sequence[str],
    parts: Sequence[slice],
) -> pd.DataFrame:
    """Return the profile of each field in each group, as `group_features.csv`, with the `kind`.

    `groupings`, `values`, `parts`: as for `measure_cells`; `units`: of the values, in their order.
    One field is in memory at a time.
    """
    tables = []
    for grouping in groupings:
        labels = np.concatenate([np.asarray(grouping.read(part)).ravel() for part in parts])
        columns = (np.asarray(array[:]).ravel() for array in values.values())
        groups = np.arange(grouping.n_groups)
        table = profile_columns(columns, labels, list(values), groups, units)
        table.insert(0, "kind", grouping.kind)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def measure_asymmetry(
    current: np.ndarray, asymmetric: np.ndarray, grid: Grid, radius: float
) -> np.ndarray:
    """|j_asym| of each cell over the largest |j_par| that its kernel can see; 0 where that is 0.

    The kernel, a disc of that radius in cells in the plane of x and y, lies within the square over
    which the largest value is taken, so the ratio is at most 1/2 unless it sees both signs.
    """
    size, largest = 2 * int(np.ceil(radius)) + 1, np.abs(current)
    for axis in grid.plane:
        mode = "wrap" if grid.periodic[axis] else "nearest"
        largest = ndimage.maximum_filter1d(largest, size, axis, mode=mode)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(largest > 0, np.abs(asymmetric) / largest, 0.0).astype(np.float32)


def _power(values: Any, name: str) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    return values**2 if name == CURRENT_DENSITY else values


def _tabulate(
    found: Structures,
    values: Mapping[str, Any],
    asymmetry: np.ndarray | None,
    grid: Grid,
    totals: Mapping[str, float],
) -> pd.DataFrame:
    """One row a structure."""
    n, nothing = len(found.cells), np.full(len(found.cells), np.nan)
    thick = thickness(found, grid)
    volume = found.cells * float(np.prod(grid.spacing))

    def total(name: str, how: str) -> np.ndarray:
        return sum_over(found, values[name], how) if name in values else nothing

    ratio = nothing if asymmetry is None else sum_over(found, asymmetry, "largest")
    table = pd.DataFrame(
        {
            "structure": np.arange(n),
            "cells": found.cells,
            "volume": volume,
            "thickness": thick,
            "face": volume / thick,
            "length": found.sides[:, 0],
            "width": found.sides[:, 1] if len(grid.shape) == 3 else nothing,
            "aspect": found.sides[:, 0] / thick,
            "wraps": [
                "".join(sorted(axis for axis, around in zip(grid.axes, row, strict=True) if around))
                for row in found.wraps
            ],
            **{f"centre_{axis}": found.centre[:, k] for k, axis in enumerate(grid.axes)},
            "j_par_mean": total(CURRENT, "sum") / found.cells,
            "j_par_peak": total(CURRENT, "largest"),
            "asymmetry": ratio,
            "double": pd.arrays.BooleanArray(ratio > DOUBLE, np.isnan(ratio)),
            "e_dot_j_share": total(DISSIPATION, "sum") / totals.get(DISSIPATION, np.nan),
            "j2_share": total(CURRENT_DENSITY, "squares") / totals.get(CURRENT_DENSITY, np.nan),
        }
    )
    return table.astype({"wraps": str})


def _summarize(listed: pd.DataFrame, cells: int) -> dict[str, Any]:
    """Summarize the structures of a group; means weigh them by their cells."""
    weights = listed["cells"] / max(int(listed["cells"].sum()), 1)
    some = len(listed) > 0
    return {
        "structures": len(listed),
        "in_structures": float(listed["cells"].sum() / cells) if cells else np.nan,
        "thickness": float((weights * listed["thickness"]).sum()) if some else np.nan,
        "doubles": int(listed["double"].fillna(False).sum()),
    }
