"""Simulations of plasma turbulence: what pi-PIC is asked and, where it is there, its answer."""

import json
import re
import sys

import h5py
import numpy as np
import pytest
from planning import section_of

from kohorte.errors import ConfigError
from kohorte.studies.plasma import costs
from kohorte.studies.plasma.fields import operators
from kohorte.studies.plasma.simulation import turbulence
from kohorte.studies.plasma.simulation.turbulence import SimulationError, make_request, simulate
from kohorte.studies.plasma.store.simulations import energy_error, read_simulated, write_simulation
from kohorte.study import resources

TINY = {
    "cells": [16, 16],
    "cells_per_skin_depth": 1,
    "particles_per_cell": 4,
    "modes": 2,
    "steps": 8,
    "snapshots": 2,
    "average": 2,
}


@pytest.fixture
def options(schema):
    """The section `simulation` with its defaults and some changes."""

    return lambda **changes: section_of(schema, "simulation", **changes)


def test_the_environment_is_locked(root):
    lines = (root / "envs" / "simulation.in").read_text().splitlines()
    wanted = [line for line in lines if not line.startswith("#")]
    text = (root / "envs" / "simulation.txt").read_text()
    entries = re.split(r"\n(?=[a-z0-9-]+==)", text)[1:]
    assert [entry.split(" ")[0] for entry in entries] == sorted(wanted)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "http" not in text


@pytest.mark.parametrize("cells", [[32, 64], [32, 16, 16]])
def test_the_perturbation_is_without_divergence_and_of_unit_size(cells):
    bx, by = turbulence.perturbation(cells, 2, seed=3)
    assert bx.shape == (*(cells[2:] or [1]), cells[1], cells[0])
    assert np.mean(bx**2 + by**2) == pytest.approx(1)
    for b in (bx, by):
        assert abs(b.mean()) < 1e-12
    # In Fourier space, where derivatives are exact.
    kx, ky = np.fft.fftfreq(cells[0]), np.fft.fftfreq(cells[1])[:, None]
    divergence = kx * np.fft.fft2(bx) + ky * np.fft.fft2(by)
    assert np.abs(divergence).max() < 1e-9 * np.abs(np.fft.fft2(bx)).max()
    power = np.abs(np.fft.fftn(bx)) ** 2
    allowed = [np.abs(np.fft.fftfreq(n) * n) for n in bx.shape]
    inside = np.ones(bx.shape, bool)
    for axis, numbers in enumerate(allowed):
        if bx.shape[axis] > 1:
            ok = (numbers >= 0.5) & (numbers <= 2.5)
            inside &= ok.reshape([-1 if a == axis else 1 for a in range(3)])
    assert power[~inside].sum() < 1e-12 * power.sum()


def test_the_perturbation_depends_on_the_seed_alone():
    one = turbulence.perturbation([16, 16], 2, seed=1)
    np.testing.assert_array_equal(one, turbulence.perturbation([16, 16], 2, seed=1))
    assert not np.allclose(one, turbulence.perturbation([16, 16], 2, seed=2))


def test_a_request_has_the_numbers_of_the_plasma(options):
    chosen = options(sigma=9, temperature=0.25, cells=[32, 16], perturbation=0.5, average=5)
    request, fields, drift = make_request(chosen)
    numbers = turbulence.derive(chosen)
    assert request["shape"] == [32, 16, 1]
    assert request["particles"] == 32 * 16 * chosen["particles_per_cell"]
    mc2 = turbulence.MASS * turbulence.LIGHT**2
    density = 2 * request["density"]
    skin = np.sqrt(mc2 / (4 * np.pi * density * turbulence.CHARGE**2))
    assert skin == pytest.approx(turbulence.SKIN_DEPTH)
    assert request["box"][0] == pytest.approx(32 * skin / 2)
    guide = fields[..., 5]
    assert (guide == guide[0, 0, 0]).all()
    assert guide[0, 0, 0] ** 2 / (4 * np.pi * density * mc2) == pytest.approx(9)
    across = np.sqrt(np.mean(fields[..., 3] ** 2 + fields[..., 4] ** 2))
    assert across == pytest.approx(0.5 * guide[0, 0, 0])
    assert request["temperature"] == pytest.approx(0.25 * mc2)
    assert request["time_step"] * turbulence.LIGHT == pytest.approx(0.4 * numbers["cell_cm"])
    assert not fields[..., :3].any()
    # Positrons stream with the current: v / c = curl B in gauss / (4 pi n e).
    grid = turbulence.grid_of(chosen)
    bx, by = (fields[0, ..., k] for k in (3, 4))
    curl = operators.derivative(by, "x", grid) - operators.derivative(bx, "y", grid)
    wanted = curl / turbulence.SKIN_DEPTH / (4 * np.pi * density * turbulence.CHARGE)
    np.testing.assert_allclose(drift[0], np.clip(wanted, -0.8, 0.8), rtol=1e-6)


def test_snapshots_are_evenly_spaced_and_the_last_is_at_the_end():
    assert turbulence.snapshot_steps(10, 3) == [3, 6, 10]
    assert turbulence.snapshot_steps(7, 1) == [7]


def test_an_environment_that_is_not_there_or_lacks_the_program_says_how_to_make_it(
    options, tmp_path
):
    with pytest.raises(SimulationError, match=r"absent.*make simulation-env.*fields.source"):
        simulate(options(**TINY), tmp_path / "absent" / "python")
    program = tmp_path / "python"
    says = "ModuleNotFoundError: No module named 'pipic'"
    program.write_text(f'#!/bin/sh\necho "{says}" >&2\nexit 1\n')
    program.chmod(0o755)
    with pytest.raises(SimulationError, match=r"No module named 'pipic'.*make simulation-env"):
        simulate(options(**TINY), program)


def answering(tmp_path, monkeypatch, code):
    """A stand-in of pi-PIC: another worker, run by this Python."""
    worker = tmp_path / "worker.py"
    worker.write_text(code)
    monkeypatch.setattr(turbulence, "WORKER", worker)
    monkeypatch.setattr(turbulence, "find_program", lambda python: "stand-in 1.0")
    return sys.executable


STAND_IN = """
import json, sys
import numpy as np
request = json.load(open(sys.argv[1]))
start = np.load(request["start"])
nx, ny, nz = request["shape"]
snapshots = np.zeros((len(request["snapshots"]), nz, ny, nx, 10), np.float32)
snapshots[..., :6] = start["fields"]
snapshots[..., 8] = start["drift"] * 2.99792458e10 * 4.80320471e-10 * 2 * request["density"]
snapshots[..., 9] = 2 * request["density"]
energies = np.array([[s, 0, 3, 1.0 + 1e-9 * s] for s in (0, 8)])
np.savez(sys.argv[2], snapshots=snapshots, energies=energies)
"""


@pytest.fixture
def run(options, tmp_path, monkeypatch):
    python = answering(tmp_path, monkeypatch, STAND_IN)
    chosen = options(**TINY)
    return chosen, simulate(chosen, python)


def test_answers_come_back_in_units_of_the_plasma(run):
    chosen, found = run
    first, last = found.snapshots
    assert (first.time, last.time) == (0.4 * 4 / 16, 0.4 * 8 / 16)
    assert last.grid.shape == (16, 16)
    np.testing.assert_allclose(last.values["bz"], 1, rtol=1e-6)
    np.testing.assert_allclose(last.values["rho"], 1, rtol=1e-6)
    _, _, drift = make_request(chosen)
    np.testing.assert_allclose(last.values["jz"], drift[0], rtol=1e-5, atol=1e-7)
    assert found.energies[0].sum() == pytest.approx(1)
    assert energy_error(found.energies) == pytest.approx(2e-9, rel=1e-4)
    assert last.units["jz"] == "n0 e c"


def test_files_hold_snapshots_parameters_and_the_record_of_energy(run, tmp_path):
    chosen, found = run
    path = tmp_path / "simulation.h5"
    write_simulation(path, found, chosen)
    with h5py.File(path) as file:
        assert json.loads(file.attrs["parameters"]) == chosen
        assert file.attrs["program"] == "stand-in 1.0"
        assert file.attrs["energy_error"] == pytest.approx(2e-9, rel=1e-4)
        assert file["energy/magnetic"].attrs["unit"] == "energy at the start"
        np.testing.assert_array_equal(file["energy/step"], [0, 8])
        assert file["snapshots/001/ez"].attrs["unit"] == "B0"
    for number, wanted in ((None, found.snapshots[1]), (0, found.snapshots[0])):
        read = read_simulated(path, number)
        assert read.grid == wanted.grid
        assert read.time == wanted.time
        assert read.units == dict(wanted.units)
        for name, array in wanted.values.items():
            np.testing.assert_array_equal(read.values[name], array)
    with pytest.raises(ConfigError, match=r"fields.snapshot: there is no snapshot 2.*has 2"):
        read_simulated(path, 2)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit('no room left')", r"ended with status 1: no room left"),
        (STAND_IN.replace("snapshots[..., 9] =", "snapshots[..., 9] = np.nan *"), "not finite"),
    ],
)
def test_runs_that_failed_say_so(options, tmp_path, monkeypatch, code, words):
    python = answering(tmp_path, monkeypatch, code)
    with pytest.raises(SimulationError, match=words):
        simulate(options(**TINY), python)


@pytest.mark.parametrize(
    ("cells", "particles", "steps", "seconds", "mb"),
    # Seconds and MB of plasma2d and plasma3d, and of one step of 128^3 without averages.
    [([256, 256], 8, 400, 229, 722), ([64] * 3, 4, 160, 354, 1337), ([128] * 3, 4, 1, 19, 3300)],
)
def test_jobs_ask_for_what_was_measured(options, cells, particles, steps, seconds, mb):
    chosen = options(cells=cells, particles_per_cell=particles, steps=steps)
    assert seconds < costs.simulation_seconds(chosen) < 3 * seconds
    assert mb < resources.MEMORY_MARGIN * costs.simulation_mb(chosen) < 5 * mb


@pytest.fixture
def pipic(root):
    python = root / ".simulation" / "bin" / "python"
    try:
        turbulence.find_program(python)
    except SimulationError as error:
        pytest.skip(f"pi-PIC is not tried: {error}")
    return python


@pytest.mark.parametrize("changes", [{}, {"cells": [8, 8, 16], "solver": "ec"}])
def test_equal_seeds_give_equal_bits(options, pipic, changes):
    chosen = options(**{**TINY, **changes})
    one, two = (simulate(chosen, pipic) for _ in range(2))
    np.testing.assert_array_equal(one.energies, two.energies)
    for a, b in zip(one.snapshots, two.snapshots, strict=True):
        for name in a.values:
            np.testing.assert_array_equal(a.values[name], b.values[name])
    assert energy_error(one.energies) < 1e-12
    other = simulate({**chosen, "seed": 2}, pipic)
    assert not np.array_equal(other.snapshots[-1].values["jz"], one.snapshots[-1].values["jz"])


def test_the_plasma_begins_as_it_was_asked_to(options, pipic):
    numbers = {"perturbation": 0.2, "cells_per_skin_depth": 1, "time_step": 0.05}
    numbers |= {"particles_per_cell": 64, "modes": 1, "steps": 1, "average": 1}
    chosen = options(cells=[32, 32], solver="fourier_boris", **numbers)
    found = simulate(chosen, pipic).snapshots[0]
    assert found.values["rho"].mean() == pytest.approx(1, abs=1e-5)
    assert found.values["bz"].mean() == pytest.approx(1, abs=1e-3)
    across = np.sqrt(np.mean(found.values["bx"] ** 2 + found.values["by"] ** 2))
    assert across == pytest.approx(0.2, rel=0.02)
    # curl B = j / sqrt(sigma), and the particles carry it: noise aside, a straight line.
    curl = operators.curl(*(found.values[f"b{k}"] for k in "xyz"), found.grid)["z"]
    curl, j = (operators.smooth(array, 2, found.grid) for array in (curl, found.values["jz"]))
    assert np.corrcoef(curl.ravel(), j.ravel())[0, 1] > 0.9
    slope = (curl * j).sum() / (curl * curl).sum()
    assert slope == pytest.approx(2, rel=0.15)
