"""kohorte: ensembles of self-organizing maps and clusters whose significance is measured.

`SOM` and `SOMEnsemble` are the estimators of `kohorte.estimators`, imported when they are used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kohorte.estimators import SOM, SOMEnsemble

__all__ = ["SOM", "SOMEnsemble"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name in __all__:
        from kohorte import estimators

        return getattr(estimators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
