"""Counts of pairs of clusters that share points alone, beside counts of all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_ensemble import count, count_by_masks

from kohorte import store
from kohorte.ensemble import histograms, overlaps, popcount
from kohorte.ensemble.chain import join_neighbours, join_pairs
from kohorte.ensemble.combination import combine
from kohorte.ensemble.consensus import cut_groups
from kohorte.ensemble.overlaps import (
    Overlaps,
    add_overlaps,
    count_overlaps,
    extend_overlaps,
    select_realizations,
)
from kohorte.ensemble.significance import (
    _smooth,
    _smooth_long,
    goodness,
    gsum,
    gsum_by_realization,
)
from kohorte.ensemble.stability import bootstrap_gsum, cluster_recovery, group_stability
from kohorte.errors import DataError
from kohorte.explorer.content import _between_groups
from kohorte.figures.ensemble import _average_shared, average_down


@st.composite
def ensembles(draw):
    n = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    widths = draw(st.lists(st.integers(1, 40), min_size=1, max_size=5))
    return [rng.integers(-1, width, n).astype(np.int16) + np.int16(1) for width in widths]


@pytest.fixture(scope="module")
def segments():
    """Cells around random centres of points in two rings."""
    rng = np.random.default_rng(3)
    angle, radius = rng.random(2500) * 2 * np.pi, 1.0 + (np.arange(2500) % 2)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    points += 0.05 * rng.normal(size=points.shape)
    labels = []
    for width in (60, 40, 70, 45, 55, 65, 50, 62, 38):
        centres = points[rng.choice(2500, width, replace=False)]
        distance = ((points[:, None] - centres) ** 2).sum(axis=2)
        labels.append(distance.argmin(axis=1).astype(np.uint8))
    return labels


def sparsely(function, *arguments, **options):
    """Call a function as if very few clusters were too many for counts of all pairs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlaps, "DENSE_CLUSTERS", 0)
        return function(*arguments, **options)


def same(sparse: Overlaps, dense: Overlaps) -> bool:
    assert sparse.sparse is not None
    assert dense.sparse is None
    assert sparse.sparse.has_sorted_indices
    assert (sparse.sparse.data > 0).all()
    assert sparse.counts.dtype == dense.counts.dtype
    return (
        np.array_equal(sparse.counts.toarray(), dense.counts)
        and np.array_equal(sparse.sizes, dense.sizes)
        and np.array_equal(sparse.realization, dense.realization)
        and np.array_equal(sparse.cluster, dense.cluster)
    )


@settings(max_examples=40, deadline=None)
@given(ensembles(), st.integers(0, 6), st.integers(1, 4), st.integers(0, 4))
def test_rows_of_histograms_are_counts_of_masks(labels, wide, threads, first):
    expected = count_by_masks(labels)
    k = min(first, len(labels) - 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(popcount, "WIDE", wide)
        patch.setattr(histograms, "_CELL_BYTES", 16 * 2 * len(labels))  # several chunks and blocks
        patch.setattr(histograms, "_BLOCK", 16)
        np.testing.assert_array_equal(count(labels, threads=threads).counts, expected)
        assert same(sparsely(count, labels, threads=threads), count(labels))
        if k:  # tables with old realizations are counted from new ones
            extended = extend_overlaps(count(labels[:k]), labels[:k], labels[k:], threads=threads)
            np.testing.assert_array_equal(extended.counts, expected)


@settings(max_examples=25, deadline=None)
@given(ensembles(), st.data())
def test_sparse_counts_are_added_extended_and_chosen_as_all(labels, data):
    whole, n = count(labels, noise=0), len(labels[0])
    assert same(sparsely(count, labels, noise=0), whole)
    assert same(sparsely(count, labels, noise=0, slab=7), whole)
    cut = data.draw(st.integers(0, n))
    if 0 < cut < n:
        parts = [sparsely(count, [x[s] for x in labels], noise=0) for s in np.s_[:cut, cut:]]
        assert same(sparsely(add_overlaps, *parts), whole)
    points = np.random.default_rng(0).permutation(n)
    assert same(sparsely(count, [x[points] for x in labels], noise=0), whole)
    order = data.draw(st.permutations(range(len(labels))))[:3]
    some = select_realizations(whole, order)
    sparse = sparsely(count, labels, noise=0)
    assert same(sparsely(select_realizations, sparse, order), some)
    assert np.array_equal(select_realizations(sparse, order).counts, some.counts)
    if len(labels) > 1:
        old = sparsely(count, labels[:1], noise=0)
        assert same(sparsely(extend_overlaps, old, labels[:1], labels[1:]), whole)


def test_clusters_of_more_points_than_16_bits_hold():
    labels = [np.zeros(70_000, np.uint8), np.arange(70_000, dtype=np.uint16) % 40]
    labels[1][:66_000] = 3
    expected = np.bincount(labels[1])
    for found in (count(labels), sparsely(count, labels)):
        np.testing.assert_array_equal(found.rows([0])[0, 1:], expected)


def test_more_clusters_than_16_bits_number():
    rng = np.random.default_rng(0)
    labels = [rng.permutation(40_000).astype(np.uint16) for _ in range(2)]
    found = count(labels)
    assert found.counts.nnz == 2 * 80_000
    first = found.counts[labels[0]]
    np.testing.assert_array_equal(found.counts.diagonal(), 1)
    np.testing.assert_array_equal(first[:, 40_000 + labels[1].astype(int)].diagonal(), 1)


def test_one_thread_or_three_and_any_backend_give_the_same_sparse_counts(segments):
    one = sparsely(count, segments, threads=1)
    for options in ({"threads": 3}, {"threads": 16}, {"threads": 2, "backend": "jax"}):
        other = sparsely(count_overlaps, segments, **options)
        for name in ("data", "indices", "indptr"):
            assert np.array_equal(getattr(one.counts, name), getattr(other.counts, name))


def test_everything_from_sparse_counts_is_what_all_counts_give(segments):
    dense, sparse = count(segments), sparsely(count, segments)
    a, b = combine(dense), combine(sparse)
    for name in ("gsum", "order", "sce_groups", "ari"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    np.testing.assert_allclose(a.nmi, b.nmi, rtol=1e-12)
    for name in ("groups", "linkage", "leaves", "leaf_order", "levels"):
        np.testing.assert_array_equal(getattr(a.grouping, name), getattr(b.grouping, name))
    assert a.grouping.n_groups > 1
    for name, values in vars(a.grouping.evidence).items():
        np.testing.assert_array_equal(values, getattr(b.grouping.evidence, name))
    for x, y in zip(cut_groups(dense, [3, 7]), cut_groups(sparse, [3, 7]), strict=True):
        np.testing.assert_array_equal(x, y)

    groups = cut_groups(dense, [5])[0]
    for name, values in vars(group_stability(dense, groups)).items():
        np.testing.assert_allclose(
            values, getattr(group_stability(sparse, groups), name), rtol=1e-12
        )
    np.testing.assert_array_equal(cluster_recovery(dense), cluster_recovery(sparse))
    np.testing.assert_allclose(
        _between_groups(dense, groups, 5), _between_groups(sparse, groups, 5), rtol=1e-9
    )
    np.testing.assert_array_equal(gsum(dense), gsum(sparse))
    np.testing.assert_array_equal(gsum_by_realization(dense), gsum_by_realization(sparse))
    np.testing.assert_allclose(gsum_by_realization(sparse).sum(axis=1), gsum(dense), rtol=1e-9)
    draws = [bootstrap_gsum(x, np.random.default_rng(0), resamples=20) for x in (dense, sparse)]
    np.testing.assert_allclose(draws[0].gsum_high, draws[1].gsum_high, rtol=1e-9)
    left_out = [x.astype(np.int16) - np.int16(1) for x in segments]
    np.testing.assert_array_equal(
        combine(count(left_out, noise=-1)).ari, combine(sparsely(count, left_out, noise=-1)).ari
    )


def test_pictures_of_sparse_counts_have_the_means_of_all_pairs(segments, monkeypatch):
    monkeypatch.setattr("kohorte.figures.ensemble.MAX_PIXELS", 50)
    dense, sparse = count(segments), sparsely(count, segments)
    order = np.random.default_rng(0).permutation(dense.n_clusters)
    row, column = sparse.pairs
    table = goodness(dense)
    values = table[row, column]
    expected = average_down(table[np.ix_(order, order)])
    found = _average_shared(sparse, order, values, apart=False)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    table[dense.realization[:, None] == dense.realization] = np.nan
    table[dense.counts == 0] = np.where(np.isnan(table[dense.counts == 0]), np.nan, 1.0)
    expected = average_down(table[np.ix_(order, order)])
    np.testing.assert_allclose(
        _average_shared(sparse, order, values, other=1.0), expected, atol=1e-12
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 25), st.floats(0, 1), st.integers(0, 2**32))
def test_neighbours_are_joined_in_the_order_of_the_full_table(k, share, seed):
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.integers(1, 4, (k, k)) * (rng.random((k, k)) < share), 1)
    table = (upper + upper.T).astype(float)
    weights = rng.integers(1, 4, k).astype(float)
    rows = [np.flatnonzero(row) for row in table]
    starts = np.concatenate([[0], np.cumsum([x.size for x in rows])])
    found = join_neighbours(
        starts, np.concatenate(rows).astype(np.int32), table[table > 0], weights.copy()
    )
    for x, y in zip(found, join_pairs(table.copy(), weights.copy()), strict=True):
        np.testing.assert_array_equal(x, y)


def test_sparse_counts_are_written_and_read(segments, tmp_path):
    sparse = sparsely(count, segments)
    store.write_overlaps(tmp_path / "slab.h5", sparse, {str(r): "x" for r in range(9)})
    read, _ = store.read_overlaps(tmp_path / "slab.h5")
    assert same(read, count(segments))
    ids = [f"r{r}" for r in range(9)]
    ensemble = combine(sparse)
    options = {"votes": "equal", "identical": "resolved"}
    store.write_ensemble(tmp_path / "e.h5", ensemble, segments, ids=ids, options=options)
    assert same(store.read_ensemble(tmp_path / "e.h5").overlaps, count(segments))
    contents = dict.fromkeys(ids, "x")
    store.write_combined(tmp_path / "c.h5", ensemble, contents)
    assert same(store.read_combined(tmp_path / "c.h5")[0].overlaps, count(segments))
    without, _ = store.read_combined(tmp_path / "c.h5", counts=False)
    np.testing.assert_array_equal(without.label(segments).groups, ensemble.label(segments).groups)


def test_what_needs_all_pairs_says_so(segments):
    sparse = sparsely(count, segments)
    with pytest.raises(DataError, match="485 clusters, 0 GB; at most 10000 clusters"):
        goodness(sparse)
    with pytest.raises(DataError, match="jaccard, unlike that of coassociation, needs"):
        combine(sparse, consensus="jaccard")


def test_limits_of_sparse_counts_are_told(segments, monkeypatch):
    monkeypatch.setattr(overlaps, "MAX_PAIRS", 2000)
    with pytest.raises(DataError, match="more than 2000 pairs of clusters share points"):
        sparsely(count, segments)
    monkeypatch.setattr(overlaps, "MAX_WIDTH", 69)
    with pytest.raises(DataError, match="realization 2 has 70 clusters, more than 69"):
        count(segments)


def test_long_windows_are_filtered_as_short_ones():
    ranked = np.sort(np.random.default_rng(0).exponential(size=700))[::-1]
    for x, y in zip(_smooth(ranked), _smooth_long(ranked, 71), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12)
