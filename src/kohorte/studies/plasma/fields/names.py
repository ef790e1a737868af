"""Names of fields, features and units, and what a configuration may say with them.

Only the standard library is imported, so that a workflow can check a study while it plans.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kohorte._checks import suggest
from kohorte.errors import ConfigError

#: Raw fields by name, with the quantity whose unit they have.
RAW = {f"{kind}{k}": kind for kind in "bej" for k in "xyz"} | {"rho": "rho"}

#: Features; `kohorte.studies.plasma.fields.features.FEATURES` has the definition of each.
FEATURE_NAMES = (
    *("b_perp", "b_par", "j_par", "abs_j_par", "j_perp", "j_mag", "e_par", "e_perp", "e_dot_j"),
    *("rho", "j_sym", "j_asym", "bx", "by"),
)

#: Units of a user's own snapshot, where none are told.
DEFAULT_UNITS = {"b": "1", "e": "1", "j": "1", "rho": "1", "length": "cells"}

#: Largest ratio of two sides of a cell.
MAX_RATIO = 1_000_000

#: What stands for the name of a field in the source.
PLACE = "{field}"


def field_datasets(datasets: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the names of the datasets that each raw field is the mean of; by default its own."""
    return {
        name: (value,) if isinstance(value, str) else tuple(value)
        for name, value in {**{name: name for name in RAW}, **datasets}.items()
    }


def source_files(source: str, datasets: Mapping[str, Any]) -> list[str]:
    """Return the files of a source; of a pattern those that exist, or else those of b."""
    if PLACE not in source:
        return [source]
    names = [part for parts in field_datasets(datasets).values() for part in parts]
    paths = dict.fromkeys(source.replace(PLACE, name) for name in names)
    return [path for path in paths if Path(path).exists()] or list(paths)[:3]


def check_fields(options: Mapping[str, Any]) -> None:
    """Refuse unknown names in the section `fields`: ConfigError with the key and close names."""
    _check("fields.datasets", options["datasets"], RAW, "field")
    smoothed = (*FEATURE_NAMES, *dict.fromkeys(RAW.values()))
    _check("fields.smoothing", options["smoothing"], smoothed, "feature or quantity")
    _check("fields.units", options["units"], DEFAULT_UNITS, "unit")
    _check("fields.crop", options["crop"], "xyz", "direction")
    for direction, (first, end) in options["crop"].items():
        if first >= end:
            raise ConfigError(
                f"fields.crop.{direction}: [{first}, {end}] holds no cell: give the first cell, "
                "from 0, and the one after the last"
            )
    sides = options["spacing"] if isinstance(options["spacing"], list) else [1]
    if max(sides) > MAX_RATIO * min(sides):
        raise ConfigError(
            f"fields.spacing: the sides of a cell, {sides}, differ by a factor of more than "
            f"{MAX_RATIO}"
        )


def check_simulation(options: Mapping[str, Any]) -> None:
    """Refuse a simulation that cannot be made. Raises ConfigError, which names the keys."""
    between = options["steps"] // options["snapshots"]
    if options["average"] > between:
        raise ConfigError(
            f"simulation.average: {options['average']} steps do not fit between snapshots: "
            f"{options['steps']} steps and {options['snapshots']} snapshots leave {between}"
        )
    if 4 * options["modes"] > min(options["cells"]):
        raise ConfigError(
            f"simulation.modes: {options['modes']} waves along a side need {4 * options['modes']} "
            f"cells, but simulation.cells is {options['cells']}"
        )


def _check(key: str, names: Iterable[str], known: Iterable[str], what: str) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            raise ConfigError(f"{key}: no {what} {name!r}; {suggest(name, known)}")
