"""Classes of points that no map has seen, from the known classes of the points that it has.

A map that was trained without classes tells them apart as far as its nodes do. The measures here
are shares of points whose class is found: by the class of the node, by the nearest points on the
map, and, to compare, by the nearest points themselves. Of classes with equally many votes the first
wins.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kohorte._checks import extra
from kohorte.errors import ConfigError
from kohorte.maps.winners import find_winners

if TYPE_CHECKING:
    from kohorte.maps.lattice import Lattice

#: Rows of `tables/classification.csv`.
COLUMNS = ("method", "realization", "metric", "neighbours", "points", "accuracy")

_WORKING_MB = 256


def count_classes(winners, classes, n_nodes: int, n_classes: int) -> np.ndarray:
    """Points of each node by class, (M, C) int64.

    winners: (N,) nodes. classes: (N,) integers below n_classes.
    """
    counts = np.zeros((n_nodes, n_classes), dtype=np.int64)
    np.add.at(counts, (winners, classes), 1)
    return counts


def commonest(counts) -> np.ndarray:
    """Class with most points in each row of `counts`, (M,) int64; -1 for a row without any."""
    return np.where(counts.any(axis=1), counts.argmax(axis=1), -1)


def purity(counts) -> float:
    """Share of the points whose class is the commonest of their row of `counts` (M, C).

    Of the nodes of a map this is the purity of Manning, Raghavan & Schütze, Introduction to
    Information Retrieval (2008), section 16.3, with nodes for clusters. It grows with the number of
    nodes, to 1 where each has a single point: compare maps of one size, or with points that the map
    has not seen.
    """
    return float(counts.max(axis=1).sum() / counts.sum())


def winners_of_means(
    features, classes, weights, metric: str = "euclidean"
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the points of each class, (C, F) float64, and the winner of it, (C,) int32.

    features: (N, F), NaN where a value is missing, which does not count; of a class that misses a
    feature in all its points the mean is NaN there. classes: (N,) integers 0..C-1, each of some
    point. weights: (M, F). metric: that of the map.
    """
    classes = np.asarray(classes)
    means = np.empty((int(classes.max()) + 1, features.shape[1]))
    for c in range(len(means)):
        points = np.asarray(features[classes == c], dtype=np.float64)
        present = ~np.isnan(points)
        count = present.sum(axis=0)
        total = np.where(present, points, 0.0).sum(axis=0)
        means[c] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means, find_winners(means.astype(np.float32), weights, metric=metric)


def map_neighbours(counts, lattice: "Lattice", neighbours: Sequence[int]) -> np.ndarray:
    """Class of a point by the points nearest to it on the map, for each node; (K, M) int64.

    For each number k in `neighbours`, a point that wins at node i gets the commonest class of all
    points whose winners lie within the least lattice distance of i that holds at least k points.
    So points at one distance count all or not at all, and their order means nothing.

    counts: (M, C) points of each node by class. Raises ConfigError where there are fewer than k
    points in all.
    """
    counts = np.asarray(counts)
    _check_numbers(neighbours, int(counts.sum()))
    found = np.empty((len(neighbours), lattice.n_nodes), dtype=np.int64)
    for node in range(lattice.n_nodes):
        away = lattice.distances_from(node)
        order = np.argsort(away, kind="stable")
        away, votes = away[order], counts[order].cumsum(axis=0)
        held = votes.sum(axis=1)
        # Nodes at the distance of the one that brings the k-th point belong to it, up to the last.
        last = np.searchsorted(away, away[np.searchsorted(held, neighbours)], side="right") - 1
        found[:, node] = votes[last].argmax(axis=1)
    return found


def point_neighbours(known, classes, points, neighbours: Sequence[int], metric: str) -> np.ndarray:
    """Class of each point by the k nearest of the known points in a metric; (K, n) int64.

    known: (N, F) and points: (n, F), without missing values. classes: (N,) integers, those of the
    known points. The search is exact, by scikit-learn. Raises ConfigError for k > N.
    """
    with extra("estimators"):
        from sklearn import config_context
        from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits

    _check_numbers(neighbours, len(known))
    search = NearestNeighbors(
        n_neighbors=max(neighbours), algorithm="brute", metric=metric, n_jobs=1
    )
    # One thread, so that sums of products are the same whatever the number of cores.
    with threadpool_limits(1), config_context(working_memory=_WORKING_MB):
        nearest = search.fit(known).kneighbors(points, return_distance=False)
    votes = np.asarray(classes)[nearest]
    n_classes = int(np.max(classes)) + 1
    return np.stack([_most_voted(votes[:, :k].T, n_classes) for k in neighbours])


def vote(predicted) -> np.ndarray:
    """Class that most of R classifiers give to each of n points, (n,) int64; predicted: (R, n)."""
    predicted = np.asarray(predicted)
    return _most_voted(predicted, int(predicted.max(initial=0)) + 1)


def match_names(names: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """Index in `known` of each name, (C,) int64.

    Raises ConfigError for a name that is not known.
    """
    strange = [name for name in names if name not in known]
    if strange:
        raise ConfigError(
            f"classification.test: the test points have the class {strange[0]!r}, which the "
            f"study's points do not have; known are {', '.join(known)}"
        )
    return np.array([list(known).index(name) for name in names], dtype=np.int64)


def accuracy_rows(
    method: str, predicted, truth, *, neighbours: Sequence[int] | None = None, **where: object
) -> Iterator[dict]:
    """Rows of the table, one for each array of `predicted` (K, n), beside the true classes (n,)."""
    for k, classes in zip(neighbours or [None], predicted, strict=True):
        share = float(np.mean(np.asarray(classes) == truth))
        yield {"method": method, "neighbours": k, "accuracy": share, **where}


def _most_voted(votes: np.ndarray, n_classes: int) -> np.ndarray:
    """The commonest entry of each column of (K, n) votes, the lowest one of equally common."""
    counts = np.zeros((votes.shape[1], n_classes), dtype=np.int64)
    for row in votes:
        counts[np.arange(votes.shape[1]), row] += 1
    return counts.argmax(axis=1)


def _check_numbers(neighbours: Sequence[int], n_points: int) -> None:
    if max(neighbours) > n_points:
        raise ConfigError(
            f"classification.neighbours: {max(neighbours)} is more than the {n_points} points that "
            "there are; take fewer"
        )
