"""Functions of arrays that give the same bits on every processor.

NumPy computes them in other ways on other processors, which differ in the last bit. Here they are
those of the C library, value by value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def exp(values: ArrayLike) -> np.ndarray:
    """Return e to the power of each value; float64 in their shape."""
    from kohorte import _portable_kernels

    return _portable_kernels.exp(np.asarray(values, dtype=np.float64))


def log(values: ArrayLike) -> np.ndarray:
    """Return the natural logarithm of each value > 0; float64 in their shape."""
    from kohorte import _portable_kernels

    return _portable_kernels.log(np.asarray(values, dtype=np.float64))


def power(base: float, exponents: ArrayLike) -> np.ndarray:
    """Return a base > 0 to the power of each exponent; float64 in their shape."""
    from kohorte import _portable_kernels

    return _portable_kernels.power(float(base), np.asarray(exponents, dtype=np.float64))
