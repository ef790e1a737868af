"""Names of features and classes are drawn as they are written, in a font that has their letters."""

import warnings

import matplotlib.font_manager
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.text import Text
from oracles_figures import drawn_texts

from kohorte.errors import ConfigError
from kohorte.figures import fonts, style
from kohorte.figures.classes import feature_map_figure, node_classes_figure, projections_figure
from kohorte.figures.drawing import draw_figures
from kohorte.figures.maps import component_planes_figure, hit_map_figure
from kohorte.figures.points import confidence_figure, signal_figure
from kohorte.maps.lattice import Lattice
from kohorte.studies.plasma.figures.slices import field_label, unit_text

LATTICE = Lattice(5, 4)
RNG = np.random.default_rng(0)
HOSTILE = ["$40K - $80K", r"a_b^c\frac {d}", "_50% & #1", "$x$ of $", r"100\$ \pm $2$"]
PLAIN = fonts._installed()["DejaVu Sans"]
CHINESE = "\N{CJK UNIFIED IDEOGRAPH-6536}\N{CJK UNIFIED IDEOGRAPH-5165}"


def planes(names):
    return component_planes_figure(RNG.normal(size=(20, len(names))), names, LATTICE)


def classes(names):
    counts = RNG.integers(0, 5, (20, len(names)))
    return hit_map_figure(counts.sum(axis=1), LATTICE, class_counts=counts, class_names=names)


def node_classes(names):
    return node_classes_figure(RNG.integers(1, 5, (20, len(names))), names, LATTICE)


def projections(names):
    winners = RNG.integers(0, 20, 40)
    of = np.arange(40) % len(names)
    return projections_figure(winners, of, names, RNG.random(20), LATTICE)


def signal(names):
    truth = np.arange(60) % len(names)
    return signal_figure(
        RNG.random((60, 2)),
        names[:2],
        signal=RNG.random(60),
        labels=truth,
        truth=truth,
        class_names=names,
    )


def confidence(names):
    return confidence_figure(RNG.random((60, 2)), names[:2], confidence=RNG.random(60))


def feature(names):
    return feature_map_figure(RNG.random(20), names[0], LATTICE)


@pytest.mark.parametrize("draw", [planes, classes, node_classes, projections, signal])
def test_names_are_drawn_as_they_are(draw):
    found = [text for text, _ in drawn_texts(draw(HOSTILE))]
    for name in HOSTILE:
        assert any(text.startswith(name) for text in found), (name, found)


@pytest.mark.parametrize("draw", [confidence, feature])
def test_axes_and_colour_bars_too(draw):
    found = " | ".join(text for text, _ in drawn_texts(draw(HOSTILE)))
    assert HOSTILE[0] in found


def test_a_name_behind_the_letter_of_a_panel_is_no_formula():
    figure = style.new_figure(3, 2)
    axes = figure.subplots()
    style.panel_title(axes, "a", HOSTILE[3])
    assert {"a", HOSTILE[3]} < {text for text, _ in drawn_texts(figure)}
    assert style.title_of(axes) == HOSTILE[3]


def test_fields_keep_their_symbols_beside_units_of_any_text():
    assert field_label("rho", "n0") == r"$\rho$ ($n_0$)"
    assert field_label("rent ($)", "$/m") == r"rent (\$) (\$/m)"
    assert unit_text("$ per B0") == r"\$ per $B_0$"


def test_numbers_of_logarithmic_axes_are_no_formulas():
    label = style.Powers(labelOnlyBase=True)
    label.create_dummy_axis(minpos=1e-9)
    label.axis.set_view_interval(1e-5, 1e5)
    assert [label(x) for x in (1e-3, 1.0, 1e4)] == ["10⁻³", "10⁰", "10⁴"]
    label = style.Powers()
    label.create_dummy_axis(minpos=1e-9)
    label.axis.set_view_interval(1, 4)
    assert label(2.0) == "2×10⁰"


def test_words_of_a_name_are_a_space_apart():
    assert style.shorten("two\nlines\tand  more") == "two lines and more"


# ---- fonts


@pytest.fixture
def font_file(tmp_path):
    """A font of two Chinese characters."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 900), (900, 900), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "one", "two"])
    builder.setupCharacterMap({ord(CHINESE[0]): "one", ord(CHINESE[1]): "two"})
    builder.setupGlyf({name: pen.glyph() for name in (".notdef", "one", "two")})
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", "one", "two"), (1000, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "Two Letters", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    path = tmp_path / "two.ttf"
    builder.save(path)
    yield path
    manager = matplotlib.font_manager.fontManager
    manager.ttflist = [entry for entry in manager.ttflist if entry.name != "Two Letters"]
    for known in (fonts._installed, fonts._letters_of, fonts._find_fonts):
        known.cache_clear()


def forget():
    for known in (fonts._installed, fonts._letters_of, fonts._find_fonts):
        known.cache_clear()


def test_letters_that_no_font_has_are_told_once(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(fonts, "_installed", lambda: {"DejaVu Sans": PLAIN})
    fonts._find_fonts.cache_clear()
    figure = planes([CHINESE, "plain"])
    with pytest.warns(
        UserWarning,
        match=f"no installed font has the characters {''.join(sorted(CHINESE))}.*figures.font",
    ):
        style.save_figure(figure, tmp_path / "a.png", dpi=40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        style.save_figure(planes(["äöüß é Ω ≤ ★ م"]), tmp_path / "b.png", dpi=40)
    fonts._find_fonts.cache_clear()


def test_an_installed_font_is_found_for_letters(tmp_path, font_file):
    matplotlib.font_manager.fontManager.addfont(font_file)
    forget()
    figure = planes([CHINESE, "plain"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        style.save_figure(figure, tmp_path / "a.png", dpi=40)
        style.save_figure(figure, tmp_path / "a.pdf")
    named = [text for text in figure.findobj(Text) if text.get_text() == CHINESE]
    assert "Two Letters" in named[0].get_fontfamily()


def test_a_font_is_chosen_by_its_file_or_family(tmp_path, font_file):
    with fonts.chosen_font(str(font_file)):
        assert fonts.font_families()[:2] == ("Two Letters", "DejaVu Sans")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            style.save_figure(planes([CHINESE]), tmp_path / "a.png", dpi=40)
    with fonts.chosen_font("Two Letters"):
        pass
    assert fonts.font_families()[0] == "DejaVu Sans"
    with (
        pytest.raises(
            ConfigError, match=r"no font 'DejaVu Sanz' is installed; did you mean 'DejaVu Sans"
        ),
        fonts.chosen_font("DejaVu Sanz"),
    ):
        pass
    with pytest.raises(ConfigError, match="cannot be read"), fonts.chosen_font("nowhere.ttf"):
        pass


def draw_named(inputs, parameters):
    """Draw a figure with a name that is a parameter."""
    return planes([parameters["name"], "plain"])


def test_a_job_tells_on_the_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(fonts, "_installed", lambda: {"DejaVu Sans": PLAIN})
    fonts._find_fonts.cache_clear()
    figure = {"module": __name__, "inputs": [], "parameters": {"name": CHINESE}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        draw_figures({"named": figure}, {}, tmp_path)
    assert capsys.readouterr().err.count("no installed font has the characters") == 1
    fonts._find_fonts.cache_clear()
    monkeypatch.undo()
    named = figure | {"font": "No Such Font"}
    with pytest.raises(ConfigError, match=r"figures.font: no font 'No Such Font'"):
        draw_figures({"named": named}, {}, tmp_path)
