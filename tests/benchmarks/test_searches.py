"""The benchmark of searches for winners at tiny sizes."""

import numpy as np
import pytest
from measured_here import measure_by, save_arrays

from kohorte.maps.lattice import Lattice
from kohorte.maps.winners import count_looks, find_two_winners
from kohorte_benchmarks import map_tasks, maps, searches
from kohorte_benchmarks.maps import normal_clouds
from kohorte_benchmarks.serving import Outcome

TINY = searches.Sizes(
    points=1500,
    features=(3,),
    sides=((16, 16), (32, 20)),
    epochs=3,
    looks=(0, 3),
    followed=(20, 16),
    work=1e5,
    repeats=1,
)


def run(task, told):
    if task.python != "peer":
        return map_tasks.TASKS[task.name](**told)()
    points, nodes = np.load(told["points"]), np.load(told["weights"])
    np.save(told["output"], find_two_winners(points, nodes)[0][:, 0])
    return Outcome(1.0)


def test_every_case_with_what_it_looks_at(monkeypatch, tmp_path):
    monkeypatch.setattr(searches, "measure", measure_by(map_tasks.TASKS, run))
    monkeypatch.setattr(searches, "find_peers", lambda peers: frozenset({"faiss-cpu"}))
    table = searches.benchmark_searches(TINY, tmp_path, "peer")
    assert not list(tmp_path.iterdir())
    cases = ["map", "map, reversed", "exponent", "no map", "epoch 1", "epoch 4"]
    assert list(dict.fromkeys(table["case"])) == cases
    ours = table[table["implementation"] == "kohorte"].set_index(["case", "nodes"])
    assert (ours["ratio"] == 1).all()
    assert ours.loc["map", "balls"].tolist() == [16, 40]
    # Blocks help on a map, and not before its training.
    assert (ours.loc["map", "looked_at"] < np.array([128, 320])).all()
    assert ours.loc[("epoch 1", 320), "looked_at"] > 300
    equal = table[table["implementation"] == "FAISS, equal winners"]
    assert (equal["ratio"] == 1).all()
    growth = table[table["implementation"] == "kohorte, nodes and balls looked at"]["ratio"].item()
    seen = ours.loc["map", ["looked_at", "balls"]].sum(axis=1)
    assert growth == pytest.approx(np.log(seen.iloc[1] / seen.iloc[0]) / np.log(2.5))
    assert "| exponent | kohorte, seconds | 1,500 | 3 |  |" in maps.markdown_table(table)


def test_search_with_a_lattice_and_for_two(tmp_path):
    points, weights = normal_clouds(1200, 3, seed=1), normal_clouds(320, 3, seed=2)
    files = save_arrays(tmp_path, points=points, weights=weights)
    output = str(tmp_path / "o.npy")
    sides = {"xdim": 20, "ydim": 16, "output": output, "clock": "process_time"}
    map_tasks.find(**files, threads=1, **sides)()
    expected = find_two_winners(points, weights)[0][:, 0]
    np.testing.assert_array_equal(np.load(output), expected)
    assert map_tasks.find(**files, threads=1, xdim=20, ydim=16, two=True)().seconds > 0


def test_looks_are_counted():
    """All of one block, where there is no other."""
    assert count_looks(np.zeros((5, 3)), np.ones((16, 3)), Lattice(4, 4)) == (16, 1)
