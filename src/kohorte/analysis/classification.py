"""Classes of points that no map has seen, from the known classes of the points that it has.

A map that was trained without classes tells them apart as far as its nodes do. The measures here
are shares of points whose class is found: by the class of the node, by the nearest points on the
map, and, to compare, by the nearest points themselves. Of classes with equally many votes the first
wins.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kohorte import store
from kohorte._checks import extra
from kohorte.analysis.prediction import predict, read_points
from kohorte.errors import ConfigError, DataError
from kohorte.maps.draws import see
from kohorte.maps.winners import find_winners

if TYPE_CHECKING:
    import pandas as pd

    from kohorte.maps.lattice import Lattice

_LOG = logging.getLogger(__name__)

#: Rows of `tables/classification.csv`.
COLUMNS = ("method", "realization", "metric", "neighbours", "points", "accuracy")
_WORKING_MB = 256


def count_classes(
    winners: npt.ArrayLike, classes: npt.ArrayLike, n_nodes: int, n_classes: int
) -> np.ndarray:
    """Count the points of each node by class, (M, C) int64, from (N,) nodes and classes.

    Points without a node or a class, -1, do not count.
    """
    winners, classes = np.asarray(winners), np.asarray(classes)
    held = (winners >= 0) & (classes >= 0)
    counts = np.zeros((n_nodes, n_classes), dtype=np.int64)
    np.add.at(counts, (winners[held], classes[held]), 1)
    return counts


def commonest(counts: np.ndarray) -> np.ndarray:
    """Return the class with most points in each row of (M, C) counts; -1 for a row without any."""
    return np.where(counts.any(axis=1), counts.argmax(axis=1), -1)


def classify_by_nodes(
    points: np.ndarray,
    weights: np.ndarray,
    winners: np.ndarray,
    truth: np.ndarray,
    n_classes: int,
    **options: Any,
) -> np.ndarray:
    """Return the commonest class of the winner of each point, (n,) int64.

    Winners are sought among the nodes that hold points of known class. `points` (n, f), `weights`
    (M, f): what the map sees; `winners`, `truth` (N,): nodes and classes, -1 for none, of the
    points that are known, some of them; `options`: as for `find_winners`.
    """
    counts = count_classes(winners, truth, len(weights), n_classes)
    occupied = np.flatnonzero(counts.any(axis=1))
    return commonest(counts)[occupied[find_winners(points, weights[occupied], **options)]]


def purity(counts: np.ndarray) -> float:
    """Return the share of the points whose class is the commonest of their row of (M, C) counts.

    Of the nodes of a map this is the purity of Manning, Raghavan & Schütze, Introduction to
    Information Retrieval (2008), section 16.3, with nodes for clusters. It grows with the number of
    nodes, to 1 where each has a single point: compare maps of one size, or with points that the map
    has not seen.
    """
    return float(counts.max(axis=1).sum() / counts.sum())


def winners_of_means(
    features: np.ndarray,
    classes: npt.ArrayLike,
    weights: npt.ArrayLike,
    metric: str = "euclidean",
    factors: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the mean of the points of each class and its winner.

    `features` (N, F): NaN where a value is missing, which does not count; `classes` (N,) integers
    0..C-1: each of some point, and -1 for points that do not count; `weights` (M, F), `factors`:
    weights of the map and what it sees.
    Returns `means` (C, F) float64: NaN for a feature that all points of a class miss; `winners`
    (C,) int32.
    """
    classes = np.asarray(classes)
    means = np.empty((int(classes.max()) + 1, features.shape[1]))
    for c in range(len(means)):
        points = np.asarray(features[classes == c], dtype=np.float64)
        present = ~np.isnan(points)
        count = present.sum(axis=0)
        total = np.where(present, points, 0.0).sum(axis=0)
        means[c] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    points, nodes = (see(np.asarray(table), factors) for table in (means, weights))
    return means, find_winners(points.astype(np.float32), nodes, metric=metric)


def map_neighbours(
    counts: npt.ArrayLike, lattice: Lattice, neighbours: Sequence[int]
) -> np.ndarray:
    """Find the class of a point by the points nearest to it on the map, for each node.

    For each number k in `neighbours`, a point that wins at node i gets the commonest class of all
    points whose winners lie within the least lattice distance of i that holds at least k points. So
    points at one distance count all or not at all, and their order means nothing. `counts` (M, C):
    points of each node by class; `lattice`: lattice of the M nodes; `neighbours`: K numbers of
    points. Returns (K, M) int64. Raises ConfigError: fewer than k points in all.
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


def point_neighbours(
    known: np.ndarray,
    classes: npt.ArrayLike,
    points: np.ndarray,
    neighbours: Sequence[int],
    metric: str,
) -> np.ndarray:
    """Find the class of each point by the k nearest of the known points; exact, by scikit-learn.

    `known` (N, F), `points` (n, F): features without missing values; `classes` (N,) integers:
    classes of the known points; `neighbours`: K numbers of nearest points; `metric`: name of the
    metric. Returns (K, n) int64. Raises ConfigError: a number above N.
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


def vote(predicted: npt.ArrayLike) -> np.ndarray:
    """Return the class that most of (R, n) predictions give to each of n points, (n,) int64."""
    predicted = np.asarray(predicted)
    return _most_voted(predicted, int(predicted.max(initial=0)) + 1)


def match_names(names: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """Return the index in `known` of each name, (C,) int64; ConfigError for a name not in it."""
    strange = [name for name in names if name not in known]
    if strange:
        raise ConfigError(
            f"classification.test: the test points have the class {strange[0]!r}, which the "
            f"study's points do not have; known are {', '.join(known)}"
        )
    return np.array([list(known).index(name) for name in names], dtype=np.int64)


def accuracy_rows(
    method: str,
    predicted: Sequence[np.ndarray] | np.ndarray,
    truth: np.ndarray,
    *,
    neighbours: Sequence[int] | None = None,
    **where: object,
) -> Iterator[dict[str, object]]:
    """Yield a row of the table for each array of (K, n) predictions of the true classes (n,).

    Points whose class is not known, -1, do not count.
    """
    numbers: Sequence[int | None] = neighbours or [None]
    for k, classes in zip(numbers, predicted, strict=True):
        known = truth >= 0
        share = float(np.mean(np.asarray(classes)[known] == truth[known]))
        yield {"method": method, "neighbours": k, "accuracy": share, **where}


def classify_points(
    test: str | Path,
    *,
    data: str | Path,
    indexes: Sequence[str | Path],
    ensemble: str | Path,
    neighbours: Sequence[int],
    threads: int = 1,
) -> pd.DataFrame:
    """Classify test points by the maps of a study, by its groups and by the nearest points.

    `test`: source of the test points, as for `read_points`; `data`: the study's `data.h5`;
    `indexes`: indexes that list its maps; `ensemble`: its `ensemble.h5`, beside `realizations`;
    `neighbours`: numbers of nearest points to go by. Returns DataFrame: one row per method, map,
    number of neighbours and set of points, with the share of the points whose class is found.
    Raises DataError: study or test points have no known classes.
    """
    with extra("figures"):
        import pandas as pd

    table, tests = store.read_data(data), read_points(test, data)
    if table.truth is None or table.class_names is None or tests.truth is None:
        raise DataError("classification: study and test points need known classes")
    assert tests.class_names is not None  # as there are classes
    named = tests.truth >= 0
    test_truth = match_names(tests.class_names, table.class_names)[tests.truth[named]]
    points, known = (tests.features[named], test_truth), (table.truth, len(table.class_names))
    has_class = table.truth >= 0
    rows: list[dict[str, Any]] = []
    votes: list[np.ndarray] = []
    metrics: dict[str, None] = {}  # in the order of the maps
    for path in store.listed_realizations(indexes):
        more, found = _classify_on_map(path, *known, *points, neighbours, threads)
        rows += more
        votes.append(found)
        metrics[more[0]["metric"]] = None
    if len(votes) > 1:
        rows += accuracy_rows("map_vote", [vote(votes)], test_truth, points="test")
    rows += _classify_by_groups(ensemble, *known, *points, threads)
    if np.isnan(table.features[has_class]).any() or np.isnan(points[0]).any():
        _LOG.warning("values are missing: the nearest points themselves are left out")
        metrics = {}
    for metric in metrics:
        near = point_neighbours(
            table.features[has_class], table.truth[has_class], points[0], neighbours, metric
        )
        where: Any = {"neighbours": neighbours, "metric": metric, "points": "test"}
        rows += accuracy_rows("point_neighbours", near, test_truth, **where)
    return pd.DataFrame(rows, columns=COLUMNS).astype({"neighbours": "Int64"})


def _classify_on_map(
    path: Path,
    truth: np.ndarray,
    n_classes: int,
    tests: np.ndarray,
    test_truth: np.ndarray,
    neighbours: Sequence[int],
    threads: int,
) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Return the rows of one map, and what the classes of its nodes say of the test points."""
    stored = store.read_realization(path, "weights", "winners")
    weights, winners = stored.arrays["weights"], stored.arrays["winners"]
    metric = stored.parameters["metric"]
    tests, weights = (see(table, stored.factors) for table in (tests, weights))
    counts = count_classes(winners, truth, len(weights), n_classes)
    classes = commonest(counts)
    options: Any = {"metric": metric, "threads": threads}
    found = classify_by_nodes(tests, weights, winners, truth, n_classes, **options)
    near = map_neighbours(counts, stored.lattice, neighbours)
    near = near[:, find_winners(tests, weights, lattice=stored.lattice, **options)]
    where = {"realization": stored.id, "metric": metric}
    rows = [
        *accuracy_rows("node_class", [classes[winners]], truth, points="study", **where),
        *accuracy_rows("node_class", [found], test_truth, points="test", **where),
        *accuracy_rows(
            "map_neighbours", near, test_truth, neighbours=neighbours, points="test", **where
        ),
    ]
    return rows, found


def _classify_by_groups(
    ensemble: str | Path,
    truth: np.ndarray,
    n_classes: int,
    tests: np.ndarray,
    test_truth: np.ndarray,
    threads: int,
) -> Iterator[dict[str, object]]:
    """Yield the rows of the consensus: a group stands for the commonest class of its points."""
    stored = store.read_ensemble(ensemble, points=True)
    labels, n_groups = stored.points.label, stored.consensus.n_groups
    classes = commonest(count_classes(labels, truth, n_groups, n_classes))
    folder = Path(ensemble).parent / "realizations"
    found = classes[predict(stored, folder, tests, threads=threads).label]
    yield from accuracy_rows("group_class", [classes[labels]], truth, points="study")
    yield from accuracy_rows("group_class", [found], test_truth, points="test")


def _most_voted(votes: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the commonest entry of each column of (K, n) votes, the lowest of equally common."""
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
