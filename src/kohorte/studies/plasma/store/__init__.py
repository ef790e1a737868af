"""Files of studies of a plasma: simulation, fields, and what the ensemble says of cells."""

from kohorte.studies.plasma.store.fields import read_fields, write_fields
from kohorte.studies.plasma.store.grids import (
    CellValues,
    find_grid,
    open_cells,
    parts_of,
    read_grid,
    read_map_labels,
    write_grid,
    write_labels_on_grid,
    write_picture,
)
from kohorte.studies.plasma.store.simulations import read_simulated, write_simulation

__all__ = [
    "CellValues",
    "find_grid",
    "open_cells",
    "parts_of",
    "read_fields",
    "read_grid",
    "read_map_labels",
    "read_simulated",
    "write_fields",
    "write_grid",
    "write_labels_on_grid",
    "write_picture",
    "write_simulation",
]
