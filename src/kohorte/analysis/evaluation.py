"""Comparison of labels with a known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kohorte._checks import extra
from kohorte.ensemble.votes import VOTES, Voters
from kohorte.errors import DataError


@dataclass(frozen=True, eq=False)
class Matching:
    """Clusters beside classes, matched one to one with most points in common."""

    classes: np.ndarray  # (n_classes,) any type, ascending
    clusters: np.ndarray  # (n_clusters,) integers: cluster ids, ascending
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
    accuracy: float  # Share of points in the cluster that is matched with their class
    #: `precision`, `recall`: (n_classes,) float64. Share of the matched cluster that is of the
    #: class, and of the class that is in the matched cluster; 0 for a class with no match.
    precision: np.ndarray
    recall: np.ndarray


def match_classes(labels: np.ndarray, truth: np.ndarray) -> Matching:
    """Match true classes with clusters, so that most points are in the cluster of their class.

    `labels` (N,) integers: cluster of each point; any ids. `truth` (N,) integers, booleans or
    strings: class of each point. Raises DataError: no points, different lengths, labels that are
    not integers, a missing or fractional class.
    """
    from scipy.optimize import linear_sum_assignment

    labels, truth = np.asarray(labels), _check_truth(np.asarray(truth))
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"labels must be one integer per point, not {labels.dtype} of shape {labels.shape}"
        )
    if labels.shape != truth.shape:
        raise DataError(f"{labels.size} labels, but {truth.size} true classes")
    clusters, k = np.unique(labels, return_inverse=True)
    classes, c = np.unique(truth, return_inverse=True)
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
    c = np.searchsorted(found.classes, _check_truth(np.asarray(truth)))
    k = np.searchsorted(found.clusters, labels)
    rows = np.flatnonzero(found.matching >= 0)
    hits = np.zeros(found.classes.size)
    hits[rows] = found.confusion[rows, found.matching[rows]]
    sizes = np.where(found.matching >= 0, found.confusion.sum(axis=0)[found.matching], 1)
    return Evaluation(
        **vars(found),
        ari=float(adjusted_rand_score(c, k)),
        ami=float(adjusted_mutual_info_score(c, k)),
        accuracy=float(hits.sum() / len(labels)),
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


def _check_truth(truth: np.ndarray) -> np.ndarray:
    if truth.ndim != 1 or truth.size == 0:
        raise DataError(f"true classes must be one per point, not of shape {truth.shape}")
    if truth.dtype.kind == "f":
        bad = np.flatnonzero(~(np.isfinite(truth) & (truth == np.round(truth))))
        if bad.size:
            raise DataError(
                f"true class of point {bad[0]} is {truth[bad[0]]}; leave such points out of the "
                "evaluation"
            )
        return truth.astype(np.int64)
    if truth.dtype.kind == "O":
        missing = [p for p, value in enumerate(truth) if not isinstance(value, str | int)]
        if missing:
            raise DataError(f"true class of point {missing[0]} is {truth[missing[0]]!r}, no class")
        return truth.astype(str)
    return truth
