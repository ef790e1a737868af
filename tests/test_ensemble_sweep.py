"""One ensemble for each setting of a sweep: counts, labels, measures, file and table."""

import json
import math

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_ensemble import count, masks_of
from sklearn.metrics import adjusted_rand_score

from kohorte import store
from kohorte.analysis.choice import nearest_to_ideal
from kohorte.analysis.sweep import tabulate_ensembles, tabulate_settings
from kohorte.analysis.tables import MAX_ROWS, agreement_table
from kohorte.ensemble.combination import combine
from kohorte.ensemble.consensus import CONSENSUS
from kohorte.ensemble.sweep import combine_settings, measure_setting
from kohorte.errors import ConfigError, DataError
from kohorte.maps.parameters import parameter_defaults
from kohorte.store.sweeps import read_sweep_labels, write_sweep


def make_labels(n_realizations, n_points=60, seed=0):
    """Noisy copies of three classes, with gaps in the ids."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n_points) % 3
    wrong = rng.random((n_realizations, n_points)) < 0.2
    labels = np.where(wrong, rng.integers(0, 4, wrong.shape), truth)
    return list((3 * labels + 1).astype(np.uint8))


def label(part, labels, votes="equal", **options):
    slabs = list(part.ensemble.stream(part.select(labels), votes, threads=1, **options))
    assert [slab.start for slab in slabs] == [0, *(slab.stop for slab in slabs[:-1])]
    return tuple(np.concatenate([getattr(s, n) for s in slabs]) for n in ("groups", "confidence"))


@settings(max_examples=12)
@given(
    setting=st.lists(st.integers(0, 2), min_size=1, max_size=7),
    groups=st.sampled_from(["auto", "median", 2]),
    consensus=st.sampled_from(list(CONSENSUS)),
    votes=st.sampled_from(["equal", "significance"]),
)
def test_a_setting_is_the_ensemble_of_its_realizations_alone(setting, groups, consensus, votes):
    setting = np.unique(setting, return_inverse=True)[1]
    labels = make_labels(len(setting))
    how = {"consensus": "jaccard" if groups == "median" else consensus}
    parts = combine_settings(count(labels), setting, groups=groups, **how)
    assert len(parts) == setting.max() + 1
    for s, part in enumerate(parts):
        own = [array for array, other in zip(labels, setting, strict=True) if other == s]
        overlaps = count(own)
        wanted = "auto" if len(own) == 1 else groups
        alone = combine(overlaps, groups=wanted, **how)
        assert part.members.tolist() == np.flatnonzero(setting == s).tolist()
        np.testing.assert_array_equal(part.ensemble.overlaps.counts, overlaps.counts)
        for name in ("gsum", "sce_groups", "ari"):
            np.testing.assert_array_equal(getattr(part.ensemble, name), getattr(alone, name))
        consensus = alone.label(own, votes)
        found, confidence = label(part, labels, votes)
        np.testing.assert_array_equal(found, consensus.groups)
        np.testing.assert_array_equal(confidence, consensus.confidence)


@pytest.mark.parametrize("votes", ["equal", "significance"])
@pytest.mark.parametrize("groups", ["auto", 2])
def test_the_ensemble_of_a_single_realization_is_that_map(votes, groups):
    labels = make_labels(3)
    parts = combine_settings(count(labels), np.array([1, 0, 1]), groups=groups)
    found, confidence = label(parts[0], labels, votes)
    assert adjusted_rand_score(found, labels[1]) == 1
    assert parts[0].ensemble.grouping.n_groups == len(np.unique(labels[1]))
    assert (confidence == 1).all()
    whole = (labels[2] - 1) // 3
    measures = measure_setting(parts[0].ensemble, found, whole)
    assert math.isnan(measures.agreement)
    assert math.isnan(measures.jaccard)
    assert measures.found == 1
    expected = adjusted_rand_score(labels[1], whole)
    assert measures.agreement_with_all == pytest.approx(expected, abs=1e-12)


def test_measures_against_masks_and_scikit_learn():
    labels = make_labels(7, seed=3)
    setting = np.array([0, 1, 0, 0, 1, 0, 0])
    overlaps = count(labels)
    (part, _), whole = combine_settings(overlaps, setting, groups=4), (labels[6] - 1) // 3
    own = [labels[r] for r in part.members]
    found, _ = label(part, labels)
    measures = measure_setting(part.ensemble, found, whole)
    pairs = [adjusted_rand_score(own[i], own[j]) for i in range(5) for j in range(i)]
    assert measures.agreement == pytest.approx(np.mean(pairs), abs=1e-12)
    expected = adjusted_rand_score(found, whole)
    assert measures.agreement_with_all == pytest.approx(expected, abs=1e-12)
    masks, realization, _ = masks_of(own)
    total = {"found": 0.0, "jaccard": 0.0}
    for group in range(4):
        members = [k for k, g in enumerate(part.ensemble.grouping.groups) if g == group]
        alike = [
            np.sum(masks[a] & masks[b]) / np.sum(masks[a] | masks[b])
            for a in members
            for b in members
            if realization[a] != realization[b]
        ]
        points = np.sum(found == group)
        total["found"] += points * len({realization[a] for a in members}) / 5
        total["jaccard"] += points * (np.mean(alike) if alike else 0.0)
    for name, value in total.items():
        assert getattr(measures, name) == pytest.approx(value / len(found), abs=1e-12)


def test_a_group_that_one_of_several_realizations_found_has_no_stability():
    # Two maps that share nothing: cut into all four clusters, no group has two of them.
    labels = [np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])]
    (part,) = combine_settings(count(labels), np.array([0, 0]), groups=4)
    found, _ = label(part, labels)
    measures = measure_setting(part.ensemble, found, found)
    assert (measures.found, measures.jaccard, measures.agreement_with_all) == (0.5, 0, 1)


def test_settings_that_do_not_fit_are_refused():
    overlaps = count(make_labels(3))
    with pytest.raises(DataError, match="one for each of the 3 realizations"):
        combine_settings(overlaps, np.array([0, 0]))
    with pytest.raises(DataError, match="no realization has setting 1, but one has 2"):
        combine_settings(overlaps, np.array([0, 2, 2]))
    with pytest.raises(ConfigError, match="rule for groups of consensus 'coassociation' 'bad'"):
        combine_settings(overlaps, np.array([0, 0, 0]), groups="bad")
    with pytest.raises(ConfigError, match="unknown votes 'many'"):
        combine_settings(overlaps, np.zeros(3, int))[0].ensemble.label([], "many")


def write(path, parts, labels, votes="equal", **options):
    ids = [f"map {r}" for r in range(len(labels))]
    options |= {"parameters": [{"xdim": 5 + s, "final_alpha": None} for s in range(len(parts))]}
    write_sweep(path, parts, labels, ids=ids, options={"votes": votes}, **options)


@pytest.mark.parametrize("votes", ["equal", "significance"])
def test_sweep_file(tmp_path, votes):
    labels = make_labels(6, n_points=200)
    setting = np.array([1, 0, 1, 1, 2, 0])
    overlaps = count(labels)
    parts = combine_settings(overlaps, setting)
    write(tmp_path / "sweep.h5", parts, labels, votes, threads=2)
    with h5py.File(tmp_path / "sweep.h5") as file:
        units = []
        file.visititems(
            lambda name, item: (
                units.append(item.attrs.get("unit")) if isinstance(item, h5py.Dataset) else None
            )
        )
        assert len(units) == 12
        assert all(units)
        assert file["points/label"].dtype == np.uint8
        assert file["points/label"].chunks == (1, 200)
        assert [json.loads(text) for text in file["settings/parameters"]] == [
            {"xdim": 5 + s, "final_alpha": None} for s in range(3)
        ]
        assert file["realizations/setting"][:].tolist() == setting.tolist()
        # Clusters are listed by setting, and named as in the counts of all.
        realization = file["clusters/realization"][:]
        order = np.lexsort([file["clusters/cluster"][:], realization])
        np.testing.assert_array_equal(realization[order], overlaps.realization)
        np.testing.assert_array_equal(file["clusters/cluster"][:][order], overlaps.cluster)
        assert setting[realization].tolist() == sorted(setting[realization])
        for s, (found, mean) in enumerate(read_sweep_labels(tmp_path / "sweep.h5")):
            expected, confidence = label(parts[s], labels, votes)
            np.testing.assert_array_equal(found, expected)
            np.testing.assert_allclose(file["points/confidence"][s], confidence, rtol=1e-6)
            assert mean == pytest.approx(confidence.mean(), rel=1e-12)
            assert file["settings/n_groups"][s] == parts[s].ensemble.grouping.n_groups


@pytest.fixture
def make_maps(schema):
    """Make a table like `realizations.csv`: two maps for each combination of some parameters."""

    def make(**parameters):
        names = [*parameters, "repeat"]
        maps = pd.MultiIndex.from_product([*parameters.values(), [1, 2]], names=names)
        maps = maps.to_frame(index=False)
        rng = np.random.default_rng(1)
        maps["id"] = [f"map {k}" for k in range(len(maps))]
        maps["qe"], maps["te"] = rng.random((2, len(maps)))
        maps["n_clusters"] = rng.integers(2, 6, len(maps))
        defaults = parameter_defaults() | {"xdim": 8, "ydim": 6}
        return maps.assign(**{k: v for k, v in defaults.items() if k not in parameters})

    return make


def test_table_of_maps_against_loops(make_maps):
    maps = make_maps(ydim=[9, 7], alpha=[0.1, 0.5, 0.3], epochs=[np.nan, 20.0])
    table, setting = tabulate_settings(maps, ["alpha", "ydim"])
    # In the order of the sweep, which is not that of the numbers.
    assert table[["ydim", "alpha"]].to_numpy().tolist() == [
        [y, a] for y in (9, 7) for a in (0.1, 0.5, 0.3)
    ]
    for s, row in table.iterrows():
        own = maps[(maps["ydim"] == row["ydim"]) & (maps["alpha"] == row["alpha"])]
        assert np.flatnonzero(setting == s).tolist() == own.index.tolist()
        assert row["realizations"] == len(own) == 4
        assert row["qe_mean"] == pytest.approx(own["qe"].mean(), rel=1e-14)
        assert row["te_std"] == pytest.approx(own["te"].std(), rel=1e-14)
        assert row["n_clusters"] == own["n_clusters"].median()
    best = nearest_to_ideal(table["qe_mean"], table["te_mean"])
    assert np.flatnonzero(table["recommended"]).tolist() == [best]
    assert "Pareto front" in table["reason"][best]
    assert table["reason"].notna().sum() == 1


def test_maps_without_a_value_are_a_setting(make_maps):
    table, setting = tabulate_settings(make_maps(epochs=[20.0, np.nan]), ["epochs"])
    assert table["realizations"].tolist() == [2, 2]
    assert setting.tolist() == [0, 0, 1, 1]


def test_parameters_without_effect_are_empty(make_maps):
    maps = make_maps(trainer=["online", "batch"], merge=[0.2, 0.3]).assign(steps=100)
    table, _ = tabulate_settings(maps, ["trainer", "steps", "merge"])
    assert table["steps"].tolist() == [100, 100, None, None]


def test_segmentations_of_the_same_training_share_the_choice(make_maps):
    maps = make_maps(xdim=[5, 6, 7], merge=[0.2, 0.3])
    table, _ = tabulate_settings(maps, ["merge", "xdim"])
    assert table.groupby("xdim")[["pareto", "recommended"]].nunique().to_numpy().max() == 1
    pooled = maps.groupby("xdim")[["qe", "te"]].mean()
    best = pooled.index[nearest_to_ideal(pooled["qe"], pooled["te"])]
    assert table.loc[table["recommended"], "xdim"].tolist() == [best, best]
    assert table["reason"].notna().sum() == 2
    alone, _ = tabulate_settings(maps, ["merge"])
    assert alone["reason"].tolist() == ["neither error depends on the segmentation"] * 2


def test_errors_in_different_metrics_are_not_mixed(make_maps):
    maps = make_maps(xdim=[5, 6, 7], metric=["euclidean", "cosine"])
    table, _ = tabulate_settings(maps, ["xdim"])
    assert table["qe_mean"].isna().all()
    assert table["recommended"].tolist() == (table["te_mean"] == table["te_mean"].min()).tolist()
    assert "different metrics" in table["reason"].dropna().item()
    apart, _ = tabulate_settings(maps, ["xdim", "metric"])
    assert apart["qe_mean"].notna().all()
    assert sorted(apart.loc[apart["recommended"], "metric"]) == ["cosine", "euclidean"]


def test_table_of_ensembles(tmp_path):
    labels, path = make_labels(5), tmp_path / "sweep.h5"
    parts = combine_settings(count(labels), np.array([0, 0, 1, 1, 1]))
    write(path, parts, labels)
    whole, truth = (labels[0] - 1) // 3, np.arange(60) % 3
    table = tabulate_ensembles(parts, read_sweep_labels(path), whole, truth)
    assert table["n_groups"].tolist() == [p.ensemble.grouping.n_groups for p in parts]
    for row, part in zip(table.itertuples(), parts, strict=True):
        found, _ = label(part, labels)
        assert row.ari == pytest.approx(adjusted_rand_score(truth, found), abs=1e-12)
        assert row.agreement_with_all == pytest.approx(adjusted_rand_score(whole, found), abs=1e-12)
    unknown = tabulate_ensembles(parts, read_sweep_labels(path), whole)
    assert unknown[["ari", "ami", "accuracy"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(unknown.iloc[:, :6], table.iloc[:, :6])
    store.write_csv(unknown, tmp_path / "table.csv")


def test_pairs_of_thousands_of_realizations_are_not_a_table():
    def table(n):
        ari = np.ones((n, n), dtype=np.float32)
        return agreement_table([f"map {k}" for k in range(n)], ari, ari)

    assert len(table(50)) == 50 * 49 // 2
    assert table(50).columns.tolist() == table(1415).columns.tolist()
    assert MAX_ROWS < 1415 * 1414 // 2
    assert table(1415).empty
