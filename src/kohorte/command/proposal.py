"""The configuration that a table suggests, with comments."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kohorte._text import yaml_name
from kohorte.command.columns import (
    Column,
    Look,
    describe_mixture,
    describe_values,
    find_role,
    shorten,
)
from kohorte.data.missing import show_number
from kohorte.data.names import is_file
from kohorte.errors import DataError
from kohorte.recipes import DEFAULT_RECIPE, RECIPES
from kohorte.study.reading import TAKEN

#: Most columns whose values are counted in the groups that are found.
_MOST_GROUPS = 3

#: Longest name of a study, and what it is made of.
_LONGEST = 80
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")

#: Features of which more rows than this miss a value are left out.
_MOSTLY_MISSING = 0.5

#: What numbers are that are taken where none else are, the first of these that there are: features
#: that most rows miss, places and times, classes and groups. Numbers of rows never are.
_OTHERS = ({"feature"}, {"coordinate", "date"}, {"class", "group"})

#: Share of incomplete rows up to which they are dropped.
_FEW_ROWS = 0.05


#: What is said of keys that a table is read with.
_WHY = {
    "missing_values": "    # far from all others",
    "encoding": "    # a guess; where names look wrong, another one, as cp1251 or shift_jis",
    "header": "    # the first line holds numbers, and is taken for data; true: they are names",
}


@dataclass(frozen=True)
class Proposal:
    """What a study of a table could take from it."""

    features: tuple[str, ...]
    left_out: Mapping[str, str]  # By column: why it is no feature
    missing: str  # error, skip or drop
    n_incomplete: int  # rows that miss a value of a feature
    n_empty: int = 0  # rows that miss all of them


def name_study(source: str) -> str:
    """Return a name of a study for a source: that of its file, as far as a name can hold it."""
    stem = Path(source).name if is_file(source) else source.rpartition(":")[2]
    stem = stem.lstrip(".").partition(".")[0]
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    name = _NOT_PLAIN.sub("_", plain).strip("._-")[:_LONGEST] or "study"
    return f"{name}_study" if name in TAKEN else name


def propose(look: Look) -> Proposal:
    """Choose features and what to do about missing values; DataError where nothing is numeric."""
    numbers = {column.name: column for column in look.columns if column.kind == "number"}
    left_out: dict[str, str] = {}
    for column in look.columns:
        role, reason = find_role(column)
        if role == "feature" and column.n_infinite:
            left_out[column.name] = reason
        elif role == "feature" and column.missing_share > _MOSTLY_MISSING:
            left_out[column.name] = f"{column.missing_share:.0%} missing"
        elif role == "feature" and not column.name:
            left_out[""] = "a feature without a name; write one above it in the file"
        elif role != "feature":
            left_out[column.name] = ": ".join(filter(None, [role, reason]))
    chosen = [name for name in numbers if name and name not in left_out]
    if not chosen:
        chosen = _choose_others(look)
    missing, incomplete = _choose_missing(look, chosen, left_out)
    _, empty = look.count_incomplete(chosen)
    others = {n: r for n, r in left_out.items() if n not in chosen}
    return Proposal(tuple(chosen), others, missing, incomplete, empty)


def _choose_others(look: Look) -> list[str]:
    """Choose numbers that are features where nothing else is; DataError where there are none."""
    roles = {
        column.name: find_role(column)[0]
        for column in look.columns
        if column.kind == "number"
        and column.name
        and column.aside is None
        and not (column.is_constant or column.n_infinite)
    }
    for kinds in _OTHERS if look.fault is None else _OTHERS[:1]:
        if chosen := [name for name, role in roles.items() if role in kinds]:
            return chosen
    if look.fault is not None:
        known = ", ".join(f"{name!r} ({role})" for name, role in roles.items())
        also = f"; its other numbers are no measurements: {known}" if known else ""
        raise DataError(f"{look.fault}{also}")
    found = ", ".join(f"{c.name!r} ({_say_role(c)})" for c in look.columns[:20])
    raise DataError(f"{look.title}: no column of numbers that differ; it has {found}")


def _say_role(column: Column) -> str:
    role, reason = find_role(column)
    return f"{role}: {reason}" if column.kind == "mixed" else role


def _choose_missing(look: Look, chosen: list[str], left_out: dict[str, str]) -> tuple[str, int]:
    """Say how to deal with gaps; where rows would run out, features with most gaps are left out."""
    n_rows = len(look.rows)
    while True:
        some, every = look.count_incomplete(chosen)
        if not some:
            return "error", 0
        if not every and (look.shape is not None or some > _FEW_ROWS * n_rows):
            return "skip", some
        # Rows without any value, such as the sea in a map of the land, cannot be kept.
        if some <= n_rows / 2 or len(chosen) == 1:
            return "drop", some
        worst = max(chosen, key=lambda name: look[name].n_missing)
        chosen.remove(worst)
        left_out[worst] = f"{look[worst].missing_share:.0%} missing"


def write_proposal(
    look: Look, source: str, study: str, reading: Mapping[str, Any], given: Mapping[str, Any]
) -> str:
    """Return the text of a configuration for a table, which runs as it is.

    `reading`: keys of the section `data` that the table is read with; `given`: those that a person
    has said.
    """
    return "\n".join(_lines(look, source, study, reading, given)) + "\n"


def _lines(
    look: Look, source: str, study: str, reading: Mapping[str, Any], given: Mapping[str, Any]
) -> Iterator[str]:
    proposal = propose(look)
    yield f"# A study of {source}: {look.n_rows} rows, {len(look.columns)} columns."
    yield f"#     kohorte check {study}.yaml    all that could be wrong, before any work"
    yield f"#     kohorte run {study}.yaml      results go to results/{study}/"
    yield "# Every key, with its default: docs/reference/configuration.md of kohorte."
    yield ""
    yield f"study: {yaml_name(study)}"
    yield ""
    yield "data:"
    yield f"  source: {yaml_name(source)}"
    for key, value in reading.items():
        why = "    # as given" if key in given else _WHY.get(key, "")
        if key in given and value != given[key]:
            why += ", and far from all others"
        yield f"  {key}: {json.dumps(value, ensure_ascii=False)}{why}"
    for code in look.codes:
        other = look.shared.get(code.value)
        own = [k.column for k in look.codes if k.value == code.value]
        if code.is_plain and (other is None or code.column != own[0]):
            continue
        said = f"{code.times} times in {look.columns[code.column].name}"
        if other is not None:
            said += f" and in {len(own) - 1} more" if len(own) > 1 else ""
            said += f", but {other}, {describe_values(look[other])}, has it, too"
        said += "; where it means missing"
        yield f"  # missing_values: [{show_number(code.value)}]    # {said}"
    yield "  features:"
    columns = [c for c in look.columns if c.name in proposal.features]
    yield from _align([(f"    - {yaml_name(c.name)}", _comment(c)) for c in columns])
    numbers = [
        (k, c)
        for k, c in enumerate(look.columns)
        if c.kind == "number" and c.name in proposal.left_out and (c.name or c.aside is None)
    ]
    yield from _align(
        [
            (
                f"    # - {yaml_name(c.name)}" if c.name else f"    # column {k}",
                f"{proposal.left_out[c.name]}; {describe_values(c)}",
            )
            for k, c in numbers
        ]
    )
    others = [c for c in look.columns if c.kind != "number"]
    if others:
        yield "  # No numbers:"
        yield from _align(
            [(f"  #   {yaml_name(c.name)}", f"{find_role(c)[0]}; {_values(c)}") for c in others]
        )
    yield from _roles(look, proposal.features)
    yield from _missing(look, proposal)
    skewed = [f"{yaml_name(c.name)}: {c.transform}" for c in columns if c.transform]
    if skewed:
        yield "  # Heavily skewed: few points are far from all others. This makes them even:"
        yield f"  # transform: {{{', '.join(skewed)}}}"
    yield "  # scaling: two_sigma    # (x - mean) / (2 std)"
    if look.n_rows > 1_000_000:
        yield "  # sample: 100000        # rows drawn at random, for a first look"
    yield ""
    yield from _recipe()


def _roles(look: Look, features: Sequence[str]) -> Iterator[str]:
    found: dict[str, list[Column]] = {}
    for column in look.columns:
        role = find_role(column)[0]
        if column.name not in features or role in ("date", "coordinate"):  # may be both
            found.setdefault(role, []).append(column)
    named = [c for c in found.get("identifier", ()) if c.name and c.aside is None]
    if named:
        # Words name rows better than numbers.
        best = min(named, key=lambda column: (column.kind == "number", column.is_counted))
        yield f"  id: {yaml_name(best.name)}    # names the rows in results"
    groups = found.get("group", []) + found.get("class or group", [])
    if groups:
        names = ", ".join(yaml_name(column.name) for column in groups[:_MOST_GROUPS])
        yield f"  group: [{names}]    # counted in the groups that are found, and no part of them"
    if look.has_labels:
        yield "  # The source brings its classes; they are for evaluation alone."
    else:
        for column in found.get("class", []) + found.get("class or group", []):
            count = f"{column.n_distinct} classes, for evaluation alone"
            yield f"  # label: {yaml_name(column.name)}    # {count}"
    carried = found.get("date", []) + found.get("coordinate", [])
    if carried:
        names = ", ".join(yaml_name(column.name) for column in carried)
        yield f"  # carry: [{names}]    # kept beside the results of each row"


def _missing(look: Look, proposal: Proposal) -> Iterator[str]:
    n, of = proposal.n_incomplete, len(look.rows)
    if proposal.missing == "error":
        yield "  # missing: error        # no value of a feature is missing"
        return
    other = {
        "drop": "skip: measure distances over what is there",
        "skip": "drop: leave such rows out",
    }
    share = f"{n} of {of} rows ({n / of:.1%}) miss a value of a feature"
    if proposal.n_empty:
        yield f"  # {share}, {proposal.n_empty} all of them"
    else:
        yield f"  # {share}; or {other[proposal.missing]}"
    yield f"  missing: {proposal.missing}"


def _recipe() -> Iterator[str]:
    yield "# What is not given follows the recipe, which says:"
    yield f"# recipe: {DEFAULT_RECIPE}"
    yield "# seed: 42"
    for section, said in RECIPES[DEFAULT_RECIPE].items():
        yield f"# {section}:"
        for key, value in said.items():
            yield f"#   {key}: {json.dumps(value)}".replace('"', "")


def _comment(column: Column) -> str:
    parts = [describe_values(column)]
    if column.title and column.title != column.name:
        parts.append(shorten(column.title, 60))
    if column.n_missing:
        parts.append(f"{column.n_missing} missing")
    if column.n_distinct == 2:
        parts.append("two values")
    return ", ".join(parts)


def _values(column: Column) -> str:
    missing = f", {column.n_missing} missing" if column.n_missing else ""
    if column.kind == "empty":
        return "no value at all"
    is_mixed = column.kind == "mixed"
    said = f"; {column.advice}" if column.advice and (is_mixed or column.seems_numeric) else ""
    if is_mixed:
        return describe_mixture(column) + said + missing
    more = f"{column.n_distinct} values, such as " if column.kind == "text" else ""
    return more + describe_values(column) + said + missing


def _align(lines: Sequence[tuple[str, str]]) -> Iterator[str]:
    width = min(40, max((len(text) for text, _ in lines), default=0))
    for text, comment in lines:
        comment = " ".join(comment.split())
        yield f"{text.ljust(width)}    # {comment}" if comment else text
