"""Functions of arrays that give the same bits on every processor.

NumPy computes them in other ways on other processors, which differ in the last bit. Here they are
those of the C library, value by value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

#: Values of which so few are taken one by one in Python, which loads nothing that is compiled.
_FEW = 256


def exp(values: ArrayLike) -> Any:
    """Return e to the power of each value; float64 in their shape."""
    return _each("exp", math.exp, values)


def log(values: ArrayLike) -> Any:
    """Return the natural logarithm of each value > 0; float64 in their shape."""
    return _each("log", math.log, values)


def power(base: float, exponents: ArrayLike) -> Any:
    """Return a base > 0 to the power of each exponent; float64 in their shape."""
    base = float(base)
    return _each("power", lambda exponent: math.pow(base, exponent), exponents, base)


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the product of matrices (n, m) and (m, F), float64, each sum in the order of m."""
    from kohorte import _portable_kernels

    return _portable_kernels.product(left, np.ascontiguousarray(right))


def _each(name: str, one: Callable[[float], float], values: ArrayLike, *before: float) -> Any:
    """Apply a function of kohorte._portable_kernels, by its name, to an array of any shape.

    `one` is the same function of a single number, and `before` are what the other takes before the
    array.
    """
    array = np.asarray(values, dtype=np.float64)
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.size <= _FEW:
        try:
            found = np.array([one(value) for value in flat.tolist()], dtype=np.float64)
            return found.reshape(array.shape)[()]
        except (ValueError, OverflowError):  # where the C library gives an infinity, or no number
            pass
    from kohorte import _portable_kernels

    return getattr(_portable_kernels, name)(*before, flat).reshape(array.shape)[()]
