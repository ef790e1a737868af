"""Neighbourhood kernels: how strongly a node follows the winner."""

from collections.abc import Callable
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike

from kohorte._checks import as_number, choose, choose_name
from kohorte._portable import exp
from kohorte.maps.lattice import Lattice
from kohorte.maps.parameters import LATTICE_DISTANCES

#: Smoothed counts below this are no support: the digits of such small numbers are gone.
SMALLEST_SUPPORT = 1e-280

Kernel = Callable[[np.ndarray, float], np.ndarray]


def _with_point_limit(kernel: Kernel) -> Kernel:
    """Return the kernel with its limit at a radius whose square is zero: 1 at d = 0."""

    def limited(distances: ArrayLike, radius: float) -> np.ndarray:
        distances = np.asarray(distances, dtype=np.float64)
        if radius < _POINT:
            return np.where(distances == 0, 1.0, 0.0)
        return kernel(distances, radius)

    return limited


_POINT = 1e-100

#: Name -> h(d, n) for lattice distances d >= 0 (any shape) and a radius n >= 0; h(0) = 1.
#:
#: truncated_gaussian: exp(-d^2 / (2 (n/3)^2)) for d <= n, else 0 (Ha, Nättilä & Davelaar, JOSS 10
#: (2025) 7613). gaussian: exp(-d^2 / (2 n^2)). gaussian_e: exp(-d^2 / n^2), which falls to 1/e at
#: n. exponential: exp(-d / n). bubble: 1 for d <= n, else 0. mexican_hat:
#: (1 - d^2/n^2) exp(-d^2 / (2 n^2)), negative beyond n. triangle: 1 - d/n for d <= n, else 0.
KERNELS: dict[str, Kernel] = {
    "truncated_gaussian": _with_point_limit(
        lambda d, n: np.where(d <= n, exp(-(d**2) / (2 * (n / 3) ** 2)), 0.0)
    ),
    "gaussian": _with_point_limit(lambda d, n: exp(-(d**2) / (2 * n**2))),
    "gaussian_e": _with_point_limit(lambda d, n: exp(-(d**2) / n**2)),
    "exponential": _with_point_limit(lambda d, n: exp(-d / n)),
    "bubble": _with_point_limit(lambda d, n: np.where(d <= n, 1.0, 0.0)),
    "mexican_hat": _with_point_limit(lambda d, n: (1 - (d / n) ** 2) * exp(-((d / n) ** 2) / 2)),
    "triangle": _with_point_limit(lambda d, n: np.maximum(1 - d / n, 0.0)),
}

#: Kernel -> the lattice distance with which it is a product of two kernels of single axes.
PRODUCT_KERNELS = {"gaussian": "euclidean", "gaussian_e": "euclidean", "bubble": "links"}


class Neighbourhood:
    """A kernel, a key of KERNELS, on a lattice, as tables by offset.

    `kernel_distance` is ``links`` or ``euclidean``, see `Lattice.distances_from`; ConfigError for
    unknown names.
    """

    def __init__(self, lattice: Lattice, kernel: str, kernel_distance: str) -> None:
        self.lattice = lattice
        self.name = kernel
        self.kernel = choose(KERNELS, kernel, "neighbourhood kernel")
        self.kernel_distance = choose_name(LATTICE_DISTANCES, kernel_distance, "kernel_distance")

    def __reduce__(self) -> tuple[type, tuple[Lattice, str, str]]:
        return type(self), (self.lattice, self.name, self.kernel_distance)

    @cached_property
    def _distances(self) -> tuple[np.ndarray, np.ndarray]:
        # A lattice has few different distances: the kernel is evaluated once for each.
        table = self.lattice.offset_distances(self.kernel_distance)
        distances, index = np.unique(table, return_inverse=True)
        return distances, index.reshape(table.shape)

    def table(self, radius: float, rate: float = 1.0) -> np.ndarray:
        """Return rate * h by offset, (2, 2 ydim - 1, 2 xdim - 1) float64.

        Entry [p, ydim - 1 + dy, xdim - 1 + dx] belongs to a winner in row y, y % 2 = p, and the
        node dx columns and dy rows further. Raises ConfigError for a radius that is no number >= 0.
        """
        radius = as_number(radius, "radius")
        distances, index = self._distances
        return (rate * self.kernel(distances, radius))[index]

    def factors(self, radius: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the kernel as a product: h by dx, (2 xdim - 1,), and dy, (2 ydim - 1,); or None.

        A smoothing over a plane is then one along x followed by one along y. Only on a rectangular
        lattice, for the kernels of PRODUCT_KERNELS.
        """
        product = PRODUCT_KERNELS.get(self.name) == self.kernel_distance
        if self.lattice.topology != "rectangular" or not product:
            return None
        of = self.name, self.lattice.xdim, self.lattice.ydim, self.lattice.periodic
        return _factors(*of, as_number(radius, "radius"))


@lru_cache(maxsize=256)
def _factors(
    name: str, xdim: int, ydim: int, periodic: bool, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return what Neighbourhood.factors does; maps of an ensemble have radii in common."""
    along = _distances_along(PRODUCT_KERNELS[name], xdim, ydim, periodic)
    along_x, along_y = (KERNELS[name](distances, radius) for distances in along)
    along_x.flags.writeable = along_y.flags.writeable = False  # they are kept
    return along_x, along_y


@lru_cache(maxsize=16)
def _distances_along(
    kind: str, xdim: int, ydim: int, periodic: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances by dx and by dy on a rectangular lattice."""
    table = Lattice(xdim, ydim, "rectangular", periodic).offset_distances(kind)[0]
    return table[ydim - 1].copy(), table[:, xdim - 1].copy()
