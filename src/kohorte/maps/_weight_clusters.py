"""Clusters of nodes by Euclidean distance of their weights, through scikit-learn.

Each method takes weights (M, F) float64, the lattice, n_clusters (a number, the name of a score
that chooses it, or None) and a seed, and returns arbitrary integer ids (M,). scikit-learn is
imported when one is called. One thread each: with more, the order of its sums, and so the result,
would depend on their number.
"""

import warnings
from collections.abc import Callable

import numpy as np

from kohorte.errors import ConfigError
from kohorte.maps._threads import single_threaded
from kohorte.maps.lattice import Lattice

#: Largest number of clusters that is tried when a score chooses the number.
LARGEST_CHOICE = 10

KMEANS_STARTS = 10

#: Random starts, the best of which counts; a mixture starts from k-means, and once for each number
#: of clusters if a score chooses the number.
MIXTURE_STARTS = 3

#: Fewest nodes of a cluster for HDBSCAN.
SMALLEST_CLUSTER = 5


#: Scores of (weights, ids) that scikit-learn has, and the sign with which larger is better.
SCORES = {"silhouette": 1, "davies_bouldin": -1}


def kmeans(
    weights: np.ndarray, lattice: Lattice, n_clusters: int | str | None, seed: int
) -> np.ndarray:
    """Cluster by k-means, best of several k-means++ starts."""
    from sklearn.cluster import KMeans

    def fit(count: int) -> np.ndarray:
        return KMeans(count, n_init=KMEANS_STARTS, random_state=seed).fit_predict(weights)

    return _with_number(fit, weights, n_clusters)


def agglomerative(
    weights: np.ndarray, lattice: Lattice, n_clusters: int | str | None, seed: int
) -> np.ndarray:
    """Cluster by Ward's linkage, which joins only clusters that touch on the lattice."""
    from scipy.sparse import csr_array
    from sklearn.cluster import AgglomerativeClustering

    node, column = np.nonzero(lattice.neighbours() >= 0)
    links = (node, lattice.neighbours()[node, column])
    linked = csr_array((np.ones(node.size), links), shape=(lattice.n_nodes, lattice.n_nodes))

    def fit(count: int) -> np.ndarray:
        return AgglomerativeClustering(count, connectivity=linked).fit_predict(weights)

    return _with_number(fit, weights, n_clusters)


def gaussian_mixture(
    weights: np.ndarray, lattice: Lattice, n_clusters: int | str | None, seed: int
) -> np.ndarray:
    """Cluster by the most probable component of a mixture of Gaussians."""
    from sklearn.mixture import GaussianMixture

    n_nodes, n_features = weights.shape
    full = n_features * (n_features + 1) // 2 <= n_nodes
    # The floor of the covariances must follow the scale of the data.
    floor = max(1e-6 * float(weights.var(axis=0).mean()), np.finfo(np.float64).tiny)

    def fit(count: int) -> np.ndarray:
        model = GaussianMixture(
            count,
            covariance_type="full" if full else "diag",
            n_init=MIXTURE_STARTS if isinstance(n_clusters, int | np.integer) else 1,
            max_iter=1000,
            reg_covar=floor,
            random_state=seed,
        )
        return model.fit_predict(weights)

    return _with_number(fit, weights, n_clusters)


def hdbscan(
    weights: np.ndarray, lattice: Lattice, n_clusters: int | str | None, seed: int
) -> np.ndarray:
    """Cluster by HDBSCAN; noise joins the nearest node that is none, all noise is one cluster."""
    from scipy.sparse import csr_array
    from scipy.spatial import cKDTree
    from sklearn.cluster import HDBSCAN

    from kohorte.maps._spanning import spanning_tree

    if n_clusters is not None:
        raise ConfigError(
            "n_clusters has no meaning for segmentation 'hdbscan', which finds the number itself; "
            "leave it out"
        )
    if weights.shape[0] < 2:
        return np.zeros(weights.shape[0], dtype=np.int64)
    # Given the points, scikit-learn would sort the many equal lengths of its tree in an order that
    # follows the processor. It is given the tree, with all lengths different.
    smallest, n_nodes = min(SMALLEST_CLUSTER, weights.shape[0]), weights.shape[0]
    first, second, lengths = spanning_tree(np.ascontiguousarray(weights, np.float64), smallest)
    tree = csr_array((_told_apart(lengths), (first, second)), shape=(n_nodes, n_nodes))
    with single_threaded():
        model = HDBSCAN(smallest, min_samples=1, metric="precomputed", copy=True)
        ids = model.fit_predict(tree + tree.T)
    noise = ids < 0
    if noise.all():
        return np.zeros(ids.size, dtype=np.int64)
    _, nearest = cKDTree(weights[~noise]).query(weights[noise])
    ids[noise] = ids[~noise][nearest]
    return ids


def _told_apart(lengths: np.ndarray) -> np.ndarray:
    """Return lengths >= 0 with equal ones raised to the next numbers, in their order."""
    order = np.argsort(lengths, kind="stable")
    steps = np.arange(lengths.size)
    # The bits of positive numbers, read as integers, are in the order of the numbers.
    bits = np.maximum(lengths[order].view(np.int64), 1)
    told = np.empty_like(lengths)
    told[order] = (np.maximum.accumulate(bits - steps) + steps).view(np.float64)
    return told


def _with_number(
    fit: Callable[[int], np.ndarray], weights: np.ndarray, n_clusters: int | str | None
) -> np.ndarray:
    """Return fit(count) for a given count, or for the count whose result has the best score."""
    from sklearn import metrics
    from sklearn.exceptions import ConvergenceWarning

    n_different = np.unique(weights, axis=0).shape[0]
    with single_threaded(), warnings.catch_warnings():
        # Fewer clusters than asked for are legal here: nearly equal weights.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if isinstance(n_clusters, int | np.integer):
            return _labels(fit, min(n_clusters, n_different), weights)
        name = "silhouette" if n_clusters is None else n_clusters
        score = getattr(metrics, f"{name}_score")
        best, best_score = np.zeros(weights.shape[0], dtype=np.int64), -np.inf
        for count in range(2, min(LARGEST_CHOICE, n_different) + 1):
            ids = _labels(fit, count, weights)
            # The scores need more than one cluster and more nodes than clusters.
            if 1 < np.unique(ids).size < weights.shape[0]:
                value = SCORES[name] * float(score(weights, ids))
                if value > best_score:
                    best, best_score = ids, value
        return best


def _labels(fit: Callable[[int], np.ndarray], count: int, weights: np.ndarray) -> np.ndarray:
    return fit(count) if count > 1 else np.zeros(weights.shape[0], dtype=np.int64)
