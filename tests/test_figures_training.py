"""Figures of training: histories of all realizations, snapshots of one map."""

import numpy as np
import oracles_figures as page
import pytest
from matplotlib.colors import to_hex
from oracles_lattice import KINDS

from kohorte.errors import ConfigError
from kohorte.figures.groups import consensus_colour
from kohorte.figures.style import value_label
from kohorte.figures.training import history_figure, snapshots_figure
from kohorte.maps.lattice import Lattice


def make_histories(n):
    """Falling errors of n realizations at different numbers of moments."""
    rng = np.random.default_rng(5)
    histories = []
    for k in range(n):
        share = np.linspace(0, 1, 3 + k % 20)
        history = {
            "step": np.round(share * 10 ** (3 + k % 3)).astype(np.int64),
            "quantization_error": (1 + k) * np.exp(-3 * share) + 0.1 * rng.random(share.size),
            "topographic_error": np.clip(1 - share, 0, 1) * rng.random(share.size),
            "radius": 20 * (1 - share) + 1,
        }
        histories.append(history)
    return histories


@pytest.mark.parametrize("n", [1, 3, 40, 400])
def test_history_figure_is_readable(n):
    colours = {"colour_by": np.arange(n) * 0.01, "colour_name": "final_radius"}
    figure = history_figure(make_histories(n), metric=["cosine"] * n, highlight=n - 1, **colours)
    text = page.readable(figure)
    assert "cosine distance" in text
    assert "representative realization" in text
    assert ("final radius" in text.lower()) == (n > 1)


def test_histories_run_from_nothing_to_all_of_the_training():
    histories = make_histories(3)
    figure = history_figure(histories, colour_by=["a", None, "b"], colour_name="kernel")
    for axes, name in zip(figure.axes, list(histories[0])[1:], strict=True):
        segments = axes.collections[0].get_segments()
        for history, segment in zip(histories, segments, strict=True):
            np.testing.assert_allclose(segment[[0, -1], 0], [0, 100])
            np.testing.assert_allclose(segment[:, 1], history[name])
    assert "kernel none" in page.texts(figure)


def test_history_of_a_map_of_one_node_and_of_several_metrics():
    histories = make_histories(2)
    for history in histories:
        history["topographic_error"] = np.full(history["step"].size, np.nan)
    figure = history_figure(histories, metric=["euclidean", "manhattan"])
    assert "each in its own metric" in page.readable(figure)
    with pytest.raises(ConfigError, match="metric has 1 entries for 2 realizations"):
        history_figure(histories, metric=["euclidean"])


def draw_snapshots(n_moments, lattice, n_features=3, missing=False, **options):
    rng = np.random.default_rng(6)
    points = rng.normal(size=(50, n_features)).astype(np.float32)
    if missing:
        points[3, 0] = np.nan
    weights = rng.normal(size=(n_moments, lattice.n_nodes, n_features))
    steps = np.arange(n_moments) * 10**8
    return snapshots_figure(steps, weights, points, lattice, **options)


@pytest.mark.parametrize(
    ("n_moments", "xdim", "ydim", "n_features"),
    [(1, 6, 4, 3), (2, 30, 1, 2), (5, 6, 4, 64), (8, 25, 20, 3), (30, 1, 6, 1), (1, 1, 1, 1)],
)
def test_snapshots_figure_is_readable(n_moments, xdim, ydim, n_features):
    for periodic in (False, True):
        lattice = Lattice(xdim, ydim, "hexagonal", periodic)
        figure = draw_snapshots(n_moments, lattice, n_features, missing=True, unit="epochs")
        text = page.readable(figure)
        assert text.count("epochs") == min(n_moments, 6)
        assert f"After {value_label((n_moments - 1) * 10**8)} epochs" in text
        assert ("6 of 30 stored moments" in text) == (n_moments == 30)


@pytest.mark.parametrize(
    ("topology", "periodic", "links"),
    [
        ("rectangular", False, 3 * 3 + 4 * 2),
        ("rectangular", True, 2 * 12),
        ("hexagonal", False, 3 * 3 + 2 * 7),
    ],
)
def test_the_net_joins_each_pair_of_neighbours_once(topology, periodic, links):
    figure = draw_snapshots(1, Lattice(4, 3, topology, periodic))
    net = next(c for c in figure.axes[0].collections if hasattr(c, "get_segments"))
    assert len(net.get_segments()) == links


@pytest.mark.parametrize(("topology", "periodic"), KINDS)
def test_of_a_large_lattice_whole_lines_are_drawn(topology, periodic):
    figure = draw_snapshots(1, Lattice(60, 42, topology, periodic))
    net = next(c for c in figure.axes[0].collections if hasattr(c, "get_segments"))
    rows, columns = 14, 20
    lines = rows * (60 if periodic else 59) + columns * (42 if periodic else 41)
    assert len(net.get_segments()) == lines


def test_nodes_have_the_colour_of_their_group():
    groups = np.array([0, 0, 1, 1, -1, 1])
    figure = draw_snapshots(2, Lattice(3, 2), node_groups=groups)
    for axes in figure.axes:
        _, _, empty, dots = axes.collections
        assert len(empty.get_offsets()) == 1
        found = sorted(map(to_hex, dots.get_facecolors()))
        assert found == sorted(consensus_colour(k).lower() for k in (0, 0, 1, 1, 1))
    text = page.readable(figure)
    assert "group 0" in text
    assert "nodes without points" in text


def test_snapshots_lie_in_the_plane_of_largest_variance():
    points = np.array([[0, 0, 1], [0, 4, 1], [0, 8, 1], [1, 4, 1]], dtype=np.float32)
    nodes = np.array([[[0.25, 4, 1], [0.25, 6, 1]]])
    figure = snapshots_figure([7], nodes, points, Lattice(2, 1))
    net = next(c for c in figure.axes[0].collections if hasattr(c, "get_segments"))
    np.testing.assert_allclose(net.get_segments()[0], [[0, 0], [2, 0]], atol=1e-6)


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match=r"\(1, 6, 2\), but \(1, 6, 3\) was expected"):
        snapshots_figure([0], np.zeros((1, 6, 2)), np.zeros((5, 3)), Lattice(3, 2))
    with pytest.raises(ConfigError, match="was expected"):
        snapshots_figure([], np.zeros((0, 6, 3)), np.zeros((5, 3)), Lattice(3, 2))
