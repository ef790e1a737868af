"""Studies that come with kohorte.

Each is a folder of its own. Who removes the folder and its line here removes the study; nothing
else depends on it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec

from kohorte.study.modules import StudyModule

#: Packages with a `MODULE`.
PACKAGES = (
    "kohorte.studies.plasma",
    "kohorte.studies.stars",
    "kohorte.studies.images",
    "kohorte.studies.colours",
    "kohorte.studies.spirals",
    "kohorte.studies.samples",
    "kohorte_benchmarks",
)


@cache
def load_modules() -> tuple[StudyModule, ...]:
    """Those that are there, in the order of `PACKAGES`; an installed kohorte has no benchmarks."""
    return tuple(import_module(name).MODULE for name in PACKAGES if find_spec(name))
