"""The table of how many realizations are enough, which takes the longest of all tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kohorte._checks import extra
from kohorte.ensemble.overlaps import Overlaps
from kohorte.ensemble.sufficiency import LEAST, measure_sufficiency

with extra("figures"):
    import pandas as pd

COLUMNS = ("realizations", "mean", "low", "high", "enough", "extrapolated")


def sufficiency_table(
    labels: Sequence[Any],
    overlaps: Overlaps,
    *,
    seed: int,
    subsets: int = 50,
    groups: int | str = "auto",
    consensus: str = "coassociation",
    enough: float = 0.95,
) -> pd.DataFrame:
    """Return one row per size of two disjoint subsets; `enough` marks the one that suffices.

    A last row, `extrapolated`, has the mean agreement to be expected of all R realizations with as
    many new ones. `labels`, `overlaps`: R label arrays or datasets and their counts; fewer than
    four have no halves to compare, and the table no rows. `seed`: seed of the subsets. `subsets`:
    pairs of subsets of each size. `groups`, `consensus`: as for `combine`. `enough`:
    agreement of the two that suffices.
    """
    if len(labels) < LEAST:
        return pd.DataFrame(columns=COLUMNS)
    found = measure_sufficiency(
        labels,
        overlaps,
        np.random.default_rng(seed),
        draws=subsets,
        groups=groups,
        consensus=consensus,
        target=enough,
    )
    reached = [found.enough is not None and size == found.enough for size in found.sizes]
    rows = [
        *zip(found.sizes, found.mean, found.low, found.high, reached, strict=True),
        (overlaps.n_realizations, found.expected, np.nan, np.nan, False),
    ]
    table = pd.DataFrame(rows, columns=COLUMNS[:-1])
    return table.assign(extrapolated=[*[False] * len(found.sizes), True])
