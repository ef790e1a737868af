"""Statistically combined ensembles: overlaps, significance, consensus, agreement and stability.

Everything here is a function of label arrays or of the contingency counts made from them; where
the labels come from does not matter. What the package offers is imported when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kohorte.ensemble.combination import Ensemble, combine
    from kohorte.ensemble.effects import parameter_effects
    from kohorte.ensemble.labels import encode_labels, find_copies
    from kohorte.ensemble.overlaps import (
        Overlaps,
        add_overlaps,
        count_overlaps,
        extend_overlaps,
        select_realizations,
    )
    from kohorte.ensemble.points import PointLabels, signal_classes
    from kohorte.ensemble.stability import bootstrap_gsum, group_stability
    from kohorte.ensemble.sufficiency import measure_sufficiency

__all__ = [
    "Ensemble",
    "Overlaps",
    "PointLabels",
    "add_overlaps",
    "bootstrap_gsum",
    "combine",
    "count_overlaps",
    "encode_labels",
    "extend_overlaps",
    "find_copies",
    "group_stability",
    "measure_sufficiency",
    "parameter_effects",
    "select_realizations",
    "signal_classes",
]

_MODULES = {
    "Ensemble": "combination",
    "PointLabels": "points",
    "bootstrap_gsum": "stability",
    "combine": "combination",
    "encode_labels": "labels",
    "find_copies": "labels",
    "group_stability": "stability",
    "measure_sufficiency": "sufficiency",
    "parameter_effects": "effects",
    "signal_classes": "points",
}


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'overlaps')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
