import math

import numpy as np
import oracles_lattice as oracle
import pytest
from hypothesis import given
from oracles_lattice import lattices

from kohorte.errors import ConfigError, DataError
from kohorte.maps.lattice import LATTICE_DISTANCES, Lattice, pca_ratio, suggest_size


def present(table):
    return [[int(k) for k in row if k >= 0] for row in table]


@given(lattices())
def test_neighbours_are_those_one_link_away_in_tie_order(lattice):
    table = lattice.neighbours()
    assert table.dtype == np.int32
    assert present(table) == oracle.neighbours(lattice)


@given(lattices(side=8))
def test_links_go_both_ways_and_never_twice_or_to_the_node_itself(lattice):
    linked = np.zeros((lattice.n_nodes, lattice.n_nodes), dtype=int)
    for node, row in enumerate(present(lattice.neighbours())):
        np.add.at(linked[node], row, 1)
    assert linked.max() <= 1
    assert not linked.diagonal().any()
    np.testing.assert_array_equal(linked, linked.T)
    nodes = np.arange(lattice.n_nodes)
    np.testing.assert_array_equal(lattice.are_neighbours(nodes[:, None], nodes), linked == 1)


@pytest.mark.parametrize(
    ("lattice", "expected"),
    [
        # Odd rows are half a step to the right.
        (
            Lattice(3, 3, "hexagonal"),
            [
                [1, 3],
                [2, 4, 3, 0],
                [5, 4, 1],
                [0, 1, 4, 7, 6],
                [1, 2, 5, 8, 7, 3],
                [2, 8, 4],
                [3, 7],
                [3, 4, 8, 6],
                [4, 5, 7],
            ],
        ),
        (
            Lattice(3, 2, "hexagonal", True),
            [[5, 3, 1, 2], [3, 4, 2, 0], [4, 5, 0, 1], [0, 1, 4, 5], [1, 2, 5, 3], [2, 0, 3, 4]],
        ),
        (Lattice(2, 2, "hexagonal", True), [[3, 2, 1], [2, 3, 0], [0, 1, 3], [1, 0, 2]]),
        (Lattice(1, 4, "hexagonal", True), [[3, 1], [0, 2], [1, 3], [2, 0]]),
        (Lattice(4, 1, "hexagonal"), [[1], [2, 0], [3, 1], [2]]),
        (Lattice(4, 1, "rectangular", True), [[1, 3], [2, 0], [3, 1], [0, 2]]),
        (Lattice(1, 2, "rectangular", True), [[1], [0]]),
        (Lattice(1, 1, "hexagonal", True), [[]]),
    ],
)
def test_neighbours_by_hand(lattice, expected):
    assert present(lattice.neighbours()) == expected


def test_corner_of_a_periodic_lattice_by_hand():
    assert present(Lattice(3, 3, periodic=True).neighbours())[0] == [8, 6, 7, 1, 4, 3, 5, 2]
    torus = Lattice(4, 4, "hexagonal", True)
    assert present(torus.neighbours())[0] == [15, 12, 1, 4, 7, 3]
    assert present(torus.neighbours())[15] == [11, 8, 12, 0, 3, 14]


@given(lattices())
def test_distances_by_image_search_and_breadth_first(lattice):
    nodes = np.arange(lattice.n_nodes)
    for kind in LATTICE_DISTANCES:
        found = lattice.distances_from(nodes, kind)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, oracle.DISTANCES[kind](lattice))
        np.testing.assert_array_equal(lattice.distances_from(nodes[-1], kind), found[-1])


@given(lattices(side=8))
def test_distances_by_offset_are_those_of_the_nodes(lattice):
    node = np.arange(lattice.n_nodes)
    x, y = node % lattice.xdim, node // lattice.xdim
    dx, dy = x - x[:, None], y - y[:, None]
    for kind in LATTICE_DISTANCES:
        table = lattice.offset_distances(kind)
        assert table.shape == (2, 2 * lattice.ydim - 1, 2 * lattice.xdim - 1)
        np.testing.assert_array_equal(
            table[y[:, None] % 2, lattice.ydim - 1 + dy, lattice.xdim - 1 + dx],
            lattice.distances_from(node, kind),
        )


@given(lattices(side=8))
def test_steps_go_straight_to_the_nearest_image(lattice):
    nodes = range(lattice.n_nodes)
    row_height = math.sqrt(3) / 2 if lattice.topology == "hexagonal" else 1
    found = lattice.steps_between(np.arange(lattice.n_nodes)[:, None], nodes)
    expected = [[oracle.step(lattice, a, b) for b in nodes] for a in nodes]
    np.testing.assert_allclose(found / [0.5, row_height], expected, atol=1e-12)


def test_steps_half_way_around_go_forward():
    for kind in oracle.KINDS[1::2]:
        lattice = Lattice(6, 10, *kind)
        middle = lattice.periods[1] / 2
        rows = np.arange(10)
        steps = lattice.steps_between(6 * rows, 6 * ((rows + 5) % 10))
        np.testing.assert_allclose(steps[:, 1], middle)


def test_absent_nodes_are_nobodys_neighbours():
    assert not Lattice(2, 2).are_neighbours([0, -1, -1], [-1, 0, -1]).any()


def test_distances_and_coordinates():
    lattice = Lattice(4, 3)
    np.testing.assert_array_equal(lattice.coordinates()[6], [2, 1])
    assert lattice.distances_from(0)[11] == pytest.approx(np.sqrt(13))
    assert lattice.distances_from(0, "links")[11] == 3


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
        ((2, 3, "spherical"), "unknown topology 'spherical'; choose one of hexagonal, rectangular"),
        ((2, 3, "hexagonal", 1), "periodic must be true or false"),
        ((2, 3, "hexagonal", True), "ydim: .* an even number of rows, not 3"),
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
        pca_ratio([[1, np.inf]])
