"""Bring features to a common scale."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kohorte._arrays import SMALLEST_SPREAD, blocks_of, find_centers, find_first, unmask
from kohorte._checks import is_real, suggest
from kohorte.errors import ConfigError, DataError

_LOG = logging.getLogger(__name__)
#: Most values whose sum is left to NumPy, so that steps in between are small.
_SUMMED = 1 << 17
CONSTANT_FEATURES = ("error", "drop")


@dataclass(frozen=True, eq=False)
class Scaling:
    """A scaling, (value - offset) / scale, of each feature that is kept."""

    method: str  # Key of SCALINGS
    names: tuple[str, ...]  # The F kept features
    offset: np.ndarray  # (F,) float64, in the units of the features
    scale: np.ndarray  # (F,) float64, > 0, in the units of the features, weights included
    kept: np.ndarray  # (F0,) bool, which of the F0 features of the table are kept; F of them are

    def apply(self, values: np.ndarray, scratch: Path | None = None) -> np.ndarray:
        """Scale (N, F0) values in the units of the table to (N, F) contiguous float32.

        Computed in float64 and rounded once, in blocks, so that no float64 copy of a large table is
        made. What is missing, NaN or masked, is NaN. With `scratch` the result is mapped from a new
        file of that name. Raises DataError: `values` has another number of features, or leaves the
        range of float32.
        """
        values = np.asarray(unmask(values))
        if values.dtype == object:
            values = values.astype(np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.kept):
            raise DataError(
                f"this scaling was fitted to {len(self.kept)} features, "
                f"so it needs values of shape (rows, {len(self.kept)}), got {values.shape}"
            )
        columns = np.flatnonzero(self.kept)
        shape = len(values), len(columns)
        out: np.ndarray = (
            np.empty(shape, np.float32)
            if scratch is None
            else np.memmap(scratch, np.float32, "w+", shape=shape)
        )
        for start, block in blocks_of(values):
            chosen = block if self.kept.all() else block[:, columns]
            scaled = chosen - self.offset
            scaled /= self.scale
            # Sources write NaN in different bits; equal tables shall have equal digests.
            scaled[np.isnan(scaled)] = np.nan
            with np.errstate(over="ignore"):
                out[start : start + len(block)] = scaled
        infinite = find_first(out, np.isinf)
        if infinite is not None:
            row, column = infinite
            raise DataError(
                f"feature {self.names[column]!r}, row {row}: "
                f"{values[row, columns[column]]} scaled by {self.method!r} is not a finite "
                "float32 number; choose another scaling or other units"
            )
        return out


def fit_scaling(
    values: np.ndarray,
    names: Sequence[str],
    method: str = "two_sigma",
    constant_features: str = "error",
    weights: Mapping[str, float] | None = None,
) -> Scaling:
    """Find the offset and the scale of each feature.

    Over the values that are present, with population standard deviation (ddof = 0):

        two_sigma  (x - mean) / (2 std)      (Ha, Nättilä & Davelaar 2025)
        standard   (x - mean) / std
        min_max    (x - min) / (max - min)
        robust     (x - median) / (75 % quantile - 25 % quantile), linear quantiles
        none       x; where float32 would not hold its spread beside its size, x - median

    The scaled feature is multiplied by its weight w: the denominator above, divided by w, is the
    scale. So in squared Euclidean distances a squared difference counts w^2 times.

    A feature is constant if its values differ by no more than a few roundings of their own
    type, if its scale is zero, or if it has no value at all: it cannot separate points, so it is
    refused under any method. So is a table whose features, scaled and weighted, all vary by less
    than float32 holds squares of.

    `values`: (N, F0) numbers, N >= 2, finite or, where missing, NaN, masked or pd.NA. `names`: F0
    feature names. `method`: key of SCALINGS. `constant_features`: "error", or "drop" to leave them
    out, which is logged. `weights`: finite numbers above 0 by feature name; a feature that is not
    named weighs 1. Raises ConfigError: `method`, `constant_features` or a name in `weights` is
    unknown, or a weight is no finite number above 0; DataError: `values` and `names` do not fit,
    values are infinite or too large, a feature is constant and is not to be dropped, or all
    features are constant.
    """
    if method not in SCALINGS:
        raise ConfigError(f"unknown scaling {method!r}; {suggest(str(method), SCALINGS)}")
    if constant_features not in CONSTANT_FEATURES:
        raise ConfigError(f"constant_features must be 'error' or 'drop', got {constant_features!r}")
    values = np.asarray(unmask(values))
    if values.ndim != 2 or values.shape[1] != len(names) or values.shape[1] == 0:
        raise DataError(
            f"scaling needs values of shape (rows, {len(names)}), one column for each name, "
            f"got {values.shape}"
        )
    if len(values) < 2:
        raise DataError(f"scaling needs at least 2 rows, got {len(values)}")
    weights = weights or {}
    factors = _weights_in_order(weights, names)
    n_features = len(names)
    offset, scale = np.empty(n_features), np.empty(n_features)
    kept, spread = np.ones(n_features, dtype=bool), np.zeros(n_features)
    is_free = method == "none" or bool(weights)  # any other has a spread of about 1
    for index, name in enumerate(names):
        # One contiguous float64 column at a time: NumPy then sums pairwise, which it does not
        # along the first axis, and memory holds no float64 copy of the whole table.
        column = np.ascontiguousarray(values[:, index], dtype=np.float64)
        offset[index], scale[index], fault = _fit_feature(column, name, method, values.dtype)
        if fault is not None:
            if constant_features == "error":
                raise DataError(f"{fault}; leave it out, or set constant_features to 'drop'")
            _LOG.warning("%s; dropped", fault)
            kept[index] = False
        elif is_free:
            with np.errstate(over="ignore"):
                spread[index] = np.nanmax(column) - np.nanmin(column)
        del column  # before the next one is made
    if not kept.any():
        raise DataError(f"all {n_features} features are constant: {', '.join(names)}")
    with np.errstate(over="ignore"):
        scale = scale / factors
    unusable = kept & ~(np.isfinite(scale) & (scale > 0))
    if unusable.any():
        name = names[int(np.argmax(unusable))]
        raise DataError(
            f"feature {name!r}: its scale divided by its weight {weights[name]:g} leaves the range "
            "of numbers; choose another weight or other units"
        )
    if is_free:
        with np.errstate(over="ignore"):
            most = float((spread[kept] / scale[kept]).max())
        if most < SMALLEST_SPREAD:
            raise DataError(
                f"no feature varies by more than {most:.3g} when scaled by {method!r}, and squares "
                "of that are lost in float32; choose another scaling, other units, or larger "
                "weights"
            )
    return Scaling(
        method=method,
        names=tuple(name for name, keep in zip(names, kept, strict=True) if keep),
        offset=offset[kept],
        scale=scale[kept],
        kept=kept,
    )


def check_weights(weights: Mapping[str, float], names: Sequence[str]) -> None:
    """Raise ConfigError unless weights are finite numbers above 0 of some of the names."""
    for name, weight in weights.items():
        if name not in names:
            raise ConfigError(f"weights: no feature {name!r}; {suggest(str(name), names)}")
        if not (is_real(weight) and math.isfinite(weight) and weight > 0):
            raise ConfigError(
                f"weights: the weight of {name!r} must be a finite number above 0, got {weight!r}"
            )


def _weights_in_order(
    weights: Mapping[str, float], names: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Return the weight of each name, (F0,)."""
    check_weights(weights, names)
    return np.array([weights.get(name, 1.0) for name in names], dtype=np.float64)


def _fit_feature(
    column: np.ndarray, name: str, method: str, dtype: np.dtype
) -> tuple[float, float, str | None]:
    """Return offset, scale and None, or in place of None what makes the feature constant."""
    absent = np.isnan(column)
    present = column[~absent] if absent.any() else column
    if not present.size:
        return 0.0, 0.0, f"feature {name!r} has no value: all {len(column)} are missing"
    low, high = present.min(), present.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        row = int(np.argmax(np.isinf(column)))
        raise DataError(f"feature {name!r}, row {row}: {column[row]} is not a finite number")
    precision = np.finfo(dtype if dtype.kind == "f" else np.float64).eps
    with np.errstate(over="ignore"):
        spread = high - low
    if spread <= 4 * precision * max(abs(low), abs(high)):
        if low < high and dtype == np.float32 and abs(low) > 1e5:
            what = f"values from {low:.10g} to {high:.10g} are no more than roundings apart"
            advice = "the source holds them in float32: subtract an offset before that"
            return low, 0.0, f"feature {name!r}: {what}; {advice}"
        return low, 0.0, f"feature {name!r} is constant: all values are {low:.10g}"
    with np.errstate(over="ignore", invalid="ignore"):
        offset, scale = SCALINGS[method](present)
    if method == "none" and (center := float(find_centers(column[:, None])[0])):
        _LOG.warning(
            "feature %r: its values differ by too little beside their size for float32; %.10g, "
            "their median, is subtracted, which changes no distance (the metric cosine is then "
            "about it)",
            *(name, center),
        )
        offset = center
    if not (np.isfinite(offset) and np.isfinite(scale)):
        raise DataError(
            f"feature {name!r}: values from {low:.3g} to {high:.3g} are too large to scale; "
            "choose other units"
        )
    if scale == 0:
        return (
            offset,
            scale,
            (
                f"feature {name!r} has no {method!r} scale: so many values are {offset:.10g} "
                "that their spread is 0"
            ),
        )
    return offset, scale, None


def _mean_and_deviation(column: np.ndarray) -> tuple[float, float]:
    """Return mean and population standard deviation, in two passes so that offsets do not cancel.

    A power of two, which costs no accuracy, keeps the squares of very small or large numbers in
    range.
    """
    mean = column.mean()
    _, exponent = np.frexp(max(mean - column.min(), column.max() - mean))
    variance = _sum_squares(column, mean, -exponent) / column.size
    return mean, np.ldexp(np.sqrt(variance), exponent)


def _sum_squares(column: np.ndarray, mean: float, exponent: int) -> float:
    """Return the sum of squared deviations, times 2^(2 exponent), pairwise as NumPy sums."""
    if column.size <= _SUMMED:
        deviations = np.ldexp(column - mean, exponent)
        return (deviations * deviations).sum()
    half = column.size // 2
    half -= half % 8
    return _sum_squares(column[:half], mean, exponent) + _sum_squares(column[half:], mean, exponent)


def _two_sigma(column: np.ndarray) -> tuple[float, float]:
    mean, deviation = _mean_and_deviation(column)
    return mean, 2 * deviation


def _min_max(column: np.ndarray) -> tuple[float, float]:
    low = column.min()
    return low, column.max() - low


def _robust(column: np.ndarray) -> tuple[float, float]:
    lower, median, upper = np.quantile(column, (0.25, 0.5, 0.75))
    return median, upper - lower


def _none(column: np.ndarray) -> tuple[float, float]:
    return 0.0, 1.0


#: Each takes the present values of a feature, float64, and gives its offset and its scale.
SCALINGS: dict[str, Callable[[np.ndarray], tuple[float, float]]] = {
    "two_sigma": _two_sigma,
    "standard": _mean_and_deviation,
    "min_max": _min_max,
    "robust": _robust,
    "none": _none,
}
