"""`report.html` from the files of a study: pictures and tables in one file, by a template."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import kohorte
from kohorte._checks import extra
from kohorte._files import replacing
from kohorte._references import LEVEL
from kohorte.figures.groups import MARKER_PATHS, named_groups
from kohorte.figures.style import DPI, FORMATS
from kohorte.report.cards import Card, describe_more, make_cards
from kohorte.report.facts import Facts, plain, read_facts
from kohorte.report.words import describe_figure, headline, verdict
from kohorte.study.figures import (
    GRID,
    MAP,
    PARAMETERS,
    RESULT,
    TABLE_ORDER,
    TRUST,
    in_reading_order,
)

with extra("workflow"):
    import jinja2
    from markupsafe import Markup, escape

FOLDER = Path(__file__).parent

#: Pixels that a picture is made narrower to where it is a large file.
WIDEST = 1500
_LARGE_PICTURE = 400_000  # bytes

#: Rows of a table on the page; the file has all.
MOST_ROWS = 100

#: Parts of the page that figures are in, in their order; other sections follow as they come.
PARTS = {
    RESULT: "What are the groups?",
    TRUST: "Can I trust it?",
    PARAMETERS: "Which parameters matter?",
    MAP: "What do the maps look like?",
    GRID: "What lies where on the grid?",
}


@dataclass(frozen=True)
class Picture:
    """A figure of the study on the page."""

    name: str
    question: str
    reading: Markup  # How to read it
    shown: str  # What this study shows, in numbers
    data: str  # As a data URI
    width: int  # In pixels, as the height
    height: int
    inches: float  # Its width in print
    formats: Sequence[str]  # Of its files


@dataclass(frozen=True)
class Sheet:
    """A table of the study on the page; cells are the text shown and the value itself."""

    name: str
    reading: Markup
    columns: Sequence[str]
    numeric: Sequence[bool]
    rows: Sequence[Sequence[tuple[str, str]]]
    total: int


def write_report(
    path: str | Path,
    *,
    study: str,
    ensemble: str | Path,
    data: str | Path | None,
    tables: Sequence[str | Path],
    figures: Sequence[Mapping[str, str]],
    captions: Mapping[str, str],
    has_maps: bool,
    settings: Mapping[str, Any],
    provenance: Iterable[tuple[str, str, str]],
    names: str | Path | None = None,
    level: float = LEVEL,
) -> Facts:
    """Write the page of a study; return what it was made from.

    Parameters
    ----------
    path
        `results/<study>/report.html`; links on the page start in its folder.
    ensemble, data, tables
        `ensemble.h5`, `data.h5` where there is a table, and the CSV files of the study.
    figures
        Of each its `name`, `question`, `section`, and the path `file` of its PNG.
    captions
        How to read figures and tables, in reStructuredText, by `figures/<name>`, `tables/<name>`.
    settings
        What the configuration says beyond its defaults, by dotted key.
    provenance
        Rows of topic, name and value.
    names
        `groups.json`, where groups were named.
    level
        The study's `structure.level`.
    """
    facts = read_facts(
        study,
        ensemble=ensemble,
        data=data,
        tables=tables,
        has_maps=has_maps,
        level=level,
    )
    with named_groups(names) as named:
        text = render_report(facts, figures, captions, settings, list(provenance), named.notes)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return facts


def render_report(
    facts: Facts,
    figures: Sequence[Mapping[str, str]],
    captions: Mapping[str, str],
    settings: Mapping[str, Any],
    provenance: Sequence[tuple[str, str, str]],
    unused_names: Sequence[str] = (),
) -> str:
    """Return the page as text; arguments as for `write_report`."""
    cards = make_cards(facts)
    parts: dict[str, list[Picture]] = {section: [] for section in PARTS}
    by_name = {figure["name"]: figure for figure in figures}
    for figure in map(by_name.__getitem__, in_reading_order(by_name)):
        picture = _show_figure(facts, figure, captions)
        parts.setdefault(figure["section"], []).append(picture)
    return (
        environment()
        .get_template("page.html")
        .render(
            study=facts.study,
            version=kohorte.__version__,
            headline=headline(facts),
            findings=verdict(facts),
            cards=cards,
            more=describe_more(facts, cards),
            unused_names=unused_names,
            id_title=facts.id_title,
            step=facts.step,
            parts=[
                {
                    "id": f"part-{number}",
                    "title": PARTS.get(section, section),
                    "pictures": pictures,
                }
                for number, (section, pictures) in enumerate(parts.items(), start=1)
                if pictures
            ],
            sheets=list(_show_tables(facts, captions)),
            most_rows=MOST_ROWS,
            settings=[
                (key, json.dumps(value, ensure_ascii=False)) for key, value in settings.items()
            ],
            provenance=[row for row in provenance if row[0] != "configuration"],
            bibtex=_bibtex(),
            marker=draw_marker,
            style=Markup((FOLDER / "page.css").read_text(encoding="utf-8")),
            script=Markup((FOLDER / "page.js").read_text(encoding="utf-8")),
        )
    )


def environment() -> jinja2.Environment:
    """Return the environment of the templates beside this module."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def draw_marker(card: Card) -> Markup:
    """Return the marker of a group, in its colour, as a picture of vectors."""
    return Markup(
        '<svg class="marker" viewBox="0 0 20 20" aria-hidden="true" fill="{}" '
        'stroke="currentColor" stroke-width="0.8"><path d="{}"/></svg>'
    ).format(card.colour, MARKER_PATHS[card.symbol])


def read_caption(text: str) -> Markup:
    """Return a caption in reStructuredText, of one or more paragraphs, as HTML."""
    html = str(escape(" ".join(text.split())))
    html = re.sub(r"``(.+?)``", r"<code>\1</code>", html)
    return Markup(re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html))


def _show_figure(facts: Facts, figure: Mapping[str, str], captions: Mapping[str, str]) -> Picture:
    name, file = figure["name"], Path(figure["file"])
    content, width, height, inches = fit_picture(file.read_bytes())
    return Picture(
        name=name,
        question=figure["question"].replace("`", ""),
        reading=read_caption(captions.get(f"figures/{name}", "")),
        shown=describe_figure(facts, name),
        data=f"data:image/png;base64,{base64.b64encode(content).decode()}",
        width=width,
        height=height,
        inches=inches,
        formats=[s for s in FORMATS if s == "png" or file.with_suffix(f".{s}").exists()],
    )


def fit_picture(content: bytes) -> tuple[bytes, int, int, float]:
    """Return a PNG, made narrower where it is a large file: bytes, width and height in pixels.

    The last value is its width in inches, which does not change.
    """
    with extra("figures"):
        from PIL import Image
    with Image.open(io.BytesIO(content)) as picture:
        width, height = picture.size
        inches = width / picture.info.get("dpi", (DPI, DPI))[0]
        if len(content) <= _LARGE_PICTURE or width <= WIDEST:
            return content, width, height, inches
        size = WIDEST, round(height * WIDEST / width)
        buffer = io.BytesIO()
        # Without `optimize`, which takes four times as long for a percent of the bytes.
        picture.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(buffer, "PNG")
    return min(content, buffer.getvalue(), key=len), *size, inches


def _show_tables(facts: Facts, captions: Mapping[str, str]) -> Iterator[Sheet]:
    known = [name for name in TABLE_ORDER if name in facts.tables]
    for name in [*known, *sorted(set(facts.tables) - set(known))]:
        if len(facts.tables[name]):
            yield show_table(name, facts.tables[name], captions)


def show_table(name: str, table: pd.DataFrame, captions: Mapping[str, str]) -> Sheet:
    """Return a table as it is shown on a page."""
    shown = table.head(MOST_ROWS)
    columns = [[(plain(v), _whole(v)) for v in shown[c].tolist()] for c in shown.columns]
    return Sheet(
        name=name,
        reading=read_caption(captions.get(f"tables/{name}", "")),
        columns=[str(column) for column in table.columns],
        numeric=[pd.api.types.is_numeric_dtype(table[column]) for column in table.columns],
        rows=list(zip(*columns, strict=True)),
        total=len(table),
    )


def _whole(value: Any) -> str:
    """Return a value as its file has it, where the page shows it otherwise."""
    text = "" if pd.isna(value) else str(value)
    return "" if text == plain(value) else text


def _bibtex() -> str:
    own = (
        "@software{kohorte,\n  title = {kohorte},\n  author = {{The kohorte developers}},\n"
        f"  version = {{{kohorte.__version__}}}\n}}\n"
    )
    return f"{own}\n{(FOLDER / 'references.bib').read_text(encoding='utf-8')}"
