"""Maps whose parameters exclude each other, said while a workflow plans.

`kohorte.maps.realization.MapParameters` refuses the same maps, but takes too long to import for a
plan. Only the standard library is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kohorte.errors import ConfigError


def check_map(parameters: Mapping[str, Any], history: int) -> None:
    """Refuse a map that cannot be trained, whatever the data.

    Args:
        parameters: every name of `PARAMETERS` with its value, each within its bounds.
        history: how often errors are recorded during training.

    Raises:
        ConfigError: naming the keys that exclude each other, with their values.
    """
    for check in (_check_lattice, _check_trainer, _check_rate, _check_radius):
        check(parameters)
    if parameters["patience"] is not None and history == 0:
        raise ConfigError(
            f"training.patience is {parameters['patience']}, but training.history is 0: its "
            "moments are when errors are compared; leave history out, or patience"
        )


def _check_lattice(p: Mapping[str, Any]) -> None:
    # Automatic sizes are made to fit.
    wrapped = p["periodic"] and p["topology"] == "hexagonal" and p["ydim"] not in ("auto", 1)
    if wrapped and p["ydim"] % 2:
        raise ConfigError(
            f"lattice.ydim: a periodic hexagonal lattice needs an even number of rows, not "
            f"{p['ydim']}: odd rows are moved by half a step, and the first is not"
        )


def _check_trainer(p: Mapping[str, Any]) -> None:
    if p["kernel"] == "mexican_hat" and p["trainer"] != "online":
        raise ConfigError(
            f"training.kernel: 'mexican_hat' has negative values, and the trainer {p['trainer']!r} "
            "takes means weighed by the kernel; use the trainer 'online', or another kernel"
        )
    if p["backend"] == "jax" and p["trainer"] != "batch":
        raise ConfigError(
            f"training.backend: 'jax' trains in batches only, and the trainer is {p['trainer']!r}; "
            "choose the trainer 'batch' or the backend 'numba'"
        )


def _check_rate(p: Mapping[str, Any]) -> None:
    curve, last = p["learning_rate"], p["final_alpha"]
    if p["trainer"] != "batch" and curve != "decay" and last is not None:
        _check_fall("alpha", curve, p["alpha"], last)


def _check_radius(p: Mapping[str, Any]) -> None:
    curve, first, last = p["radius_schedule"], p["radius"], p["final_radius"]
    if curve == "auto":
        curve = "reference" if p["trainer"] == "online" else "exponential"
    if curve == "reference":
        for name in ("radius", "final_radius"):
            if p[name] != "auto":
                raise ConfigError(
                    f"training.{name} is {p[name]:g}, but the radius_schedule 'reference' (that of "
                    f"the trainer 'online', if no other is named) sets the radii itself; leave "
                    f"{name} out or choose another schedule"
                )
        return
    if first == 0 and curve != "constant":
        raise ConfigError(
            f"training.radius: it must be above 0 for the radius_schedule {curve!r}, to fall"
        )
    if last == "auto":
        return
    if first == "auto":
        sides = [p["xdim"], p["ydim"]]
        # Half of a side that the data will set: larger than any radius, as far as is known.
        first = float("inf") if "auto" in sides else max(sides) / 2
    _check_fall("radius", curve, first, last)


def _check_fall(what: str, curve: str, first: float, last: float) -> None:
    if curve != "constant" and last > first:
        raise ConfigError(
            f"training.final_{what} is {last:g}, but it falls from {what}, which is {first:g}; "
            "make it at most as large"
        )
    if curve not in ("constant", "linear") and last == 0:
        raise ConfigError(
            f"training.final_{what} is 0, which {curve!r} never reaches; make it larger, or take "
            "'linear'"
        )
