"""Plain definitions of what is computed on grids: one cell at a time, from the cells around it."""

import itertools

import numpy as np


def neighbour(index, offset, shape, periodic):
    """Index of the cell at an offset, with the grid wrapped or mirrored; None where far outside."""
    found = []
    for i, d, n, wraps in zip(index, offset, shape, periodic, strict=True):
        k = i + d
        if wraps:
            k %= n
        elif k < 0:
            k = -1 - k
        elif k >= n:
            k = 2 * n - 1 - k
        found.append(k)
    return tuple(found)


def derivative(f, axis, step, wraps):
    """One cell at a time; second order, one-sided where there is no neighbour."""
    n = f.shape[axis]
    out = np.empty(f.shape)
    for index in np.ndindex(f.shape):

        def at(k, index=index):
            return float(f[(*index[:axis], k, *index[axis + 1 :])])

        i = index[axis]
        if wraps or 0 < i < n - 1:
            out[index] = (at((i + 1) % n) - at((i - 1) % n)) / (2 * step)
        elif i == 0:
            out[index] = (-3 * at(0) + 4 * at(1) - at(2)) / (2 * step)
        else:
            out[index] = (3 * at(i) - 4 * at(i - 1) + at(i - 2)) / (2 * step)
    return out


def smoothed(f, length, periodic):
    """Mean with the weights exp(-r^2 / (2 length^2)), up to four lengths along each axis."""
    reach = int(4 * length + 0.5)
    out = np.zeros(f.shape)
    for index in np.ndindex(f.shape):
        total = 0.0
        for offset in itertools.product(range(-reach, reach + 1), repeat=f.ndim):
            weight = np.exp(-sum(d * d for d in offset) / (2 * length**2))
            out[index] += weight * f[neighbour(index, offset, f.shape, periodic)]
            total += weight
        out[index] /= total
    return out


def disc_offsets(grid, radius):
    """Offsets (array order), x and y in units of the longer side, of the cells in the disc."""
    ax, ay = grid.plane
    unit = max(grid.spacing[ax], grid.spacing[ay])
    reach = int(radius * unit / min(grid.spacing[ax], grid.spacing[ay])) + 1
    found = []
    for dx, dy in itertools.product(range(-reach, reach + 1), repeat=2):
        x, y = dx * grid.spacing[ax] / unit, dy * grid.spacing[ay] / unit
        if x * x + y * y <= radius * radius + 1e-9:
            offset = [0] * len(grid.shape)
            offset[ax], offset[ay] = dx, dy
            found.append((tuple(offset), x, y))
    return found


def disc_mean(f, radius, grid):
    offsets = disc_offsets(grid, radius)
    out = np.zeros(f.shape)
    for index in np.ndindex(f.shape):
        values = [f[neighbour(index, o, f.shape, grid.periodic)] for o, _, _ in offsets]
        out[index] = sum(map(float, values)) / len(values)
    return out


def disc_asymmetry(f, radius, grid):
    """With a kernel that is turned to the gradient of each cell."""
    ax, ay = grid.plane
    gx = derivative(f, ax, grid.spacing[ax], grid.periodic[ax])
    gy = derivative(f, ay, grid.spacing[ay], grid.periodic[ay])
    offsets = [(o, x, y) for o, x, y in disc_offsets(grid, radius) if x or y]
    norm = sum(abs(x) / np.hypot(x, y) for _, x, y in offsets)
    out = np.zeros(f.shape)
    for index in np.ndindex(f.shape):
        angle = np.arctan2(gy[index], gx[index])
        if gx[index] == 0 and gy[index] == 0:
            continue
        for offset, x, y in offsets:
            kernel = np.cos(np.arctan2(y, x) - angle)
            out[index] += kernel * f[neighbour(index, offset, f.shape, grid.periodic)]
        out[index] /= norm
    return out


def features(raw, cell):
    """Features of one cell from the vectors there, those of discs left out."""
    b, e, j = (np.array([float(raw[f"{v}{k}"][cell]) for k in "xyz"]) for v in "bej")
    along = b / np.linalg.norm(b)
    found = {"b_perp": np.sqrt(b[0] ** 2 + b[1] ** 2), "b_par": b[2], "bx": b[0], "by": b[1]}
    for name, vector in {"j": j, "e": e}.items():
        found[f"{name}_par"] = vector @ along
        found[f"{name}_perp"] = np.linalg.norm(np.cross(along, vector))
    found |= {"abs_j_par": abs(j @ along), "j_mag": np.linalg.norm(j), "e_dot_j": e @ j}
    return found | {"rho": float(raw["rho"][cell])}
