"""One realization of an ensemble: a map from its start to its clusters and its quality."""

import time
from dataclasses import dataclass

import numpy as np

from kohorte.maps._validation import as_alpha, as_count, as_number, as_points, choose
from kohorte.maps.initial import INITIALS, initial_weights
from kohorte.maps.lattice import Lattice
from kohorte.maps.online import train_online
from kohorte.maps.quality import QUALITY_ROWS, measure_quality
from kohorte.maps.schedules import LEARNING_RATES, reference_radius
from kohorte.maps.segments import SEGMENTATIONS, check_n_clusters, segment
from kohorte.maps.umatrix import smooth, u_matrix
from kohorte.maps.winners import METRICS, find_two_winners

TRAINERS = {"online": train_online}


@dataclass(frozen=True)
class MapParameters:
    """Parameters of one map, all checked at construction (ConfigError).

    xdim, ydim: sides of the lattice. steps: samples that the map is trained on. alpha: first
    learning rate. initial: start of the weights. smoothing: length of the U-matrix's smoothing in
    lattice steps, 0 for none. merge: threshold of merging basins. n_clusters: see segments.segment.
    The names are keys of TOPOLOGIES, TRAINERS, LEARNING_RATES, INITIALS, METRICS, SEGMENTATIONS.
    """

    xdim: int
    ydim: int
    steps: int
    alpha: float
    topology: str = "rectangular"
    trainer: str = "online"
    learning_rate: str = "decay"
    initial: str = "uniform"
    metric: str = "euclidean"
    segmentation: str = "basins"
    smoothing: float = 0.0
    merge: float = 0.2
    n_clusters: int | str | None = None

    def __post_init__(self):
        Lattice(self.xdim, self.ydim, self.topology)
        as_count(self.steps, "steps", 1)
        as_alpha(self.alpha)
        as_number(self.smoothing, "smoothing")
        as_number(self.merge, "merge")
        check_n_clusters(self.n_clusters)
        choose(TRAINERS, self.trainer, "trainer")
        choose(LEARNING_RATES, self.learning_rate, "learning rate")
        choose(INITIALS, self.initial, "initial weights")
        choose(METRICS, self.metric, "metric")
        choose(SEGMENTATIONS, self.segmentation, "segmentation")

    @property
    def lattice(self) -> Lattice:
        """The lattice of the map."""
        return Lattice(self.xdim, self.ydim, self.topology)


@dataclass(frozen=True)
class Realization:
    """A trained map, its clusters and its quality.

    weights: (M, F) float32. u_matrix: (M,) float64, smoothed as the parameters say. basins: (M,)
    int32, centroids: (C,) int32 nodes, node_clusters: (M,) int32, cluster_centroids: (K,) int32
    nodes, as in segments.Segments. winners: (N,) int32 nodes. labels: (N,) cluster of each point,
    the smallest unsigned type that holds K - 1. hits: (M,) int64 points of each node. quality: see
    quality.measure_quality. seconds: time spent on train (with the start), winners, segment and
    quality.
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


def run_realization(
    features,
    parameters: MapParameters,
    seed: int,
    *,
    threads: int = 1,
    quality_rows: int = QUALITY_ROWS,
) -> Realization:
    """Trains a map on `features` (N, F), clusters its nodes and labels the points.

    seed: the only source of randomness, >= 0; start, sample order and segmentation have generators
    of their own, its SeedSequence children in that order. The result, but for `seconds`, depends on
    features, parameters, seed and quality_rows (see quality.measure_quality) alone, not on
    `threads`. Raises ConfigError for arguments out of range and DataError for features that are
    not a finite two-dimensional table.
    """
    threads = as_count(threads, "threads", 1)
    quality_rows = as_count(quality_rows, "quality_rows", 1)
    start_seed, order_seed, segment_seed = np.random.SeedSequence(as_count(seed, "seed", 0)).spawn(
        3
    )
    points = as_points(features)
    lattice = parameters.lattice
    clock = _Clock()

    start = initial_weights(points, lattice, parameters.initial, np.random.default_rng(start_seed))
    weights = TRAINERS[parameters.trainer](
        points,
        lattice,
        start,
        steps=parameters.steps,
        alpha=parameters.alpha,
        learning_rate=parameters.learning_rate,
        rng=np.random.default_rng(order_seed),
    )
    clock.stop("train")

    nodes, distances = find_two_winners(points, weights, metric=parameters.metric, threads=threads)
    winners = np.ascontiguousarray(nodes[:, 0])
    hits = np.bincount(winners, minlength=lattice.n_nodes)
    clock.stop("winners")

    u = smooth(u_matrix(weights, lattice), lattice, parameters.smoothing)
    segments = segment(
        weights,
        u,
        lattice,
        method=parameters.segmentation,
        merge=parameters.merge,
        n_clusters=parameters.n_clusters,
        seed=int(segment_seed.generate_state(1)[0]),
    )
    last_id = segments.cluster_centroids.size - 1
    labels = segments.node_clusters.astype(np.min_scalar_type(last_id))[winners]
    clock.stop("segment")

    quality = measure_quality(
        points,
        weights,
        lattice,
        radius=reference_radius(lattice.xdim, lattice.ydim, parameters.steps).smallest,
        winners=(nodes, distances),
        rows=quality_rows,
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
