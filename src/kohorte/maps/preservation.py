"""How well a map keeps ranks of distances and the distribution of its data."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from kohorte._arrays import as_nodes, as_points, as_weights
from kohorte._checks import as_count, as_number
from kohorte.errors import ConfigError, DataError
from kohorte.maps.lattice import Lattice
from kohorte.maps.metrics import pairwise

NEIGHBOURS = 10
CONFIDENCE = 0.95

_BLOCK_ENTRIES = 1 << 17

#: Nodes of a lattice up to which the orders of their distances are kept, 17 MB at most.
_KEPT_NODES = 1024

Moments = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Count, mean and sample variance of the values present in each feature, (F,)."""


def evenly_spaced(n_rows: int, at_most: int) -> npt.NDArray[np.int64]:
    """Return row numbers (min(n_rows, at_most),), ascending, at even distances."""
    count = min(as_count(n_rows, "n_rows", 1), as_count(at_most, "rows", 1))
    return np.arange(count, dtype=np.int64) * n_rows // count


def topographic_product(
    weights: npt.ArrayLike, lattice: Lattice, *, metric: str = "euclidean", rows: int = 1000
) -> float:
    """Return the topographic product P of the map, 0 if the lattice has the data's dimension.

    With n_k^A(j) and n_k^V(j) the k-th nearest node of node j on the lattice and by weights (M, F),
    d^A the Euclidean distance on the lattice and d^V the distance of weights in the map's metric,

        Q1(j, l) = d^V(j, n_l^A(j)) / d^V(j, n_l^V(j)),  Q2(j, l) = d^A(j, n_l^A) / d^A(j, n_l^V),
        P = mean over j and k = 1..M-1 of 1/(2k) sum_{l <= k} ln(Q1(j, l) Q2(j, l)).

    P < 0: too few lattice dimensions, P > 0: too many. j runs over at most `rows` nodes, evenly
    spaced. Nodes at the same distance are taken in the order of their index; a ratio with a
    distance of zero (nodes with the same weights) counts as 1. NaN for a map of one node.
    Source: Bauer & Pawelzik, IEEE Trans. Neural Networks 3 (1992) 570.
    """
    n_nodes = lattice.n_nodes
    weights = as_weights(weights, n_nodes)
    nodes = evenly_spaced(n_nodes, rows)
    if n_nodes == 1:
        return float("nan")
    from kohorte.maps import _ranks

    # 1/(2k) over all k from the rank on: what its logarithm counts in the sum over k and l.
    factors = np.cumsum(0.5 / np.arange(n_nodes - 1, 0, -1))[::-1] / (n_nodes - 1)
    total = 0.0
    size = max(1, _BLOCK_ENTRIES // n_nodes)
    for start in range(0, nodes.size, size):
        block = nodes[start : start + size]
        by_weights = pairwise(weights[block], weights, metric)
        rank = _kept_ranks if n_nodes <= _KEPT_NODES else _rank_nodes
        on_lattice = rank(lattice, rows, start, block.size)
        total += _ranks.add_ratios(
            by_weights, _order_others(by_weights, block), *on_lattice, factors
        )
    return total / nodes.size


def _rank_nodes(
    lattice: Lattice, rows: int, start: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lattice distances of a block of evenly spaced nodes, and their orders, (b, M)."""
    block = evenly_spaced(lattice.n_nodes, rows)[start : start + size]
    distances = lattice.distances_from(block)
    order = _order_others(distances, block)
    distances.flags.writeable = order.flags.writeable = False  # they may be kept
    return distances, order


#: The maps of an ensemble have few lattices.
_kept_ranks = lru_cache(maxsize=8)(_rank_nodes)


def _order_others(distances: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return the columns in the order of the distances (b, M) >= 0 in each row, `own` (b,) last.

    Ties in the order of columns: the last bits of a distance give way to the column, which makes
    one number of both, for which sorting is much faster than an order is found. Distances that
    differ by less, by one in 2^38 for 10,000 columns, count as tied.
    """
    bits = np.uint64((1 << (distances.shape[1] - 1).bit_length()) - 1)
    keys = (distances.view(np.uint64) & ~bits) | np.arange(distances.shape[1], dtype=np.uint64)
    keys[np.arange(own.size), own] |= ~bits
    keys.sort(axis=1)
    return (keys & bits).view(np.int64)


def rank_preservation(
    features: npt.ArrayLike,
    winners: npt.ArrayLike,
    lattice: Lattice,
    *,
    metric: str = "euclidean",
    neighbours: int = NEIGHBOURS,
    rows: int = 1000,
) -> tuple[float, float]:
    """Return trustworthiness and neighbourhood preservation (continuity), both in [0, 1].

    With n points, k neighbours, r(i, j) the rank of j by distance from i among the data (N, F), in
    the metric of the map, and q(i, j) the rank among the lattice positions of their winners (N,),
    by Euclidean distance to the nearest image,

        trustworthiness = 1 - c sum_i sum_{q(i,j) <= k} max(r(i, j) - k, 0),
        preservation    = 1 - c sum_i sum_{r(i,j) <= k} max(q(i, j) - k, 0),
        c = 2 / (n k (2 n - 3 k - 1)).

    Tied distances: the mean over all orders of the tied points (on a map most ranks are tied). The
    sums run over at most `rows` rows, evenly spaced, and k is at most (n - 1) div 2. NaN for fewer
    than three points. Missing values: distances over the features that both points have, rescaled
    as in metrics.METRICS; points with none in common are the farthest.
    Source: Venna & Kaski, Proc. ICANN (2001) 485.
    """
    points = as_points(features, missing=True)
    winners = as_nodes(winners, lattice.n_nodes, "winners")
    if winners.shape != points.shape[:1]:
        raise DataError(f"winners must have shape ({points.shape[0]},), got {winners.shape}")
    taken = evenly_spaced(points.shape[0], rows)
    count = taken.size
    k = min(as_count(neighbours, "neighbours", 1), (count - 1) // 2)
    if k < 1:
        return float("nan"), float("nan")
    points, winners = points[taken], winners[taken]
    untrue = lost = 0.0
    from kohorte.maps import _ranks

    size = max(1, _BLOCK_ENTRIES // max(count, lattice.n_nodes))
    for start in range(0, count, size):
        block = slice(start, start + size)
        in_data = pairwise(points[block], points, metric)
        on_map = np.take(lattice.distances_from(winners[block]), winners, axis=1)
        ranked, mapped = np.sort(in_data, axis=1), np.sort(on_map, axis=1)
        untrue += _ranks.add_excess(on_map, mapped, in_data, ranked, start, k)
        lost += _ranks.add_excess(in_data, ranked, on_map, mapped, start, k)
    scale = 2 / (count * k * (2 * count - 3 * k - 1))
    return 1 - scale * untrue, 1 - scale * lost


def embedding_ks(
    features: npt.ArrayLike, weights: npt.ArrayLike, *, confidence: float = CONFIDENCE
) -> float:
    """Return the share of the data's variance in features whose distribution the weights match.

    A feature counts if a two-sample Kolmogorov-Smirnov test between its N values and its M weights
    does not reject at `confidence` (asymptotic p > 1 - confidence). Constant data: all features
    weigh the same. Missing values are left out; a feature with none present does not count.
    Source: the POPSOM package; Hamel, Advances in Self-Organizing Maps, WSOM (2016).
    """
    points, weights = _as_samples(features, weights)
    gaps = marginal_gaps(points, weights)
    return ks_of_moments(_moments(points), gaps, len(weights), confidence=confidence)


def ks_of_moments(
    moments: Moments, gaps: np.ndarray, n_nodes: int, *, confidence: float = CONFIDENCE
) -> float:
    """Return what `embedding_ks` does, from moments of the points and `marginal_gaps` (F,)."""
    from scipy import special

    level = 1 - _as_confidence(confidence)
    count = moments[0]
    size = count * n_nodes / (count + n_nodes)
    embedded = (count > 0) & (special.kolmogorov(np.sqrt(size) * np.nan_to_num(gaps)) > level)
    return _share_of_variance(moments[2], embedded)


def marginal_gaps(features: npt.ArrayLike, weights: npt.ArrayLike) -> np.ndarray:
    """Return how far the distributions of values and weights are apart in each feature, (F,).

    The Kolmogorov-Smirnov distance of the values of `features` (N, F), without those that are
    missing, and `weights` (M, F): 0 for equal distributions, 1 for separate ones, NaN for a feature
    without values, or whose weights are unknown.
    """
    points, nodes = as_points(features, missing=True), np.asarray(weights, dtype=np.float32)
    if nodes.shape[1:] != points.shape[1:]:
        raise DataError(f"weights {nodes.shape} for features {points.shape}: columns must agree")
    gaps = np.full(points.shape[1], np.nan)
    for f in range(points.shape[1]):
        values = _present(points[:, f])
        if values.size and not np.isnan(nodes[:, f]).any():
            gaps[f] = _largest_gap(values, nodes[:, f])
    return gaps


def _largest_gap(values: np.ndarray, nodes: np.ndarray) -> float:
    """Return the Kolmogorov-Smirnov distance of two samples."""
    return gap_of_counts(count_steps(values, nodes), values.size, nodes)


def count_steps(values: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Return how many values lie below each of the nodes (M,) in their order, and up to it, (2, M).

    Counts of parts of the values add up.
    """
    values, steps = np.sort(values), np.sort(nodes)
    return np.stack([np.searchsorted(values, steps, side=side) for side in ("left", "right")])


def gap_of_counts(counts: np.ndarray, n_values: int, nodes: np.ndarray) -> float:
    """Return the Kolmogorov-Smirnov distance of values and nodes from `count_steps`."""
    _, first, repeats = np.unique(np.sort(nodes), return_index=True, return_counts=True)
    above = np.cumsum(repeats) / nodes.size
    below = above - repeats / nodes.size
    # Between two steps the values' distribution only grows, so the largest differences are at the
    # steps and just before them.
    before_step, at_step = counts[:, first] / n_values
    return float(max(np.abs(at_step - above).max(), np.abs(before_step - below).max()))


def embedding_variance(
    features: npt.ArrayLike, weights: npt.ArrayLike, *, confidence: float = CONFIDENCE
) -> float:
    """Return the share of variance in features whose mean and variance the weights match.

    A feature of `features`, (N, F), counts if the confidence interval of the ratio of its variance
    to the weights', (M, F), contains 1 (F test) and the interval of the difference of the means 0
    (Welch's t test). Constant data: all features weigh the same; a feature that is constant in both
    counts if the values are equal, and one that is constant in only one of them does not. Missing
    values are left out; a feature with fewer than two present does not count. NaN for one node, or
    if no feature has two values.
    Source: Hamel, Advances in Self-Organizing Maps, WSOM (2016); Yuan, thesis, University of Rhode
    Island (2018).
    """
    points, weights = _as_samples(features, weights)
    return variance_of_moments(_moments(points), weights, confidence=confidence)


def variance_of_moments(
    moments: Moments, weights: np.ndarray, *, confidence: float = CONFIDENCE
) -> float:
    """Return what `embedding_variance` does, from moments of the points."""
    from scipy import special

    tail = (1 - _as_confidence(confidence)) / 2
    n, means, variances = moments
    m, node_means, node_variances = _moments(weights)
    tested = (n > 1) & (m > 1)
    if not tested.any():
        return float("nan")
    difference = np.abs(means - node_means)
    constant = (variances == 0) | (node_variances == 0)
    embedded = (variances == node_variances) & (difference == 0)
    (varied,) = np.nonzero(tested & ~constant)
    n, m = n[varied], m[varied]
    spread, node_spread = variances[varied] / n, node_variances[varied] / m
    freedom = (spread + node_spread) ** 2 / (spread**2 / (n - 1) + node_spread**2 / (m - 1))
    reach = special.stdtrit(freedom, 1 - tail) * np.sqrt(spread + node_spread)
    ratio = variances[varied] / node_variances[varied]
    embedded[varied] = (
        (special.fdtri(n - 1, m - 1, tail) <= ratio)
        & (ratio <= special.fdtri(n - 1, m - 1, 1 - tail))
        & (difference[varied] <= reach)
    )
    return _share_of_variance(variances, embedded & tested)


def _moments(table: np.ndarray) -> Moments:
    """Return count, mean and sample variance of the values present in each column, (F,)."""
    found = np.zeros((3, table.shape[1]))
    for f, column in enumerate(table.T):
        values = _present(column)
        found[0, f] = values.size
        if values.size:
            found[1, f] = values.mean(dtype=np.float64)
        if values.size > 1:
            found[2, f] = values.var(ddof=1, dtype=np.float64)
    return found[0], found[1], found[2]


def _present(column: np.ndarray) -> np.ndarray:
    return column[~np.isnan(column)]


def _share_of_variance(variances: np.ndarray, embedded: np.ndarray) -> float:
    total = variances.sum()
    return float(variances[embedded].sum() / total if total > 0 else embedded.mean())


def _as_samples(
    features: npt.ArrayLike, weights: npt.ArrayLike
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    points = as_points(features, missing=True)
    return points, as_weights(weights, n_features=points.shape[1])


def _as_confidence(confidence: float) -> float:
    confidence = as_number(confidence, "confidence", positive=True)
    if confidence >= 1:
        raise ConfigError(f"confidence must be below 1, got {confidence}")
    return confidence
