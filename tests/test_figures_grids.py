"""The figure of a grid, and the grid that a source knows, through data.h5."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from kohorte.data.prepared import prepare_data
from kohorte.data.table import Cells
from kohorte.errors import ConfigError
from kohorte.figures.grids import group_map_figure
from kohorte.figures.style import EMPTY, group_colour
from kohorte.store import read_data, write_data
from kohorte.study.config import check_config

RISING = Cells((2, 3), ("lat", "lon"), {"lat": np.array([10.0, 20.0]), "lon": np.arange(3.0)})
FALLING = Cells((2, 3), ("y", "x"), {"y": np.array([20.0, 10.0]), "x": np.arange(3.0)}, {"y": "m"})


def colours_at(figure, x, y):
    """Colour that the first panel has at a place in its coordinates."""
    figure.canvas.draw()
    image = figure.axes[0].images[0]
    column, row = figure.axes[0].transData.transform((x, y))
    found = np.asarray(figure.canvas.buffer_rgba())[-int(row) - 1, int(column)] / 255
    assert image.get_rasterized()
    return found


@pytest.mark.parametrize("cells", [RISING, FALLING])
def test_cells_lie_at_their_coordinates(cells):
    labels, rows = np.array([0, 1, 2, 0], dtype=np.uint8), np.array([0, 1, 3, 5])
    figure = group_map_figure(labels, rows, cells, np.ones(4))
    first, second = cells.coordinates[cells.axes[0]]
    expected = {(0, first): 0, (1, first): 1, (0, second): 2, (2, second): 0}
    for (x, y), group in expected.items():
        np.testing.assert_allclose(
            colours_at(figure, x, y), to_rgba(group_colour(group)), atol=0.01
        )
    np.testing.assert_allclose(colours_at(figure, 2, first), to_rgba(EMPTY), atol=0.01)
    axes = figure.axes[0]
    assert axes.get_ylim()[0] < axes.get_ylim()[1]  # north is up
    assert axes.get_ylabel() == ("lat" if cells is RISING else "y (m)")
    assert len(figure.axes) == 1  # nothing to be said of confidence
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["group 0 (2)", "group 1 (1)", "group 2 (1)", "no data"]


def test_confidence_has_a_panel_where_it_varies():
    figure = group_map_figure(np.zeros(4, int), np.arange(4), Cells((2, 2)), np.full(4, 0.75))
    assert len(figure.axes) == 3  # with the colour bar
    assert figure.axes[0].get_ylabel() == "y (row)"
    assert figure.axes[0].get_ylim() == (1.5, -0.5)  # rows downwards, as of an image


def test_a_cut_of_three_axes_large_grids_and_what_is_no_grid():
    labels = np.repeat([0, 1, 2], 4)
    figure = group_map_figure(labels, np.arange(12), Cells((3, 2, 2)), np.ones(12))
    np.testing.assert_allclose(colours_at(figure, 0, 0), to_rgba(group_colour(1)), atol=0.01)
    figure = group_map_figure(np.zeros(1500, int), np.arange(1500), Cells((1500, 1)), np.ones(1500))
    assert figure.axes[0].images[0].get_array().shape[:2] == (750, 1)
    figure = group_map_figure(np.zeros(2, int), np.arange(2), None, np.ones(2))
    assert "no cells" in figure.texts[0].get_text()
    with pytest.raises(ConfigError, match="no cell 9"):
        group_map_figure(np.zeros(1, int), np.array([9]), Cells((2, 2)), np.ones(1))


def test_spans_are_those_of_even_cells():
    assert RISING.span(0) == (5, 25)
    assert FALLING.span(0) == (25, 5)
    assert Cells((3, 1), ("a", "b"), {"a": np.array([1.0, 2.0, 4.0])}).span(0) is None
    assert Cells((3, 1)).span(0) is None


def test_a_grid_with_cells_without_data_is_known(tmp_path, schema):
    rasterio = pytest.importorskip("rasterio")
    values = np.random.default_rng(0).integers(1, 9, size=(2, 4, 5), dtype=np.uint8)
    values[:, 0, 2] = 0
    place = rasterio.Affine(30, 0, 500, 0, -30, 900)
    how = {"driver": "GTiff", "height": 4, "width": 5, "count": 2, "dtype": "uint8", "nodata": 0}
    with rasterio.open(tmp_path / "t.tif", "w", transform=place, crs="EPSG:32617", **how) as file:
        file.write(values)
    data = {"source": str(tmp_path / "t.tif"), "missing": "drop"}
    options = check_config({"study": "a", "data": data}, schema)["data"]
    table = prepare_data(options, seed=1)
    write_data(tmp_path / "data.h5", table, options=options)
    found = read_data(tmp_path / "data.h5")
    assert found.shape is None  # not all cells are points
    assert found.cells.shape == (4, 5)
    assert found.cells.axes == ("y", "x")
    assert found.cells.units == {"y": "metre", "x": "metre"}
    np.testing.assert_allclose(found.cells.coordinates["y"], [885, 855, 825, 795])
    np.testing.assert_array_equal(found.rows, np.delete(np.arange(20), 2))
