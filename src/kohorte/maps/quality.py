"""Quality of a map, from its winners: errors of quantization and topology, unused nodes.

Measures of whole distributions and rankings are in kohorte.maps.preservation. All follow the
lattice and the metric of the map and take missing values (NaN) in the features, never in the
weights. A measure that is not defined for a map (one node has no second winner) is NaN.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from kohorte._arrays import as_nodes, as_points, as_weights
from kohorte._checks import as_count
from kohorte._limits import BLOCK_ROWS
from kohorte._portable import product
from kohorte._tallies import Tally, add_blocks, merge_tallies
from kohorte.errors import DataError
from kohorte.maps import preservation
from kohorte.maps.lattice import Lattice
from kohorte.maps.metrics import METRICS, pairwise, rowwise
from kohorte.maps.neighbourhood import Neighbourhood
from kohorte.maps.preservation import count_steps, evenly_spaced
from kohorte.maps.winners import find_two_winners

#: Rows, evenly spaced, that the measures of quadratic cost take by default.
QUALITY_ROWS = 1000

_BLOCK_ENTRIES = 1 << 17


def quantization_error(distances: npt.ArrayLike) -> float:
    """Return the mean of the distances (N,) to winners (Kohonen, Self-Organizing Maps, 2001)."""
    return float(np.mean(_as_distances(distances), dtype=np.float64))


def topographic_error(two_winners: npt.ArrayLike, lattice: Lattice) -> float:
    """Return the share of points whose two nearest nodes, (N, 2), are no lattice neighbours.

    A node has up to eight neighbours on a rectangular lattice, up to six on a hexagonal one. NaN
    for a map of one node. Source: Kiviluoto, Proc. ICNN (1996) 294.
    """
    if lattice.n_nodes == 1:
        return float("nan")
    first, second = _as_pairs(two_winners, lattice)
    return float(np.mean(~lattice.are_neighbours(first, second)))


def convergence(embedding: float, topographic: float) -> float:
    """Return the convergence index of POPSOM: mean of embedding and topographic accuracy.

    `embedding` is that of `preservation.embedding_variance` or `embedding_ks`; topographic accuracy
    is 1 - the topographic error, of all points in place of POPSOM's 50. NaN where one of both is.
    Source: Hamel, Advances in Self-Organizing Maps, WSOM (2016).
    """
    return (embedding + 1 - topographic) / 2


def cluster_separation(
    features: npt.ArrayLike,
    labels: npt.ArrayLike,
    centres: npt.ArrayLike,
    metric: str = "euclidean",
) -> float:
    """Return POPSOM's separation of the clusters of a map: 1 - spread within / spread between.

    Within is the mean over the clusters of the mean squared distance of their points to their
    centroid, between the mean squared distance of two centroids, both in the metric of the map.
    Clusters without points are left out of the first. 1 is best; below 0 clusters are wider than
    they are far apart; NaN for fewer than two clusters, or centroids that are all alike.
    `features` (N, F); `labels` (N,) from 0; `centres` (K, F), the weights of the centroids.
    Source: popsom 6, `compute.wcss`, `compute.bcss` (Hamel, 2016).
    """
    centres = np.asarray(centres)
    n_clusters = len(centres)
    labels = as_nodes(labels, n_clusters, "labels")
    between = np.square(pairwise(centres, centres, metric)).sum()
    if n_clusters < 2 or not between > 0:
        return float("nan")
    between /= n_clusters * (n_clusters - 1)
    points = as_points(features, missing=True)
    rows = max(1, _BLOCK_ENTRIES // points.shape[1])
    total = np.zeros(n_clusters)
    for start in range(0, len(points), rows):
        own = labels[start : start + rows]
        away = rowwise(points[start : start + rows], centres[own], metric)
        total += np.bincount(own, np.square(away), minlength=n_clusters)
    count = np.bincount(labels, minlength=n_clusters)
    within = (total[count > 0] / count[count > 0]).mean()
    return float(1 - within / between)


def combined_error(
    distances: npt.ArrayLike,
    two_winners: npt.ArrayLike,
    weights: npt.ArrayLike,
    lattice: Lattice,
    metric: str = "euclidean",
) -> float:
    """Return the Kaski-Lagus error: mean way of points to the winner and on to the second node.

    For a point: its distance to its winner, plus the length of the shortest path from there to
    its second nearest node along links of the lattice, each as long as the distance between the
    weights (M, F) at its ends, all in the metric of the map. NaN for a map of one node. `distances`
    are (N,), to the winners; `two_winners` (N, 2) nodes.
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
    weights = as_weights(weights, lattice.n_nodes)
    pairs, counts = np.unique(first.astype(np.int64) * lattice.n_nodes + second, return_counts=True)
    return quantization_error(distances) + _mean_way(pairs, counts, weights, lattice, metric)


def _mean_way(
    pairs: np.ndarray, counts: np.ndarray, weights: np.ndarray, lattice: Lattice, metric: str
) -> float:
    """Return the mean way from the winner to the second node of all points.

    `pairs` are winner M + second node, ascending, and `counts` how many points have each.
    """
    origins, targets = np.divmod(pairs, lattice.n_nodes)
    lengths = _link_lengths(weights, origins, targets, metric)
    searched = np.ones(pairs.size, dtype=bool)
    if METRICS[metric].has_triangle_inequality:
        # No path is shorter than the straight line, which a link between neighbours is.
        searched = ~lattice.are_neighbours(origins, targets)
    if searched.any():
        from kohorte.maps._kernels import path_lengths

        neighbours = lattice.neighbours()
        node, column = np.nonzero(neighbours >= 0)
        steps = np.zeros(neighbours.shape)
        steps[node, column] = _link_lengths(weights, node, neighbours[node, column], metric)
        links = np.where(neighbours >= 0, neighbours, np.arange(lattice.n_nodes)[:, None])
        lengths[searched] = path_lengths(links, steps, origins[searched], targets[searched])
    return float((lengths * counts).sum()) / int(counts.sum())


def _link_lengths(
    weights: np.ndarray, origins: np.ndarray, targets: np.ndarray, metric: str
) -> np.ndarray:
    return np.concatenate(
        [
            rowwise(weights[origins[block]], weights[targets[block]], metric)
            for block in _blocks(np.arange(origins.size), weights.shape[1])
        ]
    )


def distortion(
    features: npt.ArrayLike,
    weights: npt.ArrayLike,
    winners: npt.ArrayLike,
    lattice: Lattice,
    *,
    radius: float,
    kernel: str = "truncated_gaussian",
    kernel_distance: str = "links",
    metric: str = "euclidean",
    rows: int = QUALITY_ROWS,
) -> float:
    """Return the mean over points p of sum_i h(c, i) D(p, w_i), the energy that training lowers.

    c is the winner, in `winners` (N,), of p in `features` (N, F); w_i are in `weights` (M, F), and
    h is the neighbourhood kernel of training (at the end, with its last radius): see
    neighbourhood.KERNELS for `kernel`, Lattice.distances_from for `kernel_distance`. D is the
    squared Euclidean distance for the metrics euclidean and sqeuclidean, and the distance itself
    for the others.

    The squares are summed over all points, from the counts, means and scatters of the points of
    each node; for the other metrics over at most `rows` points, evenly spaced.
    Source: Lampinen & Oja, J. Math. Imaging Vision 2 (1992) 261.
    Raises ConfigError for arguments out of range and DataError for arrays that do not fit.
    """
    points = as_points(features, missing=True)
    weights = as_weights(weights, lattice.n_nodes, points.shape[1])
    winners = as_nodes(winners, lattice.n_nodes, "winners")
    if winners.shape != points.shape[:1]:
        raise DataError(f"winners must have shape ({points.shape[0]},), got {winners.shape}")
    strengths = Neighbourhood(lattice, kernel, kernel_distance).table(radius)
    if metric in ("euclidean", "sqeuclidean"):
        blocks = (_sum_offsets(points[rows], weights, winners[rows]) for rows in _rows(len(points)))
        sums = add_blocks(np.stack(list(blocks)))
        hits = np.bincount(winners, minlength=lattice.n_nodes)
        return _energy_of_squares(sums, hits, weights, lattice, strengths) / winners.size
    taken = evenly_spaced(winners.size, as_count(rows, "rows", 1))
    total = 0.0
    for block in _blocks(taken, lattice.n_nodes):
        distances = pairwise(points[block], weights, metric)
        total += float((lattice.take_offsets(strengths, winners[block]) * distances).sum())
    return total / taken.size


def _sum_offsets(points: np.ndarray, weights: np.ndarray, winners: np.ndarray) -> np.ndarray:
    """Return sums by winner over the points (n, F), (2 F + 1, M) float64.

    Of each feature's o = p - w_c, which are small numbers, so that no digits cancel, and of each
    point's factor: F / |P| at the features P that it has; then of its o^2. All times that factor.
    """
    from kohorte.maps import _kernels

    weights = weights.astype(np.float64)
    sums, present, scatter = (
        np.zeros(weights.shape),
        np.zeros(weights.shape),
        np.zeros(len(weights)),
    )
    _kernels.add_offsets(points, weights, winners, sums, present, scatter)
    return np.concatenate([sums.T, present.T, scatter[None]])


def _energy_of_squares(
    offsets: np.ndarray,
    hits: np.ndarray,
    weights: np.ndarray,
    lattice: Lattice,
    strengths: np.ndarray,
) -> float:
    """Return the sum over the points p and nodes i of h(c, i) |p - w_i|^2; h by offset.

    `offsets` are those of `_sum_offsets` of all points, `hits` (M,) the points of each node.
    """
    n_nodes = len(weights)
    weights = weights.astype(np.float64)
    sums, present = (np.ascontiguousarray(part.T) for part in np.split(offsets[:-1], 2))
    scatter = offsets[-1]
    # sum_i h |o + w_c - w_i|^2 needs no more of the nodes than the sums of h, h w and h w^2. From
    # the mean, for few digits to cancel.
    weights -= weights.mean(axis=0)
    squares = weights**2
    total = 0.0
    hit = np.flatnonzero(hits)
    for nodes in _blocks(hit, n_nodes):
        h = lattice.take_offsets(strengths, nodes)
        own, of_h = weights[nodes], h.sum(axis=1)[:, None]
        of_weights, of_squares = product(h, weights), product(h, squares)
        total += float((of_h[:, 0] * scatter[nodes]).sum())
        total += float((2 * sums[nodes] * (of_h * own - of_weights)).sum())
        spread = of_h * own**2 - 2 * own * of_weights + of_squares
        total += float((present[nodes] * spread).sum())
    return total


def _blocks(indices: np.ndarray, width: int) -> Iterator[np.ndarray]:
    """Yield `indices` in parts for which a table with `width` columns stays small."""
    size = max(1, _BLOCK_ENTRIES // width)
    for start in range(0, indices.size, size):
        yield indices[start : start + size]


def dead_node_share(hits: npt.ArrayLike) -> float:
    """Return the share of nodes that are no point's winner, from the points of each node (M,)."""
    hits = np.asarray(hits)
    if hits.ndim != 1 or hits.size == 0:
        raise DataError(f"hits must have one value for each node, got shape {hits.shape}")
    return float(np.mean(hits == 0))


def measure_quality(
    features: npt.ArrayLike,
    weights: npt.ArrayLike,
    lattice: Lattice,
    *,
    radius: float,
    kernel: str = "truncated_gaussian",
    kernel_distance: str = "links",
    winners: tuple[np.ndarray, np.ndarray] | None = None,
    rows: int = QUALITY_ROWS,
    metric: str = "euclidean",
    threads: int = 1,
) -> dict[str, float]:
    """Take all measures of a map, by name.

    The names are quantization_error, topographic_error, combined_error, distortion,
    topographic_product, trustworthiness, neighbourhood_preservation, embedding_ks,
    embedding_variance, convergence and dead_node_share. `features` are (N, F), NaN for a missing
    value, and `weights` (M, F); radius, kernel and kernel_distance are the neighbourhood of the
    distortion.
    `winners` is the result of find_two_winners for these; None finds it here. The measures that
    compare all pairs take at most `rows` rows (nodes, for the topographic product), evenly spaced.
    ConfigError for arguments out of range and DataError for arrays that do not fit.
    """
    points = as_points(features, missing=True)
    weights = as_weights(weights, lattice.n_nodes, points.shape[1])
    rows = as_count(rows, "rows", 1)
    if winners is None:
        winners = find_two_winners(points, weights, metric=metric, lattice=lattice, threads=threads)
    nodes, distances = winners
    first = nodes[:, 0]
    blocks = _rows(len(points))
    before = merge_tallies(tally_means(points[block]) for block in blocks)
    means = means_of(before)

    def tally(block: slice) -> Tally:
        found = (nodes[block], distances[block])
        return tally_quality(points[block], weights, lattice, found, means, metric=metric)

    taken = evenly_spaced(len(points), rows)
    return finish_quality(
        before | merge_tallies(map(tally, blocks)),
        weights,
        lattice,
        (points[taken], first[taken]),
        radius=radius,
        kernel=kernel,
        kernel_distance=kernel_distance,
        rows=rows,
        metric=metric,
    )


def _rows(n_points: int) -> list[slice]:
    """Return the rows of each block of points."""
    starts = range(0, n_points, BLOCK_ROWS)
    return [slice(start, min(start + BLOCK_ROWS, n_points)) for start in starts]


def tally_means(points: np.ndarray) -> Tally:
    """Tally what the means of features are made of, of a block of points (n, F)."""
    values = [column[~np.isnan(column)] for column in points.T]
    return {
        "counts/values": np.array([len(column) for column in values]),
        "sums/values": np.array([[column.sum(dtype=np.float64) for column in values]]),
    }


def means_of(tally: Tally) -> np.ndarray:
    """Return the mean of each feature (F,), 0 where it has no value, from tallies of all points."""
    count = tally["counts/values"]
    total = add_blocks(tally["sums/values"])
    return np.divide(total, count, out=np.zeros(len(count)), where=count > 0)


def tally_quality(
    points: np.ndarray,
    weights: np.ndarray,
    lattice: Lattice,
    winners: tuple[np.ndarray, np.ndarray],
    means: np.ndarray,
    *,
    metric: str = "euclidean",
) -> Tally:
    """Tally a block of points (n, F) for `finish_quality`; `means` (F,) are those of all points.

    Other arguments are as for `measure_quality`.
    """
    nodes, distances = winners
    first = nodes[:, 0]
    values = [column[~np.isnan(column)] for column in points.T]
    squares = [np.square(v - mean).sum() for v, mean in zip(values, means, strict=True)]
    steps = [count_steps(v, column) for v, column in zip(values, weights.T, strict=True)]
    found: Tally = {
        "counts/hits": np.bincount(first, minlength=lattice.n_nodes),
        "counts/steps": np.stack(steps),
        "sums/distances": np.array([distances[:, 0].sum(dtype=np.float64)]),
        "sums/squares": np.array([squares]),
    }
    if lattice.n_nodes > 1:
        _, second = _as_pairs(nodes, lattice)
        pairs = first.astype(np.int64) * lattice.n_nodes + second
        found["counts/apart"] = np.count_nonzero(~lattice.are_neighbours(first, second))
        found["sparse/pairs"] = np.stack(np.unique(pairs, return_counts=True))
    if metric in ("euclidean", "sqeuclidean"):
        found["sums/offsets"] = _sum_offsets(points, weights, first)[None]
    return found


def finish_quality(
    tally: Tally,
    weights: np.ndarray,
    lattice: Lattice,
    sample: tuple[np.ndarray, np.ndarray],
    *,
    radius: float,
    kernel: str = "truncated_gaussian",
    kernel_distance: str = "links",
    rows: int = QUALITY_ROWS,
    metric: str = "euclidean",
) -> dict[str, float]:
    """Return all measures of a map from tallies of all points.

    `tally`: those of `tally_means` and `tally_quality`; `sample`: the points at `evenly_spaced`
    rows, `rows` at most, and their winners. Other arguments are as for `measure_quality`.
    """
    hits, count = tally["counts/hits"], tally["counts/values"]
    n_points, n_nodes = int(hits.sum()), lattice.n_nodes
    trust, preserved = preservation.rank_preservation(*sample, lattice, metric=metric, rows=rows)
    error = float(add_blocks(tally["sums/distances"]) / n_points)
    apart = float(tally["counts/apart"] / n_points) if n_nodes > 1 else float("nan")
    combined = float("nan")
    if n_nodes > 1:
        pairs, times = tally["sparse/pairs"]
        combined = error + _mean_way(pairs, times, weights, lattice, metric)
    if metric in ("euclidean", "sqeuclidean"):
        strengths = Neighbourhood(lattice, kernel, kernel_distance).table(radius)
        offsets = add_blocks(tally["sums/offsets"])
        energy = _energy_of_squares(offsets, hits, weights, lattice, strengths) / n_points
    else:
        points, winners = sample
        how = {"kernel": kernel, "kernel_distance": kernel_distance, "metric": metric}
        energy = distortion(points, weights, winners, lattice, radius=radius, rows=rows, **how)
    squares, several = add_blocks(tally["sums/squares"]), count > 1
    variances = np.divide(squares, count - 1, out=np.zeros(len(count)), where=several)
    moments = count.astype(np.float64), means_of(tally), variances
    gaps = [
        preservation.gap_of_counts(steps, n, column) if n else np.nan
        for steps, n, column in zip(tally["counts/steps"], count, weights.T, strict=True)
    ]
    embedded = preservation.variance_of_moments(moments, weights)
    return {
        "quantization_error": error,
        "topographic_error": apart,
        "combined_error": combined,
        "distortion": energy,
        "topographic_product": preservation.topographic_product(
            weights, lattice, metric=metric, rows=rows
        ),
        "trustworthiness": trust,
        "neighbourhood_preservation": preserved,
        "embedding_ks": preservation.ks_of_moments(moments, np.array(gaps), n_nodes),
        "embedding_variance": embedded,
        "convergence": convergence(embedded, apart),
        "dead_node_share": dead_node_share(hits),
    }


def _as_distances(distances: npt.ArrayLike) -> np.ndarray:
    distances = np.asarray(distances)
    if distances.ndim != 1 or distances.size == 0:
        raise DataError(f"distances must have one value for each point, got {distances.shape}")
    return distances


def _as_pairs(two_winners: npt.ArrayLike, lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    nodes = as_nodes(two_winners, lattice.n_nodes, "two_winners")
    if nodes.ndim != 2 or nodes.shape[1] != 2 or nodes.shape[0] == 0:
        raise DataError(f"two_winners must have shape (N, 2), got {nodes.shape}")
    return nodes[:, 0], nodes[:, 1]
