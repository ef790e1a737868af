import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles_lattice import KINDS
from oracles_maps import KERNELS as PLAIN

from kohorte.errors import ConfigError
from kohorte.maps.lattice import Lattice
from kohorte.maps.neighbourhood import KERNELS, Neighbourhood
from kohorte.maps.parameters import check_averaging


def test_every_kernel_has_a_plain_definition():
    assert set(KERNELS) == set(PLAIN)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("radius", [0.4, 1, 2.5, 7])
def test_kernels_by_definition(kernel, radius):
    distances = np.array([0, 0.5, 1, math.sqrt(3), 2.5, 7, 30])
    expected = [PLAIN[kernel](d, radius) for d in distances]
    np.testing.assert_allclose(KERNELS[kernel](distances, radius), expected, rtol=1e-13)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("radius", [0.0, 1e-200])
def test_a_radius_of_zero_leaves_the_winner_alone(kernel, radius):
    np.testing.assert_array_equal(KERNELS[kernel](np.array([0, 1e-3, 1]), radius), [1, 0, 0])


@pytest.mark.parametrize(("topology", "periodic"), KINDS)
@pytest.mark.parametrize("distance", ["links", "euclidean"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_tables_hold_the_kernel_of_every_pair_of_nodes(topology, periodic, distance, kernel):
    lattice = Lattice(5, 4, topology, periodic)
    table = Neighbourhood(lattice, kernel, distance).table(1.7, rate=0.3)
    for node in range(20):
        x, y = node % 5, node // 5
        found = table[y % 2, 3 - y : 7 - y, 4 - x : 9 - x].ravel()
        distances = lattice.distances_from(node, distance)
        expected = [0.3 * PLAIN[kernel](d, 1.7) for d in distances]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-15)


@given(
    xdim=st.integers(1, 9),
    ydim=st.integers(1, 9),
    periodic=st.booleans(),
    radius=st.floats(0.3, 6),
    kernel=st.sampled_from(["gaussian", "gaussian_e", "bubble"]),
)
def test_factors_multiply_to_the_table(xdim, ydim, periodic, radius, kernel):
    distance = "links" if kernel == "bubble" else "euclidean"
    lattice = Lattice(xdim, ydim, periodic=periodic)
    neighbourhood = Neighbourhood(lattice, kernel, distance)
    along_x, along_y = neighbourhood.factors(radius)
    table = neighbourhood.table(radius)
    np.testing.assert_allclose(np.outer(along_y, along_x), table[0], rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize(
    ("topology", "kernel", "distance"),
    [
        ("hexagonal", "gaussian", "euclidean"),
        ("rectangular", "gaussian", "links"),
        ("rectangular", "bubble", "euclidean"),
        ("rectangular", "exponential", "euclidean"),
        ("rectangular", "truncated_gaussian", "links"),
    ],
)
def test_other_kernels_are_no_product(topology, kernel, distance):
    assert Neighbourhood(Lattice(4, 4, topology), kernel, distance).factors(2.0) is None


def test_bad_choices():
    with pytest.raises(ConfigError, match="unknown neighbourhood kernel 'square'"):
        Neighbourhood(Lattice(2, 2), "square", "links")
    with pytest.raises(ConfigError, match="unknown kernel_distance 'taxi'"):
        Neighbourhood(Lattice(2, 2), "bubble", "taxi")
    with pytest.raises(ConfigError, match="radius must be finite and >= 0"):
        Neighbourhood(Lattice(2, 2), "bubble", "links").table(-1)
    with pytest.raises(ConfigError, match="'mexican_hat' has negative values"):
        check_averaging("mexican_hat")
    check_averaging("triangle")
