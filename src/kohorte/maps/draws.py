"""What each map of an ensemble sees of the table: rows and features, each on a scale.

What a map sees of F features are factors (F,) float64 that the table is multiplied by: 0 for a
feature that it does not see. None stands for all features as they are.
"""

import numpy as np
import numpy.typing as npt

from kohorte._checks import as_count, as_share, choose_name
from kohorte.errors import DataError
from kohorte.maps.parameters import DRAW_NAMES, count_rows


def draw_rows(
    n_points: int,
    rng: np.random.Generator,
    *,
    share: float = 1.0,
    limit: int | None = None,
    draw: str = "subset",
) -> np.ndarray | None:
    """Return the rows of N that a map is trained on, (n,) int64, ascending; None for all, once.

    n = max(2, round(`share` N)), at most `limit`; a ``subset`` is drawn without replacement, and so
    has at most N, a ``bootstrap`` with. ConfigError for arguments out of range.
    """
    asked: dict[str, object] = {
        "row_share": as_share(share, "row_share", positive=True),
        "row_limit": limit,
    }
    if limit is not None:
        as_count(limit, "row_limit", 1)
    asked["row_draw"] = choose_name(DRAW_NAMES, draw, "row_draw")
    count = count_rows(asked, n_points)
    if draw == "bootstrap":
        return np.sort(rng.integers(n_points, size=count))
    if count == n_points:
        return None
    return np.sort(rng.choice(n_points, count, replace=False, shuffle=False))


def draw_features(
    n_features: int,
    rng: np.random.Generator,
    *,
    share: float = 1.0,
    factors: npt.ArrayLike | None = None,
) -> np.ndarray | None:
    """Return the factors of F features for a map that sees a share of them; None for all as is.

    Of the f features that `factors` (F,) let a map see, max(1, round(`share` f)) keep their factors
    and the others get 0. ConfigError for a share out of range, and for factors that are not F
    finite numbers >= 0, one of them at least above.
    """
    share = as_share(share, "feature_share", positive=True)
    found = np.ones(n_features) if factors is None else as_factors(factors, n_features)
    seen = np.flatnonzero(found)
    count = max(1, round(share * seen.size))
    if count < seen.size:
        drawn = rng.choice(seen, count, replace=False, shuffle=False)
        found = np.where(np.isin(np.arange(n_features), drawn), found, 0.0)
    return None if (found == 1).all() else found


def as_factors(factors: npt.ArrayLike, n_features: int) -> np.ndarray:
    """Return factors (F,) float64; DataError unless they are F finite numbers >= 0, not all 0."""
    found = np.asarray(factors, dtype=np.float64)
    usable = found.shape == (n_features,) and np.isfinite(found).all() and (found >= 0).all()
    if not (usable and found.any()):
        raise DataError(
            f"factors must be {n_features} finite numbers at least 0, one for each feature and "
            f"some of them above 0, got {factors!r}"
        )
    return found


def see(table: np.ndarray, factors: np.ndarray | None) -> np.ndarray:
    """Return the features that a map sees on its scale, (n, f) float32; without factors `table`.

    `table` (n, F) are points on the scale of the ensemble, NaN where a value is missing, or the
    weights that `unsee` made of a map's. DataError for a row that has none of its features.
    """
    if factors is None:
        return table
    if table.shape[1] != factors.size:
        raise DataError(
            f"the table has {table.shape[1]} columns, but the map knows {factors.size} features"
        )
    seen = np.flatnonzero(factors)
    found = np.empty((len(table), seen.size), dtype=np.float32)
    # Rounded once, and so that no float64 copy of a large table is made.
    np.multiply(table[:, seen], factors[seen], out=found, casting="same_kind")
    if seen.size < factors.size:
        empty = np.isnan(found).all(axis=1)
        if empty.any():
            raise DataError(
                f"row {int(empty.argmax())} has no value in the {seen.size} of {factors.size} "
                "features that the map sees; remove the row, fill it in, or let maps see more "
                "features or rows (feature_share, row_share)"
            )
    return found


def unsee(weights: np.ndarray, factors: np.ndarray | None, others: np.ndarray) -> np.ndarray:
    """Return weights (..., f) of a map as (..., F) on the scale of the ensemble.

    `see` makes the same of them again, to the bit: they are float64 unless all factors are 0 and 1.
    `others`, (..., F), are the values of features that the map does not see.
    """
    if factors is None:
        return weights
    seen = np.flatnonzero(factors)
    plain = (factors[seen] == 1).all()
    shape = (*weights.shape[:-1], factors.size)
    found = np.broadcast_to(others, shape).astype(np.float32 if plain else np.float64)
    found[..., seen] = weights / factors[seen]
    return found


def node_means(
    table: np.ndarray, winners: np.ndarray, n_nodes: int, factors: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return means of the features that a map does not see, of the nodes (M, F) and of all (F,).

    Means are float64, over the values of `table` (N, F) that are present. A node without any has
    the mean of all points, and all points without any have NaN. Features that are seen stay 0.
    """
    of_nodes, of_all = np.zeros((n_nodes, factors.size)), np.zeros(factors.size)
    for column in np.flatnonzero(factors == 0):
        values = np.asarray(table[:, column], dtype=np.float64)
        present = ~np.isnan(values)
        counts = np.bincount(winners[present], minlength=n_nodes)
        sums = np.bincount(winners[present], values[present], minlength=n_nodes)
        of_all[column] = sums.sum() / counts.sum() if counts.any() else np.nan
        means = sums / np.maximum(counts, 1)
        of_nodes[:, column] = np.where(counts > 0, means, of_all[column])
    return of_nodes, of_all
