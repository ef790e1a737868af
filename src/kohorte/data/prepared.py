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
    transforms_of,
)
from kohorte.data.scaling import check_weights, fit_scaling
from kohorte.data.sources import find_file, read_table
from kohorte.data.table import grid_shape
from kohorte.data.transforms import Choices, Transformation, fit_transforms
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
    #: `offset`, `scale`: (F,) float64. Physical value = features * scale + offset, of which the
    #: inverse of `transformation` is taken; weights of the features are part of the scale.
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
    #: scaling leaves the feature out. Where features are, which ones each choice has, (F,) bool;
    #: and where transforms are, which ones each transform has.
    scales: Mapping[str, np.ndarray] = field(default_factory=dict)
    choices: Mapping[str, np.ndarray] = field(default_factory=dict)
    transforms: Mapping[str, np.ndarray] = field(default_factory=dict)
    #: How the features were made of those of the source; None where they are these
    transformation: Transformation | None = None

    def factors(self, parameters: Mapping[str, Any]) -> np.ndarray | None:
        """Return what a map with these parameters sees, as `kohorte.maps.draws.see` takes it.

        (F,) float64, or None for all features as they are. DataError where nothing is left.
        """
        found = np.ones(len(self.names))
        if parameters.get("scaling") in self.scales:
            # Another offset moves all points, and leaves their distances as they are.
            found *= self.scale / self.scales[parameters["scaling"]]
        if parameters.get("transform") in self.transforms:
            found *= self.transforms[parameters["transform"]]
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
        return self.in_units(self.features[:, columns], columns)

    def in_units(self, values: np.ndarray, columns: Sequence[int] | None = None) -> np.ndarray:
        """Return scaled values (..., F), or of some columns, in the units of the source.

        Those of a transform that cannot be undone feature by feature stay transformed, as
        `describe` says.
        """
        columns = list(range(len(self.names))) if columns is None else list(columns)
        found = np.asarray(values) * self.scale[columns] + self.offset[columns]
        return found if self.transformation is None else self.transformation.invert(found, columns)

    def describe(self, column: int) -> str:
        """Return what a feature is called where its values are those of `in_units`."""
        if self.transformation is None or self.transformation.columns[column].is_invertible:
            return self.names[column]
        return self.transformation.columns[column].written.format(self.names[column])

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
    values, names, weights = table.values, table.names, options["weights"]
    chosen, transformation = Choices(transforms_of(options)), None
    seen: dict[str, np.ndarray] = {}
    if list(chosen) != ["none"]:
        transformation, seen = fit_transforms(values, names, chosen)
        try:
            values = transformation.apply(values, table.rows)
        except DataError as error:
            raise DataError(f"{source}: {error}") from None
        sources = [names[column.source] for column in transformation.columns]
        check_weights(weights, names)
        names = transformation.names
        weights = {n: weights[s] for n, s in zip(names, sources, strict=True) if s in weights}
    fitted = {
        method: fit_scaling(values, names, method, options["constant_features"], weights)
        for method in scalings(options)
    }
    scaling = next(iter(fitted.values()))
    features = scaling.apply(values)
    kept_sources = scaling.names
    if transformation is not None:
        transformation = transformation.keep(scaling.kept)
        inputs = transformation.inputs
        kept_sources = tuple(inputs[column.source] for column in transformation.columns)
    scales = {}
    for method, other in list(fitted.items())[1:]:
        scale = np.full(len(names), np.inf)
        scale[other.kept] = other.scale
        scales[method] = scale[scaling.kept]
    sets = feature_sets(options)
    choices = {
        name: np.array([chosen is None or n in chosen for n in kept_sources])
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
        transforms={n: s[scaling.kept] for n, s in seen.items()} if len(seen) > 1 else {},
        transformation=transformation,
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
