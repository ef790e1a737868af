"""Online training: one sample at a time, on a shrinking neighbourhood."""

from collections.abc import Iterator

import numpy as np

from kohorte.errors import ConfigError
from kohorte.maps._kernels import train_steps
from kohorte.maps._validation import as_alpha, as_count, as_points, as_weights, choose
from kohorte.maps.lattice import Lattice
from kohorte.maps.schedules import LEARNING_RATES, learning_rates, reference_radius

STEP_BLOCK = 1 << 16
"""Steps whose schedule and order are held in memory at a time."""


def train_online(
    features,
    lattice: Lattice,
    weights,
    *,
    steps: int,
    alpha: float,
    learning_rate: str = "decay",
    order=None,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Trained weights (M, F) float32 after `steps` steps from `weights` (M, F).

    features: (N, F), any real dtype; computed in float32. Step t takes the sample p, finds the
    winner c, the node with the least squared Euclidean distance to p (lowest index on a tie), and
    moves every node i within the neighbourhood size n(t) by

        w_i <- w_i - h_i (w_i - p),   h_i = alpha(t) exp(-d_i^2 / (2 (n/3)^2)),

    d_i the Chebyshev lattice distance to c. n(t) follows schedules.reference_radius and alpha(t)
    the schedule named by `learning_rate`, from `alpha` on.

    order: None for a fresh random permutation of the rows in every pass, from `rng`; or the row
    indices of the steps, repeated from the beginning where there are fewer of them than steps.
    The arguments are not changed; the result depends on nothing else than them.

    Source: Ha, Nättilä & Davelaar, JOSS 10 (2025) 7613; Kohonen, Proc. IEEE 78 (1990) 1464.
    Raises ConfigError for arguments out of range and DataError for tables that cannot be used.
    """
    steps = as_count(steps, "steps", 1)
    alpha = as_alpha(alpha)
    choose(LEARNING_RATES, learning_rate, "learning rate")
    points = as_points(features)
    trained = as_weights(weights, lattice.n_nodes, points.shape[1]).T.copy()
    radius = reference_radius(lattice.xdim, lattice.ydim, steps)
    blocks = sample_order(points.shape[0], steps, order=order, rng=rng)
    start = 0
    for rows in blocks:
        stop = start + rows.size
        rates = learning_rates(learning_rate, start, stop, steps, alpha)
        train_steps(
            points, trained, rows, radius.at(start, stop), rates, lattice.xdim, lattice.ydim
        )
        start = stop
    return np.ascontiguousarray(trained.T)


def sample_order(
    n_points: int, steps: int, *, order=None, rng: np.random.Generator | None = None
) -> Iterator[np.ndarray]:
    """Row indices of the steps of a run, int64, in blocks of at most STEP_BLOCK.

    See train_online for `order` and `rng`. Raises ConfigError at the call where neither is given
    or where `order` is not a one-dimensional array of row numbers.
    """
    if order is None:
        if not isinstance(rng, np.random.Generator):
            raise ConfigError("give train_online an order or a numpy Generator as rng")
        return _blocks(steps, lambda: rng.permutation(n_points))
    rows = np.asarray(order)
    if rows.ndim != 1 or rows.size == 0 or rows.dtype.kind not in "iu":
        raise ConfigError("order must be a one-dimensional, non-empty array of row numbers")
    if rows.min() < 0 or rows.max() >= n_points:
        raise ConfigError(
            f"order must lie in 0..{n_points - 1}, got {rows.min()}..{rows.max()}: "
            "these are not rows of the features"
        )
    return _blocks(steps, lambda: rows)


def _blocks(steps: int, next_pass) -> Iterator[np.ndarray]:
    remaining = steps
    while remaining:
        rows = next_pass()[:remaining]
        remaining -= rows.size
        for start in range(0, rows.size, STEP_BLOCK):
            yield rows[start : start + STEP_BLOCK].astype(np.int64)
