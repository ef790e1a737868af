"""Colours on a map, the picture that maps are often introduced with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kohorte.data.names import named_features
from kohorte.study.figures import MAP, MAPS, Figure, Need
from kohorte.study.modules import StudyModule
from kohorte.study.plan import Study


def _three_features(config: Mapping[str, Any], study: Study) -> str:
    features = named_features(config["data"])
    if features is None or len(features) >= 3:
        return ""
    return f"red, green and blue are three features, but data.features names {len(features)}"


def _no_colours(table: Any) -> str:
    if len(table.names) < 3:
        return f"red, green and blue are three features, but the table has {len(table.names)}"
    values = table.in_units(table.features)
    for name, low, high in zip(table.names, values.min(axis=0), values.max(axis=0), strict=True):
        if not -1e-6 <= low <= high <= 1 + 1e-6:  # scaling back rounds
            return (
                f"values of colours are from 0 to 1, but feature {name!r} has {low:g} to {high:g}; "
                "divide the columns by their largest possible value"
            )
    return ""


MODULE = StudyModule(
    folder=Path(__file__).parent,
    figures=[
        Figure(
            "colours",
            "kohorte.studies.colours.figures",
            "What does a map of three features (or slices of more) look like as an image?",
            section=MAP,
            needs=[MAPS, Need("three features, from 0 to 1", _three_features, _no_colours)],
            inputs=["maps", "ensemble", "data"],
            parameters=["figures.realization"],
            on_request=True,
        )
    ],
)
