"""Parts for Snakemake's own report: its overview in reStructuredText, and tables as pages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import kohorte
from kohorte._checks import extra
from kohorte._files import replacing
from kohorte.report.facts import Facts, number_of
from kohorte.report.page import FOLDER, MOST_ROWS, Sheet, environment, read_caption, show_table
from kohorte.report.words import headline, verdict
from kohorte.study.figures import GRID, MAP, PARAMETERS, PROVENANCE, RESULT, TABLES, TRUST

with extra("workflow"):
    from markupsafe import Markup

#: What each category of the report answers, in the order in which they are read.
CATEGORIES = {
    RESULT: "what the groups are, and what tells them apart",
    TRUST: "how sure they are, and what speaks against them",
    PARAMETERS: "which settings make a difference",
    MAP: "what the maps look like",
    GRID: "where on the grid things lie",
    TABLES: "all numbers; *viewable* shows them here, otherwise the file is saved",
    PROVENANCE: "what the study was made from and with, and how to make it again",
}


def render_overview(facts: Facts, sections: Iterable[str]) -> str:
    """Return what Snakemake's report begins with: the verdict, and where to read on.

    `sections` are the categories that the report has. It is a template to Snakemake, so braces of
    the study's own words are escaped.
    """
    has = set(sections)
    lines = [f"Study {_plain(facts.study)}", "", _plain(headline(facts)), ""]
    lines[1] = "=" * len(lines[0])
    for finding in verdict(facts):
        lines += [f"**{_plain(finding.question)}** {_plain(finding.answer)}"]
        lines += [f"    {_plain(finding.evidence)}", ""]
    lines += ["Where to read on:", ""]
    lines += [f"* `{name}`_: {text}" for name, text in CATEGORIES.items() if name in has]
    lines += [
        "",
        f"``report.html`` in the folder of the study has all of this on one page, with a card for "
        f"each of {number_of(len(facts.points_by_group), 'group')}. Workflow_ shows the rules, "
        "Statistics_ what they took.",
        "",
    ]
    text = "\n".join(lines)
    return "".join(f"{{{{ '{c}' }}}}" if c in "{}" else c for c in text)


def render_sheets(
    facts: Facts,
    names: Iterable[str],
    captions: Mapping[str, str],
    settings: Mapping[str, Any],
    provenance: Sequence[tuple[str, str, str]],
) -> Iterator[tuple[str, str]]:
    """Yield name and page of tables of a study, of its settings and of its provenance."""
    template = environment().get_template("sheet.html")
    own = {
        "configuration": _settings_sheet(settings),
        "provenance": _provenance_sheet(provenance, captions),
    }
    for name in names:
        sheet = own.get(name) or show_table(name, facts.tables[name], captions)
        yield (
            name,
            template.render(
                sheet=sheet,
                study=facts.study,
                version=kohorte.__version__,
                most_rows=MOST_ROWS,
                style=Markup((FOLDER / "page.css").read_text(encoding="utf-8")),
                script=Markup((FOLDER / "page.js").read_text(encoding="utf-8")),
            ),
        )


def _settings_sheet(settings: Mapping[str, Any]) -> Sheet:
    rows = [(key, json.dumps(value, ensure_ascii=False)) for key, value in settings.items()]
    reading = "What the configuration says beyond its defaults; config.yaml has all of it."
    return _sheet("configuration", reading, ["key", "value"], rows)


def _provenance_sheet(rows: Sequence[tuple[str, str, str]], captions: Mapping[str, str]) -> Sheet:
    reading = captions.get("tables/provenance", "")
    return _sheet("provenance", reading, ["topic", "name", "value"], rows)


def _sheet(name: str, reading: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Sheet:
    return Sheet(
        name=name,
        reading=read_caption(reading),
        columns=columns,
        numeric=[False] * len(columns),
        rows=[[(str(text), "") for text in row] for row in rows],
        total=len(rows),
    )


def _plain(text: str) -> str:
    """Return words as they are in reStructuredText."""
    return "".join(f"\\{c}" if c in "\\*`|_<>" else c for c in " ".join(text.split()))


def write_parts(
    facts: Facts,
    *,
    overview: str | Path,
    sheets: Mapping[str, str | Path],
    sections: Iterable[str],
    captions: Mapping[str, str],
    settings: Mapping[str, Any],
    provenance: Iterable[tuple[str, str, str]],
) -> None:
    """Write the overview and the pages of tables, by their names, each where it is to lie."""
    rows = list(provenance)
    pages = dict(render_sheets(facts, sheets, captions, settings, rows))
    texts = {overview: render_overview(facts, sections)}
    texts |= {path: pages[name] for name, path in sheets.items()}
    for path, text in texts.items():
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
