"""The comparison with SimpSOM at tiny sizes, with a stand-in for it and, where it is, itself."""

import numpy as np
import pytest
from measured_here import measure_by, save_arrays

from kohorte.maps.batch import train_batch
from kohorte.maps.lattice import Lattice
from kohorte_benchmarks import map_tasks, simpsom
from kohorte_benchmarks.serving import Outcome
from kohorte_benchmarks.simpsom import COLUMNS, PEER, Sizes, compare_simpsom
from kohorte_benchmarks.worker import Task, measure

TINY = Sizes(side=6, points=(20, 30), batch_size=4, epochs=2, repeats=1)
IMAGES = np.random.default_rng(0).integers(0, 256, (50, 9), dtype=np.uint8)


def measure_here(asked, *, repeats, threads):
    """What worker.measure does, without processes; SimpSOM takes 3 s and 0.1 s for each image."""

    def run(task, told):
        if task.file == PEER:
            assert task.python == "python"
            return Outcome(3 + 0.1 * told["rows"], "2.0.2")
        return map_tasks.TASKS[task.name](**told)()

    return measure_by({}, run)(asked, repeats=repeats, threads=threads)


def test_simpsom_is_scaled_to_all_images(tmp_path, monkeypatch):
    monkeypatch.setattr(simpsom, "measure", measure_here)
    table = compare_simpsom(IMAGES, tmp_path, "python", TINY)
    assert not list(tmp_path.iterdir())
    assert tuple(table.columns) == COLUMNS
    assert set(table["n_features"]) == {9}
    assert set(table["nodes"]) == {36}
    ours = table[table["implementation"] == "kohorte"].set_index("n_points")
    assert ours.index.tolist() == [20, 30, 50]
    assert (ours["ratio"] == 1).all()
    theirs = table[table["implementation"] == "SimpSOM 2.0.2"].set_index("n_points")
    assert theirs["how"].to_dict() == {20: "measured", 30: "measured", 50: "scaled"}
    assert theirs["seconds"].tolist() == pytest.approx([5, 6, 8])
    np.testing.assert_allclose(theirs["ratio"], theirs["seconds"] / ours["seconds"])


def test_kohorte_alone_where_simpsom_is_missing(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(simpsom, "measure", measure_here)
    table = compare_simpsom(IMAGES, tmp_path, None, TINY)
    assert set(table["implementation"]) == {"kohorte"}
    assert set(table["how"]) == {"measured"}
    assert "SimpSOM is left out: envs/simpsom.txt is not installed" in caplog.text


@pytest.fixture
def python(root):
    path = root / ".simpsom" / "bin" / "python"
    if not path.exists():
        pytest.skip("SimpSOM is not installed: make compare-simpsom")
    return str(path)


def test_both_are_measured(python, tmp_path):
    table = compare_simpsom(IMAGES, tmp_path, python, TINY)
    assert table["how"].tolist() == ["measured"] * 5 + ["scaled"]
    assert (table["seconds"][table["implementation"] == "SimpSOM 2.0.2"] > 0).all()


def test_an_epoch_of_simpsom_is_one_of_kohorte_on_a_planar_lattice(python, tmp_path):
    lattice = Lattice(7, 4, "hexagonal")
    points, start = IMAGES.astype(np.float32), IMAGES[:28] + np.float32(1)
    files = save_arrays(tmp_path, points=points, weights=start)
    files["output"] = str(tmp_path / "output.npy")
    told = {"rows": 40, "xdim": 7, "ydim": 4, "metric": "cosine", "batch_size": 3}
    measure({"": Task("epoch", {**files, **told}, PEER, python)}, repeats=1, threads=1)
    expected = train_batch(points[:40], lattice, start, epochs=1, metric="cosine")
    np.testing.assert_allclose(np.load(files["output"]), expected, rtol=1e-5)
