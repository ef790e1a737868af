"""Counting: both backends against explicit masks, slabs, additivity, limits and bad input."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_ensemble import count, count_by_masks, masks_of

from kohorte.ensemble import popcount
from kohorte.ensemble.labels import MAX_SLAB, check_labels, find_copies
from kohorte.ensemble.overlaps import (
    BACKENDS,
    Overlaps,
    add_overlaps,
    count_overlaps,
    extend_overlaps,
    select_realizations,
)
from kohorte.errors import ConfigError, DataError

backends = pytest.mark.parametrize("backend", BACKENDS)


@st.composite
def ensembles(draw, max_points=150, max_realizations=4):
    n = draw(st.integers(1, max_points))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    labels = []
    for _ in range(draw(st.integers(1, max_realizations))):
        ids = rng.choice(60, draw(st.integers(1, 8)), replace=False)  # gaps, any order
        labels.append(rng.choice(ids, n).astype(np.uint8))
    return labels


def random_labels(widths, n, seed=0, dtype=np.uint8):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, width, n).astype(dtype) for width in widths]


def same(a: Overlaps, b: Overlaps) -> bool:
    return (
        np.array_equal(a.counts, b.counts)
        and np.array_equal(a.realization, b.realization)
        and np.array_equal(a.cluster, b.cluster)
        and (a.n_points, a.n_realizations) == (b.n_points, b.n_realizations)
    )


@backends
@settings(max_examples=40, deadline=None)
@given(labels=ensembles())
def test_counts_are_those_of_masks(backend, labels):
    found = count_overlaps(labels, backend=backend)
    _, realization, cluster = masks_of(labels)
    np.testing.assert_array_equal(found.counts, count_by_masks(labels))
    np.testing.assert_array_equal(found.realization, realization)
    np.testing.assert_array_equal(found.cluster, cluster)
    np.testing.assert_array_equal(found.sizes, np.diagonal(found.counts))
    assert found.counts.dtype == np.int64
    assert (found.n_points, found.n_realizations) == (len(labels[0]), len(labels))


@backends
def test_large_tables_and_many_points(backend):
    # More clusters than bit masks are used for, than uint8 holds, and points beyond one chunk.
    labels = random_labels((3, 21, 300, 20, 2, 1), 70_001, dtype=np.uint16)
    found = count_overlaps(labels, backend=backend, threads=3)
    one_hot = np.concatenate([x == np.arange(x.max() + 1)[:, None] for x in labels])
    one_hot = one_hot.astype(np.float32)  # which holds all whole numbers up to 2**24
    np.testing.assert_array_equal(found.counts, one_hot @ one_hot.T)


@settings(max_examples=40, deadline=None)
@given(labels=ensembles(), cut=st.floats(0, 1))
def test_additive_over_slabs_with_missing_clusters(labels, cut):
    whole = count(labels)
    n = whole.n_points
    k = min(max(int(cut * n), 1), n - 1)
    if n > 1:
        parts = [count([x[s] for x in labels]) for s in np.s_[:k, k:]]
        assert same(add_overlaps(*parts), whole)
        assert same(add_overlaps(*parts[::-1]), whole)
    for slab in (1, 7, 64):
        assert same(count(labels, slab=slab), whole)


@settings(max_examples=25, deadline=None)
@given(labels=ensembles(max_realizations=4), seed=st.integers(0, 2**32))
def test_invariant_under_order_of_points_and_realizations(labels, seed):
    rng = np.random.default_rng(seed)
    whole = count(labels)
    points = rng.permutation(whole.n_points)
    assert same(count([x[points] for x in labels]), whole)
    order = rng.permutation(len(labels))
    turned = count([labels[r] for r in order])
    assert same(turned, select_realizations(whole, order))


def test_relabelling_permutes_counts():
    labels = random_labels((4, 3), 200)
    swapped = [9 - labels[0], labels[1]]
    a, b = (count(x) for x in (labels, swapped))
    where = [3, 2, 1, 0, 4, 5, 6]
    np.testing.assert_array_equal(b.counts, a.counts[np.ix_(where, where)])
    assert b.cluster.tolist() == [6, 7, 8, 9, 0, 1, 2]


def test_threads_and_shared_accumulators_do_not_change_counts(monkeypatch):
    labels = random_labels((5, 7, 25, 3, 4, 6), 200_000, dtype=np.uint16)
    one = count(labels, threads=1)
    assert same(count(labels, threads=4), one)
    monkeypatch.setattr(popcount, "_ACCUMULATOR_BYTES", 0)  # all threads share one
    assert same(count(labels, threads=4), one)


@pytest.mark.parametrize("dtype", ["uint16", "int64", ">i4", "uint64"])
def test_any_integer_type_layout_and_range_of_ids(dtype):
    ids = np.array([3, 90, 2_000_000_000])
    if np.dtype(dtype).itemsize == 2:
        ids[-1] = 65_535
    codes = np.random.default_rng(1).integers(0, 3, (2, 500))
    labels = ids.astype(dtype)[codes]
    for view in (labels, list(labels), [np.repeat(x, 2)[::2] for x in labels]):
        found = count(view)
        np.testing.assert_array_equal(found.counts, count_by_masks(codes))
        np.testing.assert_array_equal(found.cluster, np.tile(ids, 2))


def test_datasets_and_memory_maps_are_streamed_within_budget(tmp_path):
    labels = np.array(random_labels((4, 30, 7), 5_000))
    expected = count(labels)
    np.save(tmp_path / "labels.npy", labels)
    mapped = np.load(tmp_path / "labels.npy", mmap_mode="r")
    with h5py.File(tmp_path / "labels.h5", "w") as file:
        matrix = file.create_dataset("matrix", data=labels)
        rows = [file.create_dataset(f"row{r}", data=x, chunks=(999,)) for r, x in enumerate(labels)]
        for sources in (matrix, rows, mapped, list(mapped)):
            found = count(sources, max_bytes=6 * 1_001)
            assert same(found, expected)
        seen = []
        for start, stop, arrays in check_labels(rows).slabs(max_bytes=6 * 1_001):
            seen.append((start, stop))
            np.testing.assert_array_equal(arrays, labels[:, start:stop])
        assert seen == [(0, 1001), (1001, 2002), (2002, 3003), (3003, 4004), (4004, 5000)]


@backends
@settings(max_examples=25, deadline=None)
@given(labels=ensembles(max_realizations=5), data=st.data())
def test_extending_equals_counting_all(backend, labels, data):
    labels = [*labels, labels[0]]
    k = data.draw(st.integers(1, len(labels) - 1))
    old = count(labels[:k])
    found = extend_overlaps(old, labels[:k], labels[k:], backend=backend)
    assert same(found, count(labels))


def test_extending_counts_only_new_tables():
    labels = random_labels((5, 4, 30, 6, 25), 300, dtype=np.uint16)
    ids = [np.unique(x).astype(np.int64) for x in labels]
    whole = count(labels)
    for backend, count_slab in BACKENDS.items():
        part = count_slab(labels, ids, 3, 1)
        new = whole.realization >= 3
        involved = new | new[:, None]
        assert np.array_equal(part, np.where(involved, whole.counts, 0)), backend


def test_extending_with_other_labels_fails():
    labels = random_labels((3, 3, 4), 100)
    old = count(labels[:2])
    with pytest.raises(DataError, match="not those"):
        extend_overlaps(old, [labels[0], labels[2]], labels[2:])
    shifted = (labels[0] + (labels[0] == 0)).astype(np.uint8)
    with pytest.raises(DataError, match="not those"):
        extend_overlaps(old, [shifted, labels[1]], labels[2:])
    with pytest.raises(DataError, match="1 realizations of 100"):
        extend_overlaps(old, labels[:1], labels[2:])
    with pytest.raises(DataError, match="50 points"):
        extend_overlaps(old, labels[:2], [labels[2][:50]])


def test_counts_beyond_32_bits_stay_exact():
    total = count([[0, 0, 1], [5, 6, 6]])
    for _ in range(40):
        total = add_overlaps(total, total)
    assert total.n_points == 3 * 2**40
    assert total.counts[0].tolist() == [2 * 2**40, 0, 2**40, 2**40]
    huge = np.broadcast_to(np.uint8(0), (2**33,))
    assert check_labels([huge]).slab_size(2**33, max_bytes=2**40) == MAX_SLAB < 2**31


def test_too_many_clusters_are_named():
    points = np.arange(60_000, dtype=np.uint16)
    labels = [points // 2, points, points, points]
    with pytest.raises(DataError, match=r"210000 clusters.*200000.*realization 1 has.* 60000"):
        count(labels)


def test_single_realization_and_single_clusters():
    one = count([[2, 2, 9]])
    assert one.counts.tolist() == [[2, 0], [0, 1]]
    flat = count([[4, 4, 4], [0, 1, 1]])
    assert flat.counts.tolist() == [[3, 1, 2], [1, 1, 0], [2, 0, 2]]


def test_same_array_twice_counts_as_two_realizations(caplog):
    array = np.array([0, 1, 1])
    found = count([array, array])
    assert found.counts.tolist() == [[1, 0, 1, 0], [0, 2, 0, 2], [1, 0, 1, 0], [0, 2, 0, 2]]
    assert "realizations 0 and 1 are the same array" in caplog.text


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "no realization"),
        ("labels", "sequence"),
        (7, "sequence"),
        (np.zeros(5, dtype=int), r"\(R, N\)"),
        ([np.zeros((2, 2), dtype=int)], "realization 0 have shape"),
        ([[], []], "no points"),
        ([[0, 1], [0, 1, 2]], "realization 1 have 3 points, those of realization 0 2"),
        ([[0, 1], [0.0, 1.0]], "realization 1 are float64"),
        ([np.array([0, np.nan])], "realization 0 are float64"),
        ([np.array(["a", "b"])], "not integers"),
        ([[True, False]], "not integers"),
        ([[0, 1], [0, -1]], "realization 1 hold the negative id -1"),
        ([np.array([2**63], dtype=np.uint64)], "above"),
    ],
)
def test_bad_labels_are_named(labels, message):
    with pytest.raises(DataError, match=message):
        count(labels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "gpu"}, "choose one of auto, jax, numba"),
        ({"slab": 0}, "slab"),
        ({"slab": 1.5}, "slab"),
        ({"max_bytes": 3}, "at least 4 bytes"),
        ({"threads": 0}, "threads"),
    ],
)
def test_bad_options_are_named(options, message):
    labels = [np.zeros(3, dtype=np.uint8), np.ones(3, dtype=np.uint8)]
    with pytest.raises(ConfigError, match=message):
        count_overlaps(labels, **options)


def test_adding_and_selecting_check_their_input():
    a = count([[0, 1]])
    b = count([[0, 1], [0, 0]])
    with pytest.raises(DataError, match="1 and of 2"):
        add_overlaps(a, b)
    for bad in ([], [0, 0], [-1], [0.5], [[0]]):
        with pytest.raises(ConfigError, match="distinct"):
            select_realizations(b, bad)
    with pytest.raises(ConfigError, match="realization 2 does not exist"):
        select_realizations(b, [2])


def test_overlaps_check_their_shapes():
    counts = np.eye(2, dtype=np.int64)
    cluster = np.arange(2)
    with pytest.raises(DataError, match="shape"):
        Overlaps(counts[:1], np.zeros(2, dtype=np.int32), cluster, 2, 1)
    with pytest.raises(DataError, match="ordered"):
        Overlaps(counts, np.array([1, 0]), cluster, 2, 2)


@given(st.lists(st.lists(st.integers(0, 1), min_size=2, max_size=3), min_size=1, max_size=12))
def test_copies_are_those_with_the_same_labels(rows):
    labels = [np.array(row, dtype=(np.uint8, np.int64)[len(rows) % 2]) for row in rows]
    assert find_copies(labels).tolist() == [rows.index(row) for row in rows]


def test_copies_differ_nowhere():
    long = np.random.default_rng(0).integers(0, 3, 10_000)
    other = long.copy()
    other[-1] += 1
    assert find_copies([long, other, long.astype(np.uint8), other]).tolist() == [0, 1, 0, 1]
