"""Boundaries between groups: likeness from counts, and gaps seen in the points."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from kohorte.analysis.boundaries import (
    boundary_table,
    find_neighbours,
    gap_p,
    group_lifts,
    spread_ties,
)
from kohorte.ensemble.overlaps import count_overlaps


def test_lifts_by_hand():
    """Lifts of two runs of four points, against pairs of points counted one by one."""
    runs = [np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])]
    overlaps = count_overlaps(runs)
    groups = np.array([0, 1, 0, 1])
    # Points of group 0 are 0, 1 by the first run and 0 by the second; they share one point of the
    # first run's group 0 with the second run's group 1, and none the other way round.
    shared = 1
    chance = 3 * 5 * (2 - 1) / 2 / 4  # sizes 3 and 5, of R (R - 1) instead of R^2 pairs of runs
    np.testing.assert_allclose(
        group_lifts(overlaps, groups), [[0, shared / chance]] * 1 + [[shared / chance, 0]]
    )


def test_neighbours():
    """Every group has its most alike neighbour, and each pair is named once."""
    lifts = np.array([[0, 0.5, 0.1, 0], [0.5, 0, 0.4, 0], [0.1, 0.4, 0, 0.2], [0, 0, 0.2, 0]])
    assert find_neighbours(lifts) == [(0, 1), (1, 2), (2, 3)]
    assert find_neighbours(np.zeros((1, 1))) == []


@pytest.mark.parametrize("n_features", [1, 2, 20])
def test_gap(n_features):
    """Two blobs have a gap; one blob that is cut in two has none."""
    rng = np.random.default_rng(0)
    blob = rng.normal(size=(400, n_features))
    blob = blob[rng.permutation(400)]
    far = blob + np.where(np.arange(400) % 3 == 0, 8.0, 0.0)[:, None]
    moved = far[:, 0] > 4
    assert gap_p(far[moved], far[~moved]) < 0.001
    cut = blob[:, 0] > 0.3
    assert gap_p(blob[cut], blob[~cut]) > 0.05
    assert np.isnan(gap_p(far[moved][:7], far[~moved]))


def test_level_of_gap():
    """Uniform points cut at random places: few of 60 tests find a gap at a level of 0.05."""
    rng = np.random.default_rng(1)
    below = 0
    for _ in range(60):
        points = rng.random((200, 3))
        cut = points @ rng.normal(size=3) > rng.normal(0.5, 0.2)
        below += gap_p(points[cut], points[~cut]) < 0.05
    assert below <= 6  # of a test that is not conservative, as this is, more had a chance of 3 %


def test_rounded_numbers_have_no_gap_between_their_values():
    """Whole numbers of one peak cut in two have no gap; whole numbers of two blobs have one."""
    below = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        counts = rng.poisson(3, (400, 2)).astype(np.float32)
        cut = counts[:, 0] > 2
        below += gap_p(counts[cut], counts[~cut]) < 0.05
    assert below <= 3
    blobs = [np.round(rng.normal(centre, 2, (100, 2))) for centre in (0, 14)]
    assert gap_p(*blobs) < 0.001


def test_ties_are_spread_over_half_of_the_way_to_the_next_value():
    values = np.array([0, 0, 0, 1, 1, 1 + 1e-9, 5, 5, 5, 6, 6, 6.0])[:, None]
    spread = spread_ties(values, np.random.default_rng(0))
    moved = np.abs(spread - values)
    assert (moved <= 0.5 + 1e-6).all()
    assert (moved > 0).all()
    assert np.unique(spread).size == 12
    assert_array_equal(spread, spread_ties(values, np.random.default_rng(0)))
    distinct = np.arange(12.0)[:, None]
    assert_array_equal(spread_ties(distinct, np.random.default_rng(0)), distinct)


def test_constant_and_missing():
    """Points that do not vary, or miss values, give a table and no error."""
    labels = np.repeat([0, 1], 20)
    overlaps = count_overlaps([labels, labels])
    features = np.zeros((40, 2), np.float32)
    features[:, 1] = np.random.default_rng(0).normal(size=40)
    features[20:, 1] += 20
    groups = np.array([0, 1, 0, 1])
    table = boundary_table(overlaps, groups, labels, features, seed=0)
    assert table[["group", "neighbour"]].to_numpy().tolist() == [[0, 1]]
    assert table["p_gap"][0] < 0.01
    features[3:15] = np.nan
    assert np.isfinite(boundary_table(overlaps, groups, labels, features, seed=0)["p_gap"][0])
    features[:18] = np.nan
    assert np.isnan(boundary_table(overlaps, groups, labels, features, seed=0)["p_gap"][0])
    assert np.isnan(boundary_table(overlaps, groups, labels, None, seed=0)["p_gap"][0])


def test_seed_alone():
    """Of many points a draw is taken, the same for the same seed."""
    rng = np.random.default_rng(2)
    features = rng.normal(size=(12_000, 2)).astype(np.float32)
    labels = (features[:, 0] > 0).astype(int)
    overlaps = count_overlaps([labels, labels])
    tables = [
        boundary_table(overlaps, np.array([0, 1, 0, 1]), labels, features, seed=seed)
        for seed in (0, 0, 1)
    ]
    assert tables[0].equals(tables[1])
    assert tables[0]["p_gap"][0] != tables[2]["p_gap"][0] or tables[0]["p_gap"][0] > 0.9
