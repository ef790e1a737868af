"""The tables of a study on a grid: groups, their structures, and the threshold detector."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kohorte.analysis.profiles import profile_columns
from kohorte.studies.plasma.fields.grid import Grid
from kohorte.studies.plasma.physics.groups import (
    CURRENT,
    CURRENT_DENSITY,
    DISSIPATION,
    Grouping,
    describe_groups,
)
from kohorte.studies.plasma.physics.parts import ASYMMETRY, SUMS, CellTallies
from kohorte.studies.plasma.physics.structures import Joined

_LOG = logging.getLogger(__name__)

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
    how: Any = {"threshold": threshold, "connectivity": connectivity, "radius": radius}
    tallies = CellTallies(groupings, values, grid, parts, **how)
    tallies.run()
    return tabulate_cells(tallies, smallest=smallest)


def tabulate_cells(
    tallies: CellTallies, *, smallest: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the tables of `measure_cells` from tallies of all parts of a grid."""
    groupings, grid = tallies.groupings, tallies.grid
    names, limit = list(tallies.values), tallies.limit
    rows, compared = describe_groups(groupings, tallies.sums, names, limit=limit)
    structures = []
    for row, (key, found) in zip(rows, tallies.joined.items(), strict=True):
        sums = dict(zip(SUMS, tallies.of_structures[key].T, strict=True))
        table = _tabulate(found, sums, grid, tallies.totals)
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


def _tabulate(
    found: Joined,
    sums: Mapping[tuple[str | None, str], np.ndarray],
    grid: Grid,
    totals: Mapping[str, float],
) -> pd.DataFrame:
    """Return one row per structure; `sums` by field and how, NaN for fields that are not there."""
    n, nothing = len(found.cells), np.full(len(found.cells), np.nan)
    thick = 4 * sums[None, "sum"] / found.cells  # as `thickness` has it
    volume = found.cells * float(np.prod(grid.spacing))
    ratio = sums[ASYMMETRY, "largest"]
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
            "j_par_mean": sums[CURRENT, "sum"] / found.cells,
            "j_par_peak": sums[CURRENT, "largest"],
            "asymmetry": ratio,
            "double": pd.arrays.BooleanArray(ratio > DOUBLE, np.isnan(ratio)),
            "e_dot_j_share": sums[DISSIPATION, "sum"] / totals.get(DISSIPATION, np.nan),
            "j2_share": sums[CURRENT_DENSITY, "squares"] / totals.get(CURRENT_DENSITY, np.nan),
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
