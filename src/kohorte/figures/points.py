"""Figures of points in the plane of two features: signal, consensus labels, confidence."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullFormatter

from kohorte import store
from kohorte.analysis.evaluation import Matching, match_classes
from kohorte.errors import ConfigError
from kohorte.figures.cells import cell_polygons, draw_values, fit_map, map_axes
from kohorte.figures.groups import consensus_title
from kohorte.figures.panels import (
    PanelRow,
    choose_points,
    choose_step,
    draw_groups,
    draw_scale,
    fill_missing,
    mark_points,
)
from kohorte.figures.reading import Inputs, Parameters, read_map
from kohorte.figures.style import (
    EMPTY,
    INK,
    ShortNumbers,
    Style,
    group_colour,
    is_wide,
    paper_style,
    sequential_map,
)
from kohorte.maps.lattice import Lattice

_CONFIDENCE = "Share of votes for the label"


def most_telling_features(features: np.ndarray, labels: np.ndarray) -> tuple[int, ...]:
    """Find the two columns, or the only one, in which the groups of points lie farthest apart.

    The first has the largest ratio F of the variance between groups to that within them (one-way
    analysis of variance); the second the next largest among those that do not repeat the first,
    correlation |r| <= 0.98, if there is one. Ties go to the earlier column. `features` are (N, F),
    of which a missing value (NaN) counts as the mean of its feature, `labels` (N,) integers.
    """
    features = fill_missing(np.asarray(features, dtype=np.float64))
    if features.shape[1] == 1:
        return (0,)
    _, group = np.unique(np.asarray(labels), return_inverse=True)
    sizes = np.bincount(group)
    centred = features - features.mean(axis=0)
    total = np.square(centred).sum(axis=0)
    sums = np.stack([np.bincount(group, weights=column) for column in centred.T], axis=1)
    between = np.square(sums / np.sqrt(sizes)[:, None]).sum(axis=0)
    varies = total > 1e-12 * np.maximum(np.square(features).sum(axis=0), 1e-300)
    # F grows with the explained share between / total, the same for all features: rank by that.
    share = np.where(varies, between / np.where(varies, total, 1.0), -1.0)
    order = np.argsort(-np.round(share, 9), kind="stable")
    first = int(order[0])
    norms = np.sqrt(np.where(varies, total, 1.0))
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


def classes_of_groups(found: Matching, n_groups: int) -> np.ndarray:
    """Class that each group stands for, as an index into `found.classes`; -1 for none.

    (n_groups,) int64; the groups are numbered as the labels that were matched.
    """
    classes = np.full(n_groups, -1, dtype=np.int64)
    matched = np.flatnonzero(found.matching >= 0)
    groups = found.clusters[found.matching[matched]]
    classes[groups[groups >= 0]] = matched[groups >= 0]  # -1 is no group
    return classes


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
    shown = choose_points(len(features))
    x, y = spread_points(features)
    row = PanelRow(["stacked signal", "consensus", "truth"][: 2 if truth is None else 3], gap=0.14)
    row.say_subset(len(shown), len(features), int(np.isnan(features).any(axis=1).sum()), step)
    for k in range(len(row.panels)):
        row.feature_axes(k, names)

    wide = bool(signal.min() > 0) and is_wide(signal)
    limits = (signal.min(), signal.max())
    points = draw_scale(row.panels[0], x[shown], y[shown], signal[shown], limits, wide)
    row.colour_bar(0, points, "Stacked signal (sum of Gsum)")

    matching = None if truth is None or matching is None else np.asarray(matching, np.int64)
    groups = [consensus_title(k) for k in range(int(labels.max(initial=-1)) + 1)]
    entries = draw_groups(row.panels[1], x, y, labels, shown, groups)
    if truth is not None:
        classes = [f"class {c}" for c in range(int(truth.max(initial=-1)) + 1)]
        classes = classes if class_names is None else list(class_names)
        if matching is not None:  # mark points of a class that their group does not stand for
            stands_for = np.where(labels >= 0, matching[np.maximum(labels, 0)], -1)
            wrong = (truth >= 0) & (stands_for != truth)
            if n_wrong := int(wrong.sum()):
                chosen = shown[wrong[shown]]
                text = f"misassigned ({n_wrong}, {100 * n_wrong / (truth >= 0).sum():.1f} %)"
                at, many = (x[chosen], y[chosen]), len(chosen) > 300
                entries += mark_points(row.panels[1], *at, text, many=many)
        colours = None if matching is None else class_colours(matching, len(classes))
        row.legend(
            2, draw_groups(row.panels[2], x, y, truth, shown, classes, colours, none="not known")
        )
    row.legend(1, entries)
    row.finish()
    return row.figure


def draw_signal(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `signal` from the files of a study."""
    table, ensemble, step = read_points(inputs)
    labels, matching = ensemble.points.label, None
    if table.truth is not None:
        matching = classes_of_groups(
            match_classes(labels, table.truth), ensemble.consensus.n_groups
        )
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
    step: int = 1,
) -> Figure:
    """Draw confidence of the consensus: in feature space, on a map, and its distribution.

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
    shown = choose_points(len(features))
    x, y = spread_points(features)
    titles = ["confidence of the points", "mean of each node", "distribution"]
    row = PanelRow(titles if lattice is not None else [titles[0], titles[2]], gap=0.62)
    row.say_subset(len(shown), len(features), int(np.isnan(features).any(axis=1).sum()), step)
    row.feature_axes(0, names)
    # uncertain points last, or the sure ones would hide them
    order = shown[np.argsort(-confidence[shown], kind="stable")]
    points = draw_scale(row.panels[0], x[order], y[order], confidence[order], (low, 1.0))
    row.colour_bar(0, points, _CONFIDENCE + (" (a, b)" if lattice is not None else ""))
    if lattice is not None:
        axes, values = row.panels[1], np.asarray(node_confidence, dtype=np.float64)
        map_axes(axes, lattice)
        draw_values(axes, cell_polygons(lattice), values, sequential_map(), (low, 1.0))
        size = fit_map(lattice, 1.0, 1.0, largest_cell=1.0, longest=3.0)
        row.shape(1, size.width, size.height)
        if size.height < 0.55:  # lower than the text is long
            axes.set_ylabel("")
        if np.isnan(values).any():
            empty = Patch(facecolor=EMPTY, edgecolor=INK, lw=0.3, label="node without points")
            row.legend(1, [empty])
    _draw_distribution(row.panels[-1], confidence, low)
    row.finish()
    return row.figure


def draw_confidence(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `confidence` from the files of a study; on a map where it has maps."""
    table, ensemble, step = read_points(inputs)
    confidence = ensemble.points.confidence
    columns = choose_features(
        table.features, table.names, ensemble.points.label, parameters["features"]
    )
    node_confidence = lattice = None
    if inputs["maps"]:
        stored = read_map(inputs, parameters, "winners")
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


def class_colours(matching: np.ndarray, n_classes: int) -> list[int]:
    """Colour numbers of the classes: that of the group that stands for each, else one of its own.

    `matching`, as for `signal_figure`; groups have the same colours in all figures of a study.
    """
    colours = np.full(n_classes, -1)
    for group in range(len(matching) - 1, -1, -1):
        if 0 <= matching[group] < n_classes:
            colours[matching[group]] = group
    without = colours < 0
    colours[without] = len(matching) + np.arange(without.sum())
    return colours.tolist()


def _draw_distribution(axes: Axes, confidence: np.ndarray, low: float) -> None:
    """Shares of points by confidence; those on which all realizations agree as a bar apart."""
    n_points = len(confidence)
    unanimous = confidence >= 1.0 - 1e-12
    edges = np.linspace(low, 1.0, 21)
    heights = np.histogram(confidence[~unanimous], bins=edges)[0] / n_points
    width = edges[1] - edges[0]
    style: Style = {"align": "edge", "color": group_colour(0), "edgecolor": "white", "lw": 0.4}
    axes.bar(edges[:-1], heights, width, **style)
    share = float(unanimous.mean())
    if share:
        style = {"color": "white", "edgecolor": group_colour(0), "hatch": "//////", "lw": 0.6}
        axes.bar(1.0 + 0.75 * width, share, width, **style)
    heights = np.append(heights, share)
    if is_wide(heights, 30.0):
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.6g}%")
    axes.set_ylim(top=heights.max() * (2.0 if axes.get_yscale() == "log" else 1.12))
    axes.set_xlim(low - width, 1.0 + 2 * width)
    ticks = np.asarray(MaxNLocator(5).tick_values(low, 1.0))
    axes.set_xticks(ticks[(ticks >= low - 1e-9) & (ticks <= 1.0 + 1e-9)])
    axes.xaxis.set_major_formatter(ShortNumbers())
    axes.set_xlabel(f"{_CONFIDENCE}\n{100 * share:.1f} % of points at 1.0 (hatched)")
    axes.set_ylabel("Share of points")
