"""Compiled loops of kohorte._portable; importing this module imports numba."""

import math

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def exp(values: np.ndarray) -> np.ndarray:
    """Return e to the power of each value."""
    found = np.empty_like(values)
    for k in range(values.size):
        found[k] = math.exp(values[k])
    return found


@njit(nogil=True, cache=True)
def log(values: np.ndarray) -> np.ndarray:
    """Return the natural logarithm of each value."""
    found = np.empty_like(values)
    for k in range(values.size):
        found[k] = math.log(values[k])
    return found


@njit(nogil=True, cache=True)
def power(base: float, exponents: np.ndarray) -> np.ndarray:
    """Return the base to the power of each exponent."""
    found = np.empty_like(exponents)
    for k in range(exponents.size):
        found[k] = math.pow(base, exponents[k])
    return found
