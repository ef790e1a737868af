"""`simulation.h5`: snapshots of a simulated plasma, and the record of its energy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kohorte.errors import ConfigError
from kohorte.store.files import create, put_attributes, read_result
from kohorte.studies.plasma.fields.grid import Fields
from kohorte.studies.plasma.simulation.turbulence import Run
from kohorte.studies.plasma.store.fields import grid_attributes, read_grid

#: Columns of the record of energies, in the order of `Run.energies`.
ENERGIES = ("electric", "magnetic", "particles")


def write_simulation(path: str | Path, run: Run, parameters: Mapping[str, Any]) -> None:
    """Write `simulation.h5` with its parameters, the section `simulation` of the configuration."""
    attributes = {
        **grid_attributes(run.snapshots[0].grid),
        "parameters": parameters,
        "derived": run.derived,
        "program": run.program,
        "energy_error": energy_error(run.energies),
    }
    made_by = ("studies/plasma/simulation", "studies/plasma/fields/operators")
    with create(path, "simulation", made_by=made_by, **attributes) as file:
        for number, fields in enumerate(run.snapshots):
            group = file.create_group(f"snapshots/{number:03d}")
            put_attributes(group, time=fields.time, time_unit=fields.time_unit)
            for name, array in fields.values.items():
                group.create_dataset(name, data=array).attrs["unit"] = fields.units[name]
        record = {"step": (run.steps, "steps"), "time": (run.times, "L/c")}
        record |= {
            name: (column, "energy at the start")
            for name, column in zip(ENERGIES, run.energies.T, strict=True)
        }
        for name, (array, unit) in record.items():
            file.create_dataset(f"energy/{name}", data=array).attrs["unit"] = unit


def read_simulated(path: str | Path, snapshot: int | None = None) -> Fields:
    """Raw fields of a snapshot, of the last one if none is named; ConfigError if there is none."""
    with read_result(path, "simulation") as file:
        names = sorted(file["snapshots"])
        number = len(names) - 1 if snapshot is None else snapshot
        if number >= len(names):
            raise ConfigError(
                f"fields.snapshot: there is no snapshot {number} in {path}, which has "
                f"{len(names)}, numbered from 0 (simulation.snapshots)"
            )
        group = file["snapshots"][names[number]]
        return Fields(
            grid=read_grid(file),
            values={name: dataset[:] for name, dataset in group.items()},
            units={name: dataset.attrs["unit"] for name, dataset in group.items()},
            time=float(group.attrs["time"]),
            time_unit=group.attrs["time_unit"],
            source=f"{path}, snapshot {number}",
        )


def energy_error(energies: np.ndarray) -> float:
    """Largest change of the total energy, as a share of that at the start."""
    total = energies.sum(axis=1)
    return float(np.abs(total / total[0] - 1).max())
