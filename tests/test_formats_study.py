"""From a file of any format to the summary of a study and a copy of the file with its groups."""

import numpy as np
import pytest
import xarray as xr
from planning import plan_config, prepare
from tables_of_formats import GRIDS, NO_CLASSES, WRITERS, grid, write_netcdf, write_sheet
from workflow_project import Project

from kohorte import store
from kohorte.analysis.copies import write_copy
from kohorte.analysis.sufficiency import sufficiency_table
from kohorte.analysis.summary import summarize_study
from kohorte.analysis.tables import tabulate_study
from kohorte.data.names import copy_name
from kohorte.data.prepared import prepare_data
from kohorte.data.sources import read_table
from kohorte.jobs.counting import combine_slabs, count_slab
from kohorte.jobs.training import train_batch

MINIMAL = {
    "study": "tiny",
    "recipe": "published",
    "lattice": {"xdim": [5], "ydim": 4},
    "training": {"steps": [300], "alpha": [0.1, 0.3]},
    "data": {"missing": "drop"},
}
TEN = ["t.csv", "t.parquet", "t.xlsx", "t.ods", "t.fits", "t.fcs", "t.nc", "t.tif", "t.h5ad"]
TEN += ["columns.h5", "columns.npz", "t.zarr"]


@pytest.mark.filterwarnings("ignore:'ArrowStringArray' is not supported")
@pytest.mark.parametrize("name", TEN)
def test_from_a_file_to_the_summary_and_a_copy(tmp_path, schema, name):
    source = tmp_path / name
    WRITERS[name](source)
    label = None if name in NO_CLASSES else "kind"
    config = MINIMAL | {"data": {"source": str(source), "missing": "drop", "label": label}}
    config, study = prepare(config, schema), plan_config(config, schema)
    data, ensemble = tmp_path / "data.h5", tmp_path / "ensemble.h5"
    store.write_data(data, prepare_data(config["data"], seed=1), options=config["data"], seed=1)
    members = [
        {"id": p.id, "seed": p.seed, "repeat": p.repeat, "parameters": p.parameters}
        for p in study.realizations
    ]
    index = tmp_path / "realizations" / "batches" / "000.json"
    slab = tmp_path / "overlaps" / "0000.json"
    train_batch(
        index,
        data=data,
        weights=None,
        members=members,
        recording={},
        library="",
        losses={"losses": 0},
    )
    options = {
        k: config["ensemble"][k] for k in ("identical", "threshold", "consensus", "groups", "votes")
    }
    with store.open_label_arrays([index]) as labels:
        count_slab(slab, labels, 0, 1, noise=None, losses={"losses": 0})
        how = {"noise": None, "options": options, "memory_mb": 64, "threads": 1}
        combine_slabs(ensemble, [slab], labels, **how)
        tables = tabulate_study(
            labels,
            ensemble=ensemble,
            data=data,
            indexes=[index],
            files={},
            swept=study.swept,
            seed=1,
            resamples=10,
        )
        stored = store.read_ensemble(ensemble, points=True)
        enough = sufficiency_table(
            labels.arrays, stored.overlaps, seed=1, subsets=2, consensus=options["consensus"]
        )
    parts = ("realizations", "choice", "evaluation", "reliability")
    text = summarize_study(
        "tiny", stored, sufficiency=enough, results=tmp_path, **{k: tables[k] for k in parts}
    )
    n_points = 120 if name == "t.fcs" else 119
    assert f"Study tiny: {n_points} points, 2 realizations" in text
    copy = tmp_path / "labelled" / copy_name(str(source))
    write_copy(copy, source=source, data=data, ensemble=ensemble)
    groups = read_table(copy, features=["group"], missing="skip").values[:, 0]
    rows = np.setdiff1d(np.arange(120), [] if name == "t.fcs" else [7])
    np.testing.assert_array_equal(groups[rows], stored.points.label)
    if name != "t.fcs":
        assert np.isnan(groups[7]) or groups[7] == -1
    assert (read_table(copy, features=["group"], missing="skip").shape is not None) == (
        name in GRIDS
    )


@pytest.mark.workflow
@pytest.mark.parametrize(
    ("name", "write", "data"),
    [
        ("my cells.xlsx", write_sheet, {"table": "results", "label": "kind"}),
        ("t.nc", write_netcdf, {"features": ["CD3", "FSC-A"]}),
    ],
)
def test_the_workflow_takes_a_file_there(root, tmp_path, name, write, data):
    config = MINIMAL | {"data": {"source": name, "missing": "drop"} | data}
    project = Project(root, tmp_path / "project", config)
    write(project.directory / name)
    copy = f"results/tiny/labelled/{name}"
    project.run(copy)
    table = read_table(project.directory / copy, features=["group"], missing="skip")
    groups = store.read_ensemble(project.results / "ensemble.h5", points=True).points.label
    found = table.values[:, 0]
    np.testing.assert_array_equal(found[~np.isnan(found)], groups)
    if name == "t.nc":
        with xr.open_dataset(project.directory / copy, engine="h5netcdf") as opened:
            xr.testing.assert_equal(opened["lat"], grid()["lat"])
