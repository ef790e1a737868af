"""Plasma turbulence: simulated or your own fields on a grid, and what groups of cells are."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from kohorte.errors import ConfigError
from kohorte.studies.plasma.costs import COSTS
from kohorte.studies.plasma.fields.names import check_fields, check_simulation
from kohorte.study.figures import GRID, POINTS, Figure, Need
from kohorte.study.modules import StudyModule
from kohorte.study.plan import Study, check_whole_grid


def prepare(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a configuration with the paths of files that the study makes of its own.

    Sources may name them `fields` and `simulation`. Raises ConfigError: one of `data.source` and
    `fields.source` has no use without the other, or the sections that they name cannot be used.
    """
    folder = f"results/{config['study']}"
    fields, simulated = f"{folder}/fields.h5", f"{folder}/simulation.h5"
    source, raw = config["data"]["source"], config["fields"]["source"]
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
        if config["fields"]["crop"]:
            raise ConfigError(
                "fields.crop is for snapshots of your own: a simulation is made as large as "
                "simulation.cells says"
            )
        raw = simulated
    config = {
        **config,
        "data": {**config["data"], "source": fields},
        "fields": {**config["fields"], "source": raw},
    }
    check_whole_grid(config["data"])
    return config


def _grid(config: Mapping[str, Any], study: Study) -> str:
    if _shape(config) is not None or config["fields"]["source"] is not None:
        return ""
    return "the points are no cells of a grid; give data.shape, or data.source: fields"


def _three_dimensions(config: Mapping[str, Any], study: Study) -> str:
    shape = _shape(config)
    if shape is None or len(shape) == 3:
        return ""
    return f"the grid has two dimensions, {list(shape)}; leave it out"


def _shape(config: Mapping[str, Any]) -> list[int] | None:
    """Cells along the axes of the grid, where the configuration says so."""
    if str(config["fields"]["source"]).endswith("/simulation.h5"):
        return config["simulation"]["cells"]
    return config["data"]["shape"]


_GRID = Need("a grid", _grid)
_SLICE = ["figures.slice_axis", "figures.slice_index"]

_of_cells = partial(
    Figure,
    section=GRID,
    needs=[_GRID],
    inputs=["data", "fields", "grid"],
    on_request=True,
    cost="plot_grid",
)

MODULE = StudyModule(
    folder=Path(__file__).parent,
    prepare=prepare,
    figures=[
        _of_cells(
            "field_slice",
            "kohorte.studies.plasma.figures.slices",
            "Where does current flow along the field, and where do field lines run?",
            inputs=["data", "fields"],
            parameters=_SLICE,
        ),
        _of_cells(
            "feature_slices",
            "kohorte.studies.plasma.figures.slices",
            "What does each feature look like on the slice, in physical units?",
            inputs=["data", "fields"],
            parameters=_SLICE,
        ),
        _of_cells(
            "cluster_slice",
            "kohorte.studies.plasma.figures.slices",
            "Where are the clusters of one map, the groups and strong current?",
            inputs=["data", "fields", "maps", "ensemble", "grid"],
            tables=["physics"],
            parameters=[*_SLICE, "physics.threshold", "figures.realization"],
        ),
        _of_cells(
            "consensus_slice",
            "kohorte.studies.plasma.figures.slices",
            "Where are consensus and SCE groups, and how sure and stable are they?",
            tables=["physics"],
            parameters=_SLICE,
        ),
        _of_cells(
            "signal_slice",
            "kohorte.studies.plasma.figures.signals",
            "Where is the stacked signal high?",
            parameters=_SLICE,
        ),
        _of_cells(
            "signal_histogram",
            "kohorte.studies.plasma.figures.signals",
            "How is the stacked signal distributed, in all cells and by SCE group?",
            parameters=["ensemble.signal_cuts"],
        ),
        _of_cells(
            "signal_classes",
            "kohorte.studies.plasma.figures.signals",
            "Where are the classes between `ensemble.signal_cuts`, or the SCE groups?",
            parameters=[*_SLICE, "ensemble.signal_cuts"],
        ),
        _of_cells(
            "feature_pairs",
            "kohorte.studies.plasma.figures.cell_groups",
            "How do the consensus groups lie in all pairs of features?",
            needs=[POINTS],
            inputs=["data", "fields", "ensemble"],
        ),
        _of_cells(
            "group_shares",
            "kohorte.studies.plasma.figures.cell_groups",
            "Which shares of volume, current and dissipation do the groups hold?",
            inputs=[],
            tables=["physics", "threshold"],
        ),
        _of_cells(
            "sheet_surfaces",
            "kohorte.studies.plasma.figures.surfaces",
            "What shape have strong current, and the groups that dissipate most?",
            needs=[_GRID, Need("three dimensions", _three_dimensions)],
            tables=["physics"],
            parameters=["physics.threshold"],
        ),
    ],
    costs=COSTS,
    files=(("fields", "source"),),
    unlisted=("grid_labels.h5",),
)
