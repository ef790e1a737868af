"""What a run started with, and which study a folder of results belongs to.

Jobs in processes of their own, here or on a cluster, would read the files of a study anew. So that
one that is edited while a run goes on changes nothing of it, the run leaves a record that its jobs
take instead.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kohorte import __version__
from kohorte._files import replacing
from kohorte.errors import ConfigError, KohorteError
from kohorte.provenance import library_digest
from kohorte.study.outside import MEMORY, content_digest

#: Where a study says what it was made from, in its folder.
OWNER = ".study.json"

#: A line of a manifest on a file from outside.
_SOURCE = re.compile(r"^# source ([0-9a-f]{64})  (.+)$", re.MULTILINE)

#: A line of a manifest on a result.
_LISTED = re.compile(r"^(?:#content )?[0-9a-f]{64}  (.+)$", re.MULTILINE)

#: Results that are removed where a study has them no more: none that takes long to make.
_REMOVED = ("tables/*", "figures/*", "report/*", "sweep.h5", "groups.json")

Content = Mapping[str, Sequence[str]]  # Digests of files from outside, by key of the configuration


def run_record(
    files: Iterable[str | Path], arguments: Iterable[str], memory: Path = MEMORY
) -> Path:
    """Return where a run has its record that is called with these files and `--config`."""
    called = [[os.path.abspath(file) for file in files], list(map(str, arguments))]
    name = hashlib.sha256(json.dumps(called).encode(errors="surrogateescape")).hexdigest()
    return memory / "runs" / f"{name[:20]}.json"


#: Environment variable that names the record of a run for its jobs.
VARIABLE = "KOHORTE_RECORD"


def write_record(
    record: Path,
    config: Mapping[str, Any],
    content: Content,
    files: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> None:
    """Write what a run starts with: its configuration, and digests of the files from outside.

    `files`: key and digest of each file that jobs read, by its path as they have it.
    """
    with replacing(record) as temporary:
        told = {"config": config, "content": content, "files": dict(files)}
        temporary.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")


def read_record(record: Path) -> tuple[dict[str, Any] | None, dict[str, list[str]]]:
    """Return configuration and digests of a record; None and no digests where there is none."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(record.read_text(encoding="utf-8"))
        return found["config"], found["content"]
    return None, {}


def check_content(key: str, now: Sequence[str], started_with: Content) -> None:
    """Refuse to read a file that was changed since the run started: ConfigError."""
    if key in started_with and list(started_with[key]) != list(now):
        raise ConfigError(
            f"{key}: the file was changed while this run goes on; run again to use it as it is now"
        )


def check_unchanged(paths: Iterable[object]) -> None:
    """Refuse what a job made of files that were changed since its run started: ConfigError.

    `paths`: its inputs, of which those count that the record of the run tells of. A job that ends
    so leaves no output, which would pass for one of the former files.
    """
    files: Mapping[str, Sequence[str]] = {}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        files = json.loads(Path(os.environ[VARIABLE]).read_text(encoding="utf-8"))["files"]
    for key, digest, path in ((*files[p], p) for p in map(str, paths) if p in files):
        check_content(key, [content_digest(path)], {key: [digest]})


@dataclass(frozen=True)
class Origin:
    """What the results of a study were made from."""

    files: list[str]  # The configuration
    source: str  # As the configuration names it
    content: list[str]  # Digests of the files of the source
    kohorte: str = ""  # Release, and digest of the code
    code: str = ""


def study_origin(
    config: Mapping[str, Any], files: Iterable[str | Path], content: Content
) -> Origin:
    """Return what a study is made from. `content`: digests of the files that it names, by key."""
    source = config["data"]["source"]
    keys = ["data.source", "fields.source"]
    if source is None:
        source, keys = ", ".join(config["realizations"]["labels"] or ()), ["realizations.labels"]
    digests = [digest for key in keys for digest in content.get(key, ())]
    made_by = __version__, library_digest("")
    return Origin([_nearby(file) for file in files], source, digests, *made_by)


def write_owner(results: Path, origin: Origin, *, whole: bool = True) -> None:
    """Note what a study is made from, in its folder; `whole`: all of it is made by this version."""
    former = None if whole else _read_owner(results)
    if former is not None:
        origin = replace(origin, kohorte=former.kohorte, code=former.code)
    with replacing(results / OWNER) as temporary:
        text = json.dumps(asdict(origin), indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def check_owner(results: Path, now: Origin) -> str:
    """Refuse to go on with the finished study of another table under the same name: ConfigError.

    Returns what a person should know of how it goes on, "" for nothing.
    """
    if not (results / "MANIFEST").exists():
        return ""
    former = _read_owner(results)
    if former is None:
        return ""
    names = " and ".join(now.files) or "this configuration"
    if former.source == now.source or (former.content and former.content == now.content):
        made = " and ".join(former.files)
        same = former.files == now.files or not former.files
        return "" if same else f"{results} was last made with {made}; it goes on with {names}"
    said = f"{results} was made from {former.source}, and {names} names {now.source}"
    if former.files == now.files:
        return f"{said}; the study is made anew from it"
    raise ConfigError(
        f"study: {said}. Give the new study a name of its own (study: in its file, or --config "
        f"study=...), or remove {results} to make it anew"
    )


def check_memory(
    results: Path,
    config: Mapping[str, Any],
    read_former: Callable[[Path], Mapping[str, Any]],
    content: Content,
    memory: Path = MEMORY.parent,
) -> None:
    """Refuse to go on with results of other settings where Snakemake would keep them: ConfigError.

    It compares a study with what it remembers of its jobs, and has no memory of results that were
    copied from elsewhere, or put back from a backup, without its folder.

    `config`: the settings of results, by section; `read_former`: gives those of the results from
    their `config.yaml`; `content`: digests of the files from outside, by key, as they are now.
    """
    manifest = results / "MANIFEST"
    made = [manifest, results / "data.h5", results / "ensemble.h5"]
    made += sorted(results.glob("realizations/batches/*.json"))
    there = [path for path in made if path.exists()]
    if manifest not in there or all(_is_remembered(path, memory) for path in there):
        return
    changed: list[str] = []
    with contextlib.suppress(KohorteError):  # of another version, or edited
        former, now = _by_key(read_former(results / "config.yaml")), _by_key(config)
        changed = [key for key, value in now.items() if former.get(key, value) != value]
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = manifest.read_text(encoding="utf-8")
        recorded = {key: digest for digest, key in _SOURCE.findall(text)}
        for key, digests in content.items():
            for number, digest in enumerate(digests):
                name = f"{key}[{number}]" if len(digests) > 1 else key
                if digest != "missing" and recorded.get(name, digest) != digest:
                    changed.append(f"the file of {name}")
    if changed:
        raise ConfigError(
            f"{results}: not what these results were made with: {', '.join(changed)}. Snakemake "
            f"has no memory of how they were made ({memory} is not that of their run), and would "
            "keep them. Make all anew (`kohorte run STUDY -- --forceall`), undo the change, or "
            "move the results away"
        )


def decides_itself(arguments: Iterable[str]) -> bool:
    """Tell whether a call of Snakemake says by itself what is made anew, or makes nothing."""
    told = r"(--forceall|--forcerun|--touch|--unlock)(=.*)?|-[npk]*[FRt][npk]*|verify|mtime"
    return any(re.fullmatch(told, argument) for argument in arguments)


def _is_remembered(path: Path, memory: Path) -> bool:
    """Tell whether Snakemake has a record of a file, or knows that its job was not finished."""
    if not memory.is_dir():
        return False
    name = base64.urlsafe_b64encode(os.fsencode(path)).decode()
    size = os.pathconf(memory, "PC_NAME_MAX") - 1
    parts = [name[start : start + size] for start in range(0, len(name), size)]
    record = Path(*(f"@{part}" for part in parts[:-1]), parts[-1])
    return any((memory / folder / record).exists() for folder in ("metadata", "incomplete"))


def _by_key(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by dotted key."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        inner = value if isinstance(value, Mapping) else {}
        found |= {f"{name}.{key}": one for key, one in inner.items()} or {name: value}
    return found


def listed_results(results: Path) -> set[str]:
    """Return which results the manifest of a study lists; none where there is no manifest."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return set(_LISTED.findall((results / "MANIFEST").read_text(encoding="utf-8")))
    return set()


def remove_former(results: Path, former: Iterable[str]) -> list[str]:
    """Remove tables, figures and pages that a former manifest listed and that of now does not.

    Maps stay, as they take long to make and another change may ask for them again. Returns what
    was removed.
    """
    removed = []
    now = listed_results(results)
    for name in sorted(set(former) - now) if now else ():
        path = results / name
        is_own = ".." not in path.parts and any(fnmatch(name, one) for one in _REMOVED)
        if is_own and path.is_file():
            with contextlib.suppress(OSError):
                path.unlink()
                removed.append(name)
    return removed


def describe_version(results: Path, now: Origin) -> str:
    """Return what a person should know of results of another version, "" where they are of this."""
    former = _read_owner(results)
    if former is None or (former.kohorte, former.code) == (now.kohorte, now.code):
        return ""
    if former.kohorte == now.kohorte:
        made = f"other code of kohorte {now.kohorte}"
    else:
        made = f"kohorte {former.kohorte or 'of an older version'}, and this is {now.kohorte}"
    return (
        f"{results} was made by {made}: what has other code now is made anew, and the rest kept; "
        "all is kept where dates alone decide (--rerun-triggers mtime)"
    )


def _read_owner(results: Path) -> Origin | None:
    try:
        return Origin(**json.loads((results / OWNER).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _nearby(path: str | Path) -> str:
    """Return a path as seen from the directory of the run, where it lies in it."""
    path, here = os.path.abspath(path), os.getcwd()
    return os.path.relpath(path) if path.startswith(here + os.sep) else path
