"""Derivatives, smoothing and disc averages on a grid, to the edge of one that is not periodic.

Beyond a border that is not periodic, fields are continued as in a mirror for smoothing and discs;
derivatives there are one-sided.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from scipy import ndimage

from kohorte.errors import ConfigError
from kohorte.studies.plasma.fields.grid import Grid

#: Cells that a disc average transforms at a time; one plane at least.
_BLOCK_CELLS = 1 << 22


def derivative(array: np.ndarray, direction: str, grid: Grid) -> np.ndarray:
    """Derive along x, y or z, per unit of length; 0 where the grid has no such axis.

    Central differences (f[i+1] - f[i-1]) / (2 h), of second order; at a border that is not periodic
    (-3 f[0] + 4 f[1] - f[2]) / (2 h), and its mirror at the other end. Raises ConfigError: the axis
    is not periodic and has fewer than three cells.
    """
    axis = grid.axis(direction)
    if axis is None:
        return np.zeros_like(array)
    n = array.shape[axis]
    f = np.moveaxis(array, axis, 0)
    out = np.empty_like(f)
    step = array.dtype.type(2 * grid.spacing[axis])
    if grid.periodic[axis]:
        out[1:-1] = f[2:] - f[:-2]
        out[0] = f[1 % n] - f[-1]
        out[-1] = f[0] - f[-2 % n]
    elif n < 3:
        raise ConfigError(
            f"a derivative along {direction} needs three cells, or an axis that is periodic; there "
            f"{'is' if n == 1 else 'are'} {n}"
        )
    else:
        out[1:-1] = f[2:] - f[:-2]
        out[0] = -3 * f[0] + 4 * f[1] - f[2]
        out[-1] = 3 * f[-1] - 4 * f[-2] + f[-3]
    out /= step
    return np.ascontiguousarray(np.moveaxis(out, 0, axis))


def curl(bx: np.ndarray, by: np.ndarray, bz: np.ndarray, grid: Grid) -> dict[str, np.ndarray]:
    """Curl of a vector field, components by x, y, z."""

    def d(array: np.ndarray, direction: str) -> np.ndarray:
        return derivative(array, direction, grid)

    return {
        "x": d(bz, "y") - d(by, "z"),
        "y": d(bx, "z") - d(bz, "x"),
        "z": d(by, "x") - d(bx, "y"),
    }


def smooth(array: np.ndarray, length: float, grid: Grid) -> np.ndarray:
    """Gaussian average exp(-r^2 / (2 length^2)), `length` in cells, cut off at four lengths."""
    modes = ["wrap" if wraps else "reflect" for wraps in grid.periodic]
    return ndimage.gaussian_filter(array, length, mode=modes, truncate=4.0)


def disc_kernels(radius: float, grid: Grid) -> dict[str, np.ndarray]:
    """Kernels of a disc in the plane of x and y, (2 m + 1, 2 m + 1), rows along y.

    With the offset (x, y) from the middle, in units of the longer side of a cell, and its length r,
    which is at most `radius`: `mean` 1, `x` x / r and `y` y / r, 0 in the middle. Magnitudes of
    `mean` and `x` sum to 1; `y` is divided by the sum of `x` (the same where cells are square).
    Raises ConfigError: the disc is wider than the plane.
    """
    ax, ay = grid.plane
    hx, hy = grid.spacing[ax], grid.spacing[ay]
    unit = max(hx, hy)
    mx, my = int(radius * unit / hx + 1e-9), int(radius * unit / hy + 1e-9)
    for m, axis in ((mx, ax), (my, ay)):
        if 2 * m + 1 > grid.shape[axis]:
            raise ConfigError(
                f"fields.kernel_radius: a disc of radius {radius:g} is {2 * m + 1} cells wide "
                f"along {grid.axes[axis]}, where the grid has {grid.shape[axis]}; choose a "
                "smaller radius"
            )
    x = np.arange(-mx, mx + 1)[None, :] * (hx / unit)
    y = np.arange(-my, my + 1)[:, None] * (hy / unit)
    r = np.hypot(x, y)
    inside = r <= radius + 1e-9
    away = np.where(r > 0, r, 1)
    along_x = np.where(inside, x / away, 0)
    total = np.abs(along_x).sum() or 1.0
    return {
        "mean": inside / inside.sum(),
        "x": along_x / total,
        "y": np.where(inside, y / away, 0) / total,
    }


def correlate_plane(array: np.ndarray, kernel: np.ndarray, grid: Grid) -> np.ndarray:
    """Sum of kernel(s) array(p + s) over offsets s in the plane of x and y, plane by plane.

    kernel: (2 my + 1, 2 mx + 1), rows along y. By Fourier transforms in float64, over blocks of
    planes; the result has the type of `array`.
    """
    ax, ay = grid.plane
    planes = np.moveaxis(array, (ay, ax), (-2, -1))
    planes = planes.reshape(-1, *planes.shape[-2:])
    pads = [
        (0, 0) if grid.periodic[axis] else (k // 2, k // 2)
        for k, axis in zip(kernel.shape, (ay, ax), strict=True)
    ]
    ny, nx = (n + low + high for n, (low, high) in zip(planes.shape[1:], pads, strict=True))
    # A correlation is a product with the conjugate; the kernel's middle belongs to the first cell.
    whole = np.zeros((ny, nx))
    whole[: kernel.shape[0], : kernel.shape[1]] = kernel
    whole = np.roll(whole, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), axis=(0, 1))
    transformed = np.conj(scipy.fft.rfft2(whole))
    out = np.empty(planes.shape, dtype=array.dtype)
    count = max(1, _BLOCK_CELLS // (ny * nx))
    for start in range(0, len(planes), count):
        block = planes[start : start + count].astype(np.float64)
        if any(low for low, _ in pads):
            block = np.pad(block, [(0, 0), *pads], mode="symmetric")
        block = scipy.fft.irfft2(scipy.fft.rfft2(block) * transformed, s=(ny, nx))
        (top, _), (left, _) = pads
        out[start : start + count] = block[
            :, top : top + planes.shape[1], left : left + planes.shape[2]
        ]
    shape = [n for axis, n in enumerate(array.shape) if axis not in (ax, ay)]
    out = out.reshape(*shape, *planes.shape[1:])
    return np.ascontiguousarray(np.moveaxis(out, (-2, -1), (ay, ax)))


def disc_mean(array: np.ndarray, radius: float, grid: Grid) -> np.ndarray:
    """Mean over the disc around each cell."""
    return correlate_plane(array, disc_kernels(radius, grid)["mean"], grid)


def disc_asymmetry(array: np.ndarray, radius: float, grid: Grid) -> np.ndarray:
    """How much a field differs between the two halves of the disc, along its own gradient.

    With n the direction of the gradient in the plane at p, it is the sum over the disc of
    (n . s) / |s| array(p + s), over the sum of |s_x| / |s|. The kernel turned to n is n_x times
    that along x plus n_y times that along y, so two correlations do for all directions. 0 where
    the gradient is.
    """
    kernels = disc_kernels(radius, grid)
    gx, gy = derivative(array, "x", grid), derivative(array, "y", grid)
    size = np.hypot(gx, gy)
    size[size == 0] = 1
    found = correlate_plane(array, kernels["x"], grid) * (gx / size)
    found += correlate_plane(array, kernels["y"], grid) * (gy / size)
    return found
