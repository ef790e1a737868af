"""The GPU that a study asks for: what a run does where there is none, and what logs say."""

import jax
import numpy as np
import pytest
from workflow_project import TINY, Project

from kohorte.errors import ConfigError
from kohorte.jobs import devices

no_gpu = pytest.mark.skipif(jax.default_backend() != "cpu", reason="JAX sees an accelerator here")


@no_gpu
@pytest.mark.parametrize(("plugins", "remedy"), [(None, "make gpu-env"), (object(), "nvidia-smi")])
def test_a_gpu_that_is_not_there_is_named_with_the_way_to_install_it(monkeypatch, plugins, remedy):
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setattr(devices, "find_spec", lambda name: plugins)
    with pytest.raises(ConfigError, match=rf"no usable GPU.*{remedy}.*device: cpu") as caught:
        devices.require_gpu()
    assert (f"jax[cuda12]=={jax.__version__}" in str(caught.value)) == (plugins is None)


def test_a_gpu_that_cannot_be_started_is_named_with_its_error(monkeypatch):
    def fail():
        raise RuntimeError("no device of that kind")

    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setattr(jax, "default_backend", fail)
    with pytest.raises(ConfigError, match=r"\(no device of that kind\)"):
        devices.require_gpu()


def test_a_gpu_that_is_there_is_taken(monkeypatch):
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    devices.require_gpu()


@no_gpu
def test_a_run_on_a_gpu_stops_without_one_and_logs_name_the_device(root, tmp_path):
    project = Project(root, tmp_path / "study", TINY)
    (project.directory / "runs").mkdir(exist_ok=True)
    names = ["runs/one.npy", "runs/two.npy"]
    for name in names:
        np.save(project.directory / name, np.repeat([0, 1, 2], 30))
    study = {"study": "device", "data": {"source": None}, "realizations": {"labels": names}}
    project.configure(study, execution={"device": "gpu"})
    target = "results/device/overlaps/0000.json"
    log = project.directory / "results/device/logs/count_overlaps/0000.log"
    project.run(target, check=False, JAX_PLATFORMS="")
    assert not (project.directory / target).exists()
    assert "sees no usable GPU" in log.read_text()
    assert "make gpu-env" in log.read_text()

    project.run(target, JAX_PLATFORMS="cpu")
    text = log.read_text()
    assert "JAX_PLATFORMS=cpu keeps JAX on the CPU" in text
    assert "device: the CPU of " in text
    assert "with the jax backend on the CPU (asked for: jax)" in text
