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
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from kohorte._checks import as_count, extra
from kohorte.errors import ConfigError


def allow_nan(tags):
    """The tags of an estimator, with missing values allowed."""
    tags.input_tags.allow_nan = True
    return tags


def check_table(estimator, X, *, reset: bool = False) -> np.ndarray:
    """X, NaN allowed, in float32 where it is that and else in float64.

    reset: X says how many features there are, and their names; otherwise it must agree with fit.
    """
    if not reset:
        check_is_fitted(estimator)
    return validate_data(
        estimator,
        X,
        reset=reset,
        dtype=[np.float64, np.float32],
        ensure_all_finite="allow-nan",
    )


def copy_inputs(source, target) -> None:
    """Let `target` know the features that `source` was fitted to."""
    for name in ("n_features_in_", "feature_names_in_", "feature_weights_"):
        if hasattr(source, name):
            setattr(target, name, getattr(source, name))


def as_factors(weights, n_features: int) -> np.ndarray:
    """The parameter `feature_weights`, (F,) float64; ones where it is None."""
    if weights is None:
        return np.ones(n_features)
    factors = np.asarray(weights, dtype=np.float64)
    if factors.shape != (n_features,) or not (np.isfinite(factors) & (factors > 0)).all():
        raise ConfigError(
            f"feature_weights must be {n_features} finite numbers above 0, one for each feature "
            f"of X, got {weights!r}"
        )
    return factors


def as_seed(random_state) -> int:
    """A seed >= 0 from the parameter `random_state`."""
    if isinstance(random_state, Integral):
        return as_count(random_state, "random_state", 0)
    return int(check_random_state(random_state).randint(2**31 - 1))


@contextlib.contextmanager
def reporting(verbose: int, what: str) -> Iterator[Callable[[int, int], None] | None]:
    """What a fit says while the block runs; gives the callback of a progress bar, if there is one.

    verbose: see SOM.
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


def plain(value):
    """The same in types of JSON."""
    return json.loads(json.dumps(value, default=methodcaller("tolist")))


def plain_parameters(estimator) -> dict[str, Any]:
    """Parameters for a file; without arrays and estimators, which are stored in other ways."""
    parameters = estimator.get_params(deep=False)
    for name in ("som", "feature_weights"):
        parameters.pop(name, None)
    if not isinstance(parameters.get("initial", ""), str):
        del parameters["initial"]
    if not isinstance(parameters["random_state"], Integral | None):
        parameters["random_state"] = getattr(estimator, "seed_", None)
    return plain(parameters)
