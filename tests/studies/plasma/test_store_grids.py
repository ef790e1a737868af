"""What an ensemble says, on the grid: grid.h5 and the image data that ParaView opens."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import h5py
import numpy as np
import pytest
from fields_samples import FEATURES
from grid_samples import make_study, write_table

from kohorte import store
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.ensemble.points import vote
from kohorte.ensemble.stability import cluster_recovery
from kohorte.errors import ResultError
from kohorte.studies.plasma import store as plasma_store
from kohorte.studies.plasma.fields.grid import Grid
from kohorte.studies.plasma.store import grids, vti

SHAPE = (10, 14, 12)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("grid"), SHAPE, steps=500)


def read_vti(path):
    """Plain reading of image data: cells, spacing and arrays in the order (z, y, x)."""
    content = path.read_bytes()
    head, _, rest = content.partition(b'<AppendedData encoding="raw">\n_')
    root = ElementTree.fromstring(head + b"</VTKFile>")
    assert root.attrib["byte_order"] == "LittleEndian"
    image = root.find("ImageData")
    ends = [int(n) for n in image.attrib["WholeExtent"].split()]
    sides = [max(ends[k + 1] - ends[k], 1) for k in (4, 2, 0)]
    types = {"UInt8": "<u1", "UInt16": "<u2", "Float32": "<f4", "Int32": "<i4"}
    arrays = {}
    for item in root.iter("DataArray"):
        at = int(item.attrib["offset"])
        size = int(np.frombuffer(rest[at : at + 8], "<u8")[0])
        values = np.frombuffer(rest[at + 8 : at + 8 + size], types[item.attrib["type"]])
        arrays[item.attrib["Name"]] = values.reshape(sides)
    assert rest.endswith(b"\n</AppendedData>\n</VTKFile>\n")
    return sides, [float(s) for s in image.attrib["Spacing"].split()], arrays


def test_values_of_points_lie_on_their_cells(study):
    ensemble = store.read_ensemble(study.ensemble, points=True)
    overlaps = ensemble.overlaps
    with h5py.File(study.grid) as file, store.open_label_arrays([study.index]) as labels:
        points = {name: dataset[:] for name, dataset in file["points"].items()}
        assert set(points) == set(grids.POINTS)
        assert all(dataset.attrs["unit"] for dataset in file["points"].values())
        assert file["points/label"].chunks == SHAPE
        for name in ("label", "confidence", "signal"):
            expected = getattr(ensemble.points, name).reshape(SHAPE).astype(points[name].dtype)
            np.testing.assert_array_equal(points[name], expected)
        groups = ensemble.clusters.sce_group
        winner, votes = vote(labels.arrays, overlaps, groups)
        np.testing.assert_array_equal(points["sce_group"].ravel(), winner)
        np.testing.assert_allclose(points["sce_share"].ravel(), votes / 4)
        # stability of each cell: recovery of the cluster that holds it, by plain look-up
        recovery = cluster_recovery(overlaps)
        total = np.zeros(np.prod(SHAPE))
        for r, array in enumerate(labels.arrays):
            of = {
                int(c): k
                for k, (c, i) in enumerate(zip(overlaps.cluster, overlaps.realization, strict=True))
                if i == r
            }
            total += [recovery[of[int(c)]] for c in array[:]]
        np.testing.assert_allclose(points["stability"].ravel(), total / 4, rtol=1e-6)


def test_recovery_is_the_best_match_in_other_realizations():
    labels = np.array([[0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 1], [3, 3, 3, 5, 5, 5]])
    overlaps = count_overlaps(labels)
    # {0,1,2} against {0,1} (2/3) and itself; {3,4,5} against {2,3,4,5} (3/4) and itself
    expected = [(2 / 3 + 1) / 2, (3 / 4 + 1) / 2, 2 / 3, 3 / 4, (2 / 3 + 1) / 2, (3 / 4 + 1) / 2]
    np.testing.assert_allclose(cluster_recovery(overlaps), expected)
    np.testing.assert_array_equal(cluster_recovery(count_overlaps(labels[:1])), [1, 1])


def test_parts_of_any_size_give_the_same_grid(study, tmp_path, monkeypatch):
    monkeypatch.setattr(grids, "_BLOCK", 3 * SHAPE[1] * SHAPE[2])
    monkeypatch.setattr(vti, "_BLOCK", 200)
    grid = plasma_store.read_grid(study.fields, "fields")
    with store.open_label_arrays([study.index]) as labels:
        plasma_store.write_grid(tmp_path / "grid.h5", grid, study.ensemble, labels, memory_mb=1)
    with plasma_store.open_cells(study.data, study.fields, tmp_path / "grid.h5") as cells:
        plasma_store.write_picture(tmp_path / "grid.vti", cells)
    with h5py.File(tmp_path / "grid.h5") as one, h5py.File(study.grid) as other:
        for name in grids.POINTS:
            np.testing.assert_array_equal(one["points"][name][:], other["points"][name][:])
        assert one["points/label"].chunks == (3, *SHAPE[1:])
    assert (tmp_path / "grid.vti").read_bytes() == study.picture.read_bytes()


def test_image_data_holds_all_values_of_the_cells(study):
    sides, spacing, arrays = read_vti(study.picture)
    grid = plasma_store.read_grid(study.grid, "grid")
    assert tuple(sides) == SHAPE == grid.shape
    assert spacing == list(grid.spacing[::-1])
    with plasma_store.open_cells(study.data, study.fields, study.grid) as cells:
        assert set(arrays) == {*grids.POINTS, *cells.fields}
        for name, values in arrays.items():
            np.testing.assert_array_equal(values, cells[name][:])


@pytest.mark.parametrize("axes", [("x", "y", "z"), ("y", "z", "x"), ("y", "x"), ("x", "y")])
def test_image_data_has_the_axes_of_the_grid(tmp_path, axes):
    shape = (3, 4, 5)[: len(axes)]
    spacing = (0.5, 1.0, 2.0)[: len(axes)]
    grid = Grid(shape, axes, spacing, (True,) * len(axes), "d")
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    vti.write_vti(tmp_path / "a.vti", grid, {"a&b": values, "n": values.astype(np.uint8)})
    sides, steps, arrays = read_vti(tmp_path / "a.vti")
    where = [axes.index(axis) for axis in "zyx" if axis in axes]
    expected = values.transpose(where)
    np.testing.assert_array_equal(arrays["a&b"].squeeze(), expected)
    assert sides == [*[1] * (3 - len(axes)), *expected.shape]
    assert steps[: len(axes)] == [spacing[k] for k in where[::-1]]
    assert arrays["n"].dtype == np.uint8


def test_labels_of_all_realizations_on_the_grid(study, tmp_path):
    grid = plasma_store.read_grid(study.grid, "grid")
    with store.open_label_arrays([study.index]) as labels:
        plasma_store.write_labels_on_grid(tmp_path / "labels.h5", grid, labels)
        with h5py.File(tmp_path / "labels.h5") as file:
            assert sorted(file["labels"]) == sorted(labels.ids)
            for identifier, array in zip(labels.ids, labels.arrays, strict=True):
                np.testing.assert_array_equal(file["labels"][identifier][:].ravel(), array[:])


def test_cells_without_fields_have_the_features_of_the_table(study):
    with plasma_store.open_cells(study.data, None, study.grid) as cells:
        assert cells.fields == FEATURES
        assert cells.grid.shape == SHAPE
        assert cells.grid.length_unit == "cells"
        with plasma_store.open_cells(study.data, study.fields, study.grid) as full:
            for name in FEATURES:
                expected = full[name][2:5]
                scale = np.abs(expected).max()
                np.testing.assert_allclose(cells[name][2:5], expected, atol=1e-5 * scale)
            assert full.unit("b_perp") == "B0"
        with pytest.raises(ResultError, match="there is no 'bx' on the grid, only j_par"):
            cells["bx"]
    labels = plasma_store.read_map_labels(study.folder / "realizations" / "map1.h5", cells.grid)
    assert labels.labels.shape == SHAPE
    assert labels.labels.max() < labels.n_clusters


def test_points_that_are_no_cells_are_named(study, tmp_path):
    data = replace(store.read_data(study.data), shape=None)
    store.write_data(tmp_path / "data.h5", data)
    with pytest.raises(ResultError, match="its points are not the cells of a grid"):
        plasma_store.read_grid(tmp_path / "data.h5", "data")
    grid = Grid((5, 5), ("y", "x"), (1.0, 1.0), (True, True))
    with (
        store.open_label_arrays([study.index]) as labels,
        pytest.raises(ResultError, match=r"has 1680 points, the grid of shape \(5, 5\) 25 cells"),
    ):
        plasma_store.write_grid(tmp_path / "grid.h5", grid, study.ensemble, labels)


def test_a_table_of_two_dimensions(tmp_path):
    study = make_study(tmp_path, (12, 16), steps=200, snapshots=0)
    sides, _, arrays = read_vti(study.picture)
    assert sides == [1, 12, 16]
    with plasma_store.open_cells(study.data, study.fields, study.grid) as cells:
        np.testing.assert_array_equal(arrays["label"][0], cells["label"][:])
    write_table(tmp_path / "other.h5", plasma_store.read_fields(study.fields), ("j_par", "b_perp"))
    with plasma_store.open_cells(tmp_path / "other.h5") as cells:
        assert cells.fields == ("j_par", "b_perp")
