import math

import numpy as np
import oracles_maps as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohorte.errors import ConfigError
from kohorte.maps.schedules import CURVES, LEVELS, Radii, learning_rates, reference_radius


def test_reference_schedule_by_hand():
    # 40 x 15, T = 1e5: S = 25000, n_max = 41, n_min = 8, f = 25000 div 33 = 757.
    radius = reference_radius(40, 15, 100_000)
    assert (radius.largest, radius.smallest, radius.hold, radius.interval) == (41, 8, 50_000, 757)
    sizes = radius.at(0, 100_000)
    # 757 * 67 = 50719 is the first multiple after 50000: 719 div 757 = 0 shrinks nothing yet.
    assert (sizes[:51_477] == 41).all()
    # 757 * 68 = 51476: 1476 div 757 = 1, from the next step on.
    assert (sizes[51_477:52_234] == 40).all()
    assert sizes[52_234] == 39
    # The last reduction follows step 757 * (67 + 33) = 75700.
    assert sizes[75_700] == 9
    assert (sizes[75_701:] == 8).all()


def test_short_run_shrinks_by_one_every_step():
    # S = 10 <= 41 - 8: n_min = 31, f = 1.
    radius = reference_radius(40, 15, 40)
    assert (radius.smallest, radius.interval) == (31, 1)
    np.testing.assert_array_equal(
        radius.at(0, 40), [41] * 22 + [40, 39, 38, 37, 36, 35, 34, 33, 32] + [31] * 9
    )


@pytest.mark.parametrize(
    ("xdim", "ydim", "steps", "largest", "smallest"),
    [
        (7, 7, 1000, 8, 3),  # the published f divides by zero
        (5, 4, 1000, 6, 3),  # the published size never shrinks
        (2, 1, 1000, 3, 2),
        (1, 1, 1000, 2, 1),
        (5, 4, 3, 6, 6),  # S = 0: no shrinking phase
        (5, 4, 4, 6, 5),
        (40, 15, 1, 41, 41),
    ],
)
def test_cases_that_the_published_formulas_leave_open(xdim, ydim, steps, largest, smallest):
    radius = reference_radius(xdim, ydim, steps)
    sizes = radius.at(0, steps)
    assert (radius.largest, radius.smallest) == (largest, smallest)
    assert sizes[0] == largest
    if steps > 10:
        assert sizes[-1] == smallest


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 3000), st.integers(0, 3000))
def test_blocks_of_steps_agree_with_walking_through_the_run(xdim, ydim, steps, cut):
    cut = min(cut, steps)
    sizes, rates = oracle.schedule(xdim, ydim, steps, 0.3, "decay")
    radius = reference_radius(xdim, ydim, steps)
    np.testing.assert_array_equal(np.concatenate([radius.at(0, cut), radius.at(cut, steps)]), sizes)
    found = [learning_rates("decay", *part, steps, 0.3) for part in ((0, cut), (cut, steps))]
    np.testing.assert_array_equal(np.concatenate(found), rates)


def test_decay_by_hand():
    rates = learning_rates("decay", 0, 100, 100, 0.5)
    # T div 25 = 4: the rate of step 4 is still the first one.
    assert rates[4] == 0.5
    assert rates[5] == 0.375
    # 24 decays, after steps 4, 8, ..., 96.
    assert rates[97] == pytest.approx(0.5 * 0.75**24)
    assert rates[97] / 0.5 == pytest.approx(1e-3, rel=0.01)


def test_short_runs():
    np.testing.assert_array_equal(learning_rates("decay", 0, 4, 4, 1), [1, 1, 0.75, 0.5625])
    np.testing.assert_array_equal(learning_rates("decay", 0, 1, 1, 1), [1])


CURVES_BY_HAND = {
    "constant": lambda t: 0.8,
    "linear": lambda t: 0.8 - 0.6 * t / 10,
    "exponential": lambda t: 0.8 * 0.25 ** (t / 10),
    "inverse_time": lambda t: 0.8 / (1 + 3 * t / 10),
    "power": lambda t: 0.8 * (1 + t) ** (-math.log(4) / math.log(11)),
}


@pytest.mark.parametrize("name", CURVES)
def test_curves_from_first_to_last(name):
    expected = [CURVES_BY_HAND[name](t) for t in range(10)]
    np.testing.assert_allclose(learning_rates(name, 0, 10, 10, 0.8, 0.2), expected)
    radii = Radii(9, 9, 10, name, 8, 2)
    np.testing.assert_allclose(radii.at(0, 10), 10 * np.array(expected))
    assert radii.final == (8 if name == "constant" else 2)


def test_simpsom_and_minisom_in_these_names():
    # SimpSOM: sigma_0 exp(-t / tau), tau = T / ln sigma_0.
    t = np.arange(30)
    found = Radii(40, 50, 30, "exponential", 25, 1).at(0, 30)
    np.testing.assert_allclose(found, 25 * np.exp(-t / (30 / math.log(25))))
    # MiniSom: x / (1 + t / (T / 2)).
    found = learning_rates("inverse_time", 0, 30, 30, 0.5, 0.5 / 3)
    np.testing.assert_allclose(found, 0.5 / (1 + t / 15))


@given(
    name=st.sampled_from(list(CURVES)),
    steps=st.integers(1, 5000),
    cut=st.integers(0, 5000),
    share=st.floats(0.01, 1),
)
def test_curves_fall_and_do_not_depend_on_blocks(name, steps, cut, share):
    cut = min(cut, steps)
    whole = learning_rates(name, 0, steps, steps, 0.5, 0.5 * share)
    parts = [
        learning_rates(name, *part, steps, 0.5, 0.5 * share) for part in ((0, cut), (cut, steps))
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert whole[0] == 0.5
    assert (np.diff(whole) <= 0).all()
    assert whole[-1] >= 0.5 * share * (1 - 1e-12)


def test_values_are_held_in_long_runs():
    rates = learning_rates("linear", 0, 100_000, 100_000, 1.0, 0)
    assert np.unique(rates).size == LEVELS
    np.testing.assert_array_equal(rates[:400], 1)
    assert rates[400] == pytest.approx(1 - 400 / 100_000)
    assert np.unique(learning_rates("linear", 0, 400, 400, 1.0, 0)).size == 400


def test_automatic_ends():
    assert learning_rates("linear", 9, 10, 10, 0.5)[0] == pytest.approx(0.05 + 0.9 * 0.005)
    radii = Radii(40, 30, 10, "linear")
    assert (radii.first, radii.last) == (20, 1)
    assert (Radii(1, 1, 10, "linear").first, Radii(1, 1, 10, "linear").last) == (0.5, 0.5)
    assert Radii(40, 30, 100_000).final == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("slow",), "unknown radius schedule"),
        (("reference", 3.0), "^radius is 3, but the radius_schedule 'reference'"),
        (("reference", None, 3.0), "final_radius is 3, but"),
        (("linear", 3, 4), "final_radius is 4, but it falls from radius, which is 3"),
        (("linear", -3), "radius must be"),
        (("exponential", 3, 0), "final_radius is 0, which 'exponential' never reaches"),
        (("power", 0), "radius: it must be above 0"),
    ],
)
def test_bad_radii(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Radii(5, 5, 10, *arguments)
    assert Radii(5, 5, 10, "constant", 0).at(0, 2).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("name", "steps", "alpha"),
    [("decay", 0, 0.1), ("decay", 5, 0), ("decay", 5, 1.5), ("decay", 5, "a"), ("slow", 5, 0.1)],
)
def test_bad_learning_rates(name, steps, alpha):
    with pytest.raises(ConfigError):
        learning_rates(name, 0, 1, steps, alpha)
