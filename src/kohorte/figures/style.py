"""What all figures share: type sizes, colours, markers, axes helpers, and saving to the same bytes.

Nothing here touches pyplot or its global state: figures are `matplotlib.figure.Figure` objects,
built and saved inside `paper_style()`, so that neither a user's matplotlibrc nor another figure
can change how they look. Text is drawn as it is written, since names may have dollars in them: what
is a formula says so (`parse_math=True`), with `literal` around names in it.
"""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal, cast

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Colormap, LinearSegmentedColormap, LogNorm, to_hex, to_rgb
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    Formatter,
    LogFormatterSciNotation,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from kohorte._arrays import is_missing
from kohorte._checks import as_number, choose
from kohorte._files import replacing
from kohorte.errors import ConfigError
from kohorte.figures.fonts import complete_fonts, font_families, glyphs_alone, lacking_note

SINGLE_COLUMN = 3.5
"""Width of a figure that fills one column of a two-column page, in inches (89 mm)."""

MIDDLE_COLUMN = 5.1
"""Width of a figure that fills a column and a half, in inches (130 mm)."""

DOUBLE_COLUMN = 7.2
"""Width of a figure that fills the page, in inches (183 mm)."""

WIDTHS = {"single": SINGLE_COLUMN, "double": DOUBLE_COLUMN}
"""Widths by the names that `figures.width` has for them."""

DPI = 300
"""Dots per inch of PNG files, and of what is a picture within others, by default."""

PAGE_HEIGHT = 9.0
"""Largest height of a figure, in inches; leaves room for a caption."""

SMALL = 6.5
"""Font size of annotations inside axes, in points; all other text is 7 to 9 points."""

COLOURS = (
    *("#0072B2", "#E69F00", "#690069", "#F0E442", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"),
    *("#000000", "#784B4B", "#A569FF", "#2D4B00", "#A5B487", "#0000C3", "#B42D87", "#69E187"),
)
"""Group colours: the eight of Okabe and Ito (2008) and eight more.

The additions are the farthest points, one after the other, from all earlier colours in Oklab,
where the distance of two colours is the smallest over normal vision and the three dichromacies
(Machado, Oliveira and Fernandes, 2009). The order puts colours of different lightness first, so
that up to four groups can be told apart in a grayscale print.
"""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "p", ">", "h")
"""Markers of groups; their number shares no factor with that of the colours, so the pair
(colour, marker) repeats only after 176 groups."""

HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "++++", "oooo")

MAX_GROUPS = 16
"""Groups with an entry in a legend; the smallest beyond them are shown alike."""

EMPTY = "#E8E8E8"
"""Fill of whatever carries no data: lattice nodes without points, for instance."""

MUTED = "#8C8C8C"
"""Colour of what is shown but not told apart, such as groups beyond those of a legend."""

INK = "#1A1A1A"

NOTE = "#595959"
"""Colour of remarks, such as the name of the map that is shown."""

NAME_ROOM = 0.18
"""Inches above what a figure shows of a map for the name of that."""

TICK_STEPS = (1, 2, 2.5, 5, 10)
"""Distances of ticks, times powers of ten."""

Style = dict[str, Any]
"""Arguments of what matplotlib draws, such as colour and width of a line."""

_RC = {
    "text.parse_math": False,
    "figure.titlesize": 9,
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize"), 8),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize"), 7),
    **dict.fromkeys(("legend.fontsize", "legend.title_fontsize"), 7),
    "legend.handlelength": 1.6,
    **dict.fromkeys(("legend.frameon", "axes.spines.top", "axes.spines.right"), False),
    "axes.edgecolor": INK,
    "axes.axisbelow": True,
    "lines.linewidth": 1.0,
    **dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width"), 0.6),
    "hatch.linewidth": 0.5,
    **dict.fromkeys(("xtick.minor.width", "ytick.minor.width"), 0.4),
    **dict.fromkeys(("pdf.fonttype", "ps.fonttype"), 42),
    "savefig.dpi": DPI,
    "svg.hashsalt": "kohorte",
}

# None removes an entry that would carry a date or the version of matplotlib.
_METADATA = {
    ".pdf": {"Creator": None, "Producer": None, "CreationDate": None, "ModDate": None},
    ".png": {"Software": None},
    ".svg": {"Creator": None, "Date": None},
}

FORMATS = tuple(suffix[1:] for suffix in _METADATA)
"""Formats that figures are written in."""

_WIDTH: ContextVar[float | None] = ContextVar("chosen width", default=None)


@contextmanager
def chosen_width(width: str | float | None) -> Iterator[None]:
    """Draw figures in one width while the block runs: "single", "double", or millimetres.

    For None each has the narrowest of the three columns that it fits into. ConfigError for another
    name, and a number that is not above 0.
    """
    inches = None
    if isinstance(width, str):
        inches = choose(WIDTHS, width, "width")
    elif width is not None:
        inches = as_number(width, "width", positive=True) / 25.4
    token = _WIDTH.set(inches)
    try:
        yield
    finally:
        _WIDTH.reset(token)


def page_width(needed: float) -> float:
    """Return the width of a figure that needs so many inches, as `chosen_width` says."""
    if chosen := _WIDTH.get():
        return chosen
    columns = (SINGLE_COLUMN, MIDDLE_COLUMN)
    return next((column for column in columns if needed <= column + 1e-6), DOUBLE_COLUMN)


def fitting_columns(count: int, least: float, width: float = DOUBLE_COLUMN) -> int:
    """Return how many of some panels, at least so wide, fit side by side on a page."""
    return max(1, min(count, int(page_width(width) / least + 1e-6)))


@contextmanager
def paper_style() -> Iterator[None]:
    """Matplotlib's defaults and this package's settings, whatever the user's matplotlibrc says.

    Also a decorator: every figure function is wrapped in it.
    """
    families = {"font.family": list(font_families())}
    with matplotlib.style.context(["default", _RC | families]), warnings.catch_warnings():
        # Of all that is missing, save_figure tells once.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def literal(text: str) -> str:
    """Return a name such that it is drawn as it is in a text with formulas."""
    return text.replace("$", r"\$")


TITLE = "title"
"""The gid of the title of a panel behind its letter."""

FORMULA = "formula"
"""The gid of an entry of a legend whose label has formulas in it."""


def save_figure(figure: Figure, path: str | Path, *, dpi: int = DPI) -> None:
    """Write a figure as `.pdf`, `.png` or `.svg`, with the same bytes on every run.

    The file is complete or absent. `dpi` also holds for rasterized parts of others (points, map
    cells). Letters that no installed font has are warned of. ConfigError for another ending.
    ResultError where disk or permissions do not allow to write there.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _METADATA:
        raise ConfigError(
            f"cannot write the figure {path}: its ending must be one of {', '.join(_METADATA)}"
        )
    buffer = io.BytesIO()
    with paper_style():
        if lacking := complete_fonts(figure):
            warnings.warn(lacking_note(lacking), stacklevel=2)
        with glyphs_alone() if suffix == ".pdf" else nullcontext():
            figure.savefig(buffer, format=suffix[1:], dpi=dpi, metadata=_METADATA[suffix])
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


class ShownFigure(Figure):
    """A figure that notebooks show as the last value of a cell, also where pyplot is not loaded."""

    def _repr_png_(self) -> bytes:
        with paper_style(), io.BytesIO() as buffer:
            complete_fonts(self)
            self.savefig(buffer, format="png", dpi=150, metadata=_METADATA[".png"])
            return buffer.getvalue()


def new_figure(
    width: float, height: float, layout: Literal["constrained"] | None = "constrained"
) -> Figure:
    """Make an empty figure of `page_width(width)` x height inches, at most `PAGE_HEIGHT` high."""
    figure = ShownFigure(figsize=(page_width(width), min(height, PAGE_HEIGHT)), layout=layout)
    FigureCanvasAgg(figure)  # attaches itself: text can then be measured before the figure is saved
    return figure


def place_axes(
    figure: Figure,
    page: tuple[float, float],
    left: float,
    bottom: float,
    width: float,
    height: float,
    **options: Any,
) -> Axes:
    """Add axes at a place in inches on a page of some width and height."""
    box = (left / page[0], bottom / page[1], width / page[0], height / page[1])
    return figure.add_axes(box, **options)


def find_renderer(figure: Figure | SubFigure) -> RendererAgg:
    """Return what measures text on a figure of `new_figure`."""
    return cast(FigureCanvasAgg, figure.canvas).get_renderer()


def freeze_layout(figure: Figure) -> None:
    """Run the layout once and keep it, so that positions on the page can be measured."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def palette_colour(number: int) -> str:
    """Colour of a class, a kind or a parameter's value with a number (from 0)."""
    return COLOURS[number % len(COLOURS)]


def palette_marker(number: int) -> str:
    """Marker that goes with `palette_colour`."""
    return MARKERS[number % len(MARKERS)]


# Of a consensus group `kohorte.figures.groups` decides name, colour and marker: these where a study
# names none.
def group_colour(group: int) -> str:
    """Colour of group number `group` (from 0)."""
    return palette_colour(group)


def group_marker(group: int) -> str:
    """Marker of group number `group` (from 0)."""
    return palette_marker(group)


def line_colour(colour: str) -> str:
    """Return a colour, darker where a thin line of it would have less contrast to paper than 3."""
    while contrast(colour) < 3.0:
        colour = to_hex(tuple(0.98 * np.asarray(to_rgb(colour))))
    return colour


def contrast(colour: str) -> float:
    """Contrast of a colour to white paper (WCAG 2.2), 1 to 21."""
    rgb = np.asarray(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05))


def line_style(number: int) -> Style:
    """Colour and marker of the line with a number, as arguments of a plot."""
    colour = line_colour(palette_colour(number))
    return {"color": colour, "marker": palette_marker(number), "ms": 3.5}


def group_hatch(group: int) -> str:
    """Hatching of group number `group`: it changes each time the colours begin again."""
    return HATCHES[(group // len(COLOURS)) % len(HATCHES)]


def sequential_map(name: str = "viridis", low: float = 0.0, high: float = 0.93) -> Colormap:
    """Return the part [low, high] of a colour map; the palest end does not show on white paper."""
    base = matplotlib.colormaps[name]
    return LinearSegmentedColormap.from_list(
        f"{name}_{low:g}_{high:g}", base(np.linspace(low, high, 256)), N=256
    )


def line_map() -> Colormap:
    """Return a colour map of which each colour shows as a thin line."""
    return sequential_map("inferno", 0.2, 0.66)


def height_map(low: float = 0.02, high: float = 0.95) -> Colormap:
    """Return the colours of a U-matrix: valleys pale, ridges dark."""
    return sequential_map("bone_r", low, high)


def similarity_map() -> Colormap:
    """Return the colours of matrices of similarities: none is pale, all is dark."""
    return sequential_map("magma_r", 0.0, 0.95)


def plural(count: float, what: str) -> str:
    """Return a number with separators and the thing counted: "1 group", "1,200 groups"."""
    return f"{count:,} {what}{'' if count == 1 else 'es' if what.endswith('s') else 's'}"


def further(count: int, what: str, points: int | None = None) -> str:
    """Return what a legend says of those that it does not name: "2 further groups (20)"."""
    return plural(count, f"further {what}") + ("" if points is None else f" ({points:,})")


def panel_letter(number: int) -> str:
    """Return the letter of the panel with a number (from 0): a to z, then aa, ab and so on."""
    first, last = divmod(number, 26)
    return (panel_letter(first - 1) if first else "") + "abcdefghijklmnopqrstuvwxyz"[last]


def shorten(text: str, length: int = 28) -> str:
    """Replace the middle of a text by an ellipsis where it is longer than `length`.

    Whatever separates its words is a space.
    """
    text = " ".join(str(text).split())
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (length - 1 - head) :]}"


class ShortNumbers(Formatter):
    """Tick labels with just the digits that tell neighbouring ticks apart, and no offset text.

    Those of a logarithmic axis stand `apart`: each has its own digits.
    """

    def __init__(self, apart: bool = False) -> None:
        self._apart = apart

    def __call__(self, value: float, pos: int | None = None) -> str:
        """Return the label of one tick."""
        return self.format_ticks([value])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the labels of all ticks of an axis."""
        if self._apart and len(values) > 1:
            return [self(value) for value in values]
        numbers = np.asarray(values, dtype=np.float64)
        largest = np.abs(numbers).max(initial=0.0)
        exponent = int(np.floor(np.log10(largest))) if largest else 0
        exponent = 0 if -4 <= exponent <= 5 else 3 * (exponent // 3)
        scaled = numbers / 10.0**exponent
        gaps = np.diff(np.unique(scaled))
        tolerance = 1e-3 * (gaps.min() if gaps.size else max(np.abs(scaled).max(initial=0.0), 1e-9))
        digits = 0
        while digits < 12 and np.abs(scaled - scaled.round(digits)).max(initial=0.0) > tolerance:
            digits += 1
        suffix = f"e{exponent}" if exponent else ""
        return [
            f"{value:,.{digits}f}{suffix}".replace("-", "\N{MINUS SIGN}") if value else "0"
            for value in scaled
        ]


class Powers(LogFormatterSciNotation):
    """Tick labels of a logarithmic axis, 10², without a formula."""

    _HIGH = str.maketrans("0123456789-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻")

    def __call__(self, value: float, pos: int | None = None) -> str:
        """Return the label of one tick."""
        text = super().__call__(value, pos)
        text = re.sub(r"\$|\\mathdefault|^\s+", "", text).replace(r"\times", "×")
        text = re.sub(r"\^\{([^}]*)\}", lambda found: found[1].translate(self._HIGH), text)
        return re.sub("[{}]", "", text).replace("-", "−")


def value_label(value: object) -> str:
    """Write a swept value as a person does: 0.5, 10,000, 2e6, true, none, or a shortened text."""
    if is_missing(value):  # a table knows no other way to say "none" than NaN
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, int | float | np.number):
        return shorten(str(value), 18)
    number = float(value)
    text = f"{int(number):,}" if abs(number) < 1e6 and number.is_integer() else f"{number:.4g}"
    return text.replace("e+0", "e").replace("e-0", "e-").replace("-", "\N{MINUS SIGN}")


def plain_numbers(axis: Axis, bins: int = 5, integer: bool = False) -> None:
    """Few, short tick labels without an offset text that could run into a title."""
    least = 1 if integer else 2
    axis.set_major_locator(
        MaxNLocator(nbins=bins, integer=integer, min_n_ticks=least, steps=TICK_STEPS)
    )
    axis.set_major_formatter(ShortNumbers())


def plain_axes(axes: Axes, x: int, y: int, integer: bool = False) -> None:
    """Give both axes of a panel `plain_numbers`, about x and y of them."""
    plain_numbers(axes.xaxis, x, integer)
    plain_numbers(axes.yaxis, y, integer)


def colour_bar(
    figure: Figure | SubFigure,
    drawn: ScalarMappable,
    label: str,
    bins: int | None = 6,
    **options: Any,
) -> None:
    """Add an upright colour bar with a label; `options` are for `Figure.colorbar`."""
    bar = figure.colorbar(drawn, **options)
    bar.set_label(label)
    if isinstance(drawn.norm, LogNorm):
        bar.ax.yaxis.set_major_formatter(Powers())
    elif bins is not None:
        plain_numbers(bar.ax.yaxis, bins)


def thin_bar(figure: Figure, drawn: ScalarMappable, axes: Axes, bins: int = 4) -> None:
    """Draw a small colour bar without a label in its axes."""
    bar = figure.colorbar(drawn, cax=axes)
    bar.outline.set_linewidth(0.4)
    plain_numbers(bar.ax.yaxis, bins)
    bar.ax.tick_params(labelsize=6, pad=1.5, length=2)


def panel_grid(figure: Figure | SubFigure, count: int, columns: int, **options: Any) -> np.ndarray:
    """Add (count,) axes in rows of so many columns; the rest of the last row stays empty."""
    grid = figure.subplots(-(-count // columns), columns, squeeze=False, **options).ravel()
    for axes in grid[count:]:
        axes.remove()
    return grid[:count]


def add_cells(
    axes: Axes, polygons: Sequence[np.ndarray] | np.ndarray, **options: Any
) -> PolyCollection:
    """Fill polygons, which leave the limits of the axes as they are."""
    cells = PolyCollection(polygons, **options)  # type: ignore[arg-type]  # takes arrays
    axes.add_collection(cells, autolim=False)
    return cells


def add_lines(axes: Axes, lines: Sequence[Any] | np.ndarray, **options: Any) -> LineCollection:
    """Draw lines, which leave the limits of the axes as they are."""
    drawn = LineCollection(lines, **options)  # type: ignore[arg-type]  # takes arrays
    axes.add_collection(drawn, autolim=False)
    return drawn


def matrix_image(axes: Axes, matrix: np.ndarray, n: int, low: float = 0.0) -> AxesImage:
    """Draw an n x n matrix of numbers up to 1, perhaps averaged down, in a frame."""
    axes.spines[["top", "right"]].set_visible(True)
    options: Style = {"vmin": low, "vmax": 1.0, "extent": (0.5, n + 0.5, n + 0.5, 0.5)}
    options |= {"interpolation": "antialiased", "aspect": "auto"}
    return axes.imshow(matrix, cmap=similarity_map(), **options)


def widen(low: float, high: float) -> tuple[float, float]:
    """Return limits of colours: those given, or where there is one value a range around it."""
    if low < high:
        return low, high
    margin = max(abs(low) * 0.05, 1e-6)
    return low - margin, high + margin


def is_wide(values: np.ndarray, ratio: float = 100.0) -> bool:
    """Whether the positive values span more than `ratio`, so that a logarithmic axis helps."""
    positive = values[np.isfinite(values) & (values > 0)]
    return bool(positive.size and positive.max() > ratio * positive.min())


def log_axis(axes: Axes, which: str, whole: bool = False) -> None:
    """Make the axis `which` ("x" or "y") logarithmic, with labels at powers of ten only.

    A `whole` axis is of counts: 1, 2, 5, 10, 20, ... have labels.
    """
    getattr(axes, f"set_{which}scale")("log", nonpositive="mask")
    axis = getattr(axes, f"{which}axis")
    if whole:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(ShortNumbers(apart=True))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_formatter(Powers(labelOnlyBase=True))
    axis.set_minor_formatter(NullFormatter())


def panel_title(
    axes: Axes, letter: str, text: str, *, formula: bool = False, **options: Any
) -> None:
    """Title of a panel, flush left, behind its bold letter, if any; `formula` if it has some.

    `options` are for `Axes.set_title`.
    """
    for old in [text for text in axes.texts if text.get_gid() == TITLE]:
        old.remove()
    if not letter:
        axes.set_title(text, loc="left", parse_math=formula, **options)
        return
    # Apart from each other: no formula is drawn in fonts that have the letters of all names.
    head = axes.set_title(letter + "\n " * text.count("\n"), loc="left", weight="bold", **options)
    if text:
        style: Style = {"fontsize": head.get_fontsize(), "annotation_clip": False}
        place: Style = {"xycoords": head, "textcoords": "offset points", "va": "bottom"}
        axes.annotate(text, (1, 0), (5, 0), parse_math=formula, gid=TITLE, **style, **place)


def title_of(axes: Axes) -> str:
    """Return the title of a panel without its letter."""
    titles = [text.get_text() for text in axes.texts if text.get_gid() == TITLE]
    return titles[0] if titles else axes.get_title(loc="left")


def name_map(figure: Figure, realization: str | None) -> None:
    """Write the name of the map that a figure shows into its upper left corner, where it has one.

    Figures that are laid out in inches leave `NAME_ROOM` for it.
    """
    if not realization:
        return
    text = f"Map {shorten(realization, int(figure.get_figwidth() * 72 / 4.6))}"
    if figure.get_layout_engine() is None:
        width, height = figure.get_size_inches()
        at = 0.08 / width, 1 - 0.05 / height
        figure.text(*at, text, fontsize=SMALL, color=NOTE, va="top")
    else:
        figure.suptitle(text, x=0.01, ha="left", fontsize=SMALL, color=NOTE)


def marker_handle(label: str, colour: str, marker: str, size: float = 4.5, **kwargs: Any) -> Line2D:
    """Legend entry of a kind of point."""
    options: Style = {"markeredgecolor": INK, "markeredgewidth": 0.3} | kwargs
    return Line2D(
        [], [], linestyle="", marker=marker, color=colour, markersize=size, label=label, **options
    )


def add_legend(figure: Figure, entries: Sequence[Artist], **options: Any) -> Legend:
    """Add a legend, whose labels are formulas where the entry has the gid FORMULA."""
    legend = figure.legend(handles=list(entries), **options)
    for text, entry in zip(legend.get_texts(), entries, strict=True):
        if entry.get_gid() == FORMULA:
            text.set_parse_math(True)
    return legend


def fitting_legend(
    figure: Figure, entries: Sequence[Artist], width: float | None = None, most: int = 5
) -> tuple[Legend, int, float]:
    """Make a legend in as many columns as fit; its upper centre is the middle of the figure.

    It has at most `most` columns on `width` inches, by default those of the figure. Returns the
    legend, its number of columns, and its height in inches.
    """
    width = figure.get_figwidth() - 0.1 if width is None else width
    options: Style = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.5), "borderaxespad": 0.0}
    for limit in range(min(most, len(entries)), 0, -1):
        rows = -(-len(entries) // limit)
        columns = -(-len(entries) // rows)  # as even as can be
        legend = add_legend(figure, entries, ncols=columns, **options)
        box = legend.get_window_extent(find_renderer(figure))
        if columns == 1 or box.width / figure.dpi <= width:
            break
        legend.remove()
    return legend, columns, box.height / figure.dpi


def legend_below(figure: Figure, entries: Sequence[Artist], most: int = 4) -> float:
    """Add one legend, in as many columns as fit, under all panels; return its height in inches."""
    if not entries:
        return 0.0
    legend, columns, height = fitting_legend(figure, entries, most=most)
    legend.remove()
    add_legend(figure, entries, loc="outside lower center", ncols=columns)
    return height


def place_labels(
    axes: Axes,
    positions: np.ndarray,
    texts: Sequence[str],
    order: Sequence[int] | np.ndarray,
    padding: float = 1.0,
    **kwargs: Any,
) -> list[int]:
    """Write texts centred at (L, 2) data positions, leaving out those that would overlap.

    They are tried in the given order, with room of `padding` points around each; returns those that
    were written. The figure's layout must be frozen. `kwargs` are for `Axes.text`.
    """
    renderer = find_renderer(axes.figure)
    margin = padding * axes.figure.dpi / 72
    taken = np.empty((0, 4))
    written = []
    for k in order:
        x, y = positions[k]
        text = axes.text(x, y, texts[k], ha="center", va="center", **kwargs)
        x0, y0, x1, y1 = text.get_window_extent(renderer).padded(margin).extents
        crossing = (taken[:, 0] < x1) & (taken[:, 2] > x0) & (taken[:, 1] < y1) & (taken[:, 3] > y0)
        if crossing.any():
            text.remove()
        else:
            taken = np.vstack([taken, [x0, y0, x1, y1]])
            written.append(int(k))
    return written
