"""The GPU that a job was given, and what to do where there is none."""

import logging
import os
import platform
import sys
from importlib.util import find_spec

from kohorte._checks import extra
from kohorte.errors import ConfigError

_LOG = logging.getLogger(__name__)


def require_gpu() -> None:
    """Raise ConfigError, with the way to install it, where JAX has no GPU to compute on.

    JAX_PLATFORMS=cpu in the environment is taken for a wish to do without.
    """
    if os.environ.get("JAX_PLATFORMS") == "cpu":
        _LOG.warning("execution.device is gpu, but JAX_PLATFORMS=cpu keeps JAX on the CPU")
        return
    with extra("jax"):
        import jax
    try:
        found, cause = jax.default_backend(), ""
    except RuntimeError as error:
        found, cause = "", f" ({error})"
    if found in ("", "cpu"):
        raise ConfigError(
            f"execution.device is gpu, but JAX {jax.__version__} sees no usable GPU on "
            f"{platform.node()}{cause}; {_remedy(jax.__version__)}, or set execution.device: cpu"
        )


def _remedy(version: str) -> str:
    if find_spec("jax_plugins") is None:
        return (
            "for an NVIDIA GPU install what JAX needs for it, by `make gpu-env` or by "
            f"`{sys.executable} -m pip install 'jax[cuda12]=={version}'`"
        )
    return (
        "JAX's packages for it are installed: see whether `nvidia-smi` lists a GPU here and a "
        "driver of at least 525, and whether CUDA_VISIBLE_DEVICES hides it"
    )


def log_device() -> None:
    """Log what JAX computes on."""
    with extra("jax"):
        import jax

    device = jax.devices()[0]
    _LOG.info("device: JAX computes on %s (%s)", device.device_kind, device.platform)
