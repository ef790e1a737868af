"""Boundaries between neighbouring groups: how alike the two are, and whether there is a gap.

Whether there is a gap is seen in the points: along the line on which two groups part best, the
points of both have one peak where a group was only cut in two, and two peaks where there is a gap.
Hartigan's dip test says how often points with one peak look as if they had two. The line is found
with one half of the points and the test made with the other, for a line that is chosen to part
points parts any. Groups that are parted by no plane, as a ball in a shell, have no gap on a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from kohorte._checks import extra
from kohorte._limits import BLOCK_ROWS
from kohorte.ensemble.coassociation import sum_rows
from kohorte.ensemble.overlaps import Overlaps
from kohorte.maps._threads import single_threaded

#: Points of a group that are looked at, drawn where it has more.
MAX_POINTS = 2000

#: Fewest points of a group that are enough for a line and a test.
MIN_POINTS = 8

#: Share of the mean variance that is added to every feature's, so that few points fix a line.
RIDGE = 1e-3

#: Share of a feature's range within which two numbers are taken for one.
SAME = 1e-6

_COLUMNS = ["group", "neighbour", "points", "neighbour_points", "lift", "p_gap"]


def group_lifts(overlaps: Overlaps, groups: np.ndarray) -> np.ndarray:
    """Return how much oftener than by chance points of two groups share clusters, (k, k) float64.

    `groups` (K,) are those of all clusters. The diagonal, and pairs with an empty group, are 0.
    """
    k = int(groups.max()) + 1
    onto = sum_rows(overlaps, np.arange(overlaps.n_clusters), groups, k)
    shared = np.stack([onto[:, groups == h].sum(axis=1) for h in range(k)], axis=1)
    size = np.bincount(groups, overlaps.sizes, minlength=k)
    runs = overlaps.n_realizations
    expected = np.outer(size, size) * ((runs - 1) / max(1, runs)) / overlaps.n_points
    np.fill_diagonal(expected, 0.0)
    return np.divide(shared, expected, out=np.zeros((k, k)), where=expected > 0)


def find_neighbours(lifts: np.ndarray) -> list[tuple[int, int]]:
    """Return the pairs of groups of which one is the most alike of the other, ascending."""
    if len(lifts) < 2:
        return []
    others = lifts.copy()
    np.fill_diagonal(others, -1.0)
    nearest = others.argmax(axis=1)
    return sorted({(min(g, h), max(g, h)) for g, h in enumerate(nearest.tolist())})


def spread_ties(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return points (n, F) float64 whose features with few values are spread over steps between.

    Where values of a feature come twice or oftener on the mean, as those of whole or rounded
    numbers do, each is moved by up to half of the way to the nearer of its neighbours: heaps of
    equal numbers are not peaks. Numbers that are nearer than SAME of the range are one.
    """
    spread = points.astype(np.float64)
    for column in spread.T:
        values = np.unique(column)
        if not np.ptp(values) > 0:
            continue
        starts = np.append(True, np.diff(values) > SAME * np.ptp(values))
        levels = values[starts]
        if 2 * levels.size > column.size:
            continue
        gaps = np.diff(levels)
        steps = np.minimum(np.append(gaps, gaps[-1]), np.append(gaps[0], gaps))
        level = np.searchsorted(levels, column, side="right") - 1
        column += (rng.random(column.size) - 0.5) * steps[level]
    return spread


def gap_p(first: np.ndarray, second: np.ndarray, seed: int = 0) -> float:
    """Return the p-value of a gap between the points (n, F) and (m, F) of two groups.

    The null is one peak: small values speak for a gap. Rows in random order, without missing
    values; equal numbers are spread with `seed`, see `spread_ties`. NaN for fewer than MIN_POINTS
    of either. Source: Hartigan & Hartigan, Ann. Statist. 13 (1985) 70, along Fisher's discriminant
    of every second point.
    """
    if min(len(first), len(second)) < MIN_POINTS:
        return float("nan")
    with extra("workflow"):
        from diptest import diptest

    both = spread_ties(np.concatenate([first, second]), np.random.default_rng(seed))
    first, second = both[: len(first)], both[len(first) :]
    halves = [first[::2], second[::2]]
    with single_threaded():
        centred = np.concatenate([half - half.mean(axis=0) for half in halves])
        scatter = centred.T @ centred / (len(centred) - 2)
        scale = float(np.trace(scatter)) / len(scatter)
        scatter += np.eye(len(scatter)) * (RIDGE * scale if scale > 0 else 1.0)
        line = np.linalg.solve(scatter, halves[1].mean(axis=0) - halves[0].mean(axis=0))
        left = np.concatenate([first[1::2], second[1::2]]) @ line
    return float(diptest(left)[1])


def boundary_table(
    overlaps: Overlaps,
    groups: np.ndarray,
    labels: Any,
    features: Any,
    *,
    seed: int,
) -> pd.DataFrame:
    """Return one row per pair of neighbouring groups: how alike they are, and p of a gap.

    `groups` (K,) are those of all clusters, `labels` (N,) of all points, -1 for none: an array or a
    dataset, as `features` (N, F), the table that maps see; None where there is none: then no p.
    Points with missing values are left out, and at most MAX_POINTS of a group drawn with `seed`.
    """
    lifts = group_lifts(overlaps, groups)
    pairs = find_neighbours(lifts)
    size = np.zeros(len(lifts), dtype=np.int64)
    for _, block in _blocks(labels):
        size += np.bincount(block[block >= 0], minlength=len(lifts))
    drawn: dict[int, np.ndarray] = {}
    if features is not None:
        for group, rows in _draw_rows(labels, size, {g for pair in pairs for g in pair}, seed):
            taken = np.sort(rows)  # files are read in the order of rows
            points = _read_rows(features, taken)[np.argsort(np.argsort(rows))]
            drawn[group] = points[~np.isnan(points).any(axis=1)]
    found = [
        (
            *(g, h, size[g], size[h], lifts[g, h]),
            float("nan") if features is None else gap_p(drawn[g], drawn[h], seed),
        )
        for g, h in pairs
    ]
    return pd.DataFrame(found, columns=_COLUMNS)


def _read_rows(features: Any, rows: np.ndarray) -> np.ndarray:
    if isinstance(features, np.ndarray):
        return features[rows]
    # Less than h5py makes of a list of rows, and less memory than pages of a mapped file.
    return np.array([features[row] for row in rows.tolist()]).reshape(-1, features.shape[1])


def _blocks(labels: Any) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(labels), BLOCK_ROWS):
        yield start, np.asarray(labels[start : start + BLOCK_ROWS])


def _draw_rows(
    labels: Any, size: np.ndarray, groups: Iterable[int], seed: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Draw points of some groups, given the size of all: each with its rows, in random order."""
    orders, rows = {}, {}
    for group in sorted(groups):
        rng, n = np.random.default_rng([seed, group]), int(size[group])
        # A permutation of very many takes the memory that they take.
        if n <= max(BLOCK_ROWS, MAX_POINTS):
            order = rng.permutation(n)[:MAX_POINTS]
        else:
            order = rng.choice(n, MAX_POINTS, replace=False)
        orders[group], rows[group] = order, np.empty(len(order), dtype=np.int64)
    before = np.zeros(len(size), dtype=np.int64)
    for start, block in _blocks(labels):
        for group, order in orders.items():
            here = np.flatnonzero(block == group)
            held = (order >= before[group]) & (order < before[group] + len(here))
            rows[group][held] = start + here[order[held] - before[group]]
            before[group] += len(here)
    yield from rows.items()
