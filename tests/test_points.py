"""Numbers for each point: second choice, doubt, novelty, outliers, reliability of confidence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kohorte import store
from kohorte.analysis.reliability import calibration_error, reliability, reliability_table
from kohorte.ensemble.combination import combine
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.ensemble.points import join_labels, stream_points
from kohorte.ensemble.votes import VOTES, in_doubt
from kohorte.errors import DataError
from kohorte.maps.novelty import outlier_threshold, sample_novelty


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), votes=st.sampled_from(sorted(VOTES)), n_groups=st.integers(1, 9)
)
def test_second_choice_is_the_best_of_the_others(seed, votes, n_groups):
    rng = np.random.default_rng(seed)
    labels = [rng.integers(-1, n_groups, 40) for _ in range(4)]
    labels[0][: n_groups + 1] = np.arange(n_groups + 1) % n_groups
    overlaps = count_overlaps(labels, noise=-1)
    weights = rng.integers(1, 4, overlaps.n_clusters).astype(float)
    found = join_labels(
        stream_points(labels, overlaps, weights, overlaps.cluster, weighted=VOTES[votes], threads=1)
    )
    place = {(r, c): k for k, (r, c) in enumerate(zip(overlaps.realization, overlaps.cluster))}  # noqa: B905
    for p in range(40):
        tally = np.zeros(int(overlaps.cluster.max()) + 1)
        for r, own in enumerate(labels):
            if own[p] >= 0:
                tally[own[p]] += weights[place[r, own[p]]] if VOTES[votes] else 1
        order = np.argsort(-tally, kind="stable")
        first = order[0] if tally.any() else -1
        second = order[1] if len(order) > 1 and tally[order[1]] > 0 else -1
        assert (found.groups[p], found.second[p]) == (first, second)
        share = tally[second] / tally.sum() if second >= 0 else 0.0
        assert found.second_share[p] == pytest.approx(share)


def test_doubt_by_hand():
    confidence = np.array([1, 0.5, 0.49, 2 / 3, 0.6, 0.0], dtype=np.float32)
    second = np.array([0, 0.2, 0.1, 1 / 3, 0.4, 0.0], dtype=np.float32)
    assert in_doubt(confidence, second).tolist() == [False, False, True, False, True, True]


def test_mean_agreement_with_the_consensus_is_mean_confidence(tmp_path):
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 30)
    labels = [np.where(rng.random(90) < 0.1 * k, rng.integers(0, 3, 90), truth) for k in range(5)]
    found = combine(count_overlaps(labels))
    agreement = found.agreement(labels)
    assert agreement.mean() == pytest.approx(found.label(labels).confidence.mean())
    options = {"identical": "resolved", "votes": "equal"}
    store.write_ensemble(tmp_path / "e.h5", found, labels, ids=list("abcde"), options=options)
    stored = store.read_ensemble(tmp_path / "e.h5", points=True)
    np.testing.assert_array_equal(stored.realizations.with_consensus, agreement)
    assert stored.realizations.representative == "abcde"[agreement.argmax()]
    # Label files have no maps, and so no novelty.
    assert "novelty" not in stored.points.arrays
    assert (stored.points.outliers, stored.points.outlier_threshold) == (None, None)
    doubtful = in_doubt(stored.points.confidence, stored.points.second_share)
    assert stored.points.doubtful == doubtful.sum() > 0


def test_points_that_are_left_out_do_not_count_for_agreement():
    labels = [[0, 0, 1, 1, -1], [0, 0, 1, 1, 1], [0, 0, 1, 0, 1]]
    labels = [np.array(own) for own in labels]
    found = combine(count_overlaps(labels, noise=-1), groups=2)
    assert found.agreement(labels).tolist() == [1.0, 1.0, 0.8]


def test_outliers_are_told_from_the_tail_of_a_distribution():
    rng = np.random.default_rng(0)
    for values in (
        np.linalg.norm(rng.normal(size=(5000, 3)), axis=1),
        rng.exponential(size=5000),
        np.abs(rng.standard_t(3, size=5000)),
    ):
        novelty = values / values.mean()
        assert np.mean(novelty > outlier_threshold(novelty)) < 0.02
        planted = np.append(novelty, [30.0] * 8)
        assert (planted[-8:] > outlier_threshold(planted)).all()
    normal = np.full(50, 0.1)
    assert not (normal > outlier_threshold(normal)).any()
    assert outlier_threshold(np.array([np.inf, np.nan])) == np.inf


def test_the_threshold_is_in_the_units_of_novelty():
    values = np.random.default_rng(1).gamma(3, size=999)
    assert outlier_threshold(7 * values) == pytest.approx(7 * outlier_threshold(values))


def test_a_sample_of_slabs_is_that_of_the_whole(monkeypatch):
    monkeypatch.setattr("kohorte.maps.novelty._SAMPLE", 7)
    values = np.arange(50.0)
    whole = sample_novelty(values)
    assert whole.tolist() == [0, 8, 16, 24, 32, 40, 48]
    slabs = [sample_novelty(values[a : a + 11], a, 50) for a in range(0, 50, 11)]
    np.testing.assert_array_equal(np.concatenate(slabs), whole)


def test_reliability_by_hand():
    confidence = np.array([0.0, 0.5, 0.6, 0.6, 1.0, 1.0], dtype=np.float32)
    table = reliability(confidence, np.array([0, 1, 1, 0, 1, 1]), bins=5)
    assert table["points"].tolist() == [1, 0, 3, 0, 2]
    assert table["high"].tolist() == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert table["confidence"][2] == pytest.approx(1.7 / 3)
    assert table["accuracy"][2] == pytest.approx(2 / 3)
    assert table["accuracy"].isna().tolist() == [False, True, False, True, False]
    assert calibration_error(table) == pytest.approx(3 / 6 * 0.1)
    with pytest.raises(DataError, match="between 0 and 1"):
        reliability(np.array([1.5]), np.array([True]))
    with pytest.raises(DataError, match="2 confidences"):
        reliability(np.array([0.5, 0.5]), np.array([True]))


def test_points_are_right_in_the_group_of_their_class():
    labels = np.array([1, 1, 0, 0, 2, -1])
    truth = np.array([5, 5, 7, 5, 7, 7])
    table = reliability_table(labels, np.array([1, 1, 0.5, 0.5, 0.9, 0.0]), truth)
    right = (table["points"] * table["accuracy"]).sum()
    assert (table["points"].sum(), right) == (5, 3)
    assert reliability_table(labels, labels, None).empty
    assert np.isnan(calibration_error(reliability_table(labels[-1:], labels[-1:], truth[-1:])))
