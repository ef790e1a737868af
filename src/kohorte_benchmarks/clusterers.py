"""The answers of kohorte, and of evidence accumulation on the same labels, to a labelled set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kohorte.ensemble.combination import combine
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.ensemble.tree import cut_tree
from kohorte.estimators import SOMEnsemble
from kohorte_benchmarks.clusterings import Answer, Answers, answer, timed
from kohorte_benchmarks.consensus import evidence_tree, longest_lived
from kohorte_benchmarks.label_sets import cluster_by_k_means

#: What is swept beside the published recipe.
PUBLISHED_SWEEP: dict[str, list[Any]] = {
    "steps": [10_000, 50_000, 100_000],
    "alpha": [0.1, 0.5],
    "merge": [0.2, 0.3],
}
PUBLISHED_MAPS = 24

N_RUNS = 200
"""Runs of k-means whose labels are combined."""

MOST_CLUSTERS = 88
"""Most clusters of such a run, so that all runs have fewer than kohorte combines."""


def default_ensemble(seed: int, null: bool) -> SOMEnsemble:
    """Return the default ensemble, with references where there is to be a p-value."""
    ensemble = SOMEnsemble(random_state=seed, n_jobs=1)
    return ensemble if null else ensemble.set_params(references=0)


def structure_p(fitted: SOMEnsemble) -> float:
    """Return the p-value of structure in the points of a fit, NaN where it has none."""
    return np.nan if fitted.structure_ is None else fitted.structure_.p


def run_default(points: np.ndarray, numbers: Sequence[int], seed: int, null: bool) -> Answers:
    """Fit the default ensemble to z-scores (N, F) once, for all numbers of groups."""
    return {"kohorte": answer_all(default_ensemble(seed, null), points, numbers)}


def run_published(points: np.ndarray, numbers: Sequence[int], seed: int, null: bool) -> Answers:
    """Fit the published recipe; it has no null distribution."""
    ensemble = SOMEnsemble(
        recipe="published",
        sweep=PUBLISHED_SWEEP,
        n_realizations=PUBLISHED_MAPS,
        random_state=seed,
    )
    return {"kohorte published": answer_all(ensemble, points, numbers)}


def answer_all(
    ensemble: SOMEnsemble, points: np.ndarray, numbers: Sequence[int]
) -> dict[int | str, Answer]:
    """Fit an ensemble that chooses the number of groups, and combine its maps for other numbers.

    The seconds of a given number are those of the fit and of combining again.
    """
    _, fit = timed(ensemble.fit, points)
    p = structure_p(ensemble)
    found: dict[int | str, Answer] = {"auto": Answer(ensemble.labels_, fit, p)}
    for k in sorted(set(numbers)):
        found[k] = answer(regroup, ensemble, k, after=fit, p_structure=p)
    return found


def regroup(fitted: SOMEnsemble, n_groups: int) -> np.ndarray:
    """Return the (N,) labels of the points of a fit with another number of groups."""
    consensus = fitted.ensemble_.grouping.consensus
    ensemble = combine(fitted.ensemble_.overlaps, consensus=consensus, groups=n_groups)
    labels = [member.labels_ for member in fitted.estimators_]
    return ensemble.label(labels, fitted.votes).groups.astype(np.int64)


def run_labels(points: np.ndarray, numbers: Sequence[int], seed: int, null: bool) -> Answers:
    """Combine N_RUNS runs of k-means, k uniform from 2 to sqrt(N), by three methods.

    Those are kohorte's, and evidence accumulation with single and average linkage. The seconds of
    each are those of the runs and its own.
    """
    told: list[int | str] = ["auto", *sorted(set(numbers))]
    labels, made = timed(
        cluster_by_k_means, points, np.random.SeedSequence(seed), N_RUNS, MOST_CLUSTERS
    )
    overlaps, counted = timed(count_overlaps, labels, backend="numba", threads=1)

    def consensus(k: int | str) -> np.ndarray:
        return combine(overlaps, groups=k).label(labels).groups.astype(np.int64)

    found = {"kohorte labels": {k: answer(consensus, k, after=made + counted) for k in told}}
    for linkage in ("single", "average"):
        tree, grown = timed(evidence_tree, labels, linkage)

        def cut(k: int | str, tree: np.ndarray = tree) -> np.ndarray:
            return cut_tree(tree, longest_lived(tree) if isinstance(k, str) else k)

        name = f"evidence accumulation, {linkage}"
        found[name] = {k: answer(cut, k, after=made + grown) for k in told}
    return found


#: Name for `METHODS` -> function(points, numbers, seed, null).
CLUSTERERS: dict[str, Callable[[np.ndarray, Sequence[int], int, bool], Answers]] = {
    "kohorte": run_default,
    "published": run_published,
    "labels": run_labels,
}
