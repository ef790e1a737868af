"""Files of the experiment with spirals: the networks of one job, and one unwound curve."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kohorte.store.files import create, put, read_result
from kohorte.studies.spirals.plan import MEASURES

if TYPE_CHECKING:
    from kohorte.studies.spirals.training import TrainedNetwork
    from kohorte.studies.spirals.unwinding import Unwinding

#: Unit of the datasets that other results do not have.
UNITS = {
    "beta": "per unit of distance",
    "number": "network, from 0",
    "parameters": "weights and biases",
    "node_parameters": "weights of nodes",
    "width": "units",
    "train_loss": "nats",
    "test_loss": "nats",
    "train_accuracy": "share of points",
    "test_accuracy": "share of points",
    "points": "radius of the spiral",
    "classes": "class index",
    "decision": "probability",
    "activations": "dimensionless",
    "positions": "half of the longer side of the map",
    "nodes": "units of what the map is trained on",
    "way": "share of the length of the curve",
    "winner": "lattice spacings",
    "soft": "lattice spacings",
    "component": "radius of the spiral",
    "direction": "dimensionless",
}

_MADE_BY = ("maps", "studies/spirals")
_COUNTS = ("parameters", "node_parameters", "width")
_PICTURE = ("points", "classes", "decision", "activations", "positions", "nodes")
_UNWINDING = ("points", "way", "nodes", "winner", "soft", "component", "direction")


def write_networks(
    path: str | Path,
    networks: Sequence["TrainedNetwork"],
    *,
    variant: str,
    side: int,
    beta: Sequence[float],
    number: Sequence[int],
) -> None:
    """Write the networks of one job; `beta` and `number` say which each is.

    Counts are (R,), measures (R, T). At most one of the networks may have a picture.
    """
    drawn = [k for k, network in enumerate(networks) if network.picture is not None]
    with create(path, "networks", made_by=_MADE_BY, variant=variant, side=side) as file:
        arrays = {"beta": np.array(beta, np.float64), "number": np.array(number, np.int64)}
        arrays |= {name: np.array([getattr(n, name) for n in networks]) for name in _COUNTS}
        arrays["step"] = networks[0].step
        arrays |= {name: np.stack([getattr(n, name) for n in networks]) for name in MEASURES}
        put(file, arrays, UNITS)
        for row in drawn:
            picture = networks[row].picture
            put(file, {f"picture/{name}": getattr(picture, name) for name in _PICTURE}, UNITS)
            file["picture"].attrs["row"] = row


def read_networks(path: str | Path) -> Mapping[str, object]:
    """Read what `write_networks` wrote, by name; `picture` is a mapping with the `row`, or None."""
    with read_result(path, "networks") as file:
        found = {"variant": str(file.attrs["variant"]), "side": int(file.attrs["side"])}
        for name in ("beta", "number", *_COUNTS, "step", *MEASURES):
            found[name] = file[name][:]
        group = file.get("picture")
        picture = None
        if group:
            picture = {n: group[n][:] if n in group else None for n in _PICTURE}
            picture["row"] = int(group.attrs["row"])
        return found | {"picture": picture}


def write_unwinding(path: str | Path, unwinding: "Unwinding") -> None:
    """Write one unwound curve, for its figure."""
    with create(path, "unwinding", made_by=_MADE_BY, turns=unwinding.turns) as file:
        put(file, {name: getattr(unwinding, name) for name in _UNWINDING}, UNITS)


def read_unwinding(path: str | Path) -> Mapping[str, object]:
    """Read what `write_unwinding` wrote, by name."""
    with read_result(path, "unwinding") as file:
        return {"turns": float(file.attrs["turns"])} | {n: file[n][:] for n in _UNWINDING}
