"""The table of consensus groups against the number asked for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kohorte._checks import extra
from kohorte.ensemble.splits import Splits

with extra("figures"):
    import pandas as pd

COLUMNS = ("groups", "group", "parent", "points", "final", "p_value")


def split_table(splits: Splits, p_values: Mapping[int, float] | None = None) -> pd.DataFrame:
    """Return one row per group of k and group of k - 1, its `parent`, that share points.

    `final` is the group of the given grouping that most points of `group` are in, the lower one on
    a tie. The only group of k = 1 has no parent. `p_values` are those of the numbers of groups, as
    kohorte.structure.Structure has them by_number.
    """
    rows: list[tuple[int | None, ...]] = []
    for k, (points, final) in enumerate(zip(splits.points, splits.final, strict=True), start=1):
        nearest = final.argmax(axis=1)
        if k == 1:
            rows.append((1, 0, None, int(points[0]), int(nearest[0])))
            continue
        shared = splits.shared[k - 2].T
        rows += [(k, g, p, int(shared[g, p]), int(nearest[g])) for g, p in np.argwhere(shared)]
    # A number of no row is not a fraction.
    return pd.DataFrame(rows, columns=COLUMNS[:-1], dtype="Int64").assign(
        p_value=lambda table: table["groups"].map(p_values or {}).astype(float)
    )
