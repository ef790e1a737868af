"""From the parameters chosen for a map to numbers and names: the data set an automatic size."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kohorte.maps.lattice import pca_ratio, suggest_size
from kohorte.maps.parameters import are_automatic, count_rows
from kohorte.maps.realization import MapParameters


def resolve_parameters(chosen: Mapping[str, Any], features: np.ndarray) -> MapParameters:
    """Return the parameters of a map of `features` (N, F), what is automatic replaced.

    `chosen` is every parameter by name. A lattice of automatic size has about as many nodes as the
    rule `nodes` says (`kohorte.maps.parameters.suggest_nodes`); its sides follow `ratio`,
    which ``"pca"`` takes from the two largest principal components; the rows of a periodic
    hexagonal lattice are made even. Automatic steps are one for each point that the map is trained
    on. ConfigError for values out of range, or that exclude each
    other, and for only one automatic side.
    """
    values = dict(chosen)
    if are_automatic(chosen["xdim"], chosen["ydim"]):
        n_points, n_features = features.shape
        ratio = pca_ratio(features) if chosen["ratio"] == "pca" else chosen["ratio"]
        values["xdim"], values["ydim"] = suggest_size(n_points, n_features, ratio, chosen["nodes"])
        wrapped = chosen["periodic"] and chosen["topology"] == "hexagonal"
        if wrapped and values["ydim"] > 1:
            values["ydim"] += values["ydim"] % 2
    if values["steps"] == "auto":
        values["steps"] = count_rows(chosen, len(features))
    return MapParameters(**values)
