"""What the consensus groups of a study are called, and their colours and markers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from kohorte.figures.style import group_colour, group_marker

#: Outlines of the markers in a square of 20, as paths of SVG and canvas, by name in matplotlib.
MARKER_PATHS = {
    "o": "M18 10A8 8 0 1 1 2 10A8 8 0 1 1 18 10z",
    "s": "M3 3h14v14H3z",
    "^": "M10 2 18 17H2z",
    "D": "M10 1 19 10 10 19 1 10z",
    "v": "M10 18 2 3h16z",
    "P": "M7 2h6v5h5v6h-5v5H7v-5H2V7h5z",
    "X": "M2 6 6 2l4 4 4-4 4 4-4 4 4 4-4 4-4-4-4 4-4-4 4-4z",
    "<": "M2 10 17 2v16z",
    "p": "M10 1 19 8l-3 10H4L1 8z",
    ">": "M18 10 3 18V2z",
    "h": "M10 1 18 5.5v9L10 19l-8-4.5v-9z",
}


@dataclass(frozen=True)
class GroupNames:
    """Names and colours that were given to groups, by group; `notes` say what was not used."""

    names: Mapping[int, str] = field(default_factory=dict)
    colours: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


_NONE = GroupNames()
_CHOSEN: ContextVar[GroupNames] = ContextVar("names of groups", default=_NONE)


@contextmanager
def named_groups(path: str | Path | None) -> Iterator[GroupNames]:
    """Draw and write with the names and colours of `results/<study>/groups.json`, in a block.

    None is for a study that names none.
    """
    found = GroupNames()
    if path:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        rows = content["groups"]
        found = GroupNames(
            {row["group"]: row["name"] for row in rows if "name" in row},
            {row["group"]: row["colour"] for row in rows if "colour" in row},
            tuple(content["notes"]),
        )
    token = _CHOSEN.set(found)
    try:
        yield found
    finally:
        _CHOSEN.reset(token)


def consensus_name(group: int) -> str:
    """Return the name that a consensus group was given, or an empty text."""
    return _CHOSEN.get().names.get(int(group), "")


def consensus_title(group: int) -> str:
    """Return what a consensus group is called: its name, or `group 3`."""
    return consensus_name(group) or f"group {group}"


def consensus_colour(group: int) -> str:
    """Return the colour of a consensus group: the one it was given, or that of the palette."""
    return _CHOSEN.get().colours.get(int(group)) or group_colour(int(group))


def consensus_marker(group: int) -> str:
    """Return the marker of a consensus group."""
    return group_marker(int(group))
