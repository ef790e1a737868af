"""Fonts of the figures: one for each letter of the names in them, where one is installed."""

import functools
import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import matplotlib.font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from kohorte._checks import suggest
from kohorte.errors import ConfigError

PLAIN_FONT = "DejaVu Sans"
"""Family of all text that it has the letters of: it ships with matplotlib, the same everywhere."""

#: Families with the letters of other scripts, of which those that are installed are asked first.
_OTHER_SCRIPTS = (
    *("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN"),
    *("Noto Sans CJK JP", "Noto Sans JP", "Noto Sans CJK KR", "Noto Sans KR", "Noto Sans CJK TC"),
    *("WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "IPAexGothic"),
    *("PingFang SC", "Hiragino Sans", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "SimHei"),
    *("Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Bengali"),
    *("Noto Sans Tamil", "Noto Sans Thai", "Noto Sans Ethiopic", "Noto Sans Symbols 2"),
    *("Nirmala UI", "Leelawadee UI", "Arial Unicode MS", "Noto Emoji", "Symbola", "Unifont"),
)

#: Families whose glyphs are boxes or parts of formulas.
_NO_TEXT = re.compile(r"Last ?Resort|STIX|cm(b|ex|mi|r|ss|sy|tt)10|DejaVu Math|.*Display$")

_CHOSEN: ContextVar[tuple[str, ...]] = ContextVar("chosen fonts", default=())


@contextmanager
def chosen_font(font: str | None) -> Iterator[None]:
    """Draw text in a font, its family or its file (.ttf, .otf, .ttc), while the block runs.

    What it lacks, and all text for None, is drawn in PLAIN_FONT. ConfigError where there is no such
    font.
    """
    if font is None:
        yield
        return
    family, manager = font, matplotlib.font_manager.fontManager
    if Path(font).suffix.lower() in (".ttf", ".otf", ".ttc"):
        try:
            before = len(manager.ttflist)
            manager.addfont(font)
        except (OSError, RuntimeError) as error:
            raise ConfigError(f"figures.font: {font}: cannot be read as a font ({error})") from None
        family = manager.ttflist[before].name
    _installed.cache_clear()
    _find_fonts.cache_clear()
    if family not in _installed():
        known = suggest(family, sorted(_installed()))
        raise ConfigError(
            f"figures.font: no font {family!r} is installed; {known}; or give the path of a font "
            "file"
        )
    token = _CHOSEN.set((family,))
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def font_families() -> tuple[str, ...]:
    """Return the families that letters are looked for in, in their order."""
    others = [family for family in _OTHER_SCRIPTS if family in _installed()]
    return tuple(dict.fromkeys([*_CHOSEN.get(), PLAIN_FONT, *others]))


@functools.cache
def _installed() -> dict[str, Any]:
    """Return the font of regular weight of each family that text can be drawn in."""
    fonts: dict[str, Any] = {}
    for entry in sorted(
        matplotlib.font_manager.fontManager.ttflist,
        key=lambda e: (e.style != "normal", abs(_weight(e.weight) - 400), str(e.fname)),
    ):
        if not _NO_TEXT.match(entry.name):
            fonts.setdefault(entry.name, entry)
    return fonts


def _weight(weight: int | str) -> int:
    return weight if isinstance(weight, int) else 400


@functools.cache
def _letters_of(family: str) -> frozenset[int]:
    """Return the code points that a family has; none where its file cannot be read."""
    try:
        return frozenset(FT2Font(str(_installed()[family].fname)).get_charmap())
    except (OSError, RuntimeError, KeyError):
        return frozenset()


def _lacking(text: str, families: Iterable[str]) -> set[str]:
    """Return the characters of a text that no family has and that show."""
    shown = {c for c in set(text) if ord(c) > 127 and unicodedata.category(c)[0] not in "CZ"}
    shown = {c for c in shown if unicodedata.category(c) != "Mn" or ord(c) < 0xFE00}
    for family in families:
        if not shown:
            break
        shown = {c for c in shown if ord(c) not in _letters_of(family)}
    return shown


@functools.cache
def _find_fonts(characters: frozenset[str]) -> tuple[str, ...]:
    """Return few installed families that have as many of the characters as any do together."""
    rest, found = set(characters), []
    while rest:
        having = {f: sum(ord(c) in _letters_of(f) for c in rest) for f in sorted(_installed())}
        best = max(having, key=lambda family: having[family])
        if not having[best]:
            break
        found.append(best)
        rest = _lacking("".join(rest), [best])
    return tuple(found)


def complete_fonts(figure: Figure) -> str:
    """Find a font for each letter of a figure; return the characters that no installed font has."""
    texts = [text for text in figure.findobj(Text) if not text.get_text().isascii()]
    families = font_families()
    lacking = {text: _lacking(text.get_text(), families) for text in texts}
    wanted = set().union(*lacking.values())
    if not wanted:
        return ""
    more = [*families, *_find_fonts(frozenset(wanted))]
    for text, characters in lacking.items():
        if characters:
            text.set_fontfamily(more)
    return "".join(sorted(_lacking("".join(wanted), more)))


_EMBEDDING = threading.Lock()


@contextmanager
def glyphs_alone() -> Iterator[None]:
    """Embed the glyphs of fonts in PDF files that are saved while the block runs, and no more.

    How text is shaped was decided when it was laid out; the tables that say so are most of the
    time that embedding takes.
    """
    from fontTools import subset

    class Glyphs(subset.Options):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.drop_tables += ["GDEF", "GPOS", "GSUB", "MATH", "kern"]

    with _EMBEDDING:
        usual = subset.Options
        subset.Options = Glyphs
        try:
            yield
        finally:
            subset.Options = usual


def lacking_note(characters: str) -> str:
    """Say which characters no installed font has, and what to do."""
    shown = characters if len(characters) <= 40 else f"{characters[:40]} and others"
    return (
        f"no installed font has the characters {shown} of names in the figures, which show boxes "
        "in their place: install a font that has them (such as Noto Sans CJK for Chinese, Japanese "
        "and Korean, or Noto Sans of another script), or name a font or its file as figures.font"
    )
