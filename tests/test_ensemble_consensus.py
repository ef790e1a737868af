"""Grouping of clusters, rules for the number of groups, votes and streams of points."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_ensemble import (
    agreement_of_groups,
    count,
    noisy_ensemble,
    silhouette_of_groups,
    vote_by_loops,
)

from kohorte.ensemble.combination import combine
from kohorte.ensemble.consensus import CONSENSUS, check_choice, choose_groups, group_clusters
from kohorte.ensemble.points import gather_signal, stream_points, vote
from kohorte.ensemble.significance import gsum
from kohorte.ensemble.tree import RULES, SEARCH, build_tree, cut_for_points, cut_tree
from kohorte.errors import ConfigError, DataError


def find(labels, groups="auto"):
    """Groups of the clusters, and what they say of the points."""
    ensemble = combine(count(labels), groups=groups, consensus="jaccard")
    return ensemble.grouping, ensemble.label(labels)


def partition(values):
    """The partition as the index of the first member of each point's group."""
    return [list(values).index(v) for v in values]


def test_tiny_ensemble_by_hand():
    # Three realizations agree on {0..3}, {4, 5}, {6}; the second splits the first cluster.
    labels = [[0, 0, 0, 0, 1, 1, 2], [3, 3, 7, 7, 5, 5, 9], [1, 1, 1, 1, 0, 0, 2]]
    found, points = find(labels, 3)
    assert points.groups.tolist() == [0, 0, 0, 0, 1, 1, 2]
    # Half of the first cluster is at Jaccard distance 1/2, nearer than anything else.
    np.testing.assert_array_equal(points.confidence, 1.0)
    assert found.groups.tolist() == [0, 1, 2, 0, 1, 0, 2, 1, 0, 2]
    assert (found.n_groups, found.rule) == (3, "given")
    assert sorted(found.leaf_order) == list(range(10))
    np.testing.assert_allclose(found.linkage[:4, 2], 0.0, atol=1e-15)
    # Four groups: the halves become groups of their own, or one of them; two of three still agree.
    assert find(labels, 4)[1].confidence.min() == pytest.approx(2 / 3)


def test_average_linkage_heights_by_hand():
    labels = [[0, 0, 0, 1], [0, 0, 1, 1]]
    _, tree = build_tree(count(labels))
    # Jaccard distances: 00 1/3, 11 1/2, 01 3/4, 10 1; the last join averages 1, 1, 3/4, 1.
    np.testing.assert_allclose(tree[:, 2], [1 / 3, 1 / 2, (1 + 3 / 4 + 1 + 1) / 4])


def test_groups_are_ordered_by_the_points_in_their_clusters():
    # Two groups of six points each over both maps, one of eight: the tie goes to the first cluster.
    tied = [[0, 0, 0, 1, 1, 1, 1, 2, 2, 2]] * 2
    assert group_clusters(count(tied), 3, "jaccard").groups.tolist() == [1, 0, 2] * 2
    # The odd cluster of the last realization wins no point against two votes.
    labels = [[0, 0, 0, 1, 1], [0, 0, 0, 1, 1], [0, 0, 2, 1, 1]]
    found, points = find(labels, 3)
    assert points.groups.tolist() == [0, 0, 0, 1, 1]
    assert found.groups.tolist() == [0, 1, 0, 1, 0, 1, 2]
    assert points.confidence[2] == 2 / 3


def test_one_realization_is_its_own_consensus():
    labels = [[7, 7, 7, 2, 2, 4]]
    found, points = find(labels)
    assert points.groups.tolist() == [0, 0, 0, 1, 1, 2]
    assert set(found.candidates.values()) == {3}
    np.testing.assert_array_equal(points.confidence, 1.0)


def test_one_cluster_everywhere():
    for labels in ([[3, 3, 3]], [[3, 3, 3], [1, 1, 1]], [[0], [0], [5]]):
        found, points = find(labels)
        assert set(points.groups.tolist()) == {0}
        assert found.n_groups == 1
        assert set(found.candidates.values()) == {1}


def test_all_one_cluster_realization_among_others():
    truth = np.repeat([0, 1, 2], 20)
    labels = [np.zeros(60, dtype=np.uint8), *noisy_ensemble(truth, 6, 0.0, 1)]
    _, points = find(labels)
    assert partition(points.groups) == partition(truth)
    np.testing.assert_allclose(points.confidence.min(), 6 / 7)


@pytest.mark.parametrize("rule", RULES)
def test_rules_find_clear_groups(rule):
    truth = np.repeat([0, 1, 2, 3], [70, 40, 30, 10])
    labels = noisy_ensemble(truth, 9, 0.03, seed=3)
    found, points = find(labels, rule)
    assert found.rule == rule
    assert found.n_groups == found.candidates[rule] == 4
    assert np.mean(points.groups == truth) > 0.99


def test_unrelated_realizations_agree_on_one_group():
    # Every pair of clusters shares as many points as chance says: no grouping agrees with any.
    x, y = np.divmod(np.arange(36), 6)
    labels = [x, y]
    assert group_clusters(count(labels), "auto", "jaccard").candidates["agreement"] == 1


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), noise=st.floats(0, 0.6), n_realizations=st.integers(2, 6))
def test_rules_against_plain_loops(seed, noise, n_realizations):
    truth = np.random.default_rng(seed).integers(0, 4, 40)
    labels = noisy_ensemble(truth, n_realizations, noise, seed, split=0.5)
    overlaps = count(labels)
    _, tree = build_tree(overlaps)
    candidates = group_clusters(overlaps, "auto", "jaccard").candidates
    widths = np.bincount(overlaps.realization)
    numbers = range(2, max(widths) + 1)
    cuts = {g: cut_tree(tree, g).tolist() for g in numbers}
    for rule, score in (("agreement", agreement_of_groups), ("silhouette", silhouette_of_groups)):
        scores = {1: 0.0} | {g: score(labels, cuts[g]) for g in numbers}
        assert scores[candidates[rule]] == pytest.approx(max(scores.values()), abs=1e-9)
    assert candidates["median"] == sorted(widths)[(len(widths) - 1) // 2]
    heights = [*tree[::-1, 2], 0.0]
    gaps = {g: heights[g - 2] - heights[g - 1] for g in numbers}
    assert candidates["gap"] == max(gaps, key=gaps.get)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_cuts_are_nested_and_exact(seed):
    rng = np.random.default_rng(seed)
    overlaps = count([rng.integers(0, rng.integers(1, 6), 30) for _ in range(4)])
    _, tree = build_tree(overlaps)
    finer = cut_tree(tree, overlaps.n_clusters)
    np.testing.assert_array_equal(finer, np.arange(overlaps.n_clusters))
    for g in range(overlaps.n_clusters - 1, 0, -1):
        cut = cut_tree(tree, g)
        assert np.unique(cut).tolist() == list(range(g))
        assert len(set(zip(finer.tolist(), cut.tolist(), strict=True))) == g + 1
        first = [cut.tolist().index(k) for k in range(g)]
        assert first == sorted(first)
        finer = cut


def groups_by_loops(overlaps, tree, wanted):
    """tree.cut_for_points by plain loops; groups by their branches' points, then lowest cluster."""
    counts, sizes = overlaps.counts.tolist(), overlaps.sizes.tolist()
    for n in range(wanted, min(SEARCH * wanted, overlaps.n_clusters) + 1):
        cut = cut_tree(tree, n).tolist()
        branches = [[a for a, g in enumerate(cut) if g == k] for k in range(n)]
        branches.sort(key=lambda branch: (-sum(sizes[a] for a in branch), branch[0]))
        votes = [[sum(row[b] for b in branch) for branch in branches] for row in counts]
        held = sorted({v.index(max(v)) for v in votes})
        if len(held) >= wanted:
            kept = held[:wanted]
            groups = []
            for a, v in enumerate(votes):
                own = next(k for k, branch in enumerate(branches) if a in branch)
                groups.append(own if own in kept else max(kept, key=lambda k: (v[k], -k)))
            return groups
    return cut_tree(tree, wanted).tolist()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    noise=st.floats(0, 0.6),
    n_realizations=st.integers(1, 6),
    wanted=st.integers(1, 6),
)
def test_a_given_number_of_groups_is_of_those_with_points(seed, noise, n_realizations, wanted):
    truth = np.random.default_rng(seed).integers(0, 4, 40)
    overlaps = count(noisy_ensemble(truth, n_realizations, noise, seed, split=0.5))
    _, tree = build_tree(overlaps)
    wanted = min(wanted, overlaps.n_clusters)
    found = cut_for_points(overlaps, tree, wanted)
    assert partition(found) == partition(groups_by_loops(overlaps, tree, wanted))
    first = [found.tolist().index(k) for k in range(wanted)]
    assert first == sorted(first)
    assert found.max() == wanted - 1
    assert found.dtype == np.int32


def test_clusters_that_few_realizations_have_are_none_of_the_groups_asked_for():
    # Six realizations find thirds, five join two of them, and one has a cluster of a single point.
    thirds = np.repeat([0, 1, 2], 20)
    odd = np.where(np.arange(60) == 45, 3, thirds)
    labels = [thirds] * 5 + [odd] + [np.maximum(thirds, 1)] * 5
    overlaps = count(labels)
    plain = cut_tree(build_tree(overlaps)[1], 3)
    assert len(set(vote(labels, overlaps, plain)[0].tolist())) == 2
    found, points = find(labels, 3)
    assert partition(points.groups) == partition(thirds)
    assert found.n_groups == 3
    # The cluster of the single point votes with the third that has it.
    assert found.groups[overlaps.cluster == 3] == found.groups[2]
    np.testing.assert_array_equal(choose_groups(overlaps, 3, "jaccard"), found.groups)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), n_realizations=st.integers(1, 5))
def test_votes_and_signals_against_loops(seed, n_realizations):
    rng = np.random.default_rng(seed)
    labels = [rng.choice([2, 3, 9, 40], 50).astype(np.uint8) for _ in range(n_realizations)]
    overlaps = count(labels)
    n_groups = int(rng.integers(1, 20))
    groups = rng.integers(0, n_groups, overlaps.n_clusters)
    winners, votes = vote(labels, overlaps, groups)
    expected = vote_by_loops(labels, groups, n_groups)
    np.testing.assert_array_equal(winners, expected[0])
    np.testing.assert_array_equal(votes, expected[1])
    weights = rng.random(overlaps.n_clusters)
    by_mask = sum(
        weights[k] * (np.asarray(labels[overlaps.realization[k]]) == overlaps.cluster[k])
        for k in range(overlaps.n_clusters)
    )
    np.testing.assert_allclose(gather_signal(labels, overlaps, weights), by_mask, rtol=1e-12)


def test_more_than_255_votes():
    labels = [np.array([0, 0, 1], dtype=np.uint8)] * 300 + [np.array([1, 1, 0], dtype=np.uint8)]
    overlaps = count(labels)
    _, votes = vote(labels, overlaps, np.tile([0, 4], 301))
    assert votes.tolist() == [300, 300, 300]


def test_stream_does_not_depend_on_slabs_or_threads():
    rng = np.random.default_rng(5)
    labels = [rng.integers(0, 7, 50_000).astype(np.uint8) for _ in range(6)]
    overlaps = count(labels)
    grouping = group_clusters(overlaps)
    results = []
    for options in ({}, {"threads": 3}, {"slab": 999}, {"max_bytes": 12 * 500, "threads": 2}):
        slabs = list(stream_points(labels, overlaps, gsum(overlaps), grouping.groups, **options))
        assert [s.start for s in slabs[1:]] == [s.stop for s in slabs[:-1]]
        results.append(
            [np.concatenate([getattr(s, n) for s in slabs]) for n in ("signal", "groups", "votes")]
        )
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_consensus_follows_points_and_ignores_names(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, 60)
    labels = noisy_ensemble(truth, 5, 0.2, seed)
    grouping, found = find(labels)
    again = find([x.copy() for x in labels])[1]
    np.testing.assert_array_equal(found.groups, again.groups)
    order = rng.permutation(60)
    moved = [x[order] for x in labels]
    np.testing.assert_array_equal(find(moved)[1].groups, found.groups[order])
    renamed = [(x * 3 + 1).astype(np.uint8) for x in labels]  # keeps the order of ids
    np.testing.assert_array_equal(find(renamed)[1].groups, found.groups)
    held = np.bincount(grouping.groups, weights=count(labels).sizes)
    assert (np.diff(held) <= 0).all()
    assert found.groups.dtype == np.uint8
    for how in ([], ["auto", "jaccard"], ["gap", "jaccard"]):
        alone, whole = choose_groups(count(labels), *how), group_clusters(count(labels), *how)
        np.testing.assert_array_equal(alone, whole.groups)


def test_bad_requests_are_named():
    labels = [[0, 1, 1], [0, 0, 1]]
    overlaps = count(labels)
    for grouped in (group_clusters, choose_groups):
        for consensus in CONSENSUS:
            for bad in (0, 1.5, True):
                with pytest.raises(ConfigError, match="groups must be"):
                    grouped(overlaps, bad, consensus)
            with pytest.raises(ConfigError, match="together have 4 clusters"):
                grouped(overlaps, 5, consensus)
            with pytest.raises(ConfigError, match="rule for groups of consensus"):
                grouped(overlaps, "elbow", consensus)
        with pytest.raises(ConfigError, match="choose one of agreement, gap"):
            grouped(overlaps, "separation", "jaccard")
        with pytest.raises(ConfigError, match="consensus"):
            grouped(overlaps, 2, "elbow")
    with pytest.raises(DataError, match="1 label arrays"):
        combine(overlaps).label(labels[:1])
    for other in ([[0, 1, 1], [0, 2, 1]], [[0, 1, 1], [5, 0, 1]]):
        with pytest.raises(DataError, match="realization 1 hold cluster"):
            vote(other, overlaps, np.zeros(4, dtype=int))
    gaps = count([[0, 3, 3]])
    with pytest.raises(DataError, match="realization 0 hold cluster 1, which"):
        vote([[0, 1, 3]], gaps, np.zeros(2, dtype=int))
    with pytest.raises(DataError, match="groups have shape"):
        vote(labels, overlaps, np.zeros(3, dtype=int))


def test_weighted_votes_by_hand():
    # Point 2 is in the first group for one map and in the second for two maps.
    labels = [np.array(x) for x in ([0, 0, 0, 1], [0, 0, 1, 1], [0, 0, 1, 1])]
    overlaps = count(labels)
    groups = np.array([0, 1, 0, 1, 0, 1])
    weights = np.array([5.0, 1.0, 1.0, 2.0, 1.0, 2.0])
    winners, votes = vote(labels, overlaps, groups, weights=weights)
    np.testing.assert_array_equal(winners, [0, 0, 0, 1])
    np.testing.assert_array_equal(votes, [7.0, 7.0, 5.0, 5.0])
    np.testing.assert_array_equal(vote(labels, overlaps, groups)[0], [0, 0, 1, 1])


@pytest.mark.parametrize("seed", range(5))
def test_weighted_votes_are_the_largest_group_signal(seed):
    labels = noisy_ensemble(np.repeat(np.arange(4), 30), 9, 0.2, seed, split=0.3)
    overlaps = count(labels)
    groups = (np.arange(overlaps.n_clusters) % 3).astype(np.int32)
    weights = gsum(overlaps)
    signals = [gather_signal(labels, overlaps, weights * (groups == g)) for g in range(3)]
    winners, votes = vote(labels, overlaps, groups, weights=weights)
    np.testing.assert_array_equal(winners, np.argmax(signals, axis=0))
    np.testing.assert_array_equal(votes, np.max(signals, axis=0))


def test_equal_weights_are_plain_votes():
    labels = [np.array([0, 0, 1, 1, 2]), np.array([1, 1, 1, 0, 0]), np.array([0, 0, 1, 1, 1])]
    overlaps = count(labels)
    ensemble = combine(overlaps, groups=2)
    equal = replace(ensemble, gsum=np.ones(overlaps.n_clusters))
    plain, weighted = ensemble.label(labels), equal.label(labels, "significance")
    for name in ("groups", "confidence", "cast"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(weighted, name))


def test_a_choice_of_groups_is_a_number_or_a_rule():
    assert check_choice(4, "jaccard") == check_choice(4, "coassociation") == "given"
    assert check_choice("auto", "jaccard") == "agreement"
    assert check_choice("gap", "jaccard") == "gap"
    assert check_choice("auto", "coassociation") == "separation"
