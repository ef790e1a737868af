"""Is there any structure? The table beside reference tables that have no groups.

Groups are found in any table, and found again by other maps (Ben-David & von Luxburg, COLT 2008).
So maps of the same parameters, in `batch` for at most EPOCHS, are trained on tables that have the
extent of the study's table along its principal components, but no groups, and what speaks for
groups there is the measure of what speaks for them here, as in M3C (John et al., Scientific Reports
10 (2020) 1816) and for the gap statistic (Tibshirani, Walther & Hastie, JRSS B 63 (2001) 411). All
tables have as many rows: of a longer table the same number is drawn, so that this costs less than
the study itself.
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
from numpy.typing import ArrayLike

from kohorte._portable import exp, log
from kohorte._principal import feature_means
from kohorte._references import (
    CONTACT_NUMBERS,
    LEAST_MAPS,
    MAPPED_ROWS,
    OBSERVED,
    choose_maps,
)
from kohorte.ensemble.coassociation import FLOOR, number_groups
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.maps._threads import single_threaded
from kohorte.maps.draws import draw_rows, see
from kohorte.maps.parameters import DEFAULT_EPOCHS, PARAMETERS
from kohorte.maps.realization import Recording, run_realization
from kohorte.maps.resolve import resolve_parameters

KINDS = ("gaussian", "uniform")
"""Reference tables: scores along each principal component from a normal distribution of the same
deviation, or uniform over the same range."""

FACTORS, FILL_STEPS = 6, 25
"""Most factors, and the steps, by which what is missing is filled before references are drawn."""

ROWS_PER_VALUE = 10
"""Rows for each value of a feature that has few values, so that its references have these alone."""

LARGEST_STEP = 2.5
"""Step between two of such values, beside the deviation, up to which references have them."""

ROWS = 1000
"""Rows of each table where nothing else is said."""

EPOCHS = 15
"""Most epochs of batch maps: tables are compared with each other, all trained alike."""

MAX_GROUPS = 30
"""Most groups that a p-value is given for."""

DEVIATION = 0.18
"""Deviation of the logarithms of the highest scores of tables without groups: 0.13 to 0.30, mostly
0.15 to 0.22, for references of tables of 50 kinds, and for 5 to 40 maps of 150 to 1000 rows."""

FULL_ROWS = 150
"""Rows below which deviations grow, as one over the root of their number. Of scores, 0.57 for 20
rows, 0.41 for 30, 0.31 for 50 and 0.26 for 80 were measured; of contacts 0.40, 0.31, 0.27, 0.17."""

NUMBER_DEVIATION = (0.26, 0.017)
"""That of the scores for one number of groups: the first, and the second times the number."""

DEVIATION_WEIGHT = 20
"""Degrees of freedom that this counts for, beside those of the references themselves: their
deviations differ from table to table by little more than those of so small samples do."""

CONTACT_DEVIATION = 0.22
"""Deviation of the logarithms of mean contacts of tables without groups. It is 0.16 for references
with 20 maps and 0.2 with 40; what is more leaves room for spheres and faces of cubes."""

NUMBER_CONTACT_DEVIATION = 0.6
"""That of the contact for one number of groups: 0.65 to 0.72 for 2 to 15 groups and 40 maps, less
for 20 maps and for tables that are compared; at most 3.4 % of tables are claimed for a number."""

LEAST = 1e-3
"""What smaller scores count as, and smaller contacts of single groups."""

TABLE_SHARE = 0.4
"""Share of the variance of scores that is between tables, and not between draws of one table and
its maps: at most so much. Five draws of the same 500 rows differed as references do."""


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


@dataclass(frozen=True)
class Compared:
    """What speaks for one number of groups, or for any, in a study's own table and in references.

    `p` is the probability that a table without groups gives as much evidence. `score` and `contact`
    are those of the own table, the geometric means over its draws, `expected` the highest median
    score and `expected_contact` the lowest median contact of the kinds of references. The contact
    is the geometric mean over groups, and over CONTACT_NUMBERS where it is of any number; NaN where
    there are no groups of the number.
    """

    p: float
    score: float
    expected: float
    contact: float
    expected_contact: float


@dataclass(frozen=True, eq=False)
class Structure:
    """How the study's own table compares with its references.

    `any_number` is what speaks for groups at all, and `numbers` the same for each number of them.
    `groups` and `boundaries` by number of groups: p of the isolation of each group, and of its
    contact with its neighbour, among the groups of the references. Each test takes the highest p
    of the kinds. `rows` (n,) are the rows of the study's own table, and `labels` (n,) by number
    their groups.
    """

    any_number: Compared
    numbers: dict[int, Compared]
    n_references: int
    groups: dict[int, list[float]]
    boundaries: dict[int, list[float]]
    rows: np.ndarray
    labels: dict[int, np.ndarray]

    @property
    def p(self) -> float:
        """The probability that a table without groups gives as much evidence for any number."""
        return self.any_number.p

    @property
    def by_number(self) -> dict[int, float]:
        """The same probability for each number of groups."""
        return {k: compared.p for k, compared in self.numbers.items()}


def choose_rows(
    n_points: int, rows: int, seed: int, number: int = 0, weights: np.ndarray | None = None
) -> np.ndarray:
    """Draw at most so many rows of a table without replacement, in their order, seeded.

    With `weights` (N,) heavy rows are drawn rather than others, and no more than the effective
    number of rows, (sum of weights)^2 / sum of squared weights (Kish, Survey Sampling, 1965): a row
    that counts many times is no group of points.
    """
    rng = np.random.default_rng([seed, 0, number] if number else [seed, 0])
    if weights is None:
        drawn = draw_rows(n_points, rng, limit=rows)
        return np.arange(n_points) if drawn is None else drawn
    share = weights / weights.sum()
    effective = math.ceil(1.0 / (share * share).sum() * (1 - 1e-9))
    count = min(rows, max(effective, 2), np.count_nonzero(share))
    return np.sort(rng.choice(n_points, count, replace=False, p=share))


def leave_out_copies(points: np.ndarray) -> np.ndarray:
    """Return the places, ascending, of the different rows of points (n, F) if others are copies.

    Equal rows are copies where a single one of several features tells all different rows apart, as
    measurements do: else few values of the features meet by chance, and all rows are kept.
    """
    n, n_features = points.shape
    known = np.where(np.isnan(points), np.inf, points)  # NaN equals no other
    _, first = np.unique(known, axis=0, return_index=True)
    if first.size < n and n_features > 1:
        distinct = (np.unique(column).size for column in known.T)
        if any(size == first.size for size in distinct):
            return np.sort(first)
    return np.arange(n)


def fill_missing(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return points (n, F) with values drawn where they are missing, float64.

    From a normal distribution given what a row has, with at most FACTORS factors and a variance
    that all features share: probabilistic principal components, fitted to what is there by
    expectation and maximization (Tipping & Bishop, JRSS B 61 (1999) 611). So correlations stay as
    they are, which means in place of what is missing would weaken. No value is drawn beyond those
    that a feature has; one without any is 0.
    """
    present = ~np.isnan(points)
    n, n_features = points.shape
    n_factors = min(n_features - 1, FACTORS, n - 1)
    mean = feature_means(points)
    if present.all() or n_factors < 1:
        return np.where(present, points, mean)
    held = present.astype(np.float64)
    per_feature, unit = held.sum(axis=0), np.eye(n_factors)
    centred = np.where(present, points - mean, 0.0)
    variance = float((centred * centred).sum() / held.sum()) or 1.0
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    loads = (axes[:n_factors] * (sizes[:n_factors, None] / math.sqrt(n))).T  # (F, factors)
    for _ in range(FILL_STEPS):
        products = (loads[:, :, None] * loads[:, None, :]).reshape(n_features, -1)
        inverse = np.linalg.inv(
            (held @ products).reshape(n, n_factors, n_factors) + variance * unit
        )
        factors = (inverse @ ((held * centred) @ loads)[:, :, None])[:, :, 0]
        spread = variance * inverse
        moments = (factors[:, :, None] * factors[:, None, :] + spread).reshape(n, -1)
        grams = (held.T @ moments).reshape(n_features, n_factors, n_factors)
        loads = np.linalg.solve(grams + variance * unit, (centred.T @ factors)[:, :, None])[:, :, 0]
        left = held * (centred - factors @ loads.T)
        shift = left.sum(axis=0) / np.maximum(per_feature, 1.0)
        mean, centred = mean + shift, centred - held * shift
        left -= held * shift
        products = (loads[:, :, None] * loads[:, None, :]).reshape(n_features, -1)
        of_factors = (held * (spread.reshape(n, -1) @ products.T)).sum()
        variance = max(float(((left * left).sum() + of_factors) / held.sum()), 1e-12)
    steps = np.linalg.cholesky(spread) @ rng.standard_normal((n, n_factors, 1))
    drawn = mean + (factors + steps[:, :, 0]) @ loads.T
    drawn += math.sqrt(variance) * rng.standard_normal(points.shape)
    low, high = np.fmin.reduce(points, axis=0), np.fmax.reduce(points, axis=0)
    drawn = np.where(per_feature > 0, np.clip(drawn, low, high), mean)
    return np.where(present, points, drawn)


def draw_reference(points: np.ndarray, kind: str, seed: Sequence[int]) -> np.ndarray:
    """Draw a table (n, F) float32 without groups in the place of one with some.

    `kind` is one of KINDS. Values are missing where they are in `points`. Features of few values
    have the nearest of these: rows that are equal by chance are groups, of any table.
    """
    rng = np.random.default_rng(seed)
    missing = np.isnan(points)
    with single_threaded():
        filled = fill_missing(points, rng) if missing.any() else points
        mean = feature_means(filled)
        centred = filled - mean
        _, _, axes = np.linalg.svd(centred, full_matrices=False)
        scores = centred @ axes.T
        if kind == "gaussian":
            drawn = rng.standard_normal(scores.shape) * scores.std(axis=0)
        else:
            low, high = scores.min(axis=0), scores.max(axis=0)
            drawn = low + rng.random(scores.shape) * (high - low)
        table = (mean + drawn @ axes).astype(np.float32)
    for column, own in zip(table.T, points.T, strict=True):
        known = own[~np.isnan(own)]
        levels = np.unique(known)
        steps = np.diff(levels)
        are_few = 1 < levels.size <= known.size / ROWS_PER_VALUE
        # Of a rare value far off, the nearest would make a group, and a gap.
        if are_few and steps.max() <= LARGEST_STEP * known.std():
            column[:] = levels[np.searchsorted(levels[:-1] + steps / 2, column)]
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
    weights: np.ndarray | None = None,
) -> Evidence:
    """Train maps on a table and say what speaks for groups in it.

    `features` (N, F) are the study's own; `kind` and `number` as kohorte._references.list_tables
    has them; `members` have `parameters` and `seed` each, and `factors` where they do not see all
    features as they are (`kohorte.maps.draws.see`); at most so many `rows` are drawn with `seed`,
    as `choose_rows` says, each row once.
    """
    own_draw = number if kind == OBSERVED else 0
    drawn = choose_rows(len(features), rows, seed, own_draw, weights)
    points = np.ascontiguousarray(np.asarray(features)[drawn])
    single = leave_out_copies(points)
    drawn, points = drawn[single], points[single]
    stream = 0
    if kind != OBSERVED:
        stream = 1 + number * len(KINDS) + KINDS.index(kind)
        points = draw_reference(points, kind, [seed, stream])
    members = choose_maps(members, max(LEAST_MAPS, MAPPED_ROWS // len(points)))

    def train(member: Mapping[str, Any]) -> np.ndarray:
        chosen = dict(member["parameters"])
        if chosen["initial"] == "given":  # weights that were trained on another table
            chosen["initial"] = "sample"
        if chosen["trainer"] == "batch":
            chosen["epochs"] = min(chosen["epochs"] or DEFAULT_EPOCHS, EPOCHS)
        own = {name: chosen[name] for name in PARAMETERS}
        factors = member.get("factors")
        parameters = resolve_parameters(own, see(points, factors))
        entropy = [seed, stream, int(member["seed"])]
        of_map = np.random.SeedSequence([*entropy, own_draw] if own_draw else entropy)
        of_table = int(of_map.generate_state(1, np.uint64)[0] >> 12)
        quick: Any = {"recording": Recording(history=0), "quality_rows": 0, "factors": factors}
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
    if kind == OBSERVED and number == 0:
        from kohorte.ensemble.points import vote

        evidence.rows.extend(drawn.tolist())
        for k, groups in found.items():
            voted, _ = vote(labels, overlaps, groups.groups.astype(np.int32), threads=threads)
            evidence.labels[k] = voted.tolist()
    return evidence


def read_structure(paths: Sequence[str | Path]) -> Structure | None:
    """Assess what the jobs of a study wrote, JSON lists of what Evidence.to_json gives.

    None where there are no files, since no references were made.
    """
    parts = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]
    tables = [Evidence.from_json(table) for part in parts for table in part]
    return assess_structure(tables) if tables else None


def assess_structure(tables: Sequence[Evidence]) -> Structure:
    """Compare the study's own table with its references, of which there are two of each kind.

    Scores and contacts of the own table are means over its draws. All else is of the first draw.
    """
    draws = [table for table in tables if table.kind == OBSERVED]
    own = min(draws, key=lambda table: table.number)
    kinds: dict[str, list[Evidence]] = {}
    for table in tables:
        if table.kind != OBSERVED:
            kinds.setdefault(table.kind, []).append(table)

    by_kind = list(kinds.values())

    def worst(name: str, k: int, *, contact: bool = False) -> list[float]:
        values = getattr(own, name)[k]
        by_reference = [tail(values, _pool(group, name, k), contact=contact) for group in by_kind]
        return np.max(by_reference, axis=0).tolist()

    groups = {k: worst("isolation", k) for k in sorted(own.score)}
    boundaries = {k: worst("contact", k, contact=True) for k in sorted(own.score)}
    return Structure(
        any_number=_compare(draws, by_kind, len(own.rows)),
        numbers={k: _compare(draws, by_kind, len(own.rows), k) for k in sorted(own.score)},
        n_references=len(tables) - len(draws),
        groups=groups,
        boundaries=boundaries,
        rows=np.array(own.rows, dtype=np.int64),
        labels={k: np.array(labels, dtype=np.int64) for k, labels in own.labels.items()},
    )


def _compare(
    draws: Sequence[Evidence],
    kinds: Sequence[Sequence[Evidence]],
    n_rows: int,
    k: int | None = None,
) -> Compared:
    """Compare what speaks for k groups, or for any number, with the references of each kind.

    Scores or contacts alone may tell a table from them, so the smaller p counts twice (Bonferroni).
    """
    deviation, contact_deviation = DEVIATION, CONTACT_DEVIATION
    if k is not None:
        first, slope = NUMBER_DEVIATION
        deviation, contact_deviation = first + slope * k, NUMBER_CONTACT_DEVIATION
    few = math.sqrt(max(1.0, FULL_ROWS / max(1, n_rows)))
    deviation, contact_deviation = deviation * few, contact_deviation * few
    scores, contacts = _scores(draws, k), _contacts(draws, k)
    their_scores = [_scores(tables, k) for tables in kinds]
    their_contacts = [_contacts(tables, k) for tables in kinds]
    p = max(score_tail(scores, theirs, deviation) for theirs in their_scores)
    p_contact = max(contact_tail(contacts, theirs, contact_deviation) for theirs in their_contacts)
    usual = (float(np.median(theirs)) for theirs in their_contacts if theirs)
    return Compared(
        p=min(1.0, 2 * min(p, p_contact)),
        score=_geometric_mean(scores, LEAST),
        expected=max(float(np.median(theirs)) for theirs in their_scores),
        contact=_geometric_mean(contacts, FLOOR) if contacts else math.nan,
        expected_contact=min(usual, default=math.nan),
    )


def _scores(tables: Sequence[Evidence], k: int | None) -> list[float]:
    """Return the score of each table for k groups, or the highest of all numbers."""
    if k is None:
        return [max([0.0, *table.score.values()]) for table in tables]
    return [table.score.get(k, 0.0) for table in tables]


def _contacts(tables: Sequence[Evidence], k: int | None) -> list[float]:
    """Return the geometric mean of the contacts of k groups, of the tables that have so many.

    Without k, that over CONTACT_NUMBERS: where a table has no groups of a number, it is
    interpolated, or that of its lowest or highest number; tables with none of these are left out.
    """
    if k is not None:
        return [_geometric_mean(t.contact[k], FLOOR) for t in tables if t.contact.get(k)]
    found = []
    for table in tables:
        known = sorted(table.contact)
        if known and known[0] <= CONTACT_NUMBERS[-1]:
            logs = [_logarithms(table.contact[number], FLOOR).mean() for number in known]
            found.append(float(exp(np.interp(CONTACT_NUMBERS, known, logs).mean())))
    return found


def _geometric_mean(values: Sequence[float], least: float) -> float:
    return float(exp(_logarithms(values, least).mean()))


def _pool(tables: Sequence[Evidence], name: str, k: int) -> list[float]:
    """Return the values of all groups of tables in k groups, or in as many as they have."""
    by_table = [getattr(table, name) for table in tables]
    return [v for values in by_table for v in values.get(k, values[max(values)] if values else [])]


def score_tail(scores: Sequence[float], references: Sequence[float], deviation: float) -> float:
    """Return the probability of so large scores of the draws of a table without groups.

    As `moderated_tail` of their logarithms; where a reference has no groups at all, and so is
    further off than scores vary, the variance is at least that of the references.
    """
    known = _logarithms(references, LEAST)
    observed = min(references, default=0.0) <= LEAST
    return moderated_tail(_logarithms(scores, LEAST), known, deviation, at_least_observed=observed)


def contact_tail(contacts: Sequence[float], references: Sequence[float], deviation: float) -> float:
    """Return the probability of so low contacts of the draws of a table without groups.

    As `moderated_tail` of their logarithms; where a reference touches as little as counts, the
    variance is at least that of the references.
    """
    own, known = -_logarithms(contacts, FLOOR), -_logarithms(references, FLOOR)
    observed = min(references, default=1.0) <= FLOOR
    return moderated_tail(own, known, deviation, at_least_observed=observed)


def moderated_tail(
    own: np.ndarray, known: np.ndarray, deviation: float, *, at_least_observed: bool = False
) -> float:
    """Return the probability of so high a mean of `own` (m,), of draws of a table without groups.

    Values are taken for normal. Those of B references, `known`, vary much as those of any other
    tables, so their variance is moderated (Smyth, Statistical Applications in Genetics and
    Molecular Biology 3 (2004) 3): it counts for B - 1 degrees of freedom, and `deviation` squared
    for DEVIATION_WEIGHT. Of the mean of m draws of one table, TABLE_SHARE of that variance remains,
    and the rest is divided by m. 1 for no draw, or fewer than two references.
    """
    from scipy.special import stdtr

    draws, count = own.size, known.size
    if draws == 0 or count < 2:
        return 1.0
    degrees = DEVIATION_WEIGHT + count - 1
    observed = float(known.var(ddof=1))
    variance = (DEVIATION_WEIGHT * deviation**2 + (count - 1) * observed) / degrees
    if at_least_observed:
        variance = max(variance, observed)
    varies = TABLE_SHARE + (1 - TABLE_SHARE) / draws + 1 / count
    t = float(own.mean() - known.mean()) / math.sqrt(variance * varies)
    return float(stdtr(degrees, -t))


def _logarithms(values: ArrayLike, least: float) -> np.ndarray:
    return log(np.maximum(np.asarray(values, dtype=np.float64), least))


def tail(values: ArrayLike, references: Sequence[float], *, contact: bool = False) -> Any:
    """Return the probability of each isolation so high, or `contact` so low, among references.

    The B of these, of contacts the logarithms, are taken for normal, with a deviation of at least
    .05; one more value then follows Student's t of B - 1 degrees of freedom. 1 for fewer than two
    references.
    """
    from scipy.special import stdtr

    count, own = len(references), np.asarray(values, dtype=np.float64)
    if count < 2:
        return np.ones(own.shape)
    known = np.asarray(references)
    if contact:
        known, own = _logarithms(known, LEAST), _logarithms(own, LEAST)
    t = (own - float(known.mean())) / max(float(known.std(ddof=1)), 0.05)
    t /= math.sqrt(1 + 1 / count)
    return stdtr(count - 1, t if contact else -t)


def match_groups(structure: Structure, labels: np.ndarray, n_groups: int) -> dict[str, np.ndarray]:
    """Return p of isolation and contact of the groups of a study, (n_groups,) float64.

    `labels` (n,) are the groups of the points in `structure.rows`. A group has the p of the one
    that shares most points with it, of those that the table's draw is cut into by the same number;
    NaN where there is none.
    """
    missing = np.full(n_groups, np.nan)
    if n_groups not in structure.labels:
        return {"p_isolation": missing, "p_contact": missing.copy()}
    theirs = structure.labels[n_groups]
    held = (labels >= 0) & (theirs >= 0)
    shared = np.zeros((n_groups, n_groups))
    np.add.at(shared, (labels[held], theirs[held]), 1)
    match = shared.argmax(axis=1)
    found = {}
    for name, values in (("p_isolation", structure.groups), ("p_contact", structure.boundaries)):
        p = np.array(values[n_groups])[match]
        found[name] = np.where(shared.max(axis=1) > 0, p, np.nan)
    return found
