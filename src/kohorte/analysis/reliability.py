"""Is a confidence what it says? The share of right labels beside the confidence of the points."""

from __future__ import annotations

import numpy as np

from kohorte._arrays import as_entries
from kohorte._checks import as_count, extra
from kohorte.analysis.evaluation import has_class, known_classes, match_classes
from kohorte.errors import DataError

with extra("figures"):
    import pandas as pd

COLUMNS = ("low", "high", "points", "confidence", "accuracy")
BINS = 10


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """Return one row per bin of confidence: its points, their mean confidence, and the share right.

    The bins are equally wide; a confidence on an edge is in the lower one, and 0 in the first. A
    bin without points has none of the means. `confidence` (N,) float from 0 to 1; `correct` (N,)
    bool. Source: Guo et al., ICML 2017, On calibration of modern neural networks.
    """
    return reliability_frame(*count_bins(confidence, correct, bins))


def count_bins(
    confidence: np.ndarray, correct: np.ndarray, bins: int = BINS
) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of each bin, (bins,), and sums of confidence and of those right, (2, bins).

    Arguments as for `reliability`.
    """
    confidence = np.asarray(confidence, dtype=np.float64)
    correct = np.asarray(correct, dtype=bool)
    if confidence.shape != correct.shape or confidence.ndim != 1:
        raise DataError(f"{confidence.size} confidences, but {correct.size} labels right or wrong")
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise DataError("confidences must lie between 0 and 1")
    edges = np.arange(as_count(bins, "bins", 1) + 1) / bins
    # ASSUME: float32 shares of a vote, such as .6, are on the edge that they are rounded from.
    inner = edges[1:-1].astype(np.float32)
    place = np.searchsorted(inner, confidence.astype(np.float32), side="left")
    points = np.bincount(place, minlength=bins)
    sums = [np.bincount(place, values, minlength=bins) for values in (confidence, correct)]
    return points, np.stack(sums)


def reliability_frame(points: np.ndarray, sums: np.ndarray) -> pd.DataFrame:
    """Return the table of `reliability` from what `count_bins` counts."""
    edges = np.arange(len(points) + 1) / len(points)
    means = np.divide(sums, points, out=np.full(sums.shape, np.nan), where=points > 0)
    return pd.DataFrame(dict(zip(COLUMNS, (edges[:-1], edges[1:], points, *means), strict=True)))


def empty_reliability() -> pd.DataFrame:
    """Return the head of the table of `reliability`."""
    return pd.DataFrame(columns=COLUMNS)


def calibration_error(table: pd.DataFrame) -> float:
    """Return the expected calibration error of a table of `reliability`; NaN without points.

    It is the mean over the points of the difference between confidence and accuracy of their bin.
    """
    held = table[table["points"] > 0]
    if held.empty:
        return float("nan")
    gaps = (held["confidence"] - held["accuracy"]).abs()
    return float(np.average(gaps, weights=held["points"]))


def reliability_table(
    labels: np.ndarray, confidence: np.ndarray, truth: np.ndarray | None
) -> pd.DataFrame:
    """Return the `reliability` of the groups of points with known classes; without, the header.

    A point is right if its group is the one that `match_classes` gives its class, so points of
    groups without a class are wrong. Points without a group or a known class, -1, are left out.
    `labels` (N,) integers; `confidence` (N,); `truth` (N,).
    """
    if truth is None:
        return empty_reliability()
    labels, confidence, truth = np.asarray(labels), np.asarray(confidence), as_entries(truth)
    held = (labels >= 0) & has_class(truth)
    if not held.any():
        return empty_reliability()
    labels, confidence, truth = labels[held], confidence[held], known_classes(truth, held)
    found = match_classes(labels, truth)
    of_class = np.append(found.clusters.astype(np.int64), -1)[found.matching]
    correct = of_class[np.searchsorted(found.classes, truth)] == labels
    return reliability(confidence, correct)
