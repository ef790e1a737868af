"""Imputation: a missing value of a point is filled in with that of its winner.

The winner is the node nearest in the features that the point has; its weight in a missing one is a
local mean over the points that have it (Cottrell & Letrémy, Missing values: processing with the
Kohonen algorithm, ASMDA 2005, 489-496).
"""

from collections.abc import Iterable

import numpy as np

from kohorte._arrays import as_nodes, as_points, as_weights
from kohorte.errors import DataError


def impute(features, weights, winners) -> np.ndarray:
    """`features` with every missing value replaced by the winner's weight; (N, F) float32.

    features: (N, F), NaN where a value is missing. weights: (M, F) of the map. winners: (N,) node
    nearest to each point. Raises DataError for a point with no value at all, and for arrays that do
    not fit together.
    """
    points = as_points(features, missing=True)
    absent = np.nonzero(np.isnan(points))
    filled = points.copy()
    filled[absent] = _winners_values(points, weights, winners, absent)
    return filled


def impute_ensemble(features, maps: Iterable) -> tuple[np.ndarray, np.ndarray]:
    """Fill `features` in from several maps; returns the filled table and its spread.

    features: as for impute. maps: (weights, winners) of each map, as for impute; they are taken one
    at a time.

    The filled table, (N, F) float64, has the mean over the maps of what each of them fills in. The
    spread, (N, F) float64, is the population standard deviation of the same, and 0 where the value
    was there. Both are running sums in the order of the maps (Welford 1962). Raises DataError where
    impute does, and without any map.
    """
    points = as_points(features, missing=True)
    absent = np.nonzero(np.isnan(points))
    mean = np.zeros(absent[0].size)
    squares = np.zeros_like(mean)
    count = 0
    for count, (weights, winners) in enumerate(maps, start=1):
        values = _winners_values(points, weights, winners, absent)
        before = values - mean
        mean += before / count
        squares += before * (values - mean)
    if count == 0:
        raise DataError("there is no map to fill missing values in from")
    filled = points.astype(np.float64)
    filled[absent] = mean
    spread = np.zeros_like(filled)
    spread[absent] = np.sqrt(squares / count)
    return filled, spread


def _winners_values(points, weights, winners, absent) -> np.ndarray:
    """What a map says of the entries `absent` (rows, columns), float32."""
    table = as_weights(weights, n_features=points.shape[1])
    nodes = as_nodes(winners, table.shape[0], "winners")
    if nodes.shape != points.shape[:1]:
        raise DataError(
            f"winners must have one node for each of the {points.shape[0]} points, "
            f"got shape {nodes.shape}"
        )
    rows, columns = absent
    return table[nodes[rows], columns]
