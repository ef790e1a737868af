"""Quality of a map, from its winners: errors of quantization and of topology, unused nodes.

Measures of whole distributions and rankings are in kohorte.maps.preservation. A measure that is not
defined for a map (one node has no second winner) is NaN.
"""

import math

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from kohorte.errors import DataError
from kohorte.maps import preservation
from kohorte.maps._validation import as_count, as_nodes, as_number, as_points, as_weights
from kohorte.maps.lattice import Lattice
from kohorte.maps.winners import find_two_winners

QUALITY_ROWS = 1000
"""Rows, evenly spaced, that the measures of quadratic cost take unless told otherwise."""

_BLOCK_ENTRIES = 1 << 22


def quantization_error(distances) -> float:
    """Mean distance of the points to their winners, in the metric of the map.

    distances: (N,). Source: Kohonen, Self-Organizing Maps (2001).
    """
    return float(np.mean(_as_distances(distances), dtype=np.float64))


def topographic_error(two_winners, lattice: Lattice) -> float:
    """Share of the points whose two nearest nodes are not lattice neighbours; NaN for one node.

    two_winners: (N, 2) nodes; a rectangular lattice has eight neighbours.
    Source: Kiviluoto, Proc. ICNN (1996) 294.
    """
    if lattice.n_nodes == 1:
        return float("nan")
    first, second = _as_pairs(two_winners, lattice)
    return float(np.mean(~lattice.are_neighbours(first, second)))


def combined_error(distances, two_winners, weights, lattice: Lattice) -> float:
    """Kaski-Lagus error: mean over the points of the way to the winner and on to the second.

    For a point: its distance to its winner, plus the length of the shortest path from there to
    its second nearest node along links of the lattice, each as long as the Euclidean distance
    between the weights at its ends. NaN for a map of one node.

    distances: (N,) to the winners; two_winners: (N, 2) nodes; weights: (M, F).
    Source: Kaski & Lagus, Proc. ICANN (1996) 809.
    """
    if lattice.n_nodes == 1:
        return float("nan")
    distances = _as_distances(distances)
    first, second = _as_pairs(two_winners, lattice)
    if distances.shape != first.shape:
        raise DataError(
            f"distances has {distances.size} rows, but two_winners has {first.size}: "
            "both must belong to the same points"
        )
    weights = as_weights(weights, lattice.n_nodes).astype(np.float64)
    pairs, counts = np.unique(first.astype(np.int64) * lattice.n_nodes + second, return_counts=True)
    origins, targets = np.divmod(pairs, lattice.n_nodes)
    # No path is shorter than the straight line, which a link between neighbours is.
    lengths = np.sqrt(((weights[origins] - weights[targets]) ** 2).sum(axis=1))
    apart = ~lattice.are_neighbours(origins, targets)
    if apart.any():
        lengths[apart] = _path_lengths(weights, lattice, origins[apart], targets[apart])
    return quantization_error(distances) + float(lengths @ counts) / first.size


def _path_lengths(weights, lattice: Lattice, origins, targets) -> np.ndarray:
    node, column = np.nonzero(lattice.neighbours() >= 0)
    other = lattice.neighbours()[node, column]
    steps = np.sqrt(((weights[node] - weights[other]) ** 2).sum(axis=1))
    links = sparse.csr_array((steps, (node, other)), shape=(lattice.n_nodes, lattice.n_nodes))
    lengths = np.full(origins.size, np.inf)
    # Most second winners are a few links away: short searches first, longer ones for the rest.
    limit = 4 * steps.mean()
    while np.isinf(lengths).any():
        pending = np.flatnonzero(np.isinf(lengths))
        starts, rows = np.unique(origins[pending], return_inverse=True)
        block = max(1, _BLOCK_ENTRIES // lattice.n_nodes)
        for begin in range(0, starts.size, block):
            table = csgraph.dijkstra(links, indices=starts[begin : begin + block], limit=limit)
            inside = (rows >= begin) & (rows < begin + block)
            wanted = pending[inside]
            lengths[wanted] = table[rows[inside] - begin, targets[wanted]]
        limit *= 4
    return lengths


def distortion(features, weights, winners, lattice: Lattice, radius: float) -> float:
    """Mean over the points p of sum_i h(c, i) |p - w_i|^2, the energy that training lowers.

    c is the winner of p and h(c, i) = exp(-d^2 / (2 (radius/3)^2)) where the Chebyshev lattice
    distance d <= radius, else 0: the neighbourhood of training (at the end, with its last size).
    features: (N, F), weights: (M, F), winners: (N,).
    Source: Lampinen & Oja, J. Math. Imaging Vision 2 (1992) 261. The sum is found from the
    counts, means and scatters of the points of each node, with no N x M table.
    """
    points = as_points(features)
    weights = as_weights(weights, lattice.n_nodes, points.shape[1]).astype(np.float64)
    winners = as_nodes(winners, lattice.n_nodes, "winners")
    if winners.shape != points.shape[:1]:
        raise DataError(f"winners must have shape ({points.shape[0]},), got {winners.shape}")
    radius = as_number(radius, "radius", positive=True)
    counts = np.bincount(winners, minlength=lattice.n_nodes)
    # Sums of offsets from the winner's weights: small numbers, so that no digits cancel.
    sums = np.zeros(weights.shape)
    scatter = np.zeros(lattice.n_nodes)
    for feature in range(points.shape[1]):
        offsets = points[:, feature] - weights[winners, feature]
        sums[:, feature] = np.bincount(winners, offsets, minlength=lattice.n_nodes)
        scatter += np.bincount(winners, offsets**2, minlength=lattice.n_nodes)
    total = 0.0
    for nodes, others, apart in _windows(lattice, radius):
        steps = weights[nodes] - weights[others]
        # sum |o + s|^2 over the offsets o of a node = scatter + 2 sum(o) s + count |s|^2
        squares = scatter[nodes] + (steps * (2 * sums[nodes] + counts[nodes, None] * steps)).sum(1)
        total += math.exp(-(apart**2) / (2 * (radius / 3) ** 2)) * float(squares.sum())
    return total / winners.size


def _windows(lattice: Lattice, radius: float):
    """All pairs of nodes within a Chebyshev distance, in groups: nodes, others, the distance."""
    x, y = np.arange(lattice.xdim), np.arange(lattice.ydim)
    reach_x, reach_y = (int(min(radius, side - 1)) for side in (lattice.xdim, lattice.ydim))
    for dy in range(-reach_y, reach_y + 1):
        inside_y = y[(y + dy >= 0) & (y + dy < lattice.ydim)]
        for dx in range(-reach_x, reach_x + 1):
            inside_x = x[(x + dx >= 0) & (x + dx < lattice.xdim)]
            nodes = (inside_y[:, None] * lattice.xdim + inside_x).ravel()
            yield nodes, nodes + dy * lattice.xdim + dx, max(abs(dx), abs(dy))


def dead_node_share(hits) -> float:
    """Share of the nodes that are no point's winner. hits: (M,) points of each node."""
    hits = np.asarray(hits)
    if hits.ndim != 1 or hits.size == 0:
        raise DataError(f"hits must have one value for each node, got shape {hits.shape}")
    return float(np.mean(hits == 0))


def measure_quality(
    features,
    weights,
    lattice: Lattice,
    *,
    radius: float,
    winners: tuple[np.ndarray, np.ndarray] | None = None,
    rows: int = QUALITY_ROWS,
    metric: str = "euclidean",
    threads: int = 1,
) -> dict[str, float]:
    """All measures of a map, by name.

    features: (N, F); weights: (M, F). radius: neighbourhood size of the distortion. winners: what
    find_two_winners returned for these, found here if None. rows: the measures that compare all
    pairs take at most so many rows (nodes, for the topographic product), evenly spaced.

    Keys: quantization_error, topographic_error, combined_error, distortion, topographic_product,
    trustworthiness, neighbourhood_preservation, embedding_ks, embedding_variance, dead_node_share.
    Raises ConfigError for arguments out of range and DataError for arrays that do not fit.
    """
    points = as_points(features)
    weights = as_weights(weights, lattice.n_nodes, points.shape[1])
    rows = as_count(rows, "rows", 1)
    if winners is None:
        winners = find_two_winners(points, weights, metric=metric, threads=threads)
    nodes, distances = winners
    first = nodes[:, 0]
    trust, preserved = preservation.rank_preservation(points, first, lattice, rows=rows)
    return {
        "quantization_error": quantization_error(distances[:, 0]),
        "topographic_error": topographic_error(nodes, lattice),
        "combined_error": combined_error(distances[:, 0], nodes, weights, lattice),
        "distortion": distortion(points, weights, first, lattice, radius),
        "topographic_product": preservation.topographic_product(weights, lattice, rows=rows),
        "trustworthiness": trust,
        "neighbourhood_preservation": preserved,
        "embedding_ks": preservation.embedding_ks(points, weights),
        "embedding_variance": preservation.embedding_variance(points, weights),
        "dead_node_share": dead_node_share(np.bincount(first, minlength=lattice.n_nodes)),
    }


def _as_distances(distances) -> np.ndarray:
    distances = np.asarray(distances)
    if distances.ndim != 1 or distances.size == 0:
        raise DataError(f"distances must have one value for each point, got {distances.shape}")
    return distances


def _as_pairs(two_winners, lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    nodes = as_nodes(two_winners, lattice.n_nodes, "two_winners")
    if nodes.ndim != 2 or nodes.shape[1] != 2 or nodes.shape[0] == 0:
        raise DataError(f"two_winners must have shape (N, 2), got {nodes.shape}")
    return nodes[:, 0], nodes[:, 1]
