"""One realization of an ensemble: a map from its start to its clusters and its quality."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kohorte._arrays import as_points, as_weights, check_resolution
from kohorte._checks import as_count
from kohorte.errors import ConfigError, DataError
from kohorte.maps.batch import train_batch, train_minibatch
from kohorte.maps.draws import draw_features, draw_rows, node_means, see, unsee
from kohorte.maps.history import History, Observer
from kohorte.maps.initial import initial_weights
from kohorte.maps.lattice import Lattice
from kohorte.maps.online import train_online
from kohorte.maps.parameters import ResolvedParameters, has_draw
from kohorte.maps.preservation import evenly_spaced
from kohorte.maps.quality import QUALITY_ROWS, cluster_separation, measure_quality
from kohorte.maps.schedules import Radii
from kohorte.maps.segments import Segments, segment
from kohorte.maps.umatrix import smooth, u_matrix
from kohorte.maps.winners import find_two_winners

#: Each takes those of the parameters of a map that its arguments name.
TRAINERS: dict[str, Callable[..., np.ndarray]] = {
    "online": train_online,
    "batch": train_batch,
    "minibatch": train_minibatch,
}


_lattice = functools.lru_cache(maxsize=16)(Lattice)


class MapParameters(ResolvedParameters):
    """The parameters of one map, with the lattice and the radii that follow from them."""

    @property
    def lattice(self) -> Lattice:
        """The lattice of the map; maps of one lattice share it, and the tables that it keeps."""
        return _lattice(self.xdim, self.ydim, self.topology, self.periodic)

    @property
    def moves(self) -> int:
        """How often the schedules advance in a run: with its steps or its epochs."""
        return self.steps if self.epochs is None else self.epochs

    def radii(self, lattice: Lattice, moves: int) -> Radii:
        """Return the radius schedule of a run of that many steps or epochs."""
        return Radii(
            lattice.xdim, lattice.ydim, moves, self.radius_schedule, self.radius, self.final_radius
        )

    @property
    def epoch_radii(self) -> np.ndarray:
        """Radius of every epoch of batch training, (E,)."""
        radii = self.radii(self.lattice, self.moves)
        return np.concatenate([radii.at(0, self.moves), np.full(self.fine_epochs, radii.final)])

    @property
    def observed(self) -> dict[str, Any]:
        """What an `Observer` needs of the parameters, by the names of its arguments."""
        return {name: getattr(self, name) for name in ("metric", "patience", "tolerance")}

    @property
    def last_radius(self) -> float:
        """Radius that training ends with, > 0: at least half a lattice step."""
        return max(self.radii(self.lattice, self.moves).final, 0.5)


@dataclass(frozen=True)
class Realization:
    """A trained map, its clusters and its quality.

    `weights` are (M, F) float32, or float64 where `factors` (F,) float64 are other than 0 and 1:
    what the features are multiplied by, which `kohorte.maps.draws.see` does; None for all as they
    are. Weights are on the scale of the points, and where a factor is 0 the mean of the points of
    the node. `u_matrix` (M,) float64 is smoothed as the parameters say; basins,
    centroids and clusters are as in `kohorte.maps.segments.Segments`. `winners` (N,) int32 are the
    nodes nearest to the points, `labels` (N,) the clusters of the points, in the smallest unsigned
    type that holds K - 1, and `hits` (M,) int64 the points of each node. `quality` is that of
    `kohorte.maps.quality.measure_quality`, with its `cluster_separation`; `seconds` has the
    time spent on train (with the start), winners, segment and quality; `history` is what was
    recorded in training.
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
    factors: np.ndarray | None = None


def spawn_seeds(seed: int) -> list[np.random.SeedSequence]:
    """Return the seeds of a map's start, sample order, segmentation, rows and features."""
    return np.random.SeedSequence(as_count(seed, "seed", 0)).spawn(5)


def segment_map(
    weights: np.ndarray,
    u: np.ndarray,
    lattice: Lattice,
    p: MapParameters,
    seed: int,
    hits: np.ndarray | None = None,
) -> Segments:
    """Return the clusters of the nodes of a map with that seed, as its parameters say."""
    return segment(
        weights,
        u,
        lattice,
        method=p.method,
        merge=p.merge,
        n_clusters=p.clusters,
        fineness=p.fineness,
        hits=hits,
        seed=int(spawn_seeds(seed)[2].generate_state(1)[0]),
    )


@dataclass(frozen=True)
class Recording:
    """What is recorded in training, as in `Observer`; it does not change the map."""

    history: int = 20
    snapshots: int = 0


def run_realization(
    features: ArrayLike,
    parameters: MapParameters,
    seed: int,
    *,
    factors: ArrayLike | None = None,
    given: ArrayLike | None = None,
    recording: Recording = Recording(),
    threads: int = 1,
    quality_rows: int = QUALITY_ROWS,
    progress: Callable[[int, int], None] | None = None,
) -> Realization:
    """Train a map, cluster its nodes and label the points.

    `features` are (N, F), NaN where a value is missing; `factors` (F,) multiply them, and leave out
    those that they make 0; None takes them as they are. `given` are first weights (M, F), for
    ``initial: given``; `recording` and `progress` are as in `Observer`, `quality_rows` as in
    `measure_quality`, 0 for no measures. The map is trained on the rows that it draws, start and
    history with it; winners, labels and quality are of all rows. Everything is of the features that
    it draws of those with a factor above 0. `seed`, >= 0, is the only source of randomness: start,
    sample order, segmentation, rows and features have generators of their own, its SeedSequence
    children in that order. A feature that no row has which the map was trained on is one that it
    does not see. The result depends, but for `seconds`, on the other arguments alone, and
    not on `threads`. ConfigError for arguments out of range, DataError for features or weights that
    cannot be used.
    """
    check_resolution(features)
    points = as_points(features, missing=True)
    run = _Run(points, parameters, seed, factors, given, recording, progress)
    clock = _Clock()
    weights = _train(run, threads)
    clock.stop("train")
    return _finish(run, weights, clock, threads, quality_rows)


def begin_realization(
    features: np.ndarray,
    parameters: MapParameters,
    seed: int,
    given: ArrayLike | None = None,
    recording: Recording = Recording(),
) -> tuple[np.ndarray, Observer]:
    """Return the first weights of a map, and the observer of its training, as `run_realization`."""
    check_resolution(features)
    points = as_points(features, missing=True)
    run = _Run(points, parameters, seed, None, given, recording, None)
    return as_weights(run.start, run.lattice.n_nodes), run.observer


def run_realizations(
    features: ArrayLike,
    runs: Sequence[tuple[MapParameters, int]],
    done: Callable[[int, Realization], None],
    *,
    factors: Sequence[np.ndarray | None] | None = None,
    given: ArrayLike | None = None,
    recording: Recording = Recording(),
    threads: int = 1,
    quality_rows: int = QUALITY_ROWS,
) -> None:
    """Call ``done(k, realization)`` for each of `runs`, as soon as it is there.

    Maps of the backend ``jax`` that have everything but their starts and radii in common are
    trained side by side on the device; each is that of run_realization, to the last bit.
    `runs` are parameters and seed of each map, of which `threads` are trained at a time, each by
    one thread; `done` is called in it. `factors` has those of each map. Other arguments, and
    errors, are as for run_realization.
    """
    check_resolution(features)
    points = as_points(features, missing=True)
    seen = [None] * len(runs) if factors is None else factors

    def alone(k: int) -> None:
        parameters, seed = runs[k]
        how: Any = {"given": given, "recording": recording, "quality_rows": quality_rows}
        done(k, run_realization(points, parameters, seed, factors=seen[k], **how))

    together: dict[tuple | None, list[int]] = {}
    for k, (parameters, _) in enumerate(runs):
        common = _common(parameters) if seen[k] is None else None
        together.setdefault(common, []).append(k)
    with ThreadPoolExecutor(as_count(threads, "threads", 1)) as pool:
        list(pool.map(alone, together.pop(None, [])))
    for group in together.values():
        members = [_Run(points, *runs[k], None, given, recording, None) for k in group]
        clock = _Clock()
        stack = _train_together(members)
        clock.stop("train")
        seconds = clock.seconds["train"] / len(group)
        for k, run, weights in zip(group, members, stack, strict=True):
            clock = _Clock()
            clock.seconds["train"] = seconds
            done(k, _finish(run, weights, clock, threads, quality_rows))


def _common(parameters: MapParameters) -> tuple | None:
    """Return what maps trained side by side have in common; None for maps trained alone.

    A map that may stop early decides for itself when, and is trained alone, as is one with rows or
    features of its own.
    """
    alone = parameters.patience is not None or has_draw(vars(parameters))
    if parameters.backend != "jax" or alone:
        return None
    from kohorte.maps._jax import train_stack

    shared = _arguments(train_stack, parameters)
    return parameters.lattice, parameters.epochs, parameters.fine_epochs, *shared.values()


@functools.cache
def _names_of(trainer: Callable[..., Any]) -> tuple[str, ...]:
    """Names of the arguments of a trainer."""
    return tuple(inspect.signature(trainer).parameters)


def _arguments(trainer: Callable[..., Any], parameters: MapParameters) -> dict[str, Any]:
    """Those of the parameters of a map that a trainer takes, by name."""
    chosen = vars(parameters)
    return {n: chosen[n] for n in _names_of(trainer) if n in chosen}


def _train(run: _Run, threads: int) -> np.ndarray:
    """Trained weights (M, F)."""
    trainer = TRAINERS[run.parameters.trainer]
    arguments = _arguments(trainer, run.parameters)
    if run.parameters.epochs is not None:
        arguments.pop("steps", None)
    offered = {"rng": run.order_rng, "threads": threads, "observer": run.observer}
    taken = _names_of(trainer)
    arguments |= {name: value for name, value in offered.items() if name in taken}
    return trainer(run.table, run.lattice, run.start, **arguments)


def _train_together(runs: Sequence[_Run]) -> np.ndarray:
    """Weights (R, M, F) of batch runs that have their `_common` parameters in common."""
    from kohorte.maps._jax import train_stack

    first = runs[0]
    radii = np.stack([run.parameters.epoch_radii for run in runs])
    for run, n in zip(runs, radii, strict=True):
        run.observer.begin(n.size, run.start, n[0], np.nan)

    def look(epoch: int, stack: np.ndarray) -> bool:
        if epoch in runs[0].observer.looks:  # else weights stay on the device
            for run, weights, n in zip(runs, np.asarray(stack), radii, strict=True):
                run.observer.look(epoch, weights, n[epoch - 1], np.nan)
        return False

    starts = np.stack([run.start for run in runs])
    arguments = _arguments(train_stack, first.parameters)
    stack = train_stack(first.table, first.lattice, starts, radii=radii, observer=look, **arguments)
    return np.asarray(stack)


class _Run:
    """A map about to be trained: what it sees, its start, its generators and its observer.

    `points` are all rows, of the features that it sees and on its scale; `table` those that it is
    trained on. `kept` says which of these features remain, where some were never moved.
    """

    kept: np.ndarray | None = None

    def __init__(
        self,
        points: np.ndarray,
        parameters: MapParameters,
        seed: int,
        factors: ArrayLike | None,
        given: ArrayLike | None,
        recording: Recording,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        start_seed, order_seed, _, row_seed, feature_seed = spawn_seeds(seed)
        self.parameters, self.seed = parameters, seed
        self.lattice = parameters.lattice
        p = parameters
        rng = np.random.default_rng(feature_seed)
        n_features = points.shape[1]
        self.factors = draw_features(n_features, rng, share=p.feature_share, factors=factors)
        self.whole, self.points = points, see(points, self.factors)
        points = self.points
        rng = np.random.default_rng(row_seed)
        rows = draw_rows(len(points), rng, share=p.row_share, limit=p.row_limit, draw=p.row_draw)
        self.table = points if rows is None else points[rows]
        self.order_rng = np.random.default_rng(order_seed)
        if parameters.initial == "given":
            if given is None:
                raise ConfigError("initial 'given' needs first weights")
            try:
                start = as_weights(given, self.lattice.n_nodes, n_features)
                self.start = see(start, self.factors)
            except DataError as error:
                raise DataError(f"given first weights: {error}") from None
        else:
            rng = np.random.default_rng(start_seed)
            self.start = initial_weights(self.table, self.lattice, parameters.initial, rng)
        self.observer = Observer(
            self.table,
            self.lattice,
            **parameters.observed,
            moments=recording.history,
            snapshots=recording.snapshots,
            progress=progress,
        )


def _leave_out_absent(run: _Run, weights: np.ndarray) -> np.ndarray:
    """Take the features that no row has from what the map sees; return the other weights.

    None of the rows that the map was trained on has moved them: they have the values of their
    start, which say nothing of the points.
    """
    absent = np.isnan(run.table.sum(axis=0))
    if run.parameters.initial == "given" or not absent.any():
        return weights
    unmoved = np.isnan(run.table[:, absent]).all(axis=0)
    trained = run.parameters
    is_short = trained.epochs is None and trained.steps < len(run.table)
    if trained.trainer != "batch" and is_short:
        # There may be rows that no step has taken.
        unmoved |= (weights[:, absent] == run.start[:, absent]).all(axis=0)
    absent[absent] = unmoved
    if not absent.any():
        return weights
    if absent.all():
        raise DataError("the rows that the map is trained on have no value in any feature")
    seen = np.ones(run.whole.shape[1]) if run.factors is None else run.factors.copy()
    seen[np.flatnonzero(seen)[absent]] = 0
    run.factors, run.kept = seen, ~absent
    run.points = see(run.whole, seen)
    return np.ascontiguousarray(weights[:, ~absent])


def _finish(
    run: _Run, weights: np.ndarray, clock: _Clock, threads: int, quality_rows: int
) -> Realization:
    """Winners, clusters and quality of a trained map."""
    weights = _leave_out_absent(run, weights)
    points, parameters, lattice = run.points, run.parameters, run.lattice
    threads = as_count(threads, "threads", 1)
    nodes, distances = find_two_winners(
        points, weights, metric=parameters.metric, lattice=lattice, threads=threads
    )
    winners = np.ascontiguousarray(nodes[:, 0])
    hits = np.bincount(winners, minlength=lattice.n_nodes)
    clock.stop("winners")

    found = label_points(weights, parameters, run.seed, winners, hits)
    clock.stop("segment")

    quality = {}
    if as_count(quality_rows, "quality_rows", 0):
        quality = measure_quality(
            points,
            weights,
            lattice,
            radius=parameters.last_radius,
            kernel=parameters.kernel,
            kernel_distance=parameters.kernel_distance,
            winners=(nodes, distances),
            rows=quality_rows,
            metric=parameters.metric,
        )
        taken = evenly_spaced(len(points), quality_rows)
        quality["cluster_separation"] = cluster_separation(
            points[taken],
            found["labels"][taken],
            weights[found["cluster_centroids"]],
            parameters.metric,
        )
    clock.stop("quality")
    history = run.observer.history()
    if run.kept is not None:
        history = replace(history, snapshots=history.snapshots[..., run.kept])
    if run.factors is not None:
        of_nodes, of_all = node_means(run.whole, winners, lattice.n_nodes, run.factors)
        weights = unsee(weights, run.factors, of_nodes)
        history = replace(history, snapshots=unsee(history.snapshots, run.factors, of_all))
    return Realization(
        weights=weights,
        **found,
        winners=winners,
        hits=hits.astype(np.int64),
        quality=quality,
        seconds=clock.seconds,
        history=history,
        factors=run.factors,
    )


def label_points(
    weights: np.ndarray, p: MapParameters, seed: int, winners: np.ndarray, hits: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the clusters of a map's nodes and of its points, by the names of a `Realization`."""
    lattice = p.lattice
    u = smooth(u_matrix(weights, lattice, p.metric), lattice, p.smoothing)
    segments = segment_map(weights, u, lattice, p, seed, hits)
    last_id = segments.cluster_centroids.size - 1
    labels = segments.node_clusters.astype(np.min_scalar_type(last_id))[winners]
    return {"u_matrix": u, **vars(segments), "labels": labels}


class _Clock:
    """Wall-clock seconds between one stop and the next."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def stop(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now
