"""Surfaces in a box of cells, drawn by casting rays to the first place that each meets, and shaded.

Rays are parallel, so that the box keeps its proportions. A surface that reaches the border of the
box is closed there by the border.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numba import njit
from scipy import ndimage

from kohorte.errors import ResultError
from kohorte.figures.groups import consensus_colour, consensus_title
from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    DOUBLE_COLUMN,
    FORMULA,
    INK,
    MUTED,
    SINGLE_COLUMN,
    Style,
    fitting_columns,
    fitting_legend,
    new_figure,
    page_width,
    panel_letter,
    panel_title,
    paper_style,
    place_axes,
    value_label,
)
from kohorte.studies.plasma.figures.slices import field_label, open_inputs, unit_text
from kohorte.studies.plasma.physics.groups import root_mean_square
from kohorte.studies.plasma.store import CellValues, parts_of

MOST_CELLS = 160
"""Cells along a side of the volume that is drawn; of more, every second, third, ..."""

_PIXELS = 620  # along the longer side of a picture
_STEP = 0.6  # of a ray, in cells
_LIGHT = np.array([-0.35, 0.55, 0.76])  # to the right, up, towards the eye
_MARGIN = 1.13
_SMOOTH = 0.7  # of a group's cells before its surface is drawn, in cells


@dataclass(frozen=True)
class Surface:
    """An (nx, ny, nz) float32 volume, drawn where it exceeds a level; `label` is for the legend."""

    volume: np.ndarray
    level: float
    colour: str
    label: str


class View:
    """A direction to look at a box from.

    `shape` and `spacing` are number and sides of the cells along x, y, z; azimuth and elevation of
    the eye are in degrees, z up. The longer side of the picture has some number of pixels.
    """

    def __init__(
        self,
        shape: Sequence[int],
        spacing: Sequence[float],
        azimuth: float = -58.0,
        elevation: float = 24.0,
        pixels: int = _PIXELS,
    ) -> None:
        self.shape, self.spacing = np.array(shape), np.array(spacing, dtype=np.float64)
        self.lengths = self.shape * self.spacing
        a, e = np.radians([azimuth, elevation])
        towards = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
        right = np.array([-np.sin(a), np.cos(a), 0.0])
        self.frame = np.stack([right, np.cross(towards, right), towards])
        corners = self.project(self.corners())
        self.low, self.high = corners.min(axis=0), corners.max(axis=0)
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2 * _MARGIN
        low, high = middle - half, middle + half
        self.extent = (low[0], high[0], low[1], high[1])
        scale = pixels / (2 * half[:2].max())
        self.size = tuple(int(np.ceil(2 * h * scale)) for h in half[1::-1])  # rows, columns

    def corners(self) -> np.ndarray:
        """Return the eight corners of the box, (8, 3)."""
        ends = [(0.0, length) for length in self.lengths]
        return np.array(np.meshgrid(*ends, indexing="ij")).reshape(3, -1).T

    def project(self, points: np.ndarray) -> np.ndarray:
        """Places (..., 3) as (to the right, up, towards the eye)."""
        return np.einsum("...i,ji->...j", points, self.frame)

    def cast(self, volume: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Follow a ray for each pixel to where it meets the surface.

        Returns (rows, columns) the height of that place towards the eye, -inf where there is none,
        and (rows, columns, 3) the direction that the surface faces there, in the picture's frame.
        """
        rows, columns = self.size
        across = np.linspace(self.extent[0], self.extent[1], columns, endpoint=False)
        up = np.linspace(self.extent[2], self.extent[3], rows, endpoint=False)
        half = (across[1] - across[0]) / 2
        plane = np.stack(np.meshgrid(across + half, up + half), axis=-1).reshape(-1, 2)
        # Beyond the border values are mirrored at the level: a surface ends at the border itself.
        padded = np.pad(volume.astype(np.float32), 1, mode="edge")
        shell = np.ones(padded.shape, dtype=bool)
        shell[1:-1, 1:-1, 1:-1] = False
        padded[shell] = level - np.abs(padded[shell] - level)
        # Indices of the padded volume are where / spacing + 1/2.
        axes = np.ascontiguousarray(self.frame / self.spacing)
        step = _STEP * self.spacing.min()
        ends = (self.high[2] + step, self.low[2] - step)
        height = np.empty(len(plane))
        _march(padded, plane, axes, float(level), *ends, step, height)
        normal = np.zeros((len(plane), 3))
        found = np.flatnonzero(np.isfinite(height))
        if len(found):
            slopes = [
                self._sample(ndimage.sobel(padded, axis=k), plane[found], height[found])
                / self.spacing[k]
                for k in range(3)
            ]
            outward = -np.einsum("in,ji->nj", np.array(slopes), self.frame)
            outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-12)
            outward[outward[:, 2] < 0] *= -1
            normal[found] = outward
        return height.reshape(rows, columns), normal.reshape(rows, columns, 3)

    def _sample(self, padded: np.ndarray, plane: np.ndarray, height: np.ndarray) -> np.ndarray:
        """Values of a padded volume at places of the picture, between cells by interpolation."""
        at = np.einsum("ni,ij->jn", np.column_stack([plane, height]), self.frame)
        return ndimage.map_coordinates(
            padded, at / self.spacing[:, None] + 0.5, order=1, mode="nearest"
        )

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the twelve edges of the box (12, 2, 3), and which of them lie behind it."""
        corners = self.corners()
        pairs = np.array(list(combinations(range(8), 2)))
        pairs = pairs[(corners[pairs[:, 0]] != corners[pairs[:, 1]]).sum(axis=1) == 1]
        far = np.argmin(self.project(corners)[:, 2])
        return corners[pairs], (pairs == far).any(axis=1)


def shade(view: View, surfaces: Sequence[Surface]) -> np.ndarray:
    """Draw the picture of surfaces, (rows, columns, 4) from 0 to 1; transparent where none is."""
    nearest = np.full(view.size, -np.inf)
    picture = np.zeros((*view.size, 4))
    light = _LIGHT / np.linalg.norm(_LIGHT)
    for surface in surfaces:
        height, normal = view.cast(surface.volume, surface.level)
        front = height > nearest
        if not front.any():
            continue
        nearest[front] = height[front]
        facing = normal[front]
        bright = 0.34 + 0.62 * np.clip(facing @ light, 0, 1)
        gloss = 0.18 * np.clip(2 * (facing @ light) * facing[:, 2] - light[2], 0, 1) ** 12
        depth = (height[front] - view.low[2]) / max(view.high[2] - view.low[2], 1e-12)
        colour = np.array(to_rgb(surface.colour)) * bright[:, None] + gloss[:, None]
        haze = 0.3 * (1 - np.clip(depth, 0, 1))[:, None]
        picture[front, :3] = np.clip(colour * (1 - haze) + haze, 0, 1)
        picture[front, 3] = 1.0
    return picture


@njit(cache=True)
def _march(
    padded: np.ndarray,
    plane: np.ndarray,
    axes: np.ndarray,
    level: float,
    first: float,
    last: float,
    step: float,
    height: np.ndarray,
) -> None:
    """Height towards the eye of the first place of each ray where the volume reaches the level."""
    nx, ny, nz = padded.shape
    for pixel in range(plane.shape[0]):
        height[pixel] = -np.inf
        x0 = plane[pixel, 0] * axes[0, 0] + plane[pixel, 1] * axes[1, 0] + 0.5
        y0 = plane[pixel, 0] * axes[0, 1] + plane[pixel, 1] * axes[1, 1] + 0.5
        z0 = plane[pixel, 0] * axes[0, 2] + plane[pixel, 1] * axes[1, 2] + 0.5
        before, t = -1.0, first
        while t >= last:
            x, y, z = x0 + t * axes[2, 0], y0 + t * axes[2, 1], z0 + t * axes[2, 2]
            value = -1.0
            if 0 <= x < nx - 1 and 0 <= y < ny - 1 and 0 <= z < nz - 1:
                i, j, k = int(x), int(y), int(z)
                u, v, w = x - i, y - j, z - k
                low = (1 - v) * (
                    (1 - w) * ((1 - u) * padded[i, j, k] + u * padded[i + 1, j, k])
                    + w * ((1 - u) * padded[i, j, k + 1] + u * padded[i + 1, j, k + 1])
                )
                high = v * (
                    (1 - w) * ((1 - u) * padded[i, j + 1, k] + u * padded[i + 1, j + 1, k])
                    + w * ((1 - u) * padded[i, j + 1, k + 1] + u * padded[i + 1, j + 1, k + 1])
                )
                value = low + high - level
            if value >= 0:
                height[pixel] = t + step * value / (value - min(before, -1e-12))
                break
            before = value
            t -= step


@paper_style()
def surfaces_figure(
    panels: Sequence[tuple[str, Sequence[Surface]]],
    spacing: Sequence[float],
    *,
    unit: str = "",
    azimuth: float = -58.0,
    elevation: float = 24.0,
) -> Figure:
    """Draw boxes with surfaces in them, side by side.

    `panels` are title and surfaces of each, all volumes of one shape (nx, ny, nz); `spacing` are
    sides of a cell along x, y, z, in `unit`; azimuth and elevation of the eye are in degrees.
    """
    columns = fitting_columns(len(panels), 2.4)
    width = page_width(DOUBLE_COLUMN if len(panels) > 1 else SINGLE_COLUMN) / columns - 0.1
    shape = next(surface.volume.shape for _, surfaces in panels for surface in surfaces)
    view = View(shape, spacing, azimuth, elevation)
    tall = width * view.size[0] / view.size[1]
    total_width = columns * (width + 0.1)
    rows = -(-len(panels) // columns)
    figure = new_figure(total_width, tall + 1.2, layout=None)
    drawn = []
    for _, surfaces in panels:
        entries: list[Artist] = [
            Patch(facecolor=s.colour, label=s.label, gid=FORMULA) for s in surfaces
        ]
        drawn.append(fitting_legend(figure, entries, width + 0.1, most=3) if entries else None)
    below = max([item[2] for item in drawn if item], default=0.0) + 0.16
    part = tall + 0.3 + below
    page = rows * part
    figure.set_size_inches(total_width, page)
    for k, (title, surfaces) in enumerate(panels):
        x = 0.05 + (k % columns) * (width + 0.1)
        y = page - (k // columns + 1) * part + below
        axes = place_axes(figure, (total_width, page), x, y, width, tall)
        axes.set_axis_off()
        panel_title(axes, panel_letter(k) if len(panels) > 1 else "", title)
        _draw_box(axes, view, behind=True)
        style: Style = {"origin": "lower", "interpolation": "antialiased", "zorder": 2}
        axes.imshow(shade(view, surfaces), extent=view.extent, **style)
        _draw_box(axes, view, behind=False)
        _label_box(axes, view, unit)
        axes.set(xlim=view.extent[:2], ylim=view.extent[2:])
        axes.set_aspect("auto")
        if legend := drawn[k]:
            anchor = ((x + width / 2) / total_width, (y - 0.1) / page)
            legend[0].set_bbox_to_anchor(anchor, figure.transFigure)
    return figure


def draw_sheet_surfaces(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `sheet_surfaces` from the files of a study: current above a threshold, and groups."""
    with open_inputs(inputs) as cells:
        if len(cells.grid.shape) != 3:
            raise ResultError("figures.extra: sheet_surfaces needs a grid of three dimensions")
        step = -(-max(cells.grid.shape) // MOST_CELLS)
        threshold, parts = parameters["threshold"], parts_of(cells.grid.shape)
        limit = threshold * root_mean_square(cells["j_par"], parts)
        current = _read_volume(cells, "j_par", step)
        symbol = field_label("j_par")
        signs = [
            Surface(current, limit, "#C8443C", f"{symbol} > {threshold:g} rms"),
            Surface(-current, limit, "#3B6FB6", f"{symbol} < \N{MINUS SIGN}{threshold:g} rms"),
        ]
        panels = [("Strong current along the field", signs)]
        if groups := list(_group_surfaces(cells, pd.read_csv(inputs["physics"]), step)):
            panels.append(("Consensus groups that dissipate most", groups))
        spacing = [step * cells.grid.spacing[cells.grid.axes.index(axis)] for axis in "xyz"]
        return surfaces_figure(panels, spacing, unit=cells.grid.length_unit)


def _read_volume(cells: CellValues, name: str, step: int) -> np.ndarray:
    """Every step-th value of a field along x, y and z."""
    values = np.asarray(cells[name][(slice(None, None, step),) * 3])
    return values.transpose([cells.grid.axes.index(axis) for axis in "xyz"])


def _group_surfaces(cells: CellValues, physics: pd.DataFrame, step: int) -> Iterator[Surface]:
    """Surfaces of groups with more than twice their share of dissipation.

    Of all but the largest where none has so much, or it is not known.
    """
    rows = physics[(physics["kind"] == "consensus") & (physics["cells"] > 0)]
    chosen = rows[rows["e_dot_j_share"] > 2 * rows["volume_fraction"]]
    if chosen.empty:
        chosen = rows.drop(rows["cells"].idxmax())
    labels = _read_volume(cells, "label", step)
    for group, share in chosen[["group", "volume_fraction"]].itertuples(index=False):
        inside = ndimage.gaussian_filter((labels == group).astype(np.float32), _SMOOTH)
        text = f"{consensus_title(group)} ({100 * share:.1f} % of volume)"
        yield Surface(inside, 0.5, _lit(consensus_colour(group)), text)


def _lit(colour: str) -> str:
    """Return a colour, lighter where it is so dark that a surface of it would look like a hole."""
    rgb = np.asarray(to_rgb(colour))
    return to_hex(tuple(rgb + 0.3 * (1 - rgb))) if rgb.sum() < 0.3 else colour


def _draw_box(axes: Axes, view: View, behind: bool) -> None:
    edges, far = view.edges()
    colour, width, order = (MUTED, 0.5, 1) if behind else (INK, 0.6, 3)
    for edge in view.project(edges)[far == behind]:
        axes.plot(*edge[:, :2].T, color=colour, lw=width, zorder=order, solid_capstyle="round")


def _label_box(axes: Axes, view: View, unit: str) -> None:
    """Name and length of each side, beside an edge on the outline of the box."""
    middle = view.project(view.lengths / 2)[:2]
    edges, far = view.edges()
    for axis, name in enumerate("xyz"):
        along = [
            view.project(edge)[:, :2]
            for edge, hidden in zip(edges, far, strict=True)
            if not hidden and edge[0, axis] != edge[1, axis]
        ]
        # Of the visible edges the lowest, or for an upright one that farthest to the left.
        key = (lambda e: e[:, 0].mean()) if axis == 2 else (lambda e: e[:, 1].mean())
        edge = min(along, key=key)
        centre = edge.mean(axis=0)
        away = centre - middle
        step = edge[1] - edge[0]
        normal = np.array([-step[1], step[0]]) / max(np.hypot(*step), 1e-12)
        normal *= np.sign(normal @ away) or 1.0
        angle = np.degrees(np.arctan2(step[1], step[0]))
        angle = (angle + 89) % 180 - 89  # an upright text is read from below
        place = centre + 0.035 * (view.extent[1] - view.extent[0]) * normal
        text = f"{name}: {value_label(view.lengths[axis])} {unit_text(unit)}".strip()
        style: Style = {"ha": "center", "va": "center", "rotation_mode": "anchor"}
        axes.text(place[0], place[1], text, rotation=angle, fontsize=6.5, parse_math=True, **style)
