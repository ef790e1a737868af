"""From a study's parameters to those of one map: what is automatic gets its value from the data."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kohorte.errors import ConfigError
from kohorte.maps.lattice import pca_ratio, suggest_size
from kohorte.maps.realization import MapParameters
from kohorte.study.plan import COUNTED


def resolve_parameters(chosen: Mapping[str, Any], features: np.ndarray) -> MapParameters:
    """Parameters of a map, what is automatic replaced by numbers and names.

    chosen: names and values of `kohorte.study.plan.PARAMETERS`. features: (N, F). A lattice of
    automatic size has about 5 sqrt(N F) / 6 nodes; its sides follow `ratio`, which `"pca"` takes
    from the two largest principal components; the rows of a periodic hexagonal lattice are made
    even. Raises ConfigError where only one side is automatic.
    """
    values = {name: value for name, value in chosen.items() if name != "ratio"}
    automatic = [side for side in ("xdim", "ydim") if chosen[side] == "auto"]
    if len(automatic) == 1:
        raise ConfigError(f"{automatic[0]} is 'auto' but the other side is a number")
    if automatic:
        ratio = pca_ratio(features) if chosen["ratio"] == "pca" else chosen["ratio"]
        values["xdim"], values["ydim"] = suggest_size(*features.shape, ratio)
        wrapped = chosen["periodic"] and chosen["topology"] == "hexagonal"
        if wrapped and values["ydim"] > 1:
            values["ydim"] += values["ydim"] % 2
    if chosen["method"] not in COUNTED:
        values["clusters"] = None
    return MapParameters(**values)
