"""Maps of colours: the tables, where names land, the two figures, and new colours."""

import numpy as np
import pytest
import yaml
from oracles_figures import text_faults
from planning import plan_config

from kohorte.command.checking import check_study
from kohorte.data.generated import COLOURS, PARTNER_PLACES
from kohorte.data.sources import read_table
from kohorte.errors import ConfigError, DataError
from kohorte.figures.schedules import MOST_STEPS, schedule_figure, schedule_of
from kohorte.figures.style import TITLE
from kohorte.maps.lattice import Lattice
from kohorte.maps.realization import MapParameters, run_realization
from kohorte.maps.resolve import resolve_parameters
from kohorte.maps.winners import find_winners
from kohorte.studies.colours.figures import MOST_NAMES, check_colours, colours_figure


@pytest.fixture
def planned(root, schema):
    """The plan of a study in config/, with keys changed."""

    def make(name, **changes):
        config = yaml.safe_load((root / f"config/{name}.yaml").read_text())
        for key, values in changes.items():
            config[key] = {**config[key], **values}
        return plan_config(config, schema)

    return make


@pytest.fixture(scope="module")
def parameters():
    """The tutorial's map, as docs/explanation/maps.md says it."""
    rates = {"alpha": 0.3, "final_alpha": 0.0, "learning_rate": "linear"}
    radii = {"radius": 15.0, "final_radius": 0.0, "radius_schedule": "linear"}
    kernel = {"kernel": "gaussian_e", "kernel_distance": "euclidean"}
    known = {"epochs": 400, "order": "sequential", "initial": "normal", "merge": 0.0}
    return MapParameters(30, 20, **rates, **radii, **kernel, **known)


def test_the_table_has_the_fifteen_colours():
    table = read_table("generated:colours")
    assert table.names == ("red", "green", "blue")
    assert table.values.shape == (15, 3)
    named = dict(zip(np.array(table.label_names)[table.labels], table.values.tolist(), strict=True))
    assert named == {name: list(values) for name, values in COLOURS.items()}
    assert named["violet"] == [1, 0, 1]


def test_the_six_dimensional_table_has_each_colour_on_each_side_once():
    table, colours = read_table("generated:colours6d"), list(COLOURS)
    assert table.names[0] == "left_red"
    assert table.names[5] == "right_blue"
    pairs = [str(pair).split("/") for pair in np.array(table.label_names)[table.labels]]
    assert [left for left, _ in pairs] == colours
    assert sorted(right for _, right in pairs) == sorted(colours)
    for (left, right), row in zip(pairs, table.values, strict=True):
        assert colours.index(right) == (colours.index(left) + PARTNER_PLACES) % 15
        np.testing.assert_array_equal(row, COLOURS[left] + COLOURS[right])


def test_generated_sources_that_do_not_exist_are_named():
    says = "unknown generated data set 'colors'; did you mean 'colours"
    with pytest.raises(DataError, match=says):
        read_table("generated:colors")
    with pytest.raises(ConfigError, match="brings its own labels"):
        read_table("generated:colours", label="red")


def test_the_study_is_the_published_map(planned, parameters):
    study = planned("colours")
    assert len(study.realizations) == 20
    values = read_table("generated:colours").values
    assert resolve_parameters(study.realizations[0].parameters, values) == parameters


@pytest.mark.parametrize(("source", "farthest"), [("colours", 0.03), ("colours6d", 0.03)])
def test_every_name_lands_on_its_colour(planned, source, farthest):
    """For all twenty seeds of the study: black and white are sqrt(3) apart."""
    values = read_table(f"generated:{source}").values
    for plan in planned(source).realizations:
        found = run_realization(
            values, resolve_parameters(plan.parameters, values), plan.seed, quality_rows=10
        )
        away = np.linalg.norm(found.weights[found.winners] - values, axis=1)
        assert away.max() < farthest, plan.id
        assert len(set(found.winners.tolist())) == len(set(found.labels.tolist())) == 15


def test_vectors_of_another_dimension_are_refused(tmp_path):
    weights = np.zeros((6, 3), np.float32)
    with pytest.raises(DataError, match="25 features"):
        find_winners(np.zeros((1, 25)), weights)
    path = tmp_path / "new.csv"
    path.write_text("red,green\n1,0\n")
    with pytest.raises(DataError, match="no feature 'blue'"):
        read_table(path, features=["red", "green", "blue"], least_rows=1)


@pytest.fixture(scope="module")
def trained(parameters):
    found = {}
    for source in ("colours", "colours6d"):
        table = read_table(f"generated:{source}")
        found[source] = table, run_realization(table.values, parameters, 1)
    return found


def draw(trained, source, parameters, copies=1):
    table, map_ = trained[source]
    names = [str(name) for name in np.array(table.label_names)[table.labels]]
    winners = np.tile(map_.winners, copies)
    away = np.linalg.norm(table.values - map_.weights[map_.winners], axis=1)
    distances = np.tile(np.stack([away, 2 * away]), (1, copies))
    shown = {"winners": winners, "names": names * copies, "distances": distances, "highlight": 1}
    figure = colours_figure(map_.weights, parameters.lattice, table.names, **shown)
    return figure, (names, away)


def test_the_figure_has_the_weights_for_colours_and_all_names(trained, parameters):
    figure, (names, away) = draw(trained, "colours", parameters)
    assert text_faults(figure) == []
    image, strip = figure.axes
    (cells,) = image.collections
    shown = cells.get_facecolors()[:, :3]
    np.testing.assert_allclose(shown, np.clip(trained["colours"][1].weights, 0, 1), atol=1e-6)
    written = [text.get_text() for text in image.texts if text.get_gid() != TITLE]
    assert sorted(written) == sorted(names)
    np.testing.assert_allclose(strip.lines[-1].get_xdata(), 2 * away)


def test_six_features_are_four_slices(trained, parameters):
    figure, _ = draw(trained, "colours6d", parameters)
    assert text_faults(figure) == []
    weights = np.clip(trained["colours6d"][1].weights, 0, 1)
    assert len(figure.axes) == 5
    for k, axes in enumerate(figure.axes[:4]):
        shown = axes.collections[0].get_facecolors()[:, :3]
        np.testing.assert_allclose(shown, weights[:, k : k + 3], atol=1e-6)
        written = [text.get_text() for text in axes.texts if text.get_gid() != TITLE]
        assert written[:2] == ["1", "2"]


def test_many_points_are_not_named(trained, parameters):
    figure, _ = draw(trained, "colours", parameters, copies=MOST_NAMES // 15 + 1)
    (image,) = figure.axes
    assert all(text.get_gid() == TITLE for text in image.texts)
    assert len(image.lines[0].get_xdata()) > MOST_NAMES


def test_what_is_no_colour_is_refused(trained, parameters):
    check_colours(np.array([[0, 1, 0.5]]), ["r", "g", "b"])
    with pytest.raises(ConfigError, match="feature 'g' has 255 in point 1"):
        check_colours(np.array([[0, 1, 0], [0, 255, 0]]), ["r", "g", "b"])
    shown = {"winners": np.zeros(1, int), "names": ["x"], "distances": np.zeros((1, 1))}
    with pytest.raises(ConfigError, match="three features or more"):
        colours_figure(np.zeros((4, 2)), Lattice(2, 2), ["a", "b"], highlight=0, **shown)


def test_figures_that_a_study_cannot_have_are_refused_before_it_runs(planned, schema):
    with pytest.raises(ConfigError, match=r"'colours' cannot be drawn: red.* names 2"):
        planned("colours", data={"features": ["red", "blue"]})
    labels = {"realizations": {"labels": ["a.npy", "b.npy"]}, "figures": {"extra": ["schedule"]}}
    with pytest.raises(ConfigError, match="'schedule' cannot be drawn: the real"):
        plan_config({"study": "a", **labels}, schema)


def test_schedules_are_those_of_the_tutorial(parameters):
    """Iteration t of T: 0.3 (1 - t/T) and 15 (1 - t/T)."""
    step, alpha, radius = schedule_of(parameters, 15)
    np.testing.assert_array_equal(step, np.arange(400))
    np.testing.assert_allclose(alpha, 0.3 * (1 - step / 400))
    np.testing.assert_allclose(radius, 15 * (1 - step / 400))
    figure = schedule_figure([parameters, parameters], n_points=15)
    assert text_faults(figure) == []
    rates, radii, pull = figure.axes
    assert len(rates.lines) == len(radii.lines) == 1  # repeats are drawn once
    np.testing.assert_allclose(rates.lines[0].get_ydata(), alpha)
    d, h = pull.lines[2].get_data()  # half way
    np.testing.assert_allclose(h, 0.15 * np.exp(-(d**2) / 7.5**2))


@pytest.mark.parametrize(
    ("own", "length"),
    [
        ({"trainer": "batch", "epochs": 6, "fine_epochs": 3}, 6 + 2),
        ({"trainer": "minibatch", "epochs": 3, "batch_size": 40}, 3 * 3),
        ({"steps": 10**12}, MOST_STEPS),
        ({"steps": 30, "alpha": 0.5}, 30),
    ],
)
def test_every_trainer_has_a_schedule_to_draw(own, length):
    parameters = MapParameters(xdim=9, ydim=5, **own)
    step, alpha, radius = schedule_of(parameters, 100)
    assert len(step) == len(alpha) == len(radius) == length
    assert (np.diff(step) > 0).all()
    assert (np.diff(radius) <= 0).all()
    assert np.isnan(alpha).all() == (parameters.trainer == "batch")
    both = [parameters, MapParameters(xdim=9, ydim=5, **own | {"initial": "sample"})]
    figure = schedule_figure(both, n_points=100, colour_by=[1, 2], colour_name="x")
    assert text_faults(figure) == []


def test_tables_of_no_colours_are_refused_before_any_map(tmp_path):
    def faults(values):
        np.savetxt(tmp_path / "t.csv", values, delimiter=",", header="r,g,b", comments="")
        data = {"source": str(tmp_path / "t.csv")}
        study = {"study": "a", "recipe": "published", "data": data}
        return check_study(study | {"figures": {"extra": ["colours"]}}).faults

    shares = np.random.default_rng(1).random((40, 3)).round(3)
    shares[:2] = [[0], [1]]
    assert faults(shares) == []
    shares[7, 1] = 255
    (fault,) = faults(shares)
    assert fault.startswith("figures.extra: 'colours' cannot be drawn: values of colours are from")
    assert "feature 'g' has 0 to 255; divide" in fault
