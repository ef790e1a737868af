"""Checking a study's configuration against the schema, in words that a person can act on."""

from __future__ import annotations

import copy
import difflib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kohorte.errors import ConfigError

Schema = Mapping[str, Any]


def load_schema(path: str | Path) -> dict[str, Any]:
    """Read a JSON schema written in YAML."""
    import yaml

    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def check_config(config: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Validate a configuration and fill in what it leaves out.

    Args:
        config: the configuration as read from YAML; it is not changed.
        schema: a closed JSON schema (draft 2020-12) with a default for every optional key.

    Returns:
        A new dictionary with every key of the schema.

    Raises:
        ConfigError: naming every key that is unknown (with the nearest known one), missing or out
            of bounds, with the value found and what is allowed.
    """
    from jsonschema import Draft202012Validator

    if not isinstance(config, Mapping):
        raise ConfigError(f"the configuration must be a mapping of keys, not {_show(config)}")
    errors = sorted(
        Draft202012Validator(schema).iter_errors(config), key=lambda e: list(map(str, e.path))
    )
    messages = [message for error in errors for message in _explain(error)]
    messages = [*dict.fromkeys(messages), *_not_finite(config)]
    if messages:
        head = "the configuration cannot be used:"
        raise ConfigError("\n".join([head, *(f"  - {message}" for message in messages)]))
    return _with_defaults(config, schema)


def iter_keys(schema: Schema, prefix: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield `(dotted name, schema)` of every key, sections before their keys."""
    for name, entry in schema.get("properties", {}).items():
        yield prefix + name, entry
        yield from iter_keys(entry, f"{prefix}{name}.")


def _with_defaults(config: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    filled = copy.deepcopy(dict(config))
    for name, entry in schema["properties"].items():
        if name not in filled and "default" in entry:
            filled[name] = copy.deepcopy(entry["default"])
        if "properties" in entry and name in filled:
            filled[name] = _with_defaults(filled[name], entry)
    return filled


def _explain(error: Any) -> list[str]:
    """Turn one jsonschema error into messages `key: what is wrong`."""
    where = _key(error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = sorted(map(str, set(error.instance) - set(known)))
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
        telling = [e for e in context if e.path or e.validator in ("uniqueItems", "minItems")]
        if telling:
            return _explain(telling[0])
        return [f"{where}: {_show(error.instance)} is not allowed; {_allowed(error.schema)}"]
    return [f"{where}: {_show(error.instance)} is not allowed; {_allowed(error.schema)}"]


def _not_finite(value: Any, path: tuple[Any, ...] = ()) -> Iterator[str]:
    """Bounds let NaN through, because no comparison with it is false in the way that they ask."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{_key(path)}: {value!r} is not a finite number"
    items = value.items() if isinstance(value, Mapping) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, inner in items:
        yield from _not_finite(inner, (*path, key))


def _branch_type(error: Any, inner: Any) -> str | None:
    return error.schema["anyOf"][inner.schema_path[0]].get("type")


def _unknown_key(where: str, name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
    return f"{where}: unknown key; {hint}"


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
        return f"{schema['const']!r}"
    if "enum" in schema:
        return " or ".join(repr(value) for value in schema["enum"])
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(_describe_kind(kind, schema) for kind in kinds)


def _describe_kind(kind: str, schema: Schema) -> str:
    if kind == "array":
        inner = schema.get("items", {})
        count = (
            f" of {schema['minItems']}" if schema.get("minItems") == schema.get("maxItems") else ""
        )
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
        if "pattern" in schema:
            return f"text that matches {schema['pattern']}"
        return "one character" if schema.get("maxLength") == 1 else "text"
    name = "a whole number" if kind == "integer" else "a number"
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    bounds = [f"{word} {schema[key]}" for key, word in words.items() if key in schema]
    return " ".join([name, " and ".join(bounds)]).strip()


def _show(value: Any) -> str:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return repr(value)
        # YAML 1.1 reads 1e4 as text; only 1.0e+4 is a number there.
        return f"{value!r} (text; YAML reads a number only as 10000 or 1.0e+4)"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _key(path: Any) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
    return "".join(parts).lstrip(".") or "configuration"


def _join(where: str, name: str) -> str:
    return name if where == "configuration" else f"{where}.{name}"
