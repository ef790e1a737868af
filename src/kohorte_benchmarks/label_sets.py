"""Labelled data and ensembles of label arrays that consensus methods are compared on."""

import itertools
import logging
from collections.abc import Callable

import numpy as np

from kohorte._checks import choose
from kohorte.data.scaling import fit_scaling
from kohorte.maps.realization import MapParameters, run_realization

_LOG = logging.getLogger(__name__)

#: Truth of a point that belongs to no class: it is clustered, but not judged.
BACKGROUND = -1

N_REALIZATIONS = 24

_LATTICES = ((20, 12), (28, 16), (36, 20))
_SWEEP = itertools.product((10_000, 50_000), (0.1, 0.5), (0.2, 0.3))  # steps, alpha, merge

#: The maps of a `som` ensemble; learning rates and merging as in the published ensembles.
MAPS = tuple(
    MapParameters(xdim=xdim, ydim=ydim, steps=steps, alpha=alpha, merge=merge)
    for (xdim, ydim), (steps, alpha, merge) in itertools.product(_LATTICES, _SWEEP)
)


def make_data(name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features and truth of a data set of DATA_SETS; ConfigError for an unknown one.

    `seed` draws the synthetic sets; the others are the same for every seed.

    Returns
    -------
    features : (N, F) float32
        Scaled by `two_sigma`; constant features are left out.
    truth : (N,) int64
        Class of each point, or BACKGROUND.
    """
    values, truth = choose(DATA_SETS, name, "data set")(np.random.default_rng(seed))
    names = [f"column {k}" for k in range(values.shape[1])]
    scaling = fit_scaling(values, names, "two_sigma", constant_features="drop")
    return scaling.apply(values), truth.astype(np.int64)


def make_labels(clusterer: str, features: np.ndarray, seed: int) -> np.ndarray:
    """Cluster (N, F) features N_REALIZATIONS times, by a key of CLUSTERERS; ConfigError if unknown.

    Returns the (R, N) int64 cluster of each point in each realization; `seed` is the only source
    of randomness.
    """
    labels = choose(CLUSTERERS, clusterer, "clusterer")(features, np.random.SeedSequence(seed))
    _LOG.info("%s: clusters of the realizations %s", clusterer, [len(set(x)) for x in labels])
    return labels


def _from_sklearn(name: str) -> Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]:
    def load(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        import sklearn.datasets

        return getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)

    return load


def _blobs(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw stretched normal clouds of 300, 150, 100 and 50 points in a uniform background of 90."""
    sizes = np.array([300, 150, 100, 50])
    centres = np.array([[0, 0, 0, 0], [5, 0, 2, 0], [0, 5, 0, 3], [5, 5, -2, -3]], dtype=float)
    stretch = 0.6 * np.eye(4) + 0.45 * rng.normal(size=(4, 4, 4))
    clouds = [
        centre + rng.normal(size=(size, 4)) @ matrix
        for size, centre, matrix in zip(sizes, centres, stretch, strict=True)
    ]
    points = np.concatenate(clouds)
    background = rng.uniform(points.min(axis=0), points.max(axis=0), size=(90, 4))
    truth = np.repeat([0, 1, 2, 3, BACKGROUND], [*sizes, len(background)])
    return np.concatenate([points, background]), truth


def _moons(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw two interleaved half circles of 300 points each, and two features of noise alone."""
    angle = np.linspace(0, np.pi, 300)
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    lower = np.column_stack([1 - np.cos(angle), 0.5 - np.sin(angle)])
    points = np.concatenate([upper, lower]) + rng.normal(scale=0.08, size=(600, 2))
    return np.column_stack([points, rng.normal(size=(600, 2))]), np.repeat([0, 1], 300)


#: Data set -> function(rng) that returns values (N, F0) and truth (N,).
DATA_SETS: dict[str, Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]] = {
    **{name: _from_sklearn(name) for name in ("iris", "wine", "breast_cancer", "digits")},
    "blobs": _blobs,
    "moons": _moons,
}


def _cluster_by_maps(features: np.ndarray, seeds: np.random.SeedSequence) -> np.ndarray:
    states = seeds.generate_state(len(MAPS))
    maps = zip(MAPS, states.tolist(), strict=True)
    return np.array(
        [run_realization(features, p, s, quality_rows=1).labels.astype(np.int64) for p, s in maps]
    )


def cluster_by_k_means(
    features: np.ndarray, seeds: np.random.SeedSequence, runs: int = N_REALIZATIONS, most: int = 16
) -> np.ndarray:
    """Run k-means from one random start each, k uniform from 2 to sqrt(N), or to `most`.

    A random k up to about sqrt(N) is the custom of evidence accumulation, whose authors ask for
    many small clusters; it does not use the truth.
    """
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(seeds)
    most = min(int(np.sqrt(len(features))), most)
    labels = []
    for _ in range(runs):
        k, state = int(rng.integers(2, most + 1)), int(rng.integers(2**31))
        labels.append(KMeans(k, n_init=1, random_state=state).fit_predict(features))
    return np.array(labels, dtype=np.int64)


#: Clusterer -> function(features, seeds) that returns labels (R, N) int64.
CLUSTERERS: dict[str, Callable[[np.ndarray, np.random.SeedSequence], np.ndarray]] = {
    "som": _cluster_by_maps,
    "kmeans": cluster_by_k_means,
}
