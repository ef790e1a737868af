"""Is there any structure? The table at hand beside reference tables that have no groups.

Groups are found in any table, and found again by other maps (Ben-David & von Luxburg, COLT 2008).
So the same maps are trained on tables that have the covariance of the study's table, its range or
its deviations, but no groups, and what speaks for groups there is the measure of what speaks for
them here. As in M3C (John et al., Scientific Reports 10 (2020) 1816) and for the gap statistic
(Tibshirani, Walther & Hastie, JRSS B 63 (2001) 411), references are drawn along the principal
components of the table. Each table has as many rows, and the study's own is drawn from for this.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from kohorte._principal import feature_means
from kohorte.ensemble.coassociation import Joined, join_clusters
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.maps._threads import single_threaded
from kohorte.maps.realization import Recording, run_realization
from kohorte.maps.resolve import resolve_parameters

KINDS = ("gaussian", "uniform")
"""Reference tables: scores along each principal component from a normal distribution of the same
deviation, or uniform over the same range."""

MAX_MAPS = 40
"""Most maps that are trained on each table."""

_PRIMES = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Evidence:
    """What speaks for groups in one table.

    `score` is the highest of all numbers of groups, `by_number` that of each number;
    see kohorte.ensemble.coassociation.Candidates.
    """

    score: float
    by_number: dict[int, float]


def draw_sample(points: np.ndarray, rows: int, seed: int) -> np.ndarray:
    """Draw at most so many rows of a table (N, F) without replacement, in their order, seeded."""
    if len(points) <= rows:
        return np.asarray(points)
    rng = np.random.default_rng([seed, 0])
    chosen = np.sort(rng.choice(len(points), rows, replace=False, shuffle=False))
    return np.asarray(points[chosen])


def draw_reference(points: np.ndarray, kind: str, seed: Sequence[int]) -> np.ndarray:
    """Draw a table (n, F) float32 without groups in the place of one with some.

    `kind` is one of KINDS. Values are missing where they are in `points`.
    """
    rng = np.random.default_rng(seed)
    missing = np.isnan(points)
    mean = feature_means(points)
    centred = np.where(missing, 0.0, points - mean)
    with single_threaded():
        _, _, axes = np.linalg.svd(centred, full_matrices=False)
        scores = centred @ axes.T
        if kind == "gaussian":
            drawn = rng.standard_normal(scores.shape) * scores.std(axis=0)
        else:
            low, high = scores.min(axis=0), scores.max(axis=0)
            drawn = low + rng.random(scores.shape) * (high - low)
        table = (mean + drawn @ axes).astype(np.float32)
    table[missing] = np.nan
    return table


def choose_maps(members: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Choose at most MAX_MAPS maps of a study, evenly over its plan."""
    step = max(1, math.ceil(len(members) / MAX_MAPS))
    # A stride prime to the periods of a sweep: every value of every parameter is met.
    return [members[k] for k in range(0, len(members), step)]


def collect_evidence(
    points: np.ndarray, members: Sequence[Mapping[str, Any]], seed: int, *, threads: int = 1
) -> Evidence:
    """Train the maps of `members` on a table (n, F) and say what speaks for groups.

    `members` have `parameters` and `seed` each, to which `seed` is added.
    """
    joined = _join_maps(points, members, seed, threads)
    scores: dict[int, float] = {}
    for k, score in zip(joined.candidates.n_groups, joined.candidates.score, strict=True):
        scores[int(k)] = max(scores.get(int(k), -math.inf), float(score))
    return Evidence(max(scores.values(), default=0.0), scores)


def _join_maps(
    points: np.ndarray, members: Sequence[Mapping[str, Any]], seed: int, threads: int
) -> Joined:
    def train(member: Mapping[str, Any]) -> np.ndarray:
        parameters = resolve_parameters(member["parameters"], points)
        of_map = (int(member["seed"]) + seed * _PRIMES) % 2**52
        quick = Recording(history=0)
        return run_realization(points, parameters, of_map, recording=quick, quality_rows=2).labels

    with ThreadPoolExecutor(threads) as pool:
        labels = list(pool.map(train, members))
    return join_clusters(count_overlaps(labels, backend="numba", threads=threads))


def tail(value: float, references: Sequence[float]) -> float:
    """Return the probability of a value so large by the normal law of the references' logarithms.

    Of B references, which are one draw: Student's t of B - 1 degrees of freedom for one more value.
    """
    logs = np.log(np.maximum(references, 1e-3))
    if value <= 0:
        return 1.0
    spread = max(float(logs.std(ddof=1)), 0.05)
    b = len(logs)
    from scipy.stats import t

    z = (math.log(value) - float(logs.mean())) / (spread * math.sqrt(1 + 1 / b))
    return float(t.sf(z, b - 1))
