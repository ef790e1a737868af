import numpy as np
import oracles_maps as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohorte.errors import ConfigError, DataError
from kohorte.maps.lattice import Lattice, pca_ratio, suggest_size

sides = st.integers(1, 6)


@given(sides, sides)
def test_neighbours_are_those_of_the_definition_in_tie_order(xdim, ydim):
    table = Lattice(xdim, ydim).neighbours()
    for node, row in enumerate(table):
        assert [k for k in row if k >= 0] == oracle.neighbours(node, xdim, ydim)


@given(sides, sides)
def test_are_neighbours_agrees_with_unit_chebyshev_distance(xdim, ydim):
    lattice = Lattice(xdim, ydim)
    nodes = np.arange(lattice.n_nodes)
    linked = lattice.are_neighbours(nodes[:, None], nodes)
    np.testing.assert_array_equal(linked, lattice.distances_from(nodes, "chebyshev") == 1)


def test_absent_nodes_are_nobodys_neighbours():
    assert not Lattice(2, 2).are_neighbours([0, -1, -1], [-1, 0, -1]).any()


def test_distances_and_coordinates():
    lattice = Lattice(4, 3)
    np.testing.assert_array_equal(lattice.coordinates()[6], [2, 1])
    assert lattice.distances_from(0)[11] == pytest.approx(np.sqrt(13))
    assert lattice.distances_from(0, "chebyshev")[11] == 3


def test_shared_tables_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        Lattice(2, 2).neighbours()[0, 0] = 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 3), "xdim must be at least 1"),
        ((3, -1), "ydim must be at least 1"),
        ((2.5, 3), "xdim must be an integer"),
        ((True, 3), "xdim must be an integer"),
        ((2, 3, "spherical"), "unknown topology 'spherical'; choose one of rectangular"),
    ],
)
def test_bad_lattices(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Lattice(*arguments)


def test_unknown_lattice_distance():
    with pytest.raises(ConfigError, match="unknown lattice distance"):
        Lattice(2, 2).distances_from(0, "taxi")


@pytest.mark.parametrize(
    ("n_points", "n_features", "ratio", "size"),
    [
        (150, 4, 0.7, (5, 4)),
        (10**6, 6, 0.5, (63, 32)),
        (128**3, 4, 0.5, (69, 34)),
        (128**3, 4, 0.75, (56, 43)),
        (128**3, 4, 1, (49, 49)),
        (1, 1, 1, (1, 1)),
        (150, 4, 0, (20, 1)),
        (150, 4, 0.001, (20, 1)),
        (150, 4, 1000, (1, 20)),
    ],
)
def test_suggested_sizes(n_points, n_features, ratio, size):
    assert suggest_size(n_points, n_features, ratio) == size


@pytest.mark.parametrize("arguments", [(0, 1, 1), (1, 0, 1), (1, 1, -1), (1, 1, float("nan"))])
def test_sizes_of_nothing(arguments):
    with pytest.raises(ConfigError):
        suggest_size(*arguments)


def test_pca_ratio():
    corners = np.array([[3, 2], [3, -2], [-3, 2], [-3, -2]])
    assert pca_ratio(corners) == pytest.approx(2 / 3)
    assert pca_ratio([[0, 0], [1, 1], [2, 2]]) == pytest.approx(0, abs=1e-7)
    assert pca_ratio([[1], [2]]) == 0
    assert pca_ratio([[1, 2], [1, 2]]) == 1
    with pytest.raises(DataError):
        pca_ratio([[1, np.nan]])
