"""Labels for new points from the maps and the consensus of a finished study."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from kohorte import store
from kohorte.analysis.evaluation import evaluate
from kohorte.analysis.naming import name_groups
from kohorte.data.hdf5 import open_file
from kohorte.data.names import TEXT_KEYS, VALUE_KEYS, find_reader, is_file, locate, scalings
from kohorte.data.reading import ReadOptions, damages
from kohorte.data.scaling import Scaling
from kohorte.data.sources import read_table
from kohorte.data.table import Beside
from kohorte.ensemble.points import signal_classes
from kohorte.errors import DataError, ResultError
from kohorte.maps.assign import assign
from kohorte.maps.draws import see

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)
_BLOCK_ROWS = 1 << 16


@dataclass(frozen=True, eq=False)
class NewPoints:
    """N points that a study has not seen, on the scale of its own."""

    #: (N, F) float32. The study's features in its order; NaN where a value is missing.
    features: np.ndarray
    rows: np.ndarray  # (N,) int64. Row of each point in its source.
    #: (N,) int64, class of each point, -1 where it is not known; None where none is
    truth: np.ndarray | None
    class_names: tuple[str, ...] | None  # Names of the classes
    beside: Beside = field(default_factory=Beside)  # Names and samples of the points


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a study says of N points."""

    label: np.ndarray  # (N,) smallest unsigned integer type. Consensus group with most votes.
    confidence: np.ndarray  # (N,) float32. Share of the votes that the group won.
    second: np.ndarray  # (N,) signed. Group with the second most votes, -1 where none got any.
    second_share: np.ndarray  # (N,) float32. Share of the votes that it got.
    signal: np.ndarray  # (N,) float64. Stacked signal, as in `ensemble.h5`.
    #: (N,) float64. Mean over the maps of the distance to the winner divided by the quantization
    #: error of the map. The study's own points have 1 on average; a point with several times as
    #: much is unlike them, and its label means little.
    novelty: np.ndarray
    is_outlier: np.ndarray  # (N,) bool. Whether that is above the study's `outlier_threshold`.
    #: (N,) signed, places in the names of the study's classes, where it knows some: the commonest
    #: class of the study's points in the group, -1 where none has one; the one that most maps give
    #: by the winner, of the nodes that hold points of known class; the share of maps that do
    group_class: np.ndarray | None = None
    winner_class: np.ndarray | None = None
    winner_share: np.ndarray | None = None


def reading_of(source: str | Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return how `read_table` reads new points of a study, but for the names of columns.

    `options`: the section `data` of the study.
    """
    reader = find_reader(str(source))
    reading = ["feature_dataset", "names_dataset", "missing", *VALUE_KEYS]
    # How the text of the study's table was read says nothing of a file of another kind.
    is_alike = reader and (reader.is_text or reader == find_reader(str(options.get("source"))))
    reading += reader.text_keys if reader and is_alike else []
    reading += ["table"] if reader and reader.has_tables else []
    how = {name: options[name] for name in reading if name in options}
    how["label_missing"] = options.get("label_missing", ())
    return how | {"least_rows": 1, "lenient": True}


def read_points(source: str | Path, data: str | Path) -> NewPoints:
    """Read new points as the source of a study was read, and scale them by the study's scaling.

    The columns are found by name: their order does not matter and others are ignored. All rows are
    read, whatever the study's `stride` and `sample`; missing values are treated as its `missing`
    says. Where the source has the classes that the study's `label` names, they are read as well;
    where they cannot be used, the log says why. So are the columns of `id`, `group` and `carry`
    that it has. `source`: as for `kohorte.data.sources.read_table`;
    `data`: the study's `data.h5`. Raises DataError: the source cannot be used, or lacks a feature
    of the study; ResultError: `data` is not the prepared table of a study.
    """
    with store.open_result(data, "data") as file:
        options = store.read_json(file, "options")
        names = store.read_text(file["names"])
        offset, scale = (file[f"scaling/{name}"][:] for name in ("offset", "scale"))
        method = scalings(options)[0]
        scaling = Scaling(method, names, offset, scale, np.ones(len(names), dtype=bool))
        # Labels that only name the study's rows are no classes of others.
        label = options["label"] if "truth" in file else None
        columns = store.beside_names(file)
        transformation = store.get_transformation(file)
    _check_unscaled(source)
    if not is_file(str(source)):
        label = None  # which such sets bring along
    how = reading_of(source, options)
    inputs = names if transformation is None else transformation.inputs
    how |= {"features": inputs, **columns}
    try:
        try:
            table = read_table(source, label=label, **how)
        except DataError as error:
            if label is None:
                raise
            # What is wrong may be the classes alone, which a prediction does not need.
            table = read_table(source, **how)
            _log.info("no classes to compare with: %s", error)
    except DataError as error:
        if "set data." not in str(error):
            raise
        keys = [key for key in (*TEXT_KEYS, *VALUE_KEYS) if how.get(key)]
        said = [f"{key}: {how[key]!r}" for key in keys if how[key] != getattr(ReadOptions, key)]
        raise DataError(
            f"{error}; new points are read as the table of the study is "
            f"({', '.join(said) or 'no key is set'}): save them in its form, or set keys for both"
        ) from None
    values = table.values
    if transformation is not None:
        try:
            values = transformation.apply(values, table.rows)
        except DataError as error:
            raise DataError(f"{source}: {error}") from None
    try:
        features, classes = scaling.apply(values), table.label_names
    except DataError as error:
        raise DataError(
            f"{source}: {error}; it is far from all that the study was made from: has it the same "
            "unit?"
        ) from None
    return NewPoints(features, table.rows, table.labels, classes, table.beside)


def _check_unscaled(source: str | Path) -> None:
    """Raise DataError for the prepared table of a study, which would be scaled a second time."""
    path = locate(str(source))
    if os.path.isfile(path) and h5py.is_hdf5(path):
        with open_file(str(source), path) as file, damages(str(source)):
            kind, names = file.attrs.get("kind"), list(file)
        if isinstance(kind, str) and kind == "data" and "scaling" in names:
            raise DataError(
                f"{source}: is the prepared table of a study, whose features are scaled already; "
                "name the table that it was made from"
            )


def predict(
    ensemble: store.StoredEnsemble,
    realizations: str | Path,
    features: Any,
    *,
    truth: np.ndarray | None = None,
    threads: int = 1,
) -> Prediction:
    """Label points by the vote of a study's maps.

    A map votes for the consensus group of the cluster that holds the point's winner, with the
    weight that the study chose (`ensemble.votes`): points of the study get the labels that they
    have. A cluster that holds no point of the study is in no group; a point whose winner is in one
    goes to the nearest node of the others.

    `ensemble`: what `kohorte.store.read_ensemble` read of the study; `realizations`: the study's
    folder of that name, with one file for each map; `features` (N, F) real numbers, N >= 1: on the
    scale of the study (`read_points`): an array or anything else with a shape and slices of rows,
    of which one block is read at a time; `truth` (n,) integers: classes of the study's own points,
    -1 where one is not known; then `ensemble` was read with its points; `threads`: threads of the
    search and of the vote, without effect on the result. Raises DataError: features are not an
    N x F table that the maps can take; ResultError: a map is missing, or is not the one that the
    ensemble was combined from.
    """
    if len(features.shape) != 2 or features.shape[0] == 0:
        raise DataError(
            f"features have shape {tuple(features.shape)}; expected (N, F) with at least one point"
        )
    folder = Path(realizations)
    if not folder.is_dir():
        raise ResultError(f"{folder}: no such folder; a study of label files has no maps")
    paths = [folder / f"{identifier}.h5" for identifier in ensemble.realizations.ids]
    splits = ensemble.overlaps.offsets[1:-1]
    ids = np.split(ensemble.clusters.cluster, splits)
    sizes = np.split(ensemble.clusters.size, splits)
    _log.info("%d points, %d maps", features.shape[0], len(paths))
    parts = []
    n_classes = 0 if truth is None else int(truth.max(initial=-1)) + 1
    of_groups = None
    if truth is not None and n_classes:
        of_groups = _classes_of_groups(ensemble, truth, n_classes)
    for start in range(0, features.shape[0], _BLOCK_ROWS):
        points = features[start : start + _BLOCK_ROWS]
        labels, novelty = [], np.zeros(len(points))
        votes = np.zeros((len(points), n_classes), dtype=np.int32)
        for path, own, held in zip(paths, ids, sizes, strict=True):
            try:
                found, distances, classes = _look_up(
                    points, path, own, held, threads, truth, n_classes
                )
            except DataError as error:
                raise DataError(f"of the points from {start} on, {error}") from None
            labels.append(found)
            novelty += distances
            if classes is not None:
                votes[np.arange(len(points)), classes] += 1
        voted = ensemble.label(labels, ensemble.options["votes"], threads=threads)
        novelty /= len(paths)
        threshold = ensemble.points.outlier_threshold
        parts.append(
            (
                voted.groups,
                voted.confidence.astype(np.float32),
                voted.second,
                voted.second_share.astype(np.float32),
                voted.signal,
                novelty,
                novelty > (np.inf if threshold is None else threshold),
                *_class_votes(of_groups, voted.groups, votes, len(paths)),
            )
        )
    return Prediction(*map(np.concatenate, zip(*parts, strict=True)))


def _classes_of_groups(
    ensemble: store.StoredEnsemble, truth: np.ndarray, n_classes: int
) -> np.ndarray:
    """Return the commonest class of the study's points in each group, (G,); -1 for none."""
    from kohorte.analysis.classification import commonest, count_classes

    count = ensemble.consensus.n_groups
    return commonest(count_classes(ensemble.points.label, truth, count, n_classes))


def _class_votes(
    of_groups: np.ndarray | None, groups: np.ndarray, votes: np.ndarray, n_maps: int
) -> tuple[np.ndarray, ...]:
    """Return what classes group and winners say of a block of points; nothing without classes."""
    if of_groups is None:
        return ()
    chosen = votes.argmax(axis=1)
    return of_groups[groups], chosen, (votes.max(axis=1) / n_maps).astype(np.float32)


def _look_up(
    points: np.ndarray,
    path: Path,
    ids: np.ndarray,
    sizes: np.ndarray,
    threads: int,
    truth: np.ndarray | None,
    n_classes: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return the cluster of each point in one map, and how far and of which class its winner is.

    The distance is in quantization errors. `ids` and `sizes` are the clusters that hold points of
    the study, and how many, as the ensemble has them. `truth` are classes of these points; there is
    no class of the winners where none is known.
    """
    from kohorte.analysis.classification import classify_by_nodes

    wanted = ["weights", "node_clusters", "hits"] + ["winners"] * (n_classes > 0)
    stored = store.read_realization(path, *wanted)
    weights, node_clusters, hits = (stored.arrays[name] for name in wanted[:3])
    counts = np.bincount(node_clusters, hits)
    if not (np.array_equal(np.flatnonzero(counts), ids) and np.array_equal(counts[ids], sizes)):
        raise ResultError(
            f"{path}: is not the map that the ensemble was combined from; run the workflow again"
        )
    options: Any = {"metric": stored.parameters["metric"], "threads": threads}
    points, weights = (see(table, stored.factors) for table in (points, weights))
    found = assign(points, weights, node_clusters, hits, lattice=stored.lattice, **options)
    classes = None
    if truth is not None and n_classes:
        winners = stored.arrays["winners"]
        classes = classify_by_nodes(points, weights, winners, truth, n_classes, **options)
    # Small labels: those of all maps are held at once.
    labels = found.labels.astype(np.min_scalar_type(ids[-1]))
    return labels, found.novelty(stored.quality["quantization_error"]), classes


def write_prediction(
    path: str | Path,
    prediction: Prediction,
    points: NewPoints,
    *,
    study_classes: Sequence[str] | None = None,
    signal_cuts: Sequence[float] | None = None,
    group_names: Mapping[int, str] | None = None,
    **attributes: Any,
) -> None:
    """Write ``prediction/<name>.h5``: what a study says of points, and what is known of them.

    `study_classes`: names of the study's classes, where it has some; `signal_cuts`: where given,
    the class of the signal is written, too; `group_names`: names of the study's groups, by group.
    """
    arrays = {name: array for name, array in vars(prediction).items() if array is not None}
    known = {name: getattr(points, name) for name in ("rows", "truth", "class_names")}
    with store.create(path, "prediction", n_points=len(prediction.label), **attributes) as file:
        store.put(file, arrays | known | {"study_classes": study_classes})
        if group_names:
            last = max(*group_names, int(prediction.label.max()), int(prediction.second.max()))
            called = [group_names.get(k, "") for k in range(last + 1)]
            store.put(file, {"group_names": called})
        if signal_cuts:
            store.put(file, {"signal_class": signal_classes(prediction.signal, signal_cuts)})
        store.put_beside(file, points.beside)


def prediction_table(
    prediction: Prediction,
    points: NewPoints,
    *,
    study_classes: Sequence[str] | None = None,
    signal_cuts: Sequence[float] | None = None,
    group_names: Mapping[int, str] | None = None,
) -> pd.DataFrame:
    """Return one row per point, with its class where that is known, as `point_table` does.

    `study_classes`, `signal_cuts`, `group_names`: as for `write_prediction`.
    """
    from kohorte.analysis.tables import point_table

    found = {name: values for name, values in vars(prediction).items() if values is not None}
    known = {"group" if name == "label" else name: values for name, values in found.items()}
    for name in ("group_class", "winner_class"):
        if name in known and study_classes is not None:
            known[name] = np.array([*study_classes, ""], dtype=object)[known[name]]
    if signal_cuts:
        known["signal_class"] = signal_classes(prediction.signal, signal_cuts)
    if points.truth is not None and points.class_names is not None:
        # The last name is that of -1.
        known["class"] = np.array([*points.class_names, ""], dtype=object)[points.truth]
    return name_groups(point_table(points.rows, points.beside, **known), group_names or {})


def compare_prediction(prediction: Prediction, points: NewPoints) -> dict[str, float]:
    """Return measures of the labels against the known classes of points, by name; none without."""
    if points.truth is None:
        return {}
    found = evaluate(prediction.label, points.truth)
    _log.info("accuracy %.4f, adjusted Rand index %.4f", found.accuracy, found.ari)
    return {"accuracy": found.accuracy, "ari": found.ari, "ami": found.ami}
