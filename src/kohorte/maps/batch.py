"""Batch and mini-batch training: all points of a pass, or of a part of it, at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kohorte._arrays import as_points, as_weights
from kohorte._checks import as_alpha, as_count, choose, choose_name
from kohorte._limits import BLOCK_ROWS
from kohorte._principal import feature_means
from kohorte.errors import ConfigError
from kohorte.maps._threads import kept_pool
from kohorte.maps.history import Observer
from kohorte.maps.lattice import Lattice
from kohorte.maps.neighbourhood import SMALLEST_SUPPORT, Neighbourhood
from kohorte.maps.online import reach_of
from kohorte.maps.parameters import METRICS, PARAMETERS, check_averaging
from kohorte.maps.schedules import Radii, learning_rates
from kohorte.maps.winners import WinnerSearch, has_missing

#: Points of a table on disk that are in memory at a time.
SLAB_ROWS = 1 << 17


def train_batch(
    features: Any,
    lattice: Lattice,
    weights: ArrayLike,
    *,
    epochs: int,
    fine_epochs: int = 0,
    radius: float | None = None,
    final_radius: float | None = None,
    radius_schedule: str = "exponential",
    kernel: str = "gaussian",
    kernel_distance: str = "euclidean",
    metric: str = "euclidean",
    backend: str = "numba",
    threads: int = 1,
    observer: Observer | None = None,
) -> np.ndarray:
    """Return weights (M, F) float32, trained with all points at once.

    An epoch finds the winner c(p) of every point p and then sets each node to the mean of all
    points, weighted by the neighbourhood kernel h at the lattice distance d from their winner:

        w_i = sum_p h(d(c(p), i), n) p / sum_p h(d(c(p), i), n),

    from sums and counts per node, smoothed over the lattice. Features that a point does not have
    are left out of both sums; nodes without support keep their weights. There is no learning rate.
    With the metrics other than Euclidean the winner is that of the metric and the mean is a mean.
    Source: Kohonen, Self-Organizing Maps (2001), section 3.6.

    `features` are (N, F), NaN where a value is missing: an array, or anything with shape, dtype and
    rows to slice (an HDF5 dataset), which is then read in slabs, once an epoch. Training begins
    with `weights` (M, F). The radius n falls over the `epochs`, see `Radii`, and stays for the
    `fine_epochs`; for the kernel see `Neighbourhood`. The backend is ``numba``, or ``jax`` on the
    device that JAX chooses: the same up to rounding. Sums are made of blocks of 2^20 points.
    Neither the `threads` of the former nor the size of slabs change a bit of the result. `observer`
    looks at the map as training goes on, and may end it. ConfigError for arguments out of range or
    a kernel with negative values, DataError for tables that cannot be used.
    """
    epochs = as_count(epochs, "epochs", 1)
    fine_epochs = as_count(fine_epochs, "fine_epochs", 0)
    check_averaging(kernel)
    choose_name(PARAMETERS["backend"].names, backend, "backend")
    choose(METRICS, metric, "metric")
    radii = Radii(lattice.xdim, lattice.ydim, epochs, radius_schedule, radius, final_radius)
    n = np.concatenate([radii.at(0, epochs), np.full(fine_epochs, radii.final)])
    neighbourhood = Neighbourhood(lattice, kernel, kernel_distance)
    table = Slabs(features)
    trained = as_weights(weights, lattice.n_nodes, table.n_features)
    if observer:
        observer.begin(n.size, trained, n[0], np.nan)
    if backend == "jax":
        return _train_with_jax(table.whole(), trained, n, observer, neighbourhood, metric)
    for epoch, size in enumerate(n):
        search = WinnerSearch(trained, metric, lattice)
        sums = NodeSums(lattice, table.n_features, masked=table.masked)
        for slabs in table.blocks():
            sums.join(sum_block(slabs, search, lattice, masked=table.masked, threads=threads))
        trained = sums.means(neighbourhood, size, trained, threads)
        if observer and observer.look(epoch + 1, trained, size, np.nan):
            break
    return trained


def sum_block(
    slabs: Iterable[np.ndarray],
    search: WinnerSearch,
    lattice: Lattice,
    *,
    masked: bool = True,
    threads: int = 1,
) -> NodeSums:
    """Return the sums of the points of a block, in slabs (n, F) float32, at their winners."""
    sums = NodeSums(lattice, search.weights.shape[1], masked=masked)
    for points in slabs:
        sums.add(points, search.winners_of(points, threads), threads)
    return sums


def train_minibatch(
    features: Any,
    lattice: Lattice,
    weights: ArrayLike,
    *,
    epochs: int,
    batch_size: int = 4096,
    alpha: float = 0.1,
    final_alpha: float | None = None,
    learning_rate: str = "decay",
    radius: float | None = None,
    final_radius: float | None = None,
    radius_schedule: str = "exponential",
    kernel: str = "gaussian",
    kernel_distance: str = "euclidean",
    metric: str = "euclidean",
    order: str = "shuffled",
    rng: np.random.Generator | None = None,
    threads: int = 1,
    observer: Observer | None = None,
) -> np.ndarray:
    """Return weights (M, F) float32, trained in parts of `batch_size` points.

    The sums and counts of batch training (see train_batch) are kept as running means: after part b

        S <- (1 - alpha) S + alpha S_b,   C <- (1 - alpha) C + alpha C_b,

    and the weights are the quotient of the two, smoothed. So a part of N points with alpha 1 is a
    batch epoch, and smaller alphas remember about 1 / alpha parts. Schedules (see `learning_rates`
    and `Radii`) advance with the parts of the whole run, `epochs` passes; the last part of a pass
    may be smaller. `order` is ``shuffled``, a fresh random permutation of the rows in every pass,
    from `rng`, or ``sequential``, the rows in their order, which an HDF5 dataset needs. Other
    arguments, and errors, are as for train_batch. Source: the stochastic approximation of Cappé &
    Moulines, J. R. Stat. Soc. B 71 (2009) 593, applied to batch training.
    """
    epochs = as_count(epochs, "epochs", 1)
    batch_size = as_count(batch_size, "batch_size", 1)
    alpha = as_alpha(alpha)
    check_averaging(kernel)
    choose(METRICS, metric, "metric")
    if choose_name(PARAMETERS["order"].names, order, "order") == "shuffled":
        if not isinstance(rng, np.random.Generator):
            raise ConfigError(
                "give train_minibatch a numpy Generator as rng, or a sequential order"
            )
        features = as_points(features, missing=True)
    table = Slabs(features, batch_size)
    total = epochs * table.n_slabs
    radii = Radii(lattice.xdim, lattice.ydim, total, radius_schedule, radius, final_radius)
    learning_rates(learning_rate, 0, 1, total, alpha, final_alpha)
    run = MiniBatches(lattice, weights, table.n_features, kernel, kernel_distance, metric)
    done = 0
    for _ in range(epochs):
        for points in table if rng is None or order == "sequential" else table.shuffled(rng):
            n = radii.at(done, done + 1)[0]
            rate = learning_rates(learning_rate, done, done + 1, total, alpha, final_alpha)[0]
            if observer and done == 0:
                observer.begin(total, run.weights, n, rate)
            run.learn(points, radius=n, rate=rate, threads=threads)
            done += 1
            if observer and done in observer.looks and observer.look(done, run.weights, n, rate):
                return run.weights
    return run.weights


class MiniBatches:
    """A map that learns from a stream of parts; see train_minibatch.

    The first part replaces what the running means begin with, whatever its rate: there is nothing
    to remember yet. `weights` (M, F) float32 are those of the moment, and `known` (F,) says in
    which features: those that a part had a value of, or that the first weights are known in. A
    feature that comes later begins with its mean in that part.
    """

    def __init__(
        self,
        lattice: Lattice,
        weights: ArrayLike,
        n_features: int,
        kernel: str = "gaussian",
        kernel_distance: str = "euclidean",
        metric: str = "euclidean",
        known: np.ndarray | None = None,
    ) -> None:
        check_averaging(kernel)
        self.known = np.zeros(n_features, dtype=bool) if known is None else known.copy()
        self._neighbourhood = Neighbourhood(lattice, kernel, kernel_distance)
        self._metric = metric
        self._means: NodeSums | None = None
        self.weights = as_weights(weights, lattice.n_nodes, n_features)

    def learn(self, points: ArrayLike, *, radius: float, rate: float, threads: int = 1) -> None:
        """Take in a part (n, F), with the learning rate `rate` in (0, 1]."""
        points = as_points(points, missing=True)
        fresh = ~self.known & ~np.isnan(points).all(axis=0)
        if self._means is not None and fresh.any():
            self.weights[:, fresh] = feature_means(points)[fresh]
        self.known |= fresh
        lattice = self._neighbourhood.lattice
        search = WinnerSearch(self.weights, self._metric, lattice)
        nodes = search.winners(points, threads=threads)
        # Counts per feature throughout: a later part may have missing values.
        sums = NodeSums(lattice, points.shape[1], masked=True)
        sums.add(points, nodes, threads)
        sums.scale(1 / points.shape[0])
        if self._means is None:
            self._means = sums
        else:
            self._means.blend(sums, as_alpha(rate))
        self.weights = self._means.means(self._neighbourhood, radius, self.weights, threads)


class NodeSums:
    """Sums of the points of each node, and how many they are.

    Points are added in their order, so that the sums do not depend on how they are cut into slabs;
    threads share the features, not the points. `masked` counts features one by one, because values
    are missing. `rows`, (2 F, M), or (F + 1, M) where none is missing, are sums that are there
    already.
    """

    def __init__(
        self, lattice: Lattice, n_features: int, *, masked: bool, rows: np.ndarray | None = None
    ) -> None:
        self._lattice, self._n_features, self._masked = lattice, n_features, masked
        # Sums of the features; then the counts, of the points or of each feature's present values.
        height = 2 * n_features if masked else n_features + 1
        self._rows = np.zeros((height, lattice.n_nodes)) if rows is None else rows

    @property
    def rows(self) -> np.ndarray:
        """The sums and counts, as `rows` is given."""
        return self._rows

    def join(self, other: NodeSums) -> None:
        """Add the sums and counts of the block that follows."""
        self._rows += other._rows

    def add(self, points: np.ndarray, nodes: np.ndarray, threads: int = 1) -> None:
        """Add points (n, F) float32 to the sums of their nodes (n,)."""
        from kohorte.maps import _kernels

        sums, counts = self._rows[: self._n_features], self._rows[self._n_features :]
        if not self._masked:
            counts += np.bincount(nodes, minlength=self._lattice.n_nodes)
            counts = np.empty((0, 0))

        def task(first: int, last: int) -> None:
            _kernels.add_points(points, nodes, first, last, sums, counts)

        _shared(task, self._n_features, threads if points.size > _SMALL else 1)

    def scale(self, factor: float) -> None:
        """Multiply sums and counts."""
        self._rows *= factor

    def blend(self, other: NodeSums, rate: float) -> None:
        """Move by the share `rate` towards the sums and counts of another."""
        self._rows += rate * (other._rows - self._rows)

    def means(
        self, neighbourhood: Neighbourhood, radius: float, weights: np.ndarray, threads: int = 1
    ) -> np.ndarray:
        """Return smoothed sums over smoothed counts, (M, F) float32; `weights` without support."""
        from kohorte.maps import _kernels

        smoothed = _smooth(self._rows, neighbourhood, radius, threads)
        sums, counts = smoothed[: self._n_features], smoothed[self._n_features :]
        return _kernels.divide_sums(sums, counts, SMALLEST_SUPPORT, weights)


class Slabs:
    """A table in slabs of rows, (n, F) float32, NaN where missing: an array, or rows on disk."""

    def __init__(self, features: Any, rows: int | None = None) -> None:
        self._on_disk = not isinstance(features, np.ndarray) and hasattr(features, "chunks")
        self._table = features if self._on_disk else as_points(features, missing=True)
        if len(self._table.shape) != 2 or 0 in self._table.shape:
            as_points(np.empty(self._table.shape), "features")
        self.n_rows, self.n_features = self._table.shape
        self.rows = rows or (SLAB_ROWS if self._on_disk else self.n_rows)
        # What is on disk is not read for this alone: missing values are counted as if there.
        self.masked = True if self._on_disk else has_missing(self._table)

    @property
    def n_slabs(self) -> int:
        """Number of slabs of a pass."""
        return -(-self.n_rows // self.rows)

    def __iter__(self) -> Iterator[np.ndarray]:
        for start in range(0, self.n_rows, self.rows):
            yield self._slab(slice(start, start + self.rows))

    def blocks(self) -> Iterator[Iterator[np.ndarray]]:
        """Yield the slabs of each block of BLOCK_ROWS."""
        for start in range(0, self.n_rows, BLOCK_ROWS):
            yield self.slabs(start, min(start + BLOCK_ROWS, self.n_rows))

    def slabs(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """Yield the slabs of some rows."""
        for first in range(start, stop, self.rows):
            yield self._slab(slice(first, min(first + self.rows, stop)))

    def shuffled(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Yield the slabs of a random permutation of the rows of an array."""
        order = rng.permutation(self.n_rows)
        for start in range(0, self.n_rows, self.rows):
            yield np.ascontiguousarray(self._table[order[start : start + self.rows]])

    def whole(self) -> np.ndarray:
        """Return all rows."""
        return self._slab(slice(None))

    def _slab(self, rows: slice) -> np.ndarray:
        return as_points(self._table[rows], missing=True) if self._on_disk else self._table[rows]


#: Entries of a table below which starting threads costs more than it saves.
_SMALL = 1 << 20


def _smooth(
    rows: np.ndarray, neighbourhood: Neighbourhood, radius: float, threads: int
) -> np.ndarray:
    """Sum h(j, i) rows[:, j] over the nodes j, for every node i; (K, M) float64."""
    from kohorte.maps import _kernels

    lattice = neighbourhood.lattice
    spread = np.zeros(rows.shape)
    factors = neighbourhood.factors(radius)
    size = (lattice.xdim, lattice.ydim)
    if factors is None:
        table = neighbourhood.table(radius)
        reach = reach_of(table)

    def task(first: int, last: int) -> None:
        if factors is None:
            _kernels.spread_sums(rows, first, last, *size, lattice.periodic, table, reach, spread)
        else:
            _kernels.spread_product(rows, first, last, *size, *factors, spread)

    _shared(task, rows.shape[0], threads if lattice.n_nodes * rows.size > _SMALL else 1)
    return spread


def _shared(task: Callable[[int, int], None], count: int, threads: int) -> None:
    """Call task(first, last) for ranges that make up 0..count-1, on at most `threads` threads."""
    threads = min(as_count(threads, "threads", 1), count)
    if threads == 1:
        task(0, count)
        return
    edges = [count * k // threads for k in range(threads + 1)]
    list(kept_pool(threads).map(task, edges[:-1], edges[1:]))


def _train_with_jax(
    points: np.ndarray,
    weights: np.ndarray,
    radii: np.ndarray,
    observer: Observer | None,
    neighbourhood: Neighbourhood,
    metric: str,
) -> np.ndarray:
    from kohorte.maps._jax import train_stack

    def look(epoch: int, trained: np.ndarray) -> bool:
        assert observer is not None
        if epoch not in observer.looks:  # weights stay on the device
            return False
        return observer.look(epoch, np.asarray(trained), radii[epoch - 1], np.nan)

    return train_stack(
        points,
        neighbourhood.lattice,
        weights,
        radii=radii,
        kernel=neighbourhood.name,
        kernel_distance=neighbourhood.kernel_distance,
        metric=metric,
        observer=look if observer else None,
    )
