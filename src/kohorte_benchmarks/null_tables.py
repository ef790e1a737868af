"""Tables with and without structure, and how often groups are claimed in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from kohorte._checks import choose
from kohorte._references import LEVEL
from kohorte.data.generated import generate
from kohorte_benchmarks.clusterers import default_ensemble, structure_p
from kohorte_benchmarks.clusterings import standardize, timed

N_POINTS = 500

COLUMNS = ("kind", "structured", "table", "groups", "p_structure", "claimed", "seconds")

#: Kind -> generated table and its options: without groups.
UNSTRUCTURED: dict[str, tuple[str, dict[str, float]]] = {
    "gaussian": ("gaussian", {}),
    "gaussian_6d": ("gaussian", {"n_features": 6}),
    "gaussian_correlated": ("gaussian_correlated", {"n_features": 4}),
    "uniform": ("uniform", {}),
    "uniform_6d": ("uniform", {"n_features": 6}),
    "uniform_disc": ("uniform_disc", {}),
    "sphere": ("sphere", {}),
    "exponential": ("exponential", {}),
    "student_t": ("student_t", {}),
    "line": ("line", {}),
    "gradient": ("gradient", {}),
    "ring": ("ring", {}),
    "banana": ("banana", {}),
    "gaussian_150_points": ("gaussian", {"n_points": 150}),
    "exponential_150_points": ("exponential", {"n_points": 150}),
    "gaussian_20d": ("gaussian", {"n_features": 20}),
    "uniform_5000_points": ("uniform", {"n_points": 5000}),
}

#: The same with groups.
STRUCTURED: dict[str, tuple[str, dict[str, float]]] = {
    **{f"two_gaussians_at_{d}": ("two_gaussians", {"distance": d}) for d in (2, 3, 4, 5)},
    "linked_rings": ("linked_rings", {}),
    "ball_in_shell": ("ball_in_shell", {}),
    "seven_balls": ("seven_balls", {}),
    "bullseye": ("bullseye", {}),
    "facing_slabs": ("facing_slabs", {}),
    "three_shapes": ("three_shapes", {}),
    "four_balls": ("four_balls", {}),
    "two_spirals": ("two_spirals", {}),
    "chains": ("chains", {}),
}


def check_kind(kind: str, tables: int, seed: int, null: bool) -> pd.DataFrame:
    """Fit the default ensemble to so many tables of a kind, and return a row for each, COLUMNS.

    Groups are claimed where the p-value is at most LEVEL; without `null` where the ensemble finds
    more than one group that holds points. ConfigError for an unknown kind.
    """
    name, options = choose(UNSTRUCTURED | STRUCTURED, kind, "kind of table")
    rows = []
    for table in range(tables):
        told: dict[str, Any] = {"n_points": N_POINTS, "seed": seed + table, **options}
        points = standardize(generate(name, **told).points)
        ensemble = default_ensemble(seed + table, null)
        _, seconds = timed(ensemble.fit, points)
        groups = len(np.unique(ensemble.labels_[ensemble.labels_ >= 0]))
        p = structure_p(ensemble)
        claimed = p <= LEVEL if p == p else groups > 1
        rows.append((kind, kind in STRUCTURED, table, groups, p, claimed, seconds))
    return pd.DataFrame(rows, columns=list(COLUMNS))
