"""One realization of an ensemble: a map from its start to its clusters and its quality."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from kohorte._arrays import as_points, as_weights
from kohorte._checks import as_alpha, as_count, as_number, choose
from kohorte.errors import ConfigError, DataError
from kohorte.maps.batch import BACKENDS, train_batch, train_minibatch
from kohorte.maps.history import History, Observer
from kohorte.maps.initial import INITIALS, initial_weights
from kohorte.maps.lattice import LATTICE_DISTANCES, Lattice
from kohorte.maps.metrics import METRICS
from kohorte.maps.neighbourhood import KERNELS, check_averaging
from kohorte.maps.online import ORDERS, train_online
from kohorte.maps.quality import QUALITY_ROWS, measure_quality
from kohorte.maps.schedules import Radii, learning_rates
from kohorte.maps.segments import SEGMENTATIONS, check_n_clusters, segment
from kohorte.maps.umatrix import smooth, u_matrix
from kohorte.maps.winners import find_two_winners

DEFAULT_EPOCHS = 20
"""Passes of batch and mini-batch training unless told otherwise."""

AUTOMATIC = {
    "online": {
        "radius_schedule": "reference",
        "kernel": "truncated_gaussian",
        "kernel_distance": "links",
    },
    "batch": {
        "radius_schedule": "exponential",
        "kernel": "gaussian",
        "kernel_distance": "euclidean",
    },
}
AUTOMATIC["minibatch"] = AUTOMATIC["batch"]
"""Trainer -> what 'auto' stands for."""


@dataclass(frozen=True)
class MapParameters:
    """Parameters of one map, all checked at construction (ConfigError).

    xdim, ydim, topology, periodic: see Lattice. trainer: 'online' (train_online), 'batch'
    (train_batch) or 'minibatch' (train_minibatch); steps, epochs (None: 20, and steps for the
    online trainer), fine_epochs, batch_size, alpha, final_alpha, learning_rate, radius,
    final_radius, radius_schedule, kernel, kernel_distance, metric, order, backend: see there; what
    a trainer has no use for has no effect. initial: key of INITIALS, or 'given'. patience,
    tolerance: see Observer. method, merge, clusters: see segments.segment. smoothing: length of the
    U-matrix's smoothing in lattice steps, 0 for none.

    'auto' in radius_schedule, kernel and kernel_distance is replaced by AUTOMATIC of the trainer,
    in radius and final_radius by the schedule's own ends (None for `reference`, which sets them).
    """

    xdim: int
    ydim: int
    steps: int = 100_000
    alpha: float = 0.1
    topology: str = "rectangular"
    periodic: bool = False
    trainer: str = "online"
    epochs: int | None = None
    fine_epochs: int = 0
    batch_size: int = 4096
    learning_rate: str = "decay"
    final_alpha: float | None = None
    radius: float | str | None = "auto"
    final_radius: float | str | None = "auto"
    radius_schedule: str = "auto"
    kernel: str = "auto"
    kernel_distance: str = "auto"
    order: str = "shuffled"
    initial: str = "uniform"
    metric: str = "euclidean"
    backend: str = "numba"
    patience: int | None = None
    tolerance: float = 0.0
    method: str = "basins"
    smoothing: float = 0.0
    merge: float = 0.2
    clusters: int | str | None = None

    def __post_init__(self):
        lattice = self.lattice
        as_count(self.steps, "steps", 1)
        as_alpha(self.alpha)
        as_count(self.fine_epochs, "fine_epochs", 0)
        as_count(self.batch_size, "batch_size", 1)
        as_number(self.tolerance, "tolerance")
        as_number(self.smoothing, "smoothing")
        as_number(self.merge, "merge")
        check_n_clusters(self.clusters)
        choose(AUTOMATIC, self.trainer, "trainer")
        for name, value in AUTOMATIC[self.trainer].items():
            if getattr(self, name) == "auto":
                self._set(name, value)
        if self.epochs is None and self.trainer != "online":
            self._set("epochs", DEFAULT_EPOCHS)
        if self.epochs is not None:
            as_count(self.epochs, "epochs", 1)
        for name in ("radius", "final_radius"):
            if getattr(self, name) == "auto":
                self._set(name, None)
        choose(KERNELS, self.kernel, "neighbourhood kernel")
        choose(dict.fromkeys(LATTICE_DISTANCES), self.kernel_distance, "kernel_distance")
        choose(dict.fromkeys((*INITIALS, "given")), self.initial, "initial weights")
        choose(METRICS, self.metric, "metric")
        choose(SEGMENTATIONS, self.method, "segmentation")
        choose(dict.fromkeys(ORDERS), self.order, "order")
        choose(dict.fromkeys(BACKENDS), self.backend, "backend")
        if self.patience is not None:
            as_count(self.patience, "patience", 1)
        if self.trainer != "online":
            check_averaging(self.kernel)
        if self.backend == "jax" and self.trainer != "batch":
            raise ConfigError(
                f"backend 'jax' trains in batches only, and the trainer is {self.trainer!r}; "
                "choose the trainer 'batch' or the backend 'numba'"
            )
        moves = self.steps if self.epochs is None else self.epochs
        learning_rates(self.learning_rate, 0, 1, moves, self.alpha, self.final_alpha)
        radii = self.radii(lattice, moves)
        self._set("radius", radii.first)
        self._set("final_radius", radii.last)

    def _set(self, name: str, value) -> None:
        object.__setattr__(self, name, value)

    @property
    def lattice(self) -> Lattice:
        """The lattice of the map."""
        return Lattice(self.xdim, self.ydim, self.topology, self.periodic)

    def radii(self, lattice: Lattice, moves: int) -> Radii:
        """The radius schedule of a run of that many steps or epochs."""
        return Radii(
            lattice.xdim, lattice.ydim, moves, self.radius_schedule, self.radius, self.final_radius
        )

    @property
    def last_radius(self) -> float:
        """Radius that training ends with, > 0: at least half a lattice step."""
        moves = self.steps if self.epochs is None else self.epochs
        return max(self.radii(self.lattice, moves).final, 0.5)


@dataclass(frozen=True)
class Realization:
    """A trained map, its clusters and its quality.

    weights: (M, F) float32. u_matrix: (M,) float64, smoothed as the parameters say. basins: (M,)
    int32, centroids: (C,) int32 nodes, node_clusters: (M,) int32, cluster_centroids: (K,) int32
    nodes, as in segments.Segments. winners: (N,) int32 nodes. labels: (N,) cluster of each point,
    the smallest unsigned type that holds K - 1. hits: (M,) int64 points of each node. quality: see
    quality.measure_quality. seconds: time spent on train (with the start), winners, segment and
    quality. history: what was recorded in training.
    """

    weights: np.ndarray
    u_matrix: np.ndarray
    basins: np.ndarray
    centroids: np.ndarray
    node_clusters: np.ndarray
    cluster_centroids: np.ndarray
    winners: np.ndarray
    labels: np.ndarray
    hits: np.ndarray
    quality: dict[str, float]
    seconds: dict[str, float]
    history: History


def spawn_seeds(seed: int) -> list[np.random.SeedSequence]:
    """Return the seeds of a map's start, of its sample order and of its segmentation."""
    return np.random.SeedSequence(as_count(seed, "seed", 0)).spawn(3)


@dataclass(frozen=True)
class Recording:
    """What is recorded in training, see history.Observer; it does not change the map."""

    history: int = 20
    snapshots: int = 0


def run_realization(
    features,
    parameters: MapParameters,
    seed: int,
    *,
    given=None,
    recording: Recording = Recording(),
    threads: int = 1,
    quality_rows: int = QUALITY_ROWS,
    progress=None,
) -> Realization:
    """Trains a map on `features` (N, F), clusters its nodes and labels the points.

    features: NaN where a value is missing. seed: the only source of randomness, >= 0; start, sample
    order and segmentation have generators of their own, its SeedSequence children in that order.
    given: first weights (M, F) for `initial: given`. progress: see history.Observer. The result,
    but for `seconds`, depends on features, parameters, seed, given, recording and quality_rows (see
    quality.measure_quality) alone, not on `threads`.
    Raises ConfigError for arguments out of range and DataError for features or weights that cannot
    be used.
    """
    points = as_points(features, missing=True)
    run = _Run(points, parameters, seed, given, recording, progress)
    clock = _Clock()
    weights = TRAINERS[parameters.trainer](points, run, threads)
    clock.stop("train")
    return _finish(points, run, weights, clock, threads, quality_rows)


def run_realizations(
    features,
    runs: Sequence[tuple[MapParameters, int]],
    done: Callable[[int, Realization], None],
    *,
    given=None,
    recording: Recording = Recording(),
    threads: int = 1,
    quality_rows: int = QUALITY_ROWS,
) -> None:
    """Calls done(k, realization) for each of `runs`, (parameters, seed), as soon as it is there.

    `threads` maps are trained at a time, each by one thread, and `done` is called in that thread.
    Maps of the backend 'jax' that have everything but their starts and radii in common are trained
    side by side on the device; such a result is that of run_realization up to rounding. Other
    arguments and errors as run_realization.
    """
    points = as_points(features, missing=True)
    options = {"given": given, "recording": recording}

    def alone(k: int) -> None:
        done(k, run_realization(points, *runs[k], quality_rows=quality_rows, **options))

    together: dict[tuple | None, list[int]] = {}
    for k, (parameters, _) in enumerate(runs):
        together.setdefault(_common(parameters), []).append(k)
    with ThreadPoolExecutor(as_count(threads, "threads", 1)) as pool:
        list(pool.map(alone, together.pop(None, [])))
    for group in together.values():
        members = [_Run(points, *runs[k], given, recording, None) for k in group]
        clock = _Clock()
        stack = _train_together(points, members)
        clock.stop("train")
        seconds = clock.seconds["train"] / len(group)
        for k, run, weights in zip(group, members, stack, strict=True):
            clock = _Clock()
            clock.seconds["train"] = seconds
            done(k, _finish(points, run, weights, clock, threads, quality_rows))


def _common(parameters: MapParameters) -> tuple | None:
    """What maps that are trained side by side have in common; None for maps trained alone.

    A map that may stop early decides for itself when, and is trained alone.
    """
    if parameters.backend != "jax" or parameters.patience is not None:
        return None
    names = "xdim ydim topology periodic epochs fine_epochs kernel kernel_distance metric"
    return tuple(getattr(parameters, name) for name in names.split())


def _train_together(points, runs: Sequence["_Run"]) -> np.ndarray:
    """Weights (R, M, F) of batch runs that have their `_common` parameters in common."""
    from kohorte.maps import _jax

    first = runs[0].parameters
    radii = np.stack([run.radii for run in runs])
    for run, n in zip(runs, radii, strict=True):
        run.observer.begin(n.size, run.start, n[0], np.nan)

    def look(epoch: int, stack) -> bool:
        if epoch in runs[0].observer.looks:
            for run, weights, n in zip(runs, np.asarray(stack), radii, strict=True):
                run.observer.look(epoch, weights, n[epoch - 1], np.nan)
        return False

    stack = _jax.train_batch(
        points,
        first.lattice,
        np.stack([run.start for run in runs]),
        radii=radii,
        kernel=first.kernel,
        kernel_distance=first.kernel_distance,
        metric=first.metric,
        observer=look,
    )
    return np.asarray(stack)


class _Run:
    """A map about to be trained: its start, its generators and its observer."""

    def __init__(self, points, parameters: MapParameters, seed, given, recording, progress):
        start_seed, order_seed, segment_seed = spawn_seeds(seed)
        self.parameters = parameters
        self.lattice = parameters.lattice
        self.order_rng = np.random.default_rng(order_seed)
        self.segment_seed = int(segment_seed.generate_state(1)[0])
        if parameters.initial == "given":
            if given is None:
                raise ConfigError("initial 'given' needs first weights")
            try:
                self.start = as_weights(given, self.lattice.n_nodes, points.shape[1])
            except DataError as error:
                raise DataError(f"given first weights: {error}") from None
        else:
            rng = np.random.default_rng(start_seed)
            self.start = initial_weights(points, self.lattice, parameters.initial, rng)
        self.observer = Observer(
            points,
            self.lattice,
            parameters.metric,
            moments=recording.history,
            snapshots=recording.snapshots,
            patience=parameters.patience,
            tolerance=parameters.tolerance,
            progress=progress,
        )

    @property
    def radii(self) -> np.ndarray:
        """Radius of every epoch of batch training."""
        p = self.parameters
        radii = p.radii(self.lattice, p.epochs)
        return np.concatenate([radii.at(0, p.epochs), np.full(p.fine_epochs, radii.final)])

    def neighbourhood(self) -> dict:
        """Arguments that all trainers take."""
        names = "radius final_radius radius_schedule kernel kernel_distance metric"
        chosen = {name: getattr(self.parameters, name) for name in names.split()}
        return chosen | {"observer": self.observer}


def _online(points, run: _Run, threads: int) -> np.ndarray:
    p = run.parameters
    return train_online(
        points,
        run.lattice,
        run.start,
        steps=p.steps if p.epochs is None else None,
        epochs=p.epochs,
        alpha=p.alpha,
        final_alpha=p.final_alpha,
        learning_rate=p.learning_rate,
        order=p.order,
        rng=run.order_rng,
        **run.neighbourhood(),
    )


def _batch(points, run: _Run, threads: int) -> np.ndarray:
    p = run.parameters
    return train_batch(
        points,
        run.lattice,
        run.start,
        epochs=p.epochs,
        fine_epochs=p.fine_epochs,
        backend=p.backend,
        threads=threads,
        **run.neighbourhood(),
    )


def _minibatch(points, run: _Run, threads: int) -> np.ndarray:
    p = run.parameters
    return train_minibatch(
        points,
        run.lattice,
        run.start,
        epochs=p.epochs,
        batch_size=p.batch_size,
        alpha=p.alpha,
        final_alpha=p.final_alpha,
        learning_rate=p.learning_rate,
        order=p.order,
        rng=run.order_rng,
        threads=threads,
        **run.neighbourhood(),
    )


TRAINERS = {"online": _online, "batch": _batch, "minibatch": _minibatch}


def _finish(points, run: _Run, weights, clock: "_Clock", threads, quality_rows) -> Realization:
    """Winners, clusters and quality of a trained map."""
    parameters, lattice = run.parameters, run.lattice
    threads = as_count(threads, "threads", 1)
    nodes, distances = find_two_winners(points, weights, metric=parameters.metric, threads=threads)
    winners = np.ascontiguousarray(nodes[:, 0])
    hits = np.bincount(winners, minlength=lattice.n_nodes)
    clock.stop("winners")

    u = smooth(u_matrix(weights, lattice, parameters.metric), lattice, parameters.smoothing)
    segments = segment(
        weights,
        u,
        lattice,
        method=parameters.method,
        merge=parameters.merge,
        n_clusters=parameters.clusters,
        seed=run.segment_seed,
    )
    last_id = segments.cluster_centroids.size - 1
    labels = segments.node_clusters.astype(np.min_scalar_type(last_id))[winners]
    clock.stop("segment")

    quality = measure_quality(
        points,
        weights,
        lattice,
        radius=parameters.last_radius,
        kernel=parameters.kernel,
        kernel_distance=parameters.kernel_distance,
        winners=(nodes, distances),
        rows=as_count(quality_rows, "quality_rows", 1),
        metric=parameters.metric,
    )
    clock.stop("quality")
    return Realization(
        weights=weights,
        u_matrix=u,
        basins=segments.basins,
        centroids=segments.centroids,
        node_clusters=segments.node_clusters,
        cluster_centroids=segments.cluster_centroids,
        winners=winners,
        labels=labels,
        hits=hits.astype(np.int64),
        quality=quality,
        seconds=clock.seconds,
        history=run.observer.history(),
    )


class _Clock:
    """Wall-clock seconds between one stop and the next."""

    def __init__(self):
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def stop(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now
