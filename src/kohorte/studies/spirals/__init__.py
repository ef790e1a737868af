"""Maps inside neural networks: unwinding of a curve, and the classification of two spirals.

An experiment of its own, which belongs to no study:
`snakemake --cores all --configfile config/spirals.yaml -- spirals` runs it. The layer that it is
about is kohorte.maps.soft.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kohorte.studies.spirals.plan import plan_cases
from kohorte.study.modules import StudyModule


def prepare(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the configuration as it is; raise ConfigError where the cases cannot be planned."""
    plan_cases(config["spirals"])
    return config


MODULE = StudyModule(folder=Path(__file__).parent, prepare=prepare, unrecorded=("spirals",))
