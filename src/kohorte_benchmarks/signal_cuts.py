"""Ranges of a stacked signal: cut at its gaps, or as well as possible with the truth known."""

import numpy as np
import numpy.typing as npt

from kohorte_benchmarks.label_sets import BACKGROUND


def cut_at_gaps(signal: np.ndarray, n_ranges: int) -> npt.NDArray[np.int64]:
    """Cut a signal (N,) into ranges at the largest gaps between its sorted values.

    Returns the range of each point, (N,), 0 for the lowest signal. There are fewer than `n_ranges`
    if the signal has fewer values. Of equal gaps the lower are cut.
    """
    values, index = np.unique(signal, return_inverse=True)
    cuts = np.argsort(-np.diff(values), kind="stable")[: n_ranges - 1]
    starts = np.zeros(values.size, dtype=np.int64)
    starts[cuts + 1] = 1
    return np.cumsum(starts)[index]


def cut_best(signal: np.ndarray, truth: np.ndarray, n_ranges: int) -> npt.NDArray[np.int64]:
    """Cut a signal into at most n_ranges ranges such that their adjusted Rand index is largest.

    With P pairs of points in all, R of them in one class, C in one range and S in both, the index
    is (S - R C / P) / ((R + C) / 2 - R C / P). C and S are sums over the ranges, so for a trial
    index x the cuts that maximize numerator - x denominator follow from dynamic programming, and
    the x that they reach is the next trial; it rises until no cuts are better (Dinkelbach,
    Management Science 13 (1967) 492). The result is exact.

    Parameters
    ----------
    signal
        (N,) float64.
    truth
        (N,) integers, class of each point, one of them at least with two; points of BACKGROUND are
        not judged.

    Returns
    -------
    (N,) int64
        Range of each point, 0 for the lowest signal.
    """
    values, index = np.unique(signal, return_inverse=True)
    judged = truth != BACKGROUND
    classes, codes = np.unique(truth[judged], return_inverse=True)
    below = np.zeros((values.size + 1, classes.size))  # points of each class below each value
    np.add.at(below, (index[judged] + 1, codes), 1.0)
    below = np.cumsum(below, axis=0)
    total = below.sum(axis=1)
    pairs, class_pairs = _pairs(total[-1]), _pairs(below[-1]).sum()
    # [i, j]: pairs within a range that holds the values i..j-1
    range_pairs = _pairs(np.maximum(total - total[:, None], 0.0))
    of_class = (_pairs(np.maximum(n - n[:, None], 0.0)) for n in below.T)
    both = sum(of_class, start=np.zeros_like(range_pairs))

    def index_of(ends: list[int]) -> float:
        spans = list(zip([0, *ends], ends, strict=False))
        s, c = (sum(table[span] for span in spans) for table in (both, range_pairs))
        chance = class_pairs * c / pairs
        denominator = (class_pairs + c) / 2 - chance
        return (s - chance) / denominator if denominator else 1.0

    ends = [values.size]
    best = index_of(ends)
    while True:
        slope = class_pairs / pairs * (1 - best) + best / 2
        trial = _best_path(both - slope * range_pairs, n_ranges)
        score = index_of(trial)
        if score <= best + 1e-12:
            break
        ends, best = trial, score
    starts = np.zeros(values.size, dtype=np.int64)
    starts[ends[:-1]] = 1
    return np.cumsum(starts)[index]


def _best_path(gain: np.ndarray, n_ranges: int) -> list[int]:
    """Find ends of at most n_ranges ranges of 0..U-1 with the largest sum of gain[start, end]."""
    size = len(gain) - 1
    gain = np.where(np.tri(size + 1, dtype=bool), -np.inf, gain)  # a range holds a value
    reached, came_from = [gain[0]], []
    for _ in range(1, min(n_ranges, size)):
        through = reached[-1][:, None] + gain
        came_from.append(np.argmax(through, axis=0))
        reached.append(through.max(axis=0))
    level = int(np.argmax([row[size] for row in reached]))
    ends = [size]
    for step in range(level, 0, -1):
        ends.insert(0, int(came_from[step - 1][ends[0]]))
    return ends


def _pairs(n: np.ndarray) -> np.ndarray:
    return n * (n - 1) / 2
