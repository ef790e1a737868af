"""Files from outside that a study reads: what is in them decides what is made again, and no date.

A table that comes from an archive, or by `cp -p`, `rsync -a` or `mv`, has its own, older date, and
one that was only copied has a newer one. So rules that read such files carry a digest of what is in
them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kohorte._files import MEMORY, digest_content, short_digest
from kohorte.data.names import find_file, is_file, locate
from kohorte.errors import ConfigError, DataError, MissingFileError

#: What Snakemake reads as wildcards, and as names of folders, in paths.
_PATTERN = "{}<>"


def content_digest(path: str | Path, memory: Path | None = MEMORY) -> str:
    """Return the digest of a file or folder that a configuration names, as `digest_content`."""
    return digest_content(locate(str(path)), memory)


def plain_name(path: str) -> str:
    """Return the name of a file without what Snakemake reads as a pattern."""
    return Path(path).name.translate(dict.fromkeys(map(ord, _PATTERN), "_"))


def plain_path(path: str, key: str, memory: Path = MEMORY) -> str:
    """Return a path to a file without braces, which Snakemake reads as a pattern.

    A path without `_PATTERN` is returned as it is, but for a home folder at its start (`~`). For
    one with such letters it is that of a link in `memory`. `key`: who names the file. Raises
    ConfigError where no link can be made.
    """
    path = locate(path)
    if not set(_PATTERN) & set(path):
        return path
    target = os.path.abspath(path)
    link = memory / "links" / short_digest(target) / plain_name(path)
    with contextlib.suppress(OSError):
        if os.readlink(link) == target:
            return str(link)
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        temporary = link.with_name(f".{os.getpid()}.part")
        temporary.symlink_to(target)
        os.replace(temporary, link)
    except OSError as error:
        raise ConfigError(
            f"{key}: Snakemake reads these letters as a pattern, and no link to {path} can be made "
            f"({error.strerror}); rename the file"
        ) from error
    return str(link)


def check_named(key: str, path: str, own: Path) -> None:
    """Refuse a file that cannot be read, or is to be made from what it is read for: ConfigError.

    It is not opened, as a pipe would be waited for without end. A file that is not there yet is
    none to refuse. `own`: the folder of the study's results, which `key` belongs to.
    """
    if Path(os.path.realpath(locate(path))).is_relative_to(os.path.realpath(own)):
        raise ConfigError(
            f"{key}: {path} is a result of this study itself, and would be made anew with it; copy "
            "it to another place, or name what it was made from"
        )
    try:
        find_file(path)
    except MissingFileError:
        pass
    except DataError as error:
        raise ConfigError(f"{key}: {error}") from None


def explain_missing(message: str, named: Mapping[str, tuple[str, str]]) -> str | None:
    """Return what to say in place of Snakemake's message that input files are missing.

    `named`: key of the configuration and path as it stands there, of each input that it names.
    None where the message is another one, or about other files.
    """
    if "MissingInputException" not in message:
        return None
    faults = []
    for line in map(str.strip, message.splitlines()):
        if line in named:
            key, path = named[line]
            with contextlib.suppress(OSError):
                try:
                    find_file(path)
                except DataError as error:
                    faults.append(f"kohorte: {key}: {error}")
    return "\n".join(faults) or None


def named_files(config: Mapping[str, Any], keys: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the files that a configuration names, by the keys that name them.

    `keys`: sections and keys of one file each; the list of label files is always among them.
    """
    found = {}
    for section, key in keys:
        path = config.get(section, {}).get(key)
        if path is not None and is_file(path):
            found[f"{section}.{key}"] = [path]
    if labels := config["realizations"]["labels"]:
        found["realizations.labels"] = list(labels)
    return found
