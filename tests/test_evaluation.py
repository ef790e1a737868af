"""Evaluation against truth: hand-worked tables, scikit-learn and bad input."""

import numpy as np
import pandas as pd
import pytest
from astropy.utils.masked import Masked
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from kohorte.analysis.evaluation import evaluate
from kohorte.analysis.reliability import reliability_table
from kohorte.analysis.tables import class_table
from kohorte.errors import DataError


def test_hand_worked_table():
    truth = ["a"] * 4 + ["b"] * 3 + ["c"] * 3
    labels = [7, 7, 7, 2, 2, 2, 7, 2, 2, 2]
    found = evaluate(labels, truth)
    assert found.classes.tolist() == ["a", "b", "c"]
    assert found.clusters.tolist() == [2, 7]
    assert found.confusion.tolist() == [[1, 3], [2, 1], [3, 0]]
    assert found.matching.tolist() == [1, -1, 0]  # 3 + 3 beats every other pairing
    assert found.accuracy == 6 / 10
    assert found.precision.tolist() == [3 / 4, 0, 3 / 6]
    assert found.recall.tolist() == [3 / 4, 0, 1]


def test_best_matching_is_not_greedy():
    # The largest cell, 5, would leave 0 for the other class.
    truth = [0] * 9 + [1] * 4
    labels = [0] * 5 + [1] * 4 + [0] * 4
    found = evaluate(labels, truth)
    assert found.matching.tolist() == [1, 0]
    assert found.accuracy == 8 / 13


def test_perfect_but_for_names():
    found = evaluate(np.array([5, 5, 0, 9, 9]), np.array([1, 1, 2, 0, 0]))
    assert found.ari == found.ami == found.accuracy == 1
    assert found.precision.tolist() == found.recall.tolist() == [1, 1, 1]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 50))
def test_scores_equal_scikit_learn(seed, n):
    rng = np.random.default_rng(seed)
    labels, truth = rng.integers(0, 5, n), rng.integers(0, 4, n)
    found = evaluate(labels, truth)
    assert found.ari == pytest.approx(adjusted_rand_score(truth, labels), abs=1e-12)
    assert found.ami == pytest.approx(adjusted_mutual_info_score(truth, labels), abs=1e-12)
    assert found.confusion.sum() == n
    pairs = [(c, k) for c, k in enumerate(found.matching) if k >= 0]
    assert len({k for _, k in pairs}) == len(pairs) == min(found.confusion.shape)
    assert found.accuracy == pytest.approx(sum(found.confusion[c, k] for c, k in pairs) / n)


def test_whole_numbers_as_floats_and_booleans_are_classes():
    assert evaluate([0, 1], [0.0, 1.0]).accuracy == 1
    assert evaluate([0, 1], [True, False]).accuracy == 1
    assert evaluate([0, 1], np.array(["x", "y"], dtype=object)).accuracy == 1


@pytest.mark.parametrize(
    ("labels", "truth", "message"),
    [
        ([], [], "true classes"),
        ([0, 1], [0], "2 labels, but 1"),
        ([0.0, 1.0], [0, 1], "labels must be"),
        ([[0, 1]], [0, 1], "labels must be"),
        ([0, 1], [[0, 1]], "true classes"),
        ([0, 1], [-1, np.nan], "none of 2 points is known"),
        ([0, 1], [0.5, 1], "point 0 is 0.5"),
        ([0, 1], np.array(["a", 0.5], dtype=object), "point 1 is 0.5"),
    ],
)
def test_bad_input_is_named(labels, truth, message):
    with pytest.raises(DataError, match=message):
        evaluate(np.array(labels), np.array(truth))


def test_classes_in_any_container():
    labels = np.array([0, 0, 1, 1, 1])
    expected = evaluate(labels[:4], np.array([0, 0, 1, 1]))
    for truth in (
        np.array([np.int64(0), np.int64(0), np.int64(1), np.int64(1), None], object),
        pd.Series([0, 0, 1, 1, pd.NA], dtype="Int64"),
        pd.Series(["a", "a", "b", "b", pd.NA], dtype="string"),
        pd.Series(["a", "a", "b", "b", None], dtype="category"),
    ):
        found = evaluate(labels, truth)
        assert (found.ari, found.accuracy) == (expected.ari, expected.accuracy)
        table = reliability_table(labels.tolist(), [1.0] * 5, truth)
        assert table["points"].sum() == 4
    with pytest.raises(DataError, match=r"true class of point 0 is 0\.5"):
        evaluate(labels, np.array([0.5, 1, 1, 0, 0], object))


@pytest.mark.parametrize(
    "truth",
    [
        ["a", "a", "b", float("nan")],
        ["a", "a", "b", -1],
        list(np.ma.array(["a", "a", "b", "c"], mask=[0, 0, 0, 1])),
        np.ma.array(["a", "a", "b", "c"], mask=[0, 0, 0, 1]),
        np.ma.array([5, 5, 6, 999], mask=[0, 0, 0, 1]),
        np.ma.array([5.0, 5, 6, 999], mask=[0, 0, 0, 1]),
        Masked([5, 5, 6, 999], mask=[False, False, False, True]),
    ],
)
def test_a_class_that_is_not_known_is_none(truth):
    labels = np.array([0, 0, 1, 1])
    found = evaluate(labels, truth)
    assert found.confusion.tolist() == [[2, 0], [0, 1]]
    assert found.classes.tolist() in (["a", "b"], [5, 6])
    assert reliability_table(labels, [1.0] * 4, truth)["points"].sum() == 3
    with pytest.raises(DataError, match="labels must be one integer per point"):
        evaluate(np.ma.array(labels, mask=[0, 0, 0, 1]), [0, 0, 1, 1])


def test_names_of_classes():
    labels = np.array([0, 0, 1, 1])
    named = class_table({"m": evaluate(labels, np.array([0, 0, 2, 2]))}, ["a", "b", "c"])
    assert named["class"].tolist() == ["a", "c"]
    text = class_table({"m": evaluate(labels, np.array(["x", "x", "y", "y"]))}, [])
    assert text["class"].tolist() == ["x", "y"]
    with pytest.raises(DataError, match="class 2 has no name: there are names of 0 to 1"):
        class_table({"m": evaluate(labels, np.array([0, 0, 2, 2]))}, ["a", "b"])
