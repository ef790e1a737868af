"""kohorte: ensembles of self-organizing maps and clusters whose significance is measured.

`SOM` and `SOMEnsemble` are the estimators of `kohorte.estimators`. `count_overlaps` and `combine`
make an `Ensemble` of the labels of any clusterer; `kohorte.ensemble` has the rest. All is imported
when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kohorte.ensemble import Ensemble, Overlaps, PointLabels, combine, count_overlaps
    from kohorte.estimators import SOM, SOMEnsemble

__all__ = ["SOM", "Ensemble", "Overlaps", "PointLabels", "SOMEnsemble", "combine", "count_overlaps"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in __all__:
        home = "estimators" if name.startswith("SOM") else "ensemble"
        return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
