"""The tables of a study from plain results: labels, counts and what an ensemble found in them."""

import numpy as np
import pandas as pd
import pytest

from kohorte.analysis import tables
from kohorte.analysis.evaluation import evaluate, evaluate_ensemble
from kohorte.analysis.sufficiency import sufficiency_table
from kohorte.analysis.tables import share_interval
from kohorte.ensemble.combination import combine
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.ensemble.votes import in_doubt

TRUTH = np.repeat([0, 1, 2], 20)
IDS = [f"map {k}" for k in range(5)]


@pytest.fixture(scope="module")
def labels():
    """Five labellings, each worse than the one before."""
    rng = np.random.default_rng(0)
    changed = [np.arange(60) < 3 * k for k in range(5)]
    return [np.where(rng.permutation(c), rng.integers(0, 3, 60), TRUTH) for c in changed]


@pytest.fixture(scope="module")
def found(labels):
    return combine(count_overlaps(labels))


def test_single_maps_and_consensus_are_scored(labels, found):
    scores = evaluate_ensemble(found, labels, TRUTH, representative=1)
    ari = sorted(evaluate(array, TRUTH).ari for array in labels)
    names = ["single_min", "single_median", "single_max"]
    assert [scores[name].ari for name in names] == [ari[0], ari[2], ari[4]]
    assert scores["representative"].ari == evaluate(labels[1], TRUTH).ari
    consensus = found.label(labels)
    table = tables.evaluation_table(scores).set_index("method")
    assert table.loc["consensus_equal", "ari"] == evaluate(consensus.groups, TRUTH).ari
    assert table["n_groups"].tolist() == [3] * 6
    classes = tables.class_table(scores, ["a", "b", "c"])
    assert classes["class"].tolist() == ["a", "b", "c"] * 6
    assert classes["points"].tolist() == [20] * 18
    assert tables.evaluation_table({}).empty
    assert tables.class_table({}, ()).empty


def test_clusters_by_significance_with_their_intervals(found):
    overlaps, groups = found.overlaps, found.grouping.groups
    known = {"rank": np.argsort(found.order) + 1, "gsum": found.gsum}
    known |= {"sce_group": found.sce_groups, "consensus_group": groups}
    clusters = tables.cluster_table(IDS, overlaps, **known)
    assert clusters["rank"].tolist() == list(range(1, 16))
    assert clusters["gsum"].is_monotonic_decreasing
    assert clusters.groupby("realization")["size"].sum().tolist() == [60] * 5
    stability = tables.stability_table(IDS, overlaps, groups, seed=1, resamples=50)
    same = ["realization", "cluster", "consensus_group", "gsum", "rank"]
    pd.testing.assert_frame_equal(stability[same], clusters[same], check_dtype=False)
    assert (stability["gsum_low"] <= stability["gsum_high"]).all()
    assert (stability["rank_low"] >= 1).all()


def test_groups_and_their_points(labels, found):
    points = found.label(labels)
    groups = tables.group_table(
        found.overlaps,
        found.grouping.groups,
        points.groups,
        points.confidence,
        points.second_share,
    )
    assert groups["points"].sum() == 60
    assert groups["clusters"].sum() == 15
    assert groups["found"].tolist() == [1, 1, 1]
    mean = [points.confidence[points.groups == g].mean() for g in range(3)]
    doubtful = in_doubt(points.confidence, points.second_share)
    assert groups["doubtful"].tolist() == [doubtful[points.groups == g].sum() for g in range(3)]
    assert 0 < groups["doubtful"].sum() < 60
    assert groups["mean_confidence"].to_numpy() == pytest.approx(mean)


def test_a_single_realization_has_neither_intervals_nor_subsets(labels):
    alone = count_overlaps(labels[:1])
    stability = tables.stability_table(["one"], alone, np.arange(3), seed=1)
    assert stability.empty
    assert stability.columns[-1] == "rank_high"
    assert sufficiency_table(labels[:1], alone, seed=1).empty


def test_sizes_that_suffice(labels, found):
    table = sufficiency_table(labels, found.overlaps, seed=1, subsets=10, enough=0.5)
    assert table["realizations"].tolist() == [1, 2, 5]
    assert table["extrapolated"].tolist() == [False, False, True]
    assert table["enough"].sum() == 1
    three = count_overlaps(labels[:3])
    assert sufficiency_table(labels[:3], three, seed=1).empty
    assert not sufficiency_table(labels, found.overlaps, seed=1, enough=1.0)["enough"].any()


def test_effects_of_parameters_and_of_those_that_are_not_set(found):
    parameters = pd.DataFrame({"alpha": [0.1] * 5, "epochs": [10, 10, None, None, None]})
    table = tables.effects_table(found.overlaps, parameters, seed=1)
    assert table["parameter"].unique().tolist() == ["epochs"]
    assert len(table) == 3
    assert table["first"].isna().any()
    assert tables.effects_table(found.overlaps, parameters[[]], seed=1).empty


def test_evidence_is_that_of_the_best_numbers_of_groups(found, labels, monkeypatch):
    evidence = found.grouping.evidence
    table = tables.evidence_table(evidence)
    names = ["level", "n_groups", "lift", "next_lift", "separation", "support", "score"]
    assert table.columns.tolist() == names
    assert table["n_groups"].iloc[0] == found.grouping.n_groups == 3
    assert table["score"].is_monotonic_decreasing
    for name in names:
        assert table[name].tolist() == getattr(evidence, name).tolist()
    monkeypatch.setattr(tables, "MAX_CANDIDATES", 1)
    assert tables.evidence_table(evidence)["n_groups"].tolist() == [3]
    other = combine(count_overlaps(labels), consensus="jaccard").grouping.evidence
    assert other is None
    assert tables.evidence_table(other).columns.tolist() == names
    assert tables.evidence_table(other).empty


def test_files_and_points(found, monkeypatch):
    files = tables.file_table({name: f"{name}.npy" for name in IDS}, found.overlaps)
    assert files["n_clusters"].tolist() == [3] * 5
    points = tables.point_table(range(4), label=np.arange(4))
    assert points["row"].tolist() == [0, 1, 2, 3]
    monkeypatch.setattr("kohorte.analysis.tables.MAX_ROWS", 3)
    points = tables.point_table(range(4), label=np.arange(4))
    assert points.empty
    assert points.columns.tolist() == ["row", "label"]


def test_label_files_of_this_machine_are_named_without_their_folder():
    files = {"a": "/home/me/a.csv", "b": "of mine/b.csv", "c": "~/c.npy"}
    table = tables.file_table(files, count_overlaps([[0, 1, 1], [0, 0, 1], [0, 1, 2]]))
    assert list(table["file"]) == ["a.csv", "of mine/b.csv", "c.npy"]
    assert list(table["n_clusters"]) == [2, 2, 3]


def test_intervals_of_shares():
    """Values of Wilson's interval as published: 10 of 100, and 0 of 10."""
    low, high = share_interval(np.array([0.1, np.nan]), 100)
    assert (low[0], high[0]) == pytest.approx((0.05523, 0.17437), abs=1e-5)
    assert np.isnan([low[1], high[1]]).all()
    low, high = share_interval(np.array([0.0, 1.0]), 10)
    assert low.tolist() == pytest.approx([0.0, 0.72247], abs=1e-5)
    assert high.tolist() == pytest.approx([0.27753, 1.0], abs=1e-5)
