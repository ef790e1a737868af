"""Counting in JAX: every method against numba and plain masks, and how a method is chosen."""

import logging

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kohorte.ensemble import accelerated, overlaps
from kohorte.ensemble.labels import find_ids
from kohorte.ensemble.overlaps import choose_backend, count_overlaps

methods = pytest.mark.parametrize("method", accelerated.METHODS)


def count_plainly(labels, ids, first=0):
    """Common points of all pairs of clusters of which one is of realization `first` or later."""
    masks = [label == k for label, own in zip(labels, ids, strict=True) for k in own]
    of = np.repeat(np.arange(len(ids)), [len(own) for own in ids])
    counts = np.array([[np.count_nonzero(a & b) for b in masks] for a in masks])
    return np.where(np.maximum.outer(of, of) >= first, counts, 0)


@methods
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_every_method_counts_what_masks_count(method, data):
    widths = data.draw(st.lists(st.integers(1, 8), min_size=1, max_size=6))
    # Three sizes of arrays, so that few are compiled; beside them whole words and one point more.
    n = data.draw(st.sampled_from([1, 31, 32, 33, 700]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    known = [np.sort(rng.choice(np.arange(-1, 40), width, replace=False)) for width in widths]
    labels = [rng.choice(own, n).astype(np.int16) for own in known]
    ids = [find_ids(label, r, noise=-1) for r, label in enumerate(labels)]
    first = data.draw(st.integers(0, len(widths) - 1))
    found = accelerated.METHODS[method](accelerated.lay_out(ids, first), labels, ids, 2)
    old = sum(len(own) for own in ids[:first])
    found[:old, :old] = 0
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, count_plainly(labels, ids, first))


@methods
@pytest.mark.parametrize("n", [32_768, 131_073, 300_001])  # one piece, and more than one call
def test_every_method_over_pieces_and_threads(method, n):
    rng = np.random.default_rng(n)
    labels = [rng.integers(0, width, n).astype(np.uint16) for width in (7, 300, 1, 20)]
    ids = [np.arange(width) for width in (7, 300, 1, 20)]
    expected = count_overlaps(labels, backend="numba").counts
    for threads in (1, 3):
        rows = accelerated.lay_out(ids, 0)
        found = accelerated.METHODS[method](rows, labels, ids, threads)
        np.testing.assert_array_equal(found, expected)


def test_slabs_and_noise_do_not_change_counts():
    rng = np.random.default_rng(5)
    labels = rng.integers(-1, 6, (5, 3000)).astype(np.int8)
    whole = count_overlaps(labels, noise=-1, backend="numba")
    for slab in (3000, 1024, 77):
        found = count_overlaps(labels, noise=-1, backend="jax", slab=slab)
        np.testing.assert_array_equal(found.counts, whole.counts)
        np.testing.assert_array_equal(found.cluster, whole.cluster)


def test_cpus_take_histograms_for_many_clusters():
    chosen = [
        accelerated._choose_for_cpu(accelerated.lay_out([np.arange(width)] * 20, 0))
        for width in (2, 7, 100, 450)
    ]
    assert chosen == ["population counts"] * 2 + ["histograms"] * 2


@pytest.mark.parametrize("faster", ["products", "population counts"])
def test_accelerators_take_the_method_that_was_faster(monkeypatch, caplog, faster):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(accelerated, "_MEASURED", {})
    own, used = accelerated._time, []

    def time(method, *arguments):
        own(method, *arguments)
        return 1.0 + (method is not accelerated.METHODS[faster])

    def recorded(name, method):
        return lambda *arguments: used.append(name) or method(*arguments)

    for name, method in list(accelerated.METHODS.items()):
        monkeypatch.setitem(accelerated.METHODS, name, recorded(name, method))
    monkeypatch.setattr(accelerated, "_time", time)
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 5, (3, accelerated._MEASURED_POINTS + 5)).astype(np.uint8)
    for _ in range(2):
        found = count_overlaps(labels, backend="jax").counts
        np.testing.assert_array_equal(found, count_overlaps(labels, backend="numba").counts)
    # Twice each in the measurement, once for both calls; then only the faster.
    assert sorted(used[:4]) == ["population counts"] * 2 + ["products"] * 2
    assert used[4:] == [faster] * 2
    assert "points on the device: products" in caplog.text
    few = [label[:100] for label in labels]
    count_overlaps(few, backend="jax")
    assert used[6:] == ["products"]


@pytest.mark.parametrize(
    ("sees", "n_points", "n_realizations", "threads", "expected"),
    [
        (False, 10**9, 36, 2, "numba"),
        (True, 10**9, 36, 2, "jax"),
        (True, 10**6, 20, 2, "numba"),
        (True, 10**8, 90, 2, "jax"),
        (True, 10**8, 240, 64, "jax"),
        (True, 10**8, 60, 64, "numba"),
    ],
)
def test_backend_is_chosen_by_device_and_size(
    monkeypatch, caplog, sees, n_points, n_realizations, threads, expected
):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(overlaps, "_sees_accelerator", lambda: sees)
    monkeypatch.setattr(overlaps, "_name_device", lambda: "Some GPU")
    assert choose_backend("auto", n_points, n_realizations, threads) == expected
    where = "Some GPU" if expected == "jax" else f"the CPU, {threads} threads"
    assert f"with the {expected} backend on {where} (asked for: auto)" in caplog.text
    assert choose_backend("numba", n_points, n_realizations, threads) == "numba"
