"""Comparison of labels with a known truth.

Points whose class is not known are in no comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kohorte._checks import extra
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
    from scipy.optimize import linear_sum_assignment

    labels, truth = np.asarray(labels), np.asarray(truth)
    known = has_class(truth)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"labels must be one integer per point, not {labels.dtype} of shape {labels.shape}"
        )
    if labels.shape != truth.shape:
        raise DataError(f"{labels.size} labels, but {truth.size} true classes")
    clusters, k = np.unique(labels, return_inverse=True)
    classes, c = np.unique(_check_truth(truth, known), return_inverse=True)
    k = k[known]
    shape = (classes.size, clusters.size)
    confusion = np.bincount(c * clusters.size + k, minlength=shape[0] * shape[1]).reshape(shape)
    rows, columns = linear_sum_assignment(confusion, maximize=True)
    matching = np.full(classes.size, -1, dtype=np.int64)
    matching[rows] = columns
    return Matching(classes, clusters, confusion.astype(np.int64), matching)


def evaluate(labels: np.ndarray, truth: np.ndarray) -> Evaluation:
    """Compare labels with true classes; arguments and errors as for `match_classes`."""
    with extra("estimators"):
        from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score
    found = match_classes(labels, truth)
    truth = np.asarray(truth)
    known = has_class(truth)
    c = np.searchsorted(found.classes, _check_truth(truth, known))
    k = np.searchsorted(found.clusters, np.asarray(labels)[known])
    rows = np.flatnonzero(found.matching >= 0)
    hits = np.zeros(found.classes.size)
    hits[rows] = found.confusion[rows, found.matching[rows]]
    sizes = np.where(found.matching >= 0, found.confusion.sum(axis=0)[found.matching], 1)
    sizes = np.maximum(sizes, 1)  # a cluster that is left over may have no point of known class
    return Evaluation(
        **vars(found),
        ari=float(adjusted_rand_score(c, k)),
        ami=float(adjusted_mutual_info_score(c, k)),
        accuracy=float(hits.sum() / len(c)),
        precision=hits / sizes,
        recall=hits / found.confusion.sum(axis=1),
    )


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
    by_ari = sorted(single, key=lambda e: e.ari)
    found = {
        "single_min": by_ari[0],
        "single_median": by_ari[(len(by_ari) - 1) // 2],
        "single_max": by_ari[-1],
        "representative": single[representative],
    }
    for votes in VOTES:
        found[f"consensus_{votes}"] = evaluate(ensemble.label(labels, votes).groups, truth)
    return found


def has_class(truth: np.ndarray) -> np.ndarray:
    """Tell which points have a known class, (N,) bool; -1, NaN and None say that it is not known.

    Raises DataError: `truth` is not one class per point, or none is known.
    """
    if truth.ndim != 1 or truth.size == 0:
        raise DataError(f"true classes must be one per point, not of shape {truth.shape}")
    if truth.dtype.kind == "f":
        known = ~np.isnan(truth) & (truth != UNKNOWN)
    elif truth.dtype.kind == "i":
        known = truth != UNKNOWN
    elif truth.dtype.kind == "O":
        values = truth.tolist()
        known = np.array([not (v is None or v != v or v == UNKNOWN) for v in values], dtype=bool)
    else:
        known = np.ones(len(truth), dtype=bool)
    if not known.any():
        raise DataError(f"the class of none of {len(truth)} points is known")
    return known


def _check_truth(truth: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the known classes in a type that can be sorted."""
    bad: Sequence[Any] | np.ndarray = []
    if truth.dtype.kind == "f":
        bad = np.flatnonzero(known & ~(np.isfinite(truth) & (truth == np.round(truth))))
    elif truth.dtype.kind == "O":
        bad = [p for p in np.flatnonzero(known) if not isinstance(truth[p], str | int)]
    if len(bad):
        raise DataError(
            f"true class of point {bad[0]} is {truth[bad[0]]!s}; classes are text or whole "
            "numbers, and NaN, None and -1 say that one is not known"
        )
    kinds = {"f": np.int64, "O": str}
    return truth[known].astype(kinds.get(truth.dtype.kind, truth.dtype))
