"""Drawing figures of a study into files: those that are not as they should be, several at once."""

import importlib
import json
import logging
import multiprocessing
import signal
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from kohorte import provenance
from kohorte._files import replacing
from kohorte.errors import KohorteError
from kohorte.figures.fonts import chosen_font, complete_fonts, lacking_note
from kohorte.figures.groups import named_groups
from kohorte.figures.style import DPI, FORMATS, chosen_width, save_figure
from kohorte.store.files import read_seal

_LOG = logging.getLogger(__name__)

DEFAULT_FORMATS = ("pdf", "png")

logging.getLogger("fontTools").setLevel(logging.WARNING)  # tells of each glyph of a PDF


def draw_figures(
    figures: Mapping[str, Mapping[str, Any]],
    inputs: Mapping[str, Any],
    folder: str | Path,
    *,
    processes: int = 1,
) -> list[str]:
    """Draw those figures whose files are not what would be drawn now, and return their names.

    What a figure was drawn from is kept beside it in `folder`, as `.<name>.json`. The bytes of a
    figure do not depend on the number of `processes`. A KohorteError names the figure that cannot
    be drawn. Characters that no font has are told of on standard error, once.

    Parameters
    ----------
    figures
        For each name its `module` with a function `draw_<name>(inputs, parameters)`, the names of
        its `inputs`, its `parameters`, its `font`, `width` (as for `chosen_width`), `formats` and
        `dpi`, where these are not the usual ones, and what else its picture depends on. Files in
        other formats, of an earlier run, are removed.
    inputs
        Paths of the inputs by name: one, or several.
    """
    jobs: list[tuple[Any, ...]] = []
    seals: dict[str, str] = {}
    for name, figure in figures.items():
        paths = {key: _as_paths(inputs[key]) for key in figure["inputs"]}
        for path in (path for value in paths.values() for path in _listed(value)):
            seals[path] = seals.get(path) or read_seal(path)
        content = {key: [seals[path] for path in _listed(value)] for key, value in paths.items()}
        fingerprint = provenance.digest_of(dict(figure), content)
        if not _is_drawn(Path(folder) / name, fingerprint, _formats(figure)):
            jobs.append((name, figure, paths, Path(folder) / name, fingerprint))
    for _, figure, *_ in jobs:
        importlib.import_module(figure["module"])  # once, for all processes
    if processes == 1 or len(jobs) < 2:
        lacking = [_draw(*job) for job in jobs]
    else:
        lacking = _draw_at_once(jobs, processes)
    if characters := "".join(sorted(set().union(*lacking))):
        print(f"\nkohorte: {lacking_note(characters)}\n", file=sys.stderr, flush=True)
    _LOG.info("%d figures drawn, %d kept", len(jobs), len(figures) - len(jobs))
    return [job[0] for job in jobs]


def _draw_at_once(jobs: list[tuple[Any, ...]], processes: int) -> list[str]:
    # A fork has all imports at once, but would hang in the threads of JAX.
    start = "spawn" if "jax" in sys.modules else "fork"
    with ProcessPoolExecutor(
        min(processes, len(jobs)),
        multiprocessing.get_context(start),
        signal.signal,
        (signal.SIGINT, signal.SIG_IGN),  # this process tells of an interrupt
    ) as pool:
        futures = [pool.submit(_draw, *job) for job in jobs]
    try:
        return [future.result() for future in futures]
    except BrokenProcessPool:
        raise MemoryError("a process that drew figures was killed") from None


def _draw(
    name: str, figure: Mapping[str, Any], inputs: Mapping[str, Any], target: Path, fingerprint: str
) -> str:
    """Draw a figure into its files; return the characters that no font has."""
    function = getattr(importlib.import_module(figure["module"]), f"draw_{name}")
    formats, font, width = _formats(figure), figure.get("font"), figure.get("width")
    with chosen_font(font), chosen_width(width), named_groups(inputs.get("names")):
        try:
            picture = function(inputs, figure["parameters"])
        except KohorteError as error:
            raise type(error)(f"figure {name}: {error}") from error
        for suffix in formats:
            save_figure(picture, target.with_suffix(f".{suffix}"), dpi=figure.get("dpi", DPI))
        lacking = complete_fonts(picture)
    for suffix in set(FORMATS).difference(formats):
        target.with_suffix(f".{suffix}").unlink(missing_ok=True)
    with replacing(_record(target)) as temporary:
        temporary.write_text(json.dumps(_state(target, fingerprint, formats)), encoding="utf-8")
    return lacking


def _formats(figure: Mapping[str, Any]) -> Sequence[str]:
    return figure.get("formats", DEFAULT_FORMATS)


def _is_drawn(target: Path, fingerprint: str, formats: Sequence[str]) -> bool:
    try:
        known = json.loads(_record(target).read_text(encoding="utf-8"))
        return known == _state(target, fingerprint, formats)
    except (OSError, ValueError):
        return False


def _record(target: Path) -> Path:
    return target.with_name(f".{target.name}.json")


def _state(target: Path, fingerprint: str, formats: Sequence[str]) -> dict[str, str]:
    """Return what the files of a figure were drawn from, and what they hold."""
    files = {s: provenance.file_digest(target.with_suffix(f".{s}")) for s in formats}
    return {"fingerprint": fingerprint, **files}


def _as_paths(value: Any) -> str | list[str]:
    return value if isinstance(value, str) else [str(path) for path in value]


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
