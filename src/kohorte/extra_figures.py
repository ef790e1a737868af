"""Figures that a study may ask for in `figures.extra`, and what each needs of it.

What is lacking is said while the workflow plans, before anything is computed. Only the standard
library is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kohorte.data.names import SCHEMES
from kohorte.errors import ConfigError

#: Features that say where a star stands in the colour-magnitude diagram.
STAR_FEATURES = ("b_v", "absolute_magnitude")

#: Figure -> what it needs: names of NEEDS.
EXTRA_FIGURES: dict[str, tuple[str, ...]] = {
    # maps with known classes, and images
    "node_difference": ("maps",),
    "feature_map": ("maps",),
    "projections": ("maps", "classes"),
    "class_projections": ("maps", "classes"),
    "class_winners": ("maps", "classes"),
    "image_map": ("maps", "classes"),
    "node_classes": ("maps", "classes"),
    "classification": ("maps", "classes", "test points"),
    # stars
    "colour_magnitude": ("points", "star features"),
    "star_regions": ("maps", "star features"),
    # colours
    "colours": ("maps", "three features"),
    "schedule": ("maps",),
    # fields on a grid
    "field_slice": ("grid",),
    "feature_slices": ("grid",),
    "cluster_slice": ("grid",),
    "consensus_slice": ("grid",),
    "signal_slice": ("grid",),
    "signal_histogram": ("grid",),
    "signal_classes": ("grid",),
    "feature_pairs": ("points",),
    "group_shares": ("grid",),
    "sheet_surfaces": ("grid", "three dimensions"),
    "overlap_matrices": ("several realizations",),
    "umatrix_contours": ("maps",),
    "umatrix_stages": ("maps", "snapshots"),
    "cluster_radars": ("maps",),
}


def check_extra_figures(config: Mapping[str, Any], n_maps: int, n_label_files: int) -> None:
    """Raise ConfigError for the first figure of `figures.extra` that the study cannot have.

    Args:
        config: a configuration that `kohorte.config.check_config` returned.
        n_maps: maps that the study trains.
        n_label_files: label files that it has in their place.
    """
    for name in config["figures"]["extra"]:
        for need in EXTRA_FIGURES[name]:
            lacking = NEEDS[need](config, n_maps, n_label_files)
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


def _three_features(config: Mapping[str, Any], n_maps: int, n_label_files: int) -> str:
    features = config["data"]["features"]
    if features is None or len(features) >= 3:
        return ""
    return f"red, green and blue are three features, but data.features names {len(features)}"


def _star_features(config: Mapping[str, Any], n_maps: int, n_label_files: int) -> str:
    features = config["data"]["features"]
    absent = [f for f in STAR_FEATURES if features is not None and f not in features]
    if not absent and config["data"]["source"] is not None:
        return ""
    both = " and ".join(STAR_FEATURES)
    return f"it shows the features {both}, but data.features has no {(absent or STAR_FEATURES)[0]}"


def _grid(config: Mapping[str, Any], n_maps: int, n_label_files: int) -> str:
    if _shape(config) is not None or config["fields"]["source"] is not None:
        return ""
    return "the points are no cells of a grid; give data.shape, or data.source: fields"


def _three_dimensions(config: Mapping[str, Any], n_maps: int, n_label_files: int) -> str:
    shape = _shape(config)
    if shape is None or len(shape) == 3:
        return ""
    return f"the grid has two dimensions, {list(shape)}; leave it out"


def _shape(config: Mapping[str, Any]) -> list[int] | None:
    """Cells along the axes of the grid, where the configuration says so."""
    if str(config["fields"]["source"]).endswith("/simulation.h5"):
        return config["simulation"]["cells"]
    return config["data"]["shape"]


#: What a figure may need -> what the study lacks of it, in words; empty where it lacks nothing.
NEEDS: dict[str, Callable[[Mapping[str, Any], int, int], str]] = {
    "maps": _maps,
    "several realizations": _several,
    "snapshots": _snapshots,
    "points": _points,
    "classes": _classes,
    "test points": _test_points,
    "three features": _three_features,
    "star features": _star_features,
    "grid": _grid,
    "three dimensions": _three_dimensions,
}
