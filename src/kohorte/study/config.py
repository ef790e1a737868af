"""Check a study's configuration against the schema, in words that a person can act on."""

import copy
import functools
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kohorte._checks import extra, suggest
from kohorte._text import ACTING
from kohorte.data.names import SEEN
from kohorte.errors import ConfigError
from kohorte.maps.parameters import PARAMETERS
from kohorte.provenance import portable_path
from kohorte.recipes import DEFAULT_RECIPE, RECIPES, fill_sections
from kohorte.study.figures import all_figures
from kohorte.study.modules import StudyModule, merge_schema
from kohorte.study.reading import check_size, read_config, text_or_value

__all__ = ["read_config"]

Schema = Mapping[str, Any]

_MAX_ERRORS = 100
_MAX_KEY = 200
_MAX_SHOWN = 80
_MAX_INTEGER = 2**63 - 1

#: Sections and keys that name a file; the points of a study come from the first ones.
_FILES = (
    *(("data", "source"), ("training", "weights"), ("classification", "test")),
    ("groups", "file"),
)
_OTHER_FILES = (("prediction", "source"), ("comparison", "with"), ("figures", "font"))

#: Characters that no name or path needs, and that fool terminals, file names and reports.
_CONTROL = re.compile(f"[\n{ACTING}]")


def load_schema(modules: Iterable[StudyModule] = ()) -> dict[str, Any]:
    """Read the schema of the configuration, with what `modules` add to it."""
    with extra("workflow"):
        import yaml
    # Every run and every job of a cluster reads the schema: by libyaml in a tenth of the time.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    def read(folder: Path, name: str) -> dict[str, Any]:
        path = folder / name
        text = path.read_text(encoding="utf-8") if path.exists() else "{}"
        return yaml.load(text, Loader=loader)

    schema = read(Path(__file__).parent, "config.schema.yaml")
    modules = tuple(modules)
    for module in modules:
        schema = merge_schema(schema, read(module.folder, "schema.yaml"))
    names = [figure.name for figure in all_figures(modules) if figure.on_request]
    schema["properties"]["figures"]["properties"]["extra"]["items"] = {"enum": names}
    return _with_parameters(schema)


def _with_parameters(schema: dict[str, Any]) -> dict[str, Any]:
    """Add recipes, and values and defaults of the parameters of a map, to their words."""
    sections = schema["properties"]
    sections["recipe"] |= {"default": DEFAULT_RECIPE, "enum": list(RECIPES)}
    one = sections["realizations"]["properties"]["explicit"]["items"].setdefault("properties", {})
    # One of the values that the section `data` lists.
    for name in SEEN:
        one[name] = sections["data"]["properties"][name]["anyOf"][-1]["items"]
    for name, parameter in PARAMETERS.items():
        value = one[name] = parameter.value_schema()
        swept = {"type": "array", "items": value, "minItems": 1, "uniqueItems": True}
        words = sections[parameter.section]["properties"].setdefault(name, {})
        words |= {"default": parameter.default, "anyOf": [value, swept]}
    return schema


def check_config(config: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Validate a configuration and fill in what it leaves out: by its recipe, then by the schema.

    `config`: the configuration as read from YAML; it is not changed. `schema`: a closed JSON schema
    (draft 2020-12) with a default for every optional key. Returns dict[str, Any]: a new dictionary
    with every key of the schema. Raises ConfigError: it names every key that is unknown (with the
    nearest known one), missing or out of bounds, with the value found and what is allowed.
    """
    if not isinstance(config, Mapping):
        # It may hold itself, which repr is ready for.
        shown = _shortened(repr(config))
        raise ConfigError(f"the configuration must be a mapping of keys, not {shown}")
    check_size(config)
    config = text_or_value(config, schema)
    # What is not plain data could not even be shown.
    _refuse(_not_plain(config, ()))
    found = itertools.islice(_validator()(schema).iter_errors(config), _MAX_ERRORS)
    errors = sorted(found, key=lambda e: list(map(str, e.path)))
    _refuse(message for error in errors for message in _explain(error))
    filled = dict(config)
    for section, said in fill_sections(config.get("recipe", DEFAULT_RECIPE), config).items():
        filled[section] = {**config.get(section, {}), **said}
    return _with_defaults(filled, schema)


def iter_keys(schema: Schema, prefix: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield `(dotted name, schema)` of every key, sections before their keys."""
    for name, entry in schema.get("properties", {}).items():
        yield prefix + name, entry
        yield from iter_keys(entry, f"{prefix}{name}.")


def _refuse(messages: Iterator[str]) -> None:
    found = list(dict.fromkeys(itertools.islice(messages, _MAX_ERRORS)))
    if found:
        head = "the configuration cannot be used:"
        raise ConfigError("\n".join([head, *(f"  - {message}" for message in found)]))


def _not_plain(value: Any, path: tuple[Any, ...]) -> Iterator[str]:
    """Yield what keeps a value from being written as JSON and read again as the same."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                yield f"{_key(path)}: the key {_show(key)} is not text; write it in quotes"
            elif _CONTROL.search(key) or len(key) > _MAX_KEY:
                yield f"{_key(path)}: the key {_show(key)} is too long or has control characters"
            else:
                yield from _not_plain(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _not_plain(inner, (*path, number))
    elif isinstance(value, str):
        if _CONTROL.search(value):
            advice = "; write the name in one line, with a blank" if "\n" in value else ""
            yield f"{_key(path)}: {_show(value)} has control characters{advice}"
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield f"{_key(path)}: {value!r} is not a finite number"
    elif isinstance(value, int):
        if abs(value) > _MAX_INTEGER:
            yield f"{_key(path)}: a whole number of more than 63 bits is too large"
    elif value is not None:
        yield f"{_key(path)}: {type(value).__name__} {_show(value)} must be written in quotes"


@functools.cache
def _validator() -> Any:
    with extra("workflow"):
        from jsonschema import Draft202012Validator, ValidationError, validators

    def unique_items(
        _validator: Any, wanted: bool, instance: Any, _schema: Any
    ) -> Iterator[ValidationError]:
        # The one in jsonschema takes hours for long lists of mixed types.
        if wanted and isinstance(instance, list):
            seen = {(isinstance(v, bool), v if v.__hash__ else repr(v)) for v in instance}
            if len(seen) < len(instance):
                yield ValidationError("a value is named twice")

    return validators.extend(Draft202012Validator, {"uniqueItems": unique_items})


def _with_defaults(config: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    filled = copy.deepcopy(dict(config))
    for name, entry in schema["properties"].items():
        if name not in filled and "default" in entry:
            filled[name] = copy.deepcopy(entry["default"])
        if "properties" in entry and name in filled:
            filled[name] = _with_defaults(filled[name], entry)
        elif name in filled:
            filled[name] = _whole(filled[name], entry)
    return filled


def _whole(value: Any, entry: Schema) -> Any:
    """Make floats int where the schema asks for whole numbers: 1.0e+4 is 10000."""
    if isinstance(value, list):
        return [_whole(item, entry) for item in value]
    is_number = isinstance(value, float) and value.is_integer()
    return int(value) if is_number and _takes(entry) == {"integer"} else value


def _takes(entry: Schema) -> set[str]:
    """Return the types of number that a schema entry allows, alone or in a list."""
    kinds = {entry["type"]} if isinstance(entry.get("type"), str) else {*entry.get("type", [])}
    for inner in [*entry.get("anyOf", []), *([entry["items"]] if "items" in entry else [])]:
        kinds |= _takes(inner)
    return kinds & {"integer", "number"}


def _explain(error: Any) -> list[str]:
    """Turn one jsonschema error into messages `key: what is wrong`."""
    where = _key(error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = sorted(set(error.instance) - set(known))[:_MAX_ERRORS]
        return [_unknown_key(_join(where, name), name, known) for name in unknown]
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return [f"{_join(where, name)}: this key is required" for name in missing]
    if error.validator == "uniqueItems":
        return [f"{where}: {_show(error.instance)} names a value twice"]
    if error.validator == "anyOf":
        # A list can only have been meant as a sweep and anything else only as one value, so the
        # errors of the other branch would mislead.
        swept = isinstance(error.instance, list)
        context = [
            e for e in error.context if (_branch_type(error, e) == "array") == swept or len(e.path)
        ]
        if swept and any(isinstance(item, list) for item in error.instance):
            context = [e for e in context if _takes_lists(error, e)] or context
        telling = [e for e in context if e.path or e.validator in ("uniqueItems", "minItems")]
        if telling:
            return _explain(telling[0])
        return [_not_allowed(where, error.instance, error.schema)]
    return [_not_allowed(where, error.instance, error.schema)]


def _not_allowed(where: str, value: Any, schema: Schema) -> str:
    """Say that a value is not allowed; of one that may have been meant as text, what to do."""
    text = f"{where}: {_show(value)} is not allowed; {_allowed(schema)}"
    if isinstance(value, (bool, int, float)) and "string" in str(schema):
        text += "; write text in quotes: YAML reads NO, on and 400 as other values"
    return text


def _branch_type(error: Any, inner: Any) -> str | None:
    return error.schema["anyOf"][inner.schema_path[0]].get("type")


def _takes_lists(error: Any, inner: Any) -> bool:
    """Tell whether the branch that an error comes from is a list of lists."""
    kinds = error.schema["anyOf"][inner.schema_path[0]].get("items", {}).get("type", [])
    return "array" in ([kinds] if isinstance(kinds, str) else kinds)


def _unknown_key(where: str, name: str, known: list[str]) -> str:
    return f"{where}: unknown key; {suggest(name, known)}"


def _allowed(schema: Schema) -> str:
    return f"allowed: {describe_values(schema)}"


def describe_values(schema: Schema) -> str:
    """Say in words which values a schema entry allows."""
    if "anyOf" in schema:
        first, *others = schema["anyOf"]
        words = [
            "a list of such" if branch.get("items") == first else describe_values(branch)
            for branch in others
        ]
        return ", or ".join([describe_values(first), *words])
    if "const" in schema:
        return show_value(schema["const"])
    if "enum" in schema:
        return " or ".join(map(show_value, schema["enum"]))
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(_describe_kind(kind, schema) for kind in kinds)


def show_value(value: Any) -> str:
    """Write a value as YAML does: null, true and false; text in quotes."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, list):
        return f"[{', '.join(map(show_value, value))}]"
    if isinstance(value, Mapping):
        pairs = (f"{show_value(key)}: {show_value(inner)}" for key, inner in value.items())
        return f"{{{', '.join(pairs)}}}"
    return repr(value)


def _describe_kind(kind: str, schema: Schema) -> str:
    if kind == "array":
        inner = schema.get("items", {})
        is_fixed = "minItems" in schema and schema["minItems"] == schema.get("maxItems")
        count = f" of {schema['minItems']}" if is_fixed else ""
        what = "mappings of parameters" if inner.get("type") == "object" else describe_values(inner)
        return f"a list{count} ({what})"
    if kind == "null":
        return "null"
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"a mapping of names to {describe_values(inner)}" if inner else "a mapping of keys"
    if kind == "boolean":
        return "true or false"
    if kind == "string":
        most = schema.get("maxLength")
        if most == 1:
            return "one character"
        text = "text" if most is None else f"text of at most {most} characters"
        return f"{text} that matches {schema['pattern']}" if "pattern" in schema else text
    name = "a whole number" if kind == "integer" else "a number"
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    bounds = [f"{word} {_show_bound(schema[key])}" for key, word in words.items() if key in schema]
    return " ".join([name, " and ".join(bounds)]).strip()


def _show_bound(bound: float) -> str:
    if isinstance(bound, int) and bound > 10**9 and (bound + 1).bit_count() == 1:
        return f"2^{bound.bit_length()} - 1"
    return str(bound)


def _show(value: Any) -> str:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return _shortened(show_value(value))
        # YAML 1.1 reads 1e4 as text; only 1.0e+4 is a number there.
        return (
            f"{_shortened(show_value(value))} (text; YAML reads a number only as 10000 or 1.0e+4)"
        )
    return _shortened(show_value(value))


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."


def _key(path: Any) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
    return "".join(parts).lstrip(".") or "configuration"


def _join(where: str, name: str) -> str:
    return name if where == "configuration" else f"{where}.{name}"


def portable_config(
    config: Mapping[str, Any], modules: Iterable[StudyModule] = ()
) -> dict[str, Any]:
    """Return the part of a checked configuration that a study's results are made from.

    What changes no result (how jobs are cut, which new points are labelled, what is compared with,
    experiments that belong to no study) and the folders of this machine are left out; the rest
    gives the same study again.
    """
    modules = tuple(modules)
    elsewhere = {"execution", "prediction", "comparison"}.union(
        *(module.unrecorded for module in modules)
    )
    portable = {k: v for k, v in config.items() if k not in elsewhere}
    return map_paths(portable, modules, portable_path)


def path_keys(modules: Iterable[StudyModule]) -> list[tuple[str, str]]:
    """Return the sections and keys that name one file each, which points of a study come from."""
    return [*_FILES, *(key for module in modules for key in module.files)]


def named_paths(
    config: Mapping[str, Any], modules: Iterable[StudyModule]
) -> Iterator[tuple[str, str]]:
    """Yield key and path of every file or folder that a configuration names."""
    for section, key in (*path_keys(modules), *_OTHER_FILES):
        path = config.get(section, {}).get(key)
        if path is not None:
            yield f"{section}.{key}", path
    for path in config["realizations"]["labels"] or ():
        yield "realizations.labels", path


def map_paths(
    config: Mapping[str, Any], modules: Iterable[StudyModule], change: Callable[[str], str]
) -> dict[str, Any]:
    """Return a configuration with every path in it changed."""
    mapped = dict(config)
    for section, key in (*path_keys(modules), *_OTHER_FILES):
        if section in mapped and mapped[section][key] is not None:
            mapped[section] = {**mapped[section], key: change(mapped[section][key])}
    if labels := mapped["realizations"]["labels"]:
        mapped["realizations"] = {**mapped["realizations"], "labels": [*map(change, labels)]}
    return mapped
