"""The table that maps are trained on: read from any source, checked and scaled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kohorte.data.names import (
    TEXT_KEYS,
    VALUE_KEYS,
    feature_sets,
    is_file,
    named_features,
    scalings,
)
from kohorte.data.scaling import fit_scaling
from kohorte.data.sources import find_file, read_table
from kohorte.data.table import grid_shape
from kohorte.errors import DataError
from kohorte.provenance import digest_of

#: Keys of the section `data` that `read_table` takes.
_READING = [
    *("label", "stride", "sample", "missing", "feature_dataset", "names_dataset", "generate"),
    *TEXT_KEYS,
    *VALUE_KEYS,
]


#: Bytes of a file, or points of a generated table, that are read to look for faults beforehand.
LOOKED_AT = 50_000_000


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
    #: Where scalings are swept, the scale of each but the first, (F,) float64; infinite where that
    #: scaling leaves the feature out. Where features are, which ones each choice has, (F,) bool.
    scales: Mapping[str, np.ndarray] = field(default_factory=dict)
    choices: Mapping[str, np.ndarray] = field(default_factory=dict)

    def factors(self, parameters: Mapping[str, Any]) -> np.ndarray | None:
        """Return what a map with these parameters sees, as `kohorte.maps.draws.see` takes it.

        (F,) float64, or None for all features as they are. DataError where nothing is left.
        """
        found = np.ones(len(self.names))
        if parameters.get("scaling") in self.scales:
            # Another offset moves all points, and leaves their distances as they are.
            found *= self.scale / self.scales[parameters["scaling"]]
        if parameters.get("features") in self.choices:
            found *= self.choices[parameters["features"]]
        if not found.any():
            raise DataError(
                f"data.features: all features of {parameters['features']} are constant; leave this "
                "choice out"
            )
        return None if (found == 1).all() else found

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
    reading = {name: options[name] for name in _READING} | {"features": named_features(options)}
    table = read_table(source, seed=seed, **reading)
    fitted = {
        method: fit_scaling(
            table.values, table.names, method, options["constant_features"], options["weights"]
        )
        for method in scalings(options)
    }
    scaling = next(iter(fitted.values()))
    features = scaling.apply(table.values)
    scales = {}
    for method, other in list(fitted.items())[1:]:
        scale = np.full(len(table.names), np.inf)
        scale[other.kept] = other.scale
        scales[method] = scale[scaling.kept]
    sets = feature_sets(options)
    choices = {
        name: np.array([chosen is None or n in chosen for n in scaling.names])
        for name, chosen in (sets.items() if len(sets) > 1 else ())
    }
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
        scales=scales,
        choices=choices,
    )


def look_at_data(options: Mapping[str, Any], *, seed: int) -> None:
    """Raise what `prepare_data` would raise of a table that is no larger than `LOOKED_AT`."""
    size = options["generate"]["points"] or 0
    if is_file(options["source"]):
        path = find_file(options["source"])
        size = path.stat().st_size
    if size <= LOOKED_AT:
        prepare_data(options, seed=seed)


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
