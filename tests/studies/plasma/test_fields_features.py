"""Features of a plasma: against plain definitions, with their units, and what is refused."""

import fields_samples
import numpy as np
import oracles_fields as oracles
import pytest
import scipy.stats

from kohorte.errors import ConfigError, DataError
from kohorte.studies.plasma.fields import operators
from kohorte.studies.plasma.fields.features import FEATURES, FOR_PHYSICS, derive_features
from kohorte.studies.plasma.fields.grid import Fields, Grid
from kohorte.studies.plasma.fields.names import FEATURE_NAMES, RAW
from kohorte.studies.plasma.fields.statistics import describe_fields

UNITS = {"b": "B0", "e": "E0", "j": "J0", "rho": "n0"}


def snapshot(raw, grid):
    units = {name: UNITS[RAW[name]] for name in raw}
    return Fields(grid, raw, units, time=1.5, time_unit="s", source="run.h5")


def ropes(shape=(24, 24), **how):
    return snapshot(*fields_samples.flux_ropes(shape, noise=0.02, **how))


def random_fields(grid, seed=0, without=()):
    """Fields without any structure but a guide field."""
    rng = np.random.default_rng(seed)
    raw = {name: rng.normal(size=grid.shape).astype(np.float32) for name in RAW}
    raw["bz"] += 3
    return snapshot({k: v for k, v in raw.items() if k not in without}, grid)


@pytest.mark.parametrize("shape", [(6, 8), (3, 6, 5)])
def test_features_are_the_plain_ones(shape):
    axes = ("z", "y", "x")[-len(shape) :]
    grid = Grid(shape, axes, (1.0,) * len(shape), (True,) * len(shape))
    taken = random_fields(grid)
    found = derive_features(taken, FEATURE_NAMES, kernel_radius=2)
    assert tuple(found.values) == FEATURE_NAMES
    for cell in np.ndindex(shape):
        for name, wanted in oracles.features(taken.values, cell).items():
            assert found.values[name][cell] == pytest.approx(wanted, rel=1e-4, abs=1e-5), name
    j_par = found.values["j_par"].astype(np.float64)
    for name, plain in (("j_sym", oracles.disc_mean), ("j_asym", oracles.disc_asymmetry)):
        np.testing.assert_allclose(found.values[name], plain(j_par, 2, grid), atol=1e-5)
    assert all(array.dtype == np.float32 for array in found.values.values())
    assert (found.time, found.time_unit, found.source) == (1.5, "s", "run.h5")


def test_units_follow_from_those_of_the_fields():
    found = derive_features(ropes(), FEATURE_NAMES)
    wanted = dict.fromkeys(("j_par", "abs_j_par", "j_perp", "j_mag", "j_sym", "j_asym"), "J0")
    wanted |= {"b_perp": "B0", "b_par": "B0", "bx": "B0", "by": "B0", "rho": "n0"}
    wanted |= {"e_par": "E0", "e_perp": "E0", "e_dot_j": "E0 J0"}
    assert found.units == wanted


def test_what_physics_needs_is_made_as_well_where_it_can_be():
    found = derive_features(ropes(), ["e_par"])
    assert set(found.values) == {"e_par", *FOR_PHYSICS}
    assert next(iter(found.values)) == "e_par"
    raw, grid = fields_samples.flux_ropes((24, 24))
    only_b = snapshot({k: raw[k] for k in ("bx", "by", "bz")}, grid)
    wanted = {"b_perp", "j_par", "j_mag", "bx", "by", "j_asym"}
    assert set(derive_features(only_b, ["b_perp"]).values) == wanted


def test_a_current_that_is_not_given_is_the_curl():
    raw, grid = fields_samples.flux_ropes((12, 48, 48))
    without = {k: v for k, v in raw.items() if k not in ("jx", "jy", "jz")}
    found = derive_features(snapshot(without, grid), ["j_par", "j_mag"])
    curl = operators.curl(raw["bx"], raw["by"], raw["bz"], grid)
    wanted = np.sqrt(sum(curl[k] ** 2 for k in "xyz"))
    np.testing.assert_allclose(found.values["j_mag"], wanted, rtol=1e-5)
    assert found.units["j_par"] == "B0 / d"
    given = derive_features(snapshot(raw, grid), ["j_par"]).values["j_par"]
    assert np.corrcoef(found.values["j_par"].ravel(), given.ravel())[0, 1] > 0.98


def test_the_sheet_between_the_ropes_is_found_by_its_current():
    found = derive_features(ropes((64, 64)), ["j_par", "j_asym"], kernel_radius=4).values
    strong = np.abs(found["j_par"]) > 2 * found["j_par"].std()
    assert strong[32, 32]
    assert not strong[:, :4].any()
    assert strong.mean() < 0.12


def test_smoothing_is_before_for_quantities_and_after_for_features():
    taken = ropes((20, 20))
    plain = derive_features(taken, ["e_par", "j_par"], kernel_radius=3)
    after = derive_features(taken, ["e_par"], kernel_radius=3, smoothing={"e_par": 1.5})
    before = derive_features(taken, ["e_par"], kernel_radius=3, smoothing={"e": 1.5, "rho": 2})
    wanted = operators.smooth(plain.values["e_par"], 1.5, taken.grid)
    np.testing.assert_array_equal(after.values["e_par"], wanted)
    np.testing.assert_array_equal(after.values["j_par"], plain.values["j_par"])
    smoothed = {k: operators.smooth(taken.values[f"e{k}"], 1.5, taken.grid) for k in "xyz"}
    b = {k: taken.values[f"b{k}"] for k in "xyz"}
    size = np.sqrt(sum(b[k] ** 2 for k in "xyz"))
    wanted = sum(smoothed[k] * b[k] for k in "xyz") / size
    np.testing.assert_allclose(before.values["e_par"], wanted, rtol=1e-5, atol=1e-7)
    wanted = operators.smooth(taken.values["rho"], 2, taken.grid)
    np.testing.assert_array_equal(before.values["rho"], wanted)


def test_where_there_is_no_field_there_is_no_direction():
    raw, grid = fields_samples.flux_ropes((16, 16))
    raw = {k: np.zeros_like(v) for k, v in raw.items()} | {"jz": raw["jz"], "rho": raw["rho"]}
    found = derive_features(snapshot(raw, grid), ["j_par", "j_perp"], kernel_radius=3).values
    assert not found["j_par"].any()
    np.testing.assert_allclose(found["j_perp"], np.abs(raw["jz"]))


def test_names_are_those_of_the_schema_and_of_the_definitions(schema):
    allowed = schema["properties"]["fields"]["properties"]["features"]["items"]["enum"]
    assert tuple(FEATURES) == FEATURE_NAMES
    assert set(allowed) == set(FEATURE_NAMES)
    assert set(FOR_PHYSICS) <= set(FEATURE_NAMES)


@pytest.mark.parametrize(
    ("without", "feature", "words"),
    [
        (("ex", "ey", "ez"), "e_par", "'e_par' needs the fields ex, ey, ez"),
        (("rho",), "rho", "'rho' needs the field rho"),
        (("bz",), "b_perp", "'b_perp' needs the field bz"),
        (("jx", "bx"), "j_mag", "'j_mag' needs the field bx"),
    ],
)
def test_fields_that_are_missing_are_named_with_the_feature(without, feature, words):
    grid = Grid((8, 8), ("y", "x"), (1.0, 1.0), (True, True))
    with pytest.raises(DataError, match=words):
        derive_features(random_fields(grid, without=without), [feature], kernel_radius=2)


def test_cells_that_are_not_finite_are_counted_and_the_first_is_named():
    taken = ropes((4, 24, 24))
    taken.values["ey"][2, 3, 5:7] = np.nan
    taken.values["ey"][3, 0, 0] = np.inf
    with pytest.raises(DataError, match=r"'ey': 3 of 2304 cells are .*nan at \(z 2, y 3, x 5\)"):
        derive_features(taken, ["e_par"])


@pytest.mark.parametrize("shape", [(24, 24), (24, 32), (16, 24, 24)])
def test_axes_in_another_order_are_noticed_by_the_divergence(shape):
    raw, grid = fields_samples.flux_ropes(shape)
    swapped = list(grid.axes)
    swapped[-2:] = swapped[:-3:-1]
    spacing = (*grid.spacing[:-2], grid.spacing[-1], grid.spacing[-2])
    wrong = Grid(shape, tuple(swapped), spacing, grid.periodic, "d")
    with pytest.raises(DataError, match=f"only.*fields.axes|with {', '.join(grid.axes)} only"):
        derive_features(snapshot(raw, wrong), ["b_perp"])


def test_noise_alone_says_nothing_about_the_axes():
    grid = Grid((8, 8, 8), ("x", "z", "y"), (1.0,) * 3, (True,) * 3)
    derive_features(random_fields(grid), ["b_perp"], kernel_radius=2)


def test_a_guide_field_along_another_direction_is_refused():
    raw, grid = fields_samples.flux_ropes((16, 16))
    raw["bx"], raw["bz"] = raw["bz"], raw["bx"]
    with pytest.raises(DataError, match="mean field points along x"):
        derive_features(snapshot(raw, grid), ["b_perp"], kernel_radius=3)


def test_a_disc_that_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="kernel_radius"):
        derive_features(ropes((16, 16)), ["j_asym"], kernel_radius=9)


def test_fields_are_described_as_scipy_does():
    found = derive_features(ropes((12, 24, 24)), ["e_par", "j_asym"], kernel_radius=3)
    table = describe_fields(found).set_index("field")
    assert list(table.index) == list(found.values)
    for name, array in found.values.items():
        flat = array.ravel().astype(np.float64)
        row = table.loc[name]
        assert row.unit == found.units[name]
        assert [row["mean"], row["std"]] == pytest.approx([flat.mean(), flat.std()])
        assert (row["min"], row["max"]) == (array.min(), array.max())
        assert row["kurtosis"] == pytest.approx(scipy.stats.kurtosis(flat))
        assert row["peak"] == pytest.approx(np.abs(scipy.stats.zscore(flat)).max())
        wanted = np.corrcoef(flat, found.values["j_par"].ravel())[0, 1]
        assert row["correlation"] == pytest.approx(wanted, abs=1e-5)


def test_a_field_of_one_value_has_no_shape():
    grid = Grid((4, 4), ("y", "x"), (1.0, 1.0), (True, True))
    row = describe_fields(Fields(grid, {"rho": np.ones((4, 4))}, {"rho": "n0"})).iloc[0]
    assert row["std"] == 0
    assert row[["peak", "kurtosis", "correlation"]].isna().all()
