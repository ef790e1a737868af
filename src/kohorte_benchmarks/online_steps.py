"""Online training in NumPy, step by step: as the published program does it, and leaner.

Both follow the reference schedule (Ha, Nättilä & Davelaar, JOSS 10 (2025) 7613); node r of a
lattice lies at x = r mod xdim, y = r div xdim. Arguments of all:

points : (N, F)
weights : (M, F)
    Where the map starts; not changed.
order, radii, rates : (T,)
    Row, neighbourhood size and learning rate of each step.
xdim
    Length of the rows of the lattice.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
from numba import njit


def train_leaner(
    points: np.ndarray,
    weights: np.ndarray,
    order: np.ndarray,
    radii: np.ndarray,
    rates: np.ndarray,
    xdim: int,
) -> npt.NDArray[np.float32]:
    """Return weights (M, F), with NumPy used well.

    Differences go to one array, the neighbourhood function comes from a table, and only the nodes
    in the neighbourhood are changed.
    """
    n_features = weights.shape[1]
    columns = np.array(weights.T, dtype=np.float32, order="C")
    planes = columns.reshape(n_features, -1, xdim)
    differences = np.empty_like(columns)
    x_axis, y_axis = np.arange(xdim), np.arange(planes.shape[1])
    by_distance, current = np.empty(0, np.float32), None
    for row, radius, rate in zip(order, radii.astype(int), rates, strict=True):
        if (radius, rate) != current:
            current = radius, rate
            distances = np.arange(max(planes.shape[1:]))
            table = rate * np.exp(-(distances**2) / (2 * (radius / 3) ** 2))
            by_distance = np.where(distances <= radius, table, 0).astype(np.float32)
        point = points[row].astype(np.float32)
        np.subtract(columns, point[:, None], out=differences)
        y, x = divmod(int(np.einsum("fm,fm->m", differences, differences).argmin()), xdim)
        near_x = slice(max(x - radius, 0), x + radius + 1)
        near_y = slice(max(y - radius, 0), y + radius + 1)
        # The strength falls with the distance, which is the larger of those in x and in y.
        strengths = np.minimum(
            by_distance[np.abs(x_axis[near_x] - x)],
            by_distance[np.abs(y_axis[near_y] - y)][:, None],
        )
        window = planes[:, near_y, near_x]
        window -= strengths * (window - point[:, None, None])
    return np.ascontiguousarray(columns.T)


def _train(
    points: np.ndarray,
    weights: np.ndarray,
    order: np.ndarray,
    radii: np.ndarray,
    rates: np.ndarray,
    xdim: int,
    *,
    strengths: Callable[..., np.ndarray],
) -> npt.NDArray[np.float64]:
    """Return weights (M, F) after the operations of the published program.

    Each step makes new arrays of all differences, their squares, and the strengths of all nodes
    times a row of ones.
    """
    weights = np.array(weights, dtype=np.float64)
    points = np.asarray(points, dtype=np.float64)
    ones = np.ones(weights.shape[1])
    places = np.column_stack(np.divmod(np.arange(len(weights)), xdim))
    for row, radius, rate in zip(order, radii, rates, strict=True):
        differences = weights - points[row]
        winner = np.argmin(np.sum(differences**2, axis=1))
        weights -= differences * np.outer(strengths(winner, places, rate, radius), ones)
    return weights


def _strengths(winner: int, places: np.ndarray, rate: float, radius: float) -> np.ndarray:
    """Return learning rate times neighbourhood function of all nodes, zero beyond the radius."""
    distances = np.abs(places - places[winner]).max(axis=1)
    h = rate * np.exp(-(distances**2) / (2 * (radius / 3) ** 2))
    h[distances > radius] = 0.0
    return h


@njit(cache=True)
def _compiled_strengths(winner: int, places: np.ndarray, rate: float, radius: float) -> np.ndarray:
    distances = np.abs(places - places[winner])
    farther = np.empty(len(places))
    for i in range(len(places)):
        farther[i] = distances[i].max()
    h = rate * np.exp(-(farther**2) / (2 * (radius / 3) ** 2))
    h[farther > radius] = 0.0
    return h


#: The neighbourhood function is compiled, as it is in the published program, or in NumPy as well.
train_as_published = partial(_train, strengths=_compiled_strengths)
train_in_numpy = partial(_train, strengths=_strengths)
