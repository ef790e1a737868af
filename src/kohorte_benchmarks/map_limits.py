"""The least arithmetic and reading that training and searching need."""

import numpy as np

from kohorte.maps.schedules import reference_radius


def least_work(
    kind: str, n_points: int, n_features: int, sides: tuple[int, int], steps: int
) -> tuple[float, float]:
    """Return the multiply-adds, and bytes from memory, that a measured time must include.

    `kind` is "online" for one step of a run of `steps`, "winners" for all points, "batch" for an
    epoch; `sides` are the sides of the lattice.

    Returns
    -------
    multiply_adds : float
        One for each feature of each node and point, since |w - p|^2 can be had from
        |w|^2 - 2 w.p; online, two more for each feature of each node that is moved; in an epoch,
        one for each feature of each point, and those of smoothing sums and counts along the two
        sides.
    n_bytes : float
        Bytes of the points; one step reads one point.
    """
    xdim, ydim = sides
    nodes = xdim * ydim
    if kind == "online":
        moved = _mean_window(xdim, ydim, steps)
        return n_features * (nodes + 2 * moved), 4 * n_features
    work = n_points * nodes * n_features
    if kind == "batch":
        work += n_points * n_features + nodes * (xdim + ydim) * (n_features + 1)
    return work, 4 * n_points * n_features


def _mean_window(xdim: int, ydim: int, steps: int) -> float:
    """Return the mean number of nodes that a step of the reference schedule moves."""
    radii, counts = np.unique(reference_radius(xdim, ydim, steps).at(0, steps), return_counts=True)
    sizes = np.ones(len(radii))
    for side in (xdim, ydim):
        at = np.arange(side)[:, None]
        sizes *= (np.minimum(at + radii, side - 1) - np.maximum(at - radii, 0) + 1).mean(axis=0)
    return float(np.average(sizes, weights=counts))
