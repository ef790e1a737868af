"""Read configurations as plain data, and keep the words of values that YAML takes for others.

Snakemake reads configuration files by itself, and not as plain data: it takes the last value of a
key that is given twice, YAML tags may name objects of Python, and a file with the key `__use_yte__`
is a template whose expressions it runs. `read_config` refuses all of that.

YAML 1.1 reads `NO`, `on` and `yes` as true or false, `010` as 8, `1:30` as 90, `~` as null. So
mappings and lists that are read here know the text of such values, and a feature, a class or a key
of that name keeps it: `text_or_value` takes the one or the other, as the schema wants.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kohorte._checks import check_name, extra
from kohorte.errors import ConfigError

Schema = Mapping[str, Any]


#: What no study is called: folders that all have, and sections of a configuration, which a name
#: that is one may have been meant for.
TAKEN = (
    *("results", "resources", "logs", "benchmarks"),
    *("data", "lattice", "training", "segmentation", "realizations", "structure", "ensemble"),
    *("figures", "groups", "explorer", "classification", "prediction", "comparison", "execution"),
)


#: Most values, of all kinds, in a configuration: a few lines of YAML can hold billions.
MAX_VALUES = 500_000
_MAX_DEPTH = 20

#: Bytes of a configuration: 100,000 label files with long names have room.
_LARGEST = 32 << 20


class ReadDict(dict[str, Any]):
    """A mapping as read, with the text of the values that are no text, by their key."""

    def __init__(self, *arguments: Any, texts: Mapping[Any, str] | None = None) -> None:
        super().__init__(*arguments)
        self.texts: dict[Any, str] = dict(texts or {})


class ReadList(list[Any]):
    """A list as read, with the text of the values that are no text, by their place."""

    def __init__(self, *arguments: Any, texts: Mapping[Any, str] | None = None) -> None:
        super().__init__(*arguments)
        self.texts: dict[Any, str] = dict(texts or {})


def read_config(path: str | Path) -> Any:
    """Read a YAML or JSON file as plain data; ConfigError says where it is none, or a key twice."""
    check_name(path)
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):  # A pipe can be read once, and is read again by jobs.
            what = "a directory" if stat.S_ISDIR(found.st_mode) else "a device or pipe"
            raise ConfigError(f"{path}: is {what}, but the file of a study is needed")
        if found.st_size > _LARGEST:
            raise ConfigError(
                f"{path}: has {found.st_size} bytes, and is no configuration: these have at most "
                f"{_LARGEST}"
            )
        return _parse(Path(path).read_text(encoding="utf-8-sig"), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no UTF-8 text ({error}); save it as UTF-8") from error


def read_arguments(arguments: Iterable[str]) -> ReadDict:
    """Read what follows Snakemake's `--config`: key=value, where the value is YAML.

    Raises ConfigError: an argument has no key, or its value is no plain YAML.
    """
    found = ReadDict()
    for argument in arguments:
        key, equals, text = str(argument).partition("=")
        if not equals:
            raise ConfigError(f"--config {argument}: write key=value, as in seed=7")
        # A text alone may hold what YAML has a meaning for.
        if text[:1] in ("{", "[", '"', "'") or re.fullmatch(r"[\w.+-]*", text):
            read = _parse(f"value: {text}", f"--config {key}")
            check_size(read)
            merge(found, ReadDict({key: read["value"]}, texts=_renamed(read.texts, key)))
        else:
            merge(found, ReadDict({key: text}))
    return found


def read_given(argument: str, option: str) -> ReadDict:
    """Read key=value, where the value is JSON, or else text; `option`: what it follows.

    Raises ConfigError: it has no key, or a mapping in it has one twice.
    """
    key, equals, text = argument.partition("=")
    if not equals:
        raise ConfigError(f"{option} {argument}: is no KEY=VALUE, such as table=Sheet2")

    def refuse(constant: str) -> None:
        raise json.JSONDecodeError("NaN and Infinity are no JSON", constant, 0)

    distinct = functools.partial(_distinct, f"{option} {key}")
    try:
        value = json.loads(text, parse_constant=refuse, object_pairs_hook=distinct)
    except json.JSONDecodeError:
        value = text
    return distinct([(key, value)])


def _renamed(texts: Mapping[Any, str], key: str) -> dict[Any, str]:
    return dict.fromkeys([key] if texts else [], *texts.values())


def read_study(paths: Iterable[str | Path], arguments: Iterable[str] = ()) -> ReadDict:
    """Read the files of a study and what is said beside them; of two values the later counts.

    `paths`: configuration files; `arguments`: as for `read_arguments`. Mappings are merged, and
    lists replaced, as Snakemake does. A study that has no name has that of the last file. Raises
    ConfigError: a file cannot be read, or holds no mapping of keys.
    """
    found, name = ReadDict(), None
    for path in paths:
        read = read_config(path)
        if read is None:
            read = ReadDict()
        if not isinstance(read, ReadDict):
            raise ConfigError(f"{path}: must hold a mapping of keys, such as `study: mine`")
        check_size(read)
        merge(found, read)
        name = study_name(path)
    merge(found, read_arguments(arguments))
    if found.get("study") is None and "study" not in found.texts and name:
        found["study"] = name
    return found


def check_size(config: Any) -> None:
    """Refuse what cannot be looked through, as it is too large or holds itself: ConfigError."""
    count = itertools.count(1)

    def look(value: Any, depth: int) -> None:
        if next(count) > MAX_VALUES or depth > _MAX_DEPTH:
            raise ConfigError(
                f"the configuration cannot be used: it holds more than {MAX_VALUES} values, or "
                f"mappings and lists more than {_MAX_DEPTH} deep"
            )
        if isinstance(value, (Mapping, list)):
            for inner in value.values() if isinstance(value, Mapping) else value:
                look(inner, depth + 1)

    look(config, 0)


def study_name(path: str | Path) -> str:
    """Return the name of a study that gives none: that of its file, in letters of names."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(path).stem).lstrip("._-")[:80] or "study"
    return f"{plain}_study" if plain in TAKEN else plain


def merge(found: dict[str, Any], addition: Mapping[str, Any]) -> None:
    """Merge a mapping into another one, as Snakemake merges configurations; texts go along."""
    texts = getattr(addition, "texts", {})
    for key, value in addition.items():
        if isinstance(value, Mapping):
            if not isinstance(found.get(key), ReadDict):
                found[key] = ReadDict()
            merge(found[key], value)
        else:
            found[key] = value
        if isinstance(found, ReadDict):
            found.texts.pop(key, None)
            if key in texts:
                found.texts[key] = texts[key]


def _parse(text: str, where: str) -> Any:
    with extra("workflow"):
        import yaml
    try:
        try:
            found = json.loads(text, object_pairs_hook=functools.partial(_distinct, where))
        except json.JSONDecodeError:
            loader = _loader_class()(text)
            node = loader.get_single_node()
            _refuse_second_keys(where, node)
            found = None if node is None else loader.construct_document(node)
    except ConfigError:
        raise
    # PyYAML raises errors of any type where a tag does not fit its value.
    except (yaml.YAMLError, Exception) as error:
        raise ConfigError(f"{where}: cannot be read as plain YAML or JSON: {error}") from error
    if isinstance(found, dict) and "__use_yte__" in found:
        raise ConfigError(
            f"{where}: is a template (__use_yte__), which could run any command; write values"
        )
    return found


@functools.cache
def _loader_class() -> Any:
    """PyYAML's safe loader, whose mappings and lists know the text of what is no text."""
    with extra("workflow"):
        import yaml

    def is_plain(node: Any) -> bool:
        return isinstance(node, yaml.ScalarNode) and node.style is None

    class Loader(yaml.SafeLoader):
        def read_mapping(self, node: Any) -> Iterator[ReadDict]:
            found = ReadDict()
            yield found
            if not isinstance(node, yaml.MappingNode):
                raise yaml.constructor.ConstructorError(None, None, "no mapping", node.start_mark)
            self.flatten_mapping(node)
            for key, value in node.value:
                # A name is what was written, also where it is NO, 400 or 2020-01-01.
                name = key.value if is_plain(key) else self.construct_object(key, deep=True)
                found[name] = self.construct_object(value)
                found.texts.pop(name, None)  # of a merged mapping, whose values come first
                if is_plain(value) and not isinstance(found[name], str):
                    found.texts[name] = value.value

        def read_list(self, node: Any) -> Iterator[ReadList]:
            found = ReadList()
            yield found
            if not isinstance(node, yaml.SequenceNode):
                raise yaml.constructor.ConstructorError(None, None, "no list", node.start_mark)
            for place, value in enumerate(node.value):
                found.append(self.construct_object(value))
                if is_plain(value) and not isinstance(found[-1], str):
                    found.texts[place] = value.value

    # No key wants a date, and there is no `2020-13-01` to make one of. `=` has a tag, too.
    unwanted = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in unwanted]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_constructor("tag:yaml.org,2002:map", Loader.read_mapping)
    Loader.add_constructor("tag:yaml.org,2002:seq", Loader.read_list)
    return Loader


def _distinct(where: str, pairs: list[tuple[str, Any]]) -> ReadDict:
    found = ReadDict()
    for key, value in pairs:
        if key in found:
            raise ConfigError(f"{where}: key {key!r} is given twice; leave one")
        found[key] = _with_texts(value)
        if _is_plain_json(value):
            found.texts[key] = json.dumps(value)
    return found


def _with_texts(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    texts = {k: json.dumps(inner) for k, inner in enumerate(value) if _is_plain_json(inner)}
    return ReadList(map(_with_texts, value), texts=texts)


def _is_plain_json(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int))


def _refuse_second_keys(where: str, top: Any) -> None:
    pending, visited = [top], set()
    while pending:
        node = pending.pop()
        if node is None or isinstance(node.value, str) or id(node) in visited:
            continue
        visited.add(id(node))
        lines: dict[str, int] = {}
        for item in node.value:
            key, value = item if isinstance(item, tuple) else (None, item)
            pending.append(value)
            if key is None or not isinstance(key.value, str):
                continue
            line = key.start_mark.line + 1
            if key.value in lines:
                raise ConfigError(
                    f"{where}, line {line}: key {key.value!r} is given twice, first in line "
                    f"{lines[key.value]}; leave one"
                )
            lines[key.value] = line


#: Numbers that YAML 1.1 reads in base 8 or 60.
_ODD_NUMBER = re.compile(r"[-+]?(0[0-7_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)")


def text_or_value(value: Any, schema: Schema | None, where: str = "") -> Any:
    """Return a configuration as the schema wants it: texts as written, where it wants text.

    `value`: as `read_config` returns it; what others have read stays as it is. `where`: its key.
    Raises ConfigError: a number is written so that YAML reads another one.
    """
    choices = _choices(schema)
    if isinstance(value, Mapping):
        return {
            key: _settle(value, key, inner, _inner_schemas(choices, key), f"{where}.{key}")
            for key, inner in value.items()
        }
    if isinstance(value, list):
        items = [choice["items"] for choice in choices if "items" in choice]
        single = [item for item in items if "array" not in _types(item)]
        if single and any(inner is not None and not isinstance(inner, list) for inner in value):
            items = single  # names, and not lists of names
        return [
            _settle(value, place, inner, items, f"{where}[{place}]")
            for place, inner in enumerate(value)
        ]
    return value


def _settle(container: Any, place: Any, value: Any, schemas: Sequence[Schema], where: str) -> Any:
    schema: Schema | None = {"anyOf": schemas} if schemas else None
    text = getattr(container, "texts", {}).get(place)
    if text is None or isinstance(value, (Mapping, list)):
        return text_or_value(value, schema, where)
    choices = _choices(schema)
    if any(_takes_type(choice, value) for choice in choices):
        if isinstance(value, (int, float)) and _ODD_NUMBER.fullmatch(text):
            raise ConfigError(
                f"{where.lstrip('.')}: YAML reads {text} as {value}; write {value}, or the number "
                "without zeros before it and without colons"
            )
        return value
    wants_text = any(
        "string" in _types(choice) or text in choice.get("enum", ()) for choice in choices
    )
    return text if wants_text and text else value


def _choices(schema: Schema | None) -> list[Schema]:
    """Return a schema's alternatives, down to those without others."""
    if schema is None:
        return []
    if "anyOf" not in schema:
        return [schema]
    return [choice for branch in schema["anyOf"] for choice in _choices(branch)]


def _inner_schemas(choices: Iterable[Schema], key: str) -> list[Schema]:
    found = [choice.get("properties", {}).get(key) for choice in choices]
    others = [choice.get("additionalProperties") for choice in choices]
    known = [schema for schema in found if schema is not None]
    return known or [schema for schema in others if isinstance(schema, Mapping)]


def _types(schema: Schema) -> set[str]:
    kind = schema.get("type", [])
    return {kind} if isinstance(kind, str) else set(kind)


def _takes_type(schema: Schema, value: Any) -> bool:
    if "enum" in schema or "const" in schema:
        allowed = schema.get("enum", [schema.get("const")])
        return any(type(value) is type(item) and value == item for item in allowed)
    types = _types(schema)
    if value is None:
        return "null" in types
    if isinstance(value, bool):
        return "boolean" in types
    return bool(types & {"integer", "number"})
