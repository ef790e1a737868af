"""Bootstrap, stability of groups, sufficiency and effects of parameters."""

import numpy as np
import pytest
from oracles_ensemble import count, noisy_ensemble

from kohorte.ensemble.agreement import pairwise_ari
from kohorte.ensemble.combination import combine
from kohorte.ensemble.consensus import CONSENSUS, choose_groups
from kohorte.ensemble.effects import parameter_effects
from kohorte.ensemble.overlaps import select_realizations
from kohorte.ensemble.significance import goodness, gsum, rank_clusters
from kohorte.ensemble.stability import bootstrap_gsum, group_stability
from kohorte.ensemble.sufficiency import extrapolate_agreement, measure_sufficiency
from kohorte.errors import ConfigError, DataError


def make_labels(n_realizations, n=300, noise=0.15, seed=0):
    truth = np.repeat([0, 1, 2], [n // 2, n // 3, n - n // 2 - n // 3])
    return noisy_ensemble(truth, n_realizations, noise, seed)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_bootstrap_of_two_realizations_has_no_spread():
    # Each cluster has one other realization to compare with: every weight of it gives the same.
    overlaps = count(make_labels(2))
    found = bootstrap_gsum(overlaps, rng(), resamples=20)
    np.testing.assert_allclose(found.gsum_low, gsum(overlaps), rtol=1e-12)
    np.testing.assert_allclose(found.gsum_high, gsum(overlaps), rtol=1e-12)


def test_bootstrap_of_identical_realizations_has_no_spread():
    found = bootstrap_gsum(count(make_labels(1) * 5), rng(), resamples=20)
    np.testing.assert_allclose(found.gsum_low, found.gsum_high, rtol=1e-12)


def test_bootstrap_weights_other_realizations():
    overlaps = count(make_labels(4))
    found = bootstrap_gsum(overlaps, rng(3), resamples=1, level=0.5)
    weights = rng(3).standard_exponential(4)
    g = goodness(overlaps)
    expected = []
    for a, i in enumerate(overlaps.realization):
        others = [j for j in range(4) if j != i]
        sums = [g[a, overlaps.realization == j].sum() for j in others]
        expected.append(3 * np.dot(sums, weights[others]) / weights[others].sum())
    np.testing.assert_allclose(found.gsum_low, expected, rtol=1e-12)
    assert found.rank_low[rank_clusters(expected)].tolist() == list(range(overlaps.n_clusters))


def test_bootstrap_covers_the_ensemble_and_marks_the_outlier():
    labels = make_labels(12, noise=0.1)
    labels[5] = rng(1).integers(0, 3, 300).astype(np.uint8)  # agrees with nobody
    overlaps = count(labels)
    found = bootstrap_gsum(overlaps, rng(), level=0.9)
    np.testing.assert_array_equal(found.gsum, gsum(overlaps))
    np.testing.assert_array_equal(np.argsort(found.rank), rank_clusters(found.gsum))
    assert (found.gsum_low < found.gsum_high).all()
    assert np.mean((found.gsum_low < found.gsum) & (found.gsum < found.gsum_high)) > 0.9
    outlier = overlaps.realization == 5
    assert found.rank_low[outlier].min() > found.rank_high[~outlier].max() - 3
    wide = bootstrap_gsum(overlaps, rng(), level=0.99)
    assert (wide.gsum_low <= found.gsum_low).all()
    assert (wide.gsum_high >= found.gsum_high).all()


def test_group_stability_by_hand():
    labels = [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 1, 2]]
    overlaps = count(labels)
    groups = np.array([0, 1, 0, 1, 0, 1, 0, 1, 2])
    found = group_stability(overlaps, groups)
    assert found.found.tolist() == [1.0, 1.0, 0.25]
    # Group 0: sizes 2, 2, 3, 2 within one another; pairs with the third share 2 of 3.
    assert found.jaccard[0] == pytest.approx((3 * 1 + 3 * 2 / 3) / 6)
    # Group 1: {2, 3} twice, {3}, {2}.
    assert found.jaccard[1] == pytest.approx((1 + 4 * 1 / 2 + 0) / 6)
    assert np.isnan(found.jaccard[2])
    # Three clusters of three others share 18 points with the group, and 27 with any cluster; of
    # the third cluster one point is elsewhere.
    own, of_all = np.array([0, 2, 4, 6]), overlaps.counts[[0, 2, 4, 6]].sum() - 9
    assert found.cohesion[0] == (overlaps.counts[np.ix_(own, own)].sum() - 9) / of_all == 24 / 27
    assert found.cohesion[2] == 0
    with pytest.raises(DataError, match="groups have shape"):
        group_stability(overlaps, groups[1:])


def test_identical_realizations_are_enough_at_once():
    labels = make_labels(1) * 5
    found = measure_sufficiency(labels, count(labels), rng(), draws=3)
    assert found.sizes.tolist() == [1, 2]
    np.testing.assert_array_equal(found.ari, 1.0)
    assert (found.enough, found.expected) == (1, 1.0)


@pytest.mark.parametrize(("n", "spaced"), [(100, np.linspace), (101, np.geomspace)])
def test_subsets_of_many_realizations_grow_in_equal_ratios(n, spaced):
    labels = make_labels(n, n=30)
    found = measure_sufficiency(
        labels, count(labels), rng(), draws=1, groups=3, consensus="jaccard"
    )
    assert found.sizes.tolist() == np.unique(spaced(1, n // 2, 16).round()).tolist()


@pytest.mark.parametrize("consensus", CONSENSUS)
def test_unrelated_realizations_are_never_enough(consensus):
    labels = [rng(r).integers(0, 3, 300).astype(np.uint8) for r in range(6)]
    found = measure_sufficiency(
        labels, count(labels), rng(), draws=10, groups=3, consensus=consensus
    )
    assert found.enough is None
    assert found.mean[0] < 0.6


@pytest.mark.parametrize("consensus", CONSENSUS)
def test_sufficiency_is_consensus_of_subsets(consensus):
    labels = make_labels(6, noise=0.4)
    overlaps = count(labels)
    how = {"groups": 3, "consensus": consensus}
    found = measure_sufficiency(labels, overlaps, rng(7), sizes=[2, 3], draws=4, **how)
    generator = rng(7)
    for s, size in enumerate((2, 3)):
        for d in range(4):
            places, own = generator.permutation(6), []
            generator.random()
            drawn = np.argsort(places)[: 2 * size]
            for chosen in (np.sort(drawn[::2]), np.sort(drawn[1::2])):
                part = combine(select_realizations(overlaps, chosen), **how)
                own.append(part.label([labels[r] for r in chosen]).groups)
            expected = pairwise_ari(count(own))[0, 1]
            assert found.ari[s, d] == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(found.mean, found.ari.mean(axis=1))
    assert (found.low <= found.mean).all()
    assert (found.mean <= found.high).all()


@pytest.mark.parametrize("consensus", CONSENSUS)
def test_sufficiency_grows_and_a_sample_of_points_agrees(consensus):
    labels = make_labels(13, n=3000, noise=0.35)
    overlaps = count(labels)
    options = {"draws": 20, "groups": 3, "sizes": [1, 3, 6], "consensus": consensus}
    whole = measure_sufficiency(labels, overlaps, rng(), **options)
    assert whole.mean[0] < whole.mean[1] < whole.mean[2]
    sampled = measure_sufficiency(labels, overlaps, rng(), max_points=1000, **options)
    np.testing.assert_allclose(sampled.mean, whole.mean, atol=0.05)
    again = measure_sufficiency(labels, overlaps, rng(), max_points=1000, **options)
    np.testing.assert_array_equal(sampled.ari, again.ari)


def test_enough_means_from_there_on(monkeypatch):
    labels = make_labels(8)
    values = iter([0.99, 0.2, 0.99, 0.99])
    monkeypatch.setattr("kohorte.ensemble.sufficiency.label_ari", lambda *args: next(values))
    found = measure_sufficiency(labels, count(labels), rng(), draws=1, consensus="jaccard")
    assert found.enough == 3


def test_trees_of_many_segments_have_three_sizes_and_their_share_of_every_level(monkeypatch):
    labels = [rng(r).integers(0, 2 if r < 4 else 8, 60) for r in range(16)]
    drawn = []

    def choose(overlaps, *how):
        drawn.append(np.bincount(np.bincount(overlaps.realization), minlength=9)[[2, 8]].tolist())
        return choose_groups(overlaps, *how)

    monkeypatch.setattr("kohorte.ensemble.sufficiency.choose_groups", choose)
    found = measure_sufficiency(labels, count(labels), rng(), draws=2)
    assert found.sizes.tolist() == [2, 4, 8]
    # A quarter of the realizations is coarse; a half draws every other of those in turn.
    for first, second in zip(drawn[::2], drawn[1::2], strict=True):
        size = sum(first)
        assert sum(second) == size
        assert first[0] + second[0] == 2 * size // 4


def test_disagreement_that_falls_as_a_power_is_extrapolated():
    sizes = np.array([1, 2, 4, 8])
    assert extrapolate_agreement(sizes, 1 - 0.4 / sizes, 16) == pytest.approx(1 - 0.4 / 16)
    # It never gets worse with more, and nothing is left where nothing is missing.
    assert extrapolate_agreement(np.array([1, 2]), np.array([0.9, 0.8]), 4) == pytest.approx(0.8)
    assert extrapolate_agreement(sizes, np.array([0.5, 0.8, 0.9, 1.0]), 16) == 1.0


def test_effects_by_hand():
    a, b = [0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 2, 2]
    overlaps = count([a, b, a, b])
    between = pairwise_ari(overlaps)[0, 1]
    found = parameter_effects(
        overlaps, {"alpha": [0.1, 0.5, 0.1, 0.5], "same": [1] * 4, "run": list("dcba")}, rng()
    )
    assert list(found) == ["alpha", "run"]
    alpha = found["alpha"]
    assert alpha.values == [0.1, 0.5]
    np.testing.assert_allclose(alpha.agreement, [[1, between], [between, 1]])
    assert (alpha.within, alpha.between) == (1.0, pytest.approx(between))
    # Of the three ways to pair four realizations one is as good as the observed.
    assert alpha.p_value == pytest.approx(1 / 3, abs=0.06)
    run = found["run"]
    assert run.values == list("abcd")
    assert np.isnan([run.within, run.p_value]).all()
    assert np.isnan(np.diagonal(run.agreement)).all()
    assert run.agreement[0, 2] == 1.0  # realizations 3 and 1


def test_effects_tell_what_matters():
    rough = [make_labels(1, noise=0.5, seed=s)[0] for s in range(6)]
    fine = [make_labels(1, noise=0.05, seed=s)[0] for s in range(6)]
    overlaps = count(rough + fine)
    parameters = {"steps": [1e3] * 6 + [1e5] * 6, "xdim": [8, 9] * 6}
    found = parameter_effects(overlaps, parameters, rng())
    assert found["steps"].p_value < 0.05 < found["xdim"].p_value
    low, high = np.diagonal(found["steps"].agreement)
    assert low < found["steps"].agreement[0, 1] < high
    assert np.isnan(parameter_effects(overlaps, parameters, rng(), permutations=0)["xdim"].p_value)


def test_bad_requests_are_named():
    labels, five = make_labels(3), make_labels(5)
    overlaps, alone = count(labels), count(labels[:1])
    with pytest.raises(DataError, match="at least two"):
        bootstrap_gsum(alone, rng())
    with pytest.raises(DataError, match="at least 4"):
        measure_sufficiency(labels[:3], count(labels[:3]), rng())
    for options in ({"resamples": 0}, {"level": 1.0}, {"identical": "other"}):
        with pytest.raises(ConfigError):
            bootstrap_gsum(overlaps, rng(), **options)
    for options in ({"draws": 0}, {"sizes": [0]}, {"sizes": []}, {"sizes": [1.5]}, {"sizes": [3]}):
        with pytest.raises(ConfigError):
            measure_sufficiency(five, count(five), rng(), **options)
    with pytest.raises(ConfigError, match="max_points"):
        measure_sufficiency(five, count(five), rng(), max_points=0)
    with pytest.raises(DataError, match="label arrays of 10 points"):
        measure_sufficiency([x[:10] for x in five], count(five), rng())
    with pytest.raises(DataError, match="'alpha' has 2 values"):
        parameter_effects(overlaps, {"alpha": [1, 2]}, rng())
