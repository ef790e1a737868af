"""Decaying turbulence of a magnetized pair plasma, from its configuration to pi-PIC and back.

The box is periodic. A guide field B0 along z carries perturbations across it, as in the simulations
of Comisso & Sironi 2018:

    A_z = sum over a, b (and c) = 1 .. modes of cos(a k x + p) cos(b k y + q) cos(c k z + r) / |K|

with k = 2 pi / L, K = (a, b) k, random phases, and (bx, by) = curl of A_z, scaled to the wanted
root mean square. Positrons and electrons stream along z, one against the other, with the velocity
that carries the current of that field, up to `MAX_DRIFT`; without it the field would begin to swing
with the plasma frequency. Lengths are in skin depths d = c / omega_p with
omega_p^2 = 4 pi n0 e^2 / m, n0 being the density of both species together, and
B0^2 = 4 pi n0 m c^2 sigma. In the units of the results curl B is j / sqrt(sigma) and the
displacement current.
"""

from __future__ import annotations

import json
import logging
import math
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kohorte.errors import KohorteError
from kohorte.studies.plasma.fields import operators
from kohorte.studies.plasma.fields.grid import Fields, Grid

_LOG = logging.getLogger(__name__)

#: CGS constants: velocity of light, mass and charge of the electron.
LIGHT, MASS, CHARGE = 2.99792458e10, 9.1093837015e-28, 4.80320471e-10

#: Skin depth of the simulated box in cm: any number does, for results are in units of it.
SKIN_DEPTH = 1.0

#: Largest velocity / c of a species at the start.
MAX_DRIFT = 0.8

#: Program that runs in the environment of the simulation.
WORKER = Path(__file__).with_name("pipic_worker.py")

#: What a snapshot holds, in the order of the worker's answer, with units.
UNITS = {
    **dict.fromkeys(("ex", "ey", "ez", "bx", "by", "bz"), "B0"),
    **dict.fromkeys(("jx", "jy", "jz"), "n0 e c"),
    "rho": "n0",
}


class SimulationError(KohorteError):
    """A simulation could not be run; the message says why and what to do."""


@dataclass(frozen=True, eq=False)
class Run:
    """A finished simulation."""

    snapshots: tuple[Fields, ...]  # Fields of `UNITS` at each snapshot, in order of time
    steps: np.ndarray  # (E,) steps at which energies were recorded
    times: np.ndarray  # (E,) the same in light-crossing times of the box along x
    #: (E, 3) of the electric field, the magnetic field and the particles, in units of their sum at
    #: the start
    energies: np.ndarray
    derived: Mapping[str, float]  # Numbers that follow from the options, with units in their names
    program: str  # Name and release of the program that ran


def perturbation(shape: Sequence[int], modes: int, seed: int) -> np.ndarray:
    """Return the field bx, by of the random modes, (2, nz, ny, nx), of root mean square 1.

    `shape`: cells along x and y, or x, y and z; the box is 1 long along each, since only the ratio
    of its sides matters, and they are taken to be those of the cells.
    """
    rng = np.random.default_rng(seed)
    nx, ny, *nz = shape
    sides = np.array([*shape], dtype=np.float64)
    x, y = np.arange(nx)[None, None, :], np.arange(ny)[None, :, None]
    z = np.arange(nz[0])[:, None, None] if nz else np.zeros((1, 1, 1))
    bx, by = np.zeros((2, *(nz or [1]), ny, nx))
    for numbers in np.ndindex(*[modes] * len(shape)):
        wave = 2 * np.pi * (np.array(numbers) + 1) / sides
        phase = rng.uniform(0, 2 * np.pi, len(shape))
        along = np.cos(wave[2] * z + phase[2]) if nz else 1.0
        size = along / np.hypot(wave[0], wave[1])
        px, py = wave[0] * x + phase[0], wave[1] * y + phase[1]
        bx -= size * wave[1] * np.cos(px) * np.sin(py)
        by += size * wave[0] * np.sin(px) * np.cos(py)
    return np.stack([bx, by]) / np.sqrt(np.mean(bx**2 + by**2))


def derive(options: Mapping[str, Any]) -> dict[str, float]:
    """Numbers in CGS units that follow from the section `simulation` of the configuration."""
    density = MASS * LIGHT**2 / (4 * math.pi * CHARGE**2 * SKIN_DEPTH**2)
    cell = SKIN_DEPTH / options["cells_per_skin_depth"]
    return {
        "density_per_cm3": density,
        "field_gauss": math.sqrt(4 * math.pi * density * MASS * LIGHT**2 * options["sigma"]),
        "cell_cm": cell,
        "time_step_s": options["time_step"] * cell / LIGHT,
        "temperature_erg": options["temperature"] * MASS * LIGHT**2,
    }


def snapshot_steps(steps: int, snapshots: int) -> list[int]:
    """Return the steps of the snapshots: evenly spaced, the last at the end."""
    return [steps * (number + 1) // snapshots for number in range(snapshots)]


def make_request(options: Mapping[str, Any]) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Make the request to the worker, and the start.

    Returns `request` dict; `fields` (nz, ny, nx, 6) float64: E and B in gauss; `drift` (nz, ny, nx)
    float64: velocity / c of positrons along z.
    """
    numbers = derive(options)
    cells = options["cells"]
    nx, ny, nz = [*cells, 1][:3]
    fields = np.zeros((nz, ny, nx, 6))
    fields[..., 3:5] = np.moveaxis(perturbation(cells, options["modes"], options["seed"]), 0, -1)
    fields[..., 3:5] *= options["perturbation"]
    fields[..., 5] = 1
    request = {
        "shape": [nx, ny, nz],
        "box": [n * numbers["cell_cm"] for n in (nx, ny, nz)],
        "density": numbers["density_per_cm3"] / 2,
        "particles": nx * ny * nz * options["particles_per_cell"],
        "temperature": numbers["temperature_erg"],
        "time_step": numbers["time_step_s"],
        "solver": options["solver"],
        "seed": options["seed"],
        "snapshots": snapshot_steps(options["steps"], options["snapshots"]),
        "averaged": options["average"],
        "record": max(1, options["steps"] // 40),
    }
    grid = grid_of(options)
    bx, by = (fields[..., k].reshape(grid.shape) for k in (3, 4))
    current = math.sqrt(options["sigma"]) * (
        operators.derivative(by, "x", grid) - operators.derivative(bx, "y", grid)
    )
    drift = np.clip(current, -MAX_DRIFT, MAX_DRIFT).reshape(nz, ny, nx)
    return request, fields * numbers["field_gauss"], drift


def simulate(options: Mapping[str, Any], python: str | Path) -> Run:
    """Run a simulation with pi-PIC.

    It runs on one thread: sums of several threads are rounded in another order in each run.
    `options`: the section `simulation` of the configuration; `python`: interpreter of an
    environment that has the packages of `envs/simulation.txt`. Raises SimulationError: there is no
    such interpreter, or the program failed.
    """
    program = find_program(python)
    request, fields, drift = make_request(options)
    with tempfile.TemporaryDirectory() as folder:
        start, asked, answer = (Path(folder, n) for n in ("start.npz", "request.json", "run.npz"))
        np.savez(start, fields=fields, drift=drift)
        asked.write_text(json.dumps({**request, "start": str(start)}), encoding="utf-8")
        _run(python, asked, answer, folder)
        with np.load(answer) as found:
            snapshots, energies = found["snapshots"], found["energies"]
    numbers = derive(options)
    per_step = options["time_step"] / options["cells"][0]
    grid = grid_of(options)
    taken = [
        _to_fields(array, grid, numbers, step * per_step)
        for array, step in zip(snapshots, request["snapshots"], strict=True)
    ]
    if not all(np.isfinite(array).all() for f in taken for array in f.values.values()):
        raise SimulationError(
            "the simulation gave numbers that are not finite; choose a shorter simulation.time_step"
        )
    return Run(
        snapshots=tuple(taken),
        steps=energies[:, 0].astype(np.int64),
        times=energies[:, 0] * per_step,
        energies=energies[:, 1:] / energies[0, 1:].sum(),
        derived=numbers,
        program=program,
    )


def grid_of(options: Mapping[str, Any]) -> Grid:
    """Return the grid of a simulation: axes z, y, x or y, x, lengths in skin depths."""
    cells = options["cells"]
    return Grid(
        shape=tuple(reversed(cells)),
        axes=("z", "y", "x")[-len(cells) :],
        spacing=(1 / options["cells_per_skin_depth"],) * len(cells),
        periodic=(True,) * len(cells),
        length_unit="c/omega_p",
    )


def find_program(python: str | Path) -> str:
    """Name and release of pi-PIC in an environment. Raises SimulationError where it has none."""
    code = "from importlib.metadata import version; import pipic; print(version('pipic'))"
    command = [str(Path(python).absolute()), "-P", "-c", code]
    try:
        # pi-PIC leaves a file where it is imported.
        with tempfile.TemporaryDirectory() as folder:
            found = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, check=True, timeout=600
            )
    except OSError as error:
        raise SimulationError(
            f"{python}: there is no environment for simulations ({error.strerror}); make it with "
            "`make simulation-env`, or give snapshots of your own as fields.source"
        ) from None
    except subprocess.SubprocessError as error:
        lines = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise SimulationError(
            f"{python}: pipic cannot be imported ({lines[-1]}); make the environment again with "
            "`rm -r .simulation; make simulation-env`"
        ) from None
    return f"pipic {found.stdout.strip()}"


def _run(python: str | Path, asked: Path, answer: Path, folder: str) -> None:
    """Run the worker in `folder`, where pi-PIC leaves files of its own; log what it says."""
    command = [str(Path(python).absolute()), "-P", str(WORKER), str(asked), str(answer)]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        lines: list[str] = []
        for line in process.stdout or ():
            _LOG.info("%s", line.rstrip())
            lines = [*lines, line.strip()][-5:]
    if process.returncode != 0 or not answer.exists():
        raise SimulationError(
            f"the simulation ended with status {process.returncode}: {' | '.join(lines) or '-'}; "
            "its log has all of it. A killed process points to a lack of memory: choose fewer "
            "simulation.cells or particles_per_cell"
        )


def _to_fields(array: np.ndarray, grid: Grid, numbers: Mapping[str, float], time: float) -> Fields:
    """Convert a snapshot of the worker to the units of `UNITS`."""
    current = numbers["density_per_cm3"] * CHARGE * LIGHT
    unit = {"B0": numbers["field_gauss"], "n0 e c": current, "n0": numbers["density_per_cm3"]}
    values = {
        name: np.ascontiguousarray(array[..., k] / unit[text], dtype=np.float32).reshape(grid.shape)
        for k, (name, text) in enumerate(UNITS.items())
    }
    return Fields(grid, values, UNITS, time=time, time_unit="L/c", source="simulation")
