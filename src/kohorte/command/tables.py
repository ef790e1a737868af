"""The study of a table of which nothing but its name is given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kohorte._checks import extra
from kohorte.command.columns import Look, look_at
from kohorte.command.proposal import name_study, write_proposal
from kohorte.command.studies import StudyFile, is_same_source, read_study
from kohorte.data.names import find_reader, is_file
from kohorte.data.reading import ReadOptions
from kohorte.data.sources import open_source
from kohorte.errors import ConfigError, DataError

#: Delimiters that text is tried with where that of its extension divides nothing.
_DELIMITERS = (";", "\t", "|", ",")


def propose_study(source: str, name: str | None = None) -> tuple[Look, str, str]:
    """Look at a table; returns what was seen, the name of a study of it, and its configuration."""
    study = name or name_study(source)
    look, reading = _look(source)
    return look, study, write_proposal(look, source, study, reading)


def _look(source: str) -> tuple[Look, dict[str, Any]]:
    """Look at a table, in any delimiter; returns what was seen, and the keys that it took."""
    try:
        with open_source(source, ReadOptions()) as opened:
            return look_at(opened), {}
    except DataError as error:
        reader = find_reader(source) if is_file(source) else None
        if reader is None or not reader.is_text or "delimiter" not in str(error):
            raise
        for delimiter in _DELIMITERS:
            try:
                with open_source(source, ReadOptions(delimiter=delimiter)) as opened:
                    if len(opened.names) > 1:
                        return look_at(opened), {"delimiter": delimiter}
            except DataError:
                continue
        raise


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


def study_of_table(source: str, name: str | None = None) -> StudyFile:
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
    _, _, text = propose_study(source, study)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
    print(f"{path}: written; it holds the study of {source}, to be repeated or edited")
    return read_study(path)
