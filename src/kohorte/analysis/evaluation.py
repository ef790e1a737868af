"""Comparison of labels with a known truth.

Points whose class is not known are in no comparison.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from kohorte._arrays import as_entries, find_missing
from kohorte._checks import extra
from kohorte._limits import BLOCK_ROWS
from kohorte.data.table import UNKNOWN
from kohorte.ensemble.votes import VOTES, Voters
from kohorte.errors import DataError


@dataclass(frozen=True, eq=False)
class Matching:
    """Clusters beside classes, matched one to one with most points in common."""

    classes: np.ndarray  # (n_classes,) any type, ascending
    #: (n_clusters,) integers: cluster ids, ascending, also of those without a point of known class
    clusters: np.ndarray
    #: (n_classes, n_clusters) int64: number of points of each class in each cluster
    confusion: np.ndarray
    #: (n_classes,) int64: index into `clusters` of what each class is matched with, -1 for none
    matching: np.ndarray


@dataclass(frozen=True, eq=False)
class Evaluation(Matching):
    """How well clusters reproduce classes."""

    #: `ari`, `ami`: adjusted Rand index and adjusted mutual information; 1 is perfect, 0 is chance
    ari: float
    ami: float
    accuracy: float  # Share of points of known class in the cluster that is matched with it
    #: `precision`, `recall`: (n_classes,) float64. Share of the matched cluster that is of the
    #: class, and of the class that is in the matched cluster; 0 for a class with no match.
    precision: np.ndarray
    recall: np.ndarray


def match_classes(labels: np.ndarray, truth: np.ndarray) -> Matching:
    """Match true classes with clusters, so that most points are in the cluster of their class.

    `labels` (N,) integers: cluster of each point; any ids. `truth` (N,) integers, booleans or
    strings: class of each point; -1, NaN and None say that it is not known. Raises DataError: no
    point of known class, different lengths, labels that are not integers, a fractional class.
    """
    return match_counts(*_count(labels, truth))


def _count(labels: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the classes, the clusters, and the points of each class in each cluster."""
    labels, truth = as_entries(labels), as_entries(truth)
    known = has_class(truth)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"labels must be one integer per point, not {labels.dtype} of shape {labels.shape}"
        )
    if labels.shape != truth.shape:
        raise DataError(f"{labels.size} labels, but {truth.size} true classes")
    clusters, k = np.unique(labels, return_inverse=True)
    classes, c = np.unique(known_classes(truth, known), return_inverse=True)
    k = k[known]
    shape = (classes.size, clusters.size)
    confusion = np.bincount(c * clusters.size + k, minlength=shape[0] * shape[1]).reshape(shape)
    return classes, clusters, confusion


def match_counts(classes: np.ndarray, clusters: np.ndarray, confusion: np.ndarray) -> Matching:
    """Match classes with clusters, given the points of each class in each cluster."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(confusion, maximize=True)
    matching = np.full(classes.size, -1, dtype=np.int64)
    matching[rows] = columns
    return Matching(classes, clusters, confusion.astype(np.int64), matching)


def evaluate(labels: np.ndarray, truth: np.ndarray) -> Evaluation:
    """Compare labels with true classes; arguments and errors as for `match_classes`."""
    return evaluate_counts(*_count(labels, truth))


def evaluate_counts(classes: np.ndarray, clusters: np.ndarray, confusion: np.ndarray) -> Evaluation:
    """Compare clusters with classes, given the points of each class in each cluster, some of each.

    `classes` (C,), `clusters` (K,), `confusion` (C, K) as those of `Matching`. DataError where no
    point has a class.
    """
    if not confusion.any():
        raise DataError("the class of no point is known")
    found = match_counts(classes, clusters, confusion)
    rows = np.flatnonzero(found.matching >= 0)
    hits = np.zeros(found.classes.size)
    hits[rows] = found.confusion[rows, found.matching[rows]]
    sizes = np.where(found.matching >= 0, found.confusion.sum(axis=0)[found.matching], 1)
    sizes = np.maximum(sizes, 1)  # a cluster that is left over may have no point of known class
    return Evaluation(
        **vars(found),
        ari=_adjusted_rand(found.confusion),
        ami=_adjusted_information(found.confusion),
        accuracy=float(hits.sum() / int(found.confusion.sum())),
        precision=hits / sizes,
        recall=hits / found.confusion.sum(axis=1),
    )


def _adjusted_rand(confusion: np.ndarray) -> float:
    """Return the adjusted Rand index, as scikit-learn has it, in integers of any size."""
    together = sum(n * n for n in confusion.ravel().tolist())
    of_classes = sum(n * n for n in confusion.sum(axis=1).tolist())
    of_clusters = sum(n * n for n in confusion.sum(axis=0).tolist())
    total = int(confusion.sum())
    tp, fn, fp = together - total, of_classes - together, of_clusters - together
    tn = total * total - together - fn - fp
    if fn == fp == 0:
        return 1.0
    return 2.0 * (tp * tn - fn * fp) / ((tp + fn) * (fn + tn) + (tp + fp) * (fp + tn))


def _adjusted_information(confusion: np.ndarray) -> float:
    """Return the adjusted mutual information, as scikit-learn has it, from counts alone."""
    with extra("estimators"):
        from sklearn.metrics.cluster import expected_mutual_information, mutual_info_score
    from scipy.sparse import csr_array

    counts = confusion[confusion.any(axis=1)][:, confusion.any(axis=0)]
    if 1 in counts.shape:
        return float(counts.shape == (1, 1))
    sparse, total = csr_array(counts), int(counts.sum())
    shared = mutual_info_score(None, None, contingency=sparse)
    if total <= BLOCK_ROWS:
        expected = expected_mutual_information(sparse, total)
    else:
        expected = expected_information(counts.sum(axis=1), counts.sum(axis=0), total)
    entropies = [_entropy(counts.sum(axis=axis), total) for axis in (1, 0)]

    def off_zero(value: float) -> float:
        least = float(np.finfo(np.float64).eps)  # where both are 0 there is perfect agreement
        return min(value, -least) if value < 0 else max(value, least)

    return off_zero(shared - expected) / off_zero(float(np.mean(entropies)) - expected)


def expected_information(first: np.ndarray, second: np.ndarray, total: int) -> float:
    """Return the mutual information of partitions by chance, given the sizes of their parts.

    As scikit-learn's, which takes time and memory in proportion to the largest part: here only
    those numbers of points in common count that lie near their mean. Both sizes add up to `total`.
    """
    from scipy.special import gammaln

    found = 0.0
    for a, b in itertools.product(first.tolist(), second.tolist()):
        mean = a * b / total
        deviation = math.sqrt(mean * (total - a) / total * (total - b) / max(1, total - 1))
        away = math.ceil(12 * deviation) + 30  # beyond lie some e^-72
        low = max(0, a + b - total, math.floor(mean) - away)
        common = np.arange(low, min(a, b, math.ceil(mean) + away) + 1, dtype=np.float64)
        rests = (common, a - common, b - common, total - a - b + common)
        logarithm = -sum(gammaln(rest + 1) for rest in rests)
        weights = np.exp(logarithm - logarithm.max())
        information = common / total * np.log(np.maximum(common, 1) * total / (a * b))
        found += float((weights * information).sum() / weights.sum())
    return found


def _entropy(sizes: np.ndarray, total: int) -> float:
    shares = sizes / total
    return float(-np.sum(shares * (np.log(sizes.astype(np.float64)) - np.log(total))))


def evaluate_ensemble(
    ensemble: Voters, labels: Sequence[Any], truth: np.ndarray, *, representative: int
) -> dict[str, Evaluation]:
    """Compare single realizations and the consensus with true classes.

    `ensemble`: the realizations combined; `labels`: their R label arrays or datasets of N points;
    `truth` (N,): class of each point, as for `evaluate`; `representative`: realization that agrees
    best with the consensus. Returns dict[str, Evaluation]: by name of method: the single
    realizations of lowest, median and highest adjusted Rand index, the representative one, and the
    consensus by each kind of votes.
    """
    single = [evaluate(array[:], truth) for array in labels]
    by_votes = {votes: evaluate(ensemble.label(labels, votes).groups, truth) for votes in VOTES}
    return name_evaluations(single, by_votes, representative)


def name_evaluations(
    single: Sequence[Evaluation], by_votes: Mapping[str, Evaluation], representative: int
) -> dict[str, Evaluation]:
    """Return those of `evaluate_ensemble`, of all realizations and of the kinds of votes."""
    by_ari = sorted(single, key=lambda e: e.ari)
    return {
        "single_min": by_ari[0],
        "single_median": by_ari[(len(by_ari) - 1) // 2],
        "single_max": by_ari[-1],
        "representative": single[representative],
        **{f"consensus_{votes}": found for votes, found in by_votes.items()},
    }


def has_class(truth: np.ndarray) -> np.ndarray:
    """Tell which points have a known class, (N,) bool; -1, NaN and None say that it is not known.

    Raises DataError: `truth` is not one class per point, or none is known.
    """
    if truth.ndim != 1 or truth.size == 0:
        raise DataError(f"true classes must be one per point, not of shape {truth.shape}")
    known = ~find_missing(truth)
    if truth.dtype.kind in "fi":
        known &= truth != UNKNOWN
    elif truth.dtype == object:
        known[known] = [value != UNKNOWN for value in truth[known].tolist()]
    if not known.any():
        raise DataError(f"the class of none of {len(truth)} points is known")
    return known


def known_classes(truth: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the known classes of `has_class` in a type that can be sorted.

    DataError for classes that are neither text nor whole numbers.
    """
    bad: Sequence[Any] | np.ndarray = []
    if truth.dtype.kind == "f":
        bad = np.flatnonzero(known & ~(np.isfinite(truth) & (truth == np.round(truth))))
    elif truth.dtype.kind == "O":
        bad = [p for p in np.flatnonzero(known) if not isinstance(truth[p], str | Integral)]
    if len(bad):
        raise DataError(
            f"true class of point {bad[0]} is {truth[bad[0]]!s}; classes are text or whole "
            "numbers, and NaN, None and -1 say that one is not known"
        )
    found = truth[known]
    if truth.dtype == object:
        are_text = any(isinstance(value, str) for value in found.tolist())
        return found.astype(str if are_text else np.int64)
    return found.astype(np.int64 if truth.dtype.kind == "f" else truth.dtype)
