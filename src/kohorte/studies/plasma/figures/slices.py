"""Figures of plane cuts through a grid: fields, features, groups, signal, confidence."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, Colormap, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from kohorte import store
from kohorte.errors import ConfigError
from kohorte.figures.groups import consensus_colour, consensus_title
from kohorte.figures.reading import Inputs, Parameters, match_groups, matched_looks
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    FORMULA,
    INK,
    MAX_GROUPS,
    MIDDLE_COLUMN,
    NAME_ROOM,
    PAGE_HEIGHT,
    Powers,
    Style,
    fitting_columns,
    fitting_legend,
    further,
    is_wide,
    literal,
    name_map,
    new_figure,
    page_width,
    palette_colour,
    panel_letter,
    panel_title,
    paper_style,
    plain_axes,
    plain_numbers,
    sequential_map,
    shorten,
)
from kohorte.studies.plasma.physics.cuts import Cut, cut_grid
from kohorte.studies.plasma.physics.groups import CURRENT, root_mean_square
from kohorte.studies.plasma.store import CellValues, open_cells, parts_of, read_map_labels

DIVERGING = "RdBu_r"
"""Colours of what has a sign."""

MOST_FEATURES = 12
"""Features that have a slice; of more, the first."""

_CLIP = 0.998  # quantile of |value| at which colours end: a few cells must not pale all others
_SIDE, _GAP, _ABOVE, _BELOW, _LEFT, _RIGHT = 2.9, 0.16, 0.27, 0.36, 0.5, 0.1
_BAR, _LEGEND = 0.47, 0.06
ALONE = MIDDLE_COLUMN - _LEFT - _RIGHT
"""Side of a panel that is a figure of its own."""

_ENDS = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}

SYMBOLS = {
    "b_perp": r"$b_\perp$",
    "b_par": r"$b_\parallel$",
    "bx": "$b_x$",
    "by": "$b_y$",
    "j_par": r"$j_\parallel$",
    "abs_j_par": r"$|j_\parallel|$",
    "j_perp": r"$j_\perp$",
    "j_mag": "$|j|$",
    "j_sym": r"$j_\mathrm{sym}$",
    "j_asym": r"$j_\mathrm{asym}$",
    "e_par": r"$e_\parallel$",
    "e_perp": r"$e_\perp$",
    "e_dot_j": r"$e \cdot j$",
    "rho": r"$\rho$",
}
"""Fields -> how they are written in figures; others by their names."""


def field_label(name: str, unit: str = "") -> str:
    """Write a field with its unit, for the axes of a figure (`parse_math=True`)."""
    text = SYMBOLS.get(name) or literal(name)
    return f"{text} ({unit_text(unit)})" if unit and unit != "1" else text


def unit_text(text: str) -> str:
    """Write a unit, or what holds one, with its letters as in formulas."""
    text = literal(text)
    for plain, symbol in (("omega_p", r"$\omega_p$"), ("B0", "$B_0$"), ("n0", "$n_0$")):
        escaped = symbol.replace("\\", r"\\")
        text = re.sub(rf"(?<![A-Za-z0-9]){plain}(?![A-Za-z0-9])", escaped, text)
    return text


@dataclass(frozen=True)
class GroupMap:
    """A panel of (H, W) groups of the cells of a cut.

    `shares` (n_groups,) are those of the groups in the whole grid, for the legend, which calls a
    group `name` and its number unless `names` has one for each. `colours` are those of what is no
    consensus group.
    """

    title: str
    groups: np.ndarray
    n_groups: int
    shares: np.ndarray | None = None
    name: str = "group"
    names: Sequence[str] | None = None
    colour_of: Callable[[int], str] = palette_colour


class SlicePage:
    """Panels of one cut, row by row, with a colour bar or legend under each."""

    def __init__(
        self,
        cut: Cut,
        titles: Sequence[str],
        columns: int,
        side: float = _SIDE,
        *,
        realization: str | None = None,
    ) -> None:
        self.cut = cut
        self._realization = realization
        self.columns = fitting_columns(min(columns, len(titles)), 1.7)
        width = page_width(DOUBLE_COLUMN)
        self._side = min(side, (width - _LEFT - _RIGHT) / self.columns - _GAP)
        left, right, bottom, top = cut.extent
        self._shape = (self._side, self._side * (top - bottom) / (right - left))
        if self._shape[1] > 1.5 * self._side:
            self._shape = (self._shape[0] * 1.5 * self._side / self._shape[1], 1.5 * self._side)
        # Narrow panels lie so far apart that a legend fits under each.
        self._pitch = max(self._shape[0], min(2.2, self._side)) + _GAP
        self.figure = new_figure(DOUBLE_COLUMN, 3.0, layout=None)
        self.panels = [
            self.figure.add_axes((0.1, 0.1, 0.5, 0.5), label=str(k)) for k in range(len(titles))
        ]
        for k, (axes, title) in enumerate(zip(self.panels, titles, strict=True)):
            if len(titles) > 1:
                text = shorten(title, int((self._pitch - _GAP) / 0.062))
                panel_title(axes, panel_letter(k), text, formula=True)
            elif title:
                axes.set_title(title, loc="left", parse_math=True)
            self._label(axes, k)
        if len(titles) > 1 and cut.title:
            last = self.panels[self.columns - 1]
            last.set_title(unit_text(cut.title), loc="right", fontsize=7, parse_math=True)
        self._bars: dict[int, Axes] = {}
        self._legends: dict[int, Sequence[Artist]] = {}

    def image(
        self, panel: int, values: np.ndarray, cmap: Colormap | str, norm: Normalize
    ) -> AxesImage:
        """Draw values as an image; return it for a colour bar."""
        self.panels[panel].spines[:].set_visible(True)
        style: Style = {"origin": "lower", "interpolation": "nearest", "aspect": "auto"}
        return self.panels[panel].imshow(
            values, cmap=cmap, norm=norm, extent=self.cut.extent, **style
        )

    def field(self, panel: int, values: np.ndarray, label: str, *, log: bool = False) -> None:
        """Draw a field in colours that fit its signs, with a colour bar."""
        cmap, norm, ends = field_colours(values, log=log)
        self.colour_bar(panel, self.image(panel, values, cmap, norm), label, ends)

    def groups(self, panel: int, content: GroupMap) -> None:
        """Draw groups in their colours, with a legend."""
        colours = ListedColormap([content.colour_of(k) for k in range(content.n_groups)])
        norm = BoundaryNorm(np.arange(content.n_groups + 1) - 0.5, content.n_groups)
        self.image(panel, content.groups, colours, norm)
        self._legends[panel] = group_entries(content)

    def contours(self, panel: int, values: np.ndarray, level: float, colour: str = INK) -> None:
        """Lines where the values cross a level."""
        x, y = _cell_middles(self.cut, values.shape)
        if values.min() < level < values.max() and min(values.shape) > 1:
            lines = self.panels[panel].contour(
                x, y, values, levels=[level], colors=colour, linewidths=0.6
            )
            lines.set_rasterized(values.size > 40_000)

    def note(self, panel: int, *entries: Artist) -> None:
        """Add entries to the legend of a panel."""
        self._legends[panel] = [*self._legends.get(panel, []), *entries]

    def colour_bar(self, panel: int, image: AxesImage, label: str, ends: str = "neither") -> None:
        """Put a colour bar under a panel."""
        axes = self.figure.add_axes((0.1, 0.1, 0.2, 0.03), label=f"bar {panel}")
        bar = self.figure.colorbar(image, cax=axes, orientation="horizontal", extend=ends)
        bar.set_label(label, parse_math=True)
        bar.outline.set_linewidth(0.4)
        if isinstance(image.norm, LogNorm):
            axes.xaxis.set_major_formatter(Powers())
        else:
            plain_numbers(axes.xaxis, 4)
        axes.xaxis.set_minor_locator(NullLocator())
        self._bars[panel] = axes

    def finish(self) -> Figure:
        """Place everything, once the legends are measured."""
        width, height = self._shape
        drawn = {
            k: fitting_legend(self.figure, entries, self._pitch, most=3)
            for k, entries in self._legends.items()
        }
        rows = [
            range(k, min(k + self.columns, len(self.panels)))
            for k in range(0, len(self.panels), self.columns)
        ]
        legends = [max([drawn[k][2] for k in row if k in drawn], default=0.0) for row in rows]
        tall = [
            _ABOVE
            + height
            + (_BAR if any(k in self._bars for k in row) else 0.0)
            + (legend + _LEGEND if legend else 0.0)
            + (_BELOW if self._lowest(row[0]) or self._lowest(row[-1]) else 0.1)
            for row, legend in zip(rows, legends, strict=True)
        ]
        heading = NAME_ROOM if self._realization else 0.0
        total = sum(tall) + heading
        needed = _LEFT + self.columns * self._pitch - _GAP + _RIGHT
        page = page_width(needed)
        shift = (page - needed) / 2 + (self._pitch - _GAP - width) / 2
        self.figure.set_size_inches(page, min(total, PAGE_HEIGHT + 1.0))
        for k, axes in enumerate(self.panels):
            row, column = divmod(k, self.columns)
            x = shift + _LEFT + column * self._pitch
            y = total - heading - sum(tall[:row]) - _ABOVE - height
            axes.set_position((x / page, y / total, width / page, height / total))
            below = y - (_BELOW if self._lowest(k) else 0.06)
            if k in self._bars:
                box = (x / page, (below - 0.08) / total, width / page, 0.07 / total)
                self._bars[k].set_position(box)
                below -= _BAR
            if k in drawn:
                anchor = ((x + width / 2) / page, (below - _LEGEND / 2) / total)
                drawn[k][0].set_bbox_to_anchor(anchor, self.figure.transFigure)
        name_map(self.figure, self._realization)
        return self.figure

    def _lowest(self, panel: int) -> bool:
        return panel + self.columns >= len(self.panels)

    def _label(self, axes: Axes, panel: int) -> None:
        unit = f" ({unit_text(self.cut.unit)})" if self.cut.unit else ""
        plain_axes(axes, 5, 5)
        if self._lowest(panel):
            axes.set_xlabel(f"{self.cut.across}{unit}", labelpad=1.5, parse_math=True)
        else:
            axes.tick_params(labelbottom=False)
        if panel % self.columns == 0:
            axes.set_ylabel(f"{self.cut.up}{unit}", parse_math=True)
        else:
            axes.tick_params(labelleft=False)


def field_colours(
    values: np.ndarray, *, log: bool = False
) -> tuple[Colormap | str, Normalize, str]:
    """Colour map, norm and open ends of a colour bar for a field with or without a sign."""
    values = np.asarray(values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return sequential_map(), Normalize(0, 1), "neither"
    if finite.min() < 0 < finite.max() and -finite.min() > 0.02 * finite.max():
        top = max(float(np.quantile(np.abs(finite), _CLIP)), 1e-300)
        return DIVERGING, Normalize(-top, top), _ENDS[finite.min() < -top, finite.max() > top]
    if log and finite.min() > 0 and is_wide(finite):
        return sequential_map(), LogNorm(finite.min(), finite.max()), "neither"
    low, high = np.quantile(finite, [1 - _CLIP, _CLIP])
    if not low < high:
        low, high = finite.min(), finite.max() + 1e-6 * max(abs(finite.max()), 1e-6)
    return sequential_map(), Normalize(low, high), _ENDS[finite.min() < low, finite.max() > high]


def group_entries(content: GroupMap) -> list[Artist]:
    """Legend entries of groups, with their share of all cells; those beyond a few as one."""
    present = np.bincount(content.groups.ravel(), minlength=content.n_groups)
    weights = present / max(present.sum(), 1) if content.shares is None else content.shares
    known = np.flatnonzero(np.nan_to_num(weights) > 0)
    named = known if len(known) <= MAX_GROUPS else known[: MAX_GROUPS - 1]
    call = consensus_title if content.name == "group" else f"{content.name} {{}}".format
    names = content.names or [call(k) for k in range(content.n_groups)]
    entries: list[Artist] = [
        Patch(facecolor=content.colour_of(k), label=f"{names[k]} ({percent(weights[k])})")
        for k in named
    ]
    if len(named) < len(known):
        text = further(len(known) - len(named), content.name)
        entries.append(Line2D([], [], ls="", label=text))
    return entries


def percent(share: float) -> str:
    """Write a share as a person does."""
    value = 100 * float(share)
    return f"{value:.0f} %" if value >= 9.95 else f"{value:.1f} %" if value >= 0.1 else "< 0.1 %"


@paper_style()
def field_slice_figure(
    cut: Cut,
    current: np.ndarray,
    label: str,
    *,
    field: tuple[np.ndarray, np.ndarray] | None = None,
    density: float = 1.6,
) -> Figure:
    """Draw the current along the field on a cut, with lines of the magnetic field in its plane.

    `current` (H, W) has name and unit in `label`. `field` has the (H, W) components along the axes
    of the cut; None draws no lines. Their `density` is 1 for about 30 across. ConfigError where the
    arrays differ in shape.
    """
    page = SlicePage(cut, [unit_text(cut.title)], 1, side=ALONE)
    page.field(0, current, label)
    if field is not None:
        if any(part.shape != current.shape for part in field):
            raise ConfigError(f"field lines of shape {field[0].shape} for a cut {current.shape}")
        _draw_lines(page.panels[0], cut, field, density)
        page.note(0, Line2D([], [], color=INK, lw=0.6, label="magnetic field lines in the plane"))
    return page.finish()


def draw_field_slice(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `field_slice` from the files of a study; with lines where the field is known."""
    with open_inputs(inputs) as cells:
        cut = cut_inputs(cells, parameters)
        names = [f"b{cut.across}", f"b{cut.up}"]
        field = None
        if all(name in cells for name in names):
            field = cut.read(cells[names[0]]), cut.read(cells[names[1]])
        label = field_label("j_par", cells.unit("j_par"))
        return field_slice_figure(cut, cut.read(cells["j_par"]), label, field=field)


def open_inputs(inputs: Inputs) -> AbstractContextManager[CellValues]:
    """Open what a study knows of its cells."""
    return open_cells(inputs["data"], inputs["fields"] or None, inputs.get("grid"))


def cut_inputs(cells: CellValues, parameters: Parameters) -> Cut:
    """Cut the cells of a study where its configuration says."""
    return cut_grid(cells.grid, parameters["slice_axis"], parameters["slice_index"])


def _draw_lines(axes: Axes, cut: Cut, field: Sequence[np.ndarray], density: float) -> None:
    """Lines of the field, along which it is followed from evenly spread seeds."""
    if min(field[0].shape) < 2 or not np.any(np.hypot(*field)):
        return
    x, y = _cell_middles(cut, field[0].shape)
    across, up = (np.asarray(part, np.float64) for part in field)
    style: Style = {"linewidth": 0.45, "arrowsize": 0.5, "arrowstyle": "-|>", "color": INK}
    axes.streamplot(x, y, across, up, density=density, **style)
    axes.set(xlim=cut.extent[:2], ylim=cut.extent[2:])


def _cell_middles(cut: Cut, shape: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Places of columns and rows along the axes of a cut."""
    (rows, columns), (left, right, bottom, top) = shape, cut.extent
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    return x, bottom + (np.arange(rows) + 0.5) * (top - bottom) / rows


@paper_style()
def feature_slices_figure(cut: Cut, values: Sequence[np.ndarray], labels: Sequence[str]) -> Figure:
    """Draw (H, W) values of at most 12 features on a cut, one panel each, in physical units."""
    columns = {1: 1, 2: 2, 4: 2}.get(len(values), 3)
    page = SlicePage(cut, ["" for _ in labels], columns)
    for k, (array, label) in enumerate(zip(values, labels, strict=True)):
        page.field(k, array, label)
    return page.finish()


def draw_feature_slices(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `feature_slices` from the files of a study."""
    with open_inputs(inputs) as cells:
        cut, names = cut_inputs(cells, parameters), cells.features[:MOST_FEATURES]
        return feature_slices_figure(
            cut,
            [cut.read(cells[name]) for name in names],
            [field_label(name, cells.unit(name)) for name in names],
        )


@paper_style()
def cluster_slice_figure(
    cut: Cut,
    maps: Sequence[GroupMap],
    *,
    current: np.ndarray | None = None,
    limit: float | None = None,
    note: str = "",
    realization: str | None = None,
) -> Figure:
    """Draw groups of the cells of a cut, with lines around the strong current.

    Lines, called `note` in the legend, are where (H, W) absolute current along the field crosses
    `limit`. `realization` is the id of the map, where the clusters of one are shown.
    """
    titles = [content.title for content in maps]
    page = SlicePage(cut, titles, 2, side=3.3, realization=realization)
    for k, content in enumerate(maps):
        page.groups(k, content)
        if current is not None and limit is not None:
            page.contours(k, current, limit)
            page.note(k, Line2D([], [], color=INK, lw=0.8, label=note, gid=FORMULA))
    return page.finish()


def draw_cluster_slice(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `cluster_slice` from the files of a study; without the map where it has none."""
    physics = pd.read_csv(inputs["physics"])
    with open_inputs(inputs) as cells:
        cut = cut_inputs(cells, parameters)
        maps, realization = [_consensus_map(cells, cut, physics, "consensus")], None
        if inputs["maps"]:
            identifier = parameters["realization"] or store.read_representative(inputs["ensemble"])
            file = store.find_realization(inputs["maps"], identifier)
            chosen = read_map_labels(file, cells.grid)
            sizes = np.bincount(chosen.labels.ravel(), minlength=chosen.n_clusters)
            groups, shares = cut.read(chosen.labels), sizes / sizes.sum()
            # Clusters take the colours of the groups that they share most cells with.
            matching = match_groups(maps[0].groups.ravel(), groups.ravel(), maps[0].n_groups)
            colours = [colour for colour, _ in matched_looks(matching, len(sizes))]
            own = GroupMap("Clusters of the map", groups, len(sizes), shares, "cluster")
            maps.insert(0, replace(own, colour_of=colours.__getitem__))
            realization = identifier
        if CURRENT not in cells:
            return cluster_slice_figure(cut, maps, realization=realization)
        threshold = parameters["threshold"]
        rms = root_mean_square(cells[CURRENT], parts_of(cells.grid.shape))
        return cluster_slice_figure(
            cut,
            maps,
            current=np.abs(cut.read(cells[CURRENT])),
            limit=threshold * rms,
            note=f"{field_label('abs_j_par')} = {threshold:g} rms",
            realization=realization,
        )


def _consensus_map(cells: CellValues, cut: Cut, physics: pd.DataFrame, kind: str) -> GroupMap:
    """Return the groups of a kind in `physics.csv` on a cut."""
    names = {"consensus": ("label", "Consensus groups"), "sce": ("sce_group", "SCE groups")}
    name, title = names[kind]
    shares = physics[physics["kind"] == kind]["volume_fraction"].to_numpy()
    found = GroupMap(title, cut.read(cells[name]), len(shares), shares)
    if kind != "consensus":
        return found
    titles = [consensus_title(k) for k in range(len(shares))]
    return replace(found, names=titles, colour_of=consensus_colour)


@paper_style()
def consensus_slice_figure(
    cut: Cut, maps: Sequence[GroupMap], *, confidence: np.ndarray, stability: np.ndarray
) -> Figure:
    """Draw consensus and SCE groups of the cells of a cut in two panels, and how sure they are.

    `confidence` (H, W) is the share of realizations that vote for the label of the cell,
    `stability` (H, W) the mean Jaccard similarity of its clusters with the best of other
    realizations.
    """
    titles = [*(content.title for content in maps), "Confidence", "Stability"]
    page = SlicePage(cut, titles, 2, side=3.1)
    for k, content in enumerate(maps):
        page.groups(k, content)
    colours = sequential_map("viridis", 0.0, 1.0)
    for k, values, label in (
        (2, confidence, "Confidence (share of realizations)"),
        (3, stability, "Stability (mean Jaccard similarity)"),
    ):
        low, high = np.floor(10 * values.min()) / 10, np.ceil(10 * values.max()) / 10
        norm = Normalize(min(low, 0.9), min(max(high, low + 0.1), 1.0))
        page.colour_bar(k, page.image(k, values, colours, norm), label)
    return page.finish()


def draw_consensus_slice(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `consensus_slice` from the files of a study."""
    physics = pd.read_csv(inputs["physics"])
    with open_inputs(inputs) as cells:
        cut = cut_inputs(cells, parameters)
        return consensus_slice_figure(
            cut,
            [_consensus_map(cells, cut, physics, kind) for kind in ("consensus", "sce")],
            confidence=cut.read(cells["confidence"]),
            stability=cut.read(cells["stability"]),
        )
