"""Which parameters: Pareto front and recommended setting."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohorte.analysis.choice import (
    choose_settings,
    describe_choice,
    most_telling,
    nearest_to_ideal,
    pareto_front,
)

# Few values, so that ties and equal settings occur.
error = st.one_of(st.integers(0, 4).map(float), st.floats(0, 9), st.just(math.nan))
settings_of_studies = st.lists(st.tuples(error, error), min_size=1, max_size=12)


def is_better(one, other):
    """Whether one pair of errors is at least as good in both and better in one; NaN is worst."""
    pairs = [math.inf if math.isnan(x) else x for x in (*one, *other)]
    return pairs[0] <= pairs[2] and pairs[1] <= pairs[3] and pairs[:2] != pairs[2:]


@given(settings_of_studies)
def test_the_front_holds_just_the_settings_that_no_other_is_better_than(pairs):
    expected = [not any(is_better(other, pair) for other in pairs) for pair in pairs]
    assert pareto_front(*zip(*pairs, strict=True)).tolist() == expected


@given(settings_of_studies, st.randoms(use_true_random=False))
def test_front_and_recommended_errors_do_not_depend_on_the_order(pairs, random):
    order = list(range(len(pairs)))
    random.shuffle(order)
    shuffled = [pairs[k] for k in order]
    front = pareto_front(*zip(*pairs, strict=True))
    assert pareto_front(*zip(*shuffled, strict=True)).tolist() == front[order].tolist()
    one = pairs[nearest_to_ideal(*zip(*pairs, strict=True))]
    other = shuffled[nearest_to_ideal(*zip(*shuffled, strict=True))]
    np.testing.assert_array_equal(one, other)


@given(settings_of_studies)
def test_monotone_transforms_keep_the_front(pairs):
    qe, te = np.transpose(pairs)
    changed = pareto_front(8.0 * qe - 3.0, np.arctan(np.round(te, 6)))
    np.testing.assert_array_equal(changed, pareto_front(8.0 * qe - 3.0, np.round(te, 6)))


@given(settings_of_studies, st.floats(0.5, 4.0), st.floats(0.0, 3.0))
def test_the_recommended_setting_is_on_the_front_whatever_the_units(pairs, factor, shift):
    qe, te = np.round(np.transpose(pairs), 3)
    chosen = nearest_to_ideal(qe, te)
    assert pareto_front(qe, te)[chosen]
    assert nearest_to_ideal(factor * qe + shift, te) == chosen


@pytest.mark.parametrize(
    ("qe", "te", "expected"),
    [
        ([0.3], [math.nan], 0),
        # Scaled over the front (0, 1), (0.1, 0.2), (1, 0): distances 1, 0.22, 1.
        ([1.0, 1.1, 2.0, 9.0], [0.5, 0.1, 0.0, 0.9], 1),
        # One that is best in both, beside equal ones: the first.
        ([2.0, 1.0, 1.0], [0.2, 0.1, 0.1], 1),
        # A front of two always ties: over all settings (0, 0.5) and (0.1, 0).
        ([1.0, 1.1, 2.0], [0.1, 0.0, 0.2], 1),
        # A tie over all settings as well: the lower quantization error.
        ([2.0, 1.0], [0.0, 0.1], 1),
        # Maps of one node: no topographic error is the worst one.
        ([1.0, 1.5], [math.nan, 0.2], 1),
        ([1.5, 1.0], [math.nan, math.nan], 1),
    ],
)
def test_recommended_settings_worked_by_hand(qe, te, expected):
    assert nearest_to_ideal(qe, te) == expected


def table(**columns):
    """A table of realizations; the parameters that are not given have one value."""
    n = len(columns["qe"])
    common = {
        "xdim": 9,
        "trainer": "online",
        "epochs": None,
        "learning_rate": "linear",
        "metric": "euclidean",
        "patience": None,
        "method": "basins",
    }
    columns = {name: [value] * n for name, value in common.items()} | columns
    return pd.DataFrame({"id": [f"r{k}" for k in range(n)], **columns})


def test_settings_are_means_over_repeats_and_over_the_segmentation():
    realizations = table(
        alpha=[0.1, 0.1, 0.5, 0.5],
        merge=[0.2, 0.3, 0.2, 0.3],
        qe=[1.0, 3.0, 5.0, 5.0],
        te=[0.1, 0.1, 0.0, 0.2],
    )
    choice = choose_settings(realizations, ["alpha", "merge"])
    expected = pd.DataFrame(
        {
            "alpha": [0.1, 0.5],
            "repeats": [2, 2],
            "qe_mean": [2.0, 5.0],
            "qe_std": [math.sqrt(2), 0.0],
            "te_mean": [0.1, 0.1],
            "te_std": [0.0, math.sqrt(0.02)],
            "pareto": [True, False],
            "recommended": [True, False],
            "realization": ["r0", "r2"],
        }
    )
    pd.testing.assert_frame_equal(choice.settings, expected)
    marked = choice.mark(realizations)
    assert marked["pareto"].tolist() == [True, True, False, False]
    assert marked["recommended"].tolist() == [True, False, False, False]
    assert describe_choice(choice.settings) == [
        (
            "alpha 0.1: r0",
            "lowest quantization and topographic error (1 of 2 settings on the Pareto front)",
        )
    ]


def test_each_metric_has_a_front_and_a_recommended_setting():
    realizations = table(
        metric=["euclidean", "euclidean", "cosine", "cosine"],
        alpha=[0.1, 0.5] * 2,
        qe=[1.0, 2.0, 0.02, 0.01],
        te=[0.1, 0.2, 0.5, 0.6],
    )
    settings = choose_settings(realizations, ["alpha", "metric"]).settings
    assert settings["pareto"].tolist() == [True, False, True, True]
    assert settings["recommended"].tolist() == [True, False, False, True]
    texts = [what for what, _ in describe_choice(settings)]
    assert texts == ["alpha 0.1, metric euclidean: r0", "alpha 0.5, metric cosine: r3"]


def test_values_of_every_kind_make_settings(tmp_path):
    realizations = table(
        epochs=[None, 5, None, 5],
        periodic=[True, True, False, False],
        radius=["reference", 4.5, "reference", 4.5],
        qe=[4.0, 3.0, 2.0, 1.0],
        te=[0.0] * 4,
    )
    realizations.to_csv(tmp_path / "a.csv", index=False)
    for rows in (realizations, pd.read_csv(tmp_path / "a.csv")):
        settings = choose_settings(rows, ["epochs", "periodic", "radius"]).settings
        assert len(settings) == 4
        assert describe_choice(settings[::-1])[0][0] == "epochs 5, periodic false, radius 4.5: r3"
        settings["recommended"] = [True, False, False, False]
        assert describe_choice(settings)[0][0] == "periodic true, radius reference: r0"


def test_parameters_without_effect_are_left_out():
    realizations = table(
        trainer=["online", "batch", "batch"],
        steps=[500, 100000, 100000],
        epochs=[None, 4, 9],
        patience=[None, 3, None],
        tolerance=[0.1, 0.2, 0.1],
        qe=[3.0, 2.0, 1.0],
        te=[0.0] * 3,
    )
    names = ["trainer", "steps", "epochs", "patience", "tolerance"]
    settings = choose_settings(realizations, names).settings
    assert settings["steps"].tolist() == [500, None, None]
    assert settings["tolerance"].tolist() == [None, 0.2, None]
    settings["recommended"] = True
    assert [what for what, _ in describe_choice(settings)] == [
        "trainer online, steps 500: r0",
        "trainer batch, epochs 4, patience 3, tolerance 0.2: r1",
        "trainer batch, epochs 9: r2",
    ]
    alone = choose_settings(realizations, ["patience"]).settings
    assert describe_choice(alone)[0][0] == "patience none: r2"


def test_a_study_of_one_setting():
    choice = choose_settings(table(qe=[2.0, 1.0], te=[0.0, 0.0]), [])
    assert choice.settings["realization"].tolist() == ["r1"]
    assert describe_choice(choice.settings)[0][0] == "the only setting: r1"


def test_means_that_differ_by_rounding_alone_are_equal():
    realizations = table(alpha=[1, 1, 1, 2], qe=[1.0] * 3 + [1.5], te=[0.1, 0.2, 0.3, 0.2])
    assert np.mean([0.1, 0.2, 0.3]) > 0.2  # by one bit
    assert choose_settings(realizations, ["alpha"]).settings["pareto"].tolist() == [True, False]


def test_the_most_telling_parameter_is_told_within_each_metric():
    realizations = table(
        metric=["euclidean"] * 4 + ["cosine"] * 4,
        steps=[1, 1, 2, 2] * 2,
        epochs=[None, 3] * 4,
        merge=[0, 1] * 4,
        qe=[10.0, 11.0, 14.0, 15.0, 0.10, 0.11, 0.14, 0.15],
        te=[0.0] * 8,
    )
    names = ["metric", "epochs", "steps", "merge"]
    assert most_telling(realizations, names) == ["steps", "epochs", "metric"]
