"""Synthetic plasma whose current is known: two flux ropes that merge, with a sheet between them."""

import numpy as np

from kohorte.studies.plasma.fields.grid import Fields, Grid
from kohorte.studies.plasma.store import write_fields

FEATURES = ("j_par", "j_asym", "b_perp", "e_par")
UNITS = {"b": "B0", "e": "B0", "j": "B0 / d", "length": "d"}


def coordinates(shape, length=2 * np.pi):
    """x, y (and z) of the cells of a grid with axes (z,) y, x: arrays that broadcast, x first."""
    axes = [(np.arange(n) + 0.5) * length / n for n in shape]
    return np.meshgrid(*axes, indexing="ij", sparse=True)[::-1]


def flux_ropes(shape=(48, 48), *, thickness=0.15, width=0.5, seed=0, noise=0.0):
    """Raw fields of two ropes along z, and the grid of periodic cells with axes (z,) y, x.

    The current along z is that of two Gaussian ropes of the radius `width`, at a quarter and three
    quarters of the box in x, and between them, at half of it, of a sheet in the opposite direction:
    sech^2 of the distance over `thickness`, 1.6 long in y; its mean is taken off. In a box of three
    dimensions the current falls to a half along z. The field in the plane follows from it in
    Fourier space; the guide field is 1; the electric field is 0.05 of the current and noise.
    """
    length = 2 * np.pi
    x, y, *z = coordinates(shape, length)

    def rope(x0):
        return np.exp(-((x - x0) ** 2 + (y - np.pi) ** 2) / (2 * width**2))

    jz = 2 * (rope(np.pi / 2) + rope(3 * np.pi / 2))
    jz = jz - 6 / np.cosh((x - np.pi) / thickness) ** 2 * np.exp(-(((y - np.pi) / 1.6) ** 4))
    jz = jz - jz.mean(axis=(-2, -1), keepdims=True)
    modulation = 0.75 + 0.25 * np.cos(z[0]) if z else 1.0

    waves = [2 * np.pi * np.fft.fftfreq(n, length / n) for n in shape[-2:]]
    ky, kx = np.meshgrid(*waves, indexing="ij")
    square = kx**2 + ky**2
    square[0, 0] = 1
    potential = np.fft.fft2(jz, axes=(-2, -1)) / square
    bx = np.fft.ifft2(1j * ky * potential, axes=(-2, -1)).real * modulation
    by = np.fft.ifft2(-1j * kx * potential, axes=(-2, -1)).real * modulation
    jz = np.broadcast_to(jz * modulation, shape)
    rng = np.random.default_rng(seed)
    zero = np.zeros(shape)
    raw = {"bx": bx, "by": by, "bz": np.ones(shape), "jx": zero, "jy": zero, "jz": jz}
    raw |= {"ex": zero, "ey": zero, "ez": 0.05 * jz + noise * rng.normal(size=shape)}
    raw["rho"] = 1 + 0.1 * np.abs(jz)
    raw = {k: np.ascontiguousarray(np.broadcast_to(v, shape), np.float32) for k, v in raw.items()}
    n_axes = len(shape)
    spacing = tuple(length / n for n in shape)
    return raw, Grid(tuple(shape), ("z", "y", "x")[-n_axes:], spacing, (True,) * n_axes, "d")


def write_sample(path, shape=(48, 48), **how):
    """Write `fields.h5` of the flux ropes, with plain formulas; returns its Fields."""
    raw, grid = flux_ropes(shape, **how)
    b = np.sqrt(raw["bx"] ** 2 + raw["by"] ** 2 + raw["bz"] ** 2)
    j_par = sum(raw[f"j{k}"] * raw[f"b{k}"] for k in "xyz") / b
    values = {"j_par": j_par, "b_perp": np.hypot(raw["bx"], raw["by"])}
    # Not the feature of that name: a stand-in of the same sign and size.
    values["j_asym"] = 0.1 * np.gradient(j_par, axis=-1)
    values["e_par"] = sum(raw[f"e{k}"] * raw[f"b{k}"] for k in "xyz") / b
    values["j_mag"] = np.sqrt(sum(raw[f"j{k}"] ** 2 for k in "xyz"))
    values["e_dot_j"] = sum(raw[f"e{k}"] * raw[f"j{k}"] for k in "xyz")
    values |= {name: raw[name] for name in ("bx", "by", "rho")}
    units = dict.fromkeys(values, UNITS["j"])
    units |= {"b_perp": "B0", "bx": "B0", "by": "B0", "e_par": "B0", "rho": "n0"}
    units["e_dot_j"] = "B0^2 / d"
    fields = Fields(grid, values, units, time=2.0, time_unit="L/c", source="flux ropes")
    write_fields(path, fields, features=FEATURES)
    return fields
