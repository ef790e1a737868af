"""Significance of clusters by the statistically combined ensemble (SCE).

For cluster A of one realization and B of another, with n = |A and B|, a = |A|, b = |B| and
u = a + b - n points in either:

    S = n / u,    Q = (u - n) / (a + b),    G = S / Q,    Gsum(A) = sum of G(A, B) over all B

Source: Bussov & Nattila, Signal Processing: Image Communication 99 (2021) 116450. All numbers
are float64, computed in a fixed order from exact counts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kohorte._checks import choose, is_real
from kohorte.ensemble.overlaps import Overlaps
from kohorte.errors import ConfigError, DataError

IDENTICAL: dict[str, float] = {"resolved": 1.0, "reference": np.inf}
"""Points of disagreement u - n to assume where two clusters are identical and G has no value.

``resolved`` assumes one point, so that G is a + b, the highest that these sizes allow.
``reference`` gives 0 as the published code does, which ranks the most stable clusters last.
"""

THRESHOLD = -0.015
"""Published default of the relative slope that ends an SCE group."""

_ORDER = 4
_LONG_WINDOW = 1001  # above that of 10,000 clusters
_PAIRS = 2**15  # pairs of clusters that are looked at together


@dataclass(frozen=True, eq=False)
class Separation:
    """Where the ranked Gsum curve of L clusters falls apart.

    `smoothed` (L,) float64 is ranked Gsum after the Savitzky-Golay filter, `derivative` (L,)
    float64 its slope per rank, divided by it; 0 where that is 0. `minima` (m,) int64 are the
    recorded minima of the derivative, of which the first separates nothing: it lies within the
    first group. Group g of `boundaries` (G + 1,) int64 holds the ranks boundaries[g]..boundaries[g
    + 1] - 1.
    """

    smoothed: np.ndarray
    derivative: np.ndarray
    minima: np.ndarray
    boundaries: np.ndarray

    @property
    def n_groups(self) -> int:
        """Number G of SCE groups, at least 1."""
        return len(self.boundaries) - 1


def overlap(overlaps: Overlaps) -> np.ndarray:
    """Return S = n / u, (K, K) float64; 0 within a realization and for two empty clusters."""
    return _of_pairs(overlaps, lambda n, union, total: n / np.maximum(union, 1.0))


def disagreement(overlaps: Overlaps) -> np.ndarray:
    """Return Q = (u - n) / (a + b), (K, K) float64; 0 within a realization and for empty ones."""
    return _of_pairs(overlaps, lambda n, union, total: (union - n) / np.maximum(total, 1.0))


def goodness(overlaps: Overlaps, identical: str = "resolved") -> np.ndarray:
    """Return G = S / Q = n (a + b) / (u (u - n)), (K, K) float64; 0 within a realization.

    `identical` is a name of IDENTICAL, else ConfigError.
    """
    floor = choose(IDENTICAL, identical, "treatment of identical clusters")
    return _of_pairs(overlaps, lambda n, union, total: _goodness(n, union, total, floor))


def gsum(overlaps: Overlaps, identical: str = "resolved") -> np.ndarray:
    """Return Gsum, (K,) float64: the sum of G over all clusters of all other realizations.

    `identical` is a name of IDENTICAL, else ConfigError.
    """
    return _sum_goodness(overlaps, identical, np.zeros(overlaps.n_clusters, np.int64), 1)[:, 0]


def gsum_by_realization(overlaps: Overlaps, identical: str = "resolved") -> np.ndarray:
    """Return G of each cluster summed over the clusters of each realization, (K, R) float64.

    It is 0 for a cluster's own realization. `identical` is as for gsum.
    """
    return _sum_goodness(overlaps, identical, overlaps.realization, overlaps.starts.size)


def _sum_goodness(
    overlaps: Overlaps, identical: str, parts: np.ndarray, n_parts: int
) -> np.ndarray:
    """Return G of each cluster summed over those of each part (K,) of all, (K, n_parts) float64."""
    if overlaps.sparse is not None:
        row, column = overlaps.pairs
        sums = np.zeros((overlaps.n_clusters, n_parts))
        np.add.at(sums, (row, parts[column]), measure_shared(overlaps, identical)[2])
        return sums
    from kohorte.ensemble._goodness import sum_goodness

    floor = choose(IDENTICAL, identical, "treatment of identical clusters")
    sizes = overlaps.sizes.astype(np.float64)
    return sum_goodness(overlaps.counts, sizes, overlaps.realization, floor, parts, n_parts)


def measure_shared(
    overlaps: Overlaps, identical: str = "resolved"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return S, Q and G of every number of sparse counts; 0 within a realization.

    Of all other pairs of clusters of different realizations S and G are 0, and Q is 1.
    """
    assert overlaps.sparse is not None
    floor = choose(IDENTICAL, identical, "treatment of identical clusters")
    row, column = overlaps.pairs
    sizes = overlaps.sizes.astype(np.float64)
    n, both = overlaps.sparse.data.astype(np.float64), sizes[column] + sizes[row]
    union = both - n
    found = n / union, (union - n) / both, _goodness(n, union, both, floor)
    for values in found:
        values[overlaps.realization[row] == overlaps.realization[column]] = 0.0
    return found


def rank_clusters(values: np.ndarray) -> np.ndarray:
    """Return the (K,) cluster indices by descending value; the lower index wins a tie."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise DataError("Gsum values must be one finite number per cluster")
    return np.argsort(-values, kind="stable")


def check_threshold(threshold: float) -> None:
    """Raise ConfigError for a threshold of `separate` that is no number below 0."""
    if not (is_real(threshold) and threshold < 0):
        raise ConfigError(f"threshold must be a number below 0, not {threshold!r}")


def separate(ranked: np.ndarray, threshold: float = THRESHOLD) -> Separation:
    """Cut the ranked Gsum curve into SCE groups where its relative slope has deep minima.

    `ranked` (L,) is Gsum in descending order, else DataError is raised. Minima of the relative
    slope count below `threshold`, which is negative (else ConfigError), once the slope has been
    above it. There is one group where the curve has fewer than two. The filter's window is L div
    10, made odd (an even one shifts the curve by half a rank) and at least 5; a curve of fewer than
    5 clusters is not smoothed and stays whole.
    """
    ranked = np.asarray(ranked, dtype=np.float64)
    check_threshold(threshold)
    if ranked.ndim != 1 or ranked.size == 0 or not np.isfinite(ranked).all():
        raise DataError("ranked Gsum must be one finite number per cluster, at least one")
    if (np.diff(ranked) > 0).any():
        raise DataError("ranked Gsum must descend; sort it by rank_clusters first")
    smoothed, slope = _smooth(ranked)
    derivative = np.divide(slope, smoothed, out=np.zeros_like(slope), where=smoothed != 0)
    minima = _find_minima(derivative, threshold)
    boundaries = np.concatenate([[0], minima[1:], [ranked.size]]).astype(np.int64)
    return Separation(smoothed, derivative, minima, boundaries)


def sce_groups(order: np.ndarray, separation: Separation) -> np.ndarray:
    """Return the SCE group of each cluster, (K,) int32; group 0 is the most significant one.

    `order` is the result of rank_clusters whose values were separated.
    """
    order = np.asarray(order)
    if order.shape != (separation.boundaries[-1],):
        raise DataError(
            f"order has shape {order.shape}, the separated curve {separation.boundaries[-1]} ranks"
        )
    groups = np.empty(order.size, dtype=np.int32)
    groups[order] = np.repeat(
        np.arange(separation.n_groups, dtype=np.int32), np.diff(separation.boundaries)
    )
    return groups


def _of_pairs(
    overlaps: Overlaps, measure: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return ``measure(n, u, a + b)`` of all pairs, (K, K) float64; 0 within a realization."""
    overlaps.require_all_pairs("a table of pairs")
    k, sizes = overlaps.n_clusters, overlaps.sizes.astype(np.float64)
    values = np.empty((k, k))
    # Some rows at a time, so that the steps in between stay in the cache.
    step = max(1, _PAIRS // k)
    for start in range(0, k, step):
        rows = slice(start, start + step)
        n = overlaps.counts[rows].astype(np.float64)
        total = sizes[rows, None] + sizes
        values[rows] = measure(n, total - n, total)
        values[rows][overlaps.realization[rows, None] == overlaps.realization] = 0.0
    return values


def _goodness(n: np.ndarray, union: np.ndarray, total: np.ndarray, floor: float) -> np.ndarray:
    differing = union - n
    differing = np.where(differing == 0, floor, differing)
    return n * total / (np.maximum(union, 1.0) * differing)


def _smooth(ranked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smoothed curve and its slope per rank."""
    window = max(ranked.size // 10 | 1, _ORDER + 1)
    if ranked.size < window:
        slope = np.gradient(ranked) if ranked.size > 1 else np.zeros(1)
        return ranked.copy(), slope
    if window > _LONG_WINDOW:
        return _smooth_long(ranked, window)
    values, slopes = _savitzky_golay(window)
    smoothed = _convolve(ranked, values)
    return smoothed, _convolve(smoothed, slopes)


def _smooth_long(ranked: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what _smooth does, for windows whose filters of all places would be too large."""
    polynomials, slopes, shares = _find_polynomials(window)

    def apply(values: np.ndarray, of_place: list[np.ndarray]) -> np.ndarray:
        from scipy.ndimage import correlate1d

        half, terms = window // 2, list(zip(of_place, polynomials, shares, strict=True))
        found = correlate1d(values, sum(p[half] / share * q for p, q, share in terms))
        for part, held in ((np.s_[:half], np.s_[:window]), (np.s_[-half:], np.s_[-window:])):
            found[part] = sum(
                p[part] * (float((q * values[held]).sum()) / share) for p, q, share in terms
            )
        return found

    smoothed = apply(ranked, polynomials)
    return smoothed, apply(smoothed, slopes)


def _savitzky_golay(window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the filters of value and slope of the quartic through a window, (window, window).

    Row t has the weights of the window's values for place t in it. From orthogonal polynomials, for
    a least-squares solver of LAPACK has other last digits on other processors.
    """
    polynomials, slopes, shares = _find_polynomials(window)
    filters = np.zeros((2, window, window))
    for polynomial, slope, share in zip(polynomials, slopes, shares, strict=True):
        weights = polynomial / share
        filters[0] += polynomial[:, None] * weights
        filters[1] += slope[:, None] * weights
    return filters[0], filters[1]


def _find_polynomials(window: int) -> tuple[list[np.ndarray], list[np.ndarray], list[float]]:
    """Return orthogonal polynomials up to the quartic, their slopes, and sums of their squares."""
    x = np.arange(window) - window // 2.0
    polynomials, slopes = [np.ones(window), x], [np.zeros(window), np.ones(window)]
    for _ in range(2, _ORDER + 1):
        last, before = polynomials[-1], polynomials[-2]
        share = float((last * last).sum() / (before * before).sum())
        slopes.append(last + x * slopes[-1] - share * slopes[-2])
        polynomials.append(x * last - share * before)
    return polynomials, slopes, [float((p * p).sum()) for p in polynomials]


def _convolve(values: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Apply the middle filter in the middle, and those of the first and last window at the ends."""
    from scipy.ndimage import correlate1d

    window = len(filters)
    half = window // 2
    found = correlate1d(values, filters[half])
    found[:half] = (filters[:half] * values[:window]).sum(axis=1)
    found[-half:] = (filters[-half:] * values[-window:]).sum(axis=1)
    return found


def _find_minima(derivative: np.ndarray, threshold: float) -> np.ndarray:
    """Scan for local minima below the threshold, at most one per excursion from above it."""
    minima = []
    armed = False
    for i in range(1, derivative.size - 1):
        before, here, after = derivative[i - 1 : i + 2]
        if armed and here < threshold and here < before and here < after:
            minima.append(i)
            armed = False
        elif here > threshold:
            armed = True
    return np.array(minima, dtype=np.int64)
