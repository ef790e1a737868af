"""Recipes: defaults of a study that belong together, by name.

What a study gives itself comes first, then its recipe, then the default of the table of parameters
and of the schema. Checked configurations and the estimators follow the same table. Only the
standard library is imported, so that a workflow can use it while it plans.
"""

from collections.abc import Mapping
from typing import Any

from kohorte._checks import choose
from kohorte.maps.parameters import PARAMETERS

Sections = Mapping[str, Mapping[str, Any]]

#: The recipe of whoever names none.
DEFAULT_RECIPE = "resolved"

#: Recipe -> section of the configuration -> key -> value. Of a parameter of a map, a list is swept.
#: ``published`` is what table and schema have as defaults, so it says nothing itself.
RECIPES: dict[str, dict[str, dict[str, Any]]] = {
    "resolved": {
        "lattice": {"nodes": "fine", "ratio": [1, 0.6, 0.4]},
        "training": {
            "trainer": "batch",
            "epochs": 30,
            "initial": "sample",
            "final_radius": 0.5,
            "row_share": 0.8,
            "row_limit": 20_000,
        },
        "segmentation": {"method": "segments", "fineness": [0, 0.25, 0.5, 0.75, 1]},
        "realizations": {"repeats": 5},
        "structure": {"references": 10},
        "ensemble": {"consensus": "coassociation", "subsets": 5},
    },
    "published": {},
}

#: What an estimator has for a parameter that is left to the recipe.
LEFT_OPEN = "recipe"


def fill_sections(recipe: str, given: Sections) -> dict[str, dict[str, Any]]:
    """Return what a recipe says of the keys that are not `given`, by section.

    Its training belongs to its trainer, and is left out where another one is given. Lists give way
    to their first value where `realizations.explicit` or `labels` say what the realizations are.
    ConfigError for an unknown recipe.
    """
    realizations = given.get("realizations", {})
    entries = realizations.get("explicit") or []
    is_listed = bool(entries or realizations.get("labels"))
    found = {}
    for section, said in choose(RECIPES, recipe, "recipe").items():
        known = given.get(section, {})
        if section == "training" and "trainer" in said:
            asked = known.get("trainer", said["trainer"])
            trainers = asked if isinstance(asked, list) else [asked]
            trainers = [*trainers, *(e["trainer"] for e in entries if "trainer" in e)]
            if any(trainer != said["trainer"] for trainer in trainers):
                continue
        found[section] = {
            key: value[0] if is_listed and key in PARAMETERS and isinstance(value, list) else value
            for key, value in said.items()
            if key not in known
        }
    return found


def fill_parameters(recipe: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a recipe says of the parameters of a map that are not `given`, by name."""
    sections: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        sections.setdefault(PARAMETERS[name].section, {})[name] = value
    found = fill_sections(recipe, sections)
    said = {name: found.get(row.section, {}) for name, row in PARAMETERS.items()}
    return {name: values[name] for name, values in said.items() if name in values}


def is_left_open(section: str, key: str) -> bool:
    """Tell whether any recipe says something of a key."""
    return any(key in recipe.get(section, {}) for recipe in RECIPES.values())
