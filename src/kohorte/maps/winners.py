"""Winners: the nodes nearest to the points."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from kohorte.maps import _kernels
from kohorte.maps._validation import as_count, as_points, as_weights, choose

BLOCK_ROWS = 1 << 14
"""Points that one task of a thread pool takes."""


@dataclass(frozen=True)
class Metric:
    """Kernels of a metric on (points (n, F), weights (F, M), outputs), float32.

    winners(points, weights, nodes (n,)); two_winners(points, weights, nodes (n, 2), lengths
    (n, 2)).
    """

    winners: Callable
    two_winners: Callable


METRICS = {"euclidean": Metric(_kernels.euclidean_winners, _kernels.euclidean_two_winners)}


def find_winners(features, weights, *, metric: str = "euclidean", threads: int = 1) -> np.ndarray:
    """Index of the node nearest to each row; (N,) int32, lowest index on a tie.

    features: (N, F), weights: (M, F), any real dtype; distances are computed in float32, as in
    training, and never stored for more than one point at a time and thread. The result does not
    depend on `threads`. Raises ConfigError for an unknown metric or threads < 1, and DataError
    for tables that cannot be used.
    """
    kernel = choose(METRICS, metric, "metric").winners
    points, columns = _prepare(features, weights)
    nodes = np.empty(points.shape[0], np.int32)
    _in_blocks(lambda rows: kernel(points[rows], columns, nodes[rows]), nodes.size, threads)
    return nodes


def find_two_winners(
    features, weights, *, metric: str = "euclidean", threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """The two nodes nearest to each row, (N, 2) int32, and their distances, (N, 2) float32.

    As find_winners, nearest first; the lowest index wins a tie. A map of one node has no second
    winner: -1, at an infinite distance.
    """
    kernel = choose(METRICS, metric, "metric").two_winners
    points, columns = _prepare(features, weights)
    nodes = np.empty((points.shape[0], 2), np.int32)
    lengths = np.empty(nodes.shape, np.float32)
    _in_blocks(
        lambda rows: kernel(points[rows], columns, nodes[rows], lengths[rows]),
        nodes.shape[0],
        threads,
    )
    return nodes, lengths


def _prepare(features, weights) -> tuple[np.ndarray, np.ndarray]:
    points = as_points(features)
    return points, np.ascontiguousarray(as_weights(weights, n_features=points.shape[1]).T)


def _in_blocks(task: Callable[[slice], None], n_rows: int, threads: int) -> None:
    """Calls task(rows) for all blocks of rows; each writes to its own part of the outputs."""
    threads = as_count(threads, "threads", 1)
    blocks = [slice(start, start + BLOCK_ROWS) for start in range(0, n_rows, BLOCK_ROWS)]
    if threads == 1 or len(blocks) == 1:
        for rows in blocks:
            task(rows)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(task, blocks))
