"""What is in a group: numbers beside slow definitions and values worked by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planning import plain_data

from kohorte.analysis import profiles
from kohorte.errors import DataError
from kohorte.figures.classes import node_groups_figure
from kohorte.figures.profiles import _write_row, order_features, profiles_figure, standardize
from kohorte.figures.style import MAX_GROUPS
from kohorte.maps.lattice import Lattice


def told_apart(values, labels, group):
    """The mean of |2 P(x > y) - 1| over the other points, with all pairs counted."""
    own, total, weight = values[labels == group], 0.0, 0
    for other in set(labels) - {group}:
        theirs = values[labels == other]
        above = (own[:, None] > theirs).mean() + 0.5 * (own[:, None] == theirs).mean()
        total += len(theirs) * abs(2 * above - 1)
        weight += len(theirs)
    return total / weight


def test_what_a_container_marks_as_missing_is_missing():
    values, labels = np.array([[1.0], [3.0], [999999.0], [7.0]]), np.array([0, 0, 0, 1])
    absent = np.array([[False], [False], [True], [False]])
    for table in (
        np.ma.array(values, mask=absent),
        pd.DataFrame(values, dtype="Int64").mask(absent),
    ):
        found = profiles.profile_table(table, ["a"], labels)
        assert found["mean"].tolist() == [2, 7]
        assert found["missing"].tolist() == [1, 0]
    with pytest.raises(DataError, match="labels have masked entries"):
        profiles.profile_table(values, ["a"], np.ma.array(labels, mask=absent[:, 0]))


def test_values_worked_by_hand():
    values = np.array([[1.0], [3.0], [5.0], [7.0], [np.nan]])
    table = profiles.profile_table(values, ["x"], np.array([0, 0, 1, 1, 1]), units=["m"])
    first, second = table.to_dict("records")
    assert (first["n"], first["missing"], second["n"], second["missing"]) == (2, 0, 2, 1)
    assert (first["mean"], first["median"], first["q25"], first["q75"]) == (2, 2, 1.5, 2.5)
    assert first["sd"] == pytest.approx(np.sqrt(2))
    # Both deviate by 1 from their means: four squares of 1 over two degrees of freedom.
    assert first["effect"] == pytest.approx(-4 / np.sqrt(2))
    assert second["effect"] == -first["effect"]
    assert first["telling"] == 1
    assert first["unit"] == "m"


def test_a_group_in_the_middle_is_told_apart():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 50)
    values = np.column_stack([4.0 * labels + rng.normal(size=150), rng.normal(size=150)])
    table = profiles.profile_table(values, ["between", "noise"], labels)
    middle = table[table["group"] == 1].set_index("feature")
    assert abs(middle.loc["between", "effect"]) < 0.3
    assert middle.loc["between", "telling"] > 0.95
    assert middle["rank"].tolist() == [1, 2]


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-3, 3)), min_size=2, max_size=40))
def test_profiles_are_those_of_the_plain_definition(points):
    labels, values = (np.array(column) for column in zip(*points, strict=True))
    values = values.astype(float)
    table = profiles.profile_table(values[:, None], ["x"], labels)
    assert table["group"].tolist() == sorted(set(labels) - {-1})
    for row in table.to_dict("records"):
        own, rest = values[labels == row["group"]], values[labels != row["group"]]
        assert row["n"] == len(own)
        assert row["mean"] == pytest.approx(own.mean())
        if not len(rest):
            assert np.isnan(row["effect"])
            continue
        assert row["telling"] == pytest.approx(told_apart(values, labels, row["group"]))
        squares = np.square(own - own.mean()).sum() + np.square(rest - rest.mean()).sum()
        shift = own.mean() - rest.mean()
        if squares > 0:
            expected = shift / np.sqrt(squares / (len(values) - 2)) if shift else 0.0
            assert row["effect"] == pytest.approx(expected, abs=1e-9)
        elif shift and len(values) > 2:
            assert row["effect"] == np.copysign(np.inf, shift)


def test_many_values_are_compared_by_bins():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 20_000)
    values = rng.normal(size=20_000) + labels
    table = profiles.profile_table(values[:, None], ["x"], labels)
    expected = [told_apart(values[::4], labels[::4], group) for group in range(3)]
    assert table["telling"].tolist() == pytest.approx(expected, abs=0.03)


def test_groups_of_a_study_are_in_the_units_of_the_source():
    features = np.array([[0.0, np.nan], [1.0, 2.0], [2.0, 3.0]], np.float32)
    table = plain_data(features, offset=np.array([10.0, 0.0]), scale=np.array([2.0, 1.0]))
    found = profiles.profile_study(table, np.array([0, 0, 2]), 4)
    assert found["group"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert found["mean"].iloc[0] == 11  # 10 and 12
    assert found["n"].tolist() == [2, 1, 0, 0, 1, 1, 0, 0]
    assert found.loc[found["n"] == 0, ["mean", "telling", "rank"]].isna().all(axis=None)
    assert list(profiles.profile_study(None, np.zeros(3), 1).columns) == profiles.COLUMNS
    with pytest.raises(DataError, match=r"\(3, 1\)"):
        profiles.profile_table(features, ["x"], np.zeros(3, int))


def test_one_group_has_nothing_to_be_told_from():
    found = profiles.profile_table(np.arange(6.0).reshape(3, 2), ["x", "y"], np.zeros(3, int))
    assert found[["effect", "telling", "rank"]].isna().all(axis=None)


def test_a_feature_that_does_not_vary_sets_no_group_apart():
    # Means of so many differ in their last bits.
    labels = np.repeat([0, 1, 2], [7, 20, 33])
    found = profiles.profile_table(np.full((60, 1), 0.1), ["x"], labels)
    assert found["effect"].tolist() == [0, 0, 0]
    assert found["telling"].tolist() == [0, 0, 0]


def test_standardized_means_are_those_of_the_points():
    rng = np.random.default_rng(2)
    labels, values = rng.integers(0, 3, 60), rng.normal(size=(60, 4))
    scaled = standardize(profiles.profile_table(values, list("abcd"), labels))
    expected = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
    for group in range(3):
        means = expected[labels == group].mean(axis=0)
        assert scaled[group].to_numpy() == pytest.approx(means)
    assert sorted(order_features(scaled.to_numpy())) == [0, 1, 2, 3]


@pytest.mark.parametrize("form", ["clustered", "given", "lines"])
@pytest.mark.parametrize(("groups", "features"), [(1, 1), (3, 4), (40, 120)])
def test_profiles_are_drawn(form, groups, features):
    rng = np.random.default_rng(3)
    labels = np.arange(4 * groups) % groups
    names = [f"${k}$ & <b>_{k}" for k in range(features)]
    values = rng.normal(size=(len(labels), features))
    table = profiles.profile_table(values, names, labels, units=["mag"] * features)
    figure = profiles_figure(table, form)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    if form == "lines":
        assert len(axes.lines) == min(groups, MAX_GROUPS)
        assert "(mag)" in axes.get_ylabel()
        return
    image = axes.images[0].get_array()
    assert image.shape == (min(features, 100), groups)
    assert ("100 of 120 features" in "".join(t.get_text() for t in figure.texts)) == (
        features > 100
    )
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert shown[0].endswith("(mag)")
    if form == "given" and features == 4:
        assert [text[:3] for text in shown] == ["$0$", "$1$", "$2$", "$3$"]


def test_numbers_as_names_are_places_on_the_axis():
    table = profiles.profile_table(np.eye(3), ["400", "500", "700"], np.array([0, 1, 1]))
    line = profiles_figure(table, "lines").axes[0].lines[0]
    assert line.get_xdata().tolist() == [400, 500, 700]


def test_groups_on_a_map_fade_where_they_are_mixed():
    counts = np.zeros((6, 20), int)
    counts[0, 0], counts[1, 0], counts[1, 1] = 4, 3, 1
    figure = node_groups_figure(counts, Lattice(3, 2))
    pure, mixed, empty = figure.axes[0].collections[0].get_facecolor()[[0, 1, 2], :3]
    assert np.all(mixed >= pure)
    assert np.allclose(1 - mixed, 0.75 * (1 - pure))
    assert len(set(empty)) == 1
    texts = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert texts[:2] == ["group 0", "group 1"]


def test_names_that_are_no_text_are_kept(tmp_path):
    path = tmp_path / "group_features.csv"
    profiles.profile_table(np.eye(2), ["NA", "nan"], np.array([0, 1])).to_csv(path, index=False)
    assert pd.read_csv(path, keep_default_na=False)["feature"].tolist()[:2] == ["NA", "nan"]


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([3.0, 3.4, 2.9], ["3.0", "3.4", "2.9"]),
        ([0.2, 1.35, -2.0], ["0.20", "1.35", "−2.00"]),
        ([3750.0, 5000.0], ["3,750", "5,000"]),
        ([0.00123, 100.0], ["0.00123", "100"]),
        ([1e9, 2.5], ["1e9", "2.5"]),
        ([76.0, 60.0], ["76", "60"]),
        ([np.nan, 1.5, 2.0], ["", "1.5", "2.0"]),
    ],
)
def test_numbers_of_a_row_have_as_many_decimals(values, written):
    found = _write_row(np.array(values))
    assert [text for text, value in zip(found, values, strict=True) if np.isfinite(value)] == [
        text for text in written if text
    ]


@pytest.mark.parametrize("values", [(0.0, 1.0), (0.1, 0.7), (1e6 / 3, 1e6 / 7)])
def test_a_feature_that_equals_a_group_has_an_infinite_effect(values):
    labels = np.repeat([0, 1, 2], [101, 57, 43])
    column = np.where(labels == 1, values[1], values[0])
    table = profiles.profile_table(column[:, None], ["flag"], labels)
    assert np.isinf(table["effect"][1])
    assert np.sign(table["effect"][1]) == np.sign(values[1] - values[0])
