"""Figures of one map."""

import numpy as np
import oracles_figures as page
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohorte.errors import ConfigError
from kohorte.figures.cells import boundary_segments, cell_polygons, fit_map
from kohorte.figures.maps import (
    MAX_CLASSES,
    component_planes_figure,
    hit_map_figure,
    umatrix_figure,
)
from kohorte.maps.lattice import Lattice

SHAPES = [(5, 4, 2), (40, 15, 9), (70, 40, 300), (60, 1, 4), (1, 30, 3), (1, 1, 1)]


def make_map(xdim, ydim, n_basins, share=0.6):
    """A lattice with Voronoi basins around random centroids, some of them merged."""
    rng = np.random.default_rng(3)
    lattice = Lattice(xdim, ydim)
    at = lattice.coordinates()
    centroids = np.sort(rng.choice(lattice.n_nodes, n_basins, replace=False))
    basins = np.square(at[:, None] - at[centroids]).sum(-1).argmin(1)
    kept = np.sort(rng.choice(n_basins, max(1, int(share * n_basins)), replace=False))
    merged = np.square(at[centroids][:, None] - at[centroids[kept]]).sum(-1).argmin(1)
    return lattice, {
        "basins": basins,
        "centroids": centroids,
        "node_clusters": merged[basins],
        "cluster_centroids": centroids[kept],
    }


@pytest.mark.parametrize(("xdim", "ydim", "n_basins"), SHAPES)
def test_umatrix_figure_is_readable(xdim, ydim, n_basins):
    lattice, segments = make_map(xdim, ydim, n_basins)
    u = np.random.default_rng(0).random(lattice.n_nodes)
    figure = umatrix_figure(u, lattice, **segments)
    assert not page.text_faults(figure)
    text = page.texts(figure)
    assert "centroid of a cluster" in text
    assert ("boundary of clusters" in text) == (len(segments["cluster_centroids"]) > 1)


def test_umatrix_figure_of_one_flat_cluster_has_no_boundary():
    lattice, segments = make_map(6, 5, 1)
    text = page.texts(umatrix_figure(np.full(30, 0.2), lattice, **segments))
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
    figure = hit_map_figure(
        counts.sum(axis=1),
        lattice,
        class_counts=counts if n_classes else None,
        class_names=[f"a class of number {c}" for c in range(n_classes)] if n_classes else None,
        node_clusters=segments["node_clusters"],
    )
    assert not page.text_faults(figure)
    text = page.texts(figure)
    assert "node without points" in text
    assert "point" in text
    assert text.count("a class") == min(n_classes, MAX_CLASSES - 1 if n_classes > 12 else 12)
    assert ("9 rarer classes" in text) == (n_classes == 20)


def test_hit_map_without_any_point():
    lattice, _ = make_map(4, 3, 2)
    assert "node without points" in page.texts(hit_map_figure(np.zeros(12, int), lattice))


@pytest.mark.parametrize(
    ("xdim", "ydim", "n_features"), [(5, 4, 1), (40, 15, 4), (20, 10, 64), (30, 1, 3), (3, 40, 7)]
)
def test_component_planes_are_readable(xdim, ydim, n_features):
    lattice, segments = make_map(xdim, ydim, 3)
    weights = np.random.default_rng(2).normal(size=(lattice.n_nodes, n_features))
    figure = component_planes_figure(
        weights,
        [f"a rather long name of feature {f} (km/s)" for f in range(n_features)],
        lattice,
        offset=1000.0 * np.arange(n_features),
        scale=10.0 ** (np.arange(n_features) % 7 - 3),
        node_clusters=segments["node_clusters"],
        max_planes=12,
    )
    assert not page.text_faults(figure)
    assert ("12 of 64 features" in page.texts(figure)) == (n_features == 64)


def test_component_planes_show_the_features_that_vary_most_in_table_order():
    lattice = Lattice(4, 4)
    spread = np.array([1.0, 5.0, 0.0, 3.0])
    weights = np.arange(16.0)[:, None] * spread
    figure = component_planes_figure(weights, list("pqrs"), lattice, max_planes=2)
    assert "2 of 4 features" in page.texts(figure)
    assert [axes.get_title(loc="left") for axes in figure.axes[::2]] == ["q", "s"]


def test_component_planes_are_in_units_of_the_data():
    lattice = Lattice(2, 1)
    figure = component_planes_figure(
        np.array([[-1.0], [1.0]]), ["x"], lattice, offset=np.array([50.0]), scale=np.array([10.0])
    )
    low, high = figure.axes[1].get_ylim()
    assert (low, high) == (40.0, 60.0)


def test_arrays_that_do_not_fit_the_lattice_are_refused():
    lattice, segments = make_map(5, 4, 2)
    with pytest.raises(ConfigError, match=r"u_matrix has 3 entries.*5 x 4 lattice has 20"):
        umatrix_figure(np.zeros(3), lattice, **segments)
    with pytest.raises(ConfigError, match="2 columns of weights, but 1 names"):
        component_planes_figure(np.zeros((20, 2)), ["x"], lattice)
    with pytest.raises(ConfigError, match="2 columns of class counts, but 1 names"):
        hit_map_figure(
            np.ones(20, int), lattice, class_counts=np.ones((20, 2), int), class_names=["a"]
        )
    with pytest.raises(ConfigError, match="lower max_planes"):
        component_planes_figure(np.zeros((20, 2000)), [""] * 2000, lattice, max_planes=2000)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.randoms(use_true_random=False))
def test_boundaries_are_the_edges_between_neighbours_of_other_clusters(xdim, ydim, k, random):
    lattice = Lattice(xdim, ydim)
    ids = np.array([random.randrange(k) for _ in range(lattice.n_nodes)])
    found = {
        tuple(sorted(map(tuple, segment.tolist())))
        for segment in boundary_segments(cell_polygons(lattice), ids)
    }
    plane = ids.reshape(ydim, xdim)
    expected = set()
    for y in range(ydim):
        for x in range(xdim):
            if x + 1 < xdim and plane[y, x] != plane[y, x + 1]:
                expected.add(((x + 0.5, y - 0.5), (x + 0.5, y + 0.5)))
            if y + 1 < ydim and plane[y, x] != plane[y + 1, x]:
                expected.add(((x - 0.5, y + 0.5), (x + 0.5, y + 0.5)))
    assert found == expected


def test_maps_keep_the_shape_of_cells_unless_they_are_very_long():
    size = fit_map(Lattice(40, 15), 6, 6)
    assert size.width / size.height == pytest.approx(40 / 15)
    assert size.roundness == pytest.approx(1)
    size = fit_map(Lattice(100, 1), 6, 6)
    assert size.width / size.height == pytest.approx(5)
    assert size.roundness == pytest.approx(0.05)
