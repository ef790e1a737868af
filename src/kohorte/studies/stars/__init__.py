"""Stars of catalogues, and the regions of the colour-magnitude diagram that groups lie in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kohorte.study.modules import StudyModule

#: Features that say where a star stands in the colour-magnitude diagram.
STAR_FEATURES = ("b_v", "absolute_magnitude")


def _star_features(config: Mapping[str, Any], n_maps: int, n_label_files: int) -> str:
    features = config["data"]["features"]
    absent = [f for f in STAR_FEATURES if features is not None and f not in features]
    if not absent and config["data"]["source"] is not None:
        return ""
    both = " and ".join(STAR_FEATURES)
    return f"it shows the features {both}, but data.features has no {(absent or STAR_FEATURES)[0]}"


MODULE = StudyModule(
    folder=Path(__file__).parent,
    extra_figures={
        "colour_magnitude": ("points", _star_features),
        "star_regions": ("maps", _star_features),
    },
)
