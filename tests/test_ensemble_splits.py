"""Consensus groups against the number asked for: tables worked by hand, streams, and the figure."""

import numpy as np
import oracles_figures as page
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kohorte.analysis.splits import split_table
from kohorte.ensemble.combination import combine
from kohorte.ensemble.consensus import CONSENSUS
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.ensemble.splits import count_splits
from kohorte.errors import ConfigError
from kohorte.figures.splits import splits_figure


def count(labels, groups=None, noise=None, consensus="coassociation", **how):
    overlaps = count_overlaps(labels, noise=noise)
    found = combine(overlaps, groups=groups or "auto", consensus=consensus)
    return count_splits(labels, overlaps, found.grouping.groups, consensus=consensus, **how)


@pytest.fixture(scope="module")
def nested():
    """Realizations of 2, 3 and 4 clusters, each of which splits one of those before."""
    two = np.repeat([0, 1], [12, 8])
    three = np.repeat([0, 1, 2], [12, 5, 3])
    four = np.repeat([0, 1, 2, 3], [10, 2, 5, 3])
    return [two, two + 0, three, three + 0, three + 0, four]


def test_splits_of_nested_clusters(nested):
    found = count(nested, groups=3)
    assert [part.tolist() for part in found.points[:3]] == [[20], [12, 8], [12, 5, 3]]
    assert found.shared[0].tolist() == [[12, 8]]
    assert found.shared[1].tolist() == [[12, 0, 0], [0, 5, 3]]
    assert found.final[1].tolist() == [[12, 0, 0], [0, 5, 3]]
    table = split_table(found)
    assert table.columns.tolist() == ["groups", "group", "parent", "points", "final", "p_value"]
    rows = table[table["groups"] <= 3].drop(columns="p_value").fillna(-1).to_numpy().tolist()
    assert rows == [
        [1, 0, -1, 20, 0],
        *([2, 0, 0, 12, 0], [2, 1, 0, 8, 1]),
        *([3, 0, 0, 12, 0], [3, 1, 1, 5, 1], [3, 2, 1, 3, 2]),
    ]
    assert table["p_value"].isna().all()
    tested = split_table(found, {2: 0.01})
    assert set(tested["p_value"][tested["groups"] == 2]) == {0.01}
    assert tested["p_value"][tested["groups"] != 2].isna().all()


def test_groups_that_were_found_are_those_of_their_number(nested):
    overlaps = count_overlaps(nested)
    # The cut into two has 12 and 8 points; these have 15 and 5.
    groups = (combine(overlaps, groups=3).grouping.groups == 1).astype(np.int32)
    tables = count_splits(nested, overlaps, groups)
    assert count(nested, groups=2).points[1].tolist() == [12, 8]
    assert tables.points[1].tolist() == [15, 5]
    assert tables.final[1].tolist() == [[15, 0], [0, 5]]


def random_labels(seed, n=60, realizations=5, most=6, noise=False):
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 4, n)
    moved = rng.random((realizations, n)) < 0.2
    labels = np.where(moved, rng.integers(-1 if noise else 0, most, (realizations, n)), kinds)
    return list(labels)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 1000),
    st.booleans(),
    st.sampled_from(["equal", "significance"]),
    st.sampled_from(list(CONSENSUS)),
)
def test_splits_are_the_tables_of_the_labels_of_each_number(seed, noise, votes, consensus):
    labels = random_labels(seed, noise=noise)
    noise = -1 if noise else None
    found = count(labels, groups=3, noise=noise, consensus=consensus, votes=votes, slab=7)
    overlaps = count_overlaps(labels, noise=noise)
    each = [
        combine(overlaps, consensus=consensus, groups=k).label(labels, votes).groups.astype(int)
        for k in range(1, min(12, overlaps.n_clusters) + 1)
    ]
    held = [len(np.unique(groups[groups >= 0])) for groups in each]
    levels = next((k for k, n in enumerate(held) if n <= k), len(held))
    assert len(found.points) == len(found.final) == levels == len(found.shared) + 1
    for k in range(levels):
        groups = each[k]
        assert found.points[k].tolist() == np.bincount(groups[groups >= 0]).tolist()
        assert found.final[k].sum(axis=1).tolist() == found.points[k].tolist()
    for k in range(levels - 1):
        table = np.zeros((k + 1, k + 2), int)
        inside = each[k] >= 0
        np.add.at(table, (each[k][inside], each[k + 1][inside]), 1)
        assert found.shared[k].tolist() == table.tolist()
    assert found.final[2 if levels > 2 else 0].shape[1] == 3
    rows = split_table(found)
    points = rows.groupby("groups")["points"].sum()
    assert set(points) == {int(found.points[0][0])}


def test_groups_are_those_of_the_consensus_that_is_named():
    labels = random_labels(3, n=300, most=20)
    ways = [[t.tolist() for t in count(labels, groups=3, consensus=c).shared] for c in CONSENSUS]
    assert ways[0] != ways[1]


def test_slabs_threads_and_limits_change_nothing(nested):
    whole = count(nested, groups=3)
    for how in ({"slab": 1}, {"slab": 6, "threads": 2}, {"max_bytes": 1000}):
        other = count(nested, groups=3, **how)
        for name in ("points", "shared", "final"):
            pairs = zip(getattr(whole, name), getattr(other, name), strict=True)
            assert all(np.array_equal(a, b) for a, b in pairs)
    assert len(count(nested, groups=3, most=2).points) == 2


def test_a_single_realization_splits_into_nothing(nested):
    found = count(nested[:1])
    assert found.points == found.shared == found.final == []
    table = split_table(found)
    assert table.empty
    assert table.columns[0] == "groups"
    with pytest.raises(ConfigError, match="a single realization splits into none"):
        splits_figure(table)


@pytest.mark.parametrize("chosen", [None, 3, 40])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_figure_is_readable(seed, chosen, tmp_path):
    labels = random_labels(seed, n=300, most=20)
    split_table(count(labels, groups=4)).to_csv(tmp_path / "splits.csv", index=False)
    text = page.readable(splits_figure(pd.read_csv(tmp_path / "splits.csv"), chosen))
    assert ("3 groups, as the study has" in text) == (chosen == 3)
    assert "group 0 of the study" in text


def test_the_figure_shows_sizes_and_shared_points(nested):
    table = split_table(count(nested, groups=3))
    axes = splits_figure(table[table["groups"] <= 3]).axes[0]
    lines, circles = axes.collections
    areas = circles.get_sizes()
    np.testing.assert_allclose(areas / areas[0], [1, 12 / 20, 8 / 20, 12 / 20, 5 / 20, 3 / 20])
    widths = lines.get_linewidths()
    np.testing.assert_allclose(widths / widths[0], np.array([12, 12, 8, 5, 3]) / 12)
    # Children lie side by side under their parent.
    offsets = circles.get_offsets()
    np.testing.assert_allclose(offsets[:, 0], [1 / 2, 1 / 4, 3 / 4, 1 / 6, 3 / 6, 5 / 6])
    np.testing.assert_allclose(offsets[:, 1], [1, 2, 2, 3, 3, 3])


def test_of_thin_lines_only_the_widest_to_each_group_is_drawn():
    rows = [(1, 0, 1000, 0, np.nan), (2, 0, 700, 0, 0), (2, 1, 300, 1, 0)]
    rows += [
        (3, 0, 691, 0, 0),
        (3, 0, 9, 0, 1),
        (3, 1, 291, 1, 1),
        (3, 2, 5, 0, 0),
        (3, 2, 4, 0, 1),
    ]
    table = pd.DataFrame(rows, columns=["groups", "group", "points", "final", "parent"])
    figure = splits_figure(table)
    drawn = {
        tuple(tuple(round(float(x), 3) for x in point) for point in line)
        for line in figure.axes[0].collections[0].get_segments()
    }
    assert len(drawn) == 5  # of 7; group 2 of three keeps that of 5 points
    assert "2 lines of under 1 % of the points left out" in page.readable(figure)
