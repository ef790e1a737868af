"""Names and colours of the consensus groups: those of a file that are about the groups found."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kohorte import store
from kohorte._files import replacing
from kohorte.data.table import free_name
from kohorte.study.groups import read_group_names

if TYPE_CHECKING:
    import pandas as pd

_LOG = logging.getLogger(__name__)


def write_group_names(names: str | Path, groups: str | Path, *, ensemble: str | Path) -> None:
    """Write `groups.json`: of a file of names what is about the groups of a study.

    A group is known again by its number of points, where the file says it: names of other groups
    are left out with a note, since a wrong name in a figure is worse than none.

    Parameters
    ----------
    names
        The file, as `read_group_names` reads it.
    groups
        What is written.
    ensemble
        The study's `ensemble.h5`.
    """
    sizes = store.count_groups(ensemble)
    kept, notes = [], []
    for row in read_group_names(names):
        group, points = row["group"], row.get("points")
        called = f"group {group}" + (f" ({row['name']})" if "name" in row else "")
        if group >= len(sizes):
            notes.append(f"{called}: the study has {len(sizes)} groups, from 0")
        elif points is not None and points != sizes[group]:
            notes.append(
                f"{called}: it had {points:,} points when it was named and has {sizes[group]:,}"
            )
        else:
            kept.append(row | {"points": int(sizes[group])})
    if notes:
        _LOG.warning(
            "groups.file was saved for other groups and is not used for %s; look at explorer.html, "
            "name the groups and save them anew",
            "; ".join(notes),
        )
    with replacing(groups) as temporary:
        text = json.dumps({"groups": kept, "notes": notes}, ensure_ascii=False, indent=1)
        temporary.write_text(text + "\n", encoding="utf-8", newline="\n")


def name_groups(table: pd.DataFrame, names: Mapping[int, str]) -> pd.DataFrame:
    """Return a table with the names of its groups beside their numbers, where groups have names.

    To each of the columns `group`, `neighbour` and `second` that it has comes one more, such as
    `group_name`.
    """
    if not names:
        return table
    table = table.copy()
    for column in ("group", "neighbour", "second"):
        if column in table and table[column].dtype.kind in "iu":
            called = np.array([names.get(int(k), "") for k in table[column]], dtype=object)
            place = int(np.flatnonzero(table.columns == column)[0]) + 1
            table.insert(place, free_name(f"{column}_name", table.columns), called)
    return table


def read_names(groups: str | Path | None) -> dict[int, str]:
    """Return the names of groups in `groups.json`, by group; none where there is no such file."""
    if not groups:
        return {}
    rows: list[dict[str, Any]] = json.loads(Path(groups).read_text(encoding="utf-8"))["groups"]
    return {row["group"]: row["name"] for row in rows if "name" in row}
