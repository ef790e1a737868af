"""Comparison of two studies: hand-worked tables, rows in common, sources, and the workflow."""

import numpy as np
import oracles_figures as page
import pandas as pd
import pytest
from workflow_project import TINY, Project, write_points

from kohorte import store
from kohorte.analysis import compare_studies
from kohorte.analysis.comparison import compare_groups
from kohorte.data.prepared import prepare_data
from kohorte.ensemble.combination import combine
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.errors import DataError, ResultError
from kohorte.figures.comparison import comparison_figure


def compare(groups, other):
    groups, other = np.array(groups), np.array(other)
    n = len(groups)
    return compare_groups(np.arange(n) * 10, groups, other, np.full(n, 0.9), np.full(n, 0.4))


def test_a_case_worked_by_hand():
    found = compare([0, 0, 0, 0, 1, 1, 1, 2], [1, 1, 1, 0, 0, 0, 1, 1])
    table = found.cross_table
    assert table.columns.tolist() == ["group", "match", "0", "1"]
    assert table[["group", "0", "1"]].to_numpy().tolist() == [[0, 1, 3], [1, 2, 1], [2, 0, 1]]
    # 0 with 1 and 1 with 0 share 5 points; 2 is left over.
    assert table["match"].tolist()[:2] == [1, 0]
    assert table["match"].isna().tolist() == [False, False, True]
    scores = found.scores.iloc[0]
    assert (scores["points"], scores["groups"], scores["other_groups"]) == (8, 3, 2)
    assert scores["moved"] == 3 / 8
    # Pairs in both: 3 + 1 = 4; within groups 6 + 3 = 9, within the others 3 + 10 = 13; of 28.
    expected = 9 * 13 / 28
    assert scores["ari"] == pytest.approx((4 - expected) / (11 - expected))
    assert found.moved["row"].tolist() == [30, 60, 70]
    assert found.moved["group"].tolist() == [0, 1, 2]
    assert found.moved["other_group"].tolist() == [0, 1, 1]
    assert found.moved["confidence"].tolist() == [0.9] * 3
    assert found.moved["other_confidence"].tolist() == [0.4] * 3


def test_mutual_information_of_independent_and_of_equal_groups():
    apart = compare([0, 0, 1, 1], [0, 1, 0, 1]).scores.iloc[0]
    assert apart["nmi"] == pytest.approx(0)
    assert apart["moved"] == 0.5
    same = compare([0, 0, 1, 1], [5, 5, 2, 2])
    assert same.scores.loc[0, ["ari", "ami", "nmi", "moved"]].tolist() == pytest.approx(
        [1, 1, 1, 0]
    )
    assert same.cross_table["match"].tolist() == [5, 2]
    assert same.moved.empty


def test_points_in_no_group_match_each_other_alone():
    found = compare([-1, -1, -1, 0, 0], [-1, 0, 0, 0, 1])
    assert found.cross_table["group"].tolist() == [-1, 0]
    assert found.cross_table["match"].tolist() == [-1, 0]
    assert found.scores.loc[0, "groups"] == 1
    assert found.moved["row"].tolist() == [10, 20, 40]
    nowhere = compare([-1, -1], [0, 0])
    assert nowhere.cross_table["match"].isna().all()
    assert nowhere.scores.loc[0, "moved"] == 1


def test_groups_without_a_point_in_common_are_not_matched():
    found = compare([0, 0, 1], [0, 1, 0])
    assert found.cross_table["match"].tolist() == [1, 0]
    found = compare([0, 0, 0, 1], [0, 0, 1, 0])
    assert found.cross_table["match"].fillna(-9).tolist() == [0, -9]
    assert found.moved["row"].tolist() == [20, 30]


def test_a_list_of_moved_points_that_is_too_long_is_left_out(monkeypatch):
    monkeypatch.setattr("kohorte.analysis.comparison.MAX_ROWS", 2)
    found = compare([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 0])
    assert len(found.moved) == 2
    found = compare([0, 0, 0, 0, 0, 0], [0, 1, 2, 0, 1, 2])
    assert found.moved.empty
    assert found.moved.columns[0] == "row"


@pytest.fixture
def write_study(tmp_path):
    """A function that writes what is compared of a study: its table and its ensemble."""
    table = tmp_path / "points.csv"
    write_points(table)
    defaults = {"source": str(table), "scaling": "two_sigma", "stride": 1, "sample": None}
    defaults |= {"features": None, "label": "kind", "delimiter": ",", "missing": "error"}
    defaults |= {"feature_dataset": None, "names_dataset": None, "generate": {}, "shape": None}
    defaults |= {"constant_features": "error", "weights": {}}
    kinds = np.repeat([0, 1, 2], 30)

    def write(name, labels=None, seed=0, has_table=True, **options):
        folder = tmp_path / name
        rows = np.arange(90)
        if has_table:
            data = prepare_data(defaults | options, seed=seed)
            store.write_data(folder / "data.h5", data)
            rows = data.rows
        labels = kinds[rows] if labels is None else labels
        ensemble = combine(count_overlaps([labels, labels.copy()]), groups=len(set(labels)))
        how = {"identical": "resolved", "threshold": -0.02, "groups": 3, "votes": "equal"}
        both = [labels, labels.copy()]
        store.write_ensemble(
            folder / "ensemble.h5", ensemble, both, ids=["a", "b"], options=how, threads=1
        )
        return folder

    return write


def test_rows_that_both_have_are_compared(write_study):
    one = write_study("one", stride=2)
    labels = np.repeat([0, 1, 1], 10)  # of every third row
    other = write_study("other", labels, stride=3, scaling="min_max", features=["age", "girth"])
    found = compare_studies(one, other)
    scores = found.scores.iloc[0]
    assert scores[["study", "other"]].tolist() == ["one", "other"]
    assert scores[["study_points", "other_points", "points"]].tolist() == [45, 30, 15]
    # Of rows 0, 6, ..., 84 five are of each kind; two kinds are one group there.
    assert sorted(found.cross_table[["0", "1"]].to_numpy().tolist()) == [[0, 5], [5, 0], [5, 0]]
    assert scores["moved"] == pytest.approx(1 / 3)
    assert (found.moved["row"] % 6 == 0).all()
    mirrored = compare_studies(other, one)
    assert mirrored.scores.loc[0, "ari"] == pytest.approx(scores["ari"])


def test_the_order_of_sampled_rows_does_not_matter(write_study):
    one, other = write_study("one", sample=40, seed=1), write_study("other", sample=60, seed=2)
    found = compare_studies(one, other)
    rows = [store.read_data(folder / "data.h5").rows for folder in (one, other)]
    assert found.scores.loc[0, "points"] == len(set(rows[0]) & set(rows[1])) > 0
    assert found.scores.loc[0, "ari"] == 1
    assert found.moved.empty


def test_studies_of_different_sources_are_refused(write_study, tmp_path):
    one = write_study("one")
    write_points(tmp_path / "new.csv", seed=1)
    other = write_study("other", source=str(tmp_path / "new.csv"), scaling="none")
    with pytest.raises(DataError, match=r"of different sources: 'height' of row 0 is .* in one"):
        compare_studies(one, other)
    # A single value is enough, and rows that are not compared do not count.
    table = pd.read_csv(tmp_path / "points.csv")
    table.loc[[41, 42], "girth"] += 0.01
    table.to_csv(tmp_path / "changed.csv", index=False)
    changed = write_study("changed", source=str(tmp_path / "changed.csv"), stride=2)
    with pytest.raises(DataError, match=r"'girth' of row 42 is "):
        compare_studies(one, changed)
    table.loc[42, "girth"] -= 0.01
    table.to_csv(tmp_path / "changed.csv", index=False)
    changed = write_study("changed", source=str(tmp_path / "changed.csv"), stride=2)
    assert compare_studies(one, changed).scores.loc[0, "points"] == 45


def test_missing_values_are_the_same_where_both_miss_them(write_study, tmp_path):
    table = pd.read_csv(tmp_path / "points.csv")
    table.loc[5, "age"] = np.nan
    table.to_csv(tmp_path / "holes.csv", index=False)
    how = {"source": str(tmp_path / "holes.csv"), "missing": "skip"}
    one, other = write_study("one", **how), write_study("other", **how, scaling="min_max")
    assert compare_studies(one, other).scores.loc[0, "points"] == 90
    with pytest.raises(DataError, match="'age' of row 5 is nan in one"):
        compare_studies(one, write_study("whole", scaling="min_max"))


def test_labels_without_a_table(write_study):
    kinds = np.repeat([0, 1, 2], 30)
    files = write_study("files", kinds, has_table=False)
    assert compare_studies(files, write_study("half", stride=2)).scores.loc[0, "points"] == 45
    short = write_study("short", kinds[:60], has_table=False)
    with pytest.raises(
        DataError, match=r"labels of .*short are of 60 points, but .*files has row 89"
    ):
        compare_studies(files, short)
    with pytest.raises(
        DataError, match=r"labels of .*short are of 60 points, but .*half has row 88"
    ):
        compare_studies(write_study("half", stride=2), short)


def test_what_cannot_be_compared(write_study, tmp_path):
    one = write_study("one", sample=3, seed=1)
    rows = set(store.read_data(one / "data.h5").rows)
    seed = next(
        seed
        for seed in range(100)
        if not rows & set(store.read_data(write_study("b", sample=3, seed=seed) / "data.h5").rows)
    )
    with pytest.raises(DataError, match="no row of the source in common"):
        compare_studies(one, write_study("b", sample=3, seed=seed))
    with pytest.raises(ResultError, match="nowhere"):
        compare_studies(one, tmp_path / "nowhere")


@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 2), (2, 9), (14, 14), (40, 25)])
def test_the_figure_is_readable(n, m):
    rng = np.random.default_rng(n)
    table = rng.integers(0, 10 ** rng.integers(1, 7, (n, m)))
    match = np.full(n, np.nan)
    match[: min(n, m)] = np.arange(min(n, m))
    figure = comparison_figure(
        table, np.arange(n), np.arange(m), match, study="iris", other="a rather long name of one",
        note="150 points in both\nARI 0.912, AMI 0.900, 3.3 % moved",
    )  # fmt: skip
    assert "150 points in both" in page.readable(figure)


def test_matched_groups_are_on_the_diagonal():
    table = np.array([[0, 2, 7], [0, 1, 0], [9, 0, 1]])
    match = np.array([2.0, np.nan, 0.0])
    figure = comparison_figure(table, np.arange(3), np.arange(3), match, study="one", other="other")
    axes = figure.axes[0]
    shown = axes.images[0].get_array()
    # By points: 2 with 0, then 0 with 2, then what is left.
    np.testing.assert_allclose(shown, [[0.9, 0.1, 0], [0, 7 / 9, 2 / 9], [0, 0, 1]])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["2", "0", "1"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "2", "1"]


@pytest.mark.workflow
@pytest.mark.xdist_group("workflow")
def test_the_workflow_compares_and_leaves_the_study_alone(root, tmp_path):
    config = {**TINY, "lattice": {"xdim": 6, "ydim": 5}, "ensemble": {"groups": 3}}
    project = Project(root, tmp_path / "a study", config)
    write_points(project.directory / "points of mine.csv")
    other = {**config, "study": "other", "data": {**TINY["data"], "stride": 2, "scaling": "robust"}}
    project.configure(other)
    project.run("results/other/ensemble.h5")
    project.configure(config)
    compared = ("compare_studies", "--config", "comparison={with: results/other}")
    project.run(*compared)
    folder = project.results / "comparison" / "other"
    names = {"cross_table.csv", "scores.csv", "moved.csv", "comparison.pdf", "comparison.png"}
    assert {path.name for path in folder.iterdir()} - {".comparison.json"} == names
    scores = pd.read_csv(folder / "scores.csv").iloc[0]
    assert scores[["study", "other"]].tolist() == ["tiny", "other"]
    assert scores[["study_points", "other_points", "points"]].tolist() == [90, 45, 45]
    assert len(pd.read_csv(folder / "moved.csv")) == round(45 * scores["moved"])
    log = project.results / "logs" / "compare_groups" / "other.log"
    assert "45 points are in both: of 90 in tiny, of 45 in other" in log.read_text()

    # A study that is compared has nothing else to do, and lists none of it.
    assert project.pending(*compared) == {}
    project.run()
    assert project.pending() == {}
    assert "comparison" not in (project.results / "MANIFEST").read_text()
    project.run("verify")
    # The study's own number of groups is one of those that splits tell of.
    splits = pd.read_csv(project.results / "tables" / "splits.csv").query("groups == 3")
    points = pd.read_csv(project.results / "tables" / "groups.csv")["points"]
    assert splits.groupby("group")["points"].sum().tolist() == points.tolist()
    assert splits["final"].tolist() == splits["group"].tolist()

    says = ["comparison.with, as in --config"]
    project.stop("--dry-run", "compare_studies", says=says)
    bad = ("compare_studies", "--dry-run", "--config", "comparison={with: ..}")
    project.stop(*bad, says=["comparison.with: name the folder of a study"])
    write_points(project.directory / "points of mine.csv", seed=1)
    project.configure({**config, "study": "third"})
    project.stop(*compared, says=["results/third and results/other are of different sources"])
