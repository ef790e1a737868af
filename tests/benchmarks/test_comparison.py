"""The consensus methods that kohorte is compared with, and how the comparison is put together."""

import itertools
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from sklearn.metrics import adjusted_rand_score

from kohorte.ensemble.agreement import adjusted_rand
from kohorte.ensemble.consensus import group_clusters
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.ensemble.significance import gsum
from kohorte.errors import ConfigError, ResultError
from kohorte_benchmarks import consensus as comparison
from kohorte_benchmarks.consensus import (
    accumulate_evidence,
    compare,
    cut_by_oracle,
    markdown_table,
    run_peers,
    weighted_votes,
)
from kohorte_benchmarks.figures.comparison import methods_figure, rules_figure
from kohorte_benchmarks.label_sets import BACKGROUND, CLUSTERERS, DATA_SETS, make_data, make_labels
from kohorte_benchmarks.signal_cuts import cut_at_gaps, cut_best


def same_partition(a, b):
    return adjusted_rand_score(a, b) == 1.0


def test_cut_at_gaps_by_hand():
    signal = np.array([9.0, 1.0, 2.0, 5.0, 9.5, 1.0])  # gaps 1 (1-2), 3 (2-5), 4 (5-9), 0.5
    assert cut_at_gaps(signal, 1).tolist() == [0, 0, 0, 0, 0, 0]
    assert cut_at_gaps(signal, 2).tolist() == [1, 0, 0, 0, 1, 0]
    assert cut_at_gaps(signal, 3).tolist() == [2, 0, 0, 1, 2, 0]
    assert cut_at_gaps(signal, 99).tolist() == [3, 0, 1, 2, 4, 0]


def test_equal_gaps_are_cut_from_below():
    assert cut_at_gaps(np.array([3.0, 1.0, 2.0]), 2).tolist() == [1, 0, 1]


def rand_index(truth, ranges):
    """Adjusted Rand index over the points that are judged."""
    table = np.zeros((3, ranges.max() + 1))
    for c, g in zip(truth, ranges, strict=True):
        if c != BACKGROUND:
            table[c, g] += 1
    return adjusted_rand(table)


def best_index_by_trying_all(signal, truth, n_ranges):
    index = np.unique(signal, return_inverse=True)[1]
    return max(
        rand_index(truth, np.searchsorted(cuts, index, side="right"))
        for n in range(n_ranges)
        for cuts in itertools.combinations(range(1, index.max() + 1), n)
    )


@given(
    points=st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from([BACKGROUND, 0, 1, 2])),
        min_size=2,
        max_size=12,
    ).filter(
        lambda points: any(
            sum(c == other for _, other in points) > 1 for _, c in points if c != BACKGROUND
        )
    ),
    n_ranges=st.integers(1, 4),
)
def test_best_cuts_are_as_good_as_the_best_of_all(points, n_ranges):
    signal, truth = np.array(points)[:, 0].astype(np.float64), np.array(points)[:, 1]
    found = cut_best(signal, truth, n_ranges)
    assert found.max() < n_ranges
    assert (np.diff(found[np.argsort(signal, kind="stable")]) >= 0).all()
    assert rand_index(truth, found) == pytest.approx(
        best_index_by_trying_all(signal, truth, n_ranges)
    )


def test_evidence_accumulation_by_hand():
    # Shares of realizations that join two points: 0-1 and 2-3 all, 1-2 one third, 3-4 none.
    labels = np.array([[0, 0, 1, 1, 2], [0, 0, 0, 0, 1], [5, 5, 7, 7, 9]])
    assert accumulate_evidence(labels, 2).tolist() == [0, 0, 0, 0, 1]
    assert accumulate_evidence(labels, 3).tolist() == [0, 0, 1, 1, 2]
    # The tree joins at heights 0, 0, 2/3 and 1: three groups last longest.
    assert accumulate_evidence(labels).tolist() == [0, 0, 1, 1, 2]


def test_weighted_votes_are_the_largest_stacked_signal_of_a_group():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, size=(5, 40))
    overlaps = count_overlaps(labels)
    groups, weights = group_clusters(overlaps, 3, "jaccard").groups, gsum(overlaps)
    expected = []
    for p in range(40):
        signal = np.zeros(3)
        for r in range(5):
            held = (overlaps.realization == r) & (overlaps.cluster == labels[r, p])
            signal[groups[held]] += weights[held]
        expected.append(int(np.argmax(signal)))
    assert weighted_votes(labels, 3).tolist() == expected


def test_methods_agree_where_all_realizations_agree():
    truth = np.repeat([0, 1, 2], [5, 7, 9])
    labels = np.array([truth, 2 - truth, truth + 4])
    found = [method(labels) for method in comparison.AUTOMATIC.values()]
    found += [method(labels, 3) for method in comparison.KNOWING_THE_NUMBER.values()]
    found.append(cut_by_oracle(labels, truth))
    signal_gaps = list(comparison.AUTOMATIC).index("signal_gaps")
    # All clusters are perfectly significant here: their ranking does not tell their number.
    assert [k for k, x in enumerate(found) if not same_partition(x, truth)] == [signal_gaps]


@pytest.mark.parametrize("name", DATA_SETS)
def test_data_are_scaled_and_follow_from_the_seed(name):
    features, truth = make_data(name, 1)
    assert features.dtype == np.float32
    assert len(features) == len(truth)
    np.testing.assert_allclose(features.std(axis=0), 0.5, rtol=1e-4)
    assert np.unique(truth[truth != BACKGROUND]).tolist() == list(range(truth.max() + 1))
    again, _ = make_data(name, 1)
    other, _ = make_data(name, 2)
    assert np.array_equal(features, again)
    assert np.array_equal(features, other) == (name not in {"blobs", "moons"})


@pytest.mark.parametrize("make", [make_data, lambda name, seed: make_labels(name, None, seed)])
def test_unknown_names_are_refused(make):
    with pytest.raises(ConfigError, match=r"unknown (data set|clusterer) 'no such'; choose one of"):
        make("no such", 0)


@pytest.fixture
def tiny(monkeypatch):
    """A data set of two clouds and a background point, and a clusterer with a few mistakes."""
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=(20, 2)), rng.normal(loc=9.0, size=(10, 2))])
    truth = np.repeat([0, 1], [20, 10])
    truth[0] = BACKGROUND

    def cluster(features, seeds):
        labels = np.tile((features[:, 0] > 0).astype(np.int64), (4, 1))
        labels[1, 5:10] = 2
        return labels

    monkeypatch.setitem(DATA_SETS, "tiny", lambda rng: (values, truth))
    monkeypatch.setitem(CLUSTERERS, "tiny", cluster)


def test_comparison_has_a_row_for_each_method_and_rule(tiny):
    methods, rules = (pd.DataFrame(rows) for rows in compare("tiny", "tiny", 0))
    single = ["single_min", "single_median", "single_max"]
    told = [*comparison.AUTOMATIC, *comparison.KNOWING_THE_NUMBER, "signal_oracle"]
    assert methods["method"].tolist() == single + told
    columns = "data_set clusterer seed method ari ami accuracy n_groups seconds"
    assert methods.columns.tolist() == columns.split()
    assert methods["seconds"].isna().tolist() == [True] * 3 + [False] * len(told)
    by_method = methods.set_index("method")
    assert by_method.loc["single_min", "ari"] < by_method.loc["single_max", "ari"] == 1.0
    assert by_method.loc["consensus_known", "ari"] == 1.0
    assert rules["rule"].tolist() == list(comparison.RULES)
    assert (rules["n_true"] == 2).all()
    assert (rules["n_won"] <= rules["n_groups"]).all()


PEER = """
import sys
import numpy as np

source = np.load(sys.argv[1])
assert source["labels"].shape == (3, 4) and source["n_groups"] == 2 and source["seed"] == 7
print("hgpa failed: ValueError: as it happens")
np.savez(sys.argv[2], methods=["cspa"], seconds=[0.5], labels_cspa=source["labels"][0])
"""


def test_peers_run_in_their_own_interpreter(tmp_path, caplog):
    script = tmp_path / "peer.py"
    script.write_text(PEER)
    labels = np.array([[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]])
    found = run_peers(labels, 2, 7, sys.executable, script)
    assert list(found) == ["cspa"]
    assert found["cspa"][0].tolist() == [0, 0, 1, 1]
    assert found["cspa"][1] == 0.5
    assert "hgpa failed: ValueError: as it happens" in caplog.text


def test_peers_that_fail_or_are_missing_are_errors(tmp_path):
    script = tmp_path / "peer.py"
    script.write_text("raise SystemExit('no such package')")
    labels = np.zeros((2, 3), dtype=np.int64)
    with pytest.raises(ResultError, match="no such package"):
        run_peers(labels, 1, 0, sys.executable, script)
    with pytest.raises(ConfigError, match="build the environment"):
        run_peers(labels, 1, 0, str(tmp_path / "nowhere"), script)


def test_markdown_table_by_hand():
    rows = pd.DataFrame(
        {
            "data_set": ["a", "a", "b", "b"],
            "clusterer": "som",
            "seed": [0, 1, 0, 1],
            "method": "x",
            "ari": [0.2, 0.4, 0.5, 0.5],
        }
    )
    assert markdown_table(rows, "method").splitlines() == [
        "| som: method | a | b | mean |",
        "|---|---|---|---|",
        "| `x` | 0.300 ± 0.141 | 0.500 ± 0.000 | 0.400 |",
    ]


def test_figures_show_every_method_that_has_rows(tiny):
    methods, rules = (pd.DataFrame(rows) for rows in compare("tiny", "tiny", 0))
    figure = methods_figure(methods)
    assert isinstance(figure, Figure)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert "Evidence accumulation" in labels
    assert "MCLA" not in labels
    means = [line for line in figure.axes[0].lines if line.get_marker() not in ("|", "None")]
    assert len(means) == len(methods) - 3
    ticks = [line.get_xdata() for line in figure.axes[0].lines if line.get_marker() == "|"]
    singles = methods["method"].str.startswith("single")
    assert sorted(np.concatenate(ticks)) == sorted(methods.loc[~singles, "ari"])
    assert len(rules_figure(rules).axes) == 2
    for draw in (methods_figure, rules_figure):
        with pytest.raises(ConfigError, match="no rows"):
            draw(methods.head(0))
