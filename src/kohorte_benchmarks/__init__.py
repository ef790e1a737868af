"""Benchmarks of maps and of the ensemble step, and comparisons with other programs.

Nothing in the library depends on this package. Import the modules by name.
"""

from pathlib import Path

from kohorte.study.modules import StudyModule

MODULE = StudyModule(
    folder=Path(__file__).parent,
    unrecorded=("scaling", "stages"),
    unlisted=("scaling/*", "stages/*"),
    reserved=("benchmarks",),
)
