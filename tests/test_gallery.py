"""Pictures of the documentation: small, and no worse than they must be."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kohorte.errors import ResultError
from kohorte.figures.pictures import photograph_page, shrink_picture
from kohorte.figures.points import signal_figure
from kohorte.figures.style import save_figure


@pytest.fixture
def figure(tmp_path):
    """A picture of 600 x 300 pixels in many colours."""
    path = tmp_path / "figure.png"
    pixels = np.random.default_rng(0).integers(256, size=(300, 600, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_a_small_figure_keeps_its_pixels(figure, tmp_path):
    shrink_picture(figure, tmp_path / "p.png", widths=[900], most_bytes=10**7)
    with Image.open(figure) as before, Image.open(tmp_path / "p.png") as after:
        np.testing.assert_array_equal(np.asarray(before), np.asarray(after))


def test_a_figure_is_made_as_small_as_it_must_be(figure, tmp_path):
    for most_bytes, width in ((10**7, 500), (150_000, 300), (10, 200)):
        shrink_picture(
            figure,
            tmp_path / "p.png",
            widths=[500, 300, 200],
            most_bytes=most_bytes,
        )
        with Image.open(tmp_path / "p.png") as picture:
            assert picture.size == (width, width // 2)


def test_a_colour_bar_keeps_its_colours(tmp_path):
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(600, 2)), np.arange(600) % 3
    drawn = signal_figure(points, ["x", "y"], signal=1 + rng.random(600), labels=labels)
    save_figure(drawn, tmp_path / "figure.png")
    shrink_picture(tmp_path / "figure.png", tmp_path / "p.png", widths=[1400], most_bytes=400_000)
    assert (tmp_path / "p.png").stat().st_size <= 400_000
    bar = drawn.axes[-1].get_position()
    counts = []
    for name in ("figure.png", "p.png"):
        with Image.open(tmp_path / name) as picture:
            width, height = picture.size
            y = round(height * (1 - (bar.y0 + bar.y1) / 2))
            row = np.asarray(picture.convert("RGB"))[
                y, round(width * bar.x0) : round(width * bar.x1)
            ]
        counts.append(len(np.unique(row, axis=0)))
    assert min(counts) > 200  # 256 colours of the whole picture left it 9


def listed(root, name):
    """Names of the pictures in a dictionary of the rules, and what they are made of."""
    rules = (root / "workflow" / "rules" / "development" / "gallery.smk").read_text()
    entries = re.search(rf"^{name} = {{(.*?)}}", rules, re.M | re.S)[1]
    return dict(re.findall(r'"([^"]+)": "(results/[^"]+)"', entries))


def test_every_picture_of_the_documentation_is_of_a_figure_or_a_page(root):
    figures, pages = listed(root, "PICTURES"), listed(root, "PAGES")
    assert {Path(path).suffix for path in figures.values()} == {".png"}
    assert {Path(path).name for path in pages.values()} == {"report.html"}
    files = {path.name for path in (root / "docs" / "images").iterdir()}
    drawn = {"method.svg"}  # by hand
    assert drawn <= files
    assert files - drawn <= {f"{name}.png" for name in figures | pages}


def test_pictures_of_the_documentation_are_small(root):
    sizes = {path.name: path.stat().st_size for path in (root / "docs" / "images").iterdir()}
    # The rule aims at 400,000 bytes, which a field full of noise exceeds in any width.
    assert {name: size for name, size in sizes.items() if size > 600_000} == {}


def test_pictures_of_the_documentation_have_all_their_colours(root):
    for path in (root / "docs" / "images").iterdir():
        if path.suffix != ".png":
            continue
        with Image.open(path) as picture:
            assert picture.mode == "RGB", path.name
            assert picture.width <= 1400, path.name


@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium to take a picture with")
def test_the_top_of_a_page_is_a_picture(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<body style='margin: 0; background: #f00'><p style='height: 900px'>")
    photograph_page(page, tmp_path / "p.png", width=500, height=300)
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.size == (500, 300)
        assert picture.getpixel((250, 150)) == (255, 0, 0)


def test_a_picture_of_a_page_needs_a_browser(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ResultError, match="needs chromium"):
        photograph_page("page.html", tmp_path / "p.png", width=500, height=300)
