"""All that can be wrong with a study, found before any job of it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from kohorte import store
from kohorte._arrays import as_weights
from kohorte._checks import check_slabs, suggest
from kohorte._references import list_tables
from kohorte._text import yaml_name
from kohorte.analysis.prediction import reading_of
from kohorte.command.columns import Column, Look, describe_mixture, find_role, listen, look_at
from kohorte.data.labels import UNSEEN, negative_id, open_labels
from kohorte.data.names import feature_sets, find_file, is_file, locate, named_features
from kohorte.data.prepared import LOOKED_AT, PreparedData, comes_in_parts, prepare_data
from kohorte.data.reading import ReadOptions, Source
from kohorte.data.sources import choose_rows, open_source, read_table
from kohorte.errors import ConfigError, DataError, KohorteError, MissingFileError, ResultError
from kohorte.studies import load_modules
from kohorte.study.config import check_config, load_schema, named_paths
from kohorte.study.figures import all_figures
from kohorte.study.groups import check_group_names
from kohorte.study.modules import prepare_config
from kohorte.study.outside import check_named
from kohorte.study.plan import Study, batches, plan_study
from kohorte.study.resources import (
    combining_mb,
    combining_seconds,
    counting_mb,
    counting_seconds,
    counts_mb,
    training_mb,
    training_seconds,
)

#: Columns of one kind of fault that are named one by one.
_SHOWN = 20


#: Rows of a table of test points that are looked at.
_LOOKED_AT = 1000

#: Keys of the section `data` that name columns beside features and label.
_BESIDE = ("id", "group", "carry")

#: Values of the section `data` that make nothing a fault.
_LENIENT = {"missing": "skip", "constant_features": "drop"}


@dataclass
class Findings:
    """What a check found."""

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    plan: list[str] = field(default_factory=list)

    def collect(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Return what a function returns; None, and its error among the faults, where it fails."""
        try:
            return function(*arguments, **named)
        except KohorteError as error:
            lines = str(error).splitlines()
            found = [line.removeprefix("  - ") for line in lines if line.startswith("  - ")]
            self.add(found or [str(error)])
            return None

    def add(self, faults: Iterable[str]) -> None:
        """Add faults that are not known yet."""
        self.faults += [fault for fault in faults if fault not in self.faults]


def check_study(config: Mapping[str, Any], *, read: bool = True) -> Findings:
    """Find all faults of a configuration and of the files that it names.

    `config`: as read from YAML; `read`: whether the table is read, too.
    """
    found = Findings()
    modules = load_modules()
    schema = load_schema(modules)
    whole = found.collect(check_config, config, schema)
    # What is left of a faulty one is checked as well, so that all is said at once.
    checked = whole or _usable(config, schema)
    if checked is None:
        return found
    study = None
    prepared = found.collect(prepare_config, checked, modules)
    if prepared is not None:
        study = found.collect(plan_study, prepared, modules)
        _check_files(found, prepared)
    n_rows, n_features, table = 0, 0, None
    data = checked["data"]
    if data["source"] is not None and not _is_made(
        data["source"], Path("results", checked["study"])
    ):
        table = _check_table(found, data, checked["seed"], read=read)
        n_rows, n_features = (0, 0) if table is None else table.features.shape
    if prepared is not None:
        check_uses(found, prepared, table)
        if study is not None:
            _check_weights(found, prepared, study, n_features or None)
        n_rows = _check_labels(found, prepared, n_rows) or n_rows
        if n_rows:
            found.collect(check_slabs, prepared["execution"]["slabs"], n_rows)
    if study is not None and prepared is not None and not found.faults:
        found.plan += _describe_plan(study, prepared, n_rows, n_features)
    return found


def check_uses(found: Findings, config: Mapping[str, Any], table: PreparedData | None) -> None:
    """Look at what comes after the maps: fonts, features of figures, points that are classified.

    `config` is complete; without the `table` only what needs none is looked at.
    """
    found.collect(_check_font, config["figures"]["font"])
    if table is not None:
        _check_names_of_figures(found, config["figures"], table.names)
        for figure in all_figures(load_modules()):
            lack = figure.name in config["figures"]["extra"] and figure.find_in_table(table)
            if lack:
                found.add([f"figures.extra: {figure.name!r} cannot be drawn: {lack}"])
        _check_test(found, config, table)


def _usable(config: Any, schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a configuration leaves when what is at fault is taken out.

    Of the table a key, so that its columns are still checked; else a section, whose keys belong
    together.
    """
    if not isinstance(config, Mapping):
        return None

    def stands(part: Mapping[str, Any]) -> bool:
        try:
            check_config({"study": "a", **part}, schema)
        except KohorteError:
            return False
        return True

    left: dict[str, Any] = {}
    for name, value in config.items():
        if stands({name: value}):
            left[name] = value
        elif name == "data" and isinstance(value, Mapping):
            left[name] = {k: v for k, v in value.items() if stands({name: {k: v}})}
    if isinstance(config.get("data"), Mapping) and isinstance(left.get("data"), Mapping):
        # What cannot be understood must not count as its default.
        left["data"] = {k: v for k, v in _LENIENT.items() if k in config["data"]} | left["data"]
    try:
        return check_config({"study": "a", **left}, schema)
    except KohorteError:
        return None


def _check_files(found: Findings, config: Mapping[str, Any]) -> None:
    """Look for the files that a configuration names, beside its table and labels."""
    modules = load_modules()
    own = Path("results", config["study"])
    read = ("data.source", "realizations.labels")  # of which the reader says whether they are there
    for key, path in named_paths(config, modules):
        if (key == "figures.font" or "{" in path) and not Path(path).exists():
            continue  # it is the name of a font that is installed, or of several files
        if is_file(path) and key != "comparison.with" and not _is_made(path, own):
            found.collect(check_named, key, path, own)
            if key not in read:
                found.collect(_find, key, path)
    if whole := config["groups"]["file"]:
        found.collect(check_group_names, whole)


def _check_weights(
    found: Findings, config: Mapping[str, Any], study: Study, n_features: int | None
) -> None:
    """Open the first weights that maps are given, and compare their shape with that of the maps."""
    path = config["training"]["weights"]
    maps = [p.parameters for p in study.realizations if p.parameters["initial"] == "given"]
    if not maps or _is_made(path, Path("results", study.name)) or not Path(locate(path)).is_file():
        return
    weights = found.collect(_read_weights, locate(path))
    for x, y in dict.fromkeys((one["xdim"], one["ydim"]) for one in maps):
        n_nodes = x * y if isinstance(x, int) and isinstance(y, int) else None
        try:
            if weights is not None:
                as_weights(weights, n_nodes, n_features)
        except DataError as error:
            found.add([f"training.weights: {path}: {error}"])


def _read_weights(path: str) -> np.ndarray:
    try:
        return store.read_weights(path)
    except ResultError as error:
        raise ConfigError(f"training.weights: {error}") from None


def _find(key: str, path: str) -> None:
    try:
        find_file(path)
    except MissingFileError as error:
        raise ConfigError(f"{key}: {error}") from None
    except DataError:
        pass  # check_named has said it


def _is_made(path: str, own: Path) -> bool:
    """Tell whether the workflow makes a file, or what stands for one."""
    made = ("results/resources/", f"{own}/fields.h5", f"{own}/simulation.h5")
    return path.startswith(made) or path in ("fields", "simulation")


def _options_of(data: Mapping[str, Any]) -> ReadOptions:
    """Return how a section `data` says that its source is read."""
    known = {one.name for one in dataclasses.fields(ReadOptions)}
    options: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in data.items()
        if key in known
    }
    named = named_features(data)
    options["features"] = None if named is None else tuple(named)
    if "beside" in known:
        options["beside"] = tuple(name for key in _BESIDE for name in _names_in(data, key))
    options["generate"] = {k: v for k, v in data["generate"].items() if v is not None}
    return ReadOptions(**options)


def _check_font(font: str | None) -> None:
    """Raise ConfigError for a font that figures cannot be drawn with, when all else is done."""
    if font is None or (Path(font).exists() and not Path(font).is_file()):
        return  # of which it is said that it is no file
    # Named as a rule names it: commands start without what draws.
    with import_module("kohorte.figures.fonts").chosen_font(font):
        pass


def _check_names_of_figures(
    found: Findings, figures: Mapping[str, Any], names: Sequence[str]
) -> None:
    """Look for the features that figures are asked to show."""
    for key in ("feature", "features"):
        for name in _names_in(figures, key):
            if name not in names:
                found.add([f"figures.{key}: no feature {name!r}; {suggest(name, names)}"])


def _check_test(found: Findings, config: Mapping[str, Any], table: PreparedData) -> None:
    """Look at the first of the points that are to be classified, and at how many are near."""
    section, data = config["classification"], config["data"]
    test, most = section["test"], max(section["neighbours"])
    if test is None or not is_file(test) or not Path(locate(test)).is_file():
        return
    known = table.truth is not None and int((table.truth >= 0).sum())
    if known and most > known:
        found.add(
            [
                f"classification.neighbours: {most} is more than the {known} points of known "
                "class; take fewer"
            ]
        )
    inputs = table.names if table.transformation is None else table.transformation.inputs
    how = reading_of(test, data) | {"features": inputs, "label": data["label"]}
    path = Path(locate(test))
    if comes_in_parts(path):
        how["head"] = _LOOKED_AT
    elif path.stat().st_size > LOOKED_AT:
        return
    try:
        read_table(test, **how)
    except KohorteError as error:
        found.add([f"classification.test: {error}"])


def _check_table(
    found: Findings, data: Mapping[str, Any], seed: int, *, read: bool
) -> PreparedData | None:
    """Check the table; returns it as it is prepared, None where it cannot be read."""
    if not is_file(data["source"]) or not read:
        return found.collect(prepare_data, data, seed=seed) if read else None
    before = len(found.faults)

    def look() -> Look:
        with open_source(data["source"], _options_of(data)) as source:
            chosen = choose_rows(
                source.title, source.n_rows, data["stride"], data["sample"], seed, 2
            )
            _check_names(found, data, source)
            return look_at(source, chosen)

    with listen() as said:
        seen = found.collect(look)
        if seen is not None:
            _check_columns(found, data, seen)
        # The word of whoever reads the table for the maps is the last.
        table = (
            found.collect(prepare_data, data, seed=seed) if len(found.faults) == before else None
        )
    found.notes += said
    return table


def _check_names(found: Findings, data: Mapping[str, Any], source: Source) -> None:
    """Look for all columns that a study names."""
    for chosen in feature_sets(data).values():
        for name in chosen or ():
            if name not in source.names:
                found.add([f"{source.title}: no feature {name!r}; {suggest(name, source.names)}"])
    for name in data["weights"]:
        if name not in source.names:
            found.add([f"data.weights: no feature {name!r}; {suggest(name, source.names)}"])
    label = data["label"]
    if label is not None and not source.has_labels and label not in source.names:
        found.add([f"{source.title}: no label {label!r}; {suggest(label, source.names)}"])
    for key in _BESIDE:
        for name in _names_in(data, key):
            if name not in source.names:
                hint = suggest(name, source.names)
                found.add([f"{source.title}: no column {name!r} (data.{key}); {hint}"])


def _beside(data: Mapping[str, Any]) -> list[str]:
    """Return the columns that a study names for something other than features."""
    return [name for key in ("label", *_BESIDE) for name in _names_in(data, key)]


def _names_in(data: Mapping[str, Any], key: str) -> list[str]:
    """Return the columns that a key names: none, one or several."""
    named = data.get(key)
    return [] if named is None else [named] if isinstance(named, str) else list(named)


def _features_of(data: Mapping[str, Any], look: Look) -> list[Column]:
    named = named_features(data)
    if named is None:
        others = _beside(data)
        return [c for c in look.columns if c.name not in others and c.aside is None]
    return [column for column in look.columns if column.name in named]


def _check_columns(found: Findings, data: Mapping[str, Any], look: Look) -> None:
    """Look for what keeps the columns of the features from being features, all of it at once."""
    features = _features_of(data, look)
    numeric = [column for column in features if column.kind in ("number", "empty")]
    found.add(_find_text(look, features))
    if data["missing"] == "error":
        found.add(_find_gaps(look, numeric))
    for column in numeric:
        if column.n_infinite:
            row = look.rows[column.first_infinite or 0]
            found.add([_about(look, column, column.n_infinite, "infinite", row)])
    constant = [repr(column.name) for column in numeric if column.is_constant]
    if constant and data["constant_features"] == "error":
        found.add(
            [
                f"{look.title}: {', '.join(constant[:_SHOWN])}: one value only, or none; leave out "
                "of data.features, or set data.constant_features to drop"
            ]
        )
    found.notes += _find_doubts(look, features, _beside(data))


def _find_text(look: Look, features: Sequence[Column]) -> Iterator[str]:
    text = [column for column in features if column.kind in ("text", "mixed", "date")]
    # One row that is none of the table, such as one of units, is one fault.
    if look.fault is not None and not look.fault.startswith(f"{look.title}: feature "):
        if any(column.is_row for column in text):
            yield look.fault
        text = [column for column in text if not column.is_row]
    yield from (_no_numbers(look, column) for column in text[:_SHOWN])
    numbers = [yaml_name(c.name) for c in look.columns if c.kind == "number" and _is_feature(c)]
    if text and numbers:
        yield (
            f"data.features: {len(text)} of {len(features)} features are no numbers; columns of "
            f"numbers are [{', '.join(numbers)}]"
        )


def _find_gaps(look: Look, features: Sequence[Column]) -> Iterator[str]:
    gaps = [column for column in features if column.n_missing]
    for column in gaps[:_SHOWN]:
        row = look.rows[column.first_missing or 0]
        yield _about(look, column, column.n_missing, "missing", row)
    if gaps:
        count, of = look.count_incomplete([column.name for column in features])[0], len(look.rows)
        yield (
            f"data.missing: {count} of {of} rows miss a value; set it to drop, which leaves "
            f"{of - count} rows, or to skip, which keeps all"
        )


def _find_doubts(look: Look, features: Sequence[Column], others: Sequence[str]) -> Iterator[str]:
    """Yield what may be meant otherwise."""
    for column in features:
        role, reason = find_role(column)
        if column.kind == "number" and role not in ("feature", "constant"):
            article, why = "an" if role[0] in "aeiou" else "a", f" ({reason})" if reason else ""
            yield f"feature {column.name!r} looks like {article} {role}{why}"
    used = {column.name for column in features} | {*others}
    unused = [c.name or "(no name)" for c in look.columns if c.name not in used and not c.aside]
    if unused:
        more = ", ..." if len(unused) > _SHOWN else ""
        yield f"columns that are not used: {', '.join(unused[:_SHOWN])}{more}"


def _is_feature(column: Column) -> bool:
    return find_role(column)[0] == "feature"


def _about(look: Look, column: Column, count: int, what: str, row: int) -> str:
    return (
        f"{look.title}: feature {column.name!r}: {count} of {column.n_rows} values {what}, the "
        f"first in data row {row}"
    )


def _no_numbers(look: Look, column: Column) -> str:
    where = f"{look.title}: feature {column.name!r}"
    if column.kind == "mixed":
        advice = column.advice or "correct these, or leave it out"
        return f"{where}: {describe_mixture(column)}; {advice}"
    said = f"; {column.advice}" if column.seems_numeric and column.advice else ""
    kind = "dates" if column.kind == "date" else "text"
    return f"{where}: {kind} such as {column.example!r}{said}"


def _check_labels(found: Findings, config: Mapping[str, Any], n_rows: int) -> int:
    """Open the label files, and compare their lengths with each other and with the table."""
    first: tuple[str, int] | None = (config["data"]["source"], n_rows) if n_rows else None
    section = config["realizations"]

    def count(path: str) -> int:
        options = section["label_options"]
        with open_labels(
            path, section["label_name"], noise=section["noise"], options=options
        ) as labels:
            known = UNSEEN if section["noise"] is None and labels.n_missing else section["noise"]
            low = int(np.min(labels.array[: LOOKED_AT // labels.array.dtype.itemsize]))
            if low < 0 and low != known:
                raise negative_id(path, low, has_gaps=False)
            return len(labels.array)

    for path in section["labels"] or ():
        length = found.collect(count, path)
        if length is None:
            continue
        first = first or (path, length)
        if length != first[1]:
            found.add([f"{path}: {length} labels, but {first[0]} has {first[1]} points"])
    return first[1] if first else 0


def _describe_plan(
    study: Study, config: Mapping[str, Any], n_rows: int, n_features: int
) -> Iterator[str]:
    """Yield what a study would train, and what that takes at most."""
    if n_rows:
        of = f", {n_features} features" if n_features else ""
        yield f"points    {n_rows}{of}"
    count = len(study.realizations) or len(study.labels)
    held, memory = config["execution"]["memory_mb"], 0.0
    seconds = counting_seconds(n_rows, count) + combining_seconds(
        n_rows, count, counts_mb(count), n_features
    )
    jax = config["ensemble"]["backend"] == "jax"
    memory = max(counting_mb(count, held, jax=jax), combining_mb(n_rows, counts_mb(count), held))
    if not study.realizations:
        yield f"labels    {count} files"
    else:
        jobs = batches(study.realizations, config["execution"]["realizations_per_job"])
        plans = {plan.id: plan.parameters for plan in study.realizations}
        swept = f"; varied: {', '.join(study.swept)}" if study.swept else ""
        yield f"maps      {count}, in {len(jobs)} job{'s' * (len(jobs) != 1)} of training{swept}"
        if config["structure"]["references"]:
            tables = list_tables(config["structure"]["references"], config["structure"]["kinds"])
            yield f"test      {len(tables)} tables, to tell whether there are groups"
        if n_rows:
            members = [[plans[i] for i in ids] for ids in jobs.values()]
            training = sum(training_seconds(maps, n_rows, n_features) for maps in members)
            memory = max([memory, *(training_mb(maps, n_rows, n_features) for maps in members)])
            seconds += training
    if n_rows:
        yield f"time      at most {_duration(seconds)} on one core, beside the test and figures"
        yield f"memory    at most {memory / 1000:.1f} GB for one job"
    yield f"results   {Path('results', study.name)}/"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"
