"""Clusterings of a folder of labelled sets, judged by the protocol of a benchmark suite.

The protocol is that of Gagolewski, SoftwareX 20 (2022) 101270. A suite is a folder with
`<battery>/<set>.data.gz` and `<battery>/<set>.labels*.gz`, one or more reference labelings. No set
comes with kohorte.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kohorte.errors import DataError

COLUMNS = ("set", "method", "number", "groups", "ari", "p_structure", "seconds")

#: Label of the points of a reference labeling that belong to no group: clustered, but not judged.
NOISE = 0


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """Points (N, F) float64 as they are in the file, and reference labelings, each (N,) int64."""

    name: str
    points: np.ndarray
    labelings: tuple[np.ndarray, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The number of groups of each labeling, without noise."""
        return tuple(len(np.unique(x[x != NOISE])) for x in self.labelings)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method found: labels (N,), negative for points that it puts in no group.

    `seconds` go from the z-scores to the labels, `p_structure` is the probability of as much
    structure in a table without any, NaN for a method that does not say.
    """

    labels: np.ndarray
    seconds: float
    p_structure: float = np.nan


#: Method -> number of groups that it was given, or "auto" -> what it found.
Answers = Mapping[str, Mapping[int | str, Answer]]


def timed(function: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[Any, float]:
    """Return what a function returns, and its seconds."""
    start = time.perf_counter()
    found = function(*arguments, **named)
    return found, time.perf_counter() - start


def answer(
    method: Callable[..., np.ndarray],
    *arguments: Any,
    after: float = 0.0,
    p_structure: float = np.nan,
) -> Answer:
    """Return the answer of a method that begins where `after` seconds have passed."""
    labels, seconds = timed(method, *arguments)
    return Answer(labels, after + seconds, p_structure)


def read_set(name: str, data: str | Path, labels: Iterable[str | Path]) -> LabelledSet:
    """Read a set and its labelings; DataError where they do not fit, or judge no point."""
    points = np.loadtxt(data, ndmin=2)
    labelings = []
    for path in labels:
        labeling = np.loadtxt(path, dtype=np.int64, ndmin=1)
        if labeling.shape != (len(points),):
            raise DataError(
                f"{path} has {len(labeling)} labels, but {data} {len(points)} points: a labeling "
                "is a file with one label a line, in the order of the points"
            )
        if labeling.min(initial=0) < 0 or not (labeling != NOISE).any():
            raise DataError(
                f"{path} must number groups from 1, with {NOISE} for noise, and have a group"
            )
        labelings.append(labeling)
    if not labelings:
        raise DataError(f"{data} has no labeling: expected {name}.labels0.gz beside it")
    return LabelledSet(name, points, tuple(labelings))


def standardize(points: np.ndarray) -> np.ndarray:
    """Return the z-scores of (N, F) points; features that are constant are left out."""
    varying = points[:, np.ptp(points, axis=0) > 0]
    return (varying - varying.mean(axis=0)) / varying.std(axis=0)


def rand_index(found: np.ndarray, labeling: np.ndarray) -> float:
    """Return the adjusted Rand index over the points that a labeling does not call noise.

    Points that the method itself puts in no group count as one group more.
    """
    from sklearn.metrics import adjusted_rand_score

    judged = labeling != NOISE
    return float(adjusted_rand_score(labeling[judged], found[judged]))


def judge(labelled: LabelledSet, answers: Answers) -> pd.DataFrame:
    """Return a row for each method and `number`, with the columns COLUMNS.

    `known`: the method is given the number of groups of a labeling and compared with that one; the
    labeling with the highest index counts, with its groups and seconds. `auto`: it is given
    nothing, and of its indices with all labelings the highest counts. `groups` are those found that
    hold points.
    """
    rows = []
    for method, found in answers.items():
        told = zip(labelled.numbers, labelled.labelings, strict=True)
        pairs = {
            "known": [(found[k], labeling) for k, labeling in told if k in found],
            "auto": [(found["auto"], x) for x in labelled.labelings if "auto" in found],
        }
        for number, compared in pairs.items():
            scores = [rand_index(answer.labels, labeling) for answer, labeling in compared]
            if scores:
                best = int(np.argmax(scores))
                answer = compared[best][0]
                groups = len(np.unique(answer.labels[answer.labels >= 0]))
                score = scores[best], answer.p_structure, answer.seconds
                rows.append((labelled.name, method, number, groups, *score))
    return pd.DataFrame(rows, columns=list(COLUMNS))
