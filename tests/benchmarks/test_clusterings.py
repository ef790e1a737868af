"""Clusterings of a suite: the protocol by hand, the methods, and the workflow on a tiny suite."""

import gzip
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import adjusted_rand_score
from workflow_project import TINY, Project, write_points

from kohorte import SOM, SOMEnsemble
from kohorte.data.generated import generate
from kohorte.errors import ConfigError, DataError, ResultError
from kohorte_benchmarks import clusterer_peers as peers
from kohorte_benchmarks import clusterers, null_tables
from kohorte_benchmarks.clustering_tables import (
    battery_means,
    claims_table,
    markdown_table,
    published_rows,
    write_page,
)
from kohorte_benchmarks.clusterings import (
    COLUMNS,
    Answer,
    LabelledSet,
    judge,
    read_set,
    standardize,
)
from kohorte_benchmarks.figures.clusterings import clusterings_figure


def write_lines(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt") as file:
        file.writelines(f"{line}\n" for line in lines)


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """Two sets of clouds in two batteries; the first has two labelings and a point of noise."""
    folder = tmp_path_factory.mktemp("suite of sets")
    rng = np.random.default_rng(0)
    for name, n_clouds in (("near/three", 3), ("far/two", 2)):
        cloud = np.repeat(np.arange(n_clouds), 20)
        points = rng.normal(size=(len(cloud), 2)) + 20 * cloud[:, None] * [1, cloud.max() - 1]
        write_lines(folder / f"{name}.data.gz", ["\t".join(map(str, row)) for row in points])
        write_lines(folder / f"{name}.labels0.gz", cloud + 1)
    cloud = np.repeat([1, 2, 3], 20)
    pairs = np.minimum(cloud, 2)
    write_lines(folder / "near/three.labels1.gz", np.where(np.arange(len(cloud)) == 7, 0, pairs))
    published = "set,one,two\nnear/three,0.5,0.25\nelsewhere/four,1,1\nfar/two,0.75,\n"
    (folder / "published_ari.csv").write_text(published)
    return folder


def read(suite, name):
    return read_set(name, suite / f"{name}.data.gz", sorted(suite.glob(f"{name}.labels*.gz")))


def test_a_set_is_read_with_its_labelings(suite):
    found = read(suite, "near/three")
    assert found.points.shape == (60, 2)
    assert [len(x) for x in found.labelings] == [60, 60]
    assert found.numbers == (3, 2)  # noise is no group
    assert read(suite, "far/two").numbers == (2,)


@pytest.mark.parametrize(
    ("labels", "says"),
    [([1, 2], "2 labels, but"), ([1, -1, 2], "number groups from 1"), ([0, 0, 0], "have a group")],
)
def test_labelings_that_do_not_fit_are_refused(tmp_path, labels, says):
    data, labeling = tmp_path / "a.data.gz", tmp_path / "a.labels0.gz"
    write_lines(data, [1.0, 2.0, 3.0])
    write_lines(labeling, labels)
    with pytest.raises(DataError, match=says):
        read_set("b/a", data, [labeling])
    with pytest.raises(DataError, match=r"expected b/a\.labels0\.gz"):
        read_set("b/a", data, [])


def test_z_scores_without_constant_features():
    found = standardize(np.array([[0.0, 5.0, 1.0], [2.0, 5.0, 1.0], [4.0, 5.0, 4.0]]))
    assert found.shape == (3, 2)
    np.testing.assert_allclose(found[:, 0], [-(1.5**0.5), 0, 1.5**0.5])
    np.testing.assert_allclose(found.std(axis=0), 1)


# Of five points the first labeling judges four, in two groups; the second all five, in three.
FIVE = LabelledSet(
    "b/five", np.zeros((5, 1)), (np.array([1, 1, 2, 2, 0]), np.array([1, 1, 2, 2, 3]))
)


def test_the_protocol_by_hand():
    two = Answer(np.array([7, 7, 7, 4, 4]), 1.0)
    three = Answer(np.array([0, 0, 1, 1, 2]), 2.0)
    rows = judge(FIVE, {"x": {2: two, 3: three, "auto": two}, "y": {"auto": three}})
    assert tuple(rows.columns) == COLUMNS
    assert list(zip(rows["method"], rows["number"], strict=True)) == [
        ("x", "known"),
        ("x", "auto"),
        ("y", "auto"),
    ]
    # known: two groups against the first labeling, three against the second, which is perfect.
    assert rows.loc[0, ["groups", "ari", "seconds"]].tolist() == [3, 1.0, 2.0]
    # auto: 7 7 7 4 against 1 1 2 2 shares 1 pair, of 3 and 2 of 6: (1 - 1) / (2.5 - 1) = 0. Against
    # all five 1 pair, of 4 and 2 of 10: (1 - .8) / (3 - .8) = 1/11.
    assert rows.loc[1, "ari"] == pytest.approx(1 / 11)
    assert rows.loc[1, ["groups", "seconds"]].tolist() == [2, 1.0]
    # The perfect one is perfect by both: the first counts.
    assert rows.loc[2, ["groups", "ari"]].tolist() == [3, 1.0]
    assert rows["p_structure"].isna().all()


def test_a_number_is_compared_with_its_own_labeling():
    """Two groups that are those of the labeling of three do not count for it."""
    two = Answer(np.array([0, 0, 1, 1, 1]), 0.0)
    bad = Answer(np.array([0, 1, 0, 1, 2]), 0.0)
    found = judge(FIVE, {"x": {2: bad, 3: two}}).loc[0, "ari"]
    assert found == pytest.approx(adjusted_rand_score(FIVE.labelings[1], two.labels))
    assert found < 1 == judge(FIVE, {"x": {2: two, 3: bad}}).loc[0, "ari"]


def test_points_in_no_group_are_one_more_and_not_counted():
    found = Answer(np.array([0, 0, -1, -1, -1]), 0.0, 0.25)
    row = judge(FIVE, {"x": {"auto": found}}).iloc[0]
    assert row[["groups", "ari", "p_structure"]].tolist() == [1, 1.0, 0.25]


def test_published_indices_are_taken_along(suite):
    rows = published_rows(suite / "published_ari.csv", ["near/three", "far/two"])
    assert tuple(rows.columns) == COLUMNS
    found = rows[["set", "method", "number", "ari"]].to_numpy().tolist()
    assert found == [
        ["near/three", "published:one", "known", 0.5],
        ["far/two", "published:one", "known", 0.75],
        ["near/three", "published:two", "known", 0.25],
    ]


ROWS = pd.DataFrame(
    [
        ("b/x", "m", "auto", 2, 0.5),
        ("b/x", "published:q", "known", np.nan, 0.1),
        ("b/x", "m", "known", 3, 0.25),
        ("b/y", "m", "known", 3, 0.75),
        ("a/z", "m", "known", 3, 1.0),
    ],
    columns=["set", "method", "number", "groups", "ari"],
).reindex(columns=list(COLUMNS))


def test_means_and_page_by_hand():
    means = battery_means(ROWS)
    assert means.columns.tolist() == ["a", "b", "all", "sets"]
    assert means.loc["known", "m"].tolist() == [1.0, 0.5, pytest.approx(2 / 3), 3]
    assert markdown_table(ROWS).splitlines() == [
        "| number of groups known | a | b | all | sets |",
        "|---|---|---|---|---|",
        "| m | 1.000 | 0.500 | 0.667 | 3 |",
        "| published:q |  | 0.100 | 0.100 | 1 |",
        "",
        "| number of groups auto | a | b | all | sets |",
        "|---|---|---|---|---|",
        "| m |  | 0.500 | 0.500 | 1 |",
    ]
    page = write_page(ROWS, ["Genie, since it is not there"])
    assert "# Clusterings of 3 labelled sets" in page
    assert "Left out: Genie, since it is not there." in page
    assert "| b/x | 0.50 (2) |" in page
    assert "| b/y | 0.75 |  |" in page


def test_figure_shows_sets_means_and_methods():
    figure = clusterings_figure(ROWS)
    assert isinstance(figure, Figure)
    known, auto, _ = figure.axes
    rows = ["b/x", "b/y", "a/z", "mean, a", "mean, b", "mean, all"]
    assert [text.get_text() for text in known.get_yticklabels()] == rows
    assert [text.get_text() for text in known.get_xticklabels()] == ["m", "publ.: q"]
    drawn = known.images[0].get_array()
    np.testing.assert_allclose(drawn[:, 0], [0.25, 0.75, 1, 1, 0.5, 2 / 3])
    assert drawn.mask[:, 1].tolist() == [False, True, True, True, False, False]
    assert len(auto.images) == 1
    with pytest.raises(ConfigError, match="no rows"):
        clusterings_figure(ROWS.head(0))


@pytest.fixture(scope="module")
def three(suite):
    found = read(suite, "near/three")
    return found, standardize(found.points)


def test_maps_are_trained_once_for_all_numbers(three):
    labelled, points = three
    small = {"n_realizations": 10, "random_state": 3, "references": 0}
    found = clusterers.answer_all(SOMEnsemble(SOM(6, 5), **small), points, labelled.numbers)
    assert list(found) == ["auto", 2, 3]
    again = SOMEnsemble(SOM(6, 5), groups=3, **small)
    assert found[3].labels.tolist() == again.fit_predict(points).tolist()
    assert found[3].seconds > found["auto"].seconds > 0


@pytest.mark.parametrize("null", [True, False])
def test_a_p_value_is_that_of_the_fit_where_it_is_asked_for(three, null):
    labelled, points = three
    ensemble = clusterers.default_ensemble(3, null).set_params(n_realizations=10)
    found = clusterers.answer_all(ensemble, points, labelled.numbers)
    p_values = {a.p_structure for a in found.values() if a.p_structure == a.p_structure}
    assert p_values == ({ensemble.structure_.p} if null else set())


def test_the_published_recipe_is_what_it_says(three, monkeypatch):
    seen = []
    monkeypatch.setattr(clusterers, "answer_all", lambda *told: seen.append(told) or {})
    clusterers.run_published(three[1], (2,), 5, True)
    ensemble = seen[0][0]
    assert ensemble.recipe == "published"
    plan = ensemble._plan(SOM(recipe="published"))
    assert len(plan) == 24
    assert {chosen["trainer"] for chosen in plan.values()} == {"online"}


def test_labels_of_k_means_are_combined_by_all_three(three, monkeypatch):
    monkeypatch.setattr(clusterers, "N_RUNS", 20)
    labelled, points = three
    found = clusterers.run_labels(points, labelled.numbers, 0, False)
    assert list(found) == [
        "kohorte labels",
        "evidence accumulation, single",
        "evidence accumulation, average",
    ]
    rows = judge(labelled, found)
    assert len(rows) == 6
    assert (rows[rows["number"] == "known"]["ari"] == 1).all()


def test_other_clusterings(three, monkeypatch):
    labelled, points = three
    rows = judge(labelled, peers.run_common(points, labelled.numbers, 0)).set_index("method")
    trees = [f"{name} linkage" for name in ("Ward", "average", "single")]
    given = ["k-means", "Gaussian mixture", *trees, "spectral"]
    assert rows.index.tolist() == [*given, "HDBSCAN", "HDBSCAN, noise apart"]
    assert rows["number"].tolist() == ["known"] * 6 + ["auto"] * 2
    assert (rows.loc[given, "ari"] == 1).all()
    monkeypatch.setattr(peers, "SPECTRAL_POINTS", 59)
    monkeypatch.setattr(peers, "PAIRED_POINTS", 59)
    fewer = peers.run_common(points, labelled.numbers, 0)
    assert list(fewer) == ["k-means", "Gaussian mixture", "HDBSCAN", "HDBSCAN, noise apart"]


def test_noise_joins_the_nearest_group():
    points = np.array([[0.0], [1.0], [4.0], [9.0], [10.0]])
    found = peers.fill_noise(points, np.array([1, -1, -1, 0, -1]))
    assert found.tolist() == [1, 1, 1, 0, 0]
    assert peers.fill_noise(points, np.full(5, -1)).tolist() == [0] * 5


def test_ambiguity_is_none_where_all_resamples_agree():
    points = np.repeat([[0.0, 0.0], [50.0, 0.0]], 10, axis=0)
    points += np.random.default_rng(0).normal(size=points.shape)
    found = peers.ambiguity(points, np.random.default_rng(1))
    assert found[0] == 1e-4
    assert (found[1:] > 0.01).all()
    assert (found <= 1).all()


def test_a_reference_tells_clouds_from_one(monkeypatch):
    monkeypatch.setattr(peers, "M3C_NUMBERS", range(2, 5))
    monkeypatch.setattr(peers, "M3C_RESAMPLES", 15)
    monkeypatch.setattr(peers, "M3C_ROWS", 100)
    rng = np.random.default_rng(0)
    corners = np.array([[0, 0], [9, 0], [0, 9]])
    clouds = rng.normal(size=(120, 2)) + corners[np.repeat([0, 1, 2], 40)]
    found = peers.run_m3c(clouds, (), 0)["M3C, own writing"]["auto"]
    assert found.p_structure == pytest.approx(1 / 26)
    assert adjusted_rand_score(np.repeat([0, 1, 2], 40), found.labels) == 1
    found = peers.run_m3c(rng.normal(size=(120, 2)), (), 0)["M3C, own writing"]["auto"]
    assert found.p_structure > 0.05
    assert set(found.labels) == {0}


PEER = """
import sys
import numpy as np

source = np.load(sys.argv[1])
assert source["points"].shape == (60, 2) and source["numbers"].tolist() == [2, 3]
labels = np.arange(60) // 20
np.savez(sys.argv[2], labels=[labels // 2, labels], seconds=[0.5, 0.25])
"""


def test_genie_runs_in_an_interpreter_of_its_own(three, tmp_path, caplog):
    labelled, points = three
    script = tmp_path / "peer.py"
    script.write_text(PEER)
    told = points, labelled.numbers, 0
    found = peers.run_genie(*told, python=sys.executable, script=script)["Genie"]
    assert [found[k].seconds for k in (2, 3)] == [0.5, 0.25]
    assert judge(labelled, {"Genie": found}).loc[0, "ari"] == 1
    assert peers.run_genie(*told) == {}
    assert "Genie is left out: envs/genie.txt is not installed" in caplog.text
    with pytest.raises(ConfigError, match=r"make \.genie"):
        peers.run_genie(*told, python=str(tmp_path / "nowhere"))
    script.write_text("raise SystemExit('no such package')")
    with pytest.raises(ResultError, match="no such package"):
        peers.run_genie(*told, python=sys.executable, script=script)


def test_genie_itself(root, three):
    python = root / ".genie" / "bin" / "python"
    if not python.exists():
        pytest.skip("Genie is not installed: make compare-clusterings")
    labelled, points = three
    found = peers.run_genie(points, labelled.numbers, 0, python=str(python))
    assert judge(labelled, found).loc[0, ["groups", "ari"]].tolist() in ([3, 1.0], [2, 1.0])


def test_tables_have_groups_or_not_as_they_say():
    for kinds, structured in ((null_tables.UNSTRUCTURED, False), (null_tables.STRUCTURED, True)):
        assert len(kinds) >= 10
        for kind, (name, options) in kinds.items():
            table = generate(name, **{"n_points": null_tables.N_POINTS, **options})
            assert (table.classes.max() > 0) == structured, kind


def test_groups_are_claimed_by_number_or_by_p(monkeypatch):
    small = SOMEnsemble(SOM(6, 5), n_realizations=10, references=0)
    monkeypatch.setattr(
        null_tables, "default_ensemble", lambda seed, null: small.set_params(random_state=seed)
    )
    monkeypatch.setattr(null_tables, "N_POINTS", 60)
    rows = null_tables.check_kind("two_gaussians_at_5", 2, 0, False)
    assert tuple(rows.columns) == null_tables.COLUMNS
    assert rows["claimed"].tolist() == (rows["groups"] > 1).tolist()
    ps = iter([0.05, 0.051])
    monkeypatch.setattr(null_tables, "structure_p", lambda *told: next(ps))
    rows = null_tables.check_kind("gaussian", 2, 0, True)
    assert rows["claimed"].tolist() == [True, False]
    assert rows["p_structure"].tolist() == [0.05, 0.051]
    with pytest.raises(ConfigError, match="unknown kind of table 'none'"):
        null_tables.check_kind("none", 1, 0, False)


def test_claims_by_hand():
    rows = pd.DataFrame(
        {
            "kind": ["a", "a", "b"],
            "structured": [False, False, True],
            "groups": [1, 4, 2],
            "claimed": [False, True, True],
        }
    )
    assert claims_table(rows).splitlines()[2:] == [
        "| a | 2 | 1 | 0.500 | 2.5 |",
        "| b | 1 | 1 | 1.000 | 2 |",
        "| all without structure | 2 | 1 | 0.500 | 2.5 |",
        "| all with structure | 1 | 1 | 1.000 | 2 |",
    ]


def test_the_workflow_knows_all_methods_and_kinds(root):
    text = (root / "workflow/rules/development/suite.smk").read_text()
    for names in (clusterers.CLUSTERERS, peers.PEERS):
        assert str(list(names)).replace("'", '"') in text
    for names in (null_tables.UNSTRUCTURED, null_tables.STRUCTURED):
        words = " ".join(text.replace('"', " ").split())
        assert " ".join(names) in words


@pytest.mark.workflow
def test_a_suite_is_compared_and_only_what_is_missing_is_run_again(root, tmp_path, suite):
    project = Project(root, tmp_path / "project", TINY)
    write_points(project.directory / "points of mine.csv")
    told = {"KOHORTE_SUITE": str(suite), "KOHORTE_METHODS": "common genie"}
    project.run("clusterings", **told)
    folder = project.directory / "results" / "benchmarks"
    table = pd.read_csv(folder / "clusterings.csv")
    assert tuple(table.columns) == COLUMNS
    assert list(dict.fromkeys(table["set"])) == ["far/two", "near/three"]
    known = table[(table["method"] == "k-means") & (table["number"] == "known")]
    assert known["ari"].tolist() == [1, 1]
    assert (table["method"] == "published:one").sum() == 2
    page = (folder / "clusterings.md").read_text()
    assert "Left out: Genie, since envs/genie.txt is not installed (.genie)." in page
    assert (folder / "clusterings.png").stat().st_size > 0
    assert "Nothing to be done" in project.run("clusterings", **told)
    for name in ("clusterings.csv", "clusterings/far/two/common.csv"):
        (folder / name).unlink()
    again = project.run("clusterings", "--dry-run", **told)
    assert again.count("rule cluster_set_by_peers:") == 1


@pytest.mark.workflow
@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"KOHORTE_SUITE": ""}, "make compare-clusterings SUITE=folder"),
        ({"KOHORTE_METHODS": "kohorte genie2"}, "unknown genie2; choose from kohorte published"),
    ],
)
def test_a_suite_that_is_not_there_is_named(root, tmp_path, told, says):
    project = Project(root, tmp_path / "project", TINY)
    write_points(project.directory / "points of mine.csv")
    output = project.run("clusterings", "--dry-run", check=False, **told)
    assert says in output
