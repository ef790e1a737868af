"""Pictures of the documentation: small, and no worse than they must be."""

import re

import numpy as np
import pytest
from PIL import Image

from kohorte.figures.pictures import shrink_picture


@pytest.fixture
def figure(tmp_path):
    """A picture of 600 x 300 pixels in many colours."""
    path = tmp_path / "figure.png"
    pixels = np.random.default_rng(0).integers(256, size=(300, 600, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_a_small_figure_keeps_its_pixels(figure, tmp_path):
    shrink_picture(figure, tmp_path / "p.png", widths=[900], palette=False, most_bytes=10**7)
    with Image.open(figure) as before, Image.open(tmp_path / "p.png") as after:
        np.testing.assert_array_equal(np.asarray(before), np.asarray(after))


def test_a_figure_is_made_as_small_as_it_must_be(figure, tmp_path):
    for most_bytes, width in ((10**7, 500), (150_000, 300), (10, 200)):
        shrink_picture(
            figure,
            tmp_path / "p.png",
            widths=[500, 300, 200],
            palette=False,
            most_bytes=most_bytes,
        )
        with Image.open(tmp_path / "p.png") as picture:
            assert picture.size == (width, width // 2)


def test_a_palette_has_256_colours_at_most(figure, tmp_path):
    shrink_picture(figure, tmp_path / "p.png", widths=[600], palette=True, most_bytes=10**7)
    with Image.open(tmp_path / "p.png") as picture:
        assert len(picture.convert("RGB").getcolors(10**6)) <= 256


def test_every_picture_of_the_documentation_is_of_a_figure(root):
    rules = (root / "workflow" / "rules" / "development" / "gallery.smk").read_text()
    listed = re.search(r"^PICTURES = {\n(.*?)^}", rules, re.M | re.S)[1]
    names = set(re.findall(r'^    "([^"]+)": "results/.+\.png",$', listed, re.M))
    files = {path.name for path in (root / "docs" / "images").iterdir()}
    assert files <= {f"{name}.png" for name in names}
