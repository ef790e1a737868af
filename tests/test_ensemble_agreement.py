"""Agreement of realizations from their tables, against scikit-learn on the points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_ensemble import count
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from kohorte.ensemble.agreement import adjusted_rand, pairwise_ari, pairwise_nmi
from kohorte.ensemble.overlaps import add_overlaps


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 60))
def test_equal_to_scikit_learn(seed, n):
    rng = np.random.default_rng(seed)
    labels = [rng.integers(0, rng.integers(1, 6), n) * 3 for _ in range(4)]
    labels.append(labels[0].copy())
    overlaps = count(labels)
    ari, nmi = pairwise_ari(overlaps), pairwise_nmi(overlaps)
    for i, a in enumerate(labels):
        for j, b in enumerate(labels):
            assert ari[i, j] == pytest.approx(adjusted_rand_score(a, b), abs=1e-12)
            expected = normalized_mutual_info_score(a, b)
            assert nmi[i, j] == pytest.approx(expected, abs=1e-9)
    for matrix in (ari, nmi):
        np.testing.assert_array_equal(matrix, matrix.T)
        np.testing.assert_array_equal(np.diagonal(matrix), 1.0)
        assert matrix[0, -1] == pytest.approx(1.0, abs=1e-12)
    table = np.histogram2d(labels[0], labels[1], bins=(np.arange(17), np.arange(17)))[0]
    assert adjusted_rand(table) == pytest.approx(ari[0, 1], abs=1e-12)


def test_trivial_partitions():
    single = [np.zeros(7, dtype=int), np.ones(7, dtype=int)]
    alone = [np.arange(7), np.arange(7)[::-1]]
    split = [np.array([0, 0, 0, 1, 1, 1, 1])]
    overlaps = count(single + alone + split)
    ari, nmi = pairwise_ari(overlaps), pairwise_nmi(overlaps)
    assert ari[0, 1] == ari[2, 3] == nmi[0, 1] == nmi[2, 3] == 1.0
    assert ari[0, 2] == ari[0, 4] == nmi[0, 2] == nmi[0, 4] == 0.0


def test_ten_trillion_points():
    rng = np.random.default_rng(0)
    labels = [rng.integers(0, 4, 1000), rng.integers(0, 3, 1000)]
    labels[1][:500] = labels[0][:500] % 3
    overlaps = count(labels)
    nmi = pairwise_nmi(overlaps)
    for _ in range(33):
        overlaps = add_overlaps(overlaps, overlaps)
    np.testing.assert_allclose(pairwise_nmi(overlaps), nmi, atol=1e-9)
    n = overlaps.counts[:4, 4:].astype(float)
    pairs = [float((x**2).sum()) for x in (n, n.sum(axis=1), n.sum(axis=0))]
    expected = pairs[1] * pairs[2] / n.sum() ** 2
    limit = (pairs[0] - expected) / ((pairs[1] + pairs[2]) / 2 - expected)
    assert pairwise_ari(overlaps)[0, 1] == pytest.approx(limit, rel=1e-9)
