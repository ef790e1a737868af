"""Derivatives, smoothing and discs on grids, against plain definitions and known functions."""

import numpy as np
import oracles_fields as oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohorte.errors import ConfigError
from kohorte.studies.plasma.fields import operators
from kohorte.studies.plasma.fields.grid import Grid

GRIDS = [
    Grid((15, 9), ("y", "x"), (0.5, 1.0), (True, True)),
    Grid((9, 7), ("x", "y"), (1.0, 1.0), (False, True)),
    Grid((8, 7), ("y", "x"), (1.0, 1.0), (False, False)),
    Grid((4, 7, 8), ("z", "y", "x"), (1.0, 1.0, 1.0), (True, True, True)),
    Grid((7, 4, 8), ("y", "z", "x"), (1.0, 3.0, 1.0), (True, False, False)),
]


def noise(grid, seed=0):
    return np.random.default_rng(seed).normal(size=grid.shape)


@pytest.mark.parametrize("grid", GRIDS)
def test_derivatives_are_the_plain_ones(grid):
    f = noise(grid)
    for axis, direction in enumerate(grid.axes):
        wanted = oracles.derivative(f, axis, grid.spacing[axis], grid.periodic[axis])
        np.testing.assert_allclose(operators.derivative(f, direction, grid), wanted, atol=1e-12)
    if len(grid.shape) == 2:
        assert not operators.derivative(f, "z", grid).any()


def test_derivatives_converge_with_the_square_of_the_step():
    errors = []
    for n in (32, 64):
        grid = Grid((n, n), ("y", "x"), (2 * np.pi / n,) * 2, (True, True))
        x = np.arange(n) * 2 * np.pi / n
        f = np.broadcast_to(np.sin(3 * x), (n, n))
        errors.append(np.abs(operators.derivative(f, "x", grid) - 3 * np.cos(3 * x)).max())
    assert 3.8 < errors[0] / errors[1] < 4.2


@pytest.mark.parametrize("wraps", [True, False])
def test_borders_that_are_not_periodic_are_exact_for_a_parabola(wraps):
    grid = Grid((6, 12), ("y", "x"), (1.0, 0.5), (True, wraps))
    x = np.arange(12) * 0.5
    found = operators.derivative(np.broadcast_to(x**2, (6, 12)), "x", grid)
    inner = slice(1, -1) if wraps else slice(None)
    np.testing.assert_allclose(found[:, inner], np.broadcast_to(2 * x, (6, 12))[:, inner])
    assert wraps == (abs(found[0, 0]) > 1)


def test_the_curl_of_a_rigid_rotation_is_twice_its_rate():
    n, steps = 9, (0.5, 0.25, 2.0)
    grid = Grid((n,) * 3, ("z", "y", "x"), steps, (False,) * 3)
    z, y, x = np.meshgrid(*[np.arange(n) * h for h in steps], indexing="ij")
    wx, wy, wz = 0.3, -1.1, 0.7
    found = operators.curl(wy * z - wz * y, wz * x - wx * z, wx * y - wy * x, grid)
    for k, rate in zip("xyz", (wx, wy, wz), strict=True):
        np.testing.assert_allclose(found[k], 2 * rate, atol=1e-12)


def test_axes_that_are_too_short_for_a_derivative_are_named():
    grid = Grid((2, 8), ("y", "x"), (1.0, 1.0), (False, True))
    with pytest.raises(ConfigError, match=r"along y needs three cells.*there are 2"):
        operators.derivative(np.zeros((2, 8)), "y", grid)


@pytest.mark.parametrize("grid", GRIDS[:3])
def test_smoothing_is_the_plain_one(grid):
    f = noise(grid, 1)
    wanted = oracles.smoothed(f, 0.8, grid.periodic)
    np.testing.assert_allclose(operators.smooth(f, 0.8, grid), wanted, atol=1e-12)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("radius", [1, 2.3, 3])
def test_discs_are_the_plain_ones(grid, radius):
    f = noise(grid, 2)
    for name in ("disc_mean", "disc_asymmetry"):
        found, wanted = (getattr(m, name)(f, radius, grid) for m in (operators, oracles))
        np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_a_radius_of_nine_is_the_published_disc():
    grid = Grid((32, 32), ("y", "x"), (1.0, 1.0), (True, True))
    kernels = operators.disc_kernels(9, grid)
    x = kernels["x"]
    assert x.shape == (19, 19)
    np.testing.assert_allclose(np.abs(x).sum(), 1)
    np.testing.assert_allclose(x, -x[:, ::-1])
    np.testing.assert_allclose(kernels["y"], x.T)
    assert x[9, 18] > 0 > x[9, 0]
    assert x[9, 9] == 0
    assert x[0, 0] == 0
    np.testing.assert_allclose(kernels["mean"].sum(), 1)


def sheets(signs, n=64, width=2.0, at=(26, 38)):
    """Current of sheets along y, of the given signs."""
    x = np.arange(n)
    f = sum(s / np.cosh((x - x0) / width) ** 2 for s, x0 in zip(signs, at, strict=True))
    return np.broadcast_to(f, (n, n)).copy()


def test_double_sheets_have_a_large_asymmetry_between_them_and_single_ones_do_not():
    grid = Grid((64, 64), ("y", "x"), (1.0, 1.0), (True, True))
    double = operators.disc_asymmetry(sheets((-1, 1)), 9, grid)
    alike = operators.disc_asymmetry(sheets((1, 1)), 9, grid)
    single = operators.disc_asymmetry(sheets((1,), at=(32,)), 9, grid)
    assert double[32, 32] > 0.3
    assert abs(alike[32, 32]) < 1e-6
    assert abs(single[32, 32]) < 1e-6
    assert double[32, 32] > 1.5 * single.max()


@given(st.floats(0, 2 * np.pi), st.integers(0, 5))
def test_the_asymmetry_does_not_depend_on_the_direction(angle, seed):
    """A field that rises along a line at any angle: n . s / |s| times slope times s, summed."""
    n, radius = 24, 5
    grid = Grid((n, n), ("y", "x"), (1.0, 1.0), (False, False))
    y, x = np.mgrid[:n, :n].astype(float)
    slope = 1 + seed
    f = slope * (np.cos(angle) * x + np.sin(angle) * y)
    found = operators.disc_asymmetry(f, radius, grid)[n // 2, n // 2]
    offsets = [(a, b) for _, a, b in oracles.disc_offsets(grid, radius) if a or b]
    norm = sum(abs(a) / np.hypot(a, b) for a, b in offsets)
    along = [(np.cos(angle) * a + np.sin(angle) * b, np.hypot(a, b)) for a, b in offsets]
    np.testing.assert_allclose(found, slope * sum(s * s / r for s, r in along) / norm)


def test_a_disc_wider_than_the_plane_is_refused():
    grid = Grid((4, 16, 32), ("z", "y", "x"), (1.0,) * 3, (True,) * 3)
    with pytest.raises(ConfigError, match="19 cells wide along y, where the grid has 16"):
        operators.disc_mean(np.zeros(grid.shape), 9, grid)


def test_planes_are_taken_in_blocks_without_a_trace(monkeypatch):
    grid = GRIDS[3]
    f = noise(grid, 3).astype(np.float32)
    whole = operators.disc_mean(f, 2, grid)
    monkeypatch.setattr(operators, "_BLOCK_CELLS", 1)
    np.testing.assert_array_equal(operators.disc_mean(f, 2, grid), whole)
    assert whole.dtype == np.float32
