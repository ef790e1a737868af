"""Checks and conversions of the arrays that public functions take."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from kohorte.errors import DataError

#: Largest magnitude of a feature or weight: float32 keeps the squared distances finite below it.
LARGEST_VALUE = 1e15

#: Least deviation of the widest feature: below, float32 loses squared distances of near points.
SMALLEST_SPREAD = 1e-14
_BLOCK_ENTRIES = 1 << 19

#: Error of float32 beside the interquartile range of a feature up to which it is taken as it is.
_RESOLUTION = 1e-4
_ROUNDING = 2.0**-23
_SAMPLED_ROWS = 10_000
_COARSE = 0.01  # of the interquartile range
_FEW_ROWS = 3

#: Part of the range of a column up to which float64 may round whole numbers.
_WHOLE_RESOLUTION = 1e-4


def unmask(values: Any) -> Any:
    """Return an array with NaN for what `values` mark as missing beside the data; else `values`.

    Masked arrays (of NumPy, astropy, netCDF4), alone or in a list, structured ones, tables of
    astropy, and pandas objects with pd.NA.
    """
    plain: Any
    if isinstance(values, list | tuple) and any(isinstance(v, np.ma.MaskedArray) for v in values):
        values = np.ma.stack(values)
    elif hasattr(values, "colnames") and hasattr(values, "to_pandas"):
        values = values.to_pandas()
    elif hasattr(values, "unmasked") and hasattr(values, "mask"):
        values = np.ma.MaskedArray(np.asarray(values.unmasked), np.asarray(values.mask))
    if isinstance(values, np.ndarray) and values.dtype.names and values.ndim == 1:
        columns = [unmask(values[name]) for name in values.dtype.names]
        are_numbers = all(c.ndim == 1 and c.dtype.kind in "fiub" for c in columns)
        return np.column_stack(columns) if are_numbers else values
    if isinstance(values, np.ma.MaskedArray):
        if not np.ma.is_masked(values):
            return np.asarray(values)
        if values.dtype.kind not in "fiub":
            return values
        kind = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
        plain = values.astype(kind)
        return plain.filled(np.nan)
    if hasattr(values, "to_numpy") and hasattr(values, "iloc"):
        array = np.asarray(values)
        if array.dtype == object:
            try:
                if hasattr(values, "columns"):  # pandas takes pd.NA out of no frame of objects
                    parts = [values.iloc[:, k] for k in range(values.shape[1])]
                    return np.column_stack([x.to_numpy(np.float64, na_value=np.nan) for x in parts])
                return values.to_numpy(dtype=np.float64, na_value=np.nan)
            except (TypeError, ValueError):
                return values
    return values


def as_entries(values: Any) -> np.ndarray:
    """Return labels or classes of any type as an array, with None for what is masked.

    Of objects where entries of a list have several types, which NumPy would make text of: a NaN
    among text would be a word, and the number 1 the text "1".
    """
    if hasattr(values, "unmasked") and hasattr(values, "mask"):
        values = np.ma.MaskedArray(np.asarray(values.unmasked), np.asarray(values.mask))
    if np.ma.is_masked(values):
        kind, none = (values.dtype, np.nan) if values.dtype.kind == "f" else (object, None)
        array = np.array(values.data, dtype=kind)
        array[np.ma.getmaskarray(values)] = none
        return array
    array = np.asarray(values)
    if array.dtype.kind in "SU" and not hasattr(values, "dtype"):
        entries = np.asarray(values, dtype=object)
        text = str if array.dtype.kind == "U" else bytes
        return array if all(isinstance(entry, text) for entry in entries.flat) else entries
    return array


def is_missing(value: Any) -> bool:
    """Tell whether a value stands for none: None, NaN, NaT, pd.NA or NumPy's `masked`."""
    is_none = value is None or value is np.ma.masked
    return is_none or type(value).__name__ == "NAType" or bool(value != value)


def find_missing(values: np.ndarray) -> npt.NDArray[np.bool_]:
    """Tell which entries of an array (N,) of any type are missing, (N,) bool."""
    if values.dtype.kind in "fcmM":
        return values != values
    if values.dtype == object:
        return np.array([is_missing(value) for value in values.tolist()], bool)
    return np.zeros(values.shape, bool)


#: Powers of ten that are exact in float64.
_TENS = np.array([float(10**k) for k in range(23)])


def round_to(values: npt.NDArray[np.float64], steps: np.ndarray) -> npt.NDArray[np.float64]:
    """Round numbers to the decimals that are above steps > 0 of the same shape.

    What is finer than 22 decimals, infinite or NaN stays as it is.
    """
    # 2^(e - 1) <= step < 2^e <= 10^-digits, in whole numbers, which are equal everywhere.
    _, exponent = np.frexp(np.where(np.isfinite(steps), steps, 1.0))
    digits = -(exponent.astype(np.int64) * 30103) // 100_000
    tens = _TENS[np.minimum(np.abs(digits), 22)]
    with np.errstate(over="ignore", invalid="ignore"):
        fine = np.rint(values * tens) / tens + 0.0  # and -0 is 0
        coarse = np.rint(values / tens) * tens + 0.0
    rounded = np.where(digits >= 0, fine, coarse)
    return np.where((digits <= 22) & np.isfinite(rounded), rounded, values)


def blocks_of(values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the first row and the rows of blocks of a table (N, F), to look at one at a time."""
    n_rows = max(1, _BLOCK_ENTRIES // values.shape[1])
    for start in range(0, values.shape[0], n_rows):
        yield start, values[start : start + n_rows]


def find_first(
    values: np.ndarray, test: Callable[[np.ndarray], np.ndarray]
) -> tuple[int, int] | None:
    """Return row and column of the first entry of (N, F) for which the test is true, if any is."""
    for start, block in blocks_of(values):
        found = test(block)
        if found.any():
            row, column = divmod(int(np.argmax(found)), values.shape[1])
            return start + row, column
    return None


def find_centers(values: np.ndarray) -> npt.NDArray[np.float64]:
    """Return what to subtract from each feature before it is rounded to float32, (F,).

    The median of a feature of `values` (N, F) whose rounding would be more than a ten thousandth of
    its interquartile range, such as times in Unix seconds and coordinates of a map; 0 for others,
    which float32 holds as they are. At most 10,000 rows, evenly spaced, are looked at.
    """
    sampled = np.asarray(values[:: -(-len(values) // _SAMPLED_ROWS)], dtype=np.float64)
    centers = np.zeros(sampled.shape[1])
    for column, entries in enumerate(sampled.T):
        present = entries[np.isfinite(entries)]
        if present.size:
            low, middle, high = np.quantile(present, (0.25, 0.5, 0.75))
            spread = high - low or np.ptp(present) or 1.0
            if abs(middle) * _ROUNDING > _RESOLUTION * spread:
                centers[column] = middle
    return centers


def describe_rounded(low: int, high: int) -> str | None:
    """Say how float64 rounds whole numbers from `low` to `high`; None where it tells them apart."""
    step = np.spacing(float(max(abs(low), abs(high))))
    if not (step > 1 and 0 < high - low < step / _WHOLE_RESOLUTION):
        return None
    return f"whole numbers from {low} to {high}, which float64 would round to multiples of {step:g}"


def find_coarse(values: np.ndarray) -> dict[int, float]:
    """Return the features that float32 has held too coarsely, with the step between its numbers.

    `values` (N, F), finite or NaN, of any type, as they were given: what was rounded is lost. Each
    number is one of float32; the step is more than a hundredth of the interquartile range, and
    numbers without fractions would differ by less.
    """
    found: dict[int, float] = {}
    sampled = np.asarray(values[:: -(-len(values) // _SAMPLED_ROWS)])
    for column in np.flatnonzero(find_centers(sampled)).tolist():
        entries = sampled[:, column]
        present = entries[np.isfinite(entries)].astype(np.float64)
        with np.errstate(over="ignore"):  # what is too large is no number of float32
            rounded = present.astype(np.float32)
        if present.size < _FEW_ROWS or (rounded != present).any():
            continue
        low, middle, high = np.quantile(present, (0.25, 0.5, 0.75))
        step = float(np.spacing(np.float32(abs(middle))))
        is_exact = step <= 1 and bool((present == np.floor(present)).all())
        if step > _COARSE * (high - low) and not is_exact:
            found[column] = step
    return found


def find_lost(
    values: np.ndarray, columns: np.ndarray, offset: np.ndarray, scale: np.ndarray
) -> dict[int, float]:
    """Return the features that scaling rounds coarsely, with the step between their numbers.

    `columns` (F,) of `values` (N, F0) are to be (x - offset) / scale in float32. The step, in units
    of the values, is more than a hundredth of the interquartile range, which is not 0.
    """
    found: dict[int, float] = {}
    sampled = values[:: -(-len(values) // _SAMPLED_ROWS)][:, columns].astype(np.float64)
    for column, entries in enumerate(sampled.T):
        present = entries[~np.isnan(entries)]
        if not present.size:
            continue
        low, middle, high = np.quantile(present, (0.25, 0.5, 0.75))
        scaled = np.float32(abs(middle - offset[column]) / scale[column])
        step = float(np.spacing(scaled)) * scale[column]
        if step > _COARSE * (high - low) > 0:
            found[column] = step
    return found


def check_resolution(values: npt.ArrayLike, name: str = "features") -> None:
    """Raise DataError where rounding to float32 would leave little of a feature of (N, F)."""
    array = np.asarray(values)
    if array.ndim != 2 or array.dtype.kind not in "fiu" or array.dtype == np.float32:
        return
    if not array.size:
        return
    centers = find_centers(array)
    if centers.any():
        column = int(np.flatnonzero(centers)[0])
        raise DataError(
            f"{name}, column {column}: its values differ by too little beside their size, about "
            f"{centers[column]:.10g}, for float32, which maps are trained in; subtract that first"
        )


def as_points(
    values: npt.ArrayLike, name: str = "features", *, missing: bool = False
) -> npt.NDArray[np.float32]:
    """Return `values` as a C-contiguous float32 table (N, F); a copy only where it is no such one.

    `missing`: whether NaN stands for a missing value; each row must have at least one value. Raises
    DataError: `values` is not a finite two-dimensional table of real numbers with at least one row
    and one column; the message names row and column. What is masked is missing.
    """
    array = np.asarray(unmask(values))
    if array.ndim != 2:
        raise DataError(
            f"{name} must be a two-dimensional table (rows, features), got {array.ndim} "
            f"dimension(s) with shape {array.shape}"
        )
    if array.shape[0] == 0 or array.shape[1] == 0:
        raise DataError(
            f"{name} must have at least one row and one column, got shape {array.shape}"
        )
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name} must hold real numbers, got dtype {array.dtype}")
    for start, block in blocks_of(array):
        # Extrema are found fast, and NaN is one of them: it fails both comparisons.
        if block.max() <= LARGEST_VALUE and block.min() >= -LARGEST_VALUE:
            continue
        usable = (block <= LARGEST_VALUE) & (block >= -LARGEST_VALUE)
        if missing and not usable.all():
            absent = np.isnan(block)
            empty = absent.all(axis=1)
            if empty.any():
                raise DataError(
                    f"{name} has no value in row {start + int(np.argmax(empty))}: "
                    "it cannot be compared with any node; remove the row"
                )
            usable |= absent
        if not usable.all():
            row, column = np.argwhere(~usable)[0]
            raise DataError(
                f"{name} has the value {block[row, column]} in row {start + row}, column {column}: "
                f"values must be finite and at most {LARGEST_VALUE:g} in magnitude; "
                "remove the row or scale the data"
            )
    return np.ascontiguousarray(array, dtype=np.float32)


def as_weights(
    weights: npt.ArrayLike, n_nodes: int | None = None, n_features: int | None = None
) -> npt.NDArray[np.float32]:
    """Return C-contiguous float32 (M, F) weights, checked against the lattice and the features."""
    array = as_points(weights, "weights")
    if n_nodes is not None and array.shape[0] != n_nodes:
        raise DataError(f"weights has {array.shape[0]} rows, but the lattice has {n_nodes} nodes")
    if n_features is not None and array.shape[1] != n_features:
        raise DataError(
            f"weights has {array.shape[1]} columns, but the data have {n_features} features"
        )
    return array


def as_nodes(nodes: npt.ArrayLike, n_nodes: int, name: str) -> npt.NDArray[np.int32]:
    """Return an int32 array of node indices, checked to lie in 0..n_nodes-1."""
    if np.ma.is_masked(nodes):
        raise DataError(f"{name} has masked entries; every point needs a node")
    array = np.asarray(nodes)
    if array.dtype.kind not in "iu":
        raise DataError(f"{name} must hold integer node indices, got dtype {array.dtype}")
    if array.size and (array.min() < 0 or array.max() >= n_nodes):
        raise DataError(
            f"{name} must lie in 0..{n_nodes - 1}, got {array.min()}..{array.max()}: "
            "these are not nodes of this lattice"
        )
    return array.astype(np.int32, copy=False)


def as_node_values(values: npt.ArrayLike, n_nodes: int, name: str) -> npt.NDArray[np.float64]:
    """Return a float64 (M,) array, checked to hold one finite value for each node."""
    array = np.asarray(unmask(values), dtype=np.float64)
    if array.shape != (n_nodes,):
        raise DataError(f"{name} must have shape ({n_nodes},), got {array.shape}")
    if not np.isfinite(array).all():
        node = int(np.flatnonzero(~np.isfinite(array))[0])
        raise DataError(f"{name} is {array[node]} at node {node}; it must be finite")
    return array
