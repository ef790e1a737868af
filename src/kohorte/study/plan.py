"""From a checked configuration to realizations with ids, parameters and seeds.

Nothing here depends on the data or on the machine, and only the standard library is imported, so
that a workflow can expand a study of thousands of realizations while it plans.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import Any

from kohorte._checks import suggest
from kohorte.data.names import SEEN, feature_sets, named_features, scalings, transforms_of
from kohorte.errors import ConfigError
from kohorte.maps.parameters import (
    METRICS,
    PARAMETERS,
    ParameterError,
    check_map,
    check_patience,
    parameter_defaults,
    realization_id,
    realization_seed,
    without_effect,
)
from kohorte.study.figures import all_figures, choose_figures, has_classes
from kohorte.study.modules import StudyModule
from kohorte.study.reading import TAKEN

#: Realizations of a study: a workflow cannot plan more in a reasonable time.
MAX_REALIZATIONS = 100_000

#: Keys of the section `data` that say something of a table's columns or rows, and what they are
#: where they say nothing.
_OF_TABLE: Mapping[str, Any] = {
    **dict.fromkeys(("id", "group", "carry", "label", "features", "sample", "transform")),
    "stride": 1,
    "units": {},
    "titles": {},
    "weights": {},
}

#: Folders of `results` that hold what belongs to no study; modules have more.
RESERVED = ("resources",)


@dataclass(frozen=True)
class RealizationPlan:
    """One map to be trained."""

    id: str  # Readable and stable name: a function of the parameters and the repeat alone
    #: Every parameter of a map by name, and the swept ones of the section `data`
    parameters: Mapping[str, Any]
    repeat: int  # 1 .. repeats
    seed: int  # Its own, derived from the study's seed and the id


@dataclass(frozen=True)
class Study:
    """A study as planned."""

    name: str
    seed: int
    #: The maps to train, in order; empty where label files are given
    realizations: tuple[RealizationPlan, ...]
    swept: tuple[str, ...]  # Names of the parameters that vary
    labels: Mapping[str, str]  # Paths of given label files by realization id

    def __getitem__(self, identifier: str) -> RealizationPlan:
        for plan in self.realizations:
            if plan.id == identifier:
                return plan
        first = f", the first is {self.realizations[0].id!r}" if self.realizations else ""
        raise ConfigError(
            f"study {self.name!r} has no map {identifier!r}; it has {len(self.realizations)}{first}"
        )


def plan_study(config: Mapping[str, Any], modules: Sequence[StudyModule] = ()) -> Study:
    """Expand a configuration into its realizations.

    `config`: a configuration that `kohorte.study.config.check_config` returned; `modules`: the
    studies that add figures to `figures.extra`. Returns Study: its realizations are in the order of
    the sweep: the last parameter is fastest, then repeats. Raises ConfigError: parameters of a map
    exclude each other; an entry of `realizations.explicit` leaves a swept parameter open; two
    realizations are the same, or there are more than `MAX_REALIZATIONS`; `figures` names a
    parameter or realization that the study does not have, or a figure that it cannot have; test
    points are given and there are no classes or maps; the study has a reserved name; there is
    neither a source of data nor a list of label files.
    """
    check_name(config["study"], modules)
    cuts = config["ensemble"]["signal_cuts"]
    if cuts is not None and cuts != sorted(cuts):
        raise ConfigError(f"ensemble.signal_cuts: {cuts} are not ascending")
    if config["realizations"]["labels"] is not None:
        return _plan_labels(config, modules)
    if config["data"]["source"] is None:
        raise ConfigError(
            "data.source: this key is required, unless realizations.labels lists label files"
        )
    if config["realizations"]["noise"] is not None:
        raise ConfigError(
            "realizations.noise marks points that label files leave out, and realizations.labels "
            "lists none; maps leave no point out"
        )
    values = {name: config[p.section][name] for name, p in PARAMETERS.items()}
    values |= _seen_values(config["data"])
    explicit = config["realizations"]["explicit"]
    repeats = config["realizations"]["repeats"]
    _check_count(values if explicit is None else {"explicit": explicit}, 1)
    combinations = (
        _product(values) if explicit is None else _explicit(values, explicit, config["data"])
    )
    defaults = parameter_defaults()
    plans: list[RealizationPlan] = []
    first_with: dict[str, int] = {}
    for chosen in combinations:
        chosen |= {name: defaults[name] for name in without_effect(chosen)}
    _refuse_all(partial(_check_map, chosen, config["training"]) for chosen in combinations)
    # Values without an effect make no map more.
    different = {name: _distinct(chosen[name] for chosen in combinations) for name in values}
    distinct = {realization_id(c, 1, *_seen_parts(c, config["data"])) for c in combinations}
    _check_count(different, repeats, len(distinct))
    for number, chosen in enumerate(combinations):
        seen = _seen_parts(chosen, config["data"])
        for repeat in range(1, repeats + 1):
            identifier = realization_id(chosen, repeat, *seen)
            if identifier in first_with:
                if explicit is None:
                    # Swept values without an effect on this map: it is in the study already.
                    continue
                raise ConfigError(
                    f"realizations.explicit[{number}] is the same as entry "
                    f"{first_with[identifier]} ({identifier}); use realizations.repeats "
                    "for several maps with the same parameters"
                )
            first_with[identifier] = number
            seed = realization_seed(config["seed"], identifier)
            plans.append(RealizationPlan(identifier, chosen, repeat, seed))
    swept = tuple(n for n in values if len({p.parameters[n] for p in plans}) > 1)
    study = Study(config["study"], config["seed"], tuple(plans), swept, {})
    return _checked(study, config, modules)


def check_name(name: str, modules: Sequence[StudyModule]) -> None:
    """Refuse a name of a study that something else in `results` has, or a section: ConfigError."""
    if name in {*RESERVED, *(name for module in modules for name in module.reserved)}:
        raise ConfigError(
            f"study: results/{name} holds results that belong to no study; take another name"
        )
    if name in TAKEN:
        raise ConfigError(
            f"study: {name!r} is a folder of every study, or a section of the configuration; take "
            f"another name, such as {name}_study"
        )


def _seen_values(data: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the values of the swept keys of the section `data`, choices of features by name."""
    values = {
        "scaling": scalings(data),
        "transform": list(transforms_of(data)),
        "features": list(feature_sets(data)),
    }
    return {name: found for name, found in values.items() if len(found) > 1}


def _seen_parts(parameters: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    """Return the parts of an id for what is seen other than the table as it is."""
    parts = []
    if parameters.get("scaling", scalings(data)[0]) != scalings(data)[0]:
        parts.append(parameters["scaling"].replace("_", "-"))
    first = next(iter(transforms_of(data)))
    if parameters.get("transform", first) != first:
        parts.append(parameters["transform"].replace("_", "-"))
    chosen = parameters.get("features")
    if chosen is not None and feature_sets(data)[chosen] != named_features(data):
        parts.append(f"of-{chosen}")
    return parts


def _plan_labels(config: Mapping[str, Any], modules: Sequence[StudyModule]) -> Study:
    """Plan a study of label files: a realization has the name of its file."""
    if config["realizations"]["explicit"] is not None:
        raise ConfigError("realizations: give either labels or explicit, not both")
    for key, nothing in _OF_TABLE.items() if config["data"]["source"] is None else ():
        if config["data"][key] != nothing:
            raise ConfigError(
                f"data.{key}: rows and columns are a table's, and data.source names none; name it, "
                f"or leave {key} out"
            )
    files: dict[str, str] = {}
    for path in config["realizations"]["labels"]:
        identifier = PurePath(path).stem
        if identifier in files:
            raise ConfigError(
                f"realizations.labels: {files[identifier]!r} and {path!r} have the same name; a "
                "realization is named after its file, so rename one of them"
            )
        files[identifier] = path
    return _checked(Study(config["study"], config["seed"], (), (), files), config, modules)


def _checked(study: Study, config: Mapping[str, Any], modules: Sequence[StudyModule]) -> Study:
    checks: list[Callable[[], None]] = [
        lambda: _check_figures(config, study, modules),
        lambda: _check_per(config["ensemble"]["per"], study),
        lambda: _check_groups(config["ensemble"]),
        lambda: _check_structure(config, study),
        lambda: _check_test(config, study),
    ]
    if config["data"]["shape"] is not None:
        checks.insert(0, lambda: check_whole_grid(config["data"]))
    _refuse_all(checks)
    return study


def _refuse_all(checks: Iterable[Callable[[], None]]) -> None:
    """Make all checks, and say what each has found: ConfigError."""
    faults: dict[str, None] = {}
    for check in checks:
        try:
            check()
        except ConfigError as error:
            faults[str(error)] = None
    if len(faults) > 1:
        lines = "".join(f"\n  - {fault}" for fault in faults)
        raise ConfigError(f"the configuration cannot be used:{lines}")
    if faults:
        raise ConfigError(*faults)


def batches(plans: Sequence[RealizationPlan], size: int) -> dict[str, tuple[str, ...]]:
    """Cut realizations into jobs of at most `size`: names of the jobs and the ids in each."""
    count = -(-len(plans) // size)
    width = max(3, len(str(count - 1)))
    ids = [plan.id for plan in plans]
    return {f"{k:0{width}d}": tuple(ids[k * size : (k + 1) * size]) for k in range(count)}


def _check_count(values: Mapping[str, Any], repeats: int, settings: int | None = None) -> None:
    """Refuse more maps than a workflow can plan: `repeats` of all settings of some values."""
    counts = {name: len(v) for name, v in values.items() if isinstance(v, list) and len(v) > 1}
    total = (math.prod(counts.values()) if settings is None else settings) * repeats
    if total > MAX_REALIZATIONS:
        swept = ", ".join(f"{name} ({count} values)" for name, count in counts.items())
        raise ConfigError(
            f"{total} realizations are asked for: {swept + ', ' if swept else ''}"
            f"realizations.repeats {repeats}; a study may have at most {MAX_REALIZATIONS}"
        )


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _product(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    axes = [v if isinstance(v, list) else [v] for v in values.values()]
    return [_typed(dict(zip(values, point, strict=True))) for point in itertools.product(*axes)]


def _explicit(
    values: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], data: Mapping[str, Any]
) -> list[dict[str, Any]]:
    combinations = []
    for number, entry in enumerate(entries):
        entry = _named(entry, number, values, data)
        chosen = {**values, **entry}
        open_lists = [name for name, value in chosen.items() if isinstance(value, list)]
        if open_lists:
            name = open_lists[0]
            section = PARAMETERS[name].section if name in PARAMETERS else "data"
            raise ConfigError(
                f"realizations.explicit[{number}] does not say which {name} to use, and "
                f"{section}.{name} is the list {chosen[name]}; "
                f"give {name} in every entry, or one value in {section}"
            )
        combinations.append(_typed(chosen))
    return combinations


def _named(
    entry: Mapping[str, Any], number: int, values: Mapping[str, Any], data: Mapping[str, Any]
) -> dict[str, Any]:
    """Return an entry whose features, if it says any, are a choice of the section `data`, by name.

    ConfigError where what it says of the table is none of several values there.
    """
    named = dict(entry)
    if "features" in entry:
        wanted = entry["features"] and set(entry["features"])
        for name, found in feature_sets(data).items():
            if (found and set(found)) == wanted:
                named["features"] = name
    if "transform" in entry:
        named["transform"] = next(iter(transforms_of(entry)))
    for name in SEEN:
        if name in entry and named[name] not in values.get(name, ()):
            raise ConfigError(
                f"realizations.explicit[{number}]: {name} {entry[name]!r} is none of the values "
                f"that data.{name} lists; add it there, where the table is prepared"
            )
    return named


def _typed(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return numbers in the type of their parameter: 10000.0 and 10000 are one realization."""
    return {
        name: value if value is None or isinstance(value, str) else PARAMETERS[name].kind(value)
        for name, value in parameters.items()
    }


def _check_map(parameters: Mapping[str, Any], training: Mapping[str, Any]) -> None:
    if parameters["initial"] == "given" and training["weights"] is None:
        raise ConfigError("training.initial is 'given', so training.weights must name a file")
    if "scaling" in parameters and METRICS[parameters["metric"]].kind == "cosine":
        raise ConfigError(
            "data.scaling: scalings are compared by factors of the features, and for the metric "
            f"{parameters['metric']!r} their offsets count too; give one scaling, or another metric"
        )
    try:
        check_map(parameters)
        check_patience(parameters["patience"], training["history"])
    except ParameterError as error:
        raise ConfigError(f"{PARAMETERS[error.name].section}.{error}") from None


def check_whole_grid(data: Mapping[str, Any]) -> None:
    """Refuse a choice of rows, or no table, where the rows are the cells of a grid: ConfigError."""
    if data["source"] is None:
        raise ConfigError(
            "data.shape: the grid is kept with the table of data.source, which is null; name the "
            "table, or leave data.shape out"
        )
    for key, whole in (("stride", 1), ("sample", None)):
        if data[key] != whole:
            raise ConfigError(
                f"data.{key}: rows that are the cells of a grid are all needed; leave {key} out"
                + (", or data.shape" if data["shape"] else "")
            )
    if data["missing"] == "drop":
        raise ConfigError(
            "data.missing: rows that are the cells of a grid are all needed; set it to error or "
            "skip"
        )


def _check_figures(config: Mapping[str, Any], study: Study, modules: Sequence[StudyModule]) -> None:
    figures = config["figures"]
    color_by = figures["color_by"]
    if color_by is not None and color_by not in {*PARAMETERS, *study.swept}:
        raise ConfigError(
            f"figures.color_by: {color_by!r} is not a parameter; "
            f"this study varies: {', '.join(study.swept) or 'none'}"
        )
    if figures["realization"] is not None:
        try:
            study[figures["realization"]]
        except ConfigError as error:
            raise ConfigError(f"figures.realization: {error}") from None
    choose_figures(all_figures(modules), config, study)


def _check_test(config: Mapping[str, Any], study: Study) -> None:
    if config["classification"]["test"] is None:
        return
    if study.labels:
        raise ConfigError(
            "classification.test: points are classified by maps, and a study of label files has "
            "none; leave it out"
        )
    if not has_classes(config["data"]):
        raise ConfigError(
            "classification.test: points get the classes of the study's points, but data.label "
            "names none; name the column or dataset that holds them"
        )


def _check_structure(config: Mapping[str, Any], study: Study) -> None:
    if not config["structure"]["references"]:
        return
    if config["ensemble"]["consensus"] != "coassociation":
        raise ConfigError(
            "structure.references: what speaks for groups is measured for ensemble.consensus: "
            "coassociation alone; take that, or set references to 0"
        )
    if len(study.realizations) < 2 and not study.labels:
        raise ConfigError(
            "structure.references: one map is no ensemble to compare; train more, or set "
            "references to 0"
        )


def _check_groups(ensemble: Mapping[str, Any]) -> None:
    groups, consensus = ensemble["groups"], ensemble["consensus"]
    of_segments = consensus == "coassociation"
    if isinstance(groups, str) and groups != "auto" and (groups == "separation") != of_segments:
        raise ConfigError(
            f"ensemble.groups: {groups!r} is no rule of ensemble.consensus: {consensus}; "
            + ("give a number, or auto" if of_segments else "take consensus: coassociation for it")
        )


def _check_per(names: Sequence[str], study: Study) -> None:
    for name in names:
        if study.labels:
            raise ConfigError(
                f"ensemble.per: label files have no parameters, so there is no {name!r} to compare "
                "them by; leave ensemble.per empty"
            )
        if name in SEEN and name not in study.swept:
            raise ConfigError(
                f"ensemble.per: data.{name} has one value; give it several, or leave {name!r} out"
            )
        if name not in {*PARAMETERS, *SEEN}:
            raise ConfigError(
                f"ensemble.per: {name!r} is not a parameter of a map; {suggest(name, PARAMETERS)}"
            )
