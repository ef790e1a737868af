"""Figures of one map."""

from types import SimpleNamespace

import numpy as np
import oracles_figures as page
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.path import Path
from oracles_lattice import KINDS

from kohorte.errors import ConfigError
from kohorte.figures.cells import CORNERS, boundary_segments, fit_map, map_outline, straight_lines
from kohorte.figures.maps import (
    MAX_CLASSES,
    component_planes_figure,
    hit_map_figure,
    name_clusters,
    umatrix_figure,
)
from kohorte.figures.marginals import marginals_figure
from kohorte.figures.points import confidence_figure
from kohorte.figures.style import title_of
from kohorte.maps.lattice import ROW_HEIGHT, Lattice

SHAPES = [(5, 4, 2), (40, 15, 9), (70, 40, 300), (60, 1, 4), (1, 30, 3), (1, 1, 1)]
lattices = st.builds(
    lambda kind, xdim, half: Lattice(xdim, 2 * half if half else 1, *kind),
    st.sampled_from(KINDS),
    st.integers(1, 5),
    st.integers(0, 2),
)


def make_map(xdim, ydim, n_basins, share=0.6, topology="rectangular", periodic=False):
    """A lattice with Voronoi basins around random centroids, some of them merged."""
    rng = np.random.default_rng(3)
    lattice = Lattice(xdim, ydim, topology, periodic)
    centroids = np.sort(rng.choice(lattice.n_nodes, n_basins, replace=False))
    basins = lattice.distances_from(centroids).argmin(0)
    kept = np.sort(rng.choice(n_basins, max(1, int(share * n_basins)), replace=False))
    merged = lattice.distances_from(centroids[kept])[:, centroids].argmin(0)
    return lattice, {
        "basins": basins,
        "centroids": centroids,
        "node_clusters": merged[basins],
        "cluster_centroids": centroids[kept],
    }


def test_clusters_carry_the_class_of_most_of_their_points():
    lattice = Lattice(6, 5)
    node_clusters = np.repeat([0, 1, 2], 10)
    arrays = {"node_clusters": node_clusters, "winners": np.array([0, 1, 2, 12, 13, 14, 5])}
    stored = SimpleNamespace(arrays=arrays, n_clusters=3)
    truth = np.array([1, 1, 0, 0, 0, -1, -1])
    table = SimpleNamespace(truth=truth, class_names=("setosa", "virginica"))
    names = name_clusters(stored, table)
    assert names == ["virginica", "setosa", ""]
    assert name_clusters(stored, SimpleNamespace(truth=None, class_names=None)) == []
    how = {"basins": node_clusters, "centroids": np.array([2, 12, 27]), "class_names": names}
    how |= {"node_clusters": node_clusters, "cluster_centroids": np.array([2, 12, 27])}
    text = page.texts(umatrix_figure(np.arange(30.0), lattice, **how))
    assert {"0 virginica", "1 setosa", "2"} <= set(text.split(" | "))


@pytest.mark.parametrize(("xdim", "ydim", "n_basins"), SHAPES)
def test_umatrix_figure_is_readable(xdim, ydim, n_basins):
    lattice, segments = make_map(xdim, ydim, n_basins)
    u = np.random.default_rng(0).random(lattice.n_nodes)
    figure = umatrix_figure(u, lattice, **segments)
    text = page.readable(figure)
    assert "centroid of a cluster" in text
    assert ("boundary of clusters" in text) == (len(segments["cluster_centroids"]) > 1)


@pytest.mark.parametrize(("topology", "periodic"), KINDS)
@pytest.mark.parametrize(("xdim", "ydim"), [(24, 14), (60, 1), (1, 30), (3, 2)])
def test_figures_of_one_map_are_readable_on_every_lattice(xdim, ydim, topology, periodic):
    lattice, segments = make_map(xdim, ydim, 4, 0.5, topology, periodic)
    rng = np.random.default_rng(0)
    values = rng.random(lattice.n_nodes)
    nodes = {"node_confidence": values, "lattice": lattice}
    figures = [
        umatrix_figure(values, lattice, metric="manhattan", **segments),
        hit_map_figure(rng.poisson(2, lattice.n_nodes), lattice),
        component_planes_figure(values[:, None], ["x"], lattice),
        confidence_figure(rng.random((9, 2)), ["x", "y"], confidence=rng.random(9), **nodes),
    ]
    for figure in figures:
        assert ("periodic" in page.readable(figure)) == periodic
    assert "manhattan" in page.texts(figures[0])


def test_rows_of_a_hexagonal_lattice_are_numbered_from_zero():
    lattice, segments = make_map(6, 5, 2, topology="hexagonal")
    axes = umatrix_figure(np.arange(30.0), lattice, **segments).axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == list("01234")
    np.testing.assert_allclose(axes.get_yticks(), lattice.coordinates()[::6, 1])


def test_umatrix_figure_of_one_flat_cluster_has_no_boundary():
    lattice, segments = make_map(6, 5, 1)
    text = page.texts(umatrix_figure(np.full(30, 0.2), lattice, **segments))
    assert "euclidean" not in text
    assert "boundary" not in text
    assert "its cluster" not in text


@pytest.mark.parametrize(
    ("xdim", "ydim", "n_basins", "n_classes"),
    [(5, 4, 2, 0), (5, 4, 2, 20), (40, 15, 9, 3), (70, 40, 300, 0), (60, 1, 4, 3), (1, 30, 3, 0)],
)
def test_hit_map_is_readable(xdim, ydim, n_basins, n_classes):
    lattice, segments = make_map(xdim, ydim, n_basins)
    rng = np.random.default_rng(1)
    counts = rng.poisson(np.exp(rng.normal(0, 1.5, (lattice.n_nodes, max(n_classes, 1)))))
    counts[0] = 0
    names = [f"a class of number {c}" for c in range(n_classes)]
    classes = {"class_counts": counts, "class_names": names} if n_classes else {}
    classes["node_clusters"] = segments["node_clusters"]
    figure = hit_map_figure(counts.sum(axis=1), lattice, **classes)
    text = page.readable(figure)
    assert "% of the nodes hold no points" in text
    assert "point" in text
    assert text.count("a class") == min(n_classes, MAX_CLASSES - 1)
    assert ("5 further classes" in text) == (n_classes == 20)


def test_hit_map_without_any_point():
    lattice, _ = make_map(4, 3, 2)
    text = page.texts(hit_map_figure(np.zeros(12, int), lattice))
    assert "100 % of the nodes hold no points" in text


@pytest.mark.parametrize(
    ("xdim", "ydim", "n_features"), [(5, 4, 1), (40, 15, 4), (20, 10, 64), (30, 1, 3), (3, 40, 7)]
)
def test_component_planes_are_readable(xdim, ydim, n_features):
    lattice, segments = make_map(xdim, ydim, 3)
    weights = np.random.default_rng(2).normal(size=(lattice.n_nodes, n_features))
    names = [f"a rather long name of feature {f} (km/s)" for f in range(n_features)]
    numbers = np.arange(n_features)
    options = {"offset": 1000.0 * numbers, "scale": 10.0 ** (numbers % 7 - 3), "max_planes": 12}
    options["node_clusters"] = segments["node_clusters"]
    figure = component_planes_figure(weights, names, lattice, **options)
    assert ("12 of 64 features" in page.readable(figure)) == (n_features == 64)


def test_component_planes_show_the_features_that_vary_most_in_table_order():
    lattice = Lattice(4, 4)
    spread = np.array([1.0, 5.0, 0.0, 3.0])
    weights = np.arange(16.0)[:, None] * spread
    figure = component_planes_figure(weights, list("pqrs"), lattice, max_planes=2)
    assert "2 of 4 features" in page.texts(figure)
    assert [title_of(axes) for axes in figure.axes[::2]] == ["q", "s"]


def test_component_planes_are_in_units_of_the_data():
    lattice = Lattice(2, 1)
    units = {"offset": np.array([50.0]), "scale": np.array([10.0])}
    figure = component_planes_figure(np.array([[-1.0], [1.0]]), ["x"], lattice, **units)
    assert figure.axes[1].get_ylim() == (40.0, 60.0)


def test_arrays_that_do_not_fit_the_lattice_are_refused():
    lattice, segments = make_map(5, 4, 2)
    with pytest.raises(ConfigError, match=r"u_matrix has 3 entries.*5 x 4 lattice has 20"):
        umatrix_figure(np.zeros(3), lattice, **segments)
    with pytest.raises(ConfigError, match="2 columns of weights, but 1 names"):
        component_planes_figure(np.zeros((20, 2)), ["x"], lattice)
    with pytest.raises(ConfigError, match="2 columns of class counts, but 1 names"):
        counts = {"class_counts": np.ones((20, 2), int), "class_names": ["a"]}
        hit_map_figure(np.ones(20, int), lattice, **counts)
    with pytest.raises(ConfigError, match="lower max_planes"):
        component_planes_figure(np.zeros((20, 2000)), [""] * 2000, lattice, max_planes=2000)


@given(lattices, st.integers(1, 4), st.randoms(use_true_random=False))
def test_boundaries_are_the_edges_shared_with_cells_of_other_clusters(lattice, k, random):
    ids = np.array([random.randrange(k) for _ in range(lattice.n_nodes)])
    found = [page.rounded(edge) for edge in boundary_segments(lattice, ids)]
    assert len(set(found)) == len(found)
    assert set(found) == page.edges_between(lattice, CORNERS[lattice.topology], ids)


@given(lattices)
def test_the_outline_encloses_all_cells_and_nothing_else(lattice):
    x, y = map_outline(lattice).T
    area = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2
    height = 1 if lattice.topology == "rectangular" else ROW_HEIGHT
    assert area == pytest.approx(lattice.n_nodes * height)
    assert Path(map_outline(lattice)).contains_points(lattice.coordinates()).all()


@given(lattices, st.randoms(use_true_random=False))
def test_lines_go_the_short_way_and_are_drawn_wherever_they_cross_the_map(lattice, random):
    origin, target = (random.randrange(lattice.n_nodes) for _ in range(2))
    lines = straight_lines(lattice, np.array([origin]), np.array([target]))
    lengths = np.linalg.norm(lines[:, 1] - lines[:, 0], axis=-1)
    np.testing.assert_allclose(lengths, lattice.distances_from(origin)[target], atol=1e-9)
    np.testing.assert_allclose(lines[0, 0], lattice.coordinates()[origin])
    ends = np.abs(lines[:, 1] - lattice.coordinates()[target]).max(axis=1)
    assert ends.min() < 1e-9
    outline = Path(map_outline(lattice))
    for share in (0.0, 0.23, 0.5, 0.77, 1.0):  # wherever on the way, some part shows it
        shown = lines[:, 0] + share * (lines[:, 1] - lines[:, 0])
        assert any(outline.contains_points(shown, radius=r).any() for r in (1e-6, -1e-6))


def test_symbols_of_hits_stay_within_cells_of_a_long_map():
    for lattice in (Lattice(1, 60), Lattice(60, 1), Lattice(1, 60, "hexagonal")):
        figure = hit_map_figure(np.full(60, 3), lattice)
        symbols = figure.axes[0].collections[1].get_paths()
        assert 0.5 < np.ptp(symbols[0].vertices[:, int(lattice.ydim > 1)]) < 1.2


def test_maps_keep_the_shape_of_cells_unless_they_are_very_long():
    size = fit_map(Lattice(40, 15), 6, 6)
    assert size.width / size.height == pytest.approx(40 / 15)
    assert size.roundness == pytest.approx(1)
    size = fit_map(Lattice(100, 1), 6, 6)
    assert size.width / size.height == pytest.approx(5)
    assert size.roundness == pytest.approx(0.05)


def test_marginals_count_points_and_nodes_in_the_same_bins():
    points = np.column_stack([np.arange(100.0), np.full(100, 7.0)])
    nodes = np.array([[10.0, np.nan], [10.0, np.nan], [60.0, np.nan], [90.0, np.nan]])
    figure = marginals_figure(points, nodes, ["x (m)", "flat"], gaps=np.array([0.39, np.nan]))
    first, second = figure.axes[:2]
    of_points, of_nodes = (stairs.get_data() for stairs in first.patches)
    assert np.array_equal(of_points.edges, of_nodes.edges)
    assert np.histogram(nodes[:, 0], of_nodes.edges)[0].tolist() == (4 * of_nodes.values).tolist()
    assert of_points.values.sum() == pytest.approx(0.98, abs=0.011)  # of 99 % in the middle
    assert [axes.get_title(loc="right") for axes in (first, second)] == ["KS 0.39", "no values"]
    assert first.get_xlabel() == "x (m)"


def test_of_many_marginals_those_that_differ_most_are_drawn():
    gaps = np.arange(30) / 30
    names = [f"f{k}" for k in range(30)]
    figure = marginals_figure(np.zeros((9, 30)), np.ones((4, 30)), names, gaps=gaps)
    assert [axes.get_xlabel() for axes in figure.axes] == [f"f{k}" for k in range(6, 30)]
    assert "24 of 30 features" in figure.legends[0].get_texts()[-1].get_text().replace("\n", " ")
    with pytest.raises(ConfigError, match="distances for 2 features"):
        marginals_figure(np.zeros((9, 3)), np.ones((4, 3)), ["a", "b"], gaps=gaps[:3])


def test_a_few_far_nodes_do_not_make_all_others_pale():
    heights = np.append(np.linspace(1.0, 2.0, 98), [9.0, 10.0])
    lattice = Lattice(10, 10)
    nothing = np.zeros(100, dtype=int)
    how = {"basins": nothing, "node_clusters": nothing}
    how |= {"centroids": np.zeros(1, int), "cluster_centroids": np.zeros(1, int)}
    for u, extend in ((heights, "max"), (np.linspace(0, 1, 100), "neither")):
        cells = umatrix_figure(u, lattice, **how).axes[0].collections[0]
        assert cells.colorbar.extend == extend
        low, high = cells.get_clim()
        assert low == u.min()
        assert high == (np.quantile(u, 0.98) if extend == "max" else u.max())


def test_small_clusters_have_numbers_and_no_names():
    lattice = Lattice(12, 10)
    each = np.arange(120)
    how = {"basins": each, "centroids": each, "class_names": ["a long name"] * 120}
    figure = umatrix_figure(
        np.ones(120), lattice, node_clusters=each, cluster_centroids=each, **how
    )
    assert "a long name" not in page.readable(figure)
