"""Points that realizations leave out, and labels of text: against masks and loops."""

from dataclasses import replace
from functools import partial, reduce

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_ensemble import (
    agreement_of_groups,
    count_by_masks,
    gsum_by_masks,
    masks_of,
    silhouette_of_groups,
    vote_by_loops,
)
from oracles_ensemble import count as oracle_count
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from kohorte import store
from kohorte.ensemble import (
    add_overlaps,
    bootstrap_gsum,
    combine,
    count_overlaps,
    encode_labels,
    extend_overlaps,
    group_stability,
    measure_sufficiency,
    select_realizations,
)
from kohorte.ensemble.coassociation import find_levels
from kohorte.ensemble.consensus import CONSENSUS
from kohorte.ensemble.labels import find_copies
from kohorte.ensemble.significance import overlap
from kohorte.ensemble.stability import cluster_recovery
from kohorte.ensemble.sweep import combine_settings, measure_setting
from kohorte.ensemble.tree import build_tree, cut_tree
from kohorte.ensemble.votes import VOTES
from kohorte.errors import ConfigError, DataError
from kohorte.jobs.counting import count_slab
from kohorte.store.sweeps import read_sweep_labels, write_sweep


def make_labels(seed, share=None, n_realizations=4, n=40):
    """Noisy copies of three classes, with gaps in the ids, of which some leave points out, -1."""
    rng = np.random.default_rng(seed)
    share = rng.random() * 0.7 if share is None else share
    truth = rng.integers(0, 3, n)
    labels = np.where(rng.random((n_realizations, n)) < 0.2, 4, truth) * 3
    labels[rng.random(labels.shape) < share * rng.random((n_realizations, 1))] = -1
    labels[:, 0] = 0  # each has a cluster
    return list(labels.astype(rng.choice(["i1", "i2", "i8"])))


count = partial(oracle_count, noise=-1, threads=1)
ensembles = st.integers(0, 2**32).map(make_labels)


@settings(max_examples=40, deadline=None)
@given(labels=ensembles, slab=st.integers(1, 50))
def test_counts_are_those_of_the_masks_of_the_clusters(labels, slab):
    found = count(labels)
    _, realization, cluster = masks_of(labels, -1)
    np.testing.assert_array_equal(found.counts, count_by_masks(labels, -1))
    assert (found.realization.tolist(), found.cluster.tolist()) == (realization, cluster)
    assert (found.n_points, found.noise) == (40, -1)
    # Over slabs of points, also those that a realization leaves out altogether, and one by one.
    parts = [count([x[a : a + slab] for x in labels]) for a in range(0, 40, slab)]
    grown = extend_overlaps(count(labels[:2]), labels[:2], labels[2:], backend="numba")
    for other in (count(labels, slab=slab), reduce(add_overlaps, parts), grown):
        for name in ("counts", "realization", "cluster", "n_points", "noise"):
            np.testing.assert_array_equal(getattr(other, name), getattr(found, name))
    np.testing.assert_array_equal(
        select_realizations(found, [2, 0]).counts, count([labels[2], labels[0]]).counts
    )


def test_accelerators_leave_the_same_points_out():
    labels = make_labels(3, n=300)
    found = count_overlaps(labels, noise=-1, backend="jax")
    np.testing.assert_array_equal(found.counts, count(labels).counts)


@settings(max_examples=40, deadline=None)
@given(labels=ensembles)
def test_agreement_is_that_on_the_points_that_both_hold(labels):
    ensemble = combine(count(labels))
    for i, a in enumerate(labels):
        for j, b in enumerate(labels):
            both = (a >= 0) & (b >= 0)
            ari, nmi = adjusted_rand_score, normalized_mutual_info_score
            assert ensemble.ari[i, j] == pytest.approx(ari(a[both], b[both]), abs=1e-12)
            assert ensemble.nmi[i, j] == pytest.approx(nmi(a[both], b[both]), abs=1e-9)


def test_realizations_that_share_no_point_do_not_agree():
    ensemble = combine(count([[0, 0, 1, -1, -1, -1], [-1, -1, -1, 0, 1, 1], [0, 0, 1, 0, 1, 1]]))
    for matrix in (ensemble.ari, ensemble.nmi):
        np.testing.assert_allclose(matrix, [[1, 0, 1], [0, 1, 1], [1, 1, 1]])


@settings(max_examples=40, deadline=None)
@given(labels=ensembles, identical=st.sampled_from(["resolved", "reference"]))
def test_significance_and_similarity_are_those_of_masks(labels, identical):
    overlaps = count(labels)
    ensemble = combine(overlaps, identical=identical)
    values, signal = gsum_by_masks(labels, identical, -1)
    np.testing.assert_allclose(ensemble.gsum, values, rtol=1e-12)
    np.testing.assert_allclose(ensemble.label(labels).signal, signal, rtol=1e-12, atol=1e-12)
    masks, realization, _ = masks_of(labels, -1)
    jaccard = np.array([[np.sum(a & b) / np.sum(a | b) for b in masks] for a in masks])
    apart = np.not_equal.outer(realization, realization)
    np.testing.assert_allclose(overlap(overlaps)[apart], jaccard[apart], rtol=1e-12)
    best = [[max(row[np.equal(realization, r)]) for r in range(4)] for row in jaccard]
    others = [
        [x for r, x in enumerate(row) if r != i] for i, row in zip(realization, best, strict=True)
    ]
    np.testing.assert_allclose(cluster_recovery(overlaps), np.mean(others, axis=1), rtol=1e-12)
    groups = ensemble.grouping.groups
    stable = group_stability(overlaps, groups)
    for g in range(ensemble.grouping.n_groups):
        own = np.ix_(groups == g, groups == g)
        assert stable.found[g] == len(set(np.array(realization)[groups == g])) / 4
        expected = jaccard[own][apart[own]].mean() if apart[own].any() else np.nan
        assert stable.jaccard[g] == pytest.approx(expected, rel=1e-12, nan_ok=True)
    rng = np.random.default_rng(0)
    found = bootstrap_gsum(overlaps, rng, resamples=5, identical=identical)
    np.testing.assert_array_equal(found.gsum, ensemble.gsum)


@settings(max_examples=30, deadline=None)
@given(labels=ensembles)
def test_rules_against_plain_loops(labels):
    overlaps = count(labels)
    _, tree = build_tree(overlaps)
    candidates = combine(overlaps, consensus="jaccard").grouping.candidates
    numbers = range(2, max(np.bincount(overlaps.realization)) + 1)
    for rule, score in (("agreement", agreement_of_groups), ("silhouette", silhouette_of_groups)):
        scores = {g: score(labels, cut_tree(tree, g).tolist(), -1) for g in numbers} | {1: 0.0}
        assert scores[candidates[rule]] == pytest.approx(max(scores.values()), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(labels=ensembles, votes=st.sampled_from(list(VOTES)))
def test_only_realizations_that_hold_a_point_vote_on_it(labels, votes):
    for array in labels:
        array[-1] = -1
    ensemble = combine(count(labels), groups=3)
    found = ensemble.label(labels, votes)
    held = np.sum([array >= 0 for array in labels], axis=0)
    if votes == "equal":
        winners, counted = vote_by_loops(labels, ensemble.grouping.groups, 3, -1)
        np.testing.assert_array_equal(found.groups, np.where(held > 0, winners, -1))
        np.testing.assert_array_equal(found.votes, counted)
        np.testing.assert_array_equal(found.cast, held)
    assert (found.groups[-1], found.confidence[-1], found.signal[-1]) == (-1, 0, 0)
    assert (found.confidence[held > 0] > 0).all()
    shares = ensemble.shares(labels, votes)
    np.testing.assert_allclose(shares.sum(axis=1), held > 0)
    np.testing.assert_array_equal(shares.max(axis=1), found.confidence)
    slabs = list(ensemble.stream(labels, votes, slab=7))
    np.testing.assert_array_equal(np.concatenate([s.groups for s in slabs]), found.groups)


@settings(max_examples=30, deadline=None)
@given(labels=ensembles, seed=st.integers(0, 2**32))
def test_results_follow_points_and_ignore_names(labels, seed):
    ensemble = combine(count(labels))
    found = ensemble.label(labels)
    order = np.random.default_rng(seed).permutation(40)
    moved = [array[order] for array in labels]
    renamed = [np.where(array < 0, 7, array.astype(int) + 10) for array in labels]
    for others, code, points in ((moved, -1, order), (renamed, 7, slice(None))):
        other = combine(oracle_count(others, noise=code))
        for name in ("gsum", "ari", "nmi", "order", "sce_groups"):
            np.testing.assert_array_equal(getattr(other, name), getattr(ensemble, name))
        again = other.label(others)
        for name in ("groups", "confidence", "signal"):
            np.testing.assert_array_equal(getattr(again, name), getattr(found, name)[points])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_where_no_point_is_left_out_nothing_changes(seed):
    labels = make_labels(seed, share=0)
    plain, chosen = (combine(oracle_count(labels, noise=x)) for x in (None, -1))
    for name in ("gsum", "order", "sce_groups", "ari", "nmi"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(chosen, name), strict=True)
    for name in ("linkage", "leaf_order", "groups"):
        a, b = (getattr(e.grouping, name) for e in (plain, chosen))
        np.testing.assert_array_equal(a, b, strict=True)
    assert plain.grouping.candidates == chosen.grouping.candidates
    a, b = plain.label(labels), chosen.label(labels)
    for name in ("votes", "cast", "signal", "confidence"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), strict=True)
    np.testing.assert_array_equal(a.groups, b.groups)
    assert (a.groups.dtype, b.groups.dtype) == (np.uint8, np.int8)


@pytest.mark.parametrize("name", CONSENSUS)
def test_sufficiency_and_settings_count_points_without_a_label_as_one_group(name):
    labels = make_labels(8, share=0.9, n_realizations=6)
    overlaps = count(labels)

    def consensus(members):
        part = combine(select_realizations(overlaps, members), groups=3, consensus=name)
        return part.label([labels[r] for r in members]).groups

    whole = consensus(range(6))
    found = measure_sufficiency(
        labels, overlaps, np.random.default_rng(7), sizes=[2, 3], draws=4, groups=3, consensus=name
    )
    generator, missing = np.random.default_rng(7), 0
    levels = find_levels(overlaps) if name == "coassociation" else np.zeros(6)
    for s, size in enumerate((2, 3)):
        for d in range(4):
            places = np.empty(6)
            for level in sorted(set(levels)):
                own = np.flatnonzero(levels == level)
                places[own] = (generator.permutation(own.size) + generator.random()) / own.size
            drawn = np.argsort(places)[: 2 * size]
            parts = [consensus(np.sort(own)) for own in (drawn[::2], drawn[1::2])]
            missing += (np.array(parts) < 0).sum()
            assert found.ari[s, d] == pytest.approx(adjusted_rand_score(*parts), abs=1e-12)
    assert missing
    how = {"groups": 3, "consensus": name}
    (setting, _) = combine_settings(overlaps, np.array([0, 1, 0, 1, 1, 1]), **how)
    own = setting.ensemble.label(setting.select(labels)).groups
    measures = measure_setting(setting.ensemble, own, whole)
    expected = adjusted_rand_score(own, whole)
    assert measures.agreement_with_all == pytest.approx(expected, abs=1e-12)


def test_files_keep_what_was_left_out(tmp_path):
    labels = make_labels(2, share=0.9)
    for array in labels:
        array[-1] = -1
    ensemble, options = combine(count(labels), groups=3), {"votes": "equal"}
    ids = ["a", "b", "c", "d"]
    store.write_overlaps(tmp_path / "o.h5", ensemble.overlaps, dict.fromkeys(ids, ""))
    assert store.read_overlaps(tmp_path / "o.h5")[0].noise == -1
    store.write_ensemble(tmp_path / "e.h5", ensemble, labels, ids=ids, options=options)
    stored, found = store.read_ensemble(tmp_path / "e.h5", points=True), ensemble.label(labels)
    assert (found.groups < 0).any()
    np.testing.assert_array_equal(stored.points.label, found.groups, strict=True)
    np.testing.assert_array_equal(stored.label(labels).groups, found.groups, strict=True)
    np.testing.assert_array_equal(stored.points.confidence, found.confidence.astype(np.float32))
    assert stored.points.mean_confidence == pytest.approx(found.confidence.mean())
    assert stored.points.groups_with_points == len(set(found.groups.tolist()) - {-1})
    parts = combine_settings(stored.overlaps, np.zeros(4, int), groups=3)
    sweep = {"ids": ids, "parameters": [{}], "options": options}
    write_sweep(tmp_path / "s.h5", parts, labels, **sweep)
    ((consensus, _),) = read_sweep_labels(tmp_path / "s.h5")
    np.testing.assert_array_equal(consensus, found.groups)
    with h5py.File(tmp_path / "e.h5") as file:
        assert file.attrs["noise"] == -1


def test_counts_with_another_choice_are_not_kept(tmp_path):
    labels = store.LabelArrays(("a", "b"), ([0, 1, 1, 2], [0, 0, 2, 1]), ("x", "y"))
    labels = replace(labels, arrays=tuple(map(np.array, labels.arrays)))
    for noise in (None, 0, 2, None):
        count_slab(tmp_path / "0.json", labels, 0, 1, noise=noise, losses={}, backend="numba")
        found, _ = store.read_overlaps(tmp_path / "0.h5")
        assert found.noise == noise
        assert found.cluster.tolist() == [k for k in (0, 1, 2) * 2 if k != noise]


def test_what_cannot_be_left_out_is_named():
    labels = [np.array([0, 1, -1]), np.array([-1, -1, -1])]
    with pytest.raises(DataError, match=r"realization 0 hold the negative id -1; .*noise=-1"):
        count_overlaps(labels)
    with pytest.raises(DataError, match="realization 0 hold the negative id -2"):
        count([[0, -2, -1]])
    with pytest.raises(DataError, match=r"realization 1 leaves out every point \(noise = -1\)"):
        combine(count(labels))
    with pytest.raises(DataError, match="realization 1 leaves out every point"):
        bootstrap_gsum(count(labels), np.random.default_rng(0))
    for noise in ("noise", 1.0, True):
        with pytest.raises(ConfigError, match="noise must be the label of points left out"):
            count_overlaps(labels, noise=noise)
    with pytest.raises(DataError, match=r"noise = -1 and with noise = None cannot be added"):
        add_overlaps(count(labels[:1]), count_overlaps([[0, 1, 1]]))


def test_the_first_lines_of_the_documentation_run(root, capsys):
    text = (root / "docs" / "how-to" / "combine-labels.md").read_text(encoding="utf-8")
    names = {}
    exec(text.partition("```python\n")[2].partition("```")[0], names)
    assert capsys.readouterr().out.startswith(f"{names['ensemble'].grouping.n_groups} [")
    found = names["found"]
    votes = vote_by_loops(names["labels"], names["ensemble"].grouping.groups, 9)
    np.testing.assert_array_equal(found.groups, votes[0])
    np.testing.assert_allclose(found.confidence, votes[1] / len(names["labels"]))
    from kohorte import Ensemble, ensemble

    assert isinstance(names["ensemble"], Ensemble)
    for name in ensemble.__all__:
        assert getattr(ensemble, name).__name__ == name
        assert name in dir(ensemble)
    with pytest.raises(AttributeError, match="has no attribute 'vote'"):
        ensemble.vote  # noqa: B018


@pytest.mark.parametrize(
    ("values", "noise", "codes"),
    [
        ([1.0, np.nan, 2.0], np.nan, [0, -1, 1]),
        (["b", None, "a"], None, None),
        (["b", float("nan"), "a"], None, None),
        (["b", float("nan"), "a"], np.nan, [1, -1, 0]),
        (["b", np.ma.masked, "a"], None, None),
        (["b", -1, "a"], -1, [1, -1, 0]),
        ([1.0, np.nan, 2.0], 1.0, None),
        (pd.Series(["b", pd.NA, "a"], dtype="string"), pd.NA, [1, -1, 0]),
        (pd.Series(["b", pd.NA, "a"], dtype="string"), "a", None),
        (np.array(["2020", "NaT"], "datetime64[Y]"), np.datetime64("NaT"), [0, -1]),
    ],
)
def test_missing_labels_are_noise_or_refused(values, noise, codes):
    if codes is None:
        with pytest.raises(DataError, match="the label of point 1 is missing"):
            encode_labels(values, noise=noise)
    else:
        assert encode_labels(values, noise=noise)[0].tolist() == codes


def test_containers_of_labels():
    series = pd.Series([0, 1, 1, 0], index=list("dcba"))
    plain = count_overlaps([[0, 1, 1, 0]] * 2).counts
    for array in (series, series.astype("Int64"), series.astype("category").cat.codes):
        np.testing.assert_array_equal(count_overlaps([array, series]).counts, plain)
    for dtype in ("Int64", "UInt8", "int64[pyarrow]"):
        array = pd.array([0, 1, 1, 0], dtype=dtype)
        overlaps = count_overlaps([array, series])
        np.testing.assert_array_equal(overlaps.counts, plain)
        found = [combine(overlaps).label(2 * [labels]).groups for labels in (array, series)]
        np.testing.assert_array_equal(*found)
    with pytest.raises(DataError, match=r"labels of realization 0 are .*, not integers"):
        count_overlaps([pd.array([0, None], dtype="Int64")])
    with pytest.raises(DataError, match="labels are a DataFrame"):
        count_overlaps(pd.DataFrame({"a": series}))
    with pytest.raises(DataError, match=r"are bool, not integers; convert with astype\(int\)"):
        count_overlaps([[True, False]])
    with pytest.raises(DataError, match=r"labels of realization 0 are .*, not integers"):
        find_copies([[0.1, 0.2], [0.3, 0.4]])


def test_labels_of_text():
    names = ["tree", "field", "road", "none"]
    text = [np.array(names)[array] for array in ([0, 0, 1, 3], [0, 1, 1, 2])]
    codes, found = encode_labels(text[0], noise="none")
    assert (codes.tolist(), found.tolist()) == ([1, 1, 0, -1], ["field", "tree"])
    assert encode_labels(text[0])[0].tolist() == [2, 2, 0, 1]
    overlaps = count([encode_labels(array, noise="none")[0] for array in text])
    assert overlaps.sizes.tolist() == [1, 2, 2, 1, 1]
    with pytest.raises(DataError, match="are <U5, not integers; number them by encode_labels"):
        count_overlaps(text)
    for mixed in (np.array(["a", 1], dtype=object), [1, "1", 2]):
        with pytest.raises(DataError, match="labels cannot be sorted"):
            encode_labels(mixed)
    with pytest.raises(DataError, match=r"labels have shape \(2, 1\)"):
        encode_labels([["a"], ["b"]])
