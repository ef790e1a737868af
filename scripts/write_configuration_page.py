"""Write docs/configuration.md from the schema, one row for every key, and config/config.yaml."""

from pathlib import Path

from kohorte.studies import load_modules
from kohorte.study.config import describe_values, load_schema, show_value

ROOT = Path(__file__).resolve().parent.parent
FIRST = ROOT / "config" / "config.yaml"
PAGE = ROOT / "docs" / "configuration.md"

HEAD = """\
# Configuration

One YAML file describes a study. `config/config.yaml`, the default study, is always read first and
sets

```yaml
{first}
```

A file given with `--configfile` then replaces the keys that it names; all others stay as above, and
what neither file names has the default of the tables below. So a file of your own should set
`study`, else it goes on in `results/iris`, and `data`, else its points are those of Iris. A key
that is not on this page is an error.

Where a key of `lattice`, `training` or `segmentation` takes a list, every value of the list is
used: the study has a realization for each combination, times `realizations.repeats`. A
realization's id and seed depend on its own parameters only, so adding values to a list leaves the
existing realizations as they are.

YAML reads `1e4` as text: write `10000` or `1.0e+4`.

This page is generated from `src/kohorte/study/config.schema.yaml`, the `schema.yaml` of each study
that adds to it, and `config/config.yaml` by `make docs`.
"""


def page(schema):
    """The whole page as text."""
    properties = schema["properties"]
    top = {name: entry for name, entry in properties.items() if "properties" not in entry}
    lines = FIRST.read_text(encoding="utf-8").splitlines()
    first = "\n".join(line for line in lines if not line.startswith("#")).strip()
    parts = [
        HEAD.replace("{first}", first),
        "\n## Top level\n",
        *_table(top, schema.get("required", [])),
    ]
    for name, entry in properties.items():
        if "properties" in entry:
            parts += [f"\n## {name}\n", f"{entry['description']}\n"]
            parts += _table(entry["properties"], entry.get("required", []))
    return "\n".join(parts) + "\n"


def _table(entries, required):
    yield "| key | default | values | unit | meaning |"
    yield "|---|---|---|---|---|"
    for name, entry in entries.items():
        default = "required" if name in required else f"`{_yaml(entry['default'])}`"
        cells = [
            f"`{name}`",
            default,
            describe_values(entry),
            entry.get("unit", ""),
            entry["description"],
        ]
        yield "| " + " | ".join(cell.replace("|", "\\|").strip() for cell in cells) + " |"


def _yaml(value):
    return value if isinstance(value, str) else show_value(value)


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(load_schema(load_modules())), encoding="utf-8")
