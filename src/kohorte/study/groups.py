"""The file that names the consensus groups of a study: `groups.file` of the configuration.

The explorer writes it. While a study is planned only its form is checked: whether it is about these
groups is known when there are some. Only the standard library is imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kohorte._text import ACTING
from kohorte.data.names import find_file, locate
from kohorte.errors import ConfigError, DataError, MissingFileError

#: What the file says of a group; all but its number may be left out.
KEYS = ("group", "name", "colour", "points")

MOST_CHARACTERS = 60
"""Characters of a name, which has to fit into legends and tables."""

_LARGEST = 5_000_000  # bytes
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_UNSEEN = re.compile(f"[{ACTING}\t\n]")

_FORM = (
    'as the explorer saves it: {"groups": [{"group": 0, "name": "red", "colour": "#D55E00"}]}; '
    "open explorer.html, name the groups and save them there, or leave out groups.file"
)


def check_group_names(path: str | None) -> None:
    """Refuse a file of names that cannot be used, before anything is computed; None is fine.

    A file under results/ may be made by a run.
    """
    if path and not path.startswith("results/"):
        read_group_names(path)


def read_group_names(path: str | Path) -> list[dict[str, Any]]:
    """Return what a file says of groups, one dictionary each with some of KEYS, by group.

    ConfigError where it cannot be read, or says something that cannot be meant.
    """
    path = Path(locate(str(path)))
    try:
        find_file(str(path))
    except MissingFileError:
        pass  # of which more is said below
    except DataError as error:  # it would be waited for, or never end
        raise ConfigError(f"groups.file: {error}; it must be {_FORM}") from None
    try:
        if path.stat().st_size > _LARGEST:
            raise ConfigError(
                f"groups.file: {path}: too large for names of groups; it must be {_FORM}"
            )
        text = path.read_bytes().decode("utf-8-sig")
        content = json.loads(text, object_pairs_hook=_each_once)
    except FileNotFoundError:
        raise ConfigError(
            f"groups.file: {path}: no such file; save one from the explorer of the study, or leave "
            "the key out"
        ) from None
    except OSError as error:
        raise ConfigError(f"groups.file: {path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"groups.file: {path}: is no JSON ({error}); it must be {_FORM}"
        ) from None
    rows = content.get("groups") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"groups.file: {path}: holds no list of groups; it must be {_FORM}")
    faults = [fault for number, row in enumerate(rows) for fault in _find_faults(number, row)]
    for key in ("group", "name"):
        seen: set[Any] = set()
        for row in rows if not faults else ():
            value = row.get(key)
            if value in seen:
                what = f"group {value}" if key == "group" else f"the name {value!r}"
                faults.append(f"{what} is there twice; give each group its own")
            if value is not None:
                seen.add(value)
    if faults:
        listed = "".join(f"\n  - {fault}" for fault in faults[:20])
        raise ConfigError(f"groups.file: {path}:{listed}")
    return sorted(rows, key=lambda row: row["group"])


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a mapping of what JSON says, in which no key is given twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"a key of {', '.join(map(repr, found))} is given twice")
    return found


def _find_faults(number: int, row: dict[str, Any]) -> Iterator[str]:
    where = f"groups[{number}]"
    if unknown := sorted(set(row) - set(KEYS)):
        yield f"{where}: unknown key {unknown[0]!r}; known are {', '.join(KEYS)}"
    if not _is_count(row.get("group")):
        yield f"{where}: group must be the number of a group, 0 or more, not {row.get('group')!r}"
    name, colour, points = (row.get(key) for key in KEYS[1:])
    if name is not None and not _is_name(name):
        yield (
            f"{where}: name must be text of 1 to {MOST_CHARACTERS} characters on one line, "
            f"not {name!r}"
        )
    if colour is not None and not (isinstance(colour, str) and _COLOUR.fullmatch(colour)):
        yield f"{where}: colour must be like '#D55E00', not {colour!r}"
    if points is not None and not _is_count(points):
        yield f"{where}: points must be the number of points of the group, not {points!r}"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_name(value: Any) -> bool:
    return (
        isinstance(value, str)
        and value == value.strip()
        and 0 < len(value) <= MOST_CHARACTERS
        and not _UNSEEN.search(value)
    )
