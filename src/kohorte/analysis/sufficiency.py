"""The table of how many realizations are enough, which takes the longest of all tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kohorte._checks import extra
from kohorte.ensemble.consensus import split_choice
from kohorte.ensemble.overlaps import Overlaps
from kohorte.ensemble.sufficiency import measure_sufficiency

with extra("figures"):
    import pandas as pd

COLUMNS = ("realizations", "mean", "low", "high", "enough")


def sufficiency_table(
    labels: Sequence[Any],
    overlaps: Overlaps,
    *,
    seed: int,
    subsets: int = 50,
    groups: int | str = "auto",
    enough: float = 0.95,
) -> pd.DataFrame:
    """Return one row a size of subsets of the realizations; `enough` marks the one that suffices.

    `labels`, `overlaps`: R label arrays or datasets and their counts; a single one has no subsets,
    and the table no rows. `seed`: seed of the subsets. `subsets`: subsets of each size. `groups`:
    number of consensus groups, `auto`, or the name of a rule, as for `combine`. `enough`: agreement
    with the consensus of all that suffices.
    """
    if len(labels) < 2:
        return pd.DataFrame(columns=COLUMNS)
    n_groups, rule = split_choice(groups)
    found = measure_sufficiency(
        labels,
        overlaps,
        np.random.default_rng(seed),
        draws=subsets,
        n_groups=n_groups,
        rule=rule,
        target=enough,
    )
    reached = [found.enough is not None and size == found.enough for size in found.sizes]
    columns = [found.sizes, found.mean, found.low, found.high, reached]
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
