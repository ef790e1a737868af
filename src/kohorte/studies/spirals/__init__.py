"""Maps inside neural networks: unwinding of a curve, and the classification of two spirals.

An experiment of its own, which belongs to no study:
`snakemake --cores all --configfile config/spirals.yaml -- spirals` runs it. The layer that it is
about is kohorte.maps.soft.
"""

from pathlib import Path

from kohorte.study.modules import StudyModule

MODULE = StudyModule(folder=Path(__file__).parent, unrecorded=("spirals",), reserved=("spirals",))
