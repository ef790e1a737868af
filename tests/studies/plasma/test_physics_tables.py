"""Tables of a study on a grid: shares, means, threshold detector, structures."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from test_physics_structures import make_grid, offsets

from kohorte.analysis.profiles import profile_table
from kohorte.errors import ConfigError, DataError
from kohorte.studies.plasma.fields.grid import Grid
from kohorte.studies.plasma.physics.cuts import cut_grid
from kohorte.studies.plasma.physics.groups import (
    Grouping,
    GroupSums,
    describe_groups,
    root_mean_square,
)
from kohorte.studies.plasma.physics.parts import measure_asymmetry
from kohorte.studies.plasma.physics.tables import measure_cells, profile_cells


def parts(n, size):
    return [slice(k, min(k + size, n)) for k in range(0, n, size)]


@pytest.fixture
def cells():
    rng = np.random.default_rng(3)
    shape = (7, 5, 4)
    names = ("j_par", "e_dot_j", "j_mag", "rho")
    values = {name: rng.normal(1, 2, shape).astype(np.float32) for name in names}
    groups = rng.integers(0, 3, shape).astype(np.uint8)
    groups[groups == 2] = 3  # group 2 is empty
    return values, groups


@pytest.mark.parametrize("size", [1, 3, 7])
def test_groups_have_the_shares_and_means_of_their_cells(cells, size):
    values, groups = cells
    limit = 2.5
    sums = GroupSums(4, len(values))
    for part in parts(7, size):
        fields = [array[part].astype(np.float64).ravel() for array in values.values()]
        sums.add(groups[part].ravel(), fields, np.abs(fields[0]) > limit)
    grouping = Grouping("consensus", 4, groups.__getitem__)
    rows, compared = describe_groups([grouping], [sums], list(values), limit=limit)
    for k, (row, other) in enumerate(zip(rows, compared, strict=True)):
        chosen = groups == k
        assert (row["kind"], row["group"], row["cells"]) == ("consensus", k, chosen.sum())
        assert row["volume_fraction"] == pytest.approx(chosen.mean())
        exact = {name: array.astype(float) for name, array in values.items()}
        for name, array in {"e_dot_j": exact["e_dot_j"], "j2": exact["j_mag"] ** 2}.items():
            assert row[f"{name}_share"] == pytest.approx(array[chosen].sum() / array.sum())
        above = np.abs(exact["j_par"]) > limit
        both = (above & chosen).sum()
        assert other["above"] == both
        assert other["jaccard"] == pytest.approx(both / (above | chosen).sum())
        assert other["recall"] == pytest.approx(both / above.sum())
        if k == 2:
            assert np.isnan([row["rho_mean"], row["rho_std"], other["precision"]]).all()
            continue
        assert other["precision"] == pytest.approx(both / chosen.sum())
        assert row["rho_mean"] == pytest.approx(exact["rho"][chosen].mean())
        assert row["rho_std"] == pytest.approx(exact["rho"][chosen].std())
    assert sum(row["volume_fraction"] for row in rows) == pytest.approx(1)


def test_root_mean_square_in_parts(cells):
    values = cells[0]["j_par"]
    expected = np.sqrt((values.astype(float) ** 2).mean())
    assert root_mean_square(values, parts(7, 2)) == pytest.approx(expected)


def sheets(double):
    """A sheet along y across a border of the box, alone or beside one of the other sign."""
    grid = make_grid((40, 40), spacing=0.25)
    x = offsets(grid, (0, 0))[1]
    y = offsets(grid, (20, 20))[0]
    j = 4.0 * ((x > -1) & (x < 4) & (np.abs(y) < 15))
    if double:
        j -= 4.0 * ((x > -6) & (x < 0) & (np.abs(y) < 15))
    # What an antisymmetric kernel of half a box to both sides gives.
    kernel = np.r_[np.full(5, 0.1), 0, np.full(5, -0.1)]
    asymmetry = [np.convolve(np.tile(row, 3), kernel, "same")[40:80] for row in j]
    return grid, {"j_par": j, "j_asym": np.abs(asymmetry), "e_dot_j": j**2, "j_mag": np.abs(j)}


def test_profiles_of_fields_are_those_of_tables_of_points():
    rng = np.random.default_rng(5)
    groups = rng.integers(0, 3, (6, 5, 4)).astype(np.uint8)
    values = {"j_par": rng.normal(size=groups.shape) + groups, "n": rng.random(groups.shape)}
    groupings = [Grouping("consensus", 4, groups.__getitem__)]
    groupings.append(Grouping("map", 2, lambda part: groups[part] > 1))
    found = profile_cells(groupings, values, ["e n c", ""], parts(6, 2))
    table = np.stack([array.ravel() for array in values.values()], axis=1)
    for kind, labels, count in (("consensus", groups, 4), ("map", groups > 1, 2)):
        own = found[found["kind"] == kind].drop(columns="kind").reset_index(drop=True)
        expected = profile_table(
            table, list(values), labels.ravel().astype(int), units=["e n c", ""], n_groups=count
        )
        pd.testing.assert_frame_equal(own, expected)
    first = found.iloc[0]
    assert first["median"] == np.median(values["j_par"][groups == 0])


@pytest.mark.parametrize("double", [False, True])
def test_sheets_found_by_threshold(double):
    grid, values = sheets(double)
    groups = (values["j_par"] > 0).astype(np.uint8)
    physics, structures, threshold = measure_cells(
        [Grouping("consensus", 2, groups.__getitem__)], values, grid, parts(40, 16), radius=5
    )
    assert physics["kind"].tolist() == ["consensus"] * 2 + ["threshold"] * 2
    assert threshold["kind"].unique().tolist() == ["consensus"]
    sheet = structures[(structures["kind"] == "consensus") & (structures["group"] == 1)]
    assert len(sheet) == 1
    sheet = sheet.iloc[0]
    width = 4
    assert sheet["cells"] == width * 29
    assert sheet["thickness"] == pytest.approx(width * 0.25, rel=0.05)
    assert sheet["length"] == pytest.approx(29 * 0.25)
    assert sheet["aspect"] == pytest.approx(sheet["length"] / sheet["thickness"])
    assert sheet["face"] == pytest.approx(29 * 0.25, rel=0.05)
    assert sheet["volume"] == pytest.approx(width * 29 * 0.25**2)
    assert (sheet["j_par_mean"], sheet["j_par_peak"]) == (4, 4)
    assert sheet["wraps"] == ""
    assert pd.isna(sheet["width"])
    assert bool(sheet["double"]) == double
    row = physics.set_index(["kind", "group"]).loc[("consensus", 1)]
    assert row["structures"] == 1
    assert row["doubles"] == int(double)
    assert row["in_structures"] == 1
    if not double:
        assert threshold["jaccard"].tolist() == [0, 1]
        assert row["e_dot_j_share"] == sheet["e_dot_j_share"] == pytest.approx(1)


def test_a_weak_group_beside_a_strong_sheet_is_not_double():
    grid, values = sheets(False)
    values["j_par"] = values["j_par"] + 0.1
    groups = (values["j_par"] < 1).astype(np.uint8)
    _, structures, _ = measure_cells(
        [Grouping("map", 2, groups.__getitem__)], values, grid, [slice(0, 40)], radius=5
    )
    assert not structures["double"].any()
    assert 0.3 < structures["asymmetry"].max() <= 0.5


@pytest.mark.parametrize("seed", range(4))
def test_a_current_of_one_sign_stays_below_the_bound_of_double_sheets(seed):
    rng = np.random.default_rng(seed)
    grid = make_grid((24, 30))
    current = rng.random(grid.shape) ** 8
    y, x = np.indices((7, 7)) - 3
    disc = np.where(
        (np.hypot(x, y) <= 3) & (np.hypot(x, y) > 0), x / np.maximum(np.hypot(x, y), 1), 0
    )
    kernel = disc / np.abs(disc).sum()
    asymmetric = ndimage.correlate(current, kernel, mode="wrap")
    assert measure_asymmetry(current, asymmetric, grid, 3).max() <= 0.5
    edge = np.where(np.indices(grid.shape)[1] < 15, -1.0, 1.0)
    ratio = measure_asymmetry(edge, ndimage.correlate(edge, kernel, mode="wrap"), grid, 3)
    assert ratio.max() == pytest.approx(1, abs=0.2)


def test_small_structures_are_counted_but_have_no_row():
    grid = make_grid((20, 20))
    groups = np.zeros(grid.shape, np.uint8)
    groups[2:5, 2:5] = groups[10, 10] = 1
    physics, structures, _ = measure_cells(
        [Grouping("map", 2, groups.__getitem__)], {"rho": groups}, grid, [slice(0, 20)], smallest=5
    )
    assert physics["in_structures"].tolist() == [1, 0.9]
    assert structures["cells"].tolist() == [390, 9]
    assert structures["wraps"].tolist() == ["xy", ""]
    assert structures["double"].isna().all()
    assert "threshold" not in set(physics["kind"])
    assert physics["e_dot_j_share"].isna().all()


def test_values_that_are_not_finite_are_refused():
    grid = make_grid((4, 4))
    values = {"j_par": np.full((4, 4), np.nan)}
    with pytest.raises(DataError, match="'j_par' holds values that are not finite"):
        measure_cells([], values, grid, [slice(0, 4)])


def test_cuts_lie_as_a_reader_expects():
    grid = make_grid((3, 4, 5), spacing=(0.5, 1.0, 2.0))  # axes z, y, x
    array = np.arange(60).reshape(grid.shape)
    middle = cut_grid(grid)
    assert (middle.across, middle.up, middle.normal, middle.index) == ("x", "y", "z", 1)
    np.testing.assert_array_equal(middle.read(array), array[1])
    assert middle.extent == (0, 10, 0, 4)
    assert middle.title == "z = 0.75 d"
    side = cut_grid(grid, "x", 4)
    assert (side.across, side.up) == ("y", "z")
    np.testing.assert_array_equal(side.read(array), array[:, :, 4])
    turned = Grid((3, 4, 5), ("x", "y", "z"), (1.0,) * 3, (True,) * 3, "d")
    np.testing.assert_array_equal(cut_grid(turned, "z", 0).read(array), array[:, :, 0].T)
    plane = cut_grid(make_grid((6, 7)))
    assert (plane.across, plane.up, plane.title) == ("x", "y", "")
    with pytest.raises(ConfigError, match=r"figures\.slice_index: 9 is not below the 3 cells"):
        cut_grid(grid, "z", 9)
    assert cut_grid(make_grid((3000, 4))).read(np.zeros((3000, 4))).shape == (1000, 4)
