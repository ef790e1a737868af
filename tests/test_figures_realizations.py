"""Figures of all realizations, and of who agrees with whom."""

from itertools import product

import numpy as np
import oracles_figures as page
import pandas as pd
import pytest

from kohorte import store
from kohorte.analysis.choice import choose_settings
from kohorte.errors import ConfigError
from kohorte.figures.agreement import agreement_figure, draw_effects, parameter_effects_figure
from kohorte.figures.levels import colour_realizations, find_levels
from kohorte.figures.quality import quality_figure
from kohorte.figures.realizations import clusters_figure
from kohorte.figures.words import parameter_word

SWEEP = np.array(list(product([38, 40, 42], [14, 16], [0.1, 0.5], [1e4, 5e4, 1e5])))
PARAMETERS = dict(zip(["xdim", "ydim", "alpha", "steps"], SWEEP.T.tolist(), strict=True))


def draw(n):
    rng = np.random.default_rng(4)
    many = {
        "learning rate": rng.random(n),
        "segmentation": rng.choice(["basins", "agglomerative", "gaussian_mixture"], n),
        "steps": rng.choice([10000, 50000, 100000, 5000000], n),
        "fixed": [1] * n,
    }
    return rng, many


@pytest.mark.parametrize(
    ("n", "colour"),
    [(1, "steps"), (3, "learning rate"), (36, "segmentation"), (36, "fixed"), (36, None)]
    + [(1000, "learning rate"), (1000, "steps")],
)
def test_quality_figure_is_readable(n, colour):
    rng, many = draw(n)
    styles = {"colour_by": many.get(colour), "colour_name": colour or ""}
    styles |= {"marker_by": many["segmentation"], "marker_name": "segmentation"}
    figure = quality_figure(rng.random(n), rng.random(n), highlight=0, **styles)
    assert "representative realization" in page.readable(figure)


def test_quality_figure_of_equal_maps():
    figure = quality_figure([0.3] * 3, [0.0] * 3, colour_by=["a", None, "b"], colour_name="start")
    text = page.readable(figure)
    assert all(f"start {value}" in text for value in ("none", "a", "b"))


def draw_sweep(metrics, repeats):
    """A table of realizations over parameters with long names, and its settings."""
    rng = np.random.default_rng(1)
    swept = {
        "metric": metrics,
        "radius_schedule": ["inverse_time", "exponential", None],
        "kernel": ["truncated_gaussian", "mexican_hat"],
        "kernel_distance": ["euclidean", "links"],
        "final_radius": [0.5, 1.5, 2.25],
        "periodic": [True, False],
    }
    rows = [values for values in product(*swept.values()) for _ in range(repeats)]
    table = pd.DataFrame(rows, columns=list(swept))
    table.insert(0, "id", [f"r{k}" for k in range(len(table))])
    fixed = {"xdim": 9, "trainer": "batch", "epochs": 9, "learning_rate": "decay"}
    table = table.assign(**fixed, patience=None, method="basins")
    table["qe"] = rng.random(len(table)) + 0.1
    table["te"] = 1.1 - table["qe"] + 0.2 * rng.random(len(table))
    names = [name for name, values in swept.items() if len(values) > 1]
    return table, names, choose_settings(table, names).settings


@pytest.mark.parametrize("metrics", [["cosine"], ["euclidean", "manhattan", "chebyshev"]])
@pytest.mark.parametrize("repeats", [1, 3])
def test_quality_figure_names_the_recommended_settings(metrics, repeats):
    table, names, settings = draw_sweep(metrics, repeats)
    styles = {"colour_name": "radius_schedule", "marker_name": "kernel_distance"}
    styles |= {f"{name[:-4]}by": table[column].tolist() for name, column in styles.items()}
    options = {"metric": table["metric"].tolist(), "settings": settings, "highlight": 3}
    figure = quality_figure(table["qe"], table["te"], **styles, **options)
    text = page.readable(figure)
    assert text.count("recommended") == len(metrics)
    assert all(parameter_word(name).split()[-1] in text for name in names)
    assert all(metric in text for metric in metrics)
    assert ("mean of a setting" in text) == (repeats > 1)
    stars = [line for axes in figure.axes for line in axes.lines if line.get_marker() == "*"]
    best = settings[settings["recommended"]].sort_values("qe_mean")
    at = sorted((float(x), float(y)) for x, y in (line.get_xydata()[0] for line in stars))
    np.testing.assert_allclose(at, best[["qe_mean", "te_mean"]])


def test_the_front_joins_settings_that_none_betters():
    table, _, settings = draw_sweep(["cosine"], 1)
    figure = quality_figure(table["qe"], table["te"], settings=settings)
    line = next(line for line in figure.axes[0].lines if line.get_drawstyle() == "steps-post")
    x, y = line.get_xydata().T
    assert (np.diff(x) >= 0).all()
    assert (np.diff(y) <= 0).all()
    for qe, te in zip(table["qe"], table["te"], strict=True):
        if qe >= x[0]:
            assert te >= y[np.searchsorted(x, qe, side="right") - 1]
    assert x[0] == table["qe"].min()


def test_errors_begin_at_zero_and_one_setting_is_not_recommended():
    table = pd.DataFrame({"qe": [0.3, 0.4], "te": [0.0, 0.0]})
    settings = pd.DataFrame(
        {"repeats": [2], "qe_mean": [0.35], "te_mean": [0.0], "pareto": [True]}
    ).assign(recommended=True)
    figure = quality_figure(table["qe"], table["te"], settings=settings)
    text = page.readable(figure)
    assert "recommended" not in text
    assert "Pareto" not in text
    assert min(figure.axes[0].get_yticks()) == 0


def test_quality_figure_says_which_maps_it_cannot_show():
    figure = quality_figure([0.3, 2.0, 0.4], [0.1, np.nan, 0.2])
    assert "not shown: 1 of 3" in page.texts(figure)
    assert "not shown: 2 of 2" in page.texts(quality_figure([0.3, 0.4], [np.nan] * 2))


@pytest.mark.parametrize("n", [1, 3, 1000])
def test_clusters_figure_is_readable(n):
    rng, many = draw(n)
    text = page.readable(clusters_figure(rng.poisson(60, n) + 1, many))
    assert ("1 realization" in text) == (n == 1)
    assert ("training steps" in text) == (n > 1)
    assert "fixed" not in text


def test_clusters_figure_counts_the_realizations_of_each_value():
    counts = np.arange(36) % 4 + 2
    figure = clusters_figure(counts, PARAMETERS)
    assert not page.text_faults(figure)
    shown = [image.get_array()[0] for image in figure.axes[0].images]
    rows = [np.ones(36, bool)]
    rows += [np.asarray(v) == x for v in PARAMETERS.values() for x in sorted(set(v))]
    assert len(shown) == len(rows) == 1 + 3 + 2 + 2 + 3
    for image, chosen in zip(shown, rows, strict=True):
        expected = np.bincount(counts[chosen], minlength=6)[2:]
        np.testing.assert_allclose(image, expected / expected.sum())
    assert "lattice columns   38" in page.texts(figure)


def test_clusters_figure_without_a_sweep_is_a_histogram():
    figure = clusters_figure(np.arange(36, dtype=np.uint8) % 4 + 2)
    assert figure.axes[0].patches[0].get_data().values.tolist() == [9] * 4
    assert "36 realizations" in page.readable(figure)


def test_clusters_figure_says_how_many_parameters_it_does_not_show():
    n = 30
    parameters = {f"parameter {k}": np.arange(n) % 3 for k in range(18)}
    figure = clusters_figure(np.arange(n) % 5, parameters)
    assert "4 further parameters not shown" in page.readable(figure)


def test_lengths_must_agree():
    with pytest.raises(ConfigError, match="topographic_error has 1 entries for 2 realizations"):
        quality_figure([1, 2], [1])
    with pytest.raises(ConfigError, match="alpha has 2 entries for 1 realizations"):
        clusters_figure([1], {"alpha": [1, 2]})
    with pytest.raises(ConfigError, match="alpha has 2 entries for 1 realizations"):
        agreement_figure(np.ones((1, 1)), {"alpha": [1, 2]})


def test_levels_are_ordered_as_numbers_or_as_texts():
    levels = find_levels([10.0, 9.0, 10.0])
    assert levels.labels == ("9", "10")
    assert levels.index.tolist() == [1, 0, 1]
    assert find_levels(["b", None, "a"]).labels == ("a", "b", "none")
    assert find_levels([0.123451, 0.123452]).labels == ("0.123451", "0.123452")
    many = find_levels([f"v{k:02}" for k in range(20)])
    assert len(many.labels) == 16
    assert many.labels[-1] == "5 other values"
    assert many.index.max() == 15


def test_levels_of_columns_as_tables_keep_them():
    levels = find_levels(np.array([0.5, np.nan, 0.1]))  # one value was left to the default
    assert levels.labels == ("0.1", "0.5", "none")
    assert not levels.numeric
    assert levels.index.tolist() == [1, 2, 0]
    assert find_levels(np.array([True, False])).labels == ("false", "true")
    texts = find_levels(["10000", "5000", "100000"])  # in a column with other texts
    assert texts.labels == ("5,000", "10,000", "100,000")
    assert texts.numeric
    assert find_levels(["True", "False"]).labels == ("false", "true")


def test_realizations_are_coloured_by_level_or_along_a_bar():
    assert colour_realizations(3, [1, 1, 1], "a").entries == []
    few = colour_realizations(3, [1, 2, 1], "a")
    assert [text for text, _ in few.entries] == ["a 1", "a 2"]
    np.testing.assert_array_equal(few.colours[0], few.colours[2])
    many = colour_realizations(20, np.arange(20), "a")
    assert many.entries == []
    np.testing.assert_allclose(many.bar.to_rgba(np.arange(20)), many.colours)


@pytest.mark.parametrize("n", [1, 2, 36, 300])
@pytest.mark.parametrize("by", ["similarity", "parameters"])
def test_agreement_figure_is_readable(n, by):
    rng, many = draw(n)
    matrix = rng.uniform(-0.2, 1, (n, n))
    parameters = {k: v[:n] for k, v in PARAMETERS.items()} if n == 36 else many
    text = page.readable(agreement_figure(matrix, parameters, by=by))
    assert ("segmentation" in text) == (n == 300)
    assert ("learning rate" in text) == (n > 1)


def test_agreement_is_sorted_by_the_parameters_and_each_pair_is_shown_once():
    matrix = np.array([[1, 0.1, 0.2], [0.1, 1, 0.3], [0.2, 0.3, 1]])
    figure = agreement_figure(matrix, {"alpha": [3, 1, 2]}, by="parameters")
    image = figure.axes[0].images[0].get_array()
    expected = np.tril(matrix[np.ix_([1, 2, 0], [1, 2, 0])])
    np.testing.assert_array_equal(image.filled(0), expected)
    assert image.mask.sum() == 3
    with pytest.raises(ConfigError, match="order of realizations"):
        agreement_figure(matrix, by="size")


def test_realizations_that_agree_are_beside_each_other():
    camp = np.array([0, 1, 0, 1, 1, 0])
    matrix = np.where(camp[:, None] == camp, 0.9, 0.2) + 0.1 * np.eye(6)
    image = agreement_figure(matrix).axes[0].images[0].get_array()
    np.testing.assert_allclose(image[:3, :3].compressed(), [1, 0.9, 1, 0.9, 0.9, 1])
    np.testing.assert_allclose(image[3:, :3].compressed(), 0.2)


def test_realizations_that_are_all_alike_need_no_matrix():
    text = page.readable(agreement_figure(np.ones((20, 20))))
    assert text == "all 20 realizations have the same clusters"


def effects(rows):
    return pd.DataFrame(rows, columns=EFFECTS)


EFFECTS = ["parameter", "first", "second", "agreement", "within", "between", "p_value"]
EFFECTS += ["chance_low", "chance_high"]


def test_parameter_effects_are_differences_beside_those_of_chance():
    rows = [("steps", 1, 2, 0.5, 0.8, 0.7, 0.001, -0.02, 0.03)] * 3
    rows += [("a rather long name of a parameter", 1, 1, 0.5, 0.6, 0.7, 0.75, -0.04, 0.03)]
    rows += [("once", 1, 1, np.nan, np.nan, 0.7, np.nan, np.nan, np.nan)]
    figure = parameter_effects_figure(effects(rows))
    assert "0.80, 0.70   p = 0.001" in page.readable(figure)
    points = next(line for line in figure.axes[0].lines if line.get_marker() == "o")
    np.testing.assert_allclose(points.get_xdata(), [0.1, -0.1])
    segments = figure.axes[0].collections[0].get_segments()
    np.testing.assert_allclose([s[:, 0] for s in segments], [[-0.02, 0.03], [-0.04, 0.03]])


def test_swept_values_that_came_to_one_are_drawn_as_a_note(tmp_path):
    store.write_csv(effects([]), tmp_path / "effects.csv")
    figure = draw_effects({"effects": tmp_path / "effects.csv"}, {})
    assert page.texts(figure) == "no parameter differs between maps"
    assert not page.text_faults(figure)
    rows = [("once", 1, 1, np.nan, np.nan, 0.7, np.nan, np.nan, np.nan)]
    assert "no two maps share" in page.readable(parameter_effects_figure(effects(rows)))
