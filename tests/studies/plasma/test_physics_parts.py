"""Structures of a grid that is measured in parts: those of the whole grid, to the last bit."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kohorte._tallies import merge_tallies
from kohorte.studies.plasma.costs import ROUNDS
from kohorte.studies.plasma.fields.grid import DIRECTIONS, Grid
from kohorte.studies.plasma.physics.groups import Grouping
from kohorte.studies.plasma.physics.parts import CellTallies
from kohorte.studies.plasma.physics.structures import find_structures, sum_over, thickness
from kohorte.studies.plasma.physics.tables import measure_cells, tabulate_cells


def cut(n_rows, edges):
    """Ranges of rows that end at some rows, and at the last one."""
    ends = sorted({0, *(edge for edge in edges if edge < n_rows), n_rows})
    return [slice(a, b) for a, b in itertools.pairwise(ends)]


@st.composite
def grids(draw):
    shape = draw(st.lists(st.integers(1, 6), min_size=2, max_size=3).map(tuple))
    dims = len(shape)
    periodic = draw(st.tuples(*[st.booleans()] * dims))
    grid = Grid(shape, DIRECTIONS[dims][::-1], (0.5, 1.0, 2.0)[:dims], periodic)
    cells = draw(st.lists(st.integers(0, 2), min_size=grid.n_cells, max_size=grid.n_cells))
    return grid, np.array(cells, np.uint8).reshape(shape)


@settings(max_examples=80, deadline=None)
@given(grids(), st.lists(st.integers(1, 6), max_size=4), st.booleans())
def test_structures_of_parts_are_those_of_the_whole(case, edges, corners):
    grid, groups = case
    connectivity = "corners" if corners else "faces"
    values = {"j_par": np.random.default_rng(1).integers(-9, 9, grid.shape).astype(np.float32)}
    parts = cut(grid.shape[0], edges)
    grouping = Grouping("map", 3, groups.__getitem__)
    tallies = CellTallies([grouping], values, grid, parts, connectivity=connectivity)
    for turn in range(ROUNDS):
        tallies.take(turn, merge_tallies(tallies.count(turn, k) for k in range(len(parts))))
    for group in range(3):
        whole = find_structures(groups == group, grid, connectivity=connectivity)
        found, sums = tallies.joined[0, group], tallies.of_structures[0, group]
        for name in ("cells", "centre", "sides", "wraps"):
            np.testing.assert_array_equal(getattr(found, name), getattr(whole, name), err_msg=name)
        np.testing.assert_array_equal(sums[:, 1], sum_over(whole, values["j_par"]))
        np.testing.assert_array_equal(sums[:, 2], sum_over(whole, values["j_par"], "largest"))
        thick = 4 * sums[:, 0] / found.cells
        np.testing.assert_allclose(thick, thickness(whole, grid), rtol=1e-6)


def make_cells(shape=(23, 11, 9)):
    rng = np.random.default_rng(5)
    grid = Grid(shape, ("z", "y", "x"), (1.0, 0.5, 2.0), (True, False, True))
    names = ("j_par", "j_asym", "e_dot_j", "j_mag", "rho")
    values = {name: rng.normal(1, 2, shape).astype(np.float32) for name in names}
    groups = rng.integers(0, 2, shape).astype(np.uint8)
    groups[5:9, 2:6] = 2
    return grid, values, [Grouping("consensus", 3, groups.__getitem__)]


@pytest.mark.parametrize("axes", [("z", "y", "x"), ("x", "y", "z")])
def test_tables_are_the_same_bits_for_any_number_of_slabs(axes):
    grid, values, groupings = make_cells()
    grid = Grid(grid.shape, axes, grid.spacing, grid.periodic)
    parts, how = cut(23, range(4, 23, 4)), {"connectivity": "corners", "radius": 2.3}
    expected = measure_cells(groupings, values, grid, parts, smallest=2, **how)
    whole = measure_cells(groupings, values, grid, [slice(0, 23)], smallest=2, **how)
    assert len(expected[1]) > 20
    for one, other in zip(expected, whole, strict=True):
        pd.testing.assert_frame_equal(one, other, rtol=1e-9)
    for slabs in (1, 2, 3, 7):
        merged = []
        for turn in range(ROUNDS):
            of_slabs = []
            for slab in range(slabs):  # as jobs have it: each knows the rounds before alone
                tallies = CellTallies(groupings, values, grid, parts, **how)
                for former, tally in enumerate(merged):
                    tallies.take(former, tally)
                own = range(len(parts) * slab // slabs, len(parts) * (slab + 1) // slabs)
                of_slabs.append(merge_tallies(tallies.count(turn, part) for part in own))
            merged.append(merge_tallies(of_slabs))
        tallies = CellTallies(groupings, values, grid, parts, **how)
        for turn, tally in enumerate(merged):
            tallies.take(turn, tally)
        for one, other in zip(expected, tabulate_cells(tallies, smallest=2), strict=True):
            pd.testing.assert_frame_equal(one, other, check_exact=True)
