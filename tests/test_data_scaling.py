"""Scaling by hand-worked numbers, and its invariants on random tables."""

import logging
import math
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kohorte import _arrays
from kohorte.data import scaling as scaling_module
from kohorte.data.scaling import SCALINGS, fit_scaling
from kohorte.errors import ConfigError, DataError

# Mean 5, population variance (9 + 1 + 1 + 1 + 0 + 0 + 4 + 16) / 8 = 4.
COLUMN = np.array([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0])
# Mean 1; four of eight are 0: variance 1; quartiles of 0 0 0 0 2 2 2 2 are 0, 1, 2.
OTHER = np.array([0.0, 2.0, 0.0, 2.0, 0.0, 2.0, 0.0, 2.0])
TABLE = np.column_stack([COLUMN, OTHER])


@pytest.mark.parametrize(
    ("method", "offset", "scale"),
    [
        ("two_sigma", [5, 1], [4, 2]),
        ("standard", [5, 1], [2, 1]),
        ("min_max", [2, 0], [7, 2]),
        # Quartiles of 2 4 4 4 5 5 7 9 at positions 1.75, 3.5, 5.25: 4, 4.5, 5.5.
        ("robust", [4.5, 1], [1.5, 2]),
        ("none", [0, 0], [1, 1]),
    ],
)
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4"])
def test_hand_worked_numbers(method, offset, scale, dtype):
    fitted = fit_scaling(TABLE.astype(dtype), ["a", "b"], method)
    assert fitted.method == method
    assert fitted.names == ("a", "b")
    assert fitted.kept.tolist() == [True, True]
    assert fitted.offset.dtype == fitted.scale.dtype == np.float64
    np.testing.assert_array_equal(fitted.offset, offset)
    np.testing.assert_array_equal(fitted.scale, scale)
    scaled = fitted.apply(TABLE.astype(dtype))
    assert scaled.dtype == np.float32
    assert scaled.flags.c_contiguous
    expected = ((TABLE - offset) / scale).astype(np.float32)
    np.testing.assert_array_equal(scaled, expected)


def test_two_sigma_is_the_default_and_every_method_is_worked_by_hand():
    assert fit_scaling(TABLE, ["a", "b"]).method == "two_sigma"
    assert set(SCALINGS) == {"two_sigma", "standard", "min_max", "robust", "none"}


@pytest.mark.parametrize("shift", [1e6, -1e9, 1e12])
def test_deviation_survives_a_large_offset(shift):
    fitted = fit_scaling(COLUMN[:, None] + shift, ["a"], "standard")
    assert fitted.offset[0] == shift + 5
    np.testing.assert_allclose(fitted.scale, [2.0], rtol=1e-12)


@pytest.mark.parametrize("factor", [2.0**-900, 2.0**-200, 2.0**500, 2.0**1000])
@pytest.mark.parametrize("method", ["two_sigma", "standard", "min_max", "robust"])
def test_very_small_and_large_units(method, factor):
    """A power of two in the units changes no bit of the result: squares stay in range."""
    plain = fit_scaling(TABLE, ["a", "b"], method)
    other = fit_scaling(TABLE * factor, ["a", "b"], method)
    np.testing.assert_array_equal(other.scale, plain.scale * factor)
    np.testing.assert_array_equal(other.apply(TABLE * factor), plain.apply(TABLE))


def test_mean_of_many_float32_numbers():
    column = np.random.default_rng(1).uniform(1000, 1001, size=100_000).astype(np.float32)
    exact = math.fsum(column.tolist()) / len(column)
    variance = math.fsum((value - exact) ** 2 for value in column.tolist()) / len(column)
    fitted = fit_scaling(column[:, None], ["a"], "standard")
    np.testing.assert_allclose(fitted.offset, [exact], rtol=1e-15)
    np.testing.assert_allclose(fitted.scale, [math.sqrt(variance)], rtol=1e-13)


tables = arrays(
    np.float64,
    st.tuples(st.integers(2, 30), st.integers(1, 4)),
    elements=st.integers(-1000, 1000).map(lambda number: number / 8),
)
methods = st.sampled_from(sorted(SCALINGS))


def fit_or_assume(values, method):
    """Fit, and give up on tables with a constant feature: they have tests of their own."""
    try:
        return fit_scaling(values, [f"f{i}" for i in range(values.shape[1])], method)
    except DataError as error:
        if "is constant" not in str(error) and "spread is 0" not in str(error):
            raise
        assume(False)


@settings(max_examples=80, deadline=None)
@given(values=tables, method=methods)
def test_scale_and_offset_undo_apply(values, method):
    fitted = fit_or_assume(values, method)
    scaled = fitted.apply(values)
    # One rounding to float32 of the scaled value, in the units of the feature.
    tolerance = 2e-7 * np.abs(scaled) * fitted.scale + 1e-12 * np.abs(values).max()
    assert np.all(np.abs(scaled * fitted.scale + fitted.offset - values) <= tolerance)


@settings(max_examples=80, deadline=None)
@given(
    values=tables,
    method=st.sampled_from(["two_sigma", "standard", "min_max", "robust"]),
    slope=st.sampled_from([0.5, 2.0, 3.0, 1e4]),
    shift=st.integers(-100, 100),
)
def test_units_do_not_matter(values, method, slope, shift):
    plain = fit_or_assume(values, method).apply(values)
    other = fit_or_assume(slope * values + shift, method).apply(slope * values + shift)
    np.testing.assert_allclose(other, plain, rtol=1e-6, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(values=tables)
def test_scaled_moments(values):
    scaled = fit_or_assume(values, "two_sigma").apply(values)
    np.testing.assert_allclose(scaled.mean(axis=0, dtype=np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=0, dtype=np.float64), 0.5, rtol=1e-6)
    scaled = fit_or_assume(values, "min_max").apply(values)
    assert np.all(scaled.min(axis=0) == 0)
    assert np.all(scaled.max(axis=0) == 1)


@settings(max_examples=30, deadline=None)
@given(values=tables, method=methods, block=st.integers(1, 7))
def test_blocks_change_nothing(values, method, block):
    fitted = fit_or_assume(values, method)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_arrays, "_BLOCK_ENTRIES", block * values.shape[1])
        in_blocks = fitted.apply(np.asfortranarray(values))
    np.testing.assert_array_equal(in_blocks, fitted.apply(values))


SEVEN = np.float32(7)
CONSTANTS = {
    "zero": (np.zeros(8), "0"),
    "equal": (np.full(8, 3.25), "3.25"),
    "rounding": (np.where(OTHER > 0, 0.1 + 0.2, 0.3), "0.3"),
    "float32": (np.where(OTHER > 0, np.nextafter(SEVEN, np.float32(8)), SEVEN), "7"),
}


@pytest.mark.parametrize("kind", CONSTANTS)
@pytest.mark.parametrize("method", SCALINGS)
class TestConstantFeatures:
    def test_is_an_error(self, method, kind):
        column, shown = CONSTANTS[kind]
        values = np.column_stack([COLUMN.astype(column.dtype), column])
        with pytest.raises(DataError, match=f"feature 'flat' is constant: all values are {shown};"):
            fit_scaling(values, ["a", "flat"], method)

    def test_is_dropped(self, method, kind, caplog):
        column, shown = CONSTANTS[kind]
        values = np.column_stack([column, COLUMN.astype(column.dtype), column])
        with caplog.at_level(logging.WARNING):
            fitted = fit_scaling(values, ["x", "a", "y"], method, "drop")
        assert fitted.names == ("a",)
        assert fitted.kept.tolist() == [False, True, False]
        assert caplog.messages == [
            f"feature {name!r} is constant: all values are {shown}; dropped" for name in "xy"
        ]
        alone = fit_scaling(values[:, [1]], ["a"], method)
        np.testing.assert_array_equal(fitted.offset, alone.offset)
        np.testing.assert_array_equal(fitted.scale, alone.scale)
        scaled = fitted.apply(values)
        assert scaled.shape == (8, 1)
        assert scaled.flags.c_contiguous
        np.testing.assert_array_equal(scaled, alone.apply(values[:, [1]]))
        np.testing.assert_allclose(scaled[:, 0] * fitted.scale + fitted.offset, COLUMN, rtol=1e-6)

    def test_all_features(self, method, kind):
        column, _ = CONSTANTS[kind]
        values = np.column_stack([column, column])
        with pytest.raises(DataError, match="all 2 features are constant: x, y"):
            fit_scaling(values, ["x", "y"], method, "drop")


def test_robust_needs_a_spread_in_the_middle():
    values = np.column_stack([np.r_[np.zeros(7), 1.0], COLUMN])
    with pytest.raises(DataError, match="'spike' has no 'robust' scale: so many values are 0"):
        fit_scaling(values, ["spike", "a"], "robust")
    assert fit_scaling(values, ["spike", "a"], "robust", "drop").names == ("a",)
    assert fit_scaling(values, ["spike", "a"], "standard").names == ("spike", "a")


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_values_must_be_finite(value):
    values = TABLE.copy()
    values[4, 1] = np.nan
    values[5, 1] = value
    with pytest.raises(DataError, match=f"feature 'b', row 5: {value} is not a finite number"):
        fit_scaling(values, ["a", "b"])


def test_too_large_values():
    values = np.array([[1.7e308], [-1.7e308], [1.6e308]])
    says = r"'a': values from -1.7e[+]308 to 1.7e[+]308 are too large"
    with pytest.raises(DataError, match=says):
        fit_scaling(values, ["a"])
    fitted = fit_scaling(np.array([[1.0], [2e200], [5.0]]), ["a"], "none")
    with pytest.raises(DataError, match=r"'a', row 1: 2e[+]200 scaled by 'none'"):
        fitted.apply(np.array([[1.0], [2e200], [5.0]]))


class TestWeights:
    @pytest.mark.parametrize("method", SCALINGS)
    def test_a_weighted_feature_is_multiplied(self, method):
        plain = fit_scaling(TABLE, ["a", "b"], method)
        weighted = fit_scaling(TABLE, ["a", "b"], method, weights={"b": 3})
        np.testing.assert_array_equal(weighted.offset, plain.offset)
        np.testing.assert_array_equal(weighted.scale, plain.scale / [1, 3])
        scaled = weighted.apply(TABLE)
        np.testing.assert_array_equal(scaled[:, 0], plain.apply(TABLE)[:, 0])
        np.testing.assert_allclose(scaled[:, 1], 3 * plain.apply(TABLE)[:, 1], rtol=1e-6)
        restored = scaled * weighted.scale + weighted.offset
        np.testing.assert_allclose(restored, TABLE, rtol=1e-6, atol=1e-6)

    def test_squared_differences_count_by_the_squared_weight(self):
        # By min_max, rows 0 and 1 differ by 2/7 in a and by 1 in b.
        fitted = fit_scaling(TABLE, ["a", "b"], "min_max", weights={"a": 7, "b": 2})
        first, second = fitted.apply(TABLE)[:2].astype(np.float64)
        np.testing.assert_allclose(((first - second) ** 2).sum(), 2**2 + 2**2, rtol=1e-6)

    @settings(max_examples=30, deadline=None)
    @given(values=tables, method=methods)
    def test_a_weight_of_one_changes_nothing(self, values, method):
        plain = fit_or_assume(values, method)
        names = [f"f{i}" for i in range(values.shape[1])]
        for weights in ({}, dict.fromkeys(names, 1), {names[-1]: 1.0}):
            weighted = fit_scaling(values, names, method, weights=weights)
            np.testing.assert_array_equal(weighted.scale, plain.scale)
            np.testing.assert_array_equal(weighted.apply(values), plain.apply(values))

    def test_of_a_feature_that_is_dropped(self):
        values = np.column_stack([np.ones(8), COLUMN])
        fitted = fit_scaling(values, ["x", "a"], "none", "drop", {"x": 2, "a": 4})
        np.testing.assert_array_equal(fitted.scale, [0.25])

    def test_unknown_feature(self):
        with pytest.raises(ConfigError, match=r"no feature 'width'; did you mean 'widht'\?"):
            fit_scaling(TABLE, ["a", "widht"], weights={"width": 2})
        with pytest.raises(ConfigError, match="weights: no feature 1; there are 'a', 'b'"):
            fit_scaling(TABLE, ["a", "b"], weights={1: 2})

    @pytest.mark.parametrize("weight", [0, -1, np.inf, np.nan, "2", True, None])
    def test_a_weight_is_a_positive_number(self, weight):
        says = f"weights: the weight of 'b' must be a finite number above 0, got {weight!r}"
        with pytest.raises(ConfigError, match=says):
            fit_scaling(TABLE, ["a", "b"], weights={"b": weight})

    @pytest.mark.parametrize(("unit", "weight"), [(1e300, 1e-300), (1e-300, 1e300)])
    def test_out_of_range(self, unit, weight):
        with pytest.raises(DataError, match=r"'b': its scale divided by its weight 1e.*leaves"):
            fit_scaling(TABLE * [1, unit], ["a", "b"], weights={"b": weight})


def test_a_table_of_tiny_numbers_is_scaled_or_refused():
    tiny = TABLE * 1e-20
    assert fit_scaling(tiny, ["a", "b"]).apply(tiny).max() > 0.5
    with pytest.raises(DataError, match=r"no feature varies by more than .* scaled by 'none'"):
        fit_scaling(tiny, ["a", "b"], "none")
    with pytest.raises(DataError, match="larger weights"):
        fit_scaling(TABLE, ["a", "b"], weights={"a": 1e-20, "b": 1e-20})
    fit_scaling(tiny, ["a", "b"], "none", weights={"a": 1e20})


def test_numbers_in_a_table_of_objects():
    fitted = fit_scaling(TABLE, ["a", "b"])
    np.testing.assert_array_equal(fitted.apply(TABLE.astype(object)), fitted.apply(TABLE))


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4"])
def test_what_a_container_marks_as_missing_is_missing(dtype):
    absent = np.zeros(TABLE.shape, bool)
    absent[2, 0] = absent[5, 1] = True
    gappy = np.where(absent, np.nan, TABLE)
    expected = fit_scaling(gappy, ["a", "b"])
    far = np.where(absent, 10**6, TABLE).astype(dtype)
    nullable = pd.DataFrame(TABLE, columns=["a", "b"]).convert_dtypes().mask(absent)
    for values in (np.ma.array(far, mask=absent), nullable):
        found = fit_scaling(values, ["a", "b"])
        np.testing.assert_array_equal(found.scale, expected.scale)
        np.testing.assert_array_equal(found.apply(values), expected.apply(gappy))


def test_unknown_names_of_methods():
    with pytest.raises(ConfigError, match="unknown scaling 'two_sigmas'; did you mean 'two_sigma'"):
        fit_scaling(TABLE, ["a", "b"], "two_sigmas")
    with pytest.raises(ConfigError, match="constant_features must be 'error' or 'drop'"):
        fit_scaling(TABLE, ["a", "b"], "none", "ignore")


def test_shapes_must_fit():
    with pytest.raises(DataError, match=r"shape \(rows, 3\).*got \(8, 2\)"):
        fit_scaling(TABLE, ["a", "b", "c"])
    with pytest.raises(DataError, match=r"got \(8,\)"):
        fit_scaling(COLUMN, ["a"])
    with pytest.raises(DataError, match="at least 2 rows, got 1"):
        fit_scaling(TABLE[:1], ["a", "b"])
    fitted = fit_scaling(TABLE, ["a", "b"])
    with pytest.raises(DataError, match=r"shape \(rows, 2\), got \(8, 1\)"):
        fitted.apply(TABLE[:, :1])


def test_memory_is_a_fraction_of_a_float64_copy(monkeypatch):
    monkeypatch.setattr(_arrays, "_BLOCK_ENTRIES", 1 << 15)
    monkeypatch.setattr(scaling_module, "_SUMMED", 1 << 12)
    values = np.random.default_rng(2).normal(size=(300_000, 8)).astype(np.float32)
    names = [f"f{i}" for i in range(8)]
    tracemalloc.start()
    fitted = fit_scaling(values, names)
    while_fitting = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    scaled = fitted.apply(values)
    while_applying = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    float64_copy = values.size * 8
    # A float64 column of eight, which of its values are missing, and blocks; the result and blocks.
    assert while_fitting < 0.2 * float64_copy
    assert while_applying < scaled.nbytes + 0.05 * float64_copy


@pytest.mark.parametrize("n", [1, 7, 4096, 4097, 70_001])
def test_sums_in_parts_are_those_of_numpy(monkeypatch, n):
    monkeypatch.setattr(scaling_module, "_SUMMED", 1 << 9)
    column = np.random.default_rng(n).normal(3, 2, n) ** 3
    deviations = column - column.mean()
    _, exponent = np.frexp(np.abs(deviations).max())
    squares = np.ldexp(deviations, -exponent) ** 2
    expected = column.mean(), np.ldexp(np.sqrt(squares.mean()), exponent)
    assert SCALINGS["standard"](column) == expected


def test_a_result_mapped_from_a_file(tmp_path):
    fitted = fit_scaling(TABLE, ["a", "b"])
    mapped = fitted.apply(TABLE, tmp_path / "features")
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, fitted.apply(TABLE))
