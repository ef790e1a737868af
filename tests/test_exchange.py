"""Which groups exchange points: the table against plain loops, what is said of it, its figure."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles_figures import readable

from kohorte.analysis.exchange import exchange_matrix, exchange_table, exchanging_pairs
from kohorte.ensemble.votes import in_doubt
from kohorte.figures.exchange import MOST_GROUPS, exchange_figure


def plain_table(labels, second, confidence, second_share):
    """Rows of the table as a set of tuples, by loops over groups and points."""
    rows = set()
    for g in sorted(set(labels.tolist()) - {-1}):
        own = [p for p in range(len(labels)) if labels[p] == g]
        for s in sorted({int(second[p]) for p in own}):
            these = [p for p in own if second[p] == s]
            doubtful = sum(bool(in_doubt(confidence[p], second_share[p])) for p in these)
            means = (sum(a[p] for p in these) / len(these) for a in (confidence, second_share))
            shares = (round(float(mean), 9) for mean in means)
            row = (g, s, len(these), round(len(these) / len(own), 9), doubtful, *shares)
            rows.add(row)
    return rows


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 60))
def test_rows_are_those_of_the_plain_definition(seed, groups, n):
    rng = np.random.default_rng(seed)
    labels = rng.integers(-1, groups, n)
    second = rng.integers(-1, groups, n)
    second = np.where(second == labels, -1, second)
    confidence = rng.uniform(0.3, 1, n)
    second_share = np.where(second < 0, 0.0, (1 - confidence) * rng.random(n))
    table = exchange_table(labels, second, confidence, second_share)
    found = {
        tuple(round(value, 9) if isinstance(value, float) else value for value in row)
        for row in table.itertuples(index=False, name=None)
    }
    assert found == plain_table(labels, second, confidence, second_share)
    assert table["points"].sum() == (labels >= 0).sum()
    _, points = exchange_matrix(table)
    assert points.sum() == (labels >= 0).sum()
    pairs = exchanging_pairs(table)
    assert pairs["points"].sum() == ((labels >= 0) & (second >= 0)).sum()
    assert (pairs["first"] < pairs["other"]).all()


def test_pairs_worked_by_hand():
    # 0 -> 1 twice (one in doubt), 1 -> 0 once, 1 -> 2 once; two points of 2 have all votes
    labels, second = np.array([0, 0, 1, 1, 2, 2]), np.array([1, 1, 0, 2, -1, -1])
    confidence = np.array([0.6, 0.8, 0.75, 0.9, 1.0, 1.0])
    table = exchange_table(labels, second, confidence, 1 - confidence)
    first = table.iloc[0]
    assert first[["group", "second", "points", "doubtful", "share"]].tolist() == [0, 1, 2, 1, 1.0]
    assert first["mean_second_share"] == pytest.approx(0.3)
    pairs = exchanging_pairs(table)
    assert pairs[["first", "other", "points", "doubtful"]].to_numpy().tolist() == [
        [0, 1, 3, 1],
        [1, 2, 1, 0],
    ]
    assert pairs["votes"].tolist() == pytest.approx([0.4 + 0.2 + 0.25, 0.1])
    groups, points = exchange_matrix(table)
    assert groups.tolist() == [0, 1, 2]
    assert points.tolist() == [[0, 2, 0, 0], [1, 0, 1, 0], [0, 0, 0, 2]]


@pytest.mark.parametrize("groups", [1, 2, 5, 14, MOST_GROUPS + 20])
def test_the_figure_names_what_it_shows(groups):
    labels = np.arange(groups * 30) % groups
    second = np.where(labels == 0, -1, labels - 1)
    share = np.full(len(labels), 0.35)
    share[labels == 0] = 0.0
    figure = exchange_figure(exchange_table(labels, second, 1 - share, share))
    texts = [text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text"))]
    assert sum(text.startswith("group ") and "(30)" in text for text in texts) == (
        groups if groups <= 14 else 0
    )
    assert any("not shown" in text for text in texts) == (groups > MOST_GROUPS)
    assert ("30\n(30)" in texts) == (1 < groups <= 20)  # all of a group are in doubt


@pytest.mark.parametrize("groups", [1, 2, 5, 14])
def test_a_figure_of_points_without_doubt_says_so_on_its_page(groups):
    labels = np.arange(groups * 30) % groups
    none, share = np.full(labels.size, -1), np.ones(labels.size)
    assert "are for their group" in readable(
        exchange_figure(exchange_table(labels, none, share, 1 - share))
    )


def test_a_table_without_points_is_drawn():
    empty = exchange_table(*(np.empty(0, dtype) for dtype in ("i8", "i8", "f8", "f8")))
    assert isinstance(empty, pd.DataFrame)
    assert not len(empty)
    exchange_figure(exchange_table(np.array([0]), np.array([-1]), np.ones(1), np.zeros(1)))


def test_only_groups_that_hold_points_have_a_row():
    labels, second = np.array([0, 0, 1, 1]), np.array([1, 2, 0, -1])
    shares = np.array([0.6, 0.6, 0.6, 1.0]), np.array([0.4, 0.4, 0.4, 0.0])
    figure = exchange_figure(exchange_table(labels, second, *shares))
    (image,) = figure.axes[0].images
    assert image.get_array().shape == (2, 4)  # of groups 0 and 1, for 0, 1, 2 and none
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "group 1\n(2)" in texts
    assert not [text for text in texts if text.startswith("group 2\n")]


def test_where_no_group_is_a_second_choice_there_is_no_scale():
    figure = exchange_figure(
        exchange_table(np.zeros(9, int), np.full(9, -1), np.ones(9), np.zeros(9))
    )
    assert len(figure.axes) == 1
    assert "all votes of all points" in figure.texts[0].get_text()
