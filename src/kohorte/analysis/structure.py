"""Is there any structure? The table at hand beside reference tables that have no groups.

Groups are found in any table, and found again by other maps (Ben-David & von Luxburg, COLT 2008).
So the same maps are trained on tables that have the extent of the study's table along its principal
components, but no groups, and what speaks for groups there is the measure of what speaks for them
here, as in M3C (John et al., Scientific Reports 10 (2020) 1816) and for the gap statistic
(Tibshirani, Walther & Hastie, JRSS B 63 (2001) 411). All tables have as many rows: of a longer
table the same number is drawn, so that this costs less than the study itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kohorte._principal import feature_means
from kohorte._references import OBSERVED
from kohorte.ensemble.coassociation import number_groups
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.maps._threads import single_threaded
from kohorte.maps.realization import Recording, run_realization
from kohorte.maps.resolve import resolve_parameters

KINDS = ("gaussian", "uniform")
"""Reference tables: scores along each principal component from a normal distribution of the same
deviation, or uniform over the same range."""

MAX_GROUPS = 30
"""Most groups that a p-value is given for."""


@dataclass(frozen=True)
class Evidence:
    """What speaks for groups in one table.

    `kind` is one of KINDS, or ``observed`` for the study's own table; `number` tells tables of a
    kind apart. By number of groups: the `score` (kohorte.ensemble.consensus.Candidates), and the
    isolation and contact of each group (kohorte.ensemble.coassociation.Level.isolation). `rows`
    and `labels` are, of the study's own table, those that were drawn and their groups by number.
    """

    kind: str
    number: int
    score: dict[int, float]
    isolation: dict[int, list[float]]
    contact: dict[int, list[float]]
    rows: list[int] = field(default_factory=list)
    labels: dict[int, list[int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Evidence:
        """Read what to_json gave, whose numbers of groups JSON has as text."""
        by_number: dict[str, Any] = {
            name: {int(k): value for k, value in entry.items()}
            if isinstance(entry, dict)
            else entry
            for name, entry in data.items()
        }
        return cls(**by_number)


@dataclass(frozen=True, eq=False)
class Structure:
    """How the study's own table compares with its references.

    `p` is the probability that a table without groups gives as much evidence for some number of
    groups; `by_number` the same for each number; `score` that evidence, and `expected` its median
    in the references, the higher of the kinds. `groups` and `boundaries` by number of groups: p of
    the isolation of each group, beside the most isolated one of each reference, and of its contact,
    beside the least of each reference. All are the highest of the kinds, each by `tail`.
    """

    p: float
    score: float
    expected: float
    n_references: int
    by_number: dict[int, float]
    groups: dict[int, list[float]]
    boundaries: dict[int, list[float]]
    rows: np.ndarray
    labels: dict[int, np.ndarray]


def choose_rows(n_points: int, rows: int, seed: int) -> np.ndarray:
    """Draw at most so many rows of a table without replacement, in their order, seeded."""
    if n_points <= rows:
        return np.arange(n_points)
    rng = np.random.default_rng([seed, 0])
    return np.sort(rng.choice(n_points, rows, replace=False, shuffle=False))


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


def collect_evidence(
    features: np.ndarray,
    kind: str,
    number: int,
    members: Sequence[Mapping[str, Any]],
    *,
    rows: int,
    seed: int,
    threads: int = 1,
) -> Evidence:
    """Train maps on a table and say what speaks for groups in it.

    `features` (N, F) are the study's own; `kind` and `number` as kohorte._references.list_tables
    has them; `members` have `parameters` and `seed` each; at most so many `rows` are drawn with
    `seed`.
    """
    chosen = choose_rows(len(features), rows, seed)
    points = np.ascontiguousarray(np.asarray(features)[chosen])
    stream = 0
    if kind != OBSERVED:
        stream = 1 + number * len(KINDS) + KINDS.index(kind)
        points = draw_reference(points, kind, [seed, stream])

    def train(member: Mapping[str, Any]) -> np.ndarray:
        parameters = resolve_parameters(member["parameters"], points)
        of_map = np.random.SeedSequence([seed, stream, int(member["seed"])])
        of_table = int(of_map.generate_state(1, np.uint64)[0] >> 12)
        quick: Any = {"recording": Recording(history=0), "quality_rows": 2}
        return run_realization(points, parameters, of_table, **quick).labels

    with ThreadPoolExecutor(threads) as pool:
        labels = list(pool.map(train, members))
    overlaps = count_overlaps(labels, backend="numba", threads=threads)
    found = number_groups(overlaps, MAX_GROUPS)
    evidence = Evidence(
        kind,
        number,
        {k: groups.score for k, groups in found.items()},
        {k: groups.isolation.tolist() for k, groups in found.items()},
        {k: groups.contact.tolist() for k, groups in found.items()},
    )
    if kind == OBSERVED:
        from kohorte.ensemble.points import vote

        evidence.rows.extend(chosen.tolist())
        for k, groups in found.items():
            voted, _ = vote(labels, overlaps, groups.groups.astype(np.int32), threads=threads)
            evidence.labels[k] = voted.tolist()
    return evidence


def read_evidence(paths: Sequence[str | Path]) -> list[Evidence]:
    """Read what the jobs of a study wrote, JSON lists of what Evidence.to_json gives."""
    tables = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]
    return [Evidence.from_json(table) for part in tables for table in part]


def assess_structure(tables: Sequence[Evidence]) -> Structure:
    """Compare the study's own table with its references, of which there are two of each kind."""
    own = next(table for table in tables if table.kind == OBSERVED)
    kinds: dict[str, list[Evidence]] = {}
    for table in tables:
        if table.kind != OBSERVED:
            kinds.setdefault(table.kind, []).append(table)

    def best(table: Evidence) -> float:
        return max([0.0, *table.score.values()])

    def worst(value: float, measure: Any, largest: bool = True) -> float:
        return max(tail(value, [measure(t) for t in group], largest) for group in kinds.values())

    by_number, groups, boundaries = {}, {}, {}
    for k, score in sorted(own.score.items()):
        by_number[k] = worst(score, lambda t, k=k: t.score.get(k, 0.0))
        groups[k] = [
            worst(value, lambda t, k=k: max(t.isolation.get(k, [0.0])))
            for value in own.isolation[k]
        ]
        boundaries[k] = [
            worst(value, lambda t, k=k: min(t.contact.get(k, [1.0])), largest=False)
            for value in own.contact[k]
        ]
    return Structure(
        p=worst(best(own), best),
        score=best(own),
        expected=max(float(np.median([best(t) for t in group])) for group in kinds.values()),
        n_references=len(tables) - 1,
        by_number=by_number,
        groups=groups,
        boundaries=boundaries,
        rows=np.array(own.rows, dtype=np.int64),
        labels={k: np.array(labels, dtype=np.int64) for k, labels in own.labels.items()},
    )


def tail(value: float, references: Sequence[float], largest: bool = True) -> float:
    """Return the probability of a value so large, or so small, in one more reference.

    The logarithms of the B references are taken for normal, with a deviation of at least 5 %; one
    more value then follows Student's t of B - 1 degrees of freedom.
    """
    from scipy.stats import t

    floor = 1e-3
    logs = np.log(np.maximum(references, floor))
    count = len(logs)
    spread = max(float(logs.std(ddof=1)), 0.05) * math.sqrt(1 + 1 / count)
    z = (math.log(max(value, floor)) - float(logs.mean())) / spread
    return float(t.sf(z if largest else -z, count - 1))
