"""Classes of some points, names and samples of points, from tables to figures and a workflow."""

import numpy as np
import oracles_figures as page
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from workflow_project import Project

from kohorte import store
from kohorte.analysis.classification import accuracy_rows, count_classes
from kohorte.analysis.composition import composition_table, cramers_v, read_composition
from kohorte.analysis.evaluation import evaluate
from kohorte.analysis.reliability import reliability_table
from kohorte.analysis.summary import _describe_composition
from kohorte.analysis.tables import notable_table, point_table
from kohorte.data.table import Beside
from kohorte.figures.composition import MAX_SAMPLES, composition_figure
from kohorte.figures.maps import hit_map_figure
from kohorte.figures.points import signal_figure
from kohorte.figures.reliability import reliability_figure
from kohorte.maps.lattice import Lattice


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 2)), min_size=1, max_size=40).filter(
        lambda pairs: any(c >= 0 for _, c in pairs)
    )
)
def test_points_of_unknown_class_are_not_judged(pairs):
    labels, truth = np.array(pairs).T
    known = truth >= 0
    found, expected = evaluate(labels, truth), evaluate(labels[known], truth[known])
    for name in ("ari", "ami", "accuracy"):
        assert getattr(found, name) == getattr(expected, name)
    np.testing.assert_array_equal(found.classes, expected.classes)
    np.testing.assert_array_equal(found.recall, expected.recall)
    np.testing.assert_array_equal(found.clusters, np.unique(labels))
    assert found.confusion.sum() == known.sum()
    text = np.array(["x", "y", "z", None], dtype=object)[truth]
    assert evaluate(labels, text).ari == found.ari
    assert evaluate(labels, np.where(known, truth, np.nan)).ari == found.ari
    confidence = np.linspace(0, 1, len(labels))
    pd.testing.assert_frame_equal(
        reliability_table(labels, confidence, truth),
        reliability_table(labels[known], confidence[known], truth[known]),
    )


def test_points_of_unknown_class_count_in_no_class():
    assert count_classes([0, 0, 1, 1], [1, -1, 0, -1], 2, 2).tolist() == [[0, 1], [1, 0]]
    (row,) = accuracy_rows("m", [np.array([0, 1, 1, 0])], np.array([0, -1, 0, -1]))
    assert row["accuracy"] == 0.5


def test_columns_of_the_table_of_points(monkeypatch):
    beside = Beside(
        {"group": np.array(["a", "b"], dtype=object)},
        {"plot": np.array([1, 2])},
        {"plot": np.array([1, 2]), "row": np.array([7, 8])},
    )
    found = point_table([3, 5], beside, group=np.array([1, 0]), confidence=np.array([1.0, 0.5]))
    assert found.columns.tolist() == ["row", "group_", "plot", "group", "confidence", "row_"]
    assert found.to_numpy()[1].tolist() == [5, "b", 2, 0, 0.5, 8]
    monkeypatch.setattr("kohorte.analysis.tables.MAX_ROWS", 1)
    empty = point_table([3, 5], beside, group=np.array([1, 0]))
    assert (len(empty), empty.columns.tolist()[:2]) == (0, ["row", "group_"])


def test_notable_points():
    points = pd.DataFrame({"row": range(5), "confidence": [1, 0.4, 0.9, 0.7, 0.3]})
    points = points.assign(second_share=[0, 0.3, 0.1, 0.6, 0.2])
    found = notable_table(points)
    assert list(zip(found["row"], found["why"], strict=True)) == [
        (row, "in doubt") for row in (4, 1, 3)
    ]
    points = points.assign(novelty=[9.0, 1, 20, 1, 8], is_outlier=[True, False, True, False, True])
    found = notable_table(points)
    assert found["row"].tolist() == [2, 0, 4, 1, 3]
    assert found["why"].tolist()[:3] == ["foreign", "foreign", "foreign, in doubt"]
    assert notable_table(points.iloc[:0]).empty


class TestComposition:
    def table(self):
        plots = np.array(["P10", "P2", "P2", "", "P10", "P2"], dtype=object)
        return composition_table({"plot": plots}, np.array([0, 1, 1, 0, -1, 0], np.int8), 2)

    def test_by_hand(self, tmp_path):
        found = self.table()
        assert found.columns.tolist()[:2] == ["column", "value"]
        assert found["value"].tolist() == [""] * 3 + ["P2"] * 3 + ["P10"] * 3
        assert found["group"].tolist() == [0, 1, -1] * 3
        assert found["points"].tolist() == [1, 0, 0, 1, 2, 0, 1, 0, 1]
        assert found["share"].tolist()[3:] == [1 / 3, 2 / 3, 0, 1 / 2, 0, 1 / 2]
        assert found["share_of_group"].tolist()[3:] == [1 / 3, 1, 0, 1 / 3, 0, 1]
        store.write_csv(found, tmp_path / "c.csv")
        again = read_composition(tmp_path / "c.csv")
        assert again["value"].tolist() == found["value"].tolist()

    def test_association(self):
        assert cramers_v(np.array([[10, 0], [0, 20]])) == pytest.approx(1)
        assert cramers_v(np.array([[10, 20], [20, 40]])) == 0
        assert np.isnan(cramers_v(np.array([[3, 4], [0, 0]])))
        # Bergsma 2013: phi2 = 4/9, less 1/(n-1); sides 2 - 1/(n-1).
        counts = np.array([[25, 5], [5, 25]])
        expected = np.sqrt((4 / 9 - 1 / 59) / (1 - 1 / 59))
        assert cramers_v(counts) == pytest.approx(expected)

    def test_of_one_group_the_summary_has_no_association(self):
        samples = np.array(["N", "S", "N", "S", "S", "N"], object)
        for n_groups, is_said in ((1, False), (2, True)):
            labels = np.arange(6) % n_groups
            found = composition_table({"site": samples}, labels, n_groups)
            (line,) = _describe_composition(found)
            assert line.startswith("  samples      site: 2 values of 3 to 3 points")
            assert ("association with the groups" in line) is is_said
            assert "nan" not in line

    @pytest.mark.parametrize(("samples", "groups"), [(1, 1), (12, 3), (60, 20), (150, 5)])
    def test_figure_is_readable(self, samples, groups):
        rng = np.random.default_rng(samples)
        plots = np.array([f"plate_{k}_of_2024" for k in rng.integers(0, samples, 4000)], object)
        labels = rng.integers(0, groups, 4000)
        text = page.readable(
            composition_figure(composition_table({"plate": plots}, labels, groups))
        )
        assert ("further groups" in text) == (groups == 20)
        assert (f"{150 - MAX_SAMPLES} with fewer points are not drawn" in text) == (samples == 150)

    def test_figure_of_several_columns(self):
        rng = np.random.default_rng(0)
        columns = {"plate": rng.integers(0, 40, 500), "day": rng.integers(0, 3, 500)}
        text = page.readable(composition_figure(composition_table(columns, np.zeros(500, int), 1)))
        assert "8 with fewer points" in text


def test_figures_show_points_of_unknown_class_apart():
    lattice = Lattice(3, 2)
    counts = np.array([[1, 0], [0, 2], [0, 0], [0, 0], [3, 3], [0, 1]])
    hits = counts.sum(axis=1) + [4, 0, 2, 0, 0, 0]
    names = ["ash", "birch"]
    options = {"class_counts": counts, "class_names": names}
    text = page.readable(
        hit_map_figure(hits, lattice, **options, unknown=hits - counts.sum(axis=1))
    )
    assert "class not known" in text
    text = page.readable(hit_map_figure(hits, lattice, **options, unknown=np.zeros(6, int)))
    assert "class not known" not in text
    truth = np.array([0, 1, -1, -1, 1])
    known = {"truth": truth, "class_names": names, "matching": np.array([0, 1])}
    points = np.arange(10.0).reshape(5, 2)
    labels = np.array([0, 1, 0, 1, 0])
    text = page.readable(signal_figure(points, ["x", "y"], signal=labels, labels=labels, **known))
    assert "not known (2)" in text
    assert "misassigned (1, 33.3 %)" in text


def test_reliability_without_known_classes_is_drawn_empty():
    empty = reliability_table(np.array([0, 1]), np.array([1.0, 0.5]), None)
    assert "no points" in page.readable(reliability_figure(empty))


def test_bins_of_a_few_points_are_hollow():
    confidence = np.append(np.full(12, 0.95), np.full(3, 0.45))
    table = reliability_table(np.zeros(15, int), confidence, np.zeros(15, int))
    figure = reliability_figure(table)
    hollow = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "white"]
    assert [len(line.get_xdata()) for line in hollow] == [1]
    assert "of fewer than 10" in page.readable(figure)


@pytest.mark.workflow
@pytest.mark.xdist_group("workflow")
def test_a_study_with_names_samples_and_some_classes(root, tmp_path):
    config = {
        "study": "trees",
        "recipe": "published",
        "data": {
            "source": "trees.csv",
            "features": ["height", "girth", "age"],
            "id": "tree",
            "group": "plot",
            "label": "kind",
            "carry": "remark",
            "missing": "drop",
            "units": {"height": "m"},
        },
        "lattice": {"xdim": [6, 7], "ydim": 5},
        "training": {"steps": 400},
        "ensemble": {"groups": 3},
    }
    project = Project(root, tmp_path / "a study", config)
    rng = np.random.default_rng(0)
    kinds = np.repeat([0, 1, 2], 30)
    values = 6 * np.eye(3)[kinds] + rng.normal(scale=0.6, size=(90, 3))
    values[4] = 40
    trees = pd.DataFrame(values, columns=["height", "girth", "age"])
    trees.insert(0, "tree", [f"00{k}" for k in range(90)])
    trees = trees.assign(plot=np.arange(90) % 4, remark="", extra=1.0)
    trees["kind"] = np.where(np.arange(90) % 3 > 0, np.array(["x", "y", "z"])[kinds], "NA")
    trees.loc[7, "age"] = np.nan
    trees.to_csv(project.directory / "trees.csv", index=False)
    trees.drop(columns="plot").to_csv(project.directory / "new.csv", index=False)
    project.run("all", "predict", "--config", "prediction={source: new.csv}")

    points = pd.read_csv(project.results / "tables" / "points.csv", dtype={"tree": str})
    names = ["row", "tree", "plot", "group", "confidence"]
    assert points.columns.tolist()[:5] == names
    assert points.columns.tolist()[-2:] == ["class", "remark"]
    assert points["tree"].tolist() == [f"00{k}" for k in range(90) if k != 7]
    evaluation = pd.read_csv(project.results / "tables" / "evaluation.csv")
    n_known = int((np.arange(90) % 3 > 0).sum()) - 1  # one is dropped
    assert set(evaluation["points"]) == {n_known}
    assert set(pd.read_csv(project.results / "tables" / "classes.csv")["class"]) == {"x", "y", "z"}
    composition = pd.read_csv(project.results / "tables" / "composition.csv")
    assert composition["points"].sum() == 89
    notable = pd.read_csv(project.results / "tables" / "notable.csv", dtype={"tree": str})
    assert notable["tree"][0] == "004"
    assert notable["why"][0].startswith("foreign")
    assert (project.results / "figures" / "composition.png").exists()
    summary = (project.results / "summary.txt").read_text()
    for line in (
        "columns left out: extra",
        "1 of 90 rows miss a value; dropped",
        "foreign, with novelty: 004 (",
        "plot: 4 values of 21 to 23 points",
        f"of the {n_known} points whose class is known",
    ):
        assert line in summary

    copy = pd.read_csv(project.results / "labelled" / "trees.csv", dtype=str)
    given = pd.read_csv(project.directory / "trees.csv", dtype=str)
    pd.testing.assert_frame_equal(copy[given.columns], given)
    assert copy["group"].isna().tolist() == [k == 7 for k in range(90)]
    groups = copy["group"].dropna().astype(float).astype(int)
    assert groups.tolist() == points["group"].tolist()

    new = pd.read_csv(project.results / "prediction" / "new.csv", dtype={"tree": str})
    assert new.columns.tolist()[:3] == ["row", "tree", "group"]
    assert new["group"].tolist() == points["group"].tolist()
    project.run("verify")
