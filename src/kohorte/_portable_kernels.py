"""Compiled functions of kohorte._portable; importing this module imports numba."""

import math

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def exp(values: np.ndarray) -> np.ndarray:
    """Return e to the power of values (n,)."""
    found = np.empty(values.size)
    for i in range(values.size):
        found[i] = math.exp(values[i])
    return found


@njit(nogil=True, cache=True)
def log(values: np.ndarray) -> np.ndarray:
    """Return the natural logarithms of values (n,)."""
    found = np.empty(values.size)
    for i in range(values.size):
        found[i] = math.log(values[i])
    return found


@njit(nogil=True, cache=True)
def power(base: float, exponents: np.ndarray) -> np.ndarray:
    """Return the base to the power of exponents (n,)."""
    found = np.empty(exponents.size)
    for i in range(exponents.size):
        found[i] = math.pow(base, exponents[i])
    return found


@njit(nogil=True, cache=True)
def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the product of (n, m) and (m, F) float64, each sum in the order of m.

    Every processor gives the same bits, where BLAS has another order for each.
    """
    out = np.zeros((left.shape[0], right.shape[1]))
    for i in range(left.shape[0]):
        row = out[i]
        for k in range(left.shape[1]):
            factor = left[i, k]
            if factor != 0.0:
                for f in range(right.shape[1]):
                    row[f] += factor * right[k, f]
    return out
