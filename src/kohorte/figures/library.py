"""The figures of an ensemble that was fitted in Python, by the names that a study has for them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kohorte import store
from kohorte._checks import choose
from kohorte.analysis.splits import split_table
from kohorte.analysis.sufficiency import sufficiency_table
from kohorte.analysis.tables import stability_table
from kohorte.ensemble.splits import count_splits
from kohorte.errors import ConfigError
from kohorte.figures.agreement import agreement_figure
from kohorte.figures.ensemble import draw_overlap_matrices, draw_ranking, draw_similarity
from kohorte.figures.evidence import evidence_figure
from kohorte.figures.fonts import chosen_font
from kohorte.figures.maps import component_planes_figure, hit_map_figure, umatrix_figure
from kohorte.figures.points import confidence_figure, most_telling_features, signal_figure
from kohorte.figures.splits import splits_figure
from kohorte.figures.stability import draw_sufficiency, stability_figure
from kohorte.figures.style import chosen_width, complete_fonts, paper_style

if TYPE_CHECKING:
    from kohorte.estimators import SOM, SOMEnsemble

#: Agreement that counts as enough, as in a study.
_ENOUGH = 0.95


def draw_ensemble(
    ensemble: SOMEnsemble,
    name: str,
    points: np.ndarray | None = None,
    ax: Axes | None = None,
    *,
    width: str | float | None = None,
    font: str | None = None,
) -> Figure:
    """Draw a figure of a fitted ensemble, one of FIGURES, by itself or as a picture in axes.

    `points` (N, F) are those of the fit, which the figures of points need; `width` is that of
    `kohorte.figures.style.chosen_width`, `font` that of `kohorte.figures.fonts.chosen_font`.
    ConfigError for another name, or without points where they are needed.
    """
    with chosen_font(font), chosen_width(width):
        figure = choose(FIGURES, name, "figure")(ensemble, points)
        with paper_style():
            complete_fonts(figure)
    if ax is None:
        return figure
    figure.set_dpi(300)
    canvas = FigureCanvasAgg(figure)
    with paper_style():
        canvas.draw()
    ax.imshow(np.asarray(canvas.buffer_rgba()), interpolation="antialiased")
    ax.set_axis_off()
    return ax.figure  # type: ignore[return-value]  # or a part of one


def _of_files(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw from `ensemble.h5`, as a study does."""

    def drawn(ensemble: SOMEnsemble, points: np.ndarray | None) -> Figure:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "ensemble.h5"
            labels = [som.labels_ for som in ensemble.estimators_]
            store.write_ensemble(
                path, ensemble.ensemble_, labels, ids=ensemble.ids_, options=ensemble._chosen
            )
            return draw({"ensemble": path}, {})

    return drawn


def _draw_agreement(ensemble: SOMEnsemble, points: np.ndarray | None) -> Figure:
    swept = ensemble.sweep or {}
    values = {n: [getattr(m.parameters_, n) for m in ensemble.estimators_] for n in swept}
    return agreement_figure(ensemble.ensemble_.ari, values)


def _draw_evidence(ensemble: SOMEnsemble, points: np.ndarray | None) -> Figure:
    return evidence_figure(ensemble.ensemble_.grouping.evidence, ensemble.n_groups_)


def _draw_stability(ensemble: SOMEnsemble, points: np.ndarray | None) -> Figure:
    found = ensemble.ensemble_
    table = stability_table(
        ensemble.ids_, found.overlaps, found.grouping.groups, seed=ensemble.seed_
    )
    values = [table[name].to_numpy() for name in ("gsum", "gsum_low", "gsum_high")]
    return stability_figure(*values, groups=table["consensus_group"].to_numpy())


def _draw_sufficiency(ensemble: SOMEnsemble, points: np.ndarray | None) -> Figure:
    how = ensemble._chosen
    labels = ensemble._count(*(som.labels_ for som in ensemble.estimators_))
    one = ensemble.p_structure_ is not None and ensemble.n_groups_ == 1
    table = sufficiency_table(
        labels,
        ensemble.ensemble_.overlaps,
        seed=ensemble.seed_,
        groups=1 if one else how["groups"],
        consensus=how["consensus"],
        enough=_ENOUGH,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sufficiency.csv"
        table.to_csv(path, index=False)
        return draw_sufficiency({"sufficiency": path}, {"enough": _ENOUGH})


def _draw_splits(ensemble: SOMEnsemble, points: np.ndarray | None) -> Figure:
    how, found = ensemble._chosen, ensemble.ensemble_
    labels = ensemble._count(*(som.labels_ for som in ensemble.estimators_))
    chosen = {name: how[name] for name in ("identical", "consensus", "votes")}
    splits = count_splits(labels, found.overlaps, found.grouping.groups, **chosen)
    p_values = None if ensemble.structure_ is None else ensemble.structure_.by_number
    return splits_figure(split_table(splits, p_values), len(np.unique(ensemble.labels_)))


def _draw_signal(ensemble: SOMEnsemble, points: np.ndarray | None) -> Figure:
    features, names = _plane(ensemble, points)
    return signal_figure(features, names, signal=ensemble.signal_, labels=ensemble.labels_)


def _draw_confidence(ensemble: SOMEnsemble, points: np.ndarray | None) -> Figure:
    features, names = _plane(ensemble, points)
    return confidence_figure(features, names, confidence=ensemble.confidence_)


def _plane(ensemble: SOMEnsemble, points: np.ndarray | None) -> tuple[np.ndarray, list[str]]:
    """Return two features of the points of the fit, and their names."""
    if points is None:
        raise ConfigError("this figure is of points: give X, that of the fit")
    if points.shape != (len(ensemble.labels_), ensemble.n_features_in_):
        raise ConfigError(
            f"X has the shape {points.shape}, but the fit had {len(ensemble.labels_)} points with "
            f"{ensemble.n_features_in_} features; give that X"
        )
    columns = list(most_telling_features(points, ensemble.labels_))
    return points[:, columns], [_names(ensemble)[k] for k in columns]


def _names(estimator: Any) -> list[str]:
    known = getattr(estimator, "feature_names_in_", None)
    if known is None:
        return [f"feature {k}" for k in range(estimator.n_features_in_)]
    return [str(name) for name in known]


def _representative(ensemble: SOMEnsemble) -> SOM:
    """Return the map that votes most often as the consensus does."""
    labels = [som.labels_ for som in ensemble.estimators_]
    agreement = ensemble.ensemble_.agreement(labels, ensemble._chosen["votes"])
    return ensemble.estimators_[int(agreement.argmax())]


def _draw_umatrix(ensemble: SOMEnsemble, points: np.ndarray | None) -> Figure:
    som = _representative(ensemble)
    return umatrix_figure(
        som.u_matrix_,
        som.lattice_,
        basins=som.basins_,
        centroids=som.centroids_,
        node_clusters=som.node_clusters_,
        cluster_centroids=som.cluster_centroids_,
        metric=som.parameters_.metric,
    )


def _draw_component_planes(ensemble: SOMEnsemble, points: np.ndarray | None) -> Figure:
    som = _representative(ensemble)
    shown = np.flatnonzero(~np.isnan(som.weights_).any(axis=0))
    names = [_names(som)[k] for k in shown]
    return component_planes_figure(
        som.weights_[:, shown], names, som.lattice_, node_clusters=som.node_clusters_
    )


def _draw_hits(ensemble: SOMEnsemble, points: np.ndarray | None) -> Figure:
    som = _representative(ensemble)
    return hit_map_figure(som.hits_, som.lattice_, node_clusters=som.node_clusters_)


#: Each takes the ensemble, and the points of the fit where there are some.
FIGURES: dict[str, Callable[[Any, np.ndarray | None], Figure]] = {
    "ranking": _of_files(draw_ranking),
    "similarity": _of_files(draw_similarity),
    "overlap_matrices": _of_files(draw_overlap_matrices),
    "agreement": _draw_agreement,
    "evidence": _draw_evidence,
    "stability": _draw_stability,
    "sufficiency": _draw_sufficiency,
    "splits": _draw_splits,
    "signal": _draw_signal,
    "confidence": _draw_confidence,
    "umatrix": _draw_umatrix,
    "component_planes": _draw_component_planes,
    "hits": _draw_hits,
}
