"""Figures of points in the plane of two features."""

import numpy as np
import oracles_figures as page
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.colors import to_rgb
from scipy.stats import f_oneway

from kohorte.analysis.evaluation import evaluate
from kohorte.errors import ConfigError
from kohorte.figures.panels import MAX_POINTS, MOST_READ, choose_points, choose_step, fill_missing
from kohorte.figures.points import confidence_figure, most_telling_features, signal_figure
from kohorte.figures.reading import classes_of_groups, match_groups, matched_looks
from kohorte.figures.style import group_colour, palette_colour
from kohorte.maps.lattice import Lattice


def blobs(n, n_groups, n_features=2):
    rng = np.random.default_rng(5)
    truth = rng.integers(0, n_groups, n)
    features = rng.normal(size=(n, n_features)) + 4.0 * truth[:, None]
    return rng, features, truth


@pytest.mark.parametrize(
    ("n", "n_groups", "n_features"), [(1, 1, 1), (150, 3, 2), (5000, 40, 1), (25000, 5, 2)]
)
def test_signal_figure_is_readable(n, n_groups, n_features):
    rng, features, truth = blobs(n, n_groups, n_features)
    labels = truth.astype(np.uint8)
    labels[rng.random(n) < 0.1] = 0
    names = ["a feature with a long name (km/s)", "another feature of this kind"][:n_features]
    species = np.array([f"the species number {c}" for c in range(n_groups)])
    known = {"truth": truth, "class_names": species, "matching": np.arange(n_groups)}
    signal = np.exp(rng.normal(0, 4, n))
    figure = signal_figure(features, names, signal=signal, labels=labels, **known)
    text = page.readable(figure)
    assert "Classes" in text
    assert ("25 further groups" in text) == ("25 further classes" in text) == (n_groups == 40)


def test_of_many_points_each_cell_has_the_colour_of_its_commonest_group():
    n = MAX_POINTS + 1
    places = np.column_stack([np.linspace(0, 1, n), np.zeros(n)])
    labels = (places[:, 0] > 0.5).astype(int)
    figure = signal_figure(places, ["x", "y"], signal=1.0 + labels, labels=labels)
    signal, groups = (axes.images[0].get_array() for axes in figure.axes[:2])
    row = np.flatnonzero(groups[:, 0, 3])[0]
    np.testing.assert_allclose(groups[row, 10, :3], to_rgb(group_colour(0)))
    np.testing.assert_allclose(groups[row, -10, :3], to_rgb(group_colour(1)))
    assert np.delete(groups[..., 3], row, axis=0).max() == 0
    assert (signal[row, 10], signal[row, -10]) == (1.0, 2.0)


def test_signal_figure_without_truth_and_with_one_value():
    _, features, truth = blobs(50, 2)
    labels = np.where(truth == 0, -1, 0)
    figure = signal_figure(features, ["x", "y"], signal=np.full(50, 7.0), labels=labels)
    text = page.readable(figure)
    assert "Classes" not in text
    assert f"none ({(truth == 0).sum()})" in text


def test_points_that_miss_a_value_are_counted_but_not_drawn():
    rng, features, truth = blobs(25000, 3)
    features[:700, 1] = np.nan
    figure = signal_figure(features, ["x", "y"], signal=rng.random(25000), labels=truth)
    text = page.readable(figure)
    assert "700 points miss a value" in text
    assert all(f"group {k} ({n:,})" in text for k, n in enumerate(np.bincount(truth)))
    figure = confidence_figure(features[:9], ["x", "y"], confidence=np.full(9, 0.5))
    assert not page.text_faults(figure)


def test_figures_of_every_tenth_point_say_so():
    _, features, truth = blobs(500, 3)
    figure = signal_figure(features, ["x", "y"], signal=np.ones(500), labels=truth, step=10)
    assert "all numbers are of every 10th point" in page.texts(figure)
    assert choose_step(MOST_READ) == 1
    assert choose_step(MOST_READ + 1) == 2
    assert choose_step(100_000_000) == 100


def test_misassigned_points_are_counted_by_the_matching():
    features = np.arange(12.0).reshape(6, 2)
    truth = np.array([0, 0, 0, 1, 1, -1])
    labels = np.array([1, 1, 0, 0, 2, 0])
    known = {"truth": truth, "class_names": ["cat", "dog"], "matching": np.array([1, 0, -1])}
    signal = np.arange(1.0, 7)
    figure = signal_figure(features, ["x", "y"], signal=signal, labels=labels, **known)
    # point 2 is a cat in the dogs' group, point 4 in a group that stands for nothing
    assert "misassigned (2, 40.0 %)" in page.texts(figure)


def test_groups_keep_their_colours_and_classes_take_them():
    looks = [colour for colour, _ in matched_looks(np.array([1, 0, -1]), 3)]
    assert looks == [group_colour(1), group_colour(0), palette_colour(3)]
    looks = [colour for colour, _ in matched_looks(np.array([2, 2]), 3)]
    assert looks == [palette_colour(2), palette_colour(3), group_colour(0)]
    features = np.arange(8.0).reshape(4, 2)
    labels, truth = np.array([0, 1, 0, 1]), np.array([1, 0, 1, 0])
    known = {"truth": truth, "class_names": ["cat", "dog"], "matching": np.array([1, 0])}
    figure = signal_figure(features, ["x", "y"], signal=np.ones(4), labels=labels, **known)
    entries = [
        (text.get_text(), handle.get_color())
        for legend in figure.legends
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    ]
    colours = {text.split(" (")[0]: colour for text, colour in entries}
    assert colours["group 0"] == colours["dog"] == group_colour(0)
    assert colours["group 1"] == colours["cat"] == group_colour(1)


def test_classes_of_groups_invert_the_matching_of_an_evaluation():
    truth = np.array([3, 3, 3, 5, 5, 5])
    labels = np.array([4, 4, 4, 0, 0, 2])
    assert classes_of_groups(evaluate(labels, truth), 6).tolist() == [1, -1, -1, -1, 0, -1]
    assert match_groups(labels, truth, 6).tolist() == [5, -1, -1, -1, 3, -1]


@pytest.mark.parametrize("shape", [(5, 4), (40, 15), (70, 40), (3, 60)])
def test_confidence_figure_is_readable(shape):
    rng, features, _ = blobs(400, 3)
    lattice = Lattice(*shape)
    nodes = rng.uniform(0.5, 1, lattice.n_nodes)
    nodes[::3] = np.nan
    confidence = np.clip(rng.normal(0.9, 0.2, 400), 0.3, 1)
    of_nodes = {"node_confidence": nodes, "lattice": lattice}
    figure = confidence_figure(features, ["x", "y"], confidence=confidence, **of_nodes)
    text = page.readable(figure)
    assert f"{100 * (confidence == 1).mean():.1f} % of the points at 1" in text
    assert "node without points" in text


def test_the_distribution_of_confidence_is_cumulative_and_ends_at_all_points():
    confidence = np.repeat([1.0, 0.9, 0.5], [99_980, 19, 1])
    figure = confidence_figure(np.zeros((100_000, 2)), ["x", "y"], confidence=confidence)
    assert "more than 99.9 % of the points at 1" in page.texts(figure)
    axes = next(a for a in figure.axes if a.get_ylabel().startswith("Points at most"))
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [0.5, 0.5, 0.9, 1.0])
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0, 0.001, 0.02, 100])


@pytest.mark.parametrize("value", [1.0, 0.25])
def test_confidence_figure_of_equal_values(value):
    _, features, _ = blobs(30, 2)
    figure = confidence_figure(features, ["x", "y"], confidence=np.full(30, value))
    assert not page.text_faults(figure)
    share = "100.0" if value == 1 else "0.0"
    assert f"{share} % of the points at 1" in page.texts(figure)


def test_arrays_must_fit():
    points = np.zeros((3, 1))
    with pytest.raises(ConfigError, match="signal has 2 entries for 3 points"):
        signal_figure(np.zeros((3, 2)), ["x", "y"], signal=np.zeros(2), labels=np.zeros(3, int))
    with pytest.raises(ConfigError, match="one or two columns"):
        confidence_figure(np.zeros((3, 3)), ["x", "y", "z"], confidence=np.ones(3))
    with pytest.raises(ConfigError, match="given together"):
        confidence_figure(points, ["x"], confidence=np.ones(3), node_confidence=np.ones(1))
    with pytest.raises(ConfigError, match="3 entries, but the lattice has 4 nodes"):
        nodes = {"node_confidence": np.ones(3), "lattice": Lattice(2, 2)}
        confidence_figure(points, ["x"], confidence=np.ones(3), **nodes)


def test_the_points_that_are_drawn_are_the_same_every_time():
    assert choose_points(10).tolist() == list(range(10))
    chosen = choose_points(100_000)
    assert len(np.unique(chosen)) == MAX_POINTS
    np.testing.assert_array_equal(chosen, choose_points(100_000))
    assert (np.diff(chosen) > 0).all()


def test_telling_features_are_those_of_the_largest_f_but_not_copies():
    rng, _, truth = blobs(300, 3)
    noise = rng.normal(size=(300, 4))
    features = noise + np.outer(truth, [0.0, 6.0, 2.0, 1.0])
    features = np.column_stack([features, 2 * features[:, 1] + 1])
    assert most_telling_features(features, truth) == (1, 2)
    f = [f_oneway(*(column[truth == c] for c in range(3))).statistic for column in features.T]
    assert np.argsort(f[:4])[:-3:-1].tolist() == [1, 2]


def test_a_missing_value_counts_as_the_mean_of_its_feature():
    rng, features, truth = blobs(90, 3, 4)
    features[:, 2] = 30.0 * truth + rng.random(90)
    features[4, 2] = np.nan
    assert most_telling_features(features, truth)[0] == 2
    filled = fill_missing(np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]]))
    np.testing.assert_array_equal(filled, [[1, 0], [3, 0], [2, 0]])


def test_telling_features_when_there_is_little_to_choose():
    truth = np.array([0, 0, 1, 1])
    assert most_telling_features(np.arange(4.0)[:, None], truth) == (0,)
    copies = np.outer(np.arange(4.0), [1, 2])
    assert most_telling_features(copies, truth) == (0, 1)
    assert most_telling_features(np.ones((4, 3)), truth) == (0, 1)
    assert most_telling_features(np.eye(4), np.zeros(4, int)) == (0, 1)


@given(
    arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(2, 5)), elements=st.floats(-5, 5)),
    st.data(),
)
def test_telling_features_are_two_columns_and_ignore_the_names_of_groups(features, data):
    n = len(features)
    labels = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    first, second = most_telling_features(features, labels)
    assert first != second
    assert {first, second} <= set(range(features.shape[1]))
    assert most_telling_features(features, 7 - labels) == (first, second)
