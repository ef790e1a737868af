"""S, Q, G and Gsum against masks and hand-worked numbers; ranking, separation, signals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_ensemble import count, goodness_of_masks, gsum_by_masks, masks_of, minima_by_scan

from kohorte.ensemble import significance
from kohorte.ensemble.overlaps import Overlaps, add_overlaps
from kohorte.ensemble.points import gather_signal
from kohorte.ensemble.significance import (
    IDENTICAL,
    disagreement,
    goodness,
    gsum,
    overlap,
    rank_clusters,
    sce_groups,
    separate,
)
from kohorte.errors import ConfigError, DataError

ensembles = st.integers(0, 2**32).map(lambda seed: make_ensemble(np.random.default_rng(seed)))


def make_ensemble(rng):
    n = int(rng.integers(1, 60))
    labels = [rng.choice(rng.choice(40, 4, replace=False), n) for _ in range(rng.integers(1, 5))]
    if rng.random() < 0.5:
        labels.append(labels[0].copy())
    return labels


def test_hand_worked_numbers():
    # Twelve points; A holds 0..5 and B holds 3..8: n = 3, a = b = 6, u = 9.
    a = [0] * 6 + [1] * 6
    b = [1] * 3 + [0] * 6 + [1] * 3
    overlaps = count([a, b])
    assert overlap(overlaps)[0, 2] == 3 / 9
    assert disagreement(overlaps)[0, 2] == 6 / 12
    assert goodness(overlaps)[0, 2] == pytest.approx((3 / 9) / (6 / 12), rel=1e-15)
    # All four pairs have these sizes and n = 3: each cluster sums two of them.
    np.testing.assert_allclose(gsum(overlaps), 4 / 3, rtol=1e-15)
    # Sizes 2 and 3 of which one is shared: u = 4, S = 1/4, Q = 3/5, G = 5/12.
    other = count([[0, 0, 1, 1], [1, 0, 0, 0]])
    assert goodness(other)[0, 2] == pytest.approx(5 / 12, rel=1e-15)
    assert (overlap(other)[0, 1], disagreement(other)[0, 1]) == (0, 0)


def test_identical_clusters_in_both_modes():
    overlaps = count([[0, 0, 0, 0, 1], [3, 3, 3, 3, 8]])
    assert goodness(overlaps, "resolved")[0].tolist() == [0, 0, 8, 0]  # 1 / (1 / (4 + 4))
    assert goodness(overlaps, "reference")[0].tolist() == [0, 0, 0, 0]
    assert gsum(overlaps, "resolved").tolist() == [8, 2, 8, 2]
    assert gsum(overlaps, "reference").tolist() == [0, 0, 0, 0]


def test_empty_clusters_have_no_significance():
    counts = np.array([[0, 0, 0], [0, 4, 4], [0, 4, 4]])
    overlaps = Overlaps(counts, np.array([0, 0, 1]), np.arange(3), 4, 2)
    for mode in IDENTICAL:
        assert goodness(overlaps, mode)[0].tolist() == [0, 0, 0]
    assert gsum(overlaps).tolist() == [0, 8, 8]
    both_empty = Overlaps(np.zeros((2, 2), dtype=int), np.arange(2), np.zeros(2), 0, 2)
    for table in (overlap, disagreement, goodness):
        assert not table(both_empty).any()


@settings(max_examples=40, deadline=None)
@given(labels=ensembles, identical=st.sampled_from(sorted(IDENTICAL)))
def test_published_algorithm_on_masks(labels, identical):
    overlaps = count(labels)
    masks, realization, _ = masks_of(labels)
    tables = overlap(overlaps), disagreement(overlaps), goodness(overlaps, identical)
    for a, i in enumerate(realization):
        for b, j in enumerate(realization):
            expected = goodness_of_masks(masks[a], masks[b], identical) if i != j else (0, 0, 0)
            np.testing.assert_allclose([table[a, b] for table in tables], expected, rtol=1e-12)
    values, signal = gsum_by_masks(labels, identical)
    found = gsum(overlaps, identical)
    np.testing.assert_allclose(found, values, rtol=1e-12)
    np.testing.assert_allclose(gather_signal(labels, overlaps, found), signal, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(labels=ensembles, seed=st.integers(0, 2**32))
def test_resolved_significance_is_bounded_and_monotone(labels, seed):
    overlaps = count(labels)
    g, sizes = goodness(overlaps), overlaps.sizes
    assert (g >= 0).all()
    assert (g <= sizes[:, None] + sizes).all()
    np.testing.assert_array_equal(g, g.T)
    assert (gsum(overlaps, "reference") <= gsum(overlaps)).all()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    turned = count([labels[r] for r in order])
    where = np.concatenate([np.flatnonzero(overlaps.realization == r) for r in order])
    np.testing.assert_allclose(gsum(turned), gsum(overlaps)[where], rtol=1e-12)


@pytest.mark.parametrize("pairs", [1, 30, 41])
def test_pairs_are_the_same_however_many_are_looked_at_together(monkeypatch, pairs):
    overlaps = count(make_ensemble(np.random.default_rng(5)))
    tables = overlap, disagreement, goodness
    together = [table(overlaps) for table in tables]
    assert overlaps.n_clusters > 10
    monkeypatch.setattr(significance, "_PAIRS", pairs)
    for table, expected in zip(tables, together, strict=True):
        np.testing.assert_array_equal(table(overlaps), expected)


def test_no_overflow_at_ten_billion_points():
    overlaps = count([[0, 0, 0, 1], [0, 0, 1, 1]])
    before = gsum(overlaps)
    for _ in range(32):
        overlaps = add_overlaps(overlaps, overlaps)
    np.testing.assert_allclose(gsum(overlaps), before, rtol=1e-12)  # nothing is identical


def test_one_realization_has_no_significance():
    overlaps = count([[0, 1, 1, 2]])
    assert gsum(overlaps).tolist() == [0, 0, 0]
    separation = separate(gsum(overlaps))
    assert separation.boundaries.tolist() == [0, 3]
    assert sce_groups(rank_clusters(gsum(overlaps)), separation).tolist() == [0, 0, 0]
    assert gather_signal([[0, 1, 1, 2]], overlaps, gsum(overlaps)).tolist() == [0, 0, 0, 0]


def test_ranking_breaks_ties_by_cluster():
    assert rank_clusters([1.0, 3.0, 1.0, 3.0, 2.0]).tolist() == [1, 3, 4, 0, 2]
    with pytest.raises(DataError, match="finite"):
        rank_clusters([1.0, np.nan])


def stairs(widths, heights, slope=0.002):
    """Descending plateaus: the relative slope dips at each step between them."""
    values = np.repeat(np.asarray(heights, dtype=float), widths)
    return values * np.exp(-slope * np.arange(values.size))


@pytest.mark.parametrize(("n_steps", "n_groups"), [(0, 1), (1, 1), (2, 2), (3, 3), (4, 4)])
def test_first_minimum_separates_nothing(n_steps, n_groups):
    width = 60
    ranked = stairs([width] * (n_steps + 1), [2.0**-k for k in range(n_steps + 1)])
    separation = separate(ranked)
    assert separation.minima.size == n_steps
    assert separation.n_groups == n_groups
    # Minima lie at the steps, but for the few ranks that the filter spreads them over.
    steps = width * np.arange(1, n_steps + 1)
    assert np.abs(separation.minima - steps).max(initial=0) <= 3
    inner = [] if n_steps < 2 else separation.minima[1:].tolist()
    assert separation.boundaries.tolist() == [0, *inner, ranked.size]


@pytest.mark.parametrize("n", [*range(1, 13), 49, 50, 51, 60, 70, 99, 100, 140, 200])
@pytest.mark.parametrize("kind", ["random", "flat", "zero", "cliff"])
def test_separation_is_defined_for_every_length(n, kind):
    rng = np.random.default_rng(n)
    ranked = {
        "random": np.sort(rng.exponential(100, n))[::-1],
        "flat": np.full(n, 5.0),
        "zero": np.zeros(n),
        "cliff": np.where(np.arange(n) < n // 2, 1000.0, 0.0),
    }[kind]
    separation = separate(ranked)
    assert separation.smoothed.shape == separation.derivative.shape == (n,)
    assert np.isfinite(separation.smoothed).all()
    assert np.isfinite(separation.derivative).all()
    assert separation.minima.tolist() == minima_by_scan(separation.derivative, -0.015)
    assert separation.boundaries[0] == 0
    assert separation.boundaries[-1] == n
    assert (np.diff(separation.boundaries) > 0).all()
    groups = sce_groups(np.arange(n), separation)
    assert (np.diff(groups) >= 0).all()
    assert groups[-1] == separation.n_groups - 1 == len(separation.boundaries) - 2


def test_filter_reproduces_polynomials_up_to_its_order():
    x = np.linspace(0, 1, 130)
    ranked = 50 - 20 * x**4 - x
    separation = separate(ranked)
    np.testing.assert_allclose(separation.smoothed, ranked, rtol=1e-10)
    slope = -(80 * x**3 + 1) * (x[1] - x[0])
    np.testing.assert_allclose(separation.derivative, slope / ranked, rtol=1e-6, atol=1e-9)


def test_bad_curves_are_named():
    with pytest.raises(ConfigError, match="below 0"):
        separate([2.0, 1.0], threshold=0.0)
    for bad in ([], [1.0, np.nan], [[2.0, 1.0]]):
        with pytest.raises(DataError, match="finite"):
            separate(bad)
    with pytest.raises(DataError, match="descend"):
        separate([1.0, 2.0])
    with pytest.raises(DataError, match="2 ranks"):
        sce_groups([0, 1, 2], separate([2.0, 1.0]))
    overlaps = count([[0, 1]])
    for table in (goodness, gsum):
        with pytest.raises(ConfigError, match="choose one of reference, resolved"):
            table(overlaps, identical="other")
