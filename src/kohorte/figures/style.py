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
from contextlib import contextmanager
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
from matplotlib.colors import Colormap, LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import Formatter, LogFormatterSciNotation, MaxNLocator, NullFormatter

from kohorte._files import replacing
from kohorte.errors import ConfigError
from kohorte.figures.fonts import complete_fonts, font_families, lacking_note

SINGLE_COLUMN = 3.5
"""Width of a figure that fills one column of a two-column page, in inches (89 mm)."""

DOUBLE_COLUMN = 7.2
"""Width of a figure that fills the page, in inches (183 mm)."""

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

MAX_GROUPS = 14
"""Groups with an entry in a legend; the smallest beyond them are shown alike."""

EMPTY = "#E8E8E8"
"""Fill of whatever carries no data: lattice nodes without points, for instance."""

MUTED = "#8C8C8C"
"""Colour of what is shown but not told apart, such as groups beyond those of a legend."""

INK = "#1A1A1A"

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
    **dict.fromkeys(("xtick.minor.width", "ytick.minor.width", "grid.linewidth"), 0.4),
    "grid.color": "#D0D0D0",
    **dict.fromkeys(("pdf.fonttype", "ps.fonttype"), 42),
    "savefig.dpi": 300,
    "svg.hashsalt": "kohorte",
}

# None removes an entry that would carry a date or the version of matplotlib.
_METADATA = {
    ".pdf": {"Creator": None, "Producer": None, "CreationDate": None, "ModDate": None},
    ".png": {"Software": None},
}


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


FORMULA = "formula"
"""The gid of an entry of a legend whose label has formulas in it."""


def save_figure(figure: Figure, path: str | Path, *, dpi: int = 300) -> None:
    """Write a figure as `.pdf` or `.png`; the same figure gives the same bytes on every run.

    The file is complete or absent. `dpi` also holds for rasterized parts of a PDF (points, map
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
    """Make an empty figure of width x height inches; the height is cut to `PAGE_HEIGHT`."""
    figure = ShownFigure(figsize=(width, min(height, PAGE_HEIGHT)), layout=layout)
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


def group_colour(group: int) -> str:
    """Colour of group number `group` (from 0)."""
    return COLOURS[group % len(COLOURS)]


def group_marker(group: int) -> str:
    """Marker of group number `group` (from 0)."""
    return MARKERS[group % len(MARKERS)]


def line_style(number: int) -> Style:
    """Colour and marker of the line with a number, as arguments of a plot."""
    return {"color": group_colour(number), "marker": group_marker(number), "ms": 3.5}


def group_hatch(group: int) -> str:
    """Hatching of group number `group`: it changes each time the colours begin again."""
    return HATCHES[(group // len(COLOURS)) % len(HATCHES)]


def sequential_map(name: str = "viridis", low: float = 0.0, high: float = 0.93) -> Colormap:
    """Return the part [low, high] of a colour map; the palest end does not show on white paper."""
    base = matplotlib.colormaps[name]
    return LinearSegmentedColormap.from_list(
        f"{name}_{low:g}_{high:g}", base(np.linspace(low, high, 256)), N=256
    )


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
    """Tick labels with just the digits that tell neighbouring ticks apart, and no offset text."""

    def __call__(self, value: float, pos: int | None = None) -> str:
        """Return the label of one tick."""
        return self.format_ticks([value])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the labels of all ticks of an axis."""
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
            f"{value:.{digits}f}{suffix}".replace("-", "\N{MINUS SIGN}") if value else "0"
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
    """Write a swept value as a person does: 0.5, 10000, 2e6, true, none, or a shortened text."""
    if value is None or value != value:  # a table knows no other way to say "none" than NaN
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, int | float | np.number):
        return shorten(str(value), 18)
    number = float(value)
    text = str(int(number)) if abs(number) < 1e6 and number.is_integer() else f"{number:.4g}"
    return text.replace("e+0", "e").replace("e-0", "e-").replace("-", "\N{MINUS SIGN}")


def plain_numbers(axis: Axis, bins: int = 5, integer: bool = False) -> None:
    """Few, short tick labels without an offset text that could run into a title."""
    least = 1 if integer else 2
    axis.set_major_locator(MaxNLocator(nbins=bins, integer=integer, min_n_ticks=least))
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
    return axes.imshow(matrix, cmap=sequential_map("viridis", 0.0, 1.0), **options)


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


def log_axis(axes: Axes, which: str) -> None:
    """Make the axis `which` ("x" or "y") logarithmic, with labels at powers of ten only."""
    getattr(axes, f"set_{which}scale")("log", nonpositive="mask")
    axis = getattr(axes, f"{which}axis")
    axis.set_major_formatter(Powers(labelOnlyBase=True))
    axis.set_minor_formatter(NullFormatter())


def panel_title(axes: Axes, letter: str, text: str, *, formula: bool = False) -> None:
    """Title of a panel, flush left, with its bold letter; `formula` if the text may have some."""
    text = text if formula else literal(text)
    axes.set_title(f"$\\mathbf{{{letter}}}$  {text}", loc="left", parse_math=True)


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
