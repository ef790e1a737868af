"""How much features count: against plain definitions, and worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planning import plain_data

from kohorte.analysis.features import explained_shares, feature_table, significance


def plain_significance(table):
    """Shares of the variances, by loops over the values that are there."""
    variances = []
    for column in table.T:
        values = [float(v) for v in column if not np.isnan(v)]
        mean = sum(values) / len(values) if values else 0.0
        variances.append(sum((v - mean) ** 2 for v in values) / len(values) if values else 0.0)
    total = sum(variances)
    return [v / total if total else 1 / len(variances) for v in variances]


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 5))
def test_shares_of_the_variance_are_those_of_loops(seed, n, f):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n, f)) * rng.integers(0, 4, f)
    table[rng.random(table.shape) < 0.2] = np.nan
    found = significance(table)
    np.testing.assert_allclose(found, plain_significance(table), rtol=1e-9, atol=1e-12)
    assert found.sum() == pytest.approx(1)


def test_shares_between_groups_worked_by_hand():
    # group means 1 and 4: between 4 * 1.5^2 = 9 of 10; the second does not vary between them
    table = np.array([[0.5, 1.0, 5.0], [1.5, 3.0, 5.0], [4.0, 1.0, 5.0], [4.0, 3.0, 5.0]])
    table = np.vstack([table, [[100.0, 100.0, 100.0]]])
    labels = np.array([0, 0, 1, 1, -1])
    found = explained_shares(table, labels)
    assert found[:2].tolist() == pytest.approx([9 / 9.5, 0])
    assert np.isnan(found[2])


def test_the_table_has_a_row_per_feature():
    data = plain_data(np.array([[0, 2], [0, -2], [1, 2], [1, -2]], np.float32), names=("a", "b"))
    found = feature_table(data, np.array([0, 0, 1, 1]))
    assert found["feature"].tolist() == ["a", "b"]
    assert found["significance"].tolist() == pytest.approx([0.25 / 4.25, 4 / 4.25])
    assert found["between_groups"].tolist() == pytest.approx([1, 0])
    assert found["on_maps"].isna().all()
    assert feature_table(None, np.array([0])).empty
