"""Texts of users where they are shown: on terminals, in pages, in tables that spreadsheets open.

Only the standard library is imported.
"""

import json
import logging
import re
from typing import Any

#: Characters that are not seen and act on what shows them: controls but for tabs and line ends,
#: half characters, and marks that turn the direction of what follows. Hebrew and Arabic letters
#: need none of these.
ACTING = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_ACTING = re.compile(f"[{ACTING}]")
_BREAKS = re.compile(r"\s*[\n\r\t]\s*")

#: What spreadsheets take for the beginning of a formula, also in the wide letters of East Asia; an
#: apostrophe in front of it makes it text.
_FORMULA = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_GUARDED = re.compile("'+[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(inf|nan)", re.IGNORECASE)

#: Names that are text to YAML as they stand, also in a list, but for these words.
_PLAIN = re.compile(r"[^\W\d][\w./()%-]*( [\w./()%-]+)*")
_YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan"}


def visible(text: str) -> str:
    r"""Return a text whose characters that act on what shows it are written out, as \x1b."""
    if text.isprintable():
        return text
    return _ACTING.sub(lambda found: ascii(found[0])[1:-1], text.replace("\r\n", "\n"))


def column_name(text: str) -> str:
    """Return the name of a column in one line: headers of spreadsheets may have several."""
    return visible(_BREAKS.sub(" ", text).strip()) if not text.isprintable() else text


def guard_cell(text: str) -> str:
    """Return a text as the cell of a table that no spreadsheet takes for a formula.

    A number stays as it is, with its sign. `unguard_cell` gives the text again.
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def unguard_cell(text: str) -> str:
    """Return the text that `guard_cell` made a cell of."""
    return text[1:] if _GUARDED.match(text) else text


def dump_for_script(value: Any, **options: Any) -> str:
    """Write a value as JSON that ends no script of a page that it stands in."""
    return json.dumps(value, **options).replace("<", "\\u003c")


def yaml_name(name: str) -> str:
    """Write a name as YAML takes it for text, and for nothing else."""
    if _PLAIN.fullmatch(name) and name.lower() not in _YAML_WORDS:
        return name
    marked = name.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in marked) + '"'


class VisibleFormatter(logging.Formatter):
    """A format of messages in which nothing acts on the terminal that shows them."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or lines, of a record."""
        return visible(super().format(record))
