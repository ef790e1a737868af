"""What both estimators do with tables, seeds and reports, and what files hold of parameters."""

import contextlib
import json
import logging
import sys
from collections.abc import Callable, Iterator
from numbers import Integral
from operator import methodcaller
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from kohorte._checks import as_count, extra
from kohorte.errors import ConfigError

RandomState = int | np.random.RandomState | None
"""What scikit-learn takes as the parameter `random_state`."""


def allow_nan(tags: Tags) -> Tags:
    """Return the tags of an estimator, with missing values allowed."""
    tags.input_tags.allow_nan = True
    return tags


def check_table(estimator: BaseEstimator, X: npt.ArrayLike, *, reset: bool = False) -> np.ndarray:
    """Return X (N, F), NaN allowed, in float32 where it is that and else in float64.

    With `reset` X says how many features there are, and their names; else it must agree with the
    fit.
    """
    if not reset:
        check_is_fitted(estimator)
    return validate_data(
        estimator, X, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan"
    )


def copy_inputs(source: BaseEstimator, target: BaseEstimator) -> None:
    """Let `target` know the features that `source` was fitted to."""
    for name in ("n_features_in_", "feature_names_in_", "feature_weights_"):
        if hasattr(source, name):
            setattr(target, name, getattr(source, name))


def as_factors(weights: npt.ArrayLike | None, n_features: int) -> np.ndarray:
    """Return the parameter `feature_weights`, (F,) float64; ones where it is None."""
    if weights is None:
        return np.ones(n_features)
    factors = np.asarray(weights, dtype=np.float64)
    if factors.shape != (n_features,) or not (np.isfinite(factors) & (factors > 0)).all():
        raise ConfigError(
            f"feature_weights must be {n_features} finite numbers above 0, one for each feature "
            f"of X, got {weights!r}"
        )
    return factors


def as_seed(random_state: RandomState) -> int:
    """Return a seed >= 0 from the parameter `random_state`."""
    if isinstance(random_state, Integral):
        return as_count(random_state, "random_state", 0)
    return int(check_random_state(random_state).randint(2**31 - 1))


@contextlib.contextmanager
def reporting(verbose: int, what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Report a fit while the block runs, as `verbose` of SOM says.

    Yields the callback of a progress bar called `what`, if there is one.
    """
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

        with tqdm(desc=what, disable=None) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield progress
    else:
        yield None


def plain(value: Any) -> Any:
    """Return the same in types of JSON."""
    return json.loads(json.dumps(value, default=methodcaller("tolist")))


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
