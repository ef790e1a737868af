"""The file of the study that someone means: by its path, its name or its results."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kohorte._checks import suggest
from kohorte._files import replacing
from kohorte.command.workflow import workflow_folder
from kohorte.data.names import find_reader, is_file
from kohorte.errors import ConfigError, KohorteError
from kohorte.study import reading

#: Extensions of configurations.
CONFIGS = (".yaml", ".yml", ".json")

_LARGEST = 1 << 20
_OF_STUDY = re.compile(r"^(['\"]?)(data|realizations)\1:", re.MULTILINE)
_NAMED = re.compile(
    r"^(?:study|'study'|\"study\"):\s*(?:'([^'\n]*)'|\"([^\"\n]*)\"|([^\s#'\"]+))", re.MULTILINE
)
#: JSON, and YAML that is written so.
_FLOW = re.compile(r"\s*(#.*\n\s*|---\s+)*\{")


@dataclass(frozen=True)
class StudyFile:
    """A configuration, as it was read."""

    path: Path
    config: Mapping[str, Any]
    later: tuple[Path, ...] = ()  # Files whose keys replace those of the first
    folder: Path | None = None  # Of its results, where that was named

    @property
    def name(self) -> str:
        """The name of the study."""
        return str(self.config.get("study"))

    @property
    def results(self) -> Path:
        """The folder of its results."""
        return self.folder or Path("results", self.name)

    @property
    def home(self) -> Path | None:
        """The folder in which it is to be run, where that is another than this one."""
        if self.folder is None or self.folder.resolve() == Path("results", self.name).resolve():
            return None
        return self.folder.resolve().parent.parent

    @property
    def source(self) -> str | None:
        """What the table is read from."""
        data = self.config.get("data")
        return data.get("source") if isinstance(data, Mapping) else None


def read_study(path: str | Path, *later: str | Path) -> StudyFile:
    """Read a configuration, and others whose keys replace its keys.

    ConfigError where one is no mapping of keys.
    """
    return StudyFile(Path(path), reading.read_study([path, *later]), tuple(map(Path, later)))


def is_config(name: str) -> bool:
    """Tell whether a name is one of a configuration."""
    return name.lower().endswith(CONFIGS)


def is_table(name: str) -> bool:
    """Tell whether a name is one of a table, or of another source.

    So is any file that is no configuration: who reads it says what is wrong with it.
    """
    if is_config(name):
        return False
    return find_reader(name) is not None or not is_file(name) or Path(name).is_file()


def find_study(name: str) -> StudyFile:
    """Find the study that someone means.

    `name`: of a configuration, of a study, of the folder of its results, or of the table that a
    study in this folder is about. ConfigError where there is none.
    """
    if is_config(name) and Path(name).exists() and not Path(name).is_dir():
        return read_study(name)
    folder = Path(name)
    meant = folder.name if (folder / "ensemble.h5").exists() or "/" in name.rstrip("/") else name
    files = dict(_named_files())
    fitting = [path for path, named in files.items() if named == meant.rstrip("/")]
    if len(fitting) > 1:
        fitting = [path for path in fitting if path.stem == meant] or fitting
    if len(fitting) > 1:
        raise ConfigError(
            f"{', '.join(map(str, fitting))} are all called {meant!r}; give one of these files"
        )
    if fitting:
        return read_study(fitting[0])
    if (folder / "config.yaml").is_file():
        return replace(read_study(folder / "config.yaml"), folder=folder)
    record = Path("results", name, "config.yaml")
    if record.is_file():
        return read_study(record)
    if is_table(name):
        for path in files:
            study = read_study(path)
            if is_same_source(study.source, name):
                return study
        raise ConfigError(f"{name}: no file in this folder is a study of it; kohorte run {name}")
    examples = dict(_named_files(workflow_folder() / "config"))
    for path, named in examples.items():
        if named == name:
            return read_study(path)
    if is_config(name) or "/" in name:
        raise ConfigError(f"{name}: no such file; {suggest(name, map(str, files))}")
    tables = [path.name for path in Path().glob("*") if find_reader(path.name)]
    known = suggest(name, [*files.values(), *tables, *examples.values()])
    raise ConfigError(f"no study {name!r} in this folder; {known}")


def find_default() -> StudyFile:
    """Find the study of this folder where none is named; ConfigError where that is not clear."""
    files = [path for path, _ in _named_files()]
    if Path("config/config.yaml").is_file():
        return read_study("config/config.yaml")
    if len(files) == 1:
        return read_study(files[0])
    there = f"there are {', '.join(map(str, files))}" if files else "there is none in this folder"
    raise ConfigError(f"name a table or the file of a study; {there}")


def is_same_source(one: str | None, other: str) -> bool:
    """Tell whether two sources are one: equal names, or paths of one file."""
    if one is None or one == other:
        return one == other
    return is_file(one) and is_file(other) and Path(one).resolve() == Path(other).resolve()


def _named_files(*folders: Path) -> Iterator[tuple[Path, str]]:
    """Yield configurations with their studies: of this folder, and of `config` in it."""
    for folder in folders or (Path(), Path("config")):
        for path in sorted(folder.glob("*")):
            if path.suffix.lower() in CONFIGS and path.is_file() and path.stat().st_size < _LARGEST:
                try:
                    text = path.read_text(encoding="utf-8", errors="replace")
                except OSError:  # What nobody may read is the study of somebody else.
                    continue
                if _FLOW.match(text):
                    if (name := _name_within(path)) is not None:
                        yield path, name
                elif found := _NAMED.search(text):
                    yield path, next(filter(None, found.groups()), "")
                elif _OF_STUDY.search(text):
                    yield path, reading.study_name(path)


def _name_within(path: Path) -> str | None:
    """Return the name of the study in a file whose keys are on no lines of their own, if any."""
    try:
        config = reading.read_study([path])
    except KohorteError:
        return None
    # Other programs write such files, too, and know of a study or data of another kind.
    data, given = config.get("data"), config.get("realizations")
    of_study = isinstance(data, Mapping) and "source" in data
    of_study |= isinstance(given, Mapping) and "labels" in given
    return str(config.get("study")) if of_study else None


def write_file(path: Path, text: str) -> None:
    """Write a file whole, or leave what is there; ConfigError where that is not possible."""
    target = path.resolve()  # A link stays one
    try:
        if target.exists() and not target.is_file():  # such as /dev/stdout
            path.write_text(text, encoding="utf-8")
            return
        with replacing(target) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
