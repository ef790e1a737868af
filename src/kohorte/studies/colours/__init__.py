"""Colours on a map, the picture that maps are often introduced with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kohorte.study.modules import StudyModule


def _three_features(config: Mapping[str, Any], n_maps: int, n_label_files: int) -> str:
    features = config["data"]["features"]
    if features is None or len(features) >= 3:
        return ""
    return f"red, green and blue are three features, but data.features names {len(features)}"


MODULE = StudyModule(
    folder=Path(__file__).parent, extra_figures={"colours": ("maps", _three_features)}
)
