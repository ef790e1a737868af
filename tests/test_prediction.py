"""New points get the labels, the confidence and the novelty that the study's maps give them."""

import logging
from dataclasses import asdict, replace

import h5py
import numpy as np
import pandas as pd
import pytest
from planning import write_data
from workflow_project import TINY, Project, rewriting, write_points

from kohorte import store
from kohorte.analysis import prediction
from kohorte.analysis.prediction import predict, read_points, reading_of
from kohorte.ensemble.combination import combine
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.ensemble.votes import VOTES, vote_weights
from kohorte.errors import DataError, ResultError
from kohorte.jobs.novelty import MeanNovelty
from kohorte.maps.realization import MapParameters, run_realization

NAMES = ["height", "girth", "age"]


class Study:
    """A finished study in a folder."""

    def __init__(self, folder, ids, arrays, *, groups, votes="equal"):
        self.folder, self.ids = folder, ids
        options = {"identical": "resolved", "threshold": -0.015, "groups": groups, "votes": votes}
        combined = combine(count_overlaps(arrays), groups=groups)
        path = folder / f"ensemble_{votes}.h5"
        novelty = None
        if (folder / "data.h5").exists():
            features = store.read_data(folder / "data.h5").features
            novelty = MeanNovelty(features, [folder / "realizations" / f"{i}.h5" for i in ids])
        store.write_ensemble(path, combined, arrays, ids=ids, options=options, novelty=novelty)
        self.ensemble = store.read_ensemble(path, points=True)

    def predict(self, features, **options):
        return predict(self.ensemble, self.folder / "realizations", features, **options)

    def read(self, source):
        return read_points(source, self.folder / "data.h5")


def write_map(folder, identifier, realization, parameters):
    path = folder / "realizations" / f"{identifier}.h5"
    described = {"id": identifier, "seed": 0, "repeat": 1, "parameters": asdict(parameters)}
    store.write_realization(path, realization, fingerprint="f", **described)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Ninety points of three kinds, as text."""
    path = tmp_path_factory.mktemp("source") / "points.csv"
    write_points(path)
    return path


@pytest.fixture(scope="module", params=list(VOTES))
def study(request, schema, source, tmp_path_factory):
    """Five maps of those points, not merged, so that some clusters hold no point."""
    folder = tmp_path_factory.mktemp("study")
    path = write_data(folder / "data.h5", schema, source=str(source), label="kind")
    features = store.read_data(path).features
    ids, arrays = [], []
    for k in range(5):
        parameters = MapParameters(4 + k, 5, steps=300, alpha=0.3, merge=0.0)
        realization = run_realization(features, parameters, seed=k)
        ids.append(f"map{k}")
        arrays.append(realization.labels)
        write_map(folder, ids[k], realization, parameters)
    return Study(folder, ids, arrays, groups=3, votes=request.param)


def test_the_study_s_own_table_gets_the_labels_of_the_study(study, source):
    points = study.read(source)
    stored = store.read_data(study.folder / "data.h5")
    np.testing.assert_array_equal(points.features, stored.features)
    np.testing.assert_array_equal(points.rows, stored.rows)
    found = study.predict(points.features)
    for name, value in study.ensemble.points.arrays.items():
        np.testing.assert_array_equal(getattr(found, name), value, strict=True)
    assert found.novelty.mean() == pytest.approx(1, rel=1e-5)


def brute_force(study, features):
    """Labels, confidence, signal and novelty by loops over points, maps and nodes."""
    clusters, votes = study.ensemble.clusters, study.ensemble.options["votes"]
    weights = vote_weights(clusters.gsum, votes)
    rows = []
    for point in np.asarray(features, dtype=np.float64):
        tally, signal, novelty = np.zeros(3), 0.0, 0.0
        for r, identifier in enumerate(study.ids):
            with h5py.File(study.folder / "realizations" / f"{identifier}.h5") as file:
                nodes, labels = file["weights"][:], file["node_clusters"][:]
                inhabited = set(file["labels"][:])
                usual = file["quality"].attrs["quantization_error"]
            away = [
                np.sqrt(3 * np.nanmean((point - node) ** 2)) if label in inhabited else np.inf
                for node, label in zip(nodes, labels, strict=True)
            ]
            winner = int(np.argmin(away))
            mine = (clusters.realization == r) & (clusters.cluster == labels[winner])
            (k,) = np.flatnonzero(mine)
            tally[clusters.consensus_group[k]] += 1 if weights is None else weights[k]
            signal += clusters.gsum[k]
            novelty += away[winner] / usual
        rows.append((tally.argmax(), tally.max() / tally.sum(), signal, novelty / len(study.ids)))
    return map(np.array, zip(*rows, strict=True))


@pytest.mark.parametrize("missing", [False, True])
def test_new_points_against_loops(study, monkeypatch, missing):
    features = np.random.default_rng(1).uniform(-2, 2, size=(60, 3)).astype(np.float32)
    if missing:
        features[::2, 1] = np.nan
    found = study.predict(features)
    label, confidence, signal, novelty = brute_force(study, features)
    np.testing.assert_array_equal(found.label, label)
    np.testing.assert_allclose(found.confidence, confidence, rtol=1e-6)
    np.testing.assert_allclose(found.signal, signal)
    np.testing.assert_allclose(found.novelty, novelty, rtol=1e-5)
    # Neither blocks nor threads change a bit.
    monkeypatch.setattr(prediction, "_BLOCK_ROWS", 7)
    again = study.predict(features, threads=2)
    for name, value in vars(found).items():
        np.testing.assert_array_equal(getattr(again, name), value, strict=True)


def plain_classes(study, features, truth):
    """Class of the group's points, and the vote of the maps by their winners, in loops."""
    labels = study.ensemble.points.label
    of_group = [np.bincount(truth[(labels == g) & (truth >= 0)], minlength=3) for g in range(3)]
    votes = np.zeros((len(features), 3))
    for identifier in study.ids:
        with h5py.File(study.folder / "realizations" / f"{identifier}.h5") as file:
            nodes, winners = file["weights"][:], file["winners"][:]
        held = [
            np.bincount(truth[(winners == m) & (truth >= 0)], minlength=3)
            for m in range(len(nodes))
        ]
        for p, point in enumerate(np.asarray(features, dtype=np.float64)):
            away = [
                np.sum((point - node) ** 2) if held[m].any() else np.inf
                for m, node in enumerate(nodes)
            ]
            votes[p, np.argmax(held[int(np.argmin(away))])] += 1
    found = study.predict(features).label
    return np.array([np.argmax(of_group[g]) for g in found]), votes


def test_classes_of_groups_and_of_winners_against_loops(study, monkeypatch, tmp_path):
    features = np.random.default_rng(3).uniform(-2, 2, size=(40, 3)).astype(np.float32)
    stored = store.read_data(study.folder / "data.h5")
    truth = stored.truth.copy()
    truth[::7] = -1
    found = study.predict(features, truth=truth)
    of_group, votes = plain_classes(study, features, truth)
    np.testing.assert_array_equal(found.group_class, of_group)
    np.testing.assert_array_equal(found.winner_class, votes.argmax(axis=1))
    np.testing.assert_allclose(found.winner_share, votes.max(axis=1) / 5, rtol=1e-6)
    assert len(set(found.winner_class.tolist())) > 1
    monkeypatch.setattr(prediction, "_BLOCK_ROWS", 7)
    again = study.predict(features, truth=truth)
    np.testing.assert_array_equal(again.winner_class, found.winner_class, strict=True)

    points = prediction.NewPoints(features, np.arange(40), None, None)
    cuts = sorted({float(np.median(found.signal)), float(found.signal.max())})
    how = {"study_classes": stored.class_names, "signal_cuts": cuts}
    table = prediction.prediction_table(found, points, **how)
    assert table["group_class"].tolist() == [stored.class_names[k] for k in of_group]
    assert table["signal_class"].tolist() == [sum(c <= s for c in cuts) for s in found.signal]
    prediction.write_prediction(tmp_path / "p.h5", found, points, **how)
    with h5py.File(tmp_path / "p.h5") as file:
        np.testing.assert_array_equal(file["winner_class"][:], found.winner_class)
        np.testing.assert_array_equal(file["signal_class"][:], table["signal_class"])
        assert [name.decode() for name in file["study_classes"]] == list(stored.class_names)
    without = study.predict(features, truth=np.full_like(truth, -1))
    assert without.group_class is None
    assert "group_class" not in prediction.prediction_table(without, points)


def test_far_points_are_novel(study):
    near, far = study.predict(np.array([[0.0, 0.0, 0.0], [50.0, -50.0, 50.0]])).novelty
    assert near < 10 < far


def test_one_point_and_other_layouts(study, tmp_path):
    features = np.random.default_rng(2).integers(-2, 2, size=(9, 3))
    truth = {"truth": store.read_data(study.folder / "data.h5").truth}
    whole = study.predict(features.astype(np.float32), **truth)
    with h5py.File(tmp_path / "new.h5", "w") as file:
        file["features"] = features
        fortran = np.asfortranarray(features, dtype=np.float64)
        for same in (features, fortran, pd.DataFrame(features), file["features"]):
            for name, value in vars(study.predict(same, **truth)).items():
                np.testing.assert_array_equal(getattr(whole, name), value, strict=True)
    one = study.predict(features[:1], **truth)
    for name, value in vars(one).items():
        np.testing.assert_array_equal(value, getattr(whole, name)[:1], strict=True)


@pytest.fixture
def by_hand(tmp_path):
    """Two maps of four points on a line; a cluster of each holds none of them.

    Nodes at 0, 10 and 20; points at 1, 1, 9 and 9; the node at 20 is a cluster of its own.
    """
    features = np.array([[1.0], [1.0], [9.0], [9.0]])
    parameters = MapParameters(3, 1, steps=30, alpha=0.1)
    ids, labels = ["one", "two"], np.array([0, 0, 1, 1], dtype=np.uint8)
    for identifier, usual in zip(ids, [1.0, 0.0], strict=True):
        realization = replace(
            run_realization(features, parameters, seed=0),
            weights=np.array([[0], [10], [20]], dtype=np.float32),
            node_clusters=np.arange(3, dtype=np.int32),
            hits=np.array([2, 2, 0]),
            labels=labels,
            quality={"quantization_error": usual},
        )
        write_map(tmp_path, identifier, realization, parameters)
    return Study(tmp_path, ids, [labels, labels.copy()], groups=2)


def test_clusters_without_points_of_the_study_cast_no_vote(by_hand):
    left, right = by_hand.ensemble.points.label[[0, 3]]
    found = by_hand.predict(np.array([[-1.0], [10.0], [16.0], [23.0]]))
    assert found.label.tolist() == [left, right, right, right]
    assert found.confidence.tolist() == [1, 1, 1, 1]


def test_novelty_by_hand(by_hand):
    found = predict(by_hand.ensemble, by_hand.folder / "realizations", np.array([[10.0], [13.0]]))
    # In the second map every point of the study lies on a node, so nothing else is usual.
    assert found.novelty.tolist() == [0, np.inf]
    realizations = replace(by_hand.ensemble.realizations, ids=("one", "one"))
    by_hand.ensemble = replace(by_hand.ensemble, realizations=realizations)
    assert by_hand.predict(np.array([[10.0], [13.0], [23.0]])).novelty.tolist() == [0, 3, 13]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3,), r"features have shape \(3,\)"),
        ((0, 3), r"features have shape \(0, 3\); expected \(N, F\) with at least one point"),
        ((4, 2), "weights has 3 columns, but the data have 2 features"),
    ],
)
def test_features_of_the_wrong_shape(study, shape, message):
    with pytest.raises(DataError, match=message):
        study.predict(np.zeros(shape))


def test_a_fault_names_its_block(study, monkeypatch):
    monkeypatch.setattr(prediction, "_BLOCK_ROWS", 4)
    features = np.zeros((12, 3))
    features[9, 2] = np.inf
    with pytest.raises(DataError, match=r"of the points from 8 on, .* in row 1, column 2"):
        study.predict(features)


def test_maps_that_do_not_belong_to_the_ensemble(by_hand, tmp_path):
    features = np.zeros((2, 1))
    with pytest.raises(ResultError, match="a study of label files has no maps"):
        predict(by_hand.ensemble, tmp_path / "nowhere", features)
    with rewriting(tmp_path / "realizations" / "two.h5") as file:
        file["hits"][:] = [1, 2, 1]
    with pytest.raises(ResultError, match=r"two\.h5: is not the map that the ensemble"):
        by_hand.predict(features)
    (tmp_path / "realizations" / "one.h5").unlink()
    with pytest.raises(ResultError, match=r"one\.h5: this result does not exist"):
        by_hand.predict(features)


def test_columns_are_found_by_name_and_scaled_by_the_study(study, source, tmp_path):
    known = study.read(source)
    table = pd.read_csv(source)
    half = table.iloc[:45].assign(extra="text")[["age", "kind", "extra", "height", "girth"]]
    half.to_csv(tmp_path / "half.csv", index=False)
    points = study.read(tmp_path / "half.csv")
    np.testing.assert_array_equal(points.features, known.features[:45])
    assert points.class_names == ("ash", "birch")
    np.testing.assert_array_equal(points.truth, known.truth[:45])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda kind: None, "no label 'kind'"),
        (lambda kind: kind.where(kind.index > 99), "no class is known"),
    ],
)
def test_classes_that_cannot_be_used_are_left_out(study, source, tmp_path, caplog, change, reason):
    table = pd.read_csv(source)
    kind = change(table.pop("kind"))
    table = table if kind is None else table.assign(kind=kind)
    table.to_csv(tmp_path / "new.csv", index=False)
    with caplog.at_level(logging.INFO):
        points = study.read(tmp_path / "new.csv")
    assert points.truth is None
    assert points.class_names is None
    assert reason in caplog.text
    np.testing.assert_array_equal(points.features, study.read(source).features)


def test_other_formats_and_types(schema, source, tmp_path):
    table = pd.read_csv(source)[NAMES].astype(np.float32)
    table.to_csv(tmp_path / "old.csv", sep=";", index=False)
    options = {"source": str(tmp_path / "old.csv"), "delimiter": ";", "stride": 4}
    write_data(tmp_path / "data.h5", schema, **options)
    table.to_parquet(tmp_path / "new.parquet")
    with h5py.File(tmp_path / "new.h5", "w") as file:
        file["features"] = table.to_numpy(np.float64)[:, ::-1]
        file["names"] = NAMES[::-1]
    expected = read_points(tmp_path / "old.csv", tmp_path / "data.h5").features
    assert expected.shape == (90, 3)
    assert expected.dtype == np.float32
    for name in ("new.parquet", "new.h5"):
        found = read_points(tmp_path / name, tmp_path / "data.h5").features
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_values_are_read_as_those_of_the_study(schema, source, tmp_path):
    table = pd.read_csv(source)[NAMES]
    options = {"decimal": ",", "missing_values": [-9999], "missing": "skip", "comment": "#"}
    old = table.to_csv(sep=";", index=False, decimal=",")
    (tmp_path / "old.csv").write_text(f"# old\n{old}")
    write_data(tmp_path / "data.h5", schema, source=str(tmp_path / "old.csv"), **options)
    table = table[:5].astype(float)
    table.iloc[2, 1] = -9999
    (tmp_path / "new.csv").write_text("# new\n" + table.to_csv(sep=";", index=False, decimal=","))
    table.to_parquet(tmp_path / "new.parquet")
    expected = read_points(tmp_path / "old.csv", tmp_path / "data.h5").features[:5]
    expected[2, 1] = np.nan
    for name in ("new.csv", "new.parquet"):
        found = read_points(tmp_path / name, tmp_path / "data.h5").features
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is an empty file"),
        ("height,girth,age,kind\n", "no data rows"),
        ("height,girth,kind\n1,2,ash\n1,3,ash\n", "no feature 'age'"),
        ("height,girth,age,kind\n1,2,3,ash\n1,tall,3,ash\n", "text 'tall' in a numeric column"),
        ("height,girth,age,kind\n1,2,3,ash\n1,,3,ash\n", "missing value"),
        ("height,girth,age\n1,2,3\n1,inf,3\n", "infinite value"),
    ],
)
def test_files_that_cannot_be_used(study, tmp_path, text, message):
    path = tmp_path / "new.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        study.read(path)


@pytest.mark.parametrize("kinds", [("a.xlsx", "b.xlsx"), ("a.xlsx", "b.ods"), ("a.csv", "b.tsv")])
def test_the_header_is_that_of_a_file_of_the_same_kind(kinds):
    own, new = kinds
    options = {"source": own, "header": False}
    assert reading_of(new, options)["header"] is False
    assert "header" not in reading_of("b.ods" if own == "a.csv" else "b.parquet", options)


def test_a_file_of_one_row(study, source, tmp_path):
    pd.read_csv(source)[:1].to_csv(tmp_path / "new.csv", index=False)
    points = study.read(tmp_path / "new.csv")
    np.testing.assert_array_equal(points.features, study.read(source).features[:1])
    assert study.predict(points.features).label == study.ensemble.points.label[0]


def test_missing_values_are_treated_as_in_the_study(schema, source, tmp_path):
    (tmp_path / "new.csv").write_text("age,height,girth\n1,,2\n1,2,3\n4,5,6\n")
    for missing, rows in (("skip", [0, 1, 2]), ("drop", [1, 2])):
        options = {"source": str(source), "label": "kind", "missing": missing}
        path = write_data(tmp_path / "data.h5", schema, **options)
        points = read_points(tmp_path / "new.csv", path)
        assert points.rows.tolist() == rows
        assert np.isnan(points.features).sum() == (missing == "skip")


@pytest.mark.workflow
@pytest.mark.xdist_group("workflow")
def test_the_workflow_predicts_and_leaves_the_study_alone(root, tmp_path):
    config = {**TINY, "lattice": {"xdim": 6, "ydim": 5}, "ensemble": {"groups": 3}}
    project = Project(root, tmp_path / "a study", config)
    write_points(project.directory / "points of mine.csv")
    write_points(project.directory / "new.csv", seed=1)

    # The table itself, given as new points, gets the labels of the study.
    project.run("predict", "--config", "prediction={source: points of mine.csv}")
    results = project.results / "prediction" / "points of mine.h5"
    table = pd.read_csv(results.with_suffix(".csv"))
    with h5py.File(results) as file, h5py.File(project.results / "ensemble.h5") as ensemble:
        for name in ("label", "confidence", "signal"):
            np.testing.assert_array_equal(file[name][:], ensemble["points"][name][:])
        np.testing.assert_array_equal(table["group"], file["label"][:])
        for name in ("signal", "novelty"):
            np.testing.assert_array_equal(table[name], file[name][:])
        assert file.attrs["accuracy"] > 0.9
        assert file.attrs["ari"] > 0.8
    assert table["row"].tolist() == list(range(90))
    kinds = pd.read_csv(project.directory / "points of mine.csv")["kind"]
    assert table["class"].tolist() == kinds.tolist()

    # Other points make no other job stale.
    new = ("predict", "--config", "prediction={source: new.csv}")
    assert project.pending(*new) == {"predict": 1, "predict_labels": 1}

    # Where dates alone decide, an ensemble of another version is used, and that is said.
    with rewriting(project.results / "ensemble.h5") as file:
        file.attrs["library"] = "0" * 16
    output = project.run(*new, "--rerun-triggers", "mtime")
    assert "made ensemble.h5 by other code of kohorte" in output

    for change, message in (
        ({}, "prediction.source, as in --config"),
        (
            {"prediction": {"source": "new.csv"}, "realizations": {"labels": ["a.npy"]}},
            "prediction.source: a study of label files has no maps",
        ),
    ):
        project.configure(config, **change)
        project.stop("--dry-run", "predict", says=[message])
