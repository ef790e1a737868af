"""Structures of grid cells: against a flood fill, and bodies whose size is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles_physics import border_distances, box_sides, flood

from kohorte.errors import ConfigError, DataError
from kohorte.studies.plasma.fields.grid import DIRECTIONS, Grid
from kohorte.studies.plasma.physics import structures
from kohorte.studies.plasma.physics.structures import border_distance, find_structures, thickness


def make_grid(shape, periodic=True, spacing=1.0):
    n = len(shape)
    spacing = spacing if isinstance(spacing, tuple) else (spacing,) * n
    periodic = periodic if isinstance(periodic, tuple) else (periodic,) * n
    return Grid(tuple(shape), DIRECTIONS[n][::-1], spacing, periodic, "d")


def offsets(grid, centre):
    """Distance of each cell's centre from a place along each axis, the short way, in cells."""
    away = np.indices(grid.shape, dtype=float)
    for k, n in enumerate(grid.shape):
        away[k] = (away[k] - centre[k] + n / 2) % n - n / 2
    return away


@st.composite
def masks(draw):
    n_axes = draw(st.sampled_from([2, 3]))
    shape = tuple(draw(st.integers(2, 7 if n_axes == 2 else 4)) for _ in range(n_axes))
    periodic = tuple(draw(st.booleans()) for _ in range(n_axes))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return rng.random(shape) < draw(st.sampled_from([0.1, 0.3, 0.5, 0.8, 1.0])), periodic


@given(masks(), st.booleans())
def test_structures_are_those_of_a_flood_fill(case, corners):
    mask, periodic = case
    grid = make_grid(mask.shape, periodic, (0.5, 1.0, 2.0)[: mask.ndim])
    found = find_structures(mask, grid, connectivity="corners" if corners else "faces")
    expected = flood(mask, periodic, corners)
    assert found.cells.tolist() == [len(members) for members, _ in expected]
    assert (found.labels > 0).tolist() == mask.tolist()
    sets = {frozenset(cell for cell, _ in item): (item, around) for item, around in expected}
    for k in range(len(found.cells)):
        cells = np.argwhere(found.labels == k + 1)
        members = frozenset(map(tuple, cells.tolist()))
        assert len(members) == found.cells[k]
        item, around = sets[members]
        assert found.wraps[k].tolist() == around.tolist()
        assert np.isnan(found.sides[k]).all() == around.any()
        if not around.any():
            places = [place for _, place in item]
            np.testing.assert_allclose(found.sides[k], box_sides(places, grid.spacing), atol=1e-9)
            centre = (np.mean(places, axis=0) + 0.5) % mask.shape * grid.spacing
            gap = np.abs(found.centre[k] - centre)
            period = np.array(mask.shape) * grid.spacing
            assert np.minimum(gap, period - gap) == pytest.approx(0, abs=1e-9)


@given(masks())
def test_distances_are_those_of_the_plain_definition(case):
    mask, periodic = case
    grid = make_grid(mask.shape, periodic, (1.0, 1.5, 0.75)[: mask.ndim])
    reach = 12
    found = border_distance(mask, grid, reach=reach)
    expected = border_distances(mask, grid, reach)
    assert len(found) == len(expected)
    for value, (low, high) in zip(found, expected, strict=True):
        assert low - 1e-5 <= value <= high + 1e-5  # among equally near cells any may be taken


def test_blocks_of_planes_give_the_same_distances(monkeypatch):
    mask = np.random.default_rng(1).random((90, 20)) < 0.9
    for periodic in ((True, True), (False, True)):
        grid = make_grid(mask.shape, periodic)
        whole = border_distance(mask, grid, reach=6)
        monkeypatch.setattr("kohorte.studies.plasma.physics.structures._BLOCK", 1)
        np.testing.assert_array_equal(border_distance(mask, grid, reach=6), whole)
        monkeypatch.undo()


@pytest.mark.parametrize("width", [2, 4, 8])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slab_across_a_border_has_its_width_and_goes_around(width, axis):
    grid = make_grid((16, 18, 20), spacing=0.5)
    mask = np.abs(offsets(grid, (-0.5, -0.5, -0.5))[axis]) < width / 2
    found = find_structures(mask, grid)
    assert found.wraps.tolist() == [[k != axis for k in range(3)]]
    assert np.isnan(found.sides).all()
    assert thickness(found, grid) == pytest.approx(width * 0.5)
    assert found.centre[0][axis] % (grid.shape[axis] * 0.5) == pytest.approx(0)


@pytest.mark.parametrize("width", [1, 3, 5])
def test_a_sheet_of_an_odd_number_of_cells_appears_a_little_thicker(width):
    grid = make_grid((30, 30))
    mask = np.abs(offsets(grid, (4, 4))[0]) < width / 2
    assert thickness(find_structures(mask, grid), grid) == pytest.approx(width + 1 / width)


def test_a_slanted_sheet_goes_around_both_axes():
    grid = make_grid((60, 60))
    y, x = np.indices(grid.shape)
    found = find_structures((x - y) % 60 < 12, grid)
    assert found.wraps.tolist() == [[True, True]]
    assert thickness(found, grid) == pytest.approx(12 / np.sqrt(2), rel=0.07)


def test_a_disc_across_a_corner_is_one_and_as_large_as_a_disc():
    grid = make_grid((40, 50), spacing=0.1)
    mask = (offsets(grid, (0, 49)) ** 2).sum(axis=0) <= 12**2
    found = find_structures(mask, grid)
    assert len(found.cells) == 1
    # variance of a disc along a diameter: r^2 / 4; its mean distance from the rim: r / 3
    np.testing.assert_allclose(found.sides[0], np.sqrt(12 / 4) * 1.2, rtol=0.02)
    assert thickness(found, grid) == pytest.approx(4 / 3 * 1.2, rel=0.06)
    np.testing.assert_allclose(found.centre[0], [0.05, 4.95], atol=1e-9)
    # with walls in place of periodic borders it falls into four
    assert len(find_structures(mask, make_grid((40, 50), False)).cells) == 4


def test_an_ellipsoid_across_borders_has_its_axes():
    grid = make_grid((32, 36, 40), spacing=(0.5, 1.0, 1.0))
    z, y, x = offsets(grid, (0, 35, 20))
    found = find_structures((z * 0.5 / 6) ** 2 + (y / 9) ** 2 + (x / 4) ** 2 <= 1, grid)
    np.testing.assert_allclose(found.sides[0], np.sqrt(12 / 5) * np.array([9, 6, 4]), rtol=0.03)
    volume = found.cells[0] * np.prod(grid.spacing)
    assert volume == pytest.approx(4 / 3 * np.pi * 9 * 6 * 4, rel=0.04)


def test_a_helix_of_pieces_is_one_that_goes_around():
    # A staircase that returns to itself only after three turns around the box.
    grid = make_grid((9, 30))
    mask = np.zeros(grid.shape, bool)
    for turn in range(3):
        mask[3 * turn, :] = True
        mask[3 * turn : 3 * turn + 4, 29] = True
        mask[3 * turn, 28] = False
    found = find_structures(mask, grid)
    expected = flood(mask, grid.periodic, False)
    assert found.cells.tolist() == [len(members) for members, _ in expected]
    assert found.wraps.tolist() == [around.tolist() for _, around in expected]


def test_sums_over_structures():
    grid = make_grid((6, 6))
    mask = np.zeros(grid.shape, bool)
    mask[0, :3] = mask[5, 1] = mask[3, 3] = True
    values = np.arange(36.0).reshape(6, 6) - 10
    found = find_structures(mask, grid)
    assert found.cells.tolist() == [4, 1]
    assert structures.sum_over(found, values).tolist() == [-10 - 9 - 8 + 21, 11]
    assert structures.sum_over(found, values, "squares").tolist() == [100 + 81 + 64 + 441, 121]
    assert structures.sum_over(found, values, "largest").tolist() == [21, 11]


def test_nothing_and_everything():
    grid = make_grid((5, 6))
    empty = find_structures(np.zeros(grid.shape, bool), grid)
    assert len(empty.cells) == len(thickness(empty, grid)) == 0
    assert len(structures.sum_over(empty, empty.labels)) == 0
    full = find_structures(np.ones(grid.shape, bool), grid)
    assert full.wraps.tolist() == [[True, True]]
    assert thickness(full, grid, reach=4).tolist() == [16.0]
    with pytest.raises(DataError, match=r"shape \(3, 3\) is not on a grid of shape \(5, 6\)"):
        find_structures(np.zeros((3, 3), bool), grid)
    with pytest.raises(ConfigError, match="unknown connectivity 'edges'"):
        find_structures(np.zeros(grid.shape, bool), grid, connectivity="edges")
