"""Functions of arrays that give the same bits on every processor.

NumPy computes them in other ways on other processors, which differ in the last bit. Here they are
those of the C library, value by value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def exp(values: ArrayLike) -> Any:
    """Return e to the power of each value; float64 in their shape."""
    from kohorte import _portable_kernels

    return _each(_portable_kernels.exp, values)


def log(values: ArrayLike) -> Any:
    """Return the natural logarithm of each value > 0; float64 in their shape."""
    from kohorte import _portable_kernels

    return _each(_portable_kernels.log, values)


def power(base: float, exponents: ArrayLike) -> Any:
    """Return a base > 0 to the power of each exponent; float64 in their shape."""
    from kohorte import _portable_kernels

    return _each(lambda flat: _portable_kernels.power(float(base), flat), exponents)


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the product of matrices (n, m) and (m, F), float64, each sum in the order of m."""
    from kohorte import _portable_kernels

    return _portable_kernels.product(left, np.ascontiguousarray(right))


def _each(function: Any, values: ArrayLike) -> Any:
    """Apply a function of arrays (n,) to an array, or a number, of any shape."""
    array = np.asarray(values, dtype=np.float64)
    return function(np.ascontiguousarray(array).reshape(-1)).reshape(array.shape)[()]
