import numpy as np
import oracles_maps as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohorte.errors import ConfigError
from kohorte.maps.schedules import learning_rates, reference_radius


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


def test_static_and_short_runs():
    np.testing.assert_array_equal(learning_rates("static", 2, 5, 100, 0.2), [0.2] * 3)
    np.testing.assert_array_equal(learning_rates("decay", 0, 4, 4, 1), [1, 1, 0.75, 0.5625])
    np.testing.assert_array_equal(learning_rates("decay", 0, 1, 1, 1), [1])


@pytest.mark.parametrize(
    ("name", "steps", "alpha"),
    [("decay", 0, 0.1), ("decay", 5, 0), ("decay", 5, 1.5), ("decay", 5, "a"), ("slow", 5, 0.1)],
)
def test_bad_learning_rates(name, steps, alpha):
    with pytest.raises(ConfigError):
        learning_rates(name, 0, 1, steps, alpha)
