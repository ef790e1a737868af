"""The check of a GPU from end to end on the CPU, at its smallest size."""

import re
import subprocess
import sys

import jax
import numpy as np
import pandas as pd
import pytest

from kohorte.errors import ResultError
from kohorte_benchmarks import gpu_tasks
from kohorte_benchmarks.gpu import COLUMNS, SIZES


def check(root, *arguments):
    command = [sys.executable, "scripts/check_gpu.py", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


def test_all_runs_on_a_cpu(root, tmp_path):
    output = tmp_path / "new" / "gpu.csv"
    run = check(root, "--device", "cpu", "--size", "tiny", "--output", str(output))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "tests passed" in run.stdout
    assert list(output.parent.iterdir()) == [output]
    table = pd.read_csv(output)
    assert tuple(table.columns) == COLUMNS
    device = jax.devices()[0]
    assert set(table["device"]) == {f"{device.platform}: {device.device_kind}"}
    tiny = SIZES["tiny"]
    counting = table[table["case"] == "counting"]
    assert counting["n_realizations"].tolist() == list(np.repeat(tiny.realizations, 4))
    numba = counting.groupby("n_realizations")["seconds"].transform("first")
    np.testing.assert_allclose(counting["ratio"], numba / counting["seconds"])
    # What docs/benchmarks/gpu.md tells of, and nothing else.
    page = (root / "docs" / "benchmarks" / "gpu.md").read_text()
    cases = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`([^`]+)`", " ".join(cases))) == set(table["case"])


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="JAX sees an accelerator here")
def test_without_a_gpu_it_stops_at_once(root, tmp_path):
    run = check(root, "--output", str(tmp_path / "gpu.csv"))
    assert run.returncode == 1
    assert "sees no usable GPU" in run.stderr
    assert "Traceback" not in run.stderr
    assert not list(tmp_path.iterdir())


def test_counts_that_differ_stop_the_benchmark(monkeypatch):
    methods = gpu_tasks.accelerated.METHODS
    right = methods["products"]
    monkeypatch.setitem(methods, "products", lambda *arguments: right(*arguments) + 1)
    with pytest.raises(ResultError, match="3 realizations by jax, products differ"):
        gpu_tasks.count_in_all_ways([3], 1, n_points=500, n_clusters=3)
