"""What functions that draw a figure read of a study."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kohorte import store
from kohorte.errors import ResultError

if TYPE_CHECKING:
    from kohorte.store import PreparedData, StoredRealization

Inputs = Mapping[str, Any]
"""Files that a figure is drawn from by name: a path, or several paths, or none of a kind that the
study does not have."""

Parameters = Mapping[str, Any]
"""Values of the parameters of a figure by name."""


def read_map(inputs: Inputs, parameters: Parameters, *names: str) -> "StoredRealization":
    """Read datasets of the map `realization`, or of the most representative one."""
    return store.read_chosen_map(
        inputs["maps"], inputs["ensemble"], parameters["realization"], *names
    )


def known_classes(table: "PreparedData") -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the class of each point and the names of the classes; ResultError without any."""
    if table.truth is None or table.class_names is None:
        raise ResultError(
            "the points of the study have no known classes: data.label names none, or names rows"
        )
    return table.truth, table.class_names


def read_swept(realizations: pd.DataFrame, parameters: Parameters) -> dict[str, list[object]]:
    """Return the values of each swept parameter in a table of realizations."""
    return {name: realizations[name].tolist() for name in parameters["swept"]}


def find_representative(realizations: pd.DataFrame, inputs: Inputs) -> int:
    """Return the row of the realization that agrees best with all others."""
    representative = store.read_representative(inputs["ensemble"])
    return int((realizations["id"] == representative).to_numpy().argmax())


def unit_of_training(parameters: Mapping[str, Any]) -> str:
    """Return what the training of a map with these parameters counts: steps or epochs."""
    in_steps = parameters["trainer"] == "online" and parameters["epochs"] is None
    return "steps" if in_steps else "epochs"
