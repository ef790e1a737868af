"""Trees of co-association against slow definitions; levels, candidates, and their groups."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_ensemble import count, noisy_ensemble
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from kohorte.ensemble import chain, coassociation
from kohorte.ensemble.agreement import adjusted_rand
from kohorte.ensemble.coassociation import (
    FLOOR,
    SUPPORT,
    Level,
    find_levels,
    join_clusters,
    number_groups,
    smallest_group,
)
from kohorte.ensemble.combination import combine
from kohorte.ensemble.consensus import cut_groups, group_clusters
from kohorte.ensemble.overlaps import Overlaps, add_overlaps
from kohorte.ensemble.points import vote
from kohorte.ensemble.tree import RULES
from kohorte.errors import ConfigError


def join_by_search(pairs, weights):
    """Search all pairs of sets for the most alike ones at every step: sets and alikeness."""
    sets = [frozenset([k]) for k in range(len(weights))]
    found = [(set(sets), math.inf)]

    def alike(a, b):
        shared = sum(pairs[i][j] for i in a for j in b)
        return shared / (sum(weights[i] for i in a) * sum(weights[j] for j in b))

    while len(sets) > 1:
        value, a, b = max(
            ((alike(a, b), a, b) for i, a in enumerate(sets) for b in sets[:i]), key=lambda x: x[0]
        )
        sets = [s for s in sets if s not in (a, b)] + [a | b]
        found.append((set(sets), value))
    return found


def sets_of_tree(linkage):
    """Return the sets of leaves after each join of a tree."""
    k = len(linkage) + 1
    nodes = {i: frozenset([i]) for i in range(k)}
    found = [set(nodes.values())]
    for step, (a, b) in enumerate(linkage[:, :2].astype(int).tolist()):
        nodes[k + step] = nodes.pop(a) | nodes.pop(b)
        found.append(set(nodes.values()))
    return found


def whole(overlaps):
    """Return the level of all realizations."""
    return Level(overlaps, np.arange(overlaps.n_realizations))


def cut_finely(points, n_runs=24, fewest=20, most=60, seed=0):
    rng = np.random.default_rng(seed)
    return [
        KMeans(int(rng.integers(fewest, most + 1)), n_init=1, max_iter=30, random_state=run)
        .fit_predict(points)
        .astype(np.uint8)
        for run in range(n_runs)
    ]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), k=st.integers(1, 14), share=st.floats(0.2, 1))
def test_chain_joins_what_a_search_of_all_pairs_joins(seed, k, share):
    rng = np.random.default_rng(seed)
    pairs = np.triu(rng.random((k, k)) * (rng.random((k, k)) < share), 1)
    pairs, weights = pairs + pairs.T, rng.integers(1, 50, k).astype(float)
    joined, alike = chain.join_pairs(pairs.copy(), weights.copy())
    order = np.argsort(-alike, kind="stable")
    found = sets_of_tree(chain.as_linkage(joined[order], alike[order]))
    for n, (expected, value) in enumerate(join_by_search(pairs, weights)):
        if value == 0:  # what shares nothing joins in any order
            break
        assert found[n] == expected
        if n:
            assert alike[order][n - 1] == pytest.approx(value, rel=1e-12)
    assert (alike[order][n:] == 0).all() or n == k - 1


@given(seed=st.integers(0, 2**32), n=st.integers(1, 8), n_cuts=st.integers(1, 6))
def test_pairs_count_the_cuts_that_join_them(seed, n, n_cuts):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 3, (n, n_cuts))
    weights, sizes = rng.random(n_cuts), rng.integers(1, 9, n).astype(np.float64)
    found = chain.agreed_pairs(groups, weights, sizes)
    for i, j in itertools.product(range(n), repeat=2):
        joining = sum(w for w, a, b in zip(weights, groups[i], groups[j], strict=True) if a == b)
        assert found[i, j] == (0 if i == j else pytest.approx(joining * sizes[i] * sizes[j]))


@given(seed=st.integers(0, 2**32), k=st.integers(1, 9), n_groups=st.integers(1, 4))
def test_groups_share_the_sums_of_the_counts_of_their_leaves(seed, k, n_groups):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 9, (k, k))
    leaves, columns = (rng.choice(k, rng.integers(1, k + 1), replace=False) for _ in range(2))
    groups = rng.integers(-1, n_groups, leaves.size)
    found = chain.shared_points(counts, leaves, groups, columns, n_groups)
    for g, c in itertools.product(range(n_groups), range(columns.size)):
        held = [counts[leaf, columns[c]] for leaf in leaves[groups == g]]
        assert found[g, c] == sum(held)
    copied = np.empty((leaves.size, columns.size))
    chain.pick(counts, leaves, columns, copied)
    np.testing.assert_array_equal(copied, counts[np.ix_(leaves, columns)])


@given(seed=st.integers(0, 2**32), n_rows=st.integers(1, 4), n_columns=st.integers(1, 4))
def test_pairs_of_points_within_a_table_of_ranges(seed, n_rows, n_columns):
    rng = np.random.default_rng(seed)
    counts, unit = rng.integers(0, 9, (8, 6)), 3.0
    before = np.zeros((9, 7), np.int64)
    before[1:, 1:] = counts.cumsum(axis=0).cumsum(axis=1)
    rows, columns = (
        np.sort(rng.integers(0, size + 1, (2, n)), axis=0)
        for size, n in ((8, n_rows), (6, n_columns))
    )
    found = chain.paired_points(before, tuple(rows), tuple(columns), unit)
    table = np.array([[counts[a:b, c:d].sum() / unit for c, d in columns.T] for a, b in rows.T])
    sums = (table, table.sum(axis=1), table.sum(axis=0), table.sum())
    np.testing.assert_allclose(found, [(n * (n - 1) / 2).sum() for n in sums], rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), k=st.integers(2, 30))
def test_chain_ends_with_ties_and_weights_whose_products_are_rounded(seed, k):
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 3, (k, k)).astype(float)
    pairs = np.triu(base, 1)
    weights = rng.choice([1.0, 3.0, 7.0], k) * (2**27 + 1.0)
    joined, alike = chain.join_pairs((pairs + pairs.T) * (2**53 - 1.0), weights)
    linkage = chain.as_linkage(joined[np.argsort(-alike, kind="stable")], -np.sort(-alike))
    assert sets_of_tree(linkage)[-1] == {frozenset(range(k))}
    assert sorted(joined[:, 1].tolist()) == list(range(1, k))  # each but the first joins a lower


def test_alikeness_by_hand():
    # Sizes 3, 1 and 2, 2; pairs 00 2, 01 1, 10 0, 11 1: alike 2 / 6, 1 / 6, 0, 1 / 2.
    level = whole(count([[0, 0, 0, 1], [0, 0, 1, 1]]))
    # N R / (R - 1) = 8. The last join: one pair of 5 points and 3.
    np.testing.assert_allclose(level.lifts, [8 / 2, 8 / 3, 8 / 15])
    np.testing.assert_allclose(level.linkage[:, 2], 1 / (1 + level.lifts))
    assert level.linkage[:, :2].tolist() == [[1, 3], [0, 2], [4, 5]]
    assert level.linkage[:, 3].tolist() == [2, 2, 4]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_order_of_points_ids_and_realizations_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    # Sizes without a pattern, so that no two pairs are equally alike but by a rare chance.
    labels = [rng.integers(0, rng.integers(2, 7), 997) for _ in range(6)]
    first = whole(count(labels))
    if np.unique(first.lifts).size < first.lifts.size:
        return
    order, points = rng.permutation(6), rng.permutation(997)
    moved = [rng.permutation(9)[labels[r]][points] for r in order]
    second = whole(count(moved))
    np.testing.assert_allclose(second.lifts, first.lifts, rtol=1e-12)

    def held(level, values):
        overlaps, tree = count(values), sets_of_tree(level.linkage)
        masks = [
            values[r] == c for r, c in zip(overlaps.realization, overlaps.cluster, strict=True)
        ]
        return [{tuple(np.sum([masks[i] for i in s], axis=0)) for s in step} for step in tree]

    assert held(first, labels) == held(second, [x[np.argsort(points)] for x in moved])


def test_added_counts_give_the_same_tree():
    rng = np.random.default_rng(3)
    labels = [rng.integers(0, 5, 400) for _ in range(5)]
    parts = [count([x[:150] for x in labels]), count([x[150:] for x in labels])]
    a, b = whole(add_overlaps(*parts)), whole(count(labels))
    np.testing.assert_array_equal(a.linkage, b.linkage)


@pytest.mark.parametrize(
    ("widths", "levels"),
    [
        ([8, 8, 8], [0, 0, 0]),
        ([8, 1, 8, 2, 8, 8], [0, -1, 0, -1, 0, 0]),  # 0.35 sqrt(64) = 2.8
        ([1] * 3 + [2] * 3, [-1] * 3 + [0] * 3),  # but half are kept
        (list(range(3, 18)), [0] * 15),
        (list(range(3, 19)), [0] * 8 + [1] * 8),
        (list(range(50, 0, -1)), [3] * 12 + [2] * 12 + [1] * 12 + [0] * 12 + [-1] * 2),
        ([8] * 40, [0] * 40),  # equal numbers stay together
        ([32, 8] * 20, [1, 0] * 20),
        ([3] * 8 + [4] * 5 + [5] * 27, [0] * 8 + [1] * 5 + [2] * 27),
        ([3] * 8 + [4] * 4 + [5] * 28, [0] * 12 + [1] * 28),  # four of a share of ten
        ([3] * 4 + [4] * 36, [0] * 40),
    ],
)
def test_levels_by_hand(widths, levels):
    labels = [np.arange(64) % width for width in widths]
    assert find_levels(count(labels)).tolist() == levels


def cuts_by_search(level, least):
    """Level.cuts for all numbers, from the sets of leaves of each step."""
    sets, k = sets_of_tree(level.linkage), level.leaves.size

    def large(step):
        return {
            s for s in sets[step] if sum(level.sizes[i] for i in s) / level.n_realizations >= least
        }

    found, reached, last = {}, 1, 0.0
    groups, following = large(k - 1), 0.0
    if not groups:
        return {}
    for step in range(k - 2, -1, -1):
        lift = level.lifts[step]
        if large(step) != large(step + 1):
            following = following or lift
        if len(large(step)) > reached:
            found[reached] = last, lift, groups
            reached, last, groups, following = len(large(step)), lift, large(step), 0.0
    found[reached] = last, max(last, following), groups
    return found


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n_points=st.integers(1, 40),
    n_realizations=st.integers(2, 4),
    least=st.sampled_from([0.0, 1.0, 3.0, 5.5]),
)
def test_cuts_against_a_search(seed, n_points, n_realizations, least):
    truth = np.random.default_rng(seed).integers(0, 4, n_points)
    level = whole(count(noisy_ensemble(truth, n_realizations, 0.2, seed, split=0.5)))
    expected = cuts_by_search(level, least)
    cuts = level.cuts(least, 100)
    assert cuts.keys() == expected.keys()
    for n, (lift, following, nodes) in cuts.items():
        assert (lift, following) == expected[n][:2]
        group = level.members(nodes)
        own = {frozenset(np.flatnonzero(group == g).tolist()) for g in range(len(nodes))}
        assert own == expected[n][2]
        assert len(own) == n
    capped = level.cuts(least, 2)
    assert max(capped, default=0) <= 2
    assert all(capped[n] == cuts[n] for n in capped)


def test_chance_makes_lift_1():
    rng = np.random.default_rng(0)
    level = whole(count([rng.integers(0, 4, 40_000) for _ in range(6)]))
    assert level.lifts[-1] == pytest.approx(1, abs=0.02)
    # Sets of few clusters have fewer pairs within a realization than R of R^2.
    assert level.lifts.min() > 0.98
    assert level.lifts.max() < 1.1 * 6 / 5


def test_evidence_by_hand():
    # Halves that all find; coarse realizations cut each at random in two, others in eight.
    half, rng = np.arange(80) // 40, np.random.default_rng(0)
    halves = [half * 2 + rng.integers(0, 2, 80) for _ in range(8)]
    fine = [half * 8 + rng.integers(0, 8, 80) for _ in range(8)]
    found = join_clusters(count(halves + fine))
    assert found.levels.tolist() == [0] * 8 + [1] * 8
    evidence = found.candidates
    rows = {
        (n, k): i for i, (n, k) in enumerate(zip(evidence.level, evidence.n_groups, strict=True))
    }
    two = [rows[n, 2] for n in (0, 1)]
    assert evidence.lift[two].tolist() == [0, 0]
    expected = np.log((evidence.next_lift + FLOOR) / (evidence.lift + FLOOR))
    np.testing.assert_allclose(evidence.separation, expected)
    # Both levels have the same two groups: ARI 1, each is supported by the other's separation.
    np.testing.assert_allclose(evidence.support[two], evidence.separation[two[::-1]])
    np.testing.assert_allclose(evidence.score, evidence.separation + SUPPORT * evidence.support)
    assert (np.diff(evidence.score) <= 0).all()
    assert evidence.n_groups[0] == 2
    assert found.groups[:4].tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])


def test_support_is_the_index_of_tables_summed_over_all_pairs_of_realizations():
    rng = np.random.default_rng(5)
    truth = np.repeat([0, 1, 2], [60, 50, 40])
    coarse = [2 * x + rng.integers(0, 2, 150) for x in noisy_ensemble(truth, 8, 0.1, 1)]
    fine = [4 * x + rng.integers(0, 4, 150) for x in noisy_ensemble(truth, 9, 0.2, 2)]
    overlaps = count(coarse + fine)
    found = join_clusters(overlaps, 3)
    evidence = found.candidates
    assert sorted(evidence.level.tolist()) == [0, 1]
    members = []
    for n in (0, 1):
        level = Level(overlaps, np.flatnonzero(found.levels == n))
        least = smallest_group(150)
        members.append((level.leaves, level.members(level.cuts(least, 100)[3][2])))
    table = np.zeros((3, 3))
    for a, g in zip(*members[0], strict=True):
        for b, h in zip(*members[1], strict=True):
            if g >= 0 and h >= 0:
                table[g, h] += overlaps.counts[a, b] / (8 * 9)
    ari = adjusted_rand(table)
    assert 0.3 < ari < 1
    np.testing.assert_allclose(evidence.support, ari * evidence.separation[::-1], rtol=1e-12)


def rings(rng, n=400):
    angle = rng.uniform(0, 2 * np.pi, 2 * n)
    radius = np.repeat([1.0, 3.0], n) + rng.normal(0, 0.1, 2 * n)
    return np.c_[radius * np.cos(angle), radius * np.sin(angle)]


def spirals(rng, n=400):
    turn = np.tile(np.linspace(0.6, 3.2, n), 2) * np.pi
    shift = np.repeat([0, np.pi], n)
    points = np.c_[turn * np.cos(turn + shift), turn * np.sin(turn + shift)]
    return points + rng.normal(0, 0.15, points.shape)


@pytest.mark.parametrize("make", [rings, spirals])
def test_groups_of_any_shape_are_found_from_runs_of_k_means(make):
    labels = cut_finely(make(np.random.default_rng(0)))
    ensemble = combine(count(labels))
    assert ensemble.grouping.n_groups == 2
    found = ensemble.label(labels).groups
    assert adjusted_rand_score(np.repeat([0, 1], 400), found) == 1


@pytest.mark.parametrize("n_realizations", [2, 3, 9])
@pytest.mark.parametrize("sizes", [[3, 3], [20, 10, 5], [30] * 7])
def test_perfect_agreement_gives_these_groups(n_realizations, sizes):
    truth = np.repeat(np.arange(len(sizes)), sizes)
    labels = [np.roll(np.arange(len(sizes)), r)[truth] for r in range(n_realizations)]
    ensemble = combine(count(labels))
    assert ensemble.grouping.n_groups == len(sizes)
    assert ensemble.grouping.candidates == {"separation": len(sizes)}
    points = ensemble.label(labels)
    assert adjusted_rand_score(truth, points.groups) == 1
    np.testing.assert_array_equal(points.confidence, 1.0)


def test_unrelated_realizations_and_single_give_one_group_or_a_small_score():
    rng = np.random.default_rng(1)
    overlaps = count([rng.integers(0, 4, 5000) for _ in range(8)])
    scores = join_clusters(overlaps).candidates.score
    clear = join_clusters(count(noisy_ensemble(np.arange(5000) % 4, 8, 0.1, 0))).candidates.score
    assert scores.max(initial=0) < 0.2 < 2 < clear[0]
    one = group_clusters(overlaps, single=True)
    assert (one.n_groups, set(one.groups.tolist())) == (1, {0})
    assert one.evidence.score.tolist() == scores.tolist()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n_points=st.integers(1, 12),
    n_realizations=st.integers(1, 5),
    noise=st.booleans(),
    single=st.booleans(),
)
def test_any_number_of_groups_of_tiny_tables(seed, n_points, n_realizations, noise, single):
    rng = np.random.default_rng(seed)
    labels = [rng.integers(-1 if noise else 0, 4, n_points) for _ in range(n_realizations)]
    for array in labels:
        array[rng.integers(n_points)] = 0  # not all are left out
    overlaps = count(labels, noise=-1 if noise else None)
    k = overlaps.n_clusters
    for wanted in ["auto", *range(1, k + 1)]:
        found = group_clusters(overlaps, wanted, single=single)
        assert found.groups.shape == (k,)
        assert sorted(set(found.groups.tolist())) == list(range(found.n_groups))
        if wanted != "auto":
            level = find_levels(overlaps)[overlaps.realization]
            widest = max(np.bincount(level[level >= 0]))
            assert found.n_groups == (wanted if n_realizations == 1 else min(wanted, widest))
        assert sorted(found.leaf_order) == sorted(found.leaves)
        assert found.linkage.shape == (found.leaves.size - 1, 4)
        again = group_clusters(overlaps, wanted, single=single)
        np.testing.assert_array_equal(found.groups, again.groups)
    with pytest.raises(ConfigError, match=f"together have {k} clusters"):
        group_clusters(overlaps, k + 1)


def test_a_given_number_of_groups_of_points():
    truth = np.repeat(np.arange(4), 25)
    labels = noisy_ensemble(truth, 8, 0.05, 0)
    overlaps = count(labels)
    for k, expected in ((1, {1}), (2, {2}), (4, {4})):
        ensemble = combine(overlaps, groups=k)
        assert (ensemble.grouping.n_groups, ensemble.grouping.rule) == (k, "given")
        assert ensemble.grouping.candidates == {}
        assert {len(set(ensemble.label(labels).groups.tolist()))} == expected
    # More than are large enough: smaller ones count, down to single clusters.
    assert group_clusters(overlaps, overlaps.n_clusters).n_groups == overlaps.n_clusters


def test_more_groups_than_a_level_has_clusters():
    labels = [np.arange(40) % 3] * 8 + [np.arange(40) % 8] * 8
    overlaps = count(labels)
    assert find_levels(overlaps).max() == 1
    assert group_clusters(overlaps, 80).n_groups == 64


def test_points_left_out_belong_to_no_cluster():
    truth = np.repeat([0, 1, 2], 30)
    labels = [x.astype(int) for x in noisy_ensemble(truth, 8, 0.0, 0)]
    for r, array in enumerate(labels):
        array[r::9] = -1
    ensemble = combine(count(labels, noise=-1))
    assert ensemble.grouping.n_groups == 3
    found = ensemble.label(labels)
    assert adjusted_rand_score(truth, found.groups) == 1
    np.testing.assert_array_equal(found.confidence, 1.0)


def test_small_branches_go_to_the_group_that_they_share_most_with():
    # One realization tears two points out of the second half.
    labels = [np.repeat([0, 1], 40) for _ in range(8)]
    labels[0] = np.where(np.arange(80) >= 78, 2, labels[0])
    overlaps = count(labels)
    found = group_clusters(overlaps)
    assert found.n_groups == 2
    torn = np.flatnonzero(overlaps.cluster == 2)
    assert found.groups[torn].tolist() == [found.groups[1]]


def test_empty_clusters_share_nothing():
    counts = np.diag([4, 0, 4, 4]).astype(np.int64)
    counts[0, 2] = counts[2, 0] = 2
    counts[0, 3] = counts[3, 0] = 2
    overlaps = Overlaps(counts, np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), 8, 2)
    assert group_clusters(overlaps, 2).n_groups == 2


def test_groups_by_number_are_those_of_the_candidates():
    labels = noisy_ensemble(np.repeat(np.arange(4), 50), 10, 0.1, 0)
    overlaps = count(labels)
    numbered = number_groups(overlaps, 4)
    assert set(numbered) <= {2, 3, 4}
    for k, found in numbered.items():
        joined = join_clusters(overlaps, k)
        np.testing.assert_array_equal(found.groups, joined.groups)
        assert found.score == pytest.approx(joined.candidates.score[0])
        assert found.isolation.shape == found.contact.shape == (k,)
    # By hand: the lift of two groups is what their clusters share, of what chance would have.
    groups = numbered[4].groups
    sizes = np.array([overlaps.sizes[groups == g].sum() for g in range(4)])
    shared = np.array(
        [
            [overlaps.counts[np.ix_(groups == g, groups == h)].sum() for h in range(4)]
            for g in range(4)
        ]
    )
    lift = shared / np.outer(sizes, sizes) * 200 * 10 / 9
    np.fill_diagonal(lift, 0)
    np.testing.assert_allclose(numbered[4].contact, lift.max(axis=1))


def settled_by_search(overlaps, k):
    """Combine the cuts into k groups of all trees, by definition and without a tree of nodes."""
    n_clusters = np.bincount(overlaps.realization)
    levels, least = find_levels(overlaps), smallest_group(overlaps.n_points)
    finest = np.flatnonzero(levels == levels.max())
    leaves = np.flatnonzero(np.isin(overlaps.realization, finest))
    sizes = overlaps.sizes[leaves]
    alike = np.zeros((leaves.size, leaves.size))
    for n in range(levels.max() + 1):
        part = sorted(np.flatnonzero(levels == n), key=lambda r: (n_clusters[r], r))
        trees = [(1.0, part)]
        for pattern in ("01", "0011") if len(part) >= 8 else ():
            sides = [pattern[i % len(pattern)] for i in range(len(part))]
            for side in "01":
                half = [r for r, s in zip(part, sides, strict=True) if s == side]
                trees.append((0.25, half))
        for size in (least, 2 * least):
            cuts = []
            for weight, members in trees:
                tree = Level(overlaps, np.sort(members))
                cut = tree.cuts(size, 100).get(k)
                if cut is None or (size > least and size > overlaps.n_points / k / 3):
                    continue
                own = tree.members(cut[2])
                groups = [tree.leaves[own == g] for g in range(k)]
                groups.sort(key=lambda members: -overlaps.sizes[members].sum())
                shares = [overlaps.counts[members][:, leaves].sum(axis=0) for members in groups]
                of = np.argmax(shares, axis=0)
                for g, members in enumerate(groups):
                    of[np.isin(leaves, members)] = g
                apart = math.log((cut[1] + FLOOR) / (cut[0] + FLOOR))
                cuts.append((weight * max(0.0, apart), of))
            points = [np.repeat(of, sizes) for _, of in cuts]
            for place, (weight, of) in enumerate(cuts):
                others = points[:place] + points[place + 1 :]
                agree = [max(0, adjusted_rand_score(points[place], other)) for other in others]
                alike += weight * np.mean(agree or [1]) * (of[:, None] == of)
    sizes = sizes.astype(float)
    # Leaves that all cuts hold together are joined first; from the root down, groups part.
    joined = join_by_search(alike * np.outer(sizes, sizes), sizes)
    large = least * finest.size
    for sets, _ in joined[::-1]:
        held = [s for s in sets if sizes[list(s)].sum() >= large]
        if len(held) == k:
            return leaves, held
    return leaves, None


@pytest.mark.parametrize(("seed", "noise"), [(1, 0.1), (2, 0.3), (3, 0.4), (4, 0.5)])
def test_a_given_number_is_what_the_cuts_of_all_levels_and_halves_agree_on(seed, noise):
    rng = np.random.default_rng(seed)
    truth = np.repeat([0, 1, 2, 3], [34, 28, 20, 8])
    split = [2 * x + rng.integers(0, 2, 90) for x in noisy_ensemble(truth, 17, noise, seed)]
    labels = [x // 2 if r < 8 else x for r, x in enumerate(split)]
    overlaps = count(labels)
    assert find_levels(overlaps).tolist() == [0] * 8 + [1] * 9
    tested = 0
    for k in (2, 3, 4):
        leaves, sets = settled_by_search(overlaps, k)
        joined = join_clusters(overlaps, k)
        groups = joined.groups
        np.testing.assert_array_equal(cut_groups(overlaps, [k])[0], cut_groups(overlaps, [1, k])[1])
        assert len(set(groups.tolist())) == k
        if sets is not None:
            found = {frozenset(np.flatnonzero(groups[leaves] == g).tolist()) for g in range(k)}
            held = frozenset().union(*sets)
            assert {s & held for s in found} == {frozenset(s) for s in sets}
            tested += 1
    assert tested


def beside_noise(seed):
    """Two groups that touch, one apart, and 12 points that mostly have a cluster of their own."""
    rng = np.random.default_rng(seed)
    truth, labels = np.repeat([0, 1, 2], 60), []
    for _ in range(12):
        place = np.arange(180) + rng.normal(0, 3, 180)
        place = np.where(truth == 2, np.maximum(place, 120), np.minimum(place, 119))
        inner = [60 * g + np.array([15, 30, 45]) + rng.integers(-6, 7, 3) for g in range(3)]
        pieces = np.searchsorted(np.sort(np.concatenate([*inner, [60, 120]])), place, side="right")
        noise = np.where(rng.random(12) < 0.95, 12, rng.integers(0, 12, 12))
        labels.append(np.concatenate([pieces, noise]))
    return truth, labels


def test_noise_makes_no_group_of_a_given_number():
    right = {"tree": 0, "given": 0}
    for seed in range(8):
        truth, labels = beside_noise(seed)
        overlaps = count(labels)
        tree = number_groups(overlaps, 3)[3].groups
        for name, groups in (("tree", tree), ("given", join_clusters(overlaps, 3).groups)):
            found, _ = vote(labels, overlaps, groups.astype(np.int32))
            right[name] += adjusted_rand_score(truth, found[:180]) > 0.9
    assert right["tree"] <= 2
    assert right["given"] >= 6


def test_the_largest_of_many_leaves_tell_a_given_number(monkeypatch):
    truth = np.repeat([0, 1, 2], [60, 50, 40])
    rng = np.random.default_rng(7)
    labels = [4 * x + rng.integers(0, 4, 150) for x in noisy_ensemble(truth, 16, 0.3, 7)]
    overlaps = count(labels)
    before = join_clusters(overlaps, 3).groups
    monkeypatch.setattr(coassociation, "MOST_LEAVES", 4)
    after = join_clusters(overlaps, 3).groups
    assert after.size == before.size == overlaps.n_clusters
    for groups in (before, after):
        found, _ = vote(labels, overlaps, groups.astype(np.int32))
        assert adjusted_rand_score(truth, found) > 0.8
    monkeypatch.setattr(coassociation, "MOST_LEAVES", 2)  # too few for three: the best level's
    known = number_groups(overlaps, 3)[3].groups
    np.testing.assert_array_equal(join_clusters(overlaps, 3).groups, known)


def test_several_given_numbers_are_those_given_alone():
    rng = np.random.default_rng(6)
    labels = [5 * x + rng.integers(0, 5, 90) for x in noisy_ensemble(np.arange(90) % 3, 20, 0.3, 6)]
    overlaps = count(labels)
    numbers = [30, 1, 3, 2, 5, 60]  # of which some need groups that are smaller
    for k, groups in zip(numbers, cut_groups(overlaps, numbers), strict=True):
        alone = group_clusters(overlaps, k)
        np.testing.assert_array_equal(groups, alone.groups)
        assert alone.n_groups == k


def test_documented_examples(root, capsys):
    pages = ["how-to/combine-labels.md", "explanation/ensemble.md"]
    text = "".join((root / "docs" / page).read_text(encoding="utf-8") for page in pages)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, names)
    found = names["ensemble"]
    assert found.grouping.n_groups == names["evidence"].n_groups[0] == 2
    groups = found.label(names["runs"]).groups
    assert adjusted_rand_score(names["rings"].classes, groups) == 1
    assert names["found"].grouping.candidates.keys() == RULES.keys()
    assert capsys.readouterr().out
