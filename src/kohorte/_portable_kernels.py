"""Compiled functions of kohorte._portable; importing this module imports numba."""

import math

from numba import vectorize


@vectorize(["float64(float64)"], cache=True)
def exp(value: float) -> float:
    """Return e to the power of a value."""
    return math.exp(value)


@vectorize(["float64(float64)"], cache=True)
def log(value: float) -> float:
    """Return the natural logarithm of a value."""
    return math.log(value)


@vectorize(["float64(float64, float64)"], cache=True)
def power(base: float, exponent: float) -> float:
    """Return the base to the power of the exponent."""
    return math.pow(base, exponent)
