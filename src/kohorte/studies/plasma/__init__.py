"""Plasma turbulence: simulated or one's own fields on a grid, and what groups of cells are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kohorte.errors import ConfigError
from kohorte.studies.plasma.costs import COSTS
from kohorte.studies.plasma.fields.names import check_fields, check_simulation
from kohorte.study.modules import StudyModule
from kohorte.study.plan import check_whole_grid


def prepare(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a configuration with the paths of files that the study makes of its own.

    Sources may name them `fields` and `simulation`.

    Raises
    ------
    ConfigError
        One of `data.source` and `fields.source` has no use without the other, or the sections that
        they name cannot be used.
    """
    folder = f"results/{config['study']}"
    fields, simulated = f"{folder}/fields.h5", f"{folder}/simulation.h5"
    source, raw = config["data"]["source"], config["fields"]["source"]
    cuts = config["figures"]["signal_cuts"]
    if cuts is not None and cuts != sorted(cuts):
        raise ConfigError(f"figures.signal_cuts: {cuts} are not ascending")
    if source in ("fields", fields) and raw is None:
        raise ConfigError(
            f"data.source is {source!r}, so fields.source must say what features are made from: "
            "simulation, or a file"
        )
    if raw is not None and source not in ("fields", fields):
        raise ConfigError(
            f"fields.source is {raw!r}, but data.source is {source!r}; make it fields to use them"
        )
    if raw is None:
        return config
    check_fields(config["fields"])
    if raw in ("simulation", simulated):
        check_simulation(config["simulation"])
        raw = simulated
    config = {
        **config,
        "data": {**config["data"], "source": fields},
        "fields": {**config["fields"], "source": raw},
    }
    check_whole_grid(config["data"])
    return config


def _grid(config: Mapping[str, Any], n_maps: int, n_label_files: int) -> str:
    if _shape(config) is not None or config["fields"]["source"] is not None:
        return ""
    return "the points are no cells of a grid; give data.shape, or data.source: fields"


def _three_dimensions(config: Mapping[str, Any], n_maps: int, n_label_files: int) -> str:
    shape = _shape(config)
    if shape is None or len(shape) == 3:
        return ""
    return f"the grid has two dimensions, {list(shape)}; leave it out"


def _shape(config: Mapping[str, Any]) -> list[int] | None:
    """Cells along the axes of the grid, where the configuration says so."""
    if str(config["fields"]["source"]).endswith("/simulation.h5"):
        return config["simulation"]["cells"]
    return config["data"]["shape"]


MODULE = StudyModule(
    folder=Path(__file__).parent,
    prepare=prepare,
    extra_figures={
        "field_slice": (_grid,),
        "feature_slices": (_grid,),
        "cluster_slice": (_grid,),
        "consensus_slice": (_grid,),
        "signal_slice": (_grid,),
        "signal_histogram": (_grid,),
        "signal_classes": (_grid,),
        "feature_pairs": ("points",),
        "group_shares": (_grid,),
        "sheet_surfaces": (_grid, _three_dimensions),
    },
    costs=COSTS,
    files=(("fields", "source"),),
    unlisted=("grid_labels.h5",),
)
