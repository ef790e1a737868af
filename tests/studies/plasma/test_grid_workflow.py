"""A study whose points are the cells of a grid, through Snakemake."""

import fields_samples
import h5py
import numpy as np
import pandas as pd
import pytest
from workflow_project import Project

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("grid")]

SHAPE = (12, 16, 10)
EXTRA = ["consensus_slice", "group_shares", "sheet_surfaces"]
STUDY = {
    "study": "box",
    "data": {"source": "features.h5", "shape": list(SHAPE)},
    "realizations": {"labels": [f"runs/{k}.npy" for k in range(3)]},
    "figures": {"extra": EXTRA, "slice_axis": "y"},
    "physics": {"threshold": 1.5, "smallest": 4},
}


@pytest.fixture(scope="module")
def project(root, tmp_path_factory):
    project = Project(root, tmp_path_factory.mktemp("grid") / "a study", STUDY)
    raw, _ = fields_samples.flux_ropes(SHAPE, noise=0.05)
    with h5py.File(project.directory / "features.h5", "w") as file:
        file["features"] = np.column_stack([raw["jz"].ravel(), raw["bx"].ravel()])
        file["names"] = ["j_par", "b_x"]
    (project.directory / "runs").mkdir()
    for k in range(3):
        labels = np.digitize(raw["jz"].ravel(), [-0.5 - 0.1 * k, 0.5 + 0.1 * k]).astype(np.uint8)
        np.save(project.directory / "runs" / f"{k}.npy", labels)
    return project


def test_results_go_back_onto_the_grid(project):
    pending = project.pending("all")
    assert {"write_grid", "measure_physics", "draw_figures"} <= set(pending)
    assert "write_grid_labels" not in pending
    names = ["grid_labels.h5", "tables/physics.csv", "figures/consensus_slice.png"]
    project.run(*(f"results/box/{name}" for name in names))
    with h5py.File(project.results / "grid.h5") as grid:
        assert grid["points/label"].shape == SHAPE
        with h5py.File(project.results / "grid_labels.h5") as labels:
            first = np.load(project.directory / "runs" / "0.npy").reshape(SHAPE)
            np.testing.assert_array_equal(labels["labels/0"][:], first)
        physics = pd.read_csv(project.results / "tables" / "physics.csv")
        sizes = np.bincount(grid["points/label"][:].ravel()).tolist()
        assert physics[physics["kind"] == "consensus"]["cells"].tolist() == sizes
    assert set(physics["kind"]) == {"consensus", "sce", "threshold"}
    names = ["physics", "structures", "threshold", "field_features"]
    tables = {f"{name}.csv": project.results / "tables" / f"{name}.csv" for name in names}
    measured = {name: path.read_bytes() for name, path in tables.items()}
    structures = pd.read_csv(tables["structures.csv"])
    assert structures["cells"].min() >= 4
    assert (project.results / "grid.vti").stat().st_size > 0
    listed = project.pending("results/box/figures/manifest.csv")
    assert set(listed) == {"list_figures"}
    assert "measure_physics" not in listed

    # A choice of a figure changes that figure alone.
    before = {path.name: path.read_bytes() for path in (project.results / "figures").glob("*.png")}
    project.configure(STUDY, figures={"extra": EXTRA, "slice_axis": "x"})
    assert set(project.pending("results/box/figures/consensus_slice.png")) == {"draw_figures"}
    project.run("results/box/figures/consensus_slice.png")
    changed = [
        n for n, old in before.items() if (project.results / "figures" / n).read_bytes() != old
    ]
    assert changed == ["consensus_slice.png"]
    log = (project.results / "logs" / "draw_figures.log").read_text()
    assert f"1 figures drawn, {len(before) - 1} kept" in log
    project.configure(STUDY, physics={"threshold": 2})
    assert "measure_physics" in project.pending("results/box/tables/physics.csv")

    # The same tables from cells that are tallied in slabs, of which one has no part here.
    tables["physics.csv"].unlink()
    project.configure(STUDY, execution={"slabs": 2})
    target = "results/box/tables/physics.csv"
    jobs = project.pending(target, "results/box/grid.h5")
    assert jobs["tally_cells"] == 6
    assert jobs["gather_cells"] == 3
    project.run(target)
    assert {name: path.read_bytes() for name, path in tables.items()} == measured
    assert not list((project.results / "tallies").rglob("*.h5"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"figures": {"extra": ["feature_map"]}}, "the realizations are label files"),
        ({"data": {"source": "features.h5"}}, "'consensus_slice' cannot be drawn"),
        ({"figures": {"extra": ["sheets"]}}, "figures.extra"),
    ],
)
def test_figures_that_cannot_be_stop_before_any_work(project, changes, message):
    project.configure(STUDY, **changes)
    project.stop("--dry-run", says=[message])


def test_a_slice_outside_of_the_grid_is_named(project):
    project.configure(STUDY, figures={"extra": EXTRA, "slice_index": 40})
    output = project.run("results/box/figures/consensus_slice.png", check=False)
    assert "figures.slice_index: 40 is not below the 12 cells along z" in output
