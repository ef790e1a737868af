"""Tables of points that are tallied in blocks and slabs: those of one job, to the last bit."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning import plain_data
from scipy.sparse import csr_array
from sklearn import metrics

from kohorte import _tallies, store
from kohorte._tallies import merge_tallies
from kohorte.analysis import boundaries, orders, tallies
from kohorte.analysis.evaluation import evaluate, expected_information
from kohorte.analysis.features import explained_shares, significance
from kohorte.analysis.profiles import profile_table
from kohorte.analysis.tables import tabulate_study
from kohorte.data.table import Beside
from kohorte.ensemble.combination import combine
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.errors import ResultError
from kohorte.jobs.tabulation import gather_tallies, tally_slab

N, F = 203, 6
OPTIONS = {"identical": "resolved", "threshold": -0.01, "consensus": "jaccard", "groups": 3}
OPTIONS |= {"votes": "significance"}


def make_study(folder, *, with_table=True, known=True):
    """Files of a study with noise, missing values, classes that are not known and samples."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, N)
    labels = [np.where(rng.random(N) < 0.1 * k, rng.integers(0, 3, N), truth) for k in range(1, 5)]
    labels[1][:50] = labels[2][5:9] = -1
    for own in labels:
        own[7] = -1  # a point that nobody holds
    files = {name: f"{folder}/{name}.npy" for name in "abcd"}
    for file, own in zip(files.values(), labels, strict=True):
        np.save(file, own)
    ensemble = combine(count_overlaps(labels, noise=-1), consensus="jaccard", groups=3)
    known_of_points = {"ids": list("abcd"), "options": OPTIONS}
    store.write_ensemble(folder / "ensemble.h5", ensemble, labels, **known_of_points)
    features = (rng.normal(size=(N, F)) + truth[:, None]).astype(np.float32)
    features[:, 1] = np.round(features[:, 1])
    features[::3, 2] = np.nan
    features[:, 3] = 0.0
    features[:, 4] = np.where(truth == 1, np.nan, features[:, 4])
    classes = {"truth": np.where(rng.random(N) < 0.2, -1, truth) if known else None}
    names = tuple(f"f{k}" for k in range(F))
    table = plain_data(features, names=names, class_names=("u", "v", "w") if known else None)
    samples = {"plot": np.array([f"P{k}" for k in rng.integers(1, 12, N)], dtype=object)}
    samples["site"] = rng.integers(0, 4, N).astype(np.float64)
    table = replace(
        table,
        **classes,
        offset=np.linspace(-3, 3, F),
        scale=np.linspace(0.5, 2, F),
        beside=Beside(groups=samples),
    )
    store.write_data(folder / "data.h5", table)
    how = {"ensemble": folder / "ensemble.h5", "data": folder / "data.h5" if with_table else None}
    return labels, table, files, how | {"signal_cuts": [1e-3, 5.0] if known else None}


def tabulate(folder, files, how, gathered=()):
    """The tables as the bytes of their files, and as they are."""
    known = {"indexes": [], "files": files, "swept": [], "seed": 1, "resamples": 10}
    with store.open_label_arrays(list(files.values()), files, noise=-1) as opened:
        found = tabulate_study(opened, **known, **how, gathered=gathered)
    texts = {}
    for name, table in found.items():
        store.write_csv(table, folder / "table.csv")
        texts[name] = (folder / "table.csv").read_bytes()
    return texts, found


def tally(folder, files, how, slabs, rounds):
    """What the jobs of some slabs gather, of each round."""
    gathered = []
    known = {"files": files, "reading": {"noise": -1}, "signal_cuts": how["signal_cuts"]}
    for turn in range(rounds):
        parts = [folder / f"{turn}-{slab}.h5" for slab in range(slabs)]
        for slab, part in enumerate(parts):
            tally_slab(
                list(files.values()),
                how["ensemble"],
                how["data"] or "",
                gathered,
                part,
                slab=slab,
                slabs=slabs,
                **known,
            )
        gather_tallies(parts, folder / f"{turn}.h5")
        gathered.append(folder / f"{turn}.h5")
    return gathered


@pytest.mark.parametrize(
    ("known", "with_table", "slabs", "rounds"),
    [(True, True, (1, 2, 3, 7), 4), (False, True, (9,), 4), (False, False, (2, 3), 1)],
)
def test_tables_are_the_same_bytes_for_any_number_of_slabs(
    tmp_path, monkeypatch, known, with_table, slabs, rounds
):
    *_, files, how = make_study(tmp_path, with_table=with_table, known=known)
    _, whole = tabulate(tmp_path, files, how)
    monkeypatch.setattr(tallies, "BLOCK_ROWS", 32)
    monkeypatch.setattr(tallies, "_READ_VALUES", 100)
    monkeypatch.setattr(tallies, "_FEATURES", 4)
    expected, found = tabulate(tmp_path, files, how)
    for count in slabs:
        gathered = tally(tmp_path, files, how, count, rounds)
        texts, _ = tabulate(tmp_path, files, how, gathered)
        assert texts == expected
    # Sums over blocks are rounded otherwise; what is counted or chosen is the same.
    assert found.keys() == whole.keys()
    for name, table in found.items():
        pd.testing.assert_frame_equal(table, whole[name], rtol=1e-12, atol=1e-14)
    exact = ["n", "missing", "q25", "median", "q75", "telling", "rank"]
    pd.testing.assert_frame_equal(
        found["group_features"][exact], whole["group_features"][exact], check_exact=True
    )
    assert len(found["group_features"]) == (3 * F if with_table else 0)


def test_tables_are_those_of_the_plain_definitions(tmp_path, monkeypatch):
    _, table, files, how = make_study(tmp_path)
    monkeypatch.setattr(tallies, "BLOCK_ROWS", 32)
    _, found = tabulate(tmp_path, files, how)
    labels = found["points"]["group"].to_numpy()
    plain = profile_table(table.physical(range(F)), table.names, labels, n_groups=3)
    columns = ["mean", "sd", "q25", "median", "q75", "effect", "telling"]
    pd.testing.assert_frame_equal(found["group_features"][columns], plain[columns])
    features = found["features"]
    np.testing.assert_allclose(features["significance"], significance(table.features), rtol=1e-12)
    expected = explained_shares(table.features, labels)
    np.testing.assert_allclose(features["between_groups"], expected, rtol=1e-10)
    assert np.isnan(features["between_groups"][3])  # a feature that does not vary
    points = found["points"]
    sizes = points[points["group"] >= 0].groupby("group").size()
    assert found["groups"]["points"].tolist() == sizes.tolist()
    counts = found["composition"].groupby("column")["points"].sum()
    assert counts.tolist() == [N, N]
    plots = found["composition"].query("column == 'plot'")["value"].drop_duplicates().tolist()
    assert plots == sorted(plots, key=lambda text: int(text[1:]))


def test_tallies_of_other_points_are_refused(tmp_path, monkeypatch):
    *_, files, how = make_study(tmp_path)
    monkeypatch.setattr(tallies, "BLOCK_ROWS", 64)
    gathered = tally(tmp_path, files, how, 2, 4)
    with pytest.raises(ResultError, match=r"0-0\.h5: begins at block 0, not at 4; delete it"):
        gather_tallies([tmp_path / "0-1.h5", tmp_path / "0-0.h5"], tmp_path / "x.h5")
    monkeypatch.setattr(tallies, "BLOCK_ROWS", 32)
    with pytest.raises(ResultError, match="blocks from 0 to 4, and not of all 7; delete it"):
        tabulate(tmp_path, files, how, gathered)


NUMBERS = st.one_of(st.integers(-2, 2).map(float), st.floats(width=32, allow_nan=False))


@settings(max_examples=60, deadline=None)
@given(
    points=st.lists(st.tuples(NUMBERS, st.integers(0, 2)), min_size=1, max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=3),
    bins=st.integers(2, 30),
)
def test_values_at_ranks_are_those_of_sorting_however_points_are_cut(points, cuts, bins):
    values = np.array([value for value, _ in points], np.float32)
    codes = np.array([code for _, code in points])
    parts = np.split(np.arange(len(values)), sorted(min(c, len(values)) for c in cuts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(orders, "BINS", bins)
        patch.setattr(_tallies, "MOST_DISTINCT", bins)
        found = orders.FeatureOrders(2)
        for turn in range(4):
            counted = [found.count(turn, values[part], codes[part]) for part in parts]
            named = [{f"{k}/x": v for k, v in of.items()} for of in counted]
            merged = {name[:-2]: value for name, value in merge_tallies(named).items()}
            found.take(turn, merged)
    for group in range(2):
        own = values[codes == group].astype(np.float64)
        if own.size and np.isfinite(own).all():
            around = found.around[group].astype(np.float64)
            quartiles = orders.interpolate_quartiles(own.size, around)
            np.testing.assert_array_equal(quartiles, np.quantile(own, [0.25, 0.5, 0.75]))
    # Equal values are in one bin: the one that the last of them has by its rank.
    different, place = np.unique(values, return_inverse=True)
    if len(different) > bins:
        ends = np.cumsum(np.bincount(place))
        place = ((ends - 1) * bins // len(values))[place]
    expected = np.zeros((3, place.max() + 1), int)
    np.add.at(expected, (codes, place), 1)
    np.testing.assert_array_equal(found.bins[:, : place.max() + 1], expected)
    assert not found.bins[:, place.max() + 1 :].any()


def test_bits_of_numbers_are_in_their_order():
    values = np.array([-np.inf, -3e38, -1.5, -1e-45, -0.0, 0.0, 1e-45, 1.5, 3e38, np.inf], "f4")
    keys = orders.sortable(values)
    assert [a < b for a, b in itertools.pairwise(keys.tolist())] == [
        *[True] * 4,
        False,
        *[True] * 4,
    ]
    np.testing.assert_array_equal(orders.unsortable(keys), values)


def test_points_of_very_large_groups_are_drawn_without_a_permutation(monkeypatch):
    labels = np.arange(5000) % 2
    labels[:10] = -1
    monkeypatch.setattr(boundaries, "BLOCK_ROWS", 700)
    monkeypatch.setattr(boundaries, "MAX_POINTS", 300)
    size = np.bincount(labels[10:])
    for group, rows in boundaries._draw_rows(labels, size, [0, 1], seed=1):
        assert (labels[rows] == group).all()
        assert len(set(rows.tolist())) == 300
        assert rows.max() > 4000 > 1000 > rows.min()
        assert (np.diff(rows) < 0).any()  # in random order


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 400).flatmap(
        lambda n: st.tuples(*[st.lists(st.integers(0, 3), min_size=n, max_size=n)] * 2)
    )
)
def test_scores_from_counts_are_those_of_scikit_learn(points):
    labels, truth = map(np.array, points)
    found = evaluate(labels, truth)
    assert found.ari == metrics.adjusted_rand_score(truth, labels)
    assert found.ami == metrics.adjusted_mutual_info_score(truth, labels)
    counts = np.zeros((4, 4), np.int64)
    np.add.at(counts, (truth, labels), 1)
    counts = counts[counts.any(axis=1)][:, counts.any(axis=0)]
    expected = metrics.cluster.expected_mutual_information(csr_array(counts), len(truth))
    sizes = counts.sum(axis=1), counts.sum(axis=0)
    assert expected_information(*sizes, len(truth)) == pytest.approx(expected, abs=1e-12)


def test_information_by_chance_of_very_many_points():
    sizes = np.array([300_000, 500_000, 1_200_000]), np.array([900_000, 1_100_000])
    # Of many points it is half of the degrees of freedom, over the points.
    assert expected_information(*sizes, 2_000_000) == pytest.approx(2 / 2 / 2e6, rel=1e-3)
