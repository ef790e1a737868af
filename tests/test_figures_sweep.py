"""Figure of a sweep: panels for every kind of parameter, and what they show."""

import itertools

import numpy as np
import oracles_figures as page
import pandas as pd
import pytest

from kohorte.errors import ConfigError
from kohorte.figures.style import title_of
from kohorte.figures.sweep import MEASURES, sweep_figure
from kohorte.figures.words import parameter_word
from kohorte.maps.parameters import PARAMETERS

METRICS = list(PARAMETERS["metric"].names)


def make_table(without=(), **parameters):
    """One row a combination of the parameters; the first row is recommended."""
    rows = [
        dict(zip(parameters, values, strict=True))
        for values in itertools.product(*parameters.values())
    ]
    table = pd.DataFrame(rows)
    rng = np.random.default_rng(2)
    for name in MEASURES:
        table[name] = np.nan if name in without else rng.random(len(table))
    return table.assign(n_groups=rng.integers(2, 5, len(table)), recommended=table.index == 0)


def draw(table, **parameters):
    return sweep_figure(table, list(parameters))


def panel(figure, title):
    (found,) = [axes for axes in figure.axes if title in title_of(axes)]
    return found


@pytest.mark.parametrize(
    ("parameters", "n_axes"),
    [
        ({"steps": [1000]}, 8),
        ({"xdim": [5, 7], "ydim": [4, 6], "alpha": [0.1, 0.5]}, 16 + 8),
        ({"alpha": [0.1, 0.2, 0.3, 0.5], "xdim": [15, 20, 25, 30], "ydim": [8, 16]}, 32 + 8),
        ({"xdim": range(5, 45), "ydim": range(4, 34)}, 8 + 8),
        ({"xdim": [5, 7], "ydim": [4, 6], "metric": METRICS}, 16 + 8),
        ({"metric": METRICS}, 8),
        ({"metric": METRICS, "steps": [1000, 10_000, 100_000]}, 8),
        ({"kernel": ["gaussian", "bubble"], "radius": [2.5, np.nan]}, 8),
        ({"steps": [10**k for k in range(2, 13)], "alpha": np.arange(1, 13) / 50}, 8 + 1),
        ({"periodic": [True, False], "order": ["shuffled"]}, 8),
    ],
)
def test_sweep_figure_is_readable(parameters, n_axes):
    figure = draw(make_table(**parameters), **parameters)
    assert not page.text_faults(figure)
    assert len(figure.axes) == n_axes
    assert figure.get_figwidth() == pytest.approx(7.2)
    assert figure.get_figheight() <= 9
    text = page.texts(figure)
    assert all(title in text for title in MEASURES.values())
    words = [parameter_word(name) for name in parameters if len(parameters[name]) > 1]
    assert all(word in text.replace("\N{NO-BREAK SPACE}", " ").lower() for word in words)
    assert ("recommended:" in text) == (len(make_table(**parameters)) > 1)


def test_heat_maps_show_the_table():
    parameters = {"alpha": [0.5, 0.1], "ydim": [6, 4, 9], "xdim": [7, 5]}
    table = make_table(**parameters)
    shown = table.drop(index=3)  # alpha 0.5, ydim 4, xdim 5 was not made
    figure = draw(shown, **parameters)
    first = panel(figure, "Agreement of maps")
    assert title_of(first).endswith("learning rate 0.1")
    second = figure.axes[figure.axes.index(first) + 1]
    values = table.set_index(["alpha", "ydim", "xdim"])["agreement"]
    for axes, alpha in ((first, 0.1), (second, 0.5)):
        image = axes.images[0]
        assert image.origin == "lower"
        assert image.get_clim() == (shown["agreement"].min(), shown["agreement"].max())
        for (j, y), (i, x) in itertools.product(enumerate([4, 6, 9]), enumerate([5, 7])):
            drawn = image.get_array()[j, i]
            missing = (alpha, y, x) == (0.5, 4, 5)
            assert drawn is np.ma.masked if missing else drawn == values[alpha, y, x]
    # The recommended setting is alpha 0.5, ydim 6, xdim 7.
    assert [len(axes.lines[0].get_xdata()) for axes in (first, second)] == [0, 1]
    assert second.lines[0].get_xydata().tolist() == [[1, 1]]


def test_heat_maps_and_lines_show_means_of_large_sweeps():
    parameters = {"xdim": [5, 7], "ydim": [4, 6], "steps": [10, 1000, 20], "alpha": [0.1, 0.5]}
    table = make_table(**parameters)
    figure = draw(table, **parameters)
    heat, lines = (a for a in figure.axes if "Stability" in title_of(a))
    means = table.groupby(["ydim", "xdim"])["jaccard"].mean().to_numpy().reshape(2, 2)
    np.testing.assert_allclose(heat.images[0].get_array(), means, rtol=1e-14)
    assert lines.get_xlabel() == "Training steps"
    assert lines.get_xscale() == "log"
    for line, alpha in zip(lines.lines[:2], [0.1, 0.5], strict=True):
        means = table[table["alpha"] == alpha].groupby("steps")["jaccard"].mean()
        assert line.get_xdata().tolist() == [10, 20, 1000]
        np.testing.assert_allclose(line.get_ydata(), means, rtol=1e-14)
    star = lines.lines[2].get_xydata()
    np.testing.assert_array_equal(star, lines.lines[0].get_xydata()[:1])
    text = page.texts(figure)
    assert "heat maps: means over training steps, learning rate" in text
    assert "lines: means over lattice columns, lattice rows" in text


def test_texts_are_not_joined_by_lines():
    parameters = {"metric": METRICS}
    table = make_table(**parameters)
    figure = draw(table, **parameters)
    axes = panel(figure, "Topographic error")
    assert axes.lines[0].get_linestyle() == "None"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == sorted(METRICS)
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), table.sort_values("metric")["te_mean"])
    assert "different metrics cannot be compared" in page.texts(figure)


def test_quantization_errors_are_relative_within_a_metric():
    parameters = {"steps": [10, 100], "metric": ["cosine", "euclidean"]}
    table = make_table(**parameters)
    table.loc[table["metric"] == "cosine", "qe_mean"] /= 1000
    axes = panel(draw(table, **parameters), "Quantization error")
    for line in axes.lines[:2]:
        assert line.get_ydata().mean() == pytest.approx(1)


def test_measures_without_a_value_have_no_panel():
    parameters = {"alpha": [0.1, 0.5]}
    figure = draw(make_table(("ari", "agreement"), **parameters), **parameters)
    assert len(figure.axes) == 6
    text = page.texts(figure)
    assert "ARI" not in text
    assert "Agreement of maps" not in text


def test_no_star_where_all_are_recommended():
    parameters = {"merge": [0.2, 0.3]}
    table = make_table(**parameters).assign(recommended=True)
    assert "recommended" not in page.texts(draw(table, **parameters))


def test_tables_that_cannot_be_drawn_are_refused():
    table = make_table(alpha=[0.1, 0.5])
    with pytest.raises(ConfigError, match="the table lacks steps, jaccard"):
        sweep_figure(table.drop(columns="jaccard"), ["alpha", "steps"])
    with pytest.raises(ConfigError, match="with 0 settings cannot be drawn"):
        sweep_figure(table[:0], ["alpha"])
    with pytest.raises(ConfigError, match="over 0 parameters"):
        sweep_figure(table, [])
