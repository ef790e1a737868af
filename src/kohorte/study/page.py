"""Pages of the documentation: every key of the configuration, and the table of figures."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from kohorte.recipes import RECIPES
from kohorte.study.config import describe_values, iter_keys, show_value
from kohorte.study.figures import Figure

_FIRST = "<!-- figures: the table is written by `make docs` -->\n"
_LAST = "<!-- end of figures -->\n"

_HEAD = """\
# Configuration

One YAML file describes a study: the one that is given with `--configfile`. Where none is given it
is `config/config.yaml`, the default study:

```yaml
{first}
```

Nothing of the default study is part of another one. Of several files that follow `--configfile`,
and of `--config`, the later replace the keys that they name. What a study does not name has the
default of its `recipe` or, where that says nothing, of the tables below; where recipes differ,
these show the value of each. A key that is not on this page is an error.

What a recipe says of `training` holds with its own trainer: a study that names another one has the
defaults of `published` there, unless it gives them. Where the recipe sets a value and you want the
automatic one, write that (`final_radius: auto`). Lists of a recipe are swept as those of a study
are, but where `realizations.explicit` or `labels` say what the realizations are: then the first
value is taken.

Where a key of `lattice`, `training` or `segmentation` takes a list, every value of the list is
used: the study has a realization for each combination, times `realizations.repeats`. A
realization's id and seed depend on its own parameters only, so adding values to a list leaves the
existing realizations as they are.

Names are taken as they are written, also those that YAML reads as something else:
`features: [CO, NO, O3]`, `[400, 410]`, `label: off`, dates. Where a number is wanted, `010` (8 to
YAML) and `1:30` (90) are refused, and YAML reads `1e4` as text: write `10000` or `1.0e+4`. After
`--config` sections are mappings, which are merged into those of the file:
`--config study=wide 'lattice={xdim: [40, 42]}'`.

Paths are taken as they are, with blanks, braces or `#` in them (in quotes, where YAML wants them);
`~/` is your home folder. What is in a file decides whether results are made anew, not its date.

Each key has a heading to link to, as `configuration.md#trainingalpha`. This page is generated from
`src/kohorte/study/config.schema.yaml`, the `schema.yaml` of each study that adds to it, and
`config/config.yaml` by `make docs`.
"""


def configuration_page(schema: Mapping[str, Any], first: str) -> str:
    """Return the whole page, from the schema and the text of the configuration read `first`."""
    properties = schema["properties"]
    top = {name: entry for name, entry in properties.items() if "properties" not in entry}
    lines = [line for line in first.splitlines() if not line.startswith("#")]
    parts = [
        _HEAD.replace("{first}", "\n".join(lines).strip()),
        "## Top level\n",
        *_keys("", top, schema.get("required", [])),
    ]
    for name, entry in properties.items():
        if "properties" in entry:
            parts += [f"## {name}\n", f"{_with_links(entry['description'])}\n"]
            parts += _keys(name, entry["properties"], entry.get("required", []))
    return "\n".join(parts)


def results_page(page: str, figures: Iterable[Figure]) -> str:
    """Return the page of results with its table of figures as it should be."""
    before, _, rest = page.partition(_FIRST)
    table = ["| figure | what it answers | needs | drawn |", "|---|---|---|---|"]
    for figure in sorted(figures, key=lambda figure: figure.on_request):
        needs = ", ".join(need.text for need in figure.needs)
        when = "on request" if figure.on_request else "always"
        when += f", or with `{figure.wanted_by}`" if figure.wanted_by else ""
        table.append(f"| `{figure.name}` | {figure.question} | {needs} | {when} |")
    return "\n".join([before + _FIRST.strip(), *table, _LAST + rest.partition(_LAST)[2]])


def _keys(
    section: str, entries: Mapping[str, Mapping[str, Any]], required: Collection[str]
) -> Iterator[str]:
    """Yield a heading for each key, to link to, with what there is to say of it."""
    for name, entry in iter_keys({"properties": entries}):
        yield f"### `{section}.{name}`\n" if section else f"### `{name}`\n"
        yield f"{_with_links(entry['description'])}\n"
        default = "required" if name in required else _defaults(section, name, entry["default"])
        yield f"- Default: {default}"
        values = re.sub(r"(?<=that matches )\S+", r"`\g<0>`", describe_values(entry))
        yield f"- Values: {values}"
        if entry.get("unit"):
            yield f"- Unit: {entry['unit']}"
        yield ""


def _with_links(description: str) -> str:
    """Return a text in which pages of the documentation are links, and <name> is no tag."""
    parts = description.strip().split("`")
    parts[::2] = [re.sub(r"[\w/.]*<\w+>(?:[\w/.]*\w)?", r"`\g<0>`", part) for part in parts[::2]]
    text = "`".join(parts)
    text = re.sub(r"docs/reference/([\w-]+)\.md", r"[\1](\1.md)", text)
    return re.sub(r"docs/([\w-]+)/([\w-]+)\.md", r"[\2](../\1/\2.md)", text)


def _defaults(section: str, name: str, default: Any) -> str:
    """Return the default of a key, or that of each recipe where they differ."""
    values = {
        recipe: f"`{_yaml(said.get(section, {}).get(name, default))}`"
        for recipe, said in RECIPES.items()
    }
    distinct = set(values.values())
    if len(distinct) == 1:
        return distinct.pop()
    return ", ".join(f"{recipe} {value}" for recipe, value in values.items())


def _yaml(value: Any) -> str:
    return value if isinstance(value, str) else show_value(value)
