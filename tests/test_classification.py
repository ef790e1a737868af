"""Classes of points that no map has seen, and the figures of classes on maps."""

import numpy as np
import oracles_figures as page
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohorte.analysis import classification as by
from kohorte.errors import ConfigError
from kohorte.figures import classes as figures
from kohorte.maps.lattice import Lattice
from kohorte.maps.metrics import METRICS, rowwise
from kohorte.store import PreparedData
from kohorte.studies.images.figures import (
    as_images,
    class_winners_figure,
    image_map_figure,
    images_of_means,
)

LATTICES = [
    Lattice(5, 4, "hexagonal", True),
    Lattice(4, 3, "rectangular", False),
    Lattice(7, 1, "rectangular", True),
]


def plain_vote(classes):
    """The commonest entry, the lowest of equally common ones."""
    return min(set(classes), key=lambda c: (-list(classes).count(c), c))


@pytest.fixture
def points():
    """Winners and classes of 60 points; some nodes have none."""
    rng = np.random.default_rng(2)

    def make(lattice):
        occupied = rng.choice(lattice.n_nodes, lattice.n_nodes // 2, replace=False)
        return rng.choice(occupied, 60), rng.integers(0, 3, 60)

    return make


@pytest.mark.parametrize("lattice", LATTICES)
def test_classes_of_nodes_and_purity_are_plain_counts(points, lattice):
    winners, classes = points(lattice)
    counts = by.count_classes(winners, classes, lattice.n_nodes, 3)
    right = 0
    for node, found in enumerate(by.commonest(counts)):
        here = classes[winners == node]
        assert found == (plain_vote(here) if here.size else -1)
        right += sum(here == found)
    assert by.purity(counts) == pytest.approx(right / 60)


@pytest.mark.parametrize("lattice", LATTICES)
def test_neighbours_on_the_map_are_all_points_within_the_least_distance(points, lattice):
    winners, classes = points(lattice)
    counts = by.count_classes(winners, classes, lattice.n_nodes, 3)
    numbers = [1, 2, 7, 30, 60]
    found = by.map_neighbours(counts, lattice, numbers)
    for node in range(lattice.n_nodes):
        away = lattice.distances_from(node)[winners]
        for row, k in enumerate(numbers):
            near = classes[away <= np.sort(away)[k - 1] + 1e-12]
            assert found[row, node] == plain_vote(near)


@pytest.mark.parametrize("metric", METRICS)
def test_nearest_points_are_those_of_the_plain_distances(metric):

    rng = np.random.default_rng(4)
    known, classes = rng.random((40, 5)).astype(np.float32), rng.integers(0, 4, 40)
    new = rng.random((15, 5)).astype(np.float32)
    found = by.point_neighbours(known, classes, new, [1, 4, 40], metric)
    for n, point in enumerate(new):
        order = np.argsort(rowwise(np.tile(point, (40, 1)), known, metric), kind="stable")
        assert [plain_vote(classes[order[:k]]) for k in (1, 4, 40)] == found[:, n].tolist()


@given(st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=1, max_size=6))
def test_votes_go_to_the_commonest_class(predicted):
    assert by.vote(predicted).tolist() == [plain_vote(c) for c in zip(*predicted, strict=True)]


def test_means_of_classes_and_their_winners():
    features = np.array([[0, 0], [2, np.nan], [4, 4], [6, 6]], np.float32)
    means, winners = by.winners_of_means(features, [0, 0, 1, 1], [[1, 1], [5, 5], [1, 0]])
    assert means.tolist() == [[1, 0], [5, 5]]
    assert winners.tolist() == [2, 1]


def test_faults_of_classification_are_named():
    with pytest.raises(ConfigError, match="neighbours: 5 is more than the 4 points"):
        by.map_neighbours(np.ones((2, 2), int), Lattice(2, 1), [1, 5])
    with pytest.raises(ConfigError, match=r"the class 'oak'.*known are ash, birch"):
        by.match_names(["ash", "oak"], ["ash", "birch"])
    assert by.match_names(["birch", "ash"], ["ash", "birch"]).tolist() == [1, 0]


def test_rows_of_the_table():
    truth = np.array([0, 1, 1, 0])
    rows = by.accuracy_rows("a", [[0, 1, 1, 1], truth], truth, neighbours=[1, 9], points="test")
    assert list(rows) == [
        {"method": "a", "neighbours": 1, "accuracy": 0.75, "points": "test"},
        {"method": "a", "neighbours": 9, "accuracy": 1.0, "points": "test"},
    ]


def test_features_become_images_with_pixels_left_out_as_zero():
    names = ["pixel_0_1", "pixel_2_0", "pixel_1_1"]
    (image,) = as_images([[1.0, 2.0, 3.0]], names)
    assert image.tolist() == [[0, 1], [0, 3], [2, 0]]
    with pytest.raises(ConfigError, match="feature 'age' is no pixel"):
        as_images([[1.0, 2.0]], ["pixel_0_1", "age"])


def test_images_of_means_are_in_the_units_of_the_data():
    features, units = np.array([[0, 0], [2, 0], [4, 4]], np.float32), np.array([[10, 20], [2, 3]])
    known = {"truth": np.array([0, 0, 1]), "class_names": ("a", "b")}
    names = ("pixel_0_1", "pixel_1_0")
    data = PreparedData(
        features, names, *units.astype(float), **known, rows=np.arange(3), digest=""
    )
    nodes = np.array([[5, 5], [1, 1]], np.float32)
    means, weights, winners = images_of_means(data, nodes, "euclidean")
    assert winners.tolist() == [1, 0]
    assert means.tolist() == [[[0, 12], [20, 0]], [[0, 18], [32, 0]]]
    assert weights.tolist() == [[[0, 12], [23, 0]], [[0, 20], [35, 0]]]


SMALL, FLAT = Lattice(20, 12, "hexagonal", True), Lattice(30, 1)


@pytest.mark.parametrize(("lattice", "n_classes"), [(SMALL, 1), (SMALL, 16), (FLAT, 10)])
def test_figures_of_classes_are_readable(lattice, n_classes):
    rng = np.random.default_rng(0)
    winners, classes = rng.integers(0, lattice.n_nodes, 400), np.arange(400) % n_classes
    names = [f"class {c}" for c in range(n_classes)]
    heights = rng.random(lattice.n_nodes)
    counts = by.count_classes(winners, classes, lattice.n_nodes, n_classes)
    nodes, images = rng.integers(0, lattice.n_nodes, n_classes), rng.random((n_classes, 8, 6))
    drawn = [
        figures.node_difference_figure(heights, lattice, metric="cosine"),
        figures.feature_map_figure(heights, "pixel_3_16", lattice),
        figures.projections_figure(winners, classes, names, heights, lattice, per_class=20),
        figures.class_projections_figure(winners, classes, names, heights, lattice, per_class=20),
        figures.node_classes_figure(counts, names, lattice),
        class_winners_figure(images, images, nodes, names, heights, lattice),
        image_map_figure(images, nodes, names, heights, lattice, metric="cosine"),
    ]
    texts = [page.readable(figure) for figure in drawn]
    assert "cosine" in texts[0]
    assert "pixel_3_16" in texts[1]
    assert f"20 of {np.sum(classes == 0)}" in texts[3]
    assert all("class 0" in text for text in texts[2:])


def test_lines_to_the_images_do_not_cross():
    lattice = Lattice(20, 20, "hexagonal", True)
    rng = np.random.default_rng(8)
    nodes = rng.choice(lattice.n_nodes, 12, replace=False)
    images, names = rng.random((12, 4, 4)), [f"{c}" for c in range(12)]
    figure = image_map_figure(images, nodes, names, rng.random(400), lattice)
    size = figure.get_size_inches()
    ends = [line.get_xydata() * size for line in figure.artists if len(line.get_xydata()) == 2]
    assert len(ends) == 12

    def side(a, b, c):
        return np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    for k, (a, b) in enumerate(ends):
        for c, d in ends[:k]:
            assert side(a, b, c) == side(a, b, d) or side(c, d, a) == side(c, d, b)


def test_points_are_drawn_within_their_cells():
    lattice = Lattice(6, 4, "hexagonal")
    winners = np.repeat(np.arange(24), 5)
    points = winners, np.zeros(120, int), ["all"]
    figure = figures.projections_figure(*points, np.zeros(24), lattice, per_class=120)
    drawn = figure.axes[0].lines[0].get_xydata()
    away = np.linalg.norm(drawn - lattice.coordinates()[winners], axis=1)
    assert away.max() < 0.5


@pytest.mark.parametrize("n_maps", [1, 3])
def test_classification_figure_says_what_was_reached(n_maps):
    rows = [
        ("node_class", "m", "cosine", None, "study", 0.99),
        ("group_class", None, None, None, "test", 0.5),
        ("point_neighbours", None, "cosine", 1, "test", 0.97),
        ("point_neighbours", None, "cosine", 30, "test", 0.95),
    ]
    for m in range(n_maps):
        rows += [("map_neighbours", f"{m}", "cosine", k, "test", 0.87 + m / 100) for k in (1, 30)]
        rows.append(("node_class", f"{m}", "cosine", None, "test", 0.86))
    columns = ["method", "realization", "metric", "neighbours", "points", "accuracy"]
    figure = figures.classification_figure(pd.DataFrame(rows, columns=columns))
    text = page.readable(figure)
    assert "nearest points themselves, cosine: best 97.0 %" in text
    assert "class of the consensus group: 50.0 %" in text
    assert "class of the winner: 86.0 %" in text
    assert f"best {87 + (n_maps - 1) / 2:.1f} %" in text


def test_figures_refuse_more_classes_than_they_can_show():
    names, lattice = [f"{c}" for c in range(21)], Lattice(3, 3)
    with pytest.raises(ConfigError, match="room for 16 classes, not for 21"):
        figures.node_classes_figure(np.zeros((9, 21), int), names, lattice)
    images = np.zeros((21, 2, 2))
    with pytest.raises(ConfigError, match="images of 20 classes, not of 21"):
        image_map_figure(images, np.zeros(21, int), names, np.zeros(9), lattice)
    with pytest.raises(ConfigError, match=r"counts of shape \(9, 2\) for 9 nodes and 3 classes"):
        figures.node_classes_figure(np.zeros((9, 2), int), names[:3], lattice)
