"""Online training: one sample at a time, on a shrinking neighbourhood."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from kohorte._arrays import as_points, as_weights
from kohorte._checks import as_alpha, as_count, choose, choose_name
from kohorte.errors import ConfigError
from kohorte.maps.history import Observer
from kohorte.maps.lattice import Lattice
from kohorte.maps.neighbourhood import Neighbourhood
from kohorte.maps.parameters import METRICS, PARAMETERS
from kohorte.maps.schedules import Radii, learning_rates
from kohorte.maps.winners import aligned, has_missing

#: Steps whose schedule and order are held in memory at a time.
STEP_BLOCK = 1 << 14

#: Training has code of its own for up to so many features, from so many steps times nodes on.
SPECIAL_FEATURES = 16
SPECIAL_WORK = 100_000_000


def train_online(
    features: ArrayLike,
    lattice: Lattice,
    weights: ArrayLike,
    *,
    steps: int | None = None,
    epochs: int | None = None,
    alpha: float,
    final_alpha: float | None = None,
    learning_rate: str = "decay",
    radius: float | None = None,
    final_radius: float | None = None,
    radius_schedule: str = "reference",
    kernel: str = "truncated_gaussian",
    kernel_distance: str = "links",
    metric: str = "euclidean",
    order: str | ArrayLike = "shuffled",
    rng: np.random.Generator | None = None,
    observer: Observer | None = None,
) -> np.ndarray:
    """Return weights (M, F) float32, trained one point at a time.

    Step t takes the sample p, finds the winner c, the node nearest to p in the metric (lowest index
    on a tie), and moves every node i, in the features that p has, by

        w_i <- w_i - h_i (w_i - p),   h_i = alpha(t) h(d_i, n(t)),

    h the neighbourhood kernel (neighbourhood.KERNELS), d_i the lattice distance to c. alpha(t) and
    n(t) follow `learning_rate` and `radius_schedule` (schedules.learning_rates, schedules.Radii).
    The defaults are the published schedule. The result depends on the arguments alone, and these
    are not changed. Sources: Ha, Nättilä & Davelaar, JOSS 10 (2025) 7613; Kohonen, Proc. IEEE 78
    (1990) 1464.

    `features` are (N, F), NaN where a value is missing, of any real type; computed in float32.
    Training begins with `weights` (M, F). Give `steps` or `epochs`: with the latter, that many
    passes over the table are made and the schedules advance once a pass (t counts passes) instead
    of once a step. `order` is ``shuffled``, a fresh random permutation of the rows in every pass,
    from `rng`; ``sequential``, the rows in their order; or row indices, repeated where there are
    fewer of them than steps. `observer` looks at the map as training goes on, and may end it.
    ConfigError for arguments out of range, DataError for tables that cannot be used.
    """
    from kohorte.maps import _kernels

    points = as_points(features, missing=True)
    n_points, n_features = points.shape
    if (steps is None) == (epochs is None):
        raise ConfigError("give train_online either steps or epochs")
    if epochs is not None:
        moves, per_move = as_count(epochs, "epochs", 1), n_points
    else:
        moves, per_move = as_count(steps, "steps", 1), 1
    total = moves * per_move
    alpha = as_alpha(alpha)
    kind = _kernels.KINDS[choose(METRICS, metric, "metric").kind]
    radii = Radii(lattice.xdim, lattice.ydim, moves, radius_schedule, radius, final_radius)
    learning_rates(learning_rate, 0, 1, moves, alpha, final_alpha)
    neighbourhood = Neighbourhood(lattice, kernel, kernel_distance)
    start = as_weights(weights, lattice.n_nodes, n_features)
    trained, bias = _padded(start)
    masked, sides = has_missing(points), (lattice.xdim, lattice.ydim, lattice.periodic)
    # Code of their own for a number of features is worth compiling where much is to be done.
    is_special = kind == _kernels.SQUARE and not masked and n_features <= SPECIAL_FEATURES
    is_special &= lattice.xdim >= _kernels.LANES and total * lattice.n_nodes >= SPECIAL_WORK
    # The table of the neighbourhood, with room before and behind it for vectors that reach beyond.
    shape, beside = (2, 2 * lattice.ydim - 1, 2 * lattice.xdim - 1), lattice.xdim + _kernels.LANES
    room = np.zeros(math.prod(shape) + 2 * beside, np.float32)
    table = room[beside:-beside].reshape(shape)
    rows = _Rows(sample_order(n_points, total, order=order, rng=rng))

    done, in_use = 0, (np.nan, np.nan)
    for block_start in range(0, moves, STEP_BLOCK):
        block = slice(block_start, min(block_start + STEP_BLOCK, moves))
        n = radii.at(block.start, block.stop)
        rate = learning_rates(learning_rate, block.start, block.stop, moves, alpha, final_alpha)
        if observer and done == 0:
            observer.begin(total, start, n[0], rate[0])
        for first, last in _runs(n, rate):
            if (n[first], rate[first]) != in_use:
                in_use = (n[first], rate[first])
                table[:] = neighbourhood.table(*in_use)
                reach = reach_of(table)
            until = done + (last - first) * per_move
            while done < until:
                stop = until if observer is None else min(until, observer.next_look(done))
                for taken in rows.take(stop - done):
                    job = (points, taken, trained, bias)
                    if is_special:
                        _kernels.train_squares(*job, *sides, room, reach, (0,) * n_features)
                    else:
                        _kernels.train_steps(*job, kind, masked, *sides, table, reach)
                done = stop
                # Weights are copied for a look alone.
                if observer and done in observer.looks:
                    weights = _unpadded(trained, lattice)
                    if observer.look(done, weights, *in_use):
                        return weights
    return _unpadded(trained, lattice)


def reach_of(table: np.ndarray) -> np.ndarray:
    """Return the columns and rows, (2,) int64, that an offset table's values reach."""
    used = table != 0
    return np.array([_half_width(used.any(axis=(0, 1))), _half_width(used.any(axis=(0, 2)))])


def _half_width(used: np.ndarray) -> int:
    """How far from the middle the outermost True of an odd number of entries lies."""
    middle = used.size // 2
    return max(middle - int(np.argmax(used)), int(middle - np.argmax(used[::-1])))


def sample_order(
    n_points: int,
    steps: int,
    *,
    order: str | ArrayLike = "shuffled",
    rng: np.random.Generator | None = None,
) -> Iterator[np.ndarray]:
    """Yield the row indices of the steps of a run, int64, in blocks of at most STEP_BLOCK.

    `order` and `rng` are as for train_online. ConfigError, at the call, for a shuffled order
    without a generator, and for one that is neither a name nor a one-dimensional array of row
    numbers.
    """
    if isinstance(order, str):
        choose_name(PARAMETERS["order"].names, order, "order")
        if order == "sequential":
            return _blocks(steps, lambda: np.arange(n_points))
        if not isinstance(rng, np.random.Generator):
            raise ConfigError("give train_online an order or a numpy Generator as rng")

        def shuffled() -> np.ndarray:
            # As rng.permutation, in half the memory where the numbers fit.
            rows = np.arange(n_points, dtype=np.int32 if n_points < 2**31 else np.int64)
            rng.shuffle(rows)
            return rows

        return _blocks(steps, shuffled)
    rows = np.asarray(order)
    if rows.ndim != 1 or rows.size == 0 or rows.dtype.kind not in "iu":
        raise ConfigError("order must be a one-dimensional, non-empty array of row numbers")
    if rows.min() < 0 or rows.max() >= n_points:
        raise ConfigError(
            f"order must lie in 0..{n_points - 1}, got {rows.min()}..{rows.max()}: "
            "these are not rows of the features"
        )
    return _blocks(steps, lambda: rows)


def _blocks(steps: int, next_pass: Callable[[], np.ndarray]) -> Iterator[np.ndarray]:
    remaining = steps
    while remaining:
        rows = next_pass()[:remaining]
        remaining -= rows.size
        for start in range(0, rows.size, STEP_BLOCK):
            yield rows[start : start + STEP_BLOCK].astype(np.int64)


class _Rows:
    """The order of a run, handed out in pieces."""

    def __init__(self, blocks: Iterator[np.ndarray]) -> None:
        self._blocks = blocks
        self._left = np.empty(0, np.int64)

    def take(self, count: int) -> Iterator[np.ndarray]:
        """Yield the next `count` row indices, in arrays of any length."""
        while count:
            if not self._left.size:
                self._left = next(self._blocks)
            taken, self._left = self._left[:count], self._left[count:]
            count -= taken.size
            yield taken


def _runs(n: np.ndarray, rate: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges of steps with the same radius and rate."""
    changes = np.flatnonzero((np.diff(n) != 0) | (np.diff(rate) != 0)) + 1
    edges = [0, *changes.tolist(), n.size]
    yield from itertools.pairwise(edges)


def _padded(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (F, M + padding) and what the search adds to the distance of each node."""
    from kohorte.maps._kernels import NODE_PADDING

    n_nodes, n_features = weights.shape
    size = -(-n_nodes // NODE_PADDING) * NODE_PADDING
    padded = aligned(n_features * size, 0).reshape(n_features, size)
    # Of both zeros the positive one: w - 0 (w - p) leaves it as it is, whatever the sign of p.
    padded[:, :n_nodes] = weights.T + np.float32(0)
    bias = aligned(size, np.inf)
    bias[:n_nodes] = 0
    return padded, bias


def _unpadded(trained: np.ndarray, lattice: Lattice) -> np.ndarray:
    return np.ascontiguousarray(trained[:, : lattice.n_nodes].T)
