"""What rules of the plasma ask for; the numbers come from the records of its studies.

Only the standard library is imported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from kohorte.study.resources import PLAIN_MB, Cost

#: A particle of a simulation and a cell of its fields, MB; a particle's step, seconds.
PARTICLE_MB, CELL_MB, PUSH_SECONDS = 1.5e-4, 3e-3, 1.2e-6

#: Rounds over all parts of a grid: the limit of the detector; groups and pieces; structures.
ROUNDS = 3

COSTS = {
    # Raw fields in and features out, and as much again while they are made.
    "derive_fields": Cost(mb_per_mb=5, seconds_per_mb=0.5),
    # Label files, counts and the table are read in parts; the grid is compressed.
    "write_grid": Cost(base_mb=700, mb_per_mb=1, seconds_per_mb=1),
    # Some 20 bytes per cell, of which grid.h5 has a few; a dozen groups, one after the other;
    # to profile a field takes some 60 bytes per cell.
    "measure_physics": Cost(base_mb=900, mb_per_mb=5, seconds_per_mb=5),
    # Parts of 2^22 cells: two of them labelled, some fields, and the distances of one.
    "tally_cells": Cost(base_mb=1200, mb_per_mb=0.5, seconds_per_mb=5),
    # Slices, parts or a sample of what is read in blocks.
    "plot_grid": Cost(base_mb=900, mb_per_mb=1, base_seconds=60, seconds_per_mb=0.5),
}


def count_particles(options: Mapping[str, Any]) -> int:
    """Count the particles of a simulation, as the section `simulation` has it."""
    return 2 * options["particles_per_cell"] * math.prod(options["cells"])


def simulation_mb(options: Mapping[str, Any]) -> float:
    """Memory of a simulation, by its particles and cells."""
    return PLAIN_MB + PARTICLE_MB * count_particles(options) + CELL_MB * math.prod(options["cells"])


def simulation_seconds(options: Mapping[str, Any]) -> float:
    """Time of a simulation on one core."""
    return 20 + PUSH_SECONDS * count_particles(options) * options["steps"]
