"""Figures of points in the plane of two features: signal, consensus labels, confidence."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from kohorte import store
from kohorte.errors import ConfigError
from kohorte.figures.cells import cell_polygons, draw_values, fit_map, map_axes
from kohorte.figures.groups import consensus_title
from kohorte.figures.panels import (
    MAX_POINTS,
    PanelRows,
    choose_step,
    draw_groups,
    draw_scale,
    fill_missing,
    mark_points,
)
from kohorte.figures.reading import (
    Inputs,
    Parameters,
    match_groups,
    matched_looks,
    read_map,
)
from kohorte.figures.style import (
    COLOURS,
    EMPTY,
    INK,
    is_wide,
    paper_style,
    plain_axes,
    sequential_map,
)
from kohorte.maps.lattice import Lattice

_CONFIDENCE = "Share of votes for the label"


def explained_shares(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Share of the variance of each column that lies between the groups; -1 without variance.

    The F of a one-way analysis of variance grows with it, in the same way for all features.
    `features` are (N, F), of which a missing value (NaN) counts as the mean of its feature,
    `labels` (N,) integers.
    """
    features = fill_missing(np.asarray(features, dtype=np.float64))
    _, group = np.unique(np.asarray(labels), return_inverse=True)
    sizes = np.bincount(group)
    centred = features - features.mean(axis=0)
    total = np.square(centred).sum(axis=0)
    sums = np.stack([np.bincount(group, weights=column) for column in centred.T], axis=1)
    between = np.square(sums / np.sqrt(sizes)[:, None]).sum(axis=0)
    varies = total > 1e-12 * np.maximum(np.square(features).sum(axis=0), 1e-300)
    share = np.where(varies, between / np.where(varies, total, 1.0), -1.0)
    return np.round(share, 9)


def most_telling_features(features: np.ndarray, labels: np.ndarray) -> tuple[int, ...]:
    """Find the two columns, or the only one, in which the groups of points lie farthest apart.

    The first has the largest of the `explained_shares`; the second the next largest among those
    that do not repeat the first, correlation |r| <= 0.98, if there is one. Ties go to the earlier
    column. Arguments are those of `explained_shares`.
    """
    features = fill_missing(np.asarray(features, dtype=np.float64))
    if features.shape[1] == 1:
        return (0,)
    share = explained_shares(features, labels)
    order = np.argsort(-share, kind="stable")
    first, varies = int(order[0]), share >= 0
    centred = features - features.mean(axis=0)
    norms = np.sqrt(np.where(varies, np.square(centred).sum(axis=0), 1.0))
    correlation = np.abs(centred.T @ centred[:, first]) / (norms * norms[first])
    fresh = [int(k) for k in order[1:] if correlation[k] <= 0.98 and varies[k]]
    return first, fresh[0] if fresh else int(order[1])


def choose_features(
    features: np.ndarray, names: Sequence[str], labels: np.ndarray, chosen: Sequence[str] | None
) -> tuple[int, ...]:
    """Columns of the features named `chosen`, or the most telling ones where it is None.

    ConfigError where a chosen name is not among the names.
    """
    if chosen is None:
        return most_telling_features(features, labels)
    unknown = [name for name in chosen if name not in names]
    if unknown:
        raise ConfigError(
            f"figures.features: there is no feature {unknown[0]!r}; known: {', '.join(names)}"
        )
    return tuple(list(names).index(name) for name in chosen)


@paper_style()
def signal_figure(
    features: np.ndarray,
    names: Sequence[str],
    *,
    signal: np.ndarray,
    labels: np.ndarray,
    truth: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    matching: np.ndarray | None = None,
    step: int = 1,
) -> Figure:
    """Draw stacked signal, consensus labels and, where known, true classes, side by side.

    ConfigError where the arrays differ in length.

    Parameters
    ----------
    features, names
        (N, 2) two features of each point, or (N, 1): points are then spread at random upwards. A
        point with a missing value (NaN) is counted, but not drawn. Their names have units.
    signal
        (N,) stacked signal, the sum over realizations of the Gsum of the point's cluster.
    labels, truth
        (N,) integers, consensus group and true class, an index into `class_names`; negative: none.
    matching
        For each group the class that it stands for, or -1, as `classes_of_groups` gives it: the
        class takes the colour of the group, and points of other classes are marked. Needs `truth`.
    step
        The points are every step-th of the study, which the figure then says.
    """
    features = _as_points(features, names, signal=signal, labels=labels, truth=truth)
    signal = np.asarray(signal, dtype=np.float64)
    labels = np.asarray(labels, dtype=np.int64)
    truth = None if truth is None else np.asarray(truth, dtype=np.int64)
    x, y = spread_points(features)
    titles = ["Stacked signal", "Consensus", "Classes"][: 2 if truth is None else 3]
    row = PanelRows(titles, gap=0.14)
    row.say_subset(int(np.isnan(features).any(axis=1).sum()), step)
    for k in range(len(row.panels)):
        row.feature_axes(k, names)

    wide = bool(signal.min() > 0) and is_wide(signal, 4.0)
    # large values last, so that rare ones show
    order = np.argsort(signal, kind="stable")
    limits = (signal.min(), signal.max())
    points = draw_scale(row.panels[0], x[order], y[order], signal[order], limits, wide)
    row.colour_bar(0, points, "Stacked signal (sum of Gsum)")

    matching = None if truth is None or matching is None else np.asarray(matching, np.int64)
    groups = [consensus_title(k) for k in range(int(labels.max(initial=-1)) + 1)]
    entries = draw_groups(row.panels[1], x, y, labels, groups)
    if truth is not None:
        classes = [f"class {c}" for c in range(int(truth.max(initial=-1)) + 1)]
        classes = classes if class_names is None else list(class_names)
        if matching is not None:  # mark points of a class that their group does not stand for
            stands_for = np.where(labels >= 0, matching[np.maximum(labels, 0)], -1)
            wrong = (truth >= 0) & (stands_for != truth)
            if n_wrong := int(wrong.sum()):
                text = f"misassigned ({n_wrong:,}, {100 * n_wrong / (truth >= 0).sum():.1f} %)"
                if len(x) > MAX_POINTS:
                    entries.append(Line2D([], [], ls="", label=text))
                else:
                    many = n_wrong > 300
                    entries += mark_points(row.panels[1], x[wrong], y[wrong], text, many=many)
        looks = matched_looks(matching, len(classes))
        what, none = "class", "not known"
        drawn = draw_groups(row.panels[2], x, y, truth, classes, looks, what=what, none=none)
        row.legend(2, drawn)
    row.legend(1, entries)
    row.finish()
    return row.figure


def draw_signal(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `signal` from the files of a study."""
    table, ensemble, step = read_points(inputs)
    labels, matching = ensemble.points.label, None
    if table.truth is not None:
        matching = match_groups(labels, table.truth, ensemble.consensus.n_groups)
    columns = choose_features(table.features, table.names, labels, parameters["features"])
    return signal_figure(
        table.physical(columns),
        [table.describe(k) for k in columns],
        signal=ensemble.points.signal,
        labels=labels,
        truth=table.truth,
        class_names=table.class_names,
        matching=matching,
        step=step,
    )


@paper_style()
def confidence_figure(
    features: np.ndarray,
    names: Sequence[str],
    *,
    confidence: np.ndarray,
    node_confidence: np.ndarray | None = None,
    lattice: Lattice | None = None,
    realization: str | None = None,
    step: int = 1,
) -> Figure:
    """Draw confidence of the consensus: in feature space, its distribution, and on a map.

    ConfigError where the arrays differ in length, or one of map and lattice is missing.

    Parameters
    ----------
    features, names, step
        As for `signal_figure`.
    confidence
        (N,) share of the realizations that vote for the point's label, 0 to 1.
    node_confidence, lattice
        (M,) mean confidence of the points of each node of a representative map, NaN for a node
        without points, and its lattice; None leaves the map out.
    realization
        Id of the map, which the figure names.
    """
    features = _as_points(features, names, confidence=confidence)
    confidence = np.asarray(confidence, dtype=np.float64)
    if (node_confidence is None) != (lattice is None):
        raise ConfigError("node_confidence and lattice must be given together")
    if lattice and node_confidence is not None and len(node_confidence) != lattice.n_nodes:
        raise ConfigError(
            f"node_confidence has {len(node_confidence)} entries, but the lattice has "
            f"{lattice.n_nodes} nodes"
        )
    low = min(np.floor(confidence.min() * 10) / 10, 0.9)
    x, y = spread_points(features)
    titles = ["Confidence of the points", "Distribution", "Mean of each node"]
    size = None if lattice is None else fit_map(lattice, 2.2, 2.2, longest=3.0)
    wide = size is not None and size.width > 1.4 * size.height
    # A panel beside others is square; a wide map has a row of its own.
    row = PanelRows(
        titles if lattice is not None else titles[:2],
        gap=0.62,
        below=int(wide),
        realization=realization if lattice is not None else None,
    )
    row.say_subset(int(np.isnan(features).any(axis=1).sum()), step)
    row.feature_axes(0, names)
    # uncertain points last, or the sure ones would hide them
    order = np.argsort(-confidence, kind="stable")
    points = draw_scale(row.panels[0], x[order], y[order], confidence[order], (low, 1.0))
    row.colour_bar(0, points, _CONFIDENCE + (" (a, c)" if lattice is not None else ""))
    _draw_distribution(row.panels[1], confidence, low)
    if lattice is not None:
        axes, values = row.panels[2], np.asarray(node_confidence, dtype=np.float64)
        map_axes(axes, lattice)
        draw_values(axes, cell_polygons(lattice), values, sequential_map(), (low, 1.0))
        room = (min(row.row_room(), 4.2), 2.2) if wide else (row.side(), row.side())
        size = fit_map(lattice, *room, longest=3.0)
        row.shape(2, size)
        if size.height < 0.55:  # lower than the text is long
            axes.set_ylabel("")
        if np.isnan(values).any():
            empty = Patch(facecolor=EMPTY, edgecolor=INK, lw=0.3, label="node without points")
            row.legend(2, [empty])
    row.finish()
    return row.figure


def draw_confidence(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `confidence` from the files of a study; on a map where it has maps."""
    table, ensemble, step = read_points(inputs)
    confidence = ensemble.points.confidence
    columns = choose_features(
        table.features, table.names, ensemble.points.label, parameters["features"]
    )
    node_confidence = lattice = realization = None
    if inputs["maps"]:
        stored = read_map(inputs, parameters, "winners")
        realization = stored.id
        lattice, winners = stored.lattice, stored.arrays["winners"][::step]
        hits = np.bincount(winners, minlength=lattice.n_nodes)
        total = np.bincount(winners, weights=confidence, minlength=lattice.n_nodes)
        node_confidence = np.where(hits > 0, total / np.maximum(hits, 1), np.nan)
    return confidence_figure(
        table.physical(columns),
        [table.describe(k) for k in columns],
        confidence=confidence,
        node_confidence=node_confidence,
        lattice=lattice,
        realization=realization,
        step=step,
    )


def read_points(inputs: Inputs) -> tuple["store.PreparedData", "store.StoredEnsemble", int]:
    """Return table and ensemble of every n-th point, and n."""
    table = store.read_data(inputs["data"], mapped=True)
    step = choose_step(len(table.features))
    ensemble = store.read_ensemble(inputs["ensemble"], points=True, step=step)
    return table.every(step), ensemble, step


def _as_points(
    features: np.ndarray, names: Sequence[str], **arrays: np.ndarray | None
) -> np.ndarray:
    """Return the features as (N, 1 or 2); raise where an array has another length."""
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2 or features.shape[1] not in (1, 2) or features.shape[1] != len(names):
        raise ConfigError(
            f"features have shape {features.shape} with {len(names)} names; "
            "one or two columns are drawn, each with a name"
        )
    for name, values in arrays.items():
        if values is not None and len(values) != len(features):
            raise ConfigError(f"{name} has {len(values)} entries for {len(features)} points")
    return features


def spread_points(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return places across and up of points with two features, or one: then spread at random."""
    if features.shape[1] == 2:
        return features[:, 0], features[:, 1]
    return features[:, 0], np.random.default_rng(len(features)).random(len(features))


def _draw_distribution(axes: Axes, confidence: np.ndarray, low: float) -> None:
    """Share of the points that are at most so confident; it rises at 1 to all of them."""
    x, counts = np.unique(confidence, return_counts=True)
    y = 100 * np.cumsum(counts) / len(confidence)
    axes.plot([low, *x], [0.0, *y], drawstyle="steps-post", color=COLOURS[0], lw=1.3)
    unanimous = 100 * float((confidence >= 1.0 - 1e-12).mean())
    axes.set(xlim=(low, 1.0 + 0.02 * (1 - low)), ylim=(0, 103))
    plain_axes(axes, 5, 5)
    said = f"{unanimous:.1f} %" if not 99.95 <= unanimous < 100 else "more than 99.9 %"
    axes.set_xlabel(f"{_CONFIDENCE}\n({said} of the points at 1)")
    axes.set_ylabel("Points at most so sure (%)")
