"""Schedules of a training run: neighbourhood size and learning rate of a range of steps.

A schedule is a function of step numbers, evaluated for a block of steps at a time, so that memory
does not grow with the length of a run.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kohorte._checks import as_alpha, as_count, as_number, choose_name
from kohorte._portable import log, power
from kohorte.maps.parameters import check_fall, radius_ends

#: Final neighbourhood size of maps whose first one is larger.
LARGE_MAP_RADIUS = 8

#: Final neighbourhood size of smaller maps: a Gaussian of one lattice step.
SMALL_MAP_RADIUS = 3

DECAY = 0.75
DECAYS_PER_RUN = 25

#: Last learning rate of schedules that fall to a value, as a share of the first, if not given.
LAST_SHARE = 0.01

#: Values that a falling schedule takes in a run: each is held for T div LEVELS steps.
LEVELS = 250


@dataclass(frozen=True)
class RadiusSchedule:
    """Neighbourhood size n(t), in lattice steps, of the reference schedule.

    It falls from `largest` to `smallest`, n_max and n_min. `hold` is the last step of the first
    phase, 2 S, and `interval` f, the steps between two reductions.
    """

    largest: int
    smallest: int
    hold: int
    interval: int

    def at(self, start: int, stop: int) -> np.ndarray:
        """Return the sizes of the steps start..stop-1, (stop - start,) int32."""
        # A reduction happens after a step that is a multiple of f: look at the last one before.
        reduced_after = (np.arange(start, stop) - 1) // self.interval * self.interval
        reductions = np.maximum(reduced_after - self.hold, 0) // self.interval
        return np.maximum(self.largest - reductions, self.smallest).astype(np.int32)


def reference_radius(xdim: int, ydim: int, steps: int) -> RadiusSchedule:
    """Return the neighbourhood sizes of a run of `steps` steps on an xdim x ydim lattice.

    With T steps, S = T div 4 and n_max = max(xdim, ydim) + 1: n_min = 8 if S > n_max - 8, else
    n_max - S; f = S div (n_max - n_min). The size is n_max up to step 2 S; after a step t > 2 S
    with t mod f = 0 it becomes n_max - (t - 2 S) div f, until it is n_min, where it stays.

    The published formulas divide by zero or never shrink where n_max <= 8 (sides of at most 7) and
    where S = 0. Here, for n_max <= 8 the final size 8 is replaced by min(3, n_max - 1) (at 3 the
    Gaussian's width is one lattice step), and everything else is unchanged; a run of fewer than
    four steps has no shrinking phase and keeps n_max.

    Source: Ha, Nättilä & Davelaar, JOSS 10 (2025) 7613. Raises ConfigError for counts below one.
    """
    largest = max(as_count(xdim, "xdim", 1), as_count(ydim, "ydim", 1)) + 1
    quarter = as_count(steps, "steps", 1) // 4
    floor = LARGE_MAP_RADIUS if largest > LARGE_MAP_RADIUS else min(SMALL_MAP_RADIUS, largest - 1)
    smallest = floor if quarter > largest - floor else largest - quarter
    reductions = largest - smallest
    interval = quarter // reductions if reductions else 1
    return RadiusSchedule(largest, smallest, 2 * quarter, interval)


#: Name -> values at progress t/T in [0, 1) of a run of T steps, from `first` to `last` at t = T.
#:
#: constant: first. linear: first + (last - first) t/T. exponential: first (last/first)^(t/T).
#: inverse_time: first / (1 + (first/last - 1) t/T). power: first (1 + t)^(-q), where q is such that
#: the value at T is `last`.
CURVES: dict[str, Callable[[np.ndarray, float, float, int], np.ndarray]] = {
    "constant": lambda progress, first, last, steps: np.full(progress.shape, first),
    "linear": lambda progress, first, last, steps: first + (last - first) * progress,
    "exponential": lambda progress, first, last, steps: first * power(last / first, progress),
    "inverse_time": lambda progress, first, last, steps: (
        first / (1 + (first / last - 1) * progress)
    ),
    "power": lambda progress, first, last, steps: (
        first * power(last / first, log(1 + progress * steps) / math.log(1 + steps))
    ),
}


def held(start: int, stop: int, steps: int) -> np.ndarray:
    """Return the step numbers at which a curve is evaluated for the steps start..stop-1, int64.

    Every value is held for T div LEVELS steps, so that the kernel need not be computed anew for
    each step; runs of fewer than 2 LEVELS steps change at every step.
    """
    hold = max(1, steps // LEVELS)
    return np.arange(start, stop) // hold * hold


def _decay(start: int, stop: int, steps: int, alpha: float) -> np.ndarray:
    # A product of single factors, in the order of a run, has the rounding of the published code.
    interval = max(1, steps // DECAYS_PER_RUN)
    factors = np.full((steps - 1) // interval + 1, DECAY)
    factors[0] = alpha
    return np.multiply.accumulate(factors)[np.maximum(np.arange(start, stop) - 1, 0) // interval]


def learning_rates(
    name: str, start: int, stop: int, steps: int, alpha: float, final_alpha: float | None = None
) -> np.ndarray:
    """Return the learning rates of the steps start..stop-1, (stop - start,) float64.

    `name` is ``decay``: alpha times 0.75 for every step t' < t with t' > 0 and t' mod (T div 25) =
    0: 24 decays where 25 divides T, the `steps` of the whole run. Runs of fewer than 25 steps,
    where the published interval is zero, decay after every step but the first. Source: Ha, Nättilä
    & Davelaar, JOSS 10 (2025) 7613. Or it is a key of CURVES, from alpha to final_alpha, both in
    (0, 1], where None stands for alpha / 100; see `held`. Steps count from 0. ConfigError for an
    unknown name, numbers out of range, and a final_alpha that is above alpha or that the curve
    cannot reach.
    """
    choose_name(("decay", *CURVES), name, "learning rate")
    steps = as_count(steps, "steps", 1)
    alpha = as_alpha(alpha)
    final = alpha * LAST_SHARE if final_alpha is None else as_number(final_alpha, "final_alpha")
    if name == "decay":
        return _decay(start, stop, steps, alpha)
    check_fall("alpha", name, alpha, final)
    return _curve(name, start, stop, steps, alpha, final)


@dataclass(frozen=True)
class Radii:
    """Radius of the neighbourhood of every step of a run.

    `schedule` is ``reference`` or a key of CURVES, and `first` and `last` its ends: None for those
    that ``reference`` prescribes; of a curve None is replaced by max(xdim, ydim) / 2, and by 1 (or
    `first` where that is less). ConfigError for an unknown schedule, radii that grow or that the
    curve cannot reach, and ``reference`` with radii, which it sets itself.
    """

    xdim: int
    ydim: int
    steps: int
    schedule: str = "reference"
    first: float | None = None
    last: float | None = None

    def __post_init__(self) -> None:
        choose_name(("reference", *CURVES), self.schedule, "radius schedule")
        as_count(self.steps, "steps", 1)
        side = max(self.xdim, self.ydim)
        first, last = radius_ends(self.schedule, self.first, self.last, side)
        object.__setattr__(self, "first", first)
        object.__setattr__(self, "last", last)

    def at(self, start: int, stop: int) -> np.ndarray:
        """Return the radii of the steps start..stop-1, (stop - start,) float64."""
        if self.first is None or self.last is None:
            return reference_radius(self.xdim, self.ydim, self.steps).at(start, stop).astype(float)
        return _curve(self.schedule, start, stop, self.steps, self.first, self.last)

    @property
    def final(self) -> float:
        """The radius that training ends with: of the last step, or what the curve falls to."""
        if self.first is None or self.last is None:
            return float(reference_radius(self.xdim, self.ydim, self.steps).smallest)
        return self.first if self.schedule == "constant" else self.last


def _curve(name: str, start: int, stop: int, steps: int, first: float, last: float) -> np.ndarray:
    return CURVES[name](held(start, stop, steps) / steps, first, last, steps)
