"""The table that maps are trained on: read from any source, checked and scaled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kohorte.data.scaling import fit_scaling
from kohorte.data.sources import read_table
from kohorte.data.table import grid_shape
from kohorte.errors import DataError
from kohorte.provenance import digest_of

#: Keys of the section `data` that `read_table` takes.
_READING = [
    *("features", "label", "stride", "sample", "delimiter", "missing"),
    *("feature_dataset", "names_dataset", "generate"),
]


@dataclass(frozen=True)
class PreparedData:
    """The scaled table that every realization is trained on."""

    features: np.ndarray  # (N, F) float32. C order, scaled; NaN where a value is missing.
    names: tuple[str, ...]  # F feature names
    #: `offset`, `scale`: (F,) float64. Physical value = features * scale + offset; weights of the
    #: features are part of the scale.
    offset: np.ndarray
    scale: np.ndarray
    truth: np.ndarray | None  # (N,) int64 or None. Class of each point, where it is known.
    class_names: tuple[str, ...] | None  # Names of the classes
    rows: np.ndarray  # (N,) int64. Row of each point in the source.
    digest: str  # SHA-256 of the features and names
    n_missing: int = 0  # Entries of `features` that are NaN
    #: Shape of the grid whose cells the points are, in C order; None where they are none
    shape: tuple[int, ...] | None = None

    def physical(self, columns: Sequence[int]) -> np.ndarray:
        """Return some features of all points in the units of the source, (N, columns) float64."""
        columns = list(columns)
        return self.features[:, columns] * self.scale[columns] + self.offset[columns]

    def every(self, step: int) -> PreparedData:
        """Return every step-th point, in memory; the digest stays that of all."""
        return replace(
            self,
            features=np.ascontiguousarray(self.features[::step]),
            truth=None if self.truth is None else self.truth[::step],
            rows=self.rows[::step],
        )


def prepare_data(options: Mapping[str, Any], *, seed: int) -> PreparedData:
    """Read, check and scale a table as the section `data` of the configuration says.

    `options`: the section, with all of its keys; `seed`: seed of the random sample of rows, where
    one is taken. Raises DataError: the source cannot be used, or a row misses every feature;
    ConfigError: a key that does not suit the source.
    """
    source = options["source"]
    table = read_table(source, seed=seed, **{name: options[name] for name in _READING})
    choices = (options[name] for name in ("scaling", "constant_features", "weights"))
    scaling = fit_scaling(table.values, table.names, *choices)
    features = scaling.apply(table.values)
    return PreparedData(
        features=features,
        names=scaling.names,
        offset=scaling.offset,
        scale=scaling.scale,
        truth=table.labels,
        class_names=table.label_names,
        rows=table.rows,
        digest=digest_of(features, scaling.names),
        n_missing=_count_missing(features, table.rows, source),
        shape=grid_shape(table, options["shape"], source),
    )


def _count_missing(features: np.ndarray, rows: np.ndarray, source: str) -> int:
    # Constant features are left out by now: a row may have lost its only values with them.
    absent = np.isnan(features)
    empty = absent.all(axis=1)
    if empty.any():
        raise DataError(
            f"{source}: data row {rows[np.argmax(empty)]}: every feature is missing; leave the row "
            "out, or set missing to 'drop'"
        )
    return int(np.count_nonzero(absent))
