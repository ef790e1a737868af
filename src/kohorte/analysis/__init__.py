"""What maps and an ensemble say of points: tables, choices, scores and labels of new points.

The comparison of two studies is offered here, and imported when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kohorte.analysis.comparison import Comparison, compare_studies

__all__ = ["Comparison", "compare_studies"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(f"{__name__}.comparison"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
