"""Schedules of a training run: neighbourhood size and learning rate of a range of steps.

A schedule is a function of step numbers, evaluated for a block of steps at a time, so that memory
does not grow with the length of a run.
"""

from dataclasses import dataclass

import numpy as np

from kohorte.maps._validation import as_alpha, as_count, choose

LARGE_MAP_RADIUS = 8
"""Final neighbourhood size of maps whose first one is larger."""

SMALL_MAP_RADIUS = 3
"""Final neighbourhood size of smaller maps: a Gaussian of one lattice step."""

DECAY = 0.75
DECAYS_PER_RUN = 25


@dataclass(frozen=True)
class RadiusSchedule:
    """Neighbourhood size n(t), in lattice steps, of the reference schedule.

    largest: n_max; smallest: n_min; hold: the last step of the first phase, 2 S; interval: f, the
    steps between two reductions.
    """

    largest: int
    smallest: int
    hold: int
    interval: int

    def at(self, start: int, stop: int) -> np.ndarray:
        """Neighbourhood sizes (stop - start,) int32 of the steps start..stop-1."""
        # A reduction happens after a step that is a multiple of f: look at the last one before.
        reduced_after = (np.arange(start, stop) - 1) // self.interval * self.interval
        reductions = np.maximum(reduced_after - self.hold, 0) // self.interval
        return np.maximum(self.largest - reductions, self.smallest).astype(np.int32)


def reference_radius(xdim: int, ydim: int, steps: int) -> RadiusSchedule:
    """Neighbourhood sizes of a run of `steps` steps on an xdim x ydim lattice.

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


def _decay(start: int, stop: int, steps: int, alpha: float) -> np.ndarray:
    # A product of single factors, in the order of a run, has the rounding of the published code.
    interval = max(1, steps // DECAYS_PER_RUN)
    factors = np.full((steps - 1) // interval + 1, DECAY)
    factors[0] = alpha
    return np.multiply.accumulate(factors)[np.maximum(np.arange(start, stop) - 1, 0) // interval]


def _static(start: int, stop: int, steps: int, alpha: float) -> np.ndarray:
    return np.full(stop - start, alpha)


LEARNING_RATES = {"decay": _decay, "static": _static}


def learning_rates(name: str, start: int, stop: int, steps: int, alpha: float) -> np.ndarray:
    """Learning rates (stop - start,) float64 of the steps start..stop-1 of a run of `steps` steps.

    'decay': alpha times 0.75 for every step t' < t with t' > 0 and t' mod (T div 25) = 0: 24 decays
    where 25 divides T. 'static': alpha throughout. Runs of fewer than 25 steps, where the published
    interval is zero, decay after every step but the first.

    Source: Ha, Nättilä & Davelaar, JOSS 10 (2025) 7613. Raises ConfigError for an unknown name,
    steps < 1 or alpha outside (0, 1].
    """
    rate = choose(LEARNING_RATES, name, "learning rate")
    steps = as_count(steps, "steps", 1)
    return rate(start, stop, steps, as_alpha(alpha))
