"""Imputation: a missing value of a point is filled in with its winner's weight.

The winner is the node nearest in the features that the point has; its weight in a missing one is a
local mean over the points that have it (Cottrell & Letrémy, Missing values: processing with the
Kohonen algorithm, ASMDA 2005, 489-496).
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from kohorte._arrays import as_nodes, as_points, as_weights
from kohorte.errors import DataError


def impute(
    features: npt.ArrayLike, weights: npt.ArrayLike, winners: npt.ArrayLike
) -> npt.NDArray[np.float32]:
    """Replace every missing value, NaN, of `features` (N, F) by the winner's weight.

    `weights` are the map's, (M, F); `winners` has the node nearest to each point, (N,). Raises
    DataError for a point with no value at all, and for arrays that do not fit together.
    """
    points = as_points(features, missing=True)
    absent = np.nonzero(np.isnan(points))
    filled = points.copy()
    filled[absent] = _winners_values(points, weights, winners, absent)
    return filled


def impute_ensemble(
    features: npt.ArrayLike, maps: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Fill in `features` from several maps; return the filled table and its spread, both (N, F).

    `maps` gives (weights, winners) of each map, one at a time; all as for `impute`, which also says
    what raises DataError, as does having no map. The filled table has the mean over the maps of
    what each of them fills in; the spread is their population standard deviation, and 0 where the
    value was there. Both are running sums in the order of the maps (Welford 1962).
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


def _winners_values(
    points: np.ndarray,
    weights: npt.ArrayLike,
    winners: npt.ArrayLike,
    absent: tuple[np.ndarray, ...],
) -> npt.NDArray[np.float32]:
    """Return a map's values for the entries `absent` (rows, columns)."""
    table = as_weights(weights, n_features=points.shape[1])
    nodes = as_nodes(winners, table.shape[0], "winners")
    if nodes.shape != points.shape[:1]:
        raise DataError(
            f"winners must have one node for each of the {points.shape[0]} points, "
            f"got shape {nodes.shape}"
        )
    rows, columns = absent
    return table[nodes[rows], columns]
