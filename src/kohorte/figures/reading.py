"""What functions that draw a figure read of a study."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kohorte import store
from kohorte.analysis.evaluation import Matching, match_classes
from kohorte.errors import ResultError
from kohorte.figures.groups import consensus_colour
from kohorte.figures.panels import choose_step
from kohorte.figures.style import group_marker, palette_colour, palette_marker

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


def classes_of_groups(found: Matching, n_groups: int) -> np.ndarray:
    """Class that each group stands for, as an index into `found.classes`; -1 for none.

    (n_groups,) int64; the groups are numbered as the labels that were matched.
    """
    classes = np.full(n_groups, -1, dtype=np.int64)
    matched = np.flatnonzero(found.matching >= 0)
    groups = found.clusters[found.matching[matched]]
    classes[groups[groups >= 0]] = matched[groups >= 0]  # -1 is no group
    return classes


def match_groups(labels: np.ndarray, truth: np.ndarray, n_groups: int) -> np.ndarray:
    """Code of the class that each of the groups stands for, -1 for none: (n_groups,) int64."""
    found = match_classes(labels, truth)
    classes = classes_of_groups(found, n_groups)
    return np.where(classes >= 0, found.classes[classes], -1).astype(np.int64)


def matched_looks(matching: np.ndarray | None, n_classes: int) -> list[tuple[str, str]]:
    """Colour and marker of each class: those of the group that stands for it, else its own.

    `matching` has for each group its class, or -1; groups look alike in all figures of a study.
    """
    looks: dict[int, tuple[str, str]] = {}
    n_groups = 0 if matching is None else len(matching)
    for group in range(n_groups):
        looks.setdefault(int(matching[group]), (consensus_colour(group), group_marker(group)))  # type: ignore[index]
    spare = n_groups
    for c in range(n_classes):
        if c not in looks:
            looks[c] = palette_colour(spare), palette_marker(spare)
            spare += 1
    return [looks[c] for c in range(n_classes)]


def class_looks(inputs: Inputs, table: "PreparedData") -> list[tuple[str, str]]:
    """Return colour and marker of each class of a study's points, as `matched_looks` does."""
    truth, names = known_classes(table)
    step = choose_step(len(truth))
    ensemble = store.read_ensemble(inputs["ensemble"], points=True, step=step)
    matching = match_groups(ensemble.points.label, truth[::step], ensemble.consensus.n_groups)
    return matched_looks(matching, len(names))
