"""Figures that a study may ask for in `figures.extra`, and what each needs of it.

What is lacking is said while the workflow plans, before anything is computed. Only the standard
library is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kohorte.data.names import SCHEMES
from kohorte.errors import ConfigError

#: Figure -> what it needs: names of NEEDS.
EXTRA_FIGURES: dict[str, tuple[str, ...]] = {
    # maps with known classes, and images
    "node_difference": ("maps",),
    "feature_map": ("maps",),
    "projections": ("maps", "classes"),
    "class_projections": ("maps", "classes"),
    "node_classes": ("maps", "classes"),
    "classification": ("maps", "classes", "test points"),
    "schedule": ("maps",),
    "overlap_matrices": ("several realizations",),
    "umatrix_contours": ("maps",),
    "umatrix_stages": ("maps", "snapshots"),
    "cluster_radars": ("maps",),
}


def check_extra_figures(
    config: Mapping[str, Any],
    n_maps: int,
    n_label_files: int,
    known: Mapping[str, Sequence[Any]] = EXTRA_FIGURES,
) -> None:
    """Raise ConfigError for the first figure of `figures.extra` that the study cannot have.

    Args:
        config: a configuration that `kohorte.study.config.check_config` returned.
        n_maps: maps that the study trains.
        n_label_files: label files that it has in their place.
        known: what each figure needs: names of NEEDS, or functions like those there.
    """
    for name in config["figures"]["extra"]:
        for need in known[name]:
            lacking = (NEEDS[need] if isinstance(need, str) else need)(
                config, n_maps, n_label_files
            )
            if lacking:
                raise ConfigError(f"figures.extra: {name!r} cannot be drawn: {lacking}")


def has_classes(data: Mapping[str, Any]) -> bool:
    """Whether the points of the section `data` have known classes."""
    bring_their_own = (data["source"] or "").startswith(SCHEMES)
    return data["label"] is not None or bring_their_own


def _maps(config: Mapping[str, Any], n_maps: int, n_label_files: int) -> str:
    return "" if n_maps else "the realizations are label files and no maps; leave it out"


def _several(config: Mapping[str, Any], n_maps: int, n_label_files: int) -> str:
    return "" if n_maps + n_label_files > 1 else "there is one realization only; leave it out"


def _snapshots(config: Mapping[str, Any], n_maps: int, n_label_files: int) -> str:
    enough = config["training"]["snapshots"] > 1
    return "" if enough else "no weights are kept; set training.snapshots to 6"


def _points(config: Mapping[str, Any], n_maps: int, n_label_files: int) -> str:
    return "" if config["data"]["source"] else "there is no data.source; leave it out"


def _classes(config: Mapping[str, Any], n_maps: int, n_label_files: int) -> str:
    if has_classes(config["data"]):
        return ""
    return "data.label names no known classes; name the column or dataset that holds them"


def _test_points(config: Mapping[str, Any], n_maps: int, n_label_files: int) -> str:
    named = config["classification"]["test"] is not None
    return "" if named else "classification.test names no points to classify"


#: What a figure may need -> what the study lacks of it, in words; empty where it lacks nothing.
NEEDS: dict[str, Callable[[Mapping[str, Any], int, int], str]] = {
    "maps": _maps,
    "several realizations": _several,
    "snapshots": _snapshots,
    "points": _points,
    "classes": _classes,
    "test points": _test_points,
}
