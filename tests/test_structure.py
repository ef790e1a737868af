"""Whether there are groups: references, what speaks for groups in them, and p-values."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from planning import plan_config
from scipy import stats
from workflow_project import Project

from kohorte import SOMEnsemble, store
from kohorte._references import (
    CONTACT_NUMBERS,
    LEAST_MAPS,
    LEVEL,
    MAPPED_ROWS,
    MAX_MAPS,
    OBSERVED,
    OWN_DRAWS,
    choose_maps,
    list_tables,
)
from kohorte.analysis.tables import structure_table
from kohorte.data.generated import generate
from kohorte.ensemble.coassociation import FLOOR
from kohorte.errors import ConfigError
from kohorte.structure import (
    CONTACT_DEVIATION,
    DEVIATION,
    EPOCHS,
    FULL_ROWS,
    KINDS,
    NUMBER_CONTACT_DEVIATION,
    NUMBER_DEVIATION,
    TABLE_SHARE,
    Evidence,
    assess_structure,
    choose_rows,
    collect_evidence,
    contact_tail,
    draw_reference,
    fill_missing,
    leave_out_copies,
    match_groups,
    score_tail,
    tail,
)


def spread(points):
    """Deviations along the principal components, largest first."""
    return np.linalg.svd(points - points.mean(axis=0), compute_uv=False) / math.sqrt(len(points))


@pytest.fixture(scope="module")
def correlated():
    mixed = np.random.default_rng(0).standard_normal((4000, 3)) @ [
        [3, 1, 0],
        [0, 1, 1],
        [0, 0, 0.2],
    ]
    return (mixed + [5, 0, -1]).astype(np.float32)


def test_a_gaussian_reference_has_the_means_and_covariance_of_the_table(correlated):
    drawn = draw_reference(correlated, "gaussian", [1, 2])
    assert drawn.dtype == np.float32
    assert drawn.shape == correlated.shape
    assert_allclose(drawn.mean(axis=0), correlated.mean(axis=0), atol=0.2)
    assert_allclose(np.cov(drawn.T), np.cov(correlated.T), atol=0.5)
    assert stats.kstest(stats.zscore(drawn[:, 0]), "norm").pvalue > 0.001


def test_a_uniform_reference_has_the_range_of_the_table_along_its_components(correlated):
    drawn = draw_reference(correlated, "uniform", [1, 2])
    mean = correlated.mean(axis=0, dtype=np.float64)
    _, _, axes = np.linalg.svd(correlated - mean, full_matrices=False)
    ours, theirs = (correlated - mean) @ axes.T, (drawn - mean) @ axes.T
    assert (theirs.max(axis=0) <= ours.max(axis=0) + 1e-4).all()
    assert_allclose(np.ptp(theirs, axis=0), np.ptp(ours, axis=0), rtol=0.02)
    for scores in theirs.T:
        low, high = scores.min(), scores.max()
        assert stats.kstest(scores, "uniform", (low, high - low)).pvalue > 0.001


@pytest.mark.parametrize("kind", KINDS)
def test_references_follow_from_their_seed_and_keep_what_is_missing(correlated, kind):
    points = correlated[:200].copy()
    points[::7, 1] = np.nan
    first, again, other = (draw_reference(points, kind, [4, k]) for k in (1, 1, 2))
    assert_array_equal(first, again)
    assert not np.array_equal(first, other, equal_nan=True)
    assert_array_equal(np.isnan(first), np.isnan(points))


@pytest.mark.parametrize("kind", KINDS)
def test_features_of_few_values_have_these_in_references(kind):
    rng = np.random.default_rng(0)
    points = np.column_stack(
        [rng.integers(0, 2, 300), rng.poisson(2, 300) / 3, rng.normal(size=300)]
    ).astype(np.float32)
    points[::7, 0] = np.nan
    drawn = draw_reference(points, kind, [1, 2])
    assert_array_equal(np.isnan(drawn), np.isnan(points))
    for column in (0, 1):
        values = drawn[~np.isnan(drawn[:, column]), column]
        assert np.isin(values, points[:, column]).all()
        assert np.unique(values).size > 1
    assert np.unique(drawn[:, 2]).size == 300


def test_a_rare_value_far_off_stays_rare_in_references():
    points = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    points[:, 0] = np.where(np.arange(300) < 3, 18, 0)
    points[:, 1] = np.where(np.arange(300) < 3, 18, np.arange(300) % 2)
    for kind in KINDS:
        drawn = draw_reference(points, kind, [1, 2])
        assert np.count_nonzero(drawn[:, 0] > 9) < 150 < np.unique(drawn[:, 0]).size
        assert np.unique(drawn[:, 1]).size == 300


def test_coins_are_no_groups():
    """Rows of independent features of 0 and 1 that are equal by chance are no groups."""
    coins = np.random.default_rng(0).integers(0, 2, (200, 5)).astype(float)
    ensemble = SOMEnsemble(random_state=1, references=5, n_realizations=20)
    assert ensemble.fit(coins).p_structure_ > 0.05


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_what_is_missing_is_filled_with_the_correlations_that_are_there(correlated, share):
    rng = np.random.default_rng(3)
    gaps = correlated[:2000].copy()
    gaps[rng.random(gaps.shape) < share] = np.nan
    gaps = gaps[~np.isnan(gaps).all(axis=1)]
    filled = fill_missing(gaps, rng)
    present = ~np.isnan(gaps)
    assert_array_equal(filled[present], gaps[present])
    assert (filled <= np.nanmax(gaps, axis=0)).all()
    assert (filled >= np.nanmin(gaps, axis=0)).all()
    assert_allclose(np.corrcoef(filled.T), np.corrcoef(correlated.T), atol=0.12)


@pytest.mark.parametrize("shape", [(5, 1), (3, 6), (40, 2)])
def test_small_and_odd_tables_are_filled(shape):
    points = np.random.default_rng(0).normal(size=shape)
    points[::2, 0] = np.nan
    assert np.isfinite(fill_missing(points, np.random.default_rng(1))).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_feature_that_no_drawn_row_has(kind):
    points = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    points[:, 1], points[::3, 2] = np.nan, np.nan
    drawn = draw_reference(points, kind, [1, 2])
    assert_array_equal(np.isnan(drawn), np.isnan(points))
    assert np.ptp(drawn[:, 0]) > 1


def test_rows_are_drawn_by_their_weights():
    """Heavy rows come oftener, each once, and as many as count effectively."""
    weights = np.repeat([0, 1, 9], 100)
    drawn = [choose_rows(300, 1000, seed, 0, weights) for seed in range(20)]
    effective = 1000**2 / (100 * 1 + 100 * 81)
    for rows in drawn:
        assert rows.size == math.ceil(effective)
        assert (np.diff(rows) > 0).all()
        assert rows.min() >= 100
    assert np.mean([(rows >= 200).mean() for rows in drawn]) > 0.7
    assert_array_equal(choose_rows(5, 8, 1, 0, np.full(5, 3)), np.arange(5))
    assert choose_rows(300, 50, 1, 0, weights).size == 50


def test_copies_of_rows_are_left_out_but_not_rows_that_meet_by_chance():
    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    points[::5, 2] = np.nan
    assert_array_equal(leave_out_copies(points), np.arange(50))
    assert_array_equal(leave_out_copies(np.tile(points, (3, 1))), np.arange(50))
    whole = np.random.default_rng(0).integers(0, 4, (200, 3)).astype(np.float32)
    assert np.unique(whole, axis=0).shape[0] < 200
    assert_array_equal(leave_out_copies(whole), np.arange(200))


def test_copies_and_weights_are_no_groups():
    """A round cloud whose rows come three times, or count by weights, has no groups."""
    points = np.random.default_rng(0).normal(size=(100, 3))
    weights = 1 + np.arange(100) % 7

    def test(table, weights=None):
        ensemble = SOMEnsemble(random_state=1, references=5, n_realizations=20)
        return ensemble.fit(table, sample_weight=weights).p_structure_

    assert test(np.repeat(points, 3, axis=0)) > 0.05
    assert test(points, weights) > 0.05
    assert test(points + np.where(np.arange(100) < 40, 8, 0)[:, None], weights) < 0.001


def test_rows_are_drawn_once_each_and_in_order():
    assert choose_rows(5, 8, 1).tolist() == [0, 1, 2, 3, 4]
    rows = choose_rows(1000, 50, 3)
    assert rows.size == 50
    assert (np.diff(rows) > 0).all()
    assert_array_equal(rows, choose_rows(1000, 50, 3))


def test_tables_and_maps_that_are_planned():
    assert list_tables(2, KINDS) == [
        *((OBSERVED, k) for k in range(OWN_DRAWS)),
        ("gaussian", 0), ("uniform", 0), ("gaussian", 1), ("uniform", 1)
    ]  # fmt: skip
    assert choose_maps([1, 2, 3]) == [1, 2, 3]
    chosen = choose_maps(list(range(75)))
    assert len(chosen) == MAX_MAPS
    assert chosen == sorted(set(chosen))
    # Of five finenesses, each repeated fifteen times in a row, each is there.
    assert {k // 15 for k in chosen} == set(range(5))


def test_tails_by_hand():
    expected = stats.t.sf(2 / math.sqrt(4 / 3), 2)
    assert tail(3, [0.0, 1.0, 2.0]) == pytest.approx(expected)
    contacts = np.exp([0.0, 1.0, 2.0])
    assert tail(math.exp(-1), contacts, contact=True) == pytest.approx(expected)
    assert tail(0, contacts, contact=True) == tail(1e-3, contacts, contact=True)
    assert tail(1, [1, 1, 1]) == pytest.approx(0.5)
    assert tail(1.1, [1, 1, 1]) == pytest.approx(stats.t.sf(2 / math.sqrt(4 / 3), 2))
    assert tail(9, [0.5]) == 1


def test_tails_of_scores_by_hand():
    references = np.exp([0.0, 1.0, 2.0])  # variance 1
    deviation = math.sqrt((20 * 0.09 + 2) / 22)
    # A single draw has all of the variance, of tables and of maps.
    expected = stats.t.sf(0.5 / (deviation * math.sqrt(1 + 1 / 3)), 22)
    assert score_tail([math.exp(1.5)], references, 0.3) == pytest.approx(expected)
    # Of four, that between tables remains, and a quarter of the rest.
    draws = np.exp([1.5, 1.9, 1.1, 1.5])
    expected = stats.t.sf(0.5 / (deviation * math.sqrt(0.4 + 0.6 / 4 + 1 / 3)), 22)
    assert score_tail(draws, references, 0.3) == pytest.approx(expected)
    assert score_tail([0.0], references, 0.3) == pytest.approx(1, abs=1e-6)
    assert score_tail([9.0], [0.5], 0.3) == 1
    # Where a reference has no groups at all the references alone say how much scores vary.
    mixed = [0.0, 0.0, 0.3, 0.3, 0.3]
    logs = np.log(np.maximum(mixed, 1e-3))
    t = (math.log(0.3) - logs.mean()) / (logs.std(ddof=1) * math.sqrt(1 + 1 / 5))
    assert score_tail([0.3], mixed, 0.18) == pytest.approx(stats.t.sf(t, 24))


def test_tails_of_contacts_by_hand():
    references = np.exp([0.0, -1.0, -2.0])
    deviation = math.sqrt((20 * 0.09 + 2) / 22)
    draws = np.exp([-2.5, -1.5])
    expected = stats.t.sf(1 / (deviation * math.sqrt(0.4 + 0.6 / 2 + 1 / 3)), 22)
    assert contact_tail(draws, references, 0.3) == pytest.approx(expected)
    assert contact_tail([], references, 0.3) == 1
    assert contact_tail(draws, [0.5], 0.3) == 1
    assert contact_tail([0.0], references, 0.3) == contact_tail([FLOOR], references, 0.3) < 0.01
    # Where a reference touches as little as counts the references alone say how contacts vary.
    mixed = [FLOOR / 2, 0.3, 0.3, 0.3, 0.3]
    logs = -np.log(np.maximum(mixed, FLOOR))
    t = (-math.log(0.1) - logs.mean()) / (logs.std(ddof=1) * math.sqrt(1 + 1 / 5))
    assert contact_tail([0.1], mixed, 0.2) == pytest.approx(stats.t.sf(t, 24))


@pytest.mark.parametrize(
    ("share", "deviation", "least", "most"),
    [(0, DEVIATION, 0.003, 0.02), (TABLE_SHARE, DEVIATION, 0.035, 0.06), (0.4, 0.22, 0.06, 0.09)],
)
def test_p_values_of_tables_without_groups_are_those_of_chance(share, deviation, least, most):
    """Logarithms as such tables have them: skewed, and some of the variance between tables."""
    rng, shape = np.random.default_rng(3), 4 / 0.33**2

    def draw(count):
        return (rng.gamma(shape, size=(3000, count)) - shape) / math.sqrt(shape)

    own = draw(1) * math.sqrt(share) + draw(OWN_DRAWS) * math.sqrt(1 - share)
    scores = np.exp(0.1 + deviation * np.hstack([own, draw(10)]))
    p = np.array([score_tail(x[:OWN_DRAWS], x[OWN_DRAWS:], DEVIATION) for x in scores])
    assert least < (p <= 0.05).mean() < most
    assert (p <= 0.5).mean() == pytest.approx(0.5, abs=0.05)


def make(kind, number, score, isolation=(), contact=None, **further):
    contact = isolation if contact is None else contact
    return Evidence(kind, number, score, dict(isolation), dict(contact), **further)


def test_the_study_is_compared_with_the_kind_that_is_most_like_it():
    rows = list(range(0, 2 * FULL_ROWS, 2))
    own = make(OBSERVED, 0, {2: 4.0, 3: 1.0}, {2: [3.0, 0.5], 3: [1.0, 1.0, 1.0]}, rows=rows)
    low = [make("gaussian", k, {2: s, 3: 0.5}, {2: [s, s]}) for k, s in enumerate((0.5, 1.0, 2.0))]
    high = [make("uniform", k, {2: s, 3: 0.5}, {2: [s, s]}) for k, s in enumerate((1.0, 2.0, 4.0))]
    found = assess_structure([own, *low, *high])
    any_number = found.any_number
    assert (any_number.score, found.n_references) == (4.0, 6)
    assert any_number.expected == 2
    assert found.p == any_number.p == pytest.approx(2 * score_tail([4], [1, 2, 4], DEVIATION))
    of_three = NUMBER_DEVIATION[0] + 3 * NUMBER_DEVIATION[1]
    assert found.by_number[3] == pytest.approx(2 * score_tail([1], [0.5, 0.5, 0.5], of_three))
    assert {k: compared.score for k, compared in found.numbers.items()} == {2: 4.0, 3: 1.0}
    pooled = [1, 1, 2, 2, 4, 4]
    assert found.groups[2][0] == pytest.approx(tail(3, pooled))
    logs = np.log([0.5, 0.5, 1, 1, 2, 2])
    t = (math.log(0.5) - logs.mean()) / (logs.std(ddof=1) * math.sqrt(1 + 1 / 6))
    assert found.boundaries[2][1] == pytest.approx(stats.t.cdf(t, 5))
    # Without groups of three in the references, those that they have stand in.
    assert found.groups[3][0] == pytest.approx(tail(1, pooled))
    # Of several draws of the study's table the geometric mean counts; all else is of the first.
    drawn = assess_structure([*high, make(OBSERVED, 1, {2: 1.0}), *low, own])
    assert (drawn.any_number.score, drawn.numbers[2].score) == pytest.approx((2, 2))
    assert drawn.n_references == 6
    assert drawn.p == pytest.approx(2 * score_tail([4, 1], [1, 2, 4], DEVIATION))
    assert drawn.numbers[3].score == pytest.approx(math.sqrt(1e-3))
    assert (drawn.groups, drawn.rows.tolist()) == (found.groups, rows)
    table = structure_table(found)
    assert table["n_groups"].tolist() == ["any", 2, 3]
    assert table["p_value"][0] == found.p
    assert table["contact"][1] == pytest.approx(math.sqrt(3 * 0.5))
    assert structure_table(None).empty
    # A quarter of the rows: deviations are twice as large.
    small = assess_structure([replace(own, rows=rows[::4]), *low, *high])
    twice = 2 * math.sqrt(FULL_ROWS / 4 / len(rows[::4]))
    assert small.p == pytest.approx(2 * score_tail([4], [1, 2, 4], twice * DEVIATION))
    assert small.p > found.p
    of_three *= twice
    assert small.by_number[3] == pytest.approx(2 * score_tail([1], [0.5, 0.5, 0.5], of_three))


def test_contacts_tell_a_table_that_scores_do_not():
    def of(kind, number, two, four):
        groups = {2: [0.5 * two, 2 * two], 4: [four] * 4}
        return make(kind, number, {2: 1.0, 4: 1.0}, groups, groups)

    own = [of(OBSERVED, 0, 0.1, 0.02), of(OBSERVED, 1, 0.05, 0.0)]
    own[0].rows.extend(range(FULL_ROWS))
    references = [
        of(kind, k, two, 0.4)
        for kind, all_two in (("gaussian", (0.2, 0.3)), ("uniform", (0.1, 0.2)))
        for k, two in enumerate(all_two)
    ]
    # Two and four groups have contacts. Three count as what lies between, more as the last.
    weights = np.array([1.5, len(CONTACT_NUMBERS) - 1.5]) / len(CONTACT_NUMBERS)

    def mean(two, four):
        return math.exp(weights @ np.log([two, four]))

    contacts = [mean(0.1, 0.02), mean(0.05, FLOOR)]
    found = assess_structure([*own, *references])
    theirs = [mean(0.1, 0.4), mean(0.2, 0.4)]
    expected = 2 * contact_tail(contacts, theirs, CONTACT_DEVIATION)
    assert found.p == pytest.approx(expected)
    assert expected < 0.01
    assert found.any_number.contact == pytest.approx(math.sqrt(contacts[0] * contacts[1]))
    assert found.any_number.expected_contact == pytest.approx(np.median(theirs))
    of_two = 2 * contact_tail([0.1, 0.05], [0.1, 0.2], NUMBER_CONTACT_DEVIATION)
    assert found.by_number[2] == pytest.approx(of_two)
    assert found.numbers[2].contact == pytest.approx(math.sqrt(0.005))
    assert found.numbers[2].expected_contact == pytest.approx(0.15)
    # A table without groups of such numbers says nothing of their contact.
    bare = [make(kind, k, {}) for kind in KINDS for k in range(2)]
    compared = assess_structure([make(OBSERVED, 0, {20: 1.0}, {20: [0.1] * 20}), *bare]).any_number
    assert np.isnan([compared.contact, compared.expected_contact]).all()


def test_groups_of_a_study_have_the_p_of_those_that_they_share_most_points_with():
    own = make(
        OBSERVED,
        0,
        {2: 4.0},
        {2: [3.0, 0.1]},
        rows=[0, 2, 4, 5],
        labels={2: [1, 1, 0, 0]},
    )
    references = [make("gaussian", k, {2: 1.0 + k}, {2: [0.5 + k, k]}) for k in range(3)]
    found = assess_structure([own, *references])
    labels = np.array([0, 9, 0, 9, 1, 1])[found.rows]
    matched = match_groups(found, labels, 2)
    assert_allclose(matched["p_isolation"], [found.groups[2][1], found.groups[2][0]])
    assert np.isnan(match_groups(found, labels, 7)["p_contact"]).all()


@pytest.fixture
def members(schema):
    config = {"study": "a", "seed": 3, "data": {"source": "sklearn:iris"}}
    plan = plan_config(config | {"realizations": {"repeats": 2}}, schema)
    return [{"seed": p.seed, "parameters": p.parameters} for p in plan.realizations]


def compare(points, members, references=5):
    tables = [
        collect_evidence(points, *table, members, rows=120, seed=5)
        for table in list_tables(references, KINDS)
    ]
    # As the jobs of a study hand it on.
    return assess_structure(
        [Evidence.from_json(json.loads(json.dumps(table.to_json()))) for table in tables]
    )


def test_structure_is_found_where_it_is_and_nowhere_else(members):
    balls = generate("seven_balls", n_points=200, seed=1).points.astype(np.float32)
    found = compare(balls, members)
    assert found.p < 0.02
    assert max(found.numbers, key=lambda k: found.numbers[k].score) == 7
    assert set(np.unique(found.labels[7])) == set(range(7))
    assert max(found.groups[7]) < 0.05
    nothing = generate("gaussian", n_points=200, seed=1).points.astype(np.float32)
    assert compare(nothing, members).p > 0.05


def test_tables_are_compared_by_maps_of_few_epochs(members):
    points = generate("four_balls", n_points=150, seed=2).points.astype(np.float32)

    def collect(epochs):
        asked = [m | {"parameters": {**m["parameters"], "epochs": epochs}} for m in members]
        return collect_evidence(points, "gaussian", 1, asked, rows=100, seed=1)

    assert collect(EPOCHS + 20) == collect(None) == collect(EPOCHS) != collect(3)


def test_large_tables_have_fewer_maps(members, monkeypatch):
    points = generate("four_balls", n_points=150, seed=2).points.astype(np.float32)
    many = [members[k % len(members)] | {"seed": k} for k in range(MAX_MAPS)]
    monkeypatch.setattr("kohorte.structure.MAPPED_ROWS", 150 * (LEAST_MAPS + 5))

    def collect(members, rows):
        return collect_evidence(points, "gaussian", 1, members, rows=rows, seed=1)

    assert collect(many, 150) == collect(choose_maps(many, LEAST_MAPS + 5), 150)
    assert collect(many, 75) == collect(many[:MAX_MAPS], 75) != collect(many[:-5], 75)
    monkeypatch.setattr("kohorte.structure.MAPPED_ROWS", 1)
    assert collect(many, 150) == collect(choose_maps(many, LEAST_MAPS), 150)
    assert MAX_MAPS * 500 == LEAST_MAPS * 1000 == MAPPED_ROWS


def test_evidence_does_not_depend_on_threads(members):
    points = generate("four_balls", n_points=150, seed=2).points.astype(np.float32)
    for kind in (OBSERVED, "uniform"):
        one, two = (
            collect_evidence(points, kind, 1, members, rows=100, seed=1, threads=n) for n in (1, 2)
        )
        assert one == two


def test_one_group_is_the_answer_where_there_is_no_structure(tmp_path):
    points = generate("gaussian", n_points=150, seed=3).points
    ensemble = SOMEnsemble(n_realizations=15, references=5, random_state=1, n_jobs=2).fit(points)
    assert ensemble.structure_.p > 0.05
    assert (ensemble.n_groups_, set(ensemble.labels_)) == (1, {0})
    ensemble.save(tmp_path)
    assert store.read_ensemble(tmp_path / "ensemble.h5").p_structure == ensemble.structure_.p
    assert_array_equal(SOMEnsemble.load(tmp_path).labels_, ensemble.labels_)
    asked = SOMEnsemble(n_realizations=15, groups=2, references=0, random_state=1).fit(points)
    assert (asked.n_groups_, asked.structure_) == (2, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"structure": {"references": 3}}, "structure.references"),
        ({"ensemble": {"consensus": "jaccard"}}, "structure.references: .* coassociation"),
        ({"ensemble": {"groups": "agreement"}}, "'agreement' is no rule of .* coassociation"),
        ({"realizations": {"explicit": [{}], "repeats": 1}}, "one map is no ensemble"),
    ],
)
def test_what_cannot_be_tested_is_refused(change, message, schema):
    config = {"study": "a", "data": {"source": "sklearn:iris"}, **change}
    with pytest.raises(ConfigError, match=message):
        plan_config(config, schema)


@pytest.mark.workflow
@pytest.mark.xdist_group("workflow")
def test_a_study_says_whether_there_are_groups(root, tmp_path):
    config = {
        "study": "balls",
        "data": {"source": "generated:seven_balls", "generate": {"points": 150}},
        "realizations": {"repeats": 3},
        "structure": {"references": 5, "rows": 100},
    }
    project = Project(root, tmp_path / "study", config)
    wanted = [f"results/balls/{name}" for name in ("summary.txt", "tables/structure.csv")]
    project.run(*wanted)
    # Of so small a table jobs take one thread where another job can go on beside.
    [log] = (project.directory / ".snakemake" / "log").glob("*.log")
    jobs = dict(re.findall(r"rule (\w+):(.*?)\n\[", log.read_text(), re.DOTALL))
    assert "threads:" not in jobs["count_overlaps"]
    assert "threads: 2" in jobs["combine_realizations"]
    path = project.results / "ensemble.h5"
    stored = store.read_ensemble(path)
    assert stored.consensus.n_groups == 7
    assert stored.p_structure < 0.02
    table = pd.read_csv(project.results / "tables/structure.csv")
    assert table["p_value"][0] == pytest.approx(stored.p_structure)
    groups = pd.read_csv(project.results / "tables/groups.csv")
    assert (groups["p_isolation"] < 0.05).all()
    summary = (project.results / "summary.txt").read_text()
    assert "there are groups; a table without any gives as much evidence with p < 0.001" in summary
    # An estimator on the same table tells the same.
    data = store.read_data(project.results / "data.h5")
    ensemble = SOMEnsemble(n_realizations=45, references=0, random_state=42).fit(data.features[:])
    assert_array_equal(ensemble.labels_, store.read_ensemble(path, points=True).points.label)
    # A table without groups has one.
    project.configure(config, study="none", data={"source": "generated:gaussian"})
    project.run("results/none/summary.txt")
    none = project.directory / "results" / "none"
    assert store.read_ensemble(none / "ensemble.h5").consensus.n_groups == 1
    summary = (none / "summary.txt").read_text()
    assert "no groups beyond chance" in summary
    assert "not settled" not in summary, "more maps would not change the answer"


def test_studies_and_estimators_have_the_same_level(schema):
    level = schema["properties"]["structure"]["properties"]["level"]["default"]
    assert level == SOMEnsemble().level == LEVEL
