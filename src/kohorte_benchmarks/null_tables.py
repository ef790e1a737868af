"""Tables with and without structure, and how often groups are claimed in them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from kohorte._checks import choose
from kohorte.estimators import SOMEnsemble
from kohorte_benchmarks.clusterers import structure_p
from kohorte_benchmarks.clusterings import standardize, timed

LEVEL = 0.05
"""Groups are claimed where the p-value of structure is at most this."""

N_POINTS = 500

COLUMNS = ("kind", "structured", "table", "groups", "p_structure", "claimed", "seconds")

_Maker = Callable[[np.random.Generator, int], np.ndarray]


def _normal(n_features: int) -> _Maker:
    return lambda rng, n: rng.normal(size=(n, n_features))


def _correlated(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(size=(n, 6)) @ rng.normal(size=(6, 6))


def _real_covariance(rng: np.random.Generator, n: int) -> np.ndarray:
    from sklearn.datasets import load_wine

    covariance = np.corrcoef(load_wine().data, rowvar=False)
    return rng.multivariate_normal(np.zeros(len(covariance)), covariance, n)


def _ball(rng: np.random.Generator, n: int) -> np.ndarray:
    return _sphere(rng, n) * rng.uniform(size=(n, 1)) ** (1 / 3)


def _sphere(rng: np.random.Generator, n: int) -> np.ndarray:
    points = rng.normal(size=(n, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _outliers(rng: np.random.Generator, n: int) -> np.ndarray:
    points = rng.normal(size=(n, 3))
    points[: n // 100] *= 6
    return points


def _bent(rng: np.random.Generator, n: int) -> np.ndarray:
    x = rng.normal(size=n)
    return np.column_stack([x, x**2 / 2 + rng.normal(scale=0.5, size=n)])


#: Kind -> function(rng, n) that draws a table of n points around one centre.
UNSTRUCTURED: dict[str, _Maker] = {
    "normal_1d": _normal(1),
    "normal_2d": _normal(2),
    "normal_10d": _normal(10),
    "correlated": _correlated,
    "real_covariance": _real_covariance,
    "square": lambda rng, n: rng.uniform(size=(n, 2)),
    "cube_6d": lambda rng, n: rng.uniform(size=(n, 6)),
    "ball": _ball,
    "sphere": _sphere,
    "heavy_tails": lambda rng, n: rng.standard_t(3, size=(n, 2)),
    "skewed": lambda rng, n: rng.lognormal(sigma=0.7, size=(n, 3)),
    "outliers": _outliers,
    "bent": _bent,
    "rounded": lambda rng, n: rng.normal(size=(n, 3)).round(1),
}


def _clouds(n_clouds: int, n_features: int, distance: float, share: float | None = None) -> _Maker:
    """Draw normal clouds whose centres are so many standard deviations apart, on orthogonal axes.

    `share` is that of the second of two clouds.
    """

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        weights = None if share is None else [1 - share, share]
        cloud = rng.choice(n_clouds, n, p=weights)
        centres = np.eye(max(n_clouds, n_features))[:n_clouds, :n_features] * distance / np.sqrt(2)
        return rng.normal(size=(n, n_features)) + centres[cloud]

    return draw


def _rings(rng: np.random.Generator, n: int) -> np.ndarray:
    radius = rng.choice([1.0, 3.0], n)[:, None]
    angle = rng.uniform(0, 2 * np.pi, n)
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    return radius * ring + rng.normal(scale=0.15, size=(n, 2))


#: Kind -> function(rng, n) that draws a table of n points in groups.
STRUCTURED: dict[str, _Maker] = {
    "two_at_3": _clouds(2, 2, 3.0),
    "two_at_4": _clouds(2, 2, 4.0),
    "two_at_5": _clouds(2, 2, 5.0),
    "three_at_5_in_6d": _clouds(3, 6, 5.0),
    "small_at_6": _clouds(2, 2, 6.0, share=0.05),
    "rings": _rings,
}


def check_kind(kind: str, tables: int, seed: int, null: bool) -> pd.DataFrame:
    """Fit the default ensemble to so many tables of a kind, and return a row for each, COLUMNS.

    Groups are claimed where the p-value is at most LEVEL; without `null` where the ensemble finds
    more than one group that holds points. ConfigError for an unknown kind.
    """
    draw = choose(UNSTRUCTURED | STRUCTURED, kind, "kind of table")
    rows = []
    for table in range(tables):
        # The kind is drawn with, too: no two tables are the same numbers in another form.
        rng = np.random.default_rng([seed, table, *kind.encode()])
        points = standardize(draw(rng, N_POINTS))
        ensemble = SOMEnsemble(random_state=seed + table)
        _, seconds = timed(ensemble.fit, points)
        groups = len(np.unique(ensemble.labels_[ensemble.labels_ >= 0]))
        p = structure_p(ensemble, points, seed + table) if null else np.nan
        claimed = p <= LEVEL if p == p else groups > 1
        rows.append((kind, kind in STRUCTURED, table, groups, p, claimed, seconds))
    return pd.DataFrame(rows, columns=list(COLUMNS))
