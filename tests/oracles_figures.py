"""What a reader would see on the page: all text that is drawn and where, edges between cells."""

from contextlib import contextmanager
from itertools import product
from weakref import WeakKeyDictionary

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.transforms import Bbox

from kohorte.figures.style import paper_style

DPI = 72
_DRAWN = WeakKeyDictionary()


@contextmanager
def recorded_texts():
    """Collect (text, Bbox in pixels) of everything that Agg would write, and draw nothing."""
    found = []

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        width, height, descent = self.get_text_width_height_descent(s, prop, ismath)
        across = Bbox.from_extents(x, y - height + descent, x + width, y + descent)
        upward = Bbox.from_extents(x - height + descent, y - width, x + descent, y)
        found.append((s, upward if angle == 90 else across))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RendererAgg, "draw_text", draw_text)
        for shape in ("path", "path_collection", "markers", "image"):
            patch.setattr(RendererAgg, f"draw_{shape}", lambda *_, **__: None)
        yield found


def drawn_texts(figure):
    """All texts of a figure at 72 dots per inch."""
    if figure not in _DRAWN:
        figure.set_dpi(DPI)
        with paper_style(), recorded_texts() as found:
            FigureCanvasAgg(figure).draw()
        _DRAWN[figure] = found
    return _DRAWN[figure]


def text_faults(figure, slack=1.5):
    """Texts that overlap each other or leave the page by more than `slack` pixels."""
    found = drawn_texts(figure)
    width, height = figure.bbox.size
    boxes = np.array([box.extents for _, box in found])
    faults = [
        f"{text!r} leaves the page"
        for text, (x0, y0, x1, y1) in zip((text for text, _ in found), boxes, strict=True)
        if min(x0, y0, width - x1, height - y1) < -slack
    ]
    # What matplotlib writes for a formula, on a page that draws text as it is.
    faults += [f"{text!r} is no text" for text, _ in found if "mathdefault" in text]
    for k, (x0, y0, x1, y1) in enumerate(boxes):
        across = np.minimum(x1, boxes[:k, 2]) - np.maximum(x0, boxes[:k, 0])
        down = np.minimum(y1, boxes[:k, 3]) - np.maximum(y0, boxes[:k, 1])
        crossed = np.flatnonzero((across > slack) & (down > slack))
        faults += [f"{found[k][0]!r} overlaps {found[other][0]!r}" for other in crossed]
    return faults


def texts(figure):
    """The texts of a figure in one string."""
    return " | ".join(text for text, _ in drawn_texts(figure))


def readable(figure):
    """The same, of a figure without faults."""
    faults = text_faults(figure)
    assert not faults, faults
    return texts(figure)


def images(lattice):
    """Shifts of the plane that carry a lattice onto itself, by up to one period along each side."""
    turns = [(0.0,) if np.isinf(period) else (0.0, -period, period) for period in lattice.periods]
    return [np.array(shift) for shift in product(*turns)]


def edges_between(lattice, corners, ids):
    """Edges (sorted, rounded ends) of cells that some image of a cell of another id shares."""
    cells = lattice.coordinates()[:, None] + corners
    found = set()
    for a, b, shift in product(range(lattice.n_nodes), range(lattice.n_nodes), images(lattice)):
        if ids[a] != ids[b]:
            apart = np.linalg.norm(cells[a][:, None] - (cells[b] + shift), axis=-1)
            ends = cells[a][apart.min(axis=1) < 1e-6]
            if len(ends) == 2:
                found.add(rounded(ends))
    return found


def rounded(ends):
    """An edge in a form that can be compared."""
    return tuple(sorted(tuple(np.round(end, 5) + 0.0) for end in ends))
