"""What the measurement of scaling asks for. Only the standard library is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kohorte.study.resources import training_mb, training_seconds


def scaling_mb(maps: Sequence[Mapping[str, Any]], points: Sequence[int], n_features: int) -> float:
    """Memory of measuring the maps of a study with each number of points.

    Each number of points has a process of its own, which keeps all labels; all are there at once.
    """
    labels = 1e-6 * len(maps) * sum(points)
    return labels + sum(training_mb(maps, n, n_features, 1) for n in points)


def scaling_seconds(
    maps: Sequence[Mapping[str, Any]], points: Sequence[int], n_features: int, rounds: int
) -> float:
    """Time of training the maps of a study with each number of points, in all rounds."""
    return rounds * sum(training_seconds(maps, n, n_features, 1) for n in points)
