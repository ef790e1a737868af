"""Every figure of studies that are as small, as large or as plain as studies can be.

No figure raises or warns, leaves the page, or is of another width than a column's.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
from oracles_figures import text_faults

from kohorte.analysis.choice import choose_settings
from kohorte.analysis.composition import composition_table
from kohorte.analysis.exchange import exchange_table
from kohorte.analysis.profiles import profile_table
from kohorte.analysis.reliability import reliability_table
from kohorte.data.table import Cells
from kohorte.ensemble.consensus import Candidates
from kohorte.figures import style
from kohorte.figures.agreement import agreement_figure, parameter_effects_figure
from kohorte.figures.classes import (
    class_projections_figure,
    classification_figure,
    feature_map_figure,
    node_classes_figure,
    node_difference_figure,
    node_groups_figure,
    projections_figure,
)
from kohorte.figures.comparison import comparison_figure
from kohorte.figures.composition import composition_figure
from kohorte.figures.ensemble import (
    overlap_matrices_figure,
    ranked_gsum_figure,
    similarity_figure,
)
from kohorte.figures.evidence import evidence_figure
from kohorte.figures.exchange import exchange_figure
from kohorte.figures.grids import group_map_figure
from kohorte.figures.maps import component_planes_figure, hit_map_figure, umatrix_figure
from kohorte.figures.marginals import marginals_figure
from kohorte.figures.points import confidence_figure, signal_figure
from kohorte.figures.profiles import profiles_figure
from kohorte.figures.quality import quality_figure
from kohorte.figures.realizations import clusters_figure
from kohorte.figures.reliability import reliability_figure
from kohorte.figures.schedules import schedule_figure
from kohorte.figures.signal_cuts import signal_cuts_figure
from kohorte.figures.splits import splits_figure
from kohorte.figures.stability import stability_figure, sufficiency_figure
from kohorte.figures.sweep import MEASURES, sweep_figure
from kohorte.figures.training import history_figure, snapshots_figure
from kohorte.figures.umatrix_stages import umatrix_contours_figure, umatrix_stages_figure
from kohorte.maps.lattice import Lattice
from kohorte.maps.realization import MapParameters
from kohorte.study.figures import FIGURES


class Study:
    """Arrays as those of a study with so many groups, maps, features and points."""

    def __init__(self, groups=3, maps=8, features=4, points=150, lattice=(12, 8)):
        self.rng = np.random.default_rng(0)
        self.groups, self.maps, self.points = groups, maps, points
        self.names = [f"feature with a name of number {k} (km/s)" for k in range(features)]
        self.labels = np.arange(points) % groups
        self.lattice = Lattice(*lattice)
        self.nodes = self.lattice.n_nodes
        self.winners = self.rng.integers(0, self.nodes, points)
        self.confidence = self.rng.integers(maps // 2, maps + 1, points) / maps
        self.clusters = np.minimum(np.arange(self.nodes) * groups // self.nodes, groups - 1)
        self.of_clusters = np.arange(groups * maps) % groups
        self.plane = self.rng.normal(size=(points, min(features, 2)))
        self.map = {"lattice": self.lattice, "realization": "x12_y8_steps10000_alpha0.5_r1"}

    def values(self, *shape):
        return self.rng.random(shape)

    def table(self):
        rng, n = self.rng, self.maps
        table = pd.DataFrame(
            {"id": [f"r{k}" for k in range(n)], "alpha": np.arange(n) % 3 / 4 + 0.1}
        )
        fixed = {"xdim": 9, "ydim": 5, "trainer": "online", "metric": "euclidean", "steps": 1000}
        fixed |= {"epochs": None, "learning_rate": "decay", "patience": None, "method": "basins"}
        return table.assign(**fixed, qe=rng.random(n) + 0.1, te=rng.random(n) / 10)

    def looks(self):
        return [(style.palette_colour(k), style.palette_marker(k)) for k in range(self.groups)]


def draw_confidence(s):
    nodes = np.bincount(s.winners, s.confidence, s.nodes) / np.maximum(
        np.bincount(s.winners, minlength=s.nodes), 1
    )
    of_map = {"node_confidence": nodes, **s.map}
    return confidence_figure(s.plane, s.names[:2], confidence=s.confidence, **of_map)


def draw_signal(s):
    known = {"truth": s.labels, "class_names": [f"class {k}" for k in range(s.groups)]}
    known["matching"] = np.arange(s.groups)
    signal = 1.0 + s.labels
    return signal_figure(s.plane, s.names[:2], signal=signal, labels=s.labels, **known)


def draw_signal_cuts(s):
    known = {"labels": s.labels, "label_names": [f"group {k}" for k in range(s.groups)]}
    signal = 1.0 + np.arange(s.points) % 50
    return signal_cuts_figure(s.plane, s.names[:2], signal=signal, cuts=[2.5, 30.0], **known)


def draw_exchange(s):
    second = np.where(np.arange(s.points) % 3 == 0, (s.labels + 1) % s.groups, -1)
    share = np.where(second >= 0, 0.25, 0.0)
    return exchange_figure(exchange_table(s.labels, second, s.confidence, share))


def draw_umatrix(s):
    centroids = np.array([np.flatnonzero(s.clusters == k)[0] for k in np.unique(s.clusters)])
    known = {"basins": s.clusters, "centroids": centroids, "node_clusters": s.clusters}
    return umatrix_figure(s.values(s.nodes), **known, cluster_centroids=centroids, **s.map)


def draw_contours(s):
    centroids = np.array([np.flatnonzero(s.clusters == k)[0] for k in np.unique(s.clusters)])
    known = {"node_clusters": s.clusters, "centroids": centroids, "cluster_centroids": centroids}
    return umatrix_contours_figure(s.values(s.nodes), **known, **s.map)


def draw_hits(s):
    counts = np.zeros((s.nodes, s.groups), int)
    np.add.at(counts, (s.winners, s.labels), 1)
    known = {"class_counts": counts, "class_names": [f"class {k}" for k in range(s.groups)]}
    return hit_map_figure(counts.sum(axis=1), node_clusters=s.clusters, **known, **s.map)


def draw_nodes(figure, s):
    counts = np.zeros((s.nodes, s.groups), int)
    np.add.at(counts, (s.winners, s.labels), 1)
    return figure(counts, s)


def draw_projections(figure, s):
    shown = min(s.groups, 16)
    names = [f"class {k}" for k in range(shown)]
    return figure(s.winners, s.labels % shown, names, s.values(s.nodes), **s.map)


def draw_similarity(s):
    n = len(s.of_clusters)
    same = s.of_clusters[:, None] == s.of_clusters
    order = np.argsort(s.of_clusters, kind="stable")
    linkage = None
    if n > 1:
        linkage = np.array(
            [[0 if k == 0 else n + k - 1, k + 1, 0.5, k + 2] for k in range(n - 1)], float
        )
        linkage[:, 2] = np.linspace(0.1, 0.9, n - 1)
    return similarity_figure(
        (0.9 * same)[np.ix_(order, order)], linkage=linkage, groups=s.of_clusters[order]
    )


def draw_ranking(s):
    ranked = np.sort(s.values(len(s.of_clusters)) + 1)[::-1]
    slope = np.gradient(ranked) if len(ranked) > 1 else np.zeros(1)
    edges = np.unique([0, len(ranked) // 2, len(ranked)])
    return ranked_gsum_figure(
        ranked, smoothed=ranked, derivative=slope, boundaries=edges, threshold=-0.015
    )


def draw_sufficiency(s):
    sizes = np.arange(1, max(s.maps // 2, 1) + 1)
    mean = 1 - 0.3 / sizes
    known = {"target": 0.95, "answer": int(sizes[-1]), "extrapolated": (s.maps, 0.97)}
    return sufficiency_figure(sizes, mean, mean - 0.1, np.minimum(mean + 0.1, 1), **known)


def draw_evidence(s):
    n = np.arange(1, s.groups + 1)
    score = np.linspace(0.2, 1, s.groups)
    rows = dict.fromkeys(("lift", "next_lift", "separation", "support", "score"), score)
    return evidence_figure(Candidates(level=np.zeros(s.groups, int), n_groups=n, **rows), s.groups)


def draw_splits(s):
    rows, most = [(1, 0, np.nan, s.points, 0)], min(s.groups, 12)
    for n in range(2, most + 1):
        rows += [(n, g, max(g - 1, 0), s.points / n, g) for g in range(n)]
    table = pd.DataFrame(rows, columns=["groups", "group", "parent", "points", "final"])
    return splits_figure(table, most)


def draw_profiles(form, s):
    features = s.rng.normal(size=(min(s.points, 200), len(s.names)))
    labels = s.labels[: len(features)]
    return profiles_figure(profile_table(features, s.names, labels), form)


def draw_quality(s):
    table = s.table()
    settings = choose_settings(table, ["alpha"]).settings
    styles = {"colour_by": table["alpha"].tolist(), "colour_name": "alpha"}
    return quality_figure(table["qe"], table["te"], settings=settings, highlight=0, **styles)


def draw_history(s):
    steps = np.arange(0, 101, 10)
    one = {"step": steps, "quantization_error": 1 / (steps + 1), "radius": 9.0 - steps / 20}
    one["topographic_error"] = np.exp(-steps / 9)
    return history_figure(
        [one] * s.maps, colour_by=np.arange(s.maps), colour_name="alpha", highlight=0
    )


def draw_snapshots(s):
    weights = s.rng.normal(size=(3, s.nodes, len(s.names)))
    points = s.rng.normal(size=(min(s.points, 30_000), len(s.names)))
    return snapshots_figure(np.arange(3), weights, points, **s.map)


def draw_sweep(s):
    table = pd.DataFrame({"alpha": np.arange(s.maps) / 10 + 0.1})
    for name in MEASURES:
        table[name] = s.values(s.maps)
    return sweep_figure(table.assign(recommended=table.index == 0), ["alpha"])


def draw_effects(s):
    rows = [(f"parameter_{k}", 1, 1, 0.5, 0.6, 0.5, 0.01, -0.1, 0.1) for k in range(s.maps % 10)]
    columns = ["parameter", "first", "second", "agreement", "within", "between", "p_value"]
    return parameter_effects_figure(
        pd.DataFrame(rows, columns=[*columns, "chance_low", "chance_high"])
    )


def draw_stability(s):
    gsum = np.sort(s.values(len(s.of_clusters)))[::-1]
    return stability_figure(gsum, 0.9 * gsum, 1.1 * gsum, groups=s.of_clusters)


def draw_composition(s):
    sample = np.arange(s.points) % min(s.points, 90)
    return composition_figure(composition_table({"sample": sample.astype(str)}, s.labels, s.groups))


def draw_classification(s):
    rows = [
        ("map_neighbours", "euclidean", k, "test", 0.9 - 0.01 * m)
        for k in (1, 3)
        for m in range(s.maps)
    ]
    rows += [("group_class", None, np.nan, "test", 0.8)]
    columns = ["method", "metric", "neighbours", "points", "accuracy"]
    return classification_figure(pd.DataFrame(rows, columns=columns))


def draw_comparison(s):
    groups = np.arange(s.groups)
    return comparison_figure(
        np.diag(groups + 1), groups, groups, groups.astype(float), study="a", other="b"
    )


FORMS = {
    "umatrix": draw_umatrix,
    "component_planes": lambda s: component_planes_figure(
        s.values(s.nodes, len(s.names)), s.names, node_clusters=s.clusters, **s.map
    ),
    "marginals": lambda s: marginals_figure(
        s.values(s.points, len(s.names)),
        s.values(s.nodes, len(s.names)),
        s.names,
        gaps=s.values(len(s.names)),
        realization=s.map["realization"],
    ),
    "hits": draw_hits,
    "snapshots": draw_snapshots,
    "quality": draw_quality,
    "history": draw_history,
    "clusters": lambda s: clusters_figure(np.arange(s.maps) % 5 + 2, {"alpha": np.arange(s.maps)}),
    "agreement": lambda s: agreement_figure(
        0.5 + 0.5 * np.eye(s.maps), {"alpha": np.arange(s.maps)}
    ),
    "effects": draw_effects,
    "sweep": draw_sweep,
    "ranking": draw_ranking,
    "stability": draw_stability,
    "similarity": draw_similarity,
    "evidence": draw_evidence,
    "sufficiency": draw_sufficiency,
    "splits": draw_splits,
    "profiles": lambda s: draw_profiles("clustered", s),
    "profiles, lines": lambda s: draw_profiles("lines", s),
    "signal": draw_signal,
    "confidence": draw_confidence,
    "signal_cuts": draw_signal_cuts,
    "exchange": draw_exchange,
    "composition": draw_composition,
    "reliability": lambda s: reliability_figure(
        reliability_table(s.labels, s.confidence, s.labels)
    ),
    "node_groups": lambda s: draw_nodes(lambda c, s: node_groups_figure(c, **s.map), s),
    "node_classes": lambda s: draw_nodes(
        lambda c, s: node_classes_figure(
            c[:, :16], [f"class {k}" for k in range(min(s.groups, 16))], **s.map
        ),
        s,
    ),
    "node_difference": lambda s: node_difference_figure(s.values(s.nodes), **s.map),
    "feature_map": lambda s: feature_map_figure(s.values(s.nodes), s.names[0], **s.map),
    "projections": lambda s: draw_projections(projections_figure, s),
    "class_projections": lambda s: draw_projections(class_projections_figure, s),
    "classification": draw_classification,
    "schedule": lambda s: schedule_figure(
        [MapParameters(xdim=6, ydim=4, steps=50)] * s.maps, n_points=s.points
    ),
    "overlap_matrices": lambda s: overlap_matrices_figure(
        *(s.values(3, len(s.of_clusters), len(s.of_clusters))), order="in some order"
    ),
    "umatrix_contours": draw_contours,
    "umatrix_stages": lambda s: umatrix_stages_figure(
        np.arange(6), s.values(6, s.nodes), node_clusters=[s.clusters] * 6, **s.map
    ),
    "comparison": draw_comparison,
    "group_map": lambda s: group_map_figure(
        s.labels, np.arange(s.points), Cells((1, s.points)), s.confidence
    ),
}
STUDIES = {
    "one group": {"groups": 1},
    "one map": {"maps": 1},
    "one feature": {"features": 1},
    "forty groups": {"groups": 40},
    "500 features": {"features": 500},
    "three points": {"points": 3, "groups": 2, "maps": 2, "lattice": (2, 1)},
    "a million points": {"points": 1_000_000, "groups": 5},
}


def test_every_figure_of_the_core_is_among_these():
    assert {figure.name for figure in FIGURES} <= set(FORMS)


@pytest.mark.parametrize("study", STUDIES)
def test_figures_of_odd_studies_are_on_their_page(study):
    arrays = Study(**STUDIES[study])
    columns = (style.SINGLE_COLUMN, style.MIDDLE_COLUMN, style.DOUBLE_COLUMN)
    for name, draw in FORMS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figure = draw(arrays)
            faults = text_faults(figure)
        assert not faults, (name, faults)
        for part in [*figure.axes, *figure.legends]:
            box = part.get_window_extent()
            assert box.x0 > -2, name
            assert box.y0 > -2, name
            assert box.x1 < figure.bbox.x1 + 2, name
            assert box.y1 < figure.bbox.y1 + 2, name
        assert figure.get_figwidth() in columns, name
        assert figure.get_figheight() <= style.PAGE_HEIGHT + 1e-9, name
