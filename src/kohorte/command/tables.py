"""The study of a table of which nothing but its name is given."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from kohorte._checks import extra, suggest
from kohorte.command.columns import Look, listen, look_at
from kohorte.command.proposal import name_study, propose, write_proposal
from kohorte.command.studies import StudyFile, is_same_source, read_study, write_file
from kohorte.data.reading import ReadOptions
from kohorte.data.sources import check_distinct, open_source
from kohorte.errors import ConfigError, DataError

#: Keys of the section `data` that errors say how to set, and how they say it.
_ADVICE = re.compile(
    r"data\.(comment|delimiter|decimal|thousands|header|encoding)"
    r"(?: to |: |, which seems to be |, such as )('[^']+'|\"[^\"]+\"|false|[\w-]+)"
)
_MOST_TRIES = 8


def propose_study(
    source: str, name: str | None = None, given: Mapping[str, Any] | None = None
) -> tuple[Look, str, str]:
    """Look at a table; returns what was seen, the name of a study of it, and its configuration.

    `given`: keys of the section `data` that the table is read with.
    """
    study = name or name_study(source)
    look, reading = _look(source, given or {})
    return look, study, write_proposal(look, source, study, reading)


def _look(source: str, given: Mapping[str, Any]) -> tuple[Look, dict[str, Any]]:
    """Look at a table; returns what was seen, and the keys that it is read with.

    These are found by doing what errors say, as long as they say something new.
    """
    reading = dict(given)
    for _ in range(_MOST_TRIES):
        try:
            # What is logged of a column matters once it is chosen.
            with listen(), open_source(source, _options(reading)) as opened:
                check_distinct(opened)
                look = look_at(opened)
        except DataError as error:
            advised = _advised([str(error)], reading)
            if not advised:
                key = re.search(r"set data\.(\w+)", str(error))
                raise DataError(f"{error}; here by --data {key[1]}=..." if key else error) from None
        else:
            advice = [column.advice for column in look.columns if column.advice]
            advised = _advised([text for text in advice if ", or data." not in text], reading)
            known: Sequence[Any] = reading.get("missing_values", ())
            plain = (code.value for code in look.codes if code.is_plain)
            codes = dict.fromkeys(value for value in plain if value not in known)
            if codes:
                advised["missing_values"] = [*known, *map(_as_written, codes)]
            if not advised:
                return look, reading
        reading |= advised
    raise DataError(f"{source}: how to read it cannot be found out; name it by --data KEY=VALUE")


def _options(reading: Mapping[str, Any]) -> ReadOptions:
    known = {one.name for one in fields(ReadOptions)} - {"features", "beside", "section"}
    for key in reading:
        if key not in known:
            raise ConfigError(f"--data {key}: tables are not read by it; {suggest(key, known)}")
    options: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in reading.items()
    }
    return ReadOptions(**options)


def _as_written(value: float) -> float | int:
    return int(value) if value == int(value) and abs(value) < 1e15 else value


def _advised(texts: Sequence[str], reading: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that some errors say how to set, but for those that are set."""
    found: dict[str, Any] = {}
    for text in texts:
        for key, value in _ADVICE.findall(text):
            if key not in reading:
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


def study_of_table(
    source: str, name: str | None = None, given: Mapping[str, Any] | None = None
) -> StudyFile:
    """Return the study of a table: of the file that it was written to before, or a new one.

    ConfigError where a file or results of that name are those of another table.
    """
    study = name or name_study(source)
    path = Path(f"{study}.yaml")
    if known := _known_study(source, study):
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
