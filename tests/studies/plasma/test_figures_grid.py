"""Figures of `figures.extra`: readable, and drawn from what the files of a study say."""

import importlib
from types import SimpleNamespace

import numpy as np
import oracles_figures as page
import pandas as pd
import pytest
from grid_samples import make_study

from kohorte import store
from kohorte.errors import ConfigError, ResultError
from kohorte.figures.ensemble import overlap_matrices_figure
from kohorte.figures.points import explained_shares
from kohorte.figures.umatrix_stages import umatrix_contours_figure, umatrix_stages_figure
from kohorte.maps.lattice import Lattice
from kohorte.studies import plasma
from kohorte.studies.plasma import store as plasma_store
from kohorte.studies.plasma.fields.grid import Grid
from kohorte.studies.plasma.figures import slices
from kohorte.studies.plasma.figures.cell_groups import (
    MOST_FEATURES,
    feature_pairs_figure,
    group_shares_figure,
)
from kohorte.studies.plasma.figures.signals import count_signal, signal_histogram_figure
from kohorte.studies.plasma.figures.surfaces import Surface, View, shade, surfaces_figure
from kohorte.studies.plasma.physics.cuts import cut_grid
from kohorte.studies.plasma.physics.tables import measure_cells
from kohorte.studies.plasma.steps import list_groupings
from kohorte.study import figures as core

FIGURES = [*core.FIGURES, *plasma.MODULE.figures]


@pytest.fixture(scope="module", params=[(20, 24), (10, 14, 12)], ids=["plane", "box"])
def study(request, tmp_path_factory):
    paths = make_study(tmp_path_factory.mktemp("figures"), request.param, steps=800)
    with plasma_store.open_cells(paths.data, paths.fields, paths.grid) as cells:
        paths.cells = cells
        groupings = list_groupings(cells, store.read_ensemble(paths.ensemble), [paths.index])
        values = {name: cells[name] for name in cells.fields}
        parts = plasma_store.parts_of(cells.grid.shape)
        paths.tables = measure_cells(groupings, values, cells.grid, parts)
        paths.inputs = {n: getattr(paths, n) for n in ("data", "fields", "ensemble", "grid")}
        paths.inputs["maps"] = [paths.index]
        for name, table in zip(("physics", "structures", "threshold"), paths.tables, strict=True):
            paths.inputs[name] = paths.folder / f"{name}.csv"
            store.write_csv(table, paths.inputs[name])
        yield paths


def draw(study, name, **parameters):
    """The texts of a figure that is drawn from the files of a study, checked to be readable."""
    row = next(figure for figure in FIGURES if figure.name == name)
    draw_figure = getattr(importlib.import_module(row.module), f"draw_{name}")
    inputs = {key: study.inputs[key] for key in (*row.inputs, *row.tables)}
    known = {key.rpartition(".")[2]: None for key in row.parameters}
    figure = draw_figure(inputs, known | parameters)
    assert not page.text_faults(figure)
    return page.texts(figure)


@pytest.mark.parametrize("where", [(None, None), ("x", 3)])
def test_slices_of_the_grid(study, where):
    box = len(study.cells.grid.shape) == 3
    where = {"slice_axis": where[0], "slice_index": where[1]}
    across = "y (d)" if box and where["slice_axis"] == "x" else "x (d)"
    text = draw(study, "field_slice", **where)
    assert across in text
    assert "$B_0$ / d" in text
    assert ("magnetic field lines" in text) == (not box or where["slice_axis"] is None)
    text = draw(study, "feature_slices", **where)
    assert text.count("$B_0$") >= 4
    text = draw(study, "cluster_slice", realization="map1", threshold=1.5, **where)
    assert "Clusters of the map" in text
    assert "Map map1" in text
    assert "= 1.5 rms" in text
    foreign = SimpleNamespace(inputs=study.inputs | {"maps": []})
    text = draw(foreign, "cluster_slice", threshold=2, **where)
    assert "Consensus groups" in text
    assert "Clusters of the map" not in text
    assert "Stacked signal" in draw(study, "signal_slice", **where)
    assert "Stability" in draw(study, "consensus_slice", **where)
    assert "SCE group 0" in draw(study, "signal_classes", **where)
    cuts = np.quantile(study.cells["signal"][:], [0.3, 0.6]).tolist()
    text = draw(study, "signal_classes", signal_cuts=cuts, **where)
    assert "below" in text
    assert "from" in text


def test_figures_of_groups_and_maps(study):
    text = draw(study, "group_shares")
    assert "above threshold" in text
    assert "consensus 0" in text
    text = draw(study, "feature_pairs")
    assert "group 0" in text
    draw(study, "overlap_matrices")
    draw(study, "umatrix_contours", realization="map3")
    text = draw(study, "umatrix_stages")
    assert "After 0 steps" in text
    assert "After 800 steps" in text


def test_surfaces_of_a_box(study):
    if len(study.cells.grid.shape) == 2:
        with pytest.raises(ResultError, match="needs a grid of three dimensions"):
            draw(study, "sheet_surfaces", threshold=2.0)
        return
    assert "> 2 rms" in draw(study, "sheet_surfaces", threshold=2.0)


def test_histogram_counts_every_cell_once(study):
    signal, groups = study.cells["signal"][:], study.cells["sce_group"][:]
    n = study.cells.grid.shape[0]
    counts, edges = count_signal(study.cells, [slice(0, 3), slice(3, n)])
    assert counts.sum(axis=1).tolist() == np.bincount(groups.ravel()).tolist()
    assert (edges[0], edges[-1]) == (signal.min(), signal.max())
    expected = np.histogram(signal, edges)[0]
    np.testing.assert_array_equal(counts.sum(axis=0), expected)
    assert "cut-off" in draw(study, "signal_histogram", signal_cuts=[float(signal.mean())])
    groups = np.ones((3, 8), int) * [[1], [0], [2]]
    figure = signal_histogram_figure(np.arange(8), np.geomspace(1, 1e6, 9), groups=groups)
    assert not page.text_faults(figure)


def test_pairs_are_of_the_features_that_tell_the_groups_apart():
    rng = np.random.default_rng(0)
    groups = np.arange(40) % 2
    features = rng.normal(size=(40, 13))
    telling = [1, 3, 4, 8, 9, 12]
    features[:, telling] += 5.0 * groups[:, None]
    best = np.argsort(-explained_shares(features, groups), kind="stable")
    assert sorted(best[:MOST_FEATURES].tolist()) == telling
    known = {"shares": np.array([0.5, 0.5]), "n_points": 90, "n_all": 13}
    figure = feature_pairs_figure(features[:, telling], list("abcdef"), groups, **known)
    assert "6 of 13 features; 40 of 90 points" in page.readable(figure)


def test_clusters_of_a_map_take_the_colours_of_their_groups(study):
    where = {"slice_axis": None, "slice_index": None}
    chosen = {"realization": "map1", "threshold": 1.5, **where}
    figure = slices.draw_cluster_slice(study.inputs, chosen)
    clusters, groups = (axes.images[0] for axes in figure.axes[:2])
    a, b = (np.asarray(image.get_array()).ravel() for image in (clusters, groups))
    table = np.array(
        [[((a == i) & (b == k)).sum() for k in range(b.max() + 1)] for i in range(a.max() + 1)]
    )
    i, k = np.unravel_index(table.argmax(), table.shape)
    assert table[i, k] == max(table[i].max(), table[:, k].max())
    np.testing.assert_array_equal(clusters.cmap(clusters.norm(i)), groups.cmap(groups.norm(k)))


@pytest.mark.parametrize(
    ("shape", "n_groups"), [((30, 30), 7), ((8, 60), 40), ((60, 8), 1), ((60, 8), 7)]
)
def test_slices_of_many_groups_and_odd_shapes_are_readable(n_groups, shape):
    grid = Grid(shape, ("y", "x"), (0.1, 0.1), (True, True), "c / omega_p")
    rng = np.random.default_rng(0)
    groups = rng.integers(0, n_groups, shape)
    maps = [slices.GroupMap("clusters of the map", groups, n_groups, name="cluster")] * 2
    current = rng.normal(size=shape)
    cut, known = cut_grid(grid), {"limit": 2.0, "note": "2 rms"}
    figure = slices.cluster_slice_figure(cut, maps, current=np.abs(current), **known)
    assert not page.text_faults(figure)
    assert not page.text_faults(
        slices.field_slice_figure(cut_grid(grid), current, slices.field_label("j_par"))
    )
    with pytest.raises(ConfigError, match=r"field lines of shape \(3, 3\)"):
        slices.field_slice_figure(cut_grid(grid), current, "j", field=(np.ones((3, 3)),) * 2)


def test_colours_fit_the_signs_of_a_field():
    signed = np.array([-1.0, 0, 3.0])
    cmap, norm, _ = slices.field_colours(signed)
    assert cmap == "RdBu_r"
    assert norm.vmin == -norm.vmax
    assert slices.field_colours(np.array([1.0, 1e6]), log=True)[1](1.0) == 0
    _, norm, _ = slices.field_colours(np.full(4, 7.0))
    assert norm.vmin < norm.vmax
    assert [slices.percent(s) for s in (0.5, 0.0123, 0.0001)] == ["50 %", "1.2 %", "< 0.1 %"]
    assert slices.field_label("mine", "1") == "mine"
    assert slices.field_label("rho", "n0 per B0n0") == r"$\rho$ ($n_0$ per B0n0)"


@pytest.mark.parametrize(
    ("shape", "n_clusters"), [((5, 4), 1), ((64, 37), 7), ((90, 12), 23), ((3, 60), 7)]
)
def test_figures_of_a_map_are_readable(shape, n_clusters):
    lattice = Lattice(*shape)
    rng = np.random.default_rng(1)
    m = lattice.n_nodes
    clusters = np.minimum(np.arange(m) * n_clusters // m, n_clusters - 1)
    n_clusters = len(np.unique(clusters))
    centroids = np.unique(np.linspace(0, m - 1, 3 * n_clusters).astype(int))
    known = {"cluster_centroids": centroids[:: len(centroids) // n_clusters][:n_clusters]}
    known |= {"node_clusters": clusters, "centroids": centroids}
    figure = umatrix_contours_figure(rng.random(m), lattice, **known)
    assert not [f for f in page.text_faults(figure) if "leaves the page" in f]
    steps = np.array([0, 400_000, 800_000, 1_200_000, 1_600_000, 2_000_000])
    figure = umatrix_stages_figure(steps, rng.random((6, m)), lattice, node_clusters=[clusters] * 6)
    assert not page.text_faults(figure)


def test_arguments_must_fit():
    lattice = Lattice(3, 2)
    with pytest.raises(ConfigError, match="4 values for 6 nodes"):
        umatrix_contours_figure(
            np.ones(4), lattice, node_clusters=np.zeros(6), centroids=[0], cluster_centroids=[0]
        )
    with pytest.raises(ConfigError, match=r"U-matrices have shape \(2, 5\)"):
        umatrix_stages_figure(np.arange(2), np.ones((2, 5)), lattice)
    with pytest.raises(ConfigError, match="at least two features"):
        feature_pairs_figure(np.ones((3, 1)), ["a"], np.zeros(3), shares=np.ones(1), n_points=3)
    with pytest.raises(ConfigError, match="have the shapes"):
        overlap_matrices_figure(np.ones((2, 2)), np.ones((3, 3)), np.ones((2, 2)), order="")


def test_shares_that_are_negative_or_unknown_are_marked():
    rows = [
        {"group": k, "cells": 5, "volume_fraction": v, "j2_share": np.nan, "e_dot_j_share": e}
        for k, (v, e) in enumerate([(0.9, -0.1), (0.1, 1.1)])
    ]
    figure = group_shares_figure({"consensus": rows}, {"consensus": []})
    assert not page.text_faults(figure)
    assert "0 or negative" in page.texts(figure)


def ball(shape, centre, radius):
    away = np.indices(shape) + 0.5 - np.array(centre)[:, None, None, None]
    return (radius - np.sqrt((away**2).sum(axis=0))).astype(np.float32)


def test_rays_meet_a_ball_where_geometry_says():
    shape, centre, radius = (40, 30, 20), (18.0, 16.0, 11.0), 7.0
    view = View(shape, (1.0, 1.0, 1.0), pixels=200)
    height, normal = view.cast(ball(shape, centre, radius), 0.0)
    rows, columns = view.size
    x = np.linspace(view.extent[0], view.extent[1], columns, endpoint=False)
    y = np.linspace(view.extent[2], view.extent[3], rows, endpoint=False)
    x, y = np.meshgrid(x + (x[1] - x[0]) / 2, y + (y[1] - y[0]) / 2)
    middle = view.project(np.array(centre))
    inside = radius**2 - (x - middle[0]) ** 2 - (y - middle[1]) ** 2
    sure = np.abs(inside) > 6  # away from the rim, where cells are too coarse
    np.testing.assert_array_equal(np.isfinite(height)[sure], (inside > 0)[sure])
    seen = sure & (inside > 0)
    np.testing.assert_allclose(height[seen], (middle[2] + np.sqrt(inside[seen])), atol=0.3)
    outward = np.stack([x - middle[0], y - middle[1], np.sqrt(np.maximum(inside, 0))], -1) / radius
    assert (np.sum(outward * normal, axis=-1)[seen] > 0.97).all()


def test_a_full_box_ends_at_its_faces():
    view = View((6, 8, 10), (1.0, 0.5, 2.0), azimuth=0, elevation=0, pixels=60)
    height, normal = view.cast(np.ones((6, 8, 10)), 0.5)
    seen = np.isfinite(height)
    # Looking along x: a rectangle of 4 by 20, at the height of the face x = 6.
    area = (view.extent[1] - view.extent[0]) * (view.extent[3] - view.extent[2])
    assert seen.mean() * area == pytest.approx(80, rel=0.05)
    inner = height[seen]
    assert np.median(inner) == pytest.approx(6.0, abs=0.01)
    assert np.median(normal[seen][:, 2]) == pytest.approx(1.0, abs=0.02)


def test_the_nearer_surface_hides_the_farther():
    shape = (20, 20, 20)
    near, far = ball(shape, (15, 10, 10), 4), ball(shape, (5, 10, 10), 4)
    view = View(shape, (1, 1, 1), azimuth=0, elevation=0, pixels=80)
    surfaces = [Surface(near, 0, "#FF0000", "near"), Surface(far, 0, "#0000FF", "far")]
    for order in (surfaces, surfaces[::-1]):
        picture = shade(view, order)
        shown = picture[picture[..., 3] > 0]
        assert (shown[:, 0] > shown[:, 2]).all()
    figure = surfaces_figure([("one", surfaces), ("two", surfaces[:1])], (1, 1, 1), unit="d")
    assert not page.text_faults(figure)
    assert "x: 20 d" in page.texts(figure)
    nothing = Surface(np.zeros(shape, np.float32), 1.0, "#FF0000", "none")
    assert not shade(view, [nothing]).any()


def test_tables_of_the_study_have_a_row_for_each_group(study):
    physics, structures, threshold = study.tables
    ensemble = store.read_ensemble(study.ensemble)
    kinds = physics.groupby("kind")["volume_fraction"].agg(["count", "sum"])
    assert kinds["sum"].tolist() == pytest.approx([1] * 4)
    assert kinds.loc["consensus", "count"] == ensemble.consensus.n_groups
    assert kinds.loc["threshold", "count"] == 2
    assert len(threshold) == len(physics) - 2
    assert set(structures["kind"]) <= set(kinds.index)
    assert isinstance(physics, pd.DataFrame)
    for name in ("e_dot_j_share", "j2_share"):
        assert physics.groupby("kind")[name].sum().tolist() == pytest.approx([1] * 4)
