"""What both estimators do with tables, seeds and reports, and what files hold of parameters."""

import contextlib
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from kohorte._arrays import (
    SMALLEST_SPREAD,
    describe_rounded,
    find_centers,
    find_coarse,
    is_missing,
    unmask,
)
from kohorte._checks import as_count, extra
from kohorte.errors import ConfigError, DataError

#: Parts of the least weight that weights may be multiples of, and rows that they may stand for.
_MOST_PARTS = 10
_MOST_ROWS = 10_000_000

#: Largest seed that a file of results can hold.
_LARGEST_SEED = 2**63 - 1

SCALES = 100.0
"""Ratio of the deviations of two features beyond which a fit warns."""

RandomState = int | np.random.RandomState | None
"""What scikit-learn takes as the parameter `random_state`."""


def allow_nan(tags: Tags) -> Tags:
    """Return the tags of an estimator, with missing values allowed."""
    tags.input_tags.allow_nan = True
    return tags


def check_table(estimator: BaseEstimator, X: npt.ArrayLike, *, reset: bool = False) -> np.ndarray:
    """Return X (N, F), NaN allowed, in float32 where it is that and else in float64.

    With `reset` X says how many features there are, and their names; else it must agree with the
    fit. What X marks as missing beside its data, as masked arrays do, is NaN.
    """
    if not reset:
        check_is_fitted(estimator)
    X = _as_container(X)
    _check_whole(X)  # before those beside a missing value become float64
    X = _refuse_dates(_unmask(X))
    try:
        return validate_data(
            estimator, X, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan"
        )
    except (TypeError, ValueError) as error:
        fault = _find_text(X)
        if fault is None:
            raise
        raise DataError(fault) from error


def _as_container(X: Any) -> Any:
    """Return X as a DataFrame where its columns have names, and as an array if it is like one."""
    if (hasattr(X, "colnames") or hasattr(X, "column_names")) and hasattr(X, "to_pandas"):
        with extra("figures"):
            return X.to_pandas()  # of astropy, pyarrow
    is_array = hasattr(X, "__array__") and hasattr(X, "dtype") and not hasattr(X, "iloc")
    if is_array and not isinstance(X, np.ndarray):
        return np.asarray(X)  # of xarray, whose dates scikit-learn would take for numbers
    return X


def _unmask(X: Any) -> Any:
    """Return a container without masks, sparse columns, and objects that are numbers."""
    if not (hasattr(X, "columns") and hasattr(X, "iloc")):
        return unmask(X)
    whole = X
    for k, dtype in enumerate(X.dtypes):
        column = None
        if hasattr(dtype, "fill_value"):  # which are few numbers beside X
            column = X.iloc[:, k].sparse.to_dense()
        elif dtype.kind == "O":
            column = unmask(X.iloc[:, k])
        if column is not None:
            whole = X.copy(deep=False) if whole is X else whole
            whole.isetitem(k, column)
    return whole


def _refuse_dates(X: Any) -> Any:
    """Return X; DataError where it holds dates or durations, which would be taken for numbers."""
    for name, column in _columns_of(X):
        kind = getattr(getattr(column, "dtype", None), "kind", "")
        if kind in "mM" and kind:
            what = "dates" if kind == "M" else "durations"
            raise DataError(
                f"X: column {name!r} holds {what}; leave it out, or give a number in their place, "
                "such as days since the first"
            )
    return X


def _check_whole(X: Any) -> None:
    """Raise DataError for whole numbers so large that float64 would not tell them apart."""
    if isinstance(X, list | tuple):
        with contextlib.suppress(TypeError, ValueError):
            array = np.asarray(X)
            X = np.asarray(X, dtype=object) if _is_rounded(array) else array
    for name, column in _columns_of(X):
        whole = _whole_numbers(column)
        if not len(whole):
            continue
        if said := describe_rounded(int(min(whole)), int(max(whole))):
            raise DataError(
                f"X: column {name!r} holds {said}; subtract the least of them first, while they "
                "are whole numbers"
            )


def _whole_numbers(column: Any) -> Sequence[Any]:
    """Return the whole numbers of a column of such, or the least and the largest of them."""
    kind = getattr(getattr(column, "dtype", None), "kind", "")
    if kind == "O":
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            if _is_rounded(np.asarray(unmask(column), dtype=np.float64)):
                present = [e for e in np.asarray(column).tolist() if not is_missing(e)]
                return present if all(isinstance(e, Integral) for e in present) else []
        return []
    if kind not in ("i", "u"):
        return []
    present = column.dropna() if hasattr(column, "dropna") else column
    whole = present.compressed() if np.ma.is_masked(present) else np.asarray(present)
    return [whole.min(), whole.max()] if whole.dtype.kind in "iu" and whole.size else []


def _is_rounded(values: np.ndarray) -> bool:
    """Tell whether floats are so large that they may be whole numbers that were rounded."""
    return values.dtype.kind == "f" and bool((np.abs(values) > 2.0**53).any())


def _find_text(X: Any) -> str | None:
    """Say which column of X holds something that is no number."""
    for name, column in _columns_of(X):
        entries = np.asarray(column, dtype=object)
        for row, entry in enumerate(entries.tolist()):
            try:
                if entry is not None:
                    float(entry)
            except (TypeError, ValueError):
                if isinstance(entry, complex | dict | list | set):
                    return None  # scikit-learn has words for these
                return (
                    f"X: column {name!r} holds {entry!r} in row {row}, which is no number; leave "
                    "the column out, or encode it as numbers"
                )
    return None


def _columns_of(X: Any) -> Iterator[tuple[Any, Any]]:
    """Yield names, or numbers, of the columns of a table, and the columns."""
    if hasattr(X, "columns") and hasattr(X, "iloc"):
        yield from ((X.columns[k], X.iloc[:, k]) for k in range(X.shape[1]))
    elif hasattr(X, "columns") and hasattr(X, "get_column"):  # polars
        yield from ((name, X.get_column(name).to_numpy()) for name in X.columns)
    elif isinstance(X, np.ndarray | list | tuple):
        try:
            array = X if isinstance(X, np.ndarray) else np.array(X, dtype=object)
        except ValueError:
            return
        if array.ndim == 2:
            yield from ((k, array[:, k]) for k in range(array.shape[1]))


def as_table(X: Any) -> tuple[np.ndarray, list[Any]]:
    """Return any table of numbers as values (N, F) float64, and the names of its columns."""
    X = _refuse_dates(_unmask(_as_container(X)))
    named = hasattr(X, "columns")
    try:
        values = np.asarray(unmask(X), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(_find_text(X) or f"X holds something that is no number: {error}") from error
    if values.ndim != 2:
        raise DataError(f"X must be a table (points, features), got the shape {values.shape}")
    return values, list(X.columns) if named else [f"feature {k}" for k in range(values.shape[1])]


def centers_of(X: np.ndarray, metrics: Iterable[str], names: Sequence[Any]) -> np.ndarray:
    """Return what is subtracted from X before it is rounded to float32, (F,) float64.

    DataError where one of the metrics has a meaning for the origin.
    """
    centers = find_centers(X)
    for column, step in find_coarse(X).items():
        warnings.warn(
            f"feature {names[column]!r} was held in float32, whose numbers of that size are "
            f"{step:g} apart, which is much beside their spread: subtract an offset before they "
            "are stored in float32, or give float64",
            stacklevel=4,
        )
    if centers.any() and "cosine" in metrics:
        name = names[int(np.flatnonzero(centers)[0])]
        raise DataError(
            f"X: the values of feature {name!r} differ by too little beside their size for "
            "float32; they would be centred, but the metric 'cosine' is about the origin: scale X "
            "first"
        )
    return centers


def names_of(estimator: BaseEstimator) -> list[Any]:
    """Return the names of the features of the fit, or their numbers."""
    known = getattr(estimator, "feature_names_in_", None)
    return list(range(estimator.n_features_in_)) if known is None else list(known)


def warn_of_features(X: np.ndarray, factors: np.ndarray, names: Sequence[Any]) -> None:
    """Warn of features without a value, and of those that are lost beside others.

    DataError where all vary by so little that float32 would lose their squares.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        spread = np.nanstd(X, axis=0, dtype=np.float64) * factors
    empty = [repr(names[k]) for k in np.flatnonzero(np.isnan(spread)).tolist()]
    if empty:
        warnings.warn(
            f"X has no value of feature {', '.join(empty[:5])}"
            f"{' and others' if len(empty) > 5 else ''}: maps do not see it, its weights are NaN, "
            "and missing values in it stay missing",
            stacklevel=3,
        )
    present = np.flatnonzero(spread > 0)
    if present.size and (widest := spread[present].max()) < SMALLEST_SPREAD:
        raise DataError(
            f"X: no feature deviates by more than {widest:.3g} from its mean, and squares of that "
            "are lost in float32; give the features in other units, or scale them, such as by a "
            "StandardScaler before the estimator in a Pipeline"
        )
    if present.size > 1:
        most = present[spread[present].argmax()]
        least = present[spread[present].argmin()]
        ratio = spread[most] / spread[least]
        if ratio > SCALES:
            warnings.warn(
                f"feature {names[most]!r} varies {ratio:.3g} times as much as {names[least]!r}, "
                "which then hardly counts: bring features to one scale, such as by a "
                "StandardScaler before the estimator in a Pipeline, or set feature_weights",
                stacklevel=3,
            )


def copy_inputs(source: BaseEstimator, target: BaseEstimator) -> None:
    """Let `target` know the features that `source` was fitted to."""
    for name in ("n_features_in_", "feature_names_in_", "feature_weights_", "center_"):
        if hasattr(source, name):
            setattr(target, name, getattr(source, name))


def as_factors(weights: npt.ArrayLike | None, n_features: int) -> np.ndarray:
    """Return the parameter `feature_weights`, (F,) float64; ones where it is None."""
    if weights is None:
        return np.ones(n_features)
    try:
        factors = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        factors = np.empty(0)
    if factors.shape != (n_features,) or not (np.isfinite(factors) & (factors > 0)).all():
        raise ConfigError(
            f"feature_weights must be {n_features} finite numbers above 0, one for each feature "
            f"of X, got {weights!r}"
        )
    return factors


def as_repeats(weights: npt.ArrayLike | None, n_points: int) -> np.ndarray | None:
    """Return how often each row counts, (N,) int64, in their smallest numbers; None for once each.

    DataError unless `weights` are N numbers >= 0 that are multiples of one of them, or of a part of
    it: a row counts as if the table had it so many times.
    """
    if weights is None:
        return None
    try:
        found = np.asarray(unmask(weights), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"sample_weight must be numbers, one for each row of X: {error}") from None
    if found.ndim == 0:
        found = np.full(n_points, float(found))
    if found.shape != (n_points,):
        raise DataError(
            f"sample_weight must be {n_points} finite numbers >= 0, one for each row of X, got the "
            f"shape {found.shape}"
        )
    bad = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if bad.size:
        raise DataError(
            f"sample_weight is {found[bad[0]]:g} in row {bad[0]}; weights must be finite numbers "
            ">= 0, and a row of weight 0 has no part in the fit"
        )
    if not found.any():
        raise DataError("sample_weight is zero for every row; at least one must count")
    unit = found[found > 0].min()
    for parts in range(1, _MOST_PARTS + 1):
        counts = np.round(found / unit * parts)
        if np.allclose(counts, found / unit * parts, rtol=1e-6, atol=0):
            break
    else:
        raise DataError(
            "sample_weight: a row counts as if the table had it so many times, so weights must be "
            "multiples of a common part; round them, such as by "
            "np.maximum(1, np.round(10 * w / w.mean()))"
        )
    if counts.sum() > max(_MOST_ROWS, 20 * n_points):
        raise DataError(
            f"sample_weight: the rows would count as {counts.sum():.3g} rows; give smaller whole "
            "numbers, such as np.maximum(1, np.round(10 * w / w.mean()))"
        )
    whole = counts.astype(np.int64)
    whole //= np.gcd.reduce(whole)
    return None if (whole == 1).all() else whole


def as_seed(random_state: RandomState) -> int:
    """Return a seed >= 0 from the parameter `random_state`."""
    if isinstance(random_state, Integral):
        seed = as_count(random_state, "random_state", 0)
        if seed > _LARGEST_SEED:
            raise ConfigError(f"random_state must be at most {_LARGEST_SEED}, got {seed}")
        return seed
    return int(check_random_state(random_state).randint(2**31 - 1))


@contextlib.contextmanager
def reporting(verbose: int, what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Report a fit while the block runs, as `verbose` of SOM says.

    Yields the callback of a progress bar called `what`, if there is one. ConfigError for another
    `verbose` than a number or a truth.
    """
    if not isinstance(verbose, Integral):
        raise ConfigError(f"verbose must be 0, 1 or 2, not {verbose!r}")
    if verbose >= 2:
        logger, handler = logging.getLogger("kohorte"), logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        level = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield None
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)
    elif verbose:
        with extra("estimators"):
            from tqdm import tqdm

        # In a notebook standard error is no terminal, but what it gets is shown.
        hidden = None if "ipykernel" not in sys.modules else False
        with tqdm(desc=what, disable=hidden) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield progress
    else:
        yield None


def plain(value: Any) -> Any:
    """Return the same in types of JSON."""
    return json.loads(json.dumps(value, default=_as_plain))


def _as_plain(value: Any) -> Any:
    if not hasattr(value, "tolist"):
        raise ConfigError(f"{value!r} is no number, text, or list or array of such")
    return value.tolist()


def plain_parameters(estimator: BaseEstimator) -> dict[str, Any]:
    """Return parameters for a file: without arrays and estimators, which are stored elsewhere."""
    parameters = estimator.get_params(deep=False)
    for name in ("som", "feature_weights"):
        parameters.pop(name, None)
    if not isinstance(parameters.get("initial", ""), str):
        del parameters["initial"]
    if not isinstance(parameters["random_state"], Integral | None):
        parameters["random_state"] = getattr(estimator, "seed_", None)
    return plain(parameters)
