"""Shared style of the figures: bytes, palette, numbers."""

import contextlib
import errno
import hashlib
import io
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from fontTools.ttLib import TTFont
from hypothesis import given
from hypothesis import strategies as st
from oracles_figures import drawn_texts, text_faults

from kohorte.errors import ConfigError, ResultError
from kohorte.figures import style
from kohorte.figures.stability import sufficiency_figure
from kohorte.figures.words import PARAMETER_WORDS, parameter_title, parameter_word
from kohorte.maps.parameters import PARAMETERS

SCRIPT = """
import sys
import numpy as np
import kohorte.figures.agreement, kohorte.figures.ensemble, kohorte.figures.maps
import kohorte.figures.points, kohorte.figures.quality, kohorte.figures.realizations
import kohorte.figures.training
from kohorte.figures.stability import stability_figure
from kohorte.figures.style import save_figure
gsum = np.linspace(9, 1, 30)
figure = stability_figure(gsum, gsum - 0.5, gsum + 0.5, groups=np.arange(30) % 3)
for path in sys.argv[1:]:
    save_figure(figure, path, dpi=50)
assert "matplotlib.pyplot" not in sys.modules
"""

# Machado, Oliveira & Fernandes (2009), severity 1: normal vision, protanopia, deuteranopia,
# tritanopia, in linear RGB.
VISIONS = [
    np.eye(3),
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.0039, -0.0481, 1.052]],
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.0118, 0.0429, 0.9689]],
    [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.1476], [0.004733, 0.691367, 0.3039]],
]


def small_figure():
    sizes = np.arange(2, 9)
    median = 1 - 1 / sizes
    return sufficiency_figure(sizes, median, median - 0.1, median, target=0.8, answer=5)


def test_saved_bytes_do_not_depend_on_the_run(tmp_path):
    digests = set()
    for seed in ("1", "2"):
        paths = [tmp_path / f"{seed}.pdf", tmp_path / f"{seed}.png"]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": seed}
        subprocess.run([sys.executable, "-c", SCRIPT, *paths], check=True, env=environment)
        digests.add(tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths))
    assert len(digests) == 1


def test_saving_twice_gives_the_same_bytes_without_versions_or_dates(tmp_path):
    figure = small_figure()
    for suffix in style.FORMATS:
        first, second = tmp_path / f"a.{suffix}", tmp_path / f"b c.{suffix}"
        style.save_figure(figure, first, dpi=40)
        style.save_figure(figure, second, dpi=40)
        content = first.read_bytes()
        assert content == second.read_bytes()
        assert matplotlib.__version__.encode() not in content
        assert b"CreationDate" not in content
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"{name}.{s}" for name in ("a", "b c") for s in ("pdf", "png", "svg")
    ]


def test_fonts_are_embedded_as_truetype(tmp_path):
    style.save_figure(small_figure(), tmp_path / "a.pdf")
    assert b"/Type0" in (tmp_path / "a.pdf").read_bytes()
    assert b"/Type3" not in (tmp_path / "a.pdf").read_bytes()


def test_of_fonts_only_glyphs_are_embedded(tmp_path):
    figure = small_figure()
    figure.suptitle("Größe and figure of a flow")
    style.save_figure(figure, tmp_path / "a.pdf")
    streams = re.findall(rb"stream\n(.*?)\nendstream", (tmp_path / "a.pdf").read_bytes(), re.S)
    fonts = []
    for stream in streams:
        with contextlib.suppress(zlib.error):
            content = zlib.decompress(stream)
            if content.startswith(b"\x00\x01\x00\x00"):
                fonts.append(TTFont(io.BytesIO(content)))
    assert fonts
    for font in fonts:
        assert "glyf" in font
        assert not {"GSUB", "GPOS", "GDEF", "MATH", "kern"} & set(font.keys())
    assert "odieresis" in fonts[0].getGlyphOrder()


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"\.pdf, \.png, \.svg"):
        style.save_figure(small_figure(), tmp_path / "a.jpg")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_said_and_leaves_the_old_figure(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_text("old")
    figure = small_figure()

    def fill(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(ResultError, match=r"a\.png: cannot be written .*make room on that disk"):
        style.save_figure(figure, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_job_left_of_figures_is_removed(tmp_path):
    left = tmp_path / ".a.png.00000000-1.part"
    left.touch()
    os.utime(left, (0, 0))
    style.save_figure(small_figure(), tmp_path / "a.png", dpi=40)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.png"]


def test_the_style_of_the_user_does_not_show(tmp_path):
    style.save_figure(small_figure(), tmp_path / "a.png", dpi=40)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "lines.linewidth": 9}):
        style.save_figure(small_figure(), tmp_path / "b.png", dpi=40)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_style_leaves_global_settings_alone():
    before = dict(matplotlib.rcParams)
    small_figure()
    assert dict(matplotlib.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def oklab(linear):
    to_cones = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.63]]
    to_lab = [[0.2105, 0.7936, -0.0041], [1.978, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
    return np.cbrt(np.clip(linear, 0, 1) @ np.transpose(to_cones)) @ np.transpose(to_lab)


def test_colours_differ_for_every_kind_of_vision():
    rgb = np.array([matplotlib.colors.to_rgb(colour) for colour in style.COLOURS])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    for vision in VISIONS:
        lab = oklab(linear @ np.transpose(vision))
        apart = np.linalg.norm(lab[:, None] - lab, axis=-1)
        np.fill_diagonal(apart, 1)
        assert apart.min() > 0.05
    lightness = np.sort(oklab(linear)[:4, 0])
    assert np.diff(lightness).min() > 0.12  # four groups in a grayscale print


@given(st.sampled_from(style.COLOURS))
def test_thin_lines_show_on_paper_in_their_hue(colour):
    shown = style.line_colour(colour)
    assert style.contrast(shown) >= 3
    assert shown == colour or style.contrast(colour) < 3
    before, after = (
        matplotlib.colors.rgb_to_hsv(matplotlib.colors.to_rgb(c)) for c in (colour, shown)
    )
    assert before[0] == pytest.approx(after[0], abs=0.02)


def test_contrast_by_hand():
    assert style.contrast("#000000") == pytest.approx(21)
    assert style.contrast("#FFFFFF") == pytest.approx(1)
    assert style.contrast("#0072B2") == pytest.approx(5.19, abs=0.01)
    lines = [matplotlib.colors.to_hex(colour) for colour in style.line_map()(np.linspace(0, 1, 20))]
    assert min(map(style.contrast, lines)) >= 3


def test_a_figure_is_as_wide_as_the_column_that_it_fits_into():
    assert [style.page_width(w) for w in (2.0, 3.5, 3.6, 5.1, 5.2, 9.0)] == [
        3.5,
        3.5,
        5.1,
        5.1,
        7.2,
        7.2,
    ]
    with style.chosen_width("single"):
        assert style.page_width(7.0) == 3.5
        assert style.fitting_columns(3, 1.7) == 2
    with style.chosen_width(101.6):
        assert style.new_figure(7.2, 3).get_figwidth() == pytest.approx(4.0)
    with style.chosen_width(None):
        assert style.page_width(7.0) == 7.2
    with pytest.raises(ConfigError, match="unknown width 'broad'"), style.chosen_width("broad"):
        pass


@pytest.mark.parametrize(
    ("count", "what", "expected"),
    [(1, "group", "1 group"), (1200, "point", "1,200 points"), (2, "class", "2 classes")],
)
def test_counts_have_a_number_of_their_own(count, what, expected):
    assert style.plural(count, what) == expected
    assert style.further(2, "group", 1234) == "2 further groups (1,234)"


def test_every_parameter_of_a_map_has_words():
    assert set(PARAMETERS) <= set(PARAMETER_WORDS)
    assert parameter_title("xdim") == "Lattice columns"
    assert parameter_word("own_name") == "own name"


def test_letters_of_panels_go_on_after_z():
    assert [style.panel_letter(k) for k in (0, 25, 26, 27, 52)] == ["a", "z", "aa", "ab", "ba"]


def test_ticks_are_round_steps_apart():
    figure = style.new_figure(3.5, 2)
    axes = figure.subplots()
    for low, high in ((0, 0.6), (0, 18), (66, 96), (-1.6, 1.6), (0.0, 0.012)):
        axes.set_xlim(low, high)
        style.plain_numbers(axes.xaxis, 5)
        step = np.diff(axes.get_xticks())[0]
        assert np.isclose(step / 10 ** np.floor(np.log10(step) + 1e-9), [1, 2, 2.5, 5]).any()


def test_whole_numbers_on_a_logarithmic_axis_are_written_out():
    figure = style.new_figure(3.5, 2)
    axes = figure.subplots()
    axes.plot([1, 90], [1, 2])
    style.log_axis(axes, "x", whole=True)
    labels = [text for text, _ in drawn_texts(figure)]
    assert {"1", "2", "5", "10", "20", "50"} <= set(labels)


def test_colour_and_marker_together_are_unique_for_many_groups():
    pairs = {(style.group_colour(k), style.group_marker(k)) for k in range(176)}
    assert len(pairs) == 176
    assert style.group_hatch(0) != style.group_hatch(16)


@given(
    st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-9),
    st.sampled_from([1.0, 2.0, 2.5, 5.0]),
    st.integers(-6, 8),
    st.integers(2, 6),
)
def test_tick_labels_tell_ticks_apart(start, step, exponent, n):
    step = step * 10.0**exponent
    ticks = (np.round(start / step) + np.arange(n)) * step
    labels = style.ShortNumbers().format_ticks(ticks)
    if abs(ticks).max() / step < 1e8:
        assert len(set(labels)) == n
    for label, tick in zip(labels, ticks, strict=True):
        assert (
            abs(float(label.replace("\N{MINUS SIGN}", "-").replace(",", "")) - tick) <= 0.01 * step
        )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.25, 0.5], ["0", "0.25", "0.50"]),
        ([1000.0, 1000.5], ["1,000.0", "1,000.5"]),
        ([0.0, 2.5e6, 1e7], ["0", "2.5e6", "10.0e6"]),
        ([-1.0, 0.0], ["\N{MINUS SIGN}1", "0"]),
        ([], []),
    ],
)
def test_tick_labels_are_short(values, expected):
    assert style.ShortNumbers().format_ticks(values) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(10000.0, "10,000"), (5e6, "5e6"), (0.1, "0.1"), (True, "true"), (None, "none"), ("x", "x")],
)
def test_swept_values_are_written_as_people_do(value, expected):
    assert style.value_label(value) == expected


def test_long_texts_are_shortened_in_the_middle():
    assert style.shorten("abc", 3) == "abc"
    assert style.shorten("abcdefghij", 7) == "abcd…ij"


def test_labels_that_would_overlap_are_left_out():
    with style.paper_style():
        figure = style.new_figure(3, 3, layout=None)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        places = np.array([[0.5, 0.5], [0.51, 0.5], [0.1, 0.9]])
        written = style.place_labels(axes, places, ["one", "two", "three"], [1, 0, 2])
    assert written == [1, 2]
    assert not text_faults(figure)
