"""From a snapshot of one's own to the table of a study, through Snakemake."""

import json

import fields_samples
import h5py
import numpy as np
import pytest
from workflow_project import Project

from kohorte import store
from kohorte.studies.plasma import store as plasma_store

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("plasma")]

STUDY = {
    "study": "ropes",
    "recipe": "published",
    "data": {"source": "fields"},
    "fields": {
        "source": "my run/{field}_07.npy",
        "features": ["j_par", "b_perp", "e_par"],
        "kernel_radius": 3,
        "smoothing": {"e_par": 1},
        "spacing": [0.5, 0.5],
        "units": {"b": "nT", "length": "km"},
    },
    "simulation": {"cells": [8, 8], "modes": 1, "steps": 2, "average": 1},
    "lattice": {"xdim": 5, "ydim": 4},
    "training": {"steps": 200},
}


@pytest.fixture(scope="module")
def project(root, tmp_path_factory):
    project = Project(root, tmp_path_factory.mktemp("plasma") / "a study", STUDY)
    raw, _ = fields_samples.flux_ropes((16, 20), noise=0.05)
    folder = project.directory / "my run"
    folder.mkdir()
    for name, array in raw.items():
        np.save(folder / f"{name}_07.npy", array)
    return project


def test_a_snapshot_becomes_a_table(project):
    table = "results/ropes/data.h5"
    project.run(table)
    fields = plasma_store.read_fields(project.results / "fields.h5")
    assert fields.grid.length_unit == "km"
    assert fields.units["b_perp"] == "nT"
    assert {"j_mag", "e_dot_j", "j_asym", "rho", "bx", "by"} <= set(fields.values)
    data = store.read_data(project.directory / table)
    assert data.names == ("j_par", "b_perp", "e_par")
    assert data.shape == (16, 20)
    for k, name in enumerate(data.names):
        wanted = fields.values[name].ravel()
        np.testing.assert_allclose(data.physical([k])[:, 0], wanted, rtol=1e-4, atol=1e-5)
    with h5py.File(project.results / "fields.h5") as file:
        assert json.loads(file.attrs["smoothing"]) == {"e_par": 1}
    assert project.pending(table) == {}
    project.configure(STUDY, fields={**STUDY["fields"], "kernel_radius": 4})
    assert project.pending(table).keys() == {"derive_fields", "prepare_data"}


def test_a_field_that_is_missing_ends_the_run_with_its_name(project):
    project.configure(STUDY, study="lacking", fields={**STUDY["fields"], "datasets": {"bx": "Bx"}})
    output = project.run("results/lacking/data.h5", check=False)
    assert "no dataset 'Bx', which fields.datasets names for bx" in output
    assert not (project.directory / "results/lacking/data.h5").exists()


def test_without_the_environment_of_simulations_the_run_says_how_to_make_it(project):
    project.configure(STUDY, study="simulated", fields={"source": "simulation"})
    output = project.run("results/simulated/data.h5", check=False)
    assert "make simulation-env" in output
    assert project.pending("results/simulated/data.h5").keys() == {
        *("simulate_plasma", "derive_fields", "prepare_data")
    }


def test_a_simulation_becomes_a_table(project, root):
    if not (root / ".simulation" / "bin" / "python").exists():
        pytest.skip(
            "pi-PIC is not tried: there is no .simulation; make it with make simulation-env"
        )
    (project.directory / ".simulation").symlink_to(root / ".simulation")
    project.configure(STUDY, study="simulated", fields={"source": "simulation", "kernel_radius": 2})
    project.run("results/simulated/data.h5")
    results = project.directory / "results/simulated"
    assert store.read_data(results / "data.h5").shape == (8, 8)
    fields = plasma_store.read_fields(results / "fields.h5")
    assert fields.units["j_par"] == "n0 e c"
    assert fields.grid.length_unit == "c/omega_p"
    with h5py.File(results / "simulation.h5") as file:
        assert json.loads(file.attrs["parameters"])["cells"] == [8, 8]
        assert file.attrs["energy_error"] < 1e-12
