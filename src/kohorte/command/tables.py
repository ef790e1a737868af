"""The study of a table of which nothing but its name is given."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from kohorte._checks import extra, suggest
from kohorte.command.columns import Look, is_number, listen, look_at
from kohorte.command.proposal import name_study, propose, write_proposal
from kohorte.command.studies import StudyFile, is_same_source, read_study, write_file
from kohorte.data.lines import open_text, split_line
from kohorte.data.names import WHITESPACE, find_file
from kohorte.data.reading import ReadOptions
from kohorte.data.sources import check_distinct, open_source
from kohorte.errors import ConfigError, DataError
from kohorte.studies import load_modules
from kohorte.study.config import check_config, load_schema
from kohorte.study.plan import check_name
from kohorte.study.reading import ReadDict, ReadList, text_or_value

#: Keys of the section `data` that errors say how to set, and how they say it.
_ADVICE = re.compile(
    r"data\.(comment|delimiter|decimal|thousands|header|encoding)"
    r"(?: to |: |, which seems to be |, such as )('[^']+'|\"[^\"]+\"|false|[\w-]+)"
)
_MOST_TRIES = 12

#: Keys that make numbers of some text, and text of some numbers.
_MARKS = {"decimal", "thousands"}

#: Lines that tell how many fields a row has.
_LOOKED_AT = 100

#: What tables are read by, and no key of the section `data` that a call gives.
_NOT_GIVEN = {"features", "beside", "mapped", "section"}


def propose_study(
    source: str, name: str | None = None, given: Mapping[str, Any] | None = None
) -> tuple[Look, str, str]:
    """Look at a table; returns what was seen, the name of a study of it, and its configuration.

    `given`: keys of the section `data` that the table is read with. ConfigError where no study can
    have the name, or such keys.
    """
    study, modules = name or name_study(source), load_modules()
    check_config({"study": study}, load_schema(modules))
    check_name(study, modules)
    said = _checked(given or {})
    look, reading = _look(source, said)
    try:
        return look, study, write_proposal(look, source, study, reading, said)
    except DataError as error:
        raise _say_key(error) from None


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return given keys of the section `data` as it has them; ConfigError where it cannot."""
    known = {one.name for one in fields(ReadOptions)} - _NOT_GIVEN
    for key in given:
        if key not in known:
            raise ConfigError(f"--data {key}: tables are not read by it; {suggest(key, known)}")
    if not given:
        return {}
    schema = load_schema(load_modules())
    keys, texts = schema["properties"]["data"]["properties"], getattr(given, "texts", {})
    listed = {
        key: ReadList([value], texts={0: texts[key]} if key in texts else {})
        for key, value in given.items()
        if keys[key].get("type") == "array" and value is not None and not isinstance(value, list)
    }
    data = ReadDict({**given, **listed}, texts=texts)
    try:
        check_config({"study": "a", "data": data}, schema)
    except ConfigError as error:
        text = str(error).replace("the configuration", "what --data gives", 1)
        raise ConfigError(text) from None
    found: dict[str, Any] = text_or_value({"data": data}, schema)["data"]
    return found


def _look(source: str, given: Mapping[str, Any]) -> tuple[Look, dict[str, Any]]:
    """Look at a table; returns what was seen, and the keys that it is read with.

    These are found by doing what errors say, as long as they say something new, and more is read
    with them than without.
    """
    reading, undone = dict(given), set[str]()
    before: tuple[dict[str, Any], set[str]] | None = None  # without marks; its columns of numbers
    for _ in range(_MOST_TRIES):
        known = {*reading, *undone}
        try:
            look = _look_once(source, reading)
        except DataError as error:
            advised = _advised([str(error)], known)
            if "comment" in advised:
                advised = _unless_rows(source, error, advised, reading)
            is_worse = not advised and before is not None
            if not advised and not is_worse:
                raise _say_key(error) from None
            plain = {key: value for key, value in advised.items() if key not in _MARKS}
            if plain and len(plain) < len(advised):
                with suppress(DataError):
                    before = reading | plain, _numbers_of(_look_once(source, reading | plain))
        else:
            numbers = _numbers_of(look)
            lost = before[1] - numbers if before else set()
            is_worse = before is not None and 0 < len(lost) >= len(numbers - before[1])
            advice = [column.advice for column in look.columns if column.advice]
            advised = _advised([text for text in advice if ", or data." not in text], known)
            before = before if is_worse else (reading, numbers) if advised else None
            codes = _find_codes(look, reading)
            if codes:
                advised["missing_values"] = codes
            if not advised and not is_worse:
                return look, reading
        if is_worse and before is not None:
            undone |= (reading.keys() - before[0].keys()) & _MARKS
            reading, before = before[0], None
        else:
            reading = reading | advised
    raise DataError(f"{source}: how to read it cannot be found out; name it by --data KEY=VALUE")


def _without_label(look: Look, label: str | None) -> Look:
    """Set the column aside that is the label; ConfigError where there is none of its name."""
    names = [column.name for column in look.columns]
    if label is None or look.has_labels:
        return look
    if label not in names:
        raise ConfigError(f"--data label: {look.title} has no {label!r}; {suggest(label, names)}")
    columns = (replace(c, aside="the label") if c.name == label else c for c in look.columns)
    return replace(look, columns=tuple(columns))


def _say_key(error: DataError) -> DataError:
    """Say how a key that an error advises is given to the command."""
    key = re.search(r"set data\.(\w+)", str(error))
    return DataError(f"{error}; here by --data {key[1]}=...") if key else error


def _look_once(source: str, reading: Mapping[str, Any]) -> Look:
    # What is logged of a column matters once it is chosen.
    with listen(), open_source(source, _options(reading)) as opened:
        check_distinct(opened)
        return _without_label(look_at(opened), reading.get("label"))


def _numbers_of(look: Look) -> set[str]:
    return {column.name for column in look.columns if column.kind == "number"}


def _find_codes(look: Look, reading: Mapping[str, Any]) -> list[Any]:
    """Return the values that mean "missing" where some are new; codes that columns share are no."""
    known: Sequence[Any] = reading.get("missing_values", ())
    plain = (code.value for code in look.codes if code.is_plain and code.value not in look.shared)
    found = dict.fromkeys(value for value in plain if value not in known)
    return [*known, *map(_as_written, found)] if found else []


def _unless_rows(
    source: str, error: DataError, advised: dict[str, Any], reading: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what an error advises unless its `comment` takes rows away; DataError if it does."""
    comment = advised["comment"]
    try:
        row = _find_row(source, comment, reading)
    except DataError as other:  # such as an encoding, which comes first
        return _advised([str(other)], reading)
    if row is None:
        return advised
    raise DataError(
        f"{error}; but line {row} begins so as well, and seems to be a row: remove what is a "
        f"comment, or, if no such line is a row, name it here by --data comment={comment!r}"
    ) from None


def _find_row(source: str, comment: str, reading: Mapping[str, Any]) -> int | None:
    """Find the first line that begins with `comment` and is like a row; None where there is none.

    It has as many fields as others, and a number in them. Lines above all others are no rows.
    """
    delimiter, n_fields = str(reading.get("delimiter") or ""), Counter[int]()
    suspects: dict[int, int] = {}  # Line by number of fields
    with open_text(source, find_file(source), _options(reading)) as stream:
        for number, line in enumerate(stream, 1):
            is_comment = line.lstrip().startswith(comment)
            if not line.strip() or (is_comment and not n_fields):
                continue
            if not n_fields:
                delimiter = delimiter or next(
                    (mark for mark in "\t;|," if mark in line), WHITESPACE
                )
            mark = " " if delimiter == WHITESPACE else delimiter
            if is_comment:
                fields = split_line(line.lstrip()[len(comment) :], mark)
                if any(is_number(field.replace(",", ".")) for field in fields):
                    suspects.setdefault(len(fields), number)
            elif n_fields.total() < _LOOKED_AT:
                n_fields[len(split_line(line, mark))] += 1
    return suspects.get(n_fields.most_common(1)[0][0]) if n_fields else 1


def _options(reading: Mapping[str, Any]) -> ReadOptions:
    options: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in reading.items()
    }
    return ReadOptions(**options)


def _as_written(value: float) -> float | int:
    return int(value) if value == int(value) and abs(value) < 1e15 else value


def _advised(texts: Sequence[str], known: Container[str]) -> dict[str, Any]:
    """Return the keys that some errors say how to set, but for those that are set."""
    found: dict[str, Any] = {}
    for text in texts:
        for key, value in _ADVICE.findall(text):
            if key not in known:
                is_quoted = value[0] in "'\""
                found.setdefault(
                    key, ast.literal_eval(value) if is_quoted else value != "false" and value
                )
    return found


def propose_config(source: str) -> Mapping[str, Any]:
    """Return the configuration of a table: of its study in this folder, or what it suggests."""
    with extra("workflow"):
        import yaml
    if known := _known_study(source, name_study(source)):
        return known.config
    _, _, text = propose_study(source)
    config: Mapping[str, Any] = yaml.safe_load(text)
    return config


def _known_study(source: str, name: str) -> StudyFile | None:
    """Return the study of a table that was written before, where there is one."""
    path = Path(f"{name}.yaml")
    known = read_study(path) if path.exists() else None
    fits = known is not None and known.name == name and is_same_source(known.source, source)
    return known if fits else None


def refuse_given(study: StudyFile, given: Mapping[str, Any]) -> None:
    """Refuse keys that are given for a study that is written already: ConfigError."""
    if given:
        raise ConfigError(
            f"--data says how a new study reads its table, and {study.path} is written already; "
            f"write {', '.join(given)} into its section data, and run it without --data"
        )


def study_of_table(
    source: str, name: str | None = None, given: Mapping[str, Any] | None = None
) -> StudyFile:
    """Return the study of a table: of the file that it was written to before, or a new one.

    ConfigError where a file or results of that name are those of another table, or keys are given
    for a study that is written already.
    """
    study = name or name_study(source)
    path = Path(f"{study}.yaml")
    if known := _known_study(source, study):
        refuse_given(known, given or {})
        print(f"{path}: is the study of {source}, and is used as it is")
        return known
    if path.exists():
        raise ConfigError(
            f"{path}: is a study of {read_study(path).source}, not of {source}; name another one: "
            f"kohorte run {source} --study NAME"
        )
    record = Path("results", study, "config.yaml")
    if record.exists() and not is_same_source(read_study(record).source, source):
        raise ConfigError(
            f"{record.parent}: holds results of {read_study(record).source}, not of {source}; name "
            f"another study: kohorte run {source} --study NAME"
        )
    look, _, text = propose_study(source, study, given)
    write_file(path, text)
    print(f"{path}: written; it holds the study of {source}, to be repeated or edited")
    proposal = propose(look)
    print(f"  features  {', '.join(proposal.features)}")
    for column, reason in proposal.left_out.items():
        print(f"  left out  {column or '(no name)'}: {reason}")
    return read_study(path)
