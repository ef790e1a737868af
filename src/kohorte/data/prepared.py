"""The table that maps are trained on: read from any source, checked and scaled."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from kohorte._arrays import blocks_of, find_lost, round_to
from kohorte._checks import suggest
from kohorte.data.names import (
    TEXT_KEYS,
    VALUE_KEYS,
    extension,
    feature_sets,
    find_file,
    is_file,
    named_features,
    scalings,
    transforms_of,
)
from kohorte.data.roles import names_rows
from kohorte.data.scaling import Scaling, check_weights, fit_scaling
from kohorte.data.sources import read_table
from kohorte.data.table import Beside, Cells, Table, grid_shape
from kohorte.data.transforms import Choices, Transformation, fit_transforms
from kohorte.errors import ConfigError, DataError
from kohorte.provenance import digest_of, portable_path

_LOG = logging.getLogger(__name__)

#: Keys of the section `data` that `read_table` takes.
_READING = [
    *("label", "stride", "sample", "missing", "feature_dataset", "names_dataset", "generate"),
    "label_missing",
    *("table", *TEXT_KEYS, *VALUE_KEYS),
]

#: Arguments of `read_table` by the key of the section `data` that names columns for them.
BESIDE = {"id": "ids", "group": "groups", "carry": "carried"}


#: Bytes of a file, or points of a generated table, that are read to look for faults beforehand.
LOOKED_AT = 50_000_000

#: Of larger files so many rows are looked at, where a format gives parts of a file at little cost.
HEAD = 10_000

#: Bytes of features from which on they are not held in memory where there is a file for them.
_LARGE = 1 << 28
_TEXT = (".csv", ".tsv", ".txt", ".tab", ".data", ".dat", ".arff")
_BY_PARTS = (".npy", ".h5", ".hdf5", ".parquet", ".feather", ".arrow", ".nc", ".nc4", ".zarr")


@dataclass(frozen=True)
class PreparedData:
    """The scaled table that every realization is trained on."""

    features: np.ndarray  # (N, F) float32. C order, scaled; NaN where a value is missing.
    names: tuple[str, ...]  # F feature names
    #: `offset`, `scale`: (F,) float64. Physical value = features * scale + offset, of which the
    #: inverse of `transformation` is taken; weights of the features are part of the scale.
    offset: np.ndarray
    scale: np.ndarray
    #: (N,) int64, class of each point, -1 where it is not known; None where none is
    truth: np.ndarray | None
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
    #: Unit of each feature, and what it is in words, as axes have it; empty where nothing says
    units: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    beside: Beside = field(default_factory=Beside)  # Names and samples of the points
    notes: tuple[str, ...] = ()  # What was warned of when the table was read and scaled
    left_out: tuple[str, ...] = ()  # Columns of the source that are neither features nor anything
    #: The grid whose cells the rows of the source are, whichever of them are points; None for none
    cells: Cells | None = None

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
        `describe` says. Of scaled float32 decimals are left out that it cannot hold: 0 is 0 again.
        """
        columns = list(range(len(self.names))) if columns is None else list(columns)
        values = np.asarray(values)
        scale, offset = self.scale[columns], self.offset[columns]
        found = values * scale + offset
        is_scaled = (scale != 1) | (offset != 0)
        if values.dtype == np.float32 and is_scaled.any():
            rounded = round_to(found, np.spacing(np.abs(values)) * scale)
            found = np.where(is_scaled, rounded, found)
        return found if self.transformation is None else self.transformation.invert(found, columns)

    def describe(self, column: int) -> str:
        """Return what a feature is called, with its unit, where its values are of `in_units`."""
        text, unit = self.title(column), self.units[column] if self.units else ""
        made = None if self.transformation is None else self.transformation.columns[column]
        if made is not None and not made.is_invertible:
            return made.written.format(text)
        if unit in ("", "1") or f"({unit})" in text or f"[{unit}]" in text:
            return text
        return f"{text} ({unit})"

    def title(self, column: int) -> str:
        """Return what a feature is called in words, or its name."""
        return (self.titles[column] if self.titles else "") or self.names[column]

    def every(self, step: int) -> PreparedData:
        """Return every step-th point, in memory; the digest stays that of all."""
        return replace(
            self,
            features=np.ascontiguousarray(self.features[::step]),
            truth=None if self.truth is None else self.truth[::step],
            beside=self.beside.every(step),
            rows=self.rows[::step],
        )


def prepare_data(
    options: Mapping[str, Any], *, seed: int, scratch: Path | None = None
) -> PreparedData:
    """Read, check and scale a table as the section `data` of the configuration says.

    `options`: the section, with all of its keys; `seed`: seed of the random sample of rows, where
    one is taken; `scratch`: a file that a large table of features is mapped from. Raises DataError:
    the source cannot be used, or a row misses every feature; ConfigError: a key that does not suit
    the source.
    """
    with _collected_warnings() as warnings:
        data = _prepare(options, seed, scratch)
    # Of a source that is an absolute path only the name is kept.
    source, name = str(options["source"]), portable_path(str(options["source"]))
    notes = dict.fromkeys(warning.removeprefix(f"{source}: ") for warning in warnings)
    return replace(data, notes=tuple(note.replace(source, name) for note in notes))


def _read(options: Mapping[str, Any], seed: int, head: int | None = None) -> Table:
    reading = {name: options[name] for name in _READING if name in options}
    columns: dict[str, Any] = {argument: options.get(key) for key, argument in BESIDE.items()}
    columns["features"] = named_features(options)
    # What is scaled is a table of its own.
    return read_table(options["source"], seed=seed, head=head, mapped=True, **reading, **columns)


def _warn_of_far(values: np.ndarray, scaling: Scaling, source: str, rows: np.ndarray) -> None:
    """Warn of features whose values one far number brings so close that float32 loses them."""
    columns = np.flatnonzero(scaling.kept)
    for k, step in find_lost(values, columns, scaling.offset, scaling.scale).items():
        column = values[:, columns[k]].astype(np.float64)
        row = int(np.nanargmax(np.abs(column - scaling.offset[k])))
        _LOG.warning(
            "%s: feature %r: beside %.6g in data row %d its other values are so close together "
            "that they are rounded to steps of %.3g, which is much beside their spread: correct "
            "that value, or say that it stands for none (data.missing_values)",
            *(source, scaling.names[k], column[row], rows[row], step),
        )


def _prepare(options: Mapping[str, Any], seed: int, scratch: Path | None) -> PreparedData:
    source, table = options["source"], _read(options, seed)
    beside, labels, label_names = _judge_labels(table, source, options["label"])
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
    is_large = values.shape[0] * len(scaling.names) * 4 > _LARGE
    features = scaling.apply(values, scratch if is_large else None)
    _warn_of_far(values, scaling, source, table.rows)
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
    # Several forms of one feature have the unit in common, and are told apart by their names.
    titled = [n if n == s else "" for n, s in zip(scaling.names, kept_sources, strict=True)]
    units, titles = (
        _say_of_features(key, said, options.get(key, {}), table.names, of)
        for key, said, of in (
            ("units", table.units, kept_sources),
            ("titles", table.titles, titled),
        )
    )
    return PreparedData(
        features=features,
        names=scaling.names,
        offset=scaling.offset,
        scale=scaling.scale,
        truth=labels,
        class_names=label_names,
        rows=table.rows,
        digest=digest_of(features, scaling.names),
        n_missing=_count_missing(features, table.rows, source),
        shape=grid_shape(table, options["shape"], source),
        scales=scales,
        choices=choices,
        transforms={n: s[scaling.kept] for n, s in seen.items()} if len(seen) > 1 else {},
        transformation=transformation,
        units=units,
        titles=titles,
        beside=beside,
        left_out=table.left_out,
        cells=table.cells or (Cells(tuple(options["shape"])) if options["shape"] else None),
    )


def _judge_labels(
    table: Table, source: str, label: str | None
) -> tuple[Beside, np.ndarray | None, tuple[str, ...] | None]:
    """Return what stands beside the features, and labels with their names where they are classes.

    Labels that name the rows, nearly each with its own, say nothing of groups: they are taken for
    what they are.
    """
    labels, names, beside = table.labels, table.label_names, table.beside
    if label is None or labels is None or names is None or not names_rows(labels, len(names)):
        return beside, labels, names
    n_known = np.count_nonzero(labels >= 0)
    _LOG.warning(
        "%s: label %r has %d classes in %d rows, so it names rows and is not compared with the "
        "groups; make it data.id, or data.carry if it is a measurement",
        *(source, label, len(names), n_known),
    )
    column = {label: np.array([*names, ""], dtype=object)[labels]}  # the last is that of -1
    if beside.ids:
        return replace(beside, carried={**column, **beside.carried}), None, None
    return replace(beside, ids=column), None, None


def _say_of_features(
    key: str,
    said: Mapping[str, str],
    configured: Mapping[str, str],
    names: Sequence[str],
    kept: Sequence[str],
) -> tuple[str, ...]:
    """Return what the source says of each feature that is kept, or the section `data` instead."""
    strange = next((name for name in configured if name not in names), None)
    if strange is not None:
        raise ConfigError(f"data.{key}: no feature {strange!r}; {suggest(strange, names)}")
    return tuple({**said, **configured}.get(name, "") for name in kept)


@contextmanager
def _collected_warnings() -> Iterator[list[str]]:
    """Collect what this package warns of: it is kept with the table, for who reads no logs."""
    found: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    logger, collector = logging.getLogger("kohorte.data"), Collector(logging.WARNING)
    logger.addHandler(collector)
    try:
        yield found
    finally:
        logger.removeHandler(collector)


def look_at_data(options: Mapping[str, Any], *, seed: int) -> PreparedData | None:
    """Return what `prepare_data` returns of a table, and raise what it raises.

    Of one that is larger than `LOOKED_AT` only names, shape and the first rows are looked at, where
    the format allows that; returns None.
    """
    size = options["generate"]["points"] or 0
    if is_file(options["source"]):
        path = find_file(options["source"])
        files = path.rglob("*") if path.is_dir() else [path]
        size = sum(file.stat().st_size for file in files)
    if size <= LOOKED_AT:
        return prepare_data(options, seed=seed)
    if is_file(options["source"]) and comes_in_parts(path):
        _read(options, seed, head=HEAD)
    return None


def comes_in_parts(path: Path) -> bool:
    """Tell whether the start of a file can be read at little cost."""
    kind = extension(str(path))
    if kind not in _TEXT:
        return kind in _BY_PARTS
    with open(path, "rb") as stream:
        return b"\0" not in stream.read(64)  # letters of several bytes are not cut into lines


def _count_missing(features: np.ndarray, rows: np.ndarray, source: str) -> int:
    # Constant features are left out by now: a row may have lost its only values with them.
    missing = 0
    for start, block in blocks_of(features):
        absent = np.isnan(block)
        empty = absent.all(axis=1)
        if empty.any():
            row = rows[start + int(np.argmax(empty))]
            raise DataError(
                f"{source}: data row {row}: every feature is missing; leave the row out, or set "
                "missing to 'drop'"
            )
        missing += int(np.count_nonzero(absent))
    return missing
