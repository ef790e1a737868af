"""Particles and fields of one simulation by pi-PIC: request.json -> answer.npz.

    python -P pipic_worker.py request.json answer.npz

Runs in the environment of envs/simulation.txt and must not import kohorte. The request holds CGS
numbers and is made by `kohorte.studies.plasma.simulation.turbulence`. Arrays have the axes z, y, x;
fields are averages over the last `averaged` steps before each snapshot, the snapshot's step
included. Lines on standard output tell how far it is.
"""

import ctypes
import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pipic
from numba import cfunc
from pipic.types import add_particles_callback, field_loop_callback, particle_loop_callback

#: Address of the first of some numbers, as numba indexes it.
Pointer = Any


@cfunc(add_particles_callback)
def uniform(r: Pointer, data_double: Pointer, data_int: Pointer) -> float:
    """Density of one species, the same everywhere."""
    return data_double[0]


@cfunc(field_loop_callback)
def put_field(
    ind: Pointer, r: Pointer, E: Pointer, B: Pointer, data_double: Pointer, data_int: Pointer
) -> None:
    """Set E and B of a node from a flat (cells, 6) array; data_int holds nx and ny."""
    cell = 6 * ((ind[2] * data_int[1] + ind[1]) * data_int[0] + ind[0])
    for k in range(3):
        E[k] = data_double[cell + k]
        B[k] = data_double[cell + 3 + k]


@cfunc(field_loop_callback)
def add_field(
    ind: Pointer, r: Pointer, E: Pointer, B: Pointer, data_double: Pointer, data_int: Pointer
) -> None:
    """Add E and B of a node to a flat (cells, 6) array."""
    cell = 6 * ((ind[2] * data_int[1] + ind[1]) * data_int[0] + ind[0])
    for k in range(3):
        data_double[cell + k] += E[k]
        data_double[cell + 3 + k] += B[k]


@cfunc(particle_loop_callback)
def add_drift(
    r: Pointer, p: Pointer, w: Pointer, identity: Pointer, data_double: Pointer, data_int: Pointer
) -> None:
    """Boost a particle along z to the velocity at the nearest node.

    data_double holds x, y and z of the first node, 1 / sides of a cell, the sign of the charge,
    mass c, and from 8 on a flat array of velocities / c.
    """
    nx, ny, nz = data_int[0], data_int[1], data_int[2]
    ix = int(np.floor((r[0] - data_double[0]) * data_double[3] + 0.5))
    iy = int(np.floor((r[1] - data_double[1]) * data_double[4] + 0.5))
    iz = int(np.floor((r[2] - data_double[2]) * data_double[5] + 0.5)) if nz > 1 else 0
    beta = data_double[8 + ((iz % nz) * ny + iy % ny) * nx + ix % nx] * data_double[6]
    mass_c = data_double[7]
    energy = np.sqrt(mass_c * mass_c + p[0] * p[0] + p[1] * p[1] + p[2] * p[2])
    p[2] = (p[2] + beta * energy) / np.sqrt(1 - beta * beta)


@cfunc(particle_loop_callback)
def add_moments(
    r: Pointer, p: Pointer, w: Pointer, identity: Pointer, data_double: Pointer, data_int: Pointer
) -> None:
    """Add charge flux (3), number density and kinetic energy of a particle to its eight nodes.

    data_double holds x, y and z of the first node, 1 / sides of a cell, charge, mass c, light
    velocity, 1 / volume of a cell, the kinetic energy so far, and from 11 on a flat (cells, 4)
    array. A weight is shared linearly between the nodes around.
    """
    nx, ny, nz = data_int[0], data_int[1], data_int[2]
    charge, mass_c, c = data_double[6], data_double[7], data_double[8]
    square = (p[0] * p[0] + p[1] * p[1] + p[2] * p[2]) / (mass_c * mass_c)
    gamma = np.sqrt(1 + square)
    data_double[10] += w[0] * mass_c * c * square / (gamma + 1)
    speed = charge / (mass_c * gamma) * c * w[0] * data_double[9]
    density = w[0] * data_double[9]
    x = (r[0] - data_double[0]) * data_double[3]
    y = (r[1] - data_double[1]) * data_double[4]
    z = (r[2] - data_double[2]) * data_double[5] if nz > 1 else 0.0
    ix, iy, iz = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    fx, fy, fz = x - ix, y - iy, z - iz
    for dz in range(2 if nz > 1 else 1):
        wz = fz if dz else 1 - fz
        for dy in range(2):
            wy = fy if dy else 1 - fy
            for dx in range(2):
                share = wz * wy * (fx if dx else 1 - fx)
                row = ((iz + dz + nz) % nz * ny + (iy + dy + ny) % ny) * nx + (ix + dx + nx) % nx
                cell = 11 + 4 * row
                for k in range(3):
                    data_double[cell + k] += share * speed * p[k]
                data_double[cell + 3] += share * density


class Simulation:
    """A box of electrons and positrons.

    `request`: `shape` cells along x, y, z (z 1 in two dimensions), `box` sides, `density` of each
    species, `particles` of each species, `temperature` kT, `time_step`, `solver`, `seed`. `fields`
    (nz, ny, nx, 6) float64: E and B at the start. `drift` (nz, ny, nx) float64: velocity / c along
    z of positrons at the start; electrons have the opposite.
    """

    def __init__(self, request: Mapping[str, Any], fields: np.ndarray, drift: np.ndarray) -> None:
        self.shape = np.array([*request["shape"]], dtype=np.intc)
        box = np.array(request["box"])
        self.step = box / self.shape
        self.volume = float(np.prod(self.step))
        self.time_step = request["time_step"]
        low, high = -box / 2, box / 2
        nx, ny, nz = (int(n) for n in self.shape)
        self.box = pipic.init(
            solver=request["solver"],
            nx=nx,
            xmin=low[0],
            xmax=high[0],
            ny=ny,
            ymin=low[1],
            ymax=high[1],
            nz=nz,
            zmin=low[2],
            zmax=high[2],
        )
        self.box.log_policy(False, False)
        self.box.set_rng_seed(request["seed"])
        density = np.array([request["density"]])
        charge = abs(pipic.electron_charge)
        self.species = {"electrons": -charge, "positrons": charge}
        for name, q in self.species.items():
            self.box.add_particles(
                name=name,
                number=request["particles"],
                charge=q,
                mass=pipic.electron_mass,
                temperature=request["temperature"],
                density=uniform.address,
                data_double=address(density),
            )
            mass_c = pipic.electron_mass * pipic.light_velocity
            scalars = [np.sign(q), mass_c]
            data = np.concatenate([low, 1 / self.step, scalars, drift.ravel()])
            self.box.particle_loop(
                name=name,
                handler=add_drift.address,
                data_double=address(data),
                data_int=address(self.shape),
            )
        self.box.field_loop(
            handler=put_field.address, data_double=address(fields), data_int=address(self.shape)
        )
        self.low = low
        self.cells = int(np.prod(self.shape))

    def advance(self, steps: int) -> None:
        """Go on by so many steps."""
        self.box.advance(time_step=self.time_step, number_of_iterations=steps)

    def fields(self) -> np.ndarray:
        """Return E and B, (cells, 6)."""
        found = np.zeros((self.cells, 6))
        self.box.field_loop(
            handler=add_field.address, data_double=address(found), data_int=address(self.shape)
        )
        return found

    def moments(self) -> tuple[np.ndarray, float]:
        """Return current and number density of all particles, (cells, 4); their kinetic energy."""
        total, energy = np.zeros((self.cells, 4)), 0.0
        for name, charge in self.species.items():
            mass_c = pipic.electron_mass * pipic.light_velocity
            scalars = [charge, mass_c, pipic.light_velocity, 1 / self.volume, 0.0]
            data = np.concatenate([self.low, 1 / self.step, scalars, np.zeros(4 * self.cells)])
            self.box.particle_loop(
                name=name,
                handler=add_moments.address,
                data_double=address(data),
                data_int=address(self.shape),
            )
            total += data[11:].reshape(-1, 4)
            energy += data[10]
        return total, energy

    def energies(self) -> list[float]:
        """Return the energy of the electric field, of the magnetic field and of the particles."""
        square = (self.fields() ** 2).sum(axis=0) * self.volume / (8 * np.pi)
        return [square[:3].sum(), square[3:].sum(), self.moments()[1]]


def plan_without_timing() -> None:
    """Let FFTW choose its algorithms by rule: chosen by timing, they differ from run to run."""
    library = ctypes.CDLL(pipic._pipic.__file__)
    library.fftw_set_timelimit.argtypes = [ctypes.c_double]
    library.fftw_set_timelimit(0.0)


def address(array: np.ndarray) -> int:
    """Return the address of the first entry, as pi-PIC takes it."""
    kind = ctypes.c_double if array.dtype == np.double else ctypes.c_int
    return ctypes.addressof(array.ctypes.data_as(ctypes.POINTER(kind)).contents)


def run(
    request: Mapping[str, Any], fields: np.ndarray, drift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Make snapshots, (S, nz, ny, nx, 10) float32, and rows of step and the three energies."""
    plan_without_timing()
    simulation = Simulation(request, fields, drift)
    nx, ny, nz = request["shape"]
    averaged, total = request["averaged"], max(request["snapshots"])
    snapshots, energies = [], [[0, *simulation.energies()]]
    sums, step = np.zeros((simulation.cells, 10)), 0
    while step < total:
        target = next(s for s in request["snapshots"] if s > step)
        # One step at a time where an average runs, else as far as the next record of energies.
        ahead = target - averaged - step
        taken = 1 if ahead < 1 else min(ahead, request["record"] - step % request["record"])
        simulation.advance(taken)
        step += taken
        if step > target - averaged:
            sums[:, :6] += simulation.fields()
            sums[:, 6:] += simulation.moments()[0]
        if step % request["record"] == 0 or step == target:
            energies.append([step, *simulation.energies()])
            print(f"step {step} of {total}", flush=True)
        if step == target:
            snapshots.append((sums / averaged).astype(np.float32).reshape(nz, ny, nx, 10))
            sums[:] = 0
    return np.stack(snapshots), np.array(energies)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as stream:
        asked = json.load(stream)
    with np.load(asked["start"]) as start:
        snapshots, energies = run(asked, start["fields"], start["drift"])
    np.savez(sys.argv[2], snapshots=snapshots, energies=energies)
