"""New points on a trained map: their winners, clusters and distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kohorte.maps.lattice import Lattice
from kohorte.maps.metrics import rowwise
from kohorte.maps.novelty import in_quantization_errors
from kohorte.maps.winners import find_winners


@dataclass(frozen=True, eq=False)
class Assignment:
    """Where N points lie on a map.

    `winners` (N,) int32 are the nearest nodes of those whose cluster holds points of the training,
    `labels` (N,), of the type of `node_clusters`, their clusters, and `distances` (N,) float64
    those to the winners in the metric of the map.
    """

    winners: np.ndarray
    labels: np.ndarray
    distances: np.ndarray

    def novelty(self, quantization_error: float) -> np.ndarray:
        """Distances in quantization errors of the map, (N,); 0 where a point lies on its winner."""
        return in_quantization_errors(self.distances, quantization_error)


def assign(
    points: np.ndarray,
    weights: np.ndarray,
    node_clusters: np.ndarray,
    hits: np.ndarray,
    *,
    metric: str = "euclidean",
    lattice: Lattice | None = None,
    threads: int = 1,
) -> Assignment:
    """Assign new points to the clusters of a map that hold points of its training.

    The nodes of a cluster without any win nothing: what would go there goes to the nearest other
    node. `points` are (N, F), NaN where a value is missing, `weights` (M, F) float32;
    `node_clusters` and `hits` (M,) are the cluster of each node, and how many points of the
    training it won. `lattice` makes the search faster, see find_winners.
    """
    inhabited = np.bincount(node_clusters, hits)[node_clusters] > 0
    winners = find_winners(points, weights, metric=metric, lattice=lattice, threads=threads)
    again = ~inhabited[winners]
    if again.any():
        nodes = np.flatnonzero(inhabited)
        nearest = find_winners(points[again], weights[nodes], metric=metric, threads=threads)
        winners[again] = nodes[nearest]
    return Assignment(winners, node_clusters[winners], rowwise(points, weights[winners], metric))
